//! The stand-in from outside: the gateway without its sockets, and the servers on them.
mod common;
mod gateway;
mod sockets;
