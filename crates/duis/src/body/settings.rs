//! SRV 6.4.1, 6.5 to 6.8, 6.11, 6.12, 6.18, 6.25, 6.26: how a meter measures, limits and counts.
use gbcs::Time;

use crate::time::Execution;
use crate::xml::content::{choice, enumeration, sequence};
use crate::xml::value::{Decimal, TimeOfDay, Within};
use crate::xml::{Children, Content, Flag, Group, List, Particle, Writer, XmlError};

sequence! {
    /// SRV 6.4.1: load limiting.
    LoadLimiting {
        /// When.
        execution: Execution,
        period: u32 = "LoadLimitPeriod",
        power_threshold: u32 = "LoadLimitPowerThreshold",
        restoration_period: u32 = "LoadLimitRestorationPeriod",
        supply_state: LoadLimitSupplyState = "LoadLimitSupplyState",
    }

    /// SRV 6.5: voltage settings.
    Voltage {
        /// When the DCC sends it.
        execution: Execution,
        rms: RmsVoltage = "RMSVoltageSettings",
        /// Averages, by phases.
        average: AverageVoltages,
        counters_not_reset: Flag = "RMSVoltageCountersNotReset",
    }

    /// Extremes, sags and swells of voltage.
    RmsVoltage {
        extreme_over_period: u32 = "RMSExtremeOverVoltageMeasurementPeriod",
        extreme_over: u32 = "RMSExtremeOverVoltageThreshold",
        extreme_under_period: u32 = "RMSExtremeUnderVoltageMeasurementPeriod",
        extreme_under: u32 = "RMSExtremeUnderVoltageThreshold",
        sag_period: u32 = "RMSVoltageSagMeasurementPeriod",
        sag: u32 = "RMSVoltageSagThreshold",
        swell_period: u32 = "RMSVoltageSwellMeasurementPeriod",
        swell: u32 = "RMSVoltageSwellThreshold",
    }

    /// Average voltage of a phase.
    AverageVoltage {
        over: u32 = "AverageRMSOverVoltageThreshold",
        under: u32 = "AverageRMSUnderVoltageThreshold",
        period: u32 = "AverageRMSVoltageMeasurementPeriod",
    }

    /// Average voltage of one of three phases.
    PhaseVoltage {
        phase: Within<1, 3> = "Phase",
        average: AverageVoltage = "PhaseVoltageSettings",
    }

    /// SRV 6.6: from volume to energy.
    GasConversion {
        /// In tenths of MJ/m3.
        calorific_value: Decimal<1, 0, 4_294_967_295> = "CalorificValue",
        /// In units of 10^-5.
        conversion_factor: Decimal<5, 0, 4_294_967_295> = "ConversionFactor",
    }

    /// SRV 6.7: gas that flows uncontrolled.
    GasFlow {
        /// Above which flow.
        rate: GasFlowRate,
        depletion_state: SupplyState = "SupplyDepletionState",
        tamper_state: SupplyState = "SupplyTamperState",
        /// In tenths of a second.
        stabilisation_period: Within<1, 255> = "StabilisationPeriod",
        /// In seconds.
        measurement_period: Within<1, 65_535> = "MeasurementPeriod",
    }

    /// Billing of electricity.
    ElectricityBillingCalendar {
        time: TimeOfDay = "BillingTime",
        /// How often.
        periodicity: ElectricityBilling,
    }

    /// The first day of a billing period of more than a month.
    BillingDay {
        day: Within<1, 28> = "DayOfMonth",
        month: Within<1, 12> = "BillingPeriodStartMonth",
    }

    /// Billing of gas.
    GasBillingCalendar {
        start: Time = "BillingPeriodStart",
        periodicity: GasBilling = "Periodicity",
    }

    /// SRV 6.11, 8.1.1: the time, and how much later a meter may still believe it.
    SynchroniseClock {
        current: Time = "CurrentDateTime",
        /// In seconds.
        tolerance: Within<0, 86_400> = "TolerancePeriod",
    }

    /// SRV 6.12: what counts as low, medium and high power.
    PowerThreshold {
        /// When the DCC sends it.
        execution: Execution,
        low_medium: u32 = "LowMediumPowerThreshold",
        medium_high: u32 = "MediumHighPowerThreshold",
    }

    /// SRV 6.18.1: the time of day whose demand has a register of its own.
    MaximumDemandPeriod {
        /// When the DCC sends it.
        execution: Execution,
        schedule: DemandPeriod = "MaximumDemandTimePeriodSchedule",
    }

    /// From when to when.
    DemandPeriod {
        start: TimeOfDay = "StartTime",
        end: TimeOfDay = "EndTime",
    }

    /// SRV 6.18.2: which demand registers start anew.
    ResetMaximumDemand {
        /// When the DCC sends it.
        execution: Execution,
        import: Flag = "MaxDemandActivePowerImportValue",
        export: Flag = "MaxDemandActivePowerExportValue",
        configured_import: Flag = "MaxDemandConfigTimeActivePowerImportValue",
    }

    /// SRV 6.25: what becomes of supply when an ESME is tampered with.
    SupplyTamper {
        state: SupplyState = "SupplyTamperState",
    }

    /// SRV 6.26: whether block counters start anew each day.
    DailyReset {
        reset: bool = "DailyTariffBlockCounterMatrixReset",
    }
}

