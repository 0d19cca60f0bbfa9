//! Dealing with PPMIDs: Releases out, receipts and answers in.
use super::{Core, Effect};
use crate::store::{Record, StoreError};
use delivery::{Input, Outcome, ReleaseOrder, Stage, Step};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Eui64, MessageView, Time};
use handover::{Answer, Receipt, Release, Upward, Warrant};
use link::LinkEvent;
use tracing::{error, info, warn};

impl Core {
    /// A Release goes out under a warrant of the engine's terms.
    pub(super) fn release(&mut self, now: Time, order: &ReleaseOrder, step: &Step) -> Result<(), StoreError> {
        let detail = format!("attempt {} to {}", order.attempt, order.ppmid);
        self.note(now, step, Some(&detail), None)?;
        let record = self.record(order.id)?;
        let Some(command) = record.command else {
            error!(delivery = %order.id, "no Command is stored of a delivery that is queued");
            return Ok(());
        };
        let Ok(view) = MessageView::parse(&command) else {
            error!(delivery = %order.id, "the stored Command cannot be read");
            return Ok(());
        };
        let warrant = Warrant {
            delivery: order.id,
            attempt: order.attempt,
            command_hash: AwsLc.sha256(&[&command]),
            target: view.id().target,
            code: view.message_code(),
            ppmid: order.ppmid,
            nonce: order.nonce,
            not_after: order.not_after,
        };
        let release = Release { head_end: self.config.head_end, warrant, command };
        match release.seal(&AwsLc, &self.keys.warrant) {
            Ok(payload) => self.effects.push(Effect::Release { ppmid: order.ppmid, payload }),
            // Then no receipt comes, and another attempt is made.
            Err(error) => error!(delivery = %order.id, %error, "the warrant cannot be signed"),
        }
        Ok(())
    }

    pub(super) fn link_event(&mut self, now: Time, event: LinkEvent) -> Result<(), StoreError> {
        match event {
            LinkEvent::Connected { device } => {
                info!(ppmid = %device, "connected");
                self.connected.insert(device);
                self.engine.link_up(device);
                self.store.link_changed(device, true, now)
            }
            LinkEvent::Subscribed { .. } => Ok(()),
            LinkEvent::Disconnected { device, reason } => {
                info!(ppmid = %device, %reason, "disconnected");
                self.connected.remove(&device);
                for step in self.engine.link_down(now, device) {
                    self.note(now, &step, Some(&reason.to_string()), None)?;
                }
                self.store.link_changed(device, false, now)
            }
            LinkEvent::Up { device, payload, ack } => {
                self.heard(now, device, &payload)?;
                // Whether it was of use or not: the same octets would be of no more use again.
                self.effects.push(Effect::Acknowledge(ack));
                Ok(())
            }
        }
    }

    /// A message of a PPMID, who must have signed it as the very one that the connection belongs to.
    fn heard(&mut self, now: Time, device: Eui64, payload: &[u8]) -> Result<(), StoreError> {
        let key_of = |signer| self.keys.ppmids.get(&signer).copied().filter(|_| signer == device);
        match Upward::open(payload, &AwsLc, key_of) {
            Ok(Upward::Hello(hello)) => {
                for step in self.engine.hello(now, device, hello.nonce, hello.time, &hello.open) {
                    self.note(now, &step, Some("the PPMID says that it has the Command"), None)?;
                }
                Ok(())
            }
            Ok(Upward::Receipt(receipt)) => self.receipt(now, &receipt, payload),
            Ok(Upward::Answer(answer)) => self.carried_answer(now, &answer, payload),
            Err(error) => {
                warn!(ppmid = %device, %error, octets = payload.len(), "a message was not accepted");
                Ok(())
            }
        }
    }

    fn receipt(&mut self, now: Time, receipt: &Receipt, evidence: &[u8]) -> Result<(), StoreError> {
        self.receipt_of(now, receipt, evidence)?;
        // After the receipt, so that the next Release knows of it.
        self.engine.fresh_nonce(now, receipt.ppmid, receipt.nonce, receipt.time);
        Ok(())
    }

    fn receipt_of(&mut self, now: Time, receipt: &Receipt, evidence: &[u8]) -> Result<(), StoreError> {
        let Receipt { ppmid, delivery: id, attempt, stage, .. } = *receipt;
        let Some(record) = self.carried(ppmid, receipt.delivery, &receipt.command_hash)? else {
            warn!(%ppmid, delivery = %id, "a receipt for nothing that was released");
            return Ok(());
        };
        let detail = match stage {
            Stage::Held | Stage::OnHan => format!("attempt {attempt}, {ppmid}"),
            Stage::Refused(reason) => format!("attempt {attempt}, {ppmid}: {reason}"),
        };
        if let Some(step) = self.engine.receipt(now, ppmid, id, attempt, stage) {
            return self.note(now, &step, Some(&detail), Some(evidence));
        }
        let input = match stage {
            Stage::Held => Input::ReceiptHeld,
            Stage::OnHan => Input::ReceiptOnHan,
            Stage::Refused(reason) => Input::CarrierRefused(reason, delivery::Retry::Never),
        };
        self.note_late(now, record.delivery, input, Some(&detail), Some(evidence)).map(drop)
    }

    fn carried_answer(&mut self, now: Time, answer: &Answer, evidence: &[u8]) -> Result<(), StoreError> {
        match self.carried(answer.ppmid, answer.delivery, &answer.command_hash)? {
            Some(record) => {
                if record.delivery.attempts == 0 {
                    let outcome = Outcome::Contradiction;
                    let detail = "an answer through the home to what was never released";
                    return self.remark(now, record.delivery, "AnswerRejected", outcome, Some(detail), Some(evidence));
                }
                self.answer_received(now, answer.delivery, &answer.response, "ppmid")
            }
            None => {
                warn!(ppmid = %answer.ppmid, delivery = %answer.delivery, "an answer to nothing that was released");
                Ok(())
            }
        }
    }

    /// The delivery that a PPMID speaks of, if it is one of its own and the Command the same.
    fn carried(
        &self,
        ppmid: Eui64,
        id: delivery::DeliveryId,
        command_hash: &[u8; 32],
    ) -> Result<Option<Record>, StoreError> {
        let record = self.store.record(id)?.filter(|record| record.delivery.carrier == Some(ppmid));
        let is_the_same = |command: &Vec<u8>| AwsLc.sha256(&[command]) == *command_hash;
        Ok(record.filter(|record| record.command.as_ref().is_some_and(is_the_same)))
    }
}
