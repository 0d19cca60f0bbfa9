//! What the customer does at the display: top up, activate emergency credit, turn on supply that is armed, confirm a message.
//!
//! An electricity meter is asked in plain Smart Energy commands (GBCS PECS01 to PECS03) and answers at once, or is not there. A gas meter
//! is asked in HAN Only Messages (PCS01, PCS02; GBCS 10.2), closed by a MAC under the key of the two: the hub keeps them until the meter
//! wakes, so they wait here, stored, until the hub has them, and what they wanted is remembered until the meter answers. A message may
//! reach the meter twice; the meter takes a UTRN once, and active emergency credit stays active.
use crate::carrier::Outcome;
use crate::config::Gas;
use crate::display::{Fuel, Message};
use crate::event::{Done, Event, Heard};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use gbcs::crypto::{Crypto, CryptoError};
use gbcs::envelope::GroupingHeader;
use gbcs::gbz::zcl::{
    Body, ClusterCommand, Command, ConsumerTopUp, ConsumerTopUpResponse, SelectAvailableEmergencyCredit, ZclString,
};
use gbcs::gbz::{Component, Payload};
use gbcs::utrn::Utrn;
use gbcs::{Counter, Cra, Eui64, MessageCode, MessageId, MessageView, Time, envelope, protect};
use han::zcl::display::{LocalChangeSupply, MessageConfirmation, ask, cluster};
use han::zcl::{Direction, Frame, Status};
use minicbor::{Decode, Encode};

/// Requests under way at one time.
const MAX_REQUESTS: usize = 8;
/// How long an electricity meter may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// How long a gas request is offered to a hub that does not take it.
const HUB_WAIT: Duration = Duration::from_secs(30 * 60);
/// Between two such offers.
const RETRY_WAIT: Duration = Duration::from_secs(30);
/// In commands: it is a PPMID that asks.
const ORIGIN_PPMID: u8 = 2;

const PCS01: MessageCode = MessageCode(0x009B);
const PCS02: MessageCode = MessageCode(0x0090);

/// What a customer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pay in a UTRN.
    TopUp(Fuel, Utrn),
    /// Activate emergency credit.
    EmergencyCredit(Fuel),
    /// Turn on supply that is armed.
    EnableSupply(Fuel),
    /// The message on the display was read.
    ConfirmMessage(Fuel),
}

/// What a customer wants, without what is secret in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum Wish {
    /// Pay in a UTRN.
    #[n(1)]
    TopUp,
    /// Activate emergency credit.
    #[n(2)]
    EmergencyCredit,
    /// Turn on supply that is armed.
    #[n(3)]
    EnableSupply,
    /// The message on the display was read.
    #[n(4)]
    ConfirmMessage,
}

impl Action {
    /// Which meter it is about.
    pub const fn fuel(&self) -> Fuel {
        match self {
            Self::TopUp(fuel, _)
            | Self::EmergencyCredit(fuel)
            | Self::EnableSupply(fuel)
            | Self::ConfirmMessage(fuel) => *fuel,
        }
    }

    /// What it is.
    pub const fn wish(&self) -> Wish {
        match self {
            Self::TopUp(..) => Wish::TopUp,
            Self::EmergencyCredit(_) => Wish::EmergencyCredit,
            Self::EnableSupply(_) => Wish::EnableSupply,
            Self::ConfirmMessage(_) => Wish::ConfirmMessage,
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TopUp => "top-up",
            Self::EmergencyCredit => "emergency credit",
            Self::EnableSupply => "turning supply on",
            Self::ConfirmMessage => "confirming the message",
        })
    }
}

/// Names a request: its outcome comes as [`Event::Customer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u32);

/// Why a request was not even begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// This PPMID has no such meter.
    #[error("this PPMID is not paired with the {0} meter")]
    NoMeter(Fuel),
    /// Gas is turned on at the meter, by somebody who smells none; and a gas meter wants no messages confirmed.
    #[error("{0} cannot be done here for {1}")]
    NotHere(Wish, Fuel),
    /// There is no message on the display.
    #[error("there is no message to confirm")]
    NoMessage,
    /// Too many requests wait for their answers.
    #[error("too many requests wait for their answers")]
    Busy,
    /// The cryptographic library could not close the message.
    #[error("cannot protect the message: {0}")]
    Protect(CryptoError),
}

