//! Joining over the air: association, the network key, the link key; and inter-PAN frames.
use crate::air::{Air, Chance, GSME, HUB, PAN, PPMID, START, config, datagram, link_key, network_key, peer};
use gbcs::Time;
use han::cbke::{self, Exchange, Failure, Refusal};
use han::join::{
    Admission, Joiner, JoinerConfig, JoinerOutput, Membership, TrustCentre, TrustCentreConfig, TrustCentreOutput,
};
use han::mac::{self, Address, PanId};
use han::node::{Output, Peer};
use han::zcl::{Direction, Frame};
use han::{InstallCode, Node, NodeConfig, ShortAddress, interpan};
use std::time::Duration;

fn trust_centre() -> TrustCentre {
    TrustCentre::new(TrustCentreConfig { eui: HUB.eui, pan: PAN, network_key: network_key(), network_key_sequence: 0 })
}

fn code() -> InstallCode {
    InstallCode::new(*b"0123456789ABCDEF")
}

fn joiner(now: Time) -> Joiner {
    Joiner::new(now, JoinerConfig { eui: PPMID.eui, link_key: code().link_key(), wanted: None, sleepy: false })
}

/// Trust Centre and joiner on an air that loses so many of 1000 frames; how long it took, and what the joiner then knew.
fn join(loss: u64, seed: u64, admitted: bool, wait: Duration) -> Option<(Duration, Membership)> {
    let (mut centre, mut joiner, mut chance) = (trust_centre(), joiner(START), Chance(seed));
    if admitted {
        let until = START + Duration::from_secs(900);
        centre.admit(Admission { eui: PPMID.eui, link_key: code().link_key(), until });
    }
    let (mut now, mut sequence) = (START, 0u8);
    loop {
        let due = loop {
            match joiner.poll() {
                JoinerOutput::Joined(membership) => return Some((now.since(START), membership)),
                JoinerOutput::Timeout(due) => break due,
                JoinerOutput::Transmit(psdu) if chance.permille() < loss => drop(psdu),
                JoinerOutput::Transmit(psdu) => {
                    let numbers = || {
                        sequence = sequence.wrapping_add(1);
                        sequence
                    };
                    centre.handle_frame(now, &psdu, numbers, |_| false);
                }
            }
            while let TrustCentreOutput::Transmit(psdu) = centre.poll() {
                if chance.permille() >= loss {
                    joiner.handle_frame(now, &psdu);
                }
            }
        };
        now = due?;
        if now.since(START) > wait {
            return None;
        }
        joiner.handle_timeout(now);
    }
}

#[test]
fn an_expected_device_gets_an_address_and_the_network_key_over_any_air() {
    for (loss, most) in [(0, 2), (50, 30), (200, 600)] {
        for seed in 0..20 {
            let (took, membership) = join(loss, seed, true, Duration::from_secs(most)).expect("it joined");
            assert!(loss > 0 || took < Duration::from_secs(2), "{took:?}");
            assert_eq!((membership.pan, membership.coordinator), (PAN, HUB.eui));
            assert_eq!((membership.network_key, membership.network_key_sequence), (network_key(), 0));
        }
    }
}

#[test]
fn a_device_that_nobody_expects_does_not_get_in() {
    assert_eq!(join(0, 1, false, Duration::from_secs(100)), None);
    let mut centre = trust_centre();
    let until = START + Duration::from_secs(60);
    centre.admit(Admission { eui: GSME.eui, link_key: code().link_key(), until });
    let own = Address::Extended(PPMID.eui);
    let request = mac::Frame {
        kind: mac::Kind::Command,
        source: Some((Some(PanId::BROADCAST), own)),
        ..mac::Frame::data(PAN, ShortAddress(0), ShortAddress(0), 1, &[1, 0x8E])
    };
    centre.handle_frame(START, &request.to_vec(), || 7, |_| false);
    let outputs: Vec<_> = std::iter::from_fn(|| Some(centre.poll())).take(3).collect();
    assert_eq!(outputs[1..], [TrustCentreOutput::Refused(PPMID.eui), TrustCentreOutput::Timeout(Some(until))]);
    centre.handle_timeout(until);
    assert!(!centre.is_open(), "its time is over");
}

