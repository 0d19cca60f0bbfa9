//! Dates, times of day, weekdays and billing calendars in the forms of the schema.
use gbcs::dlms::BitString;
use gbcs::time::Civil;

use super::element::Element;
use super::form::{Misfit, number, octets};
use super::node::Node;

const ANY: u8 = 0xFF;

/// Hour, minute, second, hundredths as `xs:time`; what is any is 0.
pub(super) fn time_of_day(octets: &[u8]) -> Result<String, Misfit> {
    let [hour, minute, second, _] = *octets else { return Err(Misfit) };
    let [hour, minute, second] = [hour, minute, second].map(|n| if n == ANY { 0 } else { n });
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Misfit);
    }
    Ok(format!("{hour:02}:{minute:02}:{second:02}Z"))
}

/// Minutes since midnight as `xs:time`.
pub(super) fn minutes(minutes: i64) -> Result<String, Misfit> {
    if (0..1440).contains(&minutes) { Ok(format!("{:02}:{:02}:00Z", minutes / 60, minutes % 60)) } else { Err(Misfit) }
}

/// Parts of a date; `None` is any.
struct Parts {
    year: Option<u16>,
    month: Option<u8>,
    day: Option<u8>,
    weekday: Option<u8>,
}

impl Parts {
    fn of([high, low, month, day, weekday]: [u8; 5]) -> Self {
        let year = u16::from_be_bytes([high, low]);
        let some = |n: u8| (n != ANY).then_some(n);
        Self { year: (year != 0xFFFF).then_some(year), month: some(month), day: some(day), weekday: some(weekday) }
    }
}

/// A part that is named by its number, or not specified.
fn part(
    name: &'static str,
    specified: &'static str,
    any: &'static str,
    value: Option<u16>,
    range: std::ops::RangeInclusive<u16>,
) -> Result<Element, Misfit> {
    let element = match value {
        None => Element::empty(any),
        Some(n) if range.contains(&n) => Element::text(specified, n.to_string()),
        Some(_) => return Err(Misfit),
    };
    Ok(Element::new(name, [element]))
}

/// Five octets, the first of a date-time if there are more: `Date` of the schema.
pub(super) fn date(octets: &[u8]) -> Result<Vec<Element>, Misfit> {
    let parts = Parts::of(*octets.first_chunk().ok_or(Misfit)?);
    // Years before the schema's first stand for any, as the calendars of meters write them.
    let year = parts.year.filter(|year| *year != 0);
    let day = match parts.day {
        Some(0xFE) => Element::new("DayOfMonth", [Element::empty("LastDayOfMonth")]),
        Some(0xFD) => Element::new("DayOfMonth", [Element::empty("SecondLastDayOfMonth")]),
        day => part("DayOfMonth", "SpecifiedDayOfMonth", "NonSpecifiedDayOfMonth", day.map(u16::from), 1..=31)?,
    };
    Ok(vec![
        part("Year", "SpecifiedYear", "NonSpecifiedYear", year, 2014..=9999)?,
        part("Month", "SpecifiedMonth", "NonSpecifiedMonth", parts.month.map(u16::from), 1..=12)?,
        day,
        part("DayOfWeek", "SpecifiedDayOfWeek", "NonSpecifiedDayOfWeek", parts.weekday.map(u16::from), 1..=7)?,
    ])
}

/// Five octets as `xs:date`, any year as 65535, as requests have it; nothing where all of it is any.
pub(super) fn day(octets: &[u8]) -> Result<Option<String>, Misfit> {
    let octets: [u8; 5] = octets.try_into().map_err(|_| Misfit)?;
    let Parts { year, month, day, .. } = Parts::of(octets);
    match (year, month, day) {
        (None, None, None) => Ok(None),
        (year, Some(month), Some(day)) => {
            // A leap year stands for any.
            let civil = Civil { year: year.unwrap_or(2000), month, day, hour: 0, minute: 0, second: 0 };
            civil.time().filter(|_| civil.year <= 9999).ok_or(Misfit)?;
            // 65535 is no leap year.
            if year.is_none() && (month, day) == (2, 29) {
                return Err(Misfit);
            }
            Ok(Some(format!("{:04}-{month:02}-{day:02}Z", year.unwrap_or(0xFFFF))))
        }
        _ => Err(Misfit),
    }
}

/// A ZCL date, with years since 1900.
pub(super) fn zcl_date(node: &Node) -> Result<Vec<Element>, Misfit> {
    let field = |name: &str| -> Result<Option<u16>, Misfit> {
        let n = u16::try_from(number(node.at(name).ok_or(Misfit)?)?).map_err(|_| Misfit)?;
        Ok((n != u16::from(ANY)).then_some(n))
    };
    let year = field("year")?.map(|year| year + 1900);
    let (month, day, weekday) = (field("month")?, field("day")?, field("weekday")?);
    Ok(vec![
        part("GasYearWithWildcards", "SpecifiedYear", "NonSpecifiedYear", year, 2014..=9999)?,
        part("GasMonthWithWildcards", "SpecifiedMonth", "NonSpecifiedMonth", month, 1..=12)?,
        part("GasDayOfMonthWithWildcards", "SpecifiedDayOfMonth", "GasNonSpecifiedDayOfMonth", day, 1..=31)?,
        part("GasDayOfWeekWithWildcards", "SpecifiedDayOfWeek", "NonSpecifiedDayOfWeek", weekday, 1..=7)?,
    ])
}

/// Bits of a week, Monday first; none where no bit is set.
pub(super) fn weekdays(bits: &BitString) -> Option<Vec<Element>> {
    const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let set = (0..7u16).filter(|n| bits.bit(*n) == Some(true));
    let days =
        set.map(|n| Element::new("DayOfWeekApplicability", [Element::text("DayOfWeekID", NAMES[usize::from(n)])]));
    let days: Vec<_> = days.collect();
    (!days.is_empty()).then_some(days)
}

