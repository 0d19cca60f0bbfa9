//! The APS layer of a node: acknowledgement, repetition, fragments, duplicates.
use super::peer::{Cargo, Reassembly, Transaction};
use super::{Datagram, Failure, Handle, MAX_DATAGRAM, Node, Output, Refusal};
use crate::aps::{Block, Endpoints, Frame, Kind};
use crate::key_command::{self, KeyCommand};
use crate::security::{Aux, KeyId};
use crate::{needs_link_key, zdo};
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

impl Node {
    pub(super) fn enqueue(&mut self, handle: Option<Handle>, datagram: Datagram) -> Result<(), Failure> {
        if datagram.payload.len() > MAX_DATAGRAM {
            return Err(Failure::TooLong);
        }
        let needs_key = needs_link_key(datagram.profile, datagram.cluster);
        self.enqueue_cargo(handle, datagram.peer, needs_key, Cargo::Datagram(datagram))
    }

    pub(super) fn enqueue_command(&mut self, handle: Handle, peer: Eui64, command: KeyCommand) -> Result<(), Failure> {
        self.enqueue_cargo(Some(handle), peer, true, Cargo::Command(command))
    }

    fn enqueue_cargo(
        &mut self,
        handle: Option<Handle>,
        peer: Eui64,
        needs_key: bool,
        cargo: Cargo,
    ) -> Result<(), Failure> {
        let at = self.index(peer).ok_or(Failure::UnknownPeer)?;
        if self.peers[at].peer.link_key.is_none() && needs_key {
            return Err(Failure::NoLinkKey);
        }
        if self.peers[at].outgoing.len() >= self.timing.max_queued {
            return Err(Failure::QueueFull);
        }
        let counter = self.peers[at].take_aps_counter();
        self.peers[at].outgoing.push_back(Transaction::new(handle, cargo, counter));
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
        if let Some(endpoints) = frame.endpoints
            && !needs_link_key(endpoints.profile, endpoints.cluster)
            && frame.security.is_none()
        {
            return match frame.kind {
                Kind::Ack => {
                    self.acknowledged(at, &frame);
                    Ok(())
                }
                _ => self.hear_data(now, at, &frame, endpoints, frame.payload.to_vec()),
            };
        }
        if frame.broadcast {
            return Ok(());
        }
        let payload = self.open_aps(at, &frame)?;
        match (frame.kind, frame.endpoints) {
            (Kind::Ack, _) => {
                self.acknowledged(at, &frame);
                Ok(())
            }
            (Kind::Data, Some(endpoints)) => self.hear_data(now, at, &frame, endpoints, payload),
            _ => self.hear_command(now, at, &frame, &payload),
        }
    }

    /// The clear payload of a frame under the link key, or one derived from it.
    fn open_aps(&mut self, at: usize, frame: &Frame<'_>) -> Result<Vec<u8>, Refusal> {
        let state = &mut self.peers[at];
        let (Some(Aux { key: id, counter, source }), Some(link_key)) = (frame.security, &state.peer.link_key) else {
            return Err(Refusal::Unprotected);
        };
        // Only a command may be under another key than the link key itself.
        let key = key_command::of_link(link_key, id).filter(|_| id == KeyId::Data || frame.kind == Kind::Command);
        let key = key.ok_or(Refusal::Unprotected)?;
        if source.is_some_and(|source| source != state.peer.eui) {
            return Err(Refusal::UnknownPeer);
        }
        if state.link_floor.refuses(counter) {
            return Err(Refusal::Replayed);
        }
        let payload = frame.open(&key, state.peer.eui).map_err(|_| Refusal::Mic)?;
        state.link_floor.accept(counter);
        self.accepted();
        Ok(payload)
    }

