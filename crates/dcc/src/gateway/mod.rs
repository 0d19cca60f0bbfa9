//! From a document that came in to the document that goes out: the web services without their sockets.
//!
//! A request that passed [`crate::access`] becomes a Pre-Command or a Command ([`device`]), a Signed Pre-Command becomes a
//! Command ([`signed`]), a Response that was carried by hand is taken back ([`returned`]). What the WAN brings, or fails to
//! bring, becomes a document for a User ([`report`]).
mod alerts;
mod certificates;
mod dated;
mod device;
mod firmware;
mod gates;
mod home;
mod learn;
mod report;
mod returned;
mod schedules;
mod signed;
mod waiting;

pub use gates::ThresholdFault;
pub use waiting::{Decided, Tick};

use crate::acb::{Broker, Originator};
use crate::access::{self, Allowed, Failure, Origin, Refused, codes};
use crate::anomaly::Thresholds;
use crate::config::{DccConfig, Registration};
use crate::inventory::Device;
use crate::store::Transaction;
use crate::store::{Acceptance, Store};
use duis::{Body, CommandVariant, Content, LocalCommand, Request, Response, ResponseCode, Service};
use gbcs::crypto::{AwsLc, PrivateKey};
use gbcs::{Eui64, Time};
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::Notify;
use tracing::{info, warn};

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Users, inventory, keys.
    pub config: DccConfig,
    /// What was accepted.
    pub store: Store,
    broker: Broker,
    /// The Access Control Broker as the originator of Commands.
    acb: Originator,
    /// The transitional change of supplier party, with the key it signs with.
    transitional_cos: Option<(Originator, PrivateKey)>,
    /// What anomaly detection measures by.
    thresholds: RwLock<Arc<Thresholds>>,
    /// When to look next for what nobody needs.
    next_sweep: Mutex<Time>,
    /// Something that waits may have become due, or a User may have to be told.
    pub(crate) changed: Notify,
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
    /// A gateway over a store; at its first start the store takes over the inventory of the configuration.
    pub fn new(config: DccConfig, store: Store) -> rusqlite::Result<Self> {
        store.seed(&config.inventory, &config.smki)?;
        store.seed_certificates(&config.certificates)?;
        for Registration { number, role, since, user } in &config.registrations {
            store.register(number, access::role_name(*role), *since, *user)?;
        }
        let originator = |id| Ok::<_, rusqlite::Error>(Originator::new(id, store.last_counter(id)?));
        let acb = originator(config.keys.acb)?;
        let cos = config.keys.transitional_cos.as_ref();
        let transitional_cos =
            cos.map(|(id, key)| Ok::<_, rusqlite::Error>((originator(*id)?, key.clone()))).transpose()?;
        if let Some(thresholds) = &config.thresholds {
            Self::store_thresholds(&store, thresholds)?;
        }
        let thresholds = RwLock::new(Arc::new(Self::stored_thresholds(&store)?));
        let (broker, next_sweep, changed) = Default::default();
        Ok(Self { config, store, broker, acb, transitional_cos, thresholds, next_sweep, changed })
    }

    /// Process a document that came to a web service from nobody who is known.
    pub fn handle(&self, service: Service, text: &str, now: Time) -> Answer {
        self.handle_from(service, None, text, now)
    }

    /// Process a document that came to a web service, over TLS from the User that its certificate names: who speaks for another is
    /// no valid sender (E1).
    pub fn handle_from(&self, service: Service, peer: Option<Eui64>, text: &str, now: Time) -> Answer {
        let outcome = access::check(&self.config, &self.store, service, text, Origin::User, now).and_then(|allowed| {
            let (id, srv) = (allowed.request.header.id, allowed.request.header.srv);
            if let Some(peer) = peer
                && peer != id.originator
            {
                return Err(refused(&allowed.request, ResponseCode::E1, format!("{peer} speaks for {}", id.originator)));
            }
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
        if allowed.device.is_none() {
            self.check_turn(allowed)?;
        }
        match (&allowed.request.body, &allowed.device) {
            (Body::SignedPreCommand(signed), Some(device)) => self.signed(allowed, device, signed, now),
            (Body::ReturnLocalCommandResponse(returned), None) => self.returned(allowed, returned, now),
            (Body::CreateSchedule(wanted), None) => self.create_schedule(allowed, wanted, now),
            (Body::ReadSchedule(which), None) => self.read_schedules(allowed, which, now),
            (Body::DeleteSchedule(which), None) => self.delete_schedules(allowed, which, now),
            (_, Some(device)) => self.request(allowed, device, now),
            (_, None) => self.dcc_service(allowed, now),
        }
    }

    /// The broker's MAC for a device.
    fn close(&self, request: &Request, device: &Device, inner: &[u8]) -> Result<Vec<u8>, Failure> {
        let keys = self.store.device_keys(device.eui)?.ok_or_else(|| {
            refused(request, codes::not_supported(), format!("the SMKI knows no certificate of device {}", device.eui))
        })?;
        self.broker.add_mac(&self.config.keys, &keys.key_agreement, inner).map_err(internal)
    }

    fn store_once<T>(
        &self,
        request: &Request,
        acceptance: &Acceptance<'_>,
        effects: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.store
            .accept_with(acceptance, effects)?
            .ok_or_else(|| refused(request, codes::replayed(), format!("{} was used before", request.header.id)))
    }
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
