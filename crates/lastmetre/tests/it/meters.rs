//! `lastmetre meter live` and `show`: days pass for the meters of a home, and what became of them is told and drawn.
use crate::common::{examples, reference, run, run_with, xmllint};
use serde_json::Value;

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

/// A read whose answer is encrypted for the supplier: from the request to the words of the MMC schema.
#[test]
fn what_a_meter_answered_is_told_in_the_words_of_the_mmc_schema() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    run(["home".as_ref(), "new".as_ref(), home.as_os_str()]).ends(0);
    let of_home = |words: &[&str], input: &str| {
        let args = words.iter().map(AsRef::as_ref).chain(["--json".as_ref(), "--home".as_ref(), home.as_os_str()]);
        run_with(input, args)
    };
    let credit = examples().into_iter().find(|path| path.ends_with("electricity-credit.xml")).unwrap();
    let credit = std::fs::read_to_string(credit).unwrap();
    let (head, _) = credit.split_once("<sr:Body>").unwrap();
    let head = head
        .replace(">4</sr:CommandVariant>", ">1</sr:CommandVariant>")
        .replace("Reference>1.5<", "Reference>4.3<")
        .replace("Variant>1.5<", "Variant>4.3<");
    let request = folder.path().join("read.xml");
    let body = "<sr:Body><sr:ReadInstantaneousPrepayValues/></sr:Body></sr:Request>";
    std::fs::write(&request, format!("{head}{body}")).unwrap();
    let made = of_home(&["duis", "transform", request.to_str().unwrap()], "").ends(0).json().remove(0);
    let answered = of_home(&["meter", "answer"], made["command"].as_str().unwrap()).ends(0).json().remove(0);
    let response = answered["response"].as_str().unwrap();

    let told = of_home(&["duis", "mmc"], response).ends(0).json().remove(0);
    assert_eq!((&told["srv"], &told["typed"], &told["gbcs_data"]), (&"4.3".into(), &true.into(), &0.into()), "{told}");
    let xml = told["xml"].as_str().unwrap();
    assert!(xml.contains("<ra:EmergencyCreditBalance>1000000</ra:EmergencyCreditBalance>"), "{xml}");
    assert!(xml.contains("<ra:MeterBalance>0</ra:MeterBalance></ra:ReadInstantaneousPrepayValuesRsp>"), "{xml}");

    // Whoever has no keys sees that there is something.
    let closed = run_with(response, ["duis", "mmc"]).ends(0).out;
    assert!(closed.contains(r#"<ra:GBCSData format="encrypted""#) && !closed.contains("MeterBalance"), "{closed}");

    // Lines that say which service, a Command, and what is no message: each has an answer of its own.
    let line = |service: &str| serde_json::json!({ "name": service, "service": service, "hex": response }).to_string();
    let lines = [line("4.3"), line("4.18"), made["command"].as_str().unwrap().to_owned(), "DF".to_owned()].join("\n");
    let lines = run_with(&lines, ["duis", "mmc", "--json"]).ends(2).json();
    assert_eq!(lines.iter().map(|line| line.get("error").is_some()).collect::<Vec<_>>(), [false, true, true, true]);
    assert!(lines[1]["error"].as_str().unwrap().contains("4.18"), "{}", lines[1]);
    run_with(response, ["duis", "mmc", "--srv", "77.7"]).ends(2);
    run_with(response, ["duis", "mmc", "--srv", "balance"]).ends(2);

    if let Some(schema) = reference("duis/MMC Schema V5.4.xsd") {
        // xmllint takes no schema whose name holds spaces.
        let copy = folder.path().join("mmc.xsd");
        std::fs::copy(schema, &copy).unwrap();
        let documents = [("opened.xml", xml), ("closed.xml", &closed)].map(|(name, xml)| {
            let path = folder.path().join(name);
            std::fs::write(&path, xml).unwrap();
            path
        });
        xmllint(&copy, &documents);
    }
}

/// The same from a Response of the DCC that brings the answer; one that brings none is refused.
#[test]
fn a_response_of_the_dcc_says_which_service_its_message_answers() {
    let message = "3wkCAAAAAAAAA+gIANsSNFZ4kKAIkLPVHzABAAAAAgBiDNogAAPoAAABAAECAQ==";
    let response = |content: &str| {
        format!(
            r#"<sr:Response xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header><sr:RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000</sr:RequestID><sr:ResponseCode>I0</sr:ResponseCode><sr:ResponseDateTime>2026-01-01T00:00:00.000Z</sr:ResponseDateTime></sr:Header><sr:Body><sr:ResponseMessage><sr:ServiceReference>8.1</sr:ServiceReference><sr:ServiceReferenceVariant>8.1.1</sr:ServiceReferenceVariant>{content}</sr:ResponseMessage></sr:Body></sr:Response>"#
        )
    };
    let brings = response(&format!("<sr:GBCSPayload>{message}</sr:GBCSPayload>"));
    let told: Value = run_with(&brings, ["duis", "mmc", "--json"]).ends(0).json().remove(0);
    assert_eq!(told["srv"], "8.1.1", "{told}");
    let refused = run_with(&response(""), ["duis", "mmc"]).ends(2);
    assert!(refused.err.contains("no message of a device"), "{}", refused.err);
}

/// From the request to the Response of CHF and GPF: what they hold of whom, and new credentials for the GPF, by the requests of the
/// public reference data where they are there.
#[test]
fn the_hubs_functions_answer_for_their_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let (home, request) = (folder.path().join("home"), folder.path().join("request.xml"));
    run(["home".as_ref(), "new".as_ref(), home.as_os_str()]).ends(0);
    let of_home = |words: &[&str], input: &str| {
        let args = words.iter().map(AsRef::as_ref).chain(["--json".as_ref(), "--home".as_ref(), home.as_os_str()]);
        run_with(input, args)
    };
    // What became of it, in the words of the MMC schema, when it was answered and the answer verifies.
    let ask = |xml: &str| {
        std::fs::write(&request, xml).unwrap();
        let made = of_home(&["duis", "transform", request.to_str().unwrap()], "").ends(0).json().remove(0);
        let command = made["command"].as_str().unwrap();
        let answered = of_home(&["meter", "answer", "--keep"], command).ends(0).json().remove(0);
        assert_eq!(answered["outcome"], "Success", "{answered}");
        let response = answered["response"].as_str().unwrap();
        run_with(response, ["gbcs", "verify", "--keys", home.join("keys.json").to_str().unwrap()]).ends(0);
        // The same again is a replay, unless it changes nothing.
        let again = of_home(&["meter", "answer"], command).json().remove(0);
        let told = of_home(&["duis", "mmc"], response).ends(0).json().remove(0);
        assert_eq!(told["typed"], true, "{told}");
        (
            told["srv"].as_str().unwrap().to_owned(),
            told["xml"].as_str().unwrap().to_owned(),
            again["response"].is_null(),
        )
    };

    let credit = examples().into_iter().find(|path| path.ends_with("electricity-credit.xml")).unwrap();
    let credit = std::fs::read_to_string(credit).unwrap();
    let (head, _) = credit.split_once("<sr:Body>").unwrap();
    let head = head
        .replace(">4</sr:CommandVariant>", ">1</sr:CommandVariant>")
        .replace("Reference>1.5<", "Reference>6.24<")
        .replace("Variant>1.5<", "Variant>6.24.1<");
    for (function, roles) in [("A2", &["ACB", "TransCoS"][..]), ("A3", &["ACB", "Supplier", "NetworkOperator"])] {
        let roles: String = roles.iter().map(|r| format!("<sr:RemotePartyRole>{r}</sr:RemotePartyRole>")).collect();
        let body =
            format!("<sr:RetrieveDeviceSecurityCredentialsKRP>{roles}</sr:RetrieveDeviceSecurityCredentialsKRP>");
        let head = head.replace("12-34-56-78-90-A0:", &format!("12-34-56-78-90-{function}:"));
        let (srv, xml, refused) = ask(&format!("{head}<sr:Body>{body}</sr:Body></sr:Request>"));
        assert_eq!((srv.as_str(), refused), ("6.24.1", false), "{xml}");
        assert!(!xml.contains("GBCSData"), "{xml}");
    }

    // Dated and taken back, then at once; after that the home's supplier is a stranger, and the broker and the transitional party act.
    for (counter, template) in (2_000..).zip([
        "CS02bSupplierBySupplier_6.15.1_FUTURE_DATED_SUCCESS_REQUEST_DUIS.XML",
        "CS02bSupplierBySupplier_6.15.1_CANCELLATION_SUCCESS_REQUEST_DUIS.XML",
        "CS02bSupplierBySupplier_6.15.1_IMMEDIATE_SUCCESS_REQUEST_DUIS.XML",
        "CS02bSupplierBySupplierHandover_6.21_SUCCESS_REQUEST_DUIS.XML",
        "CS02bNOByNOHandover_6.21_SUCCESS_REQUEST_DUIS.XML",
        "CS02bSupplierByTransCoS_6.23_FUTURE_DATED_SUCCESS_REQUEST_DUIS.XML",
    ]) {
        let Some(path) = reference(&format!("duis/templates/{template}")) else { return };
        let xml = std::fs::read_to_string(path).unwrap();
        let (head, rest) = xml.split_once("<sr:RequestID>").unwrap();
        let (id, rest) = rest.split_once("</sr:RequestID>").unwrap();
        let user = id.split(':').next().unwrap();
        let id = format!("<sr:RequestID>{user}:00-DB-12-34-56-78-90-A3:{counter}</sr:RequestID>");
        let (_, xml, refused) = ask(&format!("{head}{id}{rest}"));
        assert!(refused, "{template} twice: {xml}");
    }
}

