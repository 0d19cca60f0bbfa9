//! `xs:dateTime` to and from [`Time`], and the three meanings of an `ExecutionDateTime`.
use gbcs::Time;
use gbcs::time::Civil;

use crate::xml::{Children, Group, Writer, XmlError};

/// Reads `YYYY-MM-DDThh:mm:ss[.f]` with `Z` or an offset. Digits past the millisecond are dropped.
///
/// A time without a zone is refused: DUIS times are UTC, and guessing would shift a command by an hour in summer.
pub fn parse(text: &str) -> Option<Time> {
    let (date, rest) = text.split_once('T')?;
    let mut date = date.split('-');
    let civil_date = (digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.split(':');
    let (hour, minute, second) = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    if date.next().is_some() || clock.next().is_some() || fraction.is_empty() || !all_digits(fraction) {
        return None;
    }
    let (year, month, day) = civil_date;
    // 24:00:00 is the start of the next day (XML Schema part 2, 3.2.7).
    let next_day = hour == 24 && minute == 0 && second == 0 && fraction.bytes().all(|b| b == b'0');
    let civil = Civil {
        year,
        month: month as u8,
        day: day as u8,
        hour: if next_day { 0 } else { hour as u8 },
        minute: minute as u8,
        second: second as u8,
    };
    let millis = fraction.bytes().chain(*b"00").take(3).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
    let local = civil.time()?.0 + millis + if next_day { 86_400_000 } else { 0 };
    let offset = offset_minutes(zone)? * 60_000;
    local.checked_add_signed(-offset).filter(|millis| *millis <= LAST).map(Time)
}

/// The last millisecond of the year 9999: a later one, which an offset can make of it, has no four digits to be written in.
const LAST: u64 = 253_402_300_799_999;

/// Writes UTC with `Z` and milliseconds, as the DCC does.
pub fn format(time: Time) -> String {
    let seconds = Time::from_seconds(time.seconds()).to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), time.0 % 1000)
}

fn digits(text: &str, n: usize) -> Option<u16> {
    (text.len() == n && all_digits(text)).then(|| text.parse().ok()).flatten()
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 14 && minutes <= 59).then(|| sign * i64::from(hours * 60 + minutes))
}

/// When a service request shall take effect (DUIS 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Execution {
    /// No `ExecutionDateTime`: at once.
    #[default]
    Immediate,
    /// At this time.
    At(Time),
    /// Take back the request of the same service that waits: `3000-12-31T00:00:00Z`.
    Cancel,
}

impl Execution {
    /// The time that means "cancel".
    pub const CANCEL: Time = Time::from_seconds(32_535_129_600);

    /// Reads the optional first child of a dated body.
    pub(crate) fn read(children: &mut Children<'_>) -> Result<Self, XmlError> {
        Ok(children.optional_value("ExecutionDateTime")?.map_or(Self::Immediate, Self::of))
    }

    /// What this `ExecutionDateTime` means.
    pub fn of(time: Time) -> Self {
        if time == Self::CANCEL { Self::Cancel } else { Self::At(time) }
    }

    pub(crate) fn write(self, w: &mut Writer) {
        match self {
            Self::Immediate => {}
            Self::At(at) => w.value("ExecutionDateTime", format(at)),
            Self::Cancel => w.value("ExecutionDateTime", format(Self::CANCEL)),
        }
    }
}

/// The first child of a dated body.
impl Group for Execution {
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError> {
        Self::read(children)
    }

    fn write_group(&self, w: &mut Writer) {
        self.write(w);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_date_time_with_a_zone_is_read_as_utc() {
        let nine = Time::from_seconds(1_894_698_000);
        for text in [
            "2030-01-15T09:00:00Z",
            "2030-01-15T09:00:00.00Z",
            "2030-01-15T10:30:00+01:30",
            "2030-01-15T04:00:00-05:00",
        ] {
            assert_eq!(parse(text), Some(nine), "{text}");
        }
        assert_eq!(parse("2030-01-14T24:00:00Z"), parse("2030-01-15T00:00:00Z"));
        assert_eq!(parse("2030-01-15T09:00:00.0429Z"), Some(Time(nine.0 + 42)));
        assert_eq!(parse("3000-12-31T00:00:00.00Z"), Some(Execution::CANCEL));
    }

    #[test]
    fn a_date_time_without_zone_or_out_of_range_is_refused() {
        for text in [
            "",
            "T",
            "2030-01-15",
            "2030-01-15T09:00:00",
            "2030-02-30T09:00:00Z",
            "2030-01-15T25:00:00Z",
            "2030-01-15T09:00:00.Z",
            "2030-01-15T09:00Z",
            "2030-01-15T09:00:00+15:00",
            "2030-01-15T09:00:00Zx",
            "30-01-15T09:00:00Z",
            "2030-01-15T24:00:01Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-14:00",
            "9999-12-31T24:00:00Z",
            "2030-01-15T09:00:00ZZ",
            "2030-01-15T09:00:00+\u{e9}1:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_comes_back(millis in 0..=LAST) {
            prop_assert_eq!(parse(&format(Time(millis))), Some(Time(millis)));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
