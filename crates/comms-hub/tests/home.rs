//! Whole ways of messages through a hub, between devices that are real up to the tunnel. Virtual time only.
mod common;
mod gpf;

use common::*;
use comms_hub::event::{Undelivered, log_code};
use comms_hub::{DeviceKind, Event, Function, Profile, Settings, Source};
use gbcs::block::{Block, parts};
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::{Cra, MessageCode, MessageView, protect};
use han::tunnel::gsme::GsmeData;
use han::zcl::attributes::{ReadAttributesResponse, ReportAttributes, Value};
use han::zcl::mirror::{CLUSTER as METERING, ConfigureMirror, FromMeter, FromMirror, SCHEME_B};
use han::zcl::tunneling::{CLUSTER as TUNNELING, ToServer};
use han::zcl::{Direction, Frame, Status, global};
use std::time::Duration;

const DAY: u64 = 24 * 3600;

/// The Alert that the Device Log changed: an HHT left it.
fn is_cs14(octets: &[u8]) -> bool {
    MessageView::parse(octets).is_ok_and(|view| view.message_code() == MessageCode(0x0018))
}

/// The PPMID brings a Command for the electricity meter, which answers.
fn command_by_ppmid(home: &mut Home, counter: u64) {
    home.send(PPMID, command(ESME, counter));
    home.run_for(2);
    if home.device(ESME).data.last() == Some(&command(ESME, counter)) {
        home.send(ESME, response(ESME, counter));
        home.run_for(2);
    }
}

#[test]
fn today_a_ppmids_remote_party_command_ends_at_the_hub_which_says_by_which_rule() {
    let mut home = Home::ready(Profile::Today, true);
    command_by_ppmid(&mut home, 1);
    assert!(home.device(ESME).data.is_empty());
    assert!(home.wan.is_empty());
    assert_eq!(home.device(PPMID).statuses(), [Status::Success], "the sender is not told");
    assert_eq!(home.discards(), ["GBCS 10.8.2: a PPMID may pass only SME.C.PPMID-GSME messages (before SECMP0038)"]);
    let Some(Event::Discarded { route: Some(route), .. }) =
        home.events.iter().find(|e| matches!(e, Event::Discarded { .. }))
    else {
        panic!("{:?}", home.events)
    };
    assert_eq!((route.id.originator, route.id.target, route.code), (SUPPLIER, ESME, MessageCode(0x0071)));
}

#[test]
fn with_secmp0038_the_command_arrives_unchanged_and_the_response_goes_to_the_wan_only() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    command_by_ppmid(&mut home, 1);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
    assert_eq!(home.wan, [response(ESME, 1)]);
    assert!(home.device(PPMID).data.is_empty());
    assert!(home.logged().contains(&log_code::COMMAND_PASSED));
}

#[test]
fn in_the_assured_profile_the_response_also_comes_back_down_the_tunnel_that_carried_the_command() {
    let mut home = Home::ready(Profile::Assured, false);
    home.open(PPMID2);
    home.run_for(1);
    command_by_ppmid(&mut home, 1);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
    assert_eq!(home.device(PPMID).data, [response(ESME, 1)]);
    assert!(home.device(PPMID2).data.is_empty(), "the other PPMID carried nothing");
    assert!(home.wan.is_empty());
    assert_eq!(home.hub.waiting_for_wan(), 1);
    home.set_wan(true);
    assert_eq!(home.wan, [response(ESME, 1)], "the WAN gets it as well");
}

#[test]
fn a_response_to_a_command_from_the_wan_is_no_business_of_the_ppmid() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&command(ESME, 1));
    home.run_for(2);
    home.send(ESME, response(ESME, 1));
    home.run_for(2);
    assert_eq!(home.wan, [response(ESME, 1)]);
    assert!(home.device(PPMID).data.is_empty());
}

