//! Alerts: those of devices, for the Users they name, and those of the DCC, for the Users whom an event concerns (DUIS 6).
use super::report::{alert_code, alert_time, key_of};
use super::{Gateway, internal};
use crate::access::{Failure, party};
use crate::inventory::Device;
use crate::store::Transaction;
use crate::store::alerts::{self, Run};
use crate::store::inventory::{find, home, keep_device_log, put};
use crate::store::{Known, requests};
use aws_lc_rs::digest;
use duis::body::credentials::RemotePartyRole;
use duis::body::dcc::{DeviceDetails, DeviceIds, MeterMpxns};
use duis::response::alert::{
    ActivationResult, AssociatedDevice, CertificateHash, ChangeOfSupplier, CredentialsUpdated, DeviceLogRestored,
    DeviceStatusChange, FirmwareDistributionFailure, HanDeviceLogResult, KeyUse, MeterGone, MeterIdentity, PpmidAlert,
    PpmidFirmwareUpgrade, PpmidRemoval, ReplacedHub, RestoredLog, StatusChange, SuppliedDevice,
};
use duis::response::hub::{FirmwareTransfer, HubAlert, TransferResult};
use duis::xml::List;
use duis::xml::value::{Day, Words};
use duis::{
    AlertCode, CommandFailure, DccAlert, DccAlertCode, DccEvent, DeviceAlert, DeviceType, RequestId, Response,
    ResponseBody, ResponseCode, Role, SchemaVersion,
};
use gbcs::asn1::{ActivationStatus, CellUsage, Content as Asn1, Replacement, TransferStatus};
use gbcs::certificate::{self, KeyUsage};
use gbcs::dlms::{Apdu, DataNotification};
use gbcs::{Counter, Cra, Eui64, MessageId, MessageView, Payload, Time};
use tracing::warn;

/// What each event is announced by. The public texts confirm 24 alone (DUIS 6.2): the event says what happened, not its code.
mod code {
    use duis::DccAlertCode::{self, N};
    pub const METER_GONE: DccAlertCode = N(1);
    pub const HUB_DECOMMISSIONED: DccAlertCode = N(2);
    pub const REMOVED: DccAlertCode = N(9);
    pub const IDENTITY: DccAlertCode = N(16);
    pub const FIRMWARE_NOT_DISTRIBUTED: DccAlertCode = N(18);
    pub const LOG_UPDATED: DccAlertCode = N(24);
    pub const LOG_NOT_UPDATED: DccAlertCode = N(25);
    pub const CHANGE_OF_SUPPLIER_FAILED: DccAlertCode = N(26);
    pub const SUPPLIER_CHANGED: DccAlertCode = N(27);
    pub const HUB_LOG_RESTORED: DccAlertCode = N(30);
    pub const GAS_PROXY_LOG_RESTORED: DccAlertCode = N(31);
    pub const PPMID: DccAlertCode = N(39);
    pub const CREDENTIALS_UPDATED: DccAlertCode = N(42);
    pub const PPMID_REMOVED: DccAlertCode = N(43);
    pub const NOT_DELIVERED_TO_ESME: DccAlertCode = N(53);
    pub const HUB: DccAlertCode = N(54);
}

/// Alert code of a hub: its Device Log changed.
const LOG_CHANGED: u16 = 0x8F12;
/// Alert code of a hub: a message did not reach the electricity meter.
const NOT_DELIVERED: u16 = 0x8F84;

