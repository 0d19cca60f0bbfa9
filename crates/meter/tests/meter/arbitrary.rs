//! Nothing anyone can send makes a meter panic, valid protection included.
use crate::home::*;
use gbcs::dlms::{AccessRequest, Data, Row};
use gbcs::{Counter, catalogue};
use meter::Kind;
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::LazyLock;

static HOME: LazyLock<Home> = LazyLock::new(Home::default);

thread_local! {
    static METERS: RefCell<[meter::Meter<gbcs::crypto::RustCrypto>; 2]> =
        RefCell::new([HOME.meter(Kind::Esme), HOME.meter(Kind::Gsme)]);
}

fn feed(kind: Kind, message: &[u8]) {
    METERS.with_borrow_mut(|meters| {
        let meter = &mut meters[usize::from(kind == Kind::Gsme)];
        if let Some(response) = meter.handle_message(NOW, message) {
            HOME.verify(&response);
        }
        drain(meter);
        let _ = meter.registers();
    });
}

fn code() -> impl Strategy<Value = u16> {
    prop::sample::select(catalogue::all().iter().map(|use_case| use_case.code.0).collect::<Vec<_>>())
}

/// Values of the shapes in use, with numbers at their ends.
fn data() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        Just(Data::Null),
        any::<i32>().prop_map(Data::DoubleLong),
        any::<u32>().prop_map(Data::DoubleLongUnsigned),
        any::<u16>().prop_map(Data::LongUnsigned),
        any::<i16>().prop_map(Data::Long),
        any::<i8>().prop_map(Data::Integer),
        any::<u8>().prop_map(Data::Enum),
        any::<[u8; 12]>().prop_map(Data::octets),
        prop::collection::vec(any::<u8>(), 0..24).prop_map(Data::octets),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let list = prop::collection::vec(inner, 0..4);
        prop_oneof![list.clone().prop_map(Data::array), list.prop_map(Data::structure)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn octets_of_any_kind(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        feed(Kind::Esme, &octets);
        feed(Kind::Gsme, &octets);
    }

    #[test]
    fn any_payload_under_valid_protection(
        code in code(),
        counter: u64,
        payload in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        for kind in [Kind::Esme, Kind::Gsme] {
            feed(kind, &HOME.command(kind, code, counter, payload.clone()));
        }
    }

    #[test]
    fn rows_of_a_use_case_with_any_values(code in code(), counter in 1u64.., values in prop::collection::vec(data(), 24)) {
        let use_case = catalogue::find(gbcs::MessageCode(code)).unwrap();
        let rows: Vec<Row> = use_case.rows.iter().zip(&values).map(|(row, value)| Row {
            access: match row.choice {
                gbcs::dlms::Choice::Set => gbcs::dlms::Access::Set,
                gbcs::dlms::Choice::Action => gbcs::dlms::Access::Action,
                _ => gbcs::dlms::Access::Get,
            },
            class: row.class,
            obis: row.obis,
            index: row.index,
            data: value.clone(),
        }).collect();
        let payload = AccessRequest::new(Counter(counter), rows).encode();
        let mut config = HOME.config(Kind::Esme);
        config.strict_rows = false;
        let mut meter = meter::Meter::new(config, gbcs::crypto::RustCrypto, None).unwrap();
        if let Some(response) = meter.handle_message(NOW, &HOME.command(Kind::Esme, code, counter, payload)) {
            HOME.verify(&response);
        }
        drain(&mut meter);
        let _ = meter.registers();
        meter.handle_timeout(gbcs::Time(u64::MAX / 2));
    }

    #[test]
    fn components_of_a_use_case_with_any_zcl_payload(
        code in code(),
        counter in 1u64..,
        zcl in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 12),
    ) {
        let use_case = catalogue::find(gbcs::MessageCode(code)).unwrap();
        let mut payload = vec![0x01, 0x09, use_case.components.len() as u8];
        for (n, (component, zcl)) in use_case.components.iter().zip(&zcl).enumerate() {
            payload.push(u8::from(n + 1 == use_case.components.len()));
            payload.extend(component.cluster.to_be_bytes());
            payload.extend((3 + zcl.len() as u16).to_be_bytes());
            payload.extend([component.frame_control, n as u8, component.command]);
            payload.extend(zcl);
        }
        feed(Kind::Gsme, &HOME.command(Kind::Gsme, code, counter, payload));
    }
}
