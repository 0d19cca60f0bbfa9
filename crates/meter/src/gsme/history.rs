//! What a gas meter remembers: snapshots, samples, top-ups, payments of debt, events; and how each is read (gbcs-messages 10.4).
use super::Store;
use super::tariff::tariff;
use crate::books::Books;
use crate::logs::Log;
use crate::profiles::{HALF_HOUR, Sampling, Snapshot};
use crate::tariff::Register;
use crate::work::Work;
use alloc::vec::Vec;
use gbcs::Octets;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::*;

/// Sample ids: the profile data log, and the network data log that a Command starts.
const PROFILE: u16 = 1;
const NETWORK: u16 = 2;
/// Logs by the low half octet of their number.
const EVENT_LOG: u8 = 3;
const SECURITY_LOG: u8 = 4;
/// Payload of a snapshot: consumption by tiers and blocks.
const TIERS_AND_BLOCKS: u8 = 6;
const TIERS: u8 = 4;
/// One tier, four thresholds.
const ONE_TIER_FOUR_BLOCKS: u8 = 0x14;
/// The optional fields of a price: none of them is used, and there are no generation or further tiers.
const PRICE_ALONE: [u8; 19] =
    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0];
/// Debts as the ZCL's debt log counts them: the payment debt is the third.
const PAYMENT_DEBT: u8 = 2;

/// Answer a read of what is remembered, or that there is none.
pub(super) fn read(books: &Books, component: &Component, command: &Command) -> Vec<Component> {
    let answer = match command {
        Command::GetSnapshot(get) => snapshot(books, component, get),
        Command::GetPrepaySnapshot(get) => prepay_snapshot(books, component, get),
        Command::GetSampledData(get) => sampled(books, component, get),
        Command::GetTopUpLog(get) => top_ups(books, component, get),
        Command::GetDebtRepaymentLog(get) => debt_payments(books, component, get),
        Command::GetEventLog(get) => events(books, component, get),
        _ => None,
    };
    alloc::vec![answer.unwrap_or_else(|| component.default_response(Status::NOT_FOUND))]
}

/// The snapshots of some causes between two times, oldest first, each with its number among them and how many there are.
fn matching(
    all: [&crate::profiles::Ring<Snapshot>; 3],
    from: u32,
    to: u32,
    cause: u32,
    offset: u8,
) -> Option<(usize, &Snapshot)> {
    let wanted = |s: &&Snapshot| (from..=to).contains(&s.at) && s.cause & cause != 0;
    let mut found: Vec<&Snapshot> = all.into_iter().flat_map(|ring| ring.iter()).filter(wanted).collect();
    found.sort_by_key(|s| s.at);
    found.get(usize::from(offset)).map(|s| (found.len(), *s))
}

/// The snapshot of a moment and a cause, as GetSnapshot for just that one answers it.
pub(crate) fn billing_entry(books: &Books, at: u32, cause: u32) -> Option<Component> {
    let get = GetSnapshot { from: at, to: at, offset: 0, cause };
    snapshot(books, &Component::new(0, get.clone()), &get)
}

fn snapshot(books: &Books, component: &Component, get: &GetSnapshot) -> Option<Component> {
    let profiles = &books.profiles;
    let all = [&profiles.daily, &profiles.billing, &profiles.changes];
    let (found, snapshot) = matching(all, get.from, get.to, get.cause, get.offset)?;
    let value = |n: usize| U48::from(snapshot.value(n));
    Some(component.response(PublishSnapshot {
        id: get.offset.into(),
        time: snapshot.at,
        found: found.min(255) as u8,
        command_index: 0,
        total_commands: 1,
        cause: snapshot.cause,
        payload_type: TIERS_AND_BLOCKS,
        total: value(0),
        tiers: TIERS,
        tier_totals: core::array::from_fn(|tier| value(Snapshot::TOU + tier)),
        tiers_and_blocks: ONE_TIER_FOUR_BLOCKS,
        block_totals: core::array::from_fn(|block| value(Snapshot::COUNTERS + block * crate::metering::BLOCK_RATES)),
    }))
}

fn prepay_snapshot(books: &Books, component: &Component, get: &GetPrepaySnapshot) -> Option<Component> {
    let profiles = &books.profiles;
    let all = [&profiles.daily_prepayment, &profiles.billing_prepayment, &profiles.changes_prepayment];
    let (found, snapshot) = matching(all, get.from, get.to, get.cause, get.offset)?;
    let value = |n: usize| snapshot.value(n) as i32;
    Some(component.response(PublishPrepaySnapshot {
        id: get.offset.into(),
        time: snapshot.at,
        found: found.min(255) as u8,
        command_index: 0,
        total_commands: 1,
        cause: snapshot.cause,
        payload_type: 0,
        credit_remaining: value(0),
        emergency_credit_remaining: value(1),
        accumulated_debt: value(2),
        debt_1: value(3),
        debt_2: value(4),
        debt_3: value(5),
    }))
}

