//! A whole home at the gateway: two suppliers, a network operator, somebody else, and the devices, played by the test.
use super::desk::valid;
use super::*;
use dcc::gateway::{Answer, Gateway};
use dcc::store::Store;
use dcc::{DccConfig, Registration};
use duis::body::SignedPreCommand;
use duis::body::han::{LogRequest, OtherDevice, UpdateHanDeviceLog, Whitelisting};
use duis::body::{LocalCommandResponse, dcc as services};
use duis::response::answer::InventoryDevice;
use duis::xml::value::{Hex, Within, Words};
use duis::{Content, DccAlert, Execution, Response, ResponseBody, Service};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::PublicKey;
use gbcs::dlms::{AccessResponse, Answer as Row, Apdu, Data, DataAccessResult, DataNotification, DateTime, InvokeId};
use gbcs::envelope::OtherInformation;
use gbcs::{Cra, GroupingHeader, Message, MessageCode, MessageId, MessageView, Payload, Time, asn1, protect};
use std::cell::{Cell, RefCell};
use std::path::Path;

pub const GPF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A3);
pub const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
/// A display that nobody has notified yet.
pub const NEW_PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90C4);
pub const NEW_CHF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90C2);
pub const NEW_GPF: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90C3);
pub const OPERATOR: Eui64 = Eui64::from_u64(0x90B3_D51F_3002_0000);
pub const SOMEBODY: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0009);
pub const MPAN: &str = "1234567890123";
pub const MPRN: &str = "9876543210";
const START: Time = Time::from_seconds(1_790_000_000);

/// Keys by whom they are of: XML signature, GBCS signature.
fn keys_of(user: Eui64) -> (u8, u8) {
    match user {
        SUPPLIER => (SUPPLIER_XML, SUPPLIER_GBCS),
        OTHER_SUPPLIER => (OTHER_XML, 13),
        OPERATOR => (14, 15),
        SOMEBODY => (16, 17),
        other => panic!("{other} is no user of the house"),
    }
}

/// The first of a device's two keys: agreement, then signature.
fn key_of(device: Eui64) -> u8 {
    match device {
        ESME => ESME_KA,
        GSME => 32,
        CHF => 34,
        GPF => 38,
        PPMID => 40,
        NEW_PPMID => 42,
        NEW_CHF => 44,
        NEW_GPF => 46,
        other => panic!("{other} is not known to the SMKI"),
    }
}

pub fn config_of_the_house() -> DccConfig {
    let kind = duis::transform::Device::new;
    let mut devices = vec![
        Device { gas_proxy: Some(GPF), ..Device::commissioned(CHF, kind(DeviceType::Chf), SUPPLIER, CHF) },
        Device::commissioned(GPF, kind(DeviceType::Gpf), SUPPLIER, CHF),
        Device::commissioned(ESME, kind(DeviceType::Esme), SUPPLIER, CHF),
        Device::commissioned(GSME, kind(DeviceType::Gsme), SUPPLIER, CHF),
        Device::commissioned(PPMID, kind(DeviceType::Ppmid), SUPPLIER, CHF),
    ];
    for device in &mut devices {
        device.network_operator = Some(OPERATOR);
        device.property.uprn = Within::new(123_456_789);
        let address = (Words::new("AB1 2CD").unwrap(), Words::new("1 High Street").unwrap());
        device.property.address = Some(services::Address { post_code: address.0, identifier: address.1 });
    }
    devices[2].numbers.import = Words::new(MPAN);
    devices[3].numbers.import = Words::new(MPRN);
    let user = |eui, roles| {
        let (xml, gbcs) = keys_of(eui);
        User::new(eui, roles, signer(xml, eui, SignerRole::XmlSign), *key(gbcs).public())
    };
    let all = [ESME, GSME, CHF, GPF, PPMID, NEW_PPMID, NEW_CHF, NEW_GPF];
    let smki = all.map(|eui| {
        let n = key_of(eui);
        let certificate = certificate(Subject::Device(eui), KeyUsage::KeyAgreement, key(n).public());
        let keys = DeviceKeys::new(*key(n).public(), *key(n + 1).public());
        (eui, DeviceKeys { agreement_certificate: Some(certificate), ..keys })
    });
    DccConfig {
        users: vec![
            user(SUPPLIER, vec![Role::Is, Role::Gs]),
            user(OTHER_SUPPLIER, vec![Role::Is, Role::Gs]),
            user(OPERATOR, vec![Role::Ed, Role::Gt]),
            user(SOMEBODY, vec![Role::Ou]),
        ],
        inventory: devices,
        smki: smki.into(),
        ..config(None)
    }
}

/// From then on the electricity supplier is another.
pub fn registered(user: Eui64, since: Time) -> Registration {
    Registration { number: MPAN.into(), role: Role::Is, since, user }
}

