//! A whole home on virtual air and virtual time, its head end and the ACB played by the test, and a capture of all that was said.
#![allow(dead_code)]

use comms_hub::config::{FunctionKeys, HubConfig};
use comms_hub::{DeviceEntry, DeviceKind, Hub, Profile, Settings};
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto};
use gbcs::dlms::{AccessRequest, Data, Obis, Row};
use gbcs::envelope::GroupingHeader;
use gbcs::gbz::{self, Component, zcl};
use gbcs::utrn::{Credit, Utrn};
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView, Route, Time, protect};
use han::capture::dissect::{Dissector, What};
use han::capture::{LinkType, keys, pcap, read};
use han::node::{FrameCounters, Peer, Role, Timing};
use han::{Key, NodeConfig, PanId, ShortAddress};
use handover::{Answer, DeliveryId, Nonce, Release, Stage, Upward, Warrant};
use meter::{DeviceKeys, FactorySettings, Kind, Load, Meter, MeterConfig, RadioConfig, TrustAnchor, Usage};
use ppmid::{Ppmid, Seed, TunnelInitiator};
use sim::{AirConfig, PartEvent, PartId, PartOutput, Station};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const CHF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);
pub const GPF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A3);
pub const ESME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
pub const GSME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A1);
pub const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
/// A second PPMID, played by a station.
pub const PPMID2: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A5);
pub const HCALCS: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A6);
pub const HHT: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A7);
pub const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
pub const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
pub const PAN: PanId = PanId(0x1A62);
/// 2026-01-01T00:00:00Z.
pub const START: Time = Time(1_767_225_600_000);
pub const HOUR: u64 = 3600;
pub const DAY: u64 = 24 * HOUR;

pub fn key(n: u8) -> PrivateKey {
    RustCrypto.private_key(&[n; 32]).unwrap()
}

const SUPPLIER_SIGN: u8 = 1;
const SUPPLIER_AGREE: u8 = 2;
const SUPPLIER_PREPAY: u8 = 3;
const ACB_SIGN: u8 = 6;
const ACB_AGREE: u8 = 7;
const CHF_AGREE: u8 = 13;
const PPMID_SIGN: u8 = 14;
const WARRANT: u8 = 15;
const PPMID_AGREE: u8 = 16;

fn meter_keys(kind: Kind) -> DeviceKeys {
    let (sign, agree) = match kind {
        Kind::Esme => (8, 9),
        Kind::Gsme => (11, 12),
    };
    DeviceKeys { digital_signature: key(sign), key_agreement: key(agree) }
}

fn eui(kind: Kind) -> Eui64 {
    if kind == Kind::Esme { ESME } else { GSME }
}

/// A Command of the supplier, protected as its code asks.
pub fn command(kind: Kind, code: u16, counter: u64, payload: Vec<u8>) -> Vec<u8> {
    let id = MessageId { originator: SUPPLIER, target: eui(kind), cra: Cra::Command, counter: Counter(counter) };
    let mut plain = Message::plain(GroupingHeader::new(id, MessageCode(code)), payload).encode();
    let use_case = gbcs::catalogue::find(MessageCode(code)).unwrap();
    if use_case.category == gbcs::catalogue::Category::Critical {
        plain = protect::sign(&RustCrypto, &key(SUPPLIER_SIGN), &plain).unwrap();
    }
    let z = RustCrypto.agree(&key(ACB_AGREE), meter_keys(kind).key_agreement.public()).unwrap();
    protect::add_mac(&RustCrypto, &z, &plain).unwrap()
}

/// A credit of so many hundredths of a penny for the electricity meter.
pub fn electricity_credit(counter: u64, by: i32) -> Vec<u8> {
    let rows = [Row::action(112, Obis([0, 0, 19, 10, 0, 255]), 1, Data::DoubleLong(by))];
    command(Kind::Esme, 0x001C, counter, AccessRequest::new(Counter(counter), rows).encode())
}

