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

mod duis_documents;

pub use duis_documents::duis_xml;

type Seeds = Vec<(&'static str, Vec<u8>)>;

const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
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
    vec![("device", certificate_tree(false).encode()), ("organisation", certificate_tree(true).encode())]
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

/// Seeds of `han_frames`: `layer command`, then the octets.
pub fn han_frames() -> Seeds {
    fn of(layer: u8, command: u8, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = vec![layer, command];
        write(&mut out);
        out
    }
    let data = mac::Frame::data(PanId(0x1A62), ShortAddress(0), ShortAddress(0x1234), 7, &[1, 2, 3]);
    let psdu = data.to_vec();
    let nwk =
        [0x48, 0x1A, 0, 0, 0x34, 0x12, 30, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0x28, 1, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0];
    let aps = aps_frame(Some(aps::Block { first: true, number: 3, received: None }), 0x0704, &[0x11, 1, 0]);
    let request = ToServer::RequestTunnel(RequestTunnel {
        protocol: Protocol { manufacturer: NO_MANUFACTURER, id: 6 },
        flow_control: false,
        max_incoming: 1500,
    });
    let protocols = ToClient::SupportedTunnelProtocolsResponse {
        complete: true,
        protocols: vec![Protocol { manufacturer: NO_MANUFACTURER, id: 6 }; 3],
    };
    let granted = ToClient::RequestTunnelResponse { tunnel: 7, status: TunnelStatus::Success, max_incoming: 1500 };
    let configure = FromMeter::ConfigureMirror(ConfigureMirror {
        issuer_event: 1,
        reporting_interval: 1800,
        notification: true,
        scheme: 2,
    });
    let number = Value::new(0x25, &[1, 2, 3, 4, 5, 6]).expect("a uint48");
    let string = Value::new(0x41, &[2, 1, 2]).expect("an octet string");
    let answers = vec![(0, Ok(number)), (1, Err(han::zcl::Status::from(0x86))), (2, Ok(string))];
    vec![
        ("mac", of(0, 0, |out| out.extend(&psdu))),
        ("mac-without-check", of(1, 0, |out| out.extend(&psdu[..psdu.len() - 2]))),
        ("nwk", of(2, 0, |out| out.extend(nwk))),
        ("aps", of(3, 0, |out| out.extend(&aps))),
        ("zcl", of(4, 0, |out| out.extend(request.to_zcl(1, true)))),
        ("request-tunnel", of(5, request.command(), |out| request.encode(out))),
        ("transfer-error", {
            let error = ToServer::TransferDataError(7, TransferDataStatus::from(0));
            of(5, error.command(), |out| error.encode(out))
        }),
        ("tunnel-granted", of(6, granted.command(), |out| granted.encode(out))),
        ("protocols", of(6, protocols.command(), |out| protocols.encode(out))),
        ("configure-mirror", of(7, configure.command(), |out| configure.encode(out))),
        ("notifications", {
            let flags = FromMirror::ReportAttributeResponse(Notifications::functional(1 << 21));
            of(8, flags.command(), |out| flags.encode(out))
        }),
        ("read-attributes", of(9, 0, |out| ReadAttributes(vec![0, 1]).encode(out))),
        ("attributes", of(10, 0, |out| ReadAttributesResponse(answers).encode(out))),
        ("report", of(11, 0, |out| ReportAttributes(vec![(0, number), (9, string)]).encode(out))),
        ("default-response", of(12, 0, |out| out.extend([2, 0]))),
        ("put", of(13, 0, |out| GsmeData::Put(&[0xDF; 9]).encode(out))),
        ("get-response", of(13, 0, |out| GsmeData::GetResponse { remaining: 1, message: &[0xDF; 9] }.encode(out))),
        ("zep", of(14, 0, |out| zep::Packet::new(11, 1, Time(1_800_000_000_000), 9, &psdu).encode(out))),
        ("counters", of(15, 0, |out| out.extend([7; 44]))),
        ("match-descriptor", of(16, 0x06, |out| out.extend([1, 0, 0, 9, 1, 1, 4, 7, 0]))),
        ("match-descriptor-answer", of(16, 0x86, |out| out.extend([1, 0, 0, 0, 1, 3]))),
        ("simple-descriptor", of(16, 0x84, |out| out.extend([1, 0, 0, 0, 10, 3, 9, 1, 8, 5, 0, 1, 4, 7, 0]))),
        ("announce", of(16, 0x13, |out| out.extend([1, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x8E]))),
        ("key-establishment", {
            let certificate = cbke::certificate(Eui64::from_u64(7));
            let initiate = cbke::Command::Initiate { suites: 2, generation_times: [11, 16], certificate: &certificate };
            of(17, 0, |out| initiate.encode(out))
        }),
        ("association", of(18, 0, |out| MacCommand::AssociationRequest(0x8E).encode(out))),
        ("transport-key", of(19, 0, |out| transport_key().encode(out))),
        ("beacon", {
            let (pan, source) = (PanId(0x1A62), ShortAddress(0));
            let extended_pan = Eui64::from_u64(7);
            let beacon = Beacon { pan, source, permits_joining: true, extended_pan }.to_psdu(1);
            of(20, 0, |out| out.extend(&beacon[..beacon.len() - 2]))
        }),
        ("inter-pan", {
            let psdu = inter_pan(None);
            of(21, 0, |out| out.extend(&psdu[..psdu.len() - 2]))
        }),
        ("inter-pan-secured", {
            let psdu = inter_pan(Some(interpan::Frame::link_key_security(5)));
            of(21, 0, |out| out.extend(&psdu[..psdu.len() - 2]))
        }),
    ]
}

fn transport_key() -> TransportKey {
    let (destination, source) = (Eui64::from_u64(7), Eui64::from_u64(8));
    TransportKey { key: Key::new(frames::NETWORK_KEY), sequence: 0, destination, source }
}

fn inter_pan(security: Option<han::security::Aux>) -> Vec<u8> {
    let payload = &[0x11, 1, 1, 9, 9, 9, 9, 9];
    interpan::Frame {
        source: Eui64::from_u64(7),
        destination: Eui64::from_u64(8),
        pan: PanId(0x1A62),
        sequence: 1,
        cluster: 0x0800,
        security,
        payload,
    }
    .to_psdu()
}

/// Captures of a frame of each kind, in both formats; the protected ones open with the keys of the target.
pub fn capture() -> Seeds {
    let eui = Eui64::from_u64(7);
    let aps = aps::Frame {
        kind: aps::Kind::Data,
        broadcast: false,
        ack_request: true,
        endpoints: Some(aps::Endpoints { destination: 1, cluster: 0x0704, profile: SMART_ENERGY, source: 1 }),
        counter: 1,
        block: Some(aps::Block { first: true, number: 2, received: None }),
        security: Some(han::security::Aux { key: han::security::KeyId::Data, counter: 1, source: None }),
        payload: &[0x11, 1, 0, 6, 0xFF, 0xFF, 0, 0xDC, 5],
    }
    .seal(&Key::new(frames::LINK_KEY), eui)
    .expect("it has an auxiliary header");
    let nwk = nwk::Frame {
        kind: nwk::Kind::Data,
        route_discovery: 1,
        end_device_initiator: false,
        destination: ShortAddress(0),
        source: ShortAddress(0x1234),
        radius: 30,
        sequence: 1,
        destination_ieee: None,
        source_ieee: Some(eui),
        security: Some(han::security::Aux { key: han::security::KeyId::Network(0), counter: 1, source: Some(eui) }),
        payload: &aps,
    }
    .seal(&Key::new(frames::NETWORK_KEY))
    .expect("it has an auxiliary header");
    let data = mac::Frame::data(PanId(0x1A62), ShortAddress(0), ShortAddress(0x1234), 7, &nwk).to_vec();
    let key = transport_key().seal(&Key::new(frames::LINK_KEY), 1, 1, ShortAddress(0x1234)).expect("as above");
    let key = mac::Frame::data(PanId(0x1A62), ShortAddress(0x1234), ShortAddress(0), 8, &key).to_vec();
    let frames = [data, key, inter_pan(None), mac::Frame::ack(7, false).to_vec()];
    // Written out here: the writers of the crate need `std`.
    let (mut pcap, mut pcapng) = (Vec::new(), Vec::new());
    pcap.extend([0xA1B2_C3D4u32, 0x0004_0002, 0, 0, 0xFFFF, 195].map(u32::to_le_bytes).as_flattened());
    pcapng.extend([0x0A0D_0D0Au32, 28, 0x1A2B_3C4D, 1, !0, !0, 28].map(u32::to_le_bytes).as_flattened());
    pcapng.extend([1u32, 20, 195, 0xFFFF, 20].map(u32::to_le_bytes).as_flattened());
    for (n, frame) in frames.iter().enumerate() {
        let len = frame.len() as u32;
        pcap.extend([n as u32, 0, len, len].map(u32::to_le_bytes).as_flattened());
        pcap.extend(frame);
        let padded = len.next_multiple_of(4);
        pcapng.extend([6, padded + 32, 0, 0, n as u32, len, len].map(u32::to_le_bytes).as_flattened());
        pcapng.extend(frame);
        pcapng.resize(pcapng.len() + (padded - len) as usize, 0);
        pcapng.extend((padded + 32).to_le_bytes());
    }
    vec![("pcap", pcap), ("pcapng", pcapng)]
}

fn aps_frame(block: Option<aps::Block>, cluster: u16, payload: &[u8]) -> Vec<u8> {
    let endpoints = Some(aps::Endpoints { destination: 1, cluster, profile: SMART_ENERGY, source: 1 });
    let kind = aps::Kind::Data;
    aps::Frame { kind, broadcast: false, ack_request: true, endpoints, counter: 40, block, security: None, payload }
        .to_vec()
}

/// Seeds of `han_node`: the role, then a script.
pub fn han_node() -> Seeds {
    let block = |first, number, received| aps_frame(Some(aps::Block { first, number, received }), 0x0704, &[7; 63]);
    let behind = |octet: u8, octets: Vec<u8>| [&[octet][..], &octets].concat();
    let whole = behind(0, aps_frame(None, 0x0704, &[0x11, 1, 0]));
    let blocks = [behind(1, block(true, 3, None)), behind(1, block(false, 1, None)), behind(1, block(false, 2, None))];
    let steps: Vec<(u8, &[u8])> = vec![(3, &whole), (3, &whole), (3, &blocks[0]), (3, &blocks[1]), (3, &blocks[2])];
    let sends: Vec<(u8, &[u8])> =
        vec![(8, &[0xFC, 1, 2, 3, 4, 5, 6, 7]), (6, &[0]), (7, &[0xFF, 0]), (6, &[1]), (8, &[1, 9])];
    let air = mac::Frame::data_request(PanId(0x1A62), ShortAddress(0), ShortAddress(0x0AA1), 9).to_vec();
    let polls: Vec<(u8, &[u8])> = vec![
        (9, &[0]),
        (8, &[0, 1, 2]),
        (7, &[10, 0]),
        (5, &[0, 4]),
        (0, &air),
        (7, &[0xFF, 0xFF]),
        (10, &[0]),
        (10, &[2]),
    ];
    // Past the longest datagram: 30 blocks of 63 octets.
    let endless: Vec<_> = (0..30).map(|n| behind(0, block(n == 0, if n == 0 { 30 } else { n }, None))).collect();
    let endless: Vec<(u8, &[u8])> = endless.iter().map(|frame| (3, &frame[..])).collect();
    let mut seeds = vec![("endless-datagram", behind(1, to_script(&endless)))];
    for (role, names) in [
        (0, ["hub-hears", "hub-sends", "hub-is-polled"]),
        (1, ["router-hears", "router-sends", "router-is-polled"]),
        (2, ["sleeper-hears", "sleeper-sends", "sleeper-polls"]),
    ] {
        for (name, steps) in names.into_iter().zip([&steps, &sends, &polls]) {
            let awake: Vec<(u8, &[u8])> = [(9, &[0][..])].into_iter().chain(steps.iter().copied()).collect();
            seeds.push((name, behind(role, to_script(&awake))));
        }
    }
    seeds
}

/// Seeds of `tunnel`: the side, then a script.
pub fn tunnel() -> Seeds {
    let behind = |octet: u8, octets: Vec<u8>| [&[octet][..], &octets].concat();
    let request = behind(
        1,
        ToServer::RequestTunnel(RequestTunnel {
            protocol: Protocol { manufacturer: NO_MANUFACTURER, id: 6 },
            flow_control: false,
            max_incoming: 1500,
        })
        .to_zcl(1, true),
    );
    let up = behind(1, ToServer::TransferData(0, &[0xDF; 40]).to_zcl(2, false));
    let close = behind(1, ToServer::CloseTunnel(0).to_zcl(3, false));
    let protocols = behind(1, ToServer::GetSupportedTunnelProtocols(0).to_zcl(4, false));
    let success = behind(1, vec![0x10, 0, 0x0B, 0x01, 0]);
    let server: Vec<(u8, &[u8])> = vec![
        (5, &[9]),
        (0, &protocols),
        (0, &request),
        (0, &up),
        (1, &up),
        (3, &[1, 1, 2, 3]),
        (0, &success),
        (3, &[0xF9, 7]),
        (2, &[61, 0]),
        (0, &request),
        (4, &[1]),
        (0, &close),
        (2, &[0xFF, 0xFF]),
        (7, &[1]),
        (0, &request),
        (6, &[9]),
    ];
    let granted = |status, tsn| {
        behind(0, ToClient::RequestTunnelResponse { tunnel: 7, status, max_incoming: 1500 }.to_zcl(tsn, true))
    };
    let (open, busy, full) =
        (granted(TunnelStatus::Success, 0), granted(TunnelStatus::from(1), 1), granted(TunnelStatus::from(2), 2));
    let down = behind(0, ToClient::TransferData(7, &[0xDF; 40]).to_zcl(2, false));
    let closed = behind(0, ToClient::TunnelClosureNotification(7).to_zcl(3, true));
    let taken = behind(0, vec![0x18, 1, 0x0B, 0x02, 0]);
    let client: Vec<(u8, &[u8])> = vec![
        (5, &[0]),
        (0, &open),
        (3, &[0, 1, 2, 3]),
        (0, &taken),
        (0, &down),
        (1, &down),
        (3, &[0xF8, 9]),
        (2, &[61, 0]),
        (0, &closed),
        (2, &[10, 0]),
        (0, &busy),
        (2, &[181, 0]),
        (0, &full),
        (4, &[0]),
        (5, &[8]),
        (2, &[0xFF, 0xFF]),
        (6, &[0]),
    ];
    vec![("server", behind(0, to_script(&server))), ("client", behind(1, to_script(&client)))]
}

fn warrant(command: &[u8]) -> Warrant {
    use gbcs::crypto::Crypto;
    Warrant {
        delivery: DeliveryId([7; 16]),
        attempt: 1,
        command_hash: Lenient.sha256(&[command]),
        target: METERS[0],
        code: MessageCode(0x0019),
        ppmid: Eui64([5; 8]),
        nonce: Nonce([3; 16]),
        not_after: Time(1_800_000_060_000),
    }
}

/// The payload of a COSE_Sign1 whose payload starts at `at`.
fn payload(message: &[u8], at: usize) -> Vec<u8> {
    let (len, at) = match message[at] {
        0x58 => (usize::from(message[at + 1]), at + 2),
        0x59 => (usize::from(message[at + 1]) << 8 | usize::from(message[at + 2]), at + 3),
        short => (usize::from(short & 0x1F), at + 1),
    };
    message[at..at + len].to_vec()
}

/// Seeds of `handover`: how the rest is meant, then the rest.
pub fn handover() -> Seeds {
    let behind = |octet: u8, octets: &[u8]| [&[octet][..], octets].concat();
    let (time, nonce, delivery) = (Time(1_800_000_000_000), Nonce([3; 16]), DeliveryId([7; 16]));
    let ppmid = Eui64([7; 8]);
    let hello = Upward::Hello(Hello { ppmid, nonce, time, open: vec![delivery; 3] });
    let stage = Stage::Refused(handover::Reason::Expired);
    let (attempt, command_hash) = (1, [9; 32]);
    let receipt = Upward::Receipt(Receipt { ppmid, delivery, attempt, command_hash, stage, at: time, time, nonce });
    let answer =
        Upward::Answer(handover::Answer { ppmid, delivery, command_hash, response: response(METERS[0], 1), time });
    let seal = |message: &Upward| message.seal(&Lenient, &key(2)).expect("nothing fails to be signed here");
    let command = command(METERS[0], 1000, rows());
    let release = Release { head_end: ppmid, warrant: warrant(&command), command: command.clone() };
    let release = release.seal(&Lenient, &key(2)).expect("nothing fails to be signed here");
    let warrant = payload(&release, 2 + 17);
    let parts = [&(warrant.len() as u16).to_be_bytes()[..], &warrant, &command].concat();
    vec![
        ("hello", behind(0, &seal(&hello))),
        ("release", behind(1, &release)),
        ("hello-payload", behind(2, &payload(&seal(&hello), 17))),
        ("receipt-payload", behind(2, &payload(&seal(&receipt), 17))),
        ("answer-payload", behind(2, &payload(&seal(&answer), 17))),
        ("warrant", behind(3, &parts)),
    ]
}

/// Seeds of `comms_hub`: profile and WAN, then a script.
pub fn comms_hub() -> Seeds {
    let behind = |octets: &[u8], rest: &[u8]| [octets, rest].concat();
    let commands = METERS.map(|meter| command(meter, 1000, rows()));
    let responses = METERS.map(|meter| response(meter, 1000));
    let by_ppmid = [behind(&[2], &commands[0]), behind(&[2], &commands[1])];
    let put = behind(&[1], &GsmeData::Put(&responses[1]).to_vec());
    let get = behind(&[1], &GsmeData::Get.to_vec());
    let answer = behind(&[0], &responses[0]);
    let wan = [behind(&[0], &commands[0]), behind(&[0], &commands[1])];
    let mirror = behind(&[1, 7, 2, 2], &[0x09, 1, 1]);
    let steps: Vec<(u8, &[u8])> = vec![
        (0, &by_ppmid[0]),
        (0, &answer),
        (0, &by_ppmid[1]),
        (7, &[1]),
        (5, &[30, 0]),
        (0, &get),
        (5, &[5, 0]),
        (0, &put),
        (1, &mirror),
        (3, &wan[0]),
        (3, &wan[1]),
        (7, &[0]),
        (6, &[0]),
        (0, &answer),
        (8, &[]),
        (6, &[1]),
        (5, &[0, 3]),
        (4, &answer),
        (2, &[0, 1, 2, 3]),
    ];
    let script = to_script(&steps);
    vec![
        ("assured", behind(&[5], &script)),
        ("assured-without-wan", behind(&[4], &script)),
        ("secmp0038", behind(&[3], &script)),
        ("today", behind(&[1], &script)),
        ("device-log", behind(&[5], &device_log())),
    ]
}

/// The ACB lists a device and removes one, a device and an HHT knock, power is lost.
fn device_log() -> Vec<u8> {
    const LOG: Obis = Obis([0, 0, 30, 3, 0, 255]);
    let ccs = |code: u16, counter: u64, rows: Vec<Row>| {
        let (originator, target) = (crate::hub::ACB, crate::stations::HUB.eui);
        let id = MessageId { originator, target, cra: Cra::Command, counter: Counter(counter) };
        let header = GroupingHeader::new(id, MessageCode(code));
        let payload = AccessRequest::new(Counter(counter), rows).encode();
        let message = Message { header, payload, signature: SignatureField::Empty, mac: Some([0; 12]) };
        [&[0][..], &message.encode()].concat()
    };
    let new = Eui64::from_u64(0x00DB_1234_5678_90B0);
    let register = Data::structure([Data::octets(new.octets()), Data::Enum(1), Data::octets([7; 16]), Data::Enum(132)]);
    let add = vec![
        Row::action(104, LOG, 1, register),
        Row::set(104, LOG, 3, Data::LongUnsigned(900)),
        Row::set(104, LOG, 2, Data::boolean(true)),
    ];
    let remove = vec![Row::action(104, LOG, 2, Data::octets(METERS[1].octets()))];
    let (add, remove) = (ccs(1, 1, add), ccs(2, 2, remove));
    let read = ccs(0x010F, 3, vec![Row::get(104, LOG, 4)]);
    let hub = (PanId(0x1A62), mac::Address::Short(ShortAddress(0)));
    let association = mac::Frame {
        kind: mac::Kind::Command,
        destination: Some(hub),
        source: Some((Some(PanId::BROADCAST), mac::Address::Extended(new))),
        ..mac::Frame::data(PanId(0x1A62), ShortAddress(0), ShortAddress(0), 1, &[1, 0x8E])
    };
    let poll = mac::Frame { source: Some((None, mac::Address::Extended(new))), payload: &[4], ..association };
    let certificate = cbke::certificate(new);
    let mut initiate = vec![0x11, 1, 0];
    cbke::Command::Initiate { suites: 2, generation_times: [11, 16], certificate: &certificate }.encode(&mut initiate);
    let knock = interpan::Frame {
        source: new,
        destination: crate::stations::HUB.eui,
        pan: PanId(0x1A62),
        sequence: 3,
        cluster: 0x0800,
        security: None,
        payload: &initiate,
    };
    let frame = |psdu: Vec<u8>| [&[0][..], &psdu].concat();
    let (association, poll, knock) = (frame(association.to_vec()), frame(poll.to_vec()), frame(knock.to_psdu()));
    to_script(&[
        (3, &add),
        (2, &association),
        (2, &poll),
        (3, &read),
        (2, &knock),
        (8, &[]),
        (3, &remove),
        (5, &[0, 4]),
    ])
}

/// Seeds of `ppmid`: a script.
pub fn ppmid() -> Seeds {
    let commands = METERS.map(|meter| command(meter, 1000, rows()));
    let release = |head: [u8; 4], n: usize| [&head[..], &commands[n]].concat();
    let (first, again, second) = (release([1, 1, 60, 0], 0), release([1, 2, 60, 0], 0), release([2, 1, 5, 0], 1));
    let (wrong, late) = (release([3, 1, 60, 5], 1), release([4, 1, 0, 0], 1));
    let (answer, other) = (response(METERS[0], 1000), response(METERS[1], 7));
    let unknown = [&[0][..], &ToClient::TunnelClosureNotification(0).to_zcl(9, true)].concat();
    let steps: Vec<(u8, &[u8])> = vec![
        (1, &first),
        (2, &answer),
        (1, &wrong),
        (9, &[0x89]),
        (1, &second),
        (5, &[4, 0]),
        (9, &[0]),
        (5, &[60, 0]),
        (6, &[0]),
        (2, &other),
        (2, &answer),
        (6, &[1]),
        (7, &[0]),
        (1, &again),
        (8, &[]),
        (7, &[1]),
        (5, &[30, 0]),
        (4, &unknown),
        (1, &late),
        (5, &[0, 2]),
        (0, &[0x83, 1]),
    ];
    let (silent, loud) = (steps[..6].to_vec(), steps);
    vec![("deliveries", to_script(&loud)), ("refused-by-the-hub", to_script(&silent))]
}

/// Seeds of `meter`: kind and settings, then a script with every use case of the catalogue for that kind, a dozen in each.
pub fn meter() -> Seeds {
    const NAMES: [[&str; 12]; 2] = [
        [
            "esme-00", "esme-01", "esme-02", "esme-03", "esme-04", "esme-05", "esme-06", "esme-07", "esme-08",
            "esme-09", "esme-10", "esme-11",
        ],
        [
            "gsme-00", "gsme-01", "gsme-02", "gsme-03", "gsme-04", "gsme-05", "gsme-06", "gsme-07", "gsme-08",
            "gsme-09", "gsme-10", "gsme-11",
        ],
    ];
    let mut seeds = Vec::new();
    for (kind, device, names) in [(0, DeviceType::Esme, &NAMES[0]), (1, DeviceType::Gsme, &NAMES[1])] {
        let all: Vec<_> = catalogue::all().iter().enumerate().filter(|(_, use_case)| use_case.is_for(device)).collect();
        for (name, some) in names.iter().zip(all.chunks(12)) {
            let data: Vec<Vec<u8>> = some
                .iter()
                .enumerate()
                .map(|(n, (at, use_case))| {
                    let party = use_case.roles.first().map_or(0, |role| match role {
                        Originator::NetworkOperator => 1,
                        Originator::AccessControlBroker => 2,
                        _ => 0,
                    });
                    let counter = n as u16 + 1;
                    let payload = if kind == 0 { sample_rows(use_case, counter) } else { sample_components(use_case) };
                    [&[*at as u8, party][..], &counter.to_be_bytes(), &payload].concat()
                })
                .collect();
            let mut steps: Vec<(u8, &[u8])> = data.iter().map(|data| (1, &data[..])).collect();
            steps.extend([(4, &[0, 16, 0][..]), (2, &[0xFF, 0]), (5, &[]), (6, &[]), (3, &[])]);
            seeds.push((*name, [&[kind | 4][..], &to_script(&steps)].concat()));
        }
    }
    seeds
}

fn sample_rows(use_case: &UseCase, counter: u16) -> Vec<u8> {
    let row = |template: &RowTemplate| {
        let access = match template.choice {
            Choice::Set => Access::Set,
            Choice::Action => Access::Action,
            Choice::Get => Access::Get,
            Choice::GetSelective => return Row::get_range(template.class, template.obis, template.index, 0, u32::MAX),
        };
        let Row { class, obis, index, .. } = Row::get(template.class, template.obis, template.index);
        Row { access, class, obis, index, data: sample(&template.request.of) }
    };
    AccessRequest::new(Counter(counter.into()), use_case.rows.iter().map(row).collect::<Vec<_>>()).encode()
}

fn sample(shape: &Type) -> Data {
    match shape {
        Type::Null => Data::Null,
        Type::Boolean => Data::boolean(true),
        Type::BitString => Data::BitString(BitString::new(8, [1]).expect("8 bits")),
        Type::DoubleLong => Data::DoubleLong(100),
        Type::DoubleLongUnsigned => Data::DoubleLongUnsigned(100),
        Type::OctetString => Data::octets([1; 4]),
        Type::DateTime => Data::octets(DateTime::IMMEDIATE.0),
        Type::VisibleString => Data::VisibleString([b'a'; 3].into()),
        Type::Utf8String => Data::Utf8String([b'a'; 3].into()),
        Type::Integer => Data::Integer(-5),
        Type::Long => Data::Long(1),
        Type::Unsigned => Data::Unsigned(1),
        Type::LongUnsigned => Data::LongUnsigned(1),
        Type::CompactArray(_) => Data::CompactArray(Box::new(log())),
        Type::Enum => Data::Enum(1),
        Type::Array(element) => Data::array([sample(&element.of), sample(&element.of)]),
        Type::Structure(elements) => {
            Data::structure(elements.iter().map(|element| sample(&element.of)).collect::<Vec<_>>())
        }
        Type::Either(shapes) => shapes.first().map_or(Data::Null, |first| sample(&first.of)),
        Type::Protected(_) => Data::Null,
    }
}

fn sample_components(use_case: &UseCase) -> Vec<u8> {
    let mut out = vec![0x01, 0x09, use_case.components.len() as u8];
    for (n, component) in use_case.components.iter().enumerate() {
        let zcl = match component.arguments {
            Arguments::Attributes(attributes) => attributes.iter().flat_map(|id| id.to_le_bytes()).collect(),
            _ => vec![0; 24],
        };
        let last = n + 1 == use_case.components.len();
        let time = if component.from_date_time { &[0; 4][..] } else { &[] };
        out.push(u8::from(last) | if component.from_date_time { 0x10 } else { 0 });
        out.extend(component.cluster.to_be_bytes());
        out.extend(((time.len() + 3 + zcl.len()) as u16).to_be_bytes());
        out.extend_from_slice(time);
        out.extend([component.frame_control, n as u8, component.command]);
        out.extend(zcl);
    }
    out
}
