//! `lastmetre demo`: the whole journey in one process. Real sockets for the DCC, the broker and the head end; virtual radio and
//! virtual time for the home; fresh keys in a temporary folder.
mod han;

mod outcome;
mod progress;
pub mod story;

pub use han::keys_beside;

use crate::failure::Failure;
use crate::home::{self, Home, NewHome, PaymentMode, Profile, Wan};
use crate::process::{now, servers};
use ::headend::HeadEndHandle;
use ::headend::config::Deadlines;
use dcc::WanState;
use delivery::{DeliveryId, Kind};
use duis::Request;
use duis::xml::Document;
use gbcs::Time;
use outcome::Asked;
use progress::View;
use sim::PartEvent;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// The options.
#[derive(clap::Args)]
pub struct Args {
    /// The WAN: `flaky` is away until the head end is at a loss, then returns
    #[arg(long, value_enum, default_value = "down")]
    wan: Wan,
    /// What the Communications Hub takes from a PPMID, and where Responses go
    #[arg(long, value_enum, default_value = "assured")]
    profile: Profile,
    /// How Commands travel
    #[arg(long, value_enum, default_value = "wifi")]
    route: Route,
    /// A service request to deliver, instead of the five of the demo; the counter in it is replaced
    #[arg(long = "request", value_name = "FILE.xml")]
    requests: Vec<PathBuf>,
    /// Capture what is on the air here, and write its keys to FILE.keys
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Leave the protection of NWK and APS out of the capture, for tools that have no keys
    #[arg(long, requires = "pcap")]
    clear: bool,
    /// Send what is on the air here as ZEP v2 while it is: Wireshark shows UDP port 17754 unasked
    #[arg(long, value_name = "ADDRESS:PORT")]
    zep: Option<SocketAddr>,
    /// One JSON object per delivery, then one for the whole
    #[arg(long)]
    json: bool,
    /// Tell what every device does
    #[arg(long, short)]
    verbose: bool,
}

/// How Commands travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Route {
    /// To the PPMID over MQTT, as over the home's Wi-Fi
    Wifi,
    /// By the DCC over the WAN
    Wan,
}

/// The demo's own requests, as a supplier's system would hand them over.
const REQUESTS: [(&str, &str); 5] = [
    ("electricity-price", include_str!("../../../../examples/requests/electricity-price.xml")),
    ("electricity-credit", include_str!("../../../../examples/requests/electricity-credit.xml")),
    ("electricity-debt", include_str!("../../../../examples/requests/electricity-debt.xml")),
    ("electricity-payment-mode", include_str!("../../../../examples/requests/electricity-payment-mode.xml")),
    ("gas-credit", include_str!("../../../../examples/requests/gas-credit.xml")),
];

/// In the demo nobody waits for a sleeping meter's half hour: virtual time runs ahead. Where an answer can come, a slow machine has
/// time to bring it; where none can, a second of silence says so.
fn deadlines(args: &Args) -> Deadlines {
    let an_answer_can_come = args.profile == Profile::Assured || args.wan == Wan::Up;
    Deadlines {
        receipt: Duration::from_secs(5),
        held: Duration::from_secs(5),
        answer: Duration::from_secs(if an_answer_can_come { 20 } else { 1 }),
        retry_first: Duration::from_millis(100),
        ..Deadlines::default()
    }
}

/// How long answers may take once the WAN has returned.
const AFTER_RETURN: Duration = Duration::from_secs(10);

/// However it goes, the demo ends.
const AT_MOST: Duration = Duration::from_secs(60);

/// Run it.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    crate::log_to_stderr("error");
    let requests = requests(&args.requests)?;
    let folder = tempfile::tempdir().map_err(Failure::input)?;
    let dir = folder.path().join("home");
    // The customer pays by bill until one of the Commands changes that.
    let payment_mode = PaymentMode::Credit;
    home::create(&NewHome { profile: args.profile, wan: args.wan, payment_mode, apart: true, ..NewHome::at(&dir) })?;
    let home = Home::open(&dir)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::input)?;
    let holds = runtime.block_on(deliver(args, &home, requests))?;
    runtime.shutdown_background();
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The requests to deliver, with the names they are shown by.
fn requests(files: &[PathBuf]) -> Result<Vec<(String, String, Request)>, Failure> {
    if files.is_empty() {
        let own = REQUESTS.iter().map(|(name, xml)| parse(name, name, (*xml).to_owned()));
        return own.collect();
    }
    let read = |file: &PathBuf| {
        let path = file.display().to_string();
        let xml = std::fs::read_to_string(file).map_err(|e| Failure::input(format!("{path}: {e}")))?;
        parse(&file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy(), &path, xml)
    };
    files.iter().map(read).collect()
}

