//! Requests that were accepted, and what was made of them.
use super::{Result, Store, Transaction, held, parsed, retention};
use crate::failpoint;
use duis::{CommandVariant, Request, RequestHeader, RequestId, Srv};
use gbcs::{Counter, Eui64, MessageId, Time};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS request (
  id TEXT NOT NULL, stage INTEGER NOT NULL, srv TEXT NOT NULL, accepted INTEGER NOT NULL,
  document TEXT, pre_command BLOB, command BLOB, local INTEGER NOT NULL, message TEXT,
  PRIMARY KEY (id, stage)
) STRICT;
CREATE INDEX IF NOT EXISTS request_message ON request (message);
CREATE TABLE IF NOT EXISTS returned (id TEXT PRIMARY KEY, response BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
";

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
    /// The document, where what it asks is needed later.
    pub document: Option<&'a str>,
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
    /// The service request it came from; none where only a Signed Pre-Command was seen.
    pub document: Option<String>,
}

impl<'a> Acceptance<'a> {
    /// A request of which nothing but the answer is made.
    pub fn new(request: &Request, stage: Stage, now: Time) -> Self {
        let (document, pre_command, command, send_to, returned) = Default::default();
        let RequestHeader { id, srv, variant, .. } = request.header;
        let local = variant.returns_command();
        Self { id, srv, stage, document, pre_command, command, local, send_to, returned, now }
    }

    /// As it is, and this Command is made of it; over the WAN it goes to `hub`.
    pub fn command(self, command: &'a [u8], variant: CommandVariant, hub: Option<Eui64>) -> Self {
        Self { command: Some(command), send_to: hub.filter(|_| variant.sends_command()), ..self }
    }
}

impl Store {
    /// Accept a request: durable when this returns `true`; `false` when its name was used before at this stage.
    pub fn accept(&self, acceptance: &Acceptance<'_>) -> Result<bool> {
        self.accept_with(acceptance, |_| Ok(())).map(|done| done.is_some())
    }

