//! The frames of han.md 11.8, which Wireshark was seen to read.
use crate::air::{GSME, HUB, PAN, PPMID, link_key, network_key};
use han::aps::{self, Endpoints};
use han::security::{Aux, KeyId};
use han::tunnel::gsme::GsmeData;
use han::zcl::tunneling::{RequestTunnel, ToClient, ToServer, TunnelStatus};
use han::{ShortAddress, mac, nwk, zcl};

const SECURED: &str = "618801621a000034124812000034121e01a49078563412db002801000000a49078563412db000097f194c07ccb57f0\
                       46279f0baf11fa0c9867eba7ef2f59ca8943aee8465ac8fc";

/// A clear frame as the golden ones are built: sequence numbers of MAC and NWK, APS counter, ends, payload.
fn clear(numbers: [u8; 3], destination: ShortAddress, source: ShortAddress, zcl: &[u8]) -> String {
    let [mac, nwk, counter] = numbers;
    let aps = aps::Frame { counter, payload: zcl, ..aps_frame() }.to_vec();
    let nwk = nwk::Frame { payload: &aps, sequence: nwk, ..nwk_frame(destination, source) }.to_vec();
    hex::encode(mac::Frame::data(PAN, destination, source, mac, &nwk).to_vec())
}

fn aps_frame() -> aps::Frame<'static> {
    aps::Frame {
        kind: aps::Kind::Data,
        broadcast: false,
        ack_request: true,
        endpoints: Some(Endpoints { destination: 1, cluster: 0x0704, profile: 0x0109, source: 1 }),
        counter: 1,
        block: None,
        security: None,
        payload: &[],
    }
}

fn nwk_frame(destination: ShortAddress, source: ShortAddress) -> nwk::Frame<'static> {
    nwk::Frame {
        kind: nwk::Kind::Data,
        route_discovery: 1,
        end_device_initiator: false,
        destination,
        source,
        radius: 30,
        sequence: 1,
        destination_ieee: None,
        source_ieee: None,
        security: None,
        payload: &[],
    }
}

#[test]
fn a_clear_request_tunnel_is_the_golden_one() {
    let zcl = ToServer::RequestTunnel(RequestTunnel::GBCS).to_zcl(1, false);
    assert_eq!(
        clear([1, 1, 1], HUB.short, PPMID.short, &zcl),
        "618801621a000034124800000034121e01400104070901010101010006ffff00dc0574e3"
    );
}

#[test]
fn a_clear_request_tunnel_response_is_the_golden_one() {
    let response = ToClient::RequestTunnelResponse { tunnel: 0, status: TunnelStatus::Success, max_incoming: 1500 };
    assert_eq!(
        clear([3, 2, 1], PPMID.short, HUB.short, &response.to_zcl(1, true)),
        "618803621a341200004800341200001e024001040709010101190100000000dc05adc7"
    );
}

#[test]
fn a_gas_meters_get_and_the_empty_answer_are_the_golden_ones() {
    let get = ToServer::TransferData(1, &GsmeData::Get.to_vec()).to_zcl(2, true);
    assert_eq!(
        clear([5, 2, 2], HUB.short, GSME.short, &get),
        "618805621a000078564800000078561e024001040709010102110202010001b988"
    );
    let empty = GsmeData::GetResponse { remaining: 0, message: &[] }.to_vec();
    assert_eq!(
        clear([8, 3, 3], GSME.short, HUB.short, &ToClient::TransferData(1, &empty).to_zcl(3, true)),
        "618808621a785600004800785600001e0340010407090101031903010100020008b6"
    );
}

#[test]
fn the_secured_request_tunnel_is_the_golden_one() {
    let zcl = hex::decode("11010006ffff00dc05").unwrap();
    let aux = Aux { key: KeyId::Data, counter: 1, source: None };
    let aps = aps::Frame { security: Some(aux), payload: &zcl, ..aps_frame() }.seal(&link_key(), PPMID.eui).unwrap();
    assert_eq!(hex::encode(&aps), "600104070901010100010000001110a10b3ad074949811984bf0");
    let aux = Aux { key: KeyId::Network(0), counter: 1, source: Some(PPMID.eui) };
    let frame = nwk_frame(HUB.short, PPMID.short);
    let nwk = nwk::Frame { source_ieee: Some(PPMID.eui), security: Some(aux), payload: &aps, ..frame };
    let nwk = nwk.seal(&network_key()).unwrap();
    assert_eq!(hex::encode(mac::Frame::data(PAN, HUB.short, PPMID.short, 1, &nwk).to_vec()), SECURED);
}

#[test]
fn the_secured_golden_frame_opens_layer_by_layer() {
    let psdu = hex::decode(SECURED).unwrap();
    let mac = mac::Frame::parse(&psdu).unwrap();
    assert_eq!((mac.kind, mac.sequence, mac.ack_request), (mac::Kind::Data, 1, true));
    let nwk = nwk::Frame::parse(mac.payload).unwrap();
    assert_eq!(nwk.source_ieee, Some(PPMID.eui));
    let aps = nwk.open(&network_key()).unwrap();
    let aps = aps::Frame::parse(&aps).unwrap();
    let zcl = aps.open(&link_key(), PPMID.eui).unwrap();
    let frame = zcl::Frame::parse(&zcl).unwrap();
    assert_eq!((frame.tsn, frame.disable_default_response), (1, true));
    assert_eq!(ToServer::parse(frame.command, frame.payload), Ok(ToServer::RequestTunnel(RequestTunnel::GBCS)));
}

#[test]
fn a_secured_frame_with_one_octet_changed_does_not_open() {
    let psdu = hex::decode(SECURED).unwrap();
    let nwk_octets = mac::Frame::parse(&psdu).unwrap().payload.to_vec();
    for at in 0..nwk_octets.len() {
        let mut changed = nwk_octets.clone();
        changed[at] ^= 0x01;
        let opened = nwk::Frame::parse(&changed).map(|frame| frame.open(&network_key()));
        assert!(!matches!(opened, Ok(Ok(_))), "octet {at}");
    }
}

#[test]
fn the_acknowledgement_and_the_poll_are_what_the_standard_says() {
    assert_eq!(hex::encode(&mac::Frame::ack(1, false).to_vec()[..3]), "020001");
    assert_eq!(hex::encode(&mac::Frame::ack(1, true).to_vec()[..3]), "120001");
    let poll = mac::Frame::data_request(PAN, HUB.short, GSME.short, 9).to_vec();
    assert_eq!(hex::encode(&poll[..10]), "638809621a0000785604");
}
