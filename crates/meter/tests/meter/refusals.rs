//! Every check of the sequence, failed by one Command each (gbcs-messages 8.1).
use crate::home::*;
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::{AccessRequest, Data, Row};
use gbcs::envelope::{GroupingHeader, Message};
use gbcs::gbz::{self, Component, Content};
use gbcs::protect::Mode;
use gbcs::{Counter, Cra, MessageCode, MessageId, MessageView, protect};
use meter::{Event, Kind, Refusal, Role, Usage};

/// A refused Command has no Response; the refusal, and whether the meter wants to store anything.
fn refused(meter: &mut meter::Meter<RustCrypto>, message: &[u8]) -> Refusal {
    let before = meter.registers();
    assert_eq!(meter.handle_message(NOW, message), None);
    assert_eq!(meter.registers(), before, "a refused Command changed something");
    let (_, events) = drain(meter);
    events
        .into_iter()
        .find_map(|event| if let Event::Refused { refusal, .. } = event { Some(refusal) } else { None })
        .expect("an event that says why")
}

fn good(home: &Home, counter: u64) -> Vec<u8> {
    home.dlms(0x001C, counter, adjust_balance(1_200_000))
}

fn payload(counter: u64) -> Vec<u8> {
    AccessRequest::new(Counter(counter), adjust_balance(1_200_000)).encode()
}

#[test]
fn step_1_octets_that_are_no_message_are_discarded() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let mut left_over = good(&home, 1);
    left_over.push(0);
    for octets in [&[][..], b"hello", &left_over, &good(&home, 1)[..50]] {
        assert!(matches!(refused(&mut meter, octets), Refusal::Malformed(_)));
    }
    assert_eq!(meter.security_log().iter().filter(|entry| entry.code == 0x8F1E).count(), 4);
}

#[test]
fn step_2_messages_for_others_and_what_is_no_command_are_discarded_without_a_log_entry() {
    let home = Home::default();
    let mut gas = home.meter(Kind::Gsme);
    assert_eq!(refused(&mut gas, &good(&home, 1)), Refusal::NotForUs(ESME));
    let mut meter = home.meter(Kind::Esme);
    let id = MessageId { originator: SUPPLIER, target: ESME, cra: Cra::Response, counter: Counter(1) };
    let response = Message::plain(GroupingHeader::new(id, MessageCode(0x1C)), payload(1)).encode();
    assert_eq!(refused(&mut meter, &response), Refusal::NotACommand(Cra::Response));
    assert_eq!(gas.security_log().iter().count() + meter.security_log().iter().count(), 0);
}

#[test]
fn step_3_use_cases_of_no_or_another_device_are_discarded_and_alerted_by_electricity() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    for (code, expected) in [
        (0xEEEE, Refusal::UnknownUseCase(MessageCode(0xEEEE))),
        (0x0086, Refusal::UnknownUseCase(MessageCode(0x0086))),
        (0x00CC, Refusal::UnknownUseCase(MessageCode(0x00CC))),
    ] {
        let message = home.critical(Kind::Esme, code, 1, payload(1));
        assert_eq!(refused(&mut meter, &message), expected);
    }
    assert_eq!(meter.outbox_len(), 1, "one Alert an hour");
}

#[test]
fn step_4_a_party_without_a_trust_anchor_is_discarded() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let plain = home.plain(Kind::Esme, STRANGER, 0x1C, 1, payload(1));
    let message = home.mac(&protect::sign(&RustCrypto, &key(99), &plain).unwrap());
    assert_eq!(refused(&mut meter, &message), Refusal::UnknownOriginator(STRANGER));
    assert_eq!(meter.security_log().iter().next().unwrap().code, 0x8F3E);
}

