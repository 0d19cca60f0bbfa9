//! Brings documents to the DCC: one HTTP POST each, and whatever came of it back to the core.
use crate::config::DccConfig;
use crate::core::{Inbox, Message};
use crate::store::Letter;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// An answer is a response document; anything longer is not read.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Why there is no answer of the DCC. The document may have arrived all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    /// No connection, or it broke.
    #[error("the DCC cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("the DCC did not answer in time")]
    Silent,
    /// Something else answered, or the DCC is in trouble.
    #[error("the DCC answered HTTP status {0}")]
    Status(u16),
    /// No text, or too much of it.
    #[error("the DCC's answer is no text of a bearable length")]
    Unreadable,
}

/// Sends documents, a bounded number at once.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    client: reqwest::Client,
    url: Arc<str>,
    permits: Arc<Semaphore>,
    inbox: Inbox,
    runtime: Handle,
}

impl Courier {
    pub(crate) fn new(config: &DccConfig, inbox: Inbox) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: reqwest::Client::builder().timeout(config.timeout).no_proxy().build()?,
            url: config.url.trim_end_matches('/').into(),
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
            let result = courier.post(&letter.path, letter.document).await;
            courier.inbox.send(Message::DccAnswered { sequence: letter.sequence, result });
        });
    }

    async fn post(&self, path: &str, document: String) -> Result<String, Undelivered> {
        let trouble = |error: reqwest::Error| {
            if error.is_timeout() { Undelivered::Silent } else { Undelivered::Unreachable(root_cause(&error)) }
        };
        let request = self.client.post(format!("{}{path}", self.url)).header("Content-Type", "application/xml");
        let mut response = request.body(document).send().await.map_err(trouble)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Undelivered::Status(status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(trouble)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Undelivered::Unreadable);
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| Undelivered::Unreadable)
    }
}

/// The innermost reason: the outer ones only repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
