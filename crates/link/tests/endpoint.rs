//! The endpoint against devices that write MQTT by hand: its rules, its bounds, its goodbyes.
mod common;

use std::time::Duration;

use common::raw::{self, DOWN, Device, PINGRESP, PUBACK, PUBLISH, UP};
use common::{DEVICE, HeadEnd, MQTT, expect_event, next, soon};
use link::{Ended, Limits, LinkEvent, Lost, MqttError, Outcome, SendError, Unsupported};

/// Reason code or return code of "not authorised" in SUBACK.
fn refused(version: u8) -> u8 {
    if version == 5 { 0x87 } else { 0x80 }
}

async fn logged_in(head_end: &mut HeadEnd, version: u8) -> Device {
    let mut device = head_end.raw(version).await;
    device.log_in().await;
    expect_event!(head_end.events, LinkEvent::Connected { device: DEVICE });
    device
}

/// The head end is told why the device is gone, and the device too where MQTT can.
async fn expect_ended(head_end: &mut HeadEnd, device: &mut Device, reason: Ended, code: u8) {
    device.expect_end(code).await;
    let told = expect_event!(head_end.events, LinkEvent::Disconnected { device: DEVICE, reason } => reason);
    assert_eq!(told, reason);
    assert_eq!(head_end.endpoint.connected(), []);
}

#[tokio::test]
async fn a_puback_is_sent_only_when_the_head_end_has_stored_the_message() {
    for version in MQTT {
        let mut head_end = HeadEnd::start().await;
        let mut device = logged_in(&mut head_end, version).await;
        device.send(raw::publish(version, UP, 7, b"first")).await;
        device.send(raw::publish(version, UP, 8, b"second")).await;
        let first = expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack);
        let second = expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack);
        // The answer to the ping comes first: nothing was acknowledged before it.
        device.send(raw::ping()).await;
        assert_eq!(device.receive().await.0, PINGRESP);
        second.stored();
        assert_eq!(device.receive().await, (PUBACK, vec![0, 8]));
        first.stored();
        assert_eq!(device.receive().await, (PUBACK, vec![0, 7]));
        // The identifiers are free again.
        device.send(raw::publish(version, UP, 7, b"third")).await;
        expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack).stored();
        assert_eq!(device.receive().await, (PUBACK, vec![0, 7]));
    }
}

#[tokio::test]
async fn a_message_sent_twice_on_one_connection_reaches_the_head_end_once() {
    let mut head_end = HeadEnd::start().await;
    let mut device = logged_in(&mut head_end, 4).await;
    device.send(raw::publish(4, UP, 7, b"x")).await;
    device.send(raw::publish_with(4, 2 | 8, UP, 7, &[], b"x")).await;
    device.send(raw::publish(4, UP, 8, b"y")).await;
    // The head end takes its time over the first.
    let first = expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack);
    let (payload, second) = expect_event!(head_end.events, LinkEvent::Up { payload, ack, .. } => (payload, ack));
    assert_eq!(payload, b"y");
    first.stored();
    assert_eq!(device.receive().await, (PUBACK, vec![0, 7]));
    second.stored();
    assert_eq!(device.receive().await, (PUBACK, vec![0, 8]));
}

#[tokio::test]
async fn a_dropped_token_ends_the_connection_without_a_puback() {
    for version in MQTT {
        let mut head_end = HeadEnd::start().await;
        let mut device = logged_in(&mut head_end, version).await;
        device.send(raw::publish(version, UP, 7, b"x")).await;
        drop(expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack));
        expect_ended(&mut head_end, &mut device, Ended::NotStored, 0x83).await;
    }
}

