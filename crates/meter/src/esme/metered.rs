//! Attributes that show what the metrology counted (GBCS 10.4, SMETS 5.7.5).
use super::factory;
use super::objects::Attribute;
use super::voltage;
use crate::books::Books;
use crate::metering::{Demand, Metering};
use crate::profiles::by_block;
use alloc::vec::Vec;
use gbcs::Time;
use gbcs::dlms::{Data, DateTime};

const REGISTER: u16 = 3;
const EXTENDED_REGISTER: u16 = 4;

/// The value of a metered attribute; `None` when the attribute is not metered.
pub(super) fn read(books: &Books, attribute: Attribute) -> Option<Data> {
    let (metering, twin) = (&books.metering, books.variant.has_second_element());
    let [a, b, c, d, e, f] = attribute.obis.0;
    Some(match (attribute.class, a, b, c, d, e, f, attribute.index) {
        (REGISTER, 1, 0, _, _, 0, 4, 2) => Data::DoubleLongUnsigned(voltage::counter(books, attribute)?),
        (REGISTER, 1, 0, quantity @ 1..=4, 8, 0, 255, 2) => Data::DoubleLongUnsigned(total(metering, quantity)),
        (EXTENDED_REGISTER, 1, 0, _, 6, _, 255, _) => return demand(metering, c, e, attribute.index),
        // Active and reactive import with their units.
        (1, 0, 0, 94, 44, 34, 10, 2) => {
            let of = |quantity| [Data::DoubleLongUnsigned(total(metering, quantity)), factory::unit(quantity)];
            let mut registers = [of(1), of(3)].concat();
            registers.extend(twin.then_some(Data::DoubleLongUnsigned(metering.total.second)));
            Data::structure(registers)
        }
        (1, 0, 0, 94, 44, 34, 20, 2) => {
            let power = Data::DoubleLongUnsigned(metering.power);
            Data::structure([power, factory::POWER.into(), Data::DoubleLongUnsigned(metering.primary_power)])
        }
        (1, 0, 0, 94, 44, 34, 1, 2) => {
            let mut registers = alloc::vec![Data::array(metering.tou.map(Data::DoubleLongUnsigned))];
            registers.extend(twin.then(|| Data::array(metering.second_tou.map(Data::DoubleLongUnsigned))));
            Data::Structure(registers)
        }
        // The registers of blocks by rates, then the counters that start anew.
        (1, 0, 0, 94, 44, 34, 2, 2) => {
            let blocks = by_block(&metering.block_registers).chain(by_block(&metering.blocks));
            Data::structure([Data::array(blocks.map(Data::DoubleLongUnsigned).collect::<Vec<_>>())])
        }
        (1, 0, 0, 96, 1, 2, 255, 2) => Data::octets([books.variant.letter()]),
        (1, 0, 0, 0, 2, 1, 255, 2) => Data::octets(books.firmware.version),
        _ => return None,
    })
}

fn total(metering: &Metering, quantity: u8) -> u32 {
    match quantity {
        1 => metering.total.import,
        2 => metering.total.export,
        3 => metering.total.reactive_import,
        _ => metering.total.reactive_export,
    }
}

/// Maximum demand: of import ever (1.6.0) and in its configurable time (1.6.1), of export (2.6.0).
fn demand(metering: &Metering, quantity: u8, which: u8, index: u8) -> Option<Data> {
    let demand: Demand = match (quantity, which) {
        (1, 0 | 1) => metering.demand_import,
        (2, 0) => metering.demand_export,
        _ => return None,
    };
    Some(match index {
        2 => Data::DoubleLongUnsigned(demand.watts),
        3 => factory::POWER.into(),
        5 => DateTime::at(Time::from_zigbee(demand.at)).into(),
        _ => return None,
    })
}

/// Reset of a metered register; whether it is one.
pub(super) fn reset(books: &mut Books, method: Attribute) -> bool {
    if voltage::reset(books, method) {
        return true;
    }
    let metering = &mut books.metering;
    let [_, _, c, d, e, _] = method.obis.0;
    match (method.class, method.index, c, d, e) {
        (EXTENDED_REGISTER, 1, 1, 6, 0 | 1) => metering.demand_import = Demand::default(),
        (EXTENDED_REGISTER, 1, 2, 6, 0) => metering.demand_export = Demand::default(),
        _ => return false,
    }
    true
}
