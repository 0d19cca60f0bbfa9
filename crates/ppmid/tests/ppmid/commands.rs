//! Commands to the PPMID itself: what it executes, what it remembers, what it throws away.
use crate::world::*;
use gbcs::asn1::{
    ActivationStatus, CertificateDer, Content, DeviceKind, FirmwareReport, FirmwareVersion, Join, JoinMethod,
    JoinStatus, Payload, UnjoinStatus,
};
use gbcs::catalogue::Originator;
use gbcs::crypto::{Crypto, PublicKey, RustCrypto};
use gbcs::envelope::Supplementary;
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, MessageView, catalogue, protect};
use han::Key;
use handover::Stage;
use ppmid::{Action, CommandRefusal, Config, Event, Fuel, Identity, NotBegun, Party};

const ACB: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
const NETWORK: Eui64 = Eui64::from_u64(0x90B3_D51F_3002_0000);
const GAS: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A1);
const JOIN_A: u16 = 0x00AB;
const JOIN_C: u16 = 0x00AF;
const UNJOIN: u16 = 0x000F;
const FIRMWARE: u16 = 0x0129;

/// Keys by number: of the PPMID, the broker, a network operator, the gas meter.
const SIGN: u8 = 1;
const AGREE: u8 = 16;
const ACB_SIGN: u8 = 6;
const ACB_AGREE: u8 = 7;
const NETWORK_SIGN: u8 = 8;
const GAS_AGREE: u8 = 12;

fn device() -> Config {
    let party = |eui, role, sign, agree| Party {
        eui,
        role,
        digital_signature: *key(sign).public(),
        key_agreement: *key(agree).public(),
    };
    let identity = Identity {
        digital_signature: key(SIGN),
        key_agreement: key(AGREE),
        acb: ACB,
        // The second may ask for nothing that a PPMID does.
        parties: vec![
            party(ACB, Originator::AccessControlBroker, ACB_SIGN, ACB_AGREE),
            party(NETWORK, Originator::NetworkOperator, NETWORK_SIGN, 9),
        ],
        firmware: FirmwareVersion([1, 2, 3, 4]),
    };
    Config { identity: Some(identity), ..config() }
}

/// A Command as its use case protects it; `signer` signs where it is critical.
fn to(target: Eui64, originator: Eui64, signer: u8, code: u16, counter: u64, content: Content) -> Vec<u8> {
    let id = MessageId { originator, target, cra: Cra::Command, counter: Counter(counter) };
    let mut header = GroupingHeader::new(id, MessageCode(code));
    header.other.supplementary = Supplementary::Request(HEAD_END, Counter(1000));
    let mut octets = Message::plain(header, Payload::from(content).encode()).encode();
    let use_case = catalogue::find(MessageCode(code)).unwrap();
    if use_case.category == catalogue::Category::Critical {
        octets = protect::sign(&RustCrypto, &key(signer), &octets).unwrap();
    }
    close(&octets)
}

fn close(octets: &[u8]) -> Vec<u8> {
    let z = RustCrypto.agree(&key(ACB_AGREE), key(AGREE).public()).unwrap();
    protect::add_mac(&RustCrypto, &z, octets).unwrap()
}

fn to_ppmid(code: u16, counter: u64, content: Content) -> Vec<u8> {
    to(PPMID, ACB, ACB_SIGN, code, counter, content)
}

fn join(method: JoinMethod, device: Eui64, kind: DeviceKind) -> Content {
    Content::Join(Join::new(method, device, kind))
}

fn join_gas(device: Eui64, certificate: Option<Vec<u8>>) -> Content {
    let certificate = certificate.map(|octets| CertificateDer::new(octets).unwrap());
    Content::Join(Join { certificate, ..Join::new(JoinMethod::C, device, DeviceKind::Gsme) })
}

impl World {
    /// The hub brings a Command; the Responses that it has got by then.
    fn command(&mut self, octets: Vec<u8>) -> Vec<Content> {
        let before = self.responses().len();
        self.hub.say(octets);
        self.settle(5);
        self.responses().split_off(before)
    }

