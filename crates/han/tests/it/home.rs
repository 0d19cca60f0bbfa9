//! Tunnels over two stacks: the sequences of han.md 14 that need no more than the tunnel itself.
use crate::air::*;
use gbcs::Eui64;
use han::Node;
use han::node::Output as NodeOutput;
use han::tunnel::gsme::GsmeData;
use han::tunnel::{Client, ClientConfig, CloseReason, Output, Server, ServerConfig, Side};
use std::time::Duration;

/// One side of the cluster, so that the glue is written once.
enum End {
    Client(Client),
    Server(Server),
}

impl End {
    fn poll(&mut self) -> Output {
        match self {
            Self::Client(client) => client.poll(),
            Self::Server(server) => server.poll(),
        }
    }
}

/// Station 0 is the server, station 1 the client.
struct Home {
    air: Air,
    ends: [End; 2],
    told: [Vec<Output>; 2],
    due: [Option<gbcs::Time>; 2],
    devices: [Device; 2],
    seen: [usize; 2],
}

impl Home {
    fn new(client: Device) -> Self {
        let devices = [HUB, client];
        let nodes = [Node::new(config(HUB, &[client])), Node::new(config(client, &[HUB]))];
        let mut home = Self {
            air: Air::new(nodes.into()),
            ends: [Self::server(client), End::Client(Client::new(ClientConfig::at(1)))],
            told: [vec![], vec![]],
            due: [None; 2],
            devices,
            seen: [0; 2],
        };
        home.client().open(START, HUB.eui, 1);
        home.settle();
        home
    }

    fn server(client: Device) -> End {
        let mut server = Server::new(ServerConfig::at(1));
        server.allow(client.eui, client != GSME);
        End::Server(server)
    }

    fn client(&mut self) -> &mut Client {
        let End::Client(client) = &mut self.ends[1] else { unreachable!() };
        client
    }

    fn send(&mut self, from: usize, data: &[u8]) {
        let (now, peer) = (self.air.now, self.devices[1 - from].eui);
        match &mut self.ends[from] {
            End::Client(client) => client.send(now, peer, data.to_vec()),
            End::Server(server) => server.send(now, peer, data.to_vec()),
        };
        self.settle();
    }

    /// Carries what the ends and the nodes have for each other, until they have nothing.
    fn settle(&mut self) {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for at in 0..2 {
                loop {
                    match self.ends[at].poll() {
                        Output::Send(outbound) => {
                            self.air.nodes[at].send(self.air.now, outbound.datagram());
                            self.air.drain(at);
                        }
                        Output::Timeout(due) => {
                            self.due[at] = due;
                            break;
                        }
                        output => self.told[at].push(output),
                    }
                }
                while let Some(event) = self.air.events[at].get(self.seen[at]).cloned() {
                    self.seen[at] += 1;
                    quiet = false;
                    self.carry(at, event);
                }
            }
        }
    }

    fn carry(&mut self, at: usize, event: NodeOutput) {
        let (now, other) = (self.air.now, self.devices[1 - at].eui);
        match (event, &mut self.ends[at]) {
            (NodeOutput::Received(got), End::Client(client)) => {
                assert_eq!(Side::of(&got.payload), Some(Side::Client));
                client.handle_zcl(now, got.peer, got.src_endpoint, &got.payload);
            }
            (NodeOutput::Received(got), End::Server(server)) => {
                assert_eq!(Side::of(&got.payload), Some(Side::Server));
                server.handle_zcl(now, got.peer, got.src_endpoint, &got.payload);
            }
            (NodeOutput::Failed(..), End::Client(client)) => client.handle_undelivered(now, other),
            (NodeOutput::Failed(..), End::Server(server)) => server.handle_undelivered(now, other),
            _ => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.air.now + time;
        loop {
            let due = self.due.iter().flatten().min().copied();
            let next = due.map_or(until, |due| due.min(until));
            let stepped = self.air.step(next);
            self.settle();
            if stepped {
                continue;
            }
            if self.air.now >= until && due.is_none_or(|due| due > until) {
                return;
            }
            let now = self.air.now;
            for end in &mut self.ends {
                match end {
                    End::Client(client) => client.handle_timeout(now),
                    End::Server(server) => server.handle_timeout(now),
                }
            }
            self.settle();
        }
    }

    fn data(&self, at: usize, from: Eui64) -> Vec<Vec<u8>> {
        let data = |output: &Output| match output {
            Output::Data { peer, data } if *peer == from => Some(data.clone()),
            _ => None,
        };
        self.told[at].iter().filter_map(data).collect()
    }

    fn accepted(&self, at: usize) -> usize {
        self.told[at].iter().filter(|output| matches!(output, Output::Accepted { .. })).count()
    }
}

