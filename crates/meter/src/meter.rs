//! The meter: state, keys, objects and, where there is a radio, the home's network around them.
use crate::battery::Battery;
use crate::blocks::{self, Blocks};
use crate::clock::ClockStatus;
use crate::config::{Kind, MeterConfig};
use crate::event::{Event, Output};
use crate::link::Link;
use crate::load::Load;
use crate::logs::Log;
use crate::metering::Energy;
use crate::prepayment::Account;
use crate::refusal::Refusal;
use crate::register::Register;
use crate::secrets::Secrets;
use crate::state::{State, StateError};
use crate::variant::Variant;
use crate::voltage::Grid;
use crate::zse::Displays;
use crate::{command, due, passage};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::{Counter, Eui64, MessageCode, Time};

/// Responses and Alerts kept for a hub that does not take them; the oldest goes first.
const MAX_OUTBOX: usize = 32;

/// The step at which the counter of a Command is recorded (gbcs-messages 8.1).
const RECORDING: u8 = 10;

/// A meter core.
///
/// Sans-IO: every call takes the time and an input; **drain [`poll`](Self::poll) until [`Output::Timeout`] after every call**,
/// and store what [`Output::Persist`] gives before acting on what follows it.
pub struct Meter<C> {
    pub(crate) crypto: C,
    pub(crate) config: MeterConfig,
    pub(crate) secrets: Secrets,
    pub(crate) state: State,
    pub(crate) vigil: Vigil,
    pub(crate) blocks: Blocks,
    pub(crate) displays: Displays,
    pub(crate) link: Option<Link>,
    outputs: VecDeque<Output>,
}

/// What was refused lately (code 0x8F60) and raised lately; forgotten at a restart.
#[derive(Default)]
pub(crate) struct Vigil {
    /// Start of the hour, and refusals in it.
    pub refusals: (Time, u32),
    /// Alert codes raised because of refusals, and when: an hour between two of a kind, or anyone on the HAN could make the
    /// meter sign without end.
    pub raised: Vec<(u16, Time)>,
}

impl<C: Crypto> Meter<C> {
    /// A meter that starts, with what its last [`Output::Persist`] said; `None` for one fresh from the factory.
    ///
    /// # Errors
    /// The state is not one of this kind of meter and version.
    pub fn new(mut config: MeterConfig, crypto: C, state: Option<&[u8]>) -> Result<Self, StateError> {
        let mut state = match state {
            Some(octets) => State::parse(config.kind, octets)?,
            None => State::new(config.kind, &config.factory),
        };
        state.books.variant = config.variant;
        state.credentials.apply(&crypto, &mut config);
        let link = config.radio.clone().map(|radio| Link::new(&config, radio, &mut state));
        let (secrets, vigil, displays) = (Secrets::default(), Vigil::default(), Displays::new());
        let blocks = Blocks::new(blocks::limits(&config));
        Ok(Self { crypto, config, secrets, state, vigil, blocks, displays, link, outputs: VecDeque::new() })
    }

    /// Take one message, or one block of one, and execute it: what a tunnel would bring, without the tunnel. The Response, if there
    /// is one; hand it on only after storing the state that comes by [`poll`](Self::poll).
    pub fn handle_message(&mut self, now: Time, message: &[u8]) -> Option<Vec<u8>> {
        let passed = self.advance(now);
        let response = command::handle(self, now, message);
        if response.is_some() || passed {
            self.persist();
        }
        // An Alert may have come of it.
        self.run(now);
        response
    }

    /// Take a frame that the radio heard (a PSDU, frame check sequence included).
    pub fn handle_frame(&mut self, now: Time, frame: &[u8]) {
        if let Some(link) = &mut self.link {
            self.state.books.battery.frame();
            link.handle_frame(now, frame);
            self.run(now);
        }
    }

