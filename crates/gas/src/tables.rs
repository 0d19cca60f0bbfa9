//! Tables that come in parts: calendars, billing period, event configuration, and texts that are only kept.
//!
//! A calendar takes effect with its Publish Calendar, which may come later than its profiles: profiles are kept by calendar
//! id, and the calendar in force says which of them count.
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use gbcs::gbz::zcl::*;
use gbcs::gbz::{Component, Content};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// Tables and texts as they were last published: cluster, command, which table, place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Tables(#[n(0)] BTreeMap<(u16, u8, u32, u8), ByteVec>);

/// Published parts kept: two calendars of 16 day profiles, and all else, with room.
const MAX_PUBLISHED: usize = 96;
/// ZCL status: no room.
const INSUFFICIENT_SPACE: Status = Status(0x89);

impl Tables {
    /// Keep the payload of a command from the server side.
    fn publish(&mut self, component: &Component, table: u32, place: u8) -> Result<(), Status> {
        let mut octets = Vec::new();
        if let Some(body) = component.body() {
            body.encode(&mut octets);
        }
        let key = (component.cluster, component.command, table, place);
        if self.0.len() == MAX_PUBLISHED && !self.0.contains_key(&key) {
            return Err(INSUFFICIENT_SPACE);
        }
        self.0.insert(key, octets.into());
        Ok(())
    }

    /// The parts of a table that a command published.
    fn published(
        &self,
        cluster: u16,
        command: u8,
        table: u32,
        places: RangeInclusive<u8>,
    ) -> impl Iterator<Item = Body> {
        let range = (cluster, command, table, *places.start())..=(cluster, command, table, *places.end());
        let parse = move |octets: &ByteVec| Body::parse(cluster, CLUSTER_SPECIFIC | FROM_SERVER, command, octets);
        self.0.range(range).map(move |(_, octets)| parse(octets))
    }

    /// Forget the profiles of a calendar.
    fn forget_profiles(&mut self, cluster: u16, calendar: u32) {
        let profiles = PublishDayProfile::ID..=PublishSeasons::ID;
        self.0.retain(|(of, command, table, _), _| (*of, *table) != (cluster, calendar) || !profiles.contains(command));
    }
}

const CALENDAR: u16 = 0x0707;
/// Issuer calendar id that stands for the friendly credit calendar in force.
const CURRENT_FRIENDLY_CREDIT: u32 = 0xFFFF_FFFE;
/// Calendar types (gbcs-messages 10.4).
/// Of gas delivered.
pub const DELIVERED: u8 = 0;
/// Of friendly credit.
pub const FRIENDLY_CREDIT: u8 = 3;
/// Answers to reads want no Default Response.
const ANSWER: u8 = CLUSTER_SPECIFIC | FROM_SERVER | NO_DEFAULT_RESPONSE;

/// Keep a part of a table.
pub fn publish(tables: &mut Tables, component: &Component, command: &Command) -> Result<(), Status> {
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
        Command::PublishCalendar(c) => in_force(tables, c.kind).filter(|old| *old != c.calendar),
        _ => None,
    };
    tables.publish(component, table, place)?;
    if let Some(old) = replaced {
        tables.forget_profiles(CALENDAR, old);
    }
    Ok(())
}

/// A component that was to come into force will not: the profiles of its calendar have no more use.
pub fn abandon(tables: &mut Tables, component: &Component) {
    if let Some(Body::Cluster(Command::PublishCalendar(calendar))) = component.body()
        && in_force(tables, calendar.kind) != Some(calendar.calendar)
    {
        tables.forget_profiles(CALENDAR, calendar.calendar);
    }
}

/// Answer a read: one component for each part, or a Default Response that there is none.
pub fn read(tables: &Tables, component: &Component, command: &Command) -> Vec<Component> {
    let parts = match command {
        Command::GetBillingPeriod(_) => {
            let period = tables.published(0x0700, PublishBillingPeriod::ID, 0, 0..=0).next();
            period.map(|body| answer(component, PublishBillingPeriod::ID, body)).into_iter().collect()
        }
        Command::GetDayProfiles(get) => {
            profiles(tables, component, PublishDayProfile::ID, get.calendar, get.start, get.count)
        }
        Command::GetWeekProfiles(get) => {
            profiles(tables, component, PublishWeekProfile::ID, get.calendar, get.start, get.count)
        }
        Command::GetSeasons(get) => profiles(tables, component, PublishSeasons::ID, get.calendar, 0, 1),
        Command::GetSpecialDays(get) => {
            let days = tables.published(CALENDAR, PublishSpecialDays::ID, get.kind.into(), 0..=0);
            days.map(|body| answer(component, PublishSpecialDays::ID, body).with_frame_control(ANSWER)).collect()
        }
        _ => Vec::new(),
    };
    if parts.is_empty() { alloc::vec![component.default_response(Status::NOT_FOUND)] } else { parts }
}

/// Profiles of a calendar from one number on; a count of 0 is all.
fn profiles(tables: &Tables, component: &Component, id: u8, calendar: u32, start: u8, count: u8) -> Vec<Component> {
    let calendar = match calendar {
        CURRENT_FRIENDLY_CREDIT => in_force(tables, FRIENDLY_CREDIT),
        0 | u32::MAX => in_force(tables, DELIVERED),
        named => Some(named),
    };
    let Some(calendar) = calendar else { return Vec::new() };
    let most = if count == 0 { usize::MAX } else { count.into() };
    let parts = tables.published(CALENDAR, id, calendar, start..=u8::MAX).take(most);
    parts.map(|body| answer(component, id, body).with_frame_control(ANSWER)).collect()
}

/// All parts of the calendar of a type that is in force.
pub fn parts(tables: &Tables, kind: u8) -> Vec<Command> {
    let mut parts = Vec::new();
    let mut add = |id, table, places| {
        parts.extend(tables.published(CALENDAR, id, table, places).filter_map(|body| match body {
            Body::Cluster(command) => Some(command),
            _ => None,
        }));
    };
    if let Some(calendar) = in_force(tables, kind) {
        for id in PublishDayProfile::ID..=PublishSeasons::ID {
            add(id, calendar, 0..=u8::MAX);
        }
        add(PublishSpecialDays::ID, kind.into(), 0..=0);
    }
    parts
}

/// What a command published that is kept once.
pub fn kept(tables: &Tables, cluster: u16, id: u8) -> Option<Command> {
    match tables.published(cluster, id, 0, 0..=0).next()? {
        Body::Cluster(command) => Some(command),
        _ => None,
    }
}

/// Whether the tariff prices blocks, not times of use.
pub fn is_block_tariff(tables: &Tables) -> bool {
    matches!(kept(tables, 0x0700, PublishTariffInformation::ID), Some(Command::PublishTariffInformation(t)) if t.type_and_scheme == 0x10)
}

/// The id of the calendar of a type that is in force.
fn in_force(tables: &Tables, kind: u8) -> Option<u32> {
    match tables.published(CALENDAR, PublishCalendar::ID, kind.into(), 0..=0).next()? {
        Body::Cluster(Command::PublishCalendar(calendar)) => Some(calendar.calendar),
        _ => None,
    }
}

/// The command that publishes a kept part, as the answer to a read.
fn answer(component: &Component, id: u8, body: Body) -> Component {
    Component {
        frame_control: CLUSTER_SPECIFIC | FROM_SERVER,
        command: id,
        content: Content::Plain(body),
        from_date_time: None,
        ..component.clone()
    }
}