#[tokio::test]
async fn qos_0_passes_both_ways_without_acknowledgement() {
    for version in MQTT {
        let mut head_end = HeadEnd::start().await;
        let mut device = logged_in(&mut head_end, version).await;
        device.send(raw::publish_with(version, 0, UP, 0, &[], b"up")).await;
        let (payload, ack) = expect_event!(head_end.events, LinkEvent::Up { payload, ack, .. } => (payload, ack));
        assert_eq!(payload, b"up");
        drop(ack);
        assert_eq!(device.subscribe(&[(DOWN, 0)]).await, [0]);
        expect_event!(head_end.events, LinkEvent::Subscribed { .. });
        let sent = head_end.endpoint.send(DEVICE, b"down".to_vec()).unwrap();
        assert_eq!(soon("the answer", sent).await, Ok(Outcome::Unconfirmed));
        let (first, body) = device.receive().await;
        assert_eq!((first, body.ends_with(b"down")), (PUBLISH, true));
    }
}

#[tokio::test]
async fn a_device_may_publish_to_its_own_up_topic_only() {
    for version in MQTT {
        for topic in
            ["lm/1/00DB1234567890A1/up", DOWN, "lm/1/00db1234567890a0/up", "lm/1/00DB1234567890A0/up/", "$SYS/x"]
        {
            let mut head_end = HeadEnd::start().await;
            let mut device = logged_in(&mut head_end, version).await;
            device.send(raw::publish(version, topic, 1, b"x")).await;
            expect_ended(&mut head_end, &mut device, Ended::ForeignTopic, 0x87).await;
        }
    }
}

#[tokio::test]
async fn a_device_may_subscribe_to_its_own_down_topic_only() {
    for version in MQTT {
        let mut head_end = HeadEnd::start().await;
        let mut device = logged_in(&mut head_end, version).await;
        let foreign = [("lm/1/00DB1234567890A1/down", 1), (UP, 1), ("#", 1), ("lm/1/+/down", 1), ("$share/g/#", 1)];
        assert_eq!(device.subscribe(&foreign).await, [refused(version); 5]);
        assert_eq!(head_end.endpoint.send(DEVICE, vec![]).unwrap_err(), SendError::NotSubscribed);
        // Refusals do no harm to the rest; QoS 2 is granted as QoS 1.
        assert_eq!(device.subscribe(&[("#", 1), (DOWN, 2)]).await, [refused(version), 1]);
        expect_event!(head_end.events, LinkEvent::Subscribed { device: DEVICE });
        let sent = head_end.endpoint.send(DEVICE, b"x".to_vec()).unwrap();
        let (first, body) = device.receive().await;
        assert_eq!(first, PUBLISH | 2);
        let at = 2 + DOWN.len();
        device.send(raw::puback(u16::from_be_bytes([body[at], body[at + 1]]))).await;
        assert_eq!(soon("the PUBACK", sent).await, Ok(Outcome::Acknowledged));

        device.send(raw::unsubscribe(version, 9, DOWN)).await;
        assert_eq!(device.receive().await.0, 0xB0);
        assert_eq!(head_end.endpoint.send(DEVICE, vec![]).unwrap_err(), SendError::NotSubscribed);
    }
}

#[tokio::test]
async fn what_connack_said_is_not_carried_is_refused_by_name() {
    let subscription_identifier = raw::subscribe_with(5, 1, &[0x0B, 5], &[(DOWN, 1)]);
    let cases = [
        (5, raw::publish_with(5, 4, UP, 1, &[], b""), Ended::Unsupported(Unsupported::ExactlyOnce), 0x9B),
        (4, raw::publish_with(4, 4, UP, 1, &[], b""), Ended::Unsupported(Unsupported::ExactlyOnce), 0),
        (5, raw::publish_with(5, 3, UP, 1, &[], b""), Ended::Unsupported(Unsupported::Retain), 0x9A),
        (5, subscription_identifier, Ended::Unsupported(Unsupported::SubscriptionIdentifier), 0xA1),
        (5, raw::publish_with(5, 2, "", 1, &[0x23, 0, 1], b""), Ended::Protocol(MqttError::TopicAliasInvalid), 0x94),
    ];
    for (version, octets, reason, code) in cases {
        let mut head_end = HeadEnd::start().await;
        let mut device = logged_in(&mut head_end, version).await;
        device.send(octets).await;
        expect_ended(&mut head_end, &mut device, reason, code).await;
    }
}

