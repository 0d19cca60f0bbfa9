//! Checking one message with the keys at hand: signature, MAC, encrypted attributes.
//!
//! Which keys a message needs stands in its header (GBCS 4.3, 6; the rules and exceptions are those of the catalogue): the
//! signature is the Business Originator's; the MAC of a Remote Party Command is between the Access Control Broker and the target, any
//! other MAC between the two parties of the header; encrypted attributes are between the device and their reader.
use crate::catalogue;
use crate::certificate::KeyUsage;
use crate::crypto::{Crypto, PublicKey, SharedSecret};
use crate::dlms::{Apdu, Data};
use crate::envelope::MessageView;
use crate::gbz::{AlertData, Component, Content, zcl};
use crate::ids::{Cra, Eui64};
use crate::payload::Payload;
use crate::protect;
use alloc::vec::Vec;

/// Keys to check messages with. Several keys of one party and usage may be there: credentials change.
pub trait Keys {
    /// The public keys of a party, prepayment keys apart.
    fn public_keys(&self, who: Eui64, usage: KeyUsage) -> &[PublicKey];

    /// The secrets between the key agreement keys of two parties, whichever side's private key is here.
    fn secrets(&self, a: Eui64, b: Eui64) -> Vec<SharedSecret>;

    /// Who may have closed a Remote Party Command with a MAC: the Access Control Brokers known, likeliest first.
    fn brokers(&self) -> &[Eui64];
}

/// What became of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The message has none.
    Absent,
    /// It verifies with a key of this party.
    Verified {
        /// Whose key.
        by: Eui64,
    },
    /// It does not verify with any key of this party.
    Failed {
        /// Whose key should have fitted.
        by: Eui64,
    },
    /// The keys needed are not here.
    UnknownKey {
        /// Whose key is missing.
        who: Eui64,
    },
}

impl Status {
    /// Whether the message has one at all.
    pub const fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// What became of every check of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The signature.
    pub signature: Status,
    /// The MAC.
    pub mac: Status,
    /// Every encrypted part, in the order of the payload.
    pub encrypted: Vec<EncryptedPart>,
}

/// An encrypted part of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedPart {
    /// Which answer or component of the payload it is, counted from 0; 0 of an Alert.
    pub place: usize,
    /// Whether it could be opened; `by` and `who` are the reader.
    pub status: Status,
    /// What was inside.
    pub plain: Option<Plain>,
}

/// What an encrypted part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plain {
    /// One DLMS structure, an element for each attribute read.
    Dlms(Data),
    /// A ZCL payload.
    Zcl(zcl::Body),
    /// Authentic, but of neither form.
    Unknown(Vec<u8>),
}

impl Report {
    /// Whether nothing that could be checked failed.
    pub fn is_sound(&self) -> bool {
        let parts = self.encrypted.iter().map(|part| &part.status);
        [&self.signature, &self.mac].into_iter().chain(parts).all(|status| !matches!(status, Status::Failed { .. }))
    }
}

/// Check everything there is to check in a message whose payload is `payload`.
pub fn verify<C: Crypto>(crypto: &C, keys: &impl Keys, view: &MessageView<'_>, payload: &Payload) -> Report {
    Report {
        signature: signature(crypto, keys, view),
        mac: mac(crypto, keys, view),
        encrypted: encrypted(crypto, keys, view, payload),
    }
}

/// Check the signature: by the Business Originator, whatever the message.
pub fn signature<C: Crypto>(crypto: &C, keys: &impl Keys, view: &MessageView<'_>) -> Status {
    if view.signature().is_none() {
        return Status::Absent;
    }
    let by = view.id().originator;
    match keys.public_keys(by, KeyUsage::DigitalSignature) {
        [] => Status::UnknownKey { who: by },
        known if known.iter().any(|key| protect::verify_signature(crypto, key, view).is_ok()) => {
            Status::Verified { by }
        }
        _ => Status::Failed { by },
    }
}

