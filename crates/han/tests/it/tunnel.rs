//! The Tunneling cluster: what a server refuses, what a client does then, and when.
use crate::air::{ESME, GSME, HUB, PPMID, START};
use gbcs::{Eui64, Time};
use han::tunnel::{
    Client, ClientConfig, CloseReason, Outbound, Output, Server, ServerConfig, Side, TransferFailure, TransferId,
};
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse};
use han::zcl::tunneling::{
    NO_TUNNEL, Protocol, RequestTunnel, ToClient, ToServer, TransferDataStatus, TunnelStatus, to_client, to_server,
};
use han::zcl::{self, Direction, Frame, Status};
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

// ---- server ----

fn server() -> Server {
    let mut server = Server::new(ServerConfig { max_tunnels: 2, ..ServerConfig::at(EP) });
    for peer in [PPMID, GSME, ESME] {
        server.allow(peer.eui, peer != GSME);
    }
    server
}

fn ask(server: &mut Server, now: Time, peer: Eui64, command: ToServer<'_>) -> Vec<Output> {
    server.handle_zcl(now, peer, EP, &command.to_zcl(9, false));
    drain(server).0
}

fn request(server: &mut Server, peer: Eui64, request: RequestTunnel) -> (u16, TunnelStatus) {
    let outputs = ask(server, START, peer, ToServer::RequestTunnel(request));
    let answer = only(&outputs);
    assert_eq!((tsn(&answer.zcl), answer.zcl[0]), (9, 0x19));
    match to_client(&answer.zcl) {
        ToClient::RequestTunnelResponse { tunnel, status, max_incoming: 1500 } => {
            let event = if status == TunnelStatus::Success {
                Output::Opened { peer, tunnel }
            } else {
                Output::Refused { peer, status }
            };
            assert!(outputs.contains(&event));
            (tunnel, status)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_refusal_of_a_tunnel_has_its_status_and_the_checks_their_order() {
    let gbcs = RequestTunnel::GBCS;
    let dlms = RequestTunnel { protocol: Protocol { id: 0, ..gbcs.protocol }, ..gbcs };
    let maker = RequestTunnel { protocol: Protocol { manufacturer: 0x1234, ..gbcs.protocol }, ..gbcs };
    let flow = RequestTunnel { flow_control: true, ..gbcs };
    let both = RequestTunnel { flow_control: true, ..dlms };
    // Request, from whom, server busy, its status.
    let table = [
        (gbcs, PPMID, false, TunnelStatus::Success),
        (dlms, PPMID, false, TunnelStatus::ProtocolNotSupported),
        (maker, PPMID, false, TunnelStatus::ProtocolNotSupported),
        (gbcs, HUB, false, TunnelStatus::ProtocolNotSupported),
        (both, PPMID, true, TunnelStatus::ProtocolNotSupported),
        (flow, PPMID, false, TunnelStatus::FlowControlNotSupported),
        (flow, PPMID, true, TunnelStatus::FlowControlNotSupported),
        (gbcs, PPMID, true, TunnelStatus::Busy),
    ];
    for (asked, peer, busy, status) in table {
        let mut server = server();
        server.set_busy(busy);
        let tunnel = if status == TunnelStatus::Success { 0 } else { NO_TUNNEL };
        assert_eq!(request(&mut server, peer.eui, asked), (tunnel, status), "{asked:?} {peer:?} {busy}");
    }
}

#[test]
fn a_full_table_is_refused_and_the_same_client_gets_the_same_tunnel_again() {
    let mut server = server();
    assert_eq!(request(&mut server, PPMID.eui, RequestTunnel::GBCS), (0, TunnelStatus::Success));
    assert_eq!(request(&mut server, GSME.eui, RequestTunnel::GBCS), (1, TunnelStatus::Success));
    assert_eq!(request(&mut server, ESME.eui, RequestTunnel::GBCS), (NO_TUNNEL, TunnelStatus::NoMoreTunnelIds));
    assert_eq!(request(&mut server, PPMID.eui, RequestTunnel::GBCS), (0, TunnelStatus::Success));
}

#[test]
fn data_is_taken_from_the_owner_only_and_up_to_1500_octets() {
    let mut server = server();
    request(&mut server, PPMID.eui, RequestTunnel::GBCS);
    let long = vec![7; 1501];
    let table = [
        (PPMID, 0, &long[..1500], None),
        (PPMID, 0, &[][..], None),
        (PPMID, 0, &long[..], Some(TransferDataStatus::DataOverflow)),
        (PPMID, 5, &long[..9], Some(TransferDataStatus::NoSuchTunnel)),
        (GSME, 0, &long[..9], Some(TransferDataStatus::WrongDevice)),
        (GSME, 0, &long[..], Some(TransferDataStatus::WrongDevice)),
    ];
    for (peer, tunnel, data, error) in table {
        let outputs = ask(&mut server, START, peer.eui, ToServer::TransferData(tunnel, data));
        let answer = only(&outputs);
        match error {
            None => {
                assert_eq!(status_of(&answer.zcl), (to_server::TRANSFER_DATA, Status::Success));
                assert!(outputs.contains(&Output::Data { peer: peer.eui, data: data.to_vec() }));
            }
            Some(error) => {
                assert_eq!(to_client(&answer.zcl), ToClient::TransferDataError(tunnel, error));
                assert_eq!(outputs.len(), 1);
            }
        }
        assert_eq!(tsn(&answer.zcl), 9);
    }
    // The same device from another of its endpoints is another owner.
    server.handle_zcl(START, PPMID.eui, 7, &ToServer::TransferData(0, &[1]).to_zcl(9, false));
    let outputs = drain(&mut server).0;
    assert_eq!(to_client(&only(&outputs).zcl), ToClient::TransferDataError(0, TransferDataStatus::WrongDevice));
}

#[test]
fn success_is_not_answered_where_the_sender_asked_so_but_a_refusal_is() {
    let mut server = server();
    request(&mut server, PPMID.eui, RequestTunnel::GBCS);
    let zcl = ToServer::TransferData(0, &[1]).to_zcl(3, true);
    server.handle_zcl(START, PPMID.eui, EP, &zcl);
    assert_eq!(drain(&mut server).0, [Output::Data { peer: PPMID.eui, data: vec![1] }]);
    server.handle_zcl_admitting(START, PPMID.eui, EP, &zcl, |_, _| Status::Failure);
    let outputs = drain(&mut server).0;
    assert_eq!(status_of(&only(&outputs).zcl), (to_server::TRANSFER_DATA, Status::Failure));
    assert_eq!(outputs.len(), 1);
}

#[test]
fn closing_a_tunnel_has_three_answers() {
    let mut server = server();
    request(&mut server, PPMID.eui, RequestTunnel::GBCS);
    for (peer, tunnel, status) in [
        (GSME, 0, Status::NotAuthorized),
        (PPMID, 4, Status::NotFound),
        (PPMID, 0, Status::Success),
        (PPMID, 0, Status::NotFound),
    ] {
        let outputs = ask(&mut server, START, peer.eui, ToServer::CloseTunnel(tunnel));
        assert_eq!(status_of(&only(&outputs).zcl), (to_server::CLOSE_TUNNEL, status));
        let closed = Output::Closed { peer: peer.eui, reason: CloseReason::ByPeer };
        assert_eq!(outputs.contains(&closed), status == Status::Success);
    }
}

#[test]
fn a_tunnel_is_freed_after_exactly_65535_idle_seconds_and_traffic_of_either_side_counts() {
    let mut server = server();
    request(&mut server, PPMID.eui, RequestTunnel::GBCS);
    request(&mut server, GSME.eui, RequestTunnel::GBCS);
    assert_eq!(drain(&mut server).1, Some(START + seconds(65535)));
    let later = START + seconds(100);
    ask(&mut server, later, PPMID.eui, ToServer::TransferData(0, &[1]));
    server.send(START + seconds(200), GSME.eui, vec![1]);
    drain(&mut server);
    server.handle_timeout(Time(later.0 + 65_534_999));
    let (outputs, next) = drain(&mut server);
    assert!(!outputs.iter().any(|output| matches!(output, Output::Closed { .. })), "{outputs:?}");
    assert_eq!(next, Some(later + seconds(65535)));
    server.handle_timeout(later + seconds(65535));
    let (outputs, next) = drain(&mut server);
    assert_eq!(to_client(&only(&outputs).zcl), ToClient::TunnelClosureNotification(0));
    assert_eq!(outputs[1], Output::Closed { peer: PPMID.eui, reason: CloseReason::Inactive });
    // A sleepy client is not told.
    assert_eq!(next, Some(START + seconds(200 + 65535)));
    server.handle_timeout(START + seconds(200 + 65535));
    let inactive = Output::Closed { peer: GSME.eui, reason: CloseReason::Inactive };
    assert_eq!(drain(&mut server), (vec![inactive], None));
}

#[test]
fn asking_again_keeps_a_tunnel_alive() {
    let mut server = server();
    request(&mut server, PPMID.eui, RequestTunnel::GBCS);
    let later = START + seconds(100);
    ask(&mut server, later, PPMID.eui, ToServer::RequestTunnel(RequestTunnel::GBCS));
    assert_eq!(drain(&mut server).1, Some(later + seconds(65535)));
}

#[test]
fn tunnel_ids_come_round_without_the_reserved_one_and_those_in_use() {
    let mut server = server();
    assert_eq!(request(&mut server, PPMID.eui, RequestTunnel::GBCS), (0, TunnelStatus::Success));
    for expected in (1..NO_TUNNEL).chain(1..3) {
        assert_eq!(request(&mut server, GSME.eui, RequestTunnel::GBCS), (expected, TunnelStatus::Success));
        ask(&mut server, START, GSME.eui, ToServer::CloseTunnel(expected));
    }
}

#[test]
fn a_server_sends_one_transfer_at_a_time_and_tells_how_each_ended() {
    let mut server = server();
    request(&mut server, GSME.eui, RequestTunnel::GBCS);
    let ids: Vec<_> = (0..4).map(|n| server.send(START, GSME.eui, vec![n])).collect();
    let outputs = drain(&mut server).0;
    let first = only(&outputs).zcl.clone();
    assert_eq!(to_client(&first), ToClient::TransferData(0, &[0]));
    // An answer to something else changes nothing.
    let other = ToClient::TransferData(0, &[0]).to_zcl(tsn(&first).wrapping_add(1), false);
    server.handle_zcl(START, GSME.eui, EP, &Frame::parse(&other).unwrap().default_response(Status::Success));
    assert_eq!(drain(&mut server).0, []);

    server.handle_zcl(START, GSME.eui, EP, &Frame::parse(&first).unwrap().default_response(Status::Success));
    let outputs = drain(&mut server).0;
    assert_eq!(outputs[0], Output::Accepted { peer: GSME.eui, transfer: ids[0] });
    let second = only(&outputs).zcl.clone();
    server.handle_zcl(START, GSME.eui, EP, &Frame::parse(&second).unwrap().default_response(Status::Failure));
    let outputs = drain(&mut server).0;
    let refused = TransferFailure::Refused(Status::Failure);
    assert_eq!(outputs[0], Output::Failed { peer: GSME.eui, transfer: ids[1], reason: refused });
    server.handle_undelivered(START, GSME.eui);
    let outputs = drain(&mut server).0;
    assert_eq!(outputs[0], Output::Failed { peer: GSME.eui, transfer: ids[2], reason: TransferFailure::Unreachable });
    server.handle_timeout(START + seconds(60));
    let outputs = drain(&mut server).0;
    assert_eq!(outputs, [Output::Failed { peer: GSME.eui, transfer: ids[3], reason: TransferFailure::NoAnswer }]);
    assert!(server.is_open(GSME.eui));
}

#[test]
fn a_server_that_is_told_no_such_tunnel_frees_it_and_fails_what_was_on_it() {
    let mut server = server();
    request(&mut server, GSME.eui, RequestTunnel::GBCS);
    let transfer = server.send(START, GSME.eui, vec![1]);
    drain(&mut server);
    let error = ToServer::TransferDataError(0, TransferDataStatus::NoSuchTunnel);
    let peer = GSME.eui;
    assert_eq!(
        ask(&mut server, START, peer, error),
        [
            Output::Failed { peer, transfer, reason: TransferFailure::Closed },
            Output::Closed { peer, reason: CloseReason::Forgotten }
        ]
    );
    let transfer = server.send(START, peer, vec![1]);
    assert_eq!(drain(&mut server).0, [Output::Failed { peer, transfer, reason: TransferFailure::NoTunnel }]);
}

#[test]
fn a_denied_device_loses_its_tunnel_and_gets_no_other() {
    let mut server = server();
    request(&mut server, PPMID.eui, RequestTunnel::GBCS);
    server.deny(START, PPMID.eui);
    assert_eq!(drain(&mut server).0, [Output::Closed { peer: PPMID.eui, reason: CloseReason::Removed }]);
    assert_eq!(request(&mut server, PPMID.eui, RequestTunnel::GBCS).1, TunnelStatus::ProtocolNotSupported);
}

#[test]
fn what_a_server_does_not_know_it_says_so() {
    let mut server = server();
    let frame = |cluster_specific, command, payload| Frame {
        cluster_specific,
        manufacturer: None,
        direction: Direction::ToServer,
        disable_default_response: true,
        tsn: 4,
        command,
        payload,
    };
    let table = [
        (frame(true, 0x55, &[][..]), Status::UnsupportedClusterCommand),
        (frame(true, to_server::ACK_TRANSFER_DATA, &[0, 0, 1, 0]), Status::UnsupportedClusterCommand),
        (frame(true, to_server::REQUEST_TUNNEL, &[6]), Status::MalformedCommand),
        (frame(true, to_server::REQUEST_TUNNEL, &[6, 0xFF, 0xFF, 2, 0, 0]), Status::UnsupportedClusterCommand),
        (frame(true, to_server::TRANSFER_DATA, &[6]), Status::MalformedCommand),
        (frame(false, zcl::global::READ_ATTRIBUTES, &[1]), Status::MalformedCommand),
        (frame(false, 0x02, &[]), Status::UnsupportedGeneralCommand),
    ];
    for (frame, status) in table {
        server.handle_zcl(START, PPMID.eui, EP, &frame.to_vec());
        let outputs = drain(&mut server).0;
        assert_eq!(status_of(&only(&outputs).zcl), (frame.command, status), "{frame:?}");
    }
    // No answer to an answer, to a frame for the other side, or to noise.
    for zcl in [
        ToClient::TransferData(0, &[1]).to_zcl(1, false),
        frame(true, 0x55, &[]).default_response(Status::Failure),
        frame(false, zcl::global::DEFAULT_RESPONSE, &[1, 1]).to_vec(),
        vec![0xFF; 9],
        vec![],
    ] {
        server.handle_zcl(START, PPMID.eui, EP, &zcl);
        assert_eq!(drain(&mut server).0, [], "{zcl:?}");
    }
}

#[test]
fn protocols_and_attributes_can_be_read() {
    let mut server = server();
    for (offset, count) in [(0, 1), (1, 0)] {
        let outputs = ask(&mut server, START, PPMID.eui, ToServer::GetSupportedTunnelProtocols(offset));
        let protocols = vec![Protocol { manufacturer: 0xFFFF, id: 6 }; count];
        assert_eq!(
            to_client(&only(&outputs).zcl),
            ToClient::SupportedTunnelProtocolsResponse { complete: true, protocols }
        );
    }
    let mut payload = Vec::new();
    ReadAttributes(vec![0x0000, 0x7777]).encode(&mut payload);
    let read = Frame {
        cluster_specific: false,
        manufacturer: None,
        direction: Direction::ToServer,
        disable_default_response: false,
        tsn: 8,
        command: zcl::global::READ_ATTRIBUTES,
        payload: &payload,
    };
    server.handle_zcl(START, PPMID.eui, EP, &read.to_vec());
    let outputs = drain(&mut server).0;
    let answer = Frame::parse(&only(&outputs).zcl).unwrap();
    let ReadAttributesResponse(records) = ReadAttributesResponse::parse(answer.payload).unwrap();
    assert_eq!(records[0].1.unwrap().unsigned(), Some(65535));
    assert_eq!(records[1], (0x7777, Err(Status::UnsupportedAttribute)));
}

// ---- client ----

/// A client that just asked the ESME for a tunnel, and the transaction number of that.
fn asking() -> (Client, u8) {
    let mut client = Client::new(ClientConfig::at(EP));
    client.open(START, ESME.eui, EP);
    let (outputs, next) = drain(&mut client);
    let request = only(&outputs);
    assert_eq!((request.peer, request.dst_endpoint, request.src_endpoint), (ESME.eui, EP, EP));
    assert_eq!(to_server(&request.zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));
    assert_eq!(next, Some(START + seconds(5)));
    let tsn = tsn(&request.zcl);
    (client, tsn)
}

fn answer(client: &mut Client, now: Time, peer: Eui64, tsn: u8, tunnel: u16, status: TunnelStatus) -> Vec<Output> {
    let response = ToClient::RequestTunnelResponse { tunnel, status, max_incoming: 1500 };
    client.handle_zcl(now, peer, EP, &response.to_zcl(tsn, true));
    drain(client).0
}

fn opened(tunnel: u16) -> Client {
    let (mut client, tsn) = asking();
    let outputs = answer(&mut client, START, ESME.eui, tsn, tunnel, TunnelStatus::Success);
    assert_eq!(outputs, [Output::Opened { peer: ESME.eui, tunnel }]);
    client
}

/// Lets the client do what is due at `at`, having checked that it asked for that moment and does nothing before it.
fn exactly_at(client: &mut Client, at: Time) -> Vec<Output> {
    client.handle_timeout(Time(at.0 - 1));
    assert_eq!(drain(client), (vec![], Some(at)));
    client.handle_timeout(at);
    drain(client).0
}

#[test]
fn a_request_without_answer_ends_after_5_s_and_is_repeated_10_s_later() {
    let (mut client, _) = asking();
    assert_eq!(exactly_at(&mut client, START + seconds(5)), []);
    let outputs = exactly_at(&mut client, START + seconds(15));
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));
}

#[test]
fn after_busy_the_request_is_repeated_at_exactly_180_s() {
    let (mut client, tsn) = asking();
    let now = START + seconds(1);
    let outputs = answer(&mut client, now, ESME.eui, tsn, NO_TUNNEL, TunnelStatus::Busy);
    assert_eq!(outputs, [Output::Refused { peer: ESME.eui, status: TunnelStatus::Busy }]);
    let outputs = exactly_at(&mut client, now + seconds(180));
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));
}

