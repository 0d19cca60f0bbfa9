//! What the tests share: a throw-away certificate authority, an endpoint on a free port, and waits with a time limit.
#![allow(dead_code, missing_docs, reason = "each test file uses its own part")]

pub mod raw;

use std::net::SocketAddr;
use std::time::Duration;

use link::{
    Backoff, Carrier, CarrierConfig, CarrierEvent, ClientTls, Endpoint, EndpointConfig, Eui64, Limits, LinkEvent,
    MqttVersion, ServerTls,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::mpsc;

pub const DEVICE: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
pub const VERSIONS: [MqttVersion; 2] = [MqttVersion::V3_1_1, MqttVersion::V5];
/// The same by their number in CONNECT.
pub const MQTT: [u8; 2] = [4, 5];

/// Fails the test when the future takes so long that it never will.
pub async fn soon<F: IntoFuture>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// The next item, which must come.
pub async fn next<T>(what: &str, receiver: &mut mpsc::Receiver<T>) -> T {
    soon(what, receiver.recv()).await.unwrap_or_else(|| panic!("the channel ended instead of {what}"))
}

/// The next event, which must be of this kind.
macro_rules! expect_event {
    ($receiver:expr, $pattern:pat => $value:expr) => {
        match $crate::common::next(stringify!($pattern), &mut $receiver).await {
            $pattern => $value,
            other => panic!("{other:?} instead of {}", stringify!($pattern)),
        }
    };
    ($receiver:expr, $pattern:pat) => {
        $crate::common::expect_event!($receiver, $pattern => ())
    };
}
pub(crate) use expect_event;

pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate authority that issues what it is asked to.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Ca {
    pub fn new() -> Self {
        Self::named("Test CA")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Certificate and key, both as PEM.
    pub fn issue_pem(&self, common_name: &str, names: &[&str]) -> (String, String) {
        let (certificate, key) = self.sign(common_name, names);
        (certificate.pem(), key.serialize_pem())
    }

    pub fn issue(&self, common_name: &str, names: &[&str]) -> Identity {
        let (certificate, key) = self.sign(common_name, names);
        (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn sign(&self, common_name: &str, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    pub fn server_tls(&self) -> ServerTls {
        let (cert_chain, key) = self.issue("head end", &["localhost"]);
        ServerTls { cert_chain, key, client_ca: vec![self.certificate()] }
    }

    pub fn client_tls(&self, device: Eui64) -> ClientTls {
        let (cert_chain, key) = self.issue(&format!("{device:#}"), &[]);
        ClientTls { cert_chain, key, server_ca: vec![self.certificate()] }
    }
}

/// An endpoint of a certificate authority of its own.
pub struct HeadEnd {
    pub ca: Ca,
    pub endpoint: Endpoint,
    pub events: mpsc::Receiver<LinkEvent>,
}

impl HeadEnd {
    pub async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        let ca = Ca::new();
        let (endpoint, events) = bind(&ca, ([127, 0, 0, 1], 0).into(), limits).await;
        Self { ca, endpoint, events }
    }

    pub fn addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// How a carrier of our devices reaches us.
    pub fn carrier_config(&self, version: MqttVersion) -> CarrierConfig {
        carrier_config(self.addr(), self.ca.client_tls(DEVICE), version)
    }

    pub async fn raw(&self, version: u8) -> raw::Device {
        raw::Device::connect(self.addr(), self.ca.client_tls(DEVICE), version).await
    }

    /// The head end's view of one device that has connected and subscribed.
    pub async fn expect_subscribed(&mut self) {
        expect_event!(self.events, LinkEvent::Connected { device: DEVICE });
        expect_event!(self.events, LinkEvent::Subscribed { device: DEVICE });
    }
}

pub async fn bind(ca: &Ca, addr: SocketAddr, limits: Limits) -> (Endpoint, mpsc::Receiver<LinkEvent>) {
    Endpoint::bind(EndpointConfig { addr, tls: ca.server_tls(), limits }).await.unwrap()
}

pub fn carrier_config(addr: SocketAddr, tls: ClientTls, version: MqttVersion) -> CarrierConfig {
    let mut config = CarrierConfig::new(addr.ip().to_string(), addr.port(), tls);
    config.server_name = "localhost".into();
    config.version = version;
    config.backoff = Backoff { first: Duration::from_millis(10), max: Duration::from_millis(50), ..config.backoff };
    config
}

/// A carrier that is connected.
pub async fn start(config: CarrierConfig) -> (Carrier, mpsc::Receiver<CarrierEvent>) {
    let (carrier, mut events) = Carrier::start(config).unwrap();
    expect_event!(events, CarrierEvent::Connected);
    (carrier, events)
}
