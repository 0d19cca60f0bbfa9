//! Messages of our own: what a device would answer to a use case of the catalogue, with any values.
use duis::mmc::{Context, Mmc, mmc};
use gbcs::asn1;
use gbcs::catalogue::{self, Arguments, Family, Field, Meaning, Type, UseCase, ZclField};
use gbcs::dlms::{
    AccessResponse, Answer, Apdu, BitString, Choice, CompactArray, Data, DataAccessResult, DataNotification, DateTime,
    InvokeId, TypeDescription,
};
use gbcs::envelope::GroupingHeader;
use gbcs::gbz::zcl::{Body, Status};
use gbcs::gbz::{self, Component, Content};
use gbcs::verify::{EncryptedPart, Plain, Status as Opened};
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, MessageView, Payload, Time};

pub const DEVICE: Eui64 = Eui64([0, 1, 2, 3, 4, 5, 6, 7]);
pub const USER: Eui64 = Eui64([8, 9, 10, 11, 12, 13, 14, 15]);
pub const COUNTER: Counter = Counter(77);

/// A message of this payload.
pub fn message(code: u16, cra: Cra, payload: &Payload) -> Vec<u8> {
    let id = MessageId { originator: DEVICE, target: USER, cra, counter: COUNTER };
    Message::plain(GroupingHeader::new(id, MessageCode(code)), payload.encode()).encode()
}

/// A DLMS Response with these answers.
pub fn answers(code: u16, answers: impl Into<Vec<Answer>>) -> Vec<u8> {
    let response = AccessResponse { invoke: InvokeId::of(COUNTER), answers: answers.into() };
    message(code, Cra::Response, &Payload::Dlms(Apdu::Response(response)))
}

pub fn got(data: impl Into<Data>) -> Answer {
    Answer { choice: Choice::Get, result: DataAccessResult::SUCCESS, data: data.into() }
}

pub fn failed(choice: Choice, result: u8) -> Answer {
    Answer { choice, result: DataAccessResult(result), data: Data::Null }
}

/// A GBZ Response of these components.
pub fn components(code: u16, components: impl Into<Vec<Component>>) -> Vec<u8> {
    message(code, Cra::Response, &Payload::Gbz(gbz::Payload::new(components)))
}

/// A component that answers, from its parts.
pub fn component(sequence: u8, cluster: u16, frame_control: u8, command: u8, body: Body) -> Component {
    Component { cluster, from_date_time: None, frame_control, sequence, command, content: Content::Plain(body) }
}

/// A DLMS Alert.
pub fn alert(code: u16, alert: u16, further: impl Into<Vec<Data>>) -> Vec<u8> {
    let time = DateTime::at(Time::from_zigbee(700_000_000));
    let alert = DataNotification { invoke: InvokeId::of(COUNTER), code: alert, time, further: further.into() };
    message(code, Cra::Alert, &Payload::Dlms(Apdu::Notification(alert)))
}

/// What the message's encrypted parts hold is told, not encrypted: a User with keys sees the same.
pub fn opened(octets: &[u8], parts: &[EncryptedPart]) -> Mmc {
    let open = |_: &MessageView<'_>, _: &Payload| parts.to_vec();
    mmc(octets, &Context { opener: Some(&open), ..Context::default() }).unwrap()
}

pub fn part(place: usize, plain: Plain) -> EncryptedPart {
    EncryptedPart { place, status: Opened::Verified { by: USER }, plain: Some(plain) }
}

/// Numbers that look random and are the same in every run.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn octets(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.below(256) as u8).collect()
    }

    fn octet_or(&mut self, usual: std::ops::RangeInclusive<u8>, any: u8) -> u8 {
        match self.below(8) {
            0 => any,
            1 => self.below(256) as u8,
            _ => usual.start() + self.below(u64::from(usual.end() - usual.start()) + 1) as u8,
        }
    }
}

