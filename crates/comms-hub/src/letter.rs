//! A message inside the hub: its octets, never changed, and how it came.
use crate::budget::Exhausted;
use crate::config::{DeviceKind, PpmidLimits};
use crate::device_log::DeviceLog;
use crate::routing::{Reason, Source};
use alloc::vec::Vec;
use gbcs::{Eui64, Route, Time};

/// A message on its way to a device here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its headers.
    pub route: Route,
    /// The message.
    pub octets: Vec<u8>,
    /// Who brought it.
    pub source: Source,
    /// When it was taken.
    pub taken: Time,
}

/// How many messages wait for one device, told apart by who brought them: what PPMIDs carry is counted on its own, so that
/// WAN and HHT never find a queue full because of it (han.md 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Places for messages from WAN and HHT, and as many for those of all PPMIDs.
    pub depth: usize,
    /// Places for the messages of one PPMID.
    pub per_ppmid: usize,
}

impl Places {
    /// Places in a queue of this depth.
    pub const fn new(depth: usize, limits: &PpmidLimits) -> Self {
        Self { depth, per_ppmid: limits.queued_per_target }
    }

    /// Whether a message from `source` may join `waiting`; `full` is the reason when the queue itself is full.
    pub fn admit<'a>(
        &self,
        waiting: impl Iterator<Item = &'a Letter>,
        source: Source,
        log: &DeviceLog,
        full: Reason,
    ) -> Result<(), Reason> {
        let ppmid = |source: Source| -> Option<Eui64> {
            match source {
                Source::Device(eui) if log.kind(eui) == Some(DeviceKind::Ppmid) => Some(eui),
                _ => None,
            }
        };
        let mine = ppmid(source);
        let (mut same_class, mut same_carrier) = (0, 0);
        for letter in waiting {
            let theirs = ppmid(letter.source);
            same_class += usize::from(theirs.is_some() == mine.is_some());
            same_carrier += usize::from(theirs.is_some() && theirs == mine);
        }
        if same_carrier >= self.per_ppmid {
            return Err(Reason::Budget(Exhausted::QueuedPerTarget));
        }
        if same_class >= self.depth { Err(full) } else { Ok(()) }
    }
}
