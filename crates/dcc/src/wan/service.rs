//! The DCC's end of the WAN: hubs that connect, Commands that leave, messages that come, all as late as the model says.
use super::Wan;
use super::frame::{frame, read_frame};
use super::model::{Direction, Fate};
use crate::blocks::{self, Blocks};
use crate::callback::Notice;
use crate::gateway::Gateway;
use crate::now;
use crate::patience::Patience;
use gbcs::{Eui64, Time};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

/// The hubs that are on the WAN, or were.
#[derive(Debug, Default)]
pub(crate) struct Hubs {
    blocks: Blocks,
    known: Mutex<HashMap<Eui64, Hub>>,
}

#[derive(Debug)]
struct Hub {
    /// There may be something to send.
    wake: Arc<Notify>,
    /// The number of its last connection.
    connection: watch::Sender<u64>,
}

impl Hubs {
    fn lock(&self) -> MutexGuard<'_, HashMap<Eui64, Hub>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A hub connected: an older connection of it is over when the number changes.
    fn connected(&self, hub: Eui64) -> (Arc<Notify>, watch::Receiver<u64>) {
        let mut known = self.lock();
        let hub = known.entry(hub).or_insert_with(|| Hub { wake: Arc::default(), connection: watch::Sender::new(0) });
        hub.connection.send_modify(|number| *number += 1);
        (hub.wake.clone(), hub.connection.subscribe())
    }

    /// Something was queued for some hub.
    pub(crate) fn wake_all(&self) {
        self.lock().values().for_each(|hub| hub.wake.notify_one());
    }
}

/// Connections of hubs at once.
const CONNECTIONS: usize = 4096;
/// A hub says who it is at once.
const HELLO: Duration = Duration::from_secs(10);
/// A hub stores what it is sent within this time.
const TAKING: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(100);

/// What a connection of a hub needs.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) hubs: Arc<Hubs>,
    pub(crate) wan: Arc<Wan>,
    pub(crate) callbacks: Notice,
    /// Another patience starts where a Command was sent.
    pub(crate) patience: Arc<Patience>,
}

