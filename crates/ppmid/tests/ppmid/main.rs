//! The PPMID as a whole, between a head end and a hub.
mod deliveries;
mod refusals;
mod restarts;
mod world;