/// One service becomes the use case of the home's meter, which has the objects for it; a meter of another kind would not.
#[test]
fn a_request_becomes_the_use_case_of_the_kind_of_meter_that_the_home_has() {
    let folder = tempfile::tempdir().unwrap();
    let credit = examples().into_iter().find(|path| path.ends_with("electricity-credit.xml")).unwrap();
    let credit = std::fs::read_to_string(credit).unwrap();
    let (head, _) = credit.split_once("<sr:Body>").unwrap();
    // The network operator has the voltage counters start anew.
    let head = head
        .replace("90-B3-D5-1F-30-01-00-00:", "90-B3-D5-1F-30-02-00-00:")
        .replace(">4</sr:CommandVariant>", ">1</sr:CommandVariant>")
        .replace("Reference>1.5<", "Reference>6.27<")
        .replace("Variant>1.5<", "Variant>6.27<")
        .replace("A0:0<", "A0:7<");
    let body = "<sr:Body><sr:UpdateDeviceConfigurationRMSVoltageCounterReset/></sr:Body></sr:Request>";
    let home = |variant: &str| {
        let home = folder.path().join(variant);
        let args = ["home".as_ref(), "new".as_ref(), home.as_os_str(), "--esme-variant".as_ref(), variant.as_ref()];
        run(args).ends(0);
        home
    };
    let of = |words: &[&str], home: &std::path::Path, input: &str| {
        let args = words.iter().map(AsRef::as_ref).chain(["--json".as_ref(), "--home".as_ref(), home.as_os_str()]);
        run_with(input, args)
    };
    let request = |name: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{head}{body}")).unwrap();
        file.to_str().unwrap().to_owned()
    };
    for (variant, kind, file, use_case) in [
        ("single", "single element", "request.xml", "ECS29e"),
        ("twin", "twin element", "ECS29f_request.xml", "ECS29e"),
        ("polyphase", "polyphase", "request.xml", "ECS29f"),
        // What the name of a file says counts for the meter of every variant alone.
        ("reference", "every variant", "request.xml", "ECS29e"),
        ("reference", "every variant", "ECS29f_request.xml", "ECS29f"),
    ] {
        let at = folder.path().join(variant);
        let at = if at.exists() { at } else { home(variant) };
        let shown = of(&["meter", "show", "--meter", "esme"], &at, "").ends(0).json().remove(0);
        assert_eq!(shown["variant"], kind);
        let made = of(&["duis", "transform", &request(file)], &at, "").ends(0).json().remove(0);
        assert_eq!(made["use_case"], use_case, "{variant} {file}");
        let answered = of(&["meter", "answer"], &at, made["command"].as_str().unwrap()).ends(0).json().remove(0);
        assert_eq!(answered["outcome"], "Success", "{variant} {file}");
    }
    let wrong = folder.path().join("wrong");
    run(["home".as_ref(), "new".as_ref(), wrong.as_os_str(), "--esme-variant".as_ref(), "triplet".as_ref()]).ends(2);
}
