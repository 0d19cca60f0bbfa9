//! The promise behind a PUBACK: given only once the consumer has stored the message.
use tokio::sync::mpsc;

/// What the consumer said of an incoming QoS 1 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is safe: acknowledge this packet identifier.
    Stored(u16),
    /// The token was dropped: the peer must keep the message.
    NotStored,
}

/// Acknowledges one incoming message. Call [`AckToken::stored`] once the message survives a crash of this process.
///
/// Dropping the token means "not stored": no PUBACK is ever sent, and the connection ends so that the peer sends the message
/// again on its next one (no MQTT version lets it do so earlier). A token that outlives its connection does nothing; the peer
/// then sends the message again although it is stored, so consumers must recognise what they already have.
#[must_use = "dropping the token ends the connection without an acknowledgement"]
#[derive(Debug)]
pub struct AckToken(Option<(mpsc::UnboundedSender<Verdict>, u16)>);

impl AckToken {
    /// For a QoS 1 message. The channel may be unbounded because a connection has at most its Receive Maximum of tokens.
    pub(crate) fn new(verdicts: &mpsc::UnboundedSender<Verdict>, packet_id: u16) -> Self {
        Self(Some((verdicts.clone(), packet_id)))
    }

    /// For a QoS 0 message, which nobody acknowledges.
    pub(crate) fn unneeded() -> Self {
        Self(None)
    }

    /// The message is stored: send its PUBACK.
    pub fn stored(mut self) {
        if let Some((verdicts, packet_id)) = self.0.take() {
            // A closed channel is a connection that ended meanwhile: nobody is left to acknowledge to.
            let _ = verdicts.send(Verdict::Stored(packet_id));
        }
    }
}

impl Drop for AckToken {
    fn drop(&mut self) {
        if let Some((verdicts, _)) = self.0.take() {
            let _ = verdicts.send(Verdict::NotStored);
        }
    }
}
