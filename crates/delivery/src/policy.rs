//! The figures and judgements that an operator may want otherwise: how long to wait, when to try again.
use crate::engine::Delivery;
use crate::state::Kind;
use gbcs::Time;
use handover::Reason;
use std::time::Duration;

/// How long each wait may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a warrant lets the PPMID start with the Command, at most.
    pub warrant: Duration,
    /// How long after the Release the PPMID's receipt may take before the same octets go again.
    pub receipt: Duration,
    /// How long after the end of its warrant a Command may stay `Held`.
    pub held: Duration,
    /// How long the meter's answer may take once the hub has the Command; a sleeping gas meter wakes every 30 minutes.
    pub answer: Duration,
    /// How long the DCC may take over the SM WAN.
    pub wan: Duration,
    /// How long verification of an answer may take. It needs no one else, so this only matters when the program is at fault.
    pub verify: Duration,
    /// How long an `Unknown` delivery may block its lane.
    pub unknown: Duration,
    /// How long a PPMID honours its nonce, with a margin for the way there taken off.
    pub nonce: Duration,
    /// Wait after the first refusal that is worth another attempt; it doubles with every further one.
    pub retry_first: Duration,
    /// The longest wait between attempts.
    pub retry_max: Duration,
    /// After how many refusals by the hub in a row its no is taken for an answer.
    pub refusals: u32,
}

impl Default for Policy {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            warrant: minutes(5),
            receipt: Duration::from_secs(30),
            held: minutes(10),
            answer: minutes(90),
            wan: minutes(24 * 60),
            verify: minutes(1),
            unknown: minutes(7 * 24 * 60),
            nonce: Duration::from_secs(290),
            retry_first: Duration::from_secs(2),
            retry_max: minutes(5),
            refusals: 3,
        }
    }
}

impl Policy {
    /// When a delivery that just entered its state has been there too long; `None` for terminal states only.
    pub(crate) fn deadline(&self, now: Time, delivery: &Delivery) -> Option<Time> {
        Some(match delivery.state.kind() {
            Kind::Requested | Kind::Prepared | Kind::Queued => delivery.not_after,
            Kind::Released | Kind::Held if !delivery.left_locally() => now + self.wan,
            Kind::Released => now + self.receipt,
            Kind::Held => delivery.warrant_until.map_or(now, |until| until.max(now)) + self.held,
            Kind::OnHan => now + self.answer,
            Kind::Answered => now + self.verify,
            Kind::Unknown => now + self.unknown,
            _ => return None,
        })
    }

    /// How long to wait after this many refusals in a row.
    pub(crate) fn backoff(&self, refusals: u32) -> Duration {
        let doublings = refusals.saturating_sub(1).min(20);
        self.retry_first.saturating_mul(1 << doublings).min(self.retry_max)
    }
}

/// What a PPMID's refusal means for the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// This attempt did not reach the device; another one may.
    Again,
    /// This attempt may have reached the device. The same octets work once at most, so another one does no harm.
    AgainInDoubt,
    /// This attempt did not reach the device, and no other one will.
    Never,
    /// This attempt may have reached the device, and another one helps nobody.
    Unclear,
}

impl Retry {
    /// Whether the attempt is known not to have reached the device.
    pub const fn accounts(self) -> bool {
        matches!(self, Self::Again | Self::Never)
    }
}

impl Policy {
    /// What a refusal means that follows `before` refusals in a row.
    pub fn judge(&self, reason: Reason, before: u32) -> Retry {
        // These do not pass with time alone: a hub that follows its specification refuses the same again.
        let stubborn = matches!(reason, Reason::HubRefused | Reason::CommandChanged);
        match (reason.worth_another_attempt(), reason.may_be_on_han()) {
            (true, false) if stubborn && before + 1 >= self.refusals => Retry::Never,
            (true, false) => Retry::Again,
            (true, true) => Retry::AgainInDoubt,
            (false, false) => Retry::Never,
            (false, true) => Retry::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = Policy::default();
        let waits: Vec<u64> = (0..5).map(|n| policy.backoff(n).as_secs()).collect();
        assert_eq!(waits, [2, 2, 4, 8, 16]);
        assert_eq!(policy.backoff(u32::MAX), policy.retry_max);
    }

    #[test]
    fn a_hub_that_keeps_refusing_is_believed() {
        let policy = Policy { refusals: 3, ..Policy::default() };
        let verdicts: Vec<Retry> = (0..3).map(|before| policy.judge(Reason::HubRefused, before)).collect();
        assert_eq!(verdicts, [Retry::Again, Retry::Again, Retry::Never]);
        assert_eq!(policy.judge(Reason::StaleNonce, 1000), Retry::Again);
        assert_eq!(policy.judge(Reason::NoHubAnswer, 0), Retry::AgainInDoubt);
        assert_eq!(policy.judge(Reason::UnknownTarget, 0), Retry::Never);
        assert_eq!(policy.judge(Reason::Other(999), 0), Retry::Unclear);
    }
}
