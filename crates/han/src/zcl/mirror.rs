//! Mirror commands of the Metering cluster 0x0702: how a sleepy gas meter learns that a message waits (han.md 5.1).
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;

/// The Metering cluster.
pub const CLUSTER: u16 = 0x0702;
/// Predefined two-way notification scheme B, the one GBCS uses.
pub const SCHEME_B: u8 = 2;
/// Functional notification flag 21: a message waits for the meter's GET.
pub const TUNNEL_MESSAGE_PENDING: u32 = 1 << 21;
/// Functional notification flags 14, 22 and 23: push static data, snapshots, sampled data - all of them, since the mirror has none.
pub const PUSH_HISTORY: u32 = 1 << 14 | 1 << 22 | 1 << 23;
/// The endpoint of a RequestMirrorResponse that refuses.
pub const REFUSED: u16 = 0xFFFF;

/// A mirror command that the Metering server (the meter) sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FromMeter {
    /// Command 0x01: make me a mirror.
    RequestMirror,
    /// Command 0x08: how the mirror is to behave.
    ConfigureMirror(ConfigureMirror),
}

/// How a mirror is to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConfigureMirror {
    /// Issuer Event ID: a later one wins.
    pub issuer_event: u32,
    /// Seconds between two reports, 24 bits.
    pub reporting_interval: u32,
    /// Whether the mirror answers the last report with its notification flags.
    pub notification: bool,
    /// The notification scheme, [`SCHEME_B`].
    pub scheme: u8,
}

impl FromMeter {
    /// Reads the payload of the command with this identifier.
    ///
    /// # Errors
    /// An unknown identifier, or a payload that is not the command's.
    pub fn parse(command: u8, payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "mirror command");
        let parsed = match command {
            0x01 => Self::RequestMirror,
            0x08 => Self::ConfigureMirror(ConfigureMirror {
                issuer_event: r.u32()?,
                reporting_interval: r.u24()?,
                notification: r.bool()?,
                scheme: r.u8()?,
            }),
            _ => return Err(ParseError::Unsupported("mirror command of the meter")),
        };
        r.finish(parsed)
    }

    /// The command's identifier.
    pub const fn command(&self) -> u8 {
        match self {
            Self::RequestMirror => 0x01,
            Self::ConfigureMirror(_) => 0x08,
        }
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::RequestMirror => 0,
            Self::ConfigureMirror(_) => 9,
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Self::ConfigureMirror(configure) = self {
            out.extend(configure.issuer_event.to_le_bytes());
            out.extend(&configure.reporting_interval.to_le_bytes()[..3]);
            out.push(configure.notification as u8);
            out.push(configure.scheme);
        }
    }
}

/// A mirror command that the Metering client (the mirror's side) sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FromMirror {
    /// Command 0x01: the mirror's endpoint, or [`REFUSED`].
    RequestMirrorResponse(u16),
    /// Command 0x09: the answer to the last report.
    ReportAttributeResponse(Notifications),
}

/// The notification flags of scheme B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notifications {
    /// The scheme, [`SCHEME_B`].
    pub scheme: u8,
    /// FunctionalNotificationFlags, NotificationFlags2, 3, 4 and 5.
    pub flags: [u32; 5],
}

impl Notifications {
    /// Scheme B with these functional flags and no others.
    pub const fn functional(flags: u32) -> Self {
        Self { scheme: SCHEME_B, flags: [flags, 0, 0, 0, 0] }
    }

    /// Whether the mirror asks for all that is not reported at every wake.
    pub const fn wants_history(&self) -> bool {
        self.flags[0] & PUSH_HISTORY == PUSH_HISTORY
    }

    /// Whether a message waits for the meter's GET.
    pub const fn tunnel_message_pending(&self) -> bool {
        self.flags[0] & TUNNEL_MESSAGE_PENDING != 0
    }
}

impl FromMirror {
    /// Reads the payload of the command with this identifier.
    ///
    /// # Errors
    /// An unknown identifier, or a payload that is not the command's.
    pub fn parse(command: u8, payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "mirror command");
        let parsed = match command {
            0x01 => Self::RequestMirrorResponse(r.u16()?),
            0x09 => Self::ReportAttributeResponse(Notifications {
                scheme: r.u8()?,
                flags: [r.u32()?, r.u32()?, r.u32()?, r.u32()?, r.u32()?],
            }),
            _ => return Err(ParseError::Unsupported("mirror command of the mirror")),
        };
        r.finish(parsed)
    }

    /// The command's identifier.
    pub const fn command(&self) -> u8 {
        match self {
            Self::RequestMirrorResponse(_) => 0x01,
            Self::ReportAttributeResponse(_) => 0x09,
        }
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::RequestMirrorResponse(_) => 2,
            Self::ReportAttributeResponse(_) => 21,
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::RequestMirrorResponse(endpoint) => out.extend(endpoint.to_le_bytes()),
            Self::ReportAttributeResponse(notifications) => {
                out.push(notifications.scheme);
                out.extend(notifications.flags.iter().flat_map(|flags| flags.to_le_bytes()));
            }
        }
    }
}
