//! What was accepted, what is on its way, what a User has still to be told: SQLite, durable before any answer goes out.
//!
//! One module for each topic, with its tables and the statements over them.
pub(crate) mod alerts;
pub(crate) mod callbacks;
pub(crate) mod certificates;
mod commit;
pub(crate) mod dated;
pub(crate) mod held;
pub(crate) mod inventory;
mod measures;
pub(crate) mod originators;
mod outbound;
pub(crate) mod requests;
mod retention;
pub(crate) mod schedules;

pub use callbacks::Callback;
pub(crate) use commit::Transaction;
pub use dated::Dated;
pub use held::{Gate, Held, Step};
pub use inventory::Key;
pub use outbound::{Open, Outbound};
pub(crate) use requests::by_message;
pub use requests::{Acceptance, Known, Stage};
pub use retention::Swept;
pub use schedules::Schedule;

use commit::{Writer, Writing};
use gbcs::Time;
use rusqlite::{Connection, OpenFlags};
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Connections that read.
const READERS: usize = 4;
/// Statements that a connection keeps ready: all there are.
const STATEMENTS: usize = 128;

/// The database. One connection writes, in short transactions that share their syncs; others read, and see what is committed.
#[derive(Debug)]
pub struct Store {
    writer: Writer,
    /// None in memory, where the writer reads too.
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
}

type Result<T> = rusqlite::Result<T>;

impl Store {
    /// Open or make the database; `None` keeps it in memory.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let schemas = [
            requests::SCHEMA,
            outbound::SCHEMA,
            callbacks::SCHEMA,
            inventory::SCHEMA,
            certificates::SCHEMA,
            originators::SCHEMA,
            alerts::SCHEMA,
            held::SCHEMA,
            dated::SCHEMA,
            schedules::SCHEMA,
            measures::SCHEMA,
            retention::SCHEMA,
        ];
        for schema in schemas {
            connection.execute_batch(schema)?;
        }
        let reader = |path| {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            Ok(Mutex::new(connection))
        };
        let readers = path.map(|path| (0..READERS).map(|_| reader(path)).collect::<Result<_>>()).transpose()?;
        let writer = Writer::new(connection, path.is_some());
        Ok(Self { writer, readers: readers.unwrap_or_default(), next_reader: AtomicUsize::new(0) })
    }

    /// Do something whole, or not at all; durable when this returns. What is looked up with [`Self::reading`] meanwhile is
    /// what was committed before.
    pub(crate) fn transact<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.writer.transact(work)
    }

    /// Look several things up, with nothing changed between.
    pub(crate) fn read<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let connection = self.reading();
        let snapshot = connection.unchecked_transaction()?;
        work(&snapshot)
    }

    /// When something that waits is to be looked at next.
    pub fn next_due(&self) -> Result<Option<Time>> {
        let connection = self.reading();
        let due = [Self::held_due(&connection)?, Self::schedules_due(&connection)?, Self::dated_due(&connection)?];
        Ok(due.into_iter().flatten().min().map(|ms| Time(ms as u64)))
    }

    /// A connection to look something up: it cannot write.
    fn reading(&self) -> Reading<'_> {
        if self.readers.is_empty() {
            return Reading::Writer(self.writer.lock());
        }
        let first = self.next_reader.fetch_add(1, Ordering::Relaxed);
        let nth = |n: usize| &self.readers[first.wrapping_add(n) % self.readers.len()];
        let free = (0..self.readers.len()).find_map(|n| nth(n).try_lock().ok());
        Reading::Own(free.unwrap_or_else(|| nth(0).lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A connection to look something up.
enum Reading<'a> {
    Own(MutexGuard<'a, Connection>),
    /// Of a database in memory, which has no other.
    Writer(MutexGuard<'a, Writing>),
}

impl Deref for Reading<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Writer(writing) => &writing.connection,
        }
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

/// A column that holds a text of the schema's.
fn stored<T>(row: &rusqlite::Row<'_>, column: usize, read: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    optional(row, column, read)?.ok_or(rusqlite::Error::InvalidColumnType(
        column,
        "a text of the schema".to_owned(),
        rusqlite::types::Type::Null,
    ))
}

/// A column that may hold one.
fn optional<T>(row: &rusqlite::Row<'_>, column: usize, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let Some(text) = text else { return Ok(None) };
    let read = read(&text);
    read.map(Some).ok_or(rusqlite::Error::InvalidColumnType(column, text, rusqlite::types::Type::Text))
}
