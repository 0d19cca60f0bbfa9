//! The WAN: Communications Hubs connect by TCP and exchange GBCS messages while it is up.
//!
//! A hub says its identifier in eight octets and is welcomed with an empty frame; then both sides send messages, each behind its
//! length in two octets, big-endian. The DCC answers each message that it has stored with an empty frame. A WAN that is down
//! closes what is open and turns away what comes.
//!
//! When it is up, how long a message takes and which transmissions are lost is a pure [`Model`] of time and seed; the sockets
//! only do what it says.
mod admin;
mod chance;
mod climate;
mod frame;
mod hub_link;
mod model;
mod service;
pub mod text;
mod weather;

pub use chance::{Chance, Spread};
pub use climate::{Climate, Patience, Retry, UnknownState, WanConfig, WanState};
pub use frame::frame;
pub use hub_link::{HubEvent, HubLink};
pub use model::{Direction, Fate, Model, Place, Reach};
pub use weather::Weather;

pub(crate) use admin::routes;
pub(crate) use service::{Hubs, Service, blocking};

use crate::now;
use gbcs::{Eui64, Time};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The model on the clock of this process; whoever follows it hears of changes.
#[derive(Debug)]
pub(crate) struct Wan {
    model: Mutex<Model>,
    changed: watch::Sender<()>,
}

impl Wan {
    pub(crate) fn new(config: WanConfig) -> Self {
        Self { model: Mutex::new(Model::new(config, now())), changed: watch::Sender::new(()) }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> WanConfig {
        self.model().config().clone()
    }

    /// Let a place's WAN come or go; what else it is like stays.
    pub(crate) fn set_state(&self, place: Place, state: WanState) {
        let own = self.model().climate(&place).cloned().unwrap_or_default();
        self.set(place, Climate { state: Some(state), ..own });
    }

    pub(crate) fn set(&self, place: Place, climate: Climate) {
        self.model().set(place, climate, now());
        self.changed.send_replace(());
    }

    /// Whether the WAN as a whole is up.
    fn is_up(&self, now: Time) -> bool {
        self.model().at(&Place::Everywhere, now).up
    }

    fn reaches(&self, hub: Eui64, now: Time) -> bool {
        self.model().reach(hub, now).up
    }

    fn carry(&self, hub: Eui64, direction: Direction, octets: usize, now: Time) -> Fate {
        self.model().carry(hub, direction, octets, now)
    }

    /// Ends when a hub is not reached any more.
    async fn cut_off(&self, hub: Eui64) {
        let mut changed = self.changed.subscribe();
        loop {
            let Reach { up, until } = self.model().reach(hub, now());
            if !up {
                return;
            }
            let wait = until.map(|until| until.since(now()));
            tokio::select! {
                () = async { match wait { Some(wait) => tokio::time::sleep(wait).await, None => std::future::pending().await } } => {}
                _ = changed.changed() => {}
            }
        }
    }
}
