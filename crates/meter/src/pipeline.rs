//! The sequence of checks between octets and execution (GBCS 6.2.4): the same for both meters.
//!
//! Each check is a small function; [`authenticate`] is the order. The MAC comes before the signature, and the counter before
//! it too, so that a replay costs no elliptic curve.
use crate::config::{MeterConfig, Role, Usage};
use crate::counters::Counters;
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::secrets::Secrets;
use gbcs::catalogue::Protection;
use gbcs::crypto::Crypto;
use gbcs::{Cra, Eui64, Form, MessageCode, MessageId, MessageView, protect};

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
    let view = well_formed(octets)?;
    let (rules, role) = expected(config, &view.id(), view.message_code())?;
    form_of_the_use_case(&rules, role, &view)?;
    mac(crypto, config, secrets, &rules, &view)?;
    not_replayed(counters, &rules, role, &view)?;
    signature(crypto, config, &view)?;
    Ok(Authentic { view, rules, role })
}

fn well_formed(octets: &[u8]) -> Result<MessageView<'_>, Refusal> {
    MessageView::parse(octets).map_err(Refusal::Malformed)
}

/// The checks that the header alone allows: target, use case, originator, and whether he may.
pub(crate) fn expected(config: &MeterConfig, id: &MessageId, code: MessageCode) -> Result<(Rules, Role), Refusal> {
    addressed_to_us(config, id)?;
    let rules = known_use_case(config, code)?;
    let role = known_originator(config, id.originator)?;
    authorised(&rules, role)?;
    Ok((rules, role))
}

pub(crate) fn addressed_to_us(config: &MeterConfig, id: &MessageId) -> Result<(), Refusal> {
    if id.target != config.eui {
        return Err(Refusal::NotForUs(id.target));
    }
    if id.cra != Cra::Command { Err(Refusal::NotACommand(id.cra)) } else { Ok(()) }
}

fn known_use_case(config: &MeterConfig, code: MessageCode) -> Result<Rules, Refusal> {
    let rules = Rules::of(config.kind, code).ok_or(Refusal::UnknownUseCase(code))?;
    if rules.modelled { Ok(rules) } else { Err(Refusal::NotModelled(code)) }
}

fn known_originator(config: &MeterConfig, originator: Eui64) -> Result<Role, Refusal> {
    config.role_of(originator).ok_or(Refusal::UnknownOriginator(originator))
}

fn authorised(rules: &Rules, role: Role) -> Result<(), Refusal> {
    if rules.allows(role) { Ok(()) } else { Err(Refusal::Unauthorised { role, code: rules.code }) }
}

/// A critical Command is signed and MACed, others only MACed; some for credentials are signed and bring no MAC (gbcs-messages 4.2).
fn form_of_the_use_case(rules: &Rules, role: Role, view: &MessageView<'_>) -> Result<(), Refusal> {
    let (form, signed) = match rules.command {
        Protection::SignatureAndMac => (Form::Maced, true),
        Protection::Mac => (Form::Maced, false),
        Protection::Signature => (Form::Signed, true),
        Protection::MacOrSignature if role == Role::AccessControlBroker => (Form::Maced, false),
        Protection::MacOrSignature => (Form::Signed, true),
    };
    if view.form() == form && view.signature().is_some() == signed { Ok(()) } else { Err(Refusal::WrongForm) }
}

/// The ACB's for a Remote Party Command, the PPMID's own for a HAN Only Message.
fn mac<C: Crypto>(
    crypto: &C,
    config: &MeterConfig,
    secrets: &mut Secrets,
    rules: &Rules,
    view: &MessageView<'_>,
) -> Result<(), Refusal> {
    if view.mac().is_none() {
        return Ok(());
    }
    let (party, _) = protect::mac_parties(&view.id(), config.acb, rules.han_only);
    let secret = secrets.with(crypto, config, party).ok_or(Refusal::BadMac)?;
    protect::verify_mac(crypto, secret, view).map_err(|_| Refusal::BadMac)
}

fn not_replayed(counters: &Counters, rules: &Rules, role: Role, view: &MessageView<'_>) -> Result<(), Refusal> {
    let found = view.id().counter;
    counters
        .check(rules.replay, role, rules.code, found)
        .map_err(|replayed| Refusal::Replayed { stored: replayed.stored, found })
}

fn signature<C: Crypto>(crypto: &C, config: &MeterConfig, view: &MessageView<'_>) -> Result<(), Refusal> {
    if view.signature().is_none() {
        return Ok(());
    }
    let anchor = config.anchor(view.id().originator, Usage::DigitalSignature).ok_or(Refusal::BadSignature)?;
    protect::verify_signature(crypto, &anchor.key, view).map_err(|_| Refusal::BadSignature)
}
