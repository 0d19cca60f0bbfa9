//! The thirteen sequences of han.md 14, each over an air that loses nothing, 5 and 20 % of all receptions; each leaves a capture that
//! opens in tshark without a fault.
mod common;

use common::*;
use comms_hub::event::log_code;
use comms_hub::{DeviceKind, Event, Profile};
use gbcs::block::{Block, MAX_BLOCK_LEN, parts};
use gbcs::dlms::{
    AccessRequest, AccessResponse, Answer, Choice, Data, DataAccessResult, DataNotification, DateTime, InvokeId, Obis,
    Row,
};
use gbcs::envelope::{GroupingHeader, SignatureField};
use gbcs::utrn::Credit;
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView};
use han::InstallCode;
use han::capture::dissect::What;
use han::tunnel::ServerConfig;
use han::tunnel::gsme::GsmeData;
use han::zcl::tunneling::{
    CLUSTER as TUNNELING, Protocol, RequestTunnel, ToClient, ToServer, TransferDataStatus, TunnelStatus, to_client,
    to_server,
};
use handover::Stage;
use meter::Kind;
use ppmid::{Action, Done, Fuel, Heard};
use sim::{HhtConfig, PartId};
use std::time::Duration;

const LOSSES: [u32; 3] = [0, 5, 20];

fn plan(profile: Profile, loss: u32) -> Plan {
    Plan { loss, seed: 7 + u64::from(loss), ..Plan::new(profile) }
}

/// Commands of the Tunneling cluster: whether to the server, which, and the data of a TransferData.
fn tunnel_commands(spoken: &Spoken) -> Vec<(bool, u8, Vec<u8>)> {
    let command = |zcl: &[u8]| {
        let frame = han::zcl::Frame::parse(zcl).ok().filter(|frame| frame.cluster_specific)?;
        let to_server = frame.direction == han::zcl::Direction::ToServer;
        let data = match to_server {
            true => match ToServer::parse(frame.command, frame.payload) {
                Ok(ToServer::TransferData(_, data)) => data.to_vec(),
                _ => vec![],
            },
            false => match ToClient::parse(frame.command, frame.payload) {
                Ok(ToClient::TransferData(_, data)) => data.to_vec(),
                _ => vec![],
            },
        };
        Some((to_server, frame.command, data))
    };
    spoken.of(TUNNELING).filter_map(command).collect()
}

fn supplier_message(target: Eui64, cra: Cra, counter: u64, code: u16, payload: usize) -> Vec<u8> {
    message(SUPPLIER, target, cra, counter, code, payload)
}

/// A message nobody checks the MAC of.
fn message(originator: Eui64, target: Eui64, cra: Cra, counter: u64, code: u16, payload: usize) -> Vec<u8> {
    let id = MessageId { originator, target, cra, counter: Counter(counter) };
    let header = GroupingHeader::new(id, MessageCode(code));
    // What is not of a given length is a payload of its kind: tshark reads it.
    let payload = match cra {
        _ if payload > 0 => vec![0x5A; payload],
        Cra::Command => AccessRequest::new(Counter(counter), [Row::get(1, Obis([0, 0, 94, 44, 10, 0]), 2)]).encode(),
        Cra::Response => {
            let answer = Answer { choice: Choice::Get, result: DataAccessResult::SUCCESS, data: Data::Null };
            AccessResponse { invoke: InvokeId::of(Counter(counter)), answers: vec![answer] }.encode()
        }
        Cra::Alert => {
            let (invoke, time) = (InvokeId::of(Counter(counter)), DateTime::at(START));
            DataNotification { invoke, code: 0x8F0F, time, further: vec![] }.encode()
        }
    };
    Message { header, payload, signature: SignatureField::Empty, mac: Some([7; 12]) }.encode()
}

