//! The device: session and carrier joined, and their outputs in the one order that is safe.
mod own;

use crate::carrier::{self, Carrier};
use crate::config::{Config, Refresh};
use crate::customer::{Action as Wanted, Customer, NotBegun, RequestId};
use crate::display::{Fuel, Questions, Reading, Shown};
use crate::event::{Done, Event, Heard, Tally};
use crate::memory::{BadMemory, Memory};
use crate::session::{Action, Session};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};
use han::Key;
use han::airtime::Airtime;
use han::node::Handle;
use han::partner::Brought;
use han::zcl::Frame;

/// What a PPMID wants done, in order.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Put this PSDU on the air.
    Transmit(Vec<u8>),
    /// Send this to the head end; call [`Ppmid::up_stored`] when the head end has stored it.
    Up {
        /// Names it.
        id: u64,
        /// The octets: a message of the handover protocol.
        payload: Vec<u8>,
    },
    /// Store this, in place of what was stored before, before doing what follows.
    Persist(Vec<u8>),
    /// Something to show.
    Event(Event),
    /// Nothing more now; call [`Ppmid::handle_timeout`] at this time, if there is one.
    Timeout(Option<Time>),
}

/// Lengths only: what is inside is not for logs.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit(psdu) => write!(f, "Transmit({} octets)", psdu.len()),
            Self::Up { id, payload } => write!(f, "Up({id}, {} octets)", payload.len()),
            Self::Persist(memory) => write!(f, "Persist({} octets)", memory.len()),
            Self::Event(event) => write!(f, "Event({event:?})"),
            Self::Timeout(at) => write!(f, "Timeout({at:?})"),
        }
    }
}

/// A PPMID. See the [crate](crate) for how to drive it and for what it promises.
pub struct Ppmid<C> {
    session: Session<C>,
    carrier: Carrier,
    customer: Customer,
    questions: Questions,
    refresh: Option<Refresh>,
    shown: Shown,
    /// Whose message is in the tunnel: it carries one at a time.
    in_tunnel: Option<Sender>,
    /// Requests to the electricity meter that its stack has not acknowledged.
    to_meter: Vec<(Handle, RequestId)>,
    config: Config,
    /// Until when a Response of its own that the hub did not take waits.
    own_not_before: Option<Time>,
    now: Time,
    outputs: VecDeque<Queued>,
}

/// Whose a message in the tunnel is.
#[derive(Clone, PartialEq, Eq)]
enum Sender {
    HeadEnd,
    Customer(RequestId),
    /// The PPMID's own: this Response.
    Own(Vec<u8>),
}

impl Sender {
    const fn request(&self) -> Option<RequestId> {
        match self {
            Self::Customer(id) => Some(*id),
            Self::HeadEnd | Self::Own(_) => None,
        }
    }
}

/// Letters are signed when they are polled: after what they say was stored.
enum Queued {
    Ready(Output),
    Say(u64),
    SayHello,
}

impl<C: Crypto> Ppmid<C> {
    /// A PPMID that starts; `stored` is what the last `Persist` held, if there ever was one. Drain it at once.
    ///
    /// # Errors
    /// [`BadMemory`] when `stored` is no such thing. A device whose memory is lost may start without: what it held is then
    /// lost too, and the head end will learn of it from silence.
    pub fn new(now: Time, crypto: C, config: &Config, stored: Option<&[u8]>) -> Result<Self, BadMemory> {
        let mut memory = Memory::parse(stored)?;
        if stored.is_none() {
            memory.counters = config.node.counters.clone();
        }
        let counters = memory.counters.clone();
        let ephemeral = own::ephemeral(&crypto, config, memory.starts);
        let carrier = Carrier::new(now, config, counters, memory.own(), ephemeral);
        let gas = memory.own().gas(&crypto, config);
        let session = Session::new(now, crypto, config, memory);
        let mut device = Self {
            session,
            carrier,
            customer: Customer::new(config.node.eui, gas, config.answer_wait),
            questions: Questions::default(),
            refresh: config.refresh,
            shown: Shown::default(),
            in_tunnel: None,
            to_meter: Vec::new(),
            config: config.clone(),
            own_not_before: None,
            now,
            outputs: VecDeque::new(),
        };
        device.refresh(now);
        device.run(now);
        Ok(device)
    }

