//! What a device checks a Command against.
use gbcs::catalogue::{self, Category, DeviceType, Family, Originator, Protection};
use gbcs::dlms::{AccessRequest, Data, DateTime, Obis, Row};
use gbcs::gbz::zcl::{CreditAdjustment, PublishCalendar, SetLowCreditWarningLevel, SetMaximumCreditLimit};
use gbcs::gbz::{Component, Content, Payload, zcl::Body};
use gbcs::{Counter, Cra, MessageCode};

const BALANCE: Obis = Obis([0, 0, 19, 10, 0, 255]);
const EMERGENCY: Obis = Obis([0, 0, 19, 10, 1, 255]);
const DEBT: Obis = Obis([0, 0, 19, 10, 2, 255]);

fn request(rows: impl Into<Vec<Row>>) -> AccessRequest {
    AccessRequest::new(Counter(1), rows)
}

fn use_case(code: u16) -> &'static catalogue::UseCase {
    catalogue::find(MessageCode(code)).unwrap()
}

#[test]
fn every_code_is_found_and_no_other() {
    assert_eq!(catalogue::all().len(), 240);
    for use_case in catalogue::all() {
        assert!(std::ptr::eq(catalogue::find(use_case.code).unwrap(), use_case));
        let has_payload = !use_case.rows.is_empty() || !use_case.components.is_empty();
        let needs_one =
            matches!(use_case.family, Family::Dlms | Family::Gbz) && use_case.protection(Cra::Command).is_some();
        assert_eq!(has_payload, needs_one, "{}", use_case.code);
    }
    assert!(catalogue::find(MessageCode(0xFFFF)).is_none());
    assert_eq!(catalogue::find_by_id("CS02b").count(), 11);
}

#[test]
fn a_use_case_says_who_may_do_it_to_what_and_how_it_is_protected() {
    let adjust = use_case(0x001C);
    assert_eq!((adjust.id, adjust.category), ("ECS04a", Category::Critical));
    assert!(adjust.is_for(DeviceType::Esme) && !adjust.is_for(DeviceType::Gsme));
    assert!(adjust.allows(Originator::Supplier) && !adjust.allows(Originator::NetworkOperator));
    assert!(adjust.replay_protected && !adjust.future_dated);
    assert_eq!(adjust.protection(Cra::Command), Some(Protection::SignatureAndMac));
    assert_eq!(adjust.protection(Cra::Response), Some(Protection::Signature));
    assert_eq!(adjust.protection(Cra::Alert), None);
    assert!(use_case(0x009B).is_han_only() && !adjust.is_han_only());
}

#[test]
fn only_exactly_the_rows_of_the_use_case_in_order_match() {
    let reset = use_case(0x00B3);
    let row = |obis| Row::action(112, obis, 2, 0i32);
    assert!(reset.matches(&request([row(BALANCE), row(EMERGENCY), row(DEBT)])));
    for wrong in [
        vec![],
        vec![row(BALANCE), row(EMERGENCY)],
        vec![row(EMERGENCY), row(BALANCE), row(DEBT)],
        vec![row(BALANCE), row(EMERGENCY), row(DEBT), row(DEBT)],
        vec![row(BALANCE), row(EMERGENCY), Row::action(112, DEBT, 2, 0u32)],
        vec![row(BALANCE), row(EMERGENCY), Row::action(112, DEBT, 1, 0i32)],
        vec![row(BALANCE), row(EMERGENCY), Row::action(113, DEBT, 2, 0i32)],
        vec![row(BALANCE), row(EMERGENCY), Row::set(112, DEBT, 2, 0i32)],
    ] {
        assert!(!reset.matches(&request(wrong.clone())), "{wrong:?}");
    }
}

#[test]
fn optional_rows_may_be_absent_but_not_all_of_them_nor_out_of_order() {
    let demand = use_case(0x005A);
    let row = |c, e| Row::action(4, Obis([1, 0, c, 6, e, 255]), 1, 0i8);
    for rows in [vec![row(1, 0)], vec![row(1, 1)], vec![row(1, 0), row(2, 0)], vec![row(1, 0), row(1, 1), row(2, 0)]] {
        let matched = demand.match_rows(&request(rows.clone())).unwrap();
        assert_eq!(matched.len(), rows.len());
    }
    assert!(!demand.matches(&request([])));
    assert!(!demand.matches(&request([row(2, 0), row(1, 0)])));
}

#[test]
fn a_row_for_any_of_several_objects_takes_those_and_no_others() {
    let set_state = use_case(0x011E);
    let rows = |n| {
        let time = |f| Row::set(1, Obis([0, 0, 94, 44, n, f]), 2, Data::from(DateTime::IMMEDIATE));
        request([time(1), time(2), Row::action(9, Obis([0, 0, 10, 0, 103, 255]), 1, 1u16)])
    };
    for n in 0..=255 {
        assert_eq!(set_state.matches(&rows(n)), (117..=121).contains(&n), "{n}");
    }
}

#[test]
fn reads_by_range_are_told_from_whole_reads() {
    let log = use_case(0x0048);
    let obis = Obis([0, 0, 99, 98, 0, 255]);
    assert!(log.matches(&request([Row::get_range(7, obis, 2, 0, u32::MAX)])));
    assert!(!log.matches(&request([Row::get(7, obis, 2)])));
}

