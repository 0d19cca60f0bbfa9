//! The checked view: a message read in place.
use super::{
    Fault, Form, MAC_LEN, Mac, OtherInformation, ParseError, SECURITY_HEADER, Supplementary, TAG_GENERAL_CIPHERING,
    TAG_GENERAL_SIGNING,
};
use crate::block::Block;
use crate::crypto::Signature;
use crate::ids::{Counter, Cra, Eui64, MessageCode, MessageId};
use crate::length;
use core::ops::Range;

/// A message in its octets, every length and tag checked once, nothing copied.
#[derive(Clone, Copy, Debug)]
pub struct MessageView<'a> {
    octets: &'a [u8],
    /// Where the grouping header starts: 0, or behind the MAC header.
    start: usize,
    id: MessageId,
    date_time: Option<&'a [u8; 12]>,
    other: OtherInformation<&'a [u8]>,
    payload_start: usize,
    payload_end: usize,
    signature: Option<&'a [u8; 64]>,
    /// Whether the signature field is there at all.
    signature_field: bool,
    mac: Option<&'a Mac>,
}

impl<'a> MessageView<'a> {
    /// Check and index `octets`, which must be exactly one message (not a block of a General Block Transfer).
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor { octets, at: 0, end: octets.len() };
        let mut mac = None;
        if octets.first() == Some(&TAG_GENERAL_CIPHERING) {
            let inner_end = parse_mac_header(&mut cursor)?;
            mac = Some(array(&octets[inner_end..inner_end + MAC_LEN]));
            cursor.end = inner_end;
        }
        let start = cursor.at;
        cursor.tag("grouping header", TAG_GENERAL_SIGNING, "0xDF")?;
        let (id, date_time, other) = parse_ids_and_other(&mut cursor, true)?;
        let said = cursor.length("payload length")?;
        let payload = cursor.take("payload", said)?;
        let payload_start = payload.start;
        let payload_end = payload.end;
        let signature_field = cursor.at < cursor.end;
        let mut signature = None;
        if signature_field {
            match cursor.octet("signature length")? {
                0 => {}
                0x40 => signature = Some(array(&octets[cursor.take("signature", 64)?])),
                found => return Err(cursor.unexpected("signature length", found, "0x00 or 0x40")),
            }
        } else if mac.is_some() {
            return Err(cursor.truncated("signature length", 1));
        }
        cursor.finish("end of message")?;
        Ok(Self { octets, start, id, date_time, other, payload_start, payload_end, signature, signature_field, mac })
    }

    /// The whole message.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// How it is protected.
    pub fn form(&self) -> Form {
        match (self.mac, self.signature) {
            (Some(_), _) => Form::Maced,
            (None, Some(_)) => Form::Signed,
            (None, None) => Form::Plain,
        }
    }

    /// Originator, target, CRA flag and counter.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Command, Response or Alert.
    pub fn cra(&self) -> Cra {
        self.id.cra
    }

    /// The use case.
    pub fn message_code(&self) -> MessageCode {
        self.other.code
    }

    /// Message code and supplementary fields.
    pub fn other_information(&self) -> OtherInformation<&'a [u8]> {
        self.other
    }

    /// DLMS date-time, of a Response that carries one.
    pub fn date_time(&self) -> Option<&'a [u8; 12]> {
        self.date_time
    }

    /// The payload octets.
    pub fn payload(&self) -> &'a [u8] {
        &self.octets[self.payload_start..self.payload_end]
    }

    /// Offset of the payload in the message, to tell where a fault inside it is.
    pub fn payload_offset(&self) -> usize {
        self.payload_start
    }

    /// The signature, where the message has one.
    pub fn signature(&self) -> Option<Signature> {
        self.signature.map(|octets| Signature(*octets))
    }

    /// Whether the signature field is there, be it empty.
    pub fn has_signature_field(&self) -> bool {
        self.signature_field
    }

    /// The MAC, where the message has one.
    pub fn mac(&self) -> Option<&'a Mac> {
        self.mac
    }

    /// What a signature covers: from the length of the transaction-id (the octet behind `DF`) to the end of the payload.
    pub fn signed_octets(&self) -> &'a [u8] {
        &self.octets[self.start + 1..self.payload_end]
    }

    /// Grouping header and payload: the Pre-Command inside a Command.
    pub fn plain_octets(&self) -> &'a [u8] {
        &self.octets[self.start..self.payload_end]
    }

    /// What a MAC covers behind its fixed prefix: grouping header, payload and signature field.
    pub fn inner_octets(&self) -> &'a [u8] {
        let end = self.octets.len() - if self.mac.is_some() { MAC_LEN } else { 0 };
        &self.octets[self.start..end]
    }
}

