//! SRV 1.1.1 to 1.2.2: tariffs and prices (GBCS messages 15.1, 15.2).
use gbcs::dlms::{Data, Obis};
use gbcs::gbz::zcl::{
    BlockThresholds, DayEntry, Price, PublishBlockThresholds, PublishPriceMatrix, PublishTariffInformation, U48,
    ZclString,
};

use super::calendar::{GasCalendar, date_time, special_days, time};
use super::draft::{Components, Draft, Fault};
use super::zcl::{CANCEL, CANCEL_TABLE, NO_PROVIDER, start};
use crate::Execution;
use crate::body::tariff::{
    Blocks, Currency, ElectricityPriceMatrix, ElectricityPrices, ElectricityTariff, GasPriceMatrix, GasPrices,
    GasTariff, GasTariffAction, Prices, Seasons, SecondaryPrices, SpecialDays, Tariff, TariffAction, TouPrices,
    UpdatePrice, UpdateSecondaryPrice, UpdateSecondaryTariff, UpdateTariff, WeekProfiles,
};
use crate::xml::value::TimeOfDay;

/// Scripts that start a tariff.
const TARIFF_SCRIPTS: Obis = Obis([0, 0, 10, 0, 100, 255]);
/// Blocks of time-of-use tariff 1..8 are scripts 101..108.
const BLOCK_SCRIPTS: u16 = 100;
/// Rates 1..4 of the secondary element are scripts 201..204.
const SECONDARY_SCRIPTS: u16 = 200;

pub(super) fn update_tariff(update: &UpdateTariff, clock: u32, gas: bool) -> Result<Draft, Fault> {
    match (&update.tariff, &update.prices, gas) {
        (Tariff::Electricity(tariff), Prices::Electricity(prices), false) => Ok(electricity_tariff(tariff, prices)),
        (Tariff::Gas(tariff), Prices::Gas(prices), true) => {
            let calendar = gas_calendar(tariff, update.execution).commands(Components::default(), clock)?;
            let components = gas_prices(calendar, prices, Some(tariff), update.execution, clock)?;
            Ok(Draft::components("GCS01a", components))
        }
        _ => Err(Fault::Fuel),
    }
}

pub(super) fn update_price(update: &UpdatePrice, clock: u32, gas: bool) -> Result<Draft, Fault> {
    match (&update.prices, gas) {
        (Prices::Electricity(prices), false) => Ok(Draft::rows("ECS01b", price_values(prices))),
        (Prices::Gas(prices), true) => {
            let components = gas_prices(Components::default(), prices, None, update.execution, clock)?;
            Ok(Draft::components("GCS01b", components))
        }
        _ => Err(Fault::Fuel),
    }
}

pub(super) fn update_secondary_tariff(update: &UpdateSecondaryTariff) -> Draft {
    let days = update.switching.days.days.iter().map(|day| {
        let starts = day.schedule.iter().map(|s| (s.start, SECONDARY_SCRIPTS + s.rate.short()));
        (day.name.octet(), starts.collect())
    });
    Draft::rows(
        "ECS01c",
        [
            secondary_charge(&update.prices),
            seasons(&update.switching.seasons),
            weeks(&update.switching.weeks),
            day_profiles(days),
            tariff_special_days(&update.special_days),
        ],
    )
}

pub(super) fn update_secondary_price(update: &UpdateSecondaryPrice) -> Draft {
    Draft::rows("ECS01d", [secondary_charge(&update.prices)])
}

/// ECS01a: switching table, thresholds of blocks, currency, prices.
fn electricity_tariff(tariff: &ElectricityTariff, prices: &ElectricityPrices) -> Draft {
    let days = tariff.switching.days.days.iter().map(|day| {
        let starts = day.schedule.iter().map(|s| match &s.action {
            TariffAction::Tou(rate) => (s.start, rate.short()),
            TariffAction::Block(tou) => (s.start, BLOCK_SCRIPTS + tou.short()),
        });
        (day.name.octet(), starts.collect())
    });
    let thresholds = tariff.thresholds.thresholds.entries().map(|(_, blocks)| {
        Data::array(blocks.thresholds.entries().map(|(_, threshold)| (*threshold).into()).collect::<Vec<Data>>())
    });
    let mut values = vec![
        seasons(&tariff.switching.seasons),
        weeks(&tariff.switching.weeks),
        day_profiles(days),
        tariff_special_days(&tariff.special_days),
    ];
    values.extend(thresholds);
    values.push(Data::boolean(tariff.currency == Currency::Gbp));
    values.extend(price_values(prices));
    Draft::rows("ECS01a", values)
}

