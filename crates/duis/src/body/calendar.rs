//! Dates with wildcards, and the parts that calendars of both fuels are made of (DUIS 8.1, 8.5).
use std::marker::PhantomData;

use crate::xml::content::{enumeration, sequence};
use crate::xml::value::{Day, TimeOfDay, Within};
use crate::xml::{Children, Content, Element, Index, List, Table, Writer, XmlError, XmlErrorKind};

/// How the elements of a date are named for one fuel.
pub trait DateNames {
    /// Year, month, day of month, day of week.
    const ELEMENTS: [&'static str; 4];
    /// What says that the day of month is not specified.
    const ANY_DAY: &'static str;
    /// Whether the last days of a month can be named.
    const LAST_DAYS: bool;
}

/// `Date`, of calendars in an ESME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Electricity;

/// `GasDateWithWildcards`, of calendars in a GSME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gas;

impl DateNames for Electricity {
    const ELEMENTS: [&'static str; 4] = ["Year", "Month", "DayOfMonth", "DayOfWeek"];
    const ANY_DAY: &'static str = "NonSpecifiedDayOfMonth";
    const LAST_DAYS: bool = true;
}

impl DateNames for Gas {
    const ELEMENTS: [&'static str; 4] =
        ["GasYearWithWildcards", "GasMonthWithWildcards", "GasDayOfMonthWithWildcards", "GasDayOfWeekWithWildcards"];
    const ANY_DAY: &'static str = "GasNonSpecifiedDayOfMonth";
    const LAST_DAYS: bool = false;
}

/// A date of which each part may be left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WildDate<N> {
    /// 2014..9999.
    pub year: Option<u16>,
    /// 1..12.
    pub month: Option<u8>,
    /// Which day of the month.
    pub day: DayOfMonth,
    /// 1 (Monday)..7.
    pub weekday: Option<u8>,
    names: PhantomData<N>,
}

/// A date in an ESME's calendar.
pub type Date = WildDate<Electricity>;
/// A date in a GSME's calendar.
pub type GasDate = WildDate<Gas>;

/// A day of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOfMonth {
    /// 1..31.
    The(u8),
    /// Not specified.
    Any,
    /// The last; of electricity only.
    Last,
    /// The one before; of electricity only.
    SecondLast,
}

const SPECIFIED: [&str; 4] = ["SpecifiedYear", "SpecifiedMonth", "SpecifiedDayOfMonth", "SpecifiedDayOfWeek"];
const ANY: [&str; 4] = ["NonSpecifiedYear", "NonSpecifiedMonth", "", "NonSpecifiedDayOfWeek"];
const LAST: &str = "LastDayOfMonth";
const SECOND_LAST: &str = "SecondLastDayOfMonth";

impl<N: DateNames> WildDate<N> {
    /// `None` when a part is out of its range.
    pub fn new(year: Option<u16>, month: Option<u8>, day: DayOfMonth, weekday: Option<u8>) -> Option<Self> {
        let day_fits = match day {
            DayOfMonth::The(day) => (1..=31).contains(&day),
            DayOfMonth::Any => true,
            DayOfMonth::Last | DayOfMonth::SecondLast => N::LAST_DAYS,
        };
        let within = |n: Option<u16>, least, most| n.is_none_or(|n| (least..=most).contains(&n));
        let fits = within(year, 2014, 9999)
            && within(month.map(u16::from), 1, 12)
            && within(weekday.map(u16::from), 1, 7)
            && day_fits;
        fits.then_some(Self { year, month, day, weekday, names: PhantomData })
    }
}

/// The one element within part `n` of a date.
fn part<'d, N: DateNames>(children: &mut Children<'d>, n: usize) -> Result<Element<'d>, XmlError> {
    let mut inner = children.expect(N::ELEMENTS[n])?.children()?;
    let element = inner.any(SPECIFIED[n])?;
    inner.end()?;
    Ok(element)
}

/// Part `n` as a number of its range, or nothing.
fn number<N: DateNames, const LEAST: u64, const MOST: u64>(
    children: &mut Children<'_>,
    n: usize,
) -> Result<Option<u64>, XmlError> {
    let element = part::<N>(children, n)?;
    if element.name() == ANY[n] {
        return element.empty().map(|()| None);
    }
    if element.name() != SPECIFIED[n] {
        return Err(element.error(XmlErrorKind::Unexpected(element.name().to_owned())));
    }
    element.value::<Within<LEAST, MOST>>().map(|n| Some(n.get()))
}

