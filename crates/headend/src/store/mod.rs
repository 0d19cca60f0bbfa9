//! The database: every delivery, everything that ever happened to it, and what is still to be sent.
//!
//! SQLite in WAL mode with `synchronous = FULL`: what [`Store::commit`] returned from is on the disk. There is one [`Store`],
//! which writes; [`Reader`]s look without disturbing it. All SQL is in this module.
mod alerts;
mod read;
mod row;
mod schema;

pub use alerts::{Alert, AlertFilter, AlertSource};
pub use read::{Event, Filter, Reader, Record};

use crate::failpoint::Failpoint;
use delivery::{CounterSpace, Delivery, DeliveryId, Lane, Outcome, State};
use duis::{RequestId, Srv};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{AwsLc, Crypto, PublicKey};
use gbcs::{Counter, Eui64, Time};
use row::{blob_counter, corrupt, eui};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::time::Duration;

/// Why the database cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed: no file, no space, no permission.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A later version of this program made it.
    #[error("the database has schema version {found}, this program knows up to {known}: use the later program")]
    TooNew {
        /// Its version.
        found: usize,
        /// The latest we know.
        known: usize,
    },
}

/// More would make the first of a batch wait for its commit too long.
const MAX_BATCH: usize = 256;

pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What a new delivery is stored with.
#[derive(Debug)]
pub(crate) struct NewDelivery<'a> {
    pub(crate) delivery: &'a Delivery,
    pub(crate) accepted: Time,
    pub(crate) reference: Option<&'a str>,
    pub(crate) idempotency_key: Option<&'a str>,
    /// SHA-256 of the order: tells a repeated one from another under the same key.
    pub(crate) order_digest: [u8; 32],
    pub(crate) request: &'a str,
    pub(crate) request_id: RequestId,
    pub(crate) srv: Srv,
}

/// What is asked of the DCC by a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The Pre-Command of a critical request.
    Transform,
    /// The Command, for us or for the WAN or both.
    Submit,
    /// To take note of a Response that came through the home (SRV 8.13).
    Return,
}

impl Ask {
    const ALL: [Self; 3] = [Self::Transform, Self::Submit, Self::Return];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Submit => "submit",
            Self::Return => "return",
        }
    }
}

/// A document for the DCC that is to be sent until it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) sequence: i64,
    pub(crate) delivery: DeliveryId,
    pub(crate) ask: Ask,
    pub(crate) path: String,
    pub(crate) request_id: RequestId,
    pub(crate) document: String,
    pub(crate) failures: u32,
    pub(crate) next_try: Time,
    pub(crate) last_error: Option<String>,
}

/// What happened, to be appended.
#[derive(Debug)]
pub(crate) struct NewEvent<'a> {
    pub(crate) delivery: DeliveryId,
    pub(crate) at: Time,
    pub(crate) event: &'a str,
    pub(crate) from: &'a State,
    pub(crate) to: &'a State,
    pub(crate) outcome: &'a Outcome,
    pub(crate) detail: Option<&'a str>,
    /// Evidence: what was received.
    pub(crate) octets: Option<&'a [u8]>,
}

/// The one writer.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    failpoint: Failpoint,
}

