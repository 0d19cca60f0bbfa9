//! The JSON form.
use super::{KeyFault, KeyName, Keystore, KeystoreError};
use crate::certificate::{Certificate, KeyUsage, Role};
use crate::crypto::{Crypto, PrivateKey};
use crate::ids::Eui64;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::string::String;
use std::vec::Vec;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    eui64: String,
    usage: Usage,
    #[serde(default)]
    prepayment: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate_der: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_scalar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Usage {
    DigitalSignature,
    KeyAgreement,
    KeyCertSign,
}

impl From<Usage> for KeyUsage {
    fn from(usage: Usage) -> Self {
        match usage {
            Usage::DigitalSignature => Self::DigitalSignature,
            Usage::KeyAgreement => Self::KeyAgreement,
            Usage::KeyCertSign => Self::KeyCertSign,
        }
    }
}

impl From<KeyUsage> for Usage {
    fn from(usage: KeyUsage) -> Self {
        match usage {
            KeyUsage::DigitalSignature => Self::DigitalSignature,
            KeyUsage::KeyAgreement => Self::KeyAgreement,
            KeyUsage::KeyCertSign => Self::KeyCertSign,
        }
    }
}

pub(super) fn add<C: Crypto>(store: &mut Keystore, crypto: &C, text: &str, path: &Path) -> Result<(), KeystoreError> {
    let items: Vec<Item> =
        serde_json::from_str(text).map_err(|source| KeystoreError::Json { path: path.to_owned(), source })?;
    for (i, item) in items.iter().enumerate() {
        add_item(store, crypto, item).map_err(|fault| {
            let place = std::format!("{}: entry {} ({})", path.display(), i + 1, item.eui64);
            KeystoreError::Key { place, fault }
        })?;
    }
    Ok(())
}

fn add_item<C: Crypto>(store: &mut Keystore, crypto: &C, item: &Item) -> Result<(), KeyFault> {
    let owner: Eui64 = item.eui64.parse().map_err(|_| KeyFault::Encoding)?;
    let name = KeyName { owner, usage: item.usage.into(), prepayment: item.prepayment };
    if let Some(role) = item.role {
        store.set_role(owner, Role::from_number(role));
    }
    match (&item.certificate_der, &item.private_scalar, &item.public_key) {
        (Some(certificate), None, None) => {
            let der = STANDARD.decode(certificate).map_err(|_| KeyFault::Encoding)?;
            let certificate = Certificate::parse(&der)?;
            let named = KeyName {
                owner: certificate.entity.ok_or(KeyFault::Nobody)?,
                usage: certificate.usage,
                prepayment: item.prepayment,
            };
            store.add_certificate_as(crypto, name, &der, &certificate)?;
            match certificate.role {
                _ if named != name => store.mismatches.push((name, named)),
                Some(role) => store.set_role(owner, role),
                None => {}
            }
        }
        (None, Some(scalar), None) => store.add_private(name, crypto.private_key(&octets(scalar)?)?),
        (None, None, Some(point)) => {
            let [4, point @ ..]: [u8; 65] = octets(point)? else { return Err(KeyFault::Encoding) };
            store.add_public(name, crypto.public_key(&point)?);
        }
        _ => return Err(KeyFault::NotOneKey),
    }
    Ok(())
}

fn octets<const N: usize>(text: &str) -> Result<[u8; N], KeyFault> {
    let mut octets = [0; N];
    hex::decode_to_slice(text, &mut octets).map_err(|_| KeyFault::Encoding)?;
    Ok(octets)
}

pub(super) fn write(store: &Keystore) -> String {
    let mut items = Vec::new();
    for (name, entry) in &store.entries {
        let bare = |role| Item {
            eui64: std::format!("{:#}", name.owner),
            usage: name.usage.into(),
            prepayment: name.prepayment,
            role,
            certificate_der: None,
            private_scalar: None,
            public_key: None,
        };
        let role = store.role(name.owner).map(Role::number);
        // What a token holds stays there; its public half is written.
        for scalar in entry.private.iter().filter_map(PrivateKey::expose) {
            items.push(Item { private_scalar: Some(hex::encode(scalar)), ..bare(role) });
        }
        for certificate in &entry.certificates {
            items.push(Item { certificate_der: Some(STANDARD.encode(certificate)), ..bare(None) });
        }
        let only_public = entry.private.iter().all(|key| key.expose().is_none()) && entry.certificates.is_empty();
        if only_public {
            for key in &entry.public {
                items.push(Item { public_key: Some(hex::encode(key.sec1())), ..bare(role) });
            }
        }
    }
    let mut text = serde_json::to_string_pretty(&items).expect("strings and numbers");
    text.push('\n');
    text
}