impl<N: DateNames> Content for WildDate<N> {
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        let mut children = element.children_beside(attributes)?;
        let year = number::<N, 2014, 9999>(&mut children, 0)?.map(|n| n as u16);
        let month = number::<N, 1, 12>(&mut children, 1)?.map(|n| n as u8);
        let day = part::<N>(&mut children, 2)?;
        let named = match day.name() {
            LAST if N::LAST_DAYS => Some(DayOfMonth::Last),
            SECOND_LAST if N::LAST_DAYS => Some(DayOfMonth::SecondLast),
            name if name == N::ANY_DAY => Some(DayOfMonth::Any),
            name if name == SPECIFIED[2] => None,
            other => return Err(day.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        let day = match named {
            Some(named) => day.empty().map(|()| named)?,
            None => DayOfMonth::The(day.value::<Within<1, 31>>()?.octet()),
        };
        let weekday = number::<N, 1, 7>(&mut children, 3)?.map(|n| n as u8);
        children.end()?;
        Ok(Self { year, month, day, weekday, names: PhantomData })
    }

    fn write_content(&self, w: &mut Writer) {
        let mut part = |n: usize, number: Option<u16>, otherwise: &str| {
            w.element(N::ELEMENTS[n], |w| match number {
                Some(number) => w.value(SPECIFIED[n], number),
                None => w.empty(otherwise),
            });
        };
        part(0, self.year, ANY[0]);
        part(1, self.month.map(u16::from), ANY[1]);
        let (day, otherwise) = match self.day {
            DayOfMonth::The(day) => (Some(day.into()), ""),
            DayOfMonth::Any => (None, N::ANY_DAY),
            DayOfMonth::Last => (None, LAST),
            DayOfMonth::SecondLast => (None, SECOND_LAST),
        };
        part(2, day, otherwise);
        part(3, self.weekday.map(u16::from), ANY[3]);
    }
}

enumeration! {
    /// A day of the week.
    DayOfWeek {
        Monday = "Monday",
        Tuesday = "Tuesday",
        Wednesday = "Wednesday",
        Thursday = "Thursday",
        Friday = "Friday",
        Saturday = "Saturday",
        Sunday = "Sunday",
    }

    /// Whether non-disablement starts or stops.
    NonDisablement {
        Start = "START",
        Stop = "STOP",
    }
}

sequence! {
    /// One day of the week a schedule is for.
    DayOfWeekApplicability {
        day: DayOfWeek = "DayOfWeekID",
    }

    /// The days of the week a schedule is for.
    DaysOfWeek {
        days: List<DayOfWeekApplicability, 0, 7> = "DayOfWeekApplicability",
    }

    /// One special day a schedule is for.
    SpecialDayApplicability {
        day: Within<1, 20> = "SpecialDayID",
    }

    /// The special days a schedule is for, by their numbers.
    SpecialDayNumbers {
        days: List<SpecialDayApplicability, 0, 20> = "SpecialDayApplicability",
    }

    /// When a schedule switches, and between which dates.
    ScheduleDatesAndTime {
        switch_time: TimeOfDay = "SwitchTime",
        start: Date = "StartDate",
        end: Date = "EndDate",
    }

    /// The same with dates that name a day of each year, or of one.
    PlainScheduleDatesAndTime {
        switch_time: TimeOfDay = "SwitchTime",
        start: Day = "StartDate",
        end: Day = "EndDate",
    }

    /// A special day of a prepayment calendar; its number is its index.
    NumberedSpecialDay {
        date: Date = "Date",
    }

    /// Special days of a prepayment calendar.
    NumberedSpecialDays {
        days: Table<Index<20>, NumberedSpecialDay, 0> = "SpecialDay",
    }

    /// When non-disablement starts or stops on an ESME.
    NonDisablementSchedule {
        script: NonDisablement = "NonDisablementScript",
        special_days: SpecialDayNumbers = "SpecialDaysApplicability",
        days_of_week: DaysOfWeek = "DaysOfWeekApplicability",
        dates: PlainScheduleDatesAndTime = "ScheduleDatesAndTime",
    }

    /// When an ESME does not disable supply for want of credit.
    ElectricityNonDisablementCalendar {
        special_days: NumberedSpecialDays = "ElectricitySpecialDays",
        schedule: List<NonDisablementSchedule, 1, 22> = "ElectricityNonDisablementSchedule",
    }

    /// When non-disablement starts or stops on a day of a GSME.
    GasTimeStartAction {
        start: TimeOfDay = "StartTime",
        action: NonDisablement = "NonDisablementAction",
    }

    /// A day profile of non-disablement.
    GasNonDisablementDay {
        actions: List<GasTimeStartAction, 1, 3> = "TimeStartAction",
        name: Within<1, 5> = "GasDayName",
    }

    /// Day profiles of non-disablement.
    GasNonDisablementDays {
        days: List<GasNonDisablementDay, 1, 5> = "GasNonDisablementDayProfile",
    }

    /// A week profile of non-disablement: a day profile for each day, Monday first.
    GasNonDisablementWeek {
        name: Within<1, 2> = "WeekName",
        days: Table<Index<7>, Within<1, 5>, 7> = "ReferencedDayName",
    }

    /// Week profiles of non-disablement.
    GasNonDisablementWeeks {
        weeks: List<GasNonDisablementWeek, 1, 2> = "WeekProfile",
    }

    /// From when a week profile holds.
    GasSeason {
        start: GasDate = "SeasonStartDate",
        week: Within<1, 2> = "ReferencedWeekName",
    }

    /// Seasons of a gas calendar.
    GasSeasons {
        seasons: List<GasSeason, 1, 3> = "Season",
    }

    /// A day with a day profile of its own.
    GasNonDisablementSpecialDay {
        date: GasDate = "Date",
        day: Within<1, 5> = "ReferencedDayName",
    }

    /// Days with profiles of their own.
    GasNonDisablementSpecialDays {
        days: List<GasNonDisablementSpecialDay, 0, 20> = "SpecialDay",
    }

    /// When a GSME does not disable supply for want of credit.
    GasNonDisablementCalendar {
        days: GasNonDisablementDays = "DayProfiles",
        weeks: GasNonDisablementWeeks = "WeekProfiles",
        seasons: GasSeasons = "SeasonProfiles",
        special_days: GasNonDisablementSpecialDays = "SpecialDays",
    }
}
