//! Requests with a date: kept by the DCC, or by the device (DUIS 4.7).
use crate::common::desk::*;
use crate::common::*;
use dcc::{Device, DeviceStatus};
use duis::body::{PaymentMode, PrepaymentMode, UpdatePaymentMode};
use duis::response::answer::FutureDatedOutcome;
use duis::{Body, CommandVariant, Content, Execution, Request};
use gbcs::dlms::{Access, Apdu, Data, DataNotification, DateTime, InvokeId};
use gbcs::{Counter, Cra, GroupingHeader, MessageCode, MessageId, MessageView, Payload, Time};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

fn at(after: Duration) -> Execution {
    Execution::At(START + after)
}

#[test]
fn a_request_is_kept_until_its_date_and_then_sent() {
    let desk = Desk::new();
    assert_eq!(desk.code(&read_balance_at(1, at(2 * DAY))), "I99");
    assert_eq!(desk.code(&read_balance_at(1, at(2 * DAY))), "E57");
    desk.pass(2 * DAY - Duration::from_secs(1));
    assert!(desk.sent().is_empty());
    desk.pass(Duration::from_secs(1));
    let command = desk.sent_one();
    assert_eq!(MessageView::parse(&command).unwrap().id(), id(ESME, 1).command());
    desk.brought(&answer(&command, true));
    assert_eq!(desk.told_one().request_id, Some(id(ESME, 1)));
    desk.pass(3 * DAY);
    assert!(desk.sent().is_empty() && desk.told().is_empty());
}

#[test]
fn a_date_that_passed_while_nobody_looked_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcc.sqlite");
    Desk::with(config(None), Some(&path)).ask(&read_balance_at(1, at(DAY)));
    let desk = Desk::at(START + 3 * DAY, config(None), Some(&path));
    assert_eq!(desk.sent().len(), 1);
    assert!(desk.sent().is_empty());
}

#[test]
fn everything_is_checked_again_at_the_date() {
    let desk = Desk::new();
    for counter in 1..=3 {
        assert_eq!(desk.code(&read_balance_at(counter, at(counter as u32 * DAY))), "I99");
    }
    let change = |change: &dyn Fn(&mut Device)| {
        let mut device = desk.gateway.store.device(ESME).unwrap().unwrap();
        change(&mut device);
        desk.gateway.store.put(&device).unwrap();
    };
    desk.pass(DAY);
    assert_eq!(desk.sent().len(), 1);
    change(&|device| device.status = DeviceStatus::Withdrawn);
    desk.pass(DAY);
    let refused = desk.told_one();
    assert_eq!((refused.code.as_str(), refused.request_id), ("E5", Some(id(ESME, 2))));
    change(&|device| (device.status, device.supplier) = (DeviceStatus::Commissioned, Some(OTHER_SUPPLIER)));
    desk.pass(DAY);
    let refused = desk.told_one();
    assert_eq!((refused.code.as_str(), refused.request_id), ("E4", Some(id(ESME, 3))));
    assert!(desk.sent().is_empty());
}

#[test]
fn a_request_is_cancelled_by_the_date_that_means_it() {
    let desk = Desk::new();
    assert_eq!(desk.code(&read_balance_at(1, Execution::Cancel)), "E45", "nothing waits");
    desk.ask(&read_balance_at(2, at(DAY)));
    let mode = |counter, execution| {
        let body = Body::Plain { element: "ReadInstantaneousPrepayValues", execution };
        request(ESME, counter, "4.3", CommandVariant::Send, body)
    };
    assert_eq!(desk.code(&mode(3, at(DAY))), "I99");
    assert_eq!(desk.code(&read_balance_at(1, Execution::Cancel)), "I0", "its name was not used");
    let cancelled = desk.told_one();
    assert_eq!((cancelled.code.as_str(), cancelled.request_id), ("E46", Some(id(ESME, 2))));
    assert_eq!(desk.code(&read_balance_at(4, Execution::Cancel)), "E45");
    desk.pass(2 * DAY);
    assert_eq!(desk.sent().len(), 1, "the other service's");
}

#[test]
fn a_date_too_far_ahead_or_in_the_past_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.code(&read_balance_at(1, at(30 * DAY + Duration::from_millis(1)))), "E44");
    assert_eq!(desk.code(&read_balance_at(1, Execution::At(Time(START.0 - 300_001)))), "E44");
    assert_eq!(desk.code(&read_balance_at(1, at(30 * DAY))), "I99");
    assert_eq!(desk.code(&read_balance_at(2, Execution::At(Time(START.0 - 300_000)))), "I99", "clocks differ");
    assert_eq!(desk.sent().len(), 1, "the second is sent at once");
}

