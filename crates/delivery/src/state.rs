//! Where a delivery stands, and how it may end.
use gbcs::Counter;
use handover::Reason;
use std::fmt;

/// The state of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Accepted and stored; the DCC has not answered yet.
    Requested,
    /// The Pre-Command is here and means what was asked (critical Commands only).
    Prepared,
    /// The Command is here and waits for its turn and for a live PPMID.
    Queued,
    /// It left: a Release went to the PPMID, or the DCC was asked to send it. It may or may not have arrived.
    Released,
    /// The PPMID's own signed receipt says it holds the Command; over the WAN, the DCC's acknowledgement says so.
    Held,
    /// The Communications Hub's tunnel accepted it.
    OnHan,
    /// Octets that claim to be the Response are here and wait for verification.
    Answered,
    /// The meter may have executed it, and nobody can tell. Resolves to a terminal state, and blocks its lane until then.
    Unknown,
    /// The meter's Response verifies and reports success throughout.
    Confirmed,
    /// Somebody entitled to said no.
    Refused(Refusal),
    /// Time ran out before the Command could reach anyone.
    Expired(Where),
    /// Called off before the Command could reach anyone.
    Cancelled(By),
    /// The device has executed a Command with this higher counter, so this one can never be executed.
    Superseded(Counter),
    /// It cannot go on.
    Failed(Fault),
}

/// The state without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is documented at the variant of State that it names")]
pub enum Kind {
    Requested,
    Prepared,
    Queued,
    Released,
    Held,
    OnHan,
    Answered,
    Unknown,
    Confirmed,
    Refused,
    Expired,
    Cancelled,
    Superseded,
    Failed,
}

impl Kind {
    /// Every kind, in the order of a delivery's life.
    pub const ALL: [Self; 14] = [
        Self::Requested,
        Self::Prepared,
        Self::Queued,
        Self::Released,
        Self::Held,
        Self::OnHan,
        Self::Answered,
        Self::Unknown,
        Self::Confirmed,
        Self::Refused,
        Self::Expired,
        Self::Cancelled,
        Self::Superseded,
        Self::Failed,
    ];

    /// Nothing more happens to such a delivery.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Confirmed | Self::Refused | Self::Expired | Self::Cancelled | Self::Superseded | Self::Failed
        )
    }

    /// The name, as people and databases see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "Requested",
            Self::Prepared => "Prepared",
            Self::Queued => "Queued",
            Self::Released => "Released",
            Self::Held => "Held",
            Self::OnHan => "OnHan",
            Self::Answered => "Answered",
            Self::Unknown => "Unknown",
            Self::Confirmed => "Confirmed",
            Self::Refused => "Refused",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
            Self::Superseded => "Superseded",
            Self::Failed => "Failed",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who refused, and with which words of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The DCC, with this response code.
    Dcc(DccCode),
    /// The PPMID, by itself or because the hub refused.
    Carrier(Reason),
    /// The meter: it executed the Command in part or not at all, and its verified Response says so.
    Meter(MeterFault),
}

/// A response code of the DCC, carried through whether it is known or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DccCode(Box<str>);

impl DccCode {
    /// Keeps the first 16 characters that are letters or digits: longer than any code of DUIS 5.4, and safe to show.
    pub fn new(code: &str) -> Self {
        Self(code.chars().filter(char::is_ascii_alphanumeric).take(16).collect())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first result in a Response that is not success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MeterFault {
    /// Which instruction of the Command, counted from 1.
    pub instruction: u16,
    /// DLMS data-access-result, ZCL status, or the use case's own result number.
    pub result: u8,
}

/// What a delivery was waiting for when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Where {
    /// An answer of the DCC.
    Dcc,
    /// An earlier Command to the same device.
    Lane,
    /// A live PPMID.
    Link,
}

/// Who called it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// A user of the REST API.
    User,
}

