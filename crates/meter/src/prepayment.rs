//! The prepayment engine both meters share: balances, debts, Emergency Credit, payment mode, supply (SMETS 5.5.7, 5.6.3).
//!
//! Pure arithmetic on an [`Account`]: no message, no time, no I/O. Money is in thousandths of a penny, and none is lost or made: the
//! [`Ledger`] proves it.
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

    /// Adjust Meter Balance: add `by`, which may be negative.
    pub fn adjust_balance(&mut self, by: i32) -> Result<(), Denied> {
        let balance = self.balance.checked_add(by).ok_or(Denied::Overflow)?;
        self.set_balance(balance);
        Ok(())
    }

    /// Set the Meter Balance; Reset Meter Balance sets zero.
    pub fn set_balance(&mut self, to: i32) {
        self.decree(|account| account.balance = to);
        self.settle();
    }

    /// Reset the Accumulated Debt Register.
    pub fn set_accumulated_debt(&mut self, to: i32) {
        self.decree(|account| account.accumulated_debt = to);
    }

    /// Set the bill to date of a gas meter; a bill is never negative.
    pub fn set_bill(&mut self, to: i32) {
        self.decree(|account| account.bill_to_date = to.max(0));
    }

    /// Emergency Credit owes nothing again: its balance stands at its limit (GBCS ECS04b).
    pub fn reset_emergency(&mut self) {
        self.decree(|account| account.emergency.remaining = account.emergency.limit);
        self.emergency.active = false;
        self.settle();
    }

    /// Set the limit of Emergency Credit; what is owed stays owed.
    pub fn set_emergency_limit(&mut self, limit: i32) {
        self.decree(|account| {
            let owed = account.emergency_owed();
            account.emergency.limit = limit;
            account.emergency.remaining = limit.saturating_sub(owed);
        });
        self.settle();
    }

    /// Activate Emergency Credit: right when it is active afterwards, whether or not it was before (GBCS ECS09, GCS06).
    pub fn activate_emergency(&mut self) -> Result<(), Denied> {
        if !self.emergency.active {
            if !self.emergency_available() {
                return Err(Denied::NoEmergencyCredit);
            }
            self.emergency.active = true;
            self.settle();
        }
        Ok(())
    }

    /// Add Credit: pays the share of payment-based debt, accumulated debt and Emergency Credit first, the rest is balance
    /// (SMETS 5.6.3.3). In credit mode all of it is balance.
    pub fn top_up(&mut self, amount: i32) -> Result<Split, Denied> {
        let amount = amount.max(0);
        if amount > self.maximum_credit {
            return Err(Denied::AboveMaximumCredit);
        }
        let mut split = Split { balance: amount, ..Split::default() };
        if self.mode == PaymentMode::Prepayment {
            let mut take = |most: i64| {
                let taken = most.clamp(0, i64::from(split.balance)) as i32;
                split.balance -= taken;
                taken
            };
            let share = i64::from(amount) * i64::from(self.payment_share) / 10_000;
            let share = share.min(self.recoverable());
            let payment_debt = take(share.min(i64::from(self.payment_debt)));
            let accumulated_debt = take(i64::from(self.accumulated_debt));
            let emergency = take(i64::from(self.emergency_owed()));
            split = Split { payment_debt, accumulated_debt, emergency, ..split };
        }
        let balance = self.balance.checked_add(split.balance).ok_or(Denied::AboveMaximumBalance)?;
        if balance > self.maximum_balance {
            return Err(Denied::AboveMaximumBalance);
        }
        self.balance = balance;
        self.ledger.topped_up += i64::from(amount);
        self.ledger.payment_debt += i64::from(split.payment_debt);
        self.recovered = self.recovered.saturating_add(split.payment_debt);
        self.payment_debt -= split.payment_debt;
        self.accumulated_debt -= split.accumulated_debt;
        self.emergency.remaining += split.emergency;
        if self.emergency_owed() == 0 && self.balance > self.emergency.threshold {
            self.emergency.active = false;
        }
        self.settle();
        Ok(split)
    }

    /// Charge for consumption: the balance pays down to the Disablement Threshold, then active Emergency Credit, then the
    /// balance again. In credit mode the balance falls, or the bill rises.
    pub fn consume(&mut self, amount: i32) {
        self.ledger.consumed += self.pay(amount);
        self.settle();
    }

    /// Charge for a day, or recover a debt; what of the debt was recovered.
    pub fn charge(&mut self, what: Charge, amount: i32) -> i32 {
        let prepaying = self.mode == PaymentMode::Prepayment;
        let amount = match what {
            Charge::Standing => amount.max(0),
            Charge::TimeDebt(_) if !prepaying || (self.suspend_disabled && self.supply != Supply::Enabled) => 0,
            Charge::TimeDebt(n) => self.time_debts.get(n).map_or(0, |debt| amount.clamp(0, debt.remaining.max(0))),
        };
        let charged = if prepaying && self.suspend_emergency && self.in_emergency() {
            let room = i32::MAX - self.accumulated_debt.max(0);
            self.accumulated_debt += amount.min(room);
            i64::from(amount.min(room))
        } else {
            self.pay(amount)
        };
        match what {
            Charge::Standing => self.ledger.standing += charged,
            Charge::TimeDebt(n) => {
                if let Some(debt) = self.time_debts.get_mut(n) {
                    debt.remaining -= charged as i32;
                }
                self.ledger.time_debts += charged;
            }
        }
        self.settle();
        charged as i32
    }

    /// Take money from where it is taken first; what was taken, which is less where a register is at its end.
    fn pay(&mut self, amount: i32) -> i64 {
        let (before, _) = self.held();
        let mut left = amount.max(0);
        match self.mode {
            PaymentMode::Credit if self.billed => self.bill_to_date = self.bill_to_date.saturating_add(left),
            PaymentMode::Credit => self.balance = self.balance.saturating_sub(left),
            PaymentMode::Prepayment => {
                if self.emergency.active {
                    let own = self.balance.saturating_sub(self.disablement_threshold).clamp(0, left);
                    self.balance -= own;
                    left -= own;
                    let lent = left.min(self.emergency.remaining.max(0));
                    self.emergency.remaining -= lent;
                    left -= lent;
                }
                self.balance = self.balance.saturating_sub(left);
            }
        }
        before - self.held().0
    }

    /// A new period of the debt recovery cap.
    pub fn renew_cap(&mut self) {
        self.recovered = 0;
    }

    /// How much of the payment debt top-ups may still recover in this period; no cap was set where it has no period.
    fn recoverable(&self) -> i64 {
        match self.debt_cap_period {
            period if period > 0 => (i64::from(self.debt_cap) - i64::from(self.recovered)).max(0),
            _ => i64::MAX,
        }
    }

    /// Start or end a non-disablement period.
    pub fn protect(&mut self, protected: bool) {
        if self.protected != protected {
            self.protected = protected;
            self.settle();
        }
    }

    /// Emergency Credit is what the customer lives on.
    fn in_emergency(&self) -> bool {
        self.emergency.active && self.balance <= self.disablement_threshold
    }

    /// Adjust Debt: change what is left of time debt 0 or 1, or of the payment debt (2). A debt is never negative: a larger
    /// reduction clears it (SMETS 5.6.3.5).
    pub fn change_debt(&mut self, debt: usize, by: i32) -> Result<(), Denied> {
        self.decree(|account| {
            let register = match account.time_debts.get_mut(debt) {
                Some(time_debt) => &mut time_debt.remaining,
                None => &mut account.payment_debt,
            };
            *register = register.checked_add(by).ok_or(Denied::Overflow)?.max(0);
            Ok(())
        })
    }

    /// Switch between credit and prepayment mode.
    pub fn set_mode(&mut self, mode: PaymentMode) {
        self.mode = mode;
        self.settle();
    }

    /// Set the Disablement Threshold.
    pub fn set_disablement_threshold(&mut self, to: i32) {
        self.disablement_threshold = to;
        self.settle();
    }

    /// Enable Supply, unless prepayment mode leaves no credit to enable it on.
    pub fn enable(&mut self) -> Result<(), Denied> {
        if self.exhausted() {
            return Err(Denied::NoCredit);
        }
        self.supply = Supply::Enabled;
        self.out_of_credit = false;
        Ok(())
    }

    /// Disable Supply; credit alone does not bring it back.
    pub fn disable(&mut self) {
        self.supply = Supply::Disabled;
        self.out_of_credit = false;
    }

    /// Arm Supply, if it is disabled and there is credit; enabled supply stays enabled, as a disconnect control that is told to
    /// reconnect does.
    pub fn arm(&mut self) -> Result<(), Denied> {
        match self.supply {
            Supply::Enabled | Supply::Armed => Ok(()),
            Supply::Disabled if self.exhausted() => Err(Denied::NoCredit),
            Supply::Disabled => {
                self.supply = Supply::Armed;
                self.out_of_credit = false;
                Ok(())
            }
        }
    }

    /// Turn a gas valve "off, armed", whatever it was before (ZCL Change Supply), if there is credit.
    pub fn close_and_arm(&mut self) -> Result<(), Denied> {
        if self.exhausted() {
            return Err(Denied::NoCredit);
        }
        (self.supply, self.out_of_credit) = (Supply::Armed, false);
        Ok(())
    }

    /// The customer turns armed supply on at the meter; whether it was armed.
    pub fn enable_locally(&mut self) -> bool {
        let armed = self.supply == Supply::Armed;
        if armed {
            self.supply = Supply::Enabled;
        }
        armed
    }

    /// Emergency Credit used and not paid back.
    pub fn emergency_owed(&self) -> i32 {
        self.emergency.limit.saturating_sub(self.emergency.remaining).max(0)
    }

    /// Whether the customer may activate Emergency Credit now.
    pub fn emergency_available(&self) -> bool {
        self.mode == PaymentMode::Prepayment
            && !self.emergency.active
            && self.emergency.remaining > 0
            && self.balance <= self.emergency.threshold
    }

    /// Prepayment mode, and balance and active Emergency Credit together below the Disablement Threshold.
    fn exhausted(&self) -> bool {
        let lent = if self.emergency.active { self.emergency.remaining } else { 0 };
        self.mode == PaymentMode::Prepayment
            && i64::from(self.balance) + i64::from(lent) < i64::from(self.disablement_threshold)
    }

    /// Bring supply in line with credit: disable when it is exhausted, arm when it is back.
    fn settle(&mut self) {
        if self.exhausted() {
            if self.supply != Supply::Disabled && !self.protected {
                self.supply = Supply::Disabled;
                self.out_of_credit = true;
            }
        } else if self.out_of_credit {
            self.supply = Supply::Armed;
            self.out_of_credit = false;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn prepaying(balance: i32) -> Account {
        let mut account = Account::new(&FactorySettings { prepayment: true, ..FactorySettings::default() });
        account.balance = balance;
        account
    }

    #[test]
    fn a_top_up_pays_debt_share_then_accumulated_debt_then_emergency_credit_then_balance() {
        let mut account = prepaying(0);
        account.payment_debt = 400_000;
        account.payment_share = 1_000;
        account.accumulated_debt = 100_000;
        account.emergency.active = true;
        account.emergency.remaining = 900_000;
        let split = account.top_up(1_000_000).unwrap();
        let expected = Split { payment_debt: 100_000, accumulated_debt: 100_000, emergency: 100_000, balance: 700_000 };
        assert_eq!(split, expected);
        assert_eq!((account.balance, account.payment_debt, account.accumulated_debt), (700_000, 300_000, 0));
        assert_eq!((account.emergency.remaining, account.emergency.active), (1_000_000, false));
    }

    #[test]
    fn in_credit_mode_a_top_up_is_all_balance() {
        let mut account = prepaying(0);
        account.set_mode(PaymentMode::Credit);
        account.payment_debt = 400_000;
        account.payment_share = 10_000;
        assert_eq!(account.top_up(5).unwrap().balance, 5);
        assert_eq!(account.payment_debt, 400_000);
    }

    #[test]
    fn a_refused_top_up_changes_nothing() {
        let mut account = prepaying(500);
        account.maximum_credit = 100;
        account.maximum_balance = 550;
        let before = account.clone();
        assert_eq!(account.top_up(101), Err(Denied::AboveMaximumCredit));
        assert_eq!(account.top_up(51), Err(Denied::AboveMaximumBalance));
        assert_eq!(account, before);
        assert!(account.top_up(50).is_ok());
    }

    #[test]
    fn emergency_credit_is_lent_when_the_balance_is_low_and_only_in_prepayment_mode() {
        let mut account = prepaying(200_001);
        assert_eq!(account.activate_emergency(), Err(Denied::NoEmergencyCredit));
        account.balance = 200_000;
        assert_eq!(account.activate_emergency(), Ok(()));
        assert_eq!(account.activate_emergency(), Ok(()), "active already is active");
        let mut credit = prepaying(0);
        credit.set_mode(PaymentMode::Credit);
        assert_eq!(credit.activate_emergency(), Err(Denied::NoEmergencyCredit));
    }

    #[test]
    fn supply_follows_credit_and_emergency_credit() {
        let mut account = prepaying(100);
        account.consume(101);
        assert_eq!(account.supply, Supply::Disabled);
        assert_eq!(account.enable(), Err(Denied::NoCredit));
        account.activate_emergency().unwrap();
        assert_eq!(account.supply, Supply::Armed, "lent money arms");
        assert!(account.enable_locally() && !account.enable_locally());
        account.consume(999_998);
        assert_eq!((account.supply, account.emergency.remaining), (Supply::Enabled, 2));
        account.consume(2);
        assert_eq!(account.supply, Supply::Disabled, "nothing left: {account:?}");
        account.top_up(2_000_000).unwrap();
        assert_eq!(account.supply, Supply::Armed);
        assert_eq!(account.emergency_owed(), 0);
    }

    #[test]
    fn credit_does_not_undo_a_command_to_disable() {
        let mut account = prepaying(100);
        account.disable();
        account.top_up(100).unwrap();
        assert_eq!(account.supply, Supply::Disabled);
    }

    /// (from, command, result, to)
    #[test]
    fn the_supply_table_is_whole() {
        use Supply::{Armed, Disabled, Enabled};
        type Command = fn(&mut Account) -> Result<(), Denied>;
        let enable: Command = Account::enable;
        let arm: Command = Account::arm;
        let disable: Command = |a| {
            a.disable();
            Ok(())
        };
        for (from, command, result, to) in [
            (Disabled, enable, Ok(()), Enabled),
            (Armed, enable, Ok(()), Enabled),
            (Enabled, enable, Ok(()), Enabled),
            (Disabled, disable, Ok(()), Disabled),
            (Armed, disable, Ok(()), Disabled),
            (Enabled, disable, Ok(()), Disabled),
            (Disabled, arm, Ok(()), Armed),
            (Armed, arm, Ok(()), Armed),
            (Enabled, arm, Ok(()), Enabled),
        ] {
            let mut account = prepaying(100);
            account.supply = from;
            assert_eq!(command(&mut account), result, "{from:?}");
            assert_eq!(account.supply, to, "{from:?}");
        }
    }

    #[test]
    fn a_new_limit_keeps_what_is_owed() {
        let mut account = prepaying(0);
        account.emergency.remaining = 600_000;
        account.set_emergency_limit(500_000);
        assert_eq!((account.emergency_owed(), account.emergency.remaining), (400_000, 100_000));
    }

    #[test]
    fn what_crosses_a_line_is_noticed_once() {
        let mut after = prepaying(300_000);
        after.low_credit = 250_000;
        let before = after.clone();
        after.consume(150_000);
        assert_eq!(notices(&before, &after), [0x810D, 0x8119]);
        assert!(notices(&after, &after).is_empty());
    }

    #[test]
    fn suspended_debt_gathers_while_emergency_credit_is_in_use_and_rests_while_supply_is_off() {
        let mut account = prepaying(0);
        account.time_debts[0] = TimeDebt { remaining: 1_000, rate: 300, period: 3_600 };
        account.ledger.debts_changed = 1_000;
        account.activate_emergency().unwrap();
        assert_eq!(account.charge(Charge::TimeDebt(0), 300), 300);
        assert_eq!((account.emergency_owed(), account.accumulated_debt), (300, 0), "lent for the debt");
        account.suspend_emergency = true;
        account.charge(Charge::TimeDebt(0), 300);
        account.charge(Charge::Standing, 500);
        assert_eq!((account.emergency_owed(), account.accumulated_debt), (300, 800));
        account.disable();
        account.suspend_disabled = true;
        assert_eq!(account.charge(Charge::TimeDebt(0), 300), 0);
        account.suspend_disabled = false;
        assert_eq!(account.charge(Charge::TimeDebt(0), 900), 400, "no more than what is left");
        assert_eq!(account.held(), account.ledger.expected());
    }

    #[test]
    fn a_cap_ends_the_recovery_of_payment_debt_until_its_period_ends() {
        let mut account = prepaying(0);
        account.change_debt(2, 100_000).unwrap();
        (account.payment_share, account.debt_cap, account.debt_cap_period) = (5_000, 30_000, 604_800);
        assert_eq!(account.top_up(40_000).unwrap().payment_debt, 20_000);
        assert_eq!(account.top_up(40_000).unwrap().payment_debt, 10_000);
        assert_eq!(account.top_up(40_000).unwrap().payment_debt, 0);
        account.renew_cap();
        assert_eq!(account.top_up(40_000).unwrap().payment_debt, 20_000);
        assert_eq!(account.held(), account.ledger.expected());
    }

    #[test]
    fn a_non_disablement_period_keeps_supply_on_until_it_ends() {
        let mut account = prepaying(100);
        account.protect(true);
        let before = account.clone();
        account.consume(500);
        assert_eq!((account.supply, account.balance), (Supply::Enabled, -400));
        assert!(notices(&before, &account).contains(&0x8F83));
        account.protect(false);
        assert_eq!(account.supply, Supply::Disabled);
    }

    #[test]
    fn in_credit_mode_gas_is_billed() {
        let mut account = prepaying(0);
        account.billed = true;
        account.set_mode(PaymentMode::Credit);
        account.consume(700);
        account.charge(Charge::Standing, 300);
        assert_eq!((account.balance, account.bill_to_date), (0, 1_000));
        assert_eq!(account.held(), account.ledger.expected());
    }

    #[test]
    fn no_amount_panics() {
        for amount in [i32::MIN, -1, 0, 1, i32::MAX] {
            for balance in [i32::MIN, -1, 0, 1, i32::MAX] {
                let mut account = prepaying(balance);
                let _ = account.adjust_balance(amount);
                account.consume(amount);
                let _ = account.top_up(amount);
                account.set_emergency_limit(amount);
                let _ = account.top_up(amount);
                account.set_disablement_threshold(amount);
            }
        }
    }
}
