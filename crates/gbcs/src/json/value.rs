//! DLMS values as the catalogue names them: `{"price_scale": -5}`, `"prepayment"`, `"2015-01-01T00:00:00Z"`.
//!
//! What does not have the shape of the catalogue, or would not come back from its friendly form, is written with the types of
//! DLMS instead: `{"structure": [{"integer": 5}]}`. Both forms are read everywhere.
use super::form::{At, Fields, FormError, read_as};
use crate::catalogue::{Field, Meaning, PackedField, PackedForm, Type, protection};
use crate::dlms::{BitString, CompactArray, Data, DateTime, Obis, TypeDescription};
use crate::ids::Eui64;
use crate::octets::Octets;
use crate::time::Time;
use serde_json::{Map, Value as Json, json};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// The keys of the forms with types: no structure of the catalogue has a single field of such a name.
const TYPED: [&str; 23] = [
    "array",
    "structure",
    "boolean",
    "bit-string",
    "double-long",
    "double-long-unsigned",
    "octet-string",
    "visible-string",
    "utf8-string",
    "bcd",
    "integer",
    "long",
    "unsigned",
    "long-unsigned",
    "compact-array",
    "long64",
    "long64-unsigned",
    "enum",
    "float32",
    "float64",
    "date-time",
    "date",
    "time",
];

/// The JSON of a value.
pub(super) fn to_json(field: &'static Field, data: &Data) -> Json {
    friendly(field, data).unwrap_or_else(|| typed(data))
}

/// With the types of DLMS.
pub(super) fn typed(data: &Data) -> Json {
    match data {
        Data::Null => Json::Null,
        data => serde_json::to_value(data).expect("DLMS data is plain JSON"),
    }
}

fn friendly(field: &'static Field, data: &Data) -> Option<Json> {
    Some(match (field.of, data) {
        (_, Data::Null) => Json::Null,
        (Type::Boolean, Data::Boolean(boolean)) => match boolean.octet() {
            0 => json!(false),
            0xFF => json!(true),
            _ => return None,
        },
        (Type::BitString, Data::BitString(bits)) => json!(bits_text(bits)?),
        (Type::DoubleLong, Data::DoubleLong(n)) => number(field.meaning, (*n).into()),
        (Type::DoubleLongUnsigned, Data::DoubleLongUnsigned(n)) => number(field.meaning, (*n).into()),
        (Type::Integer, Data::Integer(n)) => number(field.meaning, (*n).into()),
        (Type::Long, Data::Long(n)) => number(field.meaning, (*n).into()),
        (Type::Unsigned, Data::Unsigned(n)) | (Type::Enum, Data::Enum(n)) => number(field.meaning, (*n).into()),
        (Type::LongUnsigned, Data::LongUnsigned(n)) => number(field.meaning, (*n).into()),
        (Type::OctetString, Data::OctetString(octets)) => octets_json(field.meaning, octets)?,
        (Type::DateTime, Data::OctetString(octets)) => json!(DateTime(octets[..].try_into().ok()?)),
        (Type::VisibleString, Data::VisibleString(octets)) | (Type::Utf8String, Data::Utf8String(octets)) => {
            json!(core::str::from_utf8(octets).ok()?)
        }
        (Type::Array(element), Data::Array(elements)) => elements.iter().map(|data| to_json(element, data)).collect(),
        (Type::Structure(fields), Data::Structure(elements)) if fields.len() == elements.len() => {
            fields.iter().zip(elements).map(|(f, data)| (f.name.to_string(), to_json(f, data))).collect()
        }
        (Type::CompactArray(entry), Data::CompactArray(array)) => {
            let usual = describe(array.values().first()?)? == *array.description();
            let fits = array.values().iter().all(|data| entry.of.fits(data));
            (usual && fits).then(|| array.values().iter().map(|data| to_json(entry, data)).collect())?
        }
        (Type::Either(_), data) => {
            let fitting = field.fitting(data);
            (!core::ptr::eq(fitting, field)).then(|| friendly(fitting, data))??
        }
        (Type::Protected(_), data) => friendly(protection::request(), data)?,
        _ => return None,
    })
}

fn number(meaning: Meaning, n: i64) -> Json {
    match meaning {
        Meaning::Names(names) => {
            names.iter().find(|(of, _)| i64::from(*of) == n).map_or(json!(n), |(_, name)| json!(name))
        }
        Meaning::Time => u32::try_from(n).map_or(json!(n), |n| json!(Time::from_zigbee(n).to_string())),
        Meaning::Event => json!(format!("0x{n:04X}")),
        _ => json!(n),
    }
}

