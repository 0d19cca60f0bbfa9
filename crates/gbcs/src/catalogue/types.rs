//! The shape of values, and what they say: their names, units and forms.
use crate::dlms::{Choice, Data, Obis};
use alloc::vec::Vec;
use core::fmt;

/// A value with its name, its shape, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// As `price_scale`; empty where the value is the whole of something that has a name.
    pub name: &'static str,
    /// Its shape.
    pub of: Type,
    /// What it says.
    pub meaning: Meaning,
}

/// The shape of DLMS data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Nothing.
    Null,
    /// boolean
    Boolean,
    /// bit-string of any length
    BitString,
    /// double-long
    DoubleLong,
    /// double-long-unsigned
    DoubleLongUnsigned,
    /// octet-string of any length
    OctetString,
    /// octet-string of 12: a date-time
    DateTime,
    /// visible-string
    VisibleString,
    /// utf8-string
    Utf8String,
    /// integer
    Integer,
    /// long
    Long,
    /// unsigned
    Unsigned,
    /// long-unsigned
    LongUnsigned,
    /// enum
    Enum,
    /// compact-array of any description, whose entries are usually of this shape
    CompactArray(&'static Field),
    /// array of elements of one shape
    Array(&'static Field),
    /// structure of these
    Structure(&'static [Field]),
    /// The first of these that fits.
    Either(&'static [Field]),
    /// Parameters of a protected read of these attributes (section 7 of the message specification).
    Protected(&'static [ProtectedAttribute]),
}

/// What a value says beyond its number or octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing.
    Plain,
    /// It is a quantity in this unit.
    Quantity(Unit),
    /// Its numbers have names.
    Names(&'static [(u32, &'static str)]),
    /// Seconds since 2000, UTC.
    Time,
    /// The code of an event or alert.
    Event,
    /// Octets that are text.
    Text,
    /// Six octets: an OBIS code.
    Obis,
    /// Eight octets: an EUI-64.
    Eui64,
    /// Five octets: year, month, day, weekday, each possibly any.
    Date,
    /// Four octets: hour, minute, second, hundredths, each possibly any.
    TimeOfDay,
    /// Octets that are these fields one after the other.
    Packed(&'static [PackedField]),
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// As `Wh`; `GBP` is the meter's currency.
    pub symbol: &'static str,
    /// The power of ten that the number counts.
    pub scale: Scale,
}

/// A power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// This one.
    Fixed(i8),
    /// The one that the field of this name holds, which comes before in the same structure.
    Field(&'static str),
}

/// One field of an octet-string that holds several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedField {
    /// Its name.
    pub name: &'static str,
    /// How many octets.
    pub octets: u8,
    /// What they are.
    pub form: PackedForm,
}

/// What the octets of a packed field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedForm {
    /// A number, big-endian.
    Number,
    /// A number that people know in hex.
    Hex,
    /// An EUI-64.
    Eui64,
    /// An OBIS code.
    Obis,
}

/// An attribute read under protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtectedAttribute {
    /// Interface class.
    pub class: u16,
    /// The object.
    pub obis: Obis,
    /// The attribute.
    pub index: u8,
    /// Whether entries between two times are read, not all of it.
    pub range: bool,
}

impl Field {
    /// A value of this shape that says nothing else.
    pub const fn plain(of: Type) -> Self {
        Self { name: "", of, meaning: Meaning::Plain }
    }

    /// Of a shape with alternatives, the one that fits the data.
    pub fn fitting(&'static self, data: &Data) -> &'static Self {
        match self.of {
            Type::Either(fields) => fields.iter().find(|field| field.fits_entries(data)).unwrap_or(self),
            _ => self,
        }
    }

    /// Whether the data is of this shape, the entries of a compact array included.
    fn fits_entries(&self, data: &Data) -> bool {
        match (&self.of, data) {
            (Type::CompactArray(entry), Data::CompactArray(array)) => array.values().iter().all(|e| entry.of.fits(e)),
            (of, data) => of.fits(data),
        }
    }
}

impl Type {
    /// Whether it is the log of a profile, read by range.
    pub fn is_log(&self) -> bool {
        match self {
            Self::CompactArray(_) => true,
            Self::Either(fields) => fields.iter().any(|field| field.of.is_log()),
            _ => false,
        }
    }

