//! `lastmetre duis mmc`: what devices answered and told, in the words of the MMC schema.
use crate::failure::Failure;
use crate::gbcs_cmd::input::Line;
use crate::home::Home;
use duis::mmc::{Context, Mmc, Opener, message_of, mmc};
use duis::xml::Document;
use duis::{Response, Srv};
use gbcs::crypto::AwsLc;
use gbcs::keystore::{Keyring, Keystore};
use gbcs::verify::{Keys, encrypted};
use gbcs::{Eui64, MessageView, Payload};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `lastmetre duis mmc`.
#[derive(clap::Args)]
pub struct MmcArgs {
    /// Keys that open what is encrypted for the User: a JSON key store or a folder of PEM files. Without them it stays closed
    #[arg(long, value_name = "PATH")]
    keys: Option<PathBuf>,
    /// A home: its keys
    #[arg(long, value_name = "DIR", conflicts_with = "keys")]
    home: Option<PathBuf>,
    /// The service that was asked for, where a use case serves several and neither document nor line says which
    #[arg(long, value_name = "SRV")]
    srv: Option<Srv>,
    /// One JSON object per message, the document in "xml"
    #[arg(long)]
    json: bool,
    /// Messages, one a line: hex, base64, or JSON with a "hex" field and perhaps a "service"; or a Response of the DCC. - is standard
    /// input, and so is no file
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// A message of a device, and what is known of it.
struct Told {
    name: String,
    srv: Option<Srv>,
    octets: Result<Vec<u8>, String>,
}

pub(super) fn run(args: &MmcArgs) -> Result<ExitCode, Failure> {
    let store = match (&args.home, &args.keys) {
        (Some(dir), _) => Some(Home::open(dir)?.keys.store),
        (None, Some(path)) => Some(Keystore::load(&AwsLc, path).map_err(Failure::input)?),
        (None, None) => None,
    };
    let ring = store.as_ref().map(|store| Keyring::new(AwsLc, store));
    let open = |view: &MessageView<'_>, payload: &Payload| {
        ring.as_ref().map_or_else(Vec::new, |ring| encrypted(ring.crypto(), ring, view, payload))
    };
    let brokers: &[Eui64] = ring.as_ref().map_or(&[], |ring| ring.brokers());
    let opener: Option<Opener<'_>> = if ring.is_some() { Some(&open) } else { None };
    let mut code = ExitCode::SUCCESS;
    let stdin = [PathBuf::from("-")];
    for file in if args.files.is_empty() { &stdin[..] } else { &args.files } {
        for told in read(file)? {
            let context = Context { srv: args.srv.or(told.srv), brokers, opener };
            let made = told.octets.and_then(|octets| mmc(&octets, &context).map_err(|e| e.to_string()));
            if made.is_err() {
                code = ExitCode::from(2);
            }
            print(&told.name, made, args.json);
        }
    }
    Ok(code)
}

fn print(name: &str, made: Result<Mmc, String>, as_json: bool) {
    match (made, as_json) {
        (Ok(made), true) => say!("{}", json_line(name, &made)),
        (Ok(made), false) => say!("{}", made.xml),
        (Err(why), true) => say!("{}", json!({ "name": name, "error": why })),
        (Err(why), false) => eprintln!("error: {name}: {why}"),
    }
}

fn json_line(name: &str, made: &Mmc) -> Value {
    json!({
        "name": name,
        "srv": made.srv.map(|srv| srv.to_string()),
        "typed": made.typed,
        "gbcs_data": made.pieces,
        "xml": made.xml,
    })
}

/// The messages of a file: a Response of the DCC, or lines.
fn read(file: &Path) -> Result<Vec<Told>, Failure> {
    let text = crate::input::read(Some(file))?;
    if text.trim_start().starts_with('<') {
        let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        let (srv, octets) = match of_response(&text) {
            Ok((srv, octets)) => (srv, Ok(octets)),
            Err(why) => (None, Err(why)),
        };
        return Ok(vec![Told { name, srv, octets }]);
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let told = lines.map(|(n, text)| {
        let line = Line { file: file.to_owned(), number: n + 1, text: text.trim().to_owned() };
        match line.entry() {
            Ok(entry) => Told {
                name: entry.name.unwrap_or_else(|| line.place()),
                // A word that is no service, as of messages that belong to none, says nothing.
                srv: entry.service.and_then(|service| service.parse().ok()),
                octets: Ok(entry.octets),
            },
            Err(fault) => Told { name: line.place(), srv: None, octets: Err(fault.to_string()) },
        }
    });
    Ok(told.collect())
}

/// The message of a device in a Response of the DCC, and the service that it answers.
fn of_response(text: &str) -> Result<(Option<Srv>, Vec<u8>), String> {
    let response = Document::parse(text).and_then(|d| Response::parse(&d)).map_err(|e| e.to_string())?;
    let (octets, srv) = message_of(&response)
        .ok_or_else(|| format!("response {} brings no message of a device", response.code.as_str()))?;
    Ok((srv, octets.to_vec()))
}
