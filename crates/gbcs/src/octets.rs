//! Octet strings that mostly need no allocation.
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

const INLINE: usize = 22;

/// Octets of a value; up to 22 live inline, which holds every OBIS code, date-time, identifier and UTRN.
#[derive(Clone)]
pub struct Octets(Place);

#[derive(Clone)]
enum Place {
    Inline(u8, [u8; INLINE]),
    Heap(Vec<u8>),
}

impl Octets {
    /// No octet.
    pub const fn new() -> Self {
        Self(Place::Inline(0, [0; INLINE]))
    }

    /// The octets.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Place::Inline(n, octets) => &octets[..usize::from(*n)],
            Place::Heap(octets) => octets,
        }
    }
}

impl Default for Octets {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match inline.get_mut(..octets.len()) {
            Some(place) => {
                place.copy_from_slice(octets);
                Self(Place::Inline(octets.len() as u8, inline))
            }
            None => Self(Place::Heap(octets.to_vec())),
        }
    }
}

impl<const N: usize> From<[u8; N]> for Octets {
    fn from(octets: [u8; N]) -> Self {
        octets[..].into()
    }
}

impl<const N: usize> From<&[u8; N]> for Octets {
    fn from(octets: &[u8; N]) -> Self {
        octets[..].into()
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        if octets.len() <= INLINE { octets[..].into() } else { Self(Place::Heap(octets)) }
    }
}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Octets {}

impl Hash for Octets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

/// Hex digits.
impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_octets_are_the_same_to_their_reader() {
        for n in 0..64 {
            let octets: Vec<u8> = (0..n).collect();
            assert_eq!(&*Octets::from(&octets[..]), &octets[..]);
            assert_eq!(Octets::from(octets.clone()), Octets::from(&octets[..]));
        }
        assert_eq!(alloc::format!("{:?}", Octets::from([1, 0xAB])), "01ab");
    }
}
