//! Voltage on virtual time, as the network operator configures, reads and is told of it.
use crate::home::*;
use gbcs::crypto::RustCrypto;
use gbcs::dlms::{AccessRequest, AccessResponse, BitString, Data, DataNotification, Obis, Row};
use gbcs::{Counter, Cra, MessageView, Time};
use meter::{Event, Grid, Kind, Meter, Variant};
use std::collections::BTreeSet;

const DAY: u64 = 86_400_000;
/// Group C of the objects of each phase.
const GROUPS: [u8; 3] = [32, 52, 72];
/// Events of a meter with one phase.
const EVENTS: [u16; 12] =
    [0x8002, 0x8006, 0x8020, 0x8024, 0x8028, 0x802C, 0x8085, 0x8089, 0x808D, 0x8091, 0x8095, 0x8099];
/// Every half hour has an excursion of some kind.
const BAD_STREET: Grid = Grid { excursions: 10_000, ..Grid::BRITISH };

fn meter(home: &Home, variant: Variant, grid: Option<Grid>) -> Meter<RustCrypto> {
    let mut config = home.config(Kind::Esme);
    (config.variant, config.grid) = (variant, grid);
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_timeout(NOW);
    meter
}

/// A Command of the network operator; the answers.
fn operate(
    home: &Home,
    meter: &mut Meter<RustCrypto>,
    now: Time,
    code: u16,
    counter: u64,
    rows: Vec<Row>,
) -> Vec<Data> {
    let payload = AccessRequest::new(Counter(counter), rows).encode();
    let message = home.mac(&home.plain(Kind::Esme, NETWORK, code, counter, payload));
    let response = meter.handle_message(now, &message).expect("a Response");
    drain(meter);
    let answers = AccessResponse::parse(&home.verify(&response)).unwrap().answers;
    assert!(answers.iter().all(|answer| answer.result.is_success()), "{answers:?}");
    answers.into_iter().map(|answer| answer.data).collect()
}

/// ECS29c or ECS29d: averages of half an hour over 240 and under 238 volts; extremes beyond 270 and below 180, sags below 216, swells
/// above 253 volts for a second.
fn settings(groups: &[u8]) -> Vec<Row> {
    let value = Data::DoubleLongUnsigned;
    let thresholds = groups
        .iter()
        .flat_map(|&c| [(31, 238), (35, 240)].map(|(d, volts)| Row::set(1, Obis([1, 0, c, d, 0, 4]), 2, value(volts))));
    let periods = groups.iter().map(|&c| Row::set(7, Obis([1, 0, c, 24, 0, 255]), 4, value(1800)));
    let limits = (1..).zip([270, 180, 216, 253]).flat_map(|(n, volts)| {
        [(4, volts), (6, 1)].map(|(index, number)| Row::set(71, obis(17, 0, n), index, value(number)))
    });
    thresholds.chain(periods).chain(limits).collect()
}

/// ECS25b or ECS25b3: these events on, or off, and no others changed.
fn behaviours(which: u8, codes: &[u16], on: bool) -> Vec<Row> {
    let mut mask = [0u8; 32];
    for code in codes {
        let place = 0xFF - (code & 0xFF);
        mask[usize::from(place / 8)] |= 0x80 >> (place % 8);
    }
    let both = [mask, if on { mask } else { [0; 32] }].concat();
    vec![Row::set(1, Obis([0, 33, 97, 98, which, 255]), 2, Data::BitString(BitString::new(512, both).unwrap()))]
}

fn logged(meter: &Meter<RustCrypto>) -> BTreeSet<u16> {
    meter.power_log().iter().map(|entry| entry.code).collect()
}

#[test]
fn a_meter_that_nobody_configured_watches_nothing_and_measures_all_the_same() {
    let home = Home::default();
    let mut meter = meter(&home, Variant::Single, Some(BAD_STREET));
    meter.handle_timeout(Time(NOW.0 + DAY));
    assert_eq!(meter.power_log().iter().count(), 0);
    let now = Time(NOW.0 + DAY);
    let [Data::CompactArray(log)] = &operate(&home, &mut meter, now, 0x0039, 1, reads(&[32]))[4..5] else { panic!() };
    assert_eq!(log.values().len(), 48);
    for entry in log.values() {
        let Some([_, Data::DoubleLongUnsigned(volts)]) = entry.as_structure() else { panic!("{entry:?}") };
        assert!((200..280).contains(volts), "{volts}");
    }
}

/// ECS23 and ECS23b: counters and their units, the profile, its period, phase by phase.
fn reads(groups: &[u8]) -> Vec<Row> {
    let of = |c: u8| {
        let counter = |d| Obis([1, 0, c, d, 0, 4]);
        let profile = Obis([1, 0, c, 24, 0, 255]);
        [
            Row::get(3, counter(32), 2),
            Row::get(3, counter(32), 3),
            Row::get(3, counter(36), 2),
            Row::get(3, counter(36), 3),
            Row::get_range(7, profile, 2, 0, u32::MAX),
            Row::get(7, profile, 4),
        ]
    };
    groups.iter().flat_map(|c| of(*c)).collect()
}

