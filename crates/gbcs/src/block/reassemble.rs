//! Putting blocks together again: sans-IO, in memory that its limits bound.
use super::{Block, MAX_BLOCKS};
use crate::envelope::{MessageView, OtherInformation, ParseError};
use crate::ids::{MessageCode, MessageId};
use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// How much a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages in the making at once.
    pub transfers: usize,
    /// Blocks of a message.
    pub blocks: u16,
    /// Octets of a message.
    pub message: usize,
    /// How often missing blocks are asked for.
    pub rounds: u8,
    /// How long a message may be in the making, from its first block.
    pub lifetime: Duration,
    /// How long nothing of a message may come before its missing blocks are asked for: the last one may be among them.
    pub patience: Duration,
}

/// The decisions of han.md 9.3; the longest Command known is 3 986 octets.
impl Default for Limits {
    fn default() -> Self {
        let (lifetime, patience) = (Duration::from_secs(24 * 60 * 60), Duration::from_secs(10 * 60));
        Self { transfers: 4, blocks: MAX_BLOCKS, message: 16 * 1024, rounds: 3, lifetime, patience }
    }
}

/// Receives blocks of any messages in any order, and gives each message once, whole.
///
/// Anybody can begin messages that never end, so the one of which nothing came for the longest time makes room for another.
#[derive(Clone, Debug)]
pub struct Reassembler {
    limits: Limits,
    transfers: Vec<Transfer>,
    /// The last that made room for another, until it is told.
    ousted: Option<Expired>,
}

#[derive(Clone, Debug)]
struct Transfer {
    id: MessageId,
    other: OtherInformation<Vec<u8>>,
    until: Time,
    /// When something of it came, or was asked for.
    heard: Time,
    rounds: u8,
    /// The number of the last block, once it is here.
    last: Option<u16>,
    /// `None` once the message was given: what comes late is then known for what it is.
    blocks: Option<BTreeMap<u16, Vec<u8>>>,
}

/// What a block brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More blocks are awaited.
    Incomplete,
    /// It was here already, or its message was.
    Duplicate,
    /// The whole message; neither its MAC nor its signature is checked.
    Complete(Vec<u8>),
    /// The last block came before others: these octets, sent back, ask for all behind the first gap.
    Missing {
        /// All up to this one are here.
        acknowledged: u16,
        /// An acknowledgement to the message's originator.
        request: Vec<u8>,
    },
    /// Not a part of a message: the peer has all blocks of ours up to this one, and waits for those behind it.
    Acknowledged {
        /// Of which message of ours: the one that this answers.
        id: MessageId,
        /// Its last block that came without a gap.
        number: u16,
    },
}

/// Why a block, or its whole message, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// It is no block.
    #[error("no block: {0}")]
    Malformed(#[from] ParseError),
    /// Numbers count from 1 to the limit.
    #[error("block {number}: numbers count from 1 to {most}")]
    Number {
        /// What it says.
        number: u16,
        /// The limit.
        most: u16,
    },
    /// It lies behind the last block, or says it is the last before one that is here.
    #[error("block {number} and the end of the message contradict each other")]
    BehindLast {
        /// What it says.
        number: u16,
    },
    /// A block of this number is here, with other data. The first stays.
    #[error("block {number} was here before with other data")]
    Conflict {
        /// What it says.
        number: u16,
    },
    /// Its header has another message code than those before it.
    #[error("a block says {found}, those before it {expected}")]
    Code {
        /// Those before it.
        expected: MessageCode,
        /// What it says.
        found: MessageCode,
    },
    /// The message would be longer than the limit; what came of it is dropped.
    #[error("a message of more than {most} octets")]
    TooLong {
        /// The limit.
        most: usize,
    },
    /// The limits allow no message in the making.
    #[error("no blocks are taken")]
    Closed,
    /// Blocks were asked for as often as the limits allow; what came of the message is dropped.
    #[error("blocks behind {acknowledged} are missing, and were asked for {rounds} times")]
    GivenUp {
        /// All up to this one were here.
        acknowledged: u16,
        /// How often.
        rounds: u8,
    },
    /// What the blocks make is no message; it is dropped.
    #[error("the blocks make no message: {0}")]
    NoMessage(ParseError),
    /// What the blocks make is another message than their headers say; it is dropped.
    #[error("the blocks of {expected} make the message {found}")]
    OtherMessage {
        /// What the headers say.
        expected: MessageId,
        /// What the message says.
        found: MessageId,
    },
}

