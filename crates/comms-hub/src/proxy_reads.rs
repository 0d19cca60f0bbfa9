//! The GPF as a device: Commands for its credentials, and reads of what it mirrors of the gas meter, by suppliers, network operators and
//! the ACB, answered from the hub while the meter sleeps (GBCS 10.3; use cases GCS21j, GCS33, GCS38, GCS46, GCS60).
//!
//! Which Commands these are follows from the catalogue: those whose components all read attributes that a gas meter reports to its mirror,
//! and whose answers are in the clear. Others come out as [`Event::Local`](crate::Event::Local).
use crate::config::DeviceKind;
use crate::event::{Event, log_code};
use crate::exchange::Exchange;
use crate::identity::{Done, LocalRefusal, is_about_credentials};
use crate::routing::Function;
use alloc::vec::Vec;
use device::check::{Abilities, Authentic};
use gbcs::catalogue::{self, Arguments, ComponentTemplate, DeviceType, Family, UseCase};
use gbcs::crypto::Crypto;
use gbcs::gbz::zcl::{Body, READ_ATTRIBUTES_RESPONSE};
use gbcs::gbz::{Component, Content, Payload};
use gbcs::{Eui64, MessageCode, MessageView, Time};
use han::zcl::Status;
use han::zcl::display::cluster;

/// GCS60a carries the time and the status of the clock in its header, which this core does not vouch for.
const WITH_CLOCK_STATUS: MessageCode = MessageCode(0x012A);

/// Whether the GPF executes Commands of this code itself.
pub(crate) fn executes(code: MessageCode) -> bool {
    use_case(code).is_some() || is_about_credentials(code)
}

fn use_case(code: MessageCode) -> Option<&'static UseCase> {
    let is_mirrored = |template: &ComponentTemplate| {
        matches!(template.arguments, Arguments::Attributes(_))
            && matches!(template.cluster, cluster::METERING | cluster::PREPAYMENT)
    };
    let is_clear = |template: &ComponentTemplate| !template.encrypted && template.command == READ_ATTRIBUTES_RESPONSE;
    catalogue::find(code).filter(|use_case| {
        use_case.family == Family::Gbz
            && use_case.is_for(DeviceType::Gpf)
            && code != WITH_CLOCK_STATUS
            && !use_case.components.is_empty()
            && use_case.components.iter().all(is_mirrored)
            && use_case.answers.iter().all(is_clear)
    })
}

impl<C: Crypto> Exchange<C> {
    /// Execute a Command for the GPF; its Response goes the way of every Response.
    pub fn execute_gpf(&mut self, now: Time, octets: &[u8]) {
        match self.answer_gpf(now, octets) {
            Ok(response) => self.say(now, Function::Gpf, &response),
            Err(refusal) => {
                if let Ok(view) = MessageView::parse(octets) {
                    self.blocks.forget(&view.id());
                }
                self.counters.count("gpf_refused");
                self.write_log(now, refusal.log_code(), None);
                self.events.push_back(Event::GpfRefused(refusal));
            }
        }
    }

    fn answer_gpf(&mut self, now: Time, octets: &[u8]) -> Result<Vec<u8>, LocalRefusal> {
        const ABILITIES: Abilities<'static> =
            Abilities { device: DeviceType::Gpf, executes: &|rules| executes(rules.use_case.code) };
        let identity = self.gpf_identity.as_mut().ok_or(LocalRefusal::WrongRows)?;
        let command = identity.authenticate(&self.crypto, ABILITIES, octets)?;
        let code = command.view.message_code();
        self.dirty |= identity.accept(&command);
        identity.can_answer(&self.crypto, &command)?;
        let (payload, succeeded) = if is_about_credentials(code) {
            let Done { payload, results } = identity.execute(&self.crypto, now, &command)?;
            (payload, results.iter().all(|result| *result == 0))
        } else {
            self.read_mirror(&command)?
        };
        let line = if succeeded { log_code::COMMAND_PASSED } else { log_code::COMMAND_NOT_PASSED };
        self.write_log(now, line, Some(code));
        self.events.push_back(Event::GpfExecuted { code, succeeded });
        let identity = self.gpf_identity.as_mut().ok_or(LocalRefusal::WrongRows)?;
        identity.respond(&self.crypto, now, &command, payload)
    }

    /// The payload of the Response, and whether it has everything.
    fn read_mirror(&self, command: &Authentic<'_>) -> Result<(Vec<u8>, bool), LocalRefusal> {
        let use_case = command.rules.use_case;
        let request = Payload::parse(command.view.payload()).map_err(LocalRefusal::BadPayload)?;
        if !use_case.matches_components(&request) {
            return Err(LocalRefusal::WrongRows);
        }
        let gsme = self.log.iter().find(|listed| listed.entry.kind == DeviceKind::Gsme).map(|listed| listed.entry.eui);
        let mut succeeded = true;
        let answer = |(asked, template): (&Component, &ComponentTemplate)| {
            let (body, complete) = self.mirrored(gsme, asked, template);
            succeeded &= complete;
            Component {
                frame_control: template.frame_control,
                command: READ_ATTRIBUTES_RESPONSE,
                content: Content::Plain(body),
                ..asked.clone()
            }
        };
        let answers: Vec<_> = request.components.iter().zip(use_case.answers).map(answer).collect();
        Ok((Payload::new(answers).encode(), succeeded))
    }

    /// What the mirror has of the attributes asked for, and whether it has all: one that the meter has not reported since the hub's power
    /// came is not there.
    fn mirrored(&self, gsme: Option<Eui64>, asked: &Component, template: &ComponentTemplate) -> (Body, bool) {
        let Some(Body::ReadAttributes(ids)) = asked.body() else { return (Body::Unknown(Vec::new().into()), false) };
        let mut payload = Vec::new();
        let mut complete = true;
        for id in ids {
            payload.extend(id.to_le_bytes());
            match gsme.and_then(|gsme| self.mirror.value(gsme, asked.cluster, *id)) {
                Some(value) => {
                    payload.extend([Status::Success.into(), value.data_type()]);
                    payload.extend(value.octets());
                }
                None => {
                    complete = false;
                    payload.push(Status::UnsupportedAttribute.into());
                }
            }
        }
        (Body::parse(asked.cluster, template.frame_control, READ_ATTRIBUTES_RESPONSE, &payload), complete)
    }
}
