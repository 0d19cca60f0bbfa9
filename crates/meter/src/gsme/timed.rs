//! When a component takes effect (gbcs-messages 8.4): a field of its command, or its From-Date-Time.
use gbcs::Time;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::{Body, Command};

/// When a component is to take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At once, or at a time that has passed, or it knows no time.
    Now,
    /// Later.
    At(Time),
    /// Never: what the same use case had pending is cancelled.
    Cancelled,
}

const CANCEL: u32 = 0xFFFF_FFFF;
/// Of commands for which FFFFFFFF means something else in Smart Energy.
const CANCEL_PUBLISHED: u32 = 0xFFFF_FFFE;

/// The start time of a component and the number that cancels it; `None` for a component without a time.
fn start(component: &Component) -> Option<(u32, u32)> {
    // From-Date-Time of a read is where it begins in a log, not when it is to be done.
    if let Some(Body::Cluster(Command::GetTopUpLog(_) | Command::GetDebtRepaymentLog(_))) = component.body() {
        return None;
    }
    if let Some(from) = component.from_date_time {
        return Some((from, CANCEL));
    }
    let Body::Cluster(command) = component.body()? else { return None };
    Some(match command {
        Command::PublishCalendar(c) => (c.start, CANCEL_PUBLISHED),
        Command::PublishSpecialDays(c) => (c.start, CANCEL_PUBLISHED),
        Command::PublishBlockThresholds(c) => (c.start, CANCEL_PUBLISHED),
        Command::PublishPriceMatrix(c) => (c.start, CANCEL_PUBLISHED),
        Command::PublishTariffInformation(c) => (c.start, CANCEL),
        Command::ChangePaymentMode(c) => (c.start, CANCEL),
        Command::EmergencyCreditSetup(c) => (c.start, CANCEL),
        Command::SetMaximumCreditLimit(c) => (c.start, CANCEL),
        Command::SetOverallDebtCap(c) => (c.start, CANCEL),
        _ => return None,
    })
}

/// When a component takes effect, seen from `now`.
pub(super) fn when(component: &Component, now: Time) -> When {
    match start(component) {
        Some((at, cancel)) if at == cancel => When::Cancelled,
        Some((at, _)) if at > now.zigbee() => When::At(Time::from_zigbee(at)),
        _ => When::Now,
    }
}
