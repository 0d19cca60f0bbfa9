//! Warrants, deliveries and letters: what a PPMID owes its head end. It knows no ZigBee; see `carrier` for that.
use crate::carrier::Outcome;
use crate::commands::{self, CommandRefusal, Executed};
use crate::config::{Config, Meters};
use crate::customer::Till;
use crate::event::{Event, Tally};
use crate::memory::{Content, Delivery, Held, Letter, Memory, Note, State, Subject};
use crate::nonces::Nonces;
use crate::own::Own;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::crypto::{Crypto, CryptoError, PrivateKey, PublicKey};
use gbcs::envelope::RouteForm;
use gbcs::{Cra, Eui64, Route, Time};
use han::node::FrameCounters;
use handover::{
    Answer, Checks, DeliveryId, Error, Hello, MAX_COMMAND, NonceStanding, Reason, Receipt, Release, SealedRelease,
    Stage, Upward,
};

/// What a session wants done.
pub(crate) enum Action {
    /// Hand this Command to the HAN.
    Hand(Vec<u8>),
    /// Say this letter.
    Say(u64),
    /// Say Hello.
    SayHello,
    /// Tell.
    Tell(Event),
}

pub(crate) struct Session<C> {
    crypto: C,
    me: Eui64,
    key: PrivateKey,
    head_ends: Vec<(Eui64, PublicKey)>,
    meters: Meters,
    max_transfers: u8,
    retry_wait: Duration,
    answer_wait: Duration,
    max_held: usize,
    max_deliveries: usize,
    memory: Memory,
    /// The memory is not what was stored last.
    dirty: bool,
    nonces: Nonces,
    link_up: bool,
    tunnel_open: bool,
    /// A message that brings a nonce waits to be signed: no other Hello is needed.
    nonce_coming: bool,
    in_flight: Option<InFlight>,
    /// The last refusal of a Release that nobody proved to have sent. One at a time and not stored, so that a flood of
    /// them costs a flood of them.
    unproved: Option<Letter>,
    tally: Tally,
    actions: VecDeque<Action>,
}

/// The Command on its way to the hub.
struct InFlight {
    delivery: DeliveryId,
    attempt: u32,
    /// Whether the hub may have had it before this transfer.
    was_in_doubt: bool,
}

impl<C: Crypto> Session<C> {
    pub(crate) fn new(now: Time, crypto: C, config: &Config, mut memory: Memory) -> Self {
        memory.starts = memory.starts.wrapping_add(1);
        let mut session = Self {
            crypto,
            me: config.node.eui,
            key: config.key.clone(),
            head_ends: config.head_ends.clone(),
            meters: config.meters.clone(),
            max_transfers: config.max_transfers,
            retry_wait: config.retry_wait,
            answer_wait: config.answer_wait,
            max_held: config.max_held,
            max_deliveries: config.max_deliveries,
            nonces: Nonces::new(config.seed.clone(), memory.starts, config.nonce_lifetime),
            memory,
            dirty: true,
            link_up: false,
            tunnel_open: false,
            nonce_coming: false,
            in_flight: None,
            unproved: None,
            tally: Tally::default(),
            actions: VecDeque::new(),
        };
        session.run(now);
        session
    }

    pub(crate) fn link_up(&mut self, now: Time) {
        self.link_up = true;
        self.tell(Event::LinkUp);
        let letters = self.memory.letters.iter().chain(&self.unproved);
        self.actions.extend(letters.map(|letter| Action::Say(letter.number)));
        // Last, so that the head end has the outcomes before the leave to send more.
        self.say_hello();
        self.run(now);
    }

    pub(crate) fn link_down(&mut self, now: Time) {
        self.link_up = false;
        self.nonce_coming = false;
        self.tell(Event::LinkDown);
        self.run(now);
    }

    pub(crate) fn tunnel(&mut self, now: Time, open: bool) {
        self.tunnel_open = open;
        self.run(now);
    }

