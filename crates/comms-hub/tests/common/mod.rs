//! A home around a hub: devices that are real up to the tunnel, on a radio with virtual time.
#![allow(dead_code)]

use comms_hub::config::{FunctionKeys, HubConfig};
use comms_hub::{DeviceEntry, DeviceKind, Event, Hub, Output, Profile, Settings};
use device::{Role as Party, TrustAnchor, Usage};
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto};
use gbcs::envelope::{GroupingHeader, SignatureField};
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, Time};
use han::key_command::KeyCommand;
use han::node::{self, FrameCounters, NodeConfig, Peer, Role, Timing};
use han::tunnel::{self, Client, ClientConfig, Server, ServerConfig, Side, TransferFailure, TransferId};
use han::zcl::tunneling::CLUSTER;
use han::zcl::{Frame, Status};
use han::{Datagram, Key, Node, PanId, ShortAddress};
use std::time::Duration;

pub const CHF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);
pub const GPF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A3);
pub const ESME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
pub const GSME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A1);
pub const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
pub const PPMID2: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A5);
pub const HHT: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A6);
/// On the PAN with a link key, in no Device Log.
pub const STRANGER: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A9);
pub const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
pub const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);

const AIR: Duration = Duration::from_millis(5);
const DEVICES: [(Eui64, Option<DeviceKind>, u16, bool); 6] = [
    (ESME, Some(DeviceKind::Esme), 0x0A01, false),
    (GSME, Some(DeviceKind::Gsme), 0x0A02, true),
    (PPMID, Some(DeviceKind::Ppmid), 0x0A03, false),
    (PPMID2, Some(DeviceKind::Ppmid), 0x0A04, false),
    (HHT, Some(DeviceKind::Hht), 0x0A05, false),
    (STRANGER, None, 0x0A06, false),
];
pub const START: Time = Time(1_700_000_000_000);

/// A message nobody checks the MAC of.
pub fn message(originator: Eui64, target: Eui64, cra: Cra, counter: u64, code: u16, payload: usize) -> Vec<u8> {
    let id = MessageId { originator, target, cra, counter: Counter(counter) };
    let header = GroupingHeader::new(id, MessageCode(code));
    Message { header, payload: vec![0x5A; payload], signature: SignatureField::Empty, mac: Some([7; 12]) }.encode()
}

/// A supplier's Command.
pub fn command(target: Eui64, counter: u64) -> Vec<u8> {
    message(SUPPLIER, target, Cra::Command, counter, 0x0071, 40)
}

/// A meter's Response to [`command`].
pub fn response(meter: Eui64, counter: u64) -> Vec<u8> {
    message(meter, SUPPLIER, Cra::Response, counter, 0x0071, 30)
}

/// One device: a node, and either side of the Tunneling cluster.
pub struct Device {
    pub eui: Eui64,
    pub node: Node,
    pub client: Option<Client>,
    pub server: Option<Server>,
    /// Data that came through the tunnel.
    pub data: Vec<Vec<u8>>,
    /// What came of transfers.
    pub outcomes: Vec<(TransferId, Result<(), TransferFailure>)>,
    pub opened: Vec<u16>,
    pub refused: Vec<han::zcl::tunneling::TunnelStatus>,
    /// Every ZCL frame received: cluster and octets.
    pub zcl: Vec<(u16, Vec<u8>)>,
    /// Commands about link keys.
    pub keys: Vec<KeyCommand>,
    /// Neither heard nor hearing.
    pub deaf: bool,
    /// Do not let the tunnel see frames: a test plays it.
    pub manual: bool,
    due: Option<Time>,
}

impl Device {
    fn new(eui: Eui64, kind: Option<DeviceKind>, short: u16, sleepy: bool) -> Self {
        let hub =
            Peer { eui: CHF, short: ShortAddress::COORDINATOR, link_key: Some(link_key(eui)), sleepy_child: false };
        let role = if sleepy { Role::SleepyEndDevice { parent: ShortAddress::COORDINATOR } } else { Role::Router };
        let node = Node::new(node_config(eui, short, role, vec![hub]));
        let serves = kind == Some(DeviceKind::Esme);
        let mut server = Server::new(ServerConfig::at(1));
        server.allow(CHF, true);
        Self {
            eui,
            node,
            client: (!serves).then(|| Client::new(ClientConfig::at(1))),
            server: serves.then_some(server),
            data: Vec::new(),
            outcomes: Vec::new(),
            opened: Vec::new(),
            refused: Vec::new(),
            zcl: Vec::new(),
            keys: Vec::new(),
            deaf: false,
            manual: false,
            due: None,
        }
    }

