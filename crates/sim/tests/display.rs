//! What a prepayment display shows of both meters, whichever way the Commands came that changed it.
mod common;

use common::*;
use comms_hub::{Event, Profile};
use gbcs::Counter;
use gbcs::dlms::{AccessRequest, Data, Obis, Row};
use gbcs::gbz::{Component, Payload, zcl};
use meter::Kind;
use ppmid::{Action, Done, Fuel, Heard, Supply};
use sim::PartId;
use std::time::Duration;

fn message(counter: u64, text: &[u8]) -> Vec<u8> {
    let message = zcl::DisplayMessage {
        message: counter as u32,
        control: 0,
        start: 0,
        duration: 0xFFFF,
        text: zcl::ZclString::new(text).unwrap(),
        extended_control: None,
    };
    command(Kind::Gsme, 0x0071, counter, Payload::new([Component::new(0, message)]).encode())
}

fn electricity_message(counter: u64, text: &[u8]) -> Vec<u8> {
    let rows = [Row::set(1, Obis([0, 2, 96, 13, 1, 255]), 2, Data::octets(text))];
    command(Kind::Esme, 0x0021, counter, AccessRequest::new(Counter(counter), rows).encode())
}

#[test]
fn the_display_shows_the_balance_the_mirror_has_and_the_message_that_the_meter_took() {
    for loss in [0, 5, 20] {
        let plan = Plan { loss, seed: 3, ..Plan::new(Profile::Assured) };
        let mut world = World::new(plan).connected();
        world.home.ppmid_input(|ppmid, now| ppmid.refresh_display(now));
        world.run_for(60);
        let shown = world.home.ppmid().shown().gas.clone();
        assert_eq!(shown.credit_remaining.map(|read| read.value), Some(0), "{loss} %");
        assert_eq!((shown.is_prepayment(), shown.message), (Some(true), None));

        // One Command by the WAN, one by the PPMID itself.
        world.wan_brings(&gas_credit(100, 1_250_000));
        world.release(&message(101, b"Your new price holds from Monday"));
        world.wait(4 * HOUR, "the tap", |world| {
            world.hub_events().any(|(_, event)| matches!(event, Event::Tapped { told: Ok(1), .. }))
        });
        // Its next report tells the balance.
        world.run_for(HOUR);
        world.home.ppmid_input(|ppmid, now| ppmid.refresh_display(now));
        world.run_for(60);
        let shown = &world.home.ppmid().shown().gas;
        let balance = shown.credit_remaining.unwrap();
        assert_eq!(balance.value, 1_250_000, "{loss} %");
        assert!(balance.age(world.now()) <= Duration::from_secs(60));
        assert_eq!(shown.message.as_ref().unwrap().value.text, b"Your new price holds from Monday");
        assert_eq!(shown.supply.unwrap().value, Supply::On);

        // The proxy survives the hub's loss of power; the mirror is filled again by the next report.
        world.restart(PartId::Hub);
        world.run_for(HOUR);
        assert_eq!(world.home.hub().gpf().payloads(GSME, comms_hub::gpf::MESSAGING, 0).len(), 1);
        world.check_capture(&[]);
    }
}

#[test]
fn the_display_shows_electricity_and_is_told_of_credit_supply_and_messages_as_they_come() {
    for loss in [0, 5, 20] {
        let plan = Plan { loss, seed: 11, ..Plan::new(Profile::Assured) };
        let mut world = World::new(plan).connected();
        world.home.ppmid_input(|ppmid, now| ppmid.refresh_display(now));
        world.run_for(120);
        let shown = world.home.ppmid().shown().electricity.clone();
        assert_eq!(shown.credit_remaining.map(|read| read.value), Some(0), "{loss} %");
        assert_eq!((shown.is_prepayment(), shown.debt()), (Some(true), Some(0)));
        assert_eq!((shown.supply.map(|read| read.value), shown.message), (Some(Supply::On), None));

        // Nobody asks: the meter says what changed. A lost report is made up for by the next question.
        world.wan_brings(&electricity_credit(100, 1_250_000));
        world.wan_brings(&electricity_message(101, b"Your engineer comes on Monday"));
        world.wait(900, "the message", |world| world.home.ppmid().shown().electricity.message.is_some());
        world.run_for(120);
        if loss > 0 {
            world.home.ppmid_input(|ppmid, now| ppmid.refresh_display(now));
            world.run_for(120);
        }
        let shown = &world.home.ppmid().shown().electricity;
        assert_eq!(shown.credit_remaining.unwrap().value, 1_250_000, "{loss} %");
        let message = &shown.message.as_ref().unwrap().value;
        assert!(message.to_be_confirmed);
        assert_eq!(message.text, b"Your engineer comes on Monday");

        let confirmed = world.customer(&Action::ConfirmMessage(Fuel::Electricity)).unwrap();
        world.wait(120, "an answer", |world| !world.heard(confirmed).is_empty());
        if loss == 0 {
            assert_eq!(world.heard(confirmed), [Heard::Done(Done::default())]);
            world.run_for(60);
            let told = world.home.esme().event_log().iter().any(|entry| entry.code == 0x81A6);
            assert!(told, "and the supplier knows");
            let printed = world.home.ppmid().shown().printed(world.now()).to_string();
            assert!(printed.contains("balance           £12.50"), "{printed}");
        }
        world.check_capture(&[]);
    }
}

#[test]
fn a_display_that_refreshes_itself_stays_within_its_airtime() {
    let mut plan = Plan::new(Profile::Assured);
    plan.refresh = Some(ppmid::Refresh::default());
    let mut world = World::unobserved(plan).connected();
    world.run_for(3 * HOUR);
    let now = world.now();
    let on_air = world.home.ppmid().airtime().within_the_hour(now);
    assert!(on_air > Duration::from_secs(1), "it asks: {on_air:?}");
    assert!(on_air < ppmid::Refresh::default().airtime, "{on_air:?}");
    let shown = world.home.ppmid().shown();
    assert!(shown.electricity.credit_remaining.unwrap().age(now) <= Duration::from_secs(61));
    assert!(shown.gas.credit_remaining.unwrap().age(now) <= Duration::from_secs(601));
    // One that may not be on the air at all asks once, when it starts.
    let refresh = ppmid::Refresh { airtime: Duration::from_millis(1), ..ppmid::Refresh::default() };
    let mut quiet = World::unobserved(Plan { refresh: Some(refresh), ..plan }).connected();
    quiet.run_for(3 * HOUR);
    let now = quiet.now();
    let quiet_air = quiet.home.ppmid().airtime().within_the_hour(now);
    assert!(quiet_air < on_air / 10, "{quiet_air:?}");
}
