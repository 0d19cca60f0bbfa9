//! Anomaly detection by hand, in place of the files that Users exchange with the real DCC:
//!
//! - `GET`, `PUT /admin/anomaly`: the thresholds ([`Thresholds`](crate::anomaly::Thresholds), JSON);
//! - `GET /admin/quarantine`: the requests that are set aside;
//! - `POST /admin/quarantine`: what becomes of them ([`Decision`], JSON); answered with what became of each.
use crate::access::Failure;
use crate::anomaly::{Decision, FileFault};
use crate::gateway::{Decided, Gateway, ThresholdFault};
use crate::now;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;
use web::problem::problem;

/// The routes, over a gateway.
pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/admin/anomaly", get(thresholds).put(set_thresholds))
        .route("/admin/quarantine", get(quarantine).post(decide))
        .with_state(gateway)
}

async fn thresholds(State(gateway): State<Arc<Gateway>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], gateway.thresholds().to_json()).into_response()
}

async fn set_thresholds(State(gateway): State<Arc<Gateway>>, body: String) -> Response {
    match blocking(move || gateway.set_thresholds(&body)).await {
        Some(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Some(Err(ThresholdFault::File(fault))) => refused(&fault),
        Some(Err(ThresholdFault::Store(_))) | None => unavailable(),
    }
}

async fn quarantine(State(gateway): State<Arc<Gateway>>) -> Response {
    let Some(Ok(held)) = blocking(move || gateway.store.quarantined()).await else {
        return unavailable();
    };
    let listed = held.into_iter().map(|(held, breach)| {
        json!({
            "reference": held.row,
            "request": held.id.to_string(),
            "service": held.srv.to_string(),
            "breach": breach,
            "since": held.since.to_string(),
        })
    });
    Json(listed.collect::<Vec<_>>()).into_response()
}

async fn decide(State(gateway): State<Arc<Gateway>>, body: String) -> Response {
    let decision = match Decision::parse(&body) {
        Ok(decision) => decision,
        Err(fault) => return refused(&fault),
    };
    match blocking(move || gateway.decide(&decision, now()).inspect(|_| gateway.changed.notify_one())).await {
        Some(Ok(decided)) => {
            let listed = decided.into_iter().map(|(reference, decided)| {
                let outcome = match decided {
                    Decided::Released => "released",
                    Decided::Deleted => "deleted",
                    Decided::Unknown => "unknown",
                };
                json!({ "reference": reference, "outcome": outcome })
            });
            Json(listed.collect::<Vec<_>>()).into_response()
        }
        Some(Err(Failure::Internal(_) | Failure::Refused(_))) | None => unavailable(),
    }
}

fn refused(fault: &FileFault) -> Response {
    problem(StatusCode::BAD_REQUEST, "not the file that is expected", &fault.to_string())
}

fn unavailable() -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, "not now", "the store could not be used; nothing was changed")
}

/// The store blocks for as long as the disk takes: not on a thread that serves connections.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
