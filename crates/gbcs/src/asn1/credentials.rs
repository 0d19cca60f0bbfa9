//! Security credentials: CS02a and CS02f ask what a device holds, CS02b and CS02g replace it (GBCS 13.2, 13.3; gbcs-messages.md 11.1,
//! 11.2).
use super::numbered::{CellStatus, CellUsage, PathValidityChecks, ReplacementMode, Specialist};
use super::scalar::{CertificateDer, DateTime, KeyIdentifier, KeyUsages, SymmetricKey};
use crate::certificate::{KeyUsage, Role};
use crate::ids::{Counter, Eui64, MessageCode};
use alloc::vec::Vec;
use der::asn1::Null;
use der::{DecodeValue, Encode, EncodeValue, FixedTag, Header, Length, Reader, Sequence, Tag, Writer};

/// Which trust anchor cell of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Cell {
    /// Whose credentials it holds.
    pub role: Role,
    /// What the key in it is for.
    pub usage: KeyUsages,
    /// What a key agreement key in it is for.
    #[asn1(default = "Default::default")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "CellUsage::is_management"))]
    pub cell_usage: CellUsage,
}

impl Cell {
    /// The cell for messages of a role.
    pub fn new(role: Role, usage: KeyUsage) -> Self {
        Self { role, usage: usage.into(), cell_usage: CellUsage::Management }
    }

    /// The cell of the supplier's key for UTRNs.
    pub const PREPAYMENT_TOP_UP: Self =
        Self { role: Role::Supplier, usage: KeyUsages::KEY_AGREEMENT, cell_usage: CellUsage::PrepaymentTopUp };
}

/// CS02a or CS02f Command: what do you hold of these roles?
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct CredentialsRequest {
    /// The cell of the party that asks: the device checks the Command with it.
    pub requester: Cell,
    /// The roles asked for, in the order in which the Response answers them.
    pub roles: Vec<Role>,
}

/// What a CS02a or CS02f Response says of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct RoleCredentials {
    /// The role asked for.
    pub role: Role,
    /// Whether the device holds credentials of it.
    pub status: CellStatus,
    /// What it holds, when it does.
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub held: Option<HeldCredentials>,
}

/// What a device holds of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct HeldCredentials {
    /// The last counter executed for the role's update of credentials.
    pub counter: Counter,
    /// Its cells.
    pub cells: Vec<HeldCell>,
}

/// What one cell of a device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct HeldCell {
    /// What its key is for.
    pub usage: KeyUsages,
    /// What a key agreement key is for.
    #[asn1(default = "Default::default")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "CellUsage::is_management"))]
    pub cell_usage: CellUsage,
    /// Whom its certificate names.
    pub subject: Eui64,
    /// Which key it is.
    pub key: KeyIdentifier,
}

impl RoleCredentials {
    /// Credentials that are there.
    pub fn held(role: Role, counter: Counter, cells: impl Into<Vec<HeldCell>>) -> Self {
        Self { role, status: CellStatus::Success, held: Some(HeldCredentials { counter, cells: cells.into() }) }
    }

    /// Credentials that are not.
    pub const fn refused(role: Role, status: CellStatus) -> Self {
        Self { role, status, held: None }
    }
}

impl<'a> DecodeValue<'a> for RoleCredentials {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _: Header) -> der::Result<Self> {
        let (role, status) = (reader.decode()?, reader.decode()?);
        let held = match reader.is_finished() {
            true => None,
            false => Some(HeldCredentials { counter: reader.decode()?, cells: reader.decode()? }),
        };
        Ok(Self { role, status, held })
    }
}

impl EncodeValue for RoleCredentials {
    fn value_len(&self) -> der::Result<Length> {
        let len = (self.role.encoded_len()? + self.status.encoded_len()?)?;
        match &self.held {
            None => Ok(len),
            Some(held) => len + held.counter.encoded_len()? + held.cells.encoded_len()?,
        }
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.role.encode(writer)?;
        self.status.encode(writer)?;
        match &self.held {
            None => Ok(()),
            Some(held) => held.counter.encode(writer).and_then(|()| held.cells.encode(writer)),
        }
    }
}

impl FixedTag for RoleCredentials {
    const TAG: Tag = Tag::Sequence;
}

/// CS02b or CS02g Command: replace credentials, now or later.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct CredentialsUpdate {
    /// On whose word, and from which counters on.
    pub control: UpdateControl,
    /// The new certificates.
    pub replacements: Vec<Replacement>,
    /// What leads from them to the root: issuing certificates.
    pub path: Vec<CertificateDer>,
    /// When; at once without it, and [`DateTime::NEVER`] cancels what waits.
    #[asn1(optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub execution: Option<DateTime>,
}

