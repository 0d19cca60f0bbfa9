//! Install codes: the secret on a device's label, from which its first link key is made (han.md 8.4).
use crate::mmo;
use crate::security::Key;
use core::fmt;
use zeroize::Zeroize;

/// A 16-octet install code, without its check.
#[derive(Clone, PartialEq, Eq)]
pub struct InstallCode([u8; 16]);

/// The two octets behind an install code do not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the check of the install code does not match")]
pub struct BadCheck;

impl InstallCode {
    /// From its octets, as CCS01 carries them.
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// From code and check, as a label carries them.
    ///
    /// # Errors
    /// The check is another code's.
    pub fn checked(octets: [u8; 18]) -> Result<Self, BadCheck> {
        let [code @ .., low, high] = octets;
        if check(&code) == u16::from_le_bytes([low, high]) { Ok(Self(code)) } else { Err(BadCheck) }
    }

    /// The code with its check behind it, little-endian.
    pub fn with_check(&self) -> [u8; 18] {
        let mut octets = [0; 18];
        octets[..16].copy_from_slice(&self.0);
        octets[16..].copy_from_slice(&check(&self.0).to_le_bytes());
        octets
    }

    /// The link key that both ends make of it.
    pub fn link_key(&self) -> Key {
        Key::new(mmo::hash(&self.with_check()))
    }
}

impl fmt::Debug for InstallCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallCode(..)")
    }
}

impl Drop for InstallCode {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// CRC-16/X-25.
fn check(octets: &[u8]) -> u16 {
    !octets.iter().fold(0xFFFF, |mut crc, octet| {
        crc ^= *octet as u16;
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: [u8; 16] =
        [0x83, 0xFE, 0xD3, 0x40, 0x7A, 0x93, 0x97, 0x23, 0xA5, 0xC6, 0x39, 0xB2, 0x69, 0x16, 0xD5, 0x05];

    #[test]
    fn the_golden_install_code_gives_the_golden_link_key() {
        let code = InstallCode::new(CODE);
        assert_eq!(code.with_check()[16..], [0xC3, 0xB5]);
        assert_eq!(
            code.link_key(),
            Key::new([0x66, 0xB6, 0x90, 0x09, 0x81, 0xE1, 0xEE, 0x3C, 0xA4, 0x20, 0x6B, 0x6B, 0x86, 0x1C, 0x02, 0xBB])
        );
    }

    #[test]
    fn a_label_with_a_wrong_check_is_refused() {
        let mut label = InstallCode::new(CODE).with_check();
        assert_eq!(InstallCode::checked(label), Ok(InstallCode::new(CODE)));
        label[17] ^= 1;
        assert_eq!(InstallCode::checked(label), Err(BadCheck));
    }
}
