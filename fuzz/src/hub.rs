//! A Communications Hub whose devices and WAN keep to no rule.
use crate::lenient::{Lenient, key};
use crate::seeds::SUPPLIER;
use crate::stations::{HUB, START, Spins, Station, check_psdu, drain};
use crate::{Step, script, within};
use comms_hub::config::{FunctionKeys, HubConfig};
use comms_hub::hub::TUNNEL_ENDPOINT;
use comms_hub::{DeviceEntry, DeviceKind, Function, Hub, Output, Profile, Settings};
use device::{Role, TrustAnchor, Usage};
use gbcs::{Counter, Cra, Eui64, MessageView, Time};
use han::node::{self, MAX_DATAGRAM};
use han::tunnel::gsme::GsmeData;
use han::tunnel::{self, Client, ClientConfig, Server, ServerConfig, Side};
use han::zcl::tunneling::CLUSTER;
use han::{Datagram, Node, SMART_ENERGY};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// The meters and displays of the home, in the order in which scripts name them.
pub const DEVICES: [(Station, DeviceKind); 4] = [
    (Station::new(0xA0, false), DeviceKind::Esme),
    (Station::new(0xA1, true), DeviceKind::Gsme),
    (Station::new(0xA4, false), DeviceKind::Ppmid),
    (Station::new(0xA6, false), DeviceKind::Hht),
];
/// The Gas Proxy Function.
pub const GPF: Eui64 = Station::new(0xA3, false).eui;
pub(crate) const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
/// The longest record: the mailbox, what waits for four tunnels, taps, and the WAN's 256 KiB, each message once or twice.
const RECORD_MAX: usize = (64 + 4 * 96 + 32) * 1600 + 256 * 1024 + 64 * 1024;
/// What one gas meter told: its logs, its half hours, 128 attributes.
const GAS_RECORD_MAX: usize = 24 * 1024 + 3 * 5_856;
/// Frames that one cause may lead to in a home of five stacks before all rest.
const MAX_FRAMES: usize = 20_000;

/// A whole hub: it never panics, spins, transmits what is no frame, or grows past its limits; it hands on nothing but what it
/// was given, octet for octet, and its own Alerts; nothing goes to the WAN while that is down; and it starts again with whatever
/// it asked to have stored.
///
/// The first octet chooses the profile and whether the WAN is up. Steps, the first octet of each naming the device: 0 data
/// through the device's tunnel; 1 a ZCL frame to any endpoint and cluster; 2 a frame on the air; 3 the WAN brings octets; 4 a
/// function of the hub has a message; 5 time passes; 6 the WAN comes or goes; 7 the gas meter wakes or sleeps; 8 the hub restarts.
pub fn comms_hub(input: &[u8]) {
    let Some((&mode, input)) = input.split_first() else { return };
    // The home's own stacks and what this harness keeps are in the count too.
    within(input.len() + RECORD_MAX, 16, || {
        let mut home = Home::new(Profile::ALL[usize::from(mode >> 1) % 3], mode & 1 != 0);
        script(input).for_each(|step| home.step(&step));
        home.pass(Duration::from_secs(900));
        home.restart();
    });
}

struct Device {
    node: Node,
    client: Option<Client>,
    server: Server,
    due: Option<Time>,
}

struct Home {
    hub: Hub<Lenient>,
    config: HubConfig,
    record: Option<Vec<u8>>,
    gas_record: Option<Vec<u8>>,
    devices: Vec<Device>,
    /// From whom (`None`: the hub), what.
    air: VecDeque<(Option<usize>, Vec<u8>)>,
    now: Time,
    due: Option<Time>,
    wan: bool,
    /// What the hub gave to the WAN while it was up, and the DCC has not acknowledged.
    with_link: VecDeque<Vec<u8>>,
    /// Every message that anybody gave the hub.
    given: BTreeSet<Vec<u8>>,
    spins: Spins,
}

fn config(profile: Profile) -> HubConfig {
    let stations: Vec<Station> = DEVICES.iter().map(|(station, _)| *station).collect();
    let entry =
        |(s, kind): &(Station, DeviceKind)| DeviceEntry { eui: s.eui, kind: *kind, short: s.short.0, sleepy: s.sleepy };
    HubConfig {
        chf: HUB.eui,
        gpf: GPF,
        profile,
        node: HUB.config(&stations, &[]),
        devices: DEVICES.iter().map(entry).collect(),
        chf_keys: Some(function_keys()),
        gpf_keys: Some(function_keys()),
        settings: Settings::default(),
    }
}

/// A function that knows the ACB and a supplier.
fn function_keys() -> FunctionKeys {
    let parties = [(Role::AccessControlBroker, ACB), (Role::Supplier, SUPPLIER)];
    let anchors = parties.into_iter().flat_map(|(role, eui)| {
        [Usage::DigitalSignature, Usage::KeyAgreement].map(|usage| {
            let (prepayment, key_id) = (false, [0; 8]);
            TrustAnchor { role, usage, prepayment, eui, key: *key(7).public(), key_id }
        })
    });
    FunctionKeys {
        acb: ACB,
        digital_signature: key(9),
        key_agreement: key(9),
        anchors: anchors.collect(),
        counter_floor: Counter(1 << 60),
    }
}

