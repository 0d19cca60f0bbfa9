//! What a value says to a person: `GBP 12.00`, `10.00 %`, `supply armed`.
use crate::catalogue::{self, Field, Meaning, Scale, Type, Unit};
use crate::dlms::Data;
use crate::time::Time;
use std::format;
use std::string::{String, ToString};

/// The words for a single value, where they say more than its number or octets.
pub fn says(field: &Field, data: &Data) -> Option<String> {
    says_scaled(field, data, None)
}

/// The same in a structure whose field of that name holds the power of ten.
pub fn says_scaled(field: &Field, data: &Data, power: Option<i8>) -> Option<String> {
    if let (Type::BitString | Type::DateTime, _) | (_, Data::BitString(_)) = (field.of, data) {
        return None;
    }
    says_number(field.meaning, data.as_i64()?, power)
}

/// The words for a number.
pub fn says_number(meaning: Meaning, n: i64, power: Option<i8>) -> Option<String> {
    match meaning {
        Meaning::Quantity(unit) => {
            let power = match unit.scale {
                Scale::Fixed(power) => power,
                Scale::Field(_) => power?,
            };
            Some(quantity(n, power, unit))
        }
        Meaning::Names(names) => {
            names.iter().find(|(of, _)| i64::from(*of) == n).map(|(_, name)| catalogue::words(name))
        }
        Meaning::Time => Some(match n {
            0 => "immediate".into(),
            0xFFFF_FFFF | 0xFFFF_FFFE => "never".into(),
            n => Time::from_zigbee(n.try_into().ok()?).to_string(),
        }),
        Meaning::Event => catalogue::alert_meaning(n.try_into().ok()?).map(ToString::to_string),
        _ => None,
    }
}

/// `n` times ten to the power, with its unit; money with two places at least.
fn quantity(n: i64, power: i8, unit: Unit) -> String {
    let mut digits = n.unsigned_abs().to_string();
    let mut places = usize::from(power.min(0).unsigned_abs());
    digits.extend(core::iter::repeat_n('0', if n == 0 { 0 } else { usize::from(power.max(0) as u8) }));
    if digits.len() <= places {
        digits.insert_str(0, &"0".repeat(places + 1 - digits.len()));
    }
    let money = unit.symbol == "GBP";
    while places < 2 && money {
        digits.push('0');
        places += 1;
    }
    let least = if money { 2 } else { 0 };
    while places > least && digits.ends_with('0') && (money || places > 0) {
        digits.pop();
        places -= 1;
    }
    let point = digits.len() - places;
    let (whole, fraction) = digits.split_at(point);
    let sign = if n < 0 { "-" } else { "" };
    let number = if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    if money { format!("GBP {number}") } else { format!("{number} {}", unit.symbol) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_as_people_write_them() {
        let unit = |symbol| Unit { symbol, scale: Scale::Fixed(0) };
        for (n, power, symbol, text) in [
            (1_200_000, -5, "GBP", "GBP 12.00"),
            (4_750, -5, "GBP", "GBP 0.0475"),
            (-1, -5, "GBP", "GBP -0.00001"),
            (0, -5, "GBP", "GBP 0.00"),
            (7, 0, "GBP", "GBP 7.00"),
            (1_000, -2, "%", "10 %"),
            (1_250, -2, "%", "12.5 %"),
            (2_300, 0, "W", "2300 W"),
            (3, 3, "Wh", "3000 Wh"),
            (0, 3, "Wh", "0 Wh"),
            (-20, 1, "W", "-200 W"),
        ] {
            assert_eq!(quantity(n, power, unit(symbol)), text);
        }
    }
}