#[test]
fn only_exactly_the_components_of_the_use_case_match() {
    let adjust = use_case(0x0086);
    let component = |n| Component::new(n, CreditAdjustment { issuer_event: 1, start: 0, kind: 0, value: -5 });
    assert!(adjust.matches_components(&Payload::new([component(0)])));
    assert!(!adjust.matches_components(&Payload::new([component(1)])), "sequence numbers start at 0");
    assert!(!adjust.matches_components(&Payload::new([component(0), component(1)])));
    assert!(!adjust.matches_components(&Payload::new([component(0).with_frame_control(0x11)])));
    assert!(!adjust.matches_components(&Payload::new([component(0).with_from_date_time(0)])));
    let odd = Component { content: Content::Plain(Body::Unknown([1, 2, 3].into())), ..component(0) };
    assert!(!adjust.matches_components(&Payload::new([odd])), "a ZCL payload that does not read");
    let level = SetLowCreditWarningLevel { level: 1 };
    let limit = SetMaximumCreditLimit { provider: 0, issuer_event: 0, start: 0, max_level: 1, max_per_top_up: 1 };
    let calendar = PublishCalendar {
        provider: 0,
        issuer_event: 0,
        calendar: 0,
        start: 0,
        kind: 3,
        time_reference: 0,
        name: Default::default(),
        seasons: 0,
        weeks: 0,
        days: 0,
    };
    let partial = [Component::new(0, level), Component::new(1, limit), Component::new(2, calendar)];
    assert!(!use_case(0x006F).matches_components(&Payload::new(partial)));
}

/// The public use case tables, where they are at hand, say of every use case what the catalogue says.
#[cfg(feature = "std")]
#[test]
fn the_catalogue_says_what_the_public_tables_say() {
    use gbcs::catalogue::Index;
    let shared = std::env::var_os("LASTMETRE_SHARED").map(std::path::PathBuf::from);
    let shared = shared.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let path = shared.join("gbcs/use-cases.json");
    let Ok(text) = std::fs::read_to_string(&path) else { return eprintln!("skipped: no {}", path.display()) };
    let tables: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut members = 0;
    for table in &tables {
        let field = |name: &str| table[name].as_str().unwrap_or_default();
        let id = field("id");
        let code = u16::from_str_radix(field("code").trim_start_matches("0x"), 16).unwrap();
        let use_case = catalogue::find(MessageCode(code)).unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!(use_case.id, id);
        assert_eq!(use_case.future_dated, field("future_dated") == "Yes", "{id}");
        assert_eq!(use_case.replay_protected, field("replay_protected") == "Yes", "{id}");
        let category = match field("message_type") {
            "SME.C.C" => Category::Critical,
            "SME.C.NC" => Category::NonCritical,
            "SME.A.C" => Category::CriticalAlert,
            "SME.A.NC" => Category::NonCriticalAlert,
            "SME.C.PPMID-GSME" => Category::PpmidGsme,
            "ZSE specified" => Category::ZigBee,
            top_up if top_up.starts_with("SME.C.NC but") => Category::NonCriticalTopUp,
            other => panic!("{id}: {other}"),
        };
        assert_eq!(use_case.category, category, "{id}");
        for (device, name) in [(DeviceType::Esme, "ESME"), (DeviceType::Gsme, "GSME"), (DeviceType::Gpf, "GPF")] {
            assert!(!field("target").contains(name) || use_case.is_for(device), "{id} is for {name}");
        }
        let roles: Vec<_> = table["roles"].as_array().into_iter().flatten().filter_map(|role| role.as_str()).collect();
        for (originator, name) in [
            (Originator::Supplier, "Supplier"),
            (Originator::NetworkOperator, "Network Operator"),
            (Originator::AccessControlBroker, "Access Control Broker"),
            (Originator::LoadController, "Load Controller"),
        ] {
            // Of what the tables leave open (top-ups, alerts, what was withdrawn) the samples and the message kind tell.
            let open = roles.is_empty() || roles.contains(&"See GBCS") || roles.contains(&"(none)");
            assert!(open || use_case.allows(originator) == roles.contains(&name), "{id} by {name}");
        }
        for row in table["dlms"].as_array().into_iter().flatten() {
            let text = |name: &str| row[name].as_str().unwrap_or_default().trim();
            let (Ok(class), Ok(index)) = (text("class").parse(), text("attribute/ method no.").parse()) else {
                continue;
            };
            let code = text("OBIS code");
            let code = if code.matches('.').count() == 2 { format!("{code}.255") } else { code.to_owned() };
            let obis: Obis = code.parse().unwrap_or_else(|e| panic!("{id}: {code}: {e}"));
            let index =
                if text("attribute or method?") == "M" { Index::Method(index) } else { Index::Attribute(index) };
            let member = catalogue::member(class, obis, index);
            assert!(member.is_some(), "{id}: no {class} {obis} {index:?} ({})", text("name"));
            members += 1;
        }
    }
    assert!(members > 800, "{members}");
}

#[test]
fn a_name_is_of_one_object_and_one_member_of_it() {
    let mut names: Vec<_> =
        catalogue::objects().iter().flat_map(|object| object.members).map(|member| member.full_name()).collect();
    let n = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), n);
    for name in names {
        let (object, member) = catalogue::member_by_name(&name).unwrap();
        assert_eq!(catalogue::member(object.class, object.obis, member.index), Some(member), "{name}");
    }
}
