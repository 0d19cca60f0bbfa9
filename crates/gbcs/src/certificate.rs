//! Certificates of the smart metering PKIs, read for what GBCS needs of them (GBCS 12).
//!
//! A device is named in subjectAltName (hardwareModuleName), an organisation in its subject: x500UniqueIdentifier holds the Entity
//! Identifier behind a zero octet, organizationalUnitName the role in hex. Chains are not validated here.
mod request;

pub use request::{CertificationRequest, RequestError};

use crate::ids::Eui64;
use crate::time::Time;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Tagged};
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::name::{GeneralName, HardwareModuleName};
use x509_cert::ext::pkix::{KeyUsage as KeyUsageExtension, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

const X500_UNIQUE_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.45");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// What GBCS needs to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is; `None` for an issuing authority that has no Entity Identifier.
    pub entity: Option<Eui64>,
    /// Of an organisation.
    pub role: Option<Role>,
    /// What its key is for.
    pub usage: KeyUsage,
    /// The public key, `x || y`; not yet known to be on the curve (see [`Crypto::public_key`](crate::crypto::Crypto::public_key)).
    pub point: [u8; 64],
    /// The issuer's name (RFC 4514).
    pub issuer: String,
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// The subject key identifier.
    pub key_identifier: Vec<u8>,
    /// The first and the last second it is good for.
    pub validity: (Time, Time),
}

/// What a key is for: one usage each in GBCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyUsage {
    /// Signing messages.
    DigitalSignature,
    /// Agreeing on keys for MACs and encryption.
    KeyAgreement,
    /// Signing certificates.
    KeyCertSign,
}

impl KeyUsage {
    /// As key stores write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DigitalSignature => "digital-signature",
            Self::KeyAgreement => "key-agreement",
            Self::KeyCertSign => "key-cert-sign",
        }
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A remote party role, as certificates and trust anchor cells number it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// 0
    Root,
    /// 1
    Recovery,
    /// 2
    Supplier,
    /// 3
    NetworkOperator,
    /// 4
    AccessControlBroker,
    /// 5: transitional change of supplier party
    TransitionalCos,
    /// 6
    WanProvider,
    /// 7
    IssuingAuthority,
    /// 8
    LoadController,
    /// Any other number, as it is; 127 is "other".
    Other(u8),
}

impl Role {
    /// From its number.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Root,
            1 => Self::Recovery,
            2 => Self::Supplier,
            3 => Self::NetworkOperator,
            4 => Self::AccessControlBroker,
            5 => Self::TransitionalCos,
            6 => Self::WanProvider,
            7 => Self::IssuingAuthority,
            8 => Self::LoadController,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Root => 0,
            Self::Recovery => 1,
            Self::Supplier => 2,
            Self::NetworkOperator => 3,
            Self::AccessControlBroker => 4,
            Self::TransitionalCos => 5,
            Self::WanProvider => 6,
            Self::IssuingAuthority => 7,
            Self::LoadController => 8,
            Self::Other(number) => number,
        }
    }

    /// Its name, where it has one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Root => "root",
            Self::Recovery => "recovery",
            Self::Supplier => "supplier",
            Self::NetworkOperator => "network-operator",
            Self::AccessControlBroker => "access-control-broker",
            Self::TransitionalCos => "transitional-cos",
            Self::WanProvider => "wan-provider",
            Self::IssuingAuthority => "issuing-authority",
            Self::LoadController => "load-controller",
            Self::Other(_) => return None,
        })
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        (0..=8).map(Self::from_number).find(|role| role.name() == Some(name))
    }
}

/// Octets that are no certificate of a smart metering PKI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not an X.509 certificate in DER.
    #[error("not an X.509 certificate in DER: {0}")]
    Malformed(der::Error),
    /// The public key is not an uncompressed point of P-256.
    #[error("the public key is not an uncompressed P-256 point")]
    NotP256,
    /// The key usage extension is missing or says several things.
    #[error("key usage is not one of digital signature, key agreement, certificate signing")]
    KeyUsage,
}

impl From<der::Error> for CertificateError {
    fn from(error: der::Error) -> Self {
        Self::Malformed(error)
    }
}

