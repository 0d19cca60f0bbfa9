//! Executing the components of a GBZ Command one by one (gbcs-messages 8.3: the first that fails ends it).
use super::Store;
use super::attributes::{
    self, COLLECT_IN_EMERGENCY, CONTROL_PREPAYMENT_ENABLED, SITE_ID, SUSPEND_DISABLED, cluster, metering, price,
};
use super::timed::{self, When};
use super::{events, history};
use crate::books::cause;
use crate::prepayment::{Account, Denied, PaymentMode};
use crate::refusal::Refusal;
use crate::work::{Executed, Outcome, Pending, Work};
use crate::zse;
use alloc::vec::Vec;
use gas::answer::{ResponseForm, failure};
use gas::tables;
use gbcs::gbz::zcl::*;
use gbcs::gbz::{Component, Payload};

/// How a component was answered: a read of a table by one component for each part.
type Answered = Result<Vec<Component>, Status>;

/// Seconds.
const WEEK: i32 = 604_800;
/// The answer to a command that any later component of the Command is answered for once one failed.
const NOT_REACHED: u8 = 0xFF;
/// Friendly credit is not modelled beyond its tables: on, in the calendar the samples of GBCS name.
const FRIENDLY_CREDIT: (u8, u32) = (1, 2);

/// Execute a payload whose components were found to be those of its use case. `response_form` says how the use case answers
/// the component at a place.
pub(crate) fn execute(
    store: &mut Store,
    work: &mut Work<'_>,
    command: &Payload,
    response_form: &dyn Fn(usize, &Component) -> ResponseForm,
) -> Result<Executed, Refusal> {
    // A later Command of the same use case replaces whatever an earlier one left pending (GBCS 9.2.2.7).
    for replaced in work.pending.extract_if(.., |pending| pending.code == work.origin.code.0) {
        let payload = Payload::parse(&replaced.what).ok();
        if let Some(component) = payload.as_ref().and_then(|payload| payload.components.first()) {
            tables::abandon(&mut store.tables, component);
        }
    }
    let mut outcome = Outcome::Success;
    let mut stored = false;
    let mut answers = Vec::with_capacity(command.components.len());
    let mut frame_counter = 0;
    for (n, component) in command.components.iter().enumerate() {
        if let Outcome::Failed { .. } = outcome {
            answers.push(component.default_response_for(NOT_REACHED, Status::FAILURE));
            continue;
        }
        let answered = match timed::when(component, work.now) {
            When::Cancelled => Ok(alloc::vec![acknowledge(&work.books.account, component)]),
            When::At(due) => {
                stored = true;
                let what = Payload::new([component.clone()]).encode();
                work.pending.push(Pending::new(due, &work.origin, what));
                Ok(alloc::vec![acknowledge(&work.books.account, component)])
            }
            When::Now => run(store, work, component),
        };
        for answer in answered.unwrap_or_else(|status| alloc::vec![component.default_response(status)]) {
            let form = response_form(n, &answer);
            let no_key = Refusal::NoReaderKey(work.origin.originator);
            let answer = form.give(answer, &mut frame_counter, |plain| work.tools.encrypt(plain)).ok_or(no_key)?;
            if let (Outcome::Success, Some(result)) = (outcome, failure(&answer)) {
                outcome = Outcome::Failed { row: n, result };
            }
            answers.push(answer);
        }
    }
    Ok(Executed { payload: Payload::new(answers).encode(), outcome, stored })
}

/// Execute a component whose time has come; whether it succeeded.
pub(crate) fn execute_due(store: &mut Store, work: &mut Work<'_>, component: &Component) -> bool {
    run(store, work, component).is_ok_and(|answers| answers.iter().all(|answer| failure(answer).is_none()))
}

/// The answer of a command that was executed, stored or cancelled, where it is not a Default Response.
fn acknowledge(account: &Account, component: &Component) -> Component {
    match component.body() {
        Some(Body::Cluster(Command::ChangePaymentMode(_))) => component.response(ChangePaymentModeResponse {
            friendly_credit: FRIENDLY_CREDIT.0,
            calendar: FRIENDLY_CREDIT.1,
            emergency_limit: account.emergency.limit.max(0) as u32,
            emergency_threshold: account.emergency.threshold.max(0) as u32,
        }),
        _ => component.default_response(Status::SUCCESS),
    }
}

