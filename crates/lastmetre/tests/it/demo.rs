//! The demo, as its exit code, its JSON and its text tell it.
use crate::common::{Ran, examples, run};
use serde_json::Value;
use std::collections::BTreeMap;

fn demo(args: &[&str]) -> Ran {
    run(["demo"].iter().chain(args))
}

/// What `--json` says: an object for each delivery, then one for the whole.
struct Told {
    deliveries: Vec<Value>,
    whole: Value,
}

impl Told {
    fn by(ran: &Ran) -> Self {
        let mut deliveries = ran.json();
        let whole = deliveries.pop().expect("a line for the whole");
        assert_eq!(whole["deliveries"], deliveries.len());
        Self { deliveries, whole }
    }

    /// How many deliveries of each meter are in each state.
    fn states(&self) -> BTreeMap<(&str, &str), usize> {
        let mut states = BTreeMap::new();
        for delivery in &self.deliveries {
            let gas = delivery["device"] == "00-DB-12-34-56-78-90-A1";
            let state = delivery["state"].as_str().expect("a state");
            *states.entry((if gas { "gas" } else { "electricity" }, state)).or_default() += 1;
        }
        states
    }

    /// What a register was asked to hold and what it holds.
    fn register(&self, meter: &str, name: &str) -> (&str, &str) {
        let rows = self.whole["registers"].as_array().expect("registers");
        let row = rows.iter().find(|row| row["meter"] == meter && row["register"] == name);
        let row = row.unwrap_or_else(|| panic!("no {name}: {rows:?}"));
        (row["asked"].as_str().unwrap(), row["holds"].as_str().unwrap())
    }

    #[track_caller]
    fn all_is_as_asked(&self) {
        let confirmed = BTreeMap::from([(("electricity", "Confirmed"), 4), (("gas", "Confirmed"), 1)]);
        assert_eq!(self.states(), confirmed);
        // What the requests in examples/requests say, in the words of the demo's table.
        let wanted = [
            ("electricity", "standing charge", "0.47500"),
            ("electricity", "price TOU 1", "0.24310"),
            ("electricity", "price TOU 2", "0.11870"),
            ("electricity", "meter balance", "25.00"),
            ("electricity", "time debt 1", "80.00"),
            ("electricity", "time debt 1 recovery", "0.40"),
            ("electricity", "time debt 1 recovery period", "86400"),
            ("electricity", "payment mode", "prepayment"),
            ("gas", "meter balance", "30.00"),
        ];
        for (meter, register, value) in wanted {
            assert_eq!(self.register(meter, register), (value, value), "{meter} {register}");
        }
        let rows = self.whole["registers"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["as_asked"] == true && row["asked"] == row["holds"]), "{rows:?}");
        assert_eq!(self.whole["holds"], true);
    }
}

#[test]
fn with_the_wan_down_five_commands_are_confirmed_and_every_register_is_as_asked() {
    let told = Told::by(&demo(&["--json", "--wan", "down"]).ends(0));
    told.all_is_as_asked();
    for delivery in &told.deliveries {
        let evidence = &delivery["evidence"]["evidence"];
        assert_eq!(evidence["response"]["brought_by"], "ppmid", "{delivery}");
        assert_eq!(evidence["response"]["signed_by"], delivery["device"], "{delivery}");
        assert_eq!(evidence["command"]["signed_by"], "90-B3-D5-1F-30-01-00-00", "{delivery}");
    }
}

#[test]
fn a_hub_of_today_refuses_by_a_rule_that_is_named_and_no_meter_is_changed() {
    let ran = demo(&["--profile", "today", "--json"]).ends(1);
    let told = Told::by(&ran);
    assert!(told.states().keys().all(|(_, state)| *state != "Confirmed"), "{:?}", told.states());
    let refusals = told.whole["refused_by_hub"].as_array().expect("refusals");
    assert!(!refusals.is_empty());
    for refusal in refusals {
        let refusal = refusal.as_str().expect("text");
        assert!(refusal.contains("GBCS 10.8.2") && refusal.contains("SME.C.PPMID-GSME"), "{refusal}");
    }
    assert_eq!(told.register("electricity", "meter balance"), ("25.00", "0.00"));
    assert_eq!(told.register("electricity", "payment mode"), ("prepayment", "credit"));
    assert_eq!(told.register("gas", "meter balance"), ("30.00", "0.00"));

    let ran = demo(&["--profile", "today"]).ends(1);
    assert!(ran.out.contains("GBCS 10.8.2") && ran.out.contains("0 of 5 confirmed"), "{}", ran.out);
}

