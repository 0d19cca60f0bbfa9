//! Signatures of certificates (X.509, ECDSA over P-256 with SHA-256).
use gbcs::crypto::{Crypto, PublicKey, Signature};
use gbcs::der::Value;

/// Whether a certificate bears the signature of this key.
pub(crate) fn is_issued_by<C: Crypto>(crypto: &C, certificate: &[u8], issuer: &PublicKey) -> bool {
    let Some((signed, signature)) = parts(certificate) else { return false };
    crypto.verify(issuer, &signed, &signature).is_ok()
}

/// What is signed, and the signature.
fn parts(certificate: &[u8]) -> Option<(alloc::vec::Vec<u8>, Signature)> {
    let certificate = Value::parse(certificate).ok()?;
    let [signed, _algorithm, signature] = certificate.elements()? else { return None };
    // A BIT STRING without unused bits, around the DER of { r, s }.
    let [0, inner @ ..] = signature.octets()? else { return None };
    let inner = Value::parse(inner).ok()?;
    let [r, s] = inner.elements()? else { return None };
    let mut octets = [0; 64];
    number(r.octets()?, &mut octets[..32])?;
    number(s.octets()?, &mut octets[32..])?;
    Some((signed.encode(), Signature(octets)))
}

/// A positive INTEGER, right-aligned in its place.
fn number(integer: &[u8], place: &mut [u8]) -> Option<()> {
    let integer = match integer {
        [0, rest @ ..] => rest,
        all => all,
    };
    let start = place.len().checked_sub(integer.len())?;
    place[start..].copy_from_slice(integer);
    Some(())
}
