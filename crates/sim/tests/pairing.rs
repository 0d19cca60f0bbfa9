//! A PPMID is paired by the DCC: notified and whitelisted by service requests (SRV 12.2, 8.11), joined by its install code, joined
//! to both meters and the meters to it (SRV 8.7.1, 8.7.2), and then carries a Command. Every Command comes out of the DCC's gateway and
//! goes through the hub; every answer goes back to it, and the inventory follows.
mod common;

use common::*;
use comms_hub::{DeviceKind, Profile};
use dcc::gateway::{Answer, Gateway};
use dcc::store::Store;
use dcc::{DccConfig, DccKeys, Device, DeviceKeys, User, WanState};
use duis::body::han::{LogRequest, OtherDevice, ReadDeviceLog, UpdateHanDeviceLog, Whitelisting};
use duis::body::{BalanceChange, MeterBalance, SignedPreCommand, dcc as services};
use duis::certificate::Serial;
use duis::xml::Flag;
use duis::xml::value::{Hex, Within, Words};
use duis::{
    Body, CommandVariant, Content, DeviceType, Execution, IssuerSerial, Request, RequestId, Response, ResponseBody,
    Role, SignerRole, SigningKey, XmlSigner,
};
use gbcs::asn1::{self, DeviceKind as Joined, JoinStatus};
use gbcs::catalogue::{self, Protection};
use gbcs::crypto::{AwsLc, Crypto, PublicKey, RustCrypto};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageView, Payload, protect};
use han::InstallCode;
use han::capture::dissect::What;
use han::join::JoinerConfig;
use sim::Station;
use std::time::Duration;

const CODE: [u8; 16] = [0x83, 0xFE, 0xD3, 0x40, 0x7A, 0x93, 0x97, 0x23, 0xA5, 0xC6, 0x39, 0xB2, 0x69, 0x16, 0xD5, 0x05];

/// Keys that the home does not have: of XML, and of the new PPMID.
const SUPPLIER_XML: u8 = 30;
const DCC_XML: u8 = 31;
const NEW_AGREE: u8 = 32;
const NEW_SIGN: u8 = 33;

/// Keys that it has (see `common`).
const SUPPLIER_SIGN: u8 = 1;
const ACB_SIGN: u8 = 6;
const ACB_AGREE: u8 = 7;

fn xml_key(n: u8) -> SigningKey {
    let certificate = IssuerSerial::new("CN=T,OU=07", Serial::from_octets(&[n]).unwrap());
    SigningKey { key: key(n), certificate }
}

fn signer(n: u8, eui: Eui64, role: SignerRole) -> (IssuerSerial, XmlSigner) {
    (xml_key(n).certificate, XmlSigner { key: *key(n).public(), eui, role })
}

fn gateway() -> Gateway {
    let any = "127.0.0.1:0".parse().unwrap();
    let kind = duis::transform::Device::new;
    let device = |eui, of| Device::commissioned(eui, kind(of), SUPPLIER, CHF);
    let known = |eui, agree: u8, sign: u8| {
        let keys = DeviceKeys::new(*key(agree).public(), *key(sign).public());
        (eui, DeviceKeys { agreement_certificate: Some(certificate(eui, key(agree).public())), ..keys })
    };
    let (acb_key_agreement, acb_signature) = (key(ACB_AGREE), key(ACB_SIGN));
    let keys = DccKeys { acb: ACB, acb_key_agreement, acb_signature, transitional_cos: None, xml: xml_key(DCC_XML) };
    let supplier = signer(SUPPLIER_XML, SUPPLIER, SignerRole::XmlSign);
    let config = DccConfig {
        listen: any,
        wan_listen: any,
        store: None,
        wan: WanState::Up.into(),
        throttle: Default::default(),
        limits: Default::default(),
        users: vec![User::new(SUPPLIER, vec![Role::Is, Role::Gs], supplier, *key(SUPPLIER_SIGN).public())],
        inventory: vec![
            Device { gas_proxy: Some(GPF), ..device(CHF, DeviceType::Chf) },
            device(GPF, DeviceType::Gpf),
            device(ESME, DeviceType::Esme),
            device(GSME, DeviceType::Gsme),
            device(PPMID, DeviceType::Ppmid),
        ],
        smki: vec![known(CHF, 13, 20), known(ESME, 9, 8), known(GSME, 12, 11), known(PPMID2, NEW_AGREE, NEW_SIGN)],
        certificates: Vec::new(),
        authority: None,
        registrations: Vec::new(),
        coverage: Vec::new(),
        keys,
    };
    Gateway::new(config, Store::open(None).unwrap()).unwrap()
}

