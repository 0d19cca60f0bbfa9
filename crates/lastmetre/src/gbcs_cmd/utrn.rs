//! `gbcs utrn`: the 20 digits of a top-up.
use super::{Failure, KeyArgs, Outcome};
use clap::{Args, Subcommand};
use gbcs::crypto::{AwsLc, SharedSecret};
use gbcs::keystore::{KeyName, Keyring};
use gbcs::utrn::{Credit, Utrn, UtrnError, check_digit};
use gbcs::{Counter, Eui64};
use serde_json::json;
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct UtrnArgs {
    #[command(subcommand)]
    command: UtrnCommand,
}

#[derive(Debug, Subcommand)]
enum UtrnCommand {
    /// Make the digits of a top-up
    Create(CreateArgs),
    /// Read digits; with keys, a supplier and a meter also say whether they are authentic
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// Whose prepayment key makes it
    #[arg(long, value_name = "EUI")]
    supplier: Eui64,
    /// For which meter
    #[arg(long, value_name = "EUI")]
    meter: Eui64,
    /// Originator Counter of the top-up, its low 32 bits zero; decimal, or hex behind 0x
    #[arg(long, value_parser = counter)]
    counter: Counter,
    /// Worth this many pence, 8191 at most
    #[arg(long, conflicts_with = "pounds", required_unless_present = "pounds")]
    pence: Option<u16>,
    /// Worth this many whole pounds, 8191 at most
    #[arg(long)]
    pounds: Option<u16>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// The 20 digits
    digits: String,
    /// Whose prepayment key should have made it
    #[arg(long, value_name = "EUI", requires = "meter")]
    supplier: Option<Eui64>,
    /// For which meter
    #[arg(long, value_name = "EUI", requires = "supplier")]
    meter: Option<Eui64>,
    /// The whole counter it was made under; decimal, or hex behind 0x
    #[arg(long, value_parser = counter, conflicts_with = "highest")]
    counter: Option<Counter>,
    /// The highest counter the meter has accepted, from which the whole counter is rebuilt (0 when not given)
    #[arg(long, value_parser = counter)]
    highest: Option<Counter>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn counter(text: &str) -> Result<Counter, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map(Counter).map_err(|_| "a counter is a number of 64 bits, decimal or hex behind 0x".into())
}

pub(super) fn run(args: &UtrnArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    match &args.command {
        UtrnCommand::Create(args) => create(args, out),
        UtrnCommand::Check(args) => check(args, out),
    }
}

fn create(args: &CreateArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let z = secret(&args.keys, args.supplier, args.meter)?;
    let credit = match (args.pence, args.pounds) {
        (Some(pence), _) => Credit::Pence(pence),
        (None, Some(pounds)) => Credit::Pounds(pounds),
        (None, None) => return Err(Failure::misuse("--pence or --pounds is needed")),
    };
    let utrn = Utrn::create(&AwsLc, &z, args.supplier, args.meter, args.counter, credit)
        .map_err(|e| Failure::misuse(e.to_string()).hint("as --counter 0x100000000 --pounds 20"))?;
    if args.json {
        writeln!(out, "{}", json!({ "utrn": utrn.expose(), "counter": args.counter, "value": credit.value() }))?;
    } else {
        writeln!(out, "{}", utrn.expose())?;
    }
    Ok(Outcome::Held)
}

