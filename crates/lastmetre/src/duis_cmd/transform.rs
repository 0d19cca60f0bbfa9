//! `lastmetre duis transform`: service requests to GBCS, offline.
use super::{parse_device, parse_time, read};
use crate::failure::Failure;
use crate::home::{EsmeVariant, Home};
use crate::process::now;
use duis::transform::OtherDevice;
use duis::xml::Document;
use duis::{Device, DeviceType, Party, Request, Requester, TransformContext, Transformed, reference};
use gbcs::catalogue::Originator;
use gbcs::certificate::Role;
use gbcs::crypto::{AwsLc, Crypto};
use gbcs::keystore::{KeyName, Keystore};
use gbcs::{Eui64, Time, protect};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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

/// Run it.
pub(super) fn transform(args: &TransformArgs) -> Result<ExitCode, Failure> {
    let home = args.home.as_deref().map(Home::open).transpose()?;
    let loaded;
    let (keys, acb, devices) = match (&home, &args.keys) {
        (Some(home), _) => (&home.keys.store, home.file.identities.acb, devices_of(home)),
        (None, Some(path)) => {
            loaded = Keystore::load(&AwsLc, path).map_err(Failure::input)?;
            (&loaded, broker_of(&loaded), BTreeMap::new())
        }
        (None, None) => return Err(Failure::input("--keys or --home is needed")),
    };
    let is_reference = home.is_none() && args.device.is_empty();
    let clock = if home.is_some() { now() } else { reference::CLOCK };
    let of_every_variant = |home: &&Home| home.file.meters.esme == EsmeVariant::Reference;
    let of_every_variant = home.as_ref().filter(of_every_variant).map(|home| home.file.identities.esme);
    let of_every_variant = of_every_variant.filter(|esme| args.device.iter().all(|(told, _)| told != esme));
    let mut work = Work { keys, acb, devices, is_reference, of_every_variant, now: args.now.unwrap_or(clock) };
    work.devices.extend(args.device.iter().copied());
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

/// The devices of a home.
pub(super) fn devices_of(home: &Home) -> BTreeMap<Eui64, Device> {
    let who = &home.file.identities;
    let kinds = [
        (who.gsme, DeviceType::Gsme),
        (who.gpf, DeviceType::Gpf),
        (who.chf, DeviceType::Chf),
        (who.ppmid, DeviceType::Ppmid),
    ];
    let others = kinds.into_iter().map(|(eui, kind)| (eui, Device::new(kind)));
    others.chain([(who.esme, home.file.meters.esme.device())]).collect()
}

/// The Access Control Broker of a key store.
pub(super) fn broker_of(keys: &Keystore) -> Eui64 {
    keys.with_role(Role::AccessControlBroker).next().unwrap_or(reference::BROKER)
}

/// What is known here of parties and devices.
pub(super) struct Work<'k> {
    pub keys: &'k Keystore,
    pub acb: Eui64,
    pub devices: BTreeMap<Eui64, Device>,
    /// Whether requests are those of the public reference data, as far as nothing else says.
    pub is_reference: bool,
    /// The meter that is of every variant: which of them a request means is told by file name.
    pub of_every_variant: Option<Eui64>,
    pub now: Time,
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
        let name = reference::Name::read(&file.file_name().unwrap_or_default().to_string_lossy());
        let transformed = if self.is_reference {
            let kind = reference::device_type(target).ok_or_else(unknown)?;
            reference::make(&request, kind, &name, self.now, certificate)
        } else {
            let device = *self.devices.get(&target).ok_or_else(unknown)?;
            let make = |device| duis::transform(&request, &self.context(&request, device));
            if self.of_every_variant == Some(target) {
                let device = Device { twin_element: name.twin_element, ..device };
                let polyphase = make(Device { poly_phase: true, ..device });
                match polyphase {
                    Ok(made) if made.use_case.name == name.use_case => Ok(made),
                    _ => make(device),
                }
            } else {
                make(device)
            }
        };
        let transformed = transformed.map_err(|e| e.to_string())?;
        let command = self.command(&request, &transformed);
        Ok(Made { transformed, command })
    }

    /// What the inventory would know. The broker takes the request's counter for its own.
    pub fn context(&self, request: &Request, device: Device) -> TransformContext {
        let certificate = |device| self.keys.certificates(KeyName::agreement(device)).first().cloned();
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
