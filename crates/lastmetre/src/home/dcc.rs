//! `[dcc]` of `home.toml`: where the stand-in listens, what its WAN is like, what it sets aside, whom it serves over TLS.
use super::file::{Wan, eui};
use super::property::uprn;
use dcc::anomaly::Thresholds;
use dcc::wan::{Climate, Retry, WanConfig, WanState, text};
use duis::body::dcc::Uprn;
use duis::response::answer::CspRegion;
use gbcs::Eui64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The DCC stand-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dcc {
    /// Where the web services listen.
    pub listen: SocketAddr,
    /// Where the Communications Hub connects: the WAN.
    pub wan_listen: SocketAddr,
    /// `up`, `down` or `flaky`, or a table that says more.
    pub wan: WanTable,
    /// Anomaly detection.
    #[serde(default, skip_serializing_if = "Anomaly::is_empty")]
    pub anomaly: Anomaly,
    /// What one client of the web services may take.
    #[serde(default, skip_serializing)]
    pub limits: HttpLimits,
    /// Certificates of web services and callbacks; without the table both are plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
    /// Where there is coverage, besides the property of the home (SRV 12.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Covered>,
}

/// The WAN of the stand-in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WanTable {
    /// The region the home is in.
    pub region: Option<String>,
    /// Everything else.
    pub model: WanConfig,
}

/// The same as a table.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WanFields {
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    everywhere: Climate,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    regions: BTreeMap<String, Climate>,
    #[serde(with = "hubs", skip_serializing_if = "BTreeMap::is_empty")]
    hubs: BTreeMap<Eui64, Climate>,
    retry: Retry,
}

impl From<Wan> for WanTable {
    fn from(wan: Wan) -> Self {
        let state = match wan {
            Wan::Up => WanState::Up,
            Wan::Down => WanState::Down,
            Wan::Flaky => WanState::Flaky,
        };
        Self { region: None, model: state.into() }
    }
}

impl WanTable {
    /// The climates that name a region which is none, as the path of the key and the name; and regions within regions.
    fn astray(&self) -> Option<(Vec<String>, String)> {
        let path = |names: &[&str]| ["dcc", "wan"].iter().chain(names).map(|name| (*name).to_owned()).collect();
        let WanConfig { everywhere, regions, hubs, .. } = &self.model;
        let nowhere = |name: &String| {
            (!regions.contains_key(name))
                .then(|| format!("there is no region {name:?}: it would be a table [dcc.wan.regions.{name}]"))
        };
        if let Some(fault) = self.region.as_ref().and_then(nowhere) {
            return Some((path(&["region"]), fault));
        }
        for (hub, climate) in hubs {
            if let Some(fault) = climate.region.as_ref().and_then(nowhere) {
                return Some((path(&["hubs", &hub.to_string(), "region"]), fault));
            }
        }
        let alone = || "only a hub is in a region".to_owned();
        if everywhere.region.is_some() {
            return Some((path(&["everywhere", "region"]), alone()));
        }
        let within = regions.iter().find(|(_, climate)| climate.region.is_some());
        within.map(|(name, _)| (path(&["regions", name, "region"]), alone()))
    }

    /// What the stand-in is told, when this is the hub of the home.
    pub fn config(&self, hub: Eui64) -> WanConfig {
        let mut config = self.model.clone();
        if let Some(region) = &self.region {
            config.hubs.entry(hub).or_default().region.get_or_insert_with(|| region.clone());
        }
        config
    }
}

impl Serialize for WanTable {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if let Some(state) = self.model.everywhere.state
            && *self == (Self { region: None, model: state.into() })
        {
            return state.serialize(out);
        }
        let WanConfig { seed, everywhere, regions, hubs, retry } = self.model.clone();
        WanFields { seed, region: self.region.clone(), everywhere, regions, hubs, retry }.serialize(out)
    }
}

impl<'de> Deserialize<'de> for WanTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct WordOrTable;

        impl<'de> de::Visitor<'de> for WordOrTable {
            type Value = WanTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("up, down, flaky or a table")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<WanTable, E> {
                let state: WanState = word.parse().map_err(|e| E::custom(format!("{word:?} is {e}")))?;
                Ok(WanTable { region: None, model: state.into() })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<WanTable, A::Error> {
                let fields = WanFields::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let WanFields { seed, region, everywhere, regions, hubs, retry } = fields;
                Ok(WanTable { region, model: WanConfig { seed, everywhere, regions, hubs, retry } })
            }
        }
        from.deserialize_any(WordOrTable)
    }
}

/// Anomaly detection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Anomaly {
    /// Files of thresholds (`docs/anomaly-detection.md`), within the home or anywhere: together they are what counts at every
    /// start. Without one, what was set last still holds.
    pub thresholds: Vec<PathBuf>,
}

impl Anomaly {
    fn is_empty(&self) -> bool {
        self.thresholds.is_empty()
    }

    /// All thresholds of the files; `None` where there are no files.
    ///
    /// # Errors
    /// The file, and what is wrong with it and where.
    pub fn read(&self, home: &Path) -> Result<Option<Thresholds>, super::HomeError> {
        let mut all = None;
        for file in &self.thresholds {
            let path = home.join(file);
            let text = std::fs::read_to_string(&path).map_err(super::HomeError::io(&path))?;
            let one = Thresholds::parse(&text).map_err(|e| super::HomeError::content(&path, e))?;
            let all: &mut Thresholds = all.get_or_insert_default();
            all.users.extend(one.users);
            all.dcc.extend(one.dcc);
            all.limits.extend(one.limits);
        }
        Ok(all)
    }
}

