//! Frames, captures, stations and tunnels.
use super::*;
use han::key_command::KeyCommand;

/// Seeds of `han_frames`: `layer command`, then the octets.
pub fn han_frames() -> Seeds {
    fn of(layer: u8, command: u8, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = vec![layer, command];
        write(&mut out);
        out
    }
    let data = mac::Frame::data(PanId(0x1A62), ShortAddress(0), ShortAddress(0x1234), 7, &[1, 2, 3]);
    let psdu = data.to_vec();
    let nwk =
        [0x48, 0x1A, 0, 0, 0x34, 0x12, 30, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0x28, 1, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0];
    let aps = aps_frame(Some(aps::Block { first: true, number: 3, received: None }), 0x0704, &[0x11, 1, 0]);
    let request = ToServer::RequestTunnel(RequestTunnel {
        protocol: Protocol { manufacturer: NO_MANUFACTURER, id: 6 },
        flow_control: false,
        max_incoming: 1500,
    });
    let protocols = ToClient::SupportedTunnelProtocolsResponse {
        complete: true,
        protocols: vec![Protocol { manufacturer: NO_MANUFACTURER, id: 6 }; 3],
    };
    let granted = ToClient::RequestTunnelResponse { tunnel: 7, status: TunnelStatus::Success, max_incoming: 1500 };
    let configure = FromMeter::ConfigureMirror(ConfigureMirror {
        issuer_event: 1,
        reporting_interval: 1800,
        notification: true,
        scheme: 2,
    });
    let number = Value::new(0x25, &[1, 2, 3, 4, 5, 6]).expect("a uint48");
    let string = Value::new(0x41, &[2, 1, 2]).expect("an octet string");
    let answers = vec![(0, Ok(number)), (1, Err(han::zcl::Status::from(0x86))), (2, Ok(string))];
    vec![
        ("mac", of(0, 0, |out| out.extend(&psdu))),
        ("mac-without-check", of(1, 0, |out| out.extend(&psdu[..psdu.len() - 2]))),
        ("nwk", of(2, 0, |out| out.extend(nwk))),
        ("aps", of(3, 0, |out| out.extend(&aps))),
        ("zcl", of(4, 0, |out| out.extend(request.to_zcl(1, true)))),
        ("request-tunnel", of(5, request.command(), |out| request.encode(out))),
        ("transfer-error", {
            let error = ToServer::TransferDataError(7, TransferDataStatus::from(0));
            of(5, error.command(), |out| error.encode(out))
        }),
        ("tunnel-granted", of(6, granted.command(), |out| granted.encode(out))),
        ("protocols", of(6, protocols.command(), |out| protocols.encode(out))),
        ("configure-mirror", of(7, configure.command(), |out| configure.encode(out))),
        ("notifications", {
            let flags = FromMirror::ReportAttributeResponse(Notifications::functional(1 << 21));
            of(8, flags.command(), |out| flags.encode(out))
        }),
        ("read-attributes", of(9, 0, |out| ReadAttributes(vec![0, 1]).encode(out))),
        ("attributes", of(10, 0, |out| ReadAttributesResponse(answers).encode(out))),
        ("report", of(11, 0, |out| ReportAttributes(vec![(0, number), (9, string)]).encode(out))),
        ("default-response", of(12, 0, |out| out.extend([2, 0]))),
        ("put", of(13, 0, |out| GsmeData::Put(&[0xDF; 9]).encode(out))),
        ("get-response", of(13, 0, |out| GsmeData::GetResponse { remaining: 1, message: &[0xDF; 9] }.encode(out))),
        ("zep", of(14, 0, |out| zep::Packet::new(11, 1, Time(1_800_000_000_000), 9, &psdu).encode(out))),
        ("counters", of(15, 0, |out| out.extend([7; 44]))),
        ("match-descriptor", of(16, 0x06, |out| out.extend([1, 0, 0, 9, 1, 1, 4, 7, 0]))),
        ("match-descriptor-answer", of(16, 0x86, |out| out.extend([1, 0, 0, 0, 1, 3]))),
        ("simple-descriptor", of(16, 0x84, |out| out.extend([1, 0, 0, 0, 10, 3, 9, 1, 8, 5, 0, 1, 4, 7, 0]))),
        ("announce", of(16, 0x13, |out| out.extend([1, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x8E]))),
        ("key-establishment", {
            let certificate = cbke::certificate(Eui64::from_u64(7));
            let initiate = cbke::Command::Initiate { suites: 2, generation_times: [11, 16], certificate: &certificate };
            of(17, 0, |out| initiate.encode(out))
        }),
        ("association", of(18, 0, |out| MacCommand::AssociationRequest(0x8E).encode(out))),
        ("address", of(16, 0x00, |out| out.extend([1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0]))),
        ("address-answer", of(16, 0x80, |out| out.extend([1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x34, 0x12]))),
        ("request-link-key", of(24, 0, |out| out.extend(&link_key_commands()[0]))),
        ("link-key", of(24, 0, |out| out.extend(&link_key_commands()[1]))),
        ("partner", of(25, 0, |out| out.extend([[7; 8].as_slice(), &[0x1D, 0x34, 0x12], &[5; 16]].concat()))),
        ("transport-key", of(19, 0, |out| transport_key().encode(out))),
        ("beacon", {
            let (pan, source) = (PanId(0x1A62), ShortAddress(0));
            let extended_pan = Eui64::from_u64(7);
            let beacon = Beacon { pan, source, permits_joining: true, extended_pan }.to_psdu(1);
            of(20, 0, |out| out.extend(&beacon[..beacon.len() - 2]))
        }),
        ("inter-pan", {
            let psdu = inter_pan(None);
            of(21, 0, |out| out.extend(&psdu[..psdu.len() - 2]))
        }),
        ("inter-pan-secured", {
            let psdu = inter_pan(Some(interpan::Frame::link_key_security(5)));
            of(21, 0, |out| out.extend(&psdu[..psdu.len() - 2]))
        }),
    ]
}

