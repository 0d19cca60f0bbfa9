//! The attributes of a gas meter (GBCS 10.5, Smart Energy 1.2b): where each value comes from.
use super::Store;
use crate::books::Books;
use crate::metering::Metering;
use crate::prepayment::{Account, PaymentMode};
use crate::zse::{self, CONTROL_CREDIT, CONTROL_PREPAYMENT};
use gbcs::catalogue::zcl_attribute;
use gbcs::gbz::zcl::AttributeValue as Value;
use gbcs::gbz::zcl::{U24, U48, ZclString};

pub use han::zcl::display::cluster;

/// Price cluster attributes that Commands write.
pub mod price {
    pub use han::zcl::display::price::*;
    /// Block thresholds 1 to 15.
    pub const BLOCK_THRESHOLD: u16 = 0x0100;
    pub const CONVERSION_FACTOR: u16 = 0x0302;
    pub const CONVERSION_FACTOR_DIGIT: u16 = 0x0303;
    pub const CALORIFIC_VALUE: u16 = 0x0304;
    pub const CALORIFIC_VALUE_UNIT: u16 = 0x0305;
    pub const CALORIFIC_VALUE_DIGIT: u16 = 0x0306;
}

/// Metering cluster attributes that Commands write.
pub mod metering {
    pub const DEPLETION_STATE: u16 = 0x0607;
    pub const TAMPER_STATE: u16 = 0x0608;
    pub const FLOW_THRESHOLD: u16 = 0x0B10;
    pub const FLOW_UNIT: u16 = 0x0B11;
    pub const FLOW_MULTIPLIER: u16 = 0x0B12;
    pub const FLOW_DIVISOR: u16 = 0x0B13;
    pub const FLOW_STABILISATION: u16 = 0x0B14;
    pub const FLOW_MEASUREMENT: u16 = 0x0B15;
}

/// Metering attribute: the MPRN.
pub const SITE_ID: u16 = 0x0307;

/// Payment control bit 1: prepayment is enabled.
pub const CONTROL_PREPAYMENT_ENABLED: u16 = 0x0002;

/// Bit 10: debts are not recovered while supply is disabled; bit 11: they are while Emergency Credit is in use.
pub const SUSPEND_DISABLED: u16 = 0x0400;
pub const COLLECT_IN_EMERGENCY: u16 = 0x0800;

/// The value of an attribute: the engine's, what was written, or that of a new meter; `None` when there is no such attribute.
pub(super) fn read(store: &Store, books: &Books, cluster: u16, id: u16) -> Option<Value> {
    zse::of_account(&books.account, control(store, &books.account), cluster, id)
        .or_else(|| metered(&books.metering, cluster, id))
        .or_else(|| device(books, cluster, id))
        .or_else(|| store.get(cluster, id))
        .or_else(|| factory(cluster, id))
        .or_else(|| nothing(cluster, id))
}

/// The payment control configuration, as the last change of payment mode wrote it.
pub(super) fn control(store: &Store, account: &Account) -> u16 {
    match account.mode {
        PaymentMode::Credit => CONTROL_CREDIT,
        PaymentMode::Prepayment => store.control.unwrap_or(CONTROL_PREPAYMENT),
    }
}

/// An attribute that is a number, and is written or comes from the factory; 0 where it is none.
pub(super) fn number(store: &Store, cluster: u16, id: u16) -> u64 {
    match store.get(cluster, id).or_else(|| factory(cluster, id)) {
        Some(Value::Unsigned32(n)) => n.into(),
        Some(Value::Unsigned48(n)) => n.value(),
        Some(Value::Unsigned24(n)) => n.value().into(),
        Some(Value::Unsigned16(n)) => n.into(),
        Some(Value::Unsigned8(n) | Value::Bitmap8(n) | Value::Enum8(n)) => n.into(),
        _ => 0,
    }
}

/// The version that runs, and the days the battery will last.
fn device(books: &Books, cluster: u16, id: u16) -> Option<Value> {
    match (cluster, id) {
        (cluster::METERING, 0x0205) => Some(Value::Unsigned16(books.battery.days_left())),
        (cluster::METERING, 0x0206) => Some(Value::OctetString(ZclString::new(books.firmware.version)?)),
        _ => None,
    }
}

