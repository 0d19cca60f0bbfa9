//! Commands to a GSME, and reads of its mirror in the GPF: ZCL commands in GBZ components (GBCS messages 10.4, 15.2, 17).
use gbcs::Time;
use gbcs::gbz::zcl::{
    ChangeDebt, ChangePaymentMode, ChangeSupply, ClusterCommand, ConsumerTopUp, CreditAdjustment, DisplayMessage,
    GetDayProfiles, GetSeasons, GetSpecialDays, GetWeekProfiles, Price, PublishPriceMatrix, PublishTariffInformation,
    SelectAvailableEmergencyCredit, ZclString,
};
use gbcs::gbz::{self, Component};

use super::{Device, Fault, GbcsVersion, Payload, TransformContext};
use crate::body::{
    BalanceChange, Currency, DebtRecovery, GasPrices, GasTariff, PaymentMode, Period, Prices, UpdateDebt,
    UpdatePaymentModeTo,
};
use crate::{Body, Execution};

// Clusters that are read.
const PRICE: u16 = 0x0700;
const METERING: u16 = 0x0702;
const PREPAYMENT: u16 = 0x0705;

/// Provider id: never used.
const NO_PROVIDER: u32 = 0;
/// The one tariff of a GSME.
const TARIFF: u32 = 1;
/// Originating device: the supplier.
const SUPPLIER: u8 = 0;
/// A start time field that is not used.
const AT_ONCE: u32 = 0;
/// Cancels what waits.
const CANCEL: u32 = 0xFFFF_FFFF;
/// Cancels a price matrix.
const CANCEL_MATRIX: u32 = 0xFFFF_FFFE;

/// The payload for `body`, or `None` where the use case is not supported yet.
pub(super) fn command(body: &Body, ctx: &TransformContext) -> Result<Option<Payload>, Fault> {
    let clock = ctx.now.zigbee();
    let Some((use_case, octets)) = at(body, &ctx.device, clock)? else { return Ok(None) };
    // What is only the clock is what another clock changes: the complement changes each of its octets.
    let (_, other) = at(body, &ctx.device, !clock)?.expect("supported a moment ago");
    let differing: Vec<_> = (0..octets.len()).filter(|&i| octets[i] != other[i]).collect();
    let clock_fields = differing.chunks(4).map(|field| field[0]).collect();
    Ok(Some(Payload { use_case, octets, clock_fields }))
}

/// Components of a payload in order, numbered as they come.
#[derive(Default)]
struct Components(Vec<Component>);

impl Components {
    fn and<C: ClusterCommand>(mut self, command: C) -> Self {
        self.0.push(Component::new(self.0.len() as u8, command));
        self
    }

    fn and_read(mut self, cluster: u16, attributes: &[u16]) -> Self {
        self.0.push(Component::read_attributes(self.0.len() as u8, cluster, attributes));
        self
    }
}

/// A payload of this one command.
fn only<C: ClusterCommand>(command: C) -> Components {
    Components::default().and(command)
}

/// A payload that reads these attributes first.
fn read(cluster: u16, attributes: &[u16]) -> Components {
    Components::default().and_read(cluster, attributes)
}

