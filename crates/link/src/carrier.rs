//! The carrier's side: a client that stays connected for as long as it lives and loses nothing it was given.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use gbcs::Eui64;
use mqtt_protocol_core::mqtt::packet::Qos;
use mqtt_protocol_core::mqtt::result_code::MqttError;
use mqtt_protocol_core::mqtt::role::Client;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tracing::{debug, info};

use crate::ack::{AckToken, Verdict};
use crate::backoff::{Backoff, Waits};
use crate::ended::Ended;
use crate::flight::{Flight, Lost, Outgoing, Sent};
use crate::packet::{self, Incoming};
use crate::tls::{ClientTls, TlsError};
use crate::wire::{Wire, WireLimits};
use crate::{identity, topic};

/// Which MQTT to speak. The endpoint speaks both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MqttVersion {
    /// MQTT 3.1.1, as older gear has it.
    V3_1_1,
    /// MQTT 5: refusals come with reasons, and both sides know each other's bounds.
    #[default]
    V5,
}

/// Where the head end is, who we are, and how to behave.
#[derive(Debug)]
pub struct CarrierConfig {
    /// Name or address to connect to; looked up anew for each connection.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The name the server's certificate must carry, mostly the same as `host`.
    pub server_name: String,
    /// Our certificate, whose common name is our EUI-64, and who issues the server's.
    pub tls: ClientTls,
    /// Which MQTT to speak.
    pub version: MqttVersion,
    /// Longest silence, in whole seconds up to 65,535; at least one.
    pub keep_alive: Duration,
    /// How long TCP, TLS, CONNECT and SUBSCRIBE may take together, and the server's answer to a ping.
    pub set_up: Duration,
    /// How long the server may leave written octets unread.
    pub stall: Duration,
    /// How long to wait between connections.
    pub backoff: Backoff,
    /// Octets of the largest MQTT packet, both ways. Must not exceed the endpoint's: an MQTT 3.1.1 server can only answer a
    /// larger one by closing the connection, each time it comes.
    pub max_packet: u32,
    /// QoS 1 messages from the server that may wait for the consumer's word.
    pub receive_maximum: u16,
    /// QoS 1 messages on their way to the server at once.
    pub window: usize,
    /// Messages waiting behind those, connected or not. More are refused ([`PublishError::QueueFull`]).
    pub queue: usize,
    /// Events waiting for the consumer. When they are not taken, nothing more is read.
    pub events: usize,
}

impl CarrierConfig {
    /// A carrier with everything at its default: MQTT 5, keep-alive 60 s, back-off seeded with our EUI so that carriers do not
    /// come back in step.
    pub fn new(host: impl Into<String>, port: u16, tls: ClientTls) -> Self {
        let host = host.into();
        let seed = own_identity(&tls).map_or(0, Eui64::to_u64);
        Self {
            server_name: host.clone(),
            host,
            port,
            tls,
            version: MqttVersion::default(),
            keep_alive: Duration::from_secs(60),
            set_up: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            backoff: Backoff::new(seed),
            max_packet: 64 * 1024,
            receive_maximum: 16,
            window: 16,
            queue: 64,
            events: 64,
        }
    }
}

/// What happens on the carrier's link.
#[derive(Debug)]
pub enum CarrierEvent {
    /// Connected and subscribed: messages flow both ways.
    Connected,
    /// The connection ended or was not made. The carrier tries again by itself.
    Disconnected {
        /// Whose doing it was.
        reason: Ended,
        /// When it will try again.
        retry_in: Duration,
    },
    /// The head end says something.
    Down {
        /// The octets as sent. The same ones may come again.
        payload: Vec<u8>,
        /// Say when they are stored.
        ack: AckToken,
    },
}

/// Why a message was not taken. It did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Too many messages wait, mostly because there is no connection.
    #[error("too many messages wait for the head end")]
    QueueFull,
    /// The caller's fault: larger than [`CarrierConfig::max_packet`] allows.
    #[error("the message has {len} octets, {max} are allowed")]
    TooLarge {
        /// Octets of the payload.
        len: usize,
        /// Octets a payload may have.
        max: usize,
    },
    /// The carrier has stopped.
    #[error("the carrier has stopped")]
    Stopped,
}

/// A handle on the running client, cheap to clone. When the last one is dropped the client stops.
#[derive(Clone, Debug)]
pub struct Carrier {
    device: Eui64,
    max_payload: usize,
    queue: mpsc::Sender<Outgoing>,
    stop: Arc<watch::Sender<bool>>,
    stopped: watch::Receiver<()>,
}