#[test]
fn sequence_01_a_command_for_the_electricity_meter_goes_by_the_ppmid_and_its_response_to_the_wan_only() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Secmp0038, loss)).connected();
        let command = electricity_credit(100, 250_000);
        let delivery = world.release(&command);
        world.wait(900, "a Response", |world| !world.got_from(ESME, Cra::Response).is_empty());
        world.run_for(120);
        assert!(world.reached(delivery, Stage::Held) && world.reached(delivery, Stage::OnHan), "{loss} %");
        assert_eq!(world.executions(ESME, 100), 1);
        assert_eq!(world.balance(Kind::Esme), "2.50");
        assert_eq!(world.got_from(ESME, Cra::Response).len(), 1);
        assert!(world.verifies(Kind::Esme, world.wan.last().unwrap()));
        assert!(world.answers.is_empty(), "the PPMID gets nothing more");
        let spoken = world.check_capture(&[]);
        if loss == 0 {
            let commands = tunnel_commands(&spoken);
            let at = |wanted: (bool, u8), data: &[u8]| {
                commands.iter().position(|(server, id, d)| (*server, *id) == wanted && d == data).unwrap_or(usize::MAX)
            };
            let response = world.wan.last().unwrap();
            // PPMID to hub as client, hub to meter as client, meter to hub as server.
            let steps = [
                at((true, to_server::REQUEST_TUNNEL), &[]),
                at((false, to_client::REQUEST_TUNNEL_RESPONSE), &[]),
                at((true, to_server::TRANSFER_DATA), &command),
                at((false, to_client::TRANSFER_DATA), response),
            ];
            assert!(steps.is_sorted() && steps[3] != usize::MAX, "{steps:?}");
            let carried = commands.iter().filter(|(_, _, data)| *data == command).count();
            assert_eq!(carried, 2, "once on each tunnel");
        }
    }
}

#[test]
fn sequence_02_a_command_for_the_gas_meter_waits_is_fetched_and_answered_by_put() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Secmp0038, loss)).connected();
        let command = gas_credit(100, 150_000);
        world.release(&command);
        world.wait(300, "the mailbox", |world| world.home.hub().waiting_for_gsme(GSME) == 1);
        world.wan_brings(&gas_credit(101, 50_000));
        world.wait(4 * HOUR, "a Response", |world| !world.got_from(GSME, Cra::Response).is_empty());
        world.run_for(1800);
        assert_eq!(world.executions(GSME, 100), 1, "{loss} %");
        assert_eq!(world.balance(Kind::Gsme), "2.00");
        assert_eq!(world.home.hub().waiting_for_gsme(GSME), 0);
        let of_first = |octets: &&Vec<u8>| MessageView::parse(octets).is_ok_and(|v| v.id().counter == Counter(100));
        let response = world.wan.iter().find(of_first).unwrap().clone();
        assert!(world.verifies(Kind::Gsme, &response));
        let commands = tunnel_commands(&world.check_capture(&[]));
        let first = |data: &[u8]| commands.iter().position(|(_, _, d)| d == data);
        let fetched = GsmeData::GetResponse { remaining: 1, message: &command }.to_vec();
        let steps = [first(&GsmeData::Get.to_vec()), first(&fetched), first(&GsmeData::Put(&response).to_vec())];
        if loss == 0 {
            assert!(steps.iter().all(Option::is_some) && steps.is_sorted(), "{steps:?}");
        }
        assert!(world.answers.is_empty());
    }
}

#[test]
fn sequence_03_responses_wait_for_the_wan_in_order_and_survive_a_restart_of_the_hub() {
    for loss in LOSSES {
        let mut world = World::new(Plan { wan: false, ..plan(Profile::Secmp0038, loss) }).connected();
        for counter in 100..104 {
            world.wait(600, "a nonce", |world| world.has_nonce());
            world.release(&electricity_credit(counter, 10_000));
            world.wait(900, "an execution", |world| world.executions(ESME, counter) == 1);
        }
        world.run_for(600);
        assert!(world.wan.is_empty());
        world.restart(PartId::Hub);
        world.run_for(60);
        world.set_wan(true);
        world.run_for(10);
        let counters: Vec<u64> = world.got_from(ESME, Cra::Response).iter().map(|id| id.counter.0).collect();
        assert_eq!(counters, [100, 101, 102, 103], "{loss} %");
        world.check_capture(&[]);
    }
}

