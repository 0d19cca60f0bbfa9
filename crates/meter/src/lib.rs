//! Electricity and gas meters (ESME, GSME): device cores that check, execute and answer GBCS Commands for real.
//!
//! | Idea | Module |
//! |---|---|
//! | the checks from octets to an authentic Command, in order; replay protection | the `device` crate; `pipeline`, `refusal` |
//! | execution and Response | `command`, `response`, `due` |
//! | what DLMS attributes and methods mean | `esme` |
//! | what ZCL commands and attributes mean | `gsme` |
//! | balances, debts, Emergency Credit, supply | [`prepayment`] |
//! | what time and consumption do: registers, tariff, calendars, profiles | `passage`, `metering`, `tariff`, `calendar`, `profiles` |
//! | the billing data log pushed to the supplier | `push` |
//! | credentials, keys, joins, firmware | `asn1`, `credentials` |
//! | the customer at the keypad; outages and voltage; the battery of a gas meter | `local`, `power`, [`Battery`] |
//! | UTRNs | `top_up` |
//! | the radio, the tunnel, sleep | `link`, `wake` |
//! | messages too long to go whole | `blocks` |
//! | what displays of the home read and are told, what a customer does there | `zse` |
//! | kinds of electricity meter; its voltage | [`Variant`], [`Grid`] |
//! | the one record that survives a power cut | `state` |
//!
//! The use case catalogue of the gbcs crate says which Commands exist, who may send them and of which rows they are made; what
//! a meter does with them is here. **Drain [`Meter::poll`] until [`Output::Timeout`] after every call.**
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod alert;
mod asn1;
mod battery;
mod blocks;
mod books;
mod calendar;
mod clock;
mod command;
pub mod config;
mod credentials;
mod due;
mod esme;
mod event;
mod gsme;
mod link;
mod load;
mod local;
pub mod logs;
mod meter;
mod metering;
mod passage;
mod pipeline;
mod power;
pub mod prepayment;
mod profiles;
mod push;
mod refusal;
mod register;
mod response;
mod rules;
mod secrets;
mod state;
mod tariff;
mod top_up;
mod variant;
mod voltage;
mod wake;
mod work;
mod zse;

pub use asn1::Image;
pub use battery::Battery;
pub use clock::ClockStatus;
pub use config::{DeviceKeys, FactorySettings, Kind, MeterConfig, RadioConfig, Role, TrustAnchor, Usage};
pub use event::{Event, Output};
pub use load::Load;
pub use local::Place;
pub use meter::Meter;
pub use metering::Energy;
pub use profiles::LogSizes;
pub use refusal::{Consequence, Refusal};
pub use register::{Change, Register, Value};
pub use state::StateError;
pub use top_up::TopUpRefusal;
pub use variant::Variant;
pub use voltage::Grid;
pub use work::Outcome;
