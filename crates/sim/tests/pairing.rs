//! A PPMID out of its box is paired by the DCC: notified and whitelisted by service requests (SRV 12.2, 8.11), joined by its install
//! code, joined to both meters and the meters to it (SRV 8.7.1, 8.7.2); then it shows the balance of both and carries a Command. Every
//! Command comes out of the DCC's gateway and goes through the hub; every answer goes back to it, and the inventory follows.
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
use gbcs::asn1;
use gbcs::crypto::{AwsLc, Crypto, PublicKey, RustCrypto};
use gbcs::{Counter, Eui64, MessageCode, MessageView, Payload, protect};
use han::capture::dissect::What;
use han::{InstallCode, Key};
use handover::Stage;
use sim::{PartEvent, PartId};
use std::time::Duration;

/// Keys that the home does not have: of XML.
const SUPPLIER_XML: u8 = 30;
const DCC_XML: u8 = 31;

/// Keys that it has (see `common`).
const SUPPLIER_SIGN: u8 = 1;
const ACB_SIGN: u8 = 6;
const ACB_AGREE: u8 = 7;
const PPMID_SIGN: u8 = 14;
const PPMID_AGREE: u8 = 16;

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
        ],
        smki: vec![known(CHF, 13, 20), known(ESME, 9, 8), known(GSME, 12, 11), known(PPMID, PPMID_AGREE, PPMID_SIGN)],
        certificates: Vec::new(),
        authority: None,
        registrations: Vec::new(),
        coverage: Vec::new(),
        thresholds: None,
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

    /// The WAN carries what waits on either side.
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

