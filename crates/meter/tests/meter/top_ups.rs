//! UTRNs: taken once, whichever way and in whatever order they come.
use crate::home::*;
use gbcs::MessageView;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::{self, Body, Command, ConsumerTopUp, ConsumerTopUpResponse, ZclString};
use gbcs::utrn::Credit;
use meter::{Event, Kind, Refusal, TopUpRefusal};

fn consumer_top_up(digits: &str, from: u8) -> Component {
    let code = ZclString::new(digits.as_bytes()).unwrap();
    Component::new(0, ConsumerTopUp { originating_device: from, code })
}

fn electricity(home: &Home, high: u32, digits: &str) -> Vec<u8> {
    home.dlms(0x0007, u64::from(high) << 32, token(digits))
}

fn gas(home: &Home, high: u32, digits: &str) -> Vec<u8> {
    home.gbz(0x0097, u64::from(high) << 32, [consumer_top_up(digits, 0)])
}

fn answer(home: &Home, response: &[u8]) -> ConsumerTopUpResponse {
    match home.components(response)[0].body() {
        Some(Body::Cluster(Command::ConsumerTopUpResponse(answer))) => answer.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_top_up_is_credited_once_and_its_repetition_is_dropped() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let message = electricity(&home, 3, &home.utrn(Kind::Esme, 3, Credit::Pounds(10)));
    let response = meter.handle_message(NOW, &message).unwrap();
    assert_eq!(home.results(&response), [0]);
    assert!(MessageView::parse(&response).unwrap().date_time().is_some());
    assert_eq!(register(&meter, "meter balance"), "10.00");
    drain(&mut meter);
    assert_eq!(meter.handle_message(NOW, &message), None);
    let (_, events) = drain(&mut meter);
    assert!(matches!(events[0], Event::Refused { refusal: Refusal::Replayed { .. }, .. }));
    assert_eq!(register(&meter, "meter balance"), "10.00");
}

#[test]
fn top_ups_come_in_any_order_and_do_not_stand_in_the_way_of_other_commands() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    for high in [9, 3, 7, 1, 400] {
        let message = electricity(&home, high, &home.utrn(Kind::Esme, high, Credit::Pence(100)));
        assert_eq!(home.results(&meter.handle_message(NOW, &message).unwrap()), [0], "{high}");
    }
    assert_eq!(register(&meter, "meter balance"), "5.00");
    let response = meter.handle_message(NOW, &home.dlms(0x001C, 5, adjust_balance(100_000))).unwrap();
    assert_eq!(home.results(&response), [0], "a small counter is not overtaken by a top-up's");
}

#[test]
fn a_utrn_that_is_not_authentic_fails_its_row_and_may_be_sent_again() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let other = Home { supplier_prepayment: key(77), ..Home::default() };
    let forged = other.utrn(Kind::Esme, 3, Credit::Pounds(100));
    assert_eq!(home.results(&meter.handle_message(NOW, &electricity(&home, 3, &forged)).unwrap()), [250]);
    let (_, events) = drain(&mut meter);
    assert!(events.contains(&Event::TopUpRefused(TopUpRefusal::NotAuthentic)), "{events:?}");
    assert_eq!(meter.event_log().iter().filter(|entry| entry.code == 0x8F63).count(), 1);
    // One made for another meter, or sent under another counter, is no better.
    let for_gas = home.utrn(Kind::Gsme, 3, Credit::Pounds(100));
    let later = home.utrn(Kind::Esme, 4, Credit::Pounds(100));
    for digits in [&for_gas, &later, "12345678910121314156", "73943333457189043314"] {
        assert_eq!(home.results(&meter.handle_message(NOW, &electricity(&home, 3, digits)).unwrap()), [250]);
    }
    let authentic = home.utrn(Kind::Esme, 3, Credit::Pounds(10));
    assert_eq!(home.results(&meter.handle_message(NOW, &electricity(&home, 3, &authentic)).unwrap()), [0]);
    assert_eq!(register(&meter, "meter balance"), "10.00");
}

#[test]
fn gas_says_what_was_wrong_with_a_utrn() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let digits = home.utrn(Kind::Gsme, 6, Credit::Pence(1250));
    let refused = |result| ConsumerTopUpResponse { result, value: -1, source: 0, credit_remaining: -1 };
    let response = meter.handle_message(NOW, &gas(&home, 6, "12345678910121314156")).unwrap();
    assert_eq!(answer(&home, &response), refused(1));
    let response = meter.handle_message(NOW, &gas(&home, 6, &digits)).unwrap();
    let accepted = ConsumerTopUpResponse { result: 0, value: 1_250_000, source: 0, credit_remaining: 1_250_000 };
    assert_eq!(answer(&home, &response), accepted);
    assert_eq!(meter.handle_message(NOW, &gas(&home, 6, &digits)), None);
}

