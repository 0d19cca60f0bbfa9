//! The stand-in on its sockets.
use crate::admin;
use crate::callback::{self, Notice};
use crate::clockwork;
use crate::config::DccConfig;
use crate::gateway::{Answer, Gateway};
use crate::patience::{self, Patience};
use crate::repository;
use crate::store::Store;
use crate::wan::{self, Hubs, Place, Wan, WanState};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use duis::{Request, Service};
use link::{ClientTls, ServerTls, TlsError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use web::problem::problem;
use web::{Limits, Peer, Server};

/// The largest document taken that brings no firmware.
const DOCUMENT: usize = 1 << 20;
/// The largest body of the services that are for people.
const BY_HAND: usize = 64 * 1024;
/// How long a Receive Response Service may take, and how much it may say, of which nothing is read.
const CALLBACK: (Duration, usize) = (Duration::from_secs(10), 64 * 1024);

/// Certificates for HTTPS, each naming its holder by EUI-64 as that of a PPMID does.
#[derive(Debug)]
pub struct Tls {
    /// What the web services show, and who vouches for Users. A User is who his certificate says, in his requests too.
    pub services: ServerTls,
    /// What Receive Response Services at `https` are shown, and who vouches for them.
    pub callbacks: ClientTls,
}

/// Why the stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The database cannot be opened.
    #[error("cannot open the store: {0}")]
    Store(#[from] rusqlite::Error),
    /// Certificates or keys for HTTPS cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
}

/// A running stand-in; it ends when this is dropped.
#[derive(Debug)]
pub struct Dcc {
    /// Where the web services listen.
    pub addr: SocketAddr,
    /// Where hubs connect.
    pub wan_addr: SocketAddr,
    wan: Arc<Wan>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    services: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    gateway: Arc<Gateway>,
    hubs: Arc<Hubs>,
    patience: Arc<Patience>,
    /// Long documents are read one at a time, for a reader takes several times their length.
    firmware: Arc<Semaphore>,
}

impl Dcc {
    /// Bind, open, serve over plain HTTP, as DCC Boxed does.
    pub async fn start(config: DccConfig) -> Result<Self, StartError> {
        Self::start_with(config, None, Limits::default()).await
    }

    /// Bind, open, serve: over HTTPS where there are certificates for it, within these limits.
    pub async fn start_with(config: DccConfig, tls: Option<Tls>, limits: Limits) -> Result<Self, StartError> {
        let listener = bind(config.listen).await?;
        let wan_listener = bind(config.wan_listen).await?;
        Self::serve(config, tls, limits, listener, wan_listener)
    }

    /// Serve on listeners that are bound, by who needs to know their addresses first.
    pub fn serve(
        config: DccConfig,
        tls: Option<Tls>,
        limits: Limits,
        listener: TcpListener,
        wan_listener: TcpListener,
    ) -> Result<Self, StartError> {
        let local = |listener: &TcpListener| listener.local_addr().map_err(|e| StartError::Listen(config.listen, e));
        let (addr, wan_addr) = (local(&listener)?, local(&wan_listener)?);
        let store = Store::open(config.store.as_deref())?;
        let (services, callbacks) = tls.map(|tls| (tls.services, tls.callbacks)).unzip();
        let client = web::Client::new(callbacks, CALLBACK.0, CALLBACK.1)?;
        let users: Vec<_> = config.users.iter().map(|user| user.eui).collect();
        let services = services.map(|tls| tls.into_config_for(move |eui| users.contains(&eui))).transpose()?;
        let wan = Arc::new(Wan::new(config.wan.clone()));
        let gateway = Arc::new(Gateway::new(config, store)?);
        let (hubs, patience, callbacks) = (Arc::<Hubs>::default(), Arc::<Patience>::default(), Notice::default());
        let mut tasks = JoinSet::new();
        let service = wan::Service {
            gateway: gateway.clone(),
            hubs: hubs.clone(),
            wan: wan.clone(),
            callbacks: callbacks.clone(),
            patience: patience.clone(),
        };
        tasks.spawn(service.serve(wan_listener));
        for user in &gateway.config.users {
            let Some(url) = user.receive_url.clone() else { continue };
            tasks.spawn(callback::deliver(gateway.clone(), client.clone(), user.eui, url, callbacks.clone()));
        }
        tasks.spawn(patience::run(gateway.clone(), wan.clone(), patience.clone(), callbacks.clone()));
        let (sending, waiting) = (hubs.clone(), patience.clone());
        tasks.spawn(clockwork::run(gateway.clone(), callbacks, move || {
            sending.wake_all();
            waiting.look();
        }));
        let shared = Shared { gateway: gateway.clone(), hubs, patience, firmware: Arc::new(Semaphore::new(1)) };
        let mut router = Router::new();
        for service in Service::ALL {
            router = router.route(
                service.path(),
                post(move |State(shared): State<Shared>, Extension(peer): Extension<Peer>, body: Bytes| {
                    serve_document(shared, service, peer, body)
                }),
            );
        }
        let router = router
            .with_state(shared)
            .merge(wan::routes(wan.clone()))
            .merge(repository::service::routes(gateway.clone()));
        let router = router.merge(admin::routes(gateway));
        let (stop, mut stopping) = watch::channel(false);
        let server = Server { listener, tls: services.map(Arc::new), limits, body_limit, router };
        let mut services = JoinSet::new();
        services.spawn(server.run(async move { drop(stopping.wait_for(|stop| *stop).await) }));
        Ok(Self { addr, wan_addr, wan, stop, tasks, services })
    }

    /// Let the WAN come or go.
    pub fn set_wan(&self, state: WanState) {
        self.wan.set_state(Place::Everywhere, state);
    }

    /// Run until the process ends.
    pub async fn run(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Take no more requests, answer those that have come, and end.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.services.join_next().await.is_some() {}
    }
}

fn body_limit(path: &str) -> usize {
    match Service::ALL.into_iter().find(|service| service.path() == path) {
        // Those that bring no firmware are turned away when their header is seen.
        Some(Service::NonDevice) => duis::xml::Limits::FIRMWARE.octets,
        Some(_) => DOCUMENT,
        None => BY_HAND,
    }
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|e| StartError::Listen(addr, e))
}

