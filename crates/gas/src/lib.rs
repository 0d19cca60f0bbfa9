//! What a gas meter and its Gas Proxy Function answer alike: reads of histories and tables, and the form that a use case gives its
//! answers (GBCS 10.5). Both hold the data in their own way; how a Command reads it is here, once.
#![no_std]
extern crate alloc;

pub mod answer;
pub mod history;
pub mod tables;
