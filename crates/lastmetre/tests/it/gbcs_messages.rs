//! `lastmetre gbcs` on the messages and keys that come with the source (`crates/gbcs/tests/data/README.md` says whose they are).
use crate::common::{python, reference, run, run_with};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gbcs/tests/data").join(name)
}

/// The messages, each with its name.
fn messages() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(data("messages.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| ["name", "hex"].map(|field| line[field].as_str().unwrap().to_owned()).into()).collect()
}

fn check(file: &Path) -> crate::common::Ran {
    run([
        "gbcs".as_ref(),
        "check".as_ref(),
        "--json".as_ref(),
        "--keys".as_ref(),
        data("keys.json").as_os_str(),
        file.as_os_str(),
    ])
}

#[test]
fn every_message_is_read_rebuilt_and_verified() {
    let ran = check(&data("messages.jsonl")).ends(0);
    let [summary] = &ran.json()[..] else { panic!("faults: {}", ran.out) };
    let count = messages().len();
    assert!(["messages", "parsed", "reencoded"].iter().all(|field| summary[field] == count), "{summary}");
    for what in ["signatures", "macs"] {
        let counts = &summary[what];
        assert!(counts["present"].as_u64().unwrap() >= 10, "{summary}");
        assert_eq!((&counts["verified"], &counts["failed"]), (&counts["present"], &0.into()), "{summary}");
    }
}

#[test]
fn an_octet_altered_anywhere_in_a_protected_message_fails_and_the_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("altered.jsonl");
    let (_, good) = messages().into_iter().find(|(name, _)| name == "ECS04a Command").unwrap();
    let good = hex::decode(good).unwrap();
    // The counter inside the grouping header, the amount, the signature, the MAC.
    for at in [25, 60, 100, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, format!("{}\n{}\n", hex::encode(&good), hex::encode(bad))).unwrap();
        let ran = check(&file).ends(1);
        let lines = ran.json();
        let faults = &lines[..lines.len() - 1];
        assert!(!faults.is_empty() && faults.iter().all(|fault| fault["at"]["line"] == 2), "octet {at}: {}", ran.out);
    }
}

