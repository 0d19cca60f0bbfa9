//! Attribute records of a Read Attributes Response.
use super::field::{Field, U24, U48, ZclString};
use super::{FieldResult, Status};
use crate::ids::Eui64;
use crate::reader::Reader;
use alloc::vec::Vec;

/// One attribute asked for: its value, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRecord {
    /// The attribute.
    pub id: u16,
    /// Its value, or a status that is not success.
    pub value: Result<AttributeValue, Status>,
}

impl Field for AttributeRecord {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        let id = u16::read(reader, name)?;
        let value = match Status(reader.octet("attribute status")?) {
            Status::SUCCESS => Ok(AttributeValue::read(reader, name)?),
            status => Err(status),
        };
        Ok(Self { id, value })
    }
    fn field_len(&self) -> usize {
        3 + self.value.as_ref().map_or(0, AttributeValue::field_len)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.id.write(out);
        match &self.value {
            Ok(value) => {
                out.push(Status::SUCCESS.0);
                value.write(out);
            }
            Err(status) => out.push(status.0),
        }
    }
}

macro_rules! values {
    ($($(#[$doc:meta])* $tag:literal $name:ident($type:ty),)*) => {
        /// A typed attribute value.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
        pub enum AttributeValue {
            $($(#[$doc])* $name($type),)*
        }

        impl Field for AttributeValue {
            fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
                match reader.octet("attribute type")? {
                    $($tag => Ok(Self::$name(Field::read(reader, name)?)),)*
                    found => Err(reader.unexpected("attribute type", found, "a ZCL data type")),
                }
            }
            fn field_len(&self) -> usize {
                1 + match self { $(Self::$name(value) => value.field_len(),)* }
            }
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(value) => {
                        out.push($tag);
                        value.write(out);
                    })*
                }
            }
        }

        impl AttributeValue {
            /// The type's tag on the wire.
            pub const fn tag(&self) -> u8 {
                match self { $(Self::$name(_) => $tag,)* }
            }
        }
    };
}

values! {
    /// Eight bits of data.
    0x08 Data8(u8),
    /// 0 or 1.
    0x10 Boolean(u8),
    /// Eight flags.
    0x18 Bitmap8(u8),
    /// 16 flags.
    0x19 Bitmap16(u16),
    /// 24 flags.
    0x1A Bitmap24(U24),
    /// 32 flags.
    0x1B Bitmap32(u32),
    /// Unsigned, 8 bits.
    0x20 Unsigned8(u8),
    /// Unsigned, 16 bits.
    0x21 Unsigned16(u16),
    /// Unsigned, 24 bits.
    0x22 Unsigned24(U24),
    /// Unsigned, 32 bits.
    0x23 Unsigned32(u32),
    /// Unsigned, 48 bits.
    0x25 Unsigned48(U48),
    /// Unsigned, 64 bits.
    0x27 Unsigned64(u64),
    /// Signed, 8 bits.
    0x28 Signed8(i8),
    /// Signed, 16 bits.
    0x29 Signed16(i16),
    /// Signed, 32 bits.
    0x2B Signed32(i32),
    /// One of a list, 8 bits.
    0x30 Enum8(u8),
    /// One of a list, 16 bits.
    0x31 Enum16(u16),
    /// Octets.
    0x41 OctetString(ZclString),
    /// Characters.
    0x42 CharacterString(ZclString),
    /// Seconds since 2000, UTC.
    0xE2 UtcTime(u32),
    /// An EUI-64.
    0xF0 Eui64(Eui64),
}

/// ZigBee writes EUIs reversed.
impl Field for Eui64 {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        Ok(Self::from_le(reader.array(name)?))
    }
    fn field_len(&self) -> usize {
        8
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le());
    }
}
