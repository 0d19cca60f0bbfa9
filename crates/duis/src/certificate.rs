//! Certificates of XML signers (SMKI organisation certificates), as far as DUIS needs them.
use std::fmt;
use std::str::FromStr;

use gbcs::Eui64;
use gbcs::crypto::Crypto;
use x509_cert::Certificate;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, DecodePem as _, Encode as _};

use crate::signature::XmlSigner;
use crate::xml::Text;

const ORGANISATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
const UNIQUE_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.45");

/// What names a certificate in a signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerSerial {
    issuer: String,
    serial: Serial,
}

impl IssuerSerial {
    /// `issuer` in RFC 4514 form; blanks around its commas do not count.
    pub fn new(issuer: &str, serial: Serial) -> Self {
        let issuer = issuer.split(',').map(str::trim).collect::<Vec<_>>().join(",");
        Self { issuer, serial }
    }

    /// Name of the issuer, such as `CN=Z1,OU=07`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Serial number.
    pub fn serial(&self) -> Serial {
        self.serial
    }
}

impl fmt::Display for IssuerSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "issuer {} and serial number {}", self.issuer, self.serial)
    }
}

/// A serial number: up to 20 octets (RFC 5280 4.1.2.2), decimal in XML.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial([u8; 20]);

impl Serial {
    /// From big-endian octets, leading zeros allowed.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let significant = &octets[octets.iter().take_while(|o| **o == 0).count()..];
        let mut serial = [0; 20];
        serial.get_mut(20usize.checked_sub(significant.len())?..)?.copy_from_slice(significant);
        Some(Self(serial))
    }
}

/// A text is no serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a serial number: {}", Serial::EXPECTED)]
pub struct NotASerial;

impl FromStr for Serial {
    type Err = NotASerial;

    fn from_str(text: &str) -> Result<Self, NotASerial> {
        if text.is_empty() {
            return Err(NotASerial);
        }
        let mut serial = [0u8; 20];
        for digit in text.bytes() {
            let mut carry = u16::from(digit.checked_sub(b'0').filter(|d| *d < 10).ok_or(NotASerial)?);
            for octet in serial.iter_mut().rev() {
                let sum = u16::from(*octet) * 10 + carry;
                *octet = sum as u8;
                carry = sum >> 8;
            }
            if carry != 0 {
                return Err(NotASerial);
            }
        }
        Ok(Self(serial))
    }
}

impl Text for Serial {
    const EXPECTED: &'static str = "a decimal number of at most 20 octets";

    fn read(text: &str) -> Option<Self> {
        text.trim_ascii().parse().ok()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut digits = Vec::new();
        while rest != [0; 20] || digits.is_empty() {
            let mut remainder = 0u16;
            for octet in &mut rest {
                let value = remainder << 8 | u16::from(*octet);
                *octet = (value / 10) as u8;
                remainder = value % 10;
            }
            digits.push(b'0' + remainder as u8);
        }
        digits.iter().rev().try_for_each(|d| write!(f, "{}", char::from(*d)))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an organisation certificate is for: the subject's OU (DUIS 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignerRole {
    /// 135: a User's XML signatures.
    XmlSign,
    /// 137: the DCC's XML signatures.
    DspXmlSign,
    /// Something else: 2 signs GBCS messages as a supplier, 4 as the ACB.
    Other(u8),
}

impl SignerRole {
    /// From the number of the remote party role.
    pub const fn from_number(number: u8) -> Self {
        match number {
            135 => Self::XmlSign,
            137 => Self::DspXmlSign,
            other => Self::Other(other),
        }
    }

    /// The OU is the role in two hex digits; certificates older than DCC Boxed 1.4.1 have it in decimal.
    fn read(ou: &str) -> Option<Self> {
        let number = if ou.len() == 2 { u8::from_str_radix(ou, 16) } else { ou.parse() };
        number.ok().map(Self::from_number)
    }
}

impl fmt::Display for SignerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::XmlSign => f.write_str("XML signing by a User"),
            Self::DspXmlSign => f.write_str("XML signing by the DCC"),
            Self::Other(number) => write!(f, "role {number}"),
        }
    }
}

