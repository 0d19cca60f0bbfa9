//! The CHF as a device: the Commands by which the ACB reads and changes its Device Log (GBCS use cases CCS01 to CCS07), executed row by
//! row, and those for its credentials, answered.
use crate::config::{DeviceEntry, DeviceKind};
use crate::device_log::{Historic, Listed};
use crate::event::{Event, log_code};
use crate::exchange::{Action, Exchange};
use crate::identity::{Done, LocalRefusal, is_about_credentials};
use crate::routing::Function;
use crate::{about, alert};
use alloc::vec::Vec;
use device::check::Abilities;
use gbcs::catalogue::DeviceType;
use gbcs::crypto::Crypto;
use gbcs::dlms::{
    AccessRequest, AccessResponse, Answer, BitString, Choice, Data, DataAccessResult, DateTime, InvokeId, Obis, Row,
};
use gbcs::{Eui64, MessageCode, MessageView, Time};
use han::{InstallCode, mmo};

/// The CHF Device Log, class 104.
const DEVICE_LOG: Obis = Obis([0, 0, 30, 3, 0, 255]);
/// The Historic Device Log, class 104.
const HISTORIC_LOG: Obis = Obis([0, 0, 30, 3, 1, 255]);
/// The type of key in register_device: an install code.
const INSTALL_CODE: u8 = 1;
/// The device type by which CCS01 names the GPF, which is in the hub and needs no entry.
const GPF: u8 = 254;
/// What follows a row that failed.
const NOT_REACHED: DataAccessResult = DataAccessResult::OTHER_REASON;

/// Whether the CHF executes Commands of this code itself.
pub(crate) fn executes(code: MessageCode) -> bool {
    // CCS01 to CCS04 (and CCS05, its earlier name), CCS07, CCS06.
    matches!(code.0, 0x0001..=0x0004 | 0x00FE | 0x010F) || about::concerns(code) || is_about_credentials(code)
}

impl<C: Crypto> Exchange<C> {
    /// Execute a Command for the CHF; its Response goes the way of every Response.
    pub fn execute_chf(&mut self, now: Time, octets: &[u8]) {
        match self.answer_chf(now, octets) {
            Ok(response) => self.say(now, Function::Chf, &response),
            Err(refusal) => {
                if let Ok(view) = MessageView::parse(octets) {
                    self.blocks.forget(&view.id());
                }
                self.counters.count("chf_refused");
                self.write_log(now, refusal.log_code(), None);
                self.events.push_back(Event::ChfRefused(refusal));
            }
        }
    }

    /// Tell the ACB what the Device Log is now, after every change of it.
    pub fn raise_log_changed(&mut self, now: Time) {
        self.dirty = true;
        let backup = self.backup(now);
        self.raise(now, alert::Subject::device_log_changed(backup));
    }

    fn answer_chf(&mut self, now: Time, octets: &[u8]) -> Result<Vec<u8>, LocalRefusal> {
        const ABILITIES: Abilities<'static> =
            Abilities { device: DeviceType::Chf, executes: &|rules| executes(rules.use_case.code) };
        let identity = self.chf_identity.as_mut().ok_or(LocalRefusal::WrongRows)?;
        let command = identity.authenticate(&self.crypto, ABILITIES, octets)?;
        let code = command.view.message_code();
        self.dirty |= identity.accept(&command);
        identity.can_answer(&self.crypto, &command)?;
        let Done { payload, results } = if is_about_credentials(code) {
            identity.execute(&self.crypto, now, &command)?
        } else {
            let request = AccessRequest::parse(command.view.payload()).map_err(LocalRefusal::BadPayload)?;
            if request.invoke != InvokeId::of(command.view.id().counter) || !command.rules.use_case.matches(&request) {
                return Err(LocalRefusal::WrongRows);
            }
            let answers = self.execute_rows(now, &request.rows);
            let results = answers.iter().map(|answer| answer.result.0).collect();
            Done { payload: AccessResponse { invoke: request.invoke, answers }.encode(), results }
        };
        self.dirty = true;
        let done = results.iter().all(|result| *result == 0);
        let line = if done { log_code::COMMAND_PASSED } else { log_code::COMMAND_NOT_PASSED };
        self.write_log(now, line, Some(code));
        self.events.push_back(Event::ChfExecuted { code, results });
        let identity = self.chf_identity.as_mut().ok_or(LocalRefusal::WrongRows)?;
        identity.respond(&self.crypto, now, &command, payload)
    }

