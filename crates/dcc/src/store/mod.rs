//! What was accepted, what is on its way, what a User has still to be told: SQLite, durable before any answer goes out.
//!
//! One module for each topic, with its tables and the statements over them.
pub(crate) mod alerts;
pub(crate) mod callbacks;
pub(crate) mod certificates;
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
pub use dated::Dated;
pub use held::{Gate, Held, Step};
pub use inventory::Key;
pub use outbound::{Open, Outbound};
pub(crate) use requests::by_message;
pub use requests::{Acceptance, Known, Stage};
pub use retention::Swept;
pub use schedules::Schedule;

use crate::failpoint::{self, Side};
use gbcs::Time;
use rusqlite::{Connection, Transaction};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// The database. One connection, short transactions.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
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
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Do something whole, or not at all.
    pub(crate) fn transact<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let done = work(&transaction)?;
        failpoint::commit(Side::Before);
        transaction.commit()?;
        failpoint::commit(Side::After);
        Ok(done)
    }

    /// Look several things up, with nothing changed between.
    pub(crate) fn read<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        work(&self.lock())
    }

    /// When something that waits is to be looked at next.
    pub fn next_due(&self) -> Result<Option<Time>> {
        let connection = self.lock();
        let due = [Self::held_due(&connection)?, Self::schedules_due(&connection)?, Self::dated_due(&connection)?];
        Ok(due.into_iter().flatten().min().map(|ms| Time(ms as u64)))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic between statements rolls its transaction back: the connection is sound.
        self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
