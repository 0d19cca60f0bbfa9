//! Profiles and snapshots of the metrology: what registers held, or counted, at the ends of half hours, days and billing periods.
use crate::metering::{BLOCK_RATES, BLOCKS, Energy, Metering, SECOND_TOU, TOU};
use crate::prepayment::Account;
use crate::voltage::PHASES;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// Seconds of the profile's interval.
pub(crate) const HALF_HOUR: u32 = 1800;

/// How much a meter remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSizes {
    /// Half hours of the profiles.
    pub half_hours: usize,
    /// Days of the daily logs.
    pub days: usize,
    /// Entries of the billing logs.
    pub billing: usize,
    /// Top-ups and payments of debt.
    pub payments: usize,
}

impl Default for LogSizes {
    /// Ten days of half hours, 31 days, 13 billing periods: a meter keeps its profile for 13 months in a memory this core does
    /// not have; whoever has more says so.
    fn default() -> Self {
        Self { half_hours: 480, days: 31, billing: 13, payments: 20 }
    }
}

/// Registers at a moment: only those that are not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Snapshot {
    /// Seconds since 2000.
    #[n(0)]
    pub at: u32,
    #[n(1)]
    values: Vec<(u8, u32)>,
    /// Which moments this is one of, as the ZCL counts causes.
    #[n(2)]
    pub cause: u32,
}

impl Snapshot {
    fn new(at: u32, cause: u32, values: impl IntoIterator<Item = u32>) -> Self {
        let values = (0..).zip(values).filter(|(_, value)| *value != 0).collect();
        Self { at, values, cause }
    }

    /// Where the values of tariff registers begin, of block counters, of the registers of the second element and of blocks.
    pub const TOU: usize = 1;
    pub const COUNTERS: usize = Self::TOU + TOU;
    pub const SECOND: usize = Self::COUNTERS + BLOCKS * BLOCK_RATES;
    pub const SECOND_TOU: usize = Self::SECOND + 1;
    pub const BLOCKS: usize = Self::SECOND_TOU + SECOND_TOU;

    /// Import, tariff registers by time of use, block counters (block by block, rate by rate); import through the second element, its
    /// tariff registers, block registers.
    pub fn of_registers(at: u32, cause: u32, metering: &Metering) -> Self {
        let total = &metering.total;
        let first = core::iter::once(total.import).chain(metering.tou).chain(by_block(&metering.blocks));
        let second = core::iter::once(total.second).chain(metering.second_tou);
        Self::new(at, cause, first.chain(second).chain(by_block(&metering.block_registers)))
    }

    /// Balance, Emergency Credit, accumulated debt, debts: the order of the prepayment registers.
    pub fn of_account(at: u32, cause: u32, account: &Account) -> Self {
        Self::new(at, cause, account.registers().map(|money| money as u32))
    }

    pub fn value(&self, n: usize) -> u32 {
        self.values.iter().find(|(at, _)| usize::from(*at) == n).map_or(0, |(_, value)| *value)
    }
}

/// Block by block, rate by rate: the order in which meters list them.
pub(crate) fn by_block(blocks: &[[u32; BLOCKS]; BLOCK_RATES]) -> impl Iterator<Item = u32> {
    (0..BLOCKS).flat_map(|block| blocks.iter().map(move |rate| rate[block]))
}

/// A bounded list, oldest first to go.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Ring<T> {
    #[n(0)]
    entries: VecDeque<T>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new() }
    }
}

impl<T> Ring<T> {
    pub fn push(&mut self, entry: T, capacity: usize) {
        while self.entries.len() >= capacity.max(1) {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.entries.iter()
    }
}

/// Money that came: a top-up, or what of it paid a debt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Payment {
    /// Seconds since 2000.
    #[n(0)]
    pub at: u32,
    /// Thousandths of a penny.
    #[n(1)]
    pub amount: u32,
    /// Of a payment of debt what is left of it.
    #[n(2)]
    pub outstanding: u32,
    /// Of a top-up the digits.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub digits: Vec<u8>,
}

/// Half hours, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct HalfHours {
    /// When the last one ended, seconds since 2000.
    #[n(0)]
    last: u32,
    #[n(1)]
    energy: VecDeque<Energy>,
}

impl HalfHours {
    /// A half hour that ended at `at`; those between it and the last one were not metered.
    pub fn push(&mut self, at: u32, energy: Energy, capacity: usize) {
        let missing = (at.saturating_sub(self.last) / HALF_HOUR).saturating_sub(1) as usize;
        if missing >= capacity || at <= self.last {
            self.energy.clear();
        } else {
            self.energy.extend(core::iter::repeat_n(Energy::default(), missing.min(capacity)));
        }
        self.last = at;
        self.energy.push_back(energy);
        while self.energy.len() > capacity.max(1) {
            self.energy.pop_front();
        }
    }

    /// End and content of each, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Energy)> {
        let first = self.last.wrapping_sub((self.energy.len() as u32).saturating_sub(1) * HALF_HOUR);
        (0..).zip(&self.energy).map(move |(n, energy)| (first.wrapping_add(n * HALF_HOUR), energy))
    }
}

