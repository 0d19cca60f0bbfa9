//! What a node is told when it starts, and what it asks to have kept.
use crate::mac::{PanId, ShortAddress};
use crate::security::Key;
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Eui64;

/// Everything a node needs to know of itself and its network.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its own EUI-64.
    pub eui: Eui64,
    /// Its address in the PAN.
    pub short: ShortAddress,
    /// The PAN.
    pub pan: PanId,
    /// What it is in the network.
    pub role: Role,
    /// The network key.
    pub network_key: Key,
    /// Sequence number of the network key.
    pub network_key_sequence: u8,
    /// The devices it talks to.
    pub peers: Vec<Peer>,
    /// The endpoints at which it takes datagrams.
    pub endpoints: Vec<u8>,
    /// Timers and limits.
    pub timing: Timing,
    /// What the last [`Output::Persist`](super::Output::Persist) said; the default for a device that never ran.
    pub counters: FrameCounters,
}

/// What a device is in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Formed the network: the Communications Hub.
    Coordinator,
    /// Its receiver is always on.
    Router,
    /// Its receiver is on between `wake` and `sleep` only; what is for it waits at its parent.
    SleepyEndDevice {
        /// The parent.
        parent: ShortAddress,
    },
}

/// A device that a node talks to.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its EUI-64.
    pub eui: Eui64,
    /// Its address in the PAN.
    pub short: ShortAddress,
    /// The link key shared with it; without one nothing is sent to it or taken from it.
    pub link_key: Option<Key>,
    /// It is a sleepy child of this node: frames for it wait until it polls.
    pub sleepy_child: bool,
}

/// Timers and limits of the stack; the defaults are those of han.md 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a MAC acknowledgement may take. The air needs 0.9 ms; the default leaves room for 10 ms of simulated
    /// delay each way and for the scheduling of hosts.
    pub mac_ack_wait: Duration,
    /// How often a frame without MAC acknowledgement is repeated.
    pub mac_retries: u8,
    /// How long an APS acknowledgement may take; towards a sleepy child `indirect_hold` is added.
    pub aps_ack_wait: Duration,
    /// How often a datagram, or one block of it, is repeated.
    pub aps_retries: u8,
    /// How long a frame waits for a sleepy child to poll.
    pub indirect_hold: Duration,
    /// How long a delivered datagram's counter is remembered, to drop repetitions.
    pub duplicate_window: Duration,
    /// How long after a poll a sleepy device expects the frame that its parent announced.
    pub poll_response_wait: Duration,
    /// Between two polls of a woken device that expects something.
    pub poll_busy: Duration,
    /// Between two polls of a woken device otherwise.
    pub poll_idle: Duration,
    /// Datagrams waiting for one peer.
    pub max_queued: usize,
    /// Frames waiting for one sleepy child.
    pub max_indirect: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            mac_ack_wait: Duration::from_millis(50),
            mac_retries: 3,
            aps_ack_wait: Duration::from_millis(1600),
            aps_retries: 3,
            indirect_hold: Duration::from_millis(7680),
            duplicate_window: Duration::from_secs(60),
            poll_response_wait: Duration::from_millis(100),
            poll_busy: Duration::from_millis(50),
            poll_idle: Duration::from_millis(250),
            max_queued: 32,
            max_indirect: 8,
        }
    }
}

/// The frame counters to keep across a restart. Outgoing ones are reservations: the next start goes on from them, so they
/// must be stored before the transmissions that follow them in `poll`. Incoming ones are stored at every 1024th frame only, so
/// that flash lasts: after a power cut fewer frames than that could be replayed, and GBCS counters refuse what they carry. A
/// device that stops in order stores [`Node::counters`](super::Node::counters) and leaves no such gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameCounters {
    /// Outgoing, under the network key.
    pub network: u32,
    /// Per peer.
    pub peers: Vec<PeerCounters>,
}

impl FrameCounters {
    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// Octets that end too early or go on.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(octets, "frame counters");
        let network = r.u32()?;
        let mut peers = Vec::with_capacity(octets.len() / PeerCounters::LEN);
        while !r.is_empty() {
            peers.push(PeerCounters { peer: r.eui()?, link: r.u32()?, network_floor: r.u32()?, link_floor: r.u32()? });
        }
        Ok(Self { network, peers })
    }

    /// Octets of the stored form.
    pub const fn encoded_len(&self) -> usize {
        4 + PeerCounters::LEN * self.peers.len()
    }

    /// Appends a form to store: the network counter, then per peer its EUI-64 and three counters, all little-endian.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.network.to_le_bytes());
        for counters in &self.peers {
            out.extend(counters.peer.to_le());
            for counter in [counters.link, counters.network_floor, counters.link_floor] {
                out.extend(counter.to_le_bytes());
            }
        }
    }

    /// The stored form as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }
}

/// The stored form as a byte string: how every device keeps them in its record.
#[cfg(feature = "minicbor")]
impl<C> minicbor::Encode<C> for FrameCounters {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.to_vec())?.ok()
    }
}

#[cfg(feature = "minicbor")]
impl<'b, C> minicbor::Decode<'b, C> for FrameCounters {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.bytes()?).map_err(|_| minicbor::decode::Error::message("no frame counters"))
    }
}

/// Frame counters with one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCounters {
    /// The peer.
    pub peer: Eui64,
    /// Outgoing, under the link key.
    pub link: u32,
    /// The lowest that is accepted from the peer under the network key.
    pub network_floor: u32,
    /// The lowest that is accepted from the peer under the link key.
    pub link_floor: u32,
}

impl PeerCounters {
    const LEN: usize = 20;
}
