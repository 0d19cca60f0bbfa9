//! One home on virtual time: the device cores, the air between them, and nothing that waits.
//!
//! The cores are those of the firmware; here they meet a virtual radio and a clock that jumps from event to event. Whoever drives
//! a [`Home`] decides how its time relates to any other: a test lets it run free, the demo lets it run ahead while something is
//! on the air.
#![forbid(unsafe_code)]

mod air;
mod home;
mod part;
mod station;

pub use air::{Air, AirConfig, Arrival};
pub use home::{Capture, Home};
pub use part::{Effect, Part, PartEvent, PartId, PartOutput};
pub use station::{HhtConfig, Station};
