//! DLMS lengths: one octet below 0x80, else 0x81, 0x82 or 0x83 and one, two or three octets; always the shortest form. No sample has
//! the longest; the logs of a meter that is a year old need it.
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The greatest length: what 255 blocks hold is far below.
#[cfg(feature = "alloc")]
const MOST: usize = 0xFF_FFFF;

/// How many octets the length `n` takes; `n` is at most 0xFF_FFFF.
pub const fn encoded_len(n: usize) -> usize {
    match n {
        0..=0x7F => 1,
        0x80..=0xFF => 2,
        0x100..=0xFFFF => 3,
        _ => 4,
    }
}

/// Append the length `n`, at most 0xFF_FFFF.
#[cfg(feature = "alloc")]
pub fn encode(n: usize, out: &mut Vec<u8>) {
    debug_assert!(n <= MOST);
    match n {
        0..=0x7F => out.push(n as u8),
        0x80..=0xFF => out.extend_from_slice(&[0x81, n as u8]),
        0x100..=0xFFFF => out.extend_from_slice(&[0x82, (n >> 8) as u8, n as u8]),
        _ => out.extend_from_slice(&[0x83, (n >> 16) as u8, (n >> 8) as u8, n as u8]),
    }
}

/// Read a length at the start of `octets`: its value and how many octets it took; `None` when cut short, not of the
/// shortest form, or of a form GBCS does not use.
pub const fn parse(octets: &[u8]) -> Option<(usize, usize)> {
    match octets {
        [n @ 0..=0x7F, ..] => Some((*n as usize, 1)),
        [0x81, n @ 0x80..=0xFF, ..] => Some((*n as usize, 2)),
        [0x82, high @ 1..=0xFF, low, ..] => Some(((*high as usize) << 8 | *low as usize, 3)),
        [0x83, high @ 1..=0xFF, middle, low, ..] => {
            Some(((*high as usize) << 16 | (*middle as usize) << 8 | *low as usize, 4))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_one_form() {
        for n in (0..=0x1_00FF).chain([0x12_3456, MOST]) {
            let mut out = Vec::new();
            encode(n, &mut out);
            assert_eq!(out.len(), encoded_len(n));
            assert_eq!(parse(&out), Some((n, out.len())));
        }
        for wrong in [
            &[][..],
            &[0x80],
            &[0x81, 0x7F],
            &[0x82, 0, 0xFF],
            &[0x82, 1],
            &[0x83, 0, 1, 0],
            &[0x83, 1, 0],
            &[0x84, 0, 1, 0, 0],
        ] {
            assert_eq!(parse(wrong), None);
        }
    }
}
