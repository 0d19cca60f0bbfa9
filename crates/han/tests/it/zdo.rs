//! The device profile between two nodes.
use crate::air::*;
use gbcs::Time;
use han::node::{Failure, Output};
use han::zdo::{self, Command, Finder, Frame, SimpleDescriptor, Status};
use han::{Datagram, Node, ShortAddress};
use std::time::Duration;

const TUNNELING: u16 = 0x0704;

fn ask(air: &mut Air, command: Command) -> Command {
    let frame = Frame { tsn: 9, command };
    let datagram = Datagram {
        peer: HUB.eui,
        profile: zdo::PROFILE,
        cluster: frame.cluster(),
        src_endpoint: 0,
        dst_endpoint: 0,
        payload: frame.to_vec(),
    };
    let before = air.received(1).len();
    air.nodes[1].send(air.now, datagram);
    air.drain(1);
    air.pass(Duration::from_secs(1));
    let received = air.received(1);
    let [answer] = &received[before..] else { panic!("{received:?}") };
    let frame = Frame::parse(answer.cluster, &answer.payload).unwrap();
    assert_eq!(frame.tsn, 9);
    frame.command
}

fn home() -> Air {
    let mut air = Air::pair();
    air.nodes[0].describe(SimpleDescriptor::smart_energy(1, 0x0500, [0x0700, 0x0702], []));
    air.nodes[0].describe(SimpleDescriptor::smart_energy(3, 0x0508, [TUNNELING], [TUNNELING]));
    air
}

#[test]
fn a_node_says_by_itself_what_is_at_its_endpoints() {
    let mut air = home();
    let of = HUB.short;
    let matching = |inputs: &[u16], outputs: &[u16]| Command::MatchDescriptorRequest {
        of,
        profile: 0x0109,
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
    };
    let found = |endpoints: &[u8]| Command::MatchDescriptorResponse {
        status: Status::Success,
        of,
        endpoints: endpoints.to_vec(),
    };
    assert_eq!(ask(&mut air, matching(&[TUNNELING], &[])), found(&[3]));
    assert_eq!(ask(&mut air, matching(&[0x0702, TUNNELING], &[])), found(&[1, 3]));
    assert_eq!(ask(&mut air, matching(&[], &[TUNNELING])), found(&[3]));
    assert_eq!(ask(&mut air, matching(&[0x0705], &[])), found(&[]));
    assert_eq!(
        ask(&mut air, Command::ActiveEndpointsRequest { of }),
        Command::ActiveEndpointsResponse { status: Status::Success, of, endpoints: vec![1, 3] }
    );
    assert_eq!(
        ask(&mut air, Command::SimpleDescriptorRequest { of, endpoint: 3 }),
        Command::SimpleDescriptorResponse {
            status: Status::Success,
            of,
            descriptor: Some(SimpleDescriptor::smart_energy(3, 0x0508, [TUNNELING], [TUNNELING])),
        }
    );
    for (endpoint, status) in [(7, Status::NotActive), (0, Status::InvalidEndpoint), (255, Status::InvalidEndpoint)] {
        let refused = Command::SimpleDescriptorResponse { status, of, descriptor: None };
        assert_eq!(ask(&mut air, Command::SimpleDescriptorRequest { of, endpoint }), refused);
    }
    let other = ShortAddress(0x7777);
    assert_eq!(
        ask(&mut air, Command::ActiveEndpointsRequest { of: other }),
        Command::ActiveEndpointsResponse { status: Status::DeviceNotFound, of: other, endpoints: vec![] }
    );
}

#[test]
fn the_hub_says_where_its_devices_are_and_others_only_where_they_are_themselves() {
    let mut air = home();
    let answer = |status, eui, short| Command::AddressResponse { status, eui, short };
    for device in [HUB, PPMID] {
        let found = answer(Status::Success, device.eui, device.short);
        assert_eq!(ask(&mut air, Command::AddressRequest { eui: device.eui }), found);
    }
    let unknown = answer(Status::DeviceNotFound, ESME.eui, ShortAddress::BROADCAST);
    assert_eq!(ask(&mut air, Command::AddressRequest { eui: ESME.eui }), unknown);
    let mut air = Air::new(vec![Node::new(config(PPMID, &[ESME])), Node::new(config(ESME, &[PPMID]))]);
    let mut ask_ppmid = |eui| {
        let frame = Frame { tsn: 9, command: Command::AddressRequest { eui } };
        let (peer, cluster, payload) = (PPMID.eui, frame.cluster(), frame.to_vec());
        let datagram = Datagram { peer, profile: zdo::PROFILE, cluster, src_endpoint: 0, dst_endpoint: 0, payload };
        air.nodes[1].send(air.now, datagram);
        air.drain(1);
        air.pass(Duration::from_secs(1));
        Frame::parse(0x8000, &air.received(1).last().unwrap().payload).unwrap().command
    };
    assert_eq!(ask_ppmid(PPMID.eui), answer(Status::Success, PPMID.eui, PPMID.short));
    assert_eq!(ask_ppmid(ESME.eui), answer(Status::DeviceNotFound, ESME.eui, ShortAddress::BROADCAST));
}

#[test]
fn descriptors_are_asked_for_without_a_link_key_and_application_frames_are_not_sent_without() {
    let mut air = home();
    air.nodes[1].set_peer(han::node::Peer { link_key: None, ..peer(HUB) });
    let handle = air.send(1, HUB, vec![1, 2, 3]);
    assert!(air.events[1].contains(&Output::Failed(handle, Failure::NoLinkKey)));
    let answer = ask(&mut air, Command::ActiveEndpointsRequest { of: HUB.short });
    assert!(matches!(answer, Command::ActiveEndpointsResponse { status: Status::Success, .. }));
}

#[test]
fn an_announced_device_is_heard_by_all_who_know_it() {
    let mut air = home();
    air.nodes[1].announce(air.now);
    air.drain(1);
    air.pass(Duration::from_secs(1));
    let [announce] = air.received(0)[..] else { panic!() };
    let frame = Frame::parse(announce.cluster, &announce.payload).unwrap();
    let (short, eui) = (PPMID.short, PPMID.eui);
    assert_eq!(frame.command, Command::DeviceAnnounce { short, eui, capabilities: 0x8E });
    assert_eq!(announce.peer, PPMID.eui);
    // A broadcast is repeated by nobody and acknowledged by nobody.
    assert_eq!(air.log.len(), 1);
}

#[test]
fn a_finder_takes_the_first_endpoint_and_gives_up_after_5_s() {
    let mut finder = Finder::of(TUNNELING);
    let mut air = home();
    let request = finder.ask(air.now, HUB.eui, HUB.short);
    assert!(finder.is_asking(HUB.eui));
    air.nodes[1].send(air.now, request);
    air.drain(1);
    air.pass(Duration::from_secs(1));
    assert_eq!(finder.answer(air.received(1)[0]), Some((HUB.eui, Some(3))));
    assert_eq!(finder.answer(air.received(1)[0]), None, "nothing was asked twice");

    finder.ask(START, ESME.eui, ESME.short);
    let due = START + Duration::from_secs(5);
    assert_eq!(finder.timeout(), Some(due));
    assert_eq!(finder.overdue(Time(due.0 - 1)), None);
    assert_eq!(finder.overdue(due), Some(ESME.eui));
    assert_eq!(finder.timeout(), None);
}