fn seasons(seasons: &Seasons) -> Data {
    let season = seasons.seasons.iter().map(|s| {
        let name = Data::octets(s.name.as_str().as_bytes());
        Data::structure([name, date_time(&s.start), Data::octets([s.week.octet()])])
    });
    Data::array(season.collect::<Vec<_>>())
}

fn weeks(weeks: &WeekProfiles) -> Data {
    let week = weeks.weeks.iter().map(|week| {
        let days = week.days.entries().map(|(_, day)| day.octet().into());
        Data::structure([Data::octets([week.name.octet()])].into_iter().chain(days).collect::<Vec<_>>())
    });
    Data::array(week.collect::<Vec<_>>())
}

/// Day profiles: number, then from when which script runs.
fn day_profiles(days: impl Iterator<Item = (u8, Vec<(TimeOfDay, u16)>)>) -> Data {
    let day = days.map(|(name, starts)| {
        let start = starts
            .into_iter()
            .map(|(at, script)| Data::structure([time(at), Data::octets(TARIFF_SCRIPTS.0), script.into()]));
        Data::structure([name.into(), Data::array(start.collect::<Vec<_>>())])
    });
    Data::array(day.collect::<Vec<_>>())
}

fn tariff_special_days(days: &SpecialDays) -> Data {
    special_days((1..).zip(days.days.iter()).map(|(n, special)| (n, &special.date, special.day.octet())))
}

/// Standing charge and prices, which is all of ECS01b.
fn price_values(prices: &ElectricityPrices) -> [Data; 2] {
    let (tou, blocks) = match &prices.tariff {
        ElectricityPriceMatrix::Tou(tariff) => (Some(&tariff.prices), None),
        ElectricityPriceMatrix::Block(tariff) => (None, Some(&tariff.blocks)),
        ElectricityPriceMatrix::Hybrid(tariff) => (Some(&tariff.tou), Some(&tariff.blocks)),
    };
    [
        unit_charge(0, prices.standing_charge_scale, NO_COMMODITY, [charge_element(&[], prices.standing_charge)]),
        unit_charge(3, prices.price_scale, CONSUMPTION, price_matrix(tou, blocks)),
    ]
}

/// All 80 prices, those not given as zero: TOU rates 1..48 by their number, then block `a`..`d` of TOU 1..8.
fn price_matrix(tou: Option<&TouPrices>, blocks: Option<&Blocks>) -> Vec<Data> {
    let price_of_rate = |rate| tou.and_then(|t| t.at(rate)).copied().unwrap_or(0);
    let price_of_block = |tou, block| blocks.and_then(|b| b.at(tou)?.prices.at(block)).copied().unwrap_or(0);
    let rates = (1..=48).map(|rate| charge_element(&[rate], price_of_rate(rate)));
    let by_block = (1..=4).flat_map(|block| {
        (1..=8).map(move |tou| charge_element(&[(0x90 + 0x10 * block) | tou], price_of_block(tou, block)))
    });
    rates.chain(by_block).collect()
}

/// The four prices of the secondary element, those not given as zero.
fn secondary_charge(prices: &SecondaryPrices) -> Data {
    let price = |rate| charge_element(&[rate], prices.prices.at(rate).copied().unwrap_or(0));
    unit_charge(3, prices.scale, SECONDARY_CONSUMPTION, (1..=4).map(price).collect::<Vec<_>>())
}

/// What a charge is reckoned by: class, object, attribute.
pub(super) type Commodity = (u16, [u8; 6], i8);
/// A charge by time.
pub(super) const NO_COMMODITY: Commodity = (0, [0; 6], 0);
/// A charge by active energy imported.
const CONSUMPTION: Commodity = (3, [1, 0, 1, 8, 0, 255], 2);
/// A charge by active energy imported through the secondary element.
const SECONDARY_CONSUMPTION: Commodity = (3, [1, 20, 1, 8, 0, 255], 2);

/// The unit charge of a Charge object.
pub(super) fn unit_charge(
    commodity_scale: i8,
    price_scale: i8,
    (class, object, attribute): Commodity,
    table: impl Into<Vec<Data>>,
) -> Data {
    Data::structure([
        Data::structure([commodity_scale.into(), price_scale.into()]),
        Data::structure([class.into(), Data::octets(&object[..]), attribute.into()]),
        Data::array(table),
    ])
}

