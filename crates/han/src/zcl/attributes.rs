//! Read Attributes and Report Attributes: what a gas meter reports to its mirror (han.md 5.1).
use super::Status;
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;

/// A typed attribute value: the ZCL data type and the octets as they are on the air, a length prefix of a string included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    data_type: u8,
    octets: &'a [u8],
}

impl<'a> Value<'a> {
    /// A value of this data type, or `None` when the octets are not one value of it.
    pub fn new(data_type: u8, octets: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(octets, "attribute value");
        Self::parse_octets(data_type, &mut r).ok().filter(|_| r.is_empty())
    }

    /// The ZCL data type: 0x20 uint8, 0x25 uint48, 0x1B bitmap32, 0x30 enum8 and so on.
    pub const fn data_type(&self) -> u8 {
        self.data_type
    }

    /// The octets as on the air.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The number, when the data type is an unsigned integer, bitmap, enumeration, boolean, general data or a time.
    pub fn unsigned(&self) -> Option<u64> {
        if !matches!(self.data_type, 0x08..=0x0F | 0x10 | 0x18..=0x27 | 0x30 | 0x31 | 0xE0..=0xE2) {
            return None;
        }
        Some(self.octets.iter().rev().fold(0, |number, octet| number << 8 | *octet as u64))
    }

    /// The octets of an octet or character string without its length; `None` for other types and for the invalid string.
    pub fn string(&self) -> Option<&'a [u8]> {
        match self.data_type {
            0x41 | 0x42 if self.octets[0] != 0xFF => Some(&self.octets[1..]),
            _ => None,
        }
    }

    fn parse(r: &mut Reader<'a>) -> Result<Self, ParseError> {
        let data_type = r.u8()?;
        Self::parse_octets(data_type, r)
    }

    fn parse_octets(data_type: u8, r: &mut Reader<'a>) -> Result<Self, ParseError> {
        let octets = match fixed_len(data_type) {
            Some(len) => r.take(len)?,
            None if matches!(data_type, 0x41 | 0x42) => r.take_prefixed()?,
            None => return Err(ParseError::Unsupported("attribute data type")),
        };
        Ok(Self { data_type, octets })
    }

    const fn encoded_len(&self) -> usize {
        1 + self.octets.len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.data_type);
        out.extend(self.octets);
    }
}

/// Payload of Read Attributes: the attributes wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAttributes(pub Vec<u16>);

impl ReadAttributes {
    /// Reads the payload.
    ///
    /// # Errors
    /// An odd number of octets.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let (ids, rest) = payload.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(ParseError::Truncated("attribute identifier"));
        }
        Ok(Self(ids.iter().map(|id| u16::from_le_bytes(*id)).collect()))
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        2 * self.0.len()
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.iter().flat_map(|id| id.to_le_bytes()));
    }
}

/// Payload of Read Attributes Response: each attribute's value, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAttributesResponse<'a>(pub Vec<(u16, Result<Value<'a>, Status>)>);

impl<'a> ReadAttributesResponse<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// Octets that end too early, or a data type without a known length.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Read Attributes Response");
        let mut records = Vec::new();
        while !r.is_empty() {
            let id = r.u16()?;
            records.push(match r.u8()?.into() {
                Status::Success => (id, Ok(Value::parse(&mut r)?)),
                status => (id, Err(status)),
            });
        }
        Ok(Self(records))
    }

    /// Length of the payload.
    pub fn encoded_len(&self) -> usize {
        self.0.iter().map(|(_, value)| 3 + value.map_or(0, |value| value.encoded_len())).sum()
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (id, value) in &self.0 {
            out.extend(id.to_le_bytes());
            match value {
                Ok(value) => {
                    out.push(Status::Success.into());
                    value.encode(out);
                }
                Err(status) => out.push((*status).into()),
            }
        }
    }
}

/// Payload of Report Attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportAttributes<'a>(pub Vec<(u16, Value<'a>)>);

impl<'a> ReportAttributes<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// Octets that end too early, or a data type without a known length.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Report Attributes");
        let mut records = Vec::new();
        while !r.is_empty() {
            records.push((r.u16()?, Value::parse(&mut r)?));
        }
        Ok(Self(records))
    }

    /// Length of the payload.
    pub fn encoded_len(&self) -> usize {
        self.0.iter().map(|(_, value)| 2 + value.encoded_len()).sum()
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (id, value) in &self.0 {
            out.extend(id.to_le_bytes());
            value.encode(out);
        }
    }
}

/// Octets of a value of a fixed-length data type (ZCL 2.6.2, table of data types).
const fn fixed_len(data_type: u8) -> Option<usize> {
    Some(match data_type {
        0x00 => 0,
        0x08..=0x0F => data_type as usize - 0x07,
        0x10 => 1,
        0x18..=0x1F => data_type as usize - 0x17,
        0x20..=0x27 => data_type as usize - 0x1F,
        0x28..=0x2F => data_type as usize - 0x27,
        0x30 => 1,
        0x31 => 2,
        0x38 => 2,
        0x39 => 4,
        0x3A => 8,
        0xE0..=0xE2 => 4,
        0xE8 | 0xE9 => 2,
        0xEA => 4,
        0xF0 => 8,
        0xF1 => 16,
        _ => return None,
    })
}
