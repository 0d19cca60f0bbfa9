//! The envelope of a Response: the Command's ids swapped, its code and counter, the protection of its category (gbcs-messages 2, 4).
use crate::anchors::Role;
use gbcs::catalogue::Protection;
use gbcs::dlms::DateTime;
use gbcs::envelope::{GroupingHeader, OtherInformation, Supplementary};
use gbcs::{Counter, MessageView};

/// The header of the Response to a Command; `date_time` where its use case has one. A supplementary party that brought its counter is
/// told one of the device's own, which `next_own` draws.
pub fn header(
    command: &MessageView<'_>,
    date_time: Option<DateTime>,
    next_own: impl FnOnce() -> Counter,
) -> GroupingHeader {
    let supplementary = match command.other_information().supplementary {
        Supplementary::None => Supplementary::None,
        Supplementary::Party(party) => Supplementary::Party(party),
        Supplementary::Request(party, counter) => Supplementary::Request(party, counter),
        Supplementary::Response(party, counter, _) | Supplementary::Certificate(party, counter, _) => {
            Supplementary::Response(party, counter, next_own())
        }
    };
    let other = OtherInformation { code: command.message_code(), supplementary };
    GroupingHeader { id: command.id().answer(), date_time: date_time.map(|at| at.0), other }
}

/// Whether a Response of this protection to a sender of this role is signed; others are closed by a MAC for him.
pub fn is_signed(response: Protection, role: Role) -> bool {
    match response {
        Protection::MacOrSignature => role != Role::AccessControlBroker,
        Protection::Mac => false,
        Protection::Signature | Protection::SignatureAndMac => true,
    }
}
