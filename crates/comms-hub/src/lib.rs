#![no_std]
#![doc = "comms-hub"]
extern crate alloc;