fn messages(count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|n| vec![n; 1500]).collect()
}

#[test]
fn data_goes_both_ways_in_order_over_a_lossy_air() {
    let mut home = Home::new(PPMID);
    home.air.loss = 100;
    for message in messages(10) {
        home.send(1, &message);
    }
    home.pass(Duration::from_secs(120));
    for message in messages(10) {
        home.send(0, &message);
    }
    home.pass(Duration::from_secs(120));
    assert_eq!(home.data(0, PPMID.eui), messages(10));
    assert_eq!(home.data(1, HUB.eui), messages(10));
    assert_eq!((home.accepted(0), home.accepted(1)), (10, 10));
}

#[test]
fn after_the_hub_restarts_the_next_transfer_reopens_the_tunnel_and_arrives() {
    let mut home = Home::new(PPMID);
    home.send(1, &[1]);
    home.pass(Duration::from_secs(1));
    // The hub keeps its frame counters and forgets its tunnels.
    let counters = home.air.nodes[0].counters();
    home.air.nodes[0] = Node::new(han::NodeConfig { counters, ..config(HUB, &[PPMID]) });
    home.ends[0] = Home::server(PPMID);
    home.settle();
    home.send(1, &[2]);
    home.pass(Duration::from_secs(1));
    assert_eq!(home.data(0, PPMID.eui), [[1], [2]]);
    assert!(home.told[1].contains(&Output::Closed { peer: HUB.eui, reason: CloseReason::Forgotten }));
    assert_eq!(home.accepted(1), 2);
}

#[test]
fn a_hub_that_was_away_is_found_again_and_gets_what_waited() {
    let mut home = Home::new(PPMID);
    home.pass(Duration::from_secs(1));
    home.air.loss = 1000;
    home.send(1, &[7]);
    home.pass(Duration::from_secs(60));
    assert!(home.told[1].contains(&Output::Closed { peer: HUB.eui, reason: CloseReason::Unreachable }));
    home.air.loss = 0;
    home.pass(Duration::from_secs(30));
    assert_eq!(home.data(0, PPMID.eui), [[7]]);
    assert_eq!(home.accepted(1), 1);
}

#[test]
fn an_idle_tunnel_is_there_again_after_each_65535_s() {
    let mut home = Home::new(PPMID);
    home.pass(Duration::from_secs(3 * 65535 + 60));
    let opened = home.told[1].iter().filter(|output| matches!(output, Output::Opened { .. })).count();
    assert_eq!(opened, 4);
    home.send(1, &[1]);
    home.pass(Duration::from_secs(1));
    assert_eq!(home.accepted(1), 1);
}

#[test]
fn a_gas_meter_fetches_its_messages_and_puts_its_answers() {
    let mut home = Home::new(GSME);
    home.air.nodes[1].wake(START);
    home.air.drain(1);
    home.pass(Duration::from_secs(2));
    for waiting in (0..3).rev() {
        home.send(1, &GsmeData::Get.to_vec());
        home.pass(Duration::from_secs(2));
        let got = home.data(0, GSME.eui);
        assert_eq!(GsmeData::parse(got.last().unwrap()), Ok(GsmeData::Get));
        let message = vec![0xDF; GsmeData::MAX_MESSAGE];
        home.send(0, &GsmeData::GetResponse { remaining: waiting, message: &message }.to_vec());
        home.pass(Duration::from_secs(6));
    }
    home.send(1, &GsmeData::Put(&[0xDF; 300]).to_vec());
    home.pass(Duration::from_secs(3));
    let responses = home.data(1, HUB.eui);
    assert_eq!(responses.len(), 3);
    assert!(
        matches!(GsmeData::parse(&responses[2]), Ok(GsmeData::GetResponse { remaining: 0, message }) if message.len() == 1498)
    );
    assert_eq!(home.data(0, GSME.eui).len(), 4);
    assert_eq!((home.accepted(0), home.accepted(1)), (3, 4));
    assert!(!home.air.nodes[1].is_busy() && !home.client().is_busy());
}
