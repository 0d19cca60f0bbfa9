//! The state machine: one total function, pinned by a test for every state, input and fact.
use crate::policy::Retry;
use crate::state::{By, DccCode, Fault, Kind, MeterFault, Refusal, State, Where};
use gbcs::Counter;
use handover::Reason;

/// Something that happened to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    // From the DCC.
    /// The Pre-Command came and means what was asked.
    PreCommandReceived,
    /// The document that makes the DCC send the Command over the SM WAN is stored and about to leave.
    HandedToWan,
    /// The Command came back for local delivery and is what was signed or asked.
    CommandReceived,
    /// The DCC acknowledged that it will send the Command.
    WanAccepted,
    /// The DCC refused, now or later; the Command does not reach the device by its hand.
    DccRefused(DccCode),
    /// The DCC sent the Command and heard nothing from the device.
    WanSilent(DccCode),
    /// What the DCC answered is unfit for use.
    DccFaulty(Fault),
    /// The DCC has seen this request before and its answer is lost: ask again under a new counter.
    Renumbered(Counter),

    // From the PPMID.
    /// A Release is about to leave.
    ReleaseSent,
    /// The PPMID says that it holds the Command.
    ReceiptHeld,
    /// The PPMID says that the hub's tunnel accepted the Command.
    ReceiptOnHan,
    /// The PPMID, or the hub through it, did not take the Command further.
    CarrierRefused(Reason, Retry),
    /// The link to the PPMID is gone.
    LinkLost,

    // The device's answer, whichever way it came.
    /// Octets came whose header names this Command; they are stored.
    AnswerReceived,
    /// They verify, and every result is success.
    Verified,
    /// They verify, and the device reports a failure.
    MeterRefused(MeterFault),
    /// They do not verify.
    AnswerFalse,

    // Time, and people.
    /// The deadline of the state passed.
    DeadlineReached,
    /// Somebody wants it called off.
    CancelRequested,
    /// The device has executed a Command of the same lane with this higher counter.
    SupersededBy(Counter),
}

impl Input {
    /// The name, as an event in a database has it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PreCommandReceived => "PreCommandReceived",
            Self::HandedToWan => "HandedToWan",
            Self::CommandReceived => "CommandReceived",
            Self::WanAccepted => "WanAccepted",
            Self::DccRefused(_) => "DccRefused",
            Self::WanSilent(_) => "WanSilent",
            Self::DccFaulty(_) => "DccFaulty",
            Self::Renumbered(_) => "Renumbered",
            Self::ReleaseSent => "ReleaseSent",
            Self::ReceiptHeld => "ReceiptHeld",
            Self::ReceiptOnHan => "ReceiptOnHan",
            Self::CarrierRefused(..) => "CarrierRefused",
            Self::LinkLost => "LinkLost",
            Self::AnswerReceived => "AnswerReceived",
            Self::Verified => "Verified",
            Self::MeterRefused(_) => "MeterRefused",
            Self::AnswerFalse => "AnswerFalse",
            Self::DeadlineReached => "DeadlineReached",
            Self::CancelRequested => "CancelRequested",
            Self::SupersededBy(_) => "SupersededBy",
        }
    }
}

/// What else decides: facts about the delivery that outlive its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The DCC was asked to send the Command and has not said that it did not.
    pub wan: bool,
    /// The Command left for the PPMID in an attempt that nothing has accounted for.
    pub local: bool,
    /// The moment by which it is to be delivered has passed.
    pub too_late: bool,
    /// What it waits for.
    pub waiting: Where,
}

impl Facts {
    /// The device may have the Command, or still get it.
    pub const fn exposed(self) -> bool {
        self.wan || self.local
    }
}

/// What an input does to a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It moves the delivery (perhaps to the same state: a new start of it).
    To(State),
    /// It is true and changes nothing.
    Stay,
    /// It comes too late to matter, or has no meaning here.
    Ignored,
    /// It contradicts what was concluded: keep it and show it, change nothing.
    Contradiction,
    /// The wish cannot be granted: the device may have the Command already, or the delivery has ended.
    TooLate,
}

