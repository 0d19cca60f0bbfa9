//! What it costs to read a message, and to verify it, beside its bare cryptographic operations.
//!
//! `cargo bench -p gbcs --features std,aws-lc`. The messages are those of `tests/data`; one round is all of them.
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{AwsLc, Crypto, PrivateKey, PublicKey, RustCrypto, SharedSecret, Signature};
use gbcs::keystore::{Keyring, Keystore};
use gbcs::protect::{
    Mode, add_mac, decrypt, derive, encrypt, encryption_key, encryption_reader, initialisation_vector, sign,
};
use gbcs::verify::{Keys, Plain, Status, verify};
use gbcs::view::dlms::Apdu;
use gbcs::view::{self, Value};
use gbcs::{Message, MessageView, Payload};

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

/// Every message of the corpus whose keys are here: decoded and verified whole, secrets agreed on before.
#[divan::bench(types = [RustCrypto, AwsLc])]
fn decode_and_verify_all<C: Crypto + Default + Sync>(bencher: Bencher) {
    let (store, messages) = (keys(), messages());
    let ring = Keyring::new(C::default(), &store);
    bencher.counter(ItemsCount::new(messages.len())).bench(|| {
        for octets in &messages {
            let view = MessageView::parse(black_box(octets)).expect("a message");
            let payload = Payload::of(&view).expect("a payload");
            black_box(verify(ring.crypto(), &ring, &view, &payload));
        }
    });
}

/// What that needs of cryptography, and nothing else: verifications, key derivations, GMACs, decryptions.
#[divan::bench(types = [RustCrypto, AwsLc])]
fn bare_cryptography_of_all<C: Crypto + Default + Sync>(bencher: Bencher) {
    struct Work<'a> {
        view: MessageView<'a>,
        signed: Option<(PublicKey, Signature)>,
        closed: Option<(SharedSecret, Vec<u8>)>,
        encrypted: Vec<(SharedSecret, Vec<u8>)>,
    }
    let (store, messages) = (keys(), messages());
    let crypto = C::default();
    let ring = Keyring::new(C::default(), &store);
    let work = messages.iter().map(|octets| {
        let view = MessageView::parse(octets).expect("a message");
        let id = view.id();
        let report = verify(ring.crypto(), &ring, &view, &Payload::of(&view).expect("a payload"));
        let signed = view.signature().zip(ring.public_keys(id.originator, KeyUsage::DigitalSignature).first());
        let signed = signed.filter(|_| matches!(report.signature, Status::Verified { .. }));
        let closed = match report.mac {
            Status::Verified { by } => {
                let z = ring.secrets(by, if by == id.target { id.originator } else { id.target }).remove(0);
                Some((z, [&[0x11, 0, 0, 0, 0, 0], view.inner_octets()].concat()))
            }
            _ => None,
        };
        let (reader, _) = encryption_reader(&view);
        let opened = report.encrypted.iter().filter_map(|part| part.plain.as_ref());
        let encrypted = opened.map(|plain| {
            let z = ring.secrets(id.originator, reader).remove(0);
            let octets = match plain {
                Plain::Dlms(data) => {
                    let mut octets = Vec::new();
                    data.encode(&mut octets);
                    octets
                }
                Plain::Zcl(body) => {
                    let mut octets = Vec::new();
                    body.encode(&mut octets);
                    octets
                }
                Plain::Unknown(octets) => octets.clone(),
            };
            let key = encryption_key(&crypto, &z, &view);
            (z, encrypt(&crypto, &key, id.originator, &octets))
        });
        let encrypted = encrypted.collect();
        Work { signed: signed.map(|(signature, key)| (*key, signature)), closed, encrypted, view }
    });
    let work: Vec<_> = work.collect();
    bencher.counter(ItemsCount::new(work.len())).bench(|| {
        for Work { view, signed, closed, encrypted } in &work {
            let id = view.id();
            if let Some((key, signature)) = signed {
                crypto.verify(key, black_box(view.signed_octets()), signature).expect("a good signature");
            }
            if let Some((z, aad)) = closed {
                let key = derive(&crypto, z, Mode::Mac(id.cra), id.originator, id.counter, id.target);
                black_box(crypto.gmac(&key, &initialisation_vector(id.originator), black_box(aad)));
            }
            for (z, blob) in encrypted {
                let key = encryption_key(&crypto, z, view);
                black_box(decrypt(&crypto, &key, id.originator, black_box(blob)).expect("it opens"));
            }
        }
    });
}

/// A critical Command made: built from its meaning, signed, closed by a MAC.
#[divan::bench(types = [RustCrypto, AwsLc])]
fn build_sign_and_mac<C: Crypto + Default + Sync>(bencher: Bencher) {
    let crypto = C::default();
    let (signing, z, view_of) = making(&crypto);
    let view = MessageView::parse(&view_of).expect("a message");
    let (payload, header) = (Payload::of(&view).expect("a payload"), view.to_message().header);
    bencher.bench(|| {
        let plain = Message::plain(header.clone(), black_box(&payload).encode()).encode();
        let signed = sign(&crypto, &signing, &plain).expect("a Pre-Command");
        black_box(add_mac(&crypto, &z, &signed).expect("a signed Pre-Command"))
    });
}

/// What that needs of cryptography: one ECDSA signature, one key derivation, one GMAC.
#[divan::bench(types = [RustCrypto, AwsLc])]
fn bare_cryptography_of_making_it<C: Crypto + Default + Sync>(bencher: Bencher) {
    let crypto = C::default();
    let (signing, z, octets) = making(&crypto);
    let view = MessageView::parse(&octets).expect("a message");
    let id = view.id();
    let aad = [&[0x11, 0, 0, 0, 0, 0], view.inner_octets()].concat();
    bencher.bench(|| {
        black_box(crypto.sign(&signing, black_box(view.signed_octets())).expect("a signature"));
        let key = derive(&crypto, &z, Mode::Mac(id.cra), id.originator, id.counter, id.target);
        black_box(crypto.gmac(&key, &initialisation_vector(id.originator), black_box(&aad)))
    });
}

/// A key to sign with, a secret to close with, and a Command.
fn making<C: Crypto>(crypto: &C) -> (PrivateKey, SharedSecret, Vec<u8>) {
    let signing = crypto.private_key(&[1; 32]).expect("a key");
    let z = crypto.agree(&signing, crypto.private_key(&[2; 32]).expect("a key").public()).expect("a secret");
    (signing, z, command())
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
