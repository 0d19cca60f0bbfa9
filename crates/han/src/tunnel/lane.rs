//! Data that goes through a tunnel, one TransferData at a time, each until its answer.
use super::{TransferFailure, TransferId};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Time;

pub(super) struct Transfer {
    pub(super) id: TransferId,
    pub(super) data: Vec<u8>,
    pub(super) queued: Time,
}

pub(super) struct InFlight {
    pub(super) transfer: Transfer,
    pub(super) tsn: u8,
    pub(super) deadline: Time,
}

#[derive(Default)]
pub(super) struct Lane {
    pub(super) waiting: VecDeque<Transfer>,
    pub(super) in_flight: Option<InFlight>,
}

impl Lane {
    pub(super) fn push(&mut self, transfer: Transfer, max_waiting: usize) -> Result<(), TransferFailure> {
        if self.waiting.len() >= max_waiting {
            return Err(TransferFailure::QueueFull);
        }
        self.waiting.push_back(transfer);
        Ok(())
    }

    /// The next transfer, now in flight under this transaction number.
    pub(super) fn start(&mut self, now: Time, tsn: u8, wait: Duration) -> Option<&Transfer> {
        if self.in_flight.is_some() {
            return None;
        }
        let transfer = self.waiting.pop_front()?;
        Some(&self.in_flight.insert(InFlight { transfer, tsn, deadline: now + wait }).transfer)
    }

    /// The transfer in flight goes back to the head of those that wait.
    pub(super) fn give_back(&mut self) {
        if let Some(in_flight) = self.in_flight.take() {
            self.waiting.push_front(in_flight.transfer);
        }
    }

    pub(super) fn answered(&mut self, tsn: u8) -> Option<TransferId> {
        self.in_flight.take_if(|in_flight| in_flight.tsn == tsn).map(|in_flight| in_flight.transfer.id)
    }

    pub(super) fn overdue(&mut self, now: Time) -> Option<TransferId> {
        self.in_flight.take_if(|in_flight| in_flight.deadline <= now).map(|in_flight| in_flight.transfer.id)
    }

    /// Removes what the other side would not take.
    pub(super) fn take_longer_than(&mut self, max: usize) -> Vec<TransferId> {
        let long =
            self.waiting.iter().filter(|transfer| transfer.data.len() > max).map(|transfer| transfer.id).collect();
        self.waiting.retain(|transfer| transfer.data.len() <= max);
        long
    }

    pub(super) fn is_ready(&self) -> bool {
        self.in_flight.is_none() && !self.waiting.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_none() && self.waiting.is_empty()
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        self.in_flight.as_ref().map(|in_flight| in_flight.deadline)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = TransferId> + '_ {
        self.give_back();
        self.waiting.drain(..).map(|transfer| transfer.id)
    }
}
