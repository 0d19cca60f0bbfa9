//! Answers and alerts in the words of the MMC schema: against the reference data and its schema, and by messages of our own.
#[path = "../common/mod.rs"]
mod common;

mod drawn;
mod made;
mod reference;
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Which of these documents the schema in that folder refuses, and what it says of each.
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
        let of = line.split_once(".xml").and_then(|(n, what)| Some((n.parse::<usize>().ok()?, what)));
        match of {
            Some((_, " validates")) => valid += 1,
            Some((n, what)) => drop(refused.entry(documents[n].0.clone()).or_insert_with(|| what.to_owned())),
            None => {}
        }
    }
    assert_eq!(valid + refused.len(), documents.len(), "{said}");
    refused
}
