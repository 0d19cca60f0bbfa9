//! The CHF Device Log, who may speak on this HAN, and the Historic Device Log, who once did (han.md 8.1; GBCS use cases CCS01 to
//! CCS07).
use crate::config::{DeviceEntry, DeviceKind};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gbcs::{Eui64, Time};
use han::Key;

/// Entries in the log at most (CCS06, CCS07).
pub const CAPACITY: usize = 16;
/// Entries in the historic log, the oldest overwritten (CCS02).
pub const HISTORIC_CAPACITY: usize = 15;

/// A listed device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The device.
    pub entry: DeviceEntry,
    /// Last frame from it, or when it was listed.
    pub last_heard: Time,
    /// The link key it shares with the hub; none until it has joined.
    pub link_key: Option<Key>,
    /// The key of its install code, until it has joined.
    pub install_key: Option<Key>,
}

/// A device that was listed once, and the link key it then had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Historic {
    /// The device.
    pub entry: DeviceEntry,
    /// The link key.
    pub link_key: Key,
}

/// Why a device cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotListed {
    /// All 16 entries are taken.
    #[error("the CHF Device Log holds {CAPACITY} devices already")]
    Full,
    /// The short address belongs to another device.
    #[error("the short address belongs to another device")]
    ShortAddressTaken,
}

/// Up to [`CAPACITY`] devices, at most one of them an HHT; and those that left.
#[derive(Clone, Debug, Default)]
pub struct DeviceLog {
    devices: Vec<Listed>,
    historic: VecDeque<Historic>,
}

impl DeviceLog {
    /// List a device. A new HHT takes the place of the one before; a listed device keeps its place and its keys (CCS01: result
    /// success).
    pub fn insert(&mut self, now: Time, entry: DeviceEntry) -> Result<(), NotListed> {
        if self.is_taken(entry.short, entry.eui) {
            return Err(NotListed::ShortAddressTaken);
        }
        if let Some(place) = self.get_mut(entry.eui) {
            place.entry = entry;
            place.last_heard = now;
            return Ok(());
        }
        let listed = Listed { entry, last_heard: now, link_key: None, install_key: None };
        let hht = self.devices.iter_mut().find(|d| entry.kind == DeviceKind::Hht && d.entry.kind == DeviceKind::Hht);
        if let Some(place) = hht {
            *place = listed;
            return Ok(());
        }
        if self.devices.len() == CAPACITY {
            return Err(NotListed::Full);
        }
        self.devices.push(listed);
        Ok(())
    }

    /// Remove a device; gives what it had. Its link key goes to the historic log, but for an HHT (CCS02).
    pub fn remove(&mut self, eui: Eui64) -> Option<Listed> {
        let at = self.devices.iter().position(|d| d.entry.eui == eui)?;
        let listed = self.devices.remove(at);
        if let Some(link_key) = listed.link_key.clone().filter(|_| listed.entry.kind != DeviceKind::Hht) {
            self.archive(Historic { entry: listed.entry, link_key });
        }
        Some(listed)
    }

    /// Put a device into the historic log; of two entries for it the newer stays.
    pub fn archive(&mut self, historic: Historic) {
        self.historic.retain(|old| old.entry.eui != historic.entry.eui);
        if self.historic.len() == HISTORIC_CAPACITY {
            self.historic.pop_front();
        }
        self.historic.push_back(historic);
    }

    /// Forget every listed device: a restored log takes its place (CCS03).
    pub fn clear(&mut self) -> Vec<Listed> {
        core::mem::take(&mut self.devices)
    }

    /// Note traffic of a device.
    pub fn heard(&mut self, now: Time, eui: Eui64) {
        if let Some(device) = self.get_mut(eui) {
            device.last_heard = now;
        }
    }

    /// A device has this address and sleeps, or not.
    pub fn set_address(&mut self, eui: Eui64, short: u16, sleepy: bool) {
        if let Some(device) = self.get_mut(eui) {
            device.entry.short = short;
            device.entry.sleepy = sleepy;
        }
    }

    /// A device has joined: it shares this link key with the hub. Whether it is listed and had another.
    pub fn set_link_key(&mut self, eui: Eui64, key: Key) -> bool {
        let Some(device) = self.get_mut(eui) else { return false };
        device.install_key = None;
        device.link_key.as_ref() != Some(&key) && {
            device.link_key = Some(key);
            true
        }
    }

    /// What a listed device is to join with.
    pub fn set_install_key(&mut self, eui: Eui64, key: Key) {
        if let Some(device) = self.get_mut(eui) {
            device.install_key = Some(key);
        }
    }

    /// A listed device.
    pub fn get(&self, eui: Eui64) -> Option<&Listed> {
        self.devices.iter().find(|d| d.entry.eui == eui)
    }

    /// The entry of a device.
    pub fn entry(&self, eui: Eui64) -> Option<&DeviceEntry> {
        self.get(eui).map(|d| &d.entry)
    }

