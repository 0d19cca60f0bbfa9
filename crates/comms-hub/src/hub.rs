//! The hub: radio, tunnels and exchange put together.
use crate::budget::Budgets;
use crate::config::{DeviceEntry, DeviceKind, HubConfig, TunnelInitiator};
use crate::device_log::{DeviceLog, NotListed};
use crate::event::{Counters, Event, LogEntry, Undelivered, log_code};
use crate::exchange::{Action, Exchange};
use crate::memory::{Carriers, Taps};
use crate::mirror::{ESI_ENDPOINT, MIRROR_ENDPOINT, Mirror, Reaction};
use crate::record::{Record, RecordError};
use crate::routing::{Function, Source};
use crate::store_forward::StoreForward;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::{Counter, Eui64, Time};
use han::node::{self, Handle, Peer};
use han::tunnel::gsme::GsmeData;
use han::tunnel::{self, Client, ClientConfig, Server, ServerConfig, Side, TransferFailure, TransferId};
use han::zcl::tunneling::CLUSTER as TUNNELING;
use han::zcl::{Frame, Status};
use han::{Datagram, Key, Node, ShortAddress};

/// Endpoint of the tunnels, client and server.
pub const TUNNEL_ENDPOINT: u8 = 3;
/// Endpoint at which every device other than the hub has its clusters (han.md 8.5).
pub const DEVICE_ENDPOINT: u8 = 1;
/// RequestTunnel command rejected.
const REQUEST_TUNNEL_REJECTED: u16 = 0x81BA;

/// What a hub wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put this PSDU on the air.
    Transmit(Vec<u8>),
    /// Give this message to the WAN; only while it is up.
    Wan(Vec<u8>),
    /// Store this record in place of the one before, and only then act on what follows.
    Persist(Vec<u8>),
    /// Something happened.
    Event(Event),
    /// Nothing more now; call [`Hub::handle_timeout`] at this time, if there is one.
    Timeout(Option<Time>),
}

/// Why a hub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The Device Log of the configuration cannot be.
    #[error("device {0}: {1}")]
    DeviceLog(Eui64, NotListed),
    /// The stored record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A Communications Hub: CHF with its tunnels, mailboxes and WAN queue, and the gas mirror.
///
/// **After every call the driver drains [`poll`](Self::poll) until it returns `Timeout`.**
pub struct Hub<C> {
    node: Node,
    node_timeout: Option<Time>,
    client: Client,
    client_timeout: Option<Time>,
    server: Server,
    server_timeout: Option<Time>,
    exchange: Exchange<C>,
    mirror: Mirror,
    ppmid_tunnel_initiator: TunnelInitiator,
    /// Datagrams of the Tunneling cluster whose fate the node has not told yet.
    in_air: Vec<(Handle, Eui64, Side)>,
    outputs: VecDeque<Output>,
    /// The last record stored holds messages for the WAN that are gone by now.
    wan_stored: bool,
}

