//! DUIS documents: what we sign, what the DCC answers, and what it refuses.
use crate::common::{Household, Part, Ran, examples, run, schema, xmllint, xmlsec1};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const TRANSFORM: &str = "/api/v1/serviceT";
const SEND: &str = "/api/v1/serviceS";

/// A service reference that DUIS does not have.
const NO_SERVICE: &str = "77.7";

/// A command on documents of a home.
fn duis(words: &[&str], home: &Household, file: &Path) -> Ran {
    let args = ["duis"].iter().chain(words).map(AsRef::as_ref).chain(["--home".as_ref()]);
    run(args.chain([home.file("").as_os_str(), file.as_os_str()]))
}

/// The example for electricity credit under this counter, unsigned.
fn credit(counter: u64) -> String {
    let file = examples().into_iter().find(|file| file.ends_with("electricity-credit.xml")).unwrap();
    std::fs::read_to_string(file).unwrap().replace("90-A0:0<", &format!("90-A0:{counter}<"))
}

/// Signed by the supplier of the home.
fn signed(home: &Household, xml: &str) -> String {
    let file = home.file("unsigned.xml");
    std::fs::write(&file, xml).unwrap();
    duis(&["sign"], home, &file).ends(0).out
}

fn after_now() -> impl Iterator<Item = u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    now..
}

/// What stands in the first element of this name.
fn value<'t>(xml: &'t str, element: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("{element}>"))?;
    rest.split_once('<').map(|(value, _)| value)
}

/// Answers of the DCC, each accepted by ourselves; in the end also by tools of other people.
struct Answers<'h> {
    home: &'h Household,
    files: Vec<PathBuf>,
}

