//! The engine: every open delivery, and what to do next about them.
use crate::attempts::Attempts;
use crate::lane::{CounterSpace, Lane, Traffic};
use crate::link::Fresh;
use crate::policy::{Policy, Retry};
use crate::state::{Kind, State, Where};
use crate::transition::{Facts, Input, Outcome, transition};
use crate::{DeliveryId, Nonce, Via};
use gbcs::{Counter, Eui64, Time};
use handover::Stage;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// More than a PPMID sends again after a lost connection.
const NONCES_REMEMBERED: usize = 32;

/// A wish for a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its name; ids sort by age, so the engine serves older ones first.
    pub id: DeliveryId,
    /// Which way it is to go.
    pub via: Via,
    /// Whether the originator signs a Pre-Command first.
    pub critical: bool,
    /// Whose order it counts in.
    pub lane: Lane,
    /// Its Originator Counter.
    pub counter: Counter,
    /// The PPMID that carries it, unless it goes over the WAN only.
    pub carrier: Option<Eui64>,
    /// By when the device is to have it.
    pub not_after: Time,
}

/// Why an order is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is an open delivery of this id.
    #[error("there is a delivery of this id")]
    Duplicate,
    /// An open delivery of this lane has the counter, or the device has executed it or a higher one.
    #[error("the counter is in use or behind what the device has executed")]
    CounterUsed,
    /// It goes through the home and no PPMID serves the device.
    #[error("no PPMID serves the device")]
    NoCarrier,
    /// Its time is up already.
    #[error("it expires before it begins")]
    TooLate,
}

/// One delivery as the engine sees it: all of it is to be stored with every step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub id: DeliveryId,
    /// Which way it goes.
    pub via: Via,
    /// Whether the originator signs a Pre-Command first.
    pub critical: bool,
    /// Whose order it counts in.
    pub lane: Lane,
    /// Its Originator Counter.
    pub counter: Counter,
    /// The PPMID that carries it.
    pub carrier: Option<Eui64>,
    /// By when the device is to have it.
    pub not_after: Time,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub since: Time,
    /// When the state has lasted too long; `None` for terminal states only.
    pub deadline: Option<Time>,
    /// No attempt before this moment.
    pub not_before: Option<Time>,
    /// A document for the DCC is stored, and its answer outstanding.
    pub asked: bool,
    /// The DCC was asked to send it over the WAN and has not said that it did not.
    pub wan: bool,
    /// The PPMID or the hub refused it for good.
    pub local_closed: bool,
    /// Releases so far: the number of the latest attempt.
    pub attempts: u32,
    /// Attempts that nothing has accounted for.
    pub in_doubt: Attempts,
    /// Refusals in a row that were worth another attempt.
    pub refusals: u32,
    /// When the latest warrant ends, on our clock.
    pub warrant_until: Option<Time>,
}

impl Delivery {
    fn new(now: Time, order: Order) -> Self {
        Self {
            id: order.id,
            via: order.via,
            critical: order.critical,
            lane: order.lane,
            counter: order.counter,
            carrier: order.carrier,
            not_after: order.not_after,
            state: State::Requested,
            since: now,
            deadline: Some(order.not_after),
            not_before: None,
            asked: false,
            wan: false,
            local_closed: false,
            attempts: 0,
            in_doubt: Attempts::default(),
            refusals: 0,
            warrant_until: None,
        }
    }

    /// Whether a Release is out that nothing has accounted for.
    pub fn left_locally(&self) -> bool {
        !self.in_doubt.is_empty()
    }

    /// Whether the device may have it, or is to answer it: no other Command of the lane may leave now.
    pub fn in_flight(&self) -> bool {
        match self.state.kind() {
            Kind::Released | Kind::Held | Kind::OnHan | Kind::Answered | Kind::Unknown => true,
            kind => !kind.is_terminal() && (self.wan || self.left_locally()),
        }
    }

    /// Whether the next document asks the DCC to send the Command itself, and not for a Pre-Command.
    fn next_ask_exposes(&self) -> bool {
        self.via.uses_wan() && (self.state == State::Prepared || !self.critical)
    }
}

/// One thing that happened to one delivery, to be stored as one event with the delivery as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The delivery afterwards.
    pub delivery: Delivery,
    /// Its state before.
    pub from: State,
    /// What happened.
    pub input: Input,
    /// What came of it.
    pub outcome: Outcome,
}

