//! A PPMID between a head end and a hub, all in virtual time: real frames on the air, real messages on the link.
use gbcs::crypto::{Crypto, PrivateKey, RustCrypto};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, Route, Time};
use han::key_command::KeyCommand;
use han::node::{self, FrameCounters, Node, NodeConfig, Peer, Role, Timing};
use han::tunnel::{self, Server, ServerConfig, Side};
use han::zcl::Status;
use han::zcl::tunneling::CLUSTER;
use han::{Key, PanId, ShortAddress};
use handover::{Answer, DeliveryId, Hello, Nonce, Receipt, Release, Stage, Upward, Warrant};
use ppmid::{Action, Config, Event, NotBegun, Output, Ppmid, RequestId, Seed};
use std::collections::VecDeque;
use std::time::Duration;

pub const PPMID: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A4);
pub const HUB: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A2);
pub const METER: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90A0);
pub const HEAD_END: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
pub const CODE: MessageCode = MessageCode(0x0019);
pub const HUB_ENDPOINT: u8 = 3;

pub fn key(n: u8) -> PrivateKey {
    RustCrypto.private_key(&[n; 32]).unwrap()
}

pub fn id(n: u8) -> DeliveryId {
    DeliveryId([n; 16])
}

/// The Command of delivery `n`, and other messages like it.
pub fn message(n: u8, cra: Cra, payload: usize) -> Vec<u8> {
    let command =
        MessageId { originator: HEAD_END, target: METER, cra: Cra::Command, counter: Counter(1000 + n as u64) };
    let id = match cra {
        Cra::Command => command,
        Cra::Response => command.answer(),
        Cra::Alert => MessageId { cra, ..command.answer() },
    };
    Message::plain(GroupingHeader::new(id, CODE), vec![n; payload]).encode()
}

pub fn command(n: u8) -> Vec<u8> {
    message(n, Cra::Command, 90)
}

fn node(eui: Eui64, short: u16, role: Role, peer: (Eui64, u16), endpoint: u8) -> NodeConfig {
    NodeConfig {
        eui,
        short: ShortAddress(short),
        pan: PanId(0x1A62),
        role,
        network_key: Key::new([1; 16]),
        network_key_sequence: 0,
        peers: vec![Peer {
            eui: peer.0,
            short: ShortAddress(peer.1),
            link_key: Some(Key::new([2; 16])),
            sleepy_child: false,
        }],
        endpoints: vec![endpoint],
        timing: Timing::default(),
        counters: FrameCounters::default(),
    }
}

/// A hub of profile `assured`, thin: it takes what comes, and a meter that refuses repetitions answers through it.
pub struct Hub {
    node: Node,
    server: Server,
    /// Hears and says nothing.
    pub silent: bool,
    /// What it answers to TransferData.
    pub status: Status,
    /// Whether the meter answers.
    pub answers: bool,
    /// Commands taken, with the time: every one that it said SUCCESS to.
    pub taken: Vec<(Time, Vec<u8>)>,
    /// Whether a TransferData was refused.
    pub refused: usize,
    /// Responses not yet acknowledged by the PPMID: a real hub gives up at some time, this one does not.
    unanswered: Vec<Vec<u8>>,
    sending: Option<Vec<u8>>,
    /// Responses that the PPMID has acknowledged.
    pub answered: Vec<Vec<u8>>,
    /// Devices with which a link key was asked for.
    pub keys_asked: Vec<Eui64>,
}

impl Hub {
    fn new() -> Self {
        let mut hub = Self {
            node: Node::new(node(HUB, 0, Role::Coordinator, (PPMID, 0x1234), HUB_ENDPOINT)),
            server: Server::new(ServerConfig::at(HUB_ENDPOINT)),
            silent: false,
            status: Status::Success,
            answers: true,
            taken: Vec::new(),
            refused: 0,
            unanswered: Vec::new(),
            sending: None,
            answered: Vec::new(),
            keys_asked: Vec::new(),
        };
        hub.server.allow(PPMID, true);
        hub
    }

    /// It loses power for a moment: no tunnel is known any more.
    pub fn restart(&mut self, now: Time) {
        self.server.reset(now, PPMID);
    }

    /// Bring the PPMID a link key to share with this device.
    pub fn bring(&mut self, now: Time, key: Key, partner: Eui64) {
        self.node.send_key(now, PPMID, KeyCommand::Transport { key, partner, initiator: true });
    }

    /// Send octets to the PPMID, whatever they are.
    pub fn say(&mut self, octets: Vec<u8>) {
        self.unanswered.push(octets);
    }