#[tokio::test]
async fn a_connect_that_wants_what_is_not_carried_gets_a_refusing_connack() {
    let will = |version| {
        let will = [raw::string("id"), raw::properties(version, &[]), raw::string(UP), raw::string("gone")].concat();
        raw::connect_with(version, 0x06, 60, &[], &will)
    };
    let authentication = raw::connect_with(5, 0x02, 60, &[0x15, 0, 1, b'X'], &raw::string("id"));
    let nameless = raw::connect_with(4, 0x00, 60, &[], &raw::string(""));
    let cases = [(4, will(4), 5), (5, will(5), 0x87), (5, authentication, 0x8C), (4, nameless, 2)];
    let mut head_end = HeadEnd::start().await;
    for (version, octets, code) in cases {
        let mut device = head_end.raw(version).await;
        device.send(octets).await;
        let (first, body) = device.receive().await;
        assert_eq!((first, &body[..2]), (raw::CONNACK, &[0, code][..]));
        assert_eq!(device.try_receive().await, None);
    }
    // The first event is of a device that behaves.
    logged_in(&mut head_end, 5).await;
}

#[tokio::test]
async fn the_certificate_is_the_identity_whatever_the_client_id_and_no_session_is_kept() {
    let mut head_end = HeadEnd::start().await;
    // A kept session is asked for, by clean session 0 and by a session expiry interval; the answer is "none present".
    for (version, props) in [(4, &[][..]), (5, &[0x11, 0, 0, 0, 60])] {
        let mut device = head_end.raw(version).await;
        device.send(raw::connect_with(version, 0x00, 60, props, &raw::string("00DB1234567890A1"))).await;
        let connack = device.expect_accepted().await;
        if version == 5 {
            assert!(connack.windows(5).any(|w| w == [0x11, 0, 0, 0, 0]), "session expiry 0: {connack:02X?}");
        }
        expect_event!(head_end.events, LinkEvent::Connected { device: DEVICE });
        device.send(raw::disconnect()).await;
        let reason = expect_event!(head_end.events, LinkEvent::Disconnected { device: DEVICE, reason } => reason);
        assert_eq!(reason, Ended::PeerLeft { code: 0 });
    }
    let mut device = head_end.raw(5).await;
    device.send(raw::connect(5, "", 60)).await;
    let connack = device.expect_accepted().await;
    let assigned = [&[0x12][..], &raw::string("00DB1234567890A0")].concat();
    assert!(connack.windows(assigned.len()).any(|w| w == assigned), "{connack:02X?}");
}

#[tokio::test]
async fn a_packet_over_the_limit_is_refused_from_its_header_alone() {
    for version in MQTT {
        let mut head_end = HeadEnd::with_limits(Limits { max_packet: 1024, ..Limits::default() }).await;
        let mut device = logged_in(&mut head_end, version).await;
        // A header that promises 256 MiB, and no more.
        device.send(vec![0x32, 0xFF, 0xFF, 0xFF, 0x7F]).await;
        expect_ended(&mut head_end, &mut device, Ended::Protocol(MqttError::PacketTooLarge), 0x95).await;

        let mut device = logged_in(&mut head_end, version).await;
        device.send(raw::publish(version, UP, 1, &[0; 1024])).await;
        expect_ended(&mut head_end, &mut device, Ended::Protocol(MqttError::PacketTooLarge), 0x95).await;
    }
}

#[tokio::test]
async fn a_device_with_too_many_unacknowledged_messages_is_cut_off() {
    for version in MQTT {
        let mut head_end = HeadEnd::with_limits(Limits { receive_maximum: 2, ..Limits::default() }).await;
        let mut device = logged_in(&mut head_end, version).await;
        for packet_id in 1..=3 {
            device.send(raw::publish(version, UP, packet_id, b"x")).await;
        }
        let mut acks = Vec::new();
        for _ in 0..2 {
            acks.push(expect_event!(head_end.events, LinkEvent::Up { ack, .. } => ack));
        }
        let reason = Ended::Protocol(MqttError::ReceiveMaximumExceeded);
        expect_ended(&mut head_end, &mut device, reason, 0x93).await;
    }
}

