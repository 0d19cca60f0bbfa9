//! Values of the shapes that the catalogue gives them, and of some that it does not.
use super::octets;
use gbcs::catalogue::{Field, Meaning, Type, UseCase, protection};
use gbcs::dlms::{
    Access, AccessRequest, AccessResponse, Answer, Apdu, BitString, CompactArray, Data, DataAccessResult,
    DataNotification, DateTime, Row, TypeDescription,
};
use gbcs::{Counter, dlms::Choice};
use proptest::collection::vec;
use proptest::prelude::*;

/// A value of this shape; now and then one of another.
pub fn of_field(field: &'static Field) -> BoxedStrategy<Data> {
    prop_oneof![30 => fitting(field), 1 => super::simple()].boxed()
}

fn fitting(field: &'static Field) -> BoxedStrategy<Data> {
    match field.of {
        Type::Null => Just(Data::Null).boxed(),
        Type::Boolean => any::<bool>().prop_map(Data::boolean).boxed(),
        Type::BitString => (0u16..90)
            .prop_flat_map(|bits| {
                vec(any::<u8>(), usize::from(bits).div_ceil(8))
                    .prop_map(move |octets| Data::BitString(BitString::new(bits, octets).unwrap()))
            })
            .boxed(),
        Type::DoubleLong => any::<i32>().prop_map(Data::DoubleLong).boxed(),
        Type::DoubleLongUnsigned => any::<u32>().prop_map(Data::DoubleLongUnsigned).boxed(),
        Type::Integer => any::<i8>().prop_map(Data::Integer).boxed(),
        Type::Long => any::<i16>().prop_map(Data::Long).boxed(),
        Type::Unsigned => prop_oneof![0u8..5, any::<u8>()].prop_map(Data::Unsigned).boxed(),
        Type::LongUnsigned => any::<u16>().prop_map(Data::LongUnsigned).boxed(),
        Type::Enum => prop_oneof![0u8..5, any::<u8>()].prop_map(Data::Enum).boxed(),
        Type::VisibleString => octets(30).prop_map(Data::VisibleString).boxed(),
        Type::Utf8String => ".{0,20}".prop_map(|text| Data::Utf8String(text.as_bytes().into())).boxed(),
        Type::DateTime => prop_oneof![
            Just(Data::from(DateTime::IMMEDIATE)),
            Just(Data::from(DateTime::NEVER)),
            any::<u32>().prop_map(|n| DateTime::at(gbcs::Time::from_zigbee(n)).into()),
            any::<[u8; 12]>().prop_map(Data::octets),
        ]
        .boxed(),
        Type::OctetString => {
            let usual = match field.meaning {
                Meaning::Obis => 6,
                Meaning::Eui64 => 8,
                Meaning::Date => 5,
                Meaning::TimeOfDay => 4,
                Meaning::Packed(fields) => fields.iter().map(|field| usize::from(field.octets)).sum(),
                _ => 3,
            };
            let part = prop_oneof![Just(0xFFu8), 0u8..32, any::<u8>()];
            prop_oneof![
                4 => vec(part, usual).prop_map(Data::octets),
                1 => "[ -~]{0,20}".prop_map(|text| Data::octets(text.as_bytes())),
                1 => octets(40).prop_map(Data::OctetString),
            ]
            .boxed()
        }
        Type::Array(element) => vec(of_field(element), 0..4).prop_map(Data::Array).boxed(),
        Type::Structure(fields) => fields.iter().map(of_field).collect::<Vec<_>>().prop_map(Data::Structure).boxed(),
        Type::CompactArray(entry) => log(entry),
        Type::Either(fields) => proptest::strategy::Union::new(fields.iter().map(fitting)).boxed(),
        Type::Protected(_) => fitting(protection::request()),
    }
}

/// Entries packed as devices pack them: all of the description of the first.
fn log(entry: &'static Field) -> BoxedStrategy<Data> {
    let sized = |entry: &'static Field| -> BoxedStrategy<Data> {
        match entry.of {
            Type::Structure(fields) => fields
                .iter()
                .map(|field| match field.of {
                    Type::Array(element) => vec(fitting(element), 3).prop_map(Data::Array).boxed(),
                    _ => fitting(field),
                })
                .collect::<Vec<_>>()
                .prop_map(Data::Structure)
                .boxed(),
            _ => fitting(entry),
        }
    };
    vec(sized(entry), 0..4)
        .prop_filter_map("entries of one description", |values| {
            let description = values.first().map_or(TypeDescription::Simple(0x11), description);
            CompactArray::new(description, values).map(|array| Data::CompactArray(Box::new(array)))
        })
        .boxed()
}

fn description(data: &Data) -> TypeDescription {
    match data {
        Data::Structure(elements) => TypeDescription::Structure(elements.iter().map(description).collect()),
        Data::Array(elements) => TypeDescription::Array(elements.len() as u16, Box::new(description(&elements[0]))),
        simple => TypeDescription::Simple(simple.tag()),
    }
}

/// A Command, a Response or an Alert with the rows of a use case.
pub fn of_use_case(use_case: &'static UseCase, counter: Counter) -> BoxedStrategy<Apdu> {
    if use_case.rows.is_empty() {
        let further = use_case.further.iter().map(of_field).collect::<Vec<_>>();
        return (any::<u16>(), any::<[u8; 12]>(), further)
            .prop_map(move |(code, time, further)| {
                let invoke = gbcs::dlms::InvokeId::of(counter);
                Apdu::Notification(DataNotification { invoke, code, time: DateTime(time), further })
            })
            .boxed();
    }
    let rows = use_case.rows.iter().map(|template| {
        let request = of_field(&template.request);
        (request, any::<(u32, u32)>(), any::<bool>()).prop_map(move |(data, (from, to), other)| {
            let obis = if other { template.obis_to } else { template.obis };
            match template.choice {
                Choice::GetSelective => Row::get_range(template.class, obis, template.index, from, to),
                choice => {
                    let access = match choice {
                        Choice::Get => Access::Get,
                        Choice::Set => Access::Set,
                        _ => Access::Action,
                    };
                    Row { access, class: template.class, obis, index: template.index, data }
                }
            }
        })
    });
    let request = rows.collect::<Vec<_>>().prop_map(move |rows| Apdu::Request(AccessRequest::new(counter, rows)));
    let answers = use_case.rows.iter().map(|template| {
        (of_field(template.answer()), prop_oneof![3 => Just(0u8), 1 => any::<u8>()])
            .prop_map(move |(data, result)| Answer { choice: template.choice, result: DataAccessResult(result), data })
    });
    let response = answers
        .collect::<Vec<_>>()
        .prop_map(move |answers| Apdu::Response(AccessResponse { invoke: gbcs::dlms::InvokeId::of(counter), answers }));
    prop_oneof![request, response].boxed()
}
