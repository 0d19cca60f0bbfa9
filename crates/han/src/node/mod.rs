//! The stack of one device, from a datagram to the octets on the air and back.
//!
//! A node is given every frame that its radio hears and ignores what is not for it. Datagrams are unicast, encrypted under
//! the link key that both devices share, acknowledged end to end, fragmented where they must be, and delivered once. There
//! is one hop: the network is a star around the hub, so nothing is routed. The node leaves channel access to the radio,
//! which must not give it back its own frames.
//!
//! ```
//! use han::node::{FrameCounters, Output, Peer, Role, Timing};
//! use han::{Datagram, Key, Node, NodeConfig, PanId, SMART_ENERGY, ShortAddress};
//! use gbcs::{Eui64, Time};
//!
//! let (hub, ppmid) = (Eui64::from_u64(0x00DB_1234_5678_90A2), Eui64::from_u64(0x00DB_1234_5678_90A4));
//! let node = |eui, short, peer, peer_short, role| {
//!     let link_key = Some(Key::new([0xA5; 16]));
//!     Node::new(NodeConfig {
//!         eui,
//!         short: ShortAddress(short),
//!         pan: PanId(0x1A62),
//!         role,
//!         network_key: Key::new([0x11; 16]),
//!         network_key_sequence: 0,
//!         peers: vec![Peer { eui: peer, short: ShortAddress(peer_short), link_key, sleepy_child: false }],
//!         endpoints: vec![1],
//!         timing: Timing::default(),
//!         counters: FrameCounters::default(),
//!     })
//! };
//! let mut nodes = [node(hub, 0, ppmid, 0x1234, Role::Coordinator), node(ppmid, 0x1234, hub, 0, Role::Router)];
//!
//! let now = Time(0);
//! let zcl = vec![0x11, 1, 0, 6, 0xFF, 0xFF, 0, 0xDC, 5];
//! let request =
//!     Datagram { peer: hub, profile: SMART_ENERGY, cluster: 0x0704, src_endpoint: 1, dst_endpoint: 1, payload: zcl.clone() };
//! let handle = nodes[1].send(now, request);
//! // After every call, drain. What one transmits, the other hears.
//! let mut turn = 1;
//! let mut heard = vec![];
//! while !heard.contains(&Output::Delivered(handle)) {
//!     match nodes[turn].poll() {
//!         Output::Transmit(psdu) => nodes[1 - turn].handle_frame(now, &psdu),
//!         Output::Timeout(_) => turn = 1 - turn,
//!         output => heard.push(output),
//!     }
//! }
//! assert!(heard.iter().any(|output| matches!(output, Output::Received(datagram) if datagram.payload == zcl)));
//! ```
mod aps;
mod config;
mod mac;
mod peer;

pub use config::{FrameCounters, NodeConfig, Peer, PeerCounters, Role, Timing};

use crate::airtime::{Airtime, Exchanged};
use crate::aps::Endpoints;
use crate::key_command::KeyCommand;
use crate::mac::{Address, DATA_REQUEST, Frame, Kind, PanId, ShortAddress};
use crate::nwk;
use crate::security::{Aux, KeyId};
use crate::zdo::{self, SimpleDescriptor};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::{Eui64, Time};
use mac::{Done, Job, Mac};
use peer::{PeerState, RESERVE, Reserved};

/// The longest payload of a datagram: a full TransferData (1505 octets) and some room.
pub const MAX_DATAGRAM: usize = 1600;

/// Smart Energy device identifier of an endpoint that nothing more is said of: physical device.
const PHYSICAL: u16 = 0x0507;
/// From here on a short address is a group of devices: all, those that listen, routers (ZigBee PRO 3.6.5).
const FIRST_BROADCAST: u16 = 0xFFF8;
/// Every device whose receiver is on.
const LISTENING: ShortAddress = ShortAddress(0xFFFD);

