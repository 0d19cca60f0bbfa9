//! Values without parts, as DER carries them.
use crate::certificate::{Certificate, CertificateError, KeyUsage, Role};
use crate::ids::{Counter, Eui64};
use crate::time::Time;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use der::asn1::AnyRef;
use der::{
    Decode, DecodeValue, Encode, EncodeValue, ErrorKind, FixedTag, Header, Length, Reader, SliceReader, Tag, Tagged,
    Writer,
};
use zeroize::Zeroizing;

/// A type that is an INTEGER or ENUMERATED of another.
macro_rules! numbers {
    ($($type:ty as $number:ty: $tag:ident, $to:expr, $from:expr;)*) => {$(
        impl<'a> ::der::DecodeValue<'a> for $type {
            type Error = ::der::Error;

            fn decode_value<R: ::der::Reader<'a>>(reader: &mut R, header: ::der::Header) -> ::der::Result<Self> {
                let from: fn($number) -> Self = $from;
                <$number>::decode_value(reader, header).map(from)
            }
        }

        impl ::der::EncodeValue for $type {
            fn value_len(&self) -> ::der::Result<::der::Length> {
                let to: fn(&Self) -> $number = $to;
                to(self).value_len()
            }

            fn encode_value(&self, writer: &mut impl ::der::Writer) -> ::der::Result<()> {
                let to: fn(&Self) -> $number = $to;
                to(self).encode_value(writer)
            }
        }

        impl ::der::FixedTag for $type {
            const TAG: ::der::Tag = ::der::Tag::$tag;
        }
    )*};
}
pub(crate) use numbers;

numbers! {
    Counter as u64: Integer, |counter| counter.0, Counter;
    Role as u8: Integer, |role| role.number(), Role::from_number;
}

/// A type that is an OCTET STRING of so many octets.
macro_rules! octet_strings {
    ($($type:ident [$n:literal])*) => {$(
        impl<'a> DecodeValue<'a> for $type {
            type Error = der::Error;

            fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
                let mut octets = [0; $n];
                if header.length() != Length::new($n) {
                    return Err(reader.error(ErrorKind::Length { tag: Self::TAG }));
                }
                reader.read_into(&mut octets)?;
                Ok(Self(octets))
            }
        }

        impl EncodeValue for $type {
            fn value_len(&self) -> der::Result<Length> {
                Ok(Length::new($n))
            }

            fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
                writer.write(&self.0)
            }
        }

        impl FixedTag for $type {
            const TAG: Tag = Tag::OctetString;
        }
    )*};
}

octet_strings! { Eui64[8] KeyIdentifier[8] ImageHash[32] FirmwareVersion[4] }

/// What names a public key: the subject key identifier of its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyIdentifier(pub [u8; 8]);

/// SHA-256 of a firmware image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageHash(pub [u8; 32]);

/// A firmware version, as the Central Products List writes it in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FirmwareVersion(pub [u8; 4]);

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", u32::from_be_bytes(self.0))
    }
}

/// A key in the clear, as only the contingency mode of CS02b carries one.
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey(Zeroizing<Vec<u8>>);

impl SymmetricKey {
    /// From its octets.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    /// The octets.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Not the key.
impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymmetricKey({} octets)", self.0.len())
    }
}

impl<'a> DecodeValue<'a> for SymmetricKey {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_vec(header.length()).map(Self::new)
    }
}

impl EncodeValue for SymmetricKey {
    fn value_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(&self.0)
    }
}

impl FixedTag for SymmetricKey {
    const TAG: Tag = Tag::OctetString;
}

/// A moment to the second, 1970 to 9999: GeneralizedTime `YYYYMMDDHHMMSSZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime(Time);

impl DateTime {
    /// The last second of 9999: as an execution time it cancels what waits under the same use case.
    pub const NEVER: Self = Self(Time::from_seconds(253_402_300_799));

    /// The second that this moment is in; [`NEVER`](Self::NEVER) past 9999.
    pub const fn new(time: Time) -> Self {
        let never = Self::NEVER.0.seconds();
        Self(Time::from_seconds(if time.seconds() < never { time.seconds() } else { never }))
    }

    /// The moment.
    pub const fn time(self) -> Time {
        self.0
    }
}

impl From<Time> for DateTime {
    fn from(time: Time) -> Self {
        Self::new(time)
    }
}

/// As `2030-01-15T00:00:00Z`, or `never`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER { f.pad("never") } else { self.0.fmt(f) }
    }
}

impl<'a> DecodeValue<'a> for DateTime {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        let time = der::asn1::GeneralizedTime::decode_value(reader, header)?;
        Ok(Self(Time::from_seconds(time.to_unix_duration().as_secs())))
    }
}

impl DateTime {
    fn generalized(self) -> der::Result<der::asn1::GeneralizedTime> {
        der::asn1::GeneralizedTime::from_unix_duration(Duration::from_secs(self.0.seconds()))
    }
}

impl EncodeValue for DateTime {
    fn value_len(&self) -> der::Result<Length> {
        self.generalized()?.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.generalized()?.encode_value(writer)
    }
}

impl FixedTag for DateTime {
    const TAG: Tag = Tag::GeneralizedTime;
}

/// What keys are for, as a BIT STRING of named bits: the first bit is the highest (RFC 5280 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyUsages(pub u16);

