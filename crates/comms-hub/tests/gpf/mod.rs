//! The Gas Proxy Function answers every Command that GBCS lets target it, but those for credentials.
use super::report_of;
use crate::common::*;
use comms_hub::event::log_code;
use comms_hub::{Event, LocalRefusal, Profile, RecordError};
use device::check::Fault;
use gbcs::asn1::{self, DeviceKind, EntryOutcome, JoinStatus, LogEntry};
use gbcs::block::{Block, Limits, Progress, Reassembler};
use gbcs::catalogue::{self, Arguments, Category, DeviceType, Family, Originator, UseCase};
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::envelope::GroupingHeader;
use gbcs::gbz::zcl::*;
use gbcs::gbz::{Component, Content, Payload};
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView, Time, protect};
use han::zcl::attributes::Value;
use han::zcl::mirror::{CLUSTER as METERING, FromMirror};
use han::zcl::{Direction, Frame};

const DAY: u32 = 86_400;

/// A Command for the GPF, closed by the ACB as the DCC does.
fn gpf_command(originator: Eui64, counter: u64, code: u16, payload: Vec<u8>) -> Vec<u8> {
    let id = MessageId { originator, target: GPF, cra: Cra::Command, counter: Counter(counter) };
    let plain = Message::plain(GroupingHeader::new(id, MessageCode(code)), payload).encode();
    let z = RustCrypto.agree(&acb_key(), gpf_key().public()).unwrap();
    protect::add_mac(&RustCrypto, &z, &plain).unwrap()
}

fn gpf_ask(originator: Eui64, counter: u64, code: u16, components: impl Into<Vec<Component>>) -> Vec<u8> {
    gpf_command(originator, counter, code, Payload::new(components).encode())
}

/// A read of attributes of the GPF.
fn gpf_read(originator: Eui64, counter: u64, code: u16, reads: &[(u16, &[u16])]) -> Vec<u8> {
    let reads = (0..).zip(reads).map(|(n, (cluster, ids))| Component::read_attributes(n, *cluster, *ids));
    gpf_ask(originator, counter, code, reads.collect::<Vec<_>>())
}

/// The last message of the GPF, whole or in blocks, verified as its reader does.
fn last(home: &Home) -> Vec<u8> {
    let mut blocks = Reassembler::new(Limits::default());
    let complete = |octets: &Vec<u8>| match Block::begins(octets) {
        false => Some(octets.clone()),
        true => match blocks.receive(home.now, octets) {
            Ok(Progress::Complete(message)) => Some(message),
            _ => None,
        },
    };
    let octets = home.wan.iter().filter_map(complete).last().unwrap();
    let view = MessageView::parse(&octets).unwrap();
    assert_eq!(view.id().originator, GPF);
    let reader = if view.id().target == ACB { acb_key() } else { supplier_key() };
    let z = RustCrypto.agree(&reader, gpf_key().public()).unwrap();
    protect::verify_mac(&RustCrypto, &z, &view).unwrap();
    octets
}

/// The bodies of the last Response, decrypted, and which of them were not in the clear.
fn answers(home: &Home) -> Vec<(Body, bool)> {
    let message = last(home);
    let view = MessageView::parse(&message).unwrap();
    let z = RustCrypto.agree(&supplier_key(), gpf_key().public()).unwrap();
    let open = |component: Component| match &component.content {
        Content::Plain(body) => (body.clone(), false),
        Content::Encrypted { blob, .. } => {
            let key = protect::encryption_key(&RustCrypto, &z, &view);
            (component.body_of(&protect::decrypt(&RustCrypto, &key, GPF, blob).unwrap()), true)
        }
    };
    Payload::parse(view.payload()).unwrap().components.into_iter().map(open).collect()
}

/// The gas meter pushes something of its logs.
fn push<C: ClusterCommand>(home: &mut Home, command: C) {
    let mut payload = Vec::new();
    let body: Body = command.into();
    body.encode(&mut payload);
    push_octets(home, C::CLUSTER, C::ID, &payload);
}

fn push_octets(home: &mut Home, cluster: u16, command: u8, payload: &[u8]) {
    let frame = Frame {
        cluster_specific: true,
        manufacturer: None,
        direction: Direction::ToClient,
        disable_default_response: true,
        tsn: 4,
        command,
        payload,
    };
    home.send_zcl(GSME, cluster, 2, frame.to_vec());
    home.run_for(1);
}

