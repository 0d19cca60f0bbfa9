//! The CHF Device Log: the ACB's Commands on it, the Alerts about it, and what it means for the devices.
mod common;

use common::*;
use comms_hub::event::log_code;
use comms_hub::{DeviceKind, Event, LocalRefusal, Profile};
use device::check::Fault;
use gbcs::block::{Block, parts};
use gbcs::catalogue::{self, DeviceType, Family};
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::{AccessRequest, AccessResponse, Choice, Data, DataNotification, Obis, Row};
use gbcs::envelope::{GroupingHeader, OtherInformation, Supplementary};
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView, protect};
use han::key_command::KeyCommand;
use han::tunnel::{Client, ClientConfig};
use han::{InstallCode, Key, mmo};

const LOG: Obis = Obis([0, 0, 30, 3, 0, 255]);
const HISTORIC: Obis = Obis([0, 0, 30, 3, 1, 255]);
const CODE: [u8; 16] = *b"0123456789ABCDEF";
const NEW: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90B0);

/// A Command of the ACB for the CHF, on behalf of another party as the DCC sends them.
fn ccs(code: u16, counter: u64, rows: impl Into<Vec<Row>>) -> Vec<u8> {
    let id = MessageId { originator: ACB, target: CHF, cra: Cra::Command, counter: Counter(counter) };
    let supplementary = Supplementary::Request(SUPPLIER, Counter(7));
    let header =
        GroupingHeader { id, date_time: None, other: OtherInformation { code: MessageCode(code), supplementary } };
    close(Message::plain(header, AccessRequest::new(Counter(counter), rows).encode()))
}

fn close(message: Message) -> Vec<u8> {
    let z = RustCrypto.agree(&acb_key(), chf_key().public()).unwrap();
    protect::add_mac(&RustCrypto, &z, &message.encode()).unwrap()
}

fn add(counter: u64, device: Eui64, kind: u8) -> Vec<u8> {
    let register =
        Data::structure([Data::octets(device.octets()), Data::Enum(1), Data::octets(CODE), Data::Enum(kind)]);
    let rows = [
        Row::action(104, LOG, 1, register),
        Row::set(104, LOG, 3, Data::LongUnsigned(900)),
        Row::set(104, LOG, 2, Data::boolean(true)),
    ];
    ccs(0x0001, counter, rows)
}

fn remove(counter: u64, device: Eui64) -> Vec<u8> {
    ccs(0x0002, counter, [Row::action(104, LOG, 2, Data::octets(device.octets()))])
}

/// What the WAN got since the last call: verified as the ACB verifies.
struct Acb {
    seen: usize,
}

impl Acb {
    fn read(&mut self, home: &Home) -> (Vec<AccessResponse>, Vec<Data>) {
        let (mut responses, mut logs) = (vec![], vec![]);
        for octets in &home.wan[self.seen..] {
            let view = MessageView::parse(octets).unwrap();
            let z = RustCrypto.agree(&acb_key(), chf_key().public()).unwrap();
            protect::verify_mac(&RustCrypto, &z, &view).unwrap();
            assert_eq!((view.id().originator, view.id().target), (CHF, ACB));
            match view.cra() {
                Cra::Response => {
                    let other = view.other_information();
                    assert_eq!(other.party(), Some(SUPPLIER), "who asked is repeated");
                    responses.push(AccessResponse::parse(view.payload()).unwrap());
                }
                _ => {
                    let alert = DataNotification::parse(view.payload()).unwrap();
                    assert_eq!((view.message_code(), alert.code), (MessageCode(0x0018), 0x8F12));
                    logs.push(alert.further[0].clone());
                }
            }
        }
        self.seen = home.wan.len();
        (responses, logs)
    }

    /// The one Response, as its results.
    fn results(&mut self, home: &Home) -> Vec<u8> {
        let (responses, _) = self.read(home);
        let [response] = &responses[..] else { panic!("{responses:?}") };
        response.answers.iter().map(|answer| answer.result.0).collect()
    }
}

/// Devices of a backup with their hashes.
fn devices(backup: &Data) -> Vec<(Eui64, Vec<u8>)> {
    let [_, pan, Data::Array(devices)] = backup.as_structure().unwrap() else { panic!("{backup:?}") };
    assert_eq!(pan.as_octets(), Some(&CHF.octets()[..]));
    let device = |data: &Data| {
        let [eui, hash] = data.as_structure().unwrap() else { panic!("{data:?}") };
        (Eui64(eui.as_octets().unwrap().try_into().unwrap()), hash.as_octets().unwrap().to_vec())
    };
    devices.iter().map(device).collect()
}