/// What a hub needs to route a message: no more is read than that (GBCS 10.8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Originator, target, CRA flag and counter.
    pub id: MessageId,
    /// The use case.
    pub code: MessageCode,
    /// What kind of envelope.
    pub form: RouteForm,
}

/// The three envelopes a hub may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteForm {
    /// `DD 00`: closed by a MAC.
    Maced,
    /// `DF`: a signature at most.
    Grouping,
    /// `DD 09`: a block of a General Block Transfer, with its number and whether it is the last.
    Block {
        /// Counted from 1.
        number: u16,
        /// Bit 7 of the block control.
        last: bool,
    },
}

impl Route {
    /// Read the headers of a whole message or of one block of a General Block Transfer.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        match octets {
            [TAG_GENERAL_CIPHERING, 9, ..] => {
                let Block { id, other, number, last, .. } = Block::parse(octets)?;
                Ok(Self { id, code: other.code, form: RouteForm::Block { number, last } })
            }
            _ => {
                let view = MessageView::parse(octets)?;
                let form = if view.mac().is_some() { RouteForm::Maced } else { RouteForm::Grouping };
                Ok(Self { id: view.id(), code: view.message_code(), form })
            }
        }
    }
}

/// Read a MAC header; gives the offset where the signature field ends and the MAC starts.
fn parse_mac_header(cursor: &mut Cursor<'_>) -> Result<usize, ParseError> {
    cursor.tag("MAC header", TAG_GENERAL_CIPHERING, "0xDD")?;
    for field in ["transaction-id", "originator", "recipient", "date-time", "other-information", "key-info"] {
        cursor.tag(field, 0, "0x00 (empty)")?;
    }
    let said = cursor.length("length of the ciphered content")?;
    let found = cursor.end - cursor.at;
    if said > found {
        return Err(cursor.truncated("ciphered content", said - found));
    }
    if said < found {
        let offset = cursor.at + said;
        return Err(ParseError { offset, field: "end of message", fault: Fault::LeftOver(found - said) });
    }
    for expected in SECURITY_HEADER {
        cursor.tag("security header", expected, if expected == 0 { "0x00" } else { "0x11" })?;
    }
    let left = cursor.end - cursor.at;
    if left < MAC_LEN {
        return Err(cursor.truncated("MAC", MAC_LEN - left));
    }
    Ok(cursor.end - MAC_LEN)
}

pub(crate) type Ids<'a> = (MessageId, Option<&'a [u8; 12]>, OtherInformation<&'a [u8]>);

/// transaction-id, the two ids, date-time and other-information: shared by grouping headers and block headers.
pub(crate) fn parse_ids_and_other<'a>(
    cursor: &mut Cursor<'a>,
    may_have_date_time: bool,
) -> Result<Ids<'a>, ParseError> {
    let octets = cursor.octets;
    cursor.tag("transaction-id length", 9, "0x09")?;
    let cra = cursor.octet("CRA flag")?;
    let cra = Cra::from_octet(cra).ok_or_else(|| cursor.unexpected("CRA flag", cra, "1, 2 or 3"))?;
    let counter = Counter(u64::from_be_bytes(*array(&octets[cursor.take("originator counter", 8)?])));
    cursor.tag("originator length", 8, "0x08")?;
    let originator = Eui64(*array(&octets[cursor.take("originator", 8)?]));
    cursor.tag("target length", 8, "0x08")?;
    let target = Eui64(*array(&octets[cursor.take("target", 8)?]));
    let date_time = match cursor.octet("date-time length")? {
        0 => None,
        12 if may_have_date_time => Some(array(&octets[cursor.take("date-time", 12)?])),
        found => return Err(cursor.unexpected("date-time length", found, "0x00 or 0x0C")),
    };
    let said = cursor.length("other-information length")?;
    let offset = cursor.at;
    let other = &octets[cursor.take("other-information", said)?];
    let other = parse_other(other).ok_or(ParseError {
        offset,
        field: "other-information",
        fault: Fault::LengthMismatch { said: 2, found: said },
    })?;
    Ok((MessageId { originator, target, cra, counter }, date_time, other))
}

