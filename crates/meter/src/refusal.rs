//! Why a Command was discarded without a Response, and what is logged and raised for it (GBCS 6.2.4, 16.1).
use crate::config::{Kind, Role};
use gbcs::block::BlockError;
use gbcs::{Counter, Cra, Eui64, MessageCode, ParseError};

/// A Command failed a check. None of these is ever answered: the sender sees a timeout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not one GBCS message.
    #[error("not a GBCS message: {0}")]
    Malformed(ParseError),
    /// A block that fits no Command, or completes none.
    #[error("a block: {0}")]
    BadBlock(BlockError),
    /// For another device.
    #[error("addressed to {0}")]
    NotForUs(Eui64),
    /// A Response or Alert.
    #[error("not a Command but a {0:?}")]
    NotACommand(Cra),
    /// The catalogue has no Command of this code for this kind of meter.
    #[error("{0} is no Command for this device")]
    UnknownUseCase(MessageCode),
    /// The catalogue has it; this meter does not execute it.
    #[error("{0} is not supported by this device")]
    NotModelled(MessageCode),
    /// No trust anchor cell holds the sender.
    #[error("no trust anchor for originator {0}")]
    UnknownOriginator(Eui64),
    /// The sender's role may not send this use case.
    #[error("role {role:?} may not send {code}")]
    Unauthorised {
        /// The role of the sender's cell.
        role: Role,
        /// What it sent.
        code: MessageCode,
    },
    /// Signature or MAC missing, or there where the use case has none.
    #[error("the protection is not that of the use case")]
    WrongForm,
    /// The MAC does not verify.
    #[error("the MAC does not verify")]
    BadMac,
    /// The counter is not above the last accepted.
    #[error("counter {found} is not above {stored}")]
    Replayed {
        /// The last accepted.
        stored: Counter,
        /// That of the Command.
        found: Counter,
    },
    /// The signature does not verify, or there is no key to verify it with.
    #[error("the signature does not verify")]
    BadSignature,
    /// The payload cannot be read as the family of the use case.
    #[error("the payload is not that of the use case: {0}")]
    BadPayload(ParseError),
    /// The payload reads, but its rows or components are not those of the use case.
    #[error("the rows or components are not those of the use case")]
    WrongRows,
    /// The answer is to be encrypted for a party whose key this meter does not hold.
    #[error("no key agreement key of {0} to encrypt or authenticate the answer with")]
    NoReaderKey(Eui64),
}

/// What a refusal leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// The step of the sequence of checks that failed, 1 to 12.
    pub step: u8,
    /// Security log entry.
    pub log: Option<u16>,
    /// Whether an Alert with the log code is raised to the supplier.
    pub alert: bool,
}

impl Refusal {
    /// Where in the sequence it happened and what follows; the one mapping from check to code.
    pub fn consequence(&self, kind: Kind) -> Consequence {
        let (step, log, alert) = match self {
            Self::Malformed(_) | Self::BadBlock(_) => (1, Some(0x8F1E), false),
            Self::NotForUs(_) | Self::NotACommand(_) => (2, None, false),
            // GBCS ECS100 exists for electricity; a gas meter logs a malformed Command.
            Self::UnknownUseCase(_) | Self::NotModelled(_) if kind == Kind::Esme => (3, Some(0x8F85), true),
            Self::UnknownUseCase(_) | Self::NotModelled(_) => (3, Some(0x8F1E), false),
            Self::UnknownOriginator(_) => (4, Some(0x8F3E), false),
            Self::Unauthorised { .. } => (5, Some(0x8F30), true),
            Self::WrongForm => (6, Some(0x8F53), false),
            Self::BadMac => (7, Some(0x8F53), false),
            Self::Replayed { .. } => (8, Some(0x8F53), false),
            Self::BadSignature => (9, Some(0x8F53), false),
            Self::BadPayload(_) | Self::WrongRows => (11, Some(0x8F1E), false),
            Self::NoReaderKey(_) => (12, Some(0x8F53), false),
        };
        Consequence { step, log, alert }
    }
}
