//! Against the reference data and the schema.
use std::path::Path;

use duis::mmc::{Context, MmcError, mmc};
use gbcs::crypto::AwsLc;
use gbcs::keystore::{Keyring, Keystore};
use gbcs::{MessageView, Payload};
use serde_json::Value;

use super::common::{has_program, shared};
use super::refused;

pub struct Sample {
    pub name: String,
    pub service: String,
    pub octets: Vec<u8>,
}

/// The Responses and Alerts of the reference data.
pub fn samples(rtds: &Path) -> Vec<Sample> {
    let text = std::fs::read_to_string(rtds.join("messages.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let sample = |m: Value| Sample {
        name: m["name"].as_str().unwrap().to_owned(),
        service: m["service"].as_str().unwrap().to_owned(),
        octets: hex(m["hex"].as_str().unwrap()),
    };
    lines.map(sample).filter(|m| m.name.contains("RESPONSE") || m.name.contains("ALERT")).collect()
}

fn hex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(pair).collect()
}

#[test]
fn every_answer_and_alert_of_the_reference_data_has_a_valid_document() {
    let (Some(schemas), Some(rtds)) = (shared("duis"), shared("rtds")) else { return };
    let store = Keystore::load(&AwsLc, &rtds.join("keystore.json")).unwrap();
    let ring = Keyring::new(AwsLc, &store);
    let open = |view: &MessageView<'_>, payload: &Payload| gbcs::verify::encrypted(&AwsLc, &ring, view, payload);
    let context = Context { opener: Some(&open), brokers: gbcs::verify::Keys::brokers(&ring), ..Context::default() };
    let samples = samples(&rtds);
    let (mut typed, mut services, mut documents) = (0, 0, Vec::new());
    let mut closed = Vec::new();
    for Sample { name, service, octets } in &samples {
        let made = mmc(octets, &context).unwrap_or_else(|e| panic!("{name}: {e}"));
        typed += usize::from(made.typed);
        // A service has an answer of its own, with every value that the message holds.
        if service != "NA" {
            assert!(made.typed && made.pieces == 0, "{name}: {}", made.xml);
            let chosen = made.srv.map(|srv| srv.to_string());
            services += usize::from(chosen.as_ref() == Some(service));
            if name.contains("RESPONSE") {
                let asked = Context { srv: service.parse().ok(), ..context };
                // One sample carries the code of another use case (gbcs-messages.md 11.3).
                match mmc(octets, &asked) {
                    Ok(made) => assert_eq!(made.srv.map(|srv| srv.to_string()).as_ref(), Some(service), "{name}"),
                    Err(error) => {
                        assert!(matches!(error, MmcError::Service { .. }) && name.starts_with("CS04B"), "{name}")
                    }
                }
            }
        }
        // Without keys everything is there too, closed where it was.
        closed.push((name.clone(), mmc(octets, &Context::default()).unwrap().xml));
        documents.push((name.clone(), made.xml));
    }
    if let Some(folder) = std::env::var_os("LASTMETRE_MMC_OUT") {
        for (name, xml) in &documents {
            std::fs::write(Path::new(&folder).join(format!("{name}.xml")), xml).unwrap();
        }
    }
    // Responses of services that the DCC does not offer, and of a PPMID's Commands, have no element.
    let without = samples.iter().filter(|sample| sample.service == "NA" && sample.name.contains("RESPONSE")).count();
    assert!(typed >= samples.len() - without, "{typed} of {}", samples.len());
    eprintln!("{} messages, {typed} typed, {services} told their service by themselves", samples.len());
    if !has_program("xmllint") {
        return;
    }
    documents.append(&mut closed);
    let refused = refused(&schemas, &documents);
    eprintln!("{} of {} documents are valid", documents.len() - refused.len(), documents.len());
    assert!(refused.is_empty(), "{refused:#?}");
}
