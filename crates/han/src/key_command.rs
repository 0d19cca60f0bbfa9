//! The APS commands by which a Trust Centre gives two devices a link key of their own (ZigBee PRO 4.4.9.2 and 4.4.9.5): one of them
//! asks for it, and both get it, each under the link key that it shares with the Trust Centre.
use crate::mmo;
use crate::security::{Key, KeyId};
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;
use gbcs::Eui64;

const TRANSPORT_KEY: u8 = 0x05;
const REQUEST_KEY: u8 = 0x08;
/// Types of key: an application link key as it is asked for, and as it is brought.
const APPLICATION_KEY: u8 = 0x02;
const APPLICATION_LINK_KEY: u8 = 0x03;

/// A command about an application link key, which Smart Energy calls a partner link key. The network key comes another way
/// ([`TransportKey`](crate::join::TransportKey)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyCommand {
    /// Give me a link key to share with this device.
    Request {
        /// The other device.
        partner: Eui64,
    },
    /// Here is the key that you share with this device.
    Transport {
        /// The key.
        key: Key,
        /// The other device.
        partner: Eui64,
        /// Whether the receiver is the one who asked.
        initiator: bool,
    },
}

impl KeyCommand {
    /// Reads the clear payload of an APS command.
    ///
    /// # Errors
    /// Another command or type of key, or a payload that is not the command's.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "APS key command");
        let parsed = match (r.u8()?, r.u8()?) {
            (REQUEST_KEY, APPLICATION_KEY) => Self::Request { partner: r.eui()? },
            (TRANSPORT_KEY, APPLICATION_LINK_KEY) => {
                Self::Transport { key: Key::new(r.array()?), partner: r.eui()?, initiator: r.bool()? }
            }
            _ => return Err(ParseError::Unsupported("APS command or type of key")),
        };
        r.finish(parsed)
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::Request { .. } => 10,
            Self::Transport { .. } => 27,
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request { partner } => {
                out.extend([REQUEST_KEY, APPLICATION_KEY]);
                out.extend(partner.to_le());
            }
            Self::Transport { key, partner, initiator } => {
                out.extend([TRANSPORT_KEY, APPLICATION_LINK_KEY]);
                out.extend(key.octets());
                out.extend(partner.to_le());
                out.push(u8::from(*initiator));
            }
        }
    }

    /// The payload as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }

    /// Under which key of the link it goes: what brings a key goes under the key-load key, anything else under the link key
    /// itself (ZigBee PRO 4.4.1.1).
    pub const fn under(&self) -> KeyId {
        match self {
            Self::Request { .. } => KeyId::Data,
            Self::Transport { .. } => KeyId::Load,
        }
    }
}

/// The key that protects an APS frame of a link, by what its auxiliary header names.
pub(crate) fn of_link(link_key: &Key, id: KeyId) -> Option<Key> {
    match id {
        KeyId::Data => Some(link_key.clone()),
        KeyId::Load => Some(mmo::key_load_key(link_key)),
        KeyId::Transport | KeyId::Network(_) => None,
    }
}
