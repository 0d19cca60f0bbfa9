//! The tariff and calendars of an electricity meter, read from its objects (GBCS 10.4.2, gbcs-messages 15.1).
use super::Store;
use super::bindings::{to_millipence, unit_charge};
use super::objects::*;
use crate::calendar::{Calendar, Date, Switch};
use crate::metering::Metering;
use crate::tariff::{NonDisablement, Periods, Tariff, Terms};
use alloc::vec::Vec;
use gbcs::Time;
use gbcs::dlms::{BitString, Data};

/// Script selector that starts a non-disablement period.
const NON_DISABLEMENT: u16 = 32;

/// The tariff in force.
fn tariff(store: &Store) -> Tariff {
    let mut tariff = Tariff::new(calendar(store, 0));
    for (index, price) in prices(store, PRICES) {
        match index {
            Some(rate @ 0x01..=0x30) => tariff.set_rate(rate, price),
            // Block in the high half octet, a to d; rate in the low one.
            Some(block @ 0xA1..=0xD8) => tariff.set_block_price(block & 0x0F, usize::from(block >> 4) - 10, price),
            _ => {}
        }
    }
    for rate in 1..=8 {
        let list = store.get(Attribute::new(21, [0, 0, 16, 0, 10 + rate, 255], 2));
        let list = list.as_ref().and_then(Data::as_array).unwrap_or_default();
        let mut thresholds = [u32::MAX; 3];
        for (place, value) in thresholds.iter_mut().zip(list) {
            if let Data::DoubleLongUnsigned(value) = value {
                *place = *value;
            }
        }
        tariff.set_thresholds(rate, thresholds);
    }
    tariff.standing_charge = prices(store, STANDING_CHARGE).first().map_or(0, |(_, price)| *price);
    tariff
}

/// The price of the next unit through the first or second element, in millipence a kilowatt hour.
pub(super) fn price(store: &Store, metering: &Metering, now: Time, second: bool) -> u32 {
    let tariff = if second { second_tariff(store) } else { tariff(store) };
    metering.price(&tariff, tariff.register(now))
}

/// Index and price of every entry of a charge.
pub(super) fn prices(store: &Store, charge: Attribute) -> Vec<(Option<u8>, u32)> {
    let Some(data) = store.get(charge) else { return Vec::new() };
    let Some((scale, entries)) = unit_charge(&data) else { return Vec::new() };
    let price = |entry: &Data| match entry.as_structure()? {
        [index, Data::Long(value)] => {
            let index = index.as_octets().and_then(|index| index.first().copied());
            Some((index, to_millipence(*value, scale)?.max(0) as u32))
        }
        _ => None,
    };
    entries.iter().filter_map(price).collect()
}

/// The tariff of the second element: rates by time of use alone.
fn second_tariff(store: &Store) -> Tariff {
    let mut tariff = Tariff::new(calendar(store, 1));
    for (index, price) in prices(store, PRICES_SECOND) {
        if let Some(rate) = index {
            tariff.set_rate(rate, price);
        }
    }
    tariff
}

/// The calendar of an element, counted from 0.
fn calendar(store: &Store, element: u8) -> Calendar {
    let table = |index| store.get(Attribute::new(20, [0, 0, 13, 0, element, 255], index));
    let rows = |data: &Option<Data>| -> Vec<Data> {
        data.as_ref().and_then(Data::as_array).map(<[Data]>::to_vec).unwrap_or_default()
    };
    // A profile's name is an octet-string of one octet.
    let name = |data: &Data| data.as_octets().and_then(|name| name.first().copied());
    let season = |row: &Data| match row.as_structure()? {
        [_, start, week] => Some((Date::dlms(start.as_octets()?)?, name(week)?)),
        _ => None,
    };
    let week = |row: &Data| match row.as_structure()? {
        [week, days @ ..] => {
            let days: Vec<u8> = days.iter().filter_map(unsigned).collect();
            Some((name(week)?, days.try_into().ok()?))
        }
        [] => None,
    };
    let day = |row: &Data| match row.as_structure()? {
        [day, entries] => {
            let entry = |row: &Data| match row.as_structure()? {
                [start, _, Data::LongUnsigned(selector)] => Some((time_of_day(start)?, *selector)),
                _ => None,
            };
            Some((unsigned(day)?, entries.as_array()?.iter().filter_map(entry).collect()))
        }
        _ => None,
    };
    Calendar {
        seasons: rows(&table(3)).iter().filter_map(season).collect(),
        weeks: rows(&table(4)).iter().filter_map(week).collect(),
        days: rows(&table(5)).iter().filter_map(day).collect(),
        special: special_days(store, Attribute::new(11, [0, 0, 11, 0, element, 255], 2)),
    }
}

