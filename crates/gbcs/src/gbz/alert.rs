//! Alerts of GSMEs and GPFs.
use super::{Component, Content, PROFILE, read_profile};
use crate::envelope::{Fault, ParseError};
use crate::ids::{Counter, MessageCode};
use crate::octets::Octets;
use crate::reader::Reader;
use alloc::vec::Vec;

/// The payload of a GBZ Alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What happened (GBCS 16).
    pub code: u16,
    /// When: ZigBee UTCTime.
    pub time: u32,
    /// What else this Alert tells.
    pub data: AlertData,
}

/// What an Alert tells besides its code and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertData {
    /// Nothing (0x1000, 0x1001).
    None,
    /// A future-dated command was executed, or not (0x00CD).
    FutureDated {
        /// Of the Command.
        message_code: MessageCode,
        /// Of the Command.
        counter: Counter,
        /// Of the component.
        cluster: u16,
        /// Of the component; GCS05 samples differ from their Command here.
        frame_control: u8,
        /// Of the component.
        command: u8,
    },
    /// The hash of a firmware image received (0x00CF).
    FirmwareHash([u8; 32]),
    /// A ZCL frame, encrypted (0x008B).
    Component(Component),
    /// Anything else, in its octets.
    Other(Octets),
}

const FUTURE_DATED: u8 = 14;

impl Alert {
    /// Read exactly one payload of an Alert.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        read_profile(&mut reader)?;
        let count = reader.octet("alert data count")?;
        let code = reader.u16("alert code")?;
        let time = reader.u32("alert time")?;
        let data = match count {
            0 => AlertData::None,
            1 => AlertData::read(&mut reader)?,
            found => {
                return Err(ParseError {
                    offset: 2,
                    field: "alert data count",
                    fault: Fault::Unexpected { found, expected: "0 or 1" },
                });
            }
        };
        reader.finish("end of payload")?;
        Ok(Self { code, time, data })
    }

    /// Octets of the payload.
    pub fn encoded_len(&self) -> usize {
        9 + match &self.data {
            AlertData::None => 0,
            AlertData::FutureDated { .. } => 1 + usize::from(FUTURE_DATED),
            AlertData::FirmwareHash(_) => 34,
            AlertData::Component(component) => component.encoded_len(),
            AlertData::Other(octets) => octets.len(),
        }
    }

    /// The octets of the payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.extend_from_slice(&PROFILE.to_be_bytes());
        out.push(u8::from(self.data != AlertData::None));
        out.extend_from_slice(&self.code.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        match &self.data {
            AlertData::None => {}
            AlertData::FutureDated { message_code, counter, cluster, frame_control, command } => {
                out.push(FUTURE_DATED);
                out.extend_from_slice(&message_code.0.to_be_bytes());
                out.extend_from_slice(&counter.octets());
                out.extend_from_slice(&cluster.to_be_bytes());
                out.extend_from_slice(&[*frame_control, *command]);
            }
            AlertData::FirmwareHash(hash) => {
                out.extend_from_slice(&[0x09, 32]);
                out.extend_from_slice(hash);
            }
            AlertData::Component(component) => component.encode(true, &mut out),
            AlertData::Other(octets) => out.extend_from_slice(octets),
        }
        out
    }
}

impl AlertData {
    /// The layouts are told apart by their first octet and length.
    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        match *reader.rest() {
            [FUTURE_DATED, ref rest @ ..] if rest.len() == usize::from(FUTURE_DATED) => {
                reader.octet("alert data length")?;
                Ok(Self::FutureDated {
                    message_code: MessageCode(reader.u16("message code")?),
                    counter: Counter(u64::from_be_bytes(reader.array("originator counter")?)),
                    cluster: reader.u16("cluster")?,
                    frame_control: reader.octet("frame control")?,
                    command: reader.octet("command")?,
                })
            }
            [0x09, 32, ref rest @ ..] if rest.len() == 32 => {
                reader.u16("alert data tag and length")?;
                Ok(Self::FirmwareHash(reader.array("firmware hash")?))
            }
            [0x03, ..] if reader.left() > 8 => {
                let component = Component::read(reader, true)?;
                debug_assert!(matches!(component.content, Content::Encrypted { .. }));
                Ok(Self::Component(component))
            }
            _ => Ok(Self::Other(reader.take("alert data", reader.left())?.into())),
        }
    }
}
