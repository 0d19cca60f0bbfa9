//! What a hub refuses, and that it says nothing it should not. Virtual time only.
mod common;

use common::*;
use comms_hub::event::log_code;
use comms_hub::{DeviceEntry, DeviceKind, Event, Profile, Reason, Settings};
use gbcs::Cra;
use han::tunnel::CloseReason;
use han::tunnel::gsme::GsmeData;
use han::zcl::tunneling::{CLUSTER, Protocol, RequestTunnel, ToClient, ToServer, TransferDataStatus, TunnelStatus};
use han::zcl::{Frame, Status};
use han::{Key, node};

/// What the hub's tunnel server answers to a command that a device sends by hand.
fn ask(home: &mut Home, from: gbcs::Eui64, command: &ToServer<'_>) -> Vec<u8> {
    home.device(from).manual = true;
    let before = home.device(from).zcl.len();
    home.send_zcl(from, CLUSTER, 3, command.to_zcl(0x55, false));
    home.run_for(3);
    home.device(from).manual = false;
    let answers = home.device(from).zcl[before..].to_vec();
    let [(CLUSTER, zcl)] = &answers[..] else { panic!("{answers:?}") };
    zcl.clone()
}

fn tunnel_error(zcl: &[u8]) -> TransferDataStatus {
    let frame = Frame::parse(zcl).unwrap();
    match ToClient::parse(frame.command, frame.payload) {
        Ok(ToClient::TransferDataError(_, status)) => status,
        other => panic!("{other:?}"),
    }
}