    /// Octets from the head end's side.
    pub(crate) fn handle_down(&mut self, now: Time, octets: &[u8]) {
        match SealedRelease::parse(octets) {
            Ok(sealed) => self.handle_release(now, sealed),
            Err(error) => {
                self.tally.malformed += 1;
                self.tell(Event::Malformed(error));
            }
        }
        self.run(now);
    }

    /// Octets that came through the tunnel.
    pub(crate) fn handle_data(&mut self, now: Time, octets: Vec<u8>) {
        if let Err(octets) = self.take_answer(now, octets) {
            self.tally.unmatched += 1;
            self.tell(Event::Unmatched { octets });
        }
        self.run(now);
    }

    /// What became of the Command handed over last.
    pub(crate) fn handle_outcome(&mut self, now: Time, outcome: Outcome) {
        if let Some(in_flight) = self.in_flight.take() {
            self.settle(now, &in_flight, outcome);
        }
        self.run(now);
    }

    /// The head end has stored the letter.
    pub(crate) fn stored(&mut self, number: u64) {
        let before = self.memory.letters.len();
        self.memory.letters.retain(|letter| letter.number != number);
        self.dirty |= self.memory.letters.len() != before;
        self.unproved.take_if(|letter| letter.number == number);
    }

    pub(crate) fn set_counters(&mut self, counters: FrameCounters) {
        self.memory.counters = counters;
        self.dirty = true;
    }

    pub(crate) const fn crypto(&self) -> &C {
        &self.crypto
    }

    /// The till, to read.
    pub(crate) const fn till(&self) -> Option<&Till> {
        self.memory.till.as_ref()
    }

    /// The till, to change: it is stored before anything that follows.
    pub(crate) fn till_mut(&mut self) -> (&C, &mut Till) {
        self.dirty = true;
        (&self.crypto, self.memory.till.get_or_insert_default())
    }

    /// What is about the device itself, to read.
    pub(crate) fn own(&mut self) -> &mut Own {
        self.memory.own()
    }

    /// What is about the device itself, to change: it is stored before anything that follows.
    pub(crate) fn own_mut(&mut self) -> (&C, &mut Own) {
        self.dirty = true;
        (&self.crypto, self.memory.own())
    }

    /// Take a Command to the device itself. Only what was authentic changes anything that is to be stored.
    pub(crate) fn execute(&mut self, config: &Config, octets: &[u8]) -> Result<Executed, CommandRefusal> {
        let executed = commands::handle(&self.crypto, config, self.memory.own(), octets);
        if let Ok(executed) = &executed {
            self.memory.own().post(executed.response.clone());
        }
        self.dirty |= matches!(executed, Ok(_) | Err(CommandRefusal::BadPayload(_) | CommandRefusal::CannotAnswer));
        executed
    }

    /// Do what is due. Harmless when nothing is.
    pub(crate) fn run(&mut self, now: Time) {
        self.give_up(now);
        self.hand_next(now);
        if self.link_up && !self.nonce_coming && self.nonces.fresh_until().is_none_or(|until| until < now) {
            self.say_hello();
        }
    }

    /// The memory, when it must be stored before any other action.
    pub(crate) fn take_memory(&mut self) -> Option<Vec<u8>> {
        core::mem::take(&mut self.dirty).then(|| self.memory.encode())
    }

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn timeout(&self) -> Option<Time> {
        let tick = Duration::from_millis(1);
        let hello = self.link_up.then(|| self.nonces.fresh_until().map(|until| until + tick)).flatten();
        let in_flight = self.in_flight.as_ref().map(|in_flight| in_flight.delivery);
        let waiting = || self.memory.held().filter(|(delivery, _)| Some(delivery.id) != in_flight);
        let expiry = waiting().map(|(delivery, _)| delivery.not_after + tick).min();
        let next =
            waiting().next().filter(|_| self.tunnel_open && in_flight.is_none()).map(|(_, held)| held.not_before);
        [hello, expiry, next].into_iter().flatten().min()
    }

