//! The laws that span deliveries, and whole lives of one.
use super::*;
use crate::state::{DccCode, Fault, MeterFault, Refusal};
use handover::Reason;
use proptest::prelude::*;
use std::time::Duration;

const ESME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
const GSME: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A1);
const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
const SUPPLIER: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
const START: Time = Time(1_800_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn id(n: u8) -> DeliveryId {
    DeliveryId([n; 16])
}

fn nonce(n: u8) -> Nonce {
    Nonce([n; 16])
}

fn lane(device: Eui64) -> Lane {
    Lane { originator: SUPPLIER, device, space: CounterSpace::Ordinary }
}

/// A critical order for the electricity meter, whose counter is its number.
fn order(n: u8, via: Via) -> Order {
    Order {
        id: id(n),
        via,
        critical: true,
        lane: lane(ESME),
        counter: Counter(n.into()),
        carrier: via.is_local().then_some(PPMID),
        not_after: START + HOUR,
    }
}

/// An engine, its time, and everything it put out, by short names.
struct Bench {
    engine: Engine,
    now: Time,
    log: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        Self { engine: Engine::new(Policy::default()), now: START, log: vec![] }
    }

    fn accept(&mut self, order: Order) {
        self.engine.accept(self.now, order).unwrap();
        self.drain();
    }

    fn drain(&mut self) -> Option<Time> {
        for _ in 0..1000 {
            let line = match self.engine.poll(self.now) {
                Output::Moved(step) => {
                    format!("{} {} > {}", step.delivery.id.0[0], step.input.name(), step.delivery.state.kind())
                }
                Output::Ask(delivery, step) => {
                    let what = if step.is_some() { "send" } else { "ask" };
                    format!("{} {what} in {}", delivery.id.0[0], delivery.state.kind())
                }
                Output::Release(order, _) => {
                    format!("{} release {} nonce {}", order.id.0[0], order.attempt, order.nonce.0[0])
                }
                Output::Verify(id) => {
                    self.log.push(format!("{} verify", id.0[0]));
                    continue;
                }
                Output::Timeout(at) => return at,
            };
            self.log.push(line);
        }
        panic!("the engine never comes to rest: {:?}", self.log);
    }

    fn apply(&mut self, n: u8, input: Input) -> Step {
        let step = self.engine.apply(self.now, id(n), input).expect("an open delivery");
        self.drain();
        step
    }

    fn receipt(&mut self, n: u8, attempt: u32, stage: Stage) -> Step {
        let step = self.engine.receipt(self.now, PPMID, id(n), attempt, stage).expect("an open delivery");
        self.drain();
        step
    }

    fn hello(&mut self, n: u8, has: &[DeliveryId]) -> Vec<Step> {
        let steps = self.engine.hello(self.now, PPMID, nonce(n), self.now, has);
        self.drain();
        steps
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.drain();
    }

    /// Bring a critical local delivery to `Queued`.
    fn queue(&mut self, n: u8) {
        self.accept(order(n, Via::Local));
        self.apply(n, Input::PreCommandReceived);
        self.apply(n, Input::CommandReceived);
    }

    /// Answer and confirm.
    fn confirm(&mut self, n: u8) {
        self.apply(n, Input::AnswerReceived);
        self.apply(n, Input::Verified);
    }

    fn state(&self, n: u8) -> Option<Kind> {
        self.engine.delivery(id(n)).map(|delivery| delivery.state.kind())
    }

    fn logged(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

#[test]
fn a_local_delivery_goes_through_every_state_to_confirmed() {
    let mut bench = Bench::new();
    bench.queue(1);
    assert_eq!(bench.logged(), ["1 ask in Requested", "1 ask in Prepared"]);
    assert_eq!(bench.engine.waiting(bench.now, id(1)), Some(Waiting::Link));
    bench.hello(7, &[]);
    assert_eq!(bench.logged(), ["1 release 1 nonce 7"]);
    bench.receipt(1, 1, Stage::Held);
    bench.receipt(1, 1, Stage::OnHan);
    bench.apply(1, Input::AnswerReceived);
    assert_eq!(bench.logged(), ["1 verify"]);
    assert_eq!(bench.apply(1, Input::Verified).outcome, Outcome::To(State::Confirmed));
    assert_eq!(bench.state(1), None);
}

#[test]
fn one_of_a_lane_is_in_flight_in_ascending_order() {
    let mut bench = Bench::new();
    bench.queue(2);
    bench.queue(1);
    bench.logged();
    bench.hello(7, &[]);
    bench.engine.fresh_nonce(bench.now, PPMID, nonce(8), bench.now);
    bench.drain();
    assert_eq!(bench.logged(), ["1 release 1 nonce 7"]);
    assert_eq!(bench.engine.waiting(bench.now, id(2)), Some(Waiting::Behind(id(1))));
    bench.confirm(1);
    assert_eq!(bench.logged(), ["1 verify", "2 release 1 nonce 8"]);
}

#[test]
fn an_earlier_command_that_comes_late_waits_for_the_one_in_flight() {
    let mut bench = Bench::new();
    bench.queue(2);
    bench.hello(7, &[]);
    bench.queue(1);
    bench.engine.fresh_nonce(bench.now, PPMID, nonce(8), bench.now);
    bench.logged();
    bench.drain();
    assert_eq!(bench.logged(), [""; 0]);
    bench.confirm(2);
    assert_eq!(bench.logged(), ["2 verify", "1 SupersededBy > Superseded"]);
}

#[test]
fn lanes_do_not_wait_for_each_other_but_for_nonces() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.accept(Order { lane: lane(GSME), critical: false, ..order(2, Via::Local) });
    bench.apply(2, Input::CommandReceived);
    bench.logged();
    bench.hello(7, &[]);
    assert_eq!(bench.logged(), ["1 release 1 nonce 7"]);
    assert_eq!(bench.engine.waiting(bench.now, id(2)), Some(Waiting::Nonce));
    bench.engine.fresh_nonce(bench.now, PPMID, nonce(8), bench.now);
    bench.drain();
    assert_eq!(bench.logged(), ["2 release 1 nonce 8"]);
}

#[test]
fn a_nonce_past_its_life_is_not_used() {
    let mut bench = Bench::new();
    bench.hello(7, &[]);
    bench.pass(Policy::default().nonce);
    bench.queue(1);
    assert_eq!(bench.state(1), Some(Kind::Queued));
    bench.hello(8, &[]);
    assert_eq!(bench.logged().last().unwrap(), "1 release 1 nonce 8");
}

#[test]
fn a_warrant_ends_on_the_clock_of_the_ppmid() {
    let mut bench = Bench::new();
    let its_clock = Time(5_000);
    bench.engine.hello(bench.now, PPMID, nonce(7), its_clock, &[]);
    bench.pass(Duration::from_secs(10));
    bench.engine.accept(bench.now, Order { critical: false, ..order(1, Via::Local) }).unwrap();
    bench.drain();
    bench.engine.apply(bench.now, id(1), Input::CommandReceived);
    let Output::Release(release, step) = bench.engine.poll(bench.now) else { panic!("no Release") };
    assert_eq!(release.not_after, its_clock + Duration::from_secs(10) + Policy::default().warrant);
    assert_eq!(step.delivery.warrant_until, Some(bench.now + Policy::default().warrant));
}

#[test]
fn unknown_blocks_the_lane_until_an_answer_resolves_it() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.accept(Order { not_after: START + HOUR * 24, ..order(2, Via::Local) });
    bench.apply(2, Input::PreCommandReceived);
    bench.apply(2, Input::CommandReceived);
    bench.hello(7, &[]);
    bench.receipt(1, 1, Stage::OnHan);
    bench.pass(Policy::default().answer);
    assert_eq!(bench.state(1), Some(Kind::Unknown));
    bench.hello(8, &[]);
    assert_eq!(bench.engine.waiting(bench.now, id(2)), Some(Waiting::Behind(id(1))));
    bench.logged();
    bench.confirm(1);
    assert_eq!(bench.logged(), ["1 verify", "2 release 1 nonce 8"]);
}

