//! What the display asks, one question at a time, and how often: a display that is looked at by nobody must not take the air from those
//! who need it.
use super::Fuel;
use crate::config::Refresh;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Time;
use han::zcl::attributes::ReadAttributes;
use han::zcl::display::{ask, cluster, metering, prepayment};
use han::zcl::{Direction, Frame, global};

/// How long an answer is waited for before the next question.
const WAIT: Duration = Duration::from_secs(5);

/// What is asked, the same of both meters.
const ASKED: [Kind; 6] =
    [Kind::Prepayment, Kind::Metering, Kind::Tariff, Kind::Prices, Kind::CurrentPrice, Kind::Message];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Prepayment,
    Metering,
    Tariff,
    Prices,
    CurrentPrice,
    Message,
}

impl Kind {
    /// Cluster, whether the command is the cluster's, command, payload.
    fn frame(self) -> (u16, bool, u8, Vec<u8>) {
        let read = |ids: &[u16]| {
            let mut payload = Vec::new();
            ReadAttributes(ids.to_vec()).encode(&mut payload);
            payload
        };
        match self {
            Self::Prepayment => {
                let ids = [
                    prepayment::PAYMENT_CONTROL,
                    prepayment::CREDIT_REMAINING,
                    prepayment::EMERGENCY_CREDIT_REMAINING,
                    prepayment::CREDIT_STATUS,
                    prepayment::ACCUMULATED_DEBT,
                    prepayment::DEBT_1,
                    prepayment::DEBT_2,
                    prepayment::DEBT_3,
                ];
                (cluster::PREPAYMENT, false, global::READ_ATTRIBUTES, read(&ids))
            }
            Self::Metering => {
                let ids = [metering::SUMMATION, metering::SUPPLY_STATUS, metering::INSTANTANEOUS_DEMAND];
                (cluster::METERING, false, global::READ_ATTRIBUTES, read(&ids))
            }
            // From the beginning of time, any event, one, delivered.
            Self::Tariff => (cluster::PRICE, true, ask::TARIFF_INFORMATION, [&[0; 8][..], &[1, 0]].concat()),
            Self::Prices => (cluster::PRICE, true, ask::PRICE_MATRIX, [1, 0, 0, 0].to_vec()),
            // The requester's receiver is always on.
            Self::CurrentPrice => (cluster::PRICE, true, ask::CURRENT_PRICE, [1].to_vec()),
            Self::Message => (cluster::MESSAGING, true, ask::LAST_MESSAGE, Vec::new()),
        }
    }

    /// What the hub answers for a gas meter: at the mirror what the meter reports, at the proxy what it took. It does not know the
    /// price of the moment.
    const fn endpoint_of_hub(self) -> Option<u8> {
        /// The hub's endpoints of the proxy and of the mirror (han.md 8.5).
        const PROXY: u8 = 1;
        const MIRROR: u8 = 2;
        match self {
            Self::Prepayment | Self::Metering => Some(MIRROR),
            Self::Tariff | Self::Prices | Self::Message => Some(PROXY),
            Self::CurrentPrice => None,
        }
    }
}

/// A question: the hub's endpoint, or none where the electricity meter is asked; the cluster and the ZCL frame.
pub(crate) struct Question {
    pub(crate) hub_endpoint: Option<u8>,
    pub(crate) cluster: u16,
    pub(crate) zcl: Vec<u8>,
}

/// Questions that wait, and the one that was asked.
#[derive(Default)]
pub(crate) struct Questions {
    waiting: VecDeque<(Fuel, Kind)>,
    /// The sequence number of the question under way, and until when it is waited for.
    asked: Option<(u8, Time)>,
    tsn: u8,
    /// When each meter is asked again, electricity first.
    due: [Option<Time>; 2],
}

impl Questions {
    /// Everything there is to ask about these meters.
    pub(crate) fn ask_all(&mut self, fuels: &[Fuel]) {
        for &fuel in fuels {
            for kind in ASKED {
                let known = fuel == Fuel::Electricity || kind.endpoint_of_hub().is_some();
                if known && !self.waiting.contains(&(fuel, kind)) {
                    self.waiting.push_back((fuel, kind));
                }
            }
        }
    }

