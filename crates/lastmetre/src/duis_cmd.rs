//! `lastmetre duis`: service requests and responses on the command line.
mod mmc;

use crate::failure::Failure;
use crate::home::Home;
use crate::process::now;
use duis::certificate::signer_from_pem;
use duis::transform::OtherDevice;
use duis::xml::{Document, Text};
use duis::{
    Device, DeviceType, IssuerSerial, Party, Request, Requester, Response, Service, TransformContext, Transformed,
    XmlSigner, reference, signature,
};
use gbcs::catalogue::Originator;
use gbcs::certificate::Role;
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::keystore::{KeyName, Keystore};
use gbcs::{Eui64, Time, protect};
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
    /// Sign a request as the supplier of a home; an older signature is replaced
    Sign {
        /// The home's folder
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// Put the clock (milliseconds) into the RequestID; not for SRV 2.2 and Signed Pre-Commands, whose octets hold the counter
        #[arg(long)]
        new_counter: bool,
        /// The request
        file: PathBuf,
    },
    /// Service requests to GBCS, offline: the Pre-Command, and the Command signed and closed with the keys at hand
    Transform(TransformArgs),
    /// Responses and Alerts of devices in the words of the MMC schema
    Mmc(mmc::MmcArgs),
    /// Send a signed document to the web service of its Command Variant; print the answer
    Send {
        /// Scheme, host and port, such as http://127.0.0.1:8079
        #[arg(long, value_name = "URL")]
        to: String,
        /// The document
        file: PathBuf,
    },
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

/// `lastmetre duis transform`.
#[derive(clap::Args)]
pub struct TransformArgs {
    /// Keys: a JSON key store or a folder of PEM files
    #[arg(long, value_name = "PATH", required_unless_present = "home")]
    keys: Option<PathBuf>,
    /// A home: its keys and devices
    #[arg(long, value_name = "DIR", conflicts_with = "keys")]
    home: Option<PathBuf>,
    /// What a device is: EUI=ESME, also ESME-TWIN and ESME-3PH. Without it and without a home, devices, variants and counters are
    /// those of the public reference data, told by EUI and by file name
    #[arg(long, value_name = "EUI=TYPE", value_parser = parse_device)]
    device: Vec<(Eui64, Device)>,
    /// The time in issuer event ids of gas Commands (RFC 3339); by default that of the public reference data, so that the same
    /// request always gives the same octets. With --home, the clock
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<Time>,
    /// One JSON object per file
    #[arg(long)]
    json: bool,
    /// Service requests
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Run the command.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check { signers, json, files } => check(signers, *json, files),
        Command::Sign { home, new_counter, file } => sign(home, *new_counter, file),
        Command::Transform(args) => transform(args),
        Command::Mmc(args) => mmc::run(args),
        Command::Send { to, file } => send(to, file),
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
        let meaning = response.code.meaning().map_or(String::new(), |meaning| format!(" ({meaning})"));
        return Ok(format!("response {}{meaning}", response.code.as_str()));
    }
    let request = match known {
        Some(known) => Request::accept(&AwsLc, text, |c| known.get(c).copied()).map_err(|e| e.to_string())?,
        None => Request::parse(&document).map_err(|e| e.to_string())?,
    };
    let entry = request.check().map_err(|e| e.to_string())?;
    let header = &request.header;
    let signed = if known.is_some() { ", signature verified" } else { "" };
    Ok(format!(
        "request {} {} for {}, Command Variant {}{signed}",
        header.srv, entry.body, header.id.target, header.variant
    ))
}

fn sign(home: &Path, new_counter: bool, file: &Path) -> Result<ExitCode, Failure> {
    let keys = Home::open(home)?.keys;
    let fault = |e: &dyn std::fmt::Display| Failure::input(format!("{}: {e}", file.display()));
    let text = read(file)?;
    let mut request = Document::parse(&text).and_then(|d| Request::parse(&d)).map_err(|e| fault(&e))?;
    if new_counter {
        request.header.id.counter = gbcs::Counter(now().0);
    }
    print!("{}", request.sign(&AwsLc, &keys.supplier_xml.key).map_err(|e| fault(&e))?);
    Ok(ExitCode::SUCCESS)
}

