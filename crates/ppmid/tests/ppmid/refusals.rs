//! Every reason for which a Release is refused.
use crate::world::*;
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::{Cra, MessageCode, Time};
use handover::{Nonce, Reason, Release, Stage};
use ppmid::{Event, Meters};

/// One Release, changed, leads to this refusal; the hub sees nothing of it, and the next Release in order is taken.
fn refused(reason: Reason, change: impl FnOnce(&mut Release)) {
    refused_in(World::new(config()), reason, change);
}

fn refused_in(mut world: World, reason: Reason, change: impl FnOnce(&mut Release)) {
    let before = world.hub.taken.len();
    let mut release = world.release(1, 1, 60);
    change(&mut release);
    let (delivery, attempt) = (release.warrant.delivery, release.warrant.attempt);
    world.send(&release);
    world.settle(1);
    assert!(world.saw(&Event::Refused { delivery, attempt, reason }), "{:?}", world.events);
    let receipt = world.head.receipts.last().unwrap();
    assert_eq!((receipt.delivery, receipt.attempt, receipt.stage), (delivery, attempt, Stage::Refused(reason)));
    assert_eq!(receipt.command_hash, release.warrant.command_hash);
    assert_eq!(world.hub.taken.len(), before);
    let next = world.release(2, 1, 60);
    world.send(&next);
    world.settle(1);
    assert_eq!(world.head.stages(id(2), 1).first(), Some(&Stage::Held));
}

fn with_command(octets: Vec<u8>) -> impl FnOnce(&mut Release) {
    move |release| {
        release.warrant.command_hash = RustCrypto.sha256(&[&octets]);
        release.command = octets;
    }
}

#[test]
fn a_warrant_by_another_key_is_refused() {
    let mut world = World::new(config());
    let release = world.release(1, 1, 60);
    world.send_octets(release.seal(&RustCrypto, &key(3)).unwrap());
    assert_eq!(world.head.stages(id(1), 1), [Stage::Refused(Reason::BadSignature)]);
    // Whoever made it did not cost the head end its nonce.
    world.send(&release);
    world.settle(1);
    assert!(world.head.stages(id(1), 1).contains(&Stage::OnHan));
    assert_eq!(world.ppmid.tally().unauthentic, 1);
}

#[test]
fn a_warrant_by_an_unknown_head_end_is_refused() {
    refused(Reason::BadSignature, |release| release.head_end = METER);
}

#[test]
fn refusals_of_forged_releases_take_no_room() {
    let mut world = World::new(config());
    world.head.deaf = true;
    let persists = world.persists;
    for n in 0..200 {
        let release = world.release(n, 1, 60);
        world.send_octets(release.seal(&RustCrypto, &key(3)).unwrap());
    }
    assert_eq!(world.persists, persists);
    world.head.deaf = false;
    world.set_link(false);
    world.set_link(true);
    assert_eq!(world.head.receipts.len(), 1);
}

#[test]
fn a_warrant_for_another_carrier_is_refused() {
    refused(Reason::NotThisCarrier, |release| release.warrant.ppmid = HUB);
}

#[test]
fn a_nonce_never_issued_is_refused() {
    refused(Reason::UnknownNonce, |release| release.warrant.nonce = Nonce([0xEE; 16]));
}

#[test]
fn a_nonce_from_before_a_restart_is_refused() {
    let mut world = World::new(config());
    let nonce = world.head.nonce.unwrap();
    world.restart();
    world.settle(1);
    refused_in(world, Reason::UnknownNonce, |release| release.warrant.nonce = nonce);
}

#[test]
fn a_stale_nonce_is_refused_and_hello_brings_another_by_itself() {
    let mut world = World::new(config());
    let nonce = world.head.nonce.unwrap();
    world.settle(301);
    assert_eq!(world.head.hellos.len(), 2);
    refused_in(world, Reason::StaleNonce, |release| release.warrant.nonce = nonce);
}

#[test]
fn a_used_nonce_is_refused() {
    let mut world = World::new(config());
    let first = world.release(3, 1, 60);
    world.send(&first);
    world.settle(1);
    refused_in(world, Reason::UsedNonce, |release| release.warrant.nonce = first.warrant.nonce);
}

#[test]
fn a_nonce_of_a_refused_release_is_used_up() {
    let mut world = World::new(config());
    let mut first = world.release(3, 1, 60);
    let nonce = first.warrant.nonce;
    first.warrant.target = HUB;
    world.send(&first);
    world.settle(1);
    refused_in(world, Reason::UsedNonce, |release| release.warrant.nonce = nonce);
}

#[test]
fn a_changed_octet_of_the_command_is_refused() {
    refused(Reason::CommandChanged, |release| release.command[50] ^= 1);
}

