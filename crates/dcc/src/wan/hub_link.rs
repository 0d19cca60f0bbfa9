//! A hub's end of the WAN.
use super::frame::{frame, read_frame};
use gbcs::Eui64;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::debug;

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