    /// Let the parts talk; what is to go on the air.
    fn drain(&mut self, now: Time) -> Vec<Vec<u8>> {
        let mut air = Vec::new();
        loop {
            let mut idle = true;
            self.due = None;
            if let Some(client) = &mut self.client {
                let output = client.poll();
                idle &= self.handle_tunnel(now, output);
            }
            if let Some(server) = &mut self.server {
                let output = server.poll();
                idle &= self.handle_tunnel(now, output);
            }
            match self.node.poll() {
                node::Output::Timeout(at) => self.due = earliest(self.due, at),
                output => {
                    idle = false;
                    self.handle_node(now, output, &mut air);
                }
            }
            if idle {
                return air;
            }
        }
    }

    fn handle_node(&mut self, now: Time, output: node::Output, air: &mut Vec<Vec<u8>>) {
        match output {
            node::Output::Transmit(psdu) => air.push(psdu),
            node::Output::Key(from, command) => {
                assert_eq!(from, CHF);
                self.keys.push(command);
            }
            node::Output::Received(datagram) => {
                self.zcl.push((datagram.cluster, datagram.payload.clone()));
                if datagram.cluster != CLUSTER || self.manual {
                    return;
                }
                let (peer, endpoint, zcl) = (datagram.peer, datagram.src_endpoint, &datagram.payload);
                match (Side::of(zcl), &mut self.client, &mut self.server) {
                    (Some(Side::Client), Some(client), _) => client.handle_zcl(now, peer, endpoint, zcl),
                    (Some(Side::Server), _, Some(server)) => server.handle_zcl(now, peer, endpoint, zcl),
                    _ => {}
                }
            }
            node::Output::Failed(..) => {
                if let Some(client) = &mut self.client {
                    client.handle_undelivered(now, CHF);
                }
                if let Some(server) = &mut self.server {
                    server.handle_undelivered(now, CHF);
                }
            }
            _ => {}
        }
    }

    fn handle_tunnel(&mut self, now: Time, output: tunnel::Output) -> bool {
        match output {
            tunnel::Output::Send(outbound) => {
                self.node.send(now, outbound.datagram());
            }
            tunnel::Output::Opened { tunnel, .. } => self.opened.push(tunnel),
            tunnel::Output::Refused { status, .. } => self.refused.push(status),
            tunnel::Output::Data { data, .. } => self.data.push(data),
            tunnel::Output::Accepted { transfer, .. } => self.outcomes.push((transfer, Ok(()))),
            tunnel::Output::Failed { transfer, reason, .. } => self.outcomes.push((transfer, Err(reason))),
            tunnel::Output::Closed { .. } | tunnel::Output::CloseRefused { .. } => {}
            tunnel::Output::Timeout(at) => {
                self.due = earliest(self.due, at);
                return true;
            }
        }
        false
    }

    /// Send data to the hub; open the tunnel first, where that is this device's part.
    pub fn send(&mut self, now: Time, data: Vec<u8>) -> TransferId {
        match (&mut self.client, &mut self.server) {
            (Some(client), _) => client.send(now, CHF, data),
            (_, Some(server)) => server.send(now, CHF, data),
            _ => unreachable!(),
        }
    }

    /// The statuses of the Default Responses to TransferData received so far.
    pub fn statuses(&self) -> Vec<Status> {
        let default_response = |zcl: &Vec<u8>| Frame::parse(zcl).ok()?.as_default_response();
        self.zcl.iter().filter_map(|(_, zcl)| default_response(zcl)).map(|r| r.status).collect()
    }
}

fn earliest(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    a.into_iter().chain(b).min()
}

fn link_key(eui: Eui64) -> Key {
    Key::new([eui.octets()[7]; 16])
}

fn node_config(eui: Eui64, short: u16, role: Role, peers: Vec<Peer>) -> NodeConfig {
    NodeConfig {
        eui,
        short: ShortAddress(short),
        pan: PanId(0x1A62),
        role,
        network_key: Key::new([0x11; 16]),
        network_key_sequence: 0,
        peers,
        endpoints: vec![1],
        timing: Timing::default(),
        counters: FrameCounters::default(),
    }
}

pub fn acb_key() -> gbcs::crypto::PrivateKey {
    RustCrypto.private_key(&[7; 32]).unwrap()
}

pub fn gpf_key() -> gbcs::crypto::PrivateKey {
    RustCrypto.private_key(&[11; 32]).unwrap()
}

pub fn supplier_key() -> gbcs::crypto::PrivateKey {
    RustCrypto.private_key(&[12; 32]).unwrap()
}

pub fn supplier_signing_key() -> gbcs::crypto::PrivateKey {
    RustCrypto.private_key(&[13; 32]).unwrap()
}

pub fn chf_key() -> gbcs::crypto::PrivateKey {
    RustCrypto.private_key(&[9; 32]).unwrap()
}