fn hash(eui: Eui64) -> Vec<u8> {
    mmo::hash(&[eui.octets()[7]; 16]).to_vec()
}

#[test]
fn ccs01_lists_a_device_without_a_key_and_says_so_in_cs14() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    home.wan_brings(&add(1, NEW, 132));
    let (responses, logs) = acb.read(&home);
    assert_eq!(responses[0].answers.iter().map(|a| a.result.0).collect::<Vec<_>>(), [0, 0, 0]);
    let listed = devices(&logs[0]);
    assert_eq!(listed.last(), Some(&(NEW, vec![])), "no link key yet: an empty hash");
    assert_eq!(listed[0], (ESME, hash(ESME)));
    let entry = home.hub.device_log().get(NEW).unwrap();
    assert_eq!((entry.entry.kind, entry.link_key.clone()), (DeviceKind::Ppmid, None));
    assert_eq!(entry.install_key, Some(InstallCode::new(CODE).link_key()));
    assert!(home.events.iter().any(|event| matches!(event, Event::JoiningOpen { device: NEW, .. })));
    assert!(home.logged().contains(&log_code::COMMAND_PASSED));
}

#[test]
fn a_listed_device_keeps_its_link_key_whatever_ccs01_says() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    let before = home.hub.device_log().get(PPMID).unwrap().clone();
    home.wan_brings(&add(1, PPMID, 132));
    let (responses, logs) = acb.read(&home);
    assert!(responses[0].is_success() && logs.is_empty(), "nothing changed");
    assert_eq!(home.hub.device_log().get(PPMID), Some(&before));
    assert!(!home.events.iter().any(|event| matches!(event, Event::JoiningOpen { .. })));
}

#[test]
fn each_device_type_of_ccs01_is_known_and_no_other() {
    let kinds = [
        (0, Some(DeviceKind::Esme)),
        (1, Some(DeviceKind::Gsme)),
        (13, Some(DeviceKind::Hcalcs)),
        (128, Some(DeviceKind::Type2)),
        (130, Some(DeviceKind::Type2)),
        (132, Some(DeviceKind::Ppmid)),
    ];
    for (number, kind) in kinds {
        assert_eq!(DeviceKind::from_ccs01(number), kind);
    }
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    home.wan_brings(&add(1, GPF, 254));
    assert_eq!(acb.results(&home), [0, 0, 0], "the GPF is in the hub");
    assert_eq!(home.hub.device_log().kind(GPF), None);
    home.wan_brings(&add(2, NEW, 7));
    assert_eq!(acb.results(&home), [12, 250, 250], "type-unmatched, and the rest was not tried");
    assert_eq!(home.hub.device_log().kind(NEW), None);
}

#[test]
fn the_seventeenth_device_is_refused() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    let listed = home.hub.device_log().iter().count() as u64;
    for n in 0..16 - listed {
        home.wan_brings(&add(n + 1, Eui64::from_u64(0x1000 + n), 128));
    }
    acb.read(&home);
    home.wan_brings(&add(99, NEW, 128));
    assert_eq!(acb.results(&home), [1, 250, 250]);
}

#[test]
fn ccs02_removes_a_device_its_messages_its_tunnel_and_keeps_its_key_in_the_historic_log() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    home.wan_brings(&command(GSME, 1));
    home.wan_brings(&remove(1, GSME));
    let (responses, logs) = acb.read(&home);
    assert!(responses[0].is_success());
    assert!(!devices(&logs[0]).iter().any(|(eui, _)| *eui == GSME));
    assert_eq!(home.hub.device_log().kind(GSME), None);
    assert_eq!(home.hub.device_log().historic().map(|old| old.entry.eui).collect::<Vec<_>>(), [GSME]);
    assert!(!home.hub.has_tunnel(GSME));
    assert_eq!(home.hub.waiting_for_gsme(GSME), 0);
    home.wan_brings(&remove(2, GSME));
    assert_eq!(acb.results(&home), [1], "it is not listed");
}

