//! Private keys in a PKCS#11 token: they sign and agree there, and nothing gets them out.
//!
//! A key is known by whom it is of and what it is for. Either its label says so, `A1B2C3D4E5F60001 digital-signature`,
//! `... key-agreement`, or `... key-agreement prepayment` for the key of top-ups; or its CKA_ID is the EUI-64 in 8 octets, and what the
//! token lets it do (sign, derive) tells the rest. Its public half is that of a public key or a certificate of the same CKA_ID.
use super::{Crypto, CryptoError, Key128, PrivateKey, PublicKey, SharedSecret, Signature};
use crate::certificate::{Certificate, KeyUsage};
use crate::ids::Eui64;
use crate::keystore::{KeyName, Keystore};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::{AuthPin, Ulong};
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::Mutex;
use std::vec::Vec;

/// A token, logged in to, and a provider in software for all that needs no key of it.
#[derive(Debug)]
pub struct Token<C> {
    software: C,
    label: String,
    session: Mutex<Session>,
    keys: Vec<TokenKey>,
}

/// A private key of a token.
#[derive(Clone, Debug)]
pub struct TokenKey {
    /// Its label there.
    pub label: String,
    /// Whose it is and what for, where label or CKA_ID tell.
    pub name: Option<KeyName>,
    /// Its public half, where the token has it.
    pub public: Option<PublicKey>,
    /// Whether the token lets it do what it is for: sign (CKA_SIGN) or agree (CKA_DERIVE).
    pub permitted: bool,
    handle: ObjectHandle,
}

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The module cannot be loaded, or does not start.
    #[error("PKCS#11 module {}: {source}", module.display())]
    Module {
        /// Which.
        module: PathBuf,
        /// Why.
        source: Error,
    },
    /// The module has no token of this label.
    #[error("PKCS#11 module {} has no token {label:?}; it has {}", module.display(), listed(there))]
    NoToken {
        /// Which.
        module: PathBuf,
        /// What was looked for.
        label: String,
        /// The labels of those it has.
        there: Vec<String>,
    },
    /// The token takes no such PIN.
    #[error("token {label:?} refuses the PIN: {source}")]
    Pin {
        /// Which.
        label: String,
        /// Why.
        source: Error,
    },
    /// The token fails at something else.
    #[error("token {label:?}: {source}")]
    Token {
        /// Which.
        label: String,
        /// Why.
        source: Error,
    },
}

fn listed(labels: &[String]) -> String {
    if labels.is_empty() { "none".into() } else { labels.join(", ") }
}

impl<C: Crypto> Token<C> {
    /// Log in to the token of this label behind a module (a shared library), and see which keys it has.
    pub fn open(module: &Path, label: &str, pin: &str, software: C) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Module { module: module.to_owned(), source };
        let library = Pkcs11::new(module).map_err(failed)?;
        match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another part of the program uses it too.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => {}
            Err(source) => return Err(failed(source)),
        }
        let mut there = Vec::new();
        let mut slot = None;
        for candidate in library.get_slots_with_initialized_token().map_err(failed)? {
            let found = library.get_token_info(candidate).map_err(failed)?.label().trim_end().to_owned();
            if found == label {
                slot = Some(candidate);
            }
            there.push(found);
        }
        let Some(slot) = slot else {
            return Err(TokenError::NoToken { module: module.to_owned(), label: label.into(), there });
        };
        let failed = |source| TokenError::Token { label: label.into(), source };
        let session = library.open_ro_session(slot).map_err(failed)?;
        match session.login(UserType::User, Some(&AuthPin::new(pin.into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(source) => return Err(TokenError::Pin { label: label.into(), source }),
        }
        let keys = keys(&session, &software).map_err(failed)?;
        Ok(Self { software, label: label.into(), session: Mutex::new(session), keys })
    }

    /// The token's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its private keys.
    pub fn keys(&self) -> &[TokenKey] {
        &self.keys
    }

    /// Name the keys that can be used to a key store: private ones held elsewhere.
    pub fn add_to(&self, store: &mut Keystore) {
        for key in &self.keys {
            if let (Some(name), Some(public), true) = (key.name, key.public, key.permitted) {
                store.add_private(name, PrivateKey::held_elsewhere(public));
            }
        }
    }

    fn handle(&self, key: &PrivateKey) -> Result<ObjectHandle, CryptoError> {
        let held = self.keys.iter().find(|held| held.public.as_ref() == Some(key.public()));
        held.map(|held| held.handle).ok_or(CryptoError::HeldElsewhere)
    }

    fn with<R>(&self, work: impl FnOnce(&Session) -> cryptoki::error::Result<R>) -> Result<R, CryptoError> {
        let session = self.session.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        work(&session).map_err(|_| CryptoError::Internal)
    }
}