#[test]
fn who_carried_a_command_is_forgotten_after_a_day() {
    let mut home = Home::ready(Profile::Assured, true);
    home.send(PPMID, command(ESME, 1));
    home.run_for(DAY);
    home.send(ESME, response(ESME, 1));
    home.run_for(2);
    assert_eq!(home.wan.last(), Some(&response(ESME, 1)));
    assert!(home.device(PPMID).data.is_empty());
}

#[test]
fn a_response_for_a_ppmid_that_is_away_waits_until_it_is_heard_again() {
    let mut home = Home::ready(Profile::Assured, true);
    home.send(PPMID, command(ESME, 1));
    home.run_for(2);
    home.device(PPMID).deaf = true;
    home.send(ESME, response(ESME, 1));
    home.run_for(600);
    assert_eq!(home.wan, [response(ESME, 1)], "the WAN does not wait for it");
    home.restart_hub();
    home.run_for(5);
    home.device(PPMID).deaf = false;
    home.open(PPMID);
    home.run_for(5);
    assert_eq!(home.device(PPMID).data, [response(ESME, 1)]);
}

#[test]
fn a_response_that_a_ppmid_did_not_hear_follows_its_next_word() {
    let mut home = Home::ready(Profile::Assured, true);
    home.send(PPMID, command(ESME, 1));
    home.run_for(2);
    home.device(PPMID).deaf = true;
    home.send(ESME, response(ESME, 1));
    home.run_for(120);
    home.device(PPMID).deaf = false;
    home.run_for(60);
    assert!(home.device(PPMID).data.is_empty(), "the hub does not call into the dark");
    home.send(PPMID, command(ESME, 2));
    home.run_for(5);
    assert_eq!(home.device(PPMID).data, [response(ESME, 1)]);
}

#[test]
fn a_meter_whose_stack_acknowledges_has_the_command_even_if_it_answers_nothing() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(ESME).manual = true;
    home.wan_brings(&command(ESME, 1));
    home.run_for(1200);
    assert!(home.events.iter().any(|e| matches!(e, Event::Delivered { target: ESME, .. })));
    assert!(home.wan.is_empty(), "no Alert about it");
}

#[test]
fn what_a_meter_says_while_the_wan_is_down_is_stored_at_once() {
    let settings = Settings { hht_copy: comms_hub::config::HhtCopy::Responses, ..Settings::default() };
    let mut home = Home::with(Profile::Secmp0038, settings).connected(false);
    home.send(ESME, response(ESME, 1));
    home.run_for(1);
    home.restart_hub();
    home.set_wan(true);
    assert_eq!(home.wan, [response(ESME, 1)]);
}

#[test]
fn what_the_dcc_has_not_acknowledged_survives_the_hub_and_a_wan_that_goes() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.acknowledged = false;
    home.send(ESME, response(ESME, 1));
    home.run_for(1);
    assert_eq!(home.wan, [response(ESME, 1)]);
    home.restart_hub();
    home.set_wan(true);
    assert_eq!(home.wan, [response(ESME, 1), response(ESME, 1)], "what the link had died with the process");
    home.set_wan(true);
    assert_eq!(home.wan.len(), 2, "the link still has it");
    home.set_wan(false);
    home.acknowledged = true;
    home.set_wan(true);
    assert_eq!((home.wan.len(), home.hub.waiting_for_wan()), (3, 0));
    home.restart_hub();
    home.set_wan(true);
    assert_eq!(home.wan.len(), 3, "the record does not hold it any more");
}

#[test]
fn at_whichever_output_the_hub_dies_what_its_record_took_reaches_the_dcc() {
    for acknowledged in [true, false] {
        let mut reached = 0;
        for outputs in 0..40 {
            let mut home = Home::ready(Profile::Secmp0038, true);
            (home.acknowledged, home.power) = (acknowledged, Some(outputs));
            let before = home.record.clone();
            home.send(ESME, response(ESME, 1));
            home.run_for(2);
            let (took, sent) = (home.record != before, home.wan.len());
            assert!(took || sent == 0, "the record has it before the link does");
            home.acknowledged = true;
            home.restart_hub();
            home.set_wan(true);
            if took {
                assert!(home.wan.contains(&response(ESME, 1)), "died after {outputs} outputs");
                reached += 1;
            }
            home.restart_hub();
            let delivered = home.wan.len();
            home.set_wan(true);
            assert_eq!(home.wan.len(), delivered, "taken is taken");
        }
        assert!(reached > 20);
    }
}

