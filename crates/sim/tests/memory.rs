//! What the cores of a home hold of memory after a day of Commands, and take on top while they handle one: 32 KiB at most. What a real
//! device has in flash is counted out: the profile of a meter, what a gas meter told its hub, and the octets of a record on their way
//! to flash.
mod common;

use common::*;
use comms_hub::Profile;
use peak_alloc::PeakAlloc;
use sim::PartId;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// RAM of a device core beyond its message buffers.
const MOST: usize = 32 * 1024;
/// Half hours of thirteen months.
const FULL: usize = 395 * 48;

/// Octets of one core.
struct Use {
    core: &'static str,
    /// Held at the end of the day.
    held: usize,
    /// Taken on top while it handles a Command.
    working: usize,
    /// Of what is held: in flash.
    flash: usize,
}

/// What a core holds: its own octets and those that go with it.
fn held<T>(core: T) -> usize {
    let before = MEMORY.current_usage();
    drop(core);
    before - MEMORY.current_usage() + size_of::<T>()
}

/// How much more than before is in use at most while something is done.
fn working(what: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    what();
    MEMORY.peak_usage() - before
}

/// A day of Commands, four for each meter on either way, and what it leaves, in a home whose meters metered so many half hours before.
fn a_day(past: usize) -> [Use; 4] {
    let mut world = World::unobserved(Plan { past, ..Plan::new(Profile::Secmp0038) }).connected();
    for counter in [100, 200] {
        for command in [electricity_credit, gas_credit] {
            world.wait(900, "a nonce", |world| world.has_nonce());
            world.release(&command(counter, 10_000));
            world.run_for(2 * HOUR);
            world.wan_brings(&command(counter + 1, 10_000));
            world.run_for(2 * HOUR);
        }
    }
    world.run_for(DAY - 16 * HOUR);
    for counter in [100, 101, 200, 201] {
        assert_eq!((world.executions(ESME, counter), world.executions(GSME, counter)), (1, 1), "{counter}");
    }
    let commands = [(PartId::Esme, electricity_credit(300, 1)), (PartId::Gsme, gas_credit(300, 1))];
    let [esme_works, gsme_works] = commands.map(|(id, command)| {
        let execute = |meter: &mut meter::Meter<_>, now| assert!(meter.handle_message(now, &command).is_some());
        working(|| world.home.meter_input(id, execute))
    });
    let (by_wan, by_ppmid) = (electricity_credit(301, 1), electricity_credit(302, 1));
    let hub_works = working(|| world.home.hub_input(|hub, now| hub.handle_wan(now, &by_wan)));
    let ppmid_works = working(|| _ = world.release(&by_ppmid));
    // Lists grow by doubling; an electricity meter has voltages beside its energy.
    let (energy, voltage) = (size_of::<meter::Energy>(), 2 * size_of::<u32>());
    let profile = |entry: usize| if past > 0 { past.next_power_of_two() * entry } else { 0 };
    let gas = world.gas_record.len();
    let (hub, ppmid, esme, gsme) = world.home.into_parts();
    [
        Use { core: "hub", held: held(hub), working: hub_works, flash: gas },
        Use { core: "PPMID", held: held(ppmid), working: ppmid_works, flash: 0 },
        Use { core: "ESME", held: held(esme), working: esme_works, flash: profile(energy + voltage) },
        Use { core: "GSME", held: held(gsme), working: gsme_works, flash: profile(energy) },
    ]
}

#[test]
fn no_core_needs_more_than_32_kib_in_a_day_of_commands_nor_after_thirteen_months_beside_its_flash() {
    for past in [0, FULL] {
        for Use { core, held, working, flash } in a_day(past) {
            println!(
                "{core}, {past} half hours old: holds {held} octets, {flash} of them flash; {working} to work with"
            );
            assert!(held - flash <= MOST, "{core}: {held} octets");
            // What an old meter works with is the record it writes to flash, all its profile in it.
            let writes_profile = past > 0 && flash > MOST;
            assert!(writes_profile || held - flash + working <= MOST, "{core}: {held} and {working} octets");
        }
    }
}
