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