/// What one endpoint says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The other device: where it goes, or where it came from.
    pub peer: Eui64,
    /// Profile.
    pub profile: u16,
    /// Cluster.
    pub cluster: u16,
    /// Endpoint of the sender.
    pub src_endpoint: u8,
    /// Endpoint of the receiver.
    pub dst_endpoint: u8,
    /// A ZCL frame.
    pub payload: Vec<u8>,
}

impl Datagram {
    const fn endpoints(&self) -> Endpoints {
        Endpoints {
            destination: self.dst_endpoint,
            cluster: self.cluster,
            profile: self.profile,
            source: self.src_endpoint,
        }
    }
}

/// Names a datagram given to [`Node::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(pub u32);

/// Why a datagram did not get there, as far as the sender can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The peer is not in the address table.
    #[error("peer is not in the address table")]
    UnknownPeer,
    /// No link key is shared with the peer.
    #[error("no link key is shared with the peer")]
    NoLinkKey,
    /// Longer than [`MAX_DATAGRAM`].
    #[error("datagram is too long")]
    TooLong,
    /// Too many datagrams wait for this peer already.
    #[error("too many datagrams wait for the peer")]
    QueueFull,
    /// The peer did not acknowledge, however often it was asked.
    #[error("peer did not acknowledge")]
    NoAck,
    /// The frame counter under a key is used up.
    #[error("frame counter is used up")]
    CountersUsedUp,
    /// The peer was removed from the address table.
    #[error("peer was removed")]
    Removed,
}

/// Why a frame for this node was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Octets that are no frame of their layer, or a form not carried.
    Malformed,
    /// Not protected by the network key in use, or not by the link key.
    Unprotected,
    /// The message integrity code does not match.
    Mic,
    /// The frame counter did not rise.
    Replayed,
    /// The sender is not in the address table, or not under this address.
    UnknownPeer,
    /// A datagram past [`MAX_DATAGRAM`], or blocks that contradict each other.
    Fragments,
    /// No such endpoint here.
    NoEndpoint,
}

/// What a node wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put this PSDU (frame check sequence included) on the air.
    Transmit(Vec<u8>),
    /// A datagram arrived, once, from the peer that its link key proves.
    Received(Datagram),
    /// The peer's stack acknowledged the datagram.
    Delivered(Handle),
    /// The datagram is given up; the peer may nevertheless have got it.
    Failed(Handle, Failure),
    /// The peer that its link key proves asks for a link key that it can share with another device, or brings one, once.
    Key(Eui64, KeyCommand),
    /// A frame for this node was thrown away.
    Refused(ShortAddress, Refusal),
    /// Store this before doing what follows.
    Persist(FrameCounters),
    /// Nothing more now; call [`Node::handle_timeout`] at this time, if there is one.
    Timeout(Option<Time>),
}

/// The stack of one device.
pub struct Node {
    eui: Eui64,
    short: ShortAddress,
    pan: PanId,
    network_key: crate::Key,
    network_key_sequence: u8,
    endpoints: Vec<SimpleDescriptor>,
    timing: Timing,
    sleepy: Option<Sleepy>,
    mac: Mac,
    airtime: Airtime,
    network: Reserved,
    nwk_sequence: u8,
    /// Where the APS counters of new peers start.
    seed: u8,
    next_handle: u32,
    accepted_since_persist: u32,
    peers: Vec<PeerState>,
    /// Counters of peers that were stored but are not in the address table yet.
    stored: Vec<PeerCounters>,
    outputs: VecDeque<Output>,
}

struct Sleepy {
    parent: ShortAddress,
    awake: bool,
    next_poll: Time,
}

