//! Simple types of the schema with their limits: numbers, texts, octets, times.
use std::borrow::Cow;
use std::fmt;

use gbcs::{Eui64, Time};

use super::{Text, Value};
use crate::certificate::Serial;
use crate::response::{AlertCode, DccAlertCode};
use crate::{DeviceType, RequestId, ResponseCode, Srv};

macro_rules! displayed {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn form(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

displayed!(u8, i8, u16, i16, u32, i32, u64, bool, String, Eui64, RequestId, Srv, DeviceType);
displayed!(ResponseCode, AlertCode, DccAlertCode, Serial);

impl Value for Time {
    fn form(&self) -> String {
        crate::time::format(*self)
    }
}

/// base64.
impl Value for Vec<u8> {
    fn form(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(self)
    }
}

/// A whole number `LEAST..=MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Within<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Within<LEAST, MOST> {
    /// `None` outside the range.
    pub fn new(n: u64) -> Option<Self> {
        (LEAST..=MOST).contains(&n).then_some(Self(n))
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number, of a range that octets hold.
    pub const fn octet(self) -> u8 {
        const { assert!(MOST <= 0xFF) };
        self.0 as u8
    }

    /// The number, of a range that 16 bits hold.
    pub const fn short(self) -> u16 {
        const { assert!(MOST <= 0xFFFF) };
        self.0 as u16
    }
}

impl<const LEAST: u64, const MOST: u64> Text for Within<LEAST, MOST> {
    const EXPECTED: &'static str = "a whole number of a range";

    fn expected() -> Cow<'static, str> {
        format!("a whole number {LEAST}..{MOST}").into()
    }

    fn read(text: &str) -> Option<Self> {
        text.trim_ascii().parse().ok().and_then(Self::new)
    }
}

impl<const LEAST: u64, const MOST: u64> Value for Within<LEAST, MOST> {
    fn form(&self) -> String {
        self.0.to_string()
    }
}

/// `xs:integer` of at most `DIGITS` digits, a sign apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Integer<const DIGITS: u32>(i128);

impl<const DIGITS: u32> Integer<DIGITS> {
    /// `None` when there are more digits.
    pub fn new(n: i128) -> Option<Self> {
        (n.unsigned_abs() < 10u128.pow(DIGITS)).then_some(Self(n))
    }

    /// The number.
    pub const fn get(self) -> i128 {
        self.0
    }
}

impl<const DIGITS: u32> Text for Integer<DIGITS> {
    const EXPECTED: &'static str = "a whole number of few digits";

    fn expected() -> Cow<'static, str> {
        format!("a whole number of {DIGITS} digits at most").into()
    }

    fn read(text: &str) -> Option<Self> {
        text.trim_ascii().parse().ok().and_then(Self::new)
    }
}

impl<const DIGITS: u32> Value for Integer<DIGITS> {
    fn form(&self) -> String {
        self.0.to_string()
    }
}

/// A decimal number with `PLACES` digits behind the point, `LEAST..=MOST` in units of the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal<const PLACES: u32, const LEAST: u64, const MOST: u64>(u64);

impl<const PLACES: u32, const LEAST: u64, const MOST: u64> Decimal<PLACES, LEAST, MOST> {
    /// From units of the last digit; `None` outside the range.
    pub fn new(units: u64) -> Option<Self> {
        (LEAST..=MOST).contains(&units).then_some(Self(units))
    }

    /// In units of the last digit.
    pub const fn units(self) -> u64 {
        self.0
    }
}

impl<const PLACES: u32, const LEAST: u64, const MOST: u64> Text for Decimal<PLACES, LEAST, MOST> {
    const EXPECTED: &'static str = "a decimal number of a range";

    fn expected() -> Cow<'static, str> {
        format!("a decimal number {}..{}", point::<PLACES>(LEAST), point::<PLACES>(MOST)).into()
    }

    fn read(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let (whole, behind) = text.strip_prefix('+').unwrap_or(text).split_once('.').unwrap_or((text, ""));
        let whole = whole.strip_prefix('+').unwrap_or(whole);
        let behind = behind.trim_end_matches('0');
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if behind.len() > PLACES as usize
            || !digits(whole)
            || !digits(behind)
            || text.trim_matches(['.', '+']).is_empty()
        {
            return None;
        }
        format!("{whole}{behind:0<width$}", width = PLACES as usize).parse().ok().and_then(Self::new)
    }
}

impl<const PLACES: u32, const LEAST: u64, const MOST: u64> Value for Decimal<PLACES, LEAST, MOST> {
    fn form(&self) -> String {
        point::<PLACES>(self.0)
    }
}