#[test]
fn an_hht_that_ccs02_removes_leaves_no_historic_entry() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&remove(1, HHT));
    assert_eq!(home.hub.device_log().kind(HHT), None);
    assert_eq!(home.hub.device_log().historic().count(), 0);
}

#[test]
fn a_device_that_ccs01_lists_again_comes_back_with_its_old_link_key() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    let mut acb = Acb { seen: home.wan.len() };
    home.wan_brings(&remove(1, PPMID));
    home.send(PPMID, command(ESME, 1));
    home.run_for(60);
    assert!(home.device(ESME).data.is_empty(), "unlisted, it is not heard");
    home.wan_brings(&add(2, PPMID, 132));
    acb.read(&home);
    assert_eq!(home.hub.device_log().get(PPMID).unwrap().link_key, None, "until it speaks with it");
    home.open(PPMID);
    home.run_for(20);
    let (_, logs) = acb.read(&home);
    assert_eq!(devices(&logs[0]).last(), Some(&(PPMID, hash(PPMID))), "CS14 with the hash of the key used again");
    assert!(home.events.contains(&Event::DeviceJoined(PPMID)));
    assert!(home.logged().contains(&log_code::DEVICE_JOINED));
    home.send(PPMID, command(ESME, 2));
    home.run_for(20);
    assert_eq!(home.device(ESME).data.last(), Some(&command(ESME, 2)));
}

#[test]
fn when_the_old_link_key_is_not_used_in_time_the_install_code_counts() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.device(PPMID).deaf = true;
    home.wan_brings(&remove(1, PPMID));
    home.wan_brings(&add(2, PPMID, 132));
    let opened = |home: &Home| home.events.iter().filter(|e| matches!(e, Event::JoiningOpen { .. })).count();
    assert_eq!(opened(&home), 1);
    home.run_for(901);
    assert_eq!(opened(&home), 2);
    home.device(PPMID).deaf = false;
    home.open(PPMID);
    home.run_for(60);
    assert!(!home.hub.has_tunnel(PPMID), "its old key is history");
}

#[test]
fn ccs03_restores_the_log_from_a_backup() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    let entry = |eui: Eui64, hash: [u8; 16]| Data::structure([Data::octets(eui.octets()), Data::octets(hash)]);
    let backup =
        Data::structure([Data::octets(CHF.octets()), Data::array([entry(ESME, [1; 16]), entry(NEW, [2; 16])])]);
    home.wan_brings(&ccs(0x0003, 1, [Row::action(104, LOG, 5, backup)]));
    let (responses, logs) = acb.read(&home);
    assert!(responses[0].is_success());
    assert!(!logs.is_empty());
    let listed: Vec<_> = home.hub.device_log().iter().map(|d| (d.entry.eui, d.entry.kind)).collect();
    assert_eq!(listed, [(ESME, DeviceKind::Esme), (NEW, DeviceKind::Type2)], "what NEW is CCS01 will say");
    assert_eq!(home.hub.device_log().get(NEW).unwrap().install_key, Some(Key::new([2; 16])), "it joins with the hash");
    let long = Data::structure([
        Data::octets(CHF.octets()),
        Data::array((0..17).map(|n| entry(Eui64::from_u64(n), [0; 16])).collect::<Vec<_>>()),
    ]);
    home.wan_brings(&ccs(0x0003, 2, [Row::action(104, LOG, 5, long)]));
    assert_eq!(acb.results(&home), [1]);
}

#[test]
fn the_logs_are_read_by_ccs06_ccs04_and_ccs07() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    home.wan_brings(&remove(1, PPMID2));
    acb.read(&home);
    for code in [0x010F, 0x0004] {
        // Reads are not protected against replay: the counter may go back.
        home.wan_brings(&ccs(code, 1, [Row::get(104, LOG, 4)]));
        let (responses, _) = acb.read(&home);
        let active = responses[0].answers[0].data.as_array().unwrap();
        assert_eq!(active.len(), home.hub.device_log().iter().count());
        let first = active[0].as_structure().unwrap();
        assert_eq!((first.len(), first[0].as_octets()), (14, Some(&ESME.octets()[..])));
        let heard = first[8].as_octets().unwrap();
        assert_eq!(&heard[..4], [0x07, 0xE7, 11, 14], "when it was last heard");
    }
    let rows = [Row::action(104, LOG, 4, Data::Null), Row::action(104, HISTORIC, 4, Data::Null)];
    home.wan_brings(&ccs(0x00FE, 1, rows));
    let (responses, _) = acb.read(&home);
    let [live, historic] = &responses[0].answers[..] else { panic!() };
    assert!(devices(&live.data).contains(&(PPMID, hash(PPMID))));
    assert_eq!(devices(&historic.data), [(PPMID2, hash(PPMID2))]);
}