    /// The link to the head end is up: says what is unsaid, then Hello.
    pub fn link_up(&mut self, now: Time) {
        self.session.link_up(now);
        self.run(now);
    }

    /// The link to the head end is down: nothing is said until it is up.
    pub fn link_down(&mut self, now: Time) {
        self.session.link_down(now);
        self.run(now);
    }

    /// Takes a message from the head end. Once drained, all that it led to is stored, so the driver may acknowledge it.
    pub fn handle_down(&mut self, now: Time, octets: &[u8]) {
        self.session.handle_down(now, octets);
        self.run(now);
    }

    /// The head end has stored the message that this id named; ids unknown are ignored.
    pub fn up_stored(&mut self, id: u64) {
        self.session.stored(id);
    }

    /// Takes a PSDU that the radio heard.
    pub fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        self.carrier.handle_frame(now, psdu);
        self.run(now);
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        self.carrier.handle_timeout(now);
        self.session.run(now);
        self.refresh(now);
        self.run(now);
    }

    /// The next thing to do; drain it until `Timeout` after every call.
    pub fn poll(&mut self) -> Output {
        if let Some(memory) = self.session.take_memory() {
            return Output::Persist(memory);
        }
        while let Some(queued) = self.outputs.pop_front() {
            let (id, sealed) = match queued {
                Queued::Ready(output) => return output,
                Queued::Say(id) => match self.session.sign(self.now, id) {
                    Some(sealed) => (id, sealed),
                    None => continue,
                },
                Queued::SayHello => match self.session.sign_hello(self.now) {
                    Some(hello) => hello,
                    None => continue,
                },
            };
            return match sealed {
                Ok(payload) => Output::Up { id, payload },
                Err(_) => Output::Event(Event::CannotSign),
            };
        }
        let open = self.carrier.is_open() && self.in_tunnel.is_none();
        let (in_tunnel, wait) = (self.in_tunnel.as_ref().and_then(Sender::request), self.customer.answer_wait());
        let till = self.session.till().and_then(|till| till.timeout(open, in_tunnel, wait));
        let response = self.own_not_before.filter(|_| open);
        let display = self.questions.timeout();
        let own = [self.session.timeout(), till, self.customer.timeout(), display, self.carrier.timeout(), response];
        Output::Timeout(own.into_iter().flatten().min())
    }

    /// Ask for all that the display shows; [`Event::DisplayChanged`] follows where anything is new.
    pub fn refresh_display(&mut self, now: Time) {
        let fuels = self.fuels();
        self.questions.ask_all(&fuels);
        self.run(now);
    }

    /// What the display shows of both meters, as the electricity meter and the hub last told.
    pub const fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The customer wants something done; what comes of it is told by [`Event::Customer`].
    ///
    /// # Errors
    /// It cannot be asked for here.
    pub fn customer(&mut self, now: Time, action: &Wanted) -> Result<RequestId, NotBegun> {
        let begun = match action.fuel() {
            Fuel::Gas if !self.customer.has_gas() => Err(NotBegun::NoMeter(Fuel::Gas)),
            Fuel::Gas => {
                let (crypto, till) = self.session.till_mut();
                self.customer.ask_gas(now, crypto, till, action)
            }
            Fuel::Electricity => self.ask_electricity(now, action),
        };
        self.run(now);
        begun
    }

    /// What it put on the air: its duty.
    pub const fn airtime(&self) -> &Airtime {
        self.carrier.airtime()
    }

    /// Its own EUI-64.
    pub const fn eui(&self) -> Eui64 {
        self.config.node.eui
    }

    /// The hub of its network; of one out of its box that of no network.
    pub const fn hub(&self) -> Eui64 {
        self.carrier.hub()
    }

    /// The link keys that it shares with devices other than the hub: for whoever opens a capture.
    pub fn partner_keys(&self) -> impl Iterator<Item = (Eui64, &Key)> {
        self.carrier.partners().keys()
    }

    /// Counts since the start of what came to nothing.
    pub const fn tally(&self) -> Tally {
        self.session.tally()
    }

    /// Let session and carrier feed each other until both are at rest.
    fn run(&mut self, now: Time) {
        self.now = now;
        loop {
            if let Some(action) = self.session.poll() {
                match action {
                    Action::Hand(command) => {
                        self.in_tunnel = Some(Sender::HeadEnd);
                        self.carrier.send(now, command);
                    }
                    Action::Say(number) => self.outputs.push_back(Queued::Say(number)),
                    Action::SayHello => self.outputs.push_back(Queued::SayHello),
                    Action::Tell(event) => self.tell(event),
                }
            } else if let Some(output) = self.carrier.poll() {
                self.handle_carrier(now, output);
            } else if !self.run_customer(now) && !self.run_own(now) && !self.ask_next(now) {
                return;
            }
        }
    }

    /// Offer the hub what the customer wants of the gas meter, and give up what was waited for long enough; whether anything was done.
    fn run_customer(&mut self, now: Time) -> bool {
        let due = self.session.till().and_then(|till| till.due(now)).map(|(id, message)| (id, message.to_vec()));
        if let Some((id, message)) = due.filter(|_| self.in_tunnel.is_none() && self.carrier.is_open()) {
            self.in_tunnel = Some(Sender::Customer(id));
            self.tell_tunnel(now);
            self.carrier.send(now, message);
            return true;
        }
        let (in_tunnel, wait) = (self.in_tunnel.as_ref().and_then(Sender::request), self.customer.answer_wait());
        let due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        let till = self.session.till().and_then(|till| till.timeout(false, in_tunnel, wait));
        if !due(till) && !due(self.customer.timeout()) {
            return false;
        }
        let (_, till) = self.session.till_mut();
        let expired = self.customer.expired(now, till, in_tunnel);
        let any = expired.is_some();
        if let Some(event) = expired {
            if let Event::Customer { id, .. } = event {
                self.to_meter.retain(|(_, asked)| *asked != id);
            }
            self.tell(event);
        }
        any
    }

    /// Ask the next question of the display; whether there was one.
    fn ask_next(&mut self, now: Time) -> bool {
        let Some(question) = self.questions.next(now) else { return false };
        self.carrier.ask(now, question.hub_endpoint, question.cluster, question.zcl);
        true
    }

    fn refresh(&mut self, now: Time) {
        if let Some(refresh) = self.refresh {
            let fuels = self.fuels();
            self.questions.refresh(now, &refresh, &fuels, self.carrier.on_air(now));
        }
    }

    /// The meters that the display shows: gas by way of the hub, which is always there.
    fn fuels(&self) -> Vec<Fuel> {
        let electricity = self.carrier.electricity().map(|_| Fuel::Electricity);
        electricity.into_iter().chain([Fuel::Gas]).collect()
    }

    fn ask_electricity(&mut self, now: Time, action: &Wanted) -> Result<RequestId, NotBegun> {
        if self.carrier.electricity().is_none() {
            return Err(NotBegun::NoMeter(Fuel::Electricity));
        }
        let tsn = self.questions.take_tsn();
        let message = self.shown.electricity.message.as_ref().map(|message| &message.value);
        let (_, till) = self.session.till_mut();
        let to_meter = self.customer.ask_electricity(now, till, tsn, action, message)?;
        let handle = self.carrier.ask(now, None, to_meter.cluster, to_meter.zcl);
        self.to_meter.extend(handle.map(|handle| (handle, to_meter.id)));
        Ok(to_meter.id)
    }

    /// The session has the tunnel unless the customer has it.
    fn tell_tunnel(&mut self, now: Time) {
        let lent = matches!(self.in_tunnel, Some(Sender::Customer(_) | Sender::Own(_)));
        self.session.tunnel(now, self.carrier.is_open() && !lent);
    }

    /// What became of the message in the tunnel. The customer, who stands there and waits, goes first.
    fn handle_outcome(&mut self, now: Time, outcome: carrier::Outcome) {
        match self.in_tunnel.take() {
            Some(Sender::Customer(id)) => {
                let (_, till) = self.session.till_mut();
                let event = Customer::settle(now, till, id, outcome);
                event.into_iter().for_each(|event| self.tell(event));
                self.tell_tunnel(now);
            }
            Some(Sender::Own(response)) => {
                self.settle_own(now, &response, outcome);
                self.tell_tunnel(now);
            }
            Some(Sender::HeadEnd) | None => {
                let customer_waits = self.session.till().is_some_and(|till| till.due(now).is_some());
                if customer_waits || self.own_due(now).is_some() {
                    self.session.tunnel(now, false);
                    self.session.handle_outcome(now, outcome);
                    if !self.run_customer(now) && !self.run_own(now) {
                        self.tell_tunnel(now);
                    }
                } else {
                    self.session.handle_outcome(now, outcome);
                }
            }
        }
    }

    fn handle_data(&mut self, now: Time, octets: Vec<u8>) {
        if self.is_command(&octets) {
            return self.handle_command(now, &octets);
        }
        let till = self.session.till();
        let answer = till.and_then(|till| self.customer.hear_gas(self.session.crypto(), till, &octets));
        let Some((id, wish, heard)) = answer else { return self.session.handle_data(now, octets) };
        self.session.till_mut().1.forget(id);
        if let Heard::Done(Done { balance: Some(value), .. }) = heard {
            self.shown.gas.credit_remaining = Some(Reading { value, at: now });
            self.tell(Event::DisplayChanged);
        }
        self.tell(Event::Customer { id, wish, fuel: Fuel::Gas, heard });
    }

    /// A frame of a cluster other than that of tunnels: of the hub about gas, of the electricity meter about itself, of anybody else about
    /// nothing.
    fn handle_zcl(&mut self, now: Time, from: Eui64, cluster: u16, zcl: &[u8]) {
        let fuel = if from == self.carrier.hub() {
            Fuel::Gas
        } else if Some(from) == self.carrier.electricity() {
            Fuel::Electricity
        } else {
            return;
        };
        if let Ok(frame) = Frame::parse(zcl) {
            self.questions.heard(frame.tsn);
        }
        if fuel == Fuel::Electricity
            && let Some(event) = self.customer.hear_electricity(cluster, zcl)
        {
            if let Event::Customer { id, heard, .. } = event {
                self.to_meter.retain(|(_, asked)| *asked != id);
                // What was done shows.
                if let Heard::Done(_) = heard {
                    self.questions.ask_all(&[Fuel::Electricity]);
                }
            }
            self.tell(event);
            return;
        }
        if self.shown.hear(now, fuel, cluster, zcl) {
            self.tell(Event::DisplayChanged);
        }
    }

    fn handle_carrier(&mut self, now: Time, output: carrier::Output) {
        match output {
            carrier::Output::Transmit(psdu) => self.outputs.push_back(Queued::Ready(Output::Transmit(psdu))),
            carrier::Output::Counters(counters) => self.session.set_counters(counters),
            carrier::Output::Opened => {
                self.tell(Event::TunnelOpened);
                self.tell_tunnel(now);
            }
            carrier::Output::Closed(reason) => {
                self.tell(Event::TunnelClosed(reason));
                self.tell_tunnel(now);
            }
            carrier::Output::TunnelRefused(status) => self.tell(Event::TunnelRefused(status)),
            carrier::Output::Outcome(outcome) => self.handle_outcome(now, outcome),
            carrier::Output::Data(octets) => self.handle_data(now, octets),
            carrier::Output::FrameRefused(refusal) => self.tell(Event::FrameRefused(refusal)),
            carrier::Output::Zcl(from, cluster, zcl) => self.handle_zcl(now, from, cluster, &zcl),
            carrier::Output::Joined(commissioned) => self.handle_joined(&commissioned),
            carrier::Output::Partners(partners) => self.session.own_mut().1.partners = partners,
            carrier::Output::Key(Brought::Taken(device)) => self.tell(Event::PartnerKey(device)),
            carrier::Output::Key(Brought::NotJoined(device)) => self.tell(Event::PartnerKeyNotTaken(device)),
            carrier::Output::Key(Brought::Ignored) => {}
            carrier::Output::Paired => self.questions.ask_all(&[Fuel::Electricity]),
            carrier::Output::Unheard(handle) => {
                if let Some(at) = self.to_meter.iter().position(|(ours, _)| *ours == handle) {
                    let (_, id) = self.to_meter.swap_remove(at);
                    let event = self.customer.unheard(id);
                    event.into_iter().for_each(|event| self.tell(event));
                }
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Queued::Ready(Output::Event(event)));
    }
}
