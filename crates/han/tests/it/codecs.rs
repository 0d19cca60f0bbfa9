//! Every codec: what is encoded parses to the same, what parses encodes to the same, and no octets make it panic.
use gbcs::Eui64;
use han::aps::{self, Block, Endpoints};
use han::capture::zep;
use han::key_command::KeyCommand;
use han::mac::{self, Address};
use han::node::{FrameCounters, PeerCounters};
use han::partner::Partners;
use han::security::{Aux, KeyId};
use han::tunnel::gsme::GsmeData;
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse, ReportAttributes, Value};
use han::zcl::mirror::{ConfigureMirror, FromMeter, FromMirror, Notifications};
use han::zcl::tunneling::{Protocol, RequestTunnel, ToClient, ToServer};
use han::zcl::{self, DefaultResponse, Direction};
use han::{Key, PanId, ParseError, ShortAddress, nwk, zdo};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Encodes, compares the length with what was promised, and parses again.
macro_rules! comes_back {
    ($value:expr, $parse:expr) => {{
        let value = $value;
        let mut octets = Vec::new();
        value.encode(&mut octets);
        prop_assert_eq!(octets.len(), value.encoded_len());
        prop_assert_eq!($parse(&octets), Ok(value));
    }};
}

/// What parses, encodes to the same octets.
macro_rules! is_kept {
    ($octets:expr, $parse:expr) => {{
        if let Ok(value) = $parse($octets) {
            let mut again = Vec::new();
            value.encode(&mut again);
            prop_assert_eq!(&again[..], &$octets[..]);
        }
    }};
}

fn eui() -> impl Strategy<Value = Eui64> {
    any::<u64>().prop_map(Eui64::from_u64)
}

fn short() -> impl Strategy<Value = ShortAddress> {
    any::<u16>().prop_map(ShortAddress)
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![short().prop_map(Address::Short), eui().prop_map(Address::Extended)]
}

fn aux() -> impl Strategy<Value = Aux> {
    let key =
        prop_oneof![Just(KeyId::Data), any::<u8>().prop_map(KeyId::Network), Just(KeyId::Transport), Just(KeyId::Load)];
    (key, any::<u32>(), option::of(eui())).prop_map(|(key, counter, source)| Aux { key, counter, source })
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..80)
}

prop_compose! {
    fn nwk_header()(
        (command, route_discovery, end_device_initiator) in (any::<bool>(), 0u8..4, any::<bool>()),
        (destination, source, radius, sequence) in (short(), short(), any::<u8>(), any::<u8>()),
        (destination_ieee, source_ieee, security) in (option::of(eui()), option::of(eui()), option::of(aux())),
    ) -> nwk::Frame<'static> {
        let kind = if command { nwk::Kind::Command } else { nwk::Kind::Data };
        nwk::Frame {
            kind, route_discovery, end_device_initiator, destination, source, radius, sequence, destination_ieee,
            source_ieee, security, payload: &[],
        }
    }
}

prop_compose! {
    fn aps_header()(
        kind in 0..4,
        (broadcast, ack_request, counter) in (any::<bool>(), any::<bool>(), any::<u8>()),
        (destination, cluster, profile, source) in (any::<u8>(), any::<u16>(), any::<u16>(), any::<u8>()),
        (block, received, security) in (option::of((any::<bool>(), any::<u8>())), any::<u8>(), option::of(aux())),
    ) -> aps::Frame<'static> {
        let (kind, addressed) = match kind {
            0 => (aps::Kind::Data, true),
            1 => (aps::Kind::Command, false),
            2 => (aps::Kind::Ack, true),
            _ => (aps::Kind::Ack, false),
        };
        let received = (kind == aps::Kind::Ack).then_some(received);
        let block = block.map(|(first, number)| Block { first, number, received });
        let endpoints = addressed.then_some(Endpoints { destination, cluster, profile, source });
        aps::Frame { kind, broadcast, ack_request, endpoints, counter, block, security, payload: &[] }
    }
}

