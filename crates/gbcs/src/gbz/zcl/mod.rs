//! ZCL payloads: the general commands, and the cluster commands of Smart Energy that GBCS uses, typed.
mod attribute;
mod commands;
mod field;

pub use attribute::{AttributeRecord, AttributeValue};
pub use commands::*;
pub use field::{BlockThresholds, Date, U24, U48, ZclString};

use super::Unknown;
use crate::envelope::ParseError;
use crate::reader::Reader;
use alloc::vec::Vec;
use core::fmt;
use field::Field;

/// General command: Read Attributes.
pub const READ_ATTRIBUTES: u8 = 0x00;
/// General command: Read Attributes Response.
pub const READ_ATTRIBUTES_RESPONSE: u8 = 0x01;
/// General command: Default Response.
pub const DEFAULT_RESPONSE: u8 = 0x0B;
/// Frame control bit: a command of the cluster, not a general one.
pub const CLUSTER_SPECIFIC: u8 = 0x01;
/// Frame control bit: from the server side to the client side.
pub const FROM_SERVER: u8 = 0x08;
/// Frame control bit: no Default Response wanted.
pub const NO_DEFAULT_RESPONSE: u8 = 0x10;

/// A command of a cluster, with the place it has in ZCL.
pub trait ClusterCommand: Into<Body> {
    /// The cluster.
    const CLUSTER: u16;
    /// ZCL frame control, as most use cases write it.
    const FRAME_CONTROL: u8;
    /// The command identifier.
    const ID: u8;
    /// Its name in Smart Energy.
    const NAME: &'static str;
}

/// What a ZCL payload means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Read Attributes: which.
    ReadAttributes(Vec<u16>),
    /// Read Attributes Response: what they hold.
    ReadAttributesResponse(Vec<AttributeRecord>),
    /// Default Response.
    DefaultResponse {
        /// The command answered; FF where an earlier component failed.
        command: u8,
        /// How it went.
        status: Status,
    },
    /// A command of the cluster.
    Cluster(Command),
    /// A command this crate does not know, or of another length than it has; in its octets.
    Unknown(Unknown),
}

impl Body {
    /// What `octets` mean as the payload of this command. What is of no known form is kept as it is.
    pub fn parse(cluster: u16, frame_control: u8, command: u8, octets: &[u8]) -> Self {
        Self::parse_known(cluster, frame_control, command, octets).unwrap_or_else(|| Self::Unknown(octets.into()))
    }

    /// How what was asked went, as an answer says; what only carries data is a success.
    pub fn result(&self) -> Status {
        match self {
            // A log without entries in the range asked for is no failure (gbcs-messages 8.3).
            Self::DefaultResponse { status: Status::NOT_FOUND, .. } => Status::SUCCESS,
            Self::DefaultResponse { status, .. } => *status,
            Self::ReadAttributesResponse(records) => {
                records.iter().find_map(|record| record.value.as_ref().err()).copied().unwrap_or(Status::SUCCESS)
            }
            Self::Cluster(Command::ConsumerTopUpResponse(answer)) => match answer.result {
                // Accepted, and what it did to the supply (gbcs-messages 14).
                0x10..=0x12 => Status::SUCCESS,
                result => Status(result),
            },
            Self::Cluster(Command::ClearEventLogResponse(answer)) if answer.cleared == 0 => Status::FAILURE,
            _ => Status::SUCCESS,
        }
    }

    fn parse_known(cluster: u16, frame_control: u8, command: u8, octets: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let body = match (frame_control & 0x03, command) {
            (0, READ_ATTRIBUTES) => Self::ReadAttributes(Field::read(&mut reader, "attribute").ok()?),
            (0, READ_ATTRIBUTES_RESPONSE) => {
                Self::ReadAttributesResponse(Field::read(&mut reader, "attribute record").ok()?)
            }
            (0, DEFAULT_RESPONSE) => Self::DefaultResponse {
                command: reader.octet("command").ok()?,
                status: Status(reader.octet("status").ok()?),
            },
            (1, _) => {
                Self::Cluster(Command::read(cluster, frame_control & FROM_SERVER != 0, command, &mut reader)?.ok()?)
            }
            _ => return None,
        };
        (reader.left() == 0).then_some(body)
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::ReadAttributes(attributes) => attributes.field_len(),
            Self::ReadAttributesResponse(records) => records.field_len(),
            Self::DefaultResponse { .. } => 2,
            Self::Cluster(command) => command.encoded_len(),
            Self::Unknown(octets) => octets.len(),
        }
    }

    /// Append the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::ReadAttributes(attributes) => attributes.write(out),
            Self::ReadAttributesResponse(records) => records.write(out),
            Self::DefaultResponse { command, status } => out.extend_from_slice(&[*command, status.0]),
            Self::Cluster(command) => command.encode(out),
            Self::Unknown(octets) => out.extend_from_slice(octets),
        }
    }
}

/// The name of a command, general or of a cluster, where this crate knows it.
pub fn command_name(cluster: u16, frame_control: u8, command: u8) -> Option<&'static str> {
    match (frame_control & 0x03, command) {
        (0, READ_ATTRIBUTES) => Some("Read Attributes"),
        (0, READ_ATTRIBUTES_RESPONSE) => Some("Read Attributes Response"),
        (0, DEFAULT_RESPONSE) => Some("Default Response"),
        (1, _) => Command::name_of(cluster, frame_control & FROM_SERVER != 0, command),
        _ => None,
    }
}

/// A ZCL status. Unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u8);

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0x00);
    /// Not done; also of every component behind one that failed.
    pub const FAILURE: Self = Self(0x01);
    /// Not allowed.
    pub const NOT_AUTHORIZED: Self = Self(0x7E);
    /// The payload is no payload of the command.
    pub const MALFORMED_COMMAND: Self = Self(0x80);
    /// The cluster has no such command.
    pub const UNSUP_CLUSTER_COMMAND: Self = Self(0x81);
    /// A field is out of range.
    pub const INVALID_FIELD: Self = Self(0x85);
    /// No such attribute.
    pub const UNSUPPORTED_ATTRIBUTE: Self = Self(0x86);
    /// A value is out of range.
    pub const INVALID_VALUE: Self = Self(0x87);
    /// A log has nothing in the range asked for; not a failure (GBCS 7.2.10).
    pub const NOT_FOUND: Self = Self(0x8B);
    /// The hardware failed.
    pub const HARDWARE_FAILURE: Self = Self(0xC0);

    /// Whether it is done.
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }

    /// The name ZCL gives the number, if it gives one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00 => "SUCCESS",
            0x01 => "FAILURE",
            0x7E => "NOT_AUTHORIZED",
            0x80 => "MALFORMED_COMMAND",
            0x81 => "UNSUP_CLUSTER_COMMAND",
            0x82 => "UNSUP_GENERAL_COMMAND",
            0x85 => "INVALID_FIELD",
            0x86 => "UNSUPPORTED_ATTRIBUTE",
            0x87 => "INVALID_VALUE",
            0x88 => "READ_ONLY",
            0x89 => "INSUFFICIENT_SPACE",
            0x8A => "DUPLICATE_EXISTS",
            0x8B => "NOT_FOUND",
            0x8C => "UNREPORTABLE_ATTRIBUTE",
            0x8D => "INVALID_DATA_TYPE",
            0x94 => "TIMEOUT",
            0xC0 => "HARDWARE_FAILURE",
            0xC1 => "SOFTWARE_FAILURE",
            _ => return None,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:02X}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A structured reader of one field, or of none when the payload may end before it.
pub(crate) type FieldResult<T> = Result<T, ParseError>;
