//! ASN.1 payloads, typed by use case: security credentials, joining, logs of devices, firmware, the gas meter's clock (GBCS 13;
//! gbcs-messages.md 11).
//!
//! The message code and the kind of message say which type a payload is of; [`Payload::parse`] reads that type and no other. All
//! is DER, but that devices write the lengths 80 to FF of lists as `82 00 xx` in some Responses and Alerts: a property of the
//! payload, kept beside its [`Content`].
mod credentials;
mod devices;
mod numbered;
mod scalar;

pub use credentials::{
    Cell, CellOutcome, CredentialsRequest, CredentialsUpdate, HeldCell, HeldCredentials, PartyFloor, Replacement,
    RoleCredentials, SpecialistFloor, UpdateAlert, UpdateControl, UpdateOutcome,
};
pub use devices::{
    ActivateFirmware, ActivationAlert, ActivationOutcome, ClockReport, DeviceLog, DeviceLogAlert, DeviceLogRestored,
    EntryOutcome, FirmwareAlert, FirmwareReport, Join, JoinDetails, LogEntry, SetClock, TransferAlert,
};
pub use numbered::{
    ActivationStatus, CellStatus, CellUsage, CertificateUpdateStatus, ClockStatus, DeviceKind, IssueRefusal,
    JoinDetailsStatus, JoinMethod, JoinStatus, PathValidityChecks, ProvideRefusal, ReplacementMode, Specialist,
    TransferStatus, UnjoinStatus,
};
pub use scalar::{
    CertificateDer, CertificationRequest, DateTime, FirmwareVersion, ImageHash, KeyIdentifier, KeyUsages, NotSigned,
    SymmetricKey,
};

use crate::der::{self as tree, Value};
use crate::envelope::{Fault, ParseError};
use crate::ids::{Cra, Eui64, MessageCode};
use alloc::boxed::Box;
use alloc::vec::Vec;
use credentials::{UpdateResponse, UpdateResponseRef};
use der::asn1::Null;
use der::{Decode, Encode, Length, Sequence, Writer};

/// An ASN.1 payload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize))]
pub struct Payload {
    #[cfg_attr(feature = "std", serde(flatten))]
    content: Content,
    #[cfg_attr(feature = "std", serde(skip_serializing_if = "core::ops::Not::not"))]
    long_lengths: bool,
}

/// What an ASN.1 payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Content {
    /// CS02a, CS02f Command.
    RequestCredentials(CredentialsRequest),
    /// CS02a, CS02f Response: each role asked for.
    Credentials(Vec<RoleCredentials>),
    /// CS02b, CS02g Command.
    UpdateCredentials(Box<CredentialsUpdate>),
    /// CS02b, CS02g Response: it waits for its time, or what waited is cancelled.
    CredentialsUpdateAccepted,
    /// CS02b, CS02g Response: executed.
    CredentialsUpdated(UpdateOutcome),
    /// CS02b, CS02g Alert: executed at its time.
    CredentialsUpdateAlert(UpdateAlert),
    /// CS02c Command: make a key pair and ask for a certificate.
    IssueCredentials(UsageRequest),
    /// CS02c Response.
    CertificationRequest(CertificationRequest),
    /// CS02c Response: there is none.
    IssueRefused(IssueRefusal),
    /// CS02d Command: the device's new certificate; CS02e Response: the one it has.
    Certificate(CertificateDer),
    /// CS02d Response.
    CertificateUpdated(CertificateUpdateStatus),
    /// CS02e Command: give me your certificate.
    ProvideCertificate(UsageRequest),
    /// CS02e Response: there is none.
    ProvideRefused(ProvideRefusal),
    /// CS03A1, CS03A2, CS03B, CS03C Command.
    Join(Join),
    /// CS03A1, CS03A2, CS03B, CS03C Response.
    Joined(JoinStatus),
    /// CS04AC, CS04B Command: part from this device.
    Unjoin(Eui64),
    /// CS04AC, CS04B Response.
    Unjoined(UnjoinStatus),
    /// CS06 Command.
    ActivateFirmware(ActivateFirmware),
    /// CS06 Response: it waits for its time, or what waited is cancelled.
    ActivationAccepted,
    /// CS06 Response: executed.
    FirmwareActivated(ActivationOutcome),
    /// CS06 Alert: executed at its time.
    ActivationAlert(ActivationAlert),
    /// CS07 Command.
    ReadJoinDetails,
    /// CS07 Response.
    JoinDetails(JoinDetails),
    /// CS08 Command.
    ReadFirmwareVersion,
    /// CS08 Response.
    FirmwareReport(FirmwareReport),
    /// CS09 Alert.
    FirmwareAlert(FirmwareAlert),
    /// CCS08 Alert.
    TransferAlert(TransferAlert),
    /// GCS28 Command.
    SetClock(SetClock),
    /// GCS28 Response.
    ClockReport(ClockReport),
    /// GCS59 Command.
    RestoreDeviceLog(DeviceLog),
    /// GCS59 Response.
    DeviceLogRestored(DeviceLogRestored),
    /// GCS62 Alert.
    DeviceLogAlert(DeviceLogAlert),
}

