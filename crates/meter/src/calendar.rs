//! Calendars of both meters, in UTC: which tariff or setting is in force at a moment (DLMS classes 20, 10, 22; ZCL Calendar).
use alloc::vec::Vec;
use gbcs::Time;

/// Seconds of a day.
pub(crate) const DAY: u32 = 86_400;
/// No weekly calendar says nothing for longer.
const LOOK_BACK: u32 = 8;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    /// 1 is Monday.
    pub weekday: u8,
}

impl Day {
    /// The day of a moment.
    pub fn of(at: Time) -> Self {
        let civil = at.civil();
        // 1970-01-01 was a Thursday.
        let weekday = ((at.seconds() / u64::from(DAY) + 3) % 7) as u8 + 1;
        Self { year: civil.year, month: civil.month, day: civil.day, weekday }
    }
}

/// A date in which any field may be left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Date {
    pub year: Option<u16>,
    pub month: Option<u8>,
    pub day: Option<u8>,
    pub weekday: Option<u8>,
}

impl Date {
    /// `year[2] month day weekday ..` of DLMS; FF and FFFF are open, and so is all that stands for "last day of the month" and
    /// the like, which GBCS does not use.
    pub fn dlms(octets: &[u8]) -> Option<Self> {
        let [high, low, month, day, weekday, ..] = *octets else { return None };
        let year = u16::from_be_bytes([high, low]);
        Some(Self {
            year: (year != 0xFFFF).then_some(year),
            month: (1..=12).contains(&month).then_some(month),
            day: (1..=31).contains(&day).then_some(day),
            weekday: (1..=7).contains(&weekday).then_some(weekday),
        })
    }

    /// The ZCL's: years since 1900, FF is open.
    pub fn zcl(date: &gbcs::gbz::zcl::Date) -> Self {
        Self {
            year: (date.year != 0xFF).then(|| 1900 + u16::from(date.year)),
            month: (1..=12).contains(&date.month).then_some(date.month),
            day: (1..=31).contains(&date.day).then_some(date.day),
            weekday: (1..=7).contains(&date.weekday).then_some(date.weekday),
        }
    }

    /// As the ZCL writes it; what is before 1900 or after 2154 is any year.
    pub fn to_zcl(self) -> gbcs::gbz::zcl::Date {
        let year = self.year.and_then(|year| u8::try_from(year.checked_sub(1900)?).ok());
        let open = |field: Option<u8>| field.unwrap_or(0xFF);
        let (year, month, day, weekday) = (open(year), open(self.month), open(self.day), open(self.weekday));
        gbcs::gbz::zcl::Date { year, month, day, weekday }
    }

    /// Whether a day is meant.
    pub fn matches(&self, day: &Day) -> bool {
        self.year.is_none_or(|year| year == day.year)
            && self.month.is_none_or(|month| month == day.month)
            && self.day.is_none_or(|n| n == day.day)
            && self.weekday.is_none_or(|weekday| weekday == day.weekday)
    }

    /// The last time this date came, seen from `day`: year, month, day. Open fields are as early as they can be.
    fn last(&self, day: &Day) -> Option<(u16, u8, u8)> {
        let on = |year: u16| (year, self.month.unwrap_or(1), self.day.unwrap_or(1));
        let today = (day.year, day.month, day.day);
        match self.year {
            Some(year) => Some(on(year)).filter(|start| *start <= today),
            None if self.month.is_none() => Some((0, 1, 1)),
            None if on(day.year) <= today => Some(on(day.year)),
            None => Some(on(day.year.saturating_sub(1))),
        }
    }

    /// Whether a day lies between this date and `end`, both included. Without years a season that comes every year.
    fn until(&self, end: &Self, day: &Day) -> bool {
        let today = (day.month, day.day);
        let point = |date: &Self| date.month.map(|month| (month, date.day.unwrap_or(1)));
        match (self.year, end.year) {
            (None, None) => match (point(self), point(end)) {
                (Some(from), Some(to)) if from <= to => (from..=to).contains(&today),
                (Some(from), Some(to)) => today >= from || today <= to,
                _ => true,
            },
            _ => {
                let begun = self.year.is_none() || self.last(day).is_some();
                let full = (day.year, day.month, day.day);
                let over = end.year.is_some_and(|y| (y, end.month.unwrap_or(12), end.day.unwrap_or(31)) < full);
                begun && !over
            }
        }
    }
}

