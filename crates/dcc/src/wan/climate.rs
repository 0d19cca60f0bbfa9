//! What the WAN is like: everywhere, in a region, at one hub; and how long the DCC tries.
use super::chance::Spread;
use super::text;
use duis::Srv;
use gbcs::Eui64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// Whether the WAN of a place passes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WanState {
    /// Messages pass both ways.
    Up,
    /// No hub is reached.
    Down,
    /// It comes and goes, beginning with an outage.
    Flaky,
}

impl std::str::FromStr for WanState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "flaky" => Ok(Self::Flaky),
            _ => Err(UnknownState),
        }
    }
}

/// A word that names no state of the WAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not up, down or flaky")]
pub struct UnknownState;

/// What the WAN of one place is like. What is not said here is taken from the wider place: a hub's from its region's, a
/// region's from everywhere's. The state alone is a place's own: a hub is reached while it, its region and everywhere are up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Climate {
    /// The region a hub is in; of hubs alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Up unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<WanState>,
    /// The time between two outages while it is flaky.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<Spread>,
    /// How long an outage lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<Spread>,
    /// The way of a message to the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_down: Option<Spread>,
    /// The way of a message from the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_up: Option<Spread>,
    /// Octets a second and hub, each way; no limit unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<NonZeroU32>,
    /// The share of transmissions that are lost, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "share")]
    pub loss: Option<f64>,
}

impl From<WanState> for Climate {
    fn from(state: WanState) -> Self {
        Self { state: Some(state), ..Self::default() }
    }
}

/// The whole WAN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WanConfig {
    /// Chooses the weather.
    pub seed: u64,
    /// What holds where nothing else is said.
    pub everywhere: Climate,
    /// Regions, as `North`, by name.
    pub regions: BTreeMap<String, Climate>,
    /// Hubs that are in a region, or have something of their own.
    pub hubs: BTreeMap<Eui64, Climate>,
    /// How often and how long the DCC tries.
    pub retry: Retry,
}

impl From<WanState> for WanConfig {
    fn from(state: WanState) -> Self {
        Self { everywhere: state.into(), ..Self::default() }
    }
}

/// How the DCC sends a Command: again when a transmission was lost, until it loses patience.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Transmissions of one Command to a hub that is on the WAN, before the User is told E20.
    pub attempts: NonZeroU32,
    /// The wait after the first transmission that was lost; doubles with each.
    #[serde(with = "text")]
    pub first: Duration,
    /// The longest wait.
    #[serde(with = "text")]
    pub longest: Duration,
    /// How long a Command waits for its hub, or behind other Commands, before the User is told E20.
    #[serde(with = "text")]
    pub deliver: Duration,
    /// How long a Command that was delivered waits for its Response, before the User is told E21.
    #[serde(with = "text")]
    pub answer: Duration,
    /// Services that have patience of their own.
    #[serde(with = "services", skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<Srv, Patience>,
}

/// The patience of one service; what is not said is as with the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Patience {
    /// [`Retry::deliver`].
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub deliver: Option<Duration>,
    /// [`Retry::answer`].
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub answer: Option<Duration>,
}

impl Default for Retry {
    /// A day for each: the public texts give no figures (DUIS 12, point 1).
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self {
            attempts: NonZeroU32::new(5).expect("not zero"),
            first: Duration::from_secs(5),
            longest: Duration::from_secs(600),
            deliver: day,
            answer: day,
            services: BTreeMap::new(),
        }
    }
}

impl Retry {
    /// The wait after a number of transmissions that were lost, 1 and more.
    pub fn wait(&self, lost: u32) -> Duration {
        let doubled = 1u32.checked_shl(lost.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }

    /// How long a Command of this service waits to be delivered.
    pub fn deliver(&self, srv: Srv) -> Duration {
        self.of(srv).and_then(|own| own.deliver).unwrap_or(self.deliver)
    }

    /// How long it then waits for its Response.
    pub fn answer(&self, srv: Srv) -> Duration {
        self.of(srv).and_then(|own| own.answer).unwrap_or(self.answer)
    }

    fn of(&self, srv: Srv) -> Option<&Patience> {
        self.services.get(&srv)
    }
}

fn share<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let share = f64::deserialize(from)?;
    let fault = || serde::de::Error::custom(format!("{share} is no share from 0 to 1"));
    if (0.0..=1.0).contains(&share) { Ok(Some(share)) } else { Err(fault()) }
}

/// Patience by service, the services as texts.
mod services {
    use super::{BTreeMap, Patience, Srv};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(services: &BTreeMap<Srv, Patience>, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(services.iter().map(|(srv, patience)| (srv.to_string(), patience)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Srv, Patience>, D::Error> {
        let read = |(srv, patience): (String, Patience)| match srv.parse() {
            Ok(srv) => Ok((srv, patience)),
            Err(_) => Err(de::Error::custom(format!("{srv:?} is no service such as 7.3"))),
        };
        BTreeMap::<String, Patience>::deserialize(from)?.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_services_have_their_own_patience() {
        let seconds = Duration::from_secs;
        let mut retry = Retry { first: seconds(10), longest: seconds(60), ..Retry::default() };
        assert_eq!([1, 2, 3, 4, 99].map(|lost| retry.wait(lost)), [10, 20, 40, 60, 60].map(seconds));
        let srv: Srv = "7.3".parse().unwrap();
        retry.services.insert(srv, Patience { deliver: Some(seconds(30)), answer: None });
        assert_eq!((retry.deliver(srv), retry.answer(srv)), (seconds(30), seconds(86_400)));
        assert_eq!(retry.deliver("7.2".parse().unwrap()), seconds(86_400));
    }

    #[test]
    fn a_share_above_the_whole_is_refused() {
        assert!(serde_json::from_str::<Climate>(r#"{"loss": 0.5}"#).is_ok());
        for text in
            [r#"{"loss": 1.5}"#, r#"{"loss": -0.1}"#, r#"{"bandwidth": 0}"#, r#"{"state": "sunny"}"#, r#"{"lost": 1}"#]
        {
            assert!(serde_json::from_str::<Climate>(text).is_err(), "{text}");
        }
    }
}
