//! What the WAN brings, or does not bring, and what Users are told of it.
use super::gates::{dcc_alert, schedule_id};
use super::{Gateway, internal};
use crate::access::Failure;
use crate::sequence::Ending;
use crate::store::Transaction;
use crate::store::{Known, callbacks, dated, held, schedules};
use duis::response::alert::CommandFailure;
use duis::response::answer;
use duis::{Content, DccEvent, RequestId, Response, ResponseCode, Srv};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::payload::Payload;
use gbcs::{Cra, Eui64, MessageView, Time};
use tracing::warn;

impl Gateway {
    /// A message that came by WAN: what it says is learnt, and who is to be told of it is told, durable when this returns. What
    /// a hub repeats is heard once.
    pub fn receive(&self, octets: &[u8], now: Time) -> Result<(), Failure> {
        let view = match MessageView::parse(octets) {
            Ok(view) => view,
            Err(error) => {
                warn!(%error, "the WAN brought no GBCS message");
                return Ok(());
            }
        };
        let known = match view.cra() {
            Cra::Response => self.store.by_message(&view.id().answer())?,
            _ => None,
        };
        let verified = match &known {
            Some(known) => self.verify_answer(&known.command, &view),
            None => self.verify(&view),
        };
        self.store.transact(|transaction| {
            if !callbacks::is_first(transaction, &key_of(octets), now)? {
                return Ok(());
            }
            match (view.cra(), known) {
                (Cra::Alert, _) => self.alert(transaction, &view, verified, now),
                (Cra::Response, Some(known)) => {
                    match verified {
                        Ok(()) => {
                            self.conclude(transaction, &known, &view, now)?;
                            self.learn(transaction, &known, &view, now)?;
                        }
                        Err(reason) => warn!(reason, message = %view.id(), "nothing is learnt of a Response"),
                    }
                    self.pass_on(transaction, &known, &view, now)
                }
                _ => {
                    warn!(message = %view.id(), "the WAN brought what nobody asked for");
                    Ok(())
                }
            }
        })
    }