#[test]
fn sequence_04_what_a_ppmid_may_not_pass_is_discarded_and_its_tunnel_survives() {
    const STATIONS: &[(Eui64, DeviceKind)] = &[(PPMID2, DeviceKind::Ppmid), (HHT, DeviceKind::Hht)];
    for loss in LOSSES {
        let plan = Plan { stations: STATIONS, ..plan(Profile::Secmp0038, loss) };
        let mut world = World::new(plan).connected();
        world.home.station_input(0, |station, now| station.open(now));
        world.wait(600, "a tunnel", |world| !world.home.station(0).opened.is_empty());
        let forbidden = [
            (supplier_message(ESME, Cra::Response, 1, 0x0019, 0), "ppmid_only_commands"),
            (supplier_message(ESME, Cra::Alert, 2, 0x1000, 0), "ppmid_only_commands"),
            (supplier_message(HHT, Cra::Command, 3, 0x0019, 0), "target_is_hht"),
            (supplier_message(Eui64::from_u64(0xDEAD), Cra::Command, 4, 0x0019, 0), "target_not_listed"),
            (supplier_message(CHF, Cra::Command, 5, 0x0001, 0), "target_is_hub"),
            (supplier_message(GPF, Cra::Command, 6, 0x0079, 0), "target_is_hub"),
            (vec![0xDD, 1, 2, 3], "malformed"),
        ];
        for (octets, _) in &forbidden {
            let sent = octets.clone();
            let before = world.home.station(0).outcomes.len();
            world.home.station_input(0, |station, now| _ = station.send(now, sent));
            world.wait(900, "an answer", |world| world.home.station(0).outcomes.len() > before);
        }
        let outcomes: Vec<_> = world.home.station(0).outcomes.iter().map(|(_, outcome)| *outcome).collect();
        assert!(loss > 0 || outcomes.iter().all(|outcome| outcome.is_ok()), "SUCCESS says nothing: {outcomes:?}");
        let mut rules: Vec<&str> = world.discards();
        rules.dedup();
        let expected: Vec<&str> = forbidden.iter().map(|(_, rule)| *rule).collect();
        let mut expected_once = expected.clone();
        expected_once.dedup();
        if loss == 0 {
            assert_eq!(rules, expected_once);
            assert_eq!(world.discards().len(), forbidden.len());
        }
        assert!(expected_once.iter().all(|rule| rules.contains(rule)), "{rules:?}");
        assert!(world.home.hub().has_tunnel(PPMID2));
        assert_eq!(world.executions(ESME, 1) + world.refusals(ESME, 1), 0, "nothing reached the meter");
        world.check_capture(&[]);
    }
}

#[test]
fn sequence_05_ppmid_gsme_messages_pass_before_and_after_the_modification_and_commands_only_after() {
    for loss in LOSSES {
        for profile in [Profile::Today, Profile::Secmp0038] {
            let mut world = World::new(plan(profile, loss)).connected();
            // PCS02 and PCS01 of the PPMID itself: a meter with an empty balance lends, and takes what is paid in.
            let paid_in = utrn(Kind::Gsme, 3, Credit::Pounds(10));
            let wishes = [Action::EmergencyCredit(Fuel::Gas), Action::TopUp(Fuel::Gas, paid_in)];
            let begun: Vec<_> = wishes.iter().map(|wish| world.customer(wish).unwrap()).collect();
            let delivery = world.release(&electricity_credit(100, 10_000));
            world.wait(4 * HOUR, "the gas meter's answers", |world| {
                begun.iter().all(|id| world.heard(*id).iter().any(|heard| matches!(heard, Heard::Done(_))))
            });
            assert_eq!(world.heard(begun[0])[..], [Heard::Passed, Heard::Done(Done::default())], "{loss} %");
            let credited = Done { credited: Some(1_000_000), balance: Some(1_000_000), armed: false };
            assert_eq!(world.heard(begun[1]).last(), Some(&Heard::Done(credited)));
            assert_eq!(world.home.ppmid().shown().gas.credit_remaining.map(|read| read.value), Some(1_000_000));
            assert_eq!(world.balance(Kind::Gsme), "10.00");
            assert!(world.got_from(GSME, Cra::Response).is_empty(), "HAN only");
            world.run_for(900);
            let after = profile == Profile::Secmp0038;
            assert_eq!(world.executions(ESME, 100), usize::from(after), "{profile:?}");
            assert!(
                world.reached(delivery, Stage::OnHan),
                "the hub took it and, before the modification, threw it away"
            );
            world.check_capture(&[]);
        }
    }
}