fn transport_key() -> TransportKey {
    let (destination, source) = (Eui64::from_u64(7), Eui64::from_u64(8));
    TransportKey { key: Key::new(frames::NETWORK_KEY), sequence: 0, destination, source }
}

fn inter_pan(security: Option<han::security::Aux>) -> Vec<u8> {
    let payload = &[0x11, 1, 1, 9, 9, 9, 9, 9];
    interpan::Frame {
        source: Eui64::from_u64(7),
        destination: Eui64::from_u64(8),
        pan: PanId(0x1A62),
        sequence: 1,
        cluster: 0x0800,
        security,
        payload,
    }
    .to_psdu()
}

/// Captures of a frame of each kind, in both formats; the protected ones open with the keys of the target.
pub fn capture() -> Seeds {
    let eui = Eui64::from_u64(7);
    let aps = aps::Frame {
        kind: aps::Kind::Data,
        broadcast: false,
        ack_request: true,
        endpoints: Some(aps::Endpoints { destination: 1, cluster: 0x0704, profile: SMART_ENERGY, source: 1 }),
        counter: 1,
        block: Some(aps::Block { first: true, number: 2, received: None }),
        security: Some(han::security::Aux { key: han::security::KeyId::Data, counter: 1, source: None }),
        payload: &[0x11, 1, 0, 6, 0xFF, 0xFF, 0, 0xDC, 5],
    }
    .seal(&Key::new(frames::LINK_KEY), eui)
    .expect("it has an auxiliary header");
    let nwk = nwk::Frame {
        kind: nwk::Kind::Data,
        route_discovery: 1,
        end_device_initiator: false,
        destination: ShortAddress(0),
        source: ShortAddress(0x1234),
        radius: 30,
        sequence: 1,
        destination_ieee: None,
        source_ieee: Some(eui),
        security: Some(han::security::Aux { key: han::security::KeyId::Network(0), counter: 1, source: Some(eui) }),
        payload: &aps,
    }
    .seal(&Key::new(frames::NETWORK_KEY))
    .expect("it has an auxiliary header");
    let data = mac::Frame::data(PanId(0x1A62), ShortAddress(0), ShortAddress(0x1234), 7, &nwk).to_vec();
    let key = transport_key().seal(&Key::new(frames::LINK_KEY), 1, 1, ShortAddress(0x1234)).expect("as above");
    let key = mac::Frame::data(PanId(0x1A62), ShortAddress(0x1234), ShortAddress(0), 8, &key).to_vec();
    let frames = [data, key, inter_pan(None), mac::Frame::ack(7, false).to_vec()];
    // Written out here: the writers of the crate need `std`.
    let (mut pcap, mut pcapng) = (Vec::new(), Vec::new());
    pcap.extend([0xA1B2_C3D4u32, 0x0004_0002, 0, 0, 0xFFFF, 195].map(u32::to_le_bytes).as_flattened());
    pcapng.extend([0x0A0D_0D0Au32, 28, 0x1A2B_3C4D, 1, !0, !0, 28].map(u32::to_le_bytes).as_flattened());
    pcapng.extend([1u32, 20, 195, 0xFFFF, 20].map(u32::to_le_bytes).as_flattened());
    for (n, frame) in frames.iter().enumerate() {
        let len = frame.len() as u32;
        pcap.extend([n as u32, 0, len, len].map(u32::to_le_bytes).as_flattened());
        pcap.extend(frame);
        let padded = len.next_multiple_of(4);
        pcapng.extend([6, padded + 32, 0, 0, n as u32, len, len].map(u32::to_le_bytes).as_flattened());
        pcapng.extend(frame);
        pcapng.resize(pcapng.len() + (padded - len) as usize, 0);
        pcapng.extend((padded + 32).to_le_bytes());
    }
    vec![("pcap", pcap), ("pcapng", pcapng)]
}

