//! The prepayment engine both meters share: balances, debts, Emergency Credit, payment mode, supply (SMETS 5.5.7, 5.6.3).
//!
//! What money does stands in `money`, what it does to the supply in `supply`; what energy costs is the tariff's (`crate::tariff`).
//! Pure arithmetic on an [`Account`]: no message, no time, no I/O. Money is in thousandths of a penny, and none is lost or made: the
//! [`Ledger`] proves it.
mod money;
mod supply;
#[cfg(test)]
mod tests;

use crate::config::FactorySettings;
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// How the customer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PaymentMode {
    /// Afterwards, by bill.
    #[n(1)]
    Credit,
    /// In advance: supply ends with the credit.
    #[n(2)]
    Prepayment,
}

/// The load switch or valve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Supply {
    /// Off; only a Command or credit changes that.
    #[n(0)]
    Disabled,
    /// On.
    #[n(1)]
    Enabled,
    /// Off; the customer may turn it on at the meter.
    #[n(2)]
    Armed,
}

/// A debt recovered by the hour or day (Time Debt Registers [1..2]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct TimeDebt {
    /// Still to be recovered.
    #[n(0)]
    pub remaining: i32,
    /// Recovered each period.
    #[n(1)]
    pub rate: i32,
    /// Seconds of a period: 3600 or 86400.
    #[n(2)]
    pub period: u32,
}

/// Emergency Credit: a loan for a customer out of credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Emergency {
    /// Most that can be lent.
    #[n(0)]
    pub limit: i32,
    /// Offered at and below this balance.
    #[n(1)]
    pub threshold: i32,
    /// Still to be used; the limit whenever nothing is owed.
    #[n(2)]
    pub remaining: i32,
    /// Whether the customer or supplier activated it.
    #[n(3)]
    pub active: bool,
}

/// The prepayment state of a meter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// Payment Mode.
    #[n(0)]
    pub mode: PaymentMode,
    /// Meter Balance; positive is the customer's.
    #[n(1)]
    pub balance: i32,
    /// Emergency Credit.
    #[n(2)]
    pub emergency: Emergency,
    /// Accumulated Debt Register.
    #[n(3)]
    pub accumulated_debt: i32,
    /// Time Debt Registers.
    #[n(4)]
    pub time_debts: [TimeDebt; 2],
    /// Payment Debt Register.
    #[n(5)]
    pub payment_debt: i32,
    /// Debt Recovery per Payment, hundredths of a percent of each top-up.
    #[n(6)]
    pub payment_share: u16,
    /// Disablement Threshold.
    #[n(7)]
    pub disablement_threshold: i32,
    /// Low Credit Threshold.
    #[n(8)]
    pub low_credit: i32,
    /// Debt Recovery Rate Cap per period.
    #[n(9)]
    pub debt_cap: i32,
    /// Period of the cap, seconds.
    #[n(10)]
    pub debt_cap_period: i32,
    /// Maximum Meter Balance Threshold.
    #[n(11)]
    pub maximum_balance: i32,
    /// Maximum Credit Threshold: largest top-up.
    #[n(12)]
    pub maximum_credit: i32,
    /// Supply State.
    #[n(13)]
    pub supply: Supply,
    /// Whether it was the lack of credit that disabled supply, so that credit arms it again.
    #[n(14)]
    pub out_of_credit: bool,
    /// Bill to date of a gas meter in credit mode; positive is owed by the customer.
    #[n(15)]
    pub bill_to_date: i32,
    /// Suspend Debt Emergency: standing charge and time debts gather in the Accumulated Debt Register while Emergency Credit is
    /// in use.
    #[n(16)]
    pub suspend_emergency: bool,
    /// Suspend Debt Disabled: time debts are not recovered while supply is disabled.
    #[n(17)]
    pub suspend_disabled: bool,
    /// A non-disablement period: lack of credit does not disable supply.
    #[n(18)]
    pub protected: bool,
    /// Paid by top-ups towards the payment debt in this period of the cap.
    #[n(19)]
    pub recovered: i32,
    /// Whether credit mode charges the bill to date (gas) and not the balance (electricity).
    #[n(20)]
    pub billed: bool,
    /// What all money that came and went adds up to.
    #[n(21)]
    pub ledger: Ledger,
}

/// Sums of all money moved since manufacture, in thousandths of a penny. [`Ledger::expected`] says what an account must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Ledger {
    /// Top-ups.
    #[n(0)]
    pub topped_up: i64,
    /// Adjustments and resets of balance, Emergency Credit and accumulated debt; positive is the customer's.
    #[n(1)]
    pub adjusted: i64,
    /// Charged for consumption.
    #[n(2)]
    pub consumed: i64,
    /// Charged by the day.
    #[n(3)]
    pub standing: i64,
    /// Recovered of time debts.
    #[n(4)]
    pub time_debts: i64,
    /// Recovered of the payment debt.
    #[n(5)]
    pub payment_debt: i64,
    /// Changes of debts by Command; positive is more debt.
    #[n(6)]
    pub debts_changed: i64,
}