/// A value of this field: mostly such as a meter has, now and then anything that its type holds.
pub fn data(field: &Field, draw: &mut Draw) -> Data {
    let number = |draw: &mut Draw| match (field.meaning, draw.one_in(6)) {
        (_, true) => draw.below(1 << 32),
        (Meaning::Names(names), _) => u64::from(names[draw.below(names.len() as u64) as usize].0),
        (Meaning::Time, _) => 473_385_600 + draw.below(1 << 28),
        _ => draw.below(200),
    };
    match field.of {
        Type::Null => Data::Null,
        Type::Boolean => Data::boolean(draw.one_in(2)),
        Type::BitString => {
            let bits = [7, 8, 3, 32, 256, 20][draw.below(6) as usize];
            let mut octets = draw.octets(usize::from(bits).div_ceil(8));
            if bits == 32 && !draw.one_in(3) {
                octets = ((28 + draw.below(4) as u32) << 27 | 1 << draw.below(8)).to_be_bytes().into();
            }
            BitString::new(bits, octets).unwrap().into()
        }
        Type::DoubleLong => Data::DoubleLong(number(draw) as i32),
        Type::DoubleLongUnsigned => Data::DoubleLongUnsigned(number(draw) as u32),
        Type::Integer => Data::Integer(number(draw) as i8),
        Type::Long => Data::Long(number(draw) as i16),
        Type::Unsigned => Data::Unsigned(number(draw) as u8),
        Type::LongUnsigned => Data::LongUnsigned(number(draw) as u16),
        Type::Enum => Data::Enum(number(draw) as u8),
        Type::DateTime => {
            let year = 2014 + draw.below(20) as u16;
            let [high, low] = if draw.one_in(6) { [0xFF, 0xFF] } else { year.to_be_bytes() };
            let (month, day) = (draw.octet_or(1..=12, 0xFF), draw.octet_or(1..=28, 0xFF));
            let time = [draw.octet_or(0..=23, 0), draw.octet_or(0..=59, 0), draw.octet_or(0..=59, 0)];
            Data::octets([[high, low, month, day, 0xFF].as_slice(), &time, &[0, 0x80, 0, 0xFF]].concat())
        }
        Type::OctetString => Data::octets(match field.meaning {
            Meaning::Obis => vec![0, 0, 19, 10 + draw.below(11) as u8, draw.below(3) as u8, 255],
            Meaning::Eui64 => draw.octets(8),
            Meaning::TimeOfDay => vec![draw.octet_or(0..=23, 0xFF), draw.octet_or(0..=59, 0), 0, 0],
            Meaning::Date => {
                let [high, low] = if draw.one_in(2) { [0xFF, 0xFF] } else { [0x07, 0xE0] };
                vec![high, low, draw.octet_or(1..=12, 0xFF), draw.octet_or(1..=31, 0xFE), draw.octet_or(1..=7, 0xFF)]
            }
            Meaning::Packed(fields) => draw.octets(fields.iter().map(|f| usize::from(f.octets)).sum()),
            Meaning::Text => text(draw),
            _ => {
                let n = [0, 1, 1, 2, 4, 8, 16, 32][draw.below(8) as usize];
                if n == 1 { vec![1 + draw.below(4) as u8] } else { draw.octets(n) }
            }
        }),
        Type::VisibleString => Data::VisibleString(text(draw).into()),
        Type::Utf8String => Data::Utf8String(text(draw).into()),
        Type::Array(of) => {
            let n = [0, 1, 2, 4, 8, 64][draw.below(6) as usize];
            Data::array((0..n).map(|_| data(of, draw)).collect::<Vec<_>>())
        }
        Type::Structure(fields) => Data::structure(fields.iter().map(|f| data(f, draw)).collect::<Vec<_>>()),
        Type::Either(fields) => data(&fields[draw.below(fields.len() as u64) as usize], draw),
        Type::CompactArray(of) => {
            let values: Vec<_> = (0..1 + draw.below(6)).map(|_| data(of, draw)).collect();
            // All entries of a log have lists of the same lengths.
            let values: Vec<_> = values.iter().filter(|v| describe(v) == describe(&values[0])).cloned().collect();
            CompactArray::new(describe(&values[0]), values)
                .map_or(Data::Null, |array| Data::CompactArray(Box::new(array)))
        }
        Type::Protected(_) => Data::Null,
    }
}

