//! Commands with a date: those that the DCC kept until theirs, and those that a device keeps.
use super::{Result, Store, parsed};
use duis::{RequestId, Srv};
use gbcs::{Eui64, MessageCode, Time};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS dated (
  request TEXT PRIMARY KEY, srv TEXT NOT NULL, originator TEXT NOT NULL, device TEXT NOT NULL, code INTEGER NOT NULL,
  instructions INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0, due INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS dated_due ON dated (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS dated_device ON dated (device, originator, code) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS instruction (
  request TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (request, number)
) STRICT, WITHOUT ROWID;
";

/// A Command that a device keeps until its date.
#[derive(Clone, Copy, Debug)]
pub struct Dated {
    /// The request.
    pub request: RequestId,
    /// The service.
    pub srv: Srv,
    /// The party that the device knows as its originator.
    pub originator: Eui64,
    /// Its use case: a later one of the same replaces it.
    pub code: MessageCode,
    /// How many of its instructions have a date.
    pub instructions: usize,
    /// When all of them should have been told of.
    pub due: Time,
}

impl Store {
    /// Dated Commands of which not everything was told in time; not all at once.
    pub fn untold(&self, now: Time) -> Result<Vec<(RequestId, Srv)>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached("SELECT request, srv FROM dated WHERE due <= ?1 LIMIT 100")?;
        query.query_map([now.0 as i64], |row| Ok((parsed(row, 0)?, parsed(row, 1)?)))?.collect()
    }

    /// How many instructions of a dated Command were told of, and how many there are.
    pub fn instructions(&self, request: RequestId) -> Result<Option<(u16, u16)>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached("SELECT told, instructions FROM dated WHERE request = ?1")?;
        query.query_row([request.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    pub(super) fn dated_due(connection: &Connection) -> Result<Option<i64>> {
        connection.prepare_cached("SELECT min(due) FROM dated WHERE due IS NOT NULL")?.query_row([], |row| row.get(0))
    }
}

/// A device is given a Command to keep.
pub(crate) fn expect(connection: &Connection, dated: &Dated) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dated (request, srv, originator, device, code, instructions, due)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            dated.request.to_string(),
            dated.srv.to_string(),
            dated.originator.to_string(),
            dated.request.target.to_string(),
            dated.code.0,
            dated.instructions as i64,
            dated.due.0 as i64,
        ])
        .map(drop)
}

/// The DCC kept this request until its date, and now its Command goes out.
pub(crate) fn kept(connection: &Connection, request: RequestId, srv: Srv) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dated (request, srv, originator, device, code, instructions)
             VALUES (?1, ?2, ?3, ?4, 0, 0)",
        )?
        .execute([request.to_string(), srv.to_string(), request.originator.to_string(), request.target.to_string()])
        .map(drop)
}

/// Whether the DCC kept the request until its date.
pub(crate) fn was_kept(connection: &Connection, request: RequestId) -> Result<bool> {
    let mut query = connection.prepare_cached("SELECT 1 FROM dated WHERE request = ?1 AND instructions = 0")?;
    query.exists([request.to_string()])
}

/// An Alert told of one instruction of a Command: whether it was the first; told twice it counts once.
pub(crate) fn told(connection: &Connection, request: RequestId, instruction: u16) -> Result<bool> {
    let name = request.to_string();
    let new = connection
        .prepare_cached("INSERT OR IGNORE INTO instruction (request, number) VALUES (?1, ?2)")?
        .execute(params![name, instruction])?;
    if new == 1 {
        connection
            .prepare_cached(
                "UPDATE dated SET told = told + 1, due = iif(told + 1 >= instructions, NULL, due) WHERE request = ?1",
            )?
            .execute([name])?;
    }
    Ok(new == 1)
}

/// The device took a Command of this use case from this originator: what it kept of it before is replaced (GBCS 9.2.2.7).
pub(crate) fn replace(connection: &Connection, by: RequestId, originator: Eui64, code: MessageCode) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE dated SET due = NULL
             WHERE device = ?1 AND originator = ?2 AND code = ?3 AND request <> ?4 AND due IS NOT NULL",
        )?
        .execute(params![by.target.to_string(), originator.to_string(), code.0, by.to_string()])
        .map(drop)
}

/// Nothing more is expected of a dated Command.
pub(crate) fn forget(connection: &Connection, request: RequestId) -> Result<()> {
    connection
        .prepare_cached("UPDATE dated SET due = NULL WHERE request = ?1")?
        .execute([request.to_string()])
        .map(drop)
}
