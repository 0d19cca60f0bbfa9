//! `home.toml` as people edit it.
use crate::common::run;
use std::path::Path;

const PARTS: [&[&str]; 6] = [
    &["dcc"],
    &["headend"],
    &["hub"],
    &["ppmid"],
    &["meter", "run", "--meter", "esme"],
    &["meter", "run", "--meter", "gsme"],
];

/// A new home in this folder.
fn new_home(dir: &Path) {
    run(["home".as_ref(), "new".as_ref(), "--apart".as_ref(), dir.as_os_str()]).ends(0);
}

#[test]
fn every_part_refuses_an_unknown_field_by_its_name_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    new_home(&home);
    let file = home.join("home.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let edits = [
        ("[hub]\n", "[hub]\ncolour = 1\n", "colour"),
        ("[dcc]\n", "[dcc]\nwann = \"up\"\n", "wann"),
        ("[gsme]\n", "[headend.deadlines]\nresponse = \"1s\"\n\n[gsme]\n", "response"),
        ("[hub]\n", "[weather]\nrain = true\n\n[hub]\n", "weather"),
    ];
    for (old, new, field) in edits {
        let text = good.replace(old, new);
        assert_ne!(text, good);
        std::fs::write(&file, &text).unwrap();
        let line = 1 + text.lines().position(|line| line.trim_start_matches('[').starts_with(field)).unwrap();
        for (n, part) in PARTS.iter().enumerate() {
            // The folder or its file: both name a home.
            let which = [("--home", &home), ("--config", &file)][n % 2];
            let ran = run(part.iter().map(AsRef::as_ref).chain([which.0.as_ref(), which.1.as_os_str()])).ends(2);
            let error = ran.err.lines().next().unwrap_or_default();
            let wanted = [format!("`{field}`"), "home.toml".into(), format!("line {line},")];
            assert!(wanted.iter().all(|part| error.contains(part)), "{part:?}: {wanted:?}: {}", ran.err);
        }
    }
}

#[test]
fn a_fault_in_the_secrets_does_not_show_them() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    new_home(&home);
    let file = home.join("secrets.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let (_, token) = good.split_once("api_token = \"").unwrap();
    let (token, _) = token.split_once('"').unwrap();
    std::fs::write(&file, good.replace(&format!("{token}\""), token)).unwrap();
    let ran = run(["dcc".as_ref(), "--home".as_ref(), home.as_os_str()]).ends(2);
    assert!(ran.err.contains("secrets.toml") && ran.err.contains("line "), "{}", ran.err);
    assert!(!ran.err.contains(token), "the token is in the message");
}

#[test]
fn a_folder_that_is_no_home_is_named_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    for part in PARTS {
        let ran = run(part.iter().map(AsRef::as_ref).chain(["--home".as_ref(), folder.path().as_os_str()])).ends(2);
        assert!(ran.err.contains("home.toml") && ran.err.contains("lastmetre home new"), "{part:?}: {}", ran.err);
    }
}

#[test]
fn a_file_of_another_name_is_not_taken_for_the_home_file_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    new_home(&home);
    let other = home.join("other.toml");
    std::fs::copy(home.join("home.toml"), &other).unwrap();
    for part in PARTS {
        let ran = run(part.iter().map(AsRef::as_ref).chain(["--config".as_ref(), other.as_os_str()])).ends(2);
        assert!(ran.err.contains("other.toml") && ran.err.contains("home.toml"), "{part:?}: {}", ran.err);
    }
}

#[test]
fn a_value_of_the_dcc_that_cannot_be_is_refused_by_key_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    new_home(&home);
    let file = home.join("home.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let faults = [
        ("[dcc.wan.everywhere]\nloss = 2.0", "dcc.wan.everywhere.loss", "from 0 to 1"),
        ("[dcc.wan.everywhere]\noutage = { mean = \"2\" }", "dcc.wan.everywhere.outage.mean", "no duration"),
        ("[dcc.wan.everywhere]\noutage = { median = \"2s\" }", "dcc.wan.everywhere.outage", "a median with a sigma"),
        ("[dcc.wan.everywhere]\nlatency_up = 5", "dcc.wan.everywhere.latency_up", "a time such as"),
        ("[dcc.wan.everywhere]\nstate = \"sunny\"", "dcc.wan.everywhere.state", "sunny"),
        ("[dcc.wan.everywhere]\nregion = \"North\"", "dcc.wan.everywhere.region", "only a hub"),
        ("[dcc.wan]\nregion = \"North\"", "dcc.wan.region", "no region \"North\""),
        (
            "[dcc.wan.hubs.00-DB-12-34-56-78-90-A2]\nregion = \"X\"",
            "dcc.wan.hubs.00-DB-12-34-56-78-90-A2.region",
            "no region",
        ),
        ("[dcc.wan.retry]\nattempts = 0", "dcc.wan.retry.attempts", "nonzero"),
        ("[dcc.wan.retry.services]\n\"7.x\" = {}", "dcc.wan.retry.services", "no service"),
        ("[dcc.wan]\n[dcc.limits]\nconnections = 0", "dcc.limits.connections", "nonzero"),
        ("[dcc.wan]\n[dcc.limits]\nbody = \"never\"", "dcc.limits.body", "no duration"),
        ("[dcc.wan]\n[dcc.tls]\nca = \"x\"", "dcc.tls.ca", "unknown field"),
        ("[dcc.wan]\n[[dcc.coverage]]\nregions = [\"Atlantis\"]", "dcc.coverage.regions", "no region of the SM WAN"),
    ];
    for (table, key, reason) in faults {
        let text = good.replace("wan = \"down\"\n", "") + table + "\n";
        let name = key.rsplit('.').next().unwrap();
        let line = text.lines().enumerate().filter(|(_, line)| line.contains(name)).last().unwrap().0 + 1;
        std::fs::write(&file, &text).unwrap();
        let error = run(["dcc".as_ref(), "--home".as_ref(), home.as_os_str()]).ends(2).err;
        let wanted = [format!("line {line},"), format!(", {key}: "), reason.to_owned()];
        assert!(wanted.iter().all(|part| error.contains(part)), "{table}: {wanted:?}: {error}");
    }
    // A file of thresholds is read at the start, and its own faults have places too.
    std::fs::write(&file, good.clone() + "[dcc.anomaly]\nthresholds = [\"anomaly.json\"]\n").unwrap();
    std::fs::write(home.join("anomaly.json"), "{\n  \"dcc\": 1\n}").unwrap();
    let error = run(["dcc".as_ref(), "--home".as_ref(), home.as_os_str()]).ends(2).err;
    assert!(error.contains("anomaly.json") && error.contains("line 2"), "{error}");
}