fn tunnel_status(zcl: &[u8]) -> TunnelStatus {
    let frame = Frame::parse(zcl).unwrap();
    match ToClient::parse(frame.command, frame.payload) {
        Ok(ToClient::RequestTunnelResponse { status, .. }) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_ppmid_may_not_send_vanishes_with_success_and_its_tunnel_survives() {
    for (profile, expected) in [
        (Profile::Secmp0038, ["ppmid_only_commands", "ppmid_only_commands", "target_is_hht", "target_not_listed"]),
        (Profile::Assured, ["ppmid_only_commands", "ppmid_only_commands", "target_is_hht", "target_not_listed"]),
    ] {
        let mut home = Home::ready(profile, true);
        let sent = [
            message(ESME, SUPPLIER, Cra::Response, 1, 0x0071, 20),
            message(ESME, SUPPLIER, Cra::Alert, 1, 0x1000, 20),
            command(HHT, 1),
            command(STRANGER, 1),
            command(CHF, 1),
            command(GPF, 1),
            vec![],
            vec![0xDD; 200],
            [&command(ESME, 1)[..], &[0]].concat(),
        ];
        for data in &sent {
            home.send(PPMID, data.clone());
            home.run_for(2);
        }
        assert_eq!(home.device(PPMID).statuses(), [Status::Success; 9]);
        let names: Vec<_> = home
            .events
            .iter()
            .filter_map(|e| match e {
                Event::Discarded { reason, .. } => Some(reason.name()),
                _ => None,
            })
            .collect();
        let rest = ["target_is_hub", "target_is_hub", "malformed", "malformed", "malformed"];
        assert_eq!(names, [&expected[..], &rest].concat());
        assert_eq!(home.hub.counters().of("malformed"), 3);
        assert!(home.wan.is_empty() && home.device(ESME).data.is_empty());
        home.send(PPMID, command(ESME, 2));
        home.run_for(2);
        assert_eq!(home.device(ESME).data, [command(ESME, 2)]);
    }
}

#[test]
fn a_ppmids_own_alert_goes_to_the_wan() {
    let mut home = Home::ready(Profile::Today, true);
    let alert = message(PPMID, ACB, Cra::Alert, 1, 0x1000, 20);
    home.send(PPMID, alert.clone());
    home.run_for(2);
    assert_eq!(home.wan, [alert]);
}

#[test]
fn a_tunnel_is_only_its_owners_and_carries_1500_octets_at_most() {
    let mut home = Home::ready(Profile::Assured, true);
    let tunnel = home.device(PPMID).opened[0];
    let foreign = command(ESME, 1);
    let error = ask(&mut home, PPMID2, &ToServer::TransferData(tunnel, &foreign));
    assert_eq!(tunnel_error(&error), TransferDataStatus::WrongDevice);
    let error = ask(&mut home, PPMID, &ToServer::TransferData(tunnel, &[0xDD; 1501]));
    assert_eq!(tunnel_error(&error), TransferDataStatus::DataOverflow);
    let error = ask(&mut home, PPMID, &ToServer::TransferData(0x4444, &foreign));
    assert_eq!(tunnel_error(&error), TransferDataStatus::NoSuchTunnel);
    assert!(home.device(ESME).data.is_empty());
    assert!(home.hub.has_tunnel(PPMID));
}

#[test]
fn tunnels_of_another_protocol_or_with_flow_control_are_refused() {
    let mut home = Home::ready(Profile::Assured, true);
    let dlms = RequestTunnel { protocol: Protocol { id: 0, ..RequestTunnel::GBCS.protocol }, ..RequestTunnel::GBCS };
    let answer = ask(&mut home, PPMID2, &ToServer::RequestTunnel(dlms));
    assert_eq!(tunnel_status(&answer), TunnelStatus::ProtocolNotSupported);
    let flow = RequestTunnel { flow_control: true, ..RequestTunnel::GBCS };
    let answer = ask(&mut home, PPMID2, &ToServer::RequestTunnel(flow));
    assert_eq!(tunnel_status(&answer), TunnelStatus::FlowControlNotSupported);
    assert!(!home.hub.has_tunnel(PPMID2));
    assert!(home.logged().contains(&0x81BA));
}

#[test]
fn a_display_gets_no_tunnel() {
    let mut home = Home::ready(Profile::Assured, true);
    // The stranger joins as a Type 2 device.
    let entry = DeviceEntry { eui: STRANGER, kind: DeviceKind::Type2, short: 0x0A06, sleepy: false };
    home.hub.add_device(home.now, entry, Key::new([STRANGER.octets()[7]; 16])).unwrap();
    home.drain_hub();
    let answer = ask(&mut home, STRANGER, &ToServer::RequestTunnel(RequestTunnel::GBCS));
    assert_eq!(tunnel_status(&answer), TunnelStatus::ProtocolNotSupported);
}

#[test]
fn who_is_not_in_the_device_log_is_not_heard_at_all() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(STRANGER).manual = true;
    home.send_zcl(STRANGER, CLUSTER, 3, ToServer::RequestTunnel(RequestTunnel::GBCS).to_zcl(1, false));
    home.run_for(5);
    assert!(home.device(STRANGER).zcl.is_empty());
    assert!(home.events.iter().any(|e| matches!(e, Event::FrameRefused { reason: node::Refusal::UnknownPeer, .. })));
    assert!(home.hub.counters().of("unauthorised_communication") > 0);
}

#[test]
fn a_device_that_is_removed_loses_its_tunnel_and_all_that_waits_for_it() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&command(GSME, 1));
    home.hub.remove_device(home.now, PPMID);
    home.hub.remove_device(home.now, GSME);
    home.drain_hub();
    assert!(!home.hub.has_tunnel(PPMID) && !home.hub.has_tunnel(GSME));
    assert_eq!(home.hub.waiting_for_gsme(GSME), 0);
    home.wan_brings(&command(GSME, 2));
    home.send(PPMID, command(ESME, 3));
    home.run_for(60);
    assert_eq!(home.discards(), ["GBCS 10.8.2: the target is not in the CHF Device Log"]);
    assert!(home.device(ESME).data.is_empty());
}

