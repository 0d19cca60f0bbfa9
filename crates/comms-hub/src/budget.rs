//! What a PPMID may cost: token buckets and a sliding window, in the time of the caller.
use crate::config::{AssuredBudgets, Bucket, PpmidLimits};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// Octets of a message in one fragment on the air (han.md 11.6).
const FRAGMENT: usize = 63;

/// Which budget is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Exhausted {
    /// Frames of this PPMID within the window.
    #[error("frames within the window")]
    FramesPerWindow,
    /// Messages of this PPMID waiting for one target.
    #[error("messages waiting for one target")]
    QueuedPerTarget,
    /// Commands of this PPMID (assured profile).
    #[error("Commands from this PPMID")]
    PerPpmid,
    /// Commands for this target (assured profile).
    #[error("Commands for this target")]
    PerTarget,
    /// What the gas meter's battery may be made to receive (assured profile).
    #[error("energy of the gas meter")]
    GsmeEnergy,
}

/// Tokens that return with time. Full at first.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: u32,
    /// From when the next token is being filled.
    since: Time,
}

impl TokenBucket {
    /// A full bucket.
    pub fn full(now: Time, of: Bucket) -> Self {
        Self { tokens: of.burst, since: now }
    }

    /// Whether `n` tokens are there now.
    pub fn has(&mut self, now: Time, of: Bucket, n: u32) -> bool {
        self.refill(now, of);
        self.tokens >= n
    }

    /// Take `n` tokens, as many as there are at most.
    pub fn take(&mut self, now: Time, of: Bucket, n: u32) {
        self.refill(now, of);
        self.tokens = self.tokens.saturating_sub(n);
    }

    fn refill(&mut self, now: Time, of: Bucket) {
        let period = of.refill.as_millis().max(1) as u64;
        let elapsed = now.since(self.since).as_millis() as u64;
        let earned = elapsed / period;
        let tokens = u64::from(self.tokens).saturating_add(earned).min(of.burst.into());
        self.tokens = tokens as u32;
        // A full bucket earns nothing towards the next token; otherwise the remainder of the period is kept.
        self.since = if self.tokens == of.burst { self.since.max(now) } else { Time(self.since.0 + earned * period) };
    }
}

/// At most so many events within any stretch of so long.
#[derive(Clone, Debug, Default)]
pub struct SlidingWindow {
    events: VecDeque<Time>,
}

impl SlidingWindow {
    /// Whether one more fits; it is counted when it does.
    pub fn admit(&mut self, now: Time, limit: usize, window: Duration) -> bool {
        while self.events.front().is_some_and(|&at| now.since(at) >= window) {
            self.events.pop_front();
        }
        let fits = self.events.len() < limit;
        if fits {
            self.events.push_back(now);
        }
        fits
    }
}

/// The budgets of every PPMID and target of one hub. Bounded by the Device Log: only listed devices get an entry.
#[derive(Clone, Debug, Default)]
pub struct Budgets {
    frames: Vec<(Eui64, SlidingWindow)>,
    per_ppmid: Vec<(Eui64, TokenBucket)>,
    per_target: Vec<(Eui64, TokenBucket)>,
    gsme_energy: Vec<(Eui64, TokenBucket)>,
}

impl Budgets {
    /// Count one TransferData of a PPMID, whatever is in it.
    pub fn admit_frame(&mut self, now: Time, ppmid: Eui64, limits: &PpmidLimits) -> Result<(), Exhausted> {
        let window = slot(&mut self.frames, ppmid, SlidingWindow::default);
        if window.admit(now, limits.messages, limits.window) { Ok(()) } else { Err(Exhausted::FramesPerWindow) }
    }

    /// Charge one Command of `octets` that a PPMID carries to a target: all of its budgets or none.
    pub fn charge(
        &mut self,
        now: Time,
        budgets: &AssuredBudgets,
        ppmid: Eui64,
        target: Eui64,
        gsme: bool,
        octets: usize,
    ) -> Result<(), Exhausted> {
        let own = slot(&mut self.per_ppmid, ppmid, || TokenBucket::full(now, budgets.per_ppmid));
        let to = slot(&mut self.per_target, target, || TokenBucket::full(now, budgets.per_target));
        if !own.has(now, budgets.per_ppmid, 1) {
            return Err(Exhausted::PerPpmid);
        }
        if !to.has(now, budgets.per_target, 1) {
            return Err(Exhausted::PerTarget);
        }
        if gsme {
            let energy = slot(&mut self.gsme_energy, target, || TokenBucket::full(now, budgets.gsme_energy));
            let fragments = octets.div_ceil(FRAGMENT) as u32 + budgets.gsme_overhead;
            if !energy.has(now, budgets.gsme_energy, fragments) {
                return Err(Exhausted::GsmeEnergy);
            }
            energy.take(now, budgets.gsme_energy, fragments);
        }
        own.take(now, budgets.per_ppmid, 1);
        to.take(now, budgets.per_target, 1);
        Ok(())
    }

    /// Forget a device that left the Device Log.
    pub fn forget(&mut self, eui: Eui64) {
        self.frames.retain(|(e, _)| *e != eui);
        for buckets in [&mut self.per_ppmid, &mut self.per_target, &mut self.gsme_energy] {
            buckets.retain(|(e, _)| *e != eui);
        }
    }
}

