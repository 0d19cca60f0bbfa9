//! The virtual radio of one home: every frame reaches every other radio after its time on the air, unless chance takes it.
use gbcs::Time;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Microseconds that a late frame is late: longer than a frame and its acknowledgement take.
const LATE: u64 = 12_000;

/// How good the radio is.
#[derive(Clone, Copy, Debug)]
pub struct AirConfig {
    /// Octets a second on the air: 250 kbit/s at 2.4 GHz.
    pub octets_per_second: u32,
    /// Preamble, start delimiter, length, and turning the radio round.
    pub overhead: Duration,
    /// Of 10,000 receptions, how many are lost; each receiver on its own.
    pub lost_per_10_000: u32,
    /// Of 10,000 receptions, how many come twice.
    pub doubled_per_10_000: u32,
    /// Of 10,000 receptions, how many come late, behind frames sent after them.
    pub late_per_10_000: u32,
    /// Seed of chance: the same seed loses the same frames.
    pub seed: u64,
}

impl Default for AirConfig {
    fn default() -> Self {
        Self {
            octets_per_second: 31_250,
            overhead: Duration::from_micros(400),
            lost_per_10_000: 0,
            doubled_per_10_000: 0,
            late_per_10_000: 0,
            seed: 1,
        }
    }
}

/// A frame about to be received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When its last octet arrives.
    pub at: Time,
    /// The radio that receives it.
    pub to: usize,
    /// The whole frame with its check sequence.
    pub frame: Vec<u8>,
}

/// The air between `radios` radios, numbered from 0.
#[derive(Debug)]
pub struct Air {
    config: AirConfig,
    radios: usize,
    /// Microseconds since 1970 until which the channel is taken: frames go one after another, as carrier sense makes them.
    busy_until: u64,
    queue: BinaryHeap<Flying>,
    sent: u64,
    random: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Flying {
    at: u64,
    order: u64,
    to: usize,
    frame: Vec<u8>,
}

impl Ord for Flying {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The heap gives its greatest: the earliest must be that.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Flying {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Air {
    /// An empty air.
    pub fn new(config: AirConfig, radios: usize) -> Self {
        let random = config.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        Self { config, radios, busy_until: 0, queue: BinaryHeap::new(), sent: 0, random }
    }

    /// One more radio; gives its number.
    pub fn add_radio(&mut self) -> usize {
        self.radios += 1;
        self.radios - 1
    }

    /// Let this share of receptions be lost from now on.
    pub fn set_loss(&mut self, per_10_000: u32) {
        self.config.lost_per_10_000 = per_10_000;
    }

    /// Radio `from` sends a frame; gives the time at which it starts, when the channel is free.
    pub fn transmit(&mut self, now: Time, from: usize, frame: Vec<u8>) -> Time {
        let start = self.busy_until.max(now.0 * 1000);
        let on_air = frame.len() as u64 * 1_000_000 / self.config.octets_per_second as u64;
        let at = start + self.config.overhead.as_micros() as u64 + on_air;
        self.busy_until = at;
        for to in (0..self.radios).filter(|to| *to != from) {
            if self.happens(self.config.lost_per_10_000) {
                continue;
            }
            let late = if self.happens(self.config.late_per_10_000) { LATE } else { 0 };
            let times = if self.happens(self.config.doubled_per_10_000) { 2 } else { 1 };
            for n in 0..times {
                self.queue.push(Flying { at: at + late + n * LATE / 2, order: self.sent, to, frame: frame.clone() });
                self.sent += 1;
            }
        }
        Time(start / 1000)
    }

    /// When the next frame arrives; milliseconds are rounded up, so that nothing arrives before it can.
    pub fn next(&self) -> Option<Time> {
        self.queue.peek().map(|flying| Time(flying.at.div_ceil(1000)))
    }

    /// The next frame that has arrived by `now`.
    pub fn arrival(&mut self, now: Time) -> Option<Arrival> {
        if self.next()? > now {
            return None;
        }
        let Flying { at, to, frame, .. } = self.queue.pop()?;
        Some(Arrival { at: Time(at.div_ceil(1000)), to, frame })
    }

    fn happens(&mut self, per_10_000: u32) -> bool {
        // What cannot happen takes no chance from what can, so that a run without it stays as it was.
        per_10_000 > 0 && self.chance() % 10_000 < per_10_000 as u64
    }

    /// xorshift64*: chance that can be repeated is all that is asked of it.
    fn chance(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reaches_all_others_in_order_and_after_its_time_on_the_air() {
        let mut air = Air::new(AirConfig::default(), 3);
        air.transmit(Time(1000), 0, vec![1; 127]);
        air.transmit(Time(1000), 1, vec![2; 10]);
        assert_eq!(air.next(), Some(Time(1005)));
        assert_eq!(air.arrival(Time(1004)), None);
        let mut seen = Vec::new();
        while let Some(arrival) = air.arrival(Time(2000)) {
            seen.push((arrival.to, arrival.frame[0], arrival.at));
        }
        // 127 octets take 4.064 ms and 0.4 ms around them; the second frame waits for the first.
        assert_eq!(seen, [(1, 1, Time(1005)), (2, 1, Time(1005)), (0, 2, Time(1006)), (2, 2, Time(1006))]);
    }

    #[test]
    fn loss_is_about_what_is_asked_and_repeats_with_its_seed() {
        let run = |seed| {
            let mut air = Air::new(AirConfig { lost_per_10_000: 2000, seed, ..AirConfig::default() }, 2);
            for n in 0..5000u64 {
                air.transmit(Time(n), 0, n.to_be_bytes().to_vec());
            }
            std::iter::from_fn(|| air.arrival(Time(u64::MAX / 2000))).map(|a| a.frame).collect::<Vec<_>>()
        };
        let heard = run(7);
        assert!((3850..4150).contains(&heard.len()), "{} of 5000", heard.len());
        assert_eq!(heard, run(7));
        assert_ne!(heard, run(8));
    }
}
