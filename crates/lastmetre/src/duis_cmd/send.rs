//! `lastmetre duis send`: requests to a DCC, and what became of them.
use super::redact::redact;
use super::transform::{Work, broker_of, devices_of};
use super::{Known, Signers, describe, known, parse_device, read};
use crate::failure::Failure;
use crate::gbcs_cmd::decode;
use crate::home::{Home, xml_identity};
use crate::process::now;
use duis::catalogue::{self, Criticality};
use duis::client::{Errand, Fault, Progress, Retry, read_answer};
use duis::response::alert::Quarantined;
use duis::xml::{Document, Element};
use duis::{
    Body, CommandVariant, Content, DccEvent, Device, GbcsVersion, PreCommand, Request, RequestId, Response,
    ResponseBody, Service, SigningKey, TransformContext, reference, signature,
};
use gbcs::crypto::AwsLc;
use gbcs::keystore::{KeyName, Keystore};
use gbcs::{Counter, Eui64, MessageView, protect};
use headend::client::{DccClient, Transport, Undelivered};
use headend::receive::ReceiveService;
use headend::{DeviceKeys, Verdict, verify_response};
use link::{ClientTls, ServerTls, TlsError};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tracing::info;

/// `lastmetre duis send`.
#[derive(clap::Args)]
pub struct SendArgs {
    /// Scheme, host and port of the DCC, such as http://127.0.0.1:8079
    #[arg(long, value_name = "URL")]
    to: String,
    #[command(flatten)]
    signers: Signers,
    /// Keys of the User and of devices: a JSON key store or a folder of PEM files. Without it and without a home, documents go as they are
    /// and answers are printed as they come
    #[arg(long, value_name = "PATH", conflicts_with = "home", requires = "xml_key")]
    keys: Option<PathBuf>,
    /// The private key that signs documents, PKCS#8 in PEM
    #[arg(long, value_name = "FILE", requires_all = ["xml_certificate", "keys"], conflicts_with = "home")]
    xml_key: Option<PathBuf>,
    /// Its certificate, PEM
    #[arg(long, value_name = "FILE", requires = "xml_key")]
    xml_certificate: Option<PathBuf>,
    /// What a device is: EUI=ESME, also ESME-TWIN and ESME-3PH. Without it and without a home, by the EUIs of the public reference data
    #[arg(long, value_name = "EUI=TYPE", value_parser = parse_device)]
    device: Vec<(Eui64, Device)>,
    /// The Command Variant wanted: 1 to 3 of requests that are not critical, 4 to 7 of those that are (4 stops at the checked
    /// Pre-Command), 8 of the DCC's own. By default that of the request, and 5 where it is 4
    #[arg(long, value_name = "1..8", value_parser = clap::value_parser!(u8).range(1..=8))]
    variant: Option<u8>,
    /// The Command for local delivery, not sent: variant 2 or 6
    #[arg(long, conflicts_with = "variant")]
    local: bool,
    /// Put the clock (milliseconds) into the RequestID; not for SRV 2.2 and Signed Pre-Commands, whose octets hold the counter
    #[arg(long)]
    new_counter: bool,
    /// Serve a Receive Response Service here, which the DCC must know, and wait for what devices answer
    #[arg(long, value_name = "ADDR")]
    receive: Option<SocketAddr>,
    /// Who vouches for a DCC at https, PEM; otherwise as [dcc.tls] of the home says
    #[arg(long, value_name = "FILE", requires_all = ["tls_certificate", "tls_key"])]
    tls_authority: Option<PathBuf>,
    /// What it is shown, and what it is shown by --receive, PEM
    #[arg(long, value_name = "FILE", requires = "tls_authority")]
    tls_certificate: Option<PathBuf>,
    /// The private key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_authority")]
    tls_key: Option<PathBuf>,
    /// How long to wait for that, in seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    wait: u64,
    /// How long the DCC may take to answer, in seconds
    #[arg(long, value_name = "S", default_value_t = 10)]
    timeout: u64,
    /// How often the same document goes again where there is no answer
    #[arg(long, value_name = "N", default_value_t = 2)]
    retries: u32,
    /// Show UTRNs, and whole Commands that hold one
    #[arg(long)]
    show_secrets: bool,
    /// One JSON object for each thing that happened
    #[arg(long)]
    json: bool,
    /// Requests
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Run it.
pub(super) fn send(args: &SendArgs) -> Result<ExitCode, Failure> {
    let home = args.signers.home.as_deref().map(Home::open).transpose()?;
    let dcc = known(&args.signers)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::input)?;
    let timeout = Duration::from_secs(args.timeout);
    let (receive_tls, tls) = certificates(args, home.as_ref()).map_err(Failure::input)?.unzip();
    if args.to.starts_with("https:") && tls.is_none() {
        return Err(Failure::input(format!("{}: there are no certificates for TLS", args.to))
            .hint("--tls-authority, --tls-certificate and --tls-key name them, or [dcc.tls] of a home"));
    }
    let http = runtime.block_on(async { Transport { timeout, tls }.client() }).map_err(Failure::input)?;
    let client = DccClient::new(http, &args.to);
    let (loaded, identity);
    let (keys, acb, xml) = match (&home, &args.keys, &args.xml_key, &args.xml_certificate) {
        (Some(home), ..) => (&home.keys.store, home.file.identities.acb, &home.keys.supplier_xml.key),
        (None, Some(keys), Some(key), Some(certificate)) => {
            loaded = Keystore::load(&AwsLc, keys).map_err(Failure::input)?;
            identity = xml_identity(certificate, key)?;
            (&loaded, broker_of(&loaded), &identity.key)
        }
        _ => return runtime.block_on(as_they_are(args, &client)),
    };
    let dcc = dcc.ok_or_else(|| {
        Failure::input("nothing says who signs for the DCC")
            .hint("--certificates takes its certificate, or a folder of them")
    })?;
    let mut devices = home.as_ref().map(devices_of).unwrap_or_default();
    devices.extend(args.device.iter().copied());
    let sender = Sender { args, client, xml, dcc, work: Work { keys, acb, devices, is_reference: false, now: now() } };
    runtime.block_on(sender.run(receive_tls.map(|tls| (tls, acb))))
}

