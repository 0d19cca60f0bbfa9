//! Power lost at any output, and everything else that can happen in any order.
use crate::world::*;
use han::zcl::Status;
use handover::{Reason, Stage};
use ppmid::{Config, Event};
use proptest::prelude::*;
use std::time::Duration;

/// One delivery from Release to Answer, with power lost before output number `die_at` is done. The head end makes another
/// attempt when a refusal allows one.
fn journey(die_at: Option<usize>) -> World {
    let mut world = World::new(config());
    let before = world.steps;
    world.die_at = die_at.map(|at| before + at);
    for attempt in 1..=4 {
        let release = world.release(1, attempt, 600);
        world.send(&release);
        world.settle(200);
        let stages = world.head.stages(id(1), attempt);
        match stages.last() {
            Some(Stage::Refused(reason)) if reason.worth_another_attempt() && !reason.may_be_on_han() => {}
            _ => break,
        }
    }
    world.steps -= before;
    world
}

#[test]
fn a_delivery_survives_a_loss_of_power_at_each_output() {
    let undisturbed = journey(None);
    assert_eq!((undisturbed.taken(1), undisturbed.head.answers.len()), (1, 1));
    let outputs = undisturbed.steps;
    assert!(outputs > 20, "{outputs} outputs are no journey");
    let mut twice = 0;
    for die_at in 1..=outputs {
        let world = journey(Some(die_at));
        assert_eq!(world.deaths, 1);
        let attempt = world.head.receipts.last().unwrap().attempt;
        assert!(world.head.stages(id(1), attempt).contains(&Stage::Held), "output {die_at}: {:?}", world.events);
        assert!(world.head.stages(id(1), attempt).contains(&Stage::OnHan), "output {die_at}: {:?}", world.events);
        assert_eq!(world.head.answers.first().map(|answer| &answer.response), world.hub.answered.first());
        assert!(
            !world.head.answers.is_empty(),
            "output {die_at}: the answer is lost: {:?} {:?}",
            world.events,
            world.hub.taken
        );
        // A second transfer only where the first had begun and its end was not stored.
        let sent: Vec<_> = world
            .events
            .iter()
            .filter(|(_, event)| matches!(event, Event::Sent { .. } | Event::OnHan { .. }))
            .map(|(_, event)| matches!(event, Event::Sent { .. }))
            .collect();
        let in_doubt = sent.windows(2).any(|two| two == [true, true]);
        assert!(world.taken(1) <= 1 + in_doubt as usize, "output {die_at}: {:?}", world.events);
        twice += (world.taken(1) == 2) as usize;
    }
    // There are such outputs: the hub had the octets and its acknowledgement was lost with the power.
    assert!(twice > 0 && twice < outputs / 2, "{twice} of {outputs}");
}

