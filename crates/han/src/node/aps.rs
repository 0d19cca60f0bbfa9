//! The APS layer of a node: acknowledgement, repetition, fragments, duplicates.
use super::peer::{Reassembly, Transaction, UNFRAGMENTED};
use super::{Datagram, Failure, Handle, MAX_DATAGRAM, Node, Output, Refusal};
use crate::aps::{Block, Endpoints, Frame, Kind};
use crate::security::{Aux, KeyId};
use crate::{needs_link_key, zdo};
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Time;

impl Node {
    pub(super) fn enqueue(&mut self, handle: Option<Handle>, datagram: Datagram) -> Result<(), Failure> {
        let at = self.index(datagram.peer).ok_or(Failure::UnknownPeer)?;
        if self.peers[at].peer.link_key.is_none() && needs_link_key(datagram.profile, datagram.cluster) {
            return Err(Failure::NoLinkKey);
        }
        if datagram.payload.len() > MAX_DATAGRAM {
            return Err(Failure::TooLong);
        }
        if self.peers[at].outgoing.len() >= self.timing.max_queued {
            return Err(Failure::QueueFull);
        }
        let counter = self.peers[at].take_aps_counter();
        self.peers[at].outgoing.push_back(Transaction {
            handle,
            datagram,
            counter,
            block: 0,
            tries: 0,
            deadline: None,
        });
        Ok(())
    }

    /// Does what is due for one peer: repeats what was not acknowledged, starts what waits.
    pub(super) fn run_peer(&mut self, now: Time, at: usize) {
        while let Some(transaction) = self.peers[at].outgoing.front() {
            if transaction.deadline.is_some_and(|deadline| now < deadline) {
                return;
            }
            let outcome = if transaction.tries > self.timing.aps_retries {
                Err(Failure::NoAck)
            } else {
                self.transmit_block(now, at)
            };
            match outcome {
                Ok(()) => return,
                Err(failure) => self.finish(at, Err(failure)),
            }
        }
    }

    pub(super) fn hear_aps(&mut self, now: Time, at: usize, octets: &[u8]) -> Result<(), Refusal> {
        let frame = Frame::parse(octets).map_err(|_| Refusal::Malformed)?;
        let Some(endpoints) = frame.endpoints else { return Ok(()) };
        if !needs_link_key(endpoints.profile, endpoints.cluster) && frame.security.is_none() {
            return match frame.kind {
                Kind::Ack => {
                    self.acknowledged(at, &frame, endpoints);
                    Ok(())
                }
                _ => self.hear_data(now, at, &frame, endpoints, frame.payload.to_vec()),
            };
        }
        if frame.broadcast {
            return Ok(());
        }
        let state = &mut self.peers[at];
        let (Some(Aux { key: KeyId::Data, counter, source }), Some(key)) = (frame.security, &state.peer.link_key)
        else {
            return Err(Refusal::Unprotected);
        };
        if source.is_some_and(|source| source != state.peer.eui) {
            return Err(Refusal::UnknownPeer);
        }
        if state.link_floor.refuses(counter) {
            return Err(Refusal::Replayed);
        }
        let payload = frame.open(key, state.peer.eui).map_err(|_| Refusal::Mic)?;
        state.link_floor.accept(counter);
        self.accepted();
        match frame.kind {
            Kind::Ack => {
                self.acknowledged(at, &frame, endpoints);
                Ok(())
            }
            _ => self.hear_data(now, at, &frame, endpoints, payload),
        }
    }

    fn hear_data(
        &mut self,
        now: Time,
        at: usize,
        frame: &Frame<'_>,
        endpoints: Endpoints,
        payload: Vec<u8>,
    ) -> Result<(), Refusal> {
        // Endpoint 0 has the device profile, and no other endpoint has it.
        let device_profile = endpoints.profile == zdo::PROFILE;
        let is_here = match device_profile {
            true => endpoints.destination == zdo::ENDPOINT,
            false => self.endpoints.iter().any(|here| here.endpoint == endpoints.destination),
        };
        if !is_here {
            return Err(Refusal::NoEndpoint);
        }
        if frame.broadcast {
            // Its sender counts it on its own, and nobody repeats it. No application is told anything by broadcast.
            if device_profile {
                self.hear_device_profile(at, endpoints, payload);
            }
            return Ok(());
        }
        let state = &mut self.peers[at];
        let repeated = state.was_delivered(now, frame.counter, &self.timing);
        let whole = match frame.block {
            _ if repeated => None,
            None => Some(payload),
            Some(block) => {
                // Three acknowledgement times of silence end a reassembly (han.md 11.5); a sleepy sender is awake now.
                let expires = now + 3 * self.timing.aps_ack_wait;
                state.reassemble(frame.counter, endpoints, block, payload, expires)?
            }
        };
        if whole.is_some() {
            state.reassembly.take_if(|reassembly| reassembly.counter == frame.counter);
            state.delivered(now, frame.counter);
        }
        let peer = state.peer.eui;
        if frame.ack_request {
            // A failure here means that the counters are used up; the sender sees no acknowledgement.
            let _ = self.transmit_ack(now, at, frame, endpoints);
        }
        if let Some(payload) = whole {
            if device_profile {
                self.hear_device_profile(at, endpoints, payload);
                return Ok(());
            }
            self.outputs.push_back(Output::Received(Datagram {
                peer,
                profile: endpoints.profile,
                cluster: endpoints.cluster,
                src_endpoint: endpoints.source,
                dst_endpoint: endpoints.destination,
                payload,
            }));
        }
        Ok(())
    }