fn transform(args: &TransformArgs) -> Result<ExitCode, Failure> {
    let home = args.home.as_deref().map(Home::open).transpose()?;
    let loaded;
    let (keys, acb, mut devices) = match (&home, &args.keys) {
        (Some(home), _) => {
            let who = &home.file.identities;
            let kinds = [(who.esme, DeviceType::Esme), (who.gsme, DeviceType::Gsme), (who.gpf, DeviceType::Gpf)];
            let more = [(who.chf, DeviceType::Chf), (who.ppmid, DeviceType::Ppmid)];
            let devices = kinds.into_iter().chain(more).map(|(eui, kind)| (eui, Device::new(kind))).collect();
            (&home.keys.store, who.acb, devices)
        }
        (None, Some(path)) => {
            loaded = Keystore::load(&AwsLc, path).map_err(Failure::input)?;
            let acb = loaded.with_role(Role::AccessControlBroker).next();
            (&loaded, acb.unwrap_or(reference::BROKER), BTreeMap::new())
        }
        (None, None) => return Err(Failure::input("--keys or --home is needed")),
    };
    devices.extend(args.device.iter().copied());
    let is_reference = home.is_none() && args.device.is_empty();
    let clock = if home.is_some() { now() } else { reference::CLOCK };
    let work = Work { keys, acb, devices, is_reference, now: args.now.unwrap_or(clock) };
    let mut code = ExitCode::SUCCESS;
    for file in &args.files {
        let name = file.display().to_string();
        match work.one(&read(file)?, file) {
            Ok(made) if args.json => say!("{}", made.json(&name)),
            Ok(made) => made.print(&name),
            Err(why) => {
                code = ExitCode::from(2);
                if args.json {
                    say!("{}", json!({ "file": name, "error": why }));
                } else {
                    eprintln!("error: {name}: {why}");
                }
            }
        }
    }
    Ok(code)
}

struct Work<'k> {
    keys: &'k Keystore,
    acb: Eui64,
    devices: BTreeMap<Eui64, Device>,
    /// Whether requests are those of the public reference data, as far as nothing else says.
    is_reference: bool,
    now: Time,
}

struct Made {
    transformed: Transformed,
    /// The Command, or why the keys at hand make none.
    command: Result<Vec<u8>, String>,
}

