//! Passive values becoming active: at once, or when their time has come (GBCS 10.4.2.8, 9.2.2.7).
use super::bindings::{self, Kept};
use super::objects::{ACTIVATIONS, Attribute, EXTENDED_DATA, TARIFF_ACTIVATIONS, charge};
use super::{Store, read};
use crate::books::{Books, cause};
use crate::profiles::LogSizes;
use crate::work::{Pending, Work};
use gbcs::Time;
use gbcs::dlms::{Data, DataAccessResult, DateTime, When};

/// Whether writing this attribute sets the time of an activation.
pub(super) fn is_activation_time(attribute: Attribute) -> bool {
    matches!((attribute.class, attribute.index), (EXTENDED_DATA, 6) | (113, charge::ACTIVATION))
        || ACTIVATIONS.iter().any(|(trigger, _)| *trigger == attribute)
}

/// Write an activation time: activate now, later, or not any more. Gives whether it is later.
pub(super) fn schedule(
    store: &mut Store,
    work: &mut Work<'_>,
    trigger: Attribute,
    data: &Data,
) -> Result<bool, DataAccessResult> {
    let octets = data.as_octets().and_then(|octets| octets.try_into().ok());
    let at = DateTime(octets.ok_or(DataAccessResult::TYPE_UNMATCHED)?);
    let when = at.when().ok_or(DataAccessResult::SCOPE_OF_ACCESS_VIOLATED)?;
    work.pending.retain(|pending| pending.what != trigger.octets());
    store.set(trigger, data);
    match when {
        When::Never => {}
        When::At(due) if due > work.now => {
            work.pending.push(Pending::new(due, &work.origin, trigger.octets().to_vec()));
            return Ok(true);
        }
        // A time that has passed means at once (gbcs-messages 18.2, 3).
        When::Immediate | When::At(_) => activate(store, work.books, &work.sizes, work.now, trigger)?,
    }
    Ok(false)
}

/// Copy what the trigger activates from passive to active; values that were never written stay as they are.
pub(crate) fn activate(
    store: &mut Store,
    books: &mut Books,
    sizes: &LogSizes,
    now: Time,
    trigger: Attribute,
) -> Result<(), DataAccessResult> {
    let own;
    let mode = books.account.mode;
    let copies = match ACTIVATIONS.iter().find(|(known, _)| *known == trigger) {
        Some((_, copies)) => *copies,
        None if trigger.class == EXTENDED_DATA => {
            own = [(trigger.sibling(4), trigger.sibling(2))];
            &own
        }
        None => {
            own = [(trigger.sibling(charge::PASSIVE), trigger.sibling(charge::ACTIVE))];
            &own
        }
    };
    for (passive, active) in copies {
        let Some(data) = store.get(*passive) else { continue };
        if bindings::write(&mut books.account, *active, &data)? == Kept::ByStore {
            store.set(*active, &data);
        }
        debug_assert!(read(store, books, now, *active).is_some());
    }
    // The billing log tells what held until then (SMETS 5.7.5.3).
    if books.account.mode != mode {
        books.changed(now, cause::MODE, sizes);
    } else if TARIFF_ACTIVATIONS.contains(&trigger) {
        books.changed(now, cause::TARIFF, sizes);
    }
    Ok(())
}