#[test]
fn sequence_06_after_a_restart_of_hub_or_meter_the_tunnel_is_asked_for_again_and_the_message_sent_again() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Secmp0038, loss)).connected();
        world.restart(PartId::Hub);
        let delivery = world.release(&electricity_credit(100, 10_000));
        world.wait(900, "an execution", |world| world.executions(ESME, 100) == 1);
        world.wait(900, "the PPMID to know", |world| world.reached(delivery, Stage::OnHan));
        world.restart(PartId::Esme);
        world.wan_brings(&electricity_credit(101, 10_000));
        world.wait(900, "an execution", |world| world.executions(ESME, 101) == 1);
        world.run_for(300);
        assert_eq!((world.executions(ESME, 100), world.executions(ESME, 101)), (1, 1), "{loss} %");
        let spoken = world.check_capture(&[]);
        if loss == 0 {
            let no_such_tunnel = |zcl: &[u8]| {
                let frame = han::zcl::Frame::parse(zcl).unwrap();
                matches!(
                    (frame.cluster_specific, ToClient::parse(frame.command, frame.payload)),
                    (true, Ok(ToClient::TransferDataError(_, TransferDataStatus::NoSuchTunnel)))
                )
            };
            assert!(spoken.of(TUNNELING).any(no_such_tunnel), "the PPMID learns it from its first word");
        }
    }
}