/// The use case and octets for `body` when the DCC's clock shows `clock`.
fn at(body: &Body, device: &Device, clock: u32) -> Result<Option<(&'static str, Vec<u8>)>, Fault> {
    let (use_case, components) = match body {
        Body::UpdatePrice(update) => match &update.prices {
            Prices::Gas(prices) => ("GCS01b", set_price(prices, update.execution, clock)?),
            Prices::Electricity(_) => return Err(Fault::Fuel),
        },
        Body::UpdateMeterBalance(balance) => {
            let (use_case, kind, value) = match (balance.mode, balance.change) {
                (PaymentMode::Prepayment, BalanceChange::Adjust(amount)) => ("GCS40a", 0, amount),
                (PaymentMode::Prepayment, BalanceChange::Reset) => ("GCS40b", 1, 0),
                (PaymentMode::Credit, BalanceChange::Reset) => ("GCS40d", 2, 0),
                (PaymentMode::Credit, BalanceChange::Adjust(amount)) => ("GCS40c", 3, amount),
            };
            (use_case, only(CreditAdjustment { issuer_event: clock, start: AT_ONCE, kind, value }))
        }
        Body::UpdatePaymentMode(update) => payment_mode(update.to, start(update.execution, CANCEL)?, clock),
        Body::TopUpDevice(utrn) => {
            ("CS01b", only(ConsumerTopUp { originating_device: SUPPLIER, code: string(utrn.digits()) }))
        }
        Body::UpdateDebt(debt) => ("GCS04", manage_debt(debt, clock)?),
        Body::DisplayMessage(message) => {
            /// Minutes: until another message comes.
            const UNTIL_CHANGED: u16 = 0xFFFF;
            let display = DisplayMessage {
                message: clock,
                control: 0,
                start: AT_ONCE,
                duration: UNTIL_CHANGED,
                text: string(message.text()),
                extended_control: None,
            };
            ("GCS07", only(display))
        }
        Body::Plain { element, .. } => match plain(element, device, clock) {
            Some(found) => found,
            None => return Ok(None),
        },
        Body::ReturnLocalCommandResponse(_) | Body::SignedPreCommand(_) | Body::Other(_) => return Ok(None),
    };
    Ok(Some((use_case, gbz::Payload::new(components.0).encode())))
}

/// Services whose body says nothing but which they are.
fn plain(element: &str, device: &Device, clock: u32) -> Option<(&'static str, Components)> {
    let change_supply = |status| {
        only(ChangeSupply {
            provider: NO_PROVIDER,
            issuer_event: clock,
            request_time: 0,
            start: AT_ONCE,
            status,
            control: 0x01,
        })
    };
    Some(match element {
        "ActivateEmergencyCredit" => {
            ("GCS06", only(SelectAvailableEmergencyCredit { issue_time: AT_ONCE, originating_device: SUPPLIER }))
        }
        "DisableSupply" => ("GCS32", change_supply(0)),
        "ArmSupply" => ("GCS39", change_supply(1)),
        "ReadSupplyStatus" => ("GCS33", read(METERING, &[0x0205, 0x0014])),
        "ReadDeviceConfigurationPaymentMode" => ("GCS21j", read(PREPAYMENT, &[0x0000])),
        "ReadMeterBalance" => {
            let with_clock = device.gbcs_version >= GbcsVersion::GAS_BALANCE_WITH_CLOCK;
            let balances = read(METERING, &[0x0A00]).and_read(PREPAYMENT, &[0x0001]);
            (if with_clock { "GCS60a" } else { "GCS60" }, balances)
        }
        "ReadInstantaneousPrepayValues" => {
            let amounts = [0x0005, 0x0002, 0x0001, 0x0231, 0x0211, 0x0221];
            ("GCS14", read(PRICE, &[0x0617, 0x0616]).and_read(PREPAYMENT, &amounts))
        }
        "ReadPrepaymentConfiguration" => ("GCS21b", read_prepayment_configuration()),
        _ => return None,
    })
}

/// A string of a length the body bounds.
fn string(text: &str) -> ZclString {
    ZclString::new(text.as_bytes()).unwrap_or_default()
}

/// The start time field; `cancel` is the value that cancels in this command.
pub(super) fn start(execution: Execution, cancel: u32) -> Result<u32, Fault> {
    match execution {
        Execution::Immediate => Ok(0),
        Execution::Cancel => Ok(cancel),
        Execution::At(at) => {
            let seconds = at.zigbee();
            let fits = Time::from_zigbee(seconds).seconds() == at.seconds() && (1..CANCEL_MATRIX).contains(&seconds);
            fits.then_some(seconds).ok_or(Fault::Date(at))
        }
    }
}