    /// Whether the data is of this shape.
    pub fn fits(&self, data: &Data) -> bool {
        match (self, data) {
            (Self::Null, Data::Null)
            | (Self::Boolean, Data::Boolean(_))
            | (Self::BitString, Data::BitString(_))
            | (Self::DoubleLong, Data::DoubleLong(_))
            | (Self::DoubleLongUnsigned, Data::DoubleLongUnsigned(_))
            | (Self::OctetString, Data::OctetString(_))
            | (Self::VisibleString, Data::VisibleString(_))
            | (Self::Utf8String, Data::Utf8String(_))
            | (Self::Integer, Data::Integer(_))
            | (Self::Long, Data::Long(_))
            | (Self::Unsigned, Data::Unsigned(_))
            | (Self::LongUnsigned, Data::LongUnsigned(_))
            | (Self::CompactArray(_), Data::CompactArray(_))
            | (Self::Enum, Data::Enum(_)) => true,
            (Self::DateTime, Data::OctetString(octets)) => octets.len() == 12,
            (Self::Array(element), Data::Array(elements)) => elements.iter().all(|data| element.of.fits(data)),
            (Self::Structure(fields), Data::Structure(elements)) => {
                fields.len() == elements.len() && fields.iter().zip(elements).all(|(f, data)| f.of.fits(data))
            }
            (Self::Either(fields), data) => fields.iter().any(|field| field.of.fits(data)),
            (Self::Protected(attributes), Data::Structure(elements)) => match &elements[..] {
                [Data::Array(wanted), Data::Array(parameters)] => {
                    attributes.len() == wanted.len()
                        && attributes.iter().zip(wanted).all(|(attribute, data)| attribute.fits(data))
                        && parameters.len() == 1
                }
                _ => false,
            },
            _ => false,
        }
    }
}

impl ProtectedAttribute {
    /// `{ long-unsigned class, octet-string(6), integer attribute, long-unsigned 0, { enum selector, null | { from, to } } }`
    fn fits(&self, data: &Data) -> bool {
        const RANGE: Type = Type::Structure(&[Field::plain(Type::DateTime), Field::plain(Type::DateTime)]);
        let Some([class, obis, index, Data::LongUnsigned(0), selection]) = data.as_structure() else { return false };
        let selected = match selection.as_structure() {
            Some([Data::Enum(0), Data::Null]) => !self.range,
            Some([Data::Enum(1), range]) => self.range && RANGE.fits(range),
            _ => false,
        };
        *class == Data::LongUnsigned(self.class)
            && obis.as_octets() == Some(&self.obis.0)
            && *index == Data::Integer(self.index as i8)
            && selected
    }
}

/// In the notation of the catalogue.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CompactArray(entry) => write!(f, "log{entry}"),
            Self::Array(element) => write!(f, "A[{element}]"),
            Self::Structure(fields) => {
                f.write_str("{")?;
                list(f, fields)?;
                f.write_str("}")
            }
            Self::Either(fields) => {
                f.write_str("either(")?;
                list(f, fields)?;
                f.write_str(")")
            }
            Self::Protected(attributes) => {
                f.write_str("PROT(")?;
                list(f, attributes)?;
                f.write_str(")")
            }
            Self::Null => f.write_str("null"),
            Self::Boolean => f.write_str("bool"),
            Self::BitString => f.write_str("bits"),
            Self::DoubleLong => f.write_str("dlong"),
            Self::DoubleLongUnsigned => f.write_str("dlongU"),
            Self::OctetString => f.write_str("oct"),
            Self::DateTime => f.write_str("TS"),
            Self::VisibleString => f.write_str("vis"),
            Self::Utf8String => f.write_str("utf8"),
            Self::Integer => f.write_str("int"),
            Self::Long => f.write_str("long"),
            Self::Unsigned => f.write_str("uns"),
            Self::LongUnsigned => f.write_str("longU"),
            Self::Enum => f.write_str("enum"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    items.iter().enumerate().try_for_each(|(i, item)| write!(f, "{}{item}", if i == 0 { "" } else { "," }))
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}:", self.name)?;
        }
        match (self.of, self.meaning) {
            (Type::OctetString, Meaning::Text) => f.write_str("text"),
            (Type::OctetString, Meaning::Obis) => f.write_str("obis"),
            (Type::OctetString, Meaning::Date) => f.write_str("date"),
            (Type::OctetString, Meaning::TimeOfDay) => f.write_str("tod"),
            (Type::OctetString, Meaning::Packed(_)) => self.meaning.fmt(f),
            (of, meaning) => write!(f, "{of}{meaning}"),
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantity(unit) => write!(f, "'{unit}"),
            Self::Names(names) => {
                let names: Vec<_> = names.iter().map(|(n, name)| alloc::format!("{n}={name}")).collect();
                f.write_str("(")?;
                list(f, &names)?;
                f.write_str(")")
            }
            Self::Time => f.write_str("'time"),
            Self::Event => f.write_str("'event"),
            Self::Eui64 => f.write_str("'eui"),
            Self::Packed(fields) => {
                f.write_str("pack(")?;
                list(f, fields)?;
                f.write_str(")")
            }
            Self::Plain | Self::Text | Self::Obis | Self::Date | Self::TimeOfDay => Ok(()),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scale {
            Scale::Fixed(0) => f.write_str(self.symbol),
            Scale::Fixed(power) => write!(f, "{}{power:+}", self.symbol),
            Scale::Field(name) => write!(f, "{}*{name}", self.symbol),
        }
    }
}

impl fmt::Display for PackedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            PackedForm::Number => 'n',
            PackedForm::Hex => 'x',
            PackedForm::Eui64 => 'e',
            PackedForm::Obis => 'o',
        };
        write!(f, "{}:{form}{}", self.name, self.octets)
    }
}

impl fmt::Display for ProtectedAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, obis, index, range } = self;
        write!(f, "{class} {obis} #{index}{}", if *range { " range" } else { "" })
    }
}

/// Whether an attribute or a method, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Index {
    /// Read or written.
    Attribute(u8),
    /// Invoked.
    Method(u8),
}

impl Index {
    /// What a row of this choice means by the number.
    pub const fn of(choice: Choice, index: u8) -> Self {
        match choice {
            Choice::Action => Self::Method(index),
            Choice::Get | Choice::Set | Choice::GetSelective => Self::Attribute(index),
        }
    }
}

/// The parameters of a protected read and what it is answered with, before it is opened (section 7 of the message specification).
pub mod protection {
    use super::super::types::*;

    static FIELDS: &[Field] = include!(concat!(env!("OUT_DIR"), "/protection.rs"));

    /// Which attributes are wanted, and under which protection.
    pub fn request() -> &'static Field {
        &FIELDS[0]
    }

    /// The protection, and the ciphertext.
    pub fn response() -> &'static Field {
        &FIELDS[1]
    }
}
