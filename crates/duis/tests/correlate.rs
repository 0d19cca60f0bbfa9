//! What is checked before signing and before delivery.
mod common;

use std::time::Duration;

use common::files;
use duis::client::{Errand, Fault, Progress, Retry, Unusable, read_answer};
use duis::correlate::{CLOCK_TOLERANCE, Mismatch, check_local_command, check_local_command_for, correlate};
use duis::xml::Document;
use duis::xml::sample::Draw;
use duis::{
    Body, CommandFailure, CommandVariant, Content, DccEvent, Device, DeviceType, LocalCommand, Misfit, Party,
    PreCommand, Request, RequestId, Requester, Response, ResponseBody, ResponseCode, SignerRole, TransformContext,
    transform,
};
use gbcs::crypto::{Crypto as _, RustCrypto, SharedSecret};
use gbcs::protect::ProtectError;
use gbcs::{Counter, Eui64, Form, Time, protect};
use proptest::prelude::*;

const NOW: Time = Time::from_zigbee(0x3000_0001);

/// Our own requests, each with its context.
fn requests() -> Vec<(String, Request, TransformContext)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/requests");
    let read = |(name, text): (String, String)| {
        let kind = if name.contains("gas") { DeviceType::Gsme } else { DeviceType::Esme };
        let mut device = Device::new(kind);
        device.twin_element = name.contains("twin");
        let request = Request::parse(&Document::parse(&text).unwrap()).unwrap();
        (name, request, TransformContext::new(device, NOW))
    };
    files(&folder, "xml").into_iter().map(read).collect()
}

fn named(part: &str) -> (Request, TransformContext) {
    let (_, request, ctx) = requests().into_iter().find(|(name, ..)| name.contains(part)).unwrap();
    (request, ctx)
}

#[test]
fn the_pre_command_of_a_request_is_accepted_with_and_without_its_empty_signature() {
    for (name, request, ctx) in requests() {
        let made = transform(&request, &ctx).unwrap();
        assert_eq!(correlate(&request, &made.octets, &ctx).as_ref(), Ok(&made), "{name}");
        assert_eq!(correlate(&request, &[&made.octets[..], &[0]].concat(), &ctx).as_ref(), Ok(&made), "{name}");
        assert!(correlate(&request, &[&made.octets[..], &[0, 0]].concat(), &ctx).is_err(), "{name}");
    }
}

#[test]
fn no_octet_but_those_of_the_clock_may_differ() {
    for (name, request, ctx) in requests() {
        let made = transform(&request, &ctx).unwrap();
        for at in 0..made.octets.len() {
            let mut octets = made.octets.clone();
            octets[at] ^= 0x80;
            let result = correlate(&request, &octets, &ctx);
            let clock = made.clock_fields.iter().find(|c| (**c..**c + 4).contains(&at));
            match clock {
                // The lowest octet alone moves the time by some two minutes.
                Some(start) if at == *start => assert!(result.is_ok(), "{name}, octet {at}: {result:?}"),
                Some(_) => assert!(matches!(result, Err(Mismatch::Clock { .. })), "{name}, octet {at}: {result:?}"),
                None => assert!(result.is_err(), "{name}, octet {at}"),
            }
        }
    }
}

#[test]
fn a_mismatch_says_what_differs() {
    let (request, ctx) = named("elec-adjust");
    let octets = transform(&request, &ctx).unwrap().octets;
    let with = |at: usize, octet: u8| {
        let mut octets = octets.clone();
        octets[at] = octet;
        correlate(&request, &octets, &ctx).unwrap_err()
    };
    assert!(matches!(with(10, 0x06), Mismatch::Id { .. }));
    assert!(matches!(with(27, 0x78), Mismatch::Id { .. }));
    assert_eq!(with(32, 0xB3).to_string(), "message code 0x00B3 where 0x001C was asked for");
    assert_eq!(with(octets.len() - 1, 0xFF), Mismatch::Payload { offset: 22, expected: 23 });
    assert!(matches!(with(0, 0xDE), Mismatch::Malformed(_)));
}

#[test]
fn the_clock_of_the_dcc_may_stand_apart_by_the_tolerance_and_no_more() {
    let (request, ctx) = named("gas-reset");
    let made_at = |now| transform(&request, &TransformContext { now, ..ctx.clone() }).unwrap().octets;
    let (early, late) = (Time(NOW.0 - CLOCK_TOLERANCE.as_millis() as u64), NOW + CLOCK_TOLERANCE);
    assert!(correlate(&request, &made_at(early), &ctx).is_ok());
    assert!(correlate(&request, &made_at(late), &ctx).is_ok());
    let too_late = late + Duration::from_secs(1);
    let error = correlate(&request, &made_at(too_late), &ctx).unwrap_err();
    assert_eq!(error, Mismatch::Clock { offset: 11, found: too_late, tolerance: CLOCK_TOLERANCE });
}

