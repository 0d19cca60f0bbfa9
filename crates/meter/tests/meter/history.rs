//! Reads of what a meter remembers, against the public Reference Test Data Set: meters that lived through what the samples are about.
use crate::home::*;
use crate::rtds::{Sample, is_not_found, ours, same_shape, samples};
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::dlms::{AccessRequest, AccessResponse, Data, DataNotification, DateTime, Obis, Row};
use gbcs::gbz::zcl::{PublishBillingPeriod, PublishBlockPeriod, U24};
use gbcs::gbz::{self, Content};
use gbcs::protect::{self, Mode};
use gbcs::utrn::Credit;
use gbcs::{MessageView, Time};
use meter::{Kind, Load, Meter, Place, Role, Usage};
use std::collections::BTreeSet;

/// 2014-12-01T00:30:00Z and 2015-02-02T00:00:00Z: the samples read what happened in between.
const BEGIN: Time = Time::from_zigbee(470_707_200 + 1_800);
const END: Time = Time::from_zigbee(473_385_600 + 32 * 86_400);
const DAY: u64 = 86_400_000;

/// A meter that took the Commands of the samples, and then lived until the samples were made.
fn lived(home: &Home, kind: Kind, samples: &[Sample]) -> Meter<RustCrypto> {
    let mut config = home.config(kind);
    config.load = Some(if kind == Kind::Esme { Load::ELECTRICITY } else { Load::GAS });
    (config.sizes.half_hours, config.sizes.days) = (4_000, 100);
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_timeout(BEGIN);
    let take = |meter: &mut Meter<RustCrypto>, now: Time, wanted: &dyn Fn(&Sample) -> bool| {
        for sample in samples.iter().filter(|s| s.name.ends_with("SUCCESS_COMMAND") && wanted(s)) {
            let view = MessageView::parse(&sample.octets).unwrap();
            let waits = sample.name.contains("FUTURE") || sample.name.contains("CANCEL");
            // Credentials stay those of this home.
            let waits = waits || sample.use_case.starts_with("CS02");
            if view.id().target == eui(kind) && view.mac().is_some() && view.id().originator != PPMID && !waits {
                meter.handle_message(now, &ours(home, kind, sample));
                drain(meter);
            }
        }
    };
    // The ACB's counter is lower here than in its other Commands.
    take(&mut meter, BEGIN, &|sample| sample.use_case == "GCS31");
    take(&mut meter, BEGIN, &|sample| {
        // Averages of 30 s would fill the voltage profile within a day.
        let voltage = sample.use_case.starts_with("ECS29");
        !voltage && !matches!(&sample.use_case[..], "ECS02" | "GCS02" | "ECS15a" | "CS11" | "GCS31" | "ECS43" | "GCS32")
    });
    if kind == Kind::Esme {
        // Bills on the first of each month.
        let first = Data::structure([Data::octets([0; 4]), Data::octets([0xFF, 0xFF, 0xFF, 1, 0xFF])]);
        let billing = [Row::set(22, obis(15, 0, 0), 4, Data::array([first]))];
        meter.handle_message(BEGIN, &home.dlms(0x00D7, 1 << 40, billing)).unwrap();
        meter.handle_message(BEGIN, &home.dlms(0x001E, 2 << 40, crate::year::debts())).unwrap();
    }
    if kind == Kind::Gsme {
        let start = 473_385_600;
        let (provider, issuer_event, duration, duration_type, tariff_type) = (0, 1, U24::from(1u16), 3, 0);
        let billing = PublishBillingPeriod { provider, issuer_event, start, duration, duration_type, tariff_type };
        let (control, resolution) = (2, 1);
        let block = PublishBlockPeriod {
            provider,
            issuer_event,
            start,
            duration,
            control,
            duration_type,
            tariff_type,
            resolution,
        };
        let both = [gbz::Component::new(0, billing), gbz::Component::new(1, block)];
        meter.handle_message(BEGIN, &home.gbz(0x00D8, 1 << 40, both)).unwrap();
        meter.handle_message(BEGIN, &home.gbz(0x006E, 2 << 40, crate::year::gas_debts())).unwrap();
    }
    for day in 1..=63u64 {
        let now = Time(BEGIN.0 + day * DAY - 1_800_000 + if day == 63 { 0 } else { 60_000 });
        meter.handle_timeout(now);
        if day == 30 {
            assert_eq!(meter.handle_message(now, b"noise"), None, "an entry for the security log");
        }
        // Buy every week, with something left to pay for.
        if day % 7 == 0 {
            let digits = home.utrn(kind, 100 + day as u32, Credit::Pounds(1));
            meter.enter_utrn(now, Place::Keypad, digits.as_bytes()).unwrap();
        }
        meter.enable_supply_locally(now, Place::Keypad);
        drain(&mut meter);
    }
    meter
}

