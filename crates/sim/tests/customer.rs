//! What a customer does at the PPMID: it reaches the meter, is answered, and a UTRN is credited once whichever ways it goes.
mod common;

use common::*;
use comms_hub::Profile;
use gbcs::utrn::Credit;
use meter::{Kind, Place};
use ppmid::{Action, Done, Fuel, Heard, NotBegun, TopUpRefusal, Wish};
use proptest::prelude::*;
use sim::PartId;

fn fuel(kind: Kind) -> Fuel {
    if kind == Kind::Esme { Fuel::Electricity } else { Fuel::Gas }
}

fn done(heard: &Heard) -> bool {
    !matches!(heard, Heard::Passed)
}

fn account(world: &World, kind: Kind) -> &meter::prepayment::Account {
    if kind == Kind::Esme { world.home.esme().account() } else { world.home.gsme().account() }
}

#[test]
fn emergency_credit_and_a_top_up_bring_supply_back_and_the_customer_turns_it_on() {
    for loss in [0, 5, 20] {
        let mut world = World::new(Plan { loss, seed: 5, ..Plan::new(Profile::Secmp0038) }).connected();
        world.home.meter_input(PartId::Esme, |meter, now| meter.consume(now, 100));
        let asked = |world: &mut World, action: &Action| {
            // The air may take a question or its answer: a customer presses again.
            loop {
                let id = world.customer(action).unwrap();
                world.wait(120, "an answer", |world| world.heard(id).iter().any(done));
                match world.heard(id)[..] {
                    [Heard::Unreachable | Heard::NoAnswer] if loss > 0 => {}
                    [heard] => return heard,
                    ref other => panic!("{other:?}"),
                }
            }
        };
        let emergency = asked(&mut world, &Action::EmergencyCredit(Fuel::Electricity));
        assert_eq!(emergency, Heard::Done(Done::default()), "{loss} %");
        let enabled = asked(&mut world, &Action::EnableSupply(Fuel::Electricity));
        if loss == 0 {
            assert_eq!(enabled, Heard::Done(Done::default()));
            let again = asked(&mut world, &Action::EnableSupply(Fuel::Electricity));
            assert_eq!(again, Heard::Refused(han::zcl::Status::Failure), "it is on");
        }
        assert_eq!(account(&world, Kind::Esme).supply, meter::prepayment::Supply::Enabled);
        let utrn = utrn(Kind::Esme, 3, Credit::Pounds(10));
        let credited = asked(&mut world, &Action::TopUp(Fuel::Electricity, utrn));
        if loss == 0 {
            let expected = Done { credited: Some(1_000_000), balance: Some(999_900), armed: false };
            assert_eq!(credited, Heard::Done(expected));
            let again = asked(&mut world, &Action::TopUp(Fuel::Electricity, utrn));
            assert_eq!(again, Heard::TopUpRefused(TopUpRefusal::Duplicate));
        }
        assert_eq!(account(&world, Kind::Esme).ledger.topped_up, 1_000_000);
        let codes: Vec<u16> = world
            .home
            .esme()
            .event_log()
            .iter()
            .map(|entry| entry.message_code().0)
            .filter(|code| *code != 0)
            .collect();
        assert!([0x0116, 0x0117, 0x0118].iter().all(|code| codes.contains(code)), "PECS01 to PECS03 in the log");
        world.check_capture(&[]);
    }
}

#[test]
fn what_cannot_be_asked_for_here_is_not_begun() {
    let mut world = World::new(Plan::new(Profile::Secmp0038)).connected();
    let refused = |world: &mut World, action| world.customer(&action).unwrap_err();
    let of_gas = |wish| NotBegun::NotHere(wish, Fuel::Gas);
    assert_eq!(refused(&mut world, Action::EnableSupply(Fuel::Gas)), of_gas(Wish::EnableSupply));
    assert_eq!(refused(&mut world, Action::ConfirmMessage(Fuel::Gas)), of_gas(Wish::ConfirmMessage));
    assert_eq!(refused(&mut world, Action::ConfirmMessage(Fuel::Electricity)), NotBegun::NoMessage);
    for fuel in Fuel::ALL {
        (0..8).for_each(|_| _ = world.customer(&Action::EmergencyCredit(fuel)).unwrap());
        assert_eq!(refused(&mut world, Action::EmergencyCredit(fuel)), NotBegun::Busy);
    }
}

#[test]
fn an_electricity_meter_out_of_reach_and_a_hub_out_of_reach_are_told_to_the_customer() {
    let mut world = World::new(Plan::new(Profile::Secmp0038)).connected();
    world.home.set_reachable(PartId::Esme, false);
    let electricity = world.customer(&Action::EmergencyCredit(Fuel::Electricity)).unwrap();
    world.wait(60, "an end", |world| !world.heard(electricity).is_empty());
    assert_eq!(world.heard(electricity), [Heard::Unreachable]);
    world.home.set_reachable(PartId::Hub, false);
    let gas = world.customer(&Action::EmergencyCredit(Fuel::Gas)).unwrap();
    world.wait(2 * DAY, "an end", |world| world.heard(gas).iter().any(done));
    assert!(matches!(world.heard(gas)[..], [Heard::Unreachable | Heard::NoAnswer]), "{:?}", world.heard(gas));
}

