//! The GPF as a device: every Command that GBCS lets target it, answered from the hub while the gas meter sleeps (GBCS 10.3). Reads are of
//! what the meter reported and pushed to its mirror, in the form in which the meter itself would answer them. Which Commands these are
//! follows from the catalogue.
use crate::config::DeviceKind;
use crate::event::{Event, log_code};
use crate::exchange::Exchange;
use crate::gas_log::Seen;
use crate::gpf::JoinedDevice;
use crate::identity::{Done, LocalRefusal, is_about_credentials};
use crate::routing::{Function, Source};
use alloc::vec::Vec;
use device::check::Abilities;
use gas::answer::{ResponseForm, failure};
use gas::{history, tables};
use gbcs::asn1::{self, DeviceLogAlert, DeviceLogRestored, EntryOutcome, JoinStatus};
use gbcs::catalogue::{self, DeviceType, Family, UseCase};
use gbcs::crypto::{Crypto, Key128};
use gbcs::dlms::DateTime;
use gbcs::gbz::zcl::{
    AttributeRecord, Body, ClearEventLog, ClearEventLogResponse, Command, FROM_SERVER, READ_ATTRIBUTES_RESPONSE, Status,
};
use gbcs::gbz::{Component, Payload};
use gbcs::{Cra, Eui64, MessageCode, MessageView, Time, protect};

/// GCS59 and the Alert GCS62: the GPF Device Log.
const RESTORE_DEVICE_LOG: MessageCode = MessageCode(0x008C);
const DEVICE_LOG_ALERT: MessageCode = MessageCode(0x00B2);
/// Alert code: the GPF Device Log changed.
pub(crate) const DEVICE_LOG_CHANGED: u16 = 0x8071;
/// GCS61: the samples it asks for are days.
const DAILY_CONSUMPTION: MessageCode = MessageCode(0x00A0);
/// Low half octet of the number of the event log.
const EVENT_LOG: u8 = 3;
/// The command that a component not reached is answered for.
const NOT_REACHED: u8 = 0xFF;
/// Status of the clock in a Response: the reading's time is the GPF's own, and reliable (gbcs-messages 4.5).
const OWN_CLOCK: u8 = 0x00;

/// Whether the GPF executes Commands of this code itself.
pub(crate) fn executes(code: MessageCode) -> bool {
    let is_modelled = |use_case: &UseCase| match use_case.family {
        Family::Gbz => !use_case.components.is_empty(),
        _ => code == RESTORE_DEVICE_LOG || is_about_credentials(code),
    };
    catalogue::find(code).is_some_and(|use_case| use_case.is_for(DeviceType::Gpf) && is_modelled(use_case))
}

/// What executing a Command came to.
struct Executed {
    payload: Vec<u8>,
    succeeded: bool,
}

/// What the answer to one Command needs besides the data.
struct Reply<'a> {
    now: Time,
    code: MessageCode,
    use_case: &'static UseCase,
    encryption: Option<&'a Key128>,
    reader: Eui64,
}

impl<C: Crypto> Exchange<C> {
    /// Execute a Command for the GPF; its Response goes the way of every Response.
    pub fn execute_gpf(&mut self, now: Time, octets: &[u8]) {
        match self.answer_gpf(now, octets) {
            Ok((code, succeeded, response)) => {
                let line = if succeeded { log_code::COMMAND_PASSED } else { log_code::COMMAND_NOT_PASSED };
                self.write_gpf_log(now, line, Some(code));
                self.events.push_back(Event::GpfExecuted { code, succeeded });
                self.say(now, Function::Gpf, &response);
                if core::mem::take(&mut self.proxy.devices_changed) {
                    self.raise_gpf_log_changed(now);
                }
            }
            Err(refusal) => {
                if let Ok(view) = MessageView::parse(octets) {
                    self.blocks.forget(&view.id());
                }
                self.counters.count("gpf_refused");
                self.write_gpf_log(now, refusal.log_code(), None);
                self.events.push_back(Event::GpfRefused(refusal));
            }
        }
    }

