//! IEEE 802.15.4-2003 MAC frames, 2.4 GHz (han.md 11.2).
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use core::fmt;
use gbcs::Eui64;

/// The longest PHY payload: one MAC frame with its frame check sequence.
pub const MAX_PSDU: usize = 127;

/// A short address: the 16-bit name of a device inside one PAN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortAddress(pub u16);

impl ShortAddress {
    /// The coordinator, which in a GBCS home is the Communications Hub.
    pub const COORDINATOR: Self = Self(0x0000);
    /// Every device.
    pub const BROADCAST: Self = Self(0xFFFF);
}

impl fmt::Debug for ShortAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}", self.0)
    }
}

/// The identifier of a Personal Area Network.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PanId(pub u16);

impl PanId {
    /// Any network.
    pub const BROADCAST: Self = Self(0xFFFF);
}

impl fmt::Debug for PanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}", self.0)
    }
}

/// How a MAC frame names a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// By its address in the PAN.
    Short(ShortAddress),
    /// By its EUI-64.
    Extended(Eui64),
}

impl Address {
    const fn mode(self) -> u16 {
        match self {
            Self::Short(_) => 2,
            Self::Extended(_) => 3,
        }
    }

    const fn encoded_len(self) -> usize {
        match self {
            Self::Short(_) => 2,
            Self::Extended(_) => 8,
        }
    }

    fn parse(mode: u16, r: &mut Reader<'_>) -> Result<Self, ParseError> {
        match mode {
            2 => Ok(Self::Short(ShortAddress(r.u16()?))),
            3 => Ok(Self::Extended(r.eui()?)),
            _ => Err(ParseError::Unsupported("MAC addressing mode 1")),
        }
    }

    fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Short(address) => out.extend(address.0.to_le_bytes()),
            Self::Extended(eui) => out.extend(eui.to_le()),
        }
    }
}

/// The kind of a MAC frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A beacon.
    Beacon,
    /// The payload is a NWK frame.
    Data,
    /// The immediate acknowledgement of the frame with the same sequence number.
    Ack,
    /// The payload starts with a command identifier, see [`DATA_REQUEST`].
    Command,
}

/// Command identifier by which a sleepy child asks its parent for what it holds.
pub const DATA_REQUEST: u8 = 4;

