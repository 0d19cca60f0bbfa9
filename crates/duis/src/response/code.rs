//! Codes of alerts, and which event a code of the DCC tells of.
use std::fmt;
use std::str::FromStr;

use gbcs::MessageCode;

use crate::xml::{Text, Value};

/// Code of a device's alert, such as 8F84.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertCode(pub u16);

impl fmt::Display for AlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for AlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Text for AlertCode {
    const EXPECTED: &'static str = "four hex digits";

    fn read(text: &str) -> Option<Self> {
        four_hex_digits(text).map(Self)
    }
}

impl Text for MessageCode {
    const EXPECTED: &'static str = "four hex digits";

    fn read(text: &str) -> Option<Self> {
        four_hex_digits(text).map(Self)
    }
}

impl Value for MessageCode {
    fn form(&self) -> String {
        format!("{:04X}", self.0)
    }
}

/// A hexBinary of two octets.
fn four_hex_digits(text: &str) -> Option<u16> {
    let text = text.trim_ascii();
    let fits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u16::from_str_radix(text, 16).ok()).flatten()
}

/// Code of an alert of the DCC: `AD` or `N` and a number. Unknown numbers are carried, because every release adds some.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DccAlertCode {
    /// `AD1`: about power.
    Ad(u16),
    /// `N1` and up.
    N(u16),
}

/// What a code usually tells of (DUIS 6.2). The public texts confirm N24 alone: read the event, not the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DccAlertMeaning {
    /// The code.
    pub code: DccAlertCode,
    /// The element of the event that comes with it.
    pub event: &'static str,
    /// In words.
    pub meaning: &'static str,
}

macro_rules! meanings {
    ($($code:expr, $event:literal, $meaning:literal;)*) => {
        /// All that is known of codes.
        pub const DCC_ALERT_MEANINGS: &[DccAlertMeaning] =
            &[$(DccAlertMeaning { code: $code, event: $event, meaning: $meaning },)*];
    };
}

use DccAlertCode::{Ad, N};
meanings! {
    Ad(1), "PowerOutageEvent", "a hub lost its power";
    N(3), "CommandFailure", "a Command that waited was dropped";
    N(7), "CommandFailure", "a Command failed before it was sent";
    N(10), "CommandFailure", "a Command failed before it was sent";
    N(11), "CommandFailure", "a Command failed before it was sent";
    N(12), "CommandFailure", "a Command could not be delivered to its device";
    N(13), "CommandFailure", "a device did not answer a Command";
    N(14), "CommandFailure", "a Command failed before it was sent";
    N(15), "CommandFailure", "a Command failed before it was sent";
    N(24), "UpdateHANDeviceLogResult", "the hub's device log was changed";
    N(25), "UpdateHANDeviceLogResult", "the hub's device log may not have been changed";
    N(39), "PPMIDAlert", "a PPMID raised an alert";
    N(42), "SecurityCredentialsUpdated", "a device holds other certificates now";
    N(43), "PPMIDRemoval", "a PPMID left its home";
    N(46), "QuarantinedRequest", "a request is held: the User's threshold";
    N(47), "QuarantinedRequest", "a request is held: the DCC's threshold";
    N(48), "QuarantinedRequest", "a request is held: the limit of a value";
    N(53), "CommandFailure", "the hub could not deliver a Command to the ESME";
    N(999), "DUISVersionMismatch", "something that the User's version of DUIS cannot say";
}

impl DccAlertCode {
    /// What it usually tells of, where that is known.
    pub fn meaning(self) -> Option<&'static DccAlertMeaning> {
        DCC_ALERT_MEANINGS.iter().find(|known| known.code == self)
    }
}

impl fmt::Display for DccAlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ad(number) => write!(f, "AD{number}"),
            Self::N(number) => write!(f, "N{number}"),
        }
    }
}

impl fmt::Debug for DccAlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text is no code of an alert of the DCC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {}", DccAlertCode::EXPECTED)]
pub struct NotADccAlertCode;

impl FromStr for DccAlertCode {
    type Err = NotADccAlertCode;

    fn from_str(text: &str) -> Result<Self, NotADccAlertCode> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            plain.then(|| digits.parse().ok()).flatten().ok_or(NotADccAlertCode)
        };
        match text.strip_prefix("AD") {
            Some(digits) => number(digits).map(Self::Ad),
            None => number(text.strip_prefix('N').ok_or(NotADccAlertCode)?).map(Self::N),
        }
    }
}

impl Text for DccAlertCode {
    const EXPECTED: &'static str = "a code of the DCC's alerts: AD or N and a number";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_carried_and_another_text_is_none() {
        for text in ["AD1", "N1", "N53", "N999", "N65535"] {
            assert_eq!(text.parse::<DccAlertCode>().unwrap().to_string(), text);
        }
        for text in ["", "N", "AD", "N0", "N01", "n1", "N65536", "X1", "N-1", "N1 "] {
            assert_eq!(text.parse::<DccAlertCode>(), Err(NotADccAlertCode), "{text}");
        }
        assert_eq!(N(24).meaning().map(|m| m.event), Some("UpdateHANDeviceLogResult"));
        assert_eq!(N(1).meaning(), None);
    }

    #[test]
    fn each_code_stands_once_with_an_event_there_is() {
        for (i, known) in DCC_ALERT_MEANINGS.iter().enumerate() {
            assert!(DCC_ALERT_MEANINGS[..i].iter().all(|other| other.code < known.code), "{}", known.code);
            assert!(crate::response::DccEvent::ELEMENTS.contains(&known.event), "{}", known.event);
        }
    }
}
