//! What a server refuses, and when it frees a tunnel.
use super::*;
use crate::air::{ESME, GSME, HUB, PPMID, START};
use gbcs::Eui64;
use han::tunnel::{CloseReason, ServerConfig, TransferFailure};
use han::zcl;
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse};
use han::zcl::tunneling::{NO_TUNNEL, Protocol, RequestTunnel, TransferDataStatus, TunnelStatus, to_server};

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

#[test]
fn an_error_about_what_was_sent_before_a_client_asked_again_does_not_cost_it_the_tunnel_it_now_has() {
    for status in [TransferDataStatus::NoSuchTunnel, TransferDataStatus::WrongDevice] {
        let mut server = server();
        let (tunnel, _) = request(&mut server, PPMID.eui, RequestTunnel::GBCS);
        let transfer = server.send(START, PPMID.eui, vec![7; 9]);
        assert!(matches!(to_client(&only(&drain(&mut server).0).zcl), ToClient::TransferData(..)));
        // The client restarted: its request overtakes its word about the data that its former life was to get.
        assert_eq!(request(&mut server, PPMID.eui, RequestTunnel::GBCS), (tunnel, TunnelStatus::Success));
        let outputs = ask(&mut server, START, PPMID.eui, ToServer::TransferDataError(tunnel, status));
        let again = only(&outputs);
        assert_eq!(to_client(&again.zcl), ToClient::TransferData(tunnel, &[7; 9]), "it is sent again");
        assert!(server.is_open(PPMID.eui));
        // An error about that is news of the tunnel it has.
        let outputs = ask(&mut server, START, PPMID.eui, ToServer::TransferDataError(tunnel, status));
        assert!(outputs.contains(&Output::Closed { peer: PPMID.eui, reason: CloseReason::Forgotten }));
        assert!(outputs.contains(&Output::Failed { peer: PPMID.eui, transfer, reason: TransferFailure::Closed }));
    }
}
