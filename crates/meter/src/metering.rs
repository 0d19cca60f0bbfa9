//! What the metrology counts: energy or gas by tariff register, demand, and the price of it to the millipence.
use crate::tariff::{Register, Tariff};
use minicbor::{Decode, Encode};

/// Tariff registers by time of use.
pub(crate) const TOU: usize = 48;
/// Rates with blocks, and blocks of each.
pub(crate) const BLOCK_RATES: usize = 8;
pub(crate) const BLOCKS: usize = 4;
/// Tariff registers of a second element.
pub(crate) const SECOND_TOU: usize = 4;

/// What passed the meter in some time: watt hours and var hours, or for gas litres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Energy {
    /// Active energy, or gas, that came in.
    #[n(0)]
    pub import: u32,
    /// Active energy that went out.
    #[n(1)]
    pub export: u32,
    /// Reactive energy that came in.
    #[n(2)]
    pub reactive_import: u32,
    /// Reactive energy that went out.
    #[n(3)]
    pub reactive_export: u32,
    /// Active energy that came in through the second element of a twin element meter.
    #[n(4)]
    pub second: u32,
}

impl Energy {
    /// Active energy, or gas, alone.
    pub const fn import(import: u32) -> Self {
        Self { import, export: 0, reactive_import: 0, reactive_export: 0, second: 0 }
    }

    fn add(&mut self, more: &Self) {
        self.import = self.import.wrapping_add(more.import);
        self.export = self.export.wrapping_add(more.export);
        self.reactive_import = self.reactive_import.wrapping_add(more.reactive_import);
        self.reactive_export = self.reactive_export.wrapping_add(more.reactive_export);
        self.second = self.second.wrapping_add(more.second);
    }
}

/// A maximum of half-hourly demand, watts, and when the half hour ended (seconds since 2000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Demand {
    #[n(0)]
    pub watts: u32,
    #[n(1)]
    pub at: u32,
}

impl Demand {
    fn see(&mut self, watts: u32, at: u32) {
        if watts > self.watts {
            *self = Self { watts, at };
        }
    }
}

/// All registers of the metrology. They wrap as the registers of a meter do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Metering {
    #[n(0)]
    pub total: Energy,
    #[n(1)]
    pub tou: [u32; TOU],
    /// By rate, then block.
    #[n(2)]
    pub blocks: [[u32; BLOCKS]; BLOCK_RATES],
    /// Since the half hour began.
    #[n(3)]
    pub half_hour: Energy,
    /// Imported since midnight, through both elements.
    #[n(4)]
    pub day: u32,
    /// Imported in the half hour before this one, as watts, through both elements.
    #[n(5)]
    pub power: u32,
    #[n(6)]
    pub demand_import: Demand,
    #[n(7)]
    pub demand_export: Demand,
    /// The price of what was metered that is not a whole millipence yet: watt hours times millipence a kilowatt hour.
    #[n(8)]
    carried: u64,
    /// By rate, then block: what the block counters count, never reset.
    #[n(10)]
    pub block_registers: [[u32; BLOCKS]; BLOCK_RATES],
    /// Through the second element, by time of use.
    #[n(11)]
    pub second_tou: [u32; SECOND_TOU],
    /// Of the power, what went through the first element.
    #[n(12)]
    pub primary_power: u32,
}

impl Default for Metering {
    fn default() -> Self {
        Self {
            total: Energy::default(),
            tou: [0; TOU],
            blocks: [[0; BLOCKS]; BLOCK_RATES],
            half_hour: Energy::default(),
            day: 0,
            power: 0,
            demand_import: Demand::default(),
            demand_export: Demand::default(),
            carried: 0,
            block_registers: [[0; BLOCKS]; BLOCK_RATES],
            second_tou: [0; SECOND_TOU],
            primary_power: 0,
        }
    }
}

impl Metering {
    /// Count what went through the second element by its own tariff; its price comes with that of the first.
    pub fn meter_second(&mut self, tariff: &Tariff, register: Register, second: u32) {
        let (Register::Tou(rate) | Register::Block(rate)) = register;
        let rate = rate.clamp(1, SECOND_TOU as u8);
        let place = &mut self.second_tou[usize::from(rate) - 1];
        *place = place.wrapping_add(second);
        self.carried += tariff.cost(second, tariff.rate(rate));
    }

