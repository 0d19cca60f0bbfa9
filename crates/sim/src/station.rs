//! A device that does what it is told: a node and both sides of the Tunneling cluster, and, where it is an HHT, the way in from the
//! street. Engineers' terminals, second PPMIDs and devices that keep to no rule are played with it.
use comms_hub::hht::{self, REGISTER, REGISTERED, Register, Registration};
use gbcs::{Eui64, Time};
use han::cbke::{self, Exchange};
use han::interpan::Frame as InterPan;
use han::join::{Commissioning, CommissioningOutput, JoinerConfig};
use han::mac::{self, PanId};
use han::node::{self, Role};
use han::tunnel::{self, Client, ClientConfig, Server, ServerConfig, Side, TransferFailure, TransferId};
use han::zcl::Frame;
use han::zcl::tunneling::{CLUSTER, TunnelStatus};
use han::{Datagram, InstallCode, Key, Node, NodeConfig, SMART_ENERGY};
use std::time::Duration;

/// The endpoint of a station.
const ENDPOINT: u8 = 1;
/// How long an answer to an inter-PAN frame may take before the HHT begins again, and how often it does.
const INTER_PAN_WAIT: Duration = Duration::from_secs(2);
const INTER_PAN_TRIES: u32 = 30;

/// What an HHT knows before it is anywhere.
#[derive(Clone, Debug)]
pub struct HhtConfig {
    /// Its EUI-64.
    pub eui: Eui64,
    /// Its install code.
    pub code: InstallCode,
    /// The hub it is to speak with: printed on its case.
    pub hub: Eui64,
    /// The hub's network.
    pub pan: PanId,
    /// Fresh and random.
    pub ephemeral: [u8; cbke::EPHEMERAL_LEN],
}

/// A station.
pub struct Station {
    hub: Eui64,
    stage: Stage,
    /// Data that came through its tunnel.
    pub data: Vec<Vec<u8>>,
    /// What came of each transfer.
    pub outcomes: Vec<(TransferId, Result<(), TransferFailure>)>,
    /// Tunnels that were opened, and refused.
    pub opened: Vec<u16>,
    /// Refusals of a tunnel, with their time.
    pub refused: Vec<(Time, TunnelStatus)>,
    /// Every ZCL frame received: when, cluster, octets.
    pub heard: Vec<(Time, u16, Vec<u8>)>,
    /// What a hub said to the registration of an HHT.
    pub registration: Option<u8>,
    /// The keys an HHT established on its way in, the one it registered under last: for whoever opens a capture of it.
    pub inter_pan_keys: Vec<Key>,
    frames: Vec<Vec<u8>>,
}

enum Stage {
    Knocking(Box<Knocking>),
    Commissioning(Box<Commissioning>, Eui64),
    Member(Box<Member>),
    /// The hub did not let it in.
    Outside,
}

struct Knocking {
    config: HhtConfig,
    exchange: Exchange,
    key: Option<Key>,
    counter: u32,
    sequence: u8,
    tries: u32,
    due: Option<Time>,
}

struct Member {
    node: Node,
    client: Client,
    server: Server,
    commands: Vec<(node::Handle, Side)>,
}

impl Station {
    /// A device of the network with this node: it waits to be told.
    pub fn member(hub: Eui64, node: NodeConfig) -> Self {
        Self::new(hub, Stage::Member(Box::new(Member::new(hub, Node::new(node)))))
    }

    /// A device out of its box: it joins by its install code.
    pub fn joiner(now: Time, hub: Eui64, config: JoinerConfig, ephemeral: [u8; cbke::EPHEMERAL_LEN]) -> Self {
        let eui = config.eui;
        Self::new(hub, Stage::Commissioning(Box::new(Commissioning::new(now, config, ephemeral)), eui))
    }

    /// An HHT that knocks.
    pub fn hht(now: Time, config: HhtConfig) -> Self {
        let exchange = knock(now, &config);
        let hub = config.hub;
        let knocking = Knocking { config, exchange, key: None, counter: 0, sequence: 0, tries: 1, due: None };
        Self::new(hub, Stage::Knocking(Box::new(knocking)))
    }

