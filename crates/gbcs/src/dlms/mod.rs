//! DLMS payloads: what ESMEs, CHFs and SAPCs are asked, answer and tell (GBCS 7.2.3, 10.4).
//!
//! A Command is an [`AccessRequest`], a Response an [`AccessResponse`], an Alert a [`DataNotification`]. Rows come in the order of
//! the use case and are answered one by one.
#[cfg(feature = "alloc")]
mod compact;
#[cfg(feature = "alloc")]
mod data;
mod date_time;

#[cfg(feature = "alloc")]
pub use compact::{CompactArray, TypeDescription};
#[cfg(feature = "alloc")]
pub use data::{BitString, Boolean, Data, MAX_DEPTH};
pub use date_time::{DateTime, When};

use crate::envelope::{Fault, ParseError};
use crate::ids::Counter;
#[cfg(feature = "alloc")]
use crate::length;
use crate::reader::Reader;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

pub(crate) const ACCESS_REQUEST: u8 = 0xD9;
pub(crate) const ACCESS_RESPONSE: u8 = 0xDA;
pub(crate) const DATA_NOTIFICATION: u8 = 0x0F;

/// Any DLMS payload.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apdu {
    /// Of a Command.
    Request(AccessRequest),
    /// Of a Response.
    Response(AccessResponse),
    /// Of an Alert.
    Notification(DataNotification),
}

#[cfg(feature = "alloc")]
impl Apdu {
    /// Read exactly one payload, of the kind its first octet says.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        match octets.first() {
            Some(&ACCESS_RESPONSE) => AccessResponse::parse(octets).map(Self::Response),
            Some(&DATA_NOTIFICATION) => DataNotification::parse(octets).map(Self::Notification),
            _ => AccessRequest::parse(octets).map(Self::Request),
        }
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Request(apdu) => apdu.encoded_len(),
            Self::Response(apdu) => apdu.encoded_len(),
            Self::Notification(apdu) => apdu.encoded_len(),
        }
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Request(apdu) => apdu.encode(),
            Self::Response(apdu) => apdu.encode(),
            Self::Notification(apdu) => apdu.encode(),
        }
    }
}

/// long-invoke-id-and-priority: GBCS always writes `20` and the low 24 bits of the Originator Counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvokeId(pub u32);

impl InvokeId {
    /// What a message under this counter carries.
    pub const fn of(counter: Counter) -> Self {
        Self(0x2000_0000 | (counter.0 as u32 & 0x00FF_FFFF))
    }
}

/// An OBIS code: which object of its class, six groups A to F.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Obis(pub [u8; 6]);

/// `A-B:C.D.E.F`.
impl fmt::Display for Obis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, ff] = self.0;
        write!(f, "{a}-{b}:{c}.{d}.{e}.{ff}")
    }
}