#[test]
fn sequence_07_a_tunnel_is_its_owners_and_each_misuse_has_its_status() {
    const STATIONS: &[(Eui64, DeviceKind)] = &[(PPMID2, DeviceKind::Ppmid)];
    for loss in LOSSES {
        let plan = Plan { stations: STATIONS, ..plan(Profile::Secmp0038, loss) };
        let mut world = World::new(plan).connected();
        world.home.station_input(0, |station, now| station.open(now));
        world.wait(600, "a tunnel", |world| !world.home.station(0).opened.is_empty());
        let own = world.home.station(0).opened[0];
        let gbcs = RequestTunnel::GBCS;
        let dlms = RequestTunnel { protocol: Protocol { id: 0, ..gbcs.protocol }, ..gbcs };
        let flow = RequestTunnel { flow_control: true, ..gbcs };
        // Tunnel 0 is somebody else's: it was opened first.
        let theirs = if own == 0 { 1 } else { 0 };
        let asked = [
            ToServer::TransferData(theirs, &[1, 2, 3]).to_zcl(200, false),
            ToServer::TransferData(own, &[0; 1501]).to_zcl(201, false),
            ToServer::TransferData(0x7777, &[1]).to_zcl(202, false),
            ToServer::RequestTunnel(flow).to_zcl(203, true),
            ToServer::RequestTunnel(dlms).to_zcl(204, true),
        ];
        for zcl in asked {
            let tsn = zcl[1];
            world.home.station_input(0, |station, now| station.send_zcl(now, TUNNELING, 3, zcl));
            world.wait(300, "an answer", |world| {
                world.home.station(0).heard.iter().any(|(_, cluster, zcl)| *cluster == TUNNELING && zcl[1] == tsn)
            });
        }
        let answer = |tsn: u8| {
            let heard = world.home.station(0).heard.iter().find(|(_, _, zcl)| zcl[1] == tsn).unwrap();
            let frame = han::zcl::Frame::parse(&heard.2).unwrap();
            match ToClient::parse(frame.command, frame.payload).unwrap() {
                ToClient::TransferDataError(_, status) => u8::from(status),
                ToClient::RequestTunnelResponse { status, .. } => u8::from(status),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([200, 201, 202, 203, 204].map(answer), [1, 2, 0, 4, 3], "{loss} %");
        assert!(world.home.hub().has_tunnel(PPMID2), "the tunnel survives");
        // Its owner falls silent: 0xFFFF seconds later the tunnel is closed.
        let silent = |world: &World| {
            world.hub_events().any(|(_, event)| {
                matches!(event, Event::TunnelClosed { peer: PPMID2, reason: han::tunnel::CloseReason::Inactive })
            })
        };
        let own_renewal = world.home.station(0).opened.len();
        world.run_for(0xFFFF + 60);
        assert!(silent(&world) || world.home.station(0).opened.len() > own_renewal, "closed, or renewed just before");
        world.check_capture(&[]);
    }
}

#[test]
fn sequence_08_a_busy_server_is_asked_again_after_180_s_and_a_full_one_after_what_is_open_was_closed() {
    const STATIONS: &[(Eui64, DeviceKind)] = &[(HCALCS, DeviceKind::Hcalcs)];
    for loss in LOSSES {
        let plan = Plan { stations: STATIONS, ..plan(Profile::Secmp0038, loss) };
        let mut world = World::new(plan);
        world.home.station_input(0, |station, _| station.server_mut().unwrap().set_busy(true));
        world.wait(600, "a refusal", |world| !world.home.station(0).refused.is_empty());
        let (first, status) = world.home.station(0).refused[0];
        assert_eq!(status, TunnelStatus::Busy);
        world.wait(600, "another", |world| world.home.station(0).refused.len() == 2);
        let (second, _) = world.home.station(0).refused[1];
        let between = second.since(first);
        let exactly = Duration::from_secs(180)..Duration::from_millis(180_100);
        assert!(loss > 0 || exactly.contains(&between), "{between:?}");
        assert!(between >= Duration::from_secs(179), "{loss} %: {between:?}");
        // Its table is full: what may be open of ours is closed, then it is asked again.
        world.home.station_input(0, |station, _| {
            station.set_server(ServerConfig { max_tunnels: 0, ..ServerConfig::at(1) });
        });
        world.wait(900, "a full table", |world| {
            world.home.station(0).refused.last().is_some_and(|(_, status)| *status == TunnelStatus::NoMoreTunnelIds)
        });
        world.home.station_input(0, |station, _| station.set_server(ServerConfig::at(1)));
        world.wait(900, "a tunnel", |world| world.home.hub().has_tunnel(HCALCS));
        assert!(world.logged().contains(&log_code::REQUEST_TUNNEL_REJECTED));
        world.check_capture(&[]);
    }
}

fn hht(world: &World) -> HhtConfig {
    HhtConfig {
        eui: HHT,
        code: InstallCode::new(*b"HHT-install-code"),
        hub: CHF,
        pan: PAN,
        ephemeral: core::array::from_fn(|at| (at as u8).wrapping_mul(31) ^ world.now().0 as u8),
    }
}

#[test]
fn sequence_09_an_hht_is_admitted_within_the_hour_carries_commands_and_leaves_by_ccs02() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Secmp0038, loss)).connected();
        let minutes = |world: &World| world.now().since(START).as_secs() / 60;
        let until_59 = 59 * 60 - world.now().since(START).as_secs();
        world.run_for(until_59);
        assert_eq!(minutes(&world), 59);
        let config = hht(&world);
        let (now, install_key) = (world.now(), config.code.link_key());
        let number = world.home.add_station(sim::Station::hht(now, config.clone()));
        let own_keys = |world: &World| {
            let own = world.home.station(number).inter_pan_keys.clone();
            [own, vec![install_key.clone()], world.keys().into_iter().map(|(key, _)| key).collect()].concat()
        };
        let registered = |world: &World| world.home.station(number).registration == Some(0);
        if loss == 20 {
            // A minute may not be enough here: registered or not, it is within the hour that counts.
            world.run_for(70);
            if !registered(&world) {
                world.check_capture(&own_keys(&world));
                continue;
            }
        }
        world.wait(60, "a registration", registered);
        world.wait(900, "membership", |world| world.home.station(number).is_member());
        assert_eq!(world.home.hub().device_log().kind(HHT), Some(DeviceKind::Hht), "{loss} %");
        world.home.station_input(number, |station, now| station.open(now));
        world.wait(900, "a tunnel", |world| world.home.hub().has_tunnel(HHT));
        world.home.station_input(number, |station, now| _ = station.send(now, electricity_credit(100, 10_000)));
        world.wait(900, "a copy", |world| {
            let responses = |data: &&Vec<u8>| MessageView::parse(data).is_ok_and(|v| v.cra() == Cra::Response);
            world.home.station(number).data.iter().filter(responses).count() == 1
        });
        assert_eq!(world.got_from(ESME, Cra::Response).len(), 1, "and the WAN has it too");
        // An HHT leaves no key behind.
        let keys = own_keys(&world);
        let log = Obis([0, 0, 30, 3, 0, 255]);
        world.wan_brings(&ccs(0x0002, 1, [Row::action(104, log, 2, Data::octets(HHT.octets()))]));
        world.run_for(30);
        assert_eq!(world.home.hub().device_log().kind(HHT), None);
        assert_eq!(world.home.hub().device_log().historic().count(), 0, "an HHT leaves no historic entry");
        assert!(!world.home.hub().has_tunnel(HHT));
        let alerts = world.got_from(CHF, Cra::Alert).len();
        assert!(alerts >= 3, "listed, joined, removed: {alerts}");

        // The hour is over.
        world.run_for(300);
        let again = HhtConfig { eui: Eui64::from_u64(HHT.to_u64() + 1), ..hht(&world) };
        let now = world.now();
        let late = world.home.add_station(sim::Station::hht(now, again));
        world.run_for(120);
        assert_eq!(world.home.station(late).registration, None, "not even an answer");
        assert!(world.home.hub().counters().of("inter_pan_closed") > 0);
        assert!(!world.home.station(late).is_member());
        world.check_capture(&keys);
    }
}

