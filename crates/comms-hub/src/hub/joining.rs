//! How devices join: whom the Trust Centre lets in, key establishment, the HHT's door, link keys of former days.
use super::{Hub, peer_of};
use crate::config::{DeviceEntry, DeviceKind};
use crate::event::{Event, log_code};
use crate::hht::{self, Door, Heard, Registration};
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::crypto::Crypto;
use gbcs::{Eui64, Time};
use han::cbke::{self, Exchange};
use han::join::{Admission, TrustCentre, TrustCentreConfig, TrustCentreOutput};
use han::node::Peer;
use han::{Datagram, InstallCode, Key, NodeConfig, SMART_ENERGY, ShortAddress};

/// Key establishments under way at one time; the hub has no room for more than its log.
const EXCHANGES: usize = 16;

/// Everything about joining that is not the Device Log itself.
pub(super) struct Joining {
    chf: Eui64,
    centre: TrustCentre,
    centre_timeout: Option<Time>,
    door: Door,
    exchanges: Vec<Exchanging>,
    /// Devices that may come back with the link key of former days.
    returning: Vec<Returning>,
    /// Makes ephemeral values: secret, and different at each draw.
    seed: Key,
    draws: u64,
}

struct Exchanging {
    device: Eui64,
    exchange: Exchange,
    timeout: Option<Time>,
}

struct Returning {
    device: Eui64,
    link_key: Key,
    until: Time,
    /// How long the install code counts, should the old key not have served.
    timeout: Duration,
}

impl Joining {
    pub fn new(now: Time, chf: Eui64, node: &NodeConfig, hht_window: Duration) -> Self {
        let centre = TrustCentre::new(TrustCentreConfig {
            eui: chf,
            pan: node.pan,
            network_key: node.network_key.clone(),
            network_key_sequence: node.network_key_sequence,
        });
        Self {
            chf,
            centre,
            centre_timeout: None,
            door: Door::new(chf, node.pan, now + hht_window),
            exchanges: Vec::new(),
            returning: Vec::new(),
            seed: node.network_key.clone(),
            draws: 0,
        }
    }

    pub fn forget(&mut self, device: Eui64) {
        self.centre.close(device);
        self.exchanges.retain(|exchanging| exchanging.device != device);
        self.returning.retain(|returning| returning.device != device);
    }

    pub fn timeout(&self) -> Option<Time> {
        let exchanges = self.exchanges.iter().filter_map(|exchanging| exchanging.timeout);
        let returning = self.returning.iter().map(|returning| returning.until);
        exchanges.chain(returning).chain(self.centre_timeout).min()
    }

    fn draw<C: Crypto>(&mut self, crypto: &C, now: Time) -> [u8; cbke::EPHEMERAL_LEN] {
        self.draws += 1;
        let half = |n: u8| crypto.sha256(&[self.seed.octets(), &now.0.to_be_bytes(), &self.draws.to_be_bytes(), &[n]]);
        let mut value = [0; cbke::EPHEMERAL_LEN];
        // A compressed point starts with 2 or 3.
        value[0] = 2;
        value[1..33].copy_from_slice(&half(0));
        value[33..].copy_from_slice(&half(1)[..4]);
        value
    }
}

impl<C: Crypto> Hub<C> {
    /// A frame may be for the Trust Centre, or inter-PAN.
    pub(super) fn hear_joining(&mut self, now: Time, psdu: &[u8]) {
        let Self { node, joining, exchange, .. } = self;
        let log = &exchange.log;
        let is_taken = |short: ShortAddress| log.is_taken(short.0, Eui64::default());
        joining.centre.handle_frame(now, psdu, || node.take_mac_sequence(), is_taken);
        // Inter-PAN frames are the few that carry two EUI-64s: an ephemeral value is drawn for them only.
        if psdu.len() > 23 && psdu[..2] == [0x21, 0xCC] {
            let ephemeral = joining.draw(&exchange.crypto, now);
            let heard = joining.door.handle_frame(now, psdu, || ephemeral, || node.take_mac_sequence());
            match heard {
                Heard::Closed => exchange.counters.count("inter_pan_closed"),
                Heard::Refused => exchange.counters.count("inter_pan_refused"),
                Heard::NotOurs | Heard::Taken => {}
            }
        }
        self.drain_joining(now);
    }

