//! Voltage: what the grid gives on virtual time, and how a meter watches it: averages of a period, and how long it was beyond a limit.
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// Phases of a meter at most.
pub(crate) const PHASES: usize = 3;

/// What the grid gives: the same second of the same phase always the same voltage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Volts at night, when little is drawn.
    pub nominal: u16,
    /// Volts less in the evening.
    pub swing: u8,
    /// How far a minute may be off, volts.
    pub spread: u8,
    /// Of ten thousand half hours of a phase, those in which the voltage leaves its band for seconds or minutes.
    pub excursions: u16,
    /// Other seeds are other streets.
    pub seed: u64,
}

impl Grid {
    /// A British street: 244 volts at night, 236 in the evening, an excursion every ten days.
    pub const BRITISH: Self = Self { nominal: 244, swing: 8, spread: 2, excursions: 20, seed: 1 };
    /// 230 volts, always.
    pub(crate) const STEADY: Self = Self { nominal: 230, swing: 0, spread: 0, excursions: 0, seed: 0 };

    /// The voltage of a phase (from 0) at a second since 2000, and the second until which it stays the same at least.
    fn at(&self, phase: usize, second: u32) -> (u16, u32) {
        if *self == Self::STEADY {
            return (self.nominal, u32::MAX);
        }
        let minute_ends = (second / 60 + 1).saturating_mul(60);
        let (begin, from, to, volts) = self.excursion(phase, second / 1800);
        let (from, to) = (begin.saturating_add(from), begin.saturating_add(to));
        if (from..to).contains(&second) {
            return (volts, to);
        }
        let until = if second < from { minute_ends.min(from) } else { minute_ends };
        (self.quiet(phase, second / 60), until)
    }

    /// Without excursions: low where a household draws most, between 16 and 22 hours.
    fn quiet(&self, phase: usize, minute: u32) -> u16 {
        let of_day = minute % 1440;
        let load = 360 - of_day.abs_diff(19 * 60).min(360);
        let swing = u32::from(self.swing) * load / 360;
        let span = 2 * u64::from(self.spread) + 1;
        let noise = self.draw(phase, minute, 0) % span;
        (u32::from(self.nominal) + noise as u32).saturating_sub(swing + u32::from(self.spread)) as u16
    }

    /// The excursion of a half hour: when the half hour begins, seconds from then on, and volts; an empty one in most.
    fn excursion(&self, phase: usize, half_hour: u32) -> (u32, u32, u32, u16) {
        let begin = half_hour.saturating_mul(1800);
        let draw = self.draw(phase, half_hour, 1);
        if draw % 10_000 >= u64::from(self.excursions) {
            return (begin, 0, 0, 0);
        }
        let from = (draw >> 16) as u32 % 1500;
        let to = from + 5 + (draw >> 32) as u32 % 290;
        // A sag, a swell, a collapse, a lost neutral.
        let volts = [205, 260, 150, 290][(draw >> 48) as usize % 4];
        (begin, from, to, volts)
    }

    /// Some hash of seed, phase and number.
    fn draw(&self, phase: usize, number: u32, what: u64) -> u64 {
        let mut x =
            self.seed ^ (u64::from(number) << 8 | (phase as u64) << 2 | what).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
}

/// What the network operator has a meter watch. A threshold of zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// By phase.
    pub averages: [Averages; PHASES],
    /// In the order of [`LIMITS`].
    pub limits: [Limit; 4],
}

/// Averages of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Averages {
    /// Seconds.
    pub period: u32,
    pub over: u32,
    pub under: u32,
}

/// Volts that must not be passed for longer than some seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub volts: u32,
    pub seconds: u32,
}

/// An event when a threshold is passed, and when the voltage is back: of a meter with one phase; those of phases 1 to 3 follow.
type Codes = (u16, u16);
const AVERAGE_OVER: Codes = (0x8002, 0x8085);
const AVERAGE_UNDER: Codes = (0x8006, 0x8089);
/// Extreme over and under, sag, swell: whether it is an upper limit, and its events.
const LIMITS: [(bool, Codes); 4] =
    [(true, (0x8020, 0x8095)), (false, (0x8028, 0x808D)), (false, (0x802C, 0x8091)), (true, (0x8024, 0x8099))];