fn notification() -> Body {
    Body::DevicePrenotification(services::DevicePrenotification {
        device: PPMID,
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
        device: PPMID,
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

/// A home with a PPMID out of its box, and the DCC.
fn unpaired(plan: Plan) -> Pairing {
    let plan = Plan { new_ppmid: true, refresh: Some(ppmid::Refresh::default()), ..plan };
    let world = World::new(plan).connected();
    let counter = world.now().0;
    let (brought, told) = Default::default();
    let mut pairing = Pairing { world, gateway: gateway(), brought, counter, told };
    pairing.carry();
    pairing
}

impl Pairing {
    /// Notified, and whitelisted at the hub by a Command of the broker's (CCS01); it joins by its install code, and the hub tells so
    /// (CS14).
    fn install(&mut self) {
        use CommandVariant::{NonDevice, Send};
        self.send(ACB, "12.2", NonDevice, notification());
        assert_eq!(self.status(PPMID), "Pending");
        self.send(CHF, "8.11", Send, whitelisting());
        self.until("whitelisted", |pairing| pairing.status(PPMID) == "Whitelisted");
        assert_eq!(self.world.home.hub().device_log().kind(PPMID), Some(DeviceKind::Ppmid));
        self.until("installed", |pairing| pairing.status(PPMID) == "InstalledNotCommissioned");
        self.until("a tunnel", |pairing| pairing.world.home.hub().has_tunnel(PPMID));
    }

    /// The meters join it, on the supplier's signature; the gas meter hears it when it wakes.
    fn join_meters(&mut self) {
        for meter in [ESME, GSME] {
            let body = Body::JoinCritical(OtherDevice { device: PPMID });
            let (_, response) = self.sign_and_send(meter, "8.7.1", CommandVariant::SendSigned, body);
            assert_eq!(response.code.as_str(), "I99");
            self.until("the meter's join", |pairing| pairing.device(meter).joined.contains(&PPMID));
        }
    }

    /// It joins them, on the broker's word.
    fn join_ppmid(&mut self) {
        for meter in [ESME, GSME] {
            self.send(PPMID, "8.7.2", CommandVariant::Send, Body::JoinNonCritical(OtherDevice { device: meter }));
            self.until("the PPMID's join", |pairing| pairing.device(PPMID).joined.contains(&meter));
        }
    }

    /// Until the display shows the balance that the electricity meter has.
    fn until_shown(&mut self) {
        self.until("the balance", |pairing| {
            let shown = pairing.world.home.ppmid().shown().electricity.credit_remaining;
            shown.is_some_and(|shown| shown.value == pairing.world.home.esme().account().balance)
        });
    }

    fn partner_keys(&self) -> [Vec<(Eui64, Key)>; 2] {
        let home = &self.world.home;
        let of = |(eui, key): (Eui64, &Key)| (eui, key.clone());
        [home.ppmid().partner_keys().map(of).collect(), home.esme().partner_keys().map(of).collect()]
    }
}

#[test]
fn a_ppmid_out_of_its_box_is_paired_by_the_dcc_shows_the_balance_and_carries_a_command() {
    use CommandVariant::{LocalSigned, Send};
    let mut pairing = unpaired(Plan::new(Profile::Secmp0038));
    pairing.world.run_for(60);
    assert_eq!(pairing.world.home.ppmid().hub(), Eui64::default(), "nobody expects it yet");
    pairing.install();
    assert_eq!(pairing.world.home.ppmid().hub(), CHF);
    let alerts: Vec<_> =
        pairing.told().into_iter().filter(|told| matches!(told.body, ResponseBody::DccAlert(_))).collect();
    let [Response { body: ResponseBody::DccAlert(alert), .. }] = &alerts[..] else { panic!("{alerts:#?}") };
    assert_eq!(alert.code.to_string(), "N24");
    pairing.join_meters();
    assert_eq!(pairing.status(PPMID), "InstalledNotCommissioned", "it has not said that it is joined");
    let keyed = |event: &PartEvent| matches!(event, PartEvent::Ppmid(ppmid::Event::PartnerKeyNotTaken(ESME)));
    assert!(pairing.world.events.iter().any(|(_, event)| keyed(event)), "the meter asked before the PPMID was told");
    assert_eq!(pairing.world.home.ppmid().shown().electricity, Default::default());
    pairing.join_ppmid();
    assert_eq!((pairing.status(PPMID), pairing.device(PPMID).joined), ("Commissioned", vec![ESME, GSME]));
    // The two share a key that the hub gave them, and the display shows what the meter says.
    pairing.until_shown();
    let [of_ppmid, of_esme] = pairing.partner_keys();
    assert_eq!(
        (&of_ppmid[..], &of_esme[..]),
        (&[(ESME, of_ppmid[0].1.clone())][..], &[(PPMID, of_ppmid[0].1.clone())][..])
    );
    // The gas meter takes what the customer does at the PPMID, under the keys that both got with their joins.
    let digits = utrn(meter::Kind::Gsme, 7, gbcs::utrn::Credit::Pounds(5));
    let request = pairing.world.customer(&ppmid::Action::TopUp(ppmid::Fuel::Gas, digits)).unwrap();
    pairing.until("the gas top-up", |pairing| {
        pairing.world.heard(request).iter().any(|heard| matches!(heard, ppmid::Heard::Done(_)))
    });
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
    assert!(details.log.as_ref().unwrap().iter().any(|entry| entry.device == PPMID));
    // It carries a Command that the WAN never sees.
    let credit = Body::UpdateMeterBalance(MeterBalance::Prepayment(BalanceChange::Adjust(1_000_000)));
    let before = pairing.world.balance(meter::Kind::Esme);
    let (id, response) = pairing.sign_and_send(ESME, "1.5", LocalSigned, credit);
    let Some(Content::LocalCommand(local)) = response.content() else { panic!("{response:#?}") };
    let command = local.payload.clone();
    assert!(pairing.gateway.store.next_unsent(CHF).unwrap().is_none());
    let delivery = pairing.world.release(&command);
    pairing.until("the execution", |pairing| pairing.world.executions(ESME, id.counter.0) == 1);
    assert_ne!(pairing.world.balance(meter::Kind::Esme), before);
    pairing.until("the receipt", |pairing| pairing.world.reached(delivery, Stage::OnHan));
    pairing.until("the answer by WAN", |pairing| {
        !pairing.gateway.store.undelivered(SUPPLIER, pairing.told).unwrap().is_empty()
    });
    assert_eq!(pairing.told()[0].request_id, Some(id));
    pairing.until_shown();
    // All of it is in the capture, and opens.
    let spoken = pairing.world.check_capture(&[InstallCode::new(CODE).link_key()]);
    let said = |what: What| spoken.said.iter().filter(|said| **said == what).count();
    assert!(said(What::TransportKey(PPMID)) > 0);
    assert_eq!((said(What::RequestKey(PPMID)), said(What::RequestKey(ESME))), (1, 1), "either asked once");
    assert_eq!((said(What::LinkKey(PPMID)), said(What::LinkKey(ESME))), (2, 2));
    let joins =
        [0x000D, 0x00AB, 0x00AF].map(|code| spoken.of(0x0704).filter(|zcl| carries(zcl, MessageCode(code))).count());
    assert!(joins.iter().all(|count| *count > 0), "Commands and Responses of every way to join: {joins:?}");
}

#[test]
fn pairing_survives_a_lossy_air_and_power_cuts_and_parting_ends_it() {
    let mut pairing = unpaired(Plan { loss: 10, seed: 3, ..Plan::new(Profile::Assured) });
    // Power is lost before it knows of a network, on the way in, and when it is there.
    pairing.world.restart(PartId::Ppmid);
    pairing.send(ACB, "12.2", CommandVariant::NonDevice, notification());
    pairing.send(CHF, "8.11", CommandVariant::Send, whitelisting());
    pairing.until("whitelisted", |pairing| pairing.status(PPMID) == "Whitelisted");
    pairing.world.restart(PartId::Ppmid);
    pairing.until("a tunnel", |pairing| pairing.world.home.hub().has_tunnel(PPMID));
    pairing.world.restart(PartId::Ppmid);
    assert_eq!(pairing.world.home.ppmid().hub(), CHF, "it knows where it is");
    pairing.until("a tunnel", |pairing| pairing.world.home.hub().has_tunnel(PPMID));
    pairing.join_meters();
    pairing.world.restart(PartId::Esme);
    pairing.world.restart(PartId::Hub);
    pairing.join_ppmid();
    pairing.world.restart(PartId::Ppmid);
    pairing.until_shown();
    pairing.world.restart(PartId::Esme);
    // What is shown is new, and not what was remembered.
    pairing.world.home.meter_input(PartId::Esme, |meter, now| meter.consume(now, 12_345));
    pairing.until_shown();
    let [of_ppmid, of_esme] = pairing.partner_keys();
    assert_eq!(of_ppmid[0].1, of_esme[0].1);
    // The meter joins it again: another key, and the display goes on.
    let body = Body::JoinCritical(OtherDevice { device: PPMID });
    pairing.sign_and_send(ESME, "8.7.1", CommandVariant::SendSigned, body);
    pairing.until("another key", |pairing| pairing.partner_keys().iter().all(|keys| keys[0].1 != of_ppmid[0].1));
    pairing.world.home.meter_input(PartId::Esme, |meter, now| meter.consume(now, 12_345));
    pairing.until_shown();
    // The PPMID parts from the meter on the broker's word: it shows nothing of it any more, and has no key.
    let body = Body::UnjoinNonCritical(OtherDevice { device: ESME });
    pairing.send(PPMID, "8.8.2", CommandVariant::Send, body);
    pairing.until("the PPMID's parting", |pairing| !pairing.device(PPMID).joined.contains(&ESME));
    pairing.world.restart(PartId::Ppmid);
    pairing.world.run_for(300);
    assert_eq!(pairing.world.home.ppmid().shown().electricity, Default::default());
    assert_eq!(pairing.partner_keys()[0], []);
    // The meter does on the supplier's signature.
    let body = Body::UnjoinCritical(OtherDevice { device: PPMID });
    pairing.sign_and_send(ESME, "8.8.1", CommandVariant::SendSigned, body);
    pairing.until("the meter's parting", |pairing| !pairing.device(ESME).joined.contains(&PPMID));
    assert_eq!(pairing.partner_keys()[1], []);
    let spoken = pairing.world.check_capture(&[InstallCode::new(CODE).link_key()]);
    let asked = |device| spoken.said.iter().filter(|said| **said == What::RequestKey(device)).count();
    assert!(asked(PPMID) >= 2 && asked(ESME) >= 1);
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