    /// Do what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.advance(now) {
            self.persist();
        }
        self.expire_blocks(now);
        if let Some(link) = &mut self.link {
            link.handle_timeout(now);
        }
        self.run(now);
    }

    /// A gas meter: call on the hub now, as for something that happened locally. Others ignore this.
    pub fn wake_now(&mut self, now: Time) {
        if let Some(link) = &mut self.link {
            link.wake(now, &self.state);
        }
        self.run(now);
    }

    /// Charge for consumption that was priced elsewhere, in thousandths of a penny.
    pub fn consume(&mut self, now: Time, millipence: i32) {
        self.advance(now);
        let before = self.state.books.account.clone();
        self.state.books.account.consume(millipence);
        self.notice(now, &before, MessageCode(0), Counter(0));
        self.persist();
        self.run(now);
    }

    /// Meter what was consumed (watt hours, or litres of gas) and charge for it by the tariff: what the metrology of a real meter
    /// does by itself.
    pub fn handle_energy(&mut self, now: Time, energy: Energy) {
        self.advance(now);
        let before = self.state.books.account.clone();
        self.count(now, &energy);
        self.notice(now, &before, MessageCode(0), Counter(0));
        self.persist();
        self.run(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Timeout(self.timeout()))
    }

    /// The meter's Entity Identifier.
    pub fn eui(&self) -> Eui64 {
        self.config.eui
    }

    /// Electricity or gas.
    pub fn kind(&self) -> Kind {
        self.config.kind
    }

    /// How many elements and phases an electricity meter has.
    pub fn variant(&self) -> Variant {
        self.config.variant
    }

    /// What the household draws from now on.
    pub fn set_load(&mut self, load: Option<Load>) {
        self.config.load = load;
    }

    /// The link keys that the meter shares with devices other than the hub: for whoever opens a capture.
    pub fn partner_keys(&self) -> impl Iterator<Item = (Eui64, &han::Key)> {
        self.state.partners.keys()
    }

    /// The same through the second element.
    pub fn set_second_load(&mut self, load: Option<Load>) {
        self.config.second_load = load;
    }

    /// The voltage of the street from now on.
    pub fn set_grid(&mut self, grid: Option<Grid>) {
        self.config.grid = grid;
    }

    /// Until when the meter has lived; `None` before its first moment.
    pub fn passed(&self) -> Option<Time> {
        let passed = self.state.books.clock.passed;
        (passed != 0).then(|| Time::from_zigbee(passed))
    }

    /// The money of the meter.
    pub fn account(&self) -> &Account {
        &self.state.books.account
    }

    /// What a gas meter drew from its battery.
    pub fn battery(&self) -> &Battery {
        &self.state.books.battery
    }

    /// What the meter thinks of its clock.
    pub fn clock_status(&self) -> ClockStatus {
        self.state.books.clock.status
    }

    /// Day by day, oldest first: when it ended, and balance, Emergency Credit balance, accumulated debt, time debts, payment debt
    /// then.
    pub fn daily_balances(&self) -> impl Iterator<Item = (Time, [i32; 6])> {
        let days = self.state.books.profiles.daily_prepayment.iter();
        days.map(|day| (Time::from_zigbee(day.at), core::array::from_fn(|n| day.value(n) as i32)))
    }

    /// What the meter holds, for people.
    pub fn registers(&self) -> Vec<Register> {
        self.state.registers()
    }

    /// Commands actioned and not, credit events, and the like.
    pub fn event_log(&self) -> &Log {
        &self.state.books.event_log
    }

    /// Voltage and outages.
    pub fn power_log(&self) -> &Log {
        &self.state.books.power_log
    }

    /// What was refused and why.
    pub fn security_log(&self) -> &Log {
        &self.state.books.security_log
    }

    /// The whole state as [`Output::Persist`] gives it.
    pub fn state(&self) -> Vec<u8> {
        self.state.encode()
    }

    /// Responses and Alerts that the hub has not taken yet, oldest first.
    pub fn outbox(&self) -> impl Iterator<Item = &[u8]> {
        self.state.outbox.iter().map(|message| message.as_slice())
    }

    /// How many messages wait for the hub to take them.
    pub fn outbox_len(&self) -> usize {
        self.state.outbox.len()
    }

    /// Octets held of messages that come or went in blocks.
    pub fn blocks_held(&self) -> usize {
        self.blocks.held()
    }

    /// Emit the state, to be stored before whatever is emitted next.
    pub(crate) fn persist(&mut self) {
        self.displays.stale = true;
        let record = self.state.encode();
        self.outputs.push_back(Output::Persist(record));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn transmit(&mut self, frame: Vec<u8>) {
        self.state.books.battery.frame();
        self.outputs.push_back(Output::Transmit(frame));
    }

    /// Put a message of the meter's own into the outbox. The caller persists.
    pub(crate) fn post(&mut self, message: Vec<u8>) {
        if self.state.outbox.len() == MAX_OUTBOX {
            self.state.outbox.pop_front();
            if let Some(link) = &mut self.link {
                link.outbox_shifted();
            }
            self.event(Event::OutboxOverflow);
        }
        self.state.outbox.push_back(message.into());
    }

    /// Live through the time until `now`, with what falls due on the way; whether anything changed.
    pub(crate) fn advance(&mut self, now: Time) -> bool {
        let mut changed = false;
        while let Some(due) = self.state.pending.iter().map(|pending| Time(pending.due)).min().filter(|due| *due <= now)
        {
            // A half hour that ends when a tariff begins belongs to the old one.
            self.pass(due);
            due::execute(self, due);
            changed = true;
        }
        self.pass(now) | changed
    }

    /// Discard a Command: log, count, raise what its refusal asks for. Gives nothing to answer.
    pub(crate) fn refuse(&mut self, now: Time, message: &[u8], refusal: Refusal) {
        let route = gbcs::MessageView::parse(message).ok();
        let (id, code) = (route.as_ref().map(|v| v.id()), route.as_ref().map(|v| v.message_code()));
        let consequence = refusal.consequence(self.config.kind);
        let counter = id.map_or(Counter(0), |id| id.counter);
        if let Some(log) = consequence.log {
            self.state.books.security_log.push(now, log, code.unwrap_or_default(), counter);
            if consequence.alert {
                self.raise_guarded(now, log, code.unwrap_or_default(), counter);
            }
            self.count_refusal(now);
        }
        // The counter was recorded before what failed: it must not be acceptable after a restart either.
        if consequence.step > RECORDING {
            self.persist();
        }
        self.event(Event::Refused { id, code, refusal });
    }

    /// Everything the link wants done, until nothing is left.
    pub(crate) fn run(&mut self, now: Time) {
        while let Some(mut link) = self.link.take() {
            let again = link.run(now, self);
            self.link = Some(link);
            if !again {
                break;
            }
        }
    }

    fn timeout(&self) -> Option<Time> {
        let due = self.state.pending.iter().map(|pending| Time(pending.due)).min();
        let link = self.link.as_ref().and_then(Link::timeout);
        let partners = self.link.as_ref().and_then(|_| self.state.partners.timeout());
        let half_hour = passage::next(self.state.books.clock.passed);
        due.into_iter().chain(link).chain(partners).chain(half_hour).chain(self.blocks.deadline()).min()
    }
}