/// Check the MAC.
pub fn mac<C: Crypto>(crypto: &C, keys: &impl Keys, view: &MessageView<'_>) -> Status {
    if view.mac().is_none() {
        return Status::Absent;
    }
    let id = view.id();
    let han_only = catalogue::find(view.message_code()).is_some_and(|use_case| use_case.is_han_only());
    let fits = |by, other| {
        let secrets = keys.secrets(by, other);
        let verified = secrets.iter().any(|z| protect::verify_mac(crypto, z, view).is_ok());
        (!secrets.is_empty()).then_some(if verified { Status::Verified { by } } else { Status::Failed { by } })
    };
    let unknown = |a: Eui64, b: Eui64| {
        let known = !keys.public_keys(b, KeyUsage::KeyAgreement).is_empty();
        Status::UnknownKey { who: if known { a } else { b } }
    };
    if id.cra != Cra::Command || han_only {
        return fits(id.originator, id.target).unwrap_or_else(|| unknown(id.originator, id.target));
    }
    let mut failed = None;
    for &broker in keys.brokers() {
        match fits(broker, id.target) {
            Some(verified @ Status::Verified { .. }) => return verified,
            status => failed = failed.or(status),
        }
    }
    let broker = keys.brokers().first().copied().unwrap_or(id.originator);
    failed.unwrap_or_else(|| unknown(broker, id.target))
}

/// Open every encrypted part.
pub fn encrypted<C: Crypto>(
    crypto: &C,
    keys: &impl Keys,
    view: &MessageView<'_>,
    payload: &Payload,
) -> Vec<EncryptedPart> {
    let blobs = blobs(payload);
    if blobs.is_empty() {
        return Vec::new();
    }
    let device = view.id().originator;
    let (reader, _) = protect::encryption_reader(view);
    let derived: Vec<_> =
        keys.secrets(device, reader).iter().map(|z| protect::encryption_key(crypto, z, view)).collect();
    let open = |(place, blob, component): Blob<'_>| {
        let plain = derived.iter().find_map(|key| protect::decrypt(crypto, key, device, blob).ok());
        let status = match &plain {
            Some(_) => Status::Verified { by: reader },
            None if derived.is_empty() => Status::UnknownKey { who: reader },
            None => Status::Failed { by: reader },
        };
        let plain = plain.map(|octets| match component {
            Some(component) => match component.body_of(&octets) {
                zcl::Body::Unknown(_) => Plain::Unknown(octets),
                body => Plain::Zcl(body),
            },
            None => Data::parse(&octets).map_or(Plain::Unknown(octets), Plain::Dlms),
        });
        EncryptedPart { place, status, plain }
    };
    blobs.into_iter().map(open).collect()
}

/// Where an encrypted part stands, its octets, and the ZCL component that it is the payload of.
type Blob<'a> = (usize, &'a [u8], Option<&'a Component>);

/// The encrypted parts of a payload.
fn blobs(payload: &Payload) -> Vec<Blob<'_>> {
    match payload {
        Payload::Gbz(payload) => payload.components.iter().enumerate().filter_map(of_component).collect(),
        Payload::GbzAlert(alert) => match &alert.data {
            AlertData::Component(component) => of_component((0, component)).into_iter().collect(),
            _ => Vec::new(),
        },
        Payload::Dlms(Apdu::Response(response)) => {
            let parts =
                response.answers.iter().enumerate().filter_map(|(place, answer)| match answer.data.as_structure()? {
                    [parameters, blob] => protected(parameters, blob).map(|blob| (place, blob, None)),
                    _ => None,
                });
            parts.collect()
        }
        Payload::Dlms(Apdu::Notification(alert)) => match &alert.further[..] {
            [parameters, blob] => protected(parameters, blob).map(|blob| (0, blob, None)).into_iter().collect(),
            _ => Vec::new(),
        },
        Payload::Dlms(Apdu::Request(_)) | Payload::Asn1(_) | Payload::Der(_) => Vec::new(),
    }
}

fn of_component((place, component): (usize, &Component)) -> Option<Blob<'_>> {
    match &component.content {
        Content::Encrypted { blob, .. } => Some((place, blob, Some(component))),
        Content::Plain(_) => None,
    }
}

/// The blob behind protection parameters: `array { { enum 2, { counter, originator, recipient, .. } } }, octet-string`.
fn protected<'a>(parameters: &Data, blob: &'a Data) -> Option<&'a [u8]> {
    match parameters.as_array()? {
        [layer] => match layer.as_structure()? {
            [Data::Enum(2), Data::Structure(_)] => blob.as_octets(),
            _ => None,
        },
        _ => None,
    }
}