#[test]
fn a_tap_survives_a_restart_and_only_the_response_is_its_answer() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.wan_brings(&command(GSME, 1));
    home.restart_hub();
    home.set_wan(true);
    home.wake(GSME);
    home.open(GSME);
    home.run_for(3);
    let tapped = |home: &Home| home.events.iter().filter(|e| matches!(e, Event::Tapped { .. })).count();
    let alert = message(GSME, SUPPLIER, Cra::Alert, 1, 0x1000, 20);
    for (put, taps) in [(alert, 0), (response(GSME, 2), 0), (response(GSME, 1), 1), (response(GSME, 1), 1)] {
        home.send(GSME, GsmeData::Put(&put).to_vec());
        home.run_for(2);
        assert_eq!(tapped(&home), taps);
    }
}

#[test]
fn the_hht_gets_the_responses_to_its_commands_and_every_alert_and_the_wan_gets_both() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.open(HHT);
    home.run_for(1);
    home.send(HHT, command(ESME, 1));
    home.run_for(2);
    home.send(ESME, response(ESME, 1));
    let alert = message(ESME, SUPPLIER, Cra::Alert, 9, 0x1000, 20);
    home.send(ESME, alert.clone());
    home.run_for(3);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
    assert_eq!(home.wan, [response(ESME, 1), alert.clone()]);
    assert_eq!(home.device(HHT).data, [response(ESME, 1), alert]);
}

#[test]
fn an_hht_that_falls_silent_for_a_day_leaves_the_device_log() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.open(HHT);
    home.run_for(1);
    // The engineer leaves with it: not even its tunnel is renewed.
    home.device(HHT).deaf = true;
    home.run_for(DAY - 60);
    assert_eq!(home.hub.device_log().kind(HHT), Some(DeviceKind::Hht));
    home.run_for(120);
    assert_eq!(home.hub.device_log().kind(HHT), None);
    assert!(home.events.contains(&Event::DeviceRemoved(HHT)));
    assert!(!home.hub.has_tunnel(HHT));
}

/// A report of the gas meter to its mirror; the answer's flags.
fn report(home: &mut Home) -> bool {
    report_of(home, vec![(0, Value::new(0x25, &[1, 2, 3, 4, 5, 6]).unwrap())])
}

