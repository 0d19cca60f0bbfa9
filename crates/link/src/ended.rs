//! Why a connection ended, sorted by whose doing it was.
use std::io;

use mqtt_protocol_core::mqtt::result_code::{DisconnectReasonCode, MqttError};

use crate::identity::IdentityError;

/// Why a connection ended, or was never made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    // The peer's choice.
    /// The peer sent DISCONNECT; MQTT 5 gives its reason code, MQTT 3.1.1 has none (0).
    #[error("the peer disconnected with reason code 0x{code:02X}")]
    PeerLeft {
        /// MQTT 5 clause 3.14.2.1; 0 is a normal disconnection.
        code: u8,
    },
    /// The peer closed the stream without a DISCONNECT.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The server refused our CONNECT or SUBSCRIBE.
    #[error("the server refused us with reason code 0x{code:02X}")]
    Refused {
        /// MQTT 5 clause 2.4, or the return code of MQTT 3.1.1 clause 3.2.2.3.
        code: u8,
    },

    // The peer's fault.
    /// The peer broke a rule of MQTT.
    #[error("the peer broke the protocol: {0}")]
    Protocol(MqttError),
    /// The peer's certificate names no device.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The peer published to a topic which is not its own.
    #[error("the device published to a topic which is not its own")]
    ForeignTopic,
    /// The peer wants what this endpoint does not carry.
    #[error("the device asked for {0}, which this endpoint does not carry")]
    Unsupported(Unsupported),
    /// The peer was silent for one and a half times its keep-alive, or did not answer a ping.
    #[error("nothing heard from the peer within the keep-alive time")]
    KeepAlive,
    /// The peer did not read what we wrote.
    #[error("the peer stopped reading")]
    Stalled,
    /// The peer did not finish TLS, CONNECT or SUBSCRIBE in time.
    #[error("the connection was not set up in time")]
    SetUpTimeout,

    // Our doing.
    /// The same device connected again; the newer connection is kept.
    #[error("the device connected again")]
    TakenOver,
    /// The consumer could not store a message, so the peer must send it again.
    #[error("an incoming message could not be stored")]
    NotStored,
    /// This side is stopping.
    #[error("this side is stopping")]
    Stopped,

    // Nobody's.
    /// TLS failed: mostly a certificate that one side does not accept.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// The network failed.
    #[error("network: {0}")]
    Network(io::ErrorKind),
}

/// A part of MQTT that the link leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// A will message: what a device says must be its own, at that moment.
    Will,
    /// QoS 2.
    ExactlyOnce,
    /// A retained message.
    Retain,
    /// A subscription identifier.
    SubscriptionIdentifier,
    /// MQTT 5 extended authentication: the certificate is the authentication.
    ExtendedAuthentication,
    /// A kept session without a client identifier to keep it under (MQTT 3.1.1 clause 3.1.3.1).
    NamelessSession,
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Will => "a will message",
            Self::ExactlyOnce => "QoS 2",
            Self::Retain => "a retained message",
            Self::SubscriptionIdentifier => "a subscription identifier",
            Self::ExtendedAuthentication => "extended authentication",
            Self::NamelessSession => "a kept session without a client identifier",
        })
    }
}

impl Ended {
    /// The reason code of the DISCONNECT that tells the peer (MQTT 5 clause 3.14.2.1).
    pub(crate) fn disconnect_code(&self) -> DisconnectReasonCode {
        match self {
            Self::Protocol(error) => (*error).into(),
            Self::ForeignTopic | Self::Identity(_) => DisconnectReasonCode::NotAuthorized,
            Self::Unsupported(Unsupported::ExactlyOnce) => DisconnectReasonCode::QosNotSupported,
            Self::Unsupported(Unsupported::Retain) => DisconnectReasonCode::RetainNotSupported,
            Self::Unsupported(Unsupported::SubscriptionIdentifier) => {
                DisconnectReasonCode::SubscriptionIdentifiersNotSupported
            }
            Self::Unsupported(_) => DisconnectReasonCode::ProtocolError,
            Self::KeepAlive => DisconnectReasonCode::KeepAliveTimeout,
            Self::TakenOver => DisconnectReasonCode::SessionTakenOver,
            Self::Stopped => DisconnectReasonCode::ServerShuttingDown,
            Self::NotStored => DisconnectReasonCode::ImplementationSpecificError,
            _ => DisconnectReasonCode::UnspecifiedError,
        }
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        match error.into_inner().map(|inner| inner.downcast::<rustls::Error>()) {
            Some(Ok(tls)) => Self::Tls(*tls),
            // A peer that closes TCP without TLS close_notify: an end all the same, and common.
            _ if kind == io::ErrorKind::UnexpectedEof => Self::PeerClosed,
            _ => Self::Network(kind),
        }
    }
}
