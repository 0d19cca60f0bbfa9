//! A gateway on virtual time, and what its User hears.
use super::*;
use dcc::DccConfig;
use dcc::gateway::{Answer, Gateway, Tick};
use dcc::store::Store;
use duis::body::SignedPreCommand;
use duis::{Content, Execution, Response, ResponseBody, Service};
use gbcs::{GroupingHeader, Message, MessageView, Time, protect};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const START: Time = Time::from_seconds(1_790_000_000);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

pub struct Desk {
    pub gateway: Gateway,
    now: Cell<Time>,
    heard: Cell<i64>,
    documents: RefCell<Vec<String>>,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(config(None), None)
    }

    pub fn with(config: DccConfig, store: Option<&Path>) -> Self {
        Self::at(START, config, store)
    }

    /// Started at this time, perhaps again over the same store.
    pub fn at(now: Time, config: DccConfig, store: Option<&Path>) -> Self {
        let gateway = Gateway::new(config, Store::open(store).unwrap()).unwrap();
        Self { gateway, now: Cell::new(now), heard: Cell::new(0), documents: RefCell::default() }
    }

    pub fn now(&self) -> Time {
        self.now.get()
    }

    /// Time passes; the gateway does at each moment what is due then.
    pub fn pass(&self, by: Duration) {
        let until = self.now() + by;
        loop {
            let tick = self.tick();
            if tick.next > until {
                break;
            }
            self.now.set(tick.next.max(self.now() + Duration::from_millis(1)));
        }
        self.now.set(until);
        self.tick();
    }

    /// The clock jumps: nobody looked meanwhile.
    pub fn jump(&self, to: Time) {
        self.now.set(to);
    }

    pub fn tick(&self) -> Tick {
        self.gateway.tick(self.now()).unwrap()
    }

    pub fn ask_signed(&self, service: Service, xml: &str) -> Response {
        match self.gateway.handle(service, xml, self.now()) {
            Answer::Document(xml) => self.read(xml),
            other => panic!("no document: {other:?}"),
        }
    }

    /// The answer to a request of the supplier, at the service of its Command Variant.
    pub fn ask(&self, request: &Request) -> Response {
        self.ask_signed(request.header.variant.service().unwrap(), &signed(request))
    }

    pub fn code(&self, request: &Request) -> String {
        self.ask(request).code.as_str().to_owned()
    }

    /// What Users were told since this was called last.
    pub fn told(&self) -> Vec<Response> {
        self.tick();
        let waiting = self.waiting();
        if let Some(last) = waiting.last() {
            self.heard.set(last.row);
        }
        waiting.into_iter().map(|callback| self.read(callback.xml)).collect()
    }

    pub fn told_one(&self) -> Response {
        let told = self.told();
        let [one] = &told[..] else { panic!("told {told:#?}") };
        one.clone()
    }

    /// The Commands that wait for the WAN, which are thereby sent.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.tick();
        let next = || {
            let outbound = self.gateway.store.next_unsent(CHF).unwrap()?;
            self.gateway.store.mark_sent(outbound.row, self.now()).unwrap();
            Some(outbound.command)
        };
        std::iter::from_fn(next).collect()
    }

    pub fn sent_one(&self) -> Vec<u8> {
        let sent = self.sent();
        let [one] = &sent[..] else { panic!("{} Commands were sent", sent.len()) };
        one.clone()
    }

    /// The WAN brings a message.
    pub fn brought(&self, octets: &[u8]) {
        self.gateway.receive(octets, self.now()).unwrap();
        self.tick();
    }

    /// The Pre-Command of a critical request, signed.
    pub fn sign(&self, request: &Request) -> Vec<u8> {
        let response = self.ask(&Request { header: transforming(request), ..request.clone() });
        let Some(Content::PreCommand(made)) = response.content() else { panic!("{response:#?}") };
        protect::sign(&AwsLc, &key(SUPPLIER_GBCS), &made.payload).unwrap()
    }

    /// Documents for the supplier that were not told before.
    fn waiting(&self) -> Vec<dcc::store::Callback> {
        self.gateway.store.undelivered(SUPPLIER, self.heard.get()).unwrap()
    }

    fn read(&self, xml: String) -> Response {
        let (certificate, dcc) = signer(DCC_XML, ACB, SignerRole::DspXmlSign);
        let response =
            Response::accept(&AwsLc, &xml, |c| (*c == certificate).then_some(dcc)).expect("signed by the DCC");
        self.documents.borrow_mut().push(xml);
        response
    }
}

