//! A PPMID between a head end and a hub, both of which keep to no rule.
use crate::lenient::{Lenient, key};
use crate::stations::{HUB, START, Spins, Station, check_psdu, drain};
use crate::{Step, script, within};
use gbcs::asn1::FirmwareVersion;
use gbcs::catalogue::Originator;
use gbcs::crypto::Crypto;
use gbcs::{Cra, Eui64, MessageCode, Route, Time};
use han::Node;
use han::key_command::KeyCommand;
use han::node;
use han::tunnel::{self, Server, ServerConfig};
use han::zcl::Status;
use han::zcl::tunneling::CLUSTER;
use han::{Datagram, SMART_ENERGY};
use handover::{DeliveryId, Nonce, Release, Upward, Warrant};
use ppmid::{Config, Identity, Output, Party, Ppmid, Seed};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const DEVICE: Station = Station::new(0xA4, false);
const HEAD_END: Eui64 = Eui64::from_u64(0x90B3_D51F_3001_0000);
const BROKER: Eui64 = Eui64::from_u64(0x90B3_D51F_3000_0002);
const OPERATOR: Eui64 = Eui64::from_u64(0x90B3_D51F_3002_0000);
const ENDPOINT: u8 = 3;
/// 16 Commands held, 192 letters of which each may carry the longest answer, 64 deliveries.
const RECORD_MAX: usize = 16 * 1600 + 192 * 1700 + 64 * 256 + 16 * 1024;
/// Frames between hub and PPMID that one cause may lead to.
const MAX_FRAMES: usize = 10_000;

/// A whole PPMID: it never panics, spins or grows past its limits; it says nothing while the link is down, and what it says
/// opens; only Commands released to it, octet for octet, and Responses of its own go to the hub, and no Command after the time its
/// warrants allow; and it starts again with whatever it asked to have stored.
///
/// Steps: 0 octets from the head end; 1 a Release that may be right (see `Home::release`); 2 the hub sends data; 3 a frame on
/// the air; 4 a ZCL frame of the hub; 5 time passes; 6 the link comes or goes; 7 the head end stores what it heard, or not;
/// 8 loss of power; 9 how the hub answers from now on; 10 the hub brings a link key, or asks for one.
pub fn ppmid(input: &[u8]) {
    within(input.len() + RECORD_MAX, 16, || {
        let mut home = Home::new();
        script(input).for_each(|step| home.step(&step));
        home.pass(Duration::from_secs(900));
        home.restart();
    });
}

struct Home {
    ppmid: Ppmid<Lenient>,
    config: Config,
    stored: Option<Vec<u8>>,
    hub: Node,
    server: Server,
    status: Status,
    hub_due: Option<Time>,
    /// To the hub or from it.
    air: VecDeque<(bool, Vec<u8>)>,
    now: Time,
    due: Option<Time>,
    link: bool,
    /// The head end stores what it hears.
    stores: bool,
    nonce: Nonce,
    /// Commands released, and until when they may be handed over.
    released: BTreeMap<Vec<u8>, Time>,
    spins: Spins,
}

impl Home {
    fn new() -> Self {
        let mut config = Config::new(key(1), (HUB.eui, ENDPOINT), DEVICE.config(&[HUB], &[1]), Seed([5; 32]));
        config.head_ends = vec![(HEAD_END, *key(2).public())];
        let party =
            |eui, role| Party { eui, role, digital_signature: *key(3).public(), key_agreement: *key(4).public() };
        config.identity = Some(Identity {
            digital_signature: key(1),
            key_agreement: key(5),
            acb: BROKER,
            parties: vec![
                party(BROKER, Originator::AccessControlBroker),
                party(HEAD_END, Originator::Supplier),
                party(OPERATOR, Originator::NetworkOperator),
            ],
            firmware: FirmwareVersion([1; 4]),
        });
        let mut server = Server::new(ServerConfig::at(ENDPOINT));
        server.allow(DEVICE.eui, true);
        let mut home = Self {
            ppmid: Ppmid::new(START, Lenient, &config, None).expect("no memory is sound"),
            config,
            stored: None,
            hub: Node::new(HUB.config(&[DEVICE], &[ENDPOINT])),
            server,
            status: Status::Success,
            hub_due: None,
            air: VecDeque::new(),
            now: START,
            due: None,
            link: false,
            stores: true,
            nonce: Nonce([0; 16]),
            released: BTreeMap::new(),
            spins: Spins::default(),
        };
        home.settle();
        home.set_link(true);
        home.settle();
        home
    }

    fn step(&mut self, step: &Step<'_>) {
        let now = self.now;
        match step.kind % 11 {
            0 => self.ppmid.handle_down(now, step.data),
            1 => self.release(step),
            2 => _ = self.server.send(now, DEVICE.eui, step.data.to_vec()),
            3 => self.ppmid.handle_frame(now, step.data),
            4 => {
                let payload = step.behind(1);
                let datagram = Datagram {
                    peer: DEVICE.eui,
                    profile: SMART_ENERGY,
                    // Smart Energy has its clusters together.
                    cluster: if step.octet(0) & 1 == 0 { CLUSTER } else { 0x0700 | u16::from(step.octet(0) >> 1) },
                    src_endpoint: ENDPOINT,
                    dst_endpoint: 1,
                    payload: payload[..payload.len().min(node::MAX_DATAGRAM)].to_vec(),
                };
                self.hub.send(now, datagram);
            }
            5 => self.pass(Duration::from_secs(u16::from_le_bytes([step.octet(0), step.octet(1)]).into())),
            6 => self.set_link(step.octet(0) & 1 != 0),
            7 => self.stores = step.octet(0) & 1 != 0,
            8 => self.restart(),
            10 => {
                if let Ok(command) = KeyCommand::parse(step.data) {
                    self.hub.send_key(now, DEVICE.eui, command);
                }
            }
            _ => self.status = Status::from(step.octet(0)),
        }
        self.settle();
    }

