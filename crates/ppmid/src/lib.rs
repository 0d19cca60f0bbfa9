//! The PPMID as a display and as a carrier: it shows both meters and takes what their customer wants to them; it takes Releases from the head end, hands their Commands to the Communications Hub, and
//! brings receipts and the meter's answer back.
//!
//! | Part | Module | What it knows |
//! |---|---|---|
//! | the device | [`Ppmid`] | joins the parts; what a driver runs |
//! | session | `session` | warrants, nonces, deliveries, receipts: no ZigBee |
//! | carrier | `carrier` | one tunnel to the hub: no warrants |
//! | memory | `memory` | what survives a loss of power, and its limits |
//! | commands | `commands` | Commands to the PPMID itself: checks, device log, Response |
//! | own | `own` | its record as a device: network, device log, counters, Responses that wait |
//! | display | `display` | what is shown of both meters: balance, mode, debt, supply, price, message, each with its age |
//! | customer | `customer` | top-ups, emergency credit and supply, from the keys of the display to the meter's answer |
//!
//! # Driving it
//!
//! [`Ppmid`] is sans-IO: every call takes the time and an input, and **after every call the driver drains
//! [`Ppmid::poll`] until `Timeout`**, doing each output before it polls again. `Persist` always comes before whatever
//! relies on it, and holds the whole state: the driver stores it (atomically, durably) before it goes on. The time must
//! not go backwards, across restarts included.
//!
//! # What is promised
//!
//! - **Accepted is stored.** A `Held` receipt is signed and leaves after the state that holds the Command was stored. From
//!   then on the delivery ends in `OnHan` or `Refused`, whatever power and link do in between.
//! - **Never late.** A Command is not handed to the HAN after its warrant's `not_after`; each transfer is checked, also
//!   those after a refusal by the hub.
//! - **One transfer for one attempt**, except where that would mean losing it: the hub said that it did not take the
//!   octets, or said nothing, or power was lost before it said anything. The meter's own counter check makes a second
//!   copy harmless. At most [`Config::max_transfers`] in all; and once the hub was silent the end is `OnHan` or
//!   [`Reason::NoHubAnswer`](handover::Reason::NoHubAnswer), never a reason that claims the Command is not out there.
//! - **A device of its own.** Out of its box it joins by its install code. A Command to it that is authentic is executed once and
//!   answered, its effect, counter and Response stored in one record; what the device log says is all it does. Commands
//!   for others that come down the tunnel are thrown away.
//! - **In order.** Commands go to the hub in the order in which they were accepted, so a later counter never overtakes an
//!   earlier one here.
//! - **Idempotent.** The same attempt again gets its receipt again and no second transfer. Another attempt of a delivery
//!   is taken unless the earlier one is on its way that moment; after `OnHan` too, the meter being the judge of replays.
//!   The same Command under another delivery is refused.
//! - **Nothing said is lost.** Receipts and answers wait, stored, until [`Ppmid::up_stored`], and are said again each time
//!   the link comes up, signed anew with a fresh nonce.
//! - **Nothing kept.** A Command's octets are dropped when its outcome is known, an answer's when the head end has it;
//!   neither is ever in an [`Event`] or in a `Debug`.
//! - **Bounded.** Every table has a limit, and a Release is taken only when there is room for all that it may lead to.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod carrier;
mod commands;
mod config;
mod customer;
mod device;
mod display;
mod event;
mod memory;
mod nonces;
mod own;
mod session;

pub use commands::CommandRefusal;
pub use config::{Config, Gas, Identity, Meters, Party, Refresh, Seed, TunnelInitiator};
pub use customer::{Action, NotBegun, RequestId, Wish};
pub use device::{Output, Ppmid};
pub use display::{Fuel, Message, Printed, Reading, Readings, Shown, Step, Supply};
pub use event::{Done, Event, Heard, Tally, TopUpRefusal};
pub use memory::BadMemory;
