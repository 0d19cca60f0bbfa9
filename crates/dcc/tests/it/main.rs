//! The stand-in from outside: the gateway without its sockets, and the servers on them.
mod access;
mod alerts;
mod anomaly;
mod callbacks;
mod common;
mod crash;
mod firmware;
mod future;
mod gateway;
mod inventory;
mod repository;
mod retention;
mod schedules;
mod sequences;
mod sockets;
mod templates;
mod wires;
