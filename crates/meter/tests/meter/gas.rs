//! Commands of a prepayment home on the gas meter.
use crate::home::*;
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::DateTime;
use gbcs::gbz::zcl::{self, AttributeValue, Body, Command, Status, ZclString};
use gbcs::gbz::{self, AlertData, Component, Content};
use gbcs::protect::{self, Mode};
use gbcs::{Counter, MessageCode, MessageView, Time};
use meter::{Event, Kind, Meter, Outcome};

/// 2015-01-01, as RTDS writes issuer event ids.
const EVENT: u32 = 0x1C37_4A80;

fn run(home: &Home, meter: &mut Meter<RustCrypto>, message: &[u8]) -> Vec<Component> {
    let response = meter.handle_message(NOW, message).expect("a Response");
    home.components(&response)
}

fn status(component: &Component) -> Status {
    match component.body() {
        Some(Body::DefaultResponse { status, .. }) => *status,
        other => panic!("{other:?}"),
    }
}

fn adjust(kind: u8, value: i32) -> Component {
    Component::new(0, zcl::CreditAdjustment { issuer_event: EVENT, start: 0, kind, value })
}

fn payment_mode(control: u16, cut_off: i32, start: u32) -> Component {
    Component::new(0, zcl::ChangePaymentMode { provider: 0, issuer_event: EVENT, start, control, cut_off })
}

fn change_supply(status: u8) -> Component {
    let command = zcl::ChangeSupply { provider: 0, issuer_event: EVENT, request_time: 0, start: 0, status, control: 1 };
    Component::new(0, command)
}

fn tariff(start: u32, standing_charge: u32) -> Component {
    let command = zcl::PublishTariffInformation {
        provider: 0,
        issuer_event: EVENT,
        tariff: 1,
        start,
        type_and_scheme: 0,
        label: ZclString::default(),
        price_tiers: 4,
        block_thresholds: 0,
        unit: 0,
        currency: 0x033A,
        price_digits: 0x50,
        standing_charge,
        tier_block_mode: 0xFF,
        threshold_multiplier: 1u16.into(),
        threshold_divisor: 1000u16.into(),
    };
    Component::new(0, command)
}

fn matrix(start: u32, prices: &[u32]) -> Component {
    let price = |(tier, price): (u8, &u32)| zcl::Price { tier_block: tier, price: *price };
    let command = zcl::PublishPriceMatrix {
        provider: 0,
        issuer_event: EVENT,
        start,
        tariff: 1,
        command_index: 0,
        total_commands: 1,
        sub_payload_control: 1,
        prices: (1..).zip(prices).map(price).collect(),
    };
    Component::new(1, command)
}

#[test]
fn the_balance_is_adjusted_and_reset_in_both_modes() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let send = |meter: &mut Meter<_>, code, counter, component| {
        assert_eq!(status(&run(&home, meter, &home.gbz(code, counter, [component]))[0]), Status::SUCCESS);
    };
    send(&mut meter, 0x0086, 1, adjust(0, 1_200_000));
    assert_eq!(register(&meter, "meter balance"), "12.00");
    send(&mut meter, 0x00B4, 2, adjust(1, 0));
    assert_eq!(register(&meter, "meter balance"), "0.00");
    send(&mut meter, 0x00C2, 3, adjust(2, 500_000));
    send(&mut meter, 0x00C0, 4, adjust(3, 100_000));
    assert_eq!(register(&meter, "bill to date"), "4.00", "an adjustment lowers the bill");
    send(&mut meter, 0x00C2, 5, adjust(2, 0));
    assert_eq!(register(&meter, "bill to date"), "0.00");
}

