//! UTRNs: the 20 digits of a top-up, authentic by themselves (GBCS 13.6, 14.3).
use crate::crypto::{Crypto, SharedSecret};
use crate::ids::{Counter, Eui64};
use crate::protect::{Mode, derive, initialisation_vector};
use core::fmt;
use core::str::FromStr;
use subtle::ConstantTimeEq;

/// Decimal number of the token with all bits zero: what every UTRN is an offset from.
const BASE: u64 = 7_394_156_990_786_306_048;
/// Bits of a token.
const TOKEN_BITS: u32 = 57;
/// In front of the identifiers in the AAD of a UTRN's MAC: security control and five empty fields.
const AAD_PREFIX: [u8; 6] = [0x11, 0, 0, 0, 0, 0];
/// How many counters the truncated one cannot tell apart.
const WINDOW: u32 = 1024;

/// A Unique Transaction Reference Number: 20 digits of the right shape, not necessarily authentic. Debug hides it: it is money.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Utrn([u8; 20]);

/// How much a UTRN is worth: at most 8191 of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credit {
    /// Pence.
    Pence(u16),
    /// Whole pounds.
    Pounds(u16),
}

impl Credit {
    /// In the unit of meter balances, 10^-5 pounds.
    pub const fn value(self) -> i32 {
        match self {
            Self::Pence(n) => n as i32 * 1_000,
            Self::Pounds(n) => n as i32 * 100_000,
        }
    }

    /// The fewest digits lost: pounds where it is whole pounds, else pence; `None` when neither can say it.
    pub fn from_pence(pence: u32) -> Option<Self> {
        match u16::try_from(pence) {
            Ok(pence @ 0..=8191) => Some(Self::Pence(pence)),
            _ if pence.is_multiple_of(100) && pence / 100 <= 8191 => Some(Self::Pounds((pence / 100) as u16)),
            _ => None,
        }
    }
}

impl fmt::Display for Credit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pence = self.value() / 1_000;
        write!(f, "£{}.{:02}", pence / 100, pence % 100)
    }
}

/// Why digits are refused, or cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UtrnError {
    /// Not 20 decimal digits.
    #[error("not 20 digits")]
    NotDigits,
    /// The last digit does not fit the others: a typing error.
    #[error("the check digit does not fit")]
    CheckDigit,
    /// The number is outside the range of top-ups.
    #[error("the number is outside the range of top-ups")]
    OutOfRange,
    /// The value is in no known unit.
    #[error("the value is in no known unit")]
    ValueClass,
    /// Not from this supplier, not for this meter, or not under this counter.
    #[error("not authentic for this supplier, meter and counter")]
    NotAuthentic,
    /// The truncated counter is not that of the counter given.
    #[error("the counter inside is another")]
    Counter,
    /// More than 8191 of its unit.
    #[error("the value does not fit: 8191 at most")]
    TooMuch,
    /// A counter whose low half is not zero.
    #[error("a top-up counter has 32 zero bits at its end")]
    NotATopUpCounter,
}

/// What the digits say.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Token {
    high: u32,
    mac: [u8; 4],
}

impl Utrn {
    /// Make a UTRN. `z` is the secret between the supplier's prepayment key and the meter's key agreement key; the counter's low
    /// half is zero, and the top-up Command that carries the UTRN goes under the same counter.
    pub fn create<C: Crypto>(
        crypto: &C,
        z: &SharedSecret,
        supplier: Eui64,
        meter: Eui64,
        counter: Counter,
        credit: Credit,
    ) -> Result<Self, UtrnError> {
        if counter.0 as u32 != 0 {
            return Err(UtrnError::NotATopUpCounter);
        }
        let (class, value) = match credit {
            Credit::Pence(value) => (0, value),
            Credit::Pounds(value) => (1, value),
        };
        if value > 8191 {
            return Err(UtrnError::TooMuch);
        }
        let truncated = (counter.0 >> 32) as u32 % WINDOW;
        let high = truncated << 15 | class << 13 | u32::from(value);
        Ok(Self::of_token(Token { high, mac: mac(crypto, z, supplier, meter, counter, high) }))
    }

