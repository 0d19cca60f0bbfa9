//! Services of the DCC alone that touch a home: its inventory, its hub, coverage (SRV 8.2 to 8.4, 8.6, 8.14, 12.x); and what the
//! inventory says against a Command that changes a home (SRV 8.7, 8.8, 8.11, 8.12, 6.23).
//!
//! An unknown device is E19, one of the wrong type E11, one whose status forbids it E5, somebody else's E4, as for Commands: the
//! public texts say what these mean. What only one service can be refused for has one of that service's codes; which of them
//! means what the public texts do not say.
use super::alerts::day;
use super::device::named_device;
use super::{Gateway, Made, refused};
use crate::access::{Allowed, Failure, codes, is_responsible};
use crate::inventory::{Device, DeviceStatus, Happening};
use crate::store::Transaction;
use crate::store::inventory::{delete, find, put};
use crate::store::{Acceptance, Key, Stage};
use duis::body::dcc::{
    DecommissionDevice, DeviceDetails, DevicePrenotification, HubFault, HubInstallType, HubReturn, HubStatus,
    InventoryUpdate, MpxnUpdate, ReadInventory, UpdateInventory, WanMatrix,
};
use duis::body::han::LogRequest;
use duis::response::answer::{
    Connectivity, Coverage, Inventory, InventoryDevice, ListStatus, RegionCoverage, WanCoverage,
};
use duis::xml::List;
use duis::xml::value::Words;
use duis::{Body, Content, DeviceType, Request, ResponseCode};
use gbcs::{Eui64, Time};

/// As many devices an answer to SRV 8.2 holds.
const ANSWER: usize = 17;

impl Gateway {
    /// A service of the DCC alone.
    pub(super) fn dcc_service(&self, allowed: &Allowed<'_>, now: Time) -> Result<Made, Failure> {
        let request = &allowed.request;
        let done = Made { code: ResponseCode::I99, content: Content::Acknowledgement };
        let acceptance = Acceptance::new(request, Stage::Request, now);
        let mut undistributed = None;
        let made = match &request.body {
            Body::UpdateFirmware(asked) | Body::UpdatePpmidFirmware(asked) => {
                let made;
                (made, undistributed) = self.firmware(allowed, asked, now)?;
                made
            }
            Body::ReadInventory(read) => {
                let found = self.read_inventory(request, read)?;
                Made { code: ResponseCode::I0, content: Content::Inventory(found) }
            }
            Body::WanMatrix(place) => {
                let coverage = self.coverage(request, place)?;
                Made { code: ResponseCode::I0, content: Content::WanCoverage(coverage) }
            }
            _ => done,
        };
        self.store_once(request, &acceptance, |transaction| {
            let work = Work { gateway: self, transaction, allowed, now };
            match &request.body {
                Body::ReadInventory(_) | Body::WanMatrix(_) => Ok(made),
                Body::DecommissionDevice(asked) => work.decommission(asked).map(|()| made),
                Body::UpdateInventory(asked) => work.update(asked).map(|()| made),
                Body::DevicePrenotification(asked) => work.notify(asked).map(|()| made),
                Body::HubInstalled(asked) => {
                    let with_wan = asked.kind != HubInstallType::NoWan;
                    work.hub_installed(asked.device, with_wan, &asked.mpxn, Happening::Commissioned).map(|()| made)
                }
                Body::HubInstalledWithoutWan(asked) => {
                    let without_wan = asked.kind == HubInstallType::NoWan;
                    work.hub_installed(asked.device, without_wan, &asked.mpxn, Happening::Installed).map(|()| made)
                }
                Body::HubFault(asked) => work.hub_faulty(asked).map(|code| Made { code, ..made }),
                Body::UpdateFirmware(_) | Body::UpdatePpmidFirmware(_) => {
                    self.tell_undistributed(transaction, request.header.id, undistributed, now).map(|()| made)
                }
                Body::HubReturn(HubReturn { device, .. }) => work.hub_returned(*device).map(|()| made),
                _ => Err(refused(
                    request,
                    codes::not_supported(),
                    format!("{} is not served by this stand-in", request.header.srv),
                )),
            }
        })
    }

