//! What is checked before signing and before delivery.
mod common;

use std::time::Duration;

use common::files;
use duis::correlate::{CLOCK_TOLERANCE, Mismatch, check_local_command, check_local_command_for, correlate};
use duis::xml::Document;
use duis::{Body, CommandVariant, Device, DeviceType, Party, Request, Requester, TransformContext, transform};
use gbcs::crypto::{Crypto as _, RustCrypto, SharedSecret};
use gbcs::{Counter, Eui64, Form, Time, protect};
use proptest::prelude::*;

const NOW: Time = Time::from_zigbee(0x3000_0001);

/// Our own requests, each with its context.
fn requests() -> Vec<(String, Request, TransformContext)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/requests");
    let read = |(name, text): (String, String)| {
        let kind = if name.contains("gas") { DeviceType::Gsme } else { DeviceType::Esme };
        let mut device = Device::new(kind);
        device.twin_element = name.contains("twin");
        let request = Request::parse(&Document::parse(&text).unwrap()).unwrap();
        (name, request, TransformContext::new(device, NOW))
    };
    files(&folder, "xml").into_iter().map(read).collect()
}

fn named(part: &str) -> (Request, TransformContext) {
    let (_, request, ctx) = requests().into_iter().find(|(name, ..)| name.contains(part)).unwrap();
    (request, ctx)
}

#[test]
fn the_pre_command_of_a_request_is_accepted_with_and_without_its_empty_signature() {
    for (name, request, ctx) in requests() {
        let made = transform(&request, &ctx).unwrap();
        assert_eq!(correlate(&request, &made.octets, &ctx).as_ref(), Ok(&made), "{name}");
        assert_eq!(correlate(&request, &[&made.octets[..], &[0]].concat(), &ctx).as_ref(), Ok(&made), "{name}");
        assert!(correlate(&request, &[&made.octets[..], &[0, 0]].concat(), &ctx).is_err(), "{name}");
    }
}

#[test]
fn no_octet_but_those_of_the_clock_may_differ() {
    for (name, request, ctx) in requests() {
        let made = transform(&request, &ctx).unwrap();
        for at in 0..made.octets.len() {
            let mut octets = made.octets.clone();
            octets[at] ^= 0x80;
            let result = correlate(&request, &octets, &ctx);
            let clock = made.clock_fields.iter().find(|c| (**c..**c + 4).contains(&at));
            match clock {
                // The lowest octet alone moves the time by some two minutes.
                Some(start) if at == *start => assert!(result.is_ok(), "{name}, octet {at}: {result:?}"),
                Some(_) => assert!(matches!(result, Err(Mismatch::Clock { .. })), "{name}, octet {at}: {result:?}"),
                None => assert!(result.is_err(), "{name}, octet {at}"),
            }
        }
    }
}

#[test]
fn a_mismatch_says_what_differs() {
    let (request, ctx) = named("elec-adjust");
    let octets = transform(&request, &ctx).unwrap().octets;
    let with = |at: usize, octet: u8| {
        let mut octets = octets.clone();
        octets[at] = octet;
        correlate(&request, &octets, &ctx).unwrap_err()
    };
    assert!(matches!(with(10, 0x06), Mismatch::Id { .. }));
    assert!(matches!(with(27, 0x78), Mismatch::Id { .. }));
    assert_eq!(with(32, 0xB3).to_string(), "message code 0x00B3 where 0x001C was asked for");
    assert_eq!(with(octets.len() - 1, 0xFF), Mismatch::Payload { offset: 22, expected: 23 });
    assert!(matches!(with(0, 0xDE), Mismatch::Malformed(_)));
}

#[test]
fn the_clock_of_the_dcc_may_stand_apart_by_the_tolerance_and_no_more() {
    let (request, ctx) = named("gas-reset");
    let made_at = |now| transform(&request, &TransformContext { now, ..ctx.clone() }).unwrap().octets;
    let (early, late) = (Time(NOW.0 - CLOCK_TOLERANCE.as_millis() as u64), NOW + CLOCK_TOLERANCE);
    assert!(correlate(&request, &made_at(early), &ctx).is_ok());
    assert!(correlate(&request, &made_at(late), &ctx).is_ok());
    let too_late = late + Duration::from_secs(1);
    let error = correlate(&request, &made_at(too_late), &ctx).unwrap_err();
    assert_eq!(error, Mismatch::Clock { offset: 11, found: too_late, tolerance: CLOCK_TOLERANCE });
}