impl Carrier {
    /// Starts connecting, now and whenever the connection ends, until the handle or the receiver of events is dropped. Must be
    /// called within a tokio runtime.
    pub fn start(config: CarrierConfig) -> Result<(Self, mpsc::Receiver<CarrierEvent>), TlsError> {
        let device = own_identity(&config.tls)?;
        let server_name = ServerName::try_from(config.server_name.clone())
            .map_err(|_| TlsError::ServerName(config.server_name.clone()))?;
        let connector = TlsConnector::from(Arc::new(config.tls.into_config()?));
        let settings = Settings {
            device,
            up: topic::up(device),
            down: topic::down(device),
            host: config.host,
            port: config.port,
            server_name,
            version: config.version,
            keep_alive: config.keep_alive.as_secs().clamp(1, u16::MAX.into()) as u16,
            set_up: config.set_up,
            window: config.window,
            limits: WireLimits {
                max_packet: config.max_packet,
                receive_maximum: config.receive_maximum,
                stall: config.stall,
                silence: None,
            },
        };
        let max_payload = packet::max_payload(config.max_packet, &settings.up);

        let (queue, messages) = mpsc::channel(config.queue);
        let (events, receiver) = mpsc::channel(config.events);
        let (stop, stopping) = watch::channel(false);
        let (running, stopped) = watch::channel(());
        let client = Reconnecting {
            settings,
            connector,
            waits: Waits::new(config.backoff),
            messages,
            events,
            stopping,
            flight: Flight::default(),
        };
        tokio::spawn(async move {
            client.run().await;
            drop(running);
        });
        Ok((Self { device, max_payload, queue, stop: Arc::new(stop), stopped }, receiver))
    }

    /// Who we are, by our certificate.
    pub fn device(&self) -> Eui64 {
        self.device
    }

    /// Publishes to our up topic with QoS 1. Returns at once, connected or not; the answer resolves at the head end's PUBACK,
    /// which may be connections later.
    pub fn publish(&self, payload: Vec<u8>) -> Result<Sent, PublishError> {
        if payload.len() > self.max_payload {
            return Err(PublishError::TooLarge { len: payload.len(), max: self.max_payload });
        }
        let (message, sent) = Outgoing::new(payload);
        self.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => PublishError::QueueFull,
            TrySendError::Closed(_) => PublishError::Stopped,
        })?;
        Ok(sent)
    }

    /// Disconnects for good. What is not acknowledged by now resolves as [`Lost::ConnectionEnded`].
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while self.stopped.changed().await.is_ok() {}
    }
}

fn own_identity(tls: &ClientTls) -> Result<Eui64, TlsError> {
    let certificate = tls.cert_chain.first().ok_or(identity::IdentityError::Malformed)?;
    Ok(identity::device_of(certificate)?)
}

type ServerWire = Wire<Client, TlsStream<TcpStream>>;

struct Settings {
    device: Eui64,
    up: String,
    down: String,
    host: String,
    port: u16,
    server_name: ServerName<'static>,
    version: MqttVersion,
    /// Seconds.
    keep_alive: u16,
    set_up: Duration,
    window: usize,
    limits: WireLimits,
}

struct Reconnecting {
    settings: Settings,
    connector: TlsConnector,
    waits: Waits,
    messages: mpsc::Receiver<Outgoing>,
    events: mpsc::Sender<CarrierEvent>,
    stopping: watch::Receiver<bool>,
    /// Outlives connections: what one did not get acknowledged, the next sends again.
    flight: Flight,
}