/// A credit for the gas meter.
pub fn gas_credit(counter: u64, by: i32) -> Vec<u8> {
    let adjust = zcl::CreditAdjustment { issuer_event: counter as u32, start: 0, kind: 0, value: by };
    command(Kind::Gsme, 0x0086, counter, gbz::Payload::new([Component::new(0, adjust)]).encode())
}

/// A Command of the ACB for the CHF.
pub fn ccs(code: u16, counter: u64, rows: impl Into<Vec<Row>>) -> Vec<u8> {
    let id = MessageId { originator: ACB, target: CHF, cra: Cra::Command, counter: Counter(counter) };
    let payload = AccessRequest::new(Counter(counter), rows).encode();
    let plain = Message::plain(GroupingHeader::new(id, MessageCode(code)), payload).encode();
    let z = RustCrypto.agree(&key(ACB_AGREE), key(CHF_AGREE).public()).unwrap();
    protect::add_mac(&RustCrypto, &z, &plain).unwrap()
}

/// A UTRN for a meter; the top-up Command that carries it goes under the same counter, whose high half this is.
pub fn utrn(kind: Kind, high: u32, credit: Credit) -> Utrn {
    let z = RustCrypto.agree(&key(SUPPLIER_PREPAY), meter_keys(kind).key_agreement.public()).unwrap();
    Utrn::create(&RustCrypto, &z, SUPPLIER, eui(kind), Counter(u64::from(high) << 32), credit).unwrap()
}

/// The Command that carries a UTRN.
pub fn top_up(kind: Kind, high: u32, utrn: &Utrn) -> Vec<u8> {
    let counter = u64::from(high) << 32;
    match kind {
        Kind::Esme => {
            let digits = Data::octets(utrn.expose().as_bytes());
            let rows = [Row::action(115, Obis([0, 0, 19, 40, 0, 255]), 1, digits)];
            command(kind, 0x0007, counter, AccessRequest::new(Counter(counter), rows).encode())
        }
        Kind::Gsme => {
            let code = zcl::ZclString::new(utrn.expose().as_bytes()).unwrap();
            let top_up = zcl::ConsumerTopUp { originating_device: 0, code };
            command(kind, 0x0097, counter, gbz::Payload::new([Component::new(0, top_up)]).encode())
        }
    }
}

/// How a home is to be.
#[derive(Clone, Copy)]
pub struct Plan {
    pub profile: Profile,
    pub settings: Settings,
    /// Receptions lost, per cent.
    pub loss: u32,
    pub doubled: u32,
    pub late: u32,
    pub seed: u64,
    pub wan: bool,
    /// Whether the display asks by itself.
    pub refresh: Option<ppmid::Refresh>,
    /// The PPMID is out of its box: nobody knows it, and it knows nobody but the broker and the head end.
    pub new_ppmid: bool,
    /// Half hours that the meters have metered before they came here, in logs that have room for so many.
    pub past: usize,
    /// Stations in the Device Log besides the four devices.
    pub stations: &'static [(Eui64, DeviceKind)],
}

impl Plan {
    pub fn new(profile: Profile) -> Self {
        let settings = Settings::default();
        let (refresh, new_ppmid, stations) = (None, false, &[]);
        let (loss, doubled, late, seed, wan, past) = (0, 0, 0, 1, true, 0);
        Self { profile, settings, loss, doubled, late, seed, wan, refresh, new_ppmid, past, stations }
    }
}

fn link_key(eui: Eui64) -> Key {
    Key::new([eui.octets()[7]; 16])
}

fn short(eui: Eui64) -> u16 {
    0x0A00 | u16::from(eui.octets()[7])
}

pub fn network_key() -> Key {
    Key::new([0x11; 16])
}

