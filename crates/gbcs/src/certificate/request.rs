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

#[cfg(all(test, feature = "rustcrypto"))]
mod tests {
    use super::*;
    use crate::crypto::RustCrypto;
    use crate::der::tag;
    use alloc::vec;

    /// A request as meters make it: no subject, the usage, the device in subjectAltName.
    fn request(usage: [u8; 2], device: Option<[u8; 8]>, signer: &[u8; 32]) -> Vec<u8> {
        let key = RustCrypto.private_key(&[7; 32]).unwrap();
        let oid = |octets: &[u8]| Value::primitive(tag::OBJECT_IDENTIFIER, octets).unwrap();
        let sequence = |values: Vec<Value>| Value::constructed(tag::SEQUENCE, values).unwrap();
        let explicit = |values: Vec<Value>| Value::constructed(0xA0, values).unwrap();
        let octets = |octets: &[u8]| Value::primitive(tag::OCTET_STRING, octets).unwrap();
        let bits = |octets: &[u8]| Value::primitive(tag::BIT_STRING, [&[0], octets].concat()).unwrap();
        let extension = |id: &[u8], value: Value| sequence(vec![oid(id), octets(&value.encode())]);
        let usage = Value::primitive(tag::BIT_STRING, usage).unwrap();
        let mut extensions = vec![extension(&[0x55, 0x1D, 0x0F], usage)];
        if let Some(device) = device {
            let module = sequence(vec![oid(&[0x2A, 0x03, 0x04]), octets(&device)]);
            let module_name = oid(&[0x2B, 6, 1, 5, 5, 7, 8, 4]);
            let other = explicit(vec![module_name, explicit(vec![module])]);
            extensions.push(extension(&[0x55, 0x1D, 0x11], sequence(vec![other])));
        }
        let wanted = Value::constructed(tag::SET, vec![sequence(extensions)]).unwrap();
        let attribute = sequence(vec![oid(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 0x0E]), wanted]);
        let algorithm =
            sequence(vec![oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]), oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7])]);
        let public = sequence(vec![algorithm, bits(&key.public().sec1())]);
        let version = Value::primitive(tag::INTEGER, [0]).unwrap();
        let attributes = explicit(vec![attribute]);
        let info = sequence(vec![version, sequence(vec![]), public, attributes]);
        let signer = RustCrypto.private_key(signer).unwrap();
        let Signature(signature) = RustCrypto.sign(&signer, &info.encode()).unwrap();
        let number = |half: &[u8]| {
            let start = half.iter().position(|octet| *octet != 0).unwrap();
            let half = [if half[start] < 0x80 { &[][..] } else { &[0] }, &half[start..]].concat();
            Value::primitive(tag::INTEGER, half).unwrap()
        };
        let pair = sequence(vec![number(&signature[..32]), number(&signature[32..])]);
        let ecdsa = sequence(vec![oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2])]);
        sequence(vec![info, ecdsa, bits(&pair.encode())]).encode()
    }

    const DEVICE: [u8; 8] = [0, 0xDB, 1, 2, 3, 4, 5, 6];
    const SIGNING: [u8; 2] = [7, 0x80];

    #[test]
    fn a_request_names_a_device_a_usage_and_a_key_that_signed_it() {
        let octets = request(SIGNING, Some(DEVICE), &[7; 32]);
        let read = CertificationRequest::parse(&octets).unwrap();
        assert_eq!((read.entity, read.usage), (Eui64(DEVICE), KeyUsage::DigitalSignature));
        assert_eq!(*read.verify(&RustCrypto).unwrap().point(), read.point);
        let read = CertificationRequest::parse(&request([3, 0x08], Some(DEVICE), &[7; 32])).unwrap();
        assert_eq!(read.usage, KeyUsage::KeyAgreement);
    }

    #[test]
    fn a_request_that_another_key_signed_does_not_verify() {
        let read = CertificationRequest::parse(&request(SIGNING, Some(DEVICE), &[8; 32])).unwrap();
        assert!(read.verify(&RustCrypto).is_err());
    }

    #[test]
    fn what_no_device_asks_is_refused_by_name() {
        let parse = |octets: &[u8]| CertificationRequest::parse(octets).unwrap_err();
        assert_eq!(parse(&request(SIGNING, None, &[7; 32])), RequestError::Nobody);
        assert_eq!(parse(&request([2, 0x04], Some(DEVICE), &[7; 32])), RequestError::KeyUsage);
        assert_eq!(parse(&request([3, 0x88], Some(DEVICE), &[7; 32])), RequestError::KeyUsage);
        let octets = request(SIGNING, Some(DEVICE), &[7; 32]);
        let replaced = |from: &[u8], to: &[u8]| {
            let at = octets.windows(from.len()).rposition(|window| window == from).unwrap();
            [&octets[..at], to, &octets[at + from.len()..]].concat()
        };
        assert_eq!(parse(&replaced(&[0xCE, 0x3D, 4, 3, 2], &[0xCE, 0x3D, 4, 3, 3])), RequestError::Algorithm);
        assert_eq!(parse(&replaced(&[0xCE, 0x3D, 2, 1], &[0xCE, 0x3D, 2, 2])), RequestError::NotP256);
        for end in 0..octets.len() {
            assert!(matches!(parse(&octets[..end]), RequestError::Malformed(_)), "{end}");
        }
    }
}
