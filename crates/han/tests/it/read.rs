//! Captures read back: every format, every way a frame can lie in one, every way it can be damaged; and what they say.
use crate::air::*;
use gbcs::Time;
use han::capture::LinkType;
use han::capture::dissect::{Dissector, Said, Station, What};
use han::capture::read::{Frames, ReadError};
use han::capture::{keys, pcap, pcapng, zep};
use han::{Key, mac};
use proptest::prelude::*;
use std::time::Duration;

/// Two stacks: a datagram in one frame, one in fragments, over an air that loses some.
fn air(loss: u64) -> Air {
    let mut air = Air::pair();
    air.loss = loss;
    for len in [10, 400] {
        air.send(1, HUB, vec![len as u8; len]);
        air.pass(Duration::from_secs(30));
    }
    air
}

fn pcap_of(frames: &[(Time, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = pcap::Writer::new(&mut file, LinkType::IEEE802_15_4).unwrap();
    frames.iter().for_each(|(at, psdu)| writer.write(*at, psdu).unwrap());
    file
}

fn pcapng_of(link: LinkType, frames: &[(Time, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = pcapng::Writer::new(&mut file, link, "han's tests").unwrap();
    frames.iter().for_each(|(at, packet)| writer.write(*at, packet).unwrap());
    file
}

fn read(file: &[u8]) -> Result<Vec<(Time, Vec<u8>)>, ReadError> {
    Frames::of(file)?.map(|frame| frame.map(|frame| (frame.at, frame.psdu.into_owned()))).collect()
}

/// The file with every number of its headers in the other order of octets.
fn big_endian_pcap(file: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let flip = |octets: &[u8], out: &mut Vec<u8>| out.extend(octets.iter().rev());
    for (at, len) in [(0, 4), (4, 2), (6, 2), (8, 4), (12, 4), (16, 4), (20, 4)] {
        flip(&file[at..at + len], &mut out);
    }
    let mut at = 24;
    while at < file.len() {
        let len = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap()) as usize;
        (0..4).for_each(|n| flip(&file[at + 4 * n..at + 4 * n + 4], &mut out));
        out.extend(&file[at + 16..at + 16 + len]);
        at += 16 + len;
    }
    out
}

#[test]
fn what_was_written_is_read_from_pcap_and_pcapng_in_either_order_of_octets() {
    let frames = air(0).log;
    assert!(frames.len() > 20);
    assert_eq!(read(&pcap_of(&frames)).as_ref(), Ok(&frames));
    assert_eq!(read(&big_endian_pcap(&pcap_of(&frames))).as_ref(), Ok(&frames));
    assert_eq!(read(&pcapng_of(LinkType::IEEE802_15_4, &frames)).as_ref(), Ok(&frames));
    let mut nanos = pcap_of(&frames[..1]);
    nanos[..4].copy_from_slice(&0xA1B2_3C4Du32.to_le_bytes());
    let micros = u32::from_le_bytes(nanos[28..32].try_into().unwrap());
    nanos[28..32].copy_from_slice(&(micros * 1000).to_le_bytes());
    assert_eq!(read(&nanos), Ok(frames[..1].to_vec()));
}

#[test]
fn frames_are_found_without_check_behind_tap_and_in_zep_over_ethernet_and_ip() {
    let (at, psdu) = air(0).log[0].clone();
    let bare = psdu[..psdu.len() - 2].to_vec();
    // A TAP header with one field, the type of frame check sequence: 0 none, 1 the 16-bit one.
    let tap = |check: u8, frame: &[u8]| [&[0, 0, 12, 0, 0, 0, 1, 0, check, 0, 0, 0][..], frame].concat();
    let packet = zep::Packet::new(11, 1, at, 0, &psdu).to_vec();
    let udp = [&17754u16.to_be_bytes()[..], &17754u16.to_be_bytes(), &[0; 4], &packet].concat();
    let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 10, 127, 0, 0, 11];
    ip.extend(&udp);
    let ethernet = [&[0; 12][..], &[0x08, 0x00], &ip].concat();
    let table = [
        (LinkType::IEEE802_15_4_NO_FCS, bare.clone()),
        (LinkType::IEEE802_15_4_TAP, tap(0, &bare)),
        (LinkType::IEEE802_15_4_TAP, tap(1, &psdu)),
        (LinkType::RAW, ip.clone()),
        (LinkType::ETHERNET, ethernet),
    ];
    for (link, packet) in table {
        assert_eq!(read(&pcapng_of(link, &[(at, packet)])), Ok(vec![(at, psdu.clone())]), "{link:?}");
    }
    // What is no frame of a HAN is passed over.
    ip[9] = 6;
    for (link, packet) in [(LinkType::RAW, ip), (LinkType::ETHERNET, vec![1; 9]), (LinkType(147), vec![1; 9])] {
        assert_eq!(read(&pcapng_of(link, &[(at, packet)])), Ok(vec![]), "{link:?}");
    }
}

#[test]
fn a_damaged_capture_says_what_is_wrong_and_where() {
    let frames = air(0).log;
    let (pcap, pcapng) = (pcap_of(&frames[..2]), pcapng_of(LinkType::IEEE802_15_4, &frames[..2]));
    let fault = |file: &[u8]| read(file).unwrap_err();
    assert_eq!(fault(b"").offset, 0);
    assert_eq!(fault(b"<?xml version").what, "neither a pcap nor a pcapng file");
    assert_eq!(fault(&pcap[..20]).what, "the header of the capture is cut short");
    assert_eq!(fault(&pcap[..30]), ReadError { offset: 28, what: "a packet header is cut short" });
    let cut = fault(&pcap[..pcap.len() - 1]);
    assert_eq!(cut.what, "a packet is cut short");
    assert_eq!(cut.offset, 24 + 16 + frames[0].1.len() + 16);
    assert_eq!(fault(&pcapng[..pcapng.len() - 3]).what, "a block is cut short");
    let with = |at: usize, octet: u8| {
        let mut changed = pcapng.clone();
        changed[at] = octet;
        changed
    };
    assert_eq!(fault(&with(4, 13)).what, "a block of an impossible length");
    assert_eq!(fault(&with(8, 0)).what, "a section whose order of octets is unknown");
    let section = u32::from_le_bytes(pcapng[4..8].try_into().unwrap()) as usize;
    assert_eq!(fault(&with(section - 4, 0)).what, "a block whose two lengths differ");
    let interface = u32::from_le_bytes(pcapng[section + 4..section + 8].try_into().unwrap()) as usize;
    let packet = section + interface + 8;
    assert_eq!(fault(&with(packet, 7)).what, "a packet of an unknown interface");
    // After a fault there is nothing more.
    let mut frames = Frames::of(&pcap[..pcap.len() - 1]).unwrap();
    assert_eq!(frames.by_ref().filter(Result::is_err).count(), 1);
    assert!(frames.next().is_none());
}

fn said(air: &Air, keys: Vec<Key>) -> (Vec<Said>, Dissector) {
    let mut dissector = Dissector::new(keys);
    let said = air.log.iter().filter_map(|(at, psdu)| dissector.push(*at, psdu)).collect();
    (said, dissector)
}

#[test]
fn each_datagram_is_told_once_and_whole_whatever_the_air_repeats() {
    for loss in [0, 200] {
        let air = air(loss);
        let (said, dissector) = said(&air, vec![network_key(), link_key()]);
        let data: Vec<_> = said
            .iter()
            .filter_map(|said| match &said.what {
                What::Datagram { payload, key, .. } => Some((said.from, said.to, payload.len(), *key)),
                _ => None,
            })
            .collect();
        let (from, to) = (Station::Short(PPMID.short), Station::Short(HUB.short));
        assert_eq!(data, [(from, to, 10, Some(1)), (from, to, 400, Some(1))], "{loss}");
        assert_eq!(dissector.eui(from), Some(PPMID.eui));
        assert_eq!(dissector.short(HUB.eui), Some(HUB.short));
        assert_eq!(dissector.tally().locked, 0);
        assert_eq!(dissector.tally().traffic.frames as usize, air.log.len());
    }
}

#[test]
fn without_keys_every_frame_stays_shut_and_noise_is_counted_as_such() {
    let air = air(0);
    let (said, mut dissector) = said(&air, vec![]);
    assert!(said.is_empty());
    assert!(dissector.tally().locked > 10);
    dissector.push(START, &[1, 2, 3]);
    assert_eq!(dissector.tally().noise, 1);
    let psdu = &air.log[0].1;
    assert_eq!(dissector.cleared(psdu), *psdu, "what no key opens stays as it is");
}

#[test]
fn a_cleared_frame_says_the_same_without_a_key() {
    let air = air(0);
    let mut with_keys = Dissector::new(vec![network_key(), link_key()]);
    let mut without = Dissector::new(vec![]);
    let mut payloads = Vec::new();
    for (at, psdu) in &air.log {
        let clear = with_keys.cleared(psdu);
        assert!(mac::Frame::parse(&clear).is_ok());
        if let Some(Said { what: What::Datagram { payload, .. }, .. }) = without.push(*at, &clear) {
            payloads.push(payload.len());
        }
    }
    assert_eq!(payloads, [10, 400]);
}

#[test]
fn key_lines_are_read_as_they_are_written_and_others_refused_by_line() {
    let mut text = Vec::new();
    keys::write(&mut text, &network_key(), "network").unwrap();
    keys::write(&mut text, &link_key(), "PPMID link").unwrap();
    let text = String::from_utf8(text).unwrap();
    let read = keys::parse(&format!("# of a test home\n\n{text}")).unwrap();
    assert_eq!(read, [(network_key(), "network".into()), (link_key(), "PPMID link".into())]);
    for wrong in ["00", "\"00\",\"Normal\",\"x\"", &text.replace("Normal", "Reversed"), &text.replace("00", "xy")] {
        assert_eq!(keys::parse(&format!("\n{wrong}")).unwrap_err().line, 2, "{wrong}");
    }
}

proptest! {
    #[test]
    fn arbitrary_octets_are_no_reason_to_panic(octets in prop::collection::vec(any::<u8>(), 0..300), which in 0..4u32) {
        let magic: &[u8] = match which {
            0 => &[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 195, 0, 0, 0],
            1 => &[0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A],
            2 => &[0x0A, 0x0D, 0x0D, 0x0A],
            _ => &[],
        };
        let mut dissector = Dissector::new(vec![network_key(), link_key()]);
        if let Ok(frames) = Frames::of(&[magic, &octets].concat()) {
            for frame in frames.flatten() {
                dissector.push(frame.at, &frame.psdu);
            }
        }
        dissector.push(START, &octets);
        dissector.cleared(&octets);
    }
}