fn run(store: &mut Store, work: &mut Work<'_>, component: &Component) -> Answered {
    let command = match component.body() {
        Some(Body::ReadAttributes(ids)) => {
            let record = |&id: &u16| {
                let value = attributes::read(store, work.books, component.cluster, id);
                AttributeRecord { id, value: value.ok_or(Status::UNSUPPORTED_ATTRIBUTE) }
            };
            let records: Vec<_> = ids.iter().map(record).collect();
            return Ok(alloc::vec![component.read_attributes_response(records)]);
        }
        Some(Body::Cluster(command)) => command,
        Some(Body::Unknown(_)) => return Err(Status::MALFORMED_COMMAND),
        _ => return Err(Status::UNSUP_CLUSTER_COMMAND),
    };
    match command {
        Command::ConsumerTopUp(top_up) => Ok(alloc::vec![component.response(enter(work, top_up))]),
        Command::ChangeSupply(change) => {
            Ok(alloc::vec![component.response(change_supply(&mut work.books.account, change)?)])
        }
        Command::GetBillingPeriod(_)
        | Command::GetDayProfiles(_)
        | Command::GetWeekProfiles(_)
        | Command::GetSeasons(_)
        | Command::GetSpecialDays(_) => Ok(tables::read(&store.tables, component, command)),
        Command::GetSnapshot(_)
        | Command::GetPrepaySnapshot(_)
        | Command::GetSampledData(_)
        | Command::GetTopUpLog(_)
        | Command::GetDebtRepaymentLog(_)
        | Command::GetEventLog(_) => Ok(alloc::vec![history::read(work.books, component, command)]),
        Command::GetCurrentPrice(_) => Ok(alloc::vec![component.response(history::price(store, work.books, work.now))]),
        Command::StartSampling(start) => Ok(alloc::vec![history::start_sampling(work, component, start)]),
        Command::ClearEventLog(clear) => Ok(alloc::vec![history::clear(work, component, clear)?]),
        Command::GetEventConfiguration(get) => Ok(alloc::vec![events::report(store, component, get)]),
        _ => apply(store, work, component, command).map(|()| alloc::vec![acknowledge(&work.books.account, component)]),
    }
}

/// Commands that are answered by a success and nothing else, or by a fixed response.
fn apply(store: &mut Store, work: &mut Work<'_>, component: &Component, command: &Command) -> Result<(), Status> {
    let mode = work.books.account.mode;
    let account = &mut work.books.account;
    match command {
        Command::SelectAvailableEmergencyCredit(_) => account.activate_emergency().map_err(denied)?,
        Command::ChangeDebt(debt) => change_debt(account, debt)?,
        Command::CreditAdjustment(adjustment) => adjust(account, adjustment)?,
        Command::ChangePaymentMode(change) => change_payment_mode(store, account, change),
        Command::EmergencyCreditSetup(setup) => {
            let (limit, threshold) = (money(setup.limit)?, money(setup.threshold)?);
            account.emergency.threshold = threshold;
            account.set_emergency_limit(limit);
        }
        Command::SetLowCreditWarningLevel(warning) => account.low_credit = money(warning.level)?,
        Command::SetMaximumCreditLimit(maximum) => {
            let (level, top_up) = (money(maximum.max_level)?, money(maximum.max_per_top_up)?);
            (account.maximum_balance, account.maximum_credit) = (level, top_up);
        }
        // Gas has no register for the period of the cap: it is a week (SMETS 4.6.4.5).
        Command::SetOverallDebtCap(cap) => (account.debt_cap, account.debt_cap_period) = (cap.cap, WEEK),
        Command::SetEventConfiguration(set) => events::set(store, set),
        Command::DisplayMessage(message) => store.message = Some(message.text.octets().to_vec().into()),
        other => {
            publish(store, component, other)?;
            if let Command::PublishTariffInformation(_) = other {
                work.books.changed(work.now, cause::TARIFF, &work.sizes);
            }
        }
    }
    if work.books.account.mode != mode {
        work.books.changed(work.now, cause::MODE, &work.sizes);
    }
    Ok(())
}

/// Commands that write tables and attributes and do nothing else.
fn publish(store: &mut Store, component: &Component, command: &Command) -> Result<(), Status> {
    use AttributeValue::{Bitmap8, Enum8, OctetString, Unsigned8, Unsigned16, Unsigned32, Unsigned48};
    let mut set = |id: u16, value: AttributeValue| store.set(cluster::PRICE, id, value);
    match command {
        Command::PublishTariffInformation(tariff) => {
            set(price::STANDING_CHARGE, Unsigned32(tariff.standing_charge));
            set(price::UNIT, Enum8(tariff.unit));
            set(price::CURRENCY, Unsigned16(tariff.currency));
            set(price::TRAILING_DIGIT, Bitmap8(tariff.price_digits));
            tables::publish(&mut store.tables, component, command)?;
        }
        Command::PublishPriceMatrix(matrix) => {
            for price in &matrix.prices {
                set(price_attribute(matrix.sub_payload_control, price.tier_block)?, Unsigned32(price.price));
            }
        }
        Command::PublishBlockThresholds(blocks) => {
            for (n, threshold) in (0..15).zip(blocks.thresholds.iter().flat_map(|list| list.thresholds())) {
                set(price::BLOCK_THRESHOLD + n, Unsigned48(*threshold));
            }
        }
        Command::PublishConversionFactor(factor) => {
            set(price::CONVERSION_FACTOR, Unsigned32(factor.factor));
            set(price::CONVERSION_FACTOR_DIGIT, Bitmap8(factor.trailing_digit));
        }
        Command::PublishCalorificValue(value) => {
            set(price::CALORIFIC_VALUE, Unsigned32(value.value));
            set(price::CALORIFIC_VALUE_UNIT, Enum8(value.unit));
            set(price::CALORIFIC_VALUE_DIGIT, Bitmap8(value.trailing_digit));
        }
        Command::UpdateSiteId(update) => store.set(cluster::METERING, SITE_ID, OctetString(update.site.clone())),
        Command::SetSupplyStatus(supply) => {
            store.set(cluster::METERING, metering::TAMPER_STATE, Enum8(supply.tamper));
            store.set(cluster::METERING, metering::DEPLETION_STATE, Enum8(supply.depletion));
        }
        Command::SetUncontrolledFlowThreshold(flow) => {
            for (id, value) in [
                (metering::FLOW_THRESHOLD, Unsigned16(flow.threshold)),
                (metering::FLOW_UNIT, Enum8(flow.unit)),
                (metering::FLOW_MULTIPLIER, Unsigned16(flow.multiplier)),
                (metering::FLOW_DIVISOR, Unsigned16(flow.divisor)),
                (metering::FLOW_STABILISATION, Unsigned8(flow.stabilisation)),
                (metering::FLOW_MEASUREMENT, Unsigned16(flow.measurement)),
            ] {
                store.set(cluster::METERING, id, value);
            }
        }
        other => return tables::publish(&mut store.tables, component, other),
    }
    Ok(())
}