#[test]
fn a_pre_command_that_is_signed_already_is_refused() {
    let (request, ctx) = named("elec-debt");
    let octets = transform(&request, &ctx).unwrap().octets;
    let key = RustCrypto.private_key(&[7; 32]).unwrap();
    let signed = protect::sign(&RustCrypto, &key, &octets).unwrap();
    let error = correlate(&request, &signed, &ctx).unwrap_err();
    assert_eq!(error, Mismatch::Form { expected: Form::Plain, found: Form::Signed });
}

#[test]
fn a_local_command_must_hold_our_signed_pre_command_and_nothing_else() {
    let (request, ctx) = named("elec-debt");
    let octets = transform(&request, &ctx).unwrap().octets;
    let (key, z) = (RustCrypto.private_key(&[7; 32]).unwrap(), SharedSecret::new([9; 32]));
    let signed = protect::sign(&RustCrypto, &key, &octets).unwrap();
    let local = protect::add_mac(&RustCrypto, &z, &signed).unwrap();
    assert_eq!(check_local_command(&local, &signed), Ok(()));
    assert_eq!(
        check_local_command(&signed, &signed),
        Err(Mismatch::Form { expected: Form::Maced, found: Form::Signed })
    );
    let unsigned = protect::add_mac(&RustCrypto, &z, &octets).unwrap();
    assert_eq!(check_local_command(&unsigned, &signed), Err(Mismatch::NotOurs { offset: octets.len() }));
    // The MAC is not ours to check; every octet between is.
    for at in 0..local.len() - 12 {
        let mut other = local.clone();
        other[at] ^= 1;
        assert!(check_local_command(&other, &signed).is_err(), "octet {at}");
    }
}

#[test]
fn a_local_command_nobody_signed_must_mean_what_was_asked() {
    let (request, ctx) = named("elec-message");
    let octets = transform(&request, &ctx).unwrap().octets;
    let (key, z) = (RustCrypto.private_key(&[7; 32]).unwrap(), SharedSecret::new([9; 32]));
    let local = protect::add_mac(&RustCrypto, &z, &octets).unwrap();
    assert!(check_local_command_for(&request, &local, &ctx).is_ok());
    for at in 0..local.len() - 12 {
        let mut other = local.clone();
        other[at] ^= 1;
        assert!(check_local_command_for(&request, &other, &ctx).is_err(), "octet {at}");
    }
    let signed = protect::sign(&RustCrypto, &key, &octets).unwrap();
    let local = protect::add_mac(&RustCrypto, &z, &signed).unwrap();
    assert_eq!(check_local_command_for(&request, &local, &ctx), Err(Mismatch::Signed));
}

proptest! {
    #[test]
    fn arbitrary_octets_are_refused_without_panic(octets: Vec<u8>) {
        let (request, ctx) = named("gas-debt");
        prop_assert!(correlate(&request, &octets, &ctx).is_err());
        prop_assert!(check_local_command(&octets, &octets).is_err());
        prop_assert!(check_local_command_for(&request, &octets, &ctx).is_err());
    }
}

#[test]
fn the_broker_counts_its_own_commands_but_nobody_else_may_be_the_broker() {
    let (top, mut ctx) = named("elec-message");
    let body = Body::plain("ReadSupplyStatus").unwrap();
    let request = Request::new(top.header.id, "7.4".parse().unwrap(), CommandVariant::Send, body);
    ctx.requester = Requester::Unknown;
    let of = |id, counter| Some(Party { id: Eui64::from_u64(id), counter: Counter(counter) });
    ctx.broker = of(0xB0, 0);
    let made_by = |broker| transform(&request, &TransformContext { broker, ..ctx.clone() }).unwrap().octets;
    assert!(correlate(&request, &made_by(of(0xB0, 77)), &ctx).is_ok());
    assert!(matches!(correlate(&request, &made_by(of(0xBAD, 77)), &ctx), Err(Mismatch::Id { .. })));
}

/// The DCC's answer to `request`.
fn answer(request: &Request, code: ResponseCode, content: Content) -> Response {
    Response::answer(request.header.id, request.header.srv, code, NOW, content)
}