#[test]
fn a_lost_link_sends_the_same_command_again_under_the_next_attempt() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    bench.logged();
    let steps = bench.engine.link_down(bench.now, PPMID);
    assert_eq!((steps.len(), &steps[0].delivery.state), (1, &State::Queued));
    bench.drain();
    assert_eq!(bench.apply(1, Input::CancelRequested).outcome, Outcome::TooLate);
    bench.hello(8, &[]);
    assert_eq!(bench.logged(), ["1 release 2 nonce 8"]);
}

#[test]
fn what_the_ppmid_has_is_not_sent_again() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    bench.engine.link_down(bench.now, PPMID);
    bench.drain();
    bench.logged();
    let steps = bench.hello(8, &[id(1), id(99)]);
    assert_eq!(steps.len(), 1);
    assert_eq!((bench.state(1), bench.logged().len()), (Some(Kind::Held), 0));
}

#[test]
fn after_a_restart_a_release_is_in_doubt_and_what_is_held_is_not() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    let released = bench.engine.delivery(id(1)).unwrap().clone();
    let mut held = released.clone();
    (held.id, held.lane, held.state) = (id(2), lane(GSME), State::Held);
    bench.engine = Engine::restore(Policy::default(), [released, held], [(lane(ESME), Counter(0))]);
    bench.logged();
    bench.drain();
    assert_eq!(bench.logged(), ["1 LinkLost > Queued"]);
    assert_eq!(bench.state(2), Some(Kind::Held));
    bench.hello(8, &[id(2)]);
    assert_eq!(bench.logged(), ["1 release 2 nonce 8"]);
}

