//! The Home Area Network: everything between a GBCS message and the octets on the air, and back.
//!
//! | Layer | Module | What it holds |
//! |---|---|---|
//! | 802.15.4 MAC | [`mac`] | data, acknowledgement, data request, frame check sequence |
//! | ZigBee NWK | [`nwk`] | network frames, network key security |
//! | ZigBee APS | [`aps`] | endpoints, acknowledgements, fragments, link key security |
//! | CCM\* | [`security`] | the one cipher both layers use, and the auxiliary header |
//! | ZCL | [`zcl`] | frame header, Default Response, attributes, Tunneling and mirror commands |
//! | GSME header | [`tunnel::gsme`] | GET, GET-RESPONSE, PUT in front of a message to or from a gas meter |
//! | one device | [`node`] | the stack of one device: retries, acknowledgements, sleep, reassembly, replay refusal |
//! | Tunneling cluster | [`tunnel`] | the client and the server of cluster 0x0704 above any [`node`] |
//! | device profile | [`zdo`] | device announce, endpoints, match descriptor: under the network key only |
//! | inter-PAN | [`interpan`] | one hop between devices that share no network: HHT and hub |
//! | joining | [`join`], [`cbke`], [`install_code`], [`mmo`] | association, the network key, the link key |
//! | partners | [`key_command`], [`partner`] | link keys of two devices, exchanged through the Trust Centre |
//! | duty | [`airtime`] | how long a device is on the air |
//! | captures | [`capture`] | pcap, Wireshark key lines, ZEP v2 (what needs files is behind the feature `std`) |
//!
//! # Codecs
//!
//! A header of these layers is a few octets, so view and meaning are one type: fields decoded, payload borrowed. Each has
//! `parse`, `encoded_len` and `encode`; `parse(encode(x)) == x`, and `encode(parse(b)) == b` for whatever `parse` takes.
//! What cannot be kept that way (reserved bits, frame versions of another age) is refused, never dropped.
//!
//! # Cores
//!
//! [`node::Node`], [`tunnel::Client`] and [`tunnel::Server`] are sans-IO: each call takes the time and an input, and
//! **after every call the driver drains `poll()` until it returns `Timeout`**. They know no clock, radio or randomness,
//! and each of their queues has a limit. The tunnels do not own the node: their `Send` becomes a [`node::Datagram`], and
//! a received datagram of cluster [`zcl::tunneling::CLUSTER`] goes to the side that [`tunnel::Side::of`] names.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod airtime;
pub mod aps;
pub mod capture;
pub mod cbke;
pub mod install_code;
pub mod interpan;
pub mod join;
pub mod key_command;
pub mod mac;
pub mod mmo;
pub mod node;
pub mod nwk;
pub mod partner;
pub mod security;
pub mod tunnel;
mod wire;
pub mod zcl;
pub mod zdo;

pub use install_code::InstallCode;
pub use mac::{PanId, ShortAddress};
pub use node::{Datagram, Node, NodeConfig};
pub use security::Key;
pub use wire::ParseError;

/// The Smart Energy profile, which every application frame of the HAN carries.
pub const SMART_ENERGY: u16 = 0x0109;

/// Whether datagrams of this profile and cluster are under the link key besides the network key: all but those of the device
/// profile and of key establishment, which come before there is one (han.md 8.4).
pub const fn needs_link_key(profile: u16, cluster: u16) -> bool {
    profile != zdo::PROFILE && cluster != cbke::CLUSTER
}