/// The node of a device of this home.
pub fn node(eui: Eui64, short: u16, role: Role, peers: Vec<Peer>) -> NodeConfig {
    NodeConfig {
        eui,
        short: ShortAddress(short),
        pan: PAN,
        role,
        network_key: network_key(),
        network_key_sequence: 0,
        peers,
        endpoints: vec![1],
        timing: Timing::default(),
        counters: FrameCounters::default(),
    }
}

fn of_hub(eui: Eui64) -> Vec<Peer> {
    vec![Peer { eui: CHF, short: ShortAddress::COORDINATOR, link_key: Some(link_key(eui)), sleepy_child: false }]
}

/// The key that PPMID and electricity meter share since they joined by Method A.
fn partner_key() -> Key {
    Key::new([0xAE; 16])
}

fn partner(eui: Eui64) -> Peer {
    Peer { eui, short: ShortAddress(short(eui)), link_key: Some(partner_key()), sleepy_child: false }
}

/// The node of a listed station.
pub fn station_node(eui: Eui64) -> NodeConfig {
    node(eui, short(eui), Role::Router, of_hub(eui))
}

fn hub_config(plan: &Plan) -> HubConfig {
    let fixed = [(ESME, DeviceKind::Esme), (GSME, DeviceKind::Gsme), (PPMID, DeviceKind::Ppmid)];
    let there = |(eui, _): &(Eui64, DeviceKind)| !plan.new_ppmid || *eui != PPMID;
    let listed = || fixed.iter().chain(plan.stations).copied().filter(there);
    let sleepy = |kind| kind == DeviceKind::Gsme;
    let peers = listed().map(|(eui, kind)| Peer {
        eui,
        short: ShortAddress(short(eui)),
        link_key: Some(link_key(eui)),
        sleepy_child: sleepy(kind),
    });
    let devices = listed().map(|(eui, kind)| DeviceEntry { eui, kind, short: short(eui), sleepy: sleepy(kind) });
    HubConfig {
        chf: CHF,
        gpf: GPF,
        profile: plan.profile,
        node: node(CHF, 0, Role::Coordinator, peers.collect()),
        devices: devices.collect(),
        chf_keys: Some(FunctionKeys {
            acb: ACB,
            digital_signature: key(CHF_AGREE),
            key_agreement: key(CHF_AGREE),
            anchors: vec![anchor(meter::Role::AccessControlBroker, Usage::KeyAgreement, false, ACB, ACB_AGREE)],
            counter_floor: Counter(0),
        }),
        gpf_keys: None,
        settings: plan.settings,
    }
}

fn anchor(role: meter::Role, usage: Usage, prepayment: bool, eui: Eui64, n: u8) -> TrustAnchor {
    let key = *key(n).public();
    let key_id = *key.point().first_chunk().expect("64 octets");
    TrustAnchor { role, usage, prepayment, eui, key, key_id }
}

/// The install code of a PPMID out of its box.
pub const CODE: [u8; 16] =
    [0x83, 0xFE, 0xD3, 0x40, 0x7A, 0x93, 0x97, 0x23, 0xA5, 0xC6, 0x39, 0xB2, 0x69, 0x16, 0xD5, 0x05];

