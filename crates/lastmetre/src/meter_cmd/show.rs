//! `lastmetre meter show`: what the meters of a home hold, remember and think of their clock.
use super::Which;
use super::chart::{self, Curve};
use crate::failure::Failure;
use crate::home::{DeviceCrypto, Home};
use gbcs::catalogue::alert_meaning;
use meter::logs::Entry;
use meter::{Kind, Meter, Variant};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Log entries shown, the latest.
const ENTRIES: usize = 20;

pub fn show(home: &Home, meters: &[Which], as_json: bool, chart: Option<&Path>) -> Result<ExitCode, Failure> {
    for which in meters {
        let meter = which.meter(home)?;
        if as_json {
            say!("{}", object(&meter));
        } else {
            print(&meter);
        }
        if let Some(path) = chart {
            draw(&meter, path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn name(meter: &Meter<DeviceCrypto>) -> &'static str {
    match meter.kind() {
        Kind::Esme => "electricity",
        Kind::Gsme => "gas",
    }
}

/// Elements and phases of an electricity meter.
fn variant(meter: &Meter<DeviceCrypto>) -> Option<&'static str> {
    (meter.kind() == Kind::Esme).then(|| match meter.variant() {
        Variant::Single => "single element",
        Variant::Twin => "twin element",
        Variant::Polyphase => "polyphase",
        Variant::Reference => "every variant",
    })
}

fn object(meter: &Meter<DeviceCrypto>) -> serde_json::Value {
    let registers: Vec<_> = meter
        .registers()
        .into_iter()
        .map(|r| json!({ "name": r.name, "value": r.value.to_string(), "unit": r.unit }))
        .collect();
    let entry = |entry: &Entry| {
        json!({
            "at": entry.at().to_string(),
            "code": format!("0x{:04X}", entry.code),
            "meaning": alert_meaning(entry.code),
            "message_code": (entry.message_code().0 != 0).then(|| entry.message_code().to_string()),
        })
    };
    let days: Vec<_> = meter
        .daily_balances()
        .map(|(at, [balance, emergency, accumulated, debt_1, debt_2, payment_debt])| {
            json!({
                "at": at.to_string(), "balance": balance, "emergency_credit": emergency, "accumulated_debt": accumulated,
                "time_debt_1": debt_1, "time_debt_2": debt_2, "payment_debt": payment_debt,
            })
        })
        .collect();
    json!({
        "meter": name(meter),
        "variant": variant(meter),
        "eui": meter.eui().to_string(),
        "clock": format!("{:?}", meter.clock_status()).to_lowercase(),
        "registers": registers,
        "event_log": meter.event_log().iter().map(entry).collect::<Vec<_>>(),
        "security_log": meter.security_log().iter().map(entry).collect::<Vec<_>>(),
        "power_log": meter.power_log().iter().map(entry).collect::<Vec<_>>(),
        "days": days,
        "outbox": meter.outbox_len(),
    })
}

fn print(meter: &Meter<DeviceCrypto>) {
    let variant = variant(meter).map_or(String::new(), |variant| format!(", {variant}"));
    let clock = format!("{:?}", meter.clock_status()).to_lowercase();
    say!("{} meter {}{variant}, clock {clock}", name(meter), meter.eui());
    for register in meter.registers() {
        say!("  {:<34} {:>14} {}", register.name, register.value.to_string(), register.unit);
    }
    let power = (meter.kind() == Kind::Esme).then(|| ("power log", meter.power_log()));
    let logs = [("event log", meter.event_log()), ("security log", meter.security_log())];
    for (title, log) in logs.into_iter().chain(power) {
        let all = log.iter().count();
        say!("  {title}: {all} entries{}", if all > ENTRIES { ", the latest" } else { "" });
        for entry in log.iter().skip(all.saturating_sub(ENTRIES)) {
            let meaning = alert_meaning(entry.code).unwrap_or("");
            let about = match entry.message_code().0 {
                0 => String::new(),
                _ => format!(" ({})", entry.message_code()),
            };
            say!("    {} 0x{:04X} {meaning}{about}", entry.at(), entry.code);
        }
    }
    say!("  {} messages wait for the hub", meter.outbox_len());
}

fn draw(meter: &Meter<DeviceCrypto>, path: &Path) -> Result<(), Failure> {
    let days: Vec<_> = meter.daily_balances().collect();
    let moments: Vec<_> = days.iter().map(|(at, _)| *at).collect();
    let curve =
        |name, colour, n: usize| Curve { name, colour, values: days.iter().map(|(_, d)| d[n].into()).collect() };
    let debts = days.iter().map(|(_, d)| d[2..].iter().map(|debt| i64::from(*debt)).sum()).collect();
    let curves = [
        curve("meter balance", "#0b62a4", 0),
        curve("Emergency Credit", "#d98b00", 1),
        Curve { name: "debts", colour: "#a33", values: debts },
    ];
    let title = format!("{} meter {}: the end of each day", name(meter), meter.eui());
    let svg = chart::draw(&title, &moments, &curves).ok_or_else(|| {
        Failure::input("the meter remembers fewer than two days")
            .hint("`lastmetre meter live --home DIR --days 365` lets time pass")
    })?;
    std::fs::write(path, svg).map_err(|e| Failure::input(format!("{}: {e}", path.display())))
}
