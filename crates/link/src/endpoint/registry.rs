//! One live session per device: the newer takes over, and its story begins when the older's has ended.
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gbcs::Eui64;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::SendError;
use crate::flight::Outgoing;

/// Which devices are here, and how to reach their sessions.
#[derive(Debug, Default)]
pub(super) struct Registry {
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<Eui64, Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    state: State,
    queue: mpsc::Sender<Outgoing>,
    evict: oneshot::Sender<()>,
    /// Resolves when the session is gone for good.
    gone: oneshot::Receiver<Infallible>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for an older session to go.
    Arriving,
    Here,
    /// Subscribed to its down topic.
    Listening,
    /// Saying goodbye.
    Leaving,
}

/// A session's right to speak for its device. Dropping it lets a newer session begin.
pub(super) struct Seat {
    device: Eui64,
    number: u64,
    registry: Arc<Registry>,
    /// What the head end sends to the device.
    pub queue: mpsc::Receiver<Outgoing>,
    /// Resolves when a newer session wants the seat.
    pub evicted: oneshot::Receiver<()>,
    _gone: oneshot::Sender<Infallible>,
}

impl Registry {
    pub fn devices(&self) -> Vec<Eui64> {
        let here = |entry: &Entry| matches!(entry.state, State::Here | State::Listening);
        self.seats().taken.iter().filter(|(_, entry)| here(entry)).map(|(device, _)| *device).collect()
    }

    pub fn send(&self, device: Eui64, message: Outgoing) -> Result<(), SendError> {
        let seats = self.seats();
        let entry = seats.taken.get(&device).ok_or(SendError::NotConnected)?;
        match entry.state {
            State::Arriving | State::Leaving => Err(SendError::NotConnected),
            State::Here => Err(SendError::NotSubscribed),
            State::Listening => entry.queue.try_send(message).map_err(|error| match error {
                TrySendError::Full(_) => SendError::QueueFull,
                TrySendError::Closed(_) => SendError::NotConnected,
            }),
        }
    }

    /// Takes the seat of a device. Asks an older session to leave and waits until it has; `None` if a newer one took over
    /// meanwhile.
    pub async fn claim(self: &Arc<Self>, device: Eui64, queue: usize) -> Option<Seat> {
        let (sender, receiver) = mpsc::channel(queue);
        let (evict, evicted) = oneshot::channel();
        let (alive, gone) = oneshot::channel();
        let (number, older) = {
            let mut seats = self.seats();
            seats.next += 1;
            let number = seats.next;
            let entry = Entry { number, state: State::Arriving, queue: sender, evict, gone };
            (number, seats.taken.insert(device, entry))
        };
        let mut seat = Seat { device, number, registry: self.clone(), queue: receiver, evicted, _gone: alive };
        if let Some(older) = older {
            let _ = older.evict.send(());
            // Waiting on even when a newer one evicts us: our own end tells it that all before it are gone.
            let _ = older.gone.await;
        }
        if seat.evicted.try_recv().is_ok() {
            return None;
        }
        seat.change(State::Here);
        Some(seat)
    }

    /// Nothing is left half-changed by a panic while the lock is held, so poison means nothing here.
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The device subscribed to its down topic, or unsubscribed from it.
    pub fn listening(&mut self, listening: bool) {
        self.change(if listening { State::Listening } else { State::Here });
    }

    /// Takes no more messages and is listed no more. A newer session still waits until the seat is dropped.
    pub fn leave(&mut self) {
        self.change(State::Leaving);
        self.queue.close();
        // Their senders learn of the end now, not when the seat is dropped.
        while self.queue.try_recv().is_ok() {}
    }

    fn change(&mut self, state: State) {
        if let Some(entry) = self.registry.seats().taken.get_mut(&self.device).filter(|e| e.number == self.number) {
            entry.state = state;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.registry.seats();
        if seats.taken.get(&self.device).is_some_and(|entry| entry.number == self.number) {
            seats.taken.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Eui64 = Eui64::from_u64(1);

    #[tokio::test]
    async fn a_newer_session_begins_only_when_the_older_has_gone() {
        let registry = Arc::new(Registry::default());
        let mut first = registry.claim(DEVICE, 1).await.unwrap();
        let claim = tokio::spawn({
            let registry = registry.clone();
            async move { registry.claim(DEVICE, 1).await }
        });
        (&mut first.evicted).await.unwrap();
        assert!(registry.devices().is_empty(), "the newer one is not here yet");
        first.leave();
        drop(first);
        let _second = claim.await.unwrap().unwrap();
        assert_eq!(registry.devices(), [DEVICE]);
    }

    #[tokio::test]
    async fn of_three_sessions_the_newest_stays_and_the_middle_one_never_begins() {
        let registry = Arc::new(Registry::default());
        let mut first = registry.claim(DEVICE, 1).await.unwrap();
        let claim = || {
            let registry = registry.clone();
            tokio::spawn(async move { registry.claim(DEVICE, 1).await })
        };
        let second = claim();
        (&mut first.evicted).await.unwrap();
        let third = claim();
        while registry.seats().next < 3 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert!(second.await.unwrap().is_none());
        assert!(third.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn messages_need_a_listener_and_room() {
        let registry = Arc::new(Registry::default());
        let send = || registry.send(DEVICE, Outgoing::new(vec![]).0);
        assert_eq!(send(), Err(SendError::NotConnected));
        let mut seat = registry.claim(DEVICE, 1).await.unwrap();
        assert_eq!(send(), Err(SendError::NotSubscribed));
        seat.listening(true);
        assert_eq!(send(), Ok(()));
        assert_eq!(send(), Err(SendError::QueueFull));
        seat.leave();
        assert_eq!(send(), Err(SendError::NotConnected));
    }
}
