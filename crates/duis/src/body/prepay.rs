//! SRV 1.5, 1.6, 2.1, 2.2, 2.3: balance, mode, configuration, top-up, debt (DUIS 8.3 to 8.7).
//!
//! Amounts are in 10^-5 of the currency unit (thousandths of a penny) unless a scale stands beside them.
use std::fmt;

use super::calendar::{ElectricityNonDisablementCalendar, GasNonDisablementCalendar};
use crate::time::Execution;
use crate::xml::content::{choice, enumeration, sequence};
use crate::xml::value::Within;
use crate::xml::{Children, Content, Element, Group, Writer, XmlError, XmlErrorKind};

choice! {
    /// SRV 1.5: a change of the meter balance, and the payment mode it presumes.
    MeterBalance {
        Prepayment(BalanceChange) = "PrepaymentMode",
        Credit(BalanceChange) = "CreditMode",
    }

    /// What to do with a meter balance.
    BalanceChange {
        /// Add this amount; a negative one takes credit away.
        Adjust(i32) = "AdjustMeterBalance",
        /// Set to zero.
        Reset = "ResetMeterBalance",
    }

    /// The payment mode asked for.
    PaymentMode {
        /// Pay later.
        Credit = "Credit",
        /// Pay first.
        Prepayment(PrepaymentMode) = "Prepayment",
    }

    /// SRV 2.1 by fuel.
    PrepayConfiguration {
        Electricity(ElectricityPrepayConfiguration) = "UpdatePrepayConfigElectricity",
        Gas(GasPrepayConfiguration) = "UpdatePrepayConfigGas",
    }
}

impl MeterBalance {
    /// What to do with the balance.
    pub const fn change(&self) -> &BalanceChange {
        match self {
            Self::Prepayment(change) | Self::Credit(change) => change,
        }
    }
}

sequence! {
    /// SRV 1.6: another payment mode.
    UpdatePaymentMode {
        /// When.
        execution: Execution,
        /// Which.
        to: PaymentMode,
    }

    /// How to pay first.
    PrepaymentMode {
        suspend_debt_disabled: bool = "SuspendDebtDisabled",
        suspend_debt_emergency: bool = "SuspendDebtEmergency",
        disablement_threshold: i32 = "DisablementThreshold",
    }

    /// SRV 2.1: limits of prepayment, and when supply is not disabled for want of credit.
    UpdatePrepayConfiguration {
        /// When.
        execution: Execution,
        /// For the meter's fuel.
        configuration: PrepayConfiguration,
    }

    /// Prepayment on an ESME.
    ElectricityPrepayConfiguration {
        debt_recovery_rate_cap: u16 = "DebtRecoveryRateCap",
        emergency_credit_limit: i32 = "EmergencyCreditLimit",
        emergency_credit_threshold: i32 = "EmergencyCreditThreshold",
        low_credit_threshold: i32 = "LowCreditThreshold",
        calendar: ElectricityNonDisablementCalendar = "ElectricityNonDisablementCalendar",
        max_meter_balance: i32 = "MaxMeterBalance",
        max_credit_threshold: i32 = "MaxCreditThreshold",
    }

    /// Prepayment on a GSME.
    GasPrepayConfiguration {
        debt_recovery_rate_cap: i32 = "DebtRecoveryRateCap",
        emergency_credit_limit: u32 = "EmergencyCreditLimit",
        emergency_credit_threshold: u32 = "EmergencyCreditThreshold",
        low_credit_threshold: u32 = "LowCreditThreshold",
        calendar: GasNonDisablementCalendar = "GasNonDisablementCalendar",
        max_meter_balance: u32 = "MaxMeterBalance",
        max_credit_threshold: u32 = "MaxCreditThreshold",
    }

    /// SRV 2.2: a top-up.
    TopUpDevice {
        utrn: Utrn = "UTRN",
    }

    /// SRV 2.3: debts and how fast they are taken.
    UpdateDebt {
        time_debt_1: i32 = "TimeDebtRegister1",
        time_debt_2: i32 = "TimeDebtRegister2",
        payment_debt: i32 = "PaymentDebtRegister",
        /// Share of each payment taken for payment-based debt, in hundredths of a percent.
        recovery_per_payment: Within<0, 10_000> = "DebtRecoveryPerPayment",
        /// How fast the time-based debts are taken.
        recovery: DebtRecovery,
    }

    /// A rate of recovery on an ESME.
    ElectricityDebtRecovery {
        rate: i16 = "DebtRecoveryRate",
        /// Power of ten of the rate, in currency units.
        scale: i8 = "DebtRecoveryRatePriceScale",
        period: Period = "DebtRecoveryRatePeriod",
    }

    /// A rate of recovery on a GSME.
    GasDebtRecovery {
        rate: i32 = "DebtRecoveryRate",
        period: Period = "DebtRecoveryRatePeriod",
    }
}

enumeration! {
    /// A recovery period.
    Period {
        Hourly = "HOURLY",
        Daily = "DAILY",
    }
}

impl Period {
    /// Its length.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Hourly => 3_600,
            Self::Daily => 86_400,
        }
    }
}

/// Recovery of the two time-based debts, by fuel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DebtRecovery {
    /// For an ESME: `ElecDebtRecovery1`, `ElecDebtRecovery2`.
    Electricity([ElectricityDebtRecovery; 2]),
    /// For a GSME: `GasDebtRecovery1`, `GasDebtRecovery2`.
    Gas([GasDebtRecovery; 2]),
}

impl Group for DebtRecovery {
    fn read_group(children: &mut Children<'_>) -> Result<Self, XmlError> {
        if children.next_is("GasDebtRecovery1") {
            return Ok(Self::Gas([read(children, "GasDebtRecovery1")?, read(children, "GasDebtRecovery2")?]));
        }
        Ok(Self::Electricity([read(children, "ElecDebtRecovery1")?, read(children, "ElecDebtRecovery2")?]))
    }

    fn write_group(&self, w: &mut Writer) {
        match self {
            Self::Electricity([first, second]) => {
                w.element("ElecDebtRecovery1", |w| first.write_content(w));
                w.element("ElecDebtRecovery2", |w| second.write_content(w));
            }
            Self::Gas([first, second]) => {
                w.element("GasDebtRecovery1", |w| first.write_content(w));
                w.element("GasDebtRecovery2", |w| second.write_content(w));
            }
        }
    }
}

fn read<T: Content>(children: &mut Children<'_>, name: &'static str) -> Result<T, XmlError> {
    T::read_content(children.expect(name)?, &[])
}

/// The 20 digits of a Unique Transaction Reference Number: worth money, so never shown by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Utrn([u8; 20]);

impl Utrn {
    /// Twenty ASCII digits; `None` otherwise. The check digit is not looked at: the meter judges it.
    pub fn new(digits: &str) -> Option<Self> {
        let octets: [u8; 20] = digits.as_bytes().try_into().ok()?;
        octets.iter().all(u8::is_ascii_digit).then_some(Self(octets))
    }

    /// The digits.
    pub fn digits(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Content for Utrn {
    /// Not as a `Value`: its error would print the digits.
    fn read_content(element: Element<'_>, attributes: &[&str]) -> Result<Self, XmlError> {
        element.only_attributes(attributes)?;
        let digits = element.text_beside_attributes()?;
        Self::new(&digits).ok_or_else(|| element.error(XmlErrorKind::value("a UTRN of 20 digits", "(not shown)")))
    }

    fn write_content(&self, w: &mut Writer) {
        w.text(self.digits());
    }
}

impl fmt::Debug for Utrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Utrn(..)")
    }
}
