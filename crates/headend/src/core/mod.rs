//! The one thread that decides: engine and store, and nothing that waits.
mod answers;
mod carrier;
mod dcc;
mod orders;

pub(crate) use orders::{Asked, Declined, Terms};

use crate::client::Undelivered;
use crate::config::HeadEndConfig;
use crate::courier::Courier;
use crate::keys::HeadEndKeys;
use crate::progress::Progress;
use crate::store::{Letter, NewEvent, Record, Store, StoreError};
use delivery::{
    Delivery, DeliveryId, Engine, Facts, Input, Outcome, Output, Refusal, State, Step, Waiting, Where, transition,
};
use gbcs::{Eui64, Time};
use link::{AckToken, Endpoint, LinkEvent};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, oneshot};
use tracing::{debug, error, info, warn};

/// How long to leave a database alone that failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the core is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A user wants a delivery.
    Create(Box<Asked>, oneshot::Sender<Result<Created, Declined>>),
    /// A user wants one called off.
    Cancel(DeliveryId, oneshot::Sender<Option<Cancelled>>),
    /// A user wants to know why deliveries do not move.
    Waiting(Vec<DeliveryId>, oneshot::Sender<Vec<Option<Waiting>>>),
    /// The DCC answered a document, or did not.
    DccAnswered { sequence: i64, result: Result<String, Undelivered> },
    /// The DCC delivered a response by itself.
    Received(String, oneshot::Sender<Result<(), duis::Refusal>>),
    /// Something happened on the link to PPMIDs.
    Link(LinkEvent),
    /// No more.
    Stop,
}

/// A delivery was created, or is there already under the same idempotency key.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) id: DeliveryId,
    pub(crate) is_new: bool,
}

/// What came of calling a delivery off.
#[derive(Debug)]
pub(crate) struct Cancelled {
    pub(crate) state: State,
    pub(crate) done: bool,
}

/// Where messages to the core go. Sending never waits; a core that stopped drops them.
#[derive(Clone, Debug)]
pub(crate) struct Inbox(Sender<Message>);

impl Inbox {
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    pub(crate) fn send(&self, message: Message) {
        // A closed channel is a head end that stops: whoever waits for a reply sees its sender dropped.
        let _ = self.0.send(message);
    }
}

/// A clock that starts at the time of day and never goes back, whatever is done to the time of day meanwhile.
#[derive(Clone, Copy, Debug)]
struct Clock {
    start: Time,
    started: Instant,
}

impl Clock {
    fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Time(since_1970.as_millis() as u64), started: Instant::now() }
    }

    fn now(self) -> Time {
        self.start + self.started.elapsed()
    }
}

/// What to do once the batch is on disk.
enum Effect {
    /// Somebody waits for this.
    Reply(Box<dyn FnOnce() + Send>),
    /// A PPMID may forget the message.
    Acknowledge(AckToken),
    /// A Release.
    Release { ppmid: Eui64, payload: Vec<u8> },
    /// A document for the DCC.
    Send(Letter),
    /// Something happened.
    Tell(Progress),
}

/// The state of the core.
pub(crate) struct Core {
    config: Arc<HeadEndConfig>,
    keys: Arc<HeadEndKeys>,
    clock: Clock,
    store: Store,
    engine: Engine,
    /// PPMIDs connected now.
    connected: BTreeSet<Eui64>,
    /// Documents that wait for an answer.
    letters: BTreeMap<i64, Letter>,
    /// Those on their way this moment.
    sent: BTreeSet<i64>,
    effects: Vec<Effect>,
    endpoint: Endpoint,
    courier: Courier,
    progress: broadcast::Sender<Progress>,
}

impl Core {
    /// A core over what the store holds.
    pub(crate) fn new(
        config: Arc<HeadEndConfig>,
        keys: Arc<HeadEndKeys>,
        store: Store,
        endpoint: Endpoint,
        courier: Courier,
        progress: broadcast::Sender<Progress>,
    ) -> Result<Self, StoreError> {
        let engine = Engine::new(config.deadlines.policy());
        let mut core = Self {
            config,
            keys,
            clock: Clock::new(),
            store,
            engine,
            connected: BTreeSet::new(),
            letters: BTreeMap::new(),
            sent: BTreeSet::new(),
            effects: vec![],
            endpoint,
            courier,
            progress,
        };
        core.store.links_down(core.clock.now())?;
        core.load()?;
        info!(open = core.engine.deliveries().count(), letters = core.letters.len(), "deliveries taken up");
        Ok(core)
    }

