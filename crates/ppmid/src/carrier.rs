//! One tunnel with the hub, whichever of the two asked for it, and one message at a time through it.
use crate::config::{Config, TunnelInitiator};
use crate::own::Own;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::block::{self, MAX_BLOCK_LEN};
use gbcs::{Eui64, Time};
use han::airtime::Airtime;
use han::cbke;
use han::join::{Commissioned, Commissioning, CommissioningOutput, JoinerConfig};
use han::node::{self, FrameCounters, Handle, Node, NodeConfig, Refusal, Role};
use han::partner::{Brought, Part, Partners};
use han::tunnel::{self, Client, ClientConfig, CloseReason, Server, ServerConfig, Side, TransferFailure, TransferId};
use han::zcl::display;
use han::zcl::tunneling::{CLUSTER, TunnelStatus};
use han::zdo::{Finder, SimpleDescriptor};
use han::{Datagram, SMART_ENERGY, ShortAddress};

/// What became of the message handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The hub has the octets.
    Taken,
    /// The hub said that it did not take them.
    Refused,
    /// They never reached a tunnel: the hub had forgotten it.
    NotSent,
    /// They were sent and nothing came back: the hub may have them.
    Silence,
}

pub(crate) enum Output {
    Transmit(Vec<u8>),
    /// Store these before the transmissions that follow.
    Counters(FrameCounters),
    Opened,
    Closed(CloseReason),
    TunnelRefused(TunnelStatus),
    Outcome(Outcome),
    /// The hub sent these octets through the tunnel.
    Data(Vec<u8>),
    FrameRefused(Refusal),
    /// A ZCL frame of another cluster, from the hub or the electricity meter: who sent it, the cluster, the frame.
    Zcl(Eui64, u16, Vec<u8>),
    /// A datagram of [`Carrier::ask`] was not heard.
    Unheard(Handle),
    /// The PPMID is in a network. Store this before the transmissions that follow.
    Joined(Box<Commissioned>),
    /// It shares link keys with these. Store them before the transmissions that follow.
    Partners(Partners),
    /// What came of a key that the hub brought.
    Key(Brought),
    /// The electricity meter can be spoken with.
    Paired,
}

/// How long a hub that is to ask for the tunnel is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where an electricity meter serves displays, when it does not say (han.md 8.5).
const METER_ENDPOINT: u8 = 1;

/// Smart Energy device identifier: in-home display, which is what a PPMID is to its neighbours.
const DISPLAY: u16 = 0x0502;

pub(crate) struct Carrier {
    /// Out of its box it is not in a network, and its node in none.
    joining: Option<Box<Commissioning>>,
    node: Node,
    partners: Partners,
    client: Client,
    server: Server,
    /// Which of the two has the tunnel that opened last.
    open: Option<Side>,
    hub: Eui64,
    hub_short: ShortAddress,
    hub_endpoint: u8,
    /// Our own.
    endpoint: u8,
    /// Asks the hub where its tunnels are.
    finder: Finder,
    /// The electricity meter that the device log has.
    joined: Option<Eui64>,
    /// The same where a link key is shared with it, and its endpoint.
    electricity: Option<(Eui64, u8)>,
    /// Asks the electricity meter where it serves displays.
    meter_finder: Finder,
    /// When this PPMID asks for a tunnel that the hub was to ask for: it may not know that ours is lost.
    ask_at: Option<Time>,
    initiator: TunnelInitiator,
    role: Role,
    /// The message on its way.
    current: Option<(Side, TransferId)>,
    /// What follows it: a Command too long for one transfer goes in blocks (GBCS 7.2.11), the last of which is first here.
    rest: Vec<Vec<u8>>,
    /// The hub said that the tunnel is not ours, so what was sent on it went nowhere.
    forgotten: bool,
    /// Commands of the cluster on their way: their loss is the tunnel's loss. That of an acknowledgement is not.
    commands: Vec<(Handle, Side)>,
    outputs: VecDeque<Output>,
}

