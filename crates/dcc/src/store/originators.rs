//! Counters of the parties of the DCC that originate Commands: they never go back.
use super::{Result, Store};
use gbcs::{Counter, Eui64};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS originator (eui TEXT PRIMARY KEY, counter INTEGER NOT NULL) STRICT;
";

impl Store {
    /// The highest counter that a party has used; 0 at first.
    pub fn last_counter(&self, party: Eui64) -> Result<Counter> {
        let sql = "SELECT counter FROM originator WHERE eui = ?1";
        let last: Option<i64> = self.reading().query_row(sql, [party.to_string()], |row| row.get(0)).optional()?;
        Ok(Counter(last.unwrap_or_default() as u64))
    }
}

/// A party uses a counter.
pub(crate) fn use_counter(connection: &Connection, party: Eui64, counter: Counter) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO originator (eui, counter) VALUES (?1, ?2)
             ON CONFLICT (eui) DO UPDATE SET counter = max(counter, excluded.counter)",
        )?
        .execute(params![party.to_string(), counter.0 as i64])
        .map(drop)
}
