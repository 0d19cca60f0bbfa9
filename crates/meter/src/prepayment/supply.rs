//! Whether supply is on: by Command, by credit, by the customer who turns it on; never off while a non-disablement period holds.
use super::{Account, Denied, PaymentMode, Supply};

impl Account {
    /// Start or end a non-disablement period.
    pub fn protect(&mut self, protected: bool) {
        if self.protected != protected {
            self.protected = protected;
            self.settle();
        }
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

    /// Prepayment mode, and balance and active Emergency Credit together below the Disablement Threshold.
    pub(super) fn exhausted(&self) -> bool {
        let lent = if self.emergency.active { self.emergency.remaining } else { 0 };
        self.mode == PaymentMode::Prepayment
            && i64::from(self.balance) + i64::from(lent) < i64::from(self.disablement_threshold)
    }

    /// Bring supply in line with credit: disable when it is exhausted, arm when it is back.
    pub(super) fn settle(&mut self) {
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