#[test]
fn a_refusal_that_does_not_pass_is_tried_ten_times_and_then_no_more() {
    let (mut client, mut last) = asking();
    let mut now = START;
    for attempt in 1..=10 {
        let status = TunnelStatus::ProtocolNotSupported;
        let outputs = answer(&mut client, now, ESME.eui, last, NO_TUNNEL, status);
        assert_eq!(outputs, [Output::Refused { peer: ESME.eui, status }]);
        if attempt < 10 {
            now = now + seconds(180);
            let outputs = exactly_at(&mut client, now);
            last = tsn(&only(&outputs).zcl);
        }
    }
    assert_eq!(drain(&mut client).1, None);
    // The next trigger starts it again.
    client.send(now, ESME.eui, vec![1]);
    let outputs = drain(&mut client).0;
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));
}

#[test]
fn an_open_tunnel_is_renewed_after_exactly_65535_s() {
    let mut client = opened(3);
    let due = START + seconds(65535);
    let outputs = exactly_at(&mut client, due);
    let request = only(&outputs);
    assert_eq!(to_server(&request.zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));
    // It stays usable meanwhile, and a renewal that nobody answers ends it.
    assert!(client.is_open(ESME.eui));
    let outputs = exactly_at(&mut client, due + seconds(5));
    assert_eq!(outputs, [Output::Closed { peer: ESME.eui, reason: CloseReason::Unreachable }]);
}

