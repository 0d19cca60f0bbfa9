//! DCC schedules (SRV 5.1 to 5.3).
use crate::common::desk::*;
use crate::common::*;
use dcc::DeviceStatus;
use duis::body::dcc::{
    CreateSchedule, Frequency, NotAfter, ReadLogPeriodOffset, ScheduleId, ScheduledRead, ScheduledReference,
    ScheduledVariant, WhichSchedule,
};
use duis::xml::value::{Day, TimeOfDay};
use duis::{Body, CommandVariant, Content, DccEvent, Request, Service};
use gbcs::crypto::AwsLc;
use gbcs::{Eui64, MessageView, Time};

/// The balance of every day, more or less: 4.14, at three in the morning from the day after [`START`].
fn daily() -> CreateSchedule {
    let civil = (START + DAY).civil();
    CreateSchedule {
        frequency: Frequency::Daily,
        start: Day::new(civil.year, civil.month, civil.day).unwrap(),
        end: None,
        start_time: Some(TimeOfDay { hour: 3, ..TimeOfDay::default() }),
        credentials: None,
        reference: ScheduledReference::S4_14,
        srv: ScheduledVariant::S4_14,
        device: ESME,
        read: ScheduledRead::PrepaymentDailyReadLog(ReadLogPeriodOffset {
            start_days: NotAfter::new(1).unwrap(),
            start_time: TimeOfDay::default(),
            end_days: NotAfter::new(0).unwrap(),
            end_time: TimeOfDay::default(),
        }),
    }
}

fn create(counter: u64, schedule: CreateSchedule) -> Request {
    request(ACB, counter, "5.1", CommandVariant::NonDevice, Body::CreateSchedule(schedule))
}

fn read(counter: u64, which: WhichSchedule) -> Request {
    request(ACB, counter, "5.2", CommandVariant::NonDevice, Body::ReadSchedule(which))
}

fn delete(counter: u64, which: WhichSchedule) -> Request {
    request(ACB, counter, "5.3", CommandVariant::NonDevice, Body::DeleteSchedule(which))
}

fn created(desk: &Desk, counter: u64, schedule: CreateSchedule) -> ScheduleId {
    let response = desk.ask(&create(counter, schedule));
    match response.content() {
        Some(Content::Schedule(id)) => *id,
        other => panic!("no schedule: {} {other:?}", response.code.as_str()),
    }
}

/// Until a little after the next run.
fn a_day(desk: &Desk) {
    let midnight = Time(desk.now().0 / 86_400_000 * 86_400_000) + DAY;
    desk.pass((midnight + 4 * HOUR).since(desk.now()));
}

#[test]
fn a_schedule_runs_every_day_and_its_answers_carry_its_number() {
    let desk = Desk::new();
    let schedule = created(&desk, 1, daily());
    let mut counters = Vec::new();
    for _ in 0..3 {
        assert!(desk.sent().is_empty());
        a_day(&desk);
        let command = desk.sent_one();
        let view = MessageView::parse(&command).unwrap();
        assert_eq!((view.id().originator, view.id().target), (SUPPLIER, ESME), "the meter knows its supplier");
        counters.push(view.id().counter.0);
        let octets = answer(&command, true);
        desk.brought(&octets);
        let response = desk.told_one();
        let Some(Content::Scheduled(told)) = response.content() else { panic!("{response:?}") };
        assert_eq!((&told.payload, told.schedule), (&octets, schedule));
        assert_eq!(response.request_id, Some(id(ESME, view.id().counter.0)));
    }
    assert_eq!(counters, [1, 2, 3], "each above all that the User has used for the device");
    assert_eq!(desk.code(&read_balance(2)), "E57", "and used up by it");
}

#[test]
fn a_schedule_uses_no_counter_of_top_ups() {
    let desk = Desk::new();
    let utrn = duis::body::Utrn::new("73946144332040217315").unwrap();
    let top_up = Body::TopUpDevice(duis::body::TopUpDevice { utrn });
    assert_eq!(desk.code(&request(ESME, 3 << 32, "2.2", CommandVariant::Send, top_up)), "I99");
    desk.ask(&read_balance(1000));
    desk.sent();
    created(&desk, 1, daily());
    a_day(&desk);
    assert_eq!(MessageView::parse(&desk.sent_one()).unwrap().id().counter.0, 1001);
}