    /// What it is worth.
    pub fn credit(&self) -> Credit {
        let high = self.token().high;
        let value = (high & 0x1FFF) as u16;
        if high >> 13 & 3 == 0 { Credit::Pence(value) } else { Credit::Pounds(value) }
    }

    /// Bits 32 to 41 of the counter it was made under.
    pub fn truncated_counter(&self) -> u16 {
        (self.token().high >> 15) as u16
    }

    /// The counter it was made under, if it is the one nearest to the highest that the meter has accepted: at most half a window
    /// below it.
    pub fn rebuild_counter(&self, highest: Counter) -> Counter {
        let highest = (highest.0 >> 32) as u32;
        let truncated = u32::from(self.truncated_counter());
        let lowest = highest.saturating_sub(WINDOW / 2);
        let candidate = lowest.wrapping_add(truncated.wrapping_sub(lowest) % WINDOW);
        Counter(u64::from(candidate) << 32)
    }

    /// Whether this supplier made it for this meter under this counter.
    pub fn verify<C: Crypto>(
        &self,
        crypto: &C,
        z: &SharedSecret,
        supplier: Eui64,
        meter: Eui64,
        counter: Counter,
    ) -> Result<(), UtrnError> {
        let token = self.token();
        if (counter.0 >> 32) as u32 % WINDOW != token.high >> 15 {
            return Err(UtrnError::Counter);
        }
        let expected = mac(crypto, z, supplier, meter, counter, token.high);
        if bool::from(expected.ct_eq(&token.mac)) { Ok(()) } else { Err(UtrnError::NotAuthentic) }
    }

    /// The counter it was made under, looked for in every window up to a million top-ups behind and ahead of `highest`: why a meter
    /// that takes it for another one refuses it. `None` where it is not authentic under any of them.
    pub fn find_counter<C: Crypto>(
        &self,
        crypto: &C,
        z: &SharedSecret,
        supplier: Eui64,
        meter: Eui64,
        highest: Counter,
    ) -> Option<Counter> {
        const WINDOWS: u32 = 1 << 10;
        let nearest = (self.rebuild_counter(highest).0 >> 32) as u32;
        let away = |n: u32| [nearest.checked_add(n * WINDOW), nearest.checked_sub(n * WINDOW)];
        let candidates = (0..=WINDOWS).flat_map(away).flatten().map(|high| Counter(u64::from(high) << 32));
        candidates.into_iter().find(|&counter| self.verify(crypto, z, supplier, meter, counter).is_ok())
    }

    /// The digits, as a top-up Command carries them and a customer types them; keep them out of logs.
    pub fn expose(&self) -> &str {
        core::str::from_utf8(&self.0).expect("digits are ASCII")
    }

    fn of_token(token: Token) -> Self {
        let mut number = BASE + (u64::from(token.high) << 32 | u64::from(u32::from_be_bytes(token.mac)));
        let mut digits = [b'0'; 20];
        for digit in digits[..19].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        digits[19] = b'0' + verhoeff::check_digit(&digits[..19]);
        Self(digits)
    }

    fn token(&self) -> Token {
        let number = self.0[..19].iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0')) - BASE;
        Token { high: (number >> 32) as u32, mac: (number as u32).to_be_bytes() }
    }
}

/// The check digit that fits the first 19 digits of a UTRN; `None` unless there are 19 at least.
pub fn check_digit(digits: &[u8]) -> Option<u8> {
    let first = digits.get(..19).filter(|first| first.iter().all(u8::is_ascii_digit))?;
    Some(verhoeff::check_digit(first))
}

/// From 20 ASCII digits, as a top-up Command carries them.
impl TryFrom<&[u8]> for Utrn {
    type Error = UtrnError;

    fn try_from(digits: &[u8]) -> Result<Self, UtrnError> {
        let digits: [u8; 20] = digits.try_into().map_err(|_| UtrnError::NotDigits)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(UtrnError::NotDigits);
        }
        if !verhoeff::is_valid(&digits) {
            return Err(UtrnError::CheckDigit);
        }
        let number = digits[..19].iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
        let token = number.checked_sub(BASE).filter(|n| n >> TOKEN_BITS == 0).ok_or(UtrnError::OutOfRange)?;
        if token >> 45 & 3 > 1 {
            return Err(UtrnError::ValueClass);
        }
        Ok(Self(digits))
    }
}