impl fmt::Debug for Obis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text was not `A-B:C.D.E.F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an OBIS code: A-B:C.D.E.F expected, each 0 to 255")]
pub struct NotAnObis;

impl FromStr for Obis {
    type Err = NotAnObis;

    fn from_str(text: &str) -> Result<Self, NotAnObis> {
        let (ab, cdef) = text.split_once(':').ok_or(NotAnObis)?;
        let (a, b) = ab.split_once('-').ok_or(NotAnObis)?;
        let mut groups = [a, b].into_iter().chain(cdef.split('.'));
        let mut octets = [0; 6];
        for octet in &mut octets {
            let group = groups.next().ok_or(NotAnObis)?;
            if group.is_empty() || !group.bytes().all(|c| c.is_ascii_digit()) {
                return Err(NotAnObis);
            }
            *octet = group.parse().map_err(|_| NotAnObis)?;
        }
        if groups.next().is_none() { Ok(Self(octets)) } else { Err(NotAnObis) }
    }
}

/// Which kind of row; the number a Response repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Choice {
    /// Read an attribute.
    Get = 1,
    /// Write an attribute.
    Set = 2,
    /// Invoke a method.
    Action = 3,
    /// Read part of an attribute.
    GetSelective = 4,
}

impl Choice {
    /// From the octet on the wire.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Get),
            2 => Some(Self::Set),
            3 => Some(Self::Action),
            4 => Some(Self::GetSelective),
            _ => None,
        }
    }
}

/// What a row does.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read an attribute; the row's data is null.
    Get,
    /// Write an attribute with the row's data.
    Set,
    /// Invoke a method with the row's data.
    Action,
    /// Read part of an attribute; the row's data is null.
    GetSelective {
        /// Which selective access: 1 is by range.
        selector: u8,
        /// What it selects.
        parameters: Data,
    },
}

#[cfg(feature = "alloc")]
impl Access {
    /// The kind alone.
    pub const fn choice(&self) -> Choice {
        match self {
            Self::Get => Choice::Get,
            Self::Set => Choice::Set,
            Self::Action => Choice::Action,
            Self::GetSelective { .. } => Choice::GetSelective,
        }
    }
}

/// One row of a Command.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What to do.
    pub access: Access,
    /// Interface class; 9000 is the GB extended data class.
    pub class: u16,
    /// The object.
    pub obis: Obis,
    /// Its attribute, or its method for an action.
    pub index: u8,
    /// The value to write or the parameter of the method; null for a read.
    pub data: Data,
}

#[cfg(feature = "alloc")]
impl Row {
    /// Read an attribute.
    pub fn get(class: u16, obis: Obis, attribute: u8) -> Self {
        Self { access: Access::Get, class, obis, index: attribute, data: Data::Null }
    }

    /// Write an attribute.
    pub fn set(class: u16, obis: Obis, attribute: u8, data: impl Into<Data>) -> Self {
        Self { access: Access::Set, class, obis, index: attribute, data: data.into() }
    }

    /// Invoke a method.
    pub fn action(class: u16, obis: Obis, method: u8, data: impl Into<Data>) -> Self {
        Self { access: Access::Action, class, obis, index: method, data: data.into() }
    }

    /// Read the entries of a log between two moments, both included (seconds since 2000, UTC).
    pub fn get_range(class: u16, obis: Obis, attribute: u8, from: u32, to: u32) -> Self {
        /// The UTC clock as seconds since 2000, attribute 2, which entries are selected by.
        const CLOCK: Obis = Obis([0, 0, 94, 44, 100, 255]);
        let object = [Data::LongUnsigned(1), Data::octets(CLOCK.0), Data::Integer(2), Data::LongUnsigned(0)];
        let parameters = Data::structure([Data::structure(object), from.into(), to.into(), Data::array([])]);
        let access = Access::GetSelective { selector: 1, parameters };
        Self { access, class, obis, index: attribute, data: Data::Null }
    }

    fn specification_len(&self) -> usize {
        10 + if let Access::GetSelective { parameters, .. } = &self.access { 1 + parameters.encoded_len() } else { 0 }
    }

    fn encode_specification(&self, out: &mut Vec<u8>) {
        out.push(self.access.choice() as u8);
        out.extend_from_slice(&self.class.to_be_bytes());
        out.extend_from_slice(&self.obis.0);
        out.push(self.index);
        if let Access::GetSelective { selector, parameters } = &self.access {
            out.push(*selector);
            parameters.encode(out);
        }
    }

    fn read_specification(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let choice = read_choice(reader)?;
        let class = reader.u16("class")?;
        let obis = Obis(reader.array("OBIS code")?);
        let index = reader.octet("attribute or method")?;
        let access = match choice {
            Choice::Get => Access::Get,
            Choice::Set => Access::Set,
            Choice::Action => Access::Action,
            Choice::GetSelective => {
                Access::GetSelective { selector: reader.octet("access selector")?, parameters: Data::read(reader)? }
            }
        };
        Ok(Self { access, class, obis, index, data: Data::Null })
    }
}

/// The payload of a DLMS Command.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    /// Repeats the counter.
    pub invoke: InvokeId,
    /// What to do, in order.
    pub rows: Vec<Row>,
}

#[cfg(feature = "alloc")]
impl AccessRequest {
    /// The request under this counter.
    pub fn new(counter: Counter, rows: impl Into<Vec<Row>>) -> Self {
        Self { invoke: InvokeId::of(counter), rows: rows.into() }
    }

    /// Read exactly one request.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        reader.tag("payload", ACCESS_REQUEST, "0xD9 (access-request)")?;
        let invoke = InvokeId(reader.u32("invoke-id")?);
        reader.tag("date-time", 0, "0x00 (empty)")?;
        let count = read_count(&mut reader, "specification count", 10)?;
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            rows.push(Row::read_specification(&mut reader)?);
        }
        read_same_count(&mut reader, "data count", count)?;
        for row in &mut rows {
            row.data = Data::read(&mut reader)?;
        }
        reader.finish("end of payload")?;
        Ok(Self { invoke, rows })
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        let rows = self.rows.iter().map(|row| row.specification_len() + row.data.encoded_len()).sum::<usize>();
        6 + 2 * length::encoded_len(self.rows.len()) + rows
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.push(ACCESS_REQUEST);
        out.extend_from_slice(&self.invoke.0.to_be_bytes());
        out.push(0);
        length::encode(self.rows.len(), &mut out);
        self.rows.iter().for_each(|row| row.encode_specification(&mut out));
        length::encode(self.rows.len(), &mut out);
        self.rows.iter().for_each(|row| row.data.encode(&mut out));
        out
    }
}

/// The result of one row (DLMS data-access-result and action-result share their numbers). Unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataAccessResult(pub u8);

impl DataAccessResult {
    /// Done.
    pub const SUCCESS: Self = Self(0);
    /// A hardware fault.
    pub const HARDWARE_FAULT: Self = Self(1);
    /// Not now.
    pub const TEMPORARY_FAILURE: Self = Self(2);
    /// Not allowed.
    pub const READ_WRITE_DENIED: Self = Self(3);
    /// No such object.
    pub const OBJECT_UNDEFINED: Self = Self(4);
    /// The object is of another class.
    pub const OBJECT_CLASS_INCONSISTENT: Self = Self(9);
    /// The object is there but not to be had.
    pub const OBJECT_UNAVAILABLE: Self = Self(11);
    /// The value is of another type.
    pub const TYPE_UNMATCHED: Self = Self(12);
    /// Outside the scope of access.
    pub const SCOPE_OF_ACCESS_VIOLATED: Self = Self(13);
    /// Not reached, or a reason without a number.
    pub const OTHER_REASON: Self = Self(250);

    /// Whether the row was executed.
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }

    /// The name DLMS gives the number, if it gives one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "success",
            1 => "hardware-fault",
            2 => "temporary-failure",
            3 => "read-write-denied",
            4 => "object-undefined",
            9 => "object-class-inconsistent",
            11 => "object-unavailable",
            12 => "type-unmatched",
            13 => "scope-of-access-violated",
            14 => "data-block-unavailable",
            15 => "long-get-aborted",
            16 => "no-long-get-in-progress",
            17 => "long-set-aborted",
            18 => "no-long-set-in-progress",
            19 => "data-block-number-invalid",
            250 => "other-reason",
            _ => return None,
        })
    }
}

impl fmt::Display for DataAccessResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

impl fmt::Debug for DataAccessResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The answer to one row.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The kind of the row, repeated.
    pub choice: Choice,
    /// How it went.
    pub result: DataAccessResult,
    /// What was read or what the method returned; null when there is nothing.
    pub data: Data,
}

/// The payload of a DLMS Response.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessResponse {
    /// Repeats the counter.
    pub invoke: InvokeId,
    /// One for each row, in order.
    pub answers: Vec<Answer>,
}

#[cfg(feature = "alloc")]
impl AccessResponse {
    /// Read exactly one response.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        reader.tag("payload", ACCESS_RESPONSE, "0xDA (access-response)")?;
        let invoke = InvokeId(reader.u32("invoke-id")?);
        reader.tag("date-time", 0, "0x00 (empty)")?;
        reader.tag("repeated specification", 0, "0x00 (none)")?;
        let count = read_count(&mut reader, "data count", 1)?;
        let mut answers = Vec::with_capacity(count);
        for _ in 0..count {
            let data = Data::read(&mut reader)?;
            answers.push(Answer { choice: Choice::Get, result: DataAccessResult::SUCCESS, data });
        }
        read_same_count(&mut reader, "result count", count)?;
        for answer in &mut answers {
            answer.choice = read_choice(&mut reader)?;
            answer.result = DataAccessResult(reader.octet("result")?);
        }
        reader.finish("end of payload")?;
        Ok(Self { invoke, answers })
    }

    /// Whether every row was executed.
    pub fn is_success(&self) -> bool {
        self.answers.iter().all(|answer| answer.result.is_success())
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        let answers = self.answers.iter().map(|answer| answer.data.encoded_len() + 2).sum::<usize>();
        7 + 2 * length::encoded_len(self.answers.len()) + answers
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.push(ACCESS_RESPONSE);
        out.extend_from_slice(&self.invoke.0.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        length::encode(self.answers.len(), &mut out);
        self.answers.iter().for_each(|answer| answer.data.encode(&mut out));
        length::encode(self.answers.len(), &mut out);
        for answer in &self.answers {
            out.extend_from_slice(&[answer.choice as u8, answer.result.0]);
        }
        out
    }
}

/// The payload of a DLMS Alert.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataNotification {
    /// Repeats the counter, which is the device's own.
    pub invoke: InvokeId,
    /// What happened (GBCS 16).
    pub code: u16,
    /// When.
    pub time: DateTime,
    /// What else this Alert tells.
    pub further: Vec<Data>,
}

#[cfg(feature = "alloc")]
impl DataNotification {
    /// Read exactly one notification.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        reader.tag("payload", DATA_NOTIFICATION, "0x0F (data-notification)")?;
        let invoke = InvokeId(reader.u32("invoke-id")?);
        reader.tag("date-time", 0, "0x00 (empty)")?;
        reader.tag("alert", data::tag::STRUCTURE, "0x02 (structure)")?;
        let count = read_count(&mut reader, "elements of the alert", 1)?;
        let Some(further) = count.checked_sub(2) else {
            return Err(reader.unexpected("elements of the alert", count as u8, "2 at least"));
        };
        let here = reader.clone();
        let Data::LongUnsigned(code) = Data::read(&mut reader)? else {
            return Err(unexpected_next(&here, "alert code", "0x12 (long-unsigned)"));
        };
        let here = reader.clone();
        let time = Data::read(&mut reader)?;
        let Some(time) = time.as_octets().and_then(|octets| octets.try_into().ok()).map(DateTime) else {
            return Err(unexpected_next(&here, "alert time", "an octet-string of 12"));
        };
        let further = (0..further).map(|_| Data::read(&mut reader)).collect::<Result<_, _>>()?;
        reader.finish("end of payload")?;
        Ok(Self { invoke, code, time, further })
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        let further = self.further.iter().map(Data::encoded_len).sum::<usize>();
        7 + length::encoded_len(self.further.len() + 2) + 3 + 14 + further
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.push(DATA_NOTIFICATION);
        out.extend_from_slice(&self.invoke.0.to_be_bytes());
        out.extend_from_slice(&[0, data::tag::STRUCTURE]);
        length::encode(self.further.len() + 2, &mut out);
        Data::LongUnsigned(self.code).encode(&mut out);
        Data::from(self.time).encode(&mut out);
        self.further.iter().for_each(|data| data.encode(&mut out));
        out
    }
}

pub(crate) fn read_choice(reader: &mut Reader<'_>) -> Result<Choice, ParseError> {
    let octet = reader.octet("choice")?;
    Choice::from_octet(octet).ok_or_else(|| reader.unexpected("choice", octet, "1 to 4"))
}

/// A count of things that take `least` octets each at least; no more than can be there.
pub(crate) fn read_count(reader: &mut Reader<'_>, field: &'static str, least: usize) -> Result<usize, ParseError> {
    let count = reader.length(field)?;
    match (count * least).checked_sub(reader.left()) {
        None | Some(0) => Ok(count),
        Some(missing) => Err(reader.fault(field, Fault::Truncated(missing))),
    }
}

pub(crate) fn read_same_count(reader: &mut Reader<'_>, field: &'static str, expected: usize) -> Result<(), ParseError> {
    let at = reader.clone();
    match reader.length(field)? {
        said if said == expected => Ok(()),
        said => Err(at.fault(field, Fault::LengthMismatch { said, found: expected })),
    }
}

pub(crate) fn unexpected_next(reader: &Reader<'_>, field: &'static str, expected: &'static str) -> ParseError {
    reader.fault(field, Fault::Unexpected { found: reader.peek().unwrap_or(0), expected })
}
