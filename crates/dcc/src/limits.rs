//! How long things wait, how many there may be, and when they are forgotten.
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Named limits; the defaults are what a User would expect of the DCC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How far ahead a request may be dated (DUIS 4.7).
    pub future: Duration,
    /// How far behind, for clocks that differ: such a request is processed at once.
    pub past: Duration,
    /// How long a request waits for the one that precedes it (DUIS 4.8).
    pub sequence: Duration,
    /// How long after its date a device may take to tell what it did.
    pub dated_alerts: Duration,
    /// Schedules of a User for a device: SRV 5.2 cannot tell of more than 99.
    pub schedules: usize,
    /// Runs of a schedule that are made up for after an outage: none that was due longer ago.
    pub catch_up: Duration,
    /// How long documents and Commands are kept once nothing waits for them any more.
    pub payloads: Duration,
    /// How long the name of a request is remembered as such; see [`crate::store::Store::sweep`].
    pub names: Duration,
    /// How long a document that a User has taken is kept.
    pub told: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            future: 30 * DAY,
            past: Duration::from_secs(300),
            sequence: DAY,
            dated_alerts: DAY,
            schedules: 99,
            catch_up: 7 * DAY,
            payloads: 90 * DAY,
            names: 400 * DAY,
            told: 30 * DAY,
        }
    }
}
