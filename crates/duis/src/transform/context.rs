//! What the DCC knows beside a request: its inventory, its own parties and their counters, its clock.
use gbcs::catalogue::Originator;
use gbcs::{Counter, Eui64, Time};

use crate::catalogue::DeviceType;

/// What the DCC knows beside the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformContext {
    /// The target, from the inventory.
    pub device: Device,
    /// The time now: gas commands carry it as their issuer event id.
    pub now: Time,
    /// What the target knows of the User.
    pub requester: Requester,
    /// The Access Control Broker, who originates Commands for Users that the target does not know.
    pub broker: Option<Party>,
    /// The transitional change of supplier party, who originates changes of supplier.
    pub transitional_cos: Option<Party>,
    /// The device that a join or unjoin names, or that SRV 8.11 adds.
    pub other: Option<OtherDevice>,
    /// The number that the DCC made for SRV 9.1, and that it tells the User when the device has it: four digits.
    pub customer_number: Option<[u8; 4]>,
    /// The log of the hub or gas proxy that a new one takes over from (SRV 8.12).
    pub backup: Option<Backup>,
}

impl TransformContext {
    /// For a supplier of this device, without what only the DCC has.
    pub const fn new(device: Device, now: Time) -> Self {
        Self {
            device,
            now,
            requester: Requester::Known(Originator::Supplier),
            broker: None,
            transitional_cos: None,
            other: None,
            customer_number: None,
            backup: None,
        }
    }
}

/// What a target knows of a User.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester {
    /// It holds the User's certificates, in this role.
    Known(Originator),
    /// It does not.
    Unknown,
}

/// An originator of the DCC, and the counter of its next Command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its identifier.
    pub id: Eui64,
    /// Above all it has used.
    pub counter: Counter,
}

/// Another device of the home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDevice {
    /// Its type.
    pub kind: DeviceType,
    /// Its key agreement certificate, DER: PPMID and GSME need each other's.
    pub certificate: Option<Vec<u8>>,
}

/// A device log that was backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// Of a hub: extended PAN id, and devices with the hashes of their link keys.
    Hub {
        /// Extended PAN id.
        pan: [u8; 8],
        /// Devices.
        devices: Vec<(Eui64, [u8; 16])>,
    },
    /// Of a gas proxy: devices and their types.
    GasProxy(Vec<(Eui64, DeviceType)>),
}

/// What the inventory says of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its type.
    pub kind: DeviceType,
    /// Whether an ESME is of a twin element variant.
    pub twin_element: bool,
    /// Whether an ESME measures three phases.
    pub poly_phase: bool,
    /// Version of GBCS it follows; some services have another use case from some version on.
    pub gbcs_version: GbcsVersion,
}

impl Device {
    /// A device of this type, single element and phase, of the version of GBCS that DUIS 5.4 goes with.
    pub const fn new(kind: DeviceType) -> Self {
        Self { kind, twin_element: false, poly_phase: false, gbcs_version: GbcsVersion::CURRENT }
    }
}

/// A version of GBCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GbcsVersion {
    /// Before the point.
    pub major: u8,
    /// After it.
    pub minor: u8,
}

impl GbcsVersion {
    /// 4.3, which DUIS 5.4 goes with.
    pub const CURRENT: Self = Self { major: 4, minor: 3 };

    /// First version whose gas meters answer SRV 4.18 with a clock status (GCS60a in place of GCS60). No public text says which
    /// it is; 4.2 is the first version seen in inventories after the message code was assigned.
    pub const GAS_BALANCE_WITH_CLOCK: Self = Self { major: 4, minor: 2 };
}

impl std::fmt::Display for GbcsVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for GbcsVersion {
    type Err = NotAGbcsVersion;

    fn from_str(text: &str) -> Result<Self, NotAGbcsVersion> {
        let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten();
        let (major, minor) = text.trim().split_once('.').ok_or(NotAGbcsVersion)?;
        Ok(Self { major: number(major).ok_or(NotAGbcsVersion)?, minor: number(minor).ok_or(NotAGbcsVersion)? })
    }
}

/// A text is no version of GBCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a GBCS version: two numbers joined by a point, such as 4.3")]
pub struct NotAGbcsVersion;
