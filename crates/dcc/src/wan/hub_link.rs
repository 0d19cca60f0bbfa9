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
    /// A message came: say [`HubLink::taken`] when what is to be kept of it is kept.
    Received(Vec<u8>),
    /// The DCC has stored this message of the hub's.
    Stored(Vec<u8>),
}

/// A hub's end of the WAN: connects whenever it can. It keeps nothing: until the DCC has stored a message the hub has it, and gives
/// it anew when the WAN comes back.
#[derive(Debug)]
pub struct HubLink {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    _task: JoinSet<()>,
}

impl HubLink {
    /// Start; ends when this is dropped.
    pub fn start(dcc: SocketAddr, hub: Eui64) -> (Self, mpsc::UnboundedReceiver<HubEvent>) {
        // Not bounded here: the hub's own queue towards the WAN is, and hands on only while the WAN is up.
        let (frames, queue) = mpsc::unbounded_channel();
        let (tell, events) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(stay_connected(dcc, hub, queue, tell));
        (Self { frames, _task: task }, events)
    }

    /// Hand a message over; it is with the DCC when [`HubEvent::Stored`] says so, and lost with a connection that ends before.
    pub fn send(&self, message: Vec<u8>) {
        // Fails only when the task is gone, which is when the process ends.
        let _ = self.frames.send(message);
    }

    /// The oldest message received that was not said so of is with the hub: the DCC need not send it again.
    pub fn taken(&self) {
        self.send(Vec::new());
    }
}

const RETRY: Duration = Duration::from_millis(100);

async fn stay_connected(
    dcc: SocketAddr,
    hub: Eui64,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    tell: mpsc::UnboundedSender<HubEvent>,
) {
    loop {
        let mut was_up = false;
        if let Ok(stream) = TcpStream::connect(dcc).await {
            let ended = connected(stream, hub, &mut queue, &tell, &mut was_up).await;
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
    // What was for an earlier connection the hub gives again when it hears that the WAN is back.
    while queue.try_recv().is_ok() {}
    let mut unstored = VecDeque::new();
    *was_up = true;
    if tell.send(HubEvent::Up).is_err() {
        return Ok(());
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
                to.write_all(&frame(&message)).await?;
                if !message.is_empty() {
                    unstored.push_back(message);
                }
            }
            octets = frames.recv() => match octets {
                None => return Ok(()),
                Some(octets) if octets.is_empty() => {
                    if let Some(message) = unstored.pop_front() {
                        let _ = tell.send(HubEvent::Stored(message));
                    }
                }
                Some(octets) => drop(tell.send(HubEvent::Received(octets))),
            }
        }
    }
}