/// A message whose blocks did not all come in time, or that made room for another; what came is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Which.
    pub id: MessageId,
    /// Its use case.
    pub code: MessageCode,
    /// How many of its blocks came.
    pub blocks: usize,
}

impl Reassembler {
    /// One that takes so much.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, transfers: Vec::new(), ousted: None }
    }

    /// Take the octets of a block.
    pub fn receive(&mut self, now: Time, octets: &[u8]) -> Result<Progress, BlockError> {
        let block = Block::parse(octets)?;
        if block.is_acknowledgement() {
            return Ok(Progress::Acknowledged { id: block.id.answer(), number: block.acknowledged });
        }
        let most = self.limits.blocks;
        if !(1..=most).contains(&block.number) {
            return Err(BlockError::Number { number: block.number, most });
        }
        let at = self.transfer_of(now, &block)?;
        let result = self.transfers[at].take(now, &block, &self.limits);
        match &result {
            Ok(Progress::Complete(_)) => self.transfers[at].blocks = None,
            Err(
                BlockError::TooLong { .. }
                | BlockError::GivenUp { .. }
                | BlockError::NoMessage(_)
                | BlockError::Code { .. }
                | BlockError::OtherMessage { .. },
            ) => _ = self.transfers.swap_remove(at),
            _ => {}
        }
        result
    }

    /// The next message that was given up, if any: to be called until there is none, after every [`receive`](Self::receive) and
    /// whenever [`deadline`](Self::deadline) is past.
    pub fn poll(&mut self, now: Time) -> Option<Expired> {
        if let Some(ousted) = self.ousted.take() {
            return Some(ousted);
        }
        while let Some(at) = self.transfers.iter().position(|transfer| transfer.until <= now) {
            if let Some(expired) = self.transfers.swap_remove(at).expired() {
                return Some(expired);
            }
        }
        None
    }

    /// The next request for blocks of which nothing was heard for too long, to be sent to the message's originator: to be called
    /// until there is none, whenever [`deadline`](Self::deadline) is past.
    pub fn ask(&mut self, now: Time) -> Option<Vec<u8>> {
        let limits = &self.limits;
        let overdue = |transfer: &&mut Transfer| transfer.asks_at(limits).is_some_and(|at| at <= now);
        let transfer = self.transfers.iter_mut().find(overdue)?;
        transfer.rounds += 1;
        transfer.heard = now;
        Some(transfer.request(transfer.contiguous()))
    }

    /// When to [`poll`](Self::poll) and [`ask`](Self::ask) next.
    pub fn deadline(&self) -> Option<Time> {
        let asks = self.transfers.iter().filter_map(|transfer| transfer.asks_at(&self.limits));
        self.transfers.iter().map(|transfer| transfer.until).chain(asks).min()
    }

    /// Forget a message, given or in the making: who found it to be worth nothing takes its blocks anew.
    pub fn forget(&mut self, id: &MessageId) {
        self.transfers.retain(|transfer| transfer.id != *id);
    }

    /// Octets of data held.
    pub fn held(&self) -> usize {
        self.transfers.iter().map(Transfer::held).sum()
    }

    /// Where the transfer of this block is, made when it is the first.
    fn transfer_of(&mut self, now: Time, block: &Block<'_>) -> Result<usize, BlockError> {
        if let Some(at) = self.transfers.iter().position(|transfer| transfer.id == block.id) {
            let (expected, found) = (self.transfers[at].other.code, block.other.code);
            return if expected == found { Ok(at) } else { Err(BlockError::Code { expected, found }) };
        }
        if self.limits.transfers == 0 {
            return Err(BlockError::Closed);
        }
        if self.transfers.len() >= self.limits.transfers {
            let (at, _) = (self.transfers.iter().enumerate())
                .min_by_key(|(_, transfer)| (transfer.blocks.is_some(), transfer.heard))
                .ok_or(BlockError::Closed)?;
            self.ousted = self.transfers.swap_remove(at).expired().or(self.ousted);
        }
        let until = now + self.limits.lifetime;
        let (other, blocks) = (block.other.to_owned(), Some(BTreeMap::new()));
        self.transfers.push(Transfer { id: block.id, other, until, heard: now, rounds: 0, last: None, blocks });
        Ok(self.transfers.len() - 1)
    }
}

