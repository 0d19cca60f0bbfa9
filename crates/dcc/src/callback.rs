//! Telling Users: documents are posted to their Receive Response Service until it takes them (DUIS 1.4).
use crate::gateway::Gateway;
use crate::now;
use crate::wan::blocking;
use gbcs::Time;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::{debug, info, warn};

/// A word that there may be something to tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notice(Arc<Notify>);

impl Notice {
    pub(crate) fn notify(&self) {
        self.0.notify_one();
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Post what waits, in order for each User; back off while a service does not answer.
pub(crate) async fn deliver(gateway: Arc<Gateway>, client: reqwest::Client, notice: Notice) {
    let mut wait = FIRST_WAIT;
    loop {
        let waiting = match blocking(&gateway, |gateway| gateway.store.undelivered()).await {
            Ok(waiting) => waiting,
            Err(error) => {
                warn!(%error, "cannot read what is to be delivered");
                Vec::new()
            }
        };
        let mut failed = HashSet::new();
        for callback in waiting {
            let url = gateway.config.user(callback.user).and_then(|user| user.receive_url.clone());
            let Some(url) = url.filter(|_| !failed.contains(&callback.user)) else { continue };
            let post = client.post(&url).header("Content-Type", "application/xml").body(callback.xml);
            match post.send().await {
                Ok(response) if response.status().is_success() => {
                    wait = FIRST_WAIT;
                    let row = callback.row;
                    if let Err(error) =
                        blocking(&gateway, move |gateway| gateway.store.mark_delivered(row, now())).await
                    {
                        warn!(%error, "a delivered document will be delivered again");
                    }
                }
                Ok(response) => {
                    warn!(user = %callback.user, status = response.status().as_u16(), "a Receive Response Service refused");
                    failed.insert(callback.user);
                }
                Err(error) => {
                    debug!(user = %callback.user, %error, "a Receive Response Service is away");
                    failed.insert(callback.user);
                }
            }
        }
        if failed.is_empty() {
            notice.0.notified().await;
        } else {
            // Somebody did not answer: again after a while, or as soon as there is more to tell.
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                () = notice.0.notified() => {}
            }
        }
    }
}

/// Tell Users of Commands that the WAN did not deliver (E20), or that nobody answered (E21), in good time.
pub(crate) async fn lose_patience(gateway: Arc<Gateway>, notice: Notice, queued: Notice) {
    let patience = gateway.config.wan_patience;
    loop {
        let oldest = blocking(&gateway, |gateway| gateway.store.oldest_open()).await.ok().flatten();
        match oldest {
            None => queued.0.notified().await,
            Some(since) => {
                let left = (since + patience).since(now());
                if !left.is_zero() {
                    tokio::select! { () = tokio::time::sleep(left) => {}, () = queued.0.notified() => continue }
                }
                let before = Time(now().0.saturating_sub(patience.as_millis() as u64));
                let told = blocking(&gateway, move |gateway| {
                    for (id, srv, was_sent) in gateway.store.give_up(before)? {
                        info!(request = %id, was_sent, "patience with a Command ran out");
                        if let Some(report) = gateway.give_up(id, srv, was_sent, now()) {
                            gateway.store.queue_callback(report.user, &report.key, &report.xml, report.answers)?;
                        }
                    }
                    Ok::<_, rusqlite::Error>(())
                });
                if let Err(error) = told.await {
                    warn!(%error, "cannot give up on Commands");
                    tokio::time::sleep(FIRST_WAIT).await;
                }
                notice.notify();
            }
        }
    }
}
