//! From a service request to the octets of its GBCS Command (DUIS 4.1, 4.2, 4.5), as the DCC makes them.
//!
//! The result is grouping header and payload: the Pre-Command the User signs, or what the DCC closes with a MAC.
mod electricity;
mod gas;

use gbcs::{GroupingHeader, Message, Time};

use crate::catalogue::{Criticality, DeviceType, Entry, Misfit, UseCase};
use crate::{Body, Request, ResponseCode, Srv};

/// What the DCC knows beside the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformContext {
    /// The target, from the inventory.
    pub device: Device,
    /// The time now: gas commands carry it as their issuer event id.
    pub now: Time,
}

/// What the inventory says of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its type.
    pub kind: DeviceType,
    /// Whether an ESME is of a twin element variant.
    pub twin_element: bool,
    /// Version of GBCS it follows; some services have another use case from some version on.
    pub gbcs_version: GbcsVersion,
}

impl Device {
    /// A device of this type, single element, of the version of GBCS that DUIS 5.4 goes with.
    pub const fn new(kind: DeviceType) -> Self {
        Self { kind, twin_element: false, gbcs_version: GbcsVersion::CURRENT }
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

/// A Command still without signature and MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformed {
    /// The service asked for.
    pub entry: &'static Entry,
    /// The use case chosen.
    pub use_case: UseCase,
    /// Grouping header and payload.
    pub octets: Vec<u8>,
    /// Offsets in `octets` of the little-endian times that are only the DCC's clock (issuer event ids).
    pub clock_fields: Vec<usize>,
}

impl Transformed {
    /// Whether the User must sign.
    pub fn is_critical(&self) -> bool {
        self.entry.criticality == Criticality::Critical
    }
}

/// Why no Command can be made of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// The request's parts do not fit each other.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The request is for the DCC itself.
    #[error("{0} is a service of the DCC: it makes no Command")]
    NonDevice(Srv),
    /// The body is a Command already.
    #[error("the body is a Signed Pre-Command already")]
    AlreadyTransformed,
    /// The service does not apply to this type of device, or its values are for another fuel.
    #[error("{srv} as asked does not apply to a device of type {device}")]
    Device {
        /// The service asked for.
        srv: Srv,
        /// The type of the target.
        device: DeviceType,
    },
    /// A date that the command has no room for.
    #[error("execution date {0} cannot be written in a command to a gas meter (2000 to 2136)")]
    Date(Time),
    /// The service is not supported yet.
    #[error("{srv} {element} for {device} is not supported yet")]
    NotSupported {
        /// The service asked for.
        srv: Srv,
        /// Its body element.
        element: &'static str,
        /// The type of the target.
        device: DeviceType,
    },
}

impl TransformError {
    /// What the DCC answers; `None` where the fault is ours.
    pub fn response_code(&self) -> Option<ResponseCode> {
        match self {
            Self::Misfit(misfit) => Some(misfit.response_code()),
            Self::NonDevice(_) | Self::AlreadyTransformed | Self::Date(_) => Some(ResponseCode::E12),
            Self::Device { .. } => Some(ResponseCode::E11),
            Self::NotSupported { .. } => None,
        }
    }
}

/// Makes the Command of `request`, originated by the User, for the device of `ctx`.
///
/// The User is taken to be a known remote party of the device, as a supplier is of its meters; commands that the ACB originates
/// in the User's stead (DUIS 4.5) are for later.
pub fn transform(request: &Request, ctx: &TransformContext) -> Result<Transformed, TransformError> {
    let entry = request.check()?;
    let (srv, device) = (entry.srv, ctx.device.kind);
    if let Body::SignedPreCommand(_) = request.body {
        return Err(TransformError::AlreadyTransformed);
    }
    if entry.criticality == Criticality::NonDevice {
        return Err(TransformError::NonDevice(srv));
    }
    if !entry.targets.contains(&device) {
        return Err(TransformError::Device { srv, device });
    }
    let id = request.header.id.command();
    let made = match device {
        DeviceType::Esme => electricity::command(&request.body, &ctx.device, &id),
        DeviceType::Gsme | DeviceType::Gpf => gas::command(&request.body, ctx),
        _ => Ok(None),
    };
    let made = made.map_err(|fault| match fault {
        Fault::Fuel => TransformError::Device { srv, device },
        Fault::Date(at) => TransformError::Date(at),
    })?;
    let not_supported = TransformError::NotSupported { srv, element: request.body.element(), device };
    let Some(Payload { use_case, octets, clock_fields }) = made else { return Err(not_supported) };
    let use_case = *entry.use_cases.iter().find(|u| u.name == use_case).ok_or(not_supported)?;
    let message = Message::plain(GroupingHeader::new(id, use_case.code), octets);
    let header = message.encoded_len() - message.payload.len();
    let clock_fields = clock_fields.into_iter().map(|at| at + header).collect();
    Ok(Transformed { entry, use_case, octets: message.encode(), clock_fields })
}

/// A payload and the use case it is of.
struct Payload {
    use_case: &'static str,
    octets: Vec<u8>,
    /// Offsets of the DCC's clock.
    clock_fields: Vec<usize>,
}

/// An error of the parts below, which know neither service nor device.
enum Fault {
    /// The values are for another fuel.
    Fuel,
    /// No room for this date.
    Date(Time),
}

#[cfg(test)]
mod tests;
