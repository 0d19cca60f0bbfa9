//! Attributes that displays read: those of the prepayment engine, which both meters have alike, and those of an electricity meter.
use super::tariff;
use crate::meter::Meter;
use crate::prepayment::{Account, PaymentMode, Supply};
use crate::state::Model;
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::gbz::zcl::AttributeValue as Value;
use gbcs::gbz::zcl::{AttributeRecord, Body, U24, U48};
use han::zcl::display::{cluster, credit_status, metering, prepayment, price};

/// Payment Mode control bits of a meter in credit mode (gbcs-messages 15.2).
pub(crate) const CONTROL_CREDIT: u16 = 0x0C94;
/// The same in prepayment mode, no debt suspended.
pub(crate) const CONTROL_PREPAYMENT: u16 = 0x0897;
/// Of both bits of suspension neither: debts are recovered while supply is disabled, and not while Emergency Credit is in use.
const CONTROL_PREPAYMENT_BARE: u16 = 0x0097;
const SUSPEND_DISABLED: u16 = 0x0400;
const COLLECT_IN_EMERGENCY: u16 = 0x0800;

/// ZCL data type int24, which no GBCS message carries.
const INT24: u8 = 0x2A;
/// Registers of time of use that a display can ask for: their identifiers lie two apart.
const TOU: core::ops::RangeInclusive<u16> = 0x0100..=0x015E;
const CURRENT_DAY_CONSUMPTION: u16 = 0x0401;
/// Tiers and blocks whose prices are attributes.
const TIERS: u16 = 15;

/// An attribute that shows the account, on either meter; `None` for any other.
pub(crate) fn of_account(account: &Account, control: u16, cluster: u16, id: u16) -> Option<Value> {
    let debt = |n: usize| account.time_debts[n];
    let positive = |n: i32| Value::Unsigned32(n.max(0) as u32);
    Some(match (cluster, id) {
        (cluster::PREPAYMENT, prepayment::PAYMENT_CONTROL) => Value::Bitmap16(control),
        (cluster::PREPAYMENT, prepayment::CREDIT_REMAINING) => Value::Signed32(account.balance),
        (cluster::PREPAYMENT, prepayment::EMERGENCY_CREDIT_REMAINING) => Value::Signed32(account.emergency.remaining),
        (cluster::PREPAYMENT, prepayment::ACCUMULATED_DEBT) => Value::Signed32(account.accumulated_debt),
        (cluster::PREPAYMENT, 0x0006) => Value::Signed32(account.debt_cap),
        (cluster::PREPAYMENT, prepayment::EMERGENCY_CREDIT_LIMIT) => positive(account.emergency.limit),
        (cluster::PREPAYMENT, 0x0011) => positive(account.emergency.threshold),
        (cluster::PREPAYMENT, 0x0021) => positive(account.maximum_balance),
        (cluster::PREPAYMENT, 0x0022) => positive(account.maximum_credit),
        (cluster::PREPAYMENT, 0x0031) => positive(account.low_credit),
        (cluster::PREPAYMENT, 0x0040) => Value::Signed32(account.disablement_threshold),
        (cluster::PREPAYMENT, prepayment::DEBT_1) => positive(debt(0).remaining),
        (cluster::PREPAYMENT, 0x0216) => Value::Enum8(u8::from(debt(0).period != 3_600)),
        (cluster::PREPAYMENT, 0x0217) => positive(debt(0).rate),
        (cluster::PREPAYMENT, prepayment::DEBT_2) => positive(debt(1).remaining),
        (cluster::PREPAYMENT, 0x0226) => Value::Enum8(u8::from(debt(1).period != 3_600)),
        (cluster::PREPAYMENT, 0x0227) => positive(debt(1).rate),
        (cluster::PREPAYMENT, prepayment::DEBT_3) => positive(account.payment_debt),
        (cluster::PREPAYMENT, 0x0239) => Value::Unsigned16(account.payment_share),
        (cluster::METERING, metering::SUPPLY_STATUS) => Value::Enum8(supply_status(account.supply)),
        (cluster::METERING, 0x0A00) => positive(account.bill_to_date),
        _ => return None,
    })
}

/// Supply as ZCL counts it: 0 off, 1 armed, 2 on.
pub(crate) const fn supply_status(supply: Supply) -> u8 {
    match supply {
        Supply::Disabled => 0,
        Supply::Armed => 1,
        Supply::Enabled => 2,
    }
}

/// Data type and value of an attribute of an electricity meter, as they are on the air.
pub(super) fn typed<C: Crypto>(meter: &Meter<C>, cluster: u16, id: u16) -> Option<Vec<u8>> {
    let books = &meter.state.books;
    if (cluster, id) == (cluster::METERING, metering::INSTANTANEOUS_DEMAND) {
        let watts = books.metering.power.min(0x7F_FFFF);
        return Some([&[INT24][..], &watts.to_le_bytes()[..3]].concat());
    }
    let account = &books.account;
    let value = match (cluster, id) {
        (cluster::PREPAYMENT, prepayment::CREDIT_STATUS) => Value::Bitmap8(status_of_credit(account)),
        (cluster::METERING, _) if id != metering::SUPPLY_STATUS => of_metering(meter, id)?,
        (cluster::PRICE, _) => of_tariff(meter, id)?,
        _ => of_account(account, control(account), cluster, id)?,
    };
    let mut octets = Vec::new();
    Body::ReadAttributesResponse(alloc::vec![AttributeRecord { id, value: Ok(value) }]).encode(&mut octets);
    // id[2] status type value
    Some(octets.split_off(3))
}

