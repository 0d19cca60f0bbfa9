//! What a node keeps of one peer: counters, the datagram on its way, reassembly, and what waits for it.
use super::{Datagram, Handle, Peer, PeerCounters, Timing};
use crate::airtime::Exchanged;
use crate::aps::Endpoints;
use crate::key_command::KeyCommand;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::Time;

/// Octets of payload in a frame that carries a whole datagram (han.md 11.6).
pub(super) const UNFRAGMENTED: usize = 65;
/// Octets of payload in each block of a longer one.
pub(super) const PER_BLOCK: usize = 63;
/// How many outgoing counters are reserved, and how many incoming ones pass, between two `Persist`.
pub(super) const RESERVE: u32 = 1024;
/// Delivered datagrams remembered per peer.
const MAX_DELIVERED: usize = 16;

/// A counter of which only reservations are stored.
#[derive(Clone, Copy)]
pub(super) struct Reserved {
    used: u32,
    pub(super) limit: u32,
}

impl Reserved {
    pub(super) const fn from(stored: u32) -> Self {
        Self { used: stored, limit: stored }
    }

    /// The next value, and whether a new reservation must be stored before it is used; `None` when all are used up.
    pub(super) fn take(&mut self) -> Option<(u32, bool)> {
        let next = self.used.checked_add(1).filter(|next| *next != u32::MAX)?;
        self.used = next;
        let reserve = next > self.limit;
        if reserve {
            self.limit = next.saturating_add(RESERVE - 1);
        }
        Some((next, reserve))
    }
}

/// The lowest counter still accepted of a sender under a key.
#[derive(Clone, Copy)]
pub(super) struct Floor(pub(super) u32);

impl Floor {
    pub(super) const fn refuses(self, counter: u32) -> bool {
        counter < self.0 || counter == u32::MAX
    }

    pub(super) fn accept(&mut self, counter: u32) {
        self.0 = counter + 1;
    }
}

pub(super) struct PeerState {
    pub(super) peer: Peer,
    pub(super) link: Reserved,
    pub(super) network_floor: Floor,
    pub(super) link_floor: Floor,
    pub(super) outgoing: VecDeque<Transaction>,
    pub(super) reassembly: Option<Reassembly>,
    pub(super) indirect: VecDeque<(Time, Vec<u8>)>,
    pub(super) exchanged: Exchanged,
    /// Counted per peer, so that a number comes back only after 255 others to the same peer.
    aps_counter: u8,
    delivered: VecDeque<(u8, Time)>,
}

impl PeerState {
    pub(super) fn new(peer: Peer, aps_counter: u8, counters: Option<PeerCounters>) -> Self {
        let counters = counters.unwrap_or(PeerCounters { peer: peer.eui, link: 0, network_floor: 0, link_floor: 0 });
        Self {
            peer,
            link: Reserved::from(counters.link),
            network_floor: Floor(counters.network_floor),
            link_floor: Floor(counters.link_floor),
            outgoing: VecDeque::new(),
            reassembly: None,
            indirect: VecDeque::new(),
            exchanged: Exchanged::default(),
            aps_counter,
            delivered: VecDeque::new(),
        }
    }

    pub(super) fn counters(&self) -> PeerCounters {
        PeerCounters {
            peer: self.peer.eui,
            link: self.link.limit,
            network_floor: self.network_floor.0,
            link_floor: self.link_floor.0,
        }
    }

    /// Drops what nobody came for in time.
    pub(super) fn expire(&mut self, now: Time) {
        self.reassembly.take_if(|reassembly| reassembly.expires <= now);
        self.indirect.retain(|(expires, _)| now < *expires);
    }

    pub(super) fn take_aps_counter(&mut self) -> u8 {
        let counter = self.aps_counter;
        self.aps_counter = counter.wrapping_add(1);
        counter
    }

    pub(super) fn was_delivered(&mut self, now: Time, counter: u8, timing: &Timing) -> bool {
        self.delivered.retain(|(_, at)| now < *at + timing.duplicate_window);
        self.delivered.iter().any(|(delivered, _)| *delivered == counter)
    }

    pub(super) fn delivered(&mut self, now: Time, counter: u8) {
        if self.delivered.len() == MAX_DELIVERED {
            self.delivered.pop_front();
        }
        self.delivered.push_back((counter, now));
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        let acknowledgement = self.outgoing.front().and_then(|transaction| transaction.deadline);
        let reassembly = self.reassembly.as_ref().map(|reassembly| reassembly.expires);
        let indirect = self.indirect.front().map(|(expires, _)| *expires);
        [acknowledgement, reassembly, indirect].into_iter().flatten().min()
    }
}

/// What goes from stack to stack, and is acknowledged.
pub(super) enum Cargo {
    Datagram(Datagram),
    Command(KeyCommand),
}

/// A datagram or a command on its way: repeated block by block until acknowledged.
pub(super) struct Transaction {
    /// How the sender knows it; `None` for what the node itself says.
    pub(super) handle: Option<Handle>,
    pub(super) cargo: Cargo,
    /// Its octets.
    pub(super) payload: Vec<u8>,
    pub(super) counter: u8,
    pub(super) block: u8,
    pub(super) tries: u8,
    /// When the acknowledgement is overdue; `None` before the first transmission of a block.
    pub(super) deadline: Option<Time>,
}

impl Transaction {
    pub(super) fn new(handle: Option<Handle>, cargo: Cargo, counter: u8) -> Self {
        let (cargo, payload) = match cargo {
            Cargo::Datagram(mut datagram) => {
                let payload = core::mem::take(&mut datagram.payload);
                (Cargo::Datagram(datagram), payload)
            }
            Cargo::Command(command) => {
                let payload = command.to_vec();
                (Cargo::Command(command), payload)
            }
        };
        Self { handle, cargo, payload, counter, block: 0, tries: 0, deadline: None }
    }

    pub(super) fn blocks(&self) -> u8 {
        if self.is_fragmented() { self.payload.len().div_ceil(PER_BLOCK) as u8 } else { 1 }
    }

    pub(super) const fn is_fragmented(&self) -> bool {
        self.payload.len() > UNFRAGMENTED
    }

    pub(super) fn block_payload(&self) -> &[u8] {
        if !self.is_fragmented() {
            return &self.payload;
        }
        let start = self.block as usize * PER_BLOCK;
        &self.payload[start..self.payload.len().min(start + PER_BLOCK)]
    }

    /// None of a command.
    pub(super) const fn endpoints(&self) -> Option<Endpoints> {
        match &self.cargo {
            Cargo::Datagram(datagram) => Some(datagram.endpoints()),
            Cargo::Command(_) => None,
        }
    }
}

/// A fragmented datagram that is arriving, block after block.
pub(super) struct Reassembly {
    pub(super) endpoints: Endpoints,
    pub(super) counter: u8,
    pub(super) blocks: u8,
    pub(super) next: u8,
    pub(super) payload: Vec<u8>,
    pub(super) expires: Time,
}
