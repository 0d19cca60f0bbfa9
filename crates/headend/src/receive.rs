//! A Receive Response Service for as long as somebody listens (DUIS 1.4): what the DCC signed is taken with 204 and handed over, everything
//! else is refused with 400. The head end has its own, which stores before it answers.
use crate::head_end::only_from;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use duis::{IssuerSerial, Response, XmlSigner};
use gbcs::Eui64;
use gbcs::crypto::AwsLc;
use link::{ServerTls, TlsError};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;
use web::{Limits, Server};

/// A response may report a long log.
pub(crate) const MAX_RESPONSE: usize = 16 * 1024 * 1024;
/// Responses that wait for the listener; the DCC comes again with what finds no room.
const WAITING: usize = 256;

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The address cannot be had.
    #[error(transparent)]
    Listen(#[from] io::Error),
    /// Certificates or keys cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
}

/// A running service.
#[derive(Debug)]
pub struct ReceiveService {
    addr: SocketAddr,
    responses: mpsc::Receiver<Response>,
    server: JoinHandle<()>,
}

impl ReceiveService {
    /// Serve at `addr`, whatever the path; `dcc` is who may sign. With certificates it is HTTPS, and nobody but the DCC of this
    /// identifier may connect.
    ///
    /// # Errors
    /// Where the address cannot be had, or the certificates cannot be used.
    pub async fn start(
        addr: SocketAddr,
        tls: Option<(ServerTls, Eui64)>,
        dcc: BTreeMap<IssuerSerial, XmlSigner>,
    ) -> Result<Self, ReceiveError> {
        let tls = tls.map(|(tls, dcc)| only_from(tls, dcc)).transpose()?;
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (sender, responses) = mpsc::channel(WAITING);
        let router = Router::new()
            .route("/", post(take))
            .route("/{*path}", post(take))
            .layer(DefaultBodyLimit::max(MAX_RESPONSE))
            .with_state((sender, Arc::new(dcc)));
        let server = Server { listener, tls, limits: Limits::default(), body_limit: |_| MAX_RESPONSE, router };
        let server = tokio::spawn(server.run(std::future::pending()));
        Ok(Self { addr, responses, server })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next response. The DCC may bring the same more than once.
    pub async fn next(&mut self) -> Option<Response> {
        self.responses.recv().await
    }
}

impl Drop for ReceiveService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Shared = (mpsc::Sender<Response>, Arc<BTreeMap<IssuerSerial, XmlSigner>>);

async fn take(State((sender, dcc)): State<Shared>, body: String) -> StatusCode {
    match Response::accept(&AwsLc, &body, |certificate| dcc.get(certificate).copied()) {
        // 503 asks the DCC to come again.
        Ok(response) => sender.try_send(response).map_or(StatusCode::SERVICE_UNAVAILABLE, |()| StatusCode::NO_CONTENT),
        Err(refusal) => {
            warn!(%refusal, "a response was not accepted");
            StatusCode::BAD_REQUEST
        }
    }
}
