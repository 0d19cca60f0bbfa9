//! The SMKI as the stand-in has it: the repository of certificates that Users search, and the authority that certifies devices.
//!
//! No description of the repository's interface, or of that of DCC Boxed, is public beyond its paths (duis.md 1.7): the documents
//! are our own ([`document`]), `docs/smki.md` has them.
pub mod document;
pub(crate) mod service;

use duis::IssuerSerial;
use duis::certificate::Serial;
use gbcs::certificate::{Certificate, CertificateError, KeyUsage, Role};
use gbcs::{Eui64, Time};
use std::fmt;
use std::str::FromStr;

/// A certificate of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCertificate {
    octets: Vec<u8>,
    read: Certificate,
    name: IssuerSerial,
}

impl KnownCertificate {
    /// From its DER.
    pub fn parse(octets: impl Into<Vec<u8>>) -> Result<Self, CertificateError> {
        let octets = octets.into();
        let read = Certificate::parse(&octets)?;
        // A serial number of more than 20 octets is none (RFC 5280 4.1.2.2); what is in front of them tells nothing apart.
        let significant = &read.serial[read.serial.len().saturating_sub(20)..];
        let serial = Serial::from_octets(significant).unwrap_or_else(|| unreachable!("twenty octets at most"));
        let name = IssuerSerial::new(&read.issuer, serial);
        Ok(Self { octets, read, name })
    }

    /// DER.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// What it says.
    pub fn read(&self) -> &Certificate {
        &self.read
    }

    /// Issuer and serial number, under which no other is known.
    pub fn name(&self) -> &IssuerSerial {
        &self.name
    }

    /// Of what it is.
    pub fn kind(&self) -> Kind {
        match (self.read.usage, self.read.role) {
            (KeyUsage::KeyCertSign, _) => Kind::Authority,
            (_, Some(_)) => Kind::Organisation,
            (_, None) => Kind::Device,
        }
    }
}

/// Of what a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A root or issuing authority.
    Authority,
    /// An organisation.
    Organisation,
    /// A device.
    Device,
}

/// Where a certificate is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// Issued; the device has not said yet that it took it.
    Pending,
    /// In use.
    InUse,
    /// Another took its place.
    NotInUse,
    /// Its last day has passed.
    Expired,
    /// Not to be trusted any more.
    Revoked,
}

/// A word for each value of an enumeration: what is written, read and stored.
macro_rules! words {
    ($type:ident { $($variant:ident $word:literal,)* }) => {
        impl $type {
            /// Its word in documents.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl FromStr for $type {
            type Err = NoSuchWord;

            fn from_str(text: &str) -> Result<Self, NoSuchWord> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(NoSuchWord(&[$($word),*])),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! { Kind { Authority "authority", Organisation "organisation", Device "device", } }
words! {
    CertificateStatus {
        Pending "pending", InUse "in-use", NotInUse "not-in-use", Expired "expired", Revoked "revoked",
    }
}

/// A text that is none of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchWord(&'static [&'static str]);

impl fmt::Display for NoSuchWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not one of {}", self.0.join(", "))
    }
}

impl std::error::Error for NoSuchWord {}

/// What is looked for: all that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Whose.
    pub entity: Option<Eui64>,
    /// Of an organisation in this role.
    pub role: Option<Role>,
    /// For what.
    pub usage: Option<KeyUsage>,
    /// In which state.
    pub status: Option<CertificateStatus>,
    /// Issued by whom.
    pub issuer: Option<String>,
    /// Under which number.
    pub serial: Option<Serial>,
    /// As many of them are not told.
    pub skip: u32,
    /// Not more of them are told; at most and by default [`Query::MOST`].
    pub limit: Option<u32>,
}

impl Query {
    /// What an answer holds.
    pub const MOST: u32 = 100;

    /// How many are told.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(Self::MOST).min(Self::MOST)
    }
}

/// A certificate that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// It.
    pub certificate: KnownCertificate,
    /// Its state at the time.
    pub status: CertificateStatus,
}

/// What a search finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The certificates, oldest first.
    pub found: Vec<Found>,
    /// Whether there are more.
    pub more: bool,
}

/// Why a device is not certified.
#[derive(Debug, thiserror::Error)]
pub enum IssueFault {
    /// This stand-in has no authority's key.
    #[error("no authority for devices is here")]
    NoAuthority,
    /// The request does not read.
    #[error(transparent)]
    Request(#[from] gbcs::certificate::RequestError),
    /// Its signature is not by its key.
    #[error("the request is not signed with the key it is about")]
    Unproved,
    /// Neither the inventory nor the repository knows the device.
    #[error("device {0} is not known")]
    UnknownDevice(Eui64),
    /// Somebody has this key, or it is used for something else.
    #[error("the key is that of the certificate with {0}")]
    KeyTaken(IssuerSerial),
    /// No certificate could be made.
    #[error(transparent)]
    Smki(#[from] smki::SmkiError),
    /// The store or the system failed.
    #[error("{0}")]
    Internal(String),
}

impl From<rusqlite::Error> for IssueFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

/// When a certificate is good, whatever else is known of it.
pub(crate) fn is_past(certificate: &Certificate, at: Time) -> bool {
    certificate.validity.1 < at
}
