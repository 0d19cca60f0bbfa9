//! The Response: the Command's ids swapped, its code and counter, and the protection of its category (gbcs-messages 2, 4).
use crate::clock::ClockStatus;
use crate::config::Kind;
use crate::meter::Meter;
use crate::pipeline::Authentic;
use crate::refusal::Refusal;
use crate::state::State;
use crate::work::Executed;
use alloc::vec::Vec;
use device::response;
use gbcs::crypto::Crypto;
use gbcs::dlms::DateTime;
use gbcs::envelope::Message;
use gbcs::{Counter, Time, protect};

/// Build and protect the Response of an executed Command.
pub(crate) fn make<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    command: &Authentic<'_>,
    executed: &Executed,
) -> Result<Vec<u8>, Refusal> {
    let (view, rules) = (&command.view, &command.rules);
    let date_time = rules.date_time.then(|| clock(meter.config.kind, meter.clock_status(), now));
    let header = response::header(view, date_time, || meter.state.counters.next_own(now));
    let target = header.id.target;
    let plain = Message::plain(header, executed.payload.clone()).encode();
    let signed = response::is_signed(rules.response, command.role);
    if signed {
        meter.state.books.battery.sign();
    }
    let protected = if signed {
        protect::sign(&meter.crypto, &meter.config.keys.digital_signature, &plain)
    } else {
        let secret = meter.secrets.with(&meter.crypto, &meter.config, target);
        protect::add_mac(&meter.crypto, secret.ok_or(Refusal::NoReaderKey(target))?, &plain)
    };
    // What was just built parses and is unprotected; a key that signs nothing is as good as none.
    protected.map_err(|_| Refusal::NoReaderKey(target))
}

/// The counter of its own that the next Response to an unknown remote party will carry.
pub(crate) fn supplementary_counter(state: &State, now: Time) -> Counter {
    state.counters.clone().next_own(now)
}

/// The meter's time, with the clock status its kind writes: not specified for electricity; for gas 00, and 02 where it is doubtful
/// (gbcs-messages 4.5).
fn clock(kind: Kind, status: ClockStatus, now: Time) -> DateTime {
    match (kind, status) {
        (Kind::Esme, _) => DateTime::at(now),
        (Kind::Gsme, ClockStatus::Reliable) => DateTime::at(now).with_status(0x00),
        (Kind::Gsme, _) => DateTime::at(now).with_status(0x02),
    }
}
