//! The WAN by hand: `GET` and `PUT /admin/wan`, and the same of a region or hub behind a further `/`.
use super::{Climate, Place, Wan, WanState};
use crate::now;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use gbcs::Eui64;
use serde_json::{Value, json};
use std::sync::Arc;
use web::problem::problem;

pub(crate) fn routes(wan: Arc<Wan>) -> Router {
    Router::new()
        .route("/admin/wan", get(show_all).put(put_all))
        .route("/admin/wan/{place}", get(show_one).put(put_one))
        .with_state(wan)
}

async fn show_all(State(wan): State<Arc<Wan>>) -> Json<Value> {
    let mut all = show(&wan, &Place::Everywhere);
    let config = wan.config();
    let regions = config.regions.into_keys().map(|name| (name.clone(), show(&wan, &Place::Region(name))));
    all["regions"] = Value::Object(regions.collect());
    let hubs = config.hubs.into_keys().map(|hub| (hub.to_string(), show(&wan, &Place::Hub(hub))));
    all["hubs"] = Value::Object(hubs.collect());
    Json(all)
}

async fn show_one(State(wan): State<Arc<Wan>>, Path(place): Path<String>) -> Response {
    match named(&wan, &place) {
        Some(place) => Json(show(&wan, &place)).into_response(),
        None => unknown(&place),
    }
}

async fn put_all(State(wan): State<Arc<Wan>>, body: String) -> Response {
    put(&wan, Place::Everywhere, &body)
}

async fn put_one(State(wan): State<Arc<Wan>>, Path(place): Path<String>, body: String) -> Response {
    match named(&wan, &place) {
        Some(place) => put(&wan, place, &body),
        None => unknown(&place),
    }
}

/// A hub by its identifier, known or not, or a region of the configuration.
fn named(wan: &Wan, text: &str) -> Option<Place> {
    match text.parse::<Eui64>() {
        Ok(hub) => Some(Place::Hub(hub)),
        Err(_) => wan.config().regions.contains_key(text).then(|| Place::Region(text.to_owned())),
    }
}

fn unknown(place: &str) -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "no such place",
        &format!("{place:?} is neither an EUI-64 nor a region of the configuration"),
    )
}

/// What a place is like, and whether it is up now; of a hub, whether it is reached.
fn show(wan: &Wan, place: &Place) -> Value {
    let mut model = wan.model();
    let reach = match place {
        Place::Hub(hub) => model.reach(*hub, now()),
        _ => model.at(place, now()),
    };
    let mut shown = json!({ "wan": if reach.up { "up" } else { "down" } });
    if let Some(until) = reach.until {
        shown["until"] = until.to_string().into();
    }
    shown["climate"] = serde_json::to_value(model.climate(place)).unwrap_or_default();
    shown
}

/// A word changes the state; an object is all that the place is like from now on.
fn put(wan: &Wan, place: Place, body: &str) -> Response {
    let body = body.trim();
    if let Ok(state) = body.parse::<WanState>() {
        wan.set_state(place, state);
        return StatusCode::NO_CONTENT.into_response();
    }
    let climate = match serde_json::from_str::<Climate>(body) {
        Ok(climate) => climate,
        Err(error) => {
            let detail =
                format!("the body is up, down or flaky, or an object such as {{\"latency_down\": \"800ms\"}}: {error}");
            return problem(StatusCode::BAD_REQUEST, "not a state or climate of the WAN", &detail);
        }
    };
    let region = climate.region.as_deref();
    if let Some(name) = region.filter(|name| !matches!(place, Place::Hub(_)) || named(wan, name).is_none()) {
        let detail = format!("{place} cannot be in region {name:?}: hubs are in regions of the configuration");
        return problem(StatusCode::BAD_REQUEST, "no such region", &detail);
    }
    wan.set(place, climate);
    StatusCode::NO_CONTENT.into_response()
}
