#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| lastmetre_fuzz::hub::comms_hub(octets));