/// The layouts of other-information, told apart by their length.
fn parse_other(octets: &[u8]) -> Option<OtherInformation<&[u8]>> {
    let (code, rest) = octets.split_first_chunk::<2>()?;
    let code = MessageCode(u16::from_be_bytes(*code));
    let supplementary = match rest.split_first_chunk::<8>() {
        None if rest.is_empty() => Supplementary::None,
        None => return None,
        Some((party, rest)) => {
            let party = Eui64(*party);
            match rest.split_first_chunk::<8>() {
                None if rest.is_empty() => Supplementary::Party(party),
                None => return None,
                Some((counter, rest)) => {
                    let counter = Counter(u64::from_be_bytes(*counter));
                    match rest.len() {
                        0 => Supplementary::Request(party, counter),
                        8 => Supplementary::Response(party, counter, Counter(u64::from_be_bytes(*array(rest)))),
                        _ => Supplementary::Certificate(party, counter, rest),
                    }
                }
            }
        }
    };
    Some(OtherInformation { code, supplementary })
}

/// The range was taken with just this length.
pub(crate) fn array<const N: usize>(octets: &[u8]) -> &[u8; N] {
    octets.try_into().expect("the length was checked when the range was taken")
}

pub(crate) struct Cursor<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) at: usize,
    pub(crate) end: usize,
}

impl Cursor<'_> {
    pub(crate) fn octet(&mut self, field: &'static str) -> Result<u8, ParseError> {
        let at = self.take(field, 1)?.start;
        Ok(self.octets[at])
    }

    pub(crate) fn take(&mut self, field: &'static str, n: usize) -> Result<Range<usize>, ParseError> {
        let left = self.end - self.at;
        if n > left {
            return Err(self.truncated(field, n - left));
        }
        let range = self.at..self.at + n;
        self.at = range.end;
        Ok(range)
    }

    pub(crate) fn tag(&mut self, field: &'static str, tag: u8, expected: &'static str) -> Result<(), ParseError> {
        let found = self.octet(field)?;
        if found == tag { Ok(()) } else { Err(self.unexpected(field, found, expected)) }
    }

    pub(crate) fn length(&mut self, field: &'static str) -> Result<usize, ParseError> {
        let here = &self.octets[self.at..self.end];
        match length::parse(here) {
            Some((n, took)) => {
                self.at += took;
                Ok(n)
            }
            None => {
                let fault = match here {
                    [] | [0x81..=0x83] => Fault::Truncated(1),
                    _ => Fault::BadLength,
                };
                Err(ParseError { offset: self.at, field, fault })
            }
        }
    }

    pub(crate) fn finish(&self, field: &'static str) -> Result<(), ParseError> {
        match self.end - self.at {
            0 => Ok(()),
            left => Err(ParseError { offset: self.at, field, fault: Fault::LeftOver(left) }),
        }
    }

    /// The octet just read is wrong.
    fn unexpected(&self, field: &'static str, found: u8, expected: &'static str) -> ParseError {
        ParseError { offset: self.at - 1, field, fault: Fault::Unexpected { found, expected } }
    }

    fn truncated(&self, field: &'static str, missing: usize) -> ParseError {
        ParseError { offset: self.end, field, fault: Fault::Truncated(missing) }
    }
}
