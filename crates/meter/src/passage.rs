//! What time does to a meter: half hours are metered and priced, days and hours charged, billing periods ended, calendars obeyed
//! (SMETS 5.5.7). Every half hour is lived through once, also those of a power cut.
use crate::books::cause;
use crate::esme;
use crate::gsme;
use crate::load::Load;
use crate::meter::Meter;
use crate::metering::Energy;
use crate::prepayment::{Account, Charge, Supply};
use crate::profiles::{HALF_HOUR, Snapshot};
use crate::state::Model;
use crate::tariff::Terms;
use gbcs::crypto::Crypto;
use gbcs::{Counter, MessageCode, Time};

const HOUR: u32 = 3600;
const DAY: u32 = 86_400;
/// A clock that jumps by more than this was set: nothing is charged for what never was.
const LONGEST: u32 = 400 * DAY;

/// When the half hour under way ends.
pub(crate) fn next(passed: u32) -> Option<Time> {
    (passed != 0).then(|| Time::from_zigbee(passed.saturating_add(HALF_HOUR)))
}

impl<C: Crypto> Meter<C> {
    /// Live through every half hour that ended by `now`; whether there was one. The caller persists.
    pub(crate) fn pass(&mut self, now: Time) -> bool {
        let until = now.zigbee() / HALF_HOUR * HALF_HOUR;
        let passed = self.state.books.clock.passed;
        // Its first moment, or a clock that was set anew: there is nothing to make up for.
        if passed == 0 || until.abs_diff(passed) > LONGEST {
            self.state.books.clock.passed = until;
            return passed != 0;
        }
        // A clock that was turned back a little: what was lived through is not lived through again.
        if until <= passed {
            return false;
        }
        // Nothing that happens in between changes the tariff or a calendar.
        let terms = self.terms();
        let mut end = passed;
        while end < until {
            let before = self.state.books.account.clone();
            end += HALF_HOUR;
            self.half_hour(&terms, end);
            self.state.books.clock.passed = end;
            self.notice(Time::from_zigbee(end), &before, MessageCode(0), Counter(0));
        }
        true
    }

    /// Count and charge for what passed the meter just now.
    pub(crate) fn count(&mut self, at: Time, energy: &Energy) {
        let terms = self.terms();
        self.count_by(&terms, at, energy);
    }

    fn count_by(&mut self, terms: &Terms, at: Time, energy: &Energy) {
        let books = &mut self.state.books;
        let (tariff, mut energy) = (&terms.tariff, *energy);
        match &terms.second {
            Some(second) if books.variant.has_second_element() => {
                books.metering.meter_second(second, second.register(at), energy.second);
            }
            _ => energy.second = 0,
        }
        let price = books.metering.meter(tariff, tariff.register(at), &energy);
        books.account.consume(i32::try_from(price).unwrap_or(i32::MAX));
    }

    fn half_hour(&mut self, terms: &Terms, end: u32) {
        let begin = Time::from_zigbee(end - HALF_HOUR);
        let drawn = |load: Option<Load>| load.map(|load| load.energy(begin));
        let (first, second) = (drawn(self.config.load), drawn(self.config.second_load));
        if (first.is_some() || second.is_some()) && self.state.books.account.supply == Supply::Enabled {
            let second = second.map_or(0, |second| second.import);
            self.count_by(terms, begin, &Energy { second, ..first.unwrap_or_default() });
        }
        self.age_clock(Time::from_zigbee(end));
        if let Some(settings) = &terms.voltage {
            self.watch_voltage(settings, end - HALF_HOUR, end);
        }
        let (moment, sizes) = (Time::from_zigbee(end), self.config.sizes);
        let books = &mut self.state.books;
        books.battery.half_hour();
        let ended = books.metering.end_half_hour(end);
        let profiles = &mut books.profiles;
        profiles.half_hours.push(end, ended, sizes.half_hours);
        if let Some(sampling) = &mut profiles.sampling {
            sampling.meter(end - HALF_HOUR, end, ended.import);
        }
        if end.is_multiple_of(HOUR) {
            recover(&mut books.account, HOUR);
        }
        if end.is_multiple_of(DAY) {
            books.account.charge(Charge::Standing, i32::try_from(terms.tariff.standing_charge).unwrap_or(i32::MAX));
            recover(&mut books.account, DAY);
        }
        if let Ok(period) = u32::try_from(books.account.debt_cap_period)
            && period > 0
            && end / period != (end - HALF_HOUR) / period
        {
            books.account.renew_cap();
        }
        if end.is_multiple_of(DAY) {
            let profiles = &mut books.profiles;
            profiles.daily.push(Snapshot::of_registers(end, cause::DAILY, &books.metering), sizes.days);
            profiles.daily_prepayment.push(Snapshot::of_account(end, cause::DAILY, &books.account), sizes.days);
            profiles.days.push((end - DAY, books.metering.end_day()), sizes.days);
            profiles.export.push((end, books.metering.total.export), sizes.days);
        }
        if terms.billing.ended(begin, moment) {
            books.bill(moment, &sizes);
        }
        if let Some(at) = books.tenancy.take_if(|at| *at <= end) {
            books.changed(Time::from_zigbee(at), cause::TENANCY, &sizes);
        }
        if terms.block_reset.ended(begin, moment) {
            books.metering.reset_blocks();
        }
        books.account.protect(terms.non_disablement.holds(moment));
    }

    /// The tariff and the calendars, as the objects have them now.
    fn terms(&self) -> Terms {
        match &self.state.model {
            Model::Esme(store) => esme::terms(store),
            Model::Gsme(store) => gsme::terms(store),
        }
    }
}

/// Recover the time debts of this period.
fn recover(account: &mut Account, period: u32) {
    for n in 0..account.time_debts.len() {
        let debt = account.time_debts[n];
        if debt.period == period {
            account.charge(Charge::TimeDebt(n), debt.rate);
        }
    }
}
