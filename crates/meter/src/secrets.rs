//! ECDH secrets of a meter: with the parties it knows, and the one that authenticates UTRNs.
use crate::config::MeterConfig;
use gbcs::Eui64;
use gbcs::crypto::{Crypto, SharedSecret};

/// The secrets agreed so far.
#[derive(Default)]
pub(crate) struct Secrets {
    pub agreed: device::Secrets,
    /// With the supplier's prepayment key, for UTRNs.
    top_up: Option<SharedSecret>,
}

impl Secrets {
    /// The secret with a party whose key agreement key the meter holds: a Remote Party, the ACB or the PPMID.
    pub fn with<C: Crypto>(&mut self, crypto: &C, config: &MeterConfig, party: Eui64) -> Option<&SharedSecret> {
        self.agreed.with(crypto, &config.keys.key_agreement, &config.known(), party)
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
