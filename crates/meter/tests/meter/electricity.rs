//! Commands of a prepayment home on the electricity meter.
use crate::home::*;
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::{AccessResponse, BitString, Data, DataNotification, DateTime, Obis, Row, When};
use gbcs::protect::{self, Mode};
use gbcs::{Cra, MessageCode, MessageView, Time};
use meter::{Event, Kind, Meter, Outcome};

const HOUR: u64 = 3_600_000;

fn run(home: &Home, meter: &mut Meter<RustCrypto>, now: Time, message: &[u8]) -> (Vec<u8>, Vec<Event>) {
    let response = meter.handle_message(now, message).expect("a Response");
    let view = MessageView::parse(message).unwrap();
    let answer = MessageView::parse(&response).unwrap();
    assert_eq!(answer.id(), view.id().answer());
    assert_eq!(answer.message_code(), view.message_code());
    let (states, events) = drain(meter);
    assert!(!states.is_empty(), "the state is stored");
    (home.results(&response), events)
}

/// `{ {integer, integer scale}, {class, OBIS, attribute}, array { index, long } }`
fn unit_charge(scale: i8, entries: &[(&[u8], i16)]) -> Data {
    let entry = |(index, price): &(&[u8], i16)| Data::structure([Data::octets(*index), Data::Long(*price)]);
    Data::structure([
        Data::structure([Data::Integer(0), Data::Integer(scale)]),
        Data::structure([Data::LongUnsigned(0), Data::octets([0; 6]), Data::Integer(0)]),
        Data::array(entries.iter().map(entry).collect::<Vec<_>>()),
    ])
}

fn prices(standing: i16, tou: i16, at: DateTime) -> [Row; 4] {
    let (standing_charge, matrix) = (obis(19, 20, 4), obis(19, 20, 0));
    let index: Vec<[u8; 1]> = (1..=80).map(|n| [n]).collect();
    let entries: Vec<(&[u8], i16)> =
        index.iter().map(|n| (&n[..], if n[0] <= 2 { tou * i16::from(n[0]) } else { 0 })).collect();
    [
        Row::set(113, standing_charge, 6, unit_charge(-5, &[(&[], standing)])),
        Row::set(113, matrix, 6, unit_charge(-5, &entries)),
        Row::set(113, standing_charge, 7, at),
        Row::set(113, matrix, 7, at),
    ]
}

fn pairs() -> Data {
    let pair = Data::structure([
        Data::octets(obis(19, 10, 0).0),
        Data::octets(obis(19, 20, 0).0),
        Data::BitString(BitString::new(3, [0xE0]).unwrap()),
    ]);
    Data::array([pair])
}

fn next(c: u8, d: u8, e: u8) -> Obis {
    Obis([0, 1, c, d, e, 255])
}

fn to_prepayment(threshold: i32, at: DateTime) -> [Row; 5] {
    let mode = Data::structure([Data::Enum(2), Data::Enum(1)]);
    let limit = Obis([0, 0, 94, 44, 128, 22]);
    [
        Row::set(111, next(19, 0, 0), 2, mode),
        Row::set(9000, limit, 4, Data::DoubleLong(threshold)),
        Row::set(111, next(19, 0, 0), 11, pairs()),
        Row::set(9000, limit, 6, at),
        Row::set(111, next(19, 0, 0), 13, at),
    ]
}

pub fn to_credit(at: DateTime) -> [Row; 3] {
    let mode = Data::structure([Data::Enum(1), Data::Enum(1)]);
    let account = next(19, 0, 0);
    [Row::set(111, account, 2, mode), Row::set(111, account, 11, pairs()), Row::set(111, account, 13, at)]
}

fn debts(time: [i32; 2], payment: i32, share: u16) -> [Row; 10] {
    let [first, second, third] = [1, 2, 3].map(|n| obis(19, 20, n));
    [
        Row::set(113, first, 6, unit_charge(-5, &[(&[], 500)])),
        Row::set(113, second, 6, unit_charge(-5, &[(&[], 600)])),
        Row::set(113, third, 13, Data::LongUnsigned(share)),
        Row::set(113, first, 8, Data::DoubleLongUnsigned(3_600)),
        Row::set(113, second, 8, Data::DoubleLongUnsigned(86_400)),
        Row::action(113, first, 2, Data::Integer(0)),
        Row::action(113, second, 2, Data::Integer(0)),
        Row::action(113, third, 4, Data::DoubleLong(payment)),
        Row::action(113, first, 4, Data::DoubleLong(time[0])),
        Row::action(113, second, 4, Data::DoubleLong(time[1])),
    ]
}