impl Gateway {
    /// An Alert that came by WAN.
    pub(super) fn alert(
        &self,
        transaction: &Transaction<'_>,
        view: &MessageView<'_>,
        verified: Result<(), String>,
        now: Time,
    ) -> Result<(), Failure> {
        let id = view.id();
        if verified.is_ok() && self.tell_of_date(transaction, view, now)? {
            return Ok(());
        }
        if self.config.user(id.target).is_some() {
            return self.device_alert(transaction, id.target, view, now);
        }
        if id.target != self.acb.id {
            warn!(message = %id, "an Alert for nobody known");
            return Ok(());
        }
        if let Err(reason) = verified {
            warn!(message = %id, reason, "an Alert for the broker is not its device's");
            return Ok(());
        }
        let Some(device) = find(transaction, id.originator)? else { return Ok(()) };
        let alert = AlertCode(alert_code(view));
        match (device.kind.kind, alert.0) {
            (DeviceType::Chf, LOG_CHANGED) => self.hub_log(transaction, &device, view, now),
            (DeviceType::Chf, NOT_DELIVERED) if self.not_delivered(transaction, view, now)? => Ok(()),
            (DeviceType::Chf, _) => {
                let event =
                    HubAlert { hub: device.eui, code: alert, at: alert_time(view), transfer: firmware_transfer(view) };
                let users = self.suppliers(transaction, &device, now)?;
                self.announce(transaction, users, code::HUB, DccEvent::Hub(event), &key_of(view.octets()), now)
            }
            (DeviceType::Ppmid, _) => {
                let firmware = firmware_upgrade(view);
                if let Some(upgrade) = firmware.as_ref().filter(|upgrade| upgrade.result == ActivationResult::Success) {
                    let details = DeviceDetails { firmware: Some(upgrade.version.clone()), ..device.details.clone() };
                    put(transaction, &Device { details, ..device.clone() })?;
                }
                let event = PpmidAlert { device: device.eui, code: alert, at: alert_time(view), firmware };
                let users = self.suppliers(transaction, &device, now)?;
                self.announce(transaction, users, code::PPMID, DccEvent::Ppmid(event), &key_of(view.octets()), now)
            }
            (kind, _) => {
                if kind == DeviceType::Gpf && super::learn::tells_gas_proxy_log(view) {
                    keep_device_log(transaction, device.eui, view.octets(), now)?;
                }
                for user in self.suppliers(transaction, &device, now)? {
                    self.device_alert(transaction, user, view, now)?;
                }
                Ok(())
            }
        }
    }

    /// A device's Alert for a User. Repeats of one code beyond what the User wants to see in a while are collapsed: counted, and
    /// told of in one document when that while is over.
    fn device_alert(
        &self,
        transaction: &Transaction<'_>,
        user: Eui64,
        view: &MessageView<'_>,
        now: Time,
    ) -> Result<(), Failure> {
        let (device, alert) = (view.id().originator, alert_code(view));
        let throttle = &self.config.throttle;
        let run = alerts::run(transaction, user, device, alert)?;
        let run = match run {
            Some(run) if run.since + throttle.within > now => Some(run),
            Some(ended) => {
                self.tell_run(transaction, &ended, now)?;
                None
            }
            None => None,
        };
        let mut run = run.unwrap_or(Run { user, device, alert, since: now, passed: 0, collapsed: 0, last: Vec::new() });
        if run.passed < throttle.alerts {
            run.passed += 1;
            alerts::keep(transaction, &run)?;
            return self.pass_on_alert(transaction, user, view.octets(), None, now);
        }
        run.collapsed += 1;
        run.last = view.octets().to_vec();
        alerts::keep(transaction, &run)?;
        Ok(())
    }

    /// Tell of what was collapsed and is over by now; gives when there is more to tell.
    pub(super) fn tell_collapsed(&self, now: Time) -> Result<Option<Time>, Failure> {
        let within = self.config.throttle.within;
        let before = Time(now.0.saturating_sub(within.as_millis() as u64));
        self.store.transact(|transaction| {
            for run in alerts::ended(transaction, before)? {
                self.tell_run(transaction, &run, now)?;
            }
            Ok(alerts::oldest_collapsed(transaction)?.map(|since| since + within))
        })
    }

