//! Tables that come in parts: calendars, billing period, event configuration, and texts that are only kept.
//!
//! A calendar takes effect with its Publish Calendar, which may come later than its profiles: profiles are kept by calendar
//! id, and the calendar in force says which of them count.
use super::Store;
use alloc::vec::Vec;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::*;

const CALENDAR: u16 = 0x0707;
/// Issuer calendar id that stands for the friendly credit calendar in force.
const CURRENT_FRIENDLY_CREDIT: u32 = 0xFFFF_FFFE;
/// Calendar types (gbcs-messages 10.4).
pub(super) const DELIVERED: u8 = 0;
pub(super) const FRIENDLY_CREDIT: u8 = 3;
/// Answers to reads want no Default Response.
const ANSWER: u8 = CLUSTER_SPECIFIC | FROM_SERVER | NO_DEFAULT_RESPONSE;

/// Keep a part of a table.
pub(super) fn publish(store: &mut Store, component: &Component, command: &Command) -> Result<(), Status> {
    let (table, place) = match command {
        Command::PublishCalendar(c) => (c.kind.into(), 0),
        Command::PublishSpecialDays(c) => (c.kind.into(), 0),
        Command::PublishDayProfile(c) => (c.calendar, c.day),
        Command::PublishWeekProfile(c) => (c.calendar, c.week),
        Command::PublishSeasons(c) => (c.calendar, 0),
        Command::PublishBillingPeriod(_)
        | Command::PublishBlockPeriod(_)
        | Command::PublishTariffInformation(_)
        | Command::PublishChangeOfTenancy(_)
        | Command::PublishChangeOfSupplier(_)
        | Command::RequestNewPasswordResponse(_)
        | Command::UpdateCin(_) => (0, 0),
        _ => return Err(Status::UNSUP_CLUSTER_COMMAND),
    };
    let replaced = match command {
        Command::PublishCalendar(c) => in_force(store, c.kind).filter(|old| *old != c.calendar),
        _ => None,
    };
    store.publish(component, table, place)?;
    if let Some(old) = replaced {
        store.forget_profiles(CALENDAR, old);
    }
    Ok(())
}

/// A component that was to come into force will not: the profiles of its calendar have no more use.
pub(super) fn abandon(store: &mut Store, component: &Component) {
    if let Some(Body::Cluster(Command::PublishCalendar(calendar))) = component.body()
        && in_force(store, calendar.kind) != Some(calendar.calendar)
    {
        store.forget_profiles(CALENDAR, calendar.calendar);
    }
}

/// Answer a read: one component for each part, or a Default Response that there is none.
pub(super) fn read(store: &Store, component: &Component, command: &Command) -> Vec<Component> {
    let parts = match command {
        Command::GetBillingPeriod(_) => {
            let period = store.published(0x0700, PublishBillingPeriod::ID, 0, 0..=0).next();
            period.map(|body| answer(component, PublishBillingPeriod::ID, body)).into_iter().collect()
        }
        Command::GetDayProfiles(get) => {
            profiles(store, component, PublishDayProfile::ID, get.calendar, get.start, get.count)
        }
        Command::GetWeekProfiles(get) => {
            profiles(store, component, PublishWeekProfile::ID, get.calendar, get.start, get.count)
        }
        Command::GetSeasons(get) => profiles(store, component, PublishSeasons::ID, get.calendar, 0, 1),
        Command::GetSpecialDays(get) => {
            let days = store.published(CALENDAR, PublishSpecialDays::ID, get.kind.into(), 0..=0);
            days.map(|body| answer(component, PublishSpecialDays::ID, body).with_frame_control(ANSWER)).collect()
        }
        _ => Vec::new(),
    };
    if parts.is_empty() { alloc::vec![component.default_response(Status::NOT_FOUND)] } else { parts }
}

/// Profiles of a calendar from one number on; a count of 0 is all.
fn profiles(store: &Store, component: &Component, id: u8, calendar: u32, start: u8, count: u8) -> Vec<Component> {
    let calendar = match calendar {
        CURRENT_FRIENDLY_CREDIT => in_force(store, FRIENDLY_CREDIT),
        0 | u32::MAX => in_force(store, DELIVERED),
        named => Some(named),
    };
    let Some(calendar) = calendar else { return Vec::new() };
    let most = if count == 0 { usize::MAX } else { count.into() };
    let parts = store.published(CALENDAR, id, calendar, start..=u8::MAX).take(most);
    parts.map(|body| answer(component, id, body).with_frame_control(ANSWER)).collect()
}

/// All parts of the calendar of a type that is in force.
pub(super) fn parts(store: &Store, kind: u8) -> Vec<Command> {
    let mut parts = Vec::new();
    let mut add = |id, table, places| {
        parts.extend(store.published(CALENDAR, id, table, places).filter_map(|body| match body {
            Body::Cluster(command) => Some(command),
            _ => None,
        }));
    };
    if let Some(calendar) = in_force(store, kind) {
        for id in PublishDayProfile::ID..=PublishSeasons::ID {
            add(id, calendar, 0..=u8::MAX);
        }
        add(PublishSpecialDays::ID, kind.into(), 0..=0);
    }
    parts
}

/// What a command published that is kept once.
pub(super) fn kept(store: &Store, cluster: u16, id: u8) -> Option<Command> {
    match store.published(cluster, id, 0, 0..=0).next()? {
        Body::Cluster(command) => Some(command),
        _ => None,
    }
}

/// Whether the tariff prices blocks, not times of use.
pub(super) fn is_block_tariff(store: &Store) -> bool {
    matches!(kept(store, 0x0700, PublishTariffInformation::ID), Some(Command::PublishTariffInformation(t)) if t.type_and_scheme == 0x10)
}

/// The id of the calendar of a type that is in force.
fn in_force(store: &Store, kind: u8) -> Option<u32> {
    match store.published(CALENDAR, PublishCalendar::ID, kind.into(), 0..=0).next()? {
        Body::Cluster(Command::PublishCalendar(calendar)) => Some(calendar.calendar),
        _ => None,
    }
}

/// The command that publishes a kept part, as the answer to a read.
fn answer(component: &Component, id: u8, body: Body) -> Component {
    Component {
        frame_control: CLUSTER_SPECIFIC | FROM_SERVER,
        command: id,
        content: gbcs::gbz::Content::Plain(body),
        from_date_time: None,
        ..component.clone()
    }
}
