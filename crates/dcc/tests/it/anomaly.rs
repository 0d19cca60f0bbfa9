//! Anomaly detection: what is set aside, what a User is told, and what becomes of it (DUIS 5.3).
use crate::common::desk::*;
use crate::common::*;
use dcc::Dcc;
use dcc::anomaly::Decision;
use dcc::gateway::Decided;
use duis::body::{BalanceChange, MeterBalance, TopUpDevice, Utrn};
use duis::response::alert::Quarantined;
use duis::{Body, CommandVariant, Content, DccEvent, Execution, Response, Service};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{MessageView, protect};

/// Two reads of the balance an hour, and top-ups up to nine pounds.
const THRESHOLDS: &str = r#"{
    "users": [{ "user": "90-B3-D5-1F-30-01-00-00", "service": "4.18", "period_seconds": 3600, "warning": 1, "quarantine": 2 }],
    "dcc": [{ "service": "7.3", "period_seconds": 86400, "quarantine": 1 }],
    "limits": [
        { "service": "2.2", "attribute": "top-up", "most": 900000 },
        { "service": "1.5", "attribute": "balance-adjustment", "least": -1000, "most": 1000 }
    ]
}"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.gateway.set_thresholds(THRESHOLDS).unwrap();
    desk
}

/// The code of the alert about a request in quarantine, and its reference.
fn quarantined(response: &Response, request: duis::RequestId) -> (String, u64) {
    let alert = alert_of(response);
    let DccEvent::Quarantined(event) = &alert.event else { panic!("{alert:?}") };
    let (code, breach) = match event {
        Quarantined::User(breach) => ("N46", breach),
        Quarantined::Dcc(breach) => ("N47", breach),
        Quarantined::Attribute(breach) => ("N48", breach),
    };
    assert_eq!((alert.code.to_string().as_str(), breach.request), (code, request));
    (code.to_owned(), breach.reference.get().try_into().unwrap())
}

fn release(desk: &Desk, reference: u64) -> Decided {
    let decided = desk.gateway.decide(&Decision { release: vec![reference], delete: vec![] }, desk.now()).unwrap();
    decided[0].1
}

fn delete(desk: &Desk, reference: u64) -> Decided {
    let decided = desk.gateway.decide(&Decision { release: vec![], delete: vec![reference] }, desk.now()).unwrap();
    decided[0].1
}