#[test]
fn octets_that_are_no_message_are_told_with_their_offset() {
    let (_, whole) = messages().into_iter().find(|(name, _)| name == "ECS04a Command").unwrap();
    let short = whole.len() / 2 - 1;
    let cases = [
        ("DF09", 2, "CRA flag"),
        ("00112233", 0, "grouping header"),
        (&whole[..2 * short], short, ""),
        (&format!("{whole}00"), short + 1, ""),
        ("neither", 0, "line"),
    ];
    for (octets, offset, field) in cases {
        let ran = run_with(octets, ["gbcs", "decode", "--json"]).ends(1);
        let [line] = &ran.json()[..] else { panic!("{}", ran.out) };
        let error = &line["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
        assert!(error["offset"].as_u64().is_some_and(|found| found <= offset as u64), "{octets}: {line}");
        if !field.is_empty() {
            assert_eq!((&error["offset"], &error["field"]), (&offset.into(), &field.into()), "{octets}");
        }
        let ran = run_with(octets, ["gbcs", "decode"]).ends(1);
        assert!(ran.out.starts_with("standard input:1: "), "{}", ran.out);
    }
}

#[test]
fn a_person_can_read_what_a_message_says() {
    let (_, octets) = messages().into_iter().find(|(name, _)| name == "ECS04a Command").unwrap();
    let keys = data("keys.json");
    let ran = run_with(&octets, ["gbcs", "decode", "--keys", keys.to_str().unwrap()]).ends(0);
    let says = [
        "Command 0x001C ECS04a Adjust Meter Balance on the ESME",
        "originator  A1-B2-C3-D4-E5-F6-00-01",
        "target      A1-B2-C3-D4-E5-F7-00-A0",
        "counter     1781000000000",
        "0-0:19.10.0.255",
        "-100000",
        "signature",
        "MAC",
        "verifies with the key of",
    ];
    for words in says {
        assert!(ran.out.contains(words), "{words}:\n{}", ran.out);
    }
    // And every other one prints something without a fault.
    for (name, octets) in messages() {
        let ran = run_with(&octets, ["gbcs", "decode"]).ends(0);
        assert!(ran.out.contains("originator"), "{name}: {}", ran.out);
    }
}

#[test]
fn decode_and_encode_undo_each_other() {
    let all: String = messages().iter().map(|(_, octets)| octets.to_uppercase() + "\n").collect();
    let decoded = run_with(&all, ["gbcs", "decode", "--json"]).ends(0);
    assert_eq!(run_with(&decoded.out, ["gbcs", "encode"]).ends(0).out, all);
}

#[test]
fn the_digits_of_a_top_up_are_made_and_checked_for_one_meter_and_one_counter() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    run(["home".as_ref(), "new".as_ref(), home.as_os_str()]).ends(0);
    let keys = home.join("keys.json");
    let common = ["--json", "--keys", keys.to_str().unwrap(), "--supplier", "90B3D51F30010000"];
    let utrn = |args: &[&str]| run(["gbcs", "utrn"].iter().chain(&args[..1]).chain(&common).chain(&args[1..]));
    let (esme, gsme) = ("00DB1234567890A0", "00DB1234567890A1");

    let made =
        utrn(&["create", "--meter", esme, "--counter", "0x500000000", "--pence", "1234"]).ends(0).json().remove(0);
    let digits = made["utrn"].as_str().unwrap();
    assert!(digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()), "{digits}");

    let read = utrn(&["check", digits, "--meter", esme, "--counter", "0x500000000"]).ends(0).json().remove(0);
    assert_eq!((&read["valid"], &read["authentic"], &read["value"]), (&true.into(), &true.into(), &made["value"]));
    // From what the meter took before, the whole counter is rebuilt.
    let read = utrn(&["check", digits, "--meter", esme, "--highest", "0x400000000"]).ends(0).json().remove(0);
    assert_eq!(read["counter"], 0x5_0000_0000_u64);

    for other in [&["--meter", gsme, "--counter", "0x500000000"], &["--meter", esme, "--counter", "0x600000000"]] {
        let read = utrn(&[&["check", digits], &other[..]].concat()).ends(1).json().remove(0);
        assert_eq!((&read["valid"], &read["authentic"]), (&true.into(), &false.into()), "{other:?}");
    }
    let last = (digits.as_bytes()[19] - b'0' + 1) % 10;
    let wrong = format!("{}{last}", &digits[..19]);
    assert_eq!(utrn(&["check", &wrong, "--meter", esme]).ends(1).json()[0]["valid"], false);
}

/// The schema of the docs, as an independent validator reads it, holds for what decode writes of every message at hand.
#[test]
fn what_decode_writes_is_what_the_schema_says() {
    const VALIDATE: &str = "
import json, sys
from jsonschema import Draft201909Validator as Validator
schema = json.load(open(sys.argv[1]))
Validator.check_schema(schema)
validator, count = Validator(schema), 0
for line in sys.stdin:
    document = json.loads(line)
    for error in validator.iter_errors(document):
        print(document.get('name'), list(error.absolute_path), error.message[:200])
    for field in ['counter', 'payload', 'target']:
        less = {key: value for key, value in document.items() if key != field}
        if validator.is_valid(less): print(document.get('name'), 'valid without', field)
    count += 1
print(count, 'documents')
";
    let files: Vec<_> = [data("messages.jsonl")].into_iter().chain(reference("rtds/messages.jsonl")).collect();
    let count: usize = files.iter().map(|file| std::fs::read_to_string(file).unwrap().lines().count()).sum();
    let arguments = ["gbcs", "decode", "--json"].map(std::ffi::OsStr::new).into_iter();
    let decoded = run(arguments.chain(files.iter().map(|file| file.as_os_str()))).ends(0);
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("decoded");
    std::fs::write(&lines, decoded.out).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gbcs-message.schema.json");
    if let Some(said) = python("jsonschema", VALIDATE, &[&schema], &lines) {
        assert_eq!(said, format!("{count} documents\n"));
    }
}