/// A network data log of a gas meter (GCS31): consumption in short intervals from a start on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Sampling {
    #[n(0)]
    pub start: u32,
    #[n(1)]
    pub interval: u16,
    #[n(2)]
    pub most: u16,
    #[n(3)]
    pub samples: Vec<u32>,
}

impl Sampling {
    /// Share what was metered between two moments among the samples that end in between.
    pub fn meter(&mut self, from: u32, to: u32, amount: u32) {
        let (interval, span) = (u32::from(self.interval).max(1), u64::from(to.saturating_sub(from)).max(1));
        while self.samples.len() < usize::from(self.most) {
            let end = self.start.saturating_add((self.samples.len() as u32 + 1) * interval);
            if end > to {
                break;
            }
            let begin = end.saturating_sub(interval).max(from);
            let share = u64::from(end.saturating_sub(begin)) * u64::from(amount) / span;
            self.samples.push(share as u32);
        }
    }
}

/// All profiles and snapshots of a meter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Profiles {
    #[n(0)]
    pub half_hours: HalfHours,
    /// Daily Read Log, and the same of prepayment.
    #[n(1)]
    pub daily: Ring<Snapshot>,
    #[n(2)]
    pub daily_prepayment: Ring<Snapshot>,
    /// Billing Data Log at the ends of billing periods, and the same of prepayment.
    #[n(3)]
    pub billing: Ring<Snapshot>,
    #[n(4)]
    pub billing_prepayment: Ring<Snapshot>,
    /// Billing Data Log at changes of tariff or payment mode, and the same of prepayment.
    #[n(5)]
    pub changes: Ring<Snapshot>,
    #[n(6)]
    pub changes_prepayment: Ring<Snapshot>,
    #[n(7)]
    pub top_ups: Ring<Payment>,
    #[n(8)]
    pub debt_payments: Ring<Payment>,
    /// Day and what was imported on it.
    #[n(9)]
    pub days: Ring<(u32, u32)>,
    /// Day and the export register at its end.
    #[n(10)]
    pub export: Ring<(u32, u32)>,
    /// Average voltages, by phase.
    #[n(11)]
    pub voltage: [Ring<(u32, u32)>; PHASES],
    /// Times for which boost was on.
    #[n(12)]
    pub boost: Ring<(u32, u32)>,
    #[n(13)]
    pub sampling: Option<Sampling>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_hours_that_were_missed_are_empty_and_too_many_of_them_start_anew() {
        let mut profile = HalfHours::default();
        let import = |profile: &HalfHours| profile.iter().map(|(at, e)| (at, e.import)).collect::<Vec<_>>();
        profile.push(100 * HALF_HOUR, Energy::import(1), 4);
        profile.push(102 * HALF_HOUR, Energy::import(2), 4);
        assert_eq!(import(&profile), [(100 * HALF_HOUR, 1), (101 * HALF_HOUR, 0), (102 * HALF_HOUR, 2)]);
        profile.push(103 * HALF_HOUR, Energy::import(3), 4);
        profile.push(104 * HALF_HOUR, Energy::import(4), 4);
        assert_eq!(import(&profile).len(), 4);
        assert_eq!(import(&profile)[0], (101 * HALF_HOUR, 0));
        profile.push(u32::MAX, Energy::import(5), 4);
        assert_eq!(import(&profile), [(u32::MAX, 5)]);
    }

    #[test]
    fn a_snapshot_holds_what_is_not_zero_and_says_zero_for_the_rest() {
        let mut metering = Metering::default();
        (metering.tou[47], metering.blocks[7][3]) = (5, 6);
        let snapshot = Snapshot::of_registers(1, 0, &metering);
        assert_eq!(snapshot.values, [(48, 5), (80, 6)]);
        assert_eq!([0, 48, 80].map(|n| snapshot.value(n)), [0, 5, 6]);
        let last = Snapshot::BLOCKS + BLOCKS * BLOCK_RATES - 1;
        (metering.total.second, metering.second_tou[3], metering.block_registers[7][3]) = (7, 8, 9);
        let snapshot = Snapshot::of_registers(1, 0, &metering);
        assert_eq!([Snapshot::SECOND, Snapshot::SECOND_TOU + 3, last].map(|n| snapshot.value(n)), [7, 8, 9]);
    }

    #[test]
    fn samples_share_a_half_hour_and_end_after_the_last() {
        let mut sampling = Sampling { start: 3600, interval: 360, most: 7, samples: Vec::new() };
        sampling.meter(1800, 3600, 900);
        assert!(sampling.samples.is_empty());
        sampling.meter(3600, 5400, 500);
        assert_eq!(sampling.samples, [100; 5]);
        sampling.meter(5400, 7200, 1000);
        assert_eq!(sampling.samples, [100, 100, 100, 100, 100, 200, 200]);
    }

    #[test]
    fn a_ring_never_holds_more_than_it_may() {
        let mut ring = Ring::default();
        (0..10).for_each(|n| ring.push(n, 3));
        assert!(ring.iter().eq(&[7, 8, 9]));
    }
}