/// Every document that anybody was given is of the schema.
impl Drop for Desk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            valid(&self.documents.borrow());
        }
    }
}

/// Panics when xmllint finds that a document is not of the schema; says so where it cannot look.
pub fn valid(documents: &[String]) {
    let schema = shared("duis/duis-offline.xsd");
    let has_xmllint = Command::new("xmllint").arg("--version").output().is_ok();
    if !schema.exists() || !has_xmllint {
        eprintln!("skipped: no xmllint, or no schema at {}", schema.display());
        return;
    }
    if documents.is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..documents.len()).map(|n| folder.path().join(format!("{n}.xml"))).collect();
    for (file, document) in files.iter().zip(documents) {
        std::fs::write(file, document).unwrap();
    }
    let output =
        Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).arg(schema).args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Reference data that is not part of this repository.
pub fn shared(path: &str) -> PathBuf {
    let root = std::env::var_os("LASTMETRE_SHARED").map(PathBuf::from);
    root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")).join(path)
}

fn transforming(request: &Request) -> duis::RequestHeader {
    duis::RequestHeader { variant: CommandVariant::Transform, ..request.header }
}

/// The request for a Command of a Signed Pre-Command.
pub fn with_signature(request: &Request, variant: CommandVariant, payload: Vec<u8>) -> Request {
    let execution = request.body.execution();
    let body = Body::SignedPreCommand(SignedPreCommand { execution, payload });
    Request { header: duis::RequestHeader { variant, ..request.header }, body, ..request.clone() }
}

/// SRV 4.18, over the WAN.
pub fn read_balance(counter: u64) -> Request {
    request(ESME, counter, "4.18", CommandVariant::Send, Body::plain("ReadMeterBalance").unwrap())
}

/// SRV 4.18, at its date.
pub fn read_balance_at(counter: u64, execution: Execution) -> Request {
    request(ESME, counter, "4.18", CommandVariant::Send, Body::Plain { element: "ReadMeterBalance", execution })
}

/// What the electricity meter answers: a balance, or that it may not be read.
pub fn answer(command: &[u8], succeeds: bool) -> Vec<u8> {
    let view = MessageView::parse(command).unwrap();
    let header = GroupingHeader::new(view.id().answer(), view.message_code());
    let payload = match succeeds {
        true => vec![0xDA, 0x20, 0, 0, 1, 0, 0, 1, 5, 0, 3, 0xD0, 0x90, 1, 1, 0],
        false => vec![0xDA, 0x20, 0, 0, 1, 0, 0, 1, 0, 1, 1, 3],
    };
    // Between meter and User: the DCC cannot check this MAC.
    let z = AwsLc.agree(&key(ESME_KA), key(40).public()).unwrap();
    protect::add_mac(&AwsLc, &z, &Message::plain(header, payload).encode()).unwrap()
}

/// A message of the electricity meter that it signs.
pub fn signed_by_meter(header: GroupingHeader, payload: Vec<u8>) -> Vec<u8> {
    protect::sign(&AwsLc, &key(ESME_KA + 1), &Message::plain(header, payload).encode()).unwrap()
}

pub fn alert_of(response: &Response) -> &duis::DccAlert {
    match &response.body {
        ResponseBody::DccAlert(alert) => alert,
        other => panic!("no DCC alert: {other:?}"),
    }
}