impl<C: Crypto> Hub<C> {
    /// A hub that powers on, with the record it last asked to store. Its node gets the endpoints of a hub, and of the peers
    /// only those in the Device Log: without an entry there a device cannot communicate (GBCS 10.7).
    ///
    /// # Errors
    /// A Device Log that cannot be, or a record that cannot be read.
    pub fn new(now: Time, config: HubConfig, crypto: C, record: Option<&[u8]>) -> Result<Self, StartError> {
        let HubConfig { chf, gpf, profile, mut node, devices, alerts, settings } = config;
        let mut log = DeviceLog::default();
        for entry in devices {
            log.insert(now, entry).map_err(|refusal| StartError::DeviceLog(entry.eui, refusal))?;
        }
        let record = record.map(Record::decode).transpose()?;
        node.endpoints = alloc::vec![ESI_ENDPOINT, MIRROR_ENDPOINT, TUNNEL_ENDPOINT];
        node.peers.retain_mut(|peer| match log.entry(peer.eui) {
            Some(entry) => {
                peer.short = ShortAddress(entry.short);
                peer.sleepy_child = entry.sleepy;
                true
            }
            None => false,
        });
        if let Some(record) = &record {
            node.counters = record.frame_counters.clone();
        }
        let own_counter = alerts.as_ref().map_or(Counter(0), |keys| keys.counter_floor);
        let max_waiting = 4 * settings.tunnel_queue_depth.max(settings.mailbox_depth);
        let client = ClientConfig {
            give_up_attempts: settings.give_up_attempts.into(),
            give_up_after: settings.give_up_after,
            max_waiting,
            ..ClientConfig::at(TUNNEL_ENDPOINT)
        };
        let mut hub = Self {
            node: Node::new(node),
            node_timeout: None,
            client: Client::new(client),
            client_timeout: None,
            server: Server::new(ServerConfig { max_waiting, ..ServerConfig::at(TUNNEL_ENDPOINT) }),
            server_timeout: None,
            exchange: Exchange {
                chf,
                gpf,
                profile,
                settings,
                crypto,
                alerts,
                log,
                budgets: Budgets::default(),
                mailboxes: Vec::new(),
                transits: Vec::new(),
                wan: StoreForward::new(settings.wan_messages, settings.wan_octets),
                wan_up: false,
                carriers: Carriers::default(),
                taps: Taps::default(),
                event_log: Default::default(),
                counters: Counters::default(),
                malformed: Default::default(),
                own_counter,
                events: VecDeque::new(),
                actions: VecDeque::new(),
                dirty: false,
            },
            mirror: Mirror::default(),
            ppmid_tunnel_initiator: settings.ppmid_tunnel_initiator,
            in_air: Vec::new(),
            outputs: VecDeque::new(),
            wan_stored: false,
        };
        let listed: Vec<DeviceEntry> = hub.exchange.log.iter().map(|d| d.entry).collect();
        for entry in listed {
            hub.connect(now, &entry);
        }
        if let Some(record) = record {
            hub.wan_stored = !record.wan.is_empty();
            hub.exchange.restore(now, record);
        }
        hub.run(now);
        Ok(hub)
    }

    /// The WAN came or went. While it is down, messages for it wait.
    pub fn set_wan(&mut self, now: Time, up: bool) {
        self.exchange.wan_up = up;
        self.run(now);
    }

    /// Take a message from the WAN.
    pub fn handle_wan(&mut self, now: Time, octets: &[u8]) {
        // A refusal is an event; the WAN is told nothing.
        let _ = self.exchange.take(now, Source::Wan, octets);
        self.run(now);
    }

    /// Take a Response or Alert that a function of the hub made (see [`Event::Local`]).
    pub fn handle_local(&mut self, now: Time, function: Function, octets: &[u8]) {
        let _ = self.exchange.take(now, Source::Function(function), octets);
        self.run(now);
    }

