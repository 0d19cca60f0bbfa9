//! What a device's answer or alert says about the inventory: whether it came by WAN or was carried by hand (SRV 8.13), it has the
//! same effect.
use super::report::key_of;
use super::{Gateway, internal};
use crate::access::Failure;
use crate::inventory::{Device, DeviceStatus, Happening};
use crate::repository::KnownCertificate;
use crate::store::inventory::{find, home, keep_device_log, put};
use crate::store::{Known, Store, Transaction, callbacks, certificates};
use duis::body::customer::ImportNumbers;
use duis::body::han::LogRequest;
use duis::transform::Backup;
use duis::xml::Document;
use duis::{Body, DeviceType, Request, Srv};
use gbcs::asn1::{Content as Asn1, DeviceKind, Replacement, UpdateOutcome};
use gbcs::certificate::Role;
use gbcs::dlms::{Apdu, Data, DataNotification};
use gbcs::{Eui64, MessageView, Payload, Time};
use tracing::info;

impl Gateway {
    /// What a verified Response says about the inventory, the first time that it comes: one that was carried by hand may come by WAN
    /// too, long after.
    pub(super) fn learn(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        response: &MessageView<'_>,
        now: Time,
    ) -> Result<(), Failure> {
        if !callbacks::is_first(transaction, &format!("learnt {}", key_of(response.octets())), now)? {
            return Ok(());
        }
        let command = MessageView::parse(&known.command).map_err(internal)?;
        let asked = Payload::of(&command).map_err(internal)?;
        let Ok(answered) = Payload::of(response) else { return Ok(()) };
        let done = is_done(response, &answered);
        let target = command.id().target;
        let Some(mut device) = find(transaction, target)? else { return Ok(()) };
        match (known.srv, asked_asn1(&asked)) {
            (COMMISSION, _) if done => {
                self.happen(transaction, &mut device, Happening::Commissioned, now)?;
            }
            (_, Some(Asn1::Join(join))) if done => self.joined(transaction, &mut device, join.device, now)?,
            (_, Some(Asn1::Unjoin(other))) if done => self.unjoined(transaction, &mut device, *other, now)?,
            (_, Some(asked @ (Asn1::UpdateCredentials(_) | Asn1::ActivateFirmware(_)))) => {
                self.executed(transaction, known, &mut device, (asked, answered_asn1(&answered)), now)?;
            }
            (_, Some(Asn1::Certificate(certificate))) if done => {
                let certificate = KnownCertificate::parse(certificate.octets()).map_err(internal)?;
                certificates::take_into_use(transaction, &certificate)?;
            }
            (_, Some(Asn1::RestoreDeviceLog(_))) if done => {
                if let Some(Body::RestoreGpfDeviceLog(restore)) = self.asked(known)? {
                    self.gas_proxy_restored(transaction, &device, restore.old, now)?;
                }
            }
            (SET_IMPORT | SET_EXPORT, _) if done => self.numbered(transaction, known, &mut device, now)?,
            (RESTORE_HUB, _) if done => {
                if let Some(Body::RestoreHanDeviceLog(restore)) = self.asked(known)? {
                    self.hub_restored(transaction, &mut device, restore.old, now)?;
                }
            }
            (UPDATE_LOG, _) => {
                if let Some(Body::UpdateHanDeviceLog(update)) = self.asked(known)? {
                    if done && let Some(mut listed) = find(transaction, update.device)? {
                        match update.request {
                            LogRequest::Add => {
                                if let Some(add) = update.add {
                                    let numbers = &mut listed.numbers;
                                    numbers.import = add.import_mpxn.or(numbers.import.take());
                                    let secondary = numbers.secondary_import.take();
                                    numbers.secondary_import = add.secondary_import_mpan.or(secondary);
                                    numbers.export = add.export_mpan.or(numbers.export.take());
                                }
                                self.listed(transaction, &device, &mut listed, now)?;
                            }
                            LogRequest::Remove => self.unlisted(transaction, &device, &mut listed, now)?,
                        }
                    }
                    self.tell_of_log_update(transaction, known.id, done, now)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a verified Alert about a date inside a Command says about the inventory: the device did then what its Response would have
    /// said at once.
    pub(super) fn learn_of_date(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        alert: &MessageView<'_>,
        now: Time,
    ) -> Result<(), Failure> {
        let command = MessageView::parse(&known.command).map_err(internal)?;
        let asked = Payload::of(&command).map_err(internal)?;
        let told = Payload::of(alert).map_err(internal)?;
        let (Some(asked), Some(told)) = (asked_asn1(&asked), asked_asn1(&told)) else { return Ok(()) };
        match find(transaction, command.id().target)? {
            Some(mut device) => self.executed(transaction, known, &mut device, (asked, told), now),
            None => Ok(()),
        }
    }

    /// A Command that may name its time was executed: at once, as its Response says, or then, as its Alert says.
    fn executed(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        device: &mut Device,
        (asked, told): (&Asn1, &Asn1),
        now: Time,
    ) -> Result<(), Failure> {
        let updated = match told {
            Asn1::CredentialsUpdated(outcome) => Some(outcome),
            Asn1::CredentialsUpdateAlert(alert) => Some(&alert.outcome),
            _ => None,
        };
        if let (Asn1::UpdateCredentials(update), Some(outcome)) = (asked, updated) {
            self.credentials_updated(transaction, known, device, &update.replacements, outcome, now)?;
        }
        let runs = match told {
            Asn1::FirmwareActivated(outcome) => Some(outcome.version),
            Asn1::ActivationAlert(alert) => Some(alert.outcome.version),
            _ => None,
        };
        if let (Asn1::ActivateFirmware(_), Some(version)) = (asked, runs) {
            // Whether the activation succeeded or not, that is what runs.
            device.details.firmware = duis::xml::Text::read(&version.to_string());
            put(transaction, device)?;
        }
        Ok(())
    }

    /// A hub tells its whole Device Log after every change of it (CS14): who is there, and who has joined.
    pub(super) fn hub_log(
        &self,
        transaction: &Transaction<'_>,
        hub: &Device,
        alert: &MessageView<'_>,
        now: Time,
    ) -> Result<(), Failure> {
        let Some((_, devices)) = hub_backup(alert) else { return Ok(()) };
        keep_device_log(transaction, hub.eui, alert.octets(), now)?;
        for (eui, hash) in &devices {
            let Some(mut device) = find(transaction, *eui)? else { continue };
            self.listed(transaction, hub, &mut device, now)?;
            if hash.is_some() {
                self.happen(transaction, &mut device, Happening::JoinedHan, now)?;
            }
        }
        for mut device in home(transaction, hub.eui)? {
            let is_hub = matches!(device.kind.kind, DeviceType::Chf | DeviceType::Gpf);
            if !is_hub && !devices.iter().any(|(eui, _)| *eui == device.eui) {
                self.unlisted(transaction, hub, &mut device, now)?;
            }
        }
        Ok(())
    }

    /// A device moves on in its life, where that happening leads somewhere from where it is.
    pub(super) fn happen(
        &self,
        transaction: &Transaction<'_>,
        device: &mut Device,
        happening: Happening,
        now: Time,
    ) -> Result<bool, Failure> {
        let Some(next) = happening.leads(device.status) else { return Ok(false) };
        info!(device = %device.eui, from = device.status.as_str(), to = next.as_str(), "the status changes");
        device.status = next;
        if happening == Happening::Commissioned {
            device.commissioned = Some(now);
        }
        put(transaction, device)?;
        if matches!(next, DeviceStatus::Decommissioned | DeviceStatus::Withdrawn) {
            self.end_schedules(transaction, device.eui, None, now)?;
        }
        if happening == Happening::Commissioned && device.is_meter() {
            self.tell_identity(transaction, device, now)?;
        }
        Ok(true)
    }

    fn listed(
        &self,
        transaction: &Transaction<'_>,
        hub: &Device,
        device: &mut Device,
        now: Time,
    ) -> Result<(), Failure> {
        device.hub = Some(hub.eui);
        if hub.property != Default::default() {
            device.property = hub.property.clone();
        }
        put(transaction, device)?;
        self.happen(transaction, device, Happening::Listed, now).map(drop)
    }

    fn unlisted(
        &self,
        transaction: &Transaction<'_>,
        hub: &Device,
        device: &mut Device,
        now: Time,
    ) -> Result<(), Failure> {
        if device.hub != Some(hub.eui) {
            return Ok(());
        }
        let kind = device.kind.kind;
        // Whoever must know is found by the home that it leaves.
        if kind == DeviceType::Ppmid {
            self.tell_ppmid_removed(transaction, hub, device, now)?;
        }
        let happening = if device.is_meter() { Happening::Unlisted } else { Happening::Removed };
        self.happen(transaction, device, happening, now)?;
        device.hub = None;
        device.joined.clear();
        put(transaction, device).map_err(Failure::from)
    }

    /// Two devices are joined. What is no meter is commissioned by that; a gas proxy by its gas meter's word.
    fn joined(
        &self,
        transaction: &Transaction<'_>,
        device: &mut Device,
        other: Eui64,
        now: Time,
    ) -> Result<(), Failure> {
        if !device.joined.contains(&other) {
            device.joined.push(other);
        }
        put(transaction, device)?;
        if let Some(mut other) = find(transaction, other)?
            && other.kind.kind == DeviceType::Gpf
        {
            self.happen(transaction, &mut other, Happening::Commissioned, now)?;
        }
        if !device.is_meter() {
            self.happen(transaction, device, Happening::Commissioned, now)?;
        }
        Ok(())
    }

    fn unjoined(
        &self,
        transaction: &Transaction<'_>,
        device: &mut Device,
        other: Eui64,
        now: Time,
    ) -> Result<(), Failure> {
        device.joined.retain(|joined| *joined != other);
        put(transaction, device)?;
        if !device.is_meter() && device.joined.is_empty() {
            self.happen(transaction, device, Happening::Unjoined, now)?;
        }
        Ok(())
    }

    /// Certificates in a device were replaced: it knows another party now.
    fn credentials_updated(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        device: &mut Device,
        replacements: &[Replacement],
        outcome: &UpdateOutcome,
        now: Time,
    ) -> Result<(), Failure> {
        let done = !outcome.cells.is_empty() && outcome.cells.iter().all(|cell| cell.status.number() == 0);
        let before = device.supplier;
        let certificates = replacements.iter().filter_map(|replacement| replacement.certificate.read().ok());
        for certificate in certificates.filter(|_| done) {
            match certificate.role {
                Some(Role::Supplier) => device.supplier = certificate.entity,
                Some(Role::NetworkOperator) => device.network_operator = certificate.entity,
                _ => {}
            }
        }
        put(transaction, device)?;
        if let Some(former) = before.filter(|former| device.supplier != Some(*former)) {
            self.end_schedules(transaction, device.eui, Some(former), now)?;
        }
        if known.srv == CHANGE_OF_SUPPLIER {
            self.tell_change_of_supplier(transaction, known.id, device, before, done, now)?;
        }
        if done && known.srv == OPT_OUT {
            let before = device.clone();
            self.happen(transaction, device, Happening::Withdrawn, now)?;
            self.tell_gone(transaction, &before, known.id.originator, now)?;
        }
        if done {
            self.tell_credentials_updated(transaction, known, device, replacements, now)?;
        }
        Ok(())
    }

    /// Supply numbers that were written into a meter are those of the inventory.
    fn numbered(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        device: &mut Device,
        now: Time,
    ) -> Result<(), Failure> {
        match self.asked(known)? {
            Some(Body::SetImportMpxn(set)) => match set.numbers {
                ImportNumbers::Electricity(numbers) => {
                    device.numbers.import = duis::xml::Text::read(numbers.primary.as_str());
                    device.numbers.secondary_import = numbers.secondary;
                }
                ImportNumbers::Gas(number) => device.numbers.import = duis::xml::Text::read(number.as_str()),
            },
            Some(Body::SetExportMpan(set)) => device.numbers.export = Some(set.export),
            _ => return Ok(()),
        }
        put(transaction, device)?;
        self.tell_identity(transaction, device, now)
    }

    /// A new hub has the Device Log of an old one: its home is the new one's.
    fn hub_restored(
        &self,
        transaction: &Transaction<'_>,
        hub: &mut Device,
        old: Eui64,
        now: Time,
    ) -> Result<(), Failure> {
        for mut device in home(transaction, old)? {
            if matches!(device.kind.kind, DeviceType::Chf | DeviceType::Gpf) {
                self.happen(transaction, &mut device, Happening::Decommissioned, now)?;
            } else {
                device.hub = Some(hub.eui);
                put(transaction, &device)?;
            }
        }
        self.happen(transaction, hub, Happening::Commissioned, now)?;
        self.tell_log_restored(transaction, hub, old, true, now)
    }

    fn gas_proxy_restored(
        &self,
        transaction: &Transaction<'_>,
        gas_proxy: &Device,
        old: Eui64,
        now: Time,
    ) -> Result<(), Failure> {
        let hub = gas_proxy.hub.map(|hub| find(transaction, hub)).transpose()?.flatten();
        let old = find(transaction, old)?.and_then(|old| old.hub);
        match (hub, old) {
            (Some(hub), Some(old)) => self.tell_log_restored(transaction, &hub, old, false, now),
            _ => Ok(()),
        }
    }

    /// What the request asked from which a Command was made; none where a User's own adaptor made the Pre-Command.
    fn asked(&self, known: &Known) -> Result<Option<Body>, Failure> {
        let Some(document) = &known.document else { return Ok(None) };
        let document = Document::parse(document).map_err(internal)?;
        Ok(Some(Request::parse(&document).map_err(internal)?.body))
    }
}

impl Store {
    /// The Device Log of a hub as it last told it.
    pub(super) fn backed_up_hub(&self, hub: Eui64) -> rusqlite::Result<Option<Backup>> {
        let alert = self.read(|connection| crate::store::inventory::device_log(connection, hub))?;
        let backup = alert.as_deref().and_then(|octets| hub_backup(&MessageView::parse(octets).ok()?));
        Ok(backup.map(|(pan, devices)| {
            // What never joined has no key to restore.
            let devices = devices.into_iter().filter_map(|(eui, hash)| Some((eui, hash?))).collect();
            Backup::Hub { pan, devices }
        }))
    }

    /// The Device Log of a gas proxy as it last told it.
    pub(super) fn backed_up_gas_proxy(&self, gas_proxy: Eui64) -> rusqlite::Result<Option<Backup>> {
        let alert = self.read(|connection| crate::store::inventory::device_log(connection, gas_proxy))?;
        let entries =
            alert.as_deref().and_then(|octets| match Payload::of(&MessageView::parse(octets).ok()?).ok()? {
                Payload::Asn1(payload) => match payload.content() {
                    Asn1::DeviceLogAlert(alert) => Some(alert.entries.clone()),
                    _ => None,
                },
                _ => None,
            });
        Ok(entries.map(|entries| {
            Backup::GasProxy(entries.into_iter().map(|entry| (entry.device, device_type(entry.kind))).collect())
        }))
    }
}

const COMMISSION: Srv = Srv::new(8, 1, 1);
const SET_IMPORT: Srv = Srv::new(6, 20, 1);
const SET_EXPORT: Srv = Srv::new(6, 20, 2);
const CHANGE_OF_SUPPLIER: Srv = Srv::new(6, 23, 0);
const OPT_OUT: Srv = Srv::new(8, 5, 0);
const UPDATE_LOG: Srv = Srv::new(8, 11, 0);
const RESTORE_HUB: Srv = Srv::new(8, 12, 1);

fn asked_asn1(payload: &Payload) -> Option<&Asn1> {
    match payload {
        Payload::Asn1(payload) => Some(payload.content()),
        _ => None,
    }
}

fn answered_asn1(payload: &Payload) -> &Asn1 {
    asked_asn1(payload).unwrap_or(&Asn1::ReadJoinDetails)
}

/// Whether everything that was asked is done; what waits for its date is not.
fn is_done(response: &MessageView<'_>, answered: &Payload) -> bool {
    let waits = matches!(answered_asn1(answered), Asn1::CredentialsUpdateAccepted | Asn1::ActivationAccepted);
    !waits && crate::outcome::succeeded(response)
}

/// A device of a hub's log, with the hash of its link key once it has joined.
type Listed = (Eui64, Option<[u8; 16]>);

/// Extended PAN id and devices, each with the hash of its link key once it has joined, from an Alert of the Device Log (CS14).
fn hub_backup(alert: &MessageView<'_>) -> Option<([u8; 8], Vec<Listed>)> {
    let Payload::Dlms(Apdu::Notification(DataNotification { further, .. })) = Payload::of(alert).ok()? else {
        return None;
    };
    let [_, pan, Data::Array(devices)] = further.first()?.as_structure()? else { return None };
    let device = |device: &Data| {
        let [eui, hash] = device.as_structure()? else { return None };
        let hash = hash.as_octets()?;
        let hash = if hash.is_empty() { None } else { Some(hash.try_into().ok()?) };
        Some((Eui64(eui.as_octets()?.try_into().ok()?), hash))
    };
    Some((pan.as_octets()?.try_into().ok()?, devices.iter().map(device).collect::<Option<_>>()?))
}

/// Whether an Alert of a gas proxy tells its whole Device Log (GCS62).
pub(super) fn tells_gas_proxy_log(alert: &MessageView<'_>) -> bool {
    match Payload::of(alert) {
        Ok(Payload::Asn1(payload)) => matches!(payload.content(), Asn1::DeviceLogAlert(_)),
        _ => false,
    }
}

fn device_type(kind: DeviceKind) -> DeviceType {
    match kind {
        DeviceKind::Gsme => DeviceType::Gsme,
        DeviceKind::Esme => DeviceType::Esme,
        DeviceKind::Chf => DeviceType::Chf,
        DeviceKind::Gpf => DeviceType::Gpf,
        DeviceKind::Hcalcs => DeviceType::Hcalcs,
        DeviceKind::Ppmid => DeviceType::Ppmid,
        _ => DeviceType::Ihd,
    }
}
