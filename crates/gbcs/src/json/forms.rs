//! Types whose JSON is not that of their fields.
use super::{Text, text};
use crate::dlms::{
    BitString, Boolean, CompactArray, Data, DataAccessResult, DateTime, InvokeId, Obis, TypeDescription, When,
};
use crate::gbz::zcl::{BlockThresholds, U24, U48, ZclString};
use crate::ids::{Counter, Cra, Eui64, MessageCode};
use crate::octets::Octets;
use crate::time::{Civil, Time};
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

macro_rules! as_text {
    ($($type:ty: $expected:literal, $to:expr, $from:expr;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let to: fn(&$type) -> String = $to;
                serializer.serialize_str(&to(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let from: fn(&str) -> Option<$type> = $from;
                let text = text(deserializer)?;
                from(&text).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &$expected))
            }
        }
    )*};
}
pub(super) use as_text;

as_text! {
    Eui64: "16 hex digits", |eui| eui.to_string(), |text| text.parse().ok();
    MessageCode: "a message code as 0x001C", |code| code.to_string(), |text| hex_number(text)?.try_into().ok().map(MessageCode);
    InvokeId: "four octets as 0x200003EB", |id| format!("0x{:08X}", id.0), |text| hex_number(text).map(InvokeId);
    Obis: "an OBIS code as 0-0:19.10.0.255", |obis| obis.to_string(), |text| text.parse().ok();
    Octets: "hex digits", |octets| hex::encode(octets), |text| hex::decode(text).ok().map(Octets::from);
    DateTime: "a moment as 2015-01-01T00:00:00Z, immediate, never, or 24 hex digits", date_time_text, date_time;
    Cra: "command, response or alert", |cra| cra_text(*cra).into(), cra;
}

fn hex_number(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn cra_text(cra: Cra) -> &'static str {
    match cra {
        Cra::Command => "command",
        Cra::Response => "response",
        Cra::Alert => "alert",
    }
}

fn cra(text: &str) -> Option<Cra> {
    [Cra::Command, Cra::Response, Cra::Alert].into_iter().find(|cra| cra_text(*cra) == text)
}

/// The text form only where it says all twelve octets.
fn date_time_text(date_time: &DateTime) -> String {
    match date_time.when() {
        Some(when) if DateTime::from(when) == *date_time => date_time.to_string(),
        _ => hex::encode(date_time.0),
    }
}

/// Seconds since 2000 of a moment as RFC 3339 writes it, to the second.
pub(super) fn zigbee_time(text: &str) -> Option<u32> {
    let moment = moment(text)?.zigbee();
    (Time::from_zigbee(moment).to_string() == text).then_some(moment)
}

fn date_time(text: &str) -> Option<DateTime> {
    match text {
        "immediate" => return Some(DateTime::IMMEDIATE),
        "never" => return Some(DateTime::NEVER),
        _ => {}
    }
    let mut octets = [0; 12];
    if hex::decode_to_slice(text, &mut octets).is_ok() {
        return Some(DateTime(octets));
    }
    moment(text).map(|moment| When::At(moment).into())
}

/// As `2015-01-01T00:00:00Z`, and nothing like it.
pub(super) fn moment(text: &str) -> Option<Time> {
    let fields: Vec<u16> = text.split(['-', 'T', ':', 'Z']).filter_map(|field| field.parse().ok()).collect();
    let [year, month, day, hour, minute, second] = fields[..] else { return None };
    let small = |n: u16| u8::try_from(n).ok();
    let (month, day, hour) = (small(month)?, small(day)?, small(hour)?);
    let moment = Civil { year, month, day, hour, minute: small(minute)?, second: small(second)? }.time()?;
    (moment.to_string() == text).then_some(moment)
}

/// A type written as another, and read back where it fits.
macro_rules! by_way_of {
    ($($type:ty as $form:ty: $expected:literal, $to:expr, $from:expr;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let to: fn(&$type) -> $form = $to;
                to(self).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let from: fn($form) -> Option<$type> = $from;
                from(<$form>::deserialize(deserializer)?).ok_or_else(|| de::Error::custom(concat!($expected, " expected")))
            }
        }
    )*};
}

by_way_of! {
    Counter as u64: "a counter", |counter| counter.0, |n| Some(Counter(n));
    U24 as u32: "a number of 24 bits", |n| n.value(), U24::new;
    U48 as u64: "a number of 48 bits", |n| n.value(), U48::new;
    Boolean as AnyBoolean: "a boolean", |b| match b.octet() {
        0 => AnyBoolean::Usual(false),
        0xFF => AnyBoolean::Usual(true),
        octet => AnyBoolean::Octet(octet),
    }, |form| Some(match form {
        AnyBoolean::Usual(value) => value.into(),
        AnyBoolean::Octet(octet) => Boolean::from_octet(octet),
    });
    BitString as Bits: "as many octets as the bits need",
        |bits| Bits { bits: bits.bits(), hex: bits.octets().to_vec() }, |form| BitString::new(form.bits, form.hex);
    CompactArray as Compact: "values that fit the description",
        |array| Compact { description: array.description().clone(), values: array.values().to_vec() },
        |form| CompactArray::new(form.description, form.values);
    ZclString as Text<'_>: "a string of 255 octets at most",
        |string| match Text::of(string.octets()) {
            Text::Text(text) => Text::Text(text.into_owned().into()),
            Text::Hex { hex } => Text::Hex { hex },
        },
        |form| ZclString::new(form.into_octets());
    BlockThresholds as Thresholds: "a tier and thresholds of 15 at most",
        |block| Thresholds { tier: block.tier(), thresholds: block.thresholds().to_vec() },
        |form| BlockThresholds::new(form.tier, form.thresholds);
    DataAccessResult as AnyResult: "a name or number of a result", |result| match result.name() {
        Some(name) => AnyResult::Name(name.into()),
        None => AnyResult::Number(result.0),
    }, |form| match form {
        AnyResult::Name(name) => {
            (0..=255).map(DataAccessResult).find(|result| result.name() == Some(&name))
        }
        AnyResult::Number(number) => Some(DataAccessResult(number)),
    };
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AnyBoolean {
    Usual(bool),
    Octet(u8),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AnyResult {
    Name(String),
    Number(u8),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bits {
    bits: u16,
    #[serde(with = "super::hex_octets")]
    hex: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compact {
    description: TypeDescription,
    values: Vec<Data>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    tier: u8,
    thresholds: Vec<U48>,
}
