//! Sequenced requests (DUIS 4.8): one is processed when the one it names has succeeded, and fails with it.
use crate::access::{Refused, codes};
use duis::{CommandVariant, RequestHeader, RequestId, ResponseCode};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its device did what it asked, or the DCC did.
    Succeeded,
    /// It did not, or nobody heard of it.
    Failed,
}

/// What a request has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    Now,
    /// The end of the request it names.
    After(RequestId),
}

/// Which request has to end before this one, by its header alone.
pub fn predecessor(header: &RequestHeader) -> Result<Option<RequestId>, Refused> {
    // A Pre-Command does nothing yet: its Signed Pre-Command carries the sequence (DUIS 4.2).
    let Some(preceding) = header.preceding.filter(|_| header.variant != CommandVariant::Transform) else {
        return Ok(None);
    };
    let refused = |reason: &str| Err(refused(header, codes::bad_sequence(), reason.into()));
    if preceding == header.id {
        return refused("a request cannot precede itself");
    }
    if header.first_in_sequence == Some(true) {
        return refused("the first of a sequence has no request before it");
    }
    if preceding.originator != header.id.originator {
        return refused("the preceding request is another User's");
    }
    Ok(Some(preceding))
}

/// Whether a request may be processed, given how the one before it ended; `None` when it has not.
pub fn turn(header: &RequestHeader, preceding: RequestId, ended: Option<Ending>) -> Result<Turn, Refused> {
    match ended {
        Some(Ending::Succeeded) => Ok(Turn::Now),
        Some(Ending::Failed) => {
            Err(refused(header, codes::predecessor_failed(), format!("{preceding}, which precedes it, failed")))
        }
        // Only what is answered later can wait: Command Variants 1, 3, 5 and 7 (DUIS 3).
        None if header.variant.sends_command() => Ok(Turn::After(preceding)),
        None => {
            let reason = format!("{preceding}, which precedes it, has not succeeded, and the answer is due now");
            Err(refused(header, codes::cannot_wait(), reason))
        }
    }
}

fn refused(header: &RequestHeader, code: ResponseCode, reason: String) -> Refused {
    Refused { code, reason, request: Some((header.id, header.srv)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::{Counter, Eui64};

    fn header(variant: CommandVariant, first: Option<bool>, preceding: Option<u64>) -> RequestHeader {
        let id = |counter| RequestId {
            originator: Eui64::from_u64(1),
            target: Eui64::from_u64(2),
            counter: Counter(counter),
        };
        let srv = duis::Srv::new(4, 18, 0);
        let reference = srv.reference();
        RequestHeader { id: id(9), first_in_sequence: first, preceding: preceding.map(id), variant, reference, srv }
    }

    #[test]
    fn a_sequence_is_read_from_the_header() {
        use CommandVariant::{Send, Transform};
        let of = |header: &RequestHeader| predecessor(header).map(|p| p.map(|p| p.counter.0)).map_err(|r| r.code);
        assert_eq!(of(&header(Send, None, None)), Ok(None));
        assert_eq!(of(&header(Send, Some(true), None)), Ok(None));
        assert_eq!(of(&header(Send, Some(false), Some(8))), Ok(Some(8)));
        assert_eq!(of(&header(Transform, None, Some(8))), Ok(None));
        assert_eq!(of(&header(Send, Some(true), Some(8))), Err(codes::bad_sequence()));
        assert_eq!(of(&header(Send, None, Some(9))), Err(codes::bad_sequence()));
        let mut theirs = header(Send, None, Some(8));
        theirs.id.originator = Eui64::from_u64(3);
        assert_eq!(of(&theirs), Err(codes::bad_sequence()));
    }

    #[test]
    fn only_what_is_answered_later_waits() {
        use CommandVariant::{Local, LocalSigned, NonDevice, Send, SendAndLocal, SendAndLocalSigned, SendSigned};
        for variant in [Send, SendAndLocal, SendSigned, SendAndLocalSigned] {
            let header = header(variant, None, Some(8));
            let preceding = header.preceding.unwrap();
            assert_eq!(turn(&header, preceding, None).unwrap(), Turn::After(preceding));
            assert_eq!(turn(&header, preceding, Some(Ending::Succeeded)).unwrap(), Turn::Now);
            let failed = turn(&header, preceding, Some(Ending::Failed)).unwrap_err();
            assert_eq!(failed.code, codes::predecessor_failed());
        }
        for variant in [Local, LocalSigned, NonDevice] {
            let header = header(variant, None, Some(8));
            let preceding = header.preceding.unwrap();
            assert_eq!(turn(&header, preceding, None).unwrap_err().code, codes::cannot_wait());
            assert_eq!(turn(&header, preceding, Some(Ending::Succeeded)).unwrap(), Turn::Now);
        }
    }
}
