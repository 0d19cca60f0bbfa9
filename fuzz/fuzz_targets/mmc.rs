//! The target of the same name, for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| lastmetre_fuzz::documents::mmc(octets));
