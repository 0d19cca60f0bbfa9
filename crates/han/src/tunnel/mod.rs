//! The Tunneling cluster above a node: who may open a tunnel, what goes through it, and when it ends (han.md 1 to 3).
//!
//! [`Client`] asks for tunnels, [`Server`] grants them; once one is open, data goes both ways. Neither owns a node: give
//! each `Send` to it as [`Outbound::datagram`], give a received datagram of the cluster to the side that [`Side::of`]
//! names, and tell the side when the node gave a datagram up. A sleepy device lets the timers of its client run while it
//! is awake only, and calls [`Client::retry`] when it wakes.
mod client;
mod front;
pub mod gsme;
mod lane;
mod server;

pub use client::{Client, ClientConfig};
pub use server::{Server, ServerConfig};

use crate::node::Datagram;
use crate::zcl::tunneling::{CLUSTER, TunnelStatus};
use crate::zcl::{Direction, Frame, Status};
use alloc::vec::Vec;
use gbcs::{Eui64, Time};

/// Which side of the cluster a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Sent by a server: for [`Client`].
    Client,
    /// Sent by a client: for [`Server`].
    Server,
}

impl Side {
    /// The side that a ZCL frame of the cluster is for; `None` when it is no ZCL frame.
    pub fn of(zcl: &[u8]) -> Option<Self> {
        match Frame::parse(zcl).ok()?.direction {
            Direction::ToServer => Some(Self::Server),
            Direction::ToClient => Some(Self::Client),
        }
    }
}

/// Names data given to `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransferId(pub u32);

/// A ZCL frame of the cluster on its way to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The peer.
    pub peer: Eui64,
    /// Our endpoint.
    pub src_endpoint: u8,
    /// The peer's endpoint.
    pub dst_endpoint: u8,
    /// The frame.
    pub zcl: Vec<u8>,
}

impl Outbound {
    /// As a node sends it.
    pub fn datagram(self) -> Datagram {
        Datagram {
            peer: self.peer,
            profile: crate::SMART_ENERGY,
            cluster: CLUSTER,
            src_endpoint: self.src_endpoint,
            dst_endpoint: self.dst_endpoint,
            payload: self.zcl,
        }
    }
}

/// Why a tunnel is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The other side closed it.
    ByPeer,
    /// The other side does not know it: it restarted, or gave it to another device.
    Forgotten,
    /// Nothing went through it for the CloseTunnelTimeout.
    Inactive,
    /// The peer did not acknowledge a frame, did not answer, or refused to renew it.
    Unreachable,
    /// This side was told to.
    Removed,
}

/// Why data did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TransferFailure {
    /// This side has no association with the peer.
    #[error("no tunnel with the peer")]
    NoTunnel,
    /// Longer than the peer takes.
    #[error("longer than the peer takes")]
    TooLong,
    /// Too much waits for this peer already.
    #[error("too much waits for the peer")]
    QueueFull,
    /// The peer's stack acknowledged, but no answer came: the peer may have taken the data or not.
    #[error("no answer from the peer")]
    NoAnswer,
    /// The peer could not be reached in all the attempts and all the time allowed.
    #[error("peer could not be reached")]
    Unreachable,
    /// The peer answered with this status.
    #[error("refused by the peer: {0:?}")]
    Refused(Status),
    /// The tunnel was closed or the peer removed meanwhile.
    #[error("tunnel was closed")]
    Closed,
}

/// What a side of the cluster wants done, or tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Give this to the node.
    Send(Outbound),
    /// A tunnel is open (or was asked for again and still is).
    Opened {
        /// The other side.
        peer: Eui64,
        /// TunnelID.
        tunnel: u16,
    },
    /// A RequestTunnel was refused: by the peer (client), or by us (server).
    Refused {
        /// The other side.
        peer: Eui64,
        /// With which status.
        status: TunnelStatus,
    },
    /// We refused to close a tunnel: it is another's, or none.
    CloseRefused {
        /// Who asked.
        peer: Eui64,
        /// With which status.
        status: Status,
    },
    /// A tunnel is no more.
    Closed {
        /// The other side.
        peer: Eui64,
        /// Why.
        reason: CloseReason,
    },
    /// Data from the peer, admitted and answered.
    Data {
        /// The other side.
        peer: Eui64,
        /// The octets, a gas meter's header included.
        data: Vec<u8>,
    },
    /// The peer answered the transfer with success: it has the octets. Nothing more than that.
    Accepted {
        /// The other side.
        peer: Eui64,
        /// Which transfer.
        transfer: TransferId,
    },
    /// The transfer is given up.
    Failed {
        /// The other side.
        peer: Eui64,
        /// Which transfer.
        transfer: TransferId,
        /// Why.
        reason: TransferFailure,
    },
    /// Nothing more now; call `handle_timeout` at this time, if there is one.
    Timeout(Option<Time>),
}

/// One endpoint of another device: who owns a tunnel is such a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Remote {
    peer: Eui64,
    endpoint: u8,
}

/// Admits all data: what `handle_zcl` asks when its user does not say otherwise.
fn admit_all(_: Eui64, _: &[u8]) -> Status {
    Status::Success
}