fn slot<T>(slots: &mut Vec<(Eui64, T)>, eui: Eui64, new: impl FnOnce() -> T) -> &mut T {
    let at = slots.iter().position(|(e, _)| *e == eui).unwrap_or_else(|| {
        slots.push((eui, new()));
        slots.len() - 1
    });
    &mut slots[at].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const P: Eui64 = Eui64::from_u64(4);
    const E: Eui64 = Eui64::from_u64(0xA0);
    const G: Eui64 = Eui64::from_u64(0xA1);
    const SECOND: Duration = Duration::from_secs(1);

    fn drain(bucket: &mut TokenBucket, now: Time, of: Bucket) -> u32 {
        let mut n = 0;
        while bucket.has(now, of, 1) {
            bucket.take(now, of, 1);
            n += 1;
        }
        n
    }

    #[test]
    fn a_bucket_gives_its_burst_then_one_token_a_period() {
        let of = Bucket { burst: 3, refill: SECOND };
        let mut bucket = TokenBucket::full(Time(0), of);
        assert_eq!(drain(&mut bucket, Time(0), of), 3);
        assert_eq!(drain(&mut bucket, Time(999), of), 0);
        assert_eq!(drain(&mut bucket, Time(1000), of), 1);
        assert_eq!(drain(&mut bucket, Time(2500), of), 1);
        assert_eq!(drain(&mut bucket, Time(3000), of), 1, "the half period before was not lost");
        assert_eq!(drain(&mut bucket, Time(1_000_000), of), 3, "never more than the burst");
        assert_eq!(drain(&mut bucket, Time(1_000_999), of), 0, "a full bucket saved nothing up");
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_tokens() {
        let of = Bucket { burst: 2, refill: SECOND };
        let mut bucket = TokenBucket::full(Time(10_000), of);
        assert_eq!(drain(&mut bucket, Time(10_000), of), 2);
        assert_eq!(drain(&mut bucket, Time(0), of), 0);
        assert_eq!(drain(&mut bucket, Time(10_999), of), 0);
        assert_eq!(drain(&mut bucket, Time(11_000), of), 1);
    }

    #[test]
    fn a_window_admits_its_limit_in_any_stretch_of_its_length() {
        let limits = Settings::default().ppmid_limits;
        let mut budgets = Budgets::default();
        for n in 0..60 {
            assert_eq!(budgets.admit_frame(Time(n * 1000), P, &limits), Ok(()));
        }
        assert_eq!(budgets.admit_frame(Time(599_999), P, &limits), Err(Exhausted::FramesPerWindow));
        assert_eq!(budgets.admit_frame(Time(600_000), P, &limits), Ok(()));
        assert_eq!(budgets.admit_frame(Time(600_000), P, &limits), Err(Exhausted::FramesPerWindow));
        assert_eq!(budgets.admit_frame(Time(600_000), E, &limits), Ok(()), "another PPMID has its own");
    }

    #[test]
    fn every_budget_of_the_assured_profile_refuses_by_name() {
        let base = Settings::default().assured;
        let small = Bucket { burst: 1, refill: Duration::from_secs(60) };
        let mut b = Budgets::default();
        let per_ppmid = AssuredBudgets { per_ppmid: small, ..base };
        assert_eq!(b.charge(Time(0), &per_ppmid, P, E, false, 200), Ok(()));
        assert_eq!(b.charge(Time(0), &per_ppmid, P, G, true, 200), Err(Exhausted::PerPpmid));
        assert_eq!(b.charge(Time(60_000), &per_ppmid, P, G, true, 200), Ok(()));

        let mut b = Budgets::default();
        let per_target = AssuredBudgets { per_target: small, ..base };
        assert_eq!(b.charge(Time(0), &per_target, P, E, false, 200), Ok(()));
        assert_eq!(b.charge(Time(0), &per_target, G, E, false, 200), Err(Exhausted::PerTarget));
        assert_eq!(b.charge(Time(0), &per_target, P, G, true, 200), Ok(()));

        let mut b = Budgets::default();
        let energy = AssuredBudgets { gsme_energy: Bucket { burst: 24, refill: SECOND }, ..base };
        assert_eq!(b.charge(Time(0), &energy, P, G, true, 200), Ok(()), "4 fragments and 8 more");
        assert_eq!(b.charge(Time(0), &energy, P, G, true, 200), Ok(()));
        assert_eq!(b.charge(Time(0), &energy, P, G, true, 200), Err(Exhausted::GsmeEnergy));
        assert_eq!(b.charge(Time(0), &energy, P, E, false, 200), Ok(()), "an electricity meter has mains");
        assert_eq!(b.charge(Time(12_000), &energy, P, G, true, 200), Ok(()));
    }

    #[test]
    fn a_refused_command_costs_nothing() {
        let base = Settings::default().assured;
        let dear = AssuredBudgets {
            gsme_energy: Bucket { burst: 1, refill: Duration::from_secs(1) },
            per_ppmid: Bucket { burst: 1, refill: Duration::from_secs(1) },
            ..base
        };
        let mut b = Budgets::default();
        assert_eq!(b.charge(Time(0), &dear, P, G, true, 200), Err(Exhausted::GsmeEnergy));
        assert_eq!(b.charge(Time(0), &dear, P, E, false, 200), Ok(()));
    }

    #[test]
    fn a_device_that_left_leaves_nothing_behind() {
        let settings = Settings::default();
        let mut b = Budgets::default();
        b.admit_frame(Time(0), P, &settings.ppmid_limits).unwrap();
        b.charge(Time(0), &settings.assured, P, G, true, 200).unwrap();
        b.forget(P);
        b.forget(G);
        assert!(b.frames.is_empty() && b.per_ppmid.is_empty() && b.per_target.is_empty() && b.gsme_energy.is_empty());
    }
}