impl Ledger {
    /// What balance less Emergency Credit owed, accumulated debt and bill must be; and what the three debts must add up to.
    pub const fn expected(&self) -> (i64, i64) {
        let Self { topped_up, adjusted, consumed, standing, time_debts, payment_debt, debts_changed } = *self;
        (
            topped_up + adjusted - consumed - standing - time_debts - payment_debt,
            debts_changed - time_debts - payment_debt,
        )
    }
}

/// What an account is charged for by the passing of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The standing charge.
    Standing,
    /// Recovery of time debt 0 or 1.
    TimeDebt(usize),
}

/// An operation the account does not allow; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A register would leave the range of its type.
    #[error("a register would overflow")]
    Overflow,
    /// Emergency Credit is not on offer: wrong mode, enough balance, or used up.
    #[error("Emergency Credit is not available")]
    NoEmergencyCredit,
    /// Supply cannot be enabled while the customer is out of credit in prepayment mode.
    #[error("there is no credit to enable supply on")]
    NoCredit,
    /// The top-up is larger than allowed.
    #[error("the top-up is above the maximum credit")]
    AboveMaximumCredit,
    /// The balance would be larger than allowed.
    #[error("the balance would rise above its maximum")]
    AboveMaximumBalance,
}

/// Where the money of a top-up went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// To the Payment Debt Register.
    pub payment_debt: i32,
    /// To the Accumulated Debt Register.
    pub accumulated_debt: i32,
    /// Emergency Credit paid back.
    pub emergency: i32,
    /// To the Meter Balance.
    pub balance: i32,
}

impl Account {
    /// A meter as it leaves the factory.
    pub fn new(factory: &FactorySettings) -> Self {
        Self {
            mode: if factory.prepayment { PaymentMode::Prepayment } else { PaymentMode::Credit },
            balance: 0,
            emergency: Emergency {
                limit: factory.emergency_limit,
                threshold: factory.emergency_threshold,
                remaining: factory.emergency_limit,
                active: false,
            },
            accumulated_debt: 0,
            time_debts: [TimeDebt { period: 86_400, ..TimeDebt::default() }; 2],
            payment_debt: 0,
            payment_share: 0,
            disablement_threshold: factory.disablement_threshold,
            low_credit: 0,
            debt_cap: 0,
            debt_cap_period: 0,
            maximum_balance: factory.maximum_balance,
            maximum_credit: factory.maximum_credit,
            supply: Supply::Enabled,
            out_of_credit: false,
            bill_to_date: 0,
            suspend_emergency: false,
            suspend_disabled: false,
            protected: false,
            recovered: 0,
            billed: false,
            ledger: Ledger::default(),
        }
    }

    /// Balance, Emergency Credit balance, accumulated debt, time debts, payment debt: the order in which meters list them.
    pub const fn registers(&self) -> [i32; 6] {
        let [debt_1, debt_2] = self.time_debts;
        let emergency = self.emergency.remaining;
        [self.balance, emergency, self.accumulated_debt, debt_1.remaining, debt_2.remaining, self.payment_debt]
    }

    /// What balance less Emergency Credit owed, accumulated debt and bill is; and what the three debts add up to: the two sums that
    /// [`Ledger::expected`] gives as long as no money was lost or made.
    pub fn held(&self) -> (i64, i64) {
        let net = i64::from(self.balance)
            - i64::from(self.emergency_owed())
            - i64::from(self.accumulated_debt)
            - i64::from(self.bill_to_date);
        let debts = self.time_debts.iter().map(|debt| i64::from(debt.remaining)).sum::<i64>();
        (net, debts + i64::from(self.payment_debt))
    }

    /// Do something that moves money by decree, and enter in the ledger what it moved.
    fn decree<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let (net, debts) = self.held();
        let done = act(self);
        let (net_now, debts_now) = self.held();
        self.ledger.adjusted += net_now - net;
        self.ledger.debts_changed += debts_now - debts;
        done
    }
}

/// Event and alert codes for what changed between two states of an account (GBCS 16.1).
pub fn notices(before: &Account, after: &Account) -> Vec<u16> {
    type Condition = fn(&Account) -> bool;
    /// Raised when the condition becomes true.
    const BECAME: [(u16, Condition); 10] = [
        (0x810D, |a| a.mode == PaymentMode::Prepayment && a.balance < a.low_credit),
        (0x8119, Account::emergency_available),
        (0x81AB, |a| a.emergency.active),
        (0x81AA, |a| a.emergency.active && a.emergency.remaining <= 0),
        (0x81A7, |a| a.time_debts[0].remaining <= 0),
        (0x81A8, |a| a.time_debts[1].remaining <= 0),
        (0x81A9, |a| a.payment_debt <= 0),
        (0x8F0F, Account::exhausted),
        (0x8F32, |a| a.supply == Supply::Armed),
        (0x8F83, |a| a.exhausted() && a.protected && a.supply != Supply::Disabled),
    ];
    BECAME.iter().filter(|(_, holds)| !holds(before) && holds(after)).map(|(code, _)| *code).collect()
}
