//! Alerts of devices that repeat: how many of a code went to a User in a while, and how many were collapsed.
use super::{Result, parsed};
use gbcs::{Eui64, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS alert_run (
  user TEXT NOT NULL, device TEXT NOT NULL, alert INTEGER NOT NULL, since INTEGER NOT NULL, passed INTEGER NOT NULL,
  collapsed INTEGER NOT NULL, last BLOB NOT NULL, PRIMARY KEY (user, device, alert)
) STRICT;
CREATE TABLE IF NOT EXISTS alert_sequence (user TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
";

/// Alerts of one device and code for one User within a while.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub user: Eui64,
    pub device: Eui64,
    pub alert: u16,
    /// When the first came.
    pub since: Time,
    /// How many were passed on.
    pub passed: u32,
    /// How many were not.
    pub collapsed: u32,
    /// The last of these.
    pub last: Vec<u8>,
}

const COLUMNS: &str = "user, device, alert, since, passed, collapsed, last";

pub(crate) fn run(connection: &Connection, user: Eui64, device: Eui64, alert: u16) -> Result<Option<Run>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM alert_run WHERE user = ?1 AND device = ?2 AND alert = ?3"))?
        .query_row(params![user.to_string(), device.to_string(), alert], read)
        .optional()
}

/// Runs that began before, or then.
pub(crate) fn ended(connection: &Connection, before: Time) -> Result<Vec<Run>> {
    let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM alert_run WHERE since <= ?1"))?;
    query.query_map([before.0 as i64], read)?.collect()
}

/// Since when the oldest run goes on in which something was collapsed.
pub(crate) fn oldest_collapsed(connection: &Connection) -> Result<Option<Time>> {
    let mut query = connection.prepare_cached("SELECT min(since) FROM alert_run WHERE collapsed > 0")?;
    let since: Option<i64> = query.query_row([], |row| row.get(0))?;
    Ok(since.map(|since| Time(since as u64)))
}

pub(crate) fn keep(connection: &Connection, run: &Run) -> Result<()> {
    let Run { user, device, alert, since, passed, collapsed, last } = run;
    connection
        .prepare_cached(&format!("INSERT OR REPLACE INTO alert_run ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?
        .execute(params![user.to_string(), device.to_string(), alert, since.0 as i64, passed, collapsed, last])
        .map(drop)
}

pub(crate) fn forget(connection: &Connection, run: &Run) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM alert_run WHERE user = ?1 AND device = ?2 AND alert = ?3")?
        .execute(params![run.user.to_string(), run.device.to_string(), run.alert])
        .map(drop)
}

/// The number of a User's next collapsed run, from 1.
pub(crate) fn next_sequence(connection: &Connection, user: Eui64) -> Result<u32> {
    connection
        .prepare_cached(
            "INSERT INTO alert_sequence (user, last) VALUES (?1, 1)
             ON CONFLICT (user) DO UPDATE SET last = (last + 1) & 4294967295 RETURNING last",
        )?
        .query_row([user.to_string()], |row| row.get(0))
}

fn read(row: &Row<'_>) -> Result<Run> {
    let since: i64 = row.get(3)?;
    Ok(Run {
        user: parsed(row, 0)?,
        device: parsed(row, 1)?,
        alert: row.get(2)?,
        since: Time(since as u64),
        passed: row.get(4)?,
        collapsed: row.get(5)?,
        last: row.get(6)?,
    })
}
