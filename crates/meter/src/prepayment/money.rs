//! Money that comes, is spent and is owed: top-ups, consumption, charges, debts and their recovery, Emergency Credit, adjustments.
use super::{Account, Charge, Denied, PaymentMode, Split, Supply};

impl Account {
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
}
