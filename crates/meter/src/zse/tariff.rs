//! An electricity meter's tariff and calendar, as a display asks for them: the objects that Commands write, in the words of the Price and
//! Calendar clusters.
use crate::calendar::{Calendar, Date};
use crate::meter::Meter;
use crate::metering::{BLOCK_RATES, BLOCKS, TOU};
use crate::state::Model;
use crate::tariff::{Register, Tariff};
use alloc::vec::Vec;
use gbcs::crypto::Crypto;
use gbcs::gbz::zcl::{self, *};
use gbcs::{Octets, Time};
use han::zcl::display::{ask, cluster};
use han::zcl::{Frame, Status};

/// ISO 4217 number of the pound.
pub(super) const POUNDS: u16 = 0x033A;
/// Five digits behind the point, in the high half.
pub(super) const FIVE_DIGITS: u8 = 0x50;
/// The tariff, and the calendar: there is one of each.
const THE_ONE: u32 = 1;
/// Names of a calendar that stand for the one in force.
const IN_FORCE: [u32; 4] = [0, THE_ONE, 0xFFFF_FFFE, u32::MAX];
/// Calendar and tariff type: energy delivered to the home.
const DELIVERED: u8 = 0;
/// Minutes: until something else is said.
const UNTIL_CHANGED: u16 = 0xFFFF;
/// Prices in one Publish Price Matrix: with its head they fit one datagram of a few frames.
const MAX_PRICES: usize = 48;
/// Entries of a day profile, and special days, in one command.
const MAX_ENTRIES: usize = 48;
/// Watt hours: thresholds are divided by this to be kilowatt hours.
const DIVISOR: u16 = 1000;

/// What answers a question about the tariff or the calendar: several of one command, or none.
pub(super) fn published<C: Crypto>(
    meter: &Meter<C>,
    now: Time,
    cluster: u16,
    frame: &Frame<'_>,
) -> Result<Vec<Body>, Status> {
    let Model::Esme(store) = &meter.state.model else { return Ok(Vec::new()) };
    let tariff = crate::esme::terms(store).tariff;
    match (cluster, frame.command) {
        (cluster::PRICE, ask::CURRENT_PRICE) => Ok(alloc::vec![current(meter, now).into()]),
        (cluster::PRICE, ask::TARIFF_INFORMATION) => Ok(alloc::vec![information(&tariff).into()]),
        (cluster::PRICE, ask::PRICE_MATRIX) => Ok(matrices(&tariff).into_iter().map(Body::from).collect()),
        (cluster::PRICE, ask::BLOCK_THRESHOLDS) => Ok(thresholds(&tariff).into_iter().map(Body::from).collect()),
        (cluster::CALENDAR, _) => calendar(&tariff.calendar, frame),
        _ => Ok(Vec::new()),
    }
}

/// The price of the next unit of energy.
pub(super) fn current<C: Crypto>(meter: &Meter<C>, now: Time) -> PublishPrice {
    let tariff = match &meter.state.model {
        Model::Esme(store) => crate::esme::terms(store).tariff,
        Model::Gsme(_) => Tariff::default(),
    };
    let tiers = tiers(&tariff).len().min(0x0F) as u8;
    let register = tariff.register(now);
    let price = meter.state.books.metering.price(&tariff, register);
    let (Register::Tou(tier) | Register::Block(tier)) = register;
    let tier = tier.min(0x0F);
    PublishPrice {
        provider: 0,
        rate_label: ZclString::default(),
        issuer_event: 0,
        current_time: now.zigbee(),
        unit: 0,
        currency: POUNDS,
        price_digits_and_tier: FIVE_DIGITS | tier,
        tiers_and_register_tier: tiers << 4 | tier,
        start: 0,
        duration: UNTIL_CHANGED,
        price,
        optional: Octets::new(),
    }
}

/// Rates by time of use that have a price, or that the calendar switches to.
fn tiers(tariff: &Tariff) -> Vec<u8> {
    let switched = |rate: u8| tariff.calendar.days.iter().flat_map(|(_, day)| day).any(|(_, s)| *s == u16::from(rate));
    (1..=TOU as u8).filter(|rate| tariff.rate(*rate) != 0 || switched(*rate)).collect()
}

/// Rates with blocks that have a price.
fn block_rates(tariff: &Tariff) -> Vec<u8> {
    (1..=BLOCK_RATES as u8).filter(|rate| (0..BLOCKS).any(|block| tariff.block_price(*rate, block) != 0)).collect()
}

fn information(tariff: &Tariff) -> PublishTariffInformation {
    let in_blocks = block_rates(tariff);
    let ends = in_blocks.iter().map(|rate| (0..BLOCKS).filter(|n| tariff.threshold(*rate, *n).is_some()).count());
    PublishTariffInformation {
        provider: 0,
        issuer_event: 0,
        tariff: THE_ONE,
        start: 0,
        type_and_scheme: if in_blocks.is_empty() { 0x00 } else { 0x10 },
        label: ZclString::default(),
        price_tiers: tiers(tariff).len() as u8,
        block_thresholds: ends.max().unwrap_or(0) as u8,
        unit: 0,
        currency: POUNDS,
        price_digits: FIVE_DIGITS,
        standing_charge: tariff.standing_charge,
        tier_block_mode: 0xFF,
        threshold_multiplier: U24::from(1),
        threshold_divisor: U24::from(DIVISOR),
    }
}