#[test]
fn a_price_set_now_is_in_force_and_its_response_carries_the_time() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let message = home.dlms(0x00A2, 1, prices(100, 2121, DateTime::IMMEDIATE));
    let response = meter.handle_message(NOW, &message).unwrap();
    let view = MessageView::parse(&response).unwrap();
    assert_eq!(view.date_time(), Some(&DateTime::at(NOW).0));
    assert_eq!(home.results(&response), [0; 4]);
    assert_eq!(register(&meter, "standing charge"), "0.00100");
    assert_eq!(register(&meter, "price TOU 1"), "0.02121");
    assert_eq!(register(&meter, "price TOU 2"), "0.04242");
    let (_, events) = drain(&mut meter);
    let Some(Event::Executed { changes, use_case: "ECS01b", outcome: Outcome::Success, stored: false, .. }) =
        events.first()
    else {
        panic!("{events:?}")
    };
    assert_eq!(changes.len(), 3, "{changes:?}");
}

#[test]
fn a_future_dated_price_waits_comes_into_force_and_is_told_by_two_alerts() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    run(&home, &mut meter, NOW, &home.dlms(0x00A2, 1, prices(100, 2000, DateTime::IMMEDIATE)));
    let due = Time(NOW.0 + HOUR);
    let (results, events) = run(&home, &mut meter, NOW, &home.dlms(0x00A2, 2, prices(200, 3000, DateTime::at(due))));
    assert_eq!(results, [0; 4]);
    assert!(matches!(events[0], Event::Executed { stored: true, ref changes, .. } if changes.is_empty()));
    assert_eq!(meter.poll(), meter::Output::Timeout(Some(Time(NOW.0 + HOUR / 2))), "half hours pass as well");
    meter.handle_timeout(Time(due.0 - 1));
    assert_eq!(register(&meter, "price TOU 1"), "0.02");
    meter.handle_timeout(due);
    assert_eq!(register(&meter, "price TOU 1"), "0.03");
    assert_eq!(register(&meter, "standing charge"), "0.00200");
    let alerts: Vec<Vec<u8>> = meter.outbox().map(<[u8]>::to_vec).collect();
    assert_eq!(alerts.len(), 2);
    let mut triggers = Vec::new();
    for alert in &alerts {
        let view = MessageView::parse(alert).unwrap();
        assert_eq!((view.message_code(), view.cra()), (MessageCode(0x00CC), Cra::Alert));
        let notification = DataNotification::parse(&home.verify(alert)).unwrap();
        assert_eq!(notification.code, 0x8F66);
        let data = notification.further[0].as_octets().unwrap().to_vec();
        assert_eq!(data[..10], [0x00, 0xA2, 0, 0, 0, 0, 0, 0, 0, 2]);
        triggers.push(data[10..].to_vec());
    }
    triggers.sort();
    let expected = [[0x00, 0x71, 0, 0, 19, 20, 0, 255, 7], [0x00, 0x71, 0, 0, 19, 20, 4, 255, 7]];
    assert_eq!(triggers, expected);
    drain(&mut meter);
    assert_eq!(
        meter.poll(),
        meter::Output::Timeout(Some(Time(due.0 + HOUR / 2))),
        "nothing is left to do but to live on"
    );
}

#[test]
fn a_later_future_dated_command_replaces_the_pending_one_and_never_cancels_it() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let [soon, later] = [HOUR, 2 * HOUR].map(|by| Time(NOW.0 + by));
    run(&home, &mut meter, NOW, &home.dlms(0x00A2, 1, prices(1, 1000, DateTime::at(soon))));
    run(&home, &mut meter, NOW, &home.dlms(0x00A2, 2, prices(2, 2000, DateTime::at(later))));
    meter.handle_timeout(soon);
    assert_eq!(register(&meter, "price TOU 1"), "", "the first was replaced");
    let (results, _) = run(&home, &mut meter, soon, &home.dlms(0x00A2, 3, prices(3, 3000, When::Never.into())));
    assert_eq!(results, [0; 4]);
    meter.handle_timeout(Time(later.0 + HOUR));
    assert_eq!(register(&meter, "price TOU 1"), "", "the second was cancelled");
    assert_eq!(meter.outbox_len(), 0);
}

