//! The provider for firmware and simulation: pure Rust, `no_std`, deterministic signatures (RFC 6979), so it needs no randomness.
use super::{Crypto, CryptoError, Key128, PrivateKey, PublicKey, SharedSecret, Signature};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aes::Aes128;
use aes_gcm::{AesGcm, KeyInit};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest, Sha256};

/// RustCrypto: `p256`, `aes-gcm`, `sha2`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

fn point(key: &p256::PublicKey) -> PublicKey {
    let mut out = [0; 64];
    out.copy_from_slice(&key.to_sec1_point(false).as_bytes()[1..]);
    PublicKey(out)
}

impl Crypto for RustCrypto {
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        hash.finalize().into()
    }

    fn private_key(&self, scalar: &[u8; 32]) -> Result<PrivateKey, CryptoError> {
        let key = p256::SecretKey::from_slice(scalar).map_err(|_| CryptoError::BadPrivateKey)?;
        Ok(PrivateKey::new(scalar, point(&key.public_key())))
    }

    fn public_key(&self, xy: &[u8; 64]) -> Result<PublicKey, CryptoError> {
        let key = PublicKey(*xy);
        p256::PublicKey::from_sec1_bytes(&key.sec1()).map_err(|_| CryptoError::BadPublicKey)?;
        Ok(key)
    }

    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, CryptoError> {
        let signer = p256::ecdsa::SigningKey::from_slice(key.scalar()?).map_err(|_| CryptoError::BadPrivateKey)?;
        let signature: p256::ecdsa::Signature =
            signer.sign_prehash(&self.sha256(&[message])).map_err(|_| CryptoError::Internal)?;
        Ok(Signature(signature.to_bytes().into()))
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        let verifier =
            p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.sec1()).map_err(|_| CryptoError::BadPublicKey)?;
        let signature = p256::ecdsa::Signature::from_slice(&signature.0).map_err(|_| CryptoError::BadSignature)?;
        verifier.verify_prehash(&self.sha256(&[message]), &signature).map_err(|_| CryptoError::BadSignature)
    }

    fn agree(&self, private: &PrivateKey, public: &PublicKey) -> Result<SharedSecret, CryptoError> {
        let private = p256::SecretKey::from_slice(private.scalar()?).map_err(|_| CryptoError::BadPrivateKey)?;
        let public = p256::PublicKey::from_sec1_bytes(&public.sec1()).map_err(|_| CryptoError::BadPublicKey)?;
        let shared = p256::ecdh::diffie_hellman(private.to_nonzero_scalar(), public.as_affine());
        Ok(SharedSecret::new((*shared.raw_secret_bytes()).into()))
    }

    fn gmac(&self, key: &Key128, iv: &[u8; 12], aad: &[u8]) -> [u8; 16] {
        let cipher = AesGcm::<Aes128, U12, U16>::new(key.expose().into());
        let tag = cipher.encrypt_inout_detached(iv.into(), aad, (&mut [][..]).into());
        tag.expect("an AAD of a message is far below the limit of GCM").into()
    }

    fn seal(&self, key: &Key128, iv: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 12] {
        let cipher = AesGcm::<Aes128, U12, U12>::new(key.expose().into());
        let tag = cipher.encrypt_inout_detached(iv.into(), aad, text.into());
        tag.expect("a message is far below the limit of GCM").into()
    }

    fn open(
        &self,
        key: &Key128,
        iv: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; 12],
    ) -> Result<(), CryptoError> {
        let cipher = AesGcm::<Aes128, U12, U12>::new(key.expose().into());
        cipher.decrypt_inout_detached(iv.into(), aad, text.into(), tag.into()).map_err(|_| CryptoError::BadTag)
    }
}