    fn drain(&mut self, now: Time) -> (Vec<Vec<u8>>, Option<Time>) {
        let mut frames = Vec::new();
        loop {
            if self.sending.is_none()
                && self.server.is_open(PPMID)
                && let Some(next) = self.unanswered.first()
            {
                self.sending = Some(next.clone());
                self.server.send(now, PPMID, next.clone());
            }
            let server_rests = match self.server.poll() {
                tunnel::Output::Timeout(at) => at,
                output => {
                    self.handle_server(now, output);
                    continue;
                }
            };
            match self.node.poll() {
                node::Output::Timeout(at) => {
                    return (if self.silent { vec![] } else { frames }, at.into_iter().chain(server_rests).min());
                }
                node::Output::Transmit(psdu) => frames.push(psdu),
                node::Output::Failed(..) => self.server.handle_undelivered(now, PPMID),
                node::Output::Received(datagram) => {
                    assert_eq!((datagram.cluster, Side::of(&datagram.payload)), (CLUSTER, Some(Side::Server)));
                    let status = self.status;
                    let mut refused = false;
                    let admit = |_: Eui64, _: &[u8]| {
                        refused = status != Status::Success;
                        status
                    };
                    self.server.handle_zcl_admitting(
                        now,
                        datagram.peer,
                        datagram.src_endpoint,
                        &datagram.payload,
                        admit,
                    );
                    self.refused += refused as usize;
                }
                node::Output::Key(_, KeyCommand::Request { partner }) => self.keys_asked.push(partner),
                node::Output::Refused(_, refusal) => panic!("the hub refused a frame: {refusal:?}"),
                _ => {}
            }
        }
    }

    fn handle_server(&mut self, now: Time, output: tunnel::Output) {
        match output {
            tunnel::Output::Send(outbound) => _ = self.node.send(now, outbound.datagram()),
            tunnel::Output::Data { data, .. } => {
                let answer = Message::plain(
                    GroupingHeader::new(Route::parse(&data).unwrap().id.answer(), CODE),
                    b"done".to_vec(),
                )
                .encode();
                // The meter refuses a counter it has seen, without a Response.
                let is_command = Route::parse(&data).unwrap().id.cra == Cra::Command;
                if is_command && self.answers && !self.taken.iter().any(|(_, taken)| *taken == data) {
                    self.unanswered.push(answer);
                }
                self.taken.push((now, data));
            }
            tunnel::Output::Accepted { .. } => {
                let said = self.sending.take().expect("one at a time");
                self.unanswered.retain(|octets| *octets != said);
                self.answered.push(said);
            }
            tunnel::Output::Failed { .. } => self.sending = None,
            _ => {}
        }
    }
}

/// The head end's side of the link.
#[derive(Default)]
pub struct Head {
    /// It stops storing (and acknowledging) what comes.
    pub deaf: bool,
    /// It hears but does not store.
    pub forgetful: bool,
    pub hellos: Vec<Hello>,
    pub receipts: Vec<Receipt>,
    pub answers: Vec<Answer>,
    /// The nonce of the last message that had one, until it is used.
    pub nonce: Option<Nonce>,
}

impl Head {
    fn take(&mut self, payload: &[u8]) {
        let key_of = |signer| (signer == PPMID).then(|| *key(1).public());
        match Upward::open(payload, &RustCrypto, key_of).expect("what a PPMID says opens") {
            Upward::Hello(hello) => {
                self.nonce = Some(hello.nonce);
                self.hellos.push(hello);
            }
            Upward::Receipt(receipt) => {
                self.nonce = Some(receipt.nonce);
                self.receipts.push(receipt);
            }
            Upward::Answer(answer) => self.answers.push(answer),
        }
    }

    /// Stages of one attempt, each once, in the order in which they were first heard.
    pub fn stages(&self, delivery: DeliveryId, attempt: u32) -> Vec<Stage> {
        let mut stages = Vec::new();
        for receipt in self.receipts.iter().filter(|r| (r.delivery, r.attempt) == (delivery, attempt)) {
            if !stages.contains(&receipt.stage) {
                stages.push(receipt.stage);
            }
        }
        stages
    }
}

pub struct World {
    pub now: Time,
    pub config: Config,
    pub ppmid: Ppmid<RustCrypto>,
    pub stored: Option<Vec<u8>>,
    pub persists: usize,
    pub hub: Hub,
    pub head: Head,
    pub link: bool,
    pub events: Vec<(Time, Event)>,
    /// Non-final outputs so far, and the one at which power is lost before it is done.
    pub steps: usize,
    pub die_at: Option<usize>,
    pub deaths: usize,
    due: Option<Time>,
    to_hub: VecDeque<Vec<u8>>,
    /// A Release that was not acknowledged on the link yet: it comes again after a restart.
    unacknowledged: Option<Vec<u8>>,
}

pub fn config() -> Config {
    let node = node(PPMID, 0x1234, Role::Router, (HUB, 0), 1);
    let mut config = Config::new(key(1), (HUB, HUB_ENDPOINT), node, Seed([5; 32]));
    config.head_ends = vec![(HEAD_END, *key(2).public())];
    config
}

impl World {
    /// Link up, tunnel open, Hello said.
    pub fn new(config: Config) -> Self {
        let mut world = Self::cold(config);
        world.set_link(true);
        world.settle(1);
        assert!(world.saw(&Event::TunnelOpened));
        world
    }

