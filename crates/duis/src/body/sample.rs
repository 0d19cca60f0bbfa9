//! Samples of the bodies and parts that are written by hand.
use super::alerts::{AlertSet, Alerts, OperatorPhases};
use super::auxiliary::ControllerState;
use super::calendar::{DateNames, DayOfMonth, WildDate};
use super::customer::Telephone;
use super::dcc::{DeviceIds, FirmwareImage, NotAfter};
use super::han::Channels;
use super::settings::AverageVoltages;
use super::{Body, DebtRecovery, ReadLog, Utrn};
use crate::catalogue::{self, BodyShape, Entry};
use crate::xml::sample::{Draw, Sample};

impl Body {
    /// A body of the service of `entry`.
    pub fn sample(entry: &'static Entry, draw: &mut Draw) -> Self {
        let mut execution = crate::Execution::Immediate;
        if matches!(entry.shape, BodyShape::Dated | BodyShape::Log | BodyShape::LogWithCredentials) {
            execution = Sample::sample(draw);
        }
        match entry.shape {
            BodyShape::Empty | BodyShape::Dated => Self::Plain { element: entry.body, execution },
            BodyShape::Log | BodyShape::LogOnDemand | BodyShape::LogWithCredentials => Self::ReadLog(ReadLog {
                element: entry.body,
                execution,
                period: Sample::sample(draw),
                credentials: match entry.shape {
                    BodyShape::LogWithCredentials => Sample::sample(draw),
                    _ => None,
                },
            }),
            BodyShape::Typed => Self::sample_typed(entry.body, draw).expect("every typed element has a type"),
        }
    }

    /// A body of any service.
    pub fn sample_any(draw: &mut Draw) -> Self {
        let entries = catalogue::entries();
        match draw.number() % (entries.len() as u64 + 1) {
            0 => Self::SignedPreCommand(Sample::sample(draw)),
            n => Self::sample(&entries[n as usize - 1], draw),
        }
    }
}

impl Sample for Utrn {
    fn sample(draw: &mut Draw) -> Self {
        let digits: String = (0..20).map(|_| char::from(b'0' + (draw.number() % 10) as u8)).collect();
        Self::new(&digits).expect("20 digits")
    }
}

impl Sample for Telephone {
    fn sample(draw: &mut Draw) -> Self {
        let digit = |draw: &mut Draw| char::from(b" 0123456789"[(draw.number() % 11) as usize]);
        Self::new((0..draw.within(1, 18)).map(|_| digit(draw)).collect::<String>()).expect("digits and spaces")
    }
}

impl<N: DateNames> Sample for WildDate<N> {
    fn sample(draw: &mut Draw) -> Self {
        let kinds = if N::LAST_DAYS { 4 } else { 2 };
        let day = match draw.number() % kinds {
            0 => DayOfMonth::The(draw.within(1, 31) as u8),
            1 => DayOfMonth::Any,
            2 => DayOfMonth::Last,
            _ => DayOfMonth::SecondLast,
        };
        let mut part = |least, most| bool::sample(draw).then(|| draw.within(least, most));
        let (year, month, weekday) = (part(2014, 9999), part(1, 12), part(1, 7));
        Self::new(year.map(|n| n as u16), month.map(|n| n as u8), day, weekday.map(|n| n as u8)).expect("in range")
    }
}

impl<S: AlertSet, T: Sample> Sample for Alerts<S, T> {
    fn sample(draw: &mut Draw) -> Self {
        let some: Vec<_> = S::CODES.iter().filter(|_| draw.number().is_multiple_of(3)).copied().collect();
        Self::new(some.into_iter().map(|code| (code, T::sample(draw)))).expect("codes of the set")
    }
}

impl Sample for OperatorPhases {
    fn sample(draw: &mut Draw) -> Self {
        match draw.number() % 3 {
            0 => Self::None,
            1 => Self::Single(Sample::sample(draw)),
            _ => Self::Poly(Sample::sample(draw)),
        }
    }
}

impl Sample for DebtRecovery {
    fn sample(draw: &mut Draw) -> Self {
        match bool::sample(draw) {
            true => Self::Electricity([Sample::sample(draw), Sample::sample(draw)]),
            false => Self::Gas([Sample::sample(draw), Sample::sample(draw)]),
        }
    }
}

impl Sample for AverageVoltages {
    fn sample(draw: &mut Draw) -> Self {
        match bool::sample(draw) {
            true => Self::Single(Sample::sample(draw)),
            false => Self::Poly(Sample::sample(draw)),
        }
    }
}

impl Sample for ControllerState {
    fn sample(draw: &mut Draw) -> Self {
        Self { controller: Sample::sample(draw), state: Sample::sample(draw) }
    }
}

impl<const FIRST: u8, const LAST: u8> Sample for Channels<FIRST, LAST> {
    fn sample(draw: &mut Draw) -> Self {
        let bits = draw.number();
        Self::new((FIRST..=LAST).filter(|channel| bits & 1 << (channel - FIRST) != 0)).expect("channels of the page")
    }
}

impl<const MOST: u16> Sample for NotAfter<MOST> {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(draw.within(0, MOST.into()) as u16).expect("in range")
    }
}

impl Sample for FirmwareImage {
    fn sample(draw: &mut Draw) -> Self {
        Self::new(Vec::sample(draw)).expect("a short image")
    }
}

impl Sample for DeviceIds {
    fn sample(draw: &mut Draw) -> Self {
        Self::new((0..draw.within(1, 4)).map(|_| Sample::sample(draw)).collect::<Vec<_>>()).expect("a few devices")
    }
}
