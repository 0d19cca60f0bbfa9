//! A small world for the stand-in: one supplier, a stranger, two meters, a hub, fixed keys.
pub mod ca;
pub mod desk;
pub mod house;

use dcc::config::Throttle;
use dcc::{DccConfig, DccKeys, Device, DeviceKeys, DeviceStatus, User, WanState};
use duis::certificate::Serial;
use duis::{
    Body, CommandVariant, DeviceType, IssuerSerial, Request, RequestId, Role, SignerRole, SigningKey, Srv, XmlSigner,
};
use gbcs::crypto::{AwsLc, Crypto, PrivateKey};
use gbcs::{Counter, Eui64};
use std::time::Duration;

pub const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
pub const OTHER_SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3003_0000);
pub const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
pub const COS: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0004);
pub const ESME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
pub const GSME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A1);
pub const CHF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);
pub const SUSPENDED: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90B0);

/// A key that is the same at every run.
pub fn key(n: u8) -> PrivateKey {
    AwsLc.private_key(&[n; 32]).expect("a scalar below the order")
}

pub fn xml_key(n: u8) -> SigningKey {
    SigningKey { key: key(n), certificate: IssuerSerial::new("CN=T,OU=07", Serial::from_octets(&[n]).expect("short")) }
}

pub fn signer(n: u8, eui: Eui64, role: SignerRole) -> (IssuerSerial, XmlSigner) {
    let key = xml_key(n);
    (key.certificate, XmlSigner { key: *key.key.public(), eui, role })
}

fn user(eui: Eui64, xml: u8, gbcs: u8, receive_url: Option<String>) -> User {
    let signer = signer(xml, eui, SignerRole::XmlSign);
    User { receive_url, ..User::new(eui, vec![Role::Is, Role::Gs], signer, *key(gbcs).public()) }
}

fn device(eui: Eui64, device_type: DeviceType, status: DeviceStatus) -> Device {
    Device { status, ..Device::commissioned(eui, duis::transform::Device::new(device_type), SUPPLIER, CHF) }
}

fn keys(eui: Eui64, n: u8) -> (Eui64, DeviceKeys) {
    (eui, DeviceKeys::new(*key(n).public(), *key(n + 1).public()))
}

pub const SUPPLIER_XML: u8 = 10;
pub const SUPPLIER_GBCS: u8 = 11;
pub const OTHER_XML: u8 = 12;
pub const DCC_XML: u8 = 20;
pub const ACB_KA: u8 = 21;
pub const ESME_KA: u8 = 30;

pub fn config(receive_url: Option<String>) -> DccConfig {
    let any = "127.0.0.1:0".parse().expect("an address");
    DccConfig {
        listen: any,
        wan_listen: any,
        store: None,
        wan: WanState::Down.into(),
        throttle: Throttle::default(),
        users: vec![
            user(SUPPLIER, SUPPLIER_XML, SUPPLIER_GBCS, receive_url),
            user(OTHER_SUPPLIER, OTHER_XML, 13, None),
        ],
        inventory: vec![
            device(ESME, DeviceType::Esme, DeviceStatus::Commissioned),
            device(GSME, DeviceType::Gsme, DeviceStatus::Commissioned),
            device(CHF, DeviceType::Chf, DeviceStatus::Commissioned),
            device(SUSPENDED, DeviceType::Esme, DeviceStatus::Suspended),
        ],
        smki: vec![keys(ESME, ESME_KA), keys(GSME, 32), keys(CHF, 34), keys(SUSPENDED, 36)],
        certificates: Vec::new(),
        authority: None,
        registrations: Vec::new(),
        coverage: Vec::new(),
        thresholds: None,
        limits: Default::default(),
        keys: DccKeys {
            acb: ACB,
            acb_key_agreement: key(ACB_KA),
            acb_signature: key(22),
            transitional_cos: Some((COS, key(23))),
            xml: xml_key(DCC_XML),
        },
    }
}

pub fn id(target: Eui64, counter: u64) -> RequestId {
    RequestId { originator: SUPPLIER, target, counter: Counter(counter) }
}

pub fn request(target: Eui64, counter: u64, srv: &str, variant: CommandVariant, body: Body) -> Request {
    let srv: Srv = srv.parse().expect("an SRV");
    Request::new(id(target, counter), srv, variant, body)
}

pub fn signed(request: &Request) -> String {
    request.sign(&AwsLc, &xml_key(SUPPLIER_XML)).expect("signs")
}

/// The last of the Commands that wait for a hub, all of which are thereby sent.
pub fn last_unsent(store: &dcc::store::Store, hub: Eui64) -> Option<Vec<u8>> {
    let next = || {
        let outbound = store.next_unsent(hub).unwrap()?;
        store.mark_sent(outbound.row, gbcs::Time(1)).unwrap();
        Some(outbound.command)
    };
    std::iter::from_fn(next).last()
}