    fn tell_run(&self, transaction: &Transaction<'_>, run: &Run, now: Time) -> Result<(), Failure> {
        if run.collapsed > 0 {
            let sequence = alerts::next_sequence(transaction, run.user)?;
            self.pass_on_alert(transaction, run.user, &run.last, Some((sequence, run.collapsed)), now)?;
        }
        alerts::forget(transaction, run)?;
        Ok(())
    }

    /// A device's Alert, for the User it names or concerns.
    fn pass_on_alert(
        &self,
        transaction: &Transaction<'_>,
        user: Eui64,
        octets: &[u8],
        collapsed: Option<(u32, u32)>,
        now: Time,
    ) -> Result<(), Failure> {
        let view = MessageView::parse(octets).map_err(internal)?;
        let id = view.id();
        let alert = DeviceAlert {
            code: AlertCode(alert_code(&view)),
            throttled_sequence: collapsed.map(|(sequence, _)| sequence),
            throttled_count: collapsed.map(|(_, count)| count),
            payload: octets.to_vec(),
        };
        let response = Response {
            version: SchemaVersion::CURRENT,
            request_id: None,
            response_id: Some(RequestId { originator: id.originator, target: user, counter: id.counter }),
            code: ResponseCode::I0,
            date_time: now,
            body: ResponseBody::DeviceAlert(alert),
        };
        self.tell(transaction, user, &key_of(octets), &response, None)
    }

    /// A hub tells which Command did not reach the electricity meter: whether that was somebody's, who is told.
    fn not_delivered(&self, transaction: &Transaction<'_>, view: &MessageView<'_>, now: Time) -> Result<bool, Failure> {
        let Some(undelivered) = undelivered(view) else { return Ok(false) };
        let Some(known) = requests::by_message(transaction, &undelivered)? else { return Ok(false) };
        let event = CommandFailure { request: known.id, schedule: None, device: undelivered.target };
        let key = key_of(view.octets());
        let users = vec![known.id.originator];
        self.announce(transaction, users, code::NOT_DELIVERED_TO_ESME, DccEvent::CommandFailure(event), &key, now)?;
        Ok(true)
    }

    /// An alert of the DCC for some Users; `key` names the occasion, of which each is told once.
    pub(super) fn announce(
        &self,
        transaction: &Transaction<'_>,
        users: Vec<Eui64>,
        code: DccAlertCode,
        event: DccEvent,
        key: &str,
        now: Time,
    ) -> Result<(), Failure> {
        let alert = DccAlert { code, throttled_sequence: None, throttled_count: None, event };
        let response = Response {
            version: SchemaVersion::CURRENT,
            request_id: None,
            response_id: None,
            code: ResponseCode::I0,
            date_time: now,
            body: ResponseBody::DccAlert(alert),
        };
        for user in users {
            self.tell(transaction, user, &format!("{code} {key}"), &response, None)?;
        }
        Ok(())
    }

    /// The suppliers of the home that a device is in, each once.
    pub(super) fn suppliers(
        &self,
        transaction: &Transaction<'_>,
        device: &Device,
        now: Time,
    ) -> Result<Vec<Eui64>, Failure> {
        let mut users = self.parties(transaction, device, &[Role::Is, Role::Gs], now)?;
        // A hub that has no meters yet is the business of whoever notified it.
        if users.is_empty() {
            users.extend(device.supplier.filter(|eui| self.config.user(*eui).is_some()));
        }
        Ok(users)
    }

    /// The Users in these roles for a meter, or for the meters of the home that a device is in.
    fn parties(
        &self,
        transaction: &Transaction<'_>,
        device: &Device,
        roles: &[Role],
        now: Time,
    ) -> Result<Vec<Eui64>, Failure> {
        let meters = match (device.is_meter(), device.hub) {
            (true, _) => vec![device.clone()],
            (false, Some(hub)) => home(transaction, hub)?,
            (false, None) => Vec::new(),
        };
        let mut users = Vec::new();
        for (meter, role) in meters.iter().flat_map(|meter| roles.iter().map(move |role| (meter, *role))) {
            let found = party(transaction, meter, role, now)?;
            users.extend(found.filter(|eui| self.config.user(*eui).is_some() && !users.contains(eui)));
        }
        Ok(users)
    }

