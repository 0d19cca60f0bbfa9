//! The object model of a gas meter: ZCL attributes, with the prepayment engine behind those that have meaning.
mod attributes;
mod execute;
mod registers;
mod timed;

pub(crate) use execute::{ResponseForm, execute, execute_due, models};
pub(crate) use registers::{registers, reports};

use crate::config::FactorySettings;
use crate::prepayment::Account;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::{AttributeRecord, AttributeValue, Body, CLUSTER_SPECIFIC, FROM_SERVER, READ_ATTRIBUTES_RESPONSE};
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
    /// Tables and texts as they were last published: cluster, command, kind, place in it.
    #[n(3)]
    published: BTreeMap<(u16, u8, u8, u8), ByteVec>,
}

/// Published parts kept: two calendars of 16 day profiles, and all else, with room.
const MAX_PUBLISHED: usize = 96;

/// Whether a gas meter has this attribute.
pub(crate) fn has(cluster: u16, id: u16) -> bool {
    let new = Account::new(&FactorySettings::default());
    attributes::read(&Store::default(), &new, cluster, id).is_some()
}

impl Store {
    fn set(&mut self, cluster: u16, id: u16, value: AttributeValue) {
        let mut octets = Vec::new();
        Body::ReadAttributesResponse(alloc::vec![AttributeRecord { id, value: Ok(value) }]).encode(&mut octets);
        self.values.insert((cluster, id), octets.into());
    }

    /// Keep the payload of a command from the server side.
    fn publish(&mut self, component: &Component, kind: u8, place: u8) {
        let mut octets = Vec::new();
        if let Some(body) = component.body() {
            body.encode(&mut octets);
        }
        self.published.insert((component.cluster, component.command, kind, place), octets.into());
        if self.published.len() > MAX_PUBLISHED {
            self.published.pop_first();
        }
    }

    /// What was last published by a command that has one kind and place.
    fn published(&self, cluster: u16, command: u8) -> Option<Body> {
        let octets = self.published.get(&(cluster, command, 0, 0))?;
        Some(Body::parse(cluster, CLUSTER_SPECIFIC | FROM_SERVER, command, octets))
    }

    fn get(&self, cluster: u16, id: u16) -> Option<AttributeValue> {
        match Body::parse(cluster, FROM_SERVER, READ_ATTRIBUTES_RESPONSE, self.values.get(&(cluster, id))?) {
            Body::ReadAttributesResponse(mut records) => records.pop()?.value.ok(),
            _ => None,
        }
    }
}
