//! What happens because time passes: [`Gateway::tick`] when something is due, and whenever something that waits was changed.
use crate::callback::Notice;
use crate::gateway::Gateway;
use crate::now;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// Look again after this long in any case: a clock that was set moves what is due.
const LONGEST: Duration = Duration::from_secs(60);
/// After the stand-in itself failed.
const RETRY: Duration = Duration::from_secs(1);

/// Do what is due; `woken` are told when there may be something to send, callbacks when there may be something to tell.
pub(crate) async fn run(gateway: Arc<Gateway>, callbacks: Notice, wake: impl Fn() + Send) {
    loop {
        let ticking = gateway.clone();
        let wait = match tokio::task::spawn_blocking(move || ticking.tick(now())).await {
            Ok(Ok(tick)) => {
                if tick.acted {
                    wake();
                }
                // A decision, or what the WAN brought, may have queued something too.
                callbacks.notify();
                tick.next.since(now()).min(LONGEST)
            }
            Ok(Err(error)) => {
                warn!(?error, "what is due could not be done");
                RETRY
            }
            Err(error) => {
                warn!(%error, "what is due could not be done");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = gateway.changed.notified() => {}
        }
    }
}
