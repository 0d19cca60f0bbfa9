//! A virtual radio: whatever one station transmits, every other one hears after a delay, unless it is lost.
use gbcs::{Eui64, Time};
use han::node::{FrameCounters, Handle, Output, Peer, Role, Timing};
use han::{Datagram, Key, Node, NodeConfig, PanId, ShortAddress};
use std::collections::BTreeMap;
use std::time::Duration;

pub const PAN: PanId = PanId(0x1A62);
pub const HUB: Device = Device { eui: Eui64::from_u64(0x00DB_1234_5678_90A2), short: ShortAddress(0x0000) };
pub const ESME: Device = Device { eui: Eui64::from_u64(0x00DB_1234_5678_90A0), short: ShortAddress(0x2345) };
pub const GSME: Device = Device { eui: Eui64::from_u64(0x00DB_1234_5678_90A1), short: ShortAddress(0x5678) };
pub const PPMID: Device = Device { eui: Eui64::from_u64(0x00DB_1234_5678_90A4), short: ShortAddress(0x1234) };
pub const START: Time = Time(1_700_000_000_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    pub eui: Eui64,
    pub short: ShortAddress,
}

pub fn network_key() -> Key {
    Key::new(hex::decode("00112233445566778899AABBCCDDEEFF").unwrap().try_into().unwrap())
}

pub fn link_key() -> Key {
    Key::new(hex::decode("A0A1A2A3A4A5A6A7A8A9AAABACADAEAF").unwrap().try_into().unwrap())
}

pub fn peer(device: Device) -> Peer {
    Peer { eui: device.eui, short: device.short, link_key: Some(link_key()), sleepy_child: device == GSME }
}

pub fn config(device: Device, peers: &[Device]) -> NodeConfig {
    let role = match device {
        HUB => Role::Coordinator,
        GSME => Role::SleepyEndDevice { parent: HUB.short },
        _ => Role::Router,
    };
    NodeConfig {
        eui: device.eui,
        short: device.short,
        pan: PAN,
        role,
        network_key: network_key(),
        network_key_sequence: 0,
        peers: peers.iter().copied().map(peer).collect(),
        endpoints: vec![1],
        timing: Timing::default(),
        counters: FrameCounters::default(),
    }
}

pub fn datagram(to: Device, payload: Vec<u8>) -> Datagram {
    Datagram { peer: to.eui, profile: 0x0109, cluster: 0x0704, src_endpoint: 1, dst_endpoint: 1, payload }
}

/// SplitMix64: the same losses for the same seed, everywhere.
pub struct Chance(pub u64);

impl Chance {
    pub fn permille(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31) % 1000
    }
}

pub struct Air {
    pub now: Time,
    pub nodes: Vec<Node>,
    /// What each node said, without transmissions and timeouts.
    pub events: Vec<Vec<Output>>,
    /// Everything that was on the air.
    pub log: Vec<(Time, Vec<u8>)>,
    /// Of 1000 receptions, how many are lost.
    pub loss: u64,
    pub chance: Chance,
    /// A station that hears nothing.
    pub deaf: Option<usize>,
    flying: BTreeMap<(Time, u64), (usize, Vec<u8>)>,
    number: u64,
    timeouts: Vec<Option<Time>>,
}

impl Air {
    pub const DELAY: Duration = Duration::from_millis(4);

    pub fn new(nodes: Vec<Node>) -> Self {
        let count = nodes.len();
        Self {
            now: START,
            nodes,
            events: vec![Vec::new(); count],
            log: Vec::new(),
            loss: 0,
            chance: Chance(1),
            deaf: None,
            flying: BTreeMap::new(),
            number: 0,
            timeouts: vec![None; count],
        }
    }

    /// Hub and PPMID, which know each other.
    pub fn pair() -> Self {
        Self::new(vec![Node::new(config(HUB, &[PPMID])), Node::new(config(PPMID, &[HUB]))])
    }

    pub fn send(&mut self, from: usize, to: Device, payload: Vec<u8>) -> Handle {
        let handle = self.nodes[from].send(self.now, datagram(to, payload));
        self.drain(from);
        handle
    }

    pub fn drain(&mut self, at: usize) {
        loop {
            match self.nodes[at].poll() {
                Output::Transmit(psdu) => {
                    assert!(psdu.len() <= 127, "PSDU of {} octets", psdu.len());
                    self.log.push((self.now, psdu.clone()));
                    self.number += 1;
                    self.flying.insert((self.now + Self::DELAY, self.number), (at, psdu));
                }
                Output::Timeout(timeout) => {
                    self.timeouts[at] = timeout;
                    return;
                }
                event => self.events[at].push(event),
            }
        }
    }

    /// The next thing that happens, if anything will before `until`.
    pub fn step(&mut self, until: Time) -> bool {
        let frame = self.flying.keys().next().map(|(at, _)| *at);
        let timer = self.timeouts.iter().flatten().min().copied();
        let Some(next) = frame.into_iter().chain(timer).min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if frame == Some(next) {
            let (_, (from, psdu)) = self.flying.pop_first().unwrap();
            for at in 0..self.nodes.len() {
                if at != from && self.deaf != Some(at) && self.chance.permille() >= self.loss {
                    self.nodes[at].handle_frame(self.now, &psdu);
                    self.drain(at);
                }
            }
        } else {
            for at in 0..self.nodes.len() {
                if self.timeouts[at].is_some_and(|timeout| timeout <= self.now) {
                    self.nodes[at].handle_timeout(self.now);
                    self.drain(at);
                }
            }
        }
        true
    }

    /// Lets this much time pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    pub fn received(&self, at: usize) -> Vec<&Datagram> {
        let events = self.events[at].iter();
        events.filter_map(|event| if let Output::Received(datagram) = event { Some(datagram) } else { None }).collect()
    }

    pub fn delivered(&self, at: usize, handle: Handle) -> bool {
        self.events[at].contains(&Output::Delivered(handle))
    }
}
