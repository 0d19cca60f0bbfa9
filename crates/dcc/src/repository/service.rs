//! The repository over HTTP, at the paths of DCC Boxed (duis.md 1.7) and beside the web services; `docs/smki.md` has the documents.
use super::document::QueryFault;
use super::{CertificateStatus, IssueFault, Query};
use crate::gateway::Gateway;
use crate::now;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use duis::certificate::Serial;
use std::sync::Arc;
use web::problem::problem;

const XML: &str = "application/xml";
const JSON: &str = "application/json";
const PEM: &str = "application/x-pem-file";

/// The routes, over a gateway.
pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/services/certificatesearch", get(search_by_url).post(search_by_document))
        .route("/services/retrievecertificate", get(retrieve_by_url).post(retrieve_by_document))
        .route("/services/certificaterequest", post(request))
        .route("/admin/certificates/{serial}", put(set_status))
        .with_state(gateway)
}

async fn search_by_url(State(gateway): State<Arc<Gateway>>, RawQuery(text): RawQuery) -> Response {
    match parameters(text.as_deref().unwrap_or_default()) {
        Ok((query, Format::Json)) => answer(gateway, query, |it| ok(JSON, it.to_json().to_string())).await,
        Ok((query, Format::Pem)) => answer(gateway, query, |it| ok(PEM, it.to_pem())).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn search_by_document(State(gateway): State<Arc<Gateway>>, body: String) -> Response {
    match Query::from_xml(&body, "CertificateSearch") {
        Ok(query) => answer(gateway, query, |it| ok(XML, it.to_xml())).await,
        Err(fault) => no_search(&fault),
    }
}

async fn retrieve_by_url(State(gateway): State<Arc<Gateway>>, RawQuery(text): RawQuery) -> Response {
    match parameters(text.as_deref().unwrap_or_default()) {
        Ok((query, format)) => retrieve(gateway, query, format == Format::Json).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn retrieve_by_document(State(gateway): State<Arc<Gateway>>, body: String) -> Response {
    match Query::from_xml(&body, "CertificateRetrieval") {
        Ok(query) if query.serial.is_some() => {
            answer(gateway, query, |it| {
                one(&it).map_or_else(IntoResponse::into_response, |found| ok(XML, found.to_xml()))
            })
            .await
        }
        Ok(_) => no_serial(),
        Err(fault) => no_search(&fault),
    }
}

async fn retrieve(gateway: Arc<Gateway>, query: Query, as_json: bool) -> Response {
    if query.serial.is_none() {
        return no_serial();
    }
    answer(gateway, query, move |it| match one(&it) {
        Ok(found) if as_json => ok(JSON, found.to_json().to_string()),
        Ok(found) => ok(PEM, found.to_pem()),
        Err(refusal) => refusal.into_response(),
    })
    .await
}

/// The one certificate that a retrieval finds.
fn one(answer: &super::Answer) -> Result<&super::Found, Refusal> {
    match &*answer.found {
        [found] => Ok(found),
        [] => Err(Refusal(StatusCode::NOT_FOUND, "no certificate has this serial number".into())),
        _ => {
            let detail = "several issuers used this serial number; `issuer` says which";
            Err(Refusal(StatusCode::CONFLICT, detail.into()))
        }
    }
}

/// What a search or retrieval is answered with where it finds nothing to say.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let title = match self.0 {
            StatusCode::NOT_FOUND => "no such certificate",
            StatusCode::CONFLICT => "several certificates",
            _ => "not a search",
        };
        problem(self.0, title, &self.1)
    }
}

async fn answer(gateway: Arc<Gateway>, query: Query, write: impl FnOnce(super::Answer) -> Response) -> Response {
    match blocking(move || gateway.store.certificates(&query, now())).await {
        Some(Ok(found)) => write(found),
        Some(Err(_)) | None => unavailable(),
    }
}

/// A certification request in DER, PEM or base64: the certificate, 201 when it is new.
async fn request(State(gateway): State<Arc<Gateway>>, body: Bytes) -> Response {
    let octets = request_octets(&body);
    match blocking(move || gateway.certify(&octets, now())).await {
        Some(Ok((certificate, is_new))) => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            (status, [(header::CONTENT_TYPE, PEM)], smki::to_pem(certificate.octets())).into_response()
        }
        Some(Err(IssueFault::Internal(_) | IssueFault::Smki(_))) | None => unavailable(),
        Some(Err(fault)) => {
            let status = match fault {
                IssueFault::NoAuthority => StatusCode::NOT_IMPLEMENTED,
                IssueFault::Request(_) => StatusCode::BAD_REQUEST,
                IssueFault::UnknownDevice(_) => StatusCode::NOT_FOUND,
                IssueFault::KeyTaken(_) => StatusCode::CONFLICT,
                _ => StatusCode::FORBIDDEN,
            };
            problem(status, "not certified", &fault.to_string())
        }
    }
}

