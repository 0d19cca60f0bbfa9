//! Commands to a GSME, and reads of its mirror in the GPF: ZCL commands in GBZ components (GBCS messages 10.4, 15.2, 17).
use gbcs::Time;

use super::zcl::{Component, cluster, encode, start};
use super::{Fault, GbcsVersion, Payload, TransformContext};
use crate::body::{
    BalanceChange, Currency, DebtRecovery, GasPrices, GasTariff, PaymentMode, Period, Prices, UpdateDebt,
    UpdatePaymentModeTo,
};
use crate::{Body, Execution};

/// Provider id: never used.
const NO_PROVIDER: u32 = 0;
/// The one tariff of a GSME.
const TARIFF: u32 = 1;
const NOT_SPECIFIED: u8 = 0xFF;
/// Cancels where FFFFFFFF does not.
const CANCEL_MATRIX: u32 = 0xFFFF_FFFE;
const CANCEL: u32 = 0xFFFF_FFFF;

/// The payload for `body`, or `None` where the use case is not supported yet.
pub(super) fn command(body: &Body, ctx: &TransformContext) -> Result<Option<Payload>, Fault> {
    let now = ctx.now;
    let (use_case, components) = match body {
        Body::UpdatePrice(update) => match &update.prices {
            Prices::Gas(prices) => ("GCS01b", set_price(prices, update.execution, now)?),
            Prices::Electricity(_) => return Err(Fault::Fuel),
        },
        Body::UpdateMeterBalance(balance) => {
            let (use_case, kind, amount) = match (balance.mode, balance.change) {
                (PaymentMode::Prepayment, BalanceChange::Adjust(amount)) => ("GCS40a", 0, amount),
                (PaymentMode::Prepayment, BalanceChange::Reset) => ("GCS40b", 1, 0),
                (PaymentMode::Credit, BalanceChange::Reset) => ("GCS40d", 2, 0),
                (PaymentMode::Credit, BalanceChange::Adjust(amount)) => ("GCS40c", 3, amount),
            };
            (use_case, vec![Component::to_server(cluster::PREPAYMENT, 0x05).clock(now).u32(0).u8(kind).i32(amount)])
        }
        Body::UpdatePaymentMode(update) => payment_mode(update.to, start(update.execution, CANCEL)?, now),
        Body::TopUpDevice(utrn) => {
            let from_supplier = 0;
            let top_up = Component::to_server(cluster::PREPAYMENT, 0x04).u8(from_supplier);
            ("CS01b", vec![top_up.string(utrn.digits().as_bytes())])
        }
        Body::UpdateDebt(debt) => ("GCS04", manage_debt(debt, now)?),
        Body::DisplayMessage(message) => {
            let (control, at_once, until_replaced) = (0, 0, 0xFFFF);
            let display = Component::to_client(cluster::MESSAGING, 0x00).clock(now).u8(control).u32(at_once);
            ("GCS07", vec![display.u16(until_replaced).string(message.text().as_bytes())])
        }
        Body::Plain { element, .. } => match plain(element, ctx) {
            Some(found) => found,
            None => return Ok(None),
        },
        Body::ReturnLocalCommandResponse(_) | Body::SignedPreCommand(_) | Body::Other(_) => return Ok(None),
    };
    let (octets, clock_fields) = encode(&components);
    Ok(Some(Payload { use_case, octets, clock_fields }))
}

/// Services whose body says nothing but which they are.
fn plain(element: &str, ctx: &TransformContext) -> Option<(&'static str, Vec<Component>)> {
    use cluster::{METERING, PREPAYMENT, PRICE};
    let change_supply = |status| {
        let (requested, at_once, control) = (0, 0, 0x01);
        let change = Component::to_server(METERING, 0x0B).u32(NO_PROVIDER).clock(ctx.now);
        vec![change.u32(requested).u32(at_once).u8(status).u8(control)]
    };
    Some(match element {
        "ActivateEmergencyCredit" => {
            let (issued, from_supplier) = (0, 0);
            ("GCS06", vec![Component::to_server(PREPAYMENT, 0x00).u32(issued).u8(from_supplier)])
        }
        "DisableSupply" => ("GCS32", change_supply(0)),
        "ArmSupply" => ("GCS39", change_supply(1)),
        "ReadSupplyStatus" => ("GCS33", vec![Component::read(METERING, &[0x0205, 0x0014])]),
        "ReadDeviceConfigurationPaymentMode" => ("GCS21j", vec![Component::read(PREPAYMENT, &[0x0000])]),
        "ReadMeterBalance" => {
            let with_clock = ctx.device.gbcs_version >= GbcsVersion::GAS_BALANCE_WITH_CLOCK;
            let read = vec![Component::read(METERING, &[0x0A00]), Component::read(PREPAYMENT, &[0x0001])];
            (if with_clock { "GCS60a" } else { "GCS60" }, read)
        }
        "ReadInstantaneousPrepayValues" => {
            let amounts = [0x0005, 0x0002, 0x0001, 0x0231, 0x0211, 0x0221];
            ("GCS14", vec![Component::read(PRICE, &[0x0617, 0x0616]), Component::read(PREPAYMENT, &amounts)])
        }
        "ReadPrepaymentConfiguration" => ("GCS21b", read_prepayment_configuration()),
        _ => return None,
    })
}