pub fn anchor(role: Party, usage: Usage, eui: Eui64, key: &PrivateKey) -> TrustAnchor {
    let key_id = key.public().point()[..8].try_into().unwrap();
    TrustAnchor { role, usage, prepayment: false, eui, key: *key.public(), key_id }
}

/// A function whose two key pairs are one, and who knows the ACB and these.
fn function_keys(own: PrivateKey, mut anchors: Vec<TrustAnchor>) -> FunctionKeys {
    anchors.push(anchor(Party::AccessControlBroker, Usage::KeyAgreement, ACB, &acb_key()));
    let (digital_signature, key_agreement) = (own.clone(), own);
    FunctionKeys { acb: ACB, digital_signature, key_agreement, anchors, counter_floor: Counter(1 << 60) }
}

/// Alert counters start above any clock, so that tests see the counter itself.
pub fn config(profile: Profile, settings: Settings) -> HubConfig {
    let listed = || DEVICES.into_iter().filter_map(|(eui, kind, short, sleepy)| Some((eui, kind?, short, sleepy)));
    let peers = DEVICES.into_iter().map(|(eui, _, short, sleepy)| Peer {
        eui,
        short: ShortAddress(short),
        link_key: Some(link_key(eui)),
        sleepy_child: sleepy,
    });
    HubConfig {
        chf: CHF,
        gpf: GPF,
        profile,
        node: node_config(CHF, 0, Role::Coordinator, peers.collect()),
        devices: listed().map(|(eui, kind, short, sleepy)| DeviceEntry { eui, kind, short, sleepy }).collect(),
        chf_keys: Some(function_keys(chf_key(), vec![])),
        gpf_keys: Some(function_keys(
            gpf_key(),
            vec![
                anchor(Party::Supplier, Usage::KeyAgreement, SUPPLIER, &supplier_key()),
                anchor(Party::Supplier, Usage::DigitalSignature, SUPPLIER, &supplier_signing_key()),
            ],
        )),
        settings,
    }
}

/// The home.
pub struct Home {
    pub now: Time,
    pub hub: Hub<RustCrypto>,
    pub devices: Vec<Device>,
    pub events: Vec<Event>,
    pub wan: Vec<Vec<u8>>,
    /// Whether the hub hears that the DCC has what it sent.
    pub acknowledged: bool,
    /// The hub loses power after so many more outputs.
    pub power: Option<u32>,
    pub record: Option<Vec<u8>>,
    pub gas_record: Option<Vec<u8>>,
    config: HubConfig,
    hub_due: Option<Time>,
    /// When, from whom (`None`: the hub), what.
    air: Vec<(Time, Option<usize>, Vec<u8>)>,
}

impl Home {
    pub fn new(profile: Profile) -> Self {
        Self::with(profile, Settings::default())
    }

    pub fn with(profile: Profile, settings: Settings) -> Self {
        let config = config(profile, settings);
        let hub = Hub::new(START, config.clone(), RustCrypto, None).unwrap();
        let devices = DEVICES.into_iter().map(|(eui, kind, short, sleepy)| Device::new(eui, kind, short, sleepy));
        let mut home = Self {
            now: START,
            hub,
            devices: devices.collect(),
            events: Vec::new(),
            wan: Vec::new(),
            acknowledged: true,
            power: None,
            record: None,
            gas_record: None,
            config,
            hub_due: None,
            air: Vec::new(),
        };
        home.drain_hub();
        home
    }

    /// A home in which WAN is as told and PPMID and meters have their tunnels.
    pub fn ready(profile: Profile, wan: bool) -> Self {
        Self::with(profile, Settings::default()).connected(wan)
    }

    pub fn connected(mut self, wan: bool) -> Self {
        self.set_wan(wan);
        self.open(PPMID);
        self.wake(GSME);
        self.open(GSME);
        self.run_for(3);
        self.sleep(GSME);
        assert!(self.hub.has_tunnel(ESME) && self.hub.has_tunnel(PPMID) && self.hub.has_tunnel(GSME));
        self
    }

    pub fn device(&mut self, eui: Eui64) -> &mut Device {
        self.devices.iter_mut().find(|d| d.eui == eui).unwrap()
    }

    /// Let a device open its tunnel with the hub.
    pub fn open(&mut self, eui: Eui64) {
        let now = self.now;
        self.device(eui).client.as_mut().unwrap().open(now, CHF, 3);
        self.drain_device(eui);
    }

    pub fn send(&mut self, eui: Eui64, data: Vec<u8>) -> TransferId {
        let now = self.now;
        let id = self.device(eui).send(now, data);
        self.drain_device(eui);
        id
    }