fn report_of(home: &mut Home, mut records: Vec<(u16, Value<'_>)>) -> bool {
    records.push((0xFFFE, Value::new(0x30, &[1]).unwrap()));
    let mut payload = Vec::new();
    ReportAttributes(records).encode(&mut payload);
    let frame = Frame {
        cluster_specific: false,
        manufacturer: None,
        direction: Direction::ToClient,
        disable_default_response: true,
        tsn: 1,
        command: global::REPORT_ATTRIBUTES,
        payload: &payload,
    };
    let before = home.device(GSME).zcl.len();
    home.send_zcl(GSME, METERING, 2, frame.to_vec());
    home.run_for(2);
    let answers: Vec<_> = home.device(GSME).zcl[before..].to_vec();
    let [(METERING, zcl)] = &answers[..] else { panic!("{answers:?}") };
    let frame = Frame::parse(zcl).unwrap();
    match FromMirror::parse(frame.command, frame.payload) {
        Ok(FromMirror::ReportAttributeResponse(flags)) => flags.tunnel_message_pending(),
        other => panic!("{other:?}"),
    }
}

/// GET; how many remain, and the message.
fn get(home: &mut Home) -> (u8, Vec<u8>) {
    let before = home.device(GSME).data.len();
    home.send(GSME, GsmeData::Get.to_vec());
    home.run_for(2);
    let data = home.device(GSME).data[before..].to_vec();
    let [data] = &data[..] else { panic!("{data:?}") };
    match GsmeData::parse(data) {
        Ok(GsmeData::GetResponse { remaining, message }) => (remaining, message.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sleeping_gas_meter_is_told_of_its_messages_fetches_them_in_order_and_answers() {
    for profile in [Profile::Secmp0038, Profile::Assured] {
        let mut home = Home::ready(profile, true);
        home.wake(GSME);
        assert!(!report(&mut home), "nothing waits");
        assert_eq!(get(&mut home), (0, vec![]));
        home.sleep(GSME);

        home.send(PPMID, command(GSME, 1));
        home.run_for(60);
        home.wan_brings(&command(GSME, 2));
        home.run_for(1800);
        assert_eq!(home.hub.waiting_for_gsme(GSME), 2);
        assert!(home.device(GSME).data.len() == 1, "the hub pushes nothing");
        assert!(!home.logged().contains(&log_code::COMMAND_PASSED), "logged when retrieved");

        home.wake(GSME);
        assert!(report(&mut home));
        assert_eq!(get(&mut home), (1, command(GSME, 1)));
        assert!(report(&mut home), "one is left");
        assert_eq!(get(&mut home), (0, command(GSME, 2)));
        assert!(!report(&mut home));
        assert_eq!(home.logged(), [log_code::COMMAND_PASSED; 2]);

        home.send(GSME, GsmeData::Put(&response(GSME, 1)).to_vec());
        home.run_for(2);
        assert_eq!(home.wan, [response(GSME, 1)]);
        let copied: &[Vec<u8>] = if profile == Profile::Assured { &[response(GSME, 1)] } else { &[] };
        assert_eq!(home.device(PPMID).data, copied);
        let tapped = |e: &Event| matches!(e, Event::Tapped { gsme: GSME, code: MessageCode(0x0071), .. });
        assert!(home.events.iter().any(tapped), "a Command that a PPMID brought is tapped as any other");
    }
}

#[test]
fn a_top_up_between_ppmid_and_gas_meter_passes_both_ways_in_every_profile() {
    for profile in Profile::ALL {
        let mut home = Home::ready(profile, true);
        let top_up = message(PPMID, GSME, Cra::Command, 10_000, 0x009B, 33);
        let result = message(GSME, PPMID, Cra::Response, 10_000, 0x009B, 21);
        home.send(PPMID, top_up.clone());
        home.run_for(2);
        home.wake(GSME);
        assert_eq!(get(&mut home), (0, top_up));
        home.send(GSME, GsmeData::Put(&result).to_vec());
        home.run_for(2);
        assert_eq!(home.device(PPMID).data, [result]);
        assert!(home.wan.is_empty(), "HAN only");
        assert!(home.discards().is_empty());
    }
}

#[test]
fn a_message_that_the_gas_meter_never_acknowledges_is_offered_three_times() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.wan_brings(&command(GSME, 1));
    home.wan_brings(&command(GSME, 2));
    home.device(GSME).manual = true;
    let get = ToServer::TransferData(1, &GsmeData::Get.to_vec()).to_zcl(9, false);
    let mut wakes = 0;
    while home.hub.waiting_for_gsme(GSME) == 2 {
        // Its GET is out, or the repetition of one, and it sleeps before the answer comes.
        home.wake(GSME);
        home.send_zcl(GSME, TUNNELING, 3, get.clone());
        home.run_until(home.now + Duration::from_millis(40));
        home.sleep(GSME);
        home.run_for(120);
        wakes += 1;
    }
    assert!((2..7).contains(&wakes), "{wakes}");
    assert_eq!(home.hub.waiting_for_gsme(GSME), 1, "the next one is still there");
    assert!(home.events.iter().any(|e| matches!(
        e,
        Event::Undelivered { target: GSME, route, reason: Undelivered::NotAcknowledged } if route.id.counter.0 == 1
    )));
    assert_eq!(home.logged(), [log_code::COMMAND_NOT_PASSED]);
}

#[test]
fn a_gas_meter_that_never_wakes_loses_its_message_after_a_day_and_the_log_says_so() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.send(PPMID, command(GSME, 1));
    home.run_for(DAY - 10);
    assert_eq!(home.hub.waiting_for_gsme(GSME), 1);
    home.run_for(20);
    assert_eq!(home.hub.waiting_for_gsme(GSME), 0);
    let entry = home.hub.event_log().last().copied().unwrap();
    assert_eq!((entry.code, entry.message), (log_code::GSME_COMMAND_NOT_RETRIEVED, Some(MessageCode(0x0071))));
    let alerts = |home: &Home| home.wan.iter().filter(|octets| !is_cs14(octets)).count();
    assert_eq!(alerts(&home), 0, "a log entry, not an Alert");
    home.wake(GSME);
    home.send(GSME, GsmeData::Put(&response(GSME, 1)).to_vec());
    home.run_for(5);
    assert_eq!(alerts(&home), 1);
    assert!(!home.events.iter().any(|e| matches!(e, Event::Tapped { .. })), "its copy went with it");
}

#[test]
fn messages_for_gas_meter_and_wan_survive_a_restart_in_order() {
    let mut home = Home::ready(Profile::Assured, false);
    home.send(PPMID, command(ESME, 1));
    home.run_for(2);
    for counter in 1..=3 {
        home.send(ESME, response(ESME, counter));
        home.run_for(1);
    }
    home.send(PPMID, command(GSME, 4));
    home.run_for(1);
    home.wan_brings(&command(GSME, 5));
    home.run_for(2);
    home.restart_hub();
    assert_eq!(home.hub.waiting_for_wan(), 3);
    assert_eq!(home.hub.waiting_for_gsme(GSME), 2);
    home.set_wan(true);
    assert_eq!(home.wan, [response(ESME, 1), response(ESME, 2), response(ESME, 3)]);
    home.restart_hub();
    home.set_wan(true);
    assert_eq!(home.wan.len(), 3, "what was handed over is not handed over again");

    // The gas meter's first TransferData finds its tunnel forgotten; it opens another and asks again.
    home.wake(GSME);
    home.send(GSME, GsmeData::Get.to_vec());
    home.run_for(5);
    let fetched = home.device(GSME).data.last().cloned().unwrap();
    let Ok(GsmeData::GetResponse { remaining: 1, message }) = GsmeData::parse(&fetched) else { panic!("{fetched:?}") };
    assert_eq!(message, command(GSME, 4));
    home.send(GSME, GsmeData::Put(&response(GSME, 4)).to_vec());
    home.run_for(5);
    assert!(home.device(PPMID).data.contains(&response(ESME, 1)), "got before the restart");
}

#[test]
fn after_a_restart_of_the_hub_the_ppmid_opens_its_tunnel_again_and_its_command_arrives() {
    let mut home = Home::ready(Profile::Assured, true);
    home.restart_hub();
    home.run_for(1);
    assert!(home.hub.has_tunnel(ESME), "asked for at power-on");
    assert!(!home.hub.has_tunnel(PPMID), "forgotten");
    command_by_ppmid(&mut home, 1);
    home.run_for(5);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
}

#[test]
fn an_electricity_meter_out_of_reach_ends_in_alert_8f84_to_the_acb() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(ESME).deaf = true;
    home.send(PPMID, command(ESME, 77));
    home.run_for(590);
    assert!(home.wan.is_empty(), "ten minutes at least");
    home.run_for(60);
    let [alert] = &home.wan[..] else { panic!("{:?}", home.wan) };
    let view = MessageView::parse(alert).unwrap();
    assert_eq!((view.id().originator, view.id().target, view.cra()), (CHF, ACB, Cra::Alert));
    assert_eq!(view.message_code(), MessageCode(0x00D5));
    let undelivered = [&SUPPLIER.octets()[..], &ESME.octets(), &[1], &77u64.to_be_bytes()].concat();
    assert!(view.payload().ends_with(&undelivered));
    let z = RustCrypto.agree(&acb_key(), chf_key().public()).unwrap();
    protect::verify_mac(&RustCrypto, &z, &view).unwrap();
    assert_eq!(home.logged().last(), Some(&log_code::COMMAND_NOT_PASSED));

    // The next Alert has a higher counter, across a restart too.
    home.wan_brings(&command(ESME, 78));
    home.run_for(700);
    home.restart_hub();
    home.set_wan(true);
    home.wan_brings(&command(ESME, 79));
    home.run_for(700);
    let counters: Vec<_> = home.wan.iter().map(|alert| MessageView::parse(alert).unwrap().id().counter.0).collect();
    assert_eq!(counters, [(1 << 60) + 1, (1 << 60) + 2, (1 << 60) + 3]);
}

#[test]
fn commands_that_waited_for_the_electricity_meter_arrive_in_order_when_it_is_back() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(ESME).deaf = true;
    home.wan_brings(&command(ESME, 1));
    home.send(PPMID, command(ESME, 2));
    home.run_for(120);
    home.wan_brings(&command(ESME, 3));
    home.device(ESME).deaf = false;
    home.run_for(60);
    assert_eq!(home.device(ESME).data, [command(ESME, 1), command(ESME, 2), command(ESME, 3)]);
    assert!(home.wan.is_empty());
}

