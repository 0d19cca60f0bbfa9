//! Outages of the mains: an entry in the power event log, and an Alert to the network operator (ECS80).
use crate::alert::Further;
use crate::config::Role;
use crate::meter::Meter;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::dlms::DateTime;
use gbcs::{Counter, MessageCode, Time};

/// Supply was restored after an outage.
const RESTORED: u16 = 0x8F35;
/// Message code of ECS80.
const ALERT: MessageCode = MessageCode(0x0067);
/// Shorter outages are logged and nobody is told (SMETS 5.7.4.27).
const WORTH_TELLING: Duration = Duration::from_secs(180);

impl<C: Crypto> Meter<C> {
    /// The mains of an electricity meter were off since `off` and are back now.
    pub fn supply_restored(&mut self, off: Time, now: Time) {
        self.advance(now);
        let outage = now.since(off);
        let seconds = outage.as_secs().min(u64::from(u32::MAX)) as u32;
        self.state.books.power_log.push_with(now, RESTORED, MessageCode(0), Counter(0), seconds);
        let operator = self.config.anchors.iter().find(|anchor| anchor.role == Role::NetworkOperator).map(|a| a.eui);
        if let Some(operator) = operator.filter(|_| outage >= WORTH_TELLING) {
            let times = [DateTime::at(off).into(), DateTime::at(now).into()];
            self.raise(now, operator, ALERT, RESTORED, Further::Dlms(times.to_vec()));
        }
        self.persist();
        self.run(now);
    }
}