/// Samples from a moment on: half hours of the profile, or the network data log.
fn sampled(books: &Books, component: &Component, get: &GetSampledData) -> Option<Component> {
    let most = usize::from(get.samples);
    let u24 = |litres: u32| U24::new(litres.min(0x00FF_FFFF)).unwrap_or_default();
    let (start, interval, samples): (u32, u16, Vec<U24>) = match get.sample {
        PROFILE => {
            let mut half_hours = books.profiles.half_hours.iter().filter(|(at, _)| *at >= get.from).peekable();
            let start = half_hours.peek()?.0;
            (start, HALF_HOUR as u16, half_hours.take(most).map(|(_, energy)| u24(energy.import)).collect())
        }
        NETWORK => {
            let log = books.profiles.sampling.as_ref().filter(|log| !log.samples.is_empty())?;
            let interval = u32::from(log.interval).max(1);
            let skipped = get.from.saturating_sub(log.start).div_ceil(interval);
            let samples: Vec<U24> = log.samples.iter().skip(skipped as usize).take(most).map(|n| u24(*n)).collect();
            (log.start.saturating_add(skipped.saturating_mul(interval)), log.interval, samples)
        }
        _ => return None,
    };
    let count = samples.len() as u16;
    let response = GetSampledDataResponse { sample: get.sample, start, kind: get.kind, interval, count, samples };
    (count > 0).then(|| component.response(response))
}

/// Newest first, back to the component's From-Date-Time.
fn top_ups(books: &Books, component: &Component, get: &GetTopUpLog) -> Option<Component> {
    let from = component.from_date_time.unwrap_or(0);
    let payments = books.profiles.top_ups.iter().rev().filter(|p| (from..=get.to).contains(&p.at));
    let entry = |p: &crate::profiles::Payment| {
        Some(TopUp { code: ZclString::new(p.digits.clone())?, value: p.amount, time: p.at })
    };
    let entries: Vec<_> = payments.filter_map(entry).take(get.records.into()).collect();
    let log = PublishTopUpLog { command_index: 0, total_commands: 1, entries };
    (!log.entries.is_empty()).then(|| component.response(log))
}

fn debt_payments(books: &Books, component: &Component, get: &GetDebtRepaymentLog) -> Option<Component> {
    let from = component.from_date_time.unwrap_or(0);
    let payments = books.profiles.debt_payments.iter().filter(|p| (from..=get.to).contains(&p.at));
    let entry = |p: &crate::profiles::Payment| DebtRepayment {
        time: p.at,
        amount: p.amount,
        kind: PAYMENT_DEBT,
        outstanding: p.outstanding,
    };
    let entries: Vec<_> = payments.map(entry).take(get.count.into()).collect();
    let log = PublishDebtLog { command_index: 0, total_commands: 1, entries };
    (!log.entries.is_empty()).then(|| component.response(log))
}

fn events(books: &Books, component: &Component, get: &GetEventLog) -> Option<Component> {
    let number = get.log & 0x0F;
    let log: &Log = match number {
        EVENT_LOG => &books.event_log,
        SECURITY_LOG => &books.security_log,
        _ => return None,
    };
    let wanted = |entry: &&crate::logs::Entry| {
        (get.from..=get.to).contains(&entry.at().zigbee()) && (get.event == 0 || get.event == entry.code)
    };
    let total = log.iter().filter(wanted).count() as u16;
    let most = if get.events == 0 { usize::MAX } else { get.events.into() };
    let entry = |entry: &crate::logs::Entry| EventLogEntry {
        log: number,
        id: entry.code,
        time: entry.at().zigbee(),
        data: match entry.message_code().0 {
            // What it says of a Command stands in the event log; the security log has no room for it.
            code if code != 0 && number == EVENT_LOG => ZclString::new(code.to_be_bytes()).unwrap_or_default(),
            _ => ZclString::default(),
        },
    };
    let entries: Vec<_> = log.iter().filter(wanted).skip(get.offset.into()).take(most).map(entry).collect();
    let log = PublishEventLog { total, command_index: 0, total_commands: 1, count_and_control: 0, entries };
    (!log.entries.is_empty()).then(|| component.response(log))
}

/// Clear the event log; the security log is never cleared by Command.
pub(super) fn clear(work: &mut Work<'_>, component: &Component, clear: &ClearEventLog) -> Result<Component, Status> {
    let number = clear.log & 0x0F;
    if number != EVENT_LOG {
        return Err(Status::NOT_AUTHORIZED);
    }
    work.clear_event_log();
    Ok(component.response(ClearEventLogResponse { cleared: 1 << number }))
}

/// Start the network data log anew.
pub(super) fn start_sampling(work: &mut Work<'_>, component: &Component, start: &StartSampling) -> Component {
    let begin = if start.start == 0 { work.now.zigbee() } else { start.start };
    let (interval, most) = (start.interval, start.max_samples);
    work.books.profiles.sampling = Some(Sampling { start: begin, interval, most, samples: Vec::new() });
    component.response(StartSamplingResponse { sample: NETWORK })
}

/// The price of gas now.
pub(super) fn price(store: &Store, work: &Work<'_>, component: &Component) -> Component {
    let tariff = tariff(store);
    let (tier, price) = match tariff.register(work.now) {
        Register::Tou(tier) => (tier, tariff.rate(tier)),
        Register::Block(rate) => {
            let used = work.books.metering.blocks[0].iter().rposition(|&used| used > 0).unwrap_or(0);
            (used as u8, tariff.block_price(rate, used))
        }
    };
    let number = |id| super::attributes::number(store, super::attributes::cluster::PRICE, id);
    component.response(PublishPrice {
        provider: 0,
        rate_label: ZclString::default(),
        issuer_event: work.now.zigbee(),
        current_time: work.now.zigbee(),
        unit: number(super::attributes::price::UNIT) as u8,
        currency: number(super::attributes::price::CURRENCY) as u16,
        price_digits_and_tier: number(super::attributes::price::TRAILING_DIGIT) as u8 | tier & 0x0F,
        tiers_and_register_tier: 0x40 | tier & 0x0F,
        start: 0,
        duration: 0xFFFF,
        price,
        optional: Octets::from(PRICE_ALONE.to_vec()),
    })
}