    /// Whether a message is its device's, as far as the DCC can tell: a signature always, a MAC where it is for the broker.
    pub(super) fn verify(&self, view: &MessageView<'_>) -> Result<(), String> {
        let device = view.id().originator;
        let keys = self.store.device_keys(device).map_err(|error| error.to_string())?;
        let keys = keys.ok_or_else(|| format!("the SMKI knows no certificate of device {device}"))?;
        if view.signature().is_some() {
            let verified = gbcs::protect::verify_signature(&AwsLc, &keys.digital_signature, view);
            verified.map_err(|error| error.to_string())?;
        }
        if view.mac().is_some() && view.id().target == self.acb.id {
            let secret = self.broker.secret(&self.config.keys, &keys.key_agreement);
            let verified = secret.and_then(|secret| gbcs::protect::verify_mac(&AwsLc, &secret, view));
            verified.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A device's Response for the User who asked.
    fn pass_on(
        &self,
        transaction: &Transaction<'_>,
        known: &Known,
        view: &MessageView<'_>,
        now: Time,
    ) -> Result<(), Failure> {
        let payload = view.octets().to_vec();
        let content = match schedules::of(transaction, known.id)? {
            Some(schedule) => {
                Content::Scheduled(answer::ScheduledMessage { payload, schedule: schedule_id(schedule)? })
            }
            None => match customer_number(known) {
                Some(number) => Content::CustomerNumber(answer::CustomerNumber { payload, number }),
                None => Content::DeviceResponse(payload),
            },
        };
        let response = Response::device_answer(known.id, known.srv, ResponseCode::I0, now, content);
        self.tell(transaction, known.id.originator, &key_of(view.octets()), &response, Some(known.id))
    }

    /// Queue a signed document for a User; `key` names what it reports, which is told once.
    pub(super) fn tell(
        &self,
        transaction: &Transaction<'_>,
        user: Eui64,
        key: &str,
        response: &Response,
        answers: Option<RequestId>,
    ) -> Result<(), Failure> {
        let xml = response.sign(&AwsLc, &self.config.keys.xml).map_err(internal)?;
        callbacks::queue(transaction, user, &format!("{user} {key}"), &xml, answers)?;
        Ok(())
    }

    /// Patience with a Command ran out: it is open no longer, and the User is told, durable when this returns.
    pub fn give_up(&self, id: RequestId, srv: Srv, was_sent: bool, now: Time) -> Result<(), Failure> {
        self.store.transact(|transaction| {
            let (key, response) = lost(transaction, id, srv, was_sent, now)?;
            self.tell(transaction, id.originator, &key, &response, Some(id))
        })?;
        self.changed.notify_one();
        Ok(())
    }

    /// A Command was lost on the WAN as often as the DCC tries.
    pub(crate) fn give_up_sending(&self, row: i64, now: Time) -> Result<(), Failure> {
        match self.store.open_command(row)? {
            Some(open) => self.give_up(open.id, open.srv, false, now),
            None => Ok(()),
        }
    }
}

/// What is to be said of a Command that came to nothing: an alert where a schedule made it, E30 where it was kept until its date,
/// E20 or E21 otherwise (DUIS 4.1). Who waits for it goes on.
fn lost(
    transaction: &Transaction<'_>,
    id: RequestId,
    srv: Srv,
    was_sent: bool,
    now: Time,
) -> Result<(String, Response), Failure> {
    held::end(transaction, id, Ending::Failed, now)?;
    dated::forget(transaction, id)?;
    if let Some(schedule) = schedules::of(transaction, id)? {
        let failure = CommandFailure { request: id, schedule: Some(schedule_id(schedule)?), device: id.target };
        let number = if was_sent { 13 } else { 12 };
        return Ok((format!("{id} failed"), dcc_alert(number, DccEvent::CommandFailure(failure), now)));
    }
    let code = match (dated::was_kept(transaction, id)?, was_sent) {
        (true, _) => ResponseCode::E30,
        (false, true) => ResponseCode::E21,
        (false, false) => ResponseCode::E20,
    };
    Ok((format!("{id} {}", code.as_str()), Response::answer(id, srv, code, now, Content::Acknowledgement)))
}

pub(super) fn key_of(octets: &[u8]) -> String {
    AwsLc.sha256(&[octets]).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The alert code inside an Alert; 0 where it has none.
pub(super) fn alert_code(view: &MessageView<'_>) -> u16 {
    use gbcs::asn1::Content as Asn1;
    use gbcs::dlms::Apdu;
    match Payload::of(view) {
        Ok(Payload::Dlms(Apdu::Notification(notification))) => notification.code,
        Ok(Payload::GbzAlert(alert)) => alert.code,
        Ok(Payload::Asn1(payload)) => match payload.content() {
            Asn1::CredentialsUpdateAlert(alert) => alert.code,
            Asn1::ActivationAlert(alert) => alert.code,
            Asn1::FirmwareAlert(alert) => alert.code,
            Asn1::TransferAlert(alert) => alert.code,
            Asn1::DeviceLogAlert(alert) => alert.code,
            _ => 0,
        },
        _ => 0,
    }
}

/// SRV 9.1: the number that the Command wrote into the meter, which its asker is told once the meter has it.
fn customer_number(known: &Known) -> Option<answer::Cin> {
    use gbcs::dlms::Apdu;
    use gbcs::gbz::{Content, zcl};
    if known.srv != Srv::new(9, 1, 0) {
        return None;
    }
    let digits = match Payload::of(&MessageView::parse(&known.command).ok()?).ok()? {
        Payload::Dlms(Apdu::Request(request)) => request.rows.first()?.data.as_octets()?.to_vec(),
        Payload::Gbz(payload) => match &payload.components.first()?.content {
            Content::Plain(zcl::Body::Cluster(zcl::Command::UpdateCin(update))) => update.number.octets().to_vec(),
            _ => return None,
        },
        _ => return None,
    };
    answer::Cin::new(String::from_utf8(digits).ok()?)
}

/// When an Alert says that it was raised.
pub(super) fn alert_time(view: &MessageView<'_>) -> Option<Time> {
    use gbcs::dlms::Apdu;
    match Payload::of(view).ok()? {
        Payload::Dlms(Apdu::Notification(notification)) => notification.time.time(),
        Payload::GbzAlert(alert) => Some(Time::from_zigbee(alert.time)),
        Payload::Asn1(payload) => match payload.content() {
            gbcs::asn1::Content::CredentialsUpdateAlert(alert) => Some(alert.time.time()),
            gbcs::asn1::Content::ActivationAlert(alert) => Some(alert.time.time()),
            gbcs::asn1::Content::DeviceLogAlert(alert) => Some(alert.time.time()),
            gbcs::asn1::Content::FirmwareAlert(alert) => Some(alert.time.time()),
            gbcs::asn1::Content::TransferAlert(alert) => Some(alert.time.time()),
            _ => None,
        },
        _ => None,
    }
}
