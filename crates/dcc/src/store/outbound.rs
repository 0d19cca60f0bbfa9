//! Commands on their way over the WAN.
use super::{Result, Store, parsed};
use duis::{RequestId, Srv};
use gbcs::{Eui64, Time};
use rusqlite::params;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS outbound (
  row INTEGER PRIMARY KEY, hub TEXT NOT NULL, request TEXT NOT NULL, command BLOB NOT NULL,
  queued INTEGER NOT NULL, sent INTEGER, done INTEGER NOT NULL DEFAULT 0
) STRICT;
";

/// A Command waiting for the WAN, or for its Response.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Row number: the order of acceptance.
    pub row: i64,
    /// The Command's octets.
    pub command: Vec<u8>,
}

impl Store {
    /// Commands for a hub that have not been sent, oldest first.
    pub fn unsent(&self, hub: Eui64) -> Result<Vec<Outbound>> {
        let connection = self.lock();
        let mut query = connection.prepare_cached(
            "SELECT row, command FROM outbound WHERE hub = ?1 AND sent IS NULL AND done = 0 ORDER BY row",
        )?;
        query.query_map([hub.to_string()], |row| Ok(Outbound { row: row.get(0)?, command: row.get(1)? }))?.collect()
    }

    /// A Command went to its hub.
    pub fn mark_sent(&self, row: i64, now: Time) -> Result<()> {
        self.lock().execute("UPDATE outbound SET sent = ?2 WHERE row = ?1", params![row, now.0 as i64]).map(drop)
    }

    /// Commands whose patience ran out: the request, the service, and whether the Command was ever sent. Each is told once.
    pub fn give_up(&self, before: Time) -> Result<Vec<(RequestId, Srv, bool)>> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let found = {
            let mut query = transaction.prepare(
                "SELECT outbound.row, request, srv, sent IS NOT NULL FROM outbound JOIN request ON request.id = outbound.request
                 AND request.command IS NOT NULL WHERE done = 0 AND coalesce(sent, queued) <= ?1 ORDER BY outbound.row",
            )?;
            let rows = query.query_map([before.0 as i64], |row| {
                Ok((row.get::<_, i64>(0)?, (parsed(row, 1)?, parsed(row, 2)?, row.get(3)?)))
            })?;
            rows.collect::<Result<Vec<_>>>()?
        };
        for (row, _) in &found {
            transaction.execute("UPDATE outbound SET done = 1 WHERE row = ?1", [row])?;
        }
        transaction.commit()?;
        Ok(found.into_iter().map(|(_, told)| told).collect())
    }

    /// When patience with the oldest open Command started.
    pub fn oldest_open(&self) -> Result<Option<Time>> {
        let connection = self.lock();
        let oldest: Option<i64> =
            connection
                .query_row("SELECT min(coalesce(sent, queued)) FROM outbound WHERE done = 0", [], |row| row.get(0))?;
        Ok(oldest.map(|ms| Time(ms as u64)))
    }
}