    fn read_inventory(&self, request: &Request, read: &ReadInventory) -> Result<Inventory, Failure> {
        let found = self.store.devices(match read {
            ReadInventory::Uprn(uprn) => Key::Uprn(uprn.get()),
            ReadInventory::Device(device) => Key::Device(*device),
            ReadInventory::Mpxn(number) => Key::Number(number.as_str()),
            ReadInventory::Property(address) => Key::Address(address.post_code.as_str(), address.identifier.as_str()),
        })?;
        let devices: Vec<_> = found.iter().map(|device| self.described(device)).collect();
        if devices.len() > ANSWER {
            let reason = format!("{} devices, and an answer holds {ANSWER}", devices.len());
            return Err(refused(request, codes::too_many_found(), reason));
        }
        let devices = List::new(devices);
        let devices = devices.ok_or_else(|| refused(request, codes::nothing_found(), "no such device".into()))?;
        Ok(Inventory { devices })
    }

    fn described(&self, device: &Device) -> InventoryDevice {
        let details = device.details.clone();
        let listed = Some(ListStatus::Active).filter(|_| details.firmware.is_some());
        // A Type 2 device has no life that the DCC follows.
        let is_followed = !matches!(device.kind.kind, DeviceType::Ihd | DeviceType::Cad);
        let unknown = || Words::new("").expect("may be empty");
        let is_4g = device.region.is_some_and(|region| region.as_str().starts_with("4G"));
        let is_hub = device.kind.kind == DeviceType::Chf;
        InventoryDevice {
            device: device.eui,
            kind: device.kind.kind,
            status: Some(device.status).filter(|_| is_followed),
            manufacturer: details.manufacturer.unwrap_or_else(unknown),
            model: details.model.unwrap_or_else(unknown),
            version: details.version,
            firmware: details.firmware,
            firmware_status: listed,
            list_status: listed,
            commissioned: device.commissioned.map(day),
            import: device.numbers.import.clone().filter(|_| device.is_meter()),
            secondary_import: device.numbers.secondary_import.clone(),
            export: device.numbers.export.clone(),
            variant: details.variant,
            uprn: device.property.uprn,
            property: device.property.address.clone(),
            region: device.region,
            gbcs_version: Some(device.kind.gbcs_version.to_string()),
            han_variant: None,
            s1sp: None,
            connectivity: (is_hub && is_4g).then_some(Connectivity::Cellular),
        }
    }

    fn coverage(&self, request: &Request, place: &WanMatrix) -> Result<WanCoverage, Failure> {
        let known = self.config.coverage.iter().find(|known| match place {
            WanMatrix::Uprn(uprn) => known.uprn == Some(*uprn),
            WanMatrix::Address(address) => {
                let code = address.post_code.as_str();
                known.post_code.as_ref().is_some_and(|known| code.starts_with(known.as_str()))
            }
        });
        let known =
            known.ok_or_else(|| refused(request, codes::place_unknown(), "no coverage is known there".into()))?;
        let region = |(region, coverage): &(_, Option<Coverage>)| RegionCoverage {
            region: *region,
            code: ResponseCode::I0,
            coverage: coverage.clone(),
        };
        let regions = List::new(known.regions.iter().map(region).collect::<Vec<_>>());
        let regions = regions.ok_or_else(|| refused(request, codes::place_unknown(), "no region is there".into()))?;
        Ok(WanCoverage { place: place.clone(), regions })
    }

