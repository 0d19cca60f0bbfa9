//! What a stand-in is told at its start: users, inventory, keys, addresses.
use duis::{IssuerSerial, Role, SigningKey, XmlSigner};
use gbcs::Eui64;
use gbcs::crypto::{PrivateKey, PublicKey};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct DccConfig {
    /// Where the web services listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where Communications Hubs connect.
    pub wan_listen: SocketAddr,
    /// The database; `None` keeps it in memory, for tests.
    pub store: Option<PathBuf>,
    /// The WAN at the start.
    pub wan: crate::WanState,
    /// How long a Command waits for the WAN, or for its Response, before the User is told E20 or E21.
    pub wan_patience: Duration,
    /// DCC Users.
    pub users: Vec<User>,
    /// The Smart Metering Inventory.
    pub inventory: Vec<Device>,
    /// Keys of the DCC.
    pub keys: DccKeys,
}

/// Keys of the DCC.
#[derive(Clone, Debug)]
pub struct DccKeys {
    /// Entity Identifier of the Access Control Broker, which is also the target of non-device requests.
    pub acb: Eui64,
    /// The broker's key agreement key: makes the MAC of every Command.
    pub acb_key_agreement: PrivateKey,
    /// Signs responses.
    pub xml: SigningKey,
}

/// A DCC User.
#[derive(Clone, Debug)]
pub struct User {
    /// Its identifier.
    pub eui: Eui64,
    /// Its roles.
    pub roles: Vec<Role>,
    /// The certificate its requests are signed with.
    pub xml: (IssuerSerial, XmlSigner),
    /// The key its Pre-Commands are signed with.
    pub gbcs_signature: PublicKey,
    /// Its Receive Response Service; without one, responses wait.
    pub receive_url: Option<String>,
}

/// A device of the inventory.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its identifier.
    pub eui: Eui64,
    /// What it is, and the version of GBCS it follows.
    pub kind: duis::transform::Device,
    /// Where it is in its life.
    pub status: DeviceStatus,
    /// Its key agreement key, for the MAC of Commands.
    pub key_agreement: PublicKey,
    /// Its digital signature key, to check critical Responses.
    pub digital_signature: PublicKey,
    /// The supplier responsible for it now.
    pub supplier: Eui64,
    /// The Communications Hub of its home.
    pub hub: Eui64,
}

/// Status in the inventory (DUIS 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the words of the schema
pub enum DeviceStatus {
    Pending,
    Whitelisted,
    InstalledNotCommissioned,
    Commissioned,
    Decommissioned,
    Withdrawn,
    Suspended,
    Recovery,
    Recovered,
}

impl DeviceStatus {
    /// Whether a device of this status takes Commands, by WAN or locally.
    pub fn takes_commands(self) -> bool {
        matches!(self, Self::InstalledNotCommissioned | Self::Commissioned | Self::Recovered)
    }
}

impl DccConfig {
    /// The user of an identifier.
    pub fn user(&self, eui: Eui64) -> Option<&User> {
        self.users.iter().find(|user| user.eui == eui)
    }

    /// The device of an identifier.
    pub fn device(&self, eui: Eui64) -> Option<&Device> {
        self.inventory.iter().find(|device| device.eui == eui)
    }

    /// Whose certificate has this issuer and serial number.
    pub fn signer(&self, certificate: &IssuerSerial) -> Option<XmlSigner> {
        self.users.iter().find(|user| user.xml.0 == *certificate).map(|user| user.xml.1)
    }
}