    /// Every Response of the PPMID, verified as the broker does.
    fn responses(&self) -> Vec<Content> {
        let taken = self.hub.taken.iter().map(|(_, octets)| MessageView::parse(octets).unwrap());
        let own = taken.filter(|view| view.id().originator == PPMID && view.cra() == Cra::Response);
        own.map(|view| {
            assert_eq!(view.id().target, ACB);
            assert_eq!(view.other_information().party(), Some(HEAD_END));
            match view.signature() {
                Some(_) => protect::verify_signature(&RustCrypto, key(SIGN).public(), &view).unwrap(),
                None => {
                    let z = RustCrypto.agree(&key(ACB_AGREE), key(AGREE).public()).unwrap();
                    protect::verify_mac(&RustCrypto, &z, &view).unwrap();
                }
            }
            Payload::parse(view.message_code(), Cra::Response, view.payload()).unwrap().into_content()
        })
        .collect()
    }

    fn refusals(&self) -> Vec<CommandRefusal> {
        let refusal = |event: &Event| match event {
            Event::CommandRefused(refusal) => Some(*refusal),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| refusal(event)).collect()
    }

    fn executed(&self, code: u16) -> usize {
        let is = |event: &Event| matches!(event, Event::Executed { code: c, .. } if c.0 == code);
        self.events.iter().filter(|(_, event)| is(event)).count()
    }
}

#[test]
fn a_join_is_executed_answered_and_remembered_and_a_link_key_asked_for() {
    let mut world = World::new(device());
    let answers = world.command(to_ppmid(JOIN_A, 10, join(JoinMethod::AInitiator, METER, DeviceKind::Esme)));
    assert_eq!(answers, [Content::Joined(JoinStatus::Success)]);
    assert!(world.saw(&Event::Executed { originator: ACB, code: MessageCode(JOIN_A), succeeded: true }));
    assert_eq!(world.hub.keys_asked, [METER]);
    // Nobody but the devices of the log: the second key is thrown away.
    world.hub.bring(world.now, Key::new([0xE0; 16]), METER);
    world.hub.bring(world.now, Key::new([0xE1; 16]), GAS);
    world.settle(5);
    assert!(world.saw(&Event::PartnerKey(METER)) && world.saw(&Event::PartnerKeyNotTaken(GAS)));
    world.restart();
    world.settle(5);
    assert_eq!(world.ppmid.partner_keys().collect::<Vec<_>>(), [(METER, &Key::new([0xE0; 16]))]);
    // It is in the log still: parting works once.
    let unjoin = |counter| to_ppmid(UNJOIN, counter, Content::Unjoin(METER));
    assert_eq!(world.command(unjoin(11)), [Content::Unjoined(UnjoinStatus::Success)]);
    assert_eq!(world.ppmid.partner_keys().count(), 0);
    world.restart();
    world.settle(5);
    assert_eq!(world.command(unjoin(12)), [Content::Unjoined(UnjoinStatus::NotInLog)]);
    assert_eq!(world.refusals(), []);
}

#[test]
fn a_replay_is_thrown_away_also_after_a_restart_and_by_another_use_case() {
    let mut world = World::new(device());
    let command = to_ppmid(JOIN_A, 10, join(JoinMethod::AResponder, METER, DeviceKind::Esme));
    assert_eq!(world.command(command.clone()).len(), 1);
    assert_eq!(world.command(command.clone()), []);
    world.restart();
    world.settle(5);
    assert_eq!(world.command(command), []);
    for counter in [9, 10] {
        assert_eq!(world.command(to_ppmid(UNJOIN, counter, Content::Unjoin(METER))), []);
    }
    let replayed = |found| CommandRefusal::Replayed { stored: Counter(10), found: Counter(found) };
    assert_eq!(world.refusals(), [10, 10, 9, 10].map(replayed));
    assert_eq!(world.command(to_ppmid(UNJOIN, 11, Content::Unjoin(METER))).len(), 1);
}

