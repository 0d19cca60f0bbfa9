//! A bounded number of connections. When all are taken, the one that has kept us waiting longest makes room.
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The seats of a server.
#[derive(Debug)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    taken: Mutex<HashMap<u64, Taken>>,
    /// A connection waits for its peer again.
    turned: Notify,
}

#[derive(Debug)]
struct Taken {
    /// Since when the peer owes us a whole request; `None` while it is our turn.
    waiting: Option<Instant>,
    leave: Arc<Notify>,
}

/// The seat of one connection; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    /// Told when somebody else needs it more.
    pub(crate) leave: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    pub(crate) fn new(number: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(number.max(1))), taken: Mutex::default(), turned: Notify::new() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for the connection of this number, at once or when another has left.
    pub(crate) async fn take(self: &Arc<Self>, number: u64) -> Option<Seat> {
        let mut free = pin!(self.free.clone().acquire_owned());
        let mut asked = self.free.available_permits() > 0 || self.ask_one_to_leave();
        let permit = loop {
            let turned = self.turned.notified();
            tokio::select! {
                biased;
                permit = &mut free => break permit.ok()?,
                // All are taken. Where nobody keeps us waiting now, the first who does.
                () = turned, if !asked => asked = self.ask_one_to_leave(),
            }
        };
        let leave = Arc::new(Notify::new());
        self.taken().insert(number, Taken { waiting: Some(Instant::now()), leave: leave.clone() });
        Some(Seat { seats: self.clone(), number, leave, _permit: permit })
    }

    fn ask_one_to_leave(&self) -> bool {
        let taken = self.taken();
        let waiting = taken.values().filter_map(|seat| Some((seat.waiting?, &seat.leave)));
        let longest = waiting.min_by_key(|(since, _)| *since);
        longest.inspect(|(_, leave)| leave.notify_one()).is_some()
    }
}

impl Seat {
    /// It is our turn: the peer is not to be sent away.
    pub(crate) fn served(&self) {
        self.set(None);
    }

    /// It is the peer's turn again.
    pub(crate) fn waits(&self) {
        self.set(Some(Instant::now()));
        self.seats.turned.notify_waiters();
    }

    fn set(&self, waiting: Option<Instant>) {
        if let Some(seat) = self.seats.taken().get_mut(&self.number) {
            seat.waiting = waiting;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().remove(&self.number);
    }
}
