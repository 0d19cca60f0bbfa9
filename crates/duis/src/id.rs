//! Names of requests and of services.
use std::fmt;
use std::str::FromStr;

use gbcs::{Counter, Cra, Eui64, MessageId};

use crate::xml::Text;

/// `BusinessOriginatorID:BusinessTargetID:OriginatorCounter` (DUIS `RequestIDType`), the name of a request and of its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId {
    /// The User who asks.
    pub originator: Eui64,
    /// The device, or the DCC for a non-device request.
    pub target: Eui64,
    /// Fixed when the GBCS octets are made, where the GBCS originator is the User.
    pub counter: Counter,
}

impl RequestId {
    /// The `ResponseID` of a device's answer: the same counter, ids swapped.
    pub const fn answer(&self) -> Self {
        Self { originator: self.target, target: self.originator, counter: self.counter }
    }

    /// The id of the GBCS Command made for this request when the User is its originator (DUIS 4.2).
    pub const fn command(&self) -> MessageId {
        MessageId { originator: self.originator, target: self.target, cra: Cra::Command, counter: self.counter }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.originator, self.target, self.counter)
    }
}

/// A text is no `RequestIDType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a request id: {}", RequestId::EXPECTED)]
pub struct NotARequestId;

impl FromStr for RequestId {
    type Err = NotARequestId;

    fn from_str(text: &str) -> Result<Self, NotARequestId> {
        let mut parts = text.split(':');
        let mut next = || parts.next().ok_or(NotARequestId);
        let (originator, target, counter) = (next()?, next()?, next()?);
        // No sign, no leading zero; `u64` bounds the rest.
        let plain = counter.bytes().all(|b| b.is_ascii_digit()) && (counter == "0" || !counter.starts_with('0'));
        if parts.next().is_some() || !plain {
            return Err(NotARequestId);
        }
        let eui = |text: &str| (text.len() == 23).then(|| text.parse().ok()).flatten().ok_or(NotARequestId);
        let counter = Counter(counter.parse().map_err(|_| NotARequestId)?);
        Ok(Self { originator: eui(originator)?, target: eui(target)?, counter })
    }
}

impl Text for RequestId {
    const EXPECTED: &'static str =
        "originator:target:counter, ids as eight hex pairs joined by hyphens, counter without leading zeros";

    fn read(text: &str) -> Option<Self> {
        text.trim_ascii().parse().ok()
    }
}

/// Service Reference Variant, such as `1.6` or `4.1.1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Srv {
    service: u8,
    reference: u8,
    /// 0: none.
    variant: u8,
}

impl Srv {
    /// `service.reference`, or `service.reference.variant` if `variant` is not 0.
    pub const fn new(service: u8, reference: u8, variant: u8) -> Self {
        Self { service, reference, variant }
    }

    /// The `ServiceReference`: the first two numbers.
    pub const fn reference(self) -> Self {
        Self { variant: 0, ..self }
    }
}

impl fmt::Display for Srv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.reference)?;
        if self.variant != 0 { write!(f, ".{}", self.variant) } else { Ok(()) }
    }
}

impl fmt::Debug for Srv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is no Service Reference Variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a service reference: {}", Srv::EXPECTED)]
pub struct NotAnSrv;

impl FromStr for Srv {
    type Err = NotAnSrv;

    fn from_str(text: &str) -> Result<Self, NotAnSrv> {
        let mut numbers = text.split('.').map(|part| {
            let plain = part.bytes().all(|b| b.is_ascii_digit()) && !part.starts_with('0');
            part.parse::<u8>().ok().filter(|_| plain).ok_or(NotAnSrv)
        });
        let srv = Self {
            service: numbers.next().ok_or(NotAnSrv)??,
            reference: numbers.next().ok_or(NotAnSrv)??,
            variant: numbers.next().transpose()?.unwrap_or(0),
        };
        if numbers.next().is_some() { Err(NotAnSrv) } else { Ok(srv) }
    }
}

impl Text for Srv {
    const EXPECTED: &'static str = "two or three numbers joined by dots, such as 4.1.1";

    fn read(text: &str) -> Option<Self> {
        text.trim_ascii().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000";

    #[test]
    fn a_request_id_reads_in_either_case_and_prints_in_upper() {
        let id: RequestId = ID.parse().unwrap();
        assert_eq!(id.counter, Counter(1000));
        assert_eq!(ID.to_lowercase().parse(), Ok(id));
        assert_eq!(id.to_string(), ID);
        assert_eq!(id.answer().to_string(), "00-DB-12-34-56-78-90-A0:90-B3-D5-1F-30-01-00-00:1000");
        assert_eq!(id.answer().answer(), id);
    }

    #[test]
    fn what_the_schema_pattern_refuses_is_no_request_id() {
        let ids = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0";
        for counter in ["", ":", ":01", ":+1", ":-1", ":18446744073709551616", ":1:", ":1 ", ":1:1", "::1000"] {
            assert_eq!(format!("{ids}{counter}").parse::<RequestId>(), Err(NotARequestId), "{counter}");
        }
        assert_eq!("90B3D51F30010000:00DB1234567890A0:1".parse::<RequestId>(), Err(NotARequestId));
    }

    #[test]
    fn an_srv_keeps_its_shape() {
        for text in ["1.6", "4.1.1", "6.2.10", "8.13"] {
            assert_eq!(text.parse::<Srv>().unwrap().to_string(), text);
        }
        assert_eq!("4.1.1".parse::<Srv>().unwrap().reference().to_string(), "4.1");
        for text in ["", "1", "1.", "1.0", "1.2.3.4", "01.2", "1.+2", "256.1", "11.2.11.2"] {
            assert_eq!(text.parse::<Srv>(), Err(NotAnSrv), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_request_id_comes_back(o: u64, t: u64, n: u64) {
            let id = RequestId { originator: Eui64::from_u64(o), target: Eui64::from_u64(t), counter: Counter(n) };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,60}|[0-9A-F:-]{0,60}") {
            let _ = (text.parse::<RequestId>(), text.parse::<Srv>());
        }
    }
}
