//! The program from outside: what a person, a supplier's system or another tool sees of it.
mod capture;
mod certificates;
mod common;
mod config;
mod crash;
mod demo;
mod duis_documents;
mod gbcs_messages;
mod meters;
mod processes;
mod tls;
mod token;
mod trace;