#[tokio::test]
async fn a_silent_device_is_disconnected_after_one_and_a_half_keep_alives() {
    for version in MQTT {
        let mut head_end = HeadEnd::start().await;
        let mut device = head_end.raw(version).await;
        device.send(raw::connect(version, "id", 1)).await;
        device.expect_accepted().await;
        let since = std::time::Instant::now();
        expect_event!(head_end.events, LinkEvent::Connected { .. });
        expect_ended(&mut head_end, &mut device, Ended::KeepAlive, 0x8D).await;
        assert!(since.elapsed() >= Duration::from_millis(1400), "{:?}", since.elapsed());
    }
}

#[tokio::test]
async fn a_device_that_wants_no_keep_alive_is_held_to_the_limit() {
    for version in MQTT {
        let limits = Limits { keep_alive: Duration::from_secs(1), ..Limits::default() };
        let mut head_end = HeadEnd::with_limits(limits).await;
        let mut device = head_end.raw(version).await;
        device.send(raw::connect(version, "id", 0)).await;
        let connack = device.expect_accepted().await;
        if version == 5 {
            assert!(connack.windows(3).any(|w| w == [0x13, 0, 1]), "server keep alive 1 s: {connack:02X?}");
        }
        expect_event!(head_end.events, LinkEvent::Connected { .. });
        expect_ended(&mut head_end, &mut device, Ended::KeepAlive, 0x8D).await;
    }
}

#[tokio::test]
async fn a_second_session_of_a_device_ends_the_first_and_the_story_stays_in_order() {
    for version in MQTT {
        let mut head_end = HeadEnd::start().await;
        let mut first = logged_in(&mut head_end, version).await;
        first.subscribe(&[(DOWN, 1)]).await;
        expect_event!(head_end.events, LinkEvent::Subscribed { .. });
        let lost = head_end.endpoint.send(DEVICE, b"x".to_vec()).unwrap();
        assert_eq!(first.receive().await.0, PUBLISH | 2);

        let mut second = head_end.raw(version).await;
        second.log_in().await;
        first.expect_end(0x8E).await;
        assert_eq!(soon("the loss", lost).await, Err(Lost::ConnectionEnded));
        expect_event!(head_end.events, LinkEvent::Disconnected { reason: Ended::TakenOver, .. });
        expect_event!(head_end.events, LinkEvent::Connected { device: DEVICE });
        // What was subscribed on the first connection is not on the second.
        assert_eq!(head_end.endpoint.send(DEVICE, vec![]).unwrap_err(), SendError::NotSubscribed);
        assert_eq!(head_end.endpoint.connected(), [DEVICE]);
        second.subscribe(&[(DOWN, 1)]).await;
        expect_event!(head_end.events, LinkEvent::Subscribed { .. });
        let _sent = head_end.endpoint.send(DEVICE, b"y".to_vec()).unwrap();
        assert!(second.receive().await.1.ends_with(b"y"));
    }
}

#[tokio::test]
async fn a_device_that_does_not_acknowledge_costs_a_bounded_queue_only() {
    for version in MQTT {
        let limits = Limits { window: 3, queue: 5, ..Limits::default() };
        let mut head_end = HeadEnd::with_limits(limits).await;
        let mut device = logged_in(&mut head_end, version).await;
        device.subscribe(&[(DOWN, 1)]).await;
        expect_event!(head_end.events, LinkEvent::Subscribed { .. });
        let mut sent = Vec::new();
        // The session moves messages from queue to window meanwhile, so fill up until both are full.
        let error = soon("the queue to fill", async {
            loop {
                match head_end.endpoint.send(DEVICE, vec![sent.len() as u8]) {
                    Ok(one) => sent.push(one),
                    Err(_) if sent.len() < 8 => tokio::task::yield_now().await,
                    Err(error) => break error,
                }
            }
        })
        .await;
        assert_eq!((error, sent.len()), (SendError::QueueFull, 8));
        // Exactly the window is on its way.
        let mut ids = Vec::new();
        for _ in 0..3 {
            let (_, body) = device.receive().await;
            ids.push(u16::from_be_bytes([body[2 + DOWN.len()], body[3 + DOWN.len()]]));
        }
        device.send(raw::ping()).await;
        assert_eq!(device.receive().await.0, PINGRESP);
        // One acknowledgement makes room for one more.
        device.send(raw::puback(ids[0])).await;
        assert_eq!(soon("the PUBACK", sent.remove(0)).await, Ok(Outcome::Acknowledged));
        assert_eq!(device.receive().await.0, PUBLISH | 2);
        drop(device);
        for one in sent {
            assert_eq!(soon("the loss", one).await, Err(Lost::ConnectionEnded));
        }
    }
}

