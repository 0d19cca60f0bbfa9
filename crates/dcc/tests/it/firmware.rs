//! Firmware: whom an image can go to, what the User is told, and documents that are long for that reason alone.
use crate::common::house::*;
use crate::common::*;
use dcc::Dcc;
use duis::body::dcc::{DecommissionDevice, DeviceIds, FirmwareImage, UpdateFirmware};
use duis::response::alert::DccEvent;
use duis::response::answer::FirmwareWarning;
use duis::xml::value::Words;
use duis::{Body, CommandVariant, Content, Response, Service, SignerRole};
use gbcs::Eui64;
use gbcs::crypto::AwsLc;
use std::time::{Duration, Instant};

const UNKNOWN: Eui64 = Eui64::from_u64(0x00DB_1234_5678_90FF);

fn update(octets: Vec<u8>, devices: &[Eui64]) -> UpdateFirmware {
    UpdateFirmware {
        image: FirmwareImage::new(octets).unwrap(),
        version: Words::new("01020304").unwrap(),
        devices: DeviceIds::new(devices).unwrap(),
    }
}

fn meters(octets: &[u8], devices: &[Eui64]) -> Body {
    Body::UpdateFirmware(update(octets.to_vec(), devices))
}

fn ask(house: &House, user: Eui64, srv: &str, body: Body) -> Response {
    house.ask(&house.request(user, ACB, srv, CommandVariant::NonDevice, body))
}

/// Who was told that an image did not reach which devices.
fn undistributed(house: &House) -> Vec<(Eui64, Vec<Eui64>)> {
    let failed = |(user, alert): (Eui64, duis::DccAlert)| match alert.event {
        DccEvent::FirmwareDistributionFailure(failure) => (user, failure.meters.devices().to_vec()),
        other => panic!("{other:?}"),
    };
    house.alerts().into_iter().map(failed).collect()
}

fn listed(devices: &Option<DeviceIds>) -> &[Eui64] {
    devices.as_ref().map_or(&[], |devices| devices.devices())
}

#[test]
fn an_image_for_meters_is_taken_and_its_sender_told_that_it_reached_nobody() {
    let house = House::new();
    let response = ask(&house, SUPPLIER, "11.1", meters(&[1, 2, 3], &[GSME, ESME, ESME]));
    assert_eq!((response.code.as_str(), response.content()), ("I99", Some(&Content::Acknowledgement)));
    assert_eq!(undistributed(&house), [(SUPPLIER, vec![ESME, GSME])]);
    let response = ask(&house, SUPPLIER, "11.4", Body::UpdatePpmidFirmware(update(vec![1], &[PPMID])));
    assert_eq!(response.code.as_str(), "I99");
    assert_eq!(undistributed(&house), [(SUPPLIER, vec![PPMID])]);
}

#[test]
fn devices_that_cannot_have_the_image_are_listed() {
    let house = House::new();
    let notified = notification(NEW_PPMID, duis::DeviceType::Ppmid, None);
    assert_eq!(house.service(SUPPLIER, "12.2", notified), "I99");
    // No such device, and one of another type.
    let response = ask(&house, SUPPLIER, "11.1", meters(&[1], &[UNKNOWN, ESME, PPMID]));
    let Some(Content::FirmwareWarning(warning)) = response.content() else { panic!("{response:#?}") };
    assert_eq!(response.code.as_str(), "W110101");
    assert_eq!((listed(&warning.invalid), listed(&warning.not_commissioned)), (&[PPMID, UNKNOWN][..], &[][..]));
    assert_eq!(undistributed(&house), [(SUPPLIER, vec![ESME])]);
    // The same of displays, one of which is not installed yet.
    let body = Body::UpdatePpmidFirmware(update(vec![1], &[ESME, PPMID, NEW_PPMID]));
    let response = ask(&house, SUPPLIER, "11.4", body);
    let Some(Content::PpmidFirmwareWarning(FirmwareWarning { invalid, not_commissioned, .. })) = response.content()
    else {
        panic!("{response:#?}")
    };
    assert_eq!(response.code.as_str(), "W110401");
    assert_eq!(undistributed(&house), [(SUPPLIER, vec![PPMID])]);
    assert_eq!([listed(invalid), listed(not_commissioned)].concat(), [ESME, NEW_PPMID]);
    // Another supplier's: nobody is left.
    let response = ask(&house, OTHER_SUPPLIER, "11.1", meters(&[1], &[ESME]));
    let Some(Content::FirmwareWarning(warning)) = response.content() else { panic!("{response:#?}") };
    assert_eq!((response.code.as_str(), listed(&warning.invalid)), ("E110101", &[ESME][..]));
    assert_eq!(undistributed(&house), []);
}

