#![no_std]
#![doc = "handover"]
extern crate alloc;
