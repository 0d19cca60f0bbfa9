//! Answers of meters, whichever way they come: kept first, then proved.
use super::Core;
use crate::store::StoreError;
use crate::verify::{Verdict, verify_response};
use delivery::{DeliveryId, Input, Outcome, State};
use gbcs::{MessageView, Time};

impl Core {
    /// Octets that somebody says are the Response to a delivery's Command.
    pub(super) fn answer_received(
        &mut self,
        now: Time,
        id: DeliveryId,
        octets: &[u8],
        by: &str,
    ) -> Result<(), StoreError> {
        let record = self.record(id)?;
        // The same Response comes more than once: by WAN and through the home, and whenever an acknowledgement got lost.
        if record.response.as_deref() == Some(octets) && record.delivery.state != State::Unknown {
            return Ok(());
        }
        let command = self.command_octets(now, &record);
        let expected =
            command.as_deref().and_then(|octets| MessageView::parse(octets).ok()).map(|view| view.id().answer());
        let found = MessageView::parse(octets);
        if let Some(problem) = match (&found, expected) {
            (Err(error), _) => Some(format!("no GBCS message: {error}")),
            (Ok(view), Some(expected)) if view.id() != expected => {
                Some(format!("the message is {}, the answer would be {expected}", view.id()))
            }
            (Ok(_), None) => Some("there is no Command that it could answer".to_owned()),
            _ => None,
        } {
            // It does not even claim to be the answer, so it moves nothing.
            let detail = format!("from {by}: {problem}");
            let outcome = Outcome::Contradiction;
            return self.remark(now, record.delivery, "AnswerRejected", outcome, Some(&detail), Some(octets));
        }
        if !record.delivery.state.is_terminal() {
            self.store.set_response(id, octets, by)?;
        }
        let detail = format!("{} octets from {by}", octets.len());
        self.apply(now, id, Input::AnswerReceived, Some(&detail), Some(octets))?;
        Ok(())
    }

    /// The engine wants to know what the answer in hand is worth.
    pub(super) fn verify(&mut self, now: Time, id: DeliveryId) -> Result<(), StoreError> {
        let record = self.record(id)?;
        let (input, detail) = self.judge(now, &record);
        let proved = input != Input::AnswerFalse;
        self.apply(now, id, input, Some(&detail), None)?;
        let through_the_home = record.response_by.as_deref() == Some("ppmid");
        if proved && through_the_home && self.config.dcc.return_responses {
            self.return_response(now, id)?;
        }
        Ok(())
    }

    fn judge(&self, now: Time, record: &crate::store::Record) -> (Input, String) {
        let keys = self.keys.devices.get(&record.delivery.lane.device);
        let command = self.command_octets(now, record);
        let (Some(keys), Some(command), Some(response)) = (keys, command, record.response.as_deref()) else {
            return (Input::AnswerFalse, "the device, its keys or its answer are not here any more".into());
        };
        let Ok(view) = MessageView::parse(&command) else {
            return (Input::AnswerFalse, "the stored Command cannot be read".into());
        };
        let critical = record.delivery.critical;
        match verify_response(&view, critical, response, &self.keys.key_agreement, keys) {
            Ok(verdict) => {
                let proof = if critical { "signature" } else { "MAC" };
                let detail = format!("the {proof} of {} verifies", record.delivery.lane.device);
                match verdict {
                    Verdict::Success => (Input::Verified, detail),
                    Verdict::Failure(fault) => (
                        Input::MeterRefused(fault),
                        format!("{detail}: result {} to instruction {}", fault.result, fault.instruction),
                    ),
                }
            }
            Err(falsehood) => (Input::AnswerFalse, falsehood.to_string()),
        }
    }
}
