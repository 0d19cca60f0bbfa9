//! A tariff as both meters price by it: when which register counts, what a unit costs, what a day costs.
use crate::calendar::{Calendar, Date, Period, Switch, executed, scheduled};
use crate::metering::{BLOCK_RATES, BLOCKS, TOU};
use crate::voltage::Settings;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gbcs::Time;

/// Where energy is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    /// By time of use, 1 to 48.
    Tou(u8),
    /// In blocks of a rate, 1 to 8.
    Block(u8),
}

/// What a meter lives by.
pub(crate) struct Terms {
    pub tariff: Tariff,
    /// Of the second element, where there may be one.
    pub second: Option<Tariff>,
    /// What is watched of the voltage, by an electricity meter.
    pub voltage: Option<Settings>,
    /// Ends of billing periods.
    pub billing: Periods,
    /// When block counters start anew.
    pub block_reset: Periods,
    /// When lack of credit does not disable supply.
    pub non_disablement: NonDisablement,
}

/// Moments that come again.
pub(crate) enum Periods {
    /// At these times of day on these days.
    Times(Vec<(u32, Date)>),
    /// One after the other.
    Follow(Period),
}

impl Periods {
    /// Whether one ended after `begin` and by `end`.
    pub fn ended(&self, begin: Time, end: Time) -> bool {
        match self {
            Self::Times(times) => executed(times, begin, end),
            Self::Follow(period) => period.ended(begin, end),
        }
    }
}

/// When lack of credit does not disable supply.
pub(crate) enum NonDisablement {
    /// A schedule with a selector that starts it, and its special days.
    Schedule(Vec<Switch>, Vec<(Date, u8)>, u16),
    /// A calendar with a selector for it.
    Calendar(Calendar, u16),
}

impl NonDisablement {
    pub fn holds(&self, at: Time) -> bool {
        match self {
            Self::Schedule(lines, _, _) if lines.is_empty() => false,
            Self::Schedule(lines, special, start) => scheduled(lines, special, at) == Some(*start),
            Self::Calendar(calendar, on) => calendar.selector(at) == Some(*on),
        }
    }
}

/// The tariff in force. Prices are in millipence a kilowatt hour.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tariff {
    /// Selectors 1 to 48 are rates by time of use, 101 to 108 rates with blocks (gbcs-messages 15.1).
    pub calendar: Calendar,
    rates: [u32; TOU],
    /// By rate and block; blocks beyond the fourth are counted as it.
    block_prices: BTreeMap<(u8, u8), u32>,
    /// By rate: where blocks 1 to 3 end.
    thresholds: BTreeMap<u8, [u32; 3]>,
    /// Millipence a day.
    pub standing_charge: u32,
    /// What a metered unit is in watt hours, as a fraction: 1/1 for electricity.
    unit: (u64, u64),
    /// Where a calendar says nothing.
    pub otherwise: Register,
}

impl Default for Tariff {
    fn default() -> Self {
        Self {
            calendar: Calendar::default(),
            rates: [0; TOU],
            block_prices: BTreeMap::new(),
            thresholds: BTreeMap::new(),
            standing_charge: 0,
            unit: (1, 1),
            otherwise: Register::Tou(1),
        }
    }
}

impl Tariff {
    /// A tariff that asks for nothing yet.
    pub fn new(calendar: Calendar) -> Self {
        Self { calendar, ..Self::default() }
    }

    pub fn set_rate(&mut self, rate: u8, price: u32) {
        if let Some(place) = usize::from(rate).checked_sub(1).and_then(|n| self.rates.get_mut(n)) {
            *place = price;
        }
    }

    pub fn set_block_price(&mut self, rate: u8, block: usize, price: u32) {
        if (1..=BLOCK_RATES as u8).contains(&rate) && block < BLOCKS {
            self.block_prices.insert((rate, block as u8), price);
        }
    }

    /// Where the blocks of a rate end; FFFFFFFF is no end.
    pub fn set_thresholds(&mut self, rate: u8, thresholds: [u32; 3]) {
        self.thresholds.insert(rate, thresholds);
    }

    /// A metered unit is `over / under` watt hours.
    pub fn set_unit(&mut self, over: u64, under: u64) {
        self.unit = (over, under.max(1));
    }

    /// Where energy is counted at a moment.
    pub fn register(&self, at: Time) -> Register {
        match self.calendar.selector(at) {
            Some(rate @ 1..=48) => Register::Tou(rate as u8),
            Some(rate @ 101..=108) => Register::Block((rate - 100) as u8),
            _ => self.otherwise,
        }
    }

    pub fn rate(&self, rate: u8) -> u32 {
        usize::from(rate).checked_sub(1).and_then(|n| self.rates.get(n)).copied().unwrap_or(0)
    }

    pub fn block_price(&self, rate: u8, block: usize) -> u32 {
        self.block_prices.get(&(rate, block as u8)).copied().unwrap_or(0)
    }

    /// Where a block ends, counted from the first; `None` where it does not.
    pub fn threshold(&self, rate: u8, block: usize) -> Option<u32> {
        let end = *self.thresholds.get(&rate)?.get(block)?;
        (end != u32::MAX).then_some(end)
    }

    /// The price of `amount` metered units, in millipence times [`scale`](Self::scale).
    pub fn cost(&self, amount: u32, price: u32) -> u64 {
        (u64::from(amount) * u64::from(price)).saturating_mul(self.unit.0)
    }

    /// How many of what [`cost`](Self::cost) gives make a millipence.
    pub fn scale(&self) -> u64 {
        1000 * self.unit.1
    }
}