proptest! {
    #[test]
    fn a_mac_frame_comes_back(
        kind in 0usize..4,
        (frame_pending, ack_request, version, sequence) in (any::<bool>(), any::<bool>(), 0u8..2, any::<u8>()),
        destination in option::of((any::<u16>().prop_map(PanId), address())),
        source in option::of((option::of(any::<u16>().prop_map(PanId)), address())),
        payload in payload(),
    ) {
        let kind = [mac::Kind::Beacon, mac::Kind::Data, mac::Kind::Ack, mac::Kind::Command][kind];
        prop_assume!(destination.is_some() || !matches!(source, Some((None, _))));
        let frame = mac::Frame { kind, frame_pending, ack_request, version, sequence, destination, source, payload: &payload };
        comes_back!(frame, mac::Frame::parse);
    }

    #[test]
    fn a_nwk_frame_comes_back(header in nwk_header(), payload in payload()) {
        comes_back!(nwk::Frame { payload: &payload, ..header }, nwk::Frame::parse);
    }

    #[test]
    fn a_sealed_nwk_frame_opens_to_what_was_sealed(header in nwk_header(), payload in payload(), key in any::<[u8; 16]>()) {
        let key = Key::new(key);
        let frame = nwk::Frame { payload: &payload, ..header };
        match frame.seal(&key) {
            Ok(sealed) => {
                let parsed = nwk::Frame::parse(&sealed).unwrap();
                prop_assert_eq!(parsed.open(&key), Ok(payload));
                prop_assert_eq!(parsed.open(&Key::new([0x55; 16])), Err(han::security::SecurityError::Mic));
            }
            Err(_) => prop_assert!(frame.security.is_none_or(|aux| aux.source.is_none() && frame.source_ieee.is_none())),
        }
    }

    #[test]
    fn an_aps_frame_comes_back(header in aps_header(), payload in payload()) {
        comes_back!(aps::Frame { payload: &payload, ..header }, aps::Frame::parse);
    }

    #[test]
    fn a_sealed_aps_frame_opens_to_what_was_sealed(header in aps_header(), payload in payload(), sender in eui()) {
        let key = Key::new([7; 16]);
        let frame = aps::Frame { payload: &payload, ..header };
        prop_assert_eq!(frame.seal(&key, sender).is_ok(), frame.security.is_some());
        if let Ok(sealed) = frame.seal(&key, sender) {
            prop_assert_eq!(aps::Frame::parse(&sealed).unwrap().open(&key, sender), Ok(payload));
        }
    }

    #[test]
    fn a_zcl_frame_comes_back(
        (cluster_specific, manufacturer, to_client) in (any::<bool>(), option::of(any::<u16>()), any::<bool>()),
        (disable_default_response, tsn, command) in (any::<bool>(), any::<u8>(), any::<u8>()),
        payload in payload(),
    ) {
        let direction = if to_client { Direction::ToClient } else { Direction::ToServer };
        let frame = zcl::Frame {
            cluster_specific, manufacturer, direction, disable_default_response, tsn, command, payload: &payload,
        };
        comes_back!(frame, zcl::Frame::parse);
        let response = frame.default_response(zcl::Status::NotFound);
        let response = zcl::Frame::parse(&response).unwrap();
        let expected = DefaultResponse { command, status: zcl::Status::NotFound };
        prop_assert_eq!(response.as_default_response(), Some(expected));
        prop_assert_eq!((response.tsn, response.direction), (tsn, direction.reversed()));
    }

    #[test]
    fn tunneling_commands_come_back(
        (id, left, status, flag, offset) in (any::<u16>(), any::<u16>(), any::<u8>(), any::<bool>(), any::<u8>()),
        data in vec(any::<u8>(), 0..1600),
        protocols in vec((any::<u16>(), any::<u8>()), 0..16),
    ) {
        let protocols: Vec<_> = protocols.into_iter().map(|(manufacturer, id)| Protocol { manufacturer, id }).collect();
        let request = RequestTunnel {
            protocol: Protocol { manufacturer: left, id: offset }, flow_control: flag, max_incoming: id,
        };
        for command in [
            ToServer::RequestTunnel(request),
            ToServer::CloseTunnel(id),
            ToServer::TransferData(id, &data),
            ToServer::TransferDataError(id, status.into()),
            ToServer::AckTransferData(id, left),
            ToServer::ReadyData(id, left),
            ToServer::GetSupportedTunnelProtocols(offset),
        ] {
            let number = command.command();
            comes_back!(command, |octets| ToServer::parse(number, octets));
        }
        for command in [
            ToClient::RequestTunnelResponse { tunnel: id, status: status.into(), max_incoming: left },
            ToClient::TransferData(id, &data),
            ToClient::TransferDataError(id, status.into()),
            ToClient::AckTransferData(id, left),
            ToClient::ReadyData(id, left),
            ToClient::SupportedTunnelProtocolsResponse { complete: flag, protocols },
            ToClient::TunnelClosureNotification(id),
        ] {
            let number = command.command();
            comes_back!(command, |octets| ToClient::parse(number, octets));
        }
    }

    #[test]
    fn mirror_commands_come_back(
        (issuer_event, reporting_interval, notification, scheme) in (any::<u32>(), 0u32..1 << 24, any::<bool>(), any::<u8>()),
        (flags, endpoint) in (any::<[u32; 5]>(), any::<u16>()),
    ) {
        let configure = ConfigureMirror { issuer_event, reporting_interval, notification, scheme };
        for command in [FromMeter::RequestMirror, FromMeter::ConfigureMirror(configure)] {
            comes_back!(command, |octets: &[u8]| FromMeter::parse(command.command(), octets));
        }
        let notifications = Notifications { scheme, flags };
        for command in [FromMirror::RequestMirrorResponse(endpoint), FromMirror::ReportAttributeResponse(notifications)] {
            comes_back!(command, |octets: &[u8]| FromMirror::parse(command.command(), octets));
        }
    }

    #[test]
    fn attributes_come_back(
        ids in vec(any::<u16>(), 0..20),
        number in any::<u64>(),
        text in vec(any::<u8>(), 0..0xFF),
        status in 1u8..,
    ) {
        let octets = number.to_le_bytes();
        let string: Vec<u8> = std::iter::once(text.len() as u8).chain(text.iter().copied()).collect();
        let values = [
            Value::new(0x25, &octets[..6]).unwrap(),
            Value::new(0x20, &octets[..1]).unwrap(),
            Value::new(0x1B, &octets[..4]).unwrap(),
            Value::new(0x41, &string).unwrap(),
            Value::new(0x42, &[0xFF]).unwrap(),
        ];
        prop_assert_eq!(values[0].unsigned(), Some(number & 0xFFFF_FFFF_FFFF));
        prop_assert_eq!((values[3].string(), values[4].string()), (Some(&text[..]), None));
        comes_back!(ReportAttributes(ids.iter().copied().zip(values).collect()), ReportAttributes::parse);
        let read = ids.iter().copied().zip(values.map(Ok).into_iter().chain([Err(status.into())])).collect();
        comes_back!(ReadAttributesResponse(read), ReadAttributesResponse::parse);
        comes_back!(ReadAttributes(ids), ReadAttributes::parse);
    }

    #[test]
    fn gsme_data_comes_back(remaining in any::<u8>(), message in payload()) {
        for data in [GsmeData::Get, GsmeData::GetResponse { remaining, message: &message }, GsmeData::Put(&message)] {
            comes_back!(data, GsmeData::parse);
        }
    }

    #[test]
    fn stored_frame_counters_come_back(network in any::<u32>(), peers in vec((eui(), any::<[u32; 3]>()), 0..20)) {
        let peers = peers.into_iter().map(|(peer, [link, network_floor, link_floor])| {
            PeerCounters { peer, link, network_floor, link_floor }
        });
        comes_back!(FrameCounters { network, peers: peers.collect() }, FrameCounters::parse);
    }

    #[test]
    fn commands_about_link_keys_come_back(partner in eui(), key in any::<[u8; 16]>(), initiator in any::<bool>()) {
        let key = Key::new(key);
        for command in [KeyCommand::Request { partner }, KeyCommand::Transport { key, partner, initiator }] {
            comes_back!(command, KeyCommand::parse);
        }
    }

    #[test]
    fn address_requests_and_their_answers_come_back(tsn in any::<u8>(), eui in eui(), short in short(), status in any::<u8>()) {
        let answer = zdo::Command::AddressResponse { status: status.into(), eui, short };
        for command in [zdo::Command::AddressRequest { eui }, answer] {
            let frame = zdo::Frame { tsn, command };
            let cluster = frame.cluster();
            comes_back!(frame, |octets| zdo::Frame::parse(cluster, octets));
        }
    }

    #[test]
    fn stored_partners_that_parse_are_kept(
        entries in vec((any::<u64>(), 0u8..80, prop_oneof![Just(0u16), any::<u16>()], prop_oneof![Just([0; 16]), any::<[u8; 16]>()]), 0..4),
        rest in vec(any::<u8>(), 0..2),
    ) {
        let mut octets: Vec<u8> = entries
            .into_iter()
            .flat_map(|(device, flags, short, key)| {
                [&device.to_le_bytes()[..], &[flags], &short.to_le_bytes(), &key].concat()
            })
            .collect();
        octets.extend(rest);
        is_kept!(&octets, Partners::parse);
    }

    #[test]
    fn a_zep_packet_comes_back(
        (channel, device, lqi) in (any::<u8>(), any::<u16>(), any::<u8>()),
        (timestamp, sequence) in (any::<u64>(), any::<u32>()),
        psdu in vec(any::<u8>(), 0..=127),
    ) {
        comes_back!(
            zep::Packet { channel, device, lqi, timestamp, sequence, psdu: &psdu },
            zep::Packet::parse
        );
    }

    #[test]
    fn arbitrary_octets_never_panic_and_what_parses_is_kept(octets in vec(any::<u8>(), 0..200), command in 0u8..12) {
        let octets = &octets[..];
        // With its frame check sequence made right, else nothing gets past it.
        let mut psdu = octets.to_vec();
        psdu.extend(mac::frame_check(octets).to_le_bytes());
        is_kept!(&psdu, mac::Frame::parse);
        is_kept!(octets, mac::Frame::parse);
        is_kept!(octets, nwk::Frame::parse);
        is_kept!(octets, aps::Frame::parse);
        is_kept!(octets, zcl::Frame::parse);
        is_kept!(octets, DefaultResponse::parse);
        is_kept!(octets, |octets| ToServer::parse(command, octets));
        is_kept!(octets, |octets| ToClient::parse(command, octets));
        is_kept!(octets, |octets| FromMeter::parse(command, octets));
        is_kept!(octets, |octets| FromMirror::parse(command, octets));
        is_kept!(octets, ReadAttributes::parse);
        is_kept!(octets, ReadAttributesResponse::parse);
        is_kept!(octets, ReportAttributes::parse);
        is_kept!(octets, GsmeData::parse);
        is_kept!(octets, zep::Packet::parse);
        is_kept!(octets, FrameCounters::parse);
        is_kept!(octets, KeyCommand::parse);
        is_kept!(octets, Partners::parse);
        if let Ok(frame) = nwk::Frame::parse(octets) {
            let _ = frame.open(&Key::new([1; 16]));
        }
        if let Ok(frame) = aps::Frame::parse(octets) {
            let _ = frame.open(&Key::new([1; 16]), Eui64::default());
        }
    }
}

#[test]
fn a_frame_with_a_wrong_check_sequence_is_noise() {
    let mut psdu = mac::Frame::ack(7, false).to_vec();
    psdu[2] ^= 1;
    assert_eq!(mac::Frame::parse(&psdu), Err(ParseError::FrameCheck));
}

#[test]
fn a_key_does_not_show_in_a_log() {
    assert_eq!(format!("{:?}", Key::new([0xA5; 16])), "Key(..)");
}
