//! A Communications Hub as a sans-IO core: the CHF with its Device Log, GBCS 10.8.2 routing, tunnels, the mailbox of the gas
//! meter and the queue towards the WAN, and the gas mirror of the GPF.
//!
//! | Module | What it knows |
//! |---|---|
//! | [`routing`] | which way a message goes: a pure function |
//! | [`budget`] | what a PPMID may cost |
//! | [`mailbox`] | what waits for a gas meter |
//! | [`store_forward`] | what waits for the WAN |
//! | [`memory`] | who carried which Command, and which Commands the GPF must see answered |
//! | [`mirror`] | what a gas meter reports |
//! | [`gpf`] | what a gas meter took: tariff, calendar, messages |
//! | [`device_log`] | who may speak on this HAN, and who once did |
//! | `chf` | the Commands that read and change the Device Log, and the checks on any Command for the CHF |
//! | [`gas_log`] | the logs a gas meter pushed to its mirror |
//! | `gpf_device` | the Commands for the GPF, executed and answered |
//! | `about` | what the CHF shows of itself: identity, versions, logs, radio |
//! | [`hht`] | how a hand held terminal comes to be listed |
//! | [`alert`] | Alerts 0x8F84 and CS14 |
//! | [`hub`] | all of it over a radio: [`Hub`] |
//!
//! # Driving it
//!
//! Give it what happens ([`Hub::handle_frame`], [`Hub::handle_wan`], [`Hub::wan_taken`], [`Hub::set_wan`], [`Hub::handle_timeout`]),
//! each with the time, and **after every call drain [`Hub::poll`] until it returns [`Output::Timeout`]**: put frames on the air,
//! messages on the WAN, and store a record before acting on what follows it. [`Hub::new`] takes the last record back, and with it what
//! the DCC has not acknowledged: such a message goes once more, which every receiver of GBCS messages detects.
//!
//! # What it is not
//!
//! Commands that read the CHF or change its Device Log are executed here, and all that GBCS lets target the GPF but those for credentials.
//! Those for security credentials and firmware, and those for the GPF whose answers are encrypted, dated or out of a log, come out as
//! [`Event::Local`].
//!
//! The hub has no key of any Remote Party but the ACB's for itself: it checks no signature and no MAC of what it carries, and changes no octet of it.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod about;
pub mod alert;
mod blocks;
pub mod budget;
mod chf;
pub mod config;
pub mod device_log;
pub mod event;
mod exchange;
pub mod gas_log;
pub mod gpf;
mod gpf_device;
pub mod hht;
pub mod hub;
mod identity;
pub mod letter;
pub mod mailbox;
pub mod memory;
pub mod mirror;
mod record;
pub mod routing;
pub mod store_forward;

pub use config::{DeviceEntry, DeviceKind, FunctionKeys, HubConfig, Profile, Settings};
pub use event::Event;
pub use hub::{Hub, Output, StartError};
pub use identity::LocalRefusal;
pub use record::RecordError;
pub use routing::{Decision, Function, Reason, Source};
