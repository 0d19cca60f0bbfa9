//! A function of the hub as a device of its own: its keys, whom it knows, its counters. It checks Commands as every device does,
//! executes those for credentials (CS02a, CS02b), and protects what it says.
use crate::config::FunctionKeys;
use alloc::vec::Vec;
use device::check::{self, Abilities, Authentic, Fault};
use device::counters::Rule;
use device::credentials::{self, Updates};
use device::dated::{self, Due};
use device::{Counters, Known, Role, Secrets, StoredCell, response};
use gbcs::asn1::{self, CellStatus, Content, CredentialsUpdate, Payload, UpdateAlert};
use gbcs::catalogue::{self, Family};
use gbcs::certificate::{Certificate, KeyUsage};
use gbcs::crypto::{Crypto, Key128, PublicKey, SharedSecret};
use gbcs::dlms::DateTime;
use gbcs::envelope::{GroupingHeader, Supplementary};
use gbcs::protect::Mode;
use gbcs::{Counter, Cra, Eui64, Message, MessageCode, MessageId, ParseError, Time, protect};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// Alert codes: a future-dated Command was actioned, or not.
const ACTIONED: u16 = 0x8F66;
const NOT_ACTIONED: u16 = 0x8F67;
/// The message code of the Alert that a future-dated replacement of credentials raises.
const UPDATE_ALERT: MessageCode = MessageCode(0x00CB);

/// Why a Command for the CHF, or for the GPF, is discarded without a Response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalRefusal {
    /// It failed a check that every device makes.
    #[error("{0}")]
    Check(#[from] Fault),
    /// The payload does not read.
    #[error("the payload is not that of the use case: {0}")]
    BadPayload(ParseError),
    /// It reads, and is not what the use case is made of.
    #[error("not the rows of the use case")]
    WrongRows,
    /// There is no key of whoever is to read the Response.
    #[error("no key agreement key of {0} to protect the answer with")]
    NoReaderKey(Eui64),
}

impl LocalRefusal {
    /// The code by which it is logged (gbcs-messages 8.1).
    pub const fn log_code(&self) -> u16 {
        use crate::event::log_code::*;
        match self {
            Self::BadPayload(_) | Self::WrongRows => INTEGRITY_FAILED,
            Self::NoReaderKey(_) => AUTHENTICATION_FAILED,
            Self::Check(fault) => match fault {
                Fault::Malformed(_)
                | Fault::NotForUs(_)
                | Fault::NotACommand(_)
                | Fault::UnknownUseCase(_)
                | Fault::NotModelled(_) => INTEGRITY_FAILED,
                Fault::UnknownOriginator(_) => UNAUTHORISED_COMMUNICATION,
                Fault::Unauthorised { .. } => NO_AUTHORITY,
                Fault::WrongForm | Fault::BadMac | Fault::Replayed { .. } | Fault::BadSignature => {
                    AUTHENTICATION_FAILED
                }
            },
        }
    }
}

/// What of it must survive.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct IdentityRecord {
    /// All cells, once one was replaced.
    #[n(0)]
    cells: Option<Vec<StoredCell>>,
    #[n(1)]
    counters: Counters,
    /// The last update of credentials by each role.
    #[n(2)]
    updates: Updates,
    #[n(3)]
    pending: Vec<Pending>,
}

/// A replacement of credentials that waits for its time.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Pending {
    #[n(0)]
    due: u64,
    #[n(1)]
    originator: u64,
    #[n(2)]
    role: u8,
    #[n(3)]
    code: u16,
    #[n(4)]
    payload: ByteVec,
}

/// What executing one came to.
pub(crate) struct Done {
    /// The payload of the Response.
    pub payload: Vec<u8>,
    /// Result of each part, 0 success.
    pub results: Vec<u8>,
}

/// What time brought about.
pub(crate) struct Actioned {
    pub code: MessageCode,
    pub succeeded: bool,
    /// The Alert that tells it.
    pub alert: Option<Vec<u8>>,
}

pub(crate) struct Identity {
    eui: Eui64,
    keys: FunctionKeys,
    secrets: Secrets,
    record: IdentityRecord,
}

/// The key in a certificate of key agreement that is this party's.
fn certified<C: Crypto>(crypto: &C, party: Eui64, der: &[u8]) -> Option<PublicKey> {
    let certificate = Certificate::parse(der).ok()?;
    let his = certificate.entity == Some(party) && certificate.usage == KeyUsage::KeyAgreement;
    crypto.public_key(&certificate.point).ok().filter(|_| his)
}

/// Whether a Command is about credentials, which every function of the hub executes alike.
pub(crate) fn is_about_credentials(code: MessageCode) -> bool {
    let of = |use_case: &catalogue::UseCase| {
        use_case.family == Family::Der
            && matches!(use_case.id, "CS02a" | "CS02b")
            && use_case.protection(Cra::Command).is_some()
    };
    catalogue::find(code).is_some_and(of)
}

impl Identity {
    /// A function with what it was given at manufacture and installation.
    pub fn new(eui: Eui64, keys: FunctionKeys) -> Self {
        let mut record = IdentityRecord::default();
        record.counters.begin_own(keys.counter_floor);
        Self { eui, keys, secrets: Secrets::default(), record }
    }

