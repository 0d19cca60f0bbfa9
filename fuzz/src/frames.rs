//! Every codec of the HAN, one layer at a time.
use crate::within;
use gbcs::Eui64;
use han::capture::dissect::Dissector;
use han::capture::{read, zep};
use han::join::{Beacon, MacCommand, TransportKey};
use han::key_command::KeyCommand;
use han::node::FrameCounters;
use han::partner::Partners;
use han::tunnel::Side;
use han::tunnel::gsme::GsmeData;
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse, ReportAttributes, Value};
use han::zcl::display::{LocalChangeSupply, MessageConfirmation};
use han::zcl::mirror::{FromMeter, FromMirror};
use han::zcl::time::Clock;
use han::zcl::tunneling::{ToClient, ToServer};
use han::zcl::{DefaultResponse, Frame as ZclFrame};
use han::{Key, ParseError, ShortAddress, aps, cbke, interpan, mac, nwk, zdo};

/// A header borrows its payload; lists of attributes take up to 40 octets for each two.
const FACTOR: usize = 64;

/// What parses encodes back, to the octet and in the length announced.
macro_rules! comes_back {
    ($octets:expr, $parsed:expr) => {
        within($octets.len(), FACTOR, || match $parsed {
            Ok(value) => {
                let mut out = Vec::new();
                value.encode(&mut out);
                assert_eq!(out, $octets);
                assert_eq!(value.encoded_len(), $octets.len());
                Some(value)
            }
            Err(error) => {
                let error: ParseError = error;
                assert!(!error.to_string().is_empty());
                None
            }
        })
    };
}

/// All layers: the first octet says which, the second is the command where the layer needs one.
pub fn han_frames(input: &[u8]) {
    let Some((&[layer, command], octets)) = input.split_first_chunk() else { return };
    match layer % 26 {
        0 => _ = comes_back!(octets, mac::Frame::parse(octets)),
        1 => {
            // With the right frame check sequence, which noise seldom has.
            let psdu = [octets, &mac::frame_check(octets).to_le_bytes()].concat();
            comes_back!(psdu, mac::Frame::parse(&psdu));
        }
        2 => {
            if let Some(frame) = comes_back!(octets, nwk::Frame::parse(octets)) {
                nwk_seals(&frame);
            }
        }
        3 => {
            if let Some(frame) = comes_back!(octets, aps::Frame::parse(octets)) {
                aps_seals(&frame);
            }
        }
        4 => {
            assert_eq!(Side::of(octets).is_some(), ZclFrame::parse(octets).is_ok());
            if let Some(frame) = comes_back!(octets, ZclFrame::parse(octets)) {
                let _ = frame.as_default_response();
                let refusal = frame.default_response(han::zcl::Status::Success);
                let refusal = ZclFrame::parse(&refusal).expect("our own frame");
                assert_eq!(refusal.as_default_response().map(|r| r.command), Some(frame.command));
            }
        }
        5 => _ = comes_back!(octets, ToServer::parse(command, octets)).map(|c| assert_eq!(c.command(), command)),
        6 => _ = comes_back!(octets, ToClient::parse(command, octets)).map(|c| assert_eq!(c.command(), command)),
        7 => _ = comes_back!(octets, FromMeter::parse(command, octets)).map(|c| assert_eq!(c.command(), command)),
        8 => _ = comes_back!(octets, FromMirror::parse(command, octets)).map(|c| assert_eq!(c.command(), command)),
        9 => _ = comes_back!(octets, ReadAttributes::parse(octets)),
        10 => {
            let read = comes_back!(octets, ReadAttributesResponse::parse(octets)).is_some();
            assert_eq!(read, Clock::parse(octets).is_ok());
        }
        11 => {
            if let Some(report) = comes_back!(octets, ReportAttributes::parse(octets)) {
                report.0.iter().for_each(|(_, value)| check_value(value));
            }
        }
        12 => _ = comes_back!(octets, DefaultResponse::parse(octets)),
        13 => _ = comes_back!(octets, GsmeData::parse(octets)),
        14 => _ = comes_back!(octets, zep::Packet::parse(octets)),
        15 => _ = comes_back!(octets, FrameCounters::parse(octets)),
        16 => {
            // The upper bit of a device profile cluster tells answers from requests.
            let cluster = u16::from(command & 0x7F) | u16::from(command & 0x80) << 8;
            if let Some(frame) = comes_back!(octets, zdo::Frame::parse(cluster, octets)) {
                assert_eq!(frame.cluster(), cluster);
                let descriptor = zdo::SimpleDescriptor::smart_energy(3, 0x0508, [0x0704], [0x0704]);
                let address = || frame.answer_address(|eui| (eui.octets()[7] & 1 == 0).then_some(ShortAddress(7)));
                if let Some(answer) = frame.answer(ShortAddress(0), &[descriptor]).or_else(address) {
                    assert_eq!(zdo::Frame::parse(answer.cluster(), &answer.to_vec()), Ok(answer));
                }
            }
        }
        17 => _ = comes_back!(octets, cbke::Command::parse(command, octets)).map(|c| assert_eq!(c.command(), command)),
        22 => _ = comes_back!(octets, LocalChangeSupply::parse(octets)),
        // What may stand behind its time is passed over.
        23 => _ = MessageConfirmation::parse(octets).map(|confirmation| confirmation.encoded_len()),
        18 => _ = comes_back!(octets, MacCommand::parse(octets)),
        19 => _ = comes_back!(octets, TransportKey::parse(octets)),
        24 => _ = comes_back!(octets, KeyCommand::parse(octets)),
        25 => _ = comes_back!(octets, Partners::parse(octets)),
        20 => {
            let psdu = [octets, &mac::frame_check(octets).to_le_bytes()].concat();
            let Ok(frame) = mac::Frame::parse(&psdu) else { return };
            if let Ok(beacon) = Beacon::parse(&frame) {
                let again = beacon.to_psdu(frame.sequence);
                assert_eq!(Beacon::parse(&mac::Frame::parse(&again).expect("our own frame")), Ok(beacon));
            }
        }
        _ => {
            let psdu = [octets, &mac::frame_check(octets).to_le_bytes()].concat();
            let Ok(mac) = mac::Frame::parse(&psdu) else { return };
            if let Ok(frame) = interpan::Frame::parse(&mac) {
                assert_eq!(frame.to_psdu(), psdu);
                assert_eq!(frame.encoded_len(), psdu.len());
                if let Ok(sealed) = frame.seal(&Key::new([1; 16])) {
                    let again = mac::Frame::parse(&sealed).expect("our own frame");
                    let again = interpan::Frame::parse(&again).expect("our own frame");
                    assert_eq!(again.open(&Key::new([1; 16])).as_deref(), Ok(frame.payload));
                }
            }
        }
    }
}

