//! What the display shows of both meters, each value with its age. Of the electricity meter it is what the meter itself says; of the gas
//! meter what the hub has from its reports (the mirror) and from the Commands that it took (the Gas Proxy Function). Nothing of it is acted
//! upon, and none of it is in an [`Event`](crate::Event).
mod questions;
mod text;

pub(crate) use questions::Questions;
pub use text::Printed;

use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Time;
use gbcs::gbz::zcl::{Body, CLUSTER_SPECIFIC, Command, FROM_SERVER};
use han::zcl::attributes::{ReadAttributesResponse, ReportAttributes, Value};
use han::zcl::display::{cluster, metering, prepayment};
use han::zcl::{Direction, Frame, Status, global};

/// Prices kept of a meter.
const MAX_PRICES: usize = 96;

/// One of the two meters of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fuel {
    /// The electricity meter.
    Electricity,
    /// The gas meter.
    Gas,
}

impl Fuel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Electricity, Self::Gas];
}

/// A value, and when it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// What was said.
    pub value: T,
    /// When it was said last. What the hub says of the gas meter is up to half an hour older than that.
    pub at: Time,
}

impl<T> Reading<T> {
    /// How long ago it was said.
    pub fn age(&self, now: Time) -> Duration {
        now.since(self.at)
    }
}

/// Supply as ZCL counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Off.
    Off,
    /// Off; the customer may turn it on.
    Armed,
    /// On.
    On,
    /// A number without a name.
    Other(u8),
}

impl From<u8> for Supply {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Off,
            1 => Self::Armed,
            2 => Self::On,
            other => Self::Other(other),
        }
    }
}

/// What a price is the price of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A tier: time of use.
    Tier(u8),
    /// A block; of an electricity meter the high half octet is the rate less one.
    Block(u8),
}

/// The message of the supplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the meter calls it.
    pub id: u32,
    /// Its text.
    pub text: Vec<u8>,
    /// The customer is asked to confirm that it was read.
    pub to_be_confirmed: bool,
}

/// What is shown of one meter. Money is in hundred-thousandths of a pound, as the meter counts it; `None` is what it never said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Payment control configuration: bit 1 is set in prepayment mode.
    pub payment_control: Option<Reading<u16>>,
    /// The balance.
    pub credit_remaining: Option<Reading<i32>>,
    /// What is left of the emergency credit.
    pub emergency_credit_remaining: Option<Reading<i32>>,
    /// The alarms of the meter: bits of [`credit_status`](han::zcl::display::credit_status).
    pub credit_status: Option<Reading<u8>>,
    /// Debt that gathered while emergency credit was in use.
    pub accumulated_debt: Option<Reading<i32>>,
    /// Time debts 1 and 2, and payment debt.
    pub debts: [Option<Reading<u32>>; 3],
    /// Whether there is supply.
    pub supply: Option<Reading<Supply>>,
    /// Consumption so far: watt hours, or litres of gas.
    pub consumption: Option<Reading<u64>>,
    /// What is drawn now, in watts; a gas meter does not say.
    pub demand: Option<Reading<u32>>,
    /// The standing charge of a day.
    pub standing_charge: Option<Reading<u32>>,
    /// The price of the next kilowatt hour; a gas meter's hub does not say.
    pub price: Option<Reading<u32>>,
    /// The price of each tier and block.
    pub prices: Option<Reading<Vec<(Step, u32)>>>,
    /// The message of the supplier.
    pub message: Option<Reading<Message>>,
}

impl Readings {
    /// Whether the meter is in prepayment mode, when it said.
    pub fn is_prepayment(&self) -> Option<bool> {
        self.payment_control.map(|control| control.value & 0x0002 != 0)
    }

    /// Every debt together, when the meter said one of them.
    pub fn debt(&self) -> Option<i64> {
        let time_and_payment = self.debts.iter().map(|debt| debt.map(|debt| i64::from(debt.value)));
        let accumulated = self.accumulated_debt.map(|debt| i64::from(debt.value));
        let known: Vec<i64> = time_and_payment.chain([accumulated]).flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }

