//! Inputs that reach far: made by the project's own encoders, nobody's data.
use crate::frames;
use crate::lenient::{Lenient, key};
use crate::to_script;
use gbcs::block::Segments;
use gbcs::catalogue::{self, Arguments, DeviceType, Originator, RowTemplate, Type, UseCase};
use gbcs::crypto::Signature;
use gbcs::dlms::{
    Access, AccessRequest, AccessResponse, Answer, BitString, Choice, CompactArray, Data, DataAccessResult,
    DataNotification, DateTime, InvokeId, Obis, Row, TypeDescription,
};
use gbcs::envelope::{SignatureField, Supplementary};
use gbcs::gbz::zcl::{AttributeRecord, AttributeValue, GetCurrentPrice, Status, ZclString};
use gbcs::gbz::{self, AlertData, Component};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, Time, der};
use han::capture::zep;
use han::join::{Beacon, MacCommand, TransportKey};
use han::tunnel::gsme::GsmeData;
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse, ReportAttributes, Value};
use han::zcl::mirror::{ConfigureMirror, FromMeter, FromMirror, Notifications};
use han::zcl::tunneling::{
    NO_MANUFACTURER, Protocol, RequestTunnel, ToClient, ToServer, TransferDataStatus, TunnelStatus,
};
use han::{Key, PanId, SMART_ENERGY, ShortAddress, aps, cbke, interpan, mac, nwk};
use handover::{DeliveryId, Hello, Nonce, Receipt, Release, Stage, Upward, Warrant};

mod air;
mod cores;
mod duis_documents;
mod mmc;

pub use air::{capture, han_frames, han_node, tunnel};
pub use cores::{comms_hub, handover, meter, ppmid};
pub use duis_documents::duis_xml;
pub use mmc::mmc;

