//! Event behaviours: bits for 256 events, changed under a mask (ECS25a) and read back whole (ECS25r).
use super::Store;
use super::objects::Attribute;
use alloc::vec::Vec;
use gbcs::dlms::{BitString, Data, DataAccessResult};

/// Events of a group, and octets of their bits.
const EVENTS: u16 = 256;
const OCTETS: usize = 32;

/// The attribute that shows what one that is written under a mask became: 97.98.11..14 are written, 15..18 read.
fn shown(written: Attribute) -> Option<Attribute> {
    match (written.class, written.obis.0) {
        (1, [0, b, 97, 98, n @ 11..=14, 255]) if written.index == 2 => {
            Some(Attribute::new(1, [0, b, 97, 98, n + 4, 255], 2))
        }
        _ => None,
    }
}

/// Write `mask || values`; `None` when the attribute is none of these.
pub(super) fn write(store: &mut Store, attribute: Attribute, data: &Data) -> Option<Result<(), DataAccessResult>> {
    let shown = shown(attribute)?;
    let Data::BitString(bits) = data else { return Some(Err(DataAccessResult::TYPE_UNMATCHED)) };
    if bits.bits() != 2 * EVENTS {
        return Some(Err(DataAccessResult::TYPE_UNMATCHED));
    }
    let (mask, values) = bits.octets().split_at(OCTETS);
    let old = match read(store, shown) {
        Some(Data::BitString(old)) => old.octets().to_vec(),
        _ => alloc::vec![0; OCTETS],
    };
    let new: Vec<u8> =
        old.iter().zip(mask.iter().zip(values)).map(|(old, (mask, new))| old & !mask | new & mask).collect();
    if let Some(new) = BitString::new(EVENTS, new) {
        store.set(shown, &Data::BitString(new));
    }
    Some(Ok(()))
}

/// What a network operator reads back: which events he is told by Alert, and which are logged.
pub(super) const ALERTS: Attribute = Attribute::new(1, [0, 33, 97, 98, 15, 255], 2);
pub(super) const LOGGING: Attribute = Attribute::new(1, [0, 33, 97, 98, 18, 255], 2);

/// The behaviours of a meter that nobody configured: every event is logged, and nothing else.
pub(super) fn read(store: &Store, attribute: Attribute) -> Option<Data> {
    match (attribute.class, attribute.obis.0, attribute.index) {
        (1, [0, 30 | 33, 97, 98, n @ 15..=18, 255], 2) => {
            let all = if n == 18 { 0xFF } else { 0 };
            store.get(attribute).or_else(|| BitString::new(EVENTS, [all; OCTETS]).map(Data::BitString))
        }
        _ => None,
    }
}

/// Whether the bit of an event is set: the last bit is that of code `xx00`.
pub(super) fn is_set(store: &Store, shown: Attribute, code: u16) -> bool {
    matches!(read(store, shown), Some(Data::BitString(bits)) if bits.bit(0xFF - (code & 0xFF)) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_masked_bits_change_and_what_they_became_is_read_back() {
        let (written, shown) =
            (Attribute::new(1, [0, 30, 97, 98, 11, 255], 2), Attribute::new(1, [0, 30, 97, 98, 15, 255], 2));
        let mut store = Store::default();
        let mut write = |mask: u8, values: u8| {
            let bits: Vec<u8> = [alloc::vec![mask; OCTETS], alloc::vec![values; OCTETS]].concat();
            super::write(&mut store, written, &Data::BitString(BitString::new(512, bits).unwrap())).unwrap().unwrap();
            let Some(Data::BitString(now)) = read(&store, shown) else { panic!() };
            now.octets()[0]
        };
        assert_eq!([write(0xF0, 0xAA), write(0x0F, 0xFF), write(0xFF, 0x00)], [0xA0, 0xAF, 0x00]);
        let short = Data::BitString(BitString::new(256, [0; 32]).unwrap());
        assert_eq!(super::write(&mut store, written, &short), Some(Err(DataAccessResult::TYPE_UNMATCHED)));
        assert_eq!(super::write(&mut store, shown, &short), None);
    }

    #[test]
    fn events_are_logged_until_a_command_says_otherwise_and_told_once_one_says_so() {
        let mut store = Store::default();
        let wanted = |store: &Store| [LOGGING, ALERTS].map(|shown| is_set(store, shown, 0x8002));
        assert_eq!(wanted(&store), [true, false]);
        let mut mask = [0u8; OCTETS];
        mask[OCTETS - 1] = 1 << 2;
        for (written, on) in [(14, false), (11, true)] {
            let values = if on { mask } else { [0; OCTETS] };
            let bits = BitString::new(2 * EVENTS, [mask, values].concat()).unwrap();
            let written = Attribute::new(1, [0, 33, 97, 98, written, 255], 2);
            super::write(&mut store, written, &Data::BitString(bits)).unwrap().unwrap();
        }
        assert_eq!(wanted(&store), [false, true]);
        assert!(is_set(&store, LOGGING, 0x8003), "others are as they were");
    }
}
