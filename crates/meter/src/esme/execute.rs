//! Executing an access request row by row (gbcs-messages 8.3: the first row that fails ends it).
use super::bindings::{self, Kept};
use super::objects::*;
use super::{Store, activation, protected, read};
use crate::refusal::Refusal;
use crate::rules;
use crate::work::{Executed, Outcome, Work};
use gbcs::dlms::{Access, AccessRequest, AccessResponse, Answer, Choice, Data, DataAccessResult, Row};

type Done = Result<Data, DataAccessResult>;

/// Whether this meter knows what to do with every row of a use case.
pub(crate) fn models(choice: Choice, attribute: Attribute) -> bool {
    match choice {
        Choice::Get | Choice::Set => attribute.class != DATA_PROTECTION,
        Choice::GetSelective => false,
        Choice::Action => {
            bindings::is_bound_method(attribute)
                || is_own_method(attribute)
                || (attribute.class == DATA_PROTECTION && attribute.index == 1)
        }
    }
}

/// Execute a request whose rows were found to be those of its use case.
pub(crate) fn execute(store: &mut Store, work: &mut Work<'_>, request: &AccessRequest) -> Result<Executed, Refusal> {
    let mut outcome = Outcome::Success;
    let mut stored = false;
    let mut answers = alloc::vec::Vec::with_capacity(request.rows.len());
    for (n, row) in request.rows.iter().enumerate() {
        let (result, data) = match outcome {
            Outcome::Failed { .. } => (DataAccessResult::OTHER_REASON, Data::Null),
            Outcome::Success => match run(store, work, row, &mut stored) {
                Ok(data) => (DataAccessResult::SUCCESS, data),
                Err(result) => {
                    outcome = Outcome::Failed { row: n, result: result.0 };
                    (result, Data::Null)
                }
            },
        };
        answers.push(Answer { choice: row.access.choice(), result, data });
    }
    let payload = AccessResponse { invoke: request.invoke, answers }.encode();
    Ok(Executed { payload, outcome, stored })
}

fn run(store: &mut Store, work: &mut Work<'_>, row: &Row, stored: &mut bool) -> Done {
    let attribute = Attribute::of(row);
    match &row.access {
        Access::Get => read(store, work.account, work.now, attribute).ok_or(DataAccessResult::OBJECT_UNDEFINED),
        Access::GetSelective { .. } => Err(DataAccessResult::OBJECT_UNAVAILABLE),
        Access::Set => {
            if !rules::fits(attribute, &row.data) {
                return Err(DataAccessResult::TYPE_UNMATCHED);
            }
            if activation::is_activation_time(attribute) {
                *stored |= activation::schedule(store, work, attribute, &row.data)?;
            } else if bindings::write(work.account, attribute, &row.data)? == Kept::ByStore {
                store.set(attribute, &row.data);
            }
            Ok(Data::Null)
        }
        Access::Action if attribute.class == DATA_PROTECTION => protected::read_protected(store, work, &row.data),
        Access::Action if bindings::is_bound_method(attribute) => {
            bindings::invoke(work.account, attribute, &row.data).map(|()| Data::Null)
        }
        Access::Action => invoke_own(store, work, attribute, &row.data).map(|()| Data::Null),
    }
}

/// Methods outside the prepayment engine.
fn is_own_method(method: Attribute) -> bool {
    matches!(method, TOKEN_ENTER | TARIFF_SCRIPTS | CLOCK_PRESET | CLOCK_ADJUST_TO_PRESET | EVENT_LOG_RESET)
        || (method.class == 113 && method.index == charge::METHOD_ACTIVATE)
        || (matches!(method.class, 3 | 4) && method.index == 1)
}

fn invoke_own(store: &mut Store, work: &mut Work<'_>, method: Attribute, data: &Data) -> Result<(), DataAccessResult> {
    match method {
        TOKEN_ENTER => {
            let digits = data.as_octets().ok_or(DataAccessResult::TYPE_UNMATCHED)?;
            let entered = work.tools.top_up(work.account, digits);
            return entered.map(|_| ()).map_err(|_| DataAccessResult::OTHER_REASON);
        }
        TARIFF_SCRIPTS => match data {
            Data::LongUnsigned(99) => store.forget(BLOCK_COUNTERS),
            Data::LongUnsigned(_) => return Err(DataAccessResult::OBJECT_UNDEFINED),
            _ => return Err(DataAccessResult::TYPE_UNMATCHED),
        },
        EVENT_LOG_RESET => work.tools.clear_event_log(),
        // The time comes from the driver, which stands for the Communications Hub's: there is nothing to adjust.
        CLOCK_PRESET if data.as_structure().is_some_and(|times| times.len() == 3) => {}
        CLOCK_PRESET => return Err(DataAccessResult::TYPE_UNMATCHED),
        CLOCK_ADJUST_TO_PRESET => {}
        _ if method.class == 113 => {
            activation::activate(store, work.account, work.now, method.sibling(charge::ACTIVATION))?;
        }
        // Reset of a register: as if never written.
        _ => store.forget(method.sibling(2)),
    }
    Ok(())
}
