//! The hub: radio, tunnels, joining and exchange put together.
mod joining;
mod partners;
mod tunnels;

use crate::budget::Budgets;
use crate::config::{DeviceEntry, DeviceKind, HubConfig, TunnelInitiator};
use crate::device_log::{DeviceLog, NotListed};
use crate::event::{Counters, Event, LogEntry};
use crate::exchange::{Action, Exchange};
use crate::gas_log::GasLogs;
use crate::identity::Identity;
use crate::memory::{Carriers, Taps};
use crate::mirror::{ESI_ENDPOINT, Flags, MIRROR_ENDPOINT, Mirror, Reaction};
use crate::record::{Record, RecordError};
use crate::routing::{Function, Source};
use crate::store_forward::StoreForward;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};
use han::airtime::{Airtime, Exchanged};
use han::node::{self, Handle, Peer};
use han::tunnel::{Client, ClientConfig, Server, ServerConfig, Side};
use han::zcl::tunneling::CLUSTER as TUNNELING;
use han::zcl::{Direction, Frame, Status, time};
use han::zdo::{Finder, SimpleDescriptor};
use han::{Datagram, Key, Node, ShortAddress};
use joining::Joining;
use partners::PartnerKeys;

/// Endpoint of the tunnels, client and server.
pub const TUNNEL_ENDPOINT: u8 = 3;
/// Endpoint at which every device other than the hub has its clusters (han.md 8.5).
pub const DEVICE_ENDPOINT: u8 = 1;

