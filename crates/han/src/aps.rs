//! ZigBee PRO application support frames (han.md 11.4, 11.5).
use crate::security::{self, Aux, Key, SecurityError};
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use gbcs::Eui64;

/// The kind of an APS frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The payload is for an endpoint.
    Data,
    /// The payload is an APS command.
    Command,
    /// The acknowledgement of a data frame or of one block of it.
    Ack,
}

/// From which endpoint to which, under which cluster and profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// Endpoint of the receiver.
    pub destination: u8,
    /// Cluster.
    pub cluster: u16,
    /// Profile.
    pub profile: u16,
    /// Endpoint of the sender.
    pub source: u8,
}

impl Endpoints {
    /// The same seen from the other side, as an acknowledgement carries it.
    pub const fn swapped(self) -> Self {
        Self { destination: self.source, source: self.destination, ..self }
    }
}

/// The extended header: which block of a fragmented datagram a frame carries or acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The first block; in data its `number` is then the count of all blocks.
    pub first: bool,
    /// Which block (first block: how many in all; in an acknowledgement: the first of the window).
    pub number: u8,
    /// In an acknowledgement only: which blocks of the window arrived, bit 0 the first.
    pub received: Option<u8>,
}

/// An APS frame. When `security` is set, `payload` is the ciphertext and its MIC in a frame as parsed or encoded, and the
/// clear payload in a frame to [`seal`](Frame::seal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Data, command or acknowledgement.
    pub kind: Kind,
    /// Sent to every device of the network (delivery mode 2) instead of one.
    pub broadcast: bool,
    /// The receiver must acknowledge.
    pub ack_request: bool,
    /// Absent in a command and in the acknowledgement of one.
    pub endpoints: Option<Endpoints>,
    /// The sender's counter, the same in every block and retry of one datagram, and in its acknowledgements.
    pub counter: u8,
    /// The extended header.
    pub block: Option<Block>,
    /// The auxiliary header of a frame under a link key.
    pub security: Option<Aux>,
    /// What the frame carries.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads an APS frame.
    ///
    /// # Errors
    /// Octets that end too early; indirect or group delivery, unknown frame types, reserved bits.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(octets, "APS frame");
        let control = r.u8()?;
        let kind = match control & 3 {
            0 => Kind::Data,
            1 => Kind::Command,
            2 => Kind::Ack,
            _ => return Err(ParseError::Unsupported("APS frame type")),
        };
        let broadcast = match control >> 2 & 3 {
            0 => false,
            2 => true,
            _ => return Err(ParseError::Unsupported("APS delivery mode")),
        };
        let of_command = control & 0x10 != 0;
        if of_command && kind != Kind::Ack {
            return Err(ParseError::Unsupported("APS acknowledgement format outside an acknowledgement"));
        }
        let endpoints = if kind == Kind::Command || of_command {
            None
        } else {
            Some(Endpoints { destination: r.u8()?, cluster: r.u16()?, profile: r.u16()?, source: r.u8()? })
        };
        let counter = r.u8()?;
        let block = if control & 0x80 != 0 {
            let first = match r.u8()? {
                1 => true,
                2 => false,
                _ => return Err(ParseError::Unsupported("APS extended header")),
            };
            let number = r.u8()?;
            let received = if kind == Kind::Ack { Some(r.u8()?) } else { None };
            Some(Block { first, number, received })
        } else {
            None
        };
        let security = if control & 0x20 != 0 { Some(Aux::parse(&mut r)?) } else { None };
        Ok(Self {
            kind,
            broadcast,
            ack_request: control & 0x40 != 0,
            endpoints,
            counter,
            block,
            security,
            payload: r.rest(),
        })
    }

    /// Length of the frame as it is, nothing sealed.
    pub fn encoded_len(&self) -> usize {
        let endpoints = if self.endpoints.is_some() { 6 } else { 0 };
        let block = self.block.map_or(0, |block| 2 + block.received.is_some() as usize);
        2 + endpoints + block + self.security.map_or(0, |aux| aux.encoded_len()) + self.payload.len()
    }

    /// Appends the frame as it is, nothing sealed.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_header(out);
        out.extend(self.payload);
    }

    /// The frame as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }

    /// The frame with its clear payload encrypted under the link key that `sender` shares with the receiver.
    ///
    /// # Errors
    /// No auxiliary header.
    pub fn seal(&self, key: &Key, sender: Eui64) -> Result<Vec<u8>, SecurityError> {
        let aux = self.security.as_ref().ok_or(SecurityError::Unprotected)?;
        security::seal(key, aux.source.unwrap_or(sender), aux, self.header(), self.payload)
    }

    /// The clear payload of a protected frame that `sender` made.
    ///
    /// # Errors
    /// No auxiliary header, or a MIC that does not match.
    pub fn open(&self, key: &Key, sender: Eui64) -> Result<Vec<u8>, SecurityError> {
        let aux = self.security.as_ref().ok_or(SecurityError::Unprotected)?;
        security::open(key, aux.source.unwrap_or(sender), aux, &self.header(), self.payload)
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len() + security::MIC_LEN);
        self.encode_header(&mut out);
        out
    }

    fn encode_header(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Data => 0,
            Kind::Command => 1,
            Kind::Ack => 2,
        };
        let of_command = self.kind == Kind::Ack && self.endpoints.is_none();
        out.push(
            kind | (self.broadcast as u8) << 3
                | (of_command as u8) << 4
                | (self.security.is_some() as u8) << 5
                | (self.ack_request as u8) << 6
                | (self.block.is_some() as u8) << 7,
        );
        if let Some(endpoints) = self.endpoints {
            out.push(endpoints.destination);
            out.extend(endpoints.cluster.to_le_bytes());
            out.extend(endpoints.profile.to_le_bytes());
            out.push(endpoints.source);
        }
        out.push(self.counter);
        if let Some(block) = self.block {
            out.push(if block.first { 1 } else { 2 });
            out.push(block.number);
            out.extend(block.received);
        }
        if let Some(aux) = &self.security {
            aux.encode(out);
        }
    }
}
