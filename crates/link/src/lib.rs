//! MQTT over mutual TLS, both ends: the head end's embedded broker [`Endpoint`] and the carrier's client ([`Carrier`]).
//!
//! The endpoint is a narrow broker. Each device has two topics, `lm/1/<EUI>/up` and `lm/1/<EUI>/down` ([`topic`]), may only
//! publish to the first and subscribe to the second, and is whoever its TLS client certificate says ([`identity`]): client
//! identifier, user name and password mean nothing. MQTT 3.1.1 and 5, QoS 0 and 1.
//!
//! **Neither end keeps a message over a restart.** The store of the head end and the outbox of the device core are the truth;
//! the link only moves octets and says what became of them. Hence the one law of this crate: *an incoming QoS 1 message is
//! acknowledged when its consumer says it is stored ([`AckToken::stored`]), and a token that is dropped ends the connection*,
//! because a peer sends an unacknowledged message again on a new connection only (MQTT 5 clause 4.4).
//!
//! Payloads never appear in a log: they may hold Commands. Lengths and EUIs do.

mod ack;
mod backoff;
pub mod carrier;
mod ended;
pub mod endpoint;
mod flight;
pub mod identity;
mod packet;
pub mod tls;
pub mod topic;
mod wire;

pub use ack::AckToken;
pub use backoff::Backoff;
pub use carrier::{Carrier, CarrierConfig, CarrierEvent, MqttVersion, PublishError};
pub use ended::{Ended, Unsupported};
pub use endpoint::{BindError, Endpoint, EndpointConfig, Limits, LinkEvent, SendError};
pub use flight::{Lost, Outcome, Sent};
pub use gbcs::Eui64;
pub use mqtt_protocol_core::mqtt::result_code::MqttError;
pub use tls::{ClientTls, ServerTls, TlsError};
