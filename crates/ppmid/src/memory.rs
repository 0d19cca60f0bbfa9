//! What survives a loss of power: one CBOR record, and the rules that bound it.
use crate::customer::Till;
use crate::own::Own;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, MessageId, Time};
use han::node::FrameCounters;
use handover::{Answer, DeliveryId, Reason, Stage, cbor};
use minicbor::{Decode, Encode};

/// The octets given back at a start are not what a PPMID asked to have stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the stored state of a PPMID: {0}")]
pub struct BadMemory(#[from] handover::Error);

/// The device's whole durable state.
#[derive(Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Memory {
    /// Starts of the device so far.
    #[n(1)]
    pub(crate) starts: u32,
    /// The next letter's number.
    #[n(2)]
    pub(crate) next_letter: u64,
    /// In the order in which they were accepted.
    #[n(3)]
    pub(crate) deliveries: Vec<Delivery>,
    /// What the head end has not stored yet, in order.
    #[n(4)]
    pub(crate) letters: Vec<Letter>,
    /// The ZigBee frame counters.
    #[n(5)]
    pub(crate) counters: FrameCounters,
    /// What the customer wanted; absent until somebody wants something.
    #[n(6)]
    pub(crate) till: Option<Till>,
    /// What is about the device itself; absent in records from before there was any.
    #[n(7)]
    own: Option<Own>,
}

/// One delivery; of its attempts, the latest.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Delivery {
    #[n(1)]
    pub(crate) id: DeliveryId,
    #[n(2)]
    pub(crate) attempt: u32,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(crate) command_hash: [u8; 32],
    #[n(4)]
    pub(crate) subject: Subject,
    #[cbor(n(5), with = "cbor::time")]
    pub(crate) not_after: Time,
    /// When `state` came about.
    #[cbor(n(6), with = "cbor::time")]
    pub(crate) since: Time,
    #[n(7)]
    pub(crate) state: State,
}

/// Which message a delivery carries: what an answer is matched by.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Subject {
    #[cbor(n(1), with = "cbor::eui64")]
    originator: Eui64,
    #[cbor(n(2), with = "cbor::eui64")]
    target: Eui64,
    #[cbor(n(3), with = "cbor::counter")]
    counter: gbcs::Counter,
    /// Number of the block, for one block of a General Block Transfer.
    #[n(4)]
    block: Option<u16>,
}

#[derive(Encode, Decode)]
#[cbor(flat)]
pub(crate) enum State {
    /// Accepted, and not known to be on the HAN.
    #[n(1)]
    Held(#[n(0)] Held),
    /// The hub has it.
    #[n(2)]
    OnHan,
    /// Given up.
    #[n(3)]
    Refused(#[n(0)] Reason),
    /// The meter has answered.
    #[n(4)]
    Answered,
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Held {
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) command: Vec<u8>,
    /// How often it was handed to the HAN.
    #[n(2)]
    pub(crate) transfers: u8,
    /// The hub may have it: a transfer began whose end is not known. Stored before the transfer begins.
    #[n(3)]
    pub(crate) in_doubt: bool,
    /// Not handed over before.
    #[cbor(n(4), with = "cbor::time")]
    pub(crate) not_before: Time,
}

/// Something the head end has to be told.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Letter {
    #[n(1)]
    pub(crate) number: u64,
    #[n(2)]
    pub(crate) content: Content,
}

#[derive(Encode, Decode)]
#[cbor(flat)]
pub(crate) enum Content {
    #[n(1)]
    Receipt(#[n(0)] Note),
    #[n(2)]
    Answer(#[n(0)] Answer),
}

/// A receipt but for what is only known when it is signed.
#[derive(Clone, Copy, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Note {
    #[n(1)]
    pub(crate) delivery: DeliveryId,
    #[n(2)]
    pub(crate) attempt: u32,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(crate) command_hash: [u8; 32],
    #[n(4)]
    pub(crate) stage: Stage,
    #[cbor(n(5), with = "cbor::time")]
    pub(crate) at: Time,
}

/// Letters that one delivery may still lead to after its acceptance: `OnHan` or `Refused`, and an answer.
const LETTERS_AFTER_HELD: usize = 2;

impl Memory {
    pub(crate) fn parse(stored: Option<&[u8]>) -> Result<Self, BadMemory> {
        Ok(stored.map(cbor::from_slice).transpose()?.unwrap_or_default())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        cbor::to_vec(self)
    }

    /// What is about the device itself.
    pub(crate) fn own(&mut self) -> &mut Own {
        self.own.get_or_insert_default()
    }

    /// Names what is said next.
    pub(crate) const fn take_number(&mut self) -> u64 {
        let number = self.next_letter;
        self.next_letter = number.wrapping_add(1);
        number
    }

    pub(crate) fn delivery(&mut self, id: DeliveryId) -> Option<&mut Delivery> {
        self.deliveries.iter_mut().find(|delivery| delivery.id == id)
    }

