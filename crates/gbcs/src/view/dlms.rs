//! DLMS payloads in place.
use super::value::{Elements, Value};
use crate::dlms::{
    ACCESS_REQUEST, ACCESS_RESPONSE, Choice, DATA_NOTIFICATION, DataAccessResult, DateTime, InvokeId, Obis,
    read_choice, read_count, read_same_count, unexpected_next,
};
use crate::envelope::ParseError;
use crate::reader::Reader;

/// Any DLMS payload.
#[derive(Clone, Copy, Debug)]
pub enum Apdu<'a> {
    /// Of a Command.
    Request(Request<'a>),
    /// Of a Response.
    Response(Response<'a>),
    /// Of an Alert.
    Notification(Notification<'a>),
}

impl<'a> Apdu<'a> {
    /// Check exactly one payload, of the kind its first octet says.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        match octets.first() {
            Some(&ACCESS_RESPONSE) => Response::parse(octets).map(Self::Response),
            Some(&DATA_NOTIFICATION) => Notification::parse(octets).map(Self::Notification),
            _ => Request::parse(octets).map(Self::Request),
        }
    }
}

/// The payload of a DLMS Command.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Repeats the counter.
    pub invoke: InvokeId,
    count: usize,
    specifications: &'a [u8],
    data: &'a [u8],
}

/// One row of a Command.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// What to do.
    pub choice: Choice,
    /// Interface class; 9000 is the GB extended data class.
    pub class: u16,
    /// The object.
    pub obis: Obis,
    /// Its attribute, or its method for an action.
    pub index: u8,
    /// Access selector and its parameters, of a selective read.
    pub selection: Option<(u8, Value<'a>)>,
    /// The value to write or the parameter of the method; null for a read.
    pub data: Value<'a>,
}

impl<'a> Request<'a> {
    /// Check exactly one request.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        reader.tag("payload", ACCESS_REQUEST, "0xD9 (access-request)")?;
        let invoke = InvokeId(reader.u32("invoke-id")?);
        reader.tag("date-time", 0, "0x00 (empty)")?;
        let count = read_count(&mut reader, "specification count", 10)?;
        let specifications = reader.rest();
        for _ in 0..count {
            read_specification(&mut reader)?;
        }
        let specifications = &specifications[..specifications.len() - reader.left()];
        read_same_count(&mut reader, "data count", count)?;
        let data = reader.rest();
        for _ in 0..count {
            Value::read(&mut reader)?;
        }
        reader.finish("end of payload")?;
        Ok(Self { invoke, count, specifications, data })
    }

    /// What to do, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'a>> + use<'a> {
        let (mut specifications, mut data) = (Reader::new(self.specifications), Reader::new(self.data));
        Checked {
            left: self.count,
            next: move || {
                let row = read_specification(&mut specifications).ok()?;
                Some(Row { data: Value::read(&mut data).ok()?, ..row })
            },
        }
    }
}

fn read_specification<'a>(reader: &mut Reader<'a>) -> Result<Row<'a>, ParseError> {
    let choice = read_choice(reader)?;
    let class = reader.u16("class")?;
    let obis = Obis(reader.array("OBIS code")?);
    let index = reader.octet("attribute or method")?;
    let selection = match choice {
        Choice::GetSelective => Some((reader.octet("access selector")?, Value::read(reader)?)),
        _ => None,
    };
    Ok(Row { choice, class, obis, index, selection, data: Value::Null })
}

/// The payload of a DLMS Response.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Repeats the counter.
    pub invoke: InvokeId,
    count: usize,
    data: &'a [u8],
    results: &'a [u8],
}

/// The answer to one row.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The kind of the row, repeated.
    pub choice: Choice,
    /// How it went.
    pub result: DataAccessResult,
    /// What was read or what the method returned; null when there is nothing.
    pub data: Value<'a>,
}

impl<'a> Response<'a> {
    /// Check exactly one response.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        reader.tag("payload", ACCESS_RESPONSE, "0xDA (access-response)")?;
        let invoke = InvokeId(reader.u32("invoke-id")?);
        reader.tag("date-time", 0, "0x00 (empty)")?;
        reader.tag("repeated specification", 0, "0x00 (none)")?;
        let count = read_count(&mut reader, "data count", 1)?;
        let data = reader.rest();
        for _ in 0..count {
            Value::read(&mut reader)?;
        }
        let data = &data[..data.len() - reader.left()];
        read_same_count(&mut reader, "result count", count)?;
        let results = reader.rest();
        for _ in 0..count {
            read_choice(&mut reader)?;
            reader.octet("result")?;
        }
        reader.finish("end of payload")?;
        Ok(Self { invoke, count, data, results })
    }

    /// One for each row, in order.
    pub fn answers(&self) -> impl ExactSizeIterator<Item = Answer<'a>> + use<'a> {
        let (mut data, mut results) = (Reader::new(self.data), Reader::new(self.results));
        Checked {
            left: self.count,
            next: move || {
                let data = Value::read(&mut data).ok()?;
                let choice = read_choice(&mut results).ok()?;
                Some(Answer { choice, result: DataAccessResult(results.octet("result").ok()?), data })
            },
        }
    }

    /// Whether every row was executed.
    pub fn is_success(&self) -> bool {
        self.results.chunks_exact(2).all(|pair| DataAccessResult(pair[1]).is_success())
    }
}

/// The payload of a DLMS Alert.
#[derive(Clone, Copy, Debug)]
pub struct Notification<'a> {
    /// Repeats the counter, which is the device's own.
    pub invoke: InvokeId,
    /// What happened (GBCS 16).
    pub code: u16,
    /// When.
    pub time: DateTime,
    /// What else this Alert tells.
    pub further: Elements<'a>,
}

impl<'a> Notification<'a> {
    /// Check exactly one notification.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        reader.tag("payload", DATA_NOTIFICATION, "0x0F (data-notification)")?;
        let invoke = InvokeId(reader.u32("invoke-id")?);
        reader.tag("date-time", 0, "0x00 (empty)")?;
        reader.tag("alert", 0x02, "0x02 (structure)")?;
        let count = read_count(&mut reader, "elements of the alert", 1)?;
        let Some(further) = count.checked_sub(2) else {
            return Err(reader.unexpected("elements of the alert", count as u8, "2 at least"));
        };
        let here = reader.clone();
        let Value::LongUnsigned(code) = Value::read(&mut reader)? else {
            return Err(unexpected_next(&here, "alert code", "0x12 (long-unsigned)"));
        };
        let here = reader.clone();
        let time = Value::read(&mut reader)?;
        let Some(time) = time.as_octets().and_then(|octets| octets.try_into().ok()).map(DateTime) else {
            return Err(unexpected_next(&here, "alert time", "an octet-string of 12"));
        };
        let octets = reader.rest();
        for _ in 0..further {
            Value::read(&mut reader)?;
        }
        reader.finish("end of payload")?;
        Ok(Self { invoke, code, time, further: Elements::tagged(further, octets) })
    }
}

/// So many items that were read once before.
pub(super) struct Checked<F> {
    pub(super) left: usize,
    pub(super) next: F,
}

impl<T, F: FnMut() -> Option<T>> Iterator for Checked<F> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        (self.next)()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T, F: FnMut() -> Option<T>> ExactSizeIterator for Checked<F> {}