    /// Take up what the store holds.
    fn load(&mut self) -> Result<(), StoreError> {
        self.engine =
            Engine::restore(self.config.deadlines.policy(), self.store.open_deliveries()?, self.store.lanes()?);
        for ppmid in &self.connected {
            self.engine.link_up(*ppmid);
        }
        self.letters = self.store.letters()?.into_iter().map(|letter| (letter.sequence, letter)).collect();
        Ok(())
    }

    /// Work until told to stop.
    pub(crate) fn run(mut self, inbox: &Receiver<Message>) {
        let mut wake = Some(self.clock.now());
        loop {
            let first = match wake {
                None => inbox.recv().map(Some).map_err(|_| ()),
                Some(at) => match inbox.recv_timeout(at.since(self.clock.now())) {
                    Ok(message) => Ok(Some(message)),
                    Err(RecvTimeoutError::Timeout) => Ok(None),
                    Err(RecvTimeoutError::Disconnected) => Err(()),
                },
            };
            let Ok(first) = first else { return };
            let batch: Vec<Message> = first.into_iter().chain(inbox.try_iter()).take(self.store.batch()).collect();
            let stop = batch.iter().any(|message| matches!(message, Message::Stop));
            wake = self.turn(batch);
            if stop {
                return;
            }
        }
    }

    /// One batch: decide, write, commit, act. Gives the time of the next turn if nothing comes before.
    fn turn(&mut self, batch: Vec<Message>) -> Option<Time> {
        let now = self.clock.now();
        for message in &batch {
            if let Message::DccAnswered { sequence, .. } = message {
                self.sent.remove(sequence);
            }
        }
        match self.decide(now, batch) {
            Ok(wake) => {
                for effect in std::mem::take(&mut self.effects) {
                    self.act(effect);
                }
                wake
            }
            Err(error) => {
                // Nothing of the batch is real: who waits for a reply is told so by a dropped sender, and a PPMID keeps what
                // was not acknowledged.
                error!(%error, "the database failed; nothing of this batch was done");
                self.store.rollback();
                self.effects.clear();
                if let Err(error) = self.load() {
                    error!(%error, "the database cannot be read");
                }
                Some(now + STORE_PAUSE)
            }
        }
    }

    fn decide(&mut self, now: Time, batch: Vec<Message>) -> Result<Option<Time>, StoreError> {
        self.store.begin()?;
        for message in batch {
            match message {
                Message::Create(asked, reply) => self.create(now, *asked, reply)?,
                Message::Cancel(id, reply) => self.cancel(now, id, reply)?,
                Message::Waiting(ids, reply) => {
                    let waiting = ids.into_iter().map(|id| self.engine.waiting(now, id)).collect();
                    self.reply(reply, waiting);
                }
                Message::DccAnswered { sequence, result } => self.dcc_answered(now, sequence, result)?,
                Message::Received(text, reply) => self.received(now, &text, reply)?,
                Message::Link(event) => self.link_event(now, event)?,
                Message::Stop => {}
            }
            // After each message, so that none sees an engine that still owes something to the one before.
            self.drain(now)?;
        }
        let engine = self.drain(now)?;
        let mut wake = engine;
        for letter in self.letters.values().filter(|letter| !self.sent.contains(&letter.sequence)) {
            if letter.next_try <= now {
                self.effects.push(Effect::Send(letter.clone()));
            } else {
                wake = Some(wake.map_or(letter.next_try, |at| at.min(letter.next_try)));
            }
        }
        self.store.commit()?;
        Ok(wake)
    }