    /// One answer for each row; after one that fails the rest is not tried.
    fn execute_rows(&mut self, now: Time, rows: &[Row]) -> Vec<Answer> {
        let mut failed = false;
        let mut registered = None;
        let mut answer = |row: &Row| {
            let outcome = if failed { Err(NOT_REACHED) } else { self.execute_row(now, row, &mut registered) };
            failed |= outcome.is_err();
            // A selective get is answered as a get: every sample does so.
            let choice = match row.access.choice() {
                Choice::GetSelective => Choice::Get,
                choice => choice,
            };
            match outcome {
                Ok(data) => Answer { choice, result: DataAccessResult::SUCCESS, data },
                Err(result) => Answer { choice, result, data: Data::Null },
            }
        };
        rows.iter().map(&mut answer).collect()
    }

    fn execute_row(&mut self, now: Time, row: &Row, registered: &mut Option<Eui64>) -> Result<Data, DataAccessResult> {
        if let Some(outcome) = about::execute(self.chf, &self.event_log, row) {
            return outcome;
        }
        match (row.obis, row.access.choice(), row.index) {
            (DEVICE_LOG, Choice::Action, 1) => {
                *registered = self.register(now, &row.data)?;
                Ok(Data::Null)
            }
            (DEVICE_LOG, Choice::Set, 3) => {
                let seconds = row.data.as_i64().and_then(|n| u16::try_from(n).ok());
                self.join_timeout = seconds.ok_or(DataAccessResult::TYPE_UNMATCHED)?;
                Ok(Data::Null)
            }
            (DEVICE_LOG, Choice::Set, 2) => {
                let open = row.data.as_bool().ok_or(DataAccessResult::TYPE_UNMATCHED)?;
                let device = registered.take().filter(|_| open);
                self.actions.extend(device.map(Action::OpenJoining));
                Ok(Data::Null)
            }
            (DEVICE_LOG, Choice::Action, 2) => {
                let eui = eui(&row.data)?;
                // What a hub in the field answers for a device that is not listed.
                self.log.get(eui).ok_or(DataAccessResult::HARDWARE_FAULT)?;
                self.actions.push_back(Action::Remove(eui));
                Ok(Data::Null)
            }
            (DEVICE_LOG, Choice::Action, 5) => self.restore_log(now, &row.data),
            (DEVICE_LOG, Choice::Action, 4) => Ok(self.backup(now)),
            (HISTORIC_LOG, Choice::Action, 4) => Ok(backup(now, self.chf, self.log.historic().map(of_historic))),
            (DEVICE_LOG, Choice::Get, 4) => Ok(Data::array(self.log.iter().map(active_device).collect::<Vec<_>>())),
            _ => Err(DataAccessResult::OBJECT_UNDEFINED),
        }
    }

    /// register_device: the device that may join now; none for the GPF, which needs no joining.
    fn register(&mut self, now: Time, data: &Data) -> Result<Option<Eui64>, DataAccessResult> {
        let Some([device, Data::Enum(INSTALL_CODE), code, Data::Enum(kind)]) = data.as_structure() else {
            return Err(DataAccessResult::TYPE_UNMATCHED);
        };
        let device = eui(device)?;
        let code = code.as_octets().and_then(|octets| <[u8; 16]>::try_from(octets).ok());
        let code = code.ok_or(DataAccessResult::TYPE_UNMATCHED)?;
        if *kind == GPF {
            return Ok(None);
        }
        let kind = DeviceKind::from_ccs01(*kind).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
        // A listed device keeps what it has: the key of this Command is not even looked at.
        if self.log.get(device).is_none() {
            let entry = DeviceEntry { eui: device, kind, short: DeviceEntry::NO_ADDRESS, sleepy: false };
            self.log.insert(now, entry).map_err(|_| DataAccessResult::HARDWARE_FAULT)?;
            self.log.set_install_key(device, InstallCode::new(code).link_key());
            self.events.push_back(Event::DeviceAdded(device));
            self.raise_log_changed(now);
        }
        Ok(Some(device))
    }