#[test]
fn thresholds_are_watched_on_every_phase_counted_and_logged_and_the_counters_start_anew_when_reset() {
    let home = Home::default();
    for (variant, groups, numbers, [set, read, reset]) in [
        (Variant::Single, &GROUPS[..1], 0..=0, [0x00D1, 0x0039, 0x00D3]),
        (Variant::Polyphase, &GROUPS[..], 1..=3, [0x00D2, 0x00BC, 0x00D4]),
    ] {
        let mut meter = meter(&home, variant, Some(BAD_STREET));
        operate(&home, &mut meter, NOW, set, 1, settings(groups));
        let now = Time(NOW.0 + 2 * DAY);
        meter.handle_timeout(now);
        let codes = logged(&meter);
        if variant == Variant::Single {
            // Averages over, back, under, back; extremes, sags and swells. The log of three phases holds their latest alone.
            assert_eq!(codes, EVENTS.into(), "{codes:04X?}");
        }
        let phases: BTreeSet<u16> = codes.iter().map(|code| number_of(*code)).collect();
        assert_eq!(phases, numbers.clone().collect(), "{codes:04X?}");
        let answers = operate(&home, &mut meter, now, read, 2, reads(groups));
        for phase in answers.chunks(6) {
            let [Data::DoubleLongUnsigned(under), _, Data::DoubleLongUnsigned(over), _, Data::CompactArray(log), _] =
                phase
            else {
                panic!("{phase:?}")
            };
            assert_eq!(log.values().len(), 96);
            let volts = |entry: &Data| match entry.as_structure() {
                Some([_, Data::DoubleLongUnsigned(volts)]) => *volts,
                other => panic!("{other:?}"),
            };
            let count = |beyond: &dyn Fn(u32) -> bool| log.values().iter().filter(|e| beyond(volts(e))).count() as u32;
            assert_eq!((*over, *under), (count(&|v| v > 240), count(&|v| v < 238)));
            assert!(*over > 0 && *under > 0);
        }
        let counters = groups
            .iter()
            .flat_map(|&c| [32, 36].map(|d| Row::action(3, Obis([1, 0, c, d, 0, 4]), 1, Data::Integer(0))));
        operate(&home, &mut meter, now, reset, 3, counters.collect());
        for phase in operate(&home, &mut meter, now, read, 4, reads(groups)).chunks(6) {
            assert_eq!([&phase[0], &phase[2]], [&Data::DoubleLongUnsigned(0); 2]);
        }
    }
}

/// The phase that an event names, 0 where it names none.
fn number_of(code: u16) -> u16 {
    code - EVENTS.into_iter().filter(|first| *first <= code).max().unwrap()
}

#[test]
fn the_network_operator_is_told_what_he_wants_to_know_and_what_he_does_not_want_is_not_logged() {
    let home = Home::default();
    let mut meter = meter(&home, Variant::Single, Some(BAD_STREET));
    operate(&home, &mut meter, NOW, 0x00D1, 1, settings(&GROUPS[..1]));
    operate(&home, &mut meter, NOW, 0x00B0, 2, behaviours(11, &[0x802C], true));
    operate(&home, &mut meter, NOW, 0x00ED, 3, behaviours(14, &[0x8091, 0x8024], false));
    meter.handle_timeout(Time(NOW.0 + DAY / 2));
    let (_, events) = drain(&mut meter);
    let told: BTreeSet<u16> = events
        .iter()
        .filter_map(|event| if let Event::Alert { alert, .. } = event { Some(*alert) } else { None })
        .filter(|alert| alert >> 8 == 0x80)
        .collect();
    assert_eq!(told, [0x802C].into());
    let alert = meter.outbox().last().unwrap().to_vec();
    let view = MessageView::parse(&alert).unwrap();
    assert_eq!((view.id().target, view.cra(), view.message_code().0), (NETWORK, Cra::Alert, 0x1001));
    assert!(view.signature().is_none() && view.mac().is_some());
    assert_eq!(DataNotification::parse(&home.verify(&alert)).unwrap().code, 0x802C);
    let codes = logged(&meter);
    assert!(codes.contains(&0x802C) && !codes.contains(&0x8091) && !codes.contains(&0x8024), "{codes:04X?}");
}

#[test]
fn voltage_is_the_same_however_often_the_meter_is_called_and_after_a_restart() {
    let home = Home::default();
    let lived = |steps: u64, restart: bool| {
        let mut meter = meter(&home, Variant::Polyphase, Some(BAD_STREET));
        operate(&home, &mut meter, NOW, 0x00D2, 1, settings(&GROUPS));
        for step in 1..=steps {
            meter.handle_timeout(Time(NOW.0 + DAY / steps * step));
            if restart {
                let state = meter.state();
                let mut config = home.config(Kind::Esme);
                (config.variant, config.grid) = (Variant::Polyphase, Some(BAD_STREET));
                meter = Meter::new(config, RustCrypto, Some(&state)).unwrap();
            }
        }
        meter.state()
    };
    let once = lived(1, false);
    assert!(once == lived(24, false) && once == lived(24, true));
}

#[test]
fn an_outage_of_one_phase_is_told_of_that_phase_by_a_polyphase_meter_alone() {
    let home = Home::default();
    for (variant, expected) in [(Variant::Polyphase, vec![0x8F37, 0x8F3B]), (Variant::Single, vec![])] {
        let mut meter = meter(&home, variant, None);
        meter.phase_restored(2, NOW, Time(NOW.0 + 60_000));
        meter.phase_restored(2, NOW, Time(NOW.0 + 600_000));
        meter.phase_restored(4, NOW, Time(NOW.0 + 600_000));
        assert_eq!(meter.power_log().iter().map(|entry| entry.code).collect::<Vec<_>>(), expected);
        assert_eq!(meter.outbox_len(), expected.len() / 2);
    }
}
