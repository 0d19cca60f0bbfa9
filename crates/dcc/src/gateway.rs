//! From a document that came in to the document that goes out: the three web services without their sockets.
use crate::acb::Broker;
use crate::access::{self, Allowed, Refused, codes};
use crate::config::{DccConfig, Device};
use crate::store::{Acceptance, Stage, Store};
use duis::body::{LocalCommandResponse, SignedPreCommand};
use duis::catalogue::Criticality;
use duis::transform::{Party, Requester, TransformContext, transform};
use duis::{
    AlertCode, Body, CommandVariant, Content, LocalCommand, PreCommand, Request, RequestId, Response, ResponseCode,
    Service, Srv,
};
use gbcs::catalogue::Originator;
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Counter, Cra, Form, MessageView, Time, protect};
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{info, warn};

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Users, inventory, keys.
    pub config: DccConfig,
    /// What was accepted.
    pub store: Store,
    broker: Broker,
    /// The counter of the broker's last own Command.
    broker_counter: AtomicU64,
}

/// What goes back over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A DUIS document, status 200.
    Document(String),
    /// The input names no request that an answer could be addressed to: status 400 with the response code and the reason.
    Unaddressed {
        /// The code a document would carry.
        code: ResponseCode,
        /// Why.
        reason: String,
    },
    /// The stand-in itself failed; nothing was accepted: status 503.
    Unavailable,
}

/// What is made of an accepted request.
struct Made {
    code: ResponseCode,
    content: Content,
}

impl Gateway {
    /// A gateway over a store.
    pub fn new(config: DccConfig, store: Store) -> Self {
        Self { config, store, broker: Broker::default(), broker_counter: AtomicU64::new(0) }
    }

    /// Process a document that came to a web service.
    pub fn handle(&self, service: Service, text: &str, now: Time) -> Answer {
        let outcome = access::check(&self.config, service, text).map_err(Failure::Refused).and_then(|allowed| {
            let (id, srv) = (allowed.request.header.id, allowed.request.header.srv);
            let made = self.process(&allowed, now)?;
            info!(request = %id, %srv, variant = %allowed.request.header.variant, code = made.code.as_str(), "accepted");
            Ok((id, srv, made))
        });
        let (id, srv, made) = match outcome {
            Ok(done) => done,
            Err(Failure::Internal(error)) => {
                warn!(error, "a request could not be processed; nothing was accepted");
                return Answer::Unavailable;
            }
            Err(Failure::Refused(refused)) => {
                warn!(code = refused.code.as_str(), reason = refused.reason, "refused");
                let Some((id, srv)) = refused.request else {
                    return Answer::Unaddressed { code: refused.code, reason: refused.reason };
                };
                (id, srv, Made { code: refused.code, content: Content::Acknowledgement })
            }
        };
        match Response::answer(id, srv, made.code, now, made.content).sign(&AwsLc, &self.config.keys.xml) {
            Ok(xml) => Answer::Document(xml),
            Err(error) => {
                warn!(%error, "cannot sign an answer");
                Answer::Unavailable
            }
        }
    }

    fn process(&self, allowed: &Allowed<'_>, now: Time) -> Result<Made, Failure> {
        match (&allowed.request.body, allowed.device) {
            (Body::SignedPreCommand(signed), Some(device)) => self.signed(allowed, device, signed, now),
            (Body::ReturnLocalCommandResponse(returned), None) => self.returned(allowed, returned, now),
            (_, Some(device)) => self.request(allowed, device, now),
            (_, None) => Err(refused(
                &allowed.request,
                codes::not_supported(),
                format!("{} is not served by this stand-in", allowed.request.header.srv),
            )),
        }
    }