impl Answers<'_> {
    /// The response code of an answer that is signed by the DCC.
    #[track_caller]
    fn code(&mut self, answer: &str) -> String {
        let file = self.home.file(&format!("answer-{}.xml", self.files.len()));
        std::fs::write(&file, answer).unwrap();
        let code = value(answer, "ResponseCode").unwrap_or_else(|| panic!("no response code: {answer}")).to_owned();
        let ran = duis(&["check"], self.home, &file).ends(0);
        assert!(ran.out.contains(&format!(": response {code}")), "{}", ran.out);
        self.files.push(file);
        code
    }
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.files.iter().for_each(|file| xmlsec1(&self.home.file("xml-sign/dcc.pem"), file));
        if let Some(schema) = schema() {
            // An answer names the service that was asked for, even one that the schema does not have.
            let has_service = |file: &&PathBuf| !std::fs::read_to_string(file).unwrap().contains(NO_SERVICE);
            xmllint(&schema, &self.files.iter().filter(has_service).cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn signed_requests_are_accepted_by_ourselves_by_xmlsec1_and_by_the_schema() {
    let home = Household::new();
    let mut files = Vec::new();
    for example in examples() {
        let file = home.file(&format!("signed-{}.xml", files.len()));
        std::fs::write(&file, duis(&["sign", "--new-counter"], &home, &example).ends(0).out).unwrap();
        assert!(duis(&["check"], &home, &file).ends(0).out.contains("signature verified"));
        xmlsec1(&home.file("xml-sign/supplier.pem"), &file);
        // Another supplier's signature is not ours.
        duis(&["check"], &Household::new(), &file).ends(1);
        files.push(file);
    }
    if let Some(schema) = schema() {
        xmllint(&schema, &files);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dcc_answers_a_request_with_a_document_that_stands_every_test() {
    let home = Household::new();
    let _dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    let mut answers = Answers { home: &home, files: Vec::new() };
    for (counter, xml) in after_now().zip(examples()) {
        let xml = std::fs::read_to_string(xml).unwrap().replace(":0<", &format!(":{counter}<"));
        let file = home.file("request.xml");
        std::fs::write(&file, signed(&home, &xml)).unwrap();
        let sent =
            run(["duis".as_ref(), "send".as_ref(), "--to".as_ref(), home.dcc().as_ref(), file.as_os_str()]).ends(0);
        assert_eq!(answers.code(sent.out.trim_end()), "I0");
        assert!(sent.out.contains("PreCommand>"), "{}", sent.out);
        assert_eq!(value(&sent.out, "RequestID"), value(&xml, "RequestID"));
    }
}

/// `duis send` for a home, as JSON lines.
fn send(home: &Household, words: &[&str], files: &[PathBuf], code: i32) -> Vec<serde_json::Value> {
    let mut args: Vec<std::ffi::OsString> =
        ["duis", "send", "--json", "--new-counter", "--to", home.dcc()].map(Into::into).to_vec();
    args.extend(["--home".into(), home.file("").into()]);
    args.extend(words.iter().map(Into::into));
    args.extend(files.iter().map(Into::into));
    run(args).ends(code).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_local_delivery_is_transformed_checked_signed_and_its_command_checked() {
    let home = Household::new();
    let _dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    let lines = send(&home, &["--local"], &examples(), 0);
    assert_eq!(lines.len(), examples().len());
    for line in &lines {
        assert_eq!((&line["outcome"], &line["code"]), (&"command".into(), &"I0".into()), "{line}");
        let command = hex::decode(line["command"].as_str().unwrap()).unwrap();
        let view = gbcs::MessageView::parse(&command).unwrap();
        assert!(view.mac().is_some() && view.signature().is_some(), "{line}");
        assert!(line["request_id"].as_str().unwrap().ends_with(&format!(":{}", view.id().counter)), "{line}");
    }
    let checked = send(&home, &["--variant", "4"], &examples()[..1], 0);
    assert_eq!((&checked[0]["outcome"], &checked[0]["command"]), (&"pre_command".into(), &serde_json::Value::Null));
    // The same with keys from files, of which nothing says that they are a home's.
    let file = |name: &str| home.file(name).into_os_string();
    let mut words: Vec<std::ffi::OsString> =
        ["duis", "send", "--json", "--new-counter", "--local"].map(Into::into).into();
    words.extend(["--to".into(), home.dcc().into(), "--keys".into(), file("keys.json")]);
    words.extend(["--xml-key".into(), file("xml-sign/supplier.key")]);
    words.extend(["--xml-certificate".into(), file("xml-sign/supplier.pem"), examples()[0].clone().into()]);
    let unasked = run(words.clone()).ends(2);
    assert!(unasked.err.contains("who signs for the DCC"), "{}", unasked.err);
    words.extend(["--certificates".into(), file("xml-sign/dcc.pem")]);
    assert_eq!(run(words).ends(0).json()[0]["outcome"], "command");
    // A stranger is refused by code, a request that contradicts itself by ourselves, a DCC that is away by the network.
    let stranger = Household::new();
    let mut words = vec!["duis".into(), "send".into(), "--to".into(), home.dcc().into(), "--home".into()];
    words.extend([stranger.file("").into_os_string(), examples()[0].clone().into()]);
    let refused = run(words.clone()).ends(1);
    assert!(refused.out.contains("answer cannot be used"), "{}\n{}", refused.out, refused.err);
    words[3] = "http://127.0.0.1:1".into();
    words.extend(["--retries".into(), "1".into()]);
    let away = run(words).ends(1);
    assert!(away.out.contains("cannot be reached"), "{}\n{}", away.out, away.err);
}

#[test]
fn check_says_what_an_alert_is_and_what_a_request_says_against_itself() {
    let home = Household::new();
    let file = home.file("document.xml");
    let check = |text: &str, code| {
        std::fs::write(&file, text).unwrap();
        run(["duis".as_ref(), "check".as_ref(), file.as_os_str()]).ends(code).out
    };
    let alert = "<sr:Response xmlns:sr=\"http://www.dccinterface.co.uk/ServiceUserGateway\" schemaVersion=\"5.4\"><sr:Header>\
        <sr:ResponseCode>I0</sr:ResponseCode><sr:ResponseDateTime>2030-01-15T09:00:00Z</sr:ResponseDateTime></sr:Header><sr:Body>\
        <sr:DCCAlertMessage><sr:DCCAlertCode>N13</sr:DCCAlertCode><sr:DCCAlert><sr:CommandFailure><sr:CommandRequestID>\
        90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:7</sr:CommandRequestID><sr:DeviceID>00-DB-12-34-56-78-90-A0</sr:DeviceID>\
        </sr:CommandFailure></sr:DCCAlert></sr:DCCAlertMessage></sr:Body></sr:Response>";
    let said = "DCC alert N13, CommandFailure (a device did not answer a Command) about \
        90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:7";
    assert!(check(alert, 0).contains(said));
    assert!(check(&alert.replace("CommandFailure>", "Rumour>"), 1).contains("unexpected element `Rumour`"));
    // Nobody signed it, and an alert says too much to be believed unsigned.
    assert!(duis(&["check"], &home, &file).ends(1).out.contains("NOT accepted"));
    let read = crate::common::READ_BALANCE
        .replace("4.18", "4.6.1")
        .replace("<sr:ServiceReference>4.6.1", "<sr:ServiceReference>4.6")
        .replace("<sr:ReadMeterBalance/>", "<sr:RetrieveImportDailyReadLog><sr:ReadLogPeriod><sr:StartDateTime>2030-01-02T00:00:00Z\
            </sr:StartDateTime><sr:EndDateTime>2030-01-01T00:00:00Z</sr:EndDateTime></sr:ReadLogPeriod></sr:RetrieveImportDailyReadLog>");
    assert!(check(&read, 1).contains("ReadLogPeriod: ends before it starts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_a_meter_by_wan_is_waited_for_and_proved() {
    let home = Household::new();
    let _parts = [Part::Dcc, Part::Hub, Part::Esme].map(|part| home.spawn(part, &[]));
    home.dcc_listens().await;
    home.set_wan("up").await;
    let files =
        [("credit.xml", crate::common::CREDIT), ("balance.xml", crate::common::READ_BALANCE)].map(|(name, xml)| {
            let file = home.file(name);
            std::fs::write(&file, xml).unwrap();
            file
        });
    // Where the home's DCC brings responses.
    let headend = home.toml("home.toml")["headend"]["receive"].as_str().unwrap().to_owned();
    let sent = send(&home, &["--receive", &headend], &files[..1], 0);
    let [sent, answered] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(
        (&sent["outcome"], &sent["code"], &sent["use_case"]),
        (&"accepted".into(), &"I99".into(), &"ECS04a".into())
    );
    assert_eq!((&answered["outcome"], &answered["verified"]), (&"answered".into(), &true.into()), "{answered}");
    assert_eq!(answered["message"]["use_case"]["id"], "ECS04a", "{answered}");
    // The same both ways: the Command now, the answer later.
    let both = send(&home, &["--receive", &headend, "--variant", "3"], &files[1..], 0);
    let outcomes: Vec<_> = both.iter().map(|line| line["outcome"].as_str().unwrap_or("-")).collect();
    assert_eq!(outcomes, ["command", "answered"], "{both:?}");
    // Nobody answers while the WAN is down.
    home.set_wan("down").await;
    let nothing = send(&home, &["--receive", &headend, "--wait", "1", "--variant", "1"], &files[1..], 1);
    assert_eq!(nothing.last().unwrap()["outcome"], "unanswered", "{nothing:?}");
}

/// A good request before it is spoilt.
struct Case<'h> {
    home: &'h Household,
    stranger: &'h Household,
    xml: String,
    signed: String,
}

impl Case<'_> {
    /// Altered, then signed by the supplier.
    fn altered(&self, from: &str, to: &str) -> String {
        signed(self.home, &self.xml.replace(from, to))
    }
}

struct Spoilt {
    what: &'static str,
    sent_to: &'static str,
    code: &'static str,
    make: fn(&Case<'_>) -> String,
}

const fn spoilt(
    what: &'static str,
    sent_to: &'static str,
    code: &'static str,
    make: fn(&Case<'_>) -> String,
) -> Spoilt {
    Spoilt { what, sent_to, code, make }
}

const SPOILT: [Spoilt; 9] = [
    spoilt("cut off", TRANSFORM, "E100", |case| case.signed[..case.signed.len() / 2].to_owned()),
    spoilt("a DTD", TRANSFORM, "E100", |case| case.signed.replacen("?>", "?><!DOCTYPE r [<!ENTITY x \"y\">]>", 1)),
    spoilt("another amount", TRANSFORM, "E1", |case| case.signed.replace(">2500000<", ">9900000<")),
    spoilt("another's signature", TRANSFORM, "E1", |case| signed(case.stranger, &case.xml)),
    spoilt("no signature", TRANSFORM, "E1", |case| case.xml.clone()),
    spoilt("an unknown service", TRANSFORM, "E12", |case| case.altered(">1.5<", &format!(">{NO_SERVICE}<"))),
    spoilt("another service's body", TRANSFORM, "E12", |case| case.altered(">1.5<", ">1.6<")),
    spoilt("another Command Variant's address", SEND, "E13", |case| case.signed.clone()),
    spoilt("a Command Variant of another address", TRANSFORM, "E13", |case| case.altered("Variant>4<", "Variant>1<")),
];

#[tokio::test(flavor = "multi_thread")]
async fn bad_documents_get_their_response_code_and_use_up_nothing() {
    let home = Household::new();
    let stranger = Household::new();
    let mut dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    let mut answers = Answers { home: &home, files: Vec::new() };
    let mut counters = after_now();
    let mut good = || {
        let xml = credit(counters.next().unwrap());
        Case { signed: signed(&home, &xml), home: &home, stranger: &stranger, xml }
    };

    for Spoilt { what, sent_to, code, make } in SPOILT {
        let case = good();
        let bad = make(&case);
        assert!(bad != case.signed || sent_to != TRANSFORM, "{what}");
        let (status, answer) = home.post_to_dcc(sent_to, bad).await;
        assert_eq!((status, answers.code(&answer).as_str()), (200, code), "{what}: {answer}\n{}", home.logs());
        assert_eq!(value(&answer, "RequestID"), value(&case.xml, "RequestID"), "{what}");
        assert!(!answer.contains("PreCommand"), "{what}: {answer}");
        // The good one under the same RequestID is taken.
        let (_, answer) = home.post_to_dcc(TRANSFORM, case.signed).await;
        assert_eq!(answers.code(&answer), "I0", "{what}: {answer}\n{}", home.logs());
    }

    let elsewhere = good().altered("90-A0:", "90-EE:");
    assert_eq!(answers.code(&home.post_to_dcc(TRANSFORM, elsewhere).await.1), "E19");

    // Once accepted it is never accepted again, by a DCC that died in between either, and in whatever shape.
    let case = good();
    let first = case.signed.clone();
    assert_eq!(answers.code(&home.post_to_dcc(TRANSFORM, first.clone()).await.1), "I0");
    assert_eq!(answers.code(&home.post_to_dcc(TRANSFORM, first.clone()).await.1), "E57");
    drop(dcc);
    dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    assert_eq!(answers.code(&home.post_to_dcc(TRANSFORM, first).await.1), "E57");
    let other = case.altered(">2500000<", ">1<");
    assert_eq!(answers.code(&home.post_to_dcc(TRANSFORM, other).await.1), "E57");
    drop(dcc);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_request_gets_a_problem_with_the_response_code() {
    let home = Household::new();
    let _dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    let cases: [(&[u8], &str); 5] = [
        (b"not XML at all", "E100"),
        (b"", "E100"),
        (b"\xFF\xFE\x00<", "E100"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "E100"),
        // Who did not sign is not told what else is wrong.
        (b"<a/>", "E1"),
    ];
    for (octets, code) in cases {
        let (status, body) = home.post_to_dcc(TRANSFORM, octets).await;
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        assert_eq!((status, &problem["response_code"], &problem["status"]), (400, &code.into(), &400.into()), "{body}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn send_tells_a_refusal_from_misuse_and_from_a_dcc_that_is_away() {
    let home = Household::new();
    let file = home.file("request.xml");
    let send = || run(["duis".as_ref(), "send".as_ref(), "--to".as_ref(), home.dcc().as_ref(), file.as_os_str()]);
    let one_line = |ran: &Ran, words: &str| {
        let error = ran.err.lines().next().unwrap_or_default();
        assert!(ran.out.is_empty() && error.starts_with("error: ") && error.contains(words), "{words}: {}", ran.err);
    };
    let xml = credit(after_now().next().unwrap());
    std::fs::write(&file, &xml).unwrap();
    one_line(&send().ends(2), "request.xml: not signed");
    std::fs::write(&file, "garbage").unwrap();
    one_line(&send().ends(2), "request.xml: ");
    std::fs::write(&file, signed(&home, &xml)).unwrap();
    one_line(&send().ends(1), home.dcc());
    let _dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    std::fs::write(&file, signed(&Household::new(), &xml)).unwrap();
    assert_eq!(value(&send().ends(1).out, "ResponseCode"), Some("E1"));
    std::fs::write(&file, signed(&home, &xml)).unwrap();
    assert_eq!(value(&send().ends(0).out, "ResponseCode"), Some("I0"));
}

#[test]
fn each_example_becomes_a_command_that_the_meter_answers() {
    let home = Household::new();
    let (request, command) = (home.file("request.xml"), home.file("command.hex"));
    for example in examples() {
        std::fs::write(&request, duis(&["sign", "--new-counter"], &home, &example).ends(0).out).unwrap();
        let made = duis(&["transform", "--json"], &home, &request).ends(0).json().remove(0);
        std::fs::write(&command, made["command"].as_str().expect("a Command")).unwrap();
        let answer = |options: &[&str], code| {
            let args =
                ["meter", "answer", "--json"].iter().chain(options).map(AsRef::as_ref).chain(["--home".as_ref()]);
            run(args.chain([home.file("").as_os_str(), command.as_os_str()])).ends(code).json().remove(0)
        };
        let first = answer(&[], 0);
        assert_eq!((&first["command"], &first["outcome"]), (&made["command"], &"Success".into()), "{first}");
        assert!(!first["changes"].as_array().unwrap().is_empty(), "{first}");
        let response = home.file("response.hex");
        std::fs::write(&response, first["response"].as_str().expect("a Response")).unwrap();
        let keys = home.file("keys.json");
        let verify = ["gbcs".as_ref(), "verify".as_ref(), "--keys".as_ref(), keys.as_os_str(), response.as_os_str()];
        run(verify).ends(0);
        // So far the meter was only asked what it would do. When it keeps what it did, the same Command again is a replay.
        assert_eq!(answer(&["--keep"], 0)["changes"], first["changes"]);
        let again = answer(&[], 1);
        assert!(again["response"].is_null() && again["outcome"].as_str().unwrap().starts_with("refused"), "{again}");
    }
}

#[test]
fn what_is_no_request_is_not_transformed() {
    let home = Household::new();
    let file = home.file("garbage.xml");
    for garbage in ["garbage", "", "<sr:Request/>", "\u{0}"] {
        std::fs::write(&file, garbage).unwrap();
        let ran = duis(&["transform"], &home, &file).ends(2);
        assert!(ran.out.is_empty() && ran.err.lines().count() == 1 && ran.err.contains("garbage.xml"), "{}", ran.err);
        let ran = duis(&["transform", "--json"], &home, &file).ends(2);
        assert!(ran.json()[0]["error"].as_str().is_some_and(|error| !error.is_empty()), "{}", ran.out);
    }
}

/// A request of the home's supplier.
fn request_file(home: &Household, name: &str, id: &str, variant: u8, srv: &str, body: &str) -> PathBuf {
    let reference = srv.split('.').take(2).collect::<Vec<_>>().join(".");
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header><sr:RequestID>90-B3-D5-1F-30-01-00-00:{id}</sr:RequestID><sr:CommandVariant>{variant}</sr:CommandVariant><sr:ServiceReference>{reference}</sr:ServiceReference><sr:ServiceReferenceVariant>{srv}</sr:ServiceReferenceVariant></sr:Header><sr:Body>{body}</sr:Body></sr:Request>"#
    );
    let file = home.file(name);
    std::fs::write(&file, xml).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_utrn_in_a_command_is_shown_to_who_asks_for_it_only() {
    let home = Household::new();
    let _dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    for (meter, eui, shows) in [("esme", "A0", false), ("gsme", "A1", true)] {
        let digits = home.utrn(meter);
        // A top-up goes under the counter in its UTRN.
        let id = format!("00-DB-12-34-56-78-90-{eui}:{}", 0x3_0000_0000u64);
        let body = format!("<sr:TopUpDevice><sr:UTRN>{digits}</sr:UTRN></sr:TopUpDevice>");
        let file = request_file(&home, "top-up.xml", &id, 2, "2.2", &body);
        let mut words: Vec<std::ffi::OsString> = ["duis", "send", "--json", "--to", home.dcc()].map(Into::into).into();
        words.extend(["--home".into(), home.file("").into(), file.into()]);
        words.extend(shows.then(|| "--show-secrets".into()));
        let sent = run(words).ends(0);
        let line = sent.json().remove(0);
        assert_eq!(line["outcome"], "command", "{line}");
        let command = line["command"].as_str().unwrap();
        let holds = command.contains(&hex::encode_upper(&digits));
        assert_eq!((holds, command.contains("--show-secrets")), (shows, !shows), "{line}");
        assert!(shows || !sent.out.contains(&digits) && !sent.err.contains(&digits));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dcc_of_a_home_knows_its_property_its_meters_and_the_wan_there() {
    let home = Household::with(|home| {
        let wan = r#"
            region = "North"
            [everywhere]
            state = "up"
            [regions.North]
            state = "flaky"
            between = "30m"
            outage = "10m"
            [regions.Central]
            state = "down"
        "#;
        home["dcc"]["wan"] = toml::Value::Table(wan.parse().unwrap());
        let covered: toml::Table = "post_code = \"AB1\"\nregions = [\"Central\", \"4G South\"]".parse().unwrap();
        home["dcc"].as_table_mut().unwrap().insert("coverage".into(), vec![covered].into());
    });
    let _dcc = home.spawn(Part::Dcc, &[]);
    home.dcc_listens().await;
    let ask = |counter: u64, srv: &str, body: &str, code: i32| {
        let id = format!("90-B3-D5-1F-30-00-00-02:{counter}");
        let file = request_file(&home, "ask.xml", &id, 8, srv, body);
        send(&home, &[], &[file], code).remove(0)
    };
    let property = home.toml("home.toml")["property"].clone();
    let own = ask(
        1,
        "12.1",
        &format!("<sr:RequestWANMatrix><sr:UPRN>{}</sr:UPRN></sr:RequestWANMatrix>", property["uprn"]),
        0,
    );
    let regions = &own["answer"]["DSPWANMatrix"]["DSPWANMatrixResponse"];
    assert_eq!(
        (&regions["CSPRegion"], &regions["ConnectivityLikelihood"]),
        (&"North".into(), &"Medium".into()),
        "{own}"
    );
    assert_eq!(regions["CoverageAvailability"], "true");
    let at = |code: &str| {
        format!(
            "<sr:RequestWANMatrix><sr:PartialAddress><sr:PostCode>{code}</sr:PostCode><sr:AddressIdentifier>1</sr:AddressIdentifier></sr:PartialAddress></sr:RequestWANMatrix>"
        )
    };
    let elsewhere = ask(2, "12.1", &at("AB1 2CD"), 0);
    let regions = elsewhere["answer"]["DSPWANMatrix"]["DSPWANMatrixResponse"].as_array().unwrap();
    let said: Vec<_> = regions.iter().map(|r| (&r["CSPRegion"], &r["CoverageAvailability"])).collect();
    assert_eq!(said, [(&"Central".into(), &"false".into()), (&"4G South".into(), &"true".into())], "{elsewhere}");
    ask(3, "12.1", &at("XY9 9XY"), 1);
    let mpan = property["mpan"].as_str().unwrap();
    let found = ask(4, "8.2", &format!("<sr:ReadInventory><sr:MPxN>{mpan}</sr:MPxN></sr:ReadInventory>"), 0);
    let esme = home.toml("home.toml")["identities"]["esme"].as_str().unwrap().to_owned();
    assert!(found["answer"].to_string().contains(&esme), "{found}");
}