impl Work<'_> {
    fn one(&self, text: &str, file: &Path) -> Result<Made, String> {
        let request = Document::parse(text).and_then(|d| Request::parse(&d)).map_err(|e| e.to_string())?;
        let target = request.header.id.target;
        let certificate = |device| self.keys.certificates(KeyName::agreement(device)).first().cloned();
        let unknown = || format!("nothing says what device {target} is; --device {target:#}=ESME would");
        let transformed = if self.is_reference {
            let name = reference::Name::read(&file.file_name().unwrap_or_default().to_string_lossy());
            let kind = reference::device_type(target).ok_or_else(unknown)?;
            reference::make(&request, kind, &name, self.now, certificate)
        } else {
            let device = *self.devices.get(&target).ok_or_else(unknown)?;
            duis::transform(&request, &self.context(&request, device, certificate))
        };
        let transformed = transformed.map_err(|e| e.to_string())?;
        let command = self.command(&request, &transformed);
        Ok(Made { transformed, command })
    }

    /// What the inventory would know. The broker takes the request's counter for its own.
    fn context(
        &self,
        request: &Request,
        device: Device,
        certificate: impl Fn(Eui64) -> Option<Vec<u8>>,
    ) -> TransformContext {
        let id = request.header.id;
        let mut context = TransformContext::new(device, self.now);
        context.requester = match self.keys.role(id.originator) {
            Some(Role::NetworkOperator) => Requester::Known(Originator::NetworkOperator),
            Some(Role::LoadController) => Requester::Known(Originator::LoadController),
            Some(Role::Supplier) | None => Requester::Known(Originator::Supplier),
            Some(_) => Requester::Unknown,
        };
        context.broker = Some(Party { id: self.acb, counter: id.counter });
        // The DCC draws this number; here the same request gives the same one.
        let digits = format!("{:04}", id.counter.0 % 10_000);
        context.customer_number = digits.as_bytes().try_into().ok();
        let transitional = self.keys.with_role(Role::TransitionalCos).next();
        context.transitional_cos = transitional.map(|party| Party { id: party, counter: id.counter });
        context.other = request.body.other_device().and_then(|other| {
            let kind = self.devices.get(&other)?.kind;
            Some(OtherDevice { kind, certificate: certificate(other) })
        });
        context
    }

    /// Signed where critical, then the broker's MAC.
    fn command(&self, request: &Request, transformed: &Transformed) -> Result<Vec<u8>, String> {
        let first = |name: KeyName| {
            let key = self.keys.private_keys(name).first();
            key.ok_or_else(|| format!("no private key of {} at hand", name.owner))
        };
        let mut inner = transformed.octets.clone();
        if let Some(signer) = transformed.signer {
            inner = protect::sign(&AwsLc, first(KeyName::signing(signer))?, &inner).map_err(|e| e.to_string())?;
        }
        let device = KeyName::agreement(request.header.id.target);
        let device = self.keys.public_keys(device).first();
        let device = device.ok_or_else(|| format!("no key agreement key of {} at hand", request.header.id.target))?;
        let z = AwsLc.agree(first(KeyName::agreement(self.acb))?, device).map_err(|e| e.to_string())?;
        protect::add_mac(&AwsLc, &z, &inner).map_err(|e| e.to_string())
    }
}

impl Made {
    fn json(&self, file: &str) -> serde_json::Value {
        let mut line = json!({
            "file": file,
            "use_case": self.transformed.use_case.name,
            "message_code": self.transformed.use_case.code.to_string(),
        });
        if self.transformed.is_critical() {
            line["pre_command"] = hex::encode_upper(&self.transformed.octets).into();
        }
        match &self.command {
            Ok(command) => line["command"] = hex::encode_upper(command).into(),
            Err(why) => line["no_command"] = why.as_str().into(),
        }
        line
    }

    fn print(&self, file: &str) {
        say!("{file}: {} {}", self.transformed.use_case.name, self.transformed.use_case.code);
        if self.transformed.is_critical() {
            say!("  pre-command {}", hex::encode_upper(&self.transformed.octets));
        }
        match &self.command {
            Ok(command) => say!("  command     {}", hex::encode_upper(command)),
            Err(why) => say!("  no command: {why}"),
        }
    }
}

fn send(to: &str, file: &Path) -> Result<ExitCode, Failure> {
    let text = read(file)?;
    let fault = |e: &dyn std::fmt::Display| Failure::input(format!("{}: {e}", file.display()));
    let document = Document::parse(&text).map_err(|e| fault(&e))?;
    if !signature::is_signed(&document) {
        return Err(fault(&"not signed").hint("`lastmetre duis sign --home DIR FILE` signs it"));
    }
    let request = Request::parse(&document).map_err(|e| fault(&e))?;
    let service = request.header.variant.service();
    let service: Service = service.ok_or_else(|| fault(&"Command Variant 9 is never sent by a User"))?;
    let url = format!("{}{}", to.trim_end_matches('/'), service.path());
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::input)?;
    let answer = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let post = client.post(&url).header("Content-Type", "application/xml").body(text);
        post.send().await?.text().await
    });
    let answer = answer.map_err(|e| Failure::did_not_hold(format!("{url}: {e}")))?;
    say!("{answer}");
    let code = Document::parse(&answer).ok().and_then(|d| Response::parse(&d).ok()).map(|response| response.code);
    Ok(if code.is_some_and(|code| !code.as_str().starts_with('E')) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