/// A capture file: it is read or refused with a place in it; what is read is told with any key, and memory stays with the file.
pub fn capture(input: &[u8]) {
    // A datagram of 1600 octets for each of 256 that may be half there; names and repetitions beside them.
    const REMEMBERED: usize = 256 * 1700;
    within(input.len() + REMEMBERED, 4, || {
        let Ok(frames) = read::Frames::of(input) else { return };
        let mut dissector = Dissector::new([NETWORK_KEY, LINK_KEY].map(Key::new));
        for frame in frames {
            match frame {
                Ok(frame) => {
                    let clear = dissector.cleared(&frame.psdu);
                    assert!(clear.len() <= frame.psdu.len(), "protection adds octets");
                    dissector.push(frame.at, &frame.psdu);
                }
                Err(error) => assert!(error.offset <= input.len()),
            }
        }
    });
}

/// Of the seeds of [`capture`].
pub(crate) const NETWORK_KEY: [u8; 16] = [1; 16];
/// Of the seeds of [`capture`].
pub(crate) const LINK_KEY: [u8; 16] = [2; 16];

fn check_value(value: &Value<'_>) {
    assert_eq!(Value::new(value.data_type(), value.octets()), Some(*value));
    let _ = (value.unsigned(), value.string());
}

/// A frame with a security header can be sealed, and opens to what was sealed; no other key opens it.
fn nwk_seals(frame: &nwk::Frame<'_>) {
    let _ = frame.open(&Key::new([2; 16]));
    if let Ok(sealed) = frame.seal(&Key::new([1; 16])) {
        let again = nwk::Frame::parse(&sealed).expect("our own frame");
        assert_eq!(again.open(&Key::new([1; 16])).as_deref(), Ok(frame.payload));
        assert!(again.open(&Key::new([2; 16])).is_err());
    }
}

fn aps_seals(frame: &aps::Frame<'_>) {
    let sender = Eui64::from_u64(7);
    let _ = frame.open(&Key::new([2; 16]), sender);
    if let Ok(sealed) = frame.seal(&Key::new([1; 16]), sender) {
        let again = aps::Frame::parse(&sealed).expect("our own frame");
        assert_eq!(again.open(&Key::new([1; 16]), sender).as_deref(), Ok(frame.payload));
        assert!(again.open(&Key::new([2; 16]), sender).is_err());
    }
}
