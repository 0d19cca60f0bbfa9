//! How far a meter trusts its clock (GBCS 9.1): set by Command inside the validity interval, compared every day with that of the
//! Communications Hub, doubtful where neither confirmed it for long.
use crate::event::Event;
use crate::meter::Meter;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::{Counter, MessageCode, Time};
use han::zcl::time;
use minicbor::{Decode, Encode};

/// A difference to the hub's clock that is nobody's fault, in seconds (SMETS 5.5.1).
const TOLERANCE: u32 = 10;
/// A crystal that is 20 millionths off has drifted out of the tolerance after so many seconds.
const TRUST: u32 = 6 * 86_400;
/// Between two comparisons.
pub(crate) const COMPARISON: Duration = Duration::from_secs(24 * 60 * 60);
/// Until the first, and until the next where the hub did not answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The clock was adjusted, within tolerance.
const ADJUSTED: u16 = 0x8145;
/// It was not, out of tolerance; or there was nothing to adjust it by.
const NOT_ADJUSTED: u16 = 0x81C6;
/// It was not: more than ten seconds off.
const TOO_FAR_OFF: u16 = 0x8F0C;

/// Clock status as ECS70 and GCS28 answer it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum ClockStatus {
    /// In step with the network.
    #[default]
    #[n(0)]
    Reliable,
    /// Not a time at all.
    #[n(1)]
    Invalid,
    /// Of nobody that the meter trusts.
    #[n(2)]
    Unreliable,
}

/// The clock of a meter: the driver's, and what it is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Clock {
    #[n(0)]
    pub status: ClockStatus,
    /// The half hour that the meter has lived through, seconds since 2000; 0 before its first.
    #[n(1)]
    pub passed: u32,
    /// The validity interval of a Set Clock under way.
    #[n(2)]
    interval: Option<(u64, u64)>,
    /// When somebody last confirmed the time, seconds since 2000; 0 before the first moment.
    #[n(3)]
    confirmed: u32,
    /// A Command found the network's time outside its interval: only another one settles that.
    #[n(4)]
    disputed: bool,
}

/// What the meter thinks of its clock now, and did not before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Confirmed again.
    Trusted,
    /// The hub's is another.
    TooFarOff,
    /// Nobody confirmed it for long.
    Unconfirmed,
}

impl Clock {
    /// Between which times the network's clock must be to be believed.
    pub fn preset(&mut self, from: Option<Time>, to: Option<Time>) {
        self.interval = Some((from.map_or(0, |from| from.0), to.map_or(u64::MAX, |to| to.0)));
    }

    /// Set the clock by the network's time, `now`: reliable inside the interval, otherwise not.
    pub fn adjust(&mut self, now: Time) -> ClockStatus {
        let inside = self.interval.take().is_none_or(|(from, to)| (from..=to).contains(&now.0));
        self.status = if inside { ClockStatus::Reliable } else { ClockStatus::Unreliable };
        self.disputed = !inside;
        if inside {
            self.confirmed = now.zigbee();
        }
        self.status
    }

    /// Compare with the hub's clock. One that is not in step with the network itself says nothing.
    fn compare(&mut self, now: Time, theirs: time::Clock) -> Option<Judgement> {
        if !theirs.synchronised {
            return None;
        }
        let was = self.status;
        if now.zigbee().abs_diff(theirs.utc) > TOLERANCE {
            self.status = ClockStatus::Unreliable;
            return (was != self.status).then_some(Judgement::TooFarOff);
        }
        self.confirmed = now.zigbee();
        if !self.disputed {
            self.status = ClockStatus::Reliable;
        }
        (was != self.status).then_some(Judgement::Trusted)
    }

    /// Time passes until `at`, seconds since 2000: whether the clock is not to be trusted from now on.
    fn pass(&mut self, at: u32) -> Option<Judgement> {
        if self.confirmed == 0 {
            // Set at installation.
            self.confirmed = at;
        }
        if self.status != ClockStatus::Reliable || at.saturating_sub(self.confirmed) <= TRUST {
            return None;
        }
        self.status = ClockStatus::Unreliable;
        Some(Judgement::Unconfirmed)
    }
}

