//! Dealing with the DCC: documents out, answers in.
use super::Core;
use crate::client::Undelivered;
use crate::store::{Alert, AlertSource, Ask, Letter, Record, StoreError};
use delivery::{DccCode, Delivery, DeliveryId, Fault, Input, Outcome, State, Via};
use duis::body::LocalCommandResponse;
use duis::client::{self, Errand, Progress, Unusable, read_answer};
use duis::transform::TransformContext;
use duis::xml::Document;
use duis::{
    Body, CommandVariant, Content, DccAlert, DccAlertCode, DccEvent, FutureDatedOutcome, IssuerSerial, Refusal,
    Request, RequestId, Response, ResponseBody, ResponseCode, Srv,
};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Eui64, MessageView, Time, protect};
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

/// Return Local Command Response.
const RETURN: Srv = Srv::new(8, 13, 0);

/// The Command Variant of a Signed Pre-Command.
pub(super) const fn signed_variant(via: Via) -> CommandVariant {
    match via {
        Via::Wan => CommandVariant::SendSigned,
        Via::Local => CommandVariant::LocalSigned,
        Via::Both => CommandVariant::SendAndLocalSigned,
    }
}

/// No usable answer: the same document goes again.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Unanswered {
    /// How long the DCC asks to be left alone.
    fn pause(&self) -> Duration {
        match self {
            Self::Undelivered(undelivered) => undelivered.pause().unwrap_or_default(),
            Self::Unusable(_) => Duration::ZERO,
        }
    }
}

/// An answer that moves a delivery nowhere.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Answer(#[from] client::Fault),
    #[error("the device is not in the configuration any more")]
    Unknown,
}

/// A delivery as its User's errand.
fn errand(record: &Record, request: Request) -> Errand {
    let wanted = if record.delivery.critical { signed_variant(record.delivery.via) } else { request.header.variant };
    let signed =
        record.signed.clone().filter(|_| record.delivery.critical && record.delivery.state != State::Requested);
    Errand::resume(request, wanted, signed)
}

impl Core {
    /// Make, keep and send the next document of a delivery: the engine wants its answer.
    pub(super) fn ask(&mut self, now: Time, delivery: &Delivery) -> Result<(), StoreError> {
        self.store.save(delivery)?;
        let record = self.record(delivery.id)?;
        let Some(mut request) = parse_request(&record.request) else {
            error!(delivery = %delivery.id, "the stored request cannot be read");
            return Ok(());
        };
        request.header.id = record.request_id;
        let ask = if delivery.critical && delivery.state == State::Requested { Ask::Transform } else { Ask::Submit };
        if delivery.critical && ask == Ask::Submit && record.signed.is_none() {
            error!(delivery = %delivery.id, "no Signed Pre-Command is stored of a delivery that is prepared");
            return Ok(());
        }
        let document = errand(&record, request).document();
        self.post(now, delivery.id, ask, &document)
    }

    /// Give the DCC the Response that came through the home (DUIS 4.6).
    pub(super) fn return_response(&mut self, now: Time, id: DeliveryId) -> Result<(), StoreError> {
        let record = self.record(id)?;
        let Some(response) = record.response else { return Ok(()) };
        let counter = self.store.next_counter(self.config.originator, now)?;
        let own = RequestId { originator: self.config.originator, target: self.config.dcc.id, counter };
        let returned = LocalCommandResponse { original: Some(record.request_id), response };
        let request = Request::new(own, RETURN, CommandVariant::NonDevice, Body::ReturnLocalCommandResponse(returned));
        self.post(now, id, Ask::Return, &request)
    }

    fn post(&mut self, now: Time, id: DeliveryId, ask: Ask, request: &Request) -> Result<(), StoreError> {
        let Some(service) = request.header.variant.service() else { return Ok(()) };
        match request.sign(&AwsLc, &self.keys.xml) {
            Ok(document) => {
                let letter = self.store.post(id, ask, service.path(), request.header.id, document, now)?;
                self.letters.insert(letter.sequence, letter);
            }
            // The delivery waits for an answer that does not come, and expires.
            Err(error) => error!(delivery = %id, %error, "the document cannot be signed"),
        }
        Ok(())
    }

    pub(super) fn dcc_answered(
        &mut self,
        now: Time,
        sequence: i64,
        result: Result<String, Undelivered>,
    ) -> Result<(), StoreError> {
        let Some(letter) = self.letters.get(&sequence).cloned() else { return Ok(()) };
        let response = match self.read_answer(&letter, result) {
            Ok(response) => response,
            Err(trouble) => return self.unanswered(now, letter, &trouble),
        };
        self.letters.remove(&sequence);
        self.store.letter_done(sequence, now)?;
        match letter.ask {
            Ask::Transform => self.transformed(now, &letter, &response),
            Ask::Submit => self.submitted(now, &letter, &response),
            Ask::Return => self.returned(now, &letter, &response),
        }
    }