/// The home, the DCC, and what stands between: the WAN.
struct Pairing {
    world: World,
    gateway: Gateway,
    /// How much of what the home said to the WAN the DCC has got.
    brought: usize,
    counter: u64,
    /// The new PPMID, once it is there.
    station: Option<usize>,
    /// How many Commands for it the PPMID has answered.
    answered: usize,
    told: i64,
}

impl Pairing {
    fn ask(&mut self, request: &Request) -> Response {
        let xml = request.sign(&AwsLc, &xml_key(SUPPLIER_XML)).unwrap();
        let service = request.header.variant.service().unwrap();
        match self.gateway.handle(service, &xml, self.world.now()) {
            Answer::Document(xml) => accept(&xml),
            other => panic!("no document: {other:?}"),
        }
    }

    fn request(&mut self, target: Eui64, srv: &str, variant: CommandVariant, body: Body) -> Request {
        self.counter += 1;
        let id = RequestId { originator: SUPPLIER, target, counter: Counter(self.counter) };
        Request::new(id, srv.parse().unwrap(), variant, body)
    }

    fn send(&mut self, target: Eui64, srv: &str, variant: CommandVariant, body: Body) {
        let request = self.request(target, srv, variant, body);
        let response = self.ask(&request);
        assert_eq!(response.code.as_str(), "I99", "{srv}");
    }

    /// A critical request: transformed, signed, sent on as this variant.
    fn sign_and_send(
        &mut self,
        target: Eui64,
        srv: &str,
        variant: CommandVariant,
        body: Body,
    ) -> (RequestId, Response) {
        let mut request = self.request(target, srv, CommandVariant::Transform, body);
        let response = self.ask(&request);
        let Some(Content::PreCommand(made)) = response.content() else { panic!("{srv}: {response:#?}") };
        let payload = protect::sign(&AwsLc, &key(SUPPLIER_SIGN), &made.payload).unwrap();
        request.header.variant = variant;
        request.body = Body::SignedPreCommand(SignedPreCommand { execution: Execution::Immediate, payload });
        (request.header.id, self.ask(&request))
    }

    /// The WAN carries what waits on either side, and the PPMID answers what is for it.
    fn carry(&mut self) {
        let now = self.world.now();
        self.gateway.tick(now).unwrap();
        while let Some(outbound) = self.gateway.store.next_unsent(CHF).unwrap() {
            self.world.wan_brings(&outbound.command);
            self.gateway.store.mark_sent(outbound.row, now).unwrap();
        }
        for octets in &self.world.wan[self.brought..] {
            self.gateway.receive(octets, now).unwrap();
        }
        self.brought = self.world.wan.len();
        let Some(number) = self.station else { return };
        let commands: Vec<_> = self.world.home.station(number).data.iter().skip(self.answered).cloned().collect();
        self.answered += commands.len();
        for command in commands {
            if MessageView::parse(&command).unwrap().id().target == PPMID2 {
                let response = joined(&command);
                self.world.home.station_input(number, |station, now| _ = station.send(now, response));
            }
        }
    }

    /// Until the inventory says so.
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.world.now() + Duration::from_secs(4 * HOUR);
        while !done(self) {
            assert!(self.world.now() < end, "{what}: not within four hours");
            self.world.run_for(5);
            self.carry();
        }
    }

    fn device(&self, eui: Eui64) -> Device {
        self.gateway.store.device(eui).unwrap().unwrap()
    }

    fn status(&self, eui: Eui64) -> &'static str {
        self.device(eui).status.as_str()
    }

    /// Documents for the supplier since the last time.
    fn told(&mut self) -> Vec<Response> {
        let new = self.gateway.store.undelivered(SUPPLIER, self.told).unwrap();
        self.told = new.last().map_or(self.told, |last| last.row);
        new.iter().map(|callback| accept(&callback.xml)).collect()
    }
}

fn accept(xml: &str) -> Response {
    let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
    Response::accept(&AwsLc, xml, |c| (*c == certificate).then_some(dcc)).expect("signed by the DCC")
}

/// The PPMID checks a join of the broker's as a device does, and says that it is done.
fn joined(command: &[u8]) -> Vec<u8> {
    let view = MessageView::parse(command).unwrap();
    let z = RustCrypto.agree(&key(NEW_AGREE), key(ACB_AGREE).public()).unwrap();
    protect::verify_mac(&RustCrypto, &z, &view).unwrap();
    protect::verify_signature(&RustCrypto, key(ACB_SIGN).public(), &view).unwrap();
    let Payload::Asn1(payload) = Payload::of(&view).unwrap() else { panic!() };
    let asn1::Content::Join(join) = payload.content() else { panic!("{payload:?}") };
    assert!(matches!((join.device, join.kind), (ESME, Joined::Esme) | (GSME, Joined::Gsme)));
    let mut header = GroupingHeader::new(view.id().answer(), view.message_code());
    header.other = view.other_information().to_owned();
    let payload = asn1::Payload::from(asn1::Content::Joined(JoinStatus::Success)).encode();
    let mut octets = Message::plain(header, payload).encode();
    let how = catalogue::find(view.message_code()).unwrap().protection(Cra::Response).unwrap();
    if how != Protection::Mac {
        octets = protect::sign(&RustCrypto, &key(NEW_SIGN), &octets).unwrap();
    }
    match how {
        Protection::Signature => octets,
        _ => protect::add_mac(&RustCrypto, &z, &octets).unwrap(),
    }
}

