//! Requests that were accepted and wait: for somebody's decision, for another request, for their date.
use super::{Result, Store, parsed};
use crate::anomaly::Breach;
use crate::failpoint;
use crate::sequence::Ending;
use duis::{RequestId, Srv};
use gbcs::{Eui64, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};

// A row number is never given twice: it is the reference by which a quarantine is asked about.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS held (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, srv TEXT NOT NULL,
  originator TEXT NOT NULL, target TEXT NOT NULL, gate TEXT NOT NULL, breach TEXT, preceding TEXT, due INTEGER,
  not_before INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL, document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS held_due ON held (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS held_preceding ON held (preceding) WHERE preceding IS NOT NULL;
CREATE INDEX IF NOT EXISTS held_target ON held (originator, target, srv);
CREATE TABLE IF NOT EXISTS ending (id TEXT PRIMARY KEY, succeeded INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
";

/// What an accepted request waits for; each is breach before the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// A decision about a request that anomaly detection set aside.
    Quarantine(Breach),
    /// The success of the request that precedes it; in vain from that time on.
    Sequence {
        /// The request.
        preceding: RequestId,
        /// Until when.
        until: Time,
    },
    /// Its date.
    Date(Time),
}

/// Which kind of gate, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// [`Gate::Quarantine`].
    Quarantine,
    /// [`Gate::Sequence`].
    Sequence,
    /// [`Gate::Date`].
    Date,
}

impl Step {
    const ALL: [Self; 3] = [Self::Quarantine, Self::Sequence, Self::Date];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Sequence => "sequence",
            Self::Date => "date",
        }
    }

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

impl Gate {
    /// Its kind.
    pub const fn step(&self) -> Step {
        match self {
            Self::Quarantine(_) => Step::Quarantine,
            Self::Sequence { .. } => Step::Sequence,
            Self::Date(_) => Step::Date,
        }
    }
}

/// A request that waits.
#[derive(Clone, Debug)]
pub struct Held {
    /// Row number; the `QuarantineEventRef` of a request in quarantine.
    pub row: i64,
    /// The request.
    pub id: RequestId,
    /// The service.
    pub srv: Srv,
    /// What it waits for.
    pub step: Step,
    /// The request it waits for.
    pub preceding: Option<RequestId>,
    /// When it is looked at, whatever happens before.
    pub due: Option<Time>,
    /// Since when it waits.
    pub since: Time,
    /// The document it came in.
    pub document: String,
}

const COLUMNS: &str = "row, id, srv, gate, preceding, due, since, document";

impl Store {
    /// A request that waits.
    pub fn held(&self, row: i64) -> Result<Option<Held>> {
        self.one_held("row = ?1", row)
    }

    /// A request that waits, by its name.
    pub fn held_request(&self, id: RequestId) -> Result<Option<Held>> {
        self.one_held("id = ?1", id.to_string())
    }

    fn one_held(&self, condition: &str, key: impl rusqlite::ToSql) -> Result<Option<Held>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM held WHERE {condition}"))?;
        query.query_row([key], read).optional()
    }

    /// Requests in quarantine, oldest first.
    pub fn quarantined(&self) -> Result<Vec<(Held, String)>> {
        let connection = self.reading();
        let mut query = connection
            .prepare_cached(&format!("SELECT {COLUMNS}, breach FROM held WHERE gate = 'quarantine' ORDER BY row"))?;
        query.query_map([], |row| Ok((read(row)?, row.get(8)?)))?.collect()
    }

    /// Requests whose time has come or whose predecessor has ended, in the order in which they are to be looked at; not all at
    /// once.
    pub fn ready(&self, now: Time) -> Result<Vec<Held>> {
        let connection = self.reading();
        let mut query = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM held WHERE due <= ?1 AND not_before <= ?1
             UNION SELECT {COLUMNS} FROM held
             WHERE gate = 'sequence' AND preceding IN (SELECT id FROM ending) AND not_before <= ?1
             ORDER BY due, row LIMIT 100"
        ))?;
        query.query_map([now.0 as i64], read)?.collect()
    }

    /// Look at a request again, no earlier than then: what is due could not be done.
    pub fn put_off(&self, row: i64, until: Time) -> Result<()> {
        self.transact(|transaction| {
            transaction
                .execute("UPDATE held SET not_before = ?2 WHERE row = ?1", params![row, until.0 as i64])
                .map(drop)
        })
    }

    /// How a request ended; `None` when it has not, or was never seen.
    pub fn ending(&self, id: RequestId) -> Result<Option<Ending>> {
        ending(&self.reading(), id)
    }

    /// A request ended; the first word stands.
    pub fn end(&self, id: RequestId, ending: Ending, now: Time) -> Result<()> {
        self.transact(|transaction| end(transaction, id, ending, now))
    }

    /// The next time at which something that waits is to be looked at.
    pub(super) fn held_due(connection: &Connection) -> Result<Option<i64>> {
        connection
            .prepare_cached("SELECT min(iif(not_before > 0, not_before, due)) FROM held WHERE due IS NOT NULL")?
            .query_row([], |row| row.get(0))
    }
}

