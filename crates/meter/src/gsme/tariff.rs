//! The tariff and calendars of a gas meter, read from its attributes and tables (GBCS 10.5, gbcs-messages 15.2).
use super::attributes::{cluster, price};
use super::tables::{self, DELIVERED, FRIENDLY_CREDIT};
use super::{Store, attributes};
use crate::calendar::{Calendar, Date, Day};
use crate::metering::BLOCKS;
use crate::tariff::{Register, Tariff};
use gbcs::Time;
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
    if tables::is_block_tariff(store) {
        tariff.otherwise = Register::Block(1);
        tariff.calendar = Calendar::default();
    }
    tariff
}

/// A calendar in force, from its parts.
fn calendar(store: &Store, kind: u8) -> Calendar {
    let mut calendar = Calendar::default();
    for part in tables::parts(store, kind) {
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

/// Whether supply must not be disabled for lack of credit at a moment: friendly credit.
pub(crate) fn non_disablement(store: &Store, at: Time) -> bool {
    calendar(store, FRIENDLY_CREDIT).selector(at) == Some(1)
}

/// Periods that follow one another from a start on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Period {
    /// Seconds since 2000; 0 where there are no periods.
    start: u32,
    /// Of how much of what: bits 0 to 3 of the ZCL's duration type are 0 minutes, 1 days, 2 weeks, 3 months.
    duration: u32,
    unit: u8,
}

impl Period {
    /// Whether one ended after `begin` and by `end`.
    pub fn ended(&self, begin: Time, end: Time) -> bool {
        if self.start == 0 || self.duration == 0 || end.zigbee() < self.start {
            return false;
        }
        let seconds = match self.unit & 0x0F {
            0 => self.duration.saturating_mul(60),
            1 => self.duration.saturating_mul(86_400),
            2 => self.duration.saturating_mul(604_800),
            // Months end where they began: on that day of the month, or the last there is.
            _ => return self.month_ended(begin, end),
        };
        let number = |at: Time| at.zigbee().saturating_sub(self.start) / seconds.max(1);
        begin.zigbee() < self.start || number(begin) != number(end)
    }

    fn month_ended(&self, begin: Time, end: Time) -> bool {
        let start = Time::from_zigbee(self.start);
        let of_start = Day::of(start);
        let months = |at: Time| {
            let day = Day::of(at);
            let months = i32::from(day.year) * 12 + i32::from(day.month);
            let begun = day.day > of_start.day
                || (day.day == of_start.day && at.seconds() % 86_400 >= start.seconds() % 86_400)
                || Day::of(Time::from_seconds(at.seconds() + 86_400)).month != day.month && day.day < of_start.day;
            months - i32::from(!begun)
        };
        let of = |at: Time| (months(at) - months(start)).div_euclid(self.duration.min(1200) as i32);
        begin.zigbee() < self.start || of(begin) != of(end)
    }
}

/// Billing periods.
pub(crate) fn billing_period(store: &Store) -> Period {
    match tables::kept(store, cluster::PRICE, PublishBillingPeriod::ID) {
        Some(Command::PublishBillingPeriod(p)) => {
            Period { start: p.start, duration: p.duration.value(), unit: p.duration_type }
        }
        _ => Period::default(),
    }
}

/// Periods of block tariffs: their counters start anew with each.
pub(crate) fn block_period(store: &Store) -> Period {
    match tables::kept(store, cluster::PRICE, PublishBlockPeriod::ID) {
        Some(Command::PublishBlockPeriod(p)) => {
            Period { start: p.start, duration: p.duration.value(), unit: p.duration_type }
        }
        _ => Period::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_of_days_and_months_end_at_the_moment_they_began() {
        let at =
            |year, month, day, hour| gbcs::time::Civil { year, month, day, hour, minute: 0, second: 0 }.time().unwrap();
        let start = at(2026, 1, 31, 0).zigbee();
        let weekly = Period { start, duration: 1, unit: 2 };
        assert!(weekly.ended(at(2026, 2, 6, 23), at(2026, 2, 7, 0)));
        assert!(!weekly.ended(at(2026, 2, 7, 0), at(2026, 2, 8, 0)));
        let monthly = Period { start, duration: 1, unit: 3 };
        assert!(monthly.ended(at(2026, 2, 27, 23), at(2026, 2, 28, 0)), "the last day of a short month");
        assert!(!monthly.ended(at(2026, 2, 28, 0), at(2026, 3, 30, 23)));
        assert!(monthly.ended(at(2026, 3, 30, 23), at(2026, 3, 31, 0)));
        let quarterly = Period { start: at(2026, 1, 1, 0).zigbee(), duration: 3, unit: 3 };
        assert!(!quarterly.ended(at(2026, 1, 31, 23), at(2026, 2, 1, 0)));
        assert!(quarterly.ended(at(2026, 3, 31, 23), at(2026, 4, 1, 0)));
        assert!(!Period::default().ended(at(2026, 3, 31, 23), at(2026, 4, 1, 0)));
    }
}
