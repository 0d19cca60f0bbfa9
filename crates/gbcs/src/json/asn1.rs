//! ASN.1 payloads: names where numbers have them, base64 for certificates.
use super::text;
use crate::asn1::{
    CertificateDer, CertificationRequest, Content, DateTime, FirmwareVersion, ImageHash, KeyIdentifier, KeyUsages,
    Payload, SymmetricKey,
};
use crate::certificate::{KeyUsage, Role};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::string::String;

/// A number by its name where it has one.
macro_rules! named_number {
    ($type:ident) => {
        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::json::NamedNumber::of(self.name(), self.number()).serialize(serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::json::NamedNumber::deserialize(deserializer)?.read(
                    $type::from_name,
                    $type::from_number,
                    stringify!($type),
                )
            }
        }
    };
}
pub(crate) use named_number;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum NamedNumber<'a> {
    Name(std::borrow::Cow<'a, str>),
    Number(u8),
}

impl<'a> NamedNumber<'a> {
    pub(crate) fn of(name: Option<&'a str>, number: u8) -> Self {
        name.map_or(Self::Number(number), |name| Self::Name(name.into()))
    }

    pub(crate) fn read<T, E: de::Error>(
        self,
        from_name: fn(&str) -> Option<T>,
        from_number: fn(u8) -> T,
        what: &str,
    ) -> Result<T, E> {
        match self {
            Self::Name(name) => from_name(&name)
                .ok_or_else(|| E::custom(format_args!("{name:?} is the name of no {what}; its number does as well"))),
            Self::Number(number) => Ok(from_number(number)),
        }
    }
}

named_number! { Role }

super::forms::as_text! {
    DateTime: "a moment as 2030-01-15T00:00:00Z, or never", |time| std::format!("{time}"),
        |text| if text == "never" { Some(DateTime::NEVER) } else { super::forms::moment(text).map(DateTime::new) };
    KeyIdentifier: "16 hex digits", |key| hex::encode(key.0), |text| octets(text).map(KeyIdentifier);
    ImageHash: "64 hex digits", |hash| hex::encode(hash.0), |text| octets(text).map(ImageHash);
    FirmwareVersion: "8 hex digits", |version| std::format!("{version}"), |text| octets(text).map(FirmwareVersion);
    SymmetricKey: "hex digits", |key| hex::encode(key.expose()), |text| hex::decode(text).ok().map(SymmetricKey::new);
    KeyUsages: "a key usage by name, or its bits as 0x8000", |usages| std::format!("{usages}"), key_usages;
    CertificateDer: "a certificate in DER, in base64", |certificate| BASE64_STANDARD.encode(certificate),
        |text| CertificateDer::new(BASE64_STANDARD.decode(text).ok()?).ok();
    CertificationRequest: "a certification request in DER, in base64", |request| BASE64_STANDARD.encode(request),
        |text| CertificationRequest::new(BASE64_STANDARD.decode(text).ok()?).ok();
}

fn octets<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    hex::decode_to_slice(digits, &mut octets).ok().map(|()| octets)
}

fn key_usages(text: &str) -> Option<KeyUsages> {
    let known = [KeyUsage::DigitalSignature, KeyUsage::KeyAgreement, KeyUsage::KeyCertSign];
    match known.into_iter().find(|usage| usage.name() == text) {
        Some(usage) => Some(usage.into()),
        None => u16::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(KeyUsages),
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map = Map::<String, Json>::deserialize(deserializer)?;
        let long_lengths = match map.remove("long_lengths") {
            None | Some(Json::Bool(false)) => false,
            Some(Json::Bool(true)) => true,
            Some(other) => return Err(de::Error::custom(format_args!("long_lengths is true or false, not {other}"))),
        };
        let payload: Self = Content::deserialize(Json::Object(map)).map_err(de::Error::custom)?.into();
        Ok(if long_lengths { payload.with_long_lengths() } else { payload })
    }
}