/// Keep a request; its row number.
pub(crate) fn hold(
    connection: &Connection,
    id: RequestId,
    srv: Srv,
    gate: &Gate,
    document: &str,
    now: Time,
) -> Result<i64> {
    let (breach, preceding, due) = match gate {
        Gate::Quarantine(breach) => (Some(breach.as_str()), None, None),
        Gate::Sequence { preceding, until } => (None, Some(preceding.to_string()), Some(until.0 as i64)),
        Gate::Date(at) => (None, None, Some(at.0 as i64)),
    };
    failpoint::event("held");
    connection
        .prepare_cached(
            "INSERT INTO held (id, srv, originator, target, gate, breach, preceding, due, since, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .insert(params![
            id.to_string(),
            srv.to_string(),
            id.originator.to_string(),
            id.target.to_string(),
            gate.step().as_str(),
            breach,
            preceding,
            due,
            now.0 as i64,
            document
        ])
}

/// A request waits no longer; whether it did.
pub(crate) fn let_go(connection: &Connection, row: i64) -> Result<bool> {
    connection.execute("DELETE FROM held WHERE row = ?1", [row]).map(|rows| rows == 1)
}

/// Requests for a service and a device that wait for their date.
pub(crate) fn dated(connection: &Connection, originator: Eui64, target: Eui64, srv: Srv) -> Result<Vec<Held>> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM held WHERE originator = ?1 AND target = ?2 AND srv = ?3 AND gate = 'date' ORDER BY row"
    ))?;
    query.query_map([originator.to_string(), target.to_string(), srv.to_string()], read)?.collect()
}

/// How a request ended; `None` when it has not, or was never seen.
pub(crate) fn ending(connection: &Connection, id: RequestId) -> Result<Option<Ending>> {
    let succeeded: Option<bool> = connection
        .prepare_cached("SELECT succeeded FROM ending WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    Ok(succeeded.map(|succeeded| if succeeded { Ending::Succeeded } else { Ending::Failed }))
}

/// A request ended; the first word stands.
pub(crate) fn end(connection: &Connection, id: RequestId, ending: Ending, now: Time) -> Result<()> {
    failpoint::event("ended");
    connection
        .prepare_cached("INSERT OR IGNORE INTO ending (id, succeeded, at) VALUES (?1, ?2, ?3)")?
        .execute(params![id.to_string(), ending == Ending::Succeeded, now.0 as i64])
        .map(drop)
}

fn read(row: &Row<'_>) -> Result<Held> {
    Ok(Held {
        row: row.get(0)?,
        id: parsed(row, 1)?,
        srv: parsed(row, 2)?,
        step: Step::read(&row.get::<_, String>(3)?).ok_or(rusqlite::Error::InvalidQuery)?,
        preceding: row.get::<_, Option<String>>(4)?.map(|_| parsed(row, 4)).transpose()?,
        due: row.get::<_, Option<i64>>(5)?.map(|ms| Time(ms as u64)),
        since: Time(row.get::<_, i64>(6)? as u64),
        document: row.get(7)?,
    })
}