#[test]
fn each_refusal_of_a_command_for_the_chf_has_no_response_and_its_code() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&add(5, NEW, 132));
    home.wan.clear();
    let good = add(6, NEW, 132);
    let mut bad_mac = good.clone();
    *bad_mac.last_mut().unwrap() ^= 1;
    let plain = |originator, counter, payload: Vec<u8>| {
        let id = MessageId { originator, target: CHF, cra: Cra::Command, counter: Counter(counter) };
        Message::plain(GroupingHeader::new(id, MessageCode(0x0002)), payload)
    };
    let row = |counter, eui: &[u8]| {
        AccessRequest::new(Counter(counter), [Row::action(104, LOG, 2, Data::octets(eui))]).encode()
    };
    let other_rows = AccessRequest::new(Counter(7), [Row::action(104, LOG, 1, Data::Null)]).encode();
    let replayed = Fault::Replayed { stored: Counter(5), found: Counter(5) };
    let taken = Fault::Replayed { stored: Counter(7), found: Counter(7) };
    type Fits = fn(&LocalRefusal) -> bool;
    let is: fn(Fault) -> LocalRefusal = LocalRefusal::Check;
    let unreadable: Fits = |refusal| matches!(refusal, LocalRefusal::BadPayload(_));
    let table: [(Vec<u8>, Result<LocalRefusal, Fits>, u16); 9] = [
        (bad_mac, Ok(is(Fault::BadMac)), 0x8F53),
        (add(5, NEW, 132), Ok(is(replayed)), 0x8F53),
        (close(plain(SUPPLIER, 7, row(7, &NEW.octets()))), Ok(is(Fault::UnknownOriginator(SUPPLIER))), 0x8F3E),
        (plain(ACB, 7, row(7, &NEW.octets())).encode(), Ok(is(Fault::WrongForm)), 0x8F53),
        (close(plain(ACB, 7, other_rows)), Ok(LocalRefusal::WrongRows), 0x8F1E),
        // A counter is taken before the payload is looked at (gbcs-messages 8.1).
        (close(plain(ACB, 7, row(7, &NEW.octets()))), Ok(is(taken)), 0x8F53),
        (close(plain(ACB, 8, row(9, &NEW.octets()))), Ok(LocalRefusal::WrongRows), 0x8F1E),
        (close(plain(ACB, 9, vec![1, 2, 3])), Err(unreadable), 0x8F1E),
        (response_to_chf(), Ok(is(Fault::NotACommand(Cra::Response))), 0x8F1E),
    ];
    for (n, (message, expected, code)) in table.into_iter().enumerate() {
        home.run_for(700);
        home.events.clear();
        home.wan_brings(&message);
        let refusal =
            home.events.iter().find_map(|e| if let Event::ChfRefused(r) = e { Some(r.clone()) } else { None });
        let refusal = refusal.expect("refused");
        assert!(expected.map_or_else(|fits| fits(&refusal), |expected| expected == refusal), "{n}: {refusal:?}");
        assert_eq!(home.logged().last(), Some(&code), "{n}");
        assert!(home.wan.is_empty(), "{n}: no Response");
    }
    // An identifier that is no octet-string(8) fits the shape of the row and is refused by it.
    home.wan_brings(&close(plain(ACB, 10, row(10, &[1, 2, 3]))));
    let response = MessageView::parse(&home.wan[0]).unwrap();
    assert_eq!(AccessResponse::parse(response.payload()).unwrap().answers[0].result.0, 12);
}

/// A Response of the ACB, with the code of a Command that the CHF takes.
fn response_to_chf() -> Vec<u8> {
    let id = MessageId { originator: ACB, target: CHF, cra: Cra::Response, counter: Counter(7) };
    close(Message::plain(GroupingHeader::new(id, MessageCode(0x0002)), vec![0xDA; 12]))
}