/// A Release to make: seal a warrant of these terms, and send it with the Command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// Which delivery.
    pub id: DeliveryId,
    /// To which PPMID.
    pub ppmid: Eui64,
    /// The PPMID's nonce, used by this Release alone.
    pub nonce: Nonce,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// When the warrant ends, on the PPMID's clock.
    pub not_after: Time,
}

/// What the engine wants. Everything it hands out it has already taken note of; store it before acting on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A delivery moved by itself: a deadline, an overtaking, a lost link.
    Moved(Step),
    /// Make and store the next document for the DCC, then send it. A step is there when it exposes the Command.
    Ask(Delivery, Option<Step>),
    /// Release it: the step says `Released`.
    Release(ReleaseOrder, Step),
    /// Verify the answer and say `Verified`, `MeterRefused` or `AnswerFalse`.
    Verify(DeliveryId),
    /// Nothing more until something happens, or until this moment.
    Timeout(Option<Time>),
}

/// Why an open delivery does not move, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The DCC is to answer.
    Dcc,
    /// This earlier delivery to the device is to end first.
    Behind(DeliveryId),
    /// The PPMID is not connected.
    Link,
    /// The PPMID is connected and is to give a fresh nonce.
    Nonce,
    /// The next attempt is due then.
    BackOff(Time),
    /// The PPMID is to confirm the Release.
    Receipt,
    /// The device is to answer.
    Answer,
    /// Someone is to find out what the device did: a late answer resolves it.
    Resolution,
}

/// The engine. After every mutation drain [`Engine::poll`] until it gives [`Output::Timeout`].
#[derive(Debug, Default)]
pub struct Engine {
    policy: Policy,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    lanes: BTreeMap<Lane, Traffic>,
    /// PPMIDs that are connected, with their unused nonce.
    links: BTreeMap<Eui64, Option<Fresh>>,
    /// The nonces each PPMID's latest Releases used, newest first.
    used: BTreeMap<Eui64, VecDeque<Nonce>>,
    /// Open deliveries of each PPMID.
    carried: BTreeMap<Eui64, BTreeSet<DeliveryId>>,
    /// When to look at a delivery again, whatever happens.
    alarms: BTreeSet<(Time, DeliveryId)>,
    /// Deliveries to look at now.
    stirred: BTreeSet<DeliveryId>,
}

impl Engine {
    /// An engine without deliveries.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Take up where the store left off: the open deliveries, and for each lane the highest counter known to be executed.
    /// No PPMID is connected yet, so a Release whose receipt is outstanding is in doubt and goes again.
    pub fn restore(
        policy: Policy,
        open: impl IntoIterator<Item = Delivery>,
        executed: impl IntoIterator<Item = (Lane, Counter)>,
    ) -> Self {
        let mut engine = Self::new(policy);
        for (lane, counter) in executed {
            engine.lanes.entry(lane).or_default().executed = Some(counter);
        }
        for delivery in open.into_iter().filter(|delivery| !delivery.state.is_terminal()) {
            engine.insert(delivery);
        }
        engine
    }

    /// Take an order. The step that gives the delivery is to be stored before the order is acknowledged.
    pub fn accept(&mut self, now: Time, order: Order) -> Result<Delivery, Rejected> {
        if self.deliveries.contains_key(&order.id) {
            return Err(Rejected::Duplicate);
        }
        if order.via.is_local() && order.carrier.is_none() {
            return Err(Rejected::NoCarrier);
        }
        if order.not_after <= now {
            return Err(Rejected::TooLate);
        }
        if let Some(traffic) = self.lanes.get(&order.lane) {
            let behind = order.lane.space == CounterSpace::Ordinary && traffic.executed >= Some(order.counter);
            if behind || traffic.open.iter().any(|(counter, _)| *counter == order.counter) {
                return Err(Rejected::CounterUsed);
            }
        }
        let delivery = Delivery::new(now, order);
        self.insert(delivery.clone());
        Ok(delivery)
    }

    /// Something happened to a delivery. `None` when no open delivery has the id: see the store for how it ended.
    pub fn apply(&mut self, now: Time, id: DeliveryId, input: Input) -> Option<Step> {
        let delivery = self.deliveries.get(&id)?.clone();
        Some(self.step(now, delivery, input))
    }

