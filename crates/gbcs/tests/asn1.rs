//! ASN.1 payloads of our own (`tests/data/asn1.jsonl`), written by another program from the clauses: octets and what they say.
#![cfg(feature = "std")]
use gbcs::asn1::{
    Cell, CellStatus, CertificateDer, Content, CredentialsUpdate, DateTime, NotSigned, Payload as Asn1,
    ReplacementMode, UpdateControl,
};
use gbcs::certificate::{KeyUsage, Role};
use gbcs::envelope::Fault;
use gbcs::{Counter, Cra, Eui64, MessageCode, Payload, Time};
use serde_json::Value as Json;
use std::path::Path;

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    code: MessageCode,
    kind: Cra,
    hex: String,
    says: Json,
}

impl Vector {
    fn octets(&self) -> Vec<u8> {
        hex::decode(&self.hex).unwrap()
    }

    fn read(&self, octets: &[u8]) -> Payload {
        Payload::parse(self.code, self.kind, octets).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/asn1.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn asn1(payload: Payload) -> Asn1 {
    match payload {
        Payload::Asn1(payload) => payload,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_payload_says_what_was_written_and_comes_back() {
    for vector in vectors() {
        let (name, octets) = (&vector.name, vector.octets());
        let payload = asn1(vector.read(&octets));
        assert_eq!(hex::encode(payload.encode()), vector.hex, "{name}");
        assert_eq!(payload.encoded_len(), octets.len(), "{name}");
        assert_eq!(serde_json::to_value(&payload).unwrap(), vector.says, "{name}");
        assert_eq!(serde_json::from_value::<Asn1>(vector.says).unwrap(), payload, "{name}");
    }
}

/// Numbers, identifiers and digests: one of their octets is another, and no octet else.
#[test]
fn one_value_changed_changes_the_octets_that_carry_it() {
    let mut tried = 0;
    for vector in vectors() {
        let octets = vector.octets();
        for changed in with_one_leaf_changed(&vector.says) {
            let payload: Asn1 = serde_json::from_value(changed.clone()).unwrap();
            let found = payload.encode();
            assert_eq!(found.len(), octets.len(), "{}: {changed}", vector.name);
            let differ = octets.iter().zip(&found).filter(|(a, b)| a != b).count();
            assert_eq!(differ, 1, "{}: {changed}", vector.name);
            assert_eq!(asn1(vector.read(&found)), payload);
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

/// The lowest bit of each number, and of the last digit of each text that ends in hex digits, one at a time.
fn with_one_leaf_changed(json: &Json) -> Vec<Json> {
    let inside = |children: Vec<(String, &Json)>, replace: &dyn Fn(&str, Json) -> Json| {
        let changed = |(key, child): &(String, &Json)| {
            with_one_leaf_changed(child).into_iter().map(|child| replace(key, child)).collect::<Vec<_>>()
        };
        children.iter().flat_map(changed).collect()
    };
    match json {
        Json::Number(n) => vec![Json::from(n.as_u64().unwrap() ^ 1)],
        Json::String(text) if text.len() >= 8 && text.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-') => {
            let (head, last) = text.split_at(text.len() - 1);
            vec![Json::from(format!("{head}{:x}", u8::from_str_radix(last, 16).unwrap() ^ 1))]
        }
        Json::Array(elements) => {
            inside(elements.iter().enumerate().map(|(i, child)| (i.to_string(), child)).collect(), &|key, child| {
                let mut elements = elements.clone();
                elements[key.parse::<usize>().unwrap()] = child;
                elements.into()
            })
        }
        Json::Object(map) => inside(map.iter().map(|(key, child)| (key.clone(), child)).collect(), &|key, child| {
            let mut map = map.clone();
            map.insert(key.into(), child);
            map.into()
        }),
        _ => Vec::new(),
    }
}

#[test]
fn what_another_use_case_has_is_a_tree() {
    let vectors = vectors();
    for vector in &vectors {
        let octets = vector.octets();
        for cra in [Cra::Command, Cra::Response, Cra::Alert] {
            let payload = Payload::parse(MessageCode(0x00D5), cra, &octets).unwrap();
            assert!(matches!(payload, Payload::Der(_)), "{}", vector.name);
            assert_eq!(payload.encode(), octets);
        }
    }
}

#[test]
fn der_that_its_use_case_has_not_is_told_with_its_place_and_kept_as_a_tree() {
    for (code, cra, hex, offset) in [
        // A role of two octets, a sequence for a status, no request that is signed, a date of no calendar.
        (0x0008, Cra::Command, "3012300802020104030203083006020102020103", 8),
        (0x0010, Cra::Response, "3003020100", 0),
        (0x000A, Cra::Response, "3003020100", 0),
        (0x007F, Cra::Response, "3014180f32303235313330313030303030305a020100", 19),
        // A default that is written out, and long lengths in what no device lists.
        (0x0008, Cra::Command, "3014300a020104030203080201003006020102020103", 0),
        (0x000C, Cra::Command, "3082000403020308", 0),
    ] {
        let octets = hex::decode(hex).unwrap();
        let error = Asn1::parse(MessageCode(code), cra, &octets).unwrap_err();
        assert_eq!((error.fault, error.offset), (Fault::OtherShape, offset), "{hex}: {error}");
        let payload = Payload::parse(MessageCode(code), cra, &octets).unwrap();
        assert!(matches!(payload, Payload::Der(_)));
        assert_eq!(payload.encode(), octets, "{hex}");
    }
}

#[test]
fn a_certificate_says_whose_it_is_and_what_is_none_is_refused() {
    let update = vectors().into_iter().find(|vector| vector.name.starts_with("CS02b Command")).unwrap();
    let Content::UpdateCredentials(update) = asn1(update.read(&update.octets())).into_content() else { panic!() };
    let certificate = &update.replacements[0].certificate;
    let read = certificate.read().unwrap();
    assert_eq!((read.role, read.usage), (Some(Role::Supplier), KeyUsage::DigitalSignature));
    for octets in [&[][..], &[0x30, 0], &[0x30, 3, 2, 1, 5], &certificate.octets()[1..]] {
        assert_eq!(CertificateDer::new(octets), Err(NotSigned));
    }
}

#[test]
fn a_replacement_is_built_and_its_results_are_told() {
    let control = UpdateControl {
        floor: Some(Counter(0)),
        ..UpdateControl::new(
            ReplacementMode::of(MessageCode(0x0102)).unwrap(),
            Cell::new(Role::Supplier, KeyUsage::DigitalSignature),
            Counter(1000),
        )
    };
    let update = CredentialsUpdate::new(control, vec![], vec![]).at(DateTime::new(Time(1_900_000_000_999)));
    let payload = Asn1::from(Content::UpdateCredentials(Box::new(update)));
    assert_eq!(Asn1::parse(MessageCode(0x0102), Cra::Command, &payload.encode()), Ok(payload.clone()));
    assert!(payload.content().results().is_empty());
    for vector in vectors() {
        let results = asn1(vector.read(&vector.octets())).content().results();
        match &*vector.name {
            "CS02b Response: one cell replaced, two refused" => assert_eq!(results, [0, 0x0A, 5]),
            "CS03C Response" => assert_eq!(results, [11]),
            "CS06 Response: accepted" | "CS08 Response" => assert!(results.is_empty()),
            _ => {}
        }
    }
}

#[test]
fn long_lengths_stay_out_of_where_no_device_writes_them() {
    let long: Vec<_> = vectors().into_iter().filter(|vector| vector.says.get("long_lengths").is_some()).collect();
    assert_eq!(long.len(), 3);
    for vector in vectors() {
        let payload = asn1(vector.read(&vector.octets())).with_long_lengths();
        let octets = payload.encode();
        assert_eq!(asn1(vector.read(&octets)), payload, "{}", vector.name);
    }
    let entity = Eui64::from_u64(1);
    let short = Asn1::from(Content::Unjoin(entity)).with_long_lengths();
    assert!(!short.has_long_lengths());
}

#[test]
fn json_that_names_what_there_is_not_is_refused() {
    for text in [
        r#"{"joined": "perhaps"}"#,
        r#"{"joined": 256}"#,
        r#"{"joined": "success", "unjoined": "success"}"#,
        r#"{"joined": "success", "long_lengths": 1}"#,
        r#"{"certificate": "MAA="}"#,
        r#"{"issue-credentials": {"usage": "signing"}}"#,
        r#"{"set-clock": {"from": "2025-01-01", "to": "never"}}"#,
        r#"{"unjoin": "01"}"#,
        r#"{}"#,
    ] {
        assert!(serde_json::from_str::<Asn1>(text).is_err(), "{text}");
    }
    assert_eq!(CellStatus::from_name("success"), Some(CellStatus::Success));
}
