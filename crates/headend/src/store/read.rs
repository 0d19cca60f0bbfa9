//! Looking: what the REST API shows.
use super::row::{self, corrupt};
use super::{Result, StoreError};
use delivery::{Delivery, DeliveryId, Kind};
use duis::{RequestId, Srv};
use gbcs::{Eui64, Time};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params_from_iter};
use std::path::Path;
use std::time::Duration;

/// Everything about one delivery but its events.
#[derive(Clone, Debug)]
pub struct Record {
    /// As the engine sees it.
    pub delivery: Delivery,
    /// When it was accepted.
    pub accepted: Time,
    /// What the user calls it.
    pub reference: Option<String>,
    /// The id of the request to the DCC, the latest if there were several.
    pub request_id: RequestId,
    /// The service asked for.
    pub srv: Srv,
    /// The request as XML. May hold a UTRN: never to be shown.
    pub request: String,
    /// The Signed Pre-Command.
    pub signed: Option<Vec<u8>>,
    /// The Command.
    pub command: Option<Vec<u8>>,
    /// The latest octets that claim to be the Response.
    pub response: Option<Vec<u8>>,
    /// Who brought them: `ppmid` or `dcc`.
    pub response_by: Option<String>,
    /// Why its latest document could not be brought to the DCC, and when the next try is.
    pub trouble: Option<(String, Time)>,
}

/// One event of a delivery.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number.
    pub sequence: i64,
    /// When.
    pub at: Time,
    /// What happened.
    pub event: String,
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
    /// What came of it: `moved`, `noted`, `ignored`, `contradiction`, `too-late`.
    pub outcome: String,
    /// More about it.
    pub detail: Option<String>,
    /// What was received.
    pub octets: Option<Vec<u8>>,
}

/// Which deliveries, newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<Kind>,
    /// Only those for this device.
    pub device: Option<Eui64>,
    /// Only those older than this one.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: usize,
}

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

impl Reader {
    /// Open an existing database.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self { connection })
    }

    pub(crate) fn record(&self, id: DeliveryId) -> Result<Option<Record>> {
        record(&self.connection, id)
    }

    pub(crate) fn list(&self, filter: &Filter) -> Result<Vec<Record>> {
        let mut sql = format!("SELECT {RECORD} FROM deliveries WHERE 1");
        let mut values: Vec<rusqlite::types::Value> = vec![];
        let mut condition = |text: &str, value: rusqlite::types::Value| {
            values.push(value);
            sql.push_str(&format!(" AND {text} ?{}", values.len()));
        };
        if let Some(state) = filter.state {
            condition("state =", state.as_str().to_owned().into());
        }
        if let Some(device) = filter.device {
            condition("device =", device.0.to_vec().into());
        }
        if let Some(before) = filter.before {
            condition("id <", before.0.to_vec().into());
        }
        values.push((filter.limit as i64).into());
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ?{}", values.len()));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let records = statement.query_map(params_from_iter(values), from_row)?;
        Ok(records.collect::<Result<_, _>>()?)
    }

    pub(crate) fn events(&self, id: DeliveryId) -> Result<Vec<Event>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, at, event, from_state, to_state, outcome, detail, octets
             FROM events WHERE delivery = ?1 ORDER BY sequence",
        )?;
        let events = statement.query_map([&id.0[..]], |row| {
            Ok(Event {
                sequence: row.get(0)?,
                at: row::time(row, 1)?,
                event: row.get(2)?,
                from: row.get(3)?,
                to: row.get(4)?,
                outcome: row.get(5)?,
                detail: row.get(6)?,
                octets: row.get(7)?,
            })
        })?;
        Ok(events.collect::<Result<_, _>>()?)
    }

    /// How many deliveries are open, and how many PPMIDs connected.
    pub(crate) fn counts(&self) -> Result<(u64, u64)> {
        let open = "SELECT count(*) FROM deliveries WHERE deadline IS NOT NULL";
        let links = "SELECT count(*) FROM links WHERE connected = 1";
        let count = |sql| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64);
        Ok((count(open)?, count(links)?))
    }
}

/// Behind the columns of a delivery; the trouble is that of its oldest document still open.
const RECORD: &str = "id, via, critical, originator, device, top_up, counter, carrier, not_after, state, detail, \
    since, deadline, not_before, asked, wan, local_closed, attempts, in_doubt, refusals, warrant_until, \
    accepted, reference, request_id, srv, request, signed, command, response, response_by, \
    (SELECT last_error FROM outbox WHERE delivery = deliveries.id AND done IS NULL ORDER BY sequence LIMIT 1), \
    (SELECT next_try FROM outbox WHERE delivery = deliveries.id AND done IS NULL ORDER BY sequence LIMIT 1)";

pub(super) fn record(connection: &Connection, id: DeliveryId) -> Result<Option<Record>, StoreError> {
    let sql = format!("SELECT {RECORD} FROM deliveries WHERE id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([&id.0[..]], from_row).optional()?)
}

fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let behind = row::WIDTH;
    let request_id: String = row.get(behind + 2)?;
    let srv: String = row.get(behind + 3)?;
    let trouble: Option<String> = row.get(behind + 9)?;
    let next_try = row::optional_time(row, behind + 10)?;
    Ok(Record {
        delivery: row::delivery(row)?,
        accepted: row::time(row, behind)?,
        reference: row.get(behind + 1)?,
        request_id: request_id.parse().map_err(|_| corrupt("request_id"))?,
        srv: srv.parse().map_err(|_| corrupt("srv"))?,
        request: row.get(behind + 4)?,
        signed: row.get(behind + 5)?,
        command: row.get(behind + 6)?,
        response: row.get(behind + 7)?,
        response_by: row.get(behind + 8)?,
        trouble: trouble.zip(next_try),
    })
}
