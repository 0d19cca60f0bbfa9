//! Any payload, by what it is made of.
use crate::asn1;
use crate::der;
use crate::dlms;
use crate::envelope::{Fault, Message, MessageView, ParseError};
use crate::gbz;
use crate::ids::{Cra, MessageCode};
use alloc::vec::Vec;

/// The payload of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// DLMS: electricity meters, Communications Hub Functions, SAPCs.
    Dlms(dlms::Apdu),
    /// A GBZ Command or Response: gas meters, Gas Proxy Functions.
    Gbz(gbz::Payload),
    /// A GBZ Alert.
    GbzAlert(gbz::Alert),
    /// ASN.1: security credentials, firmware, device joining.
    Asn1(asn1::Payload),
    /// DER that is not what its use case has, or of a use case that has none.
    Der(der::Value),
}

impl Payload {
    /// Read exactly one payload of a message of this use case and kind. The first octet tells the family: no DER value starts as
    /// the others do.
    pub fn parse(code: MessageCode, cra: Cra, octets: &[u8]) -> Result<Self, ParseError> {
        match (octets.first(), cra) {
            (Some(0xD9 | 0xDA | 0x0F), _) => dlms::Apdu::parse(octets).map(Self::Dlms),
            (Some(0x01), Cra::Alert) => gbz::Alert::parse(octets).map(Self::GbzAlert),
            (Some(0x01), _) => gbz::Payload::parse(octets).map(Self::Gbz),
            _ => match asn1::Payload::parse(code, cra, octets) {
                Err(ParseError { fault: Fault::OtherShape, .. }) => der::Value::parse(octets).map(Self::Der),
                typed => typed.map(Self::Asn1),
            },
        }
    }

    /// The payload of a message; offsets in errors count from the start of the message.
    pub fn of(view: &MessageView<'_>) -> Result<Self, ParseError> {
        let payload = Self::parse(view.message_code(), view.cra(), view.payload());
        payload.map_err(|error| error.behind(view.payload_offset()))
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Dlms(apdu) => apdu.encoded_len(),
            Self::Gbz(payload) => payload.encoded_len(),
            Self::GbzAlert(alert) => alert.encoded_len(),
            Self::Asn1(payload) => payload.encoded_len(),
            Self::Der(value) => value.encoded_len(),
        }
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Dlms(apdu) => apdu.encode(),
            Self::Gbz(payload) => payload.encode(),
            Self::GbzAlert(alert) => alert.encode(),
            Self::Asn1(payload) => payload.encode(),
            Self::Der(value) => value.encode(),
        }
    }
}

impl Message {
    /// A message whose payload is rebuilt from what `payload` means; all else as in `self`.
    pub fn with_payload(self, payload: &Payload) -> Self {
        Self { payload: payload.encode(), ..self }
    }
}
