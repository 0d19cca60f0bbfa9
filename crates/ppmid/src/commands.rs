//! Commands to the PPMID itself: the checks of GBCS 6.2.4 in their order, execution, Response. It knows no tunnel.
//!
//! Which use cases there are, who may send them and how they are protected says the catalogue. What they do is the device log: a PPMID
//! joins electricity meters by Method A and gas meters by Method C, and parts from either (GBCS 13.7).
use crate::config::{Config, Identity, Party};
use crate::own::{Joined, MAX_JOINED, Own};
use alloc::vec::Vec;
use gbcs::asn1::{
    ActivationStatus, Content, DeviceKind, FirmwareReport, Join, JoinMethod, JoinStatus, Payload, UnjoinStatus,
};
use gbcs::catalogue::{self, Category, DeviceType, Originator, Protection, UseCase};
use gbcs::certificate::KeyUsage;
use gbcs::crypto::{Crypto, PublicKey};
use gbcs::envelope::{GroupingHeader, OtherInformation, Supplementary};
use gbcs::{Counter, Cra, Eui64, Form, Message, MessageCode, MessageView, ParseError, protect};
use han::partner::Part;

/// Method A, of devices other than meters, and Method C.
const CS03A2: MessageCode = MessageCode(0x00AB);
const CS03C: MessageCode = MessageCode(0x00AF);

/// Why a Command was thrown away: nothing is ever answered to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefusal {
    /// Not one whole GBCS message.
    #[error("not a GBCS message: {0}")]
    Malformed(ParseError),
    /// For another device.
    #[error("addressed to {0}")]
    NotForUs(Eui64),
    /// This PPMID has no keys to check a Command with.
    #[error("this PPMID has no credentials")]
    NoCredentials,
    /// The catalogue has no Command of this code for a PPMID.
    #[error("{0} is no Command for a PPMID")]
    UnknownUseCase(MessageCode),
    /// The PPMID does not know the sender.
    #[error("originator {0} is not known")]
    UnknownOriginator(Eui64),
    /// The sender may not send this use case.
    #[error("role {role:?} may not send {code}")]
    Unauthorised {
        /// The role of the sender.
        role: Originator,
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
    /// The signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
    /// The payload is not that of the use case.
    #[error("the payload is not that of the use case: {0}")]
    BadPayload(ParseError),
    /// The Response cannot be protected with the keys that there are.
    #[error("the Response cannot be protected")]
    CannotAnswer,
}

/// A Command that was executed.
pub(crate) struct Executed {
    pub(crate) originator: Eui64,
    pub(crate) code: MessageCode,
    pub(crate) succeeded: bool,
    /// Protected, for the hub.
    pub(crate) response: Vec<u8>,
    pub(crate) effect: Effect,
}

/// What a Command changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Nothing,
    /// The log has this device now; with which part in the exchange of a link key, where there is one.
    Joined(Eui64, Option<Part>),
    /// It has this device no longer.
    Parted(Eui64),
}

/// A Command that passed every check on its envelope.
struct Authentic<'a> {
    view: MessageView<'a>,
    use_case: &'static UseCase,
    party: &'a Party,
}

/// Check a message and execute it. The caller stores `own`, also after a refusal.
pub(crate) fn handle<C: Crypto>(
    crypto: &C,
    config: &Config,
    own: &mut Own,
    octets: &[u8],
) -> Result<Executed, CommandRefusal> {
    let view = MessageView::parse(octets).map_err(CommandRefusal::Malformed)?;
    let (me, id) = (config.node.eui, view.id());
    if id.target != me {
        return Err(CommandRefusal::NotForUs(id.target));
    }
    let identity = config.identity.as_ref().ok_or(CommandRefusal::NoCredentials)?;
    let command = authenticate(crypto, identity, own, view)?;
    let Authentic { view, use_case, party } = &command;
    if use_case.replay_protected {
        // Before anything is executed, so that nothing that follows can make it acceptable again.
        own.accept(party.role, id.counter.0);
    }
    let code = view.message_code();
    let payload = Payload::parse(code, Cra::Command, view.payload()).map_err(CommandRefusal::BadPayload)?;
    let mut log = own.log(config);
    let (answer, effect) = execute(crypto, identity, &mut log, code, payload.content());
    let response = respond(crypto, identity, &command, answer.clone())?;
    if effect != Effect::Nothing {
        own.set_log(log);
    }
    let succeeded = answer.results().iter().all(|result| *result == 0);
    Ok(Executed { originator: id.originator, code, succeeded, response, effect })
}

/// The checks on the envelope, from the use case on.
fn authenticate<'a, C: Crypto>(
    crypto: &C,
    identity: &'a Identity,
    own: &Own,
    view: MessageView<'a>,
) -> Result<Authentic<'a>, CommandRefusal> {
    let (id, code) = (view.id(), view.message_code());
    let use_case = catalogue::find(code).filter(|use_case| is_command(use_case));
    let use_case = use_case.ok_or(CommandRefusal::UnknownUseCase(code))?;
    let party = identity.parties.iter().find(|party| party.eui == id.originator);
    let party = party.ok_or(CommandRefusal::UnknownOriginator(id.originator))?;
    let role = party.role;
    if !use_case.allows(role) {
        return Err(CommandRefusal::Unauthorised { role, code });
    }
    let signed = match use_case.protection(Cra::Command) {
        Some(Protection::Mac) => false,
        Some(Protection::SignatureAndMac) => true,
        _ => return Err(CommandRefusal::UnknownUseCase(code)),
    };
    if view.form() != Form::Maced || view.signature().is_some() != signed {
        return Err(CommandRefusal::WrongForm);
    }
    let (closer, _) = protect::mac_parties(&id, identity.acb, false);
    let closer = identity.parties.iter().find(|party| party.eui == closer).ok_or(CommandRefusal::BadMac)?;
    let secret = crypto.agree(&identity.key_agreement, &closer.key_agreement).map_err(|_| CommandRefusal::BadMac)?;
    protect::verify_mac(crypto, &secret, &view).map_err(|_| CommandRefusal::BadMac)?;
    let stored = own.counter(role).filter(|stored| use_case.replay_protected && id.counter.0 <= *stored);
    if let Some(stored) = stored {
        return Err(CommandRefusal::Replayed { stored: Counter(stored), found: id.counter });
    }
    if signed {
        protect::verify_signature(crypto, &party.digital_signature, &view).map_err(|_| CommandRefusal::BadSignature)?;
    }
    Ok(Authentic { view, use_case, party })
}