#[test]
fn an_answer_stored_before_a_crash_is_verified_after_it() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    bench.engine.apply(bench.now, id(1), Input::AnswerReceived);
    let answered = bench.engine.delivery(id(1)).unwrap().clone();
    bench.engine = Engine::restore(Policy::default(), [answered], []);
    bench.logged();
    bench.drain();
    assert_eq!(bench.logged(), ["1 verify"]);
}

#[test]
fn a_document_asked_for_before_a_crash_is_not_made_anew() {
    let mut bench = Bench::new();
    bench.accept(order(1, Via::Local));
    let asked = bench.engine.delivery(id(1)).unwrap().clone();
    assert!(asked.asked);
    bench.engine = Engine::restore(Policy::default(), [asked], []);
    bench.logged();
    bench.drain();
    assert_eq!(bench.logged(), [""; 0]);
    bench.apply(1, Input::Renumbered(Counter(50)));
    assert_eq!(bench.logged(), ["1 ask in Requested"]);
    assert_eq!(bench.engine.delivery(id(1)).unwrap().counter, Counter(50));
}

#[test]
fn refusals_worth_it_are_tried_again_after_a_growing_wait() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    bench.receipt(1, 1, Stage::Refused(Reason::StaleNonce));
    bench.logged();
    bench.hello(8, &[]);
    assert!(matches!(bench.engine.waiting(bench.now, id(1)), Some(Waiting::BackOff(_))));
    assert_eq!(bench.drain(), Some(bench.now + Policy::default().retry_first));
    bench.pass(Policy::default().retry_first);
    assert_eq!(bench.logged(), ["1 release 2 nonce 8"]);
    let in_doubt = bench.engine.delivery(id(1)).unwrap().in_doubt;
    assert!(in_doubt.contains(2) && !in_doubt.contains(1));
}

#[test]
fn a_refusal_for_good_ends_it_and_frees_the_lane() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.queue(2);
    bench.hello(7, &[]);
    bench.engine.fresh_nonce(bench.now, PPMID, nonce(8), bench.now);
    bench.logged();
    let step = bench.receipt(1, 1, Stage::Refused(Reason::UnknownTarget));
    assert_eq!(step.delivery.state, State::Refused(Refusal::Carrier(Reason::UnknownTarget)));
    assert_eq!(bench.logged(), ["2 release 1 nonce 8"]);
}

#[test]
fn a_refusal_of_the_last_attempt_says_nothing_of_one_before() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    bench.engine.link_down(bench.now, PPMID);
    bench.hello(8, &[]);
    let step = bench.receipt(1, 2, Stage::Refused(Reason::UnknownTarget));
    assert_eq!(step.delivery.state, State::Unknown);
    // Once the first is accounted for too, nothing is in doubt.
    let step = bench.receipt(1, 1, Stage::Refused(Reason::Superseded));
    assert_eq!(step.outcome, Outcome::Stay);
    assert!(!step.delivery.left_locally());
}

#[test]
fn a_refusal_that_comes_twice_counts_once() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    bench.engine.link_down(bench.now, PPMID);
    bench.hello(8, &[]);
    bench.receipt(1, 2, Stage::Refused(Reason::Full));
    assert_eq!(bench.receipt(1, 2, Stage::Refused(Reason::Full)).outcome, Outcome::Ignored);
    // The first attempt is in doubt still, so nobody may say that it was not delivered.
    bench.pass(HOUR);
    assert_eq!(bench.state(1), Some(Kind::Unknown));
}

