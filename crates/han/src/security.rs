//! CCM\* as the NWK and APS layers use it, keys, and the auxiliary header (han.md 11.3, 11.4).
use crate::wire::{ParseError, Reader};
use aes::Aes128;
use alloc::vec::Vec;
use ccm::Ccm;
use ccm::aead::{AeadInOut, KeyInit};
use ccm::consts::{U4, U13};
use core::fmt;
use gbcs::Eui64;
use zeroize::Zeroize;

/// Octets of the message integrity code that security level 5 appends.
pub const MIC_LEN: usize = 4;

/// Security level 5, encrypt and a 4-octet MIC: what ZigBee PRO uses. It is part of nonce and header as protected, and
/// zeroed on the air.
const LEVEL: u8 = 5;

/// A network key or link key: 16 octets that never show in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 16]);

impl Key {
    /// From its octets.
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The octets, for a key store or a key line of a capture.
    pub const fn octets(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Which key protects a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyId {
    /// The link key itself.
    Data,
    /// The network key with this sequence number.
    Network(u8),
    /// A key-transport key derived from the link key.
    Transport,
    /// A key-load key derived from the link key.
    Load,
}

/// The auxiliary header of a protected frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aux {
    /// The key.
    pub key: KeyId,
    /// The sender's frame counter under that key.
    pub counter: u32,
    /// Who protected the frame, when written out (always at NWK level, seldom at APS level).
    pub source: Option<Eui64>,
}

/// A protected frame that does not open, or one that cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecurityError {
    /// The frame has no auxiliary header.
    #[error("frame is not protected")]
    Unprotected,
    /// Nothing in the frame says who protected it, and the nonce needs that.
    #[error("protecting device is not named")]
    UnknownSource,
    /// The message integrity code does not match: another key, another counter, or changed octets.
    #[error("message integrity code does not match")]
    Mic,
    /// Longer than CCM\* with a two-octet length takes, or than a frame.
    #[error("too long to protect")]
    TooLong,
}

impl Aux {
    pub(crate) fn parse(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        let control = r.u8()?;
        if control & 0xC7 != 0 {
            return Err(ParseError::Unsupported("security level on the air or reserved bits"));
        }
        let counter = r.u32()?;
        let source = if control & 0x20 != 0 { Some(r.eui()?) } else { None };
        let key = match control >> 3 & 3 {
            0 => KeyId::Data,
            1 => KeyId::Network(r.u8()?),
            2 => KeyId::Transport,
            _ => KeyId::Load,
        };
        Ok(Self { key, counter, source })
    }

    pub(crate) const fn encoded_len(&self) -> usize {
        5 + if self.source.is_some() { 8 } else { 0 } + matches!(self.key, KeyId::Network(_)) as usize
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.control());
        out.extend(self.counter.to_le_bytes());
        if let Some(source) = self.source {
            out.extend(source.to_le());
        }
        if let KeyId::Network(sequence) = self.key {
            out.push(sequence);
        }
    }

    const fn control(&self) -> u8 {
        let key = match self.key {
            KeyId::Data => 0,
            KeyId::Network(_) => 1,
            KeyId::Transport => 2,
            KeyId::Load => 3,
        };
        key << 3 | (self.source.is_some() as u8) << 5
    }

    fn nonce(&self, source: Eui64) -> [u8; 13] {
        let mut nonce = [0; 13];
        nonce[..8].copy_from_slice(&source.to_le());
        nonce[8..12].copy_from_slice(&self.counter.to_le_bytes());
        nonce[12] = self.control() | LEVEL;
        nonce
    }

    /// The header as CCM\* authenticates it: as on the air, but with the level put back into the control octet.
    fn authenticated(&self, header: &[u8]) -> Vec<u8> {
        let mut octets = header.to_vec();
        let at = header.len() - self.encoded_len();
        octets[at] |= LEVEL;
        octets
    }
}

/// Encrypts `payload` behind `header`, whose last octets are `aux` as on the air; returns header, ciphertext and MIC.
pub(crate) fn seal(
    key: &Key,
    source: Eui64,
    aux: &Aux,
    header: Vec<u8>,
    payload: &[u8],
) -> Result<Vec<u8>, SecurityError> {
    let authenticated = aux.authenticated(&header);
    let mut frame = header;
    let start = frame.len();
    frame.extend(payload);
    let mic = cipher(key)
        .encrypt_inout_detached(&aux.nonce(source).into(), &authenticated, (&mut frame[start..]).into())
        .map_err(|_| SecurityError::TooLong)?;
    frame.extend(mic);
    Ok(frame)
}

/// Decrypts what follows `header`, whose last octets are `aux` as on the air.
pub(crate) fn open(
    key: &Key,
    source: Eui64,
    aux: &Aux,
    header: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, SecurityError> {
    let (ciphertext, mic) = sealed.split_last_chunk::<MIC_LEN>().ok_or(SecurityError::Mic)?;
    let mut payload = ciphertext.to_vec();
    cipher(key)
        .decrypt_inout_detached(
            &aux.nonce(source).into(),
            &aux.authenticated(header),
            (&mut payload[..]).into(),
            &(*mic).into(),
        )
        .map_err(|_| SecurityError::Mic)?;
    Ok(payload)
}

fn cipher(key: &Key) -> Ccm<Aes128, U4, U13> {
    Ccm::new(&key.0.into())
}
