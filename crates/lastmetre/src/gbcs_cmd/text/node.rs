//! Values as a tree of words: what each is called, what it says, and the number or octets behind that.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gbcs::catalogue::{Field, Meaning, Scale, Type, ZclField, words};
use gbcs::certificate::Certificate;
use gbcs::dlms::{Data, DateTime};
use gbcs::gbz::zcl::{AttributeRecord, AttributeValue};
use gbcs::json::{says_number, says_scaled};
use gbcs::{Eui64, catalogue};
use serde_json::Value as Json;
use std::collections::HashMap;

/// A value, or several.
pub enum Node {
    /// What it says, and what stands behind it where that is something else.
    Leaf { value: String, behind: String },
    /// Values with names.
    Tree(Vec<(String, Node)>),
    /// Values without.
    List(Vec<Node>),
}

impl Node {
    pub fn leaf(value: impl Into<String>) -> Self {
        Self::Leaf { value: value.into(), behind: String::new() }
    }

    fn with_behind(value: impl Into<String>, behind: impl Into<String>) -> Self {
        Self::Leaf { value: value.into(), behind: behind.into() }
    }

    /// A DLMS value; without a field by its types alone.
    pub fn of_data(field: Option<&'static Field>, data: &Data) -> Self {
        DataNodes::default().node(field, data)
    }

    /// A field of a ZCL command, as its JSON has it.
    pub fn of_zcl(field: Option<&'static ZclField>, json: &Json) -> Self {
        match json {
            Json::Number(n) => {
                let meaning = field.map_or(Meaning::Plain, |field| field.meaning);
                n.as_i64().map_or_else(|| Self::leaf(n.to_string()), |n| number(meaning, n, None, hex_of(n)))
            }
            Json::Array(items) => Self::List(items.iter().map(|item| Self::of_zcl(field, item)).collect()),
            Json::Object(map) => {
                let inner = |name: &str| field?.fields.iter().find(|field| field.name == name);
                Self::Tree(map.iter().map(|(name, json)| (words(name), Self::of_zcl(inner(name), json))).collect())
            }
            other => Self::of_json(other),
        }
    }

    /// An attribute that was read.
    pub fn of_record(cluster: u16, record: &AttributeRecord) -> (String, Self) {
        let attribute = catalogue::zcl_attribute(cluster, record.id);
        let name = attribute.map_or_else(|| format!("attribute {:04X}", record.id), |a| words(a.name));
        let node = match &record.value {
            Err(status) => Self::with_behind(format!("none: {status}"), format!("{:04X}", record.id)),
            Ok(value) => attribute_value(attribute.map_or(Meaning::Plain, |a| a.meaning), value),
        };
        (name, node)
    }

    /// A certificate, by whom it names.
    pub fn of_certificate(octets: &[u8]) -> Self {
        let behind = format!("{} octets", octets.len());
        let Ok(Certificate { entity, role, usage, issuer, serial, .. }) = Certificate::parse(octets) else {
            return Self::with_behind(
                hex::encode(&octets[..octets.len().min(24)]),
                format!("no certificate, {behind}"),
            );
        };
        let who = entity.map_or_else(|| "an issuing authority".into(), |entity| entity.to_string());
        let role = role.map_or_else(String::new, |role| format!(", {}", words(role.name().unwrap_or("other role"))));
        let text = format!("{usage} certificate of {who}{role}");
        Self::with_behind(text, format!("serial {} of {issuer}, {behind}", hex::encode(serial)))
    }

    /// What has a JSON form, as that says it.
    pub fn of_serialized(value: &impl serde::Serialize) -> Self {
        Self::of_json(&serde_json::to_value(value).unwrap_or_default())
    }

    /// Any JSON. Octets of a certificate are told by whom they name.
    pub fn of_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::leaf("none"),
            Json::Bool(true) => Self::leaf("yes"),
            Json::Bool(false) => Self::leaf("no"),
            Json::Number(n) => {
                n.as_i64().map_or_else(|| Self::leaf(n.to_string()), |n| number(Meaning::Plain, n, None, hex_of(n)))
            }
            Json::String(text) => of_text(text),
            Json::Array(items) => Self::List(items.iter().map(Self::of_json).collect()),
            Json::Object(map) => {
                Self::Tree(map.iter().map(|(name, json)| (words(name), Self::of_json(json))).collect())
            }
        }
    }
}

/// A certificate in base64, or any text.
fn of_text(text: &str) -> Node {
    let octets = if text.len() > 300 { STANDARD.decode(text).ok() } else { None };
    match octets {
        None => Node::leaf(text),
        Some(octets) => Node::of_certificate(&octets),
    }
}

fn hex_of(n: i64) -> String {
    match n {
        0..=9 => String::new(),
        n if n < 0 => format!("0x{:X}", n as i32),
        n => format!("0x{n:X}"),
    }
}

/// A number by what it means: the words first, the number behind them.
fn number(meaning: Meaning, n: i64, power: Option<i8>, hex: String) -> Node {
    let both = |text: String| match &hex[..] {
        "" => text,
        hex => format!("{text} {hex}"),
    };
    match says_number(meaning, n, power) {
        Some(words) => Node::with_behind(words, both(n.to_string())),
        None if matches!(meaning, Meaning::Event) => Node::with_behind(format!("0x{n:04X}"), ""),
        None => Node::with_behind(n.to_string(), hex),
    }
}