    fn new(hub: Eui64, stage: Stage) -> Self {
        Self {
            hub,
            stage,
            data: Vec::new(),
            outcomes: Vec::new(),
            opened: Vec::new(),
            refused: Vec::new(),
            heard: Vec::new(),
            registration: None,
            inter_pan_keys: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Whether it is in the network.
    pub fn is_member(&self) -> bool {
        matches!(self.stage, Stage::Member(_))
    }

    /// Ask the hub for a tunnel.
    pub fn open(&mut self, now: Time) {
        let hub = self.hub;
        if let Stage::Member(member) = &mut self.stage {
            member.client.open(now, hub, comms_hub::hub::TUNNEL_ENDPOINT);
        }
    }

    /// Send data through its tunnel, by whichever side has one.
    pub fn send(&mut self, now: Time, data: Vec<u8>) -> Option<TransferId> {
        let hub = self.hub;
        let Stage::Member(member) = &mut self.stage else { return None };
        Some(match member.server.is_open(hub) {
            true => member.server.send(now, hub, data),
            false => member.client.send(now, hub, data),
        })
    }

    /// Send a ZCL frame to an endpoint of the hub, whatever is in it.
    pub fn send_zcl(&mut self, now: Time, cluster: u16, dst_endpoint: u8, payload: Vec<u8>) {
        let peer = self.hub;
        if let Stage::Member(member) = &mut self.stage {
            let profile = SMART_ENERGY;
            member.node.send(now, Datagram { peer, profile, cluster, src_endpoint: ENDPOINT, dst_endpoint, payload });
        }
    }

    /// Its server of the cluster, to change.
    pub fn server_mut(&mut self) -> Option<&mut Server> {
        match &mut self.stage {
            Stage::Member(member) => Some(&mut member.server),
            _ => None,
        }
    }

    /// Put another server in the place of its own: one with other limits.
    pub fn set_server(&mut self, config: ServerConfig) {
        let hub = self.hub;
        if let Some(server) = self.server_mut() {
            *server = Server::new(config);
            server.allow(hub, true);
        }
    }

    /// The statuses of Default Responses it got, in order.
    pub fn statuses(&self) -> Vec<han::zcl::Status> {
        let response = |zcl: &Vec<u8>| Frame::parse(zcl).ok()?.as_default_response();
        self.heard.iter().filter_map(|(_, _, zcl)| response(zcl)).map(|response| response.status).collect()
    }

    pub(crate) fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        match &mut self.stage {
            Stage::Knocking(_) => self.hear_inter_pan(now, psdu),
            Stage::Commissioning(commissioning, _) => commissioning.handle_frame(now, psdu),
            Stage::Member(member) => member.node.handle_frame(now, psdu),
            Stage::Outside => {}
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        match &mut self.stage {
            Stage::Knocking(knocking) => {
                knocking.exchange.handle_timeout(now);
                if knocking.due.take_if(|due| *due <= now).is_some() {
                    knocking.tries += 1;
                    knocking.config.ephemeral[3] = knocking.config.ephemeral[3].wrapping_add(1);
                    (knocking.exchange, knocking.key) = (knock(now, &knocking.config), None);
                }
                if knocking.tries > INTER_PAN_TRIES {
                    self.stage = Stage::Outside;
                }
            }
            Stage::Commissioning(commissioning, _) => commissioning.handle_timeout(now),
            Stage::Member(member) => {
                member.node.handle_timeout(now);
                member.client.handle_timeout(now);
                member.server.handle_timeout(now);
            }
            Stage::Outside => {}
        }
    }

    /// What it wants on the air, and when it wants to be called.
    pub(crate) fn drain(&mut self, now: Time) -> (Vec<Vec<u8>>, Option<Time>) {
        let timeout = loop {
            match &mut self.stage {
                Stage::Knocking(_) => break self.run_knocking(now),
                Stage::Commissioning(commissioning, eui) => match commissioning.poll() {
                    CommissioningOutput::Transmit(psdu) => self.frames.push(psdu),
                    CommissioningOutput::Done(done) => {
                        let node = Node::new(done.node_config(*eui, Role::Router, vec![ENDPOINT]));
                        self.stage = Stage::Member(Box::new(Member::new(self.hub, node)));
                    }
                    CommissioningOutput::Timeout(at) => break at,
                },
                Stage::Member(_) => break self.run_member(now),
                Stage::Outside => break None,
            }
        };
        (std::mem::take(&mut self.frames), timeout)
    }

    fn run_knocking(&mut self, now: Time) -> Option<Time> {
        let Stage::Knocking(knocking) = &mut self.stage else { return None };
        loop {
            match knocking.exchange.poll() {
                cbke::Output::Send(zcl) => {
                    knocking.due = Some(now + INTER_PAN_WAIT);
                    self.frames.push(knocking.say(&zcl, false));
                }
                cbke::Output::Established(key) => {
                    self.inter_pan_keys.push(key.clone());
                    knocking.key = Some(key);
                    knocking.counter += 1;
                    let mut payload = Vec::new();
                    Register { hht: knocking.config.eui, code: knocking.config.code.with_check() }.encode(&mut payload);
                    let zcl = hht::to_zcl(REGISTER, knocking.sequence, &payload);
                    knocking.due = Some(now + INTER_PAN_WAIT);
                    self.frames.push(knocking.say(&zcl, true));
                }
                cbke::Output::Failed(_) => {}
                cbke::Output::Timeout(at) => return [at, knocking.due].into_iter().flatten().min(),
            }
        }
    }

    fn hear_inter_pan(&mut self, now: Time, psdu: &[u8]) {
        let Stage::Knocking(knocking) = &mut self.stage else { return };
        let Ok(frame) = mac::Frame::parse(psdu) else { return };
        let Ok(frame) = InterPan::parse(&frame) else { return };
        if frame.destination != knocking.config.eui || frame.source != knocking.config.hub {
            return;
        }
        self.frames.push(mac::Frame::ack(frame.sequence, false).to_vec());
        let Some(_) = frame.security else { return knocking.exchange.handle_zcl(now, frame.payload) };
        let Some(zcl) = knocking.key.as_ref().and_then(|key| frame.open(key).ok()) else { return };
        let Ok(zcl) = Frame::parse(&zcl) else { return };
        if let (REGISTERED, [status]) = (zcl.command, zcl.payload) {
            self.registration = Some(*status);
            if *status != Registration::Listed as u8 {
                self.stage = Stage::Outside;
                return;
            }
            let config = JoinerConfig {
                eui: knocking.config.eui,
                link_key: knocking.config.code.link_key(),
                wanted: Some(knocking.config.hub),
                sleepy: false,
            };
            let (eui, ephemeral) = (knocking.config.eui, knocking.config.ephemeral);
            self.stage = Stage::Commissioning(Box::new(Commissioning::new(now, config, ephemeral)), eui);
        }
    }

    fn run_member(&mut self, now: Time) -> Option<Time> {
        loop {
            let Stage::Member(member) = &mut self.stage else { return None };
            let (client, server) = (member.client.poll(), member.server.poll());
            let node = member.node.poll();
            if let (tunnel::Output::Timeout(a), tunnel::Output::Timeout(b), node::Output::Timeout(c)) =
                (&client, &server, &node)
            {
                return [*a, *b, *c].into_iter().flatten().min();
            }
            self.handle_tunnel(now, Side::Client, client);
            self.handle_tunnel(now, Side::Server, server);
            self.handle_node(now, node);
        }
    }

    fn handle_node(&mut self, now: Time, output: node::Output) {
        let hub = self.hub;
        let Stage::Member(member) = &mut self.stage else { return };
        match output {
            node::Output::Transmit(psdu) => self.frames.push(psdu),
            node::Output::Delivered(handle) => member.commands.retain(|(command, _)| *command != handle),
            node::Output::Failed(handle, _) => {
                if let Some(at) = member.commands.iter().position(|(command, _)| *command == handle) {
                    match member.commands.swap_remove(at).1 {
                        Side::Client => member.client.handle_undelivered(now, hub),
                        Side::Server => member.server.handle_undelivered(now, hub),
                    }
                }
            }
            node::Output::Received(datagram) => {
                self.heard.push((now, datagram.cluster, datagram.payload.clone()));
                if datagram.cluster == CLUSTER {
                    let (peer, endpoint, zcl) = (datagram.peer, datagram.src_endpoint, &datagram.payload);
                    match Side::of(zcl) {
                        Some(Side::Client) => member.client.handle_zcl(now, peer, endpoint, zcl),
                        Some(Side::Server) => member.server.handle_zcl(now, peer, endpoint, zcl),
                        None => {}
                    }
                }
            }
            node::Output::Key(..) | node::Output::Refused(..) | node::Output::Persist(_) | node::Output::Timeout(_) => {
            }
        }
    }

    fn handle_tunnel(&mut self, now: Time, side: Side, output: tunnel::Output) {
        let Stage::Member(member) = &mut self.stage else { return };
        match output {
            tunnel::Output::Send(outbound) => {
                let handle = member.node.send(now, outbound.datagram());
                member.commands.push((handle, side));
            }
            tunnel::Output::Opened { tunnel, .. } => self.opened.push(tunnel),
            tunnel::Output::Refused { status, .. } => self.refused.push((now, status)),
            tunnel::Output::Data { data, .. } => self.data.push(data),
            tunnel::Output::Accepted { transfer, .. } => self.outcomes.push((transfer, Ok(()))),
            tunnel::Output::Failed { transfer, reason, .. } => self.outcomes.push((transfer, Err(reason))),
            tunnel::Output::Closed { .. } | tunnel::Output::CloseRefused { .. } | tunnel::Output::Timeout(_) => {}
        }
    }
}

impl Knocking {
    /// The PSDU of an inter-PAN frame to the hub, under the key where it is a registration.
    fn say(&mut self, zcl: &[u8], secured: bool) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let frame = InterPan {
            source: self.config.eui,
            destination: self.config.hub,
            pan: self.config.pan,
            sequence: self.sequence,
            cluster: cbke::CLUSTER,
            security: secured.then(|| InterPan::link_key_security(self.counter)),
            payload: zcl,
        };
        let sealed = self.key.as_ref().filter(|_| secured).and_then(|key| frame.seal(key).ok());
        sealed.unwrap_or_else(|| frame.to_psdu())
    }
}

impl Member {
    fn new(hub: Eui64, node: Node) -> Self {
        let mut server = Server::new(ServerConfig::at(ENDPOINT));
        server.allow(hub, true);
        Self { node, client: Client::new(ClientConfig::at(ENDPOINT)), server, commands: Vec::new() }
    }
}

fn knock(now: Time, config: &HhtConfig) -> Exchange {
    Exchange::initiate(now, config.eui, config.hub, hht::inter_pan_secret(), config.ephemeral)
}