#[test]
fn a_future_date_that_has_passed_means_now() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    run(&home, &mut meter, NOW, &home.dlms(0x00A2, 1, prices(1, 1000, DateTime::at(Time(NOW.0 - HOUR)))));
    assert_eq!(register(&meter, "price TOU 1"), "0.01");
}

#[test]
fn the_balance_is_adjusted_and_reset_with_emergency_credit_back_at_its_limit() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x001C, 1, adjust_balance(150_000))).0, [0]);
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0020, 2, emergency())).0, [0]);
    meter.consume(NOW, 200_000);
    assert_eq!(register(&meter, "emergency credit balance"), "9.50");
    let reset = [0, 1, 2].map(|n| Row::action(112, obis(19, 10, n), 2, Data::DoubleLong(0)));
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x00B3, 3, reset)).0, [0; 3]);
    assert_eq!(register(&meter, "meter balance"), "0.00");
    assert_eq!(register(&meter, "emergency credit balance"), "10.00");
    assert_eq!(register(&meter, "emergency credit"), "inactive");
}

fn emergency() -> [Row; 1] {
    [Row::action(112, obis(19, 10, 1), 3, Data::Integer(0))]
}

#[test]
fn emergency_credit_that_is_not_on_offer_is_other_reason() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    run(&home, &mut meter, NOW, &home.dlms(0x001C, 1, adjust_balance(250_000)));
    let (results, events) = run(&home, &mut meter, NOW, &home.dlms(0x0020, 2, emergency()));
    assert_eq!(results, [250]);
    assert!(matches!(events[0], Event::Executed { outcome: Outcome::Failed { row: 0, result: 250 }, .. }));
    run(&home, &mut meter, NOW, &home.dlms(0x001C, 3, adjust_balance(-100_000)));
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0020, 4, emergency())).0, [0]);
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0020, 5, emergency())).0, [0], "active already");
}

#[test]
fn an_overflow_fails_its_row_and_changes_nothing() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    run(&home, &mut meter, NOW, &home.dlms(0x001C, 1, adjust_balance(i32::MAX)));
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x001C, 2, adjust_balance(1))).0, [250]);
    assert_eq!(register(&meter, "meter balance"), "21474.83647");
}

#[test]
fn the_payment_mode_changes_with_its_threshold_now_or_later() {
    let home = Home { factory: meter::FactorySettings::default(), ..Home::default() };
    let mut meter = home.meter(Kind::Esme);
    assert_eq!(register(&meter, "payment mode"), "credit");
    assert_eq!(
        run(&home, &mut meter, NOW, &home.dlms(0x001B, 1, to_prepayment(-5_000, DateTime::IMMEDIATE))).0,
        [0; 5]
    );
    assert_eq!(register(&meter, "payment mode"), "prepayment");
    assert_eq!(register(&meter, "disablement threshold"), "-0.05");
    let read = [Row::get(111, obis(19, 0, 0), 2)];
    let response = meter.handle_message(NOW, &home.dlms(0x00BE, 2, read)).unwrap();
    let answers = AccessResponse::parse(&home.verify(&response)).unwrap().answers;
    assert_eq!(answers[0].data, Data::structure([Data::Enum(2), Data::Enum(1)]));

    let due = Time(NOW.0 + HOUR);
    run(&home, &mut meter, NOW, &home.dlms(0x001A, 3, to_credit(DateTime::at(due))));
    assert_eq!(register(&meter, "payment mode"), "prepayment");
    meter.handle_timeout(due);
    assert_eq!(register(&meter, "payment mode"), "credit");
}