#[test]
fn a_command_that_waits_for_the_electricity_meter_survives_a_restart() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(ESME).deaf = true;
    home.send(PPMID, command(ESME, 1));
    home.run_for(5);
    home.restart_hub();
    home.device(ESME).deaf = false;
    home.run_for(60);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
    home.open(PPMID);
    home.send(ESME, response(ESME, 1));
    home.run_for(5);
    assert_eq!(home.device(PPMID).data, [response(ESME, 1)], "who carried it is remembered");
}

#[test]
fn a_meter_that_forgot_its_tunnel_gets_the_command_on_a_new_one() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut restarted = han::tunnel::Server::new(han::tunnel::ServerConfig::at(1));
    restarted.allow(CHF, true);
    home.device(ESME).server = Some(restarted);
    home.wan_brings(&command(ESME, 1));
    home.wan_brings(&command(ESME, 2));
    home.run_for(5);
    assert_eq!(home.device(ESME).data, [command(ESME, 1), command(ESME, 2)]);
}

#[test]
fn commands_for_the_hubs_functions_come_out_and_their_responses_go_the_way_of_all_responses() {
    let mut home = Home::ready(Profile::Assured, true);
    home.open(HHT);
    home.run_for(1);
    home.wan_brings(&command(CHF, 1));
    home.send(HHT, command(GPF, 2));
    home.send(PPMID, command(GPF, 3));
    home.run_for(2);
    let local: Vec<_> = home
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Local { function, source, octets } => Some((*function, *source, octets.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        local,
        [(Function::Chf, Source::Wan, command(CHF, 1)), (Function::Gpf, Source::Device(HHT), command(GPF, 2))],
        "and none from the PPMID"
    );
    home.hub.handle_local(home.now, Function::Chf, &response(CHF, 1));
    home.hub.handle_local(home.now, Function::Gpf, &response(GPF, 2));
    // A function cannot speak for another.
    home.hub.handle_local(home.now, Function::Gpf, &response(CHF, 4));
    home.drain_hub();
    home.run_for(2);
    assert_eq!(home.wan, [response(CHF, 1), response(GPF, 2)]);
    assert_eq!(home.device(HHT).data, [response(GPF, 2)]);
    assert_eq!(home.hub.counters().of("not_its_own"), 1);
}

#[test]
fn the_same_command_by_wan_and_ppmid_reaches_the_meter_twice_as_nobody_here_may_filter_it() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&command(ESME, 1));
    home.send(PPMID, command(ESME, 1));
    home.run_for(5);
    assert_eq!(home.device(ESME).data, [command(ESME, 1), command(ESME, 1)]);
}

