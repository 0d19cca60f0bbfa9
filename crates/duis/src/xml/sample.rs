//! One value of any body type for any number: what property tests and fuzzing start from.
use gbcs::{Counter, Eui64, Time};

use super::value::{Day, Decimal, Hex, Integer, Printable, TimeOfDay, Within, Words};
use super::{Flag, Index, List, Number, Numbered, Table};
use crate::{DeviceType, Execution, RequestId};

/// A row of numbers that its seed decides (SplitMix64).
pub struct Draw(u64);

impl Draw {
    /// The row of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number `least..=most`; now and then one of its ends.
    pub const fn within(&mut self, least: u64, most: u64) -> u64 {
        match self.number() % 8 {
            0 => least,
            1 => most,
            _ => match (most - least).checked_add(1) {
                Some(span) => least + self.number() % span,
                None => self.number(),
            },
        }
    }
}

/// A type of which values can be drawn.
pub trait Sample: Sized {
    /// A value.
    fn sample(draw: &mut Draw) -> Self;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Sample for $type {
            fn sample(draw: &mut Draw) -> Self {
                match draw.number() % 8 {
                    0 => Self::MIN,
                    1 => Self::MAX,
                    _ => draw.number() as Self,
                }
            }
        }
    )*};
}

integers!(i8, u16, i16, u32, i32);

impl Sample for () {
    fn sample(_: &mut Draw) {}
}

impl Sample for bool {
    fn sample(draw: &mut Draw) -> Self {
        draw.number() & 1 == 1
    }
}

impl Sample for Vec<u8> {
    fn sample(draw: &mut Draw) -> Self {
        (0..draw.within(1, 40)).map(|_| draw.number() as u8).collect()
    }
}

impl Sample for String {
    fn sample(draw: &mut Draw) -> Self {
        characters(draw, 0, 20)
    }
}

impl Sample for Eui64 {
    fn sample(draw: &mut Draw) -> Self {
        Self::from_u64(draw.number())
    }
}

impl Sample for RequestId {
    fn sample(draw: &mut Draw) -> Self {
        Self { originator: Sample::sample(draw), target: Sample::sample(draw), counter: Counter(draw.number()) }
    }
}

impl Sample for DeviceType {
    /// One of those the schema lists.
    fn sample(draw: &mut Draw) -> Self {
        let all = [Self::Esme, Self::Gsme, Self::Gpf, Self::Chf, Self::Hcalcs, Self::Ppmid, Self::Ihd, Self::Cad];
        all[(draw.number() % 8) as usize]
    }
}

impl Sample for Time {
    /// To the millisecond, from 1970 to 2999.
    fn sample(draw: &mut Draw) -> Self {
        Self(draw.within(0, 32_503_679_999_999))
    }
}

impl Sample for Execution {
    fn sample(draw: &mut Draw) -> Self {
        match draw.number() % 3 {
            0 => Self::Immediate,
            1 => Self::Cancel,
            _ => Self::At(Sample::sample(draw)),
        }
    }
}

impl Sample for TimeOfDay {
    fn sample(draw: &mut Draw) -> Self {
        let mut below = |n: u64| draw.within(0, n - 1) as u8;
        Self { hour: below(24), minute: below(60), second: below(60), hundredths: below(100) }
    }
}

impl Sample for Day {
    fn sample(draw: &mut Draw) -> Self {
        let year = if draw.number().is_multiple_of(4) { 65_535 } else { draw.within(1970, 9999) as u16 };
        Self::new(year, draw.within(1, 12) as u8, draw.within(1, 28) as u8).expect("a day every month has")
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(draw: &mut Draw) -> Self {
        bool::sample(draw).then(|| T::sample(draw))
    }
}

impl Sample for Flag {
    fn sample(draw: &mut Draw) -> Self {
        Self(Sample::sample(draw))
    }
}

impl<T: Sample, const LEAST: usize, const MOST: usize> Sample for List<T, LEAST, MOST> {
    fn sample(draw: &mut Draw) -> Self {
        let most = if MOST == usize::MAX { LEAST + 9 } else { MOST };
        let n = draw.within(LEAST as u64, most as u64);
        Self::new((0..n).map(|_| T::sample(draw)).collect::<Vec<_>>()).expect("as many as may be")
    }
}

impl<N: Number, T: Sample, const LEAST: usize> Sample for Table<N, T, LEAST> {
    fn sample(draw: &mut Draw) -> Self {
        let mut entries: Vec<_> = (1..=N::MOST).collect();
        let spare = entries.len() - LEAST;
        for _ in 0..draw.within(0, spare as u64) {
            entries.remove((draw.number() % entries.len() as u64) as usize);
        }
        Self::new(entries.into_iter().map(|n| (n, T::sample(draw)))).expect("as many as may be")
    }
}

impl<const MOST: u8> Sample for Index<MOST> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(draw.within(1, MOST.into()) as u8).expect("in range")
    }
}

impl<N: Sample, T: Sample> Sample for Numbered<N, T> {
    fn sample(draw: &mut Draw) -> Self {
        Self { number: Sample::sample(draw), content: Sample::sample(draw) }
    }
}

impl<const LEAST: u64, const MOST: u64> Sample for Within<LEAST, MOST> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(draw.within(LEAST, MOST)).expect("in range")
    }
}

impl<const DIGITS: u32> Sample for Integer<DIGITS> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(i128::from(draw.number() as i64) % 10i128.pow(DIGITS)).expect("few digits")
    }
}

impl<const PLACES: u32, const LEAST: u64, const MOST: u64> Sample for Decimal<PLACES, LEAST, MOST> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(draw.within(LEAST, MOST)).expect("in range")
    }
}

/// Characters that XML must escape are among them.
pub(crate) fn characters(draw: &mut Draw, least: usize, most: usize) -> String {
    (0..draw.within(least as u64, most as u64)).map(|_| char::from(draw.within(0x20, 0x7E) as u8)).collect()
}

impl<const LEAST: usize, const MOST: usize> Sample for Words<LEAST, MOST> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(characters(draw, LEAST, MOST)).expect("as long as may be")
    }
}

impl<const LEAST: usize, const MOST: usize> Sample for Printable<LEAST, MOST> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(characters(draw, LEAST, MOST)).expect("as long as may be")
    }
}

impl<const LEAST: usize, const MOST: usize> Sample for Hex<LEAST, MOST> {
    fn sample(draw: &mut Draw) -> Self {
        let n = draw.within(LEAST as u64, MOST as u64);
        Self::new((0..n).map(|_| draw.number() as u8).collect::<Vec<_>>()).expect("as many as may be")
    }
}