pub(super) fn charge_element(index: &[u8], price: i16) -> Data {
    Data::structure([Data::octets(index), price.into()])
}

fn gas_calendar(tariff: &GasTariff, execution: Execution) -> GasCalendar<'_> {
    /// Of a calendar that switches tariffs.
    const DELIVERED: u8 = 0;
    let days = tariff.switching.days.days.iter().map(|day| {
        let tier = if let GasTariffAction::Tou(rate) = &day.action { rate.octet() } else { 0 };
        (day.name.octet(), vec![DayEntry { minutes: 0, tier }])
    });
    let weeks = tariff.switching.weeks.weeks.iter().map(|week| (week.name.octet(), seven(week.days.entries())));
    let special_days = tariff.special_days.days.iter().map(|special| (&special.date, special.day.octet()));
    GasCalendar {
        kind: DELIVERED,
        execution,
        days: days.collect(),
        weeks: weeks.collect(),
        seasons: &tariff.switching.seasons,
        special_days: special_days.collect(),
    }
}

/// The day profiles of a week.
pub(super) fn seven<'w, const MOST: u64>(
    days: impl Iterator<Item = (u8, &'w crate::xml::value::Within<1, MOST>)>,
) -> [u8; 7] {
    let mut week = [0; 7];
    for (n, day) in days {
        week[usize::from(n) - 1] = day.get() as u8;
    }
    week
}

/// Tariff information, thresholds where blocks have any, price matrix.
fn gas_prices(
    before: Components,
    prices: &GasPrices,
    tariff: Option<&GasTariff>,
    execution: Execution,
    clock: u32,
) -> Result<Components, Fault> {
    /// The one tariff of a GSME.
    const TARIFF: u32 = 1;
    // A whole tariff brings its thresholds; with prices alone the request says how many there are.
    let thresholds = tariff.map(|tariff| tariff.thresholds.thresholds.len() as u8);
    // The scheme of the tariff, its tiers and thresholds, the matrix' own word for the scheme; tiers count from 1, blocks from 0.
    let (type_and_scheme, price_tiers, block_thresholds, sub_payload_control, entries, first) = match &prices.tariff {
        GasPriceMatrix::Tou(tou) => (0x00, tou.prices.len() as u8, 0, 0x01, &tou.prices, 1),
        GasPriceMatrix::Block(block) => {
            (0x10, 0, thresholds.unwrap_or(block.thresholds.octet()), 0x00, &block.prices, 0)
        }
    };
    let (provider, issuer_event) = (NO_PROVIDER, clock);
    let information = PublishTariffInformation {
        provider,
        issuer_event,
        tariff: TARIFF,
        start: start(execution, CANCEL)?,
        type_and_scheme,
        label: ZclString::default(),
        price_tiers,
        block_thresholds,
        unit: 0x00,
        currency: match prices.currency {
            Currency::Gbp => 826,
            Currency::Ecb => 978,
        },
        price_digits: 0x50,
        standing_charge: prices.standing_charge,
        tier_block_mode: 0xFF,
        threshold_multiplier: 1.into(),
        threshold_divisor: 1000.into(),
    };
    let start = start(execution, CANCEL_TABLE)?;
    let mut commands = before.and(information);
    if let (Some(tariff), GasPriceMatrix::Block(_)) = (tariff, &prices.tariff) {
        let thresholds = tariff.thresholds.thresholds.entries().map(|(_, threshold)| U48::new(threshold.get()));
        let thresholds: Vec<_> = thresholds.collect::<Option<_>>().ok_or(Fault::Catalogue)?;
        commands = commands.and(PublishBlockThresholds {
            provider,
            issuer_event,
            start,
            tariff: TARIFF,
            command_index: 0,
            total_commands: 1,
            sub_payload_control: 0x01,
            thresholds: vec![BlockThresholds::new(0, thresholds).ok_or(Fault::Catalogue)?],
        });
    }
    Ok(commands.and(PublishPriceMatrix {
        provider,
        issuer_event,
        start,
        tariff: TARIFF,
        command_index: 0,
        total_commands: 1,
        sub_payload_control,
        prices: entries.entries().map(|(n, &price)| Price { tier_block: n - 1 + first, price }).collect(),
    }))
}
