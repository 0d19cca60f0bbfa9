//! The display in print: a line for each value, with its age.
use super::{Fuel, Reading, Readings, Shown, Step, Supply};
use core::fmt;
use core::time::Duration;
use gbcs::Time;
use han::zcl::display::credit_status;

/// What is shown, at a moment.
pub struct Printed<'a> {
    pub(super) shown: &'a Shown,
    pub(super) now: Time,
}

/// Money in hundred-thousandths of a pound.
struct Pounds(i64);

struct Age(Duration);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fuel in Fuel::ALL {
            writeln!(f, "{fuel}")?;
            print(f, self.shown.of(fuel), fuel, self.now)?;
        }
        Ok(())
    }
}

impl fmt::Display for Fuel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Electricity => "electricity",
            Self::Gas => "gas",
        })
    }
}

impl fmt::Display for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Armed => f.write_str("off, armed: turn it on"),
            Self::On => f.write_str("on"),
            Self::Other(number) => write!(f, "state {number}"),
        }
    }
}

impl fmt::Display for Pounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, amount) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}£{}.{:02}", amount / 100_000, amount % 100_000 / 1_000)
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds @ ..=119 => write!(f, "{seconds} s"),
            seconds @ ..=7199 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{} h", seconds / 3600),
        }
    }
}

fn print(f: &mut fmt::Formatter<'_>, readings: &Readings, fuel: Fuel, now: Time) -> fmt::Result {
    let mut any = false;
    let mut line = |f: &mut fmt::Formatter<'_>, name: &str, at: Time, value: fmt::Arguments<'_>| {
        any = true;
        writeln!(f, "  {name:<18}{value}  ({} ago)", Age(now.since(at)))
    };
    let mut money = |f: &mut fmt::Formatter<'_>, name, reading: Option<Reading<i64>>| match reading {
        Some(Reading { value, at }) => line(f, name, at, format_args!("{}", Pounds(value))),
        None => Ok(()),
    };
    let wide = |reading: Option<Reading<i32>>| reading.map(|r| Reading { value: r.value.into(), at: r.at });
    let unsigned = |reading: Option<Reading<u32>>| reading.map(|r| Reading { value: r.value.into(), at: r.at });
    money(f, "balance", wide(readings.credit_remaining))?;
    money(f, "emergency credit", wide(readings.emergency_credit_remaining))?;
    money(f, "accumulated debt", wide(readings.accumulated_debt))?;
    for (name, debt) in ["debt 1", "debt 2", "payment debt"].iter().zip(readings.debts) {
        money(f, name, unsigned(debt))?;
    }
    money(f, "standing charge", unsigned(readings.standing_charge))?;
    if let (Some(prepayment), Some(control)) = (readings.is_prepayment(), readings.payment_control) {
        let mode = if prepayment { "prepayment" } else { "credit" };
        line(f, "mode", control.at, format_args!("{mode}"))?;
    }
    if let Some(supply) = readings.supply {
        line(f, "supply", supply.at, format_args!("{}", supply.value))?;
    }
    if let Some(status) = readings.credit_status.filter(|status| alarm(status.value).is_some()) {
        line(f, "alarm", status.at, format_args!("{}", alarm(status.value).unwrap_or_default()))?;
    }
    if let Some(Reading { value, at }) = readings.price {
        line(f, "price now", at, format_args!("{}p/kWh", pence(value)))?;
    }
    if let Some(Reading { value: prices, at }) = &readings.prices {
        for (step, price) in prices {
            let price = pence(*price);
            match step {
                Step::Tier(n) => line(f, "price", *at, format_args!("{price}p/kWh, tier {n}"))?,
                Step::Block(n) => line(f, "price", *at, format_args!("{price}p/kWh, block {}", n & 0x0F))?,
            }
        }
    }
    if let Some(Reading { value, at }) = readings.consumption {
        let unit = if fuel == Fuel::Gas { "m3" } else { "kWh" };
        line(f, "consumption", at, format_args!("{}.{:03} {unit}", value / 1000, value % 1000))?;
    }
    if let Some(Reading { value, at }) = readings.demand {
        line(f, "demand", at, format_args!("{value} W"))?;
    }
    if let Some(Reading { value, at }) = &readings.message {
        let text = alloc::string::String::from_utf8_lossy(&value.text);
        let confirm = if value.to_be_confirmed { ", to be confirmed" } else { "" };
        // A message is somebody else's text: it must not draw on the terminal.
        line(f, "message", *at, format_args!("{:?}{confirm}", text))?;
    }
    if any { Ok(()) } else { writeln!(f, "  nothing heard yet") }
}

/// The worst that the meter says of its credit.
const fn alarm(status: u8) -> Option<&'static str> {
    if status & credit_status::EXHAUSTED != 0 {
        Some("credit is used up")
    } else if status & credit_status::EMERGENCY_IN_USE != 0 {
        Some("emergency credit is in use")
    } else if status & credit_status::EMERGENCY_AVAILABLE != 0 {
        Some("emergency credit is available")
    } else if status & credit_status::LOW_CREDIT != 0 {
        Some("credit is low")
    } else {
        None
    }
}

/// Hundredths of a penny of a price.
fn pence(price: u32) -> impl fmt::Display {
    /// Thousandths of a penny, printed as pence.
    struct Pence(u32);
    impl fmt::Display for Pence {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
        }
    }
    Pence(price)
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_display_prints_each_value_with_its_age_and_a_message_without_its_control_characters() {
        let at = Time(1_000_000);
        let mut shown = Shown::default();
        shown.electricity.credit_remaining = Some(Reading { value: -123_456, at });
        shown.electricity.payment_control = Some(Reading { value: 0x0897, at });
        shown.electricity.supply = Some(Reading { value: Supply::Armed, at });
        shown.electricity.price = Some(Reading { value: 28_430, at });
        shown.electricity.credit_status = Some(Reading { value: credit_status::EMERGENCY_AVAILABLE, at });
        let text = b"hello\x1b[2J".to_vec();
        let value = Message { id: 1, text, to_be_confirmed: true };
        shown.electricity.message = Some(Reading { value, at });
        let printed = shown.printed(at + Duration::from_secs(180)).to_string();
        assert_eq!(
            printed,
            "electricity\n  balance           -£1.23  (3 min ago)\n  mode              prepayment  (3 min ago)\n  \
             supply            off, armed: turn it on  (3 min ago)\n  alarm             emergency credit is available  \
             (3 min ago)\n  price now         28.430p/kWh  (3 min ago)\n  message           \"hello\\u{1b}[2J\", to be \
             confirmed  (3 min ago)\ngas\n  nothing heard yet\n"
        );
    }
}
