//! Payloads read in place say what the types by meaning say, of the same octets, and take no memory for it.
#![cfg(feature = "std")]
mod strategies;

use gbcs::dlms::{self, BitString, Boolean, Data, DataAccessResult};
use gbcs::gbz;
use gbcs::view::{self, Elements, Value};
use gbcs::{Cra, MessageCode, MessageView, ParseError, Payload};
use peak_alloc::PeakAlloc;
use proptest::collection::vec;
use proptest::prelude::*;
use std::hint::black_box;
use std::sync::Mutex;
use strategies::{alert, apdu, component};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What is counted is counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The same value by meaning.
fn data(value: Value<'_>) -> Data {
    let list = |elements: Elements<'_>| {
        let values: Vec<_> = elements.iter().map(data).collect();
        assert_eq!(values.len(), elements.len());
        values
    };
    match value {
        Value::Null => Data::Null,
        Value::Array(elements) => Data::Array(list(elements)),
        Value::Structure(elements) => Data::Structure(list(elements)),
        Value::Boolean(octet) => Data::Boolean(Boolean::from_octet(octet)),
        Value::BitString { bits, octets } => Data::BitString(BitString::new(bits, octets).unwrap()),
        Value::DoubleLong(n) => Data::DoubleLong(n),
        Value::DoubleLongUnsigned(n) => Data::DoubleLongUnsigned(n),
        Value::OctetString(octets) => Data::OctetString(octets.into()),
        Value::VisibleString(octets) => Data::VisibleString(octets.into()),
        Value::Utf8String(octets) => Data::Utf8String(octets.into()),
        Value::Bcd(n) => Data::Bcd(n),
        Value::Integer(n) => Data::Integer(n),
        Value::Long(n) => Data::Long(n),
        Value::Unsigned(n) => Data::Unsigned(n),
        Value::LongUnsigned(n) => Data::LongUnsigned(n),
        Value::CompactArray(array) => {
            // By the octets: a description has no other form in place.
            let values: Vec<_> = array.values().map(data).collect();
            let mut octets = vec![0x13];
            octets.extend_from_slice(array.description());
            let packed: Vec<u8> = values.iter().flat_map(packed).collect();
            gbcs::length::encode(packed.len(), &mut octets);
            octets.extend(packed);
            let read = Data::parse(&octets).unwrap();
            let Data::CompactArray(by_meaning) = &read else { panic!() };
            assert_eq!(by_meaning.values(), values);
            read
        }
        Value::Long64(n) => Data::Long64(n),
        Value::Long64Unsigned(n) => Data::Long64Unsigned(n),
        Value::Enum(n) => Data::Enum(n),
        Value::Float32(n) => Data::Float32(n),
        Value::Float64(n) => Data::Float64(n),
        Value::DateTime(octets) => Data::DateTime(octets),
        Value::Date(octets) => Data::Date(octets),
        Value::Time(octets) => Data::Time(octets),
    }
}

/// A value without its tags.
fn packed(data: &Data) -> Vec<u8> {
    match data {
        Data::Array(elements) | Data::Structure(elements) => elements.iter().flat_map(packed).collect(),
        simple => {
            let mut octets = Vec::new();
            simple.encode(&mut octets);
            octets.split_off(1)
        }
    }
}

fn same_dlms(seen: view::dlms::Apdu<'_>, read: &dlms::Apdu) {
    match (seen, read) {
        (view::dlms::Apdu::Request(seen), dlms::Apdu::Request(read)) => {
            assert_eq!((seen.invoke, seen.rows().len()), (read.invoke, read.rows.len()));
            assert_eq!(seen.rows().count(), read.rows.len());
            for (seen, read) in seen.rows().zip(&read.rows) {
                assert_eq!(
                    (seen.choice, seen.class, seen.obis, seen.index),
                    (read.access.choice(), read.class, read.obis, read.index)
                );
                let selection = match &read.access {
                    dlms::Access::GetSelective { selector, parameters } => Some((*selector, parameters.clone())),
                    _ => None,
                };
                assert_eq!(seen.selection.map(|(selector, parameters)| (selector, data(parameters))), selection);
                assert_eq!(data(seen.data), read.data);
            }
        }
        (view::dlms::Apdu::Response(seen), dlms::Apdu::Response(read)) => {
            assert_eq!((seen.invoke, seen.is_success()), (read.invoke, read.is_success()));
            let answers: Vec<_> = seen
                .answers()
                .map(|seen| dlms::Answer {
                    choice: seen.choice,
                    result: DataAccessResult(seen.result.0),
                    data: data(seen.data),
                })
                .collect();
            assert_eq!(answers, read.answers);
        }
        (view::dlms::Apdu::Notification(seen), dlms::Apdu::Notification(read)) => {
            assert_eq!((seen.invoke, seen.code, seen.time), (read.invoke, read.code, read.time));
            assert_eq!(seen.further.iter().map(data).collect::<Vec<_>>(), read.further);
        }
        (seen, read) => panic!("{seen:?} {read:?}"),
    }
}

fn same_gbz(seen: view::gbz::Payload<'_>, read: &gbz::Payload) {
    assert_eq!(seen.components().count(), read.components.len());
    for (seen, read) in seen.components().zip(&read.components) {
        let header = (seen.cluster, seen.from_date_time, seen.frame_control, seen.sequence, seen.command);
        assert_eq!(header, (read.cluster, read.from_date_time, read.frame_control, read.sequence, read.command));
        match (seen.content, &read.content) {
            (view::gbz::Content::Plain(octets), gbz::Content::Plain(body)) => {
                let mut again = Vec::new();
                body.encode(&mut again);
                assert_eq!(octets, again);
            }
            (
                view::gbz::Content::Encrypted { frame_counter, blob },
                gbz::Content::Encrypted { frame_counter: n, blob: b },
            ) => {
                assert_eq!((frame_counter, blob), (*n, &b[..]));
            }
            (seen, read) => panic!("{seen:?} {read:?}"),
        }
    }
}