#[test]
fn a_block_transfer_passes_block_by_block_in_order() {
    let mut home = Home::ready(Profile::Assured, true);
    let block = |number: u16, last: bool| {
        let mut octets = vec![0xDD, 9, 1];
        octets.extend(5u64.to_be_bytes());
        octets.push(8);
        octets.extend(SUPPLIER.octets());
        octets.push(8);
        octets.extend(ESME.octets());
        octets.extend([0, 2, 0x00, 0x08, 0]);
        let data = vec![number as u8; 1000];
        let length = 5 + 6 + 3 + data.len();
        octets.push(0x82);
        octets.extend((length as u16).to_be_bytes());
        octets.extend([0; 5]);
        octets.extend([0xE0, if last { 0xFF } else { 0x7F }]);
        octets.extend(number.to_be_bytes());
        octets.extend([0, 0, 0x82]);
        octets.extend((data.len() as u16).to_be_bytes());
        octets.extend(data);
        octets
    };
    let blocks = [block(1, false), block(2, true)];
    for octets in &blocks {
        home.send(PPMID, octets.clone());
        home.run_for(5);
    }
    assert_eq!(home.device(ESME).data, blocks);
    assert!(home.discards().is_empty());
}

#[test]
fn the_mirror_is_asked_for_configured_and_read() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    let configure = ConfigureMirror { issuer_event: 1, reporting_interval: 1800, notification: true, scheme: SCHEME_B };
    for (endpoint, command) in [(1, FromMeter::RequestMirror), (2, FromMeter::ConfigureMirror(configure))] {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        let frame = Frame {
            cluster_specific: true,
            manufacturer: None,
            direction: Direction::ToClient,
            disable_default_response: false,
            tsn: 9,
            command: command.command(),
            payload: &payload,
        };
        home.send_zcl(GSME, METERING, endpoint, frame.to_vec());
        home.run_for(2);
        let zcl = home.device(GSME).zcl.last().unwrap().1.clone();
        let answer = Frame::parse(&zcl).unwrap();
        match command {
            FromMeter::RequestMirror => {
                assert_eq!(FromMirror::parse(answer.command, answer.payload), Ok(FromMirror::RequestMirrorResponse(2)))
            }
            FromMeter::ConfigureMirror(_) => {
                assert_eq!(answer.as_default_response().map(|r| r.status), Some(Status::Success));
            }
        }
    }
    report(&mut home);
    assert_eq!(home.hub.mirror().value(GSME, METERING, 0).unwrap().octets(), [1, 2, 3, 4, 5, 6]);
    // The PPMID's display reads it while the meter sleeps.
    home.sleep(GSME);
    let read = Frame {
        cluster_specific: false,
        manufacturer: None,
        direction: Direction::ToServer,
        disable_default_response: true,
        tsn: 3,
        command: global::READ_ATTRIBUTES,
        payload: &[0x00, 0x00, 0x34, 0x12],
    };
    home.send_zcl(PPMID, METERING, 2, read.to_vec());
    home.run_for(1);
    let zcl = home.device(PPMID).zcl.last().unwrap().1.clone();
    let answer = Frame::parse(&zcl).unwrap();
    let ReadAttributesResponse(values) = ReadAttributesResponse::parse(answer.payload).unwrap();
    assert_eq!(values[0].1.unwrap().octets(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(values[1], (0x1234, Err(Status::UnsupportedAttribute)));
}

#[test]
fn a_hub_that_opens_the_tunnel_with_the_ppmid_itself_carries_the_same() {
    let settings = Settings { ppmid_tunnel_initiator: comms_hub::config::TunnelInitiator::Hub, ..Settings::default() };
    let mut home = Home::with(Profile::Assured, settings);
    let mut server = han::tunnel::Server::new(han::tunnel::ServerConfig::at(1));
    server.allow(CHF, true);
    let ppmid = home.device(PPMID);
    ppmid.client = None;
    ppmid.server = Some(server);
    home.run_for(30);
    assert!(home.hub.has_tunnel(PPMID));
    command_by_ppmid(&mut home, 1);
    assert_eq!(home.device(ESME).data, [command(ESME, 1)]);
    assert_eq!(home.device(PPMID).data, [response(ESME, 1)]);
}

#[test]
fn the_hub_accounts_for_the_air_it_and_each_device_used() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    let before = home.hub.exchanged_with(ESME).unwrap().sent;
    let duty = home.hub.airtime().duty(home.now);
    home.wan_brings(&command(ESME, 1));
    home.run_for(2);
    let after = home.hub.exchanged_with(ESME).unwrap().sent;
    assert!(after.frames > before.frames && after.time > before.time);
    assert!(home.hub.airtime().duty(home.now) > duty);
    let all = [ESME, GSME, PPMID, PPMID2, HHT].map(|eui| home.hub.exchanged_with(eui).unwrap().sent.frames);
    assert_eq!(all.iter().sum::<u64>(), home.hub.airtime().total().frames, "each frame was for one of them");
    home.hub.remove_device(home.now, PPMID2);
    home.drain_hub();
    assert!(home.hub.exchanged_with(PPMID2).is_none());
}

