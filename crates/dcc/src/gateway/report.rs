//! What a User is told of what the WAN brought, or did not bring.
use super::Gateway;
use duis::{Content, RequestId, Response, ResponseCode, Srv};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Cra, MessageView, Time};
use tracing::warn;

impl Gateway {
    /// A message that came by WAN: to whom it is to be reported, as a signed document, and what it answers.
    pub fn report(&self, octets: &[u8], now: Time) -> Option<Report> {
        let view =
            MessageView::parse(octets).inspect_err(|error| warn!(%error, "the WAN brought no GBCS message")).ok()?;
        let key = key_of(octets);
        if view.cra() == Cra::Alert {
            let user = self.config.user(view.id().target)?;
            let id =
                RequestId { originator: view.id().originator, target: view.id().target, counter: view.id().counter };
            let code = alert_code(&view);
            let alert =
                duis::DeviceAlert { code, throttled_sequence: None, throttled_count: None, payload: octets.to_vec() };
            let response = Response {
                version: duis::SchemaVersion::CURRENT,
                request_id: None,
                response_id: Some(id),
                code: ResponseCode::I0,
                date_time: now,
                body: duis::ResponseBody::DeviceAlert(alert),
            };
            let xml = response.sign(&AwsLc, &self.config.keys.xml).ok()?;
            return Some(Report { user: user.eui, key, xml, answers: None });
        }
        let known = self.store.by_message(&view.id().answer()).ok()??;
        let user = self.config.user(known.id.originator)?;
        let content = Content::DeviceResponse(octets.to_vec());
        let response = Response::device_answer(known.id, known.srv, ResponseCode::I0, now, content);
        let xml = response.sign(&AwsLc, &self.config.keys.xml).ok()?;
        Some(Report { user: user.eui, key, xml, answers: Some(known.id) })
    }

    /// What a User is told when patience with a Command ran out.
    pub fn give_up(&self, id: RequestId, srv: Srv, was_sent: bool, now: Time) -> Option<Report> {
        let code = if was_sent { ResponseCode::E21 } else { ResponseCode::E20 };
        let key = format!("{id} {}", code.as_str());
        let xml =
            Response::answer(id, srv, code, now, Content::Acknowledgement).sign(&AwsLc, &self.config.keys.xml).ok()?;
        Some(Report { user: id.originator, key, xml, answers: Some(id) })
    }
}

/// A document for a User.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whom.
    pub user: gbcs::Eui64,
    /// What it reports: told once.
    pub key: String,
    /// The signed document.
    pub xml: String,
    /// The request it answers.
    pub answers: Option<RequestId>,
}

fn key_of(octets: &[u8]) -> String {
    AwsLc.sha256(&[octets]).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The alert code inside an Alert: behind the fixed start of a data notification, or of a GBZ alert (gbcs-messages 9.7, 10.5).
fn alert_code(view: &MessageView<'_>) -> u16 {
    match view.payload() {
        [0x0F, _, _, _, _, 0, 2, _, 0x12, high, low, ..] | [1, 9, _, high, low, ..] => {
            u16::from_be_bytes([*high, *low])
        }
        _ => 0,
    }
}
