//! SRV 6.4.1 to 6.8, 6.11, 6.12, 6.18, 6.25, 6.26: how a meter measures, limits, counts and keeps time.
use std::time::Duration;

use gbcs::asn1::{self, SetClock};
use gbcs::dlms::{Data, DateTime, Obis};
use gbcs::gbz::zcl::{
    PublishBillingPeriod, PublishBlockPeriod, PublishCalorificValue, PublishConversionFactor, SetSupplyStatus,
    SetUncontrolledFlowThreshold,
};

use super::Device;
use super::calendar::{ScheduleEntry, schedule};
use super::choose::by_version;
use super::draft::{Components, Draft, Fault, moment};
use super::zcl::{AT_ONCE, NO_PROVIDER, exactly};
use crate::body::settings::{
    AverageVoltages, BillingCalendar, BillingDay, DailyReset, ElectricityBilling, ElectricityBillingCalendar,
    GasBilling, GasBillingCalendar, GasConversion, GasFlow, GasFlowRate, LoadLimitSupplyState, LoadLimiting,
    MaximumDemandPeriod, PowerThreshold, ResetMaximumDemand, SupplyState, SupplyTamper, SynchroniseClock, Voltage,
};

pub(super) fn load_limiting(limits: &LoadLimiting) -> Draft {
    let disable = limits.supply_state == LoadLimitSupplyState::Disable;
    Draft::rows(
        "ECS28a",
        [Data::boolean(disable), limits.power_threshold.into(), limits.period.into(), limits.restoration_period.into()],
    )
}

/// ECS29a to ECS29d: of one phase or three, counters started anew or not.
pub(super) fn voltage(voltage: &Voltage) -> Result<Draft, Fault> {
    let rms = &voltage.rms;
    let extremes = [
        rms.extreme_over,
        rms.extreme_over_period,
        rms.extreme_under,
        rms.extreme_under_period,
        rms.sag,
        rms.sag_period,
        rms.swell,
        rms.swell_period,
    ];
    let phases: Vec<_> = match &voltage.average {
        AverageVoltages::Single(average) => vec![average],
        AverageVoltages::Poly(phases) => {
            let of = |n| phases.iter().find(|p| p.phase.get() == n).map(|p| &p.average);
            (1..=3).map(of).collect::<Option<_>>().ok_or(Fault::NotOffered("a phase given twice"))?
        }
    };
    let periods = phases.iter().map(|average| average.period);
    // Rows with counters started anew name the first phase's overvoltage first; all others, undervoltage.
    let reset = !voltage.counters_not_reset.0;
    let thresholds = phases.iter().enumerate().flat_map(|(n, average)| match reset && n == 0 {
        true => [average.over, average.under],
        false => [average.under, average.over],
    });
    let words = |numbers: Vec<u32>| numbers.into_iter().map(Data::from).collect::<Vec<_>>();
    let single = phases.len() == 1;
    let values = if reset {
        let counters = 2 * phases.len();
        let numbers = periods.chain(extremes).chain(thresholds).collect();
        words(numbers).into_iter().chain(vec![Data::Integer(0); counters]).collect::<Vec<_>>()
    } else {
        words(thresholds.chain(periods).chain(extremes).collect())
    };
    let use_case = match (single, reset) {
        (true, true) => "ECS29a",
        (false, true) => "ECS29b",
        (true, false) => "ECS29c",
        (false, false) => "ECS29d",
    };
    Ok(Draft::rows(use_case, values))
}

pub(super) fn power_threshold(thresholds: &PowerThreshold) -> Draft {
    Draft::rows("ECS34", [Data::array([thresholds.low_medium.into(), thresholds.medium_high.into()])])
}

/// ECS37: a start and an end on every day.
pub(super) fn maximum_demand_period(period: &MaximumDemandPeriod) -> Draft {
    /// Scripts that start and stop the register.
    const SCRIPTS: Obis = Obis([0, 0, 10, 128, 100, 255]);
    let entry = |script, at| ScheduleEntry {
        script_table: SCRIPTS,
        script,
        at,
        weekdays: 0b111_1111,
        special_days: Vec::new(),
        from: [0, 0, 1, 0xFF, 0xFF],
        to: [0xFF; 5],
    };
    Draft::rows("ECS37", [schedule(0, [entry(1, period.schedule.start), entry(2, period.schedule.end)])])
}

pub(super) fn reset_maximum_demand(reset: &ResetMaximumDemand) -> Result<Draft, Fault> {
    let each = [reset.import, reset.configured_import, reset.export];
    if each.iter().all(|flag| !flag.0) {
        return Err(Fault::NotOffered("a reset of no register"));
    }
    Ok(Draft::optional_rows("ECS57", each.map(|flag| flag.0.then_some(Data::Integer(0))).to_vec()))
}

pub(super) fn supply_tamper(tamper: &SupplyTamper) -> Draft {
    Draft::rows("ECS81", [Data::boolean(tamper.state == SupplyState::Locked)])
}

/// ECS48: at the start of every day, or never.
pub(super) fn daily_reset(daily: &DailyReset) -> Draft {
    let times = if daily.reset { vec![execution_time([0; 4], [0xFF; 5])] } else { Vec::new() };
    Draft::rows("ECS48", [Data::array(times)])
}

