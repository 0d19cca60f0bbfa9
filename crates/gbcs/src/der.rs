//! DER as a tree: checked to be one value with nothing left over, and no more known of it. Payloads of the use cases that GBCS
//! describes in ASN.1 are typed in [`asn1`](crate::asn1).
//!
//! Devices write some long SEQUENCE lengths as `82 00 xx`: constructed values may have a length that is not the shortest, and
//! the tree keeps how long it was.
use crate::envelope::{Fault, ParseError};
use crate::reader::Reader;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// Values nest at most this deep; certificates, the deepest things in GBCS, need 10 inside a payload.
pub const MAX_DEPTH: usize = 24;

const CONSTRUCTED: u8 = 0x20;

/// One DER value.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    tag: u8,
    /// Octets of the length field beyond the shortest form.
    padding: u8,
    content: Content,
}

/// What a value holds.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The octets of a primitive value.
    Primitive(Vec<u8>),
    /// The elements of a constructed one.
    Constructed(Vec<Value>),
}

/// Tags of the universal class that GBCS uses.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING.
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// NULL.
    pub const NULL: u8 = 0x05;
    /// OBJECT IDENTIFIER.
    pub const OBJECT_IDENTIFIER: u8 = 0x06;
    /// ENUMERATED.
    pub const ENUMERATED: u8 = 0x0A;
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: u8 = 0x30;
    /// SET and SET OF.
    pub const SET: u8 = 0x31;
}

#[cfg(feature = "alloc")]
impl Value {
    /// A primitive value; `None` when `tag` is that of a constructed one or no single-octet tag.
    pub fn primitive(tag: u8, octets: impl Into<Vec<u8>>) -> Option<Self> {
        let sound = tag & CONSTRUCTED == 0 && is_low(tag);
        sound.then(|| Self { tag, padding: 0, content: Content::Primitive(octets.into()) })
    }

    /// A constructed value; `None` when `tag` is that of a primitive one or no single-octet tag.
    pub fn constructed(tag: u8, elements: impl Into<Vec<Value>>) -> Option<Self> {
        let sound = tag & CONSTRUCTED != 0 && is_low(tag);
        sound.then(|| Self { tag, padding: 0, content: Content::Constructed(elements.into()) })
    }

    /// The same with a length field this many octets longer than need be; as devices write some sequences. `None` for a
    /// primitive value, and when the field would not fit four octets.
    pub fn with_padded_length(self, padding: u8) -> Option<Self> {
        let padded = Self { padding, ..self };
        let allowed = padding == 0 || padded.tag & CONSTRUCTED != 0;
        (allowed && length_octets(padded.content_len()) + usize::from(padding) <= 4).then_some(padded)
    }

    /// The same with every length in its shortest form, as DER has it.
    pub fn with_shortest_lengths(self) -> Self {
        self.with_lengths(&|_| 0)
    }

    /// The same with every length of 80 to FF in constructed values written as `82 00 xx`, as devices write lists.
    pub fn with_long_lengths(self) -> Self {
        self.with_lengths(&|n| u8::from((0x80..0x100).contains(&n)))
    }

    fn with_lengths(self, padding_for: &impl Fn(usize) -> u8) -> Self {
        let Self { tag, content, .. } = self;
        let Content::Constructed(elements) = content else { return Self { tag, padding: 0, content } };
        let elements = elements.into_iter().map(|element| element.with_lengths(padding_for)).collect();
        let whole = Self { tag, padding: 0, content: Content::Constructed(elements) };
        Self { padding: padding_for(whole.content_len()), ..whole }
    }

    /// The tag: class, whether constructed, number.
    pub fn tag(&self) -> u8 {
        self.tag
    }

    /// How many octets the length field is longer than need be.
    pub fn padding(&self) -> u8 {
        self.padding
    }

    /// What it holds.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The octets of a primitive value.
    pub fn octets(&self) -> Option<&[u8]> {
        if let Content::Primitive(octets) = &self.content { Some(octets) } else { None }
    }

    /// The elements of a constructed value.
    pub fn elements(&self) -> Option<&[Value]> {
        if let Content::Constructed(elements) = &self.content { Some(elements) } else { None }
    }

    /// Read exactly one value.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        let value = Self::read(&mut reader, MAX_DEPTH)?;
        reader.finish("end of payload")?;
        Ok(value)
    }

    fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Self, ParseError> {
        let Head { tag, padding, mut inner } = read_head(reader)?;
        if tag & CONSTRUCTED == 0 {
            return Ok(Self { tag, padding, content: Content::Primitive(inner.rest().to_vec()) });
        }
        if depth == 0 {
            return Err(inner.fault("DER value", Fault::TooDeep));
        }
        let mut elements = Vec::new();
        while inner.left() > 0 {
            elements.push(Self::read(&mut inner, depth - 1)?);
        }
        Ok(Self { tag, padding, content: Content::Constructed(elements) })
    }

    fn content_len(&self) -> usize {
        match &self.content {
            Content::Primitive(octets) => octets.len(),
            Content::Constructed(elements) => elements.iter().map(Self::encoded_len).sum(),
        }
    }

    /// Octets of the value, tag and length included.
    pub fn encoded_len(&self) -> usize {
        let n = self.content_len();
        let extra = length_octets(n) + usize::from(self.padding);
        2 + extra + n
    }

    /// The octets of the value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        let n = self.content_len();
        out.push(self.tag);
        match length_octets(n) + usize::from(self.padding) {
            0 => out.push(n as u8),
            octets => {
                out.push(0x80 | octets as u8);
                out.extend_from_slice(&(n as u32).to_be_bytes()[4 - octets..]);
            }
        }
        match &self.content {
            Content::Primitive(octets) => out.extend_from_slice(octets),
            Content::Constructed(elements) => elements.iter().for_each(|element| element.write(out)),
        }
    }
}

