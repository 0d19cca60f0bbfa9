//! What a stand-in is told at its start: users, inventory, keys, addresses.
use crate::anomaly::Thresholds;
use crate::inventory::{Device, DeviceKeys};
use crate::limits::Limits;
use crate::repository::KnownCertificate;
use duis::body::dcc::Uprn;
use duis::response::answer::{Coverage, CspRegion};
use duis::{IssuerSerial, Role, SigningKey, XmlSigner};
use gbcs::crypto::{PrivateKey, PublicKey};
use gbcs::{Eui64, Time};
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
    /// What the WAN is like, and how long the DCC tries before the User is told E20 or E21.
    pub wan: crate::wan::WanConfig,
    /// How many repeats of an Alert a User is told one by one.
    pub throttle: Throttle,
    /// DCC Users.
    pub users: Vec<User>,
    /// The Smart Metering Inventory at the first start; from then on it is in the store.
    pub inventory: Vec<Device>,
    /// Keys of devices without certificates, whether they are in the inventory or not.
    pub smki: Vec<(Eui64, DeviceKeys)>,
    /// The repository of the SMKI at the first start, of devices, organisations and authorities; from then on it is in the store. A
    /// device's certificates come before bare keys.
    pub certificates: Vec<KnownCertificate>,
    /// Certifies devices that ask.
    pub authority: Option<smki::Authority>,
    /// Who is registered for which supply. Where nobody is, the supplier whose credentials a meter holds is responsible.
    pub registrations: Vec<Registration>,
    /// How long things wait, how many there may be, when they are forgotten.
    pub limits: Limits,
    /// What SRV 12.1 tells of places; the first that fits.
    pub coverage: Vec<Place>,
    /// What anomaly detection measures by from this start on; `None`, and what was set last still holds.
    pub thresholds: Option<Thresholds>,
    /// Keys of the DCC.
    pub keys: DccKeys,
}

/// When repeats of a device's Alert are collapsed.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    /// As many of one code are told one by one...
    pub alerts: u32,
    /// ...within this time.
    pub within: Duration,
}

impl Default for Throttle {
    /// Ten an hour: no public text gives the DCC's numbers.
    fn default() -> Self {
        Self { alerts: 10, within: Duration::from_secs(3600) }
    }
}

/// Keys of the DCC.
#[derive(Clone, Debug)]
pub struct DccKeys {
    /// Entity Identifier of the Access Control Broker, which is also the target of non-device requests.
    pub acb: Eui64,
    /// The broker's key agreement key: makes the MAC of every Command.
    pub acb_key_agreement: PrivateKey,
    /// The broker's digital signature key: signs what is critical for a device but not for the User (DUIS 4.5).
    pub acb_signature: PrivateKey,
    /// The transitional change of supplier party: its identifier and digital signature key.
    pub transitional_cos: Option<(Eui64, PrivateKey)>,
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
    /// Whether it controls loads: what SRV 7.16 is for, which has no role in the public matrix.
    pub is_load_controller: bool,
    /// Whether it may use the DCC now.
    pub status: UserStatus,
    /// The certificate its requests are signed with.
    pub xml: (IssuerSerial, XmlSigner),
    /// Until when that certificate is good.
    pub xml_validity: Validity,
    /// The key its Pre-Commands are signed with.
    pub gbcs_signature: PublicKey,
    /// Its Receive Response Service; without one, responses wait.
    pub receive_url: Option<String>,
}

/// The SM WAN at a place.
#[derive(Clone, Debug)]
pub struct Place {
    /// A property.
    pub uprn: Option<Uprn>,
    /// A post code, or how it begins.
    pub post_code: Option<String>,
    /// How the regions' hubs would reach it.
    pub regions: Vec<(CspRegion, Option<Coverage>)>,
}

/// Who is registered for a supply, from the registration data that networks give the DCC.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The supply number: MPAN or MPRN.
    pub number: String,
    /// Registered as what.
    pub role: Role,
    /// From when on.
    pub since: Time,
    /// Who.
    pub user: Eui64,
}

/// Whether a User may use the DCC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserStatus {
    /// It may.
    #[default]
    Active,
    /// Its rights are suspended.
    Suspended,
}

/// When a certificate is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// Not before.
    pub from: Option<Time>,
    /// Not after.
    pub until: Option<Time>,
    /// Not any more.
    pub is_revoked: bool,
}

impl Validity {
    /// Whether it is good at this time.
    pub fn holds(&self, at: Time) -> bool {
        !self.is_revoked && self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until)
    }
}

impl User {
    /// A User in good standing that is told nothing.
    pub fn new(eui: Eui64, roles: Vec<Role>, xml: (IssuerSerial, XmlSigner), gbcs_signature: PublicKey) -> Self {
        let (status, xml_validity) = Default::default();
        Self { eui, roles, is_load_controller: false, status, xml, xml_validity, gbcs_signature, receive_url: None }
    }
}

impl DccConfig {
    /// The user of an identifier.
    pub fn user(&self, eui: Eui64) -> Option<&User> {
        self.users.iter().find(|user| user.eui == eui)
    }

    /// Whose certificate has this issuer and serial number, where it is good at this time.
    pub fn signer(&self, certificate: &IssuerSerial, at: Time) -> Option<XmlSigner> {
        let user = self.users.iter().find(|user| user.xml.0 == *certificate)?;
        user.xml_validity.holds(at).then_some(user.xml.1)
    }
}