impl Home {
    fn new(profile: Profile, wan: bool) -> Self {
        let config = config(profile);
        let hub = Hub::new(START, config.clone(), Lenient, None).expect("a sound configuration");
        let device = |(station, kind): &(Station, DeviceKind)| {
            let mut server = Server::new(ServerConfig::at(1));
            server.allow(HUB.eui, true);
            let client = (*kind != DeviceKind::Esme).then(|| Client::new(ClientConfig::at(1)));
            Device { node: Node::new(station.config(&[HUB], &[1])), client, server, due: None }
        };
        let mut home = Self {
            hub,
            config,
            record: None,
            gas_record: None,
            devices: DEVICES.iter().map(device).collect(),
            air: VecDeque::new(),
            now: START,
            due: None,
            wan,
            with_link: VecDeque::new(),
            given: BTreeSet::new(),
            spins: Spins::default(),
        };
        home.hub.set_wan(START, wan);
        for device in &mut home.devices {
            device.node.wake(START);
            if let Some(client) = &mut device.client {
                client.open(START, HUB.eui, TUNNEL_ENDPOINT);
            }
        }
        home.settle();
        home.pass(Duration::from_secs(3));
        home
    }

    fn step(&mut self, step: &Step<'_>) {
        let now = self.now;
        let at = usize::from(step.octet(0)) % DEVICES.len();
        let octets = step.behind(1);
        match step.kind % 10 {
            0 => {
                self.given.insert(octets.to_vec());
                if let Ok(GsmeData::Put(message)) = GsmeData::parse(octets) {
                    self.given.insert(message.to_vec());
                }
                let device = &mut self.devices[at];
                match &mut device.client {
                    Some(client) => _ = client.send(now, HUB.eui, octets.to_vec()),
                    None => _ = device.server.send(now, HUB.eui, octets.to_vec()),
                }
            }
            1 => {
                let payload = step.behind(4);
                let payload = &payload[..payload.len().min(MAX_DATAGRAM)];
                // What a frame of the Tunneling cluster carries is given too.
                self.given.insert(payload.get(5..).unwrap_or(&[]).to_vec());
                self.given.insert(payload.get(6..).unwrap_or(&[]).to_vec());
                self.devices[at].node.send(
                    now,
                    Datagram {
                        peer: HUB.eui,
                        profile: SMART_ENERGY,
                        cluster: u16::from_be_bytes([step.octet(1), step.octet(2)]),
                        src_endpoint: 1,
                        dst_endpoint: step.octet(3),
                        payload: payload.to_vec(),
                    },
                );
            }
            2 => self.hub.handle_frame(now, octets),
            3 => {
                self.given.insert(octets.to_vec());
                self.hub.handle_wan(now, octets);
            }
            4 => {
                self.given.insert(octets.to_vec());
                let function = if at & 1 == 0 { Function::Chf } else { Function::Gpf };
                self.hub.handle_local(now, function, octets);
            }
            5 => self.pass(Duration::from_secs(u16::from_le_bytes([step.octet(0), step.octet(1)]).into())),
            6 => {
                self.wan = step.octet(0) & 1 != 0;
                if !self.wan {
                    self.with_link.clear();
                }
                self.hub.set_wan(now, self.wan);
            }
            7 if step.octet(0) & 1 != 0 => {
                self.devices[1].node.wake(now);
                if let Some(client) = &mut self.devices[1].client {
                    client.retry(now, HUB.eui);
                }
            }
            7 => self.devices[1].node.sleep(now),
            // The DCC acknowledges: the oldest that the link has, or something that it never had.
            8 => match self.with_link.pop_front() {
                Some(message) => self.hub.wan_taken(now, &message),
                None => self.hub.wan_taken(now, octets),
            },
            _ => self.restart(),
        }
        self.settle();
    }

    fn restart(&mut self) {
        self.hub = Hub::new(self.now, self.config.clone(), Lenient, self.record.as_deref())
            .expect("what the hub asked to have stored");
        self.with_link.clear();
        if let Some(record) = &self.gas_record {
            self.hub.restore_gas(record).expect("what the hub asked to have stored");
        }
        self.hub.set_wan(self.now, self.wan);
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..256 {
            let due = self.devices.iter().filter_map(|device| device.due).chain(self.due).min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            if self.due.is_some_and(|due| due <= self.now) {
                self.hub.handle_timeout(self.now);
            }
            for device in self.devices.iter_mut().filter(|device| device.due.is_some_and(|due| due <= self.now)) {
                device.node.handle_timeout(self.now);
                device.server.handle_timeout(self.now);
                if let Some(client) = &mut device.client {
                    client.handle_timeout(self.now);
                }
            }
            self.settle();
            self.spins.check(self.now, self.due);
        }
        self.now = end;
        self.hub.handle_timeout(end);
        self.settle();
    }