/// What one client of the web services may take; each field as in [`web::Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct HttpLimits {
    pub connections: NonZeroUsize,
    #[serde(with = "text")]
    pub handshake: Duration,
    #[serde(with = "text")]
    pub head: Duration,
    #[serde(with = "text")]
    pub body: Duration,
    pub large_bodies: NonZeroUsize,
    #[serde(with = "text")]
    pub grace: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        let web::Limits { connections, handshake, head, body, large_bodies, grace } = web::Limits::default();
        let some = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        Self { connections: some(connections), handshake, head, body, large_bodies: some(large_bodies), grace }
    }
}

impl From<HttpLimits> for web::Limits {
    fn from(limits: HttpLimits) -> Self {
        let HttpLimits { connections, handshake, head, body, large_bodies, grace } = limits;
        Self { connections: connections.get(), handshake, head, body, large_bodies: large_bodies.get(), grace }
    }
}

/// Certificates of HTTPS between the DCC and its User, PEM, within the home or anywhere. Each names its holder by EUI-64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// Who issues the others.
    pub authority: PathBuf,
    /// The DCC's, shown to Users by the web services and to Receive Response Services by callbacks.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The supplier's, shown to the DCC by the head end and by its Receive Response Service.
    pub user_certificate: PathBuf,
    /// Its private key.
    pub user_key: PathBuf,
}

/// The folder that `home new --dcc-tls` makes.
pub const TLS_FOLDER: &str = "dcc-tls";

impl Default for TlsFiles {
    fn default() -> Self {
        let file = |name: &str| Path::new(TLS_FOLDER).join(name);
        Self {
            authority: file("ca.pem"),
            certificate: file("dcc.pem"),
            key: file("dcc.key"),
            user_certificate: file("supplier.pem"),
            user_key: file("supplier.key"),
        }
    }
}

/// A place with coverage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Covered {
    /// A property, by its Unique Property Reference Number.
    #[serde(default, with = "uprn", skip_serializing_if = "Option::is_none")]
    pub uprn: Option<Uprn>,
    /// A post code, or how it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_code: Option<String>,
    /// Regions whose hubs would be used there. What the WAN is like in them says `[dcc.wan]`.
    pub regions: Vec<Region>,
}

/// A region by the schema's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(pub CspRegion);

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let known = || duis::xml::Text::read(&text).map(Self);
        known().ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no region of the SM WAN such as North or 4G Central"))
        })
    }
}

impl Dcc {
    /// What contradicts itself: the path of the key, and why.
    pub fn fault(&self) -> Option<(Vec<String>, String)> {
        self.wan.astray()
    }

    /// What holds, a line for each thing; `hub` is that of the home.
    pub fn in_force(&self, home: &Path, hub: Eui64) -> Result<Vec<String>, super::HomeError> {
        let config = self.wan.config(hub);
        let mut lines = vec![format!("WAN: seed {}, everywhere {}", config.seed, words(&config.everywhere))];
        lines.extend(config.regions.iter().map(|(name, climate)| format!("WAN: region {name} {}", words(climate))));
        lines.extend(config.hubs.iter().map(|(hub, climate)| format!("WAN: hub {hub} {}", words(climate))));
        lines.push(format!("WAN: retry {}", words(&config.retry)));
        lines.push(match self.anomaly.read(home)? {
            Some(all) => {
                let counts = (all.users.len(), all.dcc.len(), all.limits.len());
                format!(
                    "anomaly detection: {} thresholds of Users, {} of the DCC, {} limits",
                    counts.0, counts.1, counts.2
                )
            }
            None => "anomaly detection: as it was set last".to_owned(),
        });
        let HttpLimits { connections, handshake, head, body, large_bodies, grace } = self.limits;
        let [handshake, head, body, grace] = [handshake, head, body, grace].map(text::write);
        lines.push(format!(
            "HTTP: {connections} connections, {large_bodies} large bodies; handshake {handshake}, head {head}, body {body}, grace {grace}"
        ));
        lines.push(match &self.tls {
            Some(files) => {
                format!("TLS: {} vouches for Users and their services", home.join(&files.authority).display())
            }
            None => "TLS: none, web services and callbacks are plain HTTP".to_owned(),
        });
        Ok(lines)
    }
}

/// A table as one would write it on one line.
fn words(what: &impl Serialize) -> String {
    toml::Value::try_from(what).map_or_else(|e| e.to_string(), |value| value.to_string())
}

/// Climates by hub.
mod hubs {
    use super::{BTreeMap, Climate, Eui64, eui};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Hub(#[serde(with = "eui")] Eui64);

    pub fn serialize<S: Serializer>(hubs: &BTreeMap<Eui64, Climate>, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(hubs.iter().map(|(hub, climate)| (Hub(*hub), climate)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Eui64, Climate>, D::Error> {
        let hubs = BTreeMap::<Hub, Climate>::deserialize(from)?;
        Ok(hubs.into_iter().map(|(Hub(hub), climate)| (hub, climate)).collect())
    }
}
