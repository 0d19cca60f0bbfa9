//! What a PPMID tells whoever watches it: nothing of it is needed to run one, and nothing of it is content.
use gbcs::{Eui64, MessageCode};
use han::node::Refusal;
use han::tunnel::CloseReason;
use han::zcl::tunneling::TunnelStatus;
use handover::{DeliveryId, Error, Reason};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The link to the head end is up.
    LinkUp,
    /// The link to the head end is down.
    LinkDown,
    /// A tunnel to the hub is open.
    TunnelOpened,
    /// The tunnel to the hub is gone.
    TunnelClosed(CloseReason),
    /// What the display shows changed: see [`Ppmid::shown`](crate::Ppmid::shown).
    DisplayChanged,
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
