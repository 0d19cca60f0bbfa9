//! Meters on a virtual radio, with a hub made of the same stack: tunnels, sleep, mailbox, and power cuts in between.
use crate::home::*;
use gbcs::crypto::RustCrypto;
use gbcs::utrn::Credit;
use gbcs::{Eui64, Time};
use han::mac::{PanId, ShortAddress};
use han::node::{FrameCounters, Peer, Role, Timing};
use han::tunnel::gsme::GsmeData;
use han::tunnel::{Client, ClientConfig, Server, ServerConfig, Side};
use han::zcl::mirror::{self, FromMirror, Notifications};
use han::zcl::time::{self, Clock};
use han::zcl::{Direction, Frame, global, tunneling};
use han::{Datagram, Key, Node, NodeConfig};
use meter::{Event, Kind, Meter, Output, RadioConfig};
use std::collections::VecDeque;
use std::time::Duration;

const HUB: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);
const PAN: PanId = PanId(0x1A62);

fn node(eui: Eui64, short: u16, role: Role, peer: (Eui64, u16), sleepy_child: bool, endpoints: Vec<u8>) -> NodeConfig {
    let link_key = Some(Key::new([0xA0; 16]));
    NodeConfig {
        eui,
        short: ShortAddress(short),
        pan: PAN,
        role,
        network_key: Key::new([0x11; 16]),
        network_key_sequence: 0,
        peers: vec![Peer { eui: peer.0, short: ShortAddress(peer.1), link_key, sleepy_child }],
        endpoints,
        timing: Timing::default(),
        counters: FrameCounters::default(),
    }
}

/// A hub that keeps messages for one meter and what the meter sent.
pub struct Hub {
    node: Node,
    client: Client,
    server: Server,
    meter: Eui64,
    pub mailbox: VecDeque<Vec<u8>>,
    pub received: Vec<Vec<u8>>,
    reports: usize,
    /// What is not reported at every wake: cluster, command.
    pushed: Vec<(u16, u8)>,
}

/// A hub and a meter within earshot of each other.
pub struct Air {
    pub home: Home,
    pub hub: Hub,
    config: meter::MeterConfig,
    pub meter: Meter<RustCrypto>,
    pub stored: Option<Vec<u8>>,
    /// Every record stored, until somebody clears them.
    pub records: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    pub now: Time,
}

impl Air {
    pub fn new(kind: Kind) -> Self {
        let home = Home::default();
        let meter_eui = eui(kind);
        let (role, sleepy) = match kind {
            Kind::Esme => (Role::Router, false),
            Kind::Gsme => (Role::SleepyEndDevice { parent: ShortAddress(0) }, true),
        };
        let mut config = home.config(kind);
        let mut radio = RadioConfig::new(node(meter_eui, 0x1234, role, (HUB, 0), false, vec![1]), HUB);
        radio.first_wake = NOW + Duration::from_secs(10);
        config.radio = Some(radio);
        let hub = node(HUB, 0, Role::Coordinator, (meter_eui, 0x1234), sleepy, vec![1, 2, 3]);
        let mut server = Server::new(ServerConfig::at(3));
        server.allow(meter_eui, false);
        let mut hub = Hub {
            node: Node::new(hub),
            client: Client::new(ClientConfig::at(3)),
            server,
            meter: meter_eui,
            mailbox: VecDeque::new(),
            received: Vec::new(),
            reports: 0,
            pushed: Vec::new(),
        };
        if kind == Kind::Esme {
            hub.client.open(NOW, meter_eui, 1);
        }
        let meter = Meter::new(config.clone(), RustCrypto, None).unwrap();
        let mut air =
            Self { home, hub, config, meter, stored: None, records: Vec::new(), events: Vec::new(), now: NOW };
        air.meter.handle_timeout(NOW);
        air.settle();
        air
    }

    /// Everything that happens at this moment, on both sides, until both wait; then when the next thing is due.
    fn settle(&mut self) -> Option<Time> {
        loop {
            let (from_hub, hub_due) = self.hub.drain(self.now);
            for frame in &from_hub {
                self.meter.handle_frame(self.now, frame);
            }
            let mut from_meter = Vec::new();
            let meter_due = loop {
                match self.meter.poll() {
                    Output::Timeout(at) => break at,
                    Output::Transmit(frame) => from_meter.push(frame),
                    Output::Persist(state) => {
                        self.records.push(state.clone());
                        self.stored = Some(state);
                    }
                    Output::Event(event) => self.events.push(event),
                }
            };
            for frame in &from_meter {
                self.hub.node.handle_frame(self.now, frame);
            }
            if from_hub.is_empty() && from_meter.is_empty() {
                return hub_due.into_iter().chain(meter_due).min();
            }
        }
    }

