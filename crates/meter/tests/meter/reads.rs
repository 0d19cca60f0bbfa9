//! Every read of the catalogue, of meters that nobody configured and that lived: answered in the shape that the catalogue says.
use crate::home::*;
use gbcs::catalogue::{self, Arguments, Category, DeviceType, Family, Originator, Type, UseCase};
use gbcs::crypto::RustCrypto;
use gbcs::dlms::{AccessRequest, AccessResponse, Choice, Data, Row};
use gbcs::gbz::zcl::Body;
use gbcs::gbz::{self, Component, Content};
use gbcs::{Counter, Eui64, Time};
use meter::{Kind, Load, Meter};

const DAY: u64 = 86_400_000;

fn of(device: DeviceType, family: Family) -> impl Iterator<Item = &'static UseCase> {
    let command = |u: &&UseCase| !matches!(u.category, Category::CriticalAlert | Category::NonCriticalAlert);
    catalogue::all().iter().filter(move |u| u.is_for(device) && u.family == family).filter(command)
}

fn asker(use_case: &UseCase) -> Eui64 {
    let parties = [
        (Originator::Supplier, SUPPLIER),
        (Originator::NetworkOperator, NETWORK),
        (Originator::AccessControlBroker, ACB),
        (Originator::LoadController, LOAD),
    ];
    parties.into_iter().find(|(originator, _)| use_case.allows(*originator)).expect("somebody").1
}

/// A meter from the factory, and one that lived for two days.
fn meters(home: &Home, kind: Kind) -> [Meter<RustCrypto>; 2] {
    let mut config = home.config(kind);
    config.load = Some(if kind == Kind::Esme { Load::ELECTRICITY } else { Load::GAS });
    let mut lived = Meter::new(config, RustCrypto, None).unwrap();
    lived.handle_timeout(Time(NOW.0 - 2 * DAY));
    lived.handle_timeout(NOW);
    [home.meter(kind), lived]
}

#[test]
fn every_get_of_the_catalogue_is_answered_in_its_type() {
    let home = Home::default();
    let mut read = 0;
    for (age, mut meter) in meters(&home, Kind::Esme).into_iter().enumerate() {
        for use_case in of(DeviceType::Esme, Family::Dlms) {
            let gets = use_case.rows.iter().all(|row| matches!(row.choice, Choice::Get | Choice::GetSelective));
            if !gets || use_case.rows.is_empty() {
                continue;
            }
            let row = |row: &catalogue::RowTemplate| match row.choice {
                Choice::Get => Row::get(row.class, row.obis, row.index),
                _ => Row::get_range(row.class, row.obis, row.index, 0, u32::MAX),
            };
            let rows: Vec<_> = use_case.rows.iter().map(row).collect();
            let payload = AccessRequest::new(Counter(1), rows).encode();
            let message = home.mac(&home.plain(Kind::Esme, asker(use_case), use_case.code.0, 1, payload));
            let response = meter.handle_message(NOW, &message).expect(use_case.id);
            drain(&mut meter);
            let response = AccessResponse::parse(&home.verify(&response)).unwrap();
            for (template, answer) in use_case.rows.iter().zip(&response.answers) {
                let what = (use_case.id, template.class, template.obis, age);
                assert!(answer.result.is_success(), "{what:?}: {answer:?}");
                assert!(template.answers(answer), "{what:?}: {answer:?}");
                assert!(entries_fit(&template.response.of, &answer.data), "{what:?}: {answer:?}");
                read += 1;
            }
        }
    }
    assert!(read > 200, "{read}");
}

/// The entries of a log have the columns that the catalogue names.
fn entries_fit(shape: &Type, data: &Data) -> bool {
    match (shape, data) {
        (Type::CompactArray(entry), Data::CompactArray(log)) => log.values().iter().all(|value| entry.of.fits(value)),
        (Type::Either(shapes), data) => shapes.iter().any(|shape| entries_fit(&shape.of, data)),
        _ => true,
    }
}

#[test]
fn every_attribute_read_of_the_catalogue_is_answered_with_a_value() {
    let home = Home::default();
    let mut read = 0;
    for mut meter in meters(&home, Kind::Gsme) {
        for use_case in of(DeviceType::Gsme, Family::Gbz) {
            let attributes = |c: &catalogue::ComponentTemplate| match c.arguments {
                Arguments::Attributes(ids) => Some((c.cluster, ids)),
                _ => None,
            };
            let Some(reads) = use_case.components.iter().map(attributes).collect::<Option<Vec<_>>>() else { continue };
            let components: Vec<_> =
                (0..).zip(reads).map(|(n, (cluster, ids))| Component::read_attributes(n, cluster, ids)).collect();
            let payload = gbz::Payload::new(components).encode();
            let message = home.mac(&home.plain(Kind::Gsme, asker(use_case), use_case.code.0, 1, payload));
            let response = meter.handle_message(NOW, &message).expect(use_case.id);
            drain(&mut meter);
            for (answer, template) in home.components(&response).iter().zip(use_case.answers) {
                assert_eq!(matches!(answer.content, Content::Encrypted { .. }), template.encrypted, "{}", use_case.id);
                if let Some(Body::ReadAttributesResponse(records)) = answer.body() {
                    assert!(records.iter().all(|record| record.value.is_ok()), "{}: {records:?}", use_case.id);
                }
                read += 1;
            }
        }
    }
    assert!(read > 20, "{read}");
}