fn aps_frame(block: Option<aps::Block>, cluster: u16, payload: &[u8]) -> Vec<u8> {
    let endpoints = Some(aps::Endpoints { destination: 1, cluster, profile: SMART_ENERGY, source: 1 });
    let kind = aps::Kind::Data;
    aps::Frame { kind, broadcast: false, ack_request: true, endpoints, counter: 40, block, security: None, payload }
        .to_vec()
}

/// A request for a link key with the electricity meter, and the key.
pub(super) fn link_key_commands() -> [Vec<u8>; 2] {
    let (key, partner) = (Key::new([0xE0; 16]), METERS[0]);
    [KeyCommand::Request { partner }, KeyCommand::Transport { key, partner, initiator: true }].map(|it| it.to_vec())
}

/// Seeds of `han_node`: the role, then a script.
pub fn han_node() -> Seeds {
    let block = |first, number, received| aps_frame(Some(aps::Block { first, number, received }), 0x0704, &[7; 63]);
    let behind = |octet: u8, octets: Vec<u8>| [&[octet][..], &octets].concat();
    let whole = behind(0, aps_frame(None, 0x0704, &[0x11, 1, 0]));
    let blocks = [behind(1, block(true, 3, None)), behind(1, block(false, 1, None)), behind(1, block(false, 2, None))];
    let steps: Vec<(u8, &[u8])> = vec![(3, &whole), (3, &whole), (3, &blocks[0]), (3, &blocks[1]), (3, &blocks[2])];
    let sends: Vec<(u8, &[u8])> =
        vec![(8, &[0xFC, 1, 2, 3, 4, 5, 6, 7]), (6, &[0]), (7, &[0xFF, 0]), (6, &[1]), (8, &[1, 9])];
    let air = mac::Frame::data_request(PanId(0x1A62), ShortAddress(0), ShortAddress(0x0AA1), 9).to_vec();
    let polls: Vec<(u8, &[u8])> = vec![
        (9, &[0]),
        (8, &[0, 1, 2]),
        (7, &[10, 0]),
        (5, &[0, 4]),
        (0, &air),
        (7, &[0xFF, 0xFF]),
        (10, &[0]),
        (10, &[2]),
    ];
    // Past the longest datagram: 30 blocks of 63 octets.
    let endless: Vec<_> = (0..30).map(|n| behind(0, block(n == 0, if n == 0 { 30 } else { n }, None))).collect();
    let endless: Vec<(u8, &[u8])> = endless.iter().map(|frame| (3, &frame[..])).collect();
    // A PPMID asks for a link key with the meter, which the hub brings; each is sent too.
    let command = |payload: &[u8]| {
        let kind = aps::Kind::Command;
        let (endpoints, block, security) = (None, None, None);
        aps::Frame { kind, broadcast: false, ack_request: true, endpoints, counter: 41, block, security, payload }
            .to_vec()
    };
    let [asked, brought] = link_key_commands();
    let (asks, brings) = (behind(1, command(&asked)), behind(0, command(&brought)));
    let (ask, bring) = (behind(0, asked), behind(1, brought));
    let keys: Vec<(u8, &[u8])> =
        vec![(9, &[0]), (3, &asks), (11, &brings), (11, &asks), (12, &ask), (12, &bring), (7, &[0xFF, 0])];
    let mut seeds = vec![
        ("endless-datagram", behind(1, to_script(&endless))),
        ("hub-and-link-keys", behind(0, to_script(&keys))),
        ("router-and-link-keys", behind(1, to_script(&keys))),
    ];
    for (role, names) in [
        (0, ["hub-hears", "hub-sends", "hub-is-polled"]),
        (1, ["router-hears", "router-sends", "router-is-polled"]),
        (2, ["sleeper-hears", "sleeper-sends", "sleeper-polls"]),
    ] {
        for (name, steps) in names.into_iter().zip([&steps, &sends, &polls]) {
            let awake: Vec<(u8, &[u8])> = [(9, &[0][..])].into_iter().chain(steps.iter().copied()).collect();
            seeds.push((name, behind(role, to_script(&awake))));
        }
    }
    seeds
}