#[tokio::test]
async fn a_device_that_stops_reading_is_given_up() {
    let limits = Limits {
        stall: Duration::from_millis(300),
        max_packet: 1024 * 1024,
        window: 1000,
        queue: 1000,
        ..Limits::default()
    };
    let mut head_end = HeadEnd::with_limits(limits).await;
    let mut device = logged_in(&mut head_end, 4).await;
    device.subscribe(&[(DOWN, 1)]).await;
    expect_event!(head_end.events, LinkEvent::Subscribed { .. });
    // More than the socket buffers of both sides hold.
    let sent: Vec<_> = (0..64).map(|_| head_end.endpoint.send(DEVICE, vec![0; 900_000]).unwrap()).collect();
    expect_event!(head_end.events, LinkEvent::Disconnected { reason: Ended::Stalled, .. });
    for one in sent {
        assert_eq!(soon("the loss", one).await, Err(Lost::ConnectionEnded));
    }
}

#[tokio::test]
async fn a_device_that_asks_without_reading_the_answers_is_given_up() {
    let limits = Limits { stall: Duration::from_millis(300), ..Limits::default() };
    let mut head_end = HeadEnd::with_limits(limits).await;
    let mut device = logged_in(&mut head_end, 4).await;
    let pings = raw::ping().repeat(64 * 1024);
    let flood = async { while tokio::io::AsyncWriteExt::write_all(&mut device.stream, &pings).await.is_ok() {} };
    let ended = async { expect_event!(head_end.events, LinkEvent::Disconnected { reason, .. } => reason) };
    let ((), reason) = tokio::join!(soon("the end of the flood", flood), ended);
    assert_eq!(reason, Ended::Stalled);
}