    fn read_answer(&self, letter: &Letter, result: Result<String, Undelivered>) -> Result<Response, Unanswered> {
        let text = result?;
        let lookup = |certificate: &IssuerSerial| self.keys.dcc.get(certificate).copied();
        Ok(read_answer(&AwsLc, &text, letter.request_id, lookup)?)
    }

    /// The same document goes again later. The first failure, and each of another kind, is an event of the delivery.
    fn unanswered(&mut self, now: Time, mut letter: Letter, trouble: &Unanswered) -> Result<(), StoreError> {
        let reason = trouble.to_string();
        let is_news = letter.last_error.as_ref() != Some(&reason);
        letter.failures += 1;
        letter.next_try = now + self.config.backoff(letter.failures).max(trouble.pause());
        letter.last_error = Some(reason.clone());
        self.store.letter_failed(&letter)?;
        if is_news {
            let delivery = self.record(letter.delivery)?.delivery;
            self.remark(now, delivery, "DccTrouble", Outcome::Stay, Some(&reason), None)?;
        }
        self.letters.insert(letter.sequence, letter);
        Ok(())
    }

    /// The answer to a critical request: its Pre-Command is checked against the request before it is signed (DUIS 11.1).
    fn transformed(&mut self, now: Time, letter: &Letter, response: &Response) -> Result<(), StoreError> {
        let id = letter.delivery;
        match self.take(now, &self.record(id)?, response) {
            Ok(Progress::Signed { made, pre_command, signed }) => {
                self.store.set_signed(id, &signed)?;
                let detail = format!("{} {}", made.use_case.name, made.use_case.code);
                self.apply(now, id, Input::PreCommandReceived, Some(&detail), Some(&pre_command))?;
                Ok(())
            }
            Ok(_) => self.faulty(now, id, Fault::DccAnswer, "no Pre-Command in the answer"),
            Err(unfit) => self.unfit(now, id, unfit, Fault::PreCommandDiffers),
        }
    }

    /// The answer to what makes a Command (DUIS 11.2).
    fn submitted(&mut self, now: Time, letter: &Letter, response: &Response) -> Result<(), StoreError> {
        let id = letter.delivery;
        let record = self.record(id)?;
        let command = match self.take(now, &record, response) {
            Ok(Progress::Command(command)) => command,
            Ok(Progress::Accepted) => {
                self.apply(now, id, Input::WanAccepted, Some(response.code.as_str()), None)?;
                return Ok(());
            }
            Ok(_) => return self.faulty(now, id, Fault::DccAnswer, "no Command in the answer"),
            Err(unfit) => return self.unfit(now, id, unfit, Fault::CommandDiffers),
        };
        if MessageView::parse(&command).map(|view| view.id()) != Ok(record.request_id.command()) {
            return self.faulty(now, id, Fault::CommandDiffers, "the Command has other ids than the request");
        }
        self.store.set_command(id, &command)?;
        let digest = hex::encode(AwsLc.sha256(&[&command]));
        let detail = format!("{} octets, SHA-256 {digest}", command.len());
        self.apply(now, id, Input::CommandReceived, Some(&detail), None)?;
        Ok(())
    }

    /// What an answer brings, by the rules of every User.
    fn take(&self, now: Time, record: &Record, response: &Response) -> Result<Progress, Unfit> {
        if response.code.is_error() {
            return Err(client::Fault::Refused(response.code.clone()).into());
        }
        let asked = self.what_was_asked(now, &record.request, record.request_id);
        let (request, context) = asked.ok_or(Unfit::Unknown)?;
        let sign = |octets: &[u8]| protect::sign(&AwsLc, &self.keys.gbcs_signing, octets);
        Ok(errand(record, request).take(response, &context, sign)?)
    }

    fn unfit(&mut self, now: Time, id: DeliveryId, unfit: Unfit, differs: Fault) -> Result<(), StoreError> {
        match &unfit {
            Unfit::Answer(client::Fault::Refused(code)) => self.refused(now, id, code),
            Unfit::Answer(client::Fault::Content { .. }) => self.faulty(now, id, Fault::DccAnswer, &unfit.to_string()),
            _ => self.faulty(now, id, differs, &unfit.to_string()),
        }
    }

