//! Messages as people read them: header, payload, protection, and what is odd.
mod layout;
mod node;
mod paint;

pub(super) use paint::{Paint, When};

use gbcs::catalogue::{self, Index, Member, words};
use gbcs::dlms::{Access, Apdu, Data, DateTime, Row};
use gbcs::gbz::{Alert, AlertData, Component, Content, zcl::Body};
use gbcs::rules::Warning;
use gbcs::verify::{EncryptedPart, Plain, Report, Status};
use gbcs::{Cra, MessageView, Payload, Time, json};
use layout::Block;
use node::Node;
use std::io::{self, Write};

/// What is told of a message besides its octets.
pub(super) struct Told<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) report: Option<&'a Report>,
    pub(super) warnings: &'a [Warning],
}

/// A whole message, an empty line behind it.
pub(super) fn write_message(
    view: &MessageView<'_>,
    payload: &Payload,
    told: &Told<'_>,
    paint: Paint,
    out: &mut impl Write,
) -> io::Result<()> {
    let code = view.message_code();
    let use_case = catalogue::find(code);
    let title = match use_case {
        Some(use_case) => format!("{} {}", use_case.id, use_case.title),
        None => "a message code this catalogue does not know".into(),
    };
    let kind = match (view.cra(), view.signature().is_some(), view.mac().is_some()) {
        (Cra::Command, false, false) => "Pre-Command",
        (Cra::Command, true, false) => "Signed Pre-Command",
        (Cra::Command, _, true) => "Command",
        (Cra::Response, ..) => "Response",
        (Cra::Alert, ..) => "Alert",
    };
    writeln!(out, "{}", paint.title(&format!("{kind} {code} {title}")))?;
    let mut block = Block::default();
    header(view, told.name, &mut block);
    block.write(paint, out)?;
    writeln!(out, "  {}", paint.section(&section(payload)))?;
    let mut block = Block::default();
    describe(use_case, payload, &mut block);
    block.write(paint, out)?;
    for part in told.report.into_iter().flat_map(|report| &report.encrypted) {
        let of = match payload {
            Payload::Dlms(Apdu::Response(_)) => format!("decrypted, row {}", part.place + 1),
            Payload::Gbz(_) => format!("decrypted, component {}", part.place),
            _ => "decrypted".into(),
        };
        writeln!(out, "  {}: {}", paint.section(&of), verdict(Some(&part.status), paint))?;
        let mut block = Block::default();
        decrypted(use_case, view.cra(), payload, part, &mut block);
        block.write(paint, out)?;
    }
    protection(view, told.report, paint, out)?;
    for warning in told.warnings {
        writeln!(out, "  {} {}: {warning}", paint.doubtful("warning"), warning.name())?;
    }
    writeln!(out)
}

fn header(view: &MessageView<'_>, name: Option<&str>, block: &mut Block) {
    let id = view.id();
    if let Some(name) = name {
        block.line(2, "name", name, "");
    }
    block.line(2, "originator", id.originator.to_string(), "");
    block.line(2, "target", id.target.to_string(), "");
    block.line(2, "counter", id.counter.to_string(), format!("0x{:X}", id.counter.0));
    if let Some(date_time) = view.date_time() {
        let clock = match date_time[11] {
            0x00 => ", clock reliable",
            0x02 => ", clock doubtful",
            0x04 => ", clock of the meter, passed on",
            _ => "",
        };
        block.line(2, "date-time", format!("{}{clock}", DateTime(*date_time)), hex::encode(date_time));
    }
    let supplementary = view.other_information().supplementary;
    let (party, counter, own, certificate) = match supplementary {
        gbcs::envelope::Supplementary::None => return,
        gbcs::envelope::Supplementary::Party(party) => (party, None, None, None),
        gbcs::envelope::Supplementary::Request(party, counter) => (party, Some(counter), None, None),
        gbcs::envelope::Supplementary::Response(party, counter, own) => (party, Some(counter), Some(own), None),
        gbcs::envelope::Supplementary::Certificate(party, counter, octets) => {
            (party, Some(counter), None, Some(octets))
        }
    };
    block.line(2, "on behalf of", party.to_string(), "");
    for (name, counter) in [("its counter", counter), ("own counter", own)] {
        if let Some(counter) = counter {
            block.line(2, name, counter.to_string(), format!("0x{:X}", counter.0));
        }
    }
    if let Some(octets) = certificate {
        block.node(2, "its certificate", &Node::of_certificate(octets));
    }
}

/// What the payload is made of.
fn section(payload: &Payload) -> String {
    let of = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    match payload {
        Payload::Dlms(Apdu::Request(request)) => format!("DLMS request, {}", of(request.rows.len(), "row")),
        Payload::Dlms(Apdu::Response(response)) => format!("DLMS response, {}", of(response.answers.len(), "answer")),
        Payload::Dlms(Apdu::Notification(_)) => "DLMS notification".into(),
        Payload::Gbz(payload) => format!("GBZ, {}", of(payload.components.len(), "component")),
        Payload::GbzAlert(_) => "GBZ alert".into(),
        Payload::Asn1(_) => "ASN.1".into(),
        Payload::Der(_) => "ASN.1 of another shape than the use case has".into(),
    }
}

