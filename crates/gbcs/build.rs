//! Turns `data/use-cases.tsv` into static tables; its header says what the columns and notations are.
use std::fmt::Write;
use std::{env, fs, path::Path, process};

fn main() {
    const DATA: &str = "data/use-cases.tsv";
    println!("cargo::rerun-if-changed={DATA}");
    println!("cargo::rerun-if-changed=build.rs");
    let text = fs::read_to_string(DATA).unwrap_or_else(|e| fail(DATA, 0, &e.to_string()));
    let mut entries = String::new();
    let mut last = None;
    for (i, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (code, entry) = use_case(line).unwrap_or_else(|e| fail(DATA, i + 1, &e));
        if last >= Some(code) {
            fail(DATA, i + 1, "codes must rise");
        }
        last = Some(code);
        writeln!(entries, "    {entry},").unwrap();
    }
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("use_cases.rs");
    fs::write(out, format!("&[\n{entries}]\n")).expect("OUT_DIR can be written");
}

fn fail(file: &str, line: usize, what: &str) -> ! {
    println!("cargo::error={file}:{line}: {what}");
    process::exit(1)
}

type Parsed<T> = Result<T, String>;

fn use_case(line: &str) -> Parsed<(u16, String)> {
    let columns: Vec<_> = line.split('\t').collect();
    let [code, id, title, family, services, targets, roles, category, flags, protection, payload] = columns[..] else {
        return Err(format!("{} columns, 11 expected", columns.len()));
    };
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
    let (mut rows, mut components, mut answers) = (String::new(), String::new(), String::new());
    match family {
        _ if payload == "-" => {}
        "Dlms" => rows = payload.split(';').map(|row| dlms_rows(row.trim())).collect::<Parsed<String>>()?,
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
             rows: &[{rows}], components: &[{components}], answers: &[{answers}] }}"
        ),
    ))
}

fn one<'a>(text: &str, names: &[(&str, &'a str)]) -> Parsed<&'a str> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| format!("{text:?} is none of {:?}", names.iter().map(|n| n.0)))
}

fn list(text: &str, item: impl Fn(&str) -> Parsed<String>) -> Parsed<String> {
    if text == "-" {
        return Ok("&[]".into());
    }
    Ok(format!("&[{}]", text.split(',').map(item).collect::<Parsed<Vec<_>>>()?.join(", ")))
}

fn number<T: std::str::FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| format!("no number: {text:?}"))
}

/// `S9000 94.44.0.3,94.44.0.5..6? #4 dlong -> null`: one template for each object.
fn dlms_rows(text: &str) -> Parsed<String> {
    let (head, rest) = text.split_once(' ').ok_or("no object")?;
    let (objects, rest) = rest.split_once(" #").ok_or("no attribute or method")?;
    let (index, types) = rest.split_once(' ').unwrap_or((rest, ""));
    let index: u8 = number(index)?;
    let types = types.strip_prefix("range").map(str::trim_start).unwrap_or(types);
    let (request, response) = match types.split_once("->") {
        Some((request, response)) => (request.trim(), response.trim()),
        None => (types, "null"),
    };
    let selective = head.starts_with("GS");
    let (choice, class) = match head.trim_start_matches(char::is_alphabetic) {
        class if selective => ("GetSelective", class),
        class => (one(&head[..head.len() - class.len()], &[("G", "Get"), ("S", "Set"), ("A", "Action")])?, class),
    };
    let class: u16 = number(class)?;
    let request = match request.strip_prefix("PROT(") {
        Some(attributes) => protected(attributes.strip_suffix(')').ok_or("PROT( not closed")?)?,
        None if request.is_empty() => "Type::Null".into(),
        None => whole_type(request)?,
    };
    let response = whole_type(response)?;
    let mut out = String::new();
    for object in objects.split(',') {
        let (object, optional) = match object.strip_suffix('?') {
            Some(object) => (object, true),
            None => (object, false),
        };
        for (low, high) in obis(object)? {
            writeln!(
                out,
                "RowTemplate {{ choice: Choice::{choice}, class: {class}, obis: Obis({low:?}), obis_to: Obis({high:?}), \
                 index: {index}, optional: {optional}, request: {request}, response: {response} }},"
            )
            .unwrap();
        }
    }
    Ok(out)
}

/// `1 94.44.34.10 #2, 7 98.1.0 #2 range`
fn protected(text: &str) -> Parsed<String> {
    let mut out = String::new();
    for attribute in text.split(',') {
        let parts: Vec<_> = attribute.split_whitespace().collect();
        let ([class, object, index] | [class, object, index, "range"]) = parts[..] else {
            return Err(format!("no protected attribute: {attribute}"));
        };
        let class: u16 = number(class)?;
        let index: u8 = number(index.strip_prefix('#').ok_or("no # in a protected attribute")?)?;
        let [(object, _)] = obis(object)?[..] else { return Err("a protected attribute is of one object".into()) };
        let range = parts.len() == 4;
        write!(
            out,
            "ProtectedAttribute {{ class: {class}, obis: Obis({object:?}), index: {index}, range: {range} }}, "
        )
        .unwrap();
    }
    Ok(format!("Type::Protected(&[{out}])"))
}

