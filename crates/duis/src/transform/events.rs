//! SRV 6.22: what a meter does of alerts and events.
use std::collections::BTreeMap;

use gbcs::dlms::{BitString, Data};
use gbcs::gbz::zcl::SetEventConfiguration;

use super::draft::{Components, Draft, Fault};
use super::zcl::AT_ONCE;
use crate::body::alerts::{ConfigureAlerts, GasBehaviour, Toggle};

pub(super) fn configure_alerts(configure: &ConfigureAlerts, clock: u32, gas: bool) -> Result<Draft, Fault> {
    use ConfigureAlerts as C;
    Ok(match (configure, gas) {
        (C::ElectricitySupplierAlerts(alerts), false) => masks("ECS25a", &alerts.toggles()),
        (C::ElectricitySupplierHan(alerts), false) => masks("ECS25a1", &alerts.toggles()),
        (C::ElectricitySupplierAlarm(alerts), false) => masks("ECS25a2", &alerts.toggles()),
        (C::ElectricitySupplierLogging(alerts), false) => masks("ECS25a3", &alerts.toggles()),
        (C::ElectricityOperatorAlerts(alerts), false) => masks("ECS25b", &alerts.toggles()),
        (C::ElectricityOperatorLogging(alerts), false) => masks("ECS25b3", &alerts.toggles()),
        (C::GasSupplierAlerts(alerts), true) => {
            // Events are logged whether or not there is an alert.
            let behaviour = |toggle: &Toggle| LOG | if is_on(*toggle) { WAN } else { 0 };
            configurations(alerts.entries().map(|(code, toggle)| (code, behaviour(toggle))), clock)
        }
        (C::GasSupplierBehaviours(alerts), true) => {
            configurations(alerts.entries().map(|(code, behaviour)| (code, configuration(behaviour))), clock)
        }
        _ => return Err(Fault::Fuel),
    })
}

/// ECS25a, ECS25b: 256 bits that say which alerts change, 256 that say how; the last bit of each is that of code `xx00`.
fn masks(use_case: &'static str, toggles: &BTreeMap<u16, Toggle>) -> Draft {
    let place = |code: &u16| 0xFF - *code as u8;
    let octets = |codes: &mut dyn Iterator<Item = &u16>| {
        let mut mask = [0u8; 32];
        for n in codes.map(place) {
            mask[usize::from(n / 8)] |= 0x80 >> (n % 8);
        }
        mask
    };
    let which = octets(&mut toggles.keys());
    let on = octets(&mut toggles.iter().filter(|(_, toggle)| is_on(**toggle)).map(|(code, _)| code));
    let both = BitString::new(512, [which, on].concat()).expect("512 bits in 64 octets");
    Draft::rows(use_case, [Data::from(both)])
}

/// What a GSME does of an event: into which log, to whom told.
const LOG: u8 = 0x03;
const WAN: u8 = 0x08;
const HAN: u8 = 0x10;
const ALARM: u8 = 0x40;

fn configuration(behaviour: &GasBehaviour) -> u8 {
    let parts =
        [(behaviour.wan_alert, WAN), (behaviour.han_alert, HAN), (behaviour.event_log, LOG), (behaviour.alarm, ALARM)];
    parts.into_iter().filter(|(toggle, _)| is_on(*toggle)).fold(0, |all, (_, bits)| all | bits)
}

fn is_on(toggle: Toggle) -> bool {
    toggle == Toggle::Enable
}

/// GCS20: a command for each configuration with the events that share it; those told to HAN and WAN first, else as their first
/// events come.
fn configurations(events: impl Iterator<Item = (u16, u8)>, clock: u32) -> Draft {
    let mut groups: Vec<(u8, Vec<u16>)> = Vec::new();
    for (code, configuration) in events {
        match groups.iter_mut().find(|(known, _)| *known == configuration) {
            Some((_, codes)) => codes.push(code),
            None => groups.push((configuration, vec![code])),
        }
    }
    groups.sort_by_key(|(configuration, _)| std::cmp::Reverse(configuration & (HAN | WAN)));
    let commands = groups.into_iter().map(|(configuration, events)| SetEventConfiguration {
        issuer_event: clock,
        start: AT_ONCE,
        configuration,
        control: 0,
        count: events.len() as u8,
        events,
    });
    Draft::components("GCS20", Components::default().and_all(commands))
}
