//! Messages as people read them.
use gbcs::catalogue;
use gbcs::dlms::{AccessRequest, Apdu, CompactArray, Data, DateTime};
use gbcs::gbz::{Alert, AlertData, Component, Content, zcl::Body};
use gbcs::verify::{Plain, Report, Status};
use gbcs::{Cra, MessageView, Payload, Time, der};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};

/// A whole message, an empty line behind it.
pub(super) fn write_message(
    name: Option<&str>,
    view: &MessageView<'_>,
    payload: &Payload,
    report: Option<&Report>,
    out: &mut impl Write,
) -> io::Result<()> {
    let id = view.id();
    let code = view.message_code();
    let title = match catalogue::find(code) {
        Some(use_case) => format!("{} {}", use_case.id, use_case.title),
        None => "a message code this catalogue does not know".into(),
    };
    let kind = match id.cra {
        Cra::Command => "Command",
        Cra::Response => "Response",
        Cra::Alert => "Alert",
    };
    writeln!(out, "{kind} {code} {title}")?;
    if let Some(name) = name {
        writeln!(out, "  name        {name}")?;
    }
    writeln!(out, "  originator  {}", id.originator)?;
    writeln!(out, "  target      {}", id.target)?;
    writeln!(out, "  counter     {} (0x{:X})", id.counter, id.counter.0)?;
    if let Some(date_time) = view.date_time() {
        writeln!(out, "  date-time   {}", DateTime(*date_time))?;
    }
    if let Some(party) = view.other_information().party() {
        writeln!(out, "  on behalf   {party}")?;
    }
    let mut text = String::new();
    describe(payload, &mut text);
    write!(out, "{text}")?;
    let verdict = |status: Option<&Status>| match status {
        None | Some(Status::Absent) => String::new(),
        Some(Status::Verified { by }) => format!(": verifies with the key of {by}"),
        Some(Status::Failed { by }) => format!(": DOES NOT VERIFY with the key of {by}"),
        Some(Status::UnknownKey { who }) => format!(": not checked, no key of {who}"),
    };
    if let Some(signature) = view.signature() {
        let verdict = verdict(report.map(|report| &report.signature));
        writeln!(out, "  signature   {}..{verdict}", hex::encode(&signature.0[..8]))?;
    }
    if let Some(mac) = view.mac() {
        writeln!(out, "  MAC         {}{}", hex::encode(mac), verdict(report.map(|report| &report.mac)))?;
    }
    for part in report.into_iter().flat_map(|report| &report.encrypted) {
        writeln!(out, "  decrypted   {}", verdict(Some(&part.status)).trim_start_matches(": "))?;
        let mut text = String::new();
        match &part.plain {
            None => {}
            Some(Plain::Dlms(data)) => tree(data, 4, &mut text),
            Some(Plain::Zcl(body)) => zcl(body, 4, &mut text),
            Some(Plain::Unknown(octets)) => line(4, &hex::encode(octets), &mut text),
        }
        write!(out, "{text}")?;
    }
    writeln!(out)
}

pub(super) fn line(indent: usize, text: &str, out: &mut String) {
    let _ = writeln!(out, "{:indent$}{text}", "");
}

fn describe(payload: &Payload, out: &mut String) {
    match payload {
        Payload::Dlms(Apdu::Request(request)) => rows(request, out),
        Payload::Dlms(Apdu::Response(response)) => {
            line(2, "answers", out);
            for (i, answer) in response.answers.iter().enumerate() {
                line(4, &format!("{:>2} {:?} {}{}", i + 1, answer.choice, answer.result, inline(&answer.data)), out);
                nested(&answer.data, 9, out);
            }
        }
        Payload::Dlms(Apdu::Notification(alert)) => {
            line(2, &format!("alert       0x{:04X} at {}", alert.code, alert.time), out);
            alert.further.iter().for_each(|data| tree(data, 4, out));
        }
        Payload::Gbz(payload) => {
            line(2, "components", out);
            payload.components.iter().for_each(|c| component(c, out));
        }
        Payload::GbzAlert(alert) => gbz_alert(alert, out),
        Payload::Asn1(payload) => super::asn1_text::describe(payload, out),
        Payload::Der(value) => {
            line(2, "DER", out);
            der_tree(value, 4, out);
        }
    }
}