    /// Let everything reach everybody until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..MAX_FRAMES {
            self.drain_hub();
            for at in 0..self.devices.len() {
                self.drain_device(at);
            }
            let Some((from, psdu)) = self.air.pop_front() else {
                assert!(self.hub.waiting_for_gsme(DEVICES[1].0.eui) <= 64 && self.hub.waiting_for_wan() <= 256);
                return;
            };
            if from.is_some() {
                self.hub.handle_frame(self.now, &psdu);
            }
            for (at, device) in self.devices.iter_mut().enumerate() {
                if Some(at) != from {
                    device.node.handle_frame(self.now, &psdu);
                }
            }
        }
        panic!("a home that never rests: {MAX_FRAMES} frames of one cause");
    }

    fn drain_hub(&mut self) {
        let Self { hub, record, gas_record, air, wan, with_link, given, .. } = self;
        let poll = || match hub.poll() {
            Output::Timeout(due) => Err(due),
            output => Ok(output),
        };
        self.due = drain(poll, |output| match output {
            Output::Transmit(psdu) => {
                check_psdu(&psdu);
                air.push_back((None, psdu));
            }
            Output::Wan(octets) => {
                assert!(*wan, "a message for a WAN that is down");
                assert!(given.contains(&octets) || is_own_word(&octets), "a message nobody gave: {octets:02x?}");
                with_link.push_back(octets);
            }
            Output::Persist(octets) => {
                assert!(octets.len() <= RECORD_MAX, "a record of {} octets", octets.len());
                *record = Some(octets);
            }
            Output::PersistGas(octets) => {
                assert!(octets.len() <= GAS_RECORD_MAX, "a record of {} octets of gas", octets.len());
                *gas_record = Some(octets);
            }
            _ => {}
        });
    }

    fn drain_device(&mut self, at: usize) {
        let now = self.now;
        let Self { devices, air, given, .. } = self;
        let device = &mut devices[at];
        let mut due = None;
        for _ in 0..MAX_FRAMES {
            let mut rests = true;
            due = None;
            let client = device.client.as_mut().map(|client| client.poll());
            for output in client.into_iter().chain([device.server.poll()]) {
                match output {
                    tunnel::Output::Timeout(at) => due = due.into_iter().chain(at).min(),
                    tunnel::Output::Send(outbound) => {
                        rests = false;
                        device.node.send(now, outbound.datagram());
                    }
                    tunnel::Output::Data { data, .. } => {
                        rests = false;
                        check_data(at, &data, given);
                    }
                    _ => rests = false,
                }
            }
            match device.node.poll() {
                node::Output::Timeout(at) => due = due.into_iter().chain(at).min(),
                node::Output::Transmit(psdu) => {
                    rests = false;
                    air.push_back((Some(at), psdu));
                }
                node::Output::Received(datagram) => {
                    rests = false;
                    let (peer, endpoint, zcl) = (datagram.peer, datagram.src_endpoint, &datagram.payload);
                    match (Side::of(zcl).filter(|_| datagram.cluster == CLUSTER), &mut device.client) {
                        (Some(Side::Client), Some(client)) => client.handle_zcl(now, peer, endpoint, zcl),
                        (Some(Side::Server), _) => device.server.handle_zcl(now, peer, endpoint, zcl),
                        _ => {}
                    }
                }
                node::Output::Failed(..) => {
                    rests = false;
                    device.server.handle_undelivered(now, HUB.eui);
                    if let Some(client) = &mut device.client {
                        client.handle_undelivered(now, HUB.eui);
                    }
                }
                _ => rests = false,
            }
            if rests {
                device.due = due;
                return;
            }
        }
        panic!("a device that never rests, due at {due:?}");
    }
}

/// What the hub hands to a device was given to it; a gas meter's comes behind a header.
fn check_data(at: usize, data: &[u8], given: &BTreeSet<Vec<u8>>) {
    let message = match (DEVICES[at].1, GsmeData::parse(data)) {
        (DeviceKind::Gsme, Ok(GsmeData::GetResponse { message, .. })) => message,
        (DeviceKind::Gsme, other) => panic!("not what a gas meter is sent: {other:?}"),
        _ => data,
    };
    let given = message.is_empty() || given.contains(message) || is_own_word(message);
    assert!(given, "a message nobody gave: {message:02x?}");
}

/// A Response or Alert of CHF or GPF, to whomever they know by then.
fn is_own_word(octets: &[u8]) -> bool {
    let Ok(view) = MessageView::parse(octets) else { return false };
    let id = view.id();
    [HUB.eui, GPF].contains(&id.originator) && id.cra != Cra::Command
}