impl Certificate {
    /// Read one certificate in DER.
    pub fn parse(octets: &[u8]) -> Result<Self, CertificateError> {
        let x509 = X509::from_der(octets)?;
        let tbs = x509.tbs_certificate();
        let mut entity = None;
        let mut role = None;
        for attribute in tbs.subject().iter() {
            match attribute.oid {
                X500_UNIQUE_IDENTIFIER => entity = entity_of_bits(attribute.value.value()),
                ORGANIZATIONAL_UNIT => role = role_of(attribute.value.value()),
                _ => {}
            }
        }
        if let Some((_, names)) = tbs.get_extension::<SubjectAltName>()? {
            entity = named_device(&names).or(entity);
        }
        let usage = tbs.get_extension::<KeyUsageExtension>()?.and_then(|(_, usage)| one_usage(&usage));
        let key_identifier = tbs.get_extension::<SubjectKeyIdentifier>()?;
        Ok(Self {
            entity,
            role,
            usage: usage.ok_or(CertificateError::KeyUsage)?,
            point: point(tbs.subject_public_key_info()).ok_or(CertificateError::NotP256)?,
            issuer: tbs.issuer().to_string(),
            serial: tbs.serial_number().as_bytes().to_vec(),
            key_identifier: key_identifier.map_or(Vec::new(), |(_, id)| id.0.as_bytes().to_vec()),
            validity: (time(&tbs.validity().not_before), time(&tbs.validity().not_after)),
        })
    }
}

fn time(time: &x509_cert::time::Time) -> Time {
    Time::from_seconds(time.to_unix_duration().as_secs())
}

/// The one usage that a certificate of these PKIs has.
fn one_usage(usage: &KeyUsageExtension) -> Option<KeyUsage> {
    match (usage.digital_signature(), usage.key_agreement(), usage.key_cert_sign()) {
        (true, false, false) => Some(KeyUsage::DigitalSignature),
        (false, true, false) => Some(KeyUsage::KeyAgreement),
        (false, false, true) => Some(KeyUsage::KeyCertSign),
        _ => None,
    }
}

/// The coordinates of an uncompressed point.
fn point(key: &SubjectPublicKeyInfoOwned) -> Option<[u8; 64]> {
    match key.subject_public_key.as_bytes() {
        Some([4, point @ ..]) if key.algorithm.oid == EC_PUBLIC_KEY => point.try_into().ok(),
        _ => None,
    }
}

/// The device that a subjectAltName names.
fn named_device(names: &SubjectAltName) -> Option<Eui64> {
    names.0.iter().find_map(hardware_module)
}

/// The content of a BIT STRING: no unused bits, perhaps a zero octet, the identifier, which may begin with zeros itself.
fn entity_of_bits(content: &[u8]) -> Option<Eui64> {
    let [0, bits @ ..] = content else { return None };
    let eui = match bits {
        [0, eui @ ..] if eui.len() == 8 => eui,
        eui => eui,
    };
    eui.try_into().ok().map(Eui64)
}

fn role_of(text: &[u8]) -> Option<Role> {
    let text = core::str::from_utf8(text).ok()?;
    u8::from_str_radix(text, 16).ok().map(Role::from_number)
}

fn hardware_module(name: &GeneralName) -> Option<Eui64> {
    let GeneralName::OtherName(other) = name else { return None };
    if let Ok(Some(module)) = HardwareModuleName::from_other_name(other) {
        return module.hw_serial_num.as_bytes().try_into().ok().map(Eui64);
    }
    // Some devices' certificates hold the serial number in a form of their own; the octet string is what matters.
    let serial =
        other.value.decode_as::<&OctetStringRef>().ok().filter(|_| other.value.tag() == der::Tag::OctetString)?;
    serial.as_bytes().try_into().ok().map(Eui64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `00 00 DB ..` was once taken for a zero octet and an identifier of seven.
    #[test]
    fn an_organisations_identifier_may_begin_with_zero() {
        let eui = [0x00, 0xDB, 0x12, 0x34, 0x56, 0x78, 0x00, 0x04];
        for before in [&[0][..], &[0, 0]] {
            assert_eq!(entity_of_bits(&[before, &eui].concat()), Some(Eui64(eui)));
        }
        for content in [&eui[..], &[0; 8], &[0; 11], &[]] {
            assert_eq!(entity_of_bits(content), None);
        }
        assert_eq!(entity_of_bits(&[&[1][..], &eui].concat()), None, "with unused bits");
    }
}
