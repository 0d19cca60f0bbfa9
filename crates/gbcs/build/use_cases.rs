//! The section `[use-cases]`.
use crate::objects::{Objects, obis};
use crate::text::{Parsed, columns, hex, inside, list, number, one, split_all};
use crate::types::{field, named_field};
use std::fmt::Write;

/// One line: a message code, and its `UseCase`.
pub fn use_case(line: &str, objects: &Objects) -> Parsed<(u16, String)> {
    let [code, id, title, family, services, targets, roles, category, flags, protection, payload] = columns(line)?;
    let code = u16::from_str_radix(code, 16).map_err(|_| format!("no message code: {code}"))?;
    let family = one(family, &[("DLMS", "Dlms"), ("GBZ", "Gbz"), ("DER", "Der"), ("ANY", "Any"), ("-", "None")])?;
    let services = list(services, |s| Ok(format!("{s:?}")))?;
    let targets = list(targets, |s| {
        let names = [("ESME", "Esme"), ("GSME", "Gsme"), ("CHF", "Chf"), ("GPF", "Gpf"), ("PPMID", "Ppmid")];
        let name = one(s, &[&names[..], &[("HCALCS", "Hcalcs"), ("SAPC", "Sapc")]].concat())?;
        Ok(format!("DeviceType::{name}"))
    })?;
    let roles = list(roles, |s| {
        let names =
            [("S", "Supplier"), ("N", "NetworkOperator"), ("A", "AccessControlBroker"), ("L", "LoadController")];
        let others = [("T", "TransitionalCos"), ("W", "WanProvider"), ("R", "Recovery"), ("C", "Contingency")];
        let name = one(s, &[&names[..], &others, &[("P", "Ppmid")]].concat())?;
        Ok(format!("Originator::{name}"))
    })?;
    let category = one(
        category,
        &[
            ("C", "Critical"),
            ("N", "NonCritical"),
            ("NT", "NonCriticalTopUp"),
            ("X", "ByRequester"),
            ("AC", "CriticalAlert"),
            ("AN", "NonCriticalAlert"),
            ("PG", "PpmidGsme"),
            ("Z", "ZigBee"),
        ],
    )?;
    let mut protections = String::new();
    for part in protection.split('/') {
        let names = [("M", "Mac"), ("S", "Signature"), ("MS", "SignatureAndMac"), ("M+S", "MacOrSignature")];
        match one(part, &[&names[..], &[(".", "")]].concat())? {
            "" => protections.push_str("None, "),
            name => write!(protections, "Some(Protection::{name}), ").unwrap(),
        }
    }
    let (mut rows, mut further) = (String::new(), String::new());
    let (mut components, mut answers) = (String::new(), String::new());
    match family {
        _ if payload == "-" => {}
        "Dlms" => match payload.strip_prefix("N ") {
            Some(alert) => {
                let fields = inside(alert, "{", '}').ok_or("no { } behind N")?;
                for text in split_all(fields, ',') {
                    write!(further, "{}, ", field(text, objects)?).unwrap();
                }
            }
            None => rows = payload.split("; ").map(|row| dlms_rows(row, objects)).collect::<Parsed<String>>()?,
        },
        "Gbz" => {
            let (request, response) = payload.split_once("=>").ok_or("no => between components")?;
            components = request.split_whitespace().map(component).collect::<Parsed<_>>()?;
            answers = response.split_whitespace().map(component).collect::<Parsed<_>>()?;
        }
        _ => return Err("a payload of a family that has none here".into()),
    }
    let (future_dated, replay_protected) = (flags.contains('F'), flags.contains('R'));
    if !matches!(flags, "-" | "F" | "R" | "FR") {
        return Err(format!("no flags: {flags}"));
    }
    Ok((
        code,
        format!(
            "UseCase {{ code: MessageCode(0x{code:04X}), id: {id:?}, title: {title:?}, family: Family::{family}, \
             services: {services}, targets: {targets}, roles: {roles}, category: Category::{category}, \
             future_dated: {future_dated}, replay_protected: {replay_protected}, protection: [{protections}], \
             rows: &[{rows}], further: &[{further}], components: &[{components}], answers: &[{answers}] }}"
        ),
    ))
}

