//! Requests and responses there and back, and against the published schema.
mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::{files, has_program, shared};
use duis::body::Utrn;
use duis::catalogue;
use duis::xml::sample::Draw;
use duis::xml::{Document, Limits, NS_DUIS, XmlErrorKind};
use duis::{
    Body, CommandVariant, Content, DccEvent, Misfit, Request, RequestId, Response, ResponseBody, ResponseCode, Service,
};
use gbcs::{Counter, Eui64, Time};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

fn read(text: &str) -> Request {
    Request::parse(&Document::parse(text).unwrap()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn request_id() -> impl Strategy<Value = RequestId> {
    any::<(u64, u64, u64)>().prop_map(|(o, t, n)| RequestId {
        originator: Eui64::from_u64(o),
        target: Eui64::from_u64(t),
        counter: Counter(n),
    })
}

fn body() -> impl Strategy<Value = Body> {
    any::<u64>().prop_map(|seed| Body::sample_any(&mut Draw::new(seed)))
}

fn request() -> impl Strategy<Value = Request> {
    let sequence = (any::<Option<bool>>(), proptest::option::of(request_id()));
    (request_id(), sequence, body()).prop_map(|(id, (first_in_sequence, preceding), body)| {
        let srv = catalogue::by_body(body.element()).map_or("2.5".parse().unwrap(), |e| e.srv);
        let variant = catalogue::by_srv(srv).unwrap().variants[0];
        let mut request = Request::new(id, srv, variant, body);
        (request.header.first_in_sequence, request.header.preceding) = (first_in_sequence, preceding);
        request
    })
}

proptest! {
    #[test]
    fn every_request_comes_back_from_its_text(request in request()) {
        let text = request.to_xml();
        prop_assert_eq!(Request::parse(&Document::parse(&text).unwrap()), Ok(request));
    }

    #[test]
    fn every_response_comes_back_from_its_text(seed: u64) {
        let response = Response::sample(&mut Draw::new(seed));
        let text = response.to_xml();
        prop_assert_eq!(Response::parse(&Document::parse(&text).unwrap()), Ok(response));
    }

    #[test]
    fn a_response_with_one_octet_changed_is_read_or_refused_but_never_panics(seed: u64, at: prop::sample::Index, octet in 0x20..0x7Fu8) {
        let mut octets = Response::sample(&mut Draw::new(seed)).to_xml().into_bytes();
        let at = at.index(octets.len());
        octets[at] = octet;
        let text = String::from_utf8(octets).unwrap();
        let _ = Document::parse(&text).map(|d| Response::parse(&d));
    }

    #[test]
    fn a_text_with_one_octet_changed_is_read_or_refused_but_never_panics(request in request(), at: prop::sample::Index, octet in 0x20..0x7Fu8) {
        let mut octets = request.to_xml().into_bytes();
        let at = at.index(octets.len());
        octets[at] = octet;
        let text = String::from_utf8(octets).unwrap();
        let _ = Document::parse(&text).map(|d| (Request::parse(&d), Response::parse(&d)));
    }
}

#[test]
fn each_content_and_each_event_comes_back_from_its_text() {
    let mut seen = BTreeSet::new();
    for seed in 0..60 {
        for response in Response::sample_each(&mut Draw::new(seed)) {
            let text = response.to_xml();
            assert_eq!(Response::parse(&Document::parse(&text).unwrap()).as_ref(), Ok(&response), "{text}");
            match &response.body {
                ResponseBody::Message { content, .. } => seen.extend(content.element()),
                ResponseBody::DccAlert(alert) => seen.extend([alert.event.element()]),
                _ => {}
            }
        }
    }
    assert_eq!(seen.len(), Content::ELEMENTS.len() + DccEvent::ELEMENTS.len());
}

/// One line for each element whose text or place is wrong.
#[test]
fn a_response_that_is_not_of_the_schema_is_refused_by_name() {
    let with = |content: &str| {
        let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
        let plain = Response::answer(id, "8.2".parse().unwrap(), ResponseCode::I0, Time(0), Content::Acknowledgement);
        let end = "</sr:ServiceReferenceVariant>";
        plain.to_xml().replace(end, &format!("{end}{content}"))
    };
    let alert = |code: &str, event: &str| {
        let text = with("");
        let (start, _) = text.split_once("<sr:ResponseMessage>").unwrap();
        format!(
            "{start}<sr:DCCAlertMessage><sr:DCCAlertCode>{code}</sr:DCCAlertCode><sr:DCCAlert>{event}</sr:DCCAlert>\
                 </sr:DCCAlertMessage></sr:Body></sr:Response>"
        )
    };
    let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1";
    let device = "<sr:DeviceID>00-DB-12-34-56-78-90-A0</sr:DeviceID>";
    let cases = [
        (with("<sr:DSPInventory/>"), "ResponseMessage/DSPInventory"),
        (
            with(&format!("<sr:DSPInventory><sr:Device>{device}</sr:Device></sr:DSPInventory>")),
            "ResponseMessage/DSPInventory/Device",
        ),
        (
            with(
                "<sr:CINMessage><sr:GBCSPayload>AA==</sr:GBCSPayload><sr:CustomerIdentificationNumber>12a4</sr:CustomerIdentificationNumber></sr:CINMessage>",
            ),
            "ResponseMessage/CINMessage/CustomerIdentificationNumber",
        ),
        (with("<sr:DSPScheduleID>1000000000001</sr:DSPScheduleID>"), "ResponseMessage/DSPScheduleID"),
        (
            with("<sr:GBCSPayload>AA==</sr:GBCSPayload><sr:GBCSPayload>AA==</sr:GBCSPayload>"),
            "ResponseMessage/GBCSPayload",
        ),
        (with("<sr:TeaLeaves/>"), "ResponseMessage/TeaLeaves"),
        (
            with(
                "<sr:FutureDatedDeviceAlertMessage><sr:FutureDatedAlertCode>8F68</sr:FutureDatedAlertCode></sr:FutureDatedDeviceAlertMessage>",
            ),
            "ResponseMessage/FutureDatedDeviceAlertMessage/FutureDatedAlertCode",
        ),
        (alert("X1", "<sr:CommandFailure/>"), "DCCAlertMessage/DCCAlertCode"),
        (alert("N12", "<sr:Rumour/>"), "DCCAlertMessage/DCCAlert/Rumour"),
        (alert("N12", ""), "DCCAlertMessage/DCCAlert"),
        (
            alert("N12", &format!("<sr:CommandFailure>{device}</sr:CommandFailure>")),
            "DCCAlertMessage/DCCAlert/CommandFailure/DeviceID",
        ),
        (
            alert(
                "N26",
                &format!(
                    "<sr:ChangeOfSupplier><sr:ChangeOfSupplierServiceRequestID>{id}</sr:ChangeOfSupplierServiceRequestID>\
               <sr:ECoSErrorCode>E1</sr:ECoSErrorCode></sr:ChangeOfSupplier>"
                ),
            ),
            "DCCAlertMessage/DCCAlert/ChangeOfSupplier/ECoSErrorCode",
        ),
        (
            alert(
                "N46",
                &format!(
                    "<sr:QuarantinedRequest><sr:ADUserThresholdBreach><sr:RequestID>{id}</sr:RequestID>\
               <sr:QuarantineEventRef>100000000000000000000</sr:QuarantineEventRef></sr:ADUserThresholdBreach></sr:QuarantinedRequest>"
                ),
            ),
            "DCCAlertMessage/DCCAlert/QuarantinedRequest/ADUserThresholdBreach/QuarantineEventRef",
        ),
        (
            alert(
                "N33",
                "<sr:DualBandCHAlert><sr:CHFDeviceID>00-DB-12-34-56-78-90-A2</sr:CHFDeviceID><sr:DeviceAlertCode>8F20</sr:DeviceAlertCode>\
               <sr:SubGHzChannelChanged><sr:OperatingSubGHzChannel><sr:OperatingUpperBandSubGHzChannel><sr:Channel27/>\
               </sr:OperatingUpperBandSubGHzChannel></sr:OperatingSubGHzChannel></sr:SubGHzChannelChanged></sr:DualBandCHAlert>",
            ),
            "DCCAlertMessage/DCCAlert/DualBandCHAlert/SubGHzChannelChanged/OperatingSubGHzChannel/OperatingUpperBandSubGHzChannel/Channel27",
        ),
        (
            alert(
                "N38",
                "<sr:S1SPAlertDSP><sr:S1SPAlert schemaVersion=\"5.4\"><sr:S1SPAlertCode>S1</sr:S1SPAlertCode>\
               <sr:DateTime>2030-01-15T09:00:00Z</sr:DateTime></sr:S1SPAlert></sr:S1SPAlertDSP>",
            ),
            "DCCAlertMessage/DCCAlert/S1SPAlertDSP/S1SPAlert",
        ),
    ];
    for (text, path) in cases {
        let error = Response::parse(&Document::parse(&text).unwrap()).expect_err(&text);
        assert_eq!(error.path, format!("Response/Body/{path}"), "{error}");
    }
}

/// About meters that do not speak GBCS nothing is read, and nothing is lost.
#[test]
fn a_response_about_a_smets1_meter_is_carried_as_it_is() {
    let text = format!(
        "<sr:Response xmlns:sr=\"{NS_DUIS}\" schemaVersion=\"5.4\"><sr:Header><sr:ResponseCode>I0</sr:ResponseCode>\
         <sr:ResponseDateTime>2030-01-15T09:00:00.000Z</sr:ResponseDateTime></sr:Header><sr:Body><sr:SMETS1ResponseMessage>\
         <sr:DSPScheduleID>1</sr:DSPScheduleID></sr:SMETS1ResponseMessage></sr:Body></sr:Response>"
    );
    let response = Response::parse(&Document::parse(&text).unwrap()).unwrap();
    let ResponseBody::Other(other) = &response.body else { panic!("{response:?}") };
    assert_eq!(other.element, "SMETS1ResponseMessage");
    let written = response.to_xml();
    assert_eq!(Response::parse(&Document::parse(&written).unwrap()), Ok(response), "{written}");
}

#[test]
fn a_body_element_nobody_knows_is_refused() {
    let text = read_template_like("<sr:ReadTeaLeaves/>", "8.2", 8);
    let error = Request::parse(&Document::parse(&text).unwrap()).unwrap_err();
    assert_eq!(error.kind, XmlErrorKind::Unexpected("ReadTeaLeaves".into()));
    assert_eq!(error.path, "Request/Body/ReadTeaLeaves");
}

/// Twenty bodies of each service there is.
#[test]
fn a_body_of_every_service_comes_back_from_its_text() {
    for entry in catalogue::entries() {
        for seed in 0..20 {
            let body = Body::sample(entry, &mut Draw::new(seed));
            assert_eq!(body.element(), entry.body);
            let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
            let request = Request::new(id, entry.srv, entry.variants[0], body);
            assert_eq!(read(&request.to_xml()), request, "{}", entry.srv);
        }
    }
}

fn read_template_like(body: &str, srv: &str, variant: u8) -> String {
    let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
    let variant = CommandVariant::from_number(variant).unwrap();
    let request = Request::new(id, srv.parse().unwrap(), variant, Body::plain("EnableSupply").unwrap());
    request.to_xml().replace("<sr:EnableSupply/>", body)
}

#[test]
fn values_outside_their_type_are_refused_by_name() {
    let cases = [
        ("<sr:TopUpDevice><sr:UTRN>1234567890123456789</sr:UTRN></sr:TopUpDevice>", "TopUpDevice/UTRN"),
        (
            "<sr:UpdateMeterBalance><sr:CreditMode><sr:AdjustMeterBalance>2147483648</sr:AdjustMeterBalance></sr:CreditMode></sr:UpdateMeterBalance>",
            "UpdateMeterBalance/CreditMode/AdjustMeterBalance",
        ),
        ("<sr:UpdateMeterBalance><sr:CashMode/></sr:UpdateMeterBalance>", "UpdateMeterBalance/CashMode"),
        (
            "<sr:DisplayMessage><sr:SupplierMessage></sr:SupplierMessage></sr:DisplayMessage>",
            "DisplayMessage/SupplierMessage",
        ),
        (
            "<sr:DisplayMessage><sr:SupplierMessage>caf\u{e9}</sr:SupplierMessage></sr:DisplayMessage>",
            "DisplayMessage/SupplierMessage",
        ),
        (
            "<sr:ReadMeterBalance><sr:ExecutionDateTime>2030-01-15T09:00:00</sr:ExecutionDateTime></sr:ReadMeterBalance>",
            "ReadMeterBalance/ExecutionDateTime",
        ),
        ("<sr:EnableSupply><sr:Now/></sr:EnableSupply>", "EnableSupply/Now"),
        (
            "<sr:SignedPreCommand><sr:GBCSPayload>!</sr:GBCSPayload></sr:SignedPreCommand>",
            "SignedPreCommand/GBCSPayload",
        ),
        ("<sr:EnableSupply/><sr:DisableSupply/>", "DisableSupply"),
    ];
    for (body, path) in cases {
        let text = read_template_like(body, "1.5", 4);
        let error = Request::parse(&Document::parse(&text).unwrap()).unwrap_err();
        assert_eq!(error.path, format!("Request/Body/{path}"), "{error}");
    }
}

#[test]
fn an_error_about_a_top_up_does_not_show_its_digits() {
    let text = read_template_like("<sr:TopUpDevice><sr:UTRN>7394614433204021731X</sr:UTRN></sr:TopUpDevice>", "2.2", 1);
    let error = Request::parse(&Document::parse(&text).unwrap()).unwrap_err();
    assert!(!error.to_string().contains("7394"), "{error}");
    let utrn = Utrn::new("73946144332040217315").unwrap();
    assert!(!format!("{utrn:?}").contains("7394"));
}

#[test]
fn an_index_given_twice_is_refused() {
    let body = "<sr:UpdatePricePrimaryElement><sr:PriceElements><sr:GasPriceElements><sr:CurrencyUnits>GBP</sr:CurrencyUnits>\
        <sr:StandingCharge>1</sr:StandingCharge><sr:TOUTariff><sr:TOUPrice index=\"2\">1</sr:TOUPrice><sr:TOUPrice index=\"2\">1</sr:TOUPrice>\
        </sr:TOUTariff></sr:GasPriceElements></sr:PriceElements></sr:UpdatePricePrimaryElement>";
    let error = Request::parse(&Document::parse(&read_template_like(body, "1.2.1", 4)).unwrap()).unwrap_err();
    assert_eq!(error.kind, XmlErrorKind::RepeatedIndex(2));
}

#[test]
fn parts_that_do_not_fit_each_other_have_their_response_code() {
    let misfit = |body: &str, srv, variant| read(&read_template_like(body, srv, variant)).check().unwrap_err();
    let (srv, variant) = ("2.5".parse().unwrap(), CommandVariant::Local);
    assert_eq!(misfit("<sr:ActivateEmergencyCredit/>", "2.5", 2), Misfit::Variant { srv, variant });
    let variant = CommandVariant::Transform;
    assert_eq!(misfit("<sr:EnableSupply/>", "2.5", 4), Misfit::Body { srv, variant });
    let spc = "<sr:SignedPreCommand><sr:GBCSPayload>AA==</sr:GBCSPayload></sr:SignedPreCommand>";
    assert_eq!(misfit(spc, "2.5", 4), Misfit::Body { srv, variant });
    assert!(read(&read_template_like(spc, "2.5", 6)).check().is_ok());
    assert_eq!(misfit("<sr:EnableSupply/>", "99.1", 4), Misfit::UnknownSrv("99.1".parse().unwrap()));
    let dated =
        "<sr:ReadMeterBalance><sr:ExecutionDateTime>2030-01-15T09:00:00Z</sr:ExecutionDateTime></sr:ReadMeterBalance>";
    let srv = "4.18".parse().unwrap();
    assert_eq!(misfit(dated, "4.18", 2), Misfit::ExecutionDate { srv, variant: CommandVariant::Local });
    assert!(read(&read_template_like(dated, "4.18", 1)).check().is_ok());
    assert_eq!(misfit(dated, "4.18", 2).response_code(), ResponseCode::E12);
    let wrong =
        read(&read_template_like("<sr:ReadMeterBalance/>", "4.18", 2)).check_at(Service::SendCommand).unwrap_err();
    assert_eq!(wrong.response_code(), ResponseCode::E13);
}

/// The header of every template: read, fits itself, and comes back.
#[test]
fn every_template_is_read_fits_the_catalogue_and_comes_back() {
    let Some(folder) = shared("duis/templates") else { return };
    let templates = files(&folder, "xml");
    assert!(templates.len() >= 240, "{}", templates.len());
    for (name, text) in templates {
        let request = read(&text);
        request.check().unwrap_or_else(|e| panic!("{name}: {e}"));
        request.check_values().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read(&request.to_xml()), request, "{name}");
    }
}

#[test]
fn what_we_write_is_valid_by_the_published_schema() {
    let Some(folder) = shared("duis") else { return };
    if !has_program("xmllint") {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    let mut write = |name: String, text: String| {
        let path = out.path().join(name);
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    };
    for seed in 0..20 {
        for (i, response) in Response::sample_each(&mut Draw::new(seed)).into_iter().enumerate() {
            write(format!("response-{i}-{seed}.xml"), response.to_xml());
        }
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for i in 0..400 {
        let request = request().new_tree(&mut runner).unwrap().current();
        write(format!("request-{i}.xml"), request.to_xml());
    }
    for (i, entry) in catalogue::entries().iter().enumerate() {
        let id = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
        for seed in 0..4 {
            let body = Body::sample(entry, &mut Draw::new(seed));
            write(format!("service-{i}-{seed}.xml"), Request::new(id, entry.srv, entry.variants[0], body).to_xml());
        }
    }
    for (name, text) in files(&folder.join("templates"), "xml") {
        write(name, read(&text).to_xml());
    }
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema"])
        .arg(folder.join("duis-offline.xsd"))
        .args(&paths)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let faults: Vec<_> = said.lines().filter(|l| !l.ends_with(" validates")).take(5).collect();
    assert!(output.status.success(), "{faults:#?}");
}

#[test]
fn only_a_request_that_brings_firmware_may_be_long() {
    let document = |srv: &str, inside: &str| {
        format!("<sr:ServiceReferenceVariant>{srv}</sr:ServiceReferenceVariant>{inside}{}", "A".repeat(600 << 10))
    };
    let is_long = |text: &str| Request::limits(text) == Limits::FIRMWARE;
    assert!(is_long(&document("11.1", "")) && is_long(&document(" 11.4 ", &"<a/>".repeat(500))));
    // Another service, none, and so much markup that a tree of it would be far larger than the text.
    assert!(!is_long(&document("11.2", "")) && !is_long(&"A".repeat(600 << 10)));
    assert!(!is_long(&document("11.1", &"<a/>".repeat(1024))) && !is_long(&document("11.1", &" a=''".repeat(1025))));
    assert!(!is_long("<sr:ServiceReferenceVariant>11.1</sr:ServiceReferenceVariant>"), "no need");
}
