//! One device's stack on the air, and what other targets build homes of.
use crate::{Step, script, within};
use gbcs::{Eui64, Time};
use han::key_command::KeyCommand;
use han::mac::{Address, Frame, Kind, MAX_PSDU};
use han::node::{FrameCounters, MAX_DATAGRAM, Output, Peer, Role, Timing};
use han::security::{Aux, KeyId};
use han::{Datagram, Key, Node, NodeConfig, PanId, SMART_ENERGY, ShortAddress, aps, nwk};
use std::time::Duration;

/// When every script starts.
pub const START: Time = Time(1_800_000_000_000);
const PAN: PanId = PanId(0x1A62);
/// What one call may lead to before the core must rest.
const MAX_OUTPUTS: usize = 4096;
/// How often a core may ask to be called at once again.
const MAX_SPINS: usize = 64;

/// A device of a home: the last octet of its EUI-64, its short address, whether it sleeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Station {
    /// EUI-64.
    pub eui: Eui64,
    /// Short address.
    pub short: ShortAddress,
    /// Its receiver is off most of the time.
    pub sleepy: bool,
}

impl Station {
    /// The device with this last octet; the hub is [`HUB`].
    pub const fn new(last: u8, sleepy: bool) -> Self {
        Self {
            eui: Eui64([0, 0xDB, 0x12, 0x34, 0x56, 0x78, 0x90, last]),
            short: ShortAddress(0x0A00 + last as u16),
            sleepy,
        }
    }

    /// The stack of this device, which shares a link key with each of `peers`.
    pub fn config(&self, peers: &[Station], endpoints: &[u8]) -> NodeConfig {
        let role = match (self.short, self.sleepy) {
            (ShortAddress::COORDINATOR, _) => Role::Coordinator,
            (_, true) => Role::SleepyEndDevice { parent: ShortAddress::COORDINATOR },
            (_, false) => Role::Router,
        };
        let peer = |peer: &Station| Peer {
            eui: peer.eui,
            short: peer.short,
            link_key: Some(LINK_KEY),
            sleepy_child: role == Role::Coordinator && peer.sleepy,
        };
        NodeConfig {
            eui: self.eui,
            short: self.short,
            pan: PAN,
            role,
            network_key: NETWORK_KEY,
            network_key_sequence: 0,
            peers: peers.iter().map(peer).collect(),
            endpoints: endpoints.to_vec(),
            timing: Timing::default(),
            counters: FrameCounters::default(),
        }
    }
}

/// The Communications Hub.
pub const HUB: Station = Station { short: ShortAddress::COORDINATOR, ..Station::new(0xA2, false) };
const NETWORK_KEY: Key = Key::new([1; 16]);
const LINK_KEY: Key = Key::new([2; 16]);

/// What must hold of each frame on the air: it is one, in the form it would be read in.
pub fn check_psdu(psdu: &[u8]) {
    assert!(psdu.len() <= MAX_PSDU, "a frame of {} octets", psdu.len());
    assert_eq!(Frame::parse(psdu).expect("our own frame").to_vec(), psdu);
}

/// Drain a core: `poll` gives `Err` with the timeout when it rests, and what it asks for otherwise.
pub fn drain<O>(mut poll: impl FnMut() -> Result<O, Option<Time>>, mut take: impl FnMut(O)) -> Option<Time> {
    for _ in 0..MAX_OUTPUTS {
        match poll() {
            Ok(output) => take(output),
            Err(due) => return due,
        }
    }
    panic!("a core that never rests: {MAX_OUTPUTS} outputs of one call");
}

/// Counts how often a core wants to be called at a time that is past already.
#[derive(Default)]
pub struct Spins(usize);

impl Spins {
    /// A core that was called at `now` asks for `due`.
    pub fn check(&mut self, now: Time, due: Option<Time>) {
        self.0 = if due.is_some_and(|due| due <= now) { self.0 + 1 } else { 0 };
        assert!(self.0 <= MAX_SPINS, "a core that always wants to be called at once");
    }
}

/// A stack on the air with a neighbour who has all keys and bad intentions. Nothing it hears may make it panic, transmit what is
/// no frame, hand up what is too long or of nobody, grow, or spin.
///
/// The first octet chooses what the device is. Steps: 0 octets on the air; 1 to 5 a MAC frame around: any NWK octets, an NWK
/// payload under the network key, an APS frame under both keys, an APS frame under the network key only, a MAC command;
/// 6 the MAC acknowledgement that is waited for; 7 time passes; 8 a datagram is to be sent; 9 wake or sleep; 10 a peer goes or
/// comes; 11 an APS frame under the key-load key of the link; 12 a command about a link key is to be sent.
pub fn han_node(input: &[u8]) {
    let Some((&role, input)) = input.split_first() else { return };
    let (gsme, other) = (Station::new(0xA1, true), Station::new(0xA4, false));
    let (device, neighbours) = match role % 3 {
        0 => (HUB, [gsme, other]),
        1 => (other, [HUB, gsme]),
        _ => (gsme, [HUB, other]),
    };
    // Queues of a node: 2 peers of 32 datagrams of 1600 octets, 8 indirect frames, one reassembly each.
    const QUEUES: usize = 2 * (32 + 2) * (MAX_DATAGRAM + 256);
    within(input.len() + QUEUES, 8, || {
        let node = Node::new(device.config(&neighbours, &[1, 3]));
        let mut air =
            Air { node, device, neighbours, now: START, counter: 0, due: None, awaited: 0, spins: Spins::default() };
        air.settle();
        script(input).for_each(|step| air.step(&step));
        air.pass(Duration::from_secs(3600));
    });
}