#[test]
fn the_logs_the_keys_and_the_counter_survive_a_restart() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&remove(3, PPMID2));
    home.wan_brings(&add(4, NEW, 132));
    let before: Vec<_> =
        home.hub.device_log().iter().map(|d| (d.entry, d.link_key.clone(), d.install_key.clone())).collect();
    home.restart_hub();
    home.set_wan(true);
    let log = home.hub.device_log();
    let after: Vec<_> = log.iter().map(|d| (d.entry, d.link_key.clone(), d.install_key.clone())).collect();
    assert_eq!(after, before);
    assert_eq!(log.historic().map(|old| old.entry.eui).collect::<Vec<_>>(), [PPMID2]);
    home.events.clear();
    home.wan_brings(&add(4, NEW, 132));
    assert!(home.events.iter().any(|e| matches!(e, Event::ChfRefused(LocalRefusal::Check(Fault::Replayed { .. })))));
    home.run_for(5);
    assert!(home.hub.has_tunnel(ESME), "devices that joined are spoken with as before");
}

#[test]
fn a_ppmid_cannot_change_the_device_log_unless_told_so() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.send(PPMID, remove(1, ESME));
    home.run_for(2);
    assert_eq!(home.hub.device_log().kind(ESME), Some(DeviceKind::Esme));
    // An HHT carries it as the WAN does, and gets the Response too.
    home.open(HHT);
    home.run_for(2);
    home.send(HHT, remove(1, PPMID2));
    home.run_for(2);
    assert_eq!(home.hub.device_log().kind(PPMID2), None);
    let answered = |data: &Vec<u8>| MessageView::parse(data).is_ok_and(|view| view.message_code() == MessageCode(2));
    assert!(home.device(HHT).data.iter().any(answered));
}

#[test]
fn a_command_for_the_chf_in_blocks_is_executed_once_and_a_missing_block_asked_for() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    let command = add(1, NEW, 132);
    let blocks = parts(&command, 120).unwrap();
    assert!(blocks.len() > 2);
    for block in [&blocks[..1], &blocks[2..]].concat() {
        home.wan_brings(&block);
    }
    let request = Block::parse(home.wan.last().unwrap()).unwrap();
    assert!(request.is_acknowledgement() && request.acknowledged == 1);
    assert_eq!((request.id.originator, request.id.target), (CHF, ACB));
    assert!(home.hub.device_log().get(NEW).is_none());
    acb.seen = home.wan.len();
    for block in blocks.iter().chain(&blocks) {
        home.wan_brings(block);
    }
    let (responses, logs) = acb.read(&home);
    assert_eq!((responses.len(), logs.len()), (1, 1));
    assert!(responses[0].is_success() && home.hub.device_log().get(NEW).is_some());
}

#[test]
fn a_wrong_block_for_the_chf_costs_one_attempt_and_a_broken_one_nothing() {
    let mut home = Home::ready(Profile::Assured, true);
    let blocks = parts(&add(1, NEW, 132), 120).unwrap();
    let mut wrong = Block::parse(&blocks[0]).unwrap();
    let data: Vec<u8> = wrong.data.iter().map(|octet| octet ^ 1).collect();
    // No message at all: it is dropped when it is whole.
    wrong.data = &data;
    home.wan_brings(&wrong.encode());
    blocks[1..].iter().for_each(|block| home.wan_brings(block));
    assert!(home.hub.device_log().get(NEW).is_none());
    assert_eq!(home.hub.counters().of("block_refused"), 1);
    blocks.iter().for_each(|block| home.wan_brings(block));
    assert!(home.hub.device_log().get(NEW).is_some());
}

/// What a use case asks for, its own data where it writes.
fn rows_of(use_case: &catalogue::UseCase) -> Vec<Row> {
    let row = |row: &catalogue::RowTemplate| match row.choice {
        Choice::GetSelective => Row::get_range(row.class, row.obis, row.index, 0, u32::MAX),
        Choice::Get => Row::get(row.class, row.obis, row.index),
        _ => Row::action(row.class, row.obis, row.index, Data::Null),
    };
    use_case.rows.iter().map(row).collect()
}

