//! `gbcs sign`, `gbcs mac` and `gbcs verify`.
use super::decode::status_json;
use super::input::{Fault, Line, each_to_hex, for_each_line};
use super::text::{Paint, Told, write_message};
use super::token::TokenArgs;
use super::{Failure, KeyArgs, Outcome};
use clap::Args;
use gbcs::crypto::AwsLc;
use gbcs::keystore::{KeyName, Keyring};
use gbcs::verify::{Keys, Status};
use gbcs::{Cra, Eui64, MessageView, Payload, catalogue, protect, rules, verify};
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// Do not show on standard error what is signed
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    token: TokenArgs,
    /// Messages, one a line; - is standard input, and so is no file
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct MacArgs {
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// The Access Control Broker that closes Commands, where the keys know several
    #[arg(long, value_name = "EUI")]
    broker: Option<Eui64>,
    /// Messages, one a line; - is standard input, and so is no file
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// One JSON object per message
    #[arg(long)]
    json: bool,
    /// Messages, one a line; - is standard input, and so is no file
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn sign(args: &SignArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let hand = args.token.with(&args.keys)?;
    each_message(&args.files, out, |octets| {
        let view = MessageView::parse(octets).map_err(|e| e.to_string())?;
        let originator = view.id().originator;
        let [key, ..] = hand.store.private_keys(KeyName::signing(originator)) else {
            return Err(hand.without(format_args!("private digital signature key of {originator}")));
        };
        // Whoever signs sees what: a Pre-Command that came from elsewhere may say anything.
        let payload = Payload::of(&view).map_err(|e| e.to_string())?;
        if !args.quiet {
            let told = Told { name: None, report: None, warnings: &rules::check(&view, &payload) };
            let _ = write_message(&view, &payload, &told, Paint::PLAIN, &mut io::stderr().lock());
        }
        protect::sign(&&*hand.crypto, key, octets).map_err(|e| e.to_string())
    })
}

pub(super) fn mac(args: &MacArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let hand = args.token.with(&args.keys)?;
    let crypto = &*hand.crypto;
    let ring = Keyring::new(crypto, &hand.store);
    each_message(&args.files, out, |octets| {
        let view = MessageView::parse(octets).map_err(|e| e.to_string())?;
        let id = view.id();
        let han_only = catalogue::find(view.message_code()).is_some_and(|use_case| use_case.is_han_only());
        let broker = args.broker.or_else(|| ring.brokers().first().copied());
        let (a, b) = match broker {
            Some(broker) => protect::mac_parties(&id, broker, han_only),
            None if id.cra == Cra::Command && !han_only => return Err(hand.without("key of an Access Control Broker")),
            None => (id.originator, id.target),
        };
        let secrets = ring.secrets(a, b);
        let [z, ..] = &secrets[..] else {
            return Err(hand.without(format_args!("key agreement keys of {a} and {b}, one of them private")));
        };
        protect::add_mac(&crypto, z, octets).map_err(|e| e.to_string())
    })
}

/// One line of hex for each message that could be protected; the others are named on standard error.
fn each_message(
    files: &[PathBuf],
    out: &mut impl Write,
    protect: impl Fn(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<Outcome, Failure> {
    each_to_hex(files, out, |line| protect(&line.entry().map_err(|fault| fault.to_string())?.octets))
}

pub(super) fn verify(args: &VerifyArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let store = args.keys.load_some()?;
    let ring = Keyring::new(AwsLc, &store);
    let mut all = true;
    for_each_line(&args.files, |line| {
        let result = verify_line(&line, &ring);
        all &= matches!(&result, Ok((_, signature, mac)) if held(signature, mac));
        match (result, args.json) {
            (Ok((name, signature, mac)), true) => {
                let (signature, mac) = (status_json(&signature), status_json(&mac));
                writeln!(out, "{}", json!({ "name": name, "signature": signature, "mac": mac }))?;
            }
            (Ok((name, signature, mac)), false) => {
                let name = name.unwrap_or_else(|| line.place());
                writeln!(out, "{name}: signature {}, MAC {}", words(&signature), words(&mac))?;
            }
            (Err(fault), true) => writeln!(out, "{}", json!({ "error": fault.to_json() }))?,
            (Err(fault), false) => writeln!(out, "{}: {fault}", line.place())?,
        }
        Ok(())
    })?;
    Ok(Outcome::of(all))
}

fn verify_line(line: &Line, ring: &Keyring<'_, AwsLc>) -> Result<(Option<String>, Status, Status), Fault> {
    let entry = line.entry()?;
    let view = MessageView::parse(&entry.octets)?;
    Payload::of(&view)?;
    Ok((entry.name, verify::signature(&AwsLc, ring, &view), verify::mac(&AwsLc, ring, &view)))
}

/// A message with neither proves nothing.
fn held(signature: &Status, mac: &Status) -> bool {
    let sound = |status: &Status| matches!(status, Status::Absent | Status::Verified { .. });
    sound(signature) && sound(mac) && (signature.is_present() || mac.is_present())
}

fn words(status: &Status) -> String {
    match status {
        Status::Absent => "absent".into(),
        Status::Verified { by } => format!("verifies ({by})"),
        Status::Failed { by } => format!("FAILS ({by})"),
        Status::UnknownKey { who } => format!("not checked, no key of {who}"),
    }
}