    /// Whose supply a meter measures: for its network operator.
    pub(super) fn tell_identity(
        &self,
        transaction: &Transaction<'_>,
        meter: &Device,
        now: Time,
    ) -> Result<(), Failure> {
        let Some(numbers) = numbers(meter) else { return Ok(()) };
        let identity = MeterIdentity { numbers, variant: meter.details.variant };
        let users = self.parties(transaction, meter, &[Role::Ed, Role::Gt], now)?;
        self.status_changed(transaction, users, code::IDENTITY, meter, StatusChange::Identity(identity), now)
    }

    /// A device was decommissioned or withdrawn: who is concerned hears it, but not who asked for it.
    pub(super) fn tell_gone(
        &self,
        transaction: &Transaction<'_>,
        device: &Device,
        by: Eui64,
        now: Time,
    ) -> Result<(), Failure> {
        let (code, change) = match (device.kind.kind, numbers(device)) {
            (DeviceType::Chf, _) => (code::HUB_DECOMMISSIONED, StatusChange::HubDecommissioned),
            (DeviceType::Esme | DeviceType::Gsme, Some(numbers)) => {
                let mut associated = Vec::new();
                for other in &device.joined {
                    if let Some(other) = find(transaction, *other)?
                        && matches!(other.kind.kind, DeviceType::Ppmid | DeviceType::Hcalcs | DeviceType::Sapc)
                    {
                        associated.push(AssociatedDevice { device: other.eui, kind: other.kind.kind });
                    }
                }
                associated.truncate(7);
                let associated = List::new(associated).ok_or(Failure::Internal("seven at most".into()))?;
                (code::METER_GONE, StatusChange::MeterGone(MeterGone { numbers, associated }))
            }
            _ => return Ok(()),
        };
        let roles = [Role::Is, Role::Gs, Role::Ed, Role::Gt];
        let mut users = self.parties(transaction, device, &roles, now)?;
        users.retain(|user| *user != by);
        self.status_changed(transaction, users, code, device, change, now)
    }

    /// A device is no longer in the inventory: for who had notified it.
    pub(super) fn tell_removed(
        &self,
        transaction: &Transaction<'_>,
        device: &Device,
        by: Eui64,
        now: Time,
    ) -> Result<(), Failure> {
        let notifier = device.supplier.filter(|user| *user != by && self.config.user(*user).is_some());
        let users = notifier.into_iter().collect();
        self.status_changed(transaction, users, code::REMOVED, device, StatusChange::Removed, now)
    }

    fn status_changed(
        &self,
        transaction: &Transaction<'_>,
        users: Vec<Eui64>,
        code: DccAlertCode,
        device: &Device,
        change: StatusChange,
        now: Time,
    ) -> Result<(), Failure> {
        let key = format!("{} at {now}", device.eui);
        let event = DccEvent::DeviceStatusChange(DeviceStatusChange { device: device.eui, change });
        self.announce(transaction, users, code, event, &key, now)
    }

    /// An image did not reach these devices: for who sent it.
    pub(super) fn tell_undistributed(
        &self,
        transaction: &Transaction<'_>,
        request: RequestId,
        meters: Option<DeviceIds>,
        now: Time,
    ) -> Result<(), Failure> {
        let Some(meters) = meters else { return Ok(()) };
        let event = DccEvent::FirmwareDistributionFailure(FirmwareDistributionFailure { request, meters });
        let key = request.to_string();
        self.announce(transaction, vec![request.originator], code::FIRMWARE_NOT_DISTRIBUTED, event, &key, now)
    }