/// The meter hears that the mirror wants all it has, and begins.
fn introduce(home: &mut Home) {
    report_of(home, vec![]);
    push(home, price());
}

fn daily(at: u32, total: u32) -> PublishSnapshot {
    PublishSnapshot {
        id: 0,
        time: at,
        found: 1,
        command_index: 0,
        total_commands: 1,
        cause: 1,
        payload_type: 6,
        total: total.into(),
        tiers: 4,
        tier_totals: [0; 4].map(U48::from),
        tiers_and_blocks: 0x14,
        block_totals: [0; 4].map(U48::from),
    }
}

fn price() -> PublishPrice {
    PublishPrice {
        provider: 0,
        rate_label: ZclString::default(),
        issuer_event: 0,
        current_time: 0,
        unit: 0,
        currency: 0x033A,
        price_digits_and_tier: 0x51,
        tiers_and_register_tier: 0x41,
        start: 0,
        duration: 0xFFFF,
        price: 7_000,
        optional: gbcs::Octets::from(vec![0xFF; 19]),
    }
}

/// Half hours that end at `start` and later.
fn half_hours(start: u32, litres: &[u16]) -> GetSampledDataResponse {
    let samples = litres.iter().map(|n| U24::from(*n)).collect();
    GetSampledDataResponse { sample: 1, start, kind: 0, interval: 1_800, count: litres.len() as u16, samples }
}

fn midnight() -> u32 {
    START.zigbee() / DAY * DAY
}

/// GCS17, GCS61: samples from a time on.
fn samples_since(from: u32) -> [Component; 1] {
    [Component::new(0, GetSampledData { sample: 1, from, kind: 0, samples: 800 })]
}

/// GCS16a: the first of the daily reads since then, and how many there are.
fn daily_reads(home: &mut Home, counter: u64, from: u32) -> Vec<u32> {
    let get = |n| Component::new(n, GetSnapshot { from, to: u32::MAX - 1, offset: n, cause: 1 });
    home.wan_brings(&gpf_ask(SUPPLIER, counter, 0x0077, (0..31).map(get).collect::<Vec<_>>()));
    let time = |(body, _): &(Body, bool)| match body {
        Body::Cluster(Command::PublishSnapshot(snapshot)) => Some(snapshot.time),
        _ => None,
    };
    answers(home).iter().filter_map(time).collect()
}

fn litres(home: &Home) -> Option<(u32, u16, Vec<u32>)> {
    match answers(home).remove(0).0 {
        Body::Cluster(Command::GetSampledDataResponse(log)) => {
            Some((log.start, log.interval, log.samples.iter().map(|n| n.value()).collect()))
        }
        _ => None,
    }
}

/// A Command of a use case, from its templates.
fn example(use_case: &UseCase) -> Vec<u8> {
    if use_case.code == MessageCode(0x008C) {
        let log = asn1::DeviceLog { entries: vec![LogEntry { device: GSME, kind: DeviceKind::Gsme }] };
        return asn1::Payload::from(asn1::Content::RestoreDeviceLog(log)).encode();
    }
    let mut components = Vec::new();
    for template in use_case.components {
        for _ in 0..template.most.max(1) {
            let n = components.len() as u8;
            let mut component = match template.arguments {
                Arguments::Attributes(ids) => Component::read_attributes(n, template.cluster, ids),
                _ => {
                    // Nothing but zeros is a payload of every one of these commands, of some length.
                    let body = (0..64).find_map(|length| {
                        let body =
                            Body::parse(template.cluster, template.frame_control, template.command, &vec![0; length]);
                        matches!(body, Body::Cluster(_)).then_some(body)
                    });
                    let (cluster, command) = (template.cluster, template.command);
                    let content = Content::Plain(body.expect(use_case.id));
                    let frame_control = template.frame_control;
                    Component { cluster, from_date_time: None, frame_control, sequence: n, command, content }
                }
            };
            component.from_date_time = template.from_date_time.then_some(0);
            components.push(component);
        }
    }
    Payload::new(components).encode()
}