/// What must survive a loss of power.
#[derive(Clone, Debug, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Till {
    /// Requests so far.
    #[n(1)]
    requests: u32,
    /// The counter of the last HAN Only Message.
    #[n(2)]
    counter: u64,
    /// Requests to the gas meter.
    #[n(3)]
    gas: Vec<GasRequest>,
}

/// A request to the gas meter that is not answered.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
struct GasRequest {
    #[n(1)]
    id: u32,
    #[n(2)]
    wish: Wish,
    #[n(3)]
    counter: u64,
    #[cbor(n(4), with = "handover::cbor::time")]
    since: Time,
    /// The message, until the hub has it.
    #[cbor(n(5), with = "minicbor::bytes")]
    message: Option<Vec<u8>>,
    /// Not offered to the hub before.
    #[cbor(n(6), with = "handover::cbor::time")]
    not_before: Time,
    /// The hub was silent once, and may have it.
    #[n(7)]
    in_doubt: bool,
}

/// A UTRN is inside.
impl fmt::Debug for GasRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GasRequest").field("id", &self.id).field("wish", &self.wish).finish_non_exhaustive()
    }
}

/// A request to the electricity meter that is not answered.
struct Asked {
    id: RequestId,
    wish: Wish,
    cluster: u16,
    command: u8,
    tsn: u8,
    until: Time,
}

/// A command for the electricity meter.
pub(crate) struct ToMeter {
    pub(crate) id: RequestId,
    pub(crate) cluster: u16,
    pub(crate) zcl: Vec<u8>,
}

/// The customer's side of a PPMID.
pub(crate) struct Customer {
    me: Eui64,
    gas: Option<Gas>,
    asked: Vec<Asked>,
    answer_wait: Duration,
}

impl Till {
    const fn next_request(&mut self) -> RequestId {
        self.requests = self.requests.wrapping_add(1);
        RequestId(self.requests)
    }

    /// The oldest message that the hub does not have and may be offered now.
    pub(crate) fn due(&self, now: Time) -> Option<(RequestId, &[u8])> {
        let request = self.gas.iter().find(|request| request.message.is_some() && request.not_before <= now)?;
        Some((RequestId(request.id), request.message.as_deref()?))
    }

    /// When [`due`](Self::due) has something, if the tunnel is open, or a request is given up.
    /// That of a request whose message is in the tunnel comes when the message is out of it.
    pub(crate) fn timeout(
        &self,
        tunnel_open: bool,
        in_tunnel: Option<RequestId>,
        answer_wait: Duration,
    ) -> Option<Time> {
        let next = |request: &GasRequest| {
            let offer = request.message.as_ref().filter(|_| tunnel_open).map(|_| request.not_before);
            let end = request.since + if request.message.is_some() { HUB_WAIT } else { answer_wait };
            offer.into_iter().chain([end]).min()
        };
        let at_rest = self.gas.iter().filter(|request| in_tunnel != Some(RequestId(request.id)));
        at_rest.filter_map(next).min()
    }

    /// A request is over.
    pub(crate) fn forget(&mut self, id: RequestId) {
        self.gas.retain(|request| request.id != id.0);
    }
}

impl Customer {
    pub(crate) const fn new(me: Eui64, gas: Option<Gas>, answer_wait: Duration) -> Self {
        Self { me, gas, asked: Vec::new(), answer_wait }
    }

    /// There is this gas meter to ask now, or none.
    pub(crate) fn set_gas(&mut self, gas: Option<Gas>) {
        self.gas = gas;
    }

    /// Whether there is a gas meter to ask.
    pub(crate) const fn has_gas(&self) -> bool {
        self.gas.is_some()
    }

    pub(crate) const fn answer_wait(&self) -> Duration {
        self.answer_wait
    }

