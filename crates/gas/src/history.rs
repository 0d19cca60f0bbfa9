//! How snapshots, samples, top-ups and payments of debt are read (gbcs-messages 10.4): between two times, both included, and what has
//! nothing there is not found.
use alloc::boxed::Box;
use alloc::vec::Vec;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::*;

/// Sample id of the profile data log, and of the GPF's daily consumption log.
pub const PROFILE: u16 = 1;
/// Sample id of the network data log that a Command starts.
pub const NETWORK: u16 = 2;
/// Seconds of a half hour and a day.
pub const HALF_HOUR: u32 = 1800;
/// Seconds of a day.
pub const DAY: u32 = 86_400;
/// A day's interval on the wire, whose seconds do not fit.
pub const DAILY: u16 = 0xFFFF;

/// What is remembered.
pub trait History {
    /// Snapshots of the registers, in any order; number and count of each are filled in by the answer.
    fn snapshots(&self) -> Vec<PublishSnapshot>;
    /// The same of prepayment.
    fn prepay_snapshots(&self) -> Vec<PublishPrepaySnapshot>;
    /// A log of samples.
    fn samples(&self, sample: u16) -> Option<Samples<'_>>;
    /// Top-ups, oldest first.
    fn top_ups(&self) -> Vec<TopUp>;
    /// Payments of debt by share of a top-up, oldest first.
    fn debt_payments(&self) -> Vec<DebtRepayment>;
}

/// Samples one after the other.
pub struct Samples<'a> {
    /// The time of the first, seconds since 2000.
    pub start: u32,
    /// Seconds from each to the next.
    pub step: u32,
    /// The same on the wire.
    pub interval: u16,
    /// Litres.
    pub values: Box<dyn Iterator<Item = u32> + 'a>,
}

/// Answer a read of what is remembered, or that there is nothing; `None` when the command is no such read.
pub fn read(history: &impl History, component: &Component, command: &Command) -> Option<Component> {
    let answer = match command {
        Command::GetSnapshot(get) => snapshot(history.snapshots(), get).map(|found| component.response(found)),
        Command::GetPrepaySnapshot(get) => {
            prepay_snapshot(history.prepay_snapshots(), get).map(|found| component.response(found))
        }
        Command::GetSampledData(get) => {
            history.samples(get.sample).and_then(|log| sampled(log, get)).map(|found| component.response(found))
        }
        Command::GetTopUpLog(get) => top_ups(history.top_ups(), component, get),
        Command::GetDebtRepaymentLog(get) => debt_payments(history.debt_payments(), component, get),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|| component.default_response(Status::NOT_FOUND)))
}

/// The snapshot that has this number among those of some causes between two times, oldest first.
pub fn snapshot(all: Vec<PublishSnapshot>, get: &GetSnapshot) -> Option<PublishSnapshot> {
    let wanted = |s: &PublishSnapshot| (get.from..=get.to).contains(&s.time) && s.cause & get.cause != 0;
    let mut found: Vec<_> = all.into_iter().filter(wanted).collect();
    found.sort_by_key(|s| s.time);
    let count = found.len().min(255) as u8;
    let at = usize::from(get.offset);
    (at < found.len()).then(|| PublishSnapshot { id: get.offset.into(), found: count, ..found.swap_remove(at) })
}

fn prepay_snapshot(all: Vec<PublishPrepaySnapshot>, get: &GetPrepaySnapshot) -> Option<PublishPrepaySnapshot> {
    let wanted = |s: &PublishPrepaySnapshot| (get.from..=get.to).contains(&s.time) && s.cause & get.cause != 0;
    let mut found: Vec<_> = all.into_iter().filter(wanted).collect();
    found.sort_by_key(|s| s.time);
    let count = found.len().min(255) as u8;
    let at = usize::from(get.offset);
    (at < found.len()).then(|| PublishPrepaySnapshot { id: get.offset.into(), found: count, ..found.swap_remove(at) })
}

/// Samples from a moment on.
fn sampled(log: Samples<'_>, get: &GetSampledData) -> Option<GetSampledDataResponse> {
    let step = log.step.max(1);
    let skipped = get.from.saturating_sub(log.start).div_ceil(step);
    let wanted = log.values.skip(skipped as usize).take(get.samples.into());
    let samples: Vec<U24> = wanted.map(u24).collect();
    let count = samples.len() as u16;
    let start = log.start.saturating_add(skipped.saturating_mul(step));
    let interval = log.interval;
    (count > 0).then_some(GetSampledDataResponse {
        sample: get.sample,
        start,
        kind: get.kind,
        interval,
        count,
        samples,
    })
}

/// Litres as a sample has them; what does not fit is as much as does.
pub fn u24(litres: u32) -> U24 {
    U24::new(litres.min(0x00FF_FFFF)).unwrap_or_default()
}

/// Newest first, back to the component's From-Date-Time.
fn top_ups(all: Vec<TopUp>, component: &Component, get: &GetTopUpLog) -> Option<Component> {
    let from = component.from_date_time.unwrap_or(0);
    let wanted = all.into_iter().rev().filter(|top_up| (from..=get.to).contains(&top_up.time));
    let entries: Vec<_> = wanted.take(get.records.into()).collect();
    let log = PublishTopUpLog { command_index: 0, total_commands: 1, entries };
    (!log.entries.is_empty()).then(|| component.response(log))
}

fn debt_payments(all: Vec<DebtRepayment>, component: &Component, get: &GetDebtRepaymentLog) -> Option<Component> {
    let from = component.from_date_time.unwrap_or(0);
    let wanted = all.into_iter().filter(|payment| (from..=get.to).contains(&payment.time));
    let entries: Vec<_> = wanted.take(get.count.into()).collect();
    let log = PublishDebtLog { command_index: 0, total_commands: 1, entries };
    (!log.entries.is_empty()).then(|| component.response(log))
}
