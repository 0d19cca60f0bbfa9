//! Reads (SRV 4.x, 6.2, 6.13, 6.29 to 6.32, 7.4, 7.7, 7.11, 7.14, 7.15, 11.2, 14.1). Most are what the catalogue says and no more.
use std::time::Duration;

use gbcs::asn1::Content;
use gbcs::catalogue;
use gbcs::dlms::Data;
use gbcs::gbz::zcl::{
    GetBillingPeriod, GetCurrentPrice, GetDayProfiles, GetDebtRepaymentLog, GetEventConfiguration, GetEventLog,
    GetPrepaySnapshot, GetSampledData, GetSeasons, GetSnapshot, GetSpecialDays, GetTopUpLog, GetWeekProfiles,
    StartSampling,
};

use super::choose;
use super::draft::{Components, Draft, Fault, only, seconds};
use super::zcl::{AT_ONCE, NO_PROVIDER};
use super::{Device, TransformContext};
use crate::body::log::{LogToRead, ReadEventLog};
use crate::body::{ReadLog, ReadLogPeriod};
use crate::catalogue::{DeviceType, Entry};

/// A service whose body says nothing but which it is.
pub(super) fn plain(entry: &Entry, ctx: &TransformContext, clock: u32) -> Option<Draft> {
    let use_case = choose::by_device(entry, ctx)?;
    Some(match use_case {
        "ECS28b" | "ECS29e" | "ECS29f" => {
            let rows = catalogue::find_by_id(use_case).next()?.rows.len();
            Draft::rows(use_case, vec![Data::Integer(0); rows])
        }
        "DBCH05" => Draft::rows(use_case, [Data::Unsigned(0)]),
        "CS08" => Draft::asn1(use_case, |_| Content::ReadFirmwareVersion),
        "GCS21b" => Draft::components(use_case, calendar(FRIENDLY_CREDIT)),
        "GCS21f" => Draft::components(use_case, calendar(DELIVERED).and(GetCurrentPrice { options: 0 })),
        "GCS21d" | "GCS21k" => {
            let billing = GetBillingPeriod { start: AT_ONCE, min_issuer_event: u32::MAX, count: 1, tariff_type: 0 };
            Draft::components(use_case, only(billing))
        }
        "GCS20r" => Draft::components(use_case, only(GetEventConfiguration { event: 0x81FF })),
        "GCS31" => {
            let sampling = StartSampling {
                issuer_event: clock,
                start: AT_ONCE,
                kind: 0,
                interval: NETWORK_INTERVAL,
                max_samples: NETWORK_SAMPLES,
            };
            Draft::components(use_case, only(sampling))
        }
        _ => Draft::read(use_case),
    })
}

/// A calendar in force: its id and its type.
type Calendar = (u32, u8);
const DELIVERED: Calendar = (0xFFFF_FFFF, 0);
const FRIENDLY_CREDIT: Calendar = (0xFFFF_FFFE, 3);

fn calendar((calendar, kind): Calendar) -> Components {
    let provider = NO_PROVIDER;
    Components::default()
        .and(GetDayProfiles { provider, calendar, start: 1, count: 0 })
        .and(GetWeekProfiles { provider, calendar, start: 1, count: 0 })
        .and(GetSeasons { provider, calendar })
        .and(GetSpecialDays { start: AT_ONCE, count: 0, kind, provider, calendar })
}

/// Seconds between samples of the network data log, and how many it holds: four hours.
const NETWORK_INTERVAL: u16 = 360;
const NETWORK_SAMPLES: u16 = 41;