/// `array { long-unsigned index, octet-string(5) date, unsigned day }`
fn special_days(store: &Store, table: Attribute) -> Vec<(Date, u8)> {
    let day = |row: &Data| match row.as_structure()? {
        [_, date, day] => Some((Date::dlms(date.as_octets()?)?, unsigned(day)?)),
        _ => None,
    };
    let data = store.get(table);
    data.as_ref().and_then(Data::as_array).unwrap_or_default().iter().filter_map(day).collect()
}

/// What an electricity meter lives by.
pub(crate) fn terms(store: &Store) -> Terms {
    let schedule = |d| Periods::Times(execution_times(store, Attribute::new(22, [0, 0, 15, d, 0, 255], 4)));
    let lines = store.get(Attribute::new(10, [0, 0, 12, 0, 1, 255], 2));
    let lines = lines.as_ref().and_then(Data::as_array).unwrap_or_default().iter().filter_map(line);
    let special = special_days(store, Attribute::new(11, [0, 0, 11, 0, 2, 255], 2));
    Terms {
        tariff: tariff(store),
        second: Some(second_tariff(store)),
        voltage: Some(super::voltage::settings(store)),
        billing: schedule(0),
        block_reset: schedule(1),
        non_disablement: NonDisablement::Schedule(lines.collect(), special, NON_DISABLEMENT),
    }
}

/// `{ index, enable, script, selector, time, validity, weekdays, special days, begin, end }`; `None` for one not enabled.
fn line(row: &Data) -> Option<Switch> {
    let [_, enable, _, Data::LongUnsigned(selector), at, _, weekdays, special, begin, end] = row.as_structure()? else {
        return None;
    };
    let (Data::BitString(weekdays), Data::BitString(special)) = (weekdays, special) else { return None };
    let bit = |bits: &BitString, n: u16| bits.bit(n).unwrap_or(false);
    enable.as_bool()?.then_some(())?;
    Some(Switch {
        selector: *selector,
        at: time_of_day(at)?,
        weekdays: core::array::from_fn(|n| bit(weekdays, n as u16)),
        // Bit n is the special day of id n + 1.
        special: (0..special.bits().min(255)).filter(|&n| bit(special, n)).map(|n| n as u8 + 1).collect(),
        begin: Date::dlms(begin.as_octets()?)?,
        end: Date::dlms(end.as_octets()?)?,
    })
}

/// `array { octet-string(4) time, octet-string(5) date }`
fn execution_times(store: &Store, schedule: Attribute) -> Vec<(u32, Date)> {
    let time = |row: &Data| match row.as_structure()? {
        [time, date] => Some((time_of_day(time)?, Date::dlms(date.as_octets()?)?)),
        _ => None,
    };
    let data = store.get(schedule);
    data.as_ref().and_then(Data::as_array).unwrap_or_default().iter().filter_map(time).collect()
}

/// Suspend Debt Emergency and Suspend Debt Disabled, as the pairs of credits and charges say (gbcs-messages 15.1): a charge that
/// accumulated debt pays for is suspended in emergency; a time debt that is not collected while supply is off has no third bit.
pub(crate) fn suspended(pairs: &Data) -> Option<(bool, bool)> {
    let (mut emergency, mut disabled) = (false, false);
    for pair in pairs.as_array()? {
        let [credit, charge, Data::BitString(bits)] = pair.as_structure()? else { return None };
        let (credit, charge) = (credit.as_octets()?.get(4)?, charge.as_octets()?.get(4)?);
        emergency |= *credit == 2;
        disabled |= matches!(charge, 1 | 2) && *credit != 2 && bits.bit(2) == Some(false);
    }
    Some((emergency, disabled))
}

/// Seconds since midnight of `hour minute second hundredths`; open fields are zero.
fn time_of_day(data: &Data) -> Option<u32> {
    let [hour, minute, second, ..] = *data.as_octets()? else { return None };
    let field = |n: u8| if n == 0xFF { 0 } else { u32::from(n) };
    Some(field(hour) * 3600 + field(minute) * 60 + field(second))
}

fn unsigned(data: &Data) -> Option<u8> {
    if let Data::Unsigned(n) = data { Some(*n) } else { None }
}
