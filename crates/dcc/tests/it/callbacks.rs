//! What Users are told over HTTPS, and what becomes of it when the stand-in stops.
use crate::common::ca::Ca;
use crate::common::*;
use crate::sockets::impatient;
use axum::Router;
use axum::routing::post;
use dcc::{Dcc, Tls};
use duis::{Body, CommandVariant, Request, Response, Service, SignerRole};
use gbcs::crypto::AwsLc;
use link::ServerTls;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use web::{Limits, Server};

const LONG: Duration = Duration::from_secs(30);

fn read(counter: u64, variant: CommandVariant) -> Request {
    request(ESME, counter, "4.18", variant, Body::plain("ReadMeterBalance").unwrap())
}

fn answer(xml: &str) -> Response {
    let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
    Response::accept(&AwsLc, xml, |c| (*c == certificate).then_some(dcc)).unwrap()
}

async fn told(documents: &mut mpsc::UnboundedReceiver<String>) -> Response {
    answer(&timeout(LONG, documents.recv()).await.expect("told").unwrap())
}

/// A Receive Response Service on a listener, for the DCC alone where it is HTTPS.
fn serve(listener: TcpListener, tls: Option<ServerTls>) -> mpsc::UnboundedReceiver<String> {
    let (tell, documents) = mpsc::unbounded_channel();
    let router = Router::new().route(
        "/receive",
        post(move |body: String| {
            tell.send(body).unwrap();
            async { axum::http::StatusCode::NO_CONTENT }
        }),
    );
    let tls = tls.map(|tls| Arc::new(tls.into_config_for(|eui| eui == ACB).unwrap()));
    let server = Server { listener, tls, limits: Limits::default(), body_limit: |_| 1 << 20, router };
    tokio::spawn(server.run(std::future::pending()));
    documents
}

/// Ask for a Command that nobody will answer, which its User is told by callback (E20).
async fn ask_in_vain(dcc: &Dcc, tls: Option<link::ClientTls>, counter: u64) {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{}{}", dcc.addr.port(), Service::SendCommand.path());
    let client = web::Client::new(tls, LONG, 1 << 20).unwrap();
    let said = client.post(&url, "application/xml", signed(&read(counter, CommandVariant::Send))).await.unwrap();
    assert_eq!(answer(std::str::from_utf8(&said.body).unwrap()).code.as_str(), "I99");
}

#[tokio::test]
async fn a_user_is_told_over_https_only_where_both_sides_are_who_they_should_be() {
    let (ca, others) = (Ca::new(), Ca::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = Tls { services: ca.server(), callbacks: ca.client(ACB) };
    let config = impatient(format!("https://localhost:{port}/receive"));
    let dcc = Dcc::start_with(config, Some(tls), Limits::default()).await.unwrap();
    ask_in_vain(&dcc, Some(ca.client(SUPPLIER)), 1).await;

    let of_nobody = others.server();
    let for_others = ServerTls { client_ca: others.server().client_ca, ..ca.server() };
    let elsewhere = ca.server_that_is(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("elsewhere.example".try_into().unwrap())];
    });
    let expired = ca.server_that_is(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let too_early = ca.server_that_is(|params| params.not_before = rcgen::date_time_ymd(2999, 1, 1));
    // The DCC comes again, whoever it found there; nothing is said to any of them.
    for (what, tls) in [
        ("of an unknown authority", of_nobody),
        ("for clients of another authority", for_others),
        ("of another host", elsewhere),
        ("expired", expired),
        ("not valid yet", too_early),
    ] {
        let acceptor = TlsAcceptor::from(Arc::new(tls.into_config().unwrap()));
        let (stream, _) = timeout(LONG, listener.accept()).await.expect(what).unwrap();
        assert!(acceptor.accept(stream).await.is_err(), "a service with a certificate {what} was told");
    }
    let mut documents = serve(listener, Some(ca.server()));
    let document = told(&mut documents).await;
    assert_eq!((document.code.as_str(), document.request_id), ("E20", Some(id(ESME, 1))));
    // It was taken, and is not told again: the next is about the next.
    ask_in_vain(&dcc, Some(ca.client(SUPPLIER)), 2).await;
    assert_eq!(told(&mut documents).await.request_id, Some(id(ESME, 2)));
}

#[tokio::test]
async fn a_service_at_https_is_not_told_where_the_dcc_has_no_certificates() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dcc = Dcc::start(impatient(format!("https://{}/receive", listener.local_addr().unwrap()))).await.unwrap();
    ask_in_vain(&dcc, None, 1).await;
    // Several rounds of patience and of the callback's own: nobody comes.
    let came = timeout(Duration::from_millis(700), listener.accept()).await;
    assert!(came.is_err(), "somebody came without certificates");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_it_stops_open_requests_are_answered_and_callbacks_go_on_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("dcc.sqlite");
    // Nobody listens there yet.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let config = || dcc::DccConfig { store: Some(store.clone()), ..impatient(format!("http://{addr}/receive")) };
    let dcc = Dcc::start(config()).await.unwrap();
    let services = dcc.addr;
    ask_in_vain(&dcc, None, 1).await;

    // A request of which half has come when the stand-in is told to stop.
    let body = signed(&read(2, CommandVariant::Local));
    let mut open = TcpStream::connect(services).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: dcc\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        Service::NonDevice.path(),
        body.len()
    );
    open.write_all(head.as_bytes()).await.unwrap();
    let mut said = [0; 25];
    timeout(LONG, open.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    let stopping = tokio::spawn(dcc.stop());
    let refused = async {
        while TcpStream::connect(services).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, refused).await.expect("no more requests are taken");
    open.write_all(body.as_bytes()).await.unwrap();
    let mut said = String::new();
    timeout(LONG, open.read_to_string(&mut said)).await.expect("answered").unwrap();
    let (head, document) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(answer(document).code.as_str(), "I0");
    timeout(LONG, stopping).await.expect("it ends").unwrap();

    let mut documents = serve(TcpListener::bind(addr).await.unwrap(), None);
    let dcc = Dcc::start(config()).await.unwrap();
    let document = told(&mut documents).await;
    assert_eq!((document.code.as_str(), document.request_id), ("E20", Some(id(ESME, 1))));
    // Both names are used up.
    for (counter, variant) in [(1, CommandVariant::Send), (2, CommandVariant::Local)] {
        let url = format!("http://{}{}", dcc.addr, variant.service().unwrap().path());
        let client = web::Client::new(None, LONG, 1 << 20).unwrap();
        let said = client.post(&url, "application/xml", signed(&read(counter, variant))).await.unwrap();
        assert_eq!(answer(std::str::from_utf8(&said.body).unwrap()).code.as_str(), "E57");
    }
}
