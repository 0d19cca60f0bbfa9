//! What a prepayment display shows of the gas meter, whichever way the Commands came that changed it.
mod common;

use common::*;
use comms_hub::{Event, Profile};
use gbcs::gbz::{Component, Payload, zcl};
use meter::Kind;
use sim::PartId;

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

#[test]
fn the_display_shows_the_balance_the_mirror_has_and_the_message_that_the_meter_took() {
    for loss in [0, 5, 20] {
        let plan = Plan { loss, seed: 3, ..Plan::new(Profile::Assured) };
        let mut world = World::new(plan).connected();
        world.home.ppmid_input(|ppmid, now| ppmid.refresh_display(now));
        world.run_for(60);
        let shown = world.home.ppmid().shown().clone();
        assert_eq!(shown.credit_remaining, Some(0), "{loss} %");
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
        let shown = world.home.ppmid().shown();
        assert_eq!(shown.credit_remaining, Some(1_250_000), "{loss} %");
        assert_eq!(shown.message.as_deref(), Some(&b"Your new price holds from Monday"[..]));

        // The proxy survives the hub's loss of power; the mirror is filled again by the next report.
        world.restart(PartId::Hub);
        world.run_for(HOUR);
        assert_eq!(world.home.hub().gpf().payloads(GSME, comms_hub::gpf::MESSAGING, 0).len(), 1);
        world.check_capture(&[]);
    }
}
