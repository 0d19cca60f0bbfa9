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

#[cfg(test)]
mod tests {
    use super::*;

    /// Three snapshots, ten half hours from 1800 on, two top-ups.
    struct Memory;

    impl History for Memory {
        fn snapshots(&self) -> Vec<PublishSnapshot> {
            // Not in the order of time.
            [(300, 1), (100, 1), (200, 2)].map(|(time, cause)| shot(time, cause)).to_vec()
        }

        fn prepay_snapshots(&self) -> Vec<PublishPrepaySnapshot> {
            Vec::new()
        }

        fn samples(&self, sample: u16) -> Option<Samples<'_>> {
            let values = Box::new(0..10);
            (sample == PROFILE).then_some(Samples { start: 1_800, step: HALF_HOUR, interval: 1_800, values })
        }

        fn top_ups(&self) -> Vec<TopUp> {
            [10, 20].map(|time| TopUp { code: ZclString::default(), value: time, time }).to_vec()
        }

        fn debt_payments(&self) -> Vec<DebtRepayment> {
            Vec::new()
        }
    }

    fn shot(time: u32, cause: u32) -> PublishSnapshot {
        PublishSnapshot {
            id: 0,
            time,
            found: 1,
            command_index: 0,
            total_commands: 1,
            cause,
            payload_type: 6,
            total: U48::from(time),
            tiers: 4,
            tier_totals: [0; 4].map(U48::from),
            tiers_and_blocks: 0x14,
            block_totals: [0; 4].map(U48::from),
        }
    }

    fn ask<C: ClusterCommand>(command: C, from: Option<u32>) -> Option<Command> {
        let component = Component { from_date_time: from, ..Component::new(0, command) };
        let Some(Body::Cluster(command)) = component.body() else { return None };
        match read(&Memory, &component, command)?.body()? {
            Body::Cluster(answer) => Some(answer.clone()),
            _ => None,
        }
    }

    #[test]
    fn a_snapshot_is_told_by_its_place_among_those_that_match_oldest_first() {
        let get = |from, to, offset, cause| match ask(GetSnapshot { from, to, offset, cause }, None) {
            Some(Command::PublishSnapshot(s)) => Some((s.time, s.id, s.found)),
            None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(get(0, 999, 0, 3), Some((100, 0, 3)));
        assert_eq!(get(0, 999, 2, 3), Some((300, 2, 3)));
        assert_eq!(get(0, 999, 3, 3), None);
        assert_eq!(get(0, 999, 1, 1), Some((300, 1, 2)), "of that cause");
        assert_eq!(get(200, 300, 0, 3), Some((200, 0, 2)), "both ends included");
        assert_eq!(get(301, 999, 0, 3), None);
        assert_eq!(get(300, 200, 0, 3), None, "a range that runs backwards holds nothing");
    }

    #[test]
    fn samples_begin_with_the_first_that_is_not_before_the_time() {
        let get = |sample, from, samples| match ask(GetSampledData { sample, from, kind: 0, samples }, None) {
            Some(Command::GetSampledDataResponse(log)) => {
                Some((log.start, log.samples.iter().map(|n| n.value()).collect::<Vec<_>>()))
            }
            None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(get(PROFILE, 0, 2), Some((1_800, alloc::vec![0, 1])));
        assert_eq!(get(PROFILE, 3_601, 2), Some((5_400, alloc::vec![2, 3])));
        assert_eq!(get(PROFILE, 18_000, 100), Some((18_000, alloc::vec![9])));
        for nothing in [get(PROFILE, 18_001, 100), get(PROFILE, u32::MAX, 1), get(PROFILE, 0, 0), get(9, 0, 9)] {
            assert_eq!(nothing, None);
        }
    }

    #[test]
    fn top_ups_come_newest_first_within_their_times() {
        let get = |from, to, records| match ask(GetTopUpLog { to, records }, Some(from)) {
            Some(Command::PublishTopUpLog(log)) => log.entries.iter().map(|entry| entry.time).collect(),
            _ => Vec::new(),
        };
        assert_eq!(get(0, 99, 5), [20, 10]);
        assert_eq!(get(0, 99, 1), [20]);
        assert_eq!(get(0, 19, 5), [10]);
        assert_eq!(get(21, 99, 5), [] as [u32; 0]);
        assert_eq!(ask(GetDebtRepaymentLog { to: 99, count: 9, kind: 2 }, None), None, "nothing found");
    }
}
