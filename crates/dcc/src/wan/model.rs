//! The WAN as a pure model: who is reached when, and what becomes of a message that is handed to it.
use super::chance::{Chance, Spread};
use super::climate::{Climate, WanConfig, WanState};
use super::weather::Weather;
use gbcs::{Eui64, Time};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the DCC to the hub.
    Down,
    /// From the hub to the DCC.
    Up,
}

/// What has a climate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The whole WAN.
    Everywhere,
    /// A region of the configuration.
    Region(String),
    /// A hub.
    Hub(Eui64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("everywhere"),
            Self::Region(name) => f.write_str(name),
            Self::Hub(hub) => hub.fmt(f),
        }
    }
}

/// What becomes of a transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives then, unless the hub is cut off before.
    Arrives(Time),
    /// It is lost; whoever sent it notices then.
    Lost(Time),
}

/// A hub's way to the DCC and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whether messages pass.
    pub up: bool,
    /// When that is to be asked again; never, unless somebody changes it.
    pub until: Option<Time>,
}

/// The WAN. Everything it does follows from its configuration, its start, and what it is asked in which order.
#[derive(Debug)]
pub struct Model {
    config: WanConfig,
    since: Time,
    /// When a hub was given a climate of its own while the WAN ran.
    set: HashMap<Eui64, Time>,
    weather: HashMap<Place, Weather>,
    lines: HashMap<(Eui64, Direction), Line>,
}

/// One direction of a hub's way: one message at a time, in order.
#[derive(Debug)]
struct Line {
    chance: Chance,
    /// The end of the last transmission.
    free: Time,
    /// When the last message arrived.
    last: Time,
}

/// Flaky weather that nobody described: three quarters of each minute it is away.
const BETWEEN: Spread = Spread::Fixed(Duration::from_secs(15));
const OUTAGE: Spread = Spread::Fixed(Duration::from_secs(45));

impl Model {
    /// A WAN whose weather begins at `since`.
    pub fn new(config: WanConfig, since: Time) -> Self {
        Self { config, since, set: HashMap::new(), weather: HashMap::new(), lines: HashMap::new() }
    }

    /// What it is like.
    pub fn config(&self) -> &WanConfig {
        &self.config
    }

    /// The climate that is a place's own.
    pub fn climate(&self, place: &Place) -> Option<&Climate> {
        match place {
            Place::Everywhere => Some(&self.config.everywhere),
            Place::Region(name) => self.config.regions.get(name),
            Place::Hub(hub) => self.config.hubs.get(hub),
        }
    }

    /// From `now` on a place is like that: its weather begins anew, and with that of a region or of everywhere all weather, since
    /// others take what they do not say from there.
    pub fn set(&mut self, place: Place, climate: Climate, now: Time) {
        match place {
            Place::Hub(hub) => {
                self.config.hubs.insert(hub, climate);
                self.set.insert(hub, now);
                self.weather.remove(&Place::Hub(hub));
                return;
            }
            Place::Region(name) => drop(self.config.regions.insert(name, climate)),
            Place::Everywhere => self.config.everywhere = climate,
        }
        self.since = now;
        self.set.clear();
        self.weather.clear();
    }

    /// The share of time that a place itself is up, its wider places aside.
    pub fn availability(&self, place: &Place) -> f64 {
        match self.climate(place).and_then(|climate| climate.state).unwrap_or(WanState::Up) {
            WanState::Up => 1.0,
            WanState::Down => 0.0,
            WanState::Flaky => {
                let between = self.resolve(place, |climate| climate.between).unwrap_or(BETWEEN);
                let outage = self.resolve(place, |climate| climate.outage).unwrap_or(OUTAGE);
                let [up, down] = [between, outage].map(|spread| spread.mean().as_secs_f64());
                if up + down > 0.0 { up / (up + down) } else { 1.0 }
            }
        }
    }

    /// Whether a place itself is up, its wider places aside.
    pub fn at(&mut self, place: &Place, now: Time) -> Reach {
        let state = self.climate(place).and_then(|climate| climate.state).unwrap_or(WanState::Up);
        let (between, outage) = (
            self.resolve(place, |climate| climate.between).unwrap_or(BETWEEN),
            self.resolve(place, |climate| climate.outage).unwrap_or(OUTAGE),
        );
        let set = match place {
            Place::Hub(hub) => self.set.get(hub).copied(),
            Place::Region(_) | Place::Everywhere => None,
        };
        let (seed, since) = (self.config.seed, set.unwrap_or(self.since));
        let weather = self.weather.entry(place.clone()).or_insert_with(|| {
            Weather::new(state, between, outage, Chance::new(seed, &format!("weather {place}")), since)
        });
        let (up, until) = weather.at(now);
        Reach { up, until }
    }

