//! A Receive Response Service for as long as somebody listens (DUIS 1.4): what the DCC signed is taken with 204 and handed over, everything
//! else is refused with 400. The head end has its own, which stores before it answers.
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use duis::{IssuerSerial, Response, XmlSigner};
use gbcs::crypto::AwsLc;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, warn};

/// A response may report a long log.
pub(crate) const MAX_RESPONSE: usize = 16 * 1024 * 1024;
/// Responses that wait for the listener; the DCC comes again with what finds no room.
const WAITING: usize = 256;

/// A running service.
#[derive(Debug)]
pub struct ReceiveService {
    addr: SocketAddr,
    responses: mpsc::Receiver<Response>,
    server: JoinHandle<()>,
}

impl ReceiveService {
    /// Serve at `addr`, whatever the path; `dcc` is who may sign.
    ///
    /// # Errors
    /// Where the address cannot be had.
    pub async fn start(addr: SocketAddr, dcc: BTreeMap<IssuerSerial, XmlSigner>) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (sender, responses) = mpsc::channel(WAITING);
        let router = Router::new()
            .fallback(post(take))
            .layer(DefaultBodyLimit::max(MAX_RESPONSE))
            .with_state((sender, Arc::new(dcc)));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                error!(%error, "no more responses are received");
            }
        });
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
