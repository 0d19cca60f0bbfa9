//! How a device comes into a network: it looks for one, associates, and gets the network key under the link key of its install
//! code (han.md 8.4). [`Joiner`] is the device's side until it has a [`Membership`], with which its [`Node`](crate::Node) starts;
//! [`TrustCentre`] is the hub's; [`Commissioning`]
//! takes the device on to a link key of its own ([`cbke`](crate::cbke)). All are sans-IO: **drain `poll` until `Timeout` after every call**.
//!
//! The device asks for everything, again and again until it has it: a lost answer is sent again when it polls again.
mod commissioning;
mod frames;
mod joiner;
mod trust_centre;

pub use commissioning::{Commissioned, Commissioning, Output as CommissioningOutput};
pub use frames::{Beacon, MacCommand, TransportKey};
pub use joiner::{Joiner, JoinerConfig, Output as JoinerOutput};
pub use trust_centre::{Admission, Output as TrustCentreOutput, TrustCentre, TrustCentreConfig};

use crate::mac::{PanId, ShortAddress};
use crate::security::Key;
use gbcs::Eui64;

/// What a device knows once it is in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The network.
    pub pan: PanId,
    /// Its own address there.
    pub short: ShortAddress,
    /// The coordinator, which is the Trust Centre.
    pub coordinator: Eui64,
    /// The network key.
    pub network_key: Key,
    /// Sequence number of the network key.
    pub network_key_sequence: u8,
}
