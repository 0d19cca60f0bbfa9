//! The ZigBee Encapsulation Protocol, version 2: 802.15.4 frames in UDP, which Wireshark shows as they pass.
use crate::mac::MAX_PSDU;
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use gbcs::Time;

/// The UDP port.
pub const PORT: u16 = 17754;
/// Octets in front of a frame.
pub const HEADER_LEN: usize = 32;

/// Seconds from the NTP epoch (1900) to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// Says that the frame ends with its frame check sequence, not with a link quality.
const CRC_MODE: u8 = 1;
const VERSION: u8 = 2;
const DATA: u8 = 1;

/// One frame and what the capturing device tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Radio channel, 11 to 26 at 2.4 GHz.
    pub channel: u8,
    /// Who captured or sent it: tells participants of one UDP medium apart.
    pub device: u16,
    /// Link quality.
    pub lqi: u8,
    /// When, as an NTP timestamp (32.32 fixed point since 1900).
    pub timestamp: u64,
    /// Running number.
    pub sequence: u32,
    /// The PSDU with its frame check sequence, at most 127 octets.
    pub psdu: &'a [u8],
}

impl<'a> Packet<'a> {
    /// A frame of this device at this time.
    pub const fn new(channel: u8, device: u16, at: Time, sequence: u32, psdu: &'a [u8]) -> Self {
        let fraction = ((at.0 % 1000) << 32) / 1000;
        Self { channel, device, lqi: 0xFF, timestamp: (at.seconds() + NTP_TO_UNIX) << 32 | fraction, sequence, psdu }
    }

    /// Reads the payload of a UDP datagram.
    ///
    /// # Errors
    /// Another protocol, version or packet type; no frame check sequence; a length that is not that of the frame.
    pub fn parse(udp: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(udp, "ZEP packet");
        if r.array()? != [b'E', b'X', VERSION, DATA] {
            return Err(ParseError::Unsupported("ZEP version or packet type"));
        }
        let channel = r.u8()?;
        let device = u16::from_be_bytes(r.array()?);
        if r.u8()? != CRC_MODE {
            return Err(ParseError::Unsupported("ZEP packet without frame check sequence"));
        }
        let lqi = r.u8()?;
        let timestamp = u64::from_be_bytes(r.array()?);
        let sequence = u32::from_be_bytes(r.array()?);
        if r.array()? != [0; 10] {
            return Err(ParseError::Unsupported("reserved octets of ZEP"));
        }
        let len = r.u8()? as usize;
        if len > MAX_PSDU {
            return Err(ParseError::Unsupported("PSDU longer than 127 octets"));
        }
        let psdu = r.take(len)?;
        r.finish(Self { channel, device, lqi, timestamp, sequence, psdu })
    }

    /// Length of the UDP payload.
    pub const fn encoded_len(&self) -> usize {
        HEADER_LEN + self.psdu.len()
    }

    /// Appends the UDP payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([b'E', b'X', VERSION, DATA, self.channel]);
        out.extend(self.device.to_be_bytes());
        out.extend([CRC_MODE, self.lqi]);
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
        out.extend([0; 10]);
        out.push(self.psdu.len() as u8);
        out.extend(self.psdu);
    }

    /// The UDP payload as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }
}
