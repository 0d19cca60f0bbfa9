//! The object model of an electricity meter: a store of DLMS values, with the prepayment engine behind those that have meaning.
//!
//! Which objects exist is not said here: the rows of the use case catalogue are the list.
mod activation;
mod behaviours;
mod bindings;
mod execute;
mod factory;
mod logs;
mod metered;
mod objects;
mod protected;
mod registers;
mod tariff;
mod voltage;

pub(crate) use activation::activate;
pub(crate) use execute::execute;
pub use objects::Attribute;
pub(crate) use registers::registers;
pub(crate) use tariff::terms;
pub(crate) use voltage::wanted;

use crate::books::Books;
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

/// The message for the customer.
pub(crate) fn message(store: &Store) -> Option<Vec<u8>> {
    store.get(objects::MESSAGE)?.as_octets().map(<[u8]>::to_vec)
}

fn key(attribute: Attribute) -> ByteVec {
    attribute.octets().to_vec().into()
}

/// The registers of an entry of the Billing Data Log, of a moment and a cause.
pub(crate) fn billing_entry(books: &Books, at: u32, cause: u32) -> Option<Data> {
    logs::billed(books, at, cause)
}

/// The value of an attribute: the engine's, the metrology's, a whole log, what was written, the clock's, or what a meter holds that
/// nobody configured.
fn read(store: &Store, books: &Books, now: Time, attribute: Attribute) -> Option<Data> {
    bindings::read(&books.account, attribute)
        .or_else(|| metered::read(books, attribute))
        .or_else(|| logs::read(books, attribute, logs::Range::ALL))
        .or_else(|| match attribute {
            objects::CLOCK_TIME => Some(DateTime::at(now).into()),
            objects::PRICE_NOW | objects::PRICE_NOW_SECOND => {
                let second = attribute == objects::PRICE_NOW_SECOND;
                Some(Data::DoubleLongUnsigned(tariff::price(store, &books.metering, now, second)))
            }
            objects::CLOCK_STATUS => Some(Data::Unsigned(books.clock.status as u8)),
            _ => None,
        })
        .or_else(|| behaviours::read(store, attribute))
        .or_else(|| store.get(attribute))
        .or_else(|| factory::value(attribute))
        .or_else(|| crate::rules::unset_value(attribute))
}
