//! What a head end is told at its start, secrets aside ([`keys`](crate::keys)). Unknown fields are refused by name.
use delivery::Policy;
use duis::{Device, DeviceType, GbcsVersion};
use gbcs::Eui64;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadEndConfig {
    /// The database file; made if it is not there.
    pub database: PathBuf,
    /// The supplier: Business Originator of every request and Command.
    #[serde(deserialize_with = "text")]
    pub originator: Eui64,
    /// Who signs warrants, as PPMIDs know it.
    #[serde(deserialize_with = "text")]
    pub head_end: Eui64,
    /// The REST API.
    pub api: ApiConfig,
    /// Where the DCC delivers responses: the Receive Response Service (`POST /dcc/receive-response`).
    #[serde(default = "any_port")]
    pub receive_listen: SocketAddr,
    /// Where PPMIDs connect.
    #[serde(default = "any_port")]
    pub mqtt_listen: SocketAddr,
    /// The DCC.
    pub dcc: DccConfig,
    /// The meters this head end serves.
    #[serde(default)]
    pub devices: Vec<DeviceConfig>,
    /// How long things may take.
    #[serde(default)]
    pub deadlines: Deadlines,
}

impl HeadEndConfig {
    /// With everything but identities, database, token and DCC by default: listening on free ports of the loopback.
    pub fn new(database: PathBuf, originator: Eui64, head_end: Eui64, token: Token, dcc: DccConfig) -> Self {
        Self {
            database,
            originator,
            head_end,
            api: ApiConfig { listen: any_port(), token },
            receive_listen: any_port(),
            mqtt_listen: any_port(),
            dcc,
            devices: vec![],
            deadlines: Deadlines::default(),
        }
    }
}

/// The REST API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Where it listens; port 0 takes a free one.
    #[serde(default = "any_port")]
    pub listen: SocketAddr,
    /// The bearer token of its users.
    pub token: Token,
}

/// A secret text: never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Keep a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Whether this is the secret, in a time that tells nothing.
    pub(crate) fn is(&self, offered: &str) -> bool {
        use subtle::ConstantTimeEq;
        !self.0.is_empty() && self.0.as_bytes().ct_eq(offered.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The DCC and how to deal with it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DccConfig {
    /// Scheme, host and port, such as `http://127.0.0.1:8079`; the paths of the web services follow.
    pub url: String,
    /// The DCC's own id: target of non-device requests (DUIS 2.2).
    #[serde(deserialize_with = "text")]
    pub id: Eui64,
    /// How long one answer may take.
    #[serde(default = "DccConfig::default_timeout", deserialize_with = "duration")]
    pub timeout: Duration,
    /// Wait after the first failure to reach it; doubles with each further one.
    #[serde(default = "DccConfig::default_retry_first", deserialize_with = "duration")]
    pub retry_first: Duration,
    /// The longest wait between tries.
    #[serde(default = "DccConfig::default_retry_max", deserialize_with = "duration")]
    pub retry_max: Duration,
    /// Response codes that say a RequestID was used before. No public text says which (DUIS 12, point 3).
    #[serde(default = "DccConfig::default_replayed")]
    pub replayed: Vec<String>,
    /// Requests on their way at once.
    #[serde(default = "DccConfig::default_concurrency")]
    pub concurrency: usize,
    /// Whether a Response that came through the home is returned with SRV 8.13.
    #[serde(default = "yes")]
    pub return_responses: bool,
}

impl DccConfig {
    fn default_timeout() -> Duration {
        Duration::from_secs(10)
    }
    fn default_retry_first() -> Duration {
        Duration::from_secs(1)
    }
    fn default_retry_max() -> Duration {
        Duration::from_secs(60)
    }
    fn default_replayed() -> Vec<String> {
        vec!["E57".into()]
    }
    fn default_concurrency() -> usize {
        16
    }

    /// With everything but the address by default.
    pub fn new(url: impl Into<String>, id: Eui64) -> Self {
        Self {
            url: url.into(),
            id,
            timeout: Self::default_timeout(),
            retry_first: Self::default_retry_first(),
            retry_max: Self::default_retry_max(),
            replayed: Self::default_replayed(),
            concurrency: Self::default_concurrency(),
            return_responses: true,
        }
    }
}

/// A meter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub device: Eui64,
    /// What it is, as the inventory has it: `ESME`, `GSME`.
    #[serde(deserialize_with = "device_type")]
    pub kind: DeviceType,
    /// The PPMID of its home; none, and it can be reached over the WAN only.
    #[serde(default, deserialize_with = "optional_text")]
    pub ppmid: Option<Eui64>,
    /// Whether an ESME is of a twin element variant.
    #[serde(default)]
    pub twin_element: bool,
    /// Whether an ESME measures three phases.
    #[serde(default)]
    pub poly_phase: bool,
    /// The version of GBCS it follows.
    #[serde(default = "current_gbcs", deserialize_with = "text")]
    pub gbcs_version: GbcsVersion,
}

impl DeviceConfig {
    /// A single element meter of the current version of GBCS.
    pub fn new(device: Eui64, kind: DeviceType, ppmid: Option<Eui64>) -> Self {
        Self { device, kind, ppmid, twin_element: false, poly_phase: false, gbcs_version: current_gbcs() }
    }

    pub(crate) fn as_target(&self) -> Device {
        let Self { twin_element, poly_phase, gbcs_version, .. } = *self;
        Device { twin_element, poly_phase, gbcs_version, ..Device::new(self.kind) }
    }
}

/// How long things may take; texts such as `500ms`, `30s`, `5m`, `24h`, `7d`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    /// How long a delivery may take when its order does not say.
    #[serde(deserialize_with = "duration")]
    pub delivery: Duration,
    /// [`Policy::warrant`].
    #[serde(deserialize_with = "duration")]
    pub warrant: Duration,
    /// [`Policy::receipt`].
    #[serde(deserialize_with = "duration")]
    pub receipt: Duration,
    /// [`Policy::held`].
    #[serde(deserialize_with = "duration")]
    pub held: Duration,
    /// [`Policy::answer`].
    #[serde(deserialize_with = "duration")]
    pub answer: Duration,
    /// [`Policy::wan`].
    #[serde(deserialize_with = "duration")]
    pub wan: Duration,
    /// [`Policy::unknown`].
    #[serde(deserialize_with = "duration")]
    pub unknown: Duration,
    /// [`Policy::nonce`].
    #[serde(deserialize_with = "duration")]
    pub nonce: Duration,
    /// [`Policy::retry_first`].
    #[serde(deserialize_with = "duration")]
    pub retry_first: Duration,
    /// [`Policy::retry_max`].
    #[serde(deserialize_with = "duration")]
    pub retry_max: Duration,
    /// [`Policy::refusals`].
    pub refusals: u32,
}

