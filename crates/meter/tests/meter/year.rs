//! A year of a prepayment home on virtual time: what is charged, recovered, lent and topped up adds up to the millipence.
use crate::home::*;
use gbcs::crypto::RustCrypto;
use gbcs::dlms::{BitString, Data, DateTime, Row};
use gbcs::gbz::Component;
use gbcs::gbz::zcl::*;
use gbcs::utrn::Credit;
use gbcs::{Counter, Time};
use meter::{Kind, Load, Meter, Output, Place};
use std::collections::BTreeMap;

const HALF_HOUR: u64 = 1_800_000;
const DAY: u64 = 86_400_000;
pub const DAY_RATE: i16 = 28_430;
pub const NIGHT_RATE: i16 = 11_870;
pub const STANDING: i16 = 31_500;

fn unit_charge(scale: i8, entries: Vec<(Vec<u8>, i16)>) -> Data {
    let entries = entries.into_iter().map(|(index, price)| Data::structure([Data::octets(index), Data::Long(price)]));
    Data::structure([
        Data::structure([Data::Integer(0), Data::Integer(scale)]),
        Data::structure([Data::LongUnsigned(0), Data::octets([0; 6]), Data::Integer(0)]),
        Data::array(entries.collect::<Vec<_>>()),
    ])
}

/// ECS01a: a day and a night rate, all the year.
pub fn tariff() -> Vec<Row> {
    let (calendar, now) = (obis(13, 0, 0), Data::from(DateTime::IMMEDIATE));
    let entry = |hour: u8, selector: u16| {
        let script = Data::octets([0, 0, 10, 0, 100, 255]);
        Data::structure([Data::octets([hour, 0, 0, 0]), script, Data::LongUnsigned(selector)])
    };
    let start = Data::octets([0xFF, 0xFF, 1, 1, 0xFF, 0, 0, 0, 0, 0x80, 0, 0xFF]);
    let season = Data::structure([Data::octets(*b"all"), start, Data::octets([1])]);
    let mut week = vec![Data::octets([1])];
    week.resize(8, Data::Unsigned(1));
    let day = Data::structure([Data::Unsigned(1), Data::array([entry(7, 1), entry(23, 2)])]);
    let extended = |f: u8| gbcs::dlms::Obis([0, 0, 94, 44, 128, f]);
    let no_block = || Data::array(vec![Data::DoubleLongUnsigned(u32::MAX); 3]);
    let mut rows = vec![
        Row::set(20, calendar, 7, Data::array([season])),
        Row::set(20, calendar, 8, Data::array([Data::structure(week)])),
        Row::set(20, calendar, 9, Data::array([day])),
        Row::set(11, gbcs::dlms::Obis([0, 1, 11, 0, 0, 255]), 2, Data::array([])),
    ];
    rows.extend((11..=18).map(|e| Row::set(21, obis(16, 1, e), 2, no_block())));
    let currency = gbcs::dlms::Obis([0, 0, 94, 44, 2, 0]);
    rows.extend([
        Row::set(9000, currency, 4, Data::boolean(true)),
        Row::set(113, obis(19, 20, 4), 6, unit_charge(-5, vec![(vec![], STANDING)])),
        Row::set(113, obis(19, 20, 0), 6, unit_charge(-5, vec![(vec![1], DAY_RATE), (vec![2], NIGHT_RATE)])),
        Row::set(20, calendar, 10, now.clone()),
        Row::set(9000, extended(29), 6, now.clone()),
        Row::set(9000, currency, 6, now.clone()),
        Row::set(113, obis(19, 20, 4), 7, now.clone()),
        Row::set(113, obis(19, 20, 0), 7, now.clone()),
        Row::set(9000, obis(63, 1, 1), 6, now),
    ]);
    rows
}

