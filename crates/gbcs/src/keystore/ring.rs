//! Keys ready for use: secrets between two parties are agreed on once and kept.
use super::{KeyName, Keystore};
use crate::certificate::{KeyUsage, Role};
use crate::crypto::{Crypto, PublicKey, SharedSecret};
use crate::ids::Eui64;
use crate::verify::Keys;
use std::collections::HashMap;
use std::sync::Mutex;
use std::vec::Vec;

/// A key store with a provider of cryptography and a cache of secrets.
#[derive(Debug)]
pub struct Keyring<'a, C> {
    crypto: C,
    store: &'a Keystore,
    brokers: Vec<Eui64>,
    secrets: Mutex<HashMap<(Eui64, Eui64), Vec<SharedSecret>>>,
}

impl<'a, C: Crypto> Keyring<'a, C> {
    /// Over these keys. Brokers are the parties whose role says so, then those with a private key agreement key and no role.
    pub fn new(crypto: C, store: &'a Keystore) -> Self {
        let mut brokers: Vec<_> = store.with_role(Role::AccessControlBroker).collect();
        let agreement = |name: &KeyName| name.usage == KeyUsage::KeyAgreement && !name.prepayment;
        let without_role = store.names().filter(|name| {
            agreement(name) && store.role(name.owner).is_none() && !store.private_keys(*name).is_empty()
        });
        brokers.extend(without_role.map(|name| name.owner));
        Self { crypto, store, brokers, secrets: Mutex::default() }
    }

    /// The provider.
    pub fn crypto(&self) -> &C {
        &self.crypto
    }

    /// The keys.
    pub fn store(&self) -> &'a Keystore {
        self.store
    }

    /// The secrets between these two keys, whichever side's private key is here.
    pub fn secrets_of(&self, a: KeyName, b: KeyName) -> Vec<SharedSecret> {
        let mut secrets = Vec::new();
        for (private, public) in [(a, b), (b, a)] {
            for private in self.store.private_keys(private) {
                for public in self.store.public_keys(public) {
                    secrets.extend(self.crypto.agree(private, public));
                }
            }
            // Both private keys at hand give the same secret twice.
            if !secrets.is_empty() {
                break;
            }
        }
        secrets
    }
}

impl<C: Crypto> Keys for Keyring<'_, C> {
    fn public_keys(&self, who: Eui64, usage: KeyUsage) -> &[PublicKey] {
        self.store.public_keys(KeyName { owner: who, usage, prepayment: false })
    }

    fn secrets(&self, a: Eui64, b: Eui64) -> Vec<SharedSecret> {
        let parties = if a <= b { (a, b) } else { (b, a) };
        let mut cache = self.secrets.lock().expect("nothing panics while it holds the cache");
        let secrets = cache
            .entry(parties)
            .or_insert_with(|| self.secrets_of(KeyName::agreement(parties.0), KeyName::agreement(parties.1)));
        secrets.clone()
    }

    fn brokers(&self) -> &[Eui64] {
        &self.brokers
    }
}
