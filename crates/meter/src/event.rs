//! What a meter wants done and what it tells.
use crate::clock::ClockStatus;
use crate::refusal::Refusal;
use crate::register::Change;
use crate::top_up::TopUpRefusal;
use crate::work::Outcome;
use alloc::vec::Vec;
use gbcs::{Counter, Eui64, MessageCode, MessageId, Time};

/// What a meter wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put this PSDU on the air.
    Transmit(Vec<u8>),
    /// Store this in place of what was stored before, and only then do what follows.
    Persist(Vec<u8>),
    /// Something happened.
    Event(Event),
    /// Nothing more now; call [`Meter::handle_timeout`](crate::Meter::handle_timeout) at this time, if there is one.
    Timeout(Option<Time>),
}

/// Something happened that people or evidence want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A Command was executed, and a Response made.
    Executed {
        /// Which message.
        id: MessageId,
        /// Which use case.
        code: MessageCode,
        /// Its name, as `ECS04a`.
        use_case: &'static str,
        /// Its title.
        title: &'static str,
        /// How it went.
        outcome: Outcome,
        /// Whether some of it waits for its time.
        stored: bool,
        /// What it changed.
        changes: Vec<Change>,
    },
    /// A message was discarded; there is no Response.
    Refused {
        /// Which message, if it was one.
        id: Option<MessageId>,
        /// Which use case, if it said so.
        code: Option<MessageCode>,
        /// Why.
        refusal: Refusal,
    },
    /// A Command of which only some blocks came was given up: for its time, or to make room for another.
    BlocksLost {
        /// Which message.
        id: MessageId,
        /// Which use case, as its blocks said.
        code: MessageCode,
        /// How many of its blocks came.
        blocks: usize,
    },
    /// A UTRN was not taken.
    TopUpRefused(TopUpRefusal),
    /// A customer asked for something at a PPMID of the home (GBCS PECS01 to PECS03).
    Asked {
        /// The PPMID.
        by: Eui64,
        /// What: 0x0116 a top-up, 0x0117 Emergency Credit, 0x0118 supply that is armed.
        code: MessageCode,
        /// Whether it was done.
        done: bool,
    },
    /// A future-dated part of a Command was executed.
    Activated {
        /// The use case of the Command.
        code: MessageCode,
        /// The counter of the Command.
        counter: Counter,
        /// Whether it succeeded.
        succeeded: bool,
        /// What it changed.
        changes: Vec<Change>,
    },
    /// The meter raised an Alert.
    Alert {
        /// What happened (GBCS 16.1).
        alert: u16,
        /// The message code of the Alert.
        code: MessageCode,
        /// The meter's own counter.
        counter: Counter,
    },
    /// The meter shares a new link key with a device of its log: the hub brought it.
    PartnerKey(Eui64),
    /// The hub brought a link key to share with a device that is not in the meter's log: it was thrown away.
    PartnerKeyNotTaken(Eui64),
    /// The meter thinks otherwise of its clock now.
    Clock(ClockStatus),
    /// The hub took a message of the outbox. It is on its way, no more.
    HandedOver,
    /// The hub will not take a message of the outbox; it was dropped.
    NotTaken,
    /// The outbox is full; its oldest message was dropped.
    OutboxOverflow,
    /// A gas meter called on its hub.
    Woke {
        /// Whether messages waited.
        messages_waiting: bool,
    },
}