/// Something of the voltage that is an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    /// Seconds since 2000.
    pub at: u32,
    pub code: u16,
    pub volts: u16,
}

/// What came of some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    pub occurrences: Vec<Occurrence>,
    /// Ends of periods, and the average of each.
    pub averages: Vec<(u32, u32)>,
}

/// What a meter remembers of the voltage of a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Phase {
    /// Volts times seconds of the period under way, and its seconds.
    #[n(0)]
    sum: u64,
    #[n(1)]
    seconds: u32,
    /// Whether the last average was over and under its threshold.
    #[n(2)]
    over: bool,
    #[n(3)]
    under: bool,
    /// How many averages were.
    #[n(4)]
    pub over_count: u32,
    #[n(5)]
    pub under_count: u32,
    /// Of each limit: whether the voltage counts as beyond it, and since when it has been otherwise, 0 where it is not.
    #[n(6)]
    beyond: [bool; 4],
    #[n(7)]
    since: [u32; 4],
}

impl Phase {
    /// Live from `begin` to `end`, seconds since 2000. `number` counts phases from 1 on a polyphase meter and is 0 on others.
    pub fn watch(&mut self, grid: &Grid, settings: &Settings, number: u16, begin: u32, end: u32) -> Watched {
        let mut watched = Watched::default();
        let index = usize::from(number.saturating_sub(1));
        let averages = settings.averages[index];
        let period = averages.period.max(1);
        let mut at = begin;
        while at < end {
            let (volts, same) = grid.at(index, at);
            let period_ends = (at / period).saturating_add(1).saturating_mul(period);
            let until = same.min(period_ends).min(end);
            self.limits(settings, number, volts, at, until, &mut watched);
            self.sum += u64::from(volts) * u64::from(until - at);
            self.seconds = self.seconds.saturating_add(until - at);
            at = until;
            if at == period_ends {
                self.average(&averages, number, at, &mut watched);
            }
        }
        watched
    }

    fn average(&mut self, settings: &Averages, number: u16, at: u32, watched: &mut Watched) {
        let average = (core::mem::take(&mut self.sum) / u64::from(core::mem::take(&mut self.seconds).max(1))) as u16;
        watched.averages.push((at, average.into()));
        let over = settings.over != 0 && u32::from(average) > settings.over;
        let under = u32::from(average) < settings.under;
        self.over_count = self.over_count.saturating_add(over.into());
        self.under_count = self.under_count.saturating_add(under.into());
        for (was, is, codes) in [(&mut self.over, over, AVERAGE_OVER), (&mut self.under, under, AVERAGE_UNDER)] {
            if core::mem::replace(was, is) != is {
                let code = if is { codes.0 } else { codes.1 } + number;
                watched.occurrences.push(Occurrence { at, code, volts: average });
            }
        }
    }

