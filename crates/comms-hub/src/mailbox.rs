//! What waits for a gas meter, which sleeps and fetches (GBCS 10.2.2.2; han.md 5.2).
use crate::letter::Letter;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Time;
use han::tunnel::TransferId;

/// The messages for one gas meter, oldest first. A message leaves when the meter's stack acknowledged it, when it expired, or
/// when it was offered too often in vain.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    letters: VecDeque<Letter>,
    /// How often the oldest was offered.
    offers: u8,
    /// The transfer that the oldest is on its way in, outcome unknown.
    offered: Option<TransferId>,
}

/// The answer to a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Messages waiting after this one; 255 stands for more.
    pub remaining: u8,
    /// The message; empty when there is none.
    pub message: &'a [u8],
}

impl Mailbox {
    /// Put a message behind the others.
    pub fn push(&mut self, letter: Letter) {
        self.letters.push_back(letter);
    }

    /// The meter asks: `send` it the oldest message, which stays until [`delivered`](Self::delivered). A GET while an offer is
    /// open says that the offer got lost; what becomes of that transfer no longer counts.
    pub fn get(&mut self, send: impl FnOnce(Offer<'_>) -> TransferId) {
        let Some(oldest) = self.letters.front() else {
            send(Offer { remaining: 0, message: &[] });
            return;
        };
        let remaining = u8::try_from(self.letters.len() - 1).unwrap_or(u8::MAX);
        self.offers = self.offers.saturating_add(1);
        self.offered = Some(send(Offer { remaining, message: &oldest.octets }));
    }

    /// The meter's stack acknowledged the transfer: if it was the open offer, the message is gone.
    pub fn delivered(&mut self, transfer: TransferId) -> Option<Letter> {
        self.offered.take_if(|offered| *offered == transfer)?;
        self.offers = 0;
        self.letters.pop_front()
    }

    /// The transfer was not acknowledged. Gives the message back when that was its last chance.
    pub fn not_delivered(&mut self, transfer: TransferId, max_offers: u8) -> Option<Letter> {
        self.offered.take_if(|offered| *offered == transfer)?;
        if self.offers < max_offers {
            return None;
        }
        self.offers = 0;
        self.letters.pop_front()
    }

    /// Take out what has waited for `expiry`; an open offer is waited for.
    pub fn expire(&mut self, now: Time, expiry: Duration) -> Vec<Letter> {
        let mut expired = Vec::new();
        while self.offered.is_none()
            && let Some(oldest) = self.letters.pop_front_if(|letter| now >= letter.taken + expiry)
        {
            self.offers = 0;
            expired.push(oldest);
        }
        expired
    }

    /// When the oldest expires.
    pub fn next_expiry(&self, expiry: Duration) -> Option<Time> {
        self.letters.front().filter(|_| self.offered.is_none()).map(|oldest| oldest.taken + expiry)
    }

    /// The messages, oldest first.
    pub fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.letters.iter()
    }

    /// Whether nothing waits: the notification flag is clear.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Source;
    use gbcs::envelope::RouteForm;
    use gbcs::{Counter, Cra, Eui64, MessageCode, MessageId, Route};

    fn letter(n: u64, at: u64) -> Letter {
        let id = MessageId {
            originator: Eui64::from_u64(1),
            target: Eui64::from_u64(2),
            cra: Cra::Command,
            counter: Counter(n),
        };
        let route = Route { id, code: MessageCode(0x0071), form: RouteForm::Maced };
        Letter { route, octets: alloc::vec![n as u8; 3], source: Source::Wan, taken: Time(at) }
    }

    fn mailbox(n: u64) -> Mailbox {
        let mut mailbox = Mailbox::default();
        (0..n).for_each(|n| mailbox.push(letter(n, n * 1000)));
        mailbox
    }

    /// GET in the transfer `t`: how many remain, and the first octet of the message.
    fn get(mailbox: &mut Mailbox, t: u32) -> (u8, Option<u8>) {
        let mut answer = None;
        mailbox.get(|offer| {
            answer = Some((offer.remaining, offer.message.first().copied()));
            TransferId(t)
        });
        answer.unwrap()
    }

    #[test]
    fn messages_are_fetched_in_order_and_the_count_goes_down() {
        let mut mailbox = mailbox(3);
        for (t, remaining) in [(0, 2), (1, 1), (2, 0)] {
            assert_eq!(get(&mut mailbox, t), (remaining, Some(t as u8)));
            assert_eq!(mailbox.delivered(TransferId(t)).unwrap().octets[0], t as u8);
        }
        assert!(mailbox.is_empty());
        assert_eq!(get(&mut mailbox, 3), (0, None));
        assert_eq!(mailbox.delivered(TransferId(3)), None);
    }

    #[test]
    fn the_count_of_waiting_messages_saturates() {
        let mut mailbox = mailbox(300);
        assert_eq!(get(&mut mailbox, 0), (255, Some(0)));
    }

    #[test]
    fn a_message_stays_until_acknowledged_and_is_offered_three_times() {
        let mut mailbox = mailbox(2);
        for t in 0..2 {
            assert_eq!(get(&mut mailbox, t), (1, Some(0)));
            assert_eq!(mailbox.not_delivered(TransferId(t), 3), None);
        }
        assert_eq!(get(&mut mailbox, 2), (1, Some(0)));
        assert_eq!(mailbox.not_delivered(TransferId(2), 3).unwrap().octets[0], 0, "given up");
        assert_eq!(get(&mut mailbox, 3), (0, Some(1)), "the next has all its offers");
        assert_eq!(mailbox.not_delivered(TransferId(3), 3), None);
    }

    #[test]
    fn only_the_newest_offer_counts() {
        let mut mailbox = mailbox(2);
        get(&mut mailbox, 0);
        get(&mut mailbox, 1);
        assert_eq!(mailbox.delivered(TransferId(0)), None);
        assert_eq!(mailbox.delivered(TransferId(1)).unwrap().octets[0], 0);
        assert_eq!(mailbox.delivered(TransferId(1)), None, "the second message was not offered");
        assert_eq!(mailbox.letters().count(), 1);
    }

    #[test]
    fn what_waits_for_its_expiry_leaves_and_an_open_offer_is_waited_for() {
        let day = Duration::from_secs(24 * 3600);
        let mut mailbox = mailbox(2);
        let first = Time(0) + day;
        assert_eq!(mailbox.next_expiry(day), Some(first));
        assert!(mailbox.expire(Time(first.0 - 1), day).is_empty());
        get(&mut mailbox, 0);
        assert!(mailbox.expire(first, day).is_empty());
        mailbox.not_delivered(TransferId(0), 3);
        assert_eq!(mailbox.expire(first, day).len(), 1);
        assert_eq!(mailbox.next_expiry(day), Some(Time(1000) + day));
    }
}