fn point<const PLACES: u32>(units: u64) -> String {
    let scale = 10u64.pow(PLACES);
    format!("{}.{:0width$}", units / scale, units % scale, width = PLACES as usize)
}

/// Text of `LEAST..=MOST` characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Words<const LEAST: usize, const MOST: usize>(String);

/// Text of `LEAST..=MOST` printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Printable<const LEAST: usize, const MOST: usize>(String);

/// `LEAST..=MOST` octets in hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const LEAST: usize, const MOST: usize>(Vec<u8>);

impl<const LEAST: usize, const MOST: usize> Words<LEAST, MOST> {
    /// `None` when it is too short or too long.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (LEAST..=MOST).contains(&text.chars().count()).then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const LEAST: usize, const MOST: usize> Printable<LEAST, MOST> {
    /// `None` when it is too short or too long, or a character is not one of `0x20..=0x7E`.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let printable = text.bytes().all(|b| (0x20..=0x7E).contains(&b));
        (printable && (LEAST..=MOST).contains(&text.len())).then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const LEAST: usize, const MOST: usize> Hex<LEAST, MOST> {
    /// `None` when there are too few or too many.
    pub fn new(octets: impl Into<Vec<u8>>) -> Option<Self> {
        let octets = octets.into();
        (LEAST..=MOST).contains(&octets.len()).then_some(Self(octets))
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl<const LEAST: usize, const MOST: usize> Text for Words<LEAST, MOST> {
    const EXPECTED: &'static str = "text of a bounded length";

    fn expected() -> Cow<'static, str> {
        format!("text of {LEAST}..{MOST} characters").into()
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

impl<const LEAST: usize, const MOST: usize> Text for Printable<LEAST, MOST> {
    const EXPECTED: &'static str = "printable ASCII characters";

    fn expected() -> Cow<'static, str> {
        format!("{LEAST}..{MOST} printable ASCII characters").into()
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(text)
    }
}

impl<const LEAST: usize, const MOST: usize> Text for Hex<LEAST, MOST> {
    const EXPECTED: &'static str = "octets in hex";

    fn expected() -> Cow<'static, str> {
        format!("{LEAST}..{MOST} octets in hex").into()
    }

    fn read(text: &str) -> Option<Self> {
        let digit = |b: &u8| char::from(*b).to_digit(16);
        let text = text.trim_ascii().as_bytes();
        let pairs = text.chunks(2).map(|pair| match pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        });
        Self::new(pairs.collect::<Option<Vec<_>>>()?)
    }
}

impl<const LEAST: usize, const MOST: usize> Value for Words<LEAST, MOST> {
    fn form(&self) -> String {
        self.0.clone()
    }
}

impl<const LEAST: usize, const MOST: usize> Value for Printable<LEAST, MOST> {
    fn form(&self) -> String {
        self.0.clone()
    }
}

impl<const LEAST: usize, const MOST: usize> Value for Hex<LEAST, MOST> {
    fn form(&self) -> String {
        self.0.iter().map(|octet| format!("{octet:02X}")).collect()
    }
}

/// `xs:time` in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    /// 0..23.
    pub hour: u8,
    /// 0..59.
    pub minute: u8,
    /// 0..59.
    pub second: u8,
    /// 0..99.
    pub hundredths: u8,
}

impl TimeOfDay {
    /// Minutes since midnight.
    pub const fn minutes(self) -> u16 {
        self.hour as u16 * 60 + self.minute as u16
    }
}

impl Text for TimeOfDay {
    const EXPECTED: &'static str = "a time of day in UTC such as 07:00:00Z";

    /// Digits past the hundredth are dropped. A zone other than `Z` is refused; without one the time is UTC, as all times here.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let clock = text.strip_suffix('Z').unwrap_or(text);
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let mut parts = clock.split(':').map(two_digits);
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let sound = parts.next().is_none() && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
        let hundredths = fraction.bytes().chain(*b"0").take(2).fold(0u8, |n, b| n * 10 + b.wrapping_sub(b'0') % 10);
        (sound && hour < 24 && minute < 60 && second < 60).then_some(Self { hour, minute, second, hundredths })
    }
}

impl Value for TimeOfDay {
    fn form(&self) -> String {
        let Self { hour, minute, second, hundredths } = self;
        format!("{hour:02}:{minute:02}:{second:02}.{hundredths:02}Z")
    }
}

