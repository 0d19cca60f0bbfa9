//! A client of the REST API.
use super::TOKEN;
use delivery::DeliveryId;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// Status and body of an answer.
pub type Answer = (u16, Value);

pub struct Client {
    client: reqwest::Client,
    base: String,
}

impl Client {
    pub fn new(addr: SocketAddr) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
        Self { client, base: format!("http://{addr}") }
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).header("Authorization", format!("Bearer {TOKEN}"))
    }

    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).header("Authorization", format!("Bearer {TOKEN}"))
    }

    /// An order as JSON.
    pub async fn order(&self, request: &str, more: Value) -> Answer {
        let mut order = serde_json::json!({ "request": request });
        for (field, value) in more.as_object().into_iter().flatten() {
            order[field] = value.clone();
        }
        send(self.post("/v1/deliveries").header("Content-Type", "application/json").body(order.to_string())).await
    }

    /// An order that must be taken.
    pub async fn create(&self, request: &str, via: &str) -> DeliveryId {
        let (status, body) = self.order(request, serde_json::json!({ "via": via })).await;
        assert_eq!(status, 201, "{body}");
        id_of(&body)
    }

    pub async fn show(&self, id: DeliveryId) -> Value {
        let (status, body) = send(self.get(&format!("/v1/deliveries/{id}"))).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub async fn cancel(&self, id: DeliveryId) -> Answer {
        send(self.post(&format!("/v1/deliveries/{id}/cancel"))).await
    }

    /// The names of a delivery's events, in order.
    pub async fn events(&self, id: DeliveryId) -> Vec<String> {
        let shown = self.show(id).await;
        let events = shown["events"].as_array().unwrap();
        events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn id_of(body: &Value) -> DeliveryId {
    body["id"].as_str().unwrap().parse().unwrap()
}

pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    try_send(request).await.expect("an answer of the API")
}

pub async fn try_send(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    if status >= 400 {
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))))
}
