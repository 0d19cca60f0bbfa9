//! Kinds of electricity meter: single element, twin element, polyphase, and the one of the reference data that is all of them.
use crate::home::*;
use crate::rtds::{ours, same_shape, samples};
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::{AccessRequest, AccessResponse, Data, DataNotification, DateTime, Obis, Row};
use gbcs::protect::{self, Mode};
use gbcs::{Counter, MessageView, Time};
use meter::{Energy, Kind, Load, Meter, Variant};
use std::collections::BTreeSet;

const VARIANTS: [Variant; 4] = [Variant::Single, Variant::Twin, Variant::Polyphase, Variant::Reference];
const OBJECT_UNDEFINED: u8 = 4;
const DAY: u64 = 86_400_000;

fn meter(home: &Home, variant: Variant) -> Meter<RustCrypto> {
    let mut config = home.config(Kind::Esme);
    config.variant = variant;
    Meter::new(config, RustCrypto, None).unwrap()
}

#[test]
fn commands_about_a_second_element_or_other_phases_find_their_objects_only_where_there_are_some() {
    let Some((home, samples)) = samples() else { return };
    let mut tried = BTreeSet::new();
    for sample in samples.iter().filter(|s| s.name.ends_with("SUCCESS_COMMAND")) {
        let wanted = match sample.use_case.as_str() {
            "ECS01c" | "ECS01d" | "ECS24b" => [false, true, false, true],
            "ECS23b" | "ECS26k" | "ECS29b" | "ECS29d" | "ECS29f" => [false, false, true, true],
            "ECS01a" | "ECS23" | "ECS26b" | "ECS29a" | "ECS29c" | "ECS29e" => [true; 4],
            _ => continue,
        };
        tried.insert(sample.use_case.as_str());
        for (variant, found) in VARIANTS.into_iter().zip(wanted) {
            let mut meter = meter(&home, variant);
            let response = meter.handle_message(NOW, &ours(&home, Kind::Esme, sample)).unwrap();
            let results = home.results(&response);
            let refused = results.contains(&OBJECT_UNDEFINED);
            assert_eq!(results.iter().all(|result| *result == 0), found, "{}: {variant:?} {results:?}", sample.name);
            assert_eq!(refused, !found, "{}: {variant:?} {results:?}", sample.name);
        }
    }
    assert!(tried.len() >= 9, "{tried:?}");
}

/// A night rate for the second element at 10 pence, a price of 25 pence for the first.
fn two_tariffs() -> [Row; 4] {
    let charge = |price: i16| {
        Data::structure([
            Data::structure([Data::Integer(3), Data::Integer(-5)]),
            Data::structure([Data::LongUnsigned(3), Data::octets([1, 0, 1, 8, 0, 255]), Data::Integer(2)]),
            Data::array([Data::structure([Data::octets([1]), Data::Long(price)])]),
        ])
    };
    [
        Row::set(113, obis(19, 20, 0), 6, charge(25_000)),
        Row::set(113, obis(19, 20, 5), 6, charge(10_000)),
        Row::set(113, obis(19, 20, 0), 7, DateTime::IMMEDIATE),
        Row::set(113, obis(19, 20, 5), 7, DateTime::IMMEDIATE),
    ]
}

/// A meter of these tariffs, in prepayment mode.
fn priced(home: &Home, variant: Variant) -> Meter<RustCrypto> {
    let mut config = home.config(Kind::Esme);
    (config.variant, config.strict_rows) = (variant, false);
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_timeout(NOW);
    // Objects of the second element are written on a meter that has some.
    let rows = two_tariffs();
    let rows: Vec<Row> = match variant {
        Variant::Twin => rows.into(),
        _ => rows.into_iter().step_by(2).collect(),
    };
    let response = meter.handle_message(NOW, &home.dlms(0x00A2, 1, rows)).unwrap();
    assert!(home.results(&response).iter().all(|result| *result == 0));
    meter
}

#[test]
fn a_twin_element_meter_counts_and_prices_each_element_by_its_own_tariff() {
    let home = Home::default();
    let drawn = Energy { second: 3_000, ..Energy::import(1_000) };
    for (variant, cost, second) in [(Variant::Twin, 25_000 + 30_000, "3000"), (Variant::Single, 25_000, "")] {
        let mut meter = priced(&home, variant);
        let before = meter.account().balance;
        meter.handle_energy(NOW, drawn);
        assert_eq!(before - meter.account().balance, cost, "{variant:?}");
        assert_eq!(register(&meter, "import"), "1000");
        assert_eq!(register(&meter, "import second element"), second);
        assert_eq!(register(&meter, "import second element TOU 1"), second);
        let (net, debts) = meter.account().held();
        assert_eq!((net, debts), meter.account().ledger.expected(), "{variant:?}");
    }
}

