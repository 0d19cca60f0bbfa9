//! The hub as the Trust Centre of partner link keys: two devices of its log that ask get one of their own (GBCS 13.7 Method A).
//!
//! The partner gets the key first and whoever asked for it when that is acknowledged, so that the one who goes on asking is the
//! one who is told last: a key that got lost on the way is made up for by the next request.
use super::Hub;
use crate::event::Event;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};
use han::Key;
use han::key_command::KeyCommand;
use han::node::Handle;

/// Exchanges under way at one time; the hub has no room for more than its log.
const EXCHANGES: usize = 16;
/// Between two keys for the same pair.
const INTERVAL: Duration = Duration::from_secs(5);

/// Partner link keys on their way.
#[derive(Default)]
pub(super) struct PartnerKeys {
    exchanges: Vec<Exchange>,
    /// Pairs that were given a key lately, the last ones last.
    lately: Vec<(Eui64, Eui64, Time)>,
    draws: u64,
}

struct Exchange {
    requester: Eui64,
    partner: Eui64,
    key: Key,
    /// The transfer under way, and whether it is the second: to the requester.
    transfer: Handle,
    is_last: bool,
}

impl PartnerKeys {
    pub fn forget(&mut self, device: Eui64) {
        self.exchanges.retain(|exchange| exchange.requester != device && exchange.partner != device);
        self.lately.retain(|(a, b, _)| *a != device && *b != device);
    }

    /// Whether this pair has a key on its way, or just got one.
    fn is_served(&self, now: Time, pair: (Eui64, Eui64)) -> bool {
        let exchanges = self.exchanges.iter().map(|exchange| (exchange.requester, exchange.partner));
        let lately = self.lately.iter().filter(|(.., at)| now < *at + INTERVAL).map(|(a, b, _)| (*a, *b));
        exchanges.chain(lately).any(|other| other == pair || other == (pair.1, pair.0))
    }
}

impl<C: Crypto> Hub<C> {
    /// A device asks for a key to share with another; whatever else it brings, the hub has no use for.
    pub(super) fn receive_key_command(&mut self, now: Time, requester: Eui64, command: &KeyCommand) {
        self.exchange.log.heard(now, requester);
        let KeyCommand::Request { partner } = *command else {
            return self.exchange.counters.count("key_command_refused");
        };
        let link_key = |device| self.exchange.log.get(device).and_then(|listed| listed.link_key.clone());
        let (Some(own), Some(others), true) = (link_key(requester), link_key(partner), requester != partner) else {
            self.exchange.counters.count("partner_key_refused");
            return self.event(Event::PartnerKeyRefused { requester, partner });
        };
        if self.partner_keys.is_served(now, (requester, partner)) || self.partner_keys.exchanges.len() == EXCHANGES {
            return self.exchange.counters.count("partner_key_asked_again");
        }
        // Random to all but the two: nobody else has both link keys. Time and count make each another one, across restarts too.
        self.partner_keys.draws += 1;
        let parts: [&[u8]; 4] =
            [own.octets(), others.octets(), &now.0.to_be_bytes(), &self.partner_keys.draws.to_be_bytes()];
        let drawn = self.exchange.crypto.sha256(&parts);
        let key = Key::new(core::array::from_fn(|at| drawn[at]));
        let transfer = self.bring(now, partner, &key, requester, false);
        self.partner_keys.exchanges.push(Exchange { requester, partner, key, transfer, is_last: false });
    }

    /// What became of something sent; whether it was a partner link key.
    pub(super) fn settle_key(&mut self, now: Time, transfer: Handle, delivered: bool) -> bool {
        let Some(at) = self.partner_keys.exchanges.iter().position(|exchange| exchange.transfer == transfer) else {
            return false;
        };
        let Exchange { requester, partner, key, is_last, .. } = self.partner_keys.exchanges.swap_remove(at);
        match (delivered, is_last) {
            (true, false) => {
                let transfer = self.bring(now, requester, &key, partner, true);
                self.partner_keys.exchanges.push(Exchange { requester, partner, key, transfer, is_last: true });
            }
            (true, true) => {
                self.partner_keys.lately.retain(|(.., at)| now < *at + INTERVAL);
                self.partner_keys.lately.push((requester, partner, now));
                self.event(Event::PartnerKeyGiven { requester, partner, key });
            }
            (false, _) => {
                self.exchange.counters.count("partner_key_undelivered");
                self.event(Event::PartnerKeyUndelivered { requester, partner });
            }
        }
        true
    }

    fn bring(&mut self, now: Time, to: Eui64, key: &Key, partner: Eui64, initiator: bool) -> Handle {
        self.node.send_key(now, to, KeyCommand::Transport { key: key.clone(), partner, initiator })
    }
}
