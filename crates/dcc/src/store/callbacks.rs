//! What Users have still to be told.
use super::{Result, Store};
use crate::failpoint;
use duis::RequestId;
use gbcs::{Eui64, Time};
use rusqlite::{Connection, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS callback (
  row INTEGER PRIMARY KEY, user TEXT NOT NULL, key TEXT NOT NULL UNIQUE, xml TEXT NOT NULL, delivered INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS callback_undelivered ON callback (user, row) WHERE delivered IS NULL;
CREATE TABLE IF NOT EXISTS heard (key TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
";

/// A document waiting for a User's Receive Response Service.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Row number.
    pub row: i64,
    /// The signed document.
    pub xml: String,
}

impl Store {
    /// Queue a document for a User; `key` names what it reports, which is told once. The Command it answers is done with.
    pub fn queue_callback(&self, user: Eui64, key: &str, xml: &str, answers: Option<RequestId>) -> Result<bool> {
        self.transact(|transaction| queue(transaction, user, key, xml, answers))
    }

    /// Documents that a User's Receive Response Service has not taken yet, oldest first: the first of those after this row.
    pub fn undelivered(&self, user: Eui64, after: i64) -> Result<Vec<Callback>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached(
            "SELECT row, xml FROM callback WHERE user = ?1 AND delivered IS NULL AND row > ?2 ORDER BY row LIMIT 32",
        )?;
        query
            .query_map(params![user.to_string(), after], |row| Ok(Callback { row: row.get(0)?, xml: row.get(1)? }))?
            .collect()
    }

    /// A Receive Response Service took the document.
    pub fn mark_delivered(&self, row: i64, now: Time) -> Result<()> {
        self.transact(|transaction| {
            transaction
                .execute("UPDATE callback SET delivered = ?2 WHERE row = ?1", params![row, now.0 as i64])
                .map(drop)
        })
    }
}

/// Queue a document for a User; whether its key is new.
pub(crate) fn queue(
    connection: &Connection,
    user: Eui64,
    key: &str,
    xml: &str,
    answers: Option<RequestId>,
) -> Result<bool> {
    let sql = "INSERT OR IGNORE INTO callback (user, key, xml) VALUES (?1, ?2, ?3)";
    failpoint::event("told");
    let queued = connection.prepare_cached(sql)?.execute(params![user.to_string(), key, xml])?;
    if let Some(request) = answers {
        let sql = "UPDATE outbound SET done = 1 WHERE request = ?1";
        connection.prepare_cached(sql)?.execute([request.to_string()])?;
    }
    Ok(queued == 1)
}

/// Whether a message is heard for the first time: a hub repeats what it does not know to be stored.
pub(crate) fn is_first(connection: &Connection, key: &str, now: Time) -> Result<bool> {
    failpoint::event("heard");
    let sql = "INSERT OR IGNORE INTO heard (key, at) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![key, now.0 as i64]).map(|inserted| inserted == 1)
}
