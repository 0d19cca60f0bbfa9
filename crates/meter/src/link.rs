//! The meter in the home's network: the stack of its radio, its tunnel with the hub, and a gas meter's sleep (han.md 2 to 5).
use crate::blocks;
use crate::clock;
use crate::command;
use crate::config::{Kind, MeterConfig, RadioConfig};
use crate::event::Event;
use crate::gsme;
use crate::meter::Meter;
use crate::state::{Model, State};
use crate::wake::{Cycle, Phase};
use crate::zse;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};
use han::key_command::KeyCommand;
use han::node::{self, Datagram, Handle, Node, Peer};
use han::partner::Brought;
use han::tunnel::gsme::GsmeData;
use han::tunnel::{self, Client, ClientConfig, Server, ServerConfig, TransferFailure, TransferId};
use han::zcl::time::{self, Clock};
use han::zcl::tunneling::{CLUSTER as TUNNELING, ToClient};
use han::zcl::{Direction, Frame, Status, global, mirror};
use han::zdo::SimpleDescriptor;

/// Until the next attempt to hand a message over, when the tunnel is open and the hub did not take it.
const RETRY: Duration = Duration::from_secs(60);

/// Where a display listens (han.md 8.5).
const DISPLAY_ENDPOINT: u8 = 1;

/// The hub's Energy Service Interface, which tells the time.
const HUB_ESI_ENDPOINT: u8 = 1;

/// A metering device, among the devices of Smart Energy.
const METERING: u16 = 0x0501;

/// Radio and tunnel of one meter.
pub(crate) struct Link {
    node: Node,
    tunnel: Tunnel,
    hub: Eui64,
    radio: RadioConfig,
    /// When node and tunnel want to be called, as they said when they were last drained.
    node_due: Option<Time>,
    tunnel_due: Option<Time>,
    /// Datagrams of the tunnel on their way.
    handles: Vec<Handle>,
    /// The transfer that carries something of ours, and what.
    in_flight: Option<(TransferId, Cargo)>,
    /// How many blocks of the first message of the outbox the hub has.
    handed: u16,
    retry_at: Option<Time>,
    /// A tunnel from before the restart, which the hub thinks is open still.
    void_tunnel: Option<u16>,
    /// A gas meter's sleep.
    cycle: Option<Cycle>,
    /// What this wake pushed to the mirror, until it is known to be there; the datagrams of it.
    pushed: Option<gsme::Push>,
    push_handles: Vec<Handle>,
    tsn: u8,
    /// When to ask the hub for the time; a gas meter asks when it is awake next.
    clock_due: Option<Time>,
}

/// What a transfer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cargo {
    /// The first message of the outbox, or the next of its blocks.
    Outbox,
    /// The first of what waits among the blocks.
    Block,
}

/// Which side of the Tunneling cluster: the hub opens a tunnel to an electricity meter, a gas meter to the hub.
enum Tunnel {
    Server(Server),
    Client(Client),
}

impl Link {
    pub fn new(config: &MeterConfig, radio: RadioConfig, state: &mut State) -> Self {
        let hub = radio.hub;
        let (tunnel, cycle) = match config.kind {
            Kind::Esme => {
                let mut server = Server::new(ServerConfig::at(radio.endpoint));
                server.allow(hub, true);
                (Tunnel::Server(server), None)
            }
            Kind::Gsme => {
                let client = Client::new(ClientConfig::at(radio.endpoint));
                (Tunnel::Client(client), Some(Cycle::new(config.wake_interval, radio.first_wake)))
            }
        };
        let mut node = radio.node.clone();
        node.counters = state.frame_counters();
        let is_joined = |peer: &Peer| config.joined.iter().any(|(device, _)| *device == peer.eui);
        // Who was parted from is no peer any more, whatever the installation says.
        let may_stay = |peer: &Peer| peer.eui == hub || is_joined(peer) || !state.credentials.has_joined();
        node.peers.retain(may_stay);
        if config.kind == Kind::Esme {
            node.peers.iter().filter(|peer| peer.eui != hub && is_joined(peer)).for_each(|p| state.partners.adopt(p));
            node.peers.retain(|peer| state.partners.peers().all(|partner| partner.eui != peer.eui));
            node.peers.extend(state.partners.peers());
        }
        let mut node = Node::new(node);
        // Whoever opens the tunnel finds the other side by match descriptor (han.md 8.5).
        let descriptor =
            |serves: &[u16], asks: &[u16]| SimpleDescriptor::smart_energy(radio.endpoint, METERING, serves, asks);
        node.describe(match config.kind {
            Kind::Esme => descriptor(&[&[TUNNELING][..], &zse::CLUSTERS].concat(), &[]),
            Kind::Gsme => descriptor(&[], &[TUNNELING, mirror::CLUSTER]),
        });
        Self {
            node,
            tunnel,
            hub,
            radio,
            node_due: None,
            tunnel_due: None,
            handles: Vec::new(),
            in_flight: None,
            handed: 0,
            retry_at: None,
            void_tunnel: state.tunnel.filter(|_| config.kind == Kind::Esme),
            cycle,
            pushed: None,
            push_handles: Vec::new(),
            tsn: 0,
            clock_due: None,
        }
    }

