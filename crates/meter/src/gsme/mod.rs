//! The object model of a gas meter: ZCL attributes, with the prepayment engine behind those that have meaning.
mod attributes;
mod events;
mod execute;
mod history;
mod registers;
mod tables;
mod tariff;
mod timed;

pub(crate) use execute::{ResponseForm, execute, execute_due};
pub(crate) use history::billing_entry;
pub(crate) use registers::{registers, reports};
pub(crate) use tariff::terms;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::{
    AttributeRecord, AttributeValue, Body, CLUSTER_SPECIFIC, ClusterCommand, FROM_SERVER, PublishDayProfile,
    PublishSeasons, READ_ATTRIBUTES_RESPONSE, Status,
};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// What Commands wrote, but for what the engine keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Store {
    /// Cluster and attribute; type and value as a Read Attributes Response has them.
    #[n(0)]
    values: BTreeMap<(u16, u16), ByteVec>,
    /// Payment Mode control bits of the last Change Payment Mode to prepayment.
    #[n(1)]
    control: Option<u16>,
    /// The message on the display.
    #[n(2)]
    message: Option<ByteVec>,
    /// Tables and texts as they were last published: cluster, command, which table, place in it.
    #[n(3)]
    published: BTreeMap<(u16, u8, u32, u8), ByteVec>,
    /// Event configurations that were set.
    #[n(4)]
    events: BTreeMap<u16, u8>,
}

/// Published parts kept: two calendars of 16 day profiles, and all else, with room.
const MAX_PUBLISHED: usize = 96;
/// ZCL status: no room.
const INSUFFICIENT_SPACE: Status = Status(0x89);

impl Store {
    fn set(&mut self, cluster: u16, id: u16, value: AttributeValue) {
        let mut octets = Vec::new();
        Body::ReadAttributesResponse(alloc::vec![AttributeRecord { id, value: Ok(value) }]).encode(&mut octets);
        self.values.insert((cluster, id), octets.into());
    }

    /// Keep the payload of a command from the server side.
    fn publish(&mut self, component: &Component, table: u32, place: u8) -> Result<(), Status> {
        let mut octets = Vec::new();
        if let Some(body) = component.body() {
            body.encode(&mut octets);
        }
        let key = (component.cluster, component.command, table, place);
        if self.published.len() == MAX_PUBLISHED && !self.published.contains_key(&key) {
            return Err(INSUFFICIENT_SPACE);
        }
        self.published.insert(key, octets.into());
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
        self.published.range(range).map(move |(_, octets)| parse(octets))
    }

    /// Forget the profiles of a calendar.
    fn forget_profiles(&mut self, cluster: u16, calendar: u32) {
        let profiles = PublishDayProfile::ID..=PublishSeasons::ID;
        self.published
            .retain(|(of, command, table, _), _| (*of, *table) != (cluster, calendar) || !profiles.contains(command));
    }

    fn get(&self, cluster: u16, id: u16) -> Option<AttributeValue> {
        match Body::parse(cluster, FROM_SERVER, READ_ATTRIBUTES_RESPONSE, self.values.get(&(cluster, id))?) {
            Body::ReadAttributesResponse(mut records) => records.pop()?.value.ok(),
            _ => None,
        }
    }
}
