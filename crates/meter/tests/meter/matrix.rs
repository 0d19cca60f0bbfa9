//! Every use case of the catalogue, every role, every failure of the sequence of checks: what a meter does, and that it changes
//! nothing (gbcs-messages 8.1, 8.2).
use crate::home::*;
use gbcs::catalogue::{self, Category, DeviceType, Originator, Protection, UseCase};
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto};
use gbcs::envelope::{GroupingHeader, Message};
use gbcs::{Counter, Cra, Eui64, MessageId, protect};
use meter::{Event, Kind, Meter, Refusal};

/// Whoever may have a cell, and the PPMID of a gas meter.
const PARTIES: [(Originator, Eui64); 7] = [
    (Originator::Supplier, SUPPLIER),
    (Originator::NetworkOperator, NETWORK),
    (Originator::AccessControlBroker, ACB),
    (Originator::TransitionalCos, TRANSITIONAL),
    (Originator::Recovery, RECOVERY),
    (Originator::LoadController, LOAD),
    (Originator::Ppmid, PPMID),
];

/// No payload of any use case: a Command that gets as far as step 11 passed the checks before it.
const NO_PAYLOAD: &[u8] = &[0xFF];

fn signing_key(home: &Home, party: Eui64) -> &PrivateKey {
    match party {
        NETWORK => &home.network,
        ACB => &home.acb,
        TRANSITIONAL => &home.transitional,
        RECOVERY => &home.recovery,
        LOAD => &home.load,
        _ => &home.supplier,
    }
}

/// Whether a Command of this use case by this party is signed, and whether it is closed by a MAC.
fn protection(use_case: &UseCase, party: Eui64) -> (bool, bool) {
    match use_case.protection(Cra::Command).expect("a Command") {
        Protection::Mac => (false, true),
        Protection::Signature => (true, false),
        Protection::SignatureAndMac => (true, true),
        Protection::MacOrSignature => (party != ACB, party == ACB),
    }
}

struct Forge<'h> {
    home: &'h Home,
    kind: Kind,
    use_case: &'static UseCase,
    party: Eui64,
}

impl Forge<'_> {
    fn message(&self, counter: u64, signed: bool, closed: bool) -> Vec<u8> {
        let id =
            MessageId { originator: self.party, target: eui(self.kind), cra: Cra::Command, counter: Counter(counter) };
        let mut message = Message::plain(GroupingHeader::new(id, self.use_case.code), NO_PAYLOAD.to_vec()).encode();
        if signed {
            message = protect::sign(&RustCrypto, signing_key(self.home, self.party), &message).unwrap();
        }
        if closed && self.use_case.category == Category::PpmidGsme {
            let home = self.home;
            let secret = RustCrypto.agree(&home.ppmid_agreement, home.device_agreement.public()).unwrap();
            message = protect::add_mac(&RustCrypto, &secret, &message).unwrap();
        } else if closed {
            message = self.home.mac(&message);
        }
        message
    }

    fn proper(&self, counter: u64) -> Vec<u8> {
        let (signed, closed) = protection(self.use_case, self.party);
        self.message(counter, signed, closed)
    }
}

fn refused(meter: &mut Meter<RustCrypto>, message: &[u8]) -> Refusal {
    let before = (meter.registers(), meter.account().clone());
    assert_eq!(meter.handle_message(NOW, message), None);
    assert_eq!((meter.registers(), meter.account().clone()), before, "a refused Command changed something");
    let refusal = drain(meter).1.into_iter().find_map(|event| match event {
        Event::Refused { refusal, .. } => Some(refusal),
        _ => None,
    });
    refusal.expect("an event that says why")
}

fn commands(kind: Kind) -> impl Iterator<Item = &'static UseCase> {
    let device = if kind == Kind::Esme { DeviceType::Esme } else { DeviceType::Gsme };
    let category = |use_case: &&UseCase| {
        !matches!(use_case.category, Category::CriticalAlert | Category::NonCriticalAlert | Category::ZigBee)
    };
    catalogue::all().iter().filter(move |use_case| use_case.is_for(device)).filter(category)
}

fn reached_the_payload(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::BadPayload(_) | Refusal::WrongRows)
}

