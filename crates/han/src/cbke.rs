//! Key Establishment, cluster 0x0800: the messages by which two devices come to a link key of their own (han.md 8.4).
//!
//! **The elliptic curve is simulated.** Suite 2 agrees on a key with implicit certificates on sect283k1, for which no well-kept
//! library exists. Here the messages have their real order, directions, lengths and suite, so that captures show them; the key
//! they lead to is a keyed hash, under the link key the two share already (of the install code), of both ephemeral values and both
//! names. Who does not hold the install code can neither compute it nor confirm it, which is what [`Exchange`] relies on; forward
//! secrecy and proof by certificate it does not give.
use crate::mmo;
use crate::security::Key;
use crate::wire::{ParseError, Reader, open_enum};
use crate::zcl::{Direction, Frame};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use gbcs::{Eui64, Time};

/// The cluster.
pub const CLUSTER: u16 = 0x0800;
/// Suite 2: sect283k1, the only one of GB (UNSURE 11).
pub const SUITE_2: u16 = 0x0002;
/// Octets of an implicit certificate of suite 2.
pub const CERTIFICATE_LEN: usize = 74;
/// Octets of an ephemeral value of suite 2.
pub const EPHEMERAL_LEN: usize = 37;
/// Octets of a confirmation.
pub const CONFIRMATION_LEN: usize = 16;
/// Seconds that generating an ephemeral value may take, and a confirmation: as announced in an Initiate.
const GENERATION_TIMES: [u8; 2] = [11, 16];
/// How long the next message may take.
const WAIT: Duration = Duration::from_secs(16);

open_enum! {
    /// Why an exchange ends without a key.
    Refusal: u8 {
        /// The certificate's issuer is not known.
        UnknownIssuer = 1,
        /// The confirmation does not match.
        BadKeyConfirm = 2,
        /// A message that is not the one expected.
        BadMessage = 3,
        /// No resources now.
        NoResources = 4,
        /// Another suite.
        UnsupportedSuite = 5,
        /// The certificate is not one.
        InvalidCertificate = 6,
    }
}

/// A command of the cluster; both directions have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Let us establish a key, or: yes, let us.
    Initiate {
        /// Suites, one bit each.
        suites: u16,
        /// Seconds to generate an ephemeral value and a confirmation.
        generation_times: [u8; 2],
        /// The implicit certificate, as long as the suite has it.
        certificate: &'a [u8],
    },
    /// An ephemeral value, as long as the suite has it.
    EphemeralData(&'a [u8]),
    /// The confirmation.
    ConfirmKeyData([u8; CONFIRMATION_LEN]),
    /// No.
    Terminate {
        /// Why.
        refusal: Refusal,
        /// Seconds to wait before trying again.
        wait: u8,
        /// Suites supported.
        suites: u16,
    },
}

impl<'a> Command<'a> {
    /// Reads the payload of the command with this identifier.
    ///
    /// # Errors
    /// An unknown identifier, or a payload that is not the command's.
    pub fn parse(command: u8, payload: &'a [u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(payload, "key establishment command");
        let parsed = match command {
            0 => {
                let (suites, generation_times) = (r.u16()?, r.array()?);
                return Ok(Self::Initiate { suites, generation_times, certificate: r.rest() });
            }
            1 => return Ok(Self::EphemeralData(payload)),
            2 => Self::ConfirmKeyData(r.array()?),
            3 => Self::Terminate { refusal: r.u8()?.into(), wait: r.u8()?, suites: r.u16()? },
            _ => return Err(ParseError::Unsupported("key establishment command")),
        };
        r.finish(parsed)
    }

    /// The command's identifier.
    pub const fn command(&self) -> u8 {
        match self {
            Self::Initiate { .. } => 0,
            Self::EphemeralData(_) => 1,
            Self::ConfirmKeyData(_) => 2,
            Self::Terminate { .. } => 3,
        }
    }

    /// Length of the payload.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::Initiate { certificate, .. } => 4 + certificate.len(),
            Self::EphemeralData(value) => value.len(),
            Self::ConfirmKeyData(_) => CONFIRMATION_LEN,
            Self::Terminate { .. } => 4,
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Initiate { suites, generation_times, certificate } => {
                out.extend(suites.to_le_bytes());
                out.extend(generation_times);
                out.extend(*certificate);
            }
            Self::EphemeralData(value) => out.extend(*value),
            Self::ConfirmKeyData(confirmation) => out.extend(confirmation),
            Self::Terminate { refusal, wait, suites } => {
                out.extend([(*refusal).into(), *wait]);
                out.extend(suites.to_le_bytes());
            }
        }
    }

    fn to_zcl(self, tsn: u8, direction: Direction) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.encoded_len());
        self.encode(&mut payload);
        Frame {
            cluster_specific: true,
            manufacturer: None,
            direction,
            disable_default_response: true,
            tsn,
            command: self.command(),
            payload: &payload,
        }
        .to_vec()
    }
}

