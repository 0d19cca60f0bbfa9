//! The client.
use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use link::{ClientTls, TlsError};
use std::time::Duration;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What was said besides.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer. The document may have arrived all the same.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Whoever wrote it is at fault.
    #[error("{0:?} is no URL of HTTP")]
    Url(String),
    /// The client has no certificate to show.
    #[error("{0:?} is served over TLS, and there is no certificate to show there")]
    NoTls(String),
    /// No connection, or it broke.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer in time")]
    Silent,
    /// It is longer than an answer may be.
    #[error("the answer is longer than {limit} octets")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

/// Posts documents, and reads them. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    has_tls: bool,
    timeout: Duration,
    limit: usize,
    /// Sent with every request; its `Debug` tells nothing.
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client that waits so long for a whole answer of at most `limit` octets; `tls` is what it shows and whom it trusts.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub fn new(tls: Option<ClientTls>, timeout: Duration, limit: usize) -> Result<Self, TlsError> {
        let has_tls = tls.is_some();
        let config = match tls {
            Some(tls) => tls.into_config()?,
            // Trusts nobody; never used.
            None => rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::CertificateAndKey)?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
        };
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
        // Below the time after which servers of this project close an idle connection.
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(10))
            .build(connector);
        Ok(Self { http, has_tls, timeout, limit, authorization: None })
    }

    /// The same client, that shows a bearer token with every request; `None` where a header cannot hold it.
    pub fn with_bearer(mut self, token: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Some(self)
    }

    /// Post a document.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post(&self, url: &str, content_type: &'static str, body: impl Into<Bytes>) -> Result<Answer, Failed> {
        let mut request = self.request(url, Method::POST, body.into())?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.ask(request).await
    }

    /// Read a document.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&self, url: &str) -> Result<Answer, Failed> {
        let request = self.request(url, Method::GET, Bytes::new())?;
        self.ask(request).await
    }

    fn request(&self, url: &str, method: Method, body: Bytes) -> Result<hyper::Request<Full<Bytes>>, Failed> {
        let uri: Uri = url.parse().map_err(|_| Failed::Url(url.to_owned()))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") if self.has_tls => {}
            Some("https") => return Err(Failed::NoTls(url.to_owned())),
            _ => return Err(Failed::Url(url.to_owned())),
        }
        let request = hyper::Request::builder().method(method).uri(uri).body(Full::new(body));
        let mut request = request.map_err(|_| Failed::Url(url.to_owned()))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    async fn ask(&self, request: hyper::Request<Full<Bytes>>) -> Result<Answer, Failed> {
        tokio::time::timeout(self.timeout, self.exchange(request)).await.unwrap_or(Err(Failed::Silent))
    }

    async fn exchange(&self, request: hyper::Request<Full<Bytes>>) -> Result<Answer, Failed> {
        let response = self.http.request(request).await.map_err(|error| Failed::Unreachable(root_cause(&error)))?;
        let (head, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| Failed::Unreachable(root_cause(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            if body.len() + data.len() > self.limit {
                return Err(Failed::TooLong { limit: self.limit });
            }
            body.extend_from_slice(&data);
        }
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// The innermost reason: the outer ones only repeat the URL.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
