//! GBCS messages, to the octet: headers, payloads, the use case catalogue, protection and UTRNs.
//!
//! The crate is sans-IO and `no_std` with `alloc`. A message is a number: [`MessageView`] reads one without copying, and
//! [`Message`] holds its meaning; `parse(encode(x)) == x` and, for every valid message, `encode(parse(b)) == b`.
//! Section numbers in comments name clauses of the Great Britain Companion Specification (GBCS) 4.x where known.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod asn1;
pub mod block;
pub mod catalogue;
pub mod certificate;
pub mod crypto;
pub mod der;
pub mod dlms;
pub mod envelope;
pub mod gbz;
pub mod ids;
#[cfg(feature = "std")]
pub mod json;
#[cfg(feature = "std")]
pub mod keystore;
pub mod length;
mod octets;
pub mod payload;
pub mod protect;
mod reader;
pub mod time;
pub mod utrn;
pub mod verify;

pub use envelope::{Form, GroupingHeader, Message, MessageView, OtherInformation, ParseError, Route};
pub use ids::{Counter, Cra, Eui64, MessageCode, MessageId};
pub use octets::Octets;
pub use payload::Payload;
pub use time::Time;