#[test]
fn the_payment_mode_changes_and_is_read_back() {
    let home = Home { factory: meter::FactorySettings::default(), ..Home::default() };
    let mut meter = home.meter(Kind::Gsme);
    let response = meter.handle_message(NOW, &home.gbz(0x006D, 1, [payment_mode(0x0497, -7, 0)])).unwrap();
    let date_time = MessageView::parse(&response).unwrap().date_time().copied();
    assert_eq!(date_time, Some(DateTime::at(NOW).with_status(0).0));
    let answer = &home.components(&response)[0];
    let expected = zcl::ChangePaymentModeResponse {
        friendly_credit: 1,
        calendar: 2,
        emergency_limit: 1_000_000,
        emergency_threshold: 200_000,
    };
    assert_eq!(answer.body(), Some(&Body::from(expected)));
    assert_eq!(register(&meter, "payment mode"), "prepayment");
    assert_eq!(register(&meter, "disablement threshold"), "-0.00007");
    let read = |meter: &mut Meter<_>, counter| {
        let message = home.gbz(0x00BF, counter, [Component::read_attributes(0, 0x0705, [0x0000])]);
        match run(&home, meter, &message)[0].body() {
            Some(Body::ReadAttributesResponse(records)) => records[0].value.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(&mut meter, 2), Ok(AttributeValue::Bitmap16(0x0497)));
    run(&home, &mut meter, &home.gbz(0x006C, 3, [payment_mode(0x0C94, -1, 0)]));
    assert_eq!(register(&meter, "payment mode"), "credit");
    assert_eq!(register(&meter, "disablement threshold"), "-0.00007", "FFFFFFFF leaves it");
    assert_eq!(read(&mut meter, 4), Ok(AttributeValue::Bitmap16(0x0C94)));
}

#[test]
fn a_future_dated_payment_mode_waits_and_is_told_by_an_alert() {
    let home = Home { factory: meter::FactorySettings::default(), ..Home::default() };
    let mut meter = home.meter(Kind::Gsme);
    let due = Time::from_seconds(NOW.seconds() + 600);
    run(&home, &mut meter, &home.gbz(0x006D, 1, [payment_mode(0x0497, 0, due.zigbee())]));
    let (_, events) = drain(&mut meter);
    assert!(matches!(events[0], Event::Executed { stored: true, outcome: Outcome::Success, .. }));
    assert_eq!(meter.poll(), meter::Output::Timeout(Some(due)));
    meter.handle_timeout(due);
    assert_eq!(register(&meter, "payment mode"), "prepayment");
    let alert = meter.outbox().next().unwrap().to_vec();
    let payload = gbz::Alert::parse(&home.verify(&alert)).unwrap();
    let data = AlertData::FutureDated {
        message_code: MessageCode(0x006D),
        counter: Counter(1),
        cluster: 0x0705,
        frame_control: 1,
        command: 6,
    };
    assert_eq!(payload, gbz::Alert { code: 0x8F66, time: due.zigbee(), data });
    assert_eq!(MessageView::parse(&alert).unwrap().message_code(), MessageCode(0x00CD));
}

#[test]
fn prices_are_published_now_later_or_not_at_all() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let answers = run(&home, &mut meter, &home.gbz(0x00A3, 1, [tariff(0, 25_000), matrix(0, &[10_112, 20_000])]));
    assert_eq!(answers.iter().map(status).collect::<Vec<_>>(), [Status::SUCCESS; 2]);
    assert_eq!(register(&meter, "standing charge"), "0.25");
    assert_eq!(register(&meter, "price TOU 1"), "0.10112");
    let due = Time::from_seconds(NOW.seconds() + 600);
    let later = [tariff(due.zigbee(), 30_000), matrix(due.zigbee(), &[30_000])];
    run(&home, &mut meter, &home.gbz(0x00A3, 2, later.clone()));
    run(&home, &mut meter, &home.gbz(0x00A3, 3, [tariff(0xFFFF_FFFF, 0), matrix(0xFFFF_FFFE, &[0])]));
    meter.handle_timeout(due);
    assert_eq!(register(&meter, "price TOU 1"), "0.10112", "cancelled");
    run(&home, &mut meter, &home.gbz(0x00A3, 4, later.map(|component| component)));
    assert_eq!(register(&meter, "price TOU 1"), "0.10112", "NOW is before it");
    meter.handle_timeout(due);
    assert_eq!(register(&meter, "price TOU 1"), "0.30");
    // Two that what was dated was done, and the billing data log pushed at each of the two changes of tariff.
    assert_eq!(meter.outbox_len(), 4);
}

