//! What a gas meter remembers: snapshots, samples, top-ups, payments of debt, events; and how each is read (gbcs-messages 10.4).
use super::Store;
use super::tariff::tariff;
use crate::books::Books;
use crate::logs::Log;
use crate::profiles::{Payment, Ring, Sampling, Snapshot};
use crate::tariff::Register;
use crate::work::Work;
use alloc::boxed::Box;
use alloc::vec::Vec;
use gas::history::{self, HALF_HOUR, History, NETWORK, PROFILE, Samples};
use gbcs::gbz::Component;
use gbcs::gbz::zcl::*;
use gbcs::{Octets, Time};

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
pub(super) fn read(books: &Books, component: &Component, command: &Command) -> Component {
    let answer = match command {
        Command::GetEventLog(get) => events(books, component, get),
        _ => history::read(books, component, command),
    };
    answer.unwrap_or_else(|| component.default_response(Status::NOT_FOUND))
}

/// The snapshot of a moment and a cause, as GetSnapshot for just that one answers it.
pub(crate) fn billing_entry(books: &Books, at: u32, cause: u32) -> Option<Component> {
    let get = GetSnapshot { from: at, to: at, offset: 0, cause };
    let snapshot = history::snapshot(books.snapshots(), &get)?;
    Some(Component::new(0, get).response(snapshot))
}

impl History for Books {
    fn snapshots(&self) -> Vec<PublishSnapshot> {
        let profiles = &self.profiles;
        let all = [&profiles.daily, &profiles.billing, &profiles.changes];
        all.into_iter().flat_map(Ring::iter).map(of_registers).collect()
    }

    fn prepay_snapshots(&self) -> Vec<PublishPrepaySnapshot> {
        let profiles = &self.profiles;
        let all = [&profiles.daily_prepayment, &profiles.billing_prepayment, &profiles.changes_prepayment];
        all.into_iter().flat_map(Ring::iter).map(of_account).collect()
    }

    fn samples(&self, sample: u16) -> Option<Samples<'_>> {
        match sample {
            PROFILE => {
                let log = &self.profiles.half_hours;
                let (start, _) = log.iter().next()?;
                let values = Box::new(log.iter().map(|(_, energy)| energy.import));
                Some(Samples { start, step: HALF_HOUR, interval: HALF_HOUR as u16, values })
            }
            NETWORK => {
                let log = self.profiles.sampling.as_ref()?;
                let values = Box::new(log.samples.iter().copied());
                Some(Samples { start: log.start, step: log.interval.into(), interval: log.interval, values })
            }
            _ => None,
        }
    }

    fn top_ups(&self) -> Vec<TopUp> {
        let entry = |p: &Payment| Some(TopUp { code: ZclString::new(p.digits.clone())?, value: p.amount, time: p.at });
        self.profiles.top_ups.iter().filter_map(entry).collect()
    }

    fn debt_payments(&self) -> Vec<DebtRepayment> {
        let entry = |p: &Payment| DebtRepayment {
            time: p.at,
            amount: p.amount,
            kind: PAYMENT_DEBT,
            outstanding: p.outstanding,
        };
        self.profiles.debt_payments.iter().map(entry).collect()
    }
}

fn of_registers(snapshot: &Snapshot) -> PublishSnapshot {
    let value = |n: usize| U48::from(snapshot.value(n));
    PublishSnapshot {
        id: 0,
        time: snapshot.at,
        found: 1,
        command_index: 0,
        total_commands: 1,
        cause: snapshot.cause,
        payload_type: TIERS_AND_BLOCKS,
        total: value(0),
        tiers: TIERS,
        tier_totals: core::array::from_fn(|tier| value(Snapshot::TOU + tier)),
        tiers_and_blocks: ONE_TIER_FOUR_BLOCKS,
        block_totals: core::array::from_fn(|block| value(Snapshot::COUNTERS + block * crate::metering::BLOCK_RATES)),
    }
}

fn of_account(snapshot: &Snapshot) -> PublishPrepaySnapshot {
    let value = |n: usize| snapshot.value(n) as i32;
    PublishPrepaySnapshot {
        id: 0,
        time: snapshot.at,
        found: 1,
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
    }
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
pub(super) fn price(store: &Store, books: &Books, now: Time) -> PublishPrice {
    let tariff = tariff(store);
    let (tier, price) = match tariff.register(now) {
        Register::Tou(tier) => (tier, tariff.rate(tier)),
        Register::Block(rate) => {
            let used = books.metering.blocks[0].iter().rposition(|&used| used > 0).unwrap_or(0);
            (used as u8, tariff.block_price(rate, used))
        }
    };
    let number = |id| super::attributes::number(store, super::attributes::cluster::PRICE, id);
    PublishPrice {
        provider: 0,
        rate_label: ZclString::default(),
        issuer_event: now.zigbee(),
        current_time: now.zigbee(),
        unit: number(super::attributes::price::UNIT) as u8,
        currency: number(super::attributes::price::CURRENCY) as u16,
        price_digits_and_tier: number(super::attributes::price::TRAILING_DIGIT) as u8 | tier & 0x0F,
        tiers_and_register_tier: 0x40 | tier & 0x0F,
        start: 0,
        duration: 0xFFFF,
        price,
        optional: Octets::from(PRICE_ALONE.to_vec()),
    }
}