/// Reads of logs and profiles by these use cases have their entries.
const REMEMBERED: [&str; 26] = [
    "ECS20a", "ECS20b", "ECS20c", "ECS20d", "ECS21a", "ECS21b", "ECS21c", "ECS22a", "ECS22b", "ECS22c", "ECS23",
    "ECS35a", "ECS35b", "ECS35g", "ECS66", "CS10a", "CS10b", "GCS15b", "GCS15c", "GCS15d", "GCS15e", "GCS16a",
    "GCS16b", "GCS17", "GCS18", "GCS20r",
];

#[test]
fn a_meter_that_lived_answers_every_read_of_its_history_as_the_reference_does() {
    let Some((home, samples)) = samples() else { return };
    let mut compared = BTreeSet::new();
    for kind in [Kind::Esme, Kind::Gsme] {
        let mut meter = lived(&home, kind, &samples);
        for sample in samples.iter().filter(|s| s.name.ends_with("_SUCCESS_COMMAND")) {
            let view = MessageView::parse(&sample.octets).unwrap();
            // A twin element meter has a column more, and the ACB answers for whoever brings a certificate.
            let other = sample.name.contains("TWIN") || sample.name.contains("URP");
            if view.id().target != eui(kind) || !REMEMBERED.contains(&&sample.use_case[..]) || other {
                continue;
            }
            let name = sample.name.replace("_COMMAND", "_RESPONSE");
            let Some(reference) = samples.iter().find(|s| s.name == name) else { continue };
            let response = meter.handle_message(END, &ours(&home, kind, sample)).expect(&sample.name);
            drain(&mut meter);
            let theirs = MessageView::parse(&reference.octets).unwrap();
            let payload = home.verify(&response);
            match kind {
                Kind::Esme => electricity(&home, &sample.name, &response, &payload, theirs.payload()),
                Kind::Gsme => gas(&sample.name, &payload, theirs.payload()),
            }
            compared.insert(sample.use_case.as_str());
        }
    }
    println!("{} compared: {compared:?}", compared.len());
    assert!(compared.len() >= 10);
}

fn electricity(home: &Home, name: &str, response: &[u8], ours: &[u8], theirs: &[u8]) {
    let (ours, theirs) = (AccessResponse::parse(ours).unwrap(), AccessResponse::parse(theirs).unwrap());
    for (a, b) in ours.answers.iter().zip(&theirs.answers) {
        assert!(same_shape(&a.data, &b.data), "{name}: {:?}", a.data);
        let entries = match &a.data {
            Data::CompactArray(log) => log.values().len(),
            Data::Structure(parts) => {
                let Some(plain) = decrypted(home, response, parts) else { continue };
                let Data::Structure(logs) = &plain else { panic!("{name}: {plain:?}") };
                let log = |log: &Data| if let Data::CompactArray(log) = log { log.values().len() } else { 0 };
                logs.iter().map(log).min().unwrap_or(0)
            }
            _ => continue,
        };
        // These samples read what was before this household moved in.
        let before = ["ECS21a", "ECS22a", "ECS22c", "ECS35g"].iter().any(|use_case| name.starts_with(use_case));
        assert!(entries > 0 || before, "{name}: nothing remembered");
    }
}

fn decrypted(home: &Home, response: &[u8], parts: &[Data]) -> Option<Data> {
    let id = MessageView::parse(response).unwrap().id();
    let reader = match id.target {
        SUPPLIER => &home.supplier_agreement,
        NETWORK => &home.network_agreement,
        ACB => &home.acb_agreement,
        _ => return None,
    };
    let secret = RustCrypto.agree(reader, home.device_agreement.public()).unwrap();
    let key = protect::derive(&RustCrypto, &secret, Mode::Encryption, id.originator, id.counter, id.target);
    let plain = protect::decrypt(&RustCrypto, &key, id.originator, parts.get(1)?.as_octets()?).ok()?;
    Data::parse(&plain).ok()
}

