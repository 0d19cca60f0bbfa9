//! What a meter is given at manufacture and installation: identity, keys, trust anchors, factory settings.
use crate::load::Load;
use crate::profiles::LogSizes;
use crate::variant::Variant;
use crate::voltage::Grid;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;
use device::Known;
use gbcs::crypto::{PrivateKey, PublicKey};
use gbcs::{Eui64, Time};

pub use device::{Role, TrustAnchor, Usage};

/// Which of the two meters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Electricity Smart Metering Equipment: DLMS payloads, mains powered, tunnel server.
    Esme,
    /// Gas Smart Metering Equipment: GBZ payloads, battery powered, a sleepy tunnel client.
    Gsme,
}

/// The meter's own key pairs.
#[derive(Clone, Debug)]
pub struct DeviceKeys {
    /// Signs Responses and Alerts.
    pub digital_signature: PrivateKey,
    /// Agrees secrets with the ACB, the reader of a Response, and the PPMID.
    pub key_agreement: PrivateKey,
}

/// Prepayment settings of a meter that no Command has configured yet. Money in thousandths of a penny.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactorySettings {
    /// Most that Emergency Credit can lend.
    pub emergency_limit: i32,
    /// Emergency Credit is offered at and below this balance.
    pub emergency_threshold: i32,
    /// Supply is disabled at and below this balance in prepayment mode.
    pub disablement_threshold: i32,
    /// Top-ups that would lift the balance above this are refused.
    pub maximum_balance: i32,
    /// Largest single top-up.
    pub maximum_credit: i32,
    /// Whether the meter leaves the factory in prepayment mode.
    pub prepayment: bool,
}

impl Default for FactorySettings {
    /// 10 pounds lent, offered at 2 pounds, disabled at nothing, balances to 10 000 pounds; credit mode.
    fn default() -> Self {
        Self {
            emergency_limit: 1_000_000,
            emergency_threshold: 200_000,
            disablement_threshold: 0,
            maximum_balance: 1_000_000_000,
            maximum_credit: 1_000_000_000,
            prepayment: false,
        }
    }
}

/// The meter's place in the home's network (han.md 8.5 has the endpoints).
#[derive(Clone, Debug)]
pub struct RadioConfig {
    /// The stack: address, keys, peers (the hub among them). Its frame counters come from the meter's own state.
    pub node: han::NodeConfig,
    /// The Communications Hub.
    pub hub: Eui64,
    /// Our endpoint.
    pub endpoint: u8,
    /// The hub's endpoint of tunnels.
    pub hub_tunnel_endpoint: u8,
    /// The hub's endpoint of the gas mirror.
    pub mirror_endpoint: u8,
    /// When a gas meter first wakes; every wake interval from then on.
    pub first_wake: Time,
}

impl RadioConfig {
    /// With the endpoints of han.md 8.5, waking first at once.
    pub fn new(node: han::NodeConfig, hub: Eui64) -> Self {
        Self { node, hub, endpoint: 1, hub_tunnel_endpoint: 3, mirror_endpoint: 2, first_wake: Time(0) }
    }
}

/// All a meter core needs to know that is not state.
#[derive(Clone, Debug)]
pub struct MeterConfig {
    /// Electricity or gas.
    pub kind: Kind,
    /// How many elements and phases an electricity meter has.
    pub variant: Variant,
    /// The meter's Entity Identifier.
    pub eui: Eui64,
    /// The meter's own keys.
    pub keys: DeviceKeys,
    /// Cells of the Remote Parties, in any order.
    pub anchors: Vec<TrustAnchor>,
    /// The Access Control Broker whose MAC every Remote Party Command carries.
    pub acb: Eui64,
    /// The PPMID joined by Method C and its key agreement key (gas only; GBCS 13.7.4.4).
    pub ppmid: Option<(Eui64, PublicKey)>,
    /// The meter's own certificates in DER, by usage.
    pub certificates: BTreeMap<Usage, Vec<u8>>,
    /// The device log at installation: devices, and their kinds as join messages number them.
    pub joined: Vec<(Eui64, u8)>,
    /// The radio; without one the meter is driven by [`handle_message`](crate::Meter::handle_message) alone.
    pub radio: Option<RadioConfig>,
    /// Prepayment settings before the first configuration.
    pub factory: FactorySettings,
    /// How long a gas meter sleeps between two calls on its hub (GBCS 10.3 recommends 1800 s).
    pub wake_interval: Duration,
    /// How much its logs and profiles hold.
    pub sizes: LogSizes,
    /// What the household draws, where nobody tells the meter by [`handle_energy`](crate::Meter::handle_energy).
    pub load: Option<Load>,
    /// What it draws through the second element of a twin element meter.
    pub second_load: Option<Load>,
    /// The voltage of its street; 230 volts without one.
    pub grid: Option<Grid>,
    /// Whether the rows of a Command must be exactly those of its use case; `false` lets a DLMS Command carry others.
    pub strict_rows: bool,
}

impl MeterConfig {
    /// A meter with defaults for all that has one: no PPMID, factory settings, 1800 s, strict rows.
    pub fn new(kind: Kind, eui: Eui64, keys: DeviceKeys, acb: Eui64, anchors: Vec<TrustAnchor>) -> Self {
        Self {
            kind,
            variant: Variant::default(),
            eui,
            keys,
            anchors,
            acb,
            ppmid: None,
            certificates: BTreeMap::new(),
            joined: Vec::new(),
            radio: None,
            factory: FactorySettings::default(),
            wake_interval: Duration::from_secs(1800),
            sizes: LogSizes::default(),
            load: None,
            second_load: None,
            grid: None,
            strict_rows: true,
        }
    }

    /// Whom the meter knows.
    pub fn known(&self) -> Known<'_> {
        Known { device: self.eui, acb: self.acb, ppmid: self.ppmid, anchors: &self.anchors }
    }

    /// The cell of the key that authenticates UTRNs.
    pub fn prepayment_anchor(&self) -> Option<&TrustAnchor> {
        self.anchors.iter().find(|a| a.role == Role::Supplier && a.usage == Usage::KeyAgreement && a.prepayment)
    }

    /// The supplier in charge: where Alerts go.
    pub fn supplier(&self) -> Option<Eui64> {
        self.anchors.iter().find(|a| a.role == Role::Supplier && !a.prepayment).map(|a| a.eui)
    }
}