impl Node {
    /// A node that starts; a sleepy one sleeps.
    pub fn new(config: NodeConfig) -> Self {
        let NodeConfig { eui, short, pan, role, network_key, network_key_sequence, peers, endpoints, timing, counters } =
            config;
        let sleepy = match role {
            Role::SleepyEndDevice { parent } => Some(Sleepy { parent, awake: false, next_poll: Time(0) }),
            Role::Coordinator | Role::Router => None,
        };
        // Eight-bit numbers start elsewhere after each restart (the reservation tells restarts apart) and in each device:
        // a peer that remembers the last ones must not take the first new one for a repetition.
        let seed = (counters.network / RESERVE).wrapping_mul(89).wrapping_add(short.0 as u32 * 57) as u8;
        let mut node = Self {
            eui,
            short,
            pan,
            network_key,
            network_key_sequence,
            endpoints: endpoints.into_iter().map(|at| SimpleDescriptor::smart_energy(at, PHYSICAL, [], [])).collect(),
            timing,
            sleepy,
            mac: Mac::new(pan, short, seed),
            airtime: Airtime::default(),
            network: Reserved::from(counters.network),
            nwk_sequence: seed,
            seed,
            next_handle: 0,
            accepted_since_persist: 0,
            peers: Vec::new(),
            stored: counters.peers,
            outputs: VecDeque::new(),
        };
        for peer in peers {
            node.set_peer(peer);
        }
        node
    }

    /// Says what is at an endpoint: the answer to descriptor requests, which the node gives by itself.
    pub fn describe(&mut self, descriptor: SimpleDescriptor) {
        self.endpoints.retain(|other| other.endpoint != descriptor.endpoint);
        self.endpoints.push(descriptor);
    }

    /// Tells every device in reach that this one is there: after joining.
    pub fn announce(&mut self, now: Time) {
        let capabilities = if self.sleepy.is_some() { 0x80 } else { 0x8E };
        let command = zdo::Command::DeviceAnnounce { short: self.short, eui: self.eui, capabilities };
        let frame = zdo::Frame { tsn: self.nwk_sequence, command };
        // A failure means that the counter is used up, which the next datagram tells.
        let _ = self.broadcast(&frame);
        self.run(now);
    }

    /// A MAC sequence number for a frame that goes on the air beside the node's own: none of these two gets the other's
    /// acknowledgement.
    pub fn take_mac_sequence(&mut self) -> u8 {
        self.mac.take_sequence()
    }

    /// What this node put on the air.
    pub const fn airtime(&self) -> &Airtime {
        &self.airtime
    }

    /// What passed between this node and a peer.
    pub fn exchanged_with(&self, eui: Eui64) -> Option<Exchanged> {
        self.index(eui).map(|at| self.peers[at].exchanged)
    }

    /// Adds a device to the address table, or changes its entry. A new link key starts its counters afresh.
    pub fn set_peer(&mut self, peer: Peer) {
        let Some(state) = self.peers.iter_mut().find(|state| state.peer.eui == peer.eui) else {
            let stored = self.stored.iter().position(|counters| counters.peer == peer.eui);
            let counters = stored.map(|at| self.stored.swap_remove(at));
            self.peers.push(PeerState::new(peer, self.seed, counters));
            return;
        };
        let is_new = state.peer.link_key != peer.link_key;
        if is_new {
            state.link = Reserved::from(0);
            state.link_floor = peer::Floor(0);
            state.reassembly = None;
        }
        state.peer = peer;
        if is_new && state.peer.link_key.is_some() {
            // The counters of the key before it would refuse what comes under this one after a restart.
            self.persist();
        }
    }

    /// Removes a device from the address table; what waits for it fails. Its counters stay known, should it come back.
    pub fn remove_peer(&mut self, eui: Eui64) {
        if let Some(at) = self.index(eui) {
            let state = self.peers.swap_remove(at);
            let lost = state.outgoing.iter().filter_map(|lost| lost.handle);
            self.outputs.extend(lost.map(|handle| Output::Failed(handle, Failure::Removed)));
            self.stored.push(state.counters());
        }
    }