/// The objects `A-B:C.D.E.F` stands for, each with the lowest and highest code it may have: `..` in the last group enumerates,
/// `~` in any is a range of one object.
fn obis(text: &str) -> Parsed<Vec<([u8; 6], [u8; 6])>> {
    let (ab, cdef) = text.split_once(':').unwrap_or(("0-0", text));
    let (a, b) = ab.split_once('-').ok_or_else(|| format!("no OBIS code: {text}"))?;
    let (cdef, last) = match cdef.split_once("..") {
        Some((cdef, last)) => (cdef, Some(number::<u8>(last)?)),
        None => (cdef, None),
    };
    let mut groups: Vec<&str> = [a, b].into_iter().chain(cdef.split('.')).collect();
    let enumerated = groups.len() - 1;
    if groups.len() == 5 {
        groups.push("255");
    }
    if groups.len() != 6 {
        return Err(format!("no OBIS code: {text}"));
    }
    let (mut low, mut high) = ([0u8; 6], [0u8; 6]);
    for (i, group) in groups.iter().enumerate() {
        let (from, to) = group.split_once('~').unwrap_or((group, group));
        (low[i], high[i]) = (number(from)?, number(to)?);
    }
    let last = last.unwrap_or(low[enumerated]);
    Ok((low[enumerated]..=last)
        .map(|n| {
            if last != low[enumerated] {
                (low[enumerated], high[enumerated]) = (n, n);
            }
            (low, high)
        })
        .collect())
}

fn whole_type(text: &str) -> Parsed<String> {
    let (parsed, rest) = data_type(text)?;
    if rest.is_empty() { Ok(parsed) } else { Err(format!("{rest:?} behind a type")) }
}

/// One type at the start of `text`, and what follows it.
fn data_type(text: &str) -> Parsed<(String, &str)> {
    if let Some(rest) = text.strip_prefix("A[") {
        let (element, rest) = data_type(rest)?;
        let rest = rest.strip_prefix(']').ok_or("A[ not closed")?;
        return Ok((format!("Type::Array(&{element})"), rest));
    }
    if let Some(mut rest) = text.strip_prefix('{') {
        let mut elements = String::new();
        loop {
            let (element, after) = data_type(rest)?;
            elements.push_str(&element);
            elements.push_str(", ");
            match after.as_bytes().first() {
                Some(b',') => rest = &after[1..],
                Some(b'}') => return Ok((format!("Type::Structure(&[{elements}])"), &after[1..])),
                _ => return Err("{ not closed".into()),
            }
        }
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word == "UCHG" {
        let rest = rest.strip_prefix('(').ok_or("UCHG without an index type")?;
        let (index, rest) = data_type(rest)?;
        let unit = "Type::Structure(&[Type::LongUnsigned, Type::OctetString, Type::Integer])";
        let scale = "Type::Structure(&[Type::Integer, Type::Integer])";
        let table = format!("Type::Array(&Type::Structure(&[{index}, Type::Long]))");
        return Ok((
            format!("Type::Structure(&[{scale}, {unit}, {table}])"),
            rest.strip_prefix(')').ok_or("UCHG( not closed")?,
        ));
    }
    let shorthand = match word {
        "SU" => "{int,enum}",
        "SPD" => "A[{longU,oct5,uns}]",
        "SCHED" => "A[{longU,bool,oct6,longU,oct4,longU,bits7,bits,oct5,oct5}]",
        "SEASON" => "A[{oct,TS,oct1}]",
        "WEEK" => "A[{oct1,uns,uns,uns,uns,uns,uns,uns}]",
        "DAY" => "A[{uns,A[{oct4,oct6,longU}]}]",
        "PAIRS" => "A[{oct6,oct6,bits3}]",
        "EXEC" => "A[{oct4,oct5}]",
        _ => "",
    };
    if !shorthand.is_empty() {
        return Ok((whole_type(shorthand)?, rest));
    }
    let name = one(
        word.trim_end_matches(|c: char| c.is_ascii_digit()),
        &[
            ("null", "Null"),
            ("bool", "Boolean"),
            ("bits", "BitString"),
            ("dlong", "DoubleLong"),
            ("dlongU", "DoubleLongUnsigned"),
            ("oct", "OctetString"),
            ("vis", "VisibleString"),
            ("utf", "Utf8String"),
            ("int", "Integer"),
            ("long", "Long"),
            ("uns", "Unsigned"),
            ("longU", "LongUnsigned"),
            ("compact", "CompactArray"),
            ("enum", "Enum"),
            ("TS", "DateTime"),
        ],
    )?;
    Ok((format!("Type::{name}"), rest))
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
    let hex = |text: &str| u16::from_str_radix(text, 16).map_err(|_| format!("no hex number: {text:?}"));
    let (cluster, command) = head.split_once('/').ok_or("no / in a component")?;
    let (frame_control, command) = command.split_once(':').ok_or("no : in a component")?;
    let (cluster, frame_control, command) = (hex(cluster)?, hex(frame_control)?, hex(command)?);
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
