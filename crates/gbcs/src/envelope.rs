//! The envelope of a message: MAC header, grouping header, payload, signature, MAC (GBCS 7.2.5 to 7.2.9).
//!
//! ```text
//! [ MAC header ]      DD 00 00 00 00 00 00 | L | 11 00 00 00 00        only when a MAC closes the message
//! [ grouping header ] DF 09 CRA ctr[8] 08 originator[8] 08 target[8] | Ldt dt | Loi oi | Lp
//! [ payload ]         Lp octets
//! [ signature ]       nothing | 00 | 40 r[32] s[32]
//! [ MAC ]             12 octets
//! ```
#[cfg(feature = "alloc")]
mod message;
pub(crate) mod view;

#[cfg(feature = "alloc")]
pub use message::{GroupingHeader, Message, SignatureField};
#[cfg(feature = "alloc")]
pub(crate) use message::{encode_mac_header, mac_header_len};
pub use view::{MessageView, Route, RouteForm};

use crate::ids::{Counter, Eui64, MessageCode};
use core::fmt;

/// First octet of a message with a MAC, and of a block of General Block Transfer: general-ciphering.
pub const TAG_GENERAL_CIPHERING: u8 = 0xDD;
/// First octet of a grouping header: general-signing.
pub const TAG_GENERAL_SIGNING: u8 = 0xDF;
/// What follows the length in a MAC header: authentication only, suite 1, then an unused invocation counter.
pub const SECURITY_HEADER: [u8; 5] = [0x11, 0, 0, 0, 0];
/// Octets of a MAC at the end of a message.
pub const MAC_LEN: usize = 12;

/// How a message is protected, which is where it stands on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Neither signature nor MAC: what the DCC hands the originator of a critical Command to sign.
    Plain,
    /// Signed, no MAC: a Signed Pre-Command, or the Response or Alert of a critical use case.
    Signed,
    /// Closed by a MAC; signed inside when the use case is critical.
    Maced,
}

/// Octets 12 of GMAC at the end of a message.
pub type Mac = [u8; MAC_LEN];

/// The other-information field: the message code, and who is behind a message that the ACB originates (GBCS 7.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherInformation<B> {
    /// The use case.
    pub code: MessageCode,
    /// What follows the code.
    pub supplementary: Supplementary<B>,
}

/// What follows the message code in other-information; told apart by length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supplementary<B> {
    /// Nothing: 2 octets in all.
    None,
    /// Supplementary Remote Party: 10 octets in all (Alert ECS200).
    Party(Eui64),
    /// Supplementary Remote Party and its counter: 18 octets in all.
    Request(Eui64, Counter),
    /// The same and the supplementary originator counter, the device's own: 26 octets in all.
    Response(Eui64, Counter, Counter),
    /// The same as a request and the DER certificate (key agreement) of the party: more than 26 octets in all.
    Certificate(Eui64, Counter, B),
}

impl<B: AsRef<[u8]>> OtherInformation<B> {
    /// Octets of the field, without its length.
    pub fn encoded_len(&self) -> usize {
        match &self.supplementary {
            Supplementary::None => 2,
            Supplementary::Party(_) => 10,
            Supplementary::Request(..) => 18,
            Supplementary::Response(..) => 26,
            Supplementary::Certificate(.., certificate) => 18 + certificate.as_ref().len(),
        }
    }

    /// The Supplementary Remote Party: who really asks when the ACB is Business Originator.
    pub fn party(&self) -> Option<Eui64> {
        match self.supplementary {
            Supplementary::None => None,
            Supplementary::Party(party)
            | Supplementary::Request(party, _)
            | Supplementary::Response(party, ..)
            | Supplementary::Certificate(party, ..) => Some(party),
        }
    }
}

/// Octets that are no GBCS message: where, in which field, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Offset of the octet at fault; the length of the input when it ended too soon.
    pub offset: usize,
    /// The field being read.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input ends inside the field, which needs this many octets more.
    Truncated(usize),
    /// One octet is not what it must be.
    Unexpected {
        /// What is there.
        found: u8,
        /// What the field allows, in words.
        expected: &'static str,
    },
    /// A length that is not in its shortest form or of a form GBCS does not use.
    BadLength,
    /// A length field says one thing and the octets another.
    LengthMismatch {
        /// What the length field says.
        said: usize,
        /// What there is.
        found: usize,
    },
    /// This many octets are left over at the end.
    LeftOver(usize),
    /// Values nest deeper than any message of GBCS.
    TooDeep,
    /// Sound in itself, but not what this use case has here.
    OtherShape,
}

impl ParseError {
    /// The same error in something that starts `base` octets into the whole.
    pub fn behind(self, base: usize) -> Self {
        Self { offset: self.offset + base, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(1) => f.write_str("the message ends one octet too soon"),
            Self::Truncated(missing) => write!(f, "the message ends {missing} octets too soon"),
            Self::Unexpected { found, expected } => write!(f, "found 0x{found:02X}, expected {expected}"),
            Self::BadLength => f.write_str("not a length in its shortest form"),
            Self::LengthMismatch { said, found } => write!(f, "says {said}, there are {found}"),
            Self::LeftOver(1) => f.write_str("one octet left over"),
            Self::LeftOver(n) => write!(f, "{n} octets left over"),
            Self::TooDeep => f.write_str("values nest too deep"),
            Self::OtherShape => f.write_str("not what this use case has here"),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, field, fault } = self;
        write!(f, "offset {offset}: {field}: {fault}")
    }
}

impl core::error::Error for ParseError {}