#[test]
fn what_it_runs_is_told_as_often_as_it_is_asked_under_a_mac() {
    let mut world = World::new(device());
    let command = to_ppmid(FIRMWARE, 5, Content::ReadFirmwareVersion);
    let report = FirmwareReport { version: FirmwareVersion([1, 2, 3, 4]), status: ActivationStatus::Success };
    for _ in 0..2 {
        assert_eq!(world.command(command.clone()), [Content::FirmwareReport(report)]);
    }
    let (_, last) = world.hub.taken.last().unwrap();
    let view = MessageView::parse(last).unwrap();
    assert!(view.signature().is_none() && view.mac().is_some());
}

/// Whether a Command was refused for the right reason.
type Fits = fn(&CommandRefusal) -> bool;

#[test]
fn every_command_that_fails_a_check_is_thrown_away_and_changes_nothing() {
    let mut world = World::new(device());
    let wanted = || join(JoinMethod::AInitiator, METER, DeviceKind::Esme);
    let good = to_ppmid(JOIN_A, 10, wanted());
    let spoiled = |at_end: usize| {
        let mut octets = good.clone();
        let at = octets.len() - at_end;
        octets[at] ^= 1;
        octets
    };
    // A signature that is not the broker's, closed by the broker all the same.
    let forged = to(PPMID, ACB, NETWORK_SIGN, JOIN_A, 10, wanted());
    let unsigned = {
        let view = MessageView::parse(&good).unwrap();
        let mut header = GroupingHeader::new(view.id(), view.message_code());
        header.other = view.other_information().to_owned();
        close(&Message::plain(header, view.payload().to_vec()).encode())
    };
    // The payload of another use case, as authentic as can be.
    let wrong_payload = to_ppmid(JOIN_A, 10, Content::Unjoin(METER));
    let stranger = Eui64::from_u64(7);
    let meters = catalogue::find(MessageCode(0x001C)).unwrap().code;
    let stored = world.stored.clone();
    let refusals: Vec<(Vec<u8>, Fits)> = vec![
        (to(METER, ACB, ACB_SIGN, JOIN_A, 10, wanted()), |r| *r == CommandRefusal::NotForUs(METER)),
        (to(PPMID, ACB, ACB_SIGN, 0x000D, 10, wanted()), |r| *r == CommandRefusal::UnknownUseCase(MessageCode(0x000D))),
        (to(PPMID, ACB, ACB_SIGN, meters.0, 10, wanted()), |r| matches!(r, CommandRefusal::UnknownUseCase(_))),
        (to(PPMID, stranger, ACB_SIGN, JOIN_A, 10, wanted()), |r| {
            *r == CommandRefusal::UnknownOriginator(Eui64::from_u64(7))
        }),
        (to(PPMID, NETWORK, NETWORK_SIGN, JOIN_A, 10, wanted()), |r| {
            matches!(r, CommandRefusal::Unauthorised { role: Originator::NetworkOperator, .. })
        }),
        (unsigned, |r| *r == CommandRefusal::WrongForm),
        (spoiled(1), |r| *r == CommandRefusal::BadMac),
        (spoiled(20), |r| *r == CommandRefusal::BadMac),
        (forged, |r| *r == CommandRefusal::BadSignature),
    ];
    for (n, (command, fits)) in refusals.into_iter().enumerate() {
        assert_eq!(world.command(command), [], "{n}");
        let refused = world.refusals();
        assert!(refused.len() == n + 1 && fits(&refused[n]), "{n}: {refused:?}");
    }
    assert_eq!(world.stored, stored, "nothing of it was worth a write");
    // Its counter is used up: it was authentic.
    assert_eq!(world.command(wrong_payload), []);
    assert!(matches!(world.refusals().last(), Some(CommandRefusal::BadPayload(_))));
    assert_eq!(world.command(good), []);
    assert!(matches!(world.refusals().last(), Some(CommandRefusal::Replayed { .. })));
    assert_eq!(world.hub.keys_asked, []);
}

