//! The answer to a Consumer Top Up: of a gas meter in a GBZ Response, of an electricity meter in a plain frame.
use crate::prepayment::{Account, Supply};
use crate::top_up::TopUpRefusal;
use gbcs::gbz::zcl::ConsumerTopUpResponse;

/// The result field (Smart Energy 1.2, D.7.2.4.4).
mod result {
    pub const ACCEPTED: u8 = 0x00;
    pub const INVALID: u8 = 0x01;
    pub const DUPLICATE: u8 = 0x02;
    pub const ERROR: u8 = 0x03;
    pub const MAXIMUM_CREDIT: u8 = 0x04;
    pub const KEYPAD_LOCKED: u8 = 0x05;
    pub const TOO_LARGE: u8 = 0x06;
    pub const ACCEPTED_SUPPLY_ARMED: u8 = 0x12;
}

/// What is said of a UTRN that was entered: the credit, and the supply before it.
pub(crate) fn top_up_response(
    entered: Result<i32, TopUpRefusal>,
    before: Supply,
    account: &Account,
    originating_device: u8,
) -> ConsumerTopUpResponse {
    let armed = before != Supply::Armed && account.supply == Supply::Armed;
    let (result, value, credit_remaining) = match entered {
        Ok(amount) if armed => (result::ACCEPTED_SUPPLY_ARMED, amount, account.balance),
        Ok(amount) => (result::ACCEPTED, amount, account.balance),
        Err(refusal) => (code(refusal), -1, -1),
    };
    ConsumerTopUpResponse { result, value, source: originating_device, credit_remaining }
}

fn code(refusal: TopUpRefusal) -> u8 {
    match refusal {
        TopUpRefusal::Invalid | TopUpRefusal::NotAuthentic => result::INVALID,
        TopUpRefusal::Duplicate => result::DUPLICATE,
        TopUpRefusal::AboveMaximumCredit => result::TOO_LARGE,
        TopUpRefusal::AboveMaximumBalance => result::MAXIMUM_CREDIT,
        TopUpRefusal::LockedOut => result::KEYPAD_LOCKED,
        TopUpRefusal::NoKey => result::ERROR,
    }
}
