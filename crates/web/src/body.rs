//! Bodies, taken whole: as long as they may be, in the time they may take.
use crate::problem::problem;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What is longer takes one of a few places, so that memory is bounded by their number and not by that of connections.
const SMALL: usize = 64 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoBody {
    TooLong { limit: usize },
    TooSlow,
    Broken,
}

impl NoBody {
    pub(crate) fn into_response(self) -> Response {
        let mut response = match self {
            Self::TooLong { limit } => problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body too long",
                &format!("at most {limit} octets are taken here"),
            ),
            Self::TooSlow => problem(StatusCode::REQUEST_TIMEOUT, "body too slow", "the body did not come in time"),
            Self::Broken => problem(StatusCode::BAD_REQUEST, "body broken", "the body ended before its end"),
        };
        // What follows on this connection may be the rest of the body.
        response.headers_mut().insert(hyper::header::CONNECTION, hyper::header::HeaderValue::from_static("close"));
        response
    }
}

/// A body, and the place that a long one keeps until its request is served.
pub(crate) type Taken<'s> = (Body, Option<SemaphorePermit<'s>>);

/// Take a body.
pub(crate) async fn take(body: Incoming, limit: usize, time: Duration, large: &Semaphore) -> Result<Taken<'_>, NoBody> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(NoBody::TooLong { limit });
    }
    tokio::time::timeout(time, collect(body, limit, large)).await.unwrap_or(Err(NoBody::TooSlow))
}

async fn collect(mut body: Incoming, limit: usize, large: &Semaphore) -> Result<Taken<'_>, NoBody> {
    let mut place = None;
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| NoBody::Broken)?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(NoBody::TooLong { limit });
        }
        if place.is_none() && whole.len() + data.len() > SMALL {
            place = Some(large.acquire().await.map_err(|_| NoBody::Broken)?);
        }
        whole.extend_from_slice(&data);
    }
    Ok((Body::from(Bytes::from(whole)), place))
}
