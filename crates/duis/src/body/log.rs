//! Reads of logs between two moments (DUIS 8.11).
use gbcs::Time;

use super::credentials::Certificate;
use crate::catalogue::BodyShape;
use crate::time::Execution;
use crate::xml::content::{enumeration, sequence};
use crate::xml::{Element, Group as _, Particle as _, Writer, XmlError};

sequence! {
    /// Between when.
    ReadLogPeriod {
        start: Time = "StartDateTime",
        end: Time = "EndDateTime",
    }

    /// SRV 6.13: which log, between when.
    ReadEventLog {
        period: ReadLogPeriod = "ReadLogPeriod",
        log: LogToRead = "LogToRead",
    }
}

enumeration! {
    /// A log.
    LogToRead {
        Event = "Event",
        AlcsEvent = "ALCSEvent",
        PowerEvent = "PowerEvent",
        Security = "Security",
        GsmeEvent = "GSMEEvent",
        GsmeSecurity = "GSMESecurity",
    }
}

/// A read of a log, whose service the element tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadLog {
    /// Element of the catalogue with one of the shapes of a log.
    pub element: &'static str,
    /// When the DCC sends it; at once where the service takes no date.
    pub execution: Execution,
    /// Between when.
    pub period: ReadLogPeriod,
    /// Key agreement certificate of a User that the device does not know, where the service takes one.
    pub credentials: Option<Certificate>,
}

const PERIOD: &str = "ReadLogPeriod";
const CREDENTIALS: &str = "KAPublicSecurityCredentials";

impl ReadLog {
    pub(super) fn read(element: Element<'_>, name: &'static str, shape: BodyShape) -> Result<Self, XmlError> {
        let mut children = element.children()?;
        let execution = match shape {
            BodyShape::LogOnDemand => Execution::Immediate,
            _ => Execution::read_group(&mut children)?,
        };
        let period = ReadLogPeriod::read_named(&mut children, PERIOD)?;
        let credentials = match shape {
            BodyShape::LogWithCredentials => Option::read_named(&mut children, CREDENTIALS)?,
            _ => None,
        };
        children.end()?;
        Ok(Self { element: name, execution, period, credentials })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        self.execution.write_group(w);
        self.period.write_named(w, PERIOD);
        self.credentials.write_named(w, CREDENTIALS);
    }
}
