//! One connection of one device, from TLS to goodbye.
use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gbcs::Eui64;
use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::packet::{self as mqtt, Property, Qos};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use mqtt_protocol_core::mqtt::role::Server;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};

use super::registry::Seat;
use super::{LinkEvent, Shared};
use crate::ack::{AckToken, Verdict};
use crate::ended::{Ended, Unsupported};
use crate::flight::{Flight, Lost, Outcome};
use crate::packet::{self, Connect, Incoming, Publish};
use crate::wire::{Wire, WireLimits};
use crate::{identity, topic};

type DeviceWire = Wire<Server, TlsStream<TcpStream>>;

/// Serves one accepted connection until it ends.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let set_up = async {
        let (device, mut wire) = authenticate(stream, &shared).await?;
        match receive_connect(&mut wire).await {
            Ok(connect) => Ok((device, wire, connect)),
            Err(reason) => {
                wire.finish().await;
                Err(reason)
            }
        }
    };
    let set_up = tokio::select! {
        set_up = timeout(shared.limits.set_up, set_up) => set_up.unwrap_or(Err(Ended::SetUpTimeout)),
        () = shared.stopped() => Err(Ended::Stopped),
    };
    let (device, mut wire, connect) = match set_up {
        Ok(parts) => parts,
        Err(reason) => return warn!(%peer, %reason, "connection refused"),
    };
    let Some(mut seat) = shared.registry.claim(device, shared.limits.queue).await else {
        wire.end(&Ended::TakenOver);
        return wire.finish().await;
    };
    info!(%device, %peer, version = ?wire.version(), "device connected");

    let mut session = Session::new(device, wire, &shared);
    let reason = session.serve(connect, &mut seat).await;
    info!(%device, %reason, "device disconnected");
    let Session { mut wire, mut events, .. } = session;
    wire.end(&reason);
    seat.leave();
    events.push_back(LinkEvent::Disconnected { device, reason });
    let story_ends = async {
        for event in events {
            tell(&shared, event).await;
        }
        drop(seat);
    };
    tokio::join!(wire.finish(), story_ends);
}

/// TLS, and the device that the certificate names.
async fn authenticate(stream: TcpStream, shared: &Shared) -> Result<(Eui64, DeviceWire), Ended> {
    stream.set_nodelay(true)?;
    let stream = shared.acceptor.accept(stream).await?;
    let (_, tls) = stream.get_ref();
    // The verifier demanded a certificate that names a device; asking it again costs less than trusting a distant line.
    let certificate = tls.peer_certificates().and_then(|chain| chain.first()).map_or(&[][..], |c| c.as_ref());
    let device = identity::device_of(certificate)?;
    let limits = WireLimits {
        max_packet: shared.limits.max_packet,
        receive_maximum: shared.limits.receive_maximum,
        stall: shared.limits.stall,
        silence: Some(one_and_a_half(shared.limits.keep_alive)),
    };
    Ok((device, Wire::new(stream, Version::Undetermined, limits)))
}

/// The CONNECT, refused if it wants what is not carried here.
async fn receive_connect(wire: &mut DeviceWire) -> Result<Connect, Ended> {
    let Incoming::Connect(connect) = wire.next().await? else {
        return Err(Ended::Protocol(MqttError::ProtocolError));
    };
    if let Some(what) = connect.unsupported {
        let _ = wire.send(packet::connack_refusing(wire.version(), what));
        return Err(Ended::Unsupported(what));
    }
    Ok(connect)
}

struct Session<'a> {
    device: Eui64,
    up: String,
    down: String,
    /// The QoS the device listens with, once it does.
    subscription: Option<Qos>,
    wire: DeviceWire,
    shared: &'a Shared,
    /// Told to the head end as it takes them; while any wait, nothing is read from the device.
    events: VecDeque<LinkEvent>,
    verdicts: mpsc::UnboundedReceiver<Verdict>,
    verdict_sender: mpsc::UnboundedSender<Verdict>,
    /// Packet identifiers whose fate the head end has not decided.
    undecided: HashSet<u16>,
    flight: Flight,
}

