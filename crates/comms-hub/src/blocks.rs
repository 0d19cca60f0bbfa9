//! General Block Transfer where the hub itself is an end of it: Commands for CHF and GPF that come in blocks, their long Responses, and
//! Responses of gas meters that the GPF reads (GBCS 7.2.11). What is for others passes block by block, unread.
use alloc::vec::Vec;
use gbcs::block::{KeepLimits, Kept, Limits, Progress, Reassembler, SegmentError, parts};
use gbcs::{MessageId, Time};

/// Octets of a message that the hub itself reads, at most.
const LONGEST: usize = 8 * 1024;

/// Both directions.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Commands for CHF and GPF.
    commands: Reassembler,
    /// Responses of gas meters to tapped Commands.
    responses: Reassembler,
    /// Responses of CHF and GPF.
    kept: Kept,
}

/// What became of a block for one of the hub's functions.
pub(crate) enum Taken {
    /// It completed this message.
    Message(Vec<u8>),
    /// Blocks of the function's own, to be sent: a request for what is missing, or what was asked for.
    Say(Vec<Vec<u8>>),
    /// It fits nothing.
    Refused,
}

impl Default for Blocks {
    fn default() -> Self {
        let limits = Limits { transfers: 2, message: LONGEST, ..Limits::default() };
        let kept = KeepLimits { messages: 1, octets: LONGEST, ..KeepLimits::default() };
        Self { commands: Reassembler::new(limits), responses: Reassembler::new(limits), kept: Kept::new(kept) }
    }
}

impl Blocks {
    /// A block for CHF or GPF. What is never finished is dropped with the next one, and bounded until then.
    pub fn take(&mut self, now: Time, octets: &[u8]) -> Taken {
        let taken = self.commands.receive(now, octets);
        while self.commands.poll(now).is_some() {}
        match taken {
            Ok(Progress::Complete(message)) => Taken::Message(message),
            Ok(Progress::Missing { request, .. }) => Taken::Say(alloc::vec![request]),
            Ok(Progress::Acknowledged { id, number }) => Taken::Say(self.kept.behind(now, &id, number)),
            Ok(Progress::Incomplete | Progress::Duplicate) => Taken::Say(Vec::new()),
            Err(_) => Taken::Refused,
        }
    }

    /// A Command that came in blocks was refused: whoever sends it again is heard again.
    pub fn forget(&mut self, id: &MessageId) {
        self.commands.forget(id);
    }

    /// A block of what a gas meter answered; the whole answer with the last of them.
    pub fn answer_of(&mut self, now: Time, octets: &[u8]) -> Option<Vec<u8>> {
        let taken = self.responses.receive(now, octets);
        while self.responses.poll(now).is_some() {}
        match taken {
            Ok(Progress::Complete(message)) => Some(message),
            _ => None,
        }
    }

    /// What is sent of a Response of the hub's own, and kept for whoever misses a part of it.
    pub fn cut(&mut self, now: Time, message: &[u8]) -> Result<Vec<Vec<u8>>, SegmentError> {
        let parts = parts(message, gbcs::block::MAX_BLOCK_LEN)?;
        if parts.len() > 1 {
            self.kept.keep(now, message.to_vec());
        }
        Ok(parts)
    }
}