fn attribute_value(meaning: Meaning, value: &AttributeValue) -> Node {
    let tag = format!("type {:02X}", value.tag());
    match serde_json::to_value(value) {
        Ok(Json::Object(map)) => match map.into_iter().next() {
            Some((_, Json::Number(n))) if n.as_i64().is_some() => {
                number(meaning, n.as_i64().unwrap_or(0), None, hex_of(n.as_i64().unwrap_or(0)))
            }
            Some((_, Json::String(text))) => Node::with_behind(text, tag),
            Some((_, Json::Object(hex))) => {
                Node::with_behind(hex.get("hex").and_then(Json::as_str).unwrap_or_default(), tag)
            }
            other => Node::leaf(other.map_or_else(String::new, |(_, json)| json.to_string())),
        },
        _ => Node::leaf(tag),
    }
}

/// The numbers met on the way, by name: they scale those that follow.
#[derive(Default)]
struct DataNodes {
    met: HashMap<&'static str, i64>,
}

impl DataNodes {
    fn node(&mut self, field: Option<&'static Field>, data: &Data) -> Node {
        let field = field.map(|field| field.fitting(data));
        match (field.map(|field| &field.of), data) {
            (Some(Type::Structure(fields)), Data::Structure(elements)) if fields.len() == elements.len() => {
                let named = fields.iter().zip(elements);
                Node::Tree(named.map(|(field, data)| (words(field.name), self.node(Some(field), data))).collect())
            }
            (Some(Type::Array(element)), Data::Array(elements)) => {
                Node::List(elements.iter().map(|data| self.node(Some(element), data)).collect())
            }
            (Some(Type::CompactArray(entry)), Data::CompactArray(array)) => {
                Node::List(array.values().iter().map(|data| self.node(Some(entry), data)).collect())
            }
            (Some(Type::Protected(_)), data) => self.node(Some(catalogue::protection::request()), data),
            (_, Data::Array(elements) | Data::Structure(elements)) => {
                Node::List(elements.iter().map(|data| self.node(None, data)).collect())
            }
            (_, Data::CompactArray(array)) => {
                Node::List(array.values().iter().map(|data| self.node(None, data)).collect())
            }
            (_, data) => self.leaf(field, data),
        }
    }

    fn leaf(&mut self, field: Option<&'static Field>, data: &Data) -> Node {
        let Some(n) = data.as_i64() else { return Node::with_behind(simple(field, data), octets_behind(field, data)) };
        let hex = if n > 9 { digits_of(data) } else { hex_of(n) };
        let Some(field) = field else { return number(Meaning::Plain, n, None, hex) };
        self.met.insert(field.name, n);
        let power = match field.meaning {
            Meaning::Quantity(unit) => match unit.scale {
                Scale::Field(name) => self.met.get(name).and_then(|power| i8::try_from(*power).ok()),
                Scale::Fixed(_) => None,
            },
            _ => None,
        };
        match says_scaled(field, data, power) {
            Some(words) => Node::with_behind(words, format!("{n} {hex}").trim_end()),
            None => number(field.meaning, n, power, hex),
        }
    }
}

/// As many hex digits as the value has on the wire.
fn digits_of(data: &Data) -> String {
    let mut octets = Vec::new();
    data.encode(&mut octets);
    format!("0x{}", hex::encode_upper(octets.get(1..).unwrap_or_default()))
}

fn octets_behind(field: Option<&Field>, data: &Data) -> String {
    match (field.map(|field| (field.of, field.meaning)), data) {
        (
            Some((Type::DateTime, _) | (_, Meaning::Date | Meaning::TimeOfDay | Meaning::Packed(_))),
            Data::OctetString(o),
        ) => hex::encode(o),
        _ => String::new(),
    }
}

fn simple(field: Option<&'static Field>, data: &Data) -> String {
    if let Some(field) = field
        && !matches!(data, Data::Null | Data::Boolean(_))
    {
        match gbcs::json::value(field, data) {
            Json::String(text) if text.is_empty() => return "empty".into(),
            Json::String(text) => return text,
            Json::Object(map) if matches!(field.meaning, Meaning::Packed(_)) => {
                let parts = map.iter().map(|(name, json)| format!("{} {}", words(name), plain(json)));
                return parts.collect::<Vec<_>>().join(", ");
            }
            _ => {}
        }
    }
    match data {
        Data::Null => "none".into(),
        Data::Boolean(b) => if b.is_true() { "true" } else { "false" }.into(),
        Data::BitString(bits) => {
            let digits = (0..bits.bits()).map(|n| if bits.bit(n) == Some(true) { '1' } else { '0' });
            format!("bits {}", digits.collect::<String>())
        }
        Data::OctetString(octets) => octet_string(octets),
        Data::VisibleString(text) | Data::Utf8String(text) => format!("{:?}", String::from_utf8_lossy(text)),
        Data::DateTime(octets) => DateTime(*octets).to_string(),
        Data::Date(octets) => format!("date {}", hex::encode(octets)),
        Data::Time(octets) => format!("time {}", hex::encode(octets)),
        Data::Bcd(n) => format!("bcd {n:02x}"),
        Data::Float32(bits) => f32::from_bits(*bits).to_string(),
        Data::Float64(bits) => f64::from_bits(*bits).to_string(),
        other => format!("{other:?}"),
    }
}

fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Twelve octets are nearly always a date-time, eight an EUI-64, and digits nearly always text.
fn octet_string(octets: &[u8]) -> String {
    let date_time = octets.try_into().ok().map(DateTime).filter(|date_time| date_time.when().is_some());
    match (date_time, <[u8; 8]>::try_from(octets)) {
        (Some(date_time), _) => date_time.to_string(),
        (None, Ok(eui)) => Eui64(eui).to_string(),
        _ if octets.len() > 4 && octets.iter().all(|c| (0x20..0x7F).contains(c)) => {
            format!("{:?}", String::from_utf8_lossy(octets))
        }
        _ if octets.is_empty() => "no octets".into(),
        _ => format!("0x{}", hex::encode(octets)),
    }
}
