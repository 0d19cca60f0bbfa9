//! The meaning: a message in memory of its own.
use super::{
    MAC_LEN, Mac, MessageView, OtherInformation, SECURITY_HEADER, Supplementary, TAG_GENERAL_CIPHERING,
    TAG_GENERAL_SIGNING,
};
use crate::crypto::Signature;
use crate::ids::{MessageCode, MessageId};
use crate::length;
use alloc::vec::Vec;

const SIGNATURE_LEN: u8 = 64;

/// The signature field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureField {
    /// No octet at all: a Pre-Command.
    Absent,
    /// `00`: a message without a signature (some tools also end a Pre-Command so).
    Empty,
    /// `40` and the signature.
    Present(Signature),
}

/// The grouping header but for the payload length, which the payload tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupingHeader {
    /// CRA flag, counter, originator and target.
    pub id: MessageId,
    /// DLMS date-time of a Response that carries one.
    pub date_time: Option<[u8; 12]>,
    /// Message code and supplementary fields.
    pub other: OtherInformation<Vec<u8>>,
}

impl<B: AsRef<[u8]>> OtherInformation<B> {
    /// Append the field, without its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.code.0.to_be_bytes());
        match &self.supplementary {
            Supplementary::None => {}
            Supplementary::Party(party) => out.extend_from_slice(&party.0),
            Supplementary::Request(party, counter) => {
                out.extend_from_slice(&party.0);
                out.extend_from_slice(&counter.octets());
            }
            Supplementary::Response(party, counter, own) => {
                out.extend_from_slice(&party.0);
                out.extend_from_slice(&counter.octets());
                out.extend_from_slice(&own.octets());
            }
            Supplementary::Certificate(party, counter, certificate) => {
                out.extend_from_slice(&party.0);
                out.extend_from_slice(&counter.octets());
                out.extend_from_slice(certificate.as_ref());
            }
        }
    }

    /// The same with borrowed octets.
    pub fn borrow(&self) -> OtherInformation<&[u8]> {
        let supplementary = match &self.supplementary {
            Supplementary::None => Supplementary::None,
            Supplementary::Party(party) => Supplementary::Party(*party),
            Supplementary::Request(party, counter) => Supplementary::Request(*party, *counter),
            Supplementary::Response(party, counter, own) => Supplementary::Response(*party, *counter, *own),
            Supplementary::Certificate(party, counter, certificate) => {
                Supplementary::Certificate(*party, *counter, certificate.as_ref())
            }
        };
        OtherInformation { code: self.code, supplementary }
    }

    /// The same with owned octets.
    pub fn to_owned(&self) -> OtherInformation<Vec<u8>> {
        let supplementary = match &self.supplementary {
            Supplementary::None => Supplementary::None,
            Supplementary::Party(party) => Supplementary::Party(*party),
            Supplementary::Request(party, counter) => Supplementary::Request(*party, *counter),
            Supplementary::Response(party, counter, own) => Supplementary::Response(*party, *counter, *own),
            Supplementary::Certificate(party, counter, certificate) => {
                Supplementary::Certificate(*party, *counter, certificate.as_ref().to_vec())
            }
        };
        OtherInformation { code: self.code, supplementary }
    }
}

impl GroupingHeader {
    /// A header with nothing but ids and a message code: what all but a few Commands have.
    pub fn new(id: MessageId, code: MessageCode) -> Self {
        Self { id, date_time: None, other: OtherInformation { code, supplementary: Supplementary::None } }
    }

    /// Octets from `DF` to the payload length, for a payload of `payload` octets.
    pub fn encoded_len(&self, payload: usize) -> usize {
        let date_time = if self.date_time.is_some() { 12 } else { 0 };
        let other = self.other.encoded_len();
        29 + 1 + date_time + length::encoded_len(other) + other + length::encoded_len(payload)
    }

    /// Append the octets from `DF` to the payload length, for a payload of `payload` octets.
    pub fn encode(&self, payload: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&[TAG_GENERAL_SIGNING, 9, self.id.cra as u8]);
        out.extend_from_slice(&self.id.counter.octets());
        out.push(8);
        out.extend_from_slice(&self.id.originator.0);
        out.push(8);
        out.extend_from_slice(&self.id.target.0);
        match &self.date_time {
            None => out.push(0),
            Some(date_time) => {
                out.push(12);
                out.extend_from_slice(date_time);
            }
        }
        length::encode(self.other.encoded_len(), out);
        self.other.encode(out);
        length::encode(payload, out);
    }
}

/// A whole message, by meaning down to its payload octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who, whom, which.
    pub header: GroupingHeader,
    /// The payload: DLMS, GBZ or DER.
    pub payload: Vec<u8>,
    /// The signature field.
    pub signature: SignatureField,
    /// The MAC; where there is one there is a MAC header.
    pub mac: Option<Mac>,
}

impl Message {
    /// An unprotected message: a Pre-Command, or what a device is about to protect.
    pub fn plain(header: GroupingHeader, payload: Vec<u8>) -> Self {
        Self { header, payload, signature: SignatureField::Absent, mac: None }
    }

    /// Octets of the message.
    pub fn encoded_len(&self) -> usize {
        let inner = self.inner_len();
        match self.mac {
            None => inner,
            Some(_) => mac_header_len(inner) + inner + MAC_LEN,
        }
    }

    /// The octets of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        if self.mac.is_some() {
            encode_mac_header(self.inner_len(), &mut out);
        }
        self.header.encode(self.payload.len(), &mut out);
        out.extend_from_slice(&self.payload);
        match &self.signature {
            SignatureField::Absent => {}
            SignatureField::Empty => out.push(0),
            SignatureField::Present(signature) => {
                out.push(SIGNATURE_LEN);
                out.extend_from_slice(&signature.0);
            }
        }
        if let Some(mac) = &self.mac {
            out.extend_from_slice(mac);
        }
        out
    }

    fn inner_len(&self) -> usize {
        let signature = match self.signature {
            SignatureField::Absent => 0,
            SignatureField::Empty => 1,
            SignatureField::Present(_) => 65,
        };
        self.header.encoded_len(self.payload.len()) + self.payload.len() + signature
    }
}

/// Octets of the MAC header in front of `inner` octets (grouping header to signature field).
pub(crate) fn mac_header_len(inner: usize) -> usize {
    7 + length::encoded_len(SECURITY_HEADER.len() + inner + MAC_LEN) + SECURITY_HEADER.len()
}

/// Append the MAC header for `inner` octets (grouping header to signature field).
pub(crate) fn encode_mac_header(inner: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[TAG_GENERAL_CIPHERING, 0, 0, 0, 0, 0, 0]);
    length::encode(SECURITY_HEADER.len() + inner + MAC_LEN, out);
    out.extend_from_slice(&SECURITY_HEADER);
}

impl MessageView<'_> {
    /// The meaning, in memory of its own.
    pub fn to_message(&self) -> Message {
        let signature = match (self.has_signature_field(), self.signature()) {
            (_, Some(signature)) => SignatureField::Present(signature),
            (true, None) => SignatureField::Empty,
            (false, None) => SignatureField::Absent,
        };
        Message {
            header: GroupingHeader {
                id: self.id(),
                date_time: self.date_time().copied(),
                other: self.other_information().to_owned(),
            },
            payload: self.payload().to_vec(),
            signature,
            mac: self.mac().copied(),
        }
    }
}
