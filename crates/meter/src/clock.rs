//! How far a meter trusts its clock (GBCS 9.1): set by Command inside the validity interval, doubtful where nobody set it.
use gbcs::Time;
use minicbor::{Decode, Encode};

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
        self.status
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
}
