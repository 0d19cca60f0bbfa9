//! What a client asks for, and when it asks again.
use super::*;
use crate::air::{ESME, HUB, PPMID, START};
use gbcs::Eui64;
use han::tunnel::{ClientConfig, CloseReason, TransferFailure, TransferId};
use han::zcl::tunneling::{NO_TUNNEL, RequestTunnel, TransferDataStatus, TunnelStatus, to_client};

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