    pub fn handle_frame(&mut self, now: Time, frame: &[u8]) {
        self.node.handle_frame(now, frame);
    }

    pub fn handle_timeout(&mut self, now: Time) {
        self.node.handle_timeout(now);
        if self.is_awake() {
            match &mut self.tunnel {
                Tunnel::Server(server) => server.handle_timeout(now),
                Tunnel::Client(client) => client.handle_timeout(now),
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
    }

    pub fn timeout(&self) -> Option<Time> {
        let tunnel = self.tunnel_due.filter(|_| self.is_awake());
        // Asleep, a gas meter asks nobody: it wakes soon enough.
        let clock = self.clock_due.filter(|_| self.cycle.is_none());
        let cycle = self.cycle.as_ref().map(Cycle::timeout);
        self.node_due.into_iter().chain(tunnel).chain(cycle).chain(clock).chain(self.retry_at).min()
    }

    /// The first message of the outbox is another one now: whatever carries it carries nothing of ours.
    pub fn outbox_shifted(&mut self) {
        self.in_flight.take_if(|(_, cargo)| *cargo == Cargo::Outbox);
        self.handed = 0;
    }

    /// Start a wake cycle, unless one is under way or the meter never sleeps.
    pub fn wake(&mut self, now: Time, state: &State) {
        let Some(cycle) = self.cycle.as_mut().filter(|cycle| cycle.phase == Phase::Asleep) else { return };
        let first = !cycle.has_run;
        cycle.start(now);
        self.node.wake(now);
        if let Tunnel::Client(client) = &mut self.tunnel {
            if first {
                client.open(now, self.hub, self.radio.hub_tunnel_endpoint);
            } else {
                client.handle_timeout(now);
            }
        }
        // Before the reports: their answer ends the wake.
        if self.clock_due.is_some_and(|due| due <= now) {
            self.ask_time(now);
        }
        let news = crate::wake::news(state, now);
        self.push_handles.clear();
        for (cluster, command, payload) in &news.commands {
            self.tsn = self.tsn.wrapping_add(1);
            let payload = crate::wake::push(self.tsn, *command, payload);
            let handle = self.send_to_mirror(now, *cluster, payload);
            self.push_handles.push(handle);
        }
        for (cluster, payload) in crate::wake::reports(state, &news) {
            self.tsn = self.tsn.wrapping_add(1);
            let payload = crate::wake::report(self.tsn, &payload);
            let handle = self.send_to_mirror(now, cluster, payload);
            self.push_handles.push(handle);
        }
        self.pushed = Some(news);
    }

    fn send_to_mirror(&mut self, now: Time, cluster: u16, payload: Vec<u8>) -> Handle {
        let (src_endpoint, dst_endpoint) = (self.radio.endpoint, self.radio.mirror_endpoint);
        let (peer, profile) = (self.hub, han::SMART_ENERGY);
        self.node.send(now, Datagram { peer, profile, cluster, src_endpoint, dst_endpoint, payload })
    }

    /// Do everything that can be done; whether anything was.
    pub fn run<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>) -> bool {
        let mut did = false;
        if let Some(id) = self.void_tunnel.take() {
            self.tell_void(now, id);
            did = true;
        }
        if self.cycle.as_ref().is_some_and(|cycle| cycle.is_due(now)) {
            self.wake(now, &meter.state);
            meter.state.books.battery.wake();
            did = true;
        }
        let clock_due = *self.clock_due.get_or_insert(now + clock::PATIENCE);
        if self.cycle.is_none() && clock_due <= now {
            self.ask_time(now);
            did = true;
        }
        loop {
            match self.node.poll() {
                node::Output::Timeout(at) => {
                    self.node_due = at;
                    break;
                }
                output => self.on_node(now, meter, output),
            }
            did = true;
        }
        loop {
            let output = match &mut self.tunnel {
                Tunnel::Server(server) => server.poll(),
                Tunnel::Client(client) => client.poll(),
            };
            match output {
                tunnel::Output::Timeout(at) => {
                    self.tunnel_due = at;
                    break;
                }
                output => self.on_tunnel(now, meter, output),
            }
            did = true;
        }
        did |= meter.state.partners.run(now, &mut self.node, self.hub);
        if meter.state.partners.take_changed() {
            meter.persist();
        }
        did |= self.tell(now, meter);
        did |= self.hand_over(now, meter);
        did | self.rest(now)
    }

    /// Ask the hub for the time (GBCS 9.1), and again in an hour if it does not answer.
    fn ask_time(&mut self, now: Time) {
        self.clock_due = Some(now + clock::PATIENCE);
        self.tsn = self.tsn.wrapping_add(1);
        let payload = Clock::question(self.tsn);
        let (peer, profile, cluster) = (self.hub, han::SMART_ENERGY, time::CLUSTER);
        let (src_endpoint, dst_endpoint) = (self.radio.endpoint, HUB_ESI_ENDPOINT);
        self.node.send(now, Datagram { peer, profile, cluster, src_endpoint, dst_endpoint, payload });
    }

    /// The hub would find out only with its next message, and Responses may wait for a tunnel now.
    fn tell_void(&mut self, now: Time, id: u16) {
        self.tsn = self.tsn.wrapping_add(1);
        let payload = ToClient::TunnelClosureNotification(id).to_zcl(self.tsn, true);
        let (src_endpoint, dst_endpoint) = (self.radio.endpoint, self.radio.hub_tunnel_endpoint);
        let (peer, profile, cluster) = (self.hub, han::SMART_ENERGY, TUNNELING);
        self.node.send(now, Datagram { peer, profile, cluster, src_endpoint, dst_endpoint, payload });
    }

    fn on_node<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>, output: node::Output) {
        match output {
            node::Output::Transmit(frame) => meter.transmit(frame),
            node::Output::Persist(counters) => {
                meter.state.set_frame_counters(&counters);
                meter.persist();
            }
            node::Output::Received(datagram) => self.on_datagram(now, meter, &datagram),
            node::Output::Delivered(handle) => self.handles.retain(|ours| *ours != handle),
            node::Output::Failed(handle, _) => {
                if self.push_handles.contains(&handle) {
                    // The mirror lacks part of it: all of it goes again at the next wake.
                    self.pushed = None;
                }
                if let Some(at) = self.handles.iter().position(|ours| *ours == handle) {
                    self.handles.swap_remove(at);
                    match &mut self.tunnel {
                        Tunnel::Server(server) => server.handle_undelivered(now, self.hub),
                        Tunnel::Client(client) => client.handle_undelivered(now, self.hub),
                    }
                }
            }
            node::Output::Key(from, command) => self.on_key(meter, from, command),
            node::Output::Refused(from, refusal) => meter.state.partners.refused(now, from, refusal),
            node::Output::Timeout(_) => {}
        }
    }

