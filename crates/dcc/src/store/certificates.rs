//! The repository of certificates: each under its issuer and serial number, with where it is in its life.
use super::{Result, Store, parsed};
use crate::repository::{Answer, CertificateStatus, Found, KnownCertificate, Query};
use duis::IssuerSerial;
use gbcs::certificate::KeyUsage;
use gbcs::{Eui64, Time};
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS certificate (
  issuer TEXT NOT NULL, serial TEXT NOT NULL, entity TEXT, role INTEGER, usage TEXT NOT NULL, point BLOB NOT NULL,
  until INTEGER NOT NULL, status TEXT NOT NULL, octets BLOB NOT NULL, PRIMARY KEY (issuer, serial)
) STRICT;
CREATE INDEX IF NOT EXISTS certificate_entity ON certificate (entity, usage);
CREATE INDEX IF NOT EXISTS certificate_point ON certificate (point);
";

impl Store {
    /// What the configuration brings, each once: in use, unless a device has another that is.
    pub fn seed_certificates(&self, certificates: &[KnownCertificate]) -> Result<()> {
        self.transact(|transaction| {
            for certificate in certificates {
                if status(transaction, certificate.name())?.is_some() {
                    continue;
                }
                let read = certificate.read();
                let is_taken = match (read.role, read.entity) {
                    (None, Some(device)) => in_use(transaction, device, read.usage)?.is_some(),
                    _ => false,
                };
                let status = if is_taken { CertificateStatus::NotInUse } else { CertificateStatus::InUse };
                put(transaction, certificate, status)?;
            }
            Ok(())
        })
    }

    /// What a search finds, as it is at this time.
    pub fn certificates(&self, query: &Query, now: Time) -> Result<Answer> {
        find(&self.reading(), query, now)
    }
}

/// Keep a certificate in this state, known before or not.
pub(crate) fn put(connection: &Connection, certificate: &KnownCertificate, status: CertificateStatus) -> Result<()> {
    let read = certificate.read();
    let sql = "INSERT INTO certificate (issuer, serial, entity, role, usage, point, until, status, octets)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (issuer, serial) DO UPDATE SET status = excluded.status";
    connection
        .execute(
            sql,
            params![
                certificate.name().issuer(),
                certificate.name().serial().to_string(),
                read.entity.map(|entity| entity.to_string()),
                read.role.map(|role| role.number()),
                read.usage.name(),
                read.point,
                read.validity.1.0 as i64,
                status.as_str(),
                certificate.octets(),
            ],
        )
        .map(drop)
}

/// A device took this certificate: the one before it is not in use any more.
pub(crate) fn take_into_use(connection: &Connection, certificate: &KnownCertificate) -> Result<()> {
    let read = certificate.read();
    if let Some(entity) = read.entity {
        connection.execute(
            "UPDATE certificate SET status = 'not-in-use' WHERE entity = ?1 AND usage = ?2 AND status = 'in-use'",
            params![entity.to_string(), read.usage.name()],
        )?;
    }
    put(connection, certificate, CertificateStatus::InUse)
}

/// Forget what was issued to a device for this usage and never taken: it has another key pair by now.
pub(crate) fn forget_pending(connection: &Connection, device: Eui64, usage: KeyUsage) -> Result<()> {
    let sql = "DELETE FROM certificate WHERE entity = ?1 AND usage = ?2 AND status = 'pending'";
    connection.execute(sql, params![device.to_string(), usage.name()]).map(drop)
}

/// The certificate of a device that is in use for this.
pub(crate) fn in_use(connection: &Connection, device: Eui64, usage: KeyUsage) -> Result<Option<KnownCertificate>> {
    let sql = "SELECT octets FROM certificate WHERE entity = ?1 AND usage = ?2 AND status = 'in-use'
        ORDER BY rowid DESC LIMIT 1";
    let mut query = connection.prepare_cached(sql)?;
    query.query_row(params![device.to_string(), usage.name()], certificate).optional()
}

/// The certificate over a key, whoever has it.
pub(crate) fn of_key(connection: &Connection, point: &[u8; 64]) -> Result<Option<Found>> {
    let sql = "SELECT octets, status FROM certificate WHERE point = ?1 ORDER BY rowid DESC LIMIT 1";
    let mut query = connection.prepare_cached(sql)?;
    query.query_row([point], |row| Ok(Found { certificate: certificate(row)?, status: parsed(row, 1)? })).optional()
}

/// Whether anything is known of a device.
pub(crate) fn knows(connection: &Connection, device: Eui64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM certificate WHERE entity = ?1 AND role IS NULL)
        OR EXISTS (SELECT 1 FROM smki WHERE device = ?1) OR EXISTS (SELECT 1 FROM device WHERE eui = ?1)";
    connection.query_row(sql, [device.to_string()], |row| row.get(0))
}

/// Whether certificates of devices (or of organisations) are known at all: without any, nothing can be said of one.
pub(crate) fn has_any(connection: &Connection, of_devices: bool) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM certificate
        WHERE usage <> 'key-cert-sign' AND (role IS NULL) = ?1)";
    connection.query_row(sql, [of_devices], |row| row.get(0))
}

/// The state of a certificate, but that it may have expired; `None` where it is not known.
pub(crate) fn status(connection: &Connection, name: &IssuerSerial) -> Result<Option<CertificateStatus>> {
    let mut query =
        connection.prepare_cached("SELECT issuer, status FROM certificate WHERE issuer = ?1 AND serial = ?2")?;
    query.query_row(params![name.issuer(), name.serial().to_string()], |row| parsed(row, 1)).optional()
}

/// What a search finds.
pub(crate) fn find(connection: &Connection, query: &Query, now: Time) -> Result<Answer> {
    let criteria: [(&str, Option<Value>); 6] = [
        ("entity", query.entity.map(|entity| entity.to_string().into())),
        ("role", query.role.map(|role| i64::from(role.number()).into())),
        ("usage", query.usage.map(|usage| usage.name().to_owned().into())),
        ("told", query.status.map(|status| status.as_str().to_owned().into())),
        ("issuer", query.issuer.clone().map(Value::from)),
        ("serial", query.serial.map(|serial| serial.to_string().into())),
    ];
    // Revocation outlives the last day.
    let mut sql = "SELECT octets, CASE WHEN status <> 'revoked' AND until < ?1 THEN 'expired' ELSE status END AS told
        FROM certificate WHERE TRUE"
        .to_owned();
    let mut values: Vec<Value> =
        [now.0 as i64, i64::from(query.limit()) + 1, query.skip.into()].map(Value::from).into();
    for (column, value) in criteria {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    sql.push_str(" ORDER BY rowid LIMIT ?2 OFFSET ?3");
    let mut statement = connection.prepare(&sql)?;
    let found = statement.query_map(params_from_iter(values), |row| {
        Ok(Found { certificate: certificate(row)?, status: parsed(row, 1)? })
    })?;
    let mut found = found.collect::<Result<Vec<_>>>()?;
    let more = found.len() > query.limit() as usize;
    found.truncate(query.limit() as usize);
    Ok(Answer { found, more })
}

fn certificate(row: &Row<'_>) -> Result<KnownCertificate> {
    let octets: Vec<u8> = row.get(0)?;
    KnownCertificate::parse(octets)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error)))
}
