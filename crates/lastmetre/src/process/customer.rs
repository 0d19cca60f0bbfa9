//! The customer at a running PPMID: lines on standard input are its keys, lines on standard output its screen.
use crate::failure::Failure;
use gbcs::Time;
use gbcs::utrn::UtrnError;
use ppmid::{Action, Done, Event, Fuel, Heard, Reading, Readings, RequestId, Shown, Step};
use serde_json::{Value, json};
use std::io::BufRead;
use std::str::FromStr;
use tokio::sync::mpsc;

/// What `lastmetre ppmid` understands on standard input.
pub const HELP: &str = "\
Lines on standard input, while it runs:
  top-up electricity|gas DIGITS     pay in a UTRN of 20 digits, in groups if you like
  emergency-credit electricity|gas  activate emergency credit
  enable electricity                turn on supply that is armed
  confirm electricity               the message on the display was read
  show                              print the display: each value with its age
  refresh                           ask for all that is shown
What came of it is printed on standard output, a line each. Electricity answers at once; the gas meter when it wakes.";

/// How the screen is printed.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Screen {
    /// Print the display whenever something on it changes
    #[arg(long)]
    show: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// A line of the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Do this.
    Do(Action),
    /// Print the display.
    Show,
    /// Ask for all that is shown.
    Refresh,
}

/// A line that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// An unknown first word.
    #[error("no such thing to do; there are top-up, emergency-credit, enable, confirm, show, refresh")]
    Unknown,
    /// No meter, or an unknown one.
    #[error("which meter? electricity or gas")]
    Fuel,
    /// No UTRN. The digits are money and are not repeated.
    #[error("no UTRN: {0}")]
    Utrn(#[from] UtrnError),
    /// Words too many.
    #[error("too many words")]
    TooMany,
}

impl FromStr for Key {
    type Err = BadLine;

    fn from_str(line: &str) -> Result<Self, BadLine> {
        let mut words = line.split_whitespace();
        let key = match words.next() {
            Some("show") => Self::Show,
            Some("refresh") => Self::Refresh,
            Some("top-up") => {
                let fuel = fuel(words.next())?;
                let digits: String = words.by_ref().collect();
                Self::Do(Action::TopUp(fuel, digits.replace('-', "").parse()?))
            }
            Some("emergency-credit") => Self::Do(Action::EmergencyCredit(fuel(words.next())?)),
            Some("enable") => Self::Do(Action::EnableSupply(fuel(words.next())?)),
            Some("confirm") => Self::Do(Action::ConfirmMessage(fuel(words.next())?)),
            _ => return Err(BadLine::Unknown),
        };
        if words.next().is_some() { Err(BadLine::TooMany) } else { Ok(key) }
    }
}

fn fuel(word: Option<&str>) -> Result<Fuel, BadLine> {
    match word {
        Some("electricity") => Ok(Fuel::Electricity),
        Some("gas") => Ok(Fuel::Gas),
        _ => Err(BadLine::Fuel),
    }
}

/// Lines as they are typed; the end of them ends nothing else.
pub fn keys() -> Result<mpsc::UnboundedReceiver<String>, Failure> {
    let (sender, receiver) = mpsc::unbounded_channel();
    // A thread of its own: a read of standard input cannot be cut short, and must not hold up the end of the process.
    let read = move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if !line.trim().is_empty() && sender.send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("keys".into()).spawn(read).map_err(Failure::input)?;
    Ok(receiver)
}

impl Screen {
    /// Print what came of a request, or the display where that is wanted; other events are for the log.
    pub fn event(self, now: Time, event: &Event, shown: &Shown) {
        match event {
            Event::Customer { id, wish, fuel, heard } if self.json => {
                say!(
                    "{}",
                    json!({ "request": id.0, "wish": wish.to_string(), "fuel": fuel.to_string(), "outcome": outcome(heard) })
                );
            }
            Event::Customer { id, wish, fuel, heard } => say!("{} {wish}, {fuel}: {}", id.0, words(heard)),
            Event::DisplayChanged if self.show => self.display(now, shown),
            _ => {}
        }
    }

    /// Print the display.
    pub fn display(self, now: Time, shown: &Shown) {
        if self.json {
            let of = |fuel| readings(now, shown.of(fuel));
            say!("{}", json!({ "display": { "electricity": of(Fuel::Electricity), "gas": of(Fuel::Gas) } }));
        } else {
            say!("{}", shown.printed(now));
        }
    }

    /// Say that a request was begun, or why not.
    pub fn begun(self, begun: Result<RequestId, impl std::fmt::Display>) {
        match (begun, self.json) {
            (Ok(_), false) => {}
            (Ok(id), true) => say!("{}", json!({ "request": id.0, "begun": true })),
            (Err(error), false) => say!("not begun: {error}"),
            (Err(error), true) => say!("{}", json!({ "error": error.to_string() })),
        }
    }
}