    pub(super) fn expire_joining(&mut self, now: Time) {
        self.joining.centre.handle_timeout(now);
        for exchanging in &mut self.joining.exchanges {
            exchanging.exchange.handle_timeout(now);
        }
        let late: Vec<_> = self.joining.returning.extract_if(.., |returning| returning.until <= now).collect();
        for Returning { device, timeout, .. } in late {
            // It did not speak with its old key: the install code counts now (CCS01).
            self.node.remove_peer(device);
            self.exchange.log.set_address(device, DeviceEntry::NO_ADDRESS, false);
            self.admit(now, device, timeout);
        }
        self.drain_joining(now);
    }

    /// Let a listed device join: with the link key it once had for a while, then with its install code.
    pub(super) fn open_joining(&mut self, now: Time, device: Eui64) {
        let timeout = Duration::from_secs(self.exchange.join_timeout.into());
        if self.exchange.log.get(device).is_none_or(|listed| listed.link_key.is_some()) {
            // Nothing to join, or nothing to join for: a listed device's link key is not touched.
            return;
        }
        let old = self.exchange.log.find_historic(device).cloned();
        match old.filter(|old| !self.exchange.log.is_taken(old.entry.short, device)) {
            Some(old) => {
                let until = now + timeout;
                self.exchange.log.set_address(device, old.entry.short, old.entry.sleepy);
                self.node.set_peer(peer_of(&old.entry, Some(old.link_key.clone())));
                self.joining.returning.retain(|returning| returning.device != device);
                self.joining.returning.push(Returning { device, link_key: old.link_key, until, timeout });
                self.event(Event::JoiningOpen { device, until });
            }
            None => self.admit(now, device, timeout),
        }
    }

    /// A datagram that concerns joining is taken; whether it was one. Any other proves the link key it came under.
    pub(super) fn receive_joining(&mut self, now: Time, datagram: &Datagram) -> bool {
        if datagram.profile == SMART_ENERGY && datagram.cluster == cbke::CLUSTER {
            self.establish(now, datagram);
            return true;
        }
        if !han::needs_link_key(datagram.profile, datagram.cluster) {
            // Announcements and answers of the device profile say nothing that is not known.
            return true;
        }
        let returned = self.joining.returning.iter().position(|returning| returning.device == datagram.peer);
        if let Some(at) = returned {
            let Returning { device, link_key, .. } = self.joining.returning.swap_remove(at);
            self.joined(now, device, link_key);
        }
        false
    }

    fn admit(&mut self, now: Time, device: Eui64, timeout: Duration) {
        let Some(link_key) = self.exchange.log.get(device).and_then(|listed| listed.install_key.clone()) else {
            return;
        };
        let until = now + timeout;
        self.joining.centre.admit(Admission { eui: device, link_key, until });
        self.event(Event::JoiningOpen { device, until });
        self.drain_joining(now);
    }

    fn establish(&mut self, now: Time, datagram: &Datagram) {
        let device = datagram.peer;
        let Some(listed) = self.exchange.log.get(device) else { return };
        let Some(secret) = listed.install_key.clone().or_else(|| listed.link_key.clone()) else { return };
        let joining = &mut self.joining;
        if !joining.exchanges.iter().any(|exchanging| exchanging.device == device) {
            let ephemeral = joining.draw(&self.exchange.crypto, now);
            if joining.exchanges.len() == EXCHANGES {
                joining.exchanges.remove(0);
            }
            let exchange = Exchange::respond(joining.chf, device, secret, ephemeral);
            joining.exchanges.push(Exchanging { device, exchange, timeout: None });
        }
        let Some(at) = joining.exchanges.iter().position(|exchanging| exchanging.device == device) else { return };
        joining.exchanges[at].exchange.handle_zcl(now, &datagram.payload);
        loop {
            match self.joining.exchanges[at].exchange.poll() {
                cbke::Output::Send(payload) => {
                    let (src_endpoint, dst_endpoint) = (datagram.dst_endpoint, datagram.src_endpoint);
                    self.node.send(now, Datagram { src_endpoint, dst_endpoint, payload, ..datagram.clone() });
                }
                cbke::Output::Established(key) => {
                    self.joining.exchanges.swap_remove(at);
                    return self.joined(now, device, key);
                }
                cbke::Output::Failed(_) => {
                    self.joining.exchanges.swap_remove(at);
                    self.exchange.counters.count("joining_refused");
                    self.event(Event::JoiningRefused(device));
                    return;
                }
                cbke::Output::Timeout(at_time) => {
                    self.joining.exchanges[at].timeout = at_time;
                    return;
                }
            }
        }
    }

