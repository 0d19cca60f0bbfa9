//! Organisation certificates as the SMKI issues them, made by a small authority of the home's own: the EUI-64 in the subject's
//! x500UniqueIdentifier, the role in its organisational unit.
use super::HomeError;
use gbcs::Eui64;
use gbcs::crypto::{CryptoError, PrivateKey};
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use std::str::FromStr;
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::asn1::{BitString, ObjectIdentifier, SetOfVec};
use x509_cert::der::{Any, Decode, Encode, EncodePem};
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

const UNIQUE_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.45");

/// An authority that issues them.
pub struct Authority {
    name: Name,
    key: SigningKey,
}

/// Whose certificate, and for what.
struct Organisation {
    issuer: Name,
    subject: Name,
}

impl BuilderProfile for Organisation {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _subject: SubjectPublicKeyInfoRef<'_>,
        _issuer: SubjectPublicKeyInfoRef<'_>,
        certificate: &x509_cert::TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(vec![KeyUsage(KeyUsages::DigitalSignature.into()).to_extension(certificate.subject(), &[])?])
    }
}

impl Authority {
    /// An authority of this name in RFC 4514 form.
    pub fn new(name: &str, key: &PrivateKey) -> Result<Self, HomeError> {
        Ok(Self { name: Name::from_str(name).map_err(keys)?, key: signing_key(key)? })
    }

    /// A certificate for an organisation, in PEM: valid for twenty years, its serial number of 64 bits or less.
    pub fn issue(
        &self,
        name: &str,
        role: u8,
        eui: Eui64,
        serial: [u8; 8],
        key: &PrivateKey,
    ) -> Result<String, HomeError> {
        let mut subject = RdnSequence::from_str(&format!("CN={name},OU={role:02X}")).map_err(keys)?;
        let identifier = BitString::from_bytes(&eui.octets()).and_then(|bits| Any::encode_from(&bits)).map_err(keys)?;
        let attribute = AttributeTypeAndValue { oid: UNIQUE_IDENTIFIER, value: identifier };
        let attribute = SetOfVec::try_from(vec![attribute]).map_err(keys)?;
        subject.push(RelativeDistinguishedName::from(attribute));
        let name = subject.to_der().and_then(|der| Name::from_der(&der)).map_err(keys)?;
        let profile = Organisation { issuer: self.name.clone(), subject: name };
        let serial = SerialNumber::new(&serial).map_err(keys)?;
        let validity = Validity::from_now(Duration::from_secs(20 * 365 * 86_400)).map_err(keys)?;
        let public = SubjectPublicKeyInfo::from_key(signing_key(key)?.verifying_key()).map_err(keys)?;
        let builder = CertificateBuilder::new(profile, serial, validity, public).map_err(keys)?;
        let certificate: Certificate = builder.build::<_, DerSignature>(&self.key).map_err(keys)?;
        certificate.to_pem(LineEnding::LF).map_err(keys)
    }
}

/// A private key in PEM (PKCS #8).
pub fn key_to_pem(key: &PrivateKey) -> Result<String, HomeError> {
    let key = p256::SecretKey::from_slice(scalar(key)?).map_err(keys)?;
    Ok(key.to_pkcs8_pem(LineEnding::LF).map_err(keys)?.as_str().to_owned())
}

/// The scalar of a key that was made here.
pub fn scalar(key: &PrivateKey) -> Result<&[u8; 32], HomeError> {
    key.expose().ok_or_else(|| keys(CryptoError::HeldElsewhere))
}

fn signing_key(key: &PrivateKey) -> Result<SigningKey, HomeError> {
    SigningKey::from_slice(scalar(key)?).map_err(keys)
}

fn keys(error: impl std::fmt::Display) -> HomeError {
    HomeError::Keys(error.to_string())
}
