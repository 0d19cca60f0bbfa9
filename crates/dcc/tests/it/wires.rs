//! The stand-in's wires: clients that are slow, greedy or nobody harm themselves alone, over TLS a User is who his certificate
//! says, and each hub has a WAN of its own.
use crate::common::ca::Ca;
use crate::common::*;
use dcc::wan::{HubEvent, HubLink};
use dcc::{Dcc, Tls, WanState};
use duis::{Body, CommandVariant, Request, Response, Service, SignerRole};
use gbcs::Eui64;
use gbcs::crypto::AwsLc;
use link::ClientTls;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use web::Limits;

const LONG: Duration = Duration::from_secs(20);

fn read(counter: u64) -> Request {
    request(ESME, counter, "4.18", CommandVariant::Local, Body::plain("ReadMeterBalance").unwrap())
}

/// The response code of an answer that the DCC signed.
fn code(xml: &[u8]) -> String {
    let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
    let xml = std::str::from_utf8(xml).unwrap();
    let response = Response::accept(&AwsLc, xml, |c| (*c == certificate).then_some(dcc)).unwrap();
    response.code.as_str().to_owned()
}

fn client(tls: Option<ClientTls>) -> web::Client {
    web::Client::new(tls, LONG, 1 << 20).unwrap()
}

fn url(dcc: &Dcc) -> String {
    format!("http://{}{}", dcc.addr, Service::NonDevice.path())
}

async fn is_served(dcc: &Dcc, counter: u64) {
    let answer = client(None).post(&url(dcc), "application/xml", signed(&read(counter))).await.unwrap();
    assert_eq!((answer.status, code(&answer.body).as_str()), (200, "I0"));
}

#[tokio::test]
async fn who_is_slow_is_hung_up_on_and_others_are_served_meanwhile() {
    let limits = Limits { head: Duration::from_millis(300), body: Duration::from_millis(300), ..Limits::default() };
    let dcc = Dcc::start_with(config(None), None, limits).await.unwrap();
    let path = Service::NonDevice.path();
    let half_a_head = format!("POST {path} HTTP/1.1\r\nHost: dcc\r\n");
    let half_a_body = format!("{half_a_head}Content-Length: 100\r\n\r\n<sr:Request");
    let mut slow = Vec::new();
    for text in [&*half_a_head, &half_a_body] {
        let mut stream = TcpStream::connect(dcc.addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    is_served(&dcc, 1).await;
    for (mut stream, status) in slow.into_iter().zip(["HTTP/1.1 408", "HTTP/1.1 408"]) {
        let mut said = String::new();
        timeout(LONG, stream.read_to_string(&mut said)).await.expect("hung up").unwrap_or_default();
        assert!(said.is_empty() || said.starts_with(status), "{said}");
    }
    is_served(&dcc, 2).await;
}

#[tokio::test]
async fn when_connections_run_out_who_owes_a_request_makes_room() {
    let dcc = Dcc::start_with(config(None), None, Limits { connections: 2, ..Limits::default() }).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(dcc.addr).await.unwrap());
    }
    timeout(LONG, is_served(&dcc, 1)).await.expect("served although all seats were taken");
    let longest = timeout(LONG, idle[0].read(&mut [0; 1])).await.expect("hung up");
    assert_eq!(longest.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_body_past_its_limit_and_an_unknown_path_get_a_problem_document() {
    let dcc = Dcc::start(config(None)).await.unwrap();
    let answer = client(None).post(&url(&dcc), "application/xml", vec![b' '; (1 << 20) + 1]).await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &problem["status"]), (413, &413.into()));
    let nowhere = format!("http://{}/api/v1/serviceX", dcc.addr);
    assert_eq!(client(None).post(&nowhere, "application/xml", "").await.unwrap().status, 404);
    is_served(&dcc, 1).await;
}