    /// A command of the peer's stack; those that are not about link keys are none of ours.
    fn hear_command(&mut self, now: Time, at: usize, frame: &Frame<'_>, payload: &[u8]) -> Result<(), Refusal> {
        let Ok(command) = KeyCommand::parse(payload) else { return Ok(()) };
        if frame.security.is_none_or(|aux| aux.key != command.under()) || frame.block.is_some() {
            return Err(Refusal::Unprotected);
        }
        let state = &mut self.peers[at];
        let repeated = state.was_delivered(now, frame.counter, &self.timing);
        let peer = state.peer.eui;
        if !repeated {
            state.delivered(now, frame.counter);
        }
        if frame.ack_request {
            // As for data: without counters there is no acknowledgement.
            let _ = self.transmit_ack(now, at, frame, None);
        }
        if !repeated {
            self.outputs.push_back(Output::Key(peer, command));
        }
        Ok(())
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
            let _ = self.transmit_ack(now, at, frame, Some(endpoints));
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
        let answer = answer.ok().and_then(|frame| {
            frame.answer(self.short, &self.endpoints).or_else(|| frame.answer_address(|eui| self.address_of(eui)))
        });
        match answer {
            // A full queue drops the answer, and the asker asks again. The run that follows every frame sends it.
            Some(answer) => _ = self.enqueue(None, datagram(answer.cluster(), answer.to_vec())),
            None => self.outputs.push_back(Output::Received(datagram(endpoints.cluster, payload))),
        }
    }

    fn acknowledged(&mut self, at: usize, frame: &Frame<'_>) {
        let Some(transaction) = self.peers[at].outgoing.front_mut() else { return };
        let ours =
            transaction.counter == frame.counter && transaction.endpoints() == frame.endpoints.map(Endpoints::swapped);
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
        let block = transaction.is_fragmented().then(|| {
            let first = transaction.block == 0;
            let number = if first { transaction.blocks() } else { transaction.block };
            Block { first, number, received: None }
        });
        let (endpoints, counter) = (transaction.endpoints(), transaction.counter);
        let payload = transaction.block_payload().to_vec();
        let (kind, under) = match &transaction.cargo {
            Cargo::Datagram(_) => (Kind::Data, KeyId::Data),
            Cargo::Command(command) => (Kind::Command, command.under()),
        };
        let frame = Frame {
            kind,
            broadcast: false,
            ack_request: true,
            endpoints,
            counter,
            block,
            security: None,
            payload: &payload,
        };
        self.transmit_aps(now, at, under, frame)
    }

    fn transmit_ack(
        &mut self,
        now: Time,
        at: usize,
        of: &Frame<'_>,
        endpoints: Option<Endpoints>,
    ) -> Result<(), Failure> {
        let block = of.block.map(|block| {
            let number = if block.first { 0 } else { block.number };
            Block { first: block.first, number, received: Some(0xFF) }
        });
        let frame = Frame {
            kind: Kind::Ack,
            broadcast: false,
            ack_request: false,
            endpoints: endpoints.map(Endpoints::swapped),
            counter: of.counter,
            block,
            security: None,
            payload: &[],
        };
        self.transmit_aps(now, at, KeyId::Data, frame)
    }

    /// Seals a frame under a key of the link and sends it. Each repetition has a new frame counter, else it would be a replay.
    fn transmit_aps(&mut self, now: Time, at: usize, under: KeyId, frame: Frame<'_>) -> Result<(), Failure> {
        if frame.endpoints.is_some_and(|ends| !needs_link_key(ends.profile, ends.cluster)) {
            return self.transmit_nwk(now, at, &frame.to_vec());
        }
        let (counter, reserve) = self.peers[at].link.take().ok_or(Failure::CountersUsedUp)?;
        if reserve {
            self.persist();
        }
        let link_key = self.peers[at].peer.link_key.as_ref();
        let key = link_key.and_then(|link_key| key_command::of_link(link_key, under)).ok_or(Failure::NoLinkKey)?;
        let security = Some(Aux { key: under, counter, source: None });
        let aps = Frame { security, ..frame }.seal(&key, self.eui).map_err(|_| Failure::TooLong)?;
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
