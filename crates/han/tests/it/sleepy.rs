//! A sleepy child and its parent.
use crate::air::*;
use han::node::{Failure, Output};
use han::{Node, mac};
use std::time::Duration;

fn home() -> Air {
    Air::new(vec![Node::new(config(HUB, &[GSME])), Node::new(config(GSME, &[HUB]))])
}

fn wake(air: &mut Air) {
    air.nodes[1].wake(air.now);
    air.drain(1);
}

#[test]
fn a_sleeping_device_hears_nothing_and_says_nothing() {
    let mut air = home();
    air.send(0, GSME, vec![1; 20]);
    air.send(1, HUB, vec![2; 20]);
    air.pass(Duration::from_secs(2));
    assert!(air.log.is_empty());
    assert!(air.events.iter().flatten().all(|event| matches!(event, Output::Persist(_))));
}

#[test]
fn a_woken_device_fetches_what_waits_fragments_and_all() {
    let mut air = home();
    let short = air.send(0, GSME, vec![1; 20]);
    let long = air.send(0, GSME, vec![3; 1500]);
    air.pass(Duration::from_secs(1));
    wake(&mut air);
    air.pass(Duration::from_secs(10));
    assert!(air.delivered(0, short) && air.delivered(0, long));
    let received: Vec<_> = air.received(1).iter().map(|datagram| datagram.payload.len()).collect();
    assert_eq!(received, [20, 1500]);
}

#[test]
fn a_parent_says_when_more_waits_and_the_child_fetches_it_at_once() {
    let mut air = home();
    air.send(1, HUB, vec![2; 20]);
    wake(&mut air);
    // The child's datagram is acknowledged while one for the child waits too: two frames, the first says so.
    air.pass(Air::DELAY);
    air.send(0, GSME, vec![1; 20]);
    air.pass(Duration::from_secs(1));
    let child = Some((PAN, mac::Address::Short(GSME.short)));
    let pending: Vec<_> = air
        .log
        .iter()
        .map(|(at, psdu)| (*at, mac::Frame::parse(psdu).unwrap()))
        .filter(|(_, frame)| frame.kind == mac::Kind::Data && frame.destination == child)
        .map(|(at, frame)| (at, frame.frame_pending))
        .collect();
    assert_eq!((pending[0].1, pending[1].1), (true, false), "{pending:?}");
    assert!(pending[1].0.since(pending[0].0) < Duration::from_millis(20), "{pending:?}");
}

#[test]
fn a_device_that_woke_sends_what_waited_and_then_only_polls() {
    let mut air = home();
    let handle = air.send(1, HUB, vec![2; 300]);
    wake(&mut air);
    air.pass(Duration::from_secs(5));
    assert!(air.delivered(1, handle));
    assert!(!air.nodes[1].is_busy());
    let frames = air.log.len();
    air.pass(Duration::from_secs(10));
    // A poll and its acknowledgement every poll_idle and some milliseconds.
    let per_second = (air.log.len() - frames) as f32 / 10.0;
    assert!((6.0..=8.0).contains(&per_second), "{per_second} frames a second while idle");
    air.nodes[1].sleep(air.now);
    air.drain(1);
    let frames = air.log.len();
    air.pass(Duration::from_secs(10));
    assert_eq!(air.log.len(), frames);
}

#[test]
fn what_is_not_fetched_in_time_is_given_up() {
    let mut air = home();
    let handle = air.send(0, GSME, vec![1; 20]);
    // Four attempts of 1.6 s and the indirect hold of 7.68 s each.
    air.pass(Duration::from_millis(4 * 9280 - 1));
    assert!(!air.events[0].contains(&Output::Failed(handle, Failure::NoAck)));
    air.pass(Duration::from_millis(1));
    assert!(air.events[0].contains(&Output::Failed(handle, Failure::NoAck)));
    wake(&mut air);
    air.pass(Duration::from_secs(1));
    assert!(air.received(1).is_empty());
}

#[test]
fn a_frame_is_held_for_7680_ms_and_not_longer() {
    for (after, arrives) in [(7679, true), (7680, false)] {
        let mut air = home();
        air.send(0, GSME, vec![1; 20]);
        air.pass(Duration::from_millis(after - 8));
        // The poll takes 4 ms to the parent, which then still holds the frame, or no longer.
        air.pass(Duration::from_millis(4));
        wake(&mut air);
        air.pass(Duration::from_millis(60));
        assert_eq!(air.received(1).len(), arrives as usize, "after {after} ms");
    }
}

#[test]
fn retrieval_survives_a_lossy_air() {
    for seed in 0..20 {
        let mut air = home();
        air.loss = 150;
        air.chance = Chance(seed);
        wake(&mut air);
        let down = air.send(0, GSME, vec![3; 1500]);
        let up = air.send(1, HUB, vec![4; 1500]);
        air.pass(Duration::from_secs(120));
        for (from, handle) in [(0, down), (1, up)] {
            let arrived = air.received(1 - from).len();
            assert!(arrived <= 1, "seed {seed}: {arrived} times");
            assert!(arrived == 1 || !air.delivered(from, handle), "seed {seed}: acknowledged and not delivered");
        }
    }
}
