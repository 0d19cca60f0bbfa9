//! Alerts of devices, and the alerts that the DCC makes of them.
use crate::common::house::*;
use crate::common::*;
use duis::response::alert::DccEvent;
use duis::{AlertCode, Body, DeviceType, RequestId, Response, ResponseBody};
use gbcs::dlms::{Data, DataNotification, DateTime, InvokeId};
use gbcs::{Counter, Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId, MessageView, protect};
use std::time::Duration;

/// An Alert that the electricity meter signs, for a User.
fn alert_of_the_meter(house: &House, user: Eui64, alert: u16) -> Vec<u8> {
    house.counter.set(house.counter.get() + 1);
    let counter = Counter(house.counter.get());
    let id = MessageId { originator: ESME, target: user, cra: Cra::Alert, counter };
    let notification = DataNotification {
        invoke: InvokeId::of(counter),
        code: alert,
        time: DateTime::at(house.now()),
        further: Vec::new(),
    };
    let plain = Message::plain(GroupingHeader::new(id, MessageCode(0x1000)), notification.encode()).encode();
    protect::sign(&gbcs::crypto::AwsLc, &key(ESME_KA + 1), &plain).unwrap()
}

fn device_alert(response: &Response) -> (AlertCode, Option<u32>, Option<u32>) {
    match &response.body {
        ResponseBody::DeviceAlert(alert) => (alert.code, alert.throttled_sequence, alert.throttled_count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_alert_goes_to_the_user_it_names_and_to_nobody_else() {
    let house = House::new();
    let alert = alert_of_the_meter(&house, OPERATOR, 0x810D);
    house.brought(&alert);
    house.brought(&alert);
    let told = house.told();
    let [(OPERATOR, response)] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(device_alert(response), (AlertCode(0x810D), None, None));
    let counter = Counter(house.counter.get());
    assert_eq!(response.response_id, Some(RequestId { originator: ESME, target: OPERATOR, counter }));
    house.brought(&alert_of_the_meter(&house, Eui64::from_u64(1), 0x810D));
    assert!(house.told().is_empty(), "no User");
}

#[test]
fn repeats_are_collapsed_and_told_of_when_their_hour_is_over() {
    let house = House::new();
    let limit = house.gateway.config.throttle.alerts as usize;
    for _ in 0..limit + 5 {
        house.brought(&alert_of_the_meter(&house, SUPPLIER, 0x810D));
    }
    // Another code, and another User, are not held back.
    house.brought(&alert_of_the_meter(&house, SUPPLIER, 0x810E));
    house.brought(&alert_of_the_meter(&house, OPERATOR, 0x810D));
    let told = house.told();
    assert_eq!(told.len(), limit + 2);
    assert!(told.iter().all(|(_, response)| device_alert(response).1.is_none()));
    house.pass(Duration::from_secs(3599));
    assert!(house.told().is_empty());
    house.pass(Duration::from_secs(1));
    let told = house.told();
    let [(SUPPLIER, response)] = &told[..] else { panic!("{told:#?}") };
    assert_eq!(device_alert(response), (AlertCode(0x810D), Some(1), Some(5)));
    // From then on one by one again; the next run has the next number.
    for _ in 0..limit + 1 {
        house.brought(&alert_of_the_meter(&house, SUPPLIER, 0x810D));
    }
    assert_eq!(house.told().len(), limit);
    house.pass(Duration::from_secs(7200));
    assert_eq!(device_alert(&house.told()[0].1), (AlertCode(0x810D), Some(2), Some(1)));
}

#[test]
fn who_sent_a_command_that_did_not_reach_the_meter_hears_it() {
    let house = House::new();
    let (asked, command) = house.command(SUPPLIER, ESME, "4.18", Body::plain("ReadMeterBalance").unwrap());
    let id = MessageView::parse(&command).unwrap().id();
    let undelivered = |counter: Counter| [&id.originator.0[..], &id.target.0, &[1], &counter.0.to_be_bytes()].concat();
    let told = |further| {
        house.brought(&house.alert_for_the_broker(CHF, 0x00D5, 0x8F84, vec![Data::octets(further)]));
        house.alerts()
    };
    let alerts = told(undelivered(id.counter));
    let [(SUPPLIER, alert)] = &alerts[..] else { panic!("{alerts:#?}") };
    assert_eq!(alert.code.to_string(), "N53");
    let DccEvent::CommandFailure(failure) = &alert.event else { panic!() };
    assert_eq!((failure.request, failure.device), (asked.header.id, ESME));
    // One that the DCC does not know: the suppliers hear of the hub's trouble.
    let alerts = told(undelivered(Counter(id.counter.0 + 100)));
    let [(SUPPLIER, alert)] = &alerts[..] else { panic!("{alerts:#?}") };
    let DccEvent::Hub(hub) = &alert.event else { panic!() };
    assert_eq!((hub.hub, hub.code), (CHF, AlertCode(0x8F84)));
}

#[test]
fn an_alert_of_a_ppmid_is_the_suppliers_business_if_it_is_the_ppmids() {
    let house = House::new();
    let good = house.alert_for_the_broker(PPMID, 0x1000, 0x8F1E, Vec::new());
    let mut forged = house.alert_for_the_broker(PPMID, 0x1000, 0x8F1E, Vec::new());
    *forged.last_mut().unwrap() ^= 1;
    house.brought(&forged);
    assert!(house.told().is_empty());
    house.brought(&good);
    let alerts = house.alerts();
    let [(SUPPLIER, alert)] = &alerts[..] else { panic!("{alerts:#?}") };
    assert_eq!(alert.code.to_string(), "N39");
    let DccEvent::Ppmid(event) = &alert.event else { panic!() };
    assert_eq!((event.device, event.code, event.at), (PPMID, AlertCode(0x8F1E), Some(house.now())));
}

#[test]
fn a_forged_device_log_changes_nothing() {
    let house = House::new();
    let mut forged = house.hub_log(CHF, &[]);
    *forged.last_mut().unwrap() ^= 1;
    house.brought(&forged);
    assert_eq!(house.device(PPMID).hub, Some(CHF));
    // The hub's own word: the display is gone, a commissioned meter is missed.
    house.brought(&house.hub_log(CHF, &[(GSME, true)]));
    assert_eq!((house.device(PPMID).hub, house.status(PPMID)), (None, "Pending"));
    assert_eq!(house.status(ESME), "Commissioned");
    assert_eq!(
        house.alerts().iter().map(|(user, alert)| (*user, alert.code.to_string())).collect::<Vec<_>>(),
        [(SUPPLIER, "N43".to_owned())]
    );
    // A log that names devices which nobody notified is taken as it is.
    house.brought(&house.hub_log(CHF, &[(GSME, true), (NEW_PPMID, true)]));
    assert_eq!(house.gateway.store.device(NEW_PPMID).unwrap(), None);
    assert_eq!(house.service(SUPPLIER, "12.2", notification(NEW_PPMID, DeviceType::Ppmid, None)), "I99");
}
