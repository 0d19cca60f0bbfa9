//! The commands as a script calls them, on the messages and keys of the gbcs crate's tests.
use super::{Failure, GbcsArgs, Outcome, execute};
use clap::Parser;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: GbcsArgs,
}

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../gbcs/tests/data").join(name);
    path.to_str().unwrap().to_owned()
}

/// Outcome (`None` on misuse) and standard output.
fn run(args: &[&str]) -> (Option<Outcome>, String) {
    let cli = Cli::try_parse_from([&["gbcs"], args].concat()).unwrap();
    let mut out = Vec::new();
    let outcome = match execute(&cli.args.command, &mut out) {
        Ok(outcome) => Some(outcome),
        Err(Failure::Misuse { .. }) => None,
        Err(Failure::Output(error)) => panic!("{error}"),
    };
    (outcome, String::from_utf8(out).unwrap())
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn vectors() -> Vec<(String, String)> {
    let field = |json: &Value, name: &str| json[name].as_str().unwrap().to_owned();
    let text = fs::read_to_string(data("messages.jsonl")).unwrap();
    json_lines(&text).iter().map(|json| (field(json, "name"), field(json, "hex"))).collect()
}

fn vector(name: &str) -> String {
    vectors().into_iter().find(|(known, _)| known == name).unwrap().1
}

/// A file of these lines, and the folder that keeps it.
fn file(lines: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, lines.join("\n")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn check_of_sound_messages_holds_and_counts_them() {
    let (outcome, out) = run(&["check", "--keys", &data("keys.json"), "--json", &data("messages.jsonl")]);
    assert_eq!(outcome, Some(Outcome::Held));
    let summary = json_lines(&out).pop().unwrap();
    let n = vectors().len();
    assert_eq!((&summary["messages"], &summary["parsed"], &summary["reencoded"]), (&n.into(), &n.into(), &n.into()));
    for what in ["signatures", "macs"] {
        assert_eq!(summary[what]["present"], summary[what]["verified"]);
        assert_eq!((&summary[what]["failed"], &summary[what]["unknown_key"]), (&0.into(), &0.into()));
    }
    assert_eq!((&summary["encrypted"]["present"], &summary["encrypted"]["decrypted"]), (&4.into(), &4.into()));
}

#[test]
fn check_names_what_is_wrong_with_which_message() {
    let good = vector("ECS04a Command");
    let changed_mac = format!("{}00", &good[..good.len() - 2]);
    let cut = &good[..good.len() - 2];
    let (_folder, path) = file(&[&good, &changed_mac, cut, "not a message", r#"{"name": "odd", "hex": "D"}"#]);
    let (outcome, out) = run(&["check", "--keys", &data("keys.json"), "--json", &path]);
    assert_eq!(outcome, Some(Outcome::DidNotHold));
    let lines = json_lines(&out);
    let faults: Vec<_> = lines.iter().filter(|line| line["fault"].is_string()).collect();
    let found: Vec<_> =
        faults.iter().map(|f| (f["at"]["line"].as_u64().unwrap(), f["fault"].as_str().unwrap())).collect();
    assert_eq!(found, [(2, "MAC"), (3, "does not read"), (4, "does not read"), (5, "does not read")]);
    let summary = lines.last().unwrap();
    assert_eq!(
        (&summary["messages"], &summary["parsed"], &summary["macs"]["failed"]),
        (&5.into(), &2.into(), &1.into())
    );
    let (_, text) = run(&["check", "--keys", &data("keys.json"), &path]);
    assert!(text.contains("lines:2: MAC: does not verify") && text.contains("1 failed"), "{text}");
}

#[test]
fn what_decode_writes_encode_turns_back_into_the_same_octets() {
    for keys in [&["--keys", &data("keys.json")][..], &[]] {
        let (outcome, out) = run(&[&["decode", "--json", &data("messages.jsonl")], keys].concat());
        assert_eq!(outcome, Some(Outcome::Held));
        let (_folder, path) = file(&out.lines().collect::<Vec<_>>());
        let (outcome, hex) = run(&["encode", &path]);
        assert_eq!(outcome, Some(Outcome::Held));
        assert_eq!(hex.lines().collect::<Vec<_>>(), vectors().iter().map(|(_, hex)| hex).collect::<Vec<_>>());
    }
}

#[test]
fn decode_answers_every_line_and_says_where_a_bad_one_goes_wrong() {
    let good = vector("ECS82 Command");
    let changed = format!("{}EE{}", &good[..28], &good[30..]);
    let (_folder, path) = file(&[&good, &changed, "DF09", "", "?!"]);
    let (outcome, out) = run(&["decode", "--json", &path]);
    assert_eq!(outcome, Some(Outcome::DidNotHold));
    let lines = json_lines(&out);
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["use_case"]["id"], "ECS82");
    let error = |i: usize| (&lines[i]["error"]["offset"], lines[i]["error"]["field"].as_str().unwrap());
    assert_eq!(error(1), (&14.into(), "transaction-id length"));
    assert_eq!(error(2), (&2.into(), "CRA flag"));
    assert_eq!(error(3), (&0.into(), "line"));
    assert!(lines[3]["error"]["message"].as_str().unwrap().contains("neither hex nor base64"));
}

#[test]
fn decode_for_people_shows_meaning_verdicts_and_what_was_encrypted() {
    let (_folder, path) = file(&[&vector("ECS19 Response"), &vector("GCS40a Command")]);
    let (outcome, text) = run(&["decode", "--keys", &data("keys.json"), &path]);
    assert_eq!(outcome, Some(Outcome::Held));
    for expected in [
        "ECS19 Read ESME Prepayment Registers",
        "decrypted, row 1: verifies with the key of A1-B2-C3-D4-E5-F6-00-01",
        "meter balance             GBP 0.001  100 0x00000064",
        "0 Credit Adjustment",
        "value         GBP 1.00  100000 0x186A0",
        "verifies with the key of A1-B2-C3-D4-E5-F6-00-01",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
}

/// A Pre-Command is written from what it asks for, by names.
#[test]
fn encode_takes_parameters_by_their_names() {
    let header = r#""originator": "A1B2C3D4E5F60001", "target": "A1B2C3D4E5F700A0", "counter": 1003"#;
    let lines = [
        format!(
            r#"{{"message_code": "0x001C", {header}, "payload": {{"dlms": {{"request": {{"rows":
               [{{"name": "meter_balance.adjust", "value": 1200000}}]}}}}}}}}"#
        ),
        format!(
            r#"{{"message_code": "0x0070", {header}, "payload": {{"gbz": {{"components":
               [{{"name": "Select Available Emergency Credit", "fields": {{"issue_time": "immediate", "originating_device": "supplier"}}}}]}}}}}}"#
        ),
    ];
    let lines = lines.map(|line| line.replace('\n', " "));
    let (_folder, path) = file(&lines.each_ref().map(|line| &line[..]));
    let (outcome, out) = run(&["encode", &path]);
    assert_eq!(outcome, Some(Outcome::Held), "{out}");
    let [balance, credit] = out.lines().collect::<Vec<_>>()[..] else { panic!("{out}") };
    assert!(balance.ends_with("D9200003EB00010300700000130A00FF01010500124F80"), "{balance}");
    assert!(credit.ends_with("01090101070500080100000000000000"), "{credit}");
    let (_folder, path) = file(&[balance, credit]);
    let (outcome, out) = run(&["decode", "--json", &path]);
    assert_eq!(outcome, Some(Outcome::Held));
    for line in json_lines(&out) {
        assert!(line.get("warnings").is_none(), "{line}");
    }
}

