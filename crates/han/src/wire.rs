//! What every codec of this crate reads with, and how it says no.
use gbcs::Eui64;

/// Octets that are not what they were read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// They end inside the thing named.
    #[error("cut short: {0}")]
    Truncated(&'static str),
    /// They go on after the thing named.
    #[error("octets left over after {0}")]
    Trailing(&'static str),
    /// The frame check sequence is not that of the octets before it: noise, not a frame.
    #[error("frame check sequence does not match")]
    FrameCheck,
    /// A value or a form that this crate does not carry.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
}

/// A cursor over little-endian fields. `what` names the thing being read, for the error.
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(octets: &'a [u8], what: &'static str) -> Self {
        Self { octets, what }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let (head, rest) = self.octets.split_first_chunk::<N>().ok_or(ParseError::Truncated(self.what))?;
        self.octets = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ParseError> {
        self.array::<1>().map(|[octet]| octet)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ParseError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u24(&mut self) -> Result<u32, ParseError> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ParseError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn eui(&mut self) -> Result<Eui64, ParseError> {
        self.array().map(Eui64::from_le)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, ParseError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ParseError::Unsupported("a boolean other than 0 or 1")),
        }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], ParseError> {
        let (head, rest) = self.octets.split_at_checked(count).ok_or(ParseError::Truncated(self.what))?;
        self.octets = rest;
        Ok(head)
    }

    /// A length octet and that many octets, the length octet included; 0xFF is the invalid string, which has none.
    pub(crate) fn take_prefixed(&mut self) -> Result<&'a [u8], ParseError> {
        let len = *self.octets.first().ok_or(ParseError::Truncated(self.what))?;
        self.take(if len == 0xFF { 1 } else { 1 + len as usize })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.octets
    }

    pub(crate) fn finish<T>(self, value: T) -> Result<T, ParseError> {
        if self.octets.is_empty() { Ok(value) } else { Err(ParseError::Trailing(self.what)) }
    }
}

/// An enumeration of numbers that keeps the ones it does not know.
macro_rules! open_enum {
    ($(#[$outer:meta])* $name:ident: $repr:ty { $($(#[$inner:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$inner])* $variant,)+
            /// A number without a name here.
            Other($repr),
        }

        impl From<$repr> for $name {
            fn from(number: $repr) -> Self {
                match number {
                    $($value => Self::$variant,)+
                    other => Self::Other(other),
                }
            }
        }

        impl From<$name> for $repr {
            fn from(name: $name) -> Self {
                match name {
                    $($name::$variant => $value,)+
                    $name::Other(other) => other,
                }
            }
        }
    };
}
pub(crate) use open_enum;
