//! What the GPF remembers of a gas meter: the logs it pushed to its mirror and the prices it reported, as Commands read them
//! (GBCS 10.3, SMETS CH 4.4); kept in a record of their own, written once at each wake of the meter that brought something.
//!
//! Bounds of the record: 31 days of daily reads, 13 billing periods, 13 changes of tariff or mode, each of registers and of prepayment;
//! 20 top-ups and payments of debt; 731 days; half hours as the settings say. 8 KiB, and three octets at most a half hour.
use crate::mirror::Mirror;
use crate::record::RecordError;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use gas::history::{DAILY, DAY, HALF_HOUR, History, PROFILE, Samples};
use gbcs::gbz::zcl::{
    Body, CLUSTER_SPECIFIC, ClusterCommand, Command, DebtRepayment, FROM_SERVER, GetSampledDataResponse,
    PublishDebtLog, PublishPrepaySnapshot, PublishPrice, PublishSnapshot, PublishTopUpLog, TopUp,
};
use gbcs::{Eui64, Time};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// The layout of the record; one of another is not read.
const VERSION: u8 = 1;
/// Causes of snapshots, as the ZCL counts them: the daily logs, the ends of billing periods.
const CAUSE_DAILY: u32 = 1;
const CAUSE_BILLING: u32 = 2;
/// Entries of the daily read log, of each of the billing data logs, and of payments.
const DAILY_READS: usize = 31;
const BILLING_PERIODS: usize = 13;
const PAYMENTS: usize = 20;
/// Days of the daily consumption log.
const DAYS: usize = 731;
/// Octets of what a meter may push in one command.
const COMMAND_MAX: usize = 160;

/// Everything remembered, by gas meter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GasLogs {
    logs: Vec<GasLog>,
}

/// What is remembered of one gas meter.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct GasLog {
    #[n(0)]
    gsme: u64,
    /// Payloads of Publish Snapshot and of Publish Prepay Snapshot, as the meter pushed them.
    #[n(1)]
    snapshots: Vec<ByteVec>,
    #[n(2)]
    prepay_snapshots: Vec<ByteVec>,
    /// Payloads of Publish Top Up Log and Publish Debt Log, an entry each.
    #[n(3)]
    top_ups: Vec<ByteVec>,
    #[n(4)]
    debt_payments: Vec<ByteVec>,
    /// End of the last half hour, seconds since 2000, and the litres of each.
    #[n(5)]
    last: u32,
    #[n(6)]
    half_hours: VecDeque<u16>,
    /// Begin of the first day, and the litres of each so far.
    #[n(7)]
    first_day: u32,
    #[n(8)]
    days: VecDeque<u32>,
    /// Payload of Publish Price.
    #[n(9)]
    price: Option<ByteVec>,
    /// When the meter last reported, milliseconds since 1970.
    #[n(10)]
    reported: u64,
    /// The meter was asked for all it has, and began to tell it.
    #[n(11)]
    asked: bool,
    #[n(12)]
    told: bool,
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(1)]
    logs: Vec<GasLog>,
    /// Gas meter, cluster, attribute, data type, octets.
    #[n(2)]
    mirror: Vec<(u64, u16, u16, u8, ByteVec)>,
}

impl GasLogs {
    /// The log of a gas meter.
    pub fn of(&self, gsme: Eui64) -> Option<&GasLog> {
        self.logs.iter().find(|log| log.gsme == gsme.to_u64())
    }

    /// Take what a gas meter pushed; false when it is none of what is remembered here, or not readable.
    pub(crate) fn take(&mut self, gsme: Eui64, cluster: u16, command: u8, payload: &[u8], half_hours: usize) -> bool {
        if payload.len() > COMMAND_MAX {
            return false;
        }
        let Body::Cluster(pushed) = Body::parse(cluster, CLUSTER_SPECIFIC | FROM_SERVER, command, payload) else {
            return false;
        };
        let log = self.log_mut(gsme);
        match pushed {
            Command::PublishSnapshot(s) => keep_snapshot::<PublishSnapshot>(&mut log.snapshots, payload, s.cause),
            Command::PublishPrepaySnapshot(s) => {
                keep_snapshot::<PublishPrepaySnapshot>(&mut log.prepay_snapshots, payload, s.cause);
            }
            Command::PublishTopUpLog(_) => keep(&mut log.top_ups, payload, PAYMENTS),
            Command::PublishDebtLog(_) => keep(&mut log.debt_payments, payload, PAYMENTS),
            Command::PublishPrice(_) => {
                log.price = Some(payload.to_vec().into());
                // What a meter that tells everything tells first.
                log.told |= log.asked;
            }
            Command::GetSampledDataResponse(samples) if samples.sample == PROFILE => log.sample(&samples, half_hours),
            _ => return false,
        }
        true
    }