fn gas(name: &str, ours: &[u8], theirs: &[u8]) {
    let (ours, theirs) = (gbz::Payload::parse(ours).unwrap(), gbz::Payload::parse(theirs).unwrap());
    assert_eq!(ours.components.len(), theirs.components.len(), "{name}");
    let mut found = 0;
    for (a, b) in ours.components.iter().zip(&theirs.components) {
        if is_not_found(a) || is_not_found(b) {
            continue;
        }
        let header = |c: &gbz::Component| (c.cluster, c.frame_control, c.sequence, c.command);
        assert_eq!(header(a), header(b), "{name}");
        assert_eq!(
            matches!(a.content, Content::Encrypted { .. }),
            matches!(b.content, Content::Encrypted { .. }),
            "{name}"
        );
        found += 1;
    }
    assert!(found > 0, "{name}: nothing remembered");
}

/// The Alert of a meter with this code that was raised last.
fn last_alert(meter: &Meter<RustCrypto>, code: u16) -> Option<Vec<u8>> {
    let is_it = |octets: &&[u8]| MessageView::parse(octets).is_ok_and(|view| view.message_code().0 == code);
    meter.outbox().filter(is_it).last().map(<[u8]>::to_vec)
}

#[test]
fn the_billing_data_log_is_pushed_to_the_supplier_when_a_period_ends_and_only_he_can_read_it() {
    // Without samples there is nothing to compare with; the rest holds all the same.
    let (home, samples) = samples().unwrap_or_default();
    for (kind, code) in [(Kind::Esme, 0x0061), (Kind::Gsme, 0x008B)] {
        let meter = lived(&home, kind, &samples);
        let alert = last_alert(&meter, code).expect("pushed");
        let payload = home.verify(&alert);
        let view = MessageView::parse(&alert).unwrap();
        assert_eq!(view.id().target, SUPPLIER);
        let z = RustCrypto.agree(&home.supplier_agreement, home.device_agreement.public()).unwrap();
        let key = protect::encryption_key(&RustCrypto, &z, &view);
        match kind {
            Kind::Esme => {
                let alert = DataNotification::parse(&payload).unwrap();
                assert_eq!(alert.code, 0x8F0A);
                let [protection, Data::OctetString(blob)] = &alert.further[..] else { panic!("{alert:?}") };
                let plain = protect::decrypt(&RustCrypto, &key, ESME, blob.as_ref()).unwrap();
                let Ok(Data::Structure(log)) = Data::parse(&plain) else { panic!("{plain:02x?}") };
                let [Data::CompactArray(log)] = &log[..] else { panic!("{log:?}") };
                assert_eq!(log.values().len(), 1);
                let Some([Data::DoubleLongUnsigned(at), Data::DoubleLongUnsigned(import), ..]) =
                    log.values()[0].as_structure()
                else {
                    panic!("{log:?}")
                };
                assert_eq!(*at, END.zigbee() - 86_400, "the first of February");
                assert!(*import > 0);
                // The sample of a meter with one element has just this form.
                for sample in samples.iter().filter(|sample| sample.name == "ECS68_NA_8F0A_SINGLE_ALERT") {
                    let theirs = MessageView::parse(&sample.octets).unwrap();
                    let theirs = DataNotification::parse(theirs.payload()).unwrap();
                    let [their_protection, Data::OctetString(their_blob)] = &theirs.further[..] else { panic!() };
                    assert!(same_shape(their_protection, protection));
                    assert_eq!(AsRef::<[u8]>::as_ref(their_blob).len(), AsRef::<[u8]>::as_ref(blob).len());
                }
            }
            Kind::Gsme => {
                let alert = gbz::Alert::parse(&payload).unwrap();
                assert_eq!(alert.code, 0x8F0A);
                let gbz::AlertData::Component(component) = &alert.data else { panic!("{alert:?}") };
                let Content::Encrypted { blob, .. } = &component.content else { panic!("{component:?}") };
                let plain = protect::decrypt(&RustCrypto, &key, GSME, blob).unwrap();
                let body = gbz::zcl::Body::parse(0x0702, component.frame_control, component.command, &plain);
                let gbz::zcl::Body::Cluster(gbz::zcl::Command::PublishSnapshot(snapshot)) = body else {
                    panic!("{body:?}")
                };
                assert_eq!((snapshot.cause, snapshot.found), (2, 1));
                assert_eq!(snapshot.time, alert.time);
            }
        }
    }
}

