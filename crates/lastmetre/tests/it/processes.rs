//! The parts as processes of one home, on sockets and on a radio of UDP.
use crate::common::{CREDIT, CREDIT_AMOUNT, GAS_CREDIT, Household, LONG, Part, tshark_live};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(flavor = "multi_thread")]
async fn with_the_wan_down_both_meters_are_reached_and_their_answers_proved() {
    let home = Household::new();
    let _parts = Part::ALL.map(|part| home.spawn(part, &[]));
    let before = (home.balance("before").await, home.gas_balance("gas before").await);
    let (credit, gas) = tokio::join!(
        home.until_state("credit", CREDIT, "Confirmed"),
        home.until_state("gas credit", GAS_CREDIT, "Confirmed")
    );
    for delivery in [credit, gas] {
        let evidence = &delivery["evidence"];
        assert_eq!(
            (&evidence["response"]["signed_by"], &evidence["response"]["brought_by"]),
            (&delivery["device"], &"ppmid".into())
        );
    }
    let after = (home.balance("after").await, home.gas_balance("gas after").await);
    assert_eq!(after, (before.0 + CREDIT_AMOUNT, before.1 + CREDIT_AMOUNT), "{}", home.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_capture_on_loopback_shows_the_commands_in_zep() {
    let home = Household::new();
    let secrets = home.toml("secrets.toml");
    let keys: String =
        secrets["han"].as_table().unwrap().values().map(|key| format!("{key},\"Normal\",\"\"\n")).collect();
    let han = &home.toml("home.toml")["han"];
    let host = |node: &str| han[node]["zep"].as_str().unwrap().split(':').next().unwrap().to_owned();
    // Each frame goes to every other device: this takes one copy of each.
    let (hub, ppmid) = (host("hub"), host("ppmid"));
    let once = format!("udp port 17754 and (dst host {hub} or (src host {hub} and dst host {ppmid}))");
    let fields =
        ["frame.protocols", "gbcs_message.grouping_header.cra_flag", "gbcs_message.grouping_header.message_code"];
    let Some(live) = tshark_live(&once, &keys, "gbcs_message", &fields) else { return };

    let _parts = Part::ALL.map(|part| home.spawn(part, &[]));
    home.until_state("credit", CREDIT, "Confirmed").await;
    home.until_state("gas credit", GAS_CREDIT, "Confirmed").await;
    let wanted = [("0x01", "0x001c"), ("0x02", "0x001c"), ("0x01", "0x0086"), ("0x02", "0x0086")];
    let wanted = BTreeSet::from(wanted.map(|(cra, code)| (cra.to_owned(), code.to_owned())));
    let mut seen = BTreeSet::new();
    let deadline = Instant::now() + LONG;
    while seen != wanted {
        assert!(Instant::now() < deadline, "seen only {seen:?}");
        for line in live.lines() {
            let [protocols, cra, code] = line.split('\t').collect::<Vec<_>>().try_into().expect("three fields");
            assert!(protocols.contains("udp:zep:wpan:zbee_nwk:zbee_aps:zbee_zcl"), "{protocols}");
            seen.insert((cra.to_owned(), code.to_owned()));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ppmid_and_a_hub_that_die_with_a_command_in_hand_deliver_it_once() {
    let home = Household::with(|home| home["gsme"]["wake_seconds"] = 3.into());
    let _far = [Part::Dcc, Part::HeadEnd].map(|part| home.spawn(part, &[]));
    let near = || [Part::Hub, Part::Ppmid].map(|part| home.spawn(part, &[]));
    let _gsme = home.spawn(Part::Gsme, &[]);
    let (before, gas_before);
    {
        let _near = near();
        let esme = home.spawn(Part::Esme, &[]);
        before = home.balance("before").await;
        gas_before = home.gas_balance("gas before").await;
        drop(esme);
        // The gas meter sleeps and the electricity meter is gone: the hub has both Commands and can pass on neither.
        let on_han = |delivery: &serde_json::Value| ["OnHan", "Unknown"].iter().any(|s| delivery["state"] == *s);
        tokio::join!(home.until("gas credit", GAS_CREDIT, on_han), home.until("credit", CREDIT, on_han));
    }
    let _esme = home.spawn(Part::Esme, &[]);
    let _near = near();
    home.until_state("gas credit", GAS_CREDIT, "Confirmed").await;
    home.until_state("credit", CREDIT, "Confirmed").await;
    let after = (home.balance("after").await, home.gas_balance("gas after").await);
    assert_eq!(after, (before + CREDIT_AMOUNT, gas_before + CREDIT_AMOUNT), "{}", home.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_says_that_it_waits_for_the_dcc_and_then_for_the_ppmid() {
    let home = Household::new();
    let _headend = home.spawn(Part::HeadEnd, &[]);
    let waits = |words: &'static str| {
        move |delivery: &serde_json::Value| delivery["waiting"].as_str().is_some_and(|why| why.contains(words))
    };
    let waiting = home.until("credit", CREDIT, waits("next try at")).await;
    assert_eq!(waiting["state"], "Requested");
    let dcc = home.spawn(Part::Dcc, &[]);
    let waiting = home.until("credit", CREDIT, waits("for the PPMID to connect")).await;
    assert_eq!(waiting["state"], "Queued");
    let _near = [Part::Hub, Part::Ppmid, Part::Esme].map(|part| home.spawn(part, &[]));
    home.until_state("credit", CREDIT, "Confirmed").await;
    // The last one is at its end; the next one waits for a DCC that died, and is delivered by the one that comes after it.
    drop(dcc);
    home.until("second", CREDIT, waits("next try at")).await;
    let _dcc = home.spawn(Part::Dcc, &[]);
    home.until_state("second", CREDIT, "Confirmed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_the_letter_of_the_modification_the_answer_comes_with_the_wan() {
    let home = Household::with(|home| {
        home["hub"]["profile"] = "secmp0038".into();
        home["headend"]["deadlines"].as_table_mut().unwrap().insert("answer".into(), "300ms".into());
    });
    let _parts = Part::ALL.map(|part| home.spawn(part, &[]));
    let unknown = home.until_state("credit", CREDIT, "Unknown").await;
    assert!(unknown["waiting"].as_str().is_some_and(|why| why.contains("proof")), "{unknown}");
    assert!(unknown["evidence"]["response"].is_null(), "{unknown}");
    home.set_wan("up").await;
    let confirmed = home.until_state("credit", CREDIT, "Confirmed").await;
    assert_eq!(confirmed["evidence"]["response"]["brought_by"], "dcc");
    assert_eq!(home.balance("balance").await, CREDIT_AMOUNT, "{}", home.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_tops_both_meters_up_at_the_ppmid_and_reads_it_on_the_display() {
    let home = Household::new();
    let _parts = [Part::Hub, Part::Esme, Part::Gsme].map(|part| home.spawn(part, &[]));
    let mut display = home.spawn_display();
    for (fuel, meter) in [("electricity", "esme"), ("gas", "gsme")] {
        let digits = home.utrn(meter);
        // The meter may not be there yet: a customer tries again.
        let done = loop {
            display.types(&format!("top-up {fuel} {digits}"));
            let over = |line: &serde_json::Value| line["fuel"] == fuel && line["outcome"]["state"] != "passed";
            let line = display.shows(over).await;
            if line["outcome"]["state"] != "unreachable" && line["outcome"]["state"] != "no-answer" {
                break line;
            }
        };
        assert_eq!(done["outcome"]["state"], "done", "{done}\n{}", home.logs());
        assert_eq!((&done["outcome"]["credited"], &done["outcome"]["balance"]), (&1_000_000.into(), &1_000_000.into()));
        // It is spent.
        display.types(&format!("top-up {fuel} {digits}"));
        let again = display.shows(|line| line["fuel"] == fuel && line["outcome"]["state"] == "refused").await;
        assert!(again["outcome"]["reason"].as_str().unwrap().contains("used before"), "{again}");
        let of_fuel = |line: &serde_json::Value| line["display"].is_object();
        let shown = loop {
            display.types("refresh");
            display.types("show");
            let shown = display.shows(of_fuel).await["display"][fuel].clone();
            if shown["balance"]["value"] == 1_000_000 {
                break shown;
            }
            sleep(Duration::from_millis(50)).await;
        };
        assert!(shown["balance"]["age"].as_u64().unwrap() < 60, "{shown}");
    }
    display.types("top-up gas 123");
    let refused = display.shows(|line| line["error"].is_string()).await;
    assert_eq!(refused["error"], "no UTRN: not 20 digits");
}
