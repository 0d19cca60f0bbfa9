//! Cryptography that lets nearly everything through.
use gbcs::crypto::{Crypto, CryptoError, Key128, PrivateKey, PublicKey, RustCrypto, SharedSecret, Signature};
use std::sync::LazyLock;

/// Hashes are real. Signatures verify unless their first octet is FF, MACs and tags are zeros, and ciphertext is plaintext: a
/// fuzzer cannot forge, so behind real cryptography it would see nothing.
#[derive(Clone, Copy, Debug)]
pub struct Lenient;

/// What [`Lenient`] signs with.
pub const SIGNATURE: Signature = Signature([1; 64]);

/// The private key of this number, 1 to 10. Made once: it costs more than most inputs.
pub fn key(n: u8) -> PrivateKey {
    static KEYS: LazyLock<Vec<PrivateKey>> = LazyLock::new(|| {
        let key = |n| RustCrypto.private_key(&[n; 32]).expect("a scalar below the order of the curve");
        (1..=10).map(key).collect()
    });
    KEYS[usize::from(n) - 1].clone()
}

impl Crypto for Lenient {
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        RustCrypto.sha256(parts)
    }
    fn private_key(&self, scalar: &[u8; 32]) -> Result<PrivateKey, CryptoError> {
        RustCrypto.private_key(scalar)
    }
    fn public_key(&self, point: &[u8; 64]) -> Result<PublicKey, CryptoError> {
        RustCrypto.public_key(point)
    }
    fn sign(&self, _: &PrivateKey, _: &[u8]) -> Result<Signature, CryptoError> {
        Ok(SIGNATURE)
    }
    fn verify(&self, _: &PublicKey, _: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        if signature.0[0] == 0xFF { Err(CryptoError::BadSignature) } else { Ok(()) }
    }
    fn agree(&self, _: &PrivateKey, _: &PublicKey) -> Result<SharedSecret, CryptoError> {
        Ok(SharedSecret::new([9; 32]))
    }
    fn gmac(&self, _: &Key128, _: &[u8; 12], _: &[u8]) -> [u8; 16] {
        [0; 16]
    }
    fn seal(&self, _: &Key128, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> [u8; 12] {
        [0; 12]
    }
    fn open(&self, _: &Key128, _: &[u8; 12], _: &[u8], _: &mut [u8], tag: &[u8; 12]) -> Result<(), CryptoError> {
        if *tag == [0; 12] { Ok(()) } else { Err(CryptoError::BadTag) }
    }
}
