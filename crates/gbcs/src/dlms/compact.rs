//! Compact arrays: the logs of a meter, values packed behind one description of their type.
use super::data::{Data, tag};
use crate::envelope::{Fault, ParseError};
use crate::length;
use crate::reader::Reader;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Types nest at most this deep, the simple one at the bottom included; the logs of GBCS need 3. Described once, a list costs
/// its values no octet: a deeper description would stand for many times the memory of what is packed.
const MAX_DEPTH: usize = crate::view::MAX_DESCRIPTION_DEPTH;
/// Room made at once for a described list: its length is only said.
const MAX_ROOM: usize = 128;

/// What one element of a compact array looks like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum TypeDescription {
    /// A simple type, by its tag; never null, which takes no octet.
    Simple(u8),
    /// `02 n t1..tn`: at least one element.
    Structure(Vec<TypeDescription>),
    /// `01 nnnn t`: that many elements, at least one.
    Array(u16, Box<TypeDescription>),
}

/// A compact array: a type description and values that fit it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CompactArray {
    description: TypeDescription,
    values: Vec<Data>,
}

impl CompactArray {
    /// `None` when a value does not fit the description, or the description is one no reader would take.
    pub fn new(description: TypeDescription, values: Vec<Data>) -> Option<Self> {
        let fits = description.is_sound(MAX_DEPTH) && values.iter().all(|value| description.fits(value));
        fits.then_some(Self { description, values })
    }

    /// What one element looks like.
    pub fn description(&self) -> &TypeDescription {
        &self.description
    }

    /// The elements, as values of their own.
    pub fn values(&self) -> &[Data] {
        &self.values
    }

    /// Read what follows the tag.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let description = TypeDescription::read(reader, MAX_DEPTH)?;
        let n = reader.length("length of a compact array")?;
        let mut contents = reader.inner("compact array", n)?;
        let mut values = Vec::new();
        // Every element takes an octet at least (see `TypeDescription::read`), so this ends.
        while contents.left() > 0 {
            values.push(description.read_value(&mut contents)?);
        }
        Ok(Self { description, values })
    }

    /// Octets behind the tag.
    pub(super) fn encoded_len(&self) -> usize {
        let contents = self.contents_len();
        self.description.encoded_len() + length::encoded_len(contents) + contents
    }

    /// Append what follows the tag.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.description.encode(out);
        length::encode(self.contents_len(), out);
        self.values.iter().for_each(|value| encode_packed(value, out));
    }

    fn contents_len(&self) -> usize {
        self.values.iter().map(packed_len).sum()
    }
}

impl TypeDescription {
    /// Types without octets are refused: with them a few octets of description could stand for billions of values.
    fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Self, ParseError> {
        if depth == 0 {
            return Err(reader.fault("type description", Fault::TooDeep));
        }
        match reader.octet("type description")? {
            tag::STRUCTURE => match reader.octet("elements of a described structure")? {
                0 => Err(reader.unexpected("elements of a described structure", 0, "at least one")),
                n => Ok(Self::Structure((0..n).map(|_| Self::read(reader, depth - 1)).collect::<Result<_, _>>()?)),
            },
            tag::ARRAY => match reader.u16("elements of a described array")? {
                0 => Err(reader.unexpected("elements of a described array", 0, "at least one")),
                n => Ok(Self::Array(n, Box::new(Self::read(reader, depth - 1)?))),
            },
            found if is_simple(found) => Ok(Self::Simple(found)),
            found => Err(reader.unexpected("type description", found, "a DLMS data type that takes octets")),
        }
    }

    fn read_value(&self, reader: &mut Reader<'_>) -> Result<Data, ParseError> {
        Ok(match self {
            Self::Simple(tag) => Data::read_content(*tag, reader)?,
            Self::Structure(types) => Data::Structure(read_values(types.iter(), reader)?),
            Self::Array(n, element) => Data::Array(read_values((0..*n).map(|_| &**element), reader)?),
        })
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Simple(_) => 1,
            Self::Structure(types) => 2 + types.iter().map(Self::encoded_len).sum::<usize>(),
            Self::Array(_, element) => 3 + element.encoded_len(),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Simple(tag) => out.push(*tag),
            Self::Structure(types) => {
                out.extend_from_slice(&[tag::STRUCTURE, types.len() as u8]);
                types.iter().for_each(|t| t.encode(out));
            }
            Self::Array(n, element) => {
                out.push(tag::ARRAY);
                out.extend_from_slice(&n.to_be_bytes());
                element.encode(out);
            }
        }
    }

    fn fits(&self, value: &Data) -> bool {
        match (self, value) {
            (Self::Simple(tag), value) => *tag == value.tag(),
            (Self::Structure(types), Data::Structure(elements)) => {
                types.len() == elements.len() && types.iter().zip(elements).all(|(t, element)| t.fits(element))
            }
            (Self::Array(n, t), Data::Array(elements)) => {
                usize::from(*n) == elements.len() && elements.iter().all(|element| t.fits(element))
            }
            _ => false,
        }
    }

    fn is_sound(&self, depth: usize) -> bool {
        depth > 0
            && match self {
                Self::Simple(tag) => is_simple(*tag),
                Self::Structure(types) => {
                    (1..=255).contains(&types.len()) && types.iter().all(|t| t.is_sound(depth - 1))
                }
                Self::Array(n, t) => *n > 0 && t.is_sound(depth - 1),
            }
    }
}

/// Values of these types, one after the other, in no more room than they need.
fn read_values<'t>(
    types: impl ExactSizeIterator<Item = &'t TypeDescription>,
    reader: &mut Reader<'_>,
) -> Result<Vec<Data>, ParseError> {
    let mut values = Vec::with_capacity(types.len().min(MAX_ROOM).min(reader.left()));
    for t in types {
        values.push(t.read_value(reader)?);
    }
    Ok(values)
}

/// Tags of types that are neither constructed nor without octets.
const fn is_simple(tag: u8) -> bool {
    matches!(tag, 0x03..=0x06 | 0x09 | 0x0A | 0x0C | 0x0D | 0x0F..=0x12 | 0x14..=0x1B)
}

fn packed_len(value: &Data) -> usize {
    match value {
        Data::Structure(elements) | Data::Array(elements) => elements.iter().map(packed_len).sum(),
        simple => simple.content_len(),
    }
}

fn encode_packed(value: &Data, out: &mut Vec<u8>) {
    match value {
        Data::Structure(elements) | Data::Array(elements) => elements.iter().for_each(|v| encode_packed(v, out)),
        simple => simple.encode_content(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2083 octets that were 5 MB of lists in lists.
    #[test]
    fn a_description_nested_past_any_log_is_refused_before_its_values_are_read() {
        let of_depth =
            |lists: usize| [&[tag::COMPACT_ARRAY][..], &[2, 1].repeat(lists), &[0x11, 0x82, 8, 0], &[7; 2048]].concat();
        assert_eq!(Data::parse(&of_depth(15)).unwrap_err().fault, Fault::TooDeep);
        assert_eq!(Data::parse(&of_depth(MAX_DEPTH)).unwrap_err().fault, Fault::TooDeep);
        let deepest = of_depth(MAX_DEPTH - 1);
        let mut again = Vec::new();
        Data::parse(&deepest).unwrap().encode(&mut again);
        assert_eq!(again, deepest);
    }
}
