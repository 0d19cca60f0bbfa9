//! What a hub tells about itself: events for whoever watches, the CHF Event Log, and counters of all that was refused.
use crate::device_log::DeviceLog;
use crate::identity::LocalRefusal;
use crate::routing::{Decision, Function, Reason, Source};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use gbcs::{Eui64, MessageCode, MessageId, Route, Time};
use han::Key;
use han::tunnel::{CloseReason, TransferFailure};
use han::zcl::tunneling::TunnelStatus;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A tunnel with a device is open.
    TunnelOpened {
        /// The device.
        peer: Eui64,
        /// TunnelID.
        tunnel: u16,
    },
    /// A tunnel is no more.
    TunnelClosed {
        /// The device.
        peer: Eui64,
        /// Why.
        reason: CloseReason,
    },
    /// A RequestTunnel was refused, by the hub or by the device.
    TunnelRefused {
        /// The device.
        peer: Eui64,
        /// With which status.
        status: TunnelStatus,
    },
    /// A device was refused to close a tunnel.
    CloseRefused {
        /// The device.
        peer: Eui64,
        /// With which status.
        status: han::zcl::Status,
    },
    /// A message was taken and sent on its way.
    Routed {
        /// Who brought it.
        source: Source,
        /// Its headers.
        route: Route,
        /// Where it goes.
        decision: Decision,
    },
    /// A message was taken and thrown away. The `Display` of `reason` names the rule.
    Discarded {
        /// Who brought it.
        source: Source,
        /// Its headers, if it has any.
        route: Option<Route>,
        /// Why.
        reason: Reason,
    },
    /// A device's stack has a message. Not more: only the device's own Response says what became of it.
    Delivered {
        /// The device.
        target: Eui64,
        /// The message's headers.
        route: Route,
    },
    /// A message never reached its device.
    Undelivered {
        /// The device.
        target: Eui64,
        /// The message's headers.
        route: Route,
        /// Why.
        reason: Undelivered,
    },
    /// The copy of a message for a carrier (HHT, PPMID) did not get there. The WAN has the message.
    CopyLost {
        /// The carrier.
        carrier: Eui64,
        /// Why.
        reason: TransferFailure,
    },
    /// A message for the WAN was dropped because too much waits.
    WanOverflow(MessageId),
    /// A message for a function of the hub that this core does not execute: whoever drives it answers by
    /// [`Hub::handle_local`](crate::Hub::handle_local).
    Local {
        /// Which function.
        function: Function,
        /// Who brought it.
        source: Source,
        /// The message.
        octets: Vec<u8>,
    },
    /// A gas meter answered a Command whose effect the GPF shows (GBCS 10.3.4.2).
    Tapped {
        /// The gas meter.
        gsme: Eui64,
        /// The use case.
        code: MessageCode,
        /// How many kinds of things it brought, or why Command and Response do not fit.
        told: Result<usize, crate::gpf::TapFault>,
    },
    /// A gas meter reported attributes to its mirror.
    MirrorUpdated {
        /// The gas meter.
        gsme: Eui64,
        /// The cluster.
        cluster: u16,
        /// Attributes in the report.
        attributes: usize,
    },
    /// A gas meter pushed something of its logs to its mirror.
    HistoryPushed {
        /// The gas meter.
        gsme: Eui64,
        /// The cluster and its command.
        cluster: u16,
        /// See above.
        command: u8,
    },
    /// An entry of the CHF Event Log.
    Logged(LogEntry),
    /// An entry of the GPF's event or security log.
    GpfLogged(LogEntry),
    /// The CHF executed a Command and answered it.
    ChfExecuted {
        /// The use case.
        code: MessageCode,
        /// The result of each row, 0 success.
        results: Vec<u8>,
    },
    /// The CHF discarded a Command.
    ChfRefused(LocalRefusal),
    /// The GPF executed a Command and answered it.
    GpfExecuted {
        /// The use case.
        code: MessageCode,
        /// Whether it had and did everything that was asked for.
        succeeded: bool,
    },
    /// The GPF discarded a Command.
    GpfRefused(LocalRefusal),
    /// A function of the hub executed what a Command had named a time for.
    Actioned {
        /// Which function.
        function: Function,
        /// The use case.
        code: MessageCode,
        /// Whether all of it succeeded.
        succeeded: bool,
    },
    /// A device may join until then.
    JoiningOpen {
        /// The device.
        device: Eui64,
        /// Until when.
        until: Time,
    },
    /// A device that asked to join is not expected.
    JoiningRefused(Eui64),
    /// A device has joined: it shares a link key with the hub now.
    DeviceJoined(Eui64),
    /// Two devices of the log share a link key now.
    PartnerKeyGiven {
        /// Who asked for it.
        requester: Eui64,
        /// The other one.
        partner: Eui64,
        /// The key: for whoever opens a capture.
        key: Key,
    },
    /// A device asked for a link key with one that is not in the log, or has not joined, or is the device itself.
    PartnerKeyRefused {
        /// Who asked for it.
        requester: Eui64,
        /// The other one.
        partner: Eui64,
    },
    /// One of the two could not be reached. Whoever asked asks again.
    PartnerKeyUndelivered {
        /// Who asked for it.
        requester: Eui64,
        /// The other one.
        partner: Eui64,
    },
    /// An HHT asked to be listed over inter-PAN frames.
    HhtAsked {
        /// The HHT.
        hht: Eui64,
        /// What it was told.
        answer: crate::hht::Registration,
    },
    /// A device was added to the CHF Device Log.
    DeviceAdded(Eui64),
    /// A device left the CHF Device Log.
    DeviceRemoved(Eui64),
    /// The radio heard a frame for the hub that it cannot take.
    FrameRefused {
        /// Who sent it, by its own account.
        from: han::ShortAddress,
        /// Why.
        reason: han::node::Refusal,
    },
}

