//! Everything secret in a home, read at once.
use super::HomeError;
use super::infrastructure::Infrastructure;
use duis::certificate::signer_from_pem;
use duis::{IssuerSerial, SigningKey, XmlSigner};
use gbcs::crypto::{AwsLc, Crypto, PrivateKey, PublicKey};
use gbcs::keystore::{KeyName, Keystore};
use p256::pkcs8::DecodePrivateKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// Everything secret in a home.
#[derive(Debug)]
pub struct Keys {
    /// GBCS keys of all parties and devices.
    pub store: Keystore,
    /// Who certified them.
    pub infrastructure: Infrastructure,
    /// AES keys of the radio network.
    pub han: HanKeys,
    /// Signs warrants.
    pub warrant: PrivateKey,
    /// Opens the head end's API.
    pub api_token: String,
    /// The supplier's XML signature.
    pub supplier_xml: XmlIdentity,
    /// The DCC's XML signature.
    pub dcc_xml: XmlIdentity,
}

/// A key that signs XML, and what others know of it.
#[derive(Debug)]
pub struct XmlIdentity {
    /// Signs.
    pub key: SigningKey,
    /// Verifies, under this name.
    pub signer: (IssuerSerial, XmlSigner),
}

impl Keys {
    pub(super) fn read(dir: &Path) -> Result<Self, HomeError> {
        let path = dir.join("keys.json");
        let store = Keystore::load(&AwsLc, &path).map_err(|e| HomeError::content(&path, e))?;
        let path = dir.join("secrets.toml");
        let text = std::fs::read_to_string(&path).map_err(HomeError::io(&path))?;
        let secrets: Secrets = toml::from_str(&text).map_err(|e| HomeError::toml(&path, &text, &e))?;
        let mut scalar = [0; 32];
        hex::decode_to_slice(&secrets.warrant_key, &mut scalar)
            .map_err(|_| HomeError::content(&path, "warrant_key: 64 hex digits expected"))?;
        Ok(Self {
            store,
            infrastructure: Infrastructure::read(dir)?,
            han: secrets.han,
            warrant: AwsLc.private_key(&scalar).map_err(|e| HomeError::content(&path, format!("warrant_key: {e}")))?,
            api_token: secrets.api_token,
            supplier_xml: xml_identity(&dir.join("xml-sign/supplier.pem"), &dir.join("xml-sign/supplier.key"))?,
            dcc_xml: xml_identity(&dir.join("xml-sign/dcc.pem"), &dir.join("xml-sign/dcc.key"))?,
        })
    }

    /// The private key of a party or device.
    pub fn private(&self, name: KeyName) -> Result<PrivateKey, HomeError> {
        let missing = || HomeError::content("keys.json", format!("no private key: {name:?}"));
        self.store.private_keys(name).first().cloned().ok_or_else(missing)
    }

    /// Every certificate of the home.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let held = self.store.names().flat_map(|name| self.store.certificates(name));
        self.infrastructure.certificates.iter().chain(held).map(Vec::as_slice)
    }

    /// The public key of a party or device.
    pub fn public(&self, name: KeyName) -> Result<PublicKey, HomeError> {
        let missing = || HomeError::content("keys.json", format!("no key: {name:?}"));
        self.store.public_keys(name).first().copied().ok_or_else(missing)
    }
}

/// A certificate and its private key, both PEM.
pub fn xml_identity(certificate: &Path, file: &Path) -> Result<XmlIdentity, HomeError> {
    let pem = std::fs::read_to_string(certificate).map_err(HomeError::io(certificate))?;
    let signer = signer_from_pem(&AwsLc, &pem).map_err(|e| HomeError::content(certificate, e))?;
    let key = key_from_pem(file)?;
    if *key.public() != signer.1.key {
        return Err(HomeError::content(file, format!("not the key of {}", certificate.display())));
    }
    Ok(XmlIdentity { key: SigningKey { key, certificate: signer.0.clone() }, signer })
}

/// A private key in PEM (PKCS #8).
pub(super) fn key_from_pem(file: &Path) -> Result<PrivateKey, HomeError> {
    let pem = std::fs::read_to_string(file).map_err(HomeError::io(file))?;
    let key = p256::SecretKey::from_pkcs8_pem(&pem).map_err(|e| HomeError::content(file, e))?;
    AwsLc.private_key(&key.to_bytes().into()).map_err(|e| HomeError::content(file, e))
}

/// `secrets.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secrets {
    pub warrant_key: String,
    pub api_token: String,
    pub han: HanKeys,
}

/// AES keys of the radio network: the network key, each device's link key with the hub, and that of PPMID and electricity meter.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each field is the key of what it is named after
pub struct HanKeys {
    #[serde(with = "key128")]
    pub network: [u8; 16],
    #[serde(with = "key128")]
    pub ppmid: [u8; 16],
    #[serde(with = "key128")]
    pub esme: [u8; 16],
    #[serde(with = "key128")]
    pub gsme: [u8; 16],
    /// Between PPMID and electricity meter; a home from before they shared one does without.
    #[serde(default, with = "key128::optional", skip_serializing_if = "Option::is_none")]
    pub ppmid_esme: Option<[u8; 16]>,
}

impl HanKeys {
    /// Every key, with its name.
    pub fn all(&self) -> Vec<([u8; 16], &'static str)> {
        let partner = self.ppmid_esme.map(|key| (key, "PPMID-ESME link"));
        let of_hub =
            [(self.network, "network"), (self.ppmid, "PPMID link"), (self.esme, "ESME link"), (self.gsme, "GSME link")];
        of_hub.into_iter().chain(partner).collect()
    }
}

impl fmt::Debug for HanKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HanKeys(..)")
    }
}

mod key128 {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(key: &[u8; 16], out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&hex::encode(key))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
        let mut key = [0; 16];
        let text = String::deserialize(from)?;
        hex::decode_to_slice(text, &mut key).map_err(|_| serde::de::Error::custom("a key is 32 hex digits"))?;
        Ok(key)
    }

    /// The same where there may be none.
    pub mod optional {
        use serde::{Deserializer, Serializer};

        pub fn serialize<S: Serializer>(key: &Option<[u8; 16]>, out: S) -> Result<S::Ok, S::Error> {
            match key {
                Some(key) => super::serialize(key, out),
                None => out.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[u8; 16]>, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}
