//! The JSON of messages: everything comes back, and nothing is written that no message says.
#![cfg(feature = "std")]
mod strategies;

use gbcs::gbz;
use gbcs::json::{Document, DocumentError};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, MessageView, Payload};
use proptest::collection::vec;
use proptest::prelude::*;
use strategies::{alert, apdu, component, der_value};

proptest! {
    #[test]
    fn whatever_has_a_json_comes_back_from_it(payload in prop_oneof![
        apdu().prop_map(Payload::Dlms),
        vec(component(), 1..4).prop_map(|components| Payload::Gbz(gbz::Payload { components })),
        alert().prop_map(Payload::GbzAlert),
        der_value().prop_map(Payload::Der),
    ]) {
        let cra = match &payload {
            Payload::GbzAlert(_) => Cra::Alert,
            _ => Cra::Command,
        };
        let id = MessageId { originator: Eui64::from_u64(1), target: Eui64::from_u64(2), cra, counter: Counter(u64::MAX) };
        let octets = Message::plain(GroupingHeader::new(id, MessageCode(7)), payload.encode()).encode();
        // Random DER may start as another family does; it is then not this payload that the octets say.
        if let Ok(document) = MessageView::parse(&octets).and_then(|view| Document::of(&view)) {
            let text = serde_json::to_string(&document).unwrap();
            let read: Document = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.encode(), Ok(octets), "{}", text);
        }
    }
}

proptest! {
    #[test]
    fn asn1_comes_back_from_its_json((code, cra, payload) in strategies::asn1::payload()) {
        let id = MessageId { originator: Eui64::from_u64(1), target: Eui64::from_u64(2), cra, counter: Counter(7) };
        let octets = Message::plain(GroupingHeader::new(id, code), payload.encode()).encode();
        let document = MessageView::parse(&octets).and_then(|view| Document::of(&view)).unwrap();
        prop_assert_eq!(document.payload(), Ok(Payload::Asn1(payload)));
        let text = serde_json::to_string(&document).unwrap();
        let read: Document = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        prop_assert_eq!(read.encode(), Ok(octets), "{}", text);
    }
}

/// JSON can say what no message holds; encode says no instead of writing something else.
#[test]
fn a_document_that_no_message_says_is_refused() {
    let document = |fields: &str| -> Result<Vec<u8>, DocumentError> {
        let text = format!(
            r#"{{ "kind": "command", "message_code": "0x0086", "originator": "A1B2C3D4E5F60001",
                 "target": "A1B2C3D4E5F700A1", "counter": 1, {fields} }}"#
        );
        serde_json::from_str::<Document>(&text).unwrap_or_else(|e| panic!("{e}: {text}")).encode()
    };
    let sound = r#""payload": {"der": {"null": ""}}"#;
    assert!(document(sound).is_ok());
    for (fields, error) in [
        (r#""payload": {"gbz": {"components": []}}"#.to_owned(), DocumentError::Payload),
        (format!(r#""payload": {{"der": {{"octet-string": "{}"}}}}"#, "00".repeat(70_000)), DocumentError::TooLong),
        (format!(r#"{sound}, "signature": "00""#), DocumentError::Signature),
        (format!(r#"{sound}, "signature": "", "mac": "00""#), DocumentError::Mac),
        (format!(r#"{sound}, "mac": "{}""#, "00".repeat(12)), DocumentError::MacWithoutSignature),
        (
            format!(r#"{sound}, "supplementary": {{"party": "A1B2C3D4E5F60003", "certificate": "00"}}"#),
            DocumentError::Supplementary,
        ),
    ] {
        assert_eq!(document(&fields), Err(error), "{}", &fields[..fields.len().min(100)]);
    }
}
