//! What a customer does at the meter or at a PPMID beside it: top-ups, Emergency Credit, armed supply (SMETS 5.6.2, GBCS PECS01
//! to PECS03).
use crate::meter::Meter;
use crate::prepayment::Denied;
use crate::top_up::{Till, TopUpRefusal};
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::{Counter, MessageCode, Time};
use minicbor::{Decode, Encode};

/// So many bad UTRNs one after the other lock the entry.
const ATTEMPTS: u8 = 5;
/// For so long.
const LOCKED: Duration = Duration::from_secs(15 * 60);

/// Credit added locally.
const CREDIT_ADDED: u16 = 0x810E;
/// A user interface command was done, and not done.
const DONE: u16 = 0x8161;
const NOT_DONE: u16 = 0x8162;
/// A HAN command was actioned, and not.
const ACTIONED: u16 = 0x8154;
const NOT_ACTIONED: u16 = 0x8155;
/// Entry suspended after bad UTRNs.
const SUSPENDED: u16 = 0x81C4;

/// Where something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the meter's own keypad.
    Keypad,
    /// At a PPMID, over plain ZigBee.
    Ppmid,
}

impl Place {
    /// Message codes that stand for what a PPMID asked of an electricity meter, in logs alone.
    const fn code(self, ppmid: u16) -> MessageCode {
        match self {
            Self::Keypad => MessageCode(0),
            Self::Ppmid => MessageCode(ppmid),
        }
    }

    const fn line(self, done: bool) -> u16 {
        match (self, done) {
            (Self::Keypad, true) => DONE,
            (Self::Keypad, false) => NOT_DONE,
            (Self::Ppmid, true) => ACTIONED,
            (Self::Ppmid, false) => NOT_ACTIONED,
        }
    }
}

/// How many bad UTRNs were entered one after the other, and until when entry is locked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Attempts {
    #[n(0)]
    bad: u8,
    #[n(1)]
    locked_until: u64,
}

impl<C: Crypto> Meter<C> {
    /// Enter a UTRN of 20 digits. The credit, in thousandths of a penny.
    ///
    /// # Errors
    /// The UTRN was not taken; nothing but the logs and the count of bad entries changed.
    pub fn enter_utrn(&mut self, now: Time, place: Place, digits: &[u8]) -> Result<i32, TopUpRefusal> {
        self.advance(now);
        let before = self.state.books.account.clone();
        let entered = self.enter(now, digits);
        let code = place.code(0x0116);
        let log = &mut self.state.books.event_log;
        log.push(now, place.line(entered.is_ok()), code, Counter(0));
        match entered {
            Ok(_) => {
                self.state.attempts = Attempts::default();
                log.push(now, CREDIT_ADDED, code, Counter(0));
            }
            Err(refusal) => {
                if let Some(line) = refusal.log_code() {
                    log.push(now, line, code, Counter(0));
                }
                // A wrong one may be a guess; one that is spent or too much was right.
                if matches!(refusal, TopUpRefusal::Invalid | TopUpRefusal::NotAuthentic) {
                    self.state.attempts.bad += 1;
                    if self.state.attempts.bad >= ATTEMPTS {
                        self.state.attempts = Attempts { bad: 0, locked_until: (now + LOCKED).0 };
                        self.state.books.event_log.push(now, SUSPENDED, code, Counter(0));
                    }
                }
            }
        }
        self.end_local(now, &before, code);
        entered
    }

    fn enter(&mut self, now: Time, digits: &[u8]) -> Result<i32, TopUpRefusal> {
        if now.0 < self.state.attempts.locked_until {
            return Err(TopUpRefusal::LockedOut);
        }
        let supplier = self.secrets.top_up(&self.crypto, &self.config).map(|(eui, secret)| (eui, secret.clone()));
        let mut till = Till {
            crypto: &self.crypto,
            meter: self.config.eui,
            supplier: supplier.as_ref().map(|(eui, secret)| (*eui, secret)),
            utrns: &mut self.state.counters.utrns,
            command: None,
        };
        let credited = till.enter(&mut self.state.books.account, digits)?;
        self.state.books.paid(now, credited.amount, credited.split.payment_debt, digits, &self.config.sizes);
        Ok(credited.amount)
    }

    /// Activate Emergency Credit.
    ///
    /// # Errors
    /// It is not on offer.
    pub fn activate_emergency_locally(&mut self, now: Time, place: Place) -> Result<(), Denied> {
        self.advance(now);
        let before = self.state.books.account.clone();
        let done = self.state.books.account.activate_emergency();
        let code = place.code(0x0117);
        self.state.books.event_log.push(now, place.line(done.is_ok()), code, Counter(0));
        self.end_local(now, &before, code);
        done
    }

    /// Turn on supply that is armed; whether it was armed.
    pub fn enable_supply_locally(&mut self, now: Time, place: Place) -> bool {
        self.advance(now);
        let before = self.state.books.account.clone();
        let enabled = self.state.books.account.enable_locally();
        let code = place.code(0x0118);
        self.state.books.event_log.push(now, place.line(enabled), code, Counter(0));
        self.end_local(now, &before, code);
        enabled
    }

    /// The counter of the last UTRN that was taken, as a supplier counts them; zero before the first.
    pub fn last_utrn(&self) -> Counter {
        self.state.counters.utrns.highest()
    }

    fn end_local(&mut self, now: Time, before: &crate::prepayment::Account, code: MessageCode) {
        self.notice(now, before, code, Counter(0));
        self.persist();
        self.run(now);
    }
}
