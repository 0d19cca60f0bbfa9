//! The key infrastructure of smart metering in small: a root and an issuing authority each for organisations and for devices, and
//! the certificates they issue, in the shape of the public reference data (gbcs-messages 0.1).
//!
//! An organisation's certificate has its EUI-64 in the subject's x500UniqueIdentifier and its role in the organisational unit; a
//! device's has no subject, its EUI-64 in the subjectAltName's hardwareModuleName, and never expires.
//! [`gbcs::certificate`] reads both.
//!
//! No clock and no randomness: dates and serial numbers are arguments.
#![forbid(unsafe_code)]

mod authority;
mod profile;

pub use authority::{Authority, Branch, Organisation, SmkiError};
pub use profile::key_identifier;

use x509_cert::der::pem::{self, LineEnding};

/// A serial number. Of the first octet the highest bits are set so that it is positive and as long as it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// 16 octets, as the SMKI's are.
    Long([u8; 16]),
    /// 63 bits, which every validator of schema integers takes.
    Short([u8; 8]),
}

impl Serial {
    fn octets(&self) -> Vec<u8> {
        let mut octets = match self {
            Self::Long(octets) => octets.to_vec(),
            Self::Short(octets) => octets.to_vec(),
        };
        octets[0] = octets[0] & 0x7F | 0x40;
        octets
    }
}

/// A certificate in PEM.
pub fn to_pem(certificate: &[u8]) -> String {
    pem::encode_string("CERTIFICATE", LineEnding::LF, certificate).unwrap_or_default()
}

/// The octets of a PEM block of a certificate or certification request; `None` where the text is no such block.
pub fn from_pem(text: &str) -> Option<Vec<u8>> {
    let (label, octets) = pem::decode_vec(text.trim_start().as_bytes()).ok()?;
    matches!(label, "CERTIFICATE" | "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST").then_some(octets)
}
