//! One notion of time for every core: an argument, never a clock.
use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z. A driver passes its clock; a simulation passes a virtual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(pub u64);

/// 2000-01-01T00:00:00Z in seconds since 1970: the epoch of ZigBee times and of DLMS range selectors.
const ZIGBEE_EPOCH: u64 = 946_684_800;

impl Time {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// From whole seconds since 1970.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// Seconds since 2000-01-01 UTC as ZigBee (UTCTime) counts them; 0 before that epoch.
    pub const fn zigbee(self) -> u32 {
        self.seconds().saturating_sub(ZIGBEE_EPOCH) as u32
    }

    /// From a ZigBee UTCTime.
    pub const fn from_zigbee(seconds: u32) -> Self {
        Self::from_seconds(seconds as u64 + ZIGBEE_EPOCH)
    }

    /// How long after `earlier` this is; zero when it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The civil date and time, UTC.
    pub const fn civil(self) -> Civil {
        Civil::from_seconds(self.seconds())
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_millis() as u64))
    }
}

/// A UTC date and time of day, proleptic Gregorian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// Year, 1970 and later.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Civil {
    const fn from_seconds(seconds: u64) -> Self {
        // Howard Hinnant's civil_from_days, for days since 1970-03-01 shifted eras.
        let days = seconds / 86_400 + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as u64;
        let of_day = seconds % 86_400;
        Self {
            year: year as u16,
            month: month as u8,
            day: day as u8,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
        }
    }

    /// The moment this names, or `None` when a field is out of range or the year is before 1970.
    pub fn time(self) -> Option<Time> {
        let Self { year, month, day, hour, minute, second } = self;
        if year < 1970 || !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let shifted_year = year as u64 - (month <= 2) as u64;
        let shifted_month = (month as u64 + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + day as u64 - 1;
        let days =
            shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + day_of_year - 719_468;
        let time = Time::from_seconds(days * 86_400 + hour as u64 * 3600 + minute as u64 * 60 + second as u64);
        // A day past the end of its month comes back as another date.
        (time.civil() == self).then_some(time)
    }
}

/// RFC 3339, seconds precision, `Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second } = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn civil_dates_come_back() {
        for seconds in (0..4_000_000_000u64).step_by(86_399 * 7) {
            let time = Time::from_seconds(seconds);
            assert_eq!(time.civil().time(), Some(time));
        }
        assert_eq!(Time::from_zigbee(0x1C37_4A80).to_string(), "2015-01-01T00:00:00Z");
        assert_eq!(Civil { year: 2023, month: 2, day: 29, hour: 0, minute: 0, second: 0 }.time(), None);
    }
}