/// Up to 64 bits as `1100`, more in hex behind `0x`; `None` where neither gives them back.
fn bits_text(bits: &BitString) -> Option<String> {
    let text = match bits.bits() {
        n @ 0..=64 => (0..n).map(|n| if bits.bit(n) == Some(true) { '1' } else { '0' }).collect(),
        _ => format!("0x{}", hex::encode(bits.octets())),
    };
    (bits_from(&text).as_ref() == Some(bits)).then_some(text)
}

fn bits_from(text: &str) -> Option<BitString> {
    if let Some(digits) = text.strip_prefix("0x") {
        let octets = hex::decode(digits).ok()?;
        return BitString::new((8 * octets.len()).try_into().ok()?, octets);
    }
    let mut octets = std::vec![0u8; text.len().div_ceil(8)];
    for (n, digit) in text.bytes().enumerate() {
        match digit {
            b'0' => {}
            b'1' => octets[n / 8] |= 0x80 >> (n % 8),
            _ => return None,
        }
    }
    BitString::new(text.len().try_into().ok()?, octets)
}

fn octets_json(meaning: Meaning, octets: &[u8]) -> Option<Json> {
    let text = match meaning {
        Meaning::Text => return super::printable(octets).map(|text| json!(text)),
        Meaning::Obis => Obis(octets.try_into().ok()?).to_string(),
        Meaning::Eui64 => Eui64(octets.try_into().ok()?).to_string(),
        Meaning::Date => date_text(octets.try_into().ok()?),
        Meaning::TimeOfDay => time_of_day_text(octets.try_into().ok()?),
        Meaning::Packed(fields) => return packed_json(fields, octets),
        _ => hex::encode(octets),
    };
    Some(json!(text))
}

/// `2016-12-25`, `*` for any, the weekday behind a slash where it is not any.
fn date_text([high, low, month, day, weekday]: [u8; 5]) -> String {
    let part = |n: u8| if n == 0xFF { "*".to_string() } else { format!("{n:02}") };
    let year = match u16::from_be_bytes([high, low]) {
        0xFFFF => "*".to_string(),
        year => format!("{year:04}"),
    };
    let weekday = if weekday == 0xFF { String::new() } else { format!("/{weekday}") };
    format!("{year}-{}-{}{weekday}", part(month), part(day))
}

fn date_from(text: &str) -> Option<[u8; 5]> {
    let (date, weekday) = match text.split_once('/') {
        Some((date, weekday)) => (date, weekday.parse().ok()?),
        None => (text, 0xFF),
    };
    let mut parts = date.split('-');
    let year = match parts.next()? {
        "*" => 0xFFFF,
        year => year.parse::<u16>().ok()?,
    };
    let [high, low] = year.to_be_bytes();
    let octets = [high, low, part_from(parts.next()?)?, part_from(parts.next()?)?, weekday];
    (parts.next().is_none() && date_text(octets) == text).then_some(octets)
}

/// `17:30:00`, `*` for any; hundredths behind a point where there are any.
fn time_of_day_text([hour, minute, second, hundredths]: [u8; 4]) -> String {
    let part = |n: u8| if n == 0xFF { "*".to_string() } else { format!("{n:02}") };
    let hundredths = if hundredths == 0 { String::new() } else { format!(".{}", part(hundredths)) };
    format!("{}:{}:{}{hundredths}", part(hour), part(minute), part(second))
}

fn time_of_day_from(text: &str) -> Option<[u8; 4]> {
    let (time, hundredths) = match text.split_once('.') {
        Some((time, hundredths)) => (time, part_from(hundredths)?),
        None => (text, 0),
    };
    let mut parts = time.split(':');
    let octets = [part_from(parts.next()?)?, part_from(parts.next()?)?, part_from(parts.next()?)?, hundredths];
    (parts.next().is_none() && time_of_day_text(octets) == text).then_some(octets)
}

fn part_from(text: &str) -> Option<u8> {
    if text == "*" { Some(0xFF) } else { text.parse().ok() }
}

