//! Keys on disk: a JSON file or a folder of PEM files, and what [`verify`](crate::verify) needs of them.
//!
//! The JSON is a list of objects, each one key of one party:
//!
//! ```json
//! [{ "eui64": "90B3D51F30010000", "usage": "key-agreement", "prepayment": true, "certificate_der": "<base64>" },
//!  { "eui64": "90B3D51F30010000", "usage": "digital-signature", "private_scalar": "<64 hex digits>" },
//!  { "eui64": "FFFFFFFFFFFFFFFE", "usage": "key-agreement", "public_key": "04<128 hex digits>", "role": 4 }]
//! ```
//!
//! `prepayment` (false when absent) marks the key that top-ups are made with; `role` may be given where no certificate tells it.
//! Unknown fields are refused by name.
mod json;
mod pem;
mod ring;

pub use ring::Keyring;

use crate::certificate::{Certificate, CertificateError, KeyUsage, Role};
use crate::crypto::{Crypto, CryptoError, PrivateKey, PublicKey};
use crate::ids::Eui64;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;
use std::{fs, io};

/// Which key: whose, for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName {
    /// Whose.
    pub owner: Eui64,
    /// For what.
    pub usage: KeyUsage,
    /// Whether it is the key that top-ups are made with.
    pub prepayment: bool,
}

/// The keys of one name.
#[derive(Clone, Debug, Default)]
struct Entry {
    public: Vec<PublicKey>,
    private: Vec<PrivateKey>,
    certificates: Vec<Vec<u8>>,
}

/// Public and private keys by party and usage.
#[derive(Clone, Debug, Default)]
pub struct Keystore {
    entries: BTreeMap<KeyName, Entry>,
    roles: BTreeMap<Eui64, Role>,
    mismatches: Vec<(KeyName, KeyName)>,
}

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no JSON key store.
    #[error("{}: {source}", path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// One key is no key.
    #[error("{place}: {fault}")]
    Key {
        /// File, and entry of a JSON key store.
        place: String,
        /// Why.
        fault: KeyFault,
    },
}

/// Why a key is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not 32 or 65 octets in hex, or not base64.
    #[error("not in hex or base64, or of another length")]
    Encoding,
    /// An entry needs one of the three.
    #[error("one of certificate_der, private_scalar and public_key is needed")]
    NotOneKey,
    /// The certificate does not read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate names no party.
    #[error("the certificate names no Entity Identifier")]
    Nobody,
    /// Not on the curve, or out of range.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// Not a PEM file of a certificate or an EC private key.
    #[error("not a PEM file of a certificate or an unencrypted P-256 private key")]
    Pem,
    /// A private key whose certificate is not in the folder: nobody knows whose it is.
    #[error("no certificate in the folder has this key")]
    NoCertificate,
}

impl Keystore {
    /// No key yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Read a JSON file, or a folder of PEM files: certificates, and private keys that go with them by their public key. A PEM file
    /// whose name contains `prepayment` holds a key that top-ups are made with.
    pub fn load<C: Crypto>(crypto: &C, path: &Path) -> Result<Self, KeystoreError> {
        let mut store = Self::new();
        store.add_path(crypto, path)?;
        Ok(store)
    }

    /// [`load`](Self::load) on top of what is here.
    pub fn add_path<C: Crypto>(&mut self, crypto: &C, path: &Path) -> Result<(), KeystoreError> {
        let io = |source| KeystoreError::Io { path: path.to_owned(), source };
        if fs::metadata(path).map_err(io)?.is_dir() {
            return pem::add_folder(self, crypto, path);
        }
        let text = fs::read_to_string(path).map_err(io)?;
        json::add(self, crypto, &text, path)
    }

    /// Write a JSON file that [`load`](Self::load) reads. It holds the private keys in the clear.
    pub fn save(&self, path: &Path) -> Result<(), KeystoreError> {
        fs::write(path, json::write(self)).map_err(|source| KeystoreError::Io { path: path.to_owned(), source })
    }

    /// Entries of a JSON key store whose certificate names another party or usage, each with what it names: the entry is believed (whoever
    /// wrote the file meant it), the certificate's role is not.
    pub fn mismatches(&self) -> &[(KeyName, KeyName)] {
        &self.mismatches
    }

    /// Add a certificate (DER) of a party.
    pub fn add_certificate<C: Crypto>(
        &mut self,
        crypto: &C,
        der: &[u8],
        prepayment: bool,
    ) -> Result<KeyName, KeyFault> {
        let certificate = Certificate::parse(der)?;
        let owner = certificate.entity.ok_or(KeyFault::Nobody)?;
        let name = KeyName { owner, usage: certificate.usage, prepayment };
        self.add_certificate_as(crypto, name, der, &certificate)?;
        if let Some(role) = certificate.role {
            self.set_role(owner, role);
        }
        Ok(name)
    }

    /// Add a certificate under a name that need not be its own.
    fn add_certificate_as<C: Crypto>(
        &mut self,
        crypto: &C,
        name: KeyName,
        der: &[u8],
        certificate: &Certificate,
    ) -> Result<(), KeyFault> {
        self.add_public(name, crypto.public_key(&certificate.point)?);
        let certificates = &mut self.entries.entry(name).or_default().certificates;
        if certificates.iter().all(|known| known != der) {
            certificates.push(der.to_vec());
        }
        Ok(())
    }

    /// Add a public key.
    pub fn add_public(&mut self, name: KeyName, key: PublicKey) {
        let public = &mut self.entries.entry(name).or_default().public;
        if !public.contains(&key) {
            public.push(key);
        }
    }

    /// Add a private key, and the public one with it.
    pub fn add_private(&mut self, name: KeyName, key: PrivateKey) {
        self.add_public(name, *key.public());
        let private = &mut self.entries.entry(name).or_default().private;
        if private.iter().all(|known| known.public() != key.public()) {
            private.push(key);
        }
    }

    /// Say what a party is.
    pub fn set_role(&mut self, who: Eui64, role: Role) {
        self.roles.insert(who, role);
    }

    /// What a party is, where a certificate or an entry says so.
    pub fn role(&self, who: Eui64) -> Option<Role> {
        self.roles.get(&who).copied()
    }

    /// Every party with this role.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = Eui64> {
        self.roles.iter().filter(move |(_, known)| **known == role).map(|(who, _)| *who)
    }

    /// The names of all keys.
    pub fn names(&self) -> impl Iterator<Item = KeyName> {
        self.entries.keys().copied()
    }

    /// The public keys of this name.
    pub fn public_keys(&self, name: KeyName) -> &[PublicKey] {
        self.entries.get(&name).map_or(&[], |entry| &entry.public)
    }

    /// The private keys of this name.
    pub fn private_keys(&self, name: KeyName) -> &[PrivateKey] {
        self.entries.get(&name).map_or(&[], |entry| &entry.private)
    }

    /// The certificates of this name, in DER.
    pub fn certificates(&self, name: KeyName) -> &[Vec<u8>] {
        self.entries.get(&name).map_or(&[], |entry| &entry.certificates)
    }
}

impl KeyName {
    /// The digital signature key of a party.
    pub const fn signing(owner: Eui64) -> Self {
        Self { owner, usage: KeyUsage::DigitalSignature, prepayment: false }
    }

    /// The key agreement key of a party.
    pub const fn agreement(owner: Eui64) -> Self {
        Self { owner, usage: KeyUsage::KeyAgreement, prepayment: false }
    }

    /// The key agreement key that a supplier makes top-ups with.
    pub const fn prepayment(owner: Eui64) -> Self {
        Self { owner, usage: KeyUsage::KeyAgreement, prepayment: true }
    }
}
