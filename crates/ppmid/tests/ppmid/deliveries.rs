//! What becomes of a Release that was accepted.
use crate::world::*;
use gbcs::crypto::RustCrypto;
use gbcs::{Counter, Cra, GroupingHeader, Message, MessageId};
use han::zcl::Status;
use handover::{Reason, Stage};
use ppmid::{Event, Output, Ppmid};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_release_becomes_receipts_and_the_meters_answer_and_leaves_nothing() {
    let mut world = World::new(config());
    let release = world.release(1, 1, 60);
    world.send(&release);
    world.settle(5);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::OnHan]);
    assert_eq!(world.hub.taken.iter().map(|(_, octets)| octets).collect::<Vec<_>>(), [&release.command]);
    assert_eq!(world.head.answers.len(), 1);
    let answer = &world.head.answers[0];
    assert_eq!((answer.ppmid, answer.delivery, answer.command_hash), (PPMID, id(1), release.warrant.command_hash));
    assert_eq!(answer.response, world.hub.answered[0]);
    let memory = world.stored.as_ref().unwrap();
    assert!(!contains(memory, &release.command), "the command is kept after its outcome");
    assert!(!contains(memory, &answer.response), "the answer is kept after the head end has it");
}

#[test]
fn nothing_is_said_or_sent_before_the_command_is_stored() {
    let mut world = World::new(config());
    let release = world.release(1, 1, 60);
    world.ppmid.handle_down(world.now, &release.seal(&RustCrypto, &key(2)).unwrap());
    let Output::Persist(memory) = world.ppmid.poll() else { panic!("Persist comes first") };
    assert!(contains(&memory, &release.command));
    let mut rest = Vec::new();
    loop {
        match world.ppmid.poll() {
            Output::Timeout(_) => break,
            Output::Persist(_) => panic!("one change is one record"),
            output => rest.push(output),
        }
    }
    assert!(rest.iter().any(|output| matches!(output, Output::Up { .. })));
    assert!(rest.iter().any(|output| matches!(output, Output::Transmit(_))));
    for output in rest {
        assert!(!format!("{output:?}").contains("01, 01, 01"), "content in a Debug: {output:?}");
    }
}

#[test]
fn what_the_hub_refuses_is_tried_again_later_and_then_refused() {
    let mut world = World::new(config());
    world.hub.status = Status::Failure;
    let release = world.release(1, 1, 600);
    world.send(&release);
    world.settle(29);
    assert_eq!((world.hub.refused, world.head.stages(id(1), 1)), (1, vec![Stage::Held]));
    world.settle(2);
    assert_eq!(world.hub.refused, 2);
    world.settle(58);
    assert_eq!(world.hub.refused, 2);
    world.settle(5);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::Refused(Reason::HubRefused)]);
    world.hub.status = Status::Success;
    world.settle(600);
    assert_eq!((world.hub.refused, world.taken(1), world.sent(1)), (3, 0, 3));
}

#[test]
fn a_hub_that_refuses_for_a_while_gets_the_command_afterwards() {
    let mut world = World::new(config());
    world.hub.status = Status::Failure;
    let release = world.release(1, 1, 600);
    world.send(&release);
    world.settle(5);
    world.hub.status = Status::Success;
    world.settle(60);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::OnHan]);
    assert_eq!((world.taken(1), world.head.answers.len()), (1, 1));
}

#[test]
fn a_hub_that_falls_silent_leaves_a_doubt_and_not_a_refusal() {
    let mut world = World::new(config());
    world.hub.silent = true;
    let release = world.release(1, 1, 40);
    world.send(&release);
    world.settle(120);
    let stages = world.head.stages(id(1), 1);
    assert_eq!(stages, [Stage::Held, Stage::Refused(Reason::NoHubAnswer)]);
    assert!(Reason::NoHubAnswer.may_be_on_han());
    // It had got through after all: the late answer is still an answer.
    world.hub.silent = false;
    world.settle(30);
    world.hub.say(message(1, Cra::Response, 4));
    world.settle(5);
    assert_eq!((world.head.answers.len(), world.taken(1)), (1, 0));
}

#[test]
fn a_command_without_a_tunnel_waits_until_its_warrant_ends_and_is_then_never_sent() {
    let mut world = World::cold(config());
    world.hub.silent = true;
    world.set_link(true);
    let release = world.release(1, 1, 100);
    world.send(&release);
    world.settle(100);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held]);
    world.settle(1);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::Refused(Reason::Expired)]);
    let said = world.head.receipts.last().unwrap();
    assert_eq!(said.at.0, release.warrant.not_after.0 + 1);
    world.hub.silent = false;
    world.settle(600);
    assert_eq!((world.taken(1), world.sent(1)), (0, 0));
    assert!(!contains(world.stored.as_ref().unwrap(), &release.command));
}