#[test]
fn limits_refuse_a_top_up_and_leave_its_utrn_good() {
    let mut home = Home::default();
    home.factory.maximum_credit = 500_000;
    home.factory.maximum_balance = 800_000;
    let mut meter = home.meter(Kind::Gsme);
    let too_large = gas(&home, 1, &home.utrn(Kind::Gsme, 1, Credit::Pounds(6)));
    assert_eq!(answer(&home, &meter.handle_message(NOW, &too_large).unwrap()).result, 6);
    let fits = gas(&home, 2, &home.utrn(Kind::Gsme, 2, Credit::Pounds(5)));
    assert_eq!(answer(&home, &meter.handle_message(NOW, &fits).unwrap()).result, 0);
    let too_much = gas(&home, 3, &home.utrn(Kind::Gsme, 3, Credit::Pounds(4)));
    assert_eq!(answer(&home, &meter.handle_message(NOW, &too_much).unwrap()).result, 4);
    meter.consume(NOW, 200_000);
    assert_eq!(answer(&home, &meter.handle_message(NOW, &too_much).unwrap()).result, 0);
}

#[test]
fn the_ppmid_enters_what_a_command_brings_too_and_one_of_them_is_a_duplicate() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let digits = home.utrn(Kind::Gsme, 700, Credit::Pounds(3));
    // The PPMID's own counter says nothing of the UTRN: the meter rebuilds it.
    let by_hand = home.ppmid(0x009B, 10_000, consumer_top_up(&digits, 2));
    let response = meter.handle_message(NOW, &by_hand).unwrap();
    assert_eq!(MessageView::parse(&response).unwrap().id().target, PPMID);
    let accepted = ConsumerTopUpResponse { result: 0, value: 300_000, source: 2, credit_remaining: 300_000 };
    assert_eq!(answer(&home, &response), accepted);
    let by_command = answer(&home, &meter.handle_message(NOW, &gas(&home, 700, &digits)).unwrap());
    assert_eq!(by_command.result, 2);
    assert_eq!(register(&meter, "meter balance"), "3.00");
    let again = home.ppmid(0x009B, 10_001, consumer_top_up(&digits, 2));
    assert_eq!(answer(&home, &meter.handle_message(NOW, &again).unwrap()).result, 2);
    let next = home.utrn(Kind::Gsme, 701, Credit::Pounds(1));
    let next_by_hand = home.ppmid(0x009B, 10_002, consumer_top_up(&next, 2));
    assert_eq!(answer(&home, &meter.handle_message(NOW, &next_by_hand).unwrap()).result, 0);
    assert!(meter.event_log().iter().any(|entry| entry.code == 0x810E), "credit added locally");
    // The Command of what was entered by hand is answered, with the refusal of a duplicate, and as often as it comes.
    for _ in 0..2 {
        assert_eq!(answer(&home, &meter.handle_message(NOW, &gas(&home, 701, &next)).unwrap()).result, 2);
    }
    assert_eq!(register(&meter, "meter balance"), "4.00");
}

#[test]
fn a_ppmid_that_is_not_paired_or_speaks_to_electricity_is_refused() {
    let home = Home::default();
    let digits = home.utrn(Kind::Gsme, 1, Credit::Pounds(3));
    let message = home.ppmid(0x009B, 1, consumer_top_up(&digits, 2));
    let mut config = home.config(Kind::Gsme);
    config.ppmid = None;
    let mut meter = meter::Meter::new(config, gbcs::crypto::RustCrypto, None).unwrap();
    assert_eq!(meter.handle_message(NOW, &message), None);
    let mut meter = home.meter(Kind::Gsme);
    let other = Home { ppmid_agreement: key(55), ..Home::default() };
    assert_eq!(meter.handle_message(NOW, &other.ppmid(0x009B, 1, consumer_top_up(&digits, 2))), None);
    // Nor may a PPMID send what only the supplier may.
    assert_eq!(meter.handle_message(NOW, &home.ppmid(0x0097, 1, consumer_top_up(&digits, 2))), None);
    assert!(meter.handle_message(NOW, &message).is_some());
}

#[test]
fn the_ppmid_activates_emergency_credit() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let select = || Component::new(0, zcl::SelectAvailableEmergencyCredit { issue_time: 0, originating_device: 2 });
    let status = |meter: &mut meter::Meter<_>, counter| {
        let response = meter.handle_message(NOW, &home.ppmid(0x0090, counter, select())).unwrap();
        match home.components(&response)[0].body() {
            Some(Body::DefaultResponse { command: 0, status }) => *status,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(status(&mut meter, 1), zcl::Status::SUCCESS);
    assert_eq!(register(&meter, "emergency credit"), "active");
    let mut rich = home.meter(Kind::Gsme);
    let message = gas(&home, 1, &home.utrn(Kind::Gsme, 1, Credit::Pounds(50)));
    rich.handle_message(NOW, &message).unwrap();
    assert_eq!(status(&mut rich, 1), zcl::Status::FAILURE);
}