    /// Sign a letter for saying now; `None` when it needs not be said any more or cannot be.
    pub(crate) fn sign(&mut self, now: Time, number: u64) -> Option<Result<Vec<u8>, CryptoError>> {
        if !self.link_up {
            return None;
        }
        let letter = self.memory.letters.iter().chain(&self.unproved).find(|letter| letter.number == number)?;
        let message = match &letter.content {
            Content::Answer(answer) => Upward::Answer(Answer { ppmid: self.me, ..answer.clone() }),
            Content::Receipt(note) => {
                let Note { delivery, attempt, command_hash, stage, at } = *note;
                let nonce = match stage {
                    // Whoever forges Releases must not push nonces out that a head end holds.
                    Stage::Refused(Reason::BadSignature) => self.nonces.current(now, &self.crypto),
                    _ => self.nonces.issue(now, &self.crypto),
                };
                self.nonce_coming = false;
                let ppmid = self.me;
                Upward::Receipt(Receipt { ppmid, delivery, attempt, command_hash, stage, at, time: now, nonce })
            }
        };
        Some(message.seal(&self.crypto, &self.key))
    }

    /// Sign a Hello for saying now, with a number like a letter's.
    pub(crate) fn sign_hello(&mut self, now: Time) -> Option<(u64, Result<Vec<u8>, CryptoError>)> {
        if !self.link_up {
            return None;
        }
        let nonce = self.nonces.issue(now, &self.crypto);
        self.nonce_coming = false;
        let open = self.memory.open(now, self.answer_wait);
        let hello = Hello { ppmid: self.me, nonce, time: now, open };
        Some((self.memory.take_number(), hello.seal(&self.crypto, &self.key)))
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    fn handle_release(&mut self, now: Time, sealed: SealedRelease<'_>) {
        let claimed = sealed.claimed().clone();
        let key_of = |signer| self.head_ends.iter().find(|(head_end, _)| *head_end == signer).map(|(_, key)| *key);
        let release = match sealed.verify(&self.crypto, key_of) {
            Ok(release) => release,
            Err(Error::UnknownSigner(_) | Error::BadSignature(_)) => {
                self.tally.unauthentic += 1;
                self.tell_refused(claimed.delivery, claimed.attempt, Reason::BadSignature);
                let note = refusal(now, &claimed, Reason::BadSignature);
                let number = self.memory.take_number();
                self.unproved = Some(Letter { number, content: Content::Receipt(note) });
                self.actions.push_back(Action::Say(number));
                return;
            }
            Err(error) => return self.tell(Event::Malformed(error)),
        };
        let warrant = &release.warrant;
        if warrant.ppmid == self.me
            && let Some(delivery) = self.memory.delivery(warrant.delivery)
            && (delivery.attempt, delivery.command_hash) == (warrant.attempt, warrant.command_hash)
        {
            let note = delivery.note();
            self.nonces.spend(warrant.nonce);
            self.tell(Event::Repeated { delivery: note.delivery, attempt: note.attempt });
            self.note(note);
            return;
        }
        let nonce = self.nonces.standing(now, warrant.nonce);
        let admitted = self.admit(now, &release, nonce);
        if nonce == NonceStanding::Fresh && warrant.ppmid == self.me {
            self.nonces.spend(warrant.nonce);
        }
        match admitted {
            Ok(route) => self.accept(now, release, &route),
            Err(reason) => {
                self.tell_refused(warrant.delivery, warrant.attempt, reason);
                if self.memory.spare_letters(self.max_deliveries) == 0 {
                    return self.tell(Event::OutboxFull);
                }
                self.note(refusal(now, warrant, reason));
            }
        }
    }

    /// Whether an authentic Release may be accepted. Room is made when it may.
    fn admit(&mut self, now: Time, release: &Release, nonce: NonceStanding) -> Result<Route, Reason> {
        let warrant = &release.warrant;
        // First, so that an old Release is called that, whatever has become of its nonce.
        let earlier = self.memory.delivery(warrant.delivery).filter(|_| warrant.ppmid == self.me);
        if earlier.is_some_and(|e| e.attempt >= warrant.attempt || e.command_hash != warrant.command_hash) {
            return Err(Reason::AttemptSeen);
        }
        let checks = Checks { ppmid: self.me, now, nonce, max_command: MAX_COMMAND };
        let route = warrant.check(&release.command, &self.crypto, &checks)?;
        if !self.meters.include(warrant.target) {
            return Err(Reason::UnknownTarget);
        }
        if self.in_flight.as_ref().is_some_and(|in_flight| in_flight.delivery == warrant.delivery) {
            return Err(Reason::InFlight);
        }
        if self.memory.carries(Subject::of(&route), warrant.delivery) {
            return Err(Reason::DuplicateCommand);
        }
        let others_held = self.memory.held().filter(|(delivery, _)| delivery.id != warrant.delivery).count();
        let room = others_held < self.max_held
            && self.memory.make_room(warrant.delivery, now, self.answer_wait, self.max_deliveries);
        if room { Ok(route) } else { Err(Reason::Full) }
    }

    fn accept(&mut self, now: Time, release: Release, route: &Route) {
        let Release { warrant, command, .. } = release;
        self.tell(Event::Released {
            delivery: warrant.delivery,
            attempt: warrant.attempt,
            target: warrant.target,
            code: warrant.code,
            octets: command.len(),
        });
        let held = Held { command, transfers: 0, in_doubt: false, not_before: now };
        let accepted = Delivery {
            id: warrant.delivery,
            attempt: warrant.attempt,
            command_hash: warrant.command_hash,
            subject: Subject::of(route),
            not_after: warrant.not_after,
            since: now,
            state: State::Held(held),
        };
        let note = accepted.note();
        match self.memory.deliveries.iter().position(|delivery| delivery.id == accepted.id) {
            // One that waits keeps its place in the queue, and the new attempt takes it over.
            Some(at) if self.memory.deliveries[at].held().is_some() => {
                self.end(now, at, Reason::Superseded);
                self.memory.deliveries[at] = accepted;
            }
            Some(at) => {
                self.memory.deliveries.remove(at);
                self.memory.deliveries.push(accepted);
            }
            None => self.memory.deliveries.push(accepted),
        }
        self.note(note);
    }

    /// Drop what waits in vain: warrants that ran out, and Commands handed over too often.
    fn give_up(&mut self, now: Time) {
        for at in 0..self.memory.deliveries.len() {
            let delivery = &self.memory.deliveries[at];
            let in_flight = self.in_flight.as_ref().is_some_and(|in_flight| in_flight.delivery == delivery.id);
            let Some(held) = delivery.held().filter(|_| !in_flight) else { continue };
            if delivery.not_after < now {
                self.end(now, at, Reason::Expired);
            } else if held.transfers >= self.max_transfers {
                self.end(now, at, Reason::HubRefused);
            }
        }
    }

    /// Hand the first Command that waits to the HAN. Those behind it wait for it: they may have higher counters.
    fn hand_next(&mut self, now: Time) {
        if self.in_flight.is_some() || !self.tunnel_open {
            return;
        }
        let Some(delivery) = self.memory.deliveries.iter_mut().find(|delivery| delivery.held().is_some()) else {
            return;
        };
        let (id, attempt) = (delivery.id, delivery.attempt);
        let Some(held) = delivery.held_mut().filter(|held| held.not_before <= now) else { return };
        let was_in_doubt = core::mem::replace(&mut held.in_doubt, true);
        held.transfers += 1;
        let transfer = held.transfers;
        self.actions.push_back(Action::Hand(held.command.clone()));
        self.in_flight = Some(InFlight { delivery: id, attempt, was_in_doubt });
        self.dirty = true;
        self.tell(Event::Sent { delivery: id, attempt, transfer });
    }

    fn settle(&mut self, now: Time, in_flight: &InFlight, outcome: Outcome) {
        let Some(at) = self.memory.deliveries.iter().position(|delivery| delivery.id == in_flight.delivery) else {
            return;
        };
        // An answer may have come before the acknowledgement; then all is said.
        let delivery = &mut self.memory.deliveries[at];
        if delivery.attempt != in_flight.attempt {
            return;
        }
        let Some(held) = delivery.held_mut() else { return };
        if outcome == Outcome::Taken {
            return self.on_han(now, at);
        }
        held.in_doubt = in_flight.was_in_doubt || outcome == Outcome::Silence;
        held.not_before = match outcome {
            // The tunnel is asked for again first, and that has its own pace.
            Outcome::NotSent => now,
            _ => now + self.retry_wait * (1 << (held.transfers.clamp(1, 8) - 1)),
        };
        self.dirty = true;
    }

    /// The Response to a Command of ours becomes a letter; gives back the length of anything else.
    fn take_answer(&mut self, now: Time, octets: Vec<u8>) -> Result<(), usize> {
        let len = octets.len();
        let route = Route::parse(&octets).ok().filter(|route| route.id.cra == Cra::Response).ok_or(len)?;
        let at = self.memory.answered_by(route.id).ok_or(len)?;
        let delivery = &mut self.memory.deliveries[at];
        let (block, last) = match route.form {
            RouteForm::Block { last, .. } => (true, last),
            _ => (false, true),
        };
        if matches!(delivery.state, State::Answered) && !block {
            return Err(len);
        }
        // Acknowledged or not: a Command that was handed over and is answered was on the HAN.
        if delivery.held().is_some_and(|held| held.transfers > 0) {
            self.on_han(now, at);
        }
        let delivery = &mut self.memory.deliveries[at];
        let (id, command_hash) = (delivery.id, delivery.command_hash);
        let promised = !matches!(delivery.state, State::Answered);
        if last {
            delivery.state = State::Answered;
            self.dirty = true;
        }
        let content =
            Content::Answer(Answer { ppmid: self.me, delivery: id, command_hash, response: octets, time: now });
        // Room for one answer was kept since the Command was accepted; blocks beyond it must find their own.
        if (!last || !promised) && self.memory.spare_letters(self.max_deliveries) == 0 {
            self.tell(Event::OutboxFull);
            return Ok(());
        }
        self.tell(Event::Answered { delivery: id, octets: len });
        self.write(content);
        Ok(())
    }

    fn on_han(&mut self, now: Time, at: usize) {
        let delivery = &mut self.memory.deliveries[at];
        delivery.state = State::OnHan;
        delivery.since = now;
        let note = delivery.note();
        self.tell(Event::OnHan { delivery: note.delivery, attempt: note.attempt });
        self.note(note);
    }

    /// End a held delivery. Where the hub may have the Command, no other reason is true.
    fn end(&mut self, now: Time, at: usize, reason: Reason) {
        let delivery = &mut self.memory.deliveries[at];
        let in_doubt = delivery.held().is_some_and(|held| held.in_doubt);
        let reason = if in_doubt { Reason::NoHubAnswer } else { reason };
        delivery.state = State::Refused(reason);
        delivery.since = now;
        let note = delivery.note();
        self.tell_refused(note.delivery, note.attempt, reason);
        self.note(note);
    }

    fn note(&mut self, note: Note) {
        self.nonce_coming |= self.link_up;
        self.write(Content::Receipt(note));
    }

    /// Put a letter into the outbox, unless the same is there, and say it.
    fn write(&mut self, content: Content) {
        let waiting = self.memory.letters.iter().find(|letter| letter.content.repeats(&content));
        let number = waiting.map(|letter| letter.number).unwrap_or_else(|| {
            let number = self.memory.take_number();
            self.memory.letters.push(Letter { number, content });
            self.dirty = true;
            number
        });
        self.actions.push_back(Action::Say(number));
    }

    fn say_hello(&mut self) {
        self.nonce_coming = true;
        self.actions.push_back(Action::SayHello);
    }

    fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }

    fn tell_refused(&mut self, delivery: DeliveryId, attempt: u32, reason: Reason) {
        self.tell(Event::Refused { delivery, attempt, reason });
    }
}

fn refusal(now: Time, warrant: &handover::Warrant, reason: Reason) -> Note {
    Note {
        delivery: warrant.delivery,
        attempt: warrant.attempt,
        command_hash: warrant.command_hash,
        stage: Stage::Refused(reason),
        at: now,
    }
}
