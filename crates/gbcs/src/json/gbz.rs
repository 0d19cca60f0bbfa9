//! GBZ payloads: components with the fields of their commands by name, numbers as the catalogue says them.
use super::dlms::event_code;
use super::form::{At, Fields, FormError, read_as};
use super::says::says_number;
use super::value::number_from;
use crate::catalogue::{self, Meaning, ZclField};
use crate::gbz::zcl::{self, AttributeRecord, AttributeValue, Body, FROM_SERVER, Status};
use crate::gbz::{Alert, AlertData, Component, Content, Payload};
use crate::octets::Octets;
use serde_json::{Map, Value as Json, json};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

pub(super) fn to_json_payload(payload: &Payload) -> Json {
    json!({ "components": payload.components.iter().map(component_json).collect::<Vec<_>>() })
}

pub(super) fn from_json_payload(json: &Json, at: &At<'_>) -> Result<Payload, FormError> {
    let mut map = Fields::of(json, at)?;
    let place = At::Field(at, "components");
    let list = map.take("components").ok_or_else(|| place.missing("a list"))?;
    map.finish()?;
    let list = list.as_array().ok_or_else(|| place.expected("a list", list))?;
    let components = list.iter().enumerate().map(|(i, json)| component_from(i, json, &At::Item(&place, i)));
    Ok(Payload { components: components.collect::<Result<_, _>>()? })
}

fn component_json(component: &Component) -> Json {
    let mut map = Map::new();
    if let Some(name) = component.command_name() {
        map.insert("name".into(), json!(name));
    }
    map.insert("cluster".into(), hex16(component.cluster));
    map.insert("frame_control".into(), hex8(component.frame_control));
    map.insert("sequence".into(), json!(component.sequence));
    map.insert("command".into(), hex8(component.command));
    if let Some(from) = component.from_date_time {
        map.insert("from_date_time".into(), zcl_number(Meaning::Time, from.into()));
    }
    match &component.content {
        Content::Plain(body) => map.extend(body_json(component, body)),
        Content::Encrypted { frame_counter, blob } => {
            map.insert("encrypted".into(), json!({ "frame_counter": frame_counter, "blob": hex::encode(blob) }));
        }
    }
    map.into()
}

/// A ZCL payload, as one field of its component.
pub(super) fn body_json(component: &Component, body: &Body) -> Map<String, Json> {
    let (name, json) = match body {
        Body::ReadAttributes(ids) => {
            let name = |id: &u16| match catalogue::zcl_attribute(component.cluster, *id) {
                Some(attribute) => json!(attribute.name),
                None => hex16(*id),
            };
            ("attributes", ids.iter().map(name).collect())
        }
        Body::ReadAttributesResponse(records) => {
            ("values", records.iter().map(|record| record_json(component.cluster, record)).collect())
        }
        Body::DefaultResponse { command, status } => {
            ("default_response", json!({ "command": hex8(*command), "status": status_json(*status) }))
        }
        Body::Cluster(command) => {
            let fields = command.fields().into_iter();
            let known = command_fields(component);
            let fields = fields.map(|(name, json)| (name.to_string(), dress(field_named(known, name), json)));
            ("fields", fields.collect())
        }
        Body::Unknown(octets) => ("octets", json!(hex::encode(octets))),
    };
    Map::from_iter([(name.to_string(), json)])
}

fn command_fields(component: &Component) -> &'static [ZclField] {
    let from_server = component.frame_control & FROM_SERVER != 0;
    catalogue::zcl_command(component.cluster, from_server, component.command).map_or(&[], |command| command.fields)
}