    /// Check, execute, and close the Response for the originator. Whether everything succeeded, and the Response.
    fn answer_gpf(&mut self, now: Time, octets: &[u8]) -> Result<(MessageCode, bool, Vec<u8>), LocalRefusal> {
        const ABILITIES: Abilities<'static> =
            Abilities { device: DeviceType::Gpf, executes: &|rules| executes(rules.use_case.code) };
        let read_at = self.gsme().and_then(|gsme| self.gas.of(gsme)?.reported_at()).unwrap_or(now);
        let identity = self.gpf_identity.as_mut().ok_or(LocalRefusal::WrongRows)?;
        let command = identity.authenticate(&self.crypto, ABILITIES, octets)?;
        let (code, use_case) = (command.view.message_code(), command.rules.use_case);
        self.dirty |= identity.accept(&command);
        identity.can_answer(&self.crypto, &command)?;
        let (header, Executed { payload, succeeded }) = if is_about_credentials(code) {
            let header = identity.header(now, &command, DateTime::at(now));
            let Done { payload, results } = identity.execute(&self.crypto, now, &command)?;
            (header, Executed { payload, succeeded: results.iter().all(|result| *result == 0) })
        } else {
            let header = identity.header(now, &command, DateTime::at(read_at).with_status(OWN_CLOCK));
            let (reader, encryption) = identity.encryption(&self.crypto, &command, &header);
            let reply = Reply { now, code, use_case, encryption: encryption.as_ref(), reader };
            let executed = match use_case.family {
                Family::Gbz => self.execute_components(&reply, command.view.payload())?,
                _ => self.restore_device_log(command.view.payload())?,
            };
            (header, executed)
        };
        self.dirty = true;
        let identity = self.gpf_identity.as_mut().ok_or(LocalRefusal::WrongRows)?;
        let response = identity.close(&self.crypto, &command, header, payload)?;
        Ok((code, succeeded, response))
    }

    /// One component after the other; after one that fails the rest is not tried (gbcs-messages 8.3).
    fn execute_components(&mut self, reply: &Reply<'_>, payload: &[u8]) -> Result<Executed, LocalRefusal> {
        let request = Payload::parse(payload).map_err(LocalRefusal::BadPayload)?;
        if !reply.use_case.matches_components(&request) {
            return Err(LocalRefusal::WrongRows);
        }
        let mut succeeded = true;
        let mut answers = Vec::with_capacity(request.components.len());
        let mut frame_counter = 0;
        for (n, component) in request.components.iter().enumerate() {
            if !succeeded {
                answers.push(component.default_response_for(NOT_REACHED, Status::FAILURE));
                continue;
            }
            for answer in self.execute_component(reply, component) {
                succeeded &= failure(&answer).is_none();
                let form = ResponseForm::of(reply.use_case, &request, n, &answer);
                let encrypt =
                    |plain: &[u8]| reply.encryption.map(|key| protect::encrypt(&self.crypto, key, self.gpf, plain));
                let answer = form.give(answer, &mut frame_counter, encrypt);
                answers.push(answer.ok_or(LocalRefusal::NoReaderKey(reply.reader))?);
            }
        }
        Ok(Executed { payload: Payload::new(answers).encode(), succeeded })
    }

    fn execute_component(&mut self, reply: &Reply<'_>, component: &Component) -> Vec<Component> {
        let command = match component.body() {
            Some(Body::ReadAttributes(ids)) => return alloc::vec![self.mirrored(component, ids)],
            Some(Body::Cluster(command)) => command,
            _ => return alloc::vec![component.default_response(Status::MALFORMED_COMMAND)],
        };
        let log = self.gsme().and_then(|gsme| self.gas.of(gsme));
        let answer = match command {
            Command::GetBillingPeriod(_)
            | Command::GetDayProfiles(_)
            | Command::GetWeekProfiles(_)
            | Command::GetSeasons(_)
            | Command::GetSpecialDays(_) => return tables::read(self.proxy.tables(), component, command),
            Command::GetCurrentPrice(_) => log.and_then(|log| log.price()).map(|mut price| {
                (price.issuer_event, price.current_time) = (reply.now.zigbee(), reply.now.zigbee());
                component.response(price)
            }),
            Command::ClearEventLog(clear) => Some(self.clear_gpf_log(reply, component, clear)),
            Command::PublishChangeOfTenancy(change) => {
                self.proxy.set_tenancy(reply.now, change.start);
                self.dirty = true;
                Some(component.default_response(Status::SUCCESS))
            }
            _ => log.and_then(|log| {
                let since = self.proxy.tenancy(reply.now);
                let seen = Seen { log, daily: reply.code == DAILY_CONSUMPTION, since };
                history::read(&seen, component, command)
            }),
        };
        alloc::vec![answer.unwrap_or_else(|| component.default_response(Status::NOT_FOUND))]
    }

