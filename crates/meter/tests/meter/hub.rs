//! Both meters on the radio of a real Communications Hub: a Command from the WAN in, its Response out.
use crate::home::*;
use comms_hub::config::{FunctionKeys, HubConfig};
use comms_hub::{DeviceEntry, DeviceKind, Hub, Profile, Settings};
use gbcs::crypto::RustCrypto;
use gbcs::dlms::{Data, DataNotification, DateTime, Row};
use gbcs::gbz::{self, Component, zcl};
use gbcs::{Counter, Eui64, MessageView, Time};
use han::mac::{PanId, ShortAddress};
use han::node::{FrameCounters, Peer, Role, Timing};
use han::{Key, NodeConfig};
use meter::{ClockStatus, Kind, Load, Meter, Output, RadioConfig};
use std::time::Duration;

const CHF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);
const GPF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A3);
const ESME_SHORT: u16 = 0x0A01;
const GSME_SHORT: u16 = 0x0A02;
/// How long a frame is on its way.
const AIR: Duration = Duration::from_millis(5);

fn node(eui: Eui64, short: u16, role: Role, peers: Vec<Peer>) -> NodeConfig {
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

fn peer(eui: Eui64, short: u16, link: u8, sleepy_child: bool) -> Peer {
    Peer { eui, short: ShortAddress(short), link_key: Some(Key::new([link; 16])), sleepy_child }
}

/// The parties of the home, as the GPF knows them.
fn gpf_keys(home: &Home) -> FunctionKeys {
    use device::{Role, TrustAnchor, Usage};
    let cell = |role, eui, key: &gbcs::crypto::PrivateKey| {
        let key_id = key.public().point()[..8].try_into().unwrap();
        TrustAnchor { role, usage: Usage::KeyAgreement, prepayment: false, eui, key: *key.public(), key_id }
    };
    FunctionKeys {
        acb: ACB,
        digital_signature: key(20),
        key_agreement: key(20),
        anchors: vec![
            cell(Role::AccessControlBroker, ACB, &home.acb_agreement),
            cell(Role::Supplier, SUPPLIER, &home.supplier_agreement),
            cell(Role::NetworkOperator, NETWORK, &home.network_agreement),
        ],
        counter_floor: Counter(0),
    }
}

pub struct Street {
    pub home: Home,
    pub now: Time,
    config: HubConfig,
    /// How far the hub's clock is ahead, milliseconds.
    ahead: u64,
    pub hub: Hub<RustCrypto>,
    pub meters: [Meter<RustCrypto>; 2],
    /// Frames on the air: when they arrive, who sent them (0 the hub).
    air: Vec<(Time, usize, Vec<u8>)>,
    pub wan: Vec<Vec<u8>>,
    record: Option<Vec<u8>>,
    pub hub_events: Vec<comms_hub::Event>,
    /// Frames that the gas meter put on the air.
    pub gas_frames: usize,
}

impl Street {
    pub fn new() -> Self {
        Self::of(0, Duration::from_secs(1800), true)
    }

    /// With a hub whose clock is ahead, a gas meter that wakes so often, and a WAN or none.
    fn of(ahead: u64, wake: Duration, wan: bool) -> Self {
        let home = Home::default();
        let meter = |kind: Kind, short: u16, link: u8, role: Role| {
            let mut config = home.config(kind);
            let node = node(eui(kind), short, role, vec![peer(CHF, 0, link, false)]);
            config.load = (kind == Kind::Gsme).then_some(Load::GAS);
            let mut radio = RadioConfig::new(node, CHF);
            radio.first_wake = NOW + Duration::from_secs(5);
            (config.radio, config.wake_interval) = (Some(radio), wake);
            Meter::new(config, RustCrypto, None).unwrap()
        };
        let meters = [
            meter(Kind::Esme, ESME_SHORT, 1, Role::Router),
            meter(Kind::Gsme, GSME_SHORT, 2, Role::SleepyEndDevice { parent: ShortAddress(0) }),
        ];
        let peers = vec![peer(ESME, ESME_SHORT, 1, false), peer(GSME, GSME_SHORT, 2, true)];
        let entry = |eui, kind, short, sleepy| DeviceEntry { eui, kind, short, sleepy };
        let config = HubConfig {
            chf: CHF,
            gpf: GPF,
            profile: Profile::Assured,
            node: node(CHF, 0, Role::Coordinator, peers),
            devices: vec![
                entry(ESME, DeviceKind::Esme, ESME_SHORT, false),
                entry(GSME, DeviceKind::Gsme, GSME_SHORT, true),
            ],
            chf_keys: None,
            gpf_keys: Some(gpf_keys(&home)),
            settings: Settings::default(),
        };
        let start = Time(NOW.0 + ahead);
        let mut hub = Hub::new(start, config.clone(), RustCrypto, None).unwrap();
        hub.set_wan(start, wan);
        Self {
            home,
            config,
            now: NOW,
            ahead,
            hub,
            meters,
            air: Vec::new(),
            wan: Vec::new(),
            record: None,
            hub_events: Vec::new(),
            gas_frames: 0,
        }
    }

    /// The hub loses its power, and what gas meters told it.
    pub fn restart_hub_without_gas(&mut self) {
        let now = Time(self.now.0 + self.ahead);
        self.hub = Hub::new(now, self.config.clone(), RustCrypto, self.record.as_deref()).unwrap();
        self.hub.set_wan(now, true);
    }

    /// What every device wants done now, and when the next thing is due.
    fn drain(&mut self) -> Option<Time> {
        let mut due = Vec::new();
        let arrival = self.now + AIR;
        loop {
            match self.hub.poll() {
                comms_hub::Output::Timeout(at) => break due.extend(at.map(|at| Time(at.0 - self.ahead))),
                comms_hub::Output::Transmit(frame) => self.air.push((arrival, 0, frame)),
                comms_hub::Output::Wan(message) => {
                    self.hub.wan_taken(self.now, &message);
                    self.wan.push(message);
                }
                comms_hub::Output::Persist(record) => self.record = Some(record),
                comms_hub::Output::Event(event) => self.hub_events.push(event),
                _ => {}
            }
        }
        for (n, meter) in (1..).zip(&mut self.meters) {
            loop {
                match meter.poll() {
                    Output::Timeout(at) => break due.extend(at),
                    Output::Transmit(frame) => {
                        self.gas_frames += usize::from(n == 2);
                        self.air.push((arrival, n, frame));
                    }
                    _ => {}
                }
            }
        }
        due.extend(self.air.iter().map(|(at, ..)| *at));
        due.into_iter().min()
    }

    pub fn run_for(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.drain().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            let (now, ahead) = (self.now, Time(self.now.0 + self.ahead));
            let arrived: Vec<_> = self.air.extract_if(.., |(at, ..)| *at <= now).collect();
            for (_, sender, frame) in arrived {
                if sender != 0 {
                    self.hub.handle_frame(ahead, &frame);
                }
                for (n, meter) in (1..).zip(&mut self.meters) {
                    if sender != n {
                        meter.handle_frame(now, &frame);
                    }
                }
                // Each answer goes on the air before the next frame is heard.
                self.drain();
            }
            self.hub.handle_timeout(ahead);
            self.meters.iter_mut().for_each(|meter| meter.handle_timeout(now));
        }
        self.now = end;
    }
}

