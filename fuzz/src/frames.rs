//! Every codec of the HAN, one layer at a time.
use crate::within;
use gbcs::Eui64;
use han::capture::zep;
use han::node::FrameCounters;
use han::tunnel::Side;
use han::tunnel::gsme::GsmeData;
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse, ReportAttributes, Value};
use han::zcl::mirror::{FromMeter, FromMirror};
use han::zcl::tunneling::{ToClient, ToServer};
use han::zcl::{DefaultResponse, Frame as ZclFrame};
use han::{Key, ParseError, aps, mac, nwk};

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
    match layer % 16 {
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
        10 => _ = comes_back!(octets, ReadAttributesResponse::parse(octets)),
        11 => {
            if let Some(report) = comes_back!(octets, ReportAttributes::parse(octets)) {
                report.0.iter().for_each(|(_, value)| check_value(value));
            }
        }
        12 => _ = comes_back!(octets, DefaultResponse::parse(octets)),
        13 => _ = comes_back!(octets, GsmeData::parse(octets)),
        14 => _ = comes_back!(octets, zep::Packet::parse(octets)),
        _ => _ = comes_back!(octets, FrameCounters::parse(octets)),
    }
}

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
