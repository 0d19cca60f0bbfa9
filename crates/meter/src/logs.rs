//! Event log and security log: bounded, oldest entries first to go (SMETS 5.7.5.14, 5.7.5.31).
use alloc::collections::VecDeque;
use gbcs::{Counter, MessageCode, Time};
use minicbor::{Decode, Encode};

/// Entries each log holds; SMETS asks for 100 at least.
pub const CAPACITY: usize = 100;

/// One line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Milliseconds since 1970.
    #[n(0)]
    at: u64,
    /// Event code (GBCS 16.1).
    #[n(1)]
    pub code: u16,
    #[n(2)]
    message_code: u16,
    #[n(3)]
    counter: u64,
    #[n(4)]
    detail: u32,
}

impl Entry {
    /// When.
    pub const fn at(&self) -> Time {
        Time(self.at)
    }

    /// The use case of the Command it is about; 0 when there was none.
    pub const fn message_code(&self) -> MessageCode {
        MessageCode(self.message_code)
    }

    /// What else is known of it: of an outage its seconds, of voltage its volts, of a switch when it is to go back (seconds since 2000), else 0.
    pub const fn detail(&self) -> u32 {
        self.detail
    }

    /// The counter of that Command.
    pub const fn counter(&self) -> Counter {
        Counter(self.counter)
    }
}

/// A ring of log entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Log {
    #[n(0)]
    entries: VecDeque<Entry>,
}

impl Log {
    /// Add an entry; drops the oldest of a full log.
    pub fn push(&mut self, at: Time, code: u16, message_code: MessageCode, counter: Counter) {
        self.push_with(at, code, message_code, counter, 0);
    }

    /// Add an entry of which more is known.
    pub fn push_with(&mut self, at: Time, code: u16, message_code: MessageCode, counter: Counter, detail: u32) {
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at: at.0, code, message_code: message_code.0, counter: counter.0, detail });
    }

    /// Forget everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_drops_its_oldest_entry() {
        let mut log = Log::default();
        for n in 0..=CAPACITY as u64 {
            log.push(Time(n), 0x8154, MessageCode(0x1C), Counter(n));
        }
        assert_eq!(log.iter().count(), CAPACITY);
        assert_eq!(log.iter().next().unwrap().counter(), Counter(1));
        assert_eq!(log.iter().next_back().unwrap().at(), Time(CAPACITY as u64));
    }
}