/// Prices by time of use have tiers 1 to 48 (sub payload control 01), block prices blocks 0 to 15 (00).
fn price_attribute(sub_payload_control: u8, tier_block: u8) -> Result<u16, Status> {
    match (sub_payload_control, tier_block) {
        (1, tier @ 1..=15) => Ok(price::TIER_PRICE + 0x10 * (u16::from(tier) - 1)),
        (0, block @ 0..=15) => Ok(price::BLOCK_PRICE + u16::from(block)),
        _ => Err(Status::INVALID_FIELD),
    }
}

fn enter(work: &mut Work<'_>, top_up: &ConsumerTopUp) -> ConsumerTopUpResponse {
    let before = work.books.account.supply;
    let entered = work.top_up(top_up.code.octets()).map(|credited| credited.amount);
    zse::top_up_response(entered, before, &work.books.account, top_up.originating_device)
}

/// Gas is turned off, or off and armed, by Command; never on.
fn change_supply(account: &mut Account, change: &ChangeSupply) -> Result<SupplyStatusResponse, Status> {
    match change.status {
        0 => account.disable(),
        1 => account.close_and_arm().map_err(denied)?,
        _ => return Err(Status::INVALID_FIELD),
    }
    Ok(SupplyStatusResponse {
        provider: change.provider,
        issuer_event: change.issuer_event,
        start: change.start,
        status: zse::supply_status(account.supply),
    })
}

fn change_debt(account: &mut Account, change: &ChangeDebt) -> Result<(), Status> {
    let period = match change.recovery_frequency {
        0 => 3_600,
        1 => 86_400,
        _ => return Err(Status::INVALID_FIELD),
    };
    match change.amount_type {
        kind @ (1 | 3) => {
            let debt = usize::from(kind / 2);
            account.change_debt(debt, change.amount).map_err(denied)?;
            account.time_debts[debt].rate = change.recovery_amount;
            account.time_debts[debt].period = period;
        }
        5 if change.recovery_percentage <= 10_000 => {
            account.change_debt(2, change.amount).map_err(denied)?;
            account.payment_share = change.recovery_percentage;
        }
        _ => return Err(Status::INVALID_FIELD),
    }
    Ok(())
}

/// Credit Adjustment: 0 prepayment incremental, 1 prepayment absolute (reset), 2 credit mode absolute, 3 credit mode
/// incremental, which lowers the bill.
fn adjust(account: &mut Account, adjustment: &CreditAdjustment) -> Result<(), Status> {
    match adjustment.kind {
        0 => account.adjust_balance(adjustment.value).map_err(denied)?,
        1 => {
            account.set_balance(adjustment.value);
            account.set_accumulated_debt(0);
            account.reset_emergency();
        }
        2 => account.set_bill(adjustment.value),
        3 => account.set_bill(account.bill_to_date.saturating_sub(adjustment.value)),
        _ => return Err(Status::INVALID_FIELD),
    }
    Ok(())
}

fn change_payment_mode(store: &mut Store, account: &mut Account, change: &ChangePaymentMode) {
    if change.cut_off != -1 {
        account.set_disablement_threshold(change.cut_off);
    }
    if change.control & CONTROL_PREPAYMENT_ENABLED != 0 {
        store.control = Some(change.control);
        account.suspend_disabled = change.control & SUSPEND_DISABLED != 0;
        account.suspend_emergency = change.control & COLLECT_IN_EMERGENCY == 0;
        account.set_mode(PaymentMode::Prepayment);
    } else {
        account.set_mode(PaymentMode::Credit);
    }
}

fn money(amount: u32) -> Result<i32, Status> {
    amount.try_into().map_err(|_| Status::INVALID_VALUE)
}

fn denied(_: Denied) -> Status {
    Status::FAILURE
}
