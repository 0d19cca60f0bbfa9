//! What goes wrong, as `application/problem+json` (RFC 9457) with type URIs that stay.
use crate::core::Declined;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use delivery::Rejected;
use serde::Serialize;

/// In front of the name of every type.
const TYPE: &str = "https://lastmetre.example/problems/";

/// A problem of one request.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
}

macro_rules! problems {
    ($($function:ident $status:ident $name:literal $title:literal;)*) => {
        impl Problem {
            $(
                pub(crate) fn $function(detail: impl Into<String>) -> Self {
                    Self::new($name, StatusCode::$status, $title, detail.into())
                }
            )*

            /// The names of all types, which clients depend on.
            #[cfg(test)]
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),*];
        }
    };
}

problems! {
    malformed BAD_REQUEST "malformed" "The request cannot be read";
    unauthorized UNAUTHORIZED "unauthorized" "The bearer token is missing or wrong";
    not_found NOT_FOUND "not-found" "There is no such thing here";
    method_not_allowed METHOD_NOT_ALLOWED "method-not-allowed" "The resource does not do that";
    counter_used CONFLICT "counter-used" "The counter of the request is used up";
    too_late CONFLICT "too-late" "The delivery cannot be called off any more";
    too_large PAYLOAD_TOO_LARGE "too-large" "The request is too large";
    unsupported_media UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The request is neither XML nor JSON";
    unfit UNPROCESSABLE_ENTITY "unfit-request" "The service request does not fit together, or this head end";
    unknown_device UNPROCESSABLE_ENTITY "unknown-device" "The device is not served by this head end";
    no_carrier UNPROCESSABLE_ENTITY "no-carrier" "No PPMID serves the device";
    expired UNPROCESSABLE_ENTITY "expired" "The delivery would expire before it begins";
    key_reused UNPROCESSABLE_ENTITY "idempotency-key-reused" "The idempotency key came with another order";
    unavailable SERVICE_UNAVAILABLE "unavailable" "The head end cannot store anything now";
    internal INTERNAL_SERVER_ERROR "internal" "The head end is at fault";
}

impl Problem {
    fn new(name: &str, status: StatusCode, title: &'static str, detail: String) -> Self {
        Self { kind: format!("{TYPE}{name}"), title, status: status.as_u16(), detail }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Declined> for Problem {
    fn from(declined: Declined) -> Self {
        let detail = declined.to_string();
        match declined {
            Declined::Xml(_) => Self::malformed(detail),
            Declined::Misfit(_)
            | Declined::Contradiction(_)
            | Declined::Transform(_)
            | Declined::Originator { .. }
            | Declined::NonDevice(_) => Self::unfit(detail),
            Declined::UnknownDevice(_) => Self::unknown_device(detail),
            Declined::Rejected(Rejected::NoCarrier) => Self::no_carrier(detail),
            Declined::Rejected(Rejected::TooLate) => Self::expired(detail),
            Declined::Rejected(Rejected::CounterUsed | Rejected::Duplicate) | Declined::RequestUsed => {
                Self::counter_used(detail)
            }
            Declined::KeyReused => Self::key_reused(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_that_clients_depend_on_stay() {
        let pinned = "malformed unauthorized not-found method-not-allowed counter-used too-late too-large \
            unsupported-media-type unfit-request unknown-device no-carrier expired idempotency-key-reused unavailable internal";
        assert_eq!(Problem::NAMES.join(" "), pinned);
    }
}