fn ppmid_config(plan: &Plan) -> ppmid::Config {
    let seed = Seed([5; 32]);
    let mut config = if plan.new_ppmid {
        ppmid::Config::factory(key(PPMID_SIGN), PPMID, han::InstallCode::new(CODE), seed)
    } else {
        let node = node(PPMID, short(PPMID), Role::Router, [of_hub(PPMID), vec![partner(ESME)]].concat());
        let key_of_gsme = *meter_keys(Kind::Gsme).key_agreement.public();
        ppmid::Config {
            electricity: Some(ESME),
            gas: Some(ppmid::Gas { meter: GSME, key: key_of_gsme, own: key(PPMID_AGREE) }),
            ..ppmid::Config::new(key(PPMID_SIGN), (CHF, 3), node, seed)
        }
    };
    config.head_ends = vec![(SUPPLIER, *key(WARRANT).public())];
    config.refresh = plan.refresh;
    config.identity = Some(ppmid::Identity {
        digital_signature: key(PPMID_SIGN),
        key_agreement: key(PPMID_AGREE),
        acb: ACB,
        parties: vec![ppmid::Party {
            eui: ACB,
            role: gbcs::catalogue::Originator::AccessControlBroker,
            digital_signature: *key(ACB_SIGN).public(),
            key_agreement: *key(ACB_AGREE).public(),
        }],
        firmware: gbcs::asn1::FirmwareVersion([1, 2, 3, 4]),
    });
    if plan.settings.ppmid_tunnel_initiator == comms_hub::config::TunnelInitiator::Hub {
        config.tunnel_initiator = TunnelInitiator::Hub;
    }
    config
}

fn meter_config(plan: &Plan, kind: Kind) -> MeterConfig {
    use Usage::{DigitalSignature, KeyAgreement};
    let (supplier, acb) = (meter::Role::Supplier, meter::Role::AccessControlBroker);
    let anchors = vec![
        anchor(supplier, DigitalSignature, false, SUPPLIER, SUPPLIER_SIGN),
        anchor(supplier, KeyAgreement, false, SUPPLIER, SUPPLIER_AGREE),
        anchor(supplier, KeyAgreement, true, SUPPLIER, SUPPLIER_PREPAY),
        anchor(acb, DigitalSignature, false, ACB, ACB_SIGN),
        anchor(acb, KeyAgreement, false, ACB, ACB_AGREE),
    ];
    let mut config = MeterConfig::new(kind, eui(kind), meter_keys(kind), ACB, anchors);
    config.factory = FactorySettings { prepayment: plan.past == 0, ..FactorySettings::default() };
    if plan.past > 0 {
        config.sizes.half_hours = plan.past;
    }
    if !plan.new_ppmid {
        config.joined = vec![(PPMID, 5)];
    }
    let mut peers = of_hub(eui(kind));
    let role = match kind {
        Kind::Esme => {
            peers.extend((!plan.new_ppmid).then(|| partner(PPMID)));
            Role::Router
        }
        Kind::Gsme => {
            config.ppmid = (!plan.new_ppmid).then(|| (PPMID, *key(PPMID_AGREE).public()));
            Role::SleepyEndDevice { parent: ShortAddress::COORDINATOR }
        }
    };
    let mut radio = RadioConfig::new(node(eui(kind), short(eui(kind)), role, peers), CHF);
    radio.first_wake = START + Duration::from_secs(5);
    config.radio = Some(radio);
    config
}

/// What a meter remembers of its past, if it has one: it stood in a house that drew something and had no radio.
fn past(plan: &Plan, kind: Kind) -> Option<Vec<u8>> {
    let long = Duration::from_secs(1800 * plan.past as u64);
    let load = match kind {
        _ if long.is_zero() => return None,
        Kind::Esme => Load::ELECTRICITY,
        Kind::Gsme => Load::GAS,
    };
    let config = MeterConfig { radio: None, load: Some(load), ..meter_config(plan, kind) };
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    let mut stored = None;
    for now in [Time(START.0 - long.as_millis() as u64), START] {
        meter.handle_timeout(now);
        loop {
            match meter.poll() {
                meter::Output::Persist(state) => stored = Some(state),
                meter::Output::Timeout(_) => break,
                _ => {}
            }
        }
    }
    stored
}

/// Octets that a capture and a test both hold.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The home and what is outside of it.
pub struct World {
    pub home: sim::Home<RustCrypto>,
    pub plan: Plan,
    /// What the DCC got.
    pub wan: Vec<Vec<u8>>,
    pub events: Vec<(Time, PartEvent)>,
    pub stages: Vec<(DeliveryId, Stage)>,
    pub answers: Vec<Answer>,
    stored: [Option<Vec<u8>>; 4],
    /// The hub's record of what its gas meter told it. A hub that starts again starts without: it asks its gas meter.
    pub gas_record: Vec<u8>,
    nonce: Option<Nonce>,
    deliveries: u8,
    capture: Option<Shared>,
}

