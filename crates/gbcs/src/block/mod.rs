//! General Block Transfer: a message too long for the tunnel goes in blocks, end to end (GBCS 7.2.11; gbcs-messages.md 13, han.md 9.3).
//!
//! ```text
//! DD | 09 CRA ctr[8] | 08 originator[8] | 08 target[8] | 00 | Loi oi | 00 | L | security header[5] | E0 control number[2] ack[2] len data
//! ```
//!
//! A block's header repeats ids, counter and message code of the whole. The data of all blocks, in order, are the whole message:
//! MAC and signature are checked then. [`Segments`] cuts a message, [`Kept`] holds it for a receiver that misses blocks, [`Reassembler`]
//! puts it together again.
#[cfg(feature = "alloc")]
mod kept;
#[cfg(feature = "alloc")]
mod reassemble;
#[cfg(feature = "alloc")]
mod segment;

#[cfg(feature = "alloc")]
pub use kept::{KeepLimits, Kept};
#[cfg(feature = "alloc")]
pub use reassemble::{BlockError, Expired, Limits, Progress, Reassembler};
#[cfg(feature = "alloc")]
pub use segment::{SegmentError, Segments, parts};

use crate::envelope::view::{Cursor, array, parse_ids_and_other};
use crate::envelope::{Fault, OtherInformation, ParseError, TAG_GENERAL_CIPHERING};
use crate::ids::MessageId;
use crate::length;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// Octets that a message has at most to go whole, and a block with its header.
pub const MAX_BLOCK_LEN: usize = 1200;
/// Blocks of one message at most.
pub const MAX_BLOCKS: u16 = 255;
/// Blocks that may be on their way unacknowledged; what this crate sends says the most there is.
pub const MAX_WINDOW: u8 = 0x3F;

const GENERAL_BLOCK_TRANSFER: u8 = 0xE0;
const LAST: u8 = 0x80;
const STREAMING: u8 = 0x40;

/// One block, in its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Of the whole message.
    pub id: MessageId,
    /// Of the whole message.
    pub other: OtherInformation<&'a [u8]>,
    /// Security control and invocation counter: zero here, and not looked at.
    pub security: [u8; 5],
    /// Whether no block follows.
    pub last: bool,
    /// Whether more blocks follow without waiting for an acknowledgement.
    pub streaming: bool,
    /// Blocks that may be on their way unacknowledged.
    pub window: u8,
    /// Counted from 1.
    pub number: u16,
    /// The sender of this block has all up to this one of the other's.
    pub acknowledged: u16,
    /// The part of the message; empty in an acknowledgement.
    pub data: &'a [u8],
}

impl<'a> Block<'a> {
    /// Read exactly one block.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor { octets, at: 0, end: octets.len() };
        cursor.tag("block header", TAG_GENERAL_CIPHERING, "0xDD")?;
        let (id, _, other) = parse_ids_and_other(&mut cursor, false)?;
        cursor.tag("key-info", 0, "0x00")?;
        let said = cursor.length("block length")?;
        let found = cursor.end - cursor.at;
        if said != found {
            return Err(ParseError {
                offset: cursor.at,
                field: "block length",
                fault: Fault::LengthMismatch { said, found },
            });
        }
        let security = *array(&octets[cursor.take("block security header", 5)?]);
        cursor.tag("general-block-transfer", GENERAL_BLOCK_TRANSFER, "0xE0")?;
        let control = cursor.octet("block control")?;
        let number = u16::from_be_bytes(*array(&octets[cursor.take("block number", 2)?]));
        let acknowledged = u16::from_be_bytes(*array(&octets[cursor.take("block number acknowledged", 2)?]));
        let len = cursor.length("block data length")?;
        let data = &octets[cursor.take("block data", len)?];
        cursor.finish("end of block")?;
        let (last, streaming, window) = (control & LAST != 0, control & STREAMING != 0, control & MAX_WINDOW);
        Ok(Self { id, other, security, last, streaming, window, number, acknowledged, data })
    }

    /// Says that all blocks up to `acknowledged` of the message with this id are here, and asks for those behind it.
    pub fn acknowledgement(id: MessageId, other: OtherInformation<&'a [u8]>, acknowledged: u16) -> Self {
        Self { number: 1, acknowledged, ..Self::streaming(id, other, &[]) }
    }

    /// A block that needs no answer.
    fn streaming(id: MessageId, other: OtherInformation<&'a [u8]>, data: &'a [u8]) -> Self {
        let (number, acknowledged) = (0, 0);
        Self {
            id,
            other,
            security: [0; 5],
            last: false,
            streaming: true,
            window: MAX_WINDOW,
            number,
            acknowledged,
            data,
        }
    }

    /// Whether octets begin as a block does; [`parse`](Self::parse) tells whether they are one.
    pub fn begins(octets: &[u8]) -> bool {
        matches!(octets, [TAG_GENERAL_CIPHERING, 9, ..])
    }

    /// Whether it carries nothing but the number of what is acknowledged.
    pub fn is_acknowledgement(&self) -> bool {
        self.data.is_empty()
    }

    /// Octets of the block.
    pub fn encoded_len(&self) -> usize {
        let inner = self.inner_len();
        HEADER_LEN + self.other_len() + 1 + length::encoded_len(inner) + inner
    }

    /// The octets of the block.
    #[cfg(feature = "alloc")]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.extend_from_slice(&[TAG_GENERAL_CIPHERING, 9, self.id.cra as u8]);
        out.extend_from_slice(&self.id.counter.octets());
        out.push(8);
        out.extend_from_slice(&self.id.originator.0);
        out.push(8);
        out.extend_from_slice(&self.id.target.0);
        out.push(0);
        length::encode(self.other.encoded_len(), &mut out);
        self.other.encode(&mut out);
        out.push(0);
        length::encode(self.inner_len(), &mut out);
        out.extend_from_slice(&self.security);
        let flags = [(self.last, LAST), (self.streaming, STREAMING)];
        let control =
            flags.iter().filter(|(set, _)| *set).fold(self.window & MAX_WINDOW, |control, (_, bit)| control | bit);
        out.extend_from_slice(&[GENERAL_BLOCK_TRANSFER, control]);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.acknowledged.to_be_bytes());
        length::encode(self.data.len(), &mut out);
        out.extend_from_slice(self.data);
        out
    }

    fn other_len(&self) -> usize {
        let other = self.other.encoded_len();
        length::encoded_len(other) + other
    }

    fn inner_len(&self) -> usize {
        self.security.len() + 6 + length::encoded_len(self.data.len()) + self.data.len()
    }
}

/// Octets from `DD` to the empty date-time.
const HEADER_LEN: usize = 30;
