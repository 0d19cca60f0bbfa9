//! What tshark makes of what two stacks say to each other.
use crate::air::*;
use gbcs::Time;
use han::Node;
use han::capture::LinkType;
use han::capture::pcap::Writer;
use han::capture::{keys, zep};
use han::tunnel::gsme::GsmeData;
use han::zcl::attributes::{ReportAttributes, Value};
use han::zcl::mirror::{self, ConfigureMirror, FromMeter, FromMirror, Notifications};
use han::zcl::tunneling::{self, RequestTunnel, ToClient, ToServer, TunnelStatus};
use han::zcl::{Direction, Frame};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The Command of gbcs-messages.md 16.2 (RTDS ECS04a): 148 octets, so it goes in fragments.
const ECS04A: &str = "dd000000000000818b1100000000df090100000000000003eb0890b3d51f300100000800db1234567890a00002001c17\
                      d9200003eb000103007000\
                      00130a00ff01010500124f8040df0f5aed8f076c7272180973bffd6aba435b7574fa665a088f826eb54aad51e614487\
                      6086504a30dc2c05357df32e781c2d68e4e303a0a99d4aa7eb80bf02c6b4c9b7f0e94931f495a593a5f";

const BAD: &str = "_ws.malformed || _ws.expert.severity >= 6291456";
const UNDECRYPTED: &str = "wpan.frame_type == 1 && !zbee_aps";
const WRONG_CHECK: &str = "wpan.fcs_ok == 0";

struct Capture(PathBuf);

impl Capture {
    fn path(name: &str) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
    }

    fn write(name: &str, link: LinkType, packets: impl IntoIterator<Item = (Time, Vec<u8>)>) -> Self {
        let path = Self::path(name);
        let mut writer = Writer::new(File::create(&path).unwrap(), link).unwrap();
        for (at, packet) in packets {
            writer.write(at, &packet).unwrap();
        }
        Self(path)
    }

    /// The fields of the packets that the filter shows; `None`, saying so, where there is no tshark.
    fn tshark(&self, filter: &str, fields: &[&str]) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        keys::write(&mut lines, &network_key(), "nwk").unwrap();
        keys::write(&mut lines, &link_key(), "link, \"PPMID\"").unwrap();
        self.tshark_with(lines, filter, fields)
    }

    fn tshark_with(&self, lines: Vec<u8>, filter: &str, fields: &[&str]) -> Option<Vec<String>> {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&self.0).args(["-Y", filter, "-T", "fields"]);
        command.args(fields.iter().flat_map(|field| ["-e", field]));
        for line in String::from_utf8(lines).unwrap().lines() {
            command.args(["-o", &format!("uat:zigbee_pc_keys:{line}")]);
        }
        let Ok(output) = command.output() else {
            println!("skipped: no tshark here");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
    }
}

/// RequestTunnel, its answer, and each message in a TransferData with its Default Response, as two stacks say it.
fn conversation(messages: &[Vec<u8>]) -> Vec<(Time, Vec<u8>)> {
    let mut air = Air::pair();
    let say = |air: &mut Air, from: usize, zcl: Vec<u8>| {
        let to = [PPMID, HUB][from];
        let handle = air.send(from, to, zcl);
        air.pass(Duration::from_secs(5));
        assert!(air.delivered(from, handle));
    };
    say(&mut air, 1, ToServer::RequestTunnel(RequestTunnel::GBCS).to_zcl(1, true));
    let opened = ToClient::RequestTunnelResponse { tunnel: 0, status: TunnelStatus::Success, max_incoming: 1500 };
    say(&mut air, 0, opened.to_zcl(1, true));
    for (n, message) in messages.iter().enumerate() {
        let transfer = ToServer::TransferData(0, message).to_zcl(2 + n as u8, false);
        let response = han::zcl::Frame::parse(&transfer).unwrap().default_response(han::zcl::Status::Success);
        say(&mut air, 1, transfer);
        say(&mut air, 0, response);
    }
    air.log
}

