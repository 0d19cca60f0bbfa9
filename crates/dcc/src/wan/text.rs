//! Times as people write them: a whole number and its unit, such as `500ms`, `30s`, `5m`, `24h` or `7d`.
use serde::{Deserialize, Deserializer, Serializer, de};
use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The time that a text says.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == &text[digits..])?;
    number.checked_mul(*unit).map(Duration::from_millis)
}

/// The shortest text of a time, to the millisecond.
pub fn write(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS.into_iter().find(|(_, size)| ms >= *size && ms % size == 0).unwrap_or(("s", 1000));
    format!("{}{unit}", ms / size)
}

/// For `serde(with)`.
pub fn serialize<S: Serializer>(time: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&write(*time))
}

/// For `serde(with)`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let fault = || de::Error::custom(format!("{text:?} is no duration such as 500ms, 30s, 5m, 24h or 7d"));
    parse(&text).ok_or_else(fault)
}

/// A time that may be absent.
pub mod optional {
    use serde::{Deserializer, Serializer};
    use std::time::Duration;

    /// For `serde(with)`.
    pub fn serialize<S: Serializer>(time: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, out),
            None => out.serialize_none(),
        }
    }

    /// For `serde(with)`.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["0s", "500ms", "30s", "5m", "24h", "7d", "90m", "1001ms"] {
            let time = parse(text).unwrap();
            assert_eq!(parse(&write(time)), Some(time), "{text}");
        }
        assert_eq!(write(Duration::from_secs(90)), "90s");
        for text in ["", "5", "s", "5 s", "-5s", "5w", "5.5s", "99999999999999999999s", "18446744073709551615d", "5µs"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
