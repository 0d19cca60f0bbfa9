//! What is known of a PPMID: whether it is live, and its unused nonce.
use gbcs::Time;
use handover::Nonce;
use std::time::Duration;

/// A PPMID's unused nonce: one Release may carry it, within its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fresh {
    /// The number.
    pub value: Nonce,
    /// When the PPMID made it, on the PPMID's own clock.
    pub made: Time,
    /// When it came here, on ours.
    pub heard: Time,
}

impl Fresh {
    /// Until when it serves, on our clock.
    pub(crate) fn expires(&self, lifetime: Duration) -> Time {
        self.heard + lifetime
    }

    /// The PPMID's clock at a moment of ours. The two are never compared, so they need not agree.
    pub(crate) fn on_its_clock(&self, moment: Time) -> Time {
        self.made + moment.since(self.heard)
    }
}
