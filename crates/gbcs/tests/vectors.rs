//! Our own messages (`tests/data`), made by another program on another cryptographic library.
#![cfg(feature = "std")]
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::Apdu;
use gbcs::json::Document;
use gbcs::keystore::{KeyName, Keyring, Keystore};
use gbcs::utrn::{Credit, Utrn};
use gbcs::verify::{self, Plain, Status};
use gbcs::{Form, MessageView, Payload, catalogue, protect};
use std::path::{Path, PathBuf};

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    hex: String,
    #[serde(default)]
    plain: Vec<String>,
    utrn: Option<String>,
    pounds: Option<u16>,
}

impl Vector {
    fn octets(&self) -> Vec<u8> {
        hex::decode(&self.hex).unwrap()
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn vectors() -> Vec<Vector> {
    let text = std::fs::read_to_string(data("messages.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).unwrap()
}

fn keys(crypto: &impl Crypto) -> Keystore {
    Keystore::load(crypto, &data("keys.json")).unwrap()
}

#[test]
fn every_message_is_rebuilt_from_its_meaning_and_from_its_json() {
    for vector in vectors() {
        let (name, octets) = (&vector.name, vector.octets());
        let view = MessageView::parse(&octets).unwrap_or_else(|e| panic!("{name}: {e}"));
        let payload = Payload::of(&view).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut message = view.to_message();
        message.payload.clear();
        assert_eq!(message.with_payload(&payload).encode(), octets, "{name}");
        let text = serde_json::to_string(&Document::of(&view).unwrap()).unwrap();
        let document: Document = serde_json::from_str(&text).unwrap();
        assert_eq!(document.encode().unwrap(), octets, "{name}");
    }
}

#[test]
fn commands_match_their_use_cases() {
    for vector in vectors() {
        // Made to have two components only, which GCS05 has not.
        let expected = !vector.name.starts_with("Set Low Credit Warning Level");
        let octets = vector.octets();
        let view = MessageView::parse(&octets).unwrap();
        let use_case = catalogue::find(view.message_code()).unwrap();
        match Payload::of(&view).unwrap() {
            Payload::Dlms(Apdu::Request(request)) => {
                assert_eq!(use_case.matches(&request), expected, "{}", vector.name)
            }
            Payload::Gbz(payload) if view.cra() == gbcs::Cra::Command => {
                assert_eq!(use_case.matches_components(&payload), expected, "{}", vector.name);
            }
            _ => {}
        }
    }
}

fn everything_verifies(crypto: impl Crypto) {
    let store = keys(&crypto);
    let ring = Keyring::new(&crypto, &store);
    for vector in vectors() {
        let (name, octets) = (&vector.name, vector.octets());
        let view = MessageView::parse(&octets).unwrap();
        let report = verify::verify(&crypto, &ring, &view, &Payload::of(&view).unwrap());
        let verified = |status| matches!(status, Status::Verified { .. });
        assert_eq!(verified(report.signature), view.signature().is_some(), "{name}: {report:?}");
        assert_eq!(verified(report.mac), view.form() == Form::Maced, "{name}: {report:?}");
        let plains: Vec<String> = report.encrypted.iter().map(|part| plain_hex(part.plain.as_ref().unwrap())).collect();
        assert_eq!(plains, vector.plain, "{name}");
    }
}

fn plain_hex(plain: &Plain) -> String {
    let mut octets = Vec::new();
    match plain {
        Plain::Dlms(data) => data.encode(&mut octets),
        Plain::Zcl(body) => body.encode(&mut octets),
        Plain::Unknown(_) => panic!("{plain:?}"),
    }
    hex::encode_upper(octets)
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

#[test]
fn a_changed_octet_anywhere_is_noticed_by_signature_or_mac() {
    let store = keys(&RustCrypto);
    let ring = Keyring::new(RustCrypto, &store);
    for name in ["ECS04a Command", "ECS82 Response"] {
        let octets = vector(name).octets();
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 0x01;
            let Ok(view) = MessageView::parse(&changed) else { continue };
            let (signature, mac) =
                (verify::signature(&RustCrypto, &ring, &view), verify::mac(&RustCrypto, &ring, &view));
            let verified = |status| matches!(status, Status::Verified { .. });
            assert!(!verified(mac), "{name}: octet {at}: {signature:?} {mac:?}");
        }
    }
}

#[test]
fn a_message_of_strangers_is_neither_verified_nor_failed() {
    let empty = Keystore::new();
    let ring = Keyring::new(RustCrypto, &empty);
    let vector = vector("ECS04a Command");
    let octets = vector.octets();
    let view = MessageView::parse(&octets).unwrap();
    let id = view.id();
    assert_eq!(verify::signature(&RustCrypto, &ring, &view), Status::UnknownKey { who: id.originator });
    assert_eq!(verify::mac(&RustCrypto, &ring, &view), Status::UnknownKey { who: id.target });
}

#[test]
fn an_encrypted_part_with_the_wrong_key_fails_and_without_one_is_unknown() {
    let octets = vector("ECS19 Response").octets();
    let view = MessageView::parse(&octets).unwrap();
    let payload = Payload::of(&view).unwrap();
    let supplier = view.id().target;
    let mut wrong = Keystore::new();
    assert_eq!(status_of(&wrong, &view, &payload), Status::UnknownKey { who: supplier });
    for who in [supplier, view.id().originator] {
        wrong.add_private(KeyName::agreement(who), RustCrypto.private_key(&[7; 32]).unwrap());
    }
    assert_eq!(status_of(&wrong, &view, &payload), Status::Failed { by: supplier });
}

fn status_of(store: &Keystore, view: &MessageView<'_>, payload: &Payload) -> Status {
    let ring = Keyring::new(RustCrypto, store);
    verify::encrypted(&RustCrypto, &ring, view, payload)[0].status
}

#[test]
fn a_utrn_made_elsewhere_is_ours_to_the_digit() {
    let store = keys(&RustCrypto);
    let ring = Keyring::new(RustCrypto, &store);
    let vector = vector("CS01a Command");
    let octets = vector.octets();
    let id = MessageView::parse(&octets).unwrap().id();
    let z = ring.secrets_of(KeyName::prepayment(id.originator), KeyName::agreement(id.target)).remove(0);
    let credit = Credit::Pounds(vector.pounds.unwrap());
    let utrn = Utrn::create(&RustCrypto, &z, id.originator, id.target, id.counter, credit).unwrap();
    assert_eq!(utrn.expose(), vector.utrn.unwrap());
}

#[test]
fn protecting_a_pre_command_gives_the_command_again() {
    let store = keys(&RustCrypto);
    let ring = Keyring::new(RustCrypto, &store);
    let command = vector("ECS82 Command").octets();
    let target = MessageView::parse(&command).unwrap().id().target;
    let broker = verify::Keys::brokers(&ring)[0];
    let z = verify::Keys::secrets(&ring, broker, target).remove(0);
    let pre_command = vector("ECS82 Command Pre-Command ending in 00").octets();
    assert_eq!(protect::add_mac(&RustCrypto, &z, &pre_command).unwrap(), command);
    assert_eq!(protect::add_mac(&RustCrypto, &z, &pre_command[..pre_command.len() - 1]).unwrap(), command);
}