/// A request with its name; `place` is where it comes from.
fn parse(name: &str, place: &str, xml: String) -> Result<(String, String, Request), Failure> {
    let request = Document::parse(&xml).and_then(|document| Request::parse(&document));
    let request = request.map_err(|e| Failure::input(format!("{place}: {e}")))?;
    Ok((name.to_owned(), xml, request))
}

/// What the demo saw of one delivery.
pub struct Delivery {
    /// The request's name.
    name: String,
    id: DeliveryId,
    request: Request,
    kind: Kind,
    /// The state with its details.
    state: String,
    /// What was said last about it.
    detail: Option<String>,
    accepted: Time,
    ended: Option<Time>,
}

impl Delivery {
    fn elapsed(&self) -> Duration {
        self.ended.unwrap_or_else(now).since(self.accepted)
    }
}

async fn deliver(args: &Args, home: &Home, requests: Vec<(String, String, Request)>) -> Result<bool, Failure> {
    let (began, start) = (Instant::now(), now());
    let dcc = servers::start_dcc(home).await?;
    if args.wan == Wan::Flaky {
        // Here it returns when its absence has been seen, not by the clock.
        dcc.set_wan(WanState::Down);
    }
    let headend = servers::start_headend(home, deadlines(args)).await?;
    let capture = args.pcap.as_deref().map(|path| han::Capture::create(path, home, args.clear)?.tap()).transpose()?;
    let stream = args.zep.map(han::stream).transpose()?;
    let capture = match (capture, stream) {
        (Some(mut file), Some(mut live)) => Some(Box::new(move |at: Time, frame: &[u8]| {
            file(at, frame);
            live(at, frame);
        }) as sim::Capture),
        (file, live) => file.or(live),
    };
    let (tell, mut device_events) = mpsc::unbounded_channel();
    let devices = han::Devices::start(home, capture, tell)?;
    let before = devices.readings();
    let (stop, stopped) = oneshot::channel();
    let devices = tokio::spawn(devices.run(stopped));
    let mut progress = headend.subscribe();

    let api = Api::new(home, &headend)?;
    let mut deliveries = Vec::new();
    for (name, xml, request) in requests {
        let id = api.order(&name, xml, args.route).await?;
        deliveries.push(Delivery {
            name,
            id,
            request,
            kind: Kind::Requested,
            state: Kind::Requested.to_string(),
            detail: None,
            accepted: now(),
            ended: None,
        });
    }
    let mut view = View::new(args.json, start);
    let mut refused_by_hub = Vec::new();
    let deadline = began + AT_MOST;
    let mut wan_returned = args.wan != Wan::Flaky;
    let mut give_up = None;
    loop {
        if deliveries.iter().all(|d| d.kind.is_terminal()) {
            break;
        }
        if !at_a_loss(&deliveries) {
            give_up = None;
        } else if !wan_returned {
            // The bad weather of this demo ends when it has been seen.
            wan_returned = true;
            view.say("the WAN returns");
            dcc.set_wan(WanState::Up);
        } else if args.wan == Wan::Flaky {
            // What the WAN brings after its return takes a moment on a slow machine.
            give_up.get_or_insert_with(|| Instant::now() + AFTER_RETURN);
        } else {
            break;
        }
        tokio::select! {
            event = progress.recv() => {
                let Ok(event) = event else { break };
                if let Some(delivery) = deliveries.iter_mut().find(|d| d.id == event.delivery) {
                    delivery.kind = event.to.kind();
                    delivery.state = event.to.to_string();
                    delivery.detail = event.detail.clone().or(delivery.detail.take());
                    if delivery.kind.is_terminal() {
                        delivery.ended.get_or_insert(event.at);
                    }
                }
                view.update(&deliveries, &event);
            }
            Some((at, event)) = device_events.recv() => {
                note_device_event(&mut view, &mut refused_by_hub, args.verbose, at, &event);
            }
            () = tokio::time::sleep_until(give_up.map_or(deadline, |at: Instant| at.min(deadline))) => break,
        }
    }
    view.finish(&deliveries);
    while let Ok((at, event)) = device_events.try_recv() {
        note_device_event(&mut view, &mut refused_by_hub, args.verbose, at, &event);
    }
    // The devices end with the demo whether they hear of it or not.
    let _ = stop.send(());
    let after = devices.await.map_err(Failure::did_not_hold)?;
    let asked = Asked::of(deliveries.iter().map(|d| &d.request), &before);
    let evidence = api.evidence(&deliveries).await?;
    let report =
        outcome::Report { deliveries: &deliveries, asked: &asked, after: &after, evidence: &evidence, refused_by_hub };
    let holds = report.holds();
    report.print(args.json, began.elapsed());
    if let Some(path) = args.pcap.as_deref().filter(|_| !args.json) {
        say!("capture: {}; its keys: {}", path.display(), keys_beside(path).display());
    }
    headend.shutdown().await;
    Ok(holds)
}