async fn serve_document(shared: Shared, service: Service, Peer(peer): Peer, body: Bytes) -> Response {
    let Shared { gateway, hubs, patience, firmware } = shared;
    let is_long = body.len() > DOCUMENT;
    if is_long && std::str::from_utf8(&body).map_or(DOCUMENT, |text| Request::limits(text).octets) <= DOCUMENT {
        let detail = format!("at most {DOCUMENT} octets are taken of what brings no firmware");
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "body too long", &detail);
    }
    let turn = async { if is_long { firmware.acquire().await.ok() } else { None } };
    let _turn = turn.await;
    let answer = tokio::task::spawn_blocking(move || match std::str::from_utf8(&body) {
        Ok(text) => gateway.handle_from(service, peer, text, crate::now()),
        Err(error) => Answer::Unaddressed {
            code: crate::access::codes::malformed(),
            reason: format!("not UTF-8 from octet {}", error.valid_up_to()),
        },
    })
    .await
    .unwrap_or(Answer::Unavailable);
    hubs.wake_all();
    patience.look();
    match answer {
        Answer::Document(xml) => ([(header::CONTENT_TYPE, "application/xml")], xml).into_response(),
        Answer::Unaddressed { code, reason } => web::problem::with(
            StatusCode::BAD_REQUEST,
            "not a request that can be answered with a DUIS document",
            &reason,
            &[("response_code", code.as_str())],
        ),
        Answer::Unavailable => {
            let detail = "the request could not be processed; nothing was accepted";
            problem(StatusCode::SERVICE_UNAVAILABLE, "not now", detail)
        }
    }
}
