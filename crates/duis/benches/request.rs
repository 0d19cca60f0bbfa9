//! What a request costs the DCC beside its one indispensable operation, an ECDSA verification.
use divan::Bencher;
use duis::xml::Document;
use duis::{Device, DeviceType, IssuerSerial, Request, SignerRole, SigningKey, TransformContext, XmlSigner, transform};
use gbcs::Time;
use gbcs::crypto::{AwsLc, Crypto as _, PrivateKey, RustCrypto};

const CASES: [&str; 3] = ["elec-adjust-balance-down", "elec-hybrid-price-future", "gas-debt"];

fn main() {
    divan::main();
}

fn key() -> PrivateKey {
    RustCrypto.private_key(&[0x11; 32]).expect("a scalar below the order")
}

fn request(name: &str) -> (Request, TransformContext) {
    let path = format!("{}/tests/data/requests/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a request of the tests");
    let request = Request::parse(&Document::parse(&text).expect("XML")).expect("a request");
    let kind = if name.starts_with("gas") { DeviceType::Gsme } else { DeviceType::Esme };
    (request, TransformContext::new(Device::new(kind), Time::from_seconds(1_800_000_000)))
}

fn signing_key() -> SigningKey {
    SigningKey { key: key(), certificate: IssuerSerial::new("CN=Bench,OU=07", "1".parse().expect("a serial")) }
}

fn signed(request: &Request) -> (String, XmlSigner) {
    let key = signing_key();
    let signer = XmlSigner { key: *key.key.public(), eui: request.header.id.originator, role: SignerRole::XmlSign };
    (request.sign(&AwsLc, &key).expect("a signature"), signer)
}

#[divan::bench]
fn bare_ecdsa_verification(bencher: Bencher<'_, '_>) {
    let signature = AwsLc.sign(&key(), b"a message").expect("a signature");
    let public = *key().public();
    bencher.bench(|| AwsLc.verify(&public, b"a message", &signature));
}

#[divan::bench]
fn bare_ecdsa_signature(bencher: Bencher<'_, '_>) {
    let key = key();
    bencher.bench(|| AwsLc.sign(&key, b"a message"));
}

#[divan::bench(args = CASES)]
fn parse_only(bencher: Bencher<'_, '_>, name: &str) {
    let text = request(name).0.to_xml();
    bencher.bench(|| Request::parse(&Document::parse(&text).expect("XML")).expect("a request"));
}

#[divan::bench(args = CASES)]
fn accept(bencher: Bencher<'_, '_>, name: &str) {
    let (text, signer) = signed(&request(name).0);
    bencher.bench(|| Request::accept(&AwsLc, &text, |_| Some(signer)).expect("our own"));
}

#[divan::bench(args = CASES)]
fn accept_and_transform(bencher: Bencher<'_, '_>, name: &str) {
    let (request, ctx) = request(name);
    let (text, signer) = signed(&request);
    bencher.bench(|| {
        let request = Request::accept(&AwsLc, &text, |_| Some(signer)).expect("our own");
        transform(&request, &ctx).expect("supported")
    });
}

#[divan::bench(args = CASES)]
fn transform_only(bencher: Bencher<'_, '_>, name: &str) {
    let (request, ctx) = request(name);
    bencher.bench(|| transform(&request, &ctx).expect("supported"));
}

#[divan::bench(args = CASES)]
fn sign(bencher: Bencher<'_, '_>, name: &str) {
    let ((request, _), key) = (request(name), signing_key());
    bencher.bench(|| request.sign(&AwsLc, &key).expect("a signature"));
}
