//! The head end's side: an embedded broker for devices that prove who they are by certificate.
mod registry;
mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gbcs::Eui64;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, info, warn};

use crate::ack::AckToken;
use crate::ended::Ended;
use crate::flight::{Outgoing, Sent};
use crate::tls::{ServerTls, TlsError};
use crate::{packet, topic};
use registry::Registry;

/// How long a stopping endpoint waits for its sessions to say goodbye.
const STOP: Duration = Duration::from_secs(5);
/// How long to hold off when the operating system refuses to accept (mostly: no more file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where to listen, as whom, and within which bounds.
#[derive(Debug)]
pub struct EndpointConfig {
    /// Port 0 takes a free port; [`Endpoint::local_addr`] tells which.
    pub addr: SocketAddr,
    /// Our certificate, and who issues those of the devices.
    pub tls: ServerTls,
    /// Bounds on what devices may cost.
    pub limits: Limits,
}

/// Bounds on what devices may cost. Memory of a connection is at most about
/// `max_packet * (receive_maximum + queue + window)`, and that only when every message has the largest size.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets of the largest MQTT packet, both ways.
    pub max_packet: u32,
    /// QoS 1 messages a device may have waiting for their PUBACK.
    pub receive_maximum: u16,
    /// QoS 1 messages on their way to a device at once (a device may ask for fewer).
    pub window: usize,
    /// Messages waiting behind those, per device. More are refused ([`SendError::QueueFull`]).
    pub queue: usize,
    /// Events waiting for the head end. When they are not taken, devices are no longer read from.
    pub events: usize,
    /// Connections at once, whether they have proved who they are or not.
    pub connections: usize,
    /// The longest keep-alive: a device that asks for more, or for none, is held to this.
    pub keep_alive: Duration,
    /// How long TLS and CONNECT may take together.
    pub set_up: Duration,
    /// How long a device may leave written octets unread.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_packet: 64 * 1024,
            receive_maximum: 16,
            window: 16,
            queue: 64,
            events: 1024,
            connections: 10_000,
            keep_alive: Duration::from_secs(15 * 60),
            set_up: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}

/// What happens on the link. For one device: `Connected`, then any of `Subscribed` and `Up`, then `Disconnected`, and only
/// after that the next `Connected`.
#[derive(Debug)]
pub enum LinkEvent {
    /// The device proved who it is. It can be sent to once it has subscribed.
    Connected {
        /// From its certificate.
        device: Eui64,
    },
    /// The device listens: [`Endpoint::send`] now works.
    Subscribed {
        /// From its certificate.
        device: Eui64,
    },
    /// The device says something.
    Up {
        /// From its certificate.
        device: Eui64,
        /// The octets as sent. The same ones may come again, until they are acknowledged.
        payload: Vec<u8>,
        /// Say when they are stored.
        ack: AckToken,
    },
    /// The device is gone. Whatever was not acknowledged to [`Endpoint::send`] by now never will be.
    Disconnected {
        /// From its certificate.
        device: Eui64,
        /// Whose doing it was.
        reason: Ended,
    },
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Certificates or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a message was not taken. It did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not there: wait for [`LinkEvent::Subscribed`].
    #[error("the device is not connected")]
    NotConnected,
    /// Connected, but it does not listen yet (or no more): wait for [`LinkEvent::Subscribed`].
    #[error("the device is connected but has not subscribed")]
    NotSubscribed,
    /// The device takes messages too slowly: wait for one of those sent.
    #[error("too many messages wait for the device")]
    QueueFull,
    /// The caller's fault: larger than [`Limits::max_packet`] allows.
    #[error("the message has {len} octets, {max} are allowed")]
    TooLarge {
        /// Octets of the payload.
        len: usize,
        /// Octets a payload may have.
        max: usize,
    },
}

/// A handle on the running endpoint, cheap to clone. When the last one is dropped the endpoint stops.
#[derive(Clone, Debug)]
pub struct Endpoint {
    local_addr: SocketAddr,
    max_payload: usize,
    registry: Arc<Registry>,
    stop: Arc<watch::Sender<bool>>,
    stopped: watch::Receiver<()>,
}

impl Endpoint {
    /// Starts listening. The events must be taken: while they are not, devices wait; when their receiver is dropped, devices
    /// are sent away.
    pub async fn bind(config: EndpointConfig) -> Result<(Self, mpsc::Receiver<LinkEvent>), BindError> {
        let EndpointConfig { addr, tls, limits } = config;
        let acceptor = TlsAcceptor::from(Arc::new(tls.into_config()?));
        let listen = |source| BindError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;

        let (events, receiver) = mpsc::channel(limits.events);
        let (stop, stopping) = watch::channel(false);
        let (running, stopped) = watch::channel(());
        let shared = Shared { acceptor, limits, registry: Arc::default(), events, stopping };
        let registry = shared.registry.clone();
        info!(addr = %local_addr, "listening for devices");
        tokio::spawn(async move {
            accept_until_stopped(listener, Arc::new(shared)).await;
            drop(running);
        });
        // A topic of a device is as long as any other's.
        let max_payload = packet::max_payload(limits.max_packet, &topic::down(Eui64::default()));
        Ok((Self { local_addr, max_payload, registry, stop: Arc::new(stop), stopped }, receiver))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The devices connected now, in ascending order.
    pub fn connected(&self) -> Vec<Eui64> {
        self.registry.devices()
    }

    /// Sends to a device's down topic with QoS 1. Returns at once; the answer resolves at the device's PUBACK.
    pub fn send(&self, device: Eui64, payload: Vec<u8>) -> Result<Sent, SendError> {
        if payload.len() > self.max_payload {
            return Err(SendError::TooLarge { len: payload.len(), max: self.max_payload });
        }
        let (message, sent) = Outgoing::new(payload);
        self.registry.send(device, message)?;
        Ok(sent)
    }

    /// Stops listening, tells every device (MQTT 5: "server shutting down") and waits until all sessions ended. Events still
    /// waiting can be taken afterwards; then the channel ends. A `Disconnected` is left out where the channel is full.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while self.stopped.changed().await.is_ok() {}
    }
}

/// What all sessions of an endpoint share.
struct Shared {
    acceptor: TlsAcceptor,
    limits: Limits,
    registry: Arc<Registry>,
    events: mpsc::Sender<LinkEvent>,
    stopping: watch::Receiver<bool>,
}

impl Shared {
    /// Waits until the endpoint is told to stop, or nobody is left who could.
    async fn stopped(&self) {
        let _ = self.stopping.clone().wait_for(|stop| *stop).await;
    }
}

async fn accept_until_stopped(listener: TcpListener, shared: Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(shared.limits.connections));
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            () = shared.stopped() => break,
            Some(ended) = sessions.join_next() => report_panic(ended),
            (stream, peer, permit) = accept(&listener, &permits) => {
                let shared = shared.clone();
                sessions.spawn(async move {
                    debug!(%peer, "connection");
                    session::run(stream, peer, shared).await;
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    let goodbyes = async {
        while let Some(ended) = sessions.join_next().await {
            report_panic(ended);
        }
    };
    if timeout(STOP, goodbyes).await.is_err() {
        warn!("some devices did not take their goodbye in time");
        sessions.shutdown().await;
    }
    info!("stopped");
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                // A connection reset before it was accepted, or this process at a limit: neither ends the endpoint.
                warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(panic) = ended {
        error!(%panic, "a session failed; its device will connect again");
    }
}
