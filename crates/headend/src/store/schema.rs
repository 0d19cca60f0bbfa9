//! The tables, as numbered migrations: a database of any earlier version is brought up to date at its opening.
use super::StoreError;
use rusqlite::Connection;

/// Counters and EUIs are big-endian blobs, so that they sort by value; a counter has all 64 bits, an SQLite integer only 63.
/// Times are milliseconds since 1970.
pub(super) const MIGRATIONS: &[&str] = &[
    // 1
    "CREATE TABLE deliveries (
        id BLOB PRIMARY KEY,
        accepted INTEGER NOT NULL,
        reference TEXT,
        idempotency_key TEXT UNIQUE,
        order_digest BLOB NOT NULL,
        request TEXT NOT NULL,
        request_id TEXT NOT NULL UNIQUE,
        srv TEXT NOT NULL,
        via TEXT NOT NULL,
        critical INTEGER NOT NULL,
        originator BLOB NOT NULL,
        device BLOB NOT NULL,
        top_up INTEGER NOT NULL,
        counter BLOB NOT NULL,
        carrier BLOB,
        not_after INTEGER NOT NULL,
        state TEXT NOT NULL,
        detail TEXT,
        since INTEGER NOT NULL,
        deadline INTEGER,
        not_before INTEGER,
        asked INTEGER NOT NULL,
        wan INTEGER NOT NULL,
        local_closed INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        in_doubt INTEGER NOT NULL,
        refusals INTEGER NOT NULL,
        warrant_until INTEGER,
        signed BLOB,
        command BLOB,
        response BLOB,
        response_by TEXT
    ) STRICT;
    CREATE INDEX open_deliveries ON deliveries (id) WHERE deadline IS NOT NULL;
    CREATE INDEX deliveries_by_device ON deliveries (device, id);
    CREATE INDEX deliveries_by_state ON deliveries (state, id);
    CREATE INDEX deliveries_by_message ON deliveries (device, originator, counter);

    CREATE TABLE events (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        delivery BLOB NOT NULL REFERENCES deliveries (id),
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        from_state TEXT NOT NULL,
        to_state TEXT NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT,
        octets BLOB
    ) STRICT;
    CREATE INDEX events_by_delivery ON events (delivery, sequence);
    CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
    CREATE TRIGGER events_are_final BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

    CREATE TABLE counters (
        originator BLOB PRIMARY KEY,
        last BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE lanes (
        originator BLOB NOT NULL,
        device BLOB NOT NULL,
        top_up INTEGER NOT NULL,
        executed BLOB NOT NULL,
        PRIMARY KEY (originator, device, top_up)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE outbox (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        delivery BLOB NOT NULL REFERENCES deliveries (id),
        kind TEXT NOT NULL,
        path TEXT NOT NULL,
        request_id TEXT NOT NULL,
        document TEXT NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        next_try INTEGER NOT NULL,
        last_error TEXT,
        done INTEGER
    ) STRICT;
    CREATE INDEX outbox_open ON outbox (sequence) WHERE done IS NULL;
    CREATE INDEX outbox_by_delivery ON outbox (delivery, sequence);

    CREATE TABLE links (
        ppmid BLOB PRIMARY KEY,
        connected INTEGER NOT NULL,
        changed INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE alerts (
        digest BLOB PRIMARY KEY,
        at INTEGER NOT NULL,
        device BLOB,
        code INTEGER,
        octets BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;",
    // 2: alerts of the DCC beside those of devices, and the delivery that one is about.
    "ALTER TABLE alerts ADD COLUMN source TEXT NOT NULL DEFAULT 'device';
    ALTER TABLE alerts ADD COLUMN name TEXT;
    ALTER TABLE alerts ADD COLUMN delivery BLOB REFERENCES deliveries (id);
    CREATE INDEX alerts_by_time ON alerts (at);
    CREATE INDEX alerts_by_device ON alerts (device, at);
    CREATE INDEX alerts_by_delivery ON alerts (delivery) WHERE delivery IS NOT NULL;",
    // 3: keys that devices took after those of the configuration.
    "CREATE TABLE device_keys (
        device BLOB NOT NULL,
        usage TEXT NOT NULL,
        point BLOB NOT NULL,
        PRIMARY KEY (device, usage)
    ) STRICT, WITHOUT ROWID;",
];

/// Bring the database up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let found = found as usize;
    if found > MIGRATIONS.len() {
        return Err(StoreError::TooNew { found, known: MIGRATIONS.len() });
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
