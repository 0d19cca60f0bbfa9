//! The few MQTT packets this link speaks, without their version: 3.1.1 and 5 meet here and nowhere else.
use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::packet::{self, GenericPacket, Packet, Property, Qos, SubEntry, SubOpts};
use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, MqttError, SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
};

use crate::carrier::MqttVersion;
use crate::ended::Unsupported;

/// A packet that arrived, as far as the link cares.
#[derive(Debug)]
pub(crate) enum Incoming {
    Connect(Connect),
    Connack {
        code: u8,
    },
    Publish(Publish),
    Puback {
        packet_id: u16,
        code: u8,
    },
    Subscribe {
        packet_id: u16,
        filters: Vec<(String, Qos)>,
        identified: bool,
    },
    Suback {
        codes: Vec<u8>,
    },
    Unsubscribe {
        packet_id: u16,
        filters: Vec<String>,
    },
    Disconnect {
        code: u8,
    },
    /// PINGREQ or PINGRESP: its arrival is all that matters, and the timers know of it.
    Ping,
    /// Well-formed, but of a QoS 2 or authentication exchange that never begins here.
    Unexpected,
}

#[derive(Debug)]
pub(crate) struct Connect {
    /// Seconds; 0 asks for no keep-alive.
    pub keep_alive: u16,
    pub nameless: bool,
    /// What rules this CONNECT out, if anything.
    pub unsupported: Option<Unsupported>,
}

/// Debug shows no payload.
pub(crate) struct Publish {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: Qos,
    pub retain: bool,
    /// Present from QoS 1 on.
    pub packet_id: Option<u16>,
}

impl std::fmt::Debug for Publish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topic, payload, qos, .. } = self;
        f.debug_struct("Publish").field("topic", topic).field("octets", &payload.len()).field("qos", qos).finish()
    }
}

impl From<MqttVersion> for Version {
    fn from(version: MqttVersion) -> Self {
        match version {
            MqttVersion::V3_1_1 => Self::V3_1_1,
            MqttVersion::V5 => Self::V5_0,
        }
    }
}

impl From<Packet> for Incoming {
    fn from(packet: Packet) -> Self {
        use GenericPacket as P;
        macro_rules! publish {
            ($p:expr) => {
                Self::Publish(Publish {
                    topic: $p.topic_name().to_owned(),
                    payload: $p.payload().as_slice().to_vec(),
                    qos: $p.qos(),
                    retain: $p.retain(),
                    packet_id: $p.packet_id(),
                })
            };
        }
        macro_rules! subscribe {
            ($p:expr, $identified:expr) => {
                Self::Subscribe {
                    packet_id: $p.packet_id(),
                    filters: $p
                        .entries()
                        .iter()
                        .map(|entry| (entry.topic_filter().to_owned(), entry.sub_opts().qos()))
                        .collect(),
                    identified: $identified,
                }
            };
        }
        macro_rules! unsubscribe {
            ($p:expr) => {
                Self::Unsubscribe {
                    packet_id: $p.packet_id(),
                    filters: $p.entries().iter().map(|filter| filter.as_str().to_owned()).collect(),
                }
            };
        }
        match packet {
            P::V3_1_1Connect(p) => Self::Connect(Connect {
                keep_alive: p.keep_alive(),
                nameless: p.client_id().is_empty(),
                unsupported: match () {
                    () if p.will_flag() => Some(Unsupported::Will),
                    () if p.client_id().is_empty() && !p.clean_session() => Some(Unsupported::NamelessSession),
                    () => None,
                },
            }),
            P::V5_0Connect(p) => Self::Connect(Connect {
                keep_alive: p.keep_alive(),
                nameless: p.client_id().is_empty(),
                unsupported: match () {
                    () if p.will_flag() => Some(Unsupported::Will),
                    () if has(p.props(), |p| matches!(p, Property::AuthenticationMethod(_))) => {
                        Some(Unsupported::ExtendedAuthentication)
                    }
                    () => None,
                },
            }),
            P::V3_1_1Connack(p) => Self::Connack { code: p.return_code() as u8 },
            P::V5_0Connack(p) => Self::Connack { code: p.reason_code() as u8 },
            P::V3_1_1Publish(p) => publish!(p),
            P::V5_0Publish(p) => publish!(p),
            P::V3_1_1Puback(p) => Self::Puback { packet_id: p.packet_id(), code: 0 },
            P::V5_0Puback(p) => {
                Self::Puback { packet_id: p.packet_id(), code: p.reason_code().map_or(0, |code| code as u8) }
            }
            P::V3_1_1Subscribe(p) => subscribe!(p, false),
            P::V5_0Subscribe(p) => {
                subscribe!(p, has(p.props(), |p| matches!(p, Property::SubscriptionIdentifier(_))))
            }
            P::V3_1_1Suback(p) => Self::Suback { codes: p.return_codes().into_iter().map(|c| c as u8).collect() },
            P::V5_0Suback(p) => Self::Suback { codes: p.reason_codes().into_iter().map(|c| c as u8).collect() },
            P::V3_1_1Unsubscribe(p) => unsubscribe!(p),
            P::V5_0Unsubscribe(p) => unsubscribe!(p),
            P::V3_1_1Disconnect(_) => Self::Disconnect { code: 0 },
            P::V5_0Disconnect(p) => Self::Disconnect { code: p.reason_code().map_or(0, |code| code as u8) },
            P::V3_1_1Pingreq(_) | P::V3_1_1Pingresp(_) | P::V5_0Pingreq(_) | P::V5_0Pingresp(_) => Self::Ping,
            _ => Self::Unexpected,
        }
    }
}

fn has(properties: &[Property], is: impl Fn(&Property) -> bool) -> bool {
    properties.iter().any(is)
}

