//! What a waking gas meter pushes to its mirror besides the attributes it reports at every wake: what is new in its logs, and prices when
//! they change (GBCS 10.3; han.md 5.1). Each goes as the ZCL command that would answer a read of it, once; frames per wake are bounded,
//! since this is a battery's.
use super::Store;
use super::attributes::cluster;
use super::history;
use crate::books::Books;
use alloc::vec::Vec;
use gas::history::{HALF_HOUR, History, PROFILE};
use gbcs::Time;
use gbcs::gbz::zcl::*;
use minicbor::{Decode, Encode};

/// Frames pushed at one wake, but that entries of one moment go together: a week that the mirror missed comes within
/// a morning.
const FRAMES: usize = 16;
/// Half hours in one frame of 58 octets, whose first 11 say what they are.
const HALF_HOURS: usize = 15;
/// Octets of a frame's payload; what is longer goes in two or more.
const FRAME: usize = 58;

/// How far the mirror was told; times in seconds since 2000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Pushed {
    /// End of the last half hour.
    #[n(0)]
    half_hours: u32,
    #[n(1)]
    snapshots: u32,
    #[n(2)]
    prepay_snapshots: u32,
    #[n(3)]
    top_ups: u32,
    #[n(4)]
    debt_payments: u32,
    /// Digests of the attributes of the Price cluster, and of the price now.
    #[n(5)]
    prices: u32,
    #[n(6)]
    price: u32,
}

/// What goes to the mirror, and what it will know then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Push {
    /// Cluster, command, payload.
    pub commands: Vec<(u16, u8, Vec<u8>)>,
    /// Records of Report Attributes of the Price cluster, where they are news.
    pub prices: Vec<Vec<u8>>,
    pub then: Pushed,
}

/// What is new since the mirror was last told.
pub(crate) fn news(store: &Store, books: &Books, now: Time) -> Push {
    let at = now.zigbee();
    let known = store.pushed.clone().unwrap_or_default();
    // A clock that was turned back would hide what follows.
    let times = [known.half_hours, known.snapshots, known.prepay_snapshots, known.top_ups, known.debt_payments];
    let known = if times.into_iter().any(|told| told > at) { Pushed::default() } else { known };
    let mut push = Push { then: known.clone(), ..Push::default() };
    let prices = super::registers::records(store, books, cluster::PRICE);
    let digest = fnv(prices.iter().flatten());
    if digest != known.prices {
        (push.prices, push.then.prices) = (prices, digest);
    }
    let price = PublishPrice { issuer_event: 0, current_time: 0, ..history::price(store, books, now) };
    let payload = encode(price.clone().into());
    let digest = fnv(&payload);
    if digest != known.price {
        push.add(price);
        push.then.price = digest;
    }
    push.half_hours(books);
    // What came within this second may have company still.
    let mut snapshots = books.snapshots();
    snapshots.retain(|s| s.time > known.snapshots && s.time < at);
    snapshots.sort_by_key(|s| s.time);
    push.then.snapshots = push.entries(known.snapshots, snapshots, |s| s.time);
    let mut snapshots = books.prepay_snapshots();
    snapshots.retain(|s| s.time > known.prepay_snapshots && s.time < at);
    snapshots.sort_by_key(|s| s.time);
    push.then.prepay_snapshots = push.entries(known.prepay_snapshots, snapshots, |s| s.time);
    let top_ups = books.top_ups().into_iter().filter(|t| t.time > known.top_ups && t.time < at);
    let log = |entry: TopUp| PublishTopUpLog { command_index: 0, total_commands: 1, entries: alloc::vec![entry] };
    push.then.top_ups = push.entries(known.top_ups, top_ups.map(log).collect(), |log| log.entries[0].time);
    let payments = books.debt_payments().into_iter().filter(|p| p.time > known.debt_payments && p.time < at);
    let log =
        |entry: DebtRepayment| PublishDebtLog { command_index: 0, total_commands: 1, entries: alloc::vec![entry] };
    push.then.debt_payments = push.entries(known.debt_payments, payments.map(log).collect(), |log| log.entries[0].time);
    push
}

impl Push {
    /// Whether there is anything.
    pub fn is_news(&self) -> bool {
        !self.commands.is_empty() || !self.prices.is_empty()
    }

    fn frames(&self) -> usize {
        self.commands.iter().map(|(.., payload)| payload.len().div_ceil(FRAME)).sum::<usize>() + self.prices.len()
    }

    fn add<C: ClusterCommand>(&mut self, command: C) {
        self.commands.push((C::CLUSTER, C::ID, encode(command.into())));
    }

    fn half_hours(&mut self, books: &Books) {
        let Some(log) = books.samples(PROFILE) else { return };
        let skipped = (self.then.half_hours + HALF_HOUR).saturating_sub(log.start).div_ceil(HALF_HOUR);
        let mut start = log.start + skipped * HALF_HOUR;
        let mut values = log.values.skip(skipped as usize).peekable();
        while values.peek().is_some() && self.frames() < FRAMES {
            let samples: Vec<U24> = values.by_ref().take(HALF_HOURS).map(gas::history::u24).collect();
            let count = samples.len() as u16;
            let interval = HALF_HOUR as u16;
            self.add(GetSampledDataResponse { sample: PROFILE, start, kind: 0, interval, count, samples });
            start += u32::from(count) * HALF_HOUR;
            self.then.half_hours = start - HALF_HOUR;
        }
    }

    /// Entries in the order of time, as many as there is room for; the time of the last.
    fn entries<C: ClusterCommand>(&mut self, mut told: u32, entries: Vec<C>, time: impl Fn(&C) -> u32) -> u32 {
        for entry in entries {
            let at = time(&entry);
            if self.frames() >= FRAMES && at != told {
                break;
            }
            told = at;
            self.add(entry);
        }
        told
    }
}

fn encode(body: Body) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.encoded_len());
    body.encode(&mut out);
    out
}

/// FNV-1a: tells a change, guards against nobody.
fn fnv<'a>(octets: impl IntoIterator<Item = &'a u8>) -> u32 {
    octets.into_iter().fold(0x811C_9DC5, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}
