//! Commands in ASN.1 that may name their time (CS02b, CS02g, CS06; gbcs-messages 8.4, 11).
use gbcs::asn1::{Content, DateTime};
use gbcs::{Counter, Time};

/// When such a Command is to be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// At once: it names no time, or one that has passed (gbcs-messages 18.2, 3).
    Now,
    /// It is stored until then.
    At(Time),
    /// Never: it takes back the one that was stored.
    Never,
}

/// What a Command says of its time; `None` of one that cannot say.
pub fn due(content: &Content, now: Time) -> Option<Due> {
    let named = match content {
        Content::UpdateCredentials(update) => update.execution,
        Content::ActivateFirmware(activate) => activate.execution,
        _ => return None,
    };
    Some(match named {
        Some(DateTime::NEVER) => Due::Never,
        Some(at) if at.time() > now => Due::At(at.time()),
        _ => Due::Now,
    })
}

/// The counter that stands in a payload; it is that of the header, or the Command is not what it says.
pub fn inner_counter(content: &Content) -> Option<Counter> {
    match content {
        Content::UpdateCredentials(update) => Some(update.control.counter),
        Content::ActivateFirmware(activate) => Some(activate.counter),
        _ => None,
    }
}