    /// A service request for a device: transform it; return what is to be signed, or make the Command at once.
    fn request(&self, allowed: &Allowed<'_>, device: &Device, now: Time) -> Result<Made, Failure> {
        let request = &allowed.request;
        let context = self.context(allowed, device, now);
        let transformed = transform(request, &context).map_err(|error| {
            refused(request, error.response_code().unwrap_or_else(codes::not_supported), error.to_string())
        })?;
        if transformed.signer == Some(self.config.keys.acb) {
            let reason = format!("{}: the broker signs nothing in this stand-in", transformed.use_case.name);
            return Err(refused(request, codes::not_supported(), reason));
        }
        let plain = transformed.octets;
        if allowed.entry.criticality == Criticality::Critical {
            self.accept(request, Stage::Request, Some(&plain), None, device, now)?;
            let content =
                Content::PreCommand(PreCommand { gbcs_version: device.kind.gbcs_version.to_string(), payload: plain });
            return Ok(Made { code: ResponseCode::I0, content });
        }
        let command = self.close(device, &plain)?;
        self.accept(request, Stage::Request, None, Some(&command), device, now)?;
        Ok(handed_out(request.header.variant, command))
    }

    /// What the inventory knows, and the broker's next counter: the clock in milliseconds, and above the one before.
    fn context(&self, allowed: &Allowed<'_>, device: &Device, now: Time) -> TransformContext {
        let mut context = TransformContext::new(device.kind, now);
        let is_operator = allowed.user.roles.iter().any(|role| matches!(role, duis::Role::Ed | duis::Role::Gt));
        context.requester = match allowed.user.eui == device.supplier {
            true => Requester::Known(Originator::Supplier),
            false if is_operator => Requester::Known(Originator::NetworkOperator),
            false => Requester::Unknown,
        };
        let next = |last: u64| Some(now.0.max(last + 1));
        let last = self.broker_counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let counter = Counter(now.0.max(last.unwrap_or_default() + 1));
        context.broker = Some(Party { id: self.config.keys.acb, counter });
        context
    }

    /// A Signed Pre-Command: octet for octet what was transformed, signed by the User; then the Command.
    fn signed(
        &self,
        allowed: &Allowed<'_>,
        device: &Device,
        signed: &SignedPreCommand,
        now: Time,
    ) -> Result<Made, Failure> {
        let request = &allowed.request;
        let wrong = |reason: String| refused(request, codes::wrong_pre_command(), reason);
        let view = MessageView::parse(&signed.payload).map_err(|e| wrong(e.to_string()))?;
        if view.form() != Form::Signed {
            return Err(wrong("not a Signed Pre-Command: no signature, or a MAC".into()));
        }
        if view.id() != request.header.id.command() {
            return Err(wrong(format!("the grouping header names {}, not this request", view.id())));
        }
        if !allowed.entry.has_code(view.message_code()) {
            return Err(wrong(format!("message code {} is not of {}", view.message_code(), request.header.srv)));
        }
        // A User's own adaptor may have made the Pre-Command; one of ours must come back unchanged.
        let ours = self.store.pre_command(request.header.id).map_err(internal)?;
        if let Some(ours) = ours
            && ours != view.plain_octets()
        {
            let at = ours.iter().zip(view.plain_octets()).position(|(a, b)| a != b);
            let at = at.unwrap_or(ours.len().min(view.plain_octets().len()));
            return Err(wrong(format!("differs from the Pre-Command at offset {at}")));
        }
        protect::verify_signature(&AwsLc, &allowed.user.gbcs_signature, &view)
            .map_err(|e| wrong(format!("the User's signature: {e}")))?;
        let command = self.close(device, &signed.payload)?;
        self.accept(request, Stage::Signed, None, Some(&command), device, now)?;
        Ok(handed_out(request.header.variant, command))
    }

