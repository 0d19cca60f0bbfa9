//! HTTP/1.1, both ends, plain or over mutual TLS.
//!
//! [`Server`] gives an axum router whole requests: a head, and a body within its limit, each within its time. Who is slow, or says
//! too much, or holds connections open, harms nobody but himself. [`Client`] posts documents.
#![forbid(unsafe_code)]

mod body;
mod client;
pub mod problem;
mod seats;
mod server;

pub use client::{Answer, Client, Failed};
pub use server::{Limits, Peer, Server};