#[test]
fn an_image_without_an_octet_and_a_meter_that_was_decommissioned_are_refused() {
    let house = House::new();
    assert_eq!(house.service(SUPPLIER, "11.1", meters(&[], &[ESME])), "E110102");
    let body = Body::UpdatePpmidFirmware(update(Vec::new(), &[PPMID]));
    assert_eq!(house.service(SUPPLIER, "11.4", body), "E110402");
    let gone = Body::DecommissionDevice(DecommissionDevice { device: ESME });
    assert_eq!(house.service(SUPPLIER, "8.3", gone), "I99");
    house.told();
    let response = ask(&house, SUPPLIER, "11.1", meters(&[1], &[ESME]));
    let Some(Content::FirmwareWarning(warning)) = response.content() else { panic!("{response:#?}") };
    assert_eq!((response.code.as_str(), listed(&warning.not_commissioned)), ("E110101", &[ESME][..]));
    assert_eq!(undistributed(&house), []);
}

const LONGEST: usize = 10_240_000;

async fn post(dcc: &Dcc, service: Service, xml: String) -> (u16, Option<String>) {
    let client = web::Client::new(None, Duration::from_secs(120), 1 << 20).unwrap();
    let url = format!("http://{}{}", dcc.addr, service.path());
    let answer = client.post(&url, "application/xml", xml).await.unwrap();
    let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
    let xml = String::from_utf8(answer.body.to_vec()).unwrap();
    let response = Response::accept(&AwsLc, &xml, |c| (*c == certificate).then_some(dcc));
    (answer.status, response.ok().map(|response| response.code.as_str().to_owned()))
}

#[tokio::test]
async fn the_longest_image_is_taken_over_http_and_a_longer_document_is_not() {
    let dcc = Dcc::start(config(None)).await.unwrap();
    let octets: Vec<u8> = (0..LONGEST).map(|n| (n * 31 + n / 251) as u8).collect();
    let update = Body::UpdateFirmware(update(octets, &[ESME, GSME]));
    let xml = signed(&request(ACB, 1, "11.1", CommandVariant::NonDevice, update));
    let (length, started) = (xml.len(), Instant::now());
    let answered = post(&dcc, Service::NonDevice, xml.clone()).await;
    println!("{length} octets were answered in {:?}", started.elapsed());
    assert_eq!(answered, (200, Some("I99".into())));
    // Changed on its way, and as long as nothing may be.
    let changed = xml.replacen("01020304", "01020305", 1);
    assert_eq!(post(&dcc, Service::NonDevice, changed).await, (200, Some("E1".into())));
    let padded = xml.replacen("<sr:FirmwareImage>", &format!("<sr:FirmwareImage>{}", " ".repeat(4 << 20)), 1);
    assert_eq!(post(&dcc, Service::NonDevice, padded).await, (413, None));
    // Another web service, whose documents are short.
    assert_eq!(post(&dcc, Service::SendCommand, xml).await, (413, None));
}

#[tokio::test]
async fn what_brings_no_firmware_stays_short() {
    let dcc = Dcc::start(config(None)).await.unwrap();
    let balance = || Body::plain("ReadMeterBalance").unwrap();
    let read = |counter| signed(&request(ESME, counter, "4.18", CommandVariant::Local, balance()));
    let padded = |xml: String, by: usize| xml.replacen("<sr:Body>", &format!("<sr:Body>{}", " ".repeat(by)), 1);
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(post(&dcc, Service::NonDevice, padded(read(1), 600 << 10)).await, (200, code("E100")));
    assert_eq!(post(&dcc, Service::NonDevice, padded(read(2), 1 << 20)).await, (413, None));
    // It says that it brings firmware, and brings something else.
    let lie = request(ACB, 3, "11.1", CommandVariant::NonDevice, balance()).to_xml();
    let long = lie.replacen("<sr:Body>", &format!("<sr:Body>{}", " ".repeat(2 << 20)), 1);
    let lie = sign(&long);
    assert_eq!(post(&dcc, Service::NonDevice, lie).await, (200, code("E100")));
    // Or very many elements, which would take far more memory than the text.
    let many = long.replacen("<sr:Body>", &format!("<sr:Body>{}", "<a/>".repeat(1024)), 1);
    assert_eq!(post(&dcc, Service::NonDevice, many).await, (413, None));
    assert_eq!(post(&dcc, Service::NonDevice, read(4)).await, (200, code("I0")));
}

fn sign(xml: &str) -> String {
    duis::signature::sign(&AwsLc, xml, &xml_key(SUPPLIER_XML)).unwrap()
}