#[test]
fn every_use_case_with_the_gpf_for_target_is_its_own() {
    let alert = |u: &&UseCase| !matches!(u.category, Category::CriticalAlert | Category::NonCriticalAlert);
    let (mut answered, mut refused) = (0, 0);
    for use_case in catalogue::all().iter().filter(|u| u.is_for(DeviceType::Gpf)).filter(alert) {
        let mut home = Home::ready(Profile::Assured, true);
        let credentials = use_case.id.starts_with("CS02");
        let asker = if use_case.allows(Originator::Supplier) { SUPPLIER } else { ACB };
        let payload = if credentials { vec![0x30, 0] } else { example(use_case) };
        let command = gpf_command(asker, 1, use_case.code.0, payload);
        home.wan_brings(&command);
        let what = (use_case.id, use_case.code);
        assert!(!home.events.iter().any(|e| matches!(e, Event::Local { .. })), "{what:?}");
        if credentials {
            // The payload is none of theirs; the tests of credentials have those that are.
            assert!(home.events.iter().any(|e| matches!(e, Event::GpfRefused(_))), "{what:?}");
            refused += 1;
            continue;
        }
        let executed =
            home.events.iter().any(|e| matches!(e, Event::GpfExecuted { code, .. } if *code == use_case.code));
        assert!(executed, "{what:?}: {:?}", home.events);
        let told: Vec<_> = home.wan.iter().map(|octets| MessageView::parse(octets).unwrap()).collect();
        let response = told.iter().find(|view| view.cra() == Cra::Response).expect(use_case.id);
        assert_eq!(response.id().target, asker, "{what:?}");
        if use_case.family == Family::Gbz {
            let asked = MessageView::parse(&command).unwrap();
            let components = |view: &MessageView<'_>| Payload::parse(view.payload()).unwrap().components.len();
            assert_eq!(components(response), components(&asked), "{what:?}");
        }
        answered += 1;
    }
    assert_eq!((answered, refused), (24, 11));
}

#[test]
fn the_gpf_answers_a_supplier_from_the_mirror_while_the_gas_meter_sleeps() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    let days = Value::new(0x21, &[0x39, 0x05]).unwrap();
    let unit = |id, octets| (id, Value::new(0x22, octets).unwrap());
    report_of(
        &mut home,
        vec![
            (0x0205, days),
            (0x0014, Value::new(0x30, &[2]).unwrap()),
            unit(0x0302, &[0xE8, 3, 0]),
            unit(0x0301, &[1, 0, 0]),
            (0x0300, Value::new(0x30, &[1]).unwrap()),
            (0x0000, Value::new(0x25, &[1, 2, 3, 4, 5, 6]).unwrap()),
        ],
    );
    home.sleep(GSME);
    // GCS33, valve status: all of it was reported.
    home.wan_brings(&gpf_read(SUPPLIER, 1, 0x0082, &[(METERING, &[0x0205, 0x0014])]));
    let record = |id, value| AttributeRecord { id, value };
    let expected = [record(0x0205, Ok(AttributeValue::Unsigned16(1337))), record(0x0014, Ok(AttributeValue::Enum8(2)))];
    assert_eq!(answers(&home), [(Body::ReadAttributesResponse(expected.to_vec()), false)]);
    assert!(home.events.contains(&Event::GpfExecuted { code: MessageCode(0x0082), succeeded: true }));
    // GCS46, the MPRN: the meter has not told it yet.
    home.wan_brings(&gpf_read(SUPPLIER, 2, 0x0089, &[(METERING, &[0x0307])]));
    let missing = vec![record(0x0307, Err(gbcs::gbz::zcl::Status::UNSUPPORTED_ATTRIBUTE))];
    assert_eq!(answers(&home), [(Body::ReadAttributesResponse(missing), false)]);
    assert!(home.events.contains(&Event::GpfExecuted { code: MessageCode(0x0089), succeeded: false }));
    // GCS13a, consumption: for the supplier's eyes, with the time of the report.
    home.now = home.now + std::time::Duration::from_secs(600);
    home.wan_brings(&gpf_read(SUPPLIER, 3, 0x0074, &[(METERING, &[0x0302, 0x0301, 0x0300, 0x0000])]));
    let [(Body::ReadAttributesResponse(records), true)] = &answers(&home)[..] else { panic!("{:?}", answers(&home)) };
    assert_eq!(records.len(), 4);
    let read_at = MessageView::parse(&last(&home)).unwrap().date_time().unwrap().to_vec();
    let reported = home.hub.gas_logs().of(GSME).unwrap().reported_at().unwrap();
    assert!(reported < home.now);
    assert_eq!(read_at, gbcs::dlms::DateTime::at(reported).with_status(0).0);
    // What the meter told survives the hub's loss of power.
    home.restart_hub();
    home.wan_brings(&gpf_read(SUPPLIER, 4, 0x0082, &[(METERING, &[0x0205, 0x0014])]));
    home.set_wan(true);
    assert_eq!(answers(&home), [(Body::ReadAttributesResponse(expected.to_vec()), false)]);
}