    /// A device shares this link key with the hub from now on.
    fn joined(&mut self, now: Time, device: Eui64, link_key: Key) {
        let Some(entry) = self.exchange.log.entry(device).copied() else { return };
        self.joining.centre.close(device);
        self.node.set_peer(peer_of(&entry, Some(link_key.clone())));
        if self.exchange.log.set_link_key(device, link_key) {
            self.exchange.raise_log_changed(now);
        }
        self.exchange.write_log(now, log_code::DEVICE_JOINED, None);
        self.event(Event::DeviceJoined(device));
        self.server.reset(now, device);
        self.connect(now, &entry);
    }

    fn drain_joining(&mut self, now: Time) {
        let mut at = 0;
        while let Some(exchanging) = self.joining.exchanges.get_mut(at) {
            match exchanging.exchange.poll() {
                cbke::Output::Failed(_) => {
                    let device = self.joining.exchanges.swap_remove(at).device;
                    self.event(Event::JoiningRefused(device));
                }
                cbke::Output::Timeout(timeout) => {
                    exchanging.timeout = timeout;
                    at += 1;
                }
                _ => {}
            }
        }
        loop {
            match self.joining.centre.poll() {
                TrustCentreOutput::Transmit(psdu) => self.outputs.push_back(super::Output::Transmit(psdu)),
                TrustCentreOutput::Associated { eui, short, sleepy } => {
                    self.exchange.log.set_address(eui, short.0, sleepy);
                    // Awake until it has joined, whatever it will be.
                    self.node.set_peer(Peer { eui, short, link_key: None, sleepy_child: false });
                }
                TrustCentreOutput::Refused(eui) => {
                    self.exchange.counters.count("joining_refused");
                    self.exchange.write_log(now, log_code::UNAUTHORISED_COMMUNICATION, None);
                    self.event(Event::JoiningRefused(eui));
                }
                TrustCentreOutput::Timeout(timeout) => {
                    self.joining.centre_timeout = timeout;
                    break;
                }
            }
        }
        while let Some(output) = self.joining.door.poll() {
            match output {
                hht::Output::Transmit(psdu) => self.outputs.push_back(super::Output::Transmit(psdu)),
                hht::Output::Refused(hht, answer) => self.event(Event::HhtAsked { hht, answer }),
                hht::Output::Register(hht, code) => {
                    let answer = self.list_hht(now, hht, &code);
                    let node = &mut self.node;
                    self.joining.door.answer(answer, || node.take_mac_sequence());
                    self.event(Event::HhtAsked { hht, answer });
                }
            }
        }
    }

    fn list_hht(&mut self, now: Time, hht: Eui64, code: &InstallCode) -> Registration {
        let entry = DeviceEntry { eui: hht, kind: DeviceKind::Hht, short: DeviceEntry::NO_ADDRESS, sleepy: false };
        // One that is back after its session ended joins anew.
        if self.exchange.log.kind(hht) == Some(DeviceKind::Hht) {
            self.exchange.log.remove(hht);
            self.disconnect(now, hht);
        }
        if self.list(now, entry).is_err() {
            return Registration::LogFull;
        }
        self.exchange.log.set_install_key(hht, code.link_key());
        self.exchange.raise_log_changed(now);
        self.admit(now, hht, self.exchange.settings.hht_join);
        Registration::Listed
    }
}