#[test]
fn a_message_that_breaks_a_rule_of_the_catalogue_is_shown_with_a_warning() {
    let other_object = vector("ECS82 Command").replace("0000130A00FF", "0000130A07FF");
    let (_folder, path) = file(&[&other_object]);
    let (outcome, out) = run(&["decode", "--json", &path]);
    assert_eq!(outcome, Some(Outcome::Held));
    assert_eq!(json_lines(&out)[0]["warnings"][0]["name"], "rows", "{out}");
    let (_, text) = run(&["decode", "--color", "never", &path]);
    assert!(text.contains("warning rows: the rows are not those of ECS82"), "{text}");
    let (_, coloured) = run(&["decode", "--color", "always", &path]);
    assert!(coloured.contains("\x1b[33mwarning\x1b[0m"), "{coloured}");
}

#[test]
fn a_pre_command_becomes_a_command_that_verifies() {
    let keys = data("keys.json");
    let (_folder, pre_command) = file(&[&vector("ECS04a Command Pre-Command")]);
    let (outcome, signed) = run(&["sign", "--keys", &keys, &pre_command]);
    assert_eq!(outcome, Some(Outcome::Held));
    let (_folder, signed) = file(&[signed.trim()]);
    let (outcome, command) = run(&["mac", "--keys", &keys, "--broker", "A1-B2-C3-D4-E5-F6-00-02", &signed]);
    assert_eq!(outcome, Some(Outcome::Held));
    let command = command.trim().to_owned();
    let (_folder, path) = file(&[&command]);
    let (outcome, report) = run(&["verify", "--keys", &keys, "--json", &path]);
    assert_eq!(outcome, Some(Outcome::Held), "{report}");
    let (_folder, path) = file(&[&command.replace("05FFFE7960", "05FFFE7961")]);
    let (outcome, report) = run(&["verify", "--keys", &keys, "--json", &path]);
    assert_eq!(outcome, Some(Outcome::DidNotHold), "{report}");
    let (outcome, _) = run(&["verify", "--keys", &keys, &pre_command]);
    assert_eq!(outcome, Some(Outcome::DidNotHold), "a message without any protection proves nothing");
    let (outcome, out) = run(&["sign", "--keys", &keys, &signed]);
    assert_eq!((outcome, &out[..]), (Some(Outcome::DidNotHold), ""), "what is signed is not signed again");
}

