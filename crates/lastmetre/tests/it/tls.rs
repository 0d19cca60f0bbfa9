//! HTTPS between the DCC and its User, both ways, with certificates that `home new --dcc-tls` made.
use crate::common::{CREDIT, CREDIT_AMOUNT, Household, Part, run};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const CREDIT_REQUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/requests/electricity-credit.xml");

fn listens(url: &str) {
    let addr = url.split("//").nth(1).unwrap();
    let started = Instant::now();
    while TcpStream::connect(addr).is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "nobody listens at {url}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `duis send` for a copy of the Command, with these options besides.
fn send(home: &Household, options: &[&Path]) -> crate::common::Ran {
    let words = ["duis", "send", "--to", home.dcc(), "--local", "--new-counter", "--retries", "0", "--json"];
    run(words.iter().map(AsRef::as_ref).chain(options.iter().copied()).chain([Path::new(CREDIT_REQUEST)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_confirmed_over_https_in_both_directions() {
    // To the letter of the modification: the Command goes by the display, the answer comes by WAN and is called back.
    let home = Household::made_with(&["--dcc-tls", "--wan", "up"], |home| home["hub"]["profile"] = "secmp0038".into());
    assert!(home.dcc().starts_with("https:"));
    let _parts = Part::ALL.map(|part| home.spawn(part, &[]));
    let confirmed = home.until_state("credit", CREDIT, "Confirmed").await;
    let evidence = &confirmed["evidence"];
    assert_eq!(
        (&evidence["command"]["brought_by"], &evidence["response"]["brought_by"]),
        (&"dcc".into(), &"dcc".into())
    );
    assert_eq!(home.balance("balance").await, CREDIT_AMOUNT, "{}", home.logs());
}

#[test]
fn a_request_is_sent_over_https_with_the_certificates_of_a_home_or_of_files_and_with_no_others() {
    let (home, other) = (Household::made_with(&["--dcc-tls"], |_| ()), Household::made_with(&["--dcc-tls"], |_| ()));
    let _dcc = home.spawn(Part::Dcc, &[]);
    listens(home.dcc());
    let of_home = [Path::new("--home"), &home.file("")];
    let sent = send(&home, &of_home).ends(0).json();
    assert_eq!(sent[0]["outcome"], "command", "{sent:?}");

    let files = |home: &Household| {
        [("--tls-authority", "ca.pem"), ("--tls-certificate", "supplier.pem"), ("--tls-key", "supplier.key")]
            .map(|(option, file)| (option, home.file("dcc-tls").join(file)))
    };
    let with = |tls: &[(&str, std::path::PathBuf)]| {
        let tls = tls.iter().flat_map(|(option, file)| [Path::new(*option), file.as_path()]);
        send(&home, &of_home.iter().copied().chain(tls).collect::<Vec<_>>())
    };
    with(&files(&home)).ends(0);
    // The DCC is not whom another authority vouches for, and does not know whom it vouches for.
    let [authority, certificate, key] = files(&other);
    let refused = with(&[authority.clone(), certificate.clone(), key.clone()]).ends(1);
    assert!(refused.out.contains("invalid peer certificate"), "{refused:?}");
    let [own_authority, ..] = files(&home);
    with(&[own_authority.clone(), certificate.clone(), key]).ends(1);
    // A key of another certificate.
    let [.., own_key] = files(&home);
    with(&[own_authority, certificate, own_key]).ends(2);
    // Whoever has no certificates is told what to do.
    let plain = Household::new();
    let none = send(&home, &[Path::new("--home"), &plain.file("")]).ends(2);
    assert!(none.err.contains("--tls-authority"), "{none:?}");
}

#[test]
fn certificates_that_are_absent_are_named_with_the_next_step() {
    let home = Household::made_with(&["--dcc-tls"], |_| ());
    std::fs::remove_file(home.file("dcc-tls/dcc.key")).unwrap();
    for part in ["dcc", "headend"] {
        if part == "headend" {
            std::fs::write(home.file("dcc-tls/supplier.pem"), "no certificate").unwrap();
        }
        let ran = run([part.as_ref(), "--home".as_ref(), home.file("").as_os_str()]).ends(2);
        assert!(ran.err.contains("dcc-tls/") && ran.err.contains("home new --dcc-tls"), "{}", ran.err);
    }
}