    /// Just switched on.
    pub fn cold(config: Config) -> Self {
        let now = Time::from_seconds(1_800_000_000);
        let ppmid = Ppmid::new(now, RustCrypto, &config, None).unwrap();
        let mut world = Self {
            now,
            config,
            ppmid,
            stored: None,
            persists: 0,
            hub: Hub::new(),
            head: Head::default(),
            link: false,
            events: Vec::new(),
            steps: 0,
            die_at: None,
            deaths: 0,
            due: None,
            to_hub: VecDeque::new(),
            unacknowledged: None,
        };
        world.drain();
        world
    }

    /// A Release of delivery `n` with the nonce at hand, good for `window` seconds.
    pub fn release(&mut self, n: u8, attempt: u32, window: u64) -> Release {
        let nonce = self.head.nonce.take().unwrap_or(Nonce([0; 16]));
        let command = command(n);
        let warrant = Warrant {
            delivery: id(n),
            attempt,
            command_hash: RustCrypto.sha256(&[&command]),
            target: METER,
            code: CODE,
            ppmid: PPMID,
            nonce,
            not_after: self.now + Duration::from_secs(window),
        };
        Release { head_end: HEAD_END, warrant, command }
    }

    pub fn send(&mut self, release: &Release) {
        self.send_octets(release.seal(&RustCrypto, &key(2)).unwrap());
    }

    pub fn send_octets(&mut self, octets: Vec<u8>) {
        self.unacknowledged = Some(octets.clone());
        self.ppmid.handle_down(self.now, &octets);
        if self.drain() {
            self.unacknowledged = None;
        }
        self.settle(0);
    }

    /// The customer wants something.
    pub fn customer(&mut self, action: &Action) -> Result<RequestId, NotBegun> {
        let begun = self.ppmid.customer(self.now, action);
        self.drain();
        begun
    }

    pub fn set_link(&mut self, up: bool) {
        if self.link != up {
            self.link = up;
            if up {
                self.ppmid.link_up(self.now)
            } else {
                self.ppmid.link_down(self.now)
            }
            self.drain();
        }
    }

    /// Power is lost and comes back; the link was lost with it.
    pub fn restart(&mut self) {
        self.link = false;
        self.deaths += 1;
        self.to_hub.clear();
        self.ppmid = Ppmid::new(self.now, RustCrypto, &self.config, self.stored.as_deref()).unwrap();
        self.drain();
        self.set_link(true);
        if let Some(octets) = self.unacknowledged.take() {
            self.send_octets(octets);
        }
    }

    /// Do the outputs of the PPMID; false when power was lost on the way (and is back).
    fn drain(&mut self) -> bool {
        loop {
            let output = self.ppmid.poll();
            if let Output::Timeout(at) = output {
                self.due = at;
                return true;
            }
            self.steps += 1;
            if self.die_at == Some(self.steps) {
                self.restart();
                return false;
            }
            match output {
                Output::Persist(memory) => {
                    self.stored = Some(memory);
                    self.persists += 1;
                }
                Output::Transmit(psdu) => self.to_hub.push_back(psdu),
                Output::Up { id, payload } => {
                    assert!(self.link, "nothing is said while the link is down");
                    if !self.head.deaf {
                        self.head.take(&payload);
                        if !self.head.forgetful {
                            self.ppmid.up_stored(id);
                        }
                    }
                }
                Output::Event(event) => self.events.push((self.now, event)),
                Output::Timeout(_) => unreachable!(),
            }
        }
    }

    /// Let `seconds` pass.
    pub fn settle(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(turns < 1_000_000, "somebody asks for a time that does not help");
            let (frames, hub_due) = self.hub.drain(self.now);
            let quiet = frames.is_empty() && self.to_hub.is_empty();
            for psdu in frames {
                self.ppmid.handle_frame(self.now, &psdu);
                self.drain();
            }
            for psdu in core::mem::take(&mut self.to_hub) {
                if !self.hub.silent {
                    self.hub.node.handle_frame(self.now, &psdu);
                }
            }
            if !quiet {
                continue;
            }
            let next = self.due.into_iter().chain(hub_due).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            if self.due.is_some_and(|at| at <= self.now) {
                self.ppmid.handle_timeout(self.now);
                self.drain();
            }
            if hub_due.is_some_and(|at| at <= self.now) {
                self.hub.node.handle_timeout(self.now);
                self.hub.server.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    pub fn saw(&self, event: &Event) -> bool {
        self.events.iter().any(|(_, seen)| seen == event)
    }

    /// How often the Command of delivery `n` was taken by the hub.
    pub fn taken(&self, n: u8) -> usize {
        self.hub.taken.iter().filter(|(_, octets)| *octets == command(n)).count()
    }

    /// How often it was handed to the HAN.
    pub fn sent(&self, n: u8) -> usize {
        self.events.iter().filter(|(_, e)| matches!(e, Event::Sent { delivery, .. } if *delivery == id(n))).count()
    }
}
