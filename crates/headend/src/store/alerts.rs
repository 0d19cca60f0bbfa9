//! What devices and the DCC reported unasked.
use super::Result;
use super::read::Reader;
use super::row::{self, corrupt};
use delivery::DeliveryId;
use gbcs::{Eui64, Time};
use rusqlite::params_from_iter;

/// Who reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertSource {
    /// A device: the octets are its GBCS Alert.
    Device,
    /// The DCC: the octets are its document.
    Dcc,
}

impl AlertSource {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Dcc => "dcc",
        }
    }
}

/// Something reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// When it came.
    pub at: Time,
    /// Who reported it.
    pub source: AlertSource,
    /// The device it comes from or is about.
    pub device: Option<Eui64>,
    /// The delivery it is about.
    pub delivery: Option<DeliveryId>,
    /// Code of a device's alert.
    pub code: Option<u16>,
    /// In words: code and event of an alert of the DCC.
    pub name: Option<String>,
    /// What was received.
    pub octets: Vec<u8>,
}

/// Which alerts, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlertFilter {
    /// Only those of this device.
    pub device: Option<Eui64>,
    /// Only those about this delivery.
    pub delivery: Option<DeliveryId>,
    /// Only those before this moment.
    pub before: Option<Time>,
    /// At most so many.
    pub limit: usize,
}

impl Reader {
    pub(crate) fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>> {
        let mut sql = "SELECT at, source, device, delivery, code, name, octets FROM alerts WHERE 1".to_owned();
        let mut values: Vec<rusqlite::types::Value> = vec![];
        let mut condition = |text: &str, value: rusqlite::types::Value| {
            values.push(value);
            sql.push_str(&format!(" AND {text} ?{}", values.len()));
        };
        if let Some(device) = filter.device {
            condition("device =", device.0.to_vec().into());
        }
        if let Some(delivery) = filter.delivery {
            condition("delivery =", delivery.0.to_vec().into());
        }
        if let Some(before) = filter.before {
            condition("at <", (before.0 as i64).into());
        }
        values.push((filter.limit as i64).into());
        sql.push_str(&format!(" ORDER BY at DESC, digest LIMIT ?{}", values.len()));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let alerts = statement.query_map(params_from_iter(values), |row| {
            let source: String = row.get(1)?;
            let array = |octets: Vec<u8>| octets.try_into().map_err(|_| corrupt("id of an alert"));
            Ok(Alert {
                at: row::time(row, 0)?,
                source: match source.as_str() {
                    "device" => AlertSource::Device,
                    "dcc" => AlertSource::Dcc,
                    _ => return Err(corrupt("source of an alert")),
                },
                device: row.get::<_, Option<Vec<u8>>>(2)?.map(array).transpose()?.map(Eui64),
                delivery: row
                    .get::<_, Option<Vec<u8>>>(3)?
                    .map(|octets| octets.try_into().map_err(|_| corrupt("delivery of an alert")))
                    .transpose()?
                    .map(DeliveryId),
                code: row.get(4)?,
                name: row.get(5)?,
                octets: row.get(6)?,
            })
        })?;
        Ok(alerts.collect::<std::result::Result<_, _>>()?)
    }
}