/// What is shown to the DCC, by the Receive Response Service and by the client.
fn certificates(args: &SendArgs, home: Option<&Home>) -> Result<Option<(ServerTls, ClientTls)>, TlsError> {
    match (&args.tls_authority, &args.tls_certificate, &args.tls_key, home) {
        (Some(authority), Some(certificate), Some(key), _) => {
            let server = ServerTls::from_pem_files(certificate, key, authority)?;
            Ok(Some((server, ClientTls::from_pem_files(certificate, key, authority)?)))
        }
        (.., Some(home)) => home.supplier_tls(),
        _ => Ok(None),
    }
}

/// Without keys: the document as it is, the answer as it comes.
async fn as_they_are(args: &SendArgs, client: &DccClient) -> Result<ExitCode, Failure> {
    let mut code = ExitCode::SUCCESS;
    for file in &args.files {
        let text = read(file)?;
        let fault = |e: &dyn std::fmt::Display| Failure::input(format!("{}: {e}", file.display()));
        let document = Document::parse(&text).map_err(|e| fault(&e))?;
        if !signature::is_signed(&document) {
            return Err(fault(&"not signed").hint("`lastmetre duis sign` signs it; so does --home here"));
        }
        let request = Request::parse(&document).map_err(|e| fault(&e))?;
        let service = service_of(request.header.variant).ok_or_else(|| fault(&NO_SERVICE))?;
        let answer = post(client, args.retries, service, &text).await;
        let answer = answer.map_err(|e| Failure::did_not_hold(format!("{}: {e}", args.to)))?;
        say!("{answer}");
        let response = Document::parse(&answer).ok().and_then(|d| Response::parse(&d).ok());
        if response.is_none_or(|response| response.code.is_error()) {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

const NO_SERVICE: &str = "Command Variant 9 is never sent by a User";

fn service_of(variant: CommandVariant) -> Option<Service> {
    variant.service()
}

/// The same document until there is an answer, with a longer pause each time (DUIS 5.5).
async fn post(client: &DccClient, retries: u32, service: Service, document: &str) -> Result<String, Undelivered> {
    let mut pause = Duration::from_millis(500);
    for _ in 0..retries {
        match client.send(service, document.to_owned()).await {
            Err(trouble) if trouble.may_pass() => {
                info!(%trouble, "the same document goes again");
                tokio::time::sleep(trouble.pause().unwrap_or(pause)).await;
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    client.send(service, document.to_owned()).await
}

struct Sender<'a> {
    args: &'a SendArgs,
    client: DccClient,
    xml: &'a SigningKey,
    dcc: Known,
    work: Work<'a>,
}

/// A Command that the DCC sends, and whose outcome it will tell.
struct Awaited {
    file: String,
    id: RequestId,
    critical: bool,
    /// The Command, or what the DCC makes it of.
    command: Option<Vec<u8>>,
}

/// What became of one document, in the order in which it is told.
type Line = Map<String, Value>;

impl Sender<'_> {
    async fn run(self, tls: Option<(ServerTls, Eui64)>) -> Result<ExitCode, Failure> {
        // Before anything is sent: an answer may come at once.
        let mut service = match self.args.receive {
            Some(addr) => {
                let started = ReceiveService::start(addr, tls, self.dcc.clone()).await;
                Some(started.map_err(|e| Failure::input(format!("--receive {addr}: {e}")))?)
            }
            None => None,
        };
        let mut requests = Vec::new();
        let mut last = 0;
        for file in &self.args.files {
            let request = self.request(file, &mut last)?;
            requests.push((file.display().to_string(), request));
        }
        let (mut held, mut awaited) = (true, Vec::new());
        for (file, errand) in requests {
            let mut line = Line::new();
            line.insert("file".into(), file.clone().into());
            let header = errand.request().header;
            line.insert("request_id".into(), header.id.to_string().into());
            line.insert("service".into(), header.srv.to_string().into());
            match self.see_through(errand, &mut line).await {
                Ok(Some(waits)) => awaited.push(Awaited { file, ..waits }),
                Ok(None) => {}
                Err(error) => {
                    held = false;
                    line.insert("error".into(), error.into());
                }
            }
            self.tell(&line);
        }
        if let Some(service) = &mut service {
            held &= self.wait(service, awaited).await;
        }
        Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The request of a file, checked as far as it can be before anybody is asked.
    fn request(&self, file: &Path, last: &mut u64) -> Result<Errand, Failure> {
        let fault = |e: &dyn std::fmt::Display| Failure::input(format!("{}: {e}", file.display()));
        let text = read(file)?;
        let mut request = Document::parse(&text).and_then(|d| Request::parse(&d)).map_err(|e| fault(&e))?;
        if self.args.new_counter {
            *last = now().0.max(*last + 1);
            request.header.id.counter = Counter(*last);
        }
        request.check().map_err(|e| fault(&e))?;
        request.check_values().map_err(|e| fault(&e))?;
        let wanted = self.wanted(&request);
        let errand = Errand::new(request, wanted).map_err(|e| fault(&e))?;
        service_of(wanted).ok_or_else(|| fault(&NO_SERVICE))?;
        Ok(errand)
    }

    fn wanted(&self, request: &Request) -> CommandVariant {
        let variant = request.header.variant;
        if let Some(wanted) = self.args.variant.and_then(CommandVariant::from_number) {
            return wanted;
        }
        let critical = catalogue::by_srv(request.header.srv).is_some_and(|e| e.criticality == Criticality::Critical);
        match (self.args.local, critical, variant) {
            (true, true, _) => CommandVariant::LocalSigned,
            (true, false, _) => CommandVariant::Local,
            (false, _, CommandVariant::Transform) => CommandVariant::SendSigned,
            _ => variant,
        }
    }

    /// One request until its Command, its answer or its end; gives what is to be waited for.
    async fn see_through(&self, mut errand: Errand, line: &mut Line) -> Result<Option<Awaited>, String> {
        loop {
            let document = errand.document();
            let id = document.header.id;
            let response = self.ask(&document).await.inspect_err(|_| told(line, "undelivered"))?;
            line.insert("code".into(), response.code.as_str().into());
            let context = self.context(errand.request(), &response);
            let sign = |octets: &[u8]| {
                let key = self.work.keys.private_keys(KeyName::signing(id.originator)).first();
                key.map(|key| protect::sign(&AwsLc, key, octets))
            };
            if sign_needed(&errand, &response)
                && self.work.keys.private_keys(KeyName::signing(id.originator)).is_empty()
            {
                told(line, "unsigned");
                return Err(format!("no private key of {} at hand to sign the Pre-Command", id.originator));
            }
            let context = match (context, needs_context(&errand, &response)) {
                (Some(context), _) => context,
                // Nothing of it is looked at.
                (None, false) => TransformContext::new(Device::new(duis::DeviceType::Esme), self.work.now),
                (None, true) => {
                    told(line, "unchecked");
                    return Err(format!(
                        "nothing says what device {} is, so what the DCC made cannot be checked; --device {:#}=ESME would",
                        id.target, id.target
                    ));
                }
            };
            let progress = errand.take(&response, &context, |octets| sign(octets).expect("a key is at hand"));
            match progress {
                Ok(Progress::Signed { made, .. }) => {
                    line.insert("use_case".into(), made.use_case.name.into());
                }
                Ok(Progress::PreCommand { made, pre_command }) => {
                    told(line, "pre_command");
                    line.insert("use_case".into(), made.use_case.name.into());
                    line.insert("pre_command".into(), hex::encode_upper(pre_command).into());
                    return Ok(None);
                }
                Ok(Progress::Command(command)) => {
                    told(line, "command");
                    line.insert("command".into(), hex::encode_upper(&command).into());
                    let sends = document.header.variant.sends_command();
                    return Ok(sends.then(|| self.awaited(&errand, Some(command), &context)));
                }
                Ok(Progress::Accepted) => {
                    told(line, "accepted");
                    return Ok(Some(self.awaited(&errand, None, &context)));
                }
                Ok(Progress::Done(content)) => {
                    told(line, "done");
                    if content != Content::Acknowledgement {
                        line.insert("answer".into(), contents(&response));
                    }
                    return Ok(None);
                }
                Err(fault) => {
                    let refused = matches!(fault, Fault::Refused(_));
                    told(line, if refused { "refused" } else { "differs" });
                    if Retry::after(&response.code) == Retry::NewCounter {
                        line.insert("retry".into(), "new counter".into());
                    }
                    return Err(fault.to_string());
                }
            }
        }
    }

    /// The DCC's answer to a document; what is no answer counts as none, and the same document goes again.
    async fn ask(&self, document: &Request) -> Result<Response, String> {
        let text = document.sign(&AwsLc, self.xml).map_err(|e| e.to_string())?;
        let service = service_of(document.header.variant).ok_or(NO_SERVICE)?;
        let mut tries = 0;
        loop {
            let answer =
                post(&self.client, self.args.retries - tries, service, &text).await.map_err(|e| e.to_string())?;
            let read = read_answer(&AwsLc, &answer, document.header.id, |c| self.dcc.get(c).copied());
            match read {
                Ok(response) => return Ok(response),
                Err(unusable) if tries < self.args.retries => {
                    info!(%unusable, "the same document goes again");
                    tokio::time::sleep(Duration::from_millis(500) * (tries + 1)).await;
                    tries += 1;
                }
                Err(unusable) => return Err(unusable.to_string()),
            }
        }
    }

    /// What is known of the device; its version of GBCS where the DCC tells it and nothing else does.
    fn context(&self, request: &Request, response: &Response) -> Option<TransformContext> {
        let target = request.header.id.target;
        let known = self.work.devices.get(&target).copied();
        let mut device = known.or_else(|| reference::device_type(target).map(Device::new))?;
        if let Some(Content::PreCommand(PreCommand { gbcs_version, .. })) = response.content()
            && let Ok(version) = gbcs_version.parse::<GbcsVersion>()
        {
            device.gbcs_version = version;
        }
        let mut context = self.work.context(request, device);
        context.now = now();
        Some(context)
    }

    fn awaited(&self, errand: &Errand, command: Option<Vec<u8>>, context: &TransformContext) -> Awaited {
        let request = errand.request();
        let critical = catalogue::by_srv(request.header.srv).is_some_and(|e| e.criticality == Criticality::Critical);
        let command = command.or_else(|| match errand.document().body {
            Body::SignedPreCommand(signed) => Some(signed.payload),
            _ => duis::transform(request, context).ok().map(|made| made.octets),
        });
        Awaited { file: String::new(), id: request.header.id, critical, command }
    }

    /// Takes what the DCC brings until everything is answered or time is up; whether it all went well.
    async fn wait(&self, service: &mut ReceiveService, mut awaited: Vec<Awaited>) -> bool {
        let until = Instant::now() + Duration::from_secs(self.args.wait);
        let mut held = true;
        while !awaited.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(Some(response)) = tokio::time::timeout(left, service.next()).await else { break };
            let about = response.about();
            let at = awaited.iter().position(|waits| Some(waits.id) == about);
            let mut line = Line::new();
            if let Some(at) = at {
                line.insert("file".into(), awaited[at].file.clone().into());
            }
            if let Some(about) = about {
                line.insert("request_id".into(), about.to_string().into());
            }
            line.insert("received".into(), describe(&response).into());
            let outcome = self.judge(&response, at.map(|at| &awaited[at]), &mut line);
            if let (Some(at), Some(good)) = (at, outcome) {
                awaited.remove(at);
                held &= good;
            }
            self.tell(&line);
        }
        for waits in &awaited {
            let mut line = Line::new();
            line.insert("file".into(), waits.file.clone().into());
            line.insert("request_id".into(), waits.id.to_string().into());
            told(&mut line, "unanswered");
            line.insert("error".into(), format!("no answer within {} s", self.args.wait).into());
            self.tell(&line);
        }
        held && awaited.is_empty()
    }

    /// What a received response says; `Some` if it ends the wait of what it is about, with whether all is well.
    fn judge(&self, response: &Response, waits: Option<&Awaited>, line: &mut Line) -> Option<bool> {
        let mut message = |octets: &[u8]| {
            let decoded = decode::as_json(octets, self.work.keys).unwrap_or_else(|e| json!({ "error": e }));
            if !self.args.json {
                let text = decode::as_text(octets, self.work.keys).unwrap_or_else(|e| format!("{e}\n"));
                line.insert("text".into(), text.into());
            }
            line.insert("message".into(), decoded);
        };
        match &response.body {
            ResponseBody::Message { content: Content::DeviceResponse(octets), .. } => {
                message(octets);
                let outcome = self.proof(octets, waits?);
                line.insert("verified".into(), outcome.is_ok().into());
                match outcome {
                    Ok(Verdict::Success) => told(line, "answered"),
                    Ok(Verdict::Failure(failure)) => {
                        told(line, "device_refused");
                        let what = format!("result {} to instruction {}", failure.result, failure.instruction);
                        line.insert("error".into(), what.into());
                        return Some(false);
                    }
                    Err(why) => {
                        told(line, "not_proved");
                        line.insert("error".into(), why.into());
                        return Some(false);
                    }
                }
                Some(true)
            }
            ResponseBody::Message { content: Content::Acknowledgement, .. } => {
                line.insert("code".into(), response.code.as_str().into());
                if !response.code.is_error() {
                    return None;
                }
                told(line, "refused");
                if Retry::after(&response.code) == Retry::NewCounter {
                    line.insert("retry".into(), "new counter".into());
                }
                Some(false)
            }
            ResponseBody::Message { content, .. } => {
                match content {
                    Content::FutureDatedAlert(alert) => message(&alert.payload),
                    Content::CustomerNumber(answer) => message(&answer.payload),
                    Content::Scheduled(scheduled) => message(&scheduled.payload),
                    _ => drop(line.insert("answer".into(), contents(response))),
                }
                // The answer to 9.1 is whole; a dated instruction is done long after the Response to its Command.
                let is_answer = matches!(content, Content::CustomerNumber(_));
                is_answer.then(|| told(line, "answered")).map(|()| true)
            }
            ResponseBody::DeviceAlert(alert) => {
                message(&alert.payload);
                None
            }
            ResponseBody::DccAlert(alert) => {
                line.insert("answer".into(), contents(response));
                match &alert.event {
                    DccEvent::CommandFailure(_) => told(line, "failed"),
                    DccEvent::Quarantined(Quarantined::User(_) | Quarantined::Dcc(_) | Quarantined::Attribute(_)) => {
                        told(line, "quarantined");
                    }
                    _ => return None,
                }
                Some(false)
            }
            ResponseBody::Other(_) => None,
        }
    }

    /// Whether octets are the device's answer to the Command, and what it says.
    fn proof(&self, octets: &[u8], waits: &Awaited) -> Result<Verdict, String> {
        let command = waits.command.as_deref().ok_or("the Command is not known here")?;
        let command = MessageView::parse(command).map_err(|e| e.to_string())?;
        let keys = self.work.keys;
        let device = waits.id.target;
        let ours = keys.private_keys(KeyName::agreement(waits.id.originator)).first();
        let ours = ours.ok_or_else(|| format!("no key agreement key of {} at hand", waits.id.originator))?;
        // Of a device that took a new certificate the keys at hand are several.
        let signing = keys.public_keys(KeyName::signing(device)).iter();
        let both = signing.flat_map(|signing| {
            let agreement = keys.public_keys(KeyName::agreement(device)).iter();
            agreement.map(|agreement| DeviceKeys { signing: *signing, agreement: *agreement })
        });
        let mut verdict = Err(format!("no keys of device {device} at hand"));
        for theirs in both {
            verdict = verify_response(&command, waits.critical, octets, ours, &theirs).map_err(|e| e.to_string());
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }

    fn tell(&self, line: &Line) {
        let mut line = Value::Object(line.clone());
        if !self.args.show_secrets {
            redact(&mut line);
        }
        if self.args.json {
            say!("{line}");
            return;
        }
        let word = |name: &str| line.get(name).and_then(Value::as_str);
        let head: Vec<_> = ["file", "request_id", "received"].into_iter().filter_map(word).collect();
        let outcome = word("outcome").map_or(String::new(), |outcome| format!(": {}", outcome.replace('_', " ")));
        let code = word("code").map_or(String::new(), |code| format!(" ({code})"));
        say!("{}{outcome}{code}", head.join(" "));
        for name in ["use_case", "pre_command", "command", "error", "retry"] {
            if let Some(text) = word(name) {
                say!("  {}: {text}", name.replace('_', " "));
            }
        }
        if let Some(answer) = line.get("answer") {
            show(answer, 1);
        }
        if let Some(text) = word("text") {
            text.lines().for_each(|text| say!("  {text}"));
        }
    }
}

fn told(line: &mut Line, outcome: &str) {
    line.insert("outcome".into(), outcome.into());
}

/// Whether the next thing to do is to sign.
fn sign_needed(errand: &Errand, response: &Response) -> bool {
    let is_first = errand.document().header.variant == CommandVariant::Transform;
    let goes_on = errand.wanted() != CommandVariant::Transform;
    is_first && goes_on && matches!(response.content(), Some(Content::PreCommand(_)))
}

/// Whether an answer must be compared with what was asked.
fn needs_context(errand: &Errand, response: &Response) -> bool {
    match response.content() {
        Some(Content::PreCommand(_)) => true,
        Some(Content::LocalCommand(_)) => !matches!(errand.document().body, Body::SignedPreCommand(_)),
        _ => false,
    }
}

/// What a response holds, as its elements name it.
fn contents(response: &Response) -> Value {
    let text = response.to_xml();
    let Ok(document) = Document::parse(&text) else { return Value::Null };
    let body = document.root().children_beside(&["schemaVersion"]).and_then(|mut root| {
        root.expect("Header")?;
        root.expect("Body")?.children()?.any("a message")
    });
    body.map_or(Value::Null, shape)
}

/// An element as JSON: text, or its children by name, those of one name as a list.
fn shape(element: Element<'_>) -> Value {
    let text = || element.text_beside_attributes().map_or(Value::Null, |text| text.into_owned().into());
    let Ok(mut children) = element.children_beside(&["schemaVersion"]) else { return text() };
    if children.is_at_end() {
        return text();
    }
    let mut fields = Map::new();
    while !children.is_at_end() {
        let Ok(Some(child)) = children.any_optional() else { continue };
        let value = shape(child);
        match fields.get_mut(child.name()) {
            None => drop(fields.insert(child.name().to_owned(), value)),
            Some(Value::Array(list)) => list.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    fields.into()
}

/// The same for people.
fn show(value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        match value {
            Value::String(text) => say!("{indent}{name}: {text}"),
            Value::Array(list) => {
                for one in list {
                    say!("{indent}{name}:");
                    show(one, depth + 1);
                }
            }
            other => {
                say!("{indent}{name}:");
                show(other, depth + 1);
            }
        }
    }
}