    /// Count, and give the price of it in whole millipence; the rest is carried to the next.
    pub fn meter(&mut self, tariff: &Tariff, register: Register, energy: &Energy) -> u32 {
        self.total.add(energy);
        self.half_hour.add(energy);
        self.day = self.day.saturating_add(energy.import).saturating_add(energy.second);
        match register {
            Register::Tou(rate) => {
                let n = usize::from(rate.clamp(1, TOU as u8)) - 1;
                self.tou[n] = self.tou[n].wrapping_add(energy.import);
                self.carried += tariff.cost(energy.import, tariff.rate(rate));
            }
            Register::Block(rate) => {
                let n = usize::from(rate.clamp(1, BLOCK_RATES as u8)) - 1;
                let mut left = energy.import;
                for block in 0..BLOCKS {
                    let used: u64 = self.blocks[n].iter().map(|&used| u64::from(used)).sum();
                    let room = match tariff.threshold(rate, block) {
                        Some(threshold) => u64::from(threshold).saturating_sub(used).min(u64::from(left)) as u32,
                        None => left,
                    };
                    self.blocks[n][block] = self.blocks[n][block].saturating_add(room);
                    self.block_registers[n][block] = self.block_registers[n][block].wrapping_add(room);
                    self.carried += tariff.cost(room, tariff.block_price(rate, block));
                    left -= room;
                }
            }
        }
        let whole = self.carried / tariff.scale();
        self.carried %= tariff.scale();
        whole.try_into().unwrap_or(u32::MAX)
    }

    /// The price of the next unit: that of the first block of a rate that is not full.
    pub fn price(&self, tariff: &Tariff, register: Register) -> u32 {
        let rate = match register {
            Register::Tou(rate) => return tariff.rate(rate),
            Register::Block(rate) => rate,
        };
        let used: u64 = match self.blocks.get(usize::from(rate).wrapping_sub(1)) {
            Some(blocks) => blocks.iter().map(|&used| u64::from(used)).sum(),
            None => 0,
        };
        let has_room = |block: &usize| tariff.threshold(rate, *block).is_none_or(|end| used < u64::from(end));
        tariff.block_price(rate, (0..BLOCKS).find(has_room).unwrap_or(BLOCKS - 1))
    }

    /// End a half hour at `at` (seconds since 2000); what it held.
    pub fn end_half_hour(&mut self, at: u32) -> Energy {
        let ended = core::mem::take(&mut self.half_hour);
        self.primary_power = ended.import.saturating_mul(2);
        self.power = ended.import.saturating_add(ended.second).saturating_mul(2);
        self.demand_import.see(self.power, at);
        self.demand_export.see(ended.export.saturating_mul(2), at);
        ended
    }

    /// End a day; what it held.
    pub fn end_day(&mut self) -> u32 {
        core::mem::take(&mut self.day)
    }

    /// Reset Tariff Block Counter Matrix.
    pub fn reset_blocks(&mut self) {
        self.blocks = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced(price: u32, thresholds: [u32; 3]) -> Tariff {
        let mut tariff = Tariff::default();
        tariff.set_rate(1, price);
        for block in 0..BLOCKS {
            tariff.set_block_price(1, block, price * (block as u32 + 1));
        }
        tariff.set_thresholds(1, thresholds);
        tariff
    }

    #[test]
    fn the_price_of_many_small_amounts_is_that_of_their_sum() {
        let tariff = priced(24_310, [u32::MAX; 3]);
        let mut metering = Metering::default();
        let charged: u32 = (0..1000).map(|_| metering.meter(&tariff, Register::Tou(1), &Energy::import(37))).sum();
        assert_eq!(u64::from(charged), 37_000 * 24_310 / 1000);
        assert_eq!((metering.total.import, metering.tou[0]), (37_000, 37_000));
    }

    #[test]
    fn energy_fills_block_after_block_each_at_its_price() {
        let tariff = priced(10, [1_000, 3_000, u32::MAX]);
        let mut metering = Metering::default();
        let charged = metering.meter(&tariff, Register::Block(1), &Energy::import(5_000));
        assert_eq!(metering.blocks[0], [1_000, 2_000, 2_000, 0]);
        assert_eq!(charged, 10 + 2 * 20 + 2 * 30);
        assert_eq!(metering.meter(&tariff, Register::Block(1), &Energy::import(1_000)), 30);
        metering.reset_blocks();
        assert_eq!(metering.meter(&tariff, Register::Block(1), &Energy::import(1_000)), 10);
    }

    #[test]
    fn the_highest_half_hour_is_the_maximum_demand() {
        let (tariff, mut metering) = (priced(1, [u32::MAX; 3]), Metering::default());
        for (n, energy) in (0..).zip([100, 700, 300]) {
            metering.meter(&tariff, Register::Tou(1), &Energy::import(energy));
            assert_eq!(metering.end_half_hour(n * 1800).import, energy);
        }
        assert_eq!((metering.demand_import.watts, metering.demand_import.at), (1_400, 1_800));
        assert_eq!(metering.power, 600);
        assert_eq!((metering.end_day(), metering.end_day()), (1_100, 0));
    }
}
