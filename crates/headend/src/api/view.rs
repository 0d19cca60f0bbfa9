//! Deliveries as the API shows them.
use crate::store::{Alert, AlertSource, Event, Record};
use delivery::Waiting;
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::{Eui64, MessageCode, MessageView, Time};
use serde::Serialize;

/// One delivery without its events.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    id: String,
    state: &'static str,
    /// The state in words, with its details.
    status: String,
    /// Why it does not move, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    service: String,
    request_id: String,
    device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ppmid: Option<String>,
    via: &'static str,
    critical: bool,
    accepted: String,
    not_after: String,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
    attempts: u32,
}

/// One delivery.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    summary: Summary,
    evidence: Evidence,
    events: Vec<EventView>,
}

/// The octets that went and came, and who vouches for them.
#[derive(Debug, Serialize)]
struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Octets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Octets>,
}

/// A GBCS message.
#[derive(Debug, Serialize)]
struct Octets {
    /// Hex digits. Left out of a top-up, whose Command holds the UTRN in clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    sha256: String,
    octets: usize,
    originator: String,
    /// Whose signature it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    /// Whether a MAC closes it.
    mac: bool,
    /// Who brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    brought_by: Option<String>,
}

#[derive(Debug, Serialize)]
struct EventView {
    sequence: i64,
    at: String,
    event: String,
    from: String,
    to: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// SHA-256 of what was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence_sha256: Option<String>,
}

/// Something that a device or the DCC reported.
#[derive(Debug, Serialize)]
pub(super) struct AlertView {
    at: String,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    /// Four hex digits, of a device's alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The GBCS Alert in hex digits, of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The document, of the DCC.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
}

impl AlertView {
    pub(super) fn new(alert: &Alert) -> Self {
        let is_device = alert.source == AlertSource::Device;
        Self {
            at: shown(alert.at),
            source: alert.source.as_str(),
            device: alert.device.map(|device| device.to_string()),
            delivery: alert.delivery.map(|delivery| delivery.to_string()),
            code: alert.code.map(|code| format!("{code:04X}")),
            name: alert.name.clone(),
            message: is_device.then(|| hex::encode_upper(&alert.octets)),
            document: (!is_device).then(|| String::from_utf8_lossy(&alert.octets).into_owned()),
        }
    }
}

/// A page of deliveries.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    deliveries: Vec<Summary>,
    /// Goes into `before` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Page {
    pub(super) fn new(records: &[Record], waiting: &[Option<Waiting>], limit: usize) -> Self {
        let waiting = waiting.iter().copied().chain(std::iter::repeat(None));
        let deliveries: Vec<_> =
            records.iter().zip(waiting).map(|(record, waiting)| Summary::new(record, waiting)).collect();
        let next = (records.len() == limit).then(|| records.last().map(|last| last.delivery.id.to_string())).flatten();
        Self { deliveries, next }
    }
}

impl Shown {
    pub(super) fn new(record: &Record, waiting: Option<Waiting>, events: &[Event]) -> Self {
        let secret = record.delivery.lane.space == delivery::CounterSpace::TopUp;
        let view = record.command.as_deref().and_then(|octets| MessageView::parse(octets).ok());
        let evidence = Evidence {
            message_code: view.map(|view| MessageCode::to_string(&view.message_code())),
            command: record.command.as_deref().and_then(|octets| Octets::new(octets, secret, Some("dcc"))),
            response: record
                .response
                .as_deref()
                .and_then(|octets| Octets::new(octets, false, record.response_by.as_deref())),
        };
        let events = events.iter().map(EventView::new).collect();
        Self { summary: Summary::new(record, waiting), evidence, events }
    }
}

impl Summary {
    fn new(record: &Record, waiting: Option<Waiting>) -> Self {
        let delivery = &record.delivery;
        Self {
            id: delivery.id.to_string(),
            state: delivery.state.kind().as_str(),
            status: delivery.state.to_string(),
            waiting: waiting.map(|waiting| why(waiting, record)),
            reference: record.reference.clone(),
            service: record.srv.to_string(),
            request_id: record.request_id.to_string(),
            device: delivery.lane.device.to_string(),
            ppmid: delivery.carrier.as_ref().map(Eui64::to_string),
            via: delivery.via.as_str(),
            critical: delivery.critical,
            accepted: shown(record.accepted),
            not_after: shown(delivery.not_after),
            since: shown(delivery.since),
            deadline: delivery.deadline.map(shown),
            attempts: delivery.attempts,
        }
    }
}

fn why(waiting: Waiting, record: &Record) -> String {
    match (waiting, &record.trouble) {
        (Waiting::Dcc, Some((trouble, next_try))) => format!("{trouble}; next try at {}", shown(*next_try)),
        (Waiting::Dcc, None) => "for an answer of the DCC".into(),
        (Waiting::Behind(other), _) => format!("for delivery {other} to end, which goes before it to the same device"),
        (Waiting::Link, _) => "for the PPMID to connect".into(),
        (Waiting::Nonce, _) => "for a fresh nonce of the PPMID".into(),
        (Waiting::BackOff(until), _) => format!("for the next attempt at {}", shown(until)),
        (Waiting::Receipt, _) => "for the PPMID's receipt".into(),
        (Waiting::Answer, _) => "for the device's answer".into(),
        (Waiting::Resolution, _) => "for proof of what the device did: a late answer resolves it".into(),
    }
}

impl Octets {
    fn new(octets: &[u8], secret: bool, brought_by: Option<&str>) -> Option<Self> {
        let view = MessageView::parse(octets).ok()?;
        let originator = view.id().originator.to_string();
        Some(Self {
            hex: (!secret).then(|| hex::encode_upper(octets)),
            sha256: hex::encode(AwsLc.sha256(&[octets])),
            octets: octets.len(),
            signed_by: view.signature().map(|_| originator.clone()),
            originator,
            mac: view.mac().is_some(),
            brought_by: brought_by.map(str::to_owned),
        })
    }
}

impl EventView {
    fn new(event: &Event) -> Self {
        Self {
            sequence: event.sequence,
            at: shown(event.at),
            event: event.event.clone(),
            from: event.from.clone(),
            to: event.to.clone(),
            outcome: event.outcome.clone(),
            detail: event.detail.clone(),
            evidence_sha256: event.octets.as_deref().map(|octets| hex::encode(AwsLc.sha256(&[octets]))),
        }
    }
}

/// With milliseconds, as DUIS writes times.
fn shown(time: Time) -> String {
    duis::time::format(time)
}
