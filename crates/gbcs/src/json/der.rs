//! DER values by the names of their tags: `{"sequence": [{"integer": 5}]}`, anything unnamed as `{"0x83": "0102"}`.
use crate::der::{Content, Value, tag};
use serde::de::{self, Deserializer};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

const NAMES: &[(u8, &str)] = &[
    (tag::BOOLEAN, "boolean"),
    (tag::INTEGER, "integer"),
    (tag::BIT_STRING, "bit-string"),
    (tag::OCTET_STRING, "octet-string"),
    (tag::NULL, "null"),
    (tag::OBJECT_IDENTIFIER, "object-identifier"),
    (tag::ENUMERATED, "enumerated"),
    (UTF8_STRING, "utf8-string"),
    (PRINTABLE_STRING, "printable-string"),
    (IA5_STRING, "ia5-string"),
    (UTC_TIME, "utc-time"),
    (tag::GENERALIZED_TIME, "generalized-time"),
    (tag::SEQUENCE, "sequence"),
    (tag::SET, "set"),
];
const UTF8_STRING: u8 = 0x0C;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let name = NAMES.iter().find(|(tag, _)| *tag == self.tag());
        let name = name.map_or_else(|| format!("0x{:02X}", self.tag()), |(_, name)| name.to_string());
        match self.content() {
            Content::Constructed(elements) => map.serialize_entry(&name, elements)?,
            Content::Primitive(octets) => map.serialize_entry(&name, &primitive(self.tag(), octets))?,
        }
        if self.padding() != 0 {
            map.serialize_entry("padding", &self.padding())?;
        }
        map.end()
    }
}

/// The friendly form where it says all the octets, else hex digits; an object with `hex` where digits could be taken for text.
fn primitive(tag: u8, octets: &[u8]) -> Json {
    let hexed = || Json::from(hex::encode(octets));
    match tag {
        tag::INTEGER | tag::ENUMERATED => match integer(octets) {
            Some(n) => n.into(),
            None => hexed(),
        },
        // An arc with leading zeroes reads as one without.
        tag::OBJECT_IDENTIFIER => {
            let text = der::oid::ObjectIdentifier::from_bytes(octets).ok().map(|oid| oid.to_string());
            let usual =
                text.filter(|text| der::oid::ObjectIdentifier::new(text).is_ok_and(|oid| oid.as_bytes() == octets));
            usual.map_or_else(hexed, Json::from)
        }
        UTF8_STRING | PRINTABLE_STRING | IA5_STRING | UTC_TIME | tag::GENERALIZED_TIME => {
            serde_json::to_value(super::Text::of(octets)).expect("text or hex digits")
        }
        _ => hexed(),
    }
}

/// An integer in its shortest form.
fn integer(octets: &[u8]) -> Option<i64> {
    let n = match octets {
        [first, rest @ ..] if rest.len() < 8 => {
            rest.iter().fold(i64::from(*first as i8), |n, octet| n << 8 | i64::from(*octet))
        }
        _ => return None,
    };
    (integer_octets(n) == octets).then_some(n)
}

fn integer_octets(n: i64) -> Vec<u8> {
    let octets = n.to_be_bytes();
    let spare = |pair: &[u8]| matches!((pair[0], pair[1] >> 7), (0, 0) | (0xFF, 1));
    let skip = octets.windows(2).take_while(|pair| spare(pair)).count();
    octets[skip..].to_vec()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        value(&json).map_err(de::Error::custom)
    }
}

fn value(json: &Json) -> Result<Value, String> {
    let Json::Object(map) = json else { return Err(format!("a DER value is an object, not {json}")) };
    let mut padding = 0;
    let mut found = None;
    for (key, content) in map {
        if key == "padding" {
            padding = content.as_u64().and_then(|n| u8::try_from(n).ok()).ok_or("no padding")?;
            continue;
        }
        let named = NAMES.iter().find(|(_, name)| name == key).map(|(tag, _)| *tag);
        let hexed = || key.strip_prefix("0x").and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let tag = named.or_else(hexed).ok_or_else(|| format!("no DER tag: {key}"))?;
        let value = match content {
            Json::Array(elements) => {
                Value::constructed(tag, elements.iter().map(value).collect::<Result<Vec<_>, _>>()?)
            }
            content => Value::primitive(tag, octets(tag, content)?),
        };
        if found.replace(value.ok_or_else(|| format!("tag {key} is not of this kind"))?).is_some() {
            return Err("a DER value has one tag".into());
        }
    }
    let value = found.ok_or("a DER value has a tag")?;
    if padding == 0 {
        return Ok(value);
    }
    value.with_padded_length(padding).ok_or_else(|| "no such padding".into())
}

fn octets(tag: u8, content: &Json) -> Result<Vec<u8>, String> {
    let wrong = || format!("not the content of a DER value: {content}");
    match (tag, content) {
        (tag::INTEGER | tag::ENUMERATED, Json::Number(n)) => n.as_i64().map(integer_octets).ok_or_else(wrong),
        (tag::OBJECT_IDENTIFIER, Json::String(text)) if text.contains('.') => {
            let oid = der::oid::ObjectIdentifier::new(text).map_err(|_| wrong())?;
            Ok(oid.as_bytes().to_vec())
        }
        (UTF8_STRING | PRINTABLE_STRING | IA5_STRING | UTC_TIME | tag::GENERALIZED_TIME, content) => {
            let text: super::Text<'_> = serde_json::from_value(content.clone()).map_err(|_| wrong())?;
            Ok(text.into_octets())
        }
        (_, Json::String(digits)) => hex::decode(digits).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
