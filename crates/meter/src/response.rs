//! The Response: the Command's ids swapped, its code and counter, and the protection of its category (gbcs-messages 2, 4).
use crate::clock::ClockStatus;
use crate::config::{Kind, Role};
use crate::meter::Meter;
use crate::pipeline::Authentic;
use crate::refusal::Refusal;
use crate::state::State;
use crate::work::Executed;
use alloc::vec::Vec;
use gbcs::catalogue::Protection;
use gbcs::crypto::Crypto;
use gbcs::dlms::DateTime;
use gbcs::envelope::{GroupingHeader, Message, OtherInformation, Supplementary};
use gbcs::{Counter, Time, protect};

/// Build and protect the Response of an executed Command.
pub(crate) fn make<C: Crypto>(
    meter: &mut Meter<C>,
    now: Time,
    command: &Authentic<'_>,
    executed: &Executed,
) -> Result<Vec<u8>, Refusal> {
    let (view, rules) = (&command.view, &command.rules);
    let id = view.id().answer();
    let supplementary = match view.other_information().supplementary {
        Supplementary::None => Supplementary::None,
        Supplementary::Party(party) => Supplementary::Party(party),
        Supplementary::Request(party, counter) => Supplementary::Request(party, counter),
        Supplementary::Response(party, counter, _) | Supplementary::Certificate(party, counter, _) => {
            Supplementary::Response(party, counter, meter.state.counters.next_own(now))
        }
    };
    let header = GroupingHeader {
        id,
        date_time: rules.date_time.then(|| clock(meter.config.kind, meter.clock_status(), now).0),
        other: OtherInformation { code: rules.code, supplementary },
    };
    let plain = Message::plain(header, executed.payload.clone()).encode();
    let signed = match rules.response {
        Protection::MacOrSignature => command.role != Role::AccessControlBroker,
        Protection::Mac => false,
        Protection::Signature | Protection::SignatureAndMac => true,
    };
    if signed {
        meter.state.books.battery.sign();
    }
    let protected = if signed {
        protect::sign(&meter.crypto, &meter.config.keys.digital_signature, &plain)
    } else {
        let secret = meter.secrets.with(&meter.crypto, &meter.config, id.target);
        protect::add_mac(&meter.crypto, secret.ok_or(Refusal::NoReaderKey(id.target))?, &plain)
    };
    // What was just built parses and is unprotected; a key that signs nothing is as good as none.
    protected.map_err(|_| Refusal::NoReaderKey(id.target))
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
