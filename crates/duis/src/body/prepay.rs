//! Bodies of prepayment: balance, mode, top-up, debt, message (DUIS 8.3 to 8.8).
//!
//! Amounts are in 10^-5 of the currency unit (thousandths of a penny) unless a scale stands beside them.
use std::fmt;

use crate::time::Execution;
use crate::xml::{Children, Element, Text, Writer, XmlError, XmlErrorKind};

/// SRV 1.5: a change of the meter balance, and the payment mode it presumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterBalance {
    /// Mode the meter is in.
    pub mode: PaymentMode,
    /// What to do with the balance.
    pub change: BalanceChange,
}

/// Payment modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentMode {
    /// Pay later.
    Credit,
    /// Pay first.
    Prepayment,
}

/// What to do with a meter balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalanceChange {
    /// Add this amount; a negative one takes credit away.
    Adjust(i32),
    /// Set to zero.
    Reset,
}

impl MeterBalance {
    pub(super) fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let mode_element = children.any("PrepaymentMode or CreditMode")?;
        children.end()?;
        let mode = match mode_element.name() {
            "PrepaymentMode" => PaymentMode::Prepayment,
            "CreditMode" => PaymentMode::Credit,
            other => return Err(mode_element.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        let mut inner = mode_element.children()?;
        let change_element = inner.any("AdjustMeterBalance or ResetMeterBalance")?;
        inner.end()?;
        let change = match change_element.name() {
            "AdjustMeterBalance" => BalanceChange::Adjust(change_element.value()?),
            "ResetMeterBalance" => {
                change_element.empty()?;
                BalanceChange::Reset
            }
            other => return Err(change_element.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        Ok(Self { mode, change })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let mode = if self.mode == PaymentMode::Credit { "CreditMode" } else { "PrepaymentMode" };
        w.element(mode, |w| match self.change {
            BalanceChange::Adjust(amount) => w.value("AdjustMeterBalance", amount),
            BalanceChange::Reset => w.empty("ResetMeterBalance"),
        });
    }
}

/// SRV 1.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdatePaymentModeTo {
    /// Credit mode.
    Credit,
    /// Prepayment mode.
    Prepayment {
        /// Stop collecting time-based debt while supply is disabled.
        suspend_debt_disabled: bool,
        /// Stop collecting time-based debt while emergency credit is in use.
        suspend_debt_emergency: bool,
        /// Balance below which supply is disabled.
        disablement_threshold: i32,
    },
}

/// SRV 1.6: another payment mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdatePaymentMode {
    /// When it starts.
    pub execution: Execution,
    /// The mode and its settings.
    pub to: UpdatePaymentModeTo,
}

impl UpdatePaymentMode {
    pub(super) fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let execution = Execution::read(&mut children)?;
        let choice = children.any("Credit or Prepayment")?;
        children.end()?;
        let to = match choice.name() {
            "Credit" => {
                choice.empty()?;
                UpdatePaymentModeTo::Credit
            }
            "Prepayment" => {
                let mut inner = choice.children()?;
                let to = UpdatePaymentModeTo::Prepayment {
                    suspend_debt_disabled: inner.value("SuspendDebtDisabled")?,
                    suspend_debt_emergency: inner.value("SuspendDebtEmergency")?,
                    disablement_threshold: inner.value("DisablementThreshold")?,
                };
                inner.end()?;
                to
            }
            other => return Err(choice.error(XmlErrorKind::Unexpected(other.to_owned()))),
        };
        Ok(Self { execution, to })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        self.execution.write(w);
        match self.to {
            UpdatePaymentModeTo::Credit => w.empty("Credit"),
            UpdatePaymentModeTo::Prepayment {
                suspend_debt_disabled,
                suspend_debt_emergency,
                disablement_threshold,
            } => {
                w.element("Prepayment", |w| {
                    w.value("SuspendDebtDisabled", suspend_debt_disabled);
                    w.value("SuspendDebtEmergency", suspend_debt_emergency);
                    w.value("DisablementThreshold", disablement_threshold);
                });
            }
        }
    }
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

    pub(super) fn read_element(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let utrn = children.expect("UTRN")?;
        children.end()?;
        // Not `value`: its error would print the digits.
        let digits = utrn.text()?;
        Self::new(&digits).ok_or_else(|| utrn.error(XmlErrorKind::value("a UTRN of 20 digits", "(not shown)")))
    }
}

impl fmt::Debug for Utrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Utrn(..)")
    }
}

/// SRV 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateDebt {
    /// Change of time-based debt 1.
    pub time_debt_1: i32,
    /// Change of time-based debt 2.
    pub time_debt_2: i32,
    /// Change of payment-based debt.
    pub payment_debt: i32,
    /// Share of each payment taken for payment-based debt, in hundredths of a percent: 0..10000.
    pub recovery_per_payment: u16,
    /// How fast the time-based debts are taken.
    pub recovery: DebtRecovery,
}

/// Recovery of the two time-based debts, by fuel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebtRecovery {
    /// For an ESME.
    Electricity([ElectricityDebtRecovery; 2]),
    /// For a GSME.
    Gas([GasDebtRecovery; 2]),
}

