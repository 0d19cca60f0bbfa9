//! Partner link keys: how two devices come to share one through the Trust Centre, and who gets none.
use crate::air::*;
use gbcs::Eui64;
use han::aps::{self, Kind};
use han::capture::dissect::{Dissector, What};
use han::key_command::KeyCommand;
use han::mac;
use han::node::{Output, Refusal};
use han::partner::{Brought, Part, Partners};
use han::security::KeyId;
use han::{Key, Node, NodeConfig, nwk};
use std::time::Duration;

/// Hub, electricity meter and PPMID; the two know nobody but the hub. The hub gives every pair that asks a key of its own.
struct Home {
    air: Air,
    /// Of the meter and of the PPMID.
    partners: [Partners; 2],
    brought: Vec<(usize, Brought)>,
    /// What was heard from everybody, as the driver took it.
    taken: [usize; 3],
    granted: u8,
}

const TWO: [Device; 2] = [ESME, PPMID];

fn home() -> Home {
    let nodes = vec![node(HUB, &TWO), node(ESME, &[HUB]), node(PPMID, &[HUB])];
    let (partners, brought, taken, granted) = Default::default();
    Home { air: Air::new(nodes), partners, brought, taken, granted }
}

fn node(device: Device, peers: &[Device]) -> Node {
    Node::new(config(device, peers))
}

fn key(n: u8) -> Key {
    Key::new([n; 16])
}

impl Home {
    fn pass(&mut self, time: Duration) {
        let until = self.air.now + time;
        loop {
            while self.turn() {}
            let due = self.partners.iter().filter_map(Partners::timeout).min();
            let stop = due.map_or(until, |due| until.min(due));
            let stepped = self.air.step(stop);
            if !stepped && stop == until && self.air.now == until {
                while self.turn() {}
                return;
            }
        }
    }

    /// Let everybody take what the stacks handed up; whether there was anything.
    fn turn(&mut self) -> bool {
        let mut any = false;
        for at in 0..3 {
            while let Some(output) = self.air.events[at].get(self.taken[at]).cloned() {
                self.taken[at] += 1;
                any = true;
                match at {
                    0 => self.grant(output),
                    _ => self.hear(at, output),
                }
                self.air.drain(at);
            }
            if at > 0 {
                let (now, node) = (self.air.now, &mut self.air.nodes[at]);
                any |= self.partners[at - 1].run(now, node, HUB.eui);
                self.air.drain(at);
            }
        }
        any
    }

    fn hear(&mut self, at: usize, output: Output) {
        let (now, node, partners) = (self.air.now, &mut self.air.nodes[at], &mut self.partners[at - 1]);
        match output {
            Output::Key(from, command) => {
                let brought = partners.hear(node, HUB.eui, from, command);
                self.brought.push((at, brought));
            }
            Output::Received(datagram) => _ = partners.answer(node, HUB.eui, &datagram),
            Output::Refused(from, refusal) => partners.refused(now, from, refusal),
            _ => {}
        }
    }

    fn grant(&mut self, output: Output) {
        if let Output::Key(by, KeyCommand::Request { partner }) = output {
            self.granted += 1;
            self.bring(by, partner, true);
            self.bring(partner, by, false);
        }
    }

    fn bring(&mut self, to: Eui64, partner: Eui64, initiator: bool) {
        let command = KeyCommand::Transport { key: key(self.granted), partner, initiator };
        self.air.nodes[0].send_key(self.air.now, to, command);
        self.air.drain(0);
    }

    /// Whether a datagram from one of the two arrives at the other.
    fn speaks(&mut self, from: usize) -> bool {
        let to = 3 - from;
        let before = self.air.received(to).len();
        self.air.send(from, TWO[to - 1], vec![from as u8; 4]);
        self.pass(Duration::from_secs(8));
        let received = self.air.received(to);
        received[before..].iter().any(|got| got.peer == TWO[from - 1].eui && got.payload == [from as u8; 4])
    }

