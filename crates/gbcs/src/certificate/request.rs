//! What a device says when it asks for a certificate (CS02c Response): PKCS #10, read for what an authority needs of it.
use super::{KeyUsage, named_device, one_usage, point};
use crate::crypto::{Crypto, CryptoError, PublicKey, Signature};
use crate::der::Value;
use crate::ids::Eui64;
use alloc::vec::Vec;
use der::asn1::ObjectIdentifier;
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use x509_cert::attr::AttributeValue;
use x509_cert::ext::pkix::{KeyUsage as KeyUsageExtension, SubjectAltName};
use x509_cert::request::{CertReq, ExtensionReq};

const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// A request for a device's certificate, whose signature proves that who asks has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificationRequest {
    /// The device.
    pub entity: Eui64,
    /// What the key is for.
    pub usage: KeyUsage,
    /// The public key, `x || y`; not yet known to be on the curve.
    pub point: [u8; 64],
    signed: Vec<u8>,
    signature: Signature,
}

/// Octets that are no request for a device's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a PKCS #10 request in DER.
    #[error("not a certification request in DER: {0}")]
    Malformed(der::Error),
    /// The public key is not an uncompressed point of P-256.
    #[error("the public key is not an uncompressed P-256 point")]
    NotP256,
    /// What it asks a certificate for is missing, or is none of what devices have.
    #[error("key usage is not one of digital signature, key agreement")]
    KeyUsage,
    /// No hardwareModuleName with an EUI-64 in subjectAltName.
    #[error("it names no device")]
    Nobody,
    /// Signed otherwise than with ECDSA and SHA-256.
    #[error("its signature is not ECDSA with SHA-256")]
    Algorithm,
}

impl From<der::Error> for RequestError {
    fn from(error: der::Error) -> Self {
        Self::Malformed(error)
    }
}

impl CertificationRequest {
    /// Read one request in DER; its signature is not yet looked at (see [`verify`](Self::verify)).
    pub fn parse(octets: &[u8]) -> Result<Self, RequestError> {
        let request = CertReq::from_der(octets)?;
        let (mut entity, mut usage) = (None, None);
        for attribute in request.info.attributes.iter().filter(|attribute| attribute.oid == EXTENSION_REQUEST) {
            for value in attribute.values.iter() {
                for extension in extensions(value)?.0 {
                    let value = extension.extn_value.as_bytes();
                    if extension.extn_id == KeyUsageExtension::OID {
                        usage = one_usage(&KeyUsageExtension::from_der(value)?);
                    } else if extension.extn_id == SubjectAltName::OID {
                        entity = named_device(&SubjectAltName::from_der(value)?);
                    }
                }
            }
        }
        if request.algorithm.oid != ECDSA_SHA256 {
            return Err(RequestError::Algorithm);
        }
        Ok(Self {
            entity: entity.ok_or(RequestError::Nobody)?,
            usage: usage.filter(|usage| *usage != KeyUsage::KeyCertSign).ok_or(RequestError::KeyUsage)?,
            point: point(&request.info.public_key).ok_or(RequestError::NotP256)?,
            signed: request.info.to_der()?,
            signature: signature(request.signature.as_bytes().unwrap_or_default()).ok_or(RequestError::Algorithm)?,
        })
    }

    /// Whether whoever asks has the private key: the key, which is on the curve then.
    pub fn verify<C: Crypto>(&self, crypto: &C) -> Result<PublicKey, CryptoError> {
        let key = crypto.public_key(&self.point)?;
        crypto.verify(&key, &self.signed, &self.signature)?;
        Ok(key)
    }
}

fn extensions(value: &AttributeValue) -> Result<ExtensionReq, der::Error> {
    ExtensionReq::from_der(&value.to_der()?)
}

/// The DER of `{ r, s }`, as GBCS has signatures.
fn signature(octets: &[u8]) -> Option<Signature> {
    let pair = Value::parse(octets).ok()?;
    let [r, s] = pair.elements()? else { return None };
    let mut signature = [0; 64];
    for (number, place) in [r, s].into_iter().zip(signature.chunks_exact_mut(32)) {
        let octets = match number.octets()? {
            [0, octets @ ..] | octets => octets,
        };
        place[32usize.checked_sub(octets.len())?..].copy_from_slice(octets);
    }
    Some(Signature(signature))
}
