//! Payloads of every kind, at random.
#![allow(dead_code, reason = "each test that includes this uses part of it")]
pub mod asn1;

use gbcs::dlms::{
    Access, AccessRequest, AccessResponse, Answer, Apdu, BitString, Boolean, Choice, CompactArray, Data,
    DataAccessResult, DataNotification, DateTime, InvokeId, Obis, Row, TypeDescription,
};
use gbcs::gbz::zcl::{AttributeRecord, AttributeValue, Body, Status, ZclString};
use gbcs::gbz::{Alert, AlertData, Component, Content};
use gbcs::{Counter, Eui64, MessageCode, Octets, der};
use proptest::collection::vec;
use proptest::prelude::*;

pub fn octets(most: usize) -> impl Strategy<Value = Octets> {
    vec(any::<u8>(), 0..most).prop_map(Octets::from)
}

pub fn simple() -> impl Strategy<Value = Data> {
    prop_oneof![
        Just(Data::Null),
        any::<u8>().prop_map(|n| Data::Boolean(Boolean::from_octet(n))),
        vec(any::<u8>(), 0..40).prop_flat_map(|octets| {
            let most = octets.len() as u16 * 8;
            (most.saturating_sub(7)..=most)
                .prop_map(move |bits| Data::BitString(BitString::new(bits, octets.clone()).unwrap()))
        }),
        any::<i32>().prop_map(Data::DoubleLong),
        any::<u32>().prop_map(Data::DoubleLongUnsigned),
        octets(300).prop_map(Data::OctetString),
        octets(30).prop_map(Data::VisibleString),
        octets(30).prop_map(Data::Utf8String),
        any::<u8>().prop_map(Data::Bcd),
        any::<i8>().prop_map(Data::Integer),
        any::<i16>().prop_map(Data::Long),
        any::<u8>().prop_map(Data::Unsigned),
        any::<u16>().prop_map(Data::LongUnsigned),
        any::<i64>().prop_map(Data::Long64),
        any::<u64>().prop_map(Data::Long64Unsigned),
        any::<u8>().prop_map(Data::Enum),
        any::<u32>().prop_map(Data::Float32),
        any::<u64>().prop_map(Data::Float64),
        any::<[u8; 12]>().prop_map(Data::DateTime),
        any::<[u8; 5]>().prop_map(Data::Date),
        any::<[u8; 4]>().prop_map(Data::Time),
    ]
}

/// `{ long-unsigned, array 2 of unsigned, octet-string }` many times over.
pub fn compact() -> impl Strategy<Value = Data> {
    let element = (any::<u16>(), any::<[u8; 2]>(), octets(30)).prop_map(|(n, pair, octets)| {
        let pair = Data::array(pair.map(Data::Unsigned));
        Data::structure([n.into(), pair, octets.into()])
    });
    vec(element, 0..20).prop_map(|values| {
        let pair = TypeDescription::Array(2, Box::new(TypeDescription::Simple(0x11)));
        let description = [TypeDescription::Simple(0x12), pair, TypeDescription::Simple(0x09)];
        let array = CompactArray::new(TypeDescription::Structure(description.into()), values);
        Data::CompactArray(Box::new(array.expect("the values fit")))
    })
}

pub fn data() -> impl Strategy<Value = Data> {
    prop_oneof![9 => simple(), 1 => compact()].prop_recursive(5, 40, 8, |inner| {
        prop_oneof![vec(inner.clone(), 0..8).prop_map(Data::Array), vec(inner, 0..8).prop_map(Data::Structure)]
    })
}

pub fn row() -> impl Strategy<Value = Row> {
    let access = prop_oneof![
        Just(Access::Get),
        Just(Access::Set),
        Just(Access::Action),
        (any::<u8>(), data()).prop_map(|(selector, parameters)| Access::GetSelective { selector, parameters }),
    ];
    (access, any::<u16>(), any::<[u8; 6]>(), any::<u8>(), data()).prop_map(|(access, class, obis, index, data)| Row {
        access,
        class,
        obis: Obis(obis),
        index,
        data,
    })
}