    /// The voltage was the same from `at` until `until`.
    fn limits(&mut self, settings: &Settings, number: u16, volts: u16, at: u32, until: u32, watched: &mut Watched) {
        for (n, (limit, (upper, codes))) in settings.limits.iter().zip(LIMITS).enumerate() {
            let passed = if upper { u32::from(volts) > limit.volts } else { u32::from(volts) < limit.volts };
            let passed = passed && limit.volts != 0;
            if passed == self.beyond[n] {
                self.since[n] = 0;
                continue;
            }
            if self.since[n] == 0 {
                self.since[n] = at;
            }
            let due = self.since[n].saturating_add(limit.seconds);
            if due <= until {
                (self.beyond[n], self.since[n]) = (passed, 0);
                let code = if passed { codes.0 } else { codes.1 } + number;
                watched.occurrences.push(Occurrence { at: due.max(at), code, volts });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u32 = 86_400;

    fn limit(n: usize, volts: u32, seconds: u32) -> Settings {
        let averages = [Averages { period: 1800, over: 0, under: 0 }; PHASES];
        let mut settings = Settings { averages, ..Settings::default() };
        settings.limits[n] = Limit { volts, seconds };
        settings
    }

    #[test]
    fn a_street_is_always_the_same_and_another_seed_is_another() {
        let year = |grid: Grid| (0..365 * 48).map(|n| grid.excursion(0, n)).filter(|e| e.1 < e.2).count();
        assert!((20..60).contains(&year(Grid::BRITISH)), "{}", year(Grid::BRITISH));
        let other = Grid { seed: 2, ..Grid::BRITISH };
        assert_ne!(Grid::BRITISH.draw(0, 7, 0), other.draw(0, 7, 0));
        let evening = |hour: u32| Grid::BRITISH.quiet(0, hour * 60);
        assert!((242..=246).contains(&evening(3)), "{}", evening(3));
        assert!((234..=238).contains(&evening(19)), "{}", evening(19));
    }

    #[test]
    fn what_a_street_gives_covers_every_second_once() {
        let (mut at, mut sum) = (0, 0);
        let grid = Grid { excursions: 10_000, ..Grid::BRITISH };
        while at < DAY {
            let (volts, until) = grid.at(1, at);
            assert!(until > at && until - at <= 300, "{at} to {until}");
            assert!((150..=290).contains(&volts));
            assert!((at..until).all(|second| grid.at(1, second).0 == volts));
            sum += until - at;
            at = until;
        }
        assert!(sum >= DAY);
    }

    #[test]
    fn a_sag_is_told_after_its_period_and_its_end_after_another_and_a_short_one_never() {
        let grid = Grid { excursions: 10_000, ..Grid::BRITISH };
        // A half hour of one excursion below, and how long it lasts.
        let (half_hour, from, to) = (1..)
            .map(|n| (n, grid.excursion(0, n)))
            .find_map(|(n, (_, from, to, volts))| (volts == 205 && to - from > 20).then_some((n, from, to)))
            .unwrap();
        let begin = half_hour * 1800;
        let watch =
            |seconds| Phase::default().watch(&grid, &limit(2, 216, seconds), 0, begin, begin + 1800).occurrences;
        let at = |at, code, volts| Occurrence { at: begin + at, code, volts };
        let told = watch(10);
        assert_eq!(told[0], at(from + 10, 0x802C, 205));
        assert_eq!((told[1].at, told[1].code, told.len()), (begin + to + 10, 0x8091, 2));
        assert_eq!(watch(to - from + 1), []);
        // Cut anywhere, the same is told.
        for cut in [from, from + 3, from + 10, to, to + 9] {
            let mut phase = Phase::default();
            let mut both = phase.watch(&grid, &limit(2, 216, 10), 0, begin, begin + cut).occurrences;
            both.extend(phase.watch(&grid, &limit(2, 216, 10), 0, begin + cut, begin + 1800).occurrences);
            assert_eq!(both, told, "cut at {cut}");
        }
    }

    #[test]
    fn averages_end_with_their_periods_and_are_counted_while_events_tell_only_changes() {
        let mut settings = limit(0, 0, 0);
        settings.averages[1] = Averages { period: 3600, over: 240, under: 238 };
        let quiet = Grid { excursions: 0, ..Grid::BRITISH };
        let mut phase = Phase::default();
        let watched = phase.watch(&quiet, &settings, 2, 0, DAY);
        assert_eq!(watched.averages.len(), 24);
        assert!(watched.averages.iter().all(|(at, volts)| at % 3600 == 0 && (234..=246).contains(volts)));
        let over = watched.averages.iter().filter(|(_, volts)| *volts > 240).count();
        assert_eq!((phase.over_count, phase.under_count > 0), (over as u32, true));
        let codes: Vec<u16> = watched.occurrences.iter().map(|o| o.code).collect();
        // Over at night, under in the evening, over again at night: of phase 2.
        assert_eq!(codes, [0x8004, 0x8087, 0x8008, 0x808B, 0x8004]);
    }

    #[test]
    fn a_steady_grid_and_thresholds_of_zero_tell_nothing() {
        let watched = Phase::default().watch(&Grid::STEADY, &limit(0, 0, 0), 0, 0, DAY);
        assert_eq!((watched.occurrences.len(), watched.averages.len()), (0, 48));
        let longest = Settings {
            averages: [Averages { period: u32::MAX, ..Averages::default() }; PHASES],
            ..limit(1, 229, u32::MAX)
        };
        let watched = Phase::default().watch(&Grid::STEADY, &longest, 0, u32::MAX - 10, u32::MAX);
        assert_eq!(watched.occurrences, []);
    }
}
