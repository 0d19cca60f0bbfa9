//! What a head end and a carrier of its Commands (a PPMID, an HHT) say to each other.
//!
//! | Message | Direction | Signed by | Says |
//! |---|---|---|---|
//! | [`Hello`] | up | carrier | I am here, this nonce is good for one Release, these deliveries are open with me |
//! | [`Release`] | down | head end | this Command, to this meter, by this carrier, now: a [`Warrant`] and the Command's octets |
//! | [`Receipt`] | up | carrier | what became of a Release: held, on the HAN, refused and why; and the next nonce |
//! | [`Answer`] | up | carrier | the octets that the meter answered |
//!
//! A GBCS Command is a number that a meter treats the same whoever brings it, so a carrier cannot forge one; it can
//! withhold, repeat and time it. A warrant bounds that: it names one Command by its hash, one carrier, one nonce which that
//! carrier issued minutes ago, one attempt, and the moment after which the Command must not reach the HAN.
//!
//! # Time
//!
//! Every time in these messages is on the **carrier's** clock. The head end adds what elapsed on its own clock since it
//! received a Hello or Receipt to the time in it, so the two clocks need not agree.
//!
//! # Encoding
//!
//! CBOR (RFC 8949) in its deterministic form, integer keys, described in `handover.cddl`; signatures are COSE_Sign1
//! (RFC 9052) with ES256, the signer's EUI-64 as key identifier in the protected header, and a label of protocol, version
//! and direction as external data, so that a signature for one purpose is none for another. Whatever is not the one
//! encoding of its meaning is refused: unknown or repeated keys, indefinite lengths, long integers, octets left over. A
//! field more is therefore a version more, and the label says which.
//!
//! The COSE here is one fixed header and one signature structure, some 100 lines over `minicbor`, which the device's state
//! needs anyway. The crate `coset` would bring a second CBOR library (`ciborium`) and a header model of which nothing is
//! used; it is a development dependency, as the independent implementation that the tests compare with.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod cbor;
mod cose;
mod ids;
mod reason;
mod release;
mod upward;

pub use cose::{DOWNWARD_LABEL, Error, UPWARD_LABEL};
pub use ids::{DeliveryId, Nonce, NotADeliveryId};
pub use reason::Reason;
pub use release::{Checks, NonceStanding, Release, SealedRelease, Warrant};
pub use upward::{Answer, Hello, Receipt, Stage, Upward};

/// No message of the protocol is longer.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The longest Command that a carrier takes: twice the longest known. What is too long for one TransferData it sends in blocks (han.md
/// 9.3).
pub const MAX_COMMAND: usize = 8 * 1024;
