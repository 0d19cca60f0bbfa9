//! Whom an electricity meter shares a link key with: those of its device log, by the hub's hand.
use crate::home::*;
use gbcs::asn1::*;
use gbcs::crypto::RustCrypto;
use gbcs::{Eui64, MessageCode, Time};
use han::key_command::KeyCommand;
use han::mac::{PanId, ShortAddress};
use han::node::{self, FrameCounters, Peer, Role, Timing};
use han::{Datagram, Key, Node, NodeConfig, SMART_ENERGY};
use meter::{Event, Kind, Meter, Output, RadioConfig};
use std::time::Duration;

const HUB: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);

fn peer(eui: Eui64, link_key: Option<Key>) -> Peer {
    let short = if eui == HUB { 0 } else { 0x0A00 | u16::from(eui.octets()[7]) };
    Peer { eui, short: ShortAddress(short), link_key, sleepy_child: false }
}

/// What a device shares with the hub.
fn link_key(eui: Eui64) -> Key {
    Key::new([eui.octets()[7]; 16])
}

fn key(n: u8) -> Key {
    Key::new([0xE0 | n; 16])
}

fn node(eui: Eui64, peers: Vec<Peer>) -> NodeConfig {
    NodeConfig {
        eui,
        short: peer(eui, None).short,
        pan: PanId(0x1A62),
        role: Role::Router,
        network_key: Key::new([0x11; 16]),
        network_key_sequence: 0,
        peers,
        endpoints: vec![1],
        timing: Timing::default(),
        counters: FrameCounters::default(),
    }
}

/// An electricity meter, its hub, and a PPMID that the hub knows.
struct Pair {
    home: Home,
    meter: Meter<RustCrypto>,
    stored: Option<Vec<u8>>,
    hub: Node,
    ppmid: Node,
    /// What the hub was asked for.
    asked: Vec<Eui64>,
    /// What the PPMID heard.
    heard: Vec<Vec<u8>>,
    events: Vec<Event>,
    counter: u64,
    now: Time,
}

/// The meter; `installed` shares this key with the PPMID from installation on.
fn meter(home: &Home, installed: Option<Key>, stored: Option<&[u8]>) -> Meter<RustCrypto> {
    let mut config = home.config(Kind::Esme);
    config.joined = installed.iter().map(|_| (PPMID, 5)).collect();
    let mut peers = vec![peer(HUB, Some(link_key(ESME)))];
    peers.extend(installed.map(|key| peer(PPMID, Some(key))));
    config.radio = Some(RadioConfig::new(node(ESME, peers), HUB));
    Meter::new(config, RustCrypto, stored).unwrap()
}

impl Pair {
    fn new(installed: Option<Key>) -> Self {
        let home = Home::default();
        let of = |eui| peer(eui, Some(link_key(eui)));
        let meter = meter(&home, installed.clone(), None);
        let hub = NodeConfig { role: Role::Coordinator, ..node(HUB, vec![of(ESME), of(PPMID)]) };
        let to_meter = installed.map(|key| peer(ESME, Some(key)));
        let ppmid = node(PPMID, [Some(peer(HUB, Some(link_key(PPMID)))), to_meter].into_iter().flatten().collect());
        let (hub, ppmid) = (Node::new(hub), Node::new(ppmid));
        let (asked, heard, events) = Default::default();
        let mut pair = Self { home, meter, stored: None, hub, ppmid, asked, heard, events, counter: 0, now: NOW };
        pair.meter.handle_timeout(NOW);
        pair.run_for(1);
        pair
    }