/// On whose word credentials are replaced, and what counters count from then on.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct UpdateControl {
    /// Whose, on whose word.
    pub mode: ReplacementMode,
    /// Of the contingency only.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub symmetric_key: Option<SymmetricKey>,
    /// They apply without it.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub path_validity_checks: Option<PathValidityChecks>,
    /// The cell of the party whose word it is; absent when the Access Control Broker replaces its own.
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub authorising: Option<Cell>,
    /// The Originator Counter of the Command.
    #[asn1(context_specific = "3", tag_mode = "IMPLICIT")]
    pub counter: Counter,
    /// What the new party's counters must pass; the Command's counter without it.
    #[asn1(context_specific = "4", tag_mode = "IMPLICIT", optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub floor: Option<Counter>,
    /// The same of its special counters.
    #[asn1(context_specific = "5", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub specialist_floors: Option<Vec<SpecialistFloor>>,
    /// The same of other parties whose credentials change.
    #[asn1(context_specific = "6", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub other_floors: Option<Vec<PartyFloor>>,
}

/// What a special counter must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct SpecialistFloor {
    /// Which.
    pub specialist: Specialist,
    /// It must be above this.
    pub floor: Counter,
}

/// What a party's counters must pass.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct PartyFloor {
    /// The party.
    pub role: Role,
    /// Its counters must be above this.
    pub floor: Counter,
    /// Its special counters.
    #[asn1(optional = "true")]
    #[cfg_attr(feature = "std", serde(default, skip_serializing_if = "Option::is_none"))]
    pub specialist_floors: Option<Vec<SpecialistFloor>>,
}

/// A certificate and the cell it is for.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Replacement {
    /// The certificate.
    pub certificate: CertificateDer,
    /// The cell.
    pub cell: Cell,
}

impl CredentialsUpdate {
    /// A replacement at once, of what `control` says.
    pub fn new(control: UpdateControl, replacements: Vec<Replacement>, path: Vec<CertificateDer>) -> Self {
        Self { control, replacements, path, execution: None }
    }

    /// The same at a time.
    pub fn at(self, execution: DateTime) -> Self {
        Self { execution: Some(execution), ..self }
    }
}

impl UpdateControl {
    /// On the word of the party in the cell `authorising`, in a Command under this counter; no floors.
    pub fn new(mode: ReplacementMode, authorising: impl Into<Option<Cell>>, counter: Counter) -> Self {
        Self {
            mode,
            symmetric_key: None,
            path_validity_checks: None,
            authorising: authorising.into(),
            counter,
            floor: None,
            specialist_floors: None,
            other_floors: None,
        }
    }
}

impl ReplacementMode {
    /// The mode whose Commands have this message code.
    pub const fn of(code: MessageCode) -> Option<Self> {
        match code.0 {
            0x0100..=0x0109 => Some(Self::from_number(code.0 as u8)),
            0x0125 => Some(Self::LoadControllerByLoadController),
            0x0126 => Some(Self::LoadControllerBySupplier),
            _ => None,
        }
    }

    /// The message code of its Commands.
    pub const fn message_code(self) -> Option<MessageCode> {
        match self.number() {
            number @ 0..=9 => Some(MessageCode(0x0100 + number as u16)),
            10 => Some(MessageCode(0x0125)),
            11 => Some(MessageCode(0x0126)),
            _ => None,
        }
    }
}

/// CS02b or CS02g Response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UpdateResponse(pub(super) Option<UpdateOutcome>);

impl<'a> DecodeValue<'a> for UpdateResponse {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _: Header) -> der::Result<Self> {
        let Null = reader.decode()?;
        reader.decode().map(Self)
    }
}

impl FixedTag for UpdateResponse {
    const TAG: Tag = Tag::Sequence;
}

/// What [`UpdateResponse`] is written from.
pub(super) struct UpdateResponseRef<'a>(pub(super) Option<&'a UpdateOutcome>);

impl EncodeValue for UpdateResponseRef<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Null.encoded_len()? + self.0.map_or(Ok(Length::ZERO), Encode::encoded_len)?
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        Null.encode(writer)?;
        self.0.map_or(Ok(()), |outcome| outcome.encode(writer))
    }
}

impl FixedTag for UpdateResponseRef<'_> {
    const TAG: Tag = Tag::Sequence;
}

/// What became of a replacement.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct UpdateOutcome {
    /// The Originator Counter of the Command.
    pub counter: Counter,
    /// Its mode.
    pub mode: ReplacementMode,
    /// What counters must pass from now on.
    pub floors: Vec<PartyFloor>,
    /// What became of each cell.
    pub cells: Vec<CellOutcome>,
}

/// What became of one cell: old and new are the same when it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct CellOutcome {
    /// Which.
    pub cell: Cell,
    /// Whether it was replaced.
    pub status: CellStatus,
    /// Whom its certificate named.
    pub old_subject: Eui64,
    /// Which key it was.
    pub old_key: KeyIdentifier,
    /// Whom its certificate names.
    pub new_subject: Eui64,
    /// Which key it is.
    pub new_key: KeyIdentifier,
}

/// Alert: a replacement that waited was made, or not.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct UpdateAlert {
    /// Alert code.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_number"))]
    pub code: u16,
    /// When it was executed.
    pub time: DateTime,
    /// What became of it.
    pub outcome: UpdateOutcome,
}
