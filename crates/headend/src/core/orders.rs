//! Wishes of users.
use super::{Cancelled, Core, Created};
use crate::config::HeadEndConfig;
use crate::keys::HeadEndKeys;
use crate::store::{NewDelivery, StoreError};
use delivery::{CounterSpace, DeliveryId, Input, Lane, Order, Outcome, Rejected, Via};
use duis::catalogue::Criticality;
use duis::transform::{TransformContext, TransformError};
use duis::xml::{Document, XmlError};
use duis::{CommandVariant, Contradiction, Misfit, Request, Srv};
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Counter, Eui64, Time};
use std::time::Duration;
use tokio::sync::oneshot;

/// The one service whose counter is part of what is delivered: the UTRN (DUIS 8.6).
const TOP_UP: Srv = Srv::new(2, 2, 0);

/// An order that makes sense, still without a number.
#[derive(Debug)]
pub(crate) struct Asked {
    request: Request,
    critical: bool,
    via: Via,
    carrier: Option<Eui64>,
    not_after: Option<Time>,
    reference: Option<String>,
    idempotency_key: Option<String>,
    digest: [u8; 32],
}

/// How an order is to be carried out, beside the request.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) via: Via,
    pub(crate) not_after: Option<Time>,
    pub(crate) reference: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

/// Why an order is not taken. The user's fault, all of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Declined {
    /// No service request.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Its parts do not fit each other, or this way of delivery.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// It says something against itself.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// No Command can be made of it.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// It goes out in our name only.
    #[error("the request is from {found}, this head end speaks for {ours}")]
    Originator { found: Eui64, ours: Eui64 },
    /// A service of the DCC, which no device executes.
    #[error("{0} is a service of the DCC: no device executes it")]
    NonDevice(Srv),
    /// We do not serve it, or lack its keys.
    #[error("device {0} is not served by this head end")]
    UnknownDevice(Eui64),
    /// The engine's no.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The request id was used before; only a top-up brings its own.
    #[error("this request was made before")]
    RequestUsed,
    /// The key came with another order before.
    #[error("the idempotency key came with another order before")]
    KeyReused,
}

impl Asked {
    /// Reads an order; whoever signed its XML, our own signature goes out.
    pub(crate) fn read(
        config: &HeadEndConfig,
        keys: &HeadEndKeys,
        xml: &str,
        terms: Terms,
        now: Time,
    ) -> Result<Self, Declined> {
        let mut request = Request::parse(&Document::parse(xml)?)?;
        let header = &mut request.header;
        if header.id.originator != config.originator {
            return Err(Declined::Originator { found: header.id.originator, ours: config.originator });
        }
        let entry = duis::catalogue::by_srv(header.srv).ok_or(Misfit::UnknownSrv(header.srv))?;
        let critical = match entry.criticality {
            Criticality::Critical => true,
            Criticality::NonCritical => false,
            Criticality::NonDevice => return Err(Declined::NonDevice(header.srv)),
        };
        let target = header.id.target;
        let device = config.devices.iter().find(|device| device.device == target);
        let device = device.filter(|_| keys.devices.contains_key(&target)).ok_or(Declined::UnknownDevice(target))?;
        header.variant = first_variant(critical, terms.via);
        if header.srv != TOP_UP {
            header.id.counter = Counter(0);
        }
        request.check()?;
        request.check_values()?;
        if critical && terms.via != Via::Wan {
            // What comes back for local delivery carries no date (DUIS 3.4).
            let variant = super::dcc::signed_variant(terms.via);
            if request.body.execution() != duis::Execution::Immediate {
                return Err(Misfit::ExecutionDate { srv: request.header.srv, variant }.into());
            }
        }
        duis::transform(&request, &TransformContext::new(device.as_target(), now))?;
        let parts = [
            request.to_xml().as_bytes(),
            terms.via.as_str().as_bytes(),
            &terms.not_after.map_or(0, |time| time.0).to_be_bytes(),
            terms.reference.as_deref().unwrap_or_default().as_bytes(),
        ]
        .map(|part| AwsLc.sha256(&[part]));
        let digest = AwsLc.sha256(&[&parts.concat()]);
        let Terms { via, not_after, reference, idempotency_key } = terms;
        let carrier = device.ppmid.filter(|_| via.is_local());
        Ok(Self { request, critical, via, carrier, not_after, reference, idempotency_key, digest })
    }
}