#[test]
fn a_command_that_was_kept_until_its_date_ends_with_e30_when_nobody_answers() {
    let desk = Desk::new();
    desk.ask(&read_balance_at(1, at(DAY)));
    desk.ask(&read_balance(2));
    desk.pass(DAY);
    assert_eq!(desk.sent().len(), 2);
    for counter in [1, 2] {
        desk.gateway.give_up(id(ESME, counter), "4.18".parse().unwrap(), true, desk.now()).unwrap();
    }
    let told: Vec<_> = desk.told().iter().map(|response| response.code.to_string()).collect();
    assert_eq!(told, ["E30", "E21"]);
}

/// SRV 1.6: prepayment, from a date on.
fn prepayment(counter: u64, execution: Execution) -> Request {
    let mode = PrepaymentMode { suspend_debt_disabled: false, suspend_debt_emergency: false, disablement_threshold: 0 };
    let body = Body::UpdatePaymentMode(UpdatePaymentMode { execution, to: PaymentMode::Prepayment(mode) });
    request(ESME, counter, "1.6", CommandVariant::Transform, body)
}

/// A dated Command, sent; and the attributes that hold its date.
fn dated_command(desk: &Desk, request: &Request) -> (Vec<u8>, Vec<[u8; 9]>) {
    let payload = desk.sign(request);
    assert_eq!(desk.code(&with_signature(request, CommandVariant::SendSigned, payload)), "I99");
    let command = desk.sent_one();
    let Ok(Payload::Dlms(Apdu::Request(asked))) = Payload::of(&MessageView::parse(&command).unwrap()) else { panic!() };
    let dated = asked.rows.iter().filter(
        |row| matches!((&row.access, &row.data), (Access::Set, Data::OctetString(octets)) if octets.len() == 12),
    );
    let names = dated.map(|row| {
        let mut name = [0; 9];
        name[..2].copy_from_slice(&row.class.to_be_bytes());
        name[2..8].copy_from_slice(&row.obis.0);
        name[8] = row.index;
        name
    });
    let names = names.collect();
    (command, names)
}

/// The Alert of the meter about one dated attribute of a Command.
fn dated_alert(command: &[u8], attribute: &[u8; 9], code: u16, counter: u64) -> Vec<u8> {
    let view = MessageView::parse(command).unwrap();
    let mut about = view.message_code().0.to_be_bytes().to_vec();
    about.extend_from_slice(&view.id().counter.0.to_be_bytes());
    about.extend_from_slice(attribute);
    let notification = DataNotification {
        invoke: InvokeId::of(Counter(counter)),
        code,
        time: DateTime::at(START),
        further: vec![Data::octets(about)],
    };
    let id = MessageId { originator: ESME, target: SUPPLIER, cra: Cra::Alert, counter: Counter(counter) };
    let payload = Payload::Dlms(Apdu::Notification(notification)).encode();
    signed_by_meter(GroupingHeader::new(id, MessageCode(0x00CC)), payload)
}

/// A Response of the meter to a critical Command, each row of which it did.
fn done(command: &[u8]) -> Vec<u8> {
    let view = MessageView::parse(command).unwrap();
    let Ok(Payload::Dlms(Apdu::Request(asked))) = Payload::of(&view) else { panic!() };
    let count = asked.rows.len() as u8;
    let mut payload = vec![0xDA, 0x20, 0, 0, 1, 0, 0, count];
    payload.resize(payload.len() + usize::from(count), 0);
    payload.push(count);
    for row in &asked.rows {
        payload.extend_from_slice(&[row.access.choice() as u8, 0]);
    }
    signed_by_meter(GroupingHeader::new(view.id().answer(), view.message_code()), payload)
}

#[test]
fn each_alert_about_a_date_inside_a_command_is_told_as_the_outcome_of_its_request() {
    let desk = Desk::new();
    let (command, attributes) = dated_command(&desk, &prepayment(1, at(DAY)));
    assert_eq!(attributes.len(), 2, "threshold and mode");
    desk.brought(&done(&command));
    assert!(matches!(desk.told_one().content(), Some(Content::DeviceResponse(_))));
    desk.pass(DAY);
    for (n, (attribute, code)) in attributes.iter().zip([0x8F66, 0x8F67]).enumerate() {
        let octets = dated_alert(&command, attribute, code, 2000 + n as u64);
        desk.brought(&octets);
        desk.brought(&octets);
        let response = desk.told_one();
        assert_eq!(response.request_id, Some(id(ESME, 1)));
        let Some(Content::FutureDatedAlert(alert)) = response.content() else { panic!("{response:?}") };
        assert_eq!((alert.instruction, alert.instructions), (n as u16 + 1, 2));
        assert_eq!(alert.outcome == FutureDatedOutcome::Done, code == 0x8F66);
        assert_eq!(alert.payload, octets);
    }
    desk.pass(3 * DAY);
    assert!(desk.told().is_empty(), "all was told");
}