#[test]
fn the_gpf_discards_who_may_not_ask_what_is_not_authentic_and_what_is_no_read() {
    let mut home = Home::ready(Profile::Assured, true);
    let valve = &[(METERING, &[0x0205, 0x0014][..])][..];
    let stranger = Eui64::from_u64(0x90B3_D51F_3099_0000);
    let mut forged = gpf_read(SUPPLIER, 3, 0x0082, valve);
    *forged.last_mut().unwrap() ^= 1;
    let unauthorised = Fault::Unauthorised { role: device::Role::AccessControlBroker, code: MessageCode(0x008D) };
    let balance = &[(METERING, &[0x0A00][..]), (0x0705, &[0x0001][..])][..];
    for (octets, refusal, logged) in [
        (
            gpf_read(stranger, 1, 0x0082, valve),
            Fault::UnknownOriginator(stranger).into(),
            log_code::UNAUTHORISED_COMMUNICATION,
        ),
        (gpf_read(ACB, 2, 0x008D, balance), unauthorised.into(), log_code::NO_AUTHORITY),
        (forged, Fault::BadMac.into(), log_code::AUTHENTICATION_FAILED),
        (gpf_read(SUPPLIER, 4, 0x0082, &[(METERING, &[0x0014])]), LocalRefusal::WrongRows, log_code::INTEGRITY_FAILED),
    ] {
        home.wan_brings(&octets);
        assert!(home.events.contains(&Event::GpfRefused(refusal.clone())), "{refusal}");
        assert!(home.hub.gpf_log().any(|entry| entry.code == logged));
    }
    assert_eq!((home.wan.len(), home.hub.counters().of("gpf_refused")), (0, 4), "and no Response");
}

#[test]
fn half_hours_make_profile_and_days_each_counted_once_and_survive_a_power_cut() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    introduce(&mut home);
    let day = midnight() - 3 * DAY;
    // Two days and an hour; the last two frames come twice.
    push(&mut home, half_hours(day + 1_800, &[10; 15]));
    push(&mut home, half_hours(day + 16 * 1_800, &[10; 33]));
    for _ in 0..2 {
        push(&mut home, half_hours(day + DAY + 1_800, &[1; 24]));
        push(&mut home, half_hours(day + DAY + 25 * 1_800, &[1; 26]));
    }
    report_of(&mut home, vec![]);
    for restart in [false, true] {
        if restart {
            home.restart_hub();
            home.set_wan(true);
        }
        home.wan_brings(&gpf_ask(SUPPLIER, 1, 0x00A0, samples_since(0)));
        assert_eq!(litres(&home), Some((day, 0xFFFF, vec![480, 48])), "GCS61: the third day is not over");
        home.wan_brings(&gpf_ask(SUPPLIER, 2, 0x00A0, samples_since(day + 1)));
        assert_eq!(litres(&home), Some((day + DAY, 0xFFFF, vec![48])));
        home.wan_brings(&gpf_ask(SUPPLIER, 3, 0x0078, samples_since(day + DAY)));
        let profile = litres(&home).unwrap();
        assert_eq!((profile.0, profile.1, profile.2.len()), (day + DAY, 1_800, 51), "GCS17");
        home.wan_brings(&gpf_ask(SUPPLIER, 4, 0x00A0, samples_since(midnight())));
        assert_eq!(answers(&home), [(Body::DefaultResponse { command: 8, status: Status::NOT_FOUND }, false)]);
    }
}

