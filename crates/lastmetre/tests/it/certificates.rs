//! Certificates of a home's devices: made with it, verified by openssl, found in the DCC's repository, and turned over.
use crate::common::{CREDIT, Household, LONG, Part, run, run_with};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const ESME: &str = "00-DB-12-34-56-78-90-A0";

/// A critical request for the electricity meter.
fn request(srv: &str, body: &str) -> String {
    let reference = srv.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let head = CREDIT.split("<sr:Body>").next().expect("a header");
    let head = head.replacen(">1.5<", &format!(">{reference}<"), 1).replacen(">1.5<", &format!(">{srv}<"), 1);
    format!("{head}<sr:Body>{body}</sr:Body></sr:Request>")
}

/// What a Response says, by the decoder.
fn decoded(delivery: &Value) -> Value {
    let response = delivery["evidence"]["response"]["hex"].as_str().expect("a Response");
    run_with(response, ["gbcs", "decode", "--json"]).ends(0).json().remove(0)["payload"]["asn1"].clone()
}

fn search(home: &Household, words: &[&str]) -> Vec<Value> {
    run(["smki", "search", "--json", "--to", home.dcc()].iter().chain(words)).ends(0).json()
}

fn serial(certificate: &Value) -> String {
    certificate["serial"].as_str().expect("a serial number").to_owned()
}

/// SRV 6.24.2 for the certificate, 6.17 for a new key, the SMKI for its certificate, 6.15.2 to put it into use: and what the meter
/// signs from then on is proved with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_meter_turns_over_to_a_new_certificate_and_is_believed_under_it() {
    let home = Household::new();
    let parts = Part::ALL.map(|part| home.spawn(part, &[]));
    home.dcc_listens().await;
    let held = search(&home, &[ESME, "--usage", "digital-signature", "--status", "in-use"]).remove(0);
    let of_key = "<sr:CredentialType>Digital Signature</sr:CredentialType>";
    let read = request(
        "6.24.2",
        &format!("<sr:RetrieveDeviceSecurityCredentialsDevice>{of_key}</sr:RetrieveDeviceSecurityCredentialsDevice>"),
    );
    let told = decoded(&home.until_state("held", &read, "Confirmed").await);
    assert_eq!(told["certificate"], held["certificate_der"], "{told}");

    let issue = request("6.17", &format!("<sr:IssueSecurityCredentials>{of_key}</sr:IssueSecurityCredentials>"));
    let told = decoded(&home.until_state("new key", &issue, "Confirmed").await);
    let csr = told["certification-request"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
    let pem = run_with(&csr, ["smki", "request", "--to", home.dcc()]).ends(0).out;
    assert_eq!(pem, run_with(&csr, ["smki", "request", "--to", home.dcc()]).ends(0).out, "again the same");
    let pending = search(&home, &[ESME, "--status", "pending"]).remove(0);
    verifies(&home.file("smki"), "device", &pem);

    // A certificate that the SMKI never issued is not passed on to a device; one of another device neither.
    let update = |certificate: &Value| {
        let certificate = certificate["certificate_der"].as_str().unwrap();
        request(
            "6.15.2",
            &format!(
                "<sr:UpdateSecurityCredentialsDevice><sr:DeviceCertificate>{certificate}</sr:DeviceCertificate>\
                 </sr:UpdateSecurityCredentialsDevice>"
            ),
        )
    };
    let of_gas = search(&home, &["00-DB-12-34-56-78-90-A1", "--usage", "digital-signature"]).remove(0);
    let refused = home.until_state("gas certificate", &update(&of_gas), "Refused").await;
    assert!(refused.to_string().contains("E061501"), "{refused}");

    home.until_state("new certificate", &update(&pending), "Confirmed").await;
    home.until_state("credit", CREDIT, "Confirmed").await;
    let told = decoded(&home.until_state("held now", &read, "Confirmed").await);
    assert_eq!(told["certificate"], pending["certificate_der"]);
    // The head end returned the Response, so the SMKI knows too, after a restart as well.
    let in_use = || {
        let all = search(&home, &[ESME, "--usage", "digital-signature"]);
        all.iter().map(|it| (serial(it), it["status"].as_str().unwrap().to_owned())).collect::<Vec<_>>()
    };
    let expected = [(serial(&held), "not-in-use".to_owned()), (serial(&pending), "in-use".to_owned())];
    let deadline = tokio::time::Instant::now() + LONG;
    while in_use() != expected {
        assert!(tokio::time::Instant::now() < deadline, "{:?}\n{}", in_use(), home.logs());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    drop(parts);
    let _parts = Part::ALL.map(|part| home.spawn(part, &[]));
    home.dcc_listens().await;
    assert_eq!(in_use(), expected);
    home.until_state("credit after a restart", CREDIT, "Confirmed").await;
}

#[test]
fn every_certificate_of_a_new_home_verifies_up_to_its_root_by_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    run(["home".as_ref(), "new".as_ref(), home.as_os_str()]).ends(0);
    let smki = home.join("smki");
    let keys: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(home.join("keys.json")).unwrap()).unwrap();
    let mut seen = 0;
    for entry in keys {
        let Some(certificate) = entry["certificate_der"].as_str() else { continue };
        let branch = if entry["eui64"].as_str().unwrap().starts_with("00DB") { "device" } else { "organisation" };
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", wrapped(certificate));
        verifies(&smki, branch, &pem);
        seen += 1;
    }
    // Two keys of five devices and of seven parties, and the one that top-ups are made with.
    assert_eq!(seen, 25);
    for name in ["supplier.pem", "dcc.pem"] {
        verifies(&smki, "organisation", &std::fs::read_to_string(home.join("xml-sign").join(name)).unwrap());
    }
}

