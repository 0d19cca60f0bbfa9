//! GBCS messages, to the octet: headers, payloads, the use case catalogue, protection and UTRNs.
//!
//! The crate is sans-IO and `no_std`. A message is a number: [`MessageView`] and [`view`] read one in place, and `Message` holds its
//! meaning; `parse(encode(x)) == x` and, for every valid message, `encode(parse(b)) == b`. The views need no allocator: without its
//! feature `alloc` the crate is they, [`block::Block`] and [`crypto`]; payloads by meaning, the catalogue and protection come with it.
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
#[cfg(feature = "alloc")]
mod octets;
#[cfg(feature = "alloc")]
pub mod payload;
#[cfg(feature = "alloc")]
pub mod protect;
mod reader;
#[cfg(feature = "alloc")]
pub mod rules;
pub mod time;
#[cfg(feature = "alloc")]
pub mod utrn;
#[cfg(feature = "alloc")]
pub mod verify;
pub mod view;

pub use envelope::{Form, MessageView, OtherInformation, ParseError, Route};
#[cfg(feature = "alloc")]
pub use envelope::{GroupingHeader, Message};
pub use ids::{Counter, Cra, Eui64, MessageCode, MessageId};
#[cfg(feature = "alloc")]
pub use octets::Octets;
#[cfg(feature = "alloc")]
pub use payload::Payload;
pub use time::Time;
