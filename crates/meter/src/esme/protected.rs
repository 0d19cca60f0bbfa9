//! Protected reads: class 30, whose one method reads attributes and encrypts them for the reader (gbcs-messages 7).
use super::objects::Attribute;
use super::{Store, logs, read};
use crate::work::Work;
use alloc::vec::Vec;
use gbcs::Time;
use gbcs::dlms::{Data, DataAccessResult, DateTime, Obis};

/// `{ array of objects, array of protection parameters }` to `{ protection parameters, octet-string }`.
pub(super) fn read_protected(store: &Store, work: &mut Work<'_>, request: &Data) -> Result<Data, DataAccessResult> {
    let Some([objects, protection]) = request.as_structure() else { return Err(DataAccessResult::TYPE_UNMATCHED) };
    let objects = objects.as_array().ok_or(DataAccessResult::TYPE_UNMATCHED)?;
    let mut values = Vec::with_capacity(objects.len());
    for object in objects {
        let (attribute, range) = selected(object)?;
        let value = match range {
            Some(range) => logs::read(work.books, attribute, range),
            None => read(store, work.books, work.now, attribute),
        };
        values.push(value.ok_or(DataAccessResult::OBJECT_UNDEFINED)?);
    }
    let mut plain = Vec::new();
    Data::structure(values).encode(&mut plain);
    let protection = answered(work, protection).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
    let blob = work.tools.encrypt(&plain).ok_or(DataAccessResult::OTHER_REASON)?;
    Ok(Data::structure([protection, Data::octets(blob)]))
}

/// `{ class, OBIS, attribute, data index 0, { enum selection, parameters } }`: selection 0 is all of it, 1 what lies between two
/// times.
fn selected(object: &Data) -> Result<(Attribute, Option<logs::Range>), DataAccessResult> {
    let Some([Data::LongUnsigned(class), obis, Data::Integer(index), Data::LongUnsigned(0), selection]) =
        object.as_structure()
    else {
        return Err(DataAccessResult::TYPE_UNMATCHED);
    };
    let obis: [u8; 6] =
        obis.as_octets().and_then(|octets| octets.try_into().ok()).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
    let index = u8::try_from(*index).map_err(|_| DataAccessResult::OBJECT_UNDEFINED)?;
    let attribute = Attribute { class: *class, obis: Obis(obis), index };
    match selection.as_structure() {
        Some([Data::Enum(0), _]) => Ok((attribute, None)),
        Some([Data::Enum(1), range]) => Ok((attribute, Some(between(range).ok_or(DataAccessResult::TYPE_UNMATCHED)?))),
        Some([Data::Enum(_), _]) => Err(DataAccessResult::OBJECT_UNAVAILABLE),
        _ => Err(DataAccessResult::TYPE_UNMATCHED),
    }
}

/// `{ from, to }`; an end that is open is open.
fn between(range: &Data) -> Option<logs::Range> {
    let [from, to] = range.as_structure()? else { return None };
    let time = |data: &Data| Some(DateTime(data.as_octets()?.try_into().ok()?).time());
    Some(logs::Range::between(time(from)?.unwrap_or(Time(0)), time(to)?.unwrap_or(Time(u64::MAX))))
}

/// The parameters of the request with the meter as originator and the Business Target as recipient. The counter is that of
/// the header, and stays.
fn answered(work: &Work<'_>, protection: &Data) -> Option<Data> {
    let [parameters] = protection.as_array()? else { return None };
    let [kind @ Data::Enum(2), inner] = parameters.as_structure()? else { return None };
    let [counter, _originator, _recipient, other, key] = inner.as_structure()? else { return None };
    let ids = [work.device, work.origin.originator].map(|eui| Data::octets(eui.0));
    let [originator, recipient] = ids;
    let inner = Data::structure([counter.clone(), originator, recipient, other.clone(), key.clone()]);
    Some(Data::array([Data::structure([kind.clone(), inner])]))
}