#[test]
fn a_meter_whose_supplier_has_no_key_agreement_key_pushes_nothing() {
    let home = Home::default();
    let mut config = home.config(Kind::Esme);
    config.anchors.retain(|anchor| (anchor.role, anchor.usage) != (Role::Supplier, Usage::KeyAgreement));
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_timeout(BEGIN);
    let every_day = Data::structure([Data::octets([0; 4]), Data::octets([0xFF; 5])]);
    meter
        .handle_message(BEGIN, &home.dlms(0x00D7, 1, [Row::set(22, obis(15, 0, 0), 4, Data::array([every_day]))]))
        .unwrap();
    meter.handle_timeout(Time(BEGIN.0 + 3 * DAY));
    assert_eq!(last_alert(&meter, 0x0061), None);
}

/// What the Alerts of billing data say, in the order in which they were raised: time, and where there is one its cause.
fn pushed(home: &Home, meter: &Meter<RustCrypto>) -> Vec<(u32, Option<u32>)> {
    let is_push =
        |octets: &&[u8]| MessageView::parse(octets).is_ok_and(|view| matches!(view.message_code().0, 0x0061 | 0x008B));
    let z = RustCrypto.agree(&home.supplier_agreement, home.device_agreement.public()).unwrap();
    let entry = |octets: &[u8]| {
        let (payload, view) = (home.verify(octets), MessageView::parse(octets).unwrap());
        let key = protect::encryption_key(&RustCrypto, &z, &view);
        if view.message_code().0 == 0x0061 {
            let alert = DataNotification::parse(&payload).unwrap();
            let Some(Data::OctetString(blob)) = alert.further.get(1) else { panic!("{alert:?}") };
            let plain = protect::decrypt(&RustCrypto, &key, ESME, blob.as_ref()).unwrap();
            let Ok(Data::Structure(log)) = Data::parse(&plain) else { panic!("{plain:02x?}") };
            let [Data::CompactArray(log)] = &log[..] else { panic!("{log:?}") };
            assert_eq!(log.values().len(), 1);
            let Some([Data::DoubleLongUnsigned(at), ..]) = log.values()[0].as_structure() else { panic!("{log:?}") };
            return (*at, None);
        }
        let alert = gbz::Alert::parse(&payload).unwrap();
        let gbz::AlertData::Component(component) = &alert.data else { panic!("{alert:?}") };
        let Content::Encrypted { blob, .. } = &component.content else { panic!("{component:?}") };
        let plain = protect::decrypt(&RustCrypto, &key, GSME, blob).unwrap();
        match gbz::zcl::Body::parse(0x0702, component.frame_control, component.command, &plain) {
            gbz::zcl::Body::Cluster(gbz::zcl::Command::PublishSnapshot(s)) => (s.time, Some(s.cause)),
            other => panic!("{other:?}"),
        }
    };
    meter.outbox().filter(is_push).map(entry).collect()
}

