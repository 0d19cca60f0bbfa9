//! SRV 1.5, 1.6, 1.7, 2.x, 7.1 to 7.3: balance, mode, configuration, top-up, debt, supply (GBCS messages 15).
use gbcs::dlms::{BitString, Data, Obis};
use gbcs::gbz::zcl::{
    ChangeDebt, ChangePaymentMode, ChangeSupply, ConsumerTopUp, CreditAdjustment, DayEntry, EmergencyCreditSetup,
    SelectAvailableEmergencyCredit, SetLowCreditWarningLevel, SetMaximumCreditLimit, SetOverallDebtCap, ZclString,
};

use super::Device;
use super::calendar::{GasCalendar, ScheduleEntry, plain_date, schedule, special_days, weekdays};
use super::choose::by_version;
use super::draft::{Components, Draft, Fault, only};
use super::tariff::{NO_COMMODITY, charge_element, seven, unit_charge};
use super::zcl::{AT_ONCE, CANCEL, NO_PROVIDER, SUPPLIER, start, string};
use crate::Execution;
use crate::body::calendar::NonDisablement;
use crate::body::prepay::{
    ElectricityPrepayConfiguration, GasPrepayConfiguration, PrepayConfiguration, UpdatePrepayConfiguration,
};
use crate::body::{BalanceChange, DebtRecovery, MeterBalance, PaymentMode, Period, PrepaymentMode, UpdateDebt, Utrn};
use crate::xml::value::Within;

const fn credit(e: u8) -> Obis {
    Obis([0, 0, 19, 10, e, 255])
}

const fn charge(e: u8) -> Obis {
    Obis([0, 0, 19, 20, e, 255])
}

pub(super) fn update_balance(balance: &MeterBalance, clock: u32, gas: bool) -> Draft {
    if !gas {
        return match balance.change() {
            BalanceChange::Adjust(amount) => Draft::rows("ECS04a", [*amount]),
            BalanceChange::Reset => Draft::rows("ECS04b", [0i32; 3]),
        };
    }
    let (use_case, kind, value) = match balance {
        MeterBalance::Prepayment(BalanceChange::Adjust(amount)) => ("GCS40a", 0, *amount),
        MeterBalance::Prepayment(BalanceChange::Reset) => ("GCS40b", 1, 0),
        MeterBalance::Credit(BalanceChange::Reset) => ("GCS40d", 2, 0),
        MeterBalance::Credit(BalanceChange::Adjust(amount)) => ("GCS40c", 3, *amount),
    };
    Draft::components(use_case, only(CreditAdjustment { issuer_event: clock, start: AT_ONCE, kind, value }))
}

pub(super) fn electricity_mode(to: &PaymentMode, device: &Device) -> Draft {
    let mode = |mode| Data::structure([Data::Enum(mode), Data::Enum(1)]);
    match to {
        PaymentMode::Credit => {
            let mut pairs = vec![pair(0, 0, ALL), pair(0, 4, ALL)];
            if device.twin_element {
                pairs.push(pair(0, 5, ALL));
            }
            Draft::rows("ECS02", [mode(1), Data::array(pairs)])
        }
        PaymentMode::Prepayment(how) => {
            let pairs = Data::array(prepayment_pairs(device, how));
            Draft::rows("ECS03", [mode(2), how.disablement_threshold.into(), pairs])
        }
    }
}

/// Which charges are taken from which credits in prepayment mode.
///
/// Where time-based debt is suspended with the supply disabled, its pairs with the first two credits lack a bit. Where debt is
/// suspended in emergency credit, a third credit takes part.
fn prepayment_pairs(device: &Device, how: &PrepaymentMode) -> Vec<Data> {
    let time_debt = if how.suspend_debt_disabled { NOT_WHEN_DISABLED } else { ALL };
    let bits = |h: u8| if matches!(h, 1 | 2) { time_debt } else { ALL };
    let mut pairs: Vec<_> = [(0, [0, 4, 1, 2, 3]), (1, [3, 0, 4, 1, 2])]
        .into_iter()
        .flat_map(|(credit, charges)| charges.map(|charge| pair(credit, charge, bits(charge))))
        .collect();
    if how.suspend_debt_emergency {
        pairs.extend([4, 1, 2].map(|charge| pair(2, charge, ALL)));
    }
    if device.twin_element {
        pairs.extend([0, 1].map(|credit| pair(credit, 5, ALL)));
    }
    pairs
}

