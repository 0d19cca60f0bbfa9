//! GBCS messages and their payloads, certificates, and what people type.
use crate::{script, within};
use core::time::Duration;
use gbcs::block::{Block, BlockError, Limits, Progress, Reassembler, Segments};
use gbcs::certificate::{Certificate, CertificationRequest, KeyUsage};
use gbcs::crypto::RustCrypto;
use gbcs::dlms::{Apdu, Data, DateTime, Obis};
use gbcs::envelope::RouteForm;
use gbcs::gbz::zcl::Body;
use gbcs::gbz::{Alert, Payload as GbzPayload};
use gbcs::json::Document;
use gbcs::utrn::Utrn;
use gbcs::view::{self, Value};
use gbcs::{Cra, Eui64, Form, MessageCode, MessageView, ParseError, Payload, Route, Time, der};

/// A value tree takes some 40 octets a node, its lists grow by doubling, and the shortest node has one octet.
const TREE: usize = 300;
/// JSON has names beside every value, and is held as text and as a tree.
const JSON: usize = 2500;
/// A message by meaning is one copy of it; encoding makes another.
const COPIES: usize = 16;

fn check_error(error: &ParseError, octets: &[u8]) {
    assert!(error.offset <= octets.len(), "{error}: past the {} octets", octets.len());
    assert!(!error.to_string().is_empty());
}

/// `MessageView` and `Route`: what parses encodes back, both see the same header, and errors point into the input. The payload
/// is taken apart too.
pub fn gbcs_message(octets: &[u8]) {
    let view = match within(octets.len(), 0, || MessageView::parse(octets)) {
        Ok(view) => view,
        Err(error) => {
            check_error(&error, octets);
            match Route::parse(octets) {
                Ok(route) => assert!(matches!(route.form, RouteForm::Block { .. })),
                Err(error) => check_error(&error, octets),
            }
            return;
        }
    };
    let route = Route::parse(octets).expect("what a view reads, a route reads");
    assert_eq!((route.id, route.code), (view.id(), view.message_code()));
    assert_eq!(route.form == RouteForm::Maced, view.form() == Form::Maced);
    assert_eq!(octets[view.payload_offset()..][..view.payload().len()], *view.payload());
    assert!(view.signed_octets().ends_with(view.payload()) && view.plain_octets().ends_with(view.payload()));
    assert!(view.inner_octets().starts_with(view.plain_octets()));
    within(octets.len(), COPIES, || {
        let message = view.to_message();
        assert_eq!(message.encoded_len(), octets.len());
        assert_eq!(message.encode(), octets);
    });
    within(octets.len(), TREE, || match Payload::of(&view) {
        Ok(payload) => {
            assert_eq!(payload.encoded_len(), view.payload().len());
            assert_eq!(view.to_message().with_payload(&payload).encode(), octets);
        }
        Err(error) => check_error(&error, octets),
    });
}

