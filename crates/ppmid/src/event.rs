//! What a PPMID tells whoever watches it: nothing of it is needed to run one, and nothing of it is content.
use crate::commands::CommandRefusal;
use crate::customer::{RequestId, Wish};
use crate::display::Fuel;
use gbcs::{Eui64, MessageCode};
use han::node::Refusal;
use han::tunnel::CloseReason;
use han::zcl::Status;
use han::zcl::tunneling::TunnelStatus;
use handover::{DeliveryId, Error, Reason};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The link to the head end is up.
    LinkUp,
    /// The link to the head end is down.
    LinkDown,
    /// The PPMID has joined the network of this hub, by its install code.
    Joined(Eui64),
    /// It shares a new link key with this meter: the hub brought it.
    PartnerKey(Eui64),
    /// The hub brought a link key to share with a device that is not in its log: it was thrown away.
    PartnerKeyNotTaken(Eui64),
    /// A Command to the PPMID itself was executed; its Response waits for the tunnel.
    Executed {
        /// Who sent it.
        originator: Eui64,
        /// The use case.
        code: MessageCode,
        /// Whether it did what it was to do.
        succeeded: bool,
    },
    /// A Command that came down the tunnel was thrown away.
    CommandRefused(CommandRefusal),
    /// A tunnel to the hub is open.
    TunnelOpened,
    /// The tunnel to the hub is gone.
    TunnelClosed(CloseReason),
    /// What the display shows changed: see [`Ppmid::shown`](crate::Ppmid::shown).
    DisplayChanged,
    /// What became of a customer's request.
    Customer {
        /// Which request.
        id: RequestId,
        /// What was wanted.
        wish: Wish,
        /// Of which meter.
        fuel: Fuel,
        /// What came of it.
        heard: Heard,
    },
    /// The hub refused a tunnel.
    TunnelRefused(TunnelStatus),
    /// A Release was accepted.
    Released {
        /// Which delivery.
        delivery: DeliveryId,
        /// Which attempt.
        attempt: u32,
        /// The meter.
        target: Eui64,
        /// The use case.
        code: MessageCode,
        /// Octets of the Command.
        octets: usize,
    },
    /// An attempt seen before came again: its receipt is repeated, nothing else.
    Repeated {
        /// Which delivery.
        delivery: DeliveryId,
        /// Which attempt.
        attempt: u32,
    },
    /// A Release was refused, or an accepted one given up.
    Refused {
        /// Which delivery; only claimed when the reason is a bad signature.
        delivery: DeliveryId,
        /// Which attempt.
        attempt: u32,
        /// Why.
        reason: Reason,
    },
    /// A Command was handed to the HAN.
    Sent {
        /// Which delivery.
        delivery: DeliveryId,
        /// Which attempt.
        attempt: u32,
        /// For which time in this attempt, from 1.
        transfer: u8,
    },
    /// The hub took the Command.
    OnHan {
        /// Which delivery.
        delivery: DeliveryId,
        /// Which attempt.
        attempt: u32,
    },
    /// The meter answered.
    Answered {
        /// Which delivery.
        delivery: DeliveryId,
        /// Octets of the answer.
        octets: usize,
    },
    /// The hub sent what answers no delivery of ours; it was dropped.
    Unmatched {
        /// Octets of it.
        octets: usize,
    },
    /// The head end's side sent what is no message of the protocol; it was dropped.
    Malformed(Error),
    /// A frame of the HAN was thrown away.
    FrameRefused(Refusal),
    /// There is no room to tell the head end of a refusal, or to keep one more block of an answer.
    OutboxFull,
    /// The cryptographic library could not sign; what was to be said waits for the next link.
    CannotSign,
}

/// What came of a customer's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The hub has it for the gas meter, which fetches it when it wakes: within half an hour as a rule.
    Passed,
    /// The meter did it.
    Done(Done),
    /// The meter did not take the UTRN.
    TopUpRefused(TopUpRefusal),
    /// The meter did not do it.
    Refused(Status),
    /// The meter, or for gas the hub, could not be reached.
    Unreachable,
    /// Nothing came back: it may have been done.
    NoAnswer,
}

/// What a meter says of something done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What a top-up was worth, in hundred-thousandths of a pound.
    pub credited: Option<i32>,
    /// The balance after it.
    pub balance: Option<i32>,
    /// There is supply again when the customer turns it on.
    pub armed: bool,
}

/// Why a meter did not take a UTRN (Smart Energy 1.2, D.7.2.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopUpRefusal {
    /// Not authentic, or not for this meter.
    #[error("the number is not one of a top-up for this meter")]
    Invalid,
    /// It was paid in before.
    #[error("the number was used before")]
    Duplicate,
    /// The meter failed.
    #[error("the meter cannot take top-ups now")]
    Error,
    /// The balance would be too high.
    #[error("the balance would be higher than it may be")]
    MaximumCredit,
    /// Locked after bad numbers.
    #[error("entry is locked for a while after wrong numbers")]
    KeypadLocked,
    /// Worth more than one may be.
    #[error("the top-up is larger than it may be")]
    TooLarge,
    /// A number without a name.
    #[error("refused with 0x{0:02X}")]
    Other(u8),
}

impl From<u8> for TopUpRefusal {
    fn from(result: u8) -> Self {
        match result {
            0x01 => Self::Invalid,
            0x02 => Self::Duplicate,
            0x03 => Self::Error,
            0x04 => Self::MaximumCredit,
            0x05 => Self::KeypadLocked,
            0x06 => Self::TooLarge,
            other => Self::Other(other),
        }
    }
}

/// Counts since the start of what comes to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// From the head end's side: no message.
    pub malformed: u64,
    /// From the head end's side: not signed by a head end.
    pub unauthentic: u64,
    /// From the hub: no answer to a delivery of ours, or one we have.
    pub unmatched: u64,
}
