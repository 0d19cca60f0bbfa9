//! The sequence of checks between octets and execution (GBCS 6.2.4): the same for every device.
//!
//! Each check is a small function; [`authenticate`] is the order. The MAC comes before the signature, and the counter before
//! it too, so that a replay costs no elliptic curve.
use crate::anchors::{Known, Role, Usage};
use crate::counters::{Counters, Rule};
use crate::secrets::Secrets;
use gbcs::catalogue::{self, Category, DeviceType, Protection, UseCase};
use gbcs::crypto::{Crypto, PrivateKey};
use gbcs::{Counter, Cra, Eui64, Form, MessageCode, MessageId, MessageView, ParseError, protect};

/// Reads of registers whose Responses carry the device's time in their header, as those of future-datable use cases and top-ups do;
/// the last with the clock's status (gbcs-messages 4.4).
const WITH_DATE_TIME: [u16; 15] = [
    0x0026, 0x0027, 0x0028, 0x0029, 0x002A, 0x002B, 0x002C, 0x002D, 0x0039, 0x0074, 0x0075, 0x00B6, 0x00B8, 0x00BC,
    0x012A,
];

/// A Command failed a check on its envelope. None of these is ever answered: the sender sees a timeout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not one GBCS message.
    #[error("not a GBCS message: {0}")]
    Malformed(ParseError),
    /// For another device.
    #[error("addressed to {0}")]
    NotForUs(Eui64),
    /// A Response or Alert.
    #[error("not a Command but a {0:?}")]
    NotACommand(Cra),
    /// The catalogue has no Command of this code for this kind of device.
    #[error("{0} is no Command for this device")]
    UnknownUseCase(MessageCode),
    /// The catalogue has it; this device does not execute it.
    #[error("{0} is not supported by this device")]
    NotModelled(MessageCode),
    /// No trust anchor cell holds the sender.
    #[error("no trust anchor for originator {0}")]
    UnknownOriginator(Eui64),
    /// The sender's role may not send this use case.
    #[error("role {role:?} may not send {code}")]
    Unauthorised {
        /// The role of the sender's cell.
        role: Role,
        /// What it sent.
        code: MessageCode,
    },
    /// Signature or MAC missing, or there where the use case has none.
    #[error("the protection is not that of the use case")]
    WrongForm,
    /// The MAC does not verify.
    #[error("the MAC does not verify")]
    BadMac,
    /// The counter is not above the last accepted.
    #[error("counter {found} is not above {stored}")]
    Replayed {
        /// The last accepted.
        stored: Counter,
        /// That of the Command.
        found: Counter,
    },
    /// The signature does not verify, or there is no key to verify it with.
    #[error("the signature does not verify")]
    BadSignature,
}

/// What the catalogue says of a Command, as the checks need it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How the Command is protected, and its Response.
    pub command: Protection,
    /// The same of its Response.
    pub response: Protection,
    /// What its counter is held against.
    pub replay: Rule,
    /// Whether the Response carries the time.
    pub date_time: bool,
    /// All of it.
    pub use_case: &'static UseCase,
}

impl Rules {
    /// The rules of a Command for this kind of device; `None` when the catalogue has no such Command.
    pub fn of(device: DeviceType, code: MessageCode) -> Option<Self> {
        let use_case = catalogue::find(code)?;
        let (command, response) = (use_case.protection(Cra::Command)?, use_case.protection(Cra::Response)?);
        let is_command = matches!(
            use_case.category,
            Category::Critical
                | Category::NonCritical
                | Category::NonCriticalTopUp
                | Category::ByRequester
                | Category::PpmidGsme
        );
        if !is_command || !use_case.is_for(device) {
            return None;
        }
        let replay = match (use_case.category, use_case.replay_protected, use_case.future_dated) {
            (Category::NonCriticalTopUp, ..) => Rule::TopUp,
            (_, false, _) => Rule::None,
            (_, true, true) => Rule::FutureDated,
            (_, true, false) => Rule::Execution,
        };
        let date_time = use_case.future_dated
            || use_case.category == Category::NonCriticalTopUp
            || WITH_DATE_TIME.contains(&code.0);
        Some(Self { command, response, replay, date_time, use_case })
    }

    /// Whether a sender of this role may send it.
    pub fn allows(&self, role: Role) -> bool {
        role.originator().is_some_and(|originator| self.use_case.allows(originator))
    }

    /// Between PPMID and gas meter.
    pub fn han_only(&self) -> bool {
        self.use_case.category == Category::PpmidGsme
    }

    fn code(&self) -> MessageCode {
        self.use_case.code
    }
}

