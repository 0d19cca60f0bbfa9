//! The radio of a device that is a process: its frames go to every other device of the home as ZEP v2 in UDP on loopback, so that
//! a running capture in Wireshark shows them.
use gbcs::Time;
use han::capture::zep::Packet;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// The channel that packets claim.
pub const CHANNEL: u8 = 11;

/// One device's radio.
#[derive(Debug)]
pub struct Radio {
    socket: UdpSocket,
    others: Vec<SocketAddr>,
    short: u16,
    sequence: u32,
}

impl Radio {
    /// Bind this device's address; `others` hear what it sends.
    pub async fn bind(short: u16, own: SocketAddr, others: Vec<SocketAddr>) -> std::io::Result<Self> {
        Ok(Self { socket: UdpSocket::bind(own).await?, others, short, sequence: 0 })
    }

    /// Send a frame to everybody. Who is not there does not hear it, as on the air.
    pub async fn transmit(&mut self, now: Time, frame: &[u8]) {
        let packet = Packet::new(CHANNEL, self.short, now, self.sequence, frame).to_vec();
        self.sequence = self.sequence.wrapping_add(1);
        for other in &self.others {
            if let Err(error) = self.socket.send_to(&packet, other).await {
                tracing::debug!(%other, %error, "not heard");
            }
        }
    }

    /// The next frame that another device sends; what is no frame is passed over.
    pub async fn receive(&self) -> std::io::Result<Vec<u8>> {
        let mut buffer = [0; 512];
        loop {
            // A closed port of another device comes back as an error of this socket: nobody there, which is no fault here.
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, from)) => match Packet::parse(&buffer[..length]) {
                    Ok(packet) => return Ok(packet.psdu.to_vec()),
                    Err(error) => tracing::debug!(%from, %error, "not a ZEP packet"),
                },
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            }
        }
    }
}