#[test]
fn the_wan_waits_for_its_turn_like_any_other_way() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.accept(order(2, Via::Wan));
    bench.apply(2, Input::PreCommandReceived);
    bench.hello(7, &[]);
    assert_eq!(bench.engine.waiting(bench.now, id(2)), Some(Waiting::Behind(id(1))));
    bench.logged();
    bench.confirm(1);
    assert_eq!(bench.logged(), ["1 verify", "2 send in Released"]);
    bench.apply(2, Input::WanAccepted);
    assert_eq!(bench.state(2), Some(Kind::Held));
    bench.apply(2, Input::WanSilent(DccCode::new("E21")));
    assert_eq!(bench.state(2), Some(Kind::Unknown));
}

#[test]
fn both_ways_go_on_with_one_when_the_other_fails() {
    let mut bench = Bench::new();
    bench.accept(order(1, Via::Both));
    bench.apply(1, Input::PreCommandReceived);
    bench.apply(1, Input::CommandReceived);
    assert_eq!(bench.state(1), Some(Kind::Queued));
    assert_eq!(bench.apply(1, Input::CancelRequested).outcome, Outcome::TooLate);
    bench.hello(7, &[]);
    bench.apply(1, Input::DccRefused(DccCode::new("E20")));
    assert_eq!(bench.state(1), Some(Kind::Released));
    let step = bench.receipt(1, 1, Stage::Refused(Reason::TooLong));
    assert_eq!(step.delivery.state, State::Refused(Refusal::Carrier(Reason::TooLong)));

    bench.accept(order(2, Via::Both));
    bench.apply(2, Input::PreCommandReceived);
    bench.apply(2, Input::CommandReceived);
    bench.hello(8, &[]);
    bench.receipt(2, 1, Stage::Refused(Reason::TooLong));
    assert_eq!(bench.state(2), Some(Kind::Queued));
    bench.hello(9, &[]);
    assert_eq!(bench.state(2), Some(Kind::Queued), "the local way is closed");
    bench.confirm(2);
    assert_eq!(bench.state(2), None);
}

#[test]
fn time_ends_each_wait_by_its_place() {
    for (prepare, expected) in [(0, State::Expired(Where::Dcc)), (2, State::Expired(Where::Link))] {
        let mut bench = Bench::new();
        bench.accept(order(1, Via::Local));
        for input in [Input::PreCommandReceived, Input::CommandReceived].into_iter().take(prepare) {
            bench.apply(1, input);
        }
        let deadline = bench.drain().unwrap();
        assert_eq!(deadline, START + HOUR);
        let Output::Moved(step) = bench.engine.poll(deadline) else { panic!("no step") };
        assert_eq!(step.delivery.state, expected);
    }
}

#[test]
fn unknown_ends_as_failed_when_nothing_ever_resolves_it() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.hello(7, &[]);
    bench.receipt(1, 1, Stage::OnHan);
    bench.pass(Policy::default().answer);
    let deadline = bench.drain().unwrap();
    let Output::Moved(step) = bench.engine.poll(deadline) else { panic!("no step") };
    assert_eq!(step.delivery.state, State::Failed(Fault::Unresolved));
}

#[test]
fn orders_that_cannot_work_are_rejected() {
    let mut bench = Bench::new();
    bench.queue(5);
    let mut try_order = |order| bench.engine.accept(START, order).unwrap_err();
    assert_eq!(try_order(order(5, Via::Local)), Rejected::Duplicate);
    assert_eq!(try_order(Order { counter: Counter(5), ..order(6, Via::Local) }), Rejected::CounterUsed);
    assert_eq!(try_order(Order { carrier: None, ..order(6, Via::Both) }), Rejected::NoCarrier);
    assert_eq!(try_order(Order { not_after: START, ..order(6, Via::Local) }), Rejected::TooLate);
    bench.hello(7, &[]);
    bench.confirm(5);
    assert_eq!(bench.engine.accept(START, order(4, Via::Local)).unwrap_err(), Rejected::CounterUsed);
    // Top-up tokens have counters of their own, in any order.
    let top_up = Lane { space: CounterSpace::TopUp, ..lane(ESME) };
    assert!(bench.engine.accept(START, Order { lane: top_up, ..order(3, Via::Local) }).is_ok());
}

#[test]
fn a_hello_that_comes_twice_brings_no_second_release() {
    let mut bench = Bench::new();
    bench.queue(1);
    bench.accept(Order { lane: lane(GSME), critical: false, ..order(2, Via::Local) });
    bench.apply(2, Input::CommandReceived);
    bench.logged();
    bench.hello(7, &[]);
    bench.hello(7, &[]);
    assert_eq!(bench.logged(), ["1 release 1 nonce 7"]);
}