#[test]
fn every_read_of_the_chf_in_the_catalogue_is_answered_in_its_type() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    let mut read = 0;
    for (n, use_case) in (1..).zip(catalogue::all()) {
        let of_chf = use_case.is_for(DeviceType::Chf) && use_case.family == Family::Dlms && !use_case.rows.is_empty();
        let gets = use_case.rows.iter().all(|row| matches!(row.choice, Choice::Get | Choice::GetSelective));
        if !of_chf || !gets {
            continue;
        }
        home.wan_brings(&ccs(use_case.code.0, n, rows_of(use_case)));
        let (responses, _) = acb.read(&home);
        let [response] = &responses[..] else { panic!("{}: {responses:?}", use_case.id) };
        for (template, answer) in use_case.rows.iter().zip(&response.answers) {
            assert!(answer.result.is_success(), "{}: {answer:?}", use_case.id);
            assert!(template.answers(answer), "{}: {answer:?}", use_case.id);
            read += 1;
        }
    }
    assert!(read >= 11, "{read}");
    assert!(!home.events.iter().any(|event| matches!(event, Event::Local { .. })), "the hub answers them itself");
}

#[test]
fn the_event_log_is_read_by_time_and_the_security_log_is_another_one() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    // One Command that is done, one whose MAC is another's.
    home.wan_brings(&add(1, NEW, 132));
    let mut forged = add(2, NEW, 132);
    *forged.last_mut().unwrap() ^= 1;
    home.wan_brings(&forged);
    acb.read(&home);
    let mut lines = |home: &mut Home, code: u16, log: u8, from: u32, to: u32| {
        let of = Obis([0, 0, 99, 98, log, 255]);
        home.wan_brings(&ccs(code, 9, [Row::get_range(7, of, 2, from, to)]));
        let (responses, _) = acb.read(home);
        let Data::CompactArray(lines) = &responses[0].answers[0].data else { panic!("{responses:?}") };
        let code = |line: &Data| match line.as_structure() {
            Some([Data::DoubleLongUnsigned(_), Data::LongUnsigned(code), ..]) => *code,
            other => panic!("{other:?}"),
        };
        lines.values().iter().map(code).collect::<Vec<_>>()
    };
    let events = lines(&mut home, 0x0093, 0, 0, u32::MAX);
    assert!(events.contains(&log_code::COMMAND_PASSED) && events.iter().all(|code| *code < 0x8F00), "{events:04X?}");
    let security = lines(&mut home, 0x0094, 1, 0, u32::MAX);
    assert!(security.contains(&log_code::AUTHENTICATION_FAILED), "{security:04X?}");
    assert!(security.iter().all(|code| *code >= 0x8F00));
    assert_eq!(lines(&mut home, 0x0093, 0, 0, 1), [] as [u16; 0], "nothing so long ago");
}

#[test]
fn a_hub_without_a_sub_ghz_radio_cannot_be_told_to_use_one() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut acb = Acb { seen: home.wan.len() };
    let scan = Row::set(1, Obis([0, 0, 94, 44, 10, 1]), 2, Data::Unsigned(0));
    home.wan_brings(&ccs(0x010E, 1, [scan]));
    assert_eq!(acb.results(&home), [1], "hardware fault");
    // Rows of another use case are no Command at all.
    home.wan_brings(&ccs(0x0059, 2, [Row::get(1, Obis([0, 0, 96, 1, 1, 255]), 2)]));
    assert!(home.events.contains(&Event::ChfRefused(LocalRefusal::WrongRows)));
}

/// The key that a device was brought last, with whom, and whether it asked.
fn brought(home: &mut Home, device: Eui64) -> Option<(Key, Eui64, bool)> {
    match home.device(device).keys.last() {
        Some(KeyCommand::Transport { key, partner, initiator }) => Some((key.clone(), *partner, *initiator)),
        _ => None,
    }
}

