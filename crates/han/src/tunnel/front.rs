//! What client and server of the cluster have in common: an endpoint, numbers, what of a frame is for them, and outputs that wait
//! to be polled.
use super::{Outbound, Output, Remote, TransferFailure, TransferId};
use crate::zcl::tunneling::MAX_TRANSFER;
use crate::zcl::{DefaultResponse, Direction, Frame, Status};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::Eui64;

/// The face of one side.
pub(super) struct Front {
    endpoint: u8,
    tsn: u8,
    next_transfer: u32,
    outputs: VecDeque<Output>,
}

/// A frame for one side.
pub(super) enum Incoming<'a> {
    /// What the other side says to a command of ours.
    Answer(u8, DefaultResponse),
    /// A command of the cluster.
    Command(Frame<'a>),
    /// Any other frame.
    Other(Frame<'a>),
}

impl<'a> Incoming<'a> {
    /// What a frame is to the side that frames of this direction are for; `None` when it is no frame for it.
    pub(super) fn parse(zcl: &'a [u8], direction: Direction) -> Option<Self> {
        let frame = Frame::parse(zcl).ok().filter(|frame| frame.direction == direction)?;
        Some(match frame.as_default_response() {
            Some(response) => Self::Answer(frame.tsn, response),
            None if frame.cluster_specific && frame.manufacturer.is_none() => Self::Command(frame),
            None => Self::Other(frame),
        })
    }
}

impl Front {
    pub(super) const fn at(endpoint: u8) -> Self {
        Self { endpoint, tsn: 0, next_transfer: 0, outputs: VecDeque::new() }
    }

    pub(super) fn take_tsn(&mut self) -> u8 {
        self.tsn = self.tsn.wrapping_add(1);
        self.tsn
    }

    /// Number a transfer that `queue` puts in its place, or tell at once why there is none.
    pub(super) fn transfer(
        &mut self,
        peer: Eui64,
        queue: impl FnOnce(TransferId) -> Result<(), TransferFailure>,
    ) -> TransferId {
        let transfer = TransferId(self.next_transfer);
        self.next_transfer = self.next_transfer.wrapping_add(1);
        if let Err(reason) = queue(transfer) {
            self.fail(peer, transfer, reason);
        }
        transfer
    }

    pub(super) fn tell(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn fail(&mut self, peer: Eui64, transfer: TransferId, reason: TransferFailure) {
        self.tell(Output::Failed { peer, transfer, reason });
    }

    /// The peer answered a transfer with this status.
    pub(super) fn settle(&mut self, peer: Eui64, transfer: TransferId, status: Status) {
        match status {
            Status::Success => self.tell(Output::Accepted { peer, transfer }),
            status => self.fail(peer, transfer, TransferFailure::Refused(status)),
        }
    }

    pub(super) fn send(&mut self, to: Remote, zcl: Vec<u8>) {
        let (peer, src_endpoint, dst_endpoint) = (to.peer, self.endpoint, to.endpoint);
        self.tell(Output::Send(Outbound { peer, src_endpoint, dst_endpoint, zcl }));
    }

    /// Answer with a Default Response, unless it is a success that the sender did not want.
    pub(super) fn answer(&mut self, to: Remote, frame: &Frame<'_>, status: Status) {
        if status != Status::Success || !frame.disable_default_response {
            self.send(to, frame.default_response(status));
        }
    }

    /// Data that came through a tunnel of its sender: handed up when `admit` says so, and answered with what it says.
    pub(super) fn take_data(
        &mut self,
        from: Remote,
        frame: &Frame<'_>,
        data: &[u8],
        admit: impl FnOnce(Eui64, &[u8]) -> Status,
    ) {
        let status = admit(from.peer, data);
        if status == Status::Success {
            self.tell(Output::Data { peer: from.peer, data: data.to_vec() });
        }
        self.answer(from, frame, status);
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

/// Whether data is longer than what both sides announce to take.
pub(super) const fn overflows(data: &[u8]) -> bool {
    data.len() > MAX_TRANSFER as usize
}