    /// The device loses power; what it stored it has.
    fn restart(&mut self, at: usize) {
        let device = TWO[at - 1];
        self.partners[at - 1] = Partners::parse(&self.partners[at - 1].to_vec()).unwrap();
        let base = config(device, &[HUB]);
        let peers = base.peers.into_iter().chain(self.partners[at - 1].peers()).collect();
        let counters = self.air.nodes[at].counters();
        self.air.nodes[at] = Node::new(NodeConfig { peers, counters, ..base });
        self.air.drain(at);
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn two_devices_that_joined_each_other_share_a_key_whoever_of_them_asks_and_over_any_air() {
    for (parts, loss) in [
        ([Part::Initiator, Part::Responder], 0),
        ([Part::Responder, Part::Initiator], 0),
        ([Part::Responder, Part::Responder], 100),
        ([Part::Initiator, Part::Initiator], 100),
    ] {
        let mut home = home();
        home.air.loss = loss;
        home.partners[0].join(PPMID.eui, parts[0]);
        home.partners[1].join(ESME.eui, parts[1]);
        home.pass(60 * SECOND);
        home.air.loss = 0;
        // What was lost is made up for when the two speak.
        let _ = (home.speaks(1), home.speaks(2));
        home.pass(700 * SECOND);
        assert!(home.speaks(1) && home.speaks(2), "{parts:?}");
        let held: Vec<Key> = home.partners.iter().flat_map(|p| p.keys().map(|(_, key)| key.clone())).collect();
        assert_eq!(held[0], held[1], "{parts:?}");
        assert_eq!(home.partners[0].timeout(), None, "nothing is asked for any more");
    }
}

#[test]
fn a_key_for_a_device_that_is_not_in_the_log_is_thrown_away_and_asked_for_when_it_is() {
    let mut home = home();
    home.partners[0].join(PPMID.eui, Part::Initiator);
    home.pass(5 * SECOND);
    assert!(home.brought.contains(&(2, Brought::NotJoined(ESME.eui))), "{:?}", home.brought);
    assert_eq!(home.partners[1].keys().count(), 0);
    assert!(!home.speaks(1));
    home.partners[1].join(ESME.eui, Part::Responder);
    home.pass(9 * SECOND);
    assert_eq!(home.granted, 1, "the other one may have asked");
    home.pass(5 * SECOND);
    assert_eq!(home.granted, 2);
    assert!(home.speaks(1) && home.speaks(2));
}

#[test]
fn joining_again_changes_the_key_and_parting_ends_it_also_across_a_restart() {
    let mut home = home();
    home.partners[0].join(PPMID.eui, Part::Initiator);
    home.partners[1].join(ESME.eui, Part::Responder);
    home.pass(5 * SECOND);
    // Counters go on under the key that stays, and start again under a new one.
    for round in 1..=3 {
        assert_eq!(home.partners[1].keys().next(), Some((ESME.eui, &key(round))));
        assert!(home.speaks(1) && home.speaks(2));
        home.restart(1);
        home.restart(2);
        assert!(home.speaks(1) && home.speaks(2), "after a restart");
        home.partners[0].join(PPMID.eui, Part::Initiator);
        assert!(home.partners[0].take_changed());
        home.pass(5 * SECOND);
    }
    home.partners[0].part(PPMID.eui);
    assert!(!home.speaks(2));
    home.restart(1);
    assert!(!home.speaks(2));
    assert_eq!(home.partners[0].keys().count(), 0);
    // Joined anew it has a new key, and counters of its own.
    home.partners[0].join(PPMID.eui, Part::Initiator);
    home.pass(5 * SECOND);
    assert!(home.speaks(1) && home.speaks(2));
}

#[test]
fn a_partner_with_another_key_is_found_out_by_its_frames_and_a_new_key_is_asked_for_at_leisure() {
    let mut home = home();
    home.partners[0].join(PPMID.eui, Part::Initiator);
    home.partners[1].join(ESME.eui, Part::Responder);
    home.pass(5 * SECOND);
    // The PPMID alone gets another.
    home.granted = 7;
    home.bring(PPMID.eui, ESME.eui, false);
    home.pass(5 * SECOND);
    assert!(!home.speaks(2));
    home.pass(500 * SECOND);
    assert_eq!(home.granted, 7, "ten minutes between two requests");
    home.pass(100 * SECOND);
    assert_eq!(home.granted, 8);
    assert!(home.speaks(1) && home.speaks(2));
}

#[test]
fn nobody_but_the_trust_centre_brings_keys() {
    let mut home = home();
    home.partners[0].join(PPMID.eui, Part::Initiator);
    home.partners[1].join(ESME.eui, Part::Responder);
    home.pass(5 * SECOND);
    let command = KeyCommand::Transport { key: key(9), partner: PPMID.eui, initiator: false };
    home.air.nodes[2].send_key(home.air.now, ESME.eui, command);
    home.air.drain(2);
    home.pass(5 * SECOND);
    assert_eq!(home.brought.last(), Some(&(1, Brought::Ignored)));
    assert_eq!(home.partners[0].keys().next(), Some((PPMID.eui, &key(1))));
}

/// What came in the air of commands of this sort: frames, and what their auxiliary headers name.
fn commands(air: &Air) -> Vec<(KeyId, Vec<u8>)> {
    let frames = air.log.iter().filter_map(|(_, psdu)| {
        let mac = mac::Frame::parse(psdu).ok()?;
        let nwk = nwk::Frame::parse(mac.payload).ok()?.open(&network_key()).ok()?;
        let aps = aps::Frame::parse(&nwk).ok().filter(|aps| aps.kind == Kind::Command)?;
        Some((aps.security?.key, nwk))
    });
    frames.collect()
}

#[test]
fn a_request_goes_under_the_link_key_and_a_key_under_the_key_load_key() {
    let mut home = home();
    home.partners[0].join(PPMID.eui, Part::Initiator);
    home.pass(5 * SECOND);
    let under: Vec<KeyId> = commands(&home.air).iter().map(|(id, _)| *id).collect();
    assert_eq!(under, [KeyId::Data, KeyId::Load, KeyId::Load]);
    let (_, frame) = &commands(&home.air)[2];
    let frame = aps::Frame::parse(frame).unwrap();
    assert!(frame.open(&link_key(), HUB.eui).is_err());
    let opened = frame.open(&han::mmo::key_load_key(&link_key()), HUB.eui).unwrap();
    let KeyCommand::Transport { key: brought, .. } = KeyCommand::parse(&opened).unwrap() else { panic!() };
    assert_eq!(brought, key(1));
}

#[test]
fn a_command_in_the_clear_under_the_wrong_key_or_from_a_stranger_is_refused() {
    let transport = KeyCommand::Transport { key: key(9), partner: ESME.eui, initiator: true }.to_vec();
    let command = |security, payload| aps::Frame {
        kind: Kind::Command,
        broadcast: false,
        ack_request: true,
        endpoints: None,
        counter: 1,
        block: None,
        security,
        payload,
    };
    let aux = |key| Some(han::security::Aux { key, counter: 1, source: None });
    let load_key = han::mmo::key_load_key(&link_key());
    let hear = |aps: Vec<u8>| {
        let mut air = Air::new(vec![node(PPMID, &[HUB])]);
        let nwk = nwk::Frame {
            kind: nwk::Kind::Data,
            route_discovery: 1,
            end_device_initiator: false,
            destination: PPMID.short,
            source: HUB.short,
            radius: 30,
            sequence: 0,
            destination_ieee: None,
            source_ieee: Some(HUB.eui),
            security: Some(han::security::Aux { key: KeyId::Network(0), counter: 1, source: Some(HUB.eui) }),
            payload: &aps,
        };
        let nwk = nwk.seal(&network_key()).unwrap();
        let psdu = mac::Frame::data(PAN, PPMID.short, HUB.short, 1, &nwk).to_vec();
        air.nodes[0].handle_frame(air.now, &psdu);
        air.drain(0);
        air.events[0].clone()
    };
    let sealed = |id, key: &Key| command(aux(id), &transport).seal(key, HUB.eui).unwrap();
    assert!(hear(sealed(KeyId::Load, &load_key)).iter().any(|event| matches!(event, Output::Key(..))));
    for (aps, refusal) in [
        (command(None, &transport).to_vec(), Refusal::Unprotected),
        (sealed(KeyId::Data, &link_key()), Refusal::Unprotected),
        (sealed(KeyId::Transport, &han::mmo::key_transport_key(&link_key())), Refusal::Unprotected),
        (sealed(KeyId::Load, &key(3)), Refusal::Mic),
    ] {
        assert_eq!(hear(aps), [Output::Refused(HUB.short, refusal)]);
    }
}

#[test]
fn a_capture_opens_with_the_keys_that_come_by_in_it() {
    let mut home = home();
    home.partners[0].join(PPMID.eui, Part::Initiator);
    home.partners[1].join(ESME.eui, Part::Responder);
    home.pass(5 * SECOND);
    assert!(home.speaks(1));
    let mut dissectors = [(); 2].map(|()| Dissector::new([network_key(), link_key()]));
    let (mut said, mut cleared) = (Vec::new(), 0);
    for (at, psdu) in &home.air.log {
        said.extend(dissectors[0].push(*at, psdu).map(|said| said.what));
        cleared += usize::from(dissectors[1].cleared(psdu) != *psdu);
    }
    let of = |what: What| said.iter().filter(|said| **said == what).count();
    assert_eq!([What::RequestKey(PPMID.eui), What::LinkKey(PPMID.eui), What::LinkKey(ESME.eui)].map(of), [1; 3]);
    assert!(said.iter().any(|what| matches!(what, What::Datagram { payload, .. } if *payload == [1; 4])));
    assert!(dissectors.iter().all(|dissector| dissector.learnt() == [key(1)]));
    assert_eq!((dissectors[0].tally().locked, dissectors[0].tally().noise), (0, 0));
    assert!(cleared > 0);
}
