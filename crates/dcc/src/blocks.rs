//! General Block Transfer at the DCC's end of the WAN: long Commands leave in blocks, Responses and Alerts that come in blocks are put
//! together before anybody reads them, and what one side misses is sent again (GBCS 7.2.11; han.md 9.3).
//!
//! In memory alone: after a restart the device is asked for what is missing as soon as another of its blocks comes.
use gbcs::block::{Block, Limits, MAX_BLOCK_LEN, Progress, Reassembler, Segments, parts};
use gbcs::{Eui64, MessageId, Time};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// Messages in the making at once, of all hubs.
const TRANSFERS: usize = 256;
/// Octets of one: what 255 blocks hold.
const LONGEST: usize = 300 * 1024;
/// Blocks that wait for one hub; a hub that is away loses what was asked for.
const MAX_WAITING: usize = 1024;

/// Both directions, for all hubs.
#[derive(Debug)]
pub(crate) struct Blocks {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    incoming: Reassembler,
    /// Through which hub a device's blocks came.
    hubs: HashMap<Eui64, Eui64>,
    waiting: HashMap<Eui64, Vec<Vec<u8>>>,
}

impl Default for Blocks {
    fn default() -> Self {
        let limits = Limits { transfers: TRANSFERS, message: LONGEST, ..Limits::default() };
        let (hubs, waiting) = (HashMap::new(), HashMap::new());
        Self { inner: Mutex::new(Inner { incoming: Reassembler::new(limits), hubs, waiting }) }
    }
}

impl Blocks {
    /// What a hub brought: the message, whole, once it is. `command` finds a Command by its identifier, for a device that misses
    /// blocks of it.
    pub(crate) fn take(
        &self,
        hub: Eui64,
        octets: Vec<u8>,
        now: Time,
        command: impl FnOnce(&MessageId) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        if !Block::begins(&octets) {
            return Some(octets);
        }
        let mut inner = self.lock();
        if let Ok(block) = Block::parse(&octets) {
            inner.hubs.insert(block.id.originator, hub);
        }
        let taken = inner.incoming.receive(now, &octets);
        let whole = match taken {
            Ok(Progress::Complete(message)) => Some(message),
            Ok(Progress::Missing { request, .. }) => {
                inner.wait(hub, [request]);
                None
            }
            Ok(Progress::Acknowledged { id, number }) => {
                let command = command(&id);
                let segments = command.as_deref().and_then(|command| Segments::new(command, MAX_BLOCK_LEN).ok());
                inner.wait(hub, segments.into_iter().flat_map(|segments| segments.behind(number)));
                None
            }
            Ok(Progress::Incomplete | Progress::Duplicate) => None,
            Err(error) => {
                warn!(%hub, %error, "a block of no use");
                None
            }
        };
        inner.expire(now);
        whole
    }

    /// What waits for a hub besides its Commands; it is not kept.
    pub(crate) fn waiting(&self, hub: Eui64) -> Vec<Vec<u8>> {
        self.lock().waiting.remove(&hub).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wait(&mut self, hub: Eui64, blocks: impl IntoIterator<Item = Vec<u8>>) {
        let waiting = self.waiting.entry(hub).or_default();
        let room = MAX_WAITING.saturating_sub(waiting.len());
        waiting.extend(blocks.into_iter().take(room));
    }

    /// Ask for what is overdue, give up what is too old.
    fn expire(&mut self, now: Time) {
        while let Some(request) = self.incoming.ask(now) {
            let device = Block::parse(&request).map(|block| block.id.target);
            if let Some(hub) = device.ok().and_then(|device| self.hubs.get(&device).copied()) {
                self.wait(hub, [request]);
            }
        }
        while let Some(expired) = self.incoming.poll(now) {
            warn!(message = %expired.id, blocks = expired.blocks, "a message of which only some blocks came is given up");
        }
    }
}

/// What is sent of a Command: itself, or its blocks. What cannot be cut goes as it is.
pub(crate) fn of(command: &[u8]) -> Vec<Vec<u8>> {
    parts(command, MAX_BLOCK_LEN).unwrap_or_else(|_| vec![command.to_vec()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::envelope::SignatureField;
    use gbcs::{Counter, Cra, GroupingHeader, Message, MessageCode};

    const HUB: Eui64 = Eui64::from_u64(1);
    const ID: MessageId = MessageId {
        originator: Eui64::from_u64(2),
        target: Eui64::from_u64(3),
        cra: Cra::Response,
        counter: Counter(7),
    };

    fn message(id: MessageId, payload: usize) -> Vec<u8> {
        let plain = Message::plain(GroupingHeader::new(id, MessageCode(0x0036)), vec![1; payload]);
        Message { signature: SignatureField::Empty, mac: Some([7; 12]), ..plain }.encode()
    }

    #[test]
    fn what_comes_in_blocks_is_given_once_and_whole_and_what_is_missing_asked_for() {
        let blocks = Blocks::default();
        let (short, long) = (message(ID, 20), message(ID, 3000));
        let take = |octets: &[u8]| blocks.take(HUB, octets.to_vec(), Time(1), |_| None);
        assert_eq!(take(&short), Some(short.clone()));
        let cut = of(&long);
        assert_eq!((take(&cut[0]), take(&cut[2])), (None, None));
        let asked = blocks.waiting(HUB);
        let request = Block::parse(&asked[0]).unwrap();
        assert_eq!((asked.len(), request.acknowledged, request.id), (1, 1, ID.answer()));
        assert_eq!((take(&cut[1]), take(&cut[2])), (Some(long), None));
        assert!(blocks.waiting(HUB).is_empty());
        assert_eq!(take(&[0xDD, 9, 1]), None, "no block");
    }

    #[test]
    fn a_device_that_misses_blocks_of_a_command_gets_them() {
        let blocks = Blocks::default();
        let command = message(ID.answer(), 3000);
        let view = gbcs::MessageView::parse(&command).unwrap();
        let request = Block::acknowledgement(ID, view.other_information(), 1).encode();
        assert_eq!(blocks.take(HUB, request, Time(1), |id| (*id == ID.answer()).then(|| command.clone())), None);
        assert_eq!(blocks.waiting(HUB), of(&command)[1..]);
    }

    #[test]
    fn what_is_overdue_is_asked_for_when_another_block_comes() {
        let blocks = Blocks::default();
        let take = |octets: &[u8], now: Time| blocks.take(HUB, octets.to_vec(), now, |_| None);
        take(&of(&message(ID, 3000))[0], Time(1));
        let later = Time(1) + std::time::Duration::from_secs(3600);
        let other = Eui64::from_u64(9);
        take(&of(&message(MessageId { originator: other, ..ID }, 3000))[0], later);
        assert_eq!(Block::parse(&blocks.waiting(HUB)[0]).unwrap().id, ID.answer());
    }
}