#[test]
fn a_change_of_payment_mode_tariff_or_tenancy_is_an_entry_of_the_billing_log_and_pushed() {
    let home = Home::default();
    let mut config = home.config(Kind::Esme);
    config.strict_rows = false;
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_timeout(NOW);
    let minute = |n: u64| Time(NOW.0 + n * 60_000);
    let take = |meter: &mut Meter<RustCrypto>, now: Time, code: u16, counter: u64, rows: &[Row]| {
        let response = meter.handle_message(now, &home.dlms(code, counter, rows)).unwrap();
        assert!(home.results(&response).iter().all(|result| *result == 0));
        drain(meter);
    };
    take(&mut meter, minute(1), 0x001A, 1, &crate::electricity::to_credit(DateTime::IMMEDIATE));
    assert_eq!(pushed(&home, &meter), [(minute(1).zigbee(), None)]);
    // Credit it was already: nothing changes.
    take(&mut meter, minute(2), 0x001A, 2, &crate::electricity::to_credit(DateTime::IMMEDIATE));
    assert_eq!(pushed(&home, &meter).len(), 1);
    let tariff = [Row::set(20, obis(13, 0, 0), 10, DateTime::IMMEDIATE)];
    take(&mut meter, minute(3), 0x0019, 3, &tariff);
    // A household that has moved in, and is told of twice; one that moves in between two half hours.
    let moves_in = |at: Time| [Row::set(1, Obis([0, 0, 94, 44, 3, 2]), 2, DateTime::at(at))];
    take(&mut meter, minute(4), 0x0022, 4, &moves_in(Time(NOW.0 - DAY)));
    take(&mut meter, minute(5), 0x0022, 5, &moves_in(Time(NOW.0 - DAY)));
    assert_eq!(pushed(&home, &meter)[1..], [3, 4].map(|n| (minute(n).zigbee(), None)));
    take(&mut meter, minute(6), 0x0022, 6, &moves_in(minute(40)));
    meter.handle_timeout(minute(59));
    assert_eq!(pushed(&home, &meter).len(), 3);
    meter.handle_timeout(minute(61));
    assert_eq!(pushed(&home, &meter)[3..], [(minute(40).zigbee(), None)]);
    // One that is taken back never does.
    take(&mut meter, minute(62), 0x0022, 7, &moves_in(minute(100)));
    take(&mut meter, minute(63), 0x0022, 8, &[Row::set(1, Obis([0, 0, 94, 44, 3, 2]), 2, DateTime::NEVER)]);
    meter.handle_timeout(minute(200));
    assert_eq!(pushed(&home, &meter).len(), 4);
}

#[test]
fn a_gas_meter_pushes_the_snapshot_of_a_change_of_mode_and_of_tariff_also_when_its_time_has_come() {
    let Some((home, samples)) = samples() else { return };
    for (wanted, cause) in [("GCS02_1.6_IMMEDIATE_SUCCESS_COMMAND", 1 << 14), ("GCS01a", 1 << 3)] {
        let Some(sample) = samples.iter().find(|s| {
            s.name.starts_with(wanted) && s.name.contains("IMMEDIATE") && s.name.ends_with("SUCCESS_COMMAND")
        }) else {
            panic!("no sample of {wanted}")
        };
        let mut meter = home.meter(Kind::Gsme);
        meter.handle_message(NOW, &ours(&home, Kind::Gsme, sample)).unwrap();
        assert_eq!(pushed(&home, &meter), [(NOW.zigbee(), Some(cause))], "{wanted}");
    }
    let later =
        samples.iter().find(|s| s.name.starts_with("GCS02") && s.name.ends_with("FUTURE_DATED_SUCCESS_COMMAND"));
    let mut meter = home.meter(Kind::Gsme);
    let before = Time(BEGIN.0 - DAY);
    meter.handle_message(before, &ours(&home, Kind::Gsme, later.unwrap())).unwrap();
    assert_eq!(pushed(&home, &meter), []);
    meter.handle_timeout(Time(NOW.0 + 20 * 365 * DAY));
    assert_eq!(pushed(&home, &meter).iter().map(|(_, cause)| *cause).collect::<Vec<_>>(), [Some(1 << 14)]);
}

#[test]
fn prepayment_columns_of_the_daily_log_stand_in_the_order_of_the_catalogue() {
    let home = Home::default();
    let mut config = home.config(Kind::Esme);
    config.strict_rows = false;
    let mut meter = Meter::new(config, RustCrypto, None).unwrap();
    meter.handle_message(NOW, &home.dlms(0x001C, 1, adjust_balance(7_000))).unwrap();
    meter.handle_timeout(NOW);
    meter.handle_timeout(Time(NOW.0 + DAY));
    let read = [Row::get_range(7, obis(98, 1, 8), 2, 0, u32::MAX)];
    let payload = AccessRequest::new(gbcs::Counter(1), read).encode();
    let response = meter.handle_message(Time(NOW.0 + DAY), &home.command(Kind::Esme, 0x002E, 1, payload)).unwrap();
    let answers = AccessResponse::parse(&home.verify(&response)).unwrap().answers;
    let Data::CompactArray(log) = &answers[0].data else { panic!("{answers:?}") };
    let row = log.values()[0].as_structure().unwrap();
    // Emergency Credit before the balance.
    let lent = meter.account().emergency.remaining;
    assert_eq!(row[1..3], [Data::DoubleLong(lent), Data::DoubleLong(7_000)]);
    assert_ne!(lent, 7_000);
}