#[test]
fn more_requests_than_a_user_set_himself_are_set_aside_and_sent_when_released() {
    let desk = desk();
    for counter in 1..=4 {
        assert_eq!(desk.code(&read_balance(counter)), "I99");
    }
    assert_eq!(desk.sent().len(), 2);
    let told = desk.told();
    let (_, third) = quarantined(&told[0], id(ESME, 3));
    let (code, fourth) = quarantined(&told[1], id(ESME, 4));
    assert_eq!((code.as_str(), told.len()), ("N46", 2));
    assert_ne!(third, fourth);
    assert_eq!(desk.code(&read_balance(3)), "E57", "its name is used");
    desk.pass(HOUR);
    assert!(desk.sent().is_empty(), "time releases nothing");

    assert_eq!(release(&desk, third), Decided::Released);
    let command = desk.sent_one();
    assert_eq!(MessageView::parse(&command).unwrap().id(), id(ESME, 3).command());
    assert_eq!(release(&desk, third), Decided::Unknown);
    assert_eq!(delete(&desk, fourth), Decided::Deleted);
    let told = desk.told_one();
    assert_eq!((told.code.as_str(), told.request_id), ("E47", Some(id(ESME, 4))));
    assert_eq!(
        (release(&desk, fourth), delete(&desk, 99), release(&desk, u64::MAX)),
        (Decided::Unknown, Decided::Unknown, Decided::Unknown)
    );
    // The period has passed.
    assert_eq!(desk.code(&read_balance(5)), "I99");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn no_copy_for_local_delivery_is_made_before_the_request_is_released() {
    let desk = desk();
    let local = |counter| {
        let mut read = read_balance(counter);
        read.header.variant = CommandVariant::Local;
        read
    };
    for counter in 1..=2 {
        assert!(matches!(desk.ask(&local(counter)).content(), Some(Content::LocalCommand(_))));
    }
    let answer = desk.ask(&local(3));
    assert_eq!((answer.code.as_str(), answer.content()), ("I99", Some(&Content::Acknowledgement)));
    assert!(desk.gateway.store.by_request(id(ESME, 3)).unwrap().is_none(), "no Command was made");
    let (_, reference) = quarantined(&desk.told_one(), id(ESME, 3));
    release(&desk, reference);
    let told = desk.told_one();
    let Some(Content::LocalCommand(copy)) = told.content() else { panic!("{told:?}") };
    assert_eq!((told.code.as_str(), told.request_id), ("I0", Some(id(ESME, 3))));
    let z = AwsLc.agree(&key(ESME_KA), key(ACB_KA).public()).unwrap();
    protect::verify_mac(&AwsLc, &z, &MessageView::parse(&copy.payload).unwrap()).unwrap();
    assert!(desk.sent().is_empty(), "it was for local delivery alone");
    assert!(desk.gateway.store.by_request(id(ESME, 3)).unwrap().is_some());
}

#[test]
fn a_signed_pre_command_counts_and_its_transform_does_not() {
    let desk = desk();
    let arm = |counter| request(ESME, counter, "7.3", CommandVariant::Transform, Body::plain("ArmSupply").unwrap());
    let signed: Vec<_> = (1..=3).map(|counter| desk.sign(&arm(counter))).collect();
    let answers: Vec<_> = (1..=3)
        .zip(signed)
        .map(|(counter, payload)| desk.ask(&with_signature(&arm(counter), CommandVariant::SendAndLocalSigned, payload)))
        .collect();
    assert!(matches!(answers[0].content(), Some(Content::LocalCommand(_))));
    assert!(answers[1..].iter().all(|answer| answer.content() == Some(&Content::Acknowledgement)));
    assert_eq!(desk.sent().len(), 1);
    let told = desk.told();
    let (code, reference) = quarantined(&told[0], id(ESME, 2));
    assert_eq!((code.as_str(), told.len()), ("N47", 2));
    release(&desk, reference);
    let command = desk.sent_one();
    let Some(Content::LocalCommand(copy)) = desk.told_one().content().cloned() else { panic!() };
    assert_eq!(copy.payload, command, "the same octets both ways");
}

#[test]
fn a_value_outside_its_limits_is_set_aside_whatever_its_number() {
    let desk = desk();
    // Ten pounds.
    let utrn = Utrn::new("73946144332040217315").unwrap();
    let top_up = request(ESME, 3 << 32, "2.2", CommandVariant::Local, Body::TopUpDevice(TopUpDevice { utrn }));
    assert_eq!(desk.code(&top_up), "I99");
    assert_eq!(quarantined(&desk.told_one(), id(ESME, 3 << 32)).0, "N48");
    let adjust = |counter, by| {
        let body = Body::UpdateMeterBalance(MeterBalance::Prepayment(BalanceChange::Adjust(by)));
        request(ESME, counter, "1.5", CommandVariant::Transform, body)
    };
    for (counter, by, is_held) in [(1, 1000, false), (2, 1001, true), (3, -1001, true), (4, -1000, false)] {
        let request = adjust(counter, by);
        let payload = desk.sign(&request);
        let answer = desk.ask(&with_signature(&request, CommandVariant::LocalSigned, payload));
        assert_eq!(matches!(answer.content(), Some(Content::LocalCommand(_))), !is_held, "{by}");
        let told = desk.told();
        assert_eq!(told.len(), usize::from(is_held));
        told.first().map(|told| quarantined(told, id(ESME, counter)));
    }
}

#[test]
fn a_pre_command_that_was_made_elsewhere_is_set_aside_where_its_values_have_limits() {
    let elsewhere = Desk::new();
    let body = Body::UpdateMeterBalance(MeterBalance::Prepayment(BalanceChange::Adjust(1)));
    let adjust = request(ESME, 1, "1.5", CommandVariant::Transform, body);
    let payload = elsewhere.sign(&adjust);
    let desk = desk();
    assert_eq!(desk.code(&with_signature(&adjust, CommandVariant::LocalSigned, payload)), "I99");
    assert_eq!(quarantined(&desk.told_one(), id(ESME, 1)).0, "N48");
}

#[test]
fn a_released_request_is_checked_anew_and_waits_for_its_date() {
    let desk = desk();
    for counter in 1..=2 {
        desk.ask(&read_balance(counter));
    }
    desk.sent();
    desk.ask(&read_balance_at(3, Execution::At(START + DAY)));
    desk.ask(&read_balance_at(4, Execution::At(START + DAY)));
    let told = desk.told();
    let (_, third) = quarantined(&told[0], id(ESME, 3));
    let (_, fourth) = quarantined(&told[1], id(ESME, 4));
    release(&desk, third);
    assert!(desk.sent().is_empty());
    desk.pass(DAY);
    assert_eq!(desk.sent().len(), 1);
    // The supplier has changed before the decision.
    let mut device = desk.gateway.store.device(ESME).unwrap().unwrap();
    device.supplier = Some(OTHER_SUPPLIER);
    desk.gateway.store.put(&device).unwrap();
    release(&desk, fourth);
    let told = desk.told_one();
    assert_eq!((told.code.as_str(), told.request_id), ("E4", Some(id(ESME, 4))));
}

#[test]
fn quarantine_and_thresholds_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcc.sqlite");
    let reference = {
        let desk = Desk::with(config(None), Some(&path));
        desk.gateway.set_thresholds(THRESHOLDS).unwrap();
        for counter in 1..=3 {
            desk.ask(&read_balance(counter));
        }
        desk.sent();
        quarantined(&desk.told_one(), id(ESME, 3)).1
    };
    let desk = Desk::with(config(None), Some(&path));
    assert_eq!(desk.code(&read_balance(4)), "I99");
    assert!(desk.sent().is_empty(), "what was counted before still counts");
    assert_eq!(desk.gateway.store.quarantined().unwrap().len(), 2);
    assert_eq!(release(&desk, reference), Decided::Released);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_request_counts_once_however_often_and_at_whatever_moment_it_comes() {
    let desk = desk();
    let xml = signed(&read_balance(1));
    let accepted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| matches!(desk.gateway.handle(Service::SendCommand, &xml, START), dcc::gateway::Answer::Document(xml) if xml.contains("<sr:ResponseCode>I99<"))))
            .collect();
        threads.into_iter().filter(|_| true).map(|thread| thread.join().unwrap()).filter(|accepted| *accepted).count()
    });
    assert_eq!(accepted, 1);
    assert_eq!(desk.code(&read_balance(2)), "I99");
    assert_eq!(desk.sent().len(), 2, "both within the threshold");
    assert!(desk.told().is_empty());
}