    /// Whether a hub's Device Log was changed as SRV 8.11 asked: for who asked.
    pub(super) fn tell_of_log_update(
        &self,
        transaction: &Transaction<'_>,
        request: RequestId,
        done: bool,
        now: Time,
    ) -> Result<(), Failure> {
        let code = if done { code::LOG_UPDATED } else { code::LOG_NOT_UPDATED };
        let event = DccEvent::HanDeviceLogResult(HanDeviceLogResult { request });
        self.announce(transaction, vec![request.originator], code, event, &request.to_string(), now)
    }

    /// A PPMID left its home: for the suppliers there.
    pub(super) fn tell_ppmid_removed(
        &self,
        transaction: &Transaction<'_>,
        hub: &Device,
        ppmid: &Device,
        now: Time,
    ) -> Result<(), Failure> {
        let users = self.suppliers(transaction, hub, now)?;
        let event = DccEvent::PpmidRemoval(PpmidRemoval { ppmid: ppmid.eui, chf: hub.eui });
        let key = format!("{} at {now}", ppmid.eui);
        self.announce(transaction, users, code::PPMID_REMOVED, event, &key, now)
    }

    /// SRV 6.23 was executed, for the supplier who lost the device; or it failed, for who asked.
    pub(super) fn tell_change_of_supplier(
        &self,
        transaction: &Transaction<'_>,
        request: RequestId,
        device: &Device,
        before: Option<Eui64>,
        done: bool,
        now: Time,
    ) -> Result<(), Failure> {
        let key = request.to_string();
        if !done {
            let event = DccEvent::ChangeOfSupplier(ChangeOfSupplier::Request { request, error: None });
            let users = vec![request.originator];
            return self.announce(transaction, users, code::CHANGE_OF_SUPPLIER_FAILED, event, &key, now);
        }
        let Some(numbers) = numbers(device) else { return Ok(()) };
        let lost = before.filter(|old| device.supplier != Some(*old) && self.config.user(*old).is_some());
        let supplied = SuppliedDevice { device: device.eui, kind: device.kind.kind, numbers };
        let event = DccEvent::ChangeOfSupplier(ChangeOfSupplier::Device(supplied));
        self.announce(transaction, lost.into_iter().collect(), code::SUPPLIER_CHANGED, event, &key, now)
    }

    /// Credentials in a device were replaced: for the parties it knows, but not for who asked.
    pub(super) fn tell_credentials_updated(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        device: &Device,
        replacements: &[Replacement],
        now: Time,
    ) -> Result<(), Failure> {
        let mut users: Vec<Eui64> = [device.supplier, device.network_operator].into_iter().flatten().collect();
        users.retain(|user| *user != known.id.originator && self.config.user(*user).is_some());
        let Some(role) = replacements.first().and_then(|first| remote_party(first.cell.role)) else { return Ok(()) };
        let hash = |replacement: &Replacement| {
            let octets = replacement.certificate.octets();
            let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets).as_ref().to_vec();
            let is_signing = replacement.certificate.read().is_ok_and(|read| read.usage == KeyUsage::DigitalSignature);
            let key_use = match replacement.cell.cell_usage {
                _ if is_signing => KeyUse::Signing,
                CellUsage::PrepaymentTopUp => KeyUse::TopUp,
                _ => KeyUse::Agreement,
            };
            CertificateHash { key_use, hash }
        };
        let certificates: Vec<_> = replacements.iter().take(3).map(hash).collect();
        let Some(certificates) = List::new(certificates) else { return Ok(()) };
        let event = CredentialsUpdated { device: device.eui, role, floors: None, certificates };
        let event = DccEvent::CredentialsUpdated(event);
        self.announce(transaction, users, code::CREDENTIALS_UPDATED, event, &known.id.to_string(), now)
    }

    /// A Device Log was restored on a new hub, or on its gas proxy: for the suppliers of the home.
    pub(super) fn tell_log_restored(
        &self,
        transaction: &Transaction<'_>,
        hub: &Device,
        old: Eui64,
        of_hub: bool,
        now: Time,
    ) -> Result<(), Failure> {
        let old_gas_proxy = find(transaction, old)?.and_then(|old| old.gas_proxy);
        let (Some(old_gpf), Some(new_gpf)) = (old_gas_proxy, hub.gas_proxy) else { return Ok(()) };
        let replaced = ReplacedHub { old_chf: old, new_chf: hub.eui, old_gpf, new_gpf };
        let (code, log) = match of_hub {
            true => (code::HUB_LOG_RESTORED, RestoredLog::Chf(replaced)),
            false => (code::GAS_PROXY_LOG_RESTORED, RestoredLog::Gpf(replaced)),
        };
        let event = DccEvent::DeviceLogRestored(DeviceLogRestored { date: day(now), log });
        let users = self.suppliers(transaction, hub, now)?;
        self.announce(transaction, users, code, event, &format!("{} at {now}", hub.eui), now)
    }
}