    /// The same values, whenever they were heard.
    fn says_the_same(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(a: &Option<Reading<T>>, b: &Option<Reading<T>>) -> bool {
            a.as_ref().map(|a| &a.value) == b.as_ref().map(|b| &b.value)
        }
        same(&self.payment_control, &other.payment_control)
            && same(&self.credit_remaining, &other.credit_remaining)
            && same(&self.emergency_credit_remaining, &other.emergency_credit_remaining)
            && same(&self.credit_status, &other.credit_status)
            && same(&self.accumulated_debt, &other.accumulated_debt)
            && self.debts.iter().zip(&other.debts).all(|(a, b)| same(a, b))
            && same(&self.supply, &other.supply)
            && same(&self.consumption, &other.consumption)
            && same(&self.demand, &other.demand)
            && same(&self.standing_charge, &other.standing_charge)
            && same(&self.price, &other.price)
            && same(&self.prices, &other.prices)
            && same(&self.message, &other.message)
    }

    /// Take what a server says; whether anything shown changed.
    fn hear(&mut self, now: Time, cluster: u16, zcl: &[u8]) -> bool {
        let Some(frame) = Frame::parse(zcl).ok().filter(|frame| frame.direction == Direction::ToClient) else {
            return false;
        };
        let before = self.clone();
        match (frame.cluster_specific, frame.command) {
            (false, global::READ_ATTRIBUTES_RESPONSE) => {
                // A refused attribute is one the meter has not reported: what was shown of it stays.
                let read = ReadAttributesResponse::parse(frame.payload);
                let told = read.map(|read| read.0).unwrap_or_default().into_iter();
                told.filter_map(|(id, value)| Some((id, value.ok()?)))
                    .for_each(|(id, v)| self.learn(now, cluster, id, v));
            }
            (false, global::REPORT_ATTRIBUTES) => {
                let report = ReportAttributes::parse(frame.payload).map(|report| report.0).unwrap_or_default();
                report.into_iter().for_each(|(id, value)| self.learn(now, cluster, id, value));
            }
            // Whoever asked for the message is told that there is none.
            (false, global::DEFAULT_RESPONSE)
                if cluster == cluster::MESSAGING
                    && frame.as_default_response().is_some_and(|response| response.status == Status::NotFound) =>
            {
                self.message = None;
            }
            (true, command) => {
                let body = Body::parse(cluster, CLUSTER_SPECIFIC | FROM_SERVER, command, frame.payload);
                if let Body::Cluster(command) = body {
                    self.hear_published(now, command);
                }
            }
            _ => {}
        }
        !self.says_the_same(&before)
    }

    fn learn(&mut self, at: Time, cluster: u16, id: u16, told: Value<'_>) {
        let signed = told.octets().try_into().ok().map(i32::from_le_bytes);
        let unsigned = told.unsigned();
        let narrow = unsigned.and_then(|n| u32::try_from(n).ok());
        // What is not of the attribute's type leaves what was shown.
        fn set<T>(place: &mut Option<Reading<T>>, at: Time, value: Option<T>) {
            if let Some(value) = value {
                *place = Some(Reading { value, at });
            }
        }
        match (cluster, id) {
            (cluster::PREPAYMENT, prepayment::PAYMENT_CONTROL) => {
                set(&mut self.payment_control, at, narrow.map(|n| n as u16));
            }
            (cluster::PREPAYMENT, prepayment::CREDIT_REMAINING) => set(&mut self.credit_remaining, at, signed),
            (cluster::PREPAYMENT, prepayment::EMERGENCY_CREDIT_REMAINING) => {
                set(&mut self.emergency_credit_remaining, at, signed);
            }
            (cluster::PREPAYMENT, prepayment::CREDIT_STATUS) => {
                set(&mut self.credit_status, at, narrow.map(|n| n as u8))
            }
            (cluster::PREPAYMENT, prepayment::ACCUMULATED_DEBT) => set(&mut self.accumulated_debt, at, signed),
            (cluster::PREPAYMENT, prepayment::DEBT_1) => set(&mut self.debts[0], at, narrow),
            (cluster::PREPAYMENT, prepayment::DEBT_2) => set(&mut self.debts[1], at, narrow),
            (cluster::PREPAYMENT, prepayment::DEBT_3) => set(&mut self.debts[2], at, narrow),
            (cluster::METERING, metering::SUMMATION) => set(&mut self.consumption, at, unsigned),
            (cluster::METERING, metering::SUPPLY_STATUS) => {
                set(&mut self.supply, at, narrow.map(|n| Supply::from(n as u8)));
            }
            (cluster::METERING, metering::INSTANTANEOUS_DEMAND) => {
                let watts: Option<[u8; 3]> = told.octets().try_into().ok();
                // What flows out of the home is no demand of it.
                let watts = watts.map(|[a, b, c]| if c & 0x80 != 0 { 0 } else { u32::from_le_bytes([a, b, c, 0]) });
                set(&mut self.demand, at, watts);
            }
            _ => {}
        }
    }