#[test]
fn step_5_a_role_that_may_not_is_discarded_and_the_supplier_told() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let plain = home.plain(Kind::Esme, NETWORK, 0x1C, 1, payload(1));
    let message = home.mac(&protect::sign(&RustCrypto, &home.network, &plain).unwrap());
    let expected = Refusal::Unauthorised { role: Role::NetworkOperator, code: MessageCode(0x1C) };
    assert_eq!(refused(&mut meter, &message), expected);
    assert_eq!(refused(&mut meter, &message), expected);
    assert_eq!(meter.outbox_len(), 1, "one Alert an hour, however often");
}

#[test]
fn step_6_protection_that_is_not_that_of_the_use_case_is_discarded() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let plain = home.plain(Kind::Esme, SUPPLIER, 0x1C, 1, payload(1));
    let signed = protect::sign(&RustCrypto, &home.supplier, &plain).unwrap();
    let read = [Row::get(112, obis(19, 10, 0), 2)];
    let read = AccessRequest::new(Counter(1), read).encode();
    for message in [plain.clone(), signed, home.mac(&plain), home.critical(Kind::Esme, 0x0069, 1, read)] {
        assert_eq!(refused(&mut meter, &message), Refusal::WrongForm);
    }
}

#[test]
fn step_7_a_mac_that_is_not_the_acbs_is_discarded() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let mut message = good(&home, 1);
    *message.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&mut meter, &message), Refusal::BadMac);
    let other = Home { acb_agreement: key(66), ..Home::default() };
    assert_eq!(refused(&mut meter, &good(&other, 1)), Refusal::BadMac);
    assert!(meter.handle_message(NOW, &good(&home, 1)).is_some(), "a bad MAC used up no counter");
}

#[test]
fn step_8_a_replayed_counter_is_discarded_without_a_response() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    assert!(meter.handle_message(NOW, &good(&home, 7)).is_some());
    drain(&mut meter);
    for counter in [7, 6, 0] {
        let expected = Refusal::Replayed { stored: Counter(7), found: Counter(counter) };
        assert_eq!(refused(&mut meter, &good(&home, counter)), expected);
    }
    assert_eq!(register(&meter, "meter balance"), "12.00");
}

#[test]
fn step_9_a_signature_that_is_not_the_originators_is_discarded_and_costs_no_counter() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let other = Home { supplier: key(66), ..Home::default() };
    assert_eq!(refused(&mut meter, &good(&other, 1)), Refusal::BadSignature);
    assert!(meter.handle_message(NOW, &good(&home, 1)).is_some());
}

#[test]
fn step_11_rows_that_are_not_those_of_the_use_case_are_discarded_with_their_counter_spent() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let balance = obis(19, 10, 0);
    let wrong: [Vec<Row>; 5] = [
        vec![],
        vec![Row::action(112, balance, 1, Data::DoubleLong(1)), Row::action(112, balance, 1, Data::DoubleLong(1))],
        vec![Row::action(112, balance, 2, Data::DoubleLong(1))],
        vec![Row::action(112, balance, 1, Data::Long(1))],
        vec![Row::set(112, balance, 1, Data::DoubleLong(1))],
    ];
    for (counter, rows) in (1..).zip(wrong) {
        let message = home.dlms(0x001C, counter, rows);
        let refusal = refused(&mut meter, &message);
        assert!(matches!(refusal, Refusal::WrongRows | Refusal::BadPayload(_)), "{refusal:?}");
        assert!(matches!(refused(&mut meter, &message), Refusal::Replayed { .. }), "its counter is spent");
    }
    // An invoke-id that is not the counter's.
    let message = home.critical(Kind::Esme, 0x1C, 20, payload(21));
    assert_eq!(refused(&mut meter, &message), Refusal::WrongRows);
}

#[test]
fn a_counter_spent_on_a_bad_payload_is_spent_after_a_power_cut_too() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let message = home.dlms(0x001C, 5, [Row::action(112, obis(19, 10, 0), 2, Data::DoubleLong(1))]);
    assert_eq!(meter.handle_message(NOW, &message), None);
    let (states, _) = drain(&mut meter);
    let mut again = meter::Meter::new(home.config(Kind::Esme), RustCrypto, states.last().map(Vec::as_slice)).unwrap();
    assert!(matches!(refused(&mut again, &good(&home, 5)), Refusal::Replayed { .. }));
    assert!(again.handle_message(NOW, &good(&home, 6)).is_some());
}

