//! `lastmetre duis`: service requests and responses on the command line.
mod mmc;
mod redact;
mod send;
mod transform;

use crate::failure::Failure;
use crate::home::Home;
use crate::process::now;
use duis::certificate::signer_from_pem;
use duis::xml::{Document, Text};
use duis::{Device, DeviceType, IssuerSerial, Request, Response, ResponseBody, XmlSigner, signature};
use gbcs::crypto::AwsLc;
use gbcs::{Eui64, Time};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do with documents.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Structure, and the signature where certificates are given
    Check {
        #[command(flatten)]
        signers: Signers,
        /// One JSON object per file
        #[arg(long)]
        json: bool,
        /// Requests or responses
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Sign a request; an older signature is replaced
    Sign {
        #[command(flatten)]
        signer: XmlKey,
        /// Put the clock (milliseconds) into the RequestID; not for SRV 2.2 and Signed Pre-Commands, whose octets hold the counter
        #[arg(long)]
        new_counter: bool,
        /// The request
        file: PathBuf,
    },
    /// Service requests to GBCS, offline: the Pre-Command, and the Command signed and closed with the keys at hand
    Transform(transform::TransformArgs),
    /// Responses and Alerts of devices in the words of the MMC schema
    Mmc(mmc::MmcArgs),
    /// Send requests to a DCC and see them through: critical ones are transformed, checked, signed and sent; copies for local delivery are
    /// checked; answers that the DCC brings later are waited for
    Send(Box<send::SendArgs>),
}

/// Who signs documents.
#[derive(clap::Args)]
pub struct XmlKey {
    /// A home: its supplier signs
    #[arg(long, value_name = "DIR", required_unless_present = "xml_key")]
    home: Option<PathBuf>,
    /// The private key that signs, PKCS#8 in PEM
    #[arg(long, value_name = "FILE", requires = "xml_certificate", conflicts_with = "home")]
    xml_key: Option<PathBuf>,
    /// Its certificate, PEM
    #[arg(long, value_name = "FILE", requires = "xml_key")]
    xml_certificate: Option<PathBuf>,
}

/// Whose signatures count.
#[derive(clap::Args)]
#[group(multiple = true)]
pub struct Signers {
    /// A home: its supplier and its DCC
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// A certificate in PEM, or a folder of them
    #[arg(long, value_name = "PATH")]
    certificates: Vec<PathBuf>,
}

/// Run the command.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check { signers, json, files } => check(signers, *json, files),
        Command::Sign { signer, new_counter, file } => sign(signer, *new_counter, file),
        Command::Transform(args) => transform::transform(args),
        Command::Mmc(args) => mmc::run(args),
        Command::Send(args) => send::send(args),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    crate::input::read(Some(file))
}

type Known = BTreeMap<IssuerSerial, XmlSigner>;

fn known(signers: &Signers) -> Result<Option<Known>, Failure> {
    if signers.home.is_none() && signers.certificates.is_empty() {
        return Ok(None);
    }
    let mut known = Known::new();
    if let Some(dir) = &signers.home {
        let keys = Home::open(dir)?.keys;
        known.extend([keys.supplier_xml.signer, keys.dcc_xml.signer]);
    }
    for path in &signers.certificates {
        let fault = |e: std::io::Error| Failure::input(format!("{}: {e}", path.display()));
        let mut files = vec![path.clone()];
        if path.is_dir() {
            files = std::fs::read_dir(path).map_err(fault)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.retain(|file| file.extension().is_some_and(|e| e == "pem" || e == "crt"));
            files.sort();
        }
        for file in files {
            match signer_from_pem(&AwsLc, &read(&file)?) {
                Ok(signer) => drop(known.insert(signer.0, signer.1)),
                // A folder may hold what signs no XML; a file named by hand is meant.
                Err(_) if path.is_dir() => {}
                Err(error) => return Err(Failure::input(format!("{}: {error}", file.display()))),
            }
        }
    }
    Ok(Some(known))
}

fn check(signers: &Signers, as_json: bool, files: &[PathBuf]) -> Result<ExitCode, Failure> {
    let known = known(signers)?;
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let text = read(file)?;
        let verdict = check_one(&text, known.as_ref());
        if verdict.is_err() {
            code = ExitCode::FAILURE;
        }
        let name = file.display().to_string();
        match (as_json, verdict) {
            (true, Ok(what)) => say!("{}", json!({ "file": name, "ok": true, "is": what })),
            (true, Err(why)) => say!("{}", json!({ "file": name, "ok": false, "error": why })),
            (false, Ok(what)) => say!("{name}: {what}"),
            (false, Err(why)) => say!("{name}: NOT accepted: {why}"),
        }
    }
    Ok(code)
}

