//! GBCS 10.8.2 as a matrix: every source, kind of message, target and profile.
extern crate std;

use super::*;
use crate::config::DeviceEntry;
use gbcs::{Counter, Time};
use std::collections::BTreeSet;
use std::string::String;
use std::{format, print, println};

const ESME: Eui64 = Eui64::from_u64(0xA0);
const GSME: Eui64 = Eui64::from_u64(0xA1);
const CHF: Eui64 = Eui64::from_u64(0xA2);
const GPF: Eui64 = Eui64::from_u64(0xA3);
const PPMID: Eui64 = Eui64::from_u64(0xA4);
const HCALCS: Eui64 = Eui64::from_u64(0xA5);
const HHT: Eui64 = Eui64::from_u64(0xA6);
const IHD: Eui64 = Eui64::from_u64(0xA7);
const STRANGER: Eui64 = Eui64::from_u64(0xFF);
const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3);

/// Columns of the matrix.
const TARGETS: [(&str, Eui64); 9] = [
    ("ESME", ESME),
    ("GSME", GSME),
    ("PPMID", PPMID),
    ("HCALCS", HCALCS),
    ("HHT", HHT),
    ("IHD", IHD),
    ("CHF", CHF),
    ("GPF", GPF),
    ("away", SUPPLIER),
];

const SOURCES: [(&str, Source); 10] = [
    ("WAN", Source::Wan),
    ("ESME", Source::Device(ESME)),
    ("GSME", Source::Device(GSME)),
    ("PPMID", Source::Device(PPMID)),
    ("HCALCS", Source::Device(HCALCS)),
    ("HHT", Source::Device(HHT)),
    ("IHD", Source::Device(IHD)),
    ("unlisted", Source::Device(STRANGER)),
    ("CHF", Source::Function(Function::Chf)),
    ("GPF", Source::Function(Function::Gpf)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Remote Party Command with MAC.
    Command,
    /// The same without MAC.
    CommandNoMac,
    /// A block of a Remote Party Command.
    CommandBlock,
    /// A Command that names a device of the HAN as originator.
    CommandOfMeter,
    /// Made by whoever brings it.
    OwnResponse,
    OwnAlert,
    OwnAcknowledgement,
    OwnCommand,
    /// Made by somebody else.
    OtherResponse,
    OtherAlert,
    /// SME.C.PPMID-GSME, made by whoever brings it.
    HanOnlyCommand,
    HanOnlyResponse,
    HanOnlyAlert,
    /// SME.C.PPMID-GSME Command made by somebody else.
    HanOnlyOfOther,
}

use Kind::*;

const KINDS: [Kind; 14] = [
    Command,
    CommandNoMac,
    CommandBlock,
    CommandOfMeter,
    OwnResponse,
    OwnAlert,
    OwnAcknowledgement,
    OwnCommand,
    OtherResponse,
    OtherAlert,
    HanOnlyCommand,
    HanOnlyResponse,
    HanOnlyAlert,
    HanOnlyOfOther,
];

/// Who made what "others" made: no row and no column of the matrix.
const OTHER: Eui64 = Eui64::from_u64(0x77);

fn route(kind: Kind, source: Source, target: Eui64) -> Route {
    let maker = match source {
        Source::Device(eui) => eui,
        Source::Function(Function::Chf) => CHF,
        Source::Function(Function::Gpf) => GPF,
        Source::Wan => SUPPLIER,
    };
    let (originator, cra) = match kind {
        Command | CommandNoMac | CommandBlock => (SUPPLIER, Cra::Command),
        CommandOfMeter => (if maker == ESME { HCALCS } else { ESME }, Cra::Command),
        OwnResponse | OwnAcknowledgement | HanOnlyResponse => (maker, Cra::Response),
        OwnAlert | HanOnlyAlert => (maker, Cra::Alert),
        OwnCommand | HanOnlyCommand => (maker, Cra::Command),
        OtherResponse => (OTHER, Cra::Response),
        OtherAlert => (OTHER, Cra::Alert),
        HanOnlyOfOther => (OTHER, Cra::Command),
    };
    let form = match kind {
        CommandNoMac => RouteForm::Grouping,
        CommandBlock | OwnAcknowledgement => RouteForm::Block { number: 1, last: false },
        _ => RouteForm::Maced,
    };
    let code = match kind {
        HanOnlyCommand | HanOnlyResponse | HanOnlyAlert | HanOnlyOfOther => PCS01,
        _ => MessageCode(0x0071),
    };
    Route { id: MessageId { originator, target, cra, counter: Counter(1) }, code, form }
}

/// Where a message goes, by target in the order of [`TARGETS`]: D tunnel, M mailbox, W WAN, L local function, - nowhere.
fn expected(source: &str, kind: Kind, profile: Profile) -> &'static str {
    const NOWHERE: &str = "---------";
    /// What WAN and HHT may send: any Remote Party Message.
    const ANY: &str = "DMDD--LL-";
    /// What SECMP0038 adds for a PPMID.
    const ADDED: &str = "DMDD-----";
    /// A device's own word.
    const AWAY: &str = "--------W";
    let han_only = matches!(kind, HanOnlyCommand | HanOnlyResponse | HanOnlyAlert | HanOnlyOfOther);
    let own_word = matches!(kind, OwnResponse | OwnAlert | OwnAcknowledgement);
    match (source, kind, profile) {
        ("PPMID", HanOnlyCommand, _) => "-M-------",
        ("GSME", HanOnlyResponse, _) => "--D------",
        _ if han_only => NOWHERE,
        ("WAN" | "HHT", _, _) => ANY,
        ("unlisted" | "IHD", _, _) => NOWHERE,
        _ if own_word => AWAY,
        ("PPMID", Command | CommandBlock, Profile::Secmp0038 | Profile::Assured) => ADDED,
        // To the letter of the modification a Command is a Command; the assured profile also looks at its shape.
        ("PPMID", CommandNoMac | CommandOfMeter | OwnCommand, Profile::Secmp0038) => ADDED,
        _ => NOWHERE,
    }
}

