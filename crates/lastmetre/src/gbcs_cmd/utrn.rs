//! `gbcs utrn`: the 20 digits of a top-up.
use super::{Failure, KeyArgs, Outcome};
use clap::{Args, Subcommand};
use gbcs::crypto::{AwsLc, SharedSecret};
use gbcs::keystore::{KeyName, Keyring};
use gbcs::utrn::{Credit, Utrn};
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
        Err(error) if args.json => {
            writeln!(out, "{}", json!({ "valid": false, "reason": format!("{error}") }))?;
            return Ok(Outcome::DidNotHold);
        }
        Err(error) => {
            writeln!(out, "not a UTRN: {error}")?;
            return Ok(Outcome::DidNotHold);
        }
    };
    let mut counter = None;
    let mut authentic = None;
    if let (Some(supplier), Some(meter)) = (args.supplier, args.meter) {
        let z = secret(&args.keys, supplier, meter)?;
        let whole = args.counter.unwrap_or_else(|| utrn.rebuild_counter(args.highest.unwrap_or_default()));
        counter = Some(whole);
        authentic = Some(utrn.verify(&AwsLc, &z, supplier, meter, whole));
    }
    if args.json {
        let report = json!({
            "valid": true,
            "value": utrn.credit().value(),
            "truncated_counter": utrn.truncated_counter(),
            "counter": counter,
            "authentic": authentic.map(|authentic| authentic.is_ok()),
        });
        writeln!(out, "{report}")?;
    } else {
        writeln!(out, "{}, counter {} of 1024", utrn.credit(), utrn.truncated_counter())?;
        match (authentic, counter) {
            (Some(Ok(())), Some(counter)) => writeln!(out, "authentic under counter 0x{:X}", counter.0)?,
            (Some(Err(error)), _) => writeln!(out, "{error}")?,
            _ => writeln!(out, "authenticity not checked: give --keys, --supplier and --meter")?,
        }
    }
    Ok(Outcome::of(authentic.is_none_or(|authentic| authentic.is_ok())))
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
