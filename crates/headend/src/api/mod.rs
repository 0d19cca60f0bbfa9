//! The REST API under `/v1`, and the Receive Response Service.
//!
//! | Resource | Does |
//! |---|---|
//! | `POST /v1/deliveries` | takes an order: a DUIS request as `application/xml` (terms as query), or JSON with the XML inside |
//! | `GET /v1/deliveries` | lists, newest first: `state`, `device`, `before`, `limit` |
//! | `GET /v1/deliveries/{id}` | one, with its events and evidence |
//! | `POST /v1/deliveries/{id}/cancel` | calls it off, while the device cannot have it |
//! | `GET /v1/alerts` | what devices and the DCC reported, newest first: `device`, `delivery`, `before` (a time), `limit` |
//! | `GET /v1/health` | whether the head end works |
//!
//! What came in a request is never shown: it may hold a UTRN.
mod problem;
mod view;

use crate::config::{HeadEndConfig, parse_duration};
use crate::core::{Asked, Inbox, Message};
use crate::keys::HeadEndKeys;
use crate::receive::MAX_RESPONSE;
use crate::store::{AlertFilter, Filter, Reader, StoreError};
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use delivery::{DeliveryId, Kind, Via};
use gbcs::{Eui64, Time};
use problem::Problem;
use serde::Deserialize;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Path of the Receive Response Service.
pub const RECEIVE_PATH: &str = "/dcc/receive-response";

/// A service request is below 30 kB (DUIS 1.9); firmware is not for this API.
const MAX_ORDER: usize = 256 * 1024;
/// Deliveries of a page at most, and when not told.
const MAX_PAGE: usize = 500;
const PAGE: usize = 50;

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) config: Arc<HeadEndConfig>,
    pub(crate) keys: Arc<HeadEndKeys>,
    pub(crate) inbox: Inbox,
    pub(crate) reader: Mutex<Reader>,
}

type Shared = State<Arc<Api>>;

/// The REST API.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/deliveries", post(create).get(list))
        .route("/v1/deliveries/{id}", get(show))
        .route("/v1/deliveries/{id}/cancel", post(cancel))
        .route("/v1/alerts", get(alerts))
        .layer(from_fn_with_state(api.clone(), authorise))
        .route("/v1/health", get(health))
        .fallback(async || Problem::not_found("no such resource"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed("see the documentation of the API"))
        .layer(DefaultBodyLimit::max(MAX_ORDER))
        .with_state(api)
}

/// The Receive Response Service, which the DCC calls: its documents prove themselves by their signature.
pub(crate) fn receive_router(api: Arc<Api>) -> Router {
    Router::new().route(RECEIVE_PATH, post(receive)).layer(DefaultBodyLimit::max(MAX_RESPONSE)).with_state(api)
}

async fn authorise(State(api): Shared, request: Request, next: Next) -> Response {
    let offered = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = offered.and_then(|value| value.strip_prefix("Bearer "));
    if token.is_some_and(|token| api.config.api.token.is(token)) {
        next.run(request).await
    } else {
        Problem::unauthorized("send `Authorization: Bearer <token of the configuration>`").into_response()
    }
}

/// An order as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonOrder {
    /// The DUIS request.
    request: String,
    via: Option<String>,
    not_after: Option<String>,
    reference: Option<String>,
}

/// The terms of an order whose body is XML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct XmlTerms {
    via: Option<String>,
    not_after: Option<String>,
    reference: Option<String>,
}

async fn create(State(api): Shared, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let idempotency_key = idempotency_key(&parts.headers)?;
    let media = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = read_text(body).await?;
    let order = match media.as_str() {
        "application/xml" | "text/xml" => {
            let Query(terms) =
                Query::<XmlTerms>::try_from_uri(&parts.uri).map_err(|error| Problem::malformed(innermost(&error)))?;
            JsonOrder { request: text, via: terms.via, not_after: terms.not_after, reference: terms.reference }
        }
        "application/json" => serde_json::from_str(&text).map_err(|error| Problem::malformed(error.to_string()))?,
        other => {
            let detail = format!("{other:?} is not understood: send application/xml or application/json");
            return Err(Problem::unsupported_media(detail));
        }
    };
    let now = time_of_day();
    let via = order.via.as_deref().unwrap_or(Via::Local.as_str());
    let via = Via::from_word(via)
        .ok_or_else(|| Problem::malformed(format!("via: {via:?} is not one of local, wan, both")))?;
    let not_after = order.not_after.as_deref().map(|text| moment(text, now)).transpose()?;
    let terms = crate::core::Terms { via, not_after, reference: order.reference, idempotency_key };
    let asked = Asked::read(&api.config, &api.keys, &order.request, terms, now)?;

    let created = api.ask(|reply| Message::Create(Box::new(asked), reply)).await??;
    let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/deliveries/{}", created.id);
    let shown = api.shown(created.id).await?;
    Ok((status, [(header::LOCATION, location)], Json(shown)).into_response())
}