    /// Sends a datagram, after those that wait for the same peer. `Delivered` or `Failed` follows for its handle.
    pub fn send(&mut self, now: Time, datagram: Datagram) -> Handle {
        let handle = Handle(self.next_handle);
        self.next_handle = self.next_handle.wrapping_add(1);
        if let Err(failure) = self.enqueue(Some(handle), datagram) {
            self.outputs.push_back(Output::Failed(handle, failure));
        }
        self.run(now);
        handle
    }

    /// Sends a command about a link key, after what waits for the same peer. `Delivered` or `Failed` follows for its handle.
    pub fn send_key(&mut self, now: Time, peer: Eui64, command: KeyCommand) -> Handle {
        let handle = Handle(self.next_handle);
        self.next_handle = self.next_handle.wrapping_add(1);
        if let Err(failure) = self.enqueue_command(handle, peer, command) {
            self.outputs.push_back(Output::Failed(handle, failure));
        }
        self.run(now);
        handle
    }

    /// Takes a PSDU that the radio heard, frame check sequence included.
    pub fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        if self.is_listening() {
            self.expire(now);
            self.hear(now, psdu);
            self.run(now);
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        self.run(now);
    }

    /// Switches a sleepy device's radio on; it polls its parent until [`sleep`](Self::sleep). Others ignore this.
    pub fn wake(&mut self, now: Time) {
        if let Some(sleepy) = self.sleepy.as_mut().filter(|sleepy| !sleepy.awake) {
            sleepy.awake = true;
            sleepy.next_poll = now;
        }
        self.run(now);
    }

    /// Switches a sleepy device's radio off, whatever is under way; datagrams wait for the next wake. Others ignore this.
    pub fn sleep(&mut self, _now: Time) {
        if let Some(sleepy) = &mut self.sleepy {
            sleepy.awake = false;
            self.mac.clear();
        }
    }