/// Nothing will move any more without help: something is Unknown, and what is not at its end waits behind it.
fn at_a_loss(deliveries: &[Delivery]) -> bool {
    let waits = |d: &Delivery| {
        d.kind.is_terminal()
            || d.kind == Kind::Unknown
            || matches!(d.kind, Kind::Requested | Kind::Prepared | Kind::Queued)
                && deliveries.iter().any(|other| {
                    other.kind == Kind::Unknown && other.request.header.id.target == d.request.header.id.target
                })
    };
    deliveries.iter().any(|d| d.kind == Kind::Unknown) && deliveries.iter().all(waits)
}

fn note_device_event(view: &mut View, refused_by_hub: &mut Vec<String>, verbose: bool, at: Time, event: &PartEvent) {
    let discarded = matches!(event, PartEvent::Hub(comms_hub::Event::Discarded { .. }));
    if discarded {
        refused_by_hub.push(story::tell(event));
    }
    if verbose || discarded {
        view.say(&format!("[{at}] {}", story::tell(event)));
    }
}

/// The head end's API, as a supplier's system uses it.
struct Api {
    url: String,
    client: web::Client,
}

impl Api {
    fn new(home: &Home, headend: &HeadEndHandle) -> Result<Self, Failure> {
        let client = web::Client::new(None, Duration::from_secs(10), 1 << 24).map_err(Failure::input)?;
        let client = client.with_bearer(&home.keys.api_token);
        let client = client.ok_or_else(|| Failure::input("secrets.toml: api_token does not fit into a header"))?;
        Ok(Self { url: format!("http://{}/v1/deliveries", headend.api_addr()), client })
    }

    async fn order(&self, name: &str, xml: String, route: Route) -> Result<DeliveryId, Failure> {
        let via = if route == Route::Wan { "wan" } else { "local" };
        let order = serde_json::json!({ "request": xml, "via": via, "reference": name });
        let (status, body) = read(self.client.post(&self.url, "application/json", order.to_string()).await)?;
        let id = body["id"].as_str().and_then(|id| id.parse().ok());
        id.filter(|_| status < 300).ok_or_else(|| Failure::input(format!("{name}: the head end says {status}: {body}")))
    }

    /// What the head end has to show for each delivery.
    async fn evidence(&self, deliveries: &[Delivery]) -> Result<Vec<serde_json::Value>, Failure> {
        let mut found = Vec::new();
        for delivery in deliveries {
            found.push(read(self.client.get(&format!("{}/{}", self.url, delivery.id)).await)?.1);
        }
        Ok(found)
    }
}

fn read(answer: Result<web::Answer, web::Failed>) -> Result<(u16, serde_json::Value), Failure> {
    let fault = |e: &dyn std::fmt::Display| Failure::did_not_hold(format!("the head end's API: {e}"));
    let answer = answer.map_err(|e| fault(&e))?;
    Ok((answer.status, serde_json::from_slice(&answer.body).map_err(|e| fault(&e))?))
}