/// A join by Method C carries the certificate of the display's key agreement key.
#[test]
fn a_join_of_display_and_gas_meter_carries_the_displays_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    run(["home".as_ref(), "new".as_ref(), home.as_os_str()]).ends(0);
    let join = request(
        "8.7.1",
        "<sr:JoinServiceCritical><sr:OtherDeviceID>00-DB-12-34-56-78-90-A4</sr:OtherDeviceID></sr:JoinServiceCritical>",
    )
    .replace("90-A0:0", "90-A1:0");
    let file = folder.path().join("join.xml");
    std::fs::write(&file, join).unwrap();
    let transform = ["duis", "transform", "--json", "--home"].map(AsRef::<std::ffi::OsStr>::as_ref);
    let made = run(transform.into_iter().chain([home.as_os_str(), file.as_os_str()])).ends(0).json().remove(0);
    let command = made["command"].as_str().unwrap_or_else(|| panic!("{made}"));
    let decoded = run_with(command, ["gbcs", "decode", "--json"]).ends(0).json().remove(0);
    let keys: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(home.join("keys.json")).unwrap()).unwrap();
    let is_its = |it: &&Value| {
        it["eui64"] == "00DB1234567890A4" && it["usage"] == "key-agreement" && it["certificate_der"].is_string()
    };
    let held = keys.iter().find(is_its).unwrap()["certificate_der"].as_str().unwrap();
    assert!(decoded.to_string().contains(held), "{decoded}");
    let answered = run_with(command, ["meter", "answer", "--json", "--home", home.to_str().unwrap(), "-"]).ends(0);
    let response = answered.json().remove(0)["response"].as_str().expect("a Response").to_owned();
    let decoded = run_with(&response, ["gbcs", "decode", "--json"]).ends(0).json().remove(0);
    assert_eq!(decoded["payload"]["asn1"]["joined"], "success", "{decoded}");
}

fn wrapped(base64: &str) -> String {
    let lines = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Panics when openssl finds no path to the root; says so where there is no openssl.
fn verifies(smki: &Path, branch: &str, pem: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let verify = Command::new("openssl")
        .args(["verify", "-x509_strict", "-CAfile"])
        .arg(smki.join(format!("{branch}-root.pem")))
        .arg("-untrusted")
        .arg(smki.join(format!("{branch}-issuing.pem")))
        .arg(file.path())
        .output();
    match verify {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: openssl: {error}"),
    }
}
