//! The DLMS date-time: 12 octets, always UTC in GBCS, with two special values for activation times.
#[cfg(feature = "alloc")]
use crate::dlms::Data;
use crate::time::{Civil, Time};
use core::fmt;

/// `year[2] month day weekday hour minute second hundredths deviation[2] status`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime(pub [u8; 12]);

/// What a date-time means as an activation time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All fields zero: at once.
    Immediate,
    /// All fields unspecified: never, which cancels what was to come.
    Never,
    /// At this moment.
    At(Time),
}

impl DateTime {
    /// At once.
    pub const IMMEDIATE: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0xFF]);
    /// Never; cancels what is pending.
    pub const NEVER: Self = Self([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0, 0xFF]);

    /// The moment `time`, to the second; weekday and deviation not specified, clock status as electricity meters write it.
    pub fn at(time: Time) -> Self {
        let Civil { year, month, day, hour, minute, second } = time.civil();
        let [high, low] = year.to_be_bytes();
        Self([high, low, month, day, 0xFF, hour, minute, second, 0, 0x80, 0, 0xFF])
    }

    /// The same with another clock status octet: 00 reliable, 02 doubtful, 04 a clock of another base (gas Responses).
    pub fn with_status(mut self, status: u8) -> Self {
        self.0[11] = status;
        self
    }

    /// The clock status octet.
    pub fn status(&self) -> u8 {
        self.0[11]
    }

    /// What it means; `None` when it names no moment (a wildcard, or fields out of range).
    pub fn when(&self) -> Option<When> {
        let [high, low, month, day, _, hour, minute, second, ..] = self.0;
        match &self.0[..9] {
            [0, 0, 0, 0, 0, 0, 0, 0, 0] => Some(When::Immediate),
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] => Some(When::Never),
            _ => {
                let year = u16::from_be_bytes([high, low]);
                Civil { year, month, day, hour, minute, second }.time().map(When::At)
            }
        }
    }

    /// The moment it names, if it names one.
    pub fn time(&self) -> Option<Time> {
        if let Some(When::At(time)) = self.when() { Some(time) } else { None }
    }
}

impl From<When> for DateTime {
    fn from(when: When) -> Self {
        match when {
            When::Immediate => Self::IMMEDIATE,
            When::Never => Self::NEVER,
            When::At(time) => Self::at(time),
        }
    }
}

/// As the octet-string that GBCS attributes hold it in.
#[cfg(feature = "alloc")]
impl From<DateTime> for Data {
    fn from(date_time: DateTime) -> Self {
        Data::octets(date_time.0)
    }
}

/// RFC 3339 in UTC, `immediate`, `never`, or hex digits when it names no moment.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when() {
            Some(When::Immediate) => f.write_str("immediate"),
            Some(When::Never) => f.write_str("never"),
            Some(When::At(time)) => time.fmt(f),
            None => self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
        }
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_moment_comes_back_and_the_special_values_are_told_apart() {
        let new_year = Time::from_zigbee(0x1C37_4A80);
        let octets = [0x07, 0xDF, 1, 1, 0xFF, 0, 0, 0, 0, 0x80, 0, 0xFF];
        assert_eq!(DateTime::at(new_year).0, octets);
        for when in [When::Immediate, When::Never, When::At(new_year)] {
            assert_eq!(DateTime::from(when).when(), Some(when));
        }
        assert_eq!(DateTime([0xFF; 12]).time(), None);
        let mut wildcard = octets;
        wildcard[3] = 0xFF;
        assert_eq!(DateTime(wildcard).when(), None);
        assert_eq!(DateTime(octets).to_string(), "2015-01-01T00:00:00Z");
    }
}
