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