/// Why a delivery cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The Pre-Command does not mean what was asked; it was not signed.
    PreCommandDiffers,
    /// The Command is not what was signed or asked; it was not released.
    CommandDiffers,
    /// The DCC's answer is not signed by the DCC, or does not answer the request.
    DccAnswer,
    /// Nobody could ever tell whether the meter executed it.
    Unresolved,
}

const WHERES: [(Where, &str); 3] = [(Where::Dcc, "dcc"), (Where::Lane, "lane"), (Where::Link, "link")];
const FAULTS: [(Fault, &str); 4] = [
    (Fault::PreCommandDiffers, "pre-command-differs"),
    (Fault::CommandDiffers, "command-differs"),
    (Fault::DccAnswer, "dcc-answer"),
    (Fault::Unresolved, "unresolved"),
];

/// The word of a value in one of the tables above, which hold every value.
fn word<T: PartialEq>(table: &[(T, &'static str)], value: &T) -> &'static str {
    table.iter().find(|(each, _)| each == value).map_or("?", |(_, word)| word)
}

fn of_word<T: Copy>(table: &[(T, &str)], text: &str) -> Option<T> {
    table.iter().find(|(_, word)| *word == text).map(|(value, _)| *value)
}

/// A stored state that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a delivery")]
pub struct NotAState;

impl State {
    /// The state without its details.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Requested => Kind::Requested,
            Self::Prepared => Kind::Prepared,
            Self::Queued => Kind::Queued,
            Self::Released => Kind::Released,
            Self::Held => Kind::Held,
            Self::OnHan => Kind::OnHan,
            Self::Answered => Kind::Answered,
            Self::Unknown => Kind::Unknown,
            Self::Confirmed => Kind::Confirmed,
            Self::Refused(_) => Kind::Refused,
            Self::Expired(_) => Kind::Expired,
            Self::Cancelled(_) => Kind::Cancelled,
            Self::Superseded(_) => Kind::Superseded,
            Self::Failed(_) => Kind::Failed,
        }
    }

    /// Nothing more happens to such a delivery.
    pub const fn is_terminal(&self) -> bool {
        self.kind().is_terminal()
    }

    /// The details as one line for a database or a screen, such as `dcc:E19` or `meter:3:250`; [`State::from_parts`] reads it.
    pub fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Refused(Refusal::Dcc(code)) => format!("dcc:{}", code.as_str()),
            Self::Refused(Refusal::Carrier(reason)) => format!("carrier:{}", reason.number()),
            Self::Refused(Refusal::Meter(fault)) => format!("meter:{}:{}", fault.instruction, fault.result),
            Self::Expired(place) => word(&WHERES, place).into(),
            Self::Cancelled(By::User) => "user".into(),
            Self::Superseded(counter) => counter.to_string(),
            Self::Failed(fault) => word(&FAULTS, fault).into(),
            _ => return None,
        })
    }

    /// The state that [`State::kind`] and [`State::detail`] describe.
    pub fn from_parts(kind: Kind, detail: Option<&str>) -> Result<Self, NotAState> {
        let state = match (kind, detail) {
            (Kind::Requested, None) => Self::Requested,
            (Kind::Prepared, None) => Self::Prepared,
            (Kind::Queued, None) => Self::Queued,
            (Kind::Released, None) => Self::Released,
            (Kind::Held, None) => Self::Held,
            (Kind::OnHan, None) => Self::OnHan,
            (Kind::Answered, None) => Self::Answered,
            (Kind::Unknown, None) => Self::Unknown,
            (Kind::Confirmed, None) => Self::Confirmed,
            (Kind::Refused, Some(detail)) => Self::Refused(refusal(detail).ok_or(NotAState)?),
            (Kind::Expired, Some(detail)) => Self::Expired(of_word(&WHERES, detail).ok_or(NotAState)?),
            (Kind::Cancelled, Some("user")) => Self::Cancelled(By::User),
            (Kind::Superseded, Some(detail)) => Self::Superseded(Counter(detail.parse().map_err(|_| NotAState)?)),
            (Kind::Failed, Some(detail)) => Self::Failed(of_word(&FAULTS, detail).ok_or(NotAState)?),
            _ => return Err(NotAState),
        };
        Ok(state)
    }
}

