//! How messages look in JSON: numbers that people know in hex are hex text, octets are hex digits, text is text where it is text.
//!
//! Everything comes back as it was: what a friendly form cannot say is written in hex instead. A whole message is a [`Document`].
mod asn1;
mod der;
mod dlms;
mod document;
mod form;
mod forms;
mod gbz;
mod opened;
mod row;
mod says;
mod value;

pub use form::FormError;
pub use says::{says, says_number, says_scaled};

pub(crate) use asn1::{NamedNumber, named_number};

pub use dlms::range_of;
pub use document::{Document, DocumentError, SupplementaryFields, Title};
pub use opened::opened;

use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The JSON of a DLMS value, by the names of the catalogue.
pub fn value(field: &'static crate::catalogue::Field, data: &crate::dlms::Data) -> serde_json::Value {
    value::to_json(field, data)
}

/// Octets in hex digits, for `serde(with)`.
pub(crate) mod hex_octets {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(octets: &impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(octets))
    }

    pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: hex::FromHex,
        T::Error: std::fmt::Display,
    {
        T::from_hex(&*text(deserializer)?).map_err(de::Error::custom)
    }
}

/// A number in hex behind `0x`, for `serde(with)`: as many digits as its type has.
pub(crate) mod hex_number {
    use super::*;

    pub(crate) fn serialize<S: Serializer, N: Copy + Into<u32>>(number: &N, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = 2 * size_of::<N>();
        let number: u32 = (*number).into();
        serializer.serialize_str(&std::format!("0x{number:0digits$X}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, N: TryFrom<u32>>(deserializer: D) -> Result<N, D::Error> {
        let text = text(deserializer)?;
        let number = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let number = number.and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &"a number in hex behind 0x"))
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    /// Cow borrows only through an attribute.
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Text::deserialize(deserializer).map(|text| text.0)
}

/// A string that is text where it is printable ASCII, else hex digits.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text<'a> {
    Text(Cow<'a, str>),
    Hex {
        #[serde(with = "hex_octets")]
        hex: std::vec::Vec<u8>,
    },
}

/// Octets as text, where all are printable ASCII.
fn printable(octets: &[u8]) -> Option<&str> {
    octets.iter().all(|c| (0x20..0x7F).contains(c)).then(|| core::str::from_utf8(octets).ok())?
}

impl<'a> Text<'a> {
    fn of(octets: &'a [u8]) -> Self {
        match printable(octets) {
            Some(text) => Self::Text(text.into()),
            None => Self::Hex { hex: octets.to_vec() },
        }
    }

    fn into_octets(self) -> std::vec::Vec<u8> {
        match self {
            Self::Text(text) => text.into_owned().into_bytes(),
            Self::Hex { hex } => hex,
        }
    }
}

/// A string of characters, for `serde(with)`.
pub(crate) mod characters {
    use super::*;
    use crate::octets::Octets;

    pub(crate) fn serialize<S: Serializer>(octets: &Octets, serializer: S) -> Result<S::Ok, S::Error> {
        Text::of(octets).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Octets, D::Error> {
        Text::deserialize(deserializer).map(|text| text.into_octets().into())
    }
}