#[test]
fn commands_from_the_wan_are_answered_by_both_meters_through_the_hub() {
    let mut street = Street::new();
    street.run_for(2);
    assert!(street.hub.has_tunnel(ESME));
    let electricity = street.home.dlms(0x001C, 1, adjust_balance(100_000));
    street.hub.handle_wan(street.now, &electricity);
    let adjust = zcl::CreditAdjustment { issuer_event: 1, start: 0, kind: 0, value: 200_000 };
    for counter in [1, 2] {
        let gas = street.home.gbz(0x0086, counter, [Component::new(0, adjust.clone())]);
        street.hub.handle_wan(street.now, &gas);
    }
    street.run_for(2);
    assert_eq!(street.wan.len(), 1, "electricity at once");
    assert_eq!(street.home.results(&street.wan[0]), [0]);
    assert_eq!(street.hub.waiting_for_gsme(GSME), 2, "gas sleeps");
    street.run_for(30);
    assert_eq!(street.wan.len(), 3, "gas when it woke");
    assert_eq!(MessageView::parse(&street.wan[2]).unwrap().id().originator, GSME);
    assert_eq!(register(&street.meters[0], "meter balance"), "1.00");
    assert_eq!(register(&street.meters[1], "meter balance"), "4.00");
    assert_eq!(street.hub.waiting_for_gsme(GSME), 0);
    assert!(street.hub.mirror().value(GSME, 0x0705, 0x0001).is_some(), "it reported to its mirror");
    assert_eq!(street.meters.iter().map(Meter::outbox_len).sum::<usize>(), 0);

    // A day later everything still works, and the meters' tunnels were renewed in time.
    street.run_for(86_400);
    let electricity = street.home.dlms(0x001C, 9, adjust_balance(100_000));
    street.hub.handle_wan(street.now, &electricity);
    let gas = street.home.gbz(0x0086, 9, [Component::new(0, adjust)]);
    street.hub.handle_wan(street.now, &gas);
    street.run_for(1_900);
    assert_eq!(street.wan.len(), 5);
}

