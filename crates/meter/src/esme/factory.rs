//! What an electricity meter holds that nobody configured, where nothing is not an answer: identity, units, periods.
use super::objects::Attribute;
use crate::profiles::HALF_HOUR;
use gbcs::dlms::Data;

/// A scaler and a unit (DLMS Blue Book, table of units).
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit(i8, u8);

/// Watts.
pub(super) const POWER: Unit = Unit(0, 27);
const ENERGY: Unit = Unit(0, 30);
const REACTIVE: Unit = Unit(0, 32);
const COUNT: Unit = Unit(0, 255);
/// 10^-5 of the currency.
const PRICE: Unit = Unit(-5, 254);

impl From<Unit> for Data {
    fn from(unit: Unit) -> Self {
        Data::scaler_unit(unit.0, unit.1)
    }
}

/// The unit of a quantity by group C of its OBIS code: active import 1 and export 2, reactive import 3 and export 4.
pub(super) fn unit(quantity: u8) -> Data {
    if quantity <= 2 { ENERGY.into() } else { REACTIVE.into() }
}

/// The value of an attribute of a meter as it comes from the factory.
pub(super) fn value(attribute: Attribute) -> Option<Data> {
    let [a, b, c, d, e, f] = attribute.obis.0;
    Some(match (attribute.class, a, b, c, d, e, f, attribute.index) {
        // Import supply tamper state: unchanged when the case is opened.
        (1, 0, 0, 94, 44, 0, 4, 2) => Data::boolean(false),
        (1, 0, 0, 96, 1, 4, 255, 2) => Data::octets(*b"LASTMETR"),
        (1, 0, 0, 96, 1, 6, 255, 2) => Data::octets(*b"ESME"),
        // Alternative identifiers of auxiliary controllers that are not there.
        (1, 0, 0, 94, 44, 0, 21..=25, 2) => Data::octets([0; 8]),
        (3, 1, 0, 1..=4, 8, 0, 255, 3) => unit(c),
        (3, 0, 0, 94, 44, 1, _, 3) => PRICE.into(),
        (3, _, _, _, _, _, _, 3) => COUNT.into(),
        (7, _, _, _, _, _, _, 4) => Data::DoubleLongUnsigned(HALF_HOUR),
        (113, 0, 0, 19, 20, _, 255, 5 | 6) => unit_charge(e),
        _ => return None,
    })
}

/// A unit charge without a price: by kilowatt hour of active import for energy, by time for the rest.
fn unit_charge(charge: u8) -> Data {
    let (exponent, commodity, table) = match charge {
        0 | 5 => (3, (3u16, [1, 0, 1, 8, 0, 255], 2i8), Data::array([])),
        _ => (0, (0, [0; 6], 0), Data::array([Data::structure([Data::octets([]), Data::Long(0)])])),
    };
    Data::structure([
        Data::structure([Data::Integer(exponent), Data::Integer(-5)]),
        Data::structure([Data::LongUnsigned(commodity.0), Data::octets(commodity.1), Data::Integer(commodity.2)]),
        table,
    ])
}