#[test]
fn octets_that_are_no_whole_command_are_thrown_away() {
    let mut world = World::new(device());
    let good = to_ppmid(JOIN_A, 10, join(JoinMethod::AInitiator, METER, DeviceKind::Esme));
    let mut longer = good.clone();
    longer.push(0);
    for octets in [good[..good.len() - 1].to_vec(), good[..20].to_vec(), longer, vec![0xFF; 40]] {
        assert_eq!(world.command(octets), []);
    }
    // One block, as a long Command would come in.
    let long = to_ppmid(JOIN_C, 10, join_gas(GAS, Some(certificate(GAS, key(GAS_AGREE).public()))));
    let blocks = gbcs::block::parts(&long, 200).unwrap();
    assert!(blocks.len() > 1);
    blocks.into_iter().for_each(|block| assert_eq!(world.command(block), []));
    assert_eq!(world.executed(JOIN_A) + world.executed(JOIN_C), 0);
    assert_eq!(world.command(good).len(), 1);
}

#[test]
fn a_ppmid_without_credentials_executes_nothing() {
    let mut world = World::new(config());
    assert_eq!(world.command(to_ppmid(JOIN_A, 10, join(JoinMethod::AInitiator, METER, DeviceKind::Esme))), []);
    assert_eq!(world.refusals(), [CommandRefusal::NoCredentials]);
}

#[test]
fn a_gas_meter_is_joined_by_its_certificate_and_can_be_asked_from_then_on() {
    let mut world = World::new(device());
    let ask = |world: &mut World| {
        let asked = world.customer(&Action::EmergencyCredit(Fuel::Gas));
        world.settle(5);
        asked
    };
    assert_eq!(ask(&mut world), Err(NotBegun::NoMeter(Fuel::Gas)));
    let of = |eui| Some(certificate(eui, key(GAS_AGREE).public()));
    for (counter, certificate, status) in [
        (10, None, JoinStatus::BadCertificate),
        (11, of(METER), JoinStatus::BadCertificate),
        (12, of(GAS), JoinStatus::Success),
    ] {
        let command = to_ppmid(JOIN_C, counter, join_gas(GAS, certificate));
        assert_eq!(world.command(command), [Content::Joined(status)], "{counter}");
    }
    for _ in 0..2 {
        ask(&mut world).unwrap();
        let (_, asked) = world.hub.taken.last().unwrap();
        let z = RustCrypto.agree(&key(GAS_AGREE), key(AGREE).public()).unwrap();
        let view = MessageView::parse(asked).unwrap();
        assert_eq!(view.id().target, GAS);
        protect::verify_mac(&RustCrypto, &z, &view).unwrap();
        world.restart();
        world.settle(5);
    }
    assert_eq!(world.command(to_ppmid(UNJOIN, 13, Content::Unjoin(GAS))).len(), 1);
    assert_eq!(ask(&mut world), Err(NotBegun::NoMeter(Fuel::Gas)));
}

#[test]
fn code_method_and_kind_must_go_together_and_the_log_has_an_end() {
    use JoinMethod::{AInitiator, AResponder, B, C};
    let mut world = World::new(device());
    let mut counter = 0;
    let mut status = |world: &mut World, code, content| {
        counter += 1;
        let answers = world.command(to_ppmid(code, counter, content));
        let [Content::Joined(status)] = answers[..] else { panic!("{answers:?}") };
        status
    };
    for (code, method, kind, expected) in [
        (JOIN_A, C, DeviceKind::Esme, JoinStatus::CodeMismatch),
        (JOIN_A, B, DeviceKind::Esme, JoinStatus::CodeMismatch),
        (JOIN_C, AInitiator, DeviceKind::Gsme, JoinStatus::CodeMismatch),
        (JOIN_A, AResponder, DeviceKind::Gsme, JoinStatus::MethodMismatch),
        (JOIN_A, AInitiator, DeviceKind::Ppmid, JoinStatus::MethodMismatch),
        (JOIN_C, C, DeviceKind::Esme, JoinStatus::MethodMismatch),
    ] {
        assert_eq!(status(&mut world, code, join(method, METER, kind)), expected, "{code:04X} {method:?} {kind:?}");
    }
    let meter = |n: u64| Eui64::from_u64(0x0100 + n);
    for n in 0..16 {
        let joined = join(AResponder, meter(n), DeviceKind::Esme);
        assert_eq!(status(&mut world, JOIN_A, joined), JoinStatus::Success);
    }
    let again = join(AInitiator, meter(3), DeviceKind::Esme);
    assert_eq!(status(&mut world, JOIN_A, again), JoinStatus::Success, "joined again");
    let more = join(AInitiator, meter(16), DeviceKind::Esme);
    assert_eq!(status(&mut world, JOIN_A, more), JoinStatus::LogFull);
    let gas = join_gas(meter(3), Some(certificate(meter(3), key(GAS_AGREE).public())));
    assert_eq!(status(&mut world, JOIN_C, gas), JoinStatus::ConflictingEntry);
}