pub struct House {
    pub gateway: Gateway,
    pub now: Cell<Time>,
    /// Of the last request.
    pub counter: Cell<u64>,
    row: Cell<i64>,
    documents: RefCell<Vec<String>>,
}

impl House {
    pub fn new() -> Self {
        Self::with(config_of_the_house(), None)
    }

    pub fn with(config: DccConfig, store: Option<&Path>) -> Self {
        let gateway = Gateway::new(config, Store::open(store).unwrap()).unwrap();
        let (row, documents) = Default::default();
        Self { gateway, now: Cell::new(START), counter: Cell::new(1000), row, documents }
    }

    pub fn now(&self) -> Time {
        self.now.get()
    }

    pub fn pass(&self, by: Duration) {
        self.now.set(self.now() + by);
        self.gateway.tick(self.now()).unwrap();
    }

    pub fn device(&self, eui: Eui64) -> Device {
        self.gateway.store.device(eui).unwrap().expect("in the inventory")
    }

    pub fn status(&self, eui: Eui64) -> &'static str {
        self.device(eui).status.as_str()
    }

    /// A request under the next counter of its User.
    pub fn request(&self, user: Eui64, target: Eui64, srv: &str, variant: CommandVariant, body: Body) -> Request {
        self.counter.set(self.counter.get() + 1);
        let id = RequestId { originator: user, target, counter: Counter(self.counter.get()) };
        Request::new(id, srv.parse().unwrap(), variant, body)
    }

    pub fn ask(&self, request: &Request) -> Response {
        let xml = request.sign(&AwsLc, &xml_key(keys_of(request.header.id.originator).0)).unwrap();
        let service = request.header.variant.service().unwrap_or(Service::NonDevice);
        match self.gateway.handle(service, &xml, self.now()) {
            Answer::Document(xml) => self.read(xml),
            other => panic!("no document: {other:?}"),
        }
    }

    fn read(&self, xml: String) -> Response {
        let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
        let response =
            Response::accept(&AwsLc, &xml, |c| (*c == certificate).then_some(dcc)).expect("signed by the DCC");
        self.documents.borrow_mut().push(xml);
        response
    }

    pub fn code(&self, request: &Request) -> String {
        self.ask(request).code.as_str().to_owned()
    }

    /// A service of the DCC alone: its code.
    pub fn service(&self, user: Eui64, srv: &str, body: Body) -> String {
        self.code(&self.request(user, ACB, srv, CommandVariant::NonDevice, body))
    }

    /// A non-critical Command by WAN: the request, and the Command as the hub gets it.
    pub fn command(&self, user: Eui64, target: Eui64, srv: &str, body: Body) -> (Request, Vec<u8>) {
        let request = self.request(user, target, srv, CommandVariant::Send, body);
        assert_eq!(self.code(&request), "I99", "{srv}");
        (request, self.sent())
    }

    /// A critical Command by WAN.
    pub fn critical(&self, user: Eui64, target: Eui64, srv: &str, body: Body) -> Vec<u8> {
        let payload = self.signed_pre_command(user, target, srv, body);
        assert_eq!(self.code(&Request { header: sending(&payload.0), ..payload.1 }), "I99", "{srv}");
        self.sent()
    }

    /// A critical request transformed and signed: the header it had, and the request of its Signed Pre-Command.
    pub fn signed_pre_command(
        &self,
        user: Eui64,
        target: Eui64,
        srv: &str,
        body: Body,
    ) -> (duis::RequestHeader, Request) {
        let request = self.request(user, target, srv, CommandVariant::Transform, body);
        let response = self.ask(&request);
        let Some(Content::PreCommand(made)) = response.content() else { panic!("{srv}: {response:#?}") };
        let payload = protect::sign(&AwsLc, &key(keys_of(user).1), &made.payload).unwrap();
        let body = Body::SignedPreCommand(SignedPreCommand { execution: request.body.execution(), payload });
        (request.header, Request { body, ..request })
    }

    /// The one Command that waits for the WAN, which is thereby sent.
    pub fn sent(&self) -> Vec<u8> {
        self.gateway.tick(self.now()).unwrap();
        let hubs = [CHF, NEW_CHF];
        let next = || hubs.iter().find_map(|hub| self.gateway.store.next_unsent(*hub).unwrap());
        let one = next().expect("a Command waits");
        self.gateway.store.mark_sent(one.row, self.now()).unwrap();
        assert!(next().is_none(), "another Command waits");
        one.command
    }

    pub fn brought(&self, octets: &[u8]) {
        self.gateway.receive(octets, self.now()).unwrap();
        self.gateway.tick(self.now()).unwrap();
    }

    /// SRV 8.13 for a Response.
    pub fn return_response(&self, user: Eui64, original: RequestId, response: Vec<u8>) -> String {
        let body = LocalCommandResponse { original: Some(original), response };
        self.service(user, "8.13", Body::ReturnLocalCommandResponse(body))
    }

    /// What Users were told since this was called last.
    pub fn told(&self) -> Vec<(Eui64, Response)> {
        let users = self.gateway.config.users.iter().map(|user| user.eui);
        let waiting = users.flat_map(|user| {
            let waiting = self.gateway.store.undelivered(user, self.row.get()).unwrap();
            waiting.into_iter().map(move |callback| (callback.row, user, callback.xml))
        });
        let mut new: Vec<_> = waiting.collect();
        new.sort_unstable_by_key(|(row, ..)| *row);
        self.row.set(new.last().map_or(self.row.get(), |(row, ..)| *row));
        new.into_iter().map(|(_, user, xml)| (user, self.read(xml))).collect()
    }

    /// DCC alerts among it: to whom, by which code, about what.
    pub fn alerts(&self) -> Vec<(Eui64, DccAlert)> {
        let alert = |(user, response): (Eui64, Response)| match response.body {
            ResponseBody::DccAlert(alert) => Some((user, alert)),
            _ => None,
        };
        self.told().into_iter().filter_map(alert).collect()
    }

    pub fn inventory(&self, read: services::ReadInventory) -> Vec<InventoryDevice> {
        let request = self.request(SUPPLIER, ACB, "8.2", CommandVariant::NonDevice, Body::ReadInventory(read));
        let response = self.ask(&request);
        let Some(Content::Inventory(found)) = response.content() else { panic!("{response:#?}") };
        found.devices.to_vec()
    }

    /// An Alert of a device for the broker.
    pub fn alert_for_the_broker(&self, device: Eui64, code: u16, alert: u16, further: Vec<Data>) -> Vec<u8> {
        self.counter.set(self.counter.get() + 1);
        let counter = Counter(self.counter.get());
        let id = MessageId { originator: device, target: ACB, cra: Cra::Alert, counter };
        let invoke = InvokeId::of(counter);
        let notification = DataNotification { invoke, code: alert, time: DateTime::at(self.now()), further };
        mac(device, &Message::plain(GroupingHeader::new(id, MessageCode(code)), notification.encode()).encode())
    }

    /// The same in ASN.1.
    pub fn asn1_alert_for_the_broker(&self, device: Eui64, code: u16, content: asn1::Content) -> Vec<u8> {
        self.counter.set(self.counter.get() + 1);
        let id = MessageId { originator: device, target: ACB, cra: Cra::Alert, counter: Counter(self.counter.get()) };
        let payload = asn1::Payload::from(content).encode();
        mac(device, &Message::plain(GroupingHeader::new(id, MessageCode(code)), payload).encode())
    }

    /// The hub tells its Device Log: who is listed, and who has joined.
    pub fn hub_log(&self, hub: Eui64, devices: &[(Eui64, bool)]) -> Vec<u8> {
        let hash = |joined| if joined { Data::octets([7; 16]) } else { Data::octets([]) };
        let devices: Vec<_> =
            devices.iter().map(|(eui, joined)| Data::structure([Data::octets(eui.0), hash(*joined)])).collect();
        let log = Data::structure([Data::from(DateTime::at(self.now())), Data::octets(hub.0), Data::array(devices)]);
        self.alert_for_the_broker(hub, 0x0018, 0x8F12, vec![log])
    }
}