#[test]
fn schedules_are_read_and_deleted_by_those_whose_they_are() {
    let desk = Desk::new();
    let first = created(&desk, 1, daily());
    let second = created(&desk, 2, CreateSchedule { frequency: Frequency::Monthly, ..daily() });
    assert_ne!(first, second);
    let response = desk.ask(&read(3, WhichSchedule::Device(ESME)));
    let Some(Content::Schedules(found)) = response.content() else { panic!("{response:?}") };
    let found: Vec<_> = found.schedules.iter().map(|s| (s.id, s.details.frequency)).collect();
    assert_eq!(found, [(first, Frequency::Daily), (second, Frequency::Monthly)]);
    let response = desk.ask(&read(4, WhichSchedule::Schedule(second)));
    let Some(Content::Schedules(found)) = response.content() else { panic!("{response:?}") };
    assert_eq!(found.schedules[0].details, CreateSchedule { frequency: Frequency::Monthly, ..daily() });

    let mut theirs = read(5, WhichSchedule::Schedule(first));
    theirs.header.id.originator = OTHER_SUPPLIER;
    let xml = theirs.sign(&AwsLc, &xml_key(OTHER_XML)).unwrap();
    assert_eq!(desk.ask_signed(Service::NonDevice, &xml).code.as_str(), "E050201");
    assert_eq!(desk.code(&read(5, WhichSchedule::Device(GSME))), "E050201");
    assert_eq!(desk.code(&delete(5, WhichSchedule::Device(GSME))), "E050301");

    assert_eq!(desk.code(&delete(6, WhichSchedule::Schedule(first))), "I99");
    assert_eq!(desk.code(&delete(7, WhichSchedule::Schedule(first))), "E050301");
    assert_eq!(desk.code(&delete(8, WhichSchedule::Device(ESME))), "I99");
    assert_eq!(desk.code(&read(9, WhichSchedule::Device(ESME))), "E050201");
    a_day(&desk);
    assert!(desk.sent().is_empty() && desk.told().is_empty());
}

#[test]
fn every_schedule_that_could_not_run_is_refused() {
    let limits = dcc::limits::Limits { schedules: 2, ..Default::default() };
    let desk = Desk::with(dcc::DccConfig { limits, ..config(None) }, None);
    let code = |schedule| desk.code(&create(1, schedule));
    let civil = START.civil();
    let today = Day::new(civil.year, civil.month, civil.day);
    assert_eq!(code(CreateSchedule { reference: ScheduledReference::S4_8, ..daily() }), "E050101");
    assert_eq!(code(CreateSchedule { end: today, ..daily() }), "E050102");
    let mut backwards = daily();
    if let ScheduledRead::PrepaymentDailyReadLog(offset) = &mut backwards.read {
        offset.end_days = NotAfter::new(2).unwrap();
    }
    assert_eq!(code(backwards), "E050103");
    let unsealable = CreateSchedule {
        credentials: Some(vec![0x30, 0]),
        read: ScheduledRead::LoadLimit,
        reference: ScheduledReference::S4_15,
        srv: ScheduledVariant::S4_15,
        ..daily()
    };
    assert_eq!(code(unsealable), "E050105");
    // What a run would be refused for: unknown device, type, status, another's device, a role that may not.
    assert_eq!(code(CreateSchedule { device: Eui64::from_u64(1), ..daily() }), "E19");
    assert_eq!(code(CreateSchedule { device: CHF, ..daily() }), "E11");
    assert_eq!(code(CreateSchedule { device: SUSPENDED, ..daily() }), "E5");
    let export = CreateSchedule {
        read: ScheduledRead::ExportRegisters,
        reference: ScheduledReference::S4_2,
        srv: ScheduledVariant::S4_2,
        ..daily()
    };
    assert_eq!(code(export), "E2");
    let mut theirs = create(1, daily());
    theirs.header.id.originator = OTHER_SUPPLIER;
    let xml = theirs.sign(&AwsLc, &xml_key(OTHER_XML)).unwrap();
    assert_eq!(desk.ask_signed(Service::NonDevice, &xml).code.as_str(), "E4");
    // As many as he may have.
    created(&desk, 1, daily());
    created(&desk, 2, daily());
    assert_eq!(desk.code(&create(3, daily())), "E050107");
    assert_eq!(desk.code(&create(2, daily())), "E57");
}

