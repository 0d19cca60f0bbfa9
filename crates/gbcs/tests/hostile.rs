//! Every codec against whatever may come: what is encoded comes back, what is damaged is refused without a panic.
mod strategies;

use gbcs::crypto::{RustCrypto, SharedSecret};
use gbcs::dlms::{Apdu, Data};
use gbcs::gbz::{self, Alert};
use gbcs::utrn::{Credit, Utrn};
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageView, Payload, Route, asn1, certificate::Certificate, der};
use proptest::collection::vec;
use proptest::prelude::*;
use strategies::asn1::payload as asn1_payload;
use strategies::{alert, apdu, component, der_value};

proptest! {
    #[test]
    fn dlms_comes_back(apdu in apdu()) {
        let octets = apdu.encode();
        prop_assert_eq!(octets.len(), apdu.encoded_len());
        prop_assert_eq!(Apdu::parse(&octets), Ok(apdu));
    }

    #[test]
    fn gbz_comes_back(components in vec(component(), 1..5)) {
        let payload = gbz::Payload { components };
        let octets = payload.encode();
        prop_assert_eq!(octets.len(), payload.encoded_len());
        prop_assert_eq!(gbz::Payload::parse(&octets), Ok(payload));
    }

    #[test]
    fn gbz_alerts_come_back(alert in alert()) {
        let octets = alert.encode();
        prop_assert_eq!(octets.len(), alert.encoded_len());
        prop_assert_eq!(Alert::parse(&octets), Ok(alert));
    }

    #[test]
    fn der_comes_back(value in der_value()) {
        let octets = value.encode();
        prop_assert_eq!(octets.len(), value.encoded_len());
        prop_assert_eq!(der::Value::parse(&octets), Ok(value));
    }

    #[test]
    fn asn1_comes_back((code, cra, payload) in asn1_payload()) {
        let octets = payload.encode();
        prop_assert_eq!(octets.len(), payload.encoded_len());
        prop_assert_eq!(asn1::Payload::parse(code, cra, &octets), Ok(payload.clone()));
        prop_assert_eq!(Payload::parse(code, cra, &octets), Ok(Payload::Asn1(payload)));
    }

    #[test]
    fn damaged_asn1_is_refused_or_rebuilt((code, cra, payload) in asn1_payload(), at in any::<prop::sample::Index>(), octet: u8) {
        let mut octets = payload.encode();
        let at = at.index(octets.len());
        octets[at] = octet;
        if let Ok(read) = Payload::parse(code, cra, &octets) {
            prop_assert_eq!(read.encode(), &octets[..]);
        }
        prop_assert!(Payload::parse(code, cra, &octets[..at]).is_err());
    }

    #[test]
    fn whatever_parses_is_rebuilt_octet_for_octet(octets in vec(any::<u8>(), 0..120), first in any::<prop::sample::Index>(), code in 0u16..0x130, cra in 1u8..=3) {
        // The first octets of real payloads, so that something gets further than them.
        let starts: [&[u8]; 6] = [&[], &[0xD9, 0x20, 0, 0, 1, 0, 1], &[0xDA, 0x20, 0, 0, 1, 0, 0, 1], &[0x0F, 0x20, 0, 0, 1, 0, 2], &[1, 9, 1], &[0x30]];
        let octets = [first.get(&starts), &octets[..]].concat();
        if let Ok(payload) = Payload::parse(MessageCode(code), Cra::from_octet(cra).unwrap(), &octets) {
            prop_assert_eq!(payload.encode(), octets);
        }
    }

    #[test]
    fn damaged_payloads_of_every_kind_are_refused_or_rebuilt(apdu in apdu(), at in any::<prop::sample::Index>(), octet: u8) {
        let mut octets = apdu.encode();
        let at = at.index(octets.len());
        octets[at] = octet;
        if let Ok(read) = Apdu::parse(&octets) {
            prop_assert_eq!(read.encode(), &octets[..]);
        }
        let _ = Apdu::parse(&octets[..at]);
    }

    #[test]
    fn no_octets_make_a_reader_panic(octets in vec(any::<u8>(), 0..300)) {
        let _ = Data::parse(&octets);
        let _ = MessageView::parse(&octets);
        let _ = Route::parse(&octets);
        let _ = Certificate::parse(&octets);
        let _ = Utrn::try_from(&octets[..]);
    }

    #[test]
    fn a_utrn_reads_back_from_its_digits(z: [u8; 32], supplier: u64, meter: u64, high: u32, value in 0u16..8192, pounds: bool) {
        let (z, counter) = (SharedSecret::new(z), Counter(u64::from(high) << 32));
        let (supplier, meter) = (Eui64::from_u64(supplier), Eui64::from_u64(meter));
        let credit = if pounds { Credit::Pounds(value) } else { Credit::Pence(value) };
        let made = Utrn::create(&RustCrypto, &z, supplier, meter, counter, credit).unwrap();
        let read: Utrn = made.expose().parse().unwrap();
        prop_assert_eq!(read, made);
        prop_assert_eq!(read.credit(), credit);
        prop_assert_eq!(read.verify(&RustCrypto, &z, supplier, meter, read.rebuild_counter(counter)), Ok(()));
    }
}

#[test]
fn a_few_octets_cannot_ask_for_much_memory() {
    // Lists that claim what is not there, nested lists, and compact arrays whose elements take no octet.
    let claims = [0x01, 0x82, 0xFF, 0xFF];
    assert!(Data::parse(&claims).is_err());
    assert!(Data::parse(&claims.repeat(16_000)).is_err());
    assert!(Data::parse(&[0x01, 0x01].repeat(40_000)).is_err());
    for description in [&[0x00][..], &[0x02, 0x00], &[0x01, 0xFF, 0xFF, 0x00], &[0x01, 0x00, 0x00, 0x11], &[0x13]] {
        let octets = [&[0x13][..], description, &[0x00]].concat();
        assert!(Data::parse(&octets).is_err(), "{octets:02x?}");
    }
    let nested = [&[0x13][..], &[0x01, 0xFF, 0xFF].repeat(17), &[0x11, 0x01, 0x00]].concat();
    assert!(Data::parse(&nested).is_err());
}