/// The whole state machine. Total: every combination has a meaning, and none panics.
pub fn transition(state: &State, facts: Facts, input: &Input) -> Outcome {
    use Outcome::{Contradiction, Ignored, Stay, To, TooLate};
    let kind = state.kind();
    if kind.is_terminal() {
        return after_the_end(state, input);
    }
    let unknown_or = |state: State| To(if facts.exposed() { State::Unknown } else { state });
    match (input, kind) {
        (Input::PreCommandReceived, Kind::Requested) => To(State::Prepared),
        (Input::PreCommandReceived, _) => Ignored,

        (Input::HandedToWan, Kind::Requested | Kind::Prepared) => To(State::Released),
        (Input::HandedToWan, _) => Ignored,

        (Input::CommandReceived, Kind::Requested | Kind::Prepared) => To(State::Queued),
        // The local copy of a Command that the DCC also sends (Command Variants 3 and 7).
        (Input::CommandReceived, Kind::Released) if facts.wan && !facts.local => To(State::Queued),
        (Input::CommandReceived, _) => Ignored,

        (Input::WanAccepted, Kind::Released) if facts.wan && !facts.local => To(State::Held),
        (Input::WanAccepted, _) => Ignored,

        (Input::Renumbered(_), Kind::Requested | Kind::Prepared) => To(State::Requested),
        (Input::Renumbered(_), _) => Ignored,

        (Input::DccRefused(code), Kind::Requested | Kind::Prepared) => To(State::Refused(Refusal::Dcc(code.clone()))),
        (Input::DccRefused(code), Kind::Released | Kind::Held | Kind::Unknown) if facts.wan && !facts.local => {
            To(State::Refused(Refusal::Dcc(code.clone())))
        }
        // The local copy goes on without the WAN.
        (Input::DccRefused(_), _) => Stay,
        (Input::WanSilent(_), Kind::Released | Kind::Held) if facts.wan && !facts.local => To(State::Unknown),
        (Input::WanSilent(_), _) => Stay,

        (Input::DccFaulty(fault), Kind::Requested | Kind::Prepared) => To(State::Failed(*fault)),
        // The DCC may send the Command all the same, so this ends nothing.
        (Input::DccFaulty(_), _) => Contradiction,

        (Input::ReleaseSent, Kind::Queued) => To(State::Released),
        (Input::ReleaseSent, _) => Ignored,

        (Input::ReceiptHeld | Input::ReceiptOnHan, _) if !facts.local => Contradiction,
        (Input::ReceiptHeld, Kind::Queued | Kind::Released) => To(State::Held),
        (Input::ReceiptOnHan, Kind::Queued | Kind::Released | Kind::Held) => To(State::OnHan),
        (Input::ReceiptHeld | Input::ReceiptOnHan, _) => Stay,

        (Input::CarrierRefused(reason, retry), Kind::Queued | Kind::Released | Kind::Held | Kind::OnHan) => match retry
        {
            Retry::Again | Retry::AgainInDoubt if facts.too_late => unknown_or(State::Expired(Where::Link)),
            Retry::Again | Retry::AgainInDoubt => To(State::Queued),
            // The WAN may still bring the Command to the device.
            Retry::Never if facts.wan => To(State::Queued),
            Retry::Never => unknown_or(State::Refused(Refusal::Carrier(*reason))),
            Retry::Unclear => To(State::Unknown),
        },
        // Here the PPMID accounts for the only attempt after all.
        (Input::CarrierRefused(reason, retry), Kind::Unknown) if !facts.exposed() && retry.accounts() => {
            To(State::Refused(Refusal::Carrier(*reason)))
        }
        (Input::CarrierRefused(..), _) => Ignored,

        // Only a Release on its way is in doubt: what the PPMID holds, it holds without the link.
        (Input::LinkLost, Kind::Released) if facts.local => To(State::Queued),
        (Input::LinkLost, _) => Stay,

        (Input::AnswerReceived, Kind::Requested | Kind::Prepared) => Contradiction,
        (Input::AnswerReceived, Kind::Answered) => Stay,
        (Input::AnswerReceived, _) => To(State::Answered),

        (Input::Verified, Kind::Answered) => To(State::Confirmed),
        (Input::MeterRefused(fault), Kind::Answered) => To(State::Refused(Refusal::Meter(*fault))),
        // Somebody on the way lies or errs: what the meter did is open, and the true Response still counts.
        (Input::AnswerFalse, Kind::Answered) => unknown_or(State::Queued),
        (Input::Verified | Input::MeterRefused(_) | Input::AnswerFalse, _) => Ignored,

        (Input::DeadlineReached, Kind::Requested | Kind::Prepared) => To(State::Expired(facts.waiting)),
        (Input::DeadlineReached, Kind::Queued) => unknown_or(State::Expired(facts.waiting)),
        // No receipt: the same octets go again, and the meter's replay counter makes them work once at most.
        (Input::DeadlineReached, Kind::Released) if facts.local && !facts.too_late => To(State::Queued),
        (Input::DeadlineReached, Kind::Unknown) => To(State::Failed(Fault::Unresolved)),
        (Input::DeadlineReached, _) => To(State::Unknown),

        (Input::CancelRequested, Kind::Requested | Kind::Prepared | Kind::Queued) if !facts.exposed() => {
            To(State::Cancelled(By::User))
        }
        (Input::CancelRequested, _) => TooLate,

        (Input::SupersededBy(counter), Kind::Requested | Kind::Prepared) => To(State::Superseded(*counter)),
        // Executed before the one that overtook it, or never.
        (Input::SupersededBy(counter), Kind::Queued) => unknown_or(State::Superseded(*counter)),
        (Input::SupersededBy(_), _) => Stay,
    }
}

