//! The tariff and calendars of a gas meter, read from its attributes and tables (GBCS 10.5, gbcs-messages 15.2).
use super::attributes::{cluster, price};
use super::{Store, attributes};
use crate::calendar::{Calendar, Date, Period};
use crate::metering::BLOCKS;
use crate::tariff::{NonDisablement, Periods, Register, Tariff, Terms};
use gas::tables::{self, DELIVERED, FRIENDLY_CREDIT};
use gbcs::gbz::zcl::*;

/// The tariff in force.
pub(crate) fn tariff(store: &Store) -> Tariff {
    let mut tariff = Tariff::new(calendar(store, DELIVERED));
    let number = |id| attributes::number(store, cluster::PRICE, id);
    tariff.standing_charge = number(price::STANDING_CHARGE) as u32;
    for tier in 1..=4 {
        tariff.set_rate(tier, number(price::TIER_PRICE + 0x10 * (u16::from(tier) - 1)) as u32);
    }
    for block in 0..BLOCKS {
        tariff.set_block_price(1, block, number(price::BLOCK_PRICE + block as u16) as u32);
    }
    let thresholds: [u32; 3] = core::array::from_fn(|n| match number(price::BLOCK_THRESHOLD + n as u16) {
        0 => u32::MAX,
        end => u32::try_from(end).unwrap_or(u32::MAX),
    });
    tariff.set_thresholds(1, thresholds);
    // Litres to watt hours: m3 x conversion factor x calorific value (MJ/m3) / 3.6.
    let digits = |id| 10u64.pow((number(id) >> 4) as u32 & 0x0F);
    let over = number(price::CONVERSION_FACTOR) * number(price::CALORIFIC_VALUE) * 10;
    let under = 36 * digits(price::CONVERSION_FACTOR_DIGIT).saturating_mul(digits(price::CALORIFIC_VALUE_DIGIT));
    tariff.set_unit(over, under);
    if tables::is_block_tariff(&store.tables) {
        tariff.otherwise = Register::Block(1);
        tariff.calendar = Calendar::default();
    }
    tariff
}

/// A calendar in force, from its parts.
fn calendar(store: &Store, kind: u8) -> Calendar {
    let mut calendar = Calendar::default();
    for part in tables::parts(&store.tables, kind) {
        match part {
            Command::PublishSeasons(c) => {
                calendar.seasons.extend(c.seasons.iter().map(|season| (Date::zcl(&season.start), season.week)));
            }
            Command::PublishWeekProfile(c) => calendar.weeks.push((c.week, c.days)),
            Command::PublishDayProfile(c) => {
                let entries = c.entries.iter().map(|e| (u32::from(e.minutes) * 60, e.tier.into()));
                calendar.days.push((c.day, entries.collect()));
            }
            Command::PublishSpecialDays(c) => {
                calendar.special.extend(c.days.iter().map(|day| (Date::zcl(&day.date), day.day)));
            }
            _ => {}
        }
    }
    calendar
}

/// What a gas meter lives by: non-disablement is friendly credit.
pub(crate) fn terms(store: &Store) -> Terms {
    Terms {
        tariff: tariff(store),
        second: None,
        voltage: None,
        billing: Periods::Follow(billing_period(store)),
        block_reset: Periods::Follow(block_period(store)),
        non_disablement: NonDisablement::Calendar(calendar(store, FRIENDLY_CREDIT), 1),
    }
}

/// Billing periods.
fn billing_period(store: &Store) -> Period {
    match tables::kept(&store.tables, cluster::PRICE, PublishBillingPeriod::ID) {
        Some(Command::PublishBillingPeriod(p)) => Period::new(p.start, p.duration.value(), p.duration_type),
        _ => Period::default(),
    }
}

/// Periods of block tariffs: their counters start anew with each.
fn block_period(store: &Store) -> Period {
    match tables::kept(&store.tables, cluster::PRICE, PublishBlockPeriod::ID) {
        Some(Command::PublishBlockPeriod(p)) => Period::new(p.start, p.duration.value(), p.duration_type),
        _ => Period::default(),
    }
}
