//! The device: session and carrier joined, and their outputs in the one order that is safe.
use crate::carrier::{self, Carrier};
use crate::config::Config;
use crate::display::{Display, Shown};
use crate::event::{Event, Tally};
use crate::memory::{BadMemory, Memory};
use crate::session::{Action, Session};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};

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
    display: Display,
    eui: Eui64,
    now: Time,
    outputs: VecDeque<Queued>,
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
        let carrier = Carrier::new(now, config, memory.counters.clone());
        let session = Session::new(now, crypto, config, memory);
        let mut device =
            Self { session, carrier, display: Display::default(), eui: config.node.eui, now, outputs: VecDeque::new() };
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
        Output::Timeout(self.session.timeout().into_iter().chain(self.carrier.timeout()).min())
    }

    /// Ask the hub for all that the display shows; [`Event::DisplayChanged`] follows where anything is new.
    pub fn refresh_display(&mut self, now: Time) {
        for question in self.display.ask() {
            self.carrier.ask(now, question);
        }
        self.run(now);
    }

    /// What the display shows of the gas meter, as the hub last told.
    pub const fn shown(&self) -> &Shown {
        self.display.shown()
    }

    /// Its own EUI-64.
    pub const fn eui(&self) -> Eui64 {
        self.eui
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
                    Action::Hand(command) => self.carrier.send(now, command),
                    Action::Say(number) => self.outputs.push_back(Queued::Say(number)),
                    Action::SayHello => self.outputs.push_back(Queued::SayHello),
                    Action::Tell(event) => self.tell(event),
                }
            } else if let Some(output) = self.carrier.poll() {
                self.handle_carrier(now, output);
            } else {
                return;
            }
        }
    }

    fn handle_carrier(&mut self, now: Time, output: carrier::Output) {
        match output {
            carrier::Output::Transmit(psdu) => self.outputs.push_back(Queued::Ready(Output::Transmit(psdu))),
            carrier::Output::Counters(counters) => self.session.set_counters(counters),
            carrier::Output::Opened => {
                self.tell(Event::TunnelOpened);
                self.session.tunnel(now, true);
            }
            carrier::Output::Closed(reason) => {
                self.tell(Event::TunnelClosed(reason));
                self.session.tunnel(now, false);
            }
            carrier::Output::TunnelRefused(status) => self.tell(Event::TunnelRefused(status)),
            carrier::Output::Outcome(outcome) => self.session.handle_outcome(now, outcome),
            carrier::Output::Data(octets) => self.session.handle_data(now, octets),
            carrier::Output::FrameRefused(refusal) => self.tell(Event::FrameRefused(refusal)),
            carrier::Output::Zcl(cluster, zcl) => {
                if self.display.hear(cluster, &zcl) {
                    self.tell(Event::DisplayChanged);
                }
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Queued::Ready(Output::Event(event)));
    }
}