    /// Whether a hub is reached: while it, its region and everywhere are up.
    pub fn reach(&mut self, hub: Eui64, now: Time) -> Reach {
        let region = self.config.hubs.get(&hub).and_then(|own| own.region.clone()).map(Place::Region);
        let places = [Some(Place::Everywhere), region, Some(Place::Hub(hub))];
        let reaches = places.into_iter().flatten().map(|place| self.at(&place, now)).collect::<Vec<_>>();
        let until = reaches.iter().filter_map(|reach| reach.until).min();
        Reach { up: reaches.iter().all(|reach| reach.up), until }
    }

    /// Hand a message of so many octets to the WAN, of a hub that is reached. Messages of one direction follow each other: the next
    /// is sent when the last has left, and none overtakes another.
    pub fn carry(&mut self, hub: Eui64, direction: Direction, octets: usize, now: Time) -> Fate {
        let place = Place::Hub(hub);
        let latency = |climate: &Climate| match direction {
            Direction::Down => climate.latency_down,
            Direction::Up => climate.latency_up,
        };
        let latency = self.resolve(&place, latency).unwrap_or(Spread::NONE);
        let bandwidth = self.resolve(&place, |climate| climate.bandwidth);
        let loss = self.resolve(&place, |climate| climate.loss).unwrap_or(0.0);
        let seed = self.config.seed;
        let line = self.lines.entry((hub, direction)).or_insert_with(|| Line {
            chance: Chance::new(seed, &format!("{direction:?} {hub}")),
            free: now,
            last: now,
        });
        let takes = match bandwidth {
            Some(rate) => Duration::from_millis((octets as u64 * 1000).div_ceil(u64::from(rate.get()))),
            None => Duration::ZERO,
        };
        line.free = line.free.max(now) + takes;
        let arrival = line.free + latency.draw(&mut line.chance);
        if line.chance.happens(loss) {
            return Fate::Lost(arrival);
        }
        line.last = line.last.max(arrival);
        Fate::Arrives(line.last)
    }

