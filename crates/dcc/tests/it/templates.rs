//! The gateway on the public request templates: each that has a GBCS mapping becomes a Pre-Command or a Command, signed by whom it
//! must be signed.
use crate::common::desk::{shared, valid};
use crate::common::house::{Subject, certificate};
use crate::common::*;
use dcc::gateway::{Answer, Gateway};
use dcc::inventory::Numbers;
use dcc::store::Store;
use dcc::{Device, DeviceKeys, Registration, User};
use duis::catalogue::Criticality;
use duis::xml::Document;
use duis::xml::sample::Draw;
use duis::xml::value::Words;
use duis::{Body, CommandVariant, Content, Request, RequestId, Response, Role, SignerRole};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::AwsLc;
use gbcs::{Counter, Eui64, MessageView, Time, protect};
use std::collections::BTreeMap;

/// Before the dates that the templates carry, and not by more than the DCC keeps a request.
const NOW: Time = Time::from_seconds(1_893_456_000);
const HUB: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);

/// A home in which every device is that the templates name, all of them one User's.
fn gateway(user: Eui64) -> Gateway {
    let roles = match user.to_u64() {
        0x90B3_D51F_3002_0000 => vec![Role::Ed, Role::Gt],
        _ => vec![Role::Is, Role::Es, Role::Gs, Role::Rsa, Role::Ou],
    };
    let signer = signer(SUPPLIER_XML, user, SignerRole::XmlSign);
    let mut config = config(None);
    let is_load_controller = user.to_u64() == 0x90B3_D51F_3001_0008;
    let user_of_it = User::new(user, roles, signer, *key(SUPPLIER_GBCS).public());
    config.users = vec![User { is_load_controller, ..user_of_it }];
    config.registrations = [Role::Is, Role::Gs, Role::Es]
        .map(|role| {
            let number = if role == Role::Es { "0000000000002" } else { "0000000000001" };
            Registration { number: number.into(), role, since: Time(0), user }
        })
        .into();
    let numbers = (0x90..=0xBF).map(|n| Eui64::from_u64(0x00DB_1234_5678_9000 | n));
    let named = duis::reference::device_type;
    let devices: Vec<_> = numbers.filter_map(|eui| Some((eui, named(eui)?))).collect();
    let operator = Eui64::from_u64(0x90B3_D51F_3002_0000);
    let of_home = |(eui, kind): &(Eui64, _)| Device {
        network_operator: Some(operator),
        numbers: Numbers {
            import: Words::new("0000000000001"),
            export: Words::new("0000000000002"),
            ..Numbers::default()
        },
        ..Device::commissioned(*eui, duis::transform::Device::new(*kind), SUPPLIER, HUB)
    };
    config.inventory = devices.iter().map(of_home).collect();
    let known = |(eui, _): &(Eui64, _)| {
        let agreement = certificate(Subject::Device(*eui), KeyUsage::KeyAgreement, key(ESME_KA).public());
        let keys = DeviceKeys::new(*key(ESME_KA).public(), *key(ESME_KA + 1).public());
        (*eui, DeviceKeys { agreement_certificate: Some(agreement), ..keys })
    };
    config.smki = devices.iter().map(known).collect();
    Gateway::new(config, Store::open(None).unwrap()).unwrap()
}