type Seeds = Vec<(&'static str, Vec<u8>)>;

pub(crate) const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
const METERS: [Eui64; 2] = [Eui64::from_u64(0x00DB_1234_5678_90A0), Eui64::from_u64(0x00DB_1234_5678_90A1)];
const CREDIT: Obis = Obis([0, 0, 19, 10, 0, 255]);

fn header(cra: Cra, meter: Eui64, counter: u64, code: u16) -> GroupingHeader {
    let command = MessageId { originator: SUPPLIER, target: meter, cra: Cra::Command, counter: Counter(counter) };
    let id = match cra {
        Cra::Command => command,
        cra => MessageId { cra, ..command.answer() },
    };
    GroupingHeader::new(id, MessageCode(code))
}

/// A Command as it goes to a meter; the MAC is the one of [`Lenient`].
fn command(meter: Eui64, counter: u64, payload: Vec<u8>) -> Vec<u8> {
    let signature = SignatureField::Present(Signature([1; 64]));
    Message { header: header(Cra::Command, meter, counter, 0x0019), payload, signature, mac: Some([0; 12]) }.encode()
}

fn response(meter: Eui64, counter: u64) -> Vec<u8> {
    let header = header(Cra::Response, meter, counter, 0x0019);
    Message { header, payload: answers(), signature: SignatureField::Empty, mac: Some([0; 12]) }.encode()
}

fn rows() -> Vec<u8> {
    let rows = [
        Row::get(112, CREDIT, 2),
        Row::set(1, CREDIT, 2, Data::octets(DateTime::NEVER.0)),
        Row::action(112, CREDIT, 2, 500i32),
        Row::get_range(7, CREDIT, 2, 0, u32::MAX),
    ];
    AccessRequest::new(Counter(1000), rows).encode()
}

fn log() -> CompactArray {
    let entry = TypeDescription::Structure(vec![
        TypeDescription::Simple(0x06),
        TypeDescription::Array(2, Box::new(TypeDescription::Simple(0x12))),
        TypeDescription::Simple(0x09),
    ]);
    let value = |n: u16| {
        Data::structure([
            Data::DoubleLongUnsigned(n.into()),
            Data::array([Data::LongUnsigned(n), Data::LongUnsigned(0)]),
            Data::octets([n as u8; 3]),
        ])
    };
    CompactArray::new(entry, (0..4).map(value).collect()).expect("values that fit")
}

fn every_type() -> Data {
    Data::structure([
        Data::Null,
        Data::boolean(true),
        Data::BitString(BitString::new(11, [0xA5, 0xE0]).expect("11 bits")),
        Data::DoubleLong(-1),
        Data::DoubleLongUnsigned(1),
        Data::octets([7; 30]),
        Data::VisibleString([b'a'; 3].into()),
        Data::Utf8String([b'b'; 3].into()),
        Data::Bcd(0x42),
        Data::Integer(-1),
        Data::Long(-1),
        Data::Unsigned(1),
        Data::LongUnsigned(1),
        Data::CompactArray(Box::new(log())),
        Data::Long64(-1),
        Data::Long64Unsigned(1),
        Data::Enum(3),
        Data::Float32(0x7FC0_0000),
        Data::Float64(1),
        Data::DateTime(DateTime::IMMEDIATE.0),
        Data::Date([7, 0xE9, 1, 1, 0xFF]),
        Data::Time([0; 4]),
        Data::array([Data::array([Data::array([])])]),
        Data::scaler_unit(-5, 30),
    ])
}

fn answers() -> Vec<u8> {
    let answer = |data| Answer { choice: Choice::Get, result: DataAccessResult::SUCCESS, data };
    AccessResponse { invoke: InvokeId::of(Counter(1000)), answers: vec![answer(every_type())] }.encode()
}

fn notification() -> Vec<u8> {
    let invoke = InvokeId::of(Counter(1000));
    DataNotification { invoke, code: 0x8F66, time: DateTime::IMMEDIATE, further: vec![every_type()] }.encode()
}

fn gbz_command() -> gbz::Payload {
    gbz::Payload::new([
        Component::read_attributes(0, 0x0702, [0x0000, 0x0200]),
        Component::new(1, GetCurrentPrice { options: 0 }).with_from_date_time(0),
    ])
}

fn gbz_response() -> gbz::Payload {
    let command = gbz_command();
    let records = [
        AttributeRecord { id: 0, value: Ok(AttributeValue::Unsigned64(7)) },
        AttributeRecord { id: 1, value: Err(Status::UNSUPPORTED_ATTRIBUTE) },
        AttributeRecord { id: 2, value: Ok(AttributeValue::OctetString(ZclString::new([1; 9]).expect("short"))) },
    ];
    gbz::Payload::new([
        command.components[0].read_attributes_response(records),
        command.components[1].default_response(Status::FAILURE),
    ])
}

fn gbz_alert() -> gbz::Alert {
    let data = AlertData::FutureDated {
        message_code: MessageCode(0x006B),
        counter: Counter(1000),
        cluster: 0x0700,
        frame_control: 1,
        command: 0,
    };
    gbz::Alert { code: 0x8F66, time: 0x1C37_4A80, data }
}

fn sequence(elements: impl Into<Vec<der::Value>>) -> der::Value {
    der::Value::constructed(der::tag::SEQUENCE, elements).expect("a constructed tag")
}

fn primitive(tag: u8, octets: &[u8]) -> der::Value {
    der::Value::primitive(tag, octets).expect("a primitive tag")
}

fn explicit(n: u8, value: der::Value) -> der::Value {
    der::Value::constructed(0xA0 | n, [value]).expect("a constructed tag")
}

fn oid(octets: &[u8]) -> der::Value {
    primitive(der::tag::OBJECT_IDENTIFIER, octets)
}

/// A device's certificate in shape, signed by nobody.
fn certificate_tree(organisation: bool) -> der::Value {
    let octet_string = |octets: &[u8]| primitive(der::tag::OCTET_STRING, octets);
    let named = |id: &[u8], value| {
        der::Value::constructed(der::tag::SET, [sequence([oid(id), value])]).expect("a constructed tag")
    };
    let algorithm = || sequence([oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2])]);
    let curve = [oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]), oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7])];
    let extension = |id: &[u8], value: der::Value| sequence([oid(id), octet_string(&value.encode())]);
    let module = sequence([oid(&[0x2A, 3]), octet_string(&METERS[0].0)]);
    let name = sequence([oid(&[0x2B, 6, 1, 5, 5, 7, 8, 4]), explicit(0, module)]);
    let alternative = der::Value::constructed(0xA0, name.elements().expect("a sequence")).expect("a constructed tag");
    let entity = [&[0, 0][..], &SUPPLIER.0].concat();
    let subject = if organisation {
        sequence([
            named(&[0x55, 4, 11], primitive(0x0C, b"02")),
            named(&[0x55, 4, 45], primitive(der::tag::BIT_STRING, &entity[1..])),
        ])
    } else {
        sequence([])
    };
    let mut extensions = vec![
        extension(&[0x55, 0x1D, 15], primitive(der::tag::BIT_STRING, &[7, 0x80])),
        extension(&[0x55, 0x1D, 14], octet_string(&[6; 8])),
    ];
    if !organisation {
        extensions.push(extension(&[0x55, 0x1D, 17], sequence([alternative])));
    }
    let point = [&[0, 4][..], key(3).public().point()].concat();
    let tbs = sequence([
        explicit(0, primitive(der::tag::INTEGER, &[2])),
        primitive(der::tag::INTEGER, &[0x12, 0x34]),
        algorithm(),
        sequence([named(&[0x55, 4, 3], primitive(0x0C, b"Z1"))]),
        sequence([primitive(0x17, b"250101000000Z"), primitive(0x18, b"99991231235959Z")]),
        subject,
        sequence([sequence(curve), primitive(der::tag::BIT_STRING, &point)]),
        explicit(3, sequence(extensions)),
    ]);
    sequence([tbs, algorithm(), primitive(der::tag::BIT_STRING, &[0; 65])])
}