impl<C: Crypto> Meter<C> {
    /// The hub told its time. The caller persists.
    pub(crate) fn compare_clock(&mut self, now: Time, theirs: time::Clock) {
        let judgement = self.state.books.clock.compare(now, theirs);
        self.judge_clock(now, judgement);
    }

    /// Time passed for a meter that has a hub to ask. The caller persists.
    pub(crate) fn age_clock(&mut self, at: Time) {
        if self.config.radio.is_some() {
            let judgement = self.state.books.clock.pass(at.zigbee());
            self.judge_clock(at, judgement);
        }
    }

    /// Log a change of mind, and tell the supplier of one for the worse.
    fn judge_clock(&mut self, now: Time, judgement: Option<Judgement>) {
        let Some(judgement) = judgement else { return };
        let books = &mut self.state.books;
        let (log, code) = match judgement {
            Judgement::Trusted => (&mut books.event_log, ADJUSTED),
            Judgement::TooFarOff => (&mut books.security_log, TOO_FAR_OFF),
            Judgement::Unconfirmed => (&mut books.event_log, NOT_ADJUSTED),
        };
        log.push(now, code, MessageCode(0), Counter(0));
        self.event(Event::Clock(self.clock_status()));
        if judgement != Judgement::Trusted
            && let Some(supplier) = self.config.supplier()
        {
            self.raise_generic(now, supplier, code);
        }
    }
}

impl crate::books::Books {
    /// Set the clock by a Command, and log how that went.
    pub fn set_clock(&mut self, now: Time, code: MessageCode, counter: Counter) -> ClockStatus {
        let status = self.clock.adjust(now);
        let line = if status == ClockStatus::Reliable { ADJUSTED } else { NOT_ADJUSTED };
        self.event_log.push(now, line, code, counter);
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_outside_the_interval_of_its_command_is_unreliable_until_one_fits() {
        let mut clock = Clock::default();
        clock.preset(Some(Time(10)), Some(Time(20)));
        assert_eq!(clock.adjust(Time(21)), ClockStatus::Unreliable);
        clock.preset(Some(Time(10)), Some(Time(20)));
        assert_eq!(clock.adjust(Time(20)), ClockStatus::Reliable);
        clock.preset(None, None);
        assert_eq!(clock.adjust(Time(u64::MAX)), ClockStatus::Reliable);
    }

    #[test]
    fn a_clock_is_doubted_when_the_hubs_is_another_or_nobody_confirmed_it_for_six_days() {
        let now = Time::from_zigbee(800_000_000);
        let told = |utc: u32, synchronised| time::Clock { utc, synchronised };
        let mut clock = Clock::default();
        assert_eq!(clock.pass(now.zigbee()), None);
        assert_eq!(clock.compare(now, told(now.zigbee() + 10, true)), None, "within tolerance");
        assert_eq!(clock.compare(now, told(now.zigbee() + 11, false)), None, "of a hub that does not know");
        assert_eq!(clock.compare(now, told(now.zigbee() + 11, true)), Some(Judgement::TooFarOff));
        assert_eq!(clock.compare(now, told(now.zigbee() + 11, true)), None, "told once");
        assert_eq!(clock.compare(now, told(now.zigbee() - 10, true)), Some(Judgement::Trusted));
        assert_eq!(clock.pass(now.zigbee() + TRUST), None);
        assert_eq!(clock.pass(now.zigbee() + TRUST + 1), Some(Judgement::Unconfirmed));
        assert_eq!((clock.status, clock.pass(u32::MAX)), (ClockStatus::Unreliable, None));
        clock.preset(None, None);
        assert_eq!(clock.adjust(now + COMPARISON), ClockStatus::Reliable);
        assert_eq!(clock.pass(now.zigbee() + 86_400 + TRUST), None);
    }

    #[test]
    fn what_a_command_disputes_the_hub_does_not_settle() {
        let mut clock = Clock::default();
        clock.preset(Some(Time(10)), Some(Time(20)));
        let now = Time::from_zigbee(800_000_000);
        assert_eq!(clock.adjust(now), ClockStatus::Unreliable);
        assert_eq!(clock.compare(now, time::Clock { utc: now.zigbee(), synchronised: true }), None);
        assert_eq!(clock.status, ClockStatus::Unreliable);
    }
}
