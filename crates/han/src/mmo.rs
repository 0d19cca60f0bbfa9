//! AES-MMO, ZigBee's hash, and what is derived with it (ZigBee PRO B.1.3, B.1.4; han.md 8.4).
use crate::security::Key;
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use alloc::vec::Vec;

/// Octets of a block, of a hash and of a key.
const BLOCK: usize = 16;

/// The Matyas-Meyer-Oseas hash of a message shorter than 8192 octets over AES-128.
pub fn hash(message: &[u8]) -> [u8; BLOCK] {
    let mut padded = Vec::with_capacity(message.len() + 2 * BLOCK);
    padded.extend(message);
    padded.push(0x80);
    while padded.len() % BLOCK != BLOCK - 2 {
        padded.push(0);
    }
    padded.extend(((message.len() * 8) as u16).to_be_bytes());
    padded.as_chunks::<BLOCK>().0.iter().fold([0; BLOCK], |hash, block| {
        let mut out = (*block).into();
        Aes128::new(&hash.into()).encrypt_block(&mut out);
        core::array::from_fn(|at| out[at] ^ block[at])
    })
}

/// The keyed hash: HMAC over [`hash`].
pub fn keyed_hash(key: &Key, message: &[u8]) -> [u8; BLOCK] {
    let padded = |pad: u8| key.octets().map(|octet| octet ^ pad);
    let inner = hash(&[&padded(0x36), message].concat());
    hash(&[padded(0x5C), inner].concat())
}

/// The key that protects a Transport-Key command under this link key.
pub fn key_transport_key(link_key: &Key) -> Key {
    Key::new(keyed_hash(link_key, &[0x00]))
}

/// The key that protects a Transport-Key command for a link key of two devices under this link key.
pub fn key_load_key(link_key: &Key) -> Key {
    Key::new(keyed_hash(link_key, &[0x02]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_of_the_standard_come_out() {
        // ZigBee PRO C.5.1 and C.5.2.
        let one = hash(&[0xC0]);
        assert_eq!(
            one,
            [0xAE, 0x3A, 0x10, 0x2A, 0x28, 0xD4, 0x3E, 0xE0, 0xD4, 0xA0, 0x9E, 0x22, 0x78, 0x8B, 0x20, 0x6C]
        );
        let message: Vec<u8> = (0xC0..=0xCF).collect();
        let sixteen = hash(&message);
        assert_eq!(
            sixteen,
            [0xA7, 0x97, 0x7E, 0x88, 0xBC, 0x0B, 0x61, 0xE8, 0x21, 0x08, 0x27, 0x10, 0x9A, 0x22, 0x8F, 0x2D]
        );
    }

    #[test]
    fn the_keyed_hash_of_the_standard_comes_out() {
        // ZigBee PRO C.6.1.
        let key = Key::new(core::array::from_fn(|at| 0x40 + at as u8));
        assert_eq!(
            keyed_hash(&key, &[0xC0]),
            [0x45, 0x12, 0x80, 0x7B, 0xF9, 0x4C, 0xB3, 0x40, 0x0F, 0x0E, 0x2C, 0x25, 0xFB, 0x76, 0xE9, 0x99]
        );
    }
}
