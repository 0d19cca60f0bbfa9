//! What a message that parses has that its use case does not: named, never fatal.
//!
//! A device refuses such a Command (step 11 of its checks, gbcs-messages.md 8.1); a reader shows it and says what is odd.
use crate::catalogue::{self, Family, Protection, UseCase};
use crate::dlms::{Apdu, InvokeId};
use crate::envelope::{Form, MessageView, Supplementary};
use crate::ids::{Counter, Cra, MessageCode};
use crate::payload::Payload;
use alloc::vec::Vec;

/// A rule that a message breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The catalogue has no such message code.
    #[error("message code {0} is not in the catalogue")]
    UnknownMessageCode(MessageCode),
    /// The use case has no message of this kind.
    #[error("{id} has no {kind}")]
    NoSuchMessage {
        /// Of the use case.
        id: &'static str,
        /// Command, Response or Alert.
        kind: &'static str,
    },
    /// The payload is made of something else.
    #[error("the payload is not of the family of {0}")]
    Family(&'static str),
    /// The rows of a Command are not those of the use case, in order and type.
    #[error("the rows are not those of {0}, in order and type")]
    Rows(&'static str),
    /// The components of a Command are not those of the use case, in order and shape.
    #[error("the components are not those of {0}, in order and shape")]
    Components(&'static str),
    /// The DER is not what the use case has.
    #[error("the ASN.1 is not of the shape of {0}")]
    Asn1(&'static str),
    /// A Response answers another number of rows than the Command has.
    #[error("{found} answers, {expected} rows of {id}")]
    Answers {
        /// Of the use case.
        id: &'static str,
        /// Rows of the Command, where none may be absent.
        expected: usize,
        /// Answers of the Response.
        found: usize,
    },
    /// A row was answered with data of another shape than the use case has.
    #[error("answer {row} has not the shape that {id} gives it")]
    AnswerShape {
        /// Of the use case.
        id: &'static str,
        /// Counted from 1.
        row: usize,
    },
    /// invoke-id is not that of the counter.
    #[error("invoke-id 0x{found:08X}, 0x{expected:08X} goes with the counter")]
    InvokeId {
        /// In the payload.
        found: u32,
        /// Of the counter.
        expected: u32,
    },
    /// A finished message is not protected as its use case says.
    #[error("protected by {found}, {expected} is the rule of {id}")]
    Protection {
        /// Of the use case.
        id: &'static str,
        /// What the message has.
        found: &'static str,
        /// What it should have.
        expected: &'static str,
    },
    /// A Command or Alert carries a date-time; only Responses do.
    #[error("a date-time in the header of a Command or Alert")]
    DateTime,
    /// A top-up is not under a counter whose low half is zero.
    #[error("a top-up under counter {0}, whose low 32 bits are not zero")]
    TopUpCounter(Counter),
    /// A Command whose supplementary fields are those of a Response or Alert.
    #[error("supplementary fields that no Command has")]
    Supplementary,
}

impl Warning {
    /// A short name that stays the same, for machines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownMessageCode(_) => "unknown-message-code",
            Self::NoSuchMessage { .. } => "no-such-message",
            Self::Family(_) => "payload-family",
            Self::Rows(_) => "rows",
            Self::Components(_) => "components",
            Self::Asn1(_) => "asn1",
            Self::Answers { .. } => "answers",
            Self::AnswerShape { .. } => "answer-shape",
            Self::InvokeId { .. } => "invoke-id",
            Self::Protection { .. } => "protection",
            Self::DateTime => "date-time",
            Self::TopUpCounter(_) => "top-up-counter",
            Self::Supplementary => "supplementary",
        }
    }
}

/// Every rule that a message breaks.
pub fn check(view: &MessageView<'_>, payload: &Payload) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let id = view.id();
    if view.date_time().is_some() && id.cra != Cra::Response {
        warnings.push(Warning::DateTime);
    }
    if let Payload::Dlms(apdu) = payload {
        let (Apdu::Request(crate::dlms::AccessRequest { invoke, .. })
        | Apdu::Response(crate::dlms::AccessResponse { invoke, .. })
        | Apdu::Notification(crate::dlms::DataNotification { invoke, .. })) = apdu;
        let expected = InvokeId::of(id.counter);
        if *invoke != expected {
            warnings.push(Warning::InvokeId { found: invoke.0, expected: expected.0 });
        }
    }
    let supplementary = view.other_information().supplementary;
    if id.cra == Cra::Command && matches!(supplementary, Supplementary::Party(_) | Supplementary::Response(..)) {
        warnings.push(Warning::Supplementary);
    }
    let code = view.message_code();
    let Some(use_case) = catalogue::find(code) else {
        warnings.push(Warning::UnknownMessageCode(code));
        return warnings;
    };
    if matches!(use_case.category, catalogue::Category::NonCriticalTopUp) && id.counter.0 as u32 != 0 {
        warnings.push(Warning::TopUpCounter(id.counter));
    }
    warnings.extend(protection(use_case, view));
    warnings.extend(content(use_case, id.cra, payload));
    warnings
}

fn protection(use_case: &UseCase, view: &MessageView<'_>) -> Option<Warning> {
    let id = use_case.id;
    let Some(rule) = use_case.protection(view.cra()) else {
        let kind = match view.cra() {
            Cra::Command => "Command",
            Cra::Response => "Response",
            Cra::Alert => "Alert",
        };
        return Some(Warning::NoSuchMessage { id, kind });
    };
    if view.cra() == Cra::Command && view.form() != Form::Maced {
        // A Pre-Command, signed or not: not finished.
        return None;
    }
    let found = (view.signature().is_some(), view.mac().is_some());
    let fits = match rule {
        Protection::Mac => found == (false, true),
        Protection::Signature => found == (true, false),
        Protection::SignatureAndMac => found == (true, true),
        Protection::MacOrSignature => found == (true, false) || found == (false, true),
    };
    let words = |found| match found {
        (true, true) => "signature and MAC",
        (true, false) => "a signature",
        (false, true) => "a MAC",
        (false, false) => "nothing",
    };
    let expected = match rule {
        Protection::Mac => "a MAC",
        Protection::Signature => "a signature",
        Protection::SignatureAndMac => "signature and MAC",
        Protection::MacOrSignature => "a MAC or a signature",
    };
    (!fits).then_some(Warning::Protection { id, found: words(found), expected })
}

fn content(use_case: &'static UseCase, cra: Cra, payload: &Payload) -> Vec<Warning> {
    let id = use_case.id;
    let family = match payload {
        Payload::Dlms(_) => Family::Dlms,
        Payload::Gbz(_) | Payload::GbzAlert(_) => Family::Gbz,
        Payload::Asn1(_) | Payload::Der(_) => Family::Der,
    };
    if use_case.family != family && !(use_case.family == Family::Any && family != Family::Der) {
        return Vec::from([Warning::Family(id)]);
    }
    match (cra, payload) {
        (_, Payload::Der(_)) => Vec::from([Warning::Asn1(id)]),
        (Cra::Command, Payload::Dlms(Apdu::Request(request))) if !use_case.matches(request) => {
            Vec::from([Warning::Rows(id)])
        }
        (Cra::Command, Payload::Gbz(payload)) if !use_case.matches_components(payload) => {
            Vec::from([Warning::Components(id)])
        }
        (Cra::Response, Payload::Dlms(Apdu::Response(response))) => {
            let least = use_case.rows.iter().filter(|row| !row.optional).count();
            let (found, expected) = (response.answers.len(), use_case.rows.len());
            if !(least.max(1)..=expected).contains(&found) {
                return Vec::from([Warning::Answers { id, expected, found }]);
            }
            if found != expected {
                return Vec::new();
            }
            let answered = use_case.rows.iter().zip(&response.answers).enumerate();
            let odd = answered.filter(|(_, (row, answer))| !row.answers(answer));
            odd.map(|(i, _)| Warning::AnswerShape { id, row: i + 1 }).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlms::{AccessRequest, Data, Obis, Row};
    use crate::envelope::{GroupingHeader, Message};
    use crate::ids::{Eui64, MessageId};

    fn names(code: u16, counter: u64, cra: Cra, payload: &Payload) -> Vec<&'static str> {
        let (originator, target) = (Eui64::from_u64(1), Eui64::from_u64(2));
        let id = MessageId { originator, target, cra, counter: Counter(counter) };
        let header = GroupingHeader::new(id, MessageCode(code));
        let octets = Message::plain(header, payload.encode()).encode();
        let view = MessageView::parse(&octets).unwrap();
        check(&view, payload).iter().map(Warning::name).collect()
    }

    fn adjust(counter: u64, obis: [u8; 6]) -> Payload {
        let row = Row::action(112, Obis(obis), 1, Data::DoubleLong(1));
        Payload::Dlms(Apdu::Request(AccessRequest::new(Counter(counter), [row])))
    }

    #[test]
    fn a_command_as_its_use_case_has_it_breaks_no_rule() {
        let balance = [0, 0, 19, 10, 0, 255];
        assert!(names(0x001C, 5, Cra::Command, &adjust(5, balance)).is_empty());
    }

    #[test]
    fn every_broken_rule_is_named() {
        let (balance, other) = ([0, 0, 19, 10, 0, 255], [0, 0, 19, 10, 7, 255]);
        assert_eq!(names(0x001C, 5, Cra::Command, &adjust(5, other)), ["rows"]);
        assert_eq!(names(0x001C, 5, Cra::Command, &adjust(6, balance)), ["invoke-id"]);
        assert_eq!(names(0x0EEE, 5, Cra::Command, &adjust(5, balance)), ["unknown-message-code"]);
        assert_eq!(names(0x0086, 5, Cra::Command, &adjust(5, balance)), ["payload-family"]);
        assert_eq!(names(0x0007, 5, Cra::Command, &adjust(5, balance)), ["top-up-counter", "rows"]);
        assert_eq!(names(0x001C, 5, Cra::Alert, &adjust(5, balance)), ["no-such-message"]);
    }
}