/// `S9000 94.44.0.3,94.44.0.5..6? #4`: one template for each object; a type behind it stands for the one in `[objects]`.
fn dlms_rows(text: &str, objects: &Objects) -> Parsed<String> {
    let (head, rest) = text.split_once(' ').ok_or("no object")?;
    let (codes, rest) = rest.split_once(" #").ok_or("no attribute or method")?;
    let (index, of) = match rest.split_once(' ') {
        Some((index, of)) => (index, Some(of)),
        None => (rest, None),
    };
    let index: u8 = number(index)?;
    let kind = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let choice = one(kind, &[("G", "Get"), ("GS", "GetSelective"), ("S", "Set"), ("A", "Action")])?;
    let class: u16 = number(&head[kind.len()..])?;
    let (action, reads) = (kind == "A", kind.starts_with('G'));
    let mut out = String::new();
    for code in codes.split(',') {
        let (code, optional) = match code.strip_suffix('?') {
            Some(code) => (code, true),
            None => (code, false),
        };
        for (low, high) in obis(code)? {
            let mut member = objects.find(class, low, high, action, index)?;
            if let Some(of) = of {
                member = member.with_value(named_field("", of, objects)?);
            }
            let (request, response) = member.request_and_response(action, reads);
            writeln!(
                out,
                "RowTemplate {{ choice: Choice::{choice}, class: {class}, obis: Obis({low:?}), obis_to: Obis({high:?}), \
                 index: {index}, optional: {optional}, member: {}, request: {request}, response: {response} }},",
                member.code()
            )
            .unwrap();
        }
    }
    Ok(out)
}

/// `E0702/19:06(..)*1-4`
fn component(text: &str) -> Parsed<String> {
    let encrypted = text.starts_with('E');
    let from_date_time = text.starts_with('T');
    let text = text.trim_start_matches(['E', 'T']);
    let (text, times) = text.split_once('*').unwrap_or((text, "1"));
    let (least, most) = times.split_once('-').unwrap_or((times, times));
    let (least, most): (u8, u8) = (number(least)?, number(most)?);
    let (head, arguments) = match text.split_once('(') {
        Some((head, arguments)) => (head, arguments.strip_suffix(')').ok_or("( not closed")?),
        None => (text, ""),
    };
    let (cluster, frame_control, command) = command(head)?;
    let arguments: Vec<u16> = arguments.split(',').filter(|a| !a.is_empty()).map(hex).collect::<Parsed<_>>()?;
    let arguments = match (frame_control & 3, command) {
        (0, 0x00) => format!("Arguments::Attributes(&{arguments:?})"),
        (0, 0x0B) => {
            let [answered, status] = arguments[..] else { return Err("a Default Response has two arguments".into()) };
            format!("Arguments::DefaultResponse {{ command: {answered}, status: Status({status}) }}")
        }
        _ if arguments.is_empty() => "Arguments::None".into(),
        _ => return Err("arguments of a command that has none here".into()),
    };
    Ok(format!(
        "ComponentTemplate {{ cluster: {cluster}, frame_control: {frame_control}, command: {command}, \
         encrypted: {encrypted}, from_date_time: {from_date_time}, least: {least}, most: {most}, arguments: {arguments} }},\n"
    ))
}

/// `0702/19:06`
pub fn command(text: &str) -> Parsed<(u16, u16, u16)> {
    let (cluster, command) = text.split_once('/').ok_or("no / in a component")?;
    let (frame_control, command) = command.split_once(':').ok_or("no : in a component")?;
    Ok((hex(cluster)?, hex(frame_control)?, hex(command)?))
}
