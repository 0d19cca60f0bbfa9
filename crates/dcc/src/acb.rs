//! The parties of the DCC that originate or protect Commands: the Access Control Broker adds the MAC to every Remote Party Command
//! with its own key agreement key, and it and the transitional change of supplier party sign what is critical for a device though
//! no User signs it (DUIS 4.5).
use crate::config::DccKeys;
use gbcs::crypto::{AwsLc, Crypto, PublicKey, SharedSecret};
use gbcs::protect::{self, ProtectError};
use gbcs::{Counter, Eui64, Time};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Secrets kept at most; a device more, and they are agreed anew.
const SECRETS: usize = 100_000;

/// The broker with its secrets, one a device's key, kept because the key agreement costs more than all else.
#[derive(Debug, Default)]
pub struct Broker {
    secrets: Mutex<HashMap<[u8; 64], SharedSecret>>,
}

impl Broker {
    /// Close a Signed Pre-Command, or a Pre-Command of a non-critical use case, with the MAC for the device of this key.
    pub fn add_mac(&self, keys: &DccKeys, device: &PublicKey, inner: &[u8]) -> Result<Vec<u8>, ProtectError> {
        protect::add_mac(&AwsLc, &self.secret(keys, device)?, inner)
    }

    /// The secret that broker and device share.
    pub fn secret(&self, keys: &DccKeys, device: &PublicKey) -> Result<SharedSecret, ProtectError> {
        let mut secrets = self.secrets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(secret) = secrets.get(device.point()) {
            return Ok(secret.clone());
        }
        let secret = AwsLc.agree(&keys.acb_key_agreement, device)?;
        if secrets.len() == SECRETS {
            secrets.clear();
        }
        secrets.insert(*device.point(), secret.clone());
        Ok(secret)
    }
}

/// A party that originates Commands, and its counter: the clock in milliseconds, and always above the one before. What was used is
/// stored with the request it was used for, so that the counter does not go back when the clock does.
#[derive(Debug)]
pub struct Originator {
    /// Its identifier.
    pub id: Eui64,
    last: AtomicU64,
}

impl Originator {
    /// A party that used this counter last.
    pub fn new(id: Eui64, last: Counter) -> Self {
        Self { id, last: AtomicU64::new(last.0) }
    }

    /// The next counter; given out once.
    pub fn next(&self, now: Time) -> Counter {
        let next = |last: u64| Some(now.0.max(last + 1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        Counter(now.0.max(last.unwrap_or_default() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_the_clock_and_never_goes_back() {
        let party = Originator::new(Eui64::from_u64(1), Counter(100));
        let counters = [50, 50, 500, 400].map(|now| party.next(Time(now)).0);
        assert_eq!(counters, [101, 102, 500, 501]);
    }
}