/// A MAC frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Beacon, data, acknowledgement or command.
    pub kind: Kind,
    /// The sender holds more for the receiver.
    pub frame_pending: bool,
    /// The receiver must acknowledge.
    pub ack_request: bool,
    /// Frame version, 0 or 1.
    pub version: u8,
    /// Sequence number, echoed by the acknowledgement.
    pub sequence: u8,
    /// To whom, in which PAN.
    pub destination: Option<(PanId, Address)>,
    /// From whom; no PAN when it is the destination's (PAN compression).
    pub source: Option<(Option<PanId>, Address)>,
    /// What the frame carries, without the frame check sequence.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A unicast data frame inside one PAN that asks for an acknowledgement (`61 88`).
    pub const fn data(
        pan: PanId,
        destination: ShortAddress,
        source: ShortAddress,
        sequence: u8,
        payload: &'a [u8],
    ) -> Self {
        Self {
            kind: Kind::Data,
            frame_pending: false,
            ack_request: true,
            version: 0,
            sequence,
            destination: Some((pan, Address::Short(destination))),
            source: Some((None, Address::Short(source))),
            payload,
        }
    }

    /// The poll of a sleepy child (`63 88`).
    pub const fn data_request(pan: PanId, parent: ShortAddress, child: ShortAddress, sequence: u8) -> Self {
        Self { kind: Kind::Command, ..Frame::data(pan, parent, child, sequence, &[DATA_REQUEST]) }
    }

    /// The acknowledgement of the frame with this sequence number.
    pub const fn ack(sequence: u8, frame_pending: bool) -> Self {
        Self {
            kind: Kind::Ack,
            frame_pending,
            ack_request: false,
            version: 0,
            sequence,
            destination: None,
            source: None,
            payload: &[],
        }
    }

    /// Reads a PSDU, frame check sequence included.
    ///
    /// # Errors
    /// More octets than a frame has, a wrong frame check sequence, MAC security, reserved bits, or octets that end too early.
    pub fn parse(psdu: &'a [u8]) -> Result<Self, ParseError> {
        if psdu.len() > MAX_PSDU {
            return Err(ParseError::Trailing("the longest MAC frame"));
        }
        let (octets, check) = psdu.split_last_chunk::<2>().ok_or(ParseError::Truncated("MAC frame"))?;
        if u16::from_le_bytes(*check) != frame_check(octets) {
            return Err(ParseError::FrameCheck);
        }
        let mut r = Reader::new(octets, "MAC frame");
        let control = r.u16()?;
        let kind = match control & 7 {
            0 => Kind::Beacon,
            1 => Kind::Data,
            2 => Kind::Ack,
            3 => Kind::Command,
            _ => return Err(ParseError::Unsupported("MAC frame type")),
        };
        if control & 0x0008 != 0 {
            return Err(ParseError::Unsupported("MAC security"));
        }
        let version = (control >> 12 & 3) as u8;
        if control & 0x0380 != 0 || version > 1 {
            return Err(ParseError::Unsupported("MAC frame version or reserved bits"));
        }
        let compressed = control & 0x0040 != 0;
        let sequence = r.u8()?;
        let destination = match control >> 10 & 3 {
            0 => None,
            mode => Some((PanId(r.u16()?), Address::parse(mode, &mut r)?)),
        };
        let source = match control >> 14 {
            0 if compressed => return Err(ParseError::Unsupported("PAN compression without both addresses")),
            0 => None,
            _ if compressed && destination.is_none() => {
                return Err(ParseError::Unsupported("PAN compression without both addresses"));
            }
            mode => {
                let pan = if compressed { None } else { Some(PanId(r.u16()?)) };
                Some((pan, Address::parse(mode, &mut r)?))
            }
        };
        Ok(Self {
            kind,
            frame_pending: control & 0x0010 != 0,
            ack_request: control & 0x0020 != 0,
            version,
            sequence,
            destination,
            source,
            payload: r.rest(),
        })
    }

    /// Length of the PSDU.
    pub fn encoded_len(&self) -> usize {
        let destination = self.destination.map_or(0, |(_, address)| 2 + address.encoded_len());
        let source = self.source.map_or(0, |(pan, address)| if pan.is_some() { 2 } else { 0 } + address.encoded_len());
        3 + destination + source + self.payload.len() + 2
    }

    /// Appends the PSDU, frame check sequence included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = match self.kind {
            Kind::Beacon => 0,
            Kind::Data => 1,
            Kind::Ack => 2,
            Kind::Command => 3,
        };
        let compressed = matches!(self.source, Some((None, _)));
        let control = kind
            | (self.frame_pending as u16) << 4
            | (self.ack_request as u16) << 5
            | (compressed as u16) << 6
            | self.destination.map_or(0, |(_, address)| address.mode()) << 10
            | ((self.version & 3) as u16) << 12
            | self.source.map_or(0, |(_, address)| address.mode()) << 14;
        out.extend(control.to_le_bytes());
        out.push(self.sequence);
        if let Some((pan, address)) = self.destination {
            out.extend(pan.0.to_le_bytes());
            address.encode(out);
        }
        if let Some((pan, address)) = self.source {
            if let Some(pan) = pan {
                out.extend(pan.0.to_le_bytes());
            }
            address.encode(out);
        }
        out.extend(self.payload);
        let check = frame_check(&out[start..]);
        out.extend(check.to_le_bytes());
    }

    /// The PSDU as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }
}

/// The frame check sequence: CRC-16, polynomial 0x8408 reflected, initial value 0.
pub fn frame_check(octets: &[u8]) -> u16 {
    octets.iter().fold(0, |mut crc, octet| {
        crc ^= *octet as u16;
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
        }
        crc
    })
}
