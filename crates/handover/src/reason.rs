//! Why a carrier did not do what a Release asked.
use core::fmt;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};

macro_rules! reasons {
    ($($(#[$doc:meta])* $number:literal $name:ident $text:literal,)*) => {
        /// Why a carrier did not do what a Release asked; numbers of later versions are kept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
            /// A number that this version does not know.
            Other(u16),
        }

        impl Reason {
            /// Every reason this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// The reason with this number.
            pub const fn from_number(number: u16) -> Self {
                match number {
                    $($number => Self::$name,)*
                    _ => Self::Other(number),
                }
            }
        }

        impl fmt::Display for Reason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($text),)*
                    Self::Other(number) => write!(f, "reason {number}"),
                }
            }
        }
    };
}

reasons! {
    /// The warrant is not signed by the head end this carrier serves, or names a key it does not know.
    1 BadSignature "the warrant is not signed by the head end",
    /// The warrant names another carrier.
    2 NotThisCarrier "the warrant is for another carrier",
    /// The nonce was not issued by this carrier since it started (or long ago).
    3 UnknownNonce "the carrier did not issue this nonce",
    /// The nonce was issued, but too long ago.
    4 StaleNonce "the nonce is too old",
    /// The nonce has served a Release already.
    5 UsedNonce "the nonce has been used",
    /// The Command's octets are not those that the warrant names by hash.
    6 CommandChanged "the command is not the one in the warrant",
    /// The octets are no GBCS message, or one that is no Command.
    7 NotACommand "the octets are no GBCS Command",
    /// The Command's own header names another target than the warrant.
    8 WrongTarget "the command is for another meter than the warrant says",
    /// The Command's own header has another message code than the warrant.
    9 WrongCode "the command is of another use case than the warrant says",
    /// The target is none of the meters this carrier serves.
    10 UnknownTarget "the carrier does not serve this meter",
    /// The Command does not fit one TransferData.
    11 TooLong "the command does not fit a tunnel",
    /// The warrant's last moment passed before the hub took the Command: it is not on the HAN.
    12 Expired "the warrant ran out before the command was sent",
    /// A later attempt of the delivery has been seen, or the delivery with another Command. It tells nothing of what became
    /// of the attempt.
    13 AttemptSeen "this attempt has been seen",
    /// An earlier attempt of the delivery is on its way to the hub this moment.
    14 InFlight "an earlier attempt is on its way",
    /// The same Command is or was in this carrier's hands under another delivery.
    15 DuplicateCommand "the command belongs to another delivery",
    /// The carrier has no room for another delivery.
    16 Full "the carrier has no room",
    /// A later attempt took this one's place before it was handed to the HAN.
    17 Superseded "a later attempt took its place",
    /// The hub answered that it did not take the Command.
    18 HubRefused "the hub did not take the command",
    /// The Command was sent and the hub's acknowledgement never came: **it may have reached the meter**.
    19 NoHubAnswer "sent, but the hub never acknowledged",
}

impl Reason {
    /// Whether the Command may be on the HAN although it was refused: the head end must then find out before it sends
    /// anything that this Command could contradict. A reason of a later version counts as such.
    pub const fn may_be_on_han(self) -> bool {
        matches!(self, Self::NoHubAnswer | Self::Other(_))
    }

    /// Whether another Release of the same Command, with a fresh nonce, may fare better.
    pub const fn worth_another_attempt(self) -> bool {
        matches!(
            self,
            Self::UnknownNonce
                | Self::StaleNonce
                | Self::UsedNonce
                | Self::CommandChanged
                | Self::Expired
                | Self::InFlight
                | Self::Full
                | Self::HubRefused
                | Self::NoHubAnswer
        )
    }
}

impl<C> Encode<C> for Reason {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u16(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Reason {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.u16().map(Self::from_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_reasons_and_back() {
        for (reason, number) in Reason::ALL.iter().zip(1..) {
            assert_eq!((reason.number(), Reason::from_number(number)), (number, *reason));
        }
        assert_eq!(Reason::from_number(999), Reason::Other(999));
        assert!(Reason::Other(999).may_be_on_han());
    }
}
