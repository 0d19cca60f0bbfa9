//! How long Commands wait for the WAN and for their Responses, and what Users are told when that ends (DUIS 4.1, E20 and E21).
use crate::access::Failure;
use crate::callback::Notice;
use crate::gateway::Gateway;
use crate::now;
use crate::store::Open;
use crate::wan::{Retry, Wan, blocking};
use gbcs::Time;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tracing::{info, warn};

/// When patience with which Command ends. What is noted here is looked up again when its time has come.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    ends: Mutex<BTreeSet<(Time, i64)>>,
    news: Notify,
}

impl Patience {
    fn ends(&self) -> MutexGuard<'_, BTreeSet<(Time, i64)>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commands may have been accepted.
    pub(crate) fn look(&self) {
        self.news.notify_one();
    }

    /// Look at this Command when patience with it ends, whatever was noted before: it was sent.
    pub(crate) fn note(&self, retry: &Retry, open: &Open) {
        self.ends().insert((ends(retry, open), open.row));
        self.news.notify_one();
    }

    fn first(&self) -> Option<(Time, i64)> {
        self.ends().first().copied()
    }
}

/// When patience with an open Command ends.
fn ends(retry: &Retry, open: &Open) -> Time {
    match open.sent {
        None => open.queued + retry.deliver(open.srv),
        Some(sent) => sent + retry.answer(open.srv),
    }
}

/// Tell Users of Commands that the WAN did not deliver (E20), or that nobody answered (E21), in good time.
pub(crate) async fn run(gateway: Arc<Gateway>, wan: Arc<Wan>, patience: Arc<Patience>, callbacks: Notice) {
    let mut seen = 0;
    loop {
        let retry = wan.config().retry;
        match blocking(&gateway, move |gateway| gateway.store.open_after(seen)).await {
            Ok(accepted) => {
                for open in accepted {
                    seen = open.row;
                    patience.ends().insert((ends(&retry, &open), open.row));
                }
            }
            Err(error) => pause(&error).await,
        }
        let Some((at, row)) = patience.first() else {
            patience.news.notified().await;
            continue;
        };
        let left = at.since(now());
        if !left.is_zero() {
            tokio::select! { () = tokio::time::sleep(left) => {}, () = patience.news.notified() => {} }
            continue;
        }
        let looked = blocking(&gateway, move |gateway| {
            let Some(open) = gateway.store.open_command(row)? else { return Ok(None) };
            let at = ends(&retry, &open);
            if at > now() {
                return Ok(Some(at));
            }
            info!(request = %open.id, was_sent = open.sent.is_some(), "patience with a Command ran out");
            gateway.give_up(open.id, open.srv, open.sent.is_some(), now())?;
            Ok::<_, Failure>(None)
        });
        match looked.await {
            Ok(again) => {
                patience.ends().remove(&(at, row));
                if let Some(at) = again {
                    patience.ends().insert((at, row));
                }
                callbacks.notify();
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn pause(error: &std::io::Error) {
    warn!(%error, "cannot look after Commands on their way");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