    /// What the mirror has of the attributes asked for; one that the meter has not reported yet is not there.
    fn mirrored(&self, asked: &Component, ids: &[u16]) -> Component {
        let gsme = self.gsme();
        let missing = |id| AttributeRecord { id, value: Err(Status::UNSUPPORTED_ATTRIBUTE) };
        let record = |id: u16| {
            let Some(value) = gsme.and_then(|gsme| self.mirror.value(gsme, asked.cluster, id)) else {
                return missing(id);
            };
            let mut octets = id.to_le_bytes().to_vec();
            octets.extend([Status::SUCCESS.0, value.data_type()]);
            octets.extend(value.octets());
            match Body::parse(asked.cluster, FROM_SERVER, READ_ATTRIBUTES_RESPONSE, &octets) {
                Body::ReadAttributesResponse(mut records) => records.pop().unwrap_or(missing(id)),
                _ => missing(id),
            }
        };
        asked.read_attributes_response(ids.iter().map(|&id| record(id)).collect::<Vec<_>>())
    }

    /// CS11: clear the GPF's event log; its security log is never cleared by Command.
    fn clear_gpf_log(&mut self, reply: &Reply<'_>, component: &Component, clear: &ClearEventLog) -> Component {
        let number = clear.log & 0x0F;
        if number != EVENT_LOG {
            return component.default_response(Status::NOT_AUTHORIZED);
        }
        self.gpf_log.clear_events();
        self.write_gpf_log(reply.now, log_code::EVENT_LOG_CLEARED, Some(reply.code));
        component.response(ClearEventLogResponse { cleared: 1 << number })
    }

    /// GCS59: the GPF Device Log is what the Command says.
    fn restore_device_log(&mut self, payload: &[u8]) -> Result<Executed, LocalRefusal> {
        let request =
            asn1::Payload::parse(RESTORE_DEVICE_LOG, Cra::Command, payload).map_err(LocalRefusal::BadPayload)?;
        let asn1::Content::RestoreDeviceLog(log) = request.into_content() else { return Err(LocalRefusal::WrongRows) };
        let mut restored: Vec<JoinedDevice> = Vec::new();
        let mut outcome = |entry: asn1::LogEntry| {
            let joined = JoinedDevice::new(entry.device, entry.kind);
            let status = if restored.iter().any(|known| known.eui() == entry.device) {
                JoinStatus::ConflictingEntry
            } else if restored.len() == crate::device_log::CAPACITY {
                JoinStatus::LogFull
            } else {
                restored.push(joined);
                JoinStatus::Success
            };
            EntryOutcome { entry, status }
        };
        let outcomes: Vec<_> = log.entries.into_iter().map(&mut outcome).collect();
        let succeeded = outcomes.iter().all(|outcome| outcome.status == JoinStatus::Success);
        self.proxy.set_devices(restored);
        self.dirty = true;
        let answer = asn1::Content::DeviceLogRestored(DeviceLogRestored { outcomes });
        Ok(Executed { payload: asn1::Payload::from(answer).with_long_lengths().encode(), succeeded })
    }

    /// GCS62: tell the ACB what the GPF Device Log is now.
    fn raise_gpf_log_changed(&mut self, now: Time) {
        let entry = |device: &JoinedDevice| asn1::LogEntry { device: device.eui(), kind: device.kind() };
        let entries = self.proxy.devices().iter().map(entry).collect();
        let alert = DeviceLogAlert { code: DEVICE_LOG_CHANGED, time: asn1::DateTime::new(now), entries };
        let payload = asn1::Payload::from(asn1::Content::DeviceLogAlert(alert)).with_long_lengths().encode();
        let Some(identity) = &mut self.gpf_identity else { return };
        self.dirty = true;
        match identity.alert(&self.crypto, now, DEVICE_LOG_ALERT, |_| payload) {
            // A discard is an event of its own.
            Some(alert) => _ = self.take(now, Source::Function(Function::Gpf), &alert),
            None => self.counters.count("alert_failed"),
        }
    }

    /// The gas meter of the home.
    pub fn gsme(&self) -> Option<Eui64> {
        self.log.iter().find(|listed| listed.entry.kind == DeviceKind::Gsme).map(|listed| listed.entry.eui)
    }
}
