//! The CHF Device Log: who may speak on this HAN (GBCS 8.1 of han.md; CCS01, CCS02).
use crate::config::{DeviceEntry, DeviceKind};
use alloc::vec::Vec;
use gbcs::{Eui64, Time};

/// Entries in the log at most (CCS06, CCS07).
pub const CAPACITY: usize = 16;

/// A listed device and when it was last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The device.
    pub entry: DeviceEntry,
    /// Last frame from it, or when it was listed.
    pub last_heard: Time,
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

/// Up to [`CAPACITY`] devices, at most one of them an HHT.
#[derive(Clone, Debug, Default)]
pub struct DeviceLog {
    devices: Vec<Listed>,
}

impl DeviceLog {
    /// List a device. A new HHT takes the place of the one before; a listed device keeps its place (CCS01: result success).
    pub fn insert(&mut self, now: Time, entry: DeviceEntry) -> Result<(), NotListed> {
        if self.devices.iter().any(|d| d.entry.short == entry.short && d.entry.eui != entry.eui) {
            return Err(NotListed::ShortAddressTaken);
        }
        let replaces =
            |d: &Listed| d.entry.eui == entry.eui || (entry.kind == DeviceKind::Hht && d.entry.kind == DeviceKind::Hht);
        let listed = Listed { entry, last_heard: now };
        if let Some(place) = self.devices.iter_mut().find(|d| replaces(d)) {
            *place = listed;
            return Ok(());
        }
        if self.devices.len() == CAPACITY {
            return Err(NotListed::Full);
        }
        self.devices.push(listed);
        Ok(())
    }

    /// Remove a device; gives the entry it had.
    pub fn remove(&mut self, eui: Eui64) -> Option<DeviceEntry> {
        let at = self.devices.iter().position(|d| d.entry.eui == eui)?;
        Some(self.devices.remove(at).entry)
    }

    /// Note traffic of a device.
    pub fn heard(&mut self, now: Time, eui: Eui64) {
        if let Some(device) = self.devices.iter_mut().find(|d| d.entry.eui == eui) {
            device.last_heard = now;
        }
    }

    /// The entry of a device.
    pub fn entry(&self, eui: Eui64) -> Option<&DeviceEntry> {
        self.devices.iter().map(|d| &d.entry).find(|d| d.eui == eui)
    }

    /// What a device is, when it is listed.
    pub fn kind(&self, eui: Eui64) -> Option<DeviceKind> {
        self.entry(eui).map(|d| d.kind)
    }

    /// The HHT, when one is joined.
    pub fn hht(&self) -> Option<&Listed> {
        self.devices.iter().find(|d| d.entry.kind == DeviceKind::Hht)
    }

    /// Every listed device, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &Listed> {
        self.devices.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u16, kind: DeviceKind) -> DeviceEntry {
        DeviceEntry { eui: Eui64::from_u64(n.into()), kind, short: n, sleepy: false }
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
        assert!(log.remove(Eui64::from_u64(3)).is_some());
        assert_eq!(log.insert(Time(0), device(17, DeviceKind::Esme)), Ok(()));
    }

    #[test]
    fn a_new_hht_takes_the_place_of_the_one_before() {
        let mut log = DeviceLog::default();
        log.insert(Time(0), device(1, DeviceKind::Hht)).unwrap();
        log.insert(Time(5), device(2, DeviceKind::Hht)).unwrap();
        assert_eq!(log.kind(Eui64::from_u64(1)), None);
        assert_eq!(log.hht().unwrap().last_heard, Time(5));
    }

    #[test]
    fn two_devices_cannot_share_a_short_address() {
        let mut log = DeviceLog::default();
        log.insert(Time(0), device(1, DeviceKind::Esme)).unwrap();
        let other = DeviceEntry { eui: Eui64::from_u64(9), ..device(1, DeviceKind::Gsme) };
        assert_eq!(log.insert(Time(0), other), Err(NotListed::ShortAddressTaken));
    }
}
