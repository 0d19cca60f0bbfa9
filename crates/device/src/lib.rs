//! What every GBCS device does with a Command before its own part (`gbcs-messages.md` 8 wants one pipeline for all of them).
//!
//! | Idea | Module |
//! |---|---|
//! | whom a device knows: trust anchor cells | [`Known`], [`TrustAnchor`] |
//! | the checks from octets to an authentic Command, in order | [`check`] |
//! | replay protection | [`counters`] |
//! | what it holds of each role, and the replacement of that (CS02a, CS02b, CS02f, CS02g) | [`credentials`] |
//! | Commands in ASN.1 that name their time | [`dated`] |
//! | the envelope of a Response | [`response`] |
//!
//! Used by the meters and by the functions of the hub. Nothing here keeps state of its own or has a clock.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod anchors;
mod certificate;
pub mod check;
pub mod counters;
pub mod credentials;
pub mod dated;
pub mod response;
mod secrets;

pub use anchors::{Known, Role, StoredCell, TrustAnchor, Usage, acb};
pub use counters::Counters;
pub use secrets::Secrets;
