//! Every message of the Reference Test Data Set, where it is at hand: `LASTMETRE_SHARED`, or `shared` beside the workspace.
use gbcs::gbz::{Content, zcl::Body};
use gbcs::{MessageView, Payload};
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