#[test]
fn no_more_tunnel_ids_closes_what_may_be_open_waits_for_all_answers_and_asks_again() {
    let mut client = opened(3);
    // The device joins again: a new tunnel is asked for, the old one may still be open there.
    client.open(START, ESME.eui, EP);
    let outputs = drain(&mut client).0;
    let request = tsn(&only(&outputs).zcl);
    let outputs = answer(&mut client, START, ESME.eui, request, NO_TUNNEL, TunnelStatus::NoMoreTunnelIds);
    let close = only(&outputs).zcl.clone();
    assert_eq!(to_server(&close), ToServer::CloseTunnel(3));
    client.handle_zcl(START, ESME.eui, EP, &Frame::parse(&close).unwrap().default_response(Status::NotFound));
    let outputs = drain(&mut client).0;
    let request = only(&outputs).zcl.clone();
    assert_eq!(to_server(&request), ToServer::RequestTunnel(RequestTunnel::GBCS));
    // Still none: it is not we who fill the table.
    let outputs = answer(&mut client, START, ESME.eui, tsn(&request), NO_TUNNEL, TunnelStatus::NoMoreTunnelIds);
    assert_eq!(sent(&outputs).len(), 0);
    let outputs = exactly_at(&mut client, START + seconds(180));
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));
}

