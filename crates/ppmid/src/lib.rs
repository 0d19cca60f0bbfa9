#![no_std]
#![doc = "ppmid"]
extern crate alloc;
