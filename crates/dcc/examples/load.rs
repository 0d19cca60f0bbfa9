//! How many service requests a second the stand-in takes with all its checks, beside the bare cost of the signatures in them.
//!
//! `cargo run --release -p dcc --example load [SECONDS]`: clients on loopback, a store on disk with every acceptance synced, nothing
//! left out: XML signature, schema, access, anomaly detection, transform, MAC, signed answer.
#![allow(missing_docs)]

#[allow(dead_code, unused_imports, reason = "the world of the tests, of which this needs a little")]
#[path = "../tests/it/common/mod.rs"]
mod common;

use common::*;
use dcc::Dcc;
use duis::body::SignedPreCommand;
use duis::{Body, CommandVariant, Content, Execution, Request, Response, Service, SignerRole};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::protect;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 32;

fn arm(counter: u64, variant: CommandVariant) -> Request {
    request(ESME, counter, "7.3", variant, Body::plain("ArmSupply").expect("an element"))
}

fn read(counter: u64, variant: CommandVariant) -> Request {
    request(ESME, counter, "4.18", variant, Body::plain("ReadMeterBalance").expect("an element"))
}

fn accept(xml: &str) -> Response {
    let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
    Response::accept(&AwsLc, xml, |c| (*c == certificate).then_some(dcc)).expect("signed by the DCC")
}

/// One exchange, checked as a User checks it.
async fn ask(client: &web::Client, dcc: &str, service: Service, request: &Request) -> Response {
    let url = format!("{dcc}{}", service.path());
    let answer = client.post(&url, "application/xml", signed(request)).await.expect("an answer");
    accept(std::str::from_utf8(&answer.body).expect("text"))
}

/// One local Command; how many requests that took.
async fn critical(client: &web::Client, dcc: &str, counter: u64) -> u64 {
    let response = ask(client, dcc, Service::Transform, &arm(counter, CommandVariant::Transform)).await;
    let Some(Content::PreCommand(made)) = response.content() else { panic!("{response:?}") };
    let payload = protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &made.payload).expect("a Pre-Command");
    let body = Body::SignedPreCommand(SignedPreCommand { execution: Execution::Immediate, payload });
    let request = request(ESME, counter, "7.3", CommandVariant::LocalSigned, body);
    let response = ask(client, dcc, Service::NonDevice, &request).await;
    assert!(matches!(response.content(), Some(Content::LocalCommand(_))), "{response:?}");
    2
}

async fn plain(client: &web::Client, dcc: &str, counter: u64, variant: CommandVariant) -> u64 {
    let service = variant.service().expect("a service takes it");
    let response = ask(client, dcc, service, &read(counter, variant)).await;
    assert!(!response.code.is_error(), "{response:?}");
    1
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).map_or(5, |text| text.parse().expect("a number of seconds"));
    let folder = tempfile::tempdir().expect("a folder");
    println!("what                    requests/s   bare signatures alone");
    let cases = ["CV 1, sent by WAN", "CV 2, local copy", "CV 4 and 6, local copy"];
    for (case, what) in cases.into_iter().enumerate() {
        let store = Some(folder.path().join(format!("{case}.sqlite")));
        let dcc = Dcc::start(dcc::DccConfig { store, ..config(None) }).await.expect("a free port");
        let url: Arc<str> = format!("http://{}", dcc.addr).into();
        let client = web::Client::new(None, Duration::from_secs(30), 1 << 20).expect("no certificates");
        let (next, done) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
        let start = Instant::now();
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            let (client, url, next, done) = (client.clone(), url.clone(), next.clone(), done.clone());
            clients.spawn(async move {
                while start.elapsed() < Duration::from_secs(seconds) {
                    let counter = next.fetch_add(1, Ordering::Relaxed);
                    let requests = match case {
                        0 => plain(&client, &url, counter, CommandVariant::Send).await,
                        1 => plain(&client, &url, counter, CommandVariant::Local).await,
                        _ => critical(&client, &url, counter).await,
                    };
                    done.fetch_add(requests, Ordering::Relaxed);
                }
            });
        }
        while clients.join_next().await.is_some() {}
        let rate = done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
        println!("{what:<24}{rate:>10.0}   {:>10.0}", bare(case == 2));
    }
}

/// Requests a second on all cores if they were nothing but signatures: each document made and checked at both ends, and with a
/// Signed Pre-Command one more made and checked in every two requests.
fn bare(is_critical: bool) -> f64 {
    let (rounds, key) = (2000_u32, key(SUPPLIER_GBCS));
    let start = Instant::now();
    for n in 0..rounds {
        let text = n.to_be_bytes();
        let signature = AwsLc.sign(&key, &text).expect("a key of ours");
        AwsLc.verify(key.public(), &text, &signature).expect("our own");
    }
    let pair = start.elapsed().as_secs_f64() / f64::from(rounds);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    cores / (pair * if is_critical { 2.5 } else { 2.0 })
}