#[tokio::test]
async fn over_tls_a_user_is_who_his_certificate_says() {
    let (ca, others) = (Ca::new(), Ca::new());
    let tls = |callbacks: &Ca| Tls { services: ca.server(), callbacks: callbacks.client(ACB) };
    let dcc = Dcc::start_with(config(None), Some(tls(&ca)), Limits::default()).await.unwrap();
    let url = format!("https://localhost:{}{}", dcc.addr.port(), Service::NonDevice.path());
    let post = async |tls: Option<ClientTls>, counter| {
        client(tls).post(&url, "application/xml", signed(&read(counter))).await.map(|answer| code(&answer.body))
    };
    assert_eq!(post(Some(ca.client(SUPPLIER)), 1).await.unwrap(), "I0");
    // Another User may not speak for the one that signed; the name stays free.
    assert_eq!(post(Some(ca.client(OTHER_SUPPLIER)), 2).await.unwrap(), "E1");
    assert_eq!(post(Some(ca.client(SUPPLIER)), 2).await.unwrap(), "I0");
    // A device is no User, another authority is none of ours, and nobody is served without a certificate.
    post(Some(ca.client(ESME)), 3).await.expect_err("no User");
    let stranger = ClientTls { server_ca: ca.client(ESME).server_ca, ..others.client(SUPPLIER) };
    post(Some(stranger), 3).await.expect_err("of another authority");
    let plain = format!("http://{}{}", dcc.addr, Service::NonDevice.path());
    client(None).post(&plain, "application/xml", signed(&read(3))).await.expect_err("plain HTTP");
    assert_eq!(post(Some(ca.client(SUPPLIER)), 3).await.unwrap(), "I0");
}

#[tokio::test]
async fn each_hub_has_a_wan_of_its_own_and_nonsense_about_it_is_refused() {
    const OTHER_HUB: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90C2);
    let dcc = Dcc::start(config(None)).await.unwrap();
    dcc.set_wan(WanState::Up);
    let (_here, mut hub) = HubLink::start(dcc.wan_addr, CHF);
    let (_there, mut other) = HubLink::start(dcc.wan_addr, OTHER_HUB);
    for events in [&mut hub, &mut other] {
        assert_eq!(timeout(LONG, events.recv()).await.unwrap(), Some(HubEvent::Up));
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let at = |place: &str| format!("http://{}/admin/wan{place}", dcc.addr);
    let put = async |place: &str, body: &str| {
        http.put(at(place)).body(body.to_owned()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(put(&format!("/{CHF}"), "down").await, 204);
    assert_eq!(timeout(LONG, hub.recv()).await.unwrap(), Some(HubEvent::Down));
    assert!(other.try_recv().is_err(), "the other hub is not concerned");
    let shown: serde_json::Value =
        serde_json::from_str(&http.get(at(&format!("/{CHF}"))).send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(shown["wan"], "down");
    assert_eq!(put(&format!("/{CHF}"), "up").await, 204);
    assert_eq!(timeout(LONG, hub.recv()).await.unwrap(), Some(HubEvent::Up));
    assert_eq!(put("", "sunny").await, 400);
    assert_eq!(put("", r#"{"loss": 2}"#).await, 400);
    assert_eq!(put("/Atlantis", "down").await, 404);
}

#[tokio::test]
async fn patience_with_an_answer_counts_from_the_sending_and_may_be_the_shorter() {
    let (receive, mut told) = crate::sockets::user().await;
    let mut config = config(Some(receive));
    config.wan = WanState::Up.into();
    config.wan.retry.answer = Duration::from_millis(50);
    let dcc = Dcc::start(config).await.unwrap();
    let (_link, mut hub) = HubLink::start(dcc.wan_addr, CHF);
    assert_eq!(timeout(LONG, hub.recv()).await.unwrap(), Some(HubEvent::Up));
    let send = request(ESME, 1, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    let url = format!("http://{}{}", dcc.addr, Service::SendCommand.path());
    client(None).post(&url, "application/xml", signed(&send)).await.unwrap();
    assert!(matches!(timeout(LONG, hub.recv()).await.unwrap(), Some(HubEvent::Received(_))));
    // A day was left to deliver it.
    let document = timeout(LONG, told.recv()).await.unwrap().unwrap();
    assert_eq!(code(document.as_bytes()), "E21");
}

#[tokio::test]
async fn a_command_that_the_wan_always_loses_is_told_as_e20_after_its_attempts() {
    let (receive, mut told) = crate::sockets::user().await;
    let mut config = config(Some(receive));
    config.wan = WanState::Up.into();
    config.wan.everywhere.loss = Some(1.0);
    config.wan.retry.attempts = 2.try_into().unwrap();
    config.wan.retry.first = Duration::from_millis(10);
    let dcc = Dcc::start(config).await.unwrap();
    let (_link, mut hub) = HubLink::start(dcc.wan_addr, CHF);
    assert_eq!(timeout(LONG, hub.recv()).await.unwrap(), Some(HubEvent::Up));
    let send = request(ESME, 1, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    let url = format!("http://{}{}", dcc.addr, Service::SendCommand.path());
    client(None).post(&url, "application/xml", signed(&send)).await.unwrap();
    let document = timeout(LONG, told.recv()).await.unwrap().unwrap();
    assert_eq!(code(document.as_bytes()), "E20");
    assert!(hub.try_recv().is_err(), "nothing came through");
}
