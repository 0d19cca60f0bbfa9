//! A household's consumption on virtual time: the same half hour always draws the same.
use crate::metering::Energy;
use gbcs::Time;

/// What a household draws: watt hours, or litres of gas, by half hour of the day and month of the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// By half hour of the day, UTC.
    pub half_hours: [u16; 48],
    /// By month, percent of that.
    pub months: [u8; 12],
    /// How far a half hour may be off, percent.
    pub spread: u8,
}

impl Load {
    /// A British household: 2 900 kWh a year, most of it in the evening.
    pub const ELECTRICITY: Self = Self {
        half_hours: [
            90, 80, 75, 70, 70, 70, 70, 70, 70, 75, 80, 90, 110, 150, 190, 200, 190, 180, 170, 160, 155, 155, 160, 170,
            180, 180, 170, 160, 155, 155, 165, 190, 240, 290, 330, 340, 330, 310, 290, 270, 255, 240, 225, 210, 185,
            155, 125, 105,
        ],
        months: [120, 115, 110, 100, 90, 85, 80, 82, 90, 100, 112, 122],
        spread: 30,
    };

    /// Storage heaters behind the second element, charged at night: 3 300 kWh a year.
    pub const SECOND_ELEMENT: Self = Self {
        half_hours: [
            0, 900, 1200, 1200, 1200, 1200, 1200, 1200, 1100, 1000, 800, 600, 400, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        months: [180, 170, 140, 90, 30, 0, 0, 0, 20, 90, 150, 175],
        spread: 15,
    };

    /// A British household heated with gas: 1 050 cubic metres a year.
    pub const GAS: Self = Self {
        half_hours: [
            10, 10, 8, 8, 8, 8, 8, 8, 10, 15, 40, 90, 140, 170, 160, 120, 80, 60, 50, 45, 45, 45, 50, 55, 55, 50, 45,
            45, 50, 60, 75, 95, 115, 130, 140, 140, 135, 125, 115, 100, 90, 75, 60, 45, 30, 20, 15, 12,
        ],
        months: [210, 195, 160, 105, 60, 35, 25, 25, 40, 90, 150, 205],
        spread: 25,
    };

    /// What is drawn in the half hour that begins at `start`, supply permitting.
    pub fn energy(&self, start: Time) -> Energy {
        let (of_day, month) = (start.seconds() % 86_400 / 1800, start.civil().month);
        let base =
            u64::from(self.half_hours[of_day as usize]) * u64::from(self.months[usize::from(month.clamp(1, 12)) - 1]);
        let spread = u64::from(self.spread.min(100));
        // Some hash of the number of the half hour: between 100 - spread and 100 + spread percent.
        let hash = (start.seconds() / 1800).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        let import = (base * (100 - spread + hash % (2 * spread + 1)) / 10_000) as u32;
        Energy { import, reactive_import: import / 5, ..Energy::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_a_household_is_that_of_a_british_one_and_always_the_same() {
        let year = |load: Load| {
            (0..365 * 48).map(|n| load.energy(Time::from_seconds(1_767_225_600 + n * 1800)).import).sum::<u32>()
        };
        assert!((2_600_000..3_200_000).contains(&year(Load::ELECTRICITY)), "{}", year(Load::ELECTRICITY));
        assert!((900_000..1_200_000).contains(&year(Load::GAS)), "{}", year(Load::GAS));
        assert_eq!(year(Load::ELECTRICITY), year(Load::ELECTRICITY));
    }
}