/// Check that `octets` are one value, all of it, and tell whether all lengths have their shortest form. Nothing is copied.
pub(crate) fn check(octets: &[u8]) -> Result<bool, ParseError> {
    let mut reader = Reader::new(octets);
    let shortest = check_value(&mut reader, MAX_DEPTH)?;
    reader.finish("end of payload")?;
    Ok(shortest)
}

fn check_value(reader: &mut Reader<'_>, depth: usize) -> Result<bool, ParseError> {
    let Head { tag, padding, mut inner } = read_head(reader)?;
    let mut shortest = padding == 0;
    if tag & CONSTRUCTED != 0 {
        if depth == 0 {
            return Err(inner.fault("DER value", Fault::TooDeep));
        }
        while inner.left() > 0 {
            shortest &= check_value(&mut inner, depth - 1)?;
        }
    }
    Ok(shortest)
}

/// A value's tag and length, and a reader of its content.
struct Head<'a> {
    tag: u8,
    padding: u8,
    inner: Reader<'a>,
}

fn read_head<'a>(reader: &mut Reader<'a>) -> Result<Head<'a>, ParseError> {
    let tag = reader.octet("DER tag")?;
    if !is_low(tag) {
        return Err(reader.unexpected("DER tag", tag, "a tag of one octet"));
    }
    let at_length = reader.clone();
    let (n, padding) = read_length(reader)?;
    let inner = reader.inner("DER value", n)?;
    if padding != 0 && tag & CONSTRUCTED == 0 {
        return Err(at_length.fault("DER length", Fault::BadLength));
    }
    Ok(Head { tag, padding, inner })
}

/// Octets behind the first of the shortest length field for `n`.
const fn length_octets(n: usize) -> usize {
    match n {
        0..=0x7F => 0,
        0x80..=0xFF => 1,
        0x100..=0xFFFF => 2,
        0x1_0000..=0xFF_FFFF => 3,
        _ => 4,
    }
}

/// A length, and by how many octets its field is longer than the shortest.
fn read_length(reader: &mut Reader<'_>) -> Result<(usize, u8), ParseError> {
    let first = reader.octet("DER length")?;
    if first < 0x80 {
        return Ok((first.into(), 0));
    }
    let octets = usize::from(first & 0x7F);
    if !(1..=4).contains(&octets) {
        return Err(reader.unexpected("DER length", first, "a definite length of 4 octets at most"));
    }
    let field = reader.take("DER length", octets)?;
    let n = field.iter().fold(0, |n, octet| n << 8 | usize::from(*octet));
    Ok((n, (octets - length_octets(n)) as u8))
}

/// Tag numbers above 30 take more octets; GBCS has none, and 0 would be an end of contents.
const fn is_low(tag: u8) -> bool {
    tag & 0x1F != 0x1F && tag != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_length_of_a_sequence_is_kept_and_of_a_string_refused() {
        let padded = [0x30, 0x82, 0, 3, 2, 1, 5];
        let value = Value::parse(&padded).unwrap();
        assert_eq!(value.padding(), 2);
        assert_eq!(value.encode(), padded);
        assert_eq!(value.with_padded_length(0).unwrap().encode(), [0x30, 3, 2, 1, 5]);
        let fault = Value::parse(&[4, 0x81, 1, 0]).unwrap_err();
        assert_eq!((fault.offset, fault.fault), (1, Fault::BadLength));
    }

    #[test]
    fn what_is_no_single_value_is_refused_where_it_goes_wrong() {
        for (octets, offset) in [
            (&[][..], 0),
            (&[5], 1),
            (&[5, 0, 0], 2),
            (&[0x30, 2, 2, 1], 4),
            (&[0x30, 0x80, 0, 0], 1),
            (&[0x1F, 0], 0),
            (&[0x30, 0x85, 0, 0, 0, 0, 0], 1),
        ] {
            assert_eq!(Value::parse(octets).unwrap_err().offset, offset, "{octets:02x?}");
        }
        let deep = [0x30, 0x82, 0xFF, 0xFF].repeat(1000);
        assert!(Value::parse(&deep).is_err());
        let mut nested = Vec::from([5, 0]);
        for _ in 0..=MAX_DEPTH {
            nested.splice(0..0, [0x30, nested.len() as u8]);
        }
        assert_eq!(Value::parse(&nested).unwrap_err().fault, Fault::TooDeep);
    }
}
