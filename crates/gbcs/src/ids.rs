//! Who and which: Entity Identifiers, counters, message codes, and the identifier of a message made of them.
use core::fmt;
use core::str::FromStr;

/// An Entity Identifier: an EUI-64, big-endian as GBCS messages carry it (ZigBee frames carry it reversed).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Eui64(pub [u8; 8]);

impl Eui64 {
    /// From the number whose big-endian octets the identifier is.
    pub const fn from_u64(n: u64) -> Self {
        Self(n.to_be_bytes())
    }

    /// The octets in the order of a GBCS message.
    pub const fn octets(&self) -> [u8; 8] {
        self.0
    }

    /// The number whose big-endian octets the identifier is.
    pub const fn to_u64(self) -> u64 {
        u64::from_be_bytes(self.0)
    }

    /// Octets in the order of a ZigBee frame (little-endian).
    pub const fn to_le(self) -> [u8; 8] {
        self.to_u64().to_le_bytes()
    }

    /// From octets in the order of a ZigBee frame (little-endian).
    pub const fn from_le(octets: [u8; 8]) -> Self {
        Self::from_u64(u64::from_le_bytes(octets))
    }
}

/// As DUIS writes it: upper-case hex pairs joined by hyphens. The alternate form (`{:#}`) has no hyphens.
impl fmt::Display for Eui64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, octet) in self.0.iter().enumerate() {
            if i > 0 && !f.alternate() {
                f.write_str("-")?;
            }
            write!(f, "{octet:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Eui64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text was not 16 hex digits, with or without hyphens between pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an EUI-64: 16 hex digits expected, hyphens between pairs allowed")]
pub struct NotAnEui64;

impl FromStr for Eui64 {
    type Err = NotAnEui64;

    fn from_str(text: &str) -> Result<Self, NotAnEui64> {
        let mut octets = [0; 8];
        let mut digits = 0;
        let mut since_hyphen = 0;
        for c in text.chars() {
            if c == '-' {
                if since_hyphen != 2 || digits == 16 {
                    return Err(NotAnEui64);
                }
                since_hyphen = 0;
                continue;
            }
            let value = c.to_digit(16).ok_or(NotAnEui64)? as u8;
            if digits == 16 {
                return Err(NotAnEui64);
            }
            octets[digits / 2] = octets[digits / 2] << 4 | value;
            digits += 1;
            since_hyphen += 1;
        }
        if digits == 16 { Ok(Self(octets)) } else { Err(NotAnEui64) }
    }
}

/// An Originator Counter: it only grows, per originator (GBCS 4.3.1.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Counter(pub u64);

impl Counter {
    /// The octets in the order of a GBCS message.
    pub const fn octets(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Which use case a message is of (GBCS 15).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MessageCode(pub u16);

impl fmt::Display for MessageCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}", self.0)
    }
}

impl fmt::Debug for MessageCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The CRA flag: what kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Cra {
    /// From a Remote Party (or, on the HAN only, a PPMID) to a Device.
    Command = 1,
    /// A Device's answer: same counter, ids swapped.
    Response = 2,
    /// Raised by a Device under a counter of its own.
    Alert = 3,
}

impl Cra {
    /// From the octet on the wire; 1 to 3 only.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Command),
            2 => Some(Self::Response),
            3 => Some(Self::Alert),
            _ => None,
        }
    }
}

/// The Message Identifier: originator, target, CRA flag and counter name one message for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    /// Business Originator.
    pub originator: Eui64,
    /// Business Target.
    pub target: Eui64,
    /// Command, Response or Alert.
    pub cra: Cra,
    /// Originator Counter.
    pub counter: Counter,
}

impl MessageId {
    /// The identifier that the Response to this Command has (or the Command to this Response): ids swapped, counter kept.
    pub const fn answer(&self) -> Self {
        let cra = match self.cra {
            Cra::Command => Cra::Response,
            _ => Cra::Command,
        };
        Self { originator: self.target, target: self.originator, cra, counter: self.counter }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} > {} #{}", self.cra, self.originator, self.target, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_eui_reads_with_and_without_hyphens_and_prints_as_duis_does() {
        let a: Eui64 = "00-db-12-34-56-78-90-a0".parse().unwrap();
        assert_eq!(a, "00DB1234567890A0".parse().unwrap());
        assert_eq!(a.to_string(), "00-DB-12-34-56-78-90-A0");
        assert_eq!(alloc::format!("{a:#}"), "00DB1234567890A0");
        assert_eq!(Eui64::from_le(a.to_le()), a);
    }

    #[test]
    fn what_is_no_eui_is_refused() {
        for text in [
            "",
            "00DB1234567890A",
            "00DB1234567890A0A",
            "0-0DB1234567890A0",
            "00DB1234567890G0",
            "00-DB-12-34-56-78-90-A0-",
        ] {
            assert_eq!(text.parse::<Eui64>(), Err(NotAnEui64), "{text}");
        }
    }
}