#[test]
fn a_pre_command_that_is_signed_already_is_refused() {
    let (request, ctx) = named("elec-debt");
    let octets = transform(&request, &ctx).unwrap().octets;
    let key = RustCrypto.private_key(&[7; 32]).unwrap();
    let signed = protect::sign(&RustCrypto, &key, &octets).unwrap();
    let error = correlate(&request, &signed, &ctx).unwrap_err();
    assert_eq!(error, Mismatch::Form { expected: Form::Plain, found: Form::Signed });
}

#[test]
fn a_local_command_must_hold_our_signed_pre_command_and_nothing_else() {
    let (request, ctx) = named("elec-debt");
    let octets = transform(&request, &ctx).unwrap().octets;
    let (key, z) = (RustCrypto.private_key(&[7; 32]).unwrap(), SharedSecret::new([9; 32]));
    let signed = protect::sign(&RustCrypto, &key, &octets).unwrap();
    let local = protect::add_mac(&RustCrypto, &z, &signed).unwrap();
    assert_eq!(check_local_command(&local, &signed), Ok(()));
    assert_eq!(
        check_local_command(&signed, &signed),
        Err(Mismatch::Form { expected: Form::Maced, found: Form::Signed })
    );
    let unsigned = protect::add_mac(&RustCrypto, &z, &octets).unwrap();
    assert_eq!(check_local_command(&unsigned, &signed), Err(Mismatch::NotOurs { offset: octets.len() }));
    // The MAC is not ours to check; every octet between is.
    for at in 0..local.len() - 12 {
        let mut other = local.clone();
        other[at] ^= 1;
        assert!(check_local_command(&other, &signed).is_err(), "octet {at}");
    }
}

#[test]
fn a_local_command_nobody_signed_must_mean_what_was_asked() {
    let (request, ctx) = named("elec-message");
    let octets = transform(&request, &ctx).unwrap().octets;
    let (key, z) = (RustCrypto.private_key(&[7; 32]).unwrap(), SharedSecret::new([9; 32]));
    let local = protect::add_mac(&RustCrypto, &z, &octets).unwrap();
    assert!(check_local_command_for(&request, &local, &ctx).is_ok());
    for at in 0..local.len() - 12 {
        let mut other = local.clone();
        other[at] ^= 1;
        assert!(check_local_command_for(&request, &other, &ctx).is_err(), "octet {at}");
    }
    let signed = protect::sign(&RustCrypto, &key, &octets).unwrap();
    let local = protect::add_mac(&RustCrypto, &z, &signed).unwrap();
    assert_eq!(check_local_command_for(&request, &local, &ctx), Err(Mismatch::Signed));
}

proptest! {
    #[test]
    fn arbitrary_octets_are_refused_without_panic(octets: Vec<u8>) {
        let (request, ctx) = named("gas-debt");
        prop_assert!(correlate(&request, &octets, &ctx).is_err());
        prop_assert!(check_local_command(&octets, &octets).is_err());
        prop_assert!(check_local_command_for(&request, &octets, &ctx).is_err());
    }
}

#[test]
fn the_broker_counts_its_own_commands_but_nobody_else_may_be_the_broker() {
    let (top, mut ctx) = named("elec-message");
    let body = Body::plain("ReadSupplyStatus").unwrap();
    let request = Request::new(top.header.id, "7.4".parse().unwrap(), CommandVariant::Send, body);
    ctx.requester = Requester::Unknown;
    let of = |id, counter| Some(Party { id: Eui64::from_u64(id), counter: Counter(counter) });
    ctx.broker = of(0xB0, 0);
    let made_by = |broker| transform(&request, &TransformContext { broker, ..ctx.clone() }).unwrap().octets;
    assert!(correlate(&request, &made_by(of(0xB0, 77)), &ctx).is_ok());
    assert!(matches!(correlate(&request, &made_by(of(0xBAD, 77)), &ctx), Err(Mismatch::Id { .. })));
}
