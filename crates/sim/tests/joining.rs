//! A PPMID out of its box joins the home: CCS01 lists it by its install code, association, key establishment, tunnel, Command.
mod common;

use common::*;
use comms_hub::event::log_code;
use comms_hub::{DeviceKind, Event, Profile};
use gbcs::dlms::{Data, DataNotification, Obis, Row};
use gbcs::{Cra, Eui64, MessageView};
use han::InstallCode;
use han::capture::dissect::What;
use han::join::JoinerConfig;
use sim::Station;

fn ccs01(counter: u64, device: Eui64, code: [u8; 16], seconds: u16) -> Vec<u8> {
    let log = Obis([0, 0, 30, 3, 0, 255]);
    let register = Data::structure([Data::octets(device.octets()), Data::Enum(1), Data::octets(code), Data::Enum(132)]);
    let rows = [
        Row::action(104, log, 1, register),
        Row::set(104, log, 3, Data::LongUnsigned(seconds)),
        Row::set(104, log, 2, Data::boolean(true)),
    ];
    ccs(0x0001, counter, rows)
}

fn joiner(world: &World) -> Station {
    let link_key = InstallCode::new(CODE).link_key();
    let config = JoinerConfig { eui: PPMID2, link_key, wanted: None, sleepy: false };
    Station::joiner(world.now(), CHF, config, [9; han::cbke::EPHEMERAL_LEN])
}

#[test]
fn a_ppmid_that_ccs01_lists_joins_by_its_install_code_and_carries_commands() {
    for loss in [0, 5, 20] {
        let plan = Plan { loss, seed: 11, ..Plan::new(Profile::Secmp0038) };
        let mut world = World::new(plan).connected();
        // It looks for its network before anybody expects it.
        let station = joiner(&world);
        let number = world.home.add_station(station);
        world.run_for(60);
        assert!(!world.home.station(number).is_member(), "{loss} %");
        world.wan_brings(&ccs01(1, PPMID2, CODE, 1800));
        world.wait(1800, "membership", |world| world.home.station(number).is_member());
        assert_eq!(world.home.hub().device_log().kind(PPMID2), Some(DeviceKind::Ppmid));
        assert!(world.hub_events().any(|(_, event)| *event == Event::DeviceJoined(PPMID2)));
        assert!(world.logged().contains(&log_code::DEVICE_JOINED));

        // CS14 when it was listed, without a hash, and when it had its key, with one.
        let logs: Vec<Vec<u8>> = world
            .wan
            .iter()
            .filter_map(|octets| MessageView::parse(octets).ok())
            .filter(|view| view.id().originator == CHF && view.cra() == Cra::Alert)
            .map(|view| {
                let alert = DataNotification::parse(view.payload()).unwrap();
                let [_, _, Data::Array(devices)] = alert.further[0].as_structure().unwrap() else { panic!() };
                let [eui, hash] = devices.last().unwrap().as_structure().unwrap() else { panic!() };
                assert_eq!(eui.as_octets(), Some(&PPMID2.octets()[..]));
                hash.as_octets().unwrap().to_vec()
            })
            .collect();
        assert_eq!(logs.iter().map(Vec::len).collect::<Vec<_>>(), [0, 16], "{loss} %");

        world.home.station_input(number, |station, now| station.open(now));
        world.wait(900, "a tunnel", |world| world.home.hub().has_tunnel(PPMID2));
        world.home.station_input(number, |station, now| _ = station.send(now, electricity_credit(100, 10_000)));
        world.wait(900, "an execution", |world| world.executions(ESME, 100) == 1);
        let spoken = world.check_capture(&[InstallCode::new(CODE).link_key()]);
        assert!(spoken.said.iter().any(|what| matches!(what, What::TransportKey(device) if *device == PPMID2)));
        assert!(spoken.of(han::cbke::CLUSTER).count() >= 6, "initiate, ephemeral data, confirm, each way");
    }
}

#[test]
fn a_device_with_another_install_code_or_too_late_stays_outside() {
    let mut world = World::new(Plan::new(Profile::Secmp0038)).connected();
    let station = joiner(&world);
    let number = world.home.add_station(station);
    let mut other = CODE;
    other[0] ^= 1;
    world.wan_brings(&ccs01(1, PPMID2, other, 300));
    world.run_for(400);
    assert!(!world.home.station(number).is_member(), "another code: it cannot read the network key");
    let second = Eui64::from_u64(PPMID2.to_u64() + 0x10);
    world.wan_brings(&ccs01(2, second, CODE, 60));
    world.run_for(61);
    let config = JoinerConfig { eui: second, link_key: InstallCode::new(CODE).link_key(), wanted: None, sleepy: false };
    let late = Station::joiner(world.now(), CHF, config, [7; han::cbke::EPHEMERAL_LEN]);
    let late = world.home.add_station(late);
    world.run_for(300);
    assert!(!world.home.station(late).is_member(), "the time that CCS01 gave is over");
    world.check_capture(&[InstallCode::new(CODE).link_key(), InstallCode::new(other).link_key()]);
}

#[test]
fn either_may_open_the_tunnel_between_hub_and_ppmid() {
    use comms_hub::config::{Settings, TunnelInitiator};
    for initiator in [TunnelInitiator::Ppmid, TunnelInitiator::Hub] {
        for loss in [0, 20] {
            let settings = Settings { ppmid_tunnel_initiator: initiator, ..Settings::default() };
            let plan = Plan { settings, loss, ..Plan::new(Profile::Assured) };
            let mut world = World::new(plan).connected();
            let delivery = world.release(&electricity_credit(100, 10_000));
            world.wait(900, "an answer", |world| !world.answers.is_empty());
            assert_eq!(world.answers[0].delivery, delivery, "{initiator:?}");
            assert!(world.verifies(meter::Kind::Esme, &world.answers[0].response));
            world.restart(sim::PartId::Ppmid);
            world.wait(900, "a nonce", |world| world.has_nonce());
            world.release(&electricity_credit(101, 10_000));
            world.wait(900, "another", |world| world.executions(ESME, 101) == 1);
            world.check_capture(&[]);
        }
    }
}