impl FromStr for Utrn {
    type Err = UtrnError;

    fn from_str(text: &str) -> Result<Self, UtrnError> {
        text.as_bytes().try_into()
    }
}

impl fmt::Debug for Utrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Utrn(..)")
    }
}

fn mac<C: Crypto>(crypto: &C, z: &SharedSecret, supplier: Eui64, meter: Eui64, counter: Counter, high: u32) -> [u8; 4] {
    let key = derive(crypto, z, Mode::Utrn, supplier, counter, meter);
    let mut aad = [0; 35];
    aad[..6].copy_from_slice(&AAD_PREFIX);
    aad[6..14].copy_from_slice(&supplier.0);
    aad[14..22].copy_from_slice(&meter.0);
    aad[22] = 1;
    aad[23..31].copy_from_slice(&counter.octets());
    aad[31..].copy_from_slice(&high.to_be_bytes());
    let tag = crypto.gmac(&key, &initialisation_vector(supplier), &aad);
    *tag.last_chunk().expect("4 of 16 octets")
}

/// The check digit of UTRNs: Verhoeff, over the dihedral group of order ten; the permutation depends on the place.
mod verhoeff {
    const D: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const P: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];

    fn state(digits: &[u8]) -> u8 {
        digits
            .iter()
            .enumerate()
            .fold(0, |x, (j, digit)| D[usize::from(x)][usize::from(P[(4 + j) % 8][usize::from(digit - b'0')])])
    }

    pub(super) fn is_valid(digits: &[u8; 20]) -> bool {
        state(digits) == 0
    }

    pub(super) fn check_digit(first: &[u8]) -> u8 {
        let mut digits = [0; 20];
        digits[..19].copy_from_slice(first);
        (0..10)
            .find(|digit| {
                digits[19] = b'0' + digit;
                is_valid(&digits)
            })
            .expect("one of ten digits brings the state to zero")
    }
}

#[cfg(all(test, feature = "rustcrypto"))]
mod tests {
    use super::*;
    use crate::crypto::RustCrypto;

