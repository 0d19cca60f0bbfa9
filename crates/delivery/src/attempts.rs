//! Which Releases of a delivery nothing has accounted for.

/// A set of attempt numbers. From [`Attempts::LAST`] on they share a place that is never cleared: after so many attempts the
/// delivery stays in doubt rather than that a doubt gets lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts(u64);

impl Attempts {
    /// The highest attempt with a place of its own is the one before this; 63 places fit a database's signed integers.
    pub const LAST: u32 = 63;

    /// The set of these bits: attempt 1 is the lowest.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Attempt 1 as the lowest bit.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether nothing is in doubt.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this attempt is in doubt.
    pub fn contains(self, attempt: u32) -> bool {
        attempt > 0 && self.0 & place(attempt) != 0
    }

    /// It left.
    pub(crate) fn insert(&mut self, attempt: u32) {
        self.0 |= place(attempt);
    }

    /// It is known not to have reached the device.
    pub(crate) fn remove(&mut self, attempt: u32) {
        if attempt < Self::LAST {
            self.0 &= !place(attempt);
        }
    }
}

fn place(attempt: u32) -> u64 {
    1 << (attempt.clamp(1, Attempts::LAST) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_is_accounted_for_by_itself_and_only_once() {
        let mut attempts = Attempts::default();
        attempts.insert(1);
        attempts.insert(2);
        attempts.remove(2);
        attempts.remove(2);
        assert!(attempts.contains(1) && !attempts.contains(2) && !attempts.contains(0));
        assert_eq!(Attempts::from_bits(attempts.bits()), attempts);
    }

    #[test]
    fn past_the_last_place_a_doubt_stays() {
        let mut attempts = Attempts::default();
        attempts.insert(1000);
        attempts.remove(1000);
        assert!(!attempts.is_empty() && attempts.contains(2000));
        assert!(i64::try_from(attempts.bits()).is_ok());
    }
}