#[test]
fn a_response_waits_until_the_hub_has_it_whatever_the_power_does() {
    let mut world = World::new(device());
    world.hub.status = han::zcl::Status::Failure;
    assert_eq!(world.command(to_ppmid(FIRMWARE, 5, Content::ReadFirmwareVersion)), []);
    assert!(world.hub.refused >= 1);
    world.settle(150);
    let refused = world.hub.refused;
    assert!((3..=4).contains(&refused), "once a minute: {refused}");
    world.restart();
    world.hub.status = han::zcl::Status::Success;
    world.settle(70);
    assert_eq!(world.responses().len(), 1);
    world.settle(300);
    assert_eq!(world.responses().len(), 1, "once is enough");
}

#[test]
fn commands_to_itself_and_commands_that_it_carries_do_not_get_in_each_others_way() {
    let mut world = World::new(device());
    let release = world.release(1, 1, 3600);
    world.send(&release);
    world.hub.say(to_ppmid(JOIN_A, 10, join(JoinMethod::AInitiator, METER, DeviceKind::Esme)));
    // One that is addressed to the meter, as the one it carries, comes down the tunnel too.
    world.hub.say(command(1));
    world.hub.say(to_ppmid(FIRMWARE, 11, Content::ReadFirmwareVersion));
    world.settle(10);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::OnHan]);
    assert_eq!(world.head.answers.len(), 1);
    assert_eq!(world.responses().len(), 2);
    assert_eq!(world.refusals(), [CommandRefusal::NotForUs(METER)]);
    assert_eq!(world.taken(1), 1);
}

#[test]
fn power_lost_at_any_step_leaves_a_command_executed_once_and_answered_or_not_executed() {
    let command = to_ppmid(JOIN_A, 10, join(JoinMethod::AInitiator, METER, DeviceKind::Esme));
    let run = |die_at: Option<usize>| {
        let mut world = World::new(device());
        world.die_at = die_at.map(|steps| world.steps + steps);
        let steps = world.steps;
        world.command(command.clone());
        world.settle(120);
        // Whoever got no Response sends it again.
        world.command(command.clone());
        world.settle(120);
        (world.steps - steps, world)
    };
    let (steps, _) = run(None);
    assert!(steps > 5);
    for die_at in 1..=steps {
        let (_, mut world) = run(Some(die_at));
        let responses = world.responses();
        assert!(!responses.is_empty(), "{die_at}: {:?}", world.refusals());
        assert!(responses.iter().all(|answer| *answer == Content::Joined(JoinStatus::Success)), "{die_at}");
        let distinct: std::collections::BTreeSet<_> =
            world.hub.taken.iter().map(|(_, octets)| octets.clone()).collect();
        assert_eq!(distinct.len(), 1, "{die_at}: the same Response, however often it went");
        assert!(!world.hub.keys_asked.is_empty(), "{die_at}");
        let unjoined = world.command(to_ppmid(UNJOIN, 11, Content::Unjoin(METER)));
        assert_eq!(unjoined, [Content::Unjoined(UnjoinStatus::Success)], "{die_at}");
    }
}

