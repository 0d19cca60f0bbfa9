//! Every message of the Reference Test Data Set, where it is at hand: `LASTMETRE_SHARED`, or `shared` beside the workspace.
#![cfg(feature = "std")]
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::Apdu;
use gbcs::gbz::{Content, zcl::Body};
use gbcs::json::Document;
use gbcs::keystore::{Keyring, Keystore};
use gbcs::verify::{self, Plain, Status};
use gbcs::{Cra, MessageView, Payload, catalogue, rules};
use std::path::PathBuf;

struct Sample {
    name: String,
    octets: Vec<u8>,
}

fn shared() -> PathBuf {
    match std::env::var_os("LASTMETRE_SHARED") {
        Some(path) => path.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

/// Nothing, with a word why, when the data set is not here.
fn samples() -> Vec<Sample> {
    let path = shared().join("rtds/messages.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return Vec::new();
    };
    text.lines()
        .map(|line| {
            let json: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let field = |name: &str| json[name].as_str().expect("a text field").to_owned();
            Sample { name: field("name"), octets: hex::decode(field("hex")).expect("hex digits") }
        })
        .collect()
}

#[test]
fn every_message_is_rebuilt_from_its_meaning() {
    for Sample { name, octets } in samples() {
        let view = MessageView::parse(&octets).unwrap_or_else(|e| panic!("{name}: {e}"));
        let payload = Payload::of(&view).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(payload.encoded_len(), view.payload().len(), "{name}");
        let mut message = view.to_message();
        message.payload.clear();
        assert_eq!(message.with_payload(&payload).encode(), octets, "{name}");
    }
}

#[test]
fn every_zcl_payload_is_of_a_known_command() {
    for Sample { name, octets } in samples() {
        let view = MessageView::parse(&octets).unwrap();
        if let Payload::Gbz(payload) = Payload::of(&view).unwrap() {
            for component in payload.components {
                if let Content::Plain(Body::Unknown(octets)) = &component.content {
                    panic!(
                        "{name}: {:04X} {:02X}:{:02X} {octets:?}",
                        component.cluster, component.frame_control, component.command
                    );
                }
            }
        }
    }
}

#[test]
fn every_command_has_exactly_the_rows_or_components_of_its_use_case() {
    for Sample { name, octets } in samples() {
        let view = MessageView::parse(&octets).unwrap();
        let use_case = catalogue::find(view.message_code()).unwrap_or_else(|| panic!("{name}: no use case"));
        if view.cra() != Cra::Command {
            continue;
        }
        match Payload::of(&view).unwrap() {
            Payload::Dlms(Apdu::Request(request)) => assert!(use_case.matches(&request), "{name}: {request:#?}"),
            Payload::Gbz(payload) => assert!(use_case.matches_components(&payload), "{name}: {payload:#?}"),
            Payload::Asn1(_) => assert_eq!(use_case.family, catalogue::Family::Der, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn every_asn1_payload_is_typed() {
    let mut long = 0;
    for Sample { name, octets } in samples() {
        let view = MessageView::parse(&octets).unwrap();
        match Payload::of(&view).unwrap() {
            Payload::Der(value) => panic!("{name}: {value:?}"),
            Payload::Asn1(payload) => long += usize::from(payload.has_long_lengths()),
            _ => {}
        }
    }
    println!("{long} with the lengths that devices write");
}

#[test]
fn every_message_comes_back_from_its_json() {
    for Sample { name, octets } in samples() {
        let view = MessageView::parse(&octets).unwrap();
        let text = serde_json::to_string(&Document::of(&view).unwrap()).unwrap();
        let document: Document = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}: {text}"));
        assert_eq!(hex::encode(document.encode().unwrap()), hex::encode(&octets), "{name}: {text}");
        if view.payload().len() > 12 {
            assert!(!text.contains(&hex::encode(view.payload())), "{name}: the payload is carried raw");
        }
    }
}

/// The catalogue has a name for every row and value. Which rows a Response answers is open only where some may be absent.
#[test]
fn every_dlms_value_has_a_name() {
    let mut typed = Vec::new();
    for Sample { name, octets } in samples() {
        let view = MessageView::parse(&octets).unwrap();
        if let Payload::Dlms(_) = Payload::of(&view).unwrap() {
            let json = serde_json::to_value(Document::of(&view).unwrap()).unwrap();
            without_names(&json["payload"], &mut typed, &name);
        }
    }
    assert!(typed.is_empty(), "{} {:#?}", typed.len(), &typed[..typed.len().min(20)]);
}

/// Values written with the types of DLMS, and rows without a name.
fn without_names(json: &serde_json::Value, found: &mut Vec<String>, place: &str) {
    match json {
        serde_json::Value::Array(items) => items.iter().for_each(|item| without_names(item, found, place)),
        serde_json::Value::Object(map) => {
            let typed =
                ["data", "further", "octet-string", "structure", "array", "compact-array", "bit-string", "integer"];
            if typed.iter().any(|key| map.contains_key(*key))
                || map.contains_key("access") && !map.contains_key("name") && !place.contains("SOME_OPTIONALS")
            {
                found.push(format!("{place}: {json}").chars().take(200).collect());
            }
            map.iter().for_each(|(key, json)| without_names(json, found, &format!("{place}.{key}")));
        }
        _ => {}
    }
}

#[test]
fn no_message_breaks_a_rule_of_the_catalogue() {
    let mut broken = Vec::new();
    for Sample { name, octets } in samples() {
        let view = MessageView::parse(&octets).unwrap();
        let payload = Payload::of(&view).unwrap();
        broken.extend(rules::check(&view, &payload).into_iter().map(|warning| format!("{name}: {warning}")));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// What a document says of a value stands in the octets once: another number changes those octets and no others.
#[test]
fn a_changed_number_changes_the_octets_that_carry_it() {
    let mut changed = 0;
    for Sample { name, octets } in samples().into_iter().step_by(7) {
        let view = MessageView::parse(&octets).unwrap();
        let json = serde_json::to_value(Document::of(&view).unwrap()).unwrap();
        let mut places = Vec::new();
        numbers(&json["payload"], "/payload", &mut places);
        for place in places {
            let mut other = json.clone();
            let number = other.pointer_mut(&place).unwrap();
            // The lowest bit: the value stays in range, and as long.
            *number = (number.as_i64().unwrap() ^ 1).into();
            // Some numbers say which value it is, or how many there are: then the document no longer fits together.
            let Ok(document) = serde_json::from_value::<Document>(other) else { continue };
            let Ok(encoded) = document.encode() else { continue };
            if encoded.len() != octets.len() {
                continue;
            }
            let differ: Vec<_> = (0..octets.len()).filter(|&i| encoded[i] != octets[i]).collect();
            assert_eq!(differ.len(), 1, "{name} {place}: octets {differ:?}");
            changed += 1;
        }
    }
    assert!(changed == 0 || changed > 1000, "{changed}");
}

fn numbers(json: &serde_json::Value, place: &str, found: &mut Vec<String>) {
    match json {
        serde_json::Value::Number(_) => found.push(place.to_owned()),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| numbers(item, &format!("{place}/{i}"), found));
        }
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, item)| numbers(item, &format!("{place}/{key}"), found));
        }
        _ => {}
    }
}

/// Every signature and MAC whose keys are public verifies, and every encrypted attribute opens, with this provider.
fn everything_verifies(crypto: impl Crypto) {
    let samples = samples();
    if samples.is_empty() {
        return;
    }
    let store = Keystore::load(&crypto, &shared().join("rtds/keystore.json")).unwrap();
    let ring = Keyring::new(&crypto, &store);
    let mut unknown = 0;
    for Sample { name, octets } in samples {
        let view = MessageView::parse(&octets).unwrap();
        let report = verify::verify(&crypto, &ring, &view, &Payload::of(&view).unwrap());
        let statuses =
            [report.signature, report.mac].into_iter().chain(report.encrypted.iter().map(|part| part.status));
        for status in statuses {
            match status {
                Status::Absent | Status::Verified { .. } => {}
                // Neither private key of this pair was ever published.
                Status::UnknownKey { .. } if name.starts_with("PCS0") => unknown += 1,
                other => panic!("{name}: {other:?}"),
            }
        }
        for part in report.encrypted {
            assert!(!matches!(part.plain, Some(Plain::Unknown(_))), "{name}: {:?}", part.plain);
        }
    }
    assert_eq!(unknown, 4);
}

#[test]
fn everything_verifies_with_rustcrypto() {
    everything_verifies(RustCrypto);
}

#[cfg(feature = "aws-lc")]
#[test]
fn everything_verifies_with_aws_lc() {
    everything_verifies(gbcs::crypto::AwsLc);
}
