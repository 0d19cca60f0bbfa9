//! A home, a DCC and a head end: the last one is real, the others just real enough, over real sockets.
#![allow(dead_code, missing_docs, reason = "each test file uses its own part")]

pub mod api;
pub mod dcc;
pub mod home;

use delivery::DeliveryId;
use duis::body::Body;
use duis::certificate::Serial;
use duis::{CommandVariant, DeviceType, IssuerSerial, Request, RequestId, SignerRole, SigningKey, XmlSigner};
use gbcs::crypto::{AwsLc, Crypto, PrivateKey};
use gbcs::{Counter, Eui64};
use headend::config::{DccConfig, Deadlines, DeviceConfig, Token};
use headend::{DeviceKeys, HeadEnd, HeadEndConfig, HeadEndHandle, HeadEndKeys, Progress};
use link::{ClientTls, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::sync::broadcast;

pub const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
pub const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
pub const HEAD_END: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_00FE);
pub const ESME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
pub const OTHER_ESME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_91A0);
pub const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
pub const TOKEN: &str = "the-token-of-the-tests";

/// The same keys in every process.
pub fn key(n: u8) -> PrivateKey {
    AwsLc.private_key(&[n; 32]).unwrap()
}

pub const XML_USER: u8 = 1;
pub const XML_DCC: u8 = 2;
pub const SUPPLIER_SIGNING: u8 = 3;
pub const SUPPLIER_AGREEMENT: u8 = 4;
pub const WARRANT: u8 = 5;
pub const ESME_SIGNING: u8 = 6;
pub const ESME_AGREEMENT: u8 = 7;
pub const PPMID_KEY: u8 = 8;
pub const ACB_AGREEMENT: u8 = 9;

/// Whose certificate for XML has which serial number.
pub fn certificate(serial: u8) -> IssuerSerial {
    IssuerSerial::new("CN=Z1,OU=07", Serial::from_octets(&[serial]).unwrap())
}

pub fn xml_key(n: u8) -> SigningKey {
    SigningKey { key: key(n), certificate: certificate(n) }
}

pub fn xml_signer(n: u8, eui: Eui64, role: SignerRole) -> XmlSigner {
    XmlSigner { key: *key(n).public(), eui, role }
}

pub fn keys() -> HeadEndKeys {
    let meter = DeviceKeys { signing: *key(ESME_SIGNING).public(), agreement: *key(ESME_AGREEMENT).public() };
    HeadEndKeys {
        xml: xml_key(XML_USER),
        gbcs_signing: key(SUPPLIER_SIGNING),
        key_agreement: key(SUPPLIER_AGREEMENT),
        warrant: key(WARRANT),
        dcc: BTreeMap::from([(certificate(XML_DCC), xml_signer(XML_DCC, ACB, SignerRole::DspXmlSign))]),
        devices: BTreeMap::from([(ESME, meter), (OTHER_ESME, meter)]),
        ppmids: BTreeMap::from([(PPMID, *key(PPMID_KEY).public())]),
    }
}

pub fn config(folder: &Path, dcc_url: String) -> HeadEndConfig {
    let dcc = DccConfig {
        retry_first: Duration::from_millis(20),
        retry_max: Duration::from_millis(100),
        ..DccConfig::new(dcc_url, ACB)
    };
    let database = folder.join("headend.db");
    HeadEndConfig {
        devices: vec![
            DeviceConfig::new(ESME, DeviceType::Esme, Some(PPMID)),
            DeviceConfig::new(OTHER_ESME, DeviceType::Esme, None),
        ],
        deadlines: Deadlines {
            retry_first: Duration::from_millis(20),
            retry_max: Duration::from_millis(100),
            refusals: 2,
            ..Deadlines::default()
        },
        ..HeadEndConfig::new(database, SUPPLIER, HEAD_END, Token::new(TOKEN), dcc)
    }
}

/// Certificates for the link, as PEM files in a folder, so that a second process can read them.
pub fn make_certificates(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Test CA");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |file: &str, name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &ca).unwrap();
        std::fs::write(folder.join(format!("{file}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    };
    issue("server", "localhost");
    issue("ppmid", &format!("{PPMID:#}"));
    std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
}

pub fn server_tls(folder: &Path) -> ServerTls {
    ServerTls::from_pem_files(folder.join("server.pem"), folder.join("server.key"), folder.join("ca.pem")).unwrap()
}

pub fn client_tls(folder: &Path) -> ClientTls {
    ClientTls::from_pem_files(folder.join("ppmid.pem"), folder.join("ppmid.key"), folder.join("ca.pem")).unwrap()
}

/// Emergency credit: critical.
pub fn emergency_credit(device: Eui64) -> String {
    request(device, "2.5", Body::plain("ActivateEmergencyCredit").unwrap())
}

/// Reading the supply state: not critical, closed by a MAC.
pub fn read_supply_status(device: Eui64) -> String {
    request(device, "7.4", Body::plain("ReadSupplyStatus").unwrap())
}

pub fn request(device: Eui64, srv: &str, body: Body) -> String {
    let id = RequestId { originator: SUPPLIER, target: device, counter: Counter(1) };
    Request::new(id, srv.parse().unwrap(), CommandVariant::Send, body).to_xml()
}

/// Fails the test when the future takes so long that it never will.
pub async fn soon<F: IntoFuture>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// A head end in this process, with what surrounds it.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub dcc: dcc::FakeDcc,
    pub handle: HeadEndHandle,
    pub api: api::Client,
    pub progress: broadcast::Receiver<Progress>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut HeadEndConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_certificates(folder.path());
        let dcc = dcc::FakeDcc::start().await;
        let mut config = config(folder.path(), dcc.url());
        change(&mut config);
        let handle = HeadEnd::start(config, keys(), server_tls(folder.path())).await.unwrap();
        dcc.deliver_to(handle.receive_url());
        let api = api::Client::new(handle.api_addr());
        let progress = handle.subscribe();
        Self { folder, dcc, handle, api, progress }
    }

    /// A PPMID of the home that connects, and the meter behind it.
    pub fn ppmid(&self, behaviour: home::Behaviour) -> home::Ppmid {
        home::Ppmid::start(client_tls(self.folder.path()), self.handle.mqtt_addr().port(), behaviour)
    }

    /// The next event with this name of a delivery.
    pub async fn event(&mut self, id: DeliveryId, event: &str) -> Progress {
        let what = format!("{event} of {id}");
        soon(&what, async {
            loop {
                let progress = self.progress.recv().await.expect("the head end runs");
                if progress.delivery == id && progress.event == event {
                    return progress;
                }
            }
        })
        .await
    }

    /// The state a delivery ends in.
    pub async fn end(&mut self, id: DeliveryId) -> delivery::State {
        soon(&format!("the end of {id}"), async {
            loop {
                let progress = self.progress.recv().await.expect("the head end runs");
                if progress.delivery == id && progress.to.is_terminal() {
                    return progress.to;
                }
            }
        })
        .await
    }
}
