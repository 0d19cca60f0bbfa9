//! From a document that came in to the document that goes out: the web services without their sockets.
//!
//! A request that passed [`crate::access`] becomes a Pre-Command or a Command ([`device`]), a Signed Pre-Command becomes a
//! Command ([`signed`]), a Response that was carried by hand is taken back ([`returned`]). What the WAN brings, or fails to
//! bring, becomes a document for a User ([`report`]).
mod device;
mod report;
mod returned;
mod signed;

pub use report::Report;

use crate::acb::Broker;
use crate::access::{self, Allowed, Refused, codes};
use crate::config::{DccConfig, Device};
use crate::store::{Acceptance, Stage, Store};
use duis::{Body, CommandVariant, Content, Request, Response, ResponseCode, Service};
use gbcs::Time;
use gbcs::crypto::AwsLc;
use std::sync::atomic::AtomicU64;
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

    /// The broker's MAC.
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
        Made { code: ResponseCode::I0, content: Content::LocalCommand(command) }
    } else {
        Made { code: ResponseCode::I99, content: Content::Acknowledgement }
    }
}
