//! Every message of the Reference Test Data Set, where it is at hand: `LASTMETRE_SHARED`, or `shared` beside the workspace.
#![cfg(feature = "std")]
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::Apdu;
use gbcs::gbz::{Content, zcl::Body};
use gbcs::json::Document;
use gbcs::keystore::{Keyring, Keystore};
use gbcs::verify::{self, Plain, Status};
use gbcs::{Cra, MessageView, Payload, catalogue};
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