    /// What the inventory says against a Command that changes a home.
    pub(super) fn check_home(&self, allowed: &Allowed<'_>, device: &Device) -> Result<(), Failure> {
        let request = &allowed.request;
        let refuse = |code, reason: String| Err(refused(request, code, reason));
        let named = match &request.body {
            Body::UpdateHanDeviceLog(update) => Some(update.device),
            Body::RestoreHanDeviceLog(restore) => Some(restore.old),
            Body::RestoreGpfDeviceLog(restore) => Some(restore.old),
            body => named_device(body),
        };
        let Some(named) = named else { return Ok(()) };
        let other = self.store.device(named)?;
        let other = match other {
            Some(other) => other,
            // A device that is gone from the inventory may still have to be unjoined, or taken off a hub's log.
            None if matches!(request.body, Body::UnjoinCritical(_) | Body::UnjoinNonCritical(_)) => return Ok(()),
            None => return refuse(ResponseCode::E19, format!("device {named} is not in the inventory")),
        };
        let (kind, status) = (other.kind.kind, other.status);
        let wrong_type = || refuse(ResponseCode::E11, format!("device {named} is of type {kind}"));
        let wrong_status = || refuse(ResponseCode::E5, format!("device {named} is {}", status.as_str()));
        match &request.body {
            Body::UpdateHanDeviceLog(_) if kind == DeviceType::Chf => wrong_type(),
            Body::UpdateHanDeviceLog(update) => match (update.request, status) {
                (LogRequest::Add, DeviceStatus::Pending | DeviceStatus::Whitelisted) => Ok(()),
                // A device that left another home, or whose hub was replaced, comes as it is.
                (LogRequest::Add, DeviceStatus::InstalledNotCommissioned | DeviceStatus::Commissioned)
                    if other.hub.is_none() || other.hub == device.hub =>
                {
                    Ok(())
                }
                (LogRequest::Add, _) => wrong_status(),
                (LogRequest::Remove, _) if other.hub != device.hub => {
                    refuse(codes::not_of_this_hub(), format!("device {named} is not on the log of {}", device.eui))
                }
                (LogRequest::Remove, _) => Ok(()),
            },
            Body::JoinCritical(_) | Body::JoinNonCritical(_) => match status {
                _ if other.hub != device.hub || device.hub.is_none() => {
                    refuse(codes::not_in_this_home(), format!("device {named} is not in the home of {}", device.eui))
                }
                DeviceStatus::Whitelisted
                | DeviceStatus::InstalledNotCommissioned
                | DeviceStatus::Commissioned
                | DeviceStatus::Recovered => Ok(()),
                _ => wrong_status(),
            },
            Body::RestoreHanDeviceLog(_) if kind != DeviceType::Chf => wrong_type(),
            Body::RestoreGpfDeviceLog(_) if kind != DeviceType::Gpf => wrong_type(),
            Body::RestoreHanDeviceLog(_) if self.store.backed_up_hub(named)?.is_none() => {
                refuse(codes::no_backup(), format!("no log of {named} was ever told"))
            }
            Body::RestoreGpfDeviceLog(_) if self.store.backed_up_gas_proxy(named)?.is_none() => {
                refuse(codes::no_gas_proxy_backup(), format!("no log of {named} was ever told"))
            }
            _ => Ok(()),
        }
    }
}

/// A request at work on the inventory, in one transaction.
struct Work<'a> {
    gateway: &'a Gateway,
    transaction: &'a Transaction<'a>,
    allowed: &'a Allowed<'a>,
    now: Time,
}

