//! What head end, hub and meters are given.
use super::*;
use gbcs::asn1::{Content, DeviceKind, Join, JoinMethod, Payload};

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
        ("credentials", behind(&[5], &credentials())),
    ]
}

/// CHF and GPF tell what they hold; a supplier replaces his cell at the GPF, at once and at a time, which power cuts precede.
fn credentials() -> Vec<u8> {
    use crate::hub::{ACB, GPF};
    use gbcs::asn1::*;
    use gbcs::certificate::{KeyUsage, Role};
    let message = |originator, target, code: u16, counter: u64, content: Content, signature| {
        let id = MessageId { originator, target, cra: Cra::Command, counter: Counter(counter) };
        let (header, payload) = (GroupingHeader::new(id, MessageCode(code)), Payload::from(content).encode());
        [&[0][..], &Message { header, payload, signature, mac: Some([0; 12]) }.encode()].concat()
    };
    let ask = |target| {
        let requester = Cell::new(Role::AccessControlBroker, KeyUsage::KeyAgreement);
        let request = CredentialsRequest { requester, roles: vec![Role::AccessControlBroker, Role::Supplier] };
        message(ACB, target, 0x0008, 1, Content::RequestCredentials(request), SignatureField::Empty)
    };
    let certificate = CertificateDer::new(certificate_tree(true).encode()).expect("a certificate in shape");
    let replace = |counter: u64, at: Option<Time>| {
        let cell = Cell::new(Role::Supplier, KeyUsage::DigitalSignature);
        let control = UpdateControl::new(ReplacementMode::SupplierBySupplier, cell, Counter(counter));
        let replacement = Replacement { certificate: certificate.clone(), cell };
        let mut update = CredentialsUpdate::new(control, vec![replacement], vec![certificate.clone()]);
        update.execution = at.map(DateTime::new);
        let signature = SignatureField::Present(Signature([1; 64]));
        message(SUPPLIER, GPF, 0x0102, counter, Content::UpdateCredentials(Box::new(update)), signature)
    };
    let soon = Time(crate::stations::START.0 + 900_000);
    let asked = [ask(crate::stations::HUB.eui), ask(GPF)];
    let (at_once, dated) = (replace(2, None), replace(3, Some(soon)));
    to_script(&[
        (3, &asked[0]),
        (3, &asked[1]),
        (3, &at_once),
        (3, &dated),
        (8, &[]),
        (5, &[0, 4]),
        (3, &at_once),
        (3, &asked[1]),
    ])
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
    // Commands to the PPMID itself: it joins a meter, gets its link key, tells what it runs, parts; each once more, and power is lost.
    let own = Eui64::from_u64(0x00DB_1234_5678_90A4);
    let to_itself = |code: u16, counter: u64, content: Content, signed: bool| {
        let signature = if signed { SignatureField::Present(Signature([1; 64])) } else { SignatureField::Empty };
        let header = header(Cra::Command, own, counter, code);
        Message { header, payload: Payload::from(content).encode(), signature, mac: Some([0; 12]) }.encode()
    };
    let join = Content::Join(Join::new(JoinMethod::AInitiator, METERS[0], DeviceKind::Esme));
    let joins = [to_itself(0x00AB, 2000, join.clone(), true), to_itself(0x00AF, 2001, join, true)];
    let version = to_itself(0x0129, 1, Content::ReadFirmwareVersion, false);
    let parts = to_itself(0x000F, 2002, Content::Unjoin(METERS[0]), true);
    let [_, brought] = super::air::link_key_commands();
    let device: Vec<(u8, &[u8])> = vec![
        (2, &joins[0]),
        (2, &joins[0]),
        (5, &[20, 0]),
        (10, &brought),
        (2, &joins[1]),
        (2, &version),
        (9, &[1]),
        (2, &version),
        (8, &[]),
        (9, &[0]),
        (5, &[90, 0]),
        (2, &parts),
        (10, &brought),
    ];
    vec![
        ("deliveries", to_script(&loud)),
        ("refused-by-the-hub", to_script(&silent)),
        ("commands-to-itself", to_script(&device)),
    ]
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
