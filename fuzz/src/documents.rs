//! DUIS documents.
use crate::lenient::Lenient;
use crate::within;
use duis::xml::{Document, Limits};
use duis::{Device, DeviceType, Party, Request, Response, TransformContext, signature};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{PublicKey, RustCrypto, SharedSecret};
use gbcs::verify::{self, Keys};
use gbcs::{Counter, Eui64, MessageView, Payload, Time};
use std::sync::LazyLock;

/// A DOM has some 200 octets for the five of `<a/>`, and what is carried unread repeats namespaces.
const FACTOR: usize = 256;

/// Whatever is read as a request or response is written, and reads as the same again; what is checked before a signature is
/// looked up does not blow up; and nobody's signature verifies.
pub fn duis_xml(octets: &[u8]) {
    let Ok(text) = core::str::from_utf8(octets) else { return };
    let check = |text: &str| -> Option<()> {
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return None;
            }
        };
        match Request::parse(&document) {
            Ok(request) => {
                let _ = (request.check(), request.check_values());
                commands(&request);
                let written = request.to_xml();
                if let Some(again) = parse_again(&written) {
                    assert_eq!(Request::parse(&again).as_ref(), Ok(&request), "{written}");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        match Response::parse(&document) {
            Ok(response) => {
                let written = response.to_xml();
                if let Some(again) = parse_again(&written) {
                    assert_eq!(Response::parse(&again).as_ref(), Ok(&response), "{written}");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        if signature::is_signed(&document) {
            assert!(signature::verify(&RustCrypto, document, |_| None).is_err());
        }
        Some(())
    };
    within(octets.len(), FACTOR, || check(text));
}

/// What the DCC makes of a request for any device: a message of one of the service's use cases, or a reason.
fn commands(request: &Request) {
    for kind in [DeviceType::Esme, DeviceType::Gsme, DeviceType::Chf, DeviceType::Ppmid] {
        let mut context = TransformContext::new(Device::new(kind), Time(1_800_000_000_000));
        context.broker = Some(Party { id: request.header.id.target, counter: Counter(1) });
        match duis::transform(request, &context) {
            Ok(made) => {
                let view = MessageView::parse(&made.octets).expect("a message was made");
                assert!(made.entry.has_code(view.message_code()));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// `None` when the canonical form of what is carried made it longer than what is read.
fn parse_again(written: &str) -> Option<Document<'_>> {
    if written.len() > Limits::default().octets {
        return None;
    }
    Some(Document::parse(written).unwrap_or_else(|e| panic!("{e}\n{written}")))
}

/// A message is some values of one octet, an element of the MMC schema some hundred octets of text.
const WORDS: usize = 2500;

/// Whatever a device says becomes a document that is XML, whether its encrypted parts are opened or not; one that has nothing to say
/// says why.
pub fn mmc(octets: &[u8]) {
    let open = |view: &MessageView<'_>, payload: &Payload| verify::encrypted(&Lenient, &AnyKeys, view, payload);
    // The table, which is read once and stays.
    static READ: LazyLock<()> = LazyLock::new(|| {
        let (_, seed) = crate::seeds::mmc().swap_remove(0);
        drop(duis::mmc::mmc(&seed, &duis::mmc::Context::default()));
    });
    LazyLock::force(&READ);
    let contexts = [duis::mmc::Context::default(), duis::mmc::Context { opener: Some(&open), ..Default::default() }];
    for context in contexts {
        let made = within(octets.len(), WORDS, || duis::mmc::mmc(octets, &context));
        match made {
            Ok(made) => assert!(Document::parse(&made.xml).is_ok(), "{}", made.xml),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A secret between any two.
struct AnyKeys;

impl Keys for AnyKeys {
    fn public_keys(&self, _: Eui64, _: KeyUsage) -> &[PublicKey] {
        &[]
    }

    fn secrets(&self, _: Eui64, _: Eui64) -> Vec<SharedSecret> {
        vec![SharedSecret::new([9; 32])]
    }

    fn brokers(&self) -> &[Eui64] {
        &[]
    }
}
