//! The REST API: what it takes, what it refuses and how it says so, and what it never shows.
mod common;

use common::api::{id_of, send};
use common::{Bench, ESME, OTHER_ESME, SUPPLIER, TOKEN, emergency_credit};
use duis::body::Body;
use duis::{CommandVariant, Request, RequestId};
use gbcs::{Counter, Eui64};
use serde_json::{Value, json};

fn problem(answer: &(u16, Value), status: u16, name: &str) -> String {
    let (found, body) = answer;
    assert_eq!(
        (*found, &body["type"]),
        (status, &json!(format!("https://lastmetre.example/problems/{name}"))),
        "{body}"
    );
    assert_eq!(body["status"], status);
    assert!(!body["title"].as_str().unwrap().is_empty());
    body["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nothing_is_shown_or_taken_without_the_token() {
    let bench = Bench::new().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = format!("http://{}", bench.handle.api_addr());
    for path in ["/v1/deliveries", "/v1/deliveries/00112233445566778899aabbccddeeff"] {
        for offered in [None, Some("Bearer wrong"), Some("Bearer "), Some(TOKEN), Some("Basic dTpw")] {
            let mut request = client.get(format!("{base}{path}"));
            if let Some(offered) = offered {
                request = request.header("Authorization", offered);
            }
            problem(&send(request).await, 401, "unauthorized");
        }
    }
    let (status, health) = send(client.get(format!("{base}/v1/health"))).await;
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
}

#[tokio::test]
async fn an_order_is_taken_as_xml_or_json_and_listed() {
    let bench = Bench::new().await;
    let xml = bench
        .api
        .post("/v1/deliveries?via=local&not_after=2h&reference=a")
        .header("Content-Type", "application/xml; charset=utf-8");
    let (status, first) = send(xml.body(emergency_credit(ESME))).await;
    assert_eq!((status, &first["reference"]), (201, &json!("a")));
    // The DCC may have answered already.
    assert!(["Requested", "Prepared", "Queued"].contains(&first["state"].as_str().unwrap()), "{first}");
    let (status, second) = bench.api.order(&emergency_credit(ESME), json!({"not_after": "2099-01-01T00:00:00Z"})).await;
    assert_eq!((status, &second["not_after"]), (201, &json!("2099-01-01T00:00:00.000Z")));
    let counters: Vec<RequestId> =
        [&first, &second].map(|shown| shown["request_id"].as_str().unwrap().parse().unwrap()).into();
    assert!(counters[0].counter > Counter(1) && counters[0].counter < counters[1].counter, "{counters:?}");

    let list = async |query: &str| send(bench.api.get(&format!("/v1/deliveries{query}"))).await.1;
    assert_eq!(list("").await["deliveries"].as_array().unwrap().len(), 2);
    let page = list("?limit=1").await;
    assert_eq!(page["deliveries"][0]["id"], second["id"]);
    let rest = list(&format!("?limit=5&before={}", page["next"].as_str().unwrap())).await;
    assert_eq!((&rest["deliveries"][0]["id"], rest.get("next")), (&first["id"], None));
    assert_eq!(list("?state=confirmed").await["deliveries"], json!([]));
    assert_eq!(list(&format!("?device={OTHER_ESME}")).await["deliveries"], json!([]));
}

#[tokio::test]
async fn an_idempotency_key_makes_one_delivery_of_repeated_orders() {
    let bench = Bench::new().await;
    let order = async |request: String| {
        let post =
            bench.api.post("/v1/deliveries").header("Idempotency-Key", "k1").header("Content-Type", "application/xml");
        send(post.body(request)).await
    };
    let (first, again) = (order(emergency_credit(ESME)).await, order(emergency_credit(ESME)).await);
    assert_eq!((first.0, again.0), (201, 200));
    assert_eq!(id_of(&first.1), id_of(&again.1));
    let other = common::read_supply_status(ESME);
    problem(&order(other).await, 422, "idempotency-key-reused");
}

#[tokio::test]
async fn orders_that_cannot_be_read_say_where() {
    let bench = Bench::new().await;
    let xml = async |body: &str| {
        send(bench.api.post("/v1/deliveries").header("Content-Type", "application/xml").body(body.to_owned())).await
    };
    problem(&xml("<a").await, 400, "malformed");
    problem(&xml("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>").await, 400, "malformed");
    let detail =
        problem(&xml(&emergency_credit(ESME).replace("CommandVariant", "ComandVariant")).await, 400, "malformed");
    assert!(detail.contains("ComandVariant"), "{detail}");

    let request = emergency_credit(ESME);
    let detail = problem(&bench.api.order(&request, json!({"viaa": "wan"})).await, 400, "malformed");
    assert!(detail.contains("viaa"), "{detail}");
    problem(&bench.api.order(&request, json!({"via": "pigeon"})).await, 400, "malformed");
    problem(&bench.api.order(&request, json!({"not_after": "tomorrow"})).await, 400, "malformed");
    let detail = problem(&send(bench.api.get("/v1/deliveries?sate=x")).await, 400, "malformed");
    assert!(detail.contains("sate"), "{detail}");
    problem(&send(bench.api.get("/v1/deliveries?state=lost")).await, 400, "malformed");
    problem(&send(bench.api.get("/v1/deliveries?limit=0")).await, 400, "malformed");
    problem(&send(bench.api.post("/v1/deliveries").body(request)).await, 415, "unsupported-media-type");
    let long = bench.api.post("/v1/deliveries").header("Content-Type", "application/xml").body("x".repeat(300_000));
    problem(&send(long).await, 413, "too-large");
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_at_once() {
    let bench = Bench::new().await;
    let order = async |request: String, more: Value| bench.api.order(&request, more).await;
    let stranger = Eui64::from_u64(5);
    problem(&order(emergency_credit(stranger), json!({})).await, 422, "unknown-device");
    problem(&order(emergency_credit(OTHER_ESME), json!({"via": "local"})).await, 422, "no-carrier");
    problem(&order(emergency_credit(ESME), json!({"not_after": "2001-01-01T00:00:00Z"})).await, 422, "expired");
    let foreign = emergency_credit(ESME).replace(&SUPPLIER.to_string(), &stranger.to_string());
    problem(&order(foreign, json!({})).await, 422, "unfit-request");
    let unfit = emergency_credit(ESME).replace(">2.5<", ">7.1<");
    problem(&order(unfit, json!({})).await, 422, "unfit-request");
    let certificate = duis::body::credentials::UpdateDeviceCertificate { certificate: vec![0; 9] };
    let nonsense = common::request(ESME, "6.15.2", Body::UpdateDeviceCertificate(certificate));
    let detail = problem(&order(nonsense, json!({})).await, 422, "unfit-request");
    assert!(detail.starts_with("DeviceCertificate: not a certificate"), "{detail}");
    // Nothing of these was stored.
    assert_eq!(send(bench.api.get("/v1/deliveries")).await.1["deliveries"], json!([]));
}

#[tokio::test]
async fn a_delivery_is_called_off_before_it_leaves_and_only_once_there_is_one() {
    let mut bench = Bench::new().await;
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    bench.event(id, "CommandReceived").await;
    let (status, shown) = bench.api.cancel(id).await;
    assert_eq!((status, &shown["state"]), (200, &json!("Cancelled")));
    // Again is no harm.
    assert_eq!(bench.api.cancel(id).await.0, 200);
    problem(&bench.api.cancel(delivery::DeliveryId([9; 16])).await, 404, "not-found");

    let _ppmid = bench.ppmid(common::home::Behaviour::default());
    let id = bench.api.create(&emergency_credit(ESME), "local").await;
    bench.end(id).await;
    let detail = problem(&bench.api.cancel(id).await, 409, "too-late");
    assert!(detail.contains("Confirmed"), "{detail}");
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let bench = Bench::new().await;
    problem(&send(bench.api.get("/v1/nothing")).await, 404, "not-found");
    problem(&send(bench.api.get("/v1/deliveries/xyz")).await, 404, "not-found");
    problem(&send(bench.api.post("/v1/health")).await, 405, "method-not-allowed");
}

#[tokio::test]
async fn a_utrn_is_never_shown_and_its_counter_is_kept() {
    const UTRN: &str = "73946144332040217315";
    let mut bench = Bench::new().await;
    let id = RequestId { originator: SUPPLIER, target: ESME, counter: Counter(3 << 32) };
    let utrn = duis::body::Utrn::new(UTRN).expect("a UTRN");
    let top_up = Request::new(
        id,
        "2.2".parse().unwrap(),
        CommandVariant::Send,
        Body::TopUpDevice(duis::body::TopUpDevice { utrn }),
    )
    .to_xml();
    assert!(top_up.contains(UTRN));
    let created = bench.api.create(&top_up, "local").await;
    bench.event(created, "CommandReceived").await;
    let shown = bench.api.show(created).await;
    assert_eq!(shown["request_id"], id.to_string());
    let text = shown.to_string();
    assert!(!text.contains(UTRN) && !text.contains(&hex::encode_upper(UTRN)), "{text}");
    assert_eq!(shown["evidence"]["command"].get("hex"), None);
    problem(&bench.api.order(&top_up, json!({})).await, 409, "counter-used");
}
