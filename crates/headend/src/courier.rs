//! Brings documents to the DCC, a bounded number at once, and whatever came of each back to the core.
use crate::client::{DccClient, Transport};
use crate::config::DccConfig;
use crate::core::{Inbox, Message};
use crate::store::Letter;
use link::{ClientTls, TlsError};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Sends documents.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    dcc: DccClient,
    permits: Arc<Semaphore>,
    inbox: Inbox,
    runtime: Handle,
}

impl Courier {
    pub(crate) fn new(config: &DccConfig, tls: Option<ClientTls>, inbox: Inbox) -> Result<Self, TlsError> {
        let http = Transport { timeout: config.timeout, tls }.client()?;
        Ok(Self {
            dcc: DccClient::new(http, &config.url),
            permits: Arc::new(Semaphore::new(config.concurrency.max(1))),
            inbox,
            runtime: Handle::current(),
        })
    }

    /// Send it; the core hears of the outcome.
    pub(crate) fn send(&self, letter: Letter) {
        let courier = self.clone();
        self.runtime.spawn(async move {
            let Ok(_permit) = courier.permits.clone().acquire_owned().await else { return };
            let result = courier.dcc.post(&letter.path, letter.document).await;
            courier.inbox.send(Message::DccAnswered { sequence: letter.sequence, result });
        });
    }
}