#[test]
fn no_more_tunnel_ids_asks_again_after_5_s_when_the_closing_is_not_answered_or_there_is_nothing_to_close() {
    let (mut client, request) = asking();
    let outputs = answer(&mut client, START, ESME.eui, request, NO_TUNNEL, TunnelStatus::NoMoreTunnelIds);
    assert_eq!(sent(&outputs).len(), 0);
    let outputs = exactly_at(&mut client, START + seconds(5));
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));

    let mut client = opened(3);
    client.open(START, ESME.eui, EP);
    let outputs = drain(&mut client).0;
    let request = tsn(&only(&outputs).zcl);
    answer(&mut client, START, ESME.eui, request, NO_TUNNEL, TunnelStatus::NoMoreTunnelIds);
    let outputs = exactly_at(&mut client, START + seconds(5));
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));
}

#[test]
fn after_a_success_a_full_server_is_met_with_closing_again() {
    let (mut client, request) = asking();
    answer(&mut client, START, ESME.eui, request, NO_TUNNEL, TunnelStatus::NoMoreTunnelIds);
    let outputs = exactly_at(&mut client, START + seconds(5));
    answer(&mut client, START + seconds(5), ESME.eui, tsn(&only(&outputs).zcl), 3, TunnelStatus::Success);
    let outputs = exactly_at(&mut client, START + seconds(5 + 65535));
    let request = tsn(&only(&outputs).zcl);
    let now = START + seconds(5 + 65535);
    let outputs = answer(&mut client, now, ESME.eui, request, NO_TUNNEL, TunnelStatus::NoMoreTunnelIds);
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::CloseTunnel(3));
}