impl Work<'_> {
    fn refuse<T>(&self, code: ResponseCode, reason: String) -> Result<T, Failure> {
        Err(refused(&self.allowed.request, code, reason))
    }

    fn by(&self) -> Eui64 {
        self.allowed.user.eui
    }

    /// A device that the inventory knows and the User is responsible for, or has notified.
    fn own(&self, eui: Eui64) -> Result<Device, Failure> {
        let Some(device) = find(self.transaction, eui)? else {
            return self.refuse(ResponseCode::E19, format!("device {eui} is not in the inventory"));
        };
        let is_installed = !matches!(device.status, DeviceStatus::Pending | DeviceStatus::Decommissioned);
        let is_own = match is_installed {
            true => is_responsible(self.transaction, self.allowed.user, self.allowed.entry, &device, self.now)?,
            false => device.supplier.is_none_or(|notifier| notifier == self.by()),
        };
        match is_own {
            true => Ok(device),
            false => self.refuse(ResponseCode::E4, format!("{} is not responsible for device {eui}", self.by())),
        }
    }

    fn must_happen(&self, device: &mut Device, happening: Happening) -> Result<(), Failure> {
        match self.gateway.happen(self.transaction, device, happening, self.now)? {
            true => Ok(()),
            false => self.refuse(ResponseCode::E5, format!("device {} is {}", device.eui, device.status.as_str())),
        }
    }

    /// SRV 8.3. With a hub goes the gas proxy in its housing.
    fn decommission(&self, asked: &DecommissionDevice) -> Result<(), Failure> {
        let mut device = self.own(asked.device)?;
        if device.kind.kind == DeviceType::Gpf {
            return self.refuse(ResponseCode::E11, "a gas proxy is decommissioned with its hub".into());
        }
        let before = device.clone();
        self.must_happen(&mut device, Happening::Decommissioned)?;
        self.gas_proxy_follows(&device, Happening::Decommissioned)?;
        self.gateway.tell_gone(self.transaction, &before, self.by(), self.now)
    }

    fn gas_proxy_follows(&self, hub: &Device, happening: Happening) -> Result<(), Failure> {
        if let Some(gas_proxy) = hub.gas_proxy.filter(|_| hub.kind.kind == DeviceType::Chf)
            && let Some(mut gas_proxy) = find(self.transaction, gas_proxy)?
        {
            self.gateway.happen(self.transaction, &mut gas_proxy, happening, self.now)?;
        }
        Ok(())
    }

    /// SRV 8.4.
    fn update(&self, asked: &UpdateInventory) -> Result<(), Failure> {
        use duis::body::dcc::DeviceStatus as Wanted;
        let mut device = self.own(asked.device)?;
        let kind = device.kind.kind;
        let wrong_type = |gateway: &Self| gateway.refuse(ResponseCode::E11, format!("{} is a {kind}", asked.device));
        match &asked.update {
            InventoryUpdate::Status(_) if matches!(kind, DeviceType::Chf | DeviceType::Gpf) => wrong_type(self),
            InventoryUpdate::Status(Wanted::Pending) => self.must_happen(&mut device, Happening::PutBack),
            InventoryUpdate::Status(Wanted::InstalledNotCommissioned) => {
                self.must_happen(&mut device, Happening::Installed)
            }
            InventoryUpdate::HubStatus(_) if kind != DeviceType::Chf => wrong_type(self),
            InventoryUpdate::HubStatus(wanted) => {
                let happening = match wanted {
                    HubStatus::Commissioned => Happening::Commissioned,
                    HubStatus::Withdrawn => Happening::Withdrawn,
                    HubStatus::InstalledNotCommissioned => Happening::Installed,
                };
                self.must_happen(&mut device, happening)?;
                match happening {
                    Happening::Withdrawn => self.gateway.tell_gone(self.transaction, &device, self.by(), self.now),
                    _ => Ok(()),
                }
            }
            InventoryUpdate::Details(details) if details.variant.is_some() && kind != DeviceType::Esme => {
                self.refuse(codes::variant_of_no_esme(), format!("{} is a {kind}", asked.device))
            }
            InventoryUpdate::Details(details) => {
                device.set_details(details.clone());
                Ok(put(self.transaction, &device)?)
            }
            InventoryUpdate::Delete => {
                if !matches!(device.status, DeviceStatus::Pending | DeviceStatus::Decommissioned) {
                    let reason = format!("device {} is {}", device.eui, device.status.as_str());
                    return self.refuse(ResponseCode::E5, reason);
                }
                delete(self.transaction, device.eui)?;
                if let Some(gas_proxy) = device.gas_proxy.filter(|_| kind == DeviceType::Chf) {
                    delete(self.transaction, gas_proxy)?;
                }
                self.gateway.tell_removed(self.transaction, &device, self.by(), self.now)
            }
            InventoryUpdate::Numbers(_) if !device.is_meter() => wrong_type(self),
            InventoryUpdate::Numbers(numbers) => {
                match numbers {
                    MpxnUpdate::Import(number) => device.numbers.import = Some(number.clone()),
                    MpxnUpdate::SecondaryImport(number) => device.numbers.secondary_import = Some(number.clone()),
                    MpxnUpdate::Export(number) => device.numbers.export = Some(number.clone()),
                }
                put(self.transaction, &device)?;
                self.gateway.tell_identity(self.transaction, &device, self.now)
            }
        }
    }

    /// SRV 12.2. With a hub comes the gas proxy in its housing.
    fn notify(&self, asked: &DevicePrenotification) -> Result<(), Failure> {
        let kind = asked.kind;
        let new = [Some(asked.device), asked.gpf].into_iter().flatten();
        for eui in new {
            if find(self.transaction, eui)?.is_some() {
                return self.refuse(codes::notified_already(), format!("device {eui} is in the inventory already"));
            }
        }
        if kind == DeviceType::Gpf {
            return self.refuse(ResponseCode::E11, "a gas proxy is notified with its hub".into());
        }
        if (kind == DeviceType::Chf) != asked.gpf.is_some() || asked.gpf == Some(asked.device) {
            return self.refuse(codes::gas_proxy_misplaced(), "a hub names its gas proxy, nothing else does".into());
        }
        if asked.variant.is_some() != (kind == DeviceType::Esme) {
            return self.refuse(codes::variant_misplaced(), "an ESME has a variant, nothing else does".into());
        }
        let details = DeviceDetails {
            manufacturer: Some(asked.manufacturer.clone()),
            model: Some(asked.model.clone()),
            version: asked.version.clone(),
            firmware: asked.firmware.clone(),
            variant: asked.variant,
        };
        let notified = |eui, kind| {
            let mut device = Device::new(eui, duis::transform::Device::new(kind));
            device.set_details(details.clone());
            device.supplier = Some(self.by());
            device
        };
        let mut device = notified(asked.device, kind);
        device.gas_proxy = asked.gpf;
        put(self.transaction, &device)?;
        if let Some(gpf) = asked.gpf {
            put(self.transaction, &Device { hub: Some(asked.device), ..notified(gpf, DeviceType::Gpf) })?;
        }
        Ok(())
    }

    /// SRV 8.14.1, 8.14.2: a hub is where it shall be, with the WAN or without.
    fn hub_installed(
        &self,
        hub: Eui64,
        fits: bool,
        number: &duis::body::customer::Mpxn,
        happening: Happening,
    ) -> Result<(), Failure> {
        let mut hub = self.own_hub(hub)?;
        if !fits {
            return self.refuse(codes::install_type(), "the type of installation is of the other service".into());
        }
        if hub.status == DeviceStatus::InstalledNotCommissioned && happening == Happening::Installed {
            return self.refuse(ResponseCode::E5, format!("device {} is installed already", hub.eui));
        }
        self.must_happen(&mut hub, happening)?;
        hub.numbers.import = Some(number.clone());
        put(self.transaction, &hub)?;
        // The gas proxy is commissioned by its gas meter's join.
        self.gas_proxy_follows(&hub, Happening::Installed)
    }

    fn own_hub(&self, hub: Eui64) -> Result<Device, Failure> {
        let device = self.own(hub)?;
        match device.kind.kind {
            DeviceType::Chf => Ok(device),
            kind => self.refuse(ResponseCode::E11, format!("{hub} is a {kind}")),
        }
    }

    /// SRV 8.14.3: a warning where the other device it names is unknown.
    fn hub_faulty(&self, asked: &HubFault) -> Result<ResponseCode, Failure> {
        self.hub_returned(asked.device)?;
        let is_known = find(self.transaction, asked.other_device)?.is_some();
        Ok(if is_known { ResponseCode::I99 } else { codes::other_device_unknown() })
    }

    /// SRV 8.14.3, 8.14.4: a hub goes back. What it spoke for stays in the inventory, until a new one takes its log over.
    fn hub_returned(&self, hub: Eui64) -> Result<(), Failure> {
        let mut hub = self.own_hub(hub)?;
        // One that was never installed goes back as it came.
        if hub.status == DeviceStatus::Pending {
            return Ok(());
        }
        let before = hub.clone();
        self.must_happen(&mut hub, Happening::Decommissioned)?;
        self.gas_proxy_follows(&hub, Happening::Decommissioned)?;
        self.gateway.tell_gone(self.transaction, &before, self.by(), self.now)
    }
}