impl Carrier {
    /// `own` is what is stored of the device; `ephemeral` is fresh and random, for one out of its box.
    pub(crate) fn new(
        now: Time,
        config: &Config,
        counters: FrameCounters,
        own: &Own,
        ephemeral: [u8; cbke::EPHEMERAL_LEN],
    ) -> Self {
        let mut node = NodeConfig { counters, ..config.node.clone() };
        let mut hub = config.hub;
        let mut joining = None;
        if let Some((membership, link_key)) = own.membership() {
            hub = membership.coordinator;
            let commissioned = Commissioned { membership, link_key, counters: node.counters };
            node = commissioned.node_config(node.eui, node.role, node.endpoints);
        } else if let Some(code) = &config.install_code {
            let joiner = JoinerConfig { eui: node.eui, link_key: code.link_key(), wanted: None, sleepy: false };
            joining = Some(Box::new(Commissioning::new(now, joiner, ephemeral)));
        }
        let joined = own.electricity(config);
        let mut partners = own.partners.clone();
        node.peers.iter().filter(|peer| Some(peer.eui) == joined).for_each(|peer| partners.adopt(peer));
        // Who is not in the device log is no peer, whatever the installation says.
        node.peers.retain(|peer| peer.eui == hub);
        node.peers.extend(partners.peers());
        // Whether a Command may still be sent is decided before each transfer, so the client must try each only once; and
        // a PPMID on the mains never tires of asking for its tunnel.
        let tunnel = ClientConfig {
            give_up_attempts: 1,
            give_up_after: Duration::ZERO,
            max_failures: u32::MAX,
            max_waiting: 1,
            ..config.tunnel
        };
        let mut carrier = Self {
            joining,
            node: Node::new(node),
            partners,
            client: Client::new(tunnel),
            server: Server::new(ServerConfig { max_waiting: 1, ..ServerConfig::at(tunnel.endpoint) }),
            open: None,
            hub,
            hub_short: ShortAddress::COORDINATOR,
            hub_endpoint: config.hub_endpoint,
            endpoint: tunnel.endpoint,
            finder: Finder::of(CLUSTER),
            joined,
            electricity: None,
            meter_finder: Finder::of(display::cluster::PREPAYMENT),
            ask_at: None,
            initiator: config.tunnel_initiator,
            role: config.node.role,
            current: None,
            rest: Vec::new(),
            forgotten: false,
            commands: Vec::new(),
            outputs: VecDeque::new(),
        };
        let hub_peer = config.node.peers.iter().find(|peer| peer.eui == hub);
        carrier.hub_short = hub_peer.map_or(ShortAddress::COORDINATOR, |peer| peer.short);
        if carrier.joining.is_none() {
            carrier.begin(now);
        }
        carrier.run(now);
        carrier
    }

    /// In a network: say what is here, and look for hub and meter.
    fn begin(&mut self, now: Time) {
        let asks = display::ASKED.map(|(cluster, ..)| cluster);
        let mut asks = [&[CLUSTER, display::cluster::METERING, display::cluster::PREPAYMENT][..], &asks].concat();
        asks.sort_unstable();
        asks.dedup();
        self.node.describe(SimpleDescriptor::smart_energy(self.endpoint, DISPLAY, [CLUSTER], asks));
        self.server.allow(self.hub, true);
        match self.initiator {
            TunnelInitiator::Ppmid => self.look_for_hub(now),
            TunnelInitiator::Hub => self.ask_at = Some(now + PATIENCE),
        }
        self.pair(now);
    }

    /// The electricity meter that the device log has now.
    pub(crate) fn set_joined(&mut self, now: Time, joined: Option<Eui64>) {
        self.joined = joined;
        self.pair(now);
        self.run(now);
    }

    /// The device log has this device now, and a link key with it is asked for.
    pub(crate) fn join(&mut self, now: Time, device: Eui64, part: Part) {
        self.partners.join(device, part);
        self.run(now);
    }

    /// The device log has this device no longer.
    pub(crate) fn part(&mut self, now: Time, device: Eui64) {
        self.partners.part(device);
        self.run(now);
    }

    /// The hub.
    pub(crate) const fn hub(&self) -> Eui64 {
        self.hub
    }

    /// With whom it shares link keys.
    pub(crate) const fn partners(&self) -> &Partners {
        &self.partners
    }

    /// Take up with the electricity meter of the log as soon as there is a link key, and give it up when it is not in the log.
    fn pair(&mut self, now: Time) {
        let shared = self.joined.and_then(|eui| Some((eui, self.partners.address(eui)?)));
        let current = self.electricity.map(|(eui, _)| eui);
        if shared.map(|(eui, _)| eui) == current {
            return;
        }
        self.electricity = shared.map(|(eui, _)| (eui, METER_ENDPOINT));
        if let Some((eui, short)) = shared {
            let request = self.meter_finder.ask(now, eui, short);
            self.node.send(now, request);
            self.outputs.push_back(Output::Paired);
        }
    }

    /// Hand one message over; an `Outcome` follows. Only when the tunnel is open and nothing is on its way.
    /// A long one goes in blocks, one after the other; the `Outcome` is that of the last, or of the first that failed.
    pub(crate) fn send(&mut self, now: Time, message: Vec<u8>) {
        // What cannot be cut is a block already, or goes as it is.
        self.rest = block::parts(&message, MAX_BLOCK_LEN).unwrap_or_else(|_| alloc::vec![message]);
        self.rest.reverse();
        self.send_next(now);
    }