/// Every document that anybody was given is of the schema.
impl Drop for House {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.told();
            valid(&self.documents.borrow());
        }
    }
}

pub fn sending(header: &duis::RequestHeader) -> duis::RequestHeader {
    duis::RequestHeader { variant: CommandVariant::SendSigned, ..*header }
}

/// A device's MAC for the broker.
fn mac(device: Eui64, plain: &[u8]) -> Vec<u8> {
    let z = AwsLc.agree(&key(key_of(device)), key(ACB_KA).public()).unwrap();
    protect::add_mac(&AwsLc, &z, plain).unwrap()
}

/// What a device answers: as many results as rows were asked, or this ASN.1.
pub fn response(command: &[u8], content: Option<asn1::Content>, result: DataAccessResult) -> Vec<u8> {
    let view = MessageView::parse(command).unwrap();
    let supplementary = view.other_information().to_owned().supplementary;
    let other = OtherInformation { code: view.message_code(), supplementary };
    let header = GroupingHeader { id: view.id().answer(), date_time: None, other };
    let payload = match (content, Payload::of(&view).unwrap()) {
        (Some(content), _) => asn1::Payload::from(content).encode(),
        (None, Payload::Dlms(Apdu::Request(request))) => {
            let row = |row: &gbcs::dlms::Row| Row { choice: row.access.choice(), result, data: Data::Null };
            AccessResponse { invoke: request.invoke, answers: request.rows.iter().map(row).collect() }.encode()
        }
        _ => panic!("no answer is known"),
    };
    let plain = Message::plain(header, payload).encode();
    let device = view.id().target;
    // What is critical is answered with a signature alone.
    if view.signature().is_some() {
        return protect::sign(&AwsLc, &key(key_of(device) + 1), &plain).unwrap();
    }
    match view.id().originator {
        ACB => mac(device, &plain),
        // Between device and User: the DCC cannot check it.
        _ => {
            let z = AwsLc.agree(&key(key_of(device)), key(99).public()).unwrap();
            protect::add_mac(&AwsLc, &z, &plain).unwrap()
        }
    }
}