    /// restore_PAN: the log as a backup says, each device to join with the hash of its old link key. A backup does not say what
    /// a device is: one that neither log knows is listed as Type 2 until CCS01 names it.
    fn restore_log(&mut self, now: Time, data: &Data) -> Result<Data, DataAccessResult> {
        let Some([_, Data::Array(devices)]) = data.as_structure() else {
            return Err(DataAccessResult::TYPE_UNMATCHED);
        };
        let mut restored = Vec::with_capacity(devices.len().min(crate::device_log::CAPACITY));
        for device in devices {
            let Some([mac, hash]) = device.as_structure() else { return Err(DataAccessResult::TYPE_UNMATCHED) };
            let hash = hash.as_octets().and_then(|octets| <[u8; 16]>::try_from(octets).ok());
            restored.push((eui(mac)?, han::Key::new(hash.ok_or(DataAccessResult::TYPE_UNMATCHED)?)));
        }
        if restored.len() > crate::device_log::CAPACITY {
            return Err(DataAccessResult::HARDWARE_FAULT);
        }
        let known = |eui| {
            let live = self.log.get(eui).map(|listed| listed.entry);
            live.or_else(|| self.log.find_historic(eui).map(|old| old.entry)).map(|entry| entry.kind)
        };
        let kinds: Vec<_> = restored.iter().map(|(eui, _)| known(*eui).unwrap_or(DeviceKind::Type2)).collect();
        let keep = |eui: Eui64| restored.iter().any(|(device, _)| *device == eui);
        let gone: Vec<_> = self.log.iter().map(|d| d.entry.eui).filter(|eui| !keep(*eui)).collect();
        self.actions.extend(gone.into_iter().map(Action::Remove));
        for ((device, key), kind) in restored.iter().zip(kinds) {
            if self.log.get(*device).is_none() {
                let entry = DeviceEntry { eui: *device, kind, short: DeviceEntry::NO_ADDRESS, sleepy: false };
                self.log.insert(now, entry).map_err(|_| DataAccessResult::HARDWARE_FAULT)?;
                self.log.set_install_key(*device, key.clone());
                self.actions.push_back(Action::OpenJoining(*device));
            }
        }
        self.raise_log_changed(now);
        Ok(Data::Null)
    }

    fn backup(&self, now: Time) -> Data {
        backup(now, self.chf, self.log.iter().map(of_listed))
    }
}

/// What backup_PAN gives: when, the extended PAN ID, each device with the hash of its link key.
fn backup(now: Time, extended_pan: Eui64, devices: impl Iterator<Item = (Eui64, Option<[u8; 16]>)>) -> Data {
    let device = |(eui, hash): (Eui64, Option<[u8; 16]>)| {
        let hash = hash.map_or(Data::octets([]), Data::octets);
        Data::structure([Data::octets(eui.octets()), hash])
    };
    let devices: Vec<_> = devices.map(device).collect();
    Data::structure([Data::from(DateTime::at(now)), Data::octets(extended_pan.octets()), Data::array(devices)])
}

fn of_listed(listed: &Listed) -> (Eui64, Option<[u8; 16]>) {
    (listed.entry.eui, listed.link_key.as_ref().map(|key| mmo::hash(key.octets())))
}

fn of_historic(old: &Historic) -> (Eui64, Option<[u8; 16]>) {
    (old.entry.eui, Some(mmo::hash(old.link_key.octets())))
}

/// An element of active_devices. Of what a hub's radio measures this core knows nothing: strengths are 0, qualities full.
fn active_device(listed: &Listed) -> Data {
    let joined = if listed.link_key.is_some() { 0x80 } else { 0x00 };
    let status = BitString::new(8, [joined]).map_or(Data::Null, Data::BitString);
    let mut fields = alloc::vec![Data::octets(listed.entry.eui.octets()), status];
    fields.extend([Data::Integer(0), Data::Integer(0), Data::Integer(0)]);
    fields.extend([Data::Unsigned(255), Data::Unsigned(255), Data::Unsigned(255)]);
    fields.push(Data::from(DateTime::at(listed.last_heard)));
    // One hop; failures and successes of the radio, versions of application and stack.
    fields.extend([1, 0, 0, 1, 2].map(Data::Unsigned));
    Data::structure(fields)
}

fn eui(data: &Data) -> Result<Eui64, DataAccessResult> {
    let octets = data.as_octets().and_then(|octets| <[u8; 8]>::try_from(octets).ok());
    octets.map(Eui64).ok_or(DataAccessResult::TYPE_UNMATCHED)
}