fn text(draw: &mut Draw) -> Vec<u8> {
    match draw.below(8) {
        0 => draw.octets(9),
        1 => br#"{"outputState": 7, "inputState": "100"}"#.to_vec(),
        n => b"A<&>\"Z 1"[..n as usize].to_vec(),
    }
}

fn describe(data: &Data) -> TypeDescription {
    match data {
        Data::Structure(fields) => TypeDescription::Structure(fields.iter().map(describe).collect()),
        Data::Array(elements) if !elements.is_empty() => {
            TypeDescription::Array(elements.len() as u16, Box::new(describe(&elements[0])))
        }
        other => TypeDescription::Simple(other.tag()),
    }
}

/// Octets of a ZCL field.
fn zcl_octets(field: &ZclField, draw: &mut Draw, out: &mut Vec<u8>) {
    if field.list {
        for _ in 0..[0, 1, 2, 4, 7][draw.below(5) as usize] {
            zcl_value(field, draw, out);
        }
    } else {
        zcl_value(field, draw, out);
    }
}

fn zcl_value(field: &ZclField, draw: &mut Draw, out: &mut Vec<u8>) {
    if !field.fields.is_empty() {
        return field.fields.iter().for_each(|field| zcl_octets(field, draw, out));
    }
    let wire = field.wire.trim_end_matches('?');
    let width = wire.get(1..).and_then(|bits| bits.parse::<usize>().ok()).map(|bits| bits / 8);
    match (wire, width) {
        ("str", _) => {
            let text = text(draw);
            out.push(text.len() as u8);
            out.extend(text);
        }
        ("date", _) => {
            out.extend([draw.octet_or(114..=130, 0xFF), draw.octet_or(1..=12, 0xFF)]);
            out.extend([draw.octet_or(1..=31, 0xFF), draw.octet_or(1..=7, 0xFF)]);
        }
        ("oct" | "thresholds", _) => {}
        (_, Some(width)) => {
            let n = match field.meaning {
                Meaning::Time if !draw.one_in(6) => 473_385_600 + draw.below(1 << 28),
                _ if draw.one_in(8) => draw.below(1 << 40),
                _ => draw.below(6),
            };
            out.extend(&n.to_le_bytes()[..width]);
        }
        other => panic!("{}: {other:?}", field.name),
    }
}

/// An answer of the use case, and what its encrypted parts hold.
pub fn response(use_case: &'static UseCase, draw: &mut Draw) -> Option<(Vec<u8>, Vec<EncryptedPart>)> {
    let mut parts = Vec::new();
    match use_case.family {
        Family::Dlms => {
            let mut all = Vec::new();
            for (place, row) in use_case.rows.iter().enumerate() {
                let choice = if row.choice == Choice::GetSelective { Choice::Get } else { row.choice };
                if draw.one_in(20) {
                    all.push(failed(choice, draw.below(256).max(1) as u8));
                    continue;
                }
                let plain = data(&row.response, draw);
                let answer = match row.request.of {
                    Type::Protected(_) => {
                        parts.push(part(place, Plain::Dlms(plain)));
                        Data::structure([Data::array([]), Data::octets([1, 2, 3])])
                    }
                    _ => plain,
                };
                all.push(Answer { choice, result: DataAccessResult::SUCCESS, data: answer });
            }
            (!all.is_empty()).then(|| (answers(use_case.code.0, all), parts))
        }
        Family::Gbz => {
            let mut all: Vec<Component> = Vec::new();
            for template in use_case.answers {
                let n = u64::from(template.least) + draw.below(u64::from(template.most - template.least) + 1);
                for _ in 0..n.min(20) {
                    let (cluster, frame_control, command) =
                        (template.cluster, template.frame_control, template.command);
                    let sequence = all.len() as u8;
                    let body = match (template.arguments, command) {
                        _ if draw.one_in(20) => {
                            let status = [0x01, 0x8B, 0xC0, 0x33][draw.below(4) as usize];
                            let body = Body::DefaultResponse { command: 0xFF, status: Status(status) };
                            all.push(component(sequence, cluster, 0x08, 0x0B, body));
                            continue;
                        }
                        (Arguments::DefaultResponse { command, status }, _) => {
                            Body::DefaultResponse { command, status }
                        }
                        (_, 0x01) if frame_control & 0x03 == 0 => attributes(use_case, cluster, draw),
                        _ => {
                            let known = catalogue::zcl_command(cluster, frame_control & 0x08 != 0, command);
                            let mut octets = Vec::new();
                            known.into_iter().flat_map(|c| c.fields).for_each(|f| zcl_octets(f, draw, &mut octets));
                            Body::parse(cluster, frame_control, command, &octets)
                        }
                    };
                    if template.encrypted {
                        parts.push(part(all.len(), Plain::Zcl(body.clone())));
                    }
                    all.push(component(sequence, cluster, frame_control, command, body));
                }
            }
            (!all.is_empty()).then(|| (components(use_case.code.0, all), parts))
        }
        _ => None,
    }
}

