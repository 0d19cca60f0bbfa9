//! The WAN: Communications Hubs connect by TCP and exchange GBCS messages while it is up.
//!
//! A hub says its identifier in eight octets and is welcomed with an empty frame; then both sides send messages, each behind its
//! length in two octets, big-endian. The DCC answers each message that it has stored with an empty frame. A WAN that is down
//! closes what is open and turns away what comes.
use crate::callback::Notice;
use crate::gateway::Gateway;
use crate::now;
use gbcs::Eui64;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

/// Whether the WAN reaches hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WanState {
    /// Messages pass both ways.
    Up,
    /// No hub is reached.
    Down,
}

/// Wakes whoever sends to a hub, when there may be something to send.
#[derive(Debug, Default)]
pub(crate) struct Hubs {
    wake: std::sync::Mutex<HashMap<Eui64, Arc<Notify>>>,
}

impl Hubs {
    fn of(&self, hub: Eui64) -> Arc<Notify> {
        let mut wake = self.wake.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        wake.entry(hub).or_default().clone()
    }

    /// Something was queued for some hub.
    pub(crate) fn wake_all(&self) {
        let wake = self.wake.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        wake.values().for_each(|hub| hub.notify_one());
    }
}

/// Accept hubs for as long as the process lives.
pub(crate) async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    hubs: Arc<Hubs>,
    state: watch::Receiver<WanState>,
    callbacks: Notice,
) {
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = sessions.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                if *state.borrow() == WanState::Down {
                    debug!(%peer, "the WAN is down: turned away");
                    continue;
                }
                let session = session(stream, gateway.clone(), hubs.clone(), callbacks.clone());
                let mut state = state.clone();
                sessions.spawn(async move {
                    let ended = tokio::select! {
                        ended = session => ended,
                        _ = state.wait_for(|state| *state == WanState::Down) => {
                            info!(%peer, "the WAN went down");
                            return;
                        }
                    };
                    if let Err(error) = ended {
                        debug!(%peer, %error, "a hub's connection ended");
                    }
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a hub");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn session(stream: TcpStream, gateway: Arc<Gateway>, hubs: Arc<Hubs>, callbacks: Notice) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut from, mut to) = stream.into_split();
    let mut hub = [0; 8];
    from.read_exact(&mut hub).await?;
    let hub = Eui64(hub);
    info!(%hub, "a hub is on the WAN");
    to.write_all(&frame(&[])).await?;
    let wake = hubs.of(hub);
    let (stored, acknowledge) = mpsc::channel(16);
    tokio::try_join!(receive(from, gateway.clone(), callbacks, stored), send(to, gateway, hub, wake, acknowledge))?;
    Ok(())
}

async fn send(
    mut to: OwnedWriteHalf,
    gateway: Arc<Gateway>,
    hub: Eui64,
    wake: Arc<Notify>,
    mut acknowledge: mpsc::Receiver<()>,
) -> std::io::Result<()> {
    loop {
        let unsent = blocking(&gateway, move |gateway| gateway.store.unsent(hub)).await?;
        for outbound in unsent {
            to.write_all(&frame(&outbound.command)).await?;
            // Marked behind the write: a crash between sends it twice, which the meter's counter tells apart.
            blocking(&gateway, move |gateway| gateway.store.mark_sent(outbound.row, now())).await?;
        }
        loop {
            tokio::select! {
                () = wake.notified() => break,
                Some(()) = acknowledge.recv() => to.write_all(&frame(&[])).await?,
            }
        }
    }
}

async fn receive(
    mut from: OwnedReadHalf,
    gateway: Arc<Gateway>,
    callbacks: Notice,
    stored: mpsc::Sender<()>,
) -> std::io::Result<()> {
    loop {
        let octets = read_frame(&mut from).await?;
        blocking(&gateway, move |gateway| gateway.receive(&octets, now())).await?;
        callbacks.notify();
        // The other half of the connection is gone with this one.
        let _ = stored.send(()).await;
    }
}

async fn read_frame(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let length = from.read_u16().await?;
    let mut octets = vec![0; length as usize];
    from.read_exact(&mut octets).await?;
    Ok(octets)
}

/// What a hub hears of the WAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubEvent {
    /// The WAN is there.
    Up,
    /// The WAN is gone.
    Down,
    /// A message came.
    Received(Vec<u8>),
}

/// A hub's end of the WAN: connects whenever it can, and keeps each message until the DCC has stored it.
#[derive(Debug)]
pub struct HubLink {
    messages: mpsc::UnboundedSender<Vec<u8>>,
    _task: JoinSet<()>,
}

impl HubLink {
    /// Start; ends when this is dropped.
    pub fn start(dcc: SocketAddr, hub: Eui64) -> (Self, mpsc::UnboundedReceiver<HubEvent>) {
        // Not bounded here: the hub's own queue towards the WAN is, and hands on only while the WAN is up.
        let (messages, queue) = mpsc::unbounded_channel();
        let (tell, events) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(stay_connected(dcc, hub, queue, tell));
        (Self { messages, _task: task }, events)
    }

    /// Hand a message over; it is sent again over the next connection until the DCC says that it is stored.
    pub fn send(&self, message: Vec<u8>) {
        // Fails only when the task is gone, which is when the process ends.
        let _ = self.messages.send(message);
    }
}

const RETRY: Duration = Duration::from_millis(100);

async fn stay_connected(
    dcc: SocketAddr,
    hub: Eui64,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    tell: mpsc::UnboundedSender<HubEvent>,
) {
    let mut unstored = VecDeque::new();
    loop {
        let mut was_up = false;
        if let Ok(stream) = TcpStream::connect(dcc).await {
            let ended = connected(stream, hub, &mut queue, &mut unstored, &tell, &mut was_up).await;
            debug!(%hub, ?ended, "the connection to the DCC ended");
        }
        if was_up && tell.send(HubEvent::Down).is_err() {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn connected(
    stream: TcpStream,
    hub: Eui64,
    queue: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    unstored: &mut VecDeque<Vec<u8>>,
    tell: &mpsc::UnboundedSender<HubEvent>,
    was_up: &mut bool,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut from, mut to) = stream.into_split();
    to.write_all(&hub.octets()).await?;
    // A WAN that is down accepts and closes; one that is up says so with an empty frame.
    if !read_frame(&mut from).await?.is_empty() {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    *was_up = true;
    if tell.send(HubEvent::Up).is_err() {
        return Ok(());
    }
    for message in unstored.iter() {
        to.write_all(&frame(message)).await?;
    }
    // Reading a frame is not to be cut short by something else to do: it has a task of its own.
    let (heard, mut frames) = mpsc::channel(16);
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        while let Ok(octets) = read_frame(&mut from).await {
            if heard.send(octets).await.is_err() {
                return;
            }
        }
    });
    loop {
        tokio::select! {
            message = queue.recv() => {
                let Some(message) = message else { return Ok(()) };
                unstored.push_back(message);
                to.write_all(&frame(&unstored[unstored.len() - 1])).await?;
            }
            octets = frames.recv() => match octets {
                None => return Ok(()),
                Some(octets) if octets.is_empty() => drop(unstored.pop_front()),
                Some(octets) => drop(tell.send(HubEvent::Received(octets))),
            }
        }
    }
}

/// A message behind its length.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a GBCS message is below 64 KiB");
    [&length.to_be_bytes(), message].concat()
}

/// The store blocks for as long as the disk takes: not on a thread that serves connections.
pub(crate) async fn blocking<T: Send + 'static, E: std::error::Error + Send + Sync + 'static>(
    gateway: &Arc<Gateway>,
    work: impl FnOnce(&Gateway) -> Result<T, E> + Send + 'static,
) -> std::io::Result<T> {
    let gateway = gateway.clone();
    let done = tokio::task::spawn_blocking(move || work(&gateway)).await;
    done.map_err(std::io::Error::other)?.map_err(std::io::Error::other)
}