fn rows(request: &AccessRequest, out: &mut String) {
    line(2, "rows", out);
    for (i, row) in request.rows.iter().enumerate() {
        let choice = format!("{:?}", row.access.choice());
        let object = format!("{} {} #{}", row.class, row.obis, row.index);
        line(4, &format!("{:>2} {choice:<6} {object}{}", i + 1, inline(&row.data)), out);
        if let gbcs::dlms::Access::GetSelective { selector, parameters } = &row.access {
            line(9, &format!("selector {selector}"), out);
            tree(parameters, 9, out);
        }
        nested(&row.data, 9, out);
    }
}

/// A simple value behind what it belongs to.
fn inline(data: &Data) -> String {
    if data.is_null() || is_nested(data) { String::new() } else { format!("  {}", simple(data)) }
}

/// A constructed value below it.
fn nested(data: &Data, indent: usize, out: &mut String) {
    if is_nested(data) {
        tree(data, indent, out);
    }
}

fn is_nested(data: &Data) -> bool {
    matches!(data, Data::Array(_) | Data::Structure(_) | Data::CompactArray(_))
}

fn tree(data: &Data, indent: usize, out: &mut String) {
    match data {
        Data::Array(elements) => elements_of("array", elements, indent, out),
        Data::Structure(elements) => elements_of("structure", elements, indent, out),
        Data::CompactArray(array) => compact(array, indent, out),
        data => line(indent, &simple(data), out),
    }
}

/// On one line where no element is constructed and all are short.
fn elements_of(kind: &str, elements: &[Data], indent: usize, out: &mut String) {
    let flat = elements.iter().map(simple).collect::<Vec<_>>().join(", ");
    if !elements.iter().any(is_nested) && flat.len() <= 100 {
        return line(indent, &format!("{kind} {{ {flat} }}"), out);
    }
    line(indent, &format!("{kind} of {}", elements.len()), out);
    elements.iter().for_each(|data| tree(data, indent + 2, out));
}

fn compact(array: &CompactArray, indent: usize, out: &mut String) {
    line(indent, &format!("compact array of {}", array.values().len()), out);
    array.values().iter().for_each(|data| tree(data, indent + 2, out));
}

fn simple(data: &Data) -> String {
    match data {
        Data::Null => "null".into(),
        Data::Boolean(b) => b.is_true().to_string(),
        Data::BitString(bits) => {
            let digits = (0..bits.bits()).map(|n| if bits.bit(n) == Some(true) { '1' } else { '0' });
            format!("bits {}", digits.collect::<String>())
        }
        Data::OctetString(octets) => octet_string(octets),
        Data::VisibleString(text) | Data::Utf8String(text) => format!("{:?}", String::from_utf8_lossy(text)),
        Data::Enum(n) => format!("enum {n}"),
        Data::DateTime(octets) => DateTime(*octets).to_string(),
        Data::Date(octets) => format!("date {}", hex::encode(octets)),
        Data::Time(octets) => format!("time {}", hex::encode(octets)),
        Data::Bcd(n) => format!("bcd {n:02x}"),
        Data::Float32(bits) => f32::from_bits(*bits).to_string(),
        Data::Float64(bits) => f64::from_bits(*bits).to_string(),
        number => number.as_i64().map_or_else(|| "a number of 64 bits".into(), |n| n.to_string()),
    }
}

/// Twelve octets are nearly always a date-time, and digits nearly always text.
fn octet_string(octets: &[u8]) -> String {
    let date_time = octets.try_into().ok().map(DateTime).filter(|date_time| date_time.when().is_some());
    match date_time {
        Some(date_time) => date_time.to_string(),
        None if octets.len() > 4 && octets.iter().all(|c| (0x20..0x7F).contains(c)) => {
            format!("{:?}", String::from_utf8_lossy(octets))
        }
        None if octets.is_empty() => "no octets".into(),
        None => format!("0x{}", hex::encode(octets)),
    }
}

