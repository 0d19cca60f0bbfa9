//! The attributes and methods that stand for the prepayment engine: reading, writing, invoking.
use super::objects::*;
use super::tariff::suspended;
use crate::prepayment::{Account, PaymentMode, Supply};
use gbcs::dlms::{Data, DataAccessResult};

/// The value of a bound attribute; `None` when the attribute is not bound.
pub(super) fn read(account: &Account, attribute: Attribute) -> Option<Data> {
    Some(match attribute {
        BALANCE => Data::DoubleLong(account.balance),
        EMERGENCY_BALANCE => Data::DoubleLong(account.emergency.remaining),
        EMERGENCY_LIMIT => Data::DoubleLong(account.emergency.limit),
        EMERGENCY_THRESHOLD => Data::DoubleLong(account.emergency.threshold),
        ACCUMULATED_DEBT => Data::DoubleLong(account.accumulated_debt),
        // Account status 1: new (inactive) in the Blue Book; GBCS writes it in both modes.
        PAYMENT_MODE => Data::structure([Data::Enum(account.mode as u8 + 1), Data::Enum(1)]),
        LOW_CREDIT => Data::DoubleLong(account.low_credit),
        // In whole pounds (GBCS ECS08a).
        DEBT_CAP => Data::LongUnsigned((account.debt_cap / 100_000).clamp(0, 0xFFFF) as u16),
        DEBT_CAP_PERIOD => Data::DoubleLong(account.debt_cap_period),
        DISABLEMENT_THRESHOLD => Data::array([Data::DoubleLong(account.disablement_threshold)]),
        MAXIMUM_BALANCE => Data::DoubleLong(account.maximum_balance),
        MAXIMUM_CREDIT => Data::DoubleLong(account.maximum_credit),
        SUPPLY_STATE => Data::Enum(account.supply as u8),
        PREPAYMENT_REGISTERS => Data::structure(account.registers().map(Data::DoubleLong)),
        _ => {
            let debt = debt_of(attribute)?;
            match (debt, attribute.index) {
                (0 | 1, charge::PERIOD) => Data::DoubleLongUnsigned(account.time_debts[debt].period),
                (0 | 1, charge::REMAINING) => Data::DoubleLong(account.time_debts[debt].remaining),
                (2, charge::REMAINING) => Data::DoubleLong(account.payment_debt),
                (2, charge::PROPORTION) => Data::LongUnsigned(account.payment_share),
                _ => return None,
            }
        }
    })
}

/// Who keeps a value that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The engine, in a register of its own.
    ByEngine,
    /// The store: the engine has no use for it, or only a part of it.
    ByStore,
}

/// Write an attribute, by its row or at activation.
pub(super) fn write(account: &mut Account, attribute: Attribute, data: &Data) -> Result<Kept, DataAccessResult> {
    match attribute {
        EMERGENCY_LIMIT => account.set_emergency_limit(double_long(data)?),
        EMERGENCY_THRESHOLD => account.emergency.threshold = double_long(data)?,
        PAYMENT_MODE => account.set_mode(payment_mode(data)?),
        LOW_CREDIT => account.low_credit = double_long(data)?,
        DEBT_CAP => account.debt_cap = i32::from(long_unsigned(data)?).saturating_mul(100_000),
        DEBT_CAP_PERIOD => account.debt_cap_period = double_long(data)?,
        // The passive value is one number, the active one a register monitor's list of one.
        DISABLEMENT_THRESHOLD => account.set_disablement_threshold(match data.as_array() {
            Some([value]) => double_long(value)?,
            _ => double_long(data)?,
        }),
        MAXIMUM_BALANCE => account.maximum_balance = double_long(data)?,
        MAXIMUM_CREDIT => account.maximum_credit = double_long(data)?,
        // Kept whole for whoever reads it; what it means for debts is the engine's.
        CREDIT_CHARGE_PAIRS => {
            let (emergency, disabled) = suspended(data).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
            (account.suspend_emergency, account.suspend_disabled) = (emergency, disabled);
            return Ok(Kept::ByStore);
        }
        BALANCE | EMERGENCY_BALANCE | ACCUMULATED_DEBT | SUPPLY_STATE | PREPAYMENT_REGISTERS => {
            return Err(DataAccessResult::READ_WRITE_DENIED);
        }
        _ => return write_debt(account, attribute, data),
    }
    Ok(Kept::ByEngine)
}

fn write_debt(account: &mut Account, attribute: Attribute, data: &Data) -> Result<Kept, DataAccessResult> {
    match (debt_of(attribute), attribute.index) {
        (Some(debt @ (0 | 1)), charge::PERIOD) => {
            account.time_debts[debt].period = match data {
                Data::DoubleLongUnsigned(period @ (3_600 | 86_400)) => *period,
                Data::DoubleLongUnsigned(_) => return Err(DataAccessResult::SCOPE_OF_ACCESS_VIOLATED),
                _ => return Err(DataAccessResult::TYPE_UNMATCHED),
            };
        }
        // The active charge is the rate of recovery; its scales and commodity are for whoever reads it back.
        (Some(debt @ (0 | 1)), charge::ACTIVE) => {
            account.time_debts[debt].rate = rate(data).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
            return Ok(Kept::ByStore);
        }
        (Some(2), charge::PROPORTION) => match long_unsigned(data)? {
            share @ 0..=10_000 => account.payment_share = share,
            _ => return Err(DataAccessResult::SCOPE_OF_ACCESS_VIOLATED),
        },
        (Some(_), charge::REMAINING) => return Err(DataAccessResult::READ_WRITE_DENIED),
        _ => return Ok(Kept::ByStore),
    }
    Ok(Kept::ByEngine)
}