/// What a document is, or why it is not accepted.
fn check_one(text: &str, known: Option<&Known>) -> Result<String, String> {
    let document = Document::parse(text).map_err(|e| e.to_string())?;
    if document.root_named("Response").is_ok() {
        let response = match known {
            Some(known) => Response::accept(&AwsLc, text, |c| known.get(c).copied()).map_err(|e| e.to_string())?,
            None => Response::parse(&document).map_err(|e| e.to_string())?,
        };
        let signed = if known.is_some() && signature::is_signed(&document) { ", signature verified" } else { "" };
        return Ok(format!("{}{signed}", describe(&response)));
    }
    let request = match known {
        Some(known) => Request::accept(&AwsLc, text, |c| known.get(c).copied()).map_err(|e| e.to_string())?,
        None => Request::parse(&document).map_err(|e| e.to_string())?,
    };
    let entry = request.check().map_err(|e| e.to_string())?;
    request.check_values().map_err(|e| e.to_string())?;
    let header = &request.header;
    let signed = if known.is_some() { ", signature verified" } else { "" };
    Ok(format!(
        "request {} {} for {}, Command Variant {}{signed}",
        header.srv, entry.body, header.id.target, header.variant
    ))
}

/// A response or an alert in one line.
fn describe(response: &Response) -> String {
    let meaning = response.code.meaning().map_or(String::new(), |meaning| format!(" ({meaning})"));
    match &response.body {
        ResponseBody::Message { srv, content } => {
            let what = content.element().map_or(String::new(), |element| format!(", {element}"));
            format!("response {}{meaning} of {srv}{what}", response.code)
        }
        ResponseBody::DeviceAlert(alert) => {
            let device = response.device().map_or(String::new(), |device| format!(" of {device}"));
            format!("device alert {}{device}", alert.code)
        }
        ResponseBody::DccAlert(alert) => {
            let meaning = alert.code.meaning().filter(|known| known.event == alert.event.element());
            let meaning = meaning.map_or(String::new(), |known| format!(" ({})", known.meaning));
            let about = response.about().map_or(String::new(), |request| format!(" about {request}"));
            format!("DCC alert {}, {}{meaning}{about}", alert.code, alert.event.element())
        }
        ResponseBody::Other(other) => {
            format!("response {}{meaning}, {}, which is not read", response.code, other.element)
        }
    }
}

fn sign(signer: &XmlKey, new_counter: bool, file: &Path) -> Result<ExitCode, Failure> {
    let key = match (&signer.home, &signer.xml_key, &signer.xml_certificate) {
        (Some(home), ..) => Home::open(home)?.keys.supplier_xml.key,
        (None, Some(key), Some(certificate)) => crate::home::xml_identity(certificate, key)?.key,
        _ => return Err(Failure::input("--home, or --xml-key and --xml-certificate, is needed")),
    };
    let fault = |e: &dyn std::fmt::Display| Failure::input(format!("{}: {e}", file.display()));
    let text = read(file)?;
    let mut request = Document::parse(&text).and_then(|d| Request::parse(&d)).map_err(|e| fault(&e))?;
    if new_counter {
        request.header.id.counter = gbcs::Counter(now().0);
    }
    print!("{}", request.sign(&AwsLc, &key).map_err(|e| fault(&e))?);
    Ok(ExitCode::SUCCESS)
}

fn parse_device(text: &str) -> Result<(Eui64, Device), String> {
    let (eui, kind) = text.split_once('=').ok_or("EUI=TYPE expected, such as 00DB1234567890A0=ESME")?;
    let eui = eui.parse().map_err(|e| format!("{eui}: {e}"))?;
    let twin_element = kind.eq_ignore_ascii_case("ESME-TWIN");
    let poly_phase = kind.eq_ignore_ascii_case("ESME-3PH");
    let kind = if twin_element || poly_phase { "ESME" } else { kind };
    let known = DeviceType::read(&kind.to_ascii_uppercase()).ok_or(format!("{kind}: no device type"))?;
    Ok((eui, Device { twin_element, poly_phase, ..Device::new(known) }))
}

fn parse_time(text: &str) -> Result<Time, String> {
    duis::time::parse(text).ok_or_else(|| format!("{text}: a time such as 2026-01-01T00:00:00Z expected"))
}