async fn list(
    State(api): Shared,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::malformed(innermost(&error)))?;
    let mut filter = Filter { limit: PAGE, ..Filter::default() };
    if let Some(state) = query.state {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(&state));
        filter.state = Some(kind.ok_or_else(|| Problem::malformed(format!("state: {state:?} is no state")))?);
    }
    if let Some(device) = query.device {
        let parsed: Result<Eui64, _> = device.parse();
        filter.device = Some(parsed.map_err(|error| Problem::malformed(format!("device: {error}")))?);
    }
    if let Some(before) = query.before {
        let parsed: Result<DeliveryId, _> = before.parse();
        filter.before = Some(parsed.map_err(|error| Problem::malformed(format!("before: {error}")))?);
    }
    if let Some(limit) = query.limit {
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Problem::malformed(format!("limit: {limit} is not from 1 to {MAX_PAGE}")));
        }
        filter.limit = limit;
    }
    let limit = filter.limit;
    let records = api.read(move |reader| reader.list(&filter)).await?;
    let ids = records.iter().map(|record| record.delivery.id).collect();
    let waiting = api.ask(|reply| Message::Waiting(ids, reply)).await?;
    Ok(Json(view::Page::new(&records, &waiting, limit)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    state: Option<String>,
    device: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertQuery {
    device: Option<String>,
    delivery: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

async fn alerts(
    State(api): Shared,
    query: Result<Query<AlertQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::malformed(innermost(&error)))?;
    let mut filter = AlertFilter { limit: query.limit.unwrap_or(PAGE), ..AlertFilter::default() };
    if !(1..=MAX_PAGE).contains(&filter.limit) {
        return Err(Problem::malformed(format!("limit: {} is not from 1 to {MAX_PAGE}", filter.limit)));
    }
    if let Some(device) = query.device {
        let parsed: Result<Eui64, _> = device.parse();
        filter.device = Some(parsed.map_err(|error| Problem::malformed(format!("device: {error}")))?);
    }
    if let Some(delivery) = query.delivery {
        let parsed: Result<DeliveryId, _> = delivery.parse();
        filter.delivery = Some(parsed.map_err(|error| Problem::malformed(format!("delivery: {error}")))?);
    }
    if let Some(before) = query.before {
        let parsed = duis::time::parse(&before);
        filter.before =
            Some(parsed.ok_or_else(|| Problem::malformed(format!("before: {before:?} is no time in UTC")))?);
    }
    let found = api.read(move |reader| reader.alerts(&filter)).await?;
    let alerts: Vec<_> = found.iter().map(view::AlertView::new).collect();
    Ok(Json(serde_json::json!({ "alerts": alerts })).into_response())
}

async fn show(State(api): Shared, Path(id): Path<String>) -> Result<Json<view::Shown>, Problem> {
    Ok(Json(api.shown(delivery_id(&id)?).await?))
}

async fn cancel(State(api): Shared, Path(id): Path<String>) -> Result<Json<view::Shown>, Problem> {
    let id = delivery_id(&id)?;
    let cancelled = api.ask(|reply| Message::Cancel(id, reply)).await?;
    let cancelled = cancelled.ok_or_else(|| Problem::not_found(format!("no delivery {id}")))?;
    if !cancelled.done && cancelled.state.kind() != Kind::Cancelled {
        let why = if cancelled.state.is_terminal() { "has ended" } else { "may be with the device" };
        return Err(Problem::too_late(format!("the delivery {why}: it is {}", cancelled.state)));
    }
    Ok(Json(api.shown(id).await?))
}

async fn health(State(api): Shared) -> Result<Json<serde_json::Value>, Problem> {
    // An answer of the core is proof that it is not stuck; one of the reader, that the database is there.
    api.ask(|reply| Message::Waiting(vec![], reply)).await?;
    let (open, connected) = api.read(|reader| reader.counts()).await?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(Json(
        serde_json::json!({"status": "ok", "version": version, "open_deliveries": open, "connected_ppmids": connected}),
    ))
}

/// 204 once the response is stored, 400 if it is not one of the DCC's (DUIS 1.4); 503 asks the DCC to come again.
async fn receive(State(api): Shared, body: String) -> StatusCode {
    match api.ask(|reply| Message::Received(body, reply)).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT,
        Ok(Err(_)) => StatusCode::BAD_REQUEST,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Api {
    /// Ask the core; it answers once the answer is on disk, or drops the question when the disk failed.
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(message(reply));
        answer.await.map_err(|_| Problem::unavailable("try again later"))
    }

    /// Look into the database.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let api = self.clone();
        let found = tokio::task::spawn_blocking(move || {
            let reader = api.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            look(&reader)
        });
        match found.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "the database cannot be read");
                Err(Problem::unavailable("the database cannot be read now"))
            }
            Err(_) => Err(Problem::internal("a look into the database failed")),
        }
    }

    async fn shown(self: &Arc<Self>, id: DeliveryId) -> Result<view::Shown, Problem> {
        let (record, events) = self.read(move |reader| Ok((reader.record(id)?, reader.events(id)?))).await?;
        let record = record.ok_or_else(|| Problem::not_found(format!("no delivery {id}")))?;
        let waiting = self.ask(|reply| Message::Waiting(vec![id], reply)).await?;
        Ok(view::Shown::new(&record, waiting.first().copied().flatten(), &events))
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > 255 {
        return Err(Problem::malformed("Idempotency-Key: 1 to 255 printable ASCII characters"));
    }
    Ok(Some(text.to_owned()))
}

async fn read_text(body: Body) -> Result<String, Problem> {
    let octets =
        to_bytes(body, MAX_ORDER).await.map_err(|_| Problem::too_large(format!("at most {MAX_ORDER} octets")))?;
    String::from_utf8(octets.into()).map_err(|_| Problem::malformed("the body is not UTF-8"))
}

fn delivery_id(text: &str) -> Result<DeliveryId, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("no delivery {text:?}: an id has 32 hex digits")))
}

/// A moment such as `2026-12-31T12:00:00Z`, or a while from now such as `2h`.
fn moment(text: &str, now: Time) -> Result<Time, Problem> {
    if let Some(duration) = parse_duration(text) {
        return Ok(now + duration);
    }
    duis::time::parse(text).ok_or_else(|| {
        Problem::malformed(format!("not_after: {text:?} is neither a time in UTC nor a while such as 2h"))
    })
}

fn time_of_day() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64)
}

/// The part of an error that names the field.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
