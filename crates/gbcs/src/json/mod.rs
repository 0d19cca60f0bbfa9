//! How messages look in JSON: numbers that people know in hex are hex text, octets are hex digits, text is text where it is text.
//!
//! Everything comes back as it was: what a friendly form cannot say is written in hex instead. A whole message is a [`Document`].
mod der;
mod dlms;
mod document;
mod form;
mod forms;
mod gbz;
mod opened;
mod says;
mod value;

pub use form::FormError;
pub use says::{says, says_number, says_scaled};

pub use document::{Document, DocumentError, SupplementaryFields, Title};
pub use dlms::range_of;
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