fn check(args: &CheckArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let digits: String = args.digits.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let utrn: Utrn = match digits.parse() {
        Ok(utrn) => utrn,
        Err(error) => {
            let reason = refusal(&digits, error);
            if args.json {
                writeln!(out, "{}", json!({ "valid": false, "reason": reason }))?;
            } else {
                writeln!(out, "not a UTRN: {reason}")?;
            }
            return Ok(Outcome::DidNotHold);
        }
    };
    let checked = match (args.supplier, args.meter) {
        (Some(supplier), Some(meter)) => {
            let z = secret(&args.keys, supplier, meter)?;
            Some(authenticity(args, &utrn, &z, supplier, meter))
        }
        _ => None,
    };
    let authentic = checked.as_ref().map(|checked| checked.result.is_ok());
    if args.json {
        let report = json!({
            "valid": true,
            "value": utrn.credit().value(),
            "truncated_counter": utrn.truncated_counter(),
            "counter": checked.as_ref().map(|checked| checked.counter),
            "authentic": authentic,
            "reason": checked.as_ref().and_then(|checked| checked.result.as_ref().err()),
        });
        writeln!(out, "{report}")?;
    } else {
        writeln!(out, "{}, counter {} of 1024", utrn.credit(), utrn.truncated_counter())?;
        match &checked {
            Some(Checked { result: Ok(()), counter }) => writeln!(out, "authentic under counter 0x{:X}", counter.0)?,
            Some(Checked { result: Err(reason), .. }) => writeln!(out, "refused: {reason}")?,
            None => writeln!(out, "authenticity not checked: give --keys, --supplier and --meter")?,
        }
    }
    Ok(Outcome::of(authentic.unwrap_or(true)))
}

/// Why digits are no UTRN, with what would have fitted.
fn refusal(digits: &str, error: UtrnError) -> String {
    match (&error, check_digit(digits.as_bytes()), digits.chars().last()) {
        (UtrnError::CheckDigit, Some(fits), Some(stands)) => {
            format!("{error}: {stands} stands there, {fits} fits the 19 digits before it, so one of them is mistyped")
        }
        (UtrnError::NotDigits, ..) => format!("{error}, but {}", digits.chars().count()),
        (UtrnError::ValueClass, ..) => format!("{error}: its value class is neither 0 (pence) nor 1 (whole pounds)"),
        _ => error.to_string(),
    }
}

/// Under which counter a meter checks a UTRN, and what comes of it.
struct Checked {
    counter: Counter,
    result: Result<(), String>,
}

fn authenticity(args: &CheckArgs, utrn: &Utrn, z: &SharedSecret, supplier: Eui64, meter: Eui64) -> Checked {
    let highest = args.highest.unwrap_or_default();
    let counter = args.counter.unwrap_or_else(|| utrn.rebuild_counter(highest));
    let result = utrn.verify(&AwsLc, z, supplier, meter, counter).map_err(|error| match (&error, args.counter) {
        (UtrnError::Counter, Some(given)) => format!(
            "{error}: {} of 1024, and counter 0x{:X} gives {}",
            utrn.truncated_counter(),
            given.0,
            (given.0 >> 32) % 1024
        ),
        (UtrnError::NotAuthentic, None) => match utrn.find_counter(&AwsLc, z, supplier, meter, highest) {
            Some(made) => format!(
                "made under counter 0x{:X}, which is outside the window of 512 top-ups below and 511 above the highest \
                     accepted (0x{:X}): the meter takes it for 0x{:X}, and the check fails",
                made.0, highest.0, counter.0
            ),
            None => format!("{error}, nor under any counter near the highest accepted"),
        },
        _ => error.to_string(),
    });
    // The meter keeps the last counters it accepted; of those it can only be said that they are not new.
    let result = result.and_then(|()| match args.highest {
        Some(highest) if counter <= highest => Err(format!(
            "authentic under counter 0x{:X}, which is not above the highest accepted (0x{:X}): a duplicate, unless it was skipped",
            counter.0, highest.0
        )),
        _ => Ok(()),
    });
    Checked { counter, result }
}

/// Between the supplier's prepayment key and the meter's key.
fn secret(keys: &KeyArgs, supplier: Eui64, meter: Eui64) -> Result<SharedSecret, Failure> {
    let store = keys.load_some()?;
    let secrets = Keyring::new(AwsLc, &store).secrets_of(KeyName::prepayment(supplier), KeyName::agreement(meter));
    secrets.into_iter().next().ok_or_else(|| {
        Failure::misuse(format!(
            "no prepayment key of {supplier} and key agreement key of {meter}, one of them private"
        ))
    })
}
