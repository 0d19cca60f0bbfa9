//! What the display shows of the gas meter: asked of the hub, which has it from the meter's reports (the mirror) and from the Commands
//! that the meter took (the Gas Proxy Function). Nothing of it is acted upon, and none of it is in an [`Event`](crate::Event).
use alloc::vec::Vec;
use gbcs::gbz::zcl::{Body, Command};
use han::zcl::attributes::{ReadAttributes, ReadAttributesResponse};
use han::zcl::{Direction, Frame, global};

const METERING: u16 = 0x0702;
const PREPAYMENT: u16 = 0x0705;
const PRICE: u16 = 0x0700;
const MESSAGING: u16 = 0x0703;
/// ZCL frame control of a command that a server publishes, as `gbcs` tells commands apart.
const PUBLISHED: u8 = 0x09;
/// Prices and octets of a message kept.
const MAX_PRICES: usize = 48;

/// What is shown. Money is in hundred-thousandths of a pound, as the meter counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Payment control configuration: bit 1 is set in prepayment mode.
    pub payment_control: Option<u16>,
    /// The balance.
    pub credit_remaining: Option<i32>,
    /// What is left of the emergency credit.
    pub emergency_credit_remaining: Option<i32>,
    /// All debt together.
    pub accumulated_debt: Option<i32>,
    /// Consumption so far, in the meter's unit.
    pub consumption: Option<u64>,
    /// The standing charge of a day.
    pub standing_charge: Option<u32>,
    /// Price of each tier or block.
    pub prices: Vec<u32>,
    /// The message of the supplier.
    pub message: Option<Vec<u8>>,
}

impl Shown {
    /// Whether the meter is in prepayment mode, when it said.
    pub fn is_prepayment(&self) -> Option<bool> {
        self.payment_control.map(|control| control & 0x0002 != 0)
    }
}

/// A question to the hub: the endpoint, the cluster and the ZCL frame.
pub(crate) struct Question {
    pub(crate) endpoint: u8,
    pub(crate) cluster: u16,
    pub(crate) zcl: Vec<u8>,
}

/// The hub's endpoints of the proxy and of the mirror (han.md 8.5).
const PROXY: u8 = 1;
const MIRROR: u8 = 2;

/// The display.
#[derive(Default)]
pub(crate) struct Display {
    shown: Shown,
    tsn: u8,
}

impl Display {
    /// Everything there is to ask.
    pub(crate) fn ask(&mut self) -> Vec<Question> {
        let read = |ids: &[u16]| {
            let mut payload = Vec::new();
            ReadAttributes(ids.to_vec()).encode(&mut payload);
            payload
        };
        // Get Tariff Information: from the beginning of time, any event, one, delivered.
        let tariff = [&[0; 8][..], &[1, 0]].concat();
        [
            (MIRROR, PREPAYMENT, false, global::READ_ATTRIBUTES, read(&[0x0000, 0x0001, 0x0002, 0x0005])),
            (MIRROR, METERING, false, global::READ_ATTRIBUTES, read(&[0x0000])),
            (PROXY, PRICE, true, 0x06, tariff),
            (PROXY, PRICE, true, 0x07, [1, 0, 0, 0].to_vec()),
            (PROXY, MESSAGING, true, 0x00, Vec::new()),
        ]
        .map(|(endpoint, cluster, cluster_specific, command, payload)| {
            self.tsn = self.tsn.wrapping_add(1);
            let zcl = Frame {
                cluster_specific,
                manufacturer: None,
                direction: Direction::ToServer,
                disable_default_response: true,
                tsn: self.tsn,
                command,
                payload: &payload,
            };
            Question { endpoint, cluster, zcl: zcl.to_vec() }
        })
        .into()
    }