#[test]
fn a_tunnel_that_the_server_forgot_is_not_closed_there() {
    let mut client = opened(3);
    client.open(START, ESME.eui, EP);
    let outputs = drain(&mut client).0;
    answer(&mut client, START, ESME.eui, tsn(&only(&outputs).zcl), 3, TunnelStatus::Success);
    let error = ToClient::TransferDataError(3, TransferDataStatus::NoSuchTunnel).to_zcl(1, true);
    client.handle_zcl(START, ESME.eui, EP, &error);
    let outputs = drain(&mut client).0;
    let request = tsn(&only(&outputs).zcl);
    let outputs = answer(&mut client, START, ESME.eui, request, NO_TUNNEL, TunnelStatus::NoMoreTunnelIds);
    assert_eq!(sent(&outputs).len(), 0);
}

#[test]
fn a_renewal_that_brings_another_tunnel_resends_what_was_on_the_old_one() {
    let mut client = opened(5);
    let due = START + seconds(65535);
    client.send(due, ESME.eui, vec![1]);
    let outputs = drain(&mut client).0;
    let [transfer, request] = sent(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(to_server(&transfer.zcl), ToServer::TransferData(5, &[1]));
    let outputs = answer(&mut client, due, ESME.eui, tsn(&request.zcl), 6, TunnelStatus::Success);
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::TransferData(6, &[1]));
}

