//! What a PPMID is told when it starts.
use crate::display::Fuel;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use gbcs::Eui64;
use gbcs::asn1::FirmwareVersion;
use gbcs::catalogue::Originator;
use gbcs::crypto::{PrivateKey, PublicKey};
use han::node::{FrameCounters, Role, Timing};
use han::tunnel::ClientConfig;
use han::{InstallCode, Key, NodeConfig, PanId, ShortAddress};

/// Its endpoint, and that of a hub with the Tunneling cluster, where neither is told otherwise (han.md 8.5).
const ENDPOINT: u8 = 1;
const HUB_ENDPOINT: u8 = 3;

/// Everything a PPMID needs to know of itself, its home and its head end. [`Config::new`] gives the usual limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// Signs what it says to the head end.
    pub key: PrivateKey,
    /// The head ends whose warrants count: who, and the key that signs their warrants.
    pub head_ends: Vec<(Eui64, PublicKey)>,
    /// The meters it passes Commands to.
    pub meters: Meters,
    /// The hub (its CHF), which must be a peer of `node`.
    pub hub: Eui64,
    /// The hub's endpoint with the Tunneling cluster, where it does not answer when asked for it.
    pub hub_endpoint: u8,
    /// Who asks for the tunnel.
    pub tunnel_initiator: TunnelInitiator,
    /// The electricity meter, where the PPMID joined it (GBCS 13.7, Method A): it must be a peer of `node`.
    pub electricity: Option<Eui64>,
    /// The gas meter, where the PPMID joined it (Method C).
    pub gas: Option<Gas>,
    /// Its credentials as a GBCS device; without them it executes no Command.
    pub identity: Option<Identity>,
    /// The install code of one out of its box, which joins the network that expects it; where it joined is in its memory from
    /// then on, in place of `hub` and `node`.
    pub install_code: Option<InstallCode>,
    /// How often the display asks by itself; `None`: only when it is told to.
    pub refresh: Option<Refresh>,
    /// The ZigBee stack; the PPMID's own EUI-64 is the node's. The stored frame counters win over those given here.
    pub node: NodeConfig,
    /// The tunnel's timers. How often data is tried is the PPMID's own business: those limits are not used.
    pub tunnel: ClientConfig,
    /// Where nonces come from: best 32 fresh random octets at every start.
    pub seed: Seed,
    /// How long a nonce is good.
    pub nonce_lifetime: Duration,
    /// How often the Command of one attempt may be handed to the hub.
    pub max_transfers: u8,
    /// After the first transfer that failed; twice as long after the second, and so on.
    pub retry_wait: Duration,
    /// How long after `OnHan` the meter may still answer: a hub keeps a Command for a sleeping gas meter 24 h.
    pub answer_wait: Duration,
    /// Commands in its hands at one time.
    pub max_held: usize,
    /// Deliveries remembered; the limit of everything else follows from it.
    pub max_deliveries: usize,
}

impl Config {
    /// A PPMID out of its box: it belongs to no network and no home yet, and joins by its install code.
    pub fn factory(key: PrivateKey, eui: Eui64, install_code: InstallCode, seed: Seed) -> Self {
        let node = NodeConfig {
            eui,
            short: ShortAddress::BROADCAST,
            pan: PanId::BROADCAST,
            role: Role::Router,
            network_key: Key::new([0; 16]),
            network_key_sequence: 0,
            peers: Vec::new(),
            endpoints: alloc::vec![ENDPOINT],
            timing: Timing::default(),
            counters: FrameCounters::default(),
        };
        let hub = (Eui64::default(), HUB_ENDPOINT);
        Self { install_code: Some(install_code), ..Self::new(key, hub, node, seed) }
    }

    /// The usual limits and timers; any meter.
    pub fn new(key: PrivateKey, hub: (Eui64, u8), node: NodeConfig, seed: Seed) -> Self {
        let endpoint = node.endpoints.first().copied().unwrap_or(1);
        Self {
            key,
            head_ends: Vec::new(),
            meters: Meters::Any,
            hub: hub.0,
            hub_endpoint: hub.1,
            tunnel_initiator: TunnelInitiator::default(),
            electricity: None,
            gas: None,
            identity: None,
            install_code: None,
            refresh: None,
            node,
            tunnel: ClientConfig::at(endpoint),
            seed,
            nonce_lifetime: Duration::from_secs(300),
            max_transfers: 3,
            retry_wait: Duration::from_secs(30),
            answer_wait: Duration::from_secs(25 * 3600),
            max_held: 16,
            max_deliveries: 64,
        }
    }
}

/// Who opens the tunnel between PPMID and hub: the one point where SECMP0038 and GBCS 0.8 contradict each other (han.md 2). A PPMID
/// grants the hub a tunnel either way; a tunnel is a tunnel whoever opened it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TunnelInitiator {
    /// The PPMID asks (SECMP0038).
    #[default]
    Ppmid,
    /// The hub asks (GBCS 0.8 10.2.2.1); a minute after a start without a tunnel the PPMID asks nevertheless, since a hub does not know
    /// that a PPMID lost its tunnel with its power.
    Hub,
}

/// What a PPMID shares with the gas meter that it joined: HAN Only Messages are closed under the secret of both keys.
#[derive(Clone, Debug)]
pub struct Gas {
    /// The meter.
    pub meter: Eui64,
    /// Its key agreement key.
    pub key: PublicKey,
    /// The PPMID's own.
    pub own: PrivateKey,
}

/// What makes a PPMID a GBCS device: its keys, and whose Commands it takes.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Signs Responses to critical Commands.
    pub digital_signature: PrivateKey,
    /// Opens and closes MACs.
    pub key_agreement: PrivateKey,
    /// The Access Control Broker, whose MAC every Command carries: one of `parties`.
    pub acb: Eui64,
    /// Those it knows: the broker as a rule, and nobody else.
    pub parties: Vec<Party>,
    /// What it runs (CS08).
    pub firmware: FirmwareVersion,
}

/// A Remote Party that a PPMID knows.
#[derive(Clone, Debug)]
pub struct Party {
    /// Who.
    pub eui: Eui64,
    /// In which role.
    pub role: Originator,
    /// The key that signs its critical Commands.
    pub digital_signature: PublicKey,
    /// The key of its MACs.
    pub key_agreement: PublicKey,
}

/// How often a display asks, and what it may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// Between two rounds about electricity: the meter is on the mains and tells what matters by itself.
    pub electricity: Duration,
    /// Between two rounds about gas: the hub learns more every half hour.
    pub gas: Duration,
    /// A round is left out when the PPMID was on the air for longer than this within the last hour, whatever it said.
    pub airtime: Duration,
}

impl Default for Refresh {
    /// A minute, ten minutes, and a hundredth of the hour.
    fn default() -> Self {
        Self { electricity: Duration::from_secs(60), gas: Duration::from_secs(600), airtime: Duration::from_secs(36) }
    }
}

impl Refresh {
    pub(crate) const fn interval(&self, fuel: Fuel) -> Duration {
        match fuel {
            Fuel::Electricity => self.electricity,
            Fuel::Gas => self.gas,
        }
    }
}

/// The meters that a PPMID passes Commands to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meters {
    /// Any: the hub knows which there are (han.md 9.4).
    Any,
    /// These only.
    Only(Vec<Eui64>),
}

impl Meters {
    /// Whether this one is among them.
    pub fn include(&self, meter: Eui64) -> bool {
        match self {
            Self::Any => true,
            Self::Only(meters) => meters.contains(&meter),
        }
    }
}

/// What nonces are derived from, together with the count of starts. It keeps them unguessable.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}
