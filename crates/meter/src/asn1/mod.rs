//! What ASN.1 Commands mean to a meter: credentials, joins, firmware, the clock of a gas meter (gbcs-messages 11).
mod devices;
mod firmware;
mod keys;

pub(crate) use firmware::Firmware;
pub use firmware::Image;

use crate::meter::Meter;
use crate::pipeline::Authentic;
use crate::refusal::Refusal;
use crate::work::{Executed, Origin, Outcome, Pending};
use alloc::vec::Vec;
use device::credentials;
use device::dated::Due;
use gbcs::asn1::{
    CellStatus, ClockReport, ClockStatus, Content, CredentialsRequest, CredentialsUpdate, DateTime, Payload,
    RoleCredentials, UpdateOutcome,
};
use gbcs::crypto::Crypto;
use gbcs::{Counter, Cra, MessageCode, Time};

/// GCS28.
const SET_CLOCK: MessageCode = MessageCode(0x007F);

/// Execute a Command, or store it for its time.
pub(crate) fn execute<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    command: &Authentic<'_>,
    content: &Content,
) -> Result<Executed, Refusal> {
    let (id, code) = (command.view.id(), command.rules.code);
    if device::dated::inner_counter(content).is_some_and(|inner| inner != id.counter) {
        return Err(Refusal::WrongRows);
    }
    let (answer, stored) = match device::dated::due(content, now) {
        None => (at_once(meter, now, command.role, id.counter, content), false),
        Some(due) => {
            // A later Command of the same use case replaces whatever an earlier one left pending.
            meter.state.pending.retain(|pending| pending.code != code.0);
            let accepted = match content {
                Content::UpdateCredentials(_) => Content::CredentialsUpdateAccepted,
                _ => Content::ActivationAccepted,
            };
            match due {
                Due::Never => (accepted, false),
                Due::At(at) => {
                    let origin = Origin { originator: id.originator, role: command.role, code, counter: id.counter };
                    let what = Payload::from(content.clone()).encode();
                    meter.state.pending.push(Pending::new(at, &origin, what));
                    (accepted, true)
                }
                Due::Now => (at_once(meter, now, command.role, id.counter, content), false),
            }
        }
    };
    let failed = answer.results().iter().copied().enumerate().find(|(_, result)| *result != 0);
    let outcome = failed.map_or(Outcome::Success, |(row, result)| Outcome::Failed { row, result });
    Ok(Executed { payload: Payload::from(answer).with_long_lengths().encode(), outcome, stored })
}

fn at_once<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    role: crate::Role,
    counter: Counter,
    content: &Content,
) -> Content {
    match content {
        Content::RequestCredentials(request) => Content::Credentials(held(meter, request)),
        Content::UpdateCredentials(update) => Content::CredentialsUpdated(update_cells(meter, role, update)),
        Content::IssueCredentials(request) => keys::issue(meter, now, request.usage),
        Content::Certificate(certificate) => Content::CertificateUpdated(keys::adopt(meter, certificate)),
        Content::ProvideCertificate(request) => keys::provide(meter, request.usage),
        Content::Join(join) => Content::Joined(devices::join(meter, join)),
        Content::Unjoin(device) => Content::Unjoined(devices::unjoin(meter, *device)),
        Content::ReadJoinDetails => Content::JoinDetails(devices::details(meter)),
        Content::ActivateFirmware(activate) => Content::FirmwareActivated(firmware::activate(meter, activate)),
        Content::SetClock(set) => {
            meter.state.books.clock.preset(Some(set.from.time()), Some(set.to.time()));
            let status = meter.state.books.set_clock(now, SET_CLOCK, counter) as u8;
            let time = DateTime::new(Time::from_seconds(now.seconds()));
            Content::ClockReport(ClockReport { time, status: ClockStatus::from_number(status) })
        }
        // No other content belongs to a Command of a meter: step 11 saw to it.
        other => other.clone(),
    }
}

/// What the meter holds of each role asked for.
fn held<C: Crypto>(meter: &Meter<C>, request: &CredentialsRequest) -> Vec<RoleCredentials> {
    credentials::held(&meter.config.anchors, &meter.state.credentials.updates, request)
}

/// Replace cells; what was agreed with the keys that were in them is forgotten.
fn update_cells<C: Crypto>(meter: &mut Meter<C>, by: crate::Role, update: &CredentialsUpdate) -> UpdateOutcome {
    let (config, state) = (&mut meter.config, &mut meter.state);
    let (counters, updates) = (&mut state.counters, &mut state.credentials.updates);
    let outcome = credentials::update(&meter.crypto, &mut config.anchors, counters, updates, by, update);
    if outcome.cells.iter().any(|outcome| outcome.status == CellStatus::Success) {
        state.credentials.keep_cells(&config.anchors);
        config.acb = device::acb(&config.anchors).unwrap_or(config.acb);
        meter.secrets = Default::default();
    }
    outcome
}

/// Execute what waited for its time: whether it succeeded, and its Alert. `None` when the record of it cannot be read.
pub(crate) fn execute_due<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    pending: &Pending,
) -> Option<(bool, MessageCode, Content)> {
    use gbcs::asn1::{ActivationAlert, UpdateAlert};
    let payload = Payload::parse(MessageCode(pending.code), Cra::Command, &pending.what).ok()?;
    let role = crate::Role::from_number(pending.role)?;
    let answer = at_once(meter, now, role, Counter(pending.counter), payload.content());
    let succeeded = answer.results().iter().all(|result| *result == 0);
    let code = if succeeded { crate::due::ACTIONED } else { crate::due::NOT_ACTIONED };
    let time = DateTime::new(Time::from_seconds(now.seconds()));
    Some(match answer {
        Content::CredentialsUpdated(outcome) => {
            // Load controllers have an Alert of their own.
            let load_controller = pending.code >= 0x0125;
            let message = MessageCode(if load_controller { 0x0124 } else { 0x00CB });
            (succeeded, message, Content::CredentialsUpdateAlert(UpdateAlert { code, time, outcome }))
        }
        Content::FirmwareActivated(outcome) => {
            let counter = gbcs::Counter(pending.counter);
            (succeeded, MessageCode(0x00CA), Content::ActivationAlert(ActivationAlert { code, time, counter, outcome }))
        }
        _ => return None,
    })
}

/// Whether a payload of a Command is what a meter's use case has.
pub(crate) fn parse(code: MessageCode, octets: &[u8]) -> Result<Content, gbcs::ParseError> {
    Payload::parse(code, Cra::Command, octets).map(Payload::into_content)
}

/// Octets of a DER value: tag, length in the shortest form, content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = alloc::vec![tag];
    match length {
        0..0x80 => out.push(length as u8),
        0x80..0x100 => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}