fn describe(use_case: Option<&'static catalogue::UseCase>, payload: &Payload, block: &mut Block) {
    match payload {
        Payload::Dlms(Apdu::Request(request)) => {
            let templates = use_case.and_then(|use_case| use_case.match_rows(request));
            for (i, row) in request.rows.iter().enumerate() {
                let template = templates.as_ref().map(|templates| templates[i]);
                let index = Index::of(row.access.choice(), row.index);
                let known = catalogue::member(row.class, row.obis, index);
                let member = template.map(|template| &template.member).or(known);
                let field = template.map(|template| &template.request).or(known.map(|member| &member.value));
                request_row(i + 1, row, member, field, block);
            }
        }
        Payload::Dlms(Apdu::Response(response)) => {
            let rows = use_case.and_then(|use_case| use_case.answered_rows(response.answers.len()));
            for (i, answer) in response.answers.iter().enumerate() {
                let template = rows.map(|rows| &rows[i]);
                let name = template.map_or_else(String::new, |template| template.member.words());
                let verb = format!("{:?}", answer.choice).to_lowercase();
                let name = format!("{:>2} {verb} {name}", i + 1);
                let result = if answer.result.is_success() { String::new() } else { answer.result.to_string() };
                match &answer.data {
                    Data::Null if result.is_empty() => block.line(4, name, "success", ""),
                    Data::Null => block.line(4, name, result, format!("result {}", answer.result.0)),
                    data => {
                        block.node(4, &name, &Node::of_data(template.map(|template| template.answer()), data));
                        if !result.is_empty() {
                            block.line(7, "result", result, answer.result.0.to_string());
                        }
                    }
                }
            }
        }
        Payload::Dlms(Apdu::Notification(alert)) => {
            alert_head(alert.code, &alert.time.to_string(), block);
            let fields = use_case.map_or(&[][..], |use_case| use_case.further);
            let named = fields.len() == alert.further.len();
            for (i, data) in alert.further.iter().enumerate() {
                let field = fields.get(i).filter(|_| named);
                let name = field.map_or_else(|| format!("element {}", i + 3), |field| words(field.name));
                block.node(4, &name, &Node::of_data(field, data));
            }
        }
        Payload::Gbz(payload) => payload.components.iter().for_each(|c| component(c, block)),
        Payload::GbzAlert(alert) => gbz_alert(alert, block),
        Payload::Asn1(payload) => block.node(4, "", &Node::of_serialized(payload)),
        Payload::Der(value) => block.node(4, "", &Node::of_serialized(value)),
    }
}

fn request_row(
    n: usize,
    row: &Row,
    member: Option<&'static Member>,
    field: Option<&'static catalogue::Field>,
    block: &mut Block,
) {
    let verb = match row.access {
        Access::Get | Access::GetSelective { .. } => "get",
        Access::Set => "set",
        Access::Action => "do",
    };
    let object = format!("{} {} #{}", row.class, row.obis, row.index);
    let name = match member {
        Some(member) => format!("{n:>2} {verb} {}", member.words()),
        None => format!("{n:>2} {verb} {object}"),
    };
    match (&row.access, json::range_of(row)) {
        (Access::GetSelective { .. }, Some((from, to))) => {
            let between = format!("from {} to {}", Time::from_zigbee(from), Time::from_zigbee(to));
            return block.line(4, name, between, object);
        }
        (Access::GetSelective { selector, parameters }, None) => {
            block.line(4, name, format!("selector {selector}"), object);
            return block.node(7, "", &Node::of_data(None, parameters));
        }
        _ => {}
    }
    match Node::of_data(field, &row.data) {
        _ if row.data.is_null() => block.line(4, name, "", object),
        Node::Leaf { value, behind } => {
            let behind = if behind.is_empty() { object } else { format!("{behind}  {object}") };
            block.line(4, name, value, behind);
        }
        node => {
            block.line(4, name, "", object);
            block.node(7, "", &node);
        }
    }
}

fn alert_head(code: u16, time: &str, block: &mut Block) {
    let meaning = catalogue::alert_meaning(code).unwrap_or("a code without a name here");
    block.line(4, "alert", meaning, format!("0x{code:04X}"));
    block.line(4, "time", time, "");
}

fn component(component: &Component, block: &mut Block) {
    let Component { sequence, cluster, frame_control, command, .. } = component;
    let name = component.command_name().unwrap_or("a command of no known name");
    let from = component.from_date_time.map(|t| format!("from {}", zigbee_time(t))).unwrap_or_default();
    block.line(4, format!("{sequence:>2} {name}"), from, format!("{cluster:04X}/{frame_control:02X}:{command:02X}"));
    match &component.content {
        Content::Plain(content) => body(component, content, block),
        Content::Encrypted { blob, frame_counter } => {
            block.line(7, "encrypted", format!("{} octets", blob.len()), format!("frame counter {frame_counter}"));
        }
    }
}