/// The attributes of a cluster that the use case reads, with some values.
fn attributes(use_case: &UseCase, cluster: u16, draw: &mut Draw) -> Body {
    let read = use_case.components.iter().filter(|c| c.cluster == cluster);
    let ids = read.filter_map(|c| if let Arguments::Attributes(ids) = c.arguments { Some(ids) } else { None });
    let mut octets = Vec::new();
    for id in ids.flatten() {
        octets.extend(id.to_le_bytes());
        if draw.one_in(20) {
            octets.push(0xC0);
            continue;
        }
        let wire = catalogue::zcl_attribute(cluster, *id).unwrap().wire;
        let (tag, width) = match wire {
            "unsigned8" => (0x20, 1),
            "unsigned16" => (0x21, 2),
            "unsigned24" => (0x22, 3),
            "unsigned32" => (0x23, 4),
            "unsigned48" => (0x25, 6),
            "signed32" => (0x2B, 4),
            "enum8" => (0x30, 1),
            "bitmap8" => (0x18, 1),
            "bitmap16" => (0x19, 2),
            "octet-string" => (0x41, 0),
            "character-string" => (0x42, 0),
            other => panic!("{other}"),
        };
        octets.extend([0, tag]);
        if width == 0 {
            let text = text(draw);
            octets.push(text.len() as u8);
            octets.extend(text);
        } else {
            let n = if draw.one_in(5) { draw.below(1 << 48) } else { draw.below(4) };
            octets.extend(&n.to_le_bytes()[..width]);
        }
    }
    Body::parse(cluster, 0x08, 0x01, &octets)
}

/// An Alert of the use case, of DLMS.
pub fn dlms_alert(use_case: &'static UseCase, draw: &mut Draw) -> Vec<u8> {
    let further = use_case.further.iter().map(|field| data(field, draw)).collect::<Vec<_>>();
    alert(use_case.code.0, 0x8F00 + draw.below(256) as u16, further)
}