/// GCS01b.
fn set_price(prices: &GasPrices, execution: Execution, clock: u32) -> Result<Components, Fault> {
    // The scheme of the tariff, its tiers and thresholds, the matrix' own word for the scheme; tiers count from 1, blocks from 0.
    let (type_and_scheme, price_tiers, block_thresholds, sub_payload_control, entries, first) = match &prices.tariff {
        GasTariff::Tou(prices) => (0x00, prices.len() as u8, 0, 0x01, prices, 1),
        GasTariff::Block { prices, thresholds } => (0x10, 0, *thresholds, 0x00, prices, 0),
    };
    let information = PublishTariffInformation {
        provider: NO_PROVIDER,
        issuer_event: clock,
        tariff: TARIFF,
        start: start(execution, CANCEL)?,
        type_and_scheme,
        label: ZclString::default(),
        price_tiers,
        block_thresholds,
        unit: 0x00,
        currency: match prices.currency {
            Currency::Gbp => 826,
            Currency::Ecb => 978,
        },
        price_digits: 0x50,
        standing_charge: prices.standing_charge,
        tier_block_mode: 0xFF,
        threshold_multiplier: 1.into(),
        threshold_divisor: 1000.into(),
    };
    let matrix = PublishPriceMatrix {
        provider: NO_PROVIDER,
        issuer_event: clock,
        start: start(execution, CANCEL_MATRIX)?,
        tariff: TARIFF,
        command_index: 0,
        total_commands: 1,
        sub_payload_control,
        prices: entries.iter().map(|(number, &price)| Price { tier_block: number - 1 + first, price }).collect(),
    };
    Ok(only(information).and(matrix))
}

/// GCS02, GCS03.
fn payment_mode(to: UpdatePaymentModeTo, start: u32, clock: u32) -> (&'static str, Components) {
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
    (use_case, only(ChangePaymentMode { provider: NO_PROVIDER, issuer_event: clock, start, control, cut_off }))
}

/// GCS04: time-based debt 1 and 2, and payment-based debt.
fn manage_debt(debt: &UpdateDebt, clock: u32) -> Result<Components, Fault> {
    let DebtRecovery::Gas(recovery) = debt.recovery else { return Err(Fault::Fuel) };
    // Payment-based debt has no rate, and its frequency is written as daily.
    let by_payment = ChangeDebt {
        issuer_event: clock,
        label: ZclString::default(),
        amount: debt.payment_debt,
        recovery_method: 1,
        amount_type: 5,
        start: AT_ONCE,
        collection_time: 0,
        recovery_frequency: 1,
        recovery_amount: 0,
        recovery_percentage: debt.recovery_per_payment,
    };
    let by_time = |amount, amount_type, nth: usize| ChangeDebt {
        amount,
        recovery_method: 0,
        amount_type,
        recovery_frequency: u8::from(recovery[nth].period == Period::Daily),
        recovery_amount: recovery[nth].rate,
        recovery_percentage: 0,
        ..by_payment.clone()
    };
    Ok(only(by_time(debt.time_debt_1, 1, 0)).and(by_time(debt.time_debt_2, 3, 1)).and(by_payment))
}

/// GCS21b: amounts and limits, then the calendar of non-disablement in force.
fn read_prepayment_configuration() -> Components {
    /// The calendar of friendly credit in force.
    const FRIENDLY_CREDIT: u32 = 0xFFFF_FFFE;
    const FRIENDLY_CREDIT_TYPE: u8 = 3;
    let amounts = [0x0239, 0x0006, 0x0216, 0x0226, 0x0040, 0x0010, 0x0011, 0x0031, 0x0021, 0x0022, 0x0217, 0x0227];
    let (provider, calendar) = (NO_PROVIDER, FRIENDLY_CREDIT);
    read(PREPAYMENT, &amounts)
        .and_read(PRICE, &[0x0617])
        .and(GetDayProfiles { provider, calendar, start: 1, count: 0 })
        .and(GetWeekProfiles { provider, calendar, start: 1, count: 0 })
        .and(GetSeasons { provider, calendar })
        .and(GetSpecialDays { start: AT_ONCE, count: 0, kind: FRIENDLY_CREDIT_TYPE, provider, calendar })
}
