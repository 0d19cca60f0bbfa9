//! Whatever a device says: a document, and a valid one.
use std::collections::BTreeSet;

use duis::mmc::{Context, mmc};
use duis::xml::Document;
use gbcs::catalogue::{self, Family};
use gbcs::crypto::AwsLc;
use gbcs::keystore::{Keyring, Keystore};
use gbcs::{MessageView, Payload};
use proptest::prelude::*;

use super::common::{has_program, shared};
use super::made::{self, Draw};
use super::{reference, refused};

/// Of these documents none is refused, where the schema is at hand; all are XML in any case.
fn all_valid(documents: &[(String, String)]) {
    for (name, xml) in documents {
        Document::parse(xml).unwrap_or_else(|e| panic!("{name}: {e}\n{xml}"));
    }
    let Some(schemas) = shared("duis").filter(|_| has_program("xmllint")) else { return };
    let refused = refused(&schemas, documents);
    let first = refused.iter().take(5).map(|(name, why)| {
        let (_, xml) = documents.iter().find(|(of, _)| of == name).unwrap();
        format!("{name}: {why}\n{xml:.3000}")
    });
    assert!(refused.is_empty(), "{} of {}:\n{}", refused.len(), documents.len(), first.collect::<Vec<_>>().join("\n"));
}

#[test]
fn answers_and_alerts_of_every_use_case_with_any_values_have_valid_documents() {
    let mut documents = Vec::new();
    let mut kinds = BTreeSet::new();
    for round in 1..=12u64 {
        let mut draw = Draw(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for use_case in catalogue::all() {
            let name = |what: &str| format!("{} {} {what} {round}", use_case.id, use_case.code);
            if !use_case.services.is_empty()
                && let Some((octets, parts)) = made::response(use_case, &mut draw)
            {
                let document = made::opened(&octets, &parts);
                assert!(document.typed, "{}", name("response"));
                kinds.insert(use_case.code);
                documents.push((name("response"), document.xml));
                // Without keys the same, closed.
                documents.push((name("closed"), mmc(&octets, &Context::default()).unwrap().xml));
            }
            if use_case.family == Family::Dlms && !use_case.further.is_empty() {
                let octets = made::dlms_alert(use_case, &mut draw);
                documents.push((name("alert"), mmc(&octets, &Context::default()).unwrap().xml));
            }
        }
    }
    for round in 1..=40u64 {
        for (code, cra, content) in made::asn1_messages(&mut Draw(round.wrapping_mul(0x2545_F491_4F6C_DD1D))) {
            let octets = made::message(code, cra, &Payload::Asn1(content.into()));
            let document = mmc(&octets, &Context::default()).unwrap();
            assert!(document.typed, "{code:04X} {round}");
            documents.push((format!("{code:04X} {round}"), document.xml));
        }
    }
    eprintln!("{} documents of {} kinds of answer", documents.len(), kinds.len());
    assert!(kinds.len() > 150, "{}", kinds.len());
    all_valid(&documents);
}

#[test]
fn reference_messages_with_octets_changed_have_valid_documents_or_none() {
    let Some(rtds) = shared("rtds") else { return };
    let store = Keystore::load(&AwsLc, &rtds.join("keystore.json")).unwrap();
    let ring = Keyring::new(AwsLc, &store);
    let open = |view: &MessageView<'_>, payload: &Payload| gbcs::verify::encrypted(&AwsLc, &ring, view, payload);
    let context = Context { opener: Some(&open), ..Context::default() };
    let mut draw = Draw(0x5DEE_CE66);
    let (mut documents, mut tried) = (Vec::new(), 0);
    for sample in reference::samples(&rtds) {
        for n in 0..6 {
            let mut octets = sample.octets.clone();
            let payload =
                MessageView::parse(&octets).map(|view| (view.payload_offset(), view.payload().len())).unwrap();
            for _ in 0..=n / 2 {
                let at = payload.0 + draw.below(payload.1 as u64) as usize;
                octets[at] = if draw.below(2) == 0 { octets[at] ^ 1 << draw.below(8) } else { draw.below(256) as u8 };
            }
            tried += 1;
            if let Ok(made) = mmc(&octets, &context) {
                documents.push((format!("{} {n}", sample.name), made.xml));
            }
        }
    }
    eprintln!("{} of {tried} changed messages have a document", documents.len());
    all_valid(&documents);
}

proptest! {
    #[test]
    fn no_octets_are_too_much(octets in proptest::collection::vec(any::<u8>(), 0..300), code: u16, alert: bool) {
        let _ = mmc(&octets, &Context::default());
        let cra = if alert { gbcs::Cra::Alert } else { gbcs::Cra::Response };
        for head in [&[0xDA, 0x20, 0, 0, 0, 0][..], &[0x0F], &[0x01, 0x09], &[0x30], &[]] {
            let id = gbcs::MessageId { originator: made::DEVICE, target: made::USER, cra, counter: made::COUNTER };
            let header = gbcs::envelope::GroupingHeader::new(id, gbcs::MessageCode(code % 0x130));
            let message = gbcs::Message::plain(header, [head, &octets].concat());
            if let Ok(made) = mmc(&message.encode(), &Context::default()) {
                prop_assert!(Document::parse(&made.xml).is_ok(), "{}", made.xml);
            }
        }
    }
}
