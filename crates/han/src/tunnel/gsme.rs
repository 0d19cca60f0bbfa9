//! The header in front of a message to or from a gas meter (han.md 4): it fetches, the hub never pushes.
use crate::wire::ParseError;
use alloc::vec::Vec;

/// What the Data of a TransferData between hub and gas meter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GsmeData<'a> {
    /// The meter asks for the next message.
    Get,
    /// The hub's answer.
    GetResponse {
        /// How many messages wait after this one, 255 when more.
        remaining: u8,
        /// The message; empty when there is none.
        message: &'a [u8],
    },
    /// A message from the meter.
    Put(&'a [u8]),
}

impl<'a> GsmeData<'a> {
    /// The longest message: header and message share the 1500 octets of a TransferData.
    pub const MAX_MESSAGE: usize = 1498;

    /// Reads the Data.
    ///
    /// # Errors
    /// No octets, an unknown first octet, or a GET with more than that octet.
    pub fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        match data {
            [] | [0x02] => Err(ParseError::Truncated("GSME header")),
            [0x01] => Ok(Self::Get),
            [0x01, ..] => Err(ParseError::Trailing("GET")),
            [0x02, remaining, message @ ..] => Ok(Self::GetResponse { remaining: *remaining, message }),
            [0x03, message @ ..] => Ok(Self::Put(message)),
            _ => Err(ParseError::Unsupported("GSME header")),
        }
    }

    /// Length of the Data.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::Get => 1,
            Self::GetResponse { message, .. } => 2 + message.len(),
            Self::Put(message) => 1 + message.len(),
        }
    }

    /// Appends the Data.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Get => out.push(0x01),
            Self::GetResponse { remaining, message } => {
                out.extend([0x02, *remaining]);
                out.extend(*message);
            }
            Self::Put(message) => {
                out.push(0x03);
                out.extend(*message);
            }
        }
    }

    /// The Data as octets of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }
}
