//! What a head end says: here is a Command, and this is my warrant for it.
use crate::cbor;
use crate::cose::{DOWNWARD_LABEL, Error, Sign1, bounded};
use crate::{DeliveryId, Nonce, Reason};
use alloc::vec::Vec;
use gbcs::crypto::{Crypto, CryptoError, PrivateKey, PublicKey};
use gbcs::{Cra, Eui64, MessageCode, Route, Time};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};

/// What a head end allows one carrier to do with one Command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Warrant {
    /// Which delivery.
    #[n(1)]
    pub delivery: DeliveryId,
    /// Which attempt of it; grows with every Release of the delivery.
    #[n(2)]
    pub attempt: u32,
    /// SHA-256 of the Command.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub command_hash: [u8; 32],
    /// The meter: Business Target of the Command.
    #[cbor(n(4), with = "cbor::eui64")]
    pub target: Eui64,
    /// The Command's use case.
    #[cbor(n(5), with = "cbor::code")]
    pub code: MessageCode,
    /// The carrier.
    #[cbor(n(6), with = "cbor::eui64")]
    pub ppmid: Eui64,
    /// A nonce that the carrier issued and that no Release has used.
    #[n(7)]
    pub nonce: Nonce,
    /// On the carrier's clock: the Command must not be handed to the HAN after this moment.
    #[cbor(n(8), with = "cbor::time")]
    pub not_after: Time,
}

/// A warrant and its Command. [`Release::open`] gives only what the head end signed; that it may be acted upon,
/// [`Warrant::check`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Who signed the warrant. On the wire this is the key identifier of the signature.
    pub head_end: Eui64,
    /// What is allowed.
    pub warrant: Warrant,
    /// The Command, opaque here.
    pub command: Vec<u8>,
}

/// A Release read but not verified: good for naming what is being refused, and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRelease<'a> {
    sign1: Sign1<'a>,
    claimed: Warrant,
    command: &'a [u8],
}

/// How a carrier stands to the nonce in a warrant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceStanding {
    /// Issued by this carrier, within its lifetime, not used.
    Fresh,
    /// Issued by this carrier, too long ago.
    Stale,
    /// Used by an earlier Release.
    Used,
    /// Not (or not recently) issued by this carrier.
    Unknown,
}

/// What a carrier knows when it checks a warrant.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// The carrier itself.
    pub ppmid: Eui64,
    /// Its clock.
    pub now: Time,
    /// How it stands to the warrant's nonce.
    pub nonce: NonceStanding,
    /// The longest Command it can pass on.
    pub max_command: usize,
}

impl Warrant {
    /// Whether a carrier may act upon this (verified) warrant for these Command octets now; gives what the Command's
    /// header says. Whether the attempt is new and the target one it serves, the carrier knows itself.
    ///
    /// # Errors
    /// The first [`Reason`] that applies, of those from [`Reason::NotThisCarrier`] to [`Reason::Expired`].
    pub fn check<C: Crypto + ?Sized>(&self, command: &[u8], crypto: &C, checks: &Checks) -> Result<Route, Reason> {
        let must = |holds: bool, reason: Reason| if holds { Ok(()) } else { Err(reason) };
        must(self.ppmid == checks.ppmid, Reason::NotThisCarrier)?;
        match checks.nonce {
            NonceStanding::Fresh => {}
            NonceStanding::Stale => return Err(Reason::StaleNonce),
            NonceStanding::Used => return Err(Reason::UsedNonce),
            NonceStanding::Unknown => return Err(Reason::UnknownNonce),
        }
        must(checks.now <= self.not_after, Reason::Expired)?;
        must(command.len() <= checks.max_command, Reason::TooLong)?;
        must(crypto.sha256(&[command]) == self.command_hash, Reason::CommandChanged)?;
        let route = Route::parse(command).map_err(|_| Reason::NotACommand)?;
        must(route.id.cra == Cra::Command, Reason::NotACommand)?;
        must(route.id.target == self.target, Reason::WrongTarget)?;
        must(route.code == self.code, Reason::WrongCode)?;
        Ok(route)
    }
}

impl Release {
    /// The octets to send: the warrant as COSE_Sign1 by the head end's warrant key, and the Command. What exceeds
    /// [`MAX_MESSAGE`](crate::MAX_MESSAGE) no carrier takes.
    ///
    /// # Errors
    /// Only what the cryptographic library fails with.
    pub fn seal<C: Crypto + ?Sized>(&self, crypto: &C, key: &PrivateKey) -> Result<Vec<u8>, CryptoError> {
        let payload = cbor::to_vec(&self.warrant);
        let sign1 = Sign1::seal(crypto, key, self.head_end, DOWNWARD_LABEL, &payload)?;
        Ok(cbor::to_vec(&Downward { sign1, command: &self.command }))
    }

    /// Read and verify the warrant's signature. `key_of` gives the key of the head end that the message names.
    ///
    /// # Errors
    /// [`Error`]; of what fails to verify, nothing is given away.
    pub fn open<C: Crypto + ?Sized>(
        octets: &[u8],
        crypto: &C,
        key_of: impl FnOnce(Eui64) -> Option<PublicKey>,
    ) -> Result<Self, Error> {
        SealedRelease::parse(octets)?.verify(crypto, key_of)
    }
}

impl<'a> SealedRelease<'a> {
    /// Read without verifying.
    ///
    /// # Errors
    /// [`Error`], but for those of signatures.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Error> {
        let Downward { sign1, command } = cbor::from_slice(bounded(octets)?)?;
        Ok(Self { sign1, claimed: cbor::from_slice(sign1.payload)?, command })
    }

    /// Verify the warrant's signature. `key_of` gives the key of the head end that the message names.
    ///
    /// # Errors
    /// [`Error::UnknownSigner`] or [`Error::BadSignature`].
    pub fn verify<C: Crypto + ?Sized>(
        self,
        crypto: &C,
        key_of: impl FnOnce(Eui64) -> Option<PublicKey>,
    ) -> Result<Release, Error> {
        let head_end = self.sign1.signer;
        let key = key_of(head_end).ok_or(Error::UnknownSigner(head_end))?;
        self.sign1.verify(crypto, &key, DOWNWARD_LABEL)?;
        Ok(Release { head_end, warrant: self.claimed, command: self.command.to_vec() })
    }

    /// What the warrant says, whoever wrote it.
    pub fn claimed(&self) -> &Warrant {
        &self.claimed
    }
}

/// `[1, COSE_Sign1 of a warrant, command]`: 1 is the kind, for other messages to a carrier one day.
struct Downward<'a> {
    sign1: Sign1<'a>,
    command: &'a [u8],
}

const RELEASE: u8 = 1;

impl<C> Encode<C> for Downward<'_> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(3)?.u8(RELEASE)?.encode_with(self.sign1, ctx)?.bytes(self.command)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Downward<'b> {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.array()? != Some(3) || d.u8()? != RELEASE {
            return Err(minicbor::decode::Error::message("not a Release").at(0));
        }
        Ok(Self { sign1: d.decode_with(ctx)?, command: d.bytes()? })
    }
}
