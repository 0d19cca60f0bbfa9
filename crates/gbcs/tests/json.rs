//! The JSON of messages: everything comes back, and nothing is written that no message says.
#![cfg(feature = "std")]
mod strategies;

use gbcs::catalogue::{self, Family, UseCase};
use gbcs::dlms::Apdu;
use gbcs::gbz;
use gbcs::json::{Document, DocumentError};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, MessageView, Payload};
use proptest::collection::vec;
use proptest::prelude::*;
use strategies::shapes::of_use_case;
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn rows_of_every_use_case_come_back_from_their_names(
        (use_case, apdu) in (0..dlms_use_cases().len()).prop_flat_map(|n| {
            let use_case = dlms_use_cases()[n];
            (Just(use_case), of_use_case(use_case, Counter(77)))
        }),
    ) {
        let cra = match &apdu {
            Apdu::Request(_) => Cra::Command,
            Apdu::Response(_) => Cra::Response,
            Apdu::Notification(_) => Cra::Alert,
        };
        let id = MessageId { originator: Eui64::from_u64(1), target: Eui64::from_u64(2), cra, counter: Counter(77) };
        let octets = Message::plain(GroupingHeader::new(id, use_case.code), apdu.encode()).encode();
        let document = Document::of(&MessageView::parse(&octets).unwrap()).unwrap();
        let text = serde_json::to_string(&document).unwrap();
        let read: Document = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.payload(), Ok(Payload::Dlms(apdu)), "{}", text);
        prop_assert_eq!(read.encode(), Ok(octets), "{}", text);
    }
}

fn dlms_use_cases() -> Vec<&'static UseCase> {
    catalogue::all().iter().filter(|use_case| use_case.family == Family::Dlms).collect()
}

/// What is wrong in a document is told with its place.
#[test]
fn a_document_that_does_not_read_says_where_and_what_was_expected() {
    let error = |code: &str, payload: &str| -> String {
        let text = format!(
            r#"{{ "message_code": "{code}", "originator": "A1B2C3D4E5F60001", "target": "A1B2C3D4E5F700A1", "counter": 1,
                 "payload": {payload} }}"#
        );
        serde_json::from_str::<Document>(&text).unwrap().encode().unwrap_err().to_string()
    };
    let row = |fields: &str| format!(r#"{{"dlms": {{"request": {{"rows": [{{{fields}}}]}}}}}}"#);
    let component = |fields: &str| format!(r#"{{"gbz": {{"components": [{{{fields}}}]}}}}"#);
    for (code, payload, words) in [
        (
            "0x001C",
            row(r#""name": "meter_balance.adjust", "value": 3000000000"#),
            "payload.dlms.request.rows[0].value: a number from -2147483648 to 2147483647 expected, found 3000000000",
        ),
        (
            "0x001C",
            row(r#""name": "meter_balance.adjusted", "value": 3"#),
            "payload.dlms.request.rows[0].name: a name of the catalogue",
        ),
        (
            "0x001C",
            row(r#""name": "meter_balance.adjust", "class": 113, "value": 3"#),
            "rows[0]: the class, object and number of meter_balance.adjust, or none, expected",
        ),
        (
            "0x001C",
            row(r#""name": "meter_balance.adjust", "value": 3, "valeu": 4"#),
            "payload.dlms.request.rows[0].valeu: one of",
        ),
        (
            "0x001A",
            row(r#""name": "account_next.mode_and_status", "value": {"mode": "credits", "status": 1}"#),
            "rows[0].value.mode: credit, prepayment or a number from 0 to 255 expected",
        ),
        (
            "0x001A",
            row(r#""name": "account_next.activation_time", "value": "tomorrow""#),
            "rows[0].value: a moment as 2015-01-01T00:00:00Z",
        ),
        (
            "0x0070",
            component(
                r#""name": "Select Available Emergency Credit", "fields": {"issue_time": "soon", "originating_device": 0}"#,
            ),
            "payload.gbz.components[0].fields.issue_time: a time as",
        ),
        (
            "0x0070",
            component(r#""name": "Select Available Emergency Credit", "fields": {"originating_device": 0}"#),
            "components[0].fields: fields of this command (missing field `issue_time`)",
        ),
        (
            "0x008D",
            component(r#""cluster": "0x0705", "frame_control": "0x00", "command": "0x00", "attributes": ["balance"]"#),
            "components[0].attributes[0]: an attribute of the cluster by name",
        ),
        ("0x001C", "{}".into(), "payload: just one of dlms, gbz"),
    ] {
        let found = error(code, &payload);
        assert!(found.contains(words), "{found}");
    }
}

/// Found by proptest: an object identifier that is not written in the shortest way, and a read with data it should not have.
#[test]
fn what_once_did_not_come_back_does() {
    for (code, payload) in [(0x0007, "3005 0603 008000"), (0x0059, "D9 2000004D 00 01 01 0001 0000000201FF 02 01 0900")]
    {
        let id = MessageId {
            originator: Eui64::from_u64(1),
            target: Eui64::from_u64(2),
            cra: Cra::Command,
            counter: Counter(77),
        };
        let payload = hex::decode(payload.replace(' ', "")).unwrap();
        let octets = Message::plain(GroupingHeader::new(id, MessageCode(code)), payload).encode();
        let document = Document::of(&MessageView::parse(&octets).unwrap()).unwrap();
        let text = serde_json::to_string(&document).unwrap();
        let read: Document = serde_json::from_str(&text).unwrap();
        assert_eq!(read.encode(), Ok(octets), "{text}");
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
        (format!(r#""payload": {{"der": {{"octet-string": "{}"}}}}"#, "00".repeat(310_000)), DocumentError::TooLong),
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