impl KeyUsages {
    /// `0780`
    pub const DIGITAL_SIGNATURE: Self = Self(0x8000);
    /// `0308`
    pub const KEY_AGREEMENT: Self = Self(0x0800);
    /// `0204`
    pub const KEY_CERT_SIGN: Self = Self(0x0400);

    /// The one usage this is, of those GBCS knows.
    pub const fn usage(self) -> Option<KeyUsage> {
        match self {
            Self::DIGITAL_SIGNATURE => Some(KeyUsage::DigitalSignature),
            Self::KEY_AGREEMENT => Some(KeyUsage::KeyAgreement),
            Self::KEY_CERT_SIGN => Some(KeyUsage::KeyCertSign),
            _ => None,
        }
    }

    /// Bits up to the last that is set.
    const fn bits(self) -> u32 {
        u16::BITS - self.0.trailing_zeros()
    }
}

impl From<KeyUsage> for KeyUsages {
    fn from(usage: KeyUsage) -> Self {
        match usage {
            KeyUsage::DigitalSignature => Self::DIGITAL_SIGNATURE,
            KeyUsage::KeyAgreement => Self::KEY_AGREEMENT,
            KeyUsage::KeyCertSign => Self::KEY_CERT_SIGN,
        }
    }
}

/// The name of the one usage, or the bits.
impl fmt::Display for KeyUsages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.usage() {
            Some(usage) => usage.fmt(f),
            None => write!(f, "0x{:04X}", self.0),
        }
    }
}

impl<'a> DecodeValue<'a> for KeyUsages {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        let mut octets = [0; 3];
        let n = usize::try_from(header.length())?;
        let Some(octets) = octets.get_mut(..n) else { return Err(reader.error(ErrorKind::Length { tag: Self::TAG })) };
        let usages = match *reader.read_into(octets)? {
            [_, first] => Self(u16::from(first) << 8),
            [_, first, second] => Self(u16::from_be_bytes([first, second])),
            _ => Self(0),
        };
        // Named bits have one encoding: it ends with the last bit that is set.
        if header.length() != usages.value_len()? || octets[0] != unused(usages) {
            return Err(reader.error(ErrorKind::Noncanonical { tag: Self::TAG }));
        }
        Ok(usages)
    }
}

const fn unused(usages: KeyUsages) -> u8 {
    (usages.bits().next_multiple_of(8) - usages.bits()) as u8
}

impl EncodeValue for KeyUsages {
    fn value_len(&self) -> der::Result<Length> {
        Ok(Length::new(1 + self.bits().div_ceil(8)))
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write_byte(unused(*self))?;
        writer.write(&self.0.to_be_bytes()[..self.bits().div_ceil(8) as usize])
    }
}

impl FixedTag for KeyUsages {
    const TAG: Tag = Tag::BitString;
}

/// What is signed by X.509's rules: `SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }`, kept as its octets because the signature is
/// over them.
macro_rules! signed_objects {
    ($($(#[$doc:meta])* $type:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $type(Vec<u8>);

        impl $type {
            /// From its octets in DER.
            ///
            /// # Errors
            /// When they are not one value of that outer shape, all lengths in their shortest form there.
            pub fn new(octets: impl Into<Vec<u8>>) -> Result<Self, NotSigned> {
                let octets = octets.into();
                match is_signed_object(&octets) {
                    Ok(()) => Ok(Self(octets)),
                    Err(_) => Err(NotSigned),
                }
            }

            /// The octets, in DER.
            pub fn octets(&self) -> &[u8] {
                &self.0
            }
        }

        impl AsRef<[u8]> for $type {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// How long it is.
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({} octets)"), self.0.len())
            }
        }

        impl<'a> DecodeValue<'a> for $type {
            type Error = der::Error;

            fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
                let mut octets = header.to_der()?;
                octets.extend_from_slice(reader.read_slice(header.length())?);
                is_signed_object(&octets)?;
                Ok(Self(octets))
            }
        }

        impl EncodeValue for $type {
            fn value_len(&self) -> der::Result<Length> {
                content(&self.0)?.len().try_into()
            }

            fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
                writer.write(content(&self.0)?)
            }
        }

        impl FixedTag for $type {
            const TAG: Tag = Tag::Sequence;
        }
    )*};
}

signed_objects! {
    /// A certificate in DER. [`read`](Self::read) tells whose it is.
    CertificateDer
    /// A PKCS#10 certification request in DER: a new key of a device.
    CertificationRequest
}

impl CertificateDer {
    /// Whose certificate, for what, and its key.
    pub fn read(&self) -> Result<Certificate, CertificateError> {
        Certificate::parse(&self.0)
    }
}

/// Octets that are no signed object of X.509.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SEQUENCE of what is signed, an algorithm and a signature, in DER")]
pub struct NotSigned;

fn is_signed_object(octets: &[u8]) -> der::Result<()> {
    let mut reader = SliceReader::new(content(octets)?)?;
    for tag in [Tag::Sequence, Tag::Sequence, Tag::BitString] {
        AnyRef::decode(&mut reader)?.tag().assert_eq(tag)?;
    }
    reader.finish()
}

fn content(octets: &[u8]) -> der::Result<&[u8]> {
    let value = AnyRef::from_der(octets)?;
    value.tag().assert_eq(Tag::Sequence)?;
    Ok(value.value())
}
