//! Nonces issued and used since the start.
use crate::config::Seed;
use alloc::collections::VecDeque;
use core::time::Duration;
use gbcs::Time;
use gbcs::crypto::Crypto;
use handover::{Nonce, NonceStanding};

/// Nonces remembered. One more makes the oldest unknown, which is as good as used.
const REMEMBERED: usize = 64;

/// The nonces of one run of the device. They do not survive a restart, on purpose: a Release that was on its way then is
/// refused, and the Hello that follows brings a new one.
pub(crate) struct Nonces {
    seed: Seed,
    start: u32,
    count: u64,
    lifetime: Duration,
    issued: VecDeque<Issued>,
}

struct Issued {
    nonce: Nonce,
    at: Time,
    used: bool,
}

impl Nonces {
    /// `start` counts the starts of the device: with it, even a seed that never changes gives no nonce twice.
    pub(crate) const fn new(seed: Seed, start: u32, lifetime: Duration) -> Self {
        Self { seed, start, count: 0, lifetime, issued: VecDeque::new() }
    }

    pub(crate) fn issue<C: Crypto>(&mut self, now: Time, crypto: &C) -> Nonce {
        let hash =
            crypto.sha256(&[b"lastmetre/1 nonce", &self.seed.0, &self.start.to_be_bytes(), &self.count.to_be_bytes()]);
        self.count += 1;
        let nonce = Nonce(*hash.first_chunk().expect("a hash has 32 octets"));
        if self.issued.len() == REMEMBERED {
            self.issued.pop_front();
        }
        self.issued.push_back(Issued { nonce, at: now, used: false });
        nonce
    }

    /// The newest that is fresh, or else a new one.
    pub(crate) fn current<C: Crypto>(&mut self, now: Time, crypto: &C) -> Nonce {
        let newest = self.issued.back().map(|issued| issued.nonce);
        let fresh = newest.filter(|nonce| self.standing(now, *nonce) == NonceStanding::Fresh);
        fresh.unwrap_or_else(|| self.issue(now, crypto))
    }

    pub(crate) fn standing(&self, now: Time, nonce: Nonce) -> NonceStanding {
        match self.issued.iter().find(|issued| issued.nonce == nonce) {
            None => NonceStanding::Unknown,
            Some(issued) if issued.used => NonceStanding::Used,
            Some(issued) if issued.at + self.lifetime < now => NonceStanding::Stale,
            Some(_) => NonceStanding::Fresh,
        }
    }

    pub(crate) fn spend(&mut self, nonce: Nonce) {
        if let Some(issued) = self.issued.iter_mut().find(|issued| issued.nonce == nonce) {
            issued.used = true;
        }
    }

    /// The last moment at which some nonce is fresh; `None` when all are used.
    pub(crate) fn fresh_until(&self) -> Option<Time> {
        self.issued.iter().rev().find(|issued| !issued.used).map(|issued| issued.at + self.lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::crypto::RustCrypto;

    #[test]
    fn a_nonce_is_fresh_for_its_lifetime_and_for_one_use() {
        let mut nonces = Nonces::new(Seed([1; 32]), 1, Duration::from_secs(300));
        let (first, second) = (nonces.issue(Time(0), &RustCrypto), nonces.issue(Time(1000), &RustCrypto));
        assert_ne!(first, second);
        assert_eq!(nonces.standing(Time(300_000), first), NonceStanding::Fresh);
        assert_eq!(nonces.standing(Time(300_001), first), NonceStanding::Stale);
        assert_eq!(nonces.fresh_until(), Some(Time(301_000)));
        nonces.spend(second);
        assert_eq!(nonces.standing(Time(2000), second), NonceStanding::Used);
        assert_eq!(nonces.fresh_until(), Some(Time(300_000)));
        assert_eq!(nonces.standing(Time(0), Nonce([0; 16])), NonceStanding::Unknown);
    }

    #[test]
    fn another_start_or_seed_gives_other_nonces() {
        let first = |seed, start| Nonces::new(Seed([seed; 32]), start, Duration::ZERO).issue(Time(0), &RustCrypto);
        assert_ne!(first(1, 1), first(1, 2));
        assert_ne!(first(1, 1), first(2, 1));
    }

    #[test]
    fn the_oldest_of_too_many_nonces_is_forgotten() {
        let mut nonces = Nonces::new(Seed([1; 32]), 1, Duration::from_secs(300));
        let first = nonces.issue(Time(0), &RustCrypto);
        (0..REMEMBERED).for_each(|_| _ = nonces.issue(Time(0), &RustCrypto));
        assert_eq!(nonces.standing(Time(0), first), NonceStanding::Unknown);
        assert_eq!(nonces.issued.len(), REMEMBERED);
    }
}