/// The Command Variant of the first document of a delivery.
fn first_variant(critical: bool, via: Via) -> CommandVariant {
    match (critical, via) {
        (true, _) => CommandVariant::Transform,
        (false, Via::Wan) => CommandVariant::Send,
        (false, Via::Local) => CommandVariant::Local,
        (false, Via::Both) => CommandVariant::SendAndLocal,
    }
}

impl Core {
    pub(super) fn create(
        &mut self,
        now: Time,
        asked: Asked,
        reply: oneshot::Sender<Result<Created, Declined>>,
    ) -> Result<(), StoreError> {
        let result = self.try_create(now, asked)?;
        self.reply(reply, result);
        Ok(())
    }

    fn try_create(&mut self, now: Time, asked: Asked) -> Result<Result<Created, Declined>, StoreError> {
        let Asked { mut request, critical, via, carrier, not_after, reference, idempotency_key, digest } = asked;
        if let Some(key) = &idempotency_key
            && let Some((id, stored)) = self.store.by_idempotency_key(key)?
        {
            let same = stored == digest;
            return Ok(if same { Ok(Created { id, is_new: false }) } else { Err(Declined::KeyReused) });
        }
        let top_up = request.header.srv == TOP_UP;
        if !top_up {
            request.header.id.counter = self.store.next_counter(self.config.originator, now)?;
        } else if self.store.by_request_id(request.header.id)?.is_some() {
            return Ok(Err(Declined::RequestUsed));
        }
        let request_id = request.header.id;
        let space = if top_up { CounterSpace::TopUp } else { CounterSpace::Ordinary };
        let order = Order {
            id: new_id(now),
            via,
            critical,
            lane: Lane { originator: request_id.originator, device: request_id.target, space },
            counter: request_id.counter,
            carrier,
            not_after: not_after.unwrap_or(now + self.config.deadlines.delivery),
        };
        let delivery = match self.engine.accept(now, order) {
            Ok(delivery) => delivery,
            Err(rejected) => return Ok(Err(rejected.into())),
        };
        self.store.insert(&NewDelivery {
            delivery: &delivery,
            accepted: now,
            reference: reference.as_deref(),
            idempotency_key: idempotency_key.as_deref(),
            order_digest: digest,
            request: &request.to_xml(),
            request_id,
            srv: request.header.srv,
        })?;
        let id = delivery.id;
        let detail = format!("{} to {} via {via}", request.header.srv, request_id.target);
        let accepted = Outcome::To(delivery.state.clone());
        self.remark(now, delivery, "Accepted", accepted, Some(&detail), None)?;
        Ok(Ok(Created { id, is_new: true }))
    }

    pub(super) fn cancel(
        &mut self,
        now: Time,
        id: DeliveryId,
        reply: oneshot::Sender<Option<Cancelled>>,
    ) -> Result<(), StoreError> {
        let outcome = self.apply(now, id, Input::CancelRequested, None, None)?;
        let cancelled = match outcome {
            None => None,
            Some(outcome) => {
                let state = self.record(id)?.delivery.state;
                Some(Cancelled { done: matches!(outcome, Outcome::To(_)), state })
            }
        };
        self.reply(reply, cancelled);
        Ok(())
    }
}

/// A UUID of version 7 (RFC 9562 5.7): the time in front, so that ids sort by age.
fn new_id(now: Time) -> DeliveryId {
    let mut octets = [0; 16];
    // The system's randomness does not fail once it has been seeded; were it to, the database would refuse a repeated id.
    let _ = aws_lc_rs::rand::fill(&mut octets[6..]);
    octets[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
    octets[6] = octets[6] & 0x0F | 0x70;
    octets[8] = octets[8] & 0x3F | 0x80;
    DeliveryId(octets)
}

impl HeadEndConfig {
    pub(crate) fn transform_context(&self, device: Eui64, now: Time) -> Option<TransformContext> {
        let device = self.devices.iter().find(|each| each.device == device)?;
        Some(TransformContext::new(device.as_target(), now))
    }

    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.dcc.retry_first.saturating_mul(1 << doublings).min(self.dcc.retry_max)
    }
}