fn field_named(fields: &'static [ZclField], name: &str) -> Option<&'static ZclField> {
    fields.iter().find(|field| field.name == name)
}

/// Numbers as the catalogue says them.
fn dress(field: Option<&'static ZclField>, json: Json) -> Json {
    let Some(field) = field else { return json };
    match json {
        Json::Number(n) => n.as_i64().map_or(Json::Number(n), |n| zcl_number(field.meaning, n)),
        Json::Array(items) => items.into_iter().map(|item| dress(Some(field), item)).collect(),
        Json::Object(map) if !field.fields.is_empty() => {
            let dressed = map.into_iter().map(|(name, json)| {
                let inner = field_named(field.fields, &name);
                (name, dress(inner, json))
            });
            dressed.collect()
        }
        other => other,
    }
}

/// The numbers behind what `dress` says.
fn undress(field: Option<&'static ZclField>, json: &Json, at: &At<'_>) -> Result<Json, FormError> {
    let Some(field) = field else { return Ok(json.clone()) };
    Ok(match json {
        Json::String(text) if field.wire.starts_with(['u', 's']) && field.wire != "str" => {
            let n = zcl_number_from(field.meaning, text);
            json!(n.ok_or_else(|| at.expected(expected(field.meaning), json))?)
        }
        Json::Array(items) => {
            let items = items.iter().enumerate().map(|(i, item)| undress(Some(field), item, &At::Item(at, i)));
            items.collect::<Result<Json, _>>()?
        }
        Json::Object(map) if !field.fields.is_empty() => {
            let undressed = map.iter().map(|(name, json)| {
                let inner = field_named(field.fields, name);
                Ok((name.clone(), undress(inner, json, &At::Field(at, name))?))
            });
            Json::Object(undressed.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

fn expected(meaning: Meaning) -> String {
    match meaning {
        Meaning::Names(names) => {
            let names: Vec<_> = names.iter().map(|(_, name)| *name).collect();
            format!("{} or a number", names.join(", "))
        }
        Meaning::Time => "a time as 2015-01-01T00:00:00Z, immediate, never or a number".into(),
        Meaning::Event => "an event code as 0x8F66".into(),
        _ => "a number".into(),
    }
}

/// ZigBee has two times that are none: 0 is at once, FFFFFFFF never.
fn zcl_number(meaning: Meaning, n: i64) -> Json {
    match (meaning, n) {
        (Meaning::Time, 0) => json!("immediate"),
        (Meaning::Time, 0xFFFF_FFFF) => json!("never"),
        (Meaning::Time, 0xFFFF_FFFE) => json!(n),
        (Meaning::Time, n) => says_number(Meaning::Time, n, None).map_or(json!(n), |text| json!(text)),
        (Meaning::Names(names), n) => {
            names.iter().find(|(of, _)| i64::from(*of) == n).map_or(json!(n), |(_, name)| json!(name))
        }
        (Meaning::Event, n) => json!(format!("0x{n:04X}")),
        (_, n) => json!(n),
    }
}

fn zcl_number_from(meaning: Meaning, text: &str) -> Option<i64> {
    match (meaning, text) {
        (Meaning::Time, "immediate") => Some(0),
        (Meaning::Time, "never") => Some(0xFFFF_FFFF),
        _ => number_from(meaning, text),
    }
}

fn record_json(cluster: u16, record: &AttributeRecord) -> Json {
    let attribute = catalogue::zcl_attribute(cluster, record.id);
    let mut map = Map::new();
    map.insert("attribute".into(), attribute.map_or_else(|| hex16(record.id), |attribute| json!(attribute.name)));
    match &record.value {
        Err(status) => {
            map.insert("status".into(), status_json(*status));
        }
        Ok(value) => {
            let Json::Object(typed) = json!(value) else { unreachable!("a typed value is an object") };
            for (name, value) in typed {
                let meaning = attribute.filter(|a| a.wire == name).map_or(Meaning::Plain, |a| a.meaning);
                let number = value.as_i64();
                map.insert("type".into(), json!(name));
                map.insert("value".into(), number.map_or(value, |n| zcl_number(meaning, n)));
                let says = number.filter(|_| matches!(meaning, Meaning::Quantity(_)));
                if let Some(says) = says.and_then(|n| says_number(meaning, n, None)) {
                    map.insert("meaning".into(), json!(says));
                }
            }
        }
    }
    map.into()
}

fn record_from(cluster: u16, json: &Json, at: &At<'_>) -> Result<AttributeRecord, FormError> {
    let mut map = Fields::of(json, at)?;
    map.take("meaning");
    let id = attribute_id(cluster, map.take("attribute"), &At::Field(at, "attribute"))?;
    let (value, status) = (map.take("value"), map.take("status"));
    let of: Option<String> = map.read_some("type")?;
    map.finish()?;
    let value = match (value, status) {
        (None, Some(status)) => {
            let at = At::Field(at, "status");
            match status_from(status, &at)? {
                Status::SUCCESS => return Err(at.expected("a status that is not success", status)),
                status => Err(status),
            }
        }
        (Some(value), None) => {
            let place = At::Field(at, "value");
            let attribute = catalogue::zcl_attribute(cluster, id);
            let wire = of.as_deref().or(attribute.map(|a| a.wire));
            let wire = wire.ok_or_else(|| At::Field(at, "type").missing("a ZCL data type"))?;
            let meaning = attribute.filter(|a| a.wire == wire).map_or(Meaning::Plain, |a| a.meaning);
            let named = value.as_str().and_then(|text| zcl_number_from(meaning, text));
            let typed = json!({ wire: named.map_or_else(|| value.clone(), |n| json!(n)) });
            Ok(read_as::<AttributeValue>(&typed, &place)?)
        }
        _ => return Err(at.expected("a value or a status", json)),
    };
    Ok(AttributeRecord { id, value })
}

fn attribute_id(cluster: u16, json: Option<&Json>, at: &At<'_>) -> Result<u16, FormError> {
    let json = json.ok_or_else(|| at.missing("an attribute"))?;
    let id = json.as_str().and_then(|text| match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => {
            let is_it = |a: &&catalogue::ZclAttribute| a.cluster == cluster && a.name == text;
            catalogue::zcl_attributes().iter().find(is_it).map(|a| a.id)
        }
    });
    id.ok_or_else(|| at.expected("an attribute of the cluster by name, or as 0x0001", json))
}

fn status_json(status: Status) -> Json {
    status.name().map_or_else(|| hex8(status.0), |name| json!(name))
}

fn status_from(json: &Json, at: &At<'_>) -> Result<Status, FormError> {
    let status = json.as_str().and_then(|text| match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok().map(Status),
        None => (0..=u8::MAX).map(Status).find(|status| status.name() == Some(text)),
    });
    status.ok_or_else(|| at.expected("a ZCL status by name, or as 0xC0", json))
}

fn component_from(n: usize, json: &Json, at: &At<'_>) -> Result<Component, FormError> {
    let mut map = Fields::of(json, at)?;
    let name: Option<String> = map.read_some("name")?;
    let (cluster, frame_control, command) =
        (hex_of(&mut map, at, "cluster")?, hex_of(&mut map, at, "frame_control")?, hex_of(&mut map, at, "command")?);
    // A name alone will do for a command of a cluster.
    let known = name.as_deref().and_then(|name| catalogue::zcl_commands().iter().find(|c| c.name == name));
    let need = |number: Option<u16>, known: Option<u16>, field: &str| {
        number.or(known).ok_or_else(|| At::Field(at, field).missing("a hex number, or the name of a command,"))
    };
    let cluster = need(cluster, known.map(|c| c.cluster), "cluster")?;
    let small =
        |n: u16, field: &str| n.try_into().map_err(|_| At::Field(at, field).missing("a hex number of one octet"));
    let frame_control =
        small(need(frame_control, known.map(|c| c.frame_control.into()), "frame_control")?, "frame_control")?;
    let command = small(need(command, known.map(|c| c.id.into()), "command")?, "command")?;
    let sequence = match map.read_some("sequence")? {
        Some(sequence) => sequence,
        None => n.try_into().map_err(|_| map.missing("sequence"))?,
    };
    let from_date_time = match map.take("from_date_time") {
        None => None,
        Some(json) => {
            let at = At::Field(at, "from_date_time");
            let n = match json {
                Json::String(text) => zcl_number_from(Meaning::Time, text),
                other => other.as_i64(),
            };
            let n = n.and_then(|n| u32::try_from(n).ok());
            Some(n.ok_or_else(|| at.expected(expected(Meaning::Time), json))?)
        }
    };
    let empty = Content::Plain(Body::Unknown(Octets::new()));
    let component = Component { cluster, from_date_time, frame_control, sequence, command, content: empty };
    let encrypted = map.take("encrypted");
    let body = body_from(&component, &mut map, at)?;
    map.finish()?;
    let content = match (encrypted, body) {
        (Some(json), None) => {
            let at = At::Field(at, "encrypted");
            let mut map = Fields::of(json, &at)?;
            let frame_counter = map.read("frame_counter")?;
            let blob: Octets = map.read("blob")?;
            map.finish()?;
            Content::Encrypted { frame_counter, blob: blob.to_vec() }
        }
        (None, Some(body)) => Content::Plain(body),
        _ => return Err(at.expected(format!("just one of encrypted, {}", BODIES.join(", ")), json)),
    };
    Ok(Component { content, ..component })
}

const BODIES: [&str; 5] = ["fields", "attributes", "values", "default_response", "octets"];

fn hex_of(map: &mut Fields<'_>, at: &At<'_>, name: &'static str) -> Result<Option<u16>, FormError> {
    let Some(json) = map.take(name) else { return Ok(None) };
    let n = json.as_str().and_then(|text| u16::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    n.map(Some).ok_or_else(|| At::Field(at, name).expected("a hex number behind 0x", json))
}

fn body_from(component: &Component, map: &mut Fields<'_>, at: &At<'_>) -> Result<Option<Body>, FormError> {
    let mut bodies = Vec::new();
    for name in BODIES {
        if let Some(json) = map.take(name) {
            bodies.push((name, json));
        }
    }
    let (name, json) = match bodies[..] {
        [] => return Ok(None),
        [body] => body,
        [_, (name, json), ..] => return Err(At::Field(at, name).expected("just one payload", json)),
    };
    let at = &At::Field(at, name);
    let cluster = component.cluster;
    Ok(Some(match name {
        "attributes" => {
            let list = json.as_array().ok_or_else(|| at.expected("a list", json))?.iter().enumerate();
            let ids = list.map(|(i, json)| attribute_id(cluster, Some(json), &At::Item(at, i)));
            Body::ReadAttributes(ids.collect::<Result<_, _>>()?)
        }
        "values" => {
            let list = json.as_array().ok_or_else(|| at.expected("a list", json))?.iter().enumerate();
            let records = list.map(|(i, json)| record_from(cluster, json, &At::Item(at, i)));
            Body::ReadAttributesResponse(records.collect::<Result<_, _>>()?)
        }
        "default_response" => {
            let mut map = Fields::of(json, at)?;
            let command = hex_of(&mut map, at, "command")?.and_then(|n| u8::try_from(n).ok());
            let command = command.ok_or_else(|| At::Field(at, "command").missing("a hex number of one octet"))?;
            let status = map.take("status").ok_or_else(|| map.missing("status"))?;
            let status = status_from(status, &At::Field(at, "status"))?;
            map.finish()?;
            Body::DefaultResponse { command, status }
        }
        "octets" => Body::Unknown(read_as::<Octets>(json, at)?),
        _ => {
            let known = command_fields(component);
            let map = json.as_object().ok_or_else(|| at.expected("an object", json))?;
            let plain = map
                .iter()
                .map(|(name, json)| Ok((name.clone(), undress(field_named(known, name), json, &At::Field(at, name))?)));
            let plain = Json::Object(plain.collect::<Result<_, FormError>>()?);
            let from_server = component.frame_control & FROM_SERVER != 0;
            let read = zcl::Command::from_fields(cluster, from_server, component.command, plain);
            let read = read.ok_or_else(|| at.expected("no fields: this command is not known by name", json))?;
            Body::Cluster(read.map_err(|error| at.missing(format!("fields of this command ({error})")))?)
        }
    }))
}

pub(super) fn to_json_alert(alert: &Alert) -> Json {
    let mut map = Map::new();
    map.insert("code".into(), hex16(alert.code));
    if let Some(meaning) = catalogue::alert_meaning(alert.code) {
        map.insert("meaning".into(), json!(meaning));
    }
    map.insert("time".into(), zcl_number(Meaning::Time, alert.time.into()));
    match &alert.data {
        AlertData::None => {}
        AlertData::FutureDated { message_code, counter, cluster, frame_control, command } => {
            let command = json!({
                "message_code": message_code,
                "counter": counter,
                "cluster": hex16(*cluster),
                "frame_control": hex8(*frame_control),
                "command": hex8(*command),
            });
            map.insert("instruction".into(), command);
        }
        AlertData::FirmwareHash(hash) => {
            map.insert("image_hash".into(), json!(hex::encode(hash)));
        }
        AlertData::Component(component) => {
            map.insert("component".into(), component_json(component));
        }
        AlertData::Other(octets) => {
            map.insert("octets".into(), json!(octets));
        }
    }
    map.into()
}

pub(super) fn from_json_alert(json: &Json, at: &At<'_>) -> Result<Alert, FormError> {
    let mut map = Fields::of(json, at)?;
    map.take("meaning");
    let code = event_code(map.take("code"), &At::Field(at, "code"))?;
    let time = map.take("time").ok_or_else(|| map.missing("time"))?;
    let n = match time {
        Json::String(text) => zcl_number_from(Meaning::Time, text),
        other => other.as_i64(),
    };
    let n = n.and_then(|n| u32::try_from(n).ok());
    let time = n.ok_or_else(|| At::Field(at, "time").expected(expected(Meaning::Time), time))?;
    let (instruction, component) = (map.take("instruction"), map.take("component"));
    let hash: Option<Octets> = map.read_some("image_hash")?;
    let octets: Option<Octets> = map.read_some("octets")?;
    map.finish()?;
    let data = match (instruction, component, hash, octets) {
        (None, None, None, None) => AlertData::None,
        (Some(json), None, None, None) => instruction_from(json, &At::Field(at, "instruction"))?,
        (None, Some(json), None, None) => AlertData::Component(component_from(0, json, &At::Field(at, "component"))?),
        (None, None, Some(hash), None) => {
            let hash = hash[..].try_into().map_err(|_| At::Field(at, "image_hash").missing("32 octets"))?;
            AlertData::FirmwareHash(hash)
        }
        (None, None, None, Some(octets)) => AlertData::Other(octets),
        _ => return Err(at.expected("at most one of instruction, component, image_hash, octets", json)),
    };
    Ok(Alert { code, time, data })
}

fn instruction_from(json: &Json, at: &At<'_>) -> Result<AlertData, FormError> {
    let mut map = Fields::of(json, at)?;
    let (message_code, counter) = (map.read("message_code")?, map.read("counter")?);
    let mut number = |name| hex_of(&mut map, at, name)?.ok_or_else(|| At::Field(at, name).missing("a hex number"));
    let (cluster, frame_control, command) = (number("cluster")?, number("frame_control")?, number("command")?);
    map.finish()?;
    let small = |n: u16, name| n.try_into().map_err(|_| At::Field(at, name).missing("a hex number of one octet"));
    Ok(AlertData::FutureDated {
        message_code,
        counter,
        cluster,
        frame_control: small(frame_control, "frame_control")?,
        command: small(command, "command")?,
    })
}

fn hex8(n: u8) -> Json {
    json!(format!("0x{n:02X}"))
}

fn hex16(n: u16) -> Json {
    json!(format!("0x{n:04X}"))
}
