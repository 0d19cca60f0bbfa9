//! COSE_Sign1 (RFC 9052 4.2) with ES256, as this protocol uses it and no wider.
//!
//! ```text
//! D2                                   tag 18
//! 84                                   array(4)
//!   4D A2 01 26 04 48 signer[8]        protected: {1 (alg): -7 (ES256), 4 (kid): the signer's EUI-64}
//!   A0                                 unprotected: {}
//!   payload                            byte string
//!   58 40 r[32] s[32]                  signature
//! ```
//! Signed is `["Signature1", protected, external data, payload]`, the external data being one of the labels.
use crate::MAX_MESSAGE;
use alloc::vec::Vec;
use gbcs::Eui64;
use gbcs::crypto::{Crypto, CryptoError, PrivateKey, PublicKey, Signature};
use minicbor::bytes::ByteSlice;
use minicbor::data::Tag;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};

/// External data of what a carrier signs.
pub const UPWARD_LABEL: &[u8] = b"lastmetre/1 up";
/// External data of what a head end signs.
pub const DOWNWARD_LABEL: &[u8] = b"lastmetre/1 warrant";

/// Tag of COSE_Sign1.
const SIGN1: Tag = Tag::new(18);
/// `{1: -7, 4: h'` up to the 8 octets of the signer.
const PROTECTED: [u8; 5] = [0xA2, 0x01, 0x26, 0x04, 0x48];

/// Octets that are no message of this protocol by the signer they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_MESSAGE`].
    #[error("{0} octets are more than a message may have")]
    TooLong(usize),
    /// Not the CBOR of any message.
    #[error("no message of the protocol{}", Offset(*.offset))]
    Malformed {
        /// Where reading stopped, counted in the innermost byte string; not always known.
        offset: Option<usize>,
    },
    /// CBOR of a message, but not in its one deterministic encoding.
    #[error("not the deterministic encoding of a message")]
    NotDeterministic,
    /// No key is known for the signer that the message names.
    #[error("no key of the signer {0} is known")]
    UnknownSigner(Eui64),
    /// The signature is not by the key of the signer that the message names.
    #[error("the signature of {0} does not verify")]
    BadSignature(Eui64),
}

struct Offset(Option<usize>);

impl core::fmt::Display for Offset {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, ", offset {offset}"))
    }
}

/// A COSE_Sign1 in its octets; nothing is verified yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sign1<'a> {
    pub(crate) signer: Eui64,
    pub(crate) payload: &'a [u8],
    signature: Signature,
}

impl<'a> Sign1<'a> {
    /// Sign `payload` under `label` as `signer`, and encode.
    pub(crate) fn seal<C: Crypto + ?Sized>(
        crypto: &C,
        key: &PrivateKey,
        signer: Eui64,
        label: &[u8],
        payload: &'a [u8],
    ) -> Result<Self, CryptoError> {
        let signature = crypto.sign(key, &to_be_signed(signer, label, payload))?;
        Ok(Self { signer, payload, signature })
    }

    /// Verify under `label` with the key of the signer.
    pub(crate) fn verify<C: Crypto + ?Sized>(&self, crypto: &C, key: &PublicKey, label: &[u8]) -> Result<(), Error> {
        crypto
            .verify(key, &to_be_signed(self.signer, label, self.payload), &self.signature)
            .map_err(|_| Error::BadSignature(self.signer))
    }
}

impl<C> Encode<C> for Sign1<'_> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.tag(SIGN1)?.array(4)?.bytes(&protected(self.signer))?.map(0)?;
        e.bytes(self.payload)?.bytes(&self.signature.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Sign1<'b> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        use minicbor::decode::Error;
        let at = d.position();
        if d.tag()? != SIGN1 || d.array()? != Some(4) {
            return Err(Error::message("not a COSE_Sign1").at(at));
        }
        let at = d.position();
        let signer = d.bytes()?.strip_prefix(&PROTECTED).and_then(|kid| <[u8; 8]>::try_from(kid).ok());
        let signer = Eui64(signer.ok_or_else(|| Error::message("not the protected header {alg, kid}").at(at))?);
        let at = d.position();
        if d.map()? != Some(0) {
            return Err(Error::message("unprotected header not empty").at(at));
        }
        let payload = d.bytes()?;
        let at = d.position();
        let signature = d.bytes()?.try_into().map_err(|_| Error::message("not a signature").at(at))?;
        Ok(Self { signer, payload, signature: Signature(signature) })
    }
}

/// Refuse what is too long before anything is read.
pub(crate) fn bounded(octets: &[u8]) -> Result<&[u8], Error> {
    if octets.len() > MAX_MESSAGE { Err(Error::TooLong(octets.len())) } else { Ok(octets) }
}

fn protected(signer: Eui64) -> [u8; 13] {
    let mut header = [0; 13];
    header[..5].copy_from_slice(&PROTECTED);
    header[5..].copy_from_slice(&signer.0);
    header
}

/// The Sig_structure of RFC 9052 4.4.
fn to_be_signed(signer: Eui64, label: &[u8], payload: &[u8]) -> Vec<u8> {
    let header = protected(signer);
    let structure: (&str, &ByteSlice, &ByteSlice, &ByteSlice) =
        ("Signature1", header[..].into(), label.into(), payload.into());
    crate::cbor::to_vec(&structure)
}
