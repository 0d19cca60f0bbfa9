//! One connection: the sans-IO MQTT core driven over one stream, with its timers. Both ends use it.
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event, TimerKind};
use mqtt_protocol_core::mqtt::packet::{self, GenericPacketTrait, Packet};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use mqtt_protocol_core::mqtt::role::RoleType;
use mqtt_protocol_core::mqtt::{Connection, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

use crate::ended::Ended;
use crate::packet::Incoming;

/// Octets read at once, and so the most that one read can turn into packets and answers.
const CHUNK: usize = 8 * 1024;
/// With this much waiting to be written, nothing more is read or sent: a peer must take its answers before it may ask again.
const OUTBOX: usize = 64 * 1024;
/// How long an ended connection may take to hand over its last octets.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection takes, from its first octet on.
#[derive(Clone, Copy)]
pub(crate) struct WireLimits {
    /// Octets of the largest packet taken.
    pub max_packet: u32,
    /// QoS 1 messages the peer may have unacknowledged.
    pub receive_maximum: u16,
    /// How long the peer may leave written octets unread.
    pub stall: Duration,
    /// How long the peer may be silent whatever keep-alive it asked for.
    pub silence: Option<Duration>,
}

/// All methods leave the wire in a usable state when their future is dropped.
pub(crate) struct Wire<R: RoleType, S> {
    core: Connection<R>,
    reader: ReadHalf<S>,
    outbox: Outbox<S>,
    chunk: Vec<u8>,
    received: VecDeque<Incoming>,
    timers: Timers,
    limits: WireLimits,
    ended: Option<Ended>,
}

impl<R: RoleType, S: AsyncRead + AsyncWrite> Wire<R, S> {
    pub fn new(stream: S, version: Version, limits: WireLimits) -> Self {
        let options = ConnectionOptions::new()
            .maximum_packet_size_recv(limits.max_packet)
            .receive_maximum(limits.receive_maximum);
        let mut core = Connection::with_options(version, options);
        core.set_auto_ping_response(true);
        let (reader, writer) = tokio::io::split(stream);
        Self {
            core,
            reader,
            outbox: Outbox { writer, octets: Vec::new(), unflushed: false, progress: Instant::now() },
            chunk: vec![0; CHUNK],
            received: VecDeque::new(),
            timers: Timers::default(),
            limits,
            ended: None,
        }
    }

    /// How long the peer of a client may take to answer a ping.
    pub fn expect_ping_answers_within(&mut self, limit: Duration) {
        self.core.set_pingresp_recv_timeout(limit.as_millis() as u64);
    }

    /// The next packet, answering pings and watching timers meanwhile.
    pub async fn next(&mut self) -> Result<Incoming, Ended> {
        loop {
            if let Some(packet) = self.step(true).await? {
                return Ok(packet);
            }
        }
    }

    /// The next packet, or `None` when something else moved: [`Wire::has_room`] may have changed. With `reading` off nothing
    /// is taken from the peer: back-pressure that still writes.
    pub async fn step(&mut self, reading: bool) -> Result<Option<Incoming>, Ended> {
        if reading && let Some(packet) = self.received.pop_front() {
            return Ok(Some(packet));
        }
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        self.turn(reading).await;
        Ok(None)
    }

    /// Queues a packet for writing.
    pub fn send(&mut self, packet: Result<Packet, MqttError>) -> Result<(), MqttError> {
        let events = self.core.send(packet?);
        let told = self.apply(events);
        if told.close {
            // A refusing CONNACK: the core wants to close behind it.
            self.ended.get_or_insert(Ended::Stopped);
        }
        told.error.map_or(Ok(()), Err)
    }

    /// Queues a PUBLISH of QoS 1 and returns its packet identifier.
    pub fn publish(&mut self, topic: &str, payload: &[u8], dup: bool) -> Result<u16, MqttError> {
        let packet_id = self.packet_id()?;
        self.send(crate::packet::publish(self.version(), topic, payload, Some(packet_id), dup)).inspect_err(|_| {
            // Some refusals of the core release the identifier, others do not; releasing twice is harmless.
            self.core.release_packet_id(packet_id);
        })?;
        Ok(packet_id)
    }

    /// A fresh packet identifier.
    pub fn packet_id(&mut self) -> Result<u16, MqttError> {
        self.core.acquire_packet_id()
    }

    /// Ends the connection for this reason, telling the peer where MQTT can. [`Wire::finish`] then closes it.
    pub fn end(&mut self, reason: &Ended) {
        if self.ended.is_some() {
            return;
        }
        let disconnect = match self.version() {
            _ if matches!(reason, Ended::PeerLeft { .. }) => Err(MqttError::PacketNotAllowedToSend),
            Version::V5_0 => {
                packet::v5_0::Disconnect::builder().reason_code(reason.disconnect_code()).build().map(Packet::from)
            }
            // Only clients say goodbye in MQTT 3.1.1 (clause 3.14).
            _ if R::IS_CLIENT => packet::v3_1_1::Disconnect::builder().build().map(Packet::from),
            _ => Err(MqttError::PacketNotAllowedToSend),
        };
        let _ = self.send(disconnect);
        self.ended = Some(reason.clone());
    }

    /// Hands over the last octets and closes the stream.
    pub async fn finish(mut self) {
        let _ = timeout(LINGER, async {
            while self.outbox.is_waiting() {
                self.outbox.write().await?;
            }
            self.outbox.writer.shutdown().await?;
            // Closing with unread octets would reset the connection and may take our DISCONNECT with it.
            while self.reader.read(&mut self.chunk).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }

    /// The version spoken; undetermined at a server until CONNECT.
    pub fn version(&self) -> Version {
        self.core.get_protocol_version()
    }

    /// Whether another message may be sent: the peer reads, and its Receive Maximum is not reached (MQTT 5 clause 4.9).
    pub fn has_room(&self) -> bool {
        self.outbox.octets.len() < OUTBOX && self.core.get_receive_maximum_vacancy_for_send() != Some(0)
    }

    /// Writes, reads or fires a timer, whichever comes first.
    async fn turn(&mut self, reading: bool) {
        let reading = reading && self.outbox.octets.len() < OUTBOX;
        let stall = self.outbox.is_waiting().then_some(self.outbox.progress + self.limits.stall);
        let timer = self.timers.next(reading);
        let deadline = [stall, timer.map(|(at, _)| at)].into_iter().flatten().min();
        tokio::select! {
            biased;
            written = self.outbox.write(), if self.outbox.is_waiting() => {
                if let Err(error) = written {
                    // What the peer said last (a DISCONNECT, a TLS alert) explains more than a broken pipe.
                    self.ended = Some(self.last_words().await.unwrap_or(error.into()));
                }
            }
            read = self.reader.read(&mut self.chunk), if reading => match read {
                Ok(0) => self.ended = Some(Ended::PeerClosed),
                Ok(n) => self.feed(n),
                Err(error) => self.ended = Some(error.into()),
            },
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                match timer {
                    Some((at, timer)) if at <= Instant::now() => self.fire(timer),
                    _ if stall.is_some_and(|at| at <= Instant::now()) => self.ended = Some(Ended::Stalled),
                    _ => {}
                }
            }
            // Nothing to write, nobody to hear, no timer: whoever awaits this has other reasons to go on.
            else => std::future::pending().await,
        }
    }

    /// After a failed write: what can still be read without waiting long, for its reason.
    async fn last_words(&mut self) -> Option<Ended> {
        let read = timeout(LINGER, self.reader.read(&mut self.chunk)).await.ok()?;
        match read {
            Ok(0) => None,
            Ok(n) => {
                self.feed(n);
                self.ended.take()
            }
            Err(error) => match Ended::from(error) {
                tls @ Ended::Tls(_) => Some(tls),
                _ => None,
            },
        }
    }

    fn feed(&mut self, n: usize) {
        if let Some(silence) = self.limits.silence {
            self.timers.silence = Some(Instant::now() + silence);
        }
        let chunk = std::mem::take(&mut self.chunk);
        let mut cursor = Cursor::new(&chunk[..n]);
        while (cursor.position() as usize) < n && self.ended.is_none() {
            let events = self.core.recv(&mut cursor);
            let told = self.apply(events);
            // Not every error of the core comes with a request to close; none can be lived with.
            if let Some(error) = told.error {
                self.ended = Some(Ended::Protocol(error));
            } else if told.close {
                self.ended = Some(Ended::Protocol(MqttError::ProtocolError));
            }
        }
        self.chunk = chunk;
    }

    fn fire(&mut self, timer: Timer) {
        self.timers.clear(timer);
        let (kind, fatal) = match timer {
            Timer::Core(kind @ TimerKind::PingreqSend) => (kind, false),
            Timer::Core(kind) => (kind, true),
            Timer::Silence => (TimerKind::PingreqRecv, true),
        };
        if fatal && self.version() == Version::Undetermined {
            self.ended = Some(Ended::KeepAlive);
            return;
        }
        let events = self.core.notify_timer_fired(kind);
        self.apply(events);
        if fatal {
            self.ended = Some(Ended::KeepAlive);
        }
    }

    fn apply(&mut self, events: Vec<Event>) -> Told {
        let mut told = Told { close: false, error: None };
        for event in events {
            match event {
                Event::NotifyPacketReceived(packet) => match Incoming::from(packet) {
                    Incoming::Ping => {}
                    packet => self.received.push_back(packet),
                },
                Event::RequestSendPacket { packet, .. } => self.outbox.push(&packet.to_continuous_buffer()),
                Event::RequestTimerReset { kind, duration_ms } => {
                    self.timers.set(kind, Some(Instant::now() + Duration::from_millis(duration_ms)));
                }
                Event::RequestTimerCancel(kind) => self.timers.set(kind, None),
                Event::NotifyError(error) => told.error = Some(error),
                Event::RequestClose => told.close = true,
                Event::NotifyPacketIdReleased(_) => {}
            }
        }
        told
    }
}

/// What the core said besides packets and timers.
struct Told {
    close: bool,
    error: Option<MqttError>,
}

/// Octets on their way into the stream.
struct Outbox<S> {
    writer: WriteHalf<S>,
    octets: Vec<u8>,
    /// Whether the stream may hold octets it took from us but has not passed on, as TLS does.
    unflushed: bool,
    /// When octets last began to wait, or last moved.
    progress: Instant,
}

impl<S: AsyncRead + AsyncWrite> Outbox<S> {
    fn is_waiting(&self) -> bool {
        self.unflushed || !self.octets.is_empty()
    }

    fn push(&mut self, octets: &[u8]) {
        if !self.is_waiting() {
            self.progress = Instant::now();
        }
        self.octets.extend_from_slice(octets);
    }

    /// One step of writing; both steps may be given up half-way.
    async fn write(&mut self) -> io::Result<()> {
        if self.octets.is_empty() {
            self.writer.flush().await?;
            self.unflushed = false;
        } else {
            let n = self.writer.write(&self.octets).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.octets.drain(..n);
            self.unflushed = true;
        }
        self.progress = Instant::now();
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Timer {
    Core(TimerKind),
    Silence,
}

#[derive(Default)]
struct Timers {
    ping_send: Option<Instant>,
    ping_receive: Option<Instant>,
    ping_answer: Option<Instant>,
    silence: Option<Instant>,
}

impl Timers {
    fn set(&mut self, kind: TimerKind, at: Option<Instant>) {
        match kind {
            TimerKind::PingreqSend => self.ping_send = at,
            TimerKind::PingreqRecv => self.ping_receive = at,
            TimerKind::PingrespRecv => self.ping_answer = at,
        }
    }

    fn clear(&mut self, timer: Timer) {
        match timer {
            Timer::Core(kind) => self.set(kind, None),
            Timer::Silence => self.silence = None,
        }
    }

    /// The next timer. Who does not read cannot blame the peer for silence.
    fn next(&self, reading: bool) -> Option<(Instant, Timer)> {
        let send = self.ping_send.map(|at| (at, Timer::Core(TimerKind::PingreqSend)));
        let receive = [
            self.ping_receive.map(|at| (at, Timer::Core(TimerKind::PingreqRecv))),
            self.ping_answer.map(|at| (at, Timer::Core(TimerKind::PingrespRecv))),
            self.silence.map(|at| (at, Timer::Silence)),
        ];
        send.into_iter().chain(receive.into_iter().flatten().filter(|_| reading)).min_by_key(|(at, _)| *at)
    }
}