/// GCS01b: Publish Tariff Information, Publish Price Matrix.
fn set_price(prices: &GasPrices, execution: Execution, now: Time) -> Result<Vec<Component>, Fault> {
    // The scheme of the tariff, its tiers and thresholds, and the matrix' own word for the scheme.
    let (scheme, tiers, thresholds, by_tier) = match &prices.tariff {
        GasTariff::Tou(prices) => (0x00, prices.len() as u8, 0, 0x01),
        GasTariff::Block { thresholds, .. } => (0x10, 0, *thresholds, 0x00),
    };
    let currency = match prices.currency {
        Currency::Gbp => 826,
        Currency::Ecb => 978,
    };
    let (unit_of_measure, five_decimals, multiplier, divisor) = (0x00, 0x50, 1, 1000);
    let information = Component::to_client(cluster::PRICE, 0x04)
        .u32(NO_PROVIDER)
        .clock(now)
        .u32(TARIFF)
        .u32(start(execution, CANCEL)?)
        .u8(scheme)
        .string(b"")
        .u8(tiers)
        .u8(thresholds)
        .u8(unit_of_measure)
        .u16(currency)
        .u8(five_decimals)
        .u32(prices.standing_charge)
        .u8(NOT_SPECIFIED)
        .u24(multiplier)
        .u24(divisor);
    let (index, total) = (0, 1);
    let mut matrix = Component::to_client(cluster::PRICE, 0x05)
        .u32(NO_PROVIDER)
        .clock(now)
        .u32(start(execution, CANCEL_MATRIX)?)
        .u32(TARIFF)
        .u8(index)
        .u8(total)
        .u8(by_tier);
    // Tiers count from 1, blocks from 0.
    let (entries, first) = match &prices.tariff {
        GasTariff::Tou(prices) => (prices, 1),
        GasTariff::Block { prices, .. } => (prices, 0),
    };
    for (&number, &price) in entries {
        matrix = matrix.u8(number - 1 + first).u32(price);
    }
    Ok(vec![information, matrix])
}

/// GCS02, GCS03: Change Payment Mode.
fn payment_mode(to: UpdatePaymentModeTo, start: u32, now: Time) -> (&'static str, Vec<Component>) {
    /// Leaves the disablement threshold as it is.
    const NO_CUT_OFF: i32 = -1;
    let (use_case, control, cut_off) = match to {
        UpdatePaymentModeTo::Credit => ("GCS02", 0x0C94, NO_CUT_OFF),
        UpdatePaymentModeTo::Prepayment { suspend_debt_disabled, suspend_debt_emergency, disablement_threshold } => {
            let while_disabled = if suspend_debt_disabled { 0x0400 } else { 0 };
            let in_emergency = if suspend_debt_emergency { 0 } else { 0x0800 };
            ("GCS03", 0x0097 | while_disabled | in_emergency, disablement_threshold)
        }
    };
    let change = Component::to_server(cluster::PREPAYMENT, 0x06).u32(NO_PROVIDER).clock(now).u32(start);
    (use_case, vec![change.u16(control).i32(cut_off)])
}

/// GCS04: Change Debt for time-based debt 1 and 2 and for payment-based debt.
fn manage_debt(debt: &UpdateDebt, now: Time) -> Result<Vec<Component>, Fault> {
    let DebtRecovery::Gas([first, second]) = debt.recovery else { return Err(Fault::Fuel) };
    let daily = |period| u8::from(period == Period::Daily);
    let (by_time, by_payment) = (0, 1);
    // Payment-based debt has no rate; its frequency is written as daily.
    let changes = [
        (debt.time_debt_1, by_time, 1, daily(first.period), first.rate, 0),
        (debt.time_debt_2, by_time, 3, daily(second.period), second.rate, 0),
        (debt.payment_debt, by_payment, 5, daily(Period::Daily), 0, debt.recovery_per_payment),
    ];
    Ok(changes
        .map(|(amount, method, kind, frequency, rate, share)| {
            let (start, collection_time) = (0, 0);
            let change = Component::to_server(cluster::PREPAYMENT, 0x02).clock(now).string(b"").i32(amount);
            change.u8(method).u8(kind).u32(start).u16(collection_time).u8(frequency).i32(rate).u16(share)
        })
        .into())
}

/// GCS21b: amounts and limits, then the calendar of non-disablement in force.
fn read_prepayment_configuration() -> Vec<Component> {
    use cluster::{CALENDAR, PREPAYMENT, PRICE};
    /// The calendar of friendly credit in force.
    const FRIENDLY_CREDIT: u32 = 0xFFFF_FFFE;
    const FRIENDLY_CREDIT_TYPE: u8 = 3;
    let amounts = [0x0239, 0x0006, 0x0216, 0x0226, 0x0040, 0x0010, 0x0011, 0x0031, 0x0021, 0x0022, 0x0217, 0x0227];
    let get = |command| Component::to_server(CALENDAR, command);
    let (from_first, all, any_time) = (1, 0, 0);
    vec![
        Component::read(PREPAYMENT, &amounts),
        Component::read(PRICE, &[0x0617]),
        get(0x01).u32(NO_PROVIDER).u32(FRIENDLY_CREDIT).u8(from_first).u8(all),
        get(0x02).u32(NO_PROVIDER).u32(FRIENDLY_CREDIT).u8(from_first).u8(all),
        get(0x03).u32(NO_PROVIDER).u32(FRIENDLY_CREDIT),
        get(0x04).u32(any_time).u8(all).u8(FRIENDLY_CREDIT_TYPE).u32(NO_PROVIDER).u32(FRIENDLY_CREDIT),
    ]
}