/// The longest ECS01a Command of the shared test messages, when they are there.
fn tariff() -> Option<Vec<u8>> {
    let shared = std::env::var_os("LASTMETRE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let Ok(messages) = fs::read_to_string(shared.join("rtds/messages.jsonl")) else {
        println!("without the tariff message: no {}", shared.display());
        return None;
    };
    let line = messages.lines().find(|line| line.contains("ECS01a_1.1.1_IMMEDIATE_TOU_SUCCESS_COMMAND\""))?;
    let (_, rest) = line.split_once("\"hex\": \"").or_else(|| line.split_once("\"hex\":\""))?;
    Some(hex::decode(rest.split('"').next()?).unwrap())
}

fn messages() -> Vec<Vec<u8>> {
    [Some(hex::decode(ECS04A).unwrap()), tariff()].into_iter().flatten().collect()
}

/// What must hold of a capture of [`conversation`], however the frames are wrapped.
fn is_clean_and_shows_the_messages(capture: &Capture, count: usize) {
    let Some(bad) = capture.tshark(BAD, &["frame.number", "_ws.expert"]) else {
        return;
    };
    assert_eq!(bad, Vec::<String>::new());
    let undecrypted = capture.tshark(UNDECRYPTED, &["frame.number"]).unwrap();
    assert_eq!(undecrypted, Vec::<String>::new());
    let codes = capture.tshark("gbcs_message", &["gbcs_message.grouping_header.message_code"]).unwrap();
    assert_eq!(codes.len(), count, "{codes:?}");
    assert!(["0x001c", "28"].contains(&codes[0].to_lowercase().as_str()), "{codes:?}");
    let tunnels = capture.tshark("zbee_zcl_se.tun.transfer_status == 0", &["zbee_zcl_se.tun.tunnel_id"]).unwrap();
    assert_eq!(tunnels.len(), 1);
    let check = capture.tshark(WRONG_CHECK, &["frame.number"]).unwrap();
    assert_eq!(check, Vec::<String>::new());
}

#[test]
fn tshark_finds_a_capture_clean_and_reads_the_messages_in_it() {
    let messages = messages();
    let log = conversation(&messages);
    let capture = Capture::write("plain.pcap", LinkType::IEEE802_15_4, log);
    is_clean_and_shows_the_messages(&capture, messages.len());
    if let Some(times) = capture.tshark("frame.number == 1", &["frame.time_epoch"]) {
        assert_eq!(times, [format!("{}.000000000", START.seconds())]);
    }
}

/// A gas meter's wake: it sets its mirror up, reports, learns that a message waits, fetches it and answers.
fn gas_conversation(message: &[u8]) -> Vec<(Time, Vec<u8>)> {
    let mut air = Air::new(vec![Node::new(config(HUB, &[GSME])), Node::new(config(GSME, &[HUB]))]);
    let (hub, meter) = (0, 1);
    let to_client = |command, payload: Vec<u8>| metering(Direction::ToClient, true, command, &payload);
    let to_server = |command, payload: Vec<u8>| metering(Direction::ToServer, true, command, &payload);
    fn octets(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out);
        out
    }
    let configure =
        ConfigureMirror { issuer_event: 1, reporting_interval: 1800, notification: true, scheme: mirror::SCHEME_B };
    let pending = Notifications::functional(mirror::TUNNEL_MESSAGE_PENDING);
    let volume = [1, 2, 3, 4, 5, 0];
    let report = ReportAttributes(vec![(0x0000, Value::new(0x25, &volume).unwrap())]);
    let answer = GsmeData::GetResponse { remaining: 0, message }.to_vec();
    air.nodes[meter].wake(air.now);
    air.drain(meter);
    for (from, cluster, zcl) in [
        (meter, mirror::CLUSTER, to_client(0x01, vec![])),
        (hub, mirror::CLUSTER, to_server(0x01, octets(|out| FromMirror::RequestMirrorResponse(2).encode(out)))),
        (meter, mirror::CLUSTER, to_client(0x08, octets(|out| FromMeter::ConfigureMirror(configure).encode(out)))),
        (meter, mirror::CLUSTER, metering(Direction::ToClient, false, 0x0A, &octets(|out| report.encode(out)))),
        (hub, mirror::CLUSTER, to_server(0x09, octets(|out| FromMirror::ReportAttributeResponse(pending).encode(out)))),
        (meter, tunneling::CLUSTER, ToServer::RequestTunnel(RequestTunnel::GBCS).to_zcl(1, true)),
        (meter, tunneling::CLUSTER, ToServer::TransferData(0, &GsmeData::Get.to_vec()).to_zcl(2, false)),
        (hub, tunneling::CLUSTER, ToClient::TransferData(0, &answer).to_zcl(3, false)),
        (meter, tunneling::CLUSTER, ToServer::TransferData(0, &GsmeData::Put(message).to_vec()).to_zcl(4, false)),
    ] {
        let to = [GSME, HUB][from];
        let handle = air.nodes[from].send(air.now, han::Datagram { cluster, ..datagram(to, zcl) });
        air.drain(from);
        air.pass(Duration::from_secs(2));
        assert!(air.delivered(from, handle));
    }
    air.log
}