#[test]
fn a_device_that_joins_again_starts_with_a_fresh_tunnel_and_budget() {
    let mut home = Home::ready(Profile::Assured, true);
    for _ in 0..61 {
        home.send(PPMID, vec![0; 3]);
    }
    home.run_for(5);
    assert_eq!(home.device(PPMID).statuses().last(), Some(&Status::Failure));
    home.hub.remove_device(home.now, PPMID);
    let entry = DeviceEntry { eui: PPMID, kind: DeviceKind::Ppmid, short: 0x0A03, sleepy: false };
    home.hub.add_device(home.now, entry, Key::new([PPMID.octets()[7]; 16])).unwrap();
    home.drain_hub();
    assert!(!home.hub.has_tunnel(PPMID));
    home.open(PPMID);
    home.send(PPMID, command(ESME, 1));
    home.run_for(5);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
}

#[test]
fn a_tunnel_without_traffic_for_65535_seconds_is_closed() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(PPMID).deaf = true;
    home.run_for(0xFFFF - 10);
    assert!(home.hub.has_tunnel(PPMID));
    home.run_for(20);
    assert!(!home.hub.has_tunnel(PPMID));
    assert!(home.events.contains(&Event::TunnelClosed { peer: PPMID, reason: CloseReason::Inactive }));
}

#[test]
fn a_busy_meter_is_asked_again_after_three_minutes() {
    let mut home = Home::new(Profile::Assured);
    home.device(ESME).server.as_mut().unwrap().set_busy(true);
    home.run_for(1);
    assert!(home.events.contains(&Event::TunnelRefused { peer: ESME, status: TunnelStatus::Busy }));
    home.device(ESME).server.as_mut().unwrap().set_busy(false);
    home.wan_brings(&command(ESME, 1));
    home.run_for(178);
    assert!(home.device(ESME).data.is_empty());
    home.run_for(3);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
}

#[test]
fn a_ppmids_sixty_first_frame_in_ten_minutes_is_refused_with_failure_in_every_profile() {
    for profile in Profile::ALL {
        let mut home = Home::ready(profile, true);
        for _ in 0..62 {
            home.send(PPMID, vec![0; 3]);
            home.run_for(1);
        }
        let statuses = home.device(PPMID).statuses();
        assert_eq!(statuses[..60], [Status::Success; 60]);
        assert_eq!(statuses[60..], [Status::Failure; 2]);
        home.run_for(600);
        home.send(PPMID, vec![0; 3]);
        home.run_for(1);
        assert_eq!(home.device(PPMID).statuses().last(), Some(&Status::Success));
    }
}

#[test]
fn the_assured_profile_refuses_a_flood_of_commands_that_the_modification_alone_lets_through() {
    let flood = |profile| {
        let mut home = Home::ready(profile, true);
        for counter in 0..40 {
            home.send(PPMID, command(ESME, counter));
            home.run_for(1);
        }
        let refused = home.device(PPMID).statuses().iter().filter(|s| **s == Status::Failure).count();
        (home.device(ESME).data.len(), refused, home)
    };
    let (arrived, refused, _) = flood(Profile::Secmp0038);
    assert_eq!((arrived, refused), (40, 0));
    let (arrived, refused, mut home) = flood(Profile::Assured);
    assert_eq!(arrived + refused, 40);
    assert!((12..=14).contains(&arrived), "the burst for one target and what returned meanwhile: {arrived}");
    // Others are not held up by it.
    home.wan_brings(&command(ESME, 100));
    home.run_for(2);
    assert_eq!(home.device(ESME).data.last(), Some(&command(ESME, 100)));
}