/// What is neither PEM nor base64 is taken for DER.
fn request_octets(body: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else { return body.to_vec() };
    let plain = || {
        let text: String = text.split_ascii_whitespace().collect();
        STANDARD.decode(text).ok()
    };
    smki::from_pem(text).or_else(plain).unwrap_or_else(|| body.to_vec())
}

/// `PUT /admin/certificates/SERIAL` with a status as the body: what becomes of a certificate by hand.
async fn set_status(State(gateway): State<Arc<Gateway>>, Path(serial): Path<String>, body: String) -> Response {
    let Ok(serial) = serial.parse::<Serial>() else {
        return problem(StatusCode::NOT_FOUND, "no such certificate", "not a serial number in decimal");
    };
    let status = match body.trim().parse::<CertificateStatus>() {
        Ok(CertificateStatus::Expired) => {
            let reason = "a certificate expires by its last day alone";
            return problem(StatusCode::BAD_REQUEST, "no such status", reason);
        }
        Ok(status) => status,
        Err(error) => return problem(StatusCode::BAD_REQUEST, "no such status", &error.to_string()),
    };
    let done = blocking(move || {
        let found = gateway.store.certificates(&Query { serial: Some(serial), ..Query::default() }, now())?;
        let name = match one(&found) {
            Ok(found) => found.certificate.name(),
            Err(refusal) => return Ok(refusal.into_response()),
        };
        gateway.set_certificate_status(name, status).map(|_| StatusCode::NO_CONTENT.into_response())
    });
    match done.await {
        Some(Ok(response)) => response,
        Some(Err::<_, rusqlite::Error>(_)) | None => unavailable(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Pem,
}

/// The parameters of a URL: those of a search, and `format`.
fn parameters(text: &str) -> Result<(Query, Format), Refusal> {
    let bad = |detail: String| Refusal(StatusCode::BAD_REQUEST, detail);
    let pairs: axum::extract::Query<Vec<(String, String)>> = match format!("/?{text}").parse() {
        Ok(uri) => axum::extract::Query::try_from_uri(&uri).map_err(|error| bad(error.to_string()))?,
        Err(_) => return Err(bad("the parameters cannot be read".into())),
    };
    let mut format = Format::Json;
    for (_, value) in pairs.iter().filter(|(name, _)| name == "format") {
        format = match value.as_str() {
            "json" => Format::Json,
            "pem" => Format::Pem,
            _ => return Err(bad("`format`: not one of json, pem".into())),
        };
    }
    let others = pairs.iter().filter(|(name, _)| name != "format").map(|(name, value)| (&**name, &**value));
    Ok((Query::from_parameters(others).map_err(|fault| bad(fault.to_string()))?, format))
}

fn ok(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

fn no_search(fault: &QueryFault) -> Response {
    problem(StatusCode::BAD_REQUEST, "not a search", &fault.to_string())
}

fn no_serial() -> Response {
    problem(StatusCode::BAD_REQUEST, "not a retrieval", "`serial` says which certificate")
}

fn unavailable() -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, "not now", "the store could not be used; nothing was changed")
}

/// The store blocks for as long as the disk takes: not on a thread that serves connections.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
