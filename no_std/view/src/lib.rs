//! What firmware without an allocator does with a message: read it in place, and check its signature.
#![no_std]

use core::panic::PanicInfo;
use gbcs::block::Block;
use gbcs::crypto::{Crypto, RustCrypto};
use gbcs::view::dlms::Apdu;
use gbcs::view::{Payload, Value};
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

/// Down to every value: whether all rows of a Response went well, and the first number in it.
pub fn first_number(octets: &[u8]) -> Result<Option<(bool, i64)>, ParseError> {
    let view = MessageView::parse(octets)?;
    let Payload::Dlms(Apdu::Response(response)) = Payload::of(&view)? else { return Ok(None) };
    let number = |value: Value<'_>| value.as_i64();
    Ok(response.answers().find_map(|answer| number(answer.data)).map(|n| (response.is_success(), n)))
}

/// How many octets of ZCL a gas Command or Response carries in the clear.
pub fn zcl_octets(octets: &[u8]) -> Result<usize, ParseError> {
    let view = MessageView::parse(octets)?;
    let Payload::Gbz(payload) = Payload::of(&view)? else { return Ok(0) };
    let plain = payload.components().filter_map(|component| match component.content {
        gbcs::view::gbz::Content::Plain(octets) => Some(octets.len()),
        gbcs::view::gbz::Content::Encrypted { .. } => None,
    });
    Ok(plain.sum())
}
