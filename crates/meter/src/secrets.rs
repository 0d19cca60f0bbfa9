//! ECDH secrets with the parties a meter knows: agreed once, kept for good (the keys are static).
use crate::config::{MeterConfig, Usage};
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use gbcs::Eui64;
use gbcs::crypto::{Crypto, PublicKey, SharedSecret};

/// The secrets agreed so far.
#[derive(Default)]
pub(crate) struct Secrets {
    agreed: BTreeMap<Eui64, SharedSecret>,
    /// With the supplier's prepayment key, for UTRNs.
    top_up: Option<SharedSecret>,
}

impl Secrets {
    /// The secret with a party whose key agreement key the meter holds: a Remote Party, the ACB or the PPMID.
    pub fn with<C: Crypto>(&mut self, crypto: &C, config: &MeterConfig, party: Eui64) -> Option<&SharedSecret> {
        match self.agreed.entry(party) {
            Entry::Occupied(agreed) => Some(agreed.into_mut()),
            Entry::Vacant(vacant) => {
                let ppmid = config.ppmid.filter(|(eui, _)| *eui == party).map(|(_, key)| key);
                let key: PublicKey = match ppmid {
                    Some(key) => key,
                    None => config.anchor(party, Usage::KeyAgreement)?.key,
                };
                let secret = crypto.agree(&config.keys.key_agreement, &key).ok()?;
                Some(vacant.insert(secret))
            }
        }
    }

    /// The secret that authenticates UTRNs, and the supplier who holds the other half.
    pub fn top_up<C: Crypto>(&mut self, crypto: &C, config: &MeterConfig) -> Option<(Eui64, &SharedSecret)> {
        let anchor = config.prepayment_anchor()?;
        if self.top_up.is_none() {
            self.top_up = crypto.agree(&config.keys.key_agreement, &anchor.key).ok();
        }
        self.top_up.as_ref().map(|secret| (anchor.eui, secret))
    }
}
