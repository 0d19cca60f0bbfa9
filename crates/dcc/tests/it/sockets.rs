//! The stand-in on its sockets: documents over HTTP, a hub on the WAN, a User that is told.
use crate::common::*;
use axum::Router;
use axum::routing::post;
use dcc::wan::{HubEvent, HubLink};
use dcc::{Dcc, WanState};
use duis::{Body, CommandVariant, Content, LocalCommand, Response, Service, SignerRole};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Message, MessageView, protect};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);

/// A Receive Response Service that passes on what it is told.
pub async fn user() -> (String, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/receive", listener.local_addr().unwrap());
    let router = Router::new().route(
        "/receive",
        post(move |body: String| {
            tell.send(body).unwrap();
            async { axum::http::StatusCode::NO_CONTENT }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, told)
}

async fn send(dcc: &Dcc, service: Service, xml: String) -> Response {
    let url = format!("http://{}{}", dcc.addr, service.path());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).header("Content-Type", "application/xml").body(xml).send().await.unwrap();
    accept(&answer.text().await.unwrap())
}

fn accept(xml: &str) -> Response {
    let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
    Response::accept(&AwsLc, xml, |c| (*c == certificate).then_some(dcc)).unwrap()
}

/// The balance read by the electricity meter, with its MAC towards the supplier.
fn balance(command: &[u8]) -> Vec<u8> {
    let view = MessageView::parse(command).unwrap();
    let header = gbcs::GroupingHeader::new(view.id().answer(), view.message_code());
    let payload = vec![0xDA, 0x20, 0, 0, 1, 0, 0, 1, 5, 0, 3, 0xD0, 0x90, 1, 1, 0];
    // The supplier's key agreement key is of no concern here: nobody in this test checks the MAC.
    let z = AwsLc.agree(&key(ESME_KA), key(40).public()).unwrap();
    protect::add_mac(&AwsLc, &z, &Message::plain(header, payload).encode()).unwrap()
}

async fn next(hub: &mut mpsc::UnboundedReceiver<HubEvent>) -> HubEvent {
    timeout(LONG, hub.recv()).await.unwrap().unwrap()
}

/// The next Command: the hub has it then.
async fn next_command(link: &HubLink, hub: &mut mpsc::UnboundedReceiver<HubEvent>) -> Vec<u8> {
    loop {
        match next(hub).await {
            HubEvent::Received(command) => {
                link.taken();
                return command;
            }
            HubEvent::Stored(_) => {}
            other => panic!("no Command: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_command_waits_for_the_wan_and_its_response_reaches_the_user_once() {
    let (url, mut told) = user().await;
    let dcc = Dcc::start(config(Some(url))).await.unwrap();
    let read = request(ESME, 1, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(send(&dcc, Service::SendCommand, signed(&read)).await.code.as_str(), "I99");

    // While the WAN is down a hub is turned away.
    let mut turned_away = TcpStream::connect(dcc.wan_addr).await.unwrap();
    assert_eq!(timeout(LONG, turned_away.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);

    let (link, mut hub) = HubLink::start(dcc.wan_addr, CHF);
    dcc.set_wan(WanState::Up);
    assert_eq!(next(&mut hub).await, HubEvent::Up);
    let response = balance(&next_command(&link, &mut hub).await);
    // The hub may repeat itself; the user hears it once.
    link.send(response.clone());
    link.send(response.clone());
    assert_eq!(next(&mut hub).await, HubEvent::Stored(response.clone()));
    let document = accept(&timeout(LONG, told.recv()).await.unwrap().unwrap());
    assert_eq!(document.content(), Some(&Content::DeviceResponse(response)));
    assert_eq!(document.request_id, Some(id(ESME, 1)));

    // A second Command over the open connection, then the WAN goes down under it.
    let read = request(ESME, 2, "4.18", CommandVariant::SendAndLocal, Body::plain("ReadMeterBalance").unwrap());
    let answer = send(&dcc, Service::SendCommand, signed(&read)).await;
    let command = next_command(&link, &mut hub).await;
    assert_eq!(answer.content(), Some(&Content::LocalCommand(LocalCommand { payload: command.clone() })));
    dcc.set_wan(WanState::Down);
    assert_eq!(next(&mut hub).await, HubEvent::Down);
    assert!(told.try_recv().is_err(), "told twice");

    // What is handed over without a WAN is the hub's to hand over again when it returns.
    let response = balance(&command);
    link.send(response.clone());
    dcc.set_wan(WanState::Up);
    assert_eq!(next(&mut hub).await, HubEvent::Up);
    link.send(response.clone());
    // Word that the hub has the Command may have been lost with the WAN: then it comes again.
    let mut said = next(&mut hub).await;
    if said == HubEvent::Received(command) {
        link.taken();
        said = next(&mut hub).await;
    }
    assert_eq!(said, HubEvent::Stored(response.clone()));
    let document = accept(&timeout(LONG, told.recv()).await.unwrap().unwrap());
    assert_eq!(document.content(), Some(&Content::DeviceResponse(response)));
}

/// A hub that dies with a Command it had not stored gets it again, and one that did not say so in time too.
#[tokio::test]
async fn a_command_that_the_hub_did_not_take_comes_again() {
    let dcc = Dcc::start(config(None)).await.unwrap();
    dcc.set_wan(WanState::Up);
    let read = request(ESME, 1, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(send(&dcc, Service::SendCommand, signed(&read)).await.code.as_str(), "I99");
    let command = {
        let (_dies, mut hub) = HubLink::start(dcc.wan_addr, CHF);
        assert_eq!(next(&mut hub).await, HubEvent::Up);
        next(&mut hub).await
    };
    let (link, mut hub) = HubLink::start(dcc.wan_addr, CHF);
    assert_eq!(next(&mut hub).await, HubEvent::Up);
    assert_eq!(HubEvent::Received(next_command(&link, &mut hub).await), command);
    // Taken, it does not come a third time: the next Command is another.
    let read = request(ESME, 2, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(send(&dcc, Service::SendCommand, signed(&read)).await.code.as_str(), "I99");
    assert_ne!(HubEvent::Received(next_command(&link, &mut hub).await), command);
}

#[tokio::test]
async fn the_user_is_told_when_patience_runs_out() {
    let (url, mut told) = user().await;
    let dcc = Dcc::start(impatient(url)).await.unwrap();
    let read = request(ESME, 1, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(send(&dcc, Service::SendCommand, signed(&read)).await.code.as_str(), "I99");
    let document = accept(&timeout(LONG, told.recv()).await.unwrap().unwrap());
    assert_eq!((document.code.as_str(), document.request_id), ("E20", Some(id(ESME, 1))));
}

/// A DCC that gives a Command up at once.
pub fn impatient(url: String) -> dcc::DccConfig {
    let mut config = config(Some(url));
    config.wan.retry.deliver = Duration::from_millis(1);
    config.wan.retry.answer = Duration::from_millis(1);
    config
}
