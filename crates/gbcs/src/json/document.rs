//! A whole message.
use super::form::{At, Fields, FormError, read_as};
use super::{dlms, gbz};
use crate::catalogue;
use crate::crypto::Signature;
use crate::dlms::DateTime;
use crate::envelope::{
    GroupingHeader, Message, MessageView, OtherInformation, ParseError, SignatureField, Supplementary,
};
use crate::ids::{Counter, Cra, Eui64, MessageCode, MessageId};
use crate::payload::Payload;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::string::String;
use std::vec::Vec;

/// Octets of a payload: about what all blocks of a message hold.
const LONGEST: usize = 300 * 1024;

/// A message down to the values of its payload: all of it, so that [`encode`](Self::encode) gives the octets back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What the message code stands for; not read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<Title>,
    /// Command, Response or Alert; a Command where nothing says otherwise.
    #[serde(default = "command")]
    pub kind: Cra,
    /// The use case.
    pub message_code: MessageCode,
    /// Business Originator.
    pub originator: Eui64,
    /// Business Target.
    pub target: Eui64,
    /// Originator Counter.
    pub counter: Counter,
    /// Of a Response that carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_time: Option<DateTime>,
    /// Who is behind a message that the Access Control Broker originates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplementary: Option<SupplementaryFields>,
    /// The payload: `dlms`, `gbz`, `gbz-alert`, `asn1` or `der`.
    payload: Json,
    /// Absent in a Pre-Command, empty in a message without a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<HexOctets>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<HexOctets>,
}

/// What a message code stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Title {
    /// As `ECS04a`.
    pub id: String,
    /// In words.
    pub title: String,
}

/// What follows the message code in other-information.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplementaryFields {
    /// The real requester.
    pub party: Eui64,
    /// Its counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<Counter>,
    /// The device's own counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originator_counter: Option<Counter>,
    /// Its key agreement certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<HexOctets>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HexOctets(#[serde(with = "super::hex_octets")] Vec<u8>);

fn command() -> Cra {
    Cra::Command
}

/// A document that is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The payload does not read.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A signature of 64 octets or none is expected.
    #[error("signature: 64 octets expected, or none")]
    Signature,
    /// A MAC of 12 octets is expected.
    #[error("mac: 12 octets expected")]
    Mac,
    /// A MAC closes a message behind its signature field.
    #[error("mac: a message with a MAC has a signature, if an empty one")]
    MacWithoutSignature,
    /// The supplementary fields do not go together.
    #[error("supplementary: these fields do not go together")]
    Supplementary,
    /// The payload does not fit a message.
    #[error("payload: more than {LONGEST} octets")]
    TooLong,
    /// The octets would mean something else than the document says: a list of no component, nesting too deep.
    #[error("payload: no message says this")]
    Payload,
}

impl Document {
    /// What a message says.
    pub fn of(view: &MessageView<'_>) -> Result<Self, ParseError> {
        Ok(Self::with_payload(view, &Payload::of(view)?))
    }

    /// The same of a message whose payload has been read.
    pub fn with_payload(view: &MessageView<'_>, payload: &Payload) -> Self {
        let Message { header, signature, mac, .. } = view.to_message();
        let MessageId { originator, target, cra, counter } = header.id;
        let code = header.other.code;
        Self {
            use_case: catalogue::find(code)
                .map(|use_case| Title { id: use_case.id.into(), title: use_case.title.into() }),
            kind: cra,
            message_code: code,
            originator,
            target,
            counter,
            date_time: header.date_time.map(DateTime),
            supplementary: supplementary(header.other.supplementary),
            payload: payload_json(code, counter, payload),
            signature: match signature {
                SignatureField::Absent => None,
                SignatureField::Empty => Some(HexOctets(Vec::new())),
                SignatureField::Present(signature) => Some(HexOctets(signature.0.to_vec())),
            },
            mac: mac.map(|mac| HexOctets(mac.to_vec())),
        }
    }