    /// A PPMID is connected and gave a nonce of its own clock's `time`, and says which deliveries it has.
    pub fn hello(&mut self, now: Time, ppmid: Eui64, nonce: Nonce, time: Time, has: &[DeliveryId]) -> Vec<Step> {
        self.fresh_nonce(now, ppmid, nonce, time);
        let news = |engine: &Self, id: &DeliveryId| {
            engine.is_carried_by(*id, ppmid)
                && matches!(engine.deliveries[id].state.kind(), Kind::Queued | Kind::Released)
        };
        let held: Vec<DeliveryId> = has.iter().copied().filter(|id| news(self, id)).collect();
        held.into_iter().filter_map(|id| self.apply(now, id, Input::ReceiptHeld)).collect()
    }

    /// A PPMID's word on an attempt. `None` when it carries no such open delivery.
    pub fn receipt(&mut self, now: Time, ppmid: Eui64, id: DeliveryId, attempt: u32, stage: Stage) -> Option<Step> {
        if !self.is_carried_by(id, ppmid) {
            return None;
        }
        let mut delivery = self.deliveries[&id].clone();
        let reason = match stage {
            Stage::Held => return Some(self.step(now, delivery, Input::ReceiptHeld)),
            Stage::OnHan => return Some(self.step(now, delivery, Input::ReceiptOnHan)),
            Stage::Refused(reason) => reason,
        };
        let retry = self.policy.judge(reason, delivery.refusals);
        let input = Input::CarrierRefused(reason, retry);
        let from = delivery.state.clone();
        if !delivery.in_doubt.contains(attempt) {
            // The same receipt came before, or there never was such an attempt.
            return Some(Step { delivery, from, input, outcome: Outcome::Ignored });
        }
        if retry.accounts() {
            delivery.in_doubt.remove(attempt);
        }
        if attempt == delivery.attempts {
            return Some(self.step(now, delivery, input));
        }
        // News of an attempt that a later one has replaced: that one decides.
        self.replace(delivery.clone());
        Some(Step { delivery, from, input, outcome: Outcome::Stay })
    }

    /// The nonce for the next Release to a PPMID.
    pub fn fresh_nonce(&mut self, now: Time, ppmid: Eui64, nonce: Nonce, made: Time) {
        // A message that came twice brings no new one.
        if self.used.get(&ppmid).is_some_and(|used| used.contains(&nonce)) {
            return;
        }
        self.links.insert(ppmid, Some(Fresh { value: nonce, made, heard: now }));
        self.stir_carried(ppmid);
    }

    /// A PPMID is connected; it is yet to say Hello.
    pub fn link_up(&mut self, ppmid: Eui64) {
        self.links.insert(ppmid, None);
    }

    /// A PPMID is no longer connected: every Release to it without a receipt is in doubt.
    pub fn link_down(&mut self, now: Time, ppmid: Eui64) -> Vec<Step> {
        self.links.remove(&ppmid);
        let carried: Vec<DeliveryId> = self.carried.get(&ppmid).into_iter().flatten().copied().collect();
        let in_doubt = |engine: &Self, id: &DeliveryId| {
            let delivery = &engine.deliveries[id];
            delivery.state == State::Released && delivery.left_locally()
        };
        let in_doubt: Vec<DeliveryId> = carried.into_iter().filter(|id| in_doubt(self, id)).collect();
        in_doubt.into_iter().filter_map(|id| self.apply(now, id, Input::LinkLost)).collect()
    }

    /// An open delivery.
    pub fn delivery(&self, id: DeliveryId) -> Option<&Delivery> {
        self.deliveries.get(&id)
    }

