//! Requests that wait for each other (DUIS 4.8).
use crate::common::desk::*;
use crate::common::*;
use duis::body::LocalCommandResponse;
use duis::{Body, CommandVariant, Content, Request, Service};
use std::time::Duration;

/// A read that comes after another.
fn after(counter: u64, preceding: u64) -> Request {
    let mut request = read_balance(counter);
    request.header.first_in_sequence = Some(false);
    request.header.preceding = Some(id(ESME, preceding));
    request
}

fn first(counter: u64) -> Request {
    let mut request = read_balance(counter);
    request.header.first_in_sequence = Some(true);
    request
}

#[test]
fn a_request_is_sent_when_the_one_before_it_has_succeeded() {
    let desk = Desk::new();
    assert_eq!(desk.code(&first(1)), "I99");
    assert_eq!(desk.code(&after(2, 1)), "I99");
    let command = desk.sent_one();
    assert!(desk.sent().is_empty(), "the second waits");
    desk.brought(&answer(&command, true));
    let second = desk.sent_one();
    assert_ne!(second, command);
    desk.brought(&answer(&second, true));
    assert!(desk.sent().is_empty());
    let told = desk.told();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|response| matches!(response.content(), Some(Content::DeviceResponse(_)))));
}

#[test]
fn a_request_fails_with_the_one_before_it_and_so_does_the_rest_of_the_chain() {
    let desk = Desk::new();
    desk.ask(&first(1));
    desk.ask(&after(2, 1));
    desk.ask(&after(3, 2));
    desk.brought(&answer(&desk.sent_one(), false));
    let told: Vec<_> = desk.told().iter().map(|r| (r.request_id.unwrap().counter.0, r.code.to_string())).collect();
    assert_eq!(told, [(1, "I0".into()), (2, "E41".into()), (3, "E41".into())]);
    assert!(desk.sent().is_empty());
    assert_eq!(desk.code(&after(4, 3)), "E41", "of one that has failed it is known at once");
    assert_eq!(desk.code(&after(3, 1)), "E57", "a name is used up");
}

#[test]
fn a_command_that_nobody_answers_has_failed() {
    let desk = Desk::new();
    desk.ask(&first(1));
    desk.ask(&after(2, 1));
    desk.sent_one();
    desk.gateway.give_up(id(ESME, 1), "4.18".parse().unwrap(), true, desk.now()).unwrap();
    let told: Vec<_> = desk.told().iter().map(|r| r.code.to_string()).collect();
    assert_eq!(told, ["E21", "E41"]);
}

#[test]
fn a_request_waits_for_one_that_comes_later_but_not_for_ever() {
    let desk = Desk::new();
    assert_eq!(desk.code(&after(2, 1)), "I99");
    assert_eq!(desk.code(&after(4, 3)), "I99");
    desk.pass(HOUR);
    desk.ask(&first(1));
    desk.brought(&answer(&desk.sent_one(), true));
    assert_eq!(desk.sent().len(), 1, "the second");
    desk.told();
    desk.pass(23 * HOUR - Duration::from_secs(1));
    assert!(desk.told().is_empty());
    desk.pass(Duration::from_secs(1));
    let response = desk.told_one();
    assert_eq!((response.code.as_str(), response.request_id), ("E42", Some(id(ESME, 4))));
    desk.pass(2 * DAY);
    assert!(desk.told().is_empty());
}

#[test]
fn what_is_answered_at_once_does_not_wait() {
    let desk = Desk::new();
    desk.ask(&first(1));
    let mut local = after(2, 1);
    local.header.variant = CommandVariant::Local;
    assert_eq!(desk.code(&local), "E43");
    let mut service = request(ACB, 3, "5.2", CommandVariant::NonDevice, which_schedule());
    service.header.preceding = Some(id(ESME, 1));
    assert_eq!(desk.code(&service), "E43");
    desk.brought(&answer(&desk.sent_one(), true));
    assert_eq!(desk.code(&local), "I0", "refused before, so its name was not used");
}

fn which_schedule() -> Body {
    Body::ReadSchedule(duis::body::dcc::WhichSchedule::Device(ESME))
}

#[test]
fn a_local_command_has_succeeded_when_its_response_was_returned() {
    let desk = Desk::new();
    let mut local = read_balance(1);
    local.header.variant = CommandVariant::Local;
    let response = desk.ask(&local);
    let Some(Content::LocalCommand(copy)) = response.content() else { panic!("{response:?}") };
    assert_eq!(desk.code(&after(2, 1)), "I99");
    assert!(desk.sent().is_empty());
    let returned = LocalCommandResponse { original: Some(id(ESME, 1)), response: answer(&copy.payload, true) };
    let returned = Body::ReturnLocalCommandResponse(returned);
    let returned = request(ACB, 9, "8.13", CommandVariant::NonDevice, returned);
    assert!(desk.ask(&returned).code.is_success());
    assert_eq!(desk.sent().len(), 1);
    // A service of the DCC alone is done when it is accepted.
    let mut behind_service = read_balance(10);
    behind_service.header.preceding = Some(id(ACB, 9));
    assert_eq!(desk.code(&behind_service), "I99");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_signed_pre_command_waits_and_its_transform_does_not() {
    let desk = Desk::new();
    desk.ask(&first(1));
    let mut arm = request(ESME, 2, "7.3", CommandVariant::Transform, Body::plain("ArmSupply").unwrap());
    arm.header.preceding = Some(id(ESME, 1));
    let payload = desk.sign(&arm);
    let both_ways = with_signature(&arm, CommandVariant::SendAndLocalSigned, payload);
    let response = desk.ask(&both_ways);
    assert_eq!((response.code.as_str(), response.content()), ("I99", Some(&Content::Acknowledgement)));
    let command = desk.sent_one();
    desk.brought(&answer(&command, true));
    let second = desk.sent_one();
    // The copy that would have been the answer is told later.
    let copy = desk.told().into_iter().find(|response| response.request_id == Some(id(ESME, 2))).unwrap();
    let Some(Content::LocalCommand(copy)) = copy.content() else { panic!("{copy:?}") };
    assert_eq!(copy.payload, second);
}

#[test]
fn a_sequence_that_makes_no_sense_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.code(&after(1, 1)), "E40");
    let mut both = after(2, 1);
    both.header.first_in_sequence = Some(true);
    assert_eq!(desk.code(&both), "E40");
    let mut theirs = after(2, 1);
    theirs.header.preceding = Some(duis::RequestId { originator: OTHER_SUPPLIER, ..id(ESME, 1) });
    assert_eq!(desk.ask_signed(Service::SendCommand, &signed(&theirs)).code.as_str(), "E40");
    assert_eq!(desk.code(&read_balance(1)), "I99", "no name was used");
    assert_eq!(desk.code(&read_balance(2)), "I99");
}

#[test]
fn a_sequence_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcc.sqlite");
    let command = {
        let desk = Desk::with(config(None), Some(&path));
        desk.ask(&first(1));
        desk.ask(&after(2, 1));
        desk.sent_one()
    };
    let desk = Desk::with(config(None), Some(&path));
    assert_eq!(desk.code(&after(2, 1)), "E57");
    desk.brought(&answer(&command, true));
    assert_eq!(desk.sent().len(), 1);
}
