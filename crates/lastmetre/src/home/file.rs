//! `home.toml`: what people edit.
use super::HomeError;
use super::dcc::Dcc;
use super::place;
use super::property::Property;
use gbcs::Eui64;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;

/// The whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeFile {
    /// Who is who.
    pub identities: IdentitiesTable,
    /// The radio network of the home.
    pub han: Han,
    /// The Communications Hub.
    pub hub: Hub,
    /// The DCC stand-in.
    pub dcc: Dcc,
    /// The head end.
    pub headend: HeadEnd,
    /// The gas meter.
    #[serde(default)]
    pub gsme: Gsme,
    /// Both meters.
    #[serde(default)]
    pub meters: Meters,
    /// The house the home is in.
    #[serde(default)]
    pub property: Property,
}

/// Entity Identifiers, 16 hex digits, hyphens allowed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each field is the device or party it is named after
pub struct IdentitiesTable {
    #[serde(with = "eui")]
    pub supplier: Eui64,
    #[serde(with = "eui")]
    pub acb: Eui64,
    #[serde(with = "eui")]
    pub chf: Eui64,
    #[serde(with = "eui")]
    pub gpf: Eui64,
    #[serde(with = "eui")]
    pub ppmid: Eui64,
    #[serde(with = "eui")]
    pub esme: Eui64,
    #[serde(with = "eui")]
    pub gsme: Eui64,
    #[serde(with = "eui", default = "reference::hht")]
    pub hht: Eui64,
    #[serde(with = "eui", default = "reference::network_operator")]
    pub network_operator: Eui64,
    #[serde(with = "eui", default = "reference::load_controller")]
    pub load_controller: Eui64,
    #[serde(with = "eui", default = "reference::transitional_cos")]
    pub transitional_cos: Eui64,
    #[serde(with = "eui", default = "reference::recovery")]
    pub recovery: Eui64,
    #[serde(with = "eui", default = "reference::wan_provider")]
    pub wan_provider: Eui64,
}

/// Parties that a home from before they were named has.
mod reference {
    use crate::home::Identities;
    use gbcs::Eui64;

    macro_rules! defaults {
        ($($party:ident)*) => {$(
            pub fn $party() -> Eui64 {
                Identities::default().$party
            }
        )*};
    }
    defaults! { hht network_operator load_controller transitional_cos recovery wan_provider }
}

/// The radio network.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Han {
    /// PAN identifier.
    pub pan: u16,
    /// Where each part receives the frames of the others when the parts are processes: ZEP v2 in UDP.
    pub hub: RadioNode,
    /// The PPMID.
    pub ppmid: RadioNode,
    /// The electricity meter.
    pub esme: RadioNode,
    /// The gas meter.
    pub gsme: RadioNode,
}

/// One radio.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RadioNode {
    /// Short address; the hub has 0.
    pub short: u16,
    /// UDP address for ZEP; port 17754 is the one that Wireshark dissects without being told.
    pub zep: SocketAddr,
}

/// The Communications Hub.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// `today`, `secmp0038` or `assured`.
    pub profile: Profile,
}

/// What a PPMID's tunnel may carry, and where Responses go (design: three honest behaviours).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Before the modification: a PPMID may pass SME.C.PPMID-GSME messages only.
    Today,
    /// The modification to the letter: any Remote Party Command; Responses go to the WAN.
    Secmp0038,
    /// The same behind budgets and checks; Responses also go back down the tunnel that carried the Command.
    Assured,
}

/// The state of the WAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Wan {
    /// Reaches the hub.
    Up,
    /// Does not.
    Down,
    /// Comes and goes.
    Flaky,
}

/// The head end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadEnd {
    /// REST API.
    pub listen: SocketAddr,
    /// Receive Response Service, where the DCC delivers what came by WAN.
    pub receive: SocketAddr,
    /// MQTT over TLS for PPMIDs.
    pub mqtt: SocketAddr,
    /// How long things may take, such as `receipt = "30s"`; the table is `[headend.deadlines]`.
    #[serde(default, skip_serializing)]
    pub deadlines: headend::config::Deadlines,
}

/// The gas meter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gsme {
    /// Seconds between two wake-ups of its radio; 1800 in the field.
    pub wake_seconds: u32,
}

impl Default for Gsme {
    fn default() -> Self {
        Self { wake_seconds: 1800 }
    }
}

/// Both meters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Meters {
    /// The electricity meter: `single`, `twin`, `polyphase`, or `reference`, which is all of them.
    pub esme: EsmeVariant,
    /// How the customer pays before a Command says otherwise: `prepayment` or `credit`.
    pub payment_mode: PaymentMode,
    /// Whether `meter run` consumes as a household in a British street does; otherwise nothing passes the meters, at 230 volts.
    pub consumption: bool,
    /// Days of the daily logs; a meter keeps 31.
    pub days: u16,
}

/// How the customer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PaymentMode {
    /// In advance.
    Prepayment,
    /// By bill.
    Credit,
}

/// Elements and phases of the electricity meter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EsmeVariant {
    /// One element, one phase.
    Single,
    /// Two elements, each with its tariff.
    Twin,
    /// One element, three phases.
    Polyphase,
    /// The one meter of the public reference data: it has the objects of all, and which of them a request means says the name of
    /// its file.
    #[default]
    Reference,
}

impl EsmeVariant {
    /// What service requests for it are made for.
    pub fn device(self) -> duis::Device {
        let (twin_element, poly_phase) = (self == Self::Twin, self == Self::Polyphase);
        duis::Device { twin_element, poly_phase, ..duis::Device::new(duis::DeviceType::Esme) }
    }
}

impl From<EsmeVariant> for meter::Variant {
    fn from(variant: EsmeVariant) -> Self {
        match variant {
            EsmeVariant::Single => Self::Single,
            EsmeVariant::Twin => Self::Twin,
            EsmeVariant::Polyphase => Self::Polyphase,
            EsmeVariant::Reference => Self::Reference,
        }
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self { esme: EsmeVariant::default(), payment_mode: PaymentMode::Prepayment, consumption: false, days: 400 }
    }
}

impl HomeFile {
    /// Read and check the file.
    pub fn read(path: &Path) -> Result<Self, HomeError> {
        let text = std::fs::read_to_string(path).map_err(HomeError::io(path))?;
        let file: Self = toml::from_str(&text).map_err(|e| HomeError::toml(path, &text, &e))?;
        let i = &file.identities;
        let devices = [i.chf, i.gpf, i.ppmid, i.esme, i.gsme, i.hht];
        let parties = [i.supplier, i.acb, i.network_operator, i.load_controller];
        let of_the_dcc = [i.transitional_cos, i.recovery, i.wan_provider];
        let mut all = [&devices[..], &parties, &of_the_dcc].concat();
        all.sort();
        if let Some(pair) = all.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(HomeError::content(path, format!("identities: {} is named twice", pair[0])));
        }
        if let Some((key, reason)) = file.dcc.fault() {
            let key: Vec<_> = key.iter().map(String::as_str).collect();
            let at = place::of(&text, &key).map(|at| place::describe(&text, at));
            return Err(HomeError::content(path, format!("{}: {reason}", at.unwrap_or_else(|| key.join(".")))));
        }
        Ok(file)
    }
}

/// An Entity Identifier as text.
pub(super) mod eui {
    use gbcs::Eui64;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(eui: &Eui64, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(eui)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Eui64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|e| serde::de::Error::custom(format!("{text:?} is {e}")))
    }
}