#[test]
fn what_is_no_gbcs_command_is_refused() {
    refused(Reason::NotACommand, with_command(vec![0xDF; 40]));
    refused(Reason::NotACommand, with_command(message(1, Cra::Response, 10)));
    refused(Reason::NotACommand, with_command(message(1, Cra::Alert, 10)));
}

#[test]
fn another_target_or_use_case_than_the_commands_own_is_refused() {
    refused(Reason::WrongTarget, |release| release.warrant.target = HUB);
    refused(Reason::WrongCode, |release| release.warrant.code = MessageCode(0x00A3));
}

#[test]
fn a_meter_not_served_is_refused() {
    let mut world = World::new(ppmid::Config { meters: Meters::Only(vec![HUB]), ..config() });
    let release = world.release(1, 1, 60);
    world.send(&release);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Refused(Reason::UnknownTarget)]);
    let mut world = World::new(ppmid::Config { meters: Meters::Only(vec![METER]), ..config() });
    let release = world.release(1, 1, 60);
    world.send(&release);
    assert_eq!(world.head.stages(id(1), 1)[0], Stage::Held);
}

/// A Command of so many octets, closed by a MAC that nobody here checks.
fn long(octets: usize) -> Vec<u8> {
    let of = |payload| {
        let plain = gbcs::MessageView::parse(&message(1, Cra::Command, payload)).unwrap().to_message();
        gbcs::Message { signature: gbcs::envelope::SignatureField::Empty, mac: Some([7; 12]), ..plain }.encode()
    };
    let payload = (0..octets).rev().find(|payload| of(*payload).len() <= octets).unwrap();
    let message = of(payload);
    assert_eq!(message.len(), octets);
    message
}

#[test]
fn a_command_too_long_for_one_transfer_goes_in_blocks_one_behind_the_other_and_too_long_a_one_is_refused() {
    for (octets, parts) in [(1200, 1), (1201, 2), (3986, 4), (handover::MAX_COMMAND, 8)] {
        let command = long(octets);
        let mut world = World::new(config());
        let mut release = world.release(1, 1, 60);
        with_command(command.clone())(&mut release);
        world.send(&release);
        world.settle(5);
        let taken: Vec<_> = world.hub.taken.iter().map(|(_, octets)| octets.clone()).collect();
        assert_eq!(taken, gbcs::block::parts(&command, gbcs::block::MAX_BLOCK_LEN).unwrap());
        assert_eq!(taken.len(), parts);
        assert_eq!(world.head.stages(id(1), 1).last(), Some(&Stage::OnHan));
    }
    refused(Reason::TooLong, with_command(long(handover::MAX_COMMAND + 1)));
}

#[test]
fn an_expired_warrant_is_refused() {
    refused(Reason::Expired, |release| release.warrant.not_after = Time(release.warrant.not_after.0 - 61_000));
}

#[test]
fn an_attempt_below_one_seen_is_refused() {
    let mut world = World::new(config());
    for attempt in [2, 1] {
        let release = world.release(1, attempt, 60);
        world.send(&release);
        world.settle(1);
    }
    assert_eq!(world.head.stages(id(1), 2), [Stage::Held, Stage::OnHan]);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Refused(Reason::AttemptSeen)]);
    assert_eq!(world.taken(1), 1);
}

#[test]
fn another_command_under_a_delivery_seen_is_refused() {
    let mut world = World::new(config());
    let first = world.release(1, 1, 60);
    world.send(&first);
    world.settle(1);
    for attempt in [1, 2] {
        let mut release = world.release(1, attempt, 60);
        with_command(command(9))(&mut release);
        world.send(&release);
        world.settle(1);
        assert!(world.head.stages(id(1), attempt).contains(&Stage::Refused(Reason::AttemptSeen)), "{attempt}");
    }
    assert_eq!(world.taken(9), 0);
}

#[test]
fn the_same_command_under_another_delivery_is_refused_unless_the_first_surely_failed() {
    let mut world = World::new(config());
    let first = world.release(1, 1, 60);
    world.send(&first);
    world.settle(1);
    let mut again = world.release(2, 1, 60);
    with_command(command(1))(&mut again);
    world.send(&again);
    assert_eq!(world.head.stages(id(2), 1), [Stage::Refused(Reason::DuplicateCommand)]);

    let mut world = World::cold(config());
    world.hub.silent = true;
    world.set_link(true);
    let first = world.release(1, 1, 5);
    world.send(&first);
    world.settle(10);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::Refused(Reason::Expired)]);
    let mut again = world.release(2, 1, 60);
    with_command(command(1))(&mut again);
    world.send(&again);
    assert_eq!(world.head.stages(id(2), 1), [Stage::Held]);
}