/// ECS07: 90 pounds at 50 pence a day, 3 pounds at 2 pence an hour, 60 pounds at a tenth of each top-up.
pub fn debts() -> Vec<Row> {
    let charge = |e| obis(19, 20, e);
    let change = |e, by| Row::action(113, charge(e), 4, Data::DoubleLong(by));
    vec![
        Row::set(113, charge(1), 6, unit_charge(-3, vec![(vec![], 500)])),
        Row::set(113, charge(2), 6, unit_charge(-3, vec![(vec![], 20)])),
        Row::set(113, charge(3), 13, Data::LongUnsigned(1_000)),
        Row::set(113, charge(1), 8, Data::DoubleLongUnsigned(86_400)),
        Row::set(113, charge(2), 8, Data::DoubleLongUnsigned(3_600)),
        Row::action(113, charge(1), 2, Data::Integer(0)),
        Row::action(113, charge(2), 2, Data::Integer(0)),
        change(3, 6_000_000),
        change(1, 9_000_000),
        change(2, 300_000),
    ]
}

/// ECS08a: no disconnection from Friday 16:00 to Monday 10:00; Emergency Credit of 5 pounds below 1 pound.
fn prepayment() -> Vec<Row> {
    let extended = |f: u8| gbcs::dlms::Obis([0, 0, 94, 44, 128, f]);
    let setting = |f: u8| gbcs::dlms::Obis([0, 0, 94, 44, 2, f]);
    let other = |c, d, e| gbcs::dlms::Obis([0, 1, c, d, e, 255]);
    let line = |n: u16, selector: u16, hour: u8, weekdays: u8| {
        Data::structure([
            Data::LongUnsigned(n),
            Data::boolean(true),
            Data::octets([0, 0, 10, 0, 106, 255]),
            Data::LongUnsigned(selector),
            Data::octets([hour, 0, 0, 0]),
            Data::LongUnsigned(0xFFFF),
            Data::BitString(BitString::new(7, [weekdays]).unwrap()),
            Data::BitString(BitString::new(0, []).unwrap()),
            Data::octets([0xFF; 5]),
            Data::octets([0xFF; 5]),
        ])
    };
    let lines = Data::array([line(1, 32, 16, 0b0000_1000), line(2, 33, 10, 0b1000_0000)]);
    let now = || Data::from(DateTime::IMMEDIATE);
    let mut rows = vec![
        Row::set(11, other(11, 0, 2), 2, Data::array([])),
        Row::set(9000, setting(20), 4, Data::DoubleLong(50_000_000)),
        Row::set(9000, setting(10), 4, Data::DoubleLong(10_000_000)),
        Row::set(10, other(12, 0, 1), 2, lines),
        Row::set(9000, extended(12), 4, Data::LongUnsigned(3)),
        Row::set(9000, extended(13), 4, Data::DoubleLong(604_800)),
        Row::set(9000, extended(9), 4, Data::DoubleLong(200_000)),
        Row::set(9000, extended(2), 4, Data::DoubleLong(500_000)),
        Row::set(9000, extended(31), 6, now()),
        Row::set(9000, extended(3), 4, Data::DoubleLong(100_000)),
    ];
    rows.extend([20, 10].map(|f| Row::set(9000, setting(f), 6, now())));
    rows.extend([12, 13, 9, 2, 3, 28].map(|f| Row::set(9000, extended(f), 6, now())));
    rows
}

/// A meter of a household that consumes, and the time.
struct Year<'h> {
    home: &'h Home,
    meter: Meter<RustCrypto>,
    now: Time,
    top_ups: u32,
    codes: BTreeMap<u16, u32>,
}

impl<'h> Year<'h> {
    fn new(home: &'h Home, kind: Kind, load: Load) -> Self {
        let mut config = home.config(kind);
        config.load = Some(load);
        config.sizes.days = 400;
        let meter = Meter::new(config, RustCrypto, None).unwrap();
        Self { home, meter, now: NOW, top_ups: 0, codes: BTreeMap::new() }
    }

    /// Live one day in half hours; whoever runs low in the evening buys `pounds`, but not on every day of `forgetful`.
    fn day(&mut self, pounds: u16, forgetful: u64) {
        for _ in 0..48 {
            self.now = Time(self.now.0 + HALF_HOUR);
            self.meter.handle_timeout(self.now);
            self.check();
        }
        let number = (self.now.0 - NOW.0) / DAY;
        if self.meter.account().balance < 200_000 && !number.is_multiple_of(forgetful) {
            self.top_up(pounds);
        }
        if self.meter.account().emergency_available() {
            self.meter.activate_emergency_locally(self.now, Place::Keypad).unwrap();
        }
        self.meter.enable_supply_locally(self.now, Place::Keypad);
        self.check();
        self.drain();
    }