/// Litres counted: in all, by tier, by block.
fn metered(metering: &Metering, cluster: u16, id: u16) -> Option<Value> {
    if cluster != cluster::METERING {
        return None;
    }
    let litres = match id {
        0x0000 => metering.total.import,
        0x0100 | 0x0102 | 0x0104 | 0x0106 => metering.tou[usize::from(id - 0x0100) / 2],
        0x0700..=0x0703 => metering.blocks[0][usize::from(id - 0x0700)],
        _ => return None,
    };
    Some(Value::Unsigned48(U48::from(litres)))
}

/// An attribute that nobody ever wrote: zero, in the type that the catalogue says.
fn nothing(cluster: u16, id: u16) -> Option<Value> {
    let wire = zcl_attribute(cluster, id)?.wire;
    Some(match wire {
        "bool" => Value::Boolean(0),
        "bitmap8" => Value::Bitmap8(0),
        "bitmap16" => Value::Bitmap16(0),
        "bitmap32" => Value::Bitmap32(0),
        "unsigned8" => Value::Unsigned8(0),
        "unsigned16" => Value::Unsigned16(0),
        "unsigned24" => Value::Unsigned24(U24::from(0u16)),
        "unsigned32" => Value::Unsigned32(0),
        "unsigned48" => Value::Unsigned48(U48::from(0u32)),
        "signed16" => Value::Signed16(0),
        "signed32" => Value::Signed32(0),
        "enum8" => Value::Enum8(0),
        "enum16" => Value::Enum16(0),
        "octet-string" => Value::OctetString(ZclString::default()),
        "character-string" => Value::CharacterString(ZclString::default()),
        "utc-time" => Value::UtcTime(0),
        _ => return None,
    })
}

/// What a meter that nothing was written to says.
fn factory(cluster: u16, id: u16) -> Option<Value> {
    let text = |text: &str| ZclString::new(text.as_bytes());
    Some(match (cluster, id) {
        (cluster::BASIC, 0x0003) => Value::Unsigned8(1),
        (cluster::BASIC, 0x0004) => Value::CharacterString(text("lastmetre")?),
        (cluster::BASIC, 0x0005) => Value::CharacterString(text("GSME")?),
        (cluster::PRICE, price::BLOCK_THRESHOLD..=0x010E) => Value::Unsigned48(U48::from(0u32)),
        (cluster::PRICE, 0x0202) => Value::Unsigned24(U24::from(1u16)),
        (cluster::PRICE, 0x0203) => Value::Unsigned24(U24::from(1000u16)),
        (cluster::PRICE, price::STANDING_CHARGE) => Value::Unsigned32(0),
        (cluster::PRICE, price::CONVERSION_FACTOR) => Value::Unsigned32(1),
        (cluster::PRICE, price::CONVERSION_FACTOR_DIGIT) => Value::Bitmap8(0),
        // 39.5 MJ a cubic metre: what British gas is about.
        (cluster::PRICE, price::CALORIFIC_VALUE) => Value::Unsigned32(395),
        (cluster::PRICE, price::CALORIFIC_VALUE_UNIT) => Value::Enum8(1),
        (cluster::PRICE, price::CALORIFIC_VALUE_DIGIT) => Value::Bitmap8(0x10),
        (cluster::PRICE, price::BLOCK_PRICE..=0x04FF) => Value::Unsigned32(0),
        (cluster::PRICE, price::UNIT) => Value::Enum8(0),
        (cluster::PRICE, price::CURRENCY) => Value::Unsigned16(0x033A),
        (cluster::PRICE, price::TRAILING_DIGIT) => Value::Bitmap8(0x50),
        (cluster::METERING, 0x0300) => Value::Enum8(1),
        (cluster::METERING, 0x0301) => Value::Unsigned24(U24::from(1u16)),
        (cluster::METERING, 0x0302) => Value::Unsigned24(U24::from(1000u16)),
        (cluster::METERING, SITE_ID) => Value::OctetString(ZclString::default()),
        (cluster::METERING, metering::DEPLETION_STATE | metering::TAMPER_STATE) => Value::Enum8(3),
        (cluster::METERING, metering::FLOW_THRESHOLD | metering::FLOW_MEASUREMENT) => Value::Unsigned16(0),
        (cluster::METERING, metering::FLOW_UNIT) => Value::Enum8(1),
        (cluster::METERING, metering::FLOW_MULTIPLIER | metering::FLOW_DIVISOR) => Value::Unsigned16(1),
        (cluster::METERING, metering::FLOW_STABILISATION) => Value::Unsigned8(0),
        _ => return None,
    })
}
