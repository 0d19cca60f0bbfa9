//! What an electricity meter holds, for people.
use super::Store;
use super::objects::{MESSAGE, PRICES, PRICES_SECOND, STANDING_CHARGE};
use super::tariff::prices;
use crate::books::Books;
use crate::register::{Register, of_account, of_metering};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use gbcs::dlms::Data;

/// Every register of the prepayment engine, then the tariff in force and the message on the display.
pub(crate) fn registers(store: &Store, books: &Books) -> Vec<Register> {
    let mut registers = of_account(&books.account);
    registers.extend(of_metering(&books.metering, "Wh"));
    for (_, price) in prices(store, STANDING_CHARGE) {
        registers.push(Register::money("standing charge", price, "GBP/day"));
    }
    for (object, prefix) in [(PRICES, "price"), (PRICES_SECOND, "second element price")] {
        // A matrix has 80 places and few in use.
        for (index, price) in prices(store, object).into_iter().filter(|(_, price)| *price != 0) {
            registers.push(Register::money(price_name(prefix, index), price, "GBP/kWh"));
        }
    }
    if let Some(text) = store.get(MESSAGE).as_ref().and_then(Data::as_octets) {
        registers.push(Register::text("message", String::from_utf8_lossy(text)));
    }
    registers
}

/// 01..30 are rates by time of use; a1..d8 block a..d of rate 1..8 (gbcs-messages 15.1).
fn price_name(prefix: &'static str, index: Option<u8>) -> Cow<'static, str> {
    match index {
        Some(tou @ 0x01..=0x30) => format!("{prefix} TOU {tou}").into(),
        Some(block @ 0xA1..=0xD8) => format!("{prefix} block {} TOU {}", (block >> 4) - 9, block & 0x0F).into(),
        _ => prefix.into(),
    }
}
