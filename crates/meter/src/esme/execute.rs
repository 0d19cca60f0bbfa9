//! Executing an access request row by row (gbcs-messages 8.3: the first row that fails ends it).
use super::bindings::{self, Kept};
use super::objects::*;
use super::{Store, activation, behaviours, logs, metered, protected, read};
use crate::refusal::Refusal;
use crate::rules;
use crate::work::{Executed, Outcome, Work};
use gbcs::dlms::{Access, AccessRequest, AccessResponse, Answer, Choice, Data, DataAccessResult, DateTime, Row, When};

type Done = Result<Data, DataAccessResult>;

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
        // A selective get is answered as a get: every sample does so.
        let choice = if let Access::GetSelective { .. } = row.access { Choice::Get } else { row.access.choice() };
        answers.push(Answer { choice, result, data });
    }
    let payload = AccessResponse { invoke: request.invoke, answers }.encode();
    Ok(Executed { payload, outcome, stored })
}

fn run(store: &mut Store, work: &mut Work<'_>, row: &Row, stored: &mut bool) -> Done {
    let attribute = Attribute::of(row);
    if !work.books.variant.has(attribute) {
        return Err(DataAccessResult::OBJECT_UNDEFINED);
    }
    match &row.access {
        Access::Get => read(store, work.books, work.now, attribute).ok_or(DataAccessResult::OBJECT_UNDEFINED),
        Access::GetSelective { parameters, .. } => {
            let range = logs::Range::of(parameters).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
            logs::read(work.books, attribute, range).ok_or(DataAccessResult::OBJECT_UNDEFINED)
        }
        Access::Set => {
            if !rules::fits(attribute, &row.data) {
                return Err(DataAccessResult::TYPE_UNMATCHED);
            }
            if attribute == CHANGE_OF_TENANCY {
                move_in(store, work, &row.data)?;
            } else if activation::is_activation_time(attribute) {
                *stored |= activation::schedule(store, work, attribute, &row.data)?;
            } else if let Some(written) = behaviours::write(store, attribute, &row.data) {
                written?;
            } else if bindings::write(&mut work.books.account, attribute, &row.data)? == Kept::ByStore {
                store.set(attribute, &row.data);
            }
            Ok(Data::Null)
        }
        Access::Action if attribute.class == DATA_PROTECTION => protected::read_protected(store, work, &row.data),
        Access::Action if bindings::is_bound_method(attribute) => {
            bindings::invoke(&mut work.books.account, attribute, &row.data).map(|()| Data::Null)
        }
        Access::Action => invoke_own(store, work, attribute, &row.data).map(|()| Data::Null),
    }
}

/// The next household moves in. The same date again is no other household.
fn move_in(store: &mut Store, work: &mut Work<'_>, date: &Data) -> Result<(), DataAccessResult> {
    let octets = date.as_octets().and_then(|octets| octets.try_into().ok());
    let when = DateTime(octets.ok_or(DataAccessResult::TYPE_UNMATCHED)?).when();
    let at = match when.ok_or(DataAccessResult::SCOPE_OF_ACCESS_VIOLATED)? {
        When::Never => None,
        When::Immediate => Some(work.now),
        When::At(at) => Some(at),
    };
    if store.get(CHANGE_OF_TENANCY).as_ref() != Some(date) || at == Some(work.now) {
        store.set(CHANGE_OF_TENANCY, date);
        work.books.move_in(work.now, at, &work.sizes);
    }
    Ok(())
}

/// Methods outside the prepayment engine. Which methods there are says the catalogue; one without an effect of its own succeeds.
fn invoke_own(store: &mut Store, work: &mut Work<'_>, method: Attribute, data: &Data) -> Result<(), DataAccessResult> {
    match method {
        TOKEN_ENTER => {
            let digits = data.as_octets().ok_or(DataAccessResult::TYPE_UNMATCHED)?;
            return work.top_up(digits).map(|_| ()).map_err(|_| DataAccessResult::OTHER_REASON);
        }
        TARIFF_SCRIPTS => match data {
            Data::LongUnsigned(99) => work.books.metering.reset_blocks(),
            Data::LongUnsigned(_) => return Err(DataAccessResult::OBJECT_UNDEFINED),
            _ => return Err(DataAccessResult::TYPE_UNMATCHED),
        },
        SWITCH_SCRIPTS | LEVEL_SCRIPTS => match data {
            Data::LongUnsigned(selector) => {
                work.books.switch_log.push(work.now, *selector, work.origin.code, work.origin.counter);
            }
            _ => return Err(DataAccessResult::TYPE_UNMATCHED),
        },
        EVENT_LOG_RESET => work.clear_event_log(),
        SWITCH_LOG_RESET => work.books.switch_log.clear(),
        CLOCK_PRESET => {
            let Some([_, from, to]) = data.as_structure() else { return Err(DataAccessResult::TYPE_UNMATCHED) };
            let time = |data: &Data| Some(DateTime(data.as_octets()?.try_into().ok()?).time());
            let (from, to) = time(from).zip(time(to)).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
            work.books.clock.preset(from, to);
        }
        // The driver's clock stands for the Communications Hub's, by which a meter sets its own.
        CLOCK_ADJUST_TO_PRESET => {
            work.books.set_clock(work.now, work.origin.code, work.origin.counter);
        }
        _ if method.class == 113 && method.index == charge::METHOD_ACTIVATE => {
            let trigger = method.sibling(charge::ACTIVATION);
            activation::activate(store, work.books, &work.sizes, work.now, trigger)?;
        }
        _ if metered::reset(work.books, method) => {}
        // Reset of a register: as if never written.
        _ if matches!(method.class, 3 | 4) && method.index == 1 => store.forget(method.sibling(2)),
        _ => {}
    }
    Ok(())
}