impl Store {
    /// Open or make a database, and bring its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection, failpoint: Failpoint::from_environment() })
    }

    /// How many messages a batch takes in at most.
    pub(crate) fn batch(&self) -> usize {
        // A process that is to die at some commit makes as many as it can, so that as many states as possible stand alone.
        if self.failpoint.is_armed() { 1 } else { MAX_BATCH }
    }

    /// Start a batch. Nothing of it is real before [`Store::commit`].
    pub(crate) fn begin(&self) -> Result<()> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Everything since [`Store::begin`] is on the disk when this returns.
    pub(crate) fn commit(&self) -> Result<()> {
        self.failpoint.before_commit();
        self.connection.execute_batch("COMMIT")?;
        self.failpoint.after_commit();
        Ok(())
    }

    /// Forget everything since [`Store::begin`].
    pub(crate) fn rollback(&self) {
        // Fails when the failed statement has rolled back already.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// A counter this originator never used: the time, or one more than the last (DUIS 4.9).
    pub(crate) fn next_counter(&self, originator: Eui64, now: Time) -> Result<Counter> {
        let last = self
            .connection
            .prepare_cached("SELECT last FROM counters WHERE originator = ?1")?
            .query_row([&originator.0[..]], |row| blob_counter(row, 0))
            .optional()?;
        let next = Counter(last.map_or(0, |last| last.0 + 1).max(now.0));
        self.connection
            .prepare_cached("INSERT INTO counters VALUES (?1, ?2) ON CONFLICT DO UPDATE SET last = excluded.last")?
            .execute(params![&originator.0[..], &next.octets()[..]])?;
        Ok(next)
    }

    pub(crate) fn insert(&self, new: &NewDelivery<'_>) -> Result<()> {
        let delivery = new.delivery;
        self.connection
            .prepare_cached(
                "INSERT INTO deliveries (id, accepted, reference, idempotency_key, order_digest, request, request_id, srv,
                    via, critical, originator, device, top_up, counter, carrier, not_after,
                    state, since, asked, wan, local_closed, attempts, in_doubt, refusals)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 'Requested', ?2, 0, 0, 0, 0, 0, 0)",
            )?
            .execute(params![
                &delivery.id.0[..],
                new.accepted.0 as i64,
                new.reference,
                new.idempotency_key,
                &new.order_digest[..],
                new.request,
                new.request_id.to_string(),
                new.srv.to_string(),
                delivery.via.as_str(),
                delivery.critical,
                &delivery.lane.originator.0[..],
                &delivery.lane.device.0[..],
                delivery.lane.space == CounterSpace::TopUp,
                &delivery.counter.octets()[..],
                delivery.carrier.as_ref().map(|ppmid| &ppmid.0[..]),
                delivery.not_after.0 as i64,
            ])?;
        self.save(delivery)
    }

    /// What changes about a delivery as it moves.
    pub(crate) fn save(&self, delivery: &Delivery) -> Result<()> {
        let time = |time: Option<Time>| time.map(|time| time.0 as i64);
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE deliveries SET counter = ?2, state = ?3, detail = ?4, since = ?5, deadline = ?6, not_before = ?7,
                    asked = ?8, wan = ?9, local_closed = ?10, attempts = ?11, in_doubt = ?12, refusals = ?13,
                    warrant_until = ?14
                 WHERE id = ?1",
            )?
            .execute(params![
                &delivery.id.0[..],
                &delivery.counter.octets()[..],
                delivery.state.kind().as_str(),
                delivery.state.detail(),
                delivery.since.0 as i64,
                time(delivery.deadline),
                time(delivery.not_before),
                delivery.asked,
                delivery.wan,
                delivery.local_closed,
                delivery.attempts,
                delivery.in_doubt.bits() as i64,
                delivery.refusals,
                time(delivery.warrant_until),
            ])?;
        if changed == 1 { Ok(()) } else { Err(corrupt("a delivery that is not in the database").into()) }
    }

    /// The request starts again under another id; what was signed under the one before is void.
    pub(crate) fn rename(&self, id: DeliveryId, request_id: RequestId) -> Result<()> {
        let sql = "UPDATE deliveries SET request_id = ?2, signed = NULL WHERE id = ?1";
        self.set(id, sql, request_id.to_string())
    }

    pub(crate) fn set_signed(&self, id: DeliveryId, octets: &[u8]) -> Result<()> {
        self.set(id, "UPDATE deliveries SET signed = ?2 WHERE id = ?1", octets)
    }

    pub(crate) fn set_command(&self, id: DeliveryId, octets: &[u8]) -> Result<()> {
        self.set(id, "UPDATE deliveries SET command = ?2 WHERE id = ?1", octets)
    }

    /// What is to be verified, and who brought it.
    pub(crate) fn set_response(&self, id: DeliveryId, octets: &[u8], by: &str) -> Result<()> {
        self.set(id, "UPDATE deliveries SET response = ?2 WHERE id = ?1", octets)?;
        self.set(id, "UPDATE deliveries SET response_by = ?2 WHERE id = ?1", by)
    }

    fn set(&self, id: DeliveryId, sql: &str, value: impl rusqlite::ToSql) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute(params![&id.0[..], value])?;
        Ok(())
    }

    /// Append an event; gives its number.
    pub(crate) fn append(&self, event: &NewEvent<'_>) -> Result<i64> {
        self.failpoint.event(event.event);
        let outcome = match event.outcome {
            Outcome::To(_) => "moved",
            Outcome::Stay => "noted",
            Outcome::Ignored => "ignored",
            Outcome::Contradiction => "contradiction",
            Outcome::TooLate => "too-late",
        };
        self.connection
            .prepare_cached(
                "INSERT INTO events (delivery, at, event, from_state, to_state, outcome, detail, octets)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                &event.delivery.0[..],
                event.at.0 as i64,
                event.event,
                event.from.kind().as_str(),
                event.to.kind().as_str(),
                outcome,
                event.detail,
                event.octets,
            ])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// What was received with every event of this name, oldest first.
    pub(crate) fn octets_of(&self, id: DeliveryId, event: &str) -> Result<Vec<Vec<u8>>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT octets FROM events WHERE delivery = ?1 AND event = ?2 AND octets IS NOT NULL ORDER BY sequence",
        )?;
        let octets = statement.query_map(rusqlite::params![&id.0[..], event], |row| row.get(0))?;
        Ok(octets.collect::<std::result::Result<_, _>>()?)
    }

    /// A device has another key from now on.
    pub(crate) fn set_device_key(&self, device: Eui64, usage: KeyUsage, key: &PublicKey) -> Result<()> {
        let sql = "INSERT INTO device_keys VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET point = excluded.point";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.execute(rusqlite::params![&device.0[..], usage.name(), &key.point()[..]])?;
        Ok(())
    }

    /// The key that a device took after that of the configuration.
    pub(crate) fn device_key(&self, device: Eui64, usage: KeyUsage) -> Result<Option<PublicKey>> {
        let sql = "SELECT point FROM device_keys WHERE device = ?1 AND usage = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let point: Option<[u8; 64]> =
            statement.query_row(rusqlite::params![&device.0[..], usage.name()], |row| row.get(0)).optional()?;
        Ok(point.and_then(|point| AwsLc.public_key(&point).ok()))
    }

    /// The device has executed this counter.
    pub(crate) fn executed(&self, lane: Lane, counter: Counter) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO lanes VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET executed = max(executed, excluded.executed)",
            )?
            .execute(params![
                &lane.originator.0[..],
                &lane.device.0[..],
                lane.space == CounterSpace::TopUp,
                &counter.octets()[..]
            ])?;
        Ok(())
    }

    /// Keep a document that is about to be sent.
    pub(crate) fn post(
        &self,
        delivery: DeliveryId,
        ask: Ask,
        path: &str,
        request_id: RequestId,
        document: String,
        now: Time,
    ) -> Result<Letter> {
        self.connection
            .prepare_cached(
                "INSERT INTO outbox (delivery, kind, path, request_id, document, next_try) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                &delivery.0[..],
                ask.as_str(),
                path,
                request_id.to_string(),
                document,
                now.0 as i64
            ])?;
        let sequence = self.connection.last_insert_rowid();
        let path = path.to_owned();
        Ok(Letter { sequence, delivery, ask, path, request_id, document, failures: 0, next_try: now, last_error: None })
    }

    /// The documents that wait for an answer, oldest first.
    pub(crate) fn letters(&self) -> Result<Vec<Letter>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, delivery, kind, path, request_id, document, failures, next_try, last_error
             FROM outbox WHERE done IS NULL ORDER BY sequence",
        )?;
        let letters = statement.query_map([], |row| {
            let kind: String = row.get(2)?;
            let request_id: String = row.get(4)?;
            Ok(Letter {
                sequence: row.get(0)?,
                delivery: row::id(row, 1)?,
                ask: Ask::ALL.into_iter().find(|ask| ask.as_str() == kind).ok_or_else(|| corrupt("kind"))?,
                path: row.get(3)?,
                request_id: request_id.parse().map_err(|_| corrupt("request_id"))?,
                document: row.get(5)?,
                failures: row.get(6)?,
                next_try: Time(row.get::<_, i64>(7)? as u64),
                last_error: row.get(8)?,
            })
        })?;
        Ok(letters.collect::<Result<_, _>>()?)
    }

    /// It could not be sent, or was not answered.
    pub(crate) fn letter_failed(&self, letter: &Letter) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE outbox SET failures = ?2, next_try = ?3, last_error = ?4 WHERE sequence = ?1")?
            .execute(params![letter.sequence, letter.failures, letter.next_try.0 as i64, letter.last_error])?;
        Ok(())
    }

    /// It was answered, or nobody wants the answer any more.
    pub(crate) fn letter_done(&self, sequence: i64, now: Time) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE outbox SET done = ?2, last_error = NULL WHERE sequence = ?1")?
            .execute(params![sequence, now.0 as i64])?;
        Ok(())
    }

    pub(crate) fn link_changed(&self, ppmid: Eui64, connected: bool, now: Time) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO links VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET connected = excluded.connected, changed = excluded.changed",
            )?
            .execute(params![&ppmid.0[..], connected, now.0 as i64])?;
        Ok(())
    }

    /// After a start nobody is connected, whatever the last life wrote.
    pub(crate) fn links_down(&self, now: Time) -> Result<()> {
        let sql = "UPDATE links SET connected = 0, changed = ?1 WHERE connected = 1";
        self.connection.execute(sql, [now.0 as i64])?;
        Ok(())
    }

    /// Keep an alert under the digest of its octets; `false` if it is here already.
    pub(crate) fn keep_alert(&self, digest: [u8; 32], alert: &Alert) -> Result<bool> {
        let Alert { at, source, device, delivery, code, name, octets } = alert;
        let sql = "INSERT INTO alerts (digest, at, device, code, octets, source, name, delivery)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        let added = self.connection.prepare_cached(sql)?.execute(params![
            &digest[..],
            at.0 as i64,
            device.as_ref().map(|device| &device.0[..]),
            code,
            octets,
            source.as_str(),
            name,
            delivery.as_ref().map(|delivery| &delivery.0[..]),
        ])?;
        Ok(added == 1)
    }

    /// The deliveries that have not ended.
    pub(crate) fn open_deliveries(&self) -> Result<Vec<Delivery>> {
        let sql = format!("SELECT {} FROM deliveries WHERE deadline IS NOT NULL ORDER BY id", row::COLUMNS);
        let mut statement = self.connection.prepare(&sql)?;
        let deliveries = statement.query_map([], row::delivery)?;
        Ok(deliveries.collect::<Result<_, _>>()?)
    }

    /// What each lane's device is known to have executed.
    pub(crate) fn lanes(&self) -> Result<Vec<(Lane, Counter)>> {
        let mut statement = self.connection.prepare("SELECT originator, device, top_up, executed FROM lanes")?;
        let lanes = statement.query_map([], |row| {
            let space = if row.get(2)? { CounterSpace::TopUp } else { CounterSpace::Ordinary };
            let lane = Lane { originator: eui(row, 0)?, device: eui(row, 1)?, space };
            Ok((lane, blob_counter(row, 3)?))
        })?;
        Ok(lanes.collect::<Result<_, _>>()?)
    }

    /// Everything about one delivery.
    pub(crate) fn record(&self, id: DeliveryId) -> Result<Option<Record>> {
        read::record(&self.connection, id)
    }

    /// The delivery and the digest of its order that were stored under a key.
    pub(crate) fn by_idempotency_key(&self, key: &str) -> Result<Option<(DeliveryId, Vec<u8>)>> {
        let found = self
            .connection
            .prepare_cached("SELECT id, order_digest FROM deliveries WHERE idempotency_key = ?1")?
            .query_row([key], |row| Ok((row::id(row, 0)?, row.get(1)?)))
            .optional()?;
        Ok(found)
    }

    /// The delivery whose latest request has this id.
    pub(crate) fn by_request_id(&self, request_id: RequestId) -> Result<Option<DeliveryId>> {
        let found = self
            .connection
            .prepare_cached("SELECT id FROM deliveries WHERE request_id = ?1")?
            .query_row([request_id.to_string()], |row| row::id(row, 0))
            .optional()?;
        Ok(found)
    }

    /// The delivery of the Command with these ids.
    pub(crate) fn by_message(&self, originator: Eui64, device: Eui64, counter: Counter) -> Result<Option<DeliveryId>> {
        let found = self
            .connection
            .prepare_cached("SELECT id FROM deliveries WHERE device = ?1 AND originator = ?2 AND counter = ?3")?
            .query_row(params![&device.0[..], &originator.0[..], &counter.octets()[..]], |row| row::id(row, 0))
            .optional()?;
        Ok(found)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