/// CS02c and CS02e Command: of which of your keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct UsageRequest {
    /// What the key is for.
    pub usage: KeyUsages,
}

impl Payload {
    /// Read exactly one payload of a message of this use case and kind.
    ///
    /// # Errors
    /// What is no DER says so; DER that is not what the use case has, or of a use case that has none, is of
    /// [`Fault::OtherShape`].
    pub fn parse(code: MessageCode, cra: Cra, octets: &[u8]) -> Result<Self, ParseError> {
        let other_shape = |offset| ParseError { offset, field: "ASN.1 payload", fault: Fault::OtherShape };
        let read = |octets: &[u8]| {
            let content = Content::read(code, cra, octets).ok_or_else(|| other_shape(0))?;
            let content = content.map_err(|error| {
                other_shape(error.position().map_or(0, |at| usize::try_from(at).unwrap_or_default().min(octets.len())))
            })?;
            // All types read DER and nothing else, but for a default that is written out.
            if content.len() == octets.len() { Ok(content) } else { Err(other_shape(0)) }
        };
        if tree::check(octets)? {
            return Ok(Self { content: read(octets)?, long_lengths: false });
        }
        let value = Value::parse(octets)?;
        let shortest = value.clone().with_shortest_lengths();
        let content = read(&shortest.encode())?;
        let as_devices_write = content.is_of_lists() && shortest.with_long_lengths() == value;
        if as_devices_write { Ok(Self { content, long_lengths: true }) } else { Err(other_shape(0)) }
    }