    /// Take a PSDU that the radio heard.
    pub fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        self.node.handle_frame(now, psdu);
        self.run(now);
    }

    /// Do what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        self.node.handle_timeout(now);
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        if let Some(hht) = self.exchange.expire(now) {
            self.remove_device(now, hht);
        }
        self.run(now);
    }

    /// List a device that has joined with this link key, or that has joined again: older tunnels with it are void.
    ///
    /// # Errors
    /// The log is full, or the short address is taken.
    pub fn add_device(&mut self, now: Time, entry: DeviceEntry, link_key: Key) -> Result<(), NotListed> {
        let replaced = self.exchange.log.hht().map(|hht| hht.entry.eui);
        self.exchange.log.insert(now, entry)?;
        if let Some(hht) = replaced.filter(|hht| self.exchange.log.kind(*hht).is_none()) {
            self.disconnect(now, hht);
        }
        self.node.set_peer(Peer {
            eui: entry.eui,
            short: ShortAddress(entry.short),
            link_key: Some(link_key),
            sleepy_child: entry.sleepy,
        });
        self.server.reset(now, entry.eui);
        self.connect(now, &entry);
        self.event(Event::DeviceAdded(entry.eui));
        self.run(now);
        Ok(())
    }

    /// Remove a device: its tunnel is closed, what waits for it is lost.
    pub fn remove_device(&mut self, now: Time, eui: Eui64) {
        if self.exchange.log.remove(eui).is_some() {
            self.disconnect(now, eui);
        }
        self.run(now);
    }

    /// The next thing to do; drain it until `Timeout` after every call.
    pub fn poll(&mut self) -> Output {
        if self.exchange.dirty {
            return self.persist();
        }
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if self.exchange.wan_up
            && let Some(parcel) = self.exchange.wan.pop()
        {
            return Output::Wan(parcel.octets);
        }
        if self.wan_stored && self.exchange.wan.is_empty() {
            return self.persist();
        }
        let timeouts = [self.node_timeout, self.client_timeout, self.server_timeout, self.exchange.next_expiry()];
        Output::Timeout(timeouts.into_iter().flatten().min())
    }

    /// The CHF Device Log.
    pub fn device_log(&self) -> &DeviceLog {
        &self.exchange.log
    }

    /// Whether a tunnel with this device is open, whoever opened it.
    pub fn has_tunnel(&self, peer: Eui64) -> bool {
        self.server.is_open(peer) || self.client.is_open(peer)
    }

    /// Messages waiting for a gas meter to fetch them.
    pub fn waiting_for_gsme(&self, gsme: Eui64) -> usize {
        self.exchange.mailbox(gsme).map_or(0, |mailbox| mailbox.letters().count())
    }

    /// Messages waiting for the WAN.
    pub fn waiting_for_wan(&self) -> usize {
        self.exchange.wan.len()
    }

    /// The CHF Event Log, oldest first.
    pub fn event_log(&self) -> impl Iterator<Item = &LogEntry> {
        self.exchange.event_log.iter()
    }

    /// How often what happened since the start.
    pub fn counters(&self) -> &Counters {
        &self.exchange.counters
    }

    /// What gas meters reported.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    fn persist(&mut self) -> Output {
        self.exchange.dirty = false;
        self.wan_stored = !self.exchange.wan.is_empty();
        let record = Record { frame_counters: self.node.counters(), ..self.exchange.record() };
        Output::Persist(record.encode())
    }

    /// Let a listed device have tunnels: ask for one, or allow it to ask.
    fn connect(&mut self, now: Time, entry: &DeviceEntry) {
        match entry.kind {
            DeviceKind::Esme | DeviceKind::Hcalcs => self.client.open(now, entry.eui, DEVICE_ENDPOINT),
            DeviceKind::Gsme | DeviceKind::Hht => self.server.allow(entry.eui, !entry.sleepy),
            DeviceKind::Ppmid => {
                // A tunnel is a tunnel whoever opened it: the PPMID may ask in either mode.
                self.server.allow(entry.eui, !entry.sleepy);
                if self.ppmid_tunnel_initiator == TunnelInitiator::Hub {
                    self.client.open(now, entry.eui, DEVICE_ENDPOINT);
                }
            }
            DeviceKind::Type2 => {}
        }
    }

    fn disconnect(&mut self, now: Time, eui: Eui64) {
        self.exchange.forget(now, eui);
        self.mirror.forget(eui);
        self.client.remove(now, eui);
        self.server.deny(now, eui);
        // CloseTunnel is best effort: it is with the node before the node forgets the peer only if the radio is free.
        self.run(now);
        self.node.remove_peer(eui);
        self.event(Event::DeviceRemoved(eui));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Let the parts talk to each other until none has anything to say.
    fn run(&mut self, now: Time) {
        loop {
            if let Some(action) = self.exchange.actions.pop_front() {
                match action {
                    Action::Dispatch(peer) => self.dispatch(now, peer),
                    Action::AnswerGet(gsme) => self.answer_get(now, gsme),
                }
                continue;
            }
            while let Some(event) = self.exchange.events.pop_front() {
                self.event(event);
            }
            let server = self.server.poll();
            let client = self.client.poll();
            let node = self.node.poll();
            let idle = self.handle_tunnel(now, Side::Server, server)
                & self.handle_tunnel(now, Side::Client, client)
                & self.handle_node(now, node);
            if idle && self.exchange.actions.is_empty() && self.exchange.events.is_empty() {
                return;
            }
        }
    }

    /// True when the node has nothing to say.
    fn handle_node(&mut self, now: Time, output: node::Output) -> bool {
        match output {
            node::Output::Transmit(psdu) => self.outputs.push_back(Output::Transmit(psdu)),
            node::Output::Received(datagram) => self.receive(now, &datagram),
            node::Output::Delivered(handle) => self.in_air.retain(|(h, ..)| *h != handle),
            node::Output::Failed(handle, _) => {
                if let Some(at) = self.in_air.iter().position(|(h, ..)| *h == handle) {
                    let (_, peer, side) = self.in_air.swap_remove(at);
                    match side {
                        Side::Client => self.client.handle_undelivered(now, peer),
                        Side::Server => self.server.handle_undelivered(now, peer),
                    }
                }
            }
            node::Output::Refused(from, reason) => {
                self.exchange.counters.count("frame_refused");
                if reason == node::Refusal::UnknownPeer {
                    self.exchange.counters.count("unauthorised_communication");
                }
                self.event(Event::FrameRefused { from, reason });
            }
            node::Output::Persist(_) => self.exchange.dirty = true,
            node::Output::Timeout(at) => {
                self.node_timeout = at;
                return true;
            }
        }
        false
    }

    fn receive(&mut self, now: Time, datagram: &Datagram) {
        let peer = datagram.peer;
        self.exchange.log.heard(now, peer);
        if datagram.profile != han::SMART_ENERGY {
            return;
        }
        if datagram.cluster == TUNNELING && datagram.dst_endpoint == TUNNEL_ENDPOINT {
            let (endpoint, zcl) = (datagram.src_endpoint, &datagram.payload);
            let exchange = &mut self.exchange;
            let admit = |peer, data: &[u8]| -> Status { exchange.take_data(now, peer, data) };
            match Side::of(zcl) {
                Some(Side::Client) => self.client.handle_zcl_admitting(now, peer, endpoint, zcl, admit),
                Some(Side::Server) => self.server.handle_zcl_admitting(now, peer, endpoint, zcl, admit),
                None => self.exchange.counters.count("malformed_zcl"),
            }
            // Heard is reachable: what was held back may go now.
            self.exchange.actions.push_back(Action::Dispatch(peer));
            return;
        }
        self.receive_other(now, datagram);
    }

    /// Frames for the mirror, and those of clusters that are not here.
    fn receive_other(&mut self, now: Time, datagram: &Datagram) {
        let Ok(frame) = Frame::parse(&datagram.payload) else {
            self.exchange.counters.count("malformed_zcl");
            return;
        };
        let (peer, cluster) = (datagram.peer, datagram.cluster);
        let reaction = if self.exchange.log.kind(peer) == Some(DeviceKind::Gsme) {
            let pending = self.exchange.mailbox(peer).is_some_and(|mailbox| !mailbox.is_empty());
            self.mirror.handle(peer, datagram.dst_endpoint, cluster, &frame, pending)
        } else {
            let gsme = self.exchange.log.iter().find(|d| d.entry.kind == DeviceKind::Gsme).map(|d| d.entry.eui);
            self.mirror.read(gsme.unwrap_or_default(), cluster, &frame)
        };
        let Reaction { answers, reported } = reaction;
        if reported > 0 {
            self.event(Event::MirrorUpdated { gsme: peer, cluster, attributes: reported });
        }
        for payload in answers {
            let answer = Datagram {
                peer,
                profile: datagram.profile,
                cluster,
                src_endpoint: datagram.dst_endpoint,
                dst_endpoint: datagram.src_endpoint,
                payload,
            };
            self.node.send(now, answer);
        }
    }

    /// True when this side of the cluster has nothing to say.
    fn handle_tunnel(&mut self, now: Time, side: Side, output: tunnel::Output) -> bool {
        match output {
            tunnel::Output::Send(outbound) => {
                let peer = outbound.peer;
                let handle = self.node.send(now, outbound.datagram());
                self.in_air.push((handle, peer, side));
            }
            tunnel::Output::Opened { peer, tunnel } => {
                self.event(Event::TunnelOpened { peer, tunnel });
                self.exchange.actions.push_back(Action::Dispatch(peer));
            }
            tunnel::Output::Refused { peer, status } => {
                self.exchange.counters.count("tunnel_refused");
                self.exchange.write_log(now, REQUEST_TUNNEL_REJECTED, None);
                if self.exchange.log.kind(peer).is_none() {
                    self.exchange.write_log(now, log_code::UNAUTHORISED_COMMUNICATION, None);
                }
                self.event(Event::TunnelRefused { peer, status });
            }
            tunnel::Output::Closed { peer, reason } => self.event(Event::TunnelClosed { peer, reason }),
            // Taken where it was admitted: see `receive`.
            tunnel::Output::Data { .. } => {}
            tunnel::Output::Accepted { peer, transfer } => self.settle(now, side, peer, transfer, Ok(())),
            tunnel::Output::Failed { peer, transfer, reason } => self.settle(now, side, peer, transfer, Err(reason)),
            tunnel::Output::Timeout(at) => {
                match side {
                    Side::Client => self.client_timeout = at,
                    Side::Server => self.server_timeout = at,
                }
                return true;
            }
        }
        false
    }

    /// Send what waits for a device through whichever tunnel there is.
    fn dispatch(&mut self, now: Time, peer: Eui64) {
        let side = match self.exchange.log.kind(peer) {
            _ if self.server.is_open(peer) => Side::Server,
            Some(DeviceKind::Esme | DeviceKind::Hcalcs) => Side::Client,
            Some(DeviceKind::Ppmid) if self.ppmid_tunnel_initiator == TunnelInitiator::Hub => Side::Client,
            // Only the device can open a tunnel: it is waited for.
            _ => return,
        };
        for transit in self.exchange.transits.iter_mut().filter(|t| t.peer == peer && t.ticket.is_none()) {
            let octets = transit.letter.octets.clone();
            let transfer = match side {
                Side::Client => self.client.send(now, peer, octets),
                Side::Server => self.server.send(now, peer, octets),
            };
            transit.ticket = Some((side, transfer));
        }
    }

    fn answer_get(&mut self, now: Time, gsme: Eui64) {
        let server = &mut self.server;
        self.exchange.mailbox_mut(gsme).get(|offer| {
            let response = GsmeData::GetResponse { remaining: offer.remaining, message: offer.message };
            server.send(now, gsme, response.to_vec())
        });
    }

    /// A transfer ended. No answer after the stack's acknowledgement counts as delivered: the device has the octets.
    fn settle(
        &mut self,
        now: Time,
        side: Side,
        peer: Eui64,
        transfer: TransferId,
        outcome: Result<(), TransferFailure>,
    ) {
        let outcome = match outcome {
            Err(TransferFailure::NoAnswer) => Ok(()),
            other => other,
        };
        if side == Side::Server && self.exchange.log.kind(peer) == Some(DeviceKind::Gsme) {
            let offers = self.exchange.settings.mailbox_offers;
            let mailbox = self.exchange.mailbox_mut(peer);
            if outcome.is_ok() {
                if let Some(letter) = mailbox.delivered(transfer) {
                    self.exchange.delivered(now, peer, &letter);
                }
            } else if let Some(letter) = mailbox.not_delivered(transfer, offers) {
                self.exchange.undelivered(now, peer, &letter, Undelivered::NotAcknowledged);
            }
            return;
        }
        let Some(at) = self.exchange.transits.iter().position(|t| t.peer == peer && t.ticket == Some((side, transfer)))
        else {
            return;
        };
        // A device that opens its own tunnel is waited for: until it is heard again, or the message expires.
        let waits =
            matches!(outcome, Err(TransferFailure::NoTunnel | TransferFailure::Closed | TransferFailure::Unreachable));
        if side == Side::Server && waits {
            self.exchange.transits[at].ticket = None;
            return;
        }
        let transit = self.exchange.transits.remove(at);
        match outcome {
            Ok(()) if transit.is_copy() => self.exchange.dirty = true,
            Ok(()) => self.exchange.delivered(now, peer, &transit.letter),
            Err(reason) => self.exchange.undelivered(now, peer, &transit.letter, Undelivered::Tunnel(reason)),
        }
    }
}
