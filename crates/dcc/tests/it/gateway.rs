//! The gateway without its sockets: what it accepts, what it makes of it, and every refusal.
use crate::common::*;
use dcc::gateway::{Answer, Gateway};
use dcc::store::Store;
use duis::body::{LocalCommandResponse, SignedPreCommand};
use duis::{Body, CommandVariant, Content, Execution, LocalCommand, Request, Response, Service, SignerRole};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Form, MessageView, Time, protect};

const NOW: Time = Time::from_seconds(1_790_000_000);

fn gateway() -> Gateway {
    Gateway::new(config(None), Store::open(None).unwrap()).unwrap()
}

/// What comes back, its signature checked.
fn ask(gateway: &Gateway, service: Service, xml: &str) -> Response {
    match gateway.handle(service, xml, NOW) {
        Answer::Document(xml) => {
            let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
            Response::accept(&AwsLc, &xml, |c| (*c == certificate).then_some(dcc)).expect("signed by the DCC")
        }
        other => panic!("no document: {other:?}"),
    }
}

fn code(gateway: &Gateway, service: Service, request: &Request) -> String {
    ask(gateway, service, &signed(request)).code.as_str().to_owned()
}

fn arm(counter: u64, variant: CommandVariant) -> Request {
    request(ESME, counter, "7.3", variant, Body::plain("ArmSupply").unwrap())
}

fn pre_command(gateway: &Gateway, counter: u64) -> Vec<u8> {
    let response = ask(gateway, Service::Transform, &signed(&arm(counter, CommandVariant::Transform)));
    assert_eq!(response.code.as_str(), "I0");
    match response.content() {
        Some(Content::PreCommand(made)) => made.payload.clone(),
        other => panic!("no Pre-Command: {other:?}"),
    }
}

fn spc(counter: u64, variant: CommandVariant, payload: Vec<u8>) -> Request {
    let body = Body::SignedPreCommand(SignedPreCommand { execution: Execution::Immediate, payload });
    request(ESME, counter, "7.3", variant, body)
}

fn local_command(gateway: &Gateway, counter: u64) -> Vec<u8> {
    let payload = protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &pre_command(gateway, counter)).unwrap();
    let response = ask(gateway, Service::NonDevice, &signed(&spc(counter, CommandVariant::LocalSigned, payload)));
    match response.content() {
        Some(Content::LocalCommand(local)) => local.payload.clone(),
        other => panic!("no local Command: {} {other:?}", response.code.as_str()),
    }
}

#[test]
fn a_critical_request_becomes_a_command_that_the_meter_can_check() {
    let gateway = gateway();
    let command = local_command(&gateway, 1000);
    let view = MessageView::parse(&command).unwrap();
    assert_eq!(view.form(), Form::Maced);
    protect::verify_signature(&AwsLc, key(SUPPLIER_GBCS).public(), &view).unwrap();
    let z = AwsLc.agree(&key(ESME_KA), key(ACB_KA).public()).unwrap();
    protect::verify_mac(&AwsLc, &z, &view).unwrap();
}

#[test]
fn a_request_that_contradicts_itself_is_refused_and_its_name_stays_free() {
    let gateway = gateway();
    let read = |from, to| {
        let period = duis::body::ReadLogPeriod { start: Time::from_seconds(from), end: Time::from_seconds(to) };
        let element = "ReadActiveImportProfileData";
        let body = duis::body::ReadLog { element, execution: Execution::Immediate, period, credentials: None };
        request(ESME, 7, "4.8.1", CommandVariant::Local, Body::ReadLog(body))
    };
    let (early, late) = (1_780_000_000, 1_780_086_400);
    assert_eq!(code(&gateway, Service::NonDevice, &read(late, early)), "E48");
    assert_eq!(code(&gateway, Service::NonDevice, &read(early, late)), "I0");
}

#[test]
fn a_non_critical_request_becomes_a_command_at_once() {
    let gateway = gateway();
    let read = request(ESME, 7, "4.18", CommandVariant::Local, Body::plain("ReadMeterBalance").unwrap());
    let response = ask(&gateway, Service::NonDevice, &signed(&read));
    let Some(Content::LocalCommand(LocalCommand { payload: command })) = response.content() else {
        panic!("{response:?}")
    };
    let z = AwsLc.agree(&key(ESME_KA), key(ACB_KA).public()).unwrap();
    protect::verify_mac(&AwsLc, &z, &MessageView::parse(command).unwrap()).unwrap();
}