#[test]
fn what_a_function_of_the_hub_says_at_length_goes_in_blocks_and_again_when_asked_for() {
    let mut home = Home::ready(Profile::Assured, true);
    let long = message(GPF, SUPPLIER, Cra::Response, 7, 0x0078, 3000);
    let now = home.now;
    home.hub.handle_local(now, Function::Gpf, &long);
    home.drain_hub();
    let blocks = parts(&long, gbcs::block::MAX_BLOCK_LEN).unwrap();
    assert_eq!(home.wan, blocks);
    let view = MessageView::parse(&long).unwrap();
    let request = Block::acknowledgement(view.id().answer(), view.other_information(), 1).encode();
    home.wan_brings(&request);
    assert_eq!(home.wan[blocks.len()..], blocks[1..]);
    let short = message(GPF, SUPPLIER, Cra::Response, 8, 0x0078, 30);
    home.hub.handle_local(now, Function::Gpf, &short);
    home.drain_hub();
    assert_eq!(home.wan.last(), Some(&short));
}

#[test]
fn blocks_of_a_command_are_fetched_in_order_and_its_response_is_tapped_when_it_is_whole() {
    let mut home = Home::ready(Profile::Assured, true);
    let long = message(SUPPLIER, GSME, Cra::Command, 1, 0x0071, 3000);
    let blocks = parts(&long, gbcs::block::MAX_BLOCK_LEN).unwrap();
    for block in &blocks {
        home.send(PPMID, block.clone());
        home.run_for(2);
    }
    home.wake(GSME);
    home.open(GSME);
    home.run_for(3);
    let fetched: Vec<_> = blocks.iter().map(|_| get(&mut home).1).collect();
    assert_eq!(fetched, blocks);
    let tapped = |home: &Home| home.events.iter().filter(|e| matches!(e, Event::Tapped { .. })).count();
    let view = MessageView::parse(&long).unwrap();
    let request = Block::acknowledgement(view.id().answer(), view.other_information(), 0).encode();
    let answer = parts(&message(GSME, SUPPLIER, Cra::Response, 1, 0x0071, 1500), gbcs::block::MAX_BLOCK_LEN).unwrap();
    for (put, taps) in [(&request, 0), (&answer[0], 0), (&answer[1], 1)] {
        home.send(GSME, GsmeData::Put(put).to_vec());
        home.run_for(2);
        assert_eq!(tapped(&home), taps);
        assert_eq!(home.wan.last(), Some(put), "the WAN has every block as it is");
        assert_eq!(home.device(PPMID).data.last(), Some(put), "and so has the PPMID that carried the Command");
    }
}
