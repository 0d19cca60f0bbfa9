//! Authorities and what they issue.
use crate::Serial;
use crate::profile::{Profile, key_identifier};
use gbcs::certificate::{Certificate, CertificateError, KeyUsage, Role};
use gbcs::crypto::{PrivateKey, PublicKey};
use gbcs::{Eui64, Time};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::asn1::{BitString, ObjectIdentifier, SetOfVec};
use x509_cert::der::{Any, Decode, Encode};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfo;
use x509_cert::time::{Time as CertificateTime, Validity};

const UNIQUE_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.45");

/// Certificates of authorities, and of organisations whose certificates nobody renews, last this long.
const LONG: Duration = Duration::from_secs(20 * 365 * 86_400);

/// Which half of the infrastructure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Certificates of organisations.
    Organisation,
    /// Certificates of devices.
    Device,
}

/// An authority that issues certificates, with its private key.
#[derive(Clone)]
pub struct Authority {
    name: Name,
    key: SigningKey,
    key_id: [u8; 8],
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.name)
    }
}

/// Whose certificate, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Organisation<'a> {
    /// Its common name.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
    /// Its Entity Identifier.
    pub eui: Eui64,
    /// What the key is for.
    pub usage: KeyUsage,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum SmkiError {
    /// A name, key, serial number or date cannot stand in a certificate.
    #[error("cannot be certified: {0}")]
    Unfit(String),
    /// The private key is held in a token.
    #[error("an authority's private key must be at hand")]
    KeyElsewhere,
    /// What shall be an authority's certificate is none, or not of this key.
    #[error("not the certificate of an authority with this key")]
    NotAuthority,
    /// What shall be an authority's certificate does not read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Authority {
    /// A root, and its certificate by itself.
    pub fn root(
        branch: Branch,
        name: &str,
        key: &PrivateKey,
        serial: Serial,
        from: Time,
    ) -> Result<(Self, Vec<u8>), SmkiError> {
        let authority = Self::named(branch, name, Role::Root, key)?;
        let certificate = authority.authority_certificate(&authority, 1, serial, (from, Self::end(branch, from)))?;
        Ok((authority, certificate))
    }

    /// An issuing authority under this root, and its certificate.
    pub fn issuing(
        &self,
        branch: Branch,
        name: &str,
        key: &PrivateKey,
        serial: Serial,
        from: Time,
    ) -> Result<(Self, Vec<u8>), SmkiError> {
        let authority = Self::named(branch, name, Role::IssuingAuthority, key)?;
        let certificate = self.authority_certificate(&authority, 0, serial, (from, Self::end(branch, from)))?;
        Ok((authority, certificate))
    }

    /// An authority that has its certificate already.
    pub fn restore(certificate: &[u8], key: &PrivateKey) -> Result<Self, SmkiError> {
        let read = Certificate::parse(certificate)?;
        if read.usage != KeyUsage::KeyCertSign || read.point != *key.public().point() {
            return Err(SmkiError::NotAuthority);
        }
        let x509 = x509_cert::Certificate::from_der(certificate).map_err(unfit)?;
        let name = x509.tbs_certificate().subject().clone();
        Ok(Self { name, key: signing_key(key)?, key_id: key_identifier(key.public().point()) })
    }

    /// A certificate for an organisation, in DER.
    pub fn organisation(
        &self,
        whose: Organisation<'_>,
        key: &PublicKey,
        serial: Serial,
        from: Time,
    ) -> Result<Vec<u8>, SmkiError> {
        let Organisation { name, role, eui, usage } = whose;
        let mut subject = RdnSequence::from_str(&format!("CN={name},OU={:02X}", role.number())).map_err(unfit)?;
        let identifier =
            BitString::from_bytes(&eui.octets()).and_then(|bits| Any::encode_from(&bits)).map_err(unfit)?;
        let attribute = AttributeTypeAndValue { oid: UNIQUE_IDENTIFIER, value: identifier };
        subject.push(RelativeDistinguishedName::from(SetOfVec::try_from(vec![attribute]).map_err(unfit)?));
        let subject = subject.to_der().and_then(|der| Name::from_der(&der)).map_err(unfit)?;
        let profile = Profile { subject, ..self.profile(usage, key) };
        self.build(profile, key, serial, (from, Some(from + LONG)))
    }

    /// A certificate for a device, in DER: it never expires.
    pub fn device(
        &self,
        eui: Eui64,
        usage: KeyUsage,
        key: &PublicKey,
        serial: Serial,
        from: Time,
    ) -> Result<Vec<u8>, SmkiError> {
        let profile = Profile { device: Some(eui), ..self.profile(usage, key) };
        self.build(profile, key, serial, (from, None))
    }

    fn named(branch: Branch, name: &str, role: Role, key: &PrivateKey) -> Result<Self, SmkiError> {
        let name = match branch {
            Branch::Organisation => format!("CN={name},OU={:02X}", role.number()),
            Branch::Device => format!("CN={name}"),
        };
        let name = Name::from_str(&name).map_err(unfit)?;
        Ok(Self { name, key: signing_key(key)?, key_id: key_identifier(key.public().point()) })
    }

    /// Devices outlive everybody.
    fn end(branch: Branch, from: Time) -> Option<Time> {
        (branch == Branch::Organisation).then(|| from + LONG)
    }

    fn authority_certificate(
        &self,
        whose: &Self,
        path: u8,
        serial: Serial,
        validity: (Time, Option<Time>),
    ) -> Result<Vec<u8>, SmkiError> {
        let profile = Profile {
            issuer: self.name.clone(),
            subject: whose.name.clone(),
            usage: KeyUsage::KeyCertSign,
            key_ids: (whose.key_id, self.key_id),
            device: None,
            path: Some(path),
        };
        self.sign(profile, whose.key.verifying_key(), serial, validity)
    }

    fn profile(&self, usage: KeyUsage, key: &PublicKey) -> Profile {
        let key_ids = (key_identifier(key.point()), self.key_id);
        Profile { issuer: self.name.clone(), subject: Name::default(), usage, key_ids, device: None, path: None }
    }

    fn build(
        &self,
        profile: Profile,
        key: &PublicKey,
        serial: Serial,
        validity: (Time, Option<Time>),
    ) -> Result<Vec<u8>, SmkiError> {
        let key = VerifyingKey::from_sec1_bytes(&key.sec1()).map_err(unfit)?;
        self.sign(profile, &key, serial, validity)
    }

    fn sign(
        &self,
        profile: Profile,
        key: &VerifyingKey,
        serial: Serial,
        (from, until): (Time, Option<Time>),
    ) -> Result<Vec<u8>, SmkiError> {
        let until = until.map_or(Ok(CertificateTime::INFINITY), date)?;
        let validity = Validity::new(date(from)?, until);
        let serial = SerialNumber::new(&serial.octets()).map_err(unfit)?;
        let public = SubjectPublicKeyInfo::from_key(key).map_err(unfit)?;
        let builder = CertificateBuilder::new(profile, serial, validity, public).map_err(unfit)?;
        let certificate = builder.build::<_, DerSignature>(&self.key).map_err(unfit)?;
        certificate.to_der().map_err(unfit)
    }
}

/// Dates to 2049 are UTCTime, later ones GeneralizedTime (RFC 5280 4.1.2.5).
fn date(time: Time) -> Result<CertificateTime, SmkiError> {
    CertificateTime::try_from(std::time::UNIX_EPOCH + Duration::from_secs(time.seconds())).map_err(unfit)
}

fn signing_key(key: &PrivateKey) -> Result<SigningKey, SmkiError> {
    SigningKey::from_slice(key.expose().ok_or(SmkiError::KeyElsewhere)?).map_err(unfit)
}

fn unfit(error: impl fmt::Display) -> SmkiError {
    SmkiError::Unfit(error.to_string())
}