/// Whether a PPMID takes Commands of this use case.
fn is_command(use_case: &UseCase) -> bool {
    use_case.is_for(DeviceType::Ppmid)
        && matches!(use_case.category, Category::Critical | Category::NonCritical)
        && use_case.protection(Cra::Response).is_some()
}

fn execute<C: Crypto>(
    crypto: &C,
    identity: &Identity,
    log: &mut Vec<Joined>,
    code: MessageCode,
    content: &Content,
) -> (Content, Effect) {
    match content {
        Content::Join(join) => match admit(crypto, log, code, join) {
            Ok(part) => (Content::Joined(JoinStatus::Success), Effect::Joined(join.device, part)),
            Err(status) => (Content::Joined(status), Effect::Nothing),
        },
        Content::Unjoin(device) => {
            let before = log.len();
            log.retain(|joined| joined.device != *device);
            match log.len() == before {
                true => (Content::Unjoined(UnjoinStatus::NotInLog), Effect::Nothing),
                false => (Content::Unjoined(UnjoinStatus::Success), Effect::Parted(*device)),
            }
        }
        Content::ReadFirmwareVersion => {
            // What runs was activated, be it at manufacture.
            let report = FirmwareReport { version: identity.firmware, status: ActivationStatus::Success };
            (Content::FirmwareReport(report), Effect::Nothing)
        }
        // The parser gives a PPMID's use cases no other content.
        other => (other.clone(), Effect::Nothing),
    }
}

/// Put a device into the log; the PPMID's part in the exchange of a link key, where there is one.
fn admit<C: Crypto>(
    crypto: &C,
    log: &mut Vec<Joined>,
    code: MessageCode,
    join: &Join,
) -> Result<Option<Part>, JoinStatus> {
    let (part, key) = match (code, join.method, join.kind) {
        (CS03A2, JoinMethod::AInitiator, DeviceKind::Esme) => (Some(Part::Initiator), None),
        (CS03A2, JoinMethod::AResponder, DeviceKind::Esme) => (Some(Part::Responder), None),
        (CS03C, JoinMethod::C, DeviceKind::Gsme) => {
            (None, Some(key_of(crypto, join).ok_or(JoinStatus::BadCertificate)?))
        }
        (CS03A2, JoinMethod::AInitiator | JoinMethod::AResponder, _) | (CS03C, JoinMethod::C, _) => {
            return Err(JoinStatus::MethodMismatch);
        }
        _ => return Err(JoinStatus::CodeMismatch),
    };
    let entry = Joined::new(join.device, join.kind, key.as_ref());
    let full = log.len() >= MAX_JOINED;
    match log.iter_mut().find(|joined| joined.device == join.device) {
        Some(joined) if joined.kind() != join.kind => return Err(JoinStatus::ConflictingEntry),
        // Joined again, perhaps with another key.
        Some(joined) => *joined = entry,
        None if full => return Err(JoinStatus::LogFull),
        None => log.push(entry),
    }
    Ok(part)
}

/// The key of the other device, from a certificate that names it.
fn key_of<C: Crypto>(crypto: &C, join: &Join) -> Option<PublicKey> {
    let certificate = join.certificate.as_ref()?.read().ok()?;
    let fits = certificate.entity == Some(join.device) && certificate.usage == KeyUsage::KeyAgreement;
    crypto.public_key(&certificate.point).ok().filter(|_| fits)
}

/// The Response: identifiers swapped, the Command's code and counter, the protection of its use case.
fn respond<C: Crypto>(
    crypto: &C,
    identity: &Identity,
    command: &Authentic<'_>,
    answer: Content,
) -> Result<Vec<u8>, CommandRefusal> {
    let Authentic { view, use_case, party } = command;
    let OtherInformation { code, supplementary } = view.other_information();
    let supplementary = match supplementary {
        Supplementary::None => Supplementary::None,
        Supplementary::Party(party) => Supplementary::Party(party),
        // Nothing is encrypted for the party here, so its certificate and a counter of this device's have no use.
        Supplementary::Request(party, counter)
        | Supplementary::Response(party, counter, _)
        | Supplementary::Certificate(party, counter, _) => Supplementary::Request(party, counter),
    };
    let other = OtherInformation { code, supplementary };
    let header = GroupingHeader { id: view.id().answer(), date_time: None, other };
    let plain = Message::plain(header, Payload::from(answer).encode()).encode();
    let protected = match use_case.protection(Cra::Response) {
        Some(Protection::Mac) => {
            let secret = crypto.agree(&identity.key_agreement, &party.key_agreement);
            protect::add_mac(crypto, &secret.map_err(|_| CommandRefusal::CannotAnswer)?, &plain)
        }
        _ => protect::sign(crypto, &identity.digital_signature, &plain),
    };
    protected.map_err(|_| CommandRefusal::CannotAnswer)
}