/// Invoke a bound method.
pub(super) fn invoke(account: &mut Account, method: Attribute, data: &Data) -> Result<(), DataAccessResult> {
    let done = match method {
        BALANCE_ADD => account.adjust_balance(double_long(data)?),
        BALANCE_SET => {
            account.set_balance(double_long(data)?);
            Ok(())
        }
        EMERGENCY_SET => match double_long(data)? {
            0 => {
                account.reset_emergency();
                Ok(())
            }
            _ => return Err(DataAccessResult::SCOPE_OF_ACCESS_VIOLATED),
        },
        EMERGENCY_INVOKE => account.activate_emergency(),
        ACCUMULATED_DEBT_SET => {
            account.set_accumulated_debt(double_long(data)?);
            Ok(())
        }
        SUPPLY_SCRIPTS => match long_unsigned(data)? {
            51 => account.enable(),
            52 => {
                account.disable();
                Ok(())
            }
            54 => account.arm(),
            _ => return Err(DataAccessResult::OBJECT_UNDEFINED),
        },
        _ => match (debt_of(method), method.index) {
            (Some(debt), charge::METHOD_CHANGE_REMAINING) => account.change_debt(debt, double_long(data)?),
            _ => return Err(DataAccessResult::OBJECT_UNDEFINED),
        },
    };
    done.map_err(|_| DataAccessResult::OTHER_REASON)
}

/// Whether a method is bound to the engine, whatever its parameter.
pub(super) fn is_bound_method(method: Attribute) -> bool {
    matches!(
        method,
        BALANCE_ADD | BALANCE_SET | EMERGENCY_SET | EMERGENCY_INVOKE | ACCUMULATED_DEBT_SET | SUPPLY_SCRIPTS
    ) || debt_of(method).is_some() && method.index == charge::METHOD_CHANGE_REMAINING
}

fn debt_of(attribute: Attribute) -> Option<usize> {
    DEBTS.iter().position(|debt| (debt.class, debt.obis) == (attribute.class, attribute.obis))
}

fn double_long(data: &Data) -> Result<i32, DataAccessResult> {
    if let Data::DoubleLong(n) = data { Ok(*n) } else { Err(DataAccessResult::TYPE_UNMATCHED) }
}

fn long_unsigned(data: &Data) -> Result<u16, DataAccessResult> {
    if let Data::LongUnsigned(n) = data { Ok(*n) } else { Err(DataAccessResult::TYPE_UNMATCHED) }
}

/// `{ enum mode, enum status }`.
fn payment_mode(data: &Data) -> Result<PaymentMode, DataAccessResult> {
    match data.as_structure() {
        Some([Data::Enum(1), Data::Enum(_)]) => Ok(PaymentMode::Credit),
        Some([Data::Enum(2), Data::Enum(_)]) => Ok(PaymentMode::Prepayment),
        Some([Data::Enum(_), Data::Enum(_)]) => Err(DataAccessResult::SCOPE_OF_ACCESS_VIOLATED),
        _ => Err(DataAccessResult::TYPE_UNMATCHED),
    }
}

/// The one charge of a unit charge with one entry, in thousandths of a penny.
fn rate(data: &Data) -> Option<i32> {
    let (scale, entries) = unit_charge(data)?;
    match entries.first()?.as_structure()? {
        [_, Data::Long(value)] => to_millipence(*value, scale),
        _ => None,
    }
}

/// The price scale and the entries of `{ {integer, integer scale}, {class, OBIS, attribute}, array { index, long } }`.
pub(super) fn unit_charge(data: &Data) -> Option<(i8, &[Data])> {
    let [scales, _, entries] = data.as_structure()? else { return None };
    let [_, Data::Integer(scale)] = scales.as_structure()? else { return None };
    Some((*scale, entries.as_array()?))
}

/// A price of `value` times ten to the `scale` pounds, in thousandths of a penny; `None` when that has no place.
pub(super) fn to_millipence(value: i16, scale: i8) -> Option<i32> {
    let exponent = i32::from(scale) + 5;
    let factor = 10i32.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 { i32::from(value).checked_mul(factor) } else { Some(i32::from(value) / factor) }
}

const _: () = assert!(Supply::Disabled as u8 == 0 && Supply::Enabled as u8 == 1 && Supply::Armed as u8 == 2);
const _: () = assert!(PaymentMode::Credit as u8 == 0 && PaymentMode::Prepayment as u8 == 1);