    fn returned(&mut self, now: Time, letter: &Letter, response: &Response) -> Result<(), StoreError> {
        let code = response.code.as_str();
        let taken = !response.code.is_error() || self.is_replay(&response.code);
        let (event, outcome) =
            if taken { ("Returned", Outcome::Stay) } else { ("ReturnRefused", Outcome::Contradiction) };
        let delivery = self.record(letter.delivery)?.delivery;
        self.remark(now, delivery, event, outcome, Some(code), None)
    }

    /// An error code in answer to a document.
    fn refused(&mut self, now: Time, id: DeliveryId, code: &ResponseCode) -> Result<(), StoreError> {
        let detail = code.meaning().map(|meaning| format!("{code}: {meaning}")).unwrap_or_else(|| code.to_string());
        let record = self.record(id)?;
        let delivery = &record.delivery;
        if self.is_replay(code) {
            if delivery.wan {
                // It arrived the first time: the DCC sends it, and its answer got lost.
                self.apply(now, id, Input::WanAccepted, Some(&detail), None)?;
                return Ok(());
            }
            if delivery.lane.space == delivery::CounterSpace::Ordinary {
                // What was made the first time reached nobody, so another counter does no harm (DUIS 4.9).
                let counter = self.store.next_counter(self.config.originator, now)?;
                self.store.rename(id, RequestId { counter, ..record.request_id })?;
                self.apply(now, id, Input::Renumbered(counter), Some(&detail), None)?;
                return Ok(());
            }
        }
        self.apply(now, id, Input::DccRefused(DccCode::new(code.as_str())), Some(&detail), None)?;
        Ok(())
    }

    fn faulty(&mut self, now: Time, id: DeliveryId, fault: Fault, reason: &str) -> Result<(), StoreError> {
        warn!(delivery = %id, reason, "the DCC's answer is unfit for use");
        self.apply(now, id, Input::DccFaulty(fault), Some(reason), None)?;
        Ok(())
    }

    fn is_replay(&self, code: &ResponseCode) -> bool {
        self.config.dcc.replayed.iter().any(|replayed| replayed == code.as_str())
    }

    /// The request as it was sent, and what the device is.
    fn what_was_asked(&self, now: Time, stored: &str, id: RequestId) -> Option<(Request, TransformContext)> {
        let mut request = parse_request(stored)?;
        request.header.id = id;
        let context = self.config.transform_context(id.target, now)?;
        Some((request, context))
    }

    /// What the Response will be an answer to, where the Command itself never came here (WAN only).
    pub(super) fn command_octets(&self, now: Time, record: &crate::store::Record) -> Option<Vec<u8>> {
        if let Some(octets) = record.command.as_ref().or(record.signed.as_ref().filter(|_| record.delivery.critical)) {
            return Some(octets.clone());
        }
        let (request, context) = self.what_was_asked(now, &record.request, record.request_id)?;
        duis::transform(&request, &context).ok().map(|made| made.octets)
    }

    /// What the DCC delivers by itself (Receive Response Service). Stored before it is acknowledged; the same one may come again.
    pub(super) fn received(
        &mut self,
        now: Time,
        text: &str,
        reply: oneshot::Sender<Result<(), Refusal>>,
    ) -> Result<(), StoreError> {
        let accepted = Response::accept(&AwsLc, text, |certificate| self.keys.dcc.get(certificate).copied());
        let response = match accepted {
            Ok(response) => response,
            Err(refusal) => {
                warn!(%refusal, "a response was not accepted");
                self.reply(reply, Err(refusal));
                return Ok(());
            }
        };
        self.file_response(now, &response, text)?;
        self.reply(reply, Ok(()));
        Ok(())
    }