    /// SRV 8.13: the Response to a Command that was delivered locally.
    fn returned(&self, allowed: &Allowed<'_>, returned: &LocalCommandResponse, now: Time) -> Result<Made, Failure> {
        let request = &allowed.request;
        let invalid = |reason: String| refused(request, codes::response_invalid(), reason);
        let view = MessageView::parse(&returned.response).map_err(|e| invalid(e.to_string()))?;
        let known = match returned.original {
            Some(original) => self.store.by_request(original),
            None => self.store.by_message(&view.id().answer()),
        };
        let known = known.map_err(internal)?.filter(|known| known.local);
        let known = known.ok_or_else(|| {
            refused(request, codes::original_unknown(), "no local Command was made of the original request".into())
        })?;
        let command = MessageView::parse(&known.command).map_err(internal)?;
        let fits = view.cra() == Cra::Response
            && view.id() == command.id().answer()
            && view.message_code() == command.message_code();
        if !fits {
            let reason =
                format!("the Response is {} {}, the Command was {}", view.id(), view.message_code(), command.id());
            return Err(refused(request, codes::response_mismatch(), reason));
        }
        // A MACed Response is between the device and the User: only a signed one can be checked here.
        if view.form() == Form::Signed {
            let device = self.config.device(view.id().originator);
            let device = device.ok_or_else(|| invalid("the device is not in the inventory".into()))?;
            protect::verify_signature(&AwsLc, &device.digital_signature, &view).map_err(|e| invalid(e.to_string()))?;
        }
        let acceptance = Acceptance {
            id: request.header.id,
            srv: request.header.srv,
            stage: Stage::Request,
            pre_command: None,
            command: None,
            local: false,
            send_to: None,
            returned: Some((known.id, &returned.response)),
            now,
        };
        self.store_once(request, &acceptance)?;
        Ok(Made { code: ResponseCode::I0, content: Content::Acknowledgement })
    }

    /// The broker's MAC. Where the user is not the originator in the device's eyes the Command would be the broker's own: not yet.
    fn close(&self, device: &Device, inner: &[u8]) -> Result<Vec<u8>, Failure> {
        self.broker.add_mac(&self.config.keys, device, inner).map_err(internal)
    }

    fn accept(
        &self,
        request: &Request,
        stage: Stage,
        pre_command: Option<&[u8]>,
        command: Option<&[u8]>,
        device: &Device,
        now: Time,
    ) -> Result<(), Failure> {
        let variant = request.header.variant;
        let acceptance = Acceptance {
            id: request.header.id,
            srv: request.header.srv,
            stage,
            pre_command,
            command,
            local: variant.returns_command(),
            send_to: (variant.sends_command() && command.is_some()).then_some(device.hub),
            returned: None,
            now,
        };
        self.store_once(request, &acceptance)
    }

    fn store_once(&self, request: &Request, acceptance: &Acceptance<'_>) -> Result<(), Failure> {
        match self.store.accept(acceptance) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let reason = format!("{} was used before", request.header.id);
                Err(refused(request, codes::replayed(), reason))
            }
            Err(error) => Err(internal(error)),
        }
    }

    /// A message that came by WAN: to whom it is to be reported, as a signed document, and what it answers.
    pub fn report(&self, octets: &[u8], now: Time) -> Option<Report> {
        let view =
            MessageView::parse(octets).inspect_err(|error| warn!(%error, "the WAN brought no GBCS message")).ok()?;
        let key = key_of(octets);
        if view.cra() == Cra::Alert {
            let user = self.config.user(view.id().target)?;
            let id =
                RequestId { originator: view.id().originator, target: view.id().target, counter: view.id().counter };
            let code = AlertCode(alert_code(&view));
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

/// Why nothing was made of a request.
enum Failure {
    /// The User is told so.
    Refused(Refused),
    /// The stand-in itself failed.
    Internal(String),
}

fn refused(request: &Request, code: ResponseCode, reason: String) -> Failure {
    Failure::Refused(Refused { code, reason, request: Some((request.header.id, request.header.srv)) })
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::Internal(error.to_string())
}

/// What the sender of an accepted Command gets: the copy, or word that it is on its way.
fn handed_out(variant: CommandVariant, command: Vec<u8>) -> Made {
    if variant.returns_command() {
        Made { code: ResponseCode::I0, content: Content::LocalCommand(LocalCommand { payload: command }) }
    } else {
        Made { code: ResponseCode::I99, content: Content::Acknowledgement }
    }
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
