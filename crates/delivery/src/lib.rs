//! The delivery engine: what becomes of a Command between the wish for it and the meter's proven answer.
//!
//! Pure: no clock, storage, network or randomness. [`transition()`] is the whole state machine, one total function that a test
//! prints and pins for every state and input. [`Engine`] holds the deliveries that are still open, keeps the laws that span
//! several of them (lanes, one Release per nonce, deadlines) and says what to do next; the driver stores every [`Step`] before
//! it acts on it.
//!
//! **An acknowledgement is not a delivery.** The DCC's I99, a broker's PUBACK and a PPMID's signed receipt move a delivery
//! forward; only the meter's verified Response ends it as [`State::Confirmed`]. Where nobody can know whether the meter
//! executed a Command, the delivery is [`State::Unknown`], which blocks whatever follows it in its lane.
#![forbid(unsafe_code)]

mod attempts;
mod engine;
mod lane;
mod link;
mod policy;
mod state;
mod transition;

pub use attempts::Attempts;
pub use engine::{Delivery, Engine, Order, Output, Rejected, ReleaseOrder, Step, Waiting};
pub use handover::{DeliveryId, Nonce, Reason, Stage};
pub use lane::{CounterSpace, Lane};
pub use policy::{Policy, Retry};
pub use state::{By, DccCode, Fault, Kind, MeterFault, NotAState, Refusal, State, Where};
pub use transition::{Facts, Input, Outcome, transition};

use std::fmt;

/// Which way a Command goes to its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// Through the home's PPMID: the DCC only returns the Command (Command Variants 2 and 6).
    Local,
    /// Over the SM WAN: the DCC sends the Command itself (Command Variants 1 and 5).
    Wan,
    /// Both at once; the device executes whichever comes first (Command Variants 3 and 7).
    Both,
}

impl Via {
    /// Every route.
    pub const ALL: [Self; 3] = [Self::Local, Self::Wan, Self::Both];

    /// Whether asking the DCC for the Command already sends it to the device.
    pub const fn uses_wan(self) -> bool {
        matches!(self, Self::Wan | Self::Both)
    }

    /// Whether the PPMID carries it.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Local | Self::Both)
    }

    /// The word for it in a configuration or a database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Wan => "wan",
            Self::Both => "both",
        }
    }

    /// The route of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.as_str() == word)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
