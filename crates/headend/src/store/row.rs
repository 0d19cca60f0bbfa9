//! Rows to values. A row that no version of this program writes is an error, never a guess.
use delivery::{Attempts, CounterSpace, Delivery, DeliveryId, Kind, Lane, State, Via};
use gbcs::{Counter, Eui64, Time};
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};

/// The columns that [`delivery`] reads, in its order.
pub(super) const COLUMNS: &str = "id, via, critical, originator, device, top_up, counter, carrier, not_after, state, detail, \
    since, deadline, not_before, asked, wan, local_closed, attempts, in_doubt, refusals, warrant_until";
/// How many those are.
pub(super) const WIDTH: usize = 21;

/// A value that the schema allows and this program never writes.
pub(super) fn corrupt(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, format!("unexpected {what}").into())
}

pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let via: String = row.get(1)?;
    let space = if row.get(5)? { CounterSpace::TopUp } else { CounterSpace::Ordinary };
    Ok(Delivery {
        id: id(row, 0)?,
        via: Via::from_word(&via).ok_or_else(|| corrupt("via"))?,
        critical: row.get(2)?,
        lane: Lane { originator: eui(row, 3)?, device: eui(row, 4)?, space },
        counter: blob_counter(row, 6)?,
        carrier: row
            .get::<_, Option<Vec<u8>>>(7)?
            .map(|octets| octets.try_into().map(Eui64))
            .transpose()
            .map_err(|_| corrupt("carrier"))?,
        not_after: time(row, 8)?,
        state: state(row, 9, 10)?,
        since: time(row, 11)?,
        deadline: optional_time(row, 12)?,
        not_before: optional_time(row, 13)?,
        asked: row.get(14)?,
        wan: row.get(15)?,
        local_closed: row.get(16)?,
        attempts: row.get(17)?,
        in_doubt: Attempts::from_bits(row.get::<_, i64>(18)? as u64),
        refusals: row.get(19)?,
        warrant_until: optional_time(row, 20)?,
    })
}

pub(super) fn state(row: &Row<'_>, kind: usize, detail: usize) -> rusqlite::Result<State> {
    let name: String = row.get(kind)?;
    let detail: Option<String> = row.get(detail)?;
    let kind = Kind::from_name(&name).ok_or_else(|| corrupt("state"))?;
    State::from_parts(kind, detail.as_deref()).map_err(|_| corrupt("detail of a state"))
}

pub(super) fn id(row: &Row<'_>, at: usize) -> rusqlite::Result<DeliveryId> {
    array(row, at).map(DeliveryId)
}

pub(super) fn eui(row: &Row<'_>, at: usize) -> rusqlite::Result<Eui64> {
    array(row, at).map(Eui64)
}

pub(super) fn blob_counter(row: &Row<'_>, at: usize) -> rusqlite::Result<Counter> {
    array(row, at).map(|octets| Counter(u64::from_be_bytes(octets)))
}

pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Time> {
    Ok(Time(row.get::<_, i64>(at)? as u64))
}

pub(super) fn optional_time(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Time>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(|ms| Time(ms as u64)))
}

fn array<const N: usize>(row: &Row<'_>, at: usize) -> rusqlite::Result<[u8; N]> {
    let octets = row
        .get_ref(at)?
        .as_blob()
        .map_err(|error: FromSqlError| rusqlite::Error::FromSqlConversionFailure(at, Type::Blob, Box::new(error)))?;
    octets.try_into().map_err(|_| corrupt("length of an id or counter"))
}