#[test]
fn three_debts_are_changed_and_a_bad_field_ends_the_command() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let debt = |sequence, amount_type, amount, percentage| {
        let command = zcl::ChangeDebt {
            issuer_event: EVENT,
            label: ZclString::default(),
            amount,
            recovery_method: u8::from(amount_type == 5),
            amount_type,
            start: 0,
            collection_time: 0,
            recovery_frequency: 1,
            recovery_amount: 50_000,
            recovery_percentage: percentage,
        };
        Component::new(sequence, command)
    };
    let good = [debt(0, 1, 1_000_000, 0), debt(1, 3, 500_000, 0), debt(2, 5, 900_000, 100)];
    let answers = run(&home, &mut meter, &home.gbz(0x006E, 1, good));
    assert_eq!(answers.iter().map(status).collect::<Vec<_>>(), [Status::SUCCESS; 3]);
    for (name, value) in [
        ("time debt 1", "10.00"),
        ("time debt 2", "5.00"),
        ("payment debt", "9.00"),
        ("payment debt share of a top-up", "1.00"),
        ("time debt 1 recovery", "0.50"),
    ] {
        assert_eq!(register(&meter, name), value, "{name}");
    }
    let bad = [debt(0, 1, 1, 0), debt(1, 9, 1, 0), debt(2, 5, 1, 100)];
    let answers = run(&home, &mut meter, &home.gbz(0x006E, 2, bad));
    let bodies: Vec<_> = answers.iter().map(|answer| answer.body().cloned().unwrap()).collect();
    let default = |command, status| Body::DefaultResponse { command, status };
    let expected = [default(2, Status::SUCCESS), default(2, Status::INVALID_FIELD), default(0xFF, Status::FAILURE)];
    assert_eq!(bodies, expected);
    assert_eq!(register(&meter, "time debt 1"), "10.00001", "what was done stays done");
}