/// Builds the packet of either version with the same words.
macro_rules! of_version {
    ($version:expr, $module:ident => $packet:expr) => {
        match $version {
            Version::V5_0 => {
                use packet::v5_0 as $module;
                GenericPacket::from($packet)
            }
            _ => {
                use packet::v3_1_1 as $module;
                GenericPacket::from($packet)
            }
        }
    };
}

/// Octets of the largest payload that a PUBLISH to this topic can carry in either version.
pub(crate) fn max_payload(max_packet: u32, topic: &str) -> usize {
    // Fixed header, topic length, packet identifier, property length.
    let overhead = 5 + 2 + topic.len() + 2 + 1;
    (max_packet as usize).saturating_sub(overhead)
}

/// A CONNECT with nothing kept from before and nothing to be kept after.
pub(crate) fn connect(version: Version, client_id: &str, keep_alive: u16) -> Result<Packet, MqttError> {
    Ok(of_version!(version, v => {
        v::Connect::builder().client_id(client_id)?.clean_start(true).keep_alive(keep_alive).build()?
    }))
}

/// A CONNACK that accepts. The properties are left out in MQTT 3.1.1, which has none.
pub(crate) fn connack(version: Version, properties: Vec<Property>) -> Result<Packet, MqttError> {
    use packet::{v3_1_1, v5_0};
    Ok(match version {
        Version::V5_0 => v5_0::Connack::builder()
            .session_present(false)
            .reason_code(ConnectReasonCode::Success)
            .props(properties)
            .build()?
            .into(),
        _ => v3_1_1::Connack::builder().session_present(false).return_code(ConnectReturnCode::Accepted).build()?.into(),
    })
}

/// A CONNACK that refuses, saying why where the version can.
pub(crate) fn connack_refusing(version: Version, what: Unsupported) -> Result<Packet, MqttError> {
    use packet::{ReasonString, v3_1_1, v5_0};
    let (reason, code) = match what {
        Unsupported::ExtendedAuthentication => {
            (ConnectReasonCode::BadAuthenticationMethod, ConnectReturnCode::NotAuthorized)
        }
        Unsupported::NamelessSession => {
            (ConnectReasonCode::ClientIdentifierNotValid, ConnectReturnCode::IdentifierRejected)
        }
        _ => (ConnectReasonCode::NotAuthorized, ConnectReturnCode::NotAuthorized),
    };
    Ok(match version {
        Version::V5_0 => v5_0::Connack::builder()
            .session_present(false)
            .reason_code(reason)
            .props(vec![ReasonString::new(format!("{what} is not carried here"))?.into()])
            .build()?
            .into(),
        _ => v3_1_1::Connack::builder().session_present(false).return_code(code).build()?.into(),
    })
}

/// A PUBLISH of QoS 1 if it has a packet identifier, else of QoS 0.
pub(crate) fn publish(
    version: Version,
    topic: &str,
    payload: &[u8],
    packet_id: Option<u16>,
    dup: bool,
) -> Result<Packet, MqttError> {
    let qos = if packet_id.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
    Ok(of_version!(version, v => {
        v::Publish::builder().topic_name(topic)?.qos(qos).packet_id(packet_id).dup(dup).payload(payload).build()?
    }))
}

pub(crate) fn puback(version: Version, packet_id: u16) -> Result<Packet, MqttError> {
    Ok(of_version!(version, v => v::Puback::builder().packet_id(packet_id).build()?))
}

/// A SUBSCRIBE to one topic with QoS 1.
pub(crate) fn subscribe(version: Version, packet_id: u16, topic: &str) -> Result<Packet, MqttError> {
    Ok(of_version!(version, v => {
        let entry = SubEntry::new(topic, SubOpts::new().set_qos(Qos::AtLeastOnce))?;
        v::Subscribe::builder().packet_id(packet_id).entries(vec![entry]).build()?
    }))
}

/// A SUBACK: per filter the QoS granted, or `None` for "not authorised".
pub(crate) fn suback(version: Version, packet_id: u16, granted: &[Option<Qos>]) -> Result<Packet, MqttError> {
    use packet::{v3_1_1, v5_0};
    Ok(match version {
        Version::V5_0 => v5_0::Suback::builder()
            .packet_id(packet_id)
            .reason_codes(
                granted
                    .iter()
                    .map(|grant| match grant {
                        Some(Qos::AtMostOnce) => SubackReasonCode::GrantedQos0,
                        Some(_) => SubackReasonCode::GrantedQos1,
                        None => SubackReasonCode::NotAuthorized,
                    })
                    .collect(),
            )
            .build()?
            .into(),
        _ => v3_1_1::Suback::builder()
            .packet_id(packet_id)
            .return_codes(
                granted
                    .iter()
                    .map(|grant| match grant {
                        Some(Qos::AtMostOnce) => SubackReturnCode::SuccessMaximumQos0,
                        Some(_) => SubackReturnCode::SuccessMaximumQos1,
                        None => SubackReturnCode::Failure,
                    })
                    .collect(),
            )
            .build()?
            .into(),
    })
}

/// An UNSUBACK: per filter whether there was such a subscription.
pub(crate) fn unsuback(version: Version, packet_id: u16, existed: &[bool]) -> Result<Packet, MqttError> {
    use packet::{v3_1_1, v5_0};
    let code = |&existed| match existed {
        true => UnsubackReasonCode::Success,
        false => UnsubackReasonCode::NoSubscriptionExisted,
    };
    Ok(match version {
        Version::V5_0 => v5_0::Unsuback::builder()
            .packet_id(packet_id)
            .reason_codes(existed.iter().map(code).collect())
            .build()?
            .into(),
        _ => v3_1_1::Unsuback::builder().packet_id(packet_id).build()?.into(),
    })
}
