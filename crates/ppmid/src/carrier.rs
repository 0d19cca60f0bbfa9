//! One tunnel to the hub, and one message at a time through it.
use crate::config::Config;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};
use han::node::{self, FrameCounters, Handle, Node, NodeConfig, Refusal};
use han::tunnel::{self, Client, ClientConfig, CloseReason, Side, TransferFailure, TransferId};
use han::zcl::tunneling::{CLUSTER, TunnelStatus, to_client};

/// What became of the message handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The hub has the octets.
    Taken,
    /// The hub said that it did not take them.
    Refused,
    /// They never reached a tunnel: the hub had forgotten it.
    NotSent,
    /// They were sent and nothing came back: the hub may have them.
    Silence,
}

pub(crate) enum Output {
    Transmit(Vec<u8>),
    /// Store these before the transmissions that follow.
    Counters(FrameCounters),
    Opened,
    Closed(CloseReason),
    TunnelRefused(TunnelStatus),
    Outcome(Outcome),
    /// The hub sent these octets through the tunnel.
    Data(Vec<u8>),
    FrameRefused(Refusal),
}

pub(crate) struct Carrier {
    node: Node,
    client: Client,
    hub: Eui64,
    hub_endpoint: u8,
    /// The message on its way.
    current: Option<TransferId>,
    /// The hub said that the tunnel is not ours, so what was sent on it went nowhere.
    forgotten: bool,
    /// The hub sent data on a tunnel of a former life and is being told that there is none. It then drops whatever tunnel we
    /// have, so the one being asked for this moment has to be asked for again.
    stray: bool,
    /// Commands of the cluster on their way: their loss is the tunnel's loss. That of an acknowledgement is not.
    commands: Vec<Handle>,
    outputs: VecDeque<Output>,
}

impl Carrier {
    pub(crate) fn new(now: Time, config: &Config, counters: FrameCounters) -> Self {
        let node = NodeConfig { counters, ..config.node.clone() };
        // Whether a Command may still be sent is decided before each transfer, so the client must try each only once; and
        // a PPMID on the mains never tires of asking for its tunnel.
        let tunnel = ClientConfig {
            give_up_attempts: 1,
            give_up_after: Duration::ZERO,
            max_failures: u32::MAX,
            max_waiting: 1,
            ..config.tunnel
        };
        let mut carrier = Self {
            node: Node::new(node),
            client: Client::new(tunnel),
            hub: config.hub,
            hub_endpoint: config.hub_endpoint,
            current: None,
            forgotten: false,
            stray: false,
            commands: Vec::new(),
            outputs: VecDeque::new(),
        };
        carrier.client.open(now, config.hub, config.hub_endpoint);
        carrier.run(now);
        carrier
    }

    /// Hand one message over; an `Outcome` follows. Only when the tunnel is open and nothing is on its way.
    pub(crate) fn send(&mut self, now: Time, message: Vec<u8>) {
        self.forgotten = false;
        self.current = Some(self.client.send(now, self.hub, message));
        self.run(now);
    }

    pub(crate) fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        self.node.handle_frame(now, psdu);
        self.run(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.node.handle_timeout(now);
        self.client.handle_timeout(now);
        self.run(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn timeout(&mut self) -> Option<Time> {
        // Both are drained at the end of each call, so there is nothing but their next times to read.
        let node = match self.node.poll() {
            node::Output::Timeout(at) => at,
            _ => None,
        };
        let client = match self.client.poll() {
            tunnel::Output::Timeout(at) => at,
            _ => None,
        };
        node.into_iter().chain(client).min()
    }

    /// Let node and client feed each other until both are at rest.
    fn run(&mut self, now: Time) {
        loop {
            match self.client.poll() {
                tunnel::Output::Timeout(_) => {}
                output => {
                    self.handle_client(now, output);
                    continue;
                }
            }
            match self.node.poll() {
                node::Output::Timeout(_) => return,
                output => self.handle_node(now, output),
            }
        }
    }

    fn handle_client(&mut self, now: Time, output: tunnel::Output) {
        match output {
            tunnel::Output::Send(outbound) => {
                let is_command = han::zcl::Frame::parse(&outbound.zcl).is_ok_and(|frame| frame.cluster_specific);
                let handle = self.node.send(now, outbound.datagram());
                if is_command {
                    self.commands.push(handle);
                }
            }
            tunnel::Output::Opened { peer, .. } => match core::mem::take(&mut self.stray) {
                true => self.client.open(now, peer, self.hub_endpoint),
                false => self.outputs.push_back(Output::Opened),
            },
            tunnel::Output::Refused { status, .. } => self.outputs.push_back(Output::TunnelRefused(status)),
            tunnel::Output::Closed { reason, .. } => {
                self.forgotten |= reason == CloseReason::Forgotten;
                self.outputs.push_back(Output::Closed(reason));
            }
            tunnel::Output::Data { data, .. } => self.outputs.push_back(Output::Data(data)),
            tunnel::Output::Accepted { transfer, .. } => self.finish(transfer, Outcome::Taken),
            tunnel::Output::Failed { transfer, reason, .. } => {
                let outcome = match reason {
                    TransferFailure::Refused(_) | TransferFailure::TooLong => Outcome::Refused,
                    TransferFailure::NoTunnel | TransferFailure::QueueFull => Outcome::NotSent,
                    TransferFailure::Unreachable if self.forgotten => Outcome::NotSent,
                    TransferFailure::Unreachable | TransferFailure::NoAnswer | TransferFailure::Closed => {
                        Outcome::Silence
                    }
                };
                self.finish(transfer, outcome);
            }
            tunnel::Output::Timeout(_) => {}
        }
    }

    fn handle_node(&mut self, now: Time, output: node::Output) {
        match output {
            node::Output::Transmit(psdu) => self.outputs.push_back(Output::Transmit(psdu)),
            node::Output::Persist(counters) => self.outputs.push_back(Output::Counters(counters)),
            node::Output::Refused(_, refusal) => self.outputs.push_back(Output::FrameRefused(refusal)),
            node::Output::Delivered(handle) => self.commands.retain(|command| *command != handle),
            node::Output::Failed(handle, _) => {
                if let Some(at) = self.commands.iter().position(|command| *command == handle) {
                    self.commands.swap_remove(at);
                    self.client.handle_undelivered(now, self.hub);
                }
            }
            node::Output::Received(datagram) => {
                if datagram.cluster == CLUSTER && Side::of(&datagram.payload) == Some(Side::Client) {
                    self.stray |= is_data(&datagram.payload) && !self.client.is_open(datagram.peer);
                    self.client.handle_zcl(now, datagram.peer, datagram.src_endpoint, &datagram.payload);
                }
            }
            node::Output::Timeout(_) => {}
        }
    }

    fn finish(&mut self, transfer: TransferId, outcome: Outcome) {
        if self.current == Some(transfer) {
            self.current = None;
            self.outputs.push_back(Output::Outcome(outcome));
        }
    }
}

/// Whether a frame of the cluster is a TransferData.
fn is_data(zcl: &[u8]) -> bool {
    han::zcl::Frame::parse(zcl).is_ok_and(|frame| frame.cluster_specific && frame.command == to_client::TRANSFER_DATA)
}
