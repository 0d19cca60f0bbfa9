//! The Smart Metering Inventory, what the SMKI knows of devices, and who is registered for a supply.
use super::{Result, Store, certificates, optional, parsed, stored};
use crate::inventory::{Device, DeviceKeys, Numbers, Property};
use duis::DeviceType;
use duis::body::dcc::{Address, DeviceDetails, Uprn};
use duis::xml::Text;
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{AwsLc, Crypto, PublicKey};
use gbcs::{Eui64, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS device (
  eui TEXT PRIMARY KEY, kind TEXT NOT NULL, twin_element INTEGER NOT NULL, poly_phase INTEGER NOT NULL, gbcs TEXT NOT NULL,
  status TEXT NOT NULL, supplier TEXT, network_operator TEXT, hub TEXT, gas_proxy TEXT,
  manufacturer TEXT, model TEXT, version TEXT, firmware TEXT, variant TEXT,
  import TEXT, secondary_import TEXT, export TEXT, uprn INTEGER, post_code TEXT, address TEXT, region TEXT, commissioned INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS device_hub ON device (hub);
CREATE TABLE IF NOT EXISTS joined (device TEXT NOT NULL, other TEXT NOT NULL, PRIMARY KEY (device, other)) STRICT;
CREATE TABLE IF NOT EXISTS smki (
  device TEXT PRIMARY KEY, agreement BLOB NOT NULL, signature BLOB NOT NULL, agreement_certificate BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS seeded (eui TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS device_log (device TEXT PRIMARY KEY, alert BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS registration (
  number TEXT NOT NULL, role TEXT NOT NULL, since INTEGER NOT NULL, user TEXT NOT NULL, PRIMARY KEY (number, role, since)
) STRICT;
";

const COLUMNS: &str = "eui, kind, twin_element, poly_phase, gbcs, status, supplier, network_operator, hub, gas_proxy,
  manufacturer, model, version, firmware, variant, import, secondary_import, export, uprn, post_code, address,
  region, commissioned";

/// By what SRV 8.2 finds devices.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// Property reference.
    Uprn(u64),
    /// One of them.
    Device(Eui64),
    /// Any supply number.
    Number(&'a str),
    /// Post code and what tells the property apart there.
    Address(&'a str, &'a str),
}

impl Store {
    /// What the configuration brings: each device and each key once in the life of the store.
    pub fn seed<'a>(
        &self,
        devices: impl IntoIterator<Item = &'a Device>,
        keys: impl IntoIterator<Item = &'a (Eui64, DeviceKeys)>,
    ) -> Result<()> {
        self.transact(|transaction| {
            for device in devices {
                let new = transaction
                    .execute("INSERT OR IGNORE INTO seeded (eui) VALUES (?1)", [device.eui.to_string()])?;
                if new == 1 && find(transaction, device.eui)?.is_none() {
                    put(transaction, device)?;
                }
            }
            for (eui, keys) in keys {
                transaction.execute(
                    "INSERT OR IGNORE INTO smki (device, agreement, signature, agreement_certificate) VALUES (?1, ?2, ?3, ?4)",
                    params![
                        eui.to_string(),
                        keys.key_agreement.point(),
                        keys.digital_signature.point(),
                        keys.agreement_certificate
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// The device of an identifier.
    pub fn device(&self, eui: Eui64) -> Result<Option<Device>> {
        find(&self.reading(), eui)
    }

    /// The devices of a hub's home, the hub first.
    pub fn home(&self, hub: Eui64) -> Result<Vec<Device>> {
        home(&self.reading(), hub)
    }

    /// The devices that `key` finds; a device brings all of its home.
    pub fn devices(&self, key: Key<'_>) -> Result<Vec<Device>> {
        let connection = self.reading();
        if let Key::Device(eui) = key {
            let Some(device) = find(&connection, eui)? else { return Ok(Vec::new()) };
            return match device.hub {
                Some(hub) => home(&connection, hub),
                None => Ok(vec![device]),
            };
        }
        let (condition, first, second) = match key {
            Key::Uprn(uprn) => ("uprn = CAST(?1 AS INTEGER)", uprn.to_string(), String::new()),
            Key::Number(number) => ("?1 IN (import, secondary_import, export)", number.to_owned(), String::new()),
            Key::Address(code, address) => ("post_code = ?1 AND address = ?2", code.to_owned(), address.to_owned()),
            Key::Device(_) => unreachable!("answered above"),
        };
        select(&connection, &format!("({condition}) AND ?2 = ?2 ORDER BY kind <> 'CHF', rowid"), params![first, second])
    }

    /// A device as it is now, known before or not.
    pub fn put(&self, device: &Device) -> Result<()> {
        self.transact(|transaction| put(transaction, device))
    }

    /// The keys of a device: those in its certificates, or those that came without one.
    pub fn device_keys(&self, eui: Eui64) -> Result<Option<DeviceKeys>> {
        let connection = self.reading();
        let certified = |usage| -> Result<_> {
            let Some(certificate) = certificates::in_use(&connection, eui, usage)? else { return Ok(None) };
            // What a certificate's key cannot be used for is not known.
            let key = AwsLc.public_key(&certificate.read().point).ok();
            Ok(key.map(|key| (key, certificate.octets().to_vec())))
        };
        let (agreement, signature) = (certified(KeyUsage::KeyAgreement)?, certified(KeyUsage::DigitalSignature)?);
        if let (Some((key_agreement, certificate)), Some((digital_signature, _))) = (&agreement, &signature) {
            let agreement_certificate = Some(certificate.clone());
            let (key_agreement, digital_signature) = (*key_agreement, *digital_signature);
            return Ok(Some(DeviceKeys { key_agreement, digital_signature, agreement_certificate }));
        }
        let mut query = connection
            .prepare_cached("SELECT agreement, signature, agreement_certificate FROM smki WHERE device = ?1")?;
        let bare = query.query_row([eui.to_string()], |row| {
            Ok(DeviceKeys {
                key_agreement: public_key(row, 0)?,
                digital_signature: public_key(row, 1)?,
                agreement_certificate: row.get(2)?,
            })
        });
        Ok(bare.optional()?.map(|mut keys| {
            if let Some((key, certificate)) = agreement {
                (keys.key_agreement, keys.agreement_certificate) = (key, Some(certificate));
            }
            keys.digital_signature = signature.map_or(keys.digital_signature, |(key, _)| key);
            keys
        }))
    }

    /// Register a User for a supply number in a role from a time on.
    pub fn register(&self, number: &str, role: &str, since: Time, user: Eui64) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO registration (number, role, since, user) VALUES (?1, ?2, ?3, ?4)";
        self.transact(|transaction| {
            transaction.execute(sql, params![number, role, since.0 as i64, user.to_string()]).map(drop)
        })
    }
}

/// The device of an identifier.
pub(crate) fn find(connection: &Connection, eui: Eui64) -> Result<Option<Device>> {
    Ok(select(connection, "eui = ?1", params![eui.to_string()])?.pop())
}

/// The last Alert in which a hub or gas proxy told its whole Device Log: what a new one is restored from (SRV 8.12).
pub(crate) fn device_log(connection: &Connection, device: Eui64) -> Result<Option<Vec<u8>>> {
    let mut query = connection.prepare_cached("SELECT alert FROM device_log WHERE device = ?1")?;
    query.query_row([device.to_string()], |row| row.get(0)).optional()
}

/// Keep such an Alert.
pub(crate) fn keep_device_log(connection: &Connection, device: Eui64, alert: &[u8], now: Time) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO device_log (device, alert, at) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![device.to_string(), alert, now.0 as i64]).map(drop)
}

/// The devices of a hub's home, the hub first.
pub(crate) fn home(connection: &Connection, hub: Eui64) -> Result<Vec<Device>> {
    select(connection, "hub = ?1 ORDER BY eui <> ?1, rowid", params![hub.to_string()])
}

/// Write a device as it is now.
pub(crate) fn put(connection: &Connection, device: &Device) -> Result<()> {
    let text = |eui: Option<Eui64>| eui.map(|eui| eui.to_string());
    let Device { details, numbers, property, .. } = device;
    connection
        .prepare_cached(&format!(
            "INSERT INTO device ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
             ?18, ?19, ?20, ?21, ?22, ?23) ON CONFLICT (eui) DO UPDATE SET (kind, twin_element, poly_phase, gbcs, status, supplier,
             network_operator, hub, gas_proxy, manufacturer, model, version, firmware, variant, import, secondary_import, export,
             uprn, post_code, address, region, commissioned) = (excluded.kind, excluded.twin_element, excluded.poly_phase, excluded.gbcs,
             excluded.status, excluded.supplier, excluded.network_operator, excluded.hub, excluded.gas_proxy,
             excluded.manufacturer, excluded.model, excluded.version, excluded.firmware, excluded.variant, excluded.import,
             excluded.secondary_import, excluded.export, excluded.uprn, excluded.post_code, excluded.address,
             excluded.region, excluded.commissioned)"
        ))?
        .execute(params![
            device.eui.to_string(),
            device.kind.kind.as_str(),
            device.kind.twin_element,
            device.kind.poly_phase,
            device.kind.gbcs_version.to_string(),
            device.status.as_str(),
            text(device.supplier),
            text(device.network_operator),
            text(device.hub),
            text(device.gas_proxy),
            details.manufacturer.as_ref().map(|words| words.as_str()),
            details.model.as_ref().map(|words| words.as_str()),
            details.version.as_ref().map(|words| words.as_str()),
            details.firmware.as_ref().map(|words| words.as_str()),
            details.variant.map(|variant| variant.as_str()),
            numbers.import.as_ref().map(|words| words.as_str()),
            numbers.secondary_import.as_ref().map(|words| words.as_str()),
            numbers.export.as_ref().map(|words| words.as_str()),
            property.uprn.map(|uprn| uprn.get() as i64),
            property.address.as_ref().map(|address| address.post_code.as_str()),
            property.address.as_ref().map(|address| address.identifier.as_str()),
            device.region.map(|region| region.as_str()),
            device.commissioned.map(|at| at.0 as i64),
        ])?;
    connection.prepare_cached("DELETE FROM joined WHERE device = ?1")?.execute([device.eui.to_string()])?;
    for other in &device.joined {
        connection
            .prepare_cached("INSERT INTO joined (device, other) VALUES (?1, ?2)")?
            .execute([device.eui.to_string(), other.to_string()])?;
    }
    Ok(())
}

/// Forget a device.
pub(crate) fn delete(connection: &Connection, eui: Eui64) -> Result<()> {
    connection.execute("DELETE FROM joined WHERE device = ?1 OR other = ?1", [eui.to_string()])?;
    connection.execute("DELETE FROM device WHERE eui = ?1", [eui.to_string()]).map(drop)
}

/// Who is registered for a supply number in a role at a time; `None` where nobody is.
pub(crate) fn registered(connection: &Connection, number: &str, role: &str, at: Time) -> Result<Option<Eui64>> {
    let mut query = connection.prepare_cached(
        "SELECT user FROM registration WHERE number = ?1 AND role = ?2 AND since <= ?3 ORDER BY since DESC LIMIT 1",
    )?;
    query.query_row(params![number, role, at.0 as i64], |row| parsed(row, 0)).optional()
}

fn select(connection: &Connection, condition: &str, values: impl rusqlite::Params) -> Result<Vec<Device>> {
    let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM device WHERE {condition}"))?;
    let mut devices = query.query_map(values, device)?.collect::<Result<Vec<_>>>()?;
    let mut query = connection.prepare_cached("SELECT other FROM joined WHERE device = ?1 ORDER BY rowid")?;
    for device in &mut devices {
        let others = query.query_map([device.eui.to_string()], |row| parsed(row, 0))?;
        device.joined = others.collect::<Result<_>>()?;
    }
    Ok(devices)
}

fn device(row: &Row<'_>) -> Result<Device> {
    let kind = stored(row, 1, DeviceType::read)?;
    let kind = duis::transform::Device {
        kind,
        twin_element: row.get(2)?,
        poly_phase: row.get(3)?,
        gbcs_version: parsed(row, 4)?,
    };
    let address = match (optional(row, 19, Text::read)?, optional(row, 20, Text::read)?) {
        (Some(post_code), Some(identifier)) => Some(Address { post_code, identifier }),
        _ => None,
    };
    let uprn: Option<i64> = row.get(18)?;
    let commissioned: Option<i64> = row.get(22)?;
    let eui = |text: &str| text.parse().ok();
    Ok(Device {
        eui: parsed(row, 0)?,
        kind,
        status: stored(row, 5, Text::read)?,
        supplier: optional(row, 6, eui)?,
        network_operator: optional(row, 7, eui)?,
        hub: optional(row, 8, eui)?,
        gas_proxy: optional(row, 9, eui)?,
        details: DeviceDetails {
            manufacturer: optional(row, 10, Text::read)?,
            model: optional(row, 11, Text::read)?,
            version: optional(row, 12, Text::read)?,
            firmware: optional(row, 13, Text::read)?,
            variant: optional(row, 14, Text::read)?,
        },
        numbers: Numbers {
            import: optional(row, 15, Text::read)?,
            secondary_import: optional(row, 16, Text::read)?,
            export: optional(row, 17, Text::read)?,
        },
        property: Property { uprn: uprn.and_then(|n| Uprn::new(n as u64)), address },
        region: optional(row, 21, Text::read)?,
        commissioned: commissioned.map(|at| Time(at as u64)),
        joined: Vec::new(),
    })
}

fn public_key(row: &Row<'_>, column: usize) -> Result<PublicKey> {
    let octets: [u8; 64] = row.get(column)?;
    AwsLc.public_key(&octets).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(error))
    })
}