/// A device's certification request in shape, signed by nobody.
fn request_tree() -> der::Value {
    let octet_string = |octets: &[u8]| primitive(der::tag::OCTET_STRING, octets);
    let set = |value| der::Value::constructed(der::tag::SET, [value]).expect("a constructed tag");
    let extension = |id: &[u8], value: der::Value| sequence([oid(id), octet_string(&value.encode())]);
    let module = sequence([oid(&[0x2A, 3]), octet_string(&METERS[0].0)]);
    let name = sequence([oid(&[0x2B, 6, 1, 5, 5, 7, 8, 4]), explicit(0, module)]);
    let alternative = der::Value::constructed(0xA0, name.elements().expect("a sequence")).expect("a constructed tag");
    let extensions = sequence([
        extension(&[0x55, 0x1D, 15], primitive(der::tag::BIT_STRING, &[7, 0x80])),
        extension(&[0x55, 0x1D, 17], sequence([alternative])),
    ]);
    let curve = [oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]), oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7])];
    let point = [&[0, 4][..], key(3).public().point()].concat();
    let wanted = sequence([oid(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 14]), set(extensions)]);
    let info = sequence([
        primitive(der::tag::INTEGER, &[0]),
        sequence([]),
        sequence([sequence(curve), primitive(der::tag::BIT_STRING, &point)]),
        explicit(0, wanted),
    ]);
    let pair = sequence([primitive(der::tag::INTEGER, &[5; 32]), primitive(der::tag::INTEGER, &[6; 32])]).encode();
    let signature = primitive(der::tag::BIT_STRING, &[&[0][..], &pair].concat());
    sequence([info, sequence([oid(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2])]), signature])
}

/// Seeds of `gbcs_message`.
pub fn gbcs_message() -> Seeds {
    let with = |supplementary, payload: Vec<u8>| {
        let mut header = header(Cra::Response, METERS[1], 1000, 0x006B);
        header.other.supplementary = supplementary;
        header.date_time = Some(DateTime::IMMEDIATE.0);
        Message { header, payload, signature: SignatureField::Empty, mac: Some([0; 12]) }.encode()
    };
    let party = Supplementary::Response(SUPPLIER, Counter(7), Counter(8));
    let certificate = Supplementary::Certificate(SUPPLIER, Counter(7), certificate_tree(true).encode());
    let mut block = vec![0xDD];
    let inner = Message::plain(header(Cra::Command, METERS[0], 1000, 0x0071), vec![]).encode();
    block.extend_from_slice(&inner[1..inner.len() - 1]);
    block.extend([0, 5 + 1 + 1 + 2 + 2 + 1 + 3, 0x11, 0, 0, 0, 0, 0xE0, 0x80, 0, 1, 0, 0, 3, 1, 2, 3]);
    let alert = Message::plain(header(Cra::Alert, METERS[1], 5, 0x00CD), gbz_alert().encode());
    vec![
        ("command", command(METERS[0], 1000, rows())),
        ("response", response(METERS[0], 1000)),
        ("pre-command", Message::plain(header(Cra::Command, METERS[1], 1000, 0x006B), gbz_command().encode()).encode()),
        ("gas-response", with(party, gbz_response().encode())),
        ("credentials", with(certificate, certificate_tree(false).encode())),
        ("alert", alert.encode()),
        ("block", block),
    ]
}