fn log() -> DeviceLog {
    let mut log = DeviceLog::default();
    for (n, (eui, kind)) in [
        (ESME, DeviceKind::Esme),
        (GSME, DeviceKind::Gsme),
        (PPMID, DeviceKind::Ppmid),
        (HCALCS, DeviceKind::Hcalcs),
        (HHT, DeviceKind::Hht),
        (IHD, DeviceKind::Type2),
    ]
    .into_iter()
    .enumerate()
    {
        log.insert(Time(0), DeviceEntry { eui, kind, short: n as u16 + 1, sleepy: false }).unwrap();
    }
    log
}

fn router<'a>(log: &'a DeviceLog, profile: Profile, settings: &'a Settings) -> Router<'a> {
    Router { log, chf: CHF, gpf: GPF, profile, settings }
}

fn nobody(_: &MessageId) -> Vec<Source> {
    Vec::new()
}

#[test]
fn every_source_kind_target_and_profile_goes_where_gbcs_10_8_2_says() {
    let (log, settings) = (log(), Settings::default());
    let mut wrong = Vec::new();
    let mut reasons = BTreeSet::new();
    for profile in Profile::ALL {
        println!("\n{profile:?}\n{:8} {:18} {}", "", "", TARGETS.map(|(name, _)| format!("{name:7}")).concat());
        for (name, source) in SOURCES {
            for kind in KINDS {
                let mut row = String::new();
                let mut why = BTreeSet::new();
                for (_, target) in TARGETS {
                    let decision =
                        router(&log, profile, &settings).decide(source, &route(kind, source, target), 300, nobody);
                    row.push(match decision {
                        Decision::ToDevice(to) if to == target => 'D',
                        Decision::ToGsmeMailbox(to) if to == target => 'M',
                        Decision::ToWan { .. } => 'W',
                        Decision::Local(_) => 'L',
                        Decision::Discard(reason) => {
                            why.insert(reason.name());
                            '-'
                        }
                        _ => '?',
                    });
                }
                print!("{name:8} {:18} ", format!("{kind:?}"));
                row.chars().for_each(|cell| print!("{cell:7}"));
                println!(" {}", why.iter().copied().collect::<Vec<_>>().join(", "));
                reasons.extend(why);
                if row != expected(name, kind, profile) {
                    wrong.push(format!(
                        "{profile:?} {name} {kind:?}: {row}, expected {}",
                        expected(name, kind, profile)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let expected_reasons = [
        "command_without_mac",
        "han_only_misused",
        "no_tunnel_user",
        "not_its_own",
        "originator_on_han",
        "ppmid_before_modification",
        "ppmid_only_commands",
        "source_not_listed",
        "target_is_hht",
        "target_is_hub",
        "target_not_listed",
        "target_on_han",
        "target_takes_no_messages",
    ];
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), expected_reasons);
}

fn copies(log: &DeviceLog, profile: Profile, settings: &Settings, kind: Kind, by: Source) -> Vec<Eui64> {
    let source = Source::Device(ESME);
    let route = route(kind, source, SUPPLIER);
    let decision = router(log, profile, settings).decide(source, &route, 300, |command| {
        assert_eq!((command.originator, command.target, command.cra), (SUPPLIER, ESME, Cra::Command));
        alloc::vec![by]
    });
    match decision {
        Decision::ToWan { copies } => copies,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_response_is_copied_to_the_hht_that_carried_the_command_and_to_a_ppmid_only_in_the_assured_profile() {
    let (log, settings) = (log(), Settings::default());
    for profile in Profile::ALL {
        for kind in [OwnResponse, OwnAcknowledgement] {
            let of = |by| copies(&log, profile, &settings, kind, by);
            assert_eq!(of(Source::Device(HHT)), [HHT]);
            assert_eq!(of(Source::Wan), []);
            assert_eq!(of(Source::Device(STRANGER)), [], "it has left meanwhile");
            let ppmid: &[Eui64] = if profile == Profile::Assured { &[PPMID] } else { &[] };
            assert_eq!(of(Source::Device(PPMID)), ppmid);
        }
        let knob = Settings { ppmid_copy_responses: true, ..settings };
        assert_eq!(copies(&log, profile, &knob, OwnResponse, Source::Device(PPMID)), [PPMID]);
    }
}

#[test]
fn an_alert_is_copied_to_the_hht_unless_told_otherwise_and_never_to_a_ppmid() {
    let (mut log, settings) = (log(), Settings::default());
    for profile in Profile::ALL {
        assert_eq!(copies(&log, profile, &settings, OwnAlert, Source::Device(PPMID)), [HHT]);
        let few = Settings { hht_copy: HhtCopy::Responses, ..settings };
        assert_eq!(copies(&log, profile, &few, OwnAlert, Source::Wan), []);
    }
    log.remove(HHT);
    assert_eq!(copies(&log, Profile::Assured, &settings, OwnAlert, Source::Wan), []);
}

#[test]
fn a_ppmid_reaches_the_hubs_own_functions_only_when_told_to() {
    let log = log();
    let process = Settings { ppmid_to_hub: ToHubFromPpmid::Process, ..Settings::default() };
    for (target, function) in [(CHF, Function::Chf), (GPF, Function::Gpf)] {
        let command = route(Command, Source::Wan, target);
        let source = Source::Device(PPMID);
        let decide = |profile| router(&log, profile, &process).decide(source, &command, 300, nobody);
        assert_eq!(decide(Profile::Assured), Decision::Local(function));
        assert_eq!(decide(Profile::Secmp0038), Decision::Local(function));
        assert_eq!(decide(Profile::Today), Decision::Discard(Reason::PpmidBeforeModification));
    }
}

#[test]
fn what_a_get_response_cannot_carry_is_refused_for_a_gas_meter_only() {
    let (log, settings) = (log(), Settings::default());
    let router = router(&log, Profile::Today, &settings);
    let to = |target, len| router.decide(Source::Wan, &route(Command, Source::Wan, target), len, nobody);
    assert_eq!(to(GSME, 1498), Decision::ToGsmeMailbox(GSME));
    assert_eq!(to(GSME, 1499), Decision::Discard(Reason::TooLongForGsme));
    assert_eq!(to(ESME, 1499), Decision::ToDevice(ESME));
}

#[test]
fn block_numbers_that_no_receiver_takes_are_refused_in_the_assured_profile() {
    let (log, settings) = (log(), Settings::default());
    let decide = |profile, number| {
        let mut route = route(CommandBlock, Source::Wan, ESME);
        route.form = RouteForm::Block { number, last: true };
        router(&log, profile, &settings).decide(Source::Device(PPMID), &route, 300, nobody)
    };
    for number in [0, 256, u16::MAX] {
        assert_eq!(decide(Profile::Assured, number), Decision::Discard(Reason::BlockNumber));
        assert_eq!(decide(Profile::Secmp0038, number), Decision::ToDevice(ESME));
    }
    assert_eq!(decide(Profile::Assured, 255), Decision::ToDevice(ESME));
}

#[test]
fn the_refusal_of_the_profile_before_the_modification_names_its_rule() {
    let text = format!("{}", Reason::PpmidBeforeModification);
    assert_eq!(text, "GBCS 10.8.2: a PPMID may pass only SME.C.PPMID-GSME messages (before SECMP0038)");
}