    /// Do all the engine wants.
    fn drain(&mut self, now: Time) -> Result<Option<Time>, StoreError> {
        loop {
            match self.engine.poll(now) {
                Output::Moved(step) => self.note(now, &step, None, None)?,
                Output::Ask(delivery, step) => {
                    if let Some(step) = &step {
                        self.note(now, step, None, None)?;
                    }
                    self.ask(now, &delivery)?;
                }
                Output::Release(order, step) => self.release(now, &order, &step)?,
                Output::Verify(id) => self.verify(now, id)?,
                Output::Timeout(at) => return Ok(at),
            }
        }
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Reply(reply) => reply(),
            Effect::Acknowledge(token) => token.stored(),
            Effect::Release { ppmid, payload } => {
                // What becomes of it the receipt says, or its absence.
                if let Err(error) = self.endpoint.send(ppmid, payload) {
                    warn!(%ppmid, %error, "a Release could not be sent");
                }
            }
            Effect::Send(letter) => {
                if self.sent.insert(letter.sequence) {
                    debug!(delivery = %letter.delivery, ask = letter.ask.as_str(), request = %letter.request_id, "to the DCC");
                    self.courier.send(letter);
                }
            }
            // Nobody may be watching.
            Effect::Tell(progress) => drop(self.progress.send(progress)),
        }
    }

    /// Apply an input to a delivery, whether it is open or has ended, and keep the event.
    fn apply(
        &mut self,
        now: Time,
        id: DeliveryId,
        input: Input,
        detail: Option<&str>,
        octets: Option<&[u8]>,
    ) -> Result<Option<Outcome>, StoreError> {
        if let Some(step) = self.engine.apply(now, id, input.clone()) {
            self.note(now, &step, detail, octets)?;
            return Ok(Some(step.outcome));
        }
        let Some(record) = self.store.record(id)? else { return Ok(None) };
        self.note_late(now, record.delivery, input, detail, octets).map(Some)
    }

    /// An input to a delivery that has ended: it changes nothing, and is kept.
    fn note_late(
        &mut self,
        now: Time,
        delivery: Delivery,
        input: Input,
        detail: Option<&str>,
        octets: Option<&[u8]>,
    ) -> Result<Outcome, StoreError> {
        let facts = Facts { wan: false, local: false, too_late: true, waiting: Where::Link };
        let outcome = transition(&delivery.state, facts, &input);
        let from = delivery.state.clone();
        let step = Step { delivery, from, input, outcome: outcome.clone() };
        self.append(now, &step, step.input.name(), detail, octets)?;
        Ok(outcome)
    }

    /// Keep a step: the delivery as it is now, and what happened.
    fn note(&mut self, now: Time, step: &Step, detail: Option<&str>, octets: Option<&[u8]>) -> Result<(), StoreError> {
        let delivery = &step.delivery;
        self.store.save(delivery)?;
        if step.from == State::Answered
            && matches!(delivery.state, State::Confirmed | State::Refused(Refusal::Meter(_)))
        {
            self.store.executed(delivery.lane, delivery.counter)?;
        }
        if delivery.state.is_terminal() {
            self.forget_letters(now, delivery.id)?;
        }
        self.append(now, step, step.input.name(), detail, octets)
    }

    /// Something that is no input of the state machine, kept all the same.
    fn remark(
        &mut self,
        now: Time,
        delivery: Delivery,
        event: &str,
        outcome: Outcome,
        detail: Option<&str>,
        octets: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let from = delivery.state.clone();
        let step = Step { delivery, from, input: Input::LinkLost, outcome };
        self.append(now, &step, event, detail, octets)
    }

    fn append(
        &mut self,
        now: Time,
        step: &Step,
        event: &str,
        detail: Option<&str>,
        octets: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let to = &step.delivery.state;
        let state = to.detail().is_some().then(|| to.to_string()).filter(|_| step.from != *to);
        let detail = detail.map(str::to_owned).or(state);
        let delivery = step.delivery.id;
        let sequence = self.store.append(&NewEvent {
            delivery,
            at: now,
            event,
            from: &step.from,
            to,
            outcome: &step.outcome,
            detail: detail.as_deref(),
            octets,
        })?;
        if step.outcome == Outcome::Contradiction {
            warn!(%delivery, event, state = %to, detail, "contradiction");
        } else {
            info!(%delivery, event, from = %step.from.kind(), to = %to.kind(), detail);
        }
        let (from, to, event) = (step.from.clone(), to.clone(), event.to_owned());
        self.effects.push(Effect::Tell(Progress { sequence, at: now, delivery, event, from, to, detail }));
        Ok(())
    }

    /// Nobody wants the answers to its documents any more, save to the one that returns its Response.
    fn forget_letters(&mut self, now: Time, id: DeliveryId) -> Result<(), StoreError> {
        let stale = |letter: &&Letter| letter.delivery == id && letter.ask != crate::store::Ask::Return;
        let stale: Vec<i64> = self.letters.values().filter(stale).map(|letter| letter.sequence).collect();
        for sequence in stale {
            self.letters.remove(&sequence);
            self.store.letter_done(sequence, now)?;
        }
        Ok(())
    }

    fn reply<T: Send + 'static>(&mut self, reply: oneshot::Sender<T>, value: T) {
        // A user who left does not hear it.
        self.effects.push(Effect::Reply(Box::new(move || drop(reply.send(value)))));
    }

    /// The record of a delivery that the engine or another record names.
    fn record(&self, id: DeliveryId) -> Result<Record, StoreError> {
        self.store.record(id)?.ok_or(StoreError::Sqlite(rusqlite::Error::QueryReturnedNoRows))
    }
}
