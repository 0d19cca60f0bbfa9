//! The MAC of a node: one unicast frame in the air at a time, repeated until acknowledged; a broadcast once.
use super::Timing;
use crate::mac::{Frame, PanId, ShortAddress};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::Time;

/// Frames that wait for the air; past this a frame is lost, and the APS layer repeats it.
const MAX_QUEUE: usize = 64;
/// Neighbours whose last sequence number is remembered.
const MAX_NEIGHBOURS: usize = 32;

pub(super) struct Mac {
    pan: PanId,
    short: ShortAddress,
    sequence: u8,
    queue: VecDeque<Job>,
    in_flight: Option<InFlight>,
    last_heard: VecDeque<(ShortAddress, u8)>,
}

pub(super) enum Job {
    Data { destination: ShortAddress, frame_pending: bool, nwk: Vec<u8> },
    Broadcast { nwk: Vec<u8> },
    Poll { parent: ShortAddress },
}

struct InFlight {
    psdu: Vec<u8>,
    destination: ShortAddress,
    sequence: u8,
    is_poll: bool,
    tries: u8,
    deadline: Time,
}

/// How the frame in flight ended.
pub(super) struct Done {
    pub(super) is_poll: bool,
    pub(super) acknowledged: bool,
}

impl Mac {
    pub(super) fn new(pan: PanId, short: ShortAddress, sequence: u8) -> Self {
        Self { pan, short, sequence, queue: VecDeque::new(), in_flight: None, last_heard: VecDeque::new() }
    }

    pub(super) fn push(&mut self, job: Job) {
        if self.queue.len() < MAX_QUEUE {
            self.queue.push_back(job);
        }
    }

    /// The next frame for the air, when it is free.
    pub(super) fn start(&mut self, now: Time, timing: &Timing) -> Option<Vec<u8>> {
        if self.in_flight.is_some() {
            return None;
        }
        let job = self.queue.pop_front()?;
        let sequence = self.take_sequence();
        let (psdu, destination, is_poll) = match job {
            Job::Data { destination, frame_pending, nwk } => {
                let frame = Frame::data(self.pan, destination, self.short, sequence, &nwk);
                (Frame { frame_pending, ..frame }.to_vec(), destination, false)
            }
            Job::Broadcast { nwk } => {
                let frame = Frame::data(self.pan, ShortAddress::BROADCAST, self.short, sequence, &nwk);
                // Nobody acknowledges it, so nothing is in flight.
                return Some(Frame { ack_request: false, ..frame }.to_vec());
            }
            Job::Poll { parent } => {
                (Frame::data_request(self.pan, parent, self.short, sequence).to_vec(), parent, true)
            }
        };
        let deadline = now + timing.mac_ack_wait;
        self.in_flight = Some(InFlight { psdu: psdu.clone(), destination, sequence, is_poll, tries: 1, deadline });
        Some(psdu)
    }

    pub(super) fn take_sequence(&mut self) -> u8 {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        sequence
    }

    /// For whom the frame in flight is.
    pub(super) fn destination(&self) -> Option<ShortAddress> {
        self.in_flight.as_ref().map(|frame| frame.destination)
    }

    pub(super) fn acknowledged(&mut self, sequence: u8) -> Option<Done> {
        let done = self.in_flight.take_if(|frame| frame.sequence == sequence)?;
        Some(Done { is_poll: done.is_poll, acknowledged: true })
    }

    /// When the acknowledgement is overdue: the frame again, or that it is given up.
    pub(super) fn overdue(&mut self, now: Time, timing: &Timing) -> Option<Result<Vec<u8>, Done>> {
        let frame = self.in_flight.as_mut().filter(|frame| frame.deadline <= now)?;
        if frame.tries > timing.mac_retries {
            let is_poll = frame.is_poll;
            self.in_flight = None;
            return Some(Err(Done { is_poll, acknowledged: false }));
        }
        frame.tries += 1;
        frame.deadline = now + timing.mac_ack_wait;
        Some(Ok(frame.psdu.clone()))
    }

    /// Whether this frame repeats the last one of its sender, whose acknowledgement then was lost.
    pub(super) fn is_repetition(&mut self, source: ShortAddress, sequence: u8) -> bool {
        if let Some((_, last)) = self.last_heard.iter_mut().find(|(address, _)| *address == source) {
            return core::mem::replace(last, sequence) == sequence;
        }
        if self.last_heard.len() == MAX_NEIGHBOURS {
            self.last_heard.pop_front();
        }
        self.last_heard.push_back((source, sequence));
        false
    }

    pub(super) fn has_poll(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|frame| frame.is_poll)
            || self.queue.iter().any(|job| matches!(job, Job::Poll { .. }))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.queue.is_empty()
    }

    /// Forgets all frames: the radio goes off.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.in_flight = None;
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        self.in_flight.as_ref().map(|frame| frame.deadline)
    }
}
