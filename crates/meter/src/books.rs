//! What a meter keeps besides the objects of its family: money, energy, logs, clock. Both object models read and write it.
use crate::asn1::Firmware;
use crate::battery::Battery;
use crate::clock::Clock;
use crate::logs::Log;
use crate::metering::Metering;
use crate::prepayment::Account;
use crate::profiles::{LogSizes, Payment, Profiles, Snapshot};
use crate::variant::Variant;
use crate::voltage::{PHASES, Phase};
use alloc::vec::Vec;
use gbcs::Time;
use minicbor::{Decode, Encode};

/// Causes of snapshots, as the ZCL counts them.
pub(crate) mod cause {
    /// General: the daily logs.
    pub const DAILY: u32 = 1;
    /// End of a billing period.
    pub const BILLING: u32 = 1 << 1;
    /// Change of tariff information.
    pub const TARIFF: u32 = 1 << 3;
    /// Change of tenancy.
    pub const TENANCY: u32 = 1 << 12;
    /// Change of payment mode.
    pub const MODE: u32 = 1 << 14;
}

/// Account, registers, profiles, logs, clock.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Books {
    #[n(0)]
    pub account: Account,
    #[n(1)]
    pub metering: Metering,
    #[n(2)]
    pub profiles: Profiles,
    #[n(3)]
    pub event_log: Log,
    #[n(4)]
    pub security_log: Log,
    /// Outages of supply.
    #[n(5)]
    pub power_log: Log,
    /// What auxiliary switches did.
    #[n(6)]
    pub switch_log: Log,
    #[n(7)]
    pub clock: Clock,
    #[n(8)]
    pub firmware: Firmware,
    #[n(9)]
    pub battery: Battery,
    /// Entries of the Billing Data Log that the supplier is to be told of: when (seconds since 2000), and their cause.
    #[n(10)]
    pub unpushed: Vec<(u32, u32)>,
    /// When the next household moves in, seconds since 2000, while that is to come.
    #[n(11)]
    pub tenancy: Option<u32>,
    /// By phase.
    #[n(12)]
    pub voltage: [Phase; PHASES],
    /// As the configuration has it.
    #[cbor(skip)]
    pub variant: Variant,
}

impl Books {
    pub fn new(account: Account) -> Self {
        Self {
            account,
            metering: Metering::default(),
            profiles: Profiles::default(),
            event_log: Log::default(),
            security_log: Log::default(),
            power_log: Log::default(),
            switch_log: Log::default(),
            clock: Clock::default(),
            firmware: Firmware::default(),
            battery: Battery::default(),
            unpushed: Vec::new(),
            tenancy: None,
            voltage: Default::default(),
            variant: Variant::default(),
        }
    }

    /// Enter a change of tariff, payment mode or tenancy in the billing log.
    pub fn changed(&mut self, now: Time, cause: u32, sizes: &LogSizes) {
        let at = now.zigbee();
        let profiles = &mut self.profiles;
        profiles.changes.push(Snapshot::of_registers(at, cause, &self.metering), sizes.billing);
        profiles.changes_prepayment.push(Snapshot::of_account(at, cause, &self.account), sizes.billing);
        self.unpushed.push((at, cause));
    }

    /// A household moves in at a time: an entry of the billing log then, or now if it has moved in already; `None` takes back one that
    /// is to come.
    pub fn move_in(&mut self, now: Time, at: Option<Time>, sizes: &LogSizes) {
        match at {
            Some(at) if at > now => self.tenancy = Some(at.zigbee()),
            Some(_) => {
                self.tenancy = None;
                self.changed(now, cause::TENANCY, sizes);
            }
            None => self.tenancy = None,
        }
    }

    /// End a billing period.
    pub fn bill(&mut self, now: Time, sizes: &LogSizes) {
        let at = now.zigbee();
        let profiles = &mut self.profiles;
        profiles.billing.push(Snapshot::of_registers(at, cause::BILLING, &self.metering), sizes.billing);
        profiles.billing_prepayment.push(Snapshot::of_account(at, cause::BILLING, &self.account), sizes.billing);
        self.unpushed.push((at, cause::BILLING));
    }

    /// Enter a top-up that was taken, and what of it paid the payment debt.
    pub fn paid(&mut self, now: Time, amount: i32, to_debt: i32, digits: &[u8], sizes: &LogSizes) {
        let payment = |amount: i32, outstanding: i32, digits: &[u8]| Payment {
            at: now.zigbee(),
            amount: amount.max(0) as u32,
            outstanding: outstanding.max(0) as u32,
            digits: digits.to_vec(),
        };
        self.profiles.top_ups.push(payment(amount, 0, digits), sizes.payments);
        if to_debt > 0 {
            let outstanding = self.account.payment_debt;
            self.profiles.debt_payments.push(payment(to_debt, outstanding, &[]), sizes.payments);
        }
    }
}