    fn file_response(&mut self, now: Time, response: &Response, text: &str) -> Result<(), StoreError> {
        match &response.body {
            ResponseBody::Message { content: Content::DeviceResponse(octets), .. } => {
                match self.whom_it_answers(response, octets)? {
                    Some(id) => self.answer_received(now, id, octets, "dcc"),
                    None => {
                        info!(request = ?response.request_id, "a response to no delivery of ours");
                        Ok(())
                    }
                }
            }
            ResponseBody::Message { content: Content::Acknowledgement, .. } => {
                let Some(request_id) = response.request_id else { return Ok(()) };
                let Some(id) = self.store.by_request_id(request_id)? else { return Ok(()) };
                if response.code.is_error() {
                    let code = DccCode::new(response.code.as_str());
                    let silent = [ResponseCode::E21, ResponseCode::E30].contains(&response.code);
                    let input = if silent { Input::WanSilent(code) } else { Input::DccRefused(code) };
                    self.apply(now, id, input, response.code.meaning(), None)?;
                }
                Ok(())
            }
            ResponseBody::DeviceAlert(alert) => {
                let device = response.device();
                self.keep_alert(now, AlertSource::Device, device, None, Some(alert.code.0), None, &alert.payload)?;
                Ok(())
            }
            ResponseBody::Message { content: Content::FutureDatedAlert(alert), .. } => {
                let about = response.request_id.map(|id| self.store.by_request_id(id)).transpose()?.flatten();
                let what = format!("instruction {} of {}", alert.instruction, alert.instructions);
                let octets = &alert.payload;
                let code = match alert.outcome {
                    FutureDatedOutcome::Done => 0x8F66,
                    FutureDatedOutcome::NotDone => 0x8F67,
                };
                let device = response.device();
                let is_new =
                    self.keep_alert(now, AlertSource::Device, device, about, Some(code), Some(&what), octets)?;
                match about.filter(|_| is_new) {
                    Some(id) => self.report(now, id, "DatedInstruction", &format!("{code:04X}, {what}"), octets),
                    None => Ok(()),
                }
            }
            ResponseBody::DccAlert(alert) => self.dcc_alert(now, response, alert, text),
            _ => {
                let octets = text.as_bytes();
                self.keep_alert(now, AlertSource::Dcc, response.device(), None, None, None, octets)?;
                Ok(())
            }
        }
    }

    /// An alert of the DCC, kept with the delivery it is about; one that says that a Command failed on the WAN moves it.
    fn dcc_alert(&mut self, now: Time, response: &Response, alert: &DccAlert, text: &str) -> Result<(), StoreError> {
        let about = response.about().map(|id| self.store.by_request_id(id)).transpose()?.flatten();
        let meaning = alert.code.meaning().filter(|known| known.event == alert.event.element());
        let meaning = meaning.map(|known| format!(": {}", known.meaning)).unwrap_or_default();
        let name = format!("{} {}{meaning}", alert.code, alert.event.element());
        let octets = text.as_bytes();
        let is_new = self.keep_alert(now, AlertSource::Dcc, response.device(), about, None, Some(&name), octets)?;
        let Some(id) = about.filter(|_| is_new) else { return Ok(()) };
        self.report(now, id, "DccAlert", &name, octets)?;
        if let DccEvent::CommandFailure(_) = alert.event
            && self.record(id)?.delivery.via.uses_wan()
        {
            let code = alert.code.to_string();
            let code = DccCode::new(&code);
            // No answer (N13) leaves open what the device did, as E21 does.
            let silent = alert.code == DccAlertCode::N(13);
            let input = if silent { Input::WanSilent(code) } else { Input::DccRefused(code) };
            self.apply(now, id, input, Some(&name), None)?;
        }
        Ok(())
    }

    /// Something the DCC says of a delivery that changes nothing of it.
    fn report(&mut self, now: Time, id: DeliveryId, event: &str, what: &str, octets: &[u8]) -> Result<(), StoreError> {
        let delivery = self.record(id)?.delivery;
        self.remark(now, delivery, event, Outcome::Stay, Some(what), Some(octets))
    }

    /// `false` if it is here already.
    #[allow(clippy::too_many_arguments, reason = "the columns of a row")]
    fn keep_alert(
        &mut self,
        now: Time,
        source: AlertSource,
        device: Option<Eui64>,
        delivery: Option<DeliveryId>,
        code: Option<u16>,
        name: Option<&str>,
        octets: &[u8],
    ) -> Result<bool, StoreError> {
        let (name, octets) = (name.map(str::to_owned), octets.to_vec());
        let digest = AwsLc.sha256(&[&octets]);
        let is_new = self.store.keep_alert(digest, &Alert { at: now, source, device, delivery, code, name, octets })?;
        if is_new {
            info!(?device, ?code, source = source.as_str(), "alert");
        }
        Ok(is_new)
    }

    fn whom_it_answers(&self, response: &Response, octets: &[u8]) -> Result<Option<DeliveryId>, StoreError> {
        if let Some(request_id) = response.request_id
            && let Some(id) = self.store.by_request_id(request_id)?
        {
            return Ok(Some(id));
        }
        let Ok(view) = MessageView::parse(octets) else { return Ok(None) };
        let command = view.id().answer();
        self.store.by_message(command.originator, command.target, command.counter)
    }
}

fn parse_request(stored: &str) -> Option<Request> {
    Request::parse(&Document::parse(stored).ok()?).ok()
}
