//! The checks between octets and execution are those of every device (`device::check`); a meter's refusals say more.
use crate::config::{MeterConfig, Role};
use crate::refusal::Refusal;
use crate::rules::{Rules, abilities};
use crate::secrets::Secrets;
use device::Counters;
use device::check::{self, Fault};
use gbcs::crypto::Crypto;
use gbcs::{MessageCode, MessageId, MessageView};

/// A Command that passed every check on its envelope. Nothing else can be executed.
pub(crate) struct Authentic<'a> {
    pub view: MessageView<'a>,
    pub rules: Rules,
    pub role: Role,
}

/// All checks on the envelope, in order. Changes nothing but the cache of secrets.
pub(crate) fn authenticate<'a, C: Crypto>(
    crypto: &C,
    config: &MeterConfig,
    secrets: &mut Secrets,
    counters: &Counters,
    octets: &'a [u8],
) -> Result<Authentic<'a>, Refusal> {
    let (own, known) = (&config.keys.key_agreement, config.known());
    let secrets = &mut secrets.agreed;
    let checked = check::authenticate(crypto, own, &known, secrets, counters, abilities(config.kind), octets)?;
    Ok(Authentic { rules: Rules::new(&checked.rules), view: checked.view, role: checked.role })
}

/// The checks that the header alone allows: target, use case, originator, and whether he may.
pub(crate) fn expected(
    config: &MeterConfig,
    id: &MessageId,
    code: MessageCode,
) -> Result<(check::Rules, Role), Refusal> {
    Ok(check::expected(&config.known(), abilities(config.kind), id, code)?)
}

pub(crate) fn addressed_to_us(config: &MeterConfig, id: &MessageId) -> Result<(), Refusal> {
    Ok(check::addressed_to_us(&config.known(), id)?)
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(error) => Self::Malformed(error),
            Fault::NotForUs(target) => Self::NotForUs(target),
            Fault::NotACommand(cra) => Self::NotACommand(cra),
            Fault::UnknownUseCase(code) => Self::UnknownUseCase(code),
            Fault::NotModelled(code) => Self::NotModelled(code),
            Fault::UnknownOriginator(eui) => Self::UnknownOriginator(eui),
            Fault::Unauthorised { role, code } => Self::Unauthorised { role, code },
            Fault::WrongForm => Self::WrongForm,
            Fault::BadMac => Self::BadMac,
            Fault::Replayed { stored, found } => Self::Replayed { stored, found },
            Fault::BadSignature => Self::BadSignature,
        }
    }
}