fn notification() -> Body {
    Body::DevicePrenotification(services::DevicePrenotification {
        device: PPMID2,
        manufacturer: Words::new("106C").unwrap(),
        model: Words::new("433100AC").unwrap(),
        kind: DeviceType::Ppmid,
        version: None,
        firmware: None,
        variant: None,
        gpf: None,
    })
}

fn whitelisting() -> Body {
    Body::UpdateHanDeviceLog(UpdateHanDeviceLog {
        execution: Execution::Immediate,
        device: PPMID2,
        request: LogRequest::Add,
        add: Some(Whitelisting {
            join_time: Within::new(1800).unwrap(),
            install_code: Hex::new(CODE).unwrap(),
            import_mpxn: None,
            secondary_import_mpan: None,
            export_mpan: None,
        }),
    })
}

#[test]
fn a_ppmid_is_whitelisted_joined_and_paired_by_the_dcc_and_carries_a_command() {
    use CommandVariant::{LocalSigned, NonDevice, Send, SendSigned};
    let world = World::new(Plan::new(Profile::Secmp0038)).connected();
    let counter = world.now().0;
    let (brought, answered, told) = Default::default();
    let mut pairing = Pairing { world, gateway: gateway(), brought, counter, station: None, answered, told };
    pairing.carry();
    // Notified, and whitelisted at the hub by a Command of the broker's (CCS01).
    pairing.send(ACB, "12.2", NonDevice, notification());
    assert_eq!(pairing.status(PPMID2), "Pending");
    pairing.send(CHF, "8.11", Send, whitelisting());
    pairing.until("whitelisted", |pairing| pairing.status(PPMID2) == "Whitelisted");
    assert_eq!(pairing.world.home.hub().device_log().kind(PPMID2), Some(DeviceKind::Ppmid));
    let alerts: Vec<_> =
        pairing.told().into_iter().filter(|told| matches!(told.body, ResponseBody::DccAlert(_))).collect();
    let [Response { body: ResponseBody::DccAlert(alert), .. }] = &alerts[..] else { panic!("{alerts:#?}") };
    assert_eq!(alert.code.to_string(), "N24");
    // It comes out of its box and joins by its install code; the hub tells so (CS14).
    let link_key = InstallCode::new(CODE).link_key();
    let config = JoinerConfig { eui: PPMID2, link_key: link_key.clone(), wanted: None, sleepy: false };
    let joiner = Station::joiner(pairing.world.now(), CHF, config, [9; han::cbke::EPHEMERAL_LEN]);
    let number = pairing.world.home.add_station(joiner);
    pairing.until("membership", |pairing| pairing.world.home.station(number).is_member());
    pairing.until("installed", |pairing| pairing.status(PPMID2) == "InstalledNotCommissioned");
    pairing.world.home.station_input(number, |station, now| station.open(now));
    pairing.until("a tunnel", |pairing| pairing.world.home.hub().has_tunnel(PPMID2));
    pairing.station = Some(number);
    // The meters join it, on the supplier's signature; the gas meter hears it when it wakes.
    let other = |device| OtherDevice { device };
    for meter in [ESME, GSME] {
        let (_, response) = pairing.sign_and_send(meter, "8.7.1", SendSigned, Body::JoinCritical(other(PPMID2)));
        assert_eq!(response.code.as_str(), "I99");
        pairing.until("the meter's join", |pairing| pairing.device(meter).joined.contains(&PPMID2));
    }
    assert_eq!(pairing.status(PPMID2), "InstalledNotCommissioned", "it has not said that it is joined");
    // It joins them, on the broker's word.
    for meter in [ESME, GSME] {
        pairing.send(PPMID2, "8.7.2", Send, Body::JoinNonCritical(other(meter)));
        pairing.until("the PPMID's join", |pairing| pairing.device(PPMID2).joined.contains(&meter));
    }
    assert_eq!((pairing.status(PPMID2), pairing.device(PPMID2).joined), ("Commissioned", vec![ESME, GSME]));
    // The gas meter's own log agrees (CS07).
    pairing.told();
    let read = ReadDeviceLog { execution: Execution::Immediate, security_details: Flag(false) };
    pairing.send(GSME, "8.9", Send, Body::ReadDeviceLog(read));
    pairing.until("the gas meter's log", |pairing| {
        !pairing.gateway.store.undelivered(SUPPLIER, pairing.told).unwrap().is_empty()
    });
    let told = pairing.told();
    let Some(Content::DeviceResponse(octets)) = told[0].content() else { panic!("{told:#?}") };
    let Payload::Asn1(payload) = Payload::of(&MessageView::parse(octets).unwrap()).unwrap() else { panic!() };
    let asn1::Content::JoinDetails(details) = payload.content() else { panic!("{payload:?}") };
    assert!(details.log.as_ref().unwrap().iter().any(|entry| entry.device == PPMID2));
    // It carries a Command that the WAN never sees.
    let credit = Body::UpdateMeterBalance(MeterBalance::Prepayment(BalanceChange::Adjust(1_000_000)));
    let before = pairing.world.balance(meter::Kind::Esme);
    let (id, response) = pairing.sign_and_send(ESME, "1.5", LocalSigned, credit);
    let Some(Content::LocalCommand(local)) = response.content() else { panic!("{response:#?}") };
    let command = local.payload.clone();
    assert!(pairing.gateway.store.next_unsent(CHF).unwrap().is_none());
    pairing.world.home.station_input(number, |station, now| _ = station.send(now, command));
    pairing.until("the execution", |pairing| pairing.world.executions(ESME, id.counter.0) == 1);
    assert_ne!(pairing.world.balance(meter::Kind::Esme), before);
    pairing.until("the answer by WAN", |pairing| {
        !pairing.gateway.store.undelivered(SUPPLIER, pairing.told).unwrap().is_empty()
    });
    assert_eq!(pairing.told()[0].request_id, Some(id));
    // All of it is in the capture, and opens.
    let spoken = pairing.world.check_capture(&[link_key]);
    assert!(spoken.said.iter().any(|what| matches!(what, What::TransportKey(device) if *device == PPMID2)));
    let joins =
        [0x000D, 0x00AB, 0x00AF].map(|code| spoken.of(0x0704).filter(|zcl| carries(zcl, MessageCode(code))).count());
    assert!(joins.iter().all(|count| *count > 0), "Commands and Responses of every way to join: {joins:?}");
}

