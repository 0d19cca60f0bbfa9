//! Homes left to chance: frames lost, doubled and late, devices that lose power at any moment. Each Command is executed at most once,
//! and none is lost without somebody saying so.
//!
//! `cargo test -p sim --test chance` tries a few homes; `LASTMETRE_RUNS=10000` tries that many.
mod common;

use common::*;
use comms_hub::Event;
use comms_hub::Profile;
use comms_hub::config::{Settings, TunnelInitiator};
use gbcs::{Cra, Eui64};
use handover::{DeliveryId, Reason, Stage};
use sim::{PartEvent, PartId};
use std::collections::BTreeMap;

const RUNS: u64 = 40;
/// Commands by each way and for each meter.
const COMMANDS: u64 = 2;

/// SplitMix64: the same home for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31) % n
    }
}

/// What became of the Commands of many homes.
#[derive(Debug, Default)]
struct Tally {
    executed: u64,
    told: BTreeMap<&'static str, u64>,
    restarts: u64,
}

fn run(seed: u64, tally: &mut Tally) {
    let mut chance = Chance(seed);
    let settings = Settings {
        ppmid_tunnel_initiator: if seed % 4 == 3 { TunnelInitiator::Hub } else { TunnelInitiator::Ppmid },
        ..Settings::default()
    };
    let plan = Plan {
        loss: chance.below(21) as u32,
        doubled: chance.below(11) as u32,
        late: chance.below(11) as u32,
        seed,
        settings,
        ..Plan::new(if seed.is_multiple_of(2) { Profile::Secmp0038 } else { Profile::Assured })
    };
    let mut world = World::unobserved(plan);
    world.run_for(30);
    let mut by_ppmid: Vec<(Eui64, u64, DeliveryId)> = Vec::new();
    let mut by_wan: Vec<(Eui64, u64)> = Vec::new();
    for n in 0..COMMANDS {
        for (meter, make) in [(ESME, electricity_credit as fn(u64, i32) -> Vec<u8>), (GSME, gas_credit)] {
            let counter = 1000 + n * 10 + 1;
            let pause = chance.below(90);
            disturb(&mut world, &mut chance, pause, tally);
            if world.has_nonce() {
                by_ppmid.push((meter, counter, world.release(&make(counter, 1000))));
            }
            let pause = chance.below(90);
            disturb(&mut world, &mut chance, pause, tally);
            world.wan_brings(&make(counter + 1, 1000));
            by_wan.push((meter, counter + 1));
        }
    }
    disturb(&mut world, &mut chance, 600, tally);
    // Long enough for everything that waits to be fetched, given up or answered.
    world.run_for(5 * HOUR);
    let what = |meter, counter| format!("seed {seed}, {meter} counter {counter}");
    for (meter, counter) in &by_wan {
        let executed = world.executions(*meter, *counter);
        assert!(executed <= 1, "{}: executed {executed} times", what(meter, counter));
        let told = told_by_hub(&world, *meter, *counter);
        assert!(executed == 1 || told.is_some(), "{}: lost without an event", what(meter, counter));
        count(tally, executed, told);
    }
    for (meter, counter, delivery) in &by_ppmid {
        let executed = world.executions(*meter, *counter);
        assert!(executed <= 1, "{}: executed {executed} times", what(meter, counter));
        let told = told_by_hub(&world, *meter, *counter).or_else(|| told_by_ppmid(&world, *delivery));
        assert!(executed == 1 || told.is_some(), "{}: lost without an event: {:?}", what(meter, counter), world.stages);
        count(tally, executed, told);
    }
    // A Response is one, however often its way was cut: the WAN may get it again, the meter makes it once.
    for id in world.got_from(ESME, Cra::Response).iter().chain(&world.got_from(GSME, Cra::Response)) {
        assert_eq!(world.executions(id.originator, id.counter.0), 1, "seed {seed}: a Response to nothing");
    }
    assert_eq!(world.home.hub().waiting_for_gsme(GSME), 0, "seed {seed}: something waits for ever");
}

/// Let time pass, in which a device may lose power.
fn disturb(world: &mut World, chance: &mut Chance, seconds: u64, tally: &mut Tally) {
    let before = chance.below(seconds + 1);
    world.run_for(before);
    if chance.below(3) == 0 {
        let id = PartId::ALL[chance.below(4) as usize];
        world.restart(id);
        tally.restarts += 1;
    }
    world.run_for(seconds - before);
}

fn count(tally: &mut Tally, executed: usize, told: Option<&'static str>) {
    match told {
        _ if executed == 1 => tally.executed += 1,
        Some(why) => *tally.told.entry(why).or_default() += 1,
        None => {}
    }
}

/// What the hub or the meter said became of a Command.
fn told_by_hub(world: &World, meter: Eui64, counter: u64) -> Option<&'static str> {
    world.events.iter().find_map(|(_, event)| match event {
        PartEvent::Hub(Event::Undelivered { target, route, .. })
            if *target == meter && route.id.counter.0 == counter =>
        {
            Some("undelivered by the hub")
        }
        PartEvent::Hub(Event::Discarded { route: Some(route), reason, .. })
            if route.id.target == meter && route.id.counter.0 == counter =>
        {
            Some(reason.name())
        }
        // Its counter was overtaken, or it came twice.
        PartEvent::Meter(meter::Event::Refused { id: Some(id), .. })
            if id.target == meter && id.counter.0 == counter =>
        {
            Some("refused by the meter")
        }
        _ => None,
    })
}

/// What the PPMID said became of it: anything but that the hub took it.
fn told_by_ppmid(world: &World, delivery: DeliveryId) -> Option<&'static str> {
    world.stages.iter().find_map(|(id, stage)| match stage {
        Stage::Refused(reason) if *id == delivery => Some(match reason {
            Reason::NoHubAnswer => "the hub did not answer the PPMID",
            Reason::Expired => "expired at the PPMID",
            _ => "refused by the PPMID",
        }),
        _ => None,
    })
}

#[test]
fn each_command_is_executed_at_most_once_and_none_is_lost_without_an_event() {
    let runs = std::env::var("LASTMETRE_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(RUNS);
    let first = std::env::var("LASTMETRE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let mut tally = Tally::default();
    for seed in first..first + runs {
        run(seed, &mut tally);
    }
    println!("{runs} homes, {} restarts: {} Commands executed once, {:?}", tally.restarts, tally.executed, tally.told);
    assert!(tally.executed > 0);
}