    /// What a device is, when it is listed.
    pub fn kind(&self, eui: Eui64) -> Option<DeviceKind> {
        self.entry(eui).map(|d| d.kind)
    }

    /// Whether a short address is that of a device other than this one.
    pub fn is_taken(&self, short: u16, but: Eui64) -> bool {
        short != DeviceEntry::NO_ADDRESS && self.devices.iter().any(|d| d.entry.short == short && d.entry.eui != but)
    }

    /// The HHT, when one is listed.
    pub fn hht(&self) -> Option<&Listed> {
        self.devices.iter().find(|d| d.entry.kind == DeviceKind::Hht)
    }

    /// Every listed device, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &Listed> {
        self.devices.iter()
    }

    /// The devices that left, the oldest first.
    pub fn historic(&self) -> impl Iterator<Item = &Historic> {
        self.historic.iter()
    }

    /// A device that left.
    pub fn find_historic(&self, eui: Eui64) -> Option<&Historic> {
        self.historic.iter().find(|old| old.entry.eui == eui)
    }

    fn get_mut(&mut self, eui: Eui64) -> Option<&mut Listed> {
        self.devices.iter_mut().find(|d| d.entry.eui == eui)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u16, kind: DeviceKind) -> DeviceEntry {
        DeviceEntry { eui: Eui64::from_u64(n.into()), kind, short: n, sleepy: false }
    }

    fn eui(n: u64) -> Eui64 {
        Eui64::from_u64(n)
    }

    #[test]
    fn the_log_holds_sixteen_devices_and_refuses_the_next() {
        let mut log = DeviceLog::default();
        for n in 1..=16 {
            log.insert(Time(0), device(n, DeviceKind::Type2)).unwrap();
        }
        assert_eq!(log.insert(Time(0), device(17, DeviceKind::Esme)), Err(NotListed::Full));
        assert_eq!(log.insert(Time(0), device(16, DeviceKind::Esme)), Ok(()), "a listed device keeps its place");
        assert_eq!(log.iter().count(), CAPACITY);
        assert!(log.remove(eui(3)).is_some());
        assert_eq!(log.insert(Time(0), device(17, DeviceKind::Esme)), Ok(()));
    }

    #[test]
    fn a_new_hht_takes_the_place_of_the_one_before() {
        let mut log = DeviceLog::default();
        log.insert(Time(0), device(1, DeviceKind::Hht)).unwrap();
        log.set_link_key(eui(1), Key::new([1; 16]));
        log.insert(Time(5), device(2, DeviceKind::Hht)).unwrap();
        assert_eq!(log.kind(eui(1)), None);
        assert_eq!(log.hht().map(|hht| (hht.last_heard, hht.link_key.clone())), Some((Time(5), None)));
    }

    #[test]
    fn two_devices_cannot_share_a_short_address_but_any_number_can_have_none() {
        let mut log = DeviceLog::default();
        log.insert(Time(0), device(1, DeviceKind::Esme)).unwrap();
        let other = DeviceEntry { eui: eui(9), ..device(1, DeviceKind::Gsme) };
        assert_eq!(log.insert(Time(0), other), Err(NotListed::ShortAddressTaken));
        for n in 10..12 {
            let absent = DeviceEntry { short: DeviceEntry::NO_ADDRESS, ..device(n, DeviceKind::Gsme) };
            assert_eq!(log.insert(Time(0), absent), Ok(()));
        }
    }

    #[test]
    fn a_removed_device_goes_to_the_historic_log_with_its_link_key_and_an_hht_does_not() {
        let mut log = DeviceLog::default();
        for n in 1..=3 {
            let kind = if n == 3 { DeviceKind::Hht } else { DeviceKind::Esme };
            log.insert(Time(0), device(n, kind)).unwrap();
        }
        log.set_link_key(eui(1), Key::new([1; 16]));
        log.set_link_key(eui(3), Key::new([3; 16]));
        for n in 1..=3 {
            log.remove(eui(n)).unwrap();
        }
        assert_eq!(log.historic().map(|old| old.entry.eui).collect::<Vec<_>>(), [eui(1)], "2 never joined");
        assert_eq!(log.find_historic(eui(1)).unwrap().link_key, Key::new([1; 16]));
    }

    #[test]
    fn the_historic_log_holds_fifteen_and_overwrites_the_oldest() {
        let mut log = DeviceLog::default();
        for n in 1..=17 {
            log.archive(Historic { entry: device(n, DeviceKind::Esme), link_key: Key::new([n as u8; 16]) });
        }
        log.archive(Historic { entry: device(5, DeviceKind::Esme), link_key: Key::new([99; 16]) });
        let kept: Vec<u64> = log.historic().map(|old| old.entry.eui.to_u64()).collect();
        assert_eq!(kept, [3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 5]);
        assert_eq!(log.find_historic(eui(5)).unwrap().link_key, Key::new([99; 16]));
    }
}
