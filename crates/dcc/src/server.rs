//! The stand-in on its sockets.
use crate::admin;
use crate::callback::{self, Notice};
use crate::clockwork;
use crate::config::DccConfig;
use crate::gateway::{Answer, Gateway};
use crate::store::Store;
use crate::wan::{self, Hubs, WanState};
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use duis::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The largest document taken; base64 firmware, which is larger, is not served here (DUIS 1.9).
const BODY_LIMIT: usize = 1 << 20;

/// Why the stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The database cannot be opened.
    #[error("cannot open the store: {0}")]
    Store(#[from] rusqlite::Error),
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A running stand-in; it ends when this is dropped.
#[derive(Debug)]
pub struct Dcc {
    /// Where the web services listen.
    pub addr: SocketAddr,
    /// Where hubs connect.
    pub wan_addr: SocketAddr,
    wan: watch::Sender<WanState>,
    tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    gateway: Arc<Gateway>,
    hubs: Arc<Hubs>,
    queued: Notice,
    wan: watch::Sender<WanState>,
}

impl Dcc {
    /// Bind, open, serve. The two listeners may be bound beforehand, by who needs to know their addresses first.
    pub async fn start(config: DccConfig) -> Result<Self, StartError> {
        let listener = bind(config.listen).await?;
        let wan_listener = bind(config.wan_listen).await?;
        Self::serve(config, listener, wan_listener)
    }

    /// Serve on listeners that are bound.
    pub fn serve(config: DccConfig, listener: TcpListener, wan_listener: TcpListener) -> Result<Self, StartError> {
        let local = |listener: &TcpListener| listener.local_addr().map_err(|e| StartError::Listen(config.listen, e));
        let (addr, wan_addr) = (local(&listener)?, local(&wan_listener)?);
        let store = Store::open(config.store.as_deref())?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let (wan, state) = watch::channel(config.wan);
        let gateway = Arc::new(Gateway::new(config, store)?);
        let hubs = Arc::new(Hubs::default());
        let (callbacks, queued) = (Notice::default(), Notice::default());
        let notice = callbacks.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(wan::serve(wan_listener, gateway.clone(), hubs.clone(), state, callbacks.clone()));
        tasks.spawn(callback::deliver(gateway.clone(), client, callbacks.clone()));
        tasks.spawn(callback::lose_patience(gateway.clone(), callbacks, queued.clone()));
        let (sending, waiting) = (hubs.clone(), queued.clone());
        tasks.spawn(clockwork::run(gateway.clone(), notice, move || {
            sending.wake_all();
            waiting.notify();
        }));
        let shared = Shared { gateway: gateway.clone(), hubs, queued, wan: wan.clone() };
        let mut router = Router::new();
        for service in Service::ALL {
            router = router.route(
                service.path(),
                post(move |State(shared): State<Shared>, body: Bytes| serve_document(shared, service, body)),
            );
        }
        let router = router
            .route("/admin/wan", get(get_wan).put(put_wan))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(shared)
            .merge(admin::routes(gateway));
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the web services ended");
            }
        });
        Ok(Self { addr, wan_addr, wan, tasks })
    }

    /// Let the WAN come or go.
    pub fn set_wan(&self, state: WanState) {
        self.wan.send_replace(state);
    }

    /// Run until the process ends.
    pub async fn run(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|e| StartError::Listen(addr, e))
}

async fn serve_document(shared: Shared, service: Service, body: Bytes) -> Response {
    let Shared { gateway, hubs, queued, .. } = shared;
    let answer = tokio::task::spawn_blocking(move || match std::str::from_utf8(&body) {
        Ok(text) => gateway.handle(service, text, crate::now()),
        Err(error) => Answer::Unaddressed {
            code: crate::access::codes::malformed(),
            reason: format!("not UTF-8 from octet {}", error.valid_up_to()),
        },
    })
    .await
    .unwrap_or(Answer::Unavailable);
    hubs.wake_all();
    queued.notify();
    match answer {
        Answer::Document(xml) => ([(header::CONTENT_TYPE, "application/xml")], xml).into_response(),
        Answer::Unaddressed { code, reason } => {
            let problem = serde_json::json!({
                "type": "about:blank",
                "title": "not a request that can be answered with a DUIS document",
                "status": 400,
                "detail": reason,
                "response_code": code.as_str(),
            });
            let kind = [(header::CONTENT_TYPE, "application/problem+json")];
            (StatusCode::BAD_REQUEST, kind, problem.to_string()).into_response()
        }
        Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn get_wan(State(shared): State<Shared>) -> Json<serde_json::Value> {
    let up = *shared.wan.borrow() == WanState::Up;
    Json(serde_json::json!({ "wan": if up { "up" } else { "down" } }))
}

async fn put_wan(State(shared): State<Shared>, body: String) -> Response {
    let state = match body.trim() {
        "up" => WanState::Up,
        "down" => WanState::Down,
        _ => return (StatusCode::BAD_REQUEST, "the body is one word: up or down\n").into_response(),
    };
    shared.wan.send_replace(state);
    StatusCode::NO_CONTENT.into_response()
}
