//! The HTTP half of a DUIS client: one POST, and whatever came of it. What to post and what an answer is worth says
//! [`duis::client`].
use axum::http::Uri;
use duis::Service;
use link::{ClientTls, TlsError};
use std::time::Duration;
use web::{Answer, Client, Failed};

/// An answer is a response document; anything longer is not read.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Redirects followed at most.
const MAX_REDIRECTS: usize = 5;
/// The longest that a server may ask to be left alone.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// How to reach the DCC.
#[derive(Debug)]
pub struct Transport {
    /// How long one answer may take.
    pub timeout: Duration,
    /// What a DCC at `https` is shown, and who vouches for it.
    pub tls: Option<ClientTls>,
}

impl Transport {
    /// The one HTTP client of everything that talks to a DCC.
    ///
    /// # Errors
    /// Where the certificates cannot be used.
    pub fn client(self) -> Result<Client, TlsError> {
        Client::new(self.tls, self.timeout, MAX_ANSWER)
    }
}

/// Why there is no answer of the DCC. The document may have arrived all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// No connection, or it broke.
    #[error("the DCC cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("the DCC did not answer in time")]
    Silent,
    /// Something else answered, or the DCC is in trouble.
    #[error("the DCC answered HTTP status {status}{}", .detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default())]
    Status {
        /// The status.
        status: u16,
        /// How long it asks to be left alone.
        pause: Option<Duration>,
        /// What its problem document says.
        detail: Option<String>,
    },
    /// No text, or too much of it.
    #[error("the DCC's answer is no text of a bearable length")]
    Unreadable,
    /// It cannot be asked at all: the address is none, or at `https` without certificates.
    #[error("{0}")]
    Misuse(String),
}

impl Undelivered {
    /// Whether the same document may be worth another try: not where its very text or place was refused (DUIS 1.8, 5.5).
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status >= 500 || [408, 425, 429].contains(status),
            Self::Unreachable(_) | Self::Silent | Self::Unreadable => true,
            Self::Misuse(_) => false,
        }
    }

    /// How long the DCC asks to be left alone.
    pub fn pause(&self) -> Option<Duration> {
        if let Self::Status { pause, .. } = self { *pause } else { None }
    }
}

/// The web services of a DCC.
#[derive(Clone, Debug)]
pub struct DccClient {
    http: Client,
    url: String,
}

impl DccClient {
    /// Those under `url`: scheme, host and port; the paths of the services follow.
    pub fn new(http: Client, url: &str) -> Self {
        Self { http, url: url.trim_end_matches('/').to_owned() }
    }

    /// As [`Self::post`], to a service.
    ///
    /// # Errors
    /// [`Undelivered`].
    pub async fn send(&self, service: Service, document: String) -> Result<String, Undelivered> {
        self.post(service.path(), document).await
    }

    /// Posts a document; gives the text that a 2xx status came with.
    ///
    /// A redirect is followed where it repeats the POST (307, 308) and does not leave TLS; others would make a GET of it, and lose the
    /// document.
    ///
    /// # Errors
    /// [`Undelivered`].
    pub async fn post(&self, path: &str, document: String) -> Result<String, Undelivered> {
        let mut url = format!("{}{path}", self.url);
        let mut redirects = 0;
        let answer = loop {
            let answer = self.http.post(&url, "application/xml", document.clone()).await?;
            match redirect(&answer, &url) {
                Some(other) if redirects < MAX_REDIRECTS => url = other,
                _ => break answer,
            }
            redirects += 1;
        };
        if !answer.is_success() {
            let pause = pause(&answer).map(|pause| pause.min(MAX_PAUSE));
            return Err(Undelivered::Status { status: answer.status, pause, detail: detail(&answer) });
        }
        String::from_utf8(answer.body).map_err(|_| Undelivered::Unreadable)
    }
}

impl From<Failed> for Undelivered {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Silent => Self::Silent,
            Failed::TooLong { .. } => Self::Unreadable,
            Failed::Unreachable(why) => Self::Unreachable(why),
            wrong @ (Failed::Url(_) | Failed::NoTls(_)) => Self::Misuse(wrong.to_string()),
        }
    }
}

/// Where the same POST is to go.
fn redirect(answer: &Answer, from: &str) -> Option<String> {
    if ![307, 308].contains(&answer.status) {
        return None;
    }
    let (from, to): (Uri, &str) = (from.parse().ok()?, answer.header("location")?);
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let whole = match to {
        to if to.starts_with("//") => format!("{scheme}:{to}"),
        to if to.starts_with('/') => format!("{scheme}://{authority}{to}"),
        to if to.parse::<Uri>().is_ok_and(|uri| uri.scheme().is_some()) => to.to_owned(),
        to => {
            let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{to}")
        }
    };
    let leaves_tls = scheme == "https" && !whole.starts_with("https:");
    (!leaves_tls).then_some(whole)
}

