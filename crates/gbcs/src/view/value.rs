//! DLMS values in place.
use crate::envelope::{Fault, ParseError};
use crate::reader::Reader;

/// Values nest at most this deep (see [`Data`](crate::dlms::MAX_DEPTH)).
pub(crate) const MAX_DEPTH: usize = 16;
/// Described types nest at most this deep (see [`CompactArray`](crate::dlms::CompactArray)).
pub(crate) const MAX_DESCRIPTION_DEPTH: usize = 4;

const ARRAY: u8 = 0x01;
const STRUCTURE: u8 = 0x02;
const COMPACT_ARRAY: u8 = 0x13;

/// A DLMS value, all of it checked.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// `00`
    Null,
    /// `01`: elements of one type.
    Array(Elements<'a>),
    /// `02`
    Structure(Elements<'a>),
    /// `03`: any octet but 0 is true.
    Boolean(u8),
    /// `04`: bit 0 is the most significant bit of the first octet.
    BitString {
        /// How many bits.
        bits: u16,
        /// The octets that hold them, padding included.
        octets: &'a [u8],
    },
    /// `05`
    DoubleLong(i32),
    /// `06`
    DoubleLongUnsigned(u32),
    /// `09`
    OctetString(&'a [u8]),
    /// `0A`: ASCII.
    VisibleString(&'a [u8]),
    /// `0C`
    Utf8String(&'a [u8]),
    /// `0D`
    Bcd(u8),
    /// `0F`
    Integer(i8),
    /// `10`
    Long(i16),
    /// `11`
    Unsigned(u8),
    /// `12`
    LongUnsigned(u16),
    /// `13`: values packed behind one description of their type.
    CompactArray(CompactArray<'a>),
    /// `14`
    Long64(i64),
    /// `15`
    Long64Unsigned(u64),
    /// `16`
    Enum(u8),
    /// `17`: IEEE 754 single, as its bits.
    Float32(u32),
    /// `18`: IEEE 754 double, as its bits.
    Float64(u64),
    /// `19`: the type, not an octet-string.
    DateTime([u8; 12]),
    /// `1A`
    Date([u8; 5]),
    /// `1B`
    Time([u8; 4]),
}

/// The elements of an array or structure.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    count: usize,
    octets: &'a [u8],
    layout: Layout<'a>,
}

/// Where the types of elements are told.
#[derive(Clone, Copy, Debug)]
enum Layout<'a> {
    /// In front of each.
    Tagged,
    /// Here, one after the other.
    Each(&'a [u8]),
    /// Here, once for all.
    Same(&'a [u8]),
}

/// A compact array: a type description and values that fit it.
#[derive(Clone, Copy, Debug)]
pub struct CompactArray<'a> {
    description: &'a [u8],
    contents: &'a [u8],
}

impl<'a> Value<'a> {
    /// Check exactly one value.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        let value = Self::read(&mut reader)?;
        reader.finish("end of value")?;
        Ok(value)
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

    /// The octets of an octet-string.
    pub fn as_octets(&self) -> Option<&'a [u8]> {
        if let Self::OctetString(octets) = self { Some(octets) } else { None }
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        Self::read_nested(reader, MAX_DEPTH)
    }

    fn read_nested(reader: &mut Reader<'a>, depth: usize) -> Result<Self, ParseError> {
        match reader.octet("value tag")? {
            tag @ (ARRAY | STRUCTURE) => {
                let count = reader.length("element count")?;
                // Every element takes an octet at least.
                if count > reader.left() {
                    return Err(reader.fault("element count", Fault::Truncated(count - reader.left())));
                }
                if depth == 0 {
                    return Err(reader.fault("value", Fault::TooDeep));
                }
                let start = reader.clone();
                for _ in 0..count {
                    Self::read_nested(reader, depth - 1)?;
                }
                let elements = Elements { count, octets: between(&start, reader), layout: Layout::Tagged };
                Ok(if tag == ARRAY { Self::Array(elements) } else { Self::Structure(elements) })
            }
            COMPACT_ARRAY => CompactArray::read(reader).map(Self::CompactArray),
            tag => Self::read_content(tag, reader),
        }
    }

    /// Read what follows the tag of a simple type.
    fn read_content(tag: u8, reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let string = |reader: &mut Reader<'a>, field| {
            let n = reader.length(field)?;
            reader.take(field, n)
        };
        Ok(match tag {
            0x00 => Self::Null,
            0x03 => Self::Boolean(reader.octet("boolean")?),
            0x04 => {
                let bits = reader.length("bit count")?;
                Self::BitString { bits: bits as u16, octets: reader.take("bit-string", bits.div_ceil(8))? }
            }
            0x05 => Self::DoubleLong(reader.u32("double-long")? as i32),
            0x06 => Self::DoubleLongUnsigned(reader.u32("double-long-unsigned")?),
            0x09 => Self::OctetString(string(reader, "octet-string")?),
            0x0A => Self::VisibleString(string(reader, "visible-string")?),
            0x0C => Self::Utf8String(string(reader, "utf8-string")?),
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

    /// Read a value whose type the description next in `types` says.
    fn read_packed(types: &mut Reader<'a>, reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        match types.octet("type description")? {
            STRUCTURE => {
                let count = types.octet("elements of a described structure")?.into();
                let (first_type, start) = (types.clone(), reader.clone());
                for _ in 0..count {
                    Self::read_packed(types, reader)?;
                }
                let layout = Layout::Each(between(&first_type, types));
                Ok(Self::Structure(Elements { count, octets: between(&start, reader), layout }))
            }
            ARRAY => {
                let count = types.u16("elements of a described array")?.into();
                let (element, start) = (types.clone(), reader.clone());
                for _ in 0..count {
                    Self::read_packed(&mut element.clone(), reader)?;
                }
                check_description(types, MAX_DESCRIPTION_DEPTH)?;
                let layout = Layout::Same(between(&element, types));
                Ok(Self::Array(Elements { count, octets: between(&start, reader), layout }))
            }
            tag => Self::read_content(tag, reader),
        }
    }
}

/// What was read between two states of one reader.
fn between<'a>(start: &Reader<'a>, end: &Reader<'a>) -> &'a [u8] {
    &start.rest()[..end.offset() - start.offset()]
}

impl<'a> Elements<'a> {
    /// The elements `octets` that were checked before, tags in front of each.
    pub(super) fn tagged(count: usize, octets: &'a [u8]) -> Self {
        Self { count, octets, layout: Layout::Tagged }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Them, in order.
    pub fn iter(&self) -> ElementsIter<'a> {
        let types = match self.layout {
            Layout::Tagged => Types::Tagged,
            Layout::Each(types) => Types::Each(Reader::new(types)),
            Layout::Same(types) => Types::Same(Reader::new(types)),
        };
        ElementsIter { left: self.count, reader: Reader::new(self.octets), types }
    }
}

impl<'a> IntoIterator for Elements<'a> {
    type Item = Value<'a>;
    type IntoIter = ElementsIter<'a>;

    fn into_iter(self) -> ElementsIter<'a> {
        self.iter()
    }
}

/// The elements of an array or structure, in order.
#[derive(Clone, Debug)]
pub struct ElementsIter<'a> {
    left: usize,
    reader: Reader<'a>,
    types: Types<'a>,
}

#[derive(Clone, Debug)]
enum Types<'a> {
    Tagged,
    Each(Reader<'a>),
    Same(Reader<'a>),
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        // All of it was read once before, when the value was checked.
        match &mut self.types {
            Types::Tagged => Value::read(&mut self.reader).ok(),
            Types::Each(types) => Value::read_packed(types, &mut self.reader).ok(),
            Types::Same(types) => Value::read_packed(&mut types.clone(), &mut self.reader).ok(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ElementsIter<'_> {}

impl<'a> CompactArray<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let start = reader.clone();
        check_description(reader, MAX_DESCRIPTION_DEPTH)?;
        let description = between(&start, reader);
        let n = reader.length("length of a compact array")?;
        let mut values = reader.inner("compact array", n)?;
        let contents = values.rest();
        // Every value takes an octet at least, so this ends.
        while values.left() > 0 {
            Value::read_packed(&mut Reader::new(description), &mut values)?;
        }
        Ok(Self { description, contents })
    }

    /// What one value looks like, in octets.
    pub fn description(&self) -> &'a [u8] {
        self.description
    }

    /// The values, in order.
    pub fn values(&self) -> Values<'a> {
        Values { description: Reader::new(self.description), contents: Reader::new(self.contents) }
    }
}

/// The values of a compact array, in order.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    description: Reader<'a>,
    contents: Reader<'a>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.contents.left() == 0 {
            return None;
        }
        Value::read_packed(&mut self.description.clone(), &mut self.contents).ok()
    }
}

/// Types without octets are refused: with them a few octets of description could stand for billions of values.
fn check_description(reader: &mut Reader<'_>, depth: usize) -> Result<(), ParseError> {
    if depth == 0 {
        return Err(reader.fault("type description", Fault::TooDeep));
    }
    match reader.octet("type description")? {
        STRUCTURE => match reader.octet("elements of a described structure")? {
            0 => Err(reader.unexpected("elements of a described structure", 0, "at least one")),
            n => (0..n).try_for_each(|_| check_description(reader, depth - 1)),
        },
        ARRAY => match reader.u16("elements of a described array")? {
            0 => Err(reader.unexpected("elements of a described array", 0, "at least one")),
            _ => check_description(reader, depth - 1),
        },
        found if is_simple(found) => Ok(()),
        found => Err(reader.unexpected("type description", found, "a DLMS data type that takes octets")),
    }
}

/// Tags of types that are neither constructed nor without octets.
const fn is_simple(tag: u8) -> bool {
    matches!(tag, 0x03..=0x06 | 0x09 | 0x0A | 0x0C | 0x0D | 0x0F..=0x12 | 0x14..=0x1B)
}
