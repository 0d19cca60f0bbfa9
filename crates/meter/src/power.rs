//! The mains of an electricity meter: outages and voltage in the power event log, and Alerts of them to the network operator (ECS80).
use crate::alert::Further;
use crate::config::Role;
use crate::esme;
use crate::meter::Meter;
use crate::state::Model;
use crate::voltage::{Grid, Settings};
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::dlms::DateTime;
use gbcs::{Counter, Eui64, MessageCode, Time};

/// Supply was restored after an outage, of the whole meter; those of phases 1 to 3 follow.
const RESTORED: u16 = 0x8F35;
/// The same after three minutes or more.
const RESTORED_AFTER_LONG: u16 = 0x8F39;
/// Message code of ECS80.
const ALERT: MessageCode = MessageCode(0x0067);
/// Shorter outages are logged and nobody is told (SMETS 5.7.4.27).
const WORTH_TELLING: Duration = Duration::from_secs(180);

impl<C: Crypto> Meter<C> {
    /// The mains of an electricity meter were off since `off` and are back now.
    pub fn supply_restored(&mut self, off: Time, now: Time) {
        self.restored(0, off, now);
    }

    /// One phase of a polyphase meter, counted from 1, was off since `off` and is back now. Other meters know no phases.
    pub fn phase_restored(&mut self, phase: u8, off: Time, now: Time) {
        if (1..=self.config.variant.phases()).contains(&usize::from(phase)) && self.config.variant.phases() > 1 {
            self.restored(phase.into(), off, now);
        }
    }

    fn restored(&mut self, phase: u16, off: Time, now: Time) {
        self.advance(now);
        let outage = now.since(off);
        let is_long = outage >= WORTH_TELLING;
        let code = if is_long { RESTORED_AFTER_LONG } else { RESTORED } + phase;
        let seconds = outage.as_secs().min(u64::from(u32::MAX)) as u32;
        self.state.books.power_log.push_with(now, code, MessageCode(0), Counter(0), seconds);
        if let Some(operator) = self.network_operator().filter(|_| is_long) {
            let times = [DateTime::at(off).into(), DateTime::at(now).into()];
            self.raise(now, operator, ALERT, code, Further::Dlms(times.to_vec()));
        }
        self.persist();
        self.run(now);
    }

    /// Watch the voltage of some time, in seconds since 2000: its averages into the profiles, what passed a threshold into the log and
    /// to the network operator, as he wants it. The caller persists.
    pub(crate) fn watch_voltage(&mut self, settings: &Settings, begin: u32, end: u32) {
        let grid = self.config.grid.unwrap_or(Grid::STEADY);
        let phases = self.config.variant.phases();
        for n in 0..phases {
            // A meter with one phase does not number it.
            let number = if phases > 1 { n as u16 + 1 } else { 0 };
            let books = &mut self.state.books;
            let watched = books.voltage[n].watch(&grid, settings, number, begin, end);
            for average in watched.averages {
                books.profiles.voltage[n].push(average, self.config.sizes.half_hours);
            }
            for occurrence in watched.occurrences {
                self.power_event(Time::from_zigbee(occurrence.at), occurrence.code, occurrence.volts.into());
            }
        }
    }

    /// An event of which the network operator says whether it is logged, and whether he is told.
    fn power_event(&mut self, at: Time, code: u16, volts: u32) {
        let Model::Esme(store) = &self.state.model else { return };
        let (logged, told) = esme::wanted(store, code);
        if logged {
            self.state.books.power_log.push_with(at, code, MessageCode(0), Counter(0), volts);
        }
        if let Some(operator) = self.network_operator().filter(|_| told) {
            self.raise_generic(at, operator, code);
        }
    }

    fn network_operator(&self) -> Option<Eui64> {
        self.config.anchors.iter().find(|anchor| anchor.role == Role::NetworkOperator).map(|anchor| anchor.eui)
    }
}