impl Transfer {
    fn held(&self) -> usize {
        self.blocks.iter().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    /// What is told of one that is dropped; nothing, when its message was given.
    fn expired(self) -> Option<Expired> {
        let blocks = self.blocks?.len();
        Some(Expired { id: self.id, code: self.other.code, blocks })
    }

    /// When its missing blocks are asked for, if nothing comes until then.
    fn asks_at(&self, limits: &Limits) -> Option<Time> {
        (self.blocks.is_some() && self.rounds < limits.rounds).then(|| self.heard + limits.patience)
    }

    /// All blocks up to this one are here.
    fn contiguous(&self) -> u16 {
        let blocks = self.blocks.iter().flat_map(BTreeMap::keys);
        (1..).zip(blocks).take_while(|(n, number)| n == *number).count() as u16
    }

    /// Asks the message's originator for all blocks behind this one.
    fn request(&self, acknowledged: u16) -> Vec<u8> {
        Block::acknowledgement(self.id.answer(), self.other.borrow(), acknowledged).encode()
    }

    fn take(&mut self, now: Time, block: &Block<'_>, limits: &Limits) -> Result<Progress, BlockError> {
        let held = self.held();
        let Some(blocks) = &mut self.blocks else { return Ok(Progress::Duplicate) };
        let number = block.number;
        let highest = blocks.last_key_value().map_or(0, |(number, _)| *number);
        let ends_elsewhere = block.last && (highest > number || self.last.is_some_and(|last| last != number));
        if ends_elsewhere || self.last.is_some_and(|last| number > last || (number == last && !block.last)) {
            return Err(BlockError::BehindLast { number });
        }
        let known = match blocks.get(&number) {
            Some(data) if data == block.data => true,
            Some(_) => return Err(BlockError::Conflict { number }),
            None if held + block.data.len() > limits.message => {
                return Err(BlockError::TooLong { most: limits.message });
            }
            None => {
                blocks.insert(number, block.data.to_vec());
                self.heard = now;
                false
            }
        };
        if block.last {
            self.last = Some(number);
        }
        let acknowledged = self.contiguous();
        if self.last == Some(acknowledged) {
            return self.whole().map(Progress::Complete);
        }
        match block.last {
            // The sender is through, and something got lost on the way.
            true if self.rounds >= limits.rounds => Err(BlockError::GivenUp { acknowledged, rounds: limits.rounds }),
            true => {
                self.rounds += 1;
                self.heard = now;
                Ok(Progress::Missing { acknowledged, request: self.request(acknowledged) })
            }
            false if known => Ok(Progress::Duplicate),
            false => Ok(Progress::Incomplete),
        }
    }

    /// The message, when it is the one that the headers of its blocks say.
    fn whole(&self) -> Result<Vec<u8>, BlockError> {
        let octets: Vec<u8> = self.blocks.iter().flat_map(BTreeMap::values).flatten().copied().collect();
        let view = MessageView::parse(&octets).map_err(BlockError::NoMessage)?;
        let (id, code) = (view.id(), view.message_code());
        if id != self.id {
            return Err(BlockError::OtherMessage { expected: self.id, found: id });
        }
        if code != self.other.code {
            return Err(BlockError::Code { expected: self.other.code, found: code });
        }
        Ok(octets)
    }
}