/// The payment control configuration of an electricity meter, which has its parts elsewhere.
fn control(account: &Account) -> u16 {
    match account.mode {
        PaymentMode::Credit => CONTROL_CREDIT,
        PaymentMode::Prepayment => {
            let disabled = if account.suspend_disabled { SUSPEND_DISABLED } else { 0 };
            let emergency = if account.suspend_emergency { 0 } else { COLLECT_IN_EMERGENCY };
            CONTROL_PREPAYMENT_BARE | disabled | emergency
        }
    }
}

/// What the customer should know of the credit.
fn status_of_credit(account: &Account) -> u8 {
    if account.mode == PaymentMode::Credit {
        return credit_status::CREDIT_OK;
    }
    let lent = if account.emergency.active { account.emergency.remaining.max(0) } else { 0 };
    let spent = account.balance <= account.disablement_threshold;
    let flags = [
        (credit_status::CREDIT_OK, account.balance > account.disablement_threshold),
        (credit_status::LOW_CREDIT, account.balance < account.low_credit),
        (credit_status::EMERGENCY_ENABLED, account.emergency.limit > 0),
        (credit_status::EMERGENCY_AVAILABLE, account.emergency_available()),
        (credit_status::EMERGENCY_SELECTED, account.emergency.active),
        (credit_status::EMERGENCY_IN_USE, account.emergency.active && spent && lent > 0),
        (credit_status::EXHAUSTED, spent && lent == 0),
    ];
    flags.iter().filter(|(_, holds)| *holds).fold(0, |bits, (bit, _)| bits | bit)
}

fn of_metering<C: Crypto>(meter: &Meter<C>, id: u16) -> Option<Value> {
    let counted = &meter.state.books.metering;
    let watt_hours = |n: u32| Value::Unsigned48(U48::from(n));
    Some(match id {
        metering::SUMMATION => watt_hours(counted.total.import),
        _ if TOU.contains(&id) && id.is_multiple_of(2) => {
            watt_hours(*counted.tou.get(usize::from(id - TOU.start()) / 2)?)
        }
        0x0700..=0x0703 => watt_hours(counted.blocks[0][usize::from(id - 0x0700)]),
        metering::UNIT => Value::Enum8(0),
        metering::MULTIPLIER => Value::Unsigned24(U24::from(1)),
        metering::DIVISOR => Value::Unsigned24(U24::from(1000)),
        CURRENT_DAY_CONSUMPTION => Value::Unsigned24(U24::new(counted.day.min(0xFF_FFFF))?),
        _ => return None,
    })
}

fn of_tariff<C: Crypto>(meter: &Meter<C>, id: u16) -> Option<Value> {
    match id {
        price::UNIT => return Some(Value::Enum8(0)),
        price::CURRENCY => return Some(Value::Unsigned16(tariff::POUNDS)),
        price::TRAILING_DIGIT => return Some(Value::Bitmap8(tariff::FIVE_DIGITS)),
        _ => {}
    }
    let Model::Esme(store) = &meter.state.model else { return None };
    let tariff = crate::esme::terms(store).tariff;
    let tier = |n: u16| (n < TIERS && (id - price::TIER_PRICE).is_multiple_of(0x10)).then_some(n as u8 + 1);
    Some(Value::Unsigned32(match id {
        price::STANDING_CHARGE => tariff.standing_charge,
        price::BLOCK_PRICE..price::TIER_PRICE => tariff.block_price(1, usize::from(id - price::BLOCK_PRICE)),
        price::TIER_PRICE..=0x04FF => tariff.rate(tier((id - price::TIER_PRICE) / 0x10)?),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FactorySettings;

    #[test]
    fn the_control_bits_of_an_electricity_meter_are_those_a_gas_meter_is_told() {
        let mut account = Account::new(&FactorySettings { prepayment: true, ..FactorySettings::default() });
        let mut with = |emergency, disabled| {
            (account.suspend_emergency, account.suspend_disabled) = (emergency, disabled);
            control(&account)
        };
        assert_eq!(
            [with(true, true), with(true, false), with(false, true), with(false, false)],
            [0x0497, 0x0097, 0x0C97, CONTROL_PREPAYMENT]
        );
        account.mode = PaymentMode::Credit;
        assert_eq!(control(&account), CONTROL_CREDIT);
    }

    #[test]
    fn the_credit_status_follows_the_credit() {
        use credit_status::*;
        let mut account = Account::new(&FactorySettings { prepayment: true, ..FactorySettings::default() });
        account.set_balance(500_000);
        assert_eq!(status_of_credit(&account), CREDIT_OK | EMERGENCY_ENABLED);
        account.consume(400_000);
        account.low_credit = 150_000;
        assert_eq!(status_of_credit(&account), CREDIT_OK | LOW_CREDIT | EMERGENCY_ENABLED | EMERGENCY_AVAILABLE);
        account.activate_emergency().unwrap();
        account.consume(200_000);
        assert_eq!(status_of_credit(&account), LOW_CREDIT | EMERGENCY_ENABLED | EMERGENCY_SELECTED | EMERGENCY_IN_USE);
        account.consume(2_000_000);
        assert_eq!(status_of_credit(&account), LOW_CREDIT | EMERGENCY_ENABLED | EMERGENCY_SELECTED | EXHAUSTED);
    }
}
