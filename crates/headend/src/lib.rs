//! The supplier's head end: it keeps deliveries, obtains their Commands from the DCC, releases them to PPMIDs just in time,
//! and proves what the meters answered.
//!
//! ```text
//!  REST API ---.                              .--- DUIS over HTTP --- DCC
//!               >--- core: engine + store ---<
//!  Receive  ---'      (one thread)             '--- MQTT over TLS --- PPMIDs
//!  Response
//! ```
//!
//! One thread, the [`core`](crate), owns the [delivery engine](delivery::Engine) and the only writing connection to the
//! database. Everything that happens is a message to it. It takes what has come meanwhile as one batch, decides, writes all of
//! it in **one transaction, and acts only after the commit**: no document leaves, nobody is answered or acknowledged, before
//! what led to it is on disk. Whatever the process was about to do when it died, the database says so, and the next start does
//! it.
#![forbid(unsafe_code)]

mod api;
pub mod client;
pub mod config;
mod core;
mod courier;
mod failpoint;
mod head_end;
pub mod keys;
mod progress;
pub mod receive;
mod store;
mod verify;

pub use api::RECEIVE_PATH;
pub use config::HeadEndConfig;
pub use head_end::{DccTls, HeadEnd, HeadEndHandle, StartError};
pub use keys::{DeviceKeys, HeadEndKeys};
pub use progress::Progress;
pub use store::StoreError;
pub use verify::{FalseAnswer, Verdict, verify_response};
