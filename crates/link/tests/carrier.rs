//! Carrier and endpoint together, over real sockets.
mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{DEVICE, HeadEnd, VERSIONS, bind, expect_event, soon, start};
use link::{Carrier, CarrierEvent, Ended, Limits, LinkEvent, Lost, MqttVersion, Outcome, PublishError, SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn messages_and_acknowledgements_go_both_ways() {
    for version in VERSIONS {
        let mut head_end = HeadEnd::start().await;
        let (carrier, mut events) = start(head_end.carrier_config(version)).await;
        head_end.expect_subscribed().await;
        assert_eq!(head_end.endpoint.connected(), [DEVICE]);
        assert_eq!(carrier.device(), DEVICE);

        let up = carrier.publish(b"up".to_vec()).unwrap();
        let (device, payload, ack) =
            expect_event!(head_end.events, LinkEvent::Up { device, payload, ack } => (device, payload, ack));
        assert_eq!((device, &payload[..]), (DEVICE, &b"up"[..]));
        ack.stored();
        assert_eq!(soon("the PUBACK of the head end", up).await, Ok(Outcome::Acknowledged));

        let down = head_end.endpoint.send(DEVICE, b"down".to_vec()).unwrap();
        let (payload, ack) = expect_event!(events, CarrierEvent::Down { payload, ack } => (payload, ack));
        assert_eq!(payload, b"down");
        ack.stored();
        assert_eq!(soon("the PUBACK of the carrier", down).await, Ok(Outcome::Acknowledged));

        soon("the carrier to stop", carrier.shutdown()).await;
        let reason = expect_event!(head_end.events, LinkEvent::Disconnected { device: DEVICE, reason } => reason);
        assert!(matches!(reason, Ended::PeerLeft { .. }), "{reason:?}");
        assert_eq!(head_end.endpoint.connected(), []);
        assert_eq!(head_end.endpoint.send(DEVICE, vec![]).unwrap_err(), SendError::NotConnected);
    }
}

#[tokio::test]
async fn an_up_message_that_was_not_stored_comes_again_after_a_reconnect() {
    for version in VERSIONS {
        let mut head_end = HeadEnd::start().await;
        let (carrier, mut events) = start(head_end.carrier_config(version)).await;
        head_end.expect_subscribed().await;
        let mut up = carrier.publish(b"precious".to_vec()).unwrap();

        // The head end crashes between receiving and storing.
        let ack = expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack);
        let addr = head_end.addr();
        soon("the endpoint to stop", head_end.endpoint.shutdown()).await;
        expect_event!(events, CarrierEvent::Disconnected { .. });
        // Too late for this connection: it must not count for the next.
        ack.stored();

        (head_end.endpoint, head_end.events) = bind(&head_end.ca, addr, Limits::default()).await;
        head_end.expect_subscribed().await;
        let (payload, ack) = expect_event!(head_end.events, LinkEvent::Up { payload, ack, .. } => (payload, ack));
        assert_eq!(payload, b"precious");
        // Nothing arrives at the carrier before the word is given.
        assert!(tokio::time::timeout(Duration::from_millis(200), &mut up).await.is_err());
        ack.stored();
        assert_eq!(soon("the PUBACK", up).await, Ok(Outcome::Acknowledged));
    }
}

#[tokio::test]
async fn a_dropped_token_makes_the_message_come_again() {
    let mut head_end = HeadEnd::start().await;
    let (carrier, mut events) = start(head_end.carrier_config(MqttVersion::V5)).await;
    head_end.expect_subscribed().await;
    let up = carrier.publish(b"precious".to_vec()).unwrap();
    drop(expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack));
    expect_event!(head_end.events, LinkEvent::Disconnected { reason: Ended::NotStored, .. });
    expect_event!(events, CarrierEvent::Disconnected { reason: Ended::PeerLeft { code: 0x83 }, .. });
    head_end.expect_subscribed().await;
    expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack).stored();
    assert_eq!(soon("the PUBACK", up).await, Ok(Outcome::Acknowledged));
}

