//! Answers and alerts in the words of the MMC schema: against the reference data and its schema, and by vectors of our own.
mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::{has_program, shared};
use duis::mmc::{Context, MmcError, mmc};
use gbcs::crypto::AwsLc;
use gbcs::keystore::{Keyring, Keystore};
use gbcs::{MessageView, Payload};
use serde_json::Value;

/// Which of these documents the schema refuses, and what it says of each.
fn refused(schemas: &Path, documents: &[(String, String)]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    // xmllint takes no schema whose name holds spaces.
    let schema = folder.path().join("mmc.xsd");
    std::fs::copy(schemas.join("MMC Schema V5.4.xsd"), &schema).unwrap();
    for (n, (_, xml)) in documents.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{n}.xml")), xml).unwrap();
    }
    let names = (0..documents.len()).map(|n| format!("{n}.xml"));
    let output = Command::new("xmllint")
        .current_dir(folder.path())
        .args(["--nonet", "--noout", "--schema", "mmc.xsd"])
        .args(names)
        .output()
        .unwrap();
    let mut refused = BTreeMap::new();
    let said = String::from_utf8_lossy(&output.stderr);
    let mut valid = 0;
    for line in said.lines() {
        if line.ends_with(" validates") {
            valid += 1;
        } else if let Some((n, what)) = line.split_once(".xml").and_then(|(n, what)| Some((n.parse::<usize>().ok()?, what))) {
            refused.entry(documents[n].0.clone()).or_insert_with(|| what.to_owned());
        }
    }
    assert_eq!(valid + refused.len(), documents.len(), "{said}");
    refused
}

struct Sample {
    name: String,
    service: String,
    octets: Vec<u8>,
}

/// The Responses and Alerts of the reference data.
fn samples(rtds: &Path) -> Vec<Sample> {
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
    let (mut typed, mut whole, mut documents, mut other) = (0, Vec::new(), Vec::new(), Vec::new());
    for Sample { name, service, octets } in &samples {
        let made = mmc(octets, &context).unwrap_or_else(|e| panic!("{name}: {e}"));
        typed += usize::from(made.typed);
        if made.pieces > 0 {
            whole.push(format!("{name}{}", if made.typed { "" } else { " (nothing else)" }));
        }
        if let Some(srv) = made.srv.map(|srv| srv.to_string()).filter(|srv| service != "NA" && srv != service) {
            other.push(format!("{name}: {srv}"));
        }
        documents.push((name.clone(), made.xml));
    }
    if let Some(folder) = std::env::var_os("LASTMETRE_MMC_OUT") {
        for (name, xml) in &documents {
            std::fs::write(Path::new(&folder).join(format!("{name}.xml")), xml).unwrap();
        }
    }
    eprintln!("{} messages, {typed} typed, {} with GBCSData:\n{}", samples.len(), whole.len(), whole.join("\n"));
    eprintln!("{} of another service:\n{}", other.len(), other.join("\n"));
    if !has_program("xmllint") {
        return;
    }
    let refused = refused(&schemas, &documents);
    eprintln!("{} of {} documents are valid", documents.len() - refused.len(), documents.len());
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_command_has_no_document() {
    let command = hex(
        "dd000000000000471100000000df090100000000000003e80890b3d51f300100000800db1234567890a00002006913d9200003e800010100700000130a00ff02010000afdf51419b9df8dc66495a9f",
    );
    assert_eq!(mmc(&command, &Context::default()), Err(MmcError::Command));
}