#[test]
fn a_gas_top_up_outlives_the_power_of_ppmid_hub_and_meter() {
    for loss in [0, 20] {
        let mut world = World::new(Plan { loss, seed: 21, ..Plan::new(Profile::Assured) }).connected();
        let id = world.customer(&Action::TopUp(Fuel::Gas, utrn(Kind::Gsme, 3, Credit::Pounds(10)))).unwrap();
        world.restart(PartId::Ppmid);
        world.run_for(300);
        world.restart(PartId::Hub);
        world.restart(PartId::Ppmid);
        world.run_for(60);
        world.restart(PartId::Gsme);
        world.wait(6 * HOUR, "an answer", |world| world.heard(id).iter().any(done));
        assert!(matches!(world.heard(id).last(), Some(Heard::Done(_))), "{loss} %: {:?}", world.heard(id));
        assert_eq!(account(&world, Kind::Gsme).ledger.topped_up, 1_000_000);
        world.check_capture(&[]);
    }
}

/// A way by which a UTRN comes to a meter.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Typed in at the meter.
    Keypad,
    /// Typed in at the PPMID.
    Ppmid,
    /// A Command by the WAN.
    Wan,
    /// The same Command, released to the PPMID.
    Local,
    /// Time passes.
    Pause,
    /// A device loses power.
    Restart(PartId),
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        4 => Just(Way::Keypad),
        4 => Just(Way::Ppmid),
        4 => Just(Way::Wan),
        4 => Just(Way::Local),
        3 => Just(Way::Pause),
        1 => prop::sample::select(&PartId::ALL[..]).prop_map(Way::Restart),
    ]
}

/// A few homes, or as many as `LASTMETRE_RUNS` says.
fn cases() -> u32 {
    std::env::var("LASTMETRE_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn a_utrn_is_credited_once_in_every_order_of_the_ways_it_may_come(
        kind in prop::sample::select(vec![Kind::Esme, Kind::Gsme]),
        ways in prop::collection::vec(way(), 2..9),
        loss in prop::sample::select(vec![0, 5, 20]),
        seed in 1u64..1_000,
    ) {
        let mut world = World::unobserved(Plan { loss, seed, ..Plan::new(Profile::Assured) }).connected();
        let part = if kind == Kind::Esme { PartId::Esme } else { PartId::Gsme };
        // Two of them, so that the ways of one overtake those of the other.
        let tokens = [3, 4].map(|high| (high, utrn(kind, high, Credit::Pounds(10))));
        // Whether each came by a way that keeps trying, or where somebody stands at the meter; and by a PPMID, what came of it.
        let mut sure = [false; 2];
        let mut asked = [vec![], vec![]];
        for (n, way) in ways.iter().enumerate() {
            let (high, token) = &tokens[n % 2];
            let digits = token.expose().to_owned();
            sure[n % 2] |= matches!(way, Way::Keypad | Way::Wan | Way::Local);
            match way {
                Way::Keypad => world.home.meter_input(part, |meter, now| {
                    _ = meter.enter_utrn(now, Place::Keypad, digits.as_bytes());
                }),
                Way::Ppmid => asked[n % 2].extend(world.customer(&Action::TopUp(fuel(kind), *token))),
                Way::Wan => world.wan_brings(&top_up(kind, *high, token)),
                Way::Local => {
                    world.wait(600, "a nonce", World::has_nonce);
                    world.release(&top_up(kind, *high, token));
                }
                Way::Pause => world.run_for(700),
                Way::Restart(part) => world.restart(*part),
            }
        }
        world.run_for(8 * HOUR);
        let told = |n: usize, wanted: fn(&Heard) -> bool| {
            asked[n].iter().any(|id| world.heard(*id).last().is_some_and(wanted))
        };
        // Over air that loses frames an electricity meter may not hear a customer, who is told so; or its answer may get lost.
        let credited = account(&world, kind).ledger.topped_up / 1_000_000;
        let least = (0..2).filter(|n| sure[*n] || told(*n, |heard| matches!(heard, Heard::Done(_)))).count() as i64;
        let most = (0..2).filter(|n| sure[*n] || !asked[*n].is_empty()).count() as i64;
        prop_assert!((least..=most).contains(&credited), "{credited} of {least} to {most}: {ways:?}");
        let (net, debts) = account(&world, kind).held();
        prop_assert_eq!(account(&world, kind).ledger.expected(), (net, debts));
    }
}
