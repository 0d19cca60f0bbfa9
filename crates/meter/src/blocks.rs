//! General Block Transfer: Commands that come in blocks are put together, Responses too long to go whole are cut (GBCS 7.2.11; han.md
//! 9.3). A power cut forgets the blocks that came: the last one then misses those before it, and all are asked for again.
use crate::config::{Kind, MeterConfig};
use crate::event::Event;
use crate::meter::Meter;
use crate::pipeline;
use crate::refusal::Refusal;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use device::counters::Counters;
use gbcs::block::{Block, KeepLimits, Kept, Limits, MAX_BLOCK_LEN, MAX_BLOCKS, Progress, Reassembler, Segments};
use gbcs::crypto::Crypto;
use gbcs::{MessageView, Time};

/// Octets of one Command at most: twice the longest known.
const LONGEST: usize = 8 * 1024;
/// Requests and blocks sent again that wait for the hub, at most: anybody can make a meter ask.
const MAX_WAITING: usize = 64;

/// Blocks of Commands that come, and of Responses that went.
#[derive(Debug)]
pub(crate) struct Blocks {
    incoming: Reassembler,
    kept: Kept,
    /// Requests for missing blocks, and blocks that were asked for: on their way to the hub behind everything else, and forgotten at a
    /// power cut.
    waiting: VecDeque<Vec<u8>>,
}

impl Blocks {
    pub const fn new(limits: Limits) -> Self {
        Self { incoming: Reassembler::new(limits), kept: Kept::new(KEPT), waiting: VecDeque::new() }
    }

    /// The first of what waits.
    pub fn waiting(&self) -> Option<&[u8]> {
        self.waiting.front().map(Vec::as_slice)
    }

    /// The first of what waits is with the hub, or will never be.
    pub fn settle(&mut self) {
        self.waiting.pop_front();
    }

    /// A message went out, in blocks: they may be asked for.
    pub fn keep(&mut self, now: Time, message: Vec<u8>) {
        self.kept.keep(now, message);
    }

    pub fn deadline(&self) -> Option<Time> {
        self.incoming.deadline()
    }

    /// Octets of messages held.
    pub fn held(&self) -> usize {
        self.incoming.held() + self.kept.held() + self.waiting.iter().map(Vec::len).sum::<usize>()
    }

    fn push(&mut self, octets: Vec<u8>) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(octets);
        }
    }
}

/// How much of what went out is kept: the longest message there is, or two that are shorter.
const KEPT: KeepLimits = KeepLimits {
    messages: 2,
    octets: MAX_BLOCKS as usize * MAX_BLOCK_LEN,
    block: MAX_BLOCK_LEN,
    rounds: 3,
    lifetime: core::time::Duration::from_secs(24 * 60 * 60),
};

/// How much of what comes is kept. What a gas meter asks for comes a wake later at the earliest.
pub(crate) fn limits(config: &MeterConfig) -> Limits {
    let usual = Limits { message: LONGEST, ..Limits::default() };
    match config.kind {
        Kind::Esme => usual,
        Kind::Gsme => Limits { patience: config.wake_interval * 2 + usual.patience, ..usual },
    }
}

/// What is sent first of a message of which the hub has so many blocks: the message where it goes whole; `None` when all are there, or
/// it cannot be cut.
pub(crate) fn part(message: &[u8], handed: u16) -> Option<Vec<u8>> {
    if message.len() <= MAX_BLOCK_LEN {
        return (handed == 0).then(|| message.to_vec());
    }
    Segments::new(message, MAX_BLOCK_LEN).ok()?.block(handed + 1)
}

impl<C: Crypto> Meter<C> {
    /// Take one block. The Command that it completes, whole.
    pub(crate) fn take_block(&mut self, now: Time, octets: &[u8]) -> Option<Vec<u8>> {
        match admit(&self.config, &self.state.counters, octets) {
            Ok(Admitted::Acknowledgement(block)) => {
                let again = self.blocks.kept.behind(now, &block.id.answer(), block.acknowledged);
                again.into_iter().for_each(|block| self.blocks.push(block));
                return None;
            }
            Ok(Admitted::Repeated) => return None,
            Ok(Admitted::Part) => {}
            Err(refusal) => {
                self.refuse(now, octets, refusal);
                return None;
            }
        }
        let taken = self.blocks.incoming.receive(now, octets);
        self.tell_lost_blocks(now);
        match taken {
            Ok(Progress::Complete(message)) => return Some(message),
            Ok(Progress::Missing { request, .. }) => self.blocks.push(request),
            Ok(Progress::Incomplete | Progress::Duplicate | Progress::Acknowledged { .. }) => {}
            Err(error) => self.refuse(now, octets, Refusal::BadBlock(error)),
        }
        None
    }

    /// A Command that came in blocks was refused: its blocks are taken anew, so that whoever slipped in a wrong one gains nothing.
    pub(crate) fn forget_blocks(&mut self, message: &[u8]) {
        if let Ok(view) = MessageView::parse(message) {
            self.blocks.incoming.forget(&view.id());
        }
    }

    /// Ask for blocks that did not come, give up what did not come in time.
    pub(crate) fn expire_blocks(&mut self, now: Time) {
        while let Some(request) = self.blocks.incoming.ask(now) {
            self.blocks.push(request);
        }
        self.tell_lost_blocks(now);
    }

    fn tell_lost_blocks(&mut self, now: Time) {
        while let Some(expired) = self.blocks.incoming.poll(now) {
            self.event(Event::BlocksLost { id: expired.id, code: expired.code, blocks: expired.blocks });
        }
    }
}

enum Admitted<'a> {
    /// A part of a Command.
    Part,
    /// A part of a Command that was executed.
    Repeated,
    /// Says how much of a message of ours has arrived.
    Acknowledgement(Block<'a>),
}

/// What can be checked of a block alone: the sequence of checks as far as header, use case, originator and counter.
fn admit<'a>(config: &MeterConfig, counters: &Counters, octets: &'a [u8]) -> Result<Admitted<'a>, Refusal> {
    let block = Block::parse(octets).map_err(Refusal::Malformed)?;
    if block.is_acknowledgement() {
        // It bears the code of what it acknowledges, an Alert's too.
        pipeline::addressed_to_us(config, &block.id)?;
        return Ok(Admitted::Acknowledgement(block));
    }
    let (rules, role) = pipeline::expected(config, &block.id, block.other.code)?;
    Ok(match counters.check(rules.replay, role, block.other.code, block.id.counter) {
        Ok(()) => Admitted::Part,
        Err(_) => Admitted::Repeated,
    })
}