/// Whether a frame of the Tunneling cluster carries a message of this code: behind the length of the other information, with
/// which the broker names the User.
fn carries(zcl: &[u8], code: MessageCode) -> bool {
    let [high, low] = code.0.to_be_bytes();
    zcl.windows(3).any(|octets| [[0x02, high, low], [0x12, high, low], [0x1A, high, low]].iter().any(|it| octets == it))
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        n @ 0..0x80 => out.push(n as u8),
        n @ 0x80..0x100 => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(content);
    out
}

/// A device's key agreement certificate in DER; nobody here looks at who signed it.
fn certificate(device: Eui64, key: &PublicKey) -> Vec<u8> {
    const ECDSA: [u8; 12] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
    const EC_KEY: [u8; 21] = [
        0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
        0x03, 0x01, 0x07,
    ];
    let extension = |oid: u8, value: Vec<u8>| der(0x30, &[&[0x06, 0x03, 0x55, 0x1D, oid], &der(0x04, &[&value])]);
    let module = der(0x30, &[&[0x06, 0x03, 0x2A, 0x03, 0x04], &der(0x04, &[&device.0])]);
    let other = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04];
    let extensions = [
        extension(0x0F, der(0x03, &[&[3, 0x08]])),
        extension(0x0E, der(0x04, &[&RustCrypto.sha256(&[key.point()])[..8]])),
        extension(0x11, der(0x30, &[&der(0xA0, &[&other, &der(0xA0, &[&module])])])),
    ];
    let validity = der(0x30, &[&der(0x17, &[b"260101000000Z"]), &der(0x17, &[b"460101000000Z"])]);
    let public = der(0x30, &[&EC_KEY, &der(0x03, &[&[0], &key.sec1()])]);
    let name = der(0x31, &[&der(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &der(0x0C, &[b"CA"])])]);
    let serial = [0xA0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01];
    let extensions = der(0xA3, &[&der(0x30, &[&extensions.concat()])]);
    let parts: [&[u8]; 7] = [&serial, &ECDSA, &der(0x30, &[&name]), &validity, &der(0x30, &[]), &public, &extensions];
    let signature = der(0x30, &[&der(0x02, &[&[1]]), &der(0x02, &[&[1]])]);
    der(0x30, &[&der(0x30, &parts), &ECDSA, &der(0x03, &[&[0], &signature])])
}