/// Why a message never reached its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Undelivered {
    /// The tunnel failed.
    #[error("{0}")]
    Tunnel(TransferFailure),
    /// The gas meter did not fetch it in time.
    #[error("not fetched in time")]
    Expired,
    /// The gas meter asked for it but never acknowledged it.
    #[error("offered too often without acknowledgement")]
    NotAcknowledged,
    /// The device left the Device Log.
    #[error("the device left the CHF Device Log")]
    DeviceRemoved,
}

/// Codes of the CHF Event Log (GBCS 16).
pub mod log_code {
    /// Immediate HAN Interface Command received and passed on.
    pub const COMMAND_PASSED: u16 = 0x8154;
    /// Immediate HAN Interface Command received but not passed on.
    pub const COMMAND_NOT_PASSED: u16 = 0x8155;
    /// GSME Command not retrieved.
    pub const GSME_COMMAND_NOT_RETRIEVED: u16 = 0x819D;
    /// A device joined.
    pub const DEVICE_JOINED: u16 = 0x8183;
    /// RequestTunnel command rejected.
    pub const REQUEST_TUNNEL_REJECTED: u16 = 0x81BA;
    /// CloseTunnel command rejected.
    pub const CLOSE_TUNNEL_REJECTED: u16 = 0x81A4;
    /// The Response to a tapped Command does not fit it, or says that part of it failed.
    pub const TAP_FAILED: u16 = 0x819E;
    /// Integrity check of content or format of a command failed.
    pub const INTEGRITY_FAILED: u16 = 0x8F1E;
    /// The source lacks the authority for a command.
    pub const NO_AUTHORITY: u16 = 0x8F30;
    /// Failed authentication or authorisation not covered elsewhere.
    pub const AUTHENTICATION_FAILED: u16 = 0x8F53;
    /// The event log was cleared.
    pub const EVENT_LOG_CLEARED: u16 = 0x8F52;
    /// An unusual number of malformed commands.
    pub const UNUSUAL_NUMBER_OF_MALFORMED: u16 = 0x8F60;
    /// Communication by a device that may not.
    pub const UNAUTHORISED_COMMUNICATION: u16 = 0x8F3E;
}

/// An entry of the CHF Event Log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When.
    pub time: Time,
    /// What: see [`log_code`].
    pub code: u16,
    /// Of which use case, where it is about a message. On the wire log data is `02` and this.
    pub message: Option<MessageCode>,
}

/// From this code on a line is of the security log.
const SECURITY: u16 = 0x8F00;

/// Entries kept, the oldest overwritten.
const LOG_ENTRIES: usize = 100;

/// The CHF Event Log.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    entries: VecDeque<LogEntry>,
}

impl EventLog {
    /// Write an entry.
    pub fn write(&mut self, entry: LogEntry) {
        if self.entries.len() == LOG_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Whether the same was written within the last ten minutes.
    pub fn has_recent(&self, entry: &LogEntry) -> bool {
        const RECENT: core::time::Duration = core::time::Duration::from_secs(600);
        let same = |e: &&LogEntry| (e.code, e.message) == (entry.code, entry.message);
        self.entries.iter().rev().find(same).is_some_and(|e| entry.time.since(e.time) < RECENT)
    }

    /// Forget what is of the event log: the lines from 0x8F00 on are the security log's, and stay.
    pub(crate) fn clear_events(&mut self) {
        self.entries.retain(|entry| entry.code >= SECURITY);
    }

    /// Entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter()
    }
}

/// How often what happened, since the start: name to number. Messages that were thrown away count under
/// [`Reason::name`]; besides there are `routed`, `delivered`, `undelivered`, `copy_lost`, `wan_overflow`, `tunnel_refused`, `close_refused`,
/// `frame_refused`, `unauthorised_communication`, `malformed_zcl`, `alert_failed`, `chf_refused`, `gpf_refused`, `joining_refused`,
/// `inter_pan_closed` and `inter_pan_refused`.
#[derive(Clone, Debug, Default)]
pub struct Counters(BTreeMap<&'static str, u64>);

impl Counters {
    pub(crate) fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    /// How often; zero for what never happened.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Every counter by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(name, n)| (*name, *n))
    }
}

/// Malformed messages by device within an hour: after so many, event 0x8F60 once (han.md 13).
#[derive(Clone, Debug, Default)]
pub(crate) struct MalformedWatch {
    seen: Vec<(Eui64, Time, u32)>,
}

impl MalformedWatch {
    /// Count one; true when it is the one that makes the number unusual.
    pub(crate) fn count(&mut self, now: Time, eui: Eui64, unusual: u32, log: &DeviceLog) -> bool {
        const HOUR: core::time::Duration = core::time::Duration::from_secs(3600);
        self.seen.retain(|(eui, since, _)| log.kind(*eui).is_some() && now.since(*since) < HOUR);
        if let Some((_, _, n)) = self.seen.iter_mut().find(|(e, ..)| *e == eui) {
            *n += 1;
            return *n == unusual;
        }
        self.seen.push((eui, now, 1));
        unusual == 1
    }
}
