//! What the CHF shows of itself besides its Device Log: who made it, what runs on it, its event and security logs, and its radio (GBCS use
//! cases ECS26i, ECS26n, ECS35c, ECS35d, ECS52, DBCH01 to DBCH05).
//!
//! It has one radio, at 2.4 GHz: of a sub-GHz one it reads nothing in use, and it cannot be told to use one.
use crate::event::{EventLog, LogEntry};
use alloc::vec::Vec;
use gbcs::dlms::{Access, BitString, CompactArray, Data, DataAccessResult, Obis, Row, TypeDescription};
use gbcs::{Eui64, MessageCode, Time};

/// Model type, eight octets.
const MODEL: [u8; 8] = *b"LASTMETR";
/// Manufacturer and hardware: what kind of thing it is.
const MANUFACTURER: [u8; 4] = *b"COMH";
/// The version that runs, as meters write theirs: major, minor, patch, build.
const FIRMWARE: [u8; 4] = [0, 1, 0, 0];
/// Codes from here on are for the security log (GBCS 16.1).
const SECURITY: u16 = 0x8F00;

/// Whether these Commands read, or would change, something here.
pub(crate) const fn concerns(code: MessageCode) -> bool {
    matches!(code.0, 0x0059 | 0x0092..=0x0094 | 0x00FA | 0x010A..=0x010E)
}

/// Execute a row; `None` when it is about none of these objects.
pub(crate) fn execute(chf: Eui64, log: &EventLog, row: &Row) -> Option<Result<Data, DataAccessResult>> {
    let object = (row.class, row.obis, row.index);
    let in_time = |parameters: &Data| match parameters.as_structure() {
        Some([_, Data::DoubleLongUnsigned(from), Data::DoubleLongUnsigned(to), _]) => Some((*from, *to)),
        _ => None,
    };
    Some(match (&row.access, object) {
        (Access::Get, (1, of, 2)) => Ok(match of {
            Obis([0, 0, 96, 1, 1, 255]) => Data::octets(chf.octets()),
            Obis([0, 0, 96, 1, 4, 255]) => Data::octets(MODEL),
            Obis([0, 0, 96, 1, 6, 255]) => Data::octets(MANUFACTURER),
            Obis([0, 0, 0, 2, 1, 255]) => Data::octets(FIRMWARE),
            Obis([0, 0, 94, 44, 10, 0]) => sub_ghz_configuration(),
            Obis([0, 0, 94, 44, 10, 2]) => no_channels(),
            _ => return None,
        }),
        (Access::Set, (1, Obis([0, 0, 94, 44, 10, 0 | 1]), 2)) => Err(DataAccessResult::HARDWARE_FAULT),
        (Access::GetSelective { parameters, .. }, (7, of, 2)) => {
            let entries = match of {
                Obis([0, 0, 99, 98, 0, 255]) => entries(log, false),
                Obis([0, 0, 99, 98, 1, 255]) => entries(log, true),
                Obis([0, 0, 94, 44, 10, 3]) => (columns(true), Vec::new()),
                _ => return None,
            };
            match in_time(parameters) {
                Some((from, to)) => compact(entries, from, to).ok_or(DataAccessResult::OTHER_REASON),
                None => Err(DataAccessResult::TYPE_UNMATCHED),
            }
        }
        _ => return None,
    })
}

type Columns = (TypeDescription, Vec<(Time, Vec<Data>)>);

/// The lines of the event log, or of the security log, which has no information beside the event.
fn entries(log: &EventLog, security: bool) -> Columns {
    let lines = log.iter().filter(|entry| (entry.code >= SECURITY) == security);
    let line = |entry: &LogEntry| {
        let mut line = alloc::vec![Data::DoubleLongUnsigned(entry.time.zigbee()), Data::LongUnsigned(entry.code)];
        if !security {
            // Of what concerns a Command its message code (han.md 6.8).
            line.push(entry.message.map_or(Data::octets([]), |code| Data::octets(code.0.to_be_bytes())));
        }
        (entry.time, line)
    };
    (columns(!security), lines.map(line).collect())
}

/// Time, event, and information where there is some.
fn columns(with_information: bool) -> TypeDescription {
    const OCTET_STRING: u8 = 0x09;
    let mut tags = alloc::vec![Data::DoubleLongUnsigned(0).tag(), Data::LongUnsigned(0).tag()];
    tags.extend(with_information.then_some(OCTET_STRING));
    TypeDescription::Structure(tags.into_iter().map(TypeDescription::Simple).collect())
}

/// The lines between two times, both included, in seconds since 2000.
fn compact((columns, lines): Columns, from: u32, to: u32) -> Option<Data> {
    let lines = lines.into_iter().filter(|(at, _)| (from..=to).contains(&at.zigbee()));
    let lines = lines.map(|(_, line)| Data::Structure(line)).collect();
    CompactArray::new(columns, lines).map(|log| Data::CompactArray(log.into()))
}

fn no_channels() -> Data {
    BitString::new(32, [0; 4]).map_or(Data::Null, Data::BitString)
}

/// Four channel masks with no channel, and every limit zero, in the types of the use case.
fn sub_ghz_configuration() -> Data {
    let long = || Data::LongUnsigned(0);
    let short = || Data::Unsigned(0);
    Data::structure([
        no_channels(),
        no_channels(),
        no_channels(),
        no_channels(),
        long(),
        long(),
        short(),
        long(),
        short(),
        short(),
        long(),
        short(),
        long(),
        long(),
        long(),
    ])
}
