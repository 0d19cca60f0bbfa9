//! How many QoS 1 messages a second go up the link and are acknowledged, on loopback, one at a time per device.
//!
//! `cargo run --release -p link --example round_trips [SECONDS]`
use std::time::{Duration, Instant};

use link::{
    Carrier, CarrierConfig, CarrierEvent, ClientTls, Endpoint, EndpointConfig, Eui64, Limits, LinkEvent, ServerTls,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const PAYLOAD: usize = 200;

type Issuer = CertifiedIssuer<'static, KeyPair>;
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    for devices in [1, 50] {
        let rate = measure(devices, Duration::from_secs(seconds)).await?;
        println!("{devices:>3} devices: {rate:>7.0} acknowledged messages of {PAYLOAD} octets a second, up");
    }
    Ok(())
}

async fn measure(devices: u64, span: Duration) -> Result<f64> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = Issuer::self_signed(params, KeyPair::generate()?)?;
    let trusted = vec![ca.der().clone()];
    let (cert_chain, key) = issue(&ca, "head end")?;
    let tls = ServerTls { cert_chain, key, client_ca: trusted.clone() };
    let config = EndpointConfig { addr: ([127, 0, 0, 1], 0).into(), tls, limits: Limits::default() };
    let (endpoint, mut events) = Endpoint::bind(config).await?;
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let LinkEvent::Up { ack, .. } = event {
                ack.stored();
            }
        }
    });

    let mut runs = Vec::new();
    for device in 1..=devices {
        let (cert_chain, key) = issue(&ca, &format!("{:#}", Eui64::from_u64(device)))?;
        let tls = ClientTls { cert_chain, key, server_ca: trusted.clone() };
        let (carrier, mut events) = Carrier::start(CarrierConfig::new("localhost", endpoint.local_addr().port(), tls))?;
        let Some(CarrierEvent::Connected) = events.recv().await else { return Err("not connected".into()) };
        runs.push((carrier, events));
    }
    let since = Instant::now();
    let runs: Vec<_> = runs
        .into_iter()
        .map(|(carrier, events)| {
            tokio::spawn(async move {
                let mut count = 0u64;
                while since.elapsed() < span {
                    carrier.publish(vec![0; PAYLOAD]).expect("the queue is empty").await.expect("acknowledged");
                    count += 1;
                }
                drop(events);
                count
            })
        })
        .collect();
    let mut total = 0;
    for run in runs {
        total += run.await?;
    }
    Ok(total as f64 / since.elapsed().as_secs_f64())
}

fn issue(ca: &Issuer, common_name: &str) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, ca)?;
    Ok((vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der())?))
}