    pub fn run_for(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.settle().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.hub.node.handle_timeout(self.now);
            self.hub.client.handle_timeout(self.now);
            self.hub.server.handle_timeout(self.now);
            self.meter.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// A Command comes the way that it comes to this kind of meter.
    pub fn command(&mut self, octets: Vec<u8>) {
        match self.config.kind {
            Kind::Esme => self.hub.send(self.now, octets),
            Kind::Gsme => self.hub.mailbox.push_back(octets),
        }
    }

    /// What the meter would be if its power had been cut after it stored a record.
    pub fn after(&self, record: &[u8]) -> Meter<RustCrypto> {
        Meter::new(self.config.clone(), RustCrypto, Some(record)).unwrap()
    }

    /// Cut the meter's power and start it again with what it last stored.
    pub fn restart(&mut self) {
        self.meter = Meter::new(self.config.clone(), RustCrypto, self.stored.as_deref()).unwrap();
        self.meter.handle_timeout(self.now);
    }

    pub fn executed(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Executed { .. })).count()
    }
}

impl Hub {
    fn drain(&mut self, now: Time) -> (Vec<Vec<u8>>, Option<Time>) {
        let mut frames = Vec::new();
        loop {
            let mut did = false;
            let node_due = loop {
                match self.node.poll() {
                    han::node::Output::Timeout(at) => break at,
                    han::node::Output::Transmit(frame) => frames.push(frame),
                    han::node::Output::Received(datagram) => self.receive(now, &datagram),
                    _ => {}
                }
                did = true;
            };
            let client_due = loop {
                match self.client.poll() {
                    han::tunnel::Output::Timeout(at) => break at,
                    output => self.tunnel(now, output),
                }
                did = true;
            };
            let server_due = loop {
                match self.server.poll() {
                    han::tunnel::Output::Timeout(at) => break at,
                    output => self.tunnel(now, output),
                }
                did = true;
            };
            if !did {
                return (frames, node_due.into_iter().chain(client_due).chain(server_due).min());
            }
        }
    }

    fn receive(&mut self, now: Time, datagram: &Datagram) {
        let (peer, endpoint, zcl) = (datagram.peer, datagram.src_endpoint, &datagram.payload);
        if datagram.cluster == tunneling::CLUSTER {
            match Side::of(zcl) {
                Some(Side::Client) => self.client.handle_zcl(now, peer, endpoint, zcl),
                Some(Side::Server) => self.server.handle_zcl(now, peer, endpoint, zcl),
                None => panic!("no ZCL frame"),
            }
            return;
        }
        let frame = Frame::parse(zcl).unwrap();
        if datagram.cluster == time::CLUSTER {
            let payload = Clock { utc: now.zigbee(), synchronised: true }.answer(&frame).unwrap();
            let answer = Datagram { src_endpoint: 1, dst_endpoint: 1, payload, ..datagram.clone() };
            self.node.send(now, answer);
            return;
        }
        if frame.cluster_specific || datagram.cluster == PRICE {
            self.pushed.push((datagram.cluster, frame.command));
            return;
        }
        assert_eq!(frame.command, global::REPORT_ATTRIBUTES);
        self.reports += 1;
        if datagram.cluster == mirror::CLUSTER {
            let flags = if self.mailbox.is_empty() { 0 } else { mirror::TUNNEL_MESSAGE_PENDING };
            let answer = FromMirror::ReportAttributeResponse(Notifications::functional(flags));
            let mut payload = Vec::new();
            answer.encode(&mut payload);
            let payload = Frame {
                cluster_specific: true,
                manufacturer: None,
                direction: Direction::ToServer,
                disable_default_response: true,
                tsn: 1,
                command: answer.command(),
                payload: &payload,
            }
            .to_vec();
            let answer = Datagram { src_endpoint: 2, dst_endpoint: 1, payload, ..datagram.clone() };
            self.node.send(now, answer);
        }
    }

    fn tunnel(&mut self, now: Time, output: han::tunnel::Output) {
        match output {
            han::tunnel::Output::Send(outbound) => {
                self.node.send(now, outbound.datagram());
            }
            han::tunnel::Output::Data { data, .. } => match GsmeData::parse(&data) {
                Ok(GsmeData::Get) => {
                    let message = self.mailbox.pop_front().unwrap_or_default();
                    let remaining = self.mailbox.len() as u8;
                    let answer = GsmeData::GetResponse { remaining, message: &message }.to_vec();
                    self.server.send(now, self.meter, answer);
                }
                Ok(GsmeData::Put(message)) => self.received.push(message.to_vec()),
                _ => self.received.push(data),
            },
            _ => {}
        }
    }

    pub fn send(&mut self, now: Time, message: Vec<u8>) {
        self.client.send(now, self.meter, message);
    }
}

/// Reports of one wake: what the Gas Proxy Function may be asked for, in frames.
const REPORTS: usize = 6;
/// The Price cluster, which is reported when it changes.
const PRICE: u16 = 0x0700;