fn body(component: &Component, body: &Body, block: &mut Block) {
    match body {
        Body::ReadAttributes(ids) => {
            for &id in ids {
                let attribute = catalogue::zcl_attribute(component.cluster, id);
                let name = attribute.map_or_else(|| "an attribute of no known name".into(), |a| words(a.name));
                block.line(7, name, "", format!("{id:04X}"));
            }
        }
        Body::ReadAttributesResponse(records) => {
            for record in records {
                let (name, node) = Node::of_record(component.cluster, record);
                block.node(7, &name, &node);
            }
        }
        Body::DefaultResponse { command, status } => {
            block.line(7, format!("to command {command:02X}"), status.to_string(), format!("{:02X}", status.0));
        }
        Body::Cluster(command) => {
            let from_server = component.frame_control & gbcs::gbz::zcl::FROM_SERVER != 0;
            let known = catalogue::zcl_command(component.cluster, from_server, component.command);
            for (name, json) in command.fields() {
                let field = known.and_then(|known| known.fields.iter().find(|field| field.name == name));
                block.node(7, &words(name), &Node::of_zcl(field, &json));
            }
        }
        Body::Unknown(octets) => block.line(7, "octets", hex::encode(&octets[..]), octets.len().to_string()),
    }
}

fn zigbee_time(seconds: u32) -> String {
    json::says_number(catalogue::Meaning::Time, seconds.into(), None).unwrap_or_default()
}

fn gbz_alert(alert: &Alert, block: &mut Block) {
    alert_head(alert.code, &Time::from_zigbee(alert.time).to_string(), block);
    match &alert.data {
        AlertData::None => {}
        AlertData::FutureDated { message_code, counter, cluster, frame_control, command } => {
            let name = gbcs::gbz::zcl::command_name(*cluster, *frame_control, *command).unwrap_or("a command");
            let of = catalogue::find(*message_code).map_or_else(|| message_code.to_string(), |u| u.id.to_string());
            let behind = format!("{message_code} {cluster:04X}/{frame_control:02X}:{command:02X}");
            block.line(4, "instruction", format!("{name} of {of} under counter {counter}"), behind);
        }
        AlertData::FirmwareHash(hash) => block.line(4, "image hash", hex::encode(hash), ""),
        AlertData::Component(c) => component(c, block),
        AlertData::Other(octets) => block.line(4, "octets", hex::encode(&octets[..]), octets.len().to_string()),
    }
}

fn decrypted(
    use_case: Option<&'static catalogue::UseCase>,
    cra: Cra,
    payload: &Payload,
    part: &EncryptedPart,
    block: &mut Block,
) {
    match &part.plain {
        None => {}
        Some(Plain::Dlms(data)) => {
            let field = use_case.and_then(|use_case| use_case.plaintext(cra, part.place));
            block.node(4, "", &Node::of_data(field, data));
        }
        Some(Plain::Zcl(content)) => {
            let component = match payload {
                Payload::Gbz(payload) => payload.components.get(part.place),
                Payload::GbzAlert(Alert { data: AlertData::Component(component), .. }) => Some(component),
                _ => None,
            };
            if let Some(component) = component {
                body(component, content, block);
            }
        }
        Some(Plain::Unknown(octets)) => block.line(4, "octets", hex::encode(octets), octets.len().to_string()),
    }
}

fn protection(view: &MessageView<'_>, report: Option<&Report>, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    if let Some(signature) = view.signature() {
        let status = verdict(report.map(|report| &report.signature), paint);
        let octets = hex::encode(signature.0);
        writeln!(out, "  {}  {}..{}  {status}", paint.name("signature"), &octets[..12], &octets[116..])?;
    }
    if let Some(mac) = view.mac() {
        let status = verdict(report.map(|report| &report.mac), paint);
        writeln!(out, "  {}        {}  {status}", paint.name("MAC"), hex::encode(mac))?;
    }
    if view.signature().is_none() && view.mac().is_none() {
        writeln!(out, "  {}", paint.doubtful("neither signed nor closed by a MAC"))?;
    }
    Ok(())
}

fn verdict(status: Option<&Status>, paint: Paint) -> String {
    match status {
        None | Some(Status::Absent) => paint.behind("not checked: no --keys").into(),
        Some(Status::Verified { by }) => paint.good(&format!("verifies with the key of {by}")).into(),
        Some(Status::Failed { by }) => paint.bad(&format!("DOES NOT VERIFY with the key of {by}")).into(),
        Some(Status::UnknownKey { who }) => paint.doubtful(&format!("not checked: no key of {who}")).into(),
    }
}