    /// Send a frame of any cluster to an endpoint of the hub.
    pub fn send_zcl(&mut self, eui: Eui64, cluster: u16, endpoint: u8, payload: Vec<u8>) {
        let datagram = Datagram {
            peer: CHF,
            profile: han::SMART_ENERGY,
            cluster,
            src_endpoint: 1,
            dst_endpoint: endpoint,
            payload,
        };
        let now = self.now;
        self.device(eui).node.send(now, datagram);
        self.drain_device(eui);
    }

    /// A device asks for a link key to share with another.
    pub fn ask_key(&mut self, eui: Eui64, partner: Eui64) {
        let now = self.now;
        self.device(eui).node.send_key(now, CHF, KeyCommand::Request { partner });
        self.drain_device(eui);
    }

    pub fn wake(&mut self, eui: Eui64) {
        let now = self.now;
        self.device(eui).node.wake(now);
        self.drain_device(eui);
    }

    pub fn sleep(&mut self, eui: Eui64) {
        let now = self.now;
        self.device(eui).node.sleep(now);
        self.drain_device(eui);
    }

    pub fn set_wan(&mut self, up: bool) {
        self.hub.set_wan(self.now, up);
        self.drain_hub();
    }

    pub fn wan_brings(&mut self, octets: &[u8]) {
        self.hub.handle_wan(self.now, octets);
        self.drain_hub();
    }

    /// Power the hub off and on with its last record.
    pub fn restart_hub(&mut self) {
        self.power = None;
        self.hub = Hub::new(self.now, self.config.clone(), RustCrypto, self.record.as_deref()).unwrap();
        if let Some(record) = &self.gas_record {
            self.hub.restore_gas(record).unwrap();
        }
        self.air.retain(|(_, from, _)| from.is_some());
        self.drain_hub();
    }

    pub fn drain_hub(&mut self) {
        loop {
            match &mut self.power {
                Some(0) => {
                    self.hub_due = None;
                    return;
                }
                Some(left) => *left -= 1,
                None => {}
            }
            match self.hub.poll() {
                Output::Transmit(psdu) => self.air.push((self.now + AIR, None, psdu)),
                Output::Wan(octets) => {
                    if self.acknowledged {
                        self.hub.wan_taken(self.now, &octets);
                    }
                    self.wan.push(octets);
                }
                Output::Persist(record) => self.record = Some(record),
                Output::PersistGas(record) => self.gas_record = Some(record),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(at) => {
                    self.hub_due = at;
                    return;
                }
            }
        }
    }

    fn drain_device(&mut self, eui: Eui64) {
        let now = self.now;
        let at = self.devices.iter().position(|d| d.eui == eui).unwrap();
        let deaf = self.devices[at].deaf;
        for psdu in self.devices[at].drain(now) {
            if !deaf {
                self.air.push((now + AIR, Some(at), psdu));
            }
        }
    }

    pub fn run_for(&mut self, seconds: u64) {
        self.run_until(self.now + Duration::from_secs(seconds));
    }

    pub fn run_until(&mut self, end: Time) {
        let mut steps = 0u32;
        loop {
            let air = self.air.iter().map(|(at, ..)| *at).min();
            let due = self.devices.iter().filter_map(|d| d.due).chain(self.hub_due).chain(air).min();
            let Some(next) = due.filter(|next| *next <= end) else { break };
            steps += 1;
            assert!(steps < 2_000_000, "the home never comes to rest");
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        let now = self.now;
        if let Some(at) = self.air.iter().position(|(at, ..)| *at <= now) {
            let (_, from, psdu) = self.air.remove(at);
            if from.is_some() {
                self.hub.handle_frame(now, &psdu);
                self.drain_hub();
            }
            for at in 0..self.devices.len() {
                if Some(at) != from && !self.devices[at].deaf {
                    self.devices[at].node.handle_frame(now, &psdu);
                    let eui = self.devices[at].eui;
                    self.drain_device(eui);
                }
            }
            return;
        }
        if self.hub_due.is_some_and(|at| at <= now) {
            self.hub.handle_timeout(now);
            self.drain_hub();
        }
        for at in 0..self.devices.len() {
            if self.devices[at].due.is_some_and(|due| due <= now) {
                let device = &mut self.devices[at];
                device.node.handle_timeout(now);
                if let Some(client) = &mut device.client {
                    client.handle_timeout(now);
                }
                if let Some(server) = &mut device.server {
                    server.handle_timeout(now);
                }
                let eui = device.eui;
                self.drain_device(eui);
            }
        }
    }

    /// The rules by which messages were thrown away so far, in words.
    pub fn discards(&self) -> Vec<String> {
        let discard = |event: &Event| match event {
            Event::Discarded { reason, .. } => Some(reason.to_string()),
            _ => None,
        };
        self.events.iter().filter_map(discard).collect()
    }

    pub fn logged(&self) -> Vec<u16> {
        self.hub.event_log().map(|entry| entry.code).collect()
    }
}