/// A message for the display of the electricity meter, so long that the whole Command has this many octets.
fn long_text(counter: u64, octets: usize) -> Vec<u8> {
    let of = |text: usize| {
        let rows = [Row::set(1, Obis([0, 2, 96, 13, 1, 255]), 2, Data::octets(vec![b'x'; text]))];
        command(Kind::Esme, 0x0021, counter, AccessRequest::new(Counter(counter), rows).encode())
    };
    let message = of(octets - (of(1000).len() - 1000));
    assert_eq!(message.len(), octets);
    message
}

/// Requests of the electricity meter for what is missing behind this block of a Command.
fn requests(world: &World, counter: u64, behind: u16) -> usize {
    let is_one = |octets: &&Vec<u8>| {
        Block::parse(octets).is_ok_and(|block| {
            let of = (block.id.originator, block.id.counter) == (ESME, Counter(counter));
            of && block.is_acknowledgement() && block.acknowledged == behind
        })
    };
    world.wan.iter().filter(is_one).count()
}

#[test]
fn sequence_10_a_message_of_1879_octets_goes_in_two_blocks_and_a_lost_block_is_asked_for_before_anything_is_executed() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Assured, loss)).connected();
        let delivery = world.release(&long_text(100, 1879));
        world.wait(1800, "a Response", |world| !world.got_from(ESME, Cra::Response).is_empty());
        world.wait(900, "a receipt", |world| world.reached(delivery, Stage::OnHan));
        assert_eq!(world.executions(ESME, 100), 1, "{loss} %");
        // The first block of another got lost on its way to the hub.
        let blocks = parts(&long_text(101, 1879), MAX_BLOCK_LEN).unwrap();
        assert_eq!(blocks.len(), 2);
        world.wan_brings(&blocks[1]);
        world.wait(1800, "a request", |world| requests(world, 101, 0) == 1);
        assert_eq!(world.executions(ESME, 101), 0, "half a message is none");
        world.wan_brings(&blocks[0]);
        world.wait(1800, "the second", |world| world.executions(ESME, 101) == 1);
        world.check_capture(&[]);
    }
}

#[test]
fn sequence_10_a_power_cut_between_two_blocks_begins_the_transfer_anew_and_executes_it_once() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Secmp0038, loss)).connected();
        let command = long_text(100, 1879);
        let blocks = parts(&command, MAX_BLOCK_LEN).unwrap();
        world.wan_brings(&blocks[0]);
        world.run_for(300);
        world.restart(PartId::Esme);
        world.run_for(300);
        world.wan_brings(&blocks[1]);
        world.wait(1800, "a request", |world| requests(world, 100, 0) == 1);
        assert_eq!(world.executions(ESME, 100), 0);
        // This time the display brings it, and the DCC what it was asked for.
        world.release(&command);
        blocks.iter().for_each(|block| world.wan_brings(block));
        world.wait(1800, "an execution", |world| world.executions(ESME, 100) == 1);
        world.run_for(1800);
        assert_eq!((world.executions(ESME, 100), world.refusals(ESME, 100)), (1, 0), "{loss} %");
    }
}