#[test]
fn a_crash_loop_ends_in_doubt_and_not_in_endless_transfers() {
    let mut world = World::new(config());
    world.hub.silent = true;
    let release = world.release(1, 1, 36_000);
    world.send(&release);
    for _ in 0..10 {
        world.restart();
        world.hub.silent = false;
        // Long enough for a tunnel and for the transfer to begin, not for it to end.
        let sent = world.sent(1);
        for _ in 0..40 {
            world.settle(1);
            if world.sent(1) > sent {
                break;
            }
            world.hub.silent = false;
        }
        world.hub.silent = true;
    }
    assert!(world.sent(1) <= 3, "{}", world.sent(1));
    world.hub.silent = false;
    world.settle(100);
    let stages = world.head.stages(id(1), 1);
    assert!(matches!(stages.last(), Some(Stage::OnHan | Stage::Refused(Reason::NoHubAnswer))), "{stages:?}");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Release(u8),
    Again(u8),
    Link(bool),
    Deaf(bool),
    Silent(bool),
    Refuse(bool),
    HubRestart,
    Death,
    DeathIn(usize),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..6).prop_map(Step::Release),
        1 => (0u8..6).prop_map(Step::Again),
        1 => any::<bool>().prop_map(Step::Link),
        1 => any::<bool>().prop_map(Step::Deaf),
        1 => any::<bool>().prop_map(Step::Silent),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => Just(Step::HubRestart),
        1 => Just(Step::Death),
        1 => (1usize..30).prop_map(Step::DeathIn),
        3 => (0u64..90).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_accepted_attempt_ends_once_and_truly(steps in prop::collection::vec(any_step(), 1..40)) {
        let mut world = World::new(Config { retry_wait: Duration::from_secs(10), ..config() });
        let mut attempts = [0; 6];
        let mut last = [const { None }; 6];
        let mut releases = Vec::new();
        for step in steps {
            match step {
                Step::Release(n) if world.link => {
                    attempts[n as usize] += 1;
                    let release = world.release(n, attempts[n as usize], 120);
                    world.send(&release);
                    releases.push(release.clone());
                    last[n as usize] = Some(release);
                }
                Step::Again(n) if world.link => {
                    if let Some(release) = last[n as usize].clone() {
                        world.send(&release);
                    }
                }
                Step::Release(_) | Step::Again(_) => {}
                Step::Link(up) => world.set_link(up),
                Step::Deaf(deaf) => world.head.deaf = deaf,
                Step::Silent(silent) => world.hub.silent = silent,
                Step::Refuse(refuse) => world.hub.status = if refuse { Status::Failure } else { Status::Success },
                Step::HubRestart => world.hub.restart(world.now),
                Step::Death => world.restart(),
                Step::DeathIn(outputs) => world.die_at = Some(world.steps + outputs),
                Step::Wait(seconds) => world.settle(seconds),
            }
        }
        // All is well again, for long enough that every warrant is over and every letter said.
        world.die_at = None;
        world.hub.silent = false;
        world.hub.status = Status::Success;
        world.head.deaf = false;
        world.set_link(false);
        world.set_link(true);
        world.settle(1000);

        for release in &releases {
            let (delivery, attempt, n) = (release.warrant.delivery, release.warrant.attempt, release.warrant.delivery.0[0]);
            let stages = world.head.stages(delivery, attempt);
            let sent: Vec<_> = world.events.iter().filter(
                |(_, event)| matches!(event, Event::Sent { delivery: d, attempt: a, .. } if (*d, *a) == (delivery, attempt)),
            ).map(|(at, _)| *at).collect();
            prop_assert!(sent.iter().all(|at| *at <= release.warrant.not_after), "handed over too late");
            prop_assert!(sent.len() <= world.config.max_transfers as usize);
            let ends = stages.iter().filter(|stage| **stage != Stage::Held).count();
            if stages.contains(&Stage::Held) {
                // A Release may be refused (by its nonce, say), come again after a restart... but once held, it ends once.
                prop_assert!(ends == 1 || answered_unsent(&world, n), "{delivery} {attempt}: {stages:?}");
            } else {
                prop_assert!(sent.is_empty() || answered_unsent(&world, n), "sent without a receipt: {:?}", stages);
            }
        }
        for n in 0..6 {
            let certain = releases.iter().filter(|release| release.warrant.delivery == id(n)).all(|release| {
                let stages = world.head.stages(id(n), release.warrant.attempt);
                !stages.iter().any(|stage| match stage {
                    Stage::Held => false,
                    Stage::OnHan => true,
                    Stage::Refused(reason) => reason.may_be_on_han(),
                })
            });
            if certain {
                prop_assert_eq!(world.taken(n), 0, "the hub has what all receipts say it cannot have");
            }
        }
        // Every answer that the PPMID acknowledged has reached the head end.
        for response in &world.hub.answered {
            prop_assert!(world.head.answers.iter().any(|answer| answer.response == *response), "an answer is lost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_octets_from_any_side_never_panic(
        octets in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), change in 1u8..,
    ) {
        let mut world = World::new(config());
        world.hub.silent = true;
        let release = world.release(1, 1, 60);
        world.send(&release);
        world.send_octets(octets.clone());
        world.ppmid.handle_frame(world.now, &octets);
        world.settle(1);
        // A memory with an octet changed is refused, or is some memory: either way the device does not fall over.
        let mut memory = world.stored.clone().unwrap();
        let at = at.index(memory.len());
        memory[at] ^= change;
        if ppmid::Ppmid::new(world.now, gbcs::crypto::RustCrypto, &world.config, Some(&memory)).is_ok() {
            world.stored = Some(memory);
            world.restart();
            world.settle(200);
        }
    }
}

/// The meter's answer to an earlier attempt came while this one waited: then this one has no end of its own.
fn answered_unsent(world: &World, n: u8) -> bool {
    world.head.answers.iter().any(|answer| answer.delivery == id(n))
}