#[test]
fn a_device_with_another_install_code_never_has_the_network_key() {
    let mut centre = trust_centre();
    let other = InstallCode::new([7; 16]).link_key();
    centre.admit(Admission { eui: PPMID.eui, link_key: other, until: START + Duration::from_secs(900) });
    let mut joiner = joiner(START);
    let mut now = START;
    for _ in 0..200 {
        match joiner.poll() {
            JoinerOutput::Transmit(psdu) => centre.handle_frame(now, &psdu, || 1, |_| false),
            JoinerOutput::Timeout(due) => {
                now = due.unwrap();
                joiner.handle_timeout(now);
            }
            JoinerOutput::Joined(_) => panic!("it cannot have read the key"),
        }
        while let TrustCentreOutput::Transmit(psdu) = centre.poll() {
            joiner.handle_frame(now, &psdu);
        }
    }
}

/// The two ends of a key establishment, each message to the other end; how each ended.
fn establish(secrets: [han::Key; 2], mut spoil: impl FnMut(usize, &mut Vec<u8>)) -> [cbke::Output; 2] {
    let [theirs, ours] = secrets;
    let mut ends = [
        Exchange::initiate(START, PPMID.eui, HUB.eui, theirs, [2; cbke::EPHEMERAL_LEN]),
        Exchange::respond(HUB.eui, PPMID.eui, ours, [3; cbke::EPHEMERAL_LEN]),
    ];
    let mut ended = [None, None];
    for turn in (0..20).map(|turn| turn % 2) {
        loop {
            match ends[turn].poll() {
                cbke::Output::Send(mut zcl) => {
                    spoil(turn, &mut zcl);
                    ends[1 - turn].handle_zcl(START, &zcl);
                }
                cbke::Output::Timeout(_) => break,
                end => ended[turn] = Some(end),
            }
        }
    }
    ends.iter_mut().for_each(|end| end.handle_timeout(START + Duration::from_secs(16)));
    let mut last = |at: usize| ended[at].clone().unwrap_or_else(|| ends[at].poll());
    [last(0), last(1)]
}

#[test]
fn key_establishment_gives_both_the_same_key_that_depends_on_the_install_code() {
    let key = code().link_key();
    let [a, b] = establish([key.clone(), key.clone()], |_, _| {});
    let cbke::Output::Established(established) = &a else { panic!("{a:?}") };
    assert_eq!(a, b);
    assert_ne!(*established, key);
    let [a, b] = establish([key, link_key()], |_, _| {});
    assert_eq!(b, cbke::Output::Failed(Failure::Refused(Refusal::BadKeyConfirm)), "another install code");
    assert_eq!(a, cbke::Output::Failed(Failure::RefusedByPeer(Refusal::BadKeyConfirm)));
}

