//! What executing a Command needs of the meter around the object model, and what it leaves behind.
use crate::books::Books;
use crate::config::Role;
use crate::prepayment::Account;
use crate::profiles::LogSizes;
use crate::top_up::{Credited, TopUpRefusal};
use alloc::vec::Vec;
use core::fmt;
use gbcs::{Counter, Eui64, MessageCode, Time};
use minicbor::{Decode, Encode};

/// Event log cleared (GBCS 16.1).
const EVENT_LOG_CLEARED: u16 = 0x8F52;

/// Which Command is being executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub originator: Eui64,
    pub role: Role,
    pub code: MessageCode,
    pub counter: Counter,
}

/// The parts of the meter that execution touches besides the objects themselves.
pub(crate) struct Work<'a> {
    pub now: Time,
    pub device: Eui64,
    pub origin: Origin,
    pub books: &'a mut Books,
    pub sizes: LogSizes,
    pub pending: &'a mut Vec<Pending>,
    pub tools: &'a mut dyn Tools,
}

impl Work<'_> {
    /// Enter a UTRN and, where it is taken, write it into the logs of payments.
    pub fn top_up(&mut self, digits: &[u8]) -> Result<Credited, TopUpRefusal> {
        let credited = self.tools.top_up(&mut self.books.account, digits)?;
        self.books.paid(self.now, credited.amount, credited.split.payment_debt, digits, &self.sizes);
        Ok(credited)
    }

    /// Clear the event log; that it was cleared is an event of the security log.
    pub fn clear_event_log(&mut self) {
        self.books.event_log.clear();
        self.books.security_log.push(self.now, EVENT_LOG_CLEARED, self.origin.code, self.origin.counter);
    }
}

/// What needs keys: UTRNs and encryption for the reader of the Response.
pub(crate) trait Tools {
    /// Authenticate 20 digits and add the credit.
    fn top_up(&mut self, account: &mut Account, digits: &[u8]) -> Result<Credited, TopUpRefusal>;

    /// Encrypt an attribute for the reader of the Response; `None` when the meter holds no key of the reader.
    fn encrypt(&mut self, plain: &[u8]) -> Option<Vec<u8>>;
}

/// Something a Command asked for that is not due yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Pending {
    /// Milliseconds since 1970.
    #[n(0)]
    pub due: u64,
    #[n(1)]
    pub originator: u64,
    #[n(2)]
    pub code: u16,
    #[n(3)]
    pub counter: u64,
    /// What to do: an activation time attribute (electricity), or the octets of one GBZ component (gas).
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub what: Vec<u8>,
    /// The originator's.
    #[n(5)]
    pub role: u8,
}

impl Pending {
    pub fn new(due: Time, origin: &Origin, what: Vec<u8>) -> Self {
        Self {
            due: due.0,
            originator: origin.originator.to_u64(),
            code: origin.code.0,
            counter: origin.counter.0,
            what,
            role: origin.role as u8,
        }
    }
}

/// How a Command went, on the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every row or component succeeded.
    Success,
    /// The first row or component that did not, and its result: DLMS data-access-result or ZCL status.
    Failed {
        /// Counted from 0.
        row: usize,
        /// The number on the wire.
        result: u8,
    },
}

/// `success`, or which row failed with which number.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Failed { row, result } => write!(f, "row {row} failed with 0x{result:02X}"),
        }
    }
}

/// The payload of the Response and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executed {
    pub payload: Vec<u8>,
    pub outcome: Outcome,
    /// Whether anything was stored to happen later.
    pub stored: bool,
}