impl Service {
    /// Accept hubs for as long as the process lives.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let mut sessions = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept(), if sessions.len() < CONNECTIONS => accepted,
                Some(_) = sessions.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if !self.wan.is_up(now()) {
                        debug!(%peer, "the WAN is down: turned away");
                        continue;
                    }
                    let service = self.clone();
                    sessions.spawn(async move {
                        if let Err(error) = service.session(stream).await {
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

    async fn session(self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut from, mut to) = stream.into_split();
        let mut hub = [0; 8];
        tokio::time::timeout(HELLO, from.read_exact(&mut hub)).await.map_err(|_| std::io::ErrorKind::TimedOut)??;
        let hub = Eui64(hub);
        if !self.wan.reaches(hub, now()) {
            debug!(%hub, "its WAN is down: turned away");
            return Ok(());
        }
        let (wake, mut connection) = self.hubs.connected(hub);
        connection.mark_unchanged();
        info!(%hub, "a hub is on the WAN");
        to.write_all(&frame(&[])).await?;
        let to = &tokio::sync::Mutex::new(to);
        let (heard, messages) = mpsc::channel(16);
        let (took, mut taken) = mpsc::unbounded_channel();
        tokio::select! {
            ended = async {
                tokio::try_join!(
                    self.hear(hub, from, heard, took),
                    self.receive(hub, &wake, messages, to),
                    self.send(hub, &wake, to, &mut taken)
                )
            } => ended.map(drop),
            () = self.wan.cut_off(hub) => {
                info!(%hub, "its WAN went down");
                Ok(())
            }
            _ = connection.changed() => {
                debug!(%hub, "it connected anew");
                Ok(())
            }
        }
    }

    /// Commands, one after the other: the next leaves when the hub has the last, or it is given up.
    async fn send(
        &self,
        hub: Eui64,
        wake: &Notify,
        to: &tokio::sync::Mutex<OwnedWriteHalf>,
        taken: &mut mpsc::UnboundedReceiver<()>,
    ) -> std::io::Result<()> {
        let retry = self.wan.config().retry;
        let mut lost = (0, 0);
        loop {
            // What a device misses of a transfer was asked for a moment ago, and is asked for again if the WAN loses it.
            for block in self.hubs.blocks.waiting(hub) {
                if let Fate::Arrives(at) = self.wan.carry(hub, Direction::Down, block.len(), now()) {
                    sleep_until(at).await;
                    hand_over(to, &block, taken).await?;
                }
            }
            let next = blocking(&self.gateway, move |gateway| gateway.store.next_unsent(hub)).await?;
            let Some(outbound) = next else {
                wake.notified().await;
                continue;
            };
            if lost.0 != outbound.row {
                lost = (outbound.row, 0);
            }
            match self.wan.carry(hub, Direction::Down, outbound.command.len(), now()) {
                Fate::Arrives(at) => {
                    sleep_until(at).await;
                    for part in blocks::of(&outbound.command) {
                        hand_over(to, &part, taken).await?;
                    }
                    // Marked when the hub has it: a crash before sends it twice, which the meter's counter tells apart.
                    let sent = blocking(&self.gateway, move |gateway| {
                        gateway.store.mark_sent(outbound.row, now())?;
                        gateway.store.open_command(outbound.row)
                    });
                    if let Some(open) = sent.await? {
                        self.patience.note(&retry, &open);
                    }
                }
                Fate::Lost(at) => {
                    sleep_until(at).await;
                    lost.1 += 1;
                    debug!(%hub, row = outbound.row, lost = lost.1, "a Command was lost on the WAN");
                    if lost.1 >= retry.attempts.get() {
                        blocking(&self.gateway, move |gateway| gateway.give_up_sending(outbound.row, now())).await?;
                        self.callbacks.notify();
                    } else {
                        tokio::time::sleep(retry.wait(lost.1)).await;
                    }
                }
            }
        }
    }

    /// What the hub says, each with the time it gets through: the hub repeats what is lost until then. An empty frame says that it has
    /// what it was sent.
    async fn hear(
        &self,
        hub: Eui64,
        mut from: OwnedReadHalf,
        heard: mpsc::Sender<(Time, Vec<u8>)>,
        took: mpsc::UnboundedSender<()>,
    ) -> std::io::Result<()> {
        let retry = self.wan.config().retry;
        loop {
            let octets = read_frame(&mut from).await?;
            if octets.is_empty() {
                let _ = took.send(());
                continue;
            }
            let mut lost = 0;
            let arrives = loop {
                match self.wan.carry(hub, Direction::Up, octets.len(), now()) {
                    Fate::Arrives(at) => break at,
                    Fate::Lost(at) => {
                        lost += 1;
                        sleep_until(at + retry.wait(lost)).await;
                    }
                }
            };
            // The other half of the connection is gone with this one.
            let _ = heard.send((arrives, octets)).await;
        }
    }

    /// Store what arrives, then acknowledge it.
    async fn receive(
        &self,
        hub: Eui64,
        wake: &Notify,
        mut messages: mpsc::Receiver<(Time, Vec<u8>)>,
        to: &tokio::sync::Mutex<OwnedWriteHalf>,
    ) -> std::io::Result<()> {
        while let Some((arrives, octets)) = messages.recv().await {
            sleep_until(arrives).await;
            let hubs = self.hubs.clone();
            blocking(&self.gateway, move |gateway| {
                let command = |id: &_| gateway.store.by_message(id).ok().flatten().map(|known| known.command);
                match hubs.blocks.take(hub, octets, now(), command) {
                    Some(octets) => gateway.receive(&octets, now()),
                    None => Ok(()),
                }
            })
            .await?;
            self.callbacks.notify();
            wake.notify_one();
            to.lock().await.write_all(&frame(&[])).await?;
        }
        Ok(())
    }
}

/// Give a hub a message and wait until it has it. One that says nothing for too long is to connect anew.
async fn hand_over(
    to: &tokio::sync::Mutex<OwnedWriteHalf>,
    message: &[u8],
    taken: &mut mpsc::UnboundedReceiver<()>,
) -> std::io::Result<()> {
    // Said of nothing that is on its way.
    while taken.try_recv().is_ok() {}
    to.lock().await.write_all(&frame(message)).await?;
    let told = tokio::time::timeout(TAKING, taken.recv()).await.map_err(|_| std::io::ErrorKind::TimedOut)?;
    told.ok_or(std::io::ErrorKind::UnexpectedEof.into())
}

async fn sleep_until(at: Time) {
    let left = at.since(now());
    if !left.is_zero() {
        tokio::time::sleep(left).await;
    }
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
