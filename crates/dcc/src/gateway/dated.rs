//! What comes of Commands: how requests ended, and what devices did at the dates inside Commands (DUIS 4.7, 4.8).
use super::Gateway;
use super::report::key_of;
use crate::access::Failure;
use crate::dated as alerts;
use crate::sequence::Ending;
use crate::store::Transaction;
use crate::store::{Dated, Known, dated, held};
use duis::response::answer::{FutureDatedAlert, FutureDatedOutcome};
use duis::{Content, Execution, RequestHeader, RequestId, Response, ResponseCode, Srv};
use gbcs::{Cra, MessageId, MessageView, Time};
use tracing::{info, warn};

impl Gateway {
    /// A Command with a date goes to its device, which is to tell what it did at that date.
    pub(super) fn expect_alerts(
        &self,
        transaction: &Transaction<'_>,
        header: &RequestHeader,
        execution: Execution,
        command: &MessageView<'_>,
    ) -> Result<(), Failure> {
        let Execution::At(at) = execution else { return Ok(()) };
        let instructions = alerts::count(command);
        if instructions > 0 {
            let due = at + self.config.limits.dated_alerts;
            let (originator, code) = (command.id().originator, command.message_code());
            let dated = Dated { request: header.id, srv: header.srv, originator, code, instructions, due };
            dated::expect(transaction, &dated)?;
        }
        Ok(())
    }

    /// A device answered: who waits for the request may go on; a date that it refused, or was told to forget, is not waited for.
    pub(super) fn conclude(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        response: &MessageView<'_>,
        now: Time,
    ) -> Result<(), Failure> {
        let id = known.id;
        if crate::outcome::succeeded(response) {
            held::end(transaction, id, Ending::Succeeded, now)?;
            dated::replace(transaction, id, response.id().target, response.message_code())?;
        } else {
            held::end(transaction, id, Ending::Failed, now)?;
            dated::forget(transaction, id)?;
        }
        self.changed.notify_one();
        Ok(())
    }

    /// An Alert about a date inside a Command, told as the outcome of its request; `false` when it is about none known.
    pub(super) fn tell_of_date(
        &self,
        transaction: &Transaction<'_>,
        alert: &MessageView<'_>,
        now: Time,
    ) -> Result<bool, Failure> {
        let Some(told) = alerts::told(alert) else { return Ok(false) };
        let MessageId { originator: device, target, .. } = alert.id();
        let command = MessageId { originator: target, target: device, cra: Cra::Command, counter: told.counter };
        let Some(known) = crate::store::by_message(transaction, &command)? else { return Ok(false) };
        let place = MessageView::parse(&known.command).ok().and_then(|command| told.place_in(&command));
        let Some((instruction, instructions)) = place else {
            warn!(request = %known.id, alert = %alert.id(), "an Alert about no dated instruction of its Command");
            return Ok(false);
        };
        if dated::told(transaction, known.id, instruction)? {
            self.learn_of_date(transaction, &known, alert, now)?;
        }
        info!(request = %known.id, instruction, instructions, done = told.done, "a date has come");
        let outcome = if told.done { FutureDatedOutcome::Done } else { FutureDatedOutcome::NotDone };
        let payload = alert.octets().to_vec();
        let content = Content::FutureDatedAlert(FutureDatedAlert { outcome, payload, instruction, instructions });
        let response = Response::device_answer(known.id, known.srv, ResponseCode::I0, now, content);
        self.tell(transaction, known.id.originator, &key_of(alert.octets()), &response, None)?;
        Ok(true)
    }

    /// A device did not tell in time what it did at a date.
    pub(super) fn lose_date(&self, id: RequestId, srv: Srv, now: Time) -> Result<(), Failure> {
        warn!(request = %id, "a device did not tell what it did at its date");
        self.store.transact(|transaction| {
            dated::forget(transaction, id)?;
            let answer = Response::answer(id, srv, ResponseCode::E30, now, Content::Acknowledgement);
            self.tell(transaction, id.originator, &format!("{id} E30"), &answer, None)
        })
    }
}
