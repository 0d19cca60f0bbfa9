//! How long to wait before connecting again.
use std::time::Duration;

/// Exponential back-off with jitter: attempt n waits between half and all of `first * 2^n`, at most `max`.
///
/// The jitter comes from `seed` alone, so a run can be repeated. Give each device its own seed, or a whole town comes back in
/// step after an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait.
    pub first: Duration,
    /// The longest wait of all.
    pub max: Duration,
    /// A connection that lived this long was a good one: the next wait starts from `first` again.
    pub settled: Duration,
    /// What the jitter is drawn from.
    pub seed: u64,
}

impl Backoff {
    /// One second to five minutes, starting over after a minute of connection.
    pub const fn new(seed: u64) -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(300), settled: Duration::from_secs(60), seed }
    }
}

/// Where in the back-off a client is.
#[derive(Debug)]
pub(crate) struct Waits {
    config: Backoff,
    attempt: u32,
    random: u64,
}

impl Waits {
    pub fn new(config: Backoff) -> Self {
        Self { config, attempt: 0, random: config.seed }
    }

    /// The wait after an attempt whose connection lived this long (zero if none was made).
    pub fn after(&mut self, lived: Duration) -> Duration {
        if lived >= self.config.settled {
            self.attempt = 0;
        }
        let factor = 1u32.checked_shl(self.attempt).unwrap_or(u32::MAX);
        let longest = self.config.first.saturating_mul(factor).min(self.config.max);
        self.attempt = self.attempt.saturating_add(1);
        longest / 2 + longest.mul_f64(self.fraction() / 2.0)
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014), as a number from 0 up to 1.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Backoff = Backoff::new(7);

    #[test]
    fn waits_double_within_their_jitter_up_to_the_maximum() {
        let mut waits = Waits::new(CONFIG);
        for attempt in 0..100 {
            let longest = CONFIG.first.saturating_mul(1 << attempt.min(20)).min(CONFIG.max);
            let wait = waits.after(Duration::ZERO);
            assert!(wait >= longest / 2 && wait <= longest, "attempt {attempt}: {wait:?}");
        }
    }

    #[test]
    fn the_same_seed_waits_the_same_and_another_does_not() {
        let run = |seed| {
            let mut waits = Waits::new(Backoff::new(seed));
            (0..8).map(|_| waits.after(Duration::ZERO)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn only_a_settled_connection_starts_the_waits_over() {
        let mut waits = Waits::new(CONFIG);
        for _ in 0..5 {
            waits.after(Duration::ZERO);
        }
        assert!(waits.after(CONFIG.settled / 2) > CONFIG.first);
        assert!(waits.after(CONFIG.settled) <= CONFIG.first);
    }
}