#[test]
fn one_request_is_in_the_air_at_a_time() {
    let (mut client, tsn) = asking();
    client.open(START, HUB.eui, EP);
    assert_eq!(drain(&mut client), (vec![], Some(START + seconds(5))));
    let outputs = answer(&mut client, START, ESME.eui, tsn, 0, TunnelStatus::Success);
    assert_eq!(only(&outputs).peer, HUB.eui);
}

#[test]
fn data_waits_for_the_tunnel_and_is_accepted_by_the_default_response_only() {
    let (mut client, tsn) = asking();
    let ids = [client.send(START, ESME.eui, vec![1]), client.send(START, ESME.eui, vec![2])];
    assert_eq!(drain(&mut client).0, []);
    let outputs = answer(&mut client, START, ESME.eui, tsn, 5, TunnelStatus::Success);
    let first = only(&outputs).zcl.clone();
    assert_eq!(to_server(&first), ToServer::TransferData(5, &[1]));
    client.handle_zcl(START, ESME.eui, EP, &Frame::parse(&first).unwrap().default_response(Status::Success));
    let outputs = drain(&mut client).0;
    assert_eq!(outputs[0], Output::Accepted { peer: ESME.eui, transfer: ids[0] });
    let second = only(&outputs).zcl.clone();
    assert_eq!(to_server(&second), ToServer::TransferData(5, &[2]));
    client.handle_zcl(START, ESME.eui, EP, &Frame::parse(&second).unwrap().default_response(Status::Failure));
    let reason = TransferFailure::Refused(Status::Failure);
    assert_eq!(drain(&mut client).0, [Output::Failed { peer: ESME.eui, transfer: ids[1], reason }]);
}