const DAY: u64 = 86_400;

impl Street {
    fn clocks(&self) -> [ClockStatus; 2] {
        [0, 1].map(|n| self.meters[n].clock_status())
    }

    /// How often each meter logged an event, in either log.
    fn lines(&self, code: u16) -> [usize; 2] {
        let of = |log: &meter::logs::Log| log.iter().filter(|entry| entry.code == code).count();
        [0, 1].map(|n| of(self.meters[n].event_log()) + of(self.meters[n].security_log()))
    }

    /// The codes of Alerts that the WAN brought.
    fn told(&self) -> Vec<u16> {
        let alerts = self.wan.iter().filter(|m| MessageView::parse(m).unwrap().cra() == gbcs::Cra::Alert);
        let code = |alert: &Vec<u8>| {
            let payload = self.home.verify(alert);
            gbz::Alert::parse(&payload).map(|alert| alert.code).or(DataNotification::parse(&payload).map(|a| a.code))
        };
        alerts.map(|alert| code(alert).unwrap()).collect()
    }
}

#[test]
fn a_clock_that_nobody_confirmed_for_six_days_is_doubted_until_the_hub_has_a_wan_again() {
    let mut street = Street::of(0, Duration::from_secs(6 * 3600), false);
    street.run_for(6 * DAY);
    assert_eq!(street.clocks(), [ClockStatus::Reliable; 2]);
    street.run_for(3_600);
    assert_eq!(street.clocks(), [ClockStatus::Unreliable; 2]);
    street.run_for(DAY);
    assert_eq!(street.lines(0x81C6), [1; 2], "logged once");
    street.hub.set_wan(street.now, true);
    street.run_for(DAY + 6 * 3_600);
    assert_eq!(street.clocks(), [ClockStatus::Reliable; 2]);
    assert_eq!(street.told(), [0x81C6; 2]);
    assert_eq!(street.lines(0x8145), [1; 2]);
    // A hub that loses its WAN knows the time for a week more.
    street.hub.set_wan(street.now, false);
    street.run_for(7 * DAY);
    assert_eq!(street.clocks(), [ClockStatus::Reliable; 2]);
}

#[test]
fn a_clock_more_than_ten_seconds_off_the_hubs_is_not_adjusted_and_a_command_sets_it_right() {
    for (ahead, off) in [(9_000, false), (12_000, true)] {
        let mut street = Street::of(ahead, Duration::from_secs(1800), true);
        street.run_for(3 * 3_600);
        let expected = if off { ClockStatus::Unreliable } else { ClockStatus::Reliable };
        assert_eq!(street.clocks(), [expected; 2], "{ahead}");
        assert_eq!(street.lines(0x8F0C), [usize::from(off); 2]);
        street.run_for(2 * DAY);
        assert_eq!(street.told(), vec![0x8F0C; if off { 2 } else { 0 }], "told once");
        // ECS70, whose interval holds the time.
        let set = street.home.dlms(0x0062, 7, set_clock(Time(street.now.0 - 60_000), Time(street.now.0 + 60_000)));
        street.meters[0].handle_message(street.now, &set).unwrap();
        assert_eq!(street.clocks()[0], ClockStatus::Reliable);
    }
}

/// ECS70.
fn set_clock(from: Time, to: Time) -> Vec<Row> {
    let clock = obis(1, 0, 0);
    let interval = [DateTime::NEVER, DateTime::at(from), DateTime::at(to)].map(Data::from);
    vec![
        Row::set(8, clock, 9, Data::Enum(5)),
        Row::action(8, clock, 5, Data::structure(interval)),
        Row::action(8, clock, 4, Data::Integer(0)),
        Row::get(8, clock, 2),
        Row::get(8, clock, 4),
    ]
}
