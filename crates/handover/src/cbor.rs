//! CBOR in its one deterministic form, and how identifiers of `gbcs` look in it.
use crate::cose::Error;
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// Octets of `value`.
pub fn to_vec<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).unwrap_or_else(|error| match error.is_write() {
        true => unreachable!("a Vec takes all octets"),
        false => unreachable!("no value of this crate refuses to be encoded"),
    })
}

/// The value whose deterministic encoding `octets` are: all of them, and no other encoding of the same value.
///
/// # Errors
/// [`Error::Malformed`] for what is no such value, [`Error::NotDeterministic`] for another encoding of one.
pub fn from_slice<'a, T: Decode<'a, ()> + Encode<()>>(octets: &'a [u8]) -> Result<T, Error> {
    let mut decoder = minicbor::Decoder::new(octets);
    let value: T = decoder.decode().map_err(|error| Error::Malformed { offset: error.position() })?;
    // Strictness in one place: whatever the decoder tolerates (unknown, repeated or unsorted keys, long integers,
    // indefinite lengths, octets left over), encoding again does not give back.
    if to_vec(&value) == octets { Ok(value) } else { Err(Error::NotDeterministic) }
}

macro_rules! as_uint {
    ($module:ident, $type:path, $int:ident, $what:literal) => {
        #[doc = concat!("`#[cbor(with = ...)]` for ", $what)]
        pub mod $module {
            #![allow(missing_docs, clippy::missing_errors_doc)]
            use minicbor::encode::Write;
            use minicbor::{Decoder, Encoder};

            pub fn encode<C, W: Write>(
                value: &$type,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.$int(value.0)?.ok()
            }

            pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<$type, minicbor::decode::Error> {
                d.$int().map($type)
            }
        }
    };
}

/// `#[cbor(with = ...)]` for an `Eui64`: a byte string of 8.
pub mod eui64 {
    #![allow(missing_docs, clippy::missing_errors_doc)]
    use gbcs::Eui64;
    use minicbor::bytes::ByteArray;
    use minicbor::encode::Write;
    use minicbor::{Decoder, Encoder};

    pub fn encode<C, W: Write>(
        value: &Eui64,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&value.0)?.ok()
    }

    pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Eui64, minicbor::decode::Error> {
        Ok(Eui64(d.decode::<ByteArray<8>>()?.into()))
    }
}

as_uint!(time, gbcs::Time, u64, "a `Time`: unsigned, milliseconds since 1970.");
as_uint!(code, gbcs::MessageCode, u16, "a `MessageCode`: unsigned, 16 bits.");
as_uint!(counter, gbcs::Counter, u64, "a `Counter`: unsigned, 64 bits.");