#[test]
fn two_listed_devices_get_a_link_key_of_their_own_and_another_one_each_time() {
    let mut home = Home::ready(Profile::Assured, true);
    let mut keys = Vec::new();
    for (requester, partner) in [(PPMID, ESME), (ESME, PPMID), (PPMID, ESME)] {
        home.ask_key(requester, partner);
        // Asked again while it is under way, by either: one key all the same.
        home.ask_key(requester, partner);
        home.ask_key(partner, requester);
        home.run_for(10);
        let (key, with, asked) = brought(&mut home, requester).unwrap();
        assert_eq!((with, asked), (partner, true));
        assert_eq!(brought(&mut home, partner), Some((key.clone(), requester, false)));
        assert_eq!(home.events.last(), Some(&Event::PartnerKeyGiven { requester, partner, key: key.clone() }));
        assert!(!keys.contains(&key), "another one each time");
        keys.push(key);
        assert_eq!(home.device(PPMID).keys.len(), keys.len());
    }
    // And after a restart of the hub.
    home.restart_hub();
    home.ask_key(PPMID, ESME);
    home.run_for(10);
    assert!(!keys.contains(&brought(&mut home, PPMID).unwrap().0));
    assert_eq!(brought(&mut home, PPMID).unwrap().0, brought(&mut home, ESME).unwrap().0);
}

#[test]
fn no_link_key_is_given_with_a_device_that_is_not_listed_or_has_not_joined_or_is_the_same() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wan_brings(&add(1, NEW, 132));
    home.wan_brings(&remove(2, PPMID2));
    for partner in [STRANGER, NEW, PPMID2, CHF, ESME] {
        home.ask_key(ESME, partner);
        home.run_for(10);
        assert!(home.events.contains(&Event::PartnerKeyRefused { requester: ESME, partner }), "{partner}");
    }
    // A device that was removed, or never was there, is not even heard.
    for stranger in [PPMID2, STRANGER] {
        home.ask_key(stranger, ESME);
        home.run_for(10);
    }
    assert!(home.devices.iter().all(|device| device.keys.is_empty()));
    assert_eq!(home.hub.counters().of("partner_key_refused"), 5);
}

#[test]
fn whoever_asked_gets_no_key_that_its_partner_did_not_get() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(ESME).deaf = true;
    home.ask_key(PPMID, ESME);
    home.run_for(10);
    assert_eq!(home.events.last(), Some(&Event::PartnerKeyUndelivered { requester: PPMID, partner: ESME }));
    assert_eq!(brought(&mut home, PPMID), None);
    home.device(ESME).deaf = false;
    home.ask_key(PPMID, ESME);
    home.run_for(10);
    assert!(brought(&mut home, PPMID).is_some());
    // A device that leaves meanwhile takes the exchange with it; a key that a device brings is no use to the hub.
    home.ask_key(PPMID, ESME);
    home.wan_brings(&remove(1, ESME));
    home.run_for(10);
    assert_eq!(home.device(PPMID).keys.len(), 1);
    let now = home.now;
    let command = KeyCommand::Transport { key: Key::new([1; 16]), partner: ESME, initiator: false };
    home.device(PPMID).node.send_key(now, CHF, command);
    home.send(PPMID, vec![1]);
    home.run_for(10);
    assert_eq!(home.hub.counters().of("key_command_refused"), 1);
}

#[test]
fn requests_for_link_keys_by_the_thousand_keep_exchanges_few() {
    let mut home = Home::ready(Profile::Assured, true);
    home.device(ESME).deaf = true;
    for n in 0..300 {
        home.ask_key(PPMID, ESME);
        home.ask_key(PPMID, Eui64::from_u64(n));
        home.run_for(1);
    }
    let undelivered = home.events.iter().filter(|event| matches!(event, Event::PartnerKeyUndelivered { .. })).count();
    assert!(undelivered <= 60, "{undelivered}: one at a time for a pair, each as long as the stack tries");
    assert_eq!(brought(&mut home, PPMID), None);
}

#[test]
fn a_command_for_a_ppmid_waits_until_it_has_a_tunnel_again_whatever_came_of_asking_it_for_one() {
    let mut home = Home::ready(Profile::Secmp0038, true);
    home.restart_hub();
    home.run_for(1);
    assert!(!home.hub.has_tunnel(PPMID), "and the PPMID does not know it");
    let command = message(ACB, PPMID, Cra::Command, 9, 0x0129, 2);
    home.wan_brings(&command);
    // This PPMID grants nobody a tunnel, so the hub asks in vain.
    home.run_for(600);
    assert!(!home.device(PPMID).data.contains(&command));
    assert!(!home.events.iter().any(|event| matches!(event, Event::Undelivered { .. })));
    home.device(PPMID).client = Some(Client::new(ClientConfig::at(1)));
    home.open(PPMID);
    home.run_for(600);
    assert_eq!(home.device(PPMID).data.iter().filter(|data| **data == command).count(), 1);
}