    /// The same, with the lengths 80 to FF of lists written as `82 00 xx`, as devices write them. Nothing changes where there is
    /// none, nor in what holds certificates.
    pub fn with_long_lengths(self) -> Self {
        let Self { content, .. } = self;
        let long_lengths = content.is_of_lists() && content.tree() != content.tree().with_long_lengths();
        Self { content, long_lengths }
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What it says.
    pub fn into_content(self) -> Content {
        self.content
    }

    /// Whether the lengths 80 to FF of lists are written as `82 00 xx`.
    pub fn has_long_lengths(&self) -> bool {
        self.long_lengths
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        match self.long_lengths {
            true => self.content.tree().with_long_lengths().encoded_len(),
            false => self.content.len(),
        }
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        match self.long_lengths {
            true => self.content.tree().with_long_lengths().encode(),
            false => self.content.encode_der(),
        }
    }
}

impl From<Content> for Payload {
    fn from(content: Content) -> Self {
        Self { content, long_lengths: false }
    }
}

impl Content {
    /// The type that this use case has in messages of this kind, read from DER; `None` when it has none.
    fn read(code: MessageCode, cra: Cra, octets: &[u8]) -> Option<der::Result<Self>> {
        use Cra::{Alert, Command, Response};
        let is = |tag| octets.first() == Some(&tag);
        Some(match (code.0, cra) {
            (0x0008 | 0x011B, Command) => one(octets, Self::RequestCredentials),
            (0x0008 | 0x011B, Response) => one(octets, Self::Credentials),
            (0x0100..=0x0109 | 0x0125 | 0x0126, Command) => {
                one(octets, |update| Self::UpdateCredentials(Box::new(update)))
            }
            (0x0100..=0x0109 | 0x0125 | 0x0126, Response) => one(octets, |UpdateResponse(outcome)| {
                outcome.map_or(Self::CredentialsUpdateAccepted, Self::CredentialsUpdated)
            }),
            (0x00CB | 0x0124, Alert) => one(octets, Self::CredentialsUpdateAlert),
            (0x000A, Command) => one(octets, Self::IssueCredentials),
            (0x000A, Response) if is(tree::tag::INTEGER) => one(octets, Self::IssueRefused),
            (0x000A, Response) => one(octets, Self::CertificationRequest),
            (0x000B, Command) => one(octets, Self::Certificate),
            (0x000B, Response) => one(octets, Self::CertificateUpdated),
            (0x000C, Command) => one(octets, Self::ProvideCertificate),
            (0x000C, Response) if is(tree::tag::INTEGER) => one(octets, Self::ProvideRefused),
            (0x000C, Response) => one(octets, Self::Certificate),
            (0x000D | 0x000E | 0x00AB | 0x00AF, Command) => one(octets, Self::Join),
            (0x000D | 0x000E | 0x00AB | 0x00AF, Response) => one(octets, Self::Joined),
            (0x000F | 0x0010, Command) => one(octets, Self::Unjoin),
            (0x000F | 0x0010, Response) => one(octets, Self::Unjoined),
            (0x0012, Command) => one(octets, Self::ActivateFirmware),
            (0x0012, Response) if is(tree::tag::NULL) => one(octets, |Null| Self::ActivationAccepted),
            (0x0012, Response) => one(octets, Self::FirmwareActivated),
            (0x00CA, Alert) => one(octets, Self::ActivationAlert),
            (0x0013, Command) => one(octets, |Null| Self::ReadJoinDetails),
            (0x0013, Response) => one(octets, Self::JoinDetails),
            (0x0129, Command) => one(octets, |Null| Self::ReadFirmwareVersion),
            (0x0129, Response) => one(octets, Self::FirmwareReport),
            (0x012B, Alert) => one(octets, Self::FirmwareAlert),
            (0x0128, Alert) => one(octets, Self::TransferAlert),
            (0x007F, Command) => one(octets, Self::SetClock),
            (0x007F, Response) => one(octets, Self::ClockReport),
            (0x008C, Command) => one(octets, Self::RestoreDeviceLog),
            (0x008C, Response) => one(octets, Self::DeviceLogRestored),
            (0x00B2, Alert) => one(octets, Self::DeviceLogAlert),
            _ => return None,
        })
    }

    /// The result of each thing a Command asked for, in order, as numbers of the status the use case has for it; 0 is success.
    /// Nothing where a payload only carries data.
    pub fn results(&self) -> Vec<u8> {
        let cells = |outcome: &UpdateOutcome| outcome.cells.iter().map(|cell| cell.status.number()).collect();
        match self {
            Self::Credentials(roles) => roles.iter().map(|role| role.status.number()).collect(),
            Self::CredentialsUpdated(outcome) => cells(outcome),
            Self::CredentialsUpdateAlert(alert) => cells(&alert.outcome),
            Self::IssueRefused(refusal) => [refusal.number()].into(),
            Self::CertificateUpdated(status) => [status.number()].into(),
            Self::ProvideRefused(refusal) => [refusal.number()].into(),
            Self::Joined(status) => [status.number()].into(),
            Self::Unjoined(status) => [status.number()].into(),
            Self::FirmwareActivated(outcome) => [outcome.status.number()].into(),
            Self::ActivationAlert(alert) => [alert.outcome.status.number()].into(),
            Self::JoinDetails(details) => [details.status.number()].into(),
            Self::FirmwareAlert(alert) => [alert.status.number()].into(),
            Self::TransferAlert(alert) => [alert.status.number()].into(),
            Self::ClockReport(report) => [report.status.number()].into(),
            Self::DeviceLogRestored(log) => log.outcomes.iter().map(|outcome| outcome.status.number()).collect(),
            _ => Vec::new(),
        }
    }

