//! The value tree of DLMS (A-XDR): what attributes and method parameters are made of.
use super::compact::CompactArray;
use crate::envelope::{Fault, ParseError};
use crate::length;
use crate::octets::Octets;
use crate::reader::Reader;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Arrays and structures nest at most this deep; GBCS needs 7 (compact arrays and protection parameters included).
pub const MAX_DEPTH: usize = crate::view::MAX_DEPTH;

/// One DLMS value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Data {
    /// `00`: nothing.
    #[default]
    Null,
    /// `01`: any number of values of one shape.
    Array(Vec<Data>),
    /// `02`: a fixed number of values.
    Structure(Vec<Data>),
    /// `03`.
    Boolean(Boolean),
    /// `04`.
    BitString(BitString),
    /// `05`: 32 bits, signed.
    DoubleLong(i32),
    /// `06`: 32 bits, unsigned.
    DoubleLongUnsigned(u32),
    /// `09`.
    OctetString(Octets),
    /// `0A`: printable ASCII.
    #[cfg_attr(feature = "std", serde(with = "crate::json::characters"))]
    VisibleString(Octets),
    /// `0C`.
    #[cfg_attr(feature = "std", serde(with = "crate::json::characters"))]
    Utf8String(Octets),
    /// `0D`: two binary coded digits.
    Bcd(u8),
    /// `0F`: 8 bits, signed.
    Integer(i8),
    /// `10`: 16 bits, signed.
    Long(i16),
    /// `11`: 8 bits, unsigned.
    Unsigned(u8),
    /// `12`: 16 bits, unsigned.
    LongUnsigned(u16),
    /// `13`: values packed without their tags.
    CompactArray(Box<CompactArray>),
    /// `14`: 64 bits, signed.
    Long64(i64),
    /// `15`: 64 bits, unsigned.
    Long64Unsigned(u64),
    /// `16`: one of a list.
    Enum(u8),
    /// `17`: IEEE 754 single, as its bits so that every value compares and comes back.
    Float32(u32),
    /// `18`: IEEE 754 double, as its bits.
    Float64(u64),
    /// `19`: the type, not an octet-string.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_octets"))]
    DateTime([u8; 12]),
    /// `1A`.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_octets"))]
    Date([u8; 5]),
    /// `1B`.
    #[cfg_attr(feature = "std", serde(with = "crate::json::hex_octets"))]
    Time([u8; 4]),
}

/// A DLMS boolean. Writers use `FF` and `00`; readers take any octet but 0 for true, and keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boolean(pub(crate) u8);

impl Boolean {
    /// Whether it is true.
    pub const fn is_true(self) -> bool {
        self.0 != 0
    }

    /// The octet on the wire.
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// From the octet on the wire.
    pub const fn from_octet(octet: u8) -> Self {
        Self(octet)
    }
}

impl From<bool> for Boolean {
    fn from(value: bool) -> Self {
        Self(if value { 0xFF } else { 0 })
    }
}

/// A bit string: bit 0 is the most significant bit of the first octet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BitString {
    bits: u16,
    octets: Octets,
}

impl BitString {
    /// `bits` bits in `octets`; `None` unless there are just as many octets as the bits need.
    pub fn new(bits: u16, octets: impl Into<Octets>) -> Option<Self> {
        let octets = octets.into();
        (octets.len() == usize::from(bits).div_ceil(8)).then_some(Self { bits, octets })
    }

    /// How many bits.
    pub fn bits(&self) -> u16 {
        self.bits
    }

    /// The octets that hold them, padding included.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Bit `n`, counted from the first on the wire; `None` past the end.
    pub fn bit(&self, n: u16) -> Option<bool> {
        (n < self.bits).then(|| self.octets[usize::from(n / 8)] & (0x80 >> (n % 8)) != 0)
    }
}

impl Data {
    /// An octet-string.
    pub fn octets(octets: impl Into<Octets>) -> Self {
        Self::OctetString(octets.into())
    }

    /// A boolean.
    pub fn boolean(value: bool) -> Self {
        Self::Boolean(value.into())
    }

    /// A structure of these elements.
    pub fn structure(elements: impl Into<Vec<Data>>) -> Self {
        Self::Structure(elements.into())
    }

    /// An array of these elements.
    pub fn array(elements: impl Into<Vec<Data>>) -> Self {
        Self::Array(elements.into())
    }

    /// A scaler and unit: `{ integer exponent of ten, enum unit }` (DLMS Blue Book, class 3).
    pub fn scaler_unit(exponent: i8, unit: u8) -> Self {
        Self::structure([Self::Integer(exponent), Self::Enum(unit)])
    }