#[test]
fn a_transfer_that_nobody_answers_fails_after_60_s_and_is_not_repeated() {
    let mut client = opened(0);
    let transfer = client.send(START, ESME.eui, vec![1]);
    drain(&mut client);
    let failed = Output::Failed { peer: ESME.eui, transfer, reason: TransferFailure::NoAnswer };
    assert_eq!(exactly_at(&mut client, START + seconds(60)), [failed]);
}

#[test]
fn no_such_tunnel_and_wrong_device_reopen_and_resend_what_provoked_them_first() {
    for status in [TransferDataStatus::NoSuchTunnel, TransferDataStatus::WrongDevice] {
        let mut client = opened(5);
        client.send(START, ESME.eui, vec![1]);
        client.send(START, ESME.eui, vec![2]);
        drain(&mut client);
        client.handle_zcl(START, ESME.eui, EP, &ToClient::TransferDataError(5, status).to_zcl(2, true));
        let outputs = drain(&mut client).0;
        assert_eq!(outputs[0], Output::Closed { peer: ESME.eui, reason: CloseReason::Forgotten });
        let request = tsn(&only(&outputs).zcl);
        let outputs = answer(&mut client, START, ESME.eui, request, 6, TunnelStatus::Success);
        assert_eq!(to_server(&only(&outputs).zcl), ToServer::TransferData(6, &[1]));
        // A server that only pretends gets the next request ten seconds later, not at once.
        client.handle_zcl(START, ESME.eui, EP, &ToClient::TransferDataError(6, status).to_zcl(2, true));
        assert_eq!(sent(&drain(&mut client).0).len(), 0);
        assert_eq!(sent(&exactly_at(&mut client, START + seconds(10))).len(), 1);
    }
}

#[test]
fn data_overflow_fails_the_transfer_and_keeps_the_tunnel() {
    let mut client = opened(5);
    let transfer = client.send(START, ESME.eui, vec![1]);
    drain(&mut client);
    let error = ToClient::TransferDataError(5, TransferDataStatus::DataOverflow).to_zcl(2, true);
    client.handle_zcl(START, ESME.eui, EP, &error);
    let reason = TransferFailure::TooLong;
    assert_eq!(drain(&mut client).0, [Output::Failed { peer: ESME.eui, transfer, reason }]);
    assert!(client.is_open(ESME.eui));
}

#[test]
fn what_is_longer_than_the_server_takes_is_not_sent() {
    let (mut client, tsn) = asking();
    let peer = ESME.eui;
    let waiting = client.send(START, peer, vec![0; 900]);
    let response = ToClient::RequestTunnelResponse { tunnel: 0, status: TunnelStatus::Success, max_incoming: 800 };
    client.handle_zcl(START, peer, EP, &response.to_zcl(tsn, true));
    let later = client.send(START, peer, vec![0; 801]);
    let outputs = drain(&mut client).0;
    assert_eq!(sent(&outputs).len(), 0);
    for transfer in [waiting, later] {
        assert!(outputs.contains(&Output::Failed { peer, transfer, reason: TransferFailure::TooLong }));
    }
    let mut client = opened(0);
    let transfer = client.send(START, peer, vec![0; 1501]);
    assert_eq!(drain(&mut client).0, [Output::Failed { peer, transfer, reason: TransferFailure::TooLong }]);
}