#[test]
fn the_price_of_two_elements_is_that_of_their_sum_however_it_is_cut() {
    let home = Home::default();
    let mut meter = priced(&home, Variant::Twin);
    let before = meter.account().balance;
    for n in 0..100 {
        meter.handle_energy(NOW, Energy { second: n % 7, ..Energy::import(n % 5) });
    }
    let (first, second): (u32, u32) = ((0..100).map(|n| n % 5).sum(), (0..100).map(|n| n % 7).sum());
    assert_eq!((before - meter.account().balance) as u32, (first * 25_000 + second * 10_000) / 1000);
}

/// What a Response or Alert of ours says in cipher, for the supplier.
fn plain(home: &Home, message: &[u8], blob: &[u8]) -> Data {
    let id = MessageView::parse(message).unwrap().id();
    let secret = RustCrypto.agree(&home.supplier_agreement, home.device_agreement.public()).unwrap();
    let key = protect::derive(&RustCrypto, &secret, Mode::Encryption, id.originator, id.counter, id.target);
    Data::parse(&protect::decrypt(&RustCrypto, &key, id.originator, blob).unwrap()).unwrap()
}

/// A meter whose two elements are drawn from for two days, billed each midnight.
fn lived(home: &Home, variant: Variant) -> Meter<RustCrypto> {
    let mut config = home.config(Kind::Esme);
    config.variant = variant;
    (config.load, config.second_load) = (Some(Load::ELECTRICITY), Some(Load::SECOND_ELEMENT));
    config.factory.disablement_threshold = i32::MIN;
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_timeout(NOW);
    let midnight = Data::array([Data::structure([Data::octets([0; 4]), Data::octets([0xFF; 5])])]);
    meter.handle_message(NOW, &home.dlms(0x00D7, 1, [Row::set(22, obis(15, 0, 0), 4, midnight)])).unwrap();
    meter.handle_timeout(Time(NOW.0 + 2 * DAY));
    drain(&mut meter);
    meter
}

/// A protected read of one attribute, all of it.
fn protected(home: &Home, meter: &mut Meter<RustCrypto>, code: u16, object: u8, row: (u16, Obis)) -> Data {
    let counter = Counter(1 << 20);
    let mut transaction = vec![4];
    transaction.extend(counter.octets());
    let key = Data::structure([Data::Enum(2), Data::structure([Data::octets([2]), Data::octets([])])]);
    let inner = Data::structure([
        Data::octets(transaction),
        Data::octets(SUPPLIER.0),
        Data::octets(ESME.0),
        Data::octets([]),
        key,
    ]);
    let wanted = Data::structure([
        Data::LongUnsigned(row.0),
        Data::octets(row.1.0),
        Data::Integer(2),
        Data::LongUnsigned(0),
        Data::structure([Data::Enum(0), Data::Null]),
    ]);
    let request = Data::structure([Data::array([wanted]), Data::array([Data::structure([Data::Enum(2), inner])])]);
    let payload = AccessRequest::new(counter, [Row::action(30, obis(43, 2, object), 1, request)]).encode();
    let message = home.non_critical(Kind::Esme, code, counter.0, payload);
    let response = meter.handle_message(Time(NOW.0 + 2 * DAY), &message).unwrap();
    drain(meter);
    let answers = AccessResponse::parse(&home.verify(&response)).unwrap().answers;
    let parts = answers[0].data.as_structure().unwrap_or_else(|| panic!("{answers:?}"));
    let Data::Structure(mut values) = plain(home, &response, parts[1].as_octets().unwrap()) else { panic!() };
    values.remove(0)
}

