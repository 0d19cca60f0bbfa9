//! The GPF as a device: reads of what it mirrors of the gas meter, by suppliers, network operators and the ACB, answered from the hub
//! while the meter sleeps (GBCS 10.3; use cases GCS21j, GCS33, GCS38, GCS46, GCS60).
//!
//! Which Commands these are follows from the catalogue: those whose components all read attributes that a gas meter reports to its mirror,
//! and whose answers are in the clear. Others come out as [`Event::Local`](crate::Event::Local).
use crate::chf::ChfRefusal;
use crate::config::{DeviceKind, GpfKeys};
use crate::event::{Event, log_code};
use crate::exchange::Exchange;
use crate::routing::Function;
use alloc::vec::Vec;
use gbcs::catalogue::{self, Arguments, ComponentTemplate, DeviceType, Family, Originator, UseCase};
use gbcs::crypto::{Crypto, PublicKey};
use gbcs::envelope::{GroupingHeader, OtherInformation};
use gbcs::gbz::zcl::{Body, READ_ATTRIBUTES_RESPONSE};
use gbcs::gbz::{Component, Content, Payload};
use gbcs::{Cra, Eui64, Form, Message, MessageCode, MessageView, Time, protect};
use han::zcl::Status;
use han::zcl::display::cluster;

/// GCS60a carries the time and the status of the clock in its header, which this core does not vouch for.
const WITH_CLOCK_STATUS: MessageCode = MessageCode(0x012A);

/// Whether the GPF answers Commands of this code itself.
pub(crate) fn answers(code: MessageCode) -> bool {
    use_case(code).is_some()
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
        let Some(keys) = self.gpf_keys.clone() else { return };
        let executed = self.check_gpf(&keys, octets).and_then(|(view, reader)| self.answer_gpf(&keys, &view, &reader));
        match executed {
            Ok((code, succeeded, response)) => {
                let line = if succeeded { log_code::COMMAND_PASSED } else { log_code::COMMAND_NOT_PASSED };
                self.write_log(now, line, Some(code));
                self.events.push_back(Event::GpfExecuted { code, succeeded });
                self.say(now, Function::Gpf, &response);
            }
            Err(refusal) => {
                self.counters.count("gpf_refused");
                self.write_log(now, refusal.log_code(), None);
                self.events.push_back(Event::GpfRefused(refusal));
            }
        }
    }

    /// The checks in the order of GBCS 6.2.4; with the message, the key of whoever reads the Response.
    fn check_gpf<'a>(&self, keys: &GpfKeys, octets: &'a [u8]) -> Result<(MessageView<'a>, PublicKey), ChfRefusal> {
        let view = MessageView::parse(octets).map_err(ChfRefusal::Malformed)?;
        let id = view.id();
        let use_case = use_case(view.message_code()).filter(|_| id.cra == Cra::Command).ok_or(ChfRefusal::NotForHub)?;
        let (role, reader) = keys.party(id.originator).ok_or(ChfRefusal::NoAuthority(id.originator))?;
        if !use_case.allows(role) {
            return Err(ChfRefusal::NoAuthority(id.originator));
        }
        if view.form() != Form::Maced || view.signature().is_some() {
            return Err(ChfRefusal::WrongForm);
        }
        let z = self.crypto.agree(&keys.own, &keys.acb_key).map_err(|_| ChfRefusal::BadMac)?;
        protect::verify_mac(&self.crypto, &z, &view).map_err(|_| ChfRefusal::BadMac)?;
        Ok((view, reader))
    }

    fn answer_gpf(
        &self,
        keys: &GpfKeys,
        view: &MessageView<'_>,
        reader: &PublicKey,
    ) -> Result<(MessageCode, bool, Vec<u8>), ChfRefusal> {
        let code = view.message_code();
        let use_case = use_case(code).ok_or(ChfRefusal::NotForHub)?;
        let request = Payload::parse(view.payload()).map_err(ChfRefusal::Malformed)?;
        if !use_case.matches_components(&request) {
            return Err(ChfRefusal::WrongRows);
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
        let supplementary = view.other_information().to_owned().supplementary;
        let other = OtherInformation { code, supplementary };
        let header = GroupingHeader { id: view.id().answer(), date_time: None, other };
        let z = self.crypto.agree(&keys.own, reader).map_err(|_| ChfRefusal::BadMac)?;
        let plain = Message::plain(header, Payload::new(answers).encode()).encode();
        let response = protect::add_mac(&self.crypto, &z, &plain).map_err(|_| ChfRefusal::BadMac)?;
        Ok((code, succeeded, response))
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

impl GpfKeys {
    /// Who this is to the GPF, and the key that closes what is for him.
    fn party(&self, eui: Eui64) -> Option<(Originator, PublicKey)> {
        if eui == self.acb {
            return Some((Originator::AccessControlBroker, self.acb_key));
        }
        self.parties.iter().find(|party| party.eui == eui).map(|party| (party.role, party.key))
    }
}
