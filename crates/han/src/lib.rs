#![no_std]
#![doc = "han"]
extern crate alloc;
