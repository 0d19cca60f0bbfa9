//! The Time cluster: what time it is, and whether whoever says so knows it (ZCL 3.12).
use super::attributes::{ReadAttributes, ReadAttributesResponse, Value};
use super::{Direction, Frame, Status, global};
use crate::wire::ParseError;
use alloc::vec::Vec;

/// Its identifier.
pub const CLUSTER: u16 = 0x000A;
/// Attribute: seconds since 2000, UTC.
pub const TIME: u16 = 0x0000;
/// Attribute: what the time is worth.
pub const TIME_STATUS: u16 = 0x0001;

const UTC_TIME: u8 = 0xE2;
const BITMAP8: u8 = 0x18;
/// Bits of the status: others set their clocks by this one; it is in step with one outside.
const MASTER: u8 = 0x01;
const SYNCHRONISED: u8 = 0x02;

/// What a server of the cluster says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Seconds since 2000, UTC.
    pub utc: u32,
    /// Whether it is in step with the network outside the home.
    pub synchronised: bool,
}

impl Clock {
    /// The question of a client for both attributes.
    pub fn question(tsn: u8) -> Vec<u8> {
        let wanted = ReadAttributes(alloc::vec![TIME, TIME_STATUS]);
        let mut payload = Vec::with_capacity(wanted.encoded_len());
        wanted.encode(&mut payload);
        Frame {
            cluster_specific: false,
            manufacturer: None,
            direction: Direction::ToServer,
            disable_default_response: true,
            tsn,
            command: global::READ_ATTRIBUTES,
            payload: &payload,
        }
        .to_vec()
    }

    /// The server's answer to a frame of a client; `None` to one that wants none.
    pub fn answer(self, frame: &Frame<'_>) -> Option<Vec<u8>> {
        if frame.direction != Direction::ToServer || frame.as_default_response().is_some() {
            return None;
        }
        if frame.cluster_specific {
            return Some(frame.default_response(Status::UnsupportedClusterCommand));
        }
        if frame.command != global::READ_ATTRIBUTES {
            return Some(frame.default_response(Status::UnsupportedGeneralCommand));
        }
        let Ok(ReadAttributes(wanted)) = ReadAttributes::parse(frame.payload) else {
            return Some(frame.default_response(Status::MalformedCommand));
        };
        let (utc, status) = (self.utc.to_le_bytes(), [MASTER | if self.synchronised { SYNCHRONISED } else { 0 }]);
        let value = |id| match id {
            TIME => Value::new(UTC_TIME, &utc),
            TIME_STATUS => Value::new(BITMAP8, &status),
            _ => None,
        };
        let records = wanted.into_iter().take(16).map(|id| (id, value(id).ok_or(Status::UnsupportedAttribute)));
        let mut payload = Vec::new();
        ReadAttributesResponse(records.collect()).encode(&mut payload);
        let answer = Frame {
            direction: Direction::ToClient,
            disable_default_response: true,
            command: global::READ_ATTRIBUTES_RESPONSE,
            payload: &payload,
            ..*frame
        };
        Some(answer.to_vec())
    }

    /// What an answer to [`question`](Self::question) says; `None` where it does not say the time.
    ///
    /// # Errors
    /// The octets are no answer to a read.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, ParseError> {
        let ReadAttributesResponse(records) = ReadAttributesResponse::parse(payload)?;
        let number = |wanted| {
            let record = records.iter().find(|(id, _)| *id == wanted)?;
            record.1.ok()?.unsigned()
        };
        let utc = number(TIME).and_then(|utc| u32::try_from(utc).ok());
        let synchronised = number(TIME_STATUS).is_some_and(|status| status & u64::from(SYNCHRONISED) != 0);
        // The highest number stands for a clock that was never set.
        Ok(utc.filter(|utc| *utc != u32::MAX).map(|utc| Self { utc, synchronised }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_server_says_is_what_a_client_reads(utc in 0..u32::MAX, synchronised: bool, tsn: u8) {
            let clock = Clock { utc, synchronised };
            let question = Clock::question(tsn);
            let answer = clock.answer(&Frame::parse(&question).unwrap()).unwrap();
            let answer = Frame::parse(&answer).unwrap();
            prop_assert_eq!((answer.tsn, answer.direction, answer.command), (tsn, Direction::ToClient, 0x01));
            prop_assert_eq!(Clock::parse(answer.payload).unwrap(), Some(clock));
        }

        #[test]
        fn octets_that_are_no_answer_are_refused_without_a_panic(octets: Vec<u8>) {
            let _ = Clock::parse(&octets);
        }
    }

    #[test]
    fn other_questions_are_answered_by_their_status_and_answers_by_nothing() {
        let clock = Clock { utc: 1, synchronised: true };
        let question = Clock::question(7);
        let frame = Frame::parse(&question).unwrap();
        let status = |frame: Frame<'_>| {
            let answer = clock.answer(&frame)?;
            Frame::parse(&answer).unwrap().as_default_response().map(|answer| answer.status)
        };
        assert_eq!(status(Frame { cluster_specific: true, ..frame }), Some(Status::UnsupportedClusterCommand));
        assert_eq!(status(Frame { command: 0x02, ..frame }), Some(Status::UnsupportedGeneralCommand));
        assert_eq!(status(Frame { payload: &[1], ..frame }), Some(Status::MalformedCommand));
        assert_eq!(clock.answer(&Frame { direction: Direction::ToClient, ..frame }), None);
        let unknown = clock.answer(&Frame { payload: &[2, 0], ..frame }).unwrap();
        assert_eq!(Clock::parse(Frame::parse(&unknown).unwrap().payload), Ok(None));
        assert_eq!(Clock::parse(&[0, 0, 0, UTC_TIME, 0xFF, 0xFF, 0xFF, 0xFF]), Ok(None), "never set");
    }
}
