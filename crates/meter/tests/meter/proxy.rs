//! The Gas Proxy Function beside the gas meter it speaks for: a meter reports and pushes for days, and then the same read of both gives
//! the same values (GBCS 10.3).
use crate::asn1::{Subject, certificate};
use crate::home::*;
use crate::hub::Street;
use gbcs::catalogue::{self, Arguments, Category, ComponentTemplate, DeviceType, Family, Originator, UseCase};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto};
use gbcs::envelope::{GroupingHeader, Message, OtherInformation, Supplementary};
use gbcs::gbz::zcl::*;
use gbcs::gbz::{self, Component, Content};
use gbcs::utrn::Credit;
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageId, MessageView, protect};
use meter::{Kind, Place};

const DAY: u64 = 86_400;

/// Reads that gas meter and GPF both answer.
fn reads() -> impl Iterator<Item = &'static UseCase> {
    let both = |u: &&UseCase| u.is_for(DeviceType::Gsme) && u.is_for(DeviceType::Gpf) && u.family == Family::Gbz;
    let alert = |u: &&UseCase| matches!(u.category, Category::CriticalAlert | Category::NonCriticalAlert);
    catalogue::all().iter().filter(both).filter(move |u| !alert(u)).filter(|u| u.id != "CS11")
}

fn asker(use_case: &UseCase) -> Eui64 {
    if use_case.allows(Originator::Supplier) { SUPPLIER } else { ACB }
}

/// What a template asks for between two times, as the `n`th of its kind.
fn component(use_case: &UseCase, template: &ComponentTemplate, sequence: u8, n: u8, from: u32, to: u32) -> Component {
    if let Arguments::Attributes(ids) = template.arguments {
        return Component::read_attributes(sequence, template.cluster, ids);
    }
    let cause = match use_case.id {
        "GCS15b" => 24_584,
        "GCS15c" => 2,
        _ => 1,
    };
    let calendar = if use_case.id == "GCS21b" { 0xFFFF_FFFE } else { 0 };
    let kind = if use_case.id == "GCS21b" { 3 } else { 0 };
    let (provider, start, count) = (0, 1, 0);
    match (template.cluster, template.command) {
        (0x0700, 0x00) => Component::new(sequence, GetCurrentPrice { options: 0 }),
        (0x0700, _) => Component::new(
            sequence,
            GetBillingPeriod { start: 0, min_issuer_event: u32::MAX, count: 0, tariff_type: 0 },
        ),
        (0x0702, 0x06) => Component::new(sequence, GetSnapshot { from, to, offset: n, cause }),
        (0x0702, _) => Component::new(sequence, GetSampledData { sample: 1, from, kind: 0, samples: 100 }),
        (0x0705, 0x07) => Component::new(sequence, GetPrepaySnapshot { from, to, offset: n, cause }),
        (0x0705, 0x08) => Component::new(sequence, GetTopUpLog { to, records: 5 }).with_from_date_time(from),
        (0x0705, _) => {
            Component::new(sequence, GetDebtRepaymentLog { to, count: 10, kind: 2 }).with_from_date_time(from)
        }
        (0x0707, 0x01) => Component::new(sequence, GetDayProfiles { provider, calendar, start, count }),
        (0x0707, 0x02) => Component::new(sequence, GetWeekProfiles { provider, calendar, start, count }),
        (0x0707, 0x03) => Component::new(sequence, GetSeasons { provider, calendar }),
        (0x0707, _) => Component::new(sequence, GetSpecialDays { start: 0, count: 0, kind, provider, calendar }),
        other => panic!("{}: {other:?}", use_case.id),
    }
}

fn payload(use_case: &UseCase, from: u32, to: u32) -> Vec<u8> {
    let mut components = Vec::new();
    for template in use_case.components {
        for n in 0..template.most.max(1) {
            components.push(component(use_case, template, components.len() as u8, n, from, to));
        }
    }
    gbz::Payload::new(components).encode()
}

fn message(
    street: &Street,
    target: Eui64,
    key: &PrivateKey,
    use_case: &UseCase,
    counter: u64,
    payload: &[u8],
) -> Vec<u8> {
    let originator = asker(use_case);
    let id = MessageId { originator, target, cra: Cra::Command, counter: Counter(counter) };
    let plain = Message::plain(GroupingHeader::new(id, use_case.code), payload.to_vec()).encode();
    let secret = RustCrypto.agree(&street.home.acb_agreement, key.public()).unwrap();
    protect::add_mac(&RustCrypto, &secret, &plain).unwrap()
}