    /// As [`Self::accept`], and whatever else is to be durable with it; nothing is accepted when that fails.
    pub(crate) fn accept_with<T, E: From<rusqlite::Error>>(
        &self,
        acceptance: &Acceptance<'_>,
        effects: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<Option<T>, E> {
        self.transact(|transaction| match insert(transaction, acceptance)? {
            true => effects(transaction).map(Some),
            false => Ok(None),
        })
    }

    /// Go on with a request that was accepted and waited in this row; `None` when it waits no longer.
    pub(crate) fn resume_with<T, E: From<rusqlite::Error>>(
        &self,
        row: i64,
        acceptance: &Acceptance<'_>,
        effects: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<Option<T>, E> {
        self.transact(|transaction| {
            if !held::let_go(transaction, row)? {
                return Ok(None);
            }
            failpoint::event("resumed");
            update(transaction, acceptance)?;
            effects(transaction).map(Some)
        })
    }

    /// Whether a request name was used at this stage.
    pub fn is_used(&self, id: RequestId, srv: Srv, stage: Stage) -> Result<bool> {
        let connection = self.reading();
        if is_below_floor(&connection, id, srv)? {
            return Ok(true);
        }
        let mut query = connection.prepare_cached("SELECT 1 FROM request WHERE id = ?1 AND stage = ?2")?;
        query.exists(params![id.to_string(), stage as i64])
    }

    /// The highest counter that a User has used for a device, top-ups apart, whose counters are a series of their own.
    pub fn highest_counter(&self, user: Eui64, device: Eui64) -> Result<Counter> {
        let connection = self.reading();
        let any = RequestId { originator: user, target: device, counter: Counter(0) };
        let (from, to) = (format!("{user}:{device}:"), format!("{user}:{device};"));
        let mut query =
            connection.prepare_cached("SELECT id FROM request WHERE id >= ?1 AND id < ?2 AND srv <> '2.2'")?;
        let mut highest = retention::floor(&connection, any, Srv::new(0, 0, 0))?.unwrap_or_default();
        for id in query.query_map([from, to], |row| parsed::<RequestId>(row, 0))? {
            highest = highest.max(id?.counter);
        }
        Ok(highest)
    }

    /// The Pre-Command made of a request.
    pub fn pre_command(&self, id: RequestId) -> Result<Option<Vec<u8>>> {
        let connection = self.reading();
        let found: Option<Option<Vec<u8>>> = connection
            .query_row("SELECT pre_command FROM request WHERE id = ?1 AND stage = 0", [id.to_string()], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(found.flatten())
    }

    /// The document of a request.
    pub fn document(&self, id: RequestId) -> Result<Option<String>> {
        let sql = "SELECT document FROM request WHERE id = ?1 AND stage = 0";
        let found: Option<Option<String>> =
            self.reading().query_row(sql, [id.to_string()], |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    /// The Command that this Message Identifier names.
    pub fn by_message(&self, id: &MessageId) -> Result<Option<Known>> {
        by_message(&self.reading(), id)
    }

    /// The Command made of a request.
    pub fn by_request(&self, id: RequestId) -> Result<Option<Known>> {
        known(&self.reading(), "id = ?1 AND command IS NOT NULL", &id.to_string())
    }

    /// The service that an accepted request asked for.
    pub fn service_of(&self, id: RequestId) -> Result<Option<Srv>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached("SELECT srv FROM request WHERE id = ?1 AND stage = 0")?;
        query.query_row([id.to_string()], |row| parsed(row, 0)).optional()
    }

    /// The Response that was returned for a local Command.
    pub fn returned(&self, original: RequestId) -> Result<Option<Vec<u8>>> {
        let connection = self.reading();
        connection
            .query_row("SELECT response FROM returned WHERE id = ?1", [original.to_string()], |row| row.get(0))
            .optional()
    }
}

/// The Command that this Message Identifier names.
pub(crate) fn by_message(connection: &Connection, id: &MessageId) -> Result<Option<Known>> {
    known(connection, "message = ?1", &id.to_string())
}

fn known(connection: &Connection, condition: &str, value: &str) -> Result<Option<Known>> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT id, srv, command, local, (SELECT document FROM request AS first WHERE first.id = request.id AND stage = 0)
         FROM request WHERE {condition}"
    ))?;
    let known = query.query_row([value], |row| {
        Ok(Known {
            id: parsed(row, 0)?,
            srv: parsed(row, 1)?,
            command: row.get(2)?,
            local: row.get(3)?,
            document: row.get(4)?,
        })
    });
    known.optional()
}

fn is_below_floor(connection: &Connection, id: RequestId, srv: Srv) -> Result<bool> {
    Ok(retention::floor(connection, id, srv)?.is_some_and(|floor| id.counter <= floor))
}

fn message(a: &Acceptance<'_>) -> Option<String> {
    let view = a.command.and_then(|octets| gbcs::MessageView::parse(octets).ok());
    view.map(|view| view.id().to_string())
}

fn insert(transaction: &Transaction<'_>, a: &Acceptance<'_>) -> Result<bool> {
    if is_below_floor(transaction, a.id, a.srv)? {
        return Ok(false);
    }
    let inserted = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO request (id, stage, srv, accepted, document, pre_command, command, local, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            a.id.to_string(),
            a.stage as i64,
            a.srv.to_string(),
            a.now.0 as i64,
            a.document,
            a.pre_command,
            a.command,
            a.local,
            message(a)
        ])?;
    if inserted == 1 {
        failpoint::event("accepted");
        queue(transaction, a)?;
    }
    Ok(inserted == 1)
}

fn update(transaction: &Transaction<'_>, a: &Acceptance<'_>) -> Result<()> {
    transaction
        .prepare_cached("UPDATE request SET command = ?3, message = ?4 WHERE id = ?1 AND stage = ?2")?
        .execute(params![a.id.to_string(), a.stage as i64, a.command, message(a)])?;
    queue(transaction, a)
}

/// What is to happen with what was made of it.
fn queue(transaction: &Transaction<'_>, a: &Acceptance<'_>) -> Result<()> {
    if let (Some(hub), Some(command)) = (a.send_to, a.command) {
        transaction
            .prepare_cached("INSERT INTO outbound (hub, request, command, queued) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![hub.to_string(), a.id.to_string(), command, a.now.0 as i64])?;
    }
    if let Some((original, response)) = a.returned {
        transaction.execute(
            "INSERT OR REPLACE INTO returned (id, response, at) VALUES (?1, ?2, ?3)",
            params![original.to_string(), response, a.now.0 as i64],
        )?;
    }
    Ok(())
}
