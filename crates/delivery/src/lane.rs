//! Lanes: Commands of one originator to one device, in ascending counter order, one in flight.
use crate::DeliveryId;
use gbcs::{Counter, Eui64};
use std::collections::BTreeSet;

/// Which of a device's replay counters a Command is held against (GBCS replay protection, DUIS 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CounterSpace {
    /// The counter of the Remote Party role: a higher one executed shuts out every lower one.
    Ordinary,
    /// The counters of top-up tokens, of which the meter keeps the last hundred, so their order is free.
    TopUp,
}

/// What is ordered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// Business Originator of the Commands.
    pub originator: Eui64,
    /// The device they are for.
    pub device: Eui64,
    /// Whose counters they use.
    pub space: CounterSpace,
}

/// The open deliveries of one lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    /// All of them, in the order they go.
    pub(crate) open: BTreeSet<(Counter, DeliveryId)>,
    /// Those which the device may have, or be in doubt about.
    pub(crate) in_flight: BTreeSet<DeliveryId>,
    /// The highest counter the device is known to have executed.
    pub(crate) executed: Option<Counter>,
}

impl Traffic {
    /// Who stands in the way of this delivery, if anyone.
    pub(crate) fn ahead_of(&self, counter: Counter, id: DeliveryId) -> Option<DeliveryId> {
        let first = self.open.first().filter(|first| **first < (counter, id)).map(|(_, first)| *first);
        first.or_else(|| self.in_flight.iter().copied().find(|other| *other != id))
    }
}