#[test]
fn what_goes_by_wan_is_acknowledged_and_queued() {
    let gateway = gateway();
    let payload = protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &pre_command(&gateway, 5)).unwrap();
    assert_eq!(code(&gateway, Service::SendCommand, &spc(5, CommandVariant::SendSigned, payload.clone())), "I99");
    let unsent = gateway.store.next_unsent(CHF).unwrap().expect("one is queued");
    assert_eq!(MessageView::parse(&unsent.command).unwrap().plain_octets().len() + 65, payload.len());
    let open = gateway.store.open_after(0).unwrap();
    assert_eq!((open.len(), open[0].row, open[0].sent), (1, unsent.row, None));
}

#[test]
fn every_refusal_has_its_code_and_leaves_nothing() {
    let gateway = gateway();
    let arm = |variant| arm(1, variant);
    let t = Service::Transform;
    // Wrong URL, wrong variant, wrong body.
    assert_eq!(code(&gateway, Service::NonDevice, &arm(CommandVariant::Transform)), "E13");
    assert_eq!(code(&gateway, Service::SendCommand, &arm(CommandVariant::Send)), "E12");
    let body = Body::plain("EnableSupply").unwrap();
    assert_eq!(code(&gateway, t, &request(ESME, 1, "7.3", CommandVariant::Transform, body)), "E12");
    // Devices: unknown, of another type, of a status, of another supplier.
    let at = |target| request(target, 1, "7.3", CommandVariant::Transform, Body::plain("ArmSupply").unwrap());
    assert_eq!(code(&gateway, t, &at("00-00-00-00-00-00-00-01".parse().unwrap())), "E19");
    assert_eq!(code(&gateway, t, &at(CHF)), "E11");
    assert_eq!(code(&gateway, t, &at(SUSPENDED)), "E5");
    let read = request(SUSPENDED, 1, "4.18", CommandVariant::Local, Body::plain("ReadMeterBalance").unwrap());
    assert_eq!(code(&gateway, Service::NonDevice, &read), "E5");
    let mut theirs = at(ESME);
    theirs.header.id.originator = OTHER_SUPPLIER;
    let xml = theirs.sign(&AwsLc, &xml_key(OTHER_XML)).unwrap();
    assert_eq!(ask(&gateway, t, &xml).code.as_str(), "E4");
    // A role that may not.
    let export =
        request(ESME, 1, "4.2", CommandVariant::Send, Body::plain("ReadInstantaneousExportRegisters").unwrap());
    assert_eq!(code(&gateway, Service::SendCommand, &export), "E2");
    // Signatures: none, by a stranger, by another user, changed content.
    let unsigned = arm(CommandVariant::Transform).to_xml();
    assert_eq!(ask(&gateway, t, &unsigned).code.as_str(), "E1");
    for stranger in [99, OTHER_XML] {
        let xml = arm(CommandVariant::Transform).sign(&AwsLc, &xml_key(stranger)).unwrap();
        assert_eq!(ask(&gateway, t, &xml).code.as_str(), "E1");
    }
    let changed = signed(&arm(CommandVariant::Transform)).replace(":1<", ":2<");
    assert_eq!(ask(&gateway, t, &changed).code.as_str(), "E1");
    // Documents: not of the schema, an unknown service.
    let odd =
        signed(&arm(CommandVariant::Transform)).replace("<sr:ArmSupply/>", "<sr:ArmSupply><sr:X/></sr:ArmSupply>");
    assert!(odd.contains("<sr:X/>"));
    assert_eq!(ask(&gateway, t, &odd).code.as_str(), "E1", "changed after signing: the signature fails first");
    let unknown = unsigned.replace("ArmSupply", "ArmEverything");
    let unknown = duis::signature::sign(&AwsLc, &unknown, &xml_key(SUPPLIER_XML)).unwrap();
    assert_eq!(ask(&gateway, t, &unknown).code.as_str(), "E100");
    // Nothing of all this used the name.
    assert_eq!(code(&gateway, t, &arm(CommandVariant::Transform)), "I0");
}

#[test]
fn what_is_no_xml_is_answered_without_a_document_unless_it_says_whom_to_answer() {
    let gateway = gateway();
    for text in ["", "<", "not xml", "<a/>"] {
        assert!(matches!(gateway.handle(Service::Transform, text, NOW), Answer::Unaddressed { .. }), "{text:?}");
    }
    let dtd = signed(&arm(1, CommandVariant::Transform)).replacen("?>", "?><!DOCTYPE a [<!ENTITY b \"c\">]>", 1);
    assert_eq!(ask(&gateway, Service::Transform, &dtd).code.as_str(), "E100");
    let cut = &signed(&arm(1, CommandVariant::Transform))[..700];
    let response = ask(&gateway, Service::Transform, cut);
    assert_eq!((response.code.as_str(), response.request_id), ("E100", Some(id(ESME, 1))));
}