#[test]
fn the_modification_to_the_letter_leaves_the_head_end_without_an_answer_while_the_wan_is_down() {
    let told = Told::by(&demo(&["--profile", "secmp0038", "--wan", "down", "--json"]).ends(1));
    // Nothing goes to a meter behind a Command of which nobody knows whether it was executed.
    let states = told.states();
    assert_eq!((states[&("electricity", "Unknown")], states[&("gas", "Unknown")]), (1, 1), "{states:?}");
    assert_eq!(states[&("electricity", "Queued")], 3, "{states:?}");
    for delivery in &told.deliveries {
        let waiting = delivery["evidence"]["waiting"].as_str().expect("why it waits");
        match delivery["state"].as_str() {
            Some("Unknown") => assert!(waiting.contains("proof"), "{waiting}"),
            _ => assert!(waiting.contains("goes before it"), "{waiting}"),
        }
    }
    // The Commands of which nothing is known were executed: that is why Unknown is the honest word.
    assert_eq!(told.register("gas", "meter balance"), ("30.00", "30.00"));
    assert_eq!(told.register("electricity", "standing charge"), ("0.47500", "0.47500"));
    assert_eq!(told.register("electricity", "meter balance"), ("25.00", "0.00"));
}

#[test]
fn the_modification_to_the_letter_is_confirmed_when_the_wan_returns() {
    let told = Told::by(&demo(&["--profile", "secmp0038", "--wan", "flaky", "--json"]).ends(0));
    told.all_is_as_asked();
    assert!(told.deliveries.iter().all(|d| d["evidence"]["evidence"]["response"]["brought_by"] == "dcc"));
}

#[test]
fn with_the_wan_up_commands_can_go_by_wan() {
    let told = Told::by(&demo(&["--route", "wan", "--wan", "up", "--json"]).ends(0));
    told.all_is_as_asked();
    for delivery in &told.deliveries {
        assert_eq!((&delivery["evidence"]["via"], &delivery["evidence"]["attempts"]), (&"wan".into(), &0.into()));
    }
}

#[test]
fn a_request_of_ones_own_is_delivered_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let example = examples().into_iter().find(|file| file.ends_with("gas-credit.xml")).unwrap();
    let own = std::fs::read_to_string(example).unwrap().replace(">3000000<", ">1234000<");
    let file = folder.path().join("twelve-pounds.xml");
    std::fs::write(&file, own).unwrap();
    let told = Told::by(&demo(&["--json", "--request", file.to_str().unwrap()]).ends(0));
    assert_eq!(told.states(), BTreeMap::from([(("gas", "Confirmed"), 1)]));
    assert_eq!(told.deliveries[0]["request"], "twelve-pounds");
    assert_eq!(told.whole["registers"].as_array().unwrap().len(), 1);
    assert_eq!(told.register("gas", "meter balance"), ("12.34", "12.34"));
}

#[test]
fn a_malformed_request_is_misuse_told_in_one_line_with_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.xml");
    let path = file.to_str().unwrap();
    let good = std::fs::read_to_string(&examples()[0]).unwrap();
    let cut = good.split("</sr:Body>").next().unwrap();
    let last_line = format!("line {}", cut.lines().count());
    let cases = [
        ("no XML", "1:1"),
        (cut, last_line.as_str()),
        (&good.replace("CommandVariant", "CommandVarnish"), "Request/Header"),
        (&good.replace("2500000", "plenty"), "AdjustMeterBalance"),
        ("<a>&b;</a>", "1:"),
    ];
    for (text, place) in cases {
        std::fs::write(&file, text).unwrap();
        let ran = demo(&["--request", path]).ends(2);
        assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{}", ran.err);
        assert!(ran.err.starts_with(&format!("error: {path}: ")) && ran.err.contains(place), "{place}: {}", ran.err);
    }
    let absent = folder.path().join("absent.xml");
    let ran = demo(&["--request", absent.to_str().unwrap()]).ends(2);
    assert!(ran.err.contains("absent.xml") && ran.err.lines().count() == 1, "{}", ran.err);
}

#[test]
fn the_text_has_the_table_and_the_evidence() {
    let ran = demo(&[]).ends(0);
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let has = |words: &[&str]| rows.iter().any(|row| row == words);
    for row in [
        &["meter", "register", "asked", "holds"][..],
        &["electricity", "payment", "mode", "prepayment", "prepayment"],
        &["gas", "meter", "balance", "30.00", "30.00"],
        &["Evidence"],
    ] {
        assert!(has(row), "{row:?}\n{}", ran.out);
    }
    for code in ["0x00A2", "0x001C", "0x001E", "0x001B", "0x0086"] {
        assert!(ran.out.contains(&format!("command  {code} ")), "{code}\n{}", ran.out);
    }
    let proofs = ran.out.lines().filter(|line| line.trim_start().starts_with("response"));
    let signed = proofs.filter(|line| line.contains("signed by 00-DB-12-34-56-78-90-A") && line.contains("sha256"));
    assert_eq!(signed.count(), 5, "{}", ran.out);
    assert!(ran.out.contains("5 of 5 confirmed"), "{}", ran.out);
    // Where there is no terminal, progress is plain lines, and not among the results.
    assert!(
        !ran.err.contains('\x1b') && ran.err.lines().any(|line| line.contains("Confirmed Verified")),
        "{}",
        ran.err
    );
}
