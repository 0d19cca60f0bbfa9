//! Where the attributes and methods with meaning are (GBCS 10.4, the mapping of SMETS objects to DLMS).
use gbcs::dlms::{Obis, Row};

/// One attribute, or method, of one DLMS object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attribute {
    /// Interface class.
    pub class: u16,
    /// Logical name.
    pub obis: Obis,
    /// Attribute or method.
    pub index: u8,
}

impl Attribute {
    /// The attribute or method `index` of the object `obis` of `class`.
    pub const fn new(class: u16, obis: [u8; 6], index: u8) -> Self {
        Self { class, obis: Obis(obis), index }
    }

    /// What a row is about.
    pub const fn of(row: &Row) -> Self {
        Self { class: row.class, obis: row.obis, index: row.index }
    }

    /// Another attribute of the same object.
    pub const fn sibling(self, index: u8) -> Self {
        Self { index, ..self }
    }

    /// `class || OBIS || index`, as Alerts and the store write it.
    pub fn octets(&self) -> [u8; 9] {
        let mut octets = [0; 9];
        octets[..2].copy_from_slice(&self.class.to_be_bytes());
        octets[2..8].copy_from_slice(&self.obis.0);
        octets[8] = self.index;
        octets
    }

    /// Undo [`octets`](Self::octets).
    pub fn from_octets(octets: &[u8; 9]) -> Self {
        let [a, b, obis @ .., index] = *octets;
        Self { class: u16::from_be_bytes([a, b]), obis: Obis(obis), index }
    }
}

/// An object in group A-B 0-0.
const fn plain(class: u16, c: u8, d: u8, e: u8, index: u8) -> Attribute {
    Attribute::new(class, [0, 0, c, d, e, 255], index)
}

/// The object that holds the next value of an active one, in group A-B 0-1.
const fn next(class: u16, c: u8, d: u8, e: u8, index: u8) -> Attribute {
    Attribute::new(class, [0, 1, c, d, e, 255], index)
}

/// GB extended data 94.44.128.`f`: values to come and their activation times.
const fn extended(f: u8, index: u8) -> Attribute {
    Attribute::new(EXTENDED_DATA, [0, 0, 94, 44, 128, f], index)
}

/// GB extended data 94.44.2.`f`: settings with an active and a passive value.
const fn setting(f: u8, index: u8) -> Attribute {
    Attribute::new(EXTENDED_DATA, [0, 0, 94, 44, 2, f], index)
}

/// Class of GB extended data: 2 active value, 4 passive value, 6 activation time.
pub const EXTENDED_DATA: u16 = 9000;
/// Class of protected reads.
pub const DATA_PROTECTION: u16 = 30;

pub const BALANCE: Attribute = plain(112, 19, 10, 0, 2);
pub const BALANCE_ADD: Attribute = plain(112, 19, 10, 0, 1);
pub const BALANCE_SET: Attribute = plain(112, 19, 10, 0, 2);
pub const EMERGENCY_BALANCE: Attribute = plain(112, 19, 10, 1, 2);
pub const EMERGENCY_SET: Attribute = plain(112, 19, 10, 1, 2);
pub const EMERGENCY_INVOKE: Attribute = plain(112, 19, 10, 1, 3);
pub const EMERGENCY_LIMIT: Attribute = plain(112, 19, 10, 1, 9);
pub const EMERGENCY_THRESHOLD: Attribute = plain(112, 19, 10, 1, 10);
pub const ACCUMULATED_DEBT: Attribute = plain(112, 19, 10, 2, 2);
pub const ACCUMULATED_DEBT_SET: Attribute = plain(112, 19, 10, 2, 2);

/// Objects of the three debts: time-based 1 and 2, payment-based.
pub const DEBTS: [Attribute; 3] = [plain(113, 19, 20, 1, 0), plain(113, 19, 20, 2, 0), plain(113, 19, 20, 3, 0)];
/// Attributes and methods of a charge (class 113).
pub mod charge {
    pub const ACTIVE: u8 = 5;
    pub const PASSIVE: u8 = 6;
    pub const ACTIVATION: u8 = 7;
    pub const PERIOD: u8 = 8;
    pub const REMAINING: u8 = 12;
    pub const PROPORTION: u8 = 13;
    pub const METHOD_ACTIVATE: u8 = 2;
    pub const METHOD_CHANGE_REMAINING: u8 = 4;
}

/// The activation times of the switching tables, of both elements: with them a tariff changes.
pub const TARIFF_ACTIVATIONS: [Attribute; 2] = [plain(20, 13, 0, 0, 10), plain(20, 13, 0, 1, 10)];
pub const STANDING_CHARGE: Attribute = plain(113, 19, 20, 4, charge::ACTIVE);
pub const PRICES: Attribute = plain(113, 19, 20, 0, charge::ACTIVE);
pub const PRICES_SECOND: Attribute = plain(113, 19, 20, 5, charge::ACTIVE);

/// The prices in force, of both elements.
pub const PRICE_NOW: Attribute = Attribute::new(3, [0, 0, 94, 44, 1, 7], 2);
pub const PRICE_NOW_SECOND: Attribute = Attribute::new(3, [0, 0, 94, 44, 1, 8], 2);