#[test]
fn debts_are_managed_row_by_row_and_the_first_failure_ends_it() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let message = home.dlms(0x001E, 1, debts([100_000, 200_000], 300_000, 1_000));
    assert_eq!(run(&home, &mut meter, NOW, &message).0, [0; 10]);
    for (name, value) in [
        ("time debt 1", "1.00"),
        ("time debt 1 recovery", "0.00500"),
        ("time debt 1 recovery period", "3600"),
        ("time debt 2", "2.00"),
        ("payment debt", "3.00"),
        ("payment debt share of a top-up", "10.00"),
    ] {
        assert_eq!(register(&meter, name), value, "{name}");
    }
    let mut rows = debts([1, 1], 1, 1);
    rows[3] = Row::set(113, obis(19, 20, 1), 8, Data::DoubleLongUnsigned(7));
    let (results, events) = run(&home, &mut meter, NOW, &home.dlms(0x001E, 2, rows));
    assert_eq!(results, [0, 0, 0, 13, 250, 250, 250, 250, 250, 250]);
    assert!(matches!(events[0], Event::Executed { outcome: Outcome::Failed { row: 3, result: 13 }, .. }));
    assert_eq!(register(&meter, "time debt 1"), "1.00");
    let message = home.dlms(0x001E, 3, debts([-150_000, 0], 0, 1_000));
    assert_eq!(run(&home, &mut meter, NOW, &message).0, [0; 10]);
    assert_eq!(register(&meter, "time debt 1"), "0.00", "a debt is never negative");
}

#[test]
fn supply_is_disabled_armed_enabled_and_read() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let read = |meter: &mut Meter<RustCrypto>| {
        let rows = [Row::get(70, obis(96, 3, 10), 3)];
        let response = meter.handle_message(NOW, &home.dlms(0x0052, 1, rows)).unwrap();
        AccessResponse::parse(&home.verify(&response)).unwrap().answers[0].data.clone()
    };
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0051, 1, script(54))).0, [0], "there is nothing to arm");
    assert_eq!(read(&mut meter), Data::Enum(1));
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0050, 2, script(52))).0, [0]);
    assert_eq!(read(&mut meter), Data::Enum(0));
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0051, 3, script(54))).0, [0]);
    assert_eq!(read(&mut meter), Data::Enum(2));
    assert!(meter.enable_supply_locally(NOW, meter::Place::Keypad));
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0050, 4, script(52))).0, [0]);
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x004F, 5, script(51))).0, [0]);
    assert_eq!(read(&mut meter), Data::Enum(1));
    assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x004F, 6, script(53))).0, [4], "no such script");
}

#[test]
fn a_message_is_shown_as_often_as_it_comes() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let message = Row::set(1, Obis([0, 2, 96, 13, 1, 255]), 2, Data::octets(*b"Reset"));
    for _ in 0..2 {
        assert_eq!(run(&home, &mut meter, NOW, &home.dlms(0x0021, 1, [message.clone()])).0, [0]);
    }
    assert_eq!(register(&meter, "message"), "Reset");
}

#[test]
fn prepayment_registers_are_read_encrypted_for_the_supplier_alone() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    run(&home, &mut meter, NOW, &home.dlms(0x001C, 1, adjust_balance(250_000)));
    let object = Data::structure([
        Data::LongUnsigned(1),
        Data::octets([0, 0, 94, 44, 34, 30]),
        Data::Integer(2),
        Data::LongUnsigned(0),
        Data::structure([Data::Enum(0), Data::Null]),
    ]);
    let counter = 0x3E8u64;
    let mut transaction = vec![4];
    transaction.extend(counter.to_be_bytes());
    let key_info = Data::structure([Data::octets([2]), Data::octets([])]);
    let parameters = Data::structure([
        Data::octets(transaction.clone()),
        Data::octets(SUPPLIER.0),
        Data::octets(ESME.0),
        Data::octets([]),
        Data::structure([Data::Enum(2), key_info.clone()]),
    ]);
    let protection = Data::array([Data::structure([Data::Enum(2), parameters])]);
    let request = Data::structure([Data::array([object]), protection]);
    let message = home.dlms(0x002D, counter, [Row::action(30, Obis([0, 0, 43, 2, 1, 255]), 1, request)]);
    let response = meter.handle_message(NOW, &message).unwrap();
    let view = MessageView::parse(&response).unwrap();
    let answers = AccessResponse::parse(&home.verify(&response)).unwrap().answers;
    let Some([protection, blob]) = answers[0].data.as_structure() else { panic!("{answers:?}") };
    let expected = Data::structure([
        Data::octets(transaction),
        Data::octets(ESME.0),
        Data::octets(SUPPLIER.0),
        Data::octets([]),
        Data::structure([Data::Enum(2), key_info]),
    ]);
    assert_eq!(*protection, Data::array([Data::structure([Data::Enum(2), expected])]));

    let secret = RustCrypto.agree(&home.supplier_agreement, home.device_agreement.public()).unwrap();
    let key = protect::derive(&RustCrypto, &secret, Mode::Encryption, ESME, view.id().counter, SUPPLIER);
    let plain = protect::decrypt(&RustCrypto, &key, ESME, blob.as_octets().unwrap()).unwrap();
    let registers = [250_000, 1_000_000, 0, 0, 0, 0].map(Data::DoubleLong);
    assert_eq!(Data::parse(&plain).unwrap(), Data::structure([Data::structure(registers)]));
}

