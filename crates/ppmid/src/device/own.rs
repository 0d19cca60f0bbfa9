//! The PPMID as a device of the home: its network, Commands to it, and its Responses.
use super::{Ppmid, Sender};
use crate::carrier::Outcome;
use crate::commands::{Effect, Executed};
use crate::config::Config;
use crate::display::{Fuel, Readings};
use crate::event::Event;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::envelope::RouteForm;
use gbcs::{Cra, Route, Time};
use han::cbke;
use han::join::Commissioned;

/// Between two attempts to hand over a Response that the hub did not take.
const RETRY: Duration = Duration::from_secs(60);

/// A value for key establishment, another one at each start.
pub(super) fn ephemeral<C: Crypto>(crypto: &C, config: &Config, starts: u32) -> [u8; cbke::EPHEMERAL_LEN] {
    let half = |n: u8| crypto.sha256(&[b"lastmetre/1 ephemeral", &config.seed.0, &starts.to_be_bytes(), &[n]]);
    let mut value = [0; cbke::EPHEMERAL_LEN];
    // A compressed point starts with 2 or 3.
    value[0] = 2;
    value[1..33].copy_from_slice(&half(0));
    value[33..].copy_from_slice(&half(1)[..4]);
    value
}

impl<C: Crypto> Ppmid<C> {
    /// Whether octets from the tunnel are a Command: to the PPMID, or to somebody who is not here. A block is none: no use case of
    /// a PPMID is so long, and acknowledgements of blocks look alike.
    pub(super) fn is_command(&self, octets: &[u8]) -> bool {
        let route = Route::parse(octets);
        route.is_ok_and(|route| route.id.cra == Cra::Command && !matches!(route.form, RouteForm::Block { .. }))
    }

    pub(super) fn handle_command(&mut self, now: Time, octets: &[u8]) {
        let Executed { originator, code, succeeded, effect, .. } = match self.session.execute(&self.config, octets) {
            Ok(executed) => executed,
            Err(refusal) => return self.tell(Event::CommandRefused(refusal)),
        };
        self.tell(Event::Executed { originator, code, succeeded });
        match effect {
            Effect::Nothing => return,
            Effect::Joined(device, Some(part)) => self.carrier.join(now, device, part),
            Effect::Joined(_, None) => {}
            Effect::Parted(device) => self.carrier.part(now, device),
        }
        let electricity = self.session.own().electricity(&self.config);
        if self.carrier.electricity().is_some_and(|shown| Some(shown) != electricity) {
            // What is shown is of the meter that there was.
            *self.shown.of_mut(Fuel::Electricity) = Readings::default();
            self.tell(Event::DisplayChanged);
        }
        self.carrier.set_joined(now, electricity);
        let (crypto, own) = self.session.own_mut();
        self.customer.set_gas(own.gas(crypto, &self.config));
    }

    pub(super) fn handle_joined(&mut self, commissioned: &Commissioned) {
        let Commissioned { membership, link_key, counters } = commissioned;
        self.session.own_mut().1.settle(membership, link_key);
        self.session.set_counters(counters.clone());
        self.tell(Event::Joined(membership.coordinator));
    }

    /// The Response that may be offered to the hub now.
    pub(super) fn own_due(&mut self, now: Time) -> Option<Vec<u8>> {
        let waits = self.own_not_before.is_some_and(|not_before| now < not_before);
        self.session.own().waiting().filter(|_| !waits).map(<[u8]>::to_vec)
    }

    /// Offer the hub what the PPMID answers; whether there was anything.
    pub(super) fn run_own(&mut self, now: Time) -> bool {
        if self.in_tunnel.is_some() || !self.carrier.is_open() {
            return false;
        }
        self.own_not_before.take_if(|not_before| *not_before <= now);
        let Some(response) = self.own_due(now) else { return false };
        self.in_tunnel = Some(Sender::Own(response.clone()));
        self.tell_tunnel(now);
        self.carrier.send(now, response);
        true
    }

    /// What became of a Response. One that the hub may have goes again: it is the same, and answers the same Command.
    pub(super) fn settle_own(&mut self, now: Time, response: &[u8], outcome: Outcome) {
        match outcome {
            Outcome::Taken => self.session.own_mut().1.taken(response),
            Outcome::Refused | Outcome::NotSent | Outcome::Silence => self.own_not_before = Some(now + RETRY),
        }
    }
}