/// A switching table: seasons of weeks of days, and days of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// First day, and the week profile from then on.
    pub seasons: Vec<(Date, u8)>,
    /// Day profiles, Monday first.
    pub weeks: Vec<(u8, [u8; 7])>,
    /// Seconds since midnight, and what starts then.
    pub days: Vec<(u8, Vec<(u32, u16)>)>,
    /// Days with a profile of their own.
    pub special: Vec<(Date, u8)>,
}

impl Calendar {
    /// What is in force at a moment: what was started last, on this day or one before.
    pub fn selector(&self, at: Time) -> Option<u16> {
        let mut of_day = (at.seconds() % u64::from(DAY)) as u32;
        let mut moment = at;
        for _ in 0..LOOK_BACK {
            let day = Day::of(moment);
            let entries = self.profile(&day).map(Vec::as_slice).unwrap_or_default();
            let last = entries.iter().filter(|(start, _)| *start <= of_day).max_by_key(|(start, _)| *start);
            if let Some((_, selector)) = last {
                return Some(*selector);
            }
            moment = Time(moment.0.checked_sub(u64::from(DAY) * 1000)?);
            of_day = DAY;
        }
        None
    }

    fn profile(&self, day: &Day) -> Option<&Vec<(u32, u16)>> {
        let special = self.special.iter().find(|(date, _)| date.matches(day)).map(|(_, profile)| *profile);
        let profile = special.or_else(|| {
            let season =
                self.seasons.iter().filter_map(|(start, week)| Some((start.last(day)?, *week))).max_by_key(|s| s.0)?;
            let (_, days) = self.weeks.iter().find(|(week, _)| *week == season.1)?;
            Some(days[usize::from(day.weekday) - 1])
        })?;
        self.days.iter().find(|(id, _)| *id == profile).map(|(_, entries)| entries)
    }
}

/// A line of a schedule (DLMS class 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Switch {
    pub selector: u16,
    /// Seconds since midnight.
    pub at: u32,
    /// Monday first.
    pub weekdays: [bool; 7],
    /// Day ids of the special days table on which it acts.
    pub special: Vec<u8>,
    pub begin: Date,
    pub end: Date,
}

/// The selector that a schedule executed last before a moment; on a special day only lines for that day act.
pub(crate) fn scheduled(lines: &[Switch], special: &[(Date, u8)], at: Time) -> Option<u16> {
    let mut of_day = (at.seconds() % u64::from(DAY)) as u32;
    let mut moment = at;
    for _ in 0..LOOK_BACK {
        let day = Day::of(moment);
        let named = special.iter().find(|(date, _)| date.matches(&day)).map(|(_, id)| *id);
        let acts = |line: &&Switch| {
            line.at <= of_day
                && line.begin.until(&line.end, &day)
                && match named {
                    Some(id) => line.special.contains(&id),
                    None => line.weekdays[usize::from(day.weekday) - 1],
                }
        };
        // Of lines at the same second the later one has the last word.
        if let Some(last) = lines.iter().filter(acts).max_by_key(|line| line.at) {
            return Some(last.selector);
        }
        moment = Time(moment.0.checked_sub(u64::from(DAY) * 1000)?);
        of_day = DAY;
    }
    None
}