fn packed_json(fields: &'static [PackedField], octets: &[u8]) -> Option<Json> {
    let mut rest = octets;
    let mut map = Map::new();
    for field in fields {
        let (octets, behind) = rest.split_at_checked(field.octets.into())?;
        rest = behind;
        let n = octets.iter().fold(0u64, |n, octet| n << 8 | u64::from(*octet));
        let json = match field.form {
            PackedForm::Number => json!(n),
            PackedForm::Hex => json!(format!("0x{n:0width$X}", width = 2 * octets.len())),
            PackedForm::Eui64 => json!(Eui64(octets.try_into().ok()?)),
            PackedForm::Obis => json!(Obis(octets.try_into().ok()?)),
        };
        map.insert(field.name.into(), json);
    }
    rest.is_empty().then_some(map.into())
}

fn packed_from(fields: &'static [PackedField], json: &Json, at: &At<'_>) -> Result<Vec<u8>, FormError> {
    let mut map = Fields::of(json, at)?;
    let mut octets = Vec::new();
    for field in fields {
        let place = At::Field(at, field.name);
        let json = map.take(field.name).ok_or_else(|| place.missing("a value"))?;
        let n = match field.form {
            PackedForm::Eui64 => {
                octets.extend_from_slice(&read_as::<Eui64>(json, &place)?.0);
                continue;
            }
            PackedForm::Obis => {
                octets.extend_from_slice(&read_as::<Obis>(json, &place)?.0);
                continue;
            }
            PackedForm::Number => json.as_u64(),
            PackedForm::Hex => json.as_str().and_then(hex_from),
        };
        let bits = 8 * u32::from(field.octets);
        let n = n.filter(|n| n.checked_shr(bits).unwrap_or(0) == 0);
        let n = n.ok_or_else(|| place.expected(format!("a number of {} octets", field.octets), json))?;
        octets.extend_from_slice(&n.to_be_bytes()[8 - usize::from(field.octets)..]);
    }
    map.finish()?;
    Ok(octets)
}