#[test]
fn a_device_that_does_not_tell_in_time_what_it_did_is_told_as_e30() {
    let desk = Desk::new();
    let (command, attributes) = dated_command(&desk, &prepayment(1, at(DAY)));
    desk.brought(&done(&command));
    desk.told();
    desk.pass(DAY);
    desk.brought(&dated_alert(&command, &attributes[0], 0x8F66, 2000));
    assert_eq!(desk.told().len(), 1);
    desk.pass(DAY);
    let response = desk.told_one();
    assert_eq!((response.code.as_str(), response.request_id), ("E30", Some(id(ESME, 1))));
    // Late, and told all the same.
    desk.brought(&dated_alert(&command, &attributes[1], 0x8F66, 2001));
    assert!(matches!(desk.told_one().content(), Some(Content::FutureDatedAlert(_))));
}

#[test]
fn a_date_that_the_device_was_told_to_forget_is_not_waited_for() {
    let desk = Desk::new();
    let (command, _) = dated_command(&desk, &prepayment(1, at(DAY)));
    desk.brought(&done(&command));
    let (cancel, _) = dated_command(&desk, &prepayment(2, Execution::Cancel));
    desk.brought(&done(&cancel));
    assert_eq!(desk.told().len(), 2);
    desk.pass(5 * DAY);
    assert!(desk.told().is_empty());
}

#[test]
fn a_signed_pre_command_keeps_the_date_that_was_transformed() {
    let desk = Desk::new();
    let asked = prepayment(1, at(DAY));
    let payload = desk.sign(&asked);
    let other = prepayment(1, at(2 * DAY));
    assert_eq!(desk.code(&with_signature(&other, CommandVariant::SendSigned, payload.clone())), "E58");
    let silent = prepayment(1, Execution::Immediate);
    assert_eq!(desk.code(&with_signature(&silent, CommandVariant::SendSigned, payload)), "I99");
    desk.pass(2 * DAY);
    assert!(desk.told().iter().any(|response| response.code.as_str() == "E30"), "it is known to be dated");
    let far = prepayment(2, at(33 * DAY));
    let payload = desk.sign(&far);
    assert_eq!(desk.code(&with_signature(&far, CommandVariant::SendSigned, payload)), "E44");
}

/// All Alerts of the reference data about dates, beside the Commands they are about.
#[test]
fn the_alerts_of_the_reference_data_number_the_instructions_of_their_commands() {
    let Ok(text) = std::fs::read_to_string(shared("rtds/messages.jsonl")) else {
        eprintln!("skipped: no reference data");
        return;
    };
    let messages: Vec<(String, Vec<u8>)> = text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let hex = line["hex"].as_str().unwrap();
            let octets = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            (line["name"].as_str().unwrap().to_owned(), octets.collect())
        })
        .collect();
    let commands: BTreeMap<_, _> = messages
        .iter()
        .filter(|(name, _)| name.contains("FUTURE_DATED") && name.ends_with("_COMMAND"))
        .filter_map(|(_, octets)| MessageView::parse(octets).ok())
        .map(|view| ((view.id().originator, view.id().target, view.id().counter, view.message_code().0), view))
        .collect();
    let mut told = BTreeMap::<_, Vec<(u16, u16)>>::new();
    for (name, octets) in messages.iter().filter(|(name, _)| name.contains("8F66") || name.contains("8F67")) {
        let alert = MessageView::parse(octets).unwrap();
        let about = dcc::dated::told(&alert).unwrap_or_else(|| panic!("{name} is about a date"));
        assert_eq!(about.done, name.contains("8F66"), "{name}");
        let (device, target) = (alert.id().originator, alert.id().target);
        let found = commands.iter().find(|((originator, to, counter, code), _)| {
            (*originator, *to, *counter) == (target, device, about.counter) && name_has_code(name, *code)
        });
        let Some((key, command)) = found else {
            eprintln!("{name}: its Command is not among the reference data");
            continue;
        };
        let place = about.place_in(command).unwrap_or_else(|| panic!("{name}: not an instruction of its Command"));
        told.entry(*key).or_default().push(place);
    }
    assert!(told.len() > 10, "{} Commands", told.len());
    for (key, mut places) in told {
        places.sort_unstable();
        let of = places[0].1;
        assert!(places.iter().all(|(_, total)| *total == of), "{key:?}: {places:?}");
        assert!(places.windows(2).all(|pair| pair[0].0 < pair[1].0), "{key:?}: {places:?}");
        assert!(usize::from(of) >= places.len(), "{key:?}: {places:?}");
    }
}

/// Whether a name starts with the use case of a message code.
fn name_has_code(name: &str, code: u16) -> bool {
    let use_case = name.split('_').next().unwrap_or_default();
    duis::catalogue::by_code(MessageCode(code))
        .any(|e| e.use_cases.iter().any(|u| u.name == use_case && u.code.0 == code))
}
