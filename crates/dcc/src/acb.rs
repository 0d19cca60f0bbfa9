//! The Access Control Broker: it adds the MAC to every Remote Party Command, with its own key agreement key.
use crate::config::{DccKeys, Device};
use gbcs::Eui64;
use gbcs::crypto::{AwsLc, Crypto, SharedSecret};
use gbcs::protect::{self, ProtectError};
use std::collections::HashMap;
use std::sync::Mutex;

/// The broker with its secrets, one a device, kept because the key agreement costs more than all else.
#[derive(Debug, Default)]
pub struct Broker {
    secrets: Mutex<HashMap<Eui64, SharedSecret>>,
}

impl Broker {
    /// Close a Signed Pre-Command, or a Pre-Command of a non-critical use case, with the MAC.
    pub fn add_mac(&self, keys: &DccKeys, device: &Device, inner: &[u8]) -> Result<Vec<u8>, ProtectError> {
        protect::add_mac(&AwsLc, &self.secret(keys, device)?, inner)
    }

    fn secret(&self, keys: &DccKeys, device: &Device) -> Result<SharedSecret, ProtectError> {
        let mut secrets = self.secrets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(secret) = secrets.get(&device.eui) {
            return Ok(secret.clone());
        }
        let secret = AwsLc.agree(&keys.acb_key_agreement, &device.key_agreement)?;
        secrets.insert(device.eui, secret.clone());
        Ok(secret)
    }
}