#[test]
fn sequence_11_a_gas_meter_that_never_wakes_and_an_electricity_meter_out_of_reach_are_told_of() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Secmp0038, loss)).connected();
        world.home.set_reachable(PartId::Gsme, false);
        world.home.set_reachable(PartId::Esme, false);
        world.wan_brings(&gas_credit(100, 10_000));
        world.wan_brings(&electricity_credit(0x0102_0304, 10_000));
        world.wait(1800, "an Alert", |world| !world.got_from(CHF, Cra::Alert).is_empty());
        let alert = world.wan.iter().find(|o| MessageView::parse(o).is_ok_and(|v| v.id().originator == CHF)).unwrap();
        let view = MessageView::parse(alert).unwrap();
        assert_eq!((view.message_code(), view.id().target), (MessageCode(0x00D5), ACB));
        let mut expected = vec![0x09, 0x19];
        expected.extend(SUPPLIER.octets());
        expected.extend(ESME.octets());
        expected.push(1);
        expected.extend(Counter(0x0102_0304).octets());
        assert!(view.payload().ends_with(&expected), "{loss} %");
        world.wait(DAY + 60, "the mailbox to be empty", |world| world.home.hub().waiting_for_gsme(GSME) == 0);
        assert!(world.logged().contains(&log_code::GSME_COMMAND_NOT_RETRIEVED));
        assert_eq!(world.executions(GSME, 100) + world.executions(ESME, 0x0102_0304), 0);
        world.check_capture(&[]);
    }
}

#[test]
fn sequence_12_the_same_command_by_wan_and_by_ppmid_is_executed_once_and_refused_once() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Assured, loss)).connected();
        let command = electricity_credit(100, 10_000);
        world.wan_brings(&command);
        world.release(&command);
        world.wait(900, "both copies", |world| world.executions(ESME, 100) + world.refusals(ESME, 100) >= 2);
        world.run_for(120);
        assert_eq!((world.executions(ESME, 100), world.refusals(ESME, 100)), (1, 1), "{loss} %");
        assert_eq!(world.got_from(ESME, Cra::Response).len(), 1, "one Response");
        assert_eq!(world.balance(Kind::Esme), "0.10");
        world.check_capture(&[]);
    }
}

#[test]
fn sequence_13_the_capture_of_an_hht_from_its_first_frame_on_opens_with_the_keys_beside_it() {
    for loss in LOSSES {
        let mut world = World::new(plan(Profile::Secmp0038, loss)).connected();
        let config = hht(&world);
        let (now, install_key) = (world.now(), config.code.link_key());
        let number = world.home.add_station(sim::Station::hht(now, config));
        world.wait(1800, "membership", |world| world.home.station(number).is_member());
        world.home.station_input(number, |station, now| station.open(now));
        world.wait(900, "a tunnel", |world| world.home.hub().has_tunnel(HHT));
        world.home.station_input(number, |station, now| _ = station.send(now, electricity_credit(100, 10_000)));
        world.wait(900, "an execution", |world| world.executions(ESME, 100) == 1);
        world.run_for(10);
        let inter_pan_keys = world.home.station(number).inter_pan_keys.clone();
        let spoken = world.check_capture(&[inter_pan_keys, vec![install_key]].concat());
        let told = |wanted: fn(&What) -> bool| spoken.said.iter().filter(|what| wanted(what)).count();
        assert!(told(|what| matches!(what, What::InterPan { .. })) >= 8, "{loss} %: knocking and its answer");
        let transported = told(|what| matches!(what, What::TransportKey(_)));
        assert!(transported == 1 || loss > 0 && transported > 1, "{loss} %: {transported}");
        assert!(told(|what| matches!(what, What::Beacon(beacon) if beacon.permits_joining)) >= 1);
        assert!(spoken.of(han::cbke::CLUSTER).count() >= 6, "key establishment in the network");
        assert!(tunnel_commands(&spoken).iter().any(|(_, _, data)| *data == electricity_credit(100, 10_000)));
    }
}