impl World {
    /// A home whose devices have found each other.
    pub fn new(plan: Plan) -> Self {
        Self::start(plan, true)
    }

    /// The same without a capture, for runs by the thousand.
    pub fn unobserved(plan: Plan) -> Self {
        Self::start(plan, false)
    }

    fn start(plan: Plan, observed: bool) -> Self {
        let capture = observed.then(Shared::default);
        let tap = capture.clone().map(|shared| {
            let mut writer = pcap::Writer::new(shared, LinkType::IEEE802_15_4).unwrap();
            Box::new(move |at: Time, frame: &[u8]| writer.write(at, frame).unwrap()) as sim::Capture
        });
        let mut hub = Hub::new(START, hub_config(&plan), RustCrypto, None).unwrap();
        hub.set_wan(START, plan.wan);
        let air = AirConfig {
            lost_per_10_000: plan.loss * 100,
            doubled_per_10_000: plan.doubled * 100,
            late_per_10_000: plan.late * 100,
            seed: plan.seed,
            ..AirConfig::default()
        };
        let home = sim::Home::new(
            START,
            hub,
            Ppmid::new(START, RustCrypto, &ppmid_config(&plan), None).unwrap(),
            Meter::new(meter_config(&plan, Kind::Esme), RustCrypto, past(&plan, Kind::Esme).as_deref()).unwrap(),
            Meter::new(meter_config(&plan, Kind::Gsme), RustCrypto, past(&plan, Kind::Gsme).as_deref()).unwrap(),
            air,
            tap,
        );
        let mut world = Self {
            home,
            plan,
            wan: Vec::new(),
            events: Vec::new(),
            stages: Vec::new(),
            answers: Vec::new(),
            stored: [const { None }; 4],
            gas_record: Vec::new(),
            nonce: None,
            deliveries: 0,
            capture,
        };
        for (eui, _) in plan.stations {
            world.home.add_station(Station::member(CHF, station_node(*eui)));
        }
        world.home.ppmid_input(|ppmid, now| ppmid.link_up(now));
        world.pump();
        world
    }

    /// Wait until everybody has a tunnel.
    pub fn connected(mut self) -> Self {
        self.wait(1800, "tunnels", |world| {
            let hub = world.home.hub();
            hub.has_tunnel(ESME) && (world.plan.new_ppmid || hub.has_tunnel(PPMID)) && hub.has_tunnel(GSME)
        });
        self.run_for(300);
        self
    }

    pub fn now(&self) -> Time {
        self.home.now()
    }

    pub fn run_for(&mut self, seconds: u64) {
        let end = self.now() + Duration::from_secs(seconds);
        while let Some(next) = self.home.next().filter(|next| *next <= end) {
            self.home.advance(next);
            self.pump();
        }
        self.home.advance(end);
        self.pump();
    }

    /// Let time pass until `done`, at most so many seconds.
    pub fn wait(&mut self, seconds: u64, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now() + Duration::from_secs(seconds);
        while !done(self) {
            let next = self.home.next().filter(|next| *next <= end);
            assert!(next.is_some(), "{what}: not within {seconds} s");
            self.home.advance(next.unwrap());
            self.pump();
        }
    }

