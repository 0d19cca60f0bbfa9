//! The battery of a gas meter: what each thing it is made to do costs, so that abuse can be priced. Orders of magnitude of a small
//! microcontroller and an 802.15.4 radio; a real meter's maker would measure.
use minicbor::{Decode, Encode};

/// Costs in nanoampere hours.
mod cost {
    /// Asleep, for an hour.
    pub const ASLEEP: u64 = 6_000;
    /// A wake: oscillator, receiver on until the mirror answers.
    pub const WAKE: u64 = 9_000;
    /// A frame sent or received.
    pub const FRAME: u64 = 60;
    /// An ECDSA signature checked, or a secret agreed.
    pub const VERIFY: u64 = 900;
    /// An ECDSA signature made.
    pub const SIGN: u64 = 500;
}

/// Of a lithium cell that is to last ten years and more.
const CAPACITY: u64 = 16_000_000_000;
/// What a day costs a meter that wakes every half hour for one Command a day.
const DAY: u64 = 24 * cost::ASLEEP + 48 * (cost::WAKE + 8 * cost::FRAME) + cost::VERIFY + cost::SIGN;

/// What was drawn from the battery, by what it was for; in nanoampere hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Battery {
    #[n(0)]
    asleep: u64,
    #[n(1)]
    wakes: u64,
    #[n(2)]
    frames: u64,
    #[n(3)]
    cryptography: u64,
}

impl Battery {
    pub(crate) fn half_hour(&mut self) {
        self.asleep += cost::ASLEEP / 2;
    }

    pub(crate) fn wake(&mut self) {
        self.wakes += cost::WAKE;
    }

    pub(crate) fn frame(&mut self) {
        self.frames += cost::FRAME;
    }

    pub(crate) fn verify(&mut self) {
        self.cryptography += cost::VERIFY;
    }

    pub(crate) fn sign(&mut self) {
        self.cryptography += cost::SIGN;
    }

    /// Drawn in all, microampere hours.
    pub const fn used(&self) -> u64 {
        (self.asleep + self.wakes + self.frames + self.cryptography) / 1000
    }

    /// Drawn for the radio (wakes and frames), microampere hours.
    pub const fn radio(&self) -> u64 {
        (self.wakes + self.frames) / 1000
    }

    /// Drawn for checking and making signatures, microampere hours.
    pub const fn cryptography(&self) -> u64 {
        self.cryptography / 1000
    }

    /// Days that are left, at what an ordinary day costs.
    pub const fn days_left(&self) -> u16 {
        let days = CAPACITY.saturating_sub(self.used() * 1000) / DAY;
        if days > u16::MAX as u64 { u16::MAX } else { days as u16 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_cell_lasts_more_than_ten_years_and_a_flood_shortens_it() {
        let mut battery = Battery::default();
        assert!(battery.days_left() > 3_653, "{}", battery.days_left());
        let before = battery.days_left();
        (0..1_000_000).for_each(|_| battery.verify());
        assert_eq!(battery.cryptography(), 900_000);
        assert!(battery.days_left() + 1_000 < before);
    }
}
