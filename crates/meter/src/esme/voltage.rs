//! Where the network operator's settings of voltage are, and what is read of it (ECS23, ECS26b, ECS29a to f).
use super::Store;
use super::behaviours;
use super::objects::Attribute;
use crate::books::Books;
use crate::profiles::HALF_HOUR;
use crate::voltage::{Averages, Limit, PHASES, Phase, Settings};
use gbcs::dlms::Data;

const REGISTER: u16 = 3;
/// Group C of the objects of each phase.
const GROUPS: [u8; PHASES] = [32, 52, 72];
/// Group D: under and over, thresholds and counters.
const UNDER_THRESHOLD: u8 = 31;
const OVER_THRESHOLD: u8 = 35;
const UNDER_COUNTER: u8 = 32;
const OVER_COUNTER: u8 = 36;

/// What is watched of the voltage.
pub(super) fn settings(store: &Store) -> Settings {
    let number = |attribute: Attribute| match store.get(attribute) {
        Some(Data::DoubleLongUnsigned(n)) => Some(n),
        _ => None,
    };
    let threshold = |c, d| number(Attribute::new(1, [1, 0, c, d, 0, 4], 2)).unwrap_or(0);
    let averages = GROUPS.map(|c| Averages {
        period: number(Attribute::new(7, [1, 0, c, 24, 0, 255], 4)).unwrap_or(HALF_HOUR),
        over: threshold(c, OVER_THRESHOLD),
        under: threshold(c, UNDER_THRESHOLD),
    });
    let limiter = |n, index| number(Attribute::new(71, [0, 0, 17, 0, n, 255], index)).unwrap_or(0);
    let limits = [1, 2, 3, 4].map(|n| Limit { volts: limiter(n, 4), seconds: limiter(n, 6) });
    Settings { averages, limits }
}

/// What the network operator wants of a voltage event: that it is logged, that he is told.
pub(crate) fn wanted(store: &Store, code: u16) -> (bool, bool) {
    (behaviours::is_set(store, behaviours::LOGGING, code), behaviours::is_set(store, behaviours::ALERTS, code))
}

/// The phase of an object, from 0.
pub(super) fn phase(c: u8) -> Option<usize> {
    GROUPS.iter().position(|group| *group == c)
}

/// The counter of averages that were too high or too low; `None` when the attribute is none.
pub(super) fn counter(books: &Books, attribute: Attribute) -> Option<u32> {
    let mut phases = books.voltage.clone();
    (attribute.index == 2).then_some(())?;
    counter_of(&mut phases, attribute).copied()
}

/// Reset of a counter; whether it is one.
pub(super) fn reset(books: &mut Books, method: Attribute) -> bool {
    (method.index == 1).then(|| counter_of(&mut books.voltage, method)).flatten().map(|counter| *counter = 0).is_some()
}

fn counter_of(phases: &mut [Phase; PHASES], attribute: Attribute) -> Option<&mut u32> {
    let (REGISTER, [1, 0, c, d, 0, 4]) = (attribute.class, attribute.obis.0) else { return None };
    let phase = &mut phases[phase(c)?];
    match d {
        UNDER_COUNTER => Some(&mut phase.under_count),
        OVER_COUNTER => Some(&mut phase.over_count),
        _ => None,
    }
}