/// Both see the same, or the same fault.
fn same(cra: Cra, octets: &[u8]) {
    let seen: Result<view::Payload<'_>, ParseError> = view::Payload::parse(cra, octets);
    match (seen, Payload::parse(MessageCode(0), cra, octets)) {
        (Ok(view::Payload::Dlms(seen)), Ok(Payload::Dlms(read))) => same_dlms(seen, &read),
        (Ok(view::Payload::Gbz(seen)), Ok(Payload::Gbz(read))) => same_gbz(seen, &read),
        (Ok(view::Payload::GbzAlert(seen)), Ok(Payload::GbzAlert(read))) => {
            assert_eq!(
                (seen.code, seen.time, seen.data.is_some()),
                (read.code, read.time, read.data != gbz::AlertData::None)
            );
        }
        (Ok(view::Payload::Der(seen)), Ok(Payload::Der(_))) => assert_eq!(seen, octets),
        (Err(seen), Err(read)) => assert_eq!(seen, read),
        (seen, read) => panic!("{seen:?} {read:?}"),
    }
}

proptest! {
    #[test]
    fn dlms_in_place_is_dlms_by_meaning(apdu in apdu(), at in any::<prop::sample::Index>(), octet: u8) {
        let _alone = ALONE.lock();
        let mut octets = apdu.encode();
        same(Cra::Command, &octets);
        same(Cra::Command, &octets[..at.index(octets.len())]);
        let at = at.index(octets.len());
        octets[at] = octet;
        same(Cra::Command, &octets);
    }

    #[test]
    fn gbz_in_place_is_gbz_by_meaning(components in vec(component(), 1..5), alert in alert(), at in any::<prop::sample::Index>(), octet: u8) {
        let _alone = ALONE.lock();
        for (cra, mut octets) in [(Cra::Response, gbz::Payload { components }.encode()), (Cra::Alert, alert.encode())] {
            same(cra, &octets);
            let at = at.index(octets.len());
            same(cra, &octets[..at]);
            octets[at] = octet;
            same(cra, &octets);
        }
    }

    #[test]
    fn whatever_comes_both_say_the_same(octets in vec(any::<u8>(), 0..120), first in any::<prop::sample::Index>(), cra in 1u8..=3) {
        let _alone = ALONE.lock();
        let starts: [&[u8]; 6] = [&[], &[0xD9, 0x20, 0, 0, 1, 0, 1], &[0xDA, 0x20, 0, 0, 1, 0, 0, 1], &[0x0F, 0x20, 0, 0, 1, 0, 2], &[1, 9, 1], &[0x30]];
        same(Cra::from_octet(cra).unwrap(), &[first.get(&starts), &octets[..]].concat());
    }
}

/// Every value, down to the last.
fn walk(value: Value<'_>) -> usize {
    1 + match value {
        Value::Array(elements) | Value::Structure(elements) => elements.iter().map(walk).sum::<usize>(),
        Value::CompactArray(array) => array.values().map(walk).sum(),
        _ => 0,
    }
}

fn walk_payload(payload: view::Payload<'_>) -> usize {
    use view::dlms::Apdu;
    match payload {
        view::Payload::Dlms(Apdu::Request(request)) => request.rows().map(|row| walk(row.data)).sum(),
        view::Payload::Dlms(Apdu::Response(response)) => response.answers().map(|answer| walk(answer.data)).sum(),
        view::Payload::Dlms(Apdu::Notification(alert)) => alert.further.iter().map(walk).sum(),
        view::Payload::Gbz(payload) => payload.components().count(),
        view::Payload::GbzAlert(_) | view::Payload::Der(_) => 1,
    }
}

/// Our own messages, and the Reference Test Data Set where it is at hand.
fn messages() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("LASTMETRE_SHARED").map_or_else(|| folder.join("../../../shared"), Into::into);
    let reference = std::fs::read_to_string(shared.join("rtds/messages.jsonl")).unwrap_or_else(|e| {
        eprintln!("skipped: no reference data: {e}");
        String::new()
    });
    let own = std::fs::read_to_string(folder.join("tests/data/messages.jsonl")).unwrap();
    let hex = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        hex::decode(json["hex"].as_str().unwrap()).unwrap()
    };
    own.lines().chain(reference.lines()).map(hex).collect()
}

#[test]
fn every_message_is_walked_down_to_its_last_value_without_an_allocation() {
    let _alone = ALONE.lock();
    let messages = messages();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut values = 0;
    for octets in &messages {
        let message = MessageView::parse(black_box(octets)).ok();
        let payload = message.as_ref().and_then(|message| view::Payload::of(message).ok());
        values += payload.map_or(0, walk_payload);
    }
    let peak = MEMORY.peak_usage();
    assert_eq!(peak - before, 0, "{values} values in {} messages", messages.len());
    assert!(values > messages.len(), "{values} values in {} messages", messages.len());
}

#[test]
fn every_message_says_the_same_in_place_and_by_meaning() {
    let _alone = ALONE.lock();
    for octets in messages() {
        let message = MessageView::parse(&octets).unwrap();
        if !matches!(Payload::of(&message), Ok(Payload::Asn1(_))) {
            same(message.cra(), message.payload());
        }
    }
}
