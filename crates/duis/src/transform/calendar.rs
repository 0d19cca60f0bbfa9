//! Dates and schedules in DLMS and ZCL (GBCS messages 15.1, 10.4).
use gbcs::dlms::{BitString, Data, Obis};
use gbcs::gbz::zcl::{
    Date as ZclDate, DayEntry, PublishCalendar, PublishDayProfile, PublishSeasons, PublishSpecialDays,
    PublishWeekProfile, Season as ZclSeason, SpecialDay as ZclSpecialDay, ZclString,
};

use super::draft::{Components, Fault};
use super::zcl::{CANCEL_TABLE, NO_PROVIDER, start};
use crate::Execution;
use crate::body::calendar::{Date, DayOfMonth, DaysOfWeek, GasDate, GasSeasons};
use crate::xml::value::{Day, TimeOfDay};

const ANY: u8 = 0xFF;

/// `yyyy mm dd wd`.
pub(super) fn date(date: &Date) -> [u8; 5] {
    let [high, low] = date.year.unwrap_or(0xFFFF).to_be_bytes();
    let day = match date.day {
        DayOfMonth::The(day) => day,
        DayOfMonth::Any => ANY,
        DayOfMonth::Last => 0xFE,
        DayOfMonth::SecondLast => 0xFD,
    };
    [high, low, date.month.unwrap_or(ANY), day, date.weekday.unwrap_or(ANY)]
}

/// The same of a date without wildcards but the year's.
pub(super) fn plain_date(day: Day) -> [u8; 5] {
    let [high, low] = day.year.to_be_bytes();
    [high, low, day.month, day.day, ANY]
}

/// A date as a date-time at midnight.
pub(super) fn date_time(of: &Date) -> Data {
    let [high, low, month, day, weekday] = date(of);
    Data::octets([high, low, month, day, weekday, 0, 0, 0, 0, 0x80, 0, 0xFF])
}

/// `hh mm ss` and hundredths.
pub(super) fn time(time: TimeOfDay) -> Data {
    Data::octets([time.hour, time.minute, time.second, time.hundredths])
}

/// A special days table: number, date, day profile.
pub(super) fn special_days<'d>(days: impl IntoIterator<Item = (u16, &'d Date, u8)>) -> Data {
    let entry = |(number, of, profile): (u16, &Date, u8)| {
        Data::structure([number.into(), Data::octets(date(of)), profile.into()])
    };
    Data::array(days.into_iter().map(entry).collect::<Vec<_>>())
}

/// What a schedule does, when.
pub(super) struct ScheduleEntry {
    pub script_table: Obis,
    pub script: u16,
    pub at: TimeOfDay,
    /// Bit 0 is Monday.
    pub weekdays: u8,
    /// Numbers of special days.
    pub special_days: Vec<u8>,
    pub from: [u8; 5],
    pub to: [u8; 5],
}

/// A schedule whose entries may be for any of `special_days` special days.
pub(super) fn schedule(special_days: u8, entries: impl IntoIterator<Item = ScheduleEntry>) -> Data {
    /// The whole period between its dates.
    const VALIDITY: u16 = 0xFFFF;
    let entry = |(n, e): (usize, ScheduleEntry)| {
        let of_special = e.special_days.iter().filter(|day| **day <= special_days).map(|day| day - 1);
        Data::structure([
            Data::LongUnsigned(n as u16 + 1),
            Data::boolean(true),
            Data::octets(e.script_table.0),
            e.script.into(),
            time(e.at),
            VALIDITY.into(),
            bits(7, (0..7).filter(|day| e.weekdays & 1 << day != 0)),
            bits(special_days.into(), of_special),
            Data::octets(e.from),
            Data::octets(e.to),
        ])
    };
    Data::array(entries.into_iter().enumerate().map(entry).collect::<Vec<_>>())
}

/// A bit string with these bits set, counted from the first on the wire.
pub(super) fn bits(length: u16, set: impl IntoIterator<Item = u8>) -> Data {
    let mut octets = vec![0u8; usize::from(length).div_ceil(8)];
    for n in set {
        octets[usize::from(n / 8)] |= 0x80 >> (n % 8);
    }
    BitString::new(length, octets).map_or(Data::Null, Data::from)
}

/// Bit 0 is Monday.
pub(super) fn weekdays(days: &DaysOfWeek) -> u8 {
    days.days.iter().fold(0, |bits, applicability| bits | 1 << applicability.day as u8)
}

/// A gas date: years count from 1900.
pub(super) fn gas_date(date: &GasDate) -> Result<ZclDate, Fault> {
    let year = match date.year {
        None => ANY,
        Some(year) => {
            let since = year.checked_sub(1900).and_then(|since| u8::try_from(since).ok()).filter(|n| *n != ANY);
            since.ok_or(Fault::TooMany("years since 1900"))?
        }
    };
    let day = if let DayOfMonth::The(day) = date.day { day } else { ANY };
    Ok(ZclDate { year, month: date.month.unwrap_or(ANY), day, weekday: date.weekday.unwrap_or(ANY) })
}

/// A calendar of a GSME: what its commands say.
pub(super) struct GasCalendar<'b> {
    /// 0 tariff, 3 non-disablement.
    pub kind: u8,
    pub execution: Execution,
    /// Day profiles: number, minutes and tiers.
    pub days: Vec<(u8, Vec<DayEntry>)>,
    /// Week profiles: number, day profiles from Monday.
    pub weeks: Vec<(u8, [u8; 7])>,
    pub seasons: &'b GasSeasons,
    /// Special days: date, day profile.
    pub special_days: Vec<(&'b GasDate, u8)>,
}

impl GasCalendar<'_> {
    /// Its commands behind `before`.
    pub fn commands(&self, before: Components, clock: u32) -> Result<Components, Fault> {
        let (provider, issuer_event, calendar) = (NO_PROVIDER, clock, clock);
        let starts = start(self.execution, CANCEL_TABLE)?;
        let seasons = self
            .seasons
            .seasons
            .iter()
            .map(|season| Ok(ZclSeason { start: gas_date(&season.start)?, week: season.week.octet() }));
        let special_days =
            self.special_days.iter().map(|&(date, day)| Ok(ZclSpecialDay { date: gas_date(date)?, day }));
        let (seasons, special_days): (Vec<_>, Vec<_>) =
            (seasons.collect::<Result<_, Fault>>()?, special_days.collect::<Result<_, Fault>>()?);
        let publish = PublishCalendar {
            provider,
            issuer_event,
            calendar,
            start: starts,
            kind: self.kind,
            time_reference: 0,
            name: ZclString::default(),
            seasons: seasons.len() as u8,
            weeks: self.weeks.len() as u8,
            days: self.days.len() as u8,
        };
        let days = self.days.iter().map(|(day, entries)| PublishDayProfile {
            provider,
            issuer_event,
            calendar,
            day: *day,
            total_entries: entries.len() as u8,
            command_index: 0,
            total_commands: 1,
            calendar_type: self.kind,
            entries: entries.clone(),
        });
        let weeks =
            self.weeks.iter().map(|&(week, days)| PublishWeekProfile { provider, issuer_event, calendar, week, days });
        Ok(before
            .and(publish)
            .and_all(days)
            .and_all(weeks)
            .and(PublishSeasons { provider, issuer_event, calendar, command_index: 0, total_commands: 1, seasons })
            .and(PublishSpecialDays {
                provider,
                issuer_event,
                calendar,
                start: starts,
                kind: self.kind,
                total: special_days.len() as u8,
                command_index: 0,
                total_commands: 1,
                days: special_days,
            }))
    }
}
