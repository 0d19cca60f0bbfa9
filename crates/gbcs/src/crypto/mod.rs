//! Cryptography behind one trait: RustCrypto for firmware, aws-lc-rs for servers, a PKCS#11 token for keys that nobody may see.
//!
//! Everything in GBCS is built from ECDSA P-256 with SHA-256, static ECDH on P-256, and AES-128-GCM with its tag cut to 12 octets.
use core::fmt;
use zeroize::Zeroizing;

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "pkcs11")]
mod pkcs11;
#[cfg(feature = "rustcrypto")]
mod rust_crypto;

#[cfg(feature = "aws-lc")]
pub use aws_lc::AwsLc;
#[cfg(feature = "pkcs11")]
pub use pkcs11::{Token, TokenError, TokenKey};
#[cfg(feature = "rustcrypto")]
pub use rust_crypto::RustCrypto;

/// The operations GBCS needs. Implementations hold no state of a message.
pub trait Crypto {
    /// SHA-256 over the concatenation of `parts`.
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32];

    /// The key pair whose private scalar (32 octets, big-endian) this is. Refuses zero and what is not below the group order.
    fn private_key(&self, scalar: &[u8; 32]) -> Result<PrivateKey, CryptoError>;

    /// A public key from its uncompressed point, `x || y`. Refuses what is not on the curve.
    fn public_key(&self, point: &[u8; 64]) -> Result<PublicKey, CryptoError>;

    /// ECDSA over SHA-256 of `message`.
    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, CryptoError>;

    /// Check an ECDSA signature over SHA-256 of `message`; high `s` values are accepted, as in the field.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), CryptoError>;

    /// Static ECDH: the x coordinate of the shared point.
    fn agree(&self, private: &PrivateKey, public: &PublicKey) -> Result<SharedSecret, CryptoError>;

    /// AES-128-GCM over an empty plaintext: the whole 16-octet tag (GMAC).
    fn gmac(&self, key: &Key128, iv: &[u8; 12], aad: &[u8]) -> [u8; 16];

    /// AES-128-GCM in place, tag of 12 octets.
    fn seal(&self, key: &Key128, iv: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 12];

    /// Undo [`seal`](Self::seal); `text` is of no meaning when the tag does not fit.
    fn open(&self, key: &Key128, iv: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8; 12])
    -> Result<(), CryptoError>;
}

impl<C: Crypto + ?Sized> Crypto for &C {
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        (**self).sha256(parts)
    }
    fn private_key(&self, scalar: &[u8; 32]) -> Result<PrivateKey, CryptoError> {
        (**self).private_key(scalar)
    }
    fn public_key(&self, point: &[u8; 64]) -> Result<PublicKey, CryptoError> {
        (**self).public_key(point)
    }
    fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Signature, CryptoError> {
        (**self).sign(key, message)
    }
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        (**self).verify(key, message, signature)
    }
    fn agree(&self, private: &PrivateKey, public: &PublicKey) -> Result<SharedSecret, CryptoError> {
        (**self).agree(private, public)
    }
    fn gmac(&self, key: &Key128, iv: &[u8; 12], aad: &[u8]) -> [u8; 16] {
        (**self).gmac(key, iv, aad)
    }
    fn seal(&self, key: &Key128, iv: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 12] {
        (**self).seal(key, iv, aad, text)
    }
    fn open(
        &self,
        key: &Key128,
        iv: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; 12],
    ) -> Result<(), CryptoError> {
        (**self).open(key, iv, aad, text, tag)
    }
}

/// What a cryptographic operation can say no to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The scalar is zero or not below the order of P-256.
    #[error("not a P-256 private key")]
    BadPrivateKey,
    /// The private key is held elsewhere: only the provider that gave it can use it.
    #[error("this private key is held elsewhere, and its provider is not in use")]
    HeldElsewhere,
    /// The point is not on P-256.
    #[error("not a P-256 public key")]
    BadPublicKey,
    /// The signature is not by this key over this message.
    #[error("the signature does not verify")]
    BadSignature,
    /// The tag is not by this key over this message.
    #[error("the authentication tag does not verify")]
    BadTag,
    /// The library underneath failed for a reason of its own.
    #[error("the cryptographic library failed")]
    Internal,
}

/// A P-256 private key with its public half: its scalar, or the word that a provider holds it and gives it to nobody.
#[derive(Clone)]
pub struct PrivateKey {
    scalar: Option<Zeroizing<[u8; 32]>>,
    public: PublicKey,
}

impl PrivateKey {
    #[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
    fn new(scalar: &[u8; 32], public: PublicKey) -> Self {
        Self { scalar: Some(Zeroizing::new(*scalar)), public }
    }

