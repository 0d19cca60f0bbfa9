//! The object model of an electricity meter: a store of DLMS values, with the prepayment engine behind those that have meaning.
//!
//! Which objects exist is not said here: the rows of the use case catalogue are the list.
mod activation;
mod bindings;
mod execute;
mod objects;
mod protected;
mod registers;

pub(crate) use activation::activate;
pub(crate) use execute::{execute, models};
pub use objects::Attribute;
pub(crate) use registers::registers;

use crate::prepayment::Account;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gbcs::Time;
use gbcs::dlms::{Data, DateTime};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// The attributes that were ever written, but for those the engine keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Store {
    /// Class, OBIS and attribute; the value as DLMS writes it.
    #[n(0)]
    values: BTreeMap<ByteVec, ByteVec>,
}

impl Store {
    pub fn set(&mut self, attribute: Attribute, data: &Data) {
        let mut octets = Vec::with_capacity(data.encoded_len());
        data.encode(&mut octets);
        self.values.insert(key(attribute), octets.into());
    }

    pub fn forget(&mut self, attribute: Attribute) {
        self.values.remove(&key(attribute));
    }

    /// What was written, if anything was.
    pub fn get(&self, attribute: Attribute) -> Option<Data> {
        Data::parse(self.values.get(&key(attribute))?).ok()
    }
}

fn key(attribute: Attribute) -> ByteVec {
    attribute.octets().to_vec().into()
}

/// The value of an attribute: the engine's, what was written, the clock's, or what a meter holds that nobody configured.
fn read(store: &Store, account: &Account, now: Time, attribute: Attribute) -> Option<Data> {
    bindings::read(account, attribute)
        .or_else(|| match attribute {
            objects::CLOCK_TIME => Some(DateTime::at(now).into()),
            // The driver's clock is taken as the time of the Communications Hub, and so as reliable.
            objects::CLOCK_STATUS => Some(Data::Unsigned(0)),
            _ => None,
        })
        .or_else(|| store.get(attribute))
        .or_else(|| crate::rules::unset_value(attribute))
}
