//! What firmware with an allocator does with a message: all that the crate can do.
#![no_std]
extern crate alloc;

use alloc::vec::Vec;
use core::panic::PanicInfo;
use gbcs::block::{BlockError, Limits, Progress, Reassembler};
use gbcs::crypto::{RustCrypto, SharedSecret};
use gbcs::protect::{self, ProtectError};
use gbcs::{MessageView, ParseError, Payload, Time};
// Linked, so that whatever they pull in is below this crate.
use {comms_hub as _, han as _, handover as _, meter as _, ppmid as _};

/// Empty: nothing here runs.
#[global_allocator]
static HEAP: linked_list_allocator::LockedHeap = linked_list_allocator::LockedHeap::empty();

/// std brings one of its own, and there can be but one.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// A message by meaning, and back.
pub fn rebuilt(octets: &[u8]) -> Result<Vec<u8>, ParseError> {
    let view = MessageView::parse(octets)?;
    let payload = Payload::of(&view)?;
    Ok(view.to_message().with_payload(&payload).encode())
}

/// A Command of this secret's parties, with its MAC.
pub fn closed(z: [u8; 32], pre_command: &[u8]) -> Result<Vec<u8>, ProtectError> {
    protect::add_mac(&RustCrypto, &SharedSecret::new(z), pre_command)
}

/// The message that a single block is the whole of.
pub fn whole(block: &[u8]) -> Result<Progress, BlockError> {
    Reassembler::new(Limits::default()).receive(Time(0), block)
}
