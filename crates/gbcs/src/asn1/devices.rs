//! What is not about trust anchors: joining, logs of devices, firmware, the gas meter's clock (gbcs-messages.md 11.3).
use super::numbered::{
    ActivationStatus, ClockStatus, DeviceKind, JoinDetailsStatus, JoinMethod, JoinStatus, TransferStatus,
};
use super::scalar::{CertificateDer, DateTime, FirmwareVersion, ImageHash};
use crate::ids::{Counter, Eui64};
use alloc::vec::Vec;
use der::Sequence;

/// CS03A1, CS03A2, CS03B or CS03C Command: join with that device.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Join {
    /// How, and this device's part in it.
    pub method: JoinMethod,
    /// The other device.
    pub device: Eui64,
    /// What it is.
    pub kind: DeviceKind,
    /// Its key agreement certificate: between gas meter and PPMID by method C.
    #[asn1(optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub certificate: Option<CertificateDer>,
}

impl Join {
    /// By a method that needs no certificate.
    pub const fn new(method: JoinMethod, device: Eui64, kind: DeviceKind) -> Self {
        Self { method, device, kind, certificate: None }
    }
}

/// An entry of a device log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct LogEntry {
    /// Who.
    pub device: Eui64,
    /// What it is.
    pub kind: DeviceKind,
}

/// CS07 Response: the devices joined with this one.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct JoinDetails {
    /// Whether it could tell.
    pub status: JoinDetailsStatus,
    /// Its log, when it could.
    #[asn1(optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub log: Option<Vec<LogEntry>>,
}

impl JoinDetails {
    /// A log that could be read.
    pub fn of(log: impl Into<Vec<LogEntry>>) -> Self {
        Self { status: JoinDetailsStatus::Success, log: Some(log.into()) }
    }
}

/// GCS59 Command: put these into the Gas Proxy Function's log.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct DeviceLog {
    /// The entries.
    pub entries: Vec<LogEntry>,
}

/// GCS59 Response.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct DeviceLogRestored {
    /// What came of each entry.
    pub outcomes: Vec<EntryOutcome>,
}

/// What came of restoring one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct EntryOutcome {
    /// The entry.
    pub entry: LogEntry,
    /// What came of it.
    pub status: JoinStatus,
}

/// GCS62 Alert: the Gas Proxy Function's log changed, and is this now.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct DeviceLogAlert {
    /// Alert code.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_number"))]
    pub code: u16,
    /// When.
    pub time: DateTime,
    /// The entries.
    pub entries: Vec<LogEntry>,
}

/// CS06 Command: run the image with this hash, now or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct ActivateFirmware {
    /// SHA-256 of the image.
    pub hash: ImageHash,
    /// The Originator Counter of the Command.
    pub counter: Counter,
    /// When; at once without it, and [`DateTime::NEVER`] cancels what waits.
    #[asn1(optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub execution: Option<DateTime>,
}

/// What came of an activation: CS06 Response to a Command executed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct ActivationOutcome {
    /// Whether it runs.
    pub status: ActivationStatus,
    /// What the device runs now.
    pub version: FirmwareVersion,
}

/// Alert: an activation that waited was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct ActivationAlert {
    /// Alert code.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_number"))]
    pub code: u16,
    /// When it was executed.
    pub time: DateTime,
    /// The Originator Counter of the Command.
    pub counter: Counter,
    /// What came of it.
    pub outcome: ActivationOutcome,
}

/// CS08 Response: what a PPMID or HCALCS runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct FirmwareReport {
    /// The version.
    pub version: FirmwareVersion,
    /// What came of the last activation.
    pub status: ActivationStatus,
}

/// CS09 Alert: a PPMID or HCALCS activated an image, or could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct FirmwareAlert {
    /// Alert code.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_number"))]
    pub code: u16,
    /// When.
    pub time: DateTime,
    /// What the device runs now.
    pub version: FirmwareVersion,
    /// What came of it.
    pub status: ActivationStatus,
}

/// CCS08 Alert: the Communications Hub passed an image on to a device, or could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct TransferAlert {
    /// Alert code.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_number"))]
    pub code: u16,
    /// When.
    pub time: DateTime,
    /// The device.
    pub device: Eui64,
    /// The image's version.
    pub version: FirmwareVersion,
    /// What came of it.
    pub status: TransferStatus,
}

/// GCS28 Command: take the hub's time for true if it lies between these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct SetClock {
    /// Not before.
    pub from: DateTime,
    /// Not after.
    pub to: DateTime,
}

/// GCS28 Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct ClockReport {
    /// The device's time now.
    pub time: DateTime,
    /// How far it trusts it.
    pub status: ClockStatus,
}