#[test]
fn a_new_attempt_while_the_earlier_is_on_its_way_is_refused() {
    let mut world = World::new(config());
    world.hub.silent = true;
    for attempt in [1, 2] {
        let release = world.release(1, attempt, 60);
        world.send(&release);
    }
    assert_eq!(world.head.stages(id(1), 2), [Stage::Refused(Reason::InFlight)]);
    world.hub.silent = false;
    world.settle(30);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::OnHan]);
}

#[test]
fn a_new_attempt_takes_the_place_of_one_that_waits() {
    let mut world = World::cold(config());
    world.hub.silent = true;
    world.set_link(true);
    for attempt in [1, 2] {
        let release = world.release(1, attempt, 300);
        world.send(&release);
    }
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::Refused(Reason::Superseded)]);
    world.hub.silent = false;
    world.settle(60);
    assert_eq!(world.head.stages(id(1), 2), [Stage::Held, Stage::OnHan]);
    assert_eq!(world.taken(1), 1);
}

#[test]
fn a_release_beyond_the_room_for_commands_is_refused() {
    let mut world = World::cold(ppmid::Config { max_held: 2, ..config() });
    world.hub.silent = true;
    world.set_link(true);
    for n in 1..=3 {
        let release = world.release(n, 1, 300);
        world.send(&release);
    }
    assert_eq!(world.head.stages(id(2), 1), [Stage::Held]);
    assert_eq!(world.head.stages(id(3), 1), [Stage::Refused(Reason::Full)]);
}

#[test]
fn deliveries_that_are_over_make_room_and_those_that_are_not_do_not() {
    let mut world = World::new(ppmid::Config { max_deliveries: 3, ..config() });
    for n in 1..=6 {
        let release = world.release(n, 1, 60);
        world.send(&release);
        world.settle(5);
        assert_eq!(world.head.stages(id(n), 1), [Stage::Held, Stage::OnHan], "{n}");
    }
    // Now the meter answers no more: each stays open for as long as the answer may take.
    world.hub.answers = false;
    for n in 11..=14 {
        let release = world.release(n, 1, 60);
        world.send(&release);
        world.settle(5);
    }
    assert_eq!(world.head.stages(id(13), 1), [Stage::Held, Stage::OnHan]);
    assert_eq!(world.head.stages(id(14), 1), [Stage::Refused(Reason::Full)]);
    world.settle(25 * 3600);
    let release = world.release(15, 1, 60);
    world.send(&release);
    world.settle(5);
    assert_eq!(world.head.stages(id(15), 1), [Stage::Held, Stage::OnHan]);
}

#[test]
fn what_is_no_release_is_counted_and_leaves_no_trace() {
    let mut world = World::new(config());
    let persists = world.persists;
    for octets in [vec![], vec![0x83], vec![0; 70_000]] {
        world.send_octets(octets);
    }
    assert_eq!(world.ppmid.tally().malformed, 3);
    assert_eq!((world.persists, world.head.receipts.len()), (persists, 0));
}

#[test]
fn a_head_end_that_stores_nothing_cannot_make_the_outbox_grow() {
    let mut world = World::new(ppmid::Config { max_deliveries: 4, ..config() });
    world.head.forgetful = true;
    for n in 1..=40 {
        let release = world.release(n, 1, 60);
        world.send(&release);
        world.settle(5);
    }
    assert!(world.saw(&Event::OutboxFull));
    assert!(world.stored.as_ref().unwrap().len() < 4096, "{}", world.stored.as_ref().unwrap().len());
    let accepted: Vec<u8> = (1..=40).filter(|n| world.head.stages(id(*n), 1).first() == Some(&Stage::Held)).collect();
    assert!(accepted.len() >= 2 && accepted.len() <= 4, "{accepted:?}");
    // What was accepted is told in full once it is stored again, and then there is room.
    world.head = Head::default();
    world.set_link(false);
    world.set_link(true);
    for n in accepted {
        assert_eq!(world.head.stages(id(n), 1), [Stage::Held, Stage::OnHan], "{n}");
        assert!(world.head.answers.iter().any(|answer| answer.delivery == id(n)), "{n}");
    }
    let next = world.release(50, 1, 60);
    world.send(&next);
    world.settle(5);
    assert_eq!(world.head.stages(id(50), 1), [Stage::Held, Stage::OnHan]);
}

#[test]
fn attempts_without_end_find_no_room_while_nothing_is_stored() {
    let mut world = World::new(ppmid::Config { max_deliveries: 4, ..config() });
    world.head.forgetful = true;
    for attempt in 1..=40 {
        let release = world.release(1, attempt, 60);
        world.send(&release);
        world.settle(5);
    }
    let held = (1..=40).filter(|attempt| world.head.stages(id(1), *attempt).first() == Some(&Stage::Held)).count();
    assert!((2..=6).contains(&held), "{held} attempts lead to more letters than there is room for");
    assert_eq!(world.head.answers.len(), 1);
}
