//! The stand-in from outside: the gateway without its sockets, and the servers on them.
mod anomaly;
mod common;
mod crash;
mod future;
mod gateway;
mod retention;
mod schedules;
mod sequences;
mod sockets;
