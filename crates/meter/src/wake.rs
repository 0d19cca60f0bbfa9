//! A gas meter's sleep: awake every half hour to report, to be told whether messages wait, to fetch and to answer (han.md 5.1).
use crate::gsme::{self, Push};
use crate::state::{Model, State};
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::Time;
use han::zcl::display::cluster;
use han::zcl::{Direction, Frame, global};

/// How long the mirror may take to answer the last report.
const FLAGS_WAIT: Duration = Duration::from_secs(15);
/// How long a GET may take to be answered.
const GET_WAIT: Duration = Duration::from_secs(30);
/// The battery allows no longer wake.
const LONGEST: Duration = Duration::from_secs(180);

/// What an awake meter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its radio is off.
    Asleep,
    /// The mirror's answer to its reports.
    Reporting { until: Time },
    /// The answer to a GET.
    Fetching { until: Time },
    /// That all it sent has arrived.
    Draining,
}

/// The cycle of one meter.
#[derive(Debug)]
pub(crate) struct Cycle {
    interval: Duration,
    next: Time,
    started: Time,
    pub has_run: bool,
    pub phase: Phase,
}

impl Cycle {
    pub const fn new(interval: Duration, first: Time) -> Self {
        Self { interval, next: first, started: Time(0), has_run: false, phase: Phase::Asleep }
    }

    pub fn start(&mut self, now: Time) {
        self.started = now;
        self.has_run = true;
        self.phase = Phase::Reporting { until: now + FLAGS_WAIT };
        // The phase of the cycle is kept: a wake in between does not move the next one, a missed one is not made up for.
        if self.next <= now {
            let interval = self.interval.as_millis().max(1) as u64;
            self.next = Time(self.next.0 + ((now.0 - self.next.0) / interval + 1) * interval);
        }
    }

    pub fn fetch(&mut self, now: Time) {
        self.phase = Phase::Fetching { until: now + GET_WAIT };
    }

    pub fn is_due(&self, now: Time) -> bool {
        self.phase == Phase::Asleep && self.next <= now
    }

    pub fn is_overlong(&self, now: Time) -> bool {
        self.started + LONGEST <= now
    }

    /// Stop waiting for what did not come.
    pub fn expire(&mut self, now: Time) {
        if let Phase::Reporting { until } | Phase::Fetching { until } = self.phase
            && until <= now
        {
            self.phase = Phase::Draining;
        }
    }

    pub fn timeout(&self) -> Time {
        match self.phase {
            Phase::Asleep => self.next,
            Phase::Reporting { until } | Phase::Fetching { until } => until.min(self.started + LONGEST),
            Phase::Draining => self.started + LONGEST,
        }
    }
}

/// Attribute ReportingStatus, enumeration, complete: after this report the mirror answers.
const COMPLETE: [u8; 4] = [0xFE, 0xFF, 0x30, 0x01];
/// The same, pending: another report follows.
const PENDING: [u8; 4] = [0xFE, 0xFF, 0x30, 0x00];

/// What is reported, by cluster. Metering comes last: its mirror is the one that answers.
pub(crate) fn reports(state: &State, news: &Push) -> Vec<(u16, Vec<u8>)> {
    let Model::Gsme(store) = &state.model else { return Vec::new() };
    let mut reports: Vec<_> = news.prices.iter().map(|part| (cluster::PRICE, part.clone())).collect();
    reports.extend(gsme::reports(store, &state.books));
    let last = reports.len().saturating_sub(1);
    for (n, (_, report)) in reports.iter_mut().enumerate() {
        report.extend_from_slice(if n == last { &COMPLETE } else { &PENDING });
    }
    reports
}

/// What is pushed besides.
pub(crate) fn news(state: &State, now: Time) -> Push {
    match &state.model {
        Model::Gsme(store) => gsme::news(store, &state.books, now),
        Model::Esme(_) => Push::default(),
    }
}

/// A command of a cluster's server that nobody asked for.
pub(crate) fn push(tsn: u8, command: u8, payload: &[u8]) -> Vec<u8> {
    Frame {
        cluster_specific: true,
        manufacturer: None,
        direction: Direction::ToClient,
        disable_default_response: true,
        tsn,
        command,
        payload,
    }
    .to_vec()
}

/// A Report Attributes frame.
pub(crate) fn report(tsn: u8, payload: &[u8]) -> Vec<u8> {
    Frame {
        cluster_specific: false,
        manufacturer: None,
        direction: Direction::ToClient,
        disable_default_response: true,
        tsn,
        command: global::REPORT_ATTRIBUTES,
        payload,
    }
    .to_vec()
}