    /// Every open delivery, oldest first.
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.values()
    }

    /// Whether the PPMID is connected.
    pub fn is_live(&self, ppmid: Eui64) -> bool {
        self.links.contains_key(&ppmid)
    }

    /// Why an open delivery does not move.
    pub fn waiting(&self, now: Time, id: DeliveryId) -> Option<Waiting> {
        let delivery = self.deliveries.get(&id)?;
        Some(match delivery.state.kind() {
            Kind::Requested | Kind::Prepared if delivery.asked || !delivery.next_ask_exposes() => Waiting::Dcc,
            Kind::Released if !delivery.left_locally() => Waiting::Dcc,
            Kind::Released => Waiting::Receipt,
            Kind::Held | Kind::OnHan | Kind::Answered => Waiting::Answer,
            Kind::Unknown => Waiting::Resolution,
            Kind::Queued if delivery.local_closed => Waiting::Answer,
            _ => {
                if let Some(other) = self.ahead_of(delivery) {
                    return Some(Waiting::Behind(other));
                }
                if let Some(until) = delivery.not_before.filter(|until| *until > now) {
                    return Some(Waiting::BackOff(until));
                }
                match delivery.carrier.and_then(|ppmid| self.links.get(&ppmid)) {
                    None => Waiting::Link,
                    Some(_) => Waiting::Nonce,
                }
            }
        })
    }

    /// What to do next.
    pub fn poll(&mut self, now: Time) -> Output {
        while let Some((_, id)) = self.alarms.first().copied().filter(|(at, _)| *at <= now) {
            self.alarms.pop_first();
            self.stirred.insert(id);
        }
        while let Some(id) = self.stirred.pop_first() {
            if let Some(output) = self.look_at(now, id) {
                return output;
            }
        }
        Output::Timeout(self.alarms.first().map(|(at, _)| *at))
    }

    /// What one delivery wants now, if anything.
    fn look_at(&mut self, now: Time, id: DeliveryId) -> Option<Output> {
        let delivery = self.deliveries.get(&id)?.clone();
        if delivery.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(Output::Moved(self.step(now, delivery, Input::DeadlineReached)));
        }
        self.set_alarm(now, &delivery);
        if let Some(executed) = self.overtaken(&delivery) {
            let step = self.step(now, delivery, Input::SupersededBy(executed));
            return Some(Output::Moved(step));
        }
        match delivery.state.kind() {
            Kind::Requested | Kind::Prepared if !delivery.asked => self.ask(now, delivery),
            Kind::Queued => self.release(now, delivery),
            Kind::Released if delivery.left_locally() && !delivery.carrier.is_some_and(|ppmid| self.is_live(ppmid)) => {
                Some(Output::Moved(self.step(now, delivery, Input::LinkLost)))
            }
            Kind::Answered => Some(Output::Verify(id)),
            _ => None,
        }
    }

    fn ask(&mut self, now: Time, mut delivery: Delivery) -> Option<Output> {
        delivery.asked = true;
        if delivery.next_ask_exposes() {
            if self.ahead_of(&delivery).is_some() {
                return None;
            }
            let step = self.step(now, delivery, Input::HandedToWan);
            return Some(Output::Ask(step.delivery.clone(), Some(step)));
        }
        self.replace(delivery.clone());
        // Nothing is left to do for it until the DCC answers.
        self.stirred.remove(&delivery.id);
        Some(Output::Ask(delivery, None))
    }

    fn release(&mut self, now: Time, mut delivery: Delivery) -> Option<Output> {
        let ppmid = delivery.carrier?;
        let waits = delivery.local_closed || delivery.not_before.is_some_and(|until| until > now);
        if waits || self.ahead_of(&delivery).is_some() {
            return None;
        }
        let nonce = self.links.get(&ppmid).copied()??;
        let usable = nonce.expires(self.policy.nonce);
        if usable <= now {
            return None;
        }
        self.links.insert(ppmid, None);
        let used = self.used.entry(ppmid).or_default();
        used.truncate(NONCES_REMEMBERED - 1);
        used.push_front(nonce.value);
        let until = (now + self.policy.warrant).min(delivery.not_after);
        delivery.attempts += 1;
        delivery.in_doubt.insert(delivery.attempts);
        delivery.warrant_until = Some(until);
        let order = ReleaseOrder {
            id: delivery.id,
            ppmid,
            nonce: nonce.value,
            attempt: delivery.attempts,
            not_after: nonce.on_its_clock(until),
        };
        let step = self.step(now, delivery, Input::ReleaseSent);
        Some(Output::Release(order, step))
    }

    /// Apply an input to a delivery as it is given, which may be ahead of the one kept.
    fn step(&mut self, now: Time, mut delivery: Delivery, input: Input) -> Step {
        let from = delivery.state.clone();
        if input == Input::HandedToWan {
            delivery.wan = true;
        }
        let facts = Facts {
            wan: delivery.wan,
            local: delivery.left_locally(),
            too_late: delivery.not_after <= now,
            waiting: self.waits_where(&delivery),
        };
        let outcome = transition(&from, facts, &input);
        match &input {
            Input::DccRefused(_) => delivery.wan = false,
            Input::CarrierRefused(_, retry) => match retry {
                Retry::Again | Retry::AgainInDoubt => {
                    delivery.refusals += 1;
                    delivery.not_before = Some(now + self.policy.backoff(delivery.refusals));
                }
                Retry::Never | Retry::Unclear => delivery.local_closed = true,
            },
            Input::ReceiptOnHan => delivery.refusals = 0,
            Input::Renumbered(counter) => {
                if matches!(outcome, Outcome::To(_)) {
                    delivery.counter = *counter;
                }
            }
            _ => {}
        }
        if let Outcome::To(state) = &outcome {
            // The document of a Command that the DCC also sends is outstanding in `Released` too.
            delivery.asked = matches!(state, State::Released) && !delivery.left_locally();
            delivery.state = state.clone();
            delivery.since = now;
            delivery.deadline = self.policy.deadline(now, &delivery);
        }
        self.replace(delivery.clone());
        if delivery.state == State::Confirmed || matches!(delivery.state, State::Refused(crate::Refusal::Meter(_))) {
            self.executed(delivery.lane, delivery.counter);
        }
        Step { delivery, from, input, outcome }
    }

    /// The device has executed this counter.
    fn executed(&mut self, lane: Lane, counter: Counter) {
        let traffic = self.lanes.entry(lane).or_default();
        traffic.executed = traffic.executed.max(Some(counter));
        if lane.space == CounterSpace::Ordinary {
            let overtaken = traffic.open.iter().take_while(|(other, _)| *other < counter).map(|(_, id)| *id);
            self.stirred.extend(overtaken);
        }
    }

    /// The higher counter that shut this delivery out, if it could still be sent otherwise.
    fn overtaken(&self, delivery: &Delivery) -> Option<Counter> {
        if delivery.lane.space == CounterSpace::TopUp
            || !matches!(delivery.state.kind(), Kind::Requested | Kind::Prepared | Kind::Queued)
        {
            return None;
        }
        self.lanes.get(&delivery.lane)?.executed.filter(|executed| *executed > delivery.counter)
    }

    fn ahead_of(&self, delivery: &Delivery) -> Option<DeliveryId> {
        self.lanes.get(&delivery.lane)?.ahead_of(delivery.counter, delivery.id)
    }

    fn waits_where(&self, delivery: &Delivery) -> Where {
        match delivery.state.kind() {
            _ if self.ahead_of(delivery).is_some() => Where::Lane,
            Kind::Requested | Kind::Prepared => Where::Dcc,
            _ => Where::Link,
        }
    }

    fn is_carried_by(&self, id: DeliveryId, ppmid: Eui64) -> bool {
        self.deliveries.get(&id).is_some_and(|delivery| delivery.carrier == Some(ppmid))
    }

    fn stir_carried(&mut self, ppmid: Eui64) {
        if let Some(carried) = self.carried.get(&ppmid) {
            self.stirred.extend(carried);
        }
    }

    fn set_alarm(&mut self, now: Time, delivery: &Delivery) {
        let retry = delivery.not_before.filter(|at| *at > now && delivery.state == State::Queued);
        if let Some(at) = retry.into_iter().chain(delivery.deadline).min() {
            self.alarms.insert((at, delivery.id));
        }
    }

    fn insert(&mut self, delivery: Delivery) {
        let traffic = self.lanes.entry(delivery.lane).or_default();
        traffic.open.insert((delivery.counter, delivery.id));
        if delivery.in_flight() {
            traffic.in_flight.insert(delivery.id);
        }
        if let Some(ppmid) = delivery.carrier {
            self.carried.entry(ppmid).or_default().insert(delivery.id);
        }
        self.stirred.insert(delivery.id);
        self.deliveries.insert(delivery.id, delivery);
    }

    /// Forget a delivery, and stir who waited for it.
    fn remove(&mut self, id: DeliveryId) -> Option<Delivery> {
        let delivery = self.deliveries.remove(&id)?;
        if let Some(traffic) = self.lanes.get_mut(&delivery.lane) {
            traffic.open.remove(&(delivery.counter, id));
            traffic.in_flight.remove(&id);
            self.stirred.extend(traffic.open.first().map(|(_, next)| *next));
        }
        if let Some(carried) = delivery.carrier.and_then(|ppmid| self.carried.get_mut(&ppmid)) {
            carried.remove(&id);
            // Its nonce may serve another lane of the same home.
            self.stirred.extend(carried.iter());
        }
        Some(delivery)
    }

    fn replace(&mut self, delivery: Delivery) {
        self.remove(delivery.id);
        if !delivery.state.is_terminal() {
            self.insert(delivery);
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