    const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
    const METER: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);

    /// Between the supplier's prepayment key and the meter's key.
    fn secret() -> SharedSecret {
        let z = hex::decode("5c00001ae96494fedfd740c4679d346e913d89b978beeff76577be69c92bf3ce").unwrap();
        SharedSecret::new(z.try_into().unwrap())
    }

    fn counter(high: u64) -> Counter {
        Counter(high << 32)
    }

    #[test]
    fn known_top_ups_are_made_and_verify() {
        for (high, credit, digits) in [
            (1, Credit::Pounds(100), "73943333457189043313"),
            (4, Credit::Pence(1234), "73947252416745201637"),
            (1, Credit::Pounds(8191), "73943680956463432551"),
            (3, Credit::Pounds(10), "73946144332040217315"),
            (5, Credit::Pounds(10), "73948959061972833313"),
        ] {
            let made = Utrn::create(&RustCrypto, &secret(), SUPPLIER, METER, counter(high), credit).unwrap();
            assert_eq!(made.expose(), digits);
            let read: Utrn = digits.parse().unwrap();
            assert_eq!((read.credit(), read.truncated_counter()), (credit, high as u16));
            assert_eq!(read.verify(&RustCrypto, &secret(), SUPPLIER, METER, counter(high)), Ok(()));
            let again = counter(high + 1024);
            assert_eq!(
                read.verify(&RustCrypto, &secret(), SUPPLIER, METER, again),
                Err(UtrnError::NotAuthentic),
                "the same truncated counter is not enough"
            );
        }
    }

    #[test]
    fn what_does_not_belong_together_does_not_verify() {
        let utrn: Utrn = "73943333457189043313".parse().unwrap();
        let z = secret();
        let other = Eui64::from_u64(7);
        assert_eq!(utrn.verify(&RustCrypto, &z, SUPPLIER, other, counter(1)), Err(UtrnError::NotAuthentic));
        assert_eq!(utrn.verify(&RustCrypto, &z, other, METER, counter(1)), Err(UtrnError::NotAuthentic));
        assert_eq!(utrn.verify(&RustCrypto, &z, SUPPLIER, METER, counter(2)), Err(UtrnError::Counter));
        // The sample of PCS01 only shows the layout: its MAC is zero.
        let layout: Utrn = "73941656880950804485".parse().unwrap();
        assert!(layout.verify(&RustCrypto, &z, SUPPLIER, METER, counter(layout.truncated_counter().into())).is_err());
    }

    #[test]
    fn a_gas_top_up_of_the_reference_data_reads() {
        let utrn: Utrn = "73950067887105178605".parse().unwrap();
        assert_eq!((utrn.credit(), utrn.truncated_counter()), (Credit::Pence(1250), 6));
        assert_eq!(utrn.credit().value(), 1_250_000);
        assert_eq!(alloc::format!("{} {utrn:?}", utrn.credit()), "£12.50 Utrn(..)");
    }

    #[test]
    fn every_single_typing_error_and_every_swap_of_neighbours_is_noticed() {
        let good = *b"73943333457189043313";
        for i in 0..20 {
            for wrong in b'0'..=b'9' {
                let mut digits = good;
                digits[i] = wrong;
                assert_eq!(verhoeff::is_valid(&digits), digits == good);
            }
            if i > 0 {
                let mut digits = good;
                digits.swap(i - 1, i);
                assert_eq!(verhoeff::is_valid(&digits), digits == good);
            }
        }
        assert_eq!("73943333457189043314".parse::<Utrn>(), Err(UtrnError::CheckDigit));
    }

    #[test]
    fn what_is_no_top_up_is_refused_for_its_reason() {
        for text in ["", "7394333345718904331", "739433334571890433133", "7394333345718904331x"] {
            assert_eq!(text.parse::<Utrn>(), Err(UtrnError::NotDigits));
        }
        // The ERROR sample of CS01b.
        assert!("12345678910121314156".parse::<Utrn>().is_err());
        for (number, error) in [
            (BASE - 1, UtrnError::OutOfRange),
            (BASE + (1 << 57), UtrnError::OutOfRange),
            (BASE + (2 << 45), UtrnError::ValueClass),
            (BASE + (3 << 45), UtrnError::ValueClass),
        ] {
            let mut digits = alloc::format!("{number:019}0").into_bytes();
            digits[19] = b'0' + verhoeff::check_digit(&digits[..19]);
            assert_eq!(Utrn::try_from(&digits[..]), Err(error), "{number}");
        }
        let create = |counter, credit| Utrn::create(&RustCrypto, &secret(), SUPPLIER, METER, counter, credit);
        assert_eq!(create(Counter(1), Credit::Pence(1)), Err(UtrnError::NotATopUpCounter));
        assert_eq!(create(counter(1), Credit::Pounds(8192)), Err(UtrnError::TooMuch));
    }

    #[test]
    fn a_counter_is_rebuilt_from_its_ten_bits_near_the_highest_accepted() {
        for high in [1u64, 511, 512, 1023, 1024, 5000, 1 << 20, 0xFFFF_FE00] {
            let made = Utrn::create(&RustCrypto, &secret(), SUPPLIER, METER, counter(high), Credit::Pence(1)).unwrap();
            for highest in [high.saturating_sub(511), high, (high + 512).min(0xFFFF_FFFF)] {
                assert_eq!(made.rebuild_counter(counter(highest)), counter(high), "{high} near {highest}");
            }
        }
    }

    #[test]
    fn credit_is_said_in_pence_where_it_fits_else_in_pounds() {
        assert_eq!(Credit::from_pence(1_000), Some(Credit::Pence(1_000)));
        assert_eq!(Credit::from_pence(819_100), Some(Credit::Pounds(8_191)));
        assert_eq!(Credit::from_pence(8_192), None);
        assert_eq!(Credit::from_pence(819_200), None);
    }
}