/// What a hub wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put this PSDU on the air.
    Transmit(Vec<u8>),
    /// Give this message to the WAN; only while it is up. The record has it until [`Hub::wan_taken`].
    Wan(Vec<u8>),
    /// Store this record in place of the one before, and only then act on what follows.
    Persist(Vec<u8>),
    /// Store this likewise, in a place of its own: what gas meters told, for [`Hub::restore_gas`]. Once at each wake of a gas meter.
    PersistGas(Vec<u8>),
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
    joining: Joining,
    partner_keys: PartnerKeys,
    /// Asks devices where their tunnels are.
    finder: Finder,
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
        let HubConfig { chf, gpf, profile, mut node, devices, chf_keys, gpf_keys, settings } = config;
        let mut record = record.map(Record::decode).transpose()?;
        let log = match &mut record {
            Some(record) => core::mem::take(&mut record.devices),
            None => {
                let mut log = DeviceLog::default();
                for entry in devices {
                    log.insert(now, entry).map_err(|refusal| StartError::DeviceLog(entry.eui, refusal))?;
                }
                for Peer { eui, link_key, .. } in core::mem::take(&mut node.peers) {
                    link_key.map(|key| log.set_link_key(eui, key));
                }
                log
            }
        };
        node.endpoints = alloc::vec![ESI_ENDPOINT, MIRROR_ENDPOINT, TUNNEL_ENDPOINT];
        let joined = log.iter().filter(|listed| listed.entry.short != DeviceEntry::NO_ADDRESS);
        node.peers = joined.map(|listed| peer_of(&listed.entry, listed.link_key.clone())).collect();
        if let Some(record) = &record {
            node.counters = record.frame_counters.clone();
        }
        let joining = Joining::new(now, chf, &node, settings.hht_window);
        let max_waiting = 4 * settings.tunnel_queue_depth.max(settings.mailbox_depth);
        let client = ClientConfig {
            give_up_attempts: settings.give_up_attempts.into(),
            give_up_after: settings.give_up_after,
            max_waiting,
            ..ClientConfig::at(TUNNEL_ENDPOINT)
        };
        let mut node = Node::new(node);
        describe(&mut node);
        let mut hub = Self {
            node,
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
                chf_identity: chf_keys.map(|keys| Identity::new(chf, keys)),
                gpf_identity: gpf_keys.map(|keys| Identity::new(gpf, keys)),
                mirror: Mirror::default(),
                log,
                budgets: Budgets::default(),
                mailboxes: Vec::new(),
                transits: Vec::new(),
                wan: StoreForward::new(settings.wan_messages, settings.wan_octets),
                wan_up: false,
                wan_seen: None,
                carriers: Carriers::default(),
                taps: Taps::default(),
                blocks: Default::default(),
                proxy: Default::default(),
                gas: Default::default(),
                event_log: Default::default(),
                gpf_log: Default::default(),
                counters: Counters::default(),
                malformed: Default::default(),
                join_timeout: DEFAULT_JOIN_TIMEOUT,
                events: VecDeque::new(),
                actions: VecDeque::new(),
                dirty: false,
                gas_dirty: false,
            },
            joining,
            partner_keys: PartnerKeys::default(),
            finder: Finder::of(TUNNELING),
            ppmid_tunnel_initiator: settings.ppmid_tunnel_initiator,
            in_air: Vec::new(),
            outputs: VecDeque::new(),
            wan_stored: false,
        };
        let joined = hub.exchange.log.iter().filter(|d| d.link_key.is_some());
        let listed: Vec<DeviceEntry> = joined.map(|d| d.entry).collect();
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

    /// Put back what gas meters told, as the last [`Output::PersistGas`] said; a hub without it asks its gas meter for all of it.
    ///
    /// # Errors
    /// A record that cannot be read: nothing changes.
    pub fn restore_gas(&mut self, record: &[u8]) -> Result<(), crate::RecordError> {
        let mut mirror = Mirror::default();
        self.exchange.gas = GasLogs::decode(record, &mut mirror)?;
        self.exchange.mirror = mirror;
        Ok(())
    }

    /// The WAN came or went. While it is down, messages for it wait, and with them those that its link had and that were not taken:
    /// when it comes back the link is given all of them anew.
    pub fn set_wan(&mut self, now: Time, up: bool) {
        if up || self.exchange.wan_up {
            self.exchange.wan_seen = Some(now);
        }
        self.exchange.wan_up = up;
        if !up {
            self.exchange.wan.recall();
        }
        self.run(now);
    }

    /// The DCC has acknowledged this message of [`Output::Wan`]: only now is it forgotten here. One that was not handed over is ignored.
    pub fn wan_taken(&mut self, now: Time, octets: &[u8]) {
        self.exchange.wan.taken(octets);
        self.run(now);
    }

    /// Take a message from the WAN. What is to be kept of it is in the record once the hub is drained: then it may be acknowledged.
    pub fn handle_wan(&mut self, now: Time, octets: &[u8]) {
        // A refusal is an event; the WAN is told nothing.
        let _ = self.exchange.take(now, Source::Wan, octets);
        self.run(now);
    }

    /// Take a Response or Alert that a function of the hub made (see [`Event::Local`]), whatever its length.
    pub fn handle_local(&mut self, now: Time, function: Function, octets: &[u8]) {
        self.exchange.say(now, function, octets);
        self.run(now);
    }

    /// Take a PSDU that the radio heard.
    pub fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        self.hear_joining(now, psdu);
        self.node.handle_frame(now, psdu);
        self.run(now);
    }

    /// Do what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        self.node.handle_timeout(now);
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        self.expire_joining(now);
        while let Some(peer) = self.finder.overdue(now) {
            self.open(now, peer, DEVICE_ENDPOINT);
        }
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
        self.list(now, entry)?;
        self.exchange.log.set_link_key(entry.eui, link_key.clone());
        self.node.set_peer(peer_of(&entry, Some(link_key)));
        self.server.reset(now, entry.eui);
        self.connect(now, &entry);
        self.exchange.raise_log_changed(now);
        self.run(now);
        Ok(())
    }

    /// Remove a device: its tunnel is closed, what waits for it is lost; its link key goes to the historic log.
    pub fn remove_device(&mut self, now: Time, eui: Eui64) {
        self.remove(now, eui);
        self.run(now);
    }

    /// The next thing to do; drain it until `Timeout` after every call.
    pub fn poll(&mut self) -> Output {
        if self.exchange.dirty {
            return self.persist();
        }
        if core::mem::take(&mut self.exchange.gas_dirty) {
            return Output::PersistGas(self.exchange.gas.encode(&self.exchange.mirror));
        }
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if self.exchange.wan_up
            && let Some(parcel) = self.exchange.wan.hand_over()
        {
            return Output::Wan(parcel.octets.clone());
        }
        if self.wan_stored && self.exchange.wan.is_empty() {
            return self.persist();
        }
        let timeouts = [
            self.node_timeout,
            self.client_timeout,
            self.server_timeout,
            self.exchange.next_expiry(),
            self.finder.timeout(),
            self.joining.timeout(),
        ];
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

    /// Messages that wait for the WAN, or for the DCC to have them.
    pub fn waiting_for_wan(&self) -> usize {
        self.exchange.wan.len()
    }

    /// The CHF Event Log, oldest first.
    pub fn event_log(&self) -> impl Iterator<Item = &LogEntry> {
        self.exchange.event_log.iter()
    }

    /// The GPF's event log and security log, oldest first.
    pub fn gpf_log(&self) -> impl Iterator<Item = &LogEntry> {
        self.exchange.gpf_log.iter()
    }

    /// What a gas meter pushed of its logs.
    pub fn gas_logs(&self) -> &GasLogs {
        &self.exchange.gas
    }

    /// How often what happened since the start.
    pub fn counters(&self) -> &Counters {
        &self.exchange.counters
    }

    /// What the GPF shows of what gas meters took.
    pub fn gpf(&self) -> &crate::gpf::Gpf {
        &self.exchange.proxy
    }

    /// What the hub put on the air: its duty.
    pub fn airtime(&self) -> &Airtime {
        self.node.airtime()
    }

    /// What passed between the hub and a device.
    pub fn exchanged_with(&self, device: Eui64) -> Option<Exchanged> {
        self.node.exchanged_with(device)
    }

    /// What gas meters reported.
    pub fn mirror(&self) -> &Mirror {
        &self.exchange.mirror
    }

    fn persist(&mut self) -> Output {
        self.exchange.dirty = false;
        self.wan_stored = !self.exchange.wan.is_empty();
        let record = Record { frame_counters: self.node.counters(), ..self.exchange.record() };
        Output::Persist(record.encode())
    }

    /// List a device; an HHT that it takes the place of is gone.
    fn list(&mut self, now: Time, entry: DeviceEntry) -> Result<(), NotListed> {
        let replaced = self.exchange.log.hht().map(|hht| hht.entry.eui);
        self.exchange.log.insert(now, entry)?;
        if let Some(hht) = replaced.filter(|hht| self.exchange.log.kind(*hht).is_none()) {
            self.disconnect(now, hht);
        }
        self.event(Event::DeviceAdded(entry.eui));
        Ok(())
    }

    fn remove(&mut self, now: Time, eui: Eui64) {
        if self.exchange.log.remove(eui).is_some() {
            self.disconnect(now, eui);
            self.exchange.raise_log_changed(now);
        }
    }

    /// Let a device that has joined have tunnels: ask for one, or allow it to ask.
    fn connect(&mut self, now: Time, entry: &DeviceEntry) {
        let asks = match entry.kind {
            DeviceKind::Esme | DeviceKind::Hcalcs => true,
            DeviceKind::Ppmid => self.ppmid_tunnel_initiator == TunnelInitiator::Hub,
            DeviceKind::Gsme | DeviceKind::Hht | DeviceKind::Type2 => false,
        };
        // A tunnel is a tunnel whoever opened it: the PPMID may ask in either mode.
        if matches!(entry.kind, DeviceKind::Gsme | DeviceKind::Hht | DeviceKind::Ppmid) {
            self.server.allow(entry.eui, !entry.sleepy);
        }
        if asks {
            let request = self.finder.ask(now, entry.eui, ShortAddress(entry.short));
            self.node.send(now, request);
        }
    }

    /// Ask a device for a tunnel at this endpoint, and send what waits for it.
    fn open(&mut self, now: Time, peer: Eui64, endpoint: u8) {
        self.client.open(now, peer, endpoint);
        self.exchange.actions.push_back(Action::Dispatch(peer));
    }

    fn disconnect(&mut self, now: Time, eui: Eui64) {
        self.exchange.forget(now, eui);
        self.exchange.mirror.forget(eui);
        self.joining.forget(eui);
        self.partner_keys.forget(eui);
        self.finder.forget(eui);
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
                    Action::OpenJoining(device) => self.open_joining(now, device),
                    Action::Remove(device) => self.remove(now, device),
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
            node::Output::Key(from, command) => self.receive_key_command(now, from, &command),
            node::Output::Delivered(handle) => {
                if !self.settle_key(now, handle, true) {
                    self.in_air.retain(|(h, ..)| *h != handle);
                }
            }
            node::Output::Failed(handle, _) => {
                if self.settle_key(now, handle, false) {
                    return false;
                }
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
        if let Some((device, endpoint)) = self.finder.answer(datagram) {
            return self.open(now, device, endpoint.unwrap_or(DEVICE_ENDPOINT));
        }
        if self.receive_joining(now, datagram) {
            return;
        }
        if datagram.profile != han::SMART_ENERGY {
            return;
        }
        // Heard is reachable: what was held back may go now.
        self.exchange.actions.push_back(Action::Dispatch(peer));
        if datagram.cluster == TUNNELING && datagram.dst_endpoint == TUNNEL_ENDPOINT {
            let (endpoint, zcl) = (datagram.src_endpoint, &datagram.payload);
            let exchange = &mut self.exchange;
            let admit = |peer, data: &[u8]| -> Status { exchange.take_data(now, peer, data) };
            match Side::of(zcl) {
                Some(Side::Client) => self.client.handle_zcl_admitting(now, peer, endpoint, zcl, admit),
                Some(Side::Server) => self.server.handle_zcl_admitting(now, peer, endpoint, zcl, admit),
                None => self.exchange.counters.count("malformed_zcl"),
            }
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
        let reaction = if cluster == time::CLUSTER && datagram.dst_endpoint == ESI_ENDPOINT {
            let answer = self.exchange.clock(now).answer(&frame);
            Reaction { answers: answer.into_iter().collect(), ..Reaction::default() }
        } else if self.exchange.log.kind(peer) == Some(DeviceKind::Gsme) {
            if datagram.dst_endpoint == MIRROR_ENDPOINT && self.take_pushed(peer, cluster, &frame) {
                return;
            }
            let flags = Flags {
                pending: self.exchange.mailbox(peer).is_some_and(|mailbox| !mailbox.is_empty()),
                wants_history: self.exchange.gas.wants_history(peer),
            };
            let reaction = self.exchange.mirror.handle(peer, datagram.dst_endpoint, cluster, &frame, flags);
            if reaction.last {
                self.exchange.gas.reported(peer, now);
                self.exchange.gas_dirty = true;
            }
            reaction
        } else {
            let gsme = self.exchange.log.iter().find(|d| d.entry.kind == DeviceKind::Gsme).map(|d| d.entry.eui);
            let gsme = gsme.unwrap_or_default();
            match self.exchange.proxy.answer(gsme, cluster, &frame).filter(|_| datagram.dst_endpoint == ESI_ENDPOINT) {
                Some(answers) => Reaction { answers, ..Reaction::default() },
                None => self.exchange.mirror.read(gsme, cluster, &frame),
            }
        };
        let Reaction { answers, reported, .. } = reaction;
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

    /// Whether a frame is something of a gas meter's logs, which it pushes without being asked.
    fn take_pushed(&mut self, gsme: Eui64, cluster: u16, frame: &Frame<'_>) -> bool {
        let pushed = frame.cluster_specific && frame.manufacturer.is_none() && frame.direction == Direction::ToClient;
        let half_hours = self.exchange.settings.gas_half_hours;
        let taken = pushed && self.exchange.gas.take(gsme, cluster, frame.command, frame.payload, half_hours);
        if taken {
            self.event(Event::HistoryPushed { gsme, cluster, command: frame.command });
        }
        taken
    }
}

/// Seconds that joining stays open when no CCS01 has said otherwise.
const DEFAULT_JOIN_TIMEOUT: u16 = 3600;

fn peer_of(entry: &DeviceEntry, link_key: Option<Key>) -> Peer {
    Peer { eui: entry.eui, short: ShortAddress(entry.short), link_key, sleepy_child: entry.sleepy }
}

/// What is at the hub's endpoints (han.md 8.5): Gas ESI, gas mirror, Remote CommsHub.
fn describe(node: &mut Node) {
    use crate::gpf::{CALENDAR, MESSAGING, PRICE};
    use han::zcl::mirror::CLUSTER as METERING;
    const PREPAYMENT: u16 = 0x0705;
    const BASIC: u16 = 0x0000;
    node.describe(SimpleDescriptor::smart_energy(
        ESI_ENDPOINT,
        0x0500,
        [BASIC, time::CLUSTER, PRICE, MESSAGING, CALENDAR, han::cbke::CLUSTER],
        [METERING],
    ));
    node.describe(SimpleDescriptor::smart_energy(MIRROR_ENDPOINT, 0x0501, [BASIC, METERING, PREPAYMENT], [METERING]));
    node.describe(SimpleDescriptor::smart_energy(TUNNEL_ENDPOINT, 0x0508, [BASIC, TUNNELING], [TUNNELING]));
}
