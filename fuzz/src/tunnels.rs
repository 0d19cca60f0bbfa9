//! Both sides of the Tunneling cluster, fed ZCL frames by peers who keep to no rule.
use crate::stations::{HUB, START, Spins, Station, drain};
use crate::{Step, script, within};
use gbcs::{Eui64, Time};
use han::node::MAX_DATAGRAM;
use han::tunnel::{Client, ClientConfig, Output, Server, ServerConfig, TransferId};
use han::zcl::{Frame, Status};
use std::collections::BTreeSet;
use std::time::Duration;

const PEERS: [Station; 3] = [HUB, Station::new(0xA4, false), Station::new(0xA1, true)];

/// Every frame sent is one and fits a datagram; data is handed up only from a peer that may have a tunnel; each transfer ends at
/// most once, and all of them when nothing happens any more; memory is bounded, and no side spins.
///
/// The first octet chooses the side. Steps, the first octet of each naming peer and endpoint: 0 and 1 a ZCL frame of the peer
/// (admitted or refused); 2 time passes; 3 data to send; 4 the node gave up; 5 open, allow or retry; 6 remove, deny or reset;
/// 7 busy.
pub fn tunnel(input: &[u8]) {
    let Some((&side, input)) = input.split_first() else { return };
    // Each peer: 64 transfers that wait, of 1500 octets at most.
    const QUEUES: usize = PEERS.len() * 66 * 1600;
    within(input.len() + QUEUES, 8, || {
        let end = if side & 1 == 0 {
            End::Server(Server::new(ServerConfig::at(1)))
        } else {
            End::Client(Client::new(ClientConfig::at(1)))
        };
        let mut play = Play {
            end,
            now: START,
            due: None,
            allowed: BTreeSet::new(),
            open: BTreeSet::new(),
            spins: Spins::default(),
        };
        script(input).for_each(|step| play.step(&step));
        // Longer than any timer: what was under way is over.
        play.pass(Duration::from_secs(7200));
        for peer in PEERS {
            play.end.remove(play.now, peer.eui);
        }
        play.settle();
        assert!(play.open.is_empty(), "transfers that never end: {:?}", play.open);
    });
}

enum End {
    Server(Server),
    Client(Client),
}

impl End {
    fn remove(&mut self, now: Time, peer: Eui64) {
        match self {
            Self::Server(server) => server.deny(now, peer),
            Self::Client(client) => client.remove(now, peer),
        }
    }
}

struct Play {
    end: End,
    now: Time,
    due: Option<Time>,
    /// Who may have a tunnel: allowed (server), or asked for one (client).
    allowed: BTreeSet<Eui64>,
    /// Transfers that have not ended.
    open: BTreeSet<TransferId>,
    spins: Spins,
}

impl Play {
    fn step(&mut self, step: &Step<'_>) {
        let now = self.now;
        let peer = PEERS[usize::from(step.octet(0) & 3) % PEERS.len()].eui;
        let endpoint = 1 + (step.octet(0) >> 2 & 1);
        let octets = step.behind(1);
        match (step.kind % 8, &mut self.end) {
            (0, End::Server(server)) => server.handle_zcl(now, peer, endpoint, octets),
            (0, End::Client(client)) => client.handle_zcl(now, peer, endpoint, octets),
            (1, End::Server(server)) => {
                server.handle_zcl_admitting(now, peer, endpoint, octets, |_, _| Status::from(octets[0]));
            }
            (1, End::Client(client)) => {
                client.handle_zcl_admitting(now, peer, endpoint, octets, |_, _| Status::from(octets[0]));
            }
            (2, _) => self.pass(Duration::from_secs(u16::from_le_bytes([step.octet(0), step.octet(1)]).into())),
            (3, end) => {
                let data = octets.repeat(usize::from(step.octet(0) >> 3) + 1);
                let transfer = match end {
                    End::Server(server) => server.send(now, peer, data),
                    End::Client(client) => client.send(now, peer, data),
                };
                assert!(self.open.insert(transfer), "a number given twice");
            }
            (4, End::Server(server)) => server.handle_undelivered(now, peer),
            (4, End::Client(client)) => client.handle_undelivered(now, peer),
            (5, End::Server(server)) => {
                server.allow(peer, step.octet(0) & 8 != 0);
                self.allowed.insert(peer);
            }
            (5, End::Client(client)) if step.octet(0) & 8 == 0 => {
                client.open(now, peer, endpoint);
                self.allowed.insert(peer);
            }
            (5, End::Client(client)) => client.retry(now, peer),
            (6, End::Server(server)) if step.octet(0) & 8 != 0 => server.reset(now, peer),
            (6, end) => {
                end.remove(now, peer);
                self.allowed.remove(&peer);
            }
            (_, End::Server(server)) => server.set_busy(step.octet(0) & 1 != 0),
            (_, End::Client(client)) => _ = (client.is_open(peer), client.is_busy()),
        }
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..2048 {
            let Some(due) = self.due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            match &mut self.end {
                End::Server(server) => server.handle_timeout(self.now),
                End::Client(client) => client.handle_timeout(self.now),
            }
            self.settle();
            self.spins.check(self.now, self.due);
        }
        self.now = end;
    }

    fn settle(&mut self) {
        let Self { end, allowed, open, .. } = self;
        let poll = || {
            let output = match end {
                End::Server(server) => server.poll(),
                End::Client(client) => client.poll(),
            };
            if let Output::Timeout(due) = output { Err(due) } else { Ok(output) }
        };
        self.due = drain(poll, |output| match output {
            Output::Send(outbound) => {
                assert!(outbound.zcl.len() <= MAX_DATAGRAM);
                assert_eq!(Frame::parse(&outbound.zcl).expect("our own frame").to_vec(), outbound.zcl);
                assert!(PEERS.iter().any(|station| station.eui == outbound.peer));
            }
            Output::Data { peer, data } => {
                assert!(allowed.contains(&peer), "data of {peer}, who has no tunnel");
                assert!(data.len() <= 1500);
            }
            Output::Accepted { transfer, .. } | Output::Failed { transfer, .. } => {
                assert!(open.remove(&transfer), "{transfer:?} ended twice");
            }
            _ => {}
        });
    }
}