    /// Lists that a device makes; what holds certificates has lengths of others in it.
    const fn is_of_lists(&self) -> bool {
        matches!(
            self,
            Self::Credentials(_)
                | Self::CredentialsUpdated(_)
                | Self::CredentialsUpdateAlert(_)
                | Self::JoinDetails(_)
                | Self::DeviceLogRestored(_)
                | Self::DeviceLogAlert(_)
        )
    }

    /// Octets in DER. More than DER has lengths for here (256 MiB) is too much for any message.
    fn len(&self) -> usize {
        Encode::encoded_len(self).ok().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
    }

    fn encode_der(&self) -> Vec<u8> {
        self.to_der().expect("every value of these types has an encoding, far shorter than 256 MiB in any message")
    }

    fn tree(&self) -> Value {
        Value::parse(&self.encode_der()).expect("DER was just written")
    }
}

fn one<'a, T: Decode<'a, Error = der::Error>>(
    octets: &'a [u8],
    content: impl Fn(T) -> Content,
) -> der::Result<Content> {
    T::from_der(octets).map(content)
}

/// The same call on whatever a content is written from.
macro_rules! on_value {
    ($content:expr, $value:ident => $call:expr) => {
        match $content {
            Content::RequestCredentials($value) => $call,
            Content::Credentials($value) => $call,
            Content::UpdateCredentials(update) => {
                let $value = &**update;
                $call
            }
            Content::CredentialsUpdateAccepted => {
                let $value = UpdateResponseRef(None);
                $call
            }
            Content::CredentialsUpdated(outcome) => {
                let $value = UpdateResponseRef(Some(outcome));
                $call
            }
            Content::CredentialsUpdateAlert($value) => $call,
            Content::IssueCredentials($value) | Content::ProvideCertificate($value) => $call,
            Content::CertificationRequest($value) => $call,
            Content::IssueRefused($value) => $call,
            Content::Certificate($value) => $call,
            Content::CertificateUpdated($value) => $call,
            Content::ProvideRefused($value) => $call,
            Content::Join($value) => $call,
            Content::Joined($value) => $call,
            Content::Unjoin($value) => $call,
            Content::Unjoined($value) => $call,
            Content::ActivateFirmware($value) => $call,
            Content::ActivationAccepted | Content::ReadJoinDetails | Content::ReadFirmwareVersion => {
                let $value = Null;
                $call
            }
            Content::FirmwareActivated($value) => $call,
            Content::ActivationAlert($value) => $call,
            Content::JoinDetails($value) => $call,
            Content::FirmwareReport($value) => $call,
            Content::FirmwareAlert($value) => $call,
            Content::TransferAlert($value) => $call,
            Content::SetClock($value) => $call,
            Content::ClockReport($value) => $call,
            Content::RestoreDeviceLog($value) => $call,
            Content::DeviceLogRestored($value) => $call,
            Content::DeviceLogAlert($value) => $call,
        }
    };
}

impl Encode for Content {
    fn encoded_len(&self) -> der::Result<Length> {
        on_value!(self, value => value.encoded_len())
    }

    fn encode(&self, writer: &mut impl Writer) -> der::Result<()> {
        on_value!(self, value => value.encode(writer))
    }
}
