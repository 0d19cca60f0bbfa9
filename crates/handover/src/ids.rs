//! Names of deliveries, and nonces.
use core::fmt;
use core::str::FromStr;
use minicbor::{Decode, Encode};

/// Which delivery: 16 octets that the head end chooses and never uses again (it uses UUIDs).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct DeliveryId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// 32 lower-case hex digits.
impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text was not 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a delivery: 32 hex digits expected, hyphens allowed")]
pub struct NotADeliveryId;

/// 32 hex digits; hyphens are skipped, so that a UUID in its usual form reads too.
impl FromStr for DeliveryId {
    type Err = NotADeliveryId;

    fn from_str(text: &str) -> Result<Self, NotADeliveryId> {
        let mut octets = [0; 16];
        let mut digits = 0;
        for c in text.chars().filter(|c| *c != '-') {
            let value = c.to_digit(16).ok_or(NotADeliveryId)? as u8;
            let octet = octets.get_mut(digits / 2).ok_or(NotADeliveryId)?;
            *octet = *octet << 4 | value;
            digits += 1;
        }
        if digits == 32 { Ok(Self(octets)) } else { Err(NotADeliveryId) }
    }
}

/// A number that a carrier issued for one Release, and nobody could guess before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Nonce(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({:02x}{:02x}{:02x}{:02x}..)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_delivery_reads_as_it_prints_and_as_a_uuid() {
        let id: DeliveryId = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff0", "zz"] {
            assert_eq!(text.parse::<DeliveryId>(), Err(NotADeliveryId), "{text}");
        }
    }
}