    /// Ask the gas meter: the message waits in the till.
    pub(crate) fn ask_gas<C: Crypto>(
        &self,
        now: Time,
        crypto: &C,
        till: &mut Till,
        action: &Action,
    ) -> Result<RequestId, NotBegun> {
        let gas = self.gas.as_ref().ok_or(NotBegun::NoMeter(Fuel::Gas))?;
        let (code, component) = match action {
            Action::TopUp(_, utrn) => (PCS01, Component::new(0, consumer_top_up(utrn))),
            Action::EmergencyCredit(_) => (PCS02, Component::new(0, EMERGENCY_CREDIT)),
            _ => return Err(NotBegun::NotHere(action.wish(), Fuel::Gas)),
        };
        if till.gas.len() >= MAX_REQUESTS {
            return Err(NotBegun::Busy);
        }
        // Milliseconds, as everybody's counters here: it rises even if the record is lost.
        let counter = Counter(now.0.max(till.counter + 1));
        let id = MessageId { originator: self.me, target: gas.meter, cra: Cra::Command, counter };
        let plain =
            envelope::Message::plain(GroupingHeader::new(id, code), Payload::new([component]).encode()).encode();
        let z = crypto.agree(&gas.own, &gas.key).map_err(NotBegun::Protect)?;
        let message = protect::add_mac(crypto, &z, &plain).map_err(|_| NotBegun::Protect(CryptoError::BadTag))?;
        till.counter = counter.0;
        let id = till.next_request();
        till.gas.push(GasRequest {
            id: id.0,
            wish: action.wish(),
            counter: counter.0,
            since: now,
            message: Some(message),
            not_before: now,
            in_doubt: false,
        });
        Ok(id)
    }

    /// Ask the electricity meter; `message` is what its display shows.
    pub(crate) fn ask_electricity(
        &mut self,
        now: Time,
        till: &mut Till,
        tsn: u8,
        action: &Action,
        message: Option<&Message>,
    ) -> Result<ToMeter, NotBegun> {
        if self.asked.len() >= MAX_REQUESTS {
            return Err(NotBegun::Busy);
        }
        let mut payload = Vec::new();
        let (cluster, command) = match action {
            Action::TopUp(_, utrn) => {
                Body::from(consumer_top_up(utrn)).encode(&mut payload);
                (cluster::PREPAYMENT, ask::TOP_UP)
            }
            Action::EmergencyCredit(_) => {
                Body::from(EMERGENCY_CREDIT).encode(&mut payload);
                (cluster::PREPAYMENT, ask::SELECT_EMERGENCY_CREDIT)
            }
            Action::EnableSupply(_) => {
                LocalChangeSupply { status: LocalChangeSupply::ON }.encode(&mut payload);
                (cluster::METERING, ask::LOCAL_CHANGE_SUPPLY)
            }
            Action::ConfirmMessage(_) => {
                let message = message.ok_or(NotBegun::NoMessage)?.id;
                MessageConfirmation { message, time: now.zigbee() }.encode(&mut payload);
                (cluster::MESSAGING, ask::CONFIRM_MESSAGE)
            }
        };
        let zcl = Frame {
            cluster_specific: true,
            manufacturer: None,
            direction: Direction::ToServer,
            disable_default_response: false,
            tsn,
            command,
            payload: &payload,
        };
        let (id, wish) = (till.next_request(), action.wish());
        self.asked.push(Asked { id, wish, cluster, command, tsn, until: now + ANSWER_WAIT });
        Ok(ToMeter { id, cluster, zcl: zcl.to_vec() })
    }

    /// What became of the message that was offered to the hub.
    pub(crate) fn settle(now: Time, till: &mut Till, id: RequestId, outcome: Outcome) -> Option<Event> {
        let request = till.gas.iter_mut().find(|request| request.id == id.0)?;
        match outcome {
            Outcome::Taken => {
                request.message = None;
                Some(event(id, request.wish, Fuel::Gas, Heard::Passed))
            }
            Outcome::Refused | Outcome::NotSent | Outcome::Silence => {
                request.in_doubt |= outcome == Outcome::Silence;
                request.not_before = now + RETRY_WAIT;
                None
            }
        }
    }

    /// A message through the tunnel: which request of ours the gas meter answers, and with what. `None` when it is no such answer, or
    /// is not the meter's.
    pub(crate) fn hear_gas<C: Crypto>(
        &self,
        crypto: &C,
        till: &Till,
        octets: &[u8],
    ) -> Option<(RequestId, Wish, Heard)> {
        let gas = self.gas.as_ref()?;
        let view = MessageView::parse(octets).ok()?;
        let (id, code) = (view.id(), view.message_code());
        if (id.cra, id.originator, id.target) != (Cra::Response, gas.meter, self.me) || ![PCS01, PCS02].contains(&code)
        {
            return None;
        }
        let request = till.gas.iter().find(|request| request.counter == id.counter.0)?;
        let z = crypto.agree(&gas.own, &gas.key).ok()?;
        protect::verify_mac(crypto, &z, &view).ok()?;
        let payload = Payload::parse(view.payload()).ok()?;
        let heard = match payload.components.first()?.body()? {
            Body::Cluster(Command::ConsumerTopUpResponse(response)) if code == PCS01 => of_top_up(response),
            Body::DefaultResponse { status, .. } => of_status(Status::from(status.0)),
            _ => return None,
        };
        Some((RequestId(request.id), request.wish, heard))
    }

