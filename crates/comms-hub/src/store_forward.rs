//! What waits for the WAN, and what its link has and the DCC has not yet: in order, bounded, across restarts (han.md 6.3).
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::{Cra, MessageId};

/// A message for the WAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its identifier.
    pub id: MessageId,
    /// The message.
    pub octets: Vec<u8>,
    /// A PPMID made it: the first to go when there is no room.
    pub of_ppmid: bool,
}

/// Messages for the WAN, oldest first, within a number of messages and of octets.
///
/// At least once: a message leaves when the DCC has it ([`taken`](Self::taken)), and is handed over again after a crash, or a WAN that
/// was away, until then.
#[derive(Clone, Debug)]
pub struct StoreForward {
    parcels: VecDeque<Parcel>,
    /// As many of the oldest are with the link.
    handed: usize,
    octets: usize,
    max_messages: usize,
    max_octets: usize,
}

impl StoreForward {
    /// An empty queue with these limits.
    pub const fn new(max_messages: usize, max_octets: usize) -> Self {
        Self { parcels: VecDeque::new(), handed: 0, octets: 0, max_messages, max_octets }
    }

    /// Put a message behind the others. Gives what had to go for it: of PPMIDs before anyone's, others before Alerts, the oldest
    /// first - which can be the new message itself.
    pub fn push(&mut self, parcel: Parcel) -> Vec<Parcel> {
        self.octets += parcel.octets.len();
        self.parcels.push_back(parcel);
        let mut dropped = Vec::new();
        while self.parcels.len() > self.max_messages || self.octets > self.max_octets {
            let rank = |parcel: &Parcel| (!parcel.of_ppmid, parcel.id.cra == Cra::Alert);
            // The first of the lowest rank: `min_by_key` keeps the first of equals.
            let (victim, _) =
                self.parcels.iter().enumerate().min_by_key(|(_, parcel)| rank(parcel)).expect("more than the limit");
            dropped.push(self.remove(victim));
        }
        dropped
    }

    /// The oldest that the link does not have, for the link.
    pub fn hand_over(&mut self) -> Option<&Parcel> {
        let parcel = self.parcels.get(self.handed)?;
        self.handed += 1;
        Some(parcel)
    }

    /// The DCC has a message that was handed over: it leaves. False where there is none of these octets.
    pub fn taken(&mut self, octets: &[u8]) -> bool {
        let at = self.parcels.iter().take(self.handed).position(|parcel| parcel.octets == octets);
        at.map(|at| self.remove(at)).is_some()
    }

    /// The WAN is gone, and with it what its link had: all are to be handed over again.
    pub fn recall(&mut self) {
        self.handed = 0;
    }

    /// The messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.iter()
    }

    /// Messages that the DCC does not have.
    pub fn len(&self) -> usize {
        self.parcels.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    fn remove(&mut self, at: usize) -> Parcel {
        let parcel = self.parcels.remove(at).expect("a place that was found just now");
        self.octets -= parcel.octets.len();
        self.handed -= usize::from(at < self.handed);
        parcel
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::{Counter, Eui64};

    fn parcel(n: u64, cra: Cra, of_ppmid: bool) -> Parcel {
        let id = MessageId { originator: Eui64::from_u64(1), target: Eui64::from_u64(2), cra, counter: Counter(n) };
        Parcel { id, octets: alloc::vec![n as u8; 100], of_ppmid }
    }

    fn left(queue: &mut StoreForward) -> Vec<u64> {
        core::iter::from_fn(|| queue.hand_over().map(|p| p.id.counter.0)).collect()
    }

    #[test]
    fn what_is_stored_leaves_in_order() {
        let mut queue = StoreForward::new(256, 256 * 1024);
        for n in 0..5 {
            assert!(queue.push(parcel(n, Cra::Response, false)).is_empty());
        }
        assert_eq!(left(&mut queue), [0, 1, 2, 3, 4]);
        for n in [1, 0, 2, 3, 4] {
            assert!(!queue.is_empty());
            assert!(queue.taken(&[n; 100]), "in whichever order the DCC says so");
            assert!(!queue.taken(&[n; 100]), "once");
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn what_the_dcc_does_not_have_is_handed_over_again_and_what_was_not_handed_over_is_not_taken() {
        let mut queue = StoreForward::new(256, 256 * 1024);
        for n in 0..3 {
            queue.push(parcel(n, Cra::Response, false));
        }
        queue.hand_over();
        assert!(!queue.taken(&[1; 100]));
        queue.hand_over();
        assert!(queue.taken(&[0; 100]));
        assert_eq!(left(&mut queue), [2]);
        queue.recall();
        assert_eq!(left(&mut queue), [1, 2]);
    }

    #[test]
    fn what_makes_room_is_also_taken_from_what_the_link_has() {
        let mut queue = StoreForward::new(2, 256 * 1024);
        queue.push(parcel(0, Cra::Response, false));
        queue.push(parcel(1, Cra::Response, false));
        queue.hand_over();
        assert_eq!(queue.push(parcel(2, Cra::Response, false))[0].id.counter.0, 0);
        assert!(!queue.taken(&[0; 100]));
        assert_eq!(left(&mut queue), [1, 2]);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_that_is_no_alert() {
        let mut queue = StoreForward::new(3, 256 * 1024);
        queue.push(parcel(0, Cra::Alert, false));
        queue.push(parcel(1, Cra::Response, false));
        queue.push(parcel(2, Cra::Response, false));
        assert_eq!(queue.push(parcel(3, Cra::Alert, false))[0].id.counter.0, 1);
        assert_eq!(queue.push(parcel(4, Cra::Alert, false))[0].id.counter.0, 2);
        assert_eq!(queue.push(parcel(5, Cra::Response, false))[0].id.counter.0, 5, "alerts stay");
        assert_eq!(queue.push(parcel(6, Cra::Alert, false))[0].id.counter.0, 0, "the oldest of alerts");
        assert_eq!(left(&mut queue), [3, 4, 6]);
    }

    #[test]
    fn octets_are_limited_as_messages_are() {
        let mut queue = StoreForward::new(256, 250);
        queue.push(parcel(0, Cra::Response, false));
        queue.push(parcel(1, Cra::Response, false));
        assert_eq!(queue.push(parcel(2, Cra::Response, false)).len(), 1);
        assert_eq!(queue.len(), 2);
        let large = Parcel { octets: alloc::vec![0; 300], ..parcel(3, Cra::Alert, false) };
        assert_eq!(queue.push(large).len(), 3, "what can never fit leaves too");
        assert!(queue.is_empty());
    }

    #[test]
    fn a_ppmid_never_displaces_what_a_meter_said() {
        let mut queue = StoreForward::new(2, 256 * 1024);
        queue.push(parcel(0, Cra::Response, false));
        queue.push(parcel(1, Cra::Alert, true));
        assert_eq!(queue.push(parcel(2, Cra::Response, false))[0].id.counter.0, 1);
        assert_eq!(queue.push(parcel(3, Cra::Alert, true))[0].id.counter.0, 3);
        assert_eq!(left(&mut queue), [0, 2]);
    }
}