    /// The hub brings a link key to share with a device of the log; a gas meter, which hears nobody but the hub, has no use for one.
    fn on_key<C: Crypto>(&mut self, meter: &mut Meter<C>, from: Eui64, command: KeyCommand) {
        if meter.config.kind == Kind::Gsme {
            return;
        }
        match meter.state.partners.hear(&mut self.node, self.hub, from, command) {
            Brought::Taken(device) => meter.event(Event::PartnerKey(device)),
            Brought::NotJoined(device) => meter.event(Event::PartnerKeyNotTaken(device)),
            Brought::Ignored => {}
        }
    }

    fn on_datagram<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>, datagram: &Datagram) {
        let (peer, endpoint) = (datagram.peer, datagram.src_endpoint);
        if datagram.cluster == TUNNELING {
            match &mut self.tunnel {
                Tunnel::Server(server) => server.handle_zcl(now, peer, endpoint, &datagram.payload),
                Tunnel::Client(client) => client.handle_zcl(now, peer, endpoint, &datagram.payload),
            }
            return;
        }
        if meter.state.partners.answer(&mut self.node, self.hub, datagram) {
            return;
        }
        let Ok(frame) = Frame::parse(&datagram.payload) else { return };
        if datagram.cluster == time::CLUSTER && peer == self.hub && frame.direction == Direction::ToClient {
            let is_answer = !frame.cluster_specific && frame.command == global::READ_ATTRIBUTES_RESPONSE;
            if let (true, Ok(Some(clock))) = (is_answer, Clock::parse(frame.payload)) {
                self.clock_due = Some(now + clock::COMPARISON);
                meter.compare_clock(now, clock);
                meter.persist();
            }
            return;
        }
        if datagram.cluster == mirror::CLUSTER
            && frame.cluster_specific
            && peer == self.hub
            && let Ok(mirror::FromMirror::ReportAttributeResponse(flags)) =
                mirror::FromMirror::parse(frame.command, frame.payload)
        {
            self.on_pushed(meter, flags.wants_history());
            self.on_flags(now, meter, flags.tunnel_message_pending());
        } else if frame.as_default_response().is_none() {
            let unsupported = || alloc::vec![frame.default_response(Status::UnsupportedClusterCommand)];
            let served = zse::serve(meter, now, peer, datagram.cluster, &frame);
            let (src_endpoint, dst_endpoint) = (datagram.dst_endpoint, datagram.src_endpoint);
            for payload in served.unwrap_or_else(unsupported) {
                self.node.send(now, Datagram { src_endpoint, dst_endpoint, payload, ..datagram.clone() });
            }
        }
    }

    /// Tell displays what is new; whether anything was.
    fn tell<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>) -> bool {
        let news = zse::news(meter, now);
        let any = !news.is_empty();
        for (peer, cluster, payload) in news {
            let (profile, src_endpoint, dst_endpoint) = (han::SMART_ENERGY, self.radio.endpoint, DISPLAY_ENDPOINT);
            self.node.send(now, Datagram { peer, profile, cluster, src_endpoint, dst_endpoint, payload });
        }
        any
    }

    /// The mirror answered the last report: it has what was pushed before that, or asks for all that it lost.
    fn on_pushed<C: Crypto>(&mut self, meter: &mut Meter<C>, lost: bool) {
        let Some(push) = self.pushed.take() else { return };
        if let Model::Gsme(store) = &mut meter.state.model {
            let news = push.is_news();
            store.set_pushed(Some(push).filter(|_| !lost));
            if news || lost {
                meter.persist();
            }
        }
    }

    /// The hub told whether messages wait.
    fn on_flags<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>, messages_waiting: bool) {
        let Some(cycle) = self.cycle.as_mut().filter(|cycle| matches!(cycle.phase, Phase::Reporting { .. })) else {
            return;
        };
        cycle.phase = Phase::Draining;
        meter.event(Event::Woke { messages_waiting });
        if messages_waiting {
            self.fetch(now);
        }
    }

    /// Ask the hub for the next message that waits.
    fn fetch(&mut self, now: Time) {
        if let (Tunnel::Client(client), Some(cycle)) = (&mut self.tunnel, &mut self.cycle) {
            client.send(now, self.hub, GsmeData::Get.to_vec());
            cycle.fetch(now);
        }
    }

    fn on_tunnel<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>, output: tunnel::Output) {
        match output {
            tunnel::Output::Send(outbound) => {
                let handle = self.node.send(now, outbound.datagram());
                self.handles.push(handle);
            }
            tunnel::Output::Data { peer, data } if peer == self.hub => self.on_data(now, meter, &data),
            tunnel::Output::Opened { tunnel, .. } => {
                self.retry_at = None;
                if matches!(self.tunnel, Tunnel::Server(_)) && meter.state.tunnel != Some(tunnel) {
                    meter.state.tunnel = Some(tunnel);
                    meter.persist();
                }
            }
            tunnel::Output::Accepted { transfer, .. } => {
                if let Some((_, cargo)) = self.in_flight.take_if(|(ours, _)| *ours == transfer) {
                    self.handed_over(now, meter, cargo);
                }
            }
            tunnel::Output::Failed { transfer, reason, .. } => {
                let Some((_, cargo)) = self.in_flight.take_if(|(ours, _)| *ours == transfer) else { return };
                match reason {
                    // It would be refused again.
                    TransferFailure::TooLong | TransferFailure::Refused(_) => self.not_taken(meter, cargo),
                    _ => self.retry_at = Some(now + RETRY),
                }
            }
            _ => {}
        }
    }

    /// A message, or to a gas meter a GET-RESPONSE that may hold one.
    fn on_data<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>, data: &[u8]) {
        let (message, more) = match (&self.tunnel, GsmeData::parse(data)) {
            (Tunnel::Server(_), _) => (data, false),
            (Tunnel::Client(_), Ok(GsmeData::GetResponse { remaining, message })) => (message, remaining > 0),
            (Tunnel::Client(_), _) => return,
        };
        if let Some(cycle) = &mut self.cycle {
            cycle.phase = Phase::Draining;
        }
        if !message.is_empty()
            && let Some(response) = command::handle(meter, now, message)
        {
            meter.post(response);
            // Counter, effects and Response in one record: a power cut leaves all of them or none.
            meter.persist();
        }
        if more {
            self.fetch(now);
        }
    }

    /// The hub has what a transfer carried.
    fn handed_over<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>, cargo: Cargo) {
        if cargo == Cargo::Block {
            return meter.blocks.settle();
        }
        self.handed += 1;
        if meter.state.outbox.front().is_some_and(|message| blocks::part(message, self.handed).is_some()) {
            return;
        }
        let message = meter.state.outbox.pop_front();
        if let Some(message) = message.filter(|_| self.handed > 1) {
            meter.blocks.keep(now, message.into());
        }
        self.handed = 0;
        meter.persist();
        meter.event(Event::HandedOver);
    }

    /// The hub will never have what a transfer carried.
    fn not_taken<C: Crypto>(&mut self, meter: &mut Meter<C>, cargo: Cargo) {
        if cargo == Cargo::Block {
            return meter.blocks.settle();
        }
        meter.state.outbox.pop_front();
        self.handed = 0;
        meter.persist();
        meter.event(Event::NotTaken);
    }

    /// Give the tunnel the first message of the outbox, or the next of its blocks, when it carries none of ours.
    fn hand_over<C: Crypto>(&mut self, now: Time, meter: &mut Meter<C>) -> bool {
        if self.in_flight.is_some() || self.retry_at.is_some_and(|at| at > now) || !self.is_awake() {
            return false;
        }
        let open = match &self.tunnel {
            Tunnel::Server(server) => server.is_open(self.hub),
            Tunnel::Client(client) => client.is_open(self.hub),
        };
        if !open {
            return false;
        }
        let (part, cargo) = match meter.state.outbox.front() {
            Some(message) => (blocks::part(message, self.handed), Cargo::Outbox),
            None => (meter.blocks.waiting().map(<[u8]>::to_vec), Cargo::Block),
        };
        let Some(part) = part else {
            if cargo == Cargo::Outbox {
                // Longer than all blocks together.
                self.not_taken(meter, cargo);
            }
            return cargo == Cargo::Outbox;
        };
        let transfer = match &mut self.tunnel {
            Tunnel::Server(server) => server.send(now, self.hub, part),
            Tunnel::Client(client) => client.send(now, self.hub, GsmeData::Put(&part).to_vec()),
        };
        self.in_flight = Some((transfer, cargo));
        true
    }

    /// Let a gas meter sleep when there is nothing more to do, or no use in trying; whether it fell asleep.
    fn rest(&mut self, now: Time) -> bool {
        let Some(cycle) = self.cycle.as_mut().filter(|cycle| cycle.phase != Phase::Asleep) else { return false };
        cycle.expire(now);
        let busy = match &self.tunnel {
            Tunnel::Client(client) => client.is_busy(),
            Tunnel::Server(_) => false,
        };
        let quiet = cycle.phase == Phase::Draining && !busy && self.in_flight.is_none() && !self.node.is_busy();
        if quiet || cycle.is_overlong(now) {
            cycle.phase = Phase::Asleep;
            self.node.sleep(now);
        }
        cycle.phase == Phase::Asleep
    }

    fn is_awake(&self) -> bool {
        self.cycle.as_ref().is_none_or(|cycle| cycle.phase != Phase::Asleep)
    }
}