fn never(_: &[u8]) -> Result<Vec<u8>, ProtectError> {
    panic!("nothing is signed here")
}

#[test]
fn a_critical_errand_transforms_signs_and_takes_the_command_that_holds_what_was_signed() {
    let (request, ctx) = named("elec-debt");
    let (key, z) = (RustCrypto.private_key(&[7; 32]).unwrap(), SharedSecret::new([9; 32]));
    let sign = |octets: &[u8]| protect::sign(&RustCrypto, &key, octets);
    for wanted in [CommandVariant::SendSigned, CommandVariant::LocalSigned, CommandVariant::SendAndLocalSigned] {
        let mut errand = Errand::new(request.clone(), wanted).unwrap();
        let first = errand.document();
        assert_eq!((first.header.variant, first.body.element()), (CommandVariant::Transform, request.body.element()));
        let payload = transform(&request, &ctx).unwrap().octets;
        let pre_command = Content::PreCommand(PreCommand { gbcs_version: "4.3".into(), payload: payload.clone() });
        let progress = errand.take(&answer(&first, ResponseCode::I0, pre_command), &ctx, sign).unwrap();
        let Progress::Signed { signed, pre_command, .. } = progress else { panic!("{progress:?}") };
        assert_eq!(pre_command, payload);
        let second = errand.document();
        assert_eq!((second.header.variant, second.header.id), (wanted, request.header.id));
        assert!(second.check().is_ok() && second.check_values().is_ok());
        let local = protect::add_mac(&RustCrypto, &z, &signed).unwrap();
        let local_command = Content::LocalCommand(LocalCommand { payload: local.clone() });
        let told = errand.take(&answer(&second, ResponseCode::I0, local_command), &ctx, never);
        let accepted = errand.take(&answer(&second, ResponseCode::I99, Content::Acknowledgement), &ctx, never);
        let no = |expected| Err(Fault::Content { expected });
        match wanted {
            CommandVariant::SendSigned => assert_eq!((told, accepted), (no("acknowledgement"), Ok(Progress::Accepted))),
            CommandVariant::LocalSigned => assert_eq!((told, accepted), (Ok(Progress::Command(local)), no("Command"))),
            _ => assert_eq!((told, accepted), (Ok(Progress::Command(local)), Ok(Progress::Accepted))),
        }
        let mut altered = payload;
        *altered.last_mut().unwrap() ^= 1;
        let another = protect::add_mac(&RustCrypto, &z, &sign(&altered).unwrap());
        let forged = Content::LocalCommand(LocalCommand { payload: another.unwrap() });
        let fault = errand.take(&answer(&second, ResponseCode::I0, forged), &ctx, never).unwrap_err();
        assert!(matches!(fault, Fault::Command(Mismatch::NotOurs { .. }) | Fault::Content { .. }), "{fault}");
    }
}

#[test]
fn a_pre_command_that_differs_is_not_signed_and_a_refusal_ends_the_errand() {
    let (request, ctx) = named("elec-debt");
    let mut errand = Errand::new(request, CommandVariant::LocalSigned).unwrap();
    let document = errand.document();
    let mut payload = transform(errand.request(), &ctx).unwrap().octets;
    *payload.last_mut().unwrap() ^= 1;
    let forged = Content::PreCommand(PreCommand { gbcs_version: "4.3".into(), payload });
    let fault = errand.take(&answer(&document, ResponseCode::I0, forged), &ctx, never).unwrap_err();
    assert!(matches!(fault, Fault::PreCommand(Mismatch::Payload { .. })), "{fault}");
    let empty = errand.take(&answer(&document, ResponseCode::I0, Content::Acknowledgement), &ctx, never);
    assert_eq!(empty, Err(Fault::Content { expected: "Pre-Command" }));
    let refused = errand.take(&answer(&document, ResponseCode::E4, Content::Acknowledgement), &ctx, never);
    assert_eq!(refused, Err(Fault::Refused(ResponseCode::E4)));
    assert_eq!(errand.document(), document);
}

#[test]
fn an_errand_that_nobody_signs_takes_the_command_that_means_what_was_asked() {
    let (request, ctx) = named("elec-message");
    let z = SharedSecret::new([9; 32]);
    let octets = transform(&request, &ctx).unwrap().octets;
    let mut errand = Errand::new(request, CommandVariant::Local).unwrap();
    let document = errand.document();
    assert_eq!(document.header.variant, CommandVariant::Local);
    let local = |octets: &[u8]| {
        let payload = protect::add_mac(&RustCrypto, &z, octets).unwrap();
        answer(&document, ResponseCode::I0, Content::LocalCommand(LocalCommand { payload }))
    };
    assert!(matches!(errand.take(&local(&octets), &ctx, never), Ok(Progress::Command(_))));
    let other = [&octets[..octets.len() - 1], b"!"].concat();
    assert!(matches!(errand.take(&local(&other), &ctx, never), Err(Fault::Command(Mismatch::Payload { .. }))));
}