/// Why a certificate is of no use here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not an X.509 certificate.
    #[error("not an X.509 certificate: {0}")]
    NotX509(String),
    /// The subject lacks the role or the id of an organisation, or the key is not P-256.
    #[error("the certificate has no {0}")]
    Lacks(&'static str),
}

/// Reads a signer and the name of the certificate from DER. The chain and the validity are for the caller to check.
pub fn signer_from_der<C: Crypto>(crypto: &C, der: &[u8]) -> Result<(IssuerSerial, XmlSigner), CertificateError> {
    let certificate = Certificate::from_der(der).map_err(|e| CertificateError::NotX509(e.to_string()))?;
    signer(crypto, &certificate)
}

/// As [`signer_from_der`], from PEM.
pub fn signer_from_pem<C: Crypto>(crypto: &C, pem: &str) -> Result<(IssuerSerial, XmlSigner), CertificateError> {
    let certificate = Certificate::from_pem(pem).map_err(|e| CertificateError::NotX509(e.to_string()))?;
    signer(crypto, &certificate)
}

fn signer<C: Crypto>(crypto: &C, certificate: &Certificate) -> Result<(IssuerSerial, XmlSigner), CertificateError> {
    let lacks = CertificateError::Lacks;
    let tbs = certificate.tbs_certificate();
    let serial =
        Serial::from_octets(tbs.serial_number().as_bytes()).ok_or(lacks("serial number of 20 octets at most"))?;
    let attribute = |oid| tbs.subject().iter().find(|a| a.oid == oid).map(|a| a.value.value());
    let role = attribute(ORGANISATIONAL_UNIT).and_then(|ou| std::str::from_utf8(ou).ok()).and_then(SignerRole::read);
    // A BIT STRING: one octet of unused bits, then the EUI-64.
    let eui = match attribute(UNIQUE_IDENTIFIER) {
        Some([0, eui @ ..]) => <[u8; 8]>::try_from(eui).ok().map(Eui64),
        _ => None,
    };
    let spki = tbs.subject_public_key_info();
    let point = spki.subject_public_key.as_bytes().and_then(|octets| octets.strip_prefix(&[4])?.try_into().ok());
    let key = point.and_then(|point| crypto.public_key(point).ok()).ok_or(lacks("P-256 key"))?;
    let signer = XmlSigner {
        key,
        eui: eui.ok_or(lacks("EUI-64 in its subject"))?,
        role: role.ok_or(lacks("role in its subject"))?,
    };
    Ok((IssuerSerial::new(&tbs.issuer().to_string(), serial), signer))
}

/// The DER of a PEM certificate, for stores that keep DER.
pub fn pem_to_der(pem: &str) -> Result<Vec<u8>, CertificateError> {
    let not_x509 = |e: x509_cert::der::Error| CertificateError::NotX509(e.to_string());
    Certificate::from_pem(pem).and_then(|c| c.to_der()).map_err(not_x509)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_issuer_name_is_the_same_with_and_without_blanks() {
        let serial = "1234567890".parse().unwrap();
        assert_eq!(IssuerSerial::new("CN=U1, OU=07", serial), IssuerSerial::new("CN=U1,OU=07", serial));
    }

    #[test]
    fn what_is_no_decimal_of_twenty_octets_is_no_serial() {
        let largest = "1461501637330902918203684832716283019655932542975";
        assert_eq!(largest.parse::<Serial>().unwrap(), Serial([0xFF; 20]));
        for text in ["", "-1", "1a", "1461501637330902918203684832716283019655932542976"] {
            assert_eq!(text.parse::<Serial>(), Err(NotASerial), "{text}");
        }
        assert_eq!(Serial::from_octets(&[1; 21]), None);
    }

    proptest! {
        #[test]
        fn every_serial_comes_back(octets: [u8; 20]) {
            let serial = Serial(octets);
            prop_assert_eq!(serial.to_string().parse(), Ok(serial));
            prop_assert_eq!(Serial::from_octets(&octets), Some(serial));
        }

        #[test]
        fn octets_that_are_no_certificate_are_refused_without_panic(der: Vec<u8>) {
            prop_assert!(signer_from_der(&gbcs::crypto::RustCrypto, &der).is_err());
        }
    }
}
