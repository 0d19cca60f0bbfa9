//! Messages that went out in blocks, kept for a while: their receiver may have missed some.
use super::Segments;
use crate::envelope::MessageView;
use crate::ids::{Cra, MessageId};
use crate::time::Time;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

/// How much a sender keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLimits {
    /// Messages.
    pub messages: usize,
    /// Octets of all of them.
    pub octets: usize,
    /// Octets of a block.
    pub block: usize,
    /// How often blocks of one message are sent again: a receiver asks no more often.
    pub rounds: u8,
    /// How long, from when it went out.
    pub lifetime: Duration,
}

/// As much as a receiver takes by default, of two messages.
impl Default for KeepLimits {
    fn default() -> Self {
        let lifetime = Duration::from_secs(24 * 60 * 60);
        Self { messages: 2, octets: 32 * 1024, block: super::MAX_BLOCK_LEN, rounds: 3, lifetime }
    }
}

/// The messages, oldest first; the oldest goes first when there is no room.
#[derive(Clone, Debug)]
pub struct Kept {
    limits: KeepLimits,
    messages: VecDeque<Message>,
}

#[derive(Clone, Debug)]
struct Message {
    id: MessageId,
    octets: Vec<u8>,
    until: Time,
    rounds: u8,
}

impl Kept {
    /// None yet.
    pub const fn new(limits: KeepLimits) -> Self {
        Self { limits, messages: VecDeque::new() }
    }

    /// Keep a message that went out. What is no message is not kept, nor what is longer than the limit.
    pub fn keep(&mut self, now: Time, octets: Vec<u8>) {
        let Ok(id) = MessageView::parse(&octets).map(|view| view.id()) else { return };
        self.messages.retain(|message| message.until > now && message.id != id);
        let until = now + self.limits.lifetime;
        self.messages.push_back(Message { id, octets, until, rounds: 0 });
        while self.messages.len() > self.limits.messages || self.held() > self.limits.octets {
            self.messages.pop_front();
        }
    }

    /// The receiver of the message with this id has all blocks up to `acknowledged`: those behind it, to be sent again. None where
    /// the message is not kept, or was asked for too often. An acknowledgement does not tell Responses from Alerts, nor does this.
    pub fn behind(&mut self, now: Time, id: &MessageId, acknowledged: u16) -> Vec<Vec<u8>> {
        let is_it = |message: &&mut Message| {
            let (ours, theirs) = (&message.id, id);
            message.until > now
                && (ours.originator, ours.target, ours.counter) == (theirs.originator, theirs.target, theirs.counter)
                && (ours.cra == Cra::Command) == (theirs.cra == Cra::Command)
        };
        let Some(message) = self.messages.iter_mut().find(is_it) else { return Vec::new() };
        if message.rounds >= self.limits.rounds {
            return Vec::new();
        }
        message.rounds += 1;
        match Segments::new(&message.octets, self.limits.block) {
            Ok(segments) => segments.behind(acknowledged).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// Octets of the messages held.
    pub fn held(&self) -> usize {
        self.messages.iter().map(|message| message.octets.len()).sum()
    }
}
