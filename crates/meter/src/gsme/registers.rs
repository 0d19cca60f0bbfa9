//! What a gas meter holds, for people and for its mirror.
use super::Store;
use super::attributes::{cluster, price, read};
use crate::books::Books;
use crate::register::{Register, of_account, of_metering};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use gbcs::gbz::zcl::{AttributeRecord, AttributeValue, Body};

/// Every register of the prepayment engine, the bill, then the tariff and the message on the display.
pub(crate) fn registers(store: &Store, books: &Books) -> Vec<Register> {
    let account = &books.account;
    let mut registers = of_account(account);
    registers.extend(of_metering(&books.metering, "l"));
    registers.push(Register::money("bill to date", account.bill_to_date, "GBP"));
    let number = |id| match store.get(cluster::PRICE, id) {
        Some(AttributeValue::Unsigned32(n)) => Some(i64::from(n)),
        _ => None,
    };
    if let Some(standing_charge) = number(price::STANDING_CHARGE) {
        registers.push(Register::money("standing charge", standing_charge, "GBP/day"));
    }
    for tier in 0..15 {
        if let Some(found) = number(price::TIER_PRICE + 0x10 * tier) {
            registers.push(Register::money(format!("price TOU {}", tier + 1), found, "GBP/kWh"));
        }
    }
    for block in 0..16 {
        if let Some(found) = number(price::BLOCK_PRICE + block) {
            registers.push(Register::money(format!("price block {}", block + 1), found, "GBP/kWh"));
        }
    }
    if let Some(message) = &store.message {
        registers.push(Register::text("message", String::from_utf8_lossy(message)));
    }
    registers
}

/// Octets of the records of a report: with its ZCL header and reporting status it fits one frame (han.md 11.6).
const REPORT: usize = 58;

/// What a waking meter reports to its mirror: everything that changes by itself and that the Gas Proxy Function may be asked for, cluster
/// by cluster in parts, metering last.
pub(crate) fn reports(store: &Store, books: &Books) -> Vec<(u16, Vec<u8>)> {
    let of = |cluster| records(store, books, cluster).into_iter().map(move |part| (cluster, part));
    [cluster::PREPAYMENT, cluster::METERING].into_iter().flat_map(of).collect()
}

/// What the mirror is to know of a cluster, in parts of a frame each. Records as a Report Attributes has them, without a status.
pub(super) fn records(store: &Store, books: &Books, cluster: u16) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    for id in crate::rules::mirrored(cluster) {
        let Some(value) = read(store, books, cluster, id) else { continue };
        let mut record = Vec::new();
        Body::ReadAttributesResponse(alloc::vec![AttributeRecord { id, value: Ok(value) }]).encode(&mut record);
        if part.len() + record.len() > REPORT {
            parts.push(core::mem::take(&mut part));
        }
        // id[2] status type value: a report has no status.
        part.extend_from_slice(&record[..2]);
        part.extend_from_slice(&record[3..]);
    }
    parts.push(part);
    parts
}
