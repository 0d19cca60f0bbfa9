//! Reading captures: the classic pcap format and pcapng, in either order of octets, as far as a HAN is in them.
//!
//! Frames come as PSDUs with their frame check sequence, whether they were captured as such (link type 195), without it (230), behind
//! a TAP header (283), or in ZEP packets on UDP port 17754 over Ethernet (1) or bare IP (101).
use super::{LinkType, zep};
use crate::mac;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use gbcs::Time;

const PCAP_MICROS: u32 = 0xA1B2_C3D4;
const PCAP_NANOS: u32 = 0xA1B2_3C4D;
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Option of an interface: resolution of its timestamps.
const RESOLUTION: u16 = 9;

/// Why octets are no capture, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset}: {what}")]
pub struct ReadError {
    /// Octets from the start.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// A frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// When it was heard.
    pub at: Time,
    /// The PSDU, frame check sequence included.
    pub psdu: Cow<'a, [u8]>,
}

/// The frames of a capture, in the order they are in it. Packets that are no HAN frames are passed over; after an error there
/// are no more.
pub struct Frames<'a> {
    octets: &'a [u8],
    offset: usize,
    format: Format,
    big_endian: bool,
}

enum Format {
    Pcap {
        link: LinkType,
        nanos: bool,
    },
    Pcapng {
        interfaces: Vec<Interface>,
    },
    /// An error was told.
    Over,
}

/// When, of which link type, and its octets.
type Packet<'a> = (Time, LinkType, &'a [u8]);

#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    /// Units of a timestamp in a second.
    per_second: u64,
}

impl<'a> Frames<'a> {
    /// The frames of these octets, a whole file.
    ///
    /// # Errors
    /// Neither pcap nor pcapng.
    pub fn of(octets: &'a [u8]) -> Result<Self, ReadError> {
        let mut frames = Self { octets, offset: 0, format: Format::Over, big_endian: false };
        let magic = frames.u32("the capture ends within its first four octets")?;
        frames.big_endian = matches!(magic.swap_bytes(), PCAP_MICROS | PCAP_NANOS);
        frames.format = match if frames.big_endian { magic.swap_bytes() } else { magic } {
            magic @ (PCAP_MICROS | PCAP_NANOS) => {
                frames.cut(16, "the header of the capture is cut short")?;
                let link = frames.u32("the header of the capture is cut short")?;
                // The upper bits tell the length of frame check sequences of other links.
                Format::Pcap { link: LinkType(link & 0x0FFF_FFFF), nanos: magic == PCAP_NANOS }
            }
            SECTION_HEADER => {
                frames.offset = 0;
                Format::Pcapng { interfaces: Vec::new() }
            }
            _ => return Err(ReadError { offset: 0, what: "neither a pcap nor a pcapng file" }),
        };
        Ok(frames)
    }