    fn pump(&mut self) {
        while let Some((id, output)) = self.home.poll() {
            match output {
                PartOutput::Wan(octets) => {
                    self.home.hub_input(|hub, now| hub.wan_taken(now, &octets));
                    self.wan.push(octets);
                }
                PartOutput::Persist(state) => self.stored[id as usize] = Some(state),
                PartOutput::PersistGas(record) => self.gas_record = record,
                PartOutput::Event(event) => self.events.push((self.home.now(), event)),
                PartOutput::Up { id, payload } => {
                    let key_of = |signer| (signer == PPMID).then(|| *key(PPMID_SIGN).public());
                    match Upward::open(&payload, &RustCrypto, key_of).unwrap() {
                        Upward::Hello(hello) => self.nonce = Some(hello.nonce),
                        Upward::Receipt(receipt) => {
                            self.nonce = Some(receipt.nonce);
                            if !self.stages.contains(&(receipt.delivery, receipt.stage)) {
                                self.stages.push((receipt.delivery, receipt.stage));
                            }
                        }
                        Upward::Answer(answer) => self.answers.push(answer),
                    }
                    self.home.ppmid_input(|ppmid, _| ppmid.up_stored(id));
                }
            }
        }
    }

    /// The customer wants something of the PPMID.
    pub fn customer(&mut self, action: &ppmid::Action) -> Result<ppmid::RequestId, ppmid::NotBegun> {
        let mut begun = None;
        self.home.ppmid_input(|ppmid, now| begun = Some(ppmid.customer(now, action)));
        self.pump();
        begun.unwrap()
    }

    /// What the customer was told of a request, in order.
    pub fn heard(&self, request: ppmid::RequestId) -> Vec<ppmid::Heard> {
        let of_request = |event: &PartEvent| match event {
            PartEvent::Ppmid(ppmid::Event::Customer { id, heard, .. }) if *id == request => Some(*heard),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| of_request(event)).collect()
    }

    /// The head end releases a Command to the PPMID.
    pub fn release(&mut self, command: &[u8]) -> DeliveryId {
        self.release_for(command, 4 * HOUR)
    }

    pub fn release_for(&mut self, command: &[u8], seconds: u64) -> DeliveryId {
        self.deliveries += 1;
        let delivery = DeliveryId([self.deliveries; 16]);
        let route = Route::parse(command).unwrap();
        let warrant = Warrant {
            delivery,
            attempt: 1,
            command_hash: RustCrypto.sha256(&[command]),
            target: route.id.target,
            code: route.code,
            ppmid: PPMID,
            nonce: self.nonce.take().expect("a nonce that is not used"),
            not_after: self.now() + Duration::from_secs(seconds),
        };
        let release = Release { head_end: SUPPLIER, warrant, command: command.to_vec() };
        let octets = release.seal(&RustCrypto, &key(WARRANT)).unwrap();
        self.home.ppmid_input(|ppmid, now| ppmid.handle_down(now, &octets));
        self.pump();
        delivery
    }

    /// Whether a delivery has come to this stage.
    pub fn reached(&self, delivery: DeliveryId, stage: Stage) -> bool {
        self.stages.contains(&(delivery, stage))
    }

    pub fn has_nonce(&self) -> bool {
        self.nonce.is_some()
    }

    pub fn wan_brings(&mut self, octets: &[u8]) {
        self.home.hub_input(|hub, now| hub.handle_wan(now, octets));
        self.pump();
    }

    pub fn set_wan(&mut self, up: bool) {
        self.plan.wan = up;
        self.home.hub_input(|hub, now| hub.set_wan(now, up));
        self.pump();
    }

    /// A device loses power and starts again with what it stored.
    pub fn restart(&mut self, id: PartId) {
        self.pump();
        let (now, stored) = (self.now(), self.stored[id as usize].clone());
        match id {
            PartId::Hub => {
                let mut hub = Hub::new(now, hub_config(&self.plan), RustCrypto, stored.as_deref()).unwrap();
                hub.set_wan(now, self.plan.wan);
                self.home.replace_hub(hub);
            }
            PartId::Ppmid => {
                let mut ppmid = Ppmid::new(now, RustCrypto, &ppmid_config(&self.plan), stored.as_deref()).unwrap();
                ppmid.link_up(now);
                self.home.replace_ppmid(ppmid);
            }
            PartId::Esme | PartId::Gsme => {
                let kind = if id == PartId::Esme { Kind::Esme } else { Kind::Gsme };
                let mut config = meter_config(&self.plan, kind);
                if let Some(radio) = &mut config.radio {
                    radio.first_wake = now + Duration::from_secs(5);
                }
                self.home.replace_meter(Meter::new(config, RustCrypto, stored.as_deref()).unwrap());
            }
        }
        self.pump();
    }

