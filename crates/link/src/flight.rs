//! Outgoing QoS 1 messages between "accepted from the caller" and "acknowledged by the peer".
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// What became of a message that left. Neither is a delivery to a meter: only the meter's own Response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer acknowledged it (PUBACK): by the law of this crate, it has stored it.
    Acknowledged,
    /// The device subscribed with QoS 0: the octets were handed to the connection and nothing more will be known.
    Unconfirmed,
}

/// Why nothing can be said of a message, or that it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The connection (or the carrier) ended first. The peer may or may not have the message.
    #[error("the connection ended before the message was acknowledged")]
    ConnectionEnded,
    /// The peer answered with a failure (MQTT 5 clause 3.4.2.1): it does not have the message.
    #[error("the peer refused the message with reason code 0x{code:02X}")]
    Refused {
        /// The PUBACK reason code.
        code: u8,
    },
    /// The peer said at CONNECT that it takes no packet of this size; it was not sent.
    #[error("the message is larger than the peer accepts")]
    TooLarge,
}

/// Resolves when the message is acknowledged, or cannot be any more. Dropping it does not take the message back.
#[derive(Debug)]
#[must_use = "whether the message was acknowledged is known only by awaiting this"]
pub struct Sent(oneshot::Receiver<Result<Outcome, Lost>>);

impl Future for Sent {
    type Output = Result<Outcome, Lost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(Lost::ConnectionEnded)))
    }
}

/// A message on its way out. Dropping it tells the caller that the connection ended.
pub(crate) struct Outgoing {
    pub payload: Vec<u8>,
    /// Whether an earlier connection already carried it, so that DUP must be set (MQTT 5 clause 3.3.1.1).
    pub dup: bool,
    sent: oneshot::Sender<Result<Outcome, Lost>>,
}

impl Outgoing {
    pub fn new(payload: Vec<u8>) -> (Self, Sent) {
        let (sent, answer) = oneshot::channel();
        (Self { payload, dup: false, sent }, Sent(answer))
    }

    /// The peer answered with this PUBACK reason code (MQTT 5 clause 3.4.2.1; always 0 in MQTT 3.1.1).
    pub fn acknowledge(self, code: u8) {
        self.resolve(if code < 0x80 { Ok(Outcome::Acknowledged) } else { Err(Lost::Refused { code }) });
    }

    pub fn resolve(self, result: Result<Outcome, Lost>) {
        // The caller may have stopped caring.
        let _ = self.sent.send(result);
    }
}

/// The messages taken from the queue and not yet acknowledged, oldest first.
#[derive(Default)]
pub(crate) struct Flight {
    messages: VecDeque<(Option<u16>, Outgoing)>,
}

impl Flight {
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn push(&mut self, message: Outgoing) {
        self.messages.push_back((None, message));
    }

    /// The oldest message that this connection has not carried yet.
    pub fn unsent(&self) -> Option<&Outgoing> {
        self.messages.iter().find(|(id, _)| id.is_none()).map(|(_, message)| message)
    }

    /// The message that [`Flight::unsent`] showed left under this packet identifier.
    pub fn sent_as(&mut self, packet_id: u16) {
        if let Some((id, _)) = self.messages.iter_mut().find(|(id, _)| id.is_none()) {
            *id = Some(packet_id);
        }
    }

    /// Takes the message that [`Flight::unsent`] showed.
    pub fn take_unsent(&mut self) -> Option<Outgoing> {
        let at = self.messages.iter().position(|(id, _)| id.is_none())?;
        self.messages.remove(at).map(|(_, message)| message)
    }

    /// Takes the message that this packet identifier stands for.
    pub fn take(&mut self, packet_id: u16) -> Option<Outgoing> {
        let at = self.messages.iter().position(|(id, _)| *id == Some(packet_id))?;
        self.messages.remove(at).map(|(_, message)| message)
    }

    /// The connection ended: what was sent on it must be sent again, in the same order.
    pub fn rewind(&mut self) {
        for (id, message) in &mut self.messages {
            message.dup |= id.take().is_some();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unacknowledged_messages_are_sent_again_in_order_and_marked_as_duplicates() {
        let mut flight = Flight::default();
        for octet in 1..=3 {
            flight.push(Outgoing::new(vec![octet]).0);
        }
        flight.sent_as(7);
        flight.sent_as(8);
        flight.take(7).unwrap().resolve(Ok(Outcome::Acknowledged));
        flight.rewind();
        assert!(flight.take(8).is_none(), "packet identifiers do not outlive their connection");
        let again = flight.unsent().unwrap();
        assert_eq!((again.payload.as_slice(), again.dup), (&[2][..], true));
        flight.sent_as(1);
        let fresh = flight.unsent().unwrap();
        assert_eq!((fresh.payload.as_slice(), fresh.dup), (&[3][..], false));
    }
}