    /// Whether a delivery other than `id` carries this very message and may bring, or have brought, it to the HAN.
    pub(crate) fn carries(&self, subject: Subject, id: DeliveryId) -> bool {
        self.deliveries.iter().any(|delivery| {
            let ended_elsewhere = matches!(delivery.state, State::Refused(reason) if !reason.may_be_on_han());
            delivery.subject == subject && delivery.id != id && !ended_elsewhere
        })
    }

    /// The delivery whose Command this message answers; of several blocks, the last accepted.
    pub(crate) fn answered_by(&self, message: MessageId) -> Option<usize> {
        self.deliveries.iter().rposition(|delivery| delivery.subject.is_answered_by(message))
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = (&Delivery, &Held)> {
        self.deliveries.iter().filter_map(|delivery| Some((delivery, delivery.held()?)))
    }

    /// Deliveries of which the head end does not know the outcome.
    pub(crate) fn open(&self, now: Time, answer_wait: Duration) -> Vec<DeliveryId> {
        self.deliveries.iter().filter(|delivery| self.is_open(delivery, now, answer_wait)).map(|d| d.id).collect()
    }

    /// Make room for one delivery more and all its letters, by forgetting the oldest that is over. The one named stays.
    pub(crate) fn make_room(&mut self, keep: DeliveryId, now: Time, answer_wait: Duration, max: usize) -> bool {
        if self.spare_letters(max) < 1 + LETTERS_AFTER_HELD {
            return false;
        }
        let known = self.deliveries.iter().any(|delivery| delivery.id == keep);
        if known || self.deliveries.len() < max {
            return true;
        }
        let over = self.deliveries.iter().position(|delivery| !self.is_open(delivery, now, answer_wait));
        over.map(|at| self.deliveries.remove(at)).is_some()
    }

    /// Letters there is room for beyond those that deliveries under way may still need.
    pub(crate) fn spare_letters(&self, max_deliveries: usize) -> usize {
        let needed: usize = self.deliveries.iter().map(Delivery::letters_to_come).sum();
        (max_deliveries * (1 + LETTERS_AFTER_HELD)).saturating_sub(self.letters.len() + needed)
    }

    fn is_open(&self, delivery: &Delivery, now: Time, answer_wait: Duration) -> bool {
        let under_way = match delivery.state {
            State::Held(_) => true,
            State::OnHan => now < delivery.since + answer_wait,
            State::Refused(_) | State::Answered => false,
        };
        under_way || self.letters.iter().any(|letter| letter.content.delivery() == delivery.id)
    }
}

impl Delivery {
    pub(crate) fn held(&self) -> Option<&Held> {
        match &self.state {
            State::Held(held) => Some(held),
            _ => None,
        }
    }

    pub(crate) fn held_mut(&mut self) -> Option<&mut Held> {
        match &mut self.state {
            State::Held(held) => Some(held),
            _ => None,
        }
    }

    /// What a receipt says now. An answered delivery was on the HAN.
    pub(crate) fn note(&self) -> Note {
        let stage = match &self.state {
            State::Held(_) => Stage::Held,
            State::OnHan | State::Answered => Stage::OnHan,
            State::Refused(reason) => Stage::Refused(*reason),
        };
        Note { delivery: self.id, attempt: self.attempt, command_hash: self.command_hash, stage, at: self.since }
    }

    fn letters_to_come(&self) -> usize {
        match self.state {
            State::Held(_) => LETTERS_AFTER_HELD,
            // A refused one may have reached the meter for all that.
            State::OnHan | State::Refused(Reason::NoHubAnswer) => 1,
            State::Refused(_) | State::Answered => 0,
        }
    }
}

impl Subject {
    pub(crate) fn of(route: &gbcs::Route) -> Self {
        let MessageId { originator, target, counter, .. } = route.id;
        let block = match route.form {
            gbcs::envelope::RouteForm::Block { number, .. } => Some(number),
            _ => None,
        };
        Self { originator, target, counter, block }
    }

    fn is_answered_by(&self, message: MessageId) -> bool {
        let command = message.answer();
        message.cra == gbcs::Cra::Response
            && (self.originator, self.target, self.counter) == (command.originator, command.target, command.counter)
    }
}

impl Content {
    pub(crate) fn delivery(&self) -> DeliveryId {
        match self {
            Self::Receipt(note) => note.delivery,
            Self::Answer(answer) => answer.delivery,
        }
    }

    /// Whether it says what the other says, so that one of them is enough.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Receipt(a), Self::Receipt(b)) => {
                (a.delivery, a.attempt, a.stage) == (b.delivery, b.attempt, b.stage)
            }
            (Self::Answer(a), Self::Answer(b)) => (a.delivery, &a.response) == (b.delivery, &b.response),
            _ => false,
        }
    }
}
