//! Cutting a message into blocks.
use super::{Block, MAX_BLOCKS};
use crate::envelope::{Form, MessageView, ParseError};
use alloc::vec::Vec;

/// A message cut into blocks, any of which can be made again when it was lost.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    message: MessageView<'a>,
    data: usize,
    len: u16,
}

/// Why a message cannot be cut so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// It is no GBCS message.
    #[error("no GBCS message: {0}")]
    NoMessage(ParseError),
    /// It is an unprotected message, which nobody sends.
    #[error("a message without signature and MAC goes nowhere")]
    Unprotected,
    /// A block of this length has no room for data behind its header.
    #[error("a block of {most} octets has no room behind its header of {header}")]
    NoRoom {
        /// What was allowed.
        most: usize,
        /// What the header takes.
        header: usize,
    },
    /// It would take more blocks than a receiver must take.
    #[error("{0} blocks, {MAX_BLOCKS} are allowed")]
    TooManyBlocks(usize),
}

/// What is sent of a message: the message where it fits into `most` octets, else its blocks in order.
///
/// # Errors
/// It is longer, and cannot be cut.
pub fn parts(message: &[u8], most: usize) -> Result<Vec<Vec<u8>>, SegmentError> {
    if message.len() <= most {
        return Ok(alloc::vec![message.to_vec()]);
    }
    Ok(Segments::new(message, most)?.behind(0).collect())
}

impl<'a> Segments<'a> {
    /// Cut `message` into blocks of `most` octets at most, headers included ([`MAX_BLOCK_LEN`](super::MAX_BLOCK_LEN) by rule).
    pub fn new(message: &'a [u8], most: usize) -> Result<Self, SegmentError> {
        let view = MessageView::parse(message).map_err(SegmentError::NoMessage)?;
        if view.form() == Form::Plain {
            return Err(SegmentError::Unprotected);
        }
        // The two lengths in a header grow with the block: take the most data with which it still fits.
        let len_of =
            |data: usize| Block::streaming(view.id(), view.other_information(), &message[..data]).encoded_len();
        let (header, most) = (len_of(0), most.min(usize::from(u16::MAX)));
        let mut data = most.saturating_sub(header).min(message.len());
        while data > 0 && len_of(data) > most {
            data -= 1;
        }
        if data == 0 {
            return Err(SegmentError::NoRoom { most, header });
        }
        let blocks = message.len().div_ceil(data);
        match u16::try_from(blocks) {
            Ok(len) if len <= MAX_BLOCKS => Ok(Self { message: view, data, len }),
            _ => Err(SegmentError::TooManyBlocks(blocks)),
        }
    }

    /// How many blocks there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is no message in no block")]
    pub fn len(&self) -> u16 {
        self.len
    }

    /// The octets of block `number`, counted from 1.
    pub fn block(&self, number: u16) -> Option<Vec<u8>> {
        let at = usize::from(number.checked_sub(1)?) * self.data;
        let rest = self.message.octets().get(at..).filter(|rest| !rest.is_empty())?;
        let data = &rest[..rest.len().min(self.data)];
        let block = Block::streaming(self.message.id(), self.message.other_information(), data);
        Some(Block { number, last: number == self.len, ..block }.encode())
    }

    /// The octets of all blocks behind the one acknowledged: behind 0, all.
    pub fn behind(&self, acknowledged: u16) -> impl Iterator<Item = Vec<u8>> + use<'a> {
        let segments = *self;
        (acknowledged.saturating_add(1)..=segments.len).filter_map(move |number| segments.block(number))
    }
}
