//! What a meter holds, for people: names, values, units; and what a Command changed of it.
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// One line of what a meter holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// What it is.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub value: Value,
    /// Of what: `GBP`, `GBP/kWh`, `GBP/day`, `%` or nothing.
    pub unit: &'static str,
}

/// What a register holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Thousandths of a penny; printed in pounds.
    Money(i64),
    /// Hundredths; printed with a point.
    Hundredths(u32),
    /// Seconds.
    Seconds(u32),
    /// Metered units.
    Count(u32),
    /// A word or a text.
    Text(String),
}

impl Register {
    pub(crate) fn money(name: impl Into<Cow<'static, str>>, millipence: impl Into<i64>, unit: &'static str) -> Self {
        Self { name: name.into(), value: Value::Money(millipence.into()), unit }
    }

    pub(crate) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name: name.into(), value: Value::Text(text.into()), unit: "" }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(amount) => {
                let sign = if *amount < 0 { "-" } else { "" };
                let (pounds, rest) = (amount.unsigned_abs() / 100_000, amount.unsigned_abs() % 100_000);
                match rest % 1000 {
                    0 => write!(f, "{sign}{pounds}.{:02}", rest / 1000),
                    _ => write!(f, "{sign}{pounds}.{rest:05}"),
                }
            }
            Self::Hundredths(n) => write!(f, "{}.{:02}", n / 100, n % 100),
            Self::Seconds(n) | Self::Count(n) => write!(f, "{n}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One thing a Command changed. Empty where the register was not there before, or is not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name of the register.
    pub name: Cow<'static, str>,
    /// Before the Command.
    pub before: String,
    /// After it.
    pub after: String,
}

/// The differences between two readings, in the order of the later one.
pub(crate) fn changes(before: &[Register], after: &[Register]) -> Vec<Change> {
    let find = |list: &[Register], name: &str| list.iter().find(|r| r.name == name).map(|r| r.value.to_string());
    let gone = before.iter().filter(|r| !after.iter().any(|other| other.name == r.name));
    let changed =
        after.iter().map(|r| (r.name.clone(), find(before, &r.name).unwrap_or_default(), r.value.to_string()));
    let gone = gone.map(|r| (r.name.clone(), r.value.to_string(), String::new()));
    changed
        .chain(gone)
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| Change { name, before, after })
        .collect()
}

/// What the metrology counted, but for registers that counted nothing.
pub(crate) fn of_metering(metering: &crate::metering::Metering, unit: &'static str) -> Vec<Register> {
    let count = |name: Cow<'static, str>, n: u32| Register { name, value: Value::Count(n), unit };
    let mut registers = alloc::vec![count("import".into(), metering.total.import)];
    let used = |name: alloc::string::String, n: u32| (n > 0).then(|| count(name.into(), n));
    registers.extend((metering.total.export > 0).then(|| count("export".into(), metering.total.export)));
    let tou = (1..).zip(metering.tou).filter_map(|(rate, n)| used(alloc::format!("import TOU {rate}"), n));
    registers.extend(tou);
    registers.extend(used("import second element".into(), metering.total.second));
    let second = (1..).zip(metering.second_tou);
    registers.extend(second.filter_map(|(rate, n)| used(alloc::format!("import second element TOU {rate}"), n)));
    for (rate, blocks) in (1..).zip(metering.blocks) {
        let blocks = (1..).zip(blocks);
        registers.extend(blocks.filter_map(|(block, n)| used(alloc::format!("import block {block} TOU {rate}"), n)));
    }
    registers
}

/// The registers both meters have.
pub(crate) fn of_account(account: &crate::prepayment::Account) -> Vec<Register> {
    use crate::prepayment::{PaymentMode, Supply};
    let mode = match account.mode {
        PaymentMode::Credit => "credit",
        PaymentMode::Prepayment => "prepayment",
    };
    let supply = match account.supply {
        Supply::Disabled => "disabled",
        Supply::Enabled => "enabled",
        Supply::Armed => "armed",
    };
    let emergency = if account.emergency.active { "active" } else { "inactive" };
    let mut registers = alloc::vec![
        Register::text("payment mode", mode),
        Register::text("supply", supply),
        Register::money("meter balance", account.balance, "GBP"),
        Register::text("emergency credit", emergency),
        Register::money("emergency credit balance", account.emergency.remaining, "GBP"),
        Register::money("emergency credit limit", account.emergency.limit, "GBP"),
        Register::money("emergency credit threshold", account.emergency.threshold, "GBP"),
        Register::money("accumulated debt", account.accumulated_debt, "GBP"),
    ];
    for (n, debt) in account.time_debts.iter().enumerate() {
        let [remaining, rate, period] = TIME_DEBT_NAMES[n];
        registers.push(Register::money(remaining, debt.remaining, "GBP"));
        registers.push(Register::money(rate, debt.rate, "GBP"));
        registers.push(Register { name: period.into(), value: Value::Seconds(debt.period), unit: "s" });
    }
    registers.push(Register::money("payment debt", account.payment_debt, "GBP"));
    let share = Value::Hundredths(account.payment_share.into());
    registers.push(Register { name: "payment debt share of a top-up".into(), value: share, unit: "%" });
    registers.extend([
        Register::money("disablement threshold", account.disablement_threshold, "GBP"),
        Register::money("low credit threshold", account.low_credit, "GBP"),
        Register::money("maximum balance", account.maximum_balance, "GBP"),
        Register::money("maximum top-up", account.maximum_credit, "GBP"),
        Register::money("debt recovery cap", account.debt_cap, "GBP"),
    ]);
    registers
}

const TIME_DEBT_NAMES: [[&str; 3]; 2] = [
    ["time debt 1", "time debt 1 recovery", "time debt 1 recovery period"],
    ["time debt 2", "time debt 2 recovery", "time debt 2 recovery period"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_prints_in_pounds_with_as_many_digits_as_it_needs() {
        for (amount, text) in
            [(0, "0.00"), (250_000, "2.50"), (-1_000, "-0.01"), (2_121, "0.02121"), (-100_000, "-1.00")]
        {
            assert_eq!(Value::Money(amount).to_string(), text);
        }
    }

    #[test]
    fn changes_name_what_differs_what_came_and_what_went() {
        let a = [Register::text("same", "x"), Register::text("other", "x"), Register::text("gone", "x")];
        let b = [Register::text("same", "x"), Register::text("other", "y"), Register::text("new", "z")];
        let found: Vec<_> = changes(&a, &b).into_iter().map(|c| (c.name, c.before, c.after)).collect();
        let expected = [("other", "x", "y"), ("new", "", "z"), ("gone", "x", "")];
        assert_eq!(found, expected.map(|(n, b, a)| (Cow::from(n), b.to_string(), a.to_string())));
    }
}
