//! Errors as `application/problem+json` (RFC 9457).
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A problem document.
pub fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    with(status, title, detail, &[])
}

/// A problem document with members of its own.
pub fn with(status: StatusCode, title: &str, detail: &str, members: &[(&str, &str)]) -> Response {
    let mut document = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    for (name, value) in members {
        document[*name] = Value::from(*value);
    }
    (status, [(header::CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
}

/// For [`axum::Router::fallback`].
pub async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "no such resource", "nothing is served at this path")
}

/// For [`axum::Router::method_not_allowed_fallback`].
pub async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", "this path does not take this method")
}
