//! What firmware without an allocator does with a message: read it in place, and check its signature.
#![no_std]

use core::panic::PanicInfo;
use gbcs::block::Block;
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::{MessageCode, MessageView, ParseError, Route};

/// std brings one of its own, and there can be but one.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// The use case of a message, when the owner of this key (an uncompressed point, `x || y`) signed it.
pub fn signed_by(point: &[u8; 64], octets: &[u8]) -> Option<MessageCode> {
    let view = MessageView::parse(octets).ok()?;
    let key = RustCrypto.public_key(point).ok()?;
    RustCrypto.verify(&key, view.signed_octets(), &view.signature()?).ok()?;
    Some(view.message_code())
}

/// Whom a message or a block is for, and whether it is the last of its kind.
pub fn last_for(octets: &[u8]) -> Result<([u8; 8], bool), ParseError> {
    let route = Route::parse(octets)?;
    Ok((route.id.target.octets(), Block::parse(octets).is_ok_and(|block| block.last)))
}
