//! Keys of a head end, and of those it deals with.
use duis::{IssuerSerial, SigningKey, XmlSigner};
use gbcs::Eui64;
use gbcs::crypto::{PrivateKey, PublicKey};
use std::collections::BTreeMap;

/// Everything a head end signs, agrees and verifies with.
#[derive(Debug)]
pub struct HeadEndKeys {
    /// Signs service requests: certificate of the role XML sign.
    pub xml: SigningKey,
    /// Signs Pre-Commands: digital signature, role supplier. Never the same key as `xml`.
    pub gbcs_signing: PrivateKey,
    /// Checks the MAC of Responses and reads what they encrypt: key agreement, role supplier.
    pub key_agreement: PrivateKey,
    /// Signs warrants.
    pub warrant: PrivateKey,
    /// Who signs for the DCC.
    pub dcc: BTreeMap<IssuerSerial, XmlSigner>,
    /// Keys of meters.
    pub devices: BTreeMap<Eui64, DeviceKeys>,
    /// What each PPMID signs its messages with.
    pub ppmids: BTreeMap<Eui64, PublicKey>,
}

/// Public keys of a meter.
#[derive(Clone, Copy, Debug)]
pub struct DeviceKeys {
    /// Checks the signature of its Responses to critical Commands.
    pub signing: PublicKey,
    /// Agrees the key of the MAC of its other Responses.
    pub agreement: PublicKey,
}