    /// Answers what asks for a descriptor; hands the rest up.
    fn hear_device_profile(&mut self, at: usize, endpoints: Endpoints, payload: Vec<u8>) {
        let peer = self.peers[at].peer.eui;
        let datagram = |cluster, payload| Datagram {
            peer,
            profile: zdo::PROFILE,
            cluster,
            src_endpoint: zdo::ENDPOINT,
            dst_endpoint: zdo::ENDPOINT,
            payload,
        };
        let answer = zdo::Frame::parse(endpoints.cluster, &payload);
        match answer.ok().and_then(|frame| frame.answer(self.short, &self.endpoints)) {
            // A full queue drops the answer, and the asker asks again. The run that follows every frame sends it.
            Some(answer) => _ = self.enqueue(None, datagram(answer.cluster(), answer.to_vec())),
            None => self.outputs.push_back(Output::Received(datagram(endpoints.cluster, payload))),
        }
    }

    fn acknowledged(&mut self, at: usize, frame: &Frame<'_>, endpoints: Endpoints) {
        let Some(transaction) = self.peers[at].outgoing.front_mut() else { return };
        let ours = transaction.counter == frame.counter && transaction.endpoints() == endpoints.swapped();
        if !ours || transaction.deadline.is_none() {
            return;
        }
        match frame.block {
            None if transaction.blocks() == 1 => {}
            Some(Block { number, received: Some(received), .. })
                if transaction.blocks() > 1 && number == transaction.block && received & 1 == 1 =>
            {
                if transaction.block + 1 < transaction.blocks() {
                    transaction.block += 1;
                    transaction.tries = 0;
                    transaction.deadline = None;
                    return;
                }
            }
            _ => return,
        }
        self.finish(at, Ok(()));
    }

    fn finish(&mut self, at: usize, outcome: Result<(), Failure>) {
        if let Some(handle) = self.peers[at].outgoing.pop_front().and_then(|done| done.handle) {
            self.outputs.push_back(match outcome {
                Ok(()) => Output::Delivered(handle),
                Err(failure) => Output::Failed(handle, failure),
            });
        }
    }

    fn transmit_block(&mut self, now: Time, at: usize) -> Result<(), Failure> {
        let hold = if self.peers[at].peer.sleepy_child { self.timing.indirect_hold } else { Duration::ZERO };
        let Some(transaction) = self.peers[at].outgoing.front_mut() else { return Ok(()) };
        transaction.tries += 1;
        transaction.deadline = Some(now + self.timing.aps_ack_wait + hold);
        let block = (transaction.datagram.payload.len() > UNFRAGMENTED).then(|| {
            let first = transaction.block == 0;
            let number = if first { transaction.blocks() } else { transaction.block };
            Block { first, number, received: None }
        });
        let (endpoints, counter) = (transaction.endpoints(), transaction.counter);
        let payload = transaction.payload().to_vec();
        let frame = Frame {
            kind: Kind::Data,
            broadcast: false,
            ack_request: true,
            endpoints: Some(endpoints),
            counter,
            block,
            security: None,
            payload: &payload,
        };
        self.transmit_aps(now, at, frame)
    }

    fn transmit_ack(&mut self, now: Time, at: usize, of: &Frame<'_>, endpoints: Endpoints) -> Result<(), Failure> {
        let block = of.block.map(|block| {
            let number = if block.first { 0 } else { block.number };
            Block { first: block.first, number, received: Some(0xFF) }
        });
        let frame = Frame {
            kind: Kind::Ack,
            broadcast: false,
            ack_request: false,
            endpoints: Some(endpoints.swapped()),
            counter: of.counter,
            block,
            security: None,
            payload: &[],
        };
        self.transmit_aps(now, at, frame)
    }

    /// Seals a frame under the link key and sends it. Each repetition has a new frame counter, else it would be a replay.
    fn transmit_aps(&mut self, now: Time, at: usize, frame: Frame<'_>) -> Result<(), Failure> {
        if frame.endpoints.is_some_and(|ends| !needs_link_key(ends.profile, ends.cluster)) {
            return self.transmit_nwk(now, at, &frame.to_vec());
        }
        let (counter, reserve) = self.peers[at].link.take().ok_or(Failure::CountersUsedUp)?;
        if reserve {
            self.persist();
        }
        let key = self.peers[at].peer.link_key.as_ref().ok_or(Failure::NoLinkKey)?;
        let security = Some(Aux { key: KeyId::Data, counter, source: None });
        let aps = Frame { security, ..frame }.seal(key, self.eui).map_err(|_| Failure::TooLong)?;
        self.transmit_nwk(now, at, &aps)
    }
}

impl super::PeerState {
    /// Takes a block; the whole payload when it was the last. With a window of one, blocks come in order: one that came
    /// before is acknowledged again, one from the future is not.
    fn reassemble(
        &mut self,
        counter: u8,
        endpoints: Endpoints,
        block: Block,
        payload: Vec<u8>,
        expires: Time,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let current = self.reassembly.as_mut().filter(|r| r.counter == counter && r.endpoints == endpoints);
        let Some(current) = current else {
            if !block.first || block.number == 0 {
                return Err(Refusal::Fragments);
            }
            if block.number == 1 {
                return Ok(Some(payload));
            }
            self.reassembly = Some(Reassembly { endpoints, counter, blocks: block.number, next: 1, payload, expires });
            return Ok(None);
        };
        let index = if block.first { 0 } else { block.number };
        if index > current.next || (block.first && block.number != current.blocks) {
            return Err(Refusal::Fragments);
        }
        current.expires = expires;
        if index < current.next {
            return Ok(None);
        }
        if current.payload.len() + payload.len() > MAX_DATAGRAM {
            self.reassembly = None;
            return Err(Refusal::Fragments);
        }
        current.payload.extend(payload);
        current.next += 1;
        Ok((current.next == current.blocks).then(|| core::mem::take(&mut current.payload)))
    }
}