/// Whether one of these times of days came after `from`, and by `to` (DLMS class 22).
pub(crate) fn executed(times: &[(u32, Date)], from: Time, to: Time) -> bool {
    let midnight = |at: Time| at.seconds() - at.seconds() % u64::from(DAY);
    [from, to].iter().any(|day| {
        times.iter().filter(|(_, date)| date.matches(&Day::of(*day))).any(|(of_day, _)| {
            let moment = midnight(*day) + u64::from(*of_day);
            from.seconds() < moment && moment <= to.seconds()
        })
    })
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
    pub const fn new(start: u32, duration: u32, unit: u8) -> Self {
        Self { start, duration, unit }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: (u16, u8, u8, u8, u8)) -> Time {
        let (year, month, day, hour, minute) = text;
        gbcs::time::Civil { year, month, day, hour, minute, second: 0 }.time().unwrap()
    }

    fn two_rates() -> Calendar {
        let open = Date::default();
        Calendar {
            seasons: alloc::vec![
                (Date { month: Some(4), day: Some(1), ..open }, 1),
                (Date { month: Some(10), day: Some(1), ..open }, 2)
            ],
            weeks: alloc::vec![(1, [1, 1, 1, 1, 1, 2, 2]), (2, [1; 7])],
            days: alloc::vec![(1, alloc::vec![(7 * 3600, 1), (23 * 3600, 2)]), (2, alloc::vec![(0, 2)])],
            special: alloc::vec![(Date { month: Some(12), day: Some(25), ..open }, 2)],
        }
    }

    #[test]
    fn the_last_start_holds_over_midnight_seasons_and_special_days() {
        let calendar = two_rates();
        for (moment, expected) in [
            // A Thursday in winter: day, night, and before seven the night that began the day before.
            ((2026, 1, 1, 12, 0), 1),
            ((2026, 1, 1, 23, 30), 2),
            ((2026, 1, 1, 6, 59), 2),
            ((2026, 1, 3, 12, 0), 1),
            // A Saturday in summer, and the Monday after.
            ((2026, 6, 6, 12, 0), 2),
            ((2026, 6, 8, 7, 0), 1),
            ((2026, 12, 25, 12, 0), 2),
        ] {
            assert_eq!(calendar.selector(at(moment)), Some(expected), "{moment:?}");
        }
        assert_eq!(Calendar::default().selector(at((2026, 1, 1, 0, 0))), None);
    }

    #[test]
    fn a_season_with_a_year_does_not_begin_before_it() {
        let mut calendar = Calendar { special: Vec::new(), ..two_rates() };
        calendar.seasons = alloc::vec![(Date { year: Some(2030), month: Some(1), day: Some(1), weekday: None }, 1)];
        assert_eq!(calendar.selector(at((2029, 12, 31, 12, 0))), None);
        assert_eq!(calendar.selector(at((2030, 1, 1, 12, 0))), Some(1));
    }

    #[test]
    fn a_schedule_acts_on_its_weekdays_and_special_days_between_its_dates() {
        let open = Date::default();
        let line = |selector, hour: u32, weekdays, special: &[u8]| Switch {
            selector,
            at: hour * 3600,
            weekdays,
            special: special.to_vec(),
            begin: open,
            end: open,
        };
        let lines = [
            line(32, 16, [true; 7], &[]),
            line(33, 9, [true, true, true, true, true, false, false], &[]),
            line(32, 0, [false; 7], &[1]),
        ];
        let special = [(Date { month: Some(12), day: Some(25), ..open }, 1)];
        let state = |moment| scheduled(&lines, &special, at(moment));
        assert_eq!(state((2026, 1, 2, 12, 0)), Some(33), "Friday noon");
        assert_eq!(state((2026, 1, 2, 16, 0)), Some(32), "Friday evening");
        assert_eq!(state((2026, 1, 4, 12, 0)), Some(32), "all Sunday");
        assert_eq!(state((2026, 1, 5, 9, 0)), Some(33), "Monday");
        assert_eq!(state((2026, 12, 25, 12, 0)), Some(32), "Christmas, a Friday");
        let mut ended = lines.clone();
        for line in &mut ended {
            line.end = Date { year: Some(2025), month: Some(12), day: Some(1), weekday: None };
        }
        assert_eq!(scheduled(&ended, &[], at((2026, 1, 2, 12, 0))), None);
    }

    #[test]
    fn a_range_without_years_may_pass_the_new_year() {
        let winter = Date { month: Some(10), day: Some(1), ..Date::default() };
        let spring = Date { month: Some(3), day: Some(31), ..Date::default() };
        for (moment, inside) in [((2026, 1, 1, 0, 0), true), ((2026, 6, 1, 0, 0), false), ((2026, 10, 1, 0, 0), true)] {
            assert_eq!(winter.until(&spring, &Day::of(at(moment))), inside);
        }
    }

    #[test]
    fn execution_times_fall_after_the_earlier_moment_and_by_the_later() {
        let midnight_of_the_first = [(0, Date { day: Some(1), ..Date::default() })];
        let executed = |from, to| executed(&midnight_of_the_first, at(from), at(to));
        assert!(executed((2026, 1, 31, 23, 30), (2026, 2, 1, 0, 0)));
        assert!(!executed((2026, 2, 1, 0, 0), (2026, 2, 1, 0, 30)));
        assert!(!executed((2026, 1, 30, 23, 30), (2026, 1, 31, 0, 0)));
    }

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