#[test]
fn every_role_gets_as_far_as_the_payload_of_what_it_may_send_and_no_further_than_its_role_otherwise() {
    let home = Home::default();
    let (mut allowed, mut denied) = (0, 0);
    for kind in [Kind::Esme, Kind::Gsme] {
        for use_case in commands(kind) {
            for (originator, party) in PARTIES {
                let mut meter = home.meter(kind);
                let refusal = refused(&mut meter, &Forge { home: &home, kind, use_case, party }.proper(5));
                let what = (kind, use_case.id, use_case.code, originator);
                if originator == Originator::Ppmid && kind == Kind::Esme {
                    assert_eq!(refusal, Refusal::UnknownOriginator(PPMID), "{what:?}");
                } else if use_case.allows(originator) {
                    assert!(reached_the_payload(&refusal), "{what:?}: {refusal:?}");
                    allowed += 1;
                } else {
                    assert!(matches!(refusal, Refusal::Unauthorised { .. }), "{what:?}: {refusal:?}");
                    let codes: Vec<u16> = meter.security_log().iter().map(|entry| entry.code).collect();
                    assert_eq!((codes.as_slice(), meter.outbox_len()), (&[0x8F30][..], 1), "{what:?}");
                    denied += 1;
                }
            }
        }
    }
    println!("{allowed} allowed, {denied} denied");
    assert!(allowed > 200 && denied > 500);
}

#[test]
fn every_replay_protected_use_case_takes_a_counter_once_and_every_other_as_often_as_it_comes() {
    let home = Home::default();
    for kind in [Kind::Esme, Kind::Gsme] {
        for use_case in commands(kind) {
            let Some((_, party)) = PARTIES.into_iter().find(|(originator, _)| use_case.allows(*originator)) else {
                continue;
            };
            let forge = Forge { home: &home, kind, use_case, party };
            let mut meter = home.meter(kind);
            let what = (kind, use_case.id, use_case.code);
            assert!(reached_the_payload(&refused(&mut meter, &forge.proper(5))), "{what:?}");
            // What a UTRN spends is the UTRN, and there was none.
            let protected = use_case.replay_protected && use_case.category != Category::NonCriticalTopUp;
            for counter in [5, 4] {
                let refusal = refused(&mut meter, &forge.proper(counter));
                match protected {
                    true => assert!(matches!(refusal, Refusal::Replayed { .. }), "{what:?} {counter}: {refusal:?}"),
                    false => assert!(reached_the_payload(&refusal), "{what:?} {counter}: {refusal:?}"),
                }
            }
            assert!(reached_the_payload(&refused(&mut meter, &forge.proper(6))), "{what:?}");
            // A power cut forgets no counter.
            let record = meter.state();
            let mut meter = Meter::new(home.config(kind), RustCrypto, Some(&record)).unwrap();
            let refusal = refused(&mut meter, &forge.proper(6));
            assert_eq!(matches!(refusal, Refusal::Replayed { .. }), protected, "{what:?} after a restart");
        }
    }
}

#[test]
fn every_use_case_refuses_what_is_not_protected_as_it_must_be() {
    let home = Home::default();
    for kind in [Kind::Esme, Kind::Gsme] {
        for use_case in commands(kind) {
            let Some((_, party)) = PARTIES.into_iter().find(|(originator, _)| use_case.allows(*originator)) else {
                continue;
            };
            let forge = Forge { home: &home, kind, use_case, party };
            let mut meter = home.meter(kind);
            let (signed, closed) = protection(use_case, party);
            let what = (kind, use_case.id, use_case.code);
            for (s, c) in [(false, false), (false, true), (true, false), (true, true)] {
                if (s, c) != (signed, closed) {
                    assert_eq!(refused(&mut meter, &forge.message(9, s, c)), Refusal::WrongForm, "{what:?} {s} {c}");
                }
            }
            let mut message = forge.proper(9);
            if closed {
                *message.last_mut().unwrap() ^= 1;
                assert_eq!(refused(&mut meter, &message), Refusal::BadMac, "{what:?}");
            }
            if signed {
                // Somebody else's signature under an honest MAC.
                let other = Home { supplier: key(77), network: key(77), acb: key(77), ..Home::default() };
                let other = Home { transitional: key(77), recovery: key(77), load: key(77), ..other };
                let forged = Forge { home: &other, kind, use_case, party }.proper(9);
                assert_eq!(refused(&mut meter, &forged), Refusal::BadSignature, "{what:?}");
            }
            let stranger = Forge { home: &home, kind, use_case, party: STRANGER }.proper(9);
            assert_eq!(refused(&mut meter, &stranger), Refusal::UnknownOriginator(STRANGER), "{what:?}");
            assert!(
                reached_the_payload(&refused(&mut meter, &forge.proper(9))),
                "{what:?}: none of it cost the counter"
            );
        }
    }
}

#[test]
fn use_cases_of_other_devices_are_unknown_to_a_meter() {
    let home = Home::default();
    for (kind, device) in [(Kind::Esme, DeviceType::Esme), (Kind::Gsme, DeviceType::Gsme)] {
        for use_case in catalogue::all().iter().filter(|use_case| !use_case.is_for(device)) {
            let mut meter = home.meter(kind);
            let message = Forge { home: &home, kind, use_case, party: SUPPLIER }.message(9, true, true);
            assert_eq!(refused(&mut meter, &message), Refusal::UnknownUseCase(use_case.code), "{}", use_case.id);
        }
    }
}
