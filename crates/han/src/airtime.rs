//! How long a device is on the air, in all and within the hour: what its neighbours must bear, and a duty cycle limits.
use alloc::collections::VecDeque;
use core::time::Duration;
use gbcs::Time;

/// Preamble, start of frame and length octet before each frame at 2.4 GHz.
const PHY_OVERHEAD: u64 = 6;
/// Microseconds of one octet at 250 kbit/s.
const OCTET: u64 = 32;
/// The stretch of time over which duty is counted, in slots of a minute.
const SLOTS: u64 = 60;
const SLOT: u64 = 60_000;

/// Time on the air of a frame of so many octets, frame check sequence included, at 2.4 GHz (han.md 12).
pub const fn of_frame(octets: usize) -> Duration {
    Duration::from_micros((PHY_OVERHEAD + octets as u64) * OCTET)
}

/// Frames and time on the air in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames, repetitions and acknowledgements included.
    pub frames: u64,
    /// Octets of these frames.
    pub octets: u64,
    /// Their time on the air.
    pub time: Duration,
}

impl Traffic {
    pub(crate) fn count(&mut self, octets: usize) {
        self.frames += 1;
        self.octets += octets as u64;
        self.time += of_frame(octets);
    }
}

/// What passed between a node and one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// From the node to the peer.
    pub sent: Traffic,
    /// From the peer to the node: what was heard of it.
    pub heard: Traffic,
}

/// What a device put on the air.
#[derive(Clone, Debug, Default)]
pub struct Airtime {
    total: Traffic,
    /// Microseconds on the air by the minute since 1970, the latest last.
    minutes: VecDeque<(u64, u64)>,
}

impl Airtime {
    pub(crate) fn count(&mut self, now: Time, octets: usize) {
        self.total.count(octets);
        let (minute, time) = (now.0 / SLOT, of_frame(octets).as_micros() as u64);
        match self.minutes.back_mut() {
            // A clock that went back counts towards the latest minute.
            Some((latest, sum)) if *latest >= minute => *sum += time,
            _ => {
                self.minutes.push_back((minute, time));
                while self.minutes.front().is_some_and(|(first, _)| first + SLOTS <= minute) {
                    self.minutes.pop_front();
                }
            }
        }
    }

    /// Everything since the start.
    pub const fn total(&self) -> Traffic {
        self.total
    }

    /// Time on the air within the last hour, to the minute.
    pub fn within_the_hour(&self, now: Time) -> Duration {
        let minute = now.0 / SLOT;
        let recent = self.minutes.iter().filter(|(at, _)| at + SLOTS > minute);
        Duration::from_micros(recent.map(|(_, time)| time).sum())
    }

    /// The share of the last hour, in parts per million.
    pub fn duty(&self, now: Time) -> u32 {
        (self.within_the_hour(now).as_micros() / 3600) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_frame_takes_4_256_milliseconds() {
        assert_eq!(of_frame(127), Duration::from_micros(4256));
    }

    #[test]
    fn duty_counts_the_last_hour_and_no_more() {
        let mut air = Airtime::default();
        let at = |minute: u64| Time(minute * SLOT);
        for minute in 0..120 {
            air.count(at(minute), 119);
        }
        assert_eq!(air.total(), Traffic { frames: 120, octets: 120 * 119, time: Duration::from_millis(480) });
        assert_eq!(air.within_the_hour(at(119)), Duration::from_millis(240));
        assert_eq!(air.duty(at(119)), 66);
        assert_eq!(air.within_the_hour(at(149)), Duration::from_millis(120));
        assert_eq!(air.duty(at(500)), 0);
        assert!(air.minutes.len() <= 60);
        air.count(at(10), 119);
        assert_eq!(air.total().frames, 121, "a clock that went back");
    }
}
