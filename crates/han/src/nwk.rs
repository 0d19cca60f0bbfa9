//! ZigBee PRO network frames (han.md 11.3).
use crate::mac::ShortAddress;
use crate::security::{self, Aux, Key, SecurityError};
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use gbcs::Eui64;

/// The kind of a network frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The payload is an APS frame.
    Data,
    /// The payload is a network command.
    Command,
}

/// A network frame of protocol version 2. When `security` is set, `payload` is the ciphertext and its MIC in a frame as
/// parsed or encoded, and the clear payload in a frame to [`seal`](Frame::seal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Data or command.
    pub kind: Kind,
    /// Route discovery, 0 to 3; 1 enables it.
    pub route_discovery: u8,
    /// The first sender is an end device.
    pub end_device_initiator: bool,
    /// To whom.
    pub destination: ShortAddress,
    /// From whom.
    pub source: ShortAddress,
    /// Hops left.
    pub radius: u8,
    /// The source's sequence number.
    pub sequence: u8,
    /// EUI-64 of the destination, when written out.
    pub destination_ieee: Option<Eui64>,
    /// EUI-64 of the source, when written out; with it a capture decrypts on its own.
    pub source_ieee: Option<Eui64>,
    /// The auxiliary header of a frame under the network key.
    pub security: Option<Aux>,
    /// An APS frame or a network command.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a network frame.
    ///
    /// # Errors
    /// Octets that end too early; another protocol version, inter-PAN frames, multicast, source routes, reserved bits.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(octets, "NWK frame");
        let control = r.u16()?;
        let kind = match control & 3 {
            0 => Kind::Data,
            1 => Kind::Command,
            _ => return Err(ParseError::Unsupported("NWK frame type")),
        };
        if control >> 2 & 0xF != 2 {
            return Err(ParseError::Unsupported("NWK protocol version"));
        }
        if control & 0xC500 != 0 {
            return Err(ParseError::Unsupported("NWK multicast, source route or reserved bits"));
        }
        let destination = ShortAddress(r.u16()?);
        let source = ShortAddress(r.u16()?);
        let radius = r.u8()?;
        let sequence = r.u8()?;
        let destination_ieee = if control & 0x0800 != 0 { Some(r.eui()?) } else { None };
        let source_ieee = if control & 0x1000 != 0 { Some(r.eui()?) } else { None };
        let security = if control & 0x0200 != 0 { Some(Aux::parse(&mut r)?) } else { None };
        Ok(Self {
            kind,
            route_discovery: (control >> 6 & 3) as u8,
            end_device_initiator: control & 0x2000 != 0,
            destination,
            source,
            radius,
            sequence,
            destination_ieee,
            source_ieee,
            security,
            payload: r.rest(),
        })
    }

    /// Length of the frame as it is, nothing sealed.
    pub fn encoded_len(&self) -> usize {
        self.header_len() + self.payload.len()
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

    /// The frame with its clear payload encrypted under `key`.
    ///
    /// # Errors
    /// No auxiliary header, or none that names the source.
    pub fn seal(&self, key: &Key) -> Result<Vec<u8>, SecurityError> {
        let (aux, source) = self.protection()?;
        security::seal(key, source, aux, self.header(), self.payload)
    }

    /// The clear payload of a protected frame.
    ///
    /// # Errors
    /// No auxiliary header, no source, or a MIC that does not match.
    pub fn open(&self, key: &Key) -> Result<Vec<u8>, SecurityError> {
        let (aux, source) = self.protection()?;
        security::open(key, source, aux, &self.header(), self.payload)
    }

    fn protection(&self) -> Result<(&Aux, Eui64), SecurityError> {
        let aux = self.security.as_ref().ok_or(SecurityError::Unprotected)?;
        Ok((aux, aux.source.or(self.source_ieee).ok_or(SecurityError::UnknownSource)?))
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len() + security::MIC_LEN);
        self.encode_header(&mut out);
        out
    }

    fn header_len(&self) -> usize {
        let euis = self.destination_ieee.is_some() as usize + self.source_ieee.is_some() as usize;
        8 + 8 * euis + self.security.map_or(0, |aux| aux.encoded_len())
    }

    fn encode_header(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Data => 0,
            Kind::Command => 1,
        };
        let control = kind
            | 2 << 2
            | ((self.route_discovery & 3) as u16) << 6
            | (self.security.is_some() as u16) << 9
            | (self.destination_ieee.is_some() as u16) << 11
            | (self.source_ieee.is_some() as u16) << 12
            | (self.end_device_initiator as u16) << 13;
        out.extend(control.to_le_bytes());
        out.extend(self.destination.0.to_le_bytes());
        out.extend(self.source.0.to_le_bytes());
        out.push(self.radius);
        out.push(self.sequence);
        for eui in [self.destination_ieee, self.source_ieee].into_iter().flatten() {
            out.extend(eui.to_le());
        }
        if let Some(aux) = &self.security {
            aux.encode(out);
        }
    }
}