#[tokio::test]
async fn thresholds_and_decisions_are_taken_over_http() {
    let dcc = Dcc::start(config(None)).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("http://{}{path}", dcc.addr);
    let put = |body: &'static str| client.put(url("/admin/anomaly")).body(body).send();
    assert_eq!(put(THRESHOLDS).await.unwrap().status(), 204);
    let refused = put("{ \"users\": [ 1 ] }").await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["content-type"]),
        (400, &"application/problem+json".parse().unwrap())
    );
    assert!(refused.text().await.unwrap().contains("line 1 column"));
    let shown = client.get(url("/admin/anomaly")).send().await.unwrap().text().await.unwrap();
    assert_eq!(dcc::anomaly::Thresholds::parse(&shown).unwrap(), dcc::anomaly::Thresholds::parse(THRESHOLDS).unwrap());
    for counter in 1..=4 {
        let xml = signed(&read_balance(counter));
        let answer = client.post(url(Service::SendCommand.path())).body(xml).send().await.unwrap();
        assert!(answer.text().await.unwrap().contains(">I99<"));
    }
    let list = async || -> serde_json::Value {
        let text = client.get(url("/admin/quarantine")).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let listed = list().await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!((&listed[0]["service"], &listed[0]["breach"]), (&"4.18".into(), &"user".into()));
    let reference = listed[0]["reference"].as_u64().unwrap();
    let other = listed[1]["reference"].as_u64().unwrap();
    let decide = |body: String| client.post(url("/admin/quarantine")).body(body).send();
    assert_eq!(
        decide(format!("{{\"release\": [{reference}], \"delete\": [{reference}]}}")).await.unwrap().status(),
        400
    );
    let decided = decide(format!("{{\"release\": [{reference}, 77], \"delete\": [{other}]}}")).await.unwrap();
    let decided: serde_json::Value = serde_json::from_str(&decided.text().await.unwrap()).unwrap();
    let outcomes: Vec<_> = decided.as_array().unwrap().iter().map(|d| d["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["released", "unknown", "deleted"]);
    assert_eq!(list().await.as_array().unwrap().len(), 0);
}