#[test]
fn a_ppmid_fills_its_own_places_in_a_mailbox_and_nobody_elses() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    for counter in 0..33 {
        home.send(PPMID, command(GSME, counter));
        home.run_for(1);
    }
    assert_eq!(home.device(PPMID).statuses()[..32], [Status::Success; 32]);
    assert_eq!(home.device(PPMID).statuses()[32], Status::Failure);
    for counter in 100..132 {
        home.wan_brings(&command(GSME, counter));
    }
    assert_eq!(home.hub.waiting_for_gsme(GSME), 64, "the WAN found all of its places");
    home.wan_brings(&command(GSME, 200));
    assert_eq!(home.hub.waiting_for_gsme(GSME), 64);
    assert_eq!(home.discards().last().unwrap(), "the gas meter's mailbox is full");
    assert_eq!(home.logged(), [log_code::COMMAND_NOT_PASSED]);
}

#[test]
fn what_a_gas_meter_sends_without_its_header_is_discarded() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    for data in [
        response(GSME, 1),
        GsmeData::GetResponse { remaining: 0, message: &[] }.to_vec(),
        vec![1, 1],
        GsmeData::Put(&[]).to_vec(),
        GsmeData::Put(&response(ESME, 1)).to_vec(),
    ] {
        home.send(GSME, data);
        home.run_for(2);
    }
    assert_eq!(home.hub.counters().of("no_gsme_header"), 3);
    assert_eq!(home.hub.counters().of("malformed"), 1);
    assert_eq!(home.hub.counters().of("not_its_own"), 1);
    assert!(home.wan.is_empty());
}

#[test]
fn ten_malformed_messages_within_an_hour_are_logged_once() {
    let mut home = Home::ready(Profile::Assured, true);
    for _ in 0..25 {
        home.send(PPMID, vec![0xDF, 1]);
        home.run_for(60);
    }
    let unusual = home.logged().into_iter().filter(|c| *c == log_code::UNUSUAL_NUMBER_OF_MALFORMED).count();
    assert_eq!(unusual, 1);
}

#[test]
fn a_wan_that_is_down_for_long_keeps_alerts_and_the_newest() {
    let settings = Settings { wan_messages: 4, ..Settings::default() };
    let mut home = Home::with(Profile::Assured, settings).connected(false);
    let alert = message(ESME, SUPPLIER, Cra::Alert, 1, 0x1000, 20);
    home.send(ESME, alert.clone());
    for counter in 0..5 {
        home.run_for(1);
        home.send(ESME, response(ESME, counter));
    }
    home.run_for(2);
    home.set_wan(true);
    assert_eq!(home.wan, [alert, response(ESME, 2), response(ESME, 3), response(ESME, 4)]);
    assert_eq!(home.hub.counters().of("wan_overflow"), 2);
}

#[test]
fn a_record_that_is_damaged_or_of_another_version_is_refused() {
    use comms_hub::{Hub, RecordError, StartError};
    use gbcs::crypto::RustCrypto;
    let mut home = Home::ready(Profile::Assured, false);
    home.send(ESME, response(ESME, 1));
    home.run_for(2);
    let record = home.record.clone().unwrap();
    let start = |record: &[u8]| {
        Hub::new(START, config(Profile::Assured, Settings::default()), RustCrypto, Some(record)).map(|_| ())
    };
    start(&record).unwrap();
    for cut in [0, 1, record.len() / 2, record.len() - 1] {
        assert!(matches!(start(&record[..cut]), Err(StartError::Record(RecordError::Damaged(_)))));
    }
    let mut newer = record.clone();
    assert_eq!(newer[1], 3, "the version comes first in the array");
    newer[1] = 4;
    assert!(matches!(start(&newer), Err(StartError::Record(RecordError::Version(4)))));
}

#[test]
fn a_budget_is_the_only_reason_that_is_told() {
    let mut home = Home::ready(Profile::Assured, true);
    for counter in 0..13 {
        home.send(PPMID, command(ESME, counter));
    }
    home.run_for(5);
    let last = home.events.iter().rev().find_map(|e| match e {
        Event::Discarded { reason, .. } => Some(*reason),
        _ => None,
    });
    assert!(matches!(last, Some(Reason::Budget(_))), "{last:?}");
}
