//! What a carrier says: all of it signed by its own key.
use crate::cbor;
use crate::cose::{Error, Sign1, UPWARD_LABEL, bounded};
use crate::{DeliveryId, Nonce, Reason};
use alloc::vec::Vec;
use gbcs::crypto::{Crypto, CryptoError, PrivateKey, PublicKey};
use gbcs::{Eui64, Time};
use minicbor::{Decode, Encode};

/// The carrier is here and takes Releases.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// Who says it. On the wire this is the key identifier of the signature.
    #[cbor(skip)]
    pub ppmid: Eui64,
    /// Good for one Release.
    #[n(1)]
    pub nonce: Nonce,
    /// The carrier's clock when it signed.
    #[cbor(n(2), with = "cbor::time")]
    pub time: Time,
    /// Deliveries accepted whose outcome (Answer, or refusal) the head end has not been given yet.
    #[n(3)]
    pub open: Vec<DeliveryId>,
}

/// How far a Release has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(flat)]
pub enum Stage {
    /// Accepted, and stored so that a loss of power does not lose it.
    #[n(1)]
    Held,
    /// The hub acknowledged the TransferData that carried it. That says nothing about the meter.
    #[n(2)]
    OnHan,
    /// Not done, and this attempt never will be.
    #[n(3)]
    Refused(#[n(0)] Reason),
}

/// What became of a Release; several follow each other for one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// Who says it. On the wire this is the key identifier of the signature.
    #[cbor(skip)]
    pub ppmid: Eui64,
    /// Which delivery, as the warrant named it.
    #[n(1)]
    pub delivery: DeliveryId,
    /// Which attempt of it.
    #[n(2)]
    pub attempt: u32,
    /// SHA-256 of the Command, as the warrant named it.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub command_hash: [u8; 32],
    /// How far it has come.
    #[n(4)]
    pub stage: Stage,
    /// When it came so far. Earlier than `time` when the link was down in between.
    #[cbor(n(5), with = "cbor::time")]
    pub at: Time,
    /// The carrier's clock when it signed: what a head end reckons `not_after` from.
    #[cbor(n(6), with = "cbor::time")]
    pub time: Time,
    /// Good for one Release more.
    #[n(7)]
    pub nonce: Nonce,
}

/// What the meter answered. The carrier vouches for nothing but having received it; the octets prove themselves.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Answer {
    /// Who says it. On the wire this is the key identifier of the signature.
    #[cbor(skip)]
    pub ppmid: Eui64,
    /// The delivery whose Command this answers.
    #[n(1)]
    pub delivery: DeliveryId,
    /// SHA-256 of that Command.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub command_hash: [u8; 32],
    /// A GBCS Response, or one block of a General Block Transfer of one.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub response: Vec<u8>,
    /// When it came from the hub.
    #[cbor(n(4), with = "cbor::time")]
    pub time: Time,
}

/// Any message of a carrier.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Upward {
    /// The carrier is here.
    #[n(1)]
    Hello(#[n(0)] Hello),
    /// What became of a Release.
    #[n(2)]
    Receipt(#[n(0)] Receipt),
    /// What the meter answered.
    #[n(3)]
    Answer(#[n(0)] Answer),
}

impl Upward {
    /// The octets to send: a COSE_Sign1 by the carrier's key.
    ///
    /// # Errors
    /// Only what the cryptographic library fails with.
    pub fn seal<C: Crypto + ?Sized>(&self, crypto: &C, key: &PrivateKey) -> Result<Vec<u8>, CryptoError> {
        let payload = cbor::to_vec(self);
        Ok(cbor::to_vec(&Sign1::seal(crypto, key, self.ppmid(), UPWARD_LABEL, &payload)?))
    }

    /// Read and verify. `key_of` gives the key of the carrier that the message names, if that is a carrier of ours.
    ///
    /// # Errors
    /// [`Error`]; of what fails to verify, nothing is given away.
    pub fn open<C: Crypto + ?Sized>(
        octets: &[u8],
        crypto: &C,
        key_of: impl FnOnce(Eui64) -> Option<PublicKey>,
    ) -> Result<Self, Error> {
        let sign1: Sign1<'_> = cbor::from_slice(bounded(octets)?)?;
        let key = key_of(sign1.signer).ok_or(Error::UnknownSigner(sign1.signer))?;
        sign1.verify(crypto, &key, UPWARD_LABEL)?;
        let mut message: Self = cbor::from_slice(sign1.payload)?;
        *message.ppmid_mut() = sign1.signer;
        Ok(message)
    }

    /// Who says it.
    pub fn ppmid(&self) -> Eui64 {
        match self {
            Self::Hello(hello) => hello.ppmid,
            Self::Receipt(receipt) => receipt.ppmid,
            Self::Answer(answer) => answer.ppmid,
        }
    }

    fn ppmid_mut(&mut self) -> &mut Eui64 {
        match self {
            Self::Hello(hello) => &mut hello.ppmid,
            Self::Receipt(receipt) => &mut receipt.ppmid,
            Self::Answer(answer) => &mut answer.ppmid,
        }
    }
}

macro_rules! upward {
    ($($name:ident)*) => {
        $(
            impl From<$name> for Upward {
                fn from(message: $name) -> Self {
                    Self::$name(message)
                }
            }

            impl $name {
                /// The octets to send: a COSE_Sign1 by the carrier's key.
                ///
                /// # Errors
                /// Only what the cryptographic library fails with.
                pub fn seal<C: Crypto + ?Sized>(&self, crypto: &C, key: &PrivateKey) -> Result<Vec<u8>, CryptoError> {
                    Upward::from(self.clone()).seal(crypto, key)
                }
            }
        )*
    };
}

upward!(Hello Receipt Answer);