    /// The exponent of ten and the unit of a scaler and unit.
    pub fn as_scaler_unit(&self) -> Option<(i8, u8)> {
        match self.as_structure()? {
            [Self::Integer(exponent), Self::Enum(unit)] => Some((*exponent, *unit)),
            _ => None,
        }
    }

    /// Whether it is nothing.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The elements of a structure.
    pub fn as_structure(&self) -> Option<&[Data]> {
        if let Self::Structure(elements) = self { Some(elements) } else { None }
    }

    /// The elements of an array.
    pub fn as_array(&self) -> Option<&[Data]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// The octets of an octet-string.
    pub fn as_octets(&self) -> Option<&[u8]> {
        if let Self::OctetString(octets) = self { Some(octets) } else { None }
    }

    /// Any integer of up to 64 bits (enum included), whatever its width.
    pub fn as_i64(&self) -> Option<i64> {
        Some(match *self {
            Self::DoubleLong(n) => n.into(),
            Self::DoubleLongUnsigned(n) => n.into(),
            Self::Integer(n) => n.into(),
            Self::Long(n) => n.into(),
            Self::Unsigned(n) | Self::Enum(n) => n.into(),
            Self::LongUnsigned(n) => n.into(),
            Self::Long64(n) => n,
            Self::Long64Unsigned(n) => n.try_into().ok()?,
            _ => return None,
        })
    }

