//! What gas commands have in common: the issuer's clock, start times, strings.
use gbcs::Time;
use gbcs::gbz::zcl::ZclString;

use super::draft::Fault;
use crate::Execution;

/// Provider id: never used.
pub(super) const NO_PROVIDER: u32 = 0;
/// Originating device: the supplier.
pub(super) const SUPPLIER: u8 = 0;
/// A start time field that is not used.
pub(super) const AT_ONCE: u32 = 0;
/// Cancels what waits.
pub(super) const CANCEL: u32 = 0xFFFF_FFFF;
/// Cancels a calendar, special days, block thresholds and a price matrix.
pub(super) const CANCEL_TABLE: u32 = 0xFFFF_FFFE;

/// A string of a length the body bounds.
pub(super) fn string(text: &str) -> ZclString {
    ZclString::new(text.as_bytes()).unwrap_or_default()
}

/// The start time field; `cancel` is the value that cancels in this command.
pub(super) fn start(execution: Execution, cancel: u32) -> Result<u32, Fault> {
    match execution {
        Execution::Immediate => Ok(0),
        Execution::Cancel => Ok(cancel),
        Execution::At(at) => exactly(at),
    }
}

/// A time that must be told as it is.
pub(super) fn exactly(at: Time) -> Result<u32, Fault> {
    let seconds = at.zigbee();
    let fits = Time::from_zigbee(seconds).seconds() == at.seconds() && (1..CANCEL_TABLE).contains(&seconds);
    fits.then_some(seconds).ok_or(Fault::Date(at))
}