#[test]
fn each_fault_in_key_establishment_has_its_refusal() {
    let key = code().link_key();
    let run = |which: u8, at: usize| {
        establish([key.clone(), key.clone()], |turn, zcl| {
            if turn == 0 && zcl[2] == which {
                zcl[at] ^= 0xFF;
            }
        })
    };
    let refused = |outputs: [cbke::Output; 2]| match outputs {
        [cbke::Output::Failed(Failure::RefusedByPeer(a)), cbke::Output::Failed(Failure::Refused(b))] => {
            assert_eq!(a, b);
            a
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(run(0, 3)), Refusal::UnsupportedSuite);
    assert_eq!(refused(run(0, 40)), Refusal::InvalidCertificate);
    assert_eq!(refused(run(1, 10)), Refusal::BadKeyConfirm);
    assert_eq!(refused(run(2, 5)), Refusal::BadKeyConfirm);
    // Another command where an ephemeral value is due; and silence.
    let [_, b] = establish([key.clone(), key.clone()], |turn, zcl| {
        if turn == 0 && zcl[2] == 1 {
            zcl.truncate(20);
        }
    });
    assert_eq!(b, cbke::Output::Failed(Failure::Refused(Refusal::BadMessage)));
    let [a, _] = establish([key.clone(), key], |turn, zcl| {
        if turn == 1 {
            zcl.clear();
        }
    });
    assert_eq!(a, cbke::Output::Failed(Failure::NoAnswer));
}

#[test]
fn a_joined_device_establishes_its_link_key_over_its_node_and_then_speaks_under_it() {
    let (_, membership) = join(0, 1, true, Duration::from_secs(9)).unwrap();
    let ppmid = Node::new(NodeConfig {
        short: membership.short,
        network_key: membership.network_key,
        peers: vec![Peer { link_key: None, ..peer(HUB) }],
        ..config(PPMID, &[])
    });
    let hub_knows = Peer { eui: PPMID.eui, short: membership.short, link_key: None, sleepy_child: false };
    let hub = Node::new(NodeConfig { peers: vec![hub_knows.clone()], ..config(HUB, &[]) });
    let mut air = Air::new(vec![hub, ppmid]);
    let key = code().link_key();
    let mut ends = [
        Exchange::respond(HUB.eui, PPMID.eui, key.clone(), [3; 37]),
        Exchange::initiate(air.now, PPMID.eui, HUB.eui, key, [2; 37]),
    ];
    let peers = [PPMID.eui, HUB.eui];
    let (mut keys, mut seen) = ([None, None], [0, 0]);
    for _ in 0..40 {
        for at in 0..2 {
            loop {
                match ends[at].poll() {
                    cbke::Output::Send(payload) => {
                        let to = han::Datagram { peer: peers[at], cluster: cbke::CLUSTER, ..datagram(HUB, payload) };
                        air.nodes[at].send(air.now, to);
                        air.drain(at);
                    }
                    cbke::Output::Established(key) => keys[at] = Some(key),
                    cbke::Output::Failed(failure) => panic!("{failure}"),
                    cbke::Output::Timeout(_) => break,
                }
            }
        }
        air.pass(Duration::from_millis(50));
        for at in 0..2 {
            let heard: Vec<_> = air.received(at)[seen[at]..].iter().map(|d| d.payload.clone()).collect();
            seen[at] += heard.len();
            heard.iter().for_each(|zcl| ends[at].handle_zcl(air.now, zcl));
        }
    }
    assert!(keys[0].is_some() && keys[0] == keys[1]);
    let [hubs, theirs] = keys;
    air.nodes[0].set_peer(Peer { link_key: hubs, ..hub_knows });
    air.nodes[1].set_peer(Peer { link_key: theirs, ..peer(HUB) });
    let handle = air.send(1, HUB, vec![1, 2, 3]);
    air.pass(Duration::from_secs(1));
    assert!(air.delivered(1, handle));
    assert!(!air.events.iter().flatten().any(|event| matches!(event, Output::Refused(..))));
}

#[test]
fn an_inter_pan_frame_has_the_form_of_han_md_7_3_and_opens_under_its_key_only() {
    let zcl = Frame {
        cluster_specific: true,
        manufacturer: None,
        direction: Direction::ToServer,
        disable_default_response: true,
        tsn: 1,
        command: 1,
        payload: &[0xAB; 37],
    }
    .to_vec();
    let frame = interpan::Frame {
        source: PPMID.eui,
        destination: HUB.eui,
        pan: PAN,
        sequence: 9,
        cluster: 0x0800,
        security: None,
        payload: &zcl,
    };
    let psdu = frame.to_psdu();
    assert_eq!(hex::encode(&psdu[..5]), "21cc09621a");
    assert_eq!(hex::encode(&psdu[13..15]), "ffff", "from no network");
    assert_eq!(hex::encode(&psdu[23..30]), "0b000300080901");
    let parsed = interpan::Frame::parse(&mac::Frame::parse(&psdu).unwrap()).unwrap();
    assert_eq!(parsed, frame);
    assert_eq!(frame.encoded_len(), psdu.len());

    let secured = interpan::Frame { security: Some(interpan::Frame::link_key_security(5)), ..frame };
    let psdu = secured.seal(&link_key()).unwrap();
    let mac = mac::Frame::parse(&psdu).unwrap();
    let parsed = interpan::Frame::parse(&mac).unwrap();
    assert_eq!(parsed.open(&link_key()).as_deref(), Ok(&zcl[..]));
    assert!(parsed.open(&network_key()).is_err());
    let short = mac::Frame::data(PAN, HUB.short, PPMID.short, 1, mac.payload).to_vec();
    assert!(interpan::Frame::parse(&mac::Frame::parse(&short).unwrap()).is_err(), "addressed within a network");
    assert!(mac::Frame { source: mac.source, ..mac }.to_vec().len() <= mac::MAX_PSDU);

    // Found by fuzzing: a clear frame of full length has no room for a MIC.
    let full = [0; mac::MAX_PSDU];
    let longest = (0..full.len()).rev().map(|len| interpan::Frame { payload: &full[..len], ..secured });
    let sealed: Vec<_> = longest.filter_map(|frame| frame.seal(&link_key()).ok()).collect();
    assert!(sealed.iter().all(|psdu| mac::Frame::parse(psdu).is_ok()));
    assert_eq!(sealed[0].len(), mac::MAX_PSDU);
}