#[test]
fn what_nobody_authenticated_makes_the_meter_store_nothing() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let mut message = good(&home, 1);
    *message.last_mut().unwrap() ^= 1;
    for octets in [&message[..], b"noise"] {
        assert_eq!(meter.handle_message(NOW, octets), None);
        let (states, _) = drain(&mut meter);
        assert!(states.is_empty(), "anyone could wear the memory out");
    }
}

#[test]
fn step_12_a_reader_without_a_key_here_gets_no_answer_and_any_other_one_of_its_own() {
    let home = Home::default();
    let read = [Component::read_attributes(0, 0x0702, [0x0302, 0x0301, 0x0300, 0x0000])];
    let plain = home.plain(Kind::Gsme, NETWORK, 0x0074, 5, gbz::Payload::new(read).encode());
    let message = home.mac(&plain);
    let mut config = home.config(Kind::Gsme);
    config.anchors.retain(|anchor| anchor.eui != NETWORK || anchor.usage == Usage::DigitalSignature);
    let mut meter = meter::Meter::new(config, RustCrypto, None).unwrap();
    assert_eq!(refused(&mut meter, &message), Refusal::NoReaderKey(NETWORK));

    let mut meter = home.meter(Kind::Gsme);
    let response = meter.handle_message(NOW, &message).unwrap();
    let Content::Encrypted { blob, .. } = &home.components(&response)[0].content else { panic!("in the clear") };
    let secret = RustCrypto.agree(&home.network_agreement, home.device_agreement.public()).unwrap();
    let key = protect::derive(&RustCrypto, &secret, Mode::Encryption, GSME, Counter(5), NETWORK);
    assert!(protect::decrypt(&RustCrypto, &key, GSME, blob).is_ok());
}

#[test]
fn ten_refusals_in_an_hour_are_an_alert_once() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let mut message = good(&home, 1);
    *message.last_mut().unwrap() ^= 1;
    let mut alerts = Vec::new();
    for _ in 0..25 {
        meter.handle_message(NOW, &message);
        alerts.extend(drain(&mut meter).1.into_iter().filter(|event| matches!(event, Event::Alert { .. })));
    }
    assert!(matches!(alerts[..], [Event::Alert { alert: 0x8F60, .. }]), "{alerts:?}");
}

#[test]
fn an_alert_is_signed_by_the_meter_and_for_the_supplier() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let plain = home.plain(Kind::Esme, NETWORK, 0x1C, 1, payload(1));
    meter.handle_message(NOW, &home.mac(&protect::sign(&RustCrypto, &home.network, &plain).unwrap()));
    let alert = meter.outbox().next().expect("an Alert").to_vec();
    let payload = home.verify(&alert);
    let view = MessageView::parse(&alert).unwrap();
    assert_eq!((view.id().target, view.cra(), view.message_code()), (SUPPLIER, Cra::Alert, MessageCode(0x1000)));
    let notification = gbcs::dlms::DataNotification::parse(&payload).unwrap();
    assert_eq!((notification.code, notification.further.len()), (0x8F30, 0));
}

#[test]
fn other_rows_are_executed_when_rows_need_not_be_strict() {
    let home = Home::default();
    let mut config = home.config(Kind::Esme);
    config.strict_rows = false;
    let mut meter = meter::Meter::new(config, RustCrypto, None).unwrap();
    let rows = [adjust_balance(5)[0].clone(), adjust_balance(6)[0].clone()];
    let response = meter.handle_message(NOW, &home.dlms(0x001C, 1, rows)).unwrap();
    assert_eq!(home.results(&response), [0, 0]);
    assert_eq!(register(&meter, "meter balance"), "0.00011");
}