impl<'a> Session<'a> {
    fn new(device: Eui64, wire: DeviceWire, shared: &'a Shared) -> Self {
        let (verdict_sender, verdicts) = mpsc::unbounded_channel();
        Self {
            device,
            up: topic::up(device),
            down: topic::down(device),
            subscription: None,
            wire,
            shared,
            events: VecDeque::from([LinkEvent::Connected { device }]),
            verdicts,
            verdict_sender,
            undecided: HashSet::new(),
            flight: Flight::default(),
        }
    }

    async fn serve(&mut self, connect: Connect, seat: &mut Seat) -> Ended {
        match self.serve_until_error(connect, seat).await {
            Ok(never) => match never {},
            Err(reason) => reason,
        }
    }

    async fn serve_until_error(
        &mut self,
        connect: Connect,
        seat: &mut Seat,
    ) -> Result<std::convert::Infallible, Ended> {
        let accept = packet::connack(self.wire.version(), self.capabilities(&connect).map_err(Ended::Protocol)?);
        self.wire.send(accept).map_err(Ended::Protocol)?;
        loop {
            let may_send = self.flight.len() < self.shared.limits.window && self.wire.has_room();
            let may_read = self.events.is_empty();
            tokio::select! {
                biased;
                _ = &mut seat.evicted => return Err(Ended::TakenOver),
                () = self.shared.stopped() => return Err(Ended::Stopped),
                Some(verdict) = self.verdicts.recv() => self.acknowledge(verdict)?,
                permit = self.shared.events.reserve(), if !self.events.is_empty() => {
                    // Nobody takes events any more: the head end is going down.
                    let permit = permit.map_err(|_| Ended::Stopped)?;
                    permit.send(self.events.pop_front().expect("checked above"));
                }
                Some(message) = seat.queue.recv(), if may_send => {
                    self.flight.push(message);
                    self.send_waiting()?;
                }
                packet = self.wire.step(may_read) => if let Some(packet) = packet? { self.receive(packet, seat)? },
            }
        }
    }

    /// What CONNACK tells an MQTT 5 device about this endpoint (clause 3.2.2.3).
    fn capabilities(&self, connect: &Connect) -> Result<Vec<Property>, MqttError> {
        let mut properties: Vec<Property> = vec![
            mqtt::SessionExpiryInterval::new(0)?.into(),
            mqtt::MaximumQos::new(1)?.into(),
            mqtt::RetainAvailable::new(0)?.into(),
            mqtt::WildcardSubscriptionAvailable::new(0)?.into(),
            mqtt::SubscriptionIdentifierAvailable::new(0)?.into(),
            mqtt::SharedSubscriptionAvailable::new(0)?.into(),
        ];
        let longest = self.shared.limits.keep_alive.as_secs().clamp(1, u16::MAX.into()) as u16;
        if connect.keep_alive == 0 || connect.keep_alive > longest {
            properties.push(mqtt::ServerKeepAlive::new(longest)?.into());
        }
        if connect.nameless {
            properties.push(mqtt::AssignedClientIdentifier::new(format!("{:#}", self.device))?.into());
        }
        Ok(properties)
    }

    fn receive(&mut self, packet: Incoming, seat: &mut Seat) -> Result<(), Ended> {
        match packet {
            Incoming::Publish(publish) => self.receive_publish(publish),
            Incoming::Puback { packet_id, code } => {
                if let Some(message) = self.flight.take(packet_id) {
                    debug!(device = %self.device, code, "down message acknowledged");
                    message.acknowledge(code);
                }
                Ok(())
            }
            Incoming::Subscribe { identified: true, .. } => {
                Err(Ended::Unsupported(Unsupported::SubscriptionIdentifier))
            }
            Incoming::Subscribe { packet_id, filters, .. } => self.subscribe(packet_id, filters, seat),
            Incoming::Unsubscribe { packet_id, filters } => self.unsubscribe(packet_id, filters, seat),
            Incoming::Disconnect { code } => Err(Ended::PeerLeft { code }),
            _ => Err(Ended::Protocol(MqttError::ProtocolError)),
        }
    }