    /// A frame of the electricity meter: its answer to a request, if it is one.
    pub(crate) fn hear_electricity(&mut self, cluster: u16, zcl: &[u8]) -> Option<Event> {
        let frame = Frame::parse(zcl).ok().filter(|frame| frame.direction == Direction::ToClient)?;
        let at = self.asked.iter().position(|asked| (asked.tsn, asked.cluster) == (frame.tsn, cluster))?;
        let heard = match frame.as_default_response() {
            Some(response) if response.command == self.asked[at].command => of_status(response.status),
            Some(_) => return None,
            None if frame.cluster_specific && frame.command == ConsumerTopUpResponse::ID => {
                let from_server = gbcs::gbz::zcl::CLUSTER_SPECIFIC | gbcs::gbz::zcl::FROM_SERVER;
                match Body::parse(cluster, from_server, frame.command, frame.payload) {
                    Body::Cluster(Command::ConsumerTopUpResponse(response)) => of_top_up(&response),
                    _ => return None,
                }
            }
            None => return None,
        };
        let asked = self.asked.swap_remove(at);
        Some(event(asked.id, asked.wish, Fuel::Electricity, heard))
    }

    /// The electricity meter did not hear a request.
    pub(crate) fn unheard(&mut self, id: RequestId) -> Option<Event> {
        let at = self.asked.iter().position(|asked| asked.id == id)?;
        let asked = self.asked.swap_remove(at);
        Some(event(asked.id, asked.wish, Fuel::Electricity, Heard::Unreachable))
    }

    /// A request that was waited for long enough.
    pub(crate) fn expired(&mut self, now: Time, till: &mut Till, in_tunnel: Option<RequestId>) -> Option<Event> {
        if let Some(at) = self.asked.iter().position(|asked| asked.until <= now) {
            let asked = self.asked.swap_remove(at);
            return Some(event(asked.id, asked.wish, Fuel::Electricity, Heard::NoAnswer));
        }
        for request in till.gas.iter_mut().filter(|request| in_tunnel != Some(RequestId(request.id))) {
            // The hub may have it: its answer is waited for.
            if request.in_doubt && request.since + HUB_WAIT <= now {
                request.message = None;
            }
        }
        let over = |request: &&GasRequest| {
            let wait = if request.message.is_some() { HUB_WAIT } else { self.answer_wait };
            in_tunnel != Some(RequestId(request.id)) && request.since + wait <= now
        };
        let id = till.gas.iter().find(over)?.id;
        let at = till.gas.iter().position(|request| request.id == id)?;
        let request = till.gas.remove(at);
        let heard = if request.message.is_some() { Heard::Unreachable } else { Heard::NoAnswer };
        Some(event(RequestId(request.id), request.wish, Fuel::Gas, heard))
    }

    /// When an electricity request is over.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.asked.iter().map(|asked| asked.until).min()
    }
}

const EMERGENCY_CREDIT: SelectAvailableEmergencyCredit =
    SelectAvailableEmergencyCredit { issue_time: 0, originating_device: ORIGIN_PPMID };

fn consumer_top_up(utrn: &Utrn) -> ConsumerTopUp {
    let code = ZclString::new(utrn.expose().as_bytes()).unwrap_or_default();
    ConsumerTopUp { originating_device: ORIGIN_PPMID, code }
}

fn event(id: RequestId, wish: Wish, fuel: Fuel, heard: Heard) -> Event {
    Event::Customer { id, wish, fuel, heard }
}

fn of_status(status: Status) -> Heard {
    match status {
        Status::Success => Heard::Done(Done::default()),
        other => Heard::Refused(other),
    }
}

/// 00 accepted; 10, 11, 12 accepted and supply on, off, armed; others are refusals.
fn of_top_up(response: &ConsumerTopUpResponse) -> Heard {
    match response.result {
        result @ (0x00 | 0x10..=0x12) => Heard::Done(Done {
            credited: Some(response.value),
            balance: Some(response.credit_remaining),
            armed: result == 0x12,
        }),
        other => Heard::TopUpRefused(other.into()),
    }
}

#[cfg(test)]
mod tests;