fn metering(direction: Direction, cluster_specific: bool, command: u8, payload: &[u8]) -> Vec<u8> {
    Frame { cluster_specific, manufacturer: None, direction, disable_default_response: true, tsn: 1, command, payload }
        .to_vec()
}

#[test]
fn tshark_finds_a_gas_meters_wake_clean_polls_and_mirror_included() {
    let log = gas_conversation(&hex::decode(ECS04A).unwrap());
    let capture = Capture::write("gas.pcap", LinkType::IEEE802_15_4, log);
    let Some(bad) = capture.tshark(BAD, &["frame.number", "_ws.expert"]) else { return };
    assert_eq!(bad, Vec::<String>::new());
    assert_eq!(capture.tshark(UNDECRYPTED, &["frame.number"]).unwrap(), Vec::<String>::new());
    // GET, GET-RESPONSE, PUT.
    assert_eq!(capture.tshark("gbcs_tunnel", &["gbcs_tunnel.command"]).unwrap(), ["0x01", "0x02", "0x03"]);
    assert_eq!(capture.tshark("gbcs_message", &["frame.number"]).unwrap().len(), 2);
    assert!(capture.tshark("wpan.cmd == 4", &["frame.number"]).unwrap().len() > 10);
}

#[test]
fn tshark_reads_the_same_through_zep() {
    let messages = messages();
    let packets = conversation(&messages).into_iter().zip(0..).map(|((at, psdu), sequence)| {
        let zep = zep::Packet::new(11, 0xA2, at, sequence, &psdu).to_vec();
        (at, udp(&zep))
    });
    let capture = Capture::write("zep.pcap", LinkType::RAW, packets);
    is_clean_and_shows_the_messages(&capture, messages.len());
    if let Some(zep) = capture.tshark("frame.number == 1", &["zep.channel_id", "zep.device_id", "zep.seqno"]) {
        assert_eq!(zep, ["11\t162\t0"]);
    }
}

#[test]
fn what_these_tests_look_for_is_seen_when_it_is_there() {
    let mut log = conversation(&[]);
    let capture = Capture::write("keyless.pcap", LinkType::IEEE802_15_4, log.clone());
    // Four data frames: request, answer, and their acknowledgements.
    let Some(undecrypted) = capture.tshark_with(Vec::new(), UNDECRYPTED, &["frame.number"]) else { return };
    assert_eq!(undecrypted.len(), 4);
    *log[0].1.last_mut().unwrap() ^= 1;
    log[2].1.truncate(20);
    let capture = Capture::write("broken.pcap", LinkType::IEEE802_15_4, log);
    assert_eq!(capture.tshark(WRONG_CHECK, &["frame.number"]).unwrap(), ["1", "3"]);
    assert!(capture.tshark(BAD, &["frame.number"]).unwrap().contains(&"3".to_owned()));
}

#[test]
fn key_lines_are_those_of_wireshark() {
    let mut lines = Vec::new();
    keys::write(&mut lines, &network_key(), "a \"b\",\nc").unwrap();
    assert_eq!(lines, b"\"00112233445566778899aabbccddeeff\",\"Normal\",\"a _b___c\"\n");
}

/// A UDP datagram on loopback, in IPv4, without checksums of UDP.
fn udp(payload: &[u8]) -> Vec<u8> {
    let total = (28 + payload.len()) as u16;
    let mut ip = vec![0x45, 0];
    ip.extend(total.to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    let sum: u32 = ip.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair) as u32).sum();
    let checksum = !((sum & 0xFFFF) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    ip.extend([zep::PORT, zep::PORT, total - 20, 0].map(u16::to_be_bytes).as_flattened());
    ip.extend(payload);
    ip
}
