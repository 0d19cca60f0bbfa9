//! Event configurations: how a gas meter treats each event (GCS20), and the report of it (GCS20r).
use super::Store;
use alloc::vec::Vec;
use gbcs::gbz::Component;
use gbcs::gbz::zcl::*;

/// Bits 0 to 2: general log 3, security log 4; bit 3 told to the WAN, bit 4 told to the HAN.
const LOGGED: u8 = 0x03;
const SECURITY: u8 = 0x04;
const TOLD: u8 = 0x18;
/// The last octet of an event stands for its group.
const GROUP: u16 = 0x00FF;

/// The events of this meter and what becomes of each until a Command says otherwise.
const EVENTS: [(u16, u8); 27] = [
    (0x810D, LOGGED | TOLD),
    (0x810E, LOGGED | 0x08),
    (0x8119, LOGGED | 0x10),
    (0x8154, LOGGED),
    (0x8155, LOGGED),
    (0x8161, LOGGED),
    (0x8162, LOGGED),
    (0x8168, LOGGED | 0x10),
    (0x81A7, LOGGED),
    (0x81A8, LOGGED),
    (0x81A9, LOGGED),
    (0x81AA, LOGGED | 0x10),
    (0x81AB, LOGGED | 0x10),
    (0x81C4, LOGGED),
    (0x81C5, LOGGED),
    (0x8F0F, LOGGED | TOLD),
    (0x8F1E, SECURITY),
    (0x8F30, SECURITY | 0x08),
    (0x8F32, LOGGED | TOLD),
    (0x8F3E, SECURITY),
    (0x8F47, LOGGED),
    (0x8F51, LOGGED),
    (0x8F52, SECURITY),
    (0x8F53, SECURITY),
    (0x8F5B, LOGGED),
    (0x8F60, SECURITY | 0x08),
    (0x8F83, LOGGED | 0x08),
];

/// Set how events are treated; also those that this meter never raises.
pub(super) fn set(store: &mut Store, set: &SetEventConfiguration) {
    for event in &set.events {
        store.events.insert(*event, set.configuration);
    }
}

/// Answer with the configuration of an event, or of a group of them.
pub(super) fn report(store: &Store, component: &Component, get: &GetEventConfiguration) -> Component {
    let wanted = |id: u16| id == get.event || get.event & GROUP == GROUP && id & !GROUP == get.event & !GROUP;
    let own = EVENTS.iter().copied().filter(|(id, _)| !store.events.contains_key(id));
    let set = store.events.iter().map(|(id, configuration)| (*id, *configuration));
    let mut events: Vec<_> = own.chain(set).filter(|(id, _)| wanted(*id)).collect();
    events.sort_unstable();
    if events.is_empty() {
        return component.default_response(Status::NOT_FOUND);
    }
    let events = events.into_iter().map(|(id, configuration)| EventConfiguration { id, configuration }).collect();
    component.response(ReportEventConfiguration { command_index: 0, total_commands: 1, events })
}
