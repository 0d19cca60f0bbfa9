//! Telling Users: documents are posted to their Receive Response Service until it takes them (DUIS 1.4).
use crate::gateway::Gateway;
use crate::now;
use crate::store::Callback;
use crate::wan::blocking;
use gbcs::Eui64;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, warn};

/// A word to all who tell Users that there may be something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Notice(Arc<watch::Sender<()>>);

impl Default for Notice {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }
}

impl Notice {
    pub(crate) fn notify(&self) {
        self.0.send_replace(());
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What became of a document.
enum Told {
    Taken,
    /// The service is there and does not want this one.
    Refused,
    Away,
}

/// Post what waits for one User, in order; a document that is refused does not keep back those behind it. Back off while anything
/// is left. Users do not wait for each other: each has a task.
pub(crate) async fn deliver(gateway: Arc<Gateway>, client: web::Client, user: Eui64, url: String, notice: Notice) {
    let mut news = notice.0.subscribe();
    let mut wait = FIRST_WAIT;
    loop {
        news.mark_unchanged();
        if pass(&gateway, &client, user, &url).await {
            wait = FIRST_WAIT;
            // Ends with the process, which holds a sender.
            let _ = news.changed().await;
        } else {
            // Somebody did not answer: again after a while, or as soon as there is more to tell.
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                _ = news.changed() => {}
            }
        }
    }
}

/// Once through all that waits; whether nothing is left.
async fn pass(gateway: &Arc<Gateway>, client: &web::Client, user: Eui64, url: &str) -> bool {
    let (mut after, mut all) = (0, true);
    loop {
        let waiting = match blocking(gateway, move |gateway| gateway.store.undelivered(user, after)).await {
            Ok(waiting) => waiting,
            Err(error) => {
                warn!(%error, "cannot read what is to be delivered");
                return false;
            }
        };
        if waiting.is_empty() {
            return all;
        }
        for Callback { row, xml } in waiting {
            after = row;
            match post(client, user, url, xml).await {
                Told::Taken => {
                    if let Err(error) = blocking(gateway, move |gateway| gateway.store.mark_delivered(row, now())).await
                    {
                        warn!(%error, "a delivered document will be delivered again");
                        return false;
                    }
                }
                Told::Refused => all = false,
                Told::Away => return false,
            }
        }
    }
}

async fn post(client: &web::Client, user: Eui64, url: &str, xml: String) -> Told {
    match client.post(url, "application/xml", xml).await {
        Ok(answer) if answer.is_success() => Told::Taken,
        Ok(answer) if (400..500).contains(&answer.status) => {
            warn!(%user, status = answer.status, "a Receive Response Service refused a document");
            Told::Refused
        }
        Ok(answer) => {
            warn!(%user, status = answer.status, "a Receive Response Service is in trouble");
            Told::Away
        }
        Err(error) => {
            debug!(%user, %error, "a Receive Response Service is away");
            Told::Away
        }
    }
}
