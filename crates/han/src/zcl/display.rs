//! What a display asks of the servers of a home, and what a customer does at it: clusters, attributes and commands of Smart Energy
//! that the Gas Proxy Function and an electricity meter serve alike. The commands that GBCS messages carry too are typed in
//! `gbcs::gbz::zcl`; those that only the air carries are here.
use super::{Direction, Frame, Status};
use crate::wire::{ParseError, Reader};
use alloc::vec::Vec;

/// Clusters by name.
pub mod cluster {
    #![allow(missing_docs)]
    pub const BASIC: u16 = 0x0000;
    pub const PRICE: u16 = 0x0700;
    pub const METERING: u16 = 0x0702;
    pub const MESSAGING: u16 = 0x0703;
    pub const PREPAYMENT: u16 = 0x0705;
    pub const CALENDAR: u16 = 0x0707;
}

/// Attributes of the Prepayment cluster. Money is in hundred-thousandths of a pound.
pub mod prepayment {
    /// Payment control configuration, bitmap16: bit 1 is set in prepayment mode.
    pub const PAYMENT_CONTROL: u16 = 0x0000;
    /// Meter balance, int32.
    pub const CREDIT_REMAINING: u16 = 0x0001;
    /// Emergency credit balance, int32.
    pub const EMERGENCY_CREDIT_REMAINING: u16 = 0x0002;
    /// What the customer should know of the credit, bitmap8: see [`credit_status`](super::credit_status).
    pub const CREDIT_STATUS: u16 = 0x0003;
    /// Accumulated debt, int32.
    pub const ACCUMULATED_DEBT: u16 = 0x0005;
    /// Emergency credit limit, uint32.
    pub const EMERGENCY_CREDIT_LIMIT: u16 = 0x0010;
    /// What is left of time debt 1, uint32.
    pub const DEBT_1: u16 = 0x0211;
    /// What is left of time debt 2, uint32.
    pub const DEBT_2: u16 = 0x0221;
    /// What is left of the payment debt, uint32.
    pub const DEBT_3: u16 = 0x0231;
}

/// Bits of the attribute CreditStatus (Smart Energy 1.2, D.7.2.2.1.4): the alarms of a prepayment display.
pub mod credit_status {
    /// There is credit.
    pub const CREDIT_OK: u8 = 1 << 0;
    /// Credit is below the low credit threshold.
    pub const LOW_CREDIT: u8 = 1 << 1;
    /// The meter lends emergency credit at all.
    pub const EMERGENCY_ENABLED: u8 = 1 << 2;
    /// It may be activated now.
    pub const EMERGENCY_AVAILABLE: u8 = 1 << 3;
    /// It was activated.
    pub const EMERGENCY_SELECTED: u8 = 1 << 4;
    /// It is what the customer lives on.
    pub const EMERGENCY_IN_USE: u8 = 1 << 5;
    /// Balance and emergency credit are used up.
    pub const EXHAUSTED: u8 = 1 << 6;
}

/// Attributes of the Metering cluster.
pub mod metering {
    /// Consumption so far, uint48, in the unit that multiplier and divisor make.
    pub const SUMMATION: u16 = 0x0000;
    /// Supply status, enum8: 0 off, 1 armed, 2 on.
    pub const SUPPLY_STATUS: u16 = 0x0014;
    /// Unit of measure, enum8: 0 kWh, 1 cubic metres.
    pub const UNIT: u16 = 0x0300;
    /// Multiplier of summation and demand, uint24.
    pub const MULTIPLIER: u16 = 0x0301;
    /// Divisor of summation and demand, uint24.
    pub const DIVISOR: u16 = 0x0302;
    /// Demand, int24: for electricity with a divisor of 1000, watts.
    pub const INSTANTANEOUS_DEMAND: u16 = 0x0400;
}

/// Attributes of the Price cluster.
pub mod price {
    /// The standing charge of a day, uint32.
    pub const STANDING_CHARGE: u16 = 0x0301;
    /// Prices of blocks 1 to 16 where there are no tiers, uint32.
    pub const BLOCK_PRICE: u16 = 0x0400;
    /// Price of tier 1, block 1, uint32; the next tier's is 0x10 further.
    pub const TIER_PRICE: u16 = 0x0410;
    /// Unit of measure, enum8.
    pub const UNIT: u16 = 0x0615;
    /// ISO 4217 number of the currency, uint16.
    pub const CURRENCY: u16 = 0x0616;
    /// Digits of a price behind the point, in the high half of a bitmap8.
    pub const TRAILING_DIGIT: u16 = 0x0617;
}

/// Commands that a display sends, by cluster.
pub mod ask {
    #![allow(missing_docs)]
    pub const CURRENT_PRICE: u8 = 0x00;
    pub const TARIFF_INFORMATION: u8 = 0x06;
    pub const PRICE_MATRIX: u8 = 0x07;
    pub const BLOCK_THRESHOLDS: u8 = 0x08;
    pub const LAST_MESSAGE: u8 = 0x00;
    pub const CONFIRM_MESSAGE: u8 = 0x01;
    pub const CALENDAR: u8 = 0x00;
    pub const DAY_PROFILES: u8 = 0x01;
    pub const WEEK_PROFILES: u8 = 0x02;
    pub const SEASONS: u8 = 0x03;
    pub const SPECIAL_DAYS: u8 = 0x04;
    pub const SELECT_EMERGENCY_CREDIT: u8 = 0x00;
    pub const TOP_UP: u8 = 0x04;
    pub const LOCAL_CHANGE_SUPPLY: u8 = 0x0C;
}

