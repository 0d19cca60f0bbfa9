//! GBCS messages, to the octet: headers, payloads, the use case catalogue, protection and UTRNs.
//!
//! The crate is sans-IO and `no_std`. Without its feature `alloc` it is the view layer: [`MessageView`] and [`block::Block`], which read
//! a message in place, and what they are made of. With `alloc` come the payloads by meaning, the catalogue, protection. A message is a number: [`MessageView`] reads one without copying, and
//! [`Message`] holds its meaning; `parse(encode(x)) == x` and, for every valid message, `encode(parse(b)) == b`.
//! Section numbers in comments name clauses of the Great Britain Companion Specification (GBCS) 4.x where known.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
pub mod asn1;
pub mod block;
#[cfg(feature = "alloc")]
pub mod catalogue;
#[cfg(feature = "alloc")]
pub mod certificate;
pub mod crypto;
#[cfg(feature = "alloc")]
pub mod der;
#[cfg(feature = "alloc")]
pub mod dlms;
pub mod envelope;
#[cfg(feature = "alloc")]
pub mod gbz;
pub mod ids;
#[cfg(feature = "std")]
pub mod json;
#[cfg(feature = "std")]
pub mod keystore;
pub mod length;
#[cfg(feature = "alloc")]
mod octets;
#[cfg(feature = "alloc")]
pub mod payload;
#[cfg(feature = "alloc")]
pub mod protect;
#[cfg(feature = "alloc")]
mod reader;
pub mod rules;
pub mod time;
#[cfg(feature = "alloc")]
pub mod utrn;
#[cfg(feature = "alloc")]
pub mod verify;

pub use envelope::{Form, MessageView, OtherInformation, ParseError, Route};
#[cfg(feature = "alloc")]
pub use envelope::{GroupingHeader, Message};
pub use ids::{Counter, Cra, Eui64, MessageCode, MessageId};
#[cfg(feature = "alloc")]
pub use octets::Octets;
#[cfg(feature = "alloc")]
pub use payload::Payload;
pub use time::Time;
