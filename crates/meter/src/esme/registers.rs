//! What an electricity meter holds, for people.
use super::Store;
use super::bindings::{to_millipence, unit_charge};
use super::objects::{MESSAGE, PRICES, PRICES_SECOND, STANDING_CHARGE};
use crate::prepayment::Account;
use crate::register::{Register, of_account};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use gbcs::dlms::Data;

/// Every register of the prepayment engine, then the tariff in force and the message on the display.
pub(crate) fn registers(store: &Store, account: &Account) -> Vec<Register> {
    let mut registers = of_account(account);
    let charges = |attribute| store.get(attribute).and_then(|data| charges(&data)).unwrap_or_default();
    for (_, price) in charges(STANDING_CHARGE) {
        registers.push(Register::money("standing charge", price, "GBP/day"));
    }
    for (object, prefix) in [(PRICES, "price"), (PRICES_SECOND, "second element price")] {
        // A matrix has 80 places and few in use.
        for (index, price) in charges(object).into_iter().filter(|(_, price)| *price != 0) {
            registers.push(Register::money(price_name(prefix, index), price, "GBP/kWh"));
        }
    }
    if let Some(text) = store.get(MESSAGE).as_ref().and_then(Data::as_octets) {
        registers.push(Register::text("message", String::from_utf8_lossy(text)));
    }
    registers
}

/// Index and price of every entry, in thousandths of a penny.
fn charges(data: &Data) -> Option<Vec<(Option<u8>, i32)>> {
    let (scale, entries) = unit_charge(data)?;
    let charge = |entry: &Data| match entry.as_structure()? {
        [index, Data::Long(value)] => {
            Some((index.as_octets().and_then(|index| index.first().copied()), to_millipence(*value, scale)?))
        }
        _ => None,
    };
    Some(entries.iter().filter_map(charge).collect())
}

/// 01..30 are rates by time of use; a1..d8 block a..d of rate 1..8 (gbcs-messages 15.1).
fn price_name(prefix: &'static str, index: Option<u8>) -> Cow<'static, str> {
    match index {
        Some(tou @ 0x01..=0x30) => format!("{prefix} TOU {tou}").into(),
        Some(block @ 0xA1..=0xD8) => format!("{prefix} block {} TOU {}", (block >> 4) - 9, block & 0x0F).into(),
        _ => prefix.into(),
    }
}