fn hex_from(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// How a compact array describes entries such as this; `None` where an empty list leaves that open.
fn describe(data: &Data) -> Option<TypeDescription> {
    Some(match data {
        Data::Structure(elements) => {
            TypeDescription::Structure(elements.iter().map(describe).collect::<Option<Vec<_>>>()?)
        }
        Data::Array(elements) => {
            let element = describe(elements.first()?)?;
            TypeDescription::Array(elements.len().try_into().ok()?, element.into())
        }
        data => TypeDescription::Simple(data.tag()),
    })
}

/// The value that JSON says, of the shape of `field` unless it names other types.
pub(super) fn from_json(field: &'static Field, json: &Json, at: &At<'_>) -> Result<Data, FormError> {
    match json {
        Json::Null => return Ok(Data::Null),
        Json::Object(map) if map.len() == 1 && map.keys().all(|key| TYPED.contains(&key.as_str())) => {
            return read_as(json, at);
        }
        _ => {}
    }
    Ok(match field.of {
        Type::Null => return Err(at.expected("nothing, or a value with its DLMS type", json)),
        Type::Boolean => Data::boolean(json.as_bool().ok_or_else(|| at.expected("true or false", json))?),
        Type::BitString => {
            let bits = json.as_str().and_then(bits_from);
            Data::BitString(bits.ok_or_else(|| at.expected("bits as 1100, or in hex behind 0x", json))?)
        }
        Type::DoubleLong => Data::DoubleLong(integer(field, json, at)?),
        Type::DoubleLongUnsigned => Data::DoubleLongUnsigned(integer(field, json, at)?),
        Type::Integer => Data::Integer(integer(field, json, at)?),
        Type::Long => Data::Long(integer(field, json, at)?),
        Type::Unsigned => Data::Unsigned(integer(field, json, at)?),
        Type::LongUnsigned => Data::LongUnsigned(integer(field, json, at)?),
        Type::Enum => Data::Enum(integer(field, json, at)?),
        Type::OctetString => Data::octets(octets_from(field.meaning, json, at)?),
        Type::DateTime => Data::from(read_as::<DateTime>(json, at)?),
        Type::VisibleString => Data::VisibleString(text_from(json, at)?),
        Type::Utf8String => Data::Utf8String(text_from(json, at)?),
        Type::Array(element) => Data::Array(elements_from(element, json, at)?),
        Type::Structure(fields) => {
            let mut map = Fields::of(json, at)?;
            let mut elements = Vec::with_capacity(fields.len());
            for field in fields {
                let place = At::Field(at, field.name);
                let json = map.take(field.name).ok_or_else(|| place.missing("a value"))?;
                elements.push(from_json(field, json, &place)?);
            }
            map.finish()?;
            Data::Structure(elements)
        }
        Type::CompactArray(entry) => {
            let values = elements_from(entry, json, at)?;
            let description = values.first().and_then(describe);
            let array = description.and_then(|description| CompactArray::new(description, values));
            Data::CompactArray(array.ok_or_else(|| at.expected("entries of one shape, one at least", json))?.into())
        }
        Type::Either(fields) => {
            let mut tried = fields.iter().map(|field| from_json(field, json, at));
            let first = tried.next().unwrap_or(Ok(Data::Null));
            tried.fold(first, Result::or)?
        }
        Type::Protected(_) => from_json(protection::request(), json, at)?,
    })
}

fn elements_from(element: &'static Field, json: &Json, at: &At<'_>) -> Result<Vec<Data>, FormError> {
    let elements = json.as_array().ok_or_else(|| at.expected("a list", json))?;
    elements.iter().enumerate().map(|(i, json)| from_json(element, json, &At::Item(at, i))).collect()
}

fn text_from(json: &Json, at: &At<'_>) -> Result<Octets, FormError> {
    json.as_str().map(|text| text.as_bytes().into()).ok_or_else(|| at.expected("text", json))
}

fn octets_from(meaning: Meaning, json: &Json, at: &At<'_>) -> Result<Octets, FormError> {
    if let Meaning::Packed(fields) = meaning {
        return packed_from(fields, json, at).map(Octets::from);
    }
    let read = |text: &str| match meaning {
        Meaning::Text => Some(Octets::from(text.as_bytes())),
        Meaning::Obis => text.parse::<Obis>().ok().map(|obis| obis.0[..].into()),
        Meaning::Eui64 => text.parse::<Eui64>().ok().map(|eui| eui.0[..].into()),
        Meaning::Date => date_from(text).map(|octets| octets[..].into()),
        Meaning::TimeOfDay => time_of_day_from(text).map(|octets| octets[..].into()),
        _ => hex::decode(text).ok().map(Octets::from),
    };
    json.as_str().and_then(read).ok_or_else(|| {
        let expected = match meaning {
            Meaning::Text => "text",
            Meaning::Obis => "an OBIS code as 0-0:19.10.0.255",
            Meaning::Eui64 => "an EUI-64 of 16 hex digits",
            Meaning::Date => "a date as 2016-12-25, * for any",
            Meaning::TimeOfDay => "a time of day as 17:30:00, * for any",
            _ => "hex digits",
        };
        at.expected(expected, json)
    })
}

fn integer<N: TryFrom<i64> + Bounds>(field: &Field, json: &Json, at: &At<'_>) -> Result<N, FormError> {
    let n = match json {
        Json::String(text) => number_from(field.meaning, text),
        json => json.as_i64(),
    };
    n.and_then(|n| N::try_from(n).ok()).ok_or_else(|| at.expected(expected_number(field.meaning, N::BOUNDS), json))
}

/// The number that stands behind a name, a time or an event code.
pub(super) fn number_from(meaning: Meaning, text: &str) -> Option<i64> {
    match meaning {
        Meaning::Names(names) => names.iter().find(|(_, name)| *name == text).map(|(n, _)| (*n).into()),
        Meaning::Time => super::forms::zigbee_time(text).map(i64::from),
        Meaning::Event => hex_from(text)?.try_into().ok(),
        _ => None,
    }
}

fn expected_number(meaning: Meaning, (low, high): (i64, i64)) -> String {
    let number = format!("a number from {low} to {high}");
    match meaning {
        Meaning::Names(names) => {
            let names: Vec<_> = names.iter().map(|(_, name)| *name).collect();
            format!("{} or {number}", names.join(", "))
        }
        Meaning::Time => format!("a time as 2015-01-01T00:00:00Z or {number}"),
        Meaning::Event => "an event code as 0x8F66".into(),
        _ => number,
    }
}

trait Bounds {
    const BOUNDS: (i64, i64);
}

macro_rules! bounds {
    ($($type:ty),*) => {$(
        impl Bounds for $type {
            const BOUNDS: (i64, i64) = (<$type>::MIN as i64, <$type>::MAX as i64);
        }
    )*};
}

bounds!(i8, u8, i16, u16, i32, u32);