/// A Response as its reader has it: verified, and opened.
fn opened(street: &Street, device: Eui64, key: &PrivateKey, response: &[u8]) -> Vec<(Component, bool)> {
    let view = MessageView::parse(response).unwrap();
    assert_eq!(view.id().originator, device);
    let reader = if view.id().target == ACB { &street.home.acb_agreement } else { &street.home.supplier_agreement };
    let secret = RustCrypto.agree(reader, key.public()).unwrap();
    protect::verify_mac(&RustCrypto, &secret, &view).unwrap();
    let open = |component: Component| match &component.content {
        Content::Encrypted { blob, .. } => {
            let key = protect::encryption_key(&RustCrypto, &secret, &view);
            let plain = protect::decrypt(&RustCrypto, &key, device, blob).unwrap();
            let content = Content::Plain(component.body_of(&plain));
            (Component { content, ..component }, true)
        }
        _ => (component, false),
    };
    gbz::Payload::parse(view.payload()).unwrap().components.into_iter().map(open).collect()
}

/// The same read of gas meter and GPF: what each answered.
fn both(street: &mut Street, use_case: &UseCase, counter: u64, from: u32, to: u32) -> [Vec<(Component, bool)>; 2] {
    let payload = payload(use_case, from, to);
    let (device, proxy) = (street.home.device_agreement.clone(), key(20));
    let command = message(street, GSME, &device, use_case, counter, &payload);
    let response = street.meters[1].handle_message(street.now, &command).expect(use_case.id);
    let of_meter = opened(street, GSME, &device, &response);
    let command = message(street, GPF, &proxy, use_case, counter, &payload);
    let before = street.wan.len();
    street.hub.handle_wan(street.now, &command);
    street.run_for(0);
    assert_eq!(street.wan.len(), before + 1, "{}: the GPF answers at once", use_case.id);
    let of_proxy = opened(street, GPF, &proxy, &street.wan[before].clone());
    [of_meter, of_proxy]
}

/// A street whose gas meter lived: a week of gas, top-ups, debts, a calendar, a billing period that ends.
fn lived() -> Street {
    let mut street = Street::new();
    street.run_for(60);
    let start = NOW.zigbee();
    let period = PublishBillingPeriod {
        provider: 0,
        issuer_event: 1,
        start,
        duration: U24::from(2u16),
        duration_type: 1,
        tariff_type: 0,
    };
    let block = PublishBlockPeriod {
        provider: 0,
        issuer_event: 1,
        start,
        duration: U24::from(1u16),
        control: 2,
        duration_type: 3,
        tariff_type: 0,
        resolution: 1,
    };
    let commands = [
        street.home.gbz(0x00D8, 1 << 40, [Component::new(0, period), Component::new(1, block)]),
        street.home.gbz(0x006E, 2 << 40, crate::year::gas_debts()),
        crate::gas::friendly_credit(&street.home, 3 << 40, 7, 0, 30),
    ];
    for command in commands {
        street.hub.handle_wan(street.now, &command);
    }
    for day in 1..=5 {
        street.run_for(DAY);
        let digits = street.home.utrn(Kind::Gsme, 100 + day, Credit::Pounds(5));
        let now = street.now;
        street.meters[1].enter_utrn(now, Place::Keypad, digits.as_bytes()).unwrap();
        street.meters[1].enable_supply_locally(now, Place::Keypad);
    }
    street.run_for(DAY);
    street
}

#[test]
fn the_gas_proxy_answers_every_read_as_the_gas_meter_does() {
    let mut street = lived();
    let begin = NOW.zigbee();
    let ranges = [(0, u32::MAX - 1), (begin + 2 * 86_400, begin + 4 * 86_400), (begin + 90 * 86_400, u32::MAX - 1)];
    let (mut counter, mut found, mut nothing) = (1, 0, 0);
    for (n, (from, to)) in ranges.into_iter().enumerate() {
        for use_case in reads() {
            counter += 1;
            let [of_meter, of_proxy] = both(&mut street, use_case, counter, from, to);
            assert_eq!(of_proxy.len(), of_meter.len(), "{} {n}", use_case.id);
            for (proxy, meter) in of_proxy.into_iter().zip(of_meter) {
                assert_eq!(proxy, meter, "{} {n}", use_case.id);
                match proxy.0.body() {
                    Some(Body::DefaultResponse { status, .. }) => {
                        assert_eq!(*status, Status::NOT_FOUND);
                        nothing += 1;
                    }
                    _ => found += 1,
                }
            }
        }
    }
    println!("{found} values and {nothing} times nothing, alike");
    assert!(found > 60 && nothing > 100, "{found} {nothing}");
    assert!(!street.hub_events.iter().any(|event| matches!(event, comms_hub::Event::Local { .. })));
}

/// How many of the answers to a read hold something.
fn values(answers: &[(Component, bool)]) -> usize {
    answers.iter().filter(|(answer, _)| !matches!(answer.body(), Some(Body::DefaultResponse { .. }))).count()
}

#[test]
fn every_log_of_a_gas_meter_that_lived_is_there() {
    let mut street = lived();
    let expected =
        [("GCS15c", 2), ("GCS15d", 1), ("GCS15e", 1), ("GCS16a", 5), ("GCS16b", 5), ("GCS17", 1), ("GCS21b", 6)];
    for (id, least) in expected {
        let use_case = reads().find(|use_case| use_case.id == id).unwrap();
        let [_, of_proxy] = both(&mut street, use_case, 77, 0, u32::MAX - 1);
        assert!(values(&of_proxy) >= least, "{id}: {of_proxy:?}");
    }
}

