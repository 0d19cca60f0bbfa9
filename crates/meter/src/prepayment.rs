//! The prepayment engine both meters share: balances, debts, Emergency Credit, payment mode, supply (SMETS 5.5.7, 5.6.3).
//!
//! Pure arithmetic on an [`Account`]: no message, no time, no I/O. Money is in thousandths of a penny.
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
    /// Only disabled supply can be armed.
    #[error("supply is not disabled")]
    NotDisabled,
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
        }
    }

    /// Adjust Meter Balance: add `by`, which may be negative.
    pub fn adjust_balance(&mut self, by: i32) -> Result<(), Denied> {
        self.balance = self.balance.checked_add(by).ok_or(Denied::Overflow)?;
        self.settle();
        Ok(())
    }

    /// Set the Meter Balance; Reset Meter Balance sets zero.
    pub fn set_balance(&mut self, to: i32) {
        self.balance = to;
        self.settle();
    }

    /// Emergency Credit owes nothing again: its balance stands at its limit (GBCS ECS04b).
    pub fn reset_emergency(&mut self) {
        self.emergency.remaining = self.emergency.limit;
        self.emergency.active = false;
        self.settle();
    }

    /// Set the limit of Emergency Credit; what is owed stays owed.
    pub fn set_emergency_limit(&mut self, limit: i32) {
        let owed = self.emergency_owed();
        self.emergency.limit = limit;
        self.emergency.remaining = limit.saturating_sub(owed);
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
    /// balance again. In credit mode the balance just falls.
    pub fn consume(&mut self, amount: i32) {
        let mut left = amount.max(0);
        if self.mode == PaymentMode::Prepayment && self.emergency.active {
            let own = self.balance.saturating_sub(self.disablement_threshold).clamp(0, left);
            self.balance -= own;
            left -= own;
            let lent = left.min(self.emergency.remaining.max(0));
            self.emergency.remaining -= lent;
            left -= lent;
        }
        self.balance = self.balance.saturating_sub(left);
        self.settle();
    }

    /// Adjust Debt: change what is left of time debt 0 or 1, or of the payment debt (2). A debt is never negative: a larger
    /// reduction clears it (SMETS 5.6.3.5).
    pub fn change_debt(&mut self, debt: usize, by: i32) -> Result<(), Denied> {
        let register = match self.time_debts.get_mut(debt) {
            Some(time_debt) => &mut time_debt.remaining,
            None => &mut self.payment_debt,
        };
        *register = register.checked_add(by).ok_or(Denied::Overflow)?.max(0);
        Ok(())
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

    /// Arm Supply, if it is disabled and there is credit.
    pub fn arm(&mut self) -> Result<(), Denied> {
        match self.supply {
            Supply::Enabled => Err(Denied::NotDisabled),
            Supply::Armed => Ok(()),
            Supply::Disabled if self.exhausted() => Err(Denied::NoCredit),
            Supply::Disabled => {
                self.supply = Supply::Armed;
                self.out_of_credit = false;
                Ok(())
            }
        }
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
            if self.supply != Supply::Disabled {
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
    const BECAME: [(u16, Condition); 9] = [
        (0x810D, |a| a.mode == PaymentMode::Prepayment && a.balance < a.low_credit),
        (0x8119, Account::emergency_available),
        (0x81AB, |a| a.emergency.active),
        (0x81AA, |a| a.emergency.active && a.emergency.remaining <= 0),
        (0x81A7, |a| a.time_debts[0].remaining <= 0),
        (0x81A8, |a| a.time_debts[1].remaining <= 0),
        (0x81A9, |a| a.payment_debt <= 0),
        (0x8F0F, Account::exhausted),
        (0x8F32, |a| a.supply == Supply::Armed),
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
            (Enabled, arm, Err(Denied::NotDisabled), Enabled),
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