    fn advance(&mut self) -> Result<Option<Captured<'a>>, ReadError> {
        while self.offset < self.octets.len() {
            let (at, link, packet) = match &self.format {
                Format::Pcap { link, nanos } => {
                    let (link, nanos) = (*link, *nanos);
                    const SHORT: &str = "a packet header is cut short";
                    let (seconds, fraction, len) = (self.u32(SHORT)?, self.u32(SHORT)?, self.u32(SHORT)?);
                    self.u32(SHORT)?;
                    let packet = self.cut(len as usize, "a packet is cut short")?;
                    let millis = fraction / if nanos { 1_000_000 } else { 1000 };
                    (Time(u64::from(seconds) * 1000 + u64::from(millis)), link, packet)
                }
                Format::Pcapng { .. } => match self.block()? {
                    Some(found) => found,
                    None => continue,
                },
                Format::Over => return Ok(None),
            };
            if let Some(psdu) = psdu_of(link, packet) {
                return Ok(Some(Captured { at, psdu }));
            }
        }
        Ok(None)
    }

    /// The next block of a pcapng file, if it holds a packet.
    fn block(&mut self) -> Result<Option<Packet<'a>>, ReadError> {
        const SHORT: &str = "a block is cut short";
        let start = self.offset;
        let kind = self.u32(SHORT)?;
        if kind == SECTION_HEADER {
            // Its own order of octets stands behind its length.
            let magic = self.octets.get(start + 8..start + 12).and_then(|octets| octets.try_into().ok());
            let magic = magic.map(u32::from_le_bytes).ok_or(ReadError { offset: start, what: SHORT })?;
            self.big_endian = magic.swap_bytes() == BYTE_ORDER;
            if magic != BYTE_ORDER && !self.big_endian {
                return Err(ReadError { offset: start + 8, what: "a section whose order of octets is unknown" });
            }
            self.format = Format::Pcapng { interfaces: Vec::new() };
        }
        let len = self.u32(SHORT)? as usize;
        let Some(body) = len.checked_sub(12).filter(|_| len.is_multiple_of(4)) else {
            return Err(ReadError { offset: start + 4, what: "a block of an impossible length" });
        };
        let body = self.cut(body, SHORT)?;
        if self.u32(SHORT)? as usize != len {
            return Err(ReadError { offset: self.offset - 4, what: "a block whose two lengths differ" });
        }
        let mut inner = Frames { octets: body, offset: 0, format: Format::Over, big_endian: self.big_endian };
        let Format::Pcapng { interfaces } = &mut self.format else { return Ok(None) };
        let place = |error: ReadError| ReadError { offset: start + 8 + error.offset, ..error };
        match kind {
            INTERFACE => {
                interfaces.push(inner.interface().map_err(place)?);
                Ok(None)
            }
            ENHANCED_PACKET => {
                let (id, high, low, len) = inner.packet_header().map_err(place)?;
                let interface = interfaces.get(id as usize).copied();
                let unknown = ReadError { offset: start + 8, what: "a packet of an unknown interface" };
                let Interface { link, per_second } = interface.ok_or(unknown)?;
                let packet = inner.cut(len as usize, "a packet is cut short").map_err(place)?;
                let units = u64::from(high) << 32 | u64::from(low);
                let millis = u128::from(units) * 1000 / u128::from(per_second);
                Ok(Some((Time(millis as u64), link, packet)))
            }
            SIMPLE_PACKET => {
                let unknown = ReadError { offset: start, what: "a packet before any interface" };
                let Interface { link, .. } = interfaces.first().copied().ok_or(unknown)?;
                let len = inner.u32("a packet is cut short").map_err(place)? as usize;
                let packet = inner.cut(len.min(body.len() - 4), "a packet is cut short").map_err(place)?;
                Ok(Some((Time(0), link, packet)))
            }
            _ => Ok(None),
        }
    }

    /// The body of an interface block.
    fn interface(&mut self) -> Result<Interface, ReadError> {
        const SHORT: &str = "an interface description is cut short";
        let link = LinkType(u32::from(self.u16(SHORT)?));
        self.cut(6, SHORT)?;
        let mut per_second = 1_000_000;
        while self.offset < self.octets.len() {
            let (code, len) = (self.u16(SHORT)?, usize::from(self.u16(SHORT)?));
            let value = self.cut(len.next_multiple_of(4), SHORT)?;
            if code == RESOLUTION && len == 1 {
                let exponent = u32::from(value[0] & 0x7F);
                let base = if value[0] & 0x80 == 0 { 10u64 } else { 2 };
                let unknown = ReadError { offset: self.offset, what: "a resolution of timestamps past all clocks" };
                per_second = base.checked_pow(exponent).ok_or(unknown)?;
            }
        }
        Ok(Interface { link, per_second })
    }

    /// Interface, upper and lower half of the timestamp, octets captured.
    fn packet_header(&mut self) -> Result<(u32, u32, u32, u32), ReadError> {
        const SHORT: &str = "a packet header is cut short";
        let header = (self.u32(SHORT)?, self.u32(SHORT)?, self.u32(SHORT)?, self.u32(SHORT)?);
        self.u32(SHORT)?;
        Ok(header)
    }

    fn cut(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], ReadError> {
        let taken = self.offset.checked_add(len).and_then(|end| self.octets.get(self.offset..end));
        let taken = taken.ok_or(ReadError { offset: self.offset, what })?;
        self.offset += len;
        Ok(taken)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, ReadError> {
        let octets = self.cut(4, what)?.first_chunk().copied().unwrap_or_default();
        Ok(if self.big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, ReadError> {
        let octets = self.cut(2, what)?.first_chunk().copied().unwrap_or_default();
        Ok(if self.big_endian { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Captured<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            self.format = Format::Over;
        }
        next
    }
}

/// The frame in a packet of this link type, if there is one.
fn psdu_of(link: LinkType, packet: &[u8]) -> Option<Cow<'_, [u8]>> {
    match link {
        LinkType::IEEE802_15_4 => Some(Cow::Borrowed(packet)),
        LinkType::IEEE802_15_4_NO_FCS => Some(with_check(packet)),
        LinkType::IEEE802_15_4_TAP => {
            let len = usize::from(u16::from_le_bytes(*packet.get(2..)?.first_chunk()?));
            let (mut fields, frame) = (packet.get(4..len)?, packet.get(len..)?);
            let mut check = 0;
            while let Some((&[t0, t1, l0, l1], rest)) = fields.split_first_chunk::<4>() {
                let len = usize::from(u16::from_le_bytes([l0, l1]));
                if u16::from_le_bytes([t0, t1]) == 0 {
                    check = *rest.first()?;
                }
                fields = rest.get(len.next_multiple_of(4)..)?;
            }
            Some(if check == 0 { with_check(frame) } else { Cow::Borrowed(frame) })
        }
        LinkType::ETHERNET => (packet.get(12..14)? == [0x08, 0x00]).then(|| zep_in_ip(&packet[14..])).flatten(),
        LinkType::RAW => zep_in_ip(packet),
        _ => None,
    }
}

fn with_check(frame: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned([frame, &mac::frame_check(frame).to_le_bytes()].concat())
}

/// The frame of a ZEP packet in UDP over IPv4.
fn zep_in_ip(packet: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (version, words) = (packet.first()? >> 4, packet[0] & 0x0F);
    if version != 4 || packet.get(9) != Some(&17) {
        return None;
    }
    let udp = packet.get(usize::from(words) * 4..)?;
    let port = |at: usize| udp.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    if port(0)? != zep::PORT && port(2)? != zep::PORT {
        return None;
    }
    zep::Packet::parse(udp.get(8..)?).ok().map(|packet| Cow::Borrowed(packet.psdu))
}