/// The public Reference Test Data Set has two Commands for a PPMID: its Responses are ours but for keys.
#[test]
fn the_reference_commands_for_a_ppmid_are_answered_as_the_reference_says() {
    let folder = std::env::var_os("LASTMETRE_SHARED").map(std::path::PathBuf::from);
    let folder = folder.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let Ok(text) = std::fs::read_to_string(folder.join("rtds/messages.jsonl")) else {
        return eprintln!("skipped: no reference messages in {}", folder.display());
    };
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let samples: Vec<(String, Vec<u8>)> = lines
        .map(|line| (line["name"].as_str().unwrap().to_owned(), hex::decode(line["hex"].as_str().unwrap()).unwrap()))
        .collect();
    let mut found = 0;
    for (name, command) in &samples {
        let view = MessageView::parse(command).unwrap();
        if view.id().target != PPMID || view.cra() != Cra::Command {
            continue;
        }
        let Some((_, expected)) = samples.iter().find(|(other, _)| *other == name.replace("COMMAND", "RESPONSE"))
        else {
            continue;
        };
        found += 1;
        let mut world = World::new(device());
        // Signed by the published key of the broker in life, by ours here.
        let mut header = GroupingHeader::new(view.id(), view.message_code());
        header.other = view.other_information().to_owned();
        let plain = Message::plain(header, view.payload().to_vec()).encode();
        let content = Payload::parse(view.message_code(), Cra::Command, view.payload()).unwrap().into_content();
        if let Content::Unjoin(device) = content {
            world.command(to_ppmid(JOIN_A, 1, join(JoinMethod::AResponder, device, DeviceKind::Esme)));
        }
        world.hub.say(close(&protect::sign(&RustCrypto, &key(ACB_SIGN), &plain).unwrap()));
        world.settle(5);
        let (_, response) = world.hub.taken.last().unwrap_or_else(|| panic!("{name}: {:?}", world.refusals()));
        let (ours, expected) = (MessageView::parse(response).unwrap(), MessageView::parse(expected).unwrap());
        assert_eq!((ours.id(), ours.payload()), (expected.id(), expected.payload()), "{name}");
        assert_eq!(ours.other_information(), expected.other_information(), "{name}");
        assert_eq!(
            (ours.form(), ours.signature().is_some()),
            (expected.form(), expected.signature().is_some()),
            "{name}"
        );
    }
    assert!(found >= 2, "{found}");
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        n @ 0..0x80 => out.push(n as u8),
        n @ 0x80..0x100 => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(content);
    out
}

/// A device's key agreement certificate in DER; a PPMID without a root looks at who it names and not at who signed it.
fn certificate(device: Eui64, key: &PublicKey) -> Vec<u8> {
    const ECDSA: [u8; 12] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
    const EC_KEY: [u8; 21] = [
        0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
        0x03, 0x01, 0x07,
    ];
    let extension = |oid: u8, value: Vec<u8>| der(0x30, &[&[0x06, 0x03, 0x55, 0x1D, oid], &der(0x04, &[&value])]);
    let module = der(0x30, &[&[0x06, 0x03, 0x2A, 0x03, 0x04], &der(0x04, &[&device.0])]);
    let other = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04];
    let extensions = [
        extension(0x0F, der(0x03, &[&[3, 0x08]])),
        extension(0x0E, der(0x04, &[&RustCrypto.sha256(&[key.point()])[..8]])),
        extension(0x11, der(0x30, &[&der(0xA0, &[&other, &der(0xA0, &[&module])])])),
    ];
    let validity = der(0x30, &[&der(0x17, &[b"260101000000Z"]), &der(0x17, &[b"460101000000Z"])]);
    let public = der(0x30, &[&EC_KEY, &der(0x03, &[&[0], &key.sec1()])]);
    let name = der(0x31, &[&der(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &der(0x0C, &[b"CA"])])]);
    let serial = [0xA0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01];
    let extensions = der(0xA3, &[&der(0x30, &[&extensions.concat()])]);
    let parts: [&[u8]; 7] = [&serial, &ECDSA, &der(0x30, &[&name]), &validity, &der(0x30, &[]), &public, &extensions];
    let signature = der(0x30, &[&der(0x02, &[&[1]]), &der(0x02, &[&[1]])]);
    der(0x30, &[&der(0x30, &parts), &ECDSA, &der(0x03, &[&[0], &signature])])
}