    /// The next thing to do; drain it until `Timeout` after every call.
    pub fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Timeout(self.timeout()))
    }

    /// Its own EUI-64.
    pub const fn eui(&self) -> Eui64 {
        self.eui
    }

    /// Whether the receiver is on.
    pub fn is_listening(&self) -> bool {
        self.sleepy.as_ref().is_none_or(|sleepy| sleepy.awake)
    }

    /// Whether a datagram is on its way in or out: not the moment to sleep.
    pub fn is_busy(&self) -> bool {
        !self.mac.is_idle() || self.peers.iter().any(|state| !state.outgoing.is_empty() || state.reassembly.is_some())
    }

    /// The counters as `Persist` would give them now.
    pub fn counters(&self) -> FrameCounters {
        let peers = self.peers.iter().map(PeerState::counters).chain(self.stored.iter().copied()).collect();
        FrameCounters { network: self.network.limit, peers }
    }

    fn timeout(&self) -> Option<Time> {
        if !self.is_listening() {
            return None;
        }
        let poll = self.sleepy.as_ref().filter(|_| !self.mac.has_poll()).map(|sleepy| sleepy.next_poll);
        let peers = self.peers.iter().filter_map(PeerState::timeout);
        peers.chain(poll).chain(self.mac.timeout()).min()
    }

    fn run(&mut self, now: Time) {
        if !self.is_listening() {
            return;
        }
        self.expire(now);
        match self.mac.overdue(now, &self.timing) {
            Some(Ok(psdu)) => self.transmit(now, self.mac.destination(), psdu),
            Some(Err(done)) => self.sent(now, done, false),
            None => {}
        }
        for at in 0..self.peers.len() {
            self.run_peer(now, at);
        }
        if let Some(sleepy) = &self.sleepy
            && sleepy.next_poll <= now
            && !self.mac.has_poll()
        {
            self.mac.push(Job::Poll { parent: sleepy.parent });
        }
        while let Some(psdu) = self.mac.start(now, &self.timing) {
            self.transmit(now, self.mac.destination(), psdu);
        }
    }

    fn expire(&mut self, now: Time) {
        for state in &mut self.peers {
            state.expire(now);
        }
    }

    fn hear(&mut self, now: Time, psdu: &[u8]) {
        // A frame that does not parse names no receiver: it is noise, and not refused by name.
        let Ok(frame) = Frame::parse(psdu) else { return };
        if frame.kind == Kind::Ack {
            if let Some(done) = self.mac.acknowledged(frame.sequence) {
                self.sent(now, done, frame.frame_pending);
            }
            return;
        }
        let (Some((pan, destination)), Some((_, Address::Short(source)))) = (frame.destination, frame.source) else {
            return;
        };
        let to_all = destination == Address::Short(ShortAddress::BROADCAST);
        let for_us = destination == Address::Short(self.short) || destination == Address::Extended(self.eui);
        if pan != self.pan || !(for_us || to_all) {
            return;
        }
        if let Some(peer) = self.peers.iter_mut().find(|state| state.peer.short == source) {
            peer.exchanged.heard.count(psdu.len());
        }
        if frame.ack_request && for_us {
            let pending = self.child(source).is_some_and(|at| !self.peers[at].indirect.is_empty());
            self.transmit(now, Some(source), Frame::ack(frame.sequence, pending).to_vec());
        }
        if self.mac.is_repetition(source, frame.sequence) {
            return;
        }
        match frame.kind {
            Kind::Command if frame.payload == [DATA_REQUEST] => self.release(source),
            Kind::Data => {
                self.poll_again(now, frame.frame_pending);
                if let Err(refusal) = self.hear_nwk(now, frame.payload) {
                    self.outputs.push_back(Output::Refused(source, refusal));
                }
            }
            _ => {}
        }
    }

    fn transmit(&mut self, now: Time, to: Option<ShortAddress>, psdu: Vec<u8>) {
        self.airtime.count(now, psdu.len());
        if let Some(peer) = self.peers.iter_mut().find(|state| Some(state.peer.short) == to) {
            peer.exchanged.sent.count(psdu.len());
        }
        self.outputs.push_back(Output::Transmit(psdu));
    }

    /// A child polled: one frame that waits for it goes on the air.
    fn release(&mut self, child: ShortAddress) {
        if let Some(at) = self.child(child)
            && let Some((_, nwk)) = self.peers[at].indirect.pop_front()
        {
            let frame_pending = !self.peers[at].indirect.is_empty();
            self.mac.push(Job::Data { destination: child, frame_pending, nwk });
        }
    }

    fn sent(&mut self, now: Time, done: Done, pending: bool) {
        if !done.is_poll {
            if pending {
                self.poll_again(now, true);
            }
            return;
        }
        let wait = match (done.acknowledged && pending, self.is_busy()) {
            (true, _) => self.timing.poll_response_wait,
            (false, true) => self.timing.poll_busy,
            (false, false) => self.timing.poll_idle,
        };
        if let Some(sleepy) = &mut self.sleepy {
            sleepy.next_poll = now + wait;
        }
    }

    fn poll_again(&mut self, now: Time, at_once: bool) {
        let wait = self.timing.poll_busy;
        if let Some(sleepy) = &mut self.sleepy {
            sleepy.next_poll = if at_once { now } else { now + wait };
        }
    }

    fn hear_nwk(&mut self, now: Time, octets: &[u8]) -> Result<(), Refusal> {
        let frame = nwk::Frame::parse(octets).map_err(|_| Refusal::Malformed)?;
        let for_us = frame.destination == self.short || frame.destination.0 >= FIRST_BROADCAST;
        if !for_us || frame.kind != nwk::Kind::Data {
            return Ok(());
        }
        let Some(Aux { key: KeyId::Network(sequence), counter, source: Some(source) }) = frame.security else {
            return Err(Refusal::Unprotected);
        };
        if sequence != self.network_key_sequence {
            return Err(Refusal::Unprotected);
        }
        let at = self.index(source).ok_or(Refusal::UnknownPeer)?;
        let state = &mut self.peers[at];
        if state.peer.short != frame.source || frame.source_ieee.is_some_and(|eui| eui != source) {
            return Err(Refusal::UnknownPeer);
        }
        if state.network_floor.refuses(counter) {
            return Err(Refusal::Replayed);
        }
        let payload = frame.open(&self.network_key).map_err(|_| Refusal::Mic)?;
        state.network_floor.accept(counter);
        self.accepted();
        self.hear_aps(now, at, &payload)
    }

    /// One more incoming counter passed; they are stored now and then, not each time.
    fn accepted(&mut self) {
        self.accepted_since_persist += 1;
        if self.accepted_since_persist >= RESERVE {
            self.persist();
        }
    }

    fn persist(&mut self) {
        self.accepted_since_persist = 0;
        let counters = self.counters();
        self.outputs.push_back(Output::Persist(counters));
    }

    /// Wraps an APS frame for a peer and gives it to the MAC, or lets it wait for the peer to poll.
    fn transmit_nwk(&mut self, now: Time, at: usize, aps: &[u8]) -> Result<(), Failure> {
        let nwk = self.protect_nwk(self.peers[at].peer.short, aps)?;
        let state = &mut self.peers[at];
        if state.peer.sleepy_child {
            if state.indirect.len() < self.timing.max_indirect {
                state.indirect.push_back((now + self.timing.indirect_hold, nwk));
            }
            return Ok(());
        }
        let destination = self.sleepy.as_ref().map_or(state.peer.short, |sleepy| sleepy.parent);
        self.mac.push(Job::Data { destination, frame_pending: false, nwk });
        Ok(())
    }

    /// Says something of the device profile to all who listen.
    fn broadcast(&mut self, frame: &zdo::Frame) -> Result<(), Failure> {
        let endpoints = Endpoints {
            destination: zdo::ENDPOINT,
            cluster: frame.cluster(),
            profile: zdo::PROFILE,
            source: zdo::ENDPOINT,
        };
        let aps = crate::aps::Frame {
            kind: crate::aps::Kind::Data,
            broadcast: true,
            ack_request: false,
            endpoints: Some(endpoints),
            counter: self.nwk_sequence,
            block: None,
            security: None,
            payload: &frame.to_vec(),
        }
        .to_vec();
        let nwk = self.protect_nwk(LISTENING, &aps)?;
        self.mac.push(Job::Broadcast { nwk });
        Ok(())
    }

    fn protect_nwk(&mut self, destination: ShortAddress, aps: &[u8]) -> Result<Vec<u8>, Failure> {
        let (counter, reserve) = self.network.take().ok_or(Failure::CountersUsedUp)?;
        if reserve {
            self.persist();
        }
        let sequence = self.nwk_sequence;
        self.nwk_sequence = sequence.wrapping_add(1);
        let frame = nwk::Frame {
            kind: nwk::Kind::Data,
            route_discovery: (destination.0 < FIRST_BROADCAST) as u8,
            end_device_initiator: false,
            destination,
            source: self.short,
            radius: 30,
            sequence,
            destination_ieee: None,
            source_ieee: Some(self.eui),
            security: Some(Aux { key: KeyId::Network(self.network_key_sequence), counter, source: Some(self.eui) }),
            payload: aps,
        };
        frame.seal(&self.network_key).map_err(|_| Failure::TooLong)
    }

    /// The address of this device or, in a coordinator, of one of its network.
    fn address_of(&self, eui: Eui64) -> Option<ShortAddress> {
        if eui == self.eui {
            return Some(self.short);
        }
        let is_coordinator = self.short == ShortAddress::COORDINATOR;
        self.index(eui).filter(|_| is_coordinator).map(|at| self.peers[at].peer.short)
    }

    fn index(&self, eui: Eui64) -> Option<usize> {
        self.peers.iter().position(|state| state.peer.eui == eui)
    }

    fn child(&self, short: ShortAddress) -> Option<usize> {
        self.peers.iter().position(|state| state.peer.sleepy_child && state.peer.short == short)
    }
}