/// A rate of recovery on an ESME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectricityDebtRecovery {
    /// A period.
    pub rate: i16,
    /// Power of ten of the rate, in currency units.
    pub scale: i8,
    /// What the rate is for.
    pub period: Period,
}

/// A rate of recovery on a GSME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasDebtRecovery {
    /// A period.
    pub rate: i32,
    /// What the rate is for.
    pub period: Period,
}

/// A recovery period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// 3600 s.
    Hourly,
    /// 86400 s.
    Daily,
}

impl Text for Period {
    const EXPECTED: &'static str = "HOURLY or DAILY";

    fn read(text: &str) -> Option<Self> {
        match text {
            "HOURLY" => Some(Self::Hourly),
            "DAILY" => Some(Self::Daily),
            _ => None,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Hourly { "HOURLY" } else { "DAILY" })
    }
}

impl ElectricityDebtRecovery {
    fn read(children: &mut Children<'_>, name: &'static str) -> Result<Self, XmlError> {
        let mut inner = children.expect(name)?.children()?;
        let read = Self {
            rate: inner.value("DebtRecoveryRate")?,
            scale: inner.value("DebtRecoveryRatePriceScale")?,
            period: inner.value("DebtRecoveryRatePeriod")?,
        };
        inner.end()?;
        Ok(read)
    }

    fn write(&self, w: &mut Writer, name: &str) {
        w.element(name, |w| {
            w.value("DebtRecoveryRate", self.rate);
            w.value("DebtRecoveryRatePriceScale", self.scale);
            w.value("DebtRecoveryRatePeriod", self.period);
        });
    }
}

impl GasDebtRecovery {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut inner = element.children()?;
        let read = Self { rate: inner.value("DebtRecoveryRate")?, period: inner.value("DebtRecoveryRatePeriod")? };
        inner.end()?;
        Ok(read)
    }

    fn write(&self, w: &mut Writer, name: &str) {
        w.element(name, |w| {
            w.value("DebtRecoveryRate", self.rate);
            w.value("DebtRecoveryRatePeriod", self.period);
        });
    }
}

impl UpdateDebt {
    pub(super) fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let time_debt_1 = children.value("TimeDebtRegister1")?;
        let time_debt_2 = children.value("TimeDebtRegister2")?;
        let payment_debt = children.value("PaymentDebtRegister")?;
        let share = children.expect("DebtRecoveryPerPayment")?;
        let recovery_per_payment: u16 = share.value()?;
        if recovery_per_payment > 10_000 {
            return Err(share.error(XmlErrorKind::value("a share 0..10000", &recovery_per_payment.to_string())));
        }
        let recovery = if let Some(first) = children.optional("GasDebtRecovery1") {
            DebtRecovery::Gas([
                GasDebtRecovery::read(first)?,
                GasDebtRecovery::read(children.expect("GasDebtRecovery2")?)?,
            ])
        } else {
            DebtRecovery::Electricity([
                ElectricityDebtRecovery::read(&mut children, "ElecDebtRecovery1")?,
                ElectricityDebtRecovery::read(&mut children, "ElecDebtRecovery2")?,
            ])
        };
        children.end()?;
        Ok(Self { time_debt_1, time_debt_2, payment_debt, recovery_per_payment, recovery })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.value("TimeDebtRegister1", self.time_debt_1);
        w.value("TimeDebtRegister2", self.time_debt_2);
        w.value("PaymentDebtRegister", self.payment_debt);
        w.value("DebtRecoveryPerPayment", self.recovery_per_payment);
        match self.recovery {
            DebtRecovery::Electricity([first, second]) => {
                first.write(w, "ElecDebtRecovery1");
                second.write(w, "ElecDebtRecovery2");
            }
            DebtRecovery::Gas([first, second]) => {
                first.write(w, "GasDebtRecovery1");
                second.write(w, "GasDebtRecovery2");
            }
        }
    }
}

/// SRV 3.1: text for the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayMessage {
    /// When the DCC sends it.
    pub execution: Execution,
    /// 1..116 printable ASCII characters.
    text: String,
}

impl DisplayMessage {
    /// A message of 1..116 characters `0x20..0x7E`; `None` otherwise.
    pub fn new(text: impl Into<String>, execution: Execution) -> Option<Self> {
        let text = text.into();
        let fits = (1..=116).contains(&text.len()) && text.bytes().all(|b| (0x20..=0x7E).contains(&b));
        fits.then_some(Self { execution, text })
    }

    /// The characters.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let execution = Execution::read(&mut children)?;
        let message = children.expect("SupplierMessage")?;
        children.end()?;
        let text = message.text()?;
        Self::new(text.as_ref(), execution)
            .ok_or_else(|| message.error(XmlErrorKind::value("1..116 printable ASCII characters", &text)))
    }

    pub(super) fn write(&self, w: &mut Writer) {
        self.execution.write(w);
        w.value("SupplierMessage", &self.text);
    }
}
