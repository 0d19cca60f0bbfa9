//! Whole journeys: from an order over REST to the meter's proved answer, and what can go wrong on the way.
mod common;

use common::dcc::Behaviour as Dcc;
use common::home::{Behaviour, Meter, OnTheWay, Ppmid};
use common::{Bench, ESME, OTHER_ESME, emergency_credit, read_supply_status, soon};
use delivery::{DccCode, Fault, Kind, MeterFault, Refusal, State};
use duis::ResponseCode;
use handover::Reason;
use headend::config::Deadlines;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_critical_request_is_signed_released_executed_and_proved() {
    let mut bench = Bench::new().await;
    let ppmid = bench.ppmid(Behaviour::default());
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Confirmed);
    bench.event(id, "Returned").await;
    assert_eq!(bench.dcc.variants(), [4, 6, 8]);
    assert_eq!(ppmid.executed().len(), 1);
    let shown = bench.api.show(id).await;
    assert_eq!(shown["state"], "Confirmed");
    assert_eq!(shown["evidence"]["message_code"], "0x0020");
    assert_eq!(shown["evidence"]["command"]["signed_by"], common::SUPPLIER.to_string());
    assert_eq!(shown["evidence"]["response"]["signed_by"], ESME.to_string());
    assert_eq!(shown["evidence"]["response"]["brought_by"], "ppmid");
    let response = hex::decode(shown["evidence"]["response"]["hex"].as_str().unwrap()).unwrap();
    assert_eq!(bench.dcc.returned(), [response]);
    let states: Vec<&str> =
        shown["events"].as_array().unwrap().iter().map(|event| event["to"].as_str().unwrap()).collect();
    let mut distinct = states.clone();
    distinct.dedup();
    assert_eq!(
        distinct,
        ["Requested", "Prepared", "Queued", "Released", "Held", "OnHan", "Answered", "Confirmed"],
        "{shown:#}"
    );
    assert!(shown.get("waiting").is_none());
    bench.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_not_critical_is_proved_by_its_mac() {
    let mut bench = Bench::new().await;
    let _ppmid = bench.ppmid(Behaviour::default());
    let id = bench.api.create(&read_supply_status(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Confirmed);
    assert_eq!(bench.dcc.variants()[0], 2);
    let shown = bench.api.show(id).await;
    assert_eq!(shown["evidence"]["response"]["mac"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_to_one_meter_go_one_after_the_other_in_counter_order() {
    let mut bench = Bench::new().await;
    let mut ids = vec![];
    for n in 0..5 {
        let request = if n % 2 == 0 { emergency_credit(ESME) } else { read_supply_status(ESME) };
        ids.push(bench.api.create(&request, "local").await);
    }
    bench.event(ids[4], "CommandReceived").await;
    let waiting = bench.api.show(ids[4]).await["waiting"].as_str().unwrap().to_owned();
    assert!(waiting.contains("goes before it"), "{waiting}");
    let ppmid = bench.ppmid(Behaviour::default());
    for id in &ids {
        assert_eq!(bench.end(*id).await, State::Confirmed);
    }
    let executed = ppmid.executed();
    assert_eq!(executed.len(), 5);
    assert!(executed.is_sorted(), "{executed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_the_meter_reports_is_a_refusal_with_its_place() {
    let mut bench = Bench::new().await;
    let ppmid = bench.ppmid(Behaviour::default());
    ppmid.meter.lock().unwrap().result = 3;
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    let expected = State::Refused(Refusal::Meter(MeterFault { instruction: 1, result: 3 }));
    assert_eq!(bench.end(id).await, expected);
    bench.event(id, "Returned").await;
}

/// What an answer becomes on its way, and what the head end says to it.
async fn falsified(on_the_way: OnTheWay, request: String) -> (Bench, delivery::DeliveryId, Ppmid) {
    let deadlines = Deadlines { answer: Duration::from_millis(300), ..Deadlines::default() };
    let mut bench = Bench::with(|config| config.deadlines = deadlines).await;
    let ppmid = bench.ppmid(Behaviour { on_the_way, ..Behaviour::default() });
    let id = bench.api.create(&request, "local").await;
    soon("Unknown", async { while bench.progress.recv().await.unwrap().to != State::Unknown {} }).await;
    assert_eq!(ppmid.executed().len(), 1);
    (bench, id, ppmid)
}

fn with_octet(mut octets: Vec<u8>, at: usize, value: impl Fn(u8) -> u8) -> Vec<Vec<u8>> {
    octets[at] = value(octets[at]);
    vec![octets]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_with_a_wrong_signature_never_confirms() {
    let last = |octets: Vec<u8>| {
        let at = octets.len() - 1;
        with_octet(octets, at, |octet| octet ^ 1)
    };
    let (bench, id, _ppmid) = falsified(last, emergency_credit(ESME)).await;
    let events = bench.api.events(id).await;
    assert!(events.contains(&"AnswerFalse".to_owned()), "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_with_a_wrong_mac_never_confirms() {
    let last = |octets: Vec<u8>| {
        let at = octets.len() - 1;
        with_octet(octets, at, |octet| octet ^ 1)
    };
    let (bench, id, _ppmid) = falsified(last, read_supply_status(ESME)).await;
    let shown = bench.api.show(id).await;
    assert_eq!(shown["state"], "Unknown");
    assert!(shown["events"].to_string().contains("tag does not verify"), "{shown:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_of_another_originator_counter_or_code_is_no_answer() {
    // Offsets in a signed Response: 3 counter, 12 originator, 21 target, 31 message code.
    let cases: [(OnTheWay, &str); 4] = [
        (|octets| with_octet(octets, 10, |octet| octet ^ 1), "AnswerRejected"),
        (|octets| with_octet(octets, 19, |octet| octet ^ 1), "AnswerRejected"),
        (|octets| with_octet(octets, 28, |octet| octet ^ 1), "AnswerRejected"),
        (|octets| with_octet(octets, 32, |octet| octet ^ 1), "AnswerFalse"),
    ];
    for (on_the_way, expected) in cases {
        let (bench, id, _ppmid) = falsified(on_the_way, emergency_credit(ESME)).await;
        let events = bench.api.events(id).await;
        assert!(events.contains(&expected.to_owned()), "{events:?}");
        assert!(!events.contains(&"Verified".to_owned()), "{events:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_true_response_confirms_after_a_false_one() {
    let mut bench = Bench::new().await;
    let both = |octets: Vec<u8>| {
        let mut lie = octets.clone();
        *lie.last_mut().unwrap() ^= 1;
        vec![lie, octets]
    };
    let _ppmid = bench.ppmid(Behaviour { on_the_way: both, ..Behaviour::default() });
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Confirmed);
    let events = bench.api.events(id).await;
    assert!(events.contains(&"AnswerFalse".to_owned()), "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_in_blocks_is_proved_when_all_are_here_in_whatever_order_and_however_often() {
    let in_blocks = |octets: Vec<u8>| {
        let mut blocks = gbcs::block::parts(&octets, 60).unwrap();
        assert!(blocks.len() > 2);
        blocks.reverse();
        let again = blocks[..1].to_vec();
        // What is no block is no answer, and an acknowledgement neither.
        let view = gbcs::MessageView::parse(&octets).unwrap();
        let request = gbcs::block::Block::acknowledgement(view.id(), view.other_information(), 1).encode();
        [again, vec![vec![0xDD, 9, 2], request], blocks].concat()
    };
    let mut bench = Bench::new().await;
    let ppmid = bench.ppmid(Behaviour { on_the_way: in_blocks, ..Behaviour::default() });
    let id = bench.api.create(&read_supply_status(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Confirmed);
    assert_eq!(ppmid.executed().len(), 1);
    let shown = bench.api.show(id).await;
    let events = shown["events"].as_array().unwrap();
    let told = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert!(told("AnswerBlock") > 2, "{shown:#}");
    assert_eq!((told("BlocksAcknowledged"), told("AnswerRejected")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_blocks_the_meter_until_the_wan_brings_the_answer() {
    let deadlines = Deadlines { answer: Duration::from_millis(200), ..Deadlines::default() };
    let mut bench = Bench::with(|config| config.deadlines = deadlines).await;
    let ppmid = bench.ppmid(Behaviour { answers: false, ..Behaviour::default() });
    let first = bench.api.create(&emergency_credit(ESME), "local").await;
    let second = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.event(first, "DeadlineReached").await.to, State::Unknown);
    assert_eq!(bench.api.show(second).await["state"], "Queued");
    assert_eq!(bench.api.cancel(first).await.0, 409);

    let (_, _, request) = bench.dcc.documents()[0].clone();
    let command = hex::decode(bench.api.show(first).await["evidence"]["command"]["hex"].as_str().unwrap()).unwrap();
    // The same meter, at the other end of the WAN.
    let response = Meter::default().execute(&command).unwrap();
    assert_eq!(bench.dcc.report(request, "2.5".parse().unwrap(), response.clone()).await, 204);
    assert_eq!(bench.end(first).await, State::Confirmed);
    assert_eq!(bench.api.show(first).await["evidence"]["response"]["brought_by"], "dcc");
    bench.event(second, "ReleaseSent").await;
    // The DCC may come twice.
    assert_eq!(bench.dcc.report(request, "2.5".parse().unwrap(), response).await, 204);
    assert_eq!(bench.api.show(first).await["state"], "Confirmed");
    assert_eq!(ppmid.executed().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_the_dcc_did_not_sign_is_refused() {
    let bench = Bench::new().await;
    let id = duis::RequestId { originator: common::SUPPLIER, target: ESME, counter: gbcs::Counter(1) };
    let content = duis::Content::DeviceResponse(vec![1, 2, 3]);
    let response =
        duis::Response::device_answer(id, "2.5".parse().unwrap(), ResponseCode::I0, common::dcc::now(), content);
    let forged = response.sign(&gbcs::crypto::AwsLc, &common::xml_key(common::XML_USER)).unwrap();
    assert_eq!(bench.dcc.deliver(forged).await, 400);
    assert_eq!(bench.dcc.deliver(response.to_xml()).await, 400);
    assert_eq!(bench.dcc.deliver("<!DOCTYPE x [<!ENTITY y 'z'>]><x>&y;</x>".into()).await, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wan_alone_is_proved_by_what_the_dcc_delivers() {
    let mut bench = Bench::new().await;
    for (request, srv, variants) in
        [(emergency_credit(OTHER_ESME), "2.5", &[4, 5][..]), (read_supply_status(OTHER_ESME), "7.4", &[1][..])]
    {
        let id = bench.api.create(&request, "wan").await;
        assert_eq!(bench.event(id, "WanAccepted").await.to, State::Held);
        assert!(bench.dcc.variants().ends_with(variants));
        let (request, _, command) = bench.dcc.wan().pop().unwrap();
        let response = Meter::default().execute(&command).unwrap();
        assert_eq!(bench.dcc.report(request, srv.parse().unwrap(), response).await, 204);
        assert_eq!(bench.end(id).await, State::Confirmed);
        // What came over the WAN the DCC has seen.
        assert!(bench.dcc.returned().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_dcc_gives_up_on_is_refused_or_unknown() {
    let mut bench = Bench::new().await;
    for (code, expected) in [(ResponseCode::E20, Kind::Refused), (ResponseCode::E21, Kind::Unknown)] {
        let id = bench.api.create(&emergency_credit(OTHER_ESME), "wan").await;
        bench.event(id, "WanAccepted").await;
        let (request, srv, _) = bench.dcc.wan().pop().unwrap();
        assert_eq!(bench.dcc.give_up(request, srv, code).await, 204);
        let shown = bench.api.show(id).await;
        assert_eq!(shown["state"], expected.as_str());
    }
}

/// An alert of the DCC, signed.
fn dcc_alert(code: &str, event: duis::DccEvent) -> String {
    let alert = duis::DccAlert { code: code.parse().unwrap(), throttled_sequence: None, throttled_count: None, event };
    let response = duis::Response {
        version: duis::SchemaVersion::CURRENT,
        request_id: None,
        response_id: None,
        code: ResponseCode::I0,
        date_time: common::dcc::now(),
        body: duis::ResponseBody::DccAlert(alert),
    };
    response.sign(&gbcs::crypto::AwsLc, &common::xml_key(common::XML_DCC)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_of_the_dcc_is_kept_with_its_delivery_and_moves_one_whose_command_failed() {
    use duis::response::alert::{Breach, Quarantined};
    let mut bench = Bench::new().await;
    let alerts = async |api: &common::api::Client, query: String| {
        let (status, body) = common::api::send(api.get(&format!("/v1/alerts{query}"))).await;
        assert_eq!(status, 200, "{body}");
        body["alerts"].as_array().unwrap().clone()
    };
    for (code, expected) in [("N12", Kind::Refused), ("N13", Kind::Unknown)] {
        let id = bench.api.create(&emergency_credit(OTHER_ESME), "wan").await;
        bench.event(id, "WanAccepted").await;
        let (request, ..) = bench.dcc.wan().pop().unwrap();
        let breach = Breach { request, reference: duis::xml::value::Integer::new(7).unwrap() };
        let held = dcc_alert("N46", duis::DccEvent::Quarantined(Quarantined::User(breach)));
        assert_eq!(bench.dcc.deliver(held).await, 204);
        assert_eq!(bench.api.show(id).await["state"], "Held", "held back is not failed");
        let failure = duis::CommandFailure { request, schedule: None, device: request.target };
        let failed = dcc_alert(code, duis::DccEvent::CommandFailure(failure));
        // The DCC may come twice.
        for _ in 0..2 {
            assert_eq!(bench.dcc.deliver(failed.clone()).await, 204);
        }
        let shown = bench.api.show(id).await;
        assert_eq!(shown["state"], expected.as_str(), "{shown}");
        let told = shown["events"].as_array().unwrap().iter().filter(|event| event["event"] == "DccAlert").count();
        assert_eq!(told, 2, "{shown}");
        let kept = alerts(&bench.api, format!("?delivery={id}")).await;
        assert_eq!(kept.len(), 2);
        let failure = kept.iter().find(|alert| alert["name"].as_str().unwrap().starts_with(code)).unwrap();
        assert_eq!((&failure["source"], &failure["device"]), (&"dcc".into(), &OTHER_ESME.to_string().into()));
        assert!(failure["document"].as_str().unwrap().contains("CommandFailure>"), "{failure}");
    }
    assert_eq!(alerts(&bench.api, format!("?device={OTHER_ESME}&limit=3")).await.len(), 3);
    assert!(alerts(&bench.api, format!("?device={ESME}")).await.is_empty());
    assert!(alerts(&bench.api, "?before=2001-01-01T00:00:00Z".into()).await.is_empty());
    for query in ["?limit=0", "?device=x", "?delivery=x", "?before=x", "?unknown=1"] {
        let (status, body) = common::api::send(bench.api.get(&format!("/v1/alerts{query}"))).await;
        assert_eq!(status, 400, "{query}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_are_one_delivery_and_one_execution() {
    let mut bench = Bench::new().await;
    let ppmid = bench.ppmid(Behaviour::default());
    let id = bench.api.create(&emergency_credit(ESME), "both").await;
    assert_eq!(bench.end(id).await, State::Confirmed);
    assert_eq!(&bench.dcc.variants()[..2], [4, 7]);
    let (_, _, command) = bench.dcc.wan().pop().unwrap();
    assert!(ppmid.meter.lock().unwrap().execute(&command).is_none(), "a replay");
    assert_eq!(ppmid.executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dcc_that_is_away_is_waited_for_with_a_visible_reason() {
    let mut bench = Bench::new().await;
    bench.dcc.behave(Dcc { away: true, ..Dcc::default() });
    let _ppmid = bench.ppmid(Behaviour::default());
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    let trouble = bench.event(id, "DccTrouble").await;
    assert_eq!(trouble.detail.as_deref(), Some("the DCC answered HTTP status 503"));
    let waiting = bench.api.show(id).await["waiting"].as_str().unwrap().to_owned();
    assert!(waiting.contains("503") && waiting.contains("next try at"), "{waiting}");
    bench.dcc.behave(Dcc::default());
    assert_eq!(bench.end(id).await, State::Confirmed);
    let troubles = bench.api.events(id).await.iter().filter(|event| *event == "DccTrouble").count();
    assert_eq!(troubles, 1, "one event for one reason, however often it was tried");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_lost_on_the_way_is_asked_for_again_under_another_counter() {
    let mut bench = Bench::new().await;
    bench.dcc.behave(Dcc { lose_answers: 2, ..Dcc::default() });
    let ppmid = bench.ppmid(Behaviour::default());
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Confirmed);
    let events = bench.api.events(id).await;
    assert_eq!(events.iter().filter(|event| *event == "Renumbered").count(), 2, "{events:?}");
    assert_eq!(ppmid.executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_to_the_wan_is_not_asked_for_again_when_its_answer_is_lost() {
    let mut bench = Bench::new().await;
    bench.dcc.behave(Dcc { lose_answers: 1, ..Dcc::default() });
    let id = bench.api.create(&read_supply_status(OTHER_ESME), "wan").await;
    assert_eq!(bench.event(id, "WanAccepted").await.to, State::Held);
    assert_eq!(bench.dcc.wan().len(), 1);
    let events = bench.api.events(id).await;
    assert!(!events.contains(&"Renumbered".to_owned()), "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_the_dcc_ends_it_with_its_code() {
    let mut bench = Bench::new().await;
    bench.dcc.behave(Dcc { refuse: Some("E19"), ..Dcc::default() });
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Refused(Refusal::Dcc(DccCode::new("E19"))));
    let shown = bench.api.show(id).await;
    assert!(shown["events"].to_string().contains("device id unknown"), "{shown:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pre_command_that_differs_from_the_request_is_not_signed() {
    let mut bench = Bench::new().await;
    bench.dcc.behave(Dcc { falsify: Some(2), ..Dcc::default() });
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Failed(Fault::PreCommandDiffers));
    assert_eq!(bench.dcc.variants(), [4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_not_what_was_asked_is_not_released() {
    let mut bench = Bench::new().await;
    // Behind the MAC: the last octet of the payload is null data, the one before it the end of a data list.
    bench.dcc.behave(Dcc { falsify: Some(16), ..Dcc::default() });
    let ppmid = bench.ppmid(Behaviour::default());
    let id = bench.api.create(&read_supply_status(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Failed(Fault::CommandDiffers));
    assert_eq!(ppmid.meter.lock().unwrap().received, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_the_dcc_did_not_sign_ends_nothing() {
    let mut bench = Bench::new().await;
    bench.dcc.behave(Dcc { sign_with: Some(common::XML_USER), ..Dcc::default() });
    let _ppmid = bench.ppmid(Behaviour::default());
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    let trouble = bench.event(id, "DccTrouble").await;
    assert_eq!(trouble.to, State::Requested);
    bench.dcc.behave(Dcc::default());
    assert_eq!(bench.end(id).await, State::Confirmed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_keeps_refusing_ends_it_and_says_so() {
    let mut bench = Bench::new().await;
    let ppmid = bench.ppmid(Behaviour { refuse: Some((Reason::HubRefused, 100)), ..Behaviour::default() });
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Refused(Refusal::Carrier(Reason::HubRefused)));
    let shown = bench.api.show(id).await;
    assert_eq!(shown["attempts"], 2);
    assert!(shown["status"].as_str().unwrap().contains("the hub did not take the command"), "{shown:#}");
    assert_eq!(ppmid.meter.lock().unwrap().received, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_passes_is_tried_again() {
    let mut bench = Bench::new().await;
    let ppmid = bench.ppmid(Behaviour { refuse: Some((Reason::Full, 1)), ..Behaviour::default() });
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    assert_eq!(bench.end(id).await, State::Confirmed);
    assert_eq!(ppmid.executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_goes_on_at_the_next_start() {
    let mut bench = Bench::new().await;
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    bench.event(id, "CommandReceived").await;
    let Bench { folder, dcc, handle, .. } = bench;
    handle.shutdown().await;

    let config = common::config(folder.path(), dcc.url());
    let handle = headend::HeadEnd::start(config, common::keys(), common::server_tls(folder.path())).await.unwrap();
    let mut progress = handle.subscribe();
    let ppmid = Ppmid::start(common::client_tls(folder.path()), handle.mqtt_addr().port(), Behaviour::default());
    soon("the end", async { while progress.recv().await.unwrap().to != State::Confirmed {} }).await;
    assert_eq!(ppmid.executed().len(), 1);
    let api = common::api::Client::new(handle.api_addr());
    assert_eq!(api.show(id).await["state"], "Confirmed");
}