#[tokio::test]
async fn a_down_message_that_the_carrier_did_not_store_is_lost_and_said_to_be() {
    for version in VERSIONS {
        let mut head_end = HeadEnd::start().await;
        let (_carrier, mut events) = start(head_end.carrier_config(version)).await;
        head_end.expect_subscribed().await;
        let down = head_end.endpoint.send(DEVICE, b"command".to_vec()).unwrap();
        drop(expect_event!(events, CarrierEvent::Down { ack, .. } => ack));
        assert_eq!(soon("the end", down).await, Err(Lost::ConnectionEnded));
        expect_event!(events, CarrierEvent::Disconnected { reason: Ended::NotStored, .. });
        expect_event!(events, CarrierEvent::Connected);
    }
}

#[tokio::test]
async fn messages_given_before_there_is_a_head_end_arrive_in_order_once_there_is() {
    let mut head_end = HeadEnd::start().await;
    let addr = head_end.addr();
    let config = head_end.carrier_config(MqttVersion::V5);
    head_end.endpoint.shutdown().await;

    let (carrier, mut events) = Carrier::start(config).unwrap();
    let waiting: Vec<_> = (0..40).map(|n| carrier.publish(vec![n]).unwrap()).collect();
    expect_event!(
        events,
        CarrierEvent::Disconnected { reason: Ended::Network(std::io::ErrorKind::ConnectionRefused), .. }
    );

    (head_end.endpoint, head_end.events) = bind(&head_end.ca, addr, Limits::default()).await;
    head_end.expect_subscribed().await;
    let mut seen = Vec::new();
    while seen.len() < 40 {
        let (payload, ack) = expect_event!(head_end.events, LinkEvent::Up { payload, ack, .. } => (payload, ack));
        seen.push(payload[0]);
        ack.stored();
    }
    assert!(seen.is_sorted(), "{seen:?}");
    for up in waiting {
        assert_eq!(soon("a PUBACK", up).await, Ok(Outcome::Acknowledged));
    }
}

