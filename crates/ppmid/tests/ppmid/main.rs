//! The PPMID as a whole, between a head end and a hub.
mod commands;
mod deliveries;
mod refusals;
mod restarts;
mod world;