const ALL: u8 = 0b1110_0000;
const NOT_WHEN_DISABLED: u8 = 0b1100_0000;

fn pair(of_credit: u8, of_charge: u8, bits: u8) -> Data {
    let bits = BitString::new(3, &[bits][..]).expect("three bits in one octet");
    Data::structure([Data::octets(credit(of_credit).0), Data::octets(charge(of_charge).0), bits.into()])
}

pub(super) fn gas_mode(to: &PaymentMode, execution: Execution, clock: u32) -> Result<Draft, Fault> {
    /// Leaves the disablement threshold as it is.
    const NO_CUT_OFF: i32 = -1;
    let (use_case, control, cut_off) = match to {
        PaymentMode::Credit => ("GCS02", 0x0C94, NO_CUT_OFF),
        PaymentMode::Prepayment(how) => {
            let while_disabled = if how.suspend_debt_disabled { 0x0400 } else { 0 };
            let in_emergency = if how.suspend_debt_emergency { 0 } else { 0x0800 };
            ("GCS03", 0x0097 | while_disabled | in_emergency, how.disablement_threshold)
        }
    };
    let start = start(execution, CANCEL)?;
    let mode = ChangePaymentMode { provider: NO_PROVIDER, issuer_event: clock, start, control, cut_off };
    Ok(Draft::components(use_case, only(mode)))
}

pub(super) fn update_configuration(
    update: &UpdatePrepayConfiguration,
    device: &Device,
    clock: u32,
    gas: bool,
) -> Result<Draft, Fault> {
    match (&update.configuration, gas) {
        (PrepayConfiguration::Electricity(configuration), false) => {
            Ok(electricity_configuration(configuration, device))
        }
        (PrepayConfiguration::Gas(configuration), true) => gas_configuration(configuration, update.execution, clock),
        _ => Err(Fault::Fuel),
    }
}

/// ECS08, ECS08a.
fn electricity_configuration(configuration: &ElectricityPrepayConfiguration, device: &Device) -> Draft {
    /// The period of the debt cap: a week.
    const CAP_PERIOD: i32 = 604_800;
    /// Scripts of the load switch.
    const LOAD_SWITCH: Obis = Obis([0, 0, 10, 0, 106, 255]);
    let calendar = &configuration.calendar;
    let days = &calendar.special_days.days;
    let highest = days.entries().last().map_or(0, |(n, _)| n);
    let entries = calendar.schedule.iter().map(|s| ScheduleEntry {
        script_table: LOAD_SWITCH,
        script: match s.script {
            NonDisablement::Start => 32,
            NonDisablement::Stop => 33,
        },
        at: s.dates.switch_time,
        weekdays: weekdays(&s.days_of_week),
        special_days: s.special_days.days.iter().map(|applicability| applicability.day.octet()).collect(),
        from: plain_date(s.dates.start),
        to: plain_date(s.dates.end),
    });
    Draft::rows(
        by_version("ECS08a", device),
        [
            special_days(days.entries().map(|(n, special)| (n.into(), &special.date, n))),
            configuration.max_meter_balance.into(),
            configuration.max_credit_threshold.into(),
            schedule(highest, entries),
            configuration.debt_recovery_rate_cap.into(),
            CAP_PERIOD.into(),
            configuration.low_credit_threshold.into(),
            configuration.emergency_credit_limit.into(),
            configuration.emergency_credit_threshold.into(),
        ],
    )
}

