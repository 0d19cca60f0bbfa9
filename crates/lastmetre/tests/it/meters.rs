//! `lastmetre meter live` and `show`: days pass for the meters of a home, and what became of them is told and drawn.
use crate::common::run;

#[test]
fn days_pass_for_a_meter_and_its_balance_is_told_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (home, chart) = (folder.path().join("home"), folder.path().join("balance.svg"));
    run(["home".as_ref(), "new".as_ref(), home.as_os_str()]).ends(0);
    let meter = |command: &str, options: &[&str]| {
        let args = ["meter".as_ref(), command.as_ref(), "--home".as_ref(), home.as_os_str()];
        run(args.into_iter().chain(options.iter().map(AsRef::as_ref)))
    };
    let to_chart = ["--meter", "esme", "--chart", chart.to_str().unwrap()];
    // Nothing to draw of a new meter: misuse, with a hint.
    assert!(meter("show", &to_chart).ends(2).err.contains("hint:"));
    meter("live", &["--meter", "esme", "--days", "40"]).ends(0);
    let told = meter("show", &["--meter", "esme", "--json"]).ends(0).json().remove(0);
    assert_eq!(told["days"].as_array().unwrap().len(), 40);
    let register = |name: &str| {
        let registers = told["registers"].as_array().unwrap();
        registers.iter().find(|register| register["name"] == name).expect(name)["value"].clone()
    };
    assert_eq!((&register("meter balance"), &register("payment mode")), (&"20.00".into(), &"prepayment".into()));
    assert!(register("import").as_str().unwrap().parse::<u32>().unwrap() > 100_000);
    meter("show", &to_chart).ends(0);
    assert!(std::fs::read_to_string(&chart).unwrap().starts_with("<svg "));
}

/// Who reads only the first lines, as `head` does, ends nothing: the meter keeps what it executed.
#[test]
fn a_reader_who_leaves_early_loses_the_home_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    run(["home".as_ref(), "new".as_ref(), home.as_os_str()]).ends(0);
    let transform = ["duis", "transform", "--json", "--home"].map(AsRef::<std::ffi::OsStr>::as_ref);
    let request = crate::common::examples().into_iter().find(|path| path.ends_with("electricity-credit.xml")).unwrap();
    let made = run(transform.into_iter().chain([home.as_os_str(), request.as_os_str()])).ends(0).json().remove(0);
    let commands = folder.path().join("commands");
    std::fs::write(&commands, made["command"].as_str().unwrap()).unwrap();
    let mut answering = crate::common::lastmetre()
        .args(["meter", "answer", "--keep", "--home"])
        .args([&home, &commands])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(answering.stdout.take());
    let ended = answering.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let shown =
        run(["meter".as_ref(), "show".as_ref(), "--json".as_ref(), "--home".as_ref(), home.as_os_str()]).ends(0);
    let told = shown.json().remove(0);
    let balance = told["registers"].as_array().unwrap().iter().find(|register| register["name"] == "meter balance");
    assert_eq!(balance.unwrap()["value"], "25.00", "{told}");
}
