//! How many requests Users made, for anomaly detection; and settings that are told while the stand-in runs.
use super::{Result, Store};
use duis::{RequestId, Srv};
use gbcs::{Eui64, Time};
use rusqlite::{OptionalExtension, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS measured (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, srv TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS measured_at ON measured (user, srv, at);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
";

impl Store {
    /// Count a request once, however often it comes; then, for each start of a period, how many the User had made for this
    /// service since then, up to this one.
    pub fn measure(&self, id: RequestId, srv: Srv, now: Time, since: &[Time]) -> Result<Vec<u64>> {
        self.transact(|transaction| {
            let (name, user, srv) = (id.to_string(), id.originator.to_string(), srv.to_string());
            transaction
                .prepare_cached("INSERT OR IGNORE INTO measured (id, user, srv, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![name, user, srv, now.0 as i64])?;
            let row: i64 = transaction
                .prepare_cached("SELECT row FROM measured WHERE id = ?1")?
                .query_row([name], |row| row.get(0))?;
            let mut count = transaction.prepare_cached(
                "SELECT count(*) FROM measured WHERE user = ?1 AND srv = ?2 AND at > ?3 AND row <= ?4",
            )?;
            let count = |since: &Time| {
                count.query_row(params![user, srv, since.0 as i64, row], |row| row.get::<_, i64>(0)).map(|n| n as u64)
            };
            since.iter().map(count).collect()
        })
    }

    /// How many requests of a User for a service count since a time.
    pub fn count_since(&self, user: Eui64, srv: Srv, since: Time) -> Result<u64> {
        let connection = self.reading();
        let mut query =
            connection.prepare_cached("SELECT count(*) FROM measured WHERE user = ?1 AND srv = ?2 AND at > ?3")?;
        let count: i64 =
            query.query_row(params![user.to_string(), srv.to_string(), since.0 as i64], |row| row.get(0))?;
        Ok(count as u64)
    }

    /// A setting.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        self.reading().query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| row.get(0)).optional()
    }

    /// Keep a setting.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        self.transact(|transaction| {
            transaction.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", [name, value]).map(drop)
        })
    }
}