    /// Whether the meter is to tell all it has: it never did since this log was begun.
    pub(crate) fn wants_history(&self, gsme: Eui64) -> bool {
        self.of(gsme).is_none_or(|log| !log.told)
    }

    /// The meter reported its registers at this time, and is asked for all it has where that is wanted: what it told before
    /// comes again, in its order.
    pub(crate) fn reported(&mut self, gsme: Eui64, now: Time) {
        let wants_history = self.wants_history(gsme);
        let log = self.log_mut(gsme);
        if wants_history {
            *log = GasLog { gsme: log.gsme, price: log.price.take(), asked: true, ..GasLog::default() };
        }
        log.reported = now.0;
    }

    pub(crate) fn forget(&mut self, gsme: Eui64) {
        self.logs.retain(|log| log.gsme != gsme.to_u64());
    }

    /// The record, with what the mirror has.
    pub(crate) fn encode(&self, mirror: &Mirror) -> Vec<u8> {
        let value = |(gsme, cluster, id, kind, octets): (Eui64, u16, u16, u8, &[u8])| {
            (gsme.to_u64(), cluster, id, kind, octets.to_vec().into())
        };
        let stored = Stored { version: VERSION, logs: self.logs.clone(), mirror: mirror.iter().map(value).collect() };
        minicbor::to_vec(&stored).unwrap_or_else(|never: minicbor::encode::Error<core::convert::Infallible>| {
            unreachable!("a Vec takes everything: {never}")
        })
    }

    /// Read a record into logs and mirror.
    pub(crate) fn decode(octets: &[u8], mirror: &mut Mirror) -> Result<Self, RecordError> {
        let stored: Stored = minicbor::decode(octets).map_err(RecordError::Damaged)?;
        if stored.version != VERSION {
            return Err(RecordError::Version(stored.version));
        }
        for (gsme, cluster, id, kind, octets) in stored.mirror {
            mirror.insert(Eui64::from_u64(gsme), cluster, id, kind, &octets);
        }
        Ok(Self { logs: stored.logs })
    }

    fn log_mut(&mut self, gsme: Eui64) -> &mut GasLog {
        let at = self.logs.iter().position(|log| log.gsme == gsme.to_u64()).unwrap_or_else(|| {
            self.logs.push(GasLog { gsme: gsme.to_u64(), ..GasLog::default() });
            self.logs.len() - 1
        });
        &mut self.logs[at]
    }
}

impl GasLog {
    /// When the meter last reported its registers.
    pub fn reported_at(&self) -> Option<Time> {
        (self.reported > 0).then_some(Time(self.reported))
    }

    /// The price as the meter last told it.
    pub(crate) fn price(&self) -> Option<PublishPrice> {
        match parse::<PublishPrice>(self.price.as_ref()?)? {
            Command::PublishPrice(price) => Some(price),
            _ => None,
        }
    }

    /// Half hours, each told once: one that was told before is not counted again, and those never told are empty.
    fn sample(&mut self, samples: &GetSampledDataResponse, capacity: usize) {
        if u32::from(samples.interval) != HALF_HOUR {
            return;
        }
        for (at, litres) in (samples.start..).step_by(HALF_HOUR as usize).zip(&samples.samples) {
            if at <= self.last || at < DAY {
                continue;
            }
            let litres = litres.value();
            let missing = (at - self.last) / HALF_HOUR - 1;
            let aligned = (at - self.last).is_multiple_of(HALF_HOUR);
            if !aligned || missing as usize >= capacity {
                self.half_hours.clear();
            } else {
                self.half_hours.extend(core::iter::repeat_n(0, missing as usize));
            }
            self.last = at;
            self.half_hours.push_back(litres.try_into().unwrap_or(u16::MAX));
            while self.half_hours.len() > capacity.max(1) {
                self.half_hours.pop_front();
            }
            self.count_day(at, litres);
        }
    }

    /// What was consumed until `at` counts for the day that was not over before.
    fn count_day(&mut self, at: u32, litres: u32) {
        let day = (at - 1) / DAY * DAY;
        let n = (day.saturating_sub(self.first_day) / DAY) as usize;
        if self.days.is_empty() || day < self.first_day || n >= self.days.len() + DAYS {
            (self.first_day, self.days) = (day, VecDeque::from([litres]));
            return;
        }
        while self.days.len() <= n {
            self.days.push_back(0);
        }
        self.days[n] = self.days[n].saturating_add(litres);
        while self.days.len() > DAYS {
            self.days.pop_front();
            self.first_day += DAY;
        }
    }
}