#[test]
fn the_valve_is_closed_and_armed_and_never_opened_by_command() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let supply = |answers: &[Component]| match answers[0].body() {
        Some(Body::Cluster(Command::SupplyStatusResponse(answer))) => Ok(answer.status),
        Some(Body::DefaultResponse { status, .. }) => Err(*status),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        supply(&run(&home, &mut meter, &home.gbz(0x0085, 1, [change_supply(1)]))),
        Ok(1),
        "off and armed, from on"
    );
    assert_eq!(supply(&run(&home, &mut meter, &home.gbz(0x0081, 2, [change_supply(0)]))), Ok(0));
    assert_eq!(supply(&run(&home, &mut meter, &home.gbz(0x0085, 3, [change_supply(1)]))), Ok(1));
    assert_eq!(supply(&run(&home, &mut meter, &home.gbz(0x0081, 4, [change_supply(2)]))), Err(Status::INVALID_FIELD));
    assert_eq!(register(&meter, "supply"), "armed");
    let read = home.gbz(0x0082, 5, [Component::read_attributes(0, 0x0702, [0x0205, 0x0014])]);
    match run(&home, &mut meter, &read)[0].body() {
        Some(Body::ReadAttributesResponse(records)) => {
            assert_eq!(records[1].value, Ok(AttributeValue::Enum8(1)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn emergency_credit_and_message() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let select = Component::new(0, zcl::SelectAvailableEmergencyCredit { issue_time: 0, originating_device: 0 });
    assert_eq!(status(&run(&home, &mut meter, &home.gbz(0x0070, 1, [select.clone()]))[0]), Status::SUCCESS);
    let mut rich = home.meter(Kind::Gsme);
    run(&home, &mut rich, &home.gbz(0x0086, 1, [adjust(0, 300_000)]));
    assert_eq!(status(&run(&home, &mut rich, &home.gbz(0x0070, 2, [select]))[0]), Status::FAILURE);
    let text = ZclString::new(*b"Reset").unwrap();
    let display =
        zcl::DisplayMessage { message: EVENT, control: 0, start: 0, duration: 0xFFFF, text, extended_control: None };
    assert_eq!(status(&run(&home, &mut meter, &home.gbz(0x0071, 2, [Component::new(0, display)]))[0]), Status::SUCCESS);
    assert_eq!(register(&meter, "message"), "Reset");
}

#[test]
fn balances_are_read_in_the_clear_and_prepayment_registers_encrypted() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    run(&home, &mut meter, &home.gbz(0x0086, 1, [adjust(0, 2_500_000)]));
    let reads = [Component::read_attributes(0, 0x0702, [0x0A00]), Component::read_attributes(1, 0x0705, [0x0001])];
    let answers = run(&home, &mut meter, &home.gbz(0x008D, 2, reads));
    let values: Vec<_> = answers
        .iter()
        .map(|answer| match answer.body() {
            Some(Body::ReadAttributesResponse(records)) => records[0].value.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(values, [Ok(AttributeValue::Unsigned32(0)), Ok(AttributeValue::Signed32(2_500_000))]);

    let reads = [
        Component::read_attributes(0, 0x0700, [0x0617, 0x0616]),
        Component::read_attributes(1, 0x0705, [0x0005, 0x0002, 0x0001, 0x0231, 0x0211, 0x0221]),
    ];
    let response = meter.handle_message(NOW, &home.gbz(0x0075, 0x3E8, reads)).unwrap();
    let answers = home.components(&response);
    assert!(answers[0].body().is_some());
    let Content::Encrypted { frame_counter: 0, blob } = &answers[1].content else { panic!("{answers:?}") };
    let secret = RustCrypto.agree(&home.supplier_agreement, home.device_agreement.public()).unwrap();
    let key = protect::derive(&RustCrypto, &secret, Mode::Encryption, GSME, Counter(0x3E8), SUPPLIER);
    let plain = protect::decrypt(&RustCrypto, &key, GSME, blob).unwrap();
    let Body::ReadAttributesResponse(records) = answers[1].body_of(&plain) else { panic!("{plain:?}") };
    let values: Vec<_> = records.into_iter().map(|record| (record.id, record.value.unwrap())).collect();
    use AttributeValue::{Signed32, Unsigned32};
    let expected = [
        (0x0005, Signed32(0)),
        (0x0002, Signed32(1_000_000)),
        (0x0001, Signed32(2_500_000)),
        (0x0231, Unsigned32(0)),
        (0x0211, Unsigned32(0)),
        (0x0221, Unsigned32(0)),
    ];
    assert_eq!(values, expected);
}

/// GCS05: the friendly credit calendar with the other prepayment settings.
pub fn friendly_credit(home: &Home, counter: u64, calendar: u32, start: u32, minutes: u16) -> Vec<u8> {
    let publish = zcl::PublishCalendar {
        provider: 0,
        issuer_event: EVENT,
        calendar,
        start,
        kind: 3,
        time_reference: 0,
        name: ZclString::default(),
        seasons: 1,
        weeks: 1,
        days: 1,
    };
    let day = zcl::PublishDayProfile {
        provider: 0,
        issuer_event: EVENT,
        calendar,
        day: 1,
        total_entries: 1,
        command_index: 0,
        total_commands: 1,
        calendar_type: 3,
        entries: vec![zcl::DayEntry { minutes, tier: 1 }],
    };
    let season = zcl::Season { start: zcl::Date { year: 0xFF, month: 0xFF, day: 0xFF, weekday: 0xFF }, week: 1 };
    let seasons = zcl::PublishSeasons {
        provider: 0,
        issuer_event: EVENT,
        calendar,
        command_index: 0,
        total_commands: 1,
        seasons: vec![season],
    };
    let special = zcl::PublishSpecialDays {
        provider: 0,
        issuer_event: EVENT,
        calendar,
        start,
        kind: 3,
        total: 0,
        command_index: 0,
        total_commands: 1,
        days: vec![],
    };
    let (provider, issuer_event) = (0, EVENT);
    let setup = zcl::EmergencyCreditSetup { issuer_event, start, limit: 500_000, threshold: 100_000 };
    let week = zcl::PublishWeekProfile { provider, issuer_event, calendar, week: 1, days: [1; 7] };
    let maximum =
        zcl::SetMaximumCreditLimit { provider, issuer_event, start, max_level: 9_000_000, max_per_top_up: 8_000_000 };
    home.gbz(
        0x006F,
        counter,
        [
            Component::new(0, setup),
            Component::new(1, zcl::SetOverallDebtCap { provider, issuer_event, start, cap: 7 }),
            Component::new(2, zcl::SetLowCreditWarningLevel { level: 6 }).with_from_date_time(start),
            Component::new(3, maximum),
            Component::new(4, publish),
            Component::new(5, day),
            Component::new(6, week),
            Component::new(7, seasons),
            Component::new(8, special),
        ],
    )
}

#[test]
fn a_calendar_that_comes_later_leaves_the_one_in_force_alone_until_then() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Gsme);
    let due = Time::from_seconds(NOW.seconds() + 600);
    let configure = |counter, calendar, start, minutes| friendly_credit(&home, counter, calendar, start, minutes);
    let first_minutes = |meter: &mut Meter<_>, counter| {
        let current = 0xFFFF_FFFE;
        let (provider, start, count) = (0, 1, 0);
        let read = [
            Component::read_attributes(
                0,
                0x0705,
                [0x0239, 0x0006, 0x0216, 0x0226, 0x0040, 0x0010, 0x0011, 0x0031, 0x0021, 0x0022, 0x0217, 0x0227],
            ),
            Component::read_attributes(1, 0x0700, [0x0617]),
            Component::new(2, zcl::GetDayProfiles { provider, calendar: current, start, count }),
            Component::new(3, zcl::GetWeekProfiles { provider, calendar: current, start, count }),
            Component::new(4, zcl::GetSeasons { provider, calendar: current }),
            Component::new(5, zcl::GetSpecialDays { start: 0, count: 0, kind: 3, provider, calendar: current }),
        ];
        let answers = run(&home, meter, &home.gbz(0x00B5, counter, read));
        assert_eq!(answers.len(), 6);
        answers.iter().find_map(|answer| match answer.body() {
            Some(Body::Cluster(Command::PublishDayProfile(day))) => Some(day.entries[0].minutes),
            _ => None,
        })
    };
    assert_eq!(first_minutes(&mut meter, 1), None);
    let answers = run(&home, &mut meter, &configure(1, 100, 0, 60));
    assert!(answers.iter().all(|answer| status(answer) == Status::SUCCESS), "{answers:?}");
    assert_eq!(register(&meter, "emergency credit limit"), "5.00");
    assert_eq!(register(&meter, "maximum top-up"), "80.00");
    assert_eq!(first_minutes(&mut meter, 2), Some(60));
    run(&home, &mut meter, &configure(2, 200, due.zigbee(), 120));
    assert_eq!(first_minutes(&mut meter, 3), Some(60), "its profiles are here, it is not in force");
    meter.handle_timeout(due);
    assert_eq!(first_minutes(&mut meter, 4), Some(120));
    let future_dated = |alert: &&[u8]| MessageView::parse(alert).unwrap().message_code() == MessageCode(0x00CD);
    assert_eq!(meter.outbox().filter(future_dated).count(), 6, "one Alert for each part with a time");
}