    /// The truth of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(b) = self { Some(b.is_true()) } else { None }
    }

    /// Read exactly one value.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        let data = Self::read(&mut reader)?;
        reader.finish("end of value")?;
        Ok(data)
    }

    /// Octets of the value, its tag included.
    pub fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Array(elements) | Self::Structure(elements) => {
                length::encoded_len(elements.len()) + elements.iter().map(Self::encoded_len).sum::<usize>()
            }
            Self::CompactArray(array) => array.encoded_len(),
            simple => simple.content_len(),
        }
    }

    /// Append the value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        match self {
            Self::Array(elements) | Self::Structure(elements) => {
                length::encode(elements.len(), out);
                elements.iter().for_each(|element| element.encode(out));
            }
            Self::CompactArray(array) => array.encode(out),
            simple => simple.encode_content(out),
        }
    }

    /// The value's tag on the wire.
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Null => tag::NULL,
            Self::Array(_) => tag::ARRAY,
            Self::Structure(_) => tag::STRUCTURE,
            Self::Boolean(_) => 0x03,
            Self::BitString(_) => 0x04,
            Self::DoubleLong(_) => 0x05,
            Self::DoubleLongUnsigned(_) => 0x06,
            Self::OctetString(_) => 0x09,
            Self::VisibleString(_) => 0x0A,
            Self::Utf8String(_) => 0x0C,
            Self::Bcd(_) => 0x0D,
            Self::Integer(_) => 0x0F,
            Self::Long(_) => 0x10,
            Self::Unsigned(_) => 0x11,
            Self::LongUnsigned(_) => 0x12,
            Self::CompactArray(_) => tag::COMPACT_ARRAY,
            Self::Long64(_) => 0x14,
            Self::Long64Unsigned(_) => 0x15,
            Self::Enum(_) => 0x16,
            Self::Float32(_) => 0x17,
            Self::Float64(_) => 0x18,
            Self::DateTime(_) => 0x19,
            Self::Date(_) => 0x1A,
            Self::Time(_) => 0x1B,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Self::read_nested(reader, MAX_DEPTH)
    }

    fn read_nested(reader: &mut Reader<'_>, depth: usize) -> Result<Self, ParseError> {
        match reader.octet("value tag")? {
            tag @ (tag::ARRAY | tag::STRUCTURE) => {
                let count = reader.length("element count")?;
                // Every element takes an octet at least: a count beyond them is a lie, found before anything is allocated.
                if count > reader.left() {
                    return Err(reader.fault("element count", Fault::Truncated(count - reader.left())));
                }
                if depth == 0 {
                    return Err(reader.fault("value", Fault::TooDeep));
                }
                // Not more at once than GBCS has in one list: counts that lie in nested lists must not add up.
                let mut elements = Vec::with_capacity(count.min(128));
                for _ in 0..count {
                    elements.push(Self::read_nested(reader, depth - 1)?);
                }
                Ok(if tag == tag::ARRAY { Self::Array(elements) } else { Self::Structure(elements) })
            }
            tag::COMPACT_ARRAY => Ok(Self::CompactArray(Box::new(CompactArray::read(reader)?))),
            tag => Self::read_content(tag, reader),
        }
    }

    /// Read what follows the tag of a simple type.
    pub(super) fn read_content(tag: u8, reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(match tag {
            tag::NULL => Self::Null,
            0x03 => Self::Boolean(Boolean(reader.octet("boolean")?)),
            0x04 => {
                let bits = reader.length("bit count")?;
                let octets = reader.take("bit-string", bits.div_ceil(8))?.into();
                Self::BitString(BitString { bits: bits as u16, octets })
            }
            0x05 => Self::DoubleLong(reader.u32("double-long")? as i32),
            0x06 => Self::DoubleLongUnsigned(reader.u32("double-long-unsigned")?),
            0x09 => Self::OctetString(read_string(reader, "octet-string")?),
            0x0A => Self::VisibleString(read_string(reader, "visible-string")?),
            0x0C => Self::Utf8String(read_string(reader, "utf8-string")?),
            0x0D => Self::Bcd(reader.octet("bcd")?),
            0x0F => Self::Integer(reader.octet("integer")? as i8),
            0x10 => Self::Long(reader.u16("long")? as i16),
            0x11 => Self::Unsigned(reader.octet("unsigned")?),
            0x12 => Self::LongUnsigned(reader.u16("long-unsigned")?),
            0x14 => Self::Long64(i64::from_be_bytes(reader.array("long64")?)),
            0x15 => Self::Long64Unsigned(u64::from_be_bytes(reader.array("long64-unsigned")?)),
            0x16 => Self::Enum(reader.octet("enum")?),
            0x17 => Self::Float32(reader.u32("float32")?),
            0x18 => Self::Float64(u64::from_be_bytes(reader.array("float64")?)),
            0x19 => Self::DateTime(reader.array("date-time")?),
            0x1A => Self::Date(reader.array("date")?),
            0x1B => Self::Time(reader.array("time")?),
            found => return Err(reader.unexpected("value tag", found, "a DLMS data type")),
        })
    }

    /// Octets behind the tag of a simple type.
    pub(super) fn content_len(&self) -> usize {
        match self {
            Self::Null | Self::Array(_) | Self::Structure(_) | Self::CompactArray(_) => 0,
            Self::Boolean(_) | Self::Integer(_) | Self::Unsigned(_) | Self::Enum(_) | Self::Bcd(_) => 1,
            Self::Long(_) | Self::LongUnsigned(_) => 2,
            Self::DoubleLong(_) | Self::DoubleLongUnsigned(_) | Self::Float32(_) | Self::Time(_) => 4,
            Self::Date(_) => 5,
            Self::Long64(_) | Self::Long64Unsigned(_) | Self::Float64(_) => 8,
            Self::DateTime(_) => 12,
            Self::BitString(bits) => length::encoded_len(bits.bits.into()) + bits.octets.len(),
            Self::OctetString(s) | Self::VisibleString(s) | Self::Utf8String(s) => {
                length::encoded_len(s.len()) + s.len()
            }
        }
    }

    /// Append what follows the tag of a simple type.
    pub(super) fn encode_content(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null | Self::Array(_) | Self::Structure(_) | Self::CompactArray(_) => {}
            Self::Boolean(Boolean(n)) | Self::Unsigned(n) | Self::Enum(n) | Self::Bcd(n) => out.push(*n),
            Self::Integer(n) => out.push(*n as u8),
            Self::Long(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::LongUnsigned(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::DoubleLong(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::DoubleLongUnsigned(n) | Self::Float32(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Long64(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Long64Unsigned(n) | Self::Float64(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::DateTime(octets) => out.extend_from_slice(octets),
            Self::Date(octets) => out.extend_from_slice(octets),
            Self::Time(octets) => out.extend_from_slice(octets),
            Self::BitString(bits) => {
                length::encode(bits.bits.into(), out);
                out.extend_from_slice(&bits.octets);
            }
            Self::OctetString(s) | Self::VisibleString(s) | Self::Utf8String(s) => {
                length::encode(s.len(), out);
                out.extend_from_slice(s);
            }
        }
    }
}

fn read_string(reader: &mut Reader<'_>, field: &'static str) -> Result<Octets, ParseError> {
    let n = reader.length(field)?;
    Ok(reader.take(field, n)?.into())
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Data {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Boolean, i8 => Integer, u8 => Unsigned, i16 => Long, u16 => LongUnsigned, i32 => DoubleLong,
    u32 => DoubleLongUnsigned, i64 => Long64, u64 => Long64Unsigned, Octets => OctetString, BitString => BitString,
}

pub(super) mod tag {
    pub(crate) const NULL: u8 = 0x00;
    pub(crate) const ARRAY: u8 = 0x01;
    pub(crate) const STRUCTURE: u8 = 0x02;
    pub(crate) const COMPACT_ARRAY: u8 = 0x13;
}
