//! What was accepted, what is on its way, what a User has still to be told: SQLite, durable before any answer goes out.
//!
//! One module for each topic, with its tables and the statements over them.
mod callbacks;
mod outbound;
mod requests;

pub use callbacks::Callback;
pub use outbound::{Open, Outbound};
pub use requests::{Acceptance, Known, Stage};

use rusqlite::Connection;
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
        for schema in [requests::SCHEMA, outbound::SCHEMA, callbacks::SCHEMA] {
            connection.execute_batch(schema)?;
        }
        Ok(Self { connection: Mutex::new(connection) })
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