#[test]
fn a_retry_is_not_made_after_the_warrant_has_ended() {
    let mut world = World::new(config());
    world.hub.status = Status::Failure;
    let release = world.release(1, 1, 20);
    world.send(&release);
    world.settle(5);
    world.hub.status = Status::Success;
    world.settle(600);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::Refused(Reason::Expired)]);
    assert_eq!((world.sent(1), world.taken(1)), (1, 0));
}

#[test]
fn a_hub_that_forgot_the_tunnel_gets_the_command_once_on_a_new_one() {
    let mut world = World::new(config());
    world.hub.restart(world.now);
    let release = world.release(1, 1, 60);
    world.send(&release);
    world.settle(10);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::OnHan]);
    assert_eq!((world.taken(1), world.sent(1)), (1, 2));
}

#[test]
fn the_same_attempt_again_gets_its_receipt_again_and_no_transfer() {
    let mut world = World::new(config());
    let release = world.release(1, 1, 60);
    for _ in 0..3 {
        world.send(&release);
        world.settle(2);
    }
    assert!(world.saw(&Event::Repeated { delivery: id(1), attempt: 1 }));
    let stages: Vec<_> = world.head.receipts.iter().map(|receipt| receipt.stage).collect();
    assert_eq!(stages, [Stage::Held, Stage::OnHan, Stage::OnHan, Stage::OnHan]);
    assert_eq!((world.taken(1), world.head.answers.len()), (1, 1));
    // The octets of an old warrant are as good as new, however late.
    world.settle(3600);
    world.send(&release);
    assert_eq!(world.head.receipts.last().unwrap().stage, Stage::OnHan);
    assert_eq!(world.taken(1), 1);
}

#[test]
fn another_attempt_after_on_han_is_another_transfer() {
    let mut world = World::new(config());
    for attempt in [1, 2] {
        let release = world.release(1, attempt, 60);
        world.send(&release);
        world.settle(5);
        assert_eq!(world.head.stages(id(1), attempt), [Stage::Held, Stage::OnHan]);
    }
    // The meter answered the first and, having seen the counter, not the second.
    assert_eq!((world.taken(1), world.head.answers.len()), (2, 1));
}

#[test]
fn what_answers_nothing_of_ours_is_counted_and_dropped() {
    let mut world = World::new(config());
    let release = world.release(1, 1, 60);
    world.send(&release);
    world.settle(5);
    let unwanted =
        [vec![0xDF; 30], message(2, Cra::Response, 4), message(1, Cra::Alert, 4), message(1, Cra::Response, 4)];
    for octets in &unwanted {
        world.hub.say(octets.clone());
        world.settle(1);
    }
    assert_eq!(world.ppmid.tally().unmatched, 4);
    assert_eq!(world.head.answers.len(), 1);
}

#[test]
fn what_was_not_stored_is_said_again_with_a_fresh_nonce() {
    let mut world = World::new(config());
    let release = world.release(1, 1, 60);
    world.head.deaf = true;
    world.send(&release);
    world.settle(5);
    world.set_link(false);
    world.settle(3600);
    world.head.deaf = false;
    world.set_link(true);
    world.settle(1);
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::OnHan]);
    assert_eq!(world.head.answers.len(), 1);
    let said = world.head.receipts.last().unwrap();
    assert!(said.time.since(said.at).as_secs() >= 3600, "the stage was reached long ago");
    // Receipts came first: the Hello's list was drawn up when they were not acknowledged yet.
    let nonces: std::collections::HashSet<_> = world.head.receipts.iter().map(|receipt| receipt.nonce).collect();
    assert_eq!(nonces.len(), world.head.receipts.len());
    let next = world.release(2, 1, 60);
    world.send(&next);
    world.settle(5);
    assert_eq!(world.head.stages(id(2), 1), [Stage::Held, Stage::OnHan]);
}

#[test]
fn commands_go_in_the_order_of_acceptance_and_none_overtakes_one_that_waits() {
    let mut world = World::new(config());
    world.hub.status = Status::Failure;
    for n in 1..=4 {
        let release = world.release(n, 1, 600);
        world.send(&release);
    }
    world.settle(10);
    assert_eq!((world.sent(1), world.sent(2)), (1, 0));
    world.hub.status = Status::Success;
    world.settle(60);
    let order: Vec<_> = world.hub.taken.iter().map(|(_, octets)| octets.clone()).collect();
    assert_eq!(order, (1..=4).map(command).collect::<Vec<_>>());
    assert_eq!(world.head.answers.len(), 4);
}