#[test]
fn a_hub_that_lost_what_it_was_told_asks_for_it_and_the_meter_tells_it_within_its_frames() {
    let mut street = lived();
    let use_case = reads().find(|use_case| use_case.id == "GCS16a").unwrap();
    let [before, _] = both(&mut street, use_case, 1, 0, u32::MAX - 1);
    // A quiet wake: reports, one half hour.
    let frames = street.gas_frames;
    street.run_for(1_800);
    let quiet = street.gas_frames - frames;
    street.restart_hub_without_gas();
    let mut most = 0;
    for _ in 0..48 {
        let frames = street.gas_frames;
        street.run_for(1_800);
        most = most.max(street.gas_frames - frames);
    }
    assert!(most > quiet, "{most} {quiet}");
    // Each frame is acknowledged by the mirror's stack, and each fragment by the meter.
    assert!(most <= quiet + 3 * 20, "{most} frames at a wake beside {quiet}");
    let [again, of_proxy] = both(&mut street, use_case, 2, 0, u32::MAX - 1);
    assert!(values(&again) >= values(&before));
    assert_eq!(of_proxy, again);
}

#[test]
fn a_reader_whom_the_gpf_does_not_know_brings_his_certificate_and_alone_can_read_the_answer() {
    let mut street = lived();
    let (his, proxy) = (key(40), key(20));
    let certificate =
        |usage| certificate(Subject::Organisation(STRANGER, 0x88), usage, &his, &key(41)).octets().to_vec();
    // GCS61, the daily consumption log, through the ACB.
    let days = Component::new(0, GetSampledData { sample: 1, from: 0, kind: 0, samples: 731 });
    let ask = |street: &mut Street, counter, certificate: Vec<u8>| {
        let id = MessageId { originator: ACB, target: GPF, cra: Cra::Command, counter: Counter(counter) };
        let supplementary = Supplementary::Certificate(STRANGER, Counter(5), certificate);
        let other = OtherInformation { code: MessageCode(0x00A0), supplementary };
        let header = GroupingHeader { id, date_time: None, other };
        let plain = Message::plain(header, gbz::Payload::new([days.clone()]).encode()).encode();
        let secret = RustCrypto.agree(&street.home.acb_agreement, proxy.public()).unwrap();
        let command = protect::add_mac(&RustCrypto, &secret, &plain).unwrap();
        let before = street.wan.len();
        street.hub.handle_wan(street.now, &command);
        street.run_for(0);
        street.wan.get(before).cloned()
    };
    let response = ask(&mut street, 1, certificate(KeyUsage::KeyAgreement)).unwrap();
    let view = MessageView::parse(&response).unwrap();
    let secret = RustCrypto.agree(&street.home.acb_agreement, proxy.public()).unwrap();
    protect::verify_mac(&RustCrypto, &secret, &view).unwrap();
    let Supplementary::Response(STRANGER, Counter(5), own) = view.other_information().supplementary else {
        panic!("{:?}", view.other_information())
    };
    let answer = gbz::Payload::parse(view.payload()).unwrap().components.remove(0);
    let Content::Encrypted { blob, .. } = &answer.content else { panic!("{answer:?}") };
    let secret = RustCrypto.agree(&his, proxy.public()).unwrap();
    let opens = protect::encryption_key(&RustCrypto, &secret, &view);
    let plain = protect::decrypt(&RustCrypto, &opens, GPF, blob).unwrap();
    let Body::Cluster(Command::GetSampledDataResponse(log)) = answer.body_of(&plain) else { panic!("{plain:?}") };
    assert_eq!((log.start, log.interval, log.samples.len()), (NOW.zigbee(), 0xFFFF, 6));
    // As much as the meter counted in these six days: the total of its last daily read.
    let daily = reads().find(|use_case| use_case.id == "GCS16a").unwrap();
    let [of_meter, _] = both(&mut street, daily, 2, NOW.zigbee() + 6 * 86_400, u32::MAX - 1);
    let Some(Body::Cluster(Command::PublishSnapshot(total))) = of_meter[0].0.body() else { panic!("{of_meter:?}") };
    assert_eq!(u64::from(log.samples.iter().map(|n| n.value()).sum::<u32>()), total.total.value());
    // Another time another counter; what is no certificate of his for key agreement opens nothing.
    let again = ask(&mut street, 3, certificate(KeyUsage::KeyAgreement)).unwrap();
    let later = MessageView::parse(&again).unwrap().other_information().supplementary;
    assert!(matches!(later, Supplementary::Response(STRANGER, Counter(5), next) if next > own));
    assert_eq!(ask(&mut street, 4, certificate(KeyUsage::DigitalSignature)), None);
    assert_eq!(ask(&mut street, 5, vec![0x30, 0]), None);
    assert_eq!(street.hub.counters().of("gpf_refused"), 2);
}
