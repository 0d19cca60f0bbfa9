//! A stand-in for the DCC: what a supplier's head end talks to when the real one, or DCC Boxed, is not at hand.
//!
//! Three web services take service requests (DUIS 1.2). A request is checked in the order of DUIS 5.2 ([`access`]), a critical
//! one is transformed to a Pre-Command and, once signed, compared with it octet for octet ([`gateway`]); the Access Control
//! Broker adds the MAC, and signs what no User signs ([`acb`]); the Command is returned for local delivery, sent over the WAN ([`wan`]), or both. Responses
//! that come by WAN, or are returned with SRV 8.13, are posted to the User's Receive Response Service ([`callback`]).
//!
//! The Smart Metering Inventory ([`inventory`]) follows what devices answer and raise, and Users are told of it by alerts.
//!
//! The repository of the SMKI ([`repository`]) has the certificates of devices and organisations, and certifies devices.
//!
//! Everything accepted is in SQLite before the answer goes out ([`store`]): a killed process accepts no RequestID twice, loses
//! no request and no response.
#![forbid(unsafe_code)]

pub mod acb;
pub mod access;
mod admin;
pub mod anomaly;
mod blocks;
mod callback;
mod clockwork;
pub mod config;
pub mod dated;
mod failpoint;
pub mod gateway;
pub mod inventory;
pub mod limits;
pub mod outcome;
mod patience;
pub mod repository;
pub mod schedule;
pub mod sequence;
mod server;
pub mod store;
pub mod wan;

pub use config::{DccConfig, DccKeys, Registration, User, UserStatus, Validity};
pub use inventory::{Device, DeviceKeys, DeviceStatus};
pub use repository::KnownCertificate;
pub use server::{Dcc, StartError, Tls};
pub use wan::{WanConfig, WanState};

/// The clock of the servers. Everything below takes the time as an argument.
pub(crate) fn now() -> gbcs::Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    gbcs::Time(since.map_or(0, |d| d.as_millis() as u64))
}
