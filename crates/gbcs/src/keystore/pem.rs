//! A folder of PEM files.
use super::{KeyFault, Keystore, KeystoreError};
use crate::crypto::{Crypto, PrivateKey};
use crate::der::{Value, tag};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;

/// Object identifiers of EC keys on P-256, as octets.
const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const P_256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

pub(super) fn add_folder<C: Crypto>(store: &mut Keystore, crypto: &C, folder: &Path) -> Result<(), KeystoreError> {
    let io = |path: &Path, source| KeystoreError::Io { path: path.to_owned(), source };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| io(folder, e))? {
        let path = entry.map_err(|e| io(folder, e))?.path();
        if path
            .extension()
            .is_some_and(|extension| ["pem", "crt", "cer", "key"].iter().any(|known| extension == *known))
        {
            files.push(path);
        }
    }
    files.sort();
    let mut private: Vec<(PathBuf, PrivateKey)> = Vec::new();
    let mut owners = BTreeMap::new();
    for path in files {
        let text = fs::read_to_string(&path).map_err(|e| io(&path, e))?;
        let fault = |fault| KeystoreError::Key { place: path.display().to_string(), fault };
        let prepayment = path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains("prepayment"));
        for block in blocks(&text) {
            let (label, octets) = der::pem::decode_vec(block.as_bytes()).map_err(|_| fault(KeyFault::Pem))?;
            match label {
                "CERTIFICATE" => {
                    let name = store.add_certificate(crypto, &octets, prepayment).map_err(fault)?;
                    store.public_keys(name).iter().for_each(|key| {
                        owners.insert(*key.point(), name);
                    });
                }
                "EC PRIVATE KEY" | "PRIVATE KEY" => {
                    let scalar = scalar(&octets).ok_or_else(|| fault(KeyFault::Pem))?;
                    let key = crypto.private_key(&scalar).map_err(|e| fault(e.into()))?;
                    private.push((path.clone(), key));
                }
                // `openssl ecparam` writes these in front of a key.
                "EC PARAMETERS" => {}
                _ => return Err(fault(KeyFault::Pem)),
            }
        }
    }
    for (path, key) in private {
        let Some(name) = owners.get(key.public().point()) else {
            return Err(KeystoreError::Key { place: path.display().to_string(), fault: KeyFault::NoCertificate });
        };
        store.add_private(*name, key);
    }
    Ok(())
}

/// The blocks of a PEM file: a certificate and its key may stand in one file, text around them is allowed.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("-----BEGIN ") {
            inside = true;
            blocks.push(String::new());
        }
        if let (true, Some(block)) = (inside, blocks.last_mut()) {
            block.push_str(line.trim_end());
            block.push('\n');
        }
        inside &= !line.starts_with("-----END ");
    }
    blocks
}

/// The private scalar of a SEC 1 or PKCS #8 key.
fn scalar(octets: &[u8]) -> Option<[u8; 32]> {
    let value = Value::parse(octets).ok()?;
    match value.elements()? {
        [_, algorithm, key] if algorithm.tag() == tag::SEQUENCE => {
            let [kind, curve] = algorithm.elements()? else { return None };
            if kind.octets()? != EC_PUBLIC_KEY || curve.octets()? != P_256 {
                return None;
            }
            scalar(key.octets()?)
        }
        [_, key, ..] if key.tag() == tag::OCTET_STRING => key.octets()?.try_into().ok(),
        _ => None,
    }
}
