//! Seeded chance: the same seed and label draw the same sequence, on any machine and at any speed.
use super::text;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::time::Duration;

/// The longest time ever drawn: long tails end somewhere.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A sequence of draws (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of this seed for what `label` names; other labels draw independently of it.
    pub fn new(seed: u64, label: &str) -> Self {
        // FNV-1a over the label, from the seed.
        let start = 0xCBF2_9CE4_8422_2325 ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let hash = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01B3);
        Self(label.bytes().fold(start, hash))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform, above 0 and below 1.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (core::f64::consts::TAU * self.uniform()).cos()
    }
}

/// How a time is distributed. In text: `"45s"` always that, `{ mean = "2h" }` exponential, `{ median = "800ms", sigma = 0.5 }`
/// log-normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Always the same.
    Fixed(Duration),
    /// Exponential: what happens at any moment alike, as outages do.
    Exponential {
        /// Its mean.
        mean: Duration,
    },
    /// Log-normal: mostly about the median, at times very much longer, as repairs and latencies are.
    LogNormal {
        /// Half of all draws are below it.
        median: Duration,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
}

impl Spread {
    /// No time at all.
    pub const NONE: Self = Self::Fixed(Duration::ZERO);

    /// One draw.
    pub fn draw(self, chance: &mut Chance) -> Duration {
        let scaled = |unit: Duration, by: f64| {
            Duration::try_from_secs_f64(unit.as_secs_f64() * by).unwrap_or(LONGEST).min(LONGEST)
        };
        match self {
            Self::Fixed(time) => time,
            Self::Exponential { mean } => scaled(mean, -chance.uniform().ln()),
            Self::LogNormal { median, sigma } => scaled(median, (sigma * chance.normal()).exp()),
        }
    }

    /// The mean of many draws.
    pub fn mean(self) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Exponential { mean } => mean,
            Self::LogNormal { median, sigma } => {
                Duration::try_from_secs_f64(median.as_secs_f64() * (sigma * sigma / 2.0).exp()).unwrap_or(LONGEST)
            }
        }
    }
}

/// A spread as it is written where it is more than one time.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SpreadTable {
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    mean: Option<Duration>,
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    median: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sigma: Option<f64>,
}

impl TryFrom<SpreadTable> for Spread {
    type Error = &'static str;

    fn try_from(table: SpreadTable) -> Result<Self, Self::Error> {
        match table {
            SpreadTable { mean: Some(mean), median: None, sigma: None } => Ok(Self::Exponential { mean }),
            SpreadTable { mean: None, median: Some(median), sigma: Some(sigma) } if (0.0..=5.0).contains(&sigma) => {
                Ok(Self::LogNormal { median, sigma })
            }
            _ => Err("a mean alone, or a median with a sigma from 0 to 5"),
        }
    }
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let table = match *self {
            Self::Fixed(time) => return text::serialize(&time, out),
            Self::Exponential { mean } => SpreadTable { mean: Some(mean), ..SpreadTable::default() },
            Self::LogNormal { median, sigma } => SpreadTable { mean: None, median: Some(median), sigma: Some(sigma) },
        };
        table.serialize(out)
    }
}

/// By hand: an untagged enumeration would say no more of a fault than that there is one.
impl<'de> Deserialize<'de> for Spread {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TimeOrTable;

        impl<'de> de::Visitor<'de> for TimeOrTable {
            type Value = Spread;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 800ms, or a table with a mean, or with a median and a sigma")
            }

            fn visit_str<E: de::Error>(self, time: &str) -> Result<Spread, E> {
                text::deserialize(de::value::StrDeserializer::new(time)).map(Spread::Fixed)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Spread, A::Error> {
                let table = SpreadTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                table.try_into().map_err(de::Error::custom)
            }
        }
        from.deserialize_any(TimeOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(spread: Spread, n: usize) -> Vec<f64> {
        let mut chance = Chance::new(1, "draws");
        let mut drawn: Vec<f64> = (0..n).map(|_| spread.draw(&mut chance).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    #[test]
    fn draws_have_the_mean_and_the_quantiles_of_their_distribution() {
        let mean = |drawn: &[f64]| drawn.iter().sum::<f64>() / drawn.len() as f64;
        let n = 100_000;
        // Three standard errors, at least.
        let exponential = draws(Spread::Exponential { mean: Duration::from_secs(100) }, n);
        assert!((mean(&exponential) - 100.0).abs() < 1.0, "{}", mean(&exponential));
        assert!((exponential[n / 2] - 69.3).abs() < 1.0);
        let spread = Spread::LogNormal { median: Duration::from_secs(10), sigma: 0.5 };
        let log_normal = draws(spread, n);
        assert!((log_normal[n / 2] - 10.0).abs() < 0.1);
        assert!((log_normal[n * 95 / 100] - 10.0 * (0.5f64 * 1.645).exp()).abs() < 0.5);
        assert!((mean(&log_normal) - spread.mean().as_secs_f64()).abs() < 0.1);
        assert_eq!(draws(Spread::Fixed(Duration::from_secs(3)), 2), [3.0, 3.0]);
    }

    #[test]
    fn the_same_seed_and_label_draw_the_same() {
        let draw = |seed, label| Chance::new(seed, label).next();
        assert_eq!(draw(7, "north"), draw(7, "north"));
        assert_ne!(draw(7, "north"), draw(8, "north"));
        assert_ne!(draw(7, "north"), draw(7, "south"));
    }

    #[test]
    fn a_spread_is_written_as_it_is_read_and_half_a_table_is_refused() {
        for text in [r#""45s""#, r#"{"mean":"2h"}"#, r#"{"median":"800ms","sigma":0.5}"#] {
            let spread: Spread = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&spread).unwrap(), text);
        }
        for text in
            [r#""45""#, r#"{"median":"1s"}"#, r#"{"mean":"1s","sigma":1.0}"#, r#"{"median":"1s","sigma":9}"#, "{}"]
        {
            assert!(serde_json::from_str::<Spread>(text).is_err(), "{text}");
        }
    }
}