    /// What a place says, or the wider places about it.
    fn resolve<T>(&self, place: &Place, said: impl Fn(&Climate) -> Option<T>) -> Option<T> {
        let own = self.climate(place);
        let region = match place {
            Place::Hub(_) => own.and_then(|own| own.region.as_ref()).and_then(|name| self.config.regions.get(name)),
            Place::Everywhere | Place::Region(_) => None,
        };
        own.and_then(&said).or_else(|| region.and_then(&said)).or_else(|| said(&self.config.everywhere))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    const START: Time = Time(1_790_000_000_000);
    const HUB: Eui64 = Eui64::from_u64(1);
    const OTHER: Eui64 = Eui64::from_u64(2);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn like(everywhere: Climate) -> Model {
        Model::new(WanConfig { seed: 7, everywhere, ..WanConfig::default() }, START)
    }

    fn arrival(fate: Fate) -> Time {
        match fate {
            Fate::Arrives(at) => at,
            Fate::Lost(at) => panic!("lost at {at}"),
        }
    }

    #[test]
    fn latencies_have_the_quantiles_that_are_configured() {
        let spread = |median, sigma| Some(Spread::LogNormal { median: ms(median), sigma });
        let mut wan =
            like(Climate { latency_down: spread(1500, 0.5), latency_up: spread(600, 0.3), ..Climate::default() });
        for (direction, median, q95) in [(Direction::Down, 1500.0, 3414.0), (Direction::Up, 600.0, 983.0)] {
            // One message an hour: none waits for another.
            let mut took: Vec<_> = (0..20_000)
                .map(|hour| START + Duration::from_secs(3600 * hour))
                .map(|now| arrival(wan.carry(HUB, direction, 100, now)).since(now).as_millis() as f64)
                .collect();
            took.sort_by(f64::total_cmp);
            let near = |index: usize, expected: f64| (took[index] / expected - 1.0).abs() < 0.03;
            assert!(near(10_000, median) && near(19_000, q95), "{direction:?}: {} {}", took[10_000], took[19_000]);
        }
    }

    #[test]
    fn a_hub_s_messages_share_its_bandwidth_and_do_not_overtake_each_other() {
        let bandwidth = NonZeroU32::new(1000);
        let mut wan = like(Climate { bandwidth, ..Climate::default() });
        let send = |wan: &mut Model, hub| arrival(wan.carry(hub, Direction::Down, 500, START)).since(START);
        assert_eq!([0; 3].map(|_| send(&mut wan, HUB)), [500, 1000, 1500].map(ms));
        assert_eq!(send(&mut wan, OTHER), ms(500), "each hub has a line of its own");
        assert_eq!(arrival(wan.carry(HUB, Direction::Up, 100, START)).since(START), ms(100), "and each direction");

        let latency_down = Some(Spread::LogNormal { median: ms(1000), sigma: 1.0 });
        let mut wan = like(Climate { latency_down, ..Climate::default() });
        let arrivals: Vec<_> = (0..1000).map(|_| arrival(wan.carry(HUB, Direction::Down, 1, START))).collect();
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn the_share_that_is_configured_is_lost() {
        let mut wan = like(Climate { loss: Some(0.2), ..Climate::default() });
        let lost = (0..20_000).filter(|_| matches!(wan.carry(HUB, Direction::Up, 1, START), Fate::Lost(_))).count();
        assert!((3800..4200).contains(&lost), "{lost}");
    }

    #[test]
    fn a_region_s_outage_strikes_its_hubs_together_and_no_others() {
        let mut config = WanConfig::from(WanState::Up);
        let flaky = Climate {
            state: Some(WanState::Flaky),
            between: Some(Spread::Exponential { mean: ms(600_000) }),
            outage: Some(Spread::Exponential { mean: ms(300_000) }),
            ..Climate::default()
        };
        config.regions.insert("North".into(), flaky);
        for hub in [HUB, OTHER] {
            config.hubs.insert(hub, Climate { region: Some("North".into()), ..Climate::default() });
        }
        let mut wan = Model::new(config, START);
        let mut seen = [0; 2];
        for minute in 0..10_000 {
            let now = START + ms(minute * 60_000);
            let reach = wan.reach(HUB, now);
            assert_eq!(wan.reach(OTHER, now), reach);
            assert!(wan.reach(Eui64::from_u64(3), now).up, "in no region");
            seen[usize::from(reach.up)] += 1;
        }
        assert!((0.61..0.72).contains(&(f64::from(seen[1]) / 10_000.0)), "{seen:?}");
    }

    #[test]
    fn what_a_hub_does_not_say_is_taken_from_its_region_and_everywhere() {
        let fixed = |time| Some(Spread::Fixed(ms(time)));
        let everywhere = Climate { latency_down: fixed(1), latency_up: fixed(2), ..Climate::default() };
        let mut config = WanConfig { everywhere, ..WanConfig::default() };
        config.regions.insert("South".into(), Climate { latency_up: fixed(20), ..Climate::default() });
        config.hubs.insert(HUB, Climate { region: Some("South".into()), ..Climate::default() });
        let mut wan = Model::new(config, START);
        let mut takes = |hub, direction| arrival(wan.carry(hub, direction, 1, START)).since(START);
        assert_eq!((takes(HUB, Direction::Down), takes(HUB, Direction::Up)), (ms(1), ms(20)));
        assert_eq!(takes(OTHER, Direction::Up), ms(2));
    }

    #[test]
    fn what_is_set_holds_from_then_on() {
        let mut wan = like(WanState::Down.into());
        assert_eq!(wan.reach(HUB, START), Reach { up: false, until: None });
        wan.set(Place::Everywhere, WanState::Up.into(), START);
        wan.set(Place::Hub(HUB), WanState::Flaky.into(), START + ms(1000));
        assert_eq!(wan.reach(HUB, START + ms(1000)), Reach { up: false, until: Some(START + ms(46_000)) });
        assert_eq!(wan.reach(HUB, START + ms(46_000)), Reach { up: true, until: Some(START + ms(61_000)) });
        assert!(wan.reach(OTHER, START + ms(1000)).up);
    }
}
