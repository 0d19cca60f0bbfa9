//! Payloads read in place: every length, count and tag checked once, nothing copied and nothing allocated. What a view accepts, the
//! types by meaning ([`dlms::Apdu`](crate::dlms), [`gbz::Payload`](crate::gbz)) accept too, and the other way round.
//!
//! ```
//! # fn main() -> Result<(), gbcs::ParseError> {
//! use gbcs::{Cra, view::{Payload, Value, dlms::Apdu}};
//! // Read attribute 2 of one object.
//! let octets = [0xD9, 0x20, 0, 3, 0xE8, 0, 1, 1, 0, 1, 0, 0, 19, 10, 0, 255, 2, 1, 0];
//! let Payload::Dlms(Apdu::Request(request)) = Payload::parse(Cra::Command, &octets)? else { panic!() };
//! for row in request.rows() {
//!     println!("{:?} {} {}", row.choice, row.class, row.obis);
//!     assert!(matches!(row.data, Value::Null));
//! }
//! # Ok(()) }
//! ```
pub mod dlms;
pub mod gbz;
mod value;

pub use value::{CompactArray, Elements, ElementsIter, Value, Values};
#[cfg(feature = "alloc")]
pub(crate) use value::{MAX_DEPTH, MAX_DESCRIPTION_DEPTH};

use crate::der;
use crate::envelope::{MessageView, ParseError};
use crate::ids::Cra;

/// Any payload, in its octets.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// DLMS: electricity meters, Communications Hub Functions, SAPCs.
    Dlms(dlms::Apdu<'a>),
    /// A GBZ Command or Response: gas meters, Gas Proxy Functions.
    Gbz(gbz::Payload<'a>),
    /// A GBZ Alert.
    GbzAlert(gbz::Alert<'a>),
    /// ASN.1: one value, lengths and nesting checked.
    Der(&'a [u8]),
}

impl<'a> Payload<'a> {
    /// Check exactly one payload of a message of this kind. The first octet tells the family: no DER value starts as the others do.
    pub fn parse(cra: Cra, octets: &'a [u8]) -> Result<Self, ParseError> {
        match (octets.first(), cra) {
            (Some(0xD9 | 0xDA | 0x0F), _) => dlms::Apdu::parse(octets).map(Self::Dlms),
            (Some(0x01), Cra::Alert) => gbz::Alert::parse(octets).map(Self::GbzAlert),
            (Some(0x01), _) => gbz::Payload::parse(octets).map(Self::Gbz),
            _ => der::check(octets).map(|_| Self::Der(octets)),
        }
    }

    /// The payload of a message; offsets in errors count from the start of the message.
    pub fn of(view: &MessageView<'a>) -> Result<Self, ParseError> {
        Self::parse(view.cra(), view.payload()).map_err(|error| error.behind(view.payload_offset()))
    }
}
