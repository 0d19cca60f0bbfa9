//! ECDH secrets with the parties a device knows: agreed once, kept as long as its keys and theirs are (the keys are static).
use crate::anchors::Known;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use gbcs::Eui64;
use gbcs::crypto::{Crypto, PrivateKey, SharedSecret};

/// The secrets agreed so far.
#[derive(Default)]
pub struct Secrets {
    agreed: BTreeMap<Eui64, SharedSecret>,
}

impl Secrets {
    /// The secret with a party whose key agreement key the device holds: a Remote Party, the ACB or the PPMID.
    pub fn with<C: Crypto>(
        &mut self,
        crypto: &C,
        own: &PrivateKey,
        known: &Known<'_>,
        party: Eui64,
    ) -> Option<&SharedSecret> {
        match self.agreed.entry(party) {
            Entry::Occupied(agreed) => Some(agreed.into_mut()),
            Entry::Vacant(vacant) => {
                let secret = crypto.agree(own, known.key_agreement(party)?).ok()?;
                Some(vacant.insert(secret))
            }
        }
    }

    /// Forget all: a key changed.
    pub fn forget(&mut self) {
        self.agreed.clear();
    }
}