    /// What Commands made of it since.
    pub fn restore<C: Crypto>(&mut self, crypto: &C, record: IdentityRecord) {
        let floor = core::mem::replace(&mut self.record, record);
        self.record.counters.begin_own(floor.counters.clone().next_own(Time(0)));
        if let Some(cells) = &self.record.cells {
            self.keys.anchors = StoredCell::read(crypto, cells);
            self.keys.acb = device::acb(&self.keys.anchors).unwrap_or(self.keys.acb);
        }
    }

    /// What must survive.
    pub fn record(&self) -> &IdentityRecord {
        &self.record
    }

    /// The Access Control Broker, as the function knows it.
    pub fn acb(&self) -> Eui64 {
        self.keys.acb
    }

    /// The checks on the envelope of a Command.
    pub fn authenticate<'a, C: Crypto>(
        &mut self,
        crypto: &C,
        abilities: Abilities<'_>,
        octets: &'a [u8],
    ) -> Result<Authentic<'a>, Fault> {
        let Self { eui, keys, secrets, record } = self;
        let known = Known { device: *eui, acb: keys.acb, ppmid: None, anchors: &keys.anchors };
        check::authenticate(crypto, &keys.key_agreement, &known, secrets, &record.counters, abilities, octets)
    }

    /// Remember an accepted counter, so that nothing that follows can make it acceptable again; whether there is more to survive now.
    pub fn accept(&mut self, command: &Authentic<'_>) -> bool {
        let (id, code) = (command.view.id(), command.view.message_code());
        self.record.counters.record(command.rules.replay, command.role, code, id.counter);
        command.rules.replay != Rule::None
    }

    /// Nothing is executed whose Response could not be closed for who asked.
    pub fn can_answer<C: Crypto>(&mut self, crypto: &C, command: &Authentic<'_>) -> Result<(), LocalRefusal> {
        let reader = command.view.id().originator;
        let answers =
            response::is_signed(command.rules.response, command.role) || self.secret(crypto, reader).is_some();
        if answers { Ok(()) } else { Err(LocalRefusal::NoReaderKey(reader)) }
    }

    /// The secret with a party that is known.
    pub fn secret<C: Crypto>(&mut self, crypto: &C, party: Eui64) -> Option<&SharedSecret> {
        let Self { eui, keys, secrets, .. } = self;
        let known = Known { device: *eui, acb: keys.acb, ppmid: None, anchors: &keys.anchors };
        secrets.with(crypto, &keys.key_agreement, &known, party)
    }

    /// Execute a Command for credentials, or keep it for its time.
    pub fn execute<C: Crypto>(&mut self, crypto: &C, now: Time, command: &Authentic<'_>) -> Result<Done, LocalRefusal> {
        let (view, role) = (&command.view, command.role);
        let (id, code) = (view.id(), view.message_code());
        let payload = Payload::parse(code, Cra::Command, view.payload()).map_err(LocalRefusal::BadPayload)?;
        let content = payload.into_content();
        if dated::inner_counter(&content).is_some_and(|inner| inner != id.counter) {
            return Err(LocalRefusal::WrongRows);
        }
        let due = dated::due(&content, now);
        let answer = match content {
            Content::RequestCredentials(request) => {
                Content::Credentials(credentials::held(&self.keys.anchors, &self.record.updates, &request))
            }
            Content::UpdateCredentials(update) => {
                // A later Command of the same use case replaces whatever an earlier one left pending.
                self.record.pending.retain(|pending| pending.code != code.0);
                match due {
                    Some(Due::At(at)) => {
                        self.record.pending.push(Pending {
                            due: at.0,
                            originator: id.originator.to_u64(),
                            role: role as u8,
                            code: code.0,
                            payload: view.payload().to_vec().into(),
                        });
                        Content::CredentialsUpdateAccepted
                    }
                    Some(Due::Never) => Content::CredentialsUpdateAccepted,
                    Some(Due::Now) | None => self.update(crypto, role, &update),
                }
            }
            _ => return Err(LocalRefusal::WrongRows),
        };
        let results = answer.results().to_vec();
        Ok(Done { payload: Payload::from(answer).with_long_lengths().encode(), results })
    }

    fn update<C: Crypto>(&mut self, crypto: &C, by: Role, update: &CredentialsUpdate) -> Content {
        let Self { keys, secrets, record, .. } = self;
        let IdentityRecord { counters, updates, .. } = record;
        let outcome = credentials::update(crypto, &mut keys.anchors, counters, updates, by, update);
        if outcome.cells.iter().any(|cell| cell.status == CellStatus::Success) {
            record.cells = Some(StoredCell::of(&keys.anchors));
            keys.acb = device::acb(&keys.anchors).unwrap_or(keys.acb);
            secrets.forget();
        }
        Content::CredentialsUpdated(outcome)
    }

    /// The Response of an executed Command: its ids swapped, protected as its use case says.
    pub fn respond<C: Crypto>(
        &mut self,
        crypto: &C,
        now: Time,
        command: &Authentic<'_>,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, LocalRefusal> {
        let header = self.header(now, command, DateTime::at(now));
        self.close(crypto, command, header, payload)
    }

    /// The header of the Response to a Command; `clock` is the time in it, where its use case has one.
    pub fn header(&mut self, now: Time, command: &Authentic<'_>, clock: DateTime) -> GroupingHeader {
        let date_time = command.rules.date_time.then_some(clock);
        response::header(&command.view, date_time, || self.next_counter(now))
    }

    /// The Response under a header, protected as its use case says.
    pub fn close<C: Crypto>(
        &mut self,
        crypto: &C,
        command: &Authentic<'_>,
        header: GroupingHeader,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, LocalRefusal> {
        let target = header.id.target;
        let plain = Message::plain(header, payload).encode();
        let protected = if response::is_signed(command.rules.response, command.role) {
            protect::sign(crypto, &self.keys.digital_signature, &plain)
        } else {
            protect::add_mac(crypto, self.secret(crypto, target).ok_or(LocalRefusal::NoReaderKey(target))?, &plain)
        };
        // What was just built parses and is unprotected; a key that signs nothing is as good as none.
        protected.map_err(|_| LocalRefusal::NoReaderKey(target))
    }

    /// Who reads what is sensitive in a Response under this header, and the key for it where the function has one of him: the
    /// supplementary party, else the originator (gbcs-messages 7). A party that it does not know brings its certificate.
    pub fn encryption<C: Crypto>(
        &mut self,
        crypto: &C,
        command: &Authentic<'_>,
        header: &GroupingHeader,
    ) -> (Eui64, Option<Key128>) {
        let (reader, counter) = match header.other.supplementary {
            Supplementary::Response(party, _, own) => (party, own),
            Supplementary::Request(party, _) | Supplementary::Certificate(party, ..) => (party, header.id.counter),
            Supplementary::None | Supplementary::Party(_) => (header.id.target, header.id.counter),
        };
        let secret = match command.view.other_information().supplementary {
            Supplementary::Certificate(_, _, der) => {
                certified(crypto, reader, der).and_then(|key| crypto.agree(&self.keys.key_agreement, &key).ok())
            }
            _ => self.secret(crypto, reader).cloned(),
        };
        let key = secret.map(|z| protect::derive(crypto, &z, Mode::Encryption, self.eui, counter, reader));
        (reader, key)
    }

    /// The next counter of its own.
    pub fn next_counter(&mut self, now: Time) -> Counter {
        self.record.counters.next_own(now)
    }

    /// An Alert for the ACB, closed by a MAC.
    pub fn alert<C: Crypto>(
        &mut self,
        crypto: &C,
        now: Time,
        code: MessageCode,
        payload: impl FnOnce(Counter) -> Vec<u8>,
    ) -> Option<Vec<u8>> {
        let (acb, counter) = (self.acb(), self.next_counter(now));
        let id = MessageId { originator: self.eui, target: acb, cra: Cra::Alert, counter };
        let plain = Message::plain(GroupingHeader::new(id, code), payload(counter)).encode();
        protect::add_mac(crypto, self.secret(crypto, acb)?, &plain).ok()
    }

    /// When the next replacement of credentials is due.
    pub fn next_due(&self) -> Option<Time> {
        self.record.pending.iter().map(|pending| Time(pending.due)).min()
    }

    /// Execute what is due, in the order of its time.
    pub fn execute_due<C: Crypto>(&mut self, crypto: &C, now: Time) -> Vec<Actioned> {
        let mut due: Vec<Pending> = self.record.pending.extract_if(.., |pending| Time(pending.due) <= now).collect();
        due.sort_by_key(|pending| pending.due);
        due.iter().filter_map(|pending| self.action(crypto, now, pending)).collect()
    }

    /// `None` of one whose record does not read.
    fn action<C: Crypto>(&mut self, crypto: &C, now: Time, pending: &Pending) -> Option<Actioned> {
        let code = MessageCode(pending.code);
        let role = Role::from_number(pending.role)?;
        let payload = Payload::parse(code, Cra::Command, &pending.payload).ok()?;
        let Content::UpdateCredentials(update) = payload.into_content() else { return None };
        let Content::CredentialsUpdated(outcome) = self.update(crypto, role, &update) else { return None };
        let succeeded = outcome.cells.iter().all(|cell| cell.status == CellStatus::Success);
        let alert = if succeeded { ACTIONED } else { NOT_ACTIONED };
        let time = asn1::DateTime::new(Time::from_seconds(now.seconds()));
        let told = Content::CredentialsUpdateAlert(UpdateAlert { code: alert, time, outcome });
        let (target, counter) = (Eui64::from_u64(pending.originator), self.next_counter(now));
        let id = MessageId { originator: self.eui, target, cra: Cra::Alert, counter };
        let payload = Payload::from(told).with_long_lengths().encode();
        let plain = Message::plain(GroupingHeader::new(id, UPDATE_ALERT), payload).encode();
        let alert = protect::sign(crypto, &self.keys.digital_signature, &plain).ok();
        Some(Actioned { code, succeeded, alert })
    }
}