#[test]
fn an_errand_is_for_a_variant_of_its_service() {
    let (critical, _) = named("elec-debt");
    let (message, _) = named("elec-message");
    assert!(matches!(Errand::new(critical.clone(), CommandVariant::Local), Err(Misfit::Variant { .. })));
    assert!(matches!(Errand::new(message.clone(), CommandVariant::LocalSigned), Err(Misfit::Variant { .. })));
    assert!(matches!(Errand::new(message, CommandVariant::NonDevice), Err(Misfit::Variant { .. })));
    let mut transform_only = Errand::new(critical, CommandVariant::Transform).unwrap();
    let (request, ctx) = named("elec-debt");
    let payload = transform(&request, &ctx).unwrap().octets;
    let pre_command = Content::PreCommand(PreCommand { gbcs_version: "4.3".into(), payload });
    let taken = transform_only.take(&answer(&request, ResponseCode::I0, pre_command), &ctx, never);
    assert!(matches!(taken, Ok(Progress::PreCommand { .. })), "{taken:?}");
    let inventory = Request::new(
        request.header.id,
        "8.3".parse().unwrap(),
        CommandVariant::NonDevice,
        Body::DecommissionDevice(duis::body::dcc::DecommissionDevice { device: request.header.id.target }),
    );
    let mut own = Errand::new(inventory.clone(), CommandVariant::NonDevice).unwrap();
    let done = own.take(&answer(&inventory, ResponseCode::I99, Content::Acknowledgement), &ctx, never);
    assert_eq!(done, Ok(Progress::Done(Content::Acknowledgement)));
}

#[test]
fn an_answer_is_usable_only_from_the_dcc_and_to_this_request() {
    let (request, _) = named("elec-message");
    let (key, user) = common::signer("90-B3-D5-1F-30-00-00-02", SignerRole::DspXmlSign);
    let read = |response: &Response, asked| {
        let text = response.sign(&RustCrypto, &key).unwrap();
        read_answer(&RustCrypto, &text, asked, |_| Some(user))
    };
    let asked = request.header.id;
    let good = answer(&request, ResponseCode::I99, Content::Acknowledgement);
    assert_eq!(read(&good, asked), Ok(good.clone()));
    let other = RequestId { counter: Counter(asked.counter.0 + 1), ..asked };
    assert_eq!(read(&good, other), Err(Unusable::Misdirected { found: Some(asked) }));
    let nameless = Response { request_id: None, ..good.clone() };
    assert_eq!(read(&nameless, asked), Err(Unusable::Misdirected { found: None }));
    let error = Response { code: ResponseCode::E1, ..nameless };
    assert_eq!(read(&error, asked), Ok(error));
    assert!(matches!(read_answer(&RustCrypto, "<html>", asked, |_| None), Err(Unusable::Refused(_))));
    for (code, retry) in [
        ("E20", Retry::NewCounter),
        ("E21", Retry::NewCounter),
        ("E30", Retry::NewCounter),
        ("E1", Retry::Never),
        ("I0", Retry::Never),
    ] {
        assert_eq!(Retry::after(&duis::xml::Text::read(code).unwrap()), retry, "{code}");
    }
}

#[test]
fn an_alert_of_the_dcc_names_its_request_and_its_device() {
    let id: RequestId = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000".parse().unwrap();
    let mut named = 0;
    for seed in 0..40 {
        for response in Response::sample_each(&mut Draw::new(seed)) {
            let ResponseBody::DccAlert(alert) = &response.body else { continue };
            named += usize::from(alert.event.request().is_some());
            let text = response.to_xml();
            let shows = |what: String| assert!(text.contains(&what), "{what}\n{text}");
            alert.event.request().into_iter().for_each(|request| shows(request.to_string()));
            alert.event.device().into_iter().for_each(|device| shows(device.to_string()));
        }
    }
    assert!(named > 40);
    let failure = CommandFailure { request: id, schedule: None, device: id.target };
    let event = DccEvent::CommandFailure(failure);
    assert_eq!((event.request(), event.device()), (Some(id), Some(id.target)));
}