#[test]
fn a_request_id_is_good_for_one_transform_and_one_signed_pre_command() {
    let gateway = gateway();
    let first = pre_command(&gateway, 9);
    assert_eq!(code(&gateway, Service::Transform, &arm(9, CommandVariant::Transform)), "E57");
    let payload = protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &first).unwrap();
    assert_eq!(code(&gateway, Service::NonDevice, &spc(9, CommandVariant::LocalSigned, payload.clone())), "I0");
    assert_eq!(code(&gateway, Service::NonDevice, &spc(9, CommandVariant::LocalSigned, payload.clone())), "E57");
    assert_eq!(code(&gateway, Service::SendCommand, &spc(9, CommandVariant::SendSigned, payload)), "E57");
}

#[test]
fn a_signed_pre_command_that_differs_in_one_octet_or_is_signed_by_another_is_refused() {
    let gateway = gateway();
    let plain = pre_command(&gateway, 3);
    for at in 0..plain.len() {
        let mut changed = plain.clone();
        changed[at] ^= 1;
        let Ok(payload) = protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &changed) else { continue };
        assert_eq!(
            code(&gateway, Service::NonDevice, &spc(3, CommandVariant::LocalSigned, payload)),
            "E58",
            "octet {at}"
        );
    }
    let by_another = protect::sign(&AwsLc, &key(13), &plain).unwrap();
    assert_eq!(code(&gateway, Service::NonDevice, &spc(3, CommandVariant::LocalSigned, by_another)), "E58");
    assert_eq!(code(&gateway, Service::NonDevice, &spc(3, CommandVariant::LocalSigned, plain.clone())), "E58");
    assert_eq!(code(&gateway, Service::NonDevice, &spc(3, CommandVariant::LocalSigned, vec![0xDF, 9])), "E58");
    // Of another request: the header names that one.
    let other = protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &pre_command(&gateway, 4)).unwrap();
    assert_eq!(code(&gateway, Service::NonDevice, &spc(3, CommandVariant::LocalSigned, other)), "E58");
    let good = protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &plain).unwrap();
    assert_eq!(code(&gateway, Service::NonDevice, &spc(3, CommandVariant::LocalSigned, good)), "I0");
}

/// The Response of the electricity meter to a Command, signed with the given key.
fn meter_response(command: &[u8], by: u8) -> Vec<u8> {
    let view = MessageView::parse(command).unwrap();
    let mut message = view.to_message();
    message.header.id = view.id().answer();
    message.signature = gbcs::envelope::SignatureField::Absent;
    message.mac = None;
    message.payload = vec![0xDA, 0x20, 0, 0, 0, 0, 0, 1, 0, 1, 3, 0];
    protect::sign(&AwsLc, &key(by), &message.encode()).unwrap()
}

#[test]
fn a_returned_response_is_taken_when_it_answers_a_local_command_and_is_the_devices() {
    let gateway = gateway();
    let command = local_command(&gateway, 1);
    let good = meter_response(&command, ESME_KA + 1);
    let mut counter = 100;
    let mut give = |original, response: &[u8]| {
        counter += 1;
        let body = Body::ReturnLocalCommandResponse(LocalCommandResponse { original, response: response.to_vec() });
        code(&gateway, Service::NonDevice, &request(ACB, counter, "8.13", CommandVariant::NonDevice, body))
    };
    assert_eq!(give(Some(id(ESME, 77)), &good), "E081301");
    assert_eq!(give(Some(id(ESME, 1)), &command), "E081302");
    assert_eq!(give(Some(id(ESME, 1)), b"no message"), "E081303");
    assert_eq!(give(Some(id(ESME, 1)), &meter_response(&command, ESME_KA)), "E081303");
    assert_eq!(gateway.store.returned(id(ESME, 1)).unwrap(), None);
    assert_eq!(give(Some(id(ESME, 1)), &good), "I0");
    assert_eq!(give(None, &good), "I0");
    assert_eq!(gateway.store.returned(id(ESME, 1)).unwrap(), Some(good));
}

#[test]
fn what_was_accepted_is_still_used_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcc.sqlite");
    let plain = {
        let gateway = Gateway::new(config(None), Store::open(Some(&path)).unwrap()).unwrap();
        pre_command(&gateway, 1)
    };
    let gateway = Gateway::new(config(None), Store::open(Some(&path)).unwrap()).unwrap();
    assert_eq!(code(&gateway, Service::Transform, &arm(1, CommandVariant::Transform)), "E57");
    assert_eq!(gateway.store.pre_command(id(ESME, 1)).unwrap(), Some(plain));
}
