#![no_std]
#![doc = "meter"]
extern crate alloc;
