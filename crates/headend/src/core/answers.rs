//! Answers of meters, whichever way they come: kept first, then proved.
use super::Core;
use crate::keys::DeviceKeys;
use crate::store::StoreError;
use crate::verify::{Verdict, replaced_key, verify_response};
use delivery::{DeliveryId, Input, Outcome, State};
use gbcs::block::{Block, Limits, Progress, Reassembler};
use gbcs::certificate::KeyUsage;
use gbcs::{Eui64, MessageView, Time};

/// The event that keeps a block of a Response.
const BLOCK: &str = "AnswerBlock";
/// Octets of blocks kept of one delivery: several times what all blocks of a Response can hold.
const MAX_BLOCKS_KEPT: usize = 1024 * 1024;

impl Core {
    /// Octets that somebody says are the Response to a delivery's Command.
    pub(super) fn answer_received(
        &mut self,
        now: Time,
        id: DeliveryId,
        octets: &[u8],
        by: &str,
    ) -> Result<(), StoreError> {
        if Block::begins(octets) {
            return self.block_received(now, id, octets, by);
        }
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

    /// A block of the Response, kept as evidence of its own. The Response is there when all of them are; they come in any order, and
    /// again after a lost acknowledgement.
    fn block_received(&mut self, now: Time, id: DeliveryId, octets: &[u8], by: &str) -> Result<(), StoreError> {
        let delivery = self.record(id)?.delivery;
        let block = match Block::parse(octets) {
            Ok(block) => block,
            Err(error) => {
                let detail = format!("from {by}: no block: {error}");
                let outcome = Outcome::Contradiction;
                return self.remark(now, delivery, "AnswerRejected", outcome, Some(&detail), Some(octets));
            }
        };
        if block.is_acknowledgement() {
            // What the device misses comes with the next attempt.
            let detail = format!("from {by}: the device has the blocks up to {} of the Command", block.acknowledged);
            return self.remark(now, delivery, "BlocksAcknowledged", Outcome::Stay, Some(&detail), Some(octets));
        }
        let kept = self.store.octets_of(id, BLOCK)?;
        if kept.iter().any(|known| known == octets) {
            return Ok(());
        }
        let held: usize = kept.iter().map(Vec::len).sum();
        if held + octets.len() > MAX_BLOCKS_KEPT {
            let detail = format!("from {by}: {held} octets of blocks are here already");
            return self.remark(now, delivery, "AnswerRejected", Outcome::Contradiction, Some(&detail), None);
        }
        let detail = format!("from {by}: block {} of the answer", block.number);
        self.remark(now, delivery, BLOCK, Outcome::Stay, Some(&detail), Some(octets))?;
        let limits = Limits { message: MAX_BLOCKS_KEPT, rounds: u8::MAX, ..Limits::default() };
        let mut reassembler = Reassembler::new(limits);
        let whole =
            kept.iter().map(Vec::as_slice).chain([octets]).find_map(|block| match reassembler.receive(now, block) {
                Ok(Progress::Complete(message)) => Some(message),
                _ => None,
            });
        match whole {
            Some(response) => self.answer_received(now, id, &response, by),
            None => Ok(()),
        }
    }

    /// The engine wants to know what the answer in hand is worth.
    pub(super) fn verify(&mut self, now: Time, id: DeliveryId) -> Result<(), StoreError> {
        let record = self.record(id)?;
        let (input, detail) = self.judge(now, &record)?;
        let proved = input != Input::AnswerFalse;
        if input == Input::Verified
            && let Some(command) = self.command_octets(now, &record)
            && let Ok(view) = MessageView::parse(&command)
            && let Some((usage, key)) = replaced_key(&view)
        {
            self.store.set_device_key(view.id().target, usage, &key)?;
        }
        self.apply(now, id, input, Some(&detail), None)?;
        let through_the_home = record.response_by.as_deref() == Some("ppmid");
        if proved && through_the_home && self.config.dcc.return_responses {
            self.return_response(now, id)?;
        }
        Ok(())
    }

    fn judge(&self, now: Time, record: &crate::store::Record) -> Result<(Input, String), StoreError> {
        let keys = self.device_keys(record.delivery.lane.device)?;
        let command = self.command_octets(now, record);
        let (Some(keys), Some(command), Some(response)) = (keys, command, record.response.as_deref()) else {
            return Ok((Input::AnswerFalse, "the device, its keys or its answer are not here any more".into()));
        };
        let Ok(view) = MessageView::parse(&command) else {
            return Ok((Input::AnswerFalse, "the stored Command cannot be read".into()));
        };
        let critical = record.delivery.critical;
        Ok(match verify_response(&view, critical, response, &self.keys.key_agreement, &keys) {
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
        })
    }

    /// The keys of a device: those of the configuration, or what it took since.
    fn device_keys(&self, device: Eui64) -> Result<Option<DeviceKeys>, StoreError> {
        let Some(known) = self.keys.devices.get(&device) else { return Ok(None) };
        let signing = self.store.device_key(device, KeyUsage::DigitalSignature)?.unwrap_or(known.signing);
        let agreement = self.store.device_key(device, KeyUsage::KeyAgreement)?.unwrap_or(known.agreement);
        Ok(Some(DeviceKeys { signing, agreement }))
    }
}