    /// `delivery attempt window wrong command`: a Release with the nonce at hand, right in all that `wrong` does not name.
    fn release(&mut self, step: &Step<'_>) {
        let command = step.behind(4).to_vec();
        let wrong = step.octet(3);
        let route = Route::parse(&command).ok();
        let not_after = self.now + Duration::from_secs(step.octet(2).into());
        let mut warrant = Warrant {
            delivery: DeliveryId([step.octet(0); 16]),
            attempt: step.octet(1).into(),
            command_hash: Lenient.sha256(&[&command]),
            target: route.map_or(Eui64([0; 8]), |route| route.id.target),
            code: route.map_or(MessageCode(0), |route| route.code),
            ppmid: DEVICE.eui,
            nonce: self.nonce,
            not_after,
        };
        match wrong {
            1 => warrant.command_hash[0] ^= 1,
            2 => warrant.target = HEAD_END,
            3 => warrant.code.0 ^= 1,
            4 => warrant.ppmid = HEAD_END,
            5 => warrant.nonce.0[0] ^= 1,
            6 => warrant.not_after = Time(0),
            _ => {}
        }
        if !(1..=7).contains(&wrong) {
            let until = self.released.entry(command.clone()).or_insert(not_after);
            *until = not_after.max(*until);
        }
        let head_end = if wrong == 7 { DEVICE.eui } else { HEAD_END };
        let octets =
            Release { head_end, warrant, command }.seal(&Lenient, &key(2)).expect("nothing fails to be signed here");
        self.ppmid.handle_down(self.now, &octets);
    }

    fn set_link(&mut self, up: bool) {
        if self.link != up {
            self.link = up;
            if up { self.ppmid.link_up(self.now) } else { self.ppmid.link_down(self.now) }
        }
    }

    fn restart(&mut self) {
        self.link = false;
        self.ppmid =
            Ppmid::new(self.now, Lenient, &self.config, self.stored.as_deref()).expect("what it asked to have stored");
        self.settle();
        self.set_link(true);
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..256 {
            let due = self.due.into_iter().chain(self.hub_due).min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            if self.due.is_some_and(|due| due <= self.now) {
                self.ppmid.handle_timeout(self.now);
            }
            self.hub.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.settle();
            self.spins.check(self.now, self.due);
        }
        self.now = end;
        self.ppmid.handle_timeout(end);
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..MAX_FRAMES {
            self.drain_ppmid();
            self.drain_hub();
            let Some((to_hub, psdu)) = self.air.pop_front() else { return };
            if to_hub {
                self.hub.handle_frame(self.now, &psdu);
            } else {
                self.ppmid.handle_frame(self.now, &psdu);
            }
        }
        panic!("a home that never rests: {MAX_FRAMES} frames of one cause");
    }

    fn drain_ppmid(&mut self) {
        let mut heard = Vec::new();
        let Self { ppmid, stored, air, link, nonce, .. } = self;
        let poll = || match ppmid.poll() {
            Output::Timeout(due) => Err(due),
            output => Ok(output),
        };
        self.due = drain(poll, |output| match output {
            Output::Transmit(psdu) => {
                check_psdu(&psdu);
                air.push_back((true, psdu));
            }
            Output::Up { id, payload } => {
                assert!(*link, "something said while the link is down");
                let said = Upward::open(&payload, &Lenient, |eui| (eui == DEVICE.eui).then(|| *key(1).public()));
                match said.expect("what a PPMID says opens") {
                    Upward::Hello(hello) => *nonce = hello.nonce,
                    Upward::Receipt(receipt) => *nonce = receipt.nonce,
                    Upward::Answer(_) => {}
                }
                heard.push(id);
            }
            Output::Persist(octets) => {
                assert!(octets.len() <= RECORD_MAX, "a record of {} octets", octets.len());
                *stored = Some(octets);
            }
            _ => {}
        });
        if self.stores && !heard.is_empty() {
            heard.into_iter().for_each(|id| self.ppmid.up_stored(id));
            self.drain_ppmid();
        }
    }

    fn drain_hub(&mut self) {
        let now = self.now;
        let Self { hub, server, air, status, released, .. } = self;
        for _ in 0..MAX_FRAMES {
            let server_due = match server.poll() {
                tunnel::Output::Timeout(due) => due,
                tunnel::Output::Send(outbound) => {
                    hub.send(now, outbound.datagram());
                    continue;
                }
                tunnel::Output::Data { data, .. } => {
                    let own = Route::parse(&data)
                        .is_ok_and(|route| (route.id.originator, route.id.cra) == (DEVICE.eui, Cra::Response));
                    if own {
                        continue;
                    }
                    let until = released.get(&data).expect("only what was released reaches the hub");
                    assert!(now <= *until, "a Command handed over too late");
                    continue;
                }
                _ => continue,
            };
            match hub.poll() {
                node::Output::Timeout(due) => {
                    self.hub_due = due.into_iter().chain(server_due).min();
                    return;
                }
                node::Output::Transmit(psdu) => air.push_back((false, psdu)),
                node::Output::Received(datagram) => {
                    let (peer, endpoint) = (datagram.peer, datagram.src_endpoint);
                    server.handle_zcl_admitting(now, peer, endpoint, &datagram.payload, |_, _| *status);
                }
                node::Output::Failed(..) => server.handle_undelivered(now, DEVICE.eui),
                _ => {}
            }
        }
        panic!("a hub that never rests");
    }
}