impl Reconnecting {
    async fn run(mut self) {
        loop {
            let mut stopping = self.stopping.clone();
            let connected = tokio::select! {
                connected = timeout(self.settings.set_up, self.connect()) => connected.unwrap_or(Err(Ended::SetUpTimeout)),
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            let (reason, lived) = match connected {
                Err(reason) => (reason, Duration::ZERO),
                Ok(mut wire) => {
                    info!(device = %self.settings.device, host = self.settings.host, "connected");
                    let since = Instant::now();
                    let reason = self.serve(&mut wire).await;
                    let lived = since.elapsed();
                    wire.end(&reason);
                    wire.finish().await;
                    (reason, lived)
                }
            };
            self.flight.rewind();
            if reason == Ended::Stopped {
                return;
            }
            let retry_in = self.waits.after(lived);
            info!(device = %self.settings.device, %reason, ?retry_in, "disconnected");
            let pause = async {
                self.events.send(CarrierEvent::Disconnected { reason, retry_in }).await?;
                sleep(retry_in).await;
                Ok::<_, mpsc::error::SendError<_>>(())
            };
            tokio::select! {
                paused = pause => if paused.is_err() { return },
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// TCP, TLS, CONNECT and SUBSCRIBE.
    async fn connect(&mut self) -> Result<ServerWire, Ended> {
        let Settings { host, port, server_name, down, device, keep_alive, set_up, limits, version, .. } =
            &self.settings;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(server_name.clone(), stream).await?;
        let mut wire = ServerWire::new(stream, (*version).into(), *limits);
        wire.expect_ping_answers_within(*set_up);

        wire.send(packet::connect(wire.version(), &format!("{device:#}"), *keep_alive)).map_err(Ended::Protocol)?;
        match wire.next().await? {
            Incoming::Connack { code: 0 } => {}
            Incoming::Connack { code } => return Err(Ended::Refused { code }),
            _ => return Err(Ended::Protocol(MqttError::ProtocolError)),
        }
        let packet_id = wire.packet_id().map_err(Ended::Protocol)?;
        wire.send(packet::subscribe(wire.version(), packet_id, down)).map_err(Ended::Protocol)?;
        match wire.next().await? {
            Incoming::Suback { codes } => match codes[..] {
                // A head end that grants QoS 0 only would never learn what arrived here.
                [1 | 2] => Ok(wire),
                [code] => Err(Ended::Refused { code }),
                _ => Err(Ended::Protocol(MqttError::ProtocolError)),
            },
            Incoming::Disconnect { code } => Err(Ended::PeerLeft { code }),
            _ => Err(Ended::Protocol(MqttError::ProtocolError)),
        }
    }

    async fn serve(&mut self, wire: &mut ServerWire) -> Ended {
        match self.serve_until_error(wire).await {
            Ok(never) => match never {},
            Err(reason) => reason,
        }
    }

    async fn serve_until_error(&mut self, wire: &mut ServerWire) -> Result<Infallible, Ended> {
        let (verdict_sender, mut verdicts) = mpsc::unbounded_channel();
        let mut stopping = self.stopping.clone();
        let events = self.events.clone();
        let mut event = Some(CarrierEvent::Connected);
        loop {
            self.send_unsent(wire);
            let may_send = self.flight.len() < self.settings.window && wire.has_room();
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Err(Ended::Stopped),
                Some(verdict) = verdicts.recv() => {
                    let Verdict::Stored(packet_id) = verdict else { return Err(Ended::NotStored) };
                    wire.send(packet::puback(wire.version(), packet_id)).map_err(Ended::Protocol)?;
                }
                permit = events.reserve(), if event.is_some() => {
                    // Nobody takes events any more.
                    let permit = permit.map_err(|_| Ended::Stopped)?;
                    permit.send(event.take().expect("checked above"));
                }
                Some(message) = self.messages.recv(), if may_send => self.flight.push(message),
                packet = wire.step(event.is_none()) => if let Some(packet) = packet? {
                    event = self.receive(packet, &verdict_sender)?;
                },
            }
        }
    }

    fn receive(
        &mut self,
        packet: Incoming,
        verdicts: &mpsc::UnboundedSender<Verdict>,
    ) -> Result<Option<CarrierEvent>, Ended> {
        match packet {
            Incoming::Publish(publish) if publish.topic == self.settings.down && publish.qos != Qos::ExactlyOnce => {
                debug!(device = %self.settings.device, octets = publish.payload.len(), "down message");
                let ack = match publish.packet_id {
                    Some(packet_id) => AckToken::new(verdicts, packet_id),
                    None => AckToken::unneeded(),
                };
                Ok(Some(CarrierEvent::Down { payload: publish.payload, ack }))
            }
            Incoming::Puback { packet_id, code } => {
                if let Some(message) = self.flight.take(packet_id) {
                    debug!(device = %self.settings.device, code, "up message acknowledged");
                    message.acknowledge(code);
                }
                Ok(None)
            }
            Incoming::Disconnect { code } => Err(Ended::PeerLeft { code }),
            _ => Err(Ended::Protocol(MqttError::ProtocolError)),
        }
    }

    /// Sends what waits in the flight: what an earlier connection left, or what was just taken from the queue.
    fn send_unsent(&mut self, wire: &mut ServerWire) {
        while wire.has_room()
            && let Some(message) = self.flight.unsent()
        {
            debug!(device = %self.settings.device, octets = message.payload.len(), dup = message.dup, "up message");
            match wire.publish(&self.settings.up, &message.payload, message.dup) {
                Ok(packet_id) => self.flight.sent_as(packet_id),
                // The only refusal left: the server said that it takes no packet of this size.
                Err(_) => {
                    if let Some(message) = self.flight.take_unsent() {
                        message.resolve(Err(Lost::TooLarge));
                    }
                }
            }
        }
    }
}