/// How an exchange ended without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// We refused.
    #[error("key establishment refused: {0:?}")]
    Refused(Refusal),
    /// The other device refused.
    #[error("key establishment refused by the other device: {0:?}")]
    RefusedByPeer(Refusal),
    /// The other device fell silent.
    #[error("no answer in key establishment")]
    NoAnswer,
}

/// What an exchange wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this ZCL frame of the cluster to the other device.
    Send(Vec<u8>),
    /// Both hold this link key.
    Established(Key),
    /// There is no key.
    Failed(Failure),
    /// Nothing more now; call [`Exchange::handle_timeout`] at this time, if there is one.
    Timeout(Option<Time>),
}

/// One side of one exchange: the initiator is the device that joins, the responder the hub. Sans-IO: **drain
/// [`poll`](Self::poll) until `Timeout` after every call**.
pub struct Exchange {
    own: Eui64,
    peer: Eui64,
    initiator: bool,
    /// The link key that both hold already.
    secret: Key,
    ephemeral: [u8; EPHEMERAL_LEN],
    step: Step,
    tsn: u8,
    deadline: Option<Time>,
    outputs: VecDeque<Output>,
}

/// Which message of the other device comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Initiate,
    Ephemeral,
    Confirm { theirs: [u8; EPHEMERAL_LEN] },
    Over,
}

impl Exchange {
    /// The side of the device that joins; its first message is there to be polled. `ephemeral` is fresh and random.
    pub fn initiate(now: Time, own: Eui64, peer: Eui64, secret: Key, ephemeral: [u8; EPHEMERAL_LEN]) -> Self {
        let mut exchange = Self::new(own, peer, true, secret, ephemeral);
        exchange.tsn = ephemeral[EPHEMERAL_LEN - 1];
        exchange.say_initiate();
        exchange.expect(now, Step::Initiate);
        exchange
    }

    /// The side that is asked. Each Initiate starts it over, so that a device that lost an answer can begin again.
    pub fn respond(own: Eui64, peer: Eui64, secret: Key, ephemeral: [u8; EPHEMERAL_LEN]) -> Self {
        Self::new(own, peer, false, secret, ephemeral)
    }

    fn new(own: Eui64, peer: Eui64, initiator: bool, secret: Key, ephemeral: [u8; EPHEMERAL_LEN]) -> Self {
        let (step, deadline, outputs) = (Step::Initiate, None, VecDeque::new());
        Self { own, peer, initiator, secret, ephemeral, step, tsn: 0, deadline, outputs }
    }