/// Which device is asked: its kind, and which Commands of the catalogue for it it executes.
#[derive(Clone, Copy)]
pub struct Abilities<'a> {
    /// The kind.
    pub device: DeviceType,
    /// Whether it executes a Command of these rules.
    pub executes: &'a dyn Fn(&Rules) -> bool,
}

/// A Command that passed every check on its envelope. Nothing else can be executed.
#[derive(Debug)]
pub struct Authentic<'a> {
    /// The message.
    pub view: MessageView<'a>,
    /// What the catalogue says of it.
    pub rules: Rules,
    /// The role of its sender.
    pub role: Role,
}

/// All checks on the envelope, in order, by whoever has the key agreement key `own`. Changes nothing but the cache of secrets.
///
/// # Errors
/// The first check that failed.
pub fn authenticate<'a, C: Crypto>(
    crypto: &C,
    own: &PrivateKey,
    known: &Known<'_>,
    secrets: &mut Secrets,
    counters: &Counters,
    abilities: Abilities<'_>,
    octets: &'a [u8],
) -> Result<Authentic<'a>, Fault> {
    let view = MessageView::parse(octets).map_err(Fault::Malformed)?;
    let (rules, role) = expected(known, abilities, &view.id(), view.message_code())?;
    form_of_the_use_case(&rules, role, &view)?;
    mac(crypto, own, known, secrets, &rules, &view)?;
    not_replayed(counters, &rules, role, &view)?;
    signature(crypto, known, &view)?;
    Ok(Authentic { view, rules, role })
}

/// The checks that the header alone allows: target, use case, originator, and whether he may.
///
/// # Errors
/// The first that failed.
pub fn expected(
    known: &Known<'_>,
    abilities: Abilities<'_>,
    id: &MessageId,
    code: MessageCode,
) -> Result<(Rules, Role), Fault> {
    addressed_to_us(known, id)?;
    let rules = Rules::of(abilities.device, code).ok_or(Fault::UnknownUseCase(code))?;
    if !(abilities.executes)(&rules) {
        return Err(Fault::NotModelled(code));
    }
    let role = known.role_of(id.originator).ok_or(Fault::UnknownOriginator(id.originator))?;
    if rules.allows(role) { Ok((rules, role)) } else { Err(Fault::Unauthorised { role, code }) }
}

/// Whether it is a Command for this device.
///
/// # Errors
/// For another, or no Command.
pub fn addressed_to_us(known: &Known<'_>, id: &MessageId) -> Result<(), Fault> {
    if id.target != known.device {
        return Err(Fault::NotForUs(id.target));
    }
    if id.cra != Cra::Command { Err(Fault::NotACommand(id.cra)) } else { Ok(()) }
}

/// A critical Command is signed and MACed, others only MACed; some for credentials are signed and bring no MAC (gbcs-messages 4.2).
fn form_of_the_use_case(rules: &Rules, role: Role, view: &MessageView<'_>) -> Result<(), Fault> {
    let (form, signed) = match rules.command {
        Protection::SignatureAndMac => (Form::Maced, true),
        Protection::Mac => (Form::Maced, false),
        Protection::Signature => (Form::Signed, true),
        Protection::MacOrSignature if role == Role::AccessControlBroker => (Form::Maced, false),
        Protection::MacOrSignature => (Form::Signed, true),
    };
    if view.form() == form && view.signature().is_some() == signed { Ok(()) } else { Err(Fault::WrongForm) }
}

/// The ACB's for a Remote Party Command, the PPMID's own for a HAN Only Message.
fn mac<C: Crypto>(
    crypto: &C,
    own: &PrivateKey,
    known: &Known<'_>,
    secrets: &mut Secrets,
    rules: &Rules,
    view: &MessageView<'_>,
) -> Result<(), Fault> {
    if view.mac().is_none() {
        return Ok(());
    }
    let (party, _) = protect::mac_parties(&view.id(), known.acb, rules.han_only());
    let secret = secrets.with(crypto, own, known, party).ok_or(Fault::BadMac)?;
    protect::verify_mac(crypto, secret, view).map_err(|_| Fault::BadMac)
}

fn not_replayed(counters: &Counters, rules: &Rules, role: Role, view: &MessageView<'_>) -> Result<(), Fault> {
    let found = view.id().counter;
    counters
        .check(rules.replay, role, rules.code(), found)
        .map_err(|replayed| Fault::Replayed { stored: replayed.stored, found })
}

fn signature<C: Crypto>(crypto: &C, known: &Known<'_>, view: &MessageView<'_>) -> Result<(), Fault> {
    if view.signature().is_none() {
        return Ok(());
    }
    let anchor = known.anchor(view.id().originator, Usage::DigitalSignature).ok_or(Fault::BadSignature)?;
    protect::verify_signature(crypto, &anchor.key, view).map_err(|_| Fault::BadSignature)
}