impl<C: Crypto> Crypto for Token<C> {
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.software.sha256(parts)
    }

    fn private_key(&self, scalar: &[u8; 32]) -> Result<PrivateKey, CryptoError> {
        self.software.private_key(scalar)
    }

    fn public_key(&self, point: &[u8; 64]) -> Result<PublicKey, CryptoError> {
        self.software.public_key(point)
    }

    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, CryptoError> {
        if key.expose().is_some() {
            return self.software.sign(key, message);
        }
        let handle = self.handle(key)?;
        let hash = self.software.sha256(&[message]);
        let signature = self.with(|session| session.sign(&Mechanism::Ecdsa, handle, &hash))?;
        Ok(Signature(signature.try_into().map_err(|_| CryptoError::Internal)?))
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        self.software.verify(key, message, signature)
    }

    fn agree(&self, private: &PrivateKey, public: &PublicKey) -> Result<SharedSecret, CryptoError> {
        if private.expose().is_some() {
            return self.software.agree(private, public);
        }
        let handle = self.handle(private)?;
        let point = public.sec1();
        // The secret alone comes out, and is forgotten there: GBCS derives its keys from it in a way no token knows.
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::ValueLen(Ulong::new(32)),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        let value = self.with(|session| {
            let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), &point));
            let secret = session.derive_key(&mechanism, handle, &template)?;
            let value = session.get_attributes(secret, &[AttributeType::Value]);
            session.destroy_object(secret)?;
            value
        })?;
        match &value[..] {
            [Attribute::Value(x)] => Ok(SharedSecret::new(x[..].try_into().map_err(|_| CryptoError::Internal)?)),
            _ => Err(CryptoError::Internal),
        }
    }

    fn gmac(&self, key: &Key128, iv: &[u8; 12], aad: &[u8]) -> [u8; 16] {
        self.software.gmac(key, iv, aad)
    }

    fn seal(&self, key: &Key128, iv: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 12] {
        self.software.seal(key, iv, aad, text)
    }

    fn open(
        &self,
        key: &Key128,
        iv: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; 12],
    ) -> Result<(), CryptoError> {
        self.software.open(key, iv, aad, text, tag)
    }
}

/// All private keys of elliptic curves that a token has.
fn keys(session: &Session, crypto: &impl Crypto) -> cryptoki::error::Result<Vec<TokenKey>> {
    let class = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(KeyType::EC)];
    let mut keys = Vec::new();
    for handle in session.find_objects(&class)? {
        let asked = [AttributeType::Label, AttributeType::Id, AttributeType::Sign, AttributeType::Derive];
        let (mut label, mut id, mut signs, mut derives) = (String::new(), Vec::new(), false, false);
        for attribute in session.get_attributes(handle, &asked)? {
            match attribute {
                Attribute::Label(text) => label = String::from_utf8_lossy(&text).trim().to_string(),
                Attribute::Id(octets) => id = octets,
                Attribute::Sign(may) => signs = may,
                Attribute::Derive(may) => derives = may,
                _ => {}
            }
        }
        let name = name_of_label(&label).or_else(|| name_of_id(&id, signs, derives));
        let permitted = match name {
            Some(KeyName { usage: KeyUsage::DigitalSignature, .. }) => signs,
            Some(_) => derives,
            None => signs || derives,
        };
        keys.push(TokenKey { name, public: public_half(session, crypto, &id)?, permitted, label, handle });
    }
    Ok(keys)
}

/// `EUI usage`, and `prepayment` behind it for that key.
fn name_of_label(label: &str) -> Option<KeyName> {
    let mut words = label.split_whitespace();
    let owner: Eui64 = words.next()?.parse().ok()?;
    let usage = words.next()?;
    let usage = [KeyUsage::DigitalSignature, KeyUsage::KeyAgreement].into_iter().find(|known| known.name() == usage)?;
    let prepayment = match words.next() {
        None => false,
        Some("prepayment") if usage == KeyUsage::KeyAgreement => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(KeyName { owner, usage, prepayment })
}

fn name_of_id(id: &[u8], signs: bool, derives: bool) -> Option<KeyName> {
    let owner = Eui64(id.try_into().ok()?);
    match (signs, derives) {
        (true, false) => Some(KeyName::signing(owner)),
        (false, true) => Some(KeyName::agreement(owner)),
        _ => None,
    }
}

/// The public key, or that of the certificate, that has the private key's CKA_ID.
fn public_half(session: &Session, crypto: &impl Crypto, id: &[u8]) -> cryptoki::error::Result<Option<PublicKey>> {
    let of = |class, kind| -> cryptoki::error::Result<Vec<Attribute>> {
        let mut values = Vec::new();
        for object in session.find_objects(&[Attribute::Class(class), Attribute::Id(id.to_vec())])? {
            values.extend(session.get_attributes(object, &[kind])?);
        }
        Ok(values)
    };
    let mut points = Vec::new();
    for attribute in of(ObjectClass::PUBLIC_KEY, AttributeType::EcPoint)? {
        // An OCTET STRING by the standard, the point as it is by habit.
        if let Attribute::EcPoint(octets) = attribute {
            points.extend(octets.last_chunk::<64>().copied());
        }
    }
    for attribute in of(ObjectClass::CERTIFICATE, AttributeType::Value)? {
        if let Attribute::Value(der) = attribute {
            points.extend(Certificate::parse(&der).map(|certificate| certificate.point));
        }
    }
    Ok(points.iter().find_map(|point| crypto.public_key(point).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_or_an_identifier_says_whose_key_it_is() {
        let owner = Eui64::from_u64(0xA1B2_C3D4_E5F6_0001);
        for (label, name) in [
            ("A1B2C3D4E5F60001 digital-signature", Some(KeyName::signing(owner))),
            ("a1-b2-c3-d4-e5-f6-00-01  key-agreement", Some(KeyName::agreement(owner))),
            ("A1B2C3D4E5F60001 key-agreement prepayment", Some(KeyName::prepayment(owner))),
            ("A1B2C3D4E5F60001", None),
            ("A1B2C3D4E5F60001 key-cert-sign", None),
            ("A1B2C3D4E5F60001 digital-signature prepayment", None),
            ("A1B2C3D4E5F60001 key-agreement prepayment again", None),
            ("signing key", None),
            ("", None),
        ] {
            assert_eq!(name_of_label(label), name, "{label}");
        }
        assert_eq!(name_of_id(&owner.0, true, false), Some(KeyName::signing(owner)));
        assert_eq!(name_of_id(&owner.0, false, true), Some(KeyName::agreement(owner)));
        assert_eq!(name_of_id(&owner.0, true, true), None);
        assert_eq!(name_of_id(&owner.0[1..], true, false), None);
    }
}