#[test]
fn the_mirror_asks_for_history_until_it_is_told_from_the_beginning() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    let wants = |home: &mut Home| {
        report_of(home, vec![]);
        let zcl = home.device(GSME).zcl.last().unwrap().1.clone();
        let frame = Frame::parse(&zcl).unwrap();
        match FromMirror::parse(frame.command, frame.payload) {
            Ok(FromMirror::ReportAttributeResponse(flags)) => flags.wants_history(),
            other => panic!("{other:?}"),
        }
    };
    push(&mut home, price());
    assert!(wants(&mut home), "a meter that knows nothing of the hub's loss");
    push(&mut home, daily(midnight(), 5));
    assert!(wants(&mut home), "it did not hear the first time");
    push(&mut home, price());
    assert!(!wants(&mut home));
}

#[test]
fn a_change_of_tenancy_hides_what_is_older_once_it_has_come() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    let first = midnight() - 5 * DAY;
    (0..5).for_each(|n| push(&mut home, daily(first + n * DAY, n)));
    push(&mut home, half_hours(first + 1_800, &[1; 33]));
    assert_eq!(daily_reads(&mut home, 1, 0).len(), 5);
    let change = |start| {
        [Component::new(0, PublishChangeOfTenancy { provider: 0, issuer_event: 1, kind: 0, start, control: 512 })]
    };
    home.wan_brings(&gpf_ask(SUPPLIER, 2, 0x0072, change(first + 3 * DAY)));
    assert_eq!(answers(&home), [(Body::DefaultResponse { command: 0, status: Status::SUCCESS }, false)]);
    assert_eq!(daily_reads(&mut home, 3, 0), [first + 3 * DAY, first + 4 * DAY]);
    home.wan_brings(&gpf_ask(SUPPLIER, 4, 0x0078, samples_since(0)));
    assert_eq!(litres(&home), None, "all of it is older");
    // The next tenancy begins later: the present one counts until then.
    let later = home.now.zigbee() + 3_600;
    home.wan_brings(&gpf_ask(SUPPLIER, 5, 0x0072, change(later)));
    assert_eq!(daily_reads(&mut home, 6, 0).len(), 2);
    home.now = Time::from_zigbee(later);
    assert!(daily_reads(&mut home, 7, 0).is_empty());
    home.restart_hub();
    home.set_wan(true);
    assert!(daily_reads(&mut home, 8, 0).is_empty(), "a power cut gives nothing back");
}

#[test]
fn cs11_clears_the_event_log_of_the_gpf_and_leaves_its_security_log() {
    let mut home = Home::ready(Profile::Assured, true);
    let codes = |home: &Home| home.hub.gpf_log().map(|entry| entry.code).collect::<Vec<_>>();
    home.wan_brings(&gpf_read(SUPPLIER, 1, 0x0089, &[(METERING, &[0x0307])]));
    home.wan_brings(&gpf_read(STRANGER, 2, 0x0089, &[(METERING, &[0x0307])]));
    assert_eq!(codes(&home), [log_code::COMMAND_NOT_PASSED, log_code::UNAUTHORISED_COMMUNICATION]);
    home.wan_brings(&gpf_ask(SUPPLIER, 3, 0x0015, [Component::new(0, ClearEventLog { log: 3 })]));
    let cleared = Body::Cluster(Command::ClearEventLogResponse(ClearEventLogResponse { cleared: 8 }));
    assert_eq!(answers(&home), [(cleared, false)]);
    let after = [log_code::UNAUTHORISED_COMMUNICATION, log_code::EVENT_LOG_CLEARED, log_code::COMMAND_PASSED];
    assert_eq!(codes(&home), after);
    // The security log is nobody's to clear.
    home.wan_brings(&gpf_ask(SUPPLIER, 4, 0x0015, [Component::new(0, ClearEventLog { log: 4 })]));
    assert_eq!(answers(&home), [(Body::DefaultResponse { command: 1, status: Status::NOT_AUTHORIZED }, false)]);
    home.restart_hub();
    assert_eq!(codes(&home)[..3], after);
}

