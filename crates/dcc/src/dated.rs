//! Commands that a device keeps until their date, and the Alerts that tell what became of them (DUIS 4.7, 6.1).
use gbcs::dlms::{self, Access, Apdu, Data};
use gbcs::gbz::zcl::{Body, Command};
use gbcs::gbz::{AlertData, Component};
use gbcs::{Counter, MessageView, Payload};

/// Done as dated.
pub const ACTIONED: u16 = 0x8F66;
/// Not done.
pub const NOT_ACTIONED: u16 = 0x8F67;

/// Which instruction of which Command an Alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether it was done.
    pub done: bool,
    /// The Command's counter.
    pub counter: Counter,
    instruction: Instruction,
}

/// How the three families name a dated instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Instruction {
    /// Class, object and number of the attribute that holds the date.
    Dlms([u8; 9]),
    /// Cluster and command.
    Gbz(u16, u8),
    /// The only one.
    Asn1,
}

/// What a future-dated Alert tells; `None` for any other message.
pub fn told(alert: &MessageView<'_>) -> Option<Told> {
    let (code, counter, instruction) = match Payload::of(alert).ok()? {
        Payload::Dlms(Apdu::Notification(notification)) => {
            let [Data::OctetString(octets)] = &notification.further[..] else { return None };
            let octets: &[u8; 19] = octets.as_ref().try_into().ok()?;
            let counter = u64::from_be_bytes(octets[2..10].try_into().ok()?);
            (notification.code, Counter(counter), Instruction::Dlms(octets[10..].try_into().ok()?))
        }
        Payload::GbzAlert(alert) => match alert.data {
            AlertData::FutureDated { counter, cluster, command, .. } => {
                (alert.code, counter, Instruction::Gbz(cluster, command))
            }
            _ => return None,
        },
        Payload::Asn1(payload) => match payload.content() {
            gbcs::asn1::Content::ActivationAlert(alert) => (alert.code, alert.counter, Instruction::Asn1),
            gbcs::asn1::Content::CredentialsUpdateAlert(alert) => {
                (alert.code, alert.outcome.counter, Instruction::Asn1)
            }
            _ => return None,
        },
        _ => return None,
    };
    matches!(code, ACTIONED | NOT_ACTIONED).then_some(Told { done: code == ACTIONED, counter, instruction })
}

impl Told {
    /// The number of the instruction, from 1, and how many dated ones the Command has; `None` when it is not in it.
    pub fn place_in(&self, command: &MessageView<'_>) -> Option<(u16, u16)> {
        let instructions = instructions(command);
        let at = instructions.iter().position(|instruction| *instruction == self.instruction)?;
        Some((u16::try_from(at + 1).ok()?, u16::try_from(instructions.len()).ok()?))
    }
}

/// How many dated instructions a Command has.
pub fn count(command: &MessageView<'_>) -> usize {
    instructions(command).len()
}

fn instructions(command: &MessageView<'_>) -> Vec<Instruction> {
    match Payload::of(command) {
        Ok(Payload::Dlms(Apdu::Request(request))) => request.rows.iter().filter_map(dated_row).collect(),
        Ok(Payload::Gbz(payload)) => payload
            .components
            .iter()
            .filter(|component| start(component).is_some_and(|at| !matches!(at, 0 | 0xFFFF_FFFE..)))
            .map(|component| Instruction::Gbz(component.cluster, component.command))
            .collect(),
        Ok(Payload::Asn1(_)) => vec![Instruction::Asn1],
        _ => Vec::new(),
    }
}

/// Every activation time of a Command is twelve octets that name the same moment (gbcs-messages 8.4).
fn dated_row(row: &dlms::Row) -> Option<Instruction> {
    let Access::Set = row.access else { return None };
    let Data::OctetString(octets) = &row.data else { return None };
    let date = dlms::DateTime(octets.as_ref().try_into().ok()?);
    date.time()?;
    let mut name = [0; 9];
    name[..2].copy_from_slice(&row.class.to_be_bytes());
    name[2..8].copy_from_slice(&row.obis.0);
    name[8] = row.index;
    Some(Instruction::Dlms(name))
}

/// The field or the From-Date-Time that says when a component takes effect (gbcs-messages 8.4, 10.1).
fn start(component: &Component) -> Option<u32> {
    if component.from_date_time.is_some() {
        return component.from_date_time;
    }
    let Body::Cluster(command) = component.body()? else { return None };
    Some(match command {
        Command::PublishCalendar(c) => c.start,
        Command::PublishSpecialDays(c) => c.start,
        Command::PublishBlockThresholds(c) => c.start,
        Command::PublishPriceMatrix(c) => c.start,
        Command::PublishTariffInformation(c) => c.start,
        Command::ChangePaymentMode(c) => c.start,
        Command::EmergencyCreditSetup(c) => c.start,
        Command::SetMaximumCreditLimit(c) => c.start,
        Command::SetOverallDebtCap(c) => c.start,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::{Cra, Eui64, GroupingHeader, Message, MessageCode, MessageId};
    use proptest::prelude::*;

    fn message(cra: Cra, code: u16, payload: Vec<u8>) -> Vec<u8> {
        let id = MessageId { originator: Eui64::from_u64(1), target: Eui64::from_u64(2), cra, counter: Counter(3) };
        Message::plain(GroupingHeader::new(id, MessageCode(code)), payload).encode()
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(
            code in prop_oneof![Just(0x00CCu16), Just(0x00CD), Just(0x00CA), Just(0x00CB), any::<u16>()],
            start in prop_oneof![Just(vec![0x0F]), Just(vec![0x01, 0x09]), Just(vec![0x30]), Just(vec![])],
            rest in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let payload = [start, rest].concat();
            let (alert, command) = (message(Cra::Alert, code, payload.clone()), message(Cra::Command, code, payload));
            let (Ok(alert), Ok(command)) = (MessageView::parse(&alert), MessageView::parse(&command)) else {
                return Ok(());
            };
            let total = count(&command);
            if let Some((number, of)) = told(&alert).and_then(|told| told.place_in(&command)) {
                prop_assert!(number >= 1 && number <= of && usize::from(of) == total);
            }
        }
    }
}