/// `Retry-After` in seconds; the form with a date is not looked at.
fn pause(answer: &Answer) -> Option<Duration> {
    answer.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

/// What a problem document (RFC 9457) says.
fn detail(answer: &Answer) -> Option<String> {
    if !answer.header("content-type")?.starts_with("application/problem+json") {
        return None;
    }
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let said = |name: &str| Some(problem.get(name)?.as_str()?.chars().take(300).collect::<String>());
    let code = said("response_code").map(|code| format!("{code}: ")).unwrap_or_default();
    Some(format!("{code}{}", said("detail").or_else(|| said("title"))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::{HeaderName, StatusCode, header};
    use axum::response::{IntoResponse, Redirect};
    use axum::routing::post;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A server that treats each path in its own way.
    async fn server() -> DccClient {
        let seen = Arc::new(AtomicU32::new(0));
        let busy = move || {
            let first = seen.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                let pause: [(HeaderName, &str); 1] = [(header::RETRY_AFTER, "7")];
                if first { (StatusCode::SERVICE_UNAVAILABLE, pause).into_response() } else { "<ok/>".into_response() }
            }
        };
        let problem = || async {
            let kind = [(header::CONTENT_TYPE, "application/problem+json")];
            (StatusCode::BAD_REQUEST, kind, r#"{"title":"no","detail":"cut off","response_code":"E100"}"#)
        };
        let router = Router::new()
            .route("/echo", post(|body: String| async { body }))
            .route("/moved", post(|| async { Redirect::temporary("/echo") }))
            .route("/see-other", post(|| async { Redirect::to("/echo") }))
            .route("/here/near", post(|| async { (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, "next")]) }))
            .route("/here/next", post(|body: String| async { body }))
            .route("/round", post(|| async { Redirect::temporary("/round") }))
            .route("/busy", post(busy))
            .route("/problem", post(problem))
            .route("/octets", post(|| async { vec![0xFFu8, 0xFE] }))
            .route("/silent", post(std::future::pending::<String>));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        DccClient::new(Transport { timeout: Duration::from_millis(700), tls: None }.client().unwrap(), &url)
    }

    #[tokio::test]
    async fn a_document_follows_a_redirect_that_repeats_it_and_no_other() {
        let dcc = server().await;
        assert_eq!(dcc.post("/moved", "<doc/>".into()).await, Ok("<doc/>".into()));
        assert_eq!(dcc.post("/here/near", "<doc/>".into()).await, Ok("<doc/>".into()));
        let status = |outcome: Result<String, Undelivered>| match outcome {
            Err(Undelivered::Status { status, .. }) => status,
            other => panic!("{other:?}"),
        };
        assert_eq!(status(dcc.post("/see-other", "<doc/>".into()).await), 303);
        assert_eq!(status(dcc.post("/round", "<doc/>".into()).await), 307);
    }

    #[test]
    fn a_redirect_out_of_tls_is_not_followed() {
        let mut answer = Answer { status: 307, headers: Default::default(), body: Vec::new() };
        for (to, followed) in [
            ("http://dcc/b", None),
            ("https://other/b", Some("https://other/b")),
            ("//other/b", Some("https://other/b")),
            ("/b", Some("https://dcc:1/b")),
            ("b", Some("https://dcc:1/x/b")),
        ] {
            answer.headers.insert(header::LOCATION, to.parse().unwrap());
            assert_eq!(redirect(&answer, "https://dcc:1/x/a").as_deref(), followed, "{to}");
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_told_from_what_will_not() {
        let dcc = server().await;
        let busy = dcc.post("/busy", "<doc/>".into()).await.unwrap_err();
        assert_eq!((busy.may_pass(), busy.pause()), (true, Some(Duration::from_secs(7))));
        assert_eq!(dcc.post("/busy", "<doc/>".into()).await, Ok("<ok/>".into()));
        let problem = dcc.post("/problem", "<doc/>".into()).await.unwrap_err();
        assert!(!problem.may_pass());
        assert_eq!(problem.to_string(), "the DCC answered HTTP status 400: E100: cut off");
        assert!(!dcc.post("/nowhere", "<doc/>".into()).await.unwrap_err().may_pass());
        assert_eq!(dcc.post("/octets", "<doc/>".into()).await, Err(Undelivered::Unreadable));
        let silent = dcc.post("/silent", "<doc/>".into()).await.unwrap_err();
        assert_eq!((silent.may_pass(), silent), (true, Undelivered::Silent));
        let nobody = Transport { timeout: Duration::from_secs(1), tls: None }.client().unwrap();
        let secret =
            DccClient::new(nobody.clone(), "https://127.0.0.1:1").post("/echo", String::new()).await.unwrap_err();
        assert!(!secret.may_pass() && secret.to_string().contains("no certificate"), "{secret}");
        let nobody = DccClient::new(nobody, "http://127.0.0.1:1");
        assert!(matches!(nobody.post("/echo", String::new()).await, Err(Undelivered::Unreachable(_))));
    }
}