#[tokio::test]
async fn a_head_end_that_does_not_take_events_slows_its_devices_down() {
    let limits = Limits { events: 1, receive_maximum: 1000, ..Limits::default() };
    let mut head_end = HeadEnd::with_limits(limits).await;
    let mut device = head_end.raw(4).await;
    device.send(raw::connect(4, "id", 1)).await;
    device.expect_accepted().await;
    for packet_id in 1..=100 {
        device.send(raw::publish(4, UP, packet_id, &packet_id.to_be_bytes())).await;
    }
    // The device is silent from here on for longer than its keep-alive, but it is not the one to blame.
    tokio::time::sleep(Duration::from_secs(2)).await;
    expect_event!(head_end.events, LinkEvent::Connected { .. });
    let mut acks = Vec::new();
    for packet_id in 1..=100u16 {
        let (payload, ack) = expect_event!(head_end.events, LinkEvent::Up { payload, ack, .. } => (payload, ack));
        assert_eq!(payload, packet_id.to_be_bytes());
        acks.push(ack);
    }
    acks.into_iter().for_each(link::AckToken::stored);
    for packet_id in 1..=100u16 {
        assert_eq!(device.receive().await, (PUBACK, packet_id.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn what_is_not_a_connect_never_becomes_an_event() {
    let limits = Limits { set_up: Duration::from_millis(500), ..Limits::default() };
    let mut head_end = HeadEnd::with_limits(limits).await;
    let garbage = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        raw::publish(4, UP, 1, b"x"),
        raw::ping(),
        raw::packet(0x10, &[]),
        raw::packet(0x10, &[0xFF; 12]),
        // MQTT 3.1, which calls itself MQIsdp.
        raw::packet(0x10, &[&raw::string("MQIsdp")[..], &[3, 2, 0, 60], &raw::string("id")].concat()),
        vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        // Nothing at all: the time for setting up runs out.
        vec![],
    ];
    for octets in garbage {
        let mut device = head_end.raw(4).await;
        device.send(octets.clone()).await;
        assert_eq!(device.try_receive().await, None, "{octets:02X?}");
    }
    // TCP without TLS.
    let mut bare = tokio::net::TcpStream::connect(head_end.addr()).await.unwrap();
    let mut rest = Vec::new();
    soon("the end", tokio::io::AsyncReadExt::read_to_end(&mut bare, &mut rest)).await.unwrap();
    logged_in(&mut head_end, 5).await;
}

#[tokio::test]
async fn a_protocol_violation_ends_the_connection() {
    for version in MQTT {
        // A second CONNECT; a PUBACK for nothing; a reserved packet type; a packet only servers send.
        for octets in [raw::connect(version, "id", 60), raw::puback(77), vec![0x00, 0], vec![0x20, 2, 0, 0]] {
            let mut head_end = HeadEnd::start().await;
            let mut device = logged_in(&mut head_end, version).await;
            device.send(octets.clone()).await;
            let reason = expect_event!(head_end.events, LinkEvent::Disconnected { reason, .. } => reason);
            assert!(matches!(reason, Ended::Protocol(_)), "{reason:?} for {octets:02X?}");
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_free_place() {
    let mut head_end = HeadEnd::with_limits(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = logged_in(&mut head_end, 5).await;
    let addr = head_end.addr();
    let tls = head_end.ca.client_tls(DEVICE);
    let second = tokio::spawn(async move { Device::connect(addr, tls, 5).await.log_in().await });
    first.send(raw::ping()).await;
    assert_eq!(first.receive().await.0, PINGRESP);
    assert!(!second.is_finished());
    drop(first);
    soon("the second connection", second).await.unwrap();
}

#[tokio::test]
async fn shutdown_says_goodbye_and_ends_the_events() {
    for version in MQTT {
        let mut head_end = HeadEnd::start().await;
        let mut device = logged_in(&mut head_end, version).await;
        let addr = head_end.addr();
        let endpoint = head_end.endpoint.clone();
        let goodbye = tokio::spawn(async move {
            device.expect_end(0x8B).await;
        });
        soon("the endpoint to stop", endpoint.shutdown()).await;
        soon("the goodbye", goodbye).await.unwrap();
        expect_event!(head_end.events, LinkEvent::Disconnected { reason: Ended::Stopped, .. });
        assert!(soon("the end of events", head_end.events.recv()).await.is_none());
        assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    }
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_endpoint() {
    let mut head_end = HeadEnd::start().await;
    let mut device = logged_in(&mut head_end, 5).await;
    drop(head_end.endpoint);
    device.expect_end(0x8B).await;
    expect_event!(head_end.events, LinkEvent::Disconnected { reason: Ended::Stopped, .. });
    assert!(soon("the end of events", head_end.events.recv()).await.is_none());
}

#[tokio::test]
async fn devices_of_one_endpoint_do_not_hear_each_other() {
    let mut head_end = HeadEnd::start().await;
    let mut ours = logged_in(&mut head_end, 5).await;
    ours.subscribe(&[(DOWN, 1)]).await;
    expect_event!(head_end.events, LinkEvent::Subscribed { .. });
    let other = link::Eui64::from_u64(0x00DB_1234_5678_90A1);
    let mut theirs = Device::connect(head_end.addr(), head_end.ca.client_tls(other), 5).await;
    theirs.log_in().await;
    theirs.subscribe(&[("lm/1/00DB1234567890A1/down", 1)]).await;
    loop {
        if let LinkEvent::Subscribed { device } = next("both devices", &mut head_end.events).await {
            assert_eq!(device, other);
            break;
        }
    }
    assert_eq!(head_end.endpoint.connected(), [DEVICE, other]);
    let _theirs = head_end.endpoint.send(other, b"theirs".to_vec()).unwrap();
    let _ours = head_end.endpoint.send(DEVICE, b"ours".to_vec()).unwrap();
    assert!(ours.receive().await.1.ends_with(b"ours"));
    assert!(theirs.receive().await.1.ends_with(b"theirs"));
}
