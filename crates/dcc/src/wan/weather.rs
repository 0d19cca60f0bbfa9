//! The weather of one place: when its WAN is there and when it is away, from a seed.
use super::chance::{Chance, Spread};
use super::climate::WanState;
use gbcs::Time;
use std::time::Duration;

/// Shorter periods are drawn as this long: a spread of nothing but zeros would never let time pass.
const SHORTEST: Duration = Duration::from_millis(1);

/// Up and away in turns. What it is at a time follows from the seed and the start alone, whenever and how often it is asked.
#[derive(Clone, Debug)]
pub struct Weather {
    chance: Chance,
    kind: Kind,
    up: bool,
    /// The end of the period; of flaky weather only.
    until: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Settled,
    Flaky { between: Spread, outage: Spread },
}

impl Weather {
    /// Weather that is settled, or comes and goes from `since` on, beginning with an outage.
    pub fn new(state: WanState, between: Spread, outage: Spread, mut chance: Chance, since: Time) -> Self {
        match state {
            WanState::Up | WanState::Down => {
                Self { chance, kind: Kind::Settled, up: state == WanState::Up, until: None }
            }
            WanState::Flaky => {
                let until = since + outage.draw(&mut chance).max(SHORTEST);
                Self { chance, kind: Kind::Flaky { between, outage }, up: false, until: Some(until) }
            }
        }
    }

    /// Whether the WAN is there, and until when that holds. Time does not go backwards here: an earlier `now` hears of the present.
    pub fn at(&mut self, now: Time) -> (bool, Option<Time>) {
        if let Kind::Flaky { between, outage } = self.kind {
            while let Some(until) = self.until.filter(|until| *until <= now) {
                self.up = !self.up;
                let period = if self.up { between } else { outage };
                self.until = Some(until + period.draw(&mut self.chance).max(SHORTEST));
            }
        }
        (self.up, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time(1_790_000_000_000);
    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    fn flaky(seed: u64, between: Spread, outage: Spread) -> Weather {
        Weather::new(WanState::Flaky, between, outage, Chance::new(seed, "hub"), START)
    }

    /// The share of a year that it is there, and the number of outages.
    fn year(mut weather: Weather) -> (f64, u32) {
        let (mut at, end) = (START, START + YEAR);
        let (mut up, mut outages) = (Duration::ZERO, 0);
        while at < end {
            let (is_up, until) = weather.at(at);
            let until = until.unwrap().min(end);
            if is_up {
                up += until.since(at)
            } else {
                outages += 1
            }
            at = until;
        }
        (up.as_secs_f64() / YEAR.as_secs_f64(), outages)
    }

    #[test]
    fn over_a_year_it_is_there_for_the_share_that_its_spreads_say() {
        let hours = |h: u64| Duration::from_secs(h * 3600);
        let between = Spread::Exponential { mean: hours(40) };
        // Repairs of an hour at the median, of a long tail: a mean of an hour and a half.
        let outage = Spread::LogNormal { median: hours(1), sigma: 0.9 };
        let expected = 40.0 / (40.0 + outage.mean().as_secs_f64() / 3600.0);
        for seed in 0..20 {
            let (availability, outages) = year(flaky(seed, between, outage));
            // About 211 outages: the unavailability of 3.6 % has a standard error of 0.35 %; four of them.
            assert!((availability - expected).abs() < 0.014, "seed {seed}: {availability}, expected {expected}");
            assert!((150..=275).contains(&outages), "seed {seed}: {outages} outages");
        }
    }

    #[test]
    fn the_same_seed_brings_the_same_weather_however_often_it_is_asked() {
        let weather =
            || flaky(7, Spread::Exponential { mean: Duration::from_secs(600) }, Spread::Fixed(Duration::from_secs(60)));
        let (mut often, mut seldom) = (weather(), weather());
        for minute in 0..10_000 {
            let now = START + Duration::from_secs(minute * 60);
            let seen = often.at(now);
            if minute % 97 == 0 {
                assert_eq!(seldom.at(now), seen, "minute {minute}");
            }
        }
        let other = flaky(8, Spread::Exponential { mean: Duration::from_secs(600) }, Spread::NONE).at(START + YEAR);
        assert_ne!(often.at(START + YEAR), other);
    }

    #[test]
    fn settled_weather_stays_and_spreads_of_zero_let_time_pass() {
        let mut up = Weather::new(WanState::Up, Spread::NONE, Spread::NONE, Chance::new(1, ""), START);
        assert_eq!(up.at(START + YEAR), (true, None));
        let mut restless = flaky(1, Spread::NONE, Spread::NONE);
        let (_, until) = restless.at(START + Duration::from_secs(1));
        assert!(until > Some(START + Duration::from_secs(1)));
    }
}