/// Seeds of `tunnel`: the side, then a script.
pub fn tunnel() -> Seeds {
    let behind = |octet: u8, octets: Vec<u8>| [&[octet][..], &octets].concat();
    let request = behind(
        1,
        ToServer::RequestTunnel(RequestTunnel {
            protocol: Protocol { manufacturer: NO_MANUFACTURER, id: 6 },
            flow_control: false,
            max_incoming: 1500,
        })
        .to_zcl(1, true),
    );
    let up = behind(1, ToServer::TransferData(0, &[0xDF; 40]).to_zcl(2, false));
    let close = behind(1, ToServer::CloseTunnel(0).to_zcl(3, false));
    let protocols = behind(1, ToServer::GetSupportedTunnelProtocols(0).to_zcl(4, false));
    let success = behind(1, vec![0x10, 0, 0x0B, 0x01, 0]);
    let server: Vec<(u8, &[u8])> = vec![
        (5, &[9]),
        (0, &protocols),
        (0, &request),
        (0, &up),
        (1, &up),
        (3, &[1, 1, 2, 3]),
        (0, &success),
        (3, &[0xF9, 7]),
        (2, &[61, 0]),
        (0, &request),
        (4, &[1]),
        (0, &close),
        (2, &[0xFF, 0xFF]),
        (7, &[1]),
        (0, &request),
        (6, &[9]),
    ];
    let granted = |status, tsn| {
        behind(0, ToClient::RequestTunnelResponse { tunnel: 7, status, max_incoming: 1500 }.to_zcl(tsn, true))
    };
    let (open, busy, full) =
        (granted(TunnelStatus::Success, 0), granted(TunnelStatus::from(1), 1), granted(TunnelStatus::from(2), 2));
    let down = behind(0, ToClient::TransferData(7, &[0xDF; 40]).to_zcl(2, false));
    let closed = behind(0, ToClient::TunnelClosureNotification(7).to_zcl(3, true));
    let taken = behind(0, vec![0x18, 1, 0x0B, 0x02, 0]);
    let client: Vec<(u8, &[u8])> = vec![
        (5, &[0]),
        (0, &open),
        (3, &[0, 1, 2, 3]),
        (0, &taken),
        (0, &down),
        (1, &down),
        (3, &[0xF8, 9]),
        (2, &[61, 0]),
        (0, &closed),
        (2, &[10, 0]),
        (0, &busy),
        (2, &[181, 0]),
        (0, &full),
        (4, &[0]),
        (5, &[8]),
        (2, &[0xFF, 0xFF]),
        (6, &[0]),
    ];
    vec![("server", behind(0, to_script(&server))), ("client", behind(1, to_script(&client)))]
}