    /// Responses and Alerts that the DCC got from a device.
    pub fn got_from(&self, eui: Eui64, cra: Cra) -> Vec<MessageId> {
        let ids = self.wan.iter().filter_map(|octets| Route::parse(octets).ok()).map(|route| route.id);
        ids.filter(|id| id.originator == eui && id.cra == cra).collect()
    }

    /// How often meters executed the Command with this counter.
    pub fn executions(&self, target: Eui64, counter: u64) -> usize {
        let executed = |event: &PartEvent| {
            matches!(event, PartEvent::Meter(meter::Event::Executed { id, .. })
                if id.target == target && id.counter.0 == counter)
        };
        self.events.iter().filter(|(_, event)| executed(event)).count()
    }

    /// How often meters refused it.
    pub fn refusals(&self, target: Eui64, counter: u64) -> usize {
        let refused = |event: &PartEvent| {
            matches!(event, PartEvent::Meter(meter::Event::Refused { id: Some(id), .. })
                if id.target == target && id.counter.0 == counter)
        };
        self.events.iter().filter(|(_, event)| refused(event)).count()
    }

    pub fn hub_events(&self) -> impl Iterator<Item = (Time, &comms_hub::Event)> {
        self.events.iter().filter_map(|(at, event)| match event {
            PartEvent::Hub(event) => Some((*at, event)),
            _ => None,
        })
    }