    fn top_up(&mut self, pounds: u16) {
        self.top_ups += 1;
        let kind = self.meter.kind();
        let digits = self.home.utrn(kind, self.top_ups, Credit::Pounds(pounds));
        let credit = self.meter.enter_utrn(self.now, Place::Keypad, digits.as_bytes());
        assert_eq!(credit, Ok(i32::from(pounds) * 100_000));
        assert!(self.meter.enter_utrn(self.now, Place::Keypad, digits.as_bytes()).is_err(), "and never again");
    }

    /// No money is lost or made.
    fn check(&self) {
        let account = self.meter.account();
        assert_eq!(account.held(), account.ledger.expected(), "at {}", self.now);
    }

    fn drain(&mut self) {
        loop {
            match self.meter.poll() {
                Output::Timeout(_) => return,
                Output::Event(meter::Event::Alert { alert, .. }) => *self.codes.entry(alert).or_default() += 1,
                _ => {}
            }
        }
    }
}

#[test]
fn a_year_of_electricity_adds_up_to_the_millipence() {
    let home = Home::default();
    let mut year = Year::new(&home, Kind::Esme, Load::ELECTRICITY);
    for (code, counter, rows) in [(0x0019, 1, tariff()), (0x001E, 2, debts()), (0x00DE, 3, prepayment())] {
        let response = year.meter.handle_message(NOW, &home.dlms(code, counter, rows)).expect("a Response");
        assert!(home.results(&response).iter().all(|result| *result == 0), "{code:#x}");
    }
    year.top_up(20);
    for _ in 0..365 {
        year.day(20, 3);
    }
    let (account, ledger) = (year.meter.account(), year.meter.account().ledger);
    let energy = |name: &str| register(&year.meter, name).parse::<i64>().unwrap();
    let (day, night) = (energy("import TOU 1"), energy("import TOU 2"));
    assert_eq!(day + night, energy("import"));
    assert_eq!(ledger.consumed, (day * i64::from(DAY_RATE) + night * i64::from(NIGHT_RATE)) / 1000);
    assert_eq!(ledger.standing, 365 * i64::from(STANDING));
    assert_eq!(ledger.topped_up, i64::from(year.top_ups) * 2_000_000);
    // Ninety pounds at fifty pence a day are 180 days, three pounds at two pence an hour fewer.
    assert_eq!((account.time_debts[0].remaining, account.time_debts[1].remaining), (0, 0));
    assert_eq!(ledger.time_debts, 9_300_000);
    assert_eq!(account.payment_debt, 6_000_000 - ledger.payment_debt as i32);
    let share = i64::from(year.top_ups) * 200_000;
    assert!(ledger.payment_debt <= share && ledger.payment_debt > 0);
    assert_eq!(year.meter.daily_balances().count(), 365);
    println!("{} top-ups, {ledger:?}, alerts {:x?}", year.top_ups, year.codes);
    assert!(year.codes.contains_key(&0x810D), "credit was low at times");
    assert!(energy("import") > 2_000_000);
}

/// GCS04: 40 pounds at 30 pence a day, 10 pounds at a twentieth of each top-up.
pub fn gas_debts() -> Vec<Component> {
    let debt = |amount, kind, recovery, percentage| ChangeDebt {
        issuer_event: 1,
        label: ZclString::default(),
        amount,
        recovery_method: u8::from(kind == 5),
        amount_type: kind,
        start: 0,
        collection_time: 0,
        recovery_frequency: 1,
        recovery_amount: recovery,
        recovery_percentage: percentage,
    };
    let debts = [debt(4_000_000, 1, 30_000, 0), debt(0, 3, 0, 0), debt(1_000_000, 5, 0, 500)];
    (0..).zip(debts).map(|(n, debt)| Component::new(n, debt)).collect()
}