#[test]
fn block_registers_are_read_beside_the_counters_that_start_anew() {
    let home = Home::default();
    let mut config = home.config(Kind::Esme);
    config.strict_rows = false;
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_timeout(NOW);
    // Rate 1 in blocks all day: selector 101.
    let new_year = [0xFF, 0xFF, 1, 1, 0xFF, 0, 0, 0, 0, 0x80, 0, 0xFF];
    let season = Data::structure([Data::octets([1]), Data::octets(new_year), Data::octets([1])]);
    let week = Data::structure(
        std::iter::once(Data::octets([1])).chain((0..7).map(|_| Data::Unsigned(1))).collect::<Vec<_>>(),
    );
    let entry = Data::structure([Data::octets([0; 4]), Data::octets([0, 0, 10, 0, 100, 255]), Data::LongUnsigned(101)]);
    let day = Data::structure([Data::Unsigned(1), Data::array([entry])]);
    let table = obis(13, 0, 0);
    let rows = [
        Row::set(20, table, 7, Data::array([season])),
        Row::set(20, table, 8, Data::array([week])),
        Row::set(20, table, 9, Data::array([day])),
        Row::set(20, table, 10, DateTime::IMMEDIATE),
    ];
    let response = meter.handle_message(NOW, &home.dlms(0x0019, 1, rows)).unwrap();
    assert_eq!(home.results(&response), [0; 4]);
    let read = |meter: &mut Meter<RustCrypto>| -> (usize, Data, Data) {
        let blocks = protected(&home, meter, 0x002A, 10, (1, Obis([0, 0, 94, 44, 34, 2])));
        let all = blocks.as_structure().unwrap()[0].as_array().unwrap().to_vec();
        (all.len(), all[0].clone(), all[32].clone())
    };
    let (some, none) = (Data::DoubleLongUnsigned(700), Data::DoubleLongUnsigned(0));
    meter.handle_energy(NOW, Energy::import(700));
    assert_eq!(read(&mut meter), (64, some.clone(), some.clone()));
    let reset = [Row::action(9, obis(10, 0, 100), 1, Data::LongUnsigned(99))];
    meter.handle_message(NOW, &home.dlms(0x001D, 2, reset)).unwrap();
    assert_eq!(read(&mut meter), (64, some, none));
}

#[test]
fn what_a_twin_element_meter_answers_and_pushes_has_the_form_of_its_reference_samples() {
    let Some((home, samples)) = samples() else { return };
    let mut compared = BTreeSet::new();
    for (variant, tag) in [(Variant::Twin, "TWIN"), (Variant::Single, "SINGLE")] {
        let mut meter = lived(&home, variant);
        for sample in samples.iter().filter(|s| s.name.contains(tag)) {
            let view = MessageView::parse(&sample.octets).unwrap();
            // The reader's key is public, the device's is not: what the sample holds is read with the supplier's.
            let Some(theirs) = reference_plain(&home, &samples, &sample.name) else { continue };
            let ours = if sample.name.starts_with("ECS68") {
                let alert = meter.outbox().find(|a| MessageView::parse(a).unwrap().message_code().0 == 0x0061);
                let alert = alert.expect("pushed").to_vec();
                let further = DataNotification::parse(&home.verify(&alert)).unwrap().further;
                plain(&home, &alert, further[1].as_octets().unwrap())
            } else if sample.name.ends_with("SUCCESS_COMMAND") && view.id().originator == SUPPLIER {
                let response = meter.handle_message(Time(NOW.0 + 2 * DAY), &ours(&home, Kind::Esme, sample)).unwrap();
                drain(&mut meter);
                let answers = AccessResponse::parse(&home.verify(&response)).unwrap().answers;
                plain(&home, &response, answers[0].data.as_structure().unwrap()[1].as_octets().unwrap())
            } else {
                continue;
            };
            assert!(same_shape(&ours, &theirs), "{}: {ours:?}\n{theirs:?}", sample.name);
            compared.insert((tag, sample.use_case.as_str()));
        }
    }
    println!("{compared:?}");
    assert!(compared.len() >= 5, "{compared:?}");
}

/// What the reference Response of a Command, or an Alert, says in cipher to the supplier.
fn reference_plain(home: &Home, samples: &[crate::rtds::Sample], name: &str) -> Option<Data> {
    let name = name.replace("_COMMAND", "_RESPONSE");
    let sample = samples.iter().find(|sample| sample.name == name)?;
    let view = MessageView::parse(&sample.octets).unwrap();
    if view.id().target != SUPPLIER {
        return None;
    }
    let device = crate::rtds::device_key(view.id().originator)?;
    let blob = match view.cra() {
        gbcs::Cra::Alert => DataNotification::parse(view.payload()).ok()?.further.get(1)?.as_octets()?.to_vec(),
        _ => AccessResponse::parse(view.payload()).ok()?.answers[0].data.as_structure()?.get(1)?.as_octets()?.to_vec(),
    };
    let secret = RustCrypto.agree(&home.supplier_agreement, &device).unwrap();
    let id = view.id();
    let key = protect::derive(&RustCrypto, &secret, Mode::Encryption, id.originator, id.counter, id.target);
    Data::parse(&protect::decrypt(&RustCrypto, &key, id.originator, &blob).ok()?).ok()
}