/// Bits of special days; none where no bit is set.
pub(super) fn special_days(bits: &BitString) -> Option<Vec<Element>> {
    let set = (0..bits.bits().min(20)).filter(|n| bits.bit(*n) == Some(true));
    let days =
        set.map(|n| Element::new("SpecialDayApplicability", [Element::text("SpecialDayID", (n + 1).to_string())]));
    let days: Vec<_> = days.collect();
    (!days.is_empty()).then_some(days)
}

/// The times at which an ESME bills, as the one calendar that gives them (the other way round of the transform, DUIS 7, 6.8).
pub(super) fn billing(times: &Node) -> Result<Vec<Element>, Misfit> {
    let Node::List(times) = times else { return Err(Misfit) };
    let first = times.first().ok_or(Misfit)?;
    let time = time_of_day(octets(first.at("time").ok_or(Misfit)?)?)?;
    let mut dates = Vec::new();
    for entry in times {
        if entry.at("time") != first.at("time") {
            return Err(Misfit);
        }
        let date: [u8; 5] = octets(entry.at("date").ok_or(Misfit)?)?.try_into().map_err(|_| Misfit)?;
        dates.push(Parts::of(date));
    }
    let day_of_month = |day: u8| if (1..=28).contains(&day) { Ok(day) } else { Err(Misfit) };
    let yearly = |name: &'static str, months: u8| {
        let (Some(month), Some(day)) = (dates[0].month, dates[0].day) else { return Err(Misfit) };
        if !(1..=12).contains(&month) {
            return Err(Misfit);
        }
        let expected = (0..12 / months).map(|n| (month - 1 + n * months) % 12 + 1);
        let even = expected.zip(&dates).all(|(month, date)| date.month == Some(month) && date.day == Some(day));
        if !even {
            return Err(Misfit);
        }
        let day = Element::text("DayOfMonth", day_of_month(day)?.to_string());
        Ok(Element::new(name, [day, Element::text("BillingPeriodStartMonth", month.to_string())]))
    };
    let periodicity = match (dates.len(), &dates[0]) {
        (1, Parts { month: None, day: None, weekday: None, .. }) => Element::empty("Daily"),
        (1, Parts { month: None, day: None, weekday: Some(weekday @ 1..=7), .. }) => {
            Element::text("Weekly", weekday.to_string())
        }
        (1, Parts { month: None, day: Some(day), .. }) => Element::text("Monthly", day_of_month(*day)?.to_string()),
        (4, _) => yearly("Quarterly", 3)?,
        (2, _) => yearly("SixMonthly", 6)?,
        (1, _) => yearly("Yearly", 12)?,
        _ => return Err(Misfit),
    };
    Ok(vec![Element::new("ElectricityBillingCalendar", [Element::text("BillingTime", time), periodicity])])
}

/// The period of a gas meter's billing calendar: how many of which unit, the low half octet of the duration type.
pub(super) fn period(period: &Node) -> Result<&'static str, Misfit> {
    let field = |name| number(period.at(name).ok_or(Misfit)?);
    match (field("duration")?, field("duration_type")? & 0x0F) {
        (1, 1) => Ok("Daily"),
        (1, 2) => Ok("Weekly"),
        (1, 3) => Ok("Monthly"),
        (3, 3) => Ok("Quarterly"),
        (6, 3) => Ok("SixMonthly"),
        (12, 3) => Ok("Yearly"),
        _ => Err(Misfit),
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Struct;
    use super::*;

    fn entry(date: [u8; 5]) -> Node {
        let time = Node::Octets(vec![12, 0, 0, 0]);
        Node::Struct(Struct::of([("time", time), ("date", Node::Octets(date.into()))]))
    }

    #[test]
    fn a_billing_calendar_is_known_by_its_times() {
        let any = [ANY; 5];
        let month = |month| [ANY, ANY, month, 1, ANY];
        for (dates, expected) in [
            (vec![any], "<ra:Daily/>"),
            (vec![[ANY, ANY, ANY, ANY, 3]], "<ra:Weekly>3</ra:Weekly>"),
            (vec![[ANY, ANY, ANY, 28, ANY]], "<ra:Monthly>28</ra:Monthly>"),
            (
                vec![month(11), month(2), month(5), month(8)],
                "<ra:Quarterly><ra:DayOfMonth>1</ra:DayOfMonth><ra:BillingPeriodStartMonth>11</ra:",
            ),
            (vec![month(1), month(7)], "<ra:SixMonthly>"),
            (vec![month(1)], "<ra:Yearly>"),
        ] {
            let made = billing(&Node::List(dates.into_iter().map(entry).collect())).unwrap();
            let text = made[0].to_document();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn times_that_are_no_calendar_do_not_fit() {
        let month = |month| entry([ANY, ANY, month, 1, ANY]);
        for times in [vec![], vec![month(1), month(3)], vec![month(1), month(2), month(3)], vec![month(13)]] {
            assert_eq!(billing(&Node::List(times)), Err(Misfit));
        }
    }

    #[test]
    fn a_date_says_which_parts_are_any() {
        let text = Element::new("D", date(&[0x07, 0xDF, ANY, 0xFE, 1]).unwrap()).to_document();
        for part in
            ["<ra:SpecifiedYear>2015<", "<ra:NonSpecifiedMonth/>", "<ra:LastDayOfMonth/>", "<ra:SpecifiedDayOfWeek>1<"]
        {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(date(&[0x07, 0xDF, 13, 1, 1]), Err(Misfit));
        assert_eq!(date(&[1]), Err(Misfit));
    }
}
