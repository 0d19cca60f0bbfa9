//! The cursor under every payload codec: it moves forward over octets and knows where in the message it is.
use crate::envelope::{Fault, ParseError};
use crate::length;

/// A cursor over part of a message; offsets in its errors count from the start of what the outermost caller parses.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    base: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0, base: 0 }
    }

    pub(crate) fn offset(&self) -> usize {
        self.base + self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.octets.len() - self.at
    }

    /// What is left, without moving.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    pub(crate) fn take(&mut self, field: &'static str, n: usize) -> Result<&'a [u8], ParseError> {
        let Some(taken) = self.rest().get(..n) else { return Err(self.truncated(field, n - self.left())) };
        self.at += n;
        Ok(taken)
    }

    /// The next `n` octets as a reader of their own.
    pub(crate) fn inner(&mut self, field: &'static str, n: usize) -> Result<Reader<'a>, ParseError> {
        let base = self.offset();
        Ok(Reader { octets: self.take(field, n)?, at: 0, base })
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ParseError> {
        let Some(taken) = self.rest().first_chunk::<N>() else { return Err(self.truncated(field, N - self.left())) };
        self.at += N;
        Ok(*taken)
    }

    pub(crate) fn octet(&mut self, field: &'static str) -> Result<u8, ParseError> {
        Ok(self.array::<1>(field)?[0])
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, ParseError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, ParseError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn tag(&mut self, field: &'static str, tag: u8, expected: &'static str) -> Result<(), ParseError> {
        match self.octet(field)? {
            found if found == tag => Ok(()),
            found => Err(self.unexpected(field, found, expected)),
        }
    }

    /// A length as headers and DLMS write it: the shortest form only.
    pub(crate) fn length(&mut self, field: &'static str) -> Result<usize, ParseError> {
        match length::parse(self.rest()) {
            Some((n, took)) => {
                self.at += took;
                Ok(n)
            }
            None => {
                let fault = match self.rest() {
                    [] | [0x81..=0x83] | [0x82..=0x83, _] | [0x83, _, _] => Fault::Truncated(1),
                    _ => Fault::BadLength,
                };
                Err(self.fault(field, fault))
            }
        }
    }

    pub(crate) fn finish(&self, field: &'static str) -> Result<(), ParseError> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.fault(field, Fault::LeftOver(left))),
        }
    }

    /// The fault is at the octet to be read next.
    pub(crate) fn fault(&self, field: &'static str, fault: Fault) -> ParseError {
        ParseError { offset: self.offset(), field, fault }
    }

    /// The octet just read is wrong.
    pub(crate) fn unexpected(&self, field: &'static str, found: u8, expected: &'static str) -> ParseError {
        ParseError { offset: self.offset() - 1, field, fault: Fault::Unexpected { found, expected } }
    }

    fn truncated(&self, field: &'static str, missing: usize) -> ParseError {
        ParseError { offset: self.base + self.octets.len(), field, fault: Fault::Truncated(missing) }
    }
}