struct Air {
    node: Node,
    device: Station,
    neighbours: [Station; 2],
    now: Time,
    /// Frame counter and sequence number of everything the neighbour says.
    counter: u32,
    due: Option<Time>,
    /// Sequence number of the last frame that asked for an acknowledgement.
    awaited: u8,
    spins: Spins,
}

impl Air {
    fn step(&mut self, step: &Step<'_>) {
        self.counter += 1;
        // The first octet of what is framed says from whom, and with what frame counter.
        let from = self.neighbours[usize::from(step.octet(0) & 1)];
        let counter = if step.octet(0) & 0x80 != 0 { self.counter.wrapping_sub(2) } else { self.counter };
        let octets = step.behind(1);
        match step.kind % 13 {
            0 => self.node.handle_frame(self.now, step.data),
            1 => self.hear(from, octets),
            2 => self.hear_nwk(from, counter, octets),
            3 => {
                if let Ok(frame) = aps::Frame::parse(octets) {
                    let security = Some(Aux { key: KeyId::Data, counter, source: None });
                    if let Ok(sealed) = (aps::Frame { security, ..frame }).seal(&LINK_KEY, from.eui) {
                        self.hear_nwk(from, counter, &sealed);
                    }
                }
            }
            4 => self.hear_nwk(from, counter, octets),
            5 => self.hear_mac(Frame { kind: Kind::Command, ..self.mac(from, octets) }),
            6 => self.hear_mac(Frame::ack(self.awaited, step.octet(0) & 1 != 0)),
            7 => self.pass(Duration::from_millis(10 * u64::from(u16::from_le_bytes([step.octet(0), step.octet(1)])))),
            8 => {
                let (profile, cluster) = (SMART_ENERGY, 0x0704);
                let payload = octets.repeat(usize::from(step.octet(0) >> 2) + 1);
                let datagram = Datagram { peer: from.eui, profile, cluster, src_endpoint: 1, dst_endpoint: 1, payload };
                self.node.send(self.now, datagram);
            }
            9 if step.octet(0) & 1 == 0 => self.node.wake(self.now),
            9 => self.node.sleep(self.now),
            11 => {
                if let Ok(frame) = aps::Frame::parse(octets) {
                    let security = Some(Aux { key: KeyId::Load, counter, source: None });
                    let sealed = (aps::Frame { security, ..frame }).seal(&han::mmo::key_load_key(&LINK_KEY), from.eui);
                    sealed.into_iter().for_each(|sealed| self.hear_nwk(from, counter, &sealed));
                }
            }
            12 => {
                let command = KeyCommand::parse(octets);
                let command = command.unwrap_or(KeyCommand::Request { partner: self.device.eui });
                self.node.send_key(self.now, from.eui, command);
            }
            _ if step.octet(0) & 2 == 0 => self.node.remove_peer(from.eui),
            _ => self.node.set_peer(self.device.config(&[from], &[]).peers.remove(0)),
        }
        self.settle();
    }

    fn mac<'a>(&self, from: Station, payload: &'a [u8]) -> Frame<'a> {
        Frame::data(PAN, self.device.short, from.short, self.counter as u8, payload)
    }

    fn hear(&mut self, from: Station, payload: &[u8]) {
        self.hear_mac(self.mac(from, payload));
    }

    fn hear_mac(&mut self, frame: Frame<'_>) {
        self.node.handle_frame(self.now, &frame.to_vec());
    }

    fn hear_nwk(&mut self, from: Station, counter: u32, payload: &[u8]) {
        let frame = nwk::Frame {
            kind: nwk::Kind::Data,
            route_discovery: 0,
            end_device_initiator: false,
            destination: self.device.short,
            source: from.short,
            radius: 30,
            sequence: self.counter as u8,
            destination_ieee: None,
            source_ieee: None,
            security: Some(Aux { key: KeyId::Network(0), counter, source: Some(from.eui) }),
            payload,
        };
        if let Ok(sealed) = frame.seal(&NETWORK_KEY) {
            self.hear(from, &sealed);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        // A device that polls does so for ever; what matters is that it does not spin.
        for _ in 0..512 {
            let Some(due) = self.due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.node.handle_timeout(self.now);
            self.settle();
            self.spins.check(self.now, self.due);
        }
        self.now = end;
    }

    fn settle(&mut self) {
        let Self { node, neighbours, awaited, .. } = self;
        let poll = || match node.poll() {
            Output::Timeout(due) => Err(due),
            output => Ok(output),
        };
        self.due = drain(poll, |output| match output {
            Output::Transmit(psdu) => {
                check_psdu(&psdu);
                let frame = Frame::parse(&psdu).expect("just checked");
                if frame.ack_request {
                    *awaited = frame.sequence;
                    assert!(matches!(frame.destination, Some((PAN, Address::Short(_)))));
                }
            }
            Output::Received(datagram) => {
                assert!(datagram.payload.len() <= MAX_DATAGRAM);
                assert!(neighbours.iter().any(|station| station.eui == datagram.peer));
                // Endpoint 0 has the device profile, and nothing else has it.
                let device_profile = datagram.profile == han::zdo::PROFILE;
                assert!(if device_profile {
                    datagram.dst_endpoint == 0
                } else {
                    [1, 3].contains(&datagram.dst_endpoint)
                });
            }
            Output::Key(from, _) => assert!(neighbours.iter().any(|station| station.eui == from)),
            Output::Persist(counters) => {
                let mut octets = Vec::new();
                counters.encode(&mut octets);
                assert_eq!(FrameCounters::parse(&octets), Ok(counters));
            }
            _ => {}
        });
    }
}