/// What came of a request, in words.
pub fn words(heard: &Heard) -> String {
    let pounds = |amount: i32| format!("£{:.2}", f64::from(amount) / 100_000.0);
    match heard {
        Heard::Passed => "the hub has it; the meter fetches it when it wakes".into(),
        Heard::Done(Done { credited: Some(credited), balance, armed }) => {
            let balance = balance.map_or(String::new(), |balance| format!(", the balance is {}", pounds(balance)));
            let armed = if *armed { "; supply is armed, turn it on" } else { "" };
            format!("{} credited{balance}{armed}", pounds(*credited))
        }
        Heard::Done(_) => "done".into(),
        Heard::TopUpRefused(refusal) => format!("refused: {refusal}"),
        Heard::Refused(status) => format!("refused: {status:?}"),
        Heard::Unreachable => "not done: out of reach".into(),
        Heard::NoAnswer => "no answer: it may have been done".into(),
    }
}

fn outcome(heard: &Heard) -> Value {
    match heard {
        Heard::Passed => json!({ "state": "passed" }),
        Heard::Done(Done { credited, balance, armed }) => {
            json!({ "state": "done", "credited": credited, "balance": balance, "armed": armed })
        }
        Heard::TopUpRefused(_) | Heard::Refused(_) => json!({ "state": "refused", "reason": words(heard) }),
        Heard::Unreachable => json!({ "state": "unreachable" }),
        Heard::NoAnswer => json!({ "state": "no-answer" }),
    }
}

/// Each value with its age in seconds; money in hundred-thousandths of a pound.
fn readings(now: Time, readings: &Readings) -> Value {
    fn one<T: Copy>(now: Time, reading: Option<Reading<T>>, value: impl Fn(T) -> Value) -> Value {
        reading.map_or(Value::Null, |r| json!({ "value": value(r.value), "age": r.age(now).as_secs() }))
    }
    let money = |reading: Option<Reading<i32>>| one(now, reading, |value| json!(value));
    let unsigned = |reading: Option<Reading<u32>>| one(now, reading, |value| json!(value));
    let price = |(step, price): &(Step, u32)| match step {
        Step::Tier(n) => json!({ "tier": n, "price": price }),
        Step::Block(n) => json!({ "block": n, "price": price }),
    };
    json!({
        "balance": money(readings.credit_remaining),
        "emergency_credit": money(readings.emergency_credit_remaining),
        "accumulated_debt": money(readings.accumulated_debt),
        "debts": readings.debts.map(unsigned),
        "prepayment": one(now, readings.payment_control, |_| json!(readings.is_prepayment())),
        "supply": one(now, readings.supply, |supply| json!(supply.to_string())),
        "credit_status": one(now, readings.credit_status, |bits| json!(bits)),
        "consumption": one(now, readings.consumption, |value| json!(value)),
        "demand": unsigned(readings.demand),
        "standing_charge": unsigned(readings.standing_charge),
        "price": unsigned(readings.price),
        "prices": readings.prices.as_ref().map(|prices| prices.value.iter().map(price).collect::<Vec<_>>()),
        "message": readings.message.as_ref().map(|message| json!({
            "text": String::from_utf8_lossy(&message.value.text),
            "to_be_confirmed": message.value.to_be_confirmed,
            "age": message.age(now).as_secs(),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::utrn::Utrn;

    #[test]
    fn lines_are_what_the_help_says_and_a_utrn_may_stand_in_groups() {
        // The published example of a token (GBCS 14): its check digit fits.
        let digits = "73941569907863060480";
        let digits = format!("{}{}", &digits[..19], gbcs::utrn::check_digit(digits.as_bytes()).unwrap());
        let utrn: Utrn = digits.parse().unwrap();
        let grouped = format!("top-up gas {} {}-{} {}", &digits[..4], &digits[4..8], &digits[8..12], &digits[12..]);
        assert_eq!(grouped.parse(), Ok(Key::Do(Action::TopUp(Fuel::Gas, utrn))));
        let emergency = Key::Do(Action::EmergencyCredit(Fuel::Electricity));
        assert_eq!("emergency-credit electricity".parse(), Ok(emergency));
        assert_eq!(" enable  electricity ".parse(), Ok(Key::Do(Action::EnableSupply(Fuel::Electricity))));
        assert_eq!(("show".parse(), "refresh".parse()), (Ok(Key::Show), Ok(Key::Refresh)));
        let fault = |line: &str| line.parse::<Key>().unwrap_err();
        assert_eq!(fault("pay electricity"), BadLine::Unknown);
        assert_eq!(fault("emergency-credit"), BadLine::Fuel);
        assert_eq!(fault("enable water"), BadLine::Fuel);
        assert_eq!(fault("show me"), BadLine::TooMany);
        assert_eq!(fault("top-up gas 123"), BadLine::Utrn(UtrnError::NotDigits));
        for line in HELP.lines().filter(|line| line.starts_with("  ")) {
            let line = line.split("  ").nth(1).unwrap().replace("electricity|gas", "electricity");
            assert!(line.replace("DIGITS", &digits).parse::<Key>().is_ok(), "{line}");
        }
    }
}