/// Terminal states never change; what comes after them is dull, or contradicts them.
fn after_the_end(state: &State, input: &Input) -> Outcome {
    // The device had it, so late news of its way there is no surprise.
    let executed = matches!(state, State::Confirmed | State::Refused(Refusal::Meter(_)));
    match input {
        Input::CancelRequested => Outcome::TooLate,
        Input::AnswerReceived => Outcome::Contradiction,
        Input::ReceiptHeld | Input::ReceiptOnHan if !executed => Outcome::Contradiction,
        _ => Outcome::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::samples;
    use std::collections::BTreeMap;
    use std::fmt::Write;

    fn inputs() -> Vec<(String, Input)> {
        let mut all: Vec<(String, Input)> = [
            Input::PreCommandReceived,
            Input::HandedToWan,
            Input::CommandReceived,
            Input::WanAccepted,
            Input::DccRefused(DccCode::new("E20")),
            Input::WanSilent(DccCode::new("E21")),
            Input::DccFaulty(Fault::DccAnswer),
            Input::Renumbered(Counter(9)),
            Input::ReleaseSent,
            Input::ReceiptHeld,
            Input::ReceiptOnHan,
            Input::LinkLost,
            Input::AnswerReceived,
            Input::Verified,
            Input::MeterRefused(MeterFault { instruction: 1, result: 1 }),
            Input::AnswerFalse,
            Input::DeadlineReached,
            Input::CancelRequested,
            Input::SupersededBy(Counter(9)),
        ]
        .into_iter()
        .map(|input| (input.name().to_owned(), input))
        .collect();
        for retry in [Retry::Again, Retry::AgainInDoubt, Retry::Never, Retry::Unclear] {
            all.push((format!("CarrierRefused/{retry:?}"), Input::CarrierRefused(Reason::HubRefused, retry)));
        }
        all
    }

    fn facts() -> impl Iterator<Item = Facts> {
        (0..8u8).map(|bits| Facts {
            wan: bits & 1 != 0,
            local: bits & 2 != 0,
            too_late: bits & 4 != 0,
            waiting: Where::Link,
        })
    }

    fn word(outcome: &Outcome) -> String {
        match outcome {
            Outcome::To(state) => state.kind().to_string(),
            Outcome::Stay => "=".into(),
            Outcome::Ignored => ".".into(),
            Outcome::Contradiction => "!".into(),
            Outcome::TooLate => "no".into(),
        }
    }

    /// `= . ! no` are the outcomes that change nothing; `w l t` are the facts wan, local, too late, and `-` none of them.
    fn table() -> String {
        let mut out = String::new();
        for state in samples() {
            // The details of these change no outcome, save those of Refused.
            let detail = match state.kind() {
                Kind::Refused => format!(" {}", state.detail().unwrap()),
                _ => String::new(),
            };
            writeln!(out, "{}{detail}", state.kind()).unwrap();
            for (name, input) in inputs() {
                let mut by_outcome: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for facts in facts() {
                    let mut flags: String = [(facts.wan, 'w'), (facts.local, 'l'), (facts.too_late, 't')]
                        .into_iter()
                        .filter_map(|(holds, letter)| holds.then_some(letter))
                        .collect();
                    if flags.is_empty() {
                        flags.push('-');
                    }
                    by_outcome.entry(word(&transition(&state, facts, &input))).or_default().push(flags);
                }
                let cells: Vec<String> = match by_outcome.len() {
                    1 => by_outcome.into_keys().collect(),
                    _ => by_outcome
                        .into_iter()
                        .map(|(outcome, when)| format!("{outcome} [{}]", when.join(" ")))
                        .collect(),
                };
                writeln!(out, "  {name:<28} {}", cells.join("  ")).unwrap();
            }
        }
        out
    }

    /// The table is the specification to review. After a change on purpose: `UPDATE_TABLE=1 cargo test -p delivery`.
    #[test]
    fn the_table_of_all_states_and_inputs_is_the_pinned_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/transitions.txt");
        let table = table();
        println!("{table}");
        if std::env::var_os("UPDATE_TABLE").is_some() {
            std::fs::write(path, &table).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == table, "transitions.txt differs from the code");
    }

    #[test]
    fn nothing_leaves_a_terminal_state() {
        for state in samples().into_iter().filter(State::is_terminal) {
            for (name, input) in inputs() {
                for facts in facts() {
                    let outcome = transition(&state, facts, &input);
                    assert!(!matches!(outcome, Outcome::To(_)), "{state} on {name}: {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn only_a_verified_response_confirms() {
        for state in samples() {
            for (name, input) in inputs() {
                for facts in facts() {
                    if transition(&state, facts, &input) == Outcome::To(State::Confirmed) {
                        assert_eq!((state.kind(), name.as_str()), (Kind::Answered, "Verified"));
                    }
                }
            }
        }
    }

    #[test]
    fn every_open_state_ends_by_deadlines_alone() {
        for start in samples().into_iter().filter(|state| !state.is_terminal()) {
            for facts in facts() {
                let mut state = start.clone();
                for _ in 0..4 {
                    // What left once is exposed, and repeated deadlines make it too late in the end.
                    let facts = Facts { too_late: true, ..facts };
                    if let Outcome::To(next) = transition(&state, facts, &Input::DeadlineReached) {
                        state = next;
                    }
                }
                assert!(state.is_terminal(), "{start} stays {state}");
            }
        }
    }

    #[test]
    fn what_the_device_may_have_never_counts_as_not_delivered() {
        for state in samples().into_iter().filter(|state| !state.is_terminal()) {
            for facts in facts().filter(|facts| facts.exposed()) {
                for input in [Input::DeadlineReached, Input::CancelRequested, Input::SupersededBy(Counter(9))] {
                    // Before the Command exists nothing can be exposed.
                    if matches!(state.kind(), Kind::Requested | Kind::Prepared) {
                        continue;
                    }
                    let outcome = transition(&state, facts, &input);
                    assert!(
                        !matches!(outcome, Outcome::To(State::Expired(_) | State::Cancelled(_) | State::Superseded(_))),
                        "{state} {facts:?} on {}: {outcome:?}",
                        input.name()
                    );
                }
            }
        }
    }
}