    /// The names of the rules by which the hub threw messages away.
    pub fn discards(&self) -> Vec<&'static str> {
        self.hub_events()
            .filter_map(|(_, event)| match event {
                comms_hub::Event::Discarded { reason, .. } => Some(reason.name()),
                _ => None,
            })
            .collect()
    }

    pub fn logged(&self) -> Vec<u16> {
        self.home.hub().event_log().map(|entry| entry.code).collect()
    }

    pub fn balance(&self, kind: Kind) -> String {
        let meter = if kind == Kind::Esme { self.home.esme() } else { self.home.gsme() };
        let registers = meter.registers();
        registers.iter().find(|register| register.name == "meter balance").unwrap().value.to_string()
    }

    /// Verify a meter's Response as the supplier does.
    pub fn verifies(&self, kind: Kind, response: &[u8]) -> bool {
        let view = MessageView::parse(response).unwrap();
        match view.signature() {
            Some(_) => {
                let public = *meter_keys(kind).digital_signature.public();
                protect::verify_signature(&RustCrypto, &public, &view).is_ok()
            }
            None => {
                let z = RustCrypto.agree(&key(SUPPLIER_AGREE), meter_keys(kind).key_agreement.public()).unwrap();
                protect::verify_mac(&RustCrypto, &z, &view).is_ok()
            }
        }
    }

    /// What is encrypted in a meter's Response, as the supplier reads it.
    pub fn decrypted(&self, kind: Kind, response: &[u8], blob: &[u8]) -> Data {
        let id = MessageView::parse(response).unwrap().id();
        let z = RustCrypto.agree(&key(SUPPLIER_AGREE), meter_keys(kind).key_agreement.public()).unwrap();
        let key = protect::derive(&RustCrypto, &z, protect::Mode::Encryption, id.originator, id.counter, id.target);
        Data::parse(&protect::decrypt(&RustCrypto, &key, id.originator, blob).unwrap()).unwrap()
    }

    /// Every key of this home, with its label.
    pub fn keys(&self) -> Vec<(Key, String)> {
        let log = self.home.hub().device_log();
        let links = log.iter().filter_map(|d| Some((d.link_key.clone()?, format!("{:?} link", d.entry.kind))));
        let former = log.historic().map(|old| (old.link_key.clone(), "former link".to_owned()));
        let own = [(network_key(), "network".to_owned()), (partner_key(), "partner link".to_owned())];
        let partner = |event: &comms_hub::Event| match event {
            comms_hub::Event::PartnerKeyGiven { key, .. } => Some((key.clone(), "partner link".to_owned())),
            _ => None,
        };
        let partners = self.hub_events().filter_map(|(_, event)| partner(event));
        own.into_iter().chain(links).chain(former).chain(partners).collect()
    }

    /// The capture opens: here with every key, and in tshark without a fault, encrypted and clear.
    pub fn check_capture(&self, more_keys: &[Key]) -> Spoken {
        let octets = self.capture.as_ref().unwrap().0.lock().unwrap().clone();
        let mut keys = self.keys();
        keys.extend(more_keys.iter().map(|key| (key.clone(), "more".to_owned())));
        let only: Vec<Key> = keys.iter().map(|(key, _)| key.clone()).collect();
        let mut dissector = Dissector::new(only.clone());
        let mut spoken = Spoken::default();
        let mut clearer = Dissector::new(only);
        let mut clear = Vec::new();
        let mut writer = pcap::Writer::new(&mut clear, LinkType::IEEE802_15_4).unwrap();
        for frame in read::Frames::of(&octets).unwrap() {
            let frame = frame.unwrap();
            spoken.said.extend(dissector.push(frame.at, &frame.psdu).map(|said| said.what));
            writer.write(frame.at, &clearer.cleared(&frame.psdu)).unwrap();
        }
        assert_eq!((dissector.tally().locked, dissector.tally().noise), (0, 0), "every frame is one and opens");
        tshark_is_clean(&octets, &keys);
        tshark_is_clean(&clear, &[]);
        spoken
    }
}

/// What a capture says.
#[derive(Default)]
pub struct Spoken {
    pub said: Vec<What>,
}

impl Spoken {
    /// ZCL frames of a cluster, as they are.
    pub fn of(&self, cluster: u16) -> impl Iterator<Item = &[u8]> {
        self.said.iter().filter_map(move |what| match what {
            What::Datagram { ends, payload, .. } if ends.cluster == cluster && ends.profile == han::SMART_ENERGY => {
                Some(&payload[..])
            }
            _ => None,
        })
    }
}

/// Frames that tshark finds malformed or worth an error. Says that it was not asked where it is not there.
fn tshark_is_clean(pcap: &[u8], keys: &[(Key, String)]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("air.pcap");
    std::fs::write(&file, pcap).unwrap();
    let mut tshark = std::process::Command::new("tshark");
    // tshark 4.0 opens no APS security of inter-PAN frames, whatever keys it has, and warns of each: those are seen here only.
    let shut = "(wpan.src64 && zbee_nwk.frame_type == 3 && zbee_aps.security == 1)";
    let faults = format!("(_ws.malformed || _ws.expert.severity >= 6291456) && !{shut}");
    tshark.arg("-r").arg(&file).args(["-Y", &faults]);
    for (key, label) in keys {
        let mut line = Vec::new();
        keys::write(&mut line, key, label).unwrap();
        tshark.arg("-o").arg(format!("uat:zigbee_pc_keys:{}", String::from_utf8(line).unwrap().trim()));
    }
    match tshark.output() {
        Ok(output) if output.status.success() => {
            let faults = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(faults.is_empty(), "tshark finds fault:\n{faults}");
        }
        Ok(output) => panic!("tshark: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => eprintln!("skipped: tshark is not installed, so the capture was not opened in it"),
    }
}
