//! Response codes (DUIS 5.4): an open set, because every release adds some.
use std::borrow::Cow;
use std::fmt;

use crate::xml::Text;

/// A response code, as the DCC wrote it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResponseCode(Cow<'static, str>);

macro_rules! codes {
    ($($name:ident $code:literal $meaning:literal;)*) => {
        impl ResponseCode {
            $(#[doc = $meaning] pub const $name: Self = Self(Cow::Borrowed($code));)*

            /// What the code means, where a public text says so.
            pub fn meaning(&self) -> Option<&'static str> {
                match &*self.0 {
                    $($code => Some($meaning),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    I0 "I0" "done; the outcome is a success";
    I99 "I99" "accepted for sending to the device, or done without data to return";
    E1 "E1" "the sender's user and role are not a valid pair";
    E2 "E2" "that role may not use this service reference";
    E3 "E3" "the user's status forbids it";
    E4 "E4" "role not authorised for this device at the time concerned";
    E5 "E5" "device status in the inventory does not allow the request";
    E11 "E11" "the request does not apply to this device type";
    E12 "E12" "the Command Variant does not fit the request";
    E13 "E13" "the kind of request does not fit the URL";
    E17 "E17" "not available for local delivery for this role and device status";
    E19 "E19" "device id unknown";
    E20 "E20" "the DCC cannot establish communication with the device";
    E21 "E21" "no response from the device to a command";
    E30 "E30" "time-out of a future-dated command";
}

impl ResponseCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `I...`: a success.
    pub fn is_success(&self) -> bool {
        self.0.starts_with('I')
    }

    /// `W...`: a success with warnings.
    pub fn is_warning(&self) -> bool {
        self.0.starts_with('W')
    }

    /// Neither success nor warning.
    pub fn is_error(&self) -> bool {
        !self.is_success() && !self.is_warning()
    }
}

impl Text for ResponseCode {
    const EXPECTED: &'static str = "a response code: I, W or E and digits";

    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(['I', 'W', 'E'])?;
        let fits = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(Cow::Owned(text.to_owned())))
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_carried_and_judged_by_its_letter() {
        let code = ResponseCode::read("W050201").unwrap();
        assert!(code.is_warning() && !code.is_success() && !code.is_error());
        assert_eq!((code.to_string().as_str(), code.meaning()), ("W050201", None));
        assert_eq!(ResponseCode::read("E17"), Some(ResponseCode::E17));
        assert!(ResponseCode::E17.is_error() && ResponseCode::I99.is_success());
        for text in ["", "I", "X1", "E1x", "E123456789"] {
            assert_eq!(ResponseCode::read(text), None, "{text}");
        }
    }
}