/// Which command a display asks with: the cluster, the command, and the command with which the answer comes.
pub const ASKED: [(u16, u8, u8); 10] = [
    (cluster::PRICE, ask::CURRENT_PRICE, 0x00),
    (cluster::PRICE, ask::TARIFF_INFORMATION, 0x04),
    (cluster::PRICE, ask::PRICE_MATRIX, 0x05),
    (cluster::PRICE, ask::BLOCK_THRESHOLDS, 0x06),
    (cluster::MESSAGING, ask::LAST_MESSAGE, 0x00),
    (cluster::CALENDAR, ask::CALENDAR, 0x00),
    (cluster::CALENDAR, ask::DAY_PROFILES, 0x01),
    (cluster::CALENDAR, ask::WEEK_PROFILES, 0x02),
    (cluster::CALENDAR, ask::SEASONS, 0x03),
    (cluster::CALENDAR, ask::SPECIAL_DAYS, 0x04),
];

/// The command that answers what a display asks with this frame; `None` when it asks for nothing of this kind.
pub fn answer_to(cluster: u16, frame: &Frame<'_>) -> Option<u8> {
    if !frame.cluster_specific || frame.direction != Direction::ToServer || frame.manufacturer.is_some() {
        return None;
    }
    let asked = ASKED.iter().find(|(of, ask, _)| (*of, *ask) == (cluster, frame.command));
    asked.map(|(_, _, answer)| *answer)
}

/// The frames that answer a display's question with these payloads, or say that there is nothing.
pub fn answers<'a>(frame: &Frame<'_>, command: u8, payloads: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let publish = |payload| {
        let (direction, disable_default_response) = (Direction::ToClient, true);
        Frame { direction, disable_default_response, command, payload, ..*frame }.to_vec()
    };
    let mut answers: Vec<_> = payloads.into_iter().map(publish).collect();
    if answers.is_empty() {
        answers.push(frame.default_response(Status::NotFound));
    }
    answers
}

/// Local Change Supply: what a customer at a display wants the supply to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalChangeSupply {
    /// 0 off, 1 armed, 2 on.
    pub status: u8,
}

impl LocalChangeSupply {
    /// The one thing GBCS lets a PPMID ask for (PECS03).
    pub const ON: u8 = 2;

    /// Reads the payload.
    ///
    /// # Errors
    /// Not one octet.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Local Change Supply");
        let parsed = Self { status: r.u8()? };
        r.finish(parsed)
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        1
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.status);
    }
}

/// Message Confirmation: the customer has seen a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageConfirmation {
    /// Which message.
    pub message: u32,
    /// When, in seconds since 2000.
    pub time: u32,
}

impl MessageConfirmation {
    /// Reads the payload; a confirmation control and a response behind the time are not used by GBCS and passed over.
    ///
    /// # Errors
    /// Fewer than eight octets.
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "Message Confirmation");
        Ok(Self { message: r.u32()?, time: r.u32()? })
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        8
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.message.to_le_bytes());
        out.extend(self.time.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_has_its_answer_and_what_is_not_has_none() {
        let ask = |cluster_specific, direction, manufacturer, command| Frame {
            cluster_specific,
            manufacturer,
            direction,
            disable_default_response: true,
            tsn: 7,
            command,
            payload: &[],
        };
        let tariff = ask(true, Direction::ToServer, None, ask::TARIFF_INFORMATION);
        assert_eq!(answer_to(cluster::PRICE, &tariff), Some(0x04));
        assert_eq!(answer_to(cluster::PREPAYMENT, &tariff), None, "another cluster");
        for other in [
            ask(false, Direction::ToServer, None, 0x00),
            ask(true, Direction::ToClient, None, 0x06),
            ask(true, Direction::ToServer, Some(1), 0x06),
        ] {
            assert_eq!(answer_to(cluster::PRICE, &other), None);
        }
        assert_eq!(answers(&tariff, 0x04, [&[9u8][..]]), [[0x19, 7, 4, 9]]);
        assert_eq!(answers(&tariff, 0x04, []), [[0x18, 7, 0x0B, 0x06, 0x8B]]);
    }

    #[test]
    fn commands_of_the_air_read_what_they_wrote_and_refuse_other_lengths() {
        let confirmation = MessageConfirmation { message: 0x0102_0304, time: 9 };
        let mut octets = Vec::new();
        confirmation.encode(&mut octets);
        assert_eq!((octets.len(), MessageConfirmation::parse(&octets)), (8, Ok(confirmation)));
        assert!(MessageConfirmation::parse(&octets[..7]).is_err());
        assert_eq!(LocalChangeSupply::parse(&[2]), Ok(LocalChangeSupply { status: 2 }));
        assert!(LocalChangeSupply::parse(&[]).is_err() && LocalChangeSupply::parse(&[2, 2]).is_err());
    }
}
