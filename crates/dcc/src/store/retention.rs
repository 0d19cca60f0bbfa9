//! What is forgotten, and when: the store grows with what happens in a period, not with all that ever happened.
use super::{Result, Store};
use crate::limits::Limits;
use duis::{RequestId, Srv};
use gbcs::{Counter, Time};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS floor (
  parties TEXT NOT NULL, top_up INTEGER NOT NULL, counter TEXT NOT NULL, PRIMARY KEY (parties, top_up)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS request_accepted ON request (accepted);
CREATE INDEX IF NOT EXISTS request_payload ON request (accepted) WHERE command IS NOT NULL OR document IS NOT NULL OR pre_command IS NOT NULL;
CREATE INDEX IF NOT EXISTS callback_delivered ON callback (delivered) WHERE delivered IS NOT NULL;
CREATE INDEX IF NOT EXISTS measured_when ON measured (at);
";

/// Rows of each kind that a sweep forgets at most: others wait for the connection meanwhile.
const BATCH: usize = 500;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows emptied or deleted.
    pub rows: usize,
    /// Whether there is more of it now.
    pub more: bool,
}

impl Store {
    /// Forget what nobody needs any more:
    ///
    /// - documents that a User has taken, and which messages the WAN brought, after [`Limits::told`];
    /// - documents, Pre-Commands, Commands, and Responses that were returned, after [`Limits::payloads`], unless the Command is on
    ///   its way, the request waits, or an Alert about it is expected;
    /// - how requests ended, which requests came of which schedule, what was told of dates, after the same time;
    /// - what anomaly detection counted, after its longest period;
    /// - the names of requests, after [`Limits::names`]. What stays is the highest counter among them for each pair of User and
    ///   device, top-ups apart: a name at or below it counts as used. A device takes no such counter either (DUIS 4.9).
    ///
    /// Documents that no User has taken are never forgotten, nor schedules, nor requests that wait.
    pub fn sweep(&self, now: Time, limits: &Limits, measured: Duration) -> Result<Swept> {
        self.transact(|connection| {
            let before = |duration: Duration| now.0.saturating_sub(duration.as_millis() as u64) as i64;
            let mut swept = Swept::default();
            let mut run = |sql: &str, before: i64| -> Result<()> {
                let rows = connection.prepare_cached(sql)?.execute(params![before, BATCH as i64])?;
                swept.rows += rows;
                swept.more |= rows == BATCH;
                Ok(())
            };
            run(
                "DELETE FROM callback WHERE row IN
                 (SELECT row FROM callback WHERE delivered IS NOT NULL AND delivered < ?1 LIMIT ?2)",
                before(limits.told),
            )?;
            run("DELETE FROM heard WHERE rowid IN (SELECT rowid FROM heard WHERE at < ?1 LIMIT ?2)", before(limits.told))?;
            let payloads = before(limits.payloads);
            run(
                "UPDATE request SET document = NULL, pre_command = NULL, command = NULL, message = NULL WHERE rowid IN
                 (SELECT rowid FROM request WHERE accepted < ?1
                  AND (command IS NOT NULL OR document IS NOT NULL OR pre_command IS NOT NULL)
                  AND NOT EXISTS (SELECT 1 FROM outbound WHERE outbound.request = request.id AND done = 0)
                  AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = request.id)
                  AND NOT EXISTS (SELECT 1 FROM dated WHERE dated.request = request.id AND due IS NOT NULL) LIMIT ?2)",
                payloads,
            )?;
            run(
                "DELETE FROM outbound WHERE row IN (SELECT row FROM outbound WHERE done = 1 AND queued < ?1 LIMIT ?2)",
                payloads,
            )?;
            run("DELETE FROM returned WHERE rowid IN (SELECT rowid FROM returned WHERE at < ?1 LIMIT ?2)", payloads)?;
            run("DELETE FROM ending WHERE rowid IN (SELECT rowid FROM ending WHERE at < ?1 LIMIT ?2)", payloads)?;
            for table in ["dated", "instruction", "scheduled"] {
                let unless = if table == "dated" { "AND due IS NULL" } else { "" };
                let sql = format!(
                    "DELETE FROM {table} WHERE request IN (SELECT request FROM {table} WHERE NOT EXISTS
                     (SELECT 1 FROM request WHERE id = {table}.request AND (accepted >= ?1 OR command IS NOT NULL)) {unless} LIMIT ?2)"
                );
                run(&sql, payloads)?;
            }
            run(
                "DELETE FROM measured WHERE row IN (SELECT row FROM measured WHERE at < ?1 LIMIT ?2)",
                before(measured.max(limits.told)),
            )?;
            let names = names(connection, before(limits.names))?;
            swept.rows += names;
            swept.more |= names == BATCH;
            Ok(swept)
        })
    }
}

/// Forget names that nothing refers to, and remember the highest counter among them.
fn names(connection: &Connection, before: i64) -> Result<usize> {
    let old: Vec<(i64, String, String)> = connection
        .prepare_cached(
            "SELECT rowid, id, srv FROM request WHERE accepted < ?1
             AND command IS NULL AND document IS NULL AND pre_command IS NULL
             AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = request.id) LIMIT ?2",
        )?
        .query_map(params![before, BATCH as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_>>()?;
    for (row, id, srv) in &old {
        if let (Ok(id), Ok(srv)) = (id.parse::<RequestId>(), srv.parse::<Srv>())
            && floor(connection, id, srv)?.is_none_or(|floor| floor < id.counter)
        {
            connection
                .prepare_cached("INSERT OR REPLACE INTO floor (parties, top_up, counter) VALUES (?1, ?2, ?3)")?
                .execute(params![parties(id), is_top_up(srv), id.counter.to_string()])?;
        }
        connection.prepare_cached("DELETE FROM request WHERE rowid = ?1")?.execute([row])?;
    }
    Ok(old.len())
}

/// The highest counter of all names that were forgotten: it and what is below counts as used.
pub(super) fn floor(connection: &Connection, id: RequestId, srv: Srv) -> Result<Option<Counter>> {
    let floor: Option<String> = connection
        .prepare_cached("SELECT counter FROM floor WHERE parties = ?1 AND top_up = ?2")?
        .query_row(params![parties(id), is_top_up(srv)], |row| row.get(0))
        .optional()?;
    Ok(floor.and_then(|counter| counter.parse().ok()).map(Counter))
}

/// Counters of top-ups are a series of their own, far above the others (DUIS 4.9, 8.6).
pub(super) fn is_top_up(srv: Srv) -> bool {
    srv == Srv::new(2, 2, 0)
}

fn parties(id: RequestId) -> String {
    format!("{}:{}", id.originator, id.target)
}
