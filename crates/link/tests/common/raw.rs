//! A device that writes MQTT by hand, octet by octet: it can do what a decent client never would, and owes nothing to the
//! library under the endpoint.
use std::net::SocketAddr;
use std::sync::Arc;

use link::ClientTls;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::soon;

pub const CONNACK: u8 = 0x20;
pub const PUBLISH: u8 = 0x30;
pub const PUBACK: u8 = 0x40;
pub const SUBACK: u8 = 0x90;
pub const PINGRESP: u8 = 0xD0;
pub const DISCONNECT: u8 = 0xE0;

pub const UP: &str = "lm/1/00DB1234567890A0/up";
pub const DOWN: &str = "lm/1/00DB1234567890A0/down";

pub struct Device {
    pub stream: TlsStream<TcpStream>,
    pub version: u8,
}

/// One packet: first octet and body.
pub type Packet = (u8, Vec<u8>);

pub async fn tls(addr: SocketAddr, config: rustls::ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

impl Device {
    /// TLS only.
    pub async fn connect(addr: SocketAddr, tls_of: ClientTls, version: u8) -> Self {
        Self { stream: tls(addr, tls_of.into_config().unwrap()).await.unwrap(), version }
    }

    pub async fn send(&mut self, octets: Vec<u8>) {
        soon("the endpoint to read", self.stream.write_all(&octets)).await.unwrap();
    }

    pub async fn receive(&mut self) -> Packet {
        self.try_receive().await.expect("a packet, not the end of the connection")
    }

    /// The next packet, or `None` at the end of the connection.
    pub async fn try_receive(&mut self) -> Option<Packet> {
        soon("a packet", async {
            let first = self.stream.read_u8().await.ok()?;
            let (mut len, mut shift) = (0, 0);
            loop {
                let octet = self.stream.read_u8().await.ok()?;
                len |= usize::from(octet & 0x7F) << shift;
                shift += 7;
                if octet & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; len];
            self.stream.read_exact(&mut body).await.ok()?;
            Some((first, body))
        })
        .await
    }

    /// The connection must end; MQTT 5 devices must be told why.
    pub async fn expect_end(&mut self, code: u8) {
        if self.version == 5 {
            let (first, body) = self.receive().await;
            assert_eq!((first, body.first()), (DISCONNECT, Some(&code)));
        }
        assert_eq!(self.try_receive().await, None);
    }

    /// CONNECT and its CONNACK, which must accept.
    pub async fn log_in(&mut self) -> Vec<u8> {
        self.send(connect(self.version, "any client id", 60)).await;
        self.expect_accepted().await
    }

    pub async fn expect_accepted(&mut self) -> Vec<u8> {
        let (first, body) = self.receive().await;
        assert_eq!((first, &body[..2]), (CONNACK, &[0, 0][..]), "no session present, accepted");
        body
    }

    /// SUBSCRIBE and the codes of its SUBACK.
    pub async fn subscribe(&mut self, filters: &[(&str, u8)]) -> Vec<u8> {
        self.send(subscribe(self.version, 1, filters)).await;
        let (first, body) = self.receive().await;
        assert_eq!((first, &body[..2]), (SUBACK, &[0, 1][..]));
        body[body.len() - filters.len()..].to_vec()
    }
}

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![first];
    let mut len = body.len();
    loop {
        let more = if len >= 0x80 { 0x80 } else { 0 };
        octets.push((len & 0x7F) as u8 | more);
        len >>= 7;
        if len == 0 {
            break;
        }
    }
    octets.extend_from_slice(body);
    octets
}

pub fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

/// The property block, which MQTT 3.1.1 does not have.
pub fn properties(version: u8, octets: &[u8]) -> Vec<u8> {
    if version == 5 { [&[octets.len() as u8], octets].concat() } else { Vec::new() }
}

pub fn connect(version: u8, client_id: &str, keep_alive: u16) -> Vec<u8> {
    connect_with(version, 0x02, keep_alive, &[], &string(client_id))
}

pub fn connect_with(version: u8, flags: u8, keep_alive: u16, props: &[u8], payload: &[u8]) -> Vec<u8> {
    let header = [&string("MQTT")[..], &[version, flags], &keep_alive.to_be_bytes()].concat();
    packet(0x10, &[&header[..], &properties(version, props), payload].concat())
}

/// Flags: DUP 8, QoS 2 and 4, RETAIN 1.
pub fn publish_with(version: u8, flags: u8, topic: &str, packet_id: u16, props: &[u8], payload: &[u8]) -> Vec<u8> {
    let id = if flags & 6 == 0 { Vec::new() } else { packet_id.to_be_bytes().to_vec() };
    packet(PUBLISH | flags, &[&string(topic)[..], &id, &properties(version, props), payload].concat())
}

pub fn publish(version: u8, topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    publish_with(version, 2, topic, packet_id, &[], payload)
}

pub fn puback(packet_id: u16) -> Vec<u8> {
    packet(PUBACK, &packet_id.to_be_bytes())
}

pub fn subscribe(version: u8, packet_id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    subscribe_with(version, packet_id, &[], filters)
}

pub fn subscribe_with(version: u8, packet_id: u16, props: &[u8], filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = [&packet_id.to_be_bytes()[..], &properties(version, props)].concat();
    for (filter, qos) in filters {
        body.extend(string(filter));
        body.push(*qos);
    }
    packet(0x82, &body)
}

pub fn unsubscribe(version: u8, packet_id: u16, filter: &str) -> Vec<u8> {
    packet(0xA2, &[&packet_id.to_be_bytes()[..], &properties(version, &[]), &string(filter)].concat())
}

pub fn ping() -> Vec<u8> {
    vec![0xC0, 0]
}

pub fn disconnect() -> Vec<u8> {
    vec![0xE0, 0]
}