#[test]
fn every_template_with_a_mapping_becomes_a_command() {
    let folder = shared("duis/templates");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no templates at {}", folder.display());
        return;
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut answers, mut made, mut signed_by_the_dcc) = (Vec::new(), 0, BTreeMap::<_, usize>::new());
    let mut refused = BTreeMap::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let request = Request::parse(&Document::parse(&text).unwrap()).unwrap();
        let entry = duis::catalogue::by_srv(request.header.srv).unwrap();
        if entry.criticality == Criticality::NonDevice {
            continue;
        }
        let gateway = gateway(request.header.id.originator);
        let xml = request.sign(&AwsLc, &xml_key(SUPPLIER_XML)).unwrap();
        let Answer::Document(xml) = gateway.handle(request.header.variant.service().unwrap(), &xml, NOW) else {
            panic!("{}", file.display())
        };
        let (name, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
        let response = Response::accept(&AwsLc, &xml, |c| (*c == name).then_some(dcc)).unwrap();
        answers.push(xml);
        if response.code.is_error() {
            let what = format!("{} {}", request.header.srv, response.code.as_str());
            *refused.entry(what).or_insert(0) += 1;
            continue;
        }
        made += 1;
        let command = match response.content() {
            Some(Content::LocalCommand(local)) => local.payload.clone(),
            Some(Content::PreCommand(pre_command)) => {
                assert!(MessageView::parse(&pre_command.payload).unwrap().signature().is_none());
                continue;
            }
            // On its way, now or at its date.
            _ => match last_unsent(&gateway.store, HUB) {
                Some(command) => command,
                None => continue,
            },
        };
        let view = MessageView::parse(&command).unwrap();
        if view.signature().is_some() {
            let by = view.id().originator;
            let signer = if by == ACB { key(22) } else { key(23) };
            protect::verify_signature(&AwsLc, signer.public(), &view).unwrap();
            *signed_by_the_dcc.entry((request.header.srv.to_string(), by)).or_default() += 1;
        }
    }
    valid(&answers);
    println!("{made} Commands and Pre-Commands");
    // Its date is past.
    assert_eq!(refused, BTreeMap::from([("4.1.1 E44".to_owned(), 1)]));
    let signed: Vec<_> = signed_by_the_dcc.keys().map(|(srv, by)| (srv.as_str(), *by)).collect();
    assert_eq!(signed, [("6.21", ACB), ("6.23", COS), ("8.7.2", ACB), ("8.8.2", ACB)]);
}

/// Services of the table that are not served, and why (ARCHITECTURE.md).
const NOT_SERVED: [(&str, &str); 2] =
    [("8.5", "nobody's role: the DCC itself asks for it"), ("8.6", "nobody's role: the DCC itself asks for it")];

#[test]
fn every_service_of_the_table_is_served_or_listed_with_the_reason() {
    let operator = Eui64::from_u64(0x90B3_D51F_3002_0000);
    let load_controller = Eui64::from_u64(0x90B3_D51F_3001_0008);
    let gateways = [operator, SUPPLIER, load_controller].map(|user| (user, gateway(user)));
    let mut counter = 1 << 40;
    let mut unserved = Vec::new();
    for entry in duis::catalogue::entries() {
        let (user, gateway) = &gateways[match entry.roles {
            [] => 2,
            roles if roles.iter().all(|role| matches!(role, Role::Ed | Role::Gt)) => 0,
            _ => 1,
        }];
        let variant = match entry.criticality {
            Criticality::Critical => CommandVariant::Transform,
            Criticality::NonCritical => CommandVariant::Send,
            Criticality::NonDevice => CommandVariant::NonDevice,
        };
        let targets: Vec<_> = match entry.criticality {
            Criticality::NonDevice => vec![ACB],
            _ => {
                let devices = &gateway.config.inventory;
                entry
                    .targets
                    .iter()
                    .filter_map(|kind| Some(devices.iter().find(|d| d.kind.kind == *kind)?.eui))
                    .collect()
            }
        };
        let mut codes = BTreeMap::new();
        let mut draw = Draw::new(1);
        for target in targets.iter().cycle().take(64) {
            // As that of a top-up must be (DUIS 8.6).
            counter += 1 << 32;
            let id = RequestId { originator: *user, target: *target, counter: Counter(counter) };
            let request = Request::new(id, entry.srv, variant, Body::sample(entry, &mut draw));
            let xml = request.sign(&AwsLc, &xml_key(SUPPLIER_XML)).unwrap();
            let answer = gateway.handle(variant.service().unwrap(), &xml, NOW);
            let Answer::Document(xml) = answer else { panic!("{}: {answer:?}", entry.srv) };
            let (name, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
            let response = Response::accept(&AwsLc, &xml, |c| (*c == name).then_some(dcc)).unwrap();
            *codes.entry(response.code.as_str().to_owned()).or_insert(0) += 1;
        }
        // Neither unsupported nor stopped before anything was made of it; drawn values may still be refused for what they say.
        let is_served =
            codes.keys().any(|code| !["E1", "E2", "E4", "E11", "E12", "E13", "E59", "E100"].contains(&code.as_str()));
        if !is_served {
            println!("{}: {codes:?}", entry.srv);
            unserved.push(entry.srv.to_string());
        }
    }
    assert_eq!(unserved, NOT_SERVED.map(|(srv, _)| srv));
}