    /// Take what the hub answers; whether anything shown changed.
    pub(crate) fn hear(&mut self, cluster: u16, zcl: &[u8]) -> bool {
        let Some(frame) = Frame::parse(zcl).ok().filter(|frame| frame.direction == Direction::ToClient) else {
            return false;
        };
        let before = self.shown.clone();
        match (frame.cluster_specific, frame.command) {
            (false, global::READ_ATTRIBUTES_RESPONSE) => self.hear_attributes(cluster, frame.payload),
            (true, command) => {
                if let Body::Cluster(command) = Body::parse(cluster, PUBLISHED, command, frame.payload) {
                    self.hear_published(command);
                }
            }
            _ => {}
        }
        self.shown != before
    }

    pub(crate) const fn shown(&self) -> &Shown {
        &self.shown
    }

    fn hear_attributes(&mut self, cluster: u16, payload: &[u8]) {
        let Ok(ReadAttributesResponse(records)) = ReadAttributesResponse::parse(payload) else { return };
        for (id, value) in records {
            // A refused attribute is one the meter has not reported: what was shown of it stays.
            let Ok(value) = value else { continue };
            let signed = value.octets().try_into().ok().map(i32::from_le_bytes);
            match (cluster, id) {
                (PREPAYMENT, 0x0000) => self.shown.payment_control = value.unsigned().map(|n| n as u16),
                (PREPAYMENT, 0x0001) => self.shown.credit_remaining = signed,
                (PREPAYMENT, 0x0002) => self.shown.emergency_credit_remaining = signed,
                (PREPAYMENT, 0x0005) => self.shown.accumulated_debt = signed,
                (METERING, 0x0000) => self.shown.consumption = value.unsigned(),
                _ => {}
            }
        }
    }

    fn hear_published(&mut self, command: Command) {
        match command {
            Command::PublishTariffInformation(tariff) => self.shown.standing_charge = Some(tariff.standing_charge),
            Command::PublishPriceMatrix(matrix) => {
                self.shown.prices = matrix.prices.iter().take(MAX_PRICES).map(|price| price.price).collect();
            }
            Command::DisplayMessage(message) => self.shown.message = Some(message.text.octets().to_vec()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use han::zcl::Status;
    use han::zcl::attributes::Value;

    fn attributes(records: Vec<(u16, Result<Value<'_>, Status>)>) -> Vec<u8> {
        let mut payload = Vec::new();
        ReadAttributesResponse(records).encode(&mut payload);
        Frame {
            cluster_specific: false,
            manufacturer: None,
            direction: Direction::ToClient,
            disable_default_response: true,
            tsn: 1,
            command: global::READ_ATTRIBUTES_RESPONSE,
            payload: &payload,
        }
        .to_vec()
    }

    #[test]
    fn what_the_mirror_says_is_shown_and_what_it_does_not_know_stays_as_it_was() {
        let mut display = Display::default();
        let debt = (-250_000i32).to_le_bytes();
        let mode = Value::new(0x19, &[0x02, 0x00]).unwrap();
        let zcl = attributes(alloc::vec![(0x0001, Ok(Value::new(0x2B, &debt).unwrap())), (0x0000, Ok(mode))]);
        assert!(display.hear(PREPAYMENT, &zcl));
        assert_eq!(display.shown().credit_remaining, Some(-250_000));
        assert_eq!(display.shown().is_prepayment(), Some(true));
        assert!(!display.hear(PREPAYMENT, &zcl), "nothing new");
        let unknown = attributes(alloc::vec![(0x0001, Err(Status::UnsupportedAttribute))]);
        assert!(!display.hear(PREPAYMENT, &unknown));
        assert_eq!(display.shown().credit_remaining, Some(-250_000));
    }

    #[test]
    fn noise_and_frames_for_servers_show_nothing() {
        let mut display = Display::default();
        for question in display.ask() {
            assert!(!display.hear(question.cluster, &question.zcl));
        }
        for zcl in [&[][..], &[0xFF; 20], &[0x08, 1, 1, 1, 0], &[0x09, 1, 0, 1, 2]] {
            assert!(!display.hear(PREPAYMENT, zcl));
        }
        assert_eq!(*display.shown(), Shown::default());
    }
}