pub fn done(command: &[u8]) -> Vec<u8> {
    response(command, None, DataAccessResult::SUCCESS)
}

pub fn add_to_log(device: Eui64) -> Body {
    Body::UpdateHanDeviceLog(UpdateHanDeviceLog {
        execution: Execution::Immediate,
        device,
        request: LogRequest::Add,
        add: Some(Whitelisting {
            join_time: Within::new(1800).unwrap(),
            install_code: Hex::new([1; 16]).unwrap(),
            import_mpxn: None,
            secondary_import_mpan: None,
            export_mpan: None,
        }),
    })
}

pub fn remove_from_log(device: Eui64) -> Body {
    let (execution, request) = (Execution::Immediate, LogRequest::Remove);
    Body::UpdateHanDeviceLog(UpdateHanDeviceLog { execution, device, request, add: None })
}

pub fn other(device: Eui64) -> OtherDevice {
    OtherDevice { device }
}

pub fn notification(device: Eui64, kind: DeviceType, gpf: Option<Eui64>) -> Body {
    let words = |text: &str| Words::new(text).unwrap();
    Body::DevicePrenotification(services::DevicePrenotification {
        device,
        manufacturer: words("106C"),
        model: Words::new("433100AC").unwrap(),
        kind,
        version: None,
        firmware: Words::new("00009001"),
        variant: (kind == DeviceType::Esme).then_some(services::EsmeVariant::A),
        gpf,
    })
}

/// Whom a certificate names.
#[derive(Clone, Copy)]
pub enum Subject {
    Organisation(Eui64, u8),
    Device(Eui64),
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

/// A certificate in DER as the smart metering PKI makes them; nobody here looks at who signed it.
pub fn certificate(subject: Subject, usage: KeyUsage, key: &PublicKey) -> Vec<u8> {
    const ECDSA: [u8; 12] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
    const EC_KEY: [u8; 21] = [
        0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
        0x03, 0x01, 0x07,
    ];
    let attribute = |oid: u8, value: Vec<u8>| der(0x31, &[&der(0x30, &[&[0x06, 0x03, 0x55, 0x04, oid], &value])]);
    let extension = |oid: u8, value: Vec<u8>| der(0x30, &[&[0x06, 0x03, 0x55, 0x1D, oid], &der(0x04, &[&value])]);
    let bits = match usage {
        KeyUsage::DigitalSignature => [7, 0x80],
        KeyUsage::KeyAgreement => [3, 0x08],
        KeyUsage::KeyCertSign => [2, 0x04],
    };
    let key_id = &AwsLc.sha256(&[key.point()])[..8];
    let mut extensions = vec![extension(0x0F, der(0x03, &[&bits])), extension(0x0E, der(0x04, &[key_id]))];
    let name = match subject {
        Subject::Organisation(eui, role) => {
            let unit = attribute(11, der(0x0C, &[format!("{role:02X}").as_bytes()]));
            der(0x30, &[&unit, &attribute(45, der(0x03, &[&[0], &eui.0]))])
        }
        Subject::Device(eui) => {
            let module = der(0x30, &[&[0x06, 0x03, 0x2A, 0x03, 0x04], &der(0x04, &[&eui.0])]);
            let other = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04];
            extensions.push(extension(0x11, der(0x30, &[&der(0xA0, &[&other, &der(0xA0, &[&module])])])));
            der(0x30, &[])
        }
    };
    let validity = der(0x30, &[&der(0x17, &[b"260101000000Z"]), &der(0x17, &[b"460101000000Z"])]);
    let public = der(0x30, &[&EC_KEY, &der(0x03, &[&[0], &key.sec1()])]);
    let issuer_name = der(0x30, &[&attribute(3, der(0x0C, &[b"CA"]))]);
    let serial = [0xA0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01];
    let extensions = der(0xA3, &[&der(0x30, &[&extensions.concat()])]);
    let signed = der(0x30, &[&serial, &ECDSA, &issuer_name, &validity, &name, &public, &extensions]);
    let signature = der(0x30, &[&der(0x02, &[&[1]]), &der(0x02, &[&[1]])]);
    der(0x30, &[&signed, &ECDSA, &der(0x03, &[&[0], &signature])])
}
