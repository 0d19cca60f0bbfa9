//! DCC schedules and the requests that came of them (SRV 5.1 to 5.3).
use super::{Result, Store, parsed};
use crate::failpoint;
use duis::RequestId;
use gbcs::{Eui64, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};

// A number is never given twice.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS schedule (
  id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL UNIQUE, user TEXT NOT NULL, device TEXT NOT NULL,
  next INTEGER, document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS schedule_next ON schedule (next) WHERE next IS NOT NULL;
CREATE INDEX IF NOT EXISTS schedule_device ON schedule (device, user);
CREATE TABLE IF NOT EXISTS scheduled (request TEXT PRIMARY KEY, schedule INTEGER NOT NULL) STRICT;
";

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its number.
    pub id: i64,
    /// The request that made it.
    pub request: RequestId,
    /// Whose it is.
    pub user: Eui64,
    /// The device it asks.
    pub device: Eui64,
    /// When it runs next; `None` when it is over.
    pub next: Option<Time>,
    /// The document of the request.
    pub document: String,
}

const COLUMNS: &str = "id, request, user, device, next, document";

impl Store {
    /// A schedule.
    pub fn schedule(&self, id: i64) -> Result<Option<Schedule>> {
        schedule(&self.reading(), id)
    }

    /// Schedules for a device, of one User or of all, by number.
    pub fn schedules(&self, device: Eui64, user: Option<Eui64>) -> Result<Vec<Schedule>> {
        schedules(&self.reading(), device, user)
    }

    /// Schedules whose time has come, the longest overdue first; not all at once.
    pub fn due_schedules(&self, now: Time) -> Result<Vec<Schedule>> {
        let connection = self.reading();
        let mut query = connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM schedule WHERE next <= ?1 ORDER BY next, id LIMIT 100"))?;
        query.query_map([now.0 as i64], read)?.collect()
    }

    /// The schedule that a request came of.
    pub fn schedule_of(&self, request: RequestId) -> Result<Option<i64>> {
        of(&self.reading(), request)
    }

    pub(super) fn schedules_due(connection: &Connection) -> Result<Option<i64>> {
        connection
            .prepare_cached("SELECT min(next) FROM schedule WHERE next IS NOT NULL")?
            .query_row([], |row| row.get(0))
    }
}

/// A schedule.
pub(crate) fn schedule(connection: &Connection, id: i64) -> Result<Option<Schedule>> {
    let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM schedule WHERE id = ?1"))?;
    query.query_row([id], read).optional()
}

/// The schedule that a request came of.
pub(crate) fn of(connection: &Connection, request: RequestId) -> Result<Option<i64>> {
    let mut query = connection.prepare_cached("SELECT schedule FROM scheduled WHERE request = ?1")?;
    query.query_row([request.to_string()], |row| row.get(0)).optional()
}

/// Schedules for a device, of one User or of all, by number.
pub(crate) fn schedules(connection: &Connection, device: Eui64, user: Option<Eui64>) -> Result<Vec<Schedule>> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM schedule WHERE device = ?1 AND (?2 IS NULL OR user = ?2) ORDER BY id"
    ))?;
    query.query_map(params![device.to_string(), user.map(|user| user.to_string())], read)?.collect()
}

/// Keep a new schedule; its number.
pub(crate) fn create(
    connection: &Connection,
    request: RequestId,
    device: Eui64,
    next: Time,
    document: &str,
) -> Result<i64> {
    connection
        .prepare_cached("INSERT INTO schedule (request, user, device, next, document) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .insert(params![
            request.to_string(),
            request.originator.to_string(),
            device.to_string(),
            next.0 as i64,
            document
        ])
}

/// A schedule is gone; whether it was there.
pub(crate) fn remove(connection: &Connection, id: i64) -> Result<bool> {
    connection.execute("DELETE FROM schedule WHERE id = ?1", [id]).map(|rows| rows == 1)
}

/// A run is over: the next one. `false` when another did this run, or the schedule is gone.
pub(crate) fn advance(connection: &Connection, id: i64, ran: Time, next: Option<Time>) -> Result<bool> {
    failpoint::event("ran");
    connection
        .prepare_cached("UPDATE schedule SET next = ?3 WHERE id = ?1 AND next = ?2")?
        .execute(params![id, ran.0 as i64, next.map(|next| next.0 as i64)])
        .map(|rows| rows == 1)
}

/// This request came of a schedule.
pub(crate) fn link(connection: &Connection, request: RequestId, schedule: i64) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO scheduled (request, schedule) VALUES (?1, ?2)")?
        .execute(params![request.to_string(), schedule])
        .map(drop)
}

fn read(row: &Row<'_>) -> Result<Schedule> {
    Ok(Schedule {
        id: row.get(0)?,
        request: parsed(row, 1)?,
        user: parsed(row, 2)?,
        device: parsed(row, 3)?,
        next: row.get::<_, Option<i64>>(4)?.map(|ms| Time(ms as u64)),
        document: row.get(5)?,
    })
}
