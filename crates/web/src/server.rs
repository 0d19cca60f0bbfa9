//! The server.
use crate::body;
use crate::seats::{Seat, Seats};
use axum::Router;
use axum::extract::Request;
use gbcs::Eui64;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

/// What one client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. When all are taken a new one replaces the one that has owed a request longest.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the head of a request, counted from the end of the one before: an idle connection is closed then too.
    pub head: Duration,
    /// For the body.
    pub body: Duration,
    /// Bodies above 64 KiB in memory at once, until they are answered; more wait, within their time.
    pub large_bodies: usize,
    /// For requests that are served when the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 1024,
            handshake: seconds(10),
            head: seconds(15),
            body: seconds(30),
            large_bodies: 8,
            grace: seconds(5),
        }
    }
}

/// Who is at the other end: an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(
    /// The EUI-64 in the common name of its TLS certificate; `None` over plain HTTP.
    pub Option<Eui64>,
);

/// The longest body that a path takes, in octets.
pub type BodyLimit = fn(&str) -> usize;

/// A server on one listener.
#[derive(Debug)]
pub struct Server {
    /// Where it accepts.
    pub listener: TcpListener,
    /// The configuration of [`link::ServerTls`], which names every client; plain HTTP without.
    pub tls: Option<Arc<ServerConfig>>,
    /// What one client may take.
    pub limits: Limits,
    /// The longest body of each path.
    pub body_limit: BodyLimit,
    /// What is served.
    pub router: Router,
}

/// What every connection shares.
struct Shared {
    router: TowerToHyperService<Router>,
    limits: Limits,
    body_limit: BodyLimit,
    large: Semaphore,
}

impl Server {
    /// Serve until `stop` is done, then let what is being served end.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, tls, limits, body_limit, router } = self;
        let router = router
            .fallback(crate::problem::not_found)
            .method_not_allowed_fallback(crate::problem::method_not_allowed)
            // The limit here is the one of each path.
            .layer(axum::extract::DefaultBodyLimit::disable());
        let shared = Arc::new(Shared {
            router: TowerToHyperService::new(router),
            limits,
            body_limit,
            large: Semaphore::new(limits.large_bodies.max(1)),
        });
        let acceptor = tls.map(TlsAcceptor::from);
        let seats = Seats::new(limits.connections);
        let (tell, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        for number in 0.. {
            // A seat first: who finds none waits in the system's queue.
            let accepted = async {
                let accepted = listener.accept().await;
                (accepted, seats.take(number).await)
            };
            let mut accepted = pin!(accepted);
            let accepted = loop {
                tokio::select! {
                    accepted = &mut accepted => break Some(accepted),
                    () = &mut stop => break None,
                    Some(_) = connections.join_next() => {}
                }
            };
            match accepted {
                None => break,
                Some((Ok((stream, _)), Some(seat))) => {
                    let connection = connection(stream, acceptor.clone(), shared.clone(), seat, stopping.clone());
                    connections.spawn(connection);
                }
                Some((Err(error), _)) => {
                    warn!(%error, "cannot accept a connection");
                    // As when there are no more file descriptors.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Some((Ok(_), None)) => break,
            }
        }
        drop(listener);
        tell.send_replace(true);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.grace, all).await.is_err() {
            debug!("connections were cut off at the end");
        }
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    seat: Seat,
    stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection ended as it began");
        return;
    }
    let leave = seat.leave.clone();
    let serve = async {
        let Some(acceptor) = tls else {
            return serve(stream, Peer(None), shared, seat, stopping).await;
        };
        match tokio::time::timeout(shared.limits.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                // The handshake has checked that there is one, and that it names somebody.
                let Some(Ok(eui)) = certificate.map(|der| link::identity::device_of(der)) else { return };
                serve(stream, Peer(Some(eui)), shared, seat, stopping).await;
            }
            Ok(Err(error)) => debug!(%error, "no TLS connection came about"),
            Err(_) => debug!("a TLS handshake took too long"),
        }
    };
    tokio::select! {
        () = serve => {}
        () = leave.notified() => debug!("a connection that kept us waiting made room"),
    }
}

async fn serve<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    peer: Peer,
    shared: Arc<Shared>,
    seat: Seat,
    mut stopping: watch::Receiver<bool>,
) {
    let seat = &seat;
    let service = service_fn(|request: Request<Incoming>| {
        let shared = &shared;
        async move {
            let limits = shared.limits;
            let (mut head, body) = request.into_parts();
            let limit = (shared.body_limit)(head.uri.path());
            let (body, _place) = match body::take(body, limit, limits.body, &shared.large).await {
                Ok(taken) => taken,
                Err(none) => return Ok::<_, Infallible>(none.into_response()),
            };
            seat.served();
            head.extensions.insert(peer);
            let response = shared.router.call(Request::from_parts(head, body)).await;
            seat.waits();
            response
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    let http = http.timer(TokioTimer::new()).header_read_timeout(shared.limits.head).max_buf_size(64 * 1024);
    let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
    let stopped = async { drop(stopping.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended");
    }
}