#[test]
fn a_top_up_is_made_and_checked() {
    let keys = data("keys.json");
    let parties = [
        "--keys",
        &keys,
        "--supplier",
        "A1B2C3D4E5F60001",
        "--meter",
        "A1B2C3D4E5F700A0",
        "--counter",
        "0x19E00000000",
    ];
    let (outcome, digits) = run(&[&["utrn", "create", "--pounds", "20"], &parties[..]].concat());
    assert_eq!(outcome, Some(Outcome::Held));
    let digits = digits.trim();
    let (outcome, out) = run(&[&["utrn", "check", "--json", digits], &parties[..]].concat());
    assert_eq!(outcome, Some(Outcome::Held));
    let report = json_lines(&out).remove(0);
    assert_eq!((&report["value"], &report["authentic"]), (&2_000_000.into(), &true.into()));
    let other_meter =
        [&["utrn", "check", digits], &parties[..4], &["--meter", "A1B2C3D4E5F700A1"], &parties[6..]].concat();
    assert_eq!(run(&other_meter).0, Some(Outcome::DidNotHold));
    let last = if digits.ends_with('0') { "1" } else { "0" };
    let (outcome, out) = run(&["utrn", "check", &format!("{}{last}", &digits[..19])]);
    assert_eq!(outcome, Some(Outcome::DidNotHold));
    assert!(out.contains("check digit"), "{out}");
    assert!(out.contains(&format!("{last} stands there, {} fits", &digits[19..])), "{out}");
    let far = [&["utrn", "check", digits], &parties[..6], &["--highest", "0x100000000"]].concat();
    assert_eq!(run(&far).0, Some(Outcome::Held), "414 top-ups ahead");
    let far = [&["utrn", "check", digits], &parties[..6], &["--highest", "0x80000000000"]].concat();
    let (outcome, out) = run(&far);
    assert_eq!(outcome, Some(Outcome::DidNotHold));
    assert!(out.contains("made under counter 0x19E00000000, which is outside the window"), "{out}");
    let used = [&["utrn", "check", digits], &parties[..6], &["--highest", "0x19E00000000"]].concat();
    let (outcome, out) = run(&used);
    assert_eq!(outcome, Some(Outcome::DidNotHold));
    assert!(out.contains("a duplicate"), "{out}");
    let odd_counter = [&["utrn", "create", "--pence", "1"], &parties[..6], &["--counter", "5"]].concat();
    assert_eq!(run(&odd_counter).0, None);
}

#[test]
fn the_catalogue_is_listed_and_a_use_case_shown_whole() {
    let (_, all) = run(&["use-cases"]);
    assert_eq!(all.lines().count(), gbcs::catalogue::all().len());
    let (_, one) = run(&["use-cases", "ecs04a"]);
    assert!(one.contains("112 0-0:19.10.0.255 #1  dlong'GBP-5 -> null"), "{one}");
    let (_, json) = run(&["use-cases", "--json", "0x0086", "ecs04a"]);
    let json = json_lines(&json);
    assert_eq!(json[0]["id"], "GCS40a");
    assert_eq!(json[0]["components"][0]["fields"]["value"], json!({ "type": "s32", "unit": "GBP", "scale": -5 }));
    let row = &json[1]["rows"][0];
    assert_eq!((&row["name"], &row["method"]), (&json!("meter_balance.adjust"), &json!(1)));
    assert_eq!(row["request"], json!({ "type": "double-long", "unit": "GBP", "scale": -5 }));
    assert_eq!(run(&["use-cases", "ECS99"]).0, None);
}

#[test]
fn misuse_is_told_from_what_does_not_hold() {
    let (_folder, empty) = file(&[]);
    assert_eq!(run(&["check", "--keys", &data("keys.json"), &empty]).0, None);
    assert_eq!(run(&["check", "--keys", "/nonexistent", &data("messages.jsonl")]).0, None);
    assert_eq!(run(&["check", &data("messages.jsonl")]).0, None);
    assert_eq!(run(&["decode", "/nonexistent"]).0, None);
}