#[tokio::test]
async fn an_unacknowledged_message_is_marked_as_a_duplicate_when_sent_again() {
    // A head end by hand, which takes every message and never acknowledges the first time.
    let head_end = HeadEnd::start().await;
    let acceptor = TlsAcceptor::from(Arc::new(head_end.ca.server_tls().into_config().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = head_end.carrier_config(MqttVersion::V3_1_1);
    config.port = listener.local_addr().unwrap().port();
    let (carrier, _events) = Carrier::start(config).unwrap();
    let up = carrier.publish(b"x".to_vec()).unwrap();
    for first_octet in [0x32, 0x3A] {
        let (stream, _) = soon("the carrier", listener.accept()).await.unwrap();
        let mut stream = soon("TLS", acceptor.accept(stream)).await.unwrap();
        let mut read = async |expected: u8| {
            let first = stream.read_u8().await.unwrap();
            assert_eq!(first, expected);
            let mut body = vec![0; stream.read_u8().await.unwrap().into()];
            stream.read_exact(&mut body).await.unwrap();
            match first {
                0x10 => stream.write_all(&[0x20, 2, 0, 0]).await.unwrap(),
                0x82 => stream.write_all(&[0x90, 3, body[0], body[1], 1]).await.unwrap(),
                0x3A => stream.write_all(&[0x40, 2, body[body.len() - 3], body[body.len() - 2]]).await.unwrap(),
                _ => {}
            }
        };
        for expected in [0x10, 0x82, first_octet] {
            soon("a packet", read(expected)).await;
        }
        if first_octet == 0x3A {
            assert_eq!(soon("the PUBACK", up).await, Ok(Outcome::Acknowledged));
            break;
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_it_leaves() {
    let mut head_end = HeadEnd::with_limits(Limits { max_packet: 1024, ..Limits::default() }).await;
    let mut config = head_end.carrier_config(MqttVersion::V5);
    config.max_packet = 2048;
    config.queue = 1;
    let (carrier, mut events) = start(config).await;
    head_end.expect_subscribed().await;

    assert!(matches!(carrier.publish(vec![0; 4096]), Err(PublishError::TooLarge { len: 4096, .. })));
    let max = match head_end.endpoint.send(DEVICE, vec![0; 4096]) {
        Err(SendError::TooLarge { len: 4096, max }) => max,
        other => panic!("{other:?}"),
    };
    // The largest that is allowed does arrive, both ways.
    let _down = head_end.endpoint.send(DEVICE, vec![0; max]).unwrap();
    expect_event!(events, CarrierEvent::Down { ack, .. } => ack).stored();
    let _up = carrier.publish(vec![0; max]).unwrap();
    expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack).stored();
    // Allowed by our bound but not by the one the endpoint announced: refused without harm to the connection.
    let up = carrier.publish(vec![0; 1500]).unwrap();
    assert_eq!(soon("the refusal", up).await, Err(Lost::TooLarge));
    let up = carrier.publish(b"still here".to_vec()).unwrap();
    expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack).stored();
    assert_eq!(soon("the PUBACK", up).await, Ok(Outcome::Acknowledged));
}

#[tokio::test]
async fn a_full_queue_refuses_instead_of_growing() {
    let head_end = HeadEnd::start().await;
    let mut config = head_end.carrier_config(MqttVersion::V5);
    let addr = head_end.addr();
    soon("the endpoint to stop", head_end.endpoint.shutdown()).await;
    config.port = addr.port();
    config.queue = 3;
    let (carrier, _events) = Carrier::start(config).unwrap();
    let waiting: Vec<_> = (0..3).map(|n| carrier.publish(vec![n]).unwrap()).collect();
    assert_eq!(carrier.publish(vec![3]).unwrap_err(), PublishError::QueueFull);
    soon("the carrier to stop", carrier.clone().shutdown()).await;
    for up in waiting {
        assert_eq!(soon("the end", up).await, Err(Lost::ConnectionEnded));
    }
    assert_eq!(carrier.publish(vec![4]).unwrap_err(), PublishError::Stopped);
}

#[tokio::test]
async fn an_idle_link_is_kept_alive_by_pings() {
    let mut head_end = HeadEnd::start().await;
    let mut config = head_end.carrier_config(MqttVersion::V3_1_1);
    config.keep_alive = Duration::from_secs(1);
    let (_carrier, mut events) = start(config).await;
    head_end.expect_subscribed().await;
    // Longer than the endpoint waits for a sign of life.
    assert!(tokio::time::timeout(Duration::from_secs(3), head_end.events.recv()).await.is_err());
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_stops_answering_is_left() {
    let head_end = HeadEnd::start().await;
    let acceptor = TlsAcceptor::from(Arc::new(head_end.ca.server_tls().into_config().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = head_end.carrier_config(MqttVersion::V3_1_1);
    config.port = listener.local_addr().unwrap().port();
    config.keep_alive = Duration::from_secs(1);
    config.set_up = Duration::from_secs(1);
    let (_carrier, mut events) = Carrier::start(config).unwrap();
    let (stream, _) = soon("the carrier", listener.accept()).await.unwrap();
    let mut stream = soon("TLS", acceptor.accept(stream)).await.unwrap();
    stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    stream.write_all(&[0x90, 3, 0, 1, 1]).await.unwrap();
    expect_event!(events, CarrierEvent::Connected);
    expect_event!(events, CarrierEvent::Disconnected { reason: Ended::KeepAlive, .. });
    // And one that accepts TCP only.
    expect_event!(events, CarrierEvent::Disconnected { reason: Ended::SetUpTimeout, .. });
}

#[tokio::test]
async fn a_carrier_gives_way_to_a_newer_one_of_the_same_device() {
    let mut head_end = HeadEnd::start().await;
    let mut config = head_end.carrier_config(MqttVersion::V5);
    config.backoff.first = Duration::from_secs(600);
    config.backoff.max = Duration::from_secs(600);
    let (_older, mut older_events) = start(config).await;
    head_end.expect_subscribed().await;
    let _newer = start(head_end.carrier_config(MqttVersion::V5)).await;
    expect_event!(older_events, CarrierEvent::Disconnected { reason: Ended::PeerLeft { code: 0x8E }, .. });
    expect_event!(head_end.events, LinkEvent::Disconnected { reason: Ended::TakenOver, .. });
    head_end.expect_subscribed().await;
}
