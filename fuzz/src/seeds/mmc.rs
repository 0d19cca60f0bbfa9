//! What devices answer and tell.
use super::{METERS, Seeds, gbcs_message, header};
use gbcs::catalogue::{self, Type};
use gbcs::dlms::{AccessResponse, Answer, Apdu, Choice, Data, DataAccessResult, DataNotification, DateTime, InvokeId};
use gbcs::gbz::zcl::{Body as ZclBody, GetSampledDataResponse, Status};
use gbcs::gbz::{self, Component, Content as ZclContent};
use gbcs::{Counter, Cra, Message, Payload, Time};

/// Seeds of `mmc`: what devices answer and tell, some of it encrypted as by [`Lenient`](crate::lenient::Lenient).
pub fn mmc() -> Seeds {
    let message =
        |code, cra, payload: Payload| Message::plain(header(cra, METERS[0], 1000, code), payload.encode()).encode();
    let answers = |code, answers: Vec<Answer>| {
        let response = AccessResponse { invoke: InvokeId::of(Counter(1000)), answers };
        message(code, Cra::Response, Payload::Dlms(Apdu::Response(response)))
    };
    let got = |choice, data| Answer { choice, result: DataAccessResult::SUCCESS, data };
    let failed = |number| Answer { choice: Choice::Set, result: DataAccessResult(number), data: Data::Null };
    let balances = Data::structure([Data::structure([1, -2, 3, 4, 5, 6].map(Data::DoubleLong))]);
    let mut plain = Vec::new();
    balances.encode(&mut plain);
    let sealed = |plain: &[u8]| [&[0x31, 0, 0, 0, 0], plain, &[0; 12]].concat();
    let layer = Data::structure([Data::Enum(2), Data::structure([])]);
    let read = Data::structure([Data::array([layer]), Data::octets(sealed(&plain))]);
    let tariff = catalogue::find_by_id("ECS24").next().map_or(&[][..], |use_case| use_case.rows);
    let tariff = tariff.iter().map(|row| got(Choice::Get, value(&row.response.of))).collect();
    let log = GetSampledDataResponse {
        sample: 1,
        start: 9,
        kind: 0,
        interval: 1800,
        count: 2,
        samples: vec![7u16.into(); 2],
    };
    let component = |sequence, content| Component {
        cluster: 0x0702,
        from_date_time: None,
        frame_control: 0x19,
        sequence,
        command: 0x07,
        content,
    };
    let mut octets = Vec::new();
    ZclBody::from(log.clone()).encode(&mut octets);
    let gas = [
        component(0, ZclContent::Plain(log.into())),
        component(1, ZclContent::Encrypted { frame_counter: 0, blob: sealed(&octets) }),
        Component {
            frame_control: 0x08,
            command: 0x0B,
            ..component(2, ZclContent::Plain(ZclBody::DefaultResponse { command: 0xFF, status: Status::FAILURE }))
        },
    ];
    let instruction = [&[0x00, 0x19][..], &[0; 8], &[0x23, 0x28, 0, 0, 94, 44, 2, 0, 6]].concat();
    let alert = DataNotification {
        invoke: InvokeId::of(Counter(1)),
        code: 0x8F66,
        time: DateTime::at(Time::from_zigbee(9)),
        further: vec![Data::octets(instruction)],
    };
    let mut seeds = vec![
        ("balances", answers(0x002D, vec![got(Choice::Action, read)])),
        ("failed", answers(0x001A, vec![failed(0), failed(3), failed(250)])),
        ("tariff", answers(0x003A, tariff)),
        ("samples", message(0x0078, Cra::Response, Payload::Gbz(gbz::Payload::new(gas)))),
        ("future-dated", message(0x00CC, Cra::Alert, Payload::Dlms(Apdu::Notification(alert)))),
    ];
    seeds.extend(gbcs_message());
    seeds
}

/// A small value of a type.
fn value(of: &Type) -> Data {
    match of {
        Type::Structure(fields) => Data::structure(fields.iter().map(|field| value(&field.of)).collect::<Vec<_>>()),
        Type::Array(element) => Data::array(vec![value(&element.of); 2]),
        Type::Integer => Data::Integer(-5),
        Type::Unsigned => Data::Unsigned(1),
        Type::LongUnsigned => Data::LongUnsigned(1),
        Type::Long => Data::Long(1),
        Type::DoubleLongUnsigned => Data::DoubleLongUnsigned(1),
        Type::Enum => Data::Enum(30),
        Type::Boolean => Data::boolean(true),
        Type::DateTime => Data::octets(DateTime::at(Time::from_zigbee(473_385_600)).0),
        Type::OctetString => Data::octets([1]),
        _ => Data::Null,
    }
}
