//! The fields ZCL payloads are made of: little-endian, strings behind one length octet, lists up to the end.
use super::FieldResult;
use crate::octets::Octets;
use crate::reader::Reader;
use alloc::vec::Vec;

/// A field of a ZCL payload.
pub(crate) trait Field: Sized {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self>;
    fn field_len(&self) -> usize;
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
                Ok(Self::from_le_bytes(reader.array(name)?))
            }
            fn field_len(&self) -> usize {
                size_of::<Self>()
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32);

macro_rules! narrow {
    ($($(#[$doc:meta])* $name:ident($inner:ty) of $octets:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($inner);

        impl $name {
            /// `None` when the number needs more octets.
            pub const fn new(n: $inner) -> Option<Self> {
                if n >> ($octets * 8) == 0 { Some(Self(n)) } else { None }
            }

            /// The number.
            pub const fn value(self) -> $inner {
                self.0
            }
        }

        impl Field for $name {
            fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
                let mut octets = [0; size_of::<$inner>()];
                octets[..$octets].copy_from_slice(&reader.array::<$octets>(name)?);
                Ok(Self(<$inner>::from_le_bytes(octets)))
            }
            fn field_len(&self) -> usize {
                $octets
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0.to_le_bytes()[..$octets]);
            }
        }
    )*};
}

narrow! {
    /// A number of 24 bits.
    U24(u32) of 3;
    /// A number of 48 bits.
    U48(u64) of 6;
}

impl From<u16> for U24 {
    fn from(n: u16) -> Self {
        Self(n.into())
    }
}

impl From<u32> for U48 {
    fn from(n: u32) -> Self {
        Self(n.into())
    }
}

/// A ZCL string, of octets or characters: one length octet, so 255 octets at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ZclString(Octets);

impl ZclString {
    /// `None` when there are more than 255 octets.
    pub fn new(octets: impl Into<Octets>) -> Option<Self> {
        let octets = octets.into();
        (octets.len() <= 255).then_some(Self(octets))
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl Field for ZclString {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        let n = reader.octet(name)?;
        Ok(Self(reader.take(name, n.into())?.into()))
    }
    fn field_len(&self) -> usize {
        1 + self.0.len()
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.0.len() as u8);
        out.extend_from_slice(&self.0);
    }
}

/// What is left, in its octets.
impl Field for Octets {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        Ok(reader.take(name, reader.left())?.into())
    }
    fn field_len(&self) -> usize {
        self.len()
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// A field that may be missing at the end.
impl<F: Field> Field for Option<F> {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        if reader.left() == 0 { Ok(None) } else { F::read(reader, name).map(Some) }
    }
    fn field_len(&self) -> usize {
        self.as_ref().map_or(0, F::field_len)
    }
    fn write(&self, out: &mut Vec<u8>) {
        if let Some(field) = self {
            field.write(out);
        }
    }
}

/// As many as there are up to the end of the payload.
impl<F: Field> Field for Vec<F> {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        let mut list = Vec::new();
        while reader.left() > 0 {
            list.push(F::read(reader, name)?);
        }
        Ok(list)
    }
    fn field_len(&self) -> usize {
        self.iter().map(F::field_len).sum()
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|field| field.write(out));
    }
}

impl<F: Field + Copy + Default, const N: usize> Field for [F; N] {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        let mut fields = [F::default(); N];
        for field in &mut fields {
            *field = F::read(reader, name)?;
        }
        Ok(fields)
    }
    fn field_len(&self) -> usize {
        self.iter().map(F::field_len).sum()
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|field| field.write(out));
    }
}

/// A ZCL date: FF means any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Date {
    /// Year since 1900.
    pub year: u8,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 1 (Monday) to 7.
    pub weekday: u8,
}

impl Field for Date {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        let [year, month, day, weekday] = reader.array(name)?;
        Ok(Self { year, month, day, weekday })
    }
    fn field_len(&self) -> usize {
        4
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.year, self.month, self.day, self.weekday]);
    }
}

/// The block thresholds of one tier, or of all: the high half octet says which, the low one how many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockThresholds {
    tier: u8,
    thresholds: Vec<U48>,
}

impl BlockThresholds {
    /// `None` when `tier` or the number of thresholds is above 15.
    pub fn new(tier: u8, thresholds: impl Into<Vec<U48>>) -> Option<Self> {
        let thresholds = thresholds.into();
        (tier <= 15 && thresholds.len() <= 15).then_some(Self { tier, thresholds })
    }

    /// 0 where the thresholds are those of every tier.
    pub fn tier(&self) -> u8 {
        self.tier
    }

    /// In rising order.
    pub fn thresholds(&self) -> &[U48] {
        &self.thresholds
    }
}

impl Field for BlockThresholds {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> FieldResult<Self> {
        let head = reader.octet(name)?;
        let thresholds = (0..head & 0x0F).map(|_| U48::read(reader, name)).collect::<Result<_, _>>()?;
        Ok(Self { tier: head >> 4, thresholds })
    }
    fn field_len(&self) -> usize {
        1 + 6 * self.thresholds.len()
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.tier << 4 | self.thresholds.len() as u8);
        self.thresholds.write(out);
    }
}

/// A structure of fields, one after the other.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
        pub struct $name {
            $(#[doc = $text] pub $field: $type,)*
        }

        impl Field for $name {
            fn read(reader: &mut Reader<'_>, _: &'static str) -> FieldResult<Self> {
                Ok(Self { $($field: Field::read(reader, stringify!($field))?,)* })
            }
            fn field_len(&self) -> usize {
                0 $(+ self.$field.field_len())*
            }
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }
        }
    };
}

pub(super) use fields;