choice! {
    /// A flow in m3/h, whole or with four digits behind the point.
    GasFlowRate {
        Whole(u16) = "UncontrolledGasFlowRate",
        Decimal(Decimal<4, 0, 65_535>) = "UncontrolledGasFlowRateDecimal",
    }

    /// SRV 6.8: when a meter bills.
    BillingCalendar {
        Electricity(ElectricityBillingCalendar) = "ElectricityBillingCalendar",
        Gas(GasBillingCalendar) = "GasBillingCalendar",
    }

    /// How often an ESME bills.
    ElectricityBilling {
        Daily = "Daily",
        /// On this day, 1 is Monday.
        Weekly(Within<1, 7>) = "Weekly",
        /// On this day.
        Monthly(Within<1, 28>) = "Monthly",
        Quarterly(BillingDay) = "Quarterly",
        SixMonthly(BillingDay) = "SixMonthly",
        Yearly(BillingDay) = "Yearly",
    }
}

enumeration! {
    /// What becomes of supply when the load limit is passed.
    LoadLimitSupplyState {
        Disable = "Disable",
        Unchanged = "Unchanged",
    }

    /// What becomes of supply.
    SupplyState {
        Unchanged = "Unchanged",
        Locked = "Locked",
    }

    /// How often a GSME bills.
    GasBilling {
        Daily = "Daily",
        Weekly = "Weekly",
        Monthly = "Monthly",
        Quarterly = "Quarterly",
        SixMonthly = "SixMonthly",
        Yearly = "Yearly",
    }
}

/// Average voltages by phases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AverageVoltages {
    /// `SinglePhaseVoltageSettings`.
    Single(AverageVoltage),
    /// `PolyPhaseVoltageSettings`, three of them.
    Poly(List<PhaseVoltage, 3, 3>),
}

const SINGLE: &str = "SinglePhaseVoltageSettings";
const POLY: &str = "PolyPhaseVoltageSettings";

impl Group for AverageVoltages {
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError> {
        if children.next_is(POLY) {
            return Particle::read_named(children, POLY).map(Self::Poly);
        }
        Particle::read_named(children, SINGLE).map(Self::Single)
    }

    fn write_group(&self, w: &mut Writer) {
        match self {
            Self::Single(average) => w.element(SINGLE, |w| average.write_content(w)),
            Self::Poly(phases) => phases.write_named(w, POLY),
        }
    }
}