#[test]
fn what_nobody_configured_reads_as_empty_in_the_shape_of_the_use_case() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let rows = [Row::get(113, obis(19, 20, 1), 5)];
    // A part of ECS26a is no use case: every row must be there.
    assert!(meter.handle_message(NOW, &home.dlms(0x003B, 1, rows)).is_none());
    let rows: Vec<Row> = gbcs::catalogue::find(MessageCode(0x003B))
        .unwrap()
        .rows
        .iter()
        .map(|row| Row::get(row.class, row.obis, row.index))
        .collect();
    let response = meter.handle_message(NOW, &home.dlms(0x003B, 2, rows)).unwrap();
    let answers = AccessResponse::parse(&home.verify(&response)).unwrap().answers;
    for (row, answer) in gbcs::catalogue::find(MessageCode(0x003B)).unwrap().rows.iter().zip(answers) {
        assert!(answer.result.is_success() && row.response.of.fits(&answer.data), "{row:?}: {answer:?}");
    }
}

#[test]
fn the_event_log_tells_commands_actioned_and_not_and_can_be_cleared() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    run(&home, &mut meter, NOW, &home.dlms(0x001C, 1, adjust_balance(1)));
    run(&home, &mut meter, NOW, &home.dlms(0x0051, 2, script(53)));
    let codes: Vec<_> = meter.event_log().iter().map(|entry| (entry.code, entry.message_code().0)).collect();
    assert_eq!(codes, [(0x8154, 0x1C), (0x8155, 0x51)]);
    let clear = [Row::action(7, obis(99, 98, 0), 1, Data::Integer(0))];
    run(&home, &mut meter, NOW, &home.dlms(0x0024, 3, clear));
    assert_eq!(meter.event_log().iter().count(), 1, "the clearing itself");
}

#[test]
fn running_out_of_credit_disables_supply_and_tells_the_supplier() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    run(&home, &mut meter, NOW, &home.dlms(0x001C, 1, adjust_balance(100)));
    meter.consume(NOW, 101);
    assert_eq!(register(&meter, "supply"), "disabled");
    let (_, events) = drain(&mut meter);
    assert!(events.iter().any(|event| matches!(event, Event::Alert { alert: 0x8F0F, .. })), "{events:?}");
    let (results, _) = run(&home, &mut meter, NOW, &home.dlms(0x004F, 2, script(51)));
    assert_eq!(results, [250], "no credit to enable supply on");
}

#[test]
fn an_outage_of_three_minutes_is_told_to_the_network_operator_and_a_shorter_one_only_logged() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    meter.supply_restored(NOW, Time(NOW.0 + 179_000));
    assert_eq!(meter.outbox_len(), 0);
    meter.supply_restored(NOW, Time(NOW.0 + 180_000));
    let alert = meter.outbox().next().expect("an Alert").to_vec();
    let view = MessageView::parse(&alert).unwrap();
    assert_eq!((view.id().target, view.message_code()), (NETWORK, MessageCode(0x0067)));
    let told = DataNotification::parse(&home.verify(&alert)).unwrap();
    let times = [NOW, Time(NOW.0 + 180_000)].map(|at| Data::from(DateTime::at(at)));
    assert_eq!((told.code, &told.further[..]), (0x8F39, &times[..]));
    // ECS35e reads both.
    let range = Row::get_range(7, obis(99, 98, 4), 2, 0, u32::MAX);
    let response = meter.handle_message(Time(NOW.0 + 200_000), &home.dlms(0x00B9, 1, [range])).unwrap();
    let answer = AccessResponse::parse(&home.verify(&response)).unwrap();
    let Data::CompactArray(log) = &answer.answers[0].data else { panic!("{answer:?}") };
    assert_eq!(log.values().len(), 2);
}