pub const PAYMENT_MODE: Attribute = plain(111, 19, 0, 0, 2);
pub const CREDIT_CHARGE_PAIRS: Attribute = plain(111, 19, 0, 0, 11);
pub const LOW_CREDIT: Attribute = plain(111, 19, 0, 0, 16);
pub const DEBT_CAP: Attribute = plain(111, 19, 0, 0, 18);
pub const DEBT_CAP_PERIOD: Attribute = plain(111, 19, 0, 0, 19);
pub const DISABLEMENT_THRESHOLD: Attribute = plain(21, 16, 0, 1, 2);
pub const MAXIMUM_BALANCE: Attribute = setting(20, 2);
pub const MAXIMUM_CREDIT: Attribute = setting(10, 2);
pub const SUPPLY_STATE: Attribute = plain(70, 96, 3, 10, 3);
pub const PREPAYMENT_REGISTERS: Attribute = Attribute::new(1, [0, 0, 94, 44, 34, 30], 2);
/// From when on the household may see what was consumed: it moved in then.
pub const CHANGE_OF_TENANCY: Attribute = Attribute::new(1, [0, 0, 94, 44, 3, 2], 2);
pub const MESSAGE: Attribute = Attribute::new(1, [0, 2, 96, 13, 1, 255], 2);

pub const SUPPLY_SCRIPTS: Attribute = plain(9, 10, 0, 106, 1);
pub const TARIFF_SCRIPTS: Attribute = plain(9, 10, 0, 100, 1);
pub const TOKEN_ENTER: Attribute = plain(115, 19, 40, 0, 1);
pub const CLOCK_TIME: Attribute = plain(8, 1, 0, 0, 2);
pub const CLOCK_STATUS: Attribute = plain(8, 1, 0, 0, 4);
pub const CLOCK_ADJUST_TO_PRESET: Attribute = plain(8, 1, 0, 0, 4);
pub const CLOCK_PRESET: Attribute = plain(8, 1, 0, 0, 5);
pub const EVENT_LOG_RESET: Attribute = plain(7, 99, 98, 0, 1);
pub const SWITCH_LOG_RESET: Attribute = Attribute::new(7, [0, 17, 99, 98, 2, 255], 1);
/// Scripts of auxiliary switches, and of their levels.
pub const SWITCH_SCRIPTS: Attribute = plain(9, 10, 0, 103, 1);
pub const LEVEL_SCRIPTS: Attribute = plain(9, 10, 0, 107, 1);

/// What an activation copies, from passive to active.
pub type Copies = &'static [(Attribute, Attribute)];

/// Activation times whose due copies values between objects; the rule for all others is in
/// [`activation`](super::activation) (GBCS 10.4.2.8).
pub const ACTIVATIONS: &[(Attribute, Copies)] = &[
    (
        plain(20, 13, 0, 0, 10),
        &[
            (plain(20, 13, 0, 0, 7), plain(20, 13, 0, 0, 3)),
            (plain(20, 13, 0, 0, 8), plain(20, 13, 0, 0, 4)),
            (plain(20, 13, 0, 0, 9), plain(20, 13, 0, 0, 5)),
        ],
    ),
    (
        plain(20, 13, 0, 1, 10),
        &[
            (plain(20, 13, 0, 1, 7), plain(20, 13, 0, 1, 3)),
            (plain(20, 13, 0, 1, 8), plain(20, 13, 0, 1, 4)),
            (plain(20, 13, 0, 1, 9), plain(20, 13, 0, 1, 5)),
        ],
    ),
    (extended(29, 6), &[(next(11, 11, 0, 0, 2), plain(11, 11, 0, 0, 2))]),
    (extended(30, 6), &[(next(11, 11, 0, 1, 2), plain(11, 11, 0, 1, 2))]),
    (extended(31, 6), &[(next(11, 11, 0, 2, 2), plain(11, 11, 0, 2, 2))]),
    (extended(35, 6), &[(next(11, 11, 0, 3, 2), plain(11, 11, 0, 3, 2))]),
    (extended(28, 6), &[(next(10, 12, 0, 1, 2), plain(10, 12, 0, 1, 2))]),
    (extended(26, 6), &[(next(10, 12, 0, 2, 2), plain(10, 12, 0, 2, 2))]),
    (
        plain(EXTENDED_DATA, 63, 1, 1, 6),
        &[
            (plain(21, 16, 1, 11, 2), plain(21, 16, 0, 11, 2)),
            (plain(21, 16, 1, 12, 2), plain(21, 16, 0, 12, 2)),
            (plain(21, 16, 1, 13, 2), plain(21, 16, 0, 13, 2)),
            (plain(21, 16, 1, 14, 2), plain(21, 16, 0, 14, 2)),
            (plain(21, 16, 1, 15, 2), plain(21, 16, 0, 15, 2)),
            (plain(21, 16, 1, 16, 2), plain(21, 16, 0, 16, 2)),
            (plain(21, 16, 1, 17, 2), plain(21, 16, 0, 17, 2)),
            (plain(21, 16, 1, 18, 2), plain(21, 16, 0, 18, 2)),
        ],
    ),
    (extended(22, 6), &[(extended(22, 4), DISABLEMENT_THRESHOLD)]),
    (extended(12, 6), &[(extended(12, 4), DEBT_CAP)]),
    (extended(13, 6), &[(extended(13, 4), DEBT_CAP_PERIOD)]),
    (extended(9, 6), &[(extended(9, 4), LOW_CREDIT)]),
    (extended(2, 6), &[(extended(2, 4), EMERGENCY_LIMIT)]),
    (extended(3, 6), &[(extended(3, 4), EMERGENCY_THRESHOLD)]),
    (
        next(111, 19, 0, 0, 13),
        &[(next(111, 19, 0, 0, 2), PAYMENT_MODE), (next(111, 19, 0, 0, 11), CREDIT_CHARGE_PAIRS)],
    ),
];