#[test]
fn an_electricity_meter_answers_through_the_tunnel_the_hub_opened() {
    let mut air = Air::new(Kind::Esme);
    let command = air.home.dlms(0x001C, 1, adjust_balance(100_000));
    air.hub.send(NOW, command);
    air.run_for(5);
    assert_eq!(air.hub.received.len(), 1);
    assert_eq!(air.home.results(&air.hub.received[0]), [0]);
    assert_eq!(register(&air.meter, "meter balance"), "1.00");
    assert_eq!(air.meter.outbox_len(), 0, "the hub has it");
}

#[test]
fn a_long_command_comes_in_fragments_and_is_answered() {
    let mut air = Air::new(Kind::Esme);
    let text = vec![b'x'; 900];
    let message = gbcs::dlms::Row::set(1, gbcs::dlms::Obis([0, 2, 96, 13, 1, 255]), 2, gbcs::dlms::Data::octets(text));
    let command = air.home.dlms(0x0021, 1, [message]);
    air.hub.send(NOW, command);
    air.run_for(10);
    assert_eq!(air.hub.received.len(), 1);
}

#[test]
fn a_gas_meter_sleeps_wakes_reports_fetches_answers_and_sleeps_again() {
    let mut air = Air::new(Kind::Gsme);
    for counter in 1..=3 {
        let adjust = gbcs::gbz::zcl::CreditAdjustment { issuer_event: 1, start: 0, kind: 0, value: 100_000 };
        let component = gbcs::gbz::Component::new(0, adjust);
        air.hub.mailbox.push_back(air.home.gbz(0x0086, counter, [component]));
    }
    air.run_for(9);
    assert_eq!((air.hub.reports, air.executed()), (0, 0), "asleep");
    air.run_for(60);
    assert_eq!(air.hub.reports, REPORTS);
    assert!(air.events.contains(&Event::Woke { messages_waiting: true }));
    assert_eq!(air.hub.received.len(), 3, "{:?}", air.events);
    assert_eq!(register(&air.meter, "meter balance"), "3.00");
    let quiet = air.events.len();
    air.run_for(1_700);
    assert_eq!(air.events.len(), quiet, "asleep");
    assert_eq!(air.hub.reports, REPORTS);
    air.run_for(100);
    assert_eq!(air.hub.reports, 2 * REPORTS, "half an hour later");
    assert!(air.events.contains(&Event::Woke { messages_waiting: false }));
}

#[test]
fn a_gas_meter_wakes_when_told_to_and_keeps_the_phase_of_its_cycle() {
    let mut air = Air::new(Kind::Gsme);
    air.run_for(100);
    assert_eq!(air.hub.reports, REPORTS);
    air.meter.wake_now(air.now);
    air.run_for(100);
    assert_eq!(air.hub.reports, 2 * REPORTS);
    air.run_for(1_800);
    assert_eq!(air.hub.reports, 3 * REPORTS);
}

#[test]
fn a_power_cut_between_execution_and_answer_loses_neither_and_executes_nothing_twice() {
    let mut air = Air::new(Kind::Esme);
    air.run_for(2);
    let digits = air.home.utrn(Kind::Esme, 1, Credit::Pounds(10));
    let command = air.home.dlms(0x0007, 1 << 32, token(&digits));
    air.hub.send(air.now, command.clone());
    // Until the meter has stored the effect; what it transmits after that is lost with the power.
    let before = air.stored.clone();
    for _ in 0..100_000 {
        let (frames, hub_due) = air.hub.drain(air.now);
        for frame in &frames {
            air.meter.handle_frame(air.now, frame);
        }
        let mut due = hub_due;
        while air.executed() == 0 {
            match air.meter.poll() {
                Output::Timeout(at) => {
                    due = due.into_iter().chain(at).min();
                    break;
                }
                Output::Transmit(frame) => air.hub.node.handle_frame(air.now, &frame),
                Output::Persist(state) => air.stored = Some(state),
                Output::Event(event) => air.events.push(event),
            }
        }
        if air.executed() > 0 {
            break;
        }
        if frames.is_empty() {
            air.now = due.unwrap().max(air.now);
            air.hub.node.handle_timeout(air.now);
            air.hub.client.handle_timeout(air.now);
            air.meter.handle_timeout(air.now);
        }
    }
    let Output::Persist(state) = air.meter.poll() else { panic!("the record comes before anything is transmitted") };
    assert_ne!(Some(&state), before.as_ref());
    air.stored = Some(state);
    air.restart();
    assert_eq!(register(&air.meter, "meter balance"), "10.00");
    assert_eq!(air.meter.outbox_len(), 1);
    // The hub finds that the tunnel is gone, opens another one, and offers the Command again.
    air.run_for(200);
    let answers: Vec<_> = air.hub.received.iter().map(|answer| air.home.results(answer)).collect();
    assert_eq!(answers, [[0]], "one Response, once");
    assert_eq!(register(&air.meter, "meter balance"), "10.00");
    assert_eq!(air.executed(), 1);
}