    fn send_next(&mut self, now: Time) {
        let Some(message) = self.rest.pop() else { return };
        self.forgotten = false;
        self.current = Some(match self.open {
            Some(Side::Server) => (Side::Server, self.server.send(now, self.hub, message)),
            _ => (Side::Client, self.client.send(now, self.hub, message)),
        });
        self.run(now);
    }

    /// Ask the hub something at an endpoint other than that of its tunnels, or without one the electricity meter; `None` where there is
    /// no such meter.
    pub(crate) fn ask(&mut self, now: Time, of_hub: Option<u8>, cluster: u16, payload: Vec<u8>) -> Option<Handle> {
        let (peer, dst_endpoint) = match of_hub {
            Some(endpoint) => (self.hub, endpoint),
            None => self.electricity?,
        };
        let (profile, src_endpoint) = (SMART_ENERGY, self.endpoint);
        let handle = self.node.send(now, Datagram { peer, profile, cluster, src_endpoint, dst_endpoint, payload });
        self.run(now);
        Some(handle)
    }

    /// The electricity meter, where the PPMID has one.
    pub(crate) fn electricity(&self) -> Option<Eui64> {
        self.electricity.map(|(eui, _)| eui)
    }

    /// Whether there is a tunnel.
    pub(crate) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) const fn airtime(&self) -> &Airtime {
        self.node.airtime()
    }

    /// Time on the air within the last hour.
    pub(crate) fn on_air(&self, now: Time) -> Duration {
        self.node.airtime().within_the_hour(now)
    }

    pub(crate) fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        if let Some(joining) = &mut self.joining {
            joining.handle_frame(now, psdu);
            return self.run(now);
        }
        self.node.handle_frame(now, psdu);
        self.run(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if let Some(joining) = &mut self.joining {
            joining.handle_timeout(now);
            return self.run(now);
        }
        self.node.handle_timeout(now);
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        if self.finder.overdue(now).is_some() {
            self.client.open(now, self.hub, self.hub_endpoint);
        }
        // It has the usual endpoint.
        let _ = self.meter_finder.overdue(now);
        if self.ask_at.take_if(|at| *at <= now).is_some() {
            self.look_for_hub(now);
        }
        self.run(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn timeout(&mut self) -> Option<Time> {
        // All are drained at the end of each call, so there is nothing but their next times to read.
        if let Some(joining) = &mut self.joining {
            return if let CommissioningOutput::Timeout(at) = joining.poll() { at } else { None };
        }
        let of_tunnel = |output| if let tunnel::Output::Timeout(at) = output { at } else { None };
        let node = if let node::Output::Timeout(at) = self.node.poll() { at } else { None };
        let tunnels = [of_tunnel(self.client.poll()), of_tunnel(self.server.poll())];
        tunnels
            .into_iter()
            .chain([node, self.finder.timeout(), self.meter_finder.timeout(), self.partners.timeout(), self.ask_at])
            .flatten()
            .min()
    }

    /// Ask the hub where its tunnels are; its answer, or its silence, leads to a RequestTunnel.
    fn look_for_hub(&mut self, now: Time) {
        let request = self.finder.ask(now, self.hub, self.hub_short);
        self.node.send(now, request);
    }

    /// Out of the box: look for a network. Whether it is in one.
    fn run_joining(&mut self, now: Time) -> bool {
        while let Some(joining) = &mut self.joining {
            match joining.poll() {
                CommissioningOutput::Transmit(psdu) => self.outputs.push_back(Output::Transmit(psdu)),
                CommissioningOutput::Done(commissioned) => {
                    self.joining = None;
                    self.hub = commissioned.membership.coordinator;
                    let endpoints = alloc::vec![self.endpoint];
                    let config = commissioned.clone().node_config(self.node.eui(), self.role, endpoints);
                    self.node = Node::new(config);
                    self.outputs.push_back(Output::Joined(Box::new(commissioned)));
                    self.begin(now);
                }
                CommissioningOutput::Timeout(_) => return false,
            }
        }
        true
    }

    /// Let node and tunnels feed each other until all are at rest.
    fn run(&mut self, now: Time) {
        if !self.run_joining(now) {
            return;
        }
        loop {
            self.partners.run(now, &mut self.node, self.hub);
            if self.partners.take_changed() {
                self.outputs.push_back(Output::Partners(self.partners.clone()));
                self.pair(now);
            }
            match (self.client.poll(), self.server.poll()) {
                (tunnel::Output::Timeout(_), tunnel::Output::Timeout(_)) => {}
                (of_client, of_server) => {
                    self.handle_tunnel(now, Side::Client, of_client);
                    self.handle_tunnel(now, Side::Server, of_server);
                    continue;
                }
            }
            match self.node.poll() {
                node::Output::Timeout(_) => return,
                output => self.handle_node(now, output),
            }
        }
    }

    fn handle_tunnel(&mut self, now: Time, side: Side, output: tunnel::Output) {
        match output {
            tunnel::Output::Send(outbound) => {
                let is_command = han::zcl::Frame::parse(&outbound.zcl).is_ok_and(|frame| frame.cluster_specific);
                let handle = self.node.send(now, outbound.datagram());
                if is_command {
                    self.commands.push((handle, side));
                }
            }
            tunnel::Output::Opened { .. } => {
                self.open = Some(side);
                self.ask_at = None;
                self.outputs.push_back(Output::Opened);
            }
            tunnel::Output::Refused { status, .. } => self.outputs.push_back(Output::TunnelRefused(status)),
            tunnel::Output::Closed { reason, .. } => {
                self.forgotten |= reason == CloseReason::Forgotten;
                let other = match side {
                    Side::Client => Some(Side::Server).filter(|_| self.server.is_open(self.hub)),
                    Side::Server => Some(Side::Client).filter(|_| self.client.is_open(self.hub)),
                };
                if self.open == Some(side) {
                    self.open = other;
                }
                // The tunnel that is left, if there is one, goes on serving.
                if self.open.is_none() {
                    self.outputs.push_back(Output::Closed(reason));
                }
            }
            tunnel::Output::Data { data, .. } => self.outputs.push_back(Output::Data(data)),
            tunnel::Output::Accepted { transfer, .. } => self.finish(now, side, transfer, Outcome::Taken),
            tunnel::Output::Failed { transfer, reason, .. } => {
                let outcome = match reason {
                    TransferFailure::Refused(_) | TransferFailure::TooLong => Outcome::Refused,
                    TransferFailure::NoTunnel | TransferFailure::QueueFull => Outcome::NotSent,
                    TransferFailure::Unreachable if self.forgotten => Outcome::NotSent,
                    TransferFailure::Unreachable | TransferFailure::NoAnswer | TransferFailure::Closed => {
                        Outcome::Silence
                    }
                };
                self.finish(now, side, transfer, outcome);
            }
            tunnel::Output::CloseRefused { .. } | tunnel::Output::Timeout(_) => {}
        }
    }

    fn handle_node(&mut self, now: Time, output: node::Output) {
        match output {
            node::Output::Transmit(psdu) => self.outputs.push_back(Output::Transmit(psdu)),
            node::Output::Persist(counters) => self.outputs.push_back(Output::Counters(counters)),
            node::Output::Key(from, command) => {
                let brought = self.partners.hear(&mut self.node, self.hub, from, command);
                self.outputs.push_back(Output::Key(brought));
            }
            node::Output::Refused(from, refusal) => {
                self.partners.refused(now, from, refusal);
                self.outputs.push_back(Output::FrameRefused(refusal));
            }
            node::Output::Delivered(handle) => self.commands.retain(|(command, _)| *command != handle),
            node::Output::Failed(handle, _) => {
                if let Some(at) = self.commands.iter().position(|(command, _)| *command == handle) {
                    match self.commands.swap_remove(at).1 {
                        Side::Client => self.client.handle_undelivered(now, self.hub),
                        Side::Server => self.server.handle_undelivered(now, self.hub),
                    }
                } else {
                    self.outputs.push_back(Output::Unheard(handle));
                }
            }
            node::Output::Received(datagram) => self.handle_datagram(now, &datagram),
            node::Output::Timeout(_) => {}
        }
    }

    fn handle_datagram(&mut self, now: Time, datagram: &Datagram) {
        if self.partners.answer(&mut self.node, self.hub, datagram) {
            return;
        }
        if let Some((hub, endpoint)) = self.finder.answer(datagram) {
            return self.client.open(now, hub, endpoint.unwrap_or(self.hub_endpoint));
        }
        if let Some((meter, endpoint)) = self.meter_finder.answer(datagram) {
            self.electricity = Some((meter, endpoint.unwrap_or(METER_ENDPOINT)));
            return;
        }
        if datagram.cluster != CLUSTER {
            if datagram.profile == SMART_ENERGY {
                let Datagram { peer, cluster, ref payload, .. } = *datagram;
                self.outputs.push_back(Output::Zcl(peer, cluster, payload.clone()));
            }
            return;
        }
        if datagram.peer != self.hub {
            return;
        }
        let Datagram { peer, src_endpoint, ref payload, .. } = *datagram;
        match Side::of(payload) {
            Some(Side::Client) => self.client.handle_zcl(now, peer, src_endpoint, payload),
            Some(Side::Server) => self.server.handle_zcl(now, peer, src_endpoint, payload),
            None => {}
        }
    }

    fn finish(&mut self, now: Time, side: Side, transfer: TransferId, outcome: Outcome) {
        if self.current == Some((side, transfer)) {
            self.current = None;
            if outcome == Outcome::Taken && !self.rest.is_empty() {
                return self.send_next(now);
            }
            self.rest.clear();
            self.outputs.push_back(Output::Outcome(outcome));
        }
    }
}