#[test]
fn an_unreachable_server_is_asked_again_and_data_given_up_after_three_attempts_and_ten_minutes() {
    let mut client = opened(0);
    let peer = ESME.eui;
    let transfer = client.send(START, peer, vec![1]);
    assert_eq!(sent(&drain(&mut client).0).len(), 1);
    let mut now = START;
    let (mut requests, mut ended) = (0, None);
    client.handle_undelivered(now, peer);
    while ended.is_none() {
        let (outputs, next) = drain(&mut client);
        requests += sent(&outputs).len();
        if outputs.contains(&Output::Failed { peer, transfer, reason: TransferFailure::Unreachable }) {
            ended = Some(now);
        } else {
            now = next.expect("something is due");
            client.handle_timeout(now);
        }
    }
    assert_eq!(ended, Some(START + seconds(600)));
    // One at once, then one every 5 + 10 s.
    assert_eq!(requests, 41);
}

#[test]
fn data_of_the_server_is_taken_on_its_tunnel_only() {
    let mut client = opened(5);
    let peer = ESME.eui;
    let give = |client: &mut Client, peer: Eui64, tunnel, data: &[u8]| {
        client.handle_zcl(START, peer, EP, &ToClient::TransferData(tunnel, data).to_zcl(77, false));
        drain(client).0
    };
    let outputs = give(&mut client, peer, 5, &[9]);
    assert!(outputs.contains(&Output::Data { peer, data: vec![9] }));
    let response = only(&outputs);
    assert_eq!(status_of(&response.zcl), (to_client::TRANSFER_DATA, Status::Success));
    assert_eq!(response.zcl[0], 0x10);
    for (from, tunnel, data, error) in [
        (peer, 6, vec![9], TransferDataStatus::NoSuchTunnel),
        (PPMID.eui, 5, vec![9], TransferDataStatus::NoSuchTunnel),
        (peer, 5, vec![9; 1501], TransferDataStatus::DataOverflow),
    ] {
        let outputs = give(&mut client, from, tunnel, &data);
        assert_eq!(to_server(&only(&outputs).zcl), ToServer::TransferDataError(tunnel, error));
        assert_eq!(outputs.len(), 1);
    }
}

#[test]
fn a_tunnel_that_the_server_closed_is_asked_for_again_and_removal_closes_it() {
    let mut client = opened(5);
    let peer = ESME.eui;
    client.handle_zcl(START, peer, EP, &ToClient::TunnelClosureNotification(5).to_zcl(1, true));
    assert_eq!(drain(&mut client).0, [Output::Closed { peer, reason: CloseReason::ByPeer }]);
    let outputs = exactly_at(&mut client, START + seconds(10));
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::RequestTunnel(RequestTunnel::GBCS));

    let mut client = opened(5);
    let transfer = client.send(START, peer, vec![1]);
    drain(&mut client);
    client.remove(START, peer);
    let outputs = drain(&mut client).0;
    assert_eq!(to_server(&only(&outputs).zcl), ToServer::CloseTunnel(5));
    assert!(outputs.contains(&Output::Failed { peer, transfer, reason: TransferFailure::Closed }));
    assert_eq!(drain(&mut client).1, None);
}

#[test]
fn nobody_can_fill_a_client_or_a_server() {
    let mut client = opened(0);
    let last: Vec<TransferId> = (0..70).map(|_| client.send(START, ESME.eui, vec![0; 1500])).collect();
    let outputs = drain(&mut client).0;
    let full = |transfer| Output::Failed { peer: ESME.eui, transfer, reason: TransferFailure::QueueFull };
    // One in flight and 64 waiting.
    assert!(!outputs.contains(&full(last[64])) && last[65..].iter().all(|id| outputs.contains(&full(*id))));
}

#[test]
fn the_direction_bit_tells_the_side() {
    assert_eq!(Side::of(&ToServer::CloseTunnel(1).to_zcl(1, true)), Some(Side::Server));
    assert_eq!(Side::of(&ToClient::TransferData(1, &[]).to_zcl(1, true)), Some(Side::Client));
    assert_eq!(Side::of(&[]), None);
}
