//! `gbcs decode` and `gbcs encode`.
use super::input::{Fault, Line, each_to_hex, for_each_line};
use super::text::{Paint, Told, When, write_message};
use super::{Failure, KeyArgs, Outcome};
use clap::Args;
use gbcs::crypto::AwsLc;
use gbcs::json::{Document, opened};
use gbcs::keystore::{Keyring, Keystore};
use gbcs::rules;
use gbcs::verify::{Report, Status, verify};
use gbcs::{MessageView, Payload};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct DecodeArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// One JSON object per message, which encode turns back into its octets
    #[arg(long)]
    json: bool,
    /// Whether to colour
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
    /// Messages, one a line: hex, base64, or JSON with a "hex" field; - is standard input, and so is no file
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct EncodeArgs {
    /// The JSON of decode, one object a line; - is standard input, and so is no file
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What decode adds to a document; encode takes no notice of it.
#[derive(Serialize)]
struct Decoded<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(flatten)]
    document: Document,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Value>,
    /// Rules of the catalogue that the message breaks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Value>,
}

const ADDED: [&str; 3] = ["name", "checks", "warnings"];

pub(super) fn decode(args: &DecodeArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    let store = args.keys.load()?;
    let ring = (!args.keys.keys.is_empty()).then(|| Keyring::new(AwsLc, &store));
    let mut all = true;
    let form = if args.json { Output::Json } else { Output::Text(Paint::stdout(args.color)) };
    for_each_line(&args.files, |line| match decode_line(&line, form, ring.as_ref(), out) {
        Ok(()) => Ok(()),
        Err(LineError::Output(failure)) => Err(failure),
        Err(LineError::Fault(fault)) => {
            all = false;
            if args.json {
                writeln!(out, "{}", json!({ "error": fault.to_json() }))?;
            } else {
                writeln!(out, "{}: {fault}\n", line.place())?;
            }
            Ok(())
        }
    })?;
    Ok(Outcome::of(all))
}

enum LineError {
    Fault(Fault),
    Output(Failure),
}

impl<E: Into<Fault>> From<E> for LineError {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

#[derive(Clone, Copy)]
enum Output {
    Json,
    Text(Paint),
}

fn decode_line(
    line: &Line,
    form: Output,
    ring: Option<&Keyring<'_, AwsLc>>,
    out: &mut impl Write,
) -> Result<(), LineError> {
    let entry = line.entry()?;
    let view = MessageView::parse(&entry.octets)?;
    let payload = Payload::of(&view)?;
    let report = ring.map(|ring| verify(ring.crypto(), ring, &view, &payload));
    let warnings = rules::check(&view, &payload);
    let written = match form {
        Output::Json => {
            let checks = report.as_ref().map(|report| checks(&view, &payload, report));
            let warnings = warnings.iter().map(|w| json!({ "name": w.name(), "message": w.to_string() })).collect();
            let document = Document::with_payload(&view, &payload);
            let decoded = Decoded { name: entry.name.as_deref(), document, checks, warnings };
            serde_json::to_writer(&mut *out, &decoded).map_err(Into::into).and_then(|()| writeln!(out))
        }
        Output::Text(paint) => {
            let told = Told { name: entry.name.as_deref(), report: report.as_ref(), warnings: &warnings };
            write_message(&view, &payload, &told, paint, out)
        }
    };
    written.map_err(|e| LineError::Output(e.into()))
}

/// What verification found.
fn checks(view: &MessageView<'_>, payload: &Payload, report: &Report) -> Value {
    let mut checks = Map::new();
    for (what, status) in [("signature", &report.signature), ("mac", &report.mac)] {
        if status.is_present() {
            checks.insert(what.into(), status_json(status));
        }
    }
    if !report.encrypted.is_empty() {
        let parts = report.encrypted.iter().map(|part| {
            json!({ "place": part.place, "status": status_json(&part.status), "plain": opened(view, payload, part) })
        });
        checks.insert("encrypted".into(), parts.collect());
    }
    checks.into()
}

pub(super) fn status_json(status: &Status) -> Value {
    match status {
        Status::Absent => json!("absent"),
        Status::Verified { by } => json!({ "verified": by }),
        Status::Failed { by } => json!({ "failed": by }),
        Status::UnknownKey { who } => json!({ "unknown_key": who }),
    }
}

pub(super) fn encode(args: &EncodeArgs, out: &mut impl Write) -> Result<Outcome, Failure> {
    each_to_hex(&args.files, out, |line| encode_line(&line.text))
}

fn encode_line(text: &str) -> Result<Vec<u8>, String> {
    let mut json: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if let Some(error) = json.get("error") {
        return Err(format!("no message but an error of decode: {error}"));
    }
    ADDED.iter().for_each(|added| {
        json.remove(*added);
    });
    let document: Document = serde_json::from_value(json.into()).map_err(|e| e.to_string())?;
    document.encode().map_err(|e| e.to_string())
}

/// One message as JSON, with what the keys at hand verify and open: for commands that come by one on their way.
pub(crate) fn as_json(octets: &[u8], keys: &Keystore) -> Result<Value, String> {
    let view = MessageView::parse(octets).map_err(|e| e.to_string())?;
    let payload = Payload::of(&view).map_err(|e| e.to_string())?;
    let ring = Keyring::new(AwsLc, keys);
    let report = verify(ring.crypto(), &ring, &view, &payload);
    let checks = Some(checks(&view, &payload, &report));
    let document = Document::with_payload(&view, &payload);
    serde_json::to_value(Decoded { name: None, document, checks, warnings: vec![] }).map_err(|e| e.to_string())
}

/// The same for people.
pub(crate) fn as_text(octets: &[u8], keys: &Keystore) -> Result<String, String> {
    let view = MessageView::parse(octets).map_err(|e| e.to_string())?;
    let payload = Payload::of(&view).map_err(|e| e.to_string())?;
    let ring = Keyring::new(AwsLc, keys);
    let report = verify(ring.crypto(), &ring, &view, &payload);
    let told = Told { name: None, report: Some(&report), warnings: &[] };
    let mut out = Vec::new();
    write_message(&view, &payload, &told, Paint::stdout(When::Never), &mut out).map_err(|e| e.to_string())?;
    String::from_utf8(out).map_err(|e| e.to_string())
}