    fn receive_publish(&mut self, publish: Publish) -> Result<(), Ended> {
        let Publish { topic, payload, qos, retain, packet_id } = publish;
        if topic != self.up {
            return Err(Ended::ForeignTopic);
        }
        if qos == Qos::ExactlyOnce {
            return Err(Ended::Unsupported(Unsupported::ExactlyOnce));
        }
        // An MQTT 5 device was told; an older one cannot know, and its message is worth no less for the flag.
        if retain && self.wire.version() == Version::V5_0 {
            return Err(Ended::Unsupported(Unsupported::Retain));
        }
        let ack = match packet_id {
            None => AckToken::unneeded(),
            // Sent twice on one connection, against MQTT 5 clause 4.4 but not against the habits of older clients: the first
            // one is still with the head end, whose verdict answers both.
            Some(packet_id) if !self.undecided.insert(packet_id) => return Ok(()),
            Some(packet_id) => AckToken::new(&self.verdict_sender, packet_id),
        };
        debug!(device = %self.device, octets = payload.len(), ?qos, "up message");
        self.events.push_back(LinkEvent::Up { device: self.device, payload, ack });
        Ok(())
    }

    fn acknowledge(&mut self, verdict: Verdict) -> Result<(), Ended> {
        let Verdict::Stored(packet_id) = verdict else { return Err(Ended::NotStored) };
        self.undecided.remove(&packet_id);
        self.wire.send(packet::puback(self.wire.version(), packet_id)).map_err(Ended::Protocol)
    }

    fn subscribe(&mut self, packet_id: u16, filters: Vec<(String, Qos)>, seat: &mut Seat) -> Result<(), Ended> {
        let grant = |(filter, qos): (String, Qos)| {
            let own = filter == self.down;
            if !own {
                warn!(device = %self.device, filter, "subscription refused");
            }
            own.then_some(if qos == Qos::AtMostOnce { qos } else { Qos::AtLeastOnce })
        };
        let granted: Vec<_> = filters.into_iter().map(grant).collect();
        self.wire.send(packet::suback(self.wire.version(), packet_id, &granted)).map_err(Ended::Protocol)?;
        if let Some(qos) = granted.into_iter().flatten().next_back() {
            self.subscription = Some(qos);
            seat.listening(true);
            self.events.push_back(LinkEvent::Subscribed { device: self.device });
        }
        Ok(())
    }

    fn unsubscribe(&mut self, packet_id: u16, filters: Vec<String>, seat: &mut Seat) -> Result<(), Ended> {
        let mut existed = Vec::with_capacity(filters.len());
        for filter in filters {
            let own = filter == self.down && self.subscription.take().is_some();
            if own {
                seat.listening(false);
            }
            existed.push(own);
        }
        self.wire.send(packet::unsuback(self.wire.version(), packet_id, &existed)).map_err(Ended::Protocol)
    }

    /// Sends what was just taken from the queue.
    fn send_waiting(&mut self) -> Result<(), Ended> {
        let Some(message) = self.flight.unsent() else { return Ok(()) };
        let octets = message.payload.len();
        let sent = match self.subscription {
            // Unsubscribed between the head end's call and now: the message must not be sent, and never will be.
            None => Err(Lost::ConnectionEnded),
            Some(Qos::AtMostOnce) => {
                let publish = packet::publish(self.wire.version(), &self.down, &message.payload, None, false);
                self.wire.send(publish).map(|()| None).map_err(|_| Lost::TooLarge)
            }
            Some(_) => self.wire.publish(&self.down, &message.payload, false).map(Some).map_err(|_| Lost::TooLarge),
        };
        debug!(device = %self.device, octets, sent = sent.is_ok(), "down message");
        match sent {
            Ok(Some(packet_id)) => self.flight.sent_as(packet_id),
            Ok(None) => self.resolve_unsent(Ok(Outcome::Unconfirmed)),
            Err(lost) => self.resolve_unsent(Err(lost)),
        }
        Ok(())
    }

    fn resolve_unsent(&mut self, result: Result<Outcome, Lost>) {
        if let Some(message) = self.flight.take_unsent() {
            message.resolve(result);
        }
    }
}

/// Waits for the head end to take the event; once the endpoint stops, only if there is room.
async fn tell(shared: &Shared, event: LinkEvent) {
    tokio::select! {
        biased;
        permit = shared.events.reserve() => if let Ok(permit) = permit { permit.send(event) },
        () = shared.stopped() => {}
    }
}

fn one_and_a_half(keep_alive: Duration) -> Duration {
    keep_alive + keep_alive / 2
}