    /// A key that a provider holds and knows by its public half.
    pub const fn held_elsewhere(public: PublicKey) -> Self {
        Self { scalar: None, public }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The scalar itself, to store it; keep it out of logs. `None` when it is held elsewhere.
    pub fn expose(&self) -> Option<&[u8; 32]> {
        self.scalar.as_deref()
    }

    /// The scalar, for a provider that needs it.
    #[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
    fn scalar(&self) -> Result<&[u8; 32], CryptoError> {
        self.expose().ok_or(CryptoError::HeldElsewhere)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// A P-256 public key: a point known to be on the curve, `x || y`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 64]);

impl PublicKey {
    /// `x || y`.
    pub fn point(&self) -> &[u8; 64] {
        &self.0
    }

    /// SEC 1 uncompressed: `04 || x || y`.
    pub fn sec1(&self) -> [u8; 65] {
        let mut out = [4; 65];
        out[1..].copy_from_slice(&self.0);
        out
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:02x}{:02x}{:02x}{:02x}..)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// `r || s`, 32 octets each, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({:02x}{:02x}{:02x}{:02x}..)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// The x coordinate of a static ECDH between two parties. The same for every message between them: worth caching.
#[derive(Clone)]
pub struct SharedSecret(Zeroizing<[u8; 32]>);

impl SharedSecret {
    /// Wrap the x coordinate.
    pub fn new(x: [u8; 32]) -> Self {
        Self(Zeroizing::new(x))
    }

    /// The x coordinate; keep it out of logs.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// An AES-128 key.
#[derive(Clone)]
pub struct Key128(Zeroizing<[u8; 16]>);

impl Key128 {
    /// Wrap the octets.
    pub fn new(octets: [u8; 16]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The octets; keep them out of logs.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Key128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key128(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// One suite for every provider; the values are those of the published example (GBCS 18.4) and of SP 800-38D test case 4's shape.
    fn provider<C: Crypto>(crypto: C) {
        let acb = crypto.private_key(&hex("E4A6CFB431471CFCAE491FD566D19C87082CF9FA7722D7FA24B2B3F5669DBEFB")).unwrap();
        let device = crypto
            .public_key(&hex(
                "2DB45A3F21889438B42C8F464C75292BACF5FDDB5DA0B492501B299CBFE92D8FDB90FC8FF4026129838B1BCAD1402CAE47FE7D8084E409A41AFCE16D63579C5F",
            ))
            .unwrap();
        let z = crypto.agree(&acb, &device).unwrap();
        assert_eq!(z.expose(), &hex("9aacf2e6d51bd5ff8f37bf368019a691cb5b2fcb7b5f030a00063647b20e13fe"));

        let supplier =
            crypto.private_key(&hex("3A6B2EAA0D9F25A9E455983FEB5BB947528121911BF3B76BE5661C89DBF24B26")).unwrap();
        assert_eq!(
            supplier.public().point(),
            &hex(
                "76628E1C84EF7935548AE5D62C7BB3AD28964CF794F0387A697EEC19CDD98F460A4D5E19087EF7216ED89C29831A6EE838C8DE88EF34F11D3F41F36D80B2A5D5"
            )
        );
        let signature = crypto.sign(&supplier, b"a message").unwrap();
        assert_eq!(crypto.verify(supplier.public(), b"a message", &signature), Ok(()));
        assert_eq!(crypto.verify(supplier.public(), b"another", &signature), Err(CryptoError::BadSignature));
        assert_eq!(crypto.verify(&device, b"a message", &signature), Err(CryptoError::BadSignature));
        assert_eq!(crypto.verify(supplier.public(), b"a message", &Signature([0; 64])), Err(CryptoError::BadSignature));

        let key = Key128::new([7; 16]);
        let mut text = *b"attack at dawn, or rather do not";
        let tag = crypto.seal(&key, &[1; 12], b"aad", &mut text);
        assert_ne!(&text, b"attack at dawn, or rather do not");
        let mut again = text;
        crypto.open(&key, &[1; 12], b"aad", &mut again, &tag).unwrap();
        assert_eq!(&again, b"attack at dawn, or rather do not");
        assert_eq!(crypto.open(&key, &[1; 12], b"aab", &mut text, &tag), Err(CryptoError::BadTag));
        assert_eq!(crypto.gmac(&key, &[1; 12], b"aad")[..12], crypto.seal(&key, &[1; 12], b"aad", &mut [])[..]);

        assert_eq!(crypto.private_key(&[0; 32]).unwrap_err(), CryptoError::BadPrivateKey);
        assert_eq!(crypto.private_key(&[0xFF; 32]).unwrap_err(), CryptoError::BadPrivateKey);
        assert_eq!(crypto.public_key(&[1; 64]).unwrap_err(), CryptoError::BadPublicKey);
        assert_eq!(
            crypto.sha256(&[b"ab", b"c"]),
            hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
    }

    #[cfg(feature = "rustcrypto")]
    #[test]
    fn rustcrypto_provides() {
        provider(RustCrypto);
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn aws_lc_provides() {
        provider(AwsLc);
    }

    #[cfg(all(feature = "rustcrypto", feature = "aws-lc"))]
    #[test]
    fn providers_agree_with_each_other() {
        for n in 1..16u8 {
            let (a, b) = (RustCrypto.private_key(&[n; 32]).unwrap(), AwsLc.private_key(&[n + 16; 32]).unwrap());
            assert_eq!(
                RustCrypto.agree(&a, b.public()).unwrap().expose(),
                AwsLc.agree(&b, a.public()).unwrap().expose()
            );
            let signed = AwsLc.sign(&a, &[n]).unwrap();
            RustCrypto.verify(a.public(), &[n], &signed).unwrap();
            AwsLc.verify(a.public(), &[n], &RustCrypto.sign(&a, &[n]).unwrap()).unwrap();
            let key = Key128::new([n; 16]);
            assert_eq!(AwsLc.gmac(&key, &[n; 12], &[n; 200]), RustCrypto.gmac(&key, &[n; 12], &[n; 200]));
        }
    }
}
