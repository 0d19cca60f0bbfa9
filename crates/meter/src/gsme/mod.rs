//! The object model of a gas meter: ZCL attributes, with the prepayment engine behind those that have meaning.
mod attributes;
mod events;
mod execute;
mod history;
mod push;
mod registers;
mod tariff;
mod timed;

pub(crate) use execute::{execute, execute_due};
pub(crate) use history::billing_entry;
use push::Pushed;
pub(crate) use push::{Push, news};
pub(crate) use registers::{registers, reports};
pub(crate) use tariff::terms;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gas::tables::Tables;
use gbcs::gbz::zcl::{AttributeRecord, AttributeValue, Body, FROM_SERVER, READ_ATTRIBUTES_RESPONSE};
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
    /// Tables and texts as they were last published.
    #[n(3)]
    tables: Tables,
    /// Event configurations that were set.
    #[n(4)]
    events: BTreeMap<u16, u8>,
    /// What the mirror has been told of what does not change at every wake.
    #[n(5)]
    pushed: Option<Pushed>,
}

impl Store {
    /// The mirror has what was pushed; or it has lost all of it, and is told anew.
    pub fn set_pushed(&mut self, push: Option<Push>) {
        self.pushed = push.map(|push| push.then);
    }

    fn set(&mut self, cluster: u16, id: u16, value: AttributeValue) {
        let mut octets = Vec::new();
        Body::ReadAttributesResponse(alloc::vec![AttributeRecord { id, value: Ok(value) }]).encode(&mut octets);
        self.values.insert((cluster, id), octets.into());
    }

    fn get(&self, cluster: u16, id: u16) -> Option<AttributeValue> {
        match Body::parse(cluster, FROM_SERVER, READ_ATTRIBUTES_RESPONSE, self.values.get(&(cluster, id))?) {
            Body::ReadAttributesResponse(mut records) => records.pop()?.value.ok(),
            _ => None,
        }
    }
}