    /// The octets of the message, built from what the document says.
    pub fn encode(&self) -> Result<Vec<u8>, DocumentError> {
        let supplementary = match &self.supplementary {
            None => Supplementary::None,
            Some(fields) => fields.read().ok_or(DocumentError::Supplementary)?,
        };
        let signature = match &self.signature {
            None => SignatureField::Absent,
            Some(HexOctets(octets)) if octets.is_empty() => SignatureField::Empty,
            Some(HexOctets(octets)) => {
                let octets = octets[..].try_into().map_err(|_| DocumentError::Signature)?;
                SignatureField::Present(Signature(octets))
            }
        };
        let mac = self.mac.as_ref().map(|mac| mac.0[..].try_into().map_err(|_| DocumentError::Mac)).transpose()?;
        if mac.is_some() && signature == SignatureField::Absent {
            return Err(DocumentError::MacWithoutSignature);
        }
        let &Self { originator, target, kind: cra, counter, .. } = self;
        let header = GroupingHeader {
            id: MessageId { originator, target, cra, counter },
            date_time: self.date_time.map(|date_time| date_time.0),
            other: OtherInformation { code: self.message_code, supplementary },
        };
        let said = self.payload()?;
        if said.encoded_len() > LONGEST {
            return Err(DocumentError::TooLong);
        }
        let payload = said.encode();
        if Payload::parse(self.message_code, cra, &payload).as_ref() != Ok(&said) {
            return Err(DocumentError::Payload);
        }
        Ok(Message { header, payload, signature, mac }.encode())
    }
}

impl Document {
    /// The payload that the document says.
    pub fn payload(&self) -> Result<Payload, FormError> {
        let at = At::Root("payload");
        let mut families = Fields::of(&self.payload, &at)?;
        let mut said = FAMILIES.map(|family| families.take(family).map(|json| (family, json))).into_iter().flatten();
        let (first, second) = (said.next(), said.next());
        drop(said);
        families.finish()?;
        let (family, json) = match (first, second) {
            (Some(first), None) => first,
            _ => return Err(at.expected(std::format!("just one of {}", FAMILIES.join(", ")), &self.payload)),
        };
        let at = At::Field(&at, family);
        let use_case = catalogue::find(self.message_code);
        Ok(match family {
            "dlms" => Payload::Dlms(dlms::from_json_apdu(use_case, self.counter, json, &at)?),
            "gbz" => Payload::Gbz(gbz::from_json_payload(json, &at)?),
            "gbz-alert" => Payload::GbzAlert(gbz::from_json_alert(json, &at)?),
            "asn1" => Payload::Asn1(read_as(json, &at)?),
            _ => Payload::Der(read_as(json, &at)?),
        })
    }
}

const FAMILIES: [&str; 5] = ["dlms", "gbz", "gbz-alert", "asn1", "der"];

fn payload_json(code: MessageCode, counter: Counter, payload: &Payload) -> Json {
    match payload {
        Payload::Dlms(apdu) => json!({ "dlms": dlms::to_json_apdu(catalogue::find(code), counter, apdu) }),
        Payload::Gbz(payload) => json!({ "gbz": gbz::to_json_payload(payload) }),
        Payload::GbzAlert(alert) => json!({ "gbz-alert": gbz::to_json_alert(alert) }),
        Payload::Asn1(payload) => json!({ "asn1": payload }),
        Payload::Der(value) => json!({ "der": value }),
    }
}

fn supplementary(supplementary: Supplementary<Vec<u8>>) -> Option<SupplementaryFields> {
    let (party, counter, originator_counter, certificate) = match supplementary {
        Supplementary::None => return None,
        Supplementary::Party(party) => (party, None, None, None),
        Supplementary::Request(party, counter) => (party, Some(counter), None, None),
        Supplementary::Response(party, counter, own) => (party, Some(counter), Some(own), None),
        Supplementary::Certificate(party, counter, octets) => (party, Some(counter), None, Some(HexOctets(octets))),
    };
    Some(SupplementaryFields { party, counter, originator_counter, certificate })
}

impl SupplementaryFields {
    fn read(&self) -> Option<Supplementary<Vec<u8>>> {
        let party = self.party;
        Some(match (self.counter, self.originator_counter, &self.certificate) {
            (None, None, None) => Supplementary::Party(party),
            (Some(counter), None, None) => Supplementary::Request(party, counter),
            (Some(counter), Some(own), None) => Supplementary::Response(party, counter, own),
            // Eight octets would read back as a counter.
            (Some(counter), None, Some(HexOctets(octets))) if octets.len() > 8 => {
                Supplementary::Certificate(party, counter, octets.clone())
            }
            _ => return None,
        })
    }
}