    fn hear_published(&mut self, at: Time, command: Command) {
        match command {
            Command::PublishTariffInformation(tariff) => {
                self.standing_charge = Some(Reading { value: tariff.standing_charge, at });
            }
            Command::PublishPrice(price) => self.price = Some(Reading { value: price.price, at }),
            Command::PublishPriceMatrix(matrix) => {
                let by_tier = matrix.sub_payload_control & 1 != 0;
                let step = |n| if by_tier { Step::Tier(n) } else { Step::Block(n) };
                let mut prices = self.prices.take().map(|prices| prices.value).unwrap_or_default();
                prices.retain(|(step, _)| matches!(step, Step::Tier(_)) != by_tier);
                prices.extend(matrix.prices.iter().map(|price| (step(price.tier_block), price.price)));
                prices.truncate(MAX_PRICES);
                self.prices = Some(Reading { value: prices, at });
            }
            Command::DisplayMessage(message) => {
                let text = message.text.octets().to_vec();
                let value = Message { id: message.message, text, to_be_confirmed: message.control & 0x80 != 0 };
                self.message = Some(Reading { value, at });
            }
            _ => {}
        }
    }
}

/// What is shown of both meters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The electricity meter.
    pub electricity: Readings,
    /// The gas meter.
    pub gas: Readings,
}

impl Shown {
    /// What is shown of one of them.
    pub const fn of(&self, fuel: Fuel) -> &Readings {
        match fuel {
            Fuel::Electricity => &self.electricity,
            Fuel::Gas => &self.gas,
        }
    }

    pub(crate) const fn of_mut(&mut self, fuel: Fuel) -> &mut Readings {
        match fuel {
            Fuel::Electricity => &mut self.electricity,
            Fuel::Gas => &mut self.gas,
        }
    }