#[test]
fn a_hello_names_what_is_open() {
    let mut world = World::new(config());
    world.hub.answers = false;
    let release = world.release(1, 1, 60);
    world.send(&release);
    world.settle(5);
    world.set_link(false);
    world.set_link(true);
    assert_eq!(world.head.hellos.last().unwrap().open, [id(1)]);
    world.hub.say(message(1, Cra::Response, 4));
    world.settle(5);
    world.set_link(false);
    world.set_link(true);
    assert_eq!(world.head.hellos.last().unwrap().open, []);
}

#[test]
fn one_hello_is_said_for_a_link_and_one_for_each_nonce_that_ran_out() {
    let mut world = World::cold(config());
    world.set_link(true);
    world.settle(5);
    assert_eq!(world.head.hellos.len(), 1);
    world.settle(1000);
    assert_eq!(world.head.hellos.len(), 4);
    let nonces: std::collections::HashSet<_> = world.head.hellos.iter().map(|hello| hello.nonce).collect();
    assert_eq!(nonces.len(), 4);
    world.set_link(false);
    world.settle(1000);
    assert_eq!(world.head.hellos.len(), 4);
}

/// A block of a General Block Transfer of the Response to delivery `n`.
fn block(n: u8, number: u16, last: bool) -> Vec<u8> {
    let id = MessageId { originator: METER, target: HEAD_END, cra: Cra::Response, counter: Counter(1000 + n as u64) };
    let header = Message::plain(GroupingHeader::new(id, CODE), vec![]).encode();
    // The ids stand between the tag and the payload length, as in a grouping header.
    let mut octets = vec![0xDD];
    octets.extend(&header[1..header.len() - 1]);
    let control = if last { 0xC0 } else { 0x40 };
    octets.extend([0, 5 + 7 + 3, 0, 0, 0, 0, 0, 0xE0, control]);
    octets.extend(number.to_be_bytes());
    octets.extend([0, 0, 3, 7, 8, number as u8]);
    octets
}

#[test]
fn an_answer_in_blocks_is_passed_on_block_by_block() {
    let mut world = World::new(config());
    world.hub.answers = false;
    let release = world.release(1, 1, 60);
    world.send(&release);
    world.settle(5);
    let blocks = [block(1, 1, false), block(1, 2, false), block(1, 3, true)];
    for block in &blocks {
        gbcs::Route::parse(block).unwrap();
        world.hub.say(block.clone());
        world.settle(2);
    }
    let answers: Vec<_> = world.head.answers.iter().map(|answer| answer.response.clone()).collect();
    assert_eq!(answers, blocks);
}

#[test]
fn a_memory_that_is_no_memory_is_refused() {
    let world = World::new(config());
    let memory = world.stored.unwrap();
    let start = |memory: &[u8]| Ppmid::new(world.now, RustCrypto, &world.config, Some(memory)).map(|_| ());
    assert!(start(&memory).is_ok());
    for len in 0..memory.len() {
        assert!(start(&memory[..len]).is_err());
    }
}

#[test]
fn an_answer_before_the_hubs_acknowledgement_proves_that_the_command_was_on_the_han() {
    let mut world = World::new(config());
    world.hub.silent = true;
    let release = world.release(1, 1, 60);
    world.send(&release);
    world.hub.silent = false;
    world.hub.say(message(1, Cra::Response, 4));
    world.settle(0);
    assert_eq!((world.taken(1), world.head.answers.len()), (0, 1), "the answer came first");
    assert_eq!(world.head.stages(id(1), 1), [Stage::Held, Stage::OnHan]);
    world.settle(10);
    assert_eq!((world.taken(1), world.sent(1), world.head.answers.len()), (1, 1, 1));
    let next = world.release(2, 1, 60);
    world.send(&next);
    world.settle(5);
    assert_eq!(world.head.stages(id(2), 1), [Stage::Held, Stage::OnHan]);
}

#[test]
fn a_command_answered_while_it_waits_is_not_sent_any_more() {
    let mut world = World::new(config());
    world.hub.status = Status::Failure;
    for n in [1, 2] {
        let release = world.release(n, 1, 60);
        world.send(&release);
    }
    world.settle(1);
    // The meter had it by another way.
    world.hub.say(message(2, Cra::Response, 4));
    world.settle(1);
    assert_eq!(world.head.answers.len(), 1);
    world.hub.status = Status::Success;
    world.settle(100);
    assert_eq!((world.sent(1), world.sent(2)), (2, 0));
    assert_eq!(world.head.stages(id(2), 1), [Stage::Held]);
}