fn refusal(detail: &str) -> Option<Refusal> {
    let (who, rest) = detail.split_once(':')?;
    Some(match who {
        "dcc" => Refusal::Dcc(DccCode::new(rest)),
        "carrier" => Refusal::Carrier(Reason::from_number(rest.parse().ok()?)),
        "meter" => {
            let (instruction, result) = rest.split_once(':')?;
            Refusal::Meter(MeterFault { instruction: instruction.parse().ok()?, result: result.parse().ok()? })
        }
        _ => return None,
    })
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "Refused: {refusal}"),
            Self::Expired(Where::Dcc) => f.write_str("Expired: waiting for the DCC"),
            Self::Expired(Where::Lane) => f.write_str("Expired: waiting for an earlier Command to the same device"),
            Self::Expired(Where::Link) => f.write_str("Expired: waiting for a live PPMID"),
            Self::Cancelled(By::User) => f.write_str("Cancelled by a user"),
            Self::Superseded(counter) => write!(f, "Superseded: the device has executed counter {counter}"),
            Self::Failed(fault) => write!(f, "Failed: {fault}"),
            _ => f.write_str(self.kind().as_str()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dcc(code) => write!(f, "the DCC answered {}", code.as_str()),
            Self::Carrier(reason) => write!(f, "the PPMID reports: {reason}"),
            Self::Meter(fault) => {
                write!(f, "the meter answered result {} to instruction {}", fault.result, fault.instruction)
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PreCommandDiffers => "the Pre-Command does not mean what was asked, so it was not signed",
            Self::CommandDiffers => "the Command is not what was signed or asked, so it was not released",
            Self::DccAnswer => "the DCC's answer is not signed by the DCC or does not answer the request",
            Self::Unresolved => "nobody could tell in time whether the meter executed it",
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One of each state, and of each kind of detail.
    pub(crate) fn samples() -> Vec<State> {
        let refusals = [
            Refusal::Dcc(DccCode::new("E19")),
            Refusal::Carrier(Reason::HubRefused),
            Refusal::Meter(MeterFault { instruction: 3, result: 250 }),
        ];
        let mut all: Vec<State> = Kind::ALL.into_iter().filter_map(|kind| State::from_parts(kind, None).ok()).collect();
        all.extend(refusals.into_iter().map(State::Refused));
        all.extend(WHERES.map(|(place, _)| State::Expired(place)));
        all.extend([State::Cancelled(By::User), State::Superseded(Counter(7))]);
        all.extend(FAULTS.map(|(fault, _)| State::Failed(fault)));
        all
    }

    #[test]
    fn every_state_comes_back_from_its_parts() {
        let all = samples();
        for kind in Kind::ALL {
            assert!(all.iter().any(|state| state.kind() == kind), "{kind} has no sample");
            assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
        }
        for state in all {
            assert_eq!(State::from_parts(state.kind(), state.detail().as_deref()), Ok(state));
        }
    }

    #[test]
    fn parts_that_name_no_state_are_refused() {
        for (kind, detail) in [
            (Kind::Queued, Some("x")),
            (Kind::Refused, None),
            (Kind::Refused, Some("meter:3")),
            (Kind::Refused, Some("nobody:3")),
            (Kind::Expired, Some("nowhere")),
            (Kind::Superseded, Some("-1")),
            (Kind::Failed, None),
        ] {
            assert_eq!(State::from_parts(kind, detail), Err(NotAState), "{kind} {detail:?}");
        }
    }

    #[test]
    fn a_dcc_code_keeps_nothing_that_could_harm_a_screen() {
        assert_eq!(DccCode::new("E19<script>\u{1b}[0m0123456789").as_str(), "E19script0m01234");
    }
}