/// A log as a Command reads it.
pub(crate) struct Seen<'a> {
    pub log: &'a GasLog,
    /// Samples are the daily consumption log's, not the profile's.
    pub daily: bool,
    /// What is older is not shown: the last change of tenancy, seconds since 2000.
    pub since: u32,
}

impl History for Seen<'_> {
    fn snapshots(&self) -> Vec<PublishSnapshot> {
        let read = |payload| match parse::<PublishSnapshot>(payload)? {
            Command::PublishSnapshot(s) => Some(s).filter(|s| s.time >= self.since),
            _ => None,
        };
        self.log.snapshots.iter().filter_map(read).collect()
    }

    fn prepay_snapshots(&self) -> Vec<PublishPrepaySnapshot> {
        let read = |payload| match parse::<PublishPrepaySnapshot>(payload)? {
            Command::PublishPrepaySnapshot(s) => Some(s).filter(|s| s.time >= self.since),
            _ => None,
        };
        self.log.prepay_snapshots.iter().filter_map(read).collect()
    }

    fn samples(&self, sample: u16) -> Option<Samples<'_>> {
        if sample != PROFILE {
            return None;
        }
        let log = self.log;
        let (start, step, interval) = match self.daily {
            true => (log.first_day, DAY, DAILY),
            false => {
                let before = (log.half_hours.len() as u32).checked_sub(1)? * HALF_HOUR;
                (log.last.saturating_sub(before), HALF_HOUR, HALF_HOUR as u16)
            }
        };
        let hidden = self.since.saturating_sub(start).div_ceil(step);
        let start = start.saturating_add(hidden.saturating_mul(step));
        let values: Box<dyn Iterator<Item = u32>> = match self.daily {
            // A day counts when it is over.
            true => {
                let over = log.last.saturating_sub(log.first_day) / DAY;
                Box::new(log.days.iter().copied().take(over as usize).skip(hidden as usize))
            }
            false => Box::new(log.half_hours.iter().copied().map(u32::from).skip(hidden as usize)),
        };
        Some(Samples { start, step, interval, values })
    }

    fn top_ups(&self) -> Vec<TopUp> {
        let read = |payload| match parse::<PublishTopUpLog>(payload) {
            Some(Command::PublishTopUpLog(log)) => log.entries,
            _ => Vec::new(),
        };
        self.log.top_ups.iter().flat_map(read).filter(|top_up| top_up.time >= self.since).collect()
    }

    fn debt_payments(&self) -> Vec<DebtRepayment> {
        let read = |payload| match parse::<PublishDebtLog>(payload) {
            Some(Command::PublishDebtLog(log)) => log.entries,
            _ => Vec::new(),
        };
        self.log.debt_payments.iter().flat_map(read).filter(|payment| payment.time >= self.since).collect()
    }
}

fn parse<C: ClusterCommand>(payload: &ByteVec) -> Option<Command> {
    match Body::parse(C::CLUSTER, CLUSTER_SPECIFIC | FROM_SERVER, C::ID, payload) {
        Body::Cluster(command) => Some(command),
        _ => None,
    }
}

/// Keep a snapshot with those of its log, the oldest first to go.
fn keep_snapshot<C: ClusterCommand>(all: &mut Vec<ByteVec>, payload: &[u8], cause: u32) {
    if all.iter().any(|known| known[..] == *payload) {
        return;
    }
    let log = |cause: u32| match cause {
        _ if cause & CAUSE_DAILY != 0 => (CAUSE_DAILY, DAILY_READS),
        _ if cause & CAUSE_BILLING != 0 => (CAUSE_BILLING, BILLING_PERIODS),
        _ => (0, BILLING_PERIODS),
    };
    let of = |payload: &ByteVec| match parse::<C>(payload) {
        Some(Command::PublishSnapshot(s)) => log(s.cause).0,
        Some(Command::PublishPrepaySnapshot(s)) => log(s.cause).0,
        _ => 0,
    };
    let (this, capacity) = log(cause);
    if all.iter().filter(|payload| of(payload) == this).count() >= capacity
        && let Some(oldest) = all.iter().position(|payload| of(payload) == this)
    {
        all.remove(oldest);
    }
    all.push(payload.to_vec().into());
}

/// Keep an entry once, the oldest first to go.
fn keep(all: &mut Vec<ByteVec>, payload: &[u8], capacity: usize) {
    if all.iter().any(|known| known[..] == *payload) {
        return;
    }
    if all.len() >= capacity {
        all.remove(0);
    }
    all.push(payload.to_vec().into());
}
