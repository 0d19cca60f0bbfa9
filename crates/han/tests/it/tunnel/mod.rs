//! The Tunneling cluster: what a server refuses, what a client does then, and when.
mod client;
mod server;

use gbcs::Time;
use han::tunnel::{Client, Outbound, Output, Server, Side};
use han::zcl::tunneling::{ToClient, ToServer};
use han::zcl::{Direction, Frame, Status};
use std::time::Duration;

const EP: u8 = 1;

trait Polled {
    fn next(&mut self) -> Output;
}

impl Polled for Client {
    fn next(&mut self) -> Output {
        self.poll()
    }
}

impl Polled for Server {
    fn next(&mut self) -> Output {
        self.poll()
    }
}

/// Everything up to `Timeout`, and that.
fn drain(side: &mut impl Polled) -> (Vec<Output>, Option<Time>) {
    let mut outputs = Vec::new();
    loop {
        match side.next() {
            Output::Timeout(at) => return (outputs, at),
            output => outputs.push(output),
        }
    }
}

/// The frames among them.
fn sent(outputs: &[Output]) -> Vec<&Outbound> {
    outputs
        .iter()
        .filter_map(|output| if let Output::Send(outbound) = output { Some(outbound) } else { None })
        .collect()
}

/// The one frame among them.
fn only(outputs: &[Output]) -> &Outbound {
    let frames = sent(outputs);
    assert_eq!(frames.len(), 1, "{outputs:?}");
    frames[0]
}

fn to_client(zcl: &[u8]) -> ToClient<'_> {
    let frame = Frame::parse(zcl).unwrap();
    assert_eq!((frame.direction, frame.cluster_specific), (Direction::ToClient, true));
    ToClient::parse(frame.command, frame.payload).unwrap()
}

fn to_server(zcl: &[u8]) -> ToServer<'_> {
    let frame = Frame::parse(zcl).unwrap();
    assert_eq!((frame.direction, frame.cluster_specific), (Direction::ToServer, true));
    ToServer::parse(frame.command, frame.payload).unwrap()
}

fn tsn(zcl: &[u8]) -> u8 {
    Frame::parse(zcl).unwrap().tsn
}

fn status_of(zcl: &[u8]) -> (u8, Status) {
    let response = Frame::parse(zcl).unwrap().as_default_response().expect("a Default Response");
    (response.command, response.status)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn the_direction_bit_tells_the_side() {
    assert_eq!(Side::of(&ToServer::CloseTunnel(1).to_zcl(1, true)), Some(Side::Server));
    assert_eq!(Side::of(&ToClient::TransferData(1, &[]).to_zcl(1, true)), Some(Side::Client));
    assert_eq!(Side::of(&[]), None);
}
