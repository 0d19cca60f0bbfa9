//! Protected reads: class 30, whose one method reads attributes and encrypts them for the reader (gbcs-messages 7).
use super::objects::Attribute;
use super::{Store, read};
use crate::work::Work;
use alloc::vec::Vec;
use gbcs::dlms::{Data, DataAccessResult, Obis};

/// `{ array of objects, array of protection parameters }` to `{ protection parameters, octet-string }`.
pub(super) fn read_protected(store: &Store, work: &mut Work<'_>, request: &Data) -> Result<Data, DataAccessResult> {
    let Some([objects, protection]) = request.as_structure() else { return Err(DataAccessResult::TYPE_UNMATCHED) };
    let objects = objects.as_array().ok_or(DataAccessResult::TYPE_UNMATCHED)?;
    let mut values = Vec::with_capacity(objects.len());
    for object in objects {
        let attribute = whole_attribute(object)?;
        let value = read(store, work.account, work.now, attribute).ok_or(DataAccessResult::OBJECT_UNDEFINED)?;
        values.push(value);
    }
    let mut plain = Vec::new();
    Data::structure(values).encode(&mut plain);
    let protection = answered(work, protection).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
    let blob = work.tools.encrypt(&plain).ok_or(DataAccessResult::OTHER_REASON)?;
    Ok(Data::structure([protection, Data::octets(blob)]))
}

/// `{ class, OBIS, attribute, data index 0, { enum selection, parameters } }`; only whole attributes, selection 0.
fn whole_attribute(object: &Data) -> Result<Attribute, DataAccessResult> {
    let Some([Data::LongUnsigned(class), obis, Data::Integer(index), Data::LongUnsigned(0), selection]) =
        object.as_structure()
    else {
        return Err(DataAccessResult::TYPE_UNMATCHED);
    };
    let obis: [u8; 6] =
        obis.as_octets().and_then(|octets| octets.try_into().ok()).ok_or(DataAccessResult::TYPE_UNMATCHED)?;
    let index = u8::try_from(*index).map_err(|_| DataAccessResult::OBJECT_UNDEFINED)?;
    match selection.as_structure() {
        Some([Data::Enum(0), _]) => Ok(Attribute { class: *class, obis: Obis(obis), index }),
        Some([Data::Enum(_), _]) => Err(DataAccessResult::OBJECT_UNAVAILABLE),
        _ => Err(DataAccessResult::TYPE_UNMATCHED),
    }
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
