//! What it costs to read a message, and to verify it, beside its bare cryptographic operations.
//!
//! `cargo bench -p gbcs --features std,aws-lc`. The messages are those of `tests/data`; one round is all of them.
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{AwsLc, Crypto, RustCrypto};
use gbcs::keystore::{Keyring, Keystore};
use gbcs::protect::{Mode, derive, initialisation_vector};
use gbcs::verify::{Keys, verify};
use gbcs::view::dlms::Apdu;
use gbcs::view::{self, Value};
use gbcs::{MessageView, Payload};

fn main() {
    divan::main();
}

fn messages() -> Vec<Vec<u8>> {
    read(include_str!("../tests/data/messages.jsonl"))
}

/// The Reference Test Data Set where it is at hand: longer messages, tariffs and logs among them.
fn reference() -> Option<Vec<Vec<u8>>> {
    let shared = std::env::var_os("LASTMETRE_SHARED").map(std::path::PathBuf::from);
    let shared = shared.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    std::fs::read_to_string(shared.join("rtds/messages.jsonl")).ok().map(|text| read(&text))
}

fn read(text: &str) -> Vec<Vec<u8>> {
    let hex = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        hex::decode(json["hex"].as_str().expect("hex digits")).expect("hex digits")
    };
    text.lines().map(hex).collect()
}

fn keys() -> Keystore {
    Keystore::load(&AwsLc, concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keys.json").as_ref()).expect("our keys")
}

/// The envelope alone, in place.
#[divan::bench]
fn envelope(bencher: Bencher) {
    let messages = messages();
    bencher.counter(ItemsCount::new(messages.len())).bench(|| {
        messages.iter().for_each(|octets| {
            let _ = black_box(MessageView::parse(black_box(octets)));
        });
    });
}

/// Envelope and payload in place, down to every value; nothing is allocated.
#[divan::bench]
fn decode_in_place(bencher: Bencher) {
    let messages = messages();
    bencher
        .counter(ItemsCount::new(messages.len()))
        .bench(|| messages.iter().map(|octets| walk(octets)).sum::<usize>());
}

/// [`decode_in_place`] of the Reference Test Data Set, where it is at hand.
#[divan::bench]
fn decode_in_place_reference_data(bencher: Bencher) {
    let Some(messages) = reference() else { return eprintln!("skipped: no reference data") };
    bencher
        .counter(ItemsCount::new(messages.len()))
        .bench(|| messages.iter().map(|octets| walk(octets)).sum::<usize>());
}

/// Every value of a message in place; how many there are.
fn walk(octets: &[u8]) -> usize {
    fn values(value: Value<'_>) -> usize {
        1 + match value {
            Value::Array(elements) | Value::Structure(elements) => elements.iter().map(values).sum::<usize>(),
            Value::CompactArray(array) => array.values().map(values).sum(),
            simple => {
                black_box(simple);
                0
            }
        }
    }
    let view = MessageView::parse(black_box(octets)).expect("a message");
    match view::Payload::of(&view).expect("a payload") {
        view::Payload::Dlms(Apdu::Request(request)) => request.rows().map(|row| values(row.data)).sum(),
        view::Payload::Dlms(Apdu::Response(response)) => response.answers().map(|answer| values(answer.data)).sum(),
        view::Payload::Dlms(Apdu::Notification(alert)) => alert.further.iter().map(values).sum(),
        view::Payload::Gbz(payload) => payload.components().map(black_box).count(),
        other => {
            black_box(other);
            1
        }
    }
}

/// Envelope and payload, down to every value.
#[divan::bench]
fn decode(bencher: Bencher) {
    let messages = messages();
    bencher.counter(ItemsCount::new(messages.len())).bench(|| {
        messages.iter().for_each(|octets| {
            let view = MessageView::parse(black_box(octets)).expect("a message");
            let _ = black_box(Payload::of(&view));
        });
    });
}

/// [`decode`] of the Reference Test Data Set, where it is at hand.
#[divan::bench]
fn decode_reference_data(bencher: Bencher) {
    let Some(messages) = reference() else { return eprintln!("skipped: no reference data") };
    bencher.counter(ItemsCount::new(messages.len())).bench(|| {
        messages.iter().for_each(|octets| {
            let view = MessageView::parse(black_box(octets)).expect("a message");
            let _ = black_box(Payload::of(&view));
        });
    });
}

/// The same and back to octets.
#[divan::bench]
fn decode_and_encode(bencher: Bencher) {
    let messages = messages();
    bencher.counter(ItemsCount::new(messages.len())).bench(|| {
        messages.iter().for_each(|octets| {
            let view = MessageView::parse(black_box(octets)).expect("a message");
            let payload = Payload::of(&view).expect("a payload");
            black_box(view.to_message().with_payload(&payload).encode());
        });
    });
}

/// A critical Command with signature and MAC: decoded and verified whole, secrets agreed on before.
#[divan::bench(types = [RustCrypto, AwsLc])]
fn decode_and_verify_a_command<C: Crypto + Default + Sync>(bencher: Bencher) {
    let (store, octets) = (keys(), command());
    let ring = Keyring::new(C::default(), &store);
    bencher.bench(|| {
        let view = MessageView::parse(black_box(&octets)).expect("a message");
        let payload = Payload::of(&view).expect("a payload");
        black_box(verify(ring.crypto(), &ring, &view, &payload))
    });
}

/// What that needs of cryptography: one ECDSA verification, one key derivation, one GMAC.
#[divan::bench(types = [RustCrypto, AwsLc])]
fn bare_cryptography_of_a_command<C: Crypto + Default + Sync>(bencher: Bencher) {
    let (store, octets) = (keys(), command());
    let crypto = C::default();
    let ring = Keyring::new(C::default(), &store);
    let view = MessageView::parse(&octets).expect("a message");
    let id = view.id();
    let key = ring.public_keys(id.originator, KeyUsage::DigitalSignature)[0];
    let z = ring.secrets(ring.brokers()[0], id.target).remove(0);
    let signature = view.signature().expect("a signature");
    let aad = [&[0x11, 0, 0, 0, 0, 0], view.inner_octets()].concat();
    bencher.bench(|| {
        crypto.verify(&key, black_box(view.signed_octets()), &signature).expect("a good signature");
        let key = derive(&crypto, &z, Mode::Mac(id.cra), id.originator, id.counter, id.target);
        black_box(crypto.gmac(&key, &initialisation_vector(id.originator), black_box(&aad)))
    });
}

/// The first message of two parties costs this once.
#[divan::bench(types = [RustCrypto, AwsLc])]
fn bare_key_agreement<C: Crypto + Default + Sync>(bencher: Bencher) {
    let crypto = C::default();
    let (ours, theirs) = (crypto.private_key(&[1; 32]).expect("a key"), crypto.private_key(&[2; 32]).expect("a key"));
    bencher.bench(|| crypto.agree(black_box(&ours), black_box(theirs.public())));
}

fn command() -> Vec<u8> {
    messages().into_iter().find(|octets| octets[0] == 0xDD).expect("the first Command is ECS04a")
}
