//! ZigBee Cluster Library frames (han.md 11.7), and the clusters a GBCS home needs.
pub mod attributes;
pub mod display;
pub mod mirror;
pub mod time;
pub mod tunneling;

use crate::wire::{ParseError, Reader, open_enum};
use alloc::vec::Vec;

open_enum! {
    /// The status of a ZCL answer.
    Status: u8 {
        /// Done.
        Success = 0x00,
        /// Not done, for no reason named here.
        Failure = 0x01,
        /// The sender may not do this.
        NotAuthorized = 0x7E,
        /// The payload is not that of the command.
        MalformedCommand = 0x80,
        /// The cluster has no such command here.
        UnsupportedClusterCommand = 0x81,
        /// The profile has no such command here.
        UnsupportedGeneralCommand = 0x82,
        /// A field has a value that it may not have.
        InvalidField = 0x85,
        /// The cluster has no such attribute here.
        UnsupportedAttribute = 0x86,
        /// What was named does not exist.
        NotFound = 0x8B,
        /// Took too long.
        Timeout = 0x94,
    }
}

/// Identifiers of the global commands in use.
pub mod global {
    /// Read Attributes.
    pub const READ_ATTRIBUTES: u8 = 0x00;
    /// Read Attributes Response.
    pub const READ_ATTRIBUTES_RESPONSE: u8 = 0x01;
    /// Report Attributes.
    pub const REPORT_ATTRIBUTES: u8 = 0x0A;
    /// Default Response.
    pub const DEFAULT_RESPONSE: u8 = 0x0B;
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the cluster's client to its server.
    ToServer,
    /// From the cluster's server to its client.
    ToClient,
}

impl Direction {
    /// The way back.
    pub const fn reversed(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// A ZCL frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The command is one of the cluster; otherwise a global one.
    pub cluster_specific: bool,
    /// The manufacturer whose command it is, if it is none of the standard's.
    pub manufacturer: Option<u16>,
    /// Which way.
    pub direction: Direction,
    /// The receiver must not answer success with a Default Response.
    pub disable_default_response: bool,
    /// Transaction sequence number, echoed by answers.
    pub tsn: u8,
    /// Command identifier.
    pub command: u8,
    /// The command's payload.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a ZCL frame.
    ///
    /// # Errors
    /// Octets that end too early, an unknown frame type or reserved bits.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(octets, "ZCL frame");
        let control = r.u8()?;
        if control & 0xE2 != 0 {
            return Err(ParseError::Unsupported("ZCL frame type or reserved bits"));
        }
        let manufacturer = if control & 0x04 != 0 { Some(r.u16()?) } else { None };
        let tsn = r.u8()?;
        let command = r.u8()?;
        Ok(Self {
            cluster_specific: control & 1 != 0,
            manufacturer,
            direction: if control & 0x08 != 0 { Direction::ToClient } else { Direction::ToServer },
            disable_default_response: control & 0x10 != 0,
            tsn,
            command,
            payload: r.rest(),
        })
    }

    /// Length of the encoded frame.
    pub fn encoded_len(&self) -> usize {
        3 + self.manufacturer.map_or(0, |_| 2) + self.payload.len()
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(
            self.cluster_specific as u8
                | (self.manufacturer.is_some() as u8) << 2
                | ((self.direction == Direction::ToClient) as u8) << 3
                | (self.disable_default_response as u8) << 4,
        );
        if let Some(manufacturer) = self.manufacturer {
            out.extend(manufacturer.to_le_bytes());
        }
        out.push(self.tsn);
        out.push(self.command);
        out.extend(self.payload);
    }

    /// The frame as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }

    /// The Default Response to this frame, as octets.
    pub fn default_response(&self, status: Status) -> Vec<u8> {
        let payload = DefaultResponse { command: self.command, status }.octets();
        Frame {
            cluster_specific: false,
            manufacturer: self.manufacturer,
            direction: self.direction.reversed(),
            disable_default_response: true,
            tsn: self.tsn,
            command: global::DEFAULT_RESPONSE,
            payload: &payload,
        }
        .to_vec()
    }

    /// The Default Response that this frame is, if it is one.
    pub fn as_default_response(&self) -> Option<DefaultResponse> {
        if self.cluster_specific || self.command != global::DEFAULT_RESPONSE {
            return None;
        }
        DefaultResponse::parse(self.payload).ok()
    }
}

/// Payload of a Default Response: which command it answers and how that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultResponse {
    /// The command answered.
    pub command: u8,
    /// How it went.
    pub status: Status,
}

impl DefaultResponse {
    /// Reads the two octets.
    ///
    /// # Errors
    /// More or fewer octets.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Default Response");
        let response = Self { command: r.u8()?, status: r.u8()?.into() };
        r.finish(response)
    }

    /// Two octets.
    pub const fn encoded_len(&self) -> usize {
        2
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.octets());
    }

    fn octets(&self) -> [u8; 2] {
        [self.command, self.status.into()]
    }
}