#[test]
fn a_year_of_gas_adds_up_to_the_millipence_and_restarts_where_it_was() {
    let home = Home::default();
    let mut year = Year::new(&home, Kind::Gsme, Load::GAS);
    let information = PublishTariffInformation {
        provider: 0,
        issuer_event: 1,
        tariff: 1,
        start: 0,
        type_and_scheme: 0x10,
        label: ZclString::default(),
        price_tiers: 0,
        block_thresholds: 1,
        unit: 0,
        currency: 0x033A,
        price_digits: 0x50,
        standing_charge: 27_300,
        tier_block_mode: 0xFF,
        threshold_multiplier: U24::from(1u16),
        threshold_divisor: U24::from(1000u16),
    };
    let prices = [(0, 7_410), (1, 6_300)].map(|(tier_block, price)| Price { tier_block, price });
    let matrix = PublishPriceMatrix {
        provider: 0,
        issuer_event: 1,
        start: 0,
        tariff: 1,
        command_index: 0,
        total_commands: 1,
        sub_payload_control: 0,
        prices: prices.to_vec(),
    };
    let price = [Component::new(0, information), Component::new(1, matrix)];
    assert!(year.meter.handle_message(NOW, &home.gbz(0x00A3, 1, price)).is_some());
    assert!(year.meter.handle_message(NOW, &home.gbz(0x006E, 2, gas_debts())).is_some());
    year.top_up(30);
    for day in 0..365 {
        year.day(30, 5);
        if day % 100 == 50 {
            // A power cut: all of it is in the record.
            let record = year.meter.state();
            let mut config = home.config(Kind::Gsme);
            (config.load, config.sizes.days) = (Some(Load::GAS), 400);
            year.meter = Meter::new(config, RustCrypto, Some(&record)).unwrap();
        }
    }
    let ledger = year.meter.account().ledger;
    let energy = |name: &str| register(&year.meter, name).parse::<i64>().unwrap_or(0);
    // No thresholds: all of it in the first block. Litres to kilowatt hours by factor 1 and 39.5 MJ a cubic metre.
    let litres = energy("import");
    assert_eq!(energy("import block 1 TOU 1"), litres);
    assert_eq!(ledger.consumed, litres * 7_410 * 3_950 / (36 * 10) / 1000);
    assert_eq!(ledger.standing, 365 * 27_300);
    assert_eq!(year.meter.account().time_debts[0].remaining, 0);
    println!("{} top-ups, {ledger:?}, alerts {:x?}", year.top_ups, year.codes);
}

#[test]
fn half_hours_of_a_power_cut_are_made_up_for_once_and_a_clock_set_far_ahead_charges_nothing() {
    let home = Home::default();
    let mut year = Year::new(&home, Kind::Esme, Load::ELECTRICITY);
    year.meter.handle_message(NOW, &home.dlms(0x0019, 1, tariff()));
    year.meter.handle_timeout(Time(NOW.0 + 10 * DAY));
    assert_eq!(year.meter.account().ledger.standing, 10 * i64::from(STANDING));
    let before = year.meter.account().clone();
    year.meter.handle_timeout(Time(NOW.0 + 10 * DAY + 5));
    year.meter.handle_timeout(Time(NOW.0 + 5 * DAY));
    year.meter.handle_timeout(Time(NOW.0 + 3_000 * DAY));
    assert_eq!(*year.meter.account(), before);
}

#[test]
fn five_wrong_utrns_lock_the_keypad_for_a_quarter_of_an_hour() {
    let home = Home::default();
    let mut meter = home.meter(Kind::Esme);
    let good = home.utrn(Kind::Esme, 1, Credit::Pounds(5));
    for _ in 0..5 {
        let refused = meter.enter_utrn(NOW, Place::Keypad, b"12345678901234567890");
        assert_eq!(refused, Err(meter::TopUpRefusal::Invalid));
    }
    assert_eq!(meter.enter_utrn(NOW, Place::Keypad, good.as_bytes()), Err(meter::TopUpRefusal::LockedOut));
    let later = Time(NOW.0 + 15 * 60_000);
    assert_eq!(meter.enter_utrn(later, Place::Ppmid, good.as_bytes()), Ok(500_000));
    let codes: Vec<u16> = meter.event_log().iter().map(|entry| entry.code).collect();
    assert!(codes.contains(&0x81C4) && codes.contains(&0x81C5) && codes.contains(&0x810E), "{codes:x?}");
    assert_eq!(meter.last_utrn(), Counter(1 << 32));
}