/// A log between two moments.
pub(super) fn log(entry: &Entry, read: &ReadLog, ctx: &TransformContext) -> Option<Draft> {
    let use_case = choose::by_device(entry, ctx)?;
    let period = &read.period;
    let (from, to) = (seconds(period.start), seconds(period.end));
    Some(match use_case {
        "GCS15b" => {
            let cause = 0x0000_6008;
            Draft::components(use_case, prepay_snapshots(12, from, to, cause).and_all(snapshots(12, from, to, cause)))
        }
        "GCS15c" => {
            let end_of_billing = 0x0000_0002;
            let consumption = Components::default().and_all(snapshots(12, from, to, end_of_billing));
            Draft::components(use_case, consumption.and_all(prepay(12, from, to, end_of_billing)))
        }
        "GCS15d" => {
            let all_debts = 2;
            let debts = GetDebtRepaymentLog { to, count: 10, kind: all_debts };
            Draft::components(use_case, Components::default().and_from(from, debts))
        }
        "GCS15e" => Draft::components(use_case, Components::default().and_from(from, GetTopUpLog { to, records: 5 })),
        "GCS16a" => {
            let daily = Components::default().and_all(snapshots(31, from, to, GENERAL));
            Draft::components(use_case, daily)
        }
        "GCS16b" => Draft::components(use_case, prepay_snapshots(31, from, to, GENERAL)),
        "GCS17" => samples(use_case, 0, period, HALF_HOUR),
        "GCS61" => samples(use_case, 1, period, DAY),
        // What is there, whenever it was: the log is started by hand and holds four hours.
        "GCS18" => {
            let all = GetSampledData { sample: 2, from: 1, kind: 0, samples: NETWORK_SAMPLES };
            Draft::components(use_case, only(all))
        }
        _ => Draft::read(use_case).within(period),
    })
}

/// Snapshots taken at midnight.
const GENERAL: u32 = 0x0000_0001;
const HALF_HOUR: Duration = Duration::from_secs(1800);
const DAY: Duration = Duration::from_secs(86_400);

fn snapshots(most: u8, from: u32, to: u32, cause: u32) -> impl Iterator<Item = GetSnapshot> {
    (0..most).map(move |offset| GetSnapshot { from, to, offset, cause })
}

fn prepay(most: u8, from: u32, to: u32, cause: u32) -> impl Iterator<Item = GetPrepaySnapshot> {
    (0..most).map(move |offset| GetPrepaySnapshot { from, to, offset, cause })
}

fn prepay_snapshots(most: u8, from: u32, to: u32, cause: u32) -> Components {
    Components::default().and_all(prepay(most, from, to, cause))
}

/// As many samples as there are from the start to the end, both included.
fn samples(use_case: &'static str, sample: u16, period: &ReadLogPeriod, interval: Duration) -> Draft {
    let intervals = period.end.since(period.start).as_secs() / interval.as_secs();
    let samples = u16::try_from(intervals + 1).unwrap_or(u16::MAX);
    Draft::components(use_case, only(GetSampledData { sample, from: seconds(period.start), kind: 0, samples }))
}

/// SRV 6.13.
pub(super) fn event_log(read: &ReadEventLog, device: &Device) -> Result<Draft, Fault> {
    use LogToRead as Log;
    let use_case = match (device.kind, read.log) {
        (DeviceType::Esme, Log::Event) => "ECS35a",
        (DeviceType::Esme, Log::Security) => "ECS35b",
        (DeviceType::Esme, Log::PowerEvent) => "ECS35e",
        (DeviceType::Esme, Log::AlcsEvent) => choose::by_version("ECS35g", device),
        (DeviceType::Chf, Log::Event) => "ECS35c",
        (DeviceType::Chf, Log::Security) => "ECS35d",
        (DeviceType::Gsme, Log::Event) | (DeviceType::Gsme | DeviceType::Gpf, Log::GsmeEvent) => "CS10a",
        (DeviceType::Gpf, Log::Event) => "CS10a",
        (DeviceType::Gsme, Log::Security) | (DeviceType::Gsme | DeviceType::Gpf, Log::GsmeSecurity) => "CS10b",
        (DeviceType::Gpf, Log::Security) => "CS10b",
        _ => return Err(Fault::Fuel),
    };
    let log = match use_case {
        "CS10a" => 0x13,
        "CS10b" => 0x04,
        _ => return Ok(Draft::read(use_case).within(&read.period)),
    };
    let (from, to) = (seconds(read.period.start), seconds(read.period.end));
    Ok(Draft::components(use_case, only(GetEventLog { log, event: 0, from, to, events: 0, offset: 0 })))
}