/// Answers and alerts in ASN.1, of every kind and status.
pub fn asn1_messages(draw: &mut Draw) -> Vec<(u16, Cra, asn1::Content)> {
    use asn1::Content as C;
    use gbcs::certificate::Role;
    let number = draw.octet_or(0..=14, 0x7F);
    let eui = |draw: &mut Draw| Eui64(draw.octets(8).try_into().unwrap());
    let key = |draw: &mut Draw| asn1::KeyIdentifier(draw.octets(8).try_into().unwrap());
    let usage = |draw: &mut Draw| asn1::KeyUsages([0x8000, 0x0800, 0x0400, 0x0100][draw.below(4) as usize]);
    let top_up = |draw: &mut Draw| asn1::CellUsage::from_number(draw.below(3) as u8);
    let entry = |draw: &mut Draw| asn1::LogEntry {
        device: eui(draw),
        kind: asn1::DeviceKind::from_number(draw.octet_or(0..=6, 9)),
    };
    let entries = |draw: &mut Draw| (0..draw.below(4)).map(|_| entry(draw)).collect::<Vec<_>>();
    let version = asn1::FirmwareVersion(draw.octets(4).try_into().unwrap());
    let time = asn1::DateTime::new(Time::from_zigbee(draw.below(1 << 30) as u32));
    let counter = Counter(draw.below(u64::MAX));
    let held = |draw: &mut Draw| {
        let cells = (0..draw.below(4)).map(|_| asn1::HeldCell {
            usage: usage(draw),
            cell_usage: top_up(draw),
            subject: eui(draw),
            key: key(draw),
        });
        let cells: Vec<_> = cells.collect();
        asn1::RoleCredentials::held(Role::from_number(draw.below(10) as u8), counter, cells)
    };
    let refused = asn1::RoleCredentials::refused(Role::from_number(number), asn1::CellStatus::from_number(number));
    let roles = vec![held(draw), refused, held(draw)];
    let cells = (0..draw.below(5)).map(|_| asn1::CellOutcome {
        cell: asn1::Cell {
            role: Role::from_number(draw.below(10) as u8),
            usage: usage(draw),
            cell_usage: top_up(draw),
        },
        status: asn1::CellStatus::from_number(draw.octet_or(0..=30, 0x7F)),
        old_subject: eui(draw),
        old_key: key(draw),
        new_subject: eui(draw),
        new_key: key(draw),
    });
    let cells: Vec<_> = cells.collect();
    let floor =
        asn1::PartyFloor { role: Role::from_number(draw.below(10) as u8), floor: counter, specialist_floors: None };
    let floors = vec![floor; draw.below(3) as usize];
    let mode = asn1::ReplacementMode::from_number(draw.below(14) as u8);
    let outcome = asn1::UpdateOutcome { counter, mode, floors, cells };
    let activation = asn1::ActivationOutcome { status: asn1::ActivationStatus::from_number(number), version };
    let restored = entries(draw).into_iter();
    let restored = restored.map(|entry| asn1::EntryOutcome { entry, status: asn1::JoinStatus::from_number(number) });
    let details = asn1::JoinDetails { status: asn1::JoinDetailsStatus::from_number(number), log: Some(entries(draw)) };
    let code = 0x8F00 | u16::from(number);
    let (answer, alert) = (Cra::Response, Cra::Alert);
    vec![
        (0x0008, answer, C::Credentials(roles)),
        (0x0102, answer, C::CredentialsUpdated(outcome.clone())),
        (0x0107, answer, C::CredentialsUpdateAccepted),
        (0x00CB, alert, C::CredentialsUpdateAlert(asn1::UpdateAlert { code, time, outcome })),
        (0x000A, answer, C::IssueRefused(asn1::IssueRefusal::from_number(number))),
        (0x000B, answer, C::CertificateUpdated(asn1::CertificateUpdateStatus::from_number(number))),
        (0x000C, answer, C::ProvideRefused(asn1::ProvideRefusal::from_number(number))),
        (0x000D, answer, C::Joined(asn1::JoinStatus::from_number(number))),
        (0x000F, answer, C::Unjoined(asn1::UnjoinStatus::from_number(number))),
        (0x0012, answer, C::FirmwareActivated(activation)),
        (0x00CA, alert, C::ActivationAlert(asn1::ActivationAlert { code, time, counter, outcome: activation })),
        (0x0013, answer, C::JoinDetails(details)),
        (0x0129, answer, C::FirmwareReport(asn1::FirmwareReport { version, status: activation.status })),
        (0x012B, alert, C::FirmwareAlert(asn1::FirmwareAlert { code, time, version, status: activation.status })),
        (0x007F, answer, C::ClockReport(asn1::ClockReport { time, status: asn1::ClockStatus::from_number(number) })),
        (0x008C, answer, C::DeviceLogRestored(asn1::DeviceLogRestored { outcomes: restored.collect() })),
        (0x00B2, alert, C::DeviceLogAlert(asn1::DeviceLogAlert { code, time, entries: entries(draw) })),
    ]
}