#[test]
fn a_schedule_ends_on_its_last_day() {
    let desk = Desk::new();
    let civil = (START + 2 * DAY).civil();
    created(&desk, 1, CreateSchedule { end: Day::new(civil.year, civil.month, civil.day), ..daily() });
    for expected in [1, 1, 0, 0] {
        a_day(&desk);
        assert_eq!(desk.sent().len(), expected);
    }
}

#[test]
fn runs_that_were_missed_are_made_up_for_unless_they_are_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcc.sqlite");
    created(&Desk::with(config(None), Some(&path)), 1, daily());
    let desk = Desk::at(START + 3 * DAY, config(None), Some(&path));
    let sent = desk.sent();
    assert_eq!(sent.len(), 2 + usize::from((START + 3 * DAY).civil().hour >= 3));
    // Each reads what its own day would have read.
    let payloads: std::collections::BTreeSet<_> =
        sent.iter().map(|command| MessageView::parse(command).unwrap().payload()[5..].to_vec()).collect();
    assert_eq!(payloads.len(), sent.len());
    desk.jump(START + 100 * DAY);
    assert_eq!(desk.sent().len(), 7);
    a_day(&desk);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_run_that_nobody_answers_is_told_by_an_alert() {
    let desk = Desk::new();
    let schedule = created(&desk, 1, daily());
    a_day(&desk);
    let command = desk.sent_one();
    let run = id(ESME, MessageView::parse(&command).unwrap().id().counter.0);
    desk.gateway.give_up(run, "4.14".parse().unwrap(), true, desk.now()).unwrap();
    let told = desk.told_one();
    let alert = alert_of(&told);
    assert_eq!(alert.code.to_string(), "N13");
    let DccEvent::CommandFailure(failure) = &alert.event else { panic!("{alert:?}") };
    assert_eq!((failure.request, failure.schedule, failure.device), (run, Some(schedule), ESME));
}

#[test]
fn a_run_that_the_device_cannot_take_now_fails_alone() {
    let desk = Desk::new();
    let schedule = created(&desk, 1, daily());
    let set = |status| {
        let mut device = desk.gateway.store.device(ESME).unwrap().unwrap();
        device.status = status;
        desk.gateway.store.put(&device).unwrap();
    };
    set(DeviceStatus::Suspended);
    a_day(&desk);
    let told = desk.told_one();
    let DccEvent::CommandFailure(failure) = &alert_of(&told).event else { panic!("{told:?}") };
    assert_eq!(failure.schedule, Some(schedule));
    set(DeviceStatus::Commissioned);
    a_day(&desk);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_schedule_goes_with_its_device_and_with_its_supplier() {
    type Change = fn(&mut dcc::Device);
    let changes: [Change; 3] = [
        |device| device.status = DeviceStatus::Decommissioned,
        |device| device.status = DeviceStatus::Withdrawn,
        |device| device.supplier = Some(OTHER_SUPPLIER),
    ];
    for change in changes {
        let desk = Desk::new();
        let schedule = created(&desk, 1, daily());
        let mut device = desk.gateway.store.device(ESME).unwrap().unwrap();
        change(&mut device);
        desk.gateway.store.put(&device).unwrap();
        a_day(&desk);
        let told = desk.told_one();
        let DccEvent::ScheduleRemoval(removal) = &alert_of(&told).event else { panic!("{told:?}") };
        assert_eq!((removal.device, removal.schedule), (ESME, schedule));
        assert_eq!(desk.code(&read(2, WhichSchedule::Schedule(schedule))), "E050201");
        a_day(&desk);
        assert!(desk.sent().is_empty() && desk.told().is_empty());
    }
}

#[test]
fn a_device_that_is_decommissioned_takes_its_schedules_with_it_at_once() {
    let desk = Desk::new();
    let schedule = created(&desk, 1, daily());
    let body = Body::DecommissionDevice(duis::body::dcc::DecommissionDevice { device: ESME });
    let response = desk.ask(&request(ACB, 2, "8.3", CommandVariant::NonDevice, body));
    assert!(response.code.is_success(), "{}", response.code.as_str());
    let told = desk.told();
    let removals: Vec<_> = told
        .iter()
        .filter_map(|response| match &response.body {
            duis::ResponseBody::DccAlert(alert) => Some(&alert.event),
            _ => None,
        })
        .filter(|event| matches!(event, DccEvent::ScheduleRemoval(removal) if removal.schedule == schedule))
        .collect();
    assert_eq!(removals.len(), 1, "{told:#?}");
}