/// The JSON of messages: octets of a message come back from their JSON, and what text says as JSON, if anything, is a message whose
/// own JSON says the same.
pub fn gbcs_json(input: &[u8]) {
    within(input.len(), JSON, || match MessageView::parse(input) {
        Ok(view) => {
            let Ok(document) = Document::of(&view) else { return };
            let text = serde_json::to_string(&document).expect("a document is JSON");
            let read: Document = serde_json::from_str(&text).expect("decode writes what encode reads");
            assert_eq!(read.encode().as_deref(), Ok(input), "{text}");
        }
        Err(_) => {
            let Ok(document) = serde_json::from_slice::<Document>(input) else { return };
            match document.encode() {
                Ok(octets) => {
                    let view = MessageView::parse(&octets).expect("encode writes messages");
                    assert_eq!(Document::of(&view).expect("that read").encode(), Ok(octets));
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    });
}

/// Blocks of a General Block Transfer, in a script: received as they are (kind 0), after some seconds (1), or cut from a message (2)
/// into blocks of a length that the first octet says, and received last block first. What is held stays within the limits, every
/// message that comes out is one and is the one cut, and a block that parses encodes back.
pub fn blocks(input: &[u8]) {
    let limits = Limits { transfers: 3, message: 4000, ..Limits::default() };
    let mut receiver = Reassembler::new(limits);
    let mut now = Time(0);
    within(input.len() + limits.transfers * limits.message, COPIES, || {
        for step in script(input) {
            let mut cut = None;
            let blocks = match step.kind % 3 {
                0 => vec![step.data.to_vec()],
                1 => {
                    now = now + Duration::from_secs(u64::from(step.octet(0)) * 3600);
                    while let Some(expired) = receiver.poll(now) {
                        assert!(expired.blocks > 0);
                    }
                    while let Some(request) = receiver.ask(now) {
                        assert!(Block::parse(&request).is_ok());
                    }
                    assert!(receiver.deadline().is_none_or(|deadline| deadline > now));
                    continue;
                }
                _ => {
                    let most = 60 + 8 * usize::from(step.octet(0));
                    let Ok(segments) = Segments::new(step.behind(1), most) else { continue };
                    cut = Some(step.behind(1));
                    let mut blocks: Vec<_> = segments.behind(0).collect();
                    assert!(blocks.iter().all(|block| block.len() <= most));
                    blocks.reverse();
                    blocks
                }
            };
            for octets in &blocks {
                if let Ok(block) = Block::parse(octets) {
                    assert_eq!(block.encoded_len(), octets.len());
                    assert_eq!(block.encode(), *octets);
                }
                match receiver.receive(now, octets) {
                    Ok(Progress::Complete(message)) => {
                        let view = MessageView::parse(&message).expect("a whole message");
                        assert_eq!(view.id(), Block::parse(octets).expect("a block").id);
                    }
                    Ok(Progress::Missing { request, .. }) => assert!(Block::parse(&request).is_ok()),
                    Ok(_) => {}
                    Err(BlockError::Malformed(error) | BlockError::NoMessage(error)) => {
                        assert!(!error.to_string().is_empty());
                    }
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
                assert!(receiver.held() <= limits.transfers * limits.message);
            }
            if let Some(message) = cut.filter(|message| message.len() <= limits.message) {
                let mut fresh = Reassembler::new(limits);
                let last = blocks.iter().filter_map(|block| match fresh.receive(now, block) {
                    Ok(Progress::Complete(whole)) => Some(whole),
                    _ => None,
                });
                assert_eq!(last.last().as_deref(), Some(message));
            }
        }
    });
}

/// The view in place, which walks everything, and the reader by meaning see the same payload, or the same fault.
fn agree<V, M>(seen: Result<V, ParseError>, read: Result<M, ParseError>) {
    assert_eq!(seen.err(), read.err());
}

/// Everything that a value in place holds.
fn walk(value: Value<'_>) -> usize {
    1 + match value {
        Value::Array(elements) | Value::Structure(elements) => {
            assert_eq!(elements.iter().count(), elements.len());
            elements.iter().map(walk).sum::<usize>()
        }
        Value::CompactArray(array) => array.values().map(walk).sum(),
        _ => 0,
    }
}

/// DLMS payloads and single values: what parses encodes back.
pub fn dlms_apdu(octets: &[u8]) {
    agree(view::dlms::Apdu::parse(octets), Apdu::parse(octets));
    agree(Value::parse(octets), Data::parse(octets));
    within(octets.len(), 0, || {
        if let Ok(value) = Value::parse(octets) {
            assert!(walk(value) > 0);
        }
        if let Ok(view::dlms::Apdu::Request(request)) = view::dlms::Apdu::parse(octets) {
            assert_eq!(request.rows().map(|row| walk(row.data)).count(), request.rows().len());
        }
    });
    within(octets.len(), TREE, || match Apdu::parse(octets) {
        Ok(apdu) => {
            assert_eq!(apdu.encoded_len(), octets.len());
            assert_eq!(apdu.encode(), octets);
        }
        Err(error) => check_error(&error, octets),
    });
    within(octets.len(), TREE, || match Data::parse(octets) {
        Ok(data) => {
            assert_eq!(data.encoded_len(), octets.len());
            let mut out = Vec::new();
            data.encode(&mut out);
            assert_eq!(out, octets);
        }
        Err(error) => check_error(&error, octets),
    });
    if let Ok(date_time) = octets.try_into().map(DateTime) {
        assert!(!date_time.to_string().is_empty());
        if let Some(when) = date_time.when() {
            assert_eq!(DateTime::from(when).when().map(|when| DateTime::from(when).0), Some(DateTime::from(when).0));
        }
    }
}

/// GBZ payloads of Commands, Responses and Alerts, and any ZCL payload under any command: what parses encodes back, and a ZCL
/// payload always parses. Input: cluster, frame control and command for the last, then the octets for each.
pub fn gbz_content(input: &[u8]) {
    let Some((&[high, low, frame_control, command], octets)) = input.split_first_chunk() else { return };
    agree(view::gbz::Payload::parse(octets), GbzPayload::parse(octets));
    agree(view::gbz::Alert::parse(octets), Alert::parse(octets));
    within(octets.len(), TREE, || match GbzPayload::parse(octets) {
        Ok(payload) => {
            assert_eq!(payload.encoded_len(), octets.len());
            assert_eq!(payload.encode(), octets);
            for component in &payload.components {
                let _ = component.command_name();
            }
        }
        Err(error) => check_error(&error, octets),
    });
    within(octets.len(), TREE, || match Alert::parse(octets) {
        Ok(alert) => {
            assert_eq!(alert.encoded_len(), octets.len());
            assert_eq!(alert.encode(), octets);
        }
        Err(error) => check_error(&error, octets),
    });
    within(octets.len(), TREE, || {
        let body = Body::parse(u16::from_be_bytes([high, low]), frame_control, command, octets);
        assert_eq!(body.encoded_len(), octets.len());
        let mut out = Vec::new();
        body.encode(&mut out);
        assert_eq!(out, octets);
    });
}

/// DER trees: what parses encodes back, and so does the same value with its lengths in their shortest form.
pub fn der_tree(octets: &[u8]) {
    within(octets.len(), TREE, || match der::Value::parse(octets) {
        Ok(value) => {
            assert_eq!(value.encoded_len(), octets.len());
            assert_eq!(value.encode(), octets);
            let short = value.with_padded_length(0).expect("the shortest length always fits");
            let encoded = short.encode();
            assert!(encoded.len() <= octets.len());
            assert_eq!(der::Value::parse(&encoded), Ok(short));
        }
        Err(error) => check_error(&error, octets),
    });
}

/// ASN.1 payloads: what parses encodes back, typed or as a tree, and with the lengths that devices write. Input: message code and
/// kind, then the octets.
pub fn asn1(input: &[u8]) {
    let Some((&[high, low, kind], octets)) = input.split_first_chunk() else { return };
    let code = MessageCode(u16::from_be_bytes([high, low]));
    let cra = [Cra::Command, Cra::Response, Cra::Alert][usize::from(kind % 3)];
    within(octets.len(), TREE, || match Payload::parse(code, cra, octets) {
        Ok(payload) => {
            assert_eq!(payload.encoded_len(), octets.len());
            assert_eq!(payload.encode(), octets);
            let Payload::Asn1(payload) = payload else { return };
            assert!(payload.content().results().len() <= octets.len());
            let long = payload.clone().with_long_lengths();
            assert_eq!(long.content(), payload.content());
            assert_eq!(gbcs::asn1::Payload::parse(code, cra, &long.encode()), Ok(long));
        }
        Err(error) => check_error(&error, octets),
    });
}

/// Certificates: what is read of one stands in it, and the reader of GBCS and that of DUIS agree on whose it is.
pub fn certificate(octets: &[u8]) {
    let holds = |part: &[u8]| part.is_empty() || octets.windows(part.len()).any(|window| window == part);
    // Names are read into strings with escapes, by a library: RFC 4514 makes three octets of one, a decoded name some 200.
    let certificate = within(octets.len(), TREE, || Certificate::parse(octets));
    let signer = within(octets.len(), TREE, || duis::certificate::signer_from_der(&RustCrypto, octets));
    if let Ok(certificate) = &certificate {
        assert!(holds(&certificate.point) && holds(&certificate.serial) && holds(&certificate.key_identifier));
        assert!(certificate.entity.is_none_or(|entity| holds(&entity.0)));
    }
    if let Ok((_, signer)) = &signer {
        assert!(holds(&signer.eui.0) && holds(signer.key.point()));
    }
    if let (Ok(certificate), Ok((_, signer))) = (certificate, signer) {
        assert_eq!(certificate.point, *signer.key.point());
    }
    // A request for one is read as deep, and the part that is signed written again.
    if let Ok(request) = within(octets.len(), TREE, || CertificationRequest::parse(octets)) {
        assert!(holds(&request.point) && holds(&request.entity.0));
        assert_ne!(request.usage, KeyUsage::KeyCertSign);
        if let Ok(key) = request.verify(&RustCrypto) {
            assert_eq!(*key.point(), request.point);
        }
    }
}

/// What people and documents write: identifiers and top-up numbers come back as they print.
pub fn texts(octets: &[u8]) {
    let Ok(text) = core::str::from_utf8(octets) else { return };
    fn comes_back<T: std::str::FromStr + std::fmt::Display + PartialEq + std::fmt::Debug>(text: &str) {
        if let Ok(value) = text.parse::<T>() {
            assert_eq!(value.to_string().parse::<T>().ok(), Some(value), "{text}");
        }
    }
    comes_back::<Eui64>(text);
    comes_back::<Obis>(text);
    comes_back::<handover::DeliveryId>(text);
    comes_back::<duis::RequestId>(text);
    comes_back::<duis::Srv>(text);
    comes_back::<duis::certificate::Serial>(text);
    if let Ok(utrn) = text.parse::<Utrn>() {
        assert_eq!(utrn.expose().parse().as_ref(), Ok(&utrn));
        let _ = utrn.credit().to_string();
        let highest = gbcs::Counter(u64::MAX >> (octets[0] & 63));
        let counter = utrn.rebuild_counter(highest);
        assert_eq!((counter.0 >> 32) % 1024, u64::from(utrn.truncated_counter()));
    }
    if let Some(time) = duis::time::parse(text) {
        assert_eq!(duis::time::parse(&duis::time::format(time)), Some(time), "{text}");
    }
}