/// Seeds of `gbcs_json`: messages, and the JSON of some.
pub fn gbcs_json() -> Seeds {
    let mut seeds = gbcs_message();
    let text = |name| {
        let (_, octets) = gbcs_message().into_iter().find(|(known, _)| *known == name).expect("a seed");
        let view = gbcs::MessageView::parse(&octets).expect("a message");
        let document = gbcs::json::Document::of(&view).expect("that reads");
        serde_json::to_vec(&document).expect("a document is JSON")
    };
    seeds.extend([
        ("command-json", text("command")),
        ("gas-json", text("gas-response")),
        ("alert-json", text("alert")),
    ]);
    let header = r#""message_code":"0x001C","originator":"90B3D51F30010000","target":"00DB1234567890A0","counter":5"#;
    let rows = r#"[{"name":"meter_balance.adjust","value":-5},{"name":"account_next.mode_and_status","value":{"mode":"prepayment","status":1}}]"#;
    seeds.push((
        "names-json",
        format!(r#"{{{header},"payload":{{"dlms":{{"request":{{"rows":{rows}}}}}}}}}"#).into_bytes(),
    ));
    seeds
}

/// Seeds of `dlms_apdu`.
pub fn dlms_apdu() -> Seeds {
    let mut value = Vec::new();
    every_type().encode(&mut value);
    // A described structure of one element, in itself to the depth allowed: each octet is 15 lists.
    let nested = [&[0x13][..], &[2, 1].repeat(15), &[0x11, 0x82, 8, 0], &[7; 2048]].concat();
    vec![
        ("request", rows()),
        ("response", answers()),
        ("notification", notification()),
        ("value", value),
        ("nested-compact-array", nested),
        ("date-time", DateTime::NEVER.0.to_vec()),
    ]
}

/// Seeds of `gbz_content`: `cluster[2] frame-control command`, then the octets.
pub fn gbz_content() -> Seeds {
    let at = |head: [u8; 4], octets: Vec<u8>| [&head[..], &octets].concat();
    let mut records = Vec::new();
    gbz_response().components[0].body().expect("in the clear").encode(&mut records);
    let encrypted = Component {
        content: gbz::Content::Encrypted { frame_counter: 0, blob: vec![0x31; 30] },
        ..gbz_command().components[0].clone()
    };
    let encrypted_alert = gbz::Alert { code: 0x008B, time: 1, data: AlertData::Component(encrypted.clone()) };
    vec![
        ("command", at([7, 0, 1, 0], gbz_command().encode())),
        ("response", at([7, 2, 8, 1], gbz_response().encode())),
        ("alert", at([0; 4], gbz_alert().encode())),
        (
            "firmware-alert",
            at([0; 4], gbz::Alert { code: 0xCF, time: 1, data: AlertData::FirmwareHash([7; 32]) }.encode()),
        ),
        ("encrypted", at([0; 4], gbz::Payload::new([encrypted]).encode())),
        ("encrypted-alert", at([0; 4], encrypted_alert.encode())),
        ("attributes", at([7, 2, 8, 1], records)),
        ("publish-price", at([7, 0, 0x19, 0], vec![0x41; 40])),
        ("publish-calendar", at([7, 7, 9, 0], vec![1; 30])),
        ("top-up-log", at([7, 5, 9, 5], vec![1; 40])),
    ]
}

/// Seeds of `der_tree`.
pub fn der_tree() -> Seeds {
    let padded = sequence([primitive(der::tag::INTEGER, &[5])]).with_padded_length(2).expect("room for four octets");
    vec![
        ("certificate", certificate_tree(false).encode()),
        ("padded", sequence([padded, primitive(der::tag::NULL, &[])]).encode()),
        ("empty-sequences", [&[0x30, 0x82, 2, 0][..], &[0x30, 0].repeat(256)].concat()),
    ]
}

/// Seeds of `blocks`: scripts.
pub fn blocks() -> Seeds {
    let message = |payload: usize| {
        let header = header(Cra::Command, METERS[0], 1000, 0x0102);
        Message { header, payload: vec![7; payload], signature: SignatureField::Empty, mac: Some([0; 12]) }.encode()
    };
    let (short, long) = (message(300), message(2000));
    let blocks: Vec<_> = Segments::new(&short, 150).expect("room for data").behind(0).collect();
    let received: Vec<_> = blocks.iter().map(|block| (0, &block[..])).collect();
    let last_first: Vec<_> = received.iter().rev().copied().collect();
    let cut = [&[60][..], &long].concat();
    let expiring = [received[0], (1, &[25][..]), received[1]];
    vec![
        ("in-order", to_script(&received)),
        ("last-first", to_script(&last_first)),
        ("expiring", to_script(&expiring)),
        ("cut", to_script(&[(2, &cut[..]), received[0]])),
    ]
}

/// Seeds of `asn1`: message code, kind, payload.
pub fn asn1() -> Seeds {
    use gbcs::asn1::*;
    use gbcs::certificate::{KeyUsage, Role};
    let seed = |code: u16, kind: Cra, payload: Payload| {
        [&code.to_be_bytes()[..], &[kind as u8 - 1], &payload.encode()].concat()
    };
    let certificate = CertificateDer::new(certificate_tree(true).encode()).expect("a certificate in shape");
    let cell = Cell::new(Role::Supplier, KeyUsage::DigitalSignature);
    let floor = SpecialistFloor { specialist: Specialist::PrepaymentTopUp, floor: Counter(5) };
    let party = PartyFloor { role: Role::Supplier, floor: Counter(0), specialist_floors: Some(vec![floor]) };
    let control = UpdateControl {
        symmetric_key: Some(SymmetricKey::new([7; 16])),
        path_validity_checks: Some(PathValidityChecks::Disapply),
        floor: Some(Counter(0)),
        specialist_floors: Some(vec![floor]),
        other_floors: Some(vec![party.clone()]),
        ..UpdateControl::new(ReplacementMode::SupplierBySupplier, cell, Counter(1000))
    };
    let replaced = |cell| Replacement { certificate: certificate.clone(), cell };
    let update = CredentialsUpdate::new(
        control,
        vec![replaced(cell), replaced(Cell::PREPAYMENT_TOP_UP)],
        vec![certificate.clone()],
    );
    let outcome = |cell| CellOutcome {
        cell,
        status: CellStatus::NoTrustAnchor,
        old_subject: SUPPLIER,
        old_key: KeyIdentifier([4; 8]),
        new_subject: SUPPLIER,
        new_key: KeyIdentifier([4; 8]),
    };
    let outcome = UpdateOutcome {
        counter: Counter(1000),
        mode: ReplacementMode::SupplierBySupplier,
        floors: vec![party],
        cells: vec![outcome(cell), outcome(Cell::PREPAYMENT_TOP_UP)],
    };
    let held = HeldCell {
        usage: KeyUsages::KEY_AGREEMENT,
        cell_usage: CellUsage::PrepaymentTopUp,
        subject: SUPPLIER,
        key: KeyIdentifier([4; 8]),
    };
    let entry = LogEntry { device: METERS[0], kind: DeviceKind::Esme };
    let firmware =
        ActivateFirmware { hash: ImageHash([1; 32]), counter: Counter(1000), execution: Some(DateTime::NEVER) };
    let update = Content::UpdateCredentials(Box::new(update.at(DateTime::NEVER)));
    let credentials = vec![
        RoleCredentials::held(Role::Supplier, Counter(7), [held; 5]),
        RoleCredentials::refused(Role::LoadController, CellStatus::TrustAnchorNotFound),
    ];
    let join = Join { certificate: Some(certificate), ..Join::new(JoinMethod::C, METERS[1], DeviceKind::Gsme) };
    vec![
        ("update", seed(0x0102, Cra::Command, update.into())),
        (
            "updated",
            seed(0x0102, Cra::Response, Payload::from(Content::CredentialsUpdated(outcome)).with_long_lengths()),
        ),
        ("credentials", seed(0x0008, Cra::Response, Content::Credentials(credentials).into())),
        ("join", seed(0x00AF, Cra::Command, Content::Join(join).into())),
        ("join-details", seed(0x0013, Cra::Response, Content::JoinDetails(JoinDetails::of([entry; 9])).into())),
        ("firmware", seed(0x0012, Cra::Command, Content::ActivateFirmware(firmware).into())),
    ]
}

/// Seeds of `certificate`.
pub fn certificate() -> Seeds {
    vec![
        ("device", certificate_tree(false).encode()),
        ("organisation", certificate_tree(true).encode()),
        ("request", request_tree().encode()),
    ]
}

/// Seeds of `texts`.
pub fn texts() -> Seeds {
    let text = |text: &str| text.as_bytes().to_vec();
    let z = gbcs::crypto::SharedSecret::new([9; 32]);
    let credit = gbcs::utrn::Credit::Pence(1234);
    let utrn = gbcs::utrn::Utrn::create(&Lenient, &z, SUPPLIER, METERS[0], Counter(1 << 40), credit).expect("a top-up");
    vec![
        ("eui", text(&SUPPLIER.to_string())),
        ("obis", text(&CREDIT.to_string())),
        ("utrn", text(utrn.expose())),
        ("request-id", text(&format!("{SUPPLIER}:{}:1000", METERS[0]))),
        ("delivery", text(&DeliveryId([7; 16]).to_string())),
        ("srv", text("6.2.4")),
        ("serial", text("1461501637330902918203684832716283019655932542975")),
        ("time", text("2030-01-15T10:30:00.125+01:30")),
        ("last-time", text("9999-12-31T23:59:59.999Z")),
        ("past-the-last-time", text("9999-12-31T23:59:59-14:00")),
    ]
}