/// The day of a time.
pub(super) fn day(at: Time) -> Day {
    let civil = at.civil();
    Day { year: civil.year, month: civil.month, day: civil.day }
}

fn numbers(meter: &Device) -> Option<MeterMpxns> {
    let numbers = meter.numbers.clone();
    let import = numbers.import?;
    Some(MeterMpxns { import, secondary_import: numbers.secondary_import, export: numbers.export })
}

fn remote_party(role: certificate::Role) -> Option<RemotePartyRole> {
    use certificate::Role as R;
    Some(match role {
        R::AccessControlBroker => RemotePartyRole::Acb,
        R::NetworkOperator => RemotePartyRole::NetworkOperator,
        R::Recovery => RemotePartyRole::Recovery,
        R::Root => RemotePartyRole::Root,
        R::Supplier => RemotePartyRole::Supplier,
        R::TransitionalCos => RemotePartyRole::TransCos,
        R::LoadController => RemotePartyRole::LoadController,
        _ => return None,
    })
}

/// What a PPMID's Alert says of its firmware.
fn firmware_upgrade(view: &MessageView<'_>) -> Option<PpmidFirmwareUpgrade> {
    let Payload::Asn1(payload) = Payload::of(view).ok()? else { return None };
    let Asn1::FirmwareAlert(alert) = payload.content() else { return None };
    let result = match alert.status {
        ActivationStatus::Success => ActivationResult::Success,
        _ => ActivationResult::Failure,
    };
    Some(PpmidFirmwareUpgrade { version: Words::new(alert.version.to_string())?, result })
}

/// What a hub's Alert says of an image for another device (CCS08).
fn firmware_transfer(view: &MessageView<'_>) -> Option<FirmwareTransfer> {
    let Payload::Asn1(payload) = Payload::of(view).ok()? else { return None };
    let Asn1::TransferAlert(alert) = payload.content() else { return None };
    let result = match alert.status {
        TransferStatus::Success => TransferResult::Success,
        TransferStatus::Discarded => TransferResult::Discarded,
        TransferStatus::HardwareMismatch => TransferResult::HardwareMismatch,
        _ => TransferResult::Failure,
    };
    let version = Words::new(alert.version.to_string())?;
    Some(FirmwareTransfer { request: None, device: alert.device, version, result })
}

/// The message that a hub's Alert 8F84 names: originator, target, kind, counter.
fn undelivered(view: &MessageView<'_>) -> Option<MessageId> {
    let Payload::Dlms(Apdu::Notification(DataNotification { further, .. })) = Payload::of(view).ok()? else {
        return None;
    };
    let id: &[u8; 25] = further.first()?.as_octets()?.try_into().ok()?;
    let eui = |from: usize| Eui64(id[from..from + 8].try_into().expect("eight octets"));
    let counter = u64::from_be_bytes(id[17..].try_into().expect("eight octets"));
    let cra = match id[16] {
        1 => Cra::Command,
        2 => Cra::Response,
        3 => Cra::Alert,
        _ => return None,
    };
    Some(MessageId { originator: eui(0), target: eui(8), cra, counter: Counter(counter) })
}
