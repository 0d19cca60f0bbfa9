//! GBZ payloads in place.
use super::dlms::Checked;
use crate::envelope::{Fault, ParseError};
use crate::gbz::{ENCRYPTED, FROM_DATE_TIME, LAST, read_profile};
use crate::reader::Reader;

/// The payload of a GBZ Command or Response.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    count: u8,
    components: &'a [u8],
}

/// One ZCL frame and how it is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// The cluster.
    pub cluster: u16,
    /// ZigBee UTCTime for commands whose ZCL payload has no time of its own.
    pub from_date_time: Option<u32>,
    /// ZCL frame control.
    pub frame_control: u8,
    /// ZCL transaction sequence number.
    pub sequence: u8,
    /// ZCL command identifier.
    pub command: u8,
    /// The ZCL payload.
    pub content: Content<'a>,
}

/// The ZCL payload of a component, in the clear or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// In the clear, little-endian.
    Plain(&'a [u8]),
    /// Encrypted for its reader.
    Encrypted {
        /// 0 in the first encrypted component of a message, then one more in each.
        frame_counter: u8,
        /// `31 00000000 || ciphertext || tag`
        blob: &'a [u8],
    },
}

impl<'a> Payload<'a> {
    /// Check exactly one payload of a Command or Response.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        read_profile(&mut reader)?;
        let count = reader.octet("component count")?;
        if count == 0 {
            return Err(reader.unexpected("component count", 0, "1 at least"));
        }
        let components = reader.rest();
        for n in 1..=count {
            Component::read(&mut reader, n == count)?;
        }
        reader.finish("end of payload")?;
        Ok(Self { count, components })
    }

    /// In the order of the use case; at least one.
    pub fn components(&self) -> impl ExactSizeIterator<Item = Component<'a>> + use<'a> {
        let (mut reader, mut left) = (Reader::new(self.components), self.count);
        let next = move || {
            left = left.checked_sub(1)?;
            Component::read(&mut reader, left == 0).ok()
        };
        Checked { left: self.count.into(), next }
    }
}

impl<'a> Component<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, last: bool) -> Result<Self, ParseError> {
        let control = reader.octet("component control")?;
        let expected = if last { "the last component's" } else { "not the last component's" };
        if control & !(LAST | ENCRYPTED | FROM_DATE_TIME) != 0
            || (control & LAST != 0) != last
            || control & (ENCRYPTED | FROM_DATE_TIME) == ENCRYPTED | FROM_DATE_TIME
        {
            return Err(reader.unexpected("component control", control, expected));
        }
        let cluster = reader.u16("cluster")?;
        let length = reader.u16("component length")?;
        let mut reader = reader.inner("component", length.into())?;
        let mut frame_counter = 0;
        if control & ENCRYPTED != 0 {
            reader.tag("additional header control", 0, "0x00")?;
            frame_counter = reader.octet("additional header frame counter")?;
        }
        let from_date_time = if control & FROM_DATE_TIME != 0 { Some(reader.u32("from-date-time")?) } else { None };
        let [frame_control, sequence, command] = reader.array("ZCL header")?;
        let content = if control & ENCRYPTED != 0 {
            let said = usize::from(reader.u16("ciphertext length")?);
            if said != reader.left() {
                return Err(reader.fault("ciphertext length", Fault::LengthMismatch { said, found: reader.left() }));
            }
            Content::Encrypted { frame_counter, blob: reader.rest() }
        } else {
            Content::Plain(reader.rest())
        };
        Ok(Self { cluster, from_date_time, frame_control, sequence, command, content })
    }
}

/// The payload of a GBZ Alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert<'a> {
    /// What happened (GBCS 16).
    pub code: u16,
    /// When: ZigBee UTCTime.
    pub time: u32,
    /// What else this Alert tells, if it tells more; of which layout its length and first octet say.
    pub data: Option<&'a [u8]>,
}

impl<'a> Alert<'a> {
    /// Check exactly one payload of an Alert.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        read_profile(&mut reader)?;
        let count = reader.octet("alert data count")?;
        let code = reader.u16("alert code")?;
        let time = reader.u32("alert time")?;
        let data = match count {
            0 => None,
            1 => Some(reader.rest()),
            found => {
                let fault = Fault::Unexpected { found, expected: "0 or 1" };
                return Err(ParseError { offset: 2, field: "alert data count", fault });
            }
        };
        match data {
            None => reader.finish("end of payload")?,
            // A component, the one layout that has lengths of its own (see `gbz::AlertData`).
            Some([0x03, ..]) if reader.left() > 8 => {
                Component::read(&mut reader, true)?;
                reader.finish("end of payload")?;
            }
            Some(_) => {}
        }
        Ok(Self { code, time, data })
    }
}
