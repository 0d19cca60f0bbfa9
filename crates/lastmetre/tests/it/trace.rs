//! `lastmetre hub trace`: the dialogue of a capture.
use crate::common::run;

/// A demo's capture under this name, in a folder of its own.
fn demo(name: &str, args: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name).to_str().unwrap().to_owned();
    run(["demo", "--json", "--pcap", &file].iter().chain(args)).ends(0);
    (folder, file)
}

#[test]
fn the_dialogue_of_the_demo_is_drawn_from_pcap_and_pcapng_alike() {
    for name in ["air.pcap", "air.pcapng"] {
        let (_folder, file) = demo(name, &[]);
        let ran = run(["hub", "trace", &file]).ends(0);
        let lines: Vec<&str> = ran.out.lines().collect();
        assert!(lines[0].contains("between 4 devices"), "{}", lines[0]);
        for device in ["hub", "PPMID", "ESME", "GSME"] {
            assert!(lines[1..5].iter().any(|line| line.trim_start().starts_with(device)), "{device}: {lines:#?}");
        }
        let told = [
            "match descriptor: who serves 0704?",
            "RequestTunnel: protocol 6",
            "RequestTunnelResponse: Success, tunnel 0",
            "Command, ECS01b ",
            "Response, ECS01b ",
            "Default Response: TransferData Success",
            "GET-RESPONSE Command, GCS40a ",
            "PUT Response, GCS40a ",
        ];
        for words in told {
            assert!(ran.out.contains(words), "{words}:\n{}", ran.out);
        }
        assert!(ran.err.is_empty(), "every frame opens: {}", ran.err);
    }
}

#[test]
fn each_step_is_an_object_when_asked_for_json() {
    let (_folder, file) = demo("air.pcap", &[]);
    let steps = run(["hub", "trace", "--json", &file]).ends(0).json();
    let carried: Vec<_> = steps.iter().filter(|step| step["use_case"] == "ECS01b").collect();
    let hops: Vec<_> = carried.iter().map(|s| (s["from"].as_str().unwrap(), s["to"].as_str().unwrap())).collect();
    assert_eq!(hops, [("PPMID", "hub"), ("hub", "ESME"), ("ESME", "hub"), ("hub", "PPMID")]);
    assert_eq!(carried[0]["cra"], "Command");
    assert_eq!(carried[0]["code"], "00A2");
    assert_eq!(carried[2]["cra"], "Response");
    assert!(carried.iter().all(|step| step["at"].is_f64() && step["tunnel"].is_u64()), "{carried:?}");
    assert_eq!(carried[0]["to_eui"], carried[1]["from_eui"]);
}

#[test]
fn a_clear_capture_needs_no_keys() {
    let (_folder, file) = demo("air.pcap", &["--clear"]);
    std::fs::remove_file(format!("{file}.keys")).unwrap();
    let ran = run(["hub", "trace", &file]).ends(0);
    assert!(ran.out.contains("Response, ECS01b "), "{}", ran.out);
    assert!(ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn a_capture_without_its_keys_says_how_many_frames_stay_shut() {
    let (_folder, file) = demo("air.pcap", &[]);
    std::fs::remove_file(format!("{file}.keys")).unwrap();
    let ran = run(["hub", "trace", &file]).ends(0);
    assert!(ran.err.contains("frames are under keys that are not known"), "{}", ran.err);
    assert!(ran.err.contains("hint: put the keys beside the capture"), "{}", ran.err);
}

#[test]
fn a_missing_or_damaged_file_is_told_on_one_line_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let fault = |file: &str, wanted: &str| {
        let ran = run(["hub", "trace", file]).ends(2);
        assert!(ran.out.is_empty() && ran.err.lines().count() == 1, "{}", ran.err);
        assert!(ran.err.contains(wanted) && ran.err.contains(file), "{wanted}: {}", ran.err);
    };
    fault(&path("nothing.pcap"), "No such file");
    std::fs::write(path("text.pcap"), "not a capture at all").unwrap();
    fault(&path("text.pcap"), "offset 0: neither a pcap nor a pcapng file");
    let (_other, whole) = demo("air.pcap", &[]);
    let octets = std::fs::read(&whole).unwrap();
    std::fs::write(path("cut.pcap"), &octets[..octets.len() - 5]).unwrap();
    fault(&path("cut.pcap"), "a packet is cut short");
    std::fs::copy(&whole, path("keys.pcap")).unwrap();
    std::fs::write(path("keys.pcap.keys"), "\"00\"\n").unwrap();
    let ran = run(["hub", "trace", &path("keys.pcap")]).ends(2);
    assert!(ran.err.contains("keys.pcap.keys: line 1: not a key line"), "{}", ran.err);
}

#[test]
fn the_hub_is_run_or_traced_and_nothing_in_between() {
    assert_eq!(run(["hub"]).code, 2);
    assert_eq!(run(["hub", "trace"]).code, 2);
}

#[test]
fn the_demo_streams_its_air_as_zep_while_it_lasts() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    run(["demo", "--json", "--zep", &socket.local_addr().unwrap().to_string()]).ends(0);
    let mut buffer = [0; 512];
    let len = socket.recv(&mut buffer).unwrap();
    let packet = han::capture::zep::Packet::parse(&buffer[..len]).unwrap();
    assert_eq!(packet.sequence, 0);
    assert!(han::mac::Frame::parse(packet.psdu).is_ok());
}
