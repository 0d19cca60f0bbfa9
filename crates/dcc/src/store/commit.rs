//! One writer, and one sync to disk for all who wait for it together.
//!
//! Syncing costs more than all else that a transaction does. So whoever finds others behind him in the queue leaves the
//! transaction open for them, and the last commits for all. Each works in a savepoint: what fails is undone for him alone. Nobody
//! hears of his outcome before the commit, not even that he failed, since why he did may be what another has only just written;
//! readers see what is committed only.
use super::Result;
use crate::failpoint::{self, Side};
use rusqlite::{Connection, Savepoint, ffi};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What one works in: whole, or not at all.
pub(crate) type Transaction<'a> = Savepoint<'a>;

/// As many share a transaction at most, so that the first does not wait for ever.
const TOGETHER: usize = 128;

/// The connection that writes.
pub(super) struct Writer {
    writing: Mutex<Writing>,
    /// Who is about to take the lock.
    coming: AtomicUsize,
    /// As many share a transaction at most.
    together: usize,
}

/// The connection, and the transaction that is open.
pub(super) struct Writing {
    pub(super) connection: Connection,
    batch: Option<Arc<Batch>>,
    size: usize,
}

/// A transaction that is shared.
#[derive(Default)]
struct Batch {
    outcome: Mutex<Option<std::result::Result<(), Failed>>>,
    ended: Condvar,
}

/// Why nothing was committed, for each of those who shared.
#[derive(Clone)]
struct Failed(ffi::Error, String);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Over a connection; in memory there is nothing to share, and what is written is seen at once.
    pub(super) fn new(connection: Connection, shares: bool) -> Self {
        let writing = Mutex::new(Writing { connection, batch: None, size: 0 });
        Self { writing, coming: AtomicUsize::new(0), together: if shares { TOGETHER } else { 1 } }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Writing> {
        // A panic between statements rolls its savepoint back: the connection is sound.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Do something whole, or not at all; durable when this returns.
    pub(super) fn transact<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.coming.fetch_add(1, Ordering::SeqCst);
        let mut writing = self.lock();
        self.coming.fetch_sub(1, Ordering::SeqCst);
        let batch = writing.join()?;
        let done = catch_unwind(AssertUnwindSafe(|| writing.within(work)));
        // Whoever was counted as coming takes the lock next, and finds what is left open here.
        if writing.size >= self.together || self.coming.load(Ordering::SeqCst) == 0 {
            writing.end();
        } else if writing.connection.is_autocommit() {
            // Some faults, a full disk among them, undo the whole transaction.
            writing.abort();
        }
        drop(writing);
        let committed = batch.wait();
        let done = done.unwrap_or_else(|panic| resume_unwind(panic));
        committed.map_err(rusqlite::Error::from)?;
        done
    }
}

impl Writing {
    /// The transaction that is open, or a new one.
    fn join(&mut self) -> Result<Arc<Batch>> {
        let batch = match &self.batch {
            Some(batch) => batch.clone(),
            None => {
                self.connection.execute_batch("BEGIN IMMEDIATE")?;
                self.size = 0;
                self.batch.insert(Arc::default()).clone()
            }
        };
        self.size += 1;
        Ok(batch)
    }

    fn within<T, E: From<rusqlite::Error>>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let savepoint = self.connection.savepoint()?;
        let done = work(&savepoint)?;
        savepoint.commit()?;
        Ok(done)
    }

    /// Commit for all who share.
    fn end(&mut self) {
        if self.connection.is_autocommit() {
            return self.abort();
        }
        failpoint::commit(Side::Before);
        let outcome = self.connection.execute_batch("COMMIT").map_err(Failed::from);
        if outcome.is_ok() {
            failpoint::commit(Side::After);
        } else if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "a transaction that cannot be committed cannot be rolled back");
        }
        self.tell(outcome);
    }

    fn abort(&mut self) {
        self.tell(Err(Failed(ffi::Error::new(ffi::SQLITE_ABORT), "the transaction was undone".to_owned())));
    }

    fn tell(&mut self, outcome: std::result::Result<(), Failed>) {
        let Some(batch) = self.batch.take() else { return };
        *batch.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        batch.ended.notify_all();
    }
}