pub(super) fn billing_calendar(
    calendar: &BillingCalendar,
    device: &Device,
    clock: u32,
    gas: bool,
) -> Result<Draft, Fault> {
    match (calendar, gas) {
        (BillingCalendar::Electricity(calendar), false) => {
            Ok(Draft::rows(by_version("ECS30a", device), [Data::array(billing_times(calendar))]))
        }
        (BillingCalendar::Gas(calendar), true) => gas_billing(calendar, device, clock),
        _ => Err(Fault::Fuel),
    }
}

/// Each time of the year at which an ESME bills; `FF` stands for any.
fn billing_times(calendar: &ElectricityBillingCalendar) -> Vec<Data> {
    const ANY: u8 = 0xFF;
    let time = calendar.time;
    let at = [time.hour, time.minute, time.second, time.hundredths];
    let on = |month, day, weekday| execution_time(at, [ANY, ANY, month, day, weekday]);
    let each = |months: u8, first: &BillingDay| {
        let day = first.day.octet();
        (0..12 / months).map(|n| on((first.month.octet() - 1 + n * months) % 12 + 1, day, ANY)).collect()
    };
    match &calendar.periodicity {
        ElectricityBilling::Daily => vec![on(ANY, ANY, ANY)],
        ElectricityBilling::Weekly(weekday) => vec![on(ANY, ANY, weekday.octet())],
        ElectricityBilling::Monthly(day) => vec![on(ANY, day.octet(), ANY)],
        ElectricityBilling::Quarterly(first) => each(3, first),
        ElectricityBilling::SixMonthly(first) => each(6, first),
        ElectricityBilling::Yearly(first) => each(12, first),
    }
}

fn execution_time(time: [u8; 4], date: [u8; 5]) -> Data {
    Data::structure([Data::octets(time), Data::octets(date)])
}

/// GCS25, GCS25a: billing periods, and block periods that are the same.
fn gas_billing(calendar: &GasBillingCalendar, device: &Device, clock: u32) -> Result<Draft, Fault> {
    // The duration in a unit: days, weeks, months; periods are counted from their start, which is not that of the unit.
    let (duration, duration_type) = match calendar.periodicity {
        GasBilling::Daily => (1u16, 0x21),
        GasBilling::Weekly => (1, 0x22),
        GasBilling::Monthly => (1, 0x23),
        GasBilling::Quarterly => (3, 0x23),
        GasBilling::SixMonthly => (6, 0x23),
        GasBilling::Yearly => (12, 0x23),
    };
    let (provider, issuer_event, start) = (NO_PROVIDER, clock, exactly(calendar.start)?);
    let billing = PublishBillingPeriod {
        provider,
        issuer_event,
        start,
        duration: duration.into(),
        duration_type,
        tariff_type: 0,
    };
    let block = PublishBlockPeriod {
        provider,
        issuer_event,
        start,
        duration: duration.into(),
        control: 0x02,
        duration_type,
        tariff_type: 0,
        resolution: 0x01,
    };
    Ok(Draft::components(by_version("GCS25a", device), Components::default().and(billing).and(block)))
}

pub(super) fn gas_conversion(conversion: &GasConversion, clock: u32) -> Draft {
    let (issuer_event, start) = (clock, AT_ONCE);
    let factor = PublishConversionFactor {
        issuer_event,
        start,
        factor: conversion.conversion_factor.units() as u32,
        trailing_digit: 0x50,
    };
    let value = PublishCalorificValue {
        issuer_event,
        start,
        value: conversion.calorific_value.units() as u32,
        unit: 0x01,
        trailing_digit: 0x10,
    };
    Draft::components("GCS23", Components::default().and(factor).and(value))
}

/// GCS24, and with digits behind the point GCS24a.
pub(super) fn gas_flow(flow: &GasFlow, clock: u32) -> Draft {
    let state = |state| if state == SupplyState::Locked { 0 } else { 3 };
    let (use_case, threshold, divisor) = match &flow.rate {
        GasFlowRate::Whole(rate) => ("GCS24", *rate, 1),
        GasFlowRate::Decimal(rate) => ("GCS24a", rate.units() as u16, 10_000),
    };
    let threshold = SetUncontrolledFlowThreshold {
        provider: NO_PROVIDER,
        issuer_event: clock,
        threshold,
        unit: 0x01,
        multiplier: 1,
        divisor,
        stabilisation: flow.stabilisation_period.octet(),
        measurement: flow.measurement_period.short(),
    };
    let status = SetSupplyStatus {
        issuer_event: clock,
        tamper: state(flow.tamper_state),
        depletion: state(flow.depletion_state),
        uncontrolled_flow: 0,
        load_limit: 3,
    };
    Draft::components(use_case, Components::default().and(threshold).and(status))
}

/// ECS70, GCS28: a time the meter takes over if its own clock agrees within the period.
pub(super) fn clock(clock: &SynchroniseClock, gas: bool) -> Draft {
    let (from, to) = (clock.current, clock.current + Duration::from_secs(clock.tolerance.get()));
    if gas {
        let interval = SetClock { from: asn1::DateTime::new(from), to: asn1::DateTime::new(to) };
        return Draft::asn1("GCS28", move |_| asn1::Content::SetClock(interval));
    }
    let preset = Data::structure([DateTime::NEVER.into(), moment(from), moment(to)]);
    Draft::rows("ECS70", [Data::Enum(5), preset, Data::Integer(0)])
}