fn any_input() -> impl Strategy<Value = Input> {
    let refused = Input::MeterRefused(MeterFault { instruction: 1, result: 1 });
    prop::sample::select(vec![
        Input::PreCommandReceived,
        Input::CommandReceived,
        Input::WanAccepted,
        Input::DccRefused(DccCode::new("E20")),
        Input::WanSilent(DccCode::new("E21")),
        Input::Renumbered(Counter(200)),
        Input::AnswerReceived,
        Input::Verified,
        Input::AnswerFalse,
        Input::CancelRequested,
        refused,
    ])
}

#[derive(Clone, Debug)]
enum Event {
    Accept(u8, Via),
    Input(u8, Input),
    Receipt(u8, u32, Stage),
    Hello(u8),
    LinkDown,
    Pass(u32),
    Restart,
}

fn any_event() -> impl Strategy<Value = Event> {
    let stages = vec![Stage::Held, Stage::OnHan]
        .into_iter()
        .chain(Reason::ALL.iter().map(|reason| Stage::Refused(*reason)))
        .collect::<Vec<_>>();
    prop_oneof![
        2 => (1..6u8, prop::sample::select(Via::ALL.to_vec())).prop_map(|(n, via)| Event::Accept(n, via)),
        4 => (1..6u8, any_input()).prop_map(|(n, input)| Event::Input(n, input)),
        2 => (1..6u8, 1..3u32, prop::sample::select(stages)).prop_map(|(n, a, s)| Event::Receipt(n, a, s)),
        2 => any::<u8>().prop_map(Event::Hello),
        1 => Just(Event::LinkDown),
        1 => (0..4_000_000u32).prop_map(Event::Pass),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    /// Whatever happens: two Commands of a lane are never out at once, no nonce serves twice, every open delivery has a
    /// deadline, the engine comes to rest, and nothing terminal comes back.
    #[test]
    fn the_laws_hold_whatever_happens(events in prop::collection::vec(any_event(), 0..60)) {
        let mut bench = Bench::new();
        let (mut accepted, mut ended) = (BTreeSet::new(), BTreeSet::new());
        for (salt, event) in events.into_iter().enumerate() {
            match event {
                Event::Accept(n, via) if !ended.contains(&id(n)) => {
                    let order = Order { critical: n % 2 == 0, not_after: bench.now + HOUR, ..order(n, via) };
                    if bench.engine.accept(bench.now, order).is_ok() {
                        accepted.insert(id(n));
                    }
                }
                Event::Accept(..) => {}
                Event::Input(n, input) => drop(bench.engine.apply(bench.now, id(n), input)),
                Event::Receipt(n, attempt, stage) => drop(bench.engine.receipt(bench.now, PPMID, id(n), attempt, stage)),
                Event::Hello(has) => {
                    let mut unique = [0; 16];
                    unique[0] = salt as u8;
                    bench.engine.hello(bench.now, PPMID, Nonce(unique), bench.now, &[id(has % 6)]);
                }
                Event::LinkDown => drop(bench.engine.link_down(bench.now, PPMID)),
                Event::Pass(milliseconds) => bench.now = bench.now + Duration::from_millis(milliseconds.into()),
                Event::Restart => {
                    let open: Vec<Delivery> = bench.engine.deliveries().cloned().collect();
                    let executed: Vec<(Lane, Counter)> =
                        bench.engine.lanes.iter().filter_map(|(lane, t)| Some((*lane, t.executed?))).collect();
                    bench.engine = Engine::restore(Policy::default(), open, executed);
                }
            }
            let wake = bench.drain();
            for n in 1..6 {
                match bench.engine.delivery(id(n)) {
                    None if accepted.contains(&id(n)) => drop(ended.insert(id(n))),
                    None => {}
                    Some(delivery) => {
                        prop_assert!(!ended.contains(&id(n)), "{delivery:?} came back");
                        prop_assert!(delivery.deadline.is_some_and(|at| at > bench.now));
                        prop_assert!(wake.is_some_and(|at| at <= delivery.deadline.unwrap()));
                    }
                }
            }
            let out = |delivery: &&Delivery| delivery.wan || delivery.left_locally();
            let out: Vec<_> = bench.engine.deliveries().filter(out).collect();
            prop_assert!(out.len() <= 1, "{out:?}");
        }
        let releases: Vec<&String> = bench.log.iter().filter(|line| line.contains("release")).collect();
        let nonces: BTreeSet<&str> = releases.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        prop_assert_eq!(nonces.len(), releases.len());
    }
}