    /// Ask what is due by itself, as long as the device was on the air for less than it may; first at the first call.
    pub(crate) fn refresh(&mut self, now: Time, refresh: &Refresh, fuels: &[Fuel], on_air: Duration) {
        for &fuel in fuels {
            let due = &mut self.due[fuel as usize];
            if due.is_none_or(|at| at <= now) {
                *due = Some(now + refresh.interval(fuel));
                if on_air < refresh.airtime {
                    self.ask_all(&[fuel]);
                }
            }
        }
    }

    /// The next question, unless one is under way.
    pub(crate) fn next(&mut self, now: Time) -> Option<Question> {
        self.asked.take_if(|(_, until)| *until <= now);
        if self.asked.is_some() {
            return None;
        }
        let (fuel, kind) = self.waiting.pop_front()?;
        let tsn = self.take_tsn();
        self.asked = Some((tsn, now + WAIT));
        let (cluster, cluster_specific, command, payload) = kind.frame();
        let zcl = Frame {
            cluster_specific,
            manufacturer: None,
            direction: Direction::ToServer,
            disable_default_response: true,
            tsn,
            command,
            payload: &payload,
        };
        let hub_endpoint = kind.endpoint_of_hub().filter(|_| fuel == Fuel::Gas);
        Some(Question { hub_endpoint, cluster, zcl: zcl.to_vec() })
    }

    /// A frame with this sequence number came: the question under way may be answered by it.
    pub(crate) fn heard(&mut self, tsn: u8) {
        self.asked.take_if(|(asked, _)| *asked == tsn);
    }

    /// The question under way is over.
    #[cfg(test)]
    pub(crate) fn settled(&mut self) {
        self.asked = None;
    }

    /// A sequence number that no question of late had.
    pub(crate) const fn take_tsn(&mut self) -> u8 {
        self.tsn = self.tsn.wrapping_add(1);
        self.tsn
    }

    /// When there is something to do.
    pub(crate) fn timeout(&self) -> Option<Time> {
        let asked = self.asked.map(|(_, until)| until);
        asked.into_iter().chain(self.due.into_iter().flatten()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_go_one_by_one_and_one_that_nobody_answers_is_waited_for_five_seconds() {
        let mut questions = Questions::default();
        questions.ask_all(&Fuel::ALL);
        questions.ask_all(&Fuel::ALL);
        let mut now = Time(1_000);
        let mut asked = 0;
        while let Some(question) = questions.next(now) {
            asked += 1;
            assert!(questions.next(now).is_none(), "one at a time");
            if asked % 2 == 0 {
                questions.heard(question.zcl[1]);
            } else {
                assert_eq!(questions.timeout(), Some(now + WAIT));
                questions.heard(question.zcl[1].wrapping_add(1));
                assert!(questions.next(now).is_none(), "another's answer");
                now = now + WAIT;
            }
        }
        assert_eq!(asked, 6 + 5, "asked once however often wanted; the hub knows no price of the moment");
    }

    #[test]
    fn a_meter_is_asked_again_at_its_interval_unless_the_air_was_used_up() {
        let refresh = Refresh::default();
        let mut questions = Questions::default();
        let ask = |questions: &mut Questions, now, on_air| {
            questions.refresh(now, &refresh, &[Fuel::Electricity], on_air);
            core::mem::take(&mut questions.waiting).len()
        };
        let start = Time(5_000);
        assert_eq!(ask(&mut questions, start, Duration::ZERO), 6);
        assert_eq!(ask(&mut questions, start + Duration::from_secs(1), Duration::ZERO), 0);
        let next = start + refresh.electricity;
        assert_eq!(questions.timeout(), Some(next));
        assert_eq!(ask(&mut questions, next, refresh.airtime), 0, "it was on the air enough");
        assert_eq!(ask(&mut questions, next + refresh.electricity, Duration::ZERO), 6);
    }
}