#[test]
fn gcs59_restores_the_device_log_and_gcs62_tells_of_each_change() {
    let mut home = Home::ready(Profile::Assured, true);
    let entry = |device, kind| LogEntry { device, kind };
    let log = [entry(GSME, DeviceKind::Gsme), entry(PPMID, DeviceKind::Ppmid)];
    let restore = |home: &mut Home, counter, entries: &[LogEntry]| {
        let log = asn1::DeviceLog { entries: entries.to_vec() };
        let payload = asn1::Payload::from(asn1::Content::RestoreDeviceLog(log)).encode();
        home.wan.clear();
        home.wan_brings(&gpf_command(ACB, counter, 0x008C, payload));
        let content = |octets: &Vec<u8>| {
            let view = MessageView::parse(octets).unwrap();
            asn1::Payload::parse(view.message_code(), view.cra(), view.payload()).unwrap().into_content()
        };
        home.wan.iter().map(content).collect::<Vec<_>>()
    };
    let told = restore(&mut home, 1, &log);
    let outcomes: Vec<_> =
        log.iter().map(|entry| EntryOutcome { entry: *entry, status: JoinStatus::Success }).collect();
    let [asn1::Content::DeviceLogRestored(restored), asn1::Content::DeviceLogAlert(alert)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(restored.outcomes, outcomes);
    assert_eq!((alert.code, &alert.entries[..]), (0x8071, &log[..]));
    assert_eq!(MessageView::parse(&last(&home)).unwrap().id().target, ACB);
    // What is as it was is no change; one device twice is refused, and so is one too many.
    assert_eq!(restore(&mut home, 2, &log).len(), 1);
    let twice = restore(&mut home, 3, &[log[0], entry(GSME, DeviceKind::Type2)]);
    let asn1::Content::DeviceLogRestored(restored) = &twice[0] else { panic!("{twice:?}") };
    assert_eq!(restored.outcomes[1].status, JoinStatus::ConflictingEntry);
    let many: Vec<_> = (0..17).map(|n| entry(Eui64::from_u64(n), DeviceKind::Type2)).collect();
    let told = restore(&mut home, 4, &many);
    let asn1::Content::DeviceLogRestored(restored) = &told[0] else { panic!("{told:?}") };
    assert_eq!(
        (restored.outcomes[15].status, restored.outcomes[16].status),
        (JoinStatus::Success, JoinStatus::LogFull)
    );
    home.restart_hub();
    assert_eq!(home.hub.gpf().devices().len(), 16);
}

#[test]
fn a_record_of_gas_that_is_damaged_or_of_another_version_is_refused_and_changes_nothing() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    push(&mut home, daily(midnight(), 5));
    report_of(&mut home, vec![(0x0205, Value::new(0x21, &[0x39, 0x05]).unwrap())]);
    let (record, logs) = (home.gas_record.clone().unwrap(), home.hub.gas_logs().clone());
    for cut in [0, 1, record.len() / 2, record.len() - 1] {
        assert!(matches!(home.hub.restore_gas(&record[..cut]), Err(RecordError::Damaged(_))), "{cut}");
    }
    let mut newer = record.clone();
    assert_eq!(newer[1], 1, "the version comes first in the array");
    newer[1] = 2;
    assert!(matches!(home.hub.restore_gas(&newer), Err(RecordError::Version(2))));
    assert_eq!(home.hub.gas_logs(), &logs);
    assert!(home.hub.mirror().value(GSME, METERING, 0x0205).is_some());
    home.hub.restore_gas(&record).unwrap();
    assert_eq!(home.hub.gas_logs(), &logs);
}

#[test]
fn whatever_a_gas_meter_pushes_the_record_stays_within_its_bound() {
    let mut home = Home::ready(Profile::Assured, true);
    home.wake(GSME);
    introduce(&mut home);
    let mut at = midnight() - 400 * DAY;
    for n in 0..400u32 {
        push(&mut home, PublishSnapshot { cause: n % 4, ..daily(at, n) });
        let entry = TopUp { code: ZclString::new(*b"12345678901234567890").unwrap(), value: n, time: at };
        push(&mut home, PublishTopUpLog { command_index: 0, total_commands: 1, entries: vec![entry] });
        push(&mut home, half_hours(at + 1_800, &[u16::MAX; 48][..16]));
        push_octets(&mut home, METERING, 0x07, &[0xFF; 58]);
        push_octets(&mut home, METERING, 0x06, &[n as u8; 40]);
        at += DAY;
    }
    report_of(&mut home, vec![]);
    let record = home.gas_record.as_ref().unwrap().len();
    assert!(record < 8 * 1024 + 3 * 5_856, "{record}");
    assert_eq!(daily_reads(&mut home, 1, 0).len(), 31);
}