pub fn apdu() -> impl Strategy<Value = Apdu> {
    let invoke = any::<u32>().prop_map(InvokeId);
    let choice = (1u8..=4).prop_map(|n| Choice::from_octet(n).unwrap());
    let answer = (choice, any::<u8>(), data()).prop_map(|(choice, result, data)| Answer {
        choice,
        result: DataAccessResult(result),
        data,
    });
    prop_oneof![
        (invoke.clone(), vec(row(), 0..6)).prop_map(|(invoke, rows)| Apdu::Request(AccessRequest { invoke, rows })),
        (invoke.clone(), vec(answer, 0..6))
            .prop_map(|(invoke, answers)| Apdu::Response(AccessResponse { invoke, answers })),
        (invoke, any::<u16>(), any::<[u8; 12]>(), vec(data(), 0..4)).prop_map(|(invoke, code, time, further)| {
            Apdu::Notification(DataNotification { invoke, code, time: DateTime(time), further })
        }),
    ]
}

pub fn attribute() -> impl Strategy<Value = AttributeRecord> {
    let value = prop_oneof![
        any::<u8>().prop_map(AttributeValue::Data8),
        any::<u16>().prop_map(AttributeValue::Bitmap16),
        any::<i32>().prop_map(AttributeValue::Signed32),
        any::<u64>().prop_map(|n| AttributeValue::Eui64(Eui64::from_u64(n))),
        octets(40).prop_map(|octets| AttributeValue::OctetString(ZclString::new(octets).unwrap())),
    ];
    let value = prop_oneof![value.prop_map(Ok), (1u8..).prop_map(|status| Err(Status(status)))];
    (any::<u16>(), value).prop_map(|(id, value)| AttributeRecord { id, value })
}

/// Components whose payloads are those of real commands as far as random octets hit them.
pub fn component() -> impl Strategy<Value = Component> {
    let clusters = prop_oneof![Just(0x0700u16), Just(0x0702), Just(0x0705), Just(0x0707), Just(0x0709), any::<u16>()];
    let controls = prop_oneof![Just(0x01u8), Just(0x09), Just(0x19), Just(0), Just(8), any::<u8>()];
    let content = prop_oneof![
        vec(any::<u8>(), 0..60).prop_map(Err),
        vec(attribute(), 0..5).prop_map(|records| Ok(Content::Plain(Body::ReadAttributesResponse(records)))),
        (any::<u8>(), vec(any::<u8>(), 0..80))
            .prop_map(|(frame_counter, blob)| Ok(Content::Encrypted { frame_counter, blob })),
    ];
    (clusters, controls, any::<u8>(), 0u8..16, any::<Option<u32>>(), content).prop_map(
        |(cluster, frame_control, sequence, command, from_date_time, content)| match content {
            Ok(content @ Content::Encrypted { .. }) => {
                Component { cluster, from_date_time: None, frame_control, sequence, command, content }
            }
            Ok(content) => Component { cluster, from_date_time, frame_control: 8, sequence, command: 1, content },
            Err(octets) => {
                let content = Content::Plain(Body::parse(cluster, frame_control, command, &octets));
                Component { cluster, from_date_time, frame_control, sequence, command, content }
            }
        },
    )
}

pub fn alert() -> impl Strategy<Value = Alert> {
    let future_dated = any::<(u16, u64, u16, u8, u8)>().prop_map(|(code, counter, cluster, frame_control, command)| {
        let (message_code, counter) = (MessageCode(code), Counter(counter));
        AlertData::FutureDated { message_code, counter, cluster, frame_control, command }
    });
    let data = prop_oneof![
        Just(AlertData::None),
        future_dated,
        any::<[u8; 32]>().prop_map(AlertData::FirmwareHash),
        any::<[u8; 2]>().prop_map(|octets| AlertData::Other(octets.into())),
    ];
    (any::<u16>(), any::<u32>(), data).prop_map(|(code, time, data)| Alert { code, time, data })
}

pub fn der_value() -> impl Strategy<Value = der::Value> {
    let primitive =
        (1u8..0x1F, vec(any::<u8>(), 0..200)).prop_map(|(tag, octets)| der::Value::primitive(tag, octets).unwrap());
    primitive.prop_recursive(6, 40, 6, |inner| {
        (prop_oneof![Just(0x30u8), Just(0x31), Just(0xA2)], vec(inner, 0..6), 0u8..3).prop_map(
            |(tag, elements, padding)| {
                let value = der::Value::constructed(tag, elements).unwrap();
                value.clone().with_padded_length(padding).unwrap_or(value)
            },
        )
    })
}
