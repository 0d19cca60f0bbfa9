//! What was accepted, what is on its way, what a User has still to be told: SQLite, durable before any answer goes out.
use duis::{RequestId, Srv};
use gbcs::{Eui64, MessageId, Time};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// The database. One connection, short transactions.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

/// Which of the two times a RequestID may be used: Transform first, then its Signed Pre-Command (DUIS 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A service request.
    Request = 0,
    /// A Signed Pre-Command.
    Signed = 1,
}

/// A request about to be accepted.
#[derive(Debug)]
pub struct Acceptance<'a> {
    /// Its name.
    pub id: RequestId,
    /// The service.
    pub srv: Srv,
    /// First or second use of the name.
    pub stage: Stage,
    /// The Pre-Command that was made of it.
    pub pre_command: Option<&'a [u8]>,
    /// The Command that was made of it.
    pub command: Option<&'a [u8]>,
    /// Whether the Command was returned for local delivery.
    pub local: bool,
    /// The hub to send the Command to, where it goes by WAN.
    pub send_to: Option<Eui64>,
    /// With SRV 8.13: the request that was answered, and the Response.
    pub returned: Option<(RequestId, &'a [u8])>,
    /// When.
    pub now: Time,
}

/// A Command made of an accepted request.
#[derive(Clone, Debug)]
pub struct Known {
    /// The request.
    pub id: RequestId,
    /// The service.
    pub srv: Srv,
    /// The Command's octets.
    pub command: Vec<u8>,
    /// Whether it was returned for local delivery.
    pub local: bool,
}

/// A Command waiting for the WAN, or for its Response.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Row number: the order of acceptance.
    pub row: i64,
    /// The Command's octets.
    pub command: Vec<u8>,
}

/// A document waiting for a User's Receive Response Service.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Row number.
    pub row: i64,
    /// The User.
    pub user: Eui64,
    /// The signed document.
    pub xml: String,
}

type Result<T> = rusqlite::Result<T>;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS request (
  id TEXT NOT NULL, stage INTEGER NOT NULL, srv TEXT NOT NULL, accepted INTEGER NOT NULL,
  pre_command BLOB, command BLOB, local INTEGER NOT NULL, message TEXT,
  PRIMARY KEY (id, stage)
) STRICT;
CREATE INDEX IF NOT EXISTS request_message ON request (message);
CREATE TABLE IF NOT EXISTS outbound (
  row INTEGER PRIMARY KEY, hub TEXT NOT NULL, request TEXT NOT NULL, command BLOB NOT NULL,
  queued INTEGER NOT NULL, sent INTEGER, done INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS callback (
  row INTEGER PRIMARY KEY, user TEXT NOT NULL, key TEXT NOT NULL UNIQUE, xml TEXT NOT NULL, delivered INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS returned (id TEXT PRIMARY KEY, response BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
";

impl Store {
    /// Open or make the database; `None` keeps it in memory.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic between statements rolls its transaction back: the connection is sound.
        self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Accept a request: durable when this returns `true`; `false` when its name was used before at this stage.
    pub fn accept(&self, a: &Acceptance<'_>) -> Result<bool> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let message =
            a.command.and_then(|octets| gbcs::MessageView::parse(octets).ok()).map(|view| view.id().to_string());
        let inserted = transaction.execute(
            "INSERT OR IGNORE INTO request (id, stage, srv, accepted, pre_command, command, local, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                a.id.to_string(),
                a.stage as i64,
                a.srv.to_string(),
                a.now.0 as i64,
                a.pre_command,
                a.command,
                a.local,
                message
            ],
        )?;
        if inserted == 0 {
            return Ok(false);
        }
        if let (Some(hub), Some(command)) = (a.send_to, a.command) {
            transaction.execute(
                "INSERT INTO outbound (hub, request, command, queued) VALUES (?1, ?2, ?3, ?4)",
                params![hub.to_string(), a.id.to_string(), command, a.now.0 as i64],
            )?;
        }
        if let Some((original, response)) = a.returned {
            transaction.execute(
                "INSERT OR REPLACE INTO returned (id, response, at) VALUES (?1, ?2, ?3)",
                params![original.to_string(), response, a.now.0 as i64],
            )?;
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Whether a request name was used at this stage.
    pub fn is_used(&self, id: RequestId, stage: Stage) -> Result<bool> {
        let connection = self.lock();
        let mut query = connection.prepare_cached("SELECT 1 FROM request WHERE id = ?1 AND stage = ?2")?;
        query.exists(params![id.to_string(), stage as i64])
    }

    /// The Pre-Command made of a request.
    pub fn pre_command(&self, id: RequestId) -> Result<Option<Vec<u8>>> {
        let connection = self.lock();
        let found: Option<Option<Vec<u8>>> = connection
            .query_row("SELECT pre_command FROM request WHERE id = ?1 AND stage = 0", [id.to_string()], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(found.flatten())
    }

    /// The Command that this Message Identifier names.
    pub fn by_message(&self, id: &MessageId) -> Result<Option<Known>> {
        self.known("message = ?1", &id.to_string())
    }

    /// The Command made of a request.
    pub fn by_request(&self, id: RequestId) -> Result<Option<Known>> {
        self.known("id = ?1 AND command IS NOT NULL", &id.to_string())
    }

    fn known(&self, condition: &str, value: &str) -> Result<Option<Known>> {
        let connection = self.lock();
        let sql = format!("SELECT id, srv, command, local FROM request WHERE {condition}");
        connection
            .query_row(&sql, [value], |row| {
                Ok(Known { id: parsed(row, 0)?, srv: parsed(row, 1)?, command: row.get(2)?, local: row.get(3)? })
            })
            .optional()
    }

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

    /// Queue a document for a User; `key` names what it reports, which is told once. The Command it answers is done with.
    pub fn queue_callback(&self, user: Eui64, key: &str, xml: &str, answers: Option<RequestId>) -> Result<bool> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let queued = transaction.execute(
            "INSERT OR IGNORE INTO callback (user, key, xml) VALUES (?1, ?2, ?3)",
            params![user.to_string(), key, xml],
        )?;
        if let Some(request) = answers {
            transaction.execute("UPDATE outbound SET done = 1 WHERE request = ?1", [request.to_string()])?;
        }
        transaction.commit()?;
        Ok(queued == 1)
    }

    /// Documents that no Receive Response Service has taken yet, oldest first.
    pub fn undelivered(&self) -> Result<Vec<Callback>> {
        let connection = self.lock();
        let mut query =
            connection.prepare_cached("SELECT row, user, xml FROM callback WHERE delivered IS NULL ORDER BY row")?;
        query.query_map([], |row| Ok(Callback { row: row.get(0)?, user: parsed(row, 1)?, xml: row.get(2)? }))?.collect()
    }

    /// A Receive Response Service took the document.
    pub fn mark_delivered(&self, row: i64, now: Time) -> Result<()> {
        self.lock().execute("UPDATE callback SET delivered = ?2 WHERE row = ?1", params![row, now.0 as i64]).map(drop)
    }

    /// The Response that was returned for a local Command.
    pub fn returned(&self, original: RequestId) -> Result<Option<Vec<u8>>> {
        let connection = self.lock();
        connection
            .query_row("SELECT response FROM returned WHERE id = ?1", [original.to_string()], |row| row.get(0))
            .optional()
    }
}

/// A column that holds a text of ours.
fn parsed<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
