//! Starting and stopping.
use crate::api::{self, Api};
use crate::config::HeadEndConfig;
use crate::core::{Core, Inbox, Message};
use crate::courier::Courier;
use crate::keys::HeadEndKeys;
use crate::progress::Progress;
use crate::receive::MAX_RESPONSE;
use crate::store::{Reader, Store, StoreError};
use gbcs::Eui64;
use link::{BindError, ClientTls, Endpoint, EndpointConfig, Limits, ServerTls, TlsError};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tracing::{error, info};

/// Events kept for a watcher that lags behind.
const PROGRESS_BACKLOG: usize = 4096;

/// Why a head end does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// PPMIDs cannot be listened for.
    #[error("MQTT endpoint: {0}")]
    Link(#[from] BindError),
    /// An address cannot be listened on.
    #[error("cannot listen on {addr} for {what}: {source}")]
    Listen {
        /// For what.
        what: &'static str,
        /// Where.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Certificates or keys for HTTPS with the DCC cannot be used.
    #[error("TLS with the DCC: {0}")]
    Tls(#[from] TlsError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Certificates for HTTPS with the DCC, each naming its holder by EUI-64 as that of a PPMID does.
#[derive(Debug)]
pub struct DccTls {
    /// What the DCC is shown, and who vouches for it.
    pub client: ClientTls,
    /// What the DCC is shown when it calls the Receive Response Service, and who vouches for it.
    pub receive: ServerTls,
}

/// Nobody but this party may connect.
pub(crate) fn only_from(tls: ServerTls, dcc: Eui64) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    tls.into_config_for(move |eui| eui == dcc).map(Arc::new)
}

/// The head end.
#[derive(Debug)]
pub struct HeadEnd;

impl HeadEnd {
    /// Opens the database, takes up every delivery where the last life left it, and starts listening. Must be called within a
    /// tokio runtime, which has to live as long as the head end. `tls` is the certificate of the MQTT endpoint, and who issues those
    /// of PPMIDs.
    ///
    /// # Errors
    /// [`StartError`]; nothing goes on running then.
    pub async fn start(config: HeadEndConfig, keys: HeadEndKeys, tls: ServerTls) -> Result<HeadEndHandle, StartError> {
        Self::start_with(config, keys, tls, None).await
    }

    /// The same; where there are certificates for it, a DCC at `https` is asked, and calls back over HTTPS.
    ///
    /// # Errors
    /// [`StartError`]; nothing goes on running then.
    pub async fn start_with(
        config: HeadEndConfig,
        keys: HeadEndKeys,
        tls: ServerTls,
        dcc_tls: Option<DccTls>,
    ) -> Result<HeadEndHandle, StartError> {
        let (receive_tls, client_tls) = dcc_tls.map(|tls| (tls.receive, tls.client)).unzip();
        let receive_tls = receive_tls.map(|tls| only_from(tls, config.dcc.id)).transpose()?;
        let (config, keys) = (Arc::new(config), Arc::new(keys));
        let store = Store::open(&config.database)?;
        let reader = Reader::open(&config.database)?;
        let api_listener = listen("the API", config.api.listen).await?;
        let receive_listener = listen("responses of the DCC", config.receive_listen).await?;
        let (api_addr, receive_addr) = (local(&api_listener)?, local(&receive_listener)?);
        let endpoint = EndpointConfig { addr: config.mqtt_listen, tls, limits: Limits::default() };
        let (endpoint, mut link_events) = Endpoint::bind(endpoint).await?;

        let (inbox, messages) = Inbox::new();
        let (progress, _) = broadcast::channel(PROGRESS_BACKLOG);
        let courier = Courier::new(&config.dcc, client_tls, inbox.clone())?;
        let core = Core::new(config.clone(), keys.clone(), store, endpoint.clone(), courier, progress.clone())?;
        let core = std::thread::Builder::new()
            .name("headend-core".into())
            .spawn(move || core.run(&messages))
            .map_err(StartError::Thread)?;

        let mut tasks = JoinSet::new();
        let link_inbox = inbox.clone();
        tasks.spawn(async move {
            while let Some(event) = link_events.recv().await {
                link_inbox.send(Message::Link(event));
            }
        });
        let api = Arc::new(Api { config, keys, inbox: inbox.clone(), reader: Mutex::new(reader) });
        let (stop, stopping) = watch::channel(false);
        tasks.spawn(serve("API", api_listener, api::router(api.clone()), stopping.clone()));
        let receive_is_tls = receive_tls.is_some();
        let receive = web::Server {
            listener: receive_listener,
            tls: receive_tls,
            limits: web::Limits::default(),
            body_limit: |_| MAX_RESPONSE,
            router: api::receive_router(api),
        };
        let mut receive_stopping = stopping;
        tasks.spawn(receive.run(async move { drop(receive_stopping.wait_for(|stop| *stop).await) }));
        let mqtt_addr = endpoint.local_addr();
        info!(api = %api_addr, receive = %receive_addr, mqtt = %mqtt_addr, "head end started");
        Ok(HeadEndHandle {
            api_addr,
            receive_addr,
            receive_is_tls,
            mqtt_addr,
            inbox,
            endpoint,
            progress,
            stop,
            tasks,
            core: Some(core),
        })
    }
}

async fn listen(what: &'static str, addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|source| StartError::Listen { what, addr, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(StartError::Thread)
}

async fn serve(what: &'static str, listener: TcpListener, router: axum::Router, mut stopping: watch::Receiver<bool>) {
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        error!(what, %error, "no more served");
    }
}

/// A running head end. Dropped without [`HeadEndHandle::shutdown`] it stops in its own time; nothing stored is lost either way.
#[derive(Debug)]
pub struct HeadEndHandle {
    api_addr: SocketAddr,
    receive_addr: SocketAddr,
    receive_is_tls: bool,
    mqtt_addr: SocketAddr,
    inbox: Inbox,
    endpoint: Endpoint,
    progress: broadcast::Sender<Progress>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    core: Option<JoinHandle<()>>,
}

impl HeadEndHandle {
    /// Where the REST API listens; its resources are under `/v1`.
    pub fn api_addr(&self) -> SocketAddr {
        self.api_addr
    }

    /// Where PPMIDs connect.
    pub fn mqtt_addr(&self) -> SocketAddr {
        self.mqtt_addr
    }

    /// Where the DCC delivers responses: to be told to the DCC.
    pub fn receive_url(&self) -> String {
        let scheme = if self.receive_is_tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.receive_addr, api::RECEIVE_PATH)
    }

    /// Every event of every delivery from now on. A watcher that lags by thousands misses some: the database has them all.
    pub fn subscribe(&self) -> broadcast::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Says goodbye to everybody and stops; what is under way goes on at the next start.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        self.endpoint.clone().shutdown().await;
        self.inbox.send(Message::Stop);
        if let Some(core) = self.core.take() {
            let ended = tokio::task::spawn_blocking(move || core.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                error!("the core did not end in order");
            }
        }
        // Connections of the API that linger are cut; what they asked for is stored or was never acknowledged.
        self.tasks.shutdown().await;
        info!("head end stopped");
    }
}

impl Drop for HeadEndHandle {
    fn drop(&mut self) {
        self.inbox.send(Message::Stop);
    }
}
