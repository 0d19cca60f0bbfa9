//! The side of the device that joins.
use super::{Beacon, MacCommand, Membership, TransportKey};
use crate::mac::{Address, Frame, Kind, PanId, ShortAddress};
use crate::security::Key;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// How long beacons are listened for, and how long an answer may take before the next poll.
const STEP: Duration = Duration::from_millis(250);
/// Polls for one answer, after which the device starts over.
const POLLS: u8 = 12;
/// Until it starts over.
const AGAIN: Duration = Duration::from_secs(10);

/// What a device needs to know to join.
#[derive(Clone, Debug)]
pub struct JoinerConfig {
    /// Its EUI-64.
    pub eui: Eui64,
    /// The link key of its install code.
    pub link_key: Key,
    /// The network it wants, when it was told (an HHT); any that permits joining, when not.
    pub wanted: Option<Eui64>,
    /// Whether it will sleep.
    pub sleepy: bool,
}

/// What a joiner wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Put this PSDU on the air.
    Transmit(Vec<u8>),
    /// It is in: start a node with this.
    Joined(Membership),
    /// Nothing more now; call [`Joiner::handle_timeout`] at this time, if there is one.
    Timeout(Option<Time>),
}

/// A device that looks for its network.
pub struct Joiner {
    config: JoinerConfig,
    step: Step,
    polls: u8,
    due: Option<Time>,
    sequence: u8,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Idle,
    Scanning,
    Associating { pan: PanId, coordinator: Eui64 },
    Keyless { pan: PanId, coordinator: Eui64, short: ShortAddress },
    In,
}

impl Joiner {
    /// A device that starts looking at once.
    pub fn new(now: Time, config: JoinerConfig) -> Self {
        let sequence = config.eui.octets()[7];
        let mut joiner =
            Self { config, step: Step::Idle, polls: 0, due: Some(now), sequence, outputs: VecDeque::new() };
        joiner.handle_timeout(now);
        joiner
    }

    /// Takes a PSDU that the radio heard.
    pub fn handle_frame(&mut self, now: Time, psdu: &[u8]) {
        let Ok(frame) = Frame::parse(psdu) else { return };
        match (frame.kind, self.step) {
            (Kind::Beacon, Step::Scanning) => self.take_beacon(now, &frame),
            (Kind::Command, Step::Associating { pan, coordinator }) if self.is_for_us(&frame, None) => {
                self.acknowledge(&frame);
                if let Ok(MacCommand::AssociationResponse(short, 0)) = MacCommand::parse(frame.payload) {
                    self.polls = 0;
                    self.expect(now, Step::Keyless { pan, coordinator, short });
                }
            }
            (Kind::Data, Step::Keyless { pan, coordinator, short }) if self.is_for_us(&frame, Some(short)) => {
                self.acknowledge(&frame);
                let transport = TransportKey::open(frame.payload, &self.config.link_key);
                if let Some(key) = transport.filter(|key| key.destination == self.config.eui) {
                    self.step = Step::In;
                    self.due = None;
                    self.outputs.push_back(Output::Joined(Membership {
                        pan,
                        short,
                        coordinator,
                        network_key: key.key,
                        network_key_sequence: key.sequence,
                    }));
                }
            }
            _ => {}
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        match self.step {
            Step::Idle => {
                let to_all = (PanId::BROADCAST, Address::Short(ShortAddress::BROADCAST));
                self.say(MacCommand::BeaconRequest, to_all, None);
                self.polls = 0;
                self.expect(now, Step::Scanning);
            }
            Step::Associating { .. } | Step::Keyless { .. } if self.polls < POLLS => self.poll_coordinator(now),
            Step::Scanning | Step::Associating { .. } | Step::Keyless { .. } => {
                self.step = Step::Idle;
                self.due = Some(now + AGAIN);
            }
            Step::In => self.due = None,
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Timeout(self.due))
    }

    fn take_beacon(&mut self, now: Time, frame: &Frame<'_>) {
        let Ok(beacon) = Beacon::parse(frame) else { return };
        let wanted = self.config.wanted.is_none_or(|wanted| wanted == beacon.extended_pan);
        if !beacon.permits_joining || !wanted {
            return;
        }
        let capabilities = if self.config.sleepy { 0x80 } else { 0x8E };
        let coordinator = (beacon.pan, Address::Short(beacon.source));
        let unassociated = Some((Some(PanId::BROADCAST), Address::Extended(self.config.eui)));
        self.say(MacCommand::AssociationRequest(capabilities), coordinator, unassociated);
        self.expect(now, Step::Associating { pan: beacon.pan, coordinator: beacon.extended_pan });
    }

    fn poll_coordinator(&mut self, now: Time) {
        self.polls += 1;
        let (pan, own) = match self.step {
            Step::Associating { pan, .. } => (pan, Address::Extended(self.config.eui)),
            Step::Keyless { pan, short, .. } => (pan, Address::Short(short)),
            _ => return,
        };
        let coordinator = (pan, Address::Short(ShortAddress::COORDINATOR));
        // A request that was lost is repeated with the poll that would have brought its answer.
        if let (Step::Associating { .. }, 4 | 8) = (self.step, self.polls) {
            let capabilities = if self.config.sleepy { 0x80 } else { 0x8E };
            let unassociated = Some((Some(PanId::BROADCAST), own));
            self.say(MacCommand::AssociationRequest(capabilities), coordinator, unassociated);
        } else {
            self.say(MacCommand::DataRequest, coordinator, Some((None, own)));
        }
        self.expect(now, self.step);
    }

    fn is_for_us(&self, frame: &Frame<'_>, short: Option<ShortAddress>) -> bool {
        frame.destination.is_some_and(|(_, to)| {
            to == Address::Extended(self.config.eui) || short.is_some_and(|short| to == Address::Short(short))
        })
    }

    fn acknowledge(&mut self, frame: &Frame<'_>) {
        if frame.ack_request {
            self.outputs.push_back(Output::Transmit(Frame::ack(frame.sequence, false).to_vec()));
        }
    }

    fn say(&mut self, command: MacCommand, to: (PanId, Address), source: Option<(Option<PanId>, Address)>) {
        self.sequence = self.sequence.wrapping_add(1);
        self.outputs.push_back(Output::Transmit(command.to_psdu(self.sequence, to, source)));
    }

    fn expect(&mut self, now: Time, step: Step) {
        self.step = step;
        self.due = Some(now + STEP);
    }
}