fn component(component: &Component, out: &mut String) {
    let name = component.command_name().unwrap_or("a command of no known name");
    let from = component.from_date_time.map(|t| format!(", from {}", zigbee_time(t))).unwrap_or_default();
    let head = format!(
        "{:>2} {:04X}/{:02X}:{:02X} {name}{from}",
        component.sequence, component.cluster, component.frame_control, component.command
    );
    line(4, &head, out);
    match &component.content {
        Content::Plain(body) => zcl(body, 7, out),
        Content::Encrypted { blob, .. } => line(7, &format!("encrypted, {} octets", blob.len()), out),
    }
}

fn zcl(body: &Body, indent: usize, out: &mut String) {
    match body {
        Body::ReadAttributes(ids) => {
            let ids = ids.iter().map(|id| format!("{id:04X}")).collect::<Vec<_>>().join(" ");
            line(indent, &format!("attributes {ids}"), out);
        }
        Body::ReadAttributesResponse(records) => {
            for record in records {
                let value = match &record.value {
                    Ok(value) => field_text(&serde_json::to_value(value).unwrap_or_default()),
                    Err(status) => status.to_string(),
                };
                line(indent, &format!("{:04X} {value}", record.id), out);
            }
        }
        Body::DefaultResponse { command, status } => line(indent, &format!("to {command:02X}: {status}"), out),
        Body::Cluster(command) => fields_of(&command.fields(), indent, out),
        Body::Unknown(octets) => line(indent, &format!("{} octets: {octets:?}", octets.len()), out),
    }
}

fn fields_of(fields: &[(&str, Value)], indent: usize, out: &mut String) {
    const TIMES: [&str; 7] = ["start", "from", "to", "time", "issuer_event", "message", "current_time"];
    for (name, value) in fields {
        let is_time = TIMES.contains(name);
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                line(indent, &format!("{name}:"), out);
                items.iter().for_each(|item| line(indent + 2, &field_text(item), out));
            }
            Value::Number(n) if is_time => {
                let time = n.as_u64().and_then(|n| u32::try_from(n).ok()).map_or_else(String::new, zigbee_time);
                line(indent, &format!("{name}: {time}"), out);
            }
            value => line(indent, &format!("{name}: {}", field_text(value)), out),
        }
    }
}

fn field_text(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name} {}", field_text(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn zigbee_time(seconds: u32) -> String {
    match seconds {
        0 => "now".into(),
        0xFFFF_FFFE | 0xFFFF_FFFF => "never".into(),
        seconds => Time::from_zigbee(seconds).to_string(),
    }
}

fn gbz_alert(alert: &Alert, out: &mut String) {
    line(2, &format!("alert       0x{:04X} at {}", alert.code, Time::from_zigbee(alert.time)), out);
    match &alert.data {
        AlertData::None => {}
        AlertData::FutureDated { message_code, counter, cluster, frame_control, command } => line(
            4,
            &format!("of {message_code} under counter {counter}: {cluster:04X}/{frame_control:02X}:{command:02X}"),
            out,
        ),
        AlertData::FirmwareHash(hash) => line(4, &format!("firmware {}", hex::encode(hash)), out),
        AlertData::Component(c) => component(c, out),
        AlertData::Other(octets) => line(4, &format!("{octets:?}"), out),
    }
}

fn der_tree(value: &der::Value, indent: usize, out: &mut String) {
    match value.content() {
        der::Content::Constructed(elements) => {
            let name = match value.tag() {
                der::tag::SEQUENCE => "sequence".into(),
                der::tag::SET => "set".into(),
                tag => format!("[{}]", tag & 0x1F),
            };
            line(indent, &format!("{name} of {}", elements.len()), out);
            elements.iter().for_each(|element| der_tree(element, indent + 2, out));
        }
        der::Content::Primitive(_) => {
            let json = serde_json::to_value(value).unwrap_or_default();
            line(indent, &field_text(&json), out);
        }
    }
}
