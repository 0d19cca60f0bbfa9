//! A device from its box to a member with a link key of its own: joining, its announcement, key establishment.
use super::Membership;
use super::joiner::{self, Joiner, JoinerConfig};
use crate::cbke::{self, Exchange};
use crate::node::{self, FrameCounters, Peer, Role, Timing};
use crate::security::Key;
use crate::{Datagram, Node, NodeConfig, SMART_ENERGY, ShortAddress};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Time;

/// Between two attempts to establish a key.
const AGAIN: Duration = Duration::from_secs(10);

/// What a commissioned device knows.
#[derive(Clone, Debug)]
pub struct Commissioned {
    /// Its network.
    pub membership: Membership,
    /// Its link key with the Trust Centre.
    pub link_key: Key,
    /// The frame counters to go on from.
    pub counters: FrameCounters,
}

impl Commissioned {
    /// What the node of the device starts with; the Trust Centre is its one peer.
    pub fn node_config(self, eui: gbcs::Eui64, role: Role, endpoints: Vec<u8>) -> NodeConfig {
        let Self { membership, link_key, counters } = self;
        config(eui, role, endpoints, membership, Some(link_key), counters)
    }
}

/// What commissioning wants done, in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Put this PSDU on the air.
    Transmit(Vec<u8>),
    /// It is done.
    Done(Commissioned),
    /// Nothing more now; call [`Commissioning::handle_timeout`] at this time, if there is one.
    Timeout(Option<Time>),
}

/// A device being commissioned; its radio is on all the while. Sans-IO: **drain [`poll`](Self::poll) until `Timeout` after every
/// call**.
pub struct Commissioning {
    config: JoinerConfig,
    /// Fresh and random; each attempt makes another value of it.
    ephemeral: [u8; cbke::EPHEMERAL_LEN],
    stage: Stage,
    outputs: VecDeque<Output>,
}

enum Stage {
    Joining(Joiner),
    Keying { membership: Membership, node: alloc::boxed::Box<Node>, exchange: Exchange, again: Option<Time> },
    Done,
}

impl Commissioning {
    /// A device that starts at once. `ephemeral` is fresh and random.
    pub fn new(now: Time, config: JoinerConfig, ephemeral: [u8; cbke::EPHEMERAL_LEN]) -> Self {
        let joiner = Joiner::new(now, config.clone());
        let mut new = Self { config, ephemeral, stage: Stage::Joining(joiner), outputs: VecDeque::new() };
        new.run(now);
        new
    }

    /// Takes a PSDU that the radio heard.
    pub fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        match &mut self.stage {
            Stage::Joining(joiner) => joiner.handle_frame(now, psdu),
            Stage::Keying { node, .. } => node.handle_frame(now, psdu),
            Stage::Done => {}
        }
        self.run(now);
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        match &mut self.stage {
            Stage::Joining(joiner) => joiner.handle_timeout(now),
            Stage::Keying { membership, node, exchange, again } => {
                node.handle_timeout(now);
                exchange.handle_timeout(now);
                if again.take_if(|at| *at <= now).is_some() {
                    self.ephemeral[2] = self.ephemeral[2].wrapping_add(1);
                    let secret = self.config.link_key.clone();
                    let (own, centre) = (self.config.eui, membership.coordinator);
                    *exchange = Exchange::initiate(now, own, centre, secret, self.ephemeral);
                }
            }
            Stage::Done => {}
        }
        self.run(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Timeout(self.timeout()))
    }

    fn timeout(&mut self) -> Option<Time> {
        // All are drained at the end of each call, so there is nothing but their next times to read.
        match &mut self.stage {
            Stage::Joining(joiner) => {
                if let joiner::Output::Timeout(at) = joiner.poll() {
                    at
                } else {
                    None
                }
            }
            Stage::Keying { node, exchange, again, .. } => {
                let of_node = if let node::Output::Timeout(at) = node.poll() { at } else { None };
                let of_exchange = if let cbke::Output::Timeout(at) = exchange.poll() { at } else { None };
                [of_node, of_exchange, *again].into_iter().flatten().min()
            }
            Stage::Done => None,
        }
    }

    fn run(&mut self, now: Time) {
        loop {
            match &mut self.stage {
                Stage::Joining(joiner) => match joiner.poll() {
                    joiner::Output::Transmit(psdu) => self.outputs.push_back(Output::Transmit(psdu)),
                    joiner::Output::Joined(membership) => self.establish(now, membership),
                    joiner::Output::Timeout(_) => return,
                },
                Stage::Keying { .. } => {
                    if !self.run_exchange(now) && !self.run_node(now) {
                        return;
                    }
                }
                Stage::Done => return,
            }
        }
    }

    fn establish(&mut self, now: Time, membership: Membership) {
        let config =
            config(self.config.eui, Role::Router, alloc::vec![1], membership.clone(), None, FrameCounters::default());
        let mut node = Node::new(config);
        node.announce(now);
        let (secret, centre) = (self.config.link_key.clone(), membership.coordinator);
        let exchange = Exchange::initiate(now, self.config.eui, centre, secret, self.ephemeral);
        self.stage = Stage::Keying { membership, node: alloc::boxed::Box::new(node), exchange, again: None };
    }

    /// Whether the exchange had anything to say.
    fn run_exchange(&mut self, now: Time) -> bool {
        let Stage::Keying { membership, node, exchange, again } = &mut self.stage else { return false };
        match exchange.poll() {
            cbke::Output::Send(payload) => {
                node.send(
                    now,
                    Datagram {
                        peer: membership.coordinator,
                        profile: SMART_ENERGY,
                        cluster: cbke::CLUSTER,
                        src_endpoint: 1,
                        dst_endpoint: 1,
                        payload,
                    },
                );
            }
            cbke::Output::Established(link_key) => {
                let commissioned = Commissioned { membership: membership.clone(), link_key, counters: node.counters() };
                self.outputs.push_back(Output::Done(commissioned));
                self.stage = Stage::Done;
            }
            cbke::Output::Failed(_) => *again = Some(now + AGAIN),
            cbke::Output::Timeout(_) => return false,
        }
        true
    }

    /// Whether the node had anything to say.
    fn run_node(&mut self, now: Time) -> bool {
        let Stage::Keying { node, exchange, .. } = &mut self.stage else { return false };
        match node.poll() {
            node::Output::Transmit(psdu) => self.outputs.push_back(Output::Transmit(psdu)),
            node::Output::Received(datagram) if datagram.cluster == cbke::CLUSTER => {
                exchange.handle_zcl(now, &datagram.payload);
            }
            node::Output::Timeout(_) => return false,
            // Counters are handed on when all is done: a device that loses power before that begins again.
            _ => {}
        }
        true
    }
}

fn config(
    eui: gbcs::Eui64,
    role: Role,
    endpoints: Vec<u8>,
    membership: Membership,
    link_key: Option<Key>,
    counters: FrameCounters,
) -> NodeConfig {
    NodeConfig {
        eui,
        short: membership.short,
        pan: membership.pan,
        role,
        network_key: membership.network_key,
        network_key_sequence: membership.network_key_sequence,
        peers: alloc::vec![Peer {
            eui: membership.coordinator,
            short: ShortAddress::COORDINATOR,
            link_key,
            sleepy_child: false,
        }],
        endpoints,
        timing: Timing::default(),
        counters,
    }
}
