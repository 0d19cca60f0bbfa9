//! The public Reference Test Data Set: every Command of a use case this meter executes is executed, and its Response compared.
//!
//! The parties' private keys are published and the devices' are not, so a Command keeps its signature and gets the ACB's MAC
//! anew, for a device with a key of ours.
use crate::home::*;
use gbcs::asn1::{self, Content};
use gbcs::catalogue::Family;
use gbcs::certificate::Certificate;
use gbcs::crypto::{Crypto, PrivateKey, PublicKey, RustCrypto};
use gbcs::dlms::{AccessRequest, AccessResponse, Data};
use gbcs::envelope::Supplementary;
use gbcs::gbz::zcl::Body;
use gbcs::utrn::{Credit, Utrn};
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageView, Time, catalogue, gbz};
use meter::{Event, Kind, Meter, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Use cases of the first milestone, all of which must be found and executed.
const REQUIRED: [&str; 30] = [
    "ECS01b", "ECS02", "ECS03", "ECS04a", "ECS04b", "ECS07", "CS01a", "ECS09", "ECS10", "ECS19", "ECS26j", "ECS42",
    "ECS43", "ECS44", "ECS45", "ECS82", "GCS01b", "GCS02", "GCS03", "GCS04", "GCS06", "GCS07", "GCS21j", "GCS32",
    "GCS33", "GCS39", "GCS40a", "GCS40b", "GCS60", "CS01b",
];

fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("LASTMETRE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let found = folder.join("rtds/messages.jsonl").exists();
    if !found {
        eprintln!("skipped: no reference messages in {}", folder.display());
    }
    found.then_some(folder)
}

/// The key agreement key of a device of the samples.
pub fn device_key(device: Eui64) -> Option<PublicKey> {
    let text = std::fs::read_to_string(shared()?.join("rtds/keystore.json")).unwrap();
    let keys: serde_json::Value = serde_json::from_str(&text).unwrap();
    let is_it = |entry: &&serde_json::Value| {
        entry["eui64"] == format!("{device:#}").as_str() && entry["usage"] == "key-agreement"
    };
    let der = base64(keys.as_array()?.iter().find(is_it)?["certificate_der"].as_str()?);
    RustCrypto.public_key(&Certificate::parse(&der).unwrap().point).ok()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter_map(|c| DIGITS.iter().position(|d| *d == c)) {
        (bits, held) = (bits << 6 | digit as u32, held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

pub struct Sample {
    pub use_case: String,
    pub name: String,
    pub octets: Vec<u8>,
}

pub fn samples() -> Option<(Home, Vec<Sample>)> {
    let folder = shared()?.join("rtds");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let keys: serde_json::Value = serde_json::from_str(&text("keystore.json")).unwrap();
    let private = |eui: Eui64, usage: &str, prepayment: bool| -> PrivateKey {
        let entry = keys.as_array().unwrap().iter().find(|entry| {
            entry["eui64"] == format!("{eui:#}").as_str()
                && entry["usage"] == usage
                && entry["prepayment"] == prepayment
                && entry.get("private_scalar").is_some()
        });
        let scalar = hex::decode(entry.unwrap()["private_scalar"].as_str().unwrap()).unwrap();
        RustCrypto.private_key(scalar.as_slice().try_into().unwrap()).unwrap()
    };
    let (signs, agrees) = ("digital-signature", "key-agreement");
    let home = Home {
        supplier: private(SUPPLIER, signs, false),
        supplier_agreement: private(SUPPLIER, agrees, false),
        supplier_prepayment: private(SUPPLIER, agrees, true),
        network: private(NETWORK, signs, false),
        network_agreement: private(NETWORK, agrees, false),
        load: private(LOAD, signs, false),
        load_agreement: private(LOAD, agrees, false),
        transitional: private(TRANSITIONAL, signs, false),
        recovery: private(RECOVERY, signs, false),
        acb: private(ACB, signs, false),
        acb_agreement: private(ACB, agrees, false),
        ..Home::default()
    };
    let sample = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| line[name].as_str().unwrap().to_owned();
        Sample { use_case: field("use_case"), name: field("name"), octets: hex::decode(field("hex")).unwrap() }
    };
    Some((home, text("messages.jsonl").lines().map(sample).collect()))
}

/// The same Command as this home sends it: the MAC for our device's key, and a UTRN our device would know.
pub fn ours(home: &Home, kind: Kind, sample: &Sample) -> Vec<u8> {
    let view = MessageView::parse(&sample.octets).unwrap();
    match top_up_digits(view.payload()) {
        Some(digits) => {
            let credit = Utrn::try_from(digits).map_or(Credit::Pounds(1), |utrn| utrn.credit());
            let own = home.utrn(kind, (view.id().counter.0 >> 32) as u32, credit);
            let mut payload = view.payload().to_vec();
            let at = payload.len() - 20;
            payload[at..].copy_from_slice(own.as_bytes());
            home.non_critical(kind, view.message_code().0, view.id().counter.0, payload)
        }
        // Some Commands about credentials are signed and bring no MAC.
        None if view.mac().is_none() => sample.octets.clone(),
        None => home.mac(view.inner_octets()),
    }
}

fn top_up_digits(payload: &[u8]) -> Option<&[u8]> {
    let digits = &payload[payload.len().checked_sub(20)?..];
    digits.iter().all(u8::is_ascii_digit).then_some(digits)
}

/// What must have happened before a Command can succeed.
fn prepare(home: &Home, meter: &mut Meter<RustCrypto>, samples: &[Sample], use_case: &str) {
    let prepared = match use_case {
        // A billing period is read back only when one was set.
        "GCS21k" => {
            let set = samples.iter().find(|s| s.use_case == "GCS25a" && s.name.ends_with("SUCCESS_COMMAND"));
            meter.handle_message(NOW, &ours(home, Kind::Gsme, set.unwrap()))
        }
        _ => return,
    };
    assert!(prepared.is_some());
    drain(meter);
}

/// Same type throughout; lists and texts may differ in length.
pub fn same_shape(ours: &Data, theirs: &Data) -> bool {
    match (ours, theirs) {
        (Data::Structure(a), Data::Structure(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (Data::Array(a), Data::Array(b)) => match (a.first(), b.first()) {
            (Some(a), Some(b)) => same_shape(a, b),
            _ => true,
        },
        (Data::CompactArray(a), Data::CompactArray(b)) => a.description() == b.description(),
        _ => ours.tag() == theirs.tag(),
    }
}

fn compare_dlms(name: &str, ours: &[u8], theirs: &[u8]) {
    let (ours, theirs) = (AccessResponse::parse(ours).unwrap(), AccessResponse::parse(theirs).unwrap());
    assert_eq!(ours.invoke, theirs.invoke, "{name}");
    assert_eq!(ours.answers.len(), theirs.answers.len(), "{name}");
    for (n, (a, b)) in ours.answers.iter().zip(&theirs.answers).enumerate() {
        assert_eq!((a.choice, a.result), (b.choice, b.result), "{name} row {n}");
        assert!(same_shape(&a.data, &b.data), "{name} row {n}: {:?} / {:?}", a.data, b.data);
    }
}

fn compare_gbz(name: &str, ours: &[u8], theirs: &[u8]) {
    let (ours, theirs) = (gbz::Payload::parse(ours).unwrap(), gbz::Payload::parse(theirs).unwrap());
    assert_eq!(ours.components.len(), theirs.components.len(), "{name}");
    for (a, b) in ours.components.iter().zip(&theirs.components) {
        if is_not_found(a) && a.sequence == b.sequence {
            continue;
        }
        let header = |c: &gbz::Component| (c.cluster, c.frame_control, c.sequence, c.command);
        assert_eq!(header(a), header(b), "{name}");
        match (a.body(), b.body()) {
            (Some(Body::ReadAttributesResponse(a)), Some(Body::ReadAttributesResponse(b))) => {
                let shape = |records: &[gbz::zcl::AttributeRecord]| {
                    records.iter().map(|r| (r.id, r.value.as_ref().map(|v| v.tag()).ok())).collect::<Vec<_>>()
                };
                assert_eq!(shape(a), shape(b), "{name}");
            }
            (Some(Body::Cluster(gbz::zcl::Command::ConsumerTopUpResponse(a))), Some(b)) => {
                let Body::Cluster(gbz::zcl::Command::ConsumerTopUpResponse(b)) = b else { panic!("{name}") };
                assert_eq!((a.result, a.value, a.source), (b.result, b.value, b.source), "{name}");
            }
            (None, None) => {}
            // What is read differs; that it is what was asked for, the header said.
            (Some(Body::Cluster(a)), Some(Body::Cluster(b))) if is_read(a) && is_read(b) => {}
            (a, b) => assert_eq!(a, b, "{name}"),
        }
    }
}

/// The same content, but for what is each device's own: which keys it held, its clock, its certificates.
fn compare_asn1(name: &str, code: MessageCode, ours: &[u8], theirs: &[u8]) {
    let parse = |octets: &[u8]| {
        let payload = asn1::Payload::parse(code, Cra::Response, octets).expect(name);
        assert_eq!(payload.encode(), octets, "{name}");
        (payload.has_long_lengths(), payload.into_content())
    };
    let ((long, mut ours), (long_too, mut theirs)) = (parse(ours), parse(theirs));
    for content in [&mut ours, &mut theirs] {
        match content {
            Content::CredentialsUpdated(outcome) => {
                outcome.cells.iter_mut().for_each(|cell| cell.old_key = asn1::KeyIdentifier([0; 8]));
            }
            Content::Credentials(roles) => {
                for held in roles.iter_mut().filter_map(|role| role.held.as_mut()) {
                    held.counter = Counter(0);
                    held.cells.iter_mut().for_each(|cell| cell.key = asn1::KeyIdentifier([0; 8]));
                }
            }
            Content::ClockReport(report) => {
                report.time = asn1::DateTime::new(Time(0));
                report.status = asn1::ClockStatus::Reliable;
            }
            _ => {}
        }
    }
    match (&ours, &theirs) {
        (Content::CertificationRequest(_), Content::CertificationRequest(_)) => {}
        // The keys of the samples' devices and the images behind their hashes are not public: see `asn1`.
        (Content::CertificateUpdated(_), Content::CertificateUpdated(_))
        | (Content::ProvideRefused(_), Content::Certificate(_))
        | (Content::FirmwareActivated(_), Content::FirmwareActivated(_)) => {}
        _ => {
            assert_eq!(ours, theirs, "{name}");
            assert_eq!(long, long_too, "{name}");
        }
    }
}

pub fn is_read(command: &gbz::zcl::Command) -> bool {
    use gbz::zcl::Command::*;
    matches!(
        command,
        PublishBillingPeriod(_)
            | PublishPrice(_)
            | PublishEventLog(_)
            | PublishTopUpLog(_)
            | ReportEventConfiguration(_)
            | PublishDayProfile(_)
            | PublishWeekProfile(_)
            | PublishSeasons(_)
            | PublishSpecialDays(_)
    )
}

/// A new meter remembers nothing yet: see `a_meter_that_lived_answers_every_read_as_the_reference_does`.
pub fn is_not_found(component: &gbz::Component) -> bool {
    let not_found = gbz::zcl::Status::NOT_FOUND;
    matches!(component.body(), Some(Body::DefaultResponse { status, .. }) if *status == not_found)
}

/// Other information, without the counter of the device's own.
fn other<'a>(view: &MessageView<'a>) -> gbcs::envelope::OtherInformation<&'a [u8]> {
    let mut other = view.other_information();
    if let Supplementary::Response(_, _, own) = &mut other.supplementary {
        *own = Counter(0);
    }
    other
}

/// Updates whose answers hold what is each device's own: a clock, a balance, keys, certificates, an image.
const UNEQUAL: [&str; 15] = [
    "CS01b_2.2_SUCCESS",
    "CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS",
    "CS02bNOByNO_6.15.1_SUCCESS",
    "CS02bSupplierBySupplier_6.15.1_IMMEDIATE_SUCCESS",
    "CS02bSupplierByTransCoS_6.23_IMMEDIATE_SUCCESS",
    "CS02bTransCoSByTransCoS_NA_SUCCESS",
    "CS02c_6.17_SUCCESS",
    "CS02d_6.15.2_SUCCESS",
    "CS02e_6.24.2_SUCCESS",
    "CS02gLoadControllerBySupplier_6.15.1_IMMEDIATE_SUCCESS",
    "CS06_11.3_IMMEDIATE_SUCCESS",
    "ECS70_6.11_SUCCESS",
    "ECS70Commission_8.1.1_SUCCESS",
    "GCS28_6.11_SUCCESS",
    "GCS28Commission_8.1.1_SUCCESS",
];

/// Services 4 and 6.2, and those that read by other numbers.
fn is_read_use_case(name: &str) -> bool {
    let service = name.split('_').nth(1).unwrap_or_default();
    let reads = ["6.13", "6.24.1", "7.4", "7.7", "7.11", "7.14", "7.15", "8.9", "11.2"];
    service.starts_with("4.") || service.starts_with("6.2.") || reads.contains(&service) || name.starts_with("CS02f")
}

#[test]
fn every_command_this_meter_executes_gets_the_response_of_the_reference() {
    let Some((home, samples)) = samples() else { return };
    let by_name: BTreeMap<&str, &Sample> = samples.iter().map(|sample| (sample.name.as_str(), sample)).collect();
    let (mut executed, mut not_modelled, mut unequal) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for sample in samples.iter().filter(|s| s.name.ends_with("_COMMAND") && s.name.contains("SUCCESS")) {
        let view = MessageView::parse(&sample.octets).unwrap();
        let kind = match view.id().target {
            ESME => Kind::Esme,
            GSME => Kind::Gsme,
            _ => continue,
        };
        if view.id().originator == PPMID {
            continue;
        }
        let family = catalogue::find(view.message_code()).unwrap().family;
        let mut config = home.config(kind);
        // What is unjoined was joined before.
        if let Ok(payload) = asn1::Payload::parse(view.message_code(), Cra::Command, view.payload())
            && let Content::Unjoin(device) = payload.content()
        {
            config.joined.push((*device, 4));
        }
        let mut meter = Meter::new(config, RustCrypto, None).unwrap();
        prepare(&home, &mut meter, &samples, &sample.use_case);
        let Some(response) = meter.handle_message(NOW, &ours(&home, kind, sample)) else {
            let (_, events) = drain(&mut meter);
            match &events[..] {
                [.., Event::Refused { refusal: Refusal::NotModelled(_), .. }] => {
                    not_modelled.insert(sample.use_case.as_str());
                    continue;
                }
                other => panic!("{}: {other:?}", sample.name),
            }
        };
        let payload = home.verify(&response);
        let answer = MessageView::parse(&response).unwrap();
        // A new meter has no friendly credit calendar, which has a sample of its own.
        let reference = match sample.use_case.as_str() {
            "GCS21b" => "GCS21b_4.13_NOT_FOUND_RESPONSE".into(),
            _ => sample.name.replace("_COMMAND", "_RESPONSE"),
        };
        let reference = by_name[reference.as_str()];
        let reference = MessageView::parse(&reference.octets).unwrap();
        let id = |view: &MessageView<'_>| (view.id().originator, view.id().target, view.cra());
        assert_eq!(answer.id(), view.id().answer(), "{}", sample.name);
        assert_eq!(id(&answer), id(&reference), "{}", sample.name);
        assert_eq!(other(&answer), other(&reference), "{}", sample.name);
        assert_eq!(answer.form(), reference.form(), "{}", sample.name);
        assert_eq!(answer.date_time().is_some(), reference.date_time().is_some(), "{}: date-time", sample.name);
        let equal = payload == reference.payload();
        let named = sample.name.trim_end_matches("_COMMAND");
        if !is_read_use_case(named) && !equal {
            unequal.insert(named.to_owned());
        }
        match (family, kind) {
            (Family::Der, _) => compare_asn1(&sample.name, view.message_code(), &payload, reference.payload()),
            (_, Kind::Esme) => compare_dlms(&sample.name, &payload, reference.payload()),
            (_, Kind::Gsme) => compare_gbz(&sample.name, &payload, reference.payload()),
        }
        executed.insert(sample.use_case.as_str());
    }
    for use_case in REQUIRED {
        match samples.iter().any(|sample| sample.use_case == use_case) {
            true => assert!(executed.contains(use_case), "{use_case} was not executed"),
            false => println!("no sample of {use_case}"),
        }
    }
    // Every other update is answered octet for octet.
    let expected: BTreeSet<_> = UNEQUAL.iter().map(|name| (*name).to_owned()).collect();
    assert!(unequal.is_subset(&expected), "{:?}", unequal.difference(&expected).collect::<Vec<_>>());
    println!("{} updates not octet for octet: {unequal:?}", unequal.len());
    println!("{} use cases executed: {executed:?}", executed.len());
    println!("{} use cases not modelled: {not_modelled:?}", not_modelled.len());
}

#[test]
fn future_dated_commands_raise_the_alerts_of_the_reference() {
    let Some((home, samples)) = samples() else { return };
    let mut compared = 0;
    for sample in samples.iter().filter(|s| s.name.ends_with("SUCCESS_COMMAND") && s.name.contains("FUTURE_DATED")) {
        let view = MessageView::parse(&sample.octets).unwrap();
        let kind = match view.id().target {
            ESME => Kind::Esme,
            GSME => Kind::Gsme,
            _ => continue,
        };
        let is_der = catalogue::find(view.message_code()).unwrap().family == Family::Der;
        let mut meter = home.meter(kind);
        if is_der || meter.handle_message(NOW, &ours(&home, kind, sample)).is_none() {
            continue;
        }
        drain(&mut meter);
        meter.handle_timeout(Time(NOW.0 + 20 * 365 * 86_400_000));
        let ours: BTreeSet<Vec<u8>> = meter
            .outbox()
            .filter(|alert| matches!(MessageView::parse(alert).unwrap().message_code().0, 0x00CC | 0x00CD))
            .map(|alert| told(&home.verify(alert), kind))
            .collect();
        let theirs: BTreeSet<Vec<u8>> = samples
            .iter()
            .filter(|other| other.name.contains("8F66") && other.use_case == sample.use_case)
            .filter_map(|other| {
                let alert = MessageView::parse(&other.octets).ok().filter(|view| view.cra() == Cra::Alert)?;
                Some(told(alert.payload(), kind))
            })
            .filter(|told| told[2..10] == view.id().counter.octets())
            .collect();
        if theirs.is_empty() {
            continue;
        }
        // The samples write 01 for the frame control of calendar commands that came with 09 (gbcs-messages 10.5).
        let plain = |set: &BTreeSet<Vec<u8>>| -> BTreeSet<Vec<u8>> {
            set.iter()
                .map(|told| match kind {
                    Kind::Esme => told.clone(),
                    Kind::Gsme => [&told[..12], &told[13..]].concat(),
                })
                .collect()
        };
        assert_eq!(plain(&ours), plain(&theirs), "{}", sample.name);
        compared += 1;
    }
    assert!(compared >= 6, "{compared} compared");
}

/// Message code, counter and what was activated, as an Alert tells it.
fn told(payload: &[u8], kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Esme => {
            let alert = gbcs::dlms::DataNotification::parse(payload).unwrap();
            alert.further[0].as_octets().unwrap().to_vec()
        }
        Kind::Gsme => {
            let all = gbz::Alert::parse(payload).unwrap().encode();
            all[10..].to_vec()
        }
    }
}

/// The record of a meter that took every Command it knows: what a store must hold, and about what the core keeps in memory.
#[test]
fn the_record_of_a_fully_configured_meter_is_within_its_budget() {
    let Some((home, samples)) = samples() else { return };
    for kind in [Kind::Esme, Kind::Gsme] {
        let mut meter = home.meter(kind);
        for sample in samples.iter().filter(|s| s.name.ends_with("SUCCESS_COMMAND")) {
            let view = MessageView::parse(&sample.octets).unwrap();
            if view.id().target == eui(kind) && view.mac().is_some() && view.id().originator != PPMID {
                meter.handle_message(NOW, &ours(&home, kind, sample));
                drain(&mut meter);
            }
        }
        let octets = meter.state().len();
        println!("{kind:?}: {octets} octets");
        assert!(octets < 16 * 1024, "{kind:?}: {octets}");
    }
}

#[test]
fn reference_commands_read_as_requests_of_their_use_case() {
    let Some((_, samples)) = samples() else { return };
    let mut checked = 0;
    for sample in samples.iter().filter(|s| s.name.ends_with("_COMMAND")) {
        let view = MessageView::parse(&sample.octets).unwrap();
        let use_case = catalogue::find(view.message_code()).unwrap();
        if view.id().target == ESME && use_case.family == catalogue::Family::Dlms {
            assert!(use_case.matches(&AccessRequest::parse(view.payload()).unwrap()), "{}", sample.name);
            checked += 1;
        }
    }
    assert!(checked > 100);
}