    /// Takes a ZCL frame of the cluster that the other device sent.
    pub fn handle_zcl(&mut self, now: Time, zcl: &[u8]) {
        let from_peer = if self.initiator { Direction::ToClient } else { Direction::ToServer };
        let Some(frame) = Frame::parse(zcl).ok().filter(|f| f.cluster_specific && f.direction == from_peer) else {
            return;
        };
        if !self.initiator {
            self.tsn = frame.tsn;
        }
        match (Command::parse(frame.command, frame.payload), self.step) {
            (Ok(Command::Terminate { refusal, .. }), Step::Ephemeral | Step::Confirm { .. })
            | (Ok(Command::Terminate { refusal, .. }), Step::Initiate)
                if self.deadline.is_some() =>
            {
                self.end(Output::Failed(Failure::RefusedByPeer(refusal)));
            }
            (Ok(Command::Initiate { suites, certificate, .. }), step) if !self.initiator || step == Step::Initiate => {
                self.take_initiate(now, suites, certificate);
            }
            (Ok(Command::EphemeralData(theirs)), Step::Ephemeral) => self.take_ephemeral(now, theirs),
            (Ok(Command::ConfirmKeyData(confirmation)), Step::Confirm { theirs }) => {
                self.take_confirmation(&theirs, confirmation);
            }
            (_, Step::Ephemeral | Step::Confirm { .. }) => self.refuse(Refusal::BadMessage),
            _ => {}
        }
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.end(Output::Failed(Failure::NoAnswer));
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Timeout(self.deadline))
    }

    fn take_initiate(&mut self, now: Time, suites: u16, certificate: &[u8]) {
        if suites & SUITE_2 == 0 {
            return self.refuse(Refusal::UnsupportedSuite);
        }
        if certificate != self::certificate(self.peer) {
            return self.refuse(Refusal::InvalidCertificate);
        }
        if self.initiator {
            self.say_ephemeral();
        } else {
            self.say_initiate();
        }
        self.expect(now, Step::Ephemeral);
    }

    fn take_ephemeral(&mut self, now: Time, theirs: &[u8]) {
        let Ok(theirs) = <[u8; EPHEMERAL_LEN]>::try_from(theirs) else { return self.refuse(Refusal::BadMessage) };
        if self.initiator {
            let confirmation = self.derive(&theirs, true);
            self.say(Command::ConfirmKeyData(confirmation));
        } else {
            self.say_ephemeral();
        }
        self.expect(now, Step::Confirm { theirs });
    }

    fn take_confirmation(&mut self, theirs: &[u8; EPHEMERAL_LEN], confirmation: [u8; CONFIRMATION_LEN]) {
        if confirmation != self.derive(theirs, !self.initiator) {
            return self.refuse(Refusal::BadKeyConfirm);
        }
        if !self.initiator {
            let own = self.derive(theirs, false);
            self.say(Command::ConfirmKeyData(own));
        }
        let key = Key::new(mmo::keyed_hash(&self.secret, &self.transcript(theirs, 0)));
        self.end(Output::Established(key));
    }

    /// The confirmation of the initiator or of the responder.
    fn derive(&self, theirs: &[u8; EPHEMERAL_LEN], of_initiator: bool) -> [u8; CONFIRMATION_LEN] {
        mmo::keyed_hash(&self.secret, &self.transcript(theirs, if of_initiator { 2 } else { 3 }))
    }

    /// What both sides have seen: purpose, names and ephemeral values, the initiator's first.
    fn transcript(&self, theirs: &[u8; EPHEMERAL_LEN], purpose: u8) -> Vec<u8> {
        let (first, second) = ((self.own, &self.ephemeral), (self.peer, theirs));
        let (first, second) = if self.initiator { (first, second) } else { (second, first) };
        let mut octets = Vec::with_capacity(1 + 2 * (8 + EPHEMERAL_LEN));
        octets.push(purpose);
        for (eui, ephemeral) in [first, second] {
            octets.extend(eui.octets());
            octets.extend(ephemeral);
        }
        octets
    }

    fn say_initiate(&mut self) {
        let certificate = certificate(self.own);
        self.say(Command::Initiate { suites: SUITE_2, generation_times: GENERATION_TIMES, certificate: &certificate });
    }

    fn say_ephemeral(&mut self) {
        let ephemeral = self.ephemeral;
        self.say(Command::EphemeralData(&ephemeral));
    }

    fn say(&mut self, command: Command<'_>) {
        let direction = if self.initiator { Direction::ToServer } else { Direction::ToClient };
        if self.initiator {
            self.tsn = self.tsn.wrapping_add(1);
        }
        self.outputs.push_back(Output::Send(command.to_zcl(self.tsn, direction)));
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.say(Command::Terminate { refusal, wait: 10, suites: SUITE_2 });
        self.end(Output::Failed(Failure::Refused(refusal)));
    }

    fn expect(&mut self, now: Time, step: Step) {
        self.step = step;
        self.deadline = Some(now + WAIT);
    }

    fn end(&mut self, outcome: Output) {
        self.step = Step::Over;
        self.deadline = None;
        self.outputs.push_back(outcome);
    }
}

/// The certificate of a device in the form of suite 2: its name where a real one has it, a public value that is none.
pub fn certificate(subject: Eui64) -> [u8; CERTIFICATE_LEN] {
    let mut octets = [0; CERTIFICATE_LEN];
    // Type, serial number, curve sect283k1, hash AES-MMO, issuer; then validity, subject, key usage, public value.
    octets[9..11].copy_from_slice(&[0x0D, 0x08]);
    octets[11..19].copy_from_slice(&[0x01; 8]);
    octets[24..28].copy_from_slice(&[0xFF; 4]);
    octets[28..36].copy_from_slice(&subject.octets());
    octets[36] = 0x88;
    octets[37] = 0x02;
    octets
}