fn two_digits(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// `xs:date`. The year 65535 is what DLMS writes for any year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// 1..65535.
    pub year: u16,
    /// 1..12.
    pub month: u8,
    /// 1..31.
    pub day: u8,
}

impl Day {
    /// `None` when there is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        (year > 0 && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }
}

impl Text for Day {
    const EXPECTED: &'static str = "a date such as 2030-01-15";

    fn read(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let mut parts = text.strip_suffix('Z').unwrap_or(text).split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        // Four digits at least, and no more zeros in front than make four.
        let plain = year.bytes().all(|b| b.is_ascii_digit())
            && (year.len() == 4 || (year.len() == 5 && !year.starts_with('0')));
        if !plain || parts.next().is_some() {
            return None;
        }
        Self::new(year.parse().ok()?, two_digits(month)?, two_digits(day)?)
    }
}

impl Value for Day {
    fn form(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}Z", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_texts_out_of_their_range_are_refused() {
        assert_eq!(Within::<1, 16>::read(" 07 ").map(Within::get), Some(7));
        for text in ["0", "17", "-1", "1.0", "", "x"] {
            assert_eq!(Within::<1, 16>::read(text), None, "{text}");
        }
        assert_eq!(Within::<1, 16>::expected(), "a whole number 1..16");
        assert_eq!(
            Integer::<20>::read(" -0099999999999999999999").map(Integer::get),
            Some(-99_999_999_999_999_999_999)
        );
        for text in ["100000000000000000000", "-100000000000000000000", "1.0", "", "-", "x"] {
            assert_eq!(Integer::<20>::read(text), None, "{text}");
        }
        type Factor = Decimal<5, 0, 4_294_967_295>;
        assert_eq!(Factor::read("1.02264").map(Factor::units), Some(102_264));
        assert_eq!(Factor::read("+40").map(Factor::units), Some(4_000_000));
        assert_eq!(Factor::read("1.0226400").map(|f| f.form()), Some("1.02264".into()));
        for text in ["", ".", "1.022641", "-1", "42949.67296", "1,5", "1.2.3"] {
            assert_eq!(Factor::read(text), None, "{text}");
        }
        assert!(Printable::<1, 5>::new("caf\u{e9}").is_none() && Words::<1, 4>::new("caf\u{e9}").is_some());
        assert!(Printable::<1, 5>::new("").is_none() && Printable::<1, 5>::new("123456").is_none());
        assert_eq!(Hex::<2, 2>::read("8f66").map(|h| h.form()), Some("8F66".into()));
        for text in ["8f6", "8f66aa", "8g66", ""] {
            assert_eq!(Hex::<2, 2>::read(text), None, "{text}");
        }
    }

    #[test]
    fn days_and_times_of_day_are_those_of_the_calendar() {
        assert_eq!(Day::read("2016-02-29Z"), Day::new(2016, 2, 29));
        assert_eq!(Day::read("65535-04-29Z").map(|day| day.year), Some(65_535));
        for text in
            ["2015-02-29", "2015-13-01", "2015-00-01", "2015-01-00", "15-01-01", "02015-01-01", "2015-01-01+01:00"]
        {
            assert_eq!(Day::read(text), None, "{text}");
        }
        assert_eq!(TimeOfDay::read("07:30:00.25Z").map(|t| (t.minutes(), t.hundredths)), Some((450, 25)));
        for text in ["24:00:00Z", "7:00:00", "07:60:00Z", "07:00", "07:00:00.Z", "07:00:00+01:00", "07:00:00.xZ"] {
            assert_eq!(TimeOfDay::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn values_come_back(n in 3u64..=900, units in 0u64..=65_535, octets in proptest::collection::vec(any::<u8>(), 0..9),
                            h in 0u8..24, m in 0u8..60, s in 0u8..60, c in 0u8..100) {
            let n = Within::<3, 900>::new(n).unwrap();
            prop_assert_eq!(Text::read(&n.form()), Some(n));
            let decimal = Decimal::<4, 0, 65_535>::new(units).unwrap();
            prop_assert_eq!(Text::read(&decimal.form()), Some(decimal));
            let hex = Hex::<0, 8>::new(octets).unwrap();
            prop_assert_eq!(Text::read(&hex.form()), Some(hex));
            let time = TimeOfDay { hour: h, minute: m, second: s, hundredths: c };
            prop_assert_eq!(Text::read(&time.form()), Some(time));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,12}|[0-9:.Z+-]{0,14}") {
            let _ = (Day::read(&text), TimeOfDay::read(&text), Hex::<0, 9>::read(&text), Decimal::<2, 0, 9>::read(&text));
        }
    }
}