impl Batch {
    fn wait(&self) -> std::result::Result<(), Failed> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*outcome {
                Some(ended) => return ended.clone(),
                None => outcome = self.ended.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().copied().unwrap_or(ffi::Error::new(ffi::SQLITE_ERROR));
        Self(code, error.to_string())
    }
}

impl From<Failed> for rusqlite::Error {
    fn from(Failed(code, reason): Failed) -> Self {
        Self::SqliteFailure(code, Some(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::mpsc;

    fn writer(folder: &tempfile::TempDir) -> (Writer, Connection) {
        let path = folder.path().join("x.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").unwrap();
        (Writer::new(connection, true), Connection::open(path).unwrap())
    }

    fn insert(transaction: &Transaction<'_>, n: u32) -> Result<()> {
        transaction.execute("INSERT INTO t VALUES (?1)", [n]).map(drop)
    }

    fn rows(connection: &Connection) -> Vec<u32> {
        let mut query = connection.prepare("SELECT n FROM t ORDER BY rowid").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_>>().unwrap()
    }

    /// Waits until so many are behind the one that holds the lock.
    fn until_coming(writer: &Writer, number: usize) {
        while writer.coming.load(Ordering::SeqCst) < number {
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_comes_while_another_works_shares_his_commit_and_no_one_sees_it_before() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, reader) = writer(&folder);
        let (begun, told, seen) = (Barrier::new(2), mpsc::channel(), Mutex::new(reader));
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                writer.transact(|transaction| {
                    begun.wait();
                    until_coming(&writer, 3);
                    insert(transaction, 1)
                })
            });
            begun.wait();
            let others: Vec<_> = (2..5)
                .map(|n| {
                    let (writer, seen, tell) = (&writer, &seen, told.0.clone());
                    scope.spawn(move || {
                        writer.transact(|transaction| {
                            // The one before has written, and nobody was told.
                            tell.send(rows(&seen.lock().unwrap())).unwrap();
                            insert(transaction, n)
                        })
                    })
                })
                .collect();
            first.join().unwrap().unwrap();
            others.into_iter().for_each(|other| other.join().unwrap().unwrap());
            let seen: Vec<_> = told.1.try_iter().collect();
            assert_eq!(seen.len(), 3);
            assert!(seen.iter().all(Vec::is_empty), "seen before it was committed: {seen:?}");
            assert_eq!(rows(&writer.lock().connection), [1, 2, 3, 4]);
        });
    }

    #[test]
    fn what_fails_or_panics_is_undone_alone_and_its_neighbours_are_committed() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, reader) = writer(&folder);
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                writer.transact(|transaction| {
                    begun.wait();
                    until_coming(&writer, 3);
                    insert(transaction, 1)
                })
            });
            begun.wait();
            let fails = scope.spawn(|| {
                writer.transact(|transaction| {
                    insert(transaction, 2)?;
                    insert(transaction, 2)
                })
            });
            let panics = scope.spawn(|| {
                writer.transact::<(), rusqlite::Error>(|transaction| {
                    insert(transaction, 3)?;
                    panic!("on purpose")
                })
            });
            let good = scope.spawn(|| writer.transact(|transaction| insert(transaction, 4)));
            first.join().unwrap().unwrap();
            fails.join().unwrap().unwrap_err();
            panics.join().unwrap_err();
            good.join().unwrap().unwrap();
        });
        assert_eq!(rows(&reader), [1, 4]);
        writer.transact(|transaction| insert(transaction, 5)).unwrap();
        assert_eq!(rows(&reader), [1, 4, 5]);
    }

    #[test]
    fn when_the_whole_is_undone_everybody_who_shared_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, reader) = writer(&folder);
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                writer.transact(|transaction| {
                    begun.wait();
                    until_coming(&writer, 1);
                    insert(transaction, 1)
                })
            });
            begun.wait();
            // As SQLite does of itself when the disk is full.
            let second = scope.spawn(|| writer.transact(|transaction| transaction.execute_batch("ROLLBACK")));
            first.join().unwrap().unwrap_err();
            second.join().unwrap().unwrap_err();
        });
        assert!(rows(&reader).is_empty());
        writer.transact(|transaction| insert(transaction, 2)).unwrap();
        assert_eq!(rows(&reader), [2]);
    }
}
