//! Entering a UTRN: authentic, not spent, within limits, then credit (GBCS 14, gbcs-messages 14.4).
use crate::prepayment::{Account, Denied, Split};
use device::counters::UtrnCache;
use gbcs::crypto::{Crypto, SharedSecret};
use gbcs::utrn::Utrn;
use gbcs::{Counter, Eui64};

/// A top-up that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credited {
    /// The value of the UTRN, in thousandths of a penny.
    pub amount: i32,
    /// Where the money went.
    pub split: Split,
}

/// Why a UTRN was not taken. Nothing changed, and it may be entered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopUpRefusal {
    /// Not 20 digits, a wrong check digit, or no prepayment token.
    #[error("not a UTRN")]
    Invalid,
    /// The supplier did not make it, or not for this meter.
    #[error("the UTRN is not authentic")]
    NotAuthentic,
    /// It was accepted before, or is too old to tell.
    #[error("the UTRN was used before")]
    Duplicate,
    /// Worth more than one top-up may be.
    #[error("the top-up is above the maximum credit")]
    AboveMaximumCredit,
    /// The balance would be higher than it may be.
    #[error("the balance would rise above its maximum")]
    AboveMaximumBalance,
    /// Entry by hand is locked after bad UTRNs.
    #[error("entry is locked after wrong UTRNs; try again later")]
    LockedOut,
    /// The meter holds no prepayment key of its supplier.
    #[error("no prepayment key to authenticate the UTRN with")]
    NoKey,
}

impl TopUpRefusal {
    /// The event code of the refusal (GBCS 16.1), where it has one.
    pub const fn log_code(self) -> Option<u16> {
        match self {
            Self::NotAuthentic => Some(0x8F63),
            Self::Duplicate => Some(0x8F51),
            Self::AboveMaximumCredit => Some(0x8F5B),
            Self::AboveMaximumBalance => Some(0x8F47),
            Self::LockedOut => Some(0x81C5),
            Self::Invalid | Self::NoKey => None,
        }
    }
}

/// Everything that decides about a UTRN besides its digits.
pub(crate) struct Till<'a, C> {
    pub crypto: &'a C,
    pub meter: Eui64,
    /// The supplier and the secret with its prepayment key.
    pub supplier: Option<(Eui64, &'a SharedSecret)>,
    pub utrns: &'a mut UtrnCache,
    /// The counter of the Command that brings it; entered by hand it has none.
    pub command: Option<Counter>,
}

impl<C: Crypto> Till<'_, C> {
    /// The checks in the order of gbcs-messages 14.4, then the credit.
    pub fn enter(&mut self, account: &mut Account, digits: &[u8]) -> Result<Credited, TopUpRefusal> {
        let utrn = Utrn::try_from(digits).map_err(|_| TopUpRefusal::Invalid)?;
        let (supplier, secret) = self.supplier.ok_or(TopUpRefusal::NoKey)?;
        let counter = self.command.unwrap_or_else(|| utrn.rebuild_counter(self.utrns.highest()));
        utrn.verify(self.crypto, secret, supplier, self.meter, counter).map_err(|_| TopUpRefusal::NotAuthentic)?;
        let high = (counter.0 >> 32) as u32;
        if self.utrns.spent(high) {
            return Err(TopUpRefusal::Duplicate);
        }
        let amount = utrn.credit().value();
        let split = account.top_up(amount).map_err(|denied| match denied {
            Denied::AboveMaximumCredit => TopUpRefusal::AboveMaximumCredit,
            _ => TopUpRefusal::AboveMaximumBalance,
        })?;
        self.utrns.accept(high, self.command.is_some());
        Ok(Credited { amount, split })
    }
}