/// GCS05.
fn gas_configuration(configuration: &GasPrepayConfiguration, execution: Execution, clock: u32) -> Result<Draft, Fault> {
    /// Of a calendar of non-disablement.
    const FRIENDLY_CREDIT: u8 = 3;
    let (provider, issuer_event, start) = (NO_PROVIDER, clock, start(execution, CANCEL)?);
    let limits = Components::default()
        .and(EmergencyCreditSetup {
            issuer_event,
            start,
            limit: configuration.emergency_credit_limit,
            threshold: configuration.emergency_credit_threshold,
        })
        .and(SetOverallDebtCap { provider, issuer_event, start, cap: configuration.debt_recovery_rate_cap })
        .and_from(start, SetLowCreditWarningLevel { level: configuration.low_credit_threshold })
        .and(SetMaximumCreditLimit {
            provider,
            issuer_event,
            start,
            max_level: configuration.max_meter_balance,
            max_per_top_up: configuration.max_credit_threshold,
        });
    let calendar = &configuration.calendar;
    let days = calendar.days.days.iter().map(|day| {
        let entries = day.actions.iter().map(|action| DayEntry {
            minutes: action.start.minutes(),
            tier: u8::from(action.action == NonDisablement::Start),
        });
        (day.name.octet(), entries.collect())
    });
    let weeks = calendar.weeks.weeks.iter().map(|week| (week.name.octet(), seven(week.days.entries())));
    let special_days = calendar.special_days.days.iter().map(|special| (&special.date, special.day.octet()));
    let calendar = GasCalendar {
        kind: FRIENDLY_CREDIT,
        execution,
        days: days.collect(),
        weeks: weeks.collect(),
        seasons: &calendar.seasons,
        special_days: special_days.collect(),
    };
    Ok(Draft::components("GCS05", calendar.commands(limits, clock)?))
}

pub(super) fn top_up(utrn: &Utrn, gas: bool) -> Draft {
    if gas {
        let code = string(utrn.digits());
        return Draft::components("CS01b", only(ConsumerTopUp { originating_device: SUPPLIER, code }));
    }
    Draft::rows("CS01a", [Data::octets(utrn.digits().as_bytes())])
}

pub(super) fn update_debt(debt: &UpdateDebt, clock: u32, gas: bool) -> Result<Draft, Fault> {
    let share: Within<0, 10_000> = debt.recovery_per_payment;
    match (&debt.recovery, gas) {
        // ECS07: rates, share and periods, then the old rates' end, then the debts.
        (DebtRecovery::Electricity(recovery), false) => {
            let rate = |nth: usize| {
                let r = &recovery[nth];
                unit_charge(0, r.scale, NO_COMMODITY, [charge_element(&[], r.rate)])
            };
            let values = [
                rate(0),
                rate(1),
                share.short().into(),
                recovery[0].period.seconds().into(),
                recovery[1].period.seconds().into(),
                0i8.into(),
                0i8.into(),
                debt.payment_debt.into(),
                debt.time_debt_1.into(),
                debt.time_debt_2.into(),
            ];
            Ok(Draft::rows("ECS07", values))
        }
        // GCS04: time-based debt 1 and 2, and payment-based debt, which has no rate and whose frequency is written as daily.
        (DebtRecovery::Gas(recovery), true) => {
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
                recovery_percentage: share.short(),
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
            let debts = [by_time(debt.time_debt_1, 1, 0), by_time(debt.time_debt_2, 3, 1)];
            Ok(Draft::components("GCS04", Components::default().and_all(debts).and(by_payment)))
        }
        _ => Err(Fault::Fuel),
    }
}

/// Services whose body says nothing but which they are.
pub(super) fn plain(element: &str, clock: u32, gas: bool) -> Option<Draft> {
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
    Some(match (element, gas) {
        ("ResetTariffBlockCounterMatrix", false) => Draft::rows("ECS05", [99u16]),
        ("ActivateEmergencyCredit", false) => Draft::rows("ECS09", [0i8]),
        ("EnableSupply", false) => Draft::rows("ECS42", [51u16]),
        ("DisableSupply", false) => Draft::rows("ECS43", [52u16]),
        ("ArmSupply", false) => Draft::rows("ECS44", [54u16]),
        ("ActivateEmergencyCredit", true) => {
            let select = SelectAvailableEmergencyCredit { issue_time: AT_ONCE, originating_device: SUPPLIER };
            Draft::components("GCS06", only(select))
        }
        ("DisableSupply", true) => Draft::components("GCS32", change_supply(0)),
        ("ArmSupply", true) => Draft::components("GCS39", change_supply(1)),
        _ => return None,
    })
}
