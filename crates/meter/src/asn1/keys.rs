//! The meter's own keys: a new pair and the request for its certificate (CS02c), the certificate (CS02d), the one it has (CS02e).
use super::der;
use crate::config::Usage;
use crate::meter::Meter;
use alloc::vec::Vec;
use gbcs::Time;
use gbcs::asn1::*;
use gbcs::crypto::{Crypto, PrivateKey, Signature};

/// Make a key pair and ask for its certificate.
pub(super) fn issue<C: Crypto>(meter: &mut Meter<C>, now: Time, usages: KeyUsages) -> Content {
    let Some(usage) = device_usage(usages) else { return Content::IssueRefused(IssueRefusal::BadKeyUsage) };
    let Some((scalar, key)) = generate(meter, now, usage) else {
        return Content::IssueRefused(IssueRefusal::KeyGenerationFailed);
    };
    let request = request(meter, usage, &key).and_then(|octets| CertificationRequest::new(octets).ok());
    let Some(request) = request else { return Content::IssueRefused(IssueRefusal::RequestFailed) };
    meter.state.credentials.wait(usage, &scalar);
    Content::CertificationRequest(request)
}

/// A device signs, or agrees on keys.
fn device_usage(usages: KeyUsages) -> Option<Usage> {
    match usages.usage().map(Usage::from)? {
        Usage::CertificateSigning => None,
        usage => Some(usage),
    }
}

/// A device without a source of randomness derives: from a secret that never leaves it, and a counter that never comes again.
fn generate<C: Crypto>(meter: &mut Meter<C>, now: Time, usage: Usage) -> Option<([u8; 32], PrivateKey)> {
    for _ in 0..4 {
        let counter = meter.state.counters.next_own(now);
        let secret = meter.config.keys.key_agreement.expose()?;
        let scalar = meter.crypto.sha256(&[b"device key", &[usage as u8], secret, &counter.octets()]);
        if let Ok(key) = meter.crypto.private_key(&scalar) {
            return Some((scalar, key));
        }
    }
    None
}

/// The certification request (PKCS #10): no subject, the device in subjectAltName, the usage, signed by the new key.
fn request<C: Crypto>(meter: &Meter<C>, usage: Usage, key: &PrivateKey) -> Option<Vec<u8>> {
    const EC_PUBLIC_KEY: [u8; 21] = [
        0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
        0x03, 0x01, 0x07,
    ];
    const ECDSA_SHA256: [u8; 12] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
    const EXTENSION_REQUEST: [u8; 11] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E];
    const KEY_USAGE: [u8; 5] = [0x06, 0x03, 0x55, 0x1D, 0x0F];
    const ALTERNATIVE_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x1D, 0x11];
    /// hardwareModuleName (RFC 4108), and a type of hardware.
    const HARDWARE_MODULE: [u8; 10] = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04];
    const HARDWARE_TYPE: [u8; 15] =
        [0x06, 0x0D, 0x2A, 0x86, 0x3A, 0x00, 0x01, 0x84, 0x8F, 0xB9, 0x0F, 0x01, 0x02, 0x02, 0x01];
    const CRITICAL: [u8; 3] = [0x01, 0x01, 0xFF];
    let usage_bits: [u8; 2] = if usage == Usage::DigitalSignature { [7, 0x80] } else { [3, 0x08] };
    let extension = |id: &[u8], value: &[u8]| der(0x30, &[id, &CRITICAL, &der(0x04, &[value])]);
    let module = der(0x30, &[&HARDWARE_TYPE, &der(0x04, &[&meter.config.eui.0])]);
    let name = der(0x30, &[&der(0xA0, &[&HARDWARE_MODULE, &der(0xA0, &[&module])])]);
    let extensions =
        der(0x30, &[&extension(&KEY_USAGE, &der(0x03, &[&usage_bits])), &extension(&ALTERNATIVE_NAME, &name)]);
    let attribute = der(0x30, &[&EXTENSION_REQUEST, &der(0x31, &[&extensions])]);
    let public = der(0x30, &[&EC_PUBLIC_KEY, &der(0x03, &[&[0], &key.public().sec1()])]);
    let info = der(0x30, &[&[0x02, 0x01, 0x00], &[0x30, 0x00], &public, &der(0xA0, &[&attribute])]);
    let Signature(signature) = meter.crypto.sign(key, &info).ok()?;
    let (r, s) = signature.split_at(32);
    let signature = der(0x30, &[&integer(r), &integer(s)]);
    Some(der(0x30, &[&info, &ECDSA_SHA256, &der(0x03, &[&[0], &signature])]))
}

/// A positive INTEGER.
fn integer(octets: &[u8]) -> Vec<u8> {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len() - 1);
    let padding: &[u8] = if octets[start] & 0x80 != 0 { &[0] } else { &[] };
    der(0x02, &[padding, &octets[start..]])
}

/// Take a certificate for the key pair that waits, and put both into use.
pub(super) fn adopt<C: Crypto>(meter: &mut Meter<C>, certificate: &CertificateDer) -> CertificateUpdateStatus {
    let Ok(read) = certificate.read() else { return CertificateUpdateStatus::InvalidCertificate };
    if read.entity != Some(meter.config.eui) {
        return CertificateUpdateStatus::OtherDevice;
    }
    let usage = Usage::from(read.usage);
    if usage == Usage::CertificateSigning {
        return CertificateUpdateStatus::BadKeyUsage;
    }
    let Some(key) = meter.state.credentials.waiting(&meter.crypto, usage) else {
        return CertificateUpdateStatus::NoKeyPairWaiting;
    };
    if *key.public().point() != read.point {
        return CertificateUpdateStatus::OtherPublicKey;
    }
    meter.state.credentials.certified(usage, certificate.octets());
    meter.state.credentials.apply(&meter.crypto, &mut meter.config);
    meter.secrets = Default::default();
    CertificateUpdateStatus::Success
}

/// The certificate of the key in use.
pub(super) fn provide<C: Crypto>(meter: &Meter<C>, usages: KeyUsages) -> Content {
    let Some(usage) = device_usage(usages) else { return Content::ProvideRefused(ProvideRefusal::BadKeyUsage) };
    match meter.config.certificates.get(&usage) {
        None => Content::ProvideRefused(ProvideRefusal::NoneHeld),
        Some(octets) => match CertificateDer::new(octets.clone()) {
            Ok(certificate) => Content::Certificate(certificate),
            Err(_) => Content::ProvideRefused(ProvideRefusal::RetrievalFailed),
        },
    }
}