    /// For people to read: each value with its age.
    pub const fn printed(&self, now: Time) -> Printed<'_> {
        Printed { shown: self, now }
    }

    /// Take what a server says of a meter; whether anything shown changed.
    pub(crate) fn hear(&mut self, now: Time, fuel: Fuel, cluster: u16, zcl: &[u8]) -> bool {
        self.of_mut(fuel).hear(now, cluster, zcl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_800_000_000_000);

    fn frame(cluster_specific: bool, command: u8, payload: &[u8]) -> Vec<u8> {
        Frame {
            cluster_specific,
            manufacturer: None,
            direction: Direction::ToClient,
            disable_default_response: true,
            tsn: 1,
            command,
            payload,
        }
        .to_vec()
    }

    fn attributes(records: Vec<(u16, Result<Value<'_>, Status>)>) -> Vec<u8> {
        let mut payload = Vec::new();
        ReadAttributesResponse(records).encode(&mut payload);
        frame(false, global::READ_ATTRIBUTES_RESPONSE, &payload)
    }

    #[test]
    fn what_the_mirror_says_is_shown_with_its_age_and_what_it_does_not_know_stays_as_it_was() {
        let mut shown = Shown::default();
        let debt = (-250_000i32).to_le_bytes();
        let mode = Value::new(0x19, &[0x02, 0x00]).unwrap();
        let zcl = attributes(alloc::vec![(0x0001, Ok(Value::new(0x2B, &debt).unwrap())), (0x0000, Ok(mode))]);
        assert!(shown.hear(NOW, Fuel::Gas, cluster::PREPAYMENT, &zcl));
        assert_eq!(shown.gas.credit_remaining, Some(Reading { value: -250_000, at: NOW }));
        assert_eq!(shown.gas.is_prepayment(), Some(true));
        assert_eq!(shown.electricity, Readings::default(), "the other meter");
        let later = NOW + Duration::from_secs(60);
        assert!(!shown.hear(later, Fuel::Gas, cluster::PREPAYMENT, &zcl), "nothing new");
        assert_eq!(shown.gas.credit_remaining.unwrap().age(later), Duration::ZERO, "but fresh");
        let unknown = attributes(alloc::vec![(0x0001, Err(Status::UnsupportedAttribute))]);
        assert!(!shown.hear(later, Fuel::Gas, cluster::PREPAYMENT, &unknown));
        assert_eq!(shown.gas.credit_remaining.unwrap().value, -250_000);
    }

    #[test]
    fn reports_supply_demand_and_prices_are_shown() {
        let mut shown = Shown::default();
        let mut payload = Vec::new();
        let records = alloc::vec![
            (metering::SUPPLY_STATUS, Value::new(0x30, &[1]).unwrap()),
            (metering::INSTANTANEOUS_DEMAND, Value::new(0x2A, &[0x34, 0x12, 0]).unwrap()),
            (metering::SUMMATION, Value::new(0x25, &[1, 0, 0, 0, 0, 0]).unwrap()),
        ];
        ReportAttributes(records).encode(&mut payload);
        let report = frame(false, global::REPORT_ATTRIBUTES, &payload);
        assert!(shown.hear(NOW, Fuel::Electricity, cluster::METERING, &report));
        let readings = &shown.electricity;
        assert_eq!(readings.supply.unwrap().value, Supply::Armed);
        assert_eq!((readings.demand.unwrap().value, readings.consumption.unwrap().value), (0x1234, 1));
        // Prices of tiers and of blocks come in two commands, and replace their own kind.
        let matrix = |control: u8, prices: &[(u8, u32)]| {
            let mut payload = alloc::vec![0; 12];
            payload.extend([1, 0, 0, 0, 0, 1, control]);
            for (step, price) in prices {
                payload.push(*step);
                payload.extend(price.to_le_bytes());
            }
            frame(true, 0x05, &payload)
        };
        for zcl in [matrix(1, &[(1, 10), (2, 20)]), matrix(0, &[(0, 5)]), matrix(1, &[(1, 11)])] {
            assert!(shown.hear(NOW, Fuel::Electricity, cluster::PRICE, &zcl));
        }
        let prices = shown.electricity.prices.unwrap().value;
        assert_eq!(prices, [(Step::Block(0), 5), (Step::Tier(1), 11)]);
    }

    #[test]
    fn noise_and_frames_for_servers_show_nothing() {
        let mut shown = Shown::default();
        let mut questions = Questions::default();
        questions.ask_all(&Fuel::ALL);
        while let Some(question) = questions.next(NOW) {
            assert!(!shown.hear(NOW, Fuel::Gas, question.cluster, &question.zcl));
            questions.settled();
        }
        for zcl in [&[][..], &[0xFF; 20], &[0x08, 1, 1, 1, 0], &[0x09, 1, 0, 1, 2]] {
            assert!(!shown.hear(NOW, Fuel::Gas, cluster::PREPAYMENT, zcl));
        }
        assert_eq!(shown, Shown::default());
    }
}