impl Default for Deadlines {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            delivery: Duration::from_secs(24 * 3600),
            warrant: policy.warrant,
            receipt: policy.receipt,
            held: policy.held,
            answer: policy.answer,
            wan: policy.wan,
            unknown: policy.unknown,
            nonce: policy.nonce,
            retry_first: policy.retry_first,
            retry_max: policy.retry_max,
            refusals: policy.refusals,
        }
    }
}

impl Deadlines {
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            warrant: self.warrant,
            receipt: self.receipt,
            held: self.held,
            answer: self.answer,
            wan: self.wan,
            unknown: self.unknown,
            nonce: self.nonce,
            retry_first: self.retry_first,
            retry_max: self.retry_max,
            refusals: self.refusals,
            ..Policy::default()
        }
    }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn yes() -> bool {
    true
}

fn current_gbcs() -> GbcsVersion {
    GbcsVersion::CURRENT
}

/// Whatever reads from a text.
fn text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn optional_text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
}

fn device_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceType, D::Error> {
    let text = String::deserialize(deserializer)?;
    duis::xml::Text::read(&text)
        .ok_or_else(|| de::Error::custom(format!("{text:?} is no device type of the inventory")))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text)
        .ok_or_else(|| de::Error::custom(format!("{text:?} is no duration such as 500ms, 30s, 5m, 24h or 7d")))
}

/// A whole number and its unit.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{
        "database": "x.db", "originator": "90-B3-D5-1F-30-01-00-00", "head_end": "90B3D51F300100FE",
        "api": {"token": "secret-of-the-api"}, "dcc": {"url": "http://localhost:8079", "id": "90-B3-D5-1F-30-00-00-02"},
        "devices": [{"device": "00-DB-12-34-56-78-90-A0", "kind": "ESME", "ppmid": "00-DB-12-34-56-78-90-A4"}],
        "deadlines": {"receipt": "500ms"}
    }"#;

    #[test]
    fn a_configuration_reads_with_defaults_for_what_it_leaves_out() {
        let config: HeadEndConfig = serde_json::from_str(CONFIG).unwrap();
        assert_eq!(config.deadlines.policy().receipt, Duration::from_millis(500));
        assert_eq!(config.deadlines.policy().answer, Policy::default().answer);
        assert_eq!(config.mqtt_listen.port(), 0);
        assert_eq!(config.devices[0].gbcs_version, GbcsVersion::CURRENT);
        assert!(!format!("{config:?}").contains("secret-of-the-api"));
    }

    #[test]
    fn an_unknown_field_is_refused_by_name_at_every_level() {
        for (known, unknown) in
            [("database", "databse"), ("token", "tokem"), ("url", "ulr"), ("kind", "kimd"), ("receipt", "recipt")]
        {
            let text = CONFIG.replace(&format!("\"{known}\""), &format!("\"{unknown}\""));
            let error = serde_json::from_str::<HeadEndConfig>(&text).unwrap_err().to_string();
            assert!(error.contains(unknown), "{error}");
        }
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse_duration("90m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("7d"), Some(Duration::from_secs(604_800)));
        for text in ["", "5", "s", "5 s", "-5s", "5w", "5.5s", "99999999999999999999s", "18446744073709551615d", "5µs"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_is_compared_whole_and_an_empty_one_opens_nothing() {
        assert!(Token::new("abc").is("abc"));
        assert!(!Token::new("abc").is("ab") && !Token::new("abc").is("abd") && !Token::new("").is(""));
    }
}
