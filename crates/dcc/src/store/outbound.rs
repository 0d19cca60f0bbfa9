//! Commands on their way over the WAN.
use super::{Result, Store, parsed};
use duis::{RequestId, Srv};
use gbcs::{Eui64, Time};
use rusqlite::{OptionalExtension, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS outbound (
  row INTEGER PRIMARY KEY, hub TEXT NOT NULL, request TEXT NOT NULL, command BLOB NOT NULL,
  queued INTEGER NOT NULL, sent INTEGER, done INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS outbound_unsent ON outbound (hub, row) WHERE sent IS NULL AND done = 0;
CREATE INDEX IF NOT EXISTS outbound_request ON outbound (request);
";

/// A Command waiting for the WAN.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Row number: the order of acceptance.
    pub row: i64,
    /// The Command's octets.
    pub command: Vec<u8>,
}

/// A Command that the User has not heard the end of.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Row number: the order of acceptance.
    pub row: i64,
    /// The request.
    pub id: RequestId,
    /// The service.
    pub srv: Srv,
    /// When it began to wait for the WAN.
    pub queued: Time,
    /// When it went to its hub.
    pub sent: Option<Time>,
}

const OPEN: &str = "SELECT outbound.row, request, srv, queued, sent FROM outbound
 JOIN request ON request.id = outbound.request AND request.command IS NOT NULL WHERE done = 0 AND";

impl Store {
    /// The oldest Command for a hub that has not been sent.
    pub fn next_unsent(&self, hub: Eui64) -> Result<Option<Outbound>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached(
            "SELECT row, command FROM outbound WHERE hub = ?1 AND sent IS NULL AND done = 0 ORDER BY row LIMIT 1",
        )?;
        query.query_row([hub.to_string()], |row| Ok(Outbound { row: row.get(0)?, command: row.get(1)? })).optional()
    }

    /// A Command went to its hub.
    pub fn mark_sent(&self, row: i64, now: Time) -> Result<()> {
        self.transact(|transaction| {
            transaction.execute("UPDATE outbound SET sent = ?2 WHERE row = ?1", params![row, now.0 as i64]).map(drop)
        })
    }

    /// Open Commands that were accepted after this row, oldest first.
    pub fn open_after(&self, row: i64) -> Result<Vec<Open>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached(&format!("{OPEN} outbound.row > ?1 ORDER BY outbound.row"))?;
        query.query_map([row], read_open)?.collect()
    }

    /// A Command, if it is open. Who gives up on it queues a callback that answers the request, which closes it.
    pub fn open_command(&self, row: i64) -> Result<Option<Open>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached(&format!("{OPEN} outbound.row = ?1"))?;
        query.query_row([row], read_open).optional()
    }
}

fn read_open(row: &rusqlite::Row<'_>) -> Result<Open> {
    let time = |ms: i64| Time(ms as u64);
    Ok(Open {
        row: row.get(0)?,
        id: parsed(row, 1)?,
        srv: parsed(row, 2)?,
        queued: time(row.get(3)?),
        sent: row.get::<_, Option<i64>>(4)?.map(time),
    })
}