/// Prices by tier (sub payload control 01), and by block (00): the rate less one in the high half octet, the block in the low one, so
/// that those of the first rate are numbered as a gas meter's.
fn matrices(tariff: &Tariff) -> Vec<PublishPriceMatrix> {
    let by_tier = tiers(tariff).into_iter().map(|rate| Price { tier_block: rate, price: tariff.rate(rate) });
    let by_block = block_rates(tariff).into_iter().flat_map(|rate| {
        (0..BLOCKS).map(move |n| Price { tier_block: (rate - 1) << 4 | n as u8, price: tariff.block_price(rate, n) })
    });
    let matrix = |sub_payload_control, prices: Vec<Price>| PublishPriceMatrix {
        provider: 0,
        issuer_event: 0,
        start: 0,
        tariff: THE_ONE,
        command_index: 0,
        total_commands: 1,
        sub_payload_control,
        prices,
    };
    [(0x01, by_tier.take(MAX_PRICES).collect()), (0x00, by_block.take(MAX_PRICES).collect::<Vec<_>>())]
        .into_iter()
        .filter(|(_, prices): &(u8, Vec<Price>)| !prices.is_empty())
        .map(|(control, prices)| matrix(control, prices))
        .collect()
}

fn thresholds(tariff: &Tariff) -> Option<PublishBlockThresholds> {
    let of_rate = |rate: u8| {
        let ends: Vec<U48> = (0..BLOCKS).filter_map(|n| tariff.threshold(rate, n)).map(U48::from).collect();
        if ends.is_empty() { None } else { BlockThresholds::new(rate, ends) }
    };
    let thresholds: Vec<BlockThresholds> = block_rates(tariff).into_iter().filter_map(of_rate).collect();
    (!thresholds.is_empty()).then_some(PublishBlockThresholds {
        provider: 0,
        issuer_event: 0,
        start: 0,
        tariff: THE_ONE,
        command_index: 0,
        total_commands: 1,
        sub_payload_control: 0x01,
        thresholds,
    })
}

fn calendar(calendar: &Calendar, frame: &Frame<'_>) -> Result<Vec<Body>, Status> {
    if calendar.days.is_empty() {
        return Ok(Vec::new());
    }
    if frame.command == ask::CALENDAR {
        return Ok(alloc::vec![summary(calendar).into()]);
    }
    let asked = Body::parse(cluster::CALENDAR, CLUSTER_SPECIFIC, frame.command, frame.payload);
    let Body::Cluster(asked) = asked else { return Err(Status::MalformedCommand) };
    Ok(match asked {
        zcl::Command::GetDayProfiles(get) if IN_FORCE.contains(&get.calendar) => {
            let wanted = calendar.days.iter().filter(|(day, _)| *day >= get.start);
            wanted.take(most(get.count)).map(|(day, entries)| day_profile(*day, entries).into()).collect()
        }
        zcl::Command::GetWeekProfiles(get) if IN_FORCE.contains(&get.calendar) => {
            let wanted = calendar.weeks.iter().filter(|(week, _)| *week >= get.start);
            let profile = |(week, days): &(u8, [u8; 7])| {
                let (week, days) = (*week, *days);
                PublishWeekProfile { provider: 0, issuer_event: 0, calendar: THE_ONE, week, days }.into()
            };
            wanted.take(most(get.count)).map(profile).collect()
        }
        zcl::Command::GetSeasons(get) if IN_FORCE.contains(&get.calendar) => {
            let season = |(start, week): &(Date, u8)| Season { start: start.to_zcl(), week: *week };
            alloc::vec![
                PublishSeasons {
                    provider: 0,
                    issuer_event: 0,
                    calendar: THE_ONE,
                    command_index: 0,
                    total_commands: 1,
                    seasons: calendar.seasons.iter().map(season).collect(),
                }
                .into()
            ]
        }
        zcl::Command::GetSpecialDays(get) if get.kind == DELIVERED && IN_FORCE.contains(&get.calendar) => {
            let special = |(date, day): &(Date, u8)| SpecialDay { date: date.to_zcl(), day: *day };
            let days: Vec<SpecialDay> = calendar.special.iter().take(MAX_ENTRIES).map(special).collect();
            if days.is_empty() {
                return Ok(Vec::new());
            }
            alloc::vec![
                PublishSpecialDays {
                    provider: 0,
                    issuer_event: 0,
                    calendar: THE_ONE,
                    start: 0,
                    kind: DELIVERED,
                    total: days.len() as u8,
                    command_index: 0,
                    total_commands: 1,
                    days,
                }
                .into()
            ]
        }
        _ => Vec::new(),
    })
}

fn summary(calendar: &Calendar) -> PublishCalendar {
    PublishCalendar {
        provider: 0,
        issuer_event: 0,
        calendar: THE_ONE,
        start: 0,
        kind: DELIVERED,
        time_reference: 0,
        name: ZclString::default(),
        seasons: calendar.seasons.len() as u8,
        weeks: calendar.weeks.len() as u8,
        days: calendar.days.len() as u8,
    }
}

/// A day: tiers 1 to 48, and 101 to 108 for rates with blocks.
fn day_profile(day: u8, entries: &[(u32, u16)]) -> PublishDayProfile {
    let entry = |(start, selector): &(u32, u16)| DayEntry {
        minutes: (start / 60) as u16,
        tier: u8::try_from(*selector).unwrap_or(u8::MAX),
    };
    let entries: Vec<DayEntry> = entries.iter().take(MAX_ENTRIES).map(entry).collect();
    PublishDayProfile {
        provider: 0,
        issuer_event: 0,
        calendar: THE_ONE,
        day,
        total_entries: entries.len() as u8,
        command_index: 0,
        total_commands: 1,
        calendar_type: DELIVERED,
        entries,
    }
}

/// A count of 0 is all.
const fn most(count: u8) -> usize {
    if count == 0 { usize::MAX } else { count as usize }
}