    fn run_for(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            let mut due: Vec<Time> = Vec::new();
            let mut frames: Vec<(usize, Vec<u8>)> = Vec::new();
            loop {
                match self.meter.poll() {
                    Output::Timeout(at) => break due.extend(at),
                    Output::Transmit(frame) => frames.push((0, frame)),
                    Output::Event(event) => self.events.push(event),
                    Output::Persist(state) => self.stored = Some(state),
                }
            }
            for (at, node) in [(1, &mut self.hub), (2, &mut self.ppmid)] {
                loop {
                    match node.poll() {
                        node::Output::Timeout(at) => break due.extend(at),
                        node::Output::Transmit(frame) => frames.push((at, frame)),
                        node::Output::Key(ESME, KeyCommand::Request { partner }) if at == 1 => self.asked.push(partner),
                        node::Output::Received(datagram) if at == 2 => self.heard.push(datagram.payload),
                        _ => {}
                    }
                }
            }
            if frames.is_empty() {
                match due.into_iter().min().filter(|due| *due <= end) {
                    Some(due) => self.now = due.max(self.now),
                    None => break,
                }
                self.meter.handle_timeout(self.now);
                self.hub.handle_timeout(self.now);
                self.ppmid.handle_timeout(self.now);
            }
            for (from, frame) in frames {
                if from != 0 {
                    self.meter.handle_frame(self.now, &frame);
                }
                for (at, node) in [(1, &mut self.hub), (2, &mut self.ppmid)] {
                    if from != at {
                        node.handle_frame(self.now, &frame);
                    }
                }
            }
        }
        self.now = end;
    }

    /// The supplier has the meter do this.
    fn supplier(&mut self, code: u16, content: Content) -> Content {
        self.counter += 1;
        let command = self.home.command(Kind::Esme, code, self.counter, Payload::from(content).encode());
        let response = self.meter.handle_message(self.now, &command).expect("a Response");
        self.run_for(1);
        let payload = self.home.verify(&response);
        Payload::parse(MessageCode(code), gbcs::Cra::Response, &payload).unwrap().into_content()
    }

    fn join(&mut self, method: JoinMethod) {
        let joined = self.supplier(0x000D, Content::Join(Join::new(method, PPMID, DeviceKind::Ppmid)));
        assert_eq!(joined, Content::Joined(JoinStatus::Success));
    }

    /// The hub brings the meter this key to share with a device.
    fn bring(&mut self, key: Key, partner: Eui64) {
        let command = KeyCommand::Transport { key, partner, initiator: true };
        self.hub.send_key(self.now, ESME, command);
        self.run_for(1);
    }

    /// Whether the meter answers the PPMID, which has this key.
    fn answers(&mut self, key: Option<Key>) -> bool {
        if let Some(key) = key {
            self.ppmid.set_peer(peer(ESME, Some(key)));
        }
        self.heard.clear();
        let zcl = han::zcl::Frame {
            cluster_specific: false,
            manufacturer: None,
            direction: han::zcl::Direction::ToServer,
            disable_default_response: true,
            tsn: 7,
            command: han::zcl::global::READ_ATTRIBUTES,
            payload: &[1, 0],
        };
        let (peer, profile, cluster, payload) = (ESME, SMART_ENERGY, 0x0705, zcl.to_vec());
        self.ppmid.send(self.now, Datagram { peer, profile, cluster, src_endpoint: 1, dst_endpoint: 1, payload });
        self.run_for(8);
        let answer = |zcl: &Vec<u8>| zcl[1] == 7 && zcl[2] == han::zcl::global::READ_ATTRIBUTES_RESPONSE;
        self.heard.iter().any(answer)
    }

    fn restart(&mut self) {
        self.meter = meter(&self.home, None, self.stored.as_deref());
        self.run_for(1);
    }
}

#[test]
fn a_device_of_the_log_is_served_under_the_key_that_the_hub_brings_and_still_after_a_restart() {
    let mut pair = Pair::new(None);
    pair.join(JoinMethod::AInitiator);
    assert_eq!(pair.asked, [PPMID]);
    pair.bring(key(1), PPMID);
    assert!(pair.events.contains(&Event::PartnerKey(PPMID)));
    assert!(pair.answers(Some(key(1))));
    pair.restart();
    assert_eq!(pair.meter.partner_keys().collect::<Vec<_>>(), [(PPMID, &key(1))]);
    assert!(pair.answers(None), "the frame counters go on");
    assert_eq!(pair.asked, [PPMID], "once");
    // Another key takes its place.
    pair.bring(key(2), PPMID);
    assert!(pair.answers(Some(key(2))));
    pair.restart();
    assert!(pair.answers(None));
}

#[test]
fn a_key_for_a_device_that_is_not_in_the_meters_log_is_not_used() {
    let mut pair = Pair::new(None);
    pair.bring(key(1), PPMID);
    assert_eq!(pair.events.last(), Some(&Event::PartnerKeyNotTaken(PPMID)));
    assert!(!pair.answers(Some(key(1))));
    assert_eq!(pair.meter.partner_keys().count(), 0);
}

#[test]
fn a_responder_asks_only_when_no_key_has_come() {
    let mut pair = Pair::new(None);
    pair.join(JoinMethod::AResponder);
    pair.run_for(8);
    assert_eq!(pair.asked, []);
    pair.run_for(2);
    assert_eq!(pair.asked, [PPMID]);
    // It goes on asking, ever more seldom, also after a restart.
    pair.run_for(3600);
    assert!((6..12).contains(&pair.asked.len()), "{}", pair.asked.len());
    pair.restart();
    let before = pair.asked.len();
    pair.run_for(20);
    assert!(pair.asked.len() > before);
    pair.bring(key(1), PPMID);
    assert!(pair.answers(Some(key(1))));
}

#[test]
fn a_device_that_was_parted_from_has_no_key_any_more_not_even_that_of_installation() {
    for installed in [None, Some(key(1))] {
        let mut pair = Pair::new(installed.clone());
        if installed.is_none() {
            pair.join(JoinMethod::AInitiator);
            pair.bring(key(1), PPMID);
        }
        assert!(pair.answers(Some(key(1))));
        assert_eq!(pair.supplier(0x000F, Content::Unjoin(PPMID)), Content::Unjoined(UnjoinStatus::Success));
        assert!(!pair.answers(None));
        let (home, stored) = (&pair.home, pair.stored.clone());
        pair.meter = meter(home, installed, stored.as_deref());
        pair.run_for(1);
        assert!(!pair.answers(None), "nor after a restart");
        assert_eq!(pair.meter.partner_keys().count(), 0);
    }
}

#[test]
fn nobody_but_the_hub_brings_keys_and_a_pair_of_installation_takes_a_new_one() {
    let mut pair = Pair::new(Some(key(1)));
    assert!(pair.answers(None));
    let command = KeyCommand::Transport { key: key(2), partner: PPMID, initiator: true };
    pair.ppmid.send_key(pair.now, ESME, command);
    pair.run_for(1);
    assert!(pair.answers(None), "the old key counts");
    pair.bring(key(3), PPMID);
    assert!(pair.answers(Some(key(3))));
}
